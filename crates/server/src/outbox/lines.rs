//! Owns how many messages this node has under way: to one recipient, to those that did not answer last time, and to all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{Message, OutboxKind};

/// How many there are for one recipient, and for all of them. One that hangs can't use up the lines of others.
pub(super) const FOR_ONE: usize = 8;
pub(super) const ALL: usize = 128;
/// How many of them are there for recipients that did not answer last time: many that hang leave half to those that answer.
const FOR_SILENT: usize = ALL / 2;
/// Seconds for which a recipient that did not answer is left alone: after the first time, and at most. It doubles each time.
const FIRST_SILENCE: i64 = 10;
const LONGEST_SILENCE: i64 = 300;

/// The lines of this node. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<HashMap<Recipient, Reach>>>);

/// Kind and name.
type Recipient = (&'static str, String);

/// How a recipient can be reached.
#[derive(Default)]
struct Reach {
    calls: usize,
    /// How often in a row it did not answer.
    silences: u32,
    silent_until: Option<Timestamp>,
}

impl Reach {
    fn is_silent(&self, now: Timestamp) -> bool {
        self.silent_until.is_some_and(|end| now < end)
    }

    /// How many calls it may have under way. One that did not answer last time is tried with one.
    fn most(&self) -> usize {
        if self.silences == 0 { FOR_ONE } else { 1 }
    }
}

/// Whether a recipient can be called now.
pub(super) enum Line {
    Free(Call),
    Busy,
    /// It did not answer a moment ago.
    Silent,
}

impl Lines {
    /// How many more messages could be brought to a recipient now; `None` where it is left alone for having been silent.
    pub(super) fn free(&self, kind: OutboxKind, recipient: &str, now: Timestamp) -> Option<usize> {
        let known = self.known();
        match known.get(&(kind.as_str(), recipient.to_owned())) {
            Some(reach) if reach.is_silent(now) => None,
            Some(reach) => Some(reach.most().saturating_sub(reach.calls)),
            None => Some(FOR_ONE),
        }
    }

    /// A line to the recipient of `message`.
    pub(super) fn line(&self, message: &Message, now: Timestamp) -> Line {
        let mut known = self.known();
        known.retain(|_, reach| reach.calls > 0 || reach.silences > 0);
        let under_way: usize = known.values().map(|reach| reach.calls).sum();
        let to_silent = known.values().filter(|reach| reach.silences > 0);
        let to_silent: usize = to_silent.map(|reach| reach.calls).sum();
        let recipient = (message.kind().as_str(), message.recipient().to_owned());
        let reach = known.entry(recipient.clone()).or_default();
        if reach.is_silent(now) {
            return Line::Silent;
        }
        let is_full = under_way >= ALL || (reach.silences > 0 && to_silent >= FOR_SILENT);
        if is_full || reach.calls >= reach.most() {
            return Line::Busy;
        }
        reach.calls += 1;
        Line::Free(Call {
            lines: self.clone(),
            recipient,
        })
    }

    /// It is valid between any two of its changes, so that a panic elsewhere leaves nothing half done.
    fn known(&self) -> MutexGuard<'_, HashMap<Recipient, Reach>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line in use; free again when it is dropped.
pub(super) struct Call {
    lines: Lines,
    recipient: Recipient,
}

impl Call {
    /// Notes whether the recipient answered, whatever it said.
    pub(super) fn heard(&self, has_answered: bool, now: Timestamp) {
        if let Some(reach) = self.lines.known().get_mut(&self.recipient) {
            if has_answered {
                reach.silences = 0;
                reach.silent_until = None;
            } else if !reach.is_silent(now) {
                // Calls that were under way together are silent once.
                let silence = FIRST_SILENCE.saturating_mul(1 << reach.silences.min(16));
                reach.silent_until = Some(now.plus(silence.min(LONGEST_SILENCE)));
                reach.silences += 1;
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(reach) = self.lines.known().get_mut(&self.recipient) {
            reach.calls -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use safeconduct_protocol::ids::{ClientId, SessionId, UserId};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn to(name: &str) -> Message {
        Message::Logout {
            client: ClientId::parse(name).unwrap(),
            user: UserId::generate(),
            session: SessionId::generate(),
        }
    }

    fn call(lines: &Lines, name: &str, now: Timestamp) -> Call {
        match lines.line(&to(name), now) {
            Line::Free(call) => call,
            Line::Busy | Line::Silent => panic!("{name} has no line"),
        }
    }

    #[test]
    fn a_recipient_that_hangs_leaves_lines_to_others() {
        let lines = Lines::default();
        let hanging: Vec<_> = (0..FOR_ONE).map(|_| call(&lines, "slow", NOW)).collect();
        assert!(matches!(lines.line(&to("slow"), NOW), Line::Busy));
        assert_eq!(lines.free(OutboxKind::Logout, "slow", NOW), Some(0));
        drop(call(&lines, "quick", NOW));
        drop(hanging);
        drop(call(&lines, "slow", NOW));
    }

    #[test]
    fn there_is_an_end_to_the_lines() {
        let lines = Lines::default();
        let calls: Vec<_> = (0..ALL)
            .map(|number| call(&lines, &format!("app-{number}"), NOW))
            .collect();
        assert!(matches!(lines.line(&to("one-more"), NOW), Line::Busy));
        drop(calls);
        drop(call(&lines, "one-more", NOW));
        assert!(lines.known().len() <= 1, "what is over is forgotten");
    }

    #[test]
    fn many_that_were_silent_leave_half_of_the_lines_to_those_that_answer() {
        let lines = Lines::default();
        let names = || (0..ALL).map(|number| format!("silent-{number}"));
        for name in names() {
            call(&lines, &name, NOW).heard(false, NOW);
        }
        let later = NOW.plus(FIRST_SILENCE);
        let again: Vec<_> = names()
            .filter_map(|name| match lines.line(&to(&name), later) {
                Line::Free(call) => Some(call),
                Line::Busy | Line::Silent => None,
            })
            .collect();
        assert_eq!(again.len(), FOR_SILENT);
        drop(call(&lines, "quick", later));
    }

    #[test]
    fn a_recipient_that_did_not_answer_is_left_alone_longer_each_time_and_then_tried_once() {
        let lines = Lines::default();
        let mut now = NOW;
        for silence in [10, 20, 40, 80, 160, 300, 300] {
            let calls: Vec<_> = (0..FOR_ONE)
                .filter_map(|_| match lines.line(&to("gone"), now) {
                    Line::Free(call) => Some(call),
                    Line::Busy | Line::Silent => None,
                })
                .collect();
            assert_eq!(calls.len(), if now == NOW { FOR_ONE } else { 1 });
            for call in &calls {
                call.heard(false, now);
            }
            drop(calls);
            assert!(matches!(
                lines.line(&to("gone"), now.plus(silence - 1)),
                Line::Silent
            ));
            assert_eq!(lines.free(OutboxKind::Logout, "gone", now), None);
            drop(call(&lines, "other", now));
            now = now.plus(silence);
        }
        call(&lines, "gone", now).heard(true, now);
        assert_eq!(lines.free(OutboxKind::Logout, "gone", now), Some(FOR_ONE));
    }
}
