//! Asking the issuer whether a token is active (RFC 7662), and remembering the answer for a moment.
//!
//! Remembered by the token's SHA-256, for 30 seconds at most, never past `exp`; one request for each token however many
//! wait for it. What is remembered is bounded by the memory it takes, and freed once it is past its time. With remembering off,
//! every use of a token asks, so that a revocation is seen at once. Without a clear answer no token passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use quick_cache::sync::{Cache, DefaultLifecycle, EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use safeconduct_issuer::{FetchError, FetchErrorKind, basic};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::encoding;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::sent::beside;
use safeconduct_protocol::time::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::Url;

use crate::claims::Claims;
use crate::denied::{Refusal, text_of};
use crate::dialect::{Dialect, Origin};
use crate::metadata::Issuer;
use crate::reason::Reason;
use crate::trusted::Trusted;

/// The longest time for which an answer is remembered.
pub(crate) const LONGEST_CACHE: Duration = Duration::from_secs(30);
/// How long "not active" is remembered, in milliseconds.
const REFUSED_FOR: i64 = 10_000;
/// How long it is remembered that there was no answer, in milliseconds: those who wait together fail together.
const FAILED_FOR: i64 = 1_000;
/// How much memory the remembered answers may take, in bytes: some ten thousand of an ordinary size.
const MOST_MEMORY: u64 = 16 * 1024 * 1024;
/// How many answers that is made for.
const USUAL_ANSWERS: usize = 10_000;
/// How many parts the memory is divided into; one answer may take a whole part.
const PARTS: usize = 16;
/// What an answer takes beside its claims: its place, its name, and a refusal's texts.
const LEAST_MEMORY: usize = 512;
/// How often answers past their time are freed, in milliseconds: each is kept at most twice as long as it is good for.
const BETWEEN_SWEEPS: i64 = 30_000;
/// How many requests are under way at once, and how long another waits.
const MOST_REQUESTS: usize = 64;
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// When it may be worth trying again, in seconds.
pub(crate) const RETRY_AFTER: i64 = 5;

/// What is asked about a token.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The API, as tokens call it.
    pub(crate) audiences: &'a [String],
    /// Whose token it is.
    pub(crate) trusted: &'a Trusted,
    /// [`Origin::Confirmation`] where the token was read here before.
    pub(crate) origin: Origin,
    /// What was asked until then is asked again, in milliseconds.
    pub(crate) asked_after: i64,
    pub(crate) clock: &'a Clock,
}

/// The client that introspects, and what it was told.
pub(crate) struct Introspection {
    client_id: String,
    secret: Secret,
    /// In milliseconds; 0: nothing is remembered.
    remembered_for: i64,
    /// How far ahead of ours the issuer's clock may be, in seconds.
    leeway: i64,
    /// For how many seconds a token is accepted past its `exp`.
    expiry_leeway: i64,
    answers: Cache<[u8; 32], Remembered, ByMemory>,
    /// When answers past their time were last freed, in milliseconds.
    swept: AtomicI64,
    permits: Semaphore,
}

type Answer = Result<Arc<Claims>, Refusal>;

#[derive(Clone)]
struct Remembered {
    answer: Answer,
    /// When it was asked for.
    asked: i64,
    from: i64,
    until: i64,
    /// In bytes.
    memory: u64,
}

/// Weighs what is remembered.
#[derive(Clone)]
struct ByMemory;

impl Weighter<[u8; 32], Remembered> for ByMemory {
    fn weight(&self, _: &[u8; 32], remembered: &Remembered) -> u64 {
        remembered.memory
    }
}

impl Introspection {
    /// Remembers answers for `cache`, at most [`LONGEST_CACHE`]. The issuer's clock may be `leeway` seconds ahead of ours, and
    /// `expiry_leeway` behind.
    pub(crate) fn new(
        client_id: String,
        secret: Secret,
        cache: Duration,
        leeway: i64,
        expiry_leeway: i64,
    ) -> Self {
        let room = OptionsBuilder::new()
            .estimated_items_capacity(USUAL_ANSWERS)
            .weight_capacity(MOST_MEMORY)
            .shards(PARTS)
            .build()
            .expect("both capacities are set");
        Self {
            client_id,
            secret,
            remembered_for: i64::try_from(cache.min(LONGEST_CACHE).as_millis()).unwrap_or(0),
            leeway,
            expiry_leeway,
            answers: Cache::with_options(
                room,
                ByMemory,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            swept: AtomicI64::new(0),
            permits: Semaphore::new(MOST_REQUESTS),
        }
    }

    /// What the client that introspects proves itself with.
    pub(crate) fn authorization(&self) -> HeaderValue {
        basic(&self.client_id, &self.secret)
    }

    /// What `token` is worth.
    pub(crate) async fn introspect(&self, token: &str, question: Question<'_>) -> Answer {
        let clock = question.clock;
        if self.remembered_for == 0 {
            return self.ask(token, question).await;
        }
        self.sweep(clock.milliseconds());
        let key = encoding::sha256(token.as_bytes());
        let after = question.asked_after;
        let holds = |remembered: &Remembered| remembered.holds(clock.milliseconds(), after);
        if let Some(remembered) = self.answers.get(&key).filter(holds) {
            count("remembered");
            return remembered.answer;
        }
        // A request that waits here for the answer of another looks at the clock when it has come.
        let entry = self.answers.entry_async(&key, |_, remembered| {
            if holds(remembered) {
                EntryAction::Retain(remembered.answer.clone())
            } else {
                EntryAction::ReplaceWithGuard
            }
        });
        match entry.await {
            EntryResult::Vacant(entry) | EntryResult::Replaced(entry, _) => {
                let asked = clock.milliseconds();
                let answer = self.ask(token, question).await;
                // The entry may be gone if the cache is full: then nothing is remembered.
                let remembered = self.remember(answer.clone(), asked, clock.milliseconds());
                let _ = entry.insert(remembered);
                answer
            }
            EntryResult::Retained(answer) => {
                count("remembered");
                answer
            }
            // Neither is asked for above: no entry is removed, and no request waits with a time limit.
            EntryResult::Removed(..) | EntryResult::Timeout => {
                Err(Refusal::unavailable(RETRY_AFTER))
            }
        }
    }

    /// Frees what is past its time, now and then.
    fn sweep(&self, now: i64) {
        let last = self.swept.load(Ordering::Relaxed);
        // A clock that was set back sweeps too.
        let due = !(0..BETWEEN_SWEEPS).contains(&now.saturating_sub(last));
        let ours = due
            && self
                .swept
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if ours {
            self.answers
                .retain(|_, remembered| remembered.holds(now, i64::MIN));
        }
    }

    fn remember(&self, answer: Answer, asked: i64, now: i64) -> Remembered {
        let mut until = now.saturating_add(match &answer {
            Ok(_) => self.remembered_for,
            Err(refusal)
                if matches!(
                    refusal.reason,
                    Reason::IssuerUnavailable | Reason::NotYetValid
                ) =>
            {
                self.remembered_for.min(FAILED_FOR)
            }
            Err(_) => self.remembered_for.min(REFUSED_FOR),
        });
        if let Ok(claims) = &answer
            && let Some(exp) = claims.expires_at
        {
            let end = exp.plus(self.expiry_leeway);
            until = until.min(end.seconds().saturating_mul(1000));
        }
        let claims = answer.as_ref().map_or(0, |claims| claims.memory());
        Remembered {
            answer,
            asked,
            from: now,
            until,
            memory: u64::try_from(LEAST_MEMORY.saturating_add(claims)).unwrap_or(u64::MAX),
        }
    }

    async fn ask(&self, token: &str, question: Question<'_>) -> Answer {
        let Question { trusted, clock, .. } = question;
        let issuer = &trusted.issuer;
        let response = match self.request(token, issuer).await {
            Ok(response) => response,
            Err(error) => {
                count("failed");
                tracing::warn!(issuer = %issuer.issuer(), %error, "introspection failed");
                let seconds = error.retry_after().unwrap_or(RETRY_AFTER);
                return Err(Refusal::unavailable(seconds));
            }
        };
        let now = clock.now();
        let expected = Expected {
            names: &trusted.names,
            audiences: question.audiences,
            dialect: &trusted.dialect,
            origin: question.origin,
            latest: now.plus(self.leeway),
            earliest: Timestamp::from_seconds(now.seconds() - self.expiry_leeway),
        };
        let answer = expected.judge(response);
        count(if answer.is_ok() { "active" } else { "refused" });
        answer
    }

    async fn request(
        &self,
        token: &str,
        issuer: &Issuer,
    ) -> Result<Map<String, Value>, FetchError> {
        let _permit = tokio::time::timeout(LONGEST_WAIT, self.permits.acquire())
            .await
            .map_err(|_| FetchError::new(FetchErrorKind::Busy, "too many requests under way"))?;
        let url = endpoint(issuer).await?;
        let response = self.send(token, &url, issuer).await;
        // An endpoint that does not answer as it should may have moved.
        response.inspect_err(|_| issuer.distrust())
    }

    async fn send(
        &self,
        token: &str,
        url: &Url,
        issuer: &Issuer,
    ) -> Result<Map<String, Value>, FetchError> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization());
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        let answer = issuer.http().post_form(url, headers, form).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            tracing::error!(
                client_id = self.client_id,
                "the issuer refused the guard's own client credentials"
            );
        }
        let answer = answer.document(url)?;
        let response: Map<String, Value> = serde_json::from_slice(&answer.body)
            .map_err(|_| FetchError::unusable("the response does not read"))?;
        match response.get("active") {
            Some(Value::Bool(_)) => Ok(response),
            _ => Err(FetchError::unusable(
                "the response does not say whether the token is active",
            )),
        }
    }
}

impl Remembered {
    fn holds(&self, now: i64, asked_after: i64) -> bool {
        self.asked > asked_after && self.from <= now && now < self.until
    }
}

/// What an active token is held to.
struct Expected<'a> {
    /// What `iss` may be.
    names: &'a [String],
    audiences: &'a [String],
    dialect: &'a Arc<Dialect>,
    origin: Origin,
    /// When it must have begun to be valid.
    latest: Timestamp,
    /// When it must not have ended.
    earliest: Timestamp,
}

impl Expected<'_> {
    /// Accepts or refuses what the issuer said (RFC 7662 §2.2). `active` alone lets no token pass: a token for another API is
    /// active too.
    fn judge(&self, response: Map<String, Value>) -> Answer {
        if response.get("active") != Some(&Value::Bool(true)) {
            return Err(Reason::NotActive.into());
        }
        if let Some(iss) = response.get("iss")
            && !self.names.iter().any(|name| iss == name)
        {
            let issuer = &self.names[0];
            let refusal = Refusal::from(Reason::WrongIssuer);
            return Err(refusal.because(issuer, beside(issuer, &text_of(iss))));
        }
        let aud = response.get("aud");
        let is_ours = |member: &Value| self.audiences.iter().any(|audience| member == audience);
        let is_for_us = match aud {
            Some(Value::Array(members)) => members.iter().any(is_ours),
            Some(aud) => is_ours(aud),
            // `Claims::read` holds the client to the list.
            None => self.dialect.clients.is_some(),
        };
        if !is_for_us {
            let audience = &self.audiences[0];
            let got = beside(audience, &aud.map_or_else(String::new, text_of));
            return Err(Refusal::from(Reason::WrongAudience).because(audience, got));
        }
        // Some answer for every kind of token that they issue.
        if let Some(kind) = response.get("token_use")
            && kind != "access_token"
            && kind != "access"
        {
            let refusal = Refusal::from(Reason::WrongType);
            return Err(refusal.because("token_use with access_token", text_of(kind)));
        }
        let kind = response
            .get("token_type")
            .map_or(Some("Bearer"), Value::as_str);
        let is_a = |name: &str| kind.is_some_and(|kind| kind.eq_ignore_ascii_case(name));
        let (is_bearer, is_dpop) = (is_a("Bearer"), is_a("DPoP"));
        let claims = Claims::read(response, self.dialect, self.origin)?;
        // A token that is no bearer token must say which key it needs (RFC 9449 §6.2).
        if !(is_bearer || is_dpop && claims.bound_to.is_some()) {
            return Err(Reason::UnknownBinding.into());
        }
        if claims.expires_at.is_some_and(|exp| exp <= self.earliest) {
            return Err(Reason::Expired.into());
        }
        match claims.not_before {
            Some(nbf) if nbf > self.latest => {
                let (latest, nbf) = (self.latest.seconds(), nbf.seconds());
                let expected = format_args!("nbf up to {latest}");
                Err(Refusal::from(Reason::NotYetValid).because(expected, nbf))
            }
            _ => Ok(Arc::new(claims)),
        }
    }
}

/// Where tokens are introspected.
///
/// # Errors
/// Whatever keeps the metadata away; that it names no such endpoint.
pub(crate) async fn endpoint(issuer: &Issuer) -> Result<Url, FetchError> {
    let metadata = issuer.metadata().await?;
    metadata.introspection_endpoint.clone().ok_or_else(|| {
        issuer.distrust();
        FetchError::unusable("the metadata names no `introspection_endpoint`")
    })
}

fn count(outcome: &'static str) {
    metrics::counter!("guard_introspections_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::profile::Profile;

    const ISSUER: &str = "https://id.example.com";
    const API: &str = "https://api.example.com";
    const NOW: i64 = 1_800_000_000;

    fn judged(change: Value) -> Result<(), Reason> {
        let mut response = json!({
            "active": true, "iss": ISSUER, "aud": API, "sub": "alice", "client_id": "app", "scope": "notes.read",
            "token_type": "Bearer", "exp": NOW + 1,
        });
        for (name, value) in change.as_object().unwrap() {
            response[name] = value.clone();
        }
        let response = response
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| !value.is_null());
        let response = response
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let now = Timestamp::from_seconds(NOW);
        let audiences = [API.to_owned()];
        let expected = Expected {
            names: &[ISSUER.to_owned()],
            dialect: &strict(),
            origin: Origin::Introspection,
            audiences: &audiences,
            latest: now.plus(60),
            earliest: now,
        };
        let judged = expected.judge(response);
        judged.map(|_| ()).map_err(|refusal| refusal.reason)
    }

    #[rstest]
    #[case::as_it_is(json!({}))]
    #[case::among_others(json!({"aud": ["https://other.example", API]}))]
    #[case::without_what_is_optional(json!({"iss": null, "exp": null, "token_type": null, "scope": null}))]
    #[case::any_case(json!({"token_type": "bearer"}))]
    #[case::valid_since(json!({"nbf": NOW}))]
    #[case::of_the_kind(json!({"token_use": "access_token"}))]
    #[case::valid_within_the_leeway(json!({"nbf": NOW + 60}))]
    #[case::fractions(json!({"exp": 1_800_000_001.9, "nbf": 1_800_000_060.9}))]
    #[case::bound(json!({"token_type": "DPoP", "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}))]
    fn an_active_token_for_us_is_accepted(#[case] change: Value) {
        assert_eq!(judged(change), Ok(()));
    }

    /// Attacks: LI26.
    #[rstest]
    #[case(json!({"active": false}), Reason::NotActive)]
    #[case(json!({"token_use": "refresh_token"}), Reason::WrongType)]
    #[case(json!({"token_use": 1}), Reason::WrongType)]
    #[case(json!({"active": "true"}), Reason::NotActive)]
    #[case(json!({"active": null}), Reason::NotActive)]
    #[case(json!({"iss": "https://id.example.com/"}), Reason::WrongIssuer)]
    #[case(json!({"iss": [ISSUER]}), Reason::WrongIssuer)]
    #[case(json!({"aud": null}), Reason::WrongAudience)]
    #[case(json!({"aud": []}), Reason::WrongAudience)]
    #[case(json!({"aud": "https://api.example.com.evil.example"}), Reason::WrongAudience)]
    #[case(json!({"aud": {"uri": API}}), Reason::WrongAudience)]
    #[case(json!({"token_type": "DPoP"}), Reason::UnknownBinding)]
    #[case(json!({"token_type": "N_A"}), Reason::UnknownBinding)]
    #[case(json!({"token_type": 7}), Reason::UnknownBinding)]
    #[case(json!({"cnf": {"jkt": "x"}}), Reason::MalformedClaims)]
    #[case(json!({"cnf": {"x5t#S256": "x"}}), Reason::UnknownBinding)]
    #[case(json!({"cnf": {}}), Reason::UnknownBinding)]
    #[case(json!({"cnf": "key"}), Reason::MalformedClaims)]
    #[case(json!({"exp": NOW}), Reason::Expired)]
    #[case(json!({"exp": 1_800_000_000.9}), Reason::Expired)]
    #[case(json!({"nbf": NOW + 61}), Reason::NotYetValid)]
    #[case(json!({"nbf": "0"}), Reason::MalformedClaims)]
    #[case(json!({"nbf": null, "exp": "1800000300"}), Reason::MalformedClaims)]
    #[case(json!({"exp": "never"}), Reason::MalformedClaims)]
    #[case(json!({"exp": -1}), Reason::MalformedClaims)]
    #[case(json!({"sub": null}), Reason::MalformedClaims)]
    #[case(json!({"sub": ""}), Reason::MalformedClaims)]
    #[case(json!({"client_id": 7}), Reason::MalformedClaims)]
    #[case(json!({"scope": ["notes.read"]}), Reason::MalformedClaims)]
    fn anything_else_is_refused(#[case] change: Value, #[case] reason: Reason) {
        assert_eq!(judged(change), Err(reason));
    }

    fn strict() -> Arc<Dialect> {
        Arc::new(Profile::Rfc9068.dialect(&[API.to_owned()]))
    }

    fn remembering() -> Introspection {
        let minute = Duration::from_secs(60);
        Introspection::new("api".into(), Secret::new("s"), minute, 60, 0)
    }

    /// An answer of 30 kB that takes five times as much once it is read: many small maps.
    fn large(number: usize) -> Arc<Claims> {
        let mut response = json!({"sub": format!("user-{number}"), "client_id": "app", "aud": API});
        let small = (0..200).map(|n| json!({ "n": n }));
        response["groups"] = small.collect();
        response["text"] = "x".repeat(28_000).into();
        let Value::Object(response) = response else {
            panic!("an object")
        };
        Arc::new(Claims::read(response, &strict(), Origin::Introspection).unwrap())
    }

    fn keep(introspection: &Introspection, number: usize, answer: Answer, now: i64) {
        let key = encoding::sha256(&number.to_be_bytes());
        let remembered = introspection.remember(answer, now, now);
        introspection.answers.insert(key, remembered);
    }

    #[test]
    fn remembered_answers_are_bounded_by_the_memory_they_take() {
        let introspection = remembering();
        let answer = large(0);
        assert!(
            // How large a map is depends on what else serde_json was built for.
            (150_000..400_000).contains(&answer.memory()),
            "200 maps with a node each: {}",
            answer.memory()
        );
        for number in 0..200 {
            keep(&introspection, number, Ok(large(number)), 0);
        }
        let weight = introspection.answers.weight();
        assert!(weight <= MOST_MEMORY, "{weight}");

        let introspection = remembering();
        for number in 0..40_000 {
            keep(&introspection, number, Err(Reason::NotActive.into()), 0);
        }
        let answers = introspection.answers.len();
        assert!((10_000..35_000).contains(&answers), "{answers}");
    }

    #[test]
    fn an_answer_of_an_ordinary_size_takes_a_few_kilobytes() {
        let Value::Object(response) = json!({
            "active": true, "iss": ISSUER, "aud": API, "sub": "alice", "client_id": "app", "scope": "notes.read notes.write",
            "token_type": "Bearer", "exp": NOW + 1, "iat": NOW, "jti": "0123456789abcdef", "grant_id": "0123456789abcdef",
        }) else {
            panic!("an object")
        };
        let memory = Claims::read(response, &strict(), Origin::Introspection)
            .unwrap()
            .memory();
        assert!((1_000..4_000).contains(&memory), "{memory}");
    }

    /// Attacks: AD70.
    #[test]
    fn what_was_asked_before_something_ended_says_nothing_of_it() {
        let remembered = remembering().remember(Ok(large(0)), 1_000, 1_500);
        assert!(remembered.holds(2_000, i64::MIN));
        assert!(remembered.holds(2_000, 999));
        for ended_at in [1_000, 1_400, 1_600] {
            assert!(!remembered.holds(2_000, ended_at));
        }
    }

    #[test]
    fn what_is_past_its_time_is_freed() {
        let introspection = remembering();
        // Small ones: where they are kept is drawn by lot, and large ones make no room for each other.
        for number in 0..10 {
            keep(&introspection, number, Err(Reason::NotActive.into()), 0);
        }
        let kept = introspection.answers.len();
        assert_eq!(kept, 10);
        introspection.sweep(BETWEEN_SWEEPS - 1);
        assert_eq!(introspection.answers.len(), kept, "they are good for 30 s");
        introspection.sweep(BETWEEN_SWEEPS);
        assert_eq!(introspection.answers.len(), 0);
        assert_eq!(introspection.answers.weight(), 0);
    }
}
