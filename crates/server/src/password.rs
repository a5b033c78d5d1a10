//! Owns what happens to a password: Argon2id on a fixed number of threads, and never more waiting than fits a queue.
//!
//! A password is bytes: it is neither normalised (NFC) nor trimmed nor cut, so what was set is exactly what must be typed.
//! Longer than [`LONGEST`] is refused when it is set and wrong when it is typed. Every check costs one whole hash, whether
//! the user exists, the password is empty, or it is too long, so that the time tells nothing (a hash kept under older
//! parameters takes its own time until the next sign-in replaces it). Who may guess how often is the throttle's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Receiver, Sender, bounded};
use password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use safeconduct_protocol::encoding::constant_time_eq;
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;
use tokio::sync::oneshot;

/// The longest password, in bytes.
pub const LONGEST: usize = 4096;

/// What a new hash costs: 19 MiB, two passes, one lane; about 15 ms of a core.
const COST: Cost = Cost {
    memory: 19_456,
    passes: 2,
    lanes: 1,
};

/// The dearest imported hash that is checked at all: 256 MiB, 16 passes, 16 lanes. Beyond, one sign-in would stop all others.
const DEAREST: Cost = Cost {
    memory: 256 * 1024,
    passes: 16,
    lanes: 16,
};

const ARGON2ID: Ident = Ident::new_unwrap("argon2id");
const ARGON2_VERSION: u32 = 0x13;
const OUTPUT_LENGTH: usize = 32;

/// How much hashing there may be at once.
#[derive(Clone, Copy, Debug)]
pub struct PasswordSettings {
    /// Threads that hash, each with 19 MiB of its own; 0 counts as 1.
    pub threads: usize,
    /// Passwords that may wait for a thread. More are refused at once.
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

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password, or no such user, or nothing that can be checked.
    Wrong,
    /// The password.
    Right {
        /// The stored hash is not what a new one would be: hash the password again and store that.
        needs_rehash: bool,
    },
}

/// Whether `phc` is a stored hash that [`Passwords::verify`] can check: `$argon2id$v=19$…` with a salt, an output and
/// affordable parameters. Every password is wrong for any other.
#[must_use]
pub fn can_be_checked(phc: &str) -> bool {
    Known::parse(phc).is_some()
}

/// The threads that hash passwords. Dropping it ends them, after the hash that each is in.
pub struct Passwords {
    queue: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Passwords {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(settings: PasswordSettings) -> std::io::Result<Self> {
        let (queue, jobs) = bounded(settings.queue);
        let mut passwords = Self {
            queue: Some(queue),
            threads: Vec::new(),
        };
        for number in 0..settings.threads.max(1) {
            let jobs = jobs.clone();
            let thread = thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&jobs))?;
            passwords.threads.push(thread);
        }
        Ok(passwords)
    }

    /// The hash of a new password as a PHC string: algorithm, cost, salt and output.
    ///
    /// # Errors
    /// [`Unhashed::Busy`], or [`Unhashed::TooLong`]: nothing is ever cut off.
    pub async fn hash(&self, password: Secret) -> Result<String, Unhashed> {
        if password.expose().len() > LONGEST {
            return Err(Unhashed::TooLong);
        }
        Ok(self.submit(|answer| Job::Hash { password, answer }).await?)
    }

    /// Whether `password` is the one that `stored` (a PHC string) was made of. `None` is a user that does not exist: always
    /// wrong, in the same time.
    ///
    /// # Errors
    /// [`Busy`]: nothing was checked.
    pub async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verdict, Busy> {
        self.submit(|answer| Job::Verify {
            password,
            stored,
            answer,
        })
        .await
    }

    /// How many passwords wait, for the metrics.
    pub fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, Sender::len)
    }

    async fn submit<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .as_ref()
            .ok_or(Busy)?
            .try_send(job(answer))
            .map_err(|_| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

impl Drop for Passwords {
    fn drop(&mut self) {
        // The threads end when nobody can send any more. Jobs still queued have lost their waiters and are skipped.
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread never panics outside of `catch_unwind`; if it did, there is nothing left to do about it.
            let _ = thread.join();
        }
    }
}

enum Job {
    Hash {
        password: Secret,
        answer: oneshot::Sender<String>,
    },
    Verify {
        password: Secret,
        stored: Option<String>,
        answer: oneshot::Sender<Verdict>,
    },
}

/// One thread: takes jobs until the queue is closed. The memory is kept from job to job, because asking the operating
/// system for 19 MiB of fresh pages costs as much as hashing.
fn work(jobs: &Receiver<Job>) {
    let mut memory = Vec::new();
    for job in jobs {
        // A panic costs its own waiter a refusal, and no thread.
        let survived = catch_unwind(AssertUnwindSafe(|| job.run(&mut memory)));
        if survived.is_err() {
            tracing::error!("hashing a password panicked");
        }
        give_back(&mut memory);
    }
}

/// Keeps what a hash of ours needs; an imported one may have taken more.
fn give_back(memory: &mut Vec<Block>) {
    memory.truncate(COST.blocks());
    memory.shrink_to(COST.blocks());
}

impl Job {
    fn run(self, memory: &mut Vec<Block>) {
        match self {
            Self::Hash { answer, .. } if answer.is_closed() => {}
            Self::Verify { answer, .. } if answer.is_closed() => {}
            Self::Hash { password, answer } => {
                // Nobody waits any more if this fails.
                let _ = answer.send(hash(&password, memory));
            }
            Self::Verify {
                password,
                stored,
                answer,
            } => {
                let _ = answer.send(verify(&password, stored.as_deref(), memory));
            }
        }
    }
}

fn hash(password: &Secret, memory: &mut Vec<Block>) -> String {
    let salt = random::bytes::<{ Salt::RECOMMENDED_LENGTH }>();
    let output = COST.run(password.expose().as_bytes(), &salt, OUTPUT_LENGTH, memory);
    PasswordHash {
        algorithm: ARGON2ID,
        version: Some(ARGON2_VERSION),
        params: COST.write(),
        salt: Some(Salt::new(&salt).expect("16 bytes are a salt")),
        hash: Some(Output::new(&output).expect("32 bytes are an output")),
    }
    .to_string()
}

fn verify(password: &Secret, stored: Option<&str>, memory: &mut Vec<Block>) -> Verdict {
    let password = password.expose().as_bytes();
    let known = stored.and_then(|stored| {
        let known = Known::parse(stored);
        if known.is_none() {
            tracing::error!("a stored password hash cannot be checked: no argon2id, or too dear");
        }
        known
    });
    let (Some(known), true) = (known, password.len() <= LONGEST) else {
        // The same work for an answer that is clear already.
        let all = password.len().min(LONGEST);
        COST.run(
            &password[..all],
            &[0; Salt::RECOMMENDED_LENGTH],
            OUTPUT_LENGTH,
            memory,
        );
        return Verdict::Wrong;
    };
    let expected = known.output.as_bytes();
    let output = known
        .cost
        .run(password, &known.salt, expected.len(), memory);
    if !constant_time_eq(&output, expected) {
        return Verdict::Wrong;
    }
    Verdict::Right {
        needs_rehash: known.cost != COST || expected.len() != OUTPUT_LENGTH,
    }
}

/// A stored hash that can be checked.
struct Known {
    cost: Cost,
    salt: Salt,
    output: Output,
}

impl Known {
    fn parse(stored: &str) -> Option<Self> {
        let stored = PasswordHash::new(stored).ok()?;
        if stored.algorithm != ARGON2ID || stored.version != Some(ARGON2_VERSION) {
            return None;
        }
        let cost = Cost::read(&stored.params)?;
        let (salt, output) = (stored.salt?, stored.hash?);
        (salt.len() >= argon2::MIN_SALT_LEN && output.len() >= 16).then_some(Self {
            cost,
            salt,
            output,
        })
    }
}

/// Argon2's parameters (RFC 9106 §3.1): KiB of memory, passes over it, lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// `None` for parameters that Argon2 does not have, that are out of its range, or that are beyond [`DEAREST`].
    fn read(written: &ParamsString) -> Option<Self> {
        let cost = Self {
            memory: written.get_decimal("m")?,
            passes: written.get_decimal("t")?,
            lanes: written.get_decimal("p")?,
        };
        let known = written.iter().count() == 3;
        let affordable = cost.memory <= DEAREST.memory
            && cost.passes <= DEAREST.passes
            && cost.lanes <= DEAREST.lanes;
        (known && affordable && cost.params(OUTPUT_LENGTH).is_ok()).then_some(cost)
    }

    fn write(self) -> ParamsString {
        format!("m={},t={},p={}", self.memory, self.passes, self.lanes)
            .parse()
            .expect("three short numbers are parameters")
    }

    fn run(self, password: &[u8], salt: &[u8], length: usize, memory: &mut Vec<Block>) -> Vec<u8> {
        let params = self
            .params(length)
            .expect("the cost was checked when it was read");
        let needed = params.block_count();
        if memory.len() < needed {
            memory.resize(needed, Block::default());
        }
        let mut output = vec![0; length];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, salt, &mut output, &mut memory[..needed])
            .expect("password, salt and output are within Argon2's lengths");
        output
    }

    fn params(self, length: usize) -> argon2::Result<Params> {
        Params::new(self.memory, self.passes, self.lanes, Some(length))
    }

    fn blocks(self) -> usize {
        self.memory as usize
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rstest::rstest;

    use super::*;

    fn pool(threads: usize, queue: usize) -> Passwords {
        Passwords::start(PasswordSettings { threads, queue }).unwrap()
    }

    const RIGHT: Verdict = Verdict::Right {
        needs_rehash: false,
    };
    const OUTDATED: Verdict = Verdict::Right { needs_rehash: true };

    async fn check(passwords: &Passwords, password: &str, stored: &str) -> Verdict {
        passwords
            .verify(Secret::new(password), Some(stored.to_owned()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_password_is_itself_and_nothing_else() {
        let passwords = pool(1, 8);
        let stored = passwords.hash(Secret::new("correct horse")).await.unwrap();
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
        let one = passwords.hash(Secret::new("correct horse")).await.unwrap();
        let other = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn nothing_is_cut_off_or_normalised() {
        let passwords = pool(1, 8);
        let long = "x".repeat(LONGEST);
        let stored = passwords.hash(Secret::new(long.as_str())).await.unwrap();
        assert_eq!(check(&passwords, &long, &stored).await, RIGHT);
        assert_eq!(check(&passwords, &long[1..], &stored).await, Verdict::Wrong);
        assert_eq!(
            check(&passwords, &format!("{long}x"), &stored).await,
            Verdict::Wrong
        );
        let too_long = Secret::new(format!("{long}x"));
        assert_eq!(passwords.hash(too_long).await, Err(Unhashed::TooLong));

        let composed = passwords.hash(Secret::new("\u{e9}")).await.unwrap();
        assert_eq!(
            check(&passwords, "e\u{301}", &composed).await,
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn a_user_who_does_not_exist_is_always_wrong() {
        let passwords = pool(1, 8);
        for password in ["", "correct horse", &"x".repeat(LONGEST + 1)] {
            let verdict = passwords.verify(Secret::new(password), None).await;
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
        let stored = passwords.hash(Secret::new("password")).await.unwrap();
        assert_eq!(check(&passwords, "password", &stored).await, RIGHT);
    }

    #[rstest]
    #[case::empty("")]
    #[case::no_hash("password")]
    #[case::another_algorithm(
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    )]
    #[case::the_old_version(
        "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
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
    fn a_stored_text_that_is_no_hash_of_ours_cannot_be_checked(#[case] stored: &str) {
        assert!(!can_be_checked(stored));
        assert!(can_be_checked(FOREIGN));
    }

    #[tokio::test]
    async fn what_cannot_be_checked_is_wrong() {
        let verdict = check(&pool(1, 8), "password", "password").await;
        assert_eq!(verdict, Verdict::Wrong);
    }

    #[tokio::test]
    async fn the_time_tells_neither_the_user_nor_the_kind_of_password() {
        let passwords = pool(1, 8);
        let stored = passwords.hash(Secret::new("correct horse")).await.unwrap();
        let too_long = "x".repeat(LONGEST + 1);
        let classes = [
            ("correct horse", Some(&stored)),
            ("wrong", Some(&stored)),
            ("", Some(&stored)),
            (too_long.as_str(), Some(&stored)),
            ("wrong", None),
            ("", None),
            (too_long.as_str(), None),
        ];
        let mut fastest = [Duration::MAX; 7];
        for _ in 0..8 {
            for (at, (password, stored)) in classes.iter().enumerate() {
                let begun = Instant::now();
                let verdict = passwords.verify(Secret::new(*password), stored.cloned());
                assert!(verdict.await.is_ok());
                fastest[at] = fastest[at].min(begun.elapsed());
            }
        }
        // A skipped hash would be a thousand times faster; noise is far below half.
        let (least, most) = (fastest.iter().min().unwrap(), fastest.iter().max().unwrap());
        assert!(*most < *least * 2, "{fastest:?}");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let passwords = pool(1, 2);
        let mut waiting = Vec::new();
        let mut refused = 0;
        for _ in 0..20 {
            let mut verdict = Box::pin(passwords.verify(Secret::new("x"), None));
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
        let stored = None;
        let password = Secret::new("x");
        Job::Verify {
            password,
            stored,
            answer,
        }
        .run(&mut memory);
        assert!(memory.is_empty(), "memory is taken by the first hash");
    }

    #[test]
    fn the_threads_end_with_the_pool() {
        let (queue, jobs) = bounded(4);
        let threads = (0..3)
            .map(|_| {
                let jobs = jobs.clone();
                thread::spawn(move || work(&jobs))
            })
            .collect();
        let idle = jobs.clone();
        drop(jobs);
        drop(Passwords {
            queue: Some(queue),
            threads,
        });
        assert!(idle.recv().is_err(), "nobody can send any more");
    }

    #[test]
    fn memory_beyond_the_usual_is_given_back() {
        let mut memory = Vec::new();
        verify(&Secret::new("password"), Some(FOREIGN), &mut memory);
        assert_eq!(memory.len(), 65536);
        give_back(&mut memory);
        assert_eq!(memory.len(), COST.blocks());
        assert!(memory.capacity() < 2 * COST.blocks());
    }
}
