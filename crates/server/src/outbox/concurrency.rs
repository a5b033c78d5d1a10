//! Owns how many messages this node has under way: to one recipient, to those that did not answer last time, and to all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{Message, OutboxKind};

/// How many there are for one recipient, and for all of them. One that hangs can't use up those of others.
pub(super) const FOR_ONE: usize = 8;
pub(super) const ALL: usize = 128;
/// How many of them are there for recipients that did not answer last time: many that hang leave half to those that answer.
const FOR_SILENT: usize = ALL / 2;
/// Seconds for which a recipient that did not answer is left alone: after the first time, and at most. It doubles each time.
const FIRST_SILENCE: i64 = 10;
const LONGEST_SILENCE: i64 = 300;

/// The deliveries that this node has under way. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Deliveries(Arc<Mutex<HashMap<Recipient, Recent>>>);

/// Kind and name.
type Recipient = (&'static str, String);

/// How deliveries to a recipient went lately.
#[derive(Default)]
struct Recent {
    under_way: usize,
    /// How often in a row it did not answer.
    silences: u32,
    silent_until: Option<Timestamp>,
}

impl Recent {
    fn is_silent(&self, now: Timestamp) -> bool {
        self.silent_until.is_some_and(|end| now < end)
    }

    /// How many it may have under way. One that did not answer last time is tried with one.
    fn most(&self) -> usize {
        if self.silences == 0 { FOR_ONE } else { 1 }
    }
}

/// Whether a delivery may begin now.
pub(super) enum Admission {
    Granted(Delivery),
    Busy,
    /// It did not answer a moment ago.
    Silent,
}

impl Deliveries {
    /// How many more messages could be delivered to a recipient now; `None` where it is left alone for having been silent.
    pub(super) fn free(&self, kind: OutboxKind, recipient: &str, now: Timestamp) -> Option<usize> {
        let known = self.known();
        match known.get(&(kind.as_str(), recipient.to_owned())) {
            Some(recent) if recent.is_silent(now) => None,
            Some(recent) => Some(recent.most().saturating_sub(recent.under_way)),
            None => Some(FOR_ONE),
        }
    }

    /// Permission for a delivery to the recipient of `message`.
    pub(super) fn admit(&self, message: &Message, now: Timestamp) -> Admission {
        let mut known = self.known();
        known.retain(|_, recent| recent.under_way > 0 || recent.silences > 0);
        let under_way: usize = known.values().map(|recent| recent.under_way).sum();
        let to_silent = known.values().filter(|recent| recent.silences > 0);
        let to_silent: usize = to_silent.map(|recent| recent.under_way).sum();
        let recipient = (message.kind().as_str(), message.recipient().to_owned());
        let recent = known.entry(recipient.clone()).or_default();
        if recent.is_silent(now) {
            return Admission::Silent;
        }
        let is_full = under_way >= ALL || (recent.silences > 0 && to_silent >= FOR_SILENT);
        if is_full || recent.under_way >= recent.most() {
            return Admission::Busy;
        }
        recent.under_way += 1;
        Admission::Granted(Delivery {
            deliveries: self.clone(),
            recipient,
        })
    }

    /// It is valid between any two of its changes, so that a panic elsewhere leaves nothing half done.
    fn known(&self) -> MutexGuard<'_, HashMap<Recipient, Recent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery under way, until it is dropped.
pub(super) struct Delivery {
    deliveries: Deliveries,
    recipient: Recipient,
}

impl Delivery {
    /// Notes whether the recipient answered, whatever it said.
    pub(super) fn ended(&self, has_answered: bool, now: Timestamp) {
        if let Some(recent) = self.deliveries.known().get_mut(&self.recipient) {
            if has_answered {
                recent.silences = 0;
                recent.silent_until = None;
            } else if !recent.is_silent(now) {
                // Deliveries that were under way together are silent once.
                let silence = FIRST_SILENCE.saturating_mul(1 << recent.silences.min(16));
                recent.silent_until = Some(now.plus(silence.min(LONGEST_SILENCE)));
                recent.silences += 1;
            }
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(recent) = self.deliveries.known().get_mut(&self.recipient) {
            recent.under_way -= 1;
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

    fn delivery(deliveries: &Deliveries, name: &str, now: Timestamp) -> Delivery {
        match deliveries.admit(&to(name), now) {
            Admission::Granted(delivery) => delivery,
            Admission::Busy | Admission::Silent => panic!("{name} is not called"),
        }
    }

    #[test]
    fn a_recipient_that_hangs_leaves_deliveries_to_others() {
        let deliveries = Deliveries::default();
        let hanging: Vec<_> = (0..FOR_ONE)
            .map(|_| delivery(&deliveries, "slow", NOW))
            .collect();
        assert!(matches!(
            deliveries.admit(&to("slow"), NOW),
            Admission::Busy
        ));
        assert_eq!(deliveries.free(OutboxKind::Logout, "slow", NOW), Some(0));
        drop(delivery(&deliveries, "quick", NOW));
        drop(hanging);
        drop(delivery(&deliveries, "slow", NOW));
    }

    /// Attacks: Z06.
    #[test]
    fn there_is_an_end_to_deliveries_at_once() {
        let deliveries = Deliveries::default();
        let under_way: Vec<_> = (0..ALL)
            .map(|number| delivery(&deliveries, &format!("app-{number}"), NOW))
            .collect();
        assert!(matches!(
            deliveries.admit(&to("one-more"), NOW),
            Admission::Busy
        ));
        drop(under_way);
        drop(delivery(&deliveries, "one-more", NOW));
        assert!(deliveries.known().len() <= 1, "what is over is forgotten");
    }

    #[test]
    fn many_that_were_silent_leave_half_to_those_that_answer() {
        let deliveries = Deliveries::default();
        let names = || (0..ALL).map(|number| format!("silent-{number}"));
        for name in names() {
            delivery(&deliveries, &name, NOW).ended(false, NOW);
        }
        let later = NOW.plus(FIRST_SILENCE);
        let again: Vec<_> = names()
            .filter_map(|name| match deliveries.admit(&to(&name), later) {
                Admission::Granted(delivery) => Some(delivery),
                Admission::Busy | Admission::Silent => None,
            })
            .collect();
        assert_eq!(again.len(), FOR_SILENT);
        drop(delivery(&deliveries, "quick", later));
    }

    #[test]
    fn a_recipient_that_did_not_answer_is_left_alone_longer_each_time_and_then_tried_once() {
        let deliveries = Deliveries::default();
        let mut now = NOW;
        for silence in [10, 20, 40, 80, 160, 300, 300] {
            let under_way: Vec<_> = (0..FOR_ONE)
                .filter_map(|_| match deliveries.admit(&to("gone"), now) {
                    Admission::Granted(delivery) => Some(delivery),
                    Admission::Busy | Admission::Silent => None,
                })
                .collect();
            assert_eq!(under_way.len(), if now == NOW { FOR_ONE } else { 1 });
            for delivery in &under_way {
                delivery.ended(false, now);
            }
            drop(under_way);
            assert!(matches!(
                deliveries.admit(&to("gone"), now.plus(silence - 1)),
                Admission::Silent
            ));
            assert_eq!(deliveries.free(OutboxKind::Logout, "gone", now), None);
            drop(delivery(&deliveries, "other", now));
            now = now.plus(silence);
        }
        delivery(&deliveries, "gone", now).ended(true, now);
        assert_eq!(
            deliveries.free(OutboxKind::Logout, "gone", now),
            Some(FOR_ONE)
        );
    }
}
