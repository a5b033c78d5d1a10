//! Owns what happens to a password: it is hashed on a fixed number of threads, and never more wait than fit a queue.
//!
//! New hashes are Argon2id (`stored`). Those of other systems are checked as they were made (`forms`, `foreign`, `cost`) and replaced
//! as soon as their owner signs in. A password is hashed in its normal form (RFC 8265 §4.2), so that no keyboard decides whether it is right; it is neither
//! trimmed nor cut. Longer than [`LONGEST`] is refused when it is set and wrong when it is typed. Every check costs one whole hash,
//! whether the user exists, the password is empty, or it is too long, so that the time tells nothing; a name that has no hash costs
//! what a stored one does (`costs`). What is not typed in its normal form costs two, whoever it is typed for: a hash that was made
//! before, or elsewhere, may be that of the very bytes. Who is hashed for next is decided by `queue`; who may guess how often is the
//! throttle's.

mod cost;
mod costs;
mod foreign;
mod forms;
mod known;
mod queue;
mod stored;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use argon2::Block;
use safeconduct_protocol::password::AcceptedPassword;
use safeconduct_protocol::precis;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use tokio::sync::oneshot;
use tokio::time::timeout;

use self::cost::COST;
pub use self::cost::LONGEST;
use self::costs::StoredCosts;
pub use self::forms::UnreadableHash;
use self::forms::{Fast, Form};
pub(crate) use self::queue::Requester;
use self::queue::{FairQueue, Joined, Ticket};
pub use self::stored::Verdict;
use self::stored::{Comparison, give_back};

/// How long a password waits for a thread. A user would have given up soon after.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it is good to know what stored hashes cost, in seconds. As long may imported ones be told from names without one.
const COSTS_ARE_GOOD_FOR: i64 = 60;

/// How much hashing there may be at once.
#[derive(Clone, Copy, Debug)]
pub struct PasswordSettings {
    /// Threads that hash, each with 19 MiB of its own; 0 counts as 1.
    pub threads: usize,
    /// Passwords that may wait for a thread; 0 counts as 1. Of more, some of the requester with most of them waiting come out unhashed.
    pub queue: usize,
}

impl Default for PasswordSettings {
    /// Half of the cores, so that a flood of sign-ins leaves room for everything else; half a second of waiting.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / 2).max(1);
        Self {
            threads,
            queue: threads * 32,
        }
    }
}

/// Too many passwords wait: 503 and `Retry-After`. Nothing was checked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("too many passwords are being checked")]
pub struct Busy;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unhashed {
    /// Too many passwords wait; try again.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The password is longer than [`LONGEST`].
    #[error("the password is longer than {LONGEST} bytes")]
    TooLong,
}

/// A hash of another system that passwords can be checked against: made by [`ImportedHash::read`] alone.
pub struct ImportedHash {
    text: String,
    /// What is in it, where that is computed in no time.
    fast: Option<Fast>,
}

impl ImportedHash {
    /// Reads a hash as the other system wrote it, and judges what a check against it would cost. Nothing is computed.
    ///
    /// # Errors
    /// [`UnreadableHash`].
    pub fn read(text: &str) -> Result<Self, UnreadableHash> {
        let fast = match forms::read(text)? {
            Form::Known(_) => None,
            Form::Fast(fast) => Some(fast),
        };
        let text = text.trim_ascii().to_owned();
        Ok(Self { text, fast })
    }
}

/// What checking against `stored` costs, as the store keeps it beside the sealed hash; `None` if nothing can be checked against
/// it.
pub(crate) fn cost_of(stored: &str) -> Option<String> {
    forms::known(stored).map(|known| known.cost.written())
}

/// The threads that hash passwords. Dropping it ends them, after the hash that each is in.
pub struct Passwords {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    costs: Mutex<StoredCosts>,
}

impl Passwords {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(settings: PasswordSettings) -> std::io::Result<Self> {
        let mut passwords = Self {
            queue: Arc::new(Queue::new(settings.queue.max(1), PATIENCE)),
            threads: Vec::new(),
            costs: Mutex::default(),
        };
        for number in 0..settings.threads.max(1) {
            let queue = Arc::clone(&passwords.queue);
            let thread = thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&queue))?;
            passwords.threads.push(thread);
        }
        Ok(passwords)
    }

    /// The hash of a new password as a PHC string: algorithm, cost, salt and output.
    ///
    /// # Errors
    /// [`Unhashed::Busy`], or [`Unhashed::TooLong`]: nothing is ever cut off.
    pub async fn hash(&self, password: AcceptedPassword) -> Result<String, Unhashed> {
        let password = password.secret().clone();
        self.hash_for(Requester::OURSELVES, password).await
    }

    /// The hash of a password that is known to be right, or that was judged, queued for `requester`.
    ///
    /// # Errors
    /// As [`hash`](Self::hash).
    pub(crate) async fn hash_for(
        &self,
        requester: Requester,
        password: Secret,
    ) -> Result<String, Unhashed> {
        if password.expose().len() > LONGEST {
            return Err(Unhashed::TooLong);
        }
        let password = Typed::of(password).normal;
        if password.expose().len() > LONGEST {
            return Err(Unhashed::TooLong);
        }
        let job = |answer| Job::Hash { password, answer };
        Ok(self.queue.submit(requester, COST.work(), job).await?)
    }

    /// The text to store for a hash of another system: itself, or a fast one inside of a hash of ours.
    ///
    /// # Errors
    /// [`Unhashed::Busy`].
    pub async fn import(&self, imported: &ImportedHash) -> Result<String, Unhashed> {
        let Some(fast) = &imported.fast else {
            return Ok(imported.text.clone());
        };
        let password = fast.as_password();
        let job = |answer| Job::Hash { password, answer };
        let requester = Requester::OURSELVES;
        let hash = self.queue.submit(requester, COST.work(), job).await?;
        Ok(fast.wrapped_in(&hash))
    }

    /// Whether `password` is the one that `stored` was made of. `None` is a user that does not exist: always
    /// wrong, and as much work as that of one who does.
    ///
    /// # Errors
    /// [`Busy`]: nothing was checked.
    pub(crate) async fn verify(
        &self,
        requester: Requester,
        password: Secret,
        stored: Option<&str>,
    ) -> Result<Verdict, Busy> {
        let comparison = self.comparison(requester, stored);
        let typed = Typed::of(password);
        let cost = comparison.cost().work() * typed.forms();
        let job = |answer| Job::Verify {
            typed,
            comparison,
            answer,
        };
        self.queue.submit(requester, cost, job).await
    }

    fn comparison(&self, requester: Requester, stored: Option<&str>) -> Comparison {
        let known = stored.and_then(|stored| {
            let known = forms::known(stored);
            if known.is_none() {
                tracing::error!(
                    "a stored password hash cannot be checked: of no known form, or too dear"
                );
            }
            known
        });
        match known {
            Some(known) => Comparison::With(known),
            None => Comparison::Nothing(self.costs().drawn(requester.account)),
        }
    }

    /// Learns how many stored hashes cost how much.
    pub(crate) fn learn_costs(&self, counts: &[(Option<String>, u64)], now: Timestamp) {
        *self.costs() = StoredCosts::counted(counts, now);
    }

    /// Whether it is time to learn that again.
    pub(crate) fn is_behind_with_costs(&self, now: Timestamp) -> bool {
        !(0..COSTS_ARE_GOOD_FOR).contains(&now.since(self.costs().at))
    }

    fn costs(&self) -> MutexGuard<'_, StoredCosts> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much hashing was done since the start, for the metrics: KiB of memory, times passes over it.
    pub fn work_done(&self) -> u64 {
        self.queue.work_done.load(Ordering::Relaxed)
    }

    /// How many passwords wait, for the metrics.
    pub fn waiting(&self) -> usize {
        self.queue.state().fair.len()
    }
}

impl Drop for Passwords {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A thread never panics outside of `catch_unwind`; if it did, there is nothing left to do about it.
            let _ = thread.join();
        }
    }
}

/// A password as it was typed, and as it is hashed.
struct Typed {
    normal: Secret,
    /// What was typed, where that is not its normal form.
    other: Option<Secret>,
}

impl Typed {
    fn of(password: Secret) -> Self {
        let normal = Secret::new(precis::password(password.expose()).as_str());
        let differs = normal != password;
        Self {
            normal,
            other: differs.then_some(password),
        }
    }

    fn forms(&self) -> u64 {
        1 + u64::from(self.other.is_some())
    }

    /// Compares each form, whatever came of the other. One that is right only as it was typed is hashed anew.
    fn compare(&self, comparison: &Comparison, memory: &mut Vec<Block>) -> Verdict {
        let normal = comparison.run(&self.normal, memory);
        let other = self.other.as_ref();
        match (normal, other.map(|other| comparison.run(other, memory))) {
            (Verdict::Wrong, Some(Verdict::Right { .. })) => Verdict::Right { needs_rehash: true },
            (normal, _) => normal,
        }
    }
}

/// Where requests and threads meet.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    patience: Duration,
    work_done: AtomicU64,
}

struct State {
    fair: FairQueue<Job>,
    is_closed: bool,
}

impl Queue {
    fn new(capacity: usize, patience: Duration) -> Self {
        Self {
            patience,
            work_done: AtomicU64::new(0),
            state: Mutex::new(State {
                fair: FairQueue::new(capacity),
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits for the answer of a job, no longer than its patience for a thread. A caller that stops waiting takes the job out of the queue;
    /// one that a thread has begun is the thread's, which does nothing else before it is done.
    async fn submit<T>(
        &self,
        requester: Requester,
        cost: u64,
        job: impl FnOnce(oneshot::Sender<T>) -> Job,
    ) -> Result<T, Busy> {
        let (answer, mut answered) = oneshot::channel();
        let waiting = Waiting {
            queue: self,
            ticket: self.join(requester, cost, job(answer))?,
        };
        match timeout(self.patience, &mut answered).await {
            Ok(answer) => answer.map_err(|_| Busy),
            Err(_) if waiting.leave() => Err(Busy),
            Err(_) => answered.await.map_err(|_| Busy),
        }
    }

    fn join(&self, requester: Requester, cost: u64, job: Job) -> Result<Ticket, Busy> {
        let joined = self.state().fair.push(requester, cost, job);
        // The caller of a dropped job learns of it, because its answer will never come.
        match joined {
            Joined::Waits(ticket) | Joined::InsteadOf(ticket, _) => {
                self.changed.notify_one();
                Ok(ticket)
            }
            Joined::Refused(_) => Err(Busy),
        }
    }

    /// The next job; `None` when there will be none.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.fair.pop() {
                return Some(job);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.fair = FairQueue::new(0);
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job's place in the queue. It is left when this is dropped.
struct Waiting<'q> {
    queue: &'q Queue,
    ticket: Ticket,
}

impl Waiting<'_> {
    /// Takes the job out; says whether it still waited.
    fn leave(&self) -> bool {
        let job = self.queue.state().fair.leave(self.ticket);
        job.is_some()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

enum Job {
    Hash {
        password: Secret,
        answer: oneshot::Sender<String>,
    },
    Verify {
        typed: Typed,
        comparison: Comparison,
        answer: oneshot::Sender<Verdict>,
    },
}

/// One thread: takes jobs until the queue is closed. The memory is kept from job to job, because asking the operating
/// system for 19 MiB of fresh pages costs a third of a hash.
fn work(queue: &Queue) {
    let mut memory = Vec::new();
    while let Some(job) = queue.next() {
        // A panic costs its own waiter a refusal, and no thread.
        // Counted before the answer is sent: whoever has it finds its work in the metrics.
        queue.work_done.fetch_add(job.work(), Ordering::Relaxed);
        let survived = catch_unwind(AssertUnwindSafe(|| job.run(&mut memory)));
        if survived.is_err() {
            tracing::error!("hashing a password panicked");
        }
        give_back(&mut memory);
    }
}

impl Job {
    /// What it will cost: nothing, where nobody waits for it any more.
    fn work(&self) -> u64 {
        match self {
            Self::Hash { answer, .. } if answer.is_closed() => 0,
            Self::Verify { answer, .. } if answer.is_closed() => 0,
            Self::Hash { .. } => COST.work(),
            Self::Verify {
                typed, comparison, ..
            } => comparison.cost().work() * typed.forms(),
        }
    }

    fn run(self, memory: &mut Vec<Block>) {
        match self {
            Self::Hash { answer, .. } if answer.is_closed() => {}
            Self::Verify { answer, .. } if answer.is_closed() => {}
            Self::Hash { password, answer } => {
                // Nobody waits any more if this fails.
                let _ = answer.send(stored::hash(&password, memory));
            }
            Self::Verify {
                typed,
                comparison,
                answer,
            } => {
                let _ = answer.send(typed.compare(&comparison, memory));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::time::Instant;

    use rstest::rstest;
    use tokio::task::JoinSet;

    use super::cost::Cost;
    use super::*;

    fn pool(threads: usize, queue: usize) -> Passwords {
        Passwords::start(PasswordSettings { threads, queue }).unwrap()
    }

    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    const REQUESTER: Requester = Requester::OURSELVES;

    const RIGHT: Verdict = Verdict::Right {
        needs_rehash: false,
    };
    const OUTDATED: Verdict = Verdict::Right { needs_rehash: true };

    async fn check(passwords: &Passwords, password: &str, stored: &str) -> Verdict {
        passwords
            .verify(REQUESTER, Secret::new(password), Some(stored))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_password_is_itself_and_nothing_else() {
        let passwords = pool(1, 8);
        let stored = passwords
            .hash_for(REQUESTER, Secret::new("correct horse"))
            .await
            .unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert_eq!(check(&passwords, "correct horse", &stored).await, RIGHT);
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert_eq!(check(&passwords, wrong, &stored).await, Verdict::Wrong);
        }
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let passwords = pool(1, 8);
        let one = passwords
            .hash_for(REQUESTER, Secret::new("correct horse"))
            .await
            .unwrap();
        let other = passwords
            .hash_for(REQUESTER, Secret::new("correct horse"))
            .await
            .unwrap();
        assert_ne!(one, other);
    }

    /// Attacks: L26.
    #[tokio::test]
    async fn nothing_is_cut_off() {
        let passwords = pool(1, 8);
        let long = "x".repeat(LONGEST);
        let stored = passwords
            .hash_for(REQUESTER, Secret::new(long.as_str()))
            .await
            .unwrap();
        assert_eq!(check(&passwords, &long, &stored).await, RIGHT);
        assert_eq!(check(&passwords, &long[1..], &stored).await, Verdict::Wrong);
        assert_eq!(
            check(&passwords, &format!("{long}x"), &stored).await,
            Verdict::Wrong
        );
        let too_long = Secret::new(format!("{long}x"));
        assert_eq!(
            passwords.hash_for(REQUESTER, too_long).await,
            Err(Unhashed::TooLong)
        );
        // Of a text that grows to its normal form, that counts.
        let growing = "\u{958}".repeat(LONGEST / 4);
        let refused = passwords.hash_for(REQUESTER, Secret::new(growing)).await;
        assert_eq!(refused, Err(Unhashed::TooLong));
    }

    const COMPOSED: &str = "pass\u{fc}ber alles";
    const DECOMPOSED: &str = "passu\u{308}ber\u{a0}alles";

    /// Attacks: L26.
    #[tokio::test]
    async fn a_password_is_right_however_it_is_typed() {
        let passwords = pool(1, 8);
        for set in [COMPOSED, DECOMPOSED] {
            let stored = passwords
                .hash_for(REQUESTER, Secret::new(set))
                .await
                .unwrap();
            for typed in [COMPOSED, DECOMPOSED] {
                assert_eq!(check(&passwords, typed, &stored).await, RIGHT);
            }
            for wrong in [
                "passuber alles",
                "pass\u{fc}ber  alles",
                "Pass\u{fc}ber alles",
            ] {
                assert_eq!(check(&passwords, wrong, &stored).await, Verdict::Wrong);
            }
        }
    }

    #[tokio::test]
    async fn a_hash_of_the_very_bytes_is_right_and_asks_for_one_of_the_normal_form() {
        let passwords = pool(1, 8);
        let stored = stored::hash(&Secret::new(DECOMPOSED), &mut Vec::new());
        assert_eq!(check(&passwords, DECOMPOSED, &stored).await, OUTDATED);
        assert_eq!(check(&passwords, COMPOSED, &stored).await, Verdict::Wrong);
        let renewed = passwords
            .hash_for(REQUESTER, Secret::new(DECOMPOSED))
            .await
            .unwrap();
        assert_eq!(check(&passwords, COMPOSED, &renewed).await, RIGHT);
    }

    /// Attacks: L12.
    #[test]
    fn what_a_typed_form_costs_is_the_same_for_everybody() {
        let forms = |typed: &str| Typed::of(Secret::new(typed)).forms();
        assert_eq!(
            (forms("plain"), forms(COMPOSED), forms(DECOMPOSED)),
            (1, 1, 2)
        );
        let passwords = [
            Comparison::Nothing(COST),
            Comparison::With(
                forms::known(&stored::hash(&Secret::new(COMPOSED), &mut Vec::new())).unwrap(),
            ),
        ];
        let typed = Typed::of(Secret::new(DECOMPOSED));
        let verdicts = passwords.map(|comparison| typed.compare(&comparison, &mut Vec::new()));
        assert_eq!(verdicts, [Verdict::Wrong, RIGHT]);
    }

    #[tokio::test]
    async fn a_user_who_does_not_exist_is_always_wrong() {
        let passwords = pool(1, 8);
        for password in ["", "correct horse", &"x".repeat(LONGEST + 1)] {
            let verdict = passwords
                .verify(REQUESTER, Secret::new(password), None)
                .await;
            assert_eq!(verdict, Ok(Verdict::Wrong));
        }
    }

    /// Made with the reference implementation: `printf password | argon2 somesalt -id -t 2 -k 65536 -p 1`, from its test.c.
    const FOREIGN: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[tokio::test]
    async fn an_imported_hash_is_checked_by_its_own_parameters_and_asks_for_a_new_one() {
        let passwords = pool(1, 8);
        assert_eq!(check(&passwords, "password", FOREIGN).await, OUTDATED);
        assert_eq!(check(&passwords, "passwort", FOREIGN).await, Verdict::Wrong);
        let stored = passwords
            .hash_for(REQUESTER, Secret::new("password"))
            .await
            .unwrap();
        assert_eq!(check(&passwords, "password", &stored).await, RIGHT);
    }

    #[rstest]
    #[case::empty("")]
    #[case::no_hash("password")]
    #[case::another_version(
        "$argon2id$v=17$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    )]
    #[case::no_output("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ")]
    #[case::a_short_output("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFQ")]
    #[case::too_dear(
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    )]
    #[case::too_many_passes(
        "$argon2id$v=19$m=65536,t=4000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    )]
    #[case::out_of_range(
        "$argon2id$v=19$m=1,t=0,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    )]
    #[case::an_unknown_parameter(
        "$argon2id$v=19$m=65536,t=2,p=1,x=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    )]
    fn a_stored_text_of_another_form_cannot_be_checked(#[case] stored: &str) {
        assert!(forms::known(stored).is_none());
        assert!(ImportedHash::read(stored).is_err());
        assert!(ImportedHash::read(FOREIGN).is_ok());
    }

    #[tokio::test]
    async fn what_cannot_be_checked_is_wrong() {
        let verdict = check(&pool(1, 8), "password", "password").await;
        assert_eq!(verdict, Verdict::Wrong);
    }

    /// Every class of check, with the work that it did: KiB of memory that were filled, times passes.
    fn work_of_each_class(passwords: &Passwords, stored: &str) -> Vec<u64> {
        let too_long = "x".repeat(LONGEST + 1);
        let kept = [Some(stored), None, Some("not a hash"), Some("")];
        let mut works = Vec::new();
        for stored in kept {
            for password in ["password", "wrong", "", too_long.as_str()] {
                let mut memory = Vec::new();
                let comparison = passwords.comparison(REQUESTER, stored);
                comparison.run(&Secret::new(password), &mut memory);
                assert_eq!(
                    memory.len(),
                    comparison.cost().blocks(),
                    "one hash was made"
                );
                works.push(comparison.cost().work());
            }
        }
        works
    }

    /// Attacks: L12.
    #[test]
    fn the_work_tells_neither_the_user_nor_the_kind_of_password() {
        let stored = stored::hash(&Secret::new("password"), &mut Vec::new());
        let passwords = pool(1, 8);
        for stored in [stored.as_str(), FOREIGN] {
            passwords.learn_costs(&[(cost_of(stored), 1)], NOON);
            let mut works = work_of_each_class(&passwords, stored);
            works.dedup();
            assert_eq!(works, [forms::known(stored).unwrap().cost.work()]);
        }
    }

    /// Attacks: Z01.
    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let passwords = pool(1, 2);
        let mut waiting = Vec::new();
        let mut refused = 0;
        for _ in 0..20 {
            let mut verdict = Box::pin(passwords.verify(REQUESTER, Secret::new("x"), None));
            match ready_now(&mut verdict).await {
                Some(Err(Busy)) => refused += 1,
                _ => waiting.push(verdict),
            }
        }
        // One may have reached the thread already.
        assert!((2..=3).contains(&waiting.len()), "{}", waiting.len());
        assert_eq!(refused + waiting.len(), 20);
        for verdict in waiting {
            assert_eq!(verdict.await, Ok(Verdict::Wrong));
        }
    }

    /// The outcome of `future` if it has one without waiting.
    async fn ready_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = std::future::ready(()) => None,
        }
    }

    #[test]
    fn a_waiter_that_is_gone_costs_no_hash() {
        let mut memory = Vec::new();
        let (answer, waiter) = oneshot::channel();
        drop(waiter);
        Job::Verify {
            typed: Typed::of(Secret::new("x")),
            comparison: Comparison::Nothing(COST),
            answer,
        }
        .run(&mut memory);
        assert!(memory.is_empty(), "memory is taken by the first hash");
    }

    /// A queue that no thread works on: what waits, waits.
    fn idle_queue() -> Queue {
        Queue::new(2_000, PATIENCE)
    }

    fn job(answer: oneshot::Sender<Verdict>) -> Job {
        Job::Verify {
            typed: Typed::of(Secret::new("x")),
            comparison: Comparison::Nothing(COST),
            answer,
        }
    }

    #[tokio::test]
    async fn a_thousand_that_left_are_not_hashed() {
        let queue = idle_queue();
        let mut waiting: Vec<_> = (0..1_000)
            .map(|_| Box::pin(queue.submit(REQUESTER, 1, job)))
            .collect();
        for waiter in &mut waiting {
            assert!(ready_now(waiter).await.is_none());
        }
        assert_eq!(queue.state().fair.len(), 1_000);
        waiting.truncate(1);
        assert_eq!(queue.state().fair.len(), 1);
        drop(waiting);
        assert_eq!(queue.state().fair.len(), 0);
    }

    /// The work of a hash, a fiftieth of what a real one costs.
    fn small_job(answer: oneshot::Sender<Verdict>) -> Job {
        Job::Verify {
            typed: Typed::of(Secret::new("x")),
            comparison: Comparison::Nothing(Cost::SMALL),
            answer,
        }
    }

    /// Account number `account` in the IPv6 /64 number `address` of the /48 number `network`.
    fn somebody(network: u16, address: u16, account: u64) -> Requester {
        let network = |address| Ipv6Addr::new(0x2001, 0xdb8, network, address, 0, 0, 0, 0).into();
        Requester {
            network: network(0),
            address: network(address),
            account,
        }
    }

    /// Attacks: Z01.
    #[rstest]
    #[case::of_one_account_from_one_address(|_| somebody(1, 1, 1))]
    #[case::of_one_network_with_ever_new_names_and_addresses(|turn| somebody(1, turn as u16, turn))]
    #[tokio::test]
    async fn forty_sign_ins_succeed_while_sixty_connections_flood(
        #[case] flooder: fn(u64) -> Requester,
    ) {
        let passwords = Arc::new(pool(1, 32));
        let mut flood = JoinSet::new();
        for connection in 0..60 {
            let passwords = Arc::clone(&passwords);
            flood.spawn(async move {
                for turn in 0.. {
                    let requester = flooder(connection + 60 * turn);
                    let _ = passwords.queue.submit(requester, 1, small_job).await;
                    tokio::task::yield_now().await;
                }
            });
        }
        while passwords.waiting() < 32 {
            tokio::task::yield_now().await;
        }
        let mut waits = Vec::new();
        for _ in 0..40 {
            let begun = Instant::now();
            let answer = passwords.queue.submit(somebody(2, 1, 2), 1, small_job);
            assert_eq!(answer.await, Ok(Verdict::Wrong));
            waits.push(begun.elapsed());
        }
        assert!(waits.iter().all(|wait| *wait < PATIENCE), "{waits:?}");
    }

    /// Attacks: Z01.
    #[tokio::test]
    async fn a_password_waits_no_longer_than_its_patience() {
        let queue = Queue::new(8, Duration::from_millis(1));
        assert_eq!(queue.submit(REQUESTER, 1, job).await, Err(Busy));
        assert_eq!(queue.state().fair.len(), 0);
        assert!(PATIENCE <= Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_hash_that_has_begun_is_waited_for_to_its_end() {
        let patience = Duration::from_millis(1);
        let queue = Queue::new(8, patience);
        let mut waiter = Box::pin(queue.submit(REQUESTER, 1, job));
        assert!(ready_now(&mut waiter).await.is_none());
        let Some(Job::Verify { answer, .. }) = queue.next() else {
            panic!("a check waits");
        };
        assert!(timeout(10 * patience, &mut waiter).await.is_err());
        answer.send(Verdict::Wrong).unwrap();
        assert_eq!(waiter.await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn the_threads_end_with_the_pool_and_whoever_waits_learns_of_it() {
        let queue = Arc::new(idle_queue());
        let mut waiter = Box::pin(queue.submit(REQUESTER, 1, job));
        assert!(ready_now(&mut waiter).await.is_none());
        queue.close();
        assert_eq!(waiter.await, Err(Busy));
        assert_eq!(queue.submit(REQUESTER, 1, job).await, Err(Busy));
        let threads = (0..3)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || work(&queue))
            })
            .collect();
        drop(Passwords {
            queue,
            threads,
            costs: Mutex::default(),
        });
    }

    #[test]
    fn memory_beyond_the_usual_is_given_back() {
        let mut memory = Vec::new();
        Comparison::With(forms::known(FOREIGN).unwrap()).run(&Secret::new("password"), &mut memory);
        assert_eq!(memory.len(), 65536);
        give_back(&mut memory);
        assert_eq!(memory.len(), COST.blocks());
        assert!(memory.capacity() < 2 * COST.blocks());
    }
}
