//! What is promised about faults: no yes from a node that can know nothing, an answer within 30 seconds after each, and none
//! that is felt at a node that it was not done to.

use super::facts::is_granted;
use super::{Found, HELD_UP, Invariant, RECOVERY};
use crate::history::{Answer, Event, Fault, History, Meanwhile, Moment, Node, Span};

/// How long a node took to serve again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// After which fault.
    pub fault: String,
    /// Which node.
    pub node: Node,
    /// From the end of the fault to the end of the first yes that was asked for after it.
    pub took: Moment,
}

/// How long each node took to serve again after each fault. A fault that another one follows before the node served is left to
/// that one.
pub fn recoveries(history: &History) -> Vec<Recovery> {
    let mut recoveries = Vec::new();
    for (fault, node) in faults_by_node(history) {
        let healed = fault.span.ended;
        let until = next_fault(history, fault, node);
        let first = (events_of(history, node, healed))
            .take_while(|(_, event)| event.span.began < until)
            .filter(|(_, event)| is_granted(event))
            .map(|(_, event)| event.span.ended)
            .min();
        recoveries.extend(first.map(|served| Recovery {
            fault: fault.name.clone(),
            node,
            took: served - healed,
        }));
    }
    recoveries
}

pub(super) fn judge(history: &History, found: &mut Found<'_>) {
    for (fault, node) in faults_by_node(history) {
        if fault.means == Meanwhile::NothingKnown {
            judge_meanwhile(history, fault, node, found);
        }
        let is_last = next_fault(history, fault, node) == Moment::MAX;
        let served = |(_, event): (usize, &Event)| is_granted(event);
        // A history that ends before says nothing about recovery.
        if is_last && !events_of(history, node, fault.span.ended).any(served) {
            let claim = format!("node {} never served again after: {}", node.0, fault.name);
            found.broken(Invariant::I8, claim, &[]);
        }
    }
    judge_silence(history, found);
}

fn judge_meanwhile(history: &History, fault: &Fault, node: Node, found: &mut Found<'_>) {
    for (index, event) in events_of(history, node, fault.effect) {
        if event.span.began > fault.span.ended {
            break;
        }
        if event.span.ended <= fault.span.ended && is_granted(event) {
            let claim = format!("a yes from a node that can know nothing: {}", fault.name);
            found.broken(Invariant::I7, claim, &[index]);
        }
    }
}

/// Every 503 and every silence of a node needs a fault that was done to it, at most 30 seconds ago. What a machine that stood
/// still keeps waiting is not held against the node.
fn judge_silence(history: &History, found: &mut Found<'_>) {
    for (index, event) in history.events.iter().enumerate() {
        let Some(node) = event.node else { continue };
        if !is_unanswered(event) {
            continue;
        }
        let is_near = |fault: &Fault| {
            let recovered = Span {
                began: fault.span.began,
                ended: fault.span.ended + RECOVERY,
            };
            fault.nodes.contains(&node) && recovered.meets(&event.span)
        };
        let stood_still = || history.stalls.iter().any(|stall| stall.meets(&event.span));
        let excused =
            history.faults.iter().any(is_near) || stood_still() || is_held_up(history, event);
        if !excused {
            let claim = "no answer, and no fault of that node in the last 30 s";
            found.broken(Invariant::I8, claim, &[index]);
        }
    }
}

/// Whether a 503 is about the very thing that another node was asked for and had not answered when it was stopped: the database
/// keeps it for that node until it goes on, though not for long, and nobody may decide over it meanwhile.
fn is_held_up(history: &History, event: &Event) -> bool {
    let artifact = event.act.artifact();
    if artifact.is_none() || event.act.answer() != Answer::Unavailable {
        return false;
    }
    history.faults.iter().any(|fault| {
        let is_holder = |other: &Event| {
            let held = Span {
                began: other.span.began,
                ended: fault.span.ended.min(other.span.began + HELD_UP),
            };
            other.act.artifact() == artifact
                && other.node.is_some_and(|node| fault.nodes.contains(&node))
                && is_unanswered(other)
                && other.span.meets(&fault.span)
                && held.meets(&event.span)
        };
        history.events.iter().any(is_holder)
    })
}

fn is_unanswered(event: &Event) -> bool {
    matches!(event.act.answer(), Answer::Unavailable | Answer::Lost)
}

fn faults_by_node(history: &History) -> impl Iterator<Item = (&Fault, Node)> {
    let of_each = |fault| move |node: &Node| (fault, *node);
    (history.faults.iter()).flat_map(move |fault| fault.nodes.iter().map(of_each(fault)))
}

/// When the next fault of that node begins.
fn next_fault(history: &History, fault: &Fault, node: Node) -> Moment {
    let later = |other: &&Fault| {
        other.nodes.contains(&node) && other.span.began >= fault.span.ended && *other != fault
    };
    let next = history.faults.iter().filter(later);
    (next.map(|other| other.span.began).min()).unwrap_or(Moment::MAX)
}

/// The events at `node` that began at `from` or later.
fn events_of(history: &History, node: Node, from: Moment) -> impl Iterator<Item = (usize, &Event)> {
    let first = (history.events).partition_point(|event| event.span.began < from);
    (history.events.iter().enumerate().skip(first))
        .filter(move |(_, event)| event.node == Some(node))
}
