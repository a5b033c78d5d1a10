//! Owns whether this node's clock can be believed, and that time only goes on. Rules are given a moment; here it is decided
//! whether there is one to give.
//!
//! Where the database has a clock, that is the time, and a node is compared with it at every poll: off by more than 5 seconds
//! it is not ready, off by more than 30 it serves nobody. Two nodes that serve are then within the 60 seconds for which used
//! ids are remembered beyond their end, so that neither accepts what the other has forgotten.
//!
//! Where it has none (SQLite lives on the machine's own), a clock is compared with the mark that the last sweep left: one that
//! lies more than those 60 seconds before it serves nobody until it has caught up, or a new era begins
//! (`safeconduct restored`). A mark that a clock left which was ahead is set back as soon as nothing that was really forgotten
//! could be good again (docs/decisions/0013). And no clock is believed that says a time at which this program did not exist.
//!
//! Marks also tell whether the database goes on. One that shows an earlier mark than this node has seen was restored under it,
//! or lost what it had acknowledged: what was redeemed and revoked meanwhile may be good again, so that there is no moment to
//! judge by until a new era begins. A node that was started later has seen nothing, and cannot tell.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use rustix::time::{ClockId, clock_gettime};
use safeconduct_protocol::{clock::Clock, time::Timestamp};
use safeconduct_store::{Store, TimeMark};

use crate::fault::{ClockFault, Fault};

/// How far from the database's clock a node is ready, in seconds.
const READY: i64 = 5;
/// How far from the database's clock a node serves, in seconds.
const SERVING: i64 = 30;
/// How far before the mark of the last sweep a clock may lie, in seconds: used ids are remembered that long beyond their end.
const REMEMBERED: i64 = 60;
/// By how much more than a minute a clock leaps, in seconds, and for how long nothing is forgotten after it. Marks are not left for
/// that long either: short of the five minutes on which redemptions rely (`REDEEM` of the store's `grants.rs`).
const LEAP: i64 = 180;
/// No database lies unused for longer, in seconds: ten years.
const UNUSED: i64 = 10 * 365 * 24 * 3600;
/// The first second of 2026, before the first release.
const EARLIEST: i64 = 1_767_225_600;
/// The last second of 2199.
const LATEST: i64 = 7_258_118_399;
/// There is no mark.
const UNMARKED: i64 = i64::MIN;

/// The clock of a node, and what it is compared with.
pub(crate) struct Timekeeper {
    clock: Clock,
    mark: AtomicI64,
    /// Until when something could be good again that was forgotten.
    forgotten: AtomicI64,
    offset: AtomicI64,
    /// The latest that was seen of the database's history.
    seen: Mutex<Option<TimeMark>>,
    rewound: AtomicBool,
}

impl Timekeeper {
    /// The clock, compared for the first time.
    pub(crate) async fn start(clock: Clock, store: &Store) -> Result<Self, Fault> {
        let timekeeper = Self {
            clock,
            mark: AtomicI64::new(UNMARKED),
            forgotten: AtomicI64::new(UNMARKED),
            offset: AtomicI64::new(0),
            seen: Mutex::new(None),
            rewound: AtomicBool::new(false),
        };
        timekeeper.compare(store).await?;
        Ok(timekeeper)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time, for a request to be judged by.
    pub(crate) fn moment(&self) -> Result<Timestamp, ClockFault> {
        self.within(SERVING)
    }

    /// Whether requests should be sent here, as far as the clock goes.
    pub(crate) fn is_right(&self) -> Result<(), ClockFault> {
        self.within(READY).map(|_| ())
    }

    /// By how many seconds this clock is ahead of the database's, when it was compared last.
    pub(crate) fn offset(&self) -> i64 {
        self.offset.load(Ordering::Acquire)
    }

    /// Compares the clock with the database's and with the mark.
    pub(crate) async fn compare(&self, store: &Store) -> Result<(), Fault> {
        let known = *self.seen();
        let before = self.clock.now();
        let (mark, database) = tokio::try_join!(store.time_mark(), store.database_time())?;
        let after = self.clock.now();
        let offset = database.map_or(0, |database| offset(before, database, after));
        self.offset.store(offset, Ordering::Release);
        self.notice(mark, known);
        if let Some(mark) = mark {
            self.set_mark_back(store, &mark, after).await;
        }
        Ok(())
    }

    /// Sets a mark back that lies in the future, left by a clock that was ahead, if nothing that was forgotten by it could be good
    /// again now. Until then, and where that fails, this node serves nobody.
    async fn set_mark_back(&self, store: &Store, mark: &TimeMark, now: Timestamp) {
        let latest = now.plus(REMEMBERED);
        let is_ahead = mark.at > Some(latest) && mark.forgotten <= Some(latest);
        let is_believed = (EARLIEST..=LATEST).contains(&now.seconds())
            && self.offset().abs() <= SERVING
            && !self.rewound.load(Ordering::Acquire);
        if !(is_ahead && is_believed) {
            return;
        }
        let known = *self.seen();
        match store.set_mark_back(mark, now, latest).await {
            Ok(Some(back)) => {
                tracing::warn!(
                    "the clock was ahead when this database was swept last, and is not now: nothing was forgotten that could be \
                     good again, and the mark of the sweep was set back"
                );
                self.notice(Some(back), known);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "the mark of the last sweep could not be set back")
            }
        }
    }

    /// The time by which things may be forgotten. It is noted first, so that no clock that lies before it is believed again.
    pub(crate) async fn time_to_forget(&self, store: &Store) -> Result<Timestamp, Fault> {
        let unbelieved = |fault: ClockFault| Fault::new(fault.to_string());
        // A new mark would hide that the database has gone back since the last look.
        self.compare(store).await?;
        let now = self.moment().map_err(unbelieved)?;
        let known = *self.seen();
        self.notice(Some(store.mark_time(now).await?), known);
        self.moment().map_err(unbelieved)?;
        Ok(now)
    }

    /// Takes in what the database shows of its history, asked when `known` had been seen already. Only an era that is later than
    /// any that was seen makes good that it went back.
    fn notice(&self, mark: Option<TimeMark>, known: Option<TimeMark>) {
        let mut seen = self.seen();
        if mark < known {
            self.rewound.store(true, Ordering::Release);
        } else if mark.map(|mark| mark.era) > seen.map(|seen| seen.era) {
            self.rewound.store(false, Ordering::Release);
        }
        *seen = (*seen).max(mark);
        let latest = seen.and_then(|seen| seen.at);
        self.mark.store(
            latest.map_or(UNMARKED, Timestamp::seconds),
            Ordering::Release,
        );
        let forgotten = seen.and_then(|seen| seen.forgotten);
        self.forgotten.store(
            forgotten.map_or(UNMARKED, Timestamp::seconds),
            Ordering::Release,
        );
    }

    /// It is valid between any two of its changes, so that a panic elsewhere leaves nothing half done.
    fn seen(&self) -> MutexGuard<'_, Option<TimeMark>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn within(&self, most: i64) -> Result<Timestamp, ClockFault> {
        if self.rewound.load(Ordering::Acquire) {
            return Err(ClockFault::Rewound);
        }
        let now = self.clock.now();
        let mark = self.mark.load(Ordering::Acquire);
        let judged = judge(
            now.seconds(),
            (mark != UNMARKED).then_some(mark),
            self.offset(),
            most,
        );
        match judged {
            // What is waited for is not the mark, unless it could not be set back.
            Err(ClockFault::Behind { seconds }) => {
                let waiting = self.forgotten.load(Ordering::Acquire) - now.seconds();
                let waits = waiting > REMEMBERED;
                Err(ClockFault::Behind {
                    seconds: if waits { waiting } else { seconds },
                })
            }
            judged => judged.map(|()| now),
        }
    }
}

/// Whether the clock has gone forward faster than time since it was looked at last. One that has may be set back soon, and what was
/// forgotten by it would be missing: so nothing is, for a while. A machine that slept has leapt, too, and loses nothing by the wait.
#[derive(Default)]
pub(crate) struct Leaps {
    last: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Leaps {
    /// Asked about once a minute.
    pub(crate) fn may_forget(&mut self, now: Timestamp) -> bool {
        let passed = self.last.replace(now).map_or(0, |last| now.since(last));
        if passed > LEAP {
            self.until = Some(now.plus(LEAP));
        } else if passed < 0 {
            self.until = None;
        }
        self.until.is_none_or(|until| now >= until)
    }
}

/// By how many seconds a node is ahead of the database, given what its clock said before and after it asked. A slow answer is
/// no difference, nor is a part of a second.
fn offset(before: Timestamp, database: Timestamp, after: Timestamp) -> i64 {
    if database < before.plus(-1) {
        before.since(database)
    } else if database > after.plus(1) {
        after.since(database)
    } else {
        0
    }
}

fn judge(now: i64, mark: Option<i64>, offset: i64, most: i64) -> Result<(), ClockFault> {
    if !(EARLIEST..=LATEST).contains(&now) {
        return Err(ClockFault::Impossible { now });
    }
    if offset.abs() > most {
        return Err(ClockFault::Off { seconds: offset });
    }
    match mark {
        Some(mark) if now < mark - REMEMBERED => Err(ClockFault::Behind {
            seconds: mark - now,
        }),
        Some(mark) if now > mark.saturating_add(UNUSED) => Err(ClockFault::Ahead {
            seconds: now - mark,
        }),
        _ => Ok(()),
    }
}

/// Milliseconds since the machine started, time asleep included: a node that was suspended must not trust its old copy.
pub(crate) fn boot_milliseconds() -> i64 {
    let since_boot = clock_gettime(ClockId::Boottime);
    since_boot
        .tv_sec
        .saturating_mul(1_000)
        .saturating_add(since_boot.tv_nsec / 1_000_000)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// Attacks: E18.
    #[rstest]
    #[case::the_epoch(0)]
    #[case::before_it(-1)]
    #[case::a_battery_that_is_empty(1_262_304_000)]
    #[case::the_last_second_of_2025(EARLIEST - 1)]
    #[case::the_year_2200(LATEST + 1)]
    #[case::the_year_9999(253_402_300_799)]
    #[case::the_end(i64::MAX)]
    fn an_impossible_time_is_none(#[case] now: i64) {
        assert_eq!(
            judge(now, None, 0, SERVING),
            Err(ClockFault::Impossible { now })
        );
        assert_eq!(judge(NOW, None, 0, READY), Ok(()));
    }

    #[test]
    fn a_clock_before_the_mark_is_believed_as_long_as_used_ids_are_remembered() {
        let judged = |mark| judge(NOW, Some(mark), 0, SERVING);
        assert_eq!(judged(NOW), Ok(()));
        assert_eq!(judged(NOW + 60), Ok(()));
        assert_eq!(judged(NOW + 61), Err(ClockFault::Behind { seconds: 61 }));
        assert_eq!(judged(NOW - 9 * 365 * 86_400), Ok(()), "a long sleep");
        assert!(matches!(
            judged(NOW - 11 * 365 * 86_400),
            Err(ClockFault::Ahead { .. })
        ));
    }

    #[test]
    fn a_node_is_ready_within_5_seconds_of_the_database_and_serves_within_30() {
        for (offset, ready, serves) in [
            (0, true, true),
            (5, true, true),
            (-5, true, true),
            (6, false, true),
            (-30, false, true),
            (31, false, false),
            (-31, false, false),
            (i64::MAX, false, false),
        ] {
            assert_eq!(judge(NOW, None, offset, READY).is_ok(), ready, "{offset}");
            assert_eq!(
                judge(NOW, None, offset, SERVING).is_ok(),
                serves,
                "{offset}"
            );
        }
    }

    #[test]
    fn by_a_clock_that_has_leapt_nothing_is_forgotten_for_a_while() {
        let at = |seconds| Timestamp::from_seconds(NOW + seconds);
        let asked = |times: &[i64]| -> Vec<bool> {
            let mut leaps = Leaps::default();
            let asked = times.iter().map(|time| leaps.may_forget(at(*time)));
            asked.collect()
        };
        assert_eq!(asked(&[0, 60, 120, 300]), [true; 4]);
        let leapt = asked(&[0, 3_600, 3_660, 3_720, 3_780, 3_840]);
        assert_eq!(leapt, [true, false, false, false, true, true]);
        let and_back = asked(&[0, 86_400, 86_460, 180, 240]);
        assert_eq!(and_back, [true, false, false, true, true]);
    }

    #[test]
    fn a_slow_answer_is_no_difference() {
        let at = |seconds| Timestamp::from_seconds(NOW + seconds);
        assert_eq!(offset(at(0), at(0), at(0)), 0);
        assert_eq!(offset(at(0), at(1), at(20)), 0);
        assert_eq!(offset(at(0), at(20), at(20)), 0);
        assert_eq!(offset(at(0), at(-1), at(0)), 0, "a part of a second");
        assert_eq!(offset(at(0), at(-7), at(0)), 7);
        assert_eq!(offset(at(0), at(-7), at(20)), 7);
        assert_eq!(offset(at(0), at(27), at(20)), -7);
    }
}
