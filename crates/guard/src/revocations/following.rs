//! The task that asks again and again, for as long as the guard lives.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use safeconduct_protocol::clock::Clock;
use tokio::time::{Instant, sleep, sleep_until};

use super::Revocations;
use super::poll::{Asker, Heard, SetError, Unheard};
use crate::trusted::Trusted;

/// How long nothing is asked after an answer that did not come: at first, and at most. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long nothing is asked after an answer that was empty though it did not wait: the issuer has no place for one more who waits.
const PAUSE_WITHOUT_PLACE: Duration = Duration::from_secs(1);

/// What of a guard follows.
pub(crate) struct Followed<'g> {
    pub(crate) revocations: &'g Revocations,
    /// Whom it asks.
    pub(crate) trusted: &'g Trusted,
    /// The API, as its tokens call it.
    pub(crate) audience: &'g str,
    /// In seconds.
    pub(crate) leeway: i64,
    /// In seconds.
    pub(crate) expiry_leeway: i64,
    pub(crate) clock: &'g Clock,
}

/// How what follows is found in a guard.
type Find<T> = for<'g> fn(&'g T) -> Option<Followed<'g>>;

/// What the task has come to.
#[derive(Default)]
struct Progress {
    cursor: Option<String>,
    refused: BTreeMap<String, SetError>,
    /// Whether all was heard once since the issuer was asked anew.
    has_heard_all: bool,
    failures: u32,
}

/// Follows the revocations of a guard's issuer until the guard is gone. `find` finds them in the guard.
pub(crate) fn follow<T>(guard: &Arc<T>, find: Find<T>)
where
    T: Send + Sync + 'static,
{
    let guard = Arc::downgrade(guard);
    tokio::spawn(async move {
        let mut progress = Progress::default();
        let _gone = LostWithTheTask {
            guard: guard.clone(),
            find,
        };
        let mut answered_at = Instant::now();
        // The guard is held while it asks, and by nobody while it pauses.
        while let Some(pause) = ask(&guard, find, &mut progress, &mut answered_at).await {
            sleep(pause).await;
        }
    });
}

/// The task ends with its runtime, too: then nothing is heard any more.
struct LostWithTheTask<T> {
    guard: Weak<T>,
    find: Find<T>,
}

impl<T> Drop for LostWithTheTask<T> {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.upgrade()
            && let Some(followed) = (self.find)(&guard)
        {
            followed.revocations.has_lost_track();
        }
    }
}

/// Asks once, and takes in what is answered. How long to pause then; `None` where there is nobody left to ask for.
async fn ask<T>(
    guard: &Weak<T>,
    find: Find<T>,
    progress: &mut Progress,
    answered_at: &mut Instant,
) -> Option<Duration> {
    let guard = guard.upgrade()?;
    let followed = find(&guard)?;
    let revocations = followed.revocations;
    let asker = Asker {
        trusted: followed.trusted,
        audience: followed.audience,
        authorization: revocations.introspection.authorization(),
        http: &revocations.http,
    };
    // Until all was heard, what there is is told at once.
    let wait = match progress.has_heard_all {
        true => revocations.settings.wait,
        false => Duration::ZERO,
    };
    let asked_at = Instant::now();
    let cursor = progress.cursor.clone();
    let refused = std::mem::take(&mut progress.refused);
    let mut asking = pin!(asker.ask(cursor.as_deref(), &refused, wait, || followed.clock.now()));
    let lost_at = *answered_at + 2 * revocations.settings.wait;
    let answer = tokio::select! {
        answer = &mut asking => answer,
        () = sleep_until(lost_at) => {
            revocations.has_lost_track();
            asking.await
        }
    };
    let outcome = if answer.is_ok() { "ok" } else { "failed" };
    metrics::counter!("guard_revocation_polls_total", "outcome" => outcome).increment(1);
    Some(match answer {
        Ok(heard) => {
            // An issuer that has ever more to say is behind, by nobody knows how much.
            if heard.is_all {
                *answered_at = Instant::now();
            }
            progress.failures = 0;
            let is_empty = heard.ended.is_empty() && heard.is_all;
            let is_early = is_empty && !wait.is_zero() && asked_at.elapsed() < PAUSE_WITHOUT_PLACE;
            take_in(&followed, heard, progress);
            if is_early {
                PAUSE_WITHOUT_PLACE
            } else {
                Duration::ZERO
            }
        }
        Err(Unheard::Anew) => {
            progress.cursor = None;
            progress.has_heard_all = false;
            Duration::ZERO
        }
        Err(Unheard::Failed(error)) => {
            tracing::debug!(%error, "the issuer could not be asked which tokens were revoked");
            let pause = FIRST_PAUSE * 2_u32.saturating_pow(progress.failures.min(10));
            progress.failures += 1;
            // What was missed meanwhile is told at once, before the guard waits again.
            progress.has_heard_all = false;
            let asked_to = error
                .retry_after()
                .and_then(|seconds| u64::try_from(seconds).ok());
            let asked_to = asked_to.map_or(Duration::ZERO, Duration::from_secs);
            pause.max(asked_to).min(LONGEST_PAUSE)
        }
    })
}

/// Refuses from now on what has ended.
fn take_in(followed: &Followed<'_>, heard: Heard, progress: &mut Progress) {
    let revocations = followed.revocations;
    let now = followed.clock.now();
    let skew = followed.leeway;
    let lifetime = heard.lifetime.saturating_add(followed.expiry_leeway);
    if !heard.ended.is_empty() || !heard.refused.is_empty() {
        revocations.learn(|ended| {
            for told in &heard.ended {
                ended.learn(told, lifetime, skew, now);
            }
            if !heard.refused.is_empty() {
                tracing::warn!(
                    number = heard.refused.len(),
                    "what the issuer said of revoked tokens could not be verified: it is asked about all that were issued until now"
                );
                ended.ask_until(now.seconds().saturating_add(skew), now);
            }
        });
    }
    progress.cursor = Some(heard.cursor);
    progress.refused = heard.refused;
    if heard.is_all {
        progress.has_heard_all = true;
        revocations.has_heard_all(heard.lifetime, now);
    }
}
