//! What is promised about faults: no yes from a node that can know nothing, and an answer within 30 seconds after each.

use super::facts::is_granted;
use super::{Found, Invariant, RECOVERY};
use crate::history::{Answer, Event, Fault, History, Meanwhile, Moment, Node};

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
        let deadline = fault.span.ended + RECOVERY;
        let until = next_fault(history, fault, node);
        for (index, event) in events_of(history, node, deadline) {
            if event.span.began >= until {
                break;
            }
            if matches!(event.act.answer(), Answer::Unavailable | Answer::Lost) {
                let claim = format!("not recovered 30 s after: {}", fault.name);
                found.broken(Invariant::I8, claim, &[index]);
                break;
            }
        }
    }
    judge_that_it_served(history, found);
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

/// The last fault of each node must be followed by a yes: a history that ends before says nothing about recovery.
fn judge_that_it_served(history: &History, found: &mut Found<'_>) {
    for (fault, node) in faults_by_node(history) {
        let is_last = next_fault(history, fault, node) == Moment::MAX;
        let served = |(_, event): (usize, &Event)| is_granted(event);
        if is_last && !events_of(history, node, fault.span.ended).any(served) {
            let claim = format!("node {} never served again after: {}", node.0, fault.name);
            found.broken(Invariant::I8, claim, &[]);
        }
    }
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
