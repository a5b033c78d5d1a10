//! Sign-in attempts: what a browser keeps between leaving for the issuer and coming back.
//!
//! Each attempt has a sealed cookie of its own, so that two tabs never overwrite each other, and nothing is stored here: a
//! flood of attempts costs CPU. The one thing remembered is which attempts were used, so that an answer counts once.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use safeconduct_protocol::encoding;
use safeconduct_protocol::pkce::CodeVerifier;
use safeconduct_protocol::random;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::seal::{Kind, Seal};
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::session::cookie::Cookies;
use crate::sign_in::return_to::ReturnTo;
use crate::sign_in::step_up::{StepUp, SteppingUp};
use crate::tokens::proof_key::StoredKey;

/// How long a user may take to sign in, in seconds.
pub(crate) const ATTEMPT_LIFETIME: i64 = 600;
/// How many attempts one browser keeps, and how many bytes of them; the oldest give way, so that no header outgrows a proxy's limit.
const MOST_ATTEMPTS: usize = 5;
const MOST_BYTES: usize = 7 * 1024;
/// The longest list of scopes of one sign-in, in bytes.
const LONGEST_SCOPE: usize = 1024;
/// How many used attempts are remembered. Beyond it the oldest are forgotten, though not yet expired.
const MOST_USED: usize = 100_000;
/// What the names of all attempt cookies begin with; the mark of this client follows.
const COOKIE: &str = "sc-login-";

/// A sign-in under way, as its cookie told it.
pub(crate) struct Attempt {
    pub(crate) id: String,
    pub(crate) code_verifier: CodeVerifier,
    pub(crate) return_to: ReturnTo,
    /// How long before this attempt the user may have signed in at the issuer, in seconds.
    max_age: Option<i64>,
    /// What else it is held to if it steps up.
    pub(crate) step_up: Option<SteppingUp>,
    /// The key that the tokens will be bound to.
    pub(crate) proof_key: Option<StoredKey>,
    /// Where the answer goes, if that is not the client's own redirect URI.
    pub(crate) redirect_uri: Option<String>,
    /// What it asked for, where that is not what all sign-ins do.
    pub(crate) scope: Option<Scope>,
    expires: Timestamp,
}

/// What a sign-in is held to, beyond that it is one.
#[derive(Clone, Default)]
pub(crate) struct Wanted {
    /// How long before this attempt the user may have signed in at the issuer, in seconds.
    pub(crate) max_age: Option<i64>,
    pub(crate) step_up: Option<SteppingUp>,
    /// The key that the tokens will be bound to.
    pub(crate) proof_key: Option<StoredKey>,
    /// Where the answer goes, if that is not the client's own redirect URI.
    pub(crate) redirect_uri: Option<String>,
    /// What is asked for, where that is not what all sign-ins ask for.
    pub(crate) scope: Option<Scope>,
}

/// A sign-in that just began: the attempt, and the `state` that only the issuer and this browser will know.
pub(crate) struct StartedAttempt {
    pub(crate) attempt: Attempt,
    pub(crate) state: String,
}

/// The content of the cookie. The issuer, the client and the redirect_uri are in the seal's context: a cookie of another
/// issuer does not open.
#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    #[serde(rename = "v")]
    code_verifier: std::borrow::Cow<'a, str>,
    #[serde(rename = "s")]
    state_hash: String,
    #[serde(rename = "r")]
    return_to: std::borrow::Cow<'a, str>,
    #[serde(rename = "e")]
    expires: Timestamp,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    max_age: Option<i64>,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    proof_key: Option<StoredKey>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    step_up: Option<SteppingUp>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
}

/// The attempts of one client.
pub(crate) struct Attempts {
    seal: Arc<Seal>,
    cookies: Cookies,
    /// What the names of this client's attempt cookies begin with: on localhost the cookies of other apps come along, and
    /// are none of its business.
    name: String,
    used: Mutex<Used>,
}

impl Attempt {
    fn of(id: &str, sealed: Sealed<'_>) -> Option<Self> {
        Some(Self {
            id: id.to_owned(),
            code_verifier: CodeVerifier::parse(&sealed.code_verifier)?,
            return_to: ReturnTo::parse(&sealed.return_to)?,
            max_age: sealed.max_age,
            step_up: sealed.step_up,
            proof_key: sealed.proof_key,
            redirect_uri: sealed.redirect_uri,
            scope: sealed.scope,
            expires: sealed.expires,
        })
    }

    /// What the ID Token must repeat (OpenID Connect Core §15.5.2). It follows from the verifier, so that there is no attempt
    /// without one, and does not tell it.
    pub(crate) fn nonce(&self) -> String {
        let verifier = self.code_verifier.expose().as_bytes();
        encoding::encode(&encoding::hmac_sha256(
            verifier,
            b"safeconduct-client nonce",
        ))
    }

    /// What was asked for, if it steps up.
    pub(crate) fn asked_step_up(&self) -> Option<StepUp> {
        let step_up = self.step_up.as_ref()?;
        Some(StepUp::new(
            step_up.acr_values().map(str::to_owned),
            self.max_age,
        ))
    }

    /// Since when the user must have signed in at the issuer, if that was asked.
    pub(crate) fn signed_in_since(&self) -> Option<Timestamp> {
        let begun = self.expires.plus(-ATTEMPT_LIFETIME);
        self.max_age
            .map(|seconds| begun.plus(seconds.saturating_neg()))
    }
}

#[derive(Default)]
struct Used {
    ids: HashSet<String>,
    by_age: VecDeque<(String, Timestamp)>,
}

impl Attempts {
    /// The attempts of the client that `mark` tells from others of the same host.
    pub(crate) fn new(seal: Arc<Seal>, cookies: Cookies, mark: &str) -> Self {
        Self {
            seal,
            cookies,
            name: format!("{COOKIE}{mark}-"),
            used: Mutex::default(),
        }
    }

    /// Begins an attempt that will end at `return_to`. The state leads with the attempt's id, which names its cookie.
    pub(crate) fn begin(
        &self,
        return_to: ReturnTo,
        wanted: Wanted,
        now: Timestamp,
    ) -> StartedAttempt {
        let id = encoding::encode(&random::bytes::<8>());
        let state = format!("{id}.{}", random::token());
        let attempt = Attempt {
            id,
            code_verifier: CodeVerifier::generate(),
            return_to,
            max_age: wanted.max_age,
            step_up: wanted.step_up,
            proof_key: wanted.proof_key,
            redirect_uri: wanted.redirect_uri,
            scope: wanted.scope,
            expires: now.plus(ATTEMPT_LIFETIME),
        };
        StartedAttempt { attempt, state }
    }

    /// The cookies that go with a new attempt: its own, and the removal of old ones from `cookie_header`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no key to seal with.
    pub(crate) fn set_cookies(
        &self,
        begun: &StartedAttempt,
        cookie_header: &[u8],
        now: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let attempt = &begun.attempt;
        let scope = attempt.scope.as_ref();
        if scope.is_some_and(|scope| scope.to_string().len() > LONGEST_SCOPE) {
            return Err(Error::configuration(
                "the scopes of one sign-in are longer than 1 KiB: name them as the client's, which no cookie keeps",
            ));
        }
        let sealed = Sealed {
            code_verifier: attempt.code_verifier.expose().into(),
            state_hash: encoding::sha256_base64url(begun.state.as_bytes()),
            return_to: attempt.return_to.as_str().into(),
            expires: attempt.expires,
            max_age: attempt.max_age,
            proof_key: attempt.proof_key.clone(),
            step_up: attempt.step_up.clone(),
            redirect_uri: attempt.redirect_uri.clone(),
            scope: attempt.scope.clone(),
        };
        let value = self
            .seal
            .seal(Kind::LoginAttempt, &sealed)
            .map_err(|error| Error::configuration("no key seals cookies").with_source(error))?;
        let own = self
            .cookies
            .set(&self.cookie(&attempt.id), &value, ATTEMPT_LIFETIME);
        let room = MOST_BYTES.saturating_sub(self.cookie(&attempt.id).len() + value.len());
        let mut all = vec![own];
        all.extend(self.surplus(cookie_header, room, now));
        Ok(all)
    }

    /// The attempt that `state` belongs to, if this very browser began it and it has not expired.
    ///
    /// # Errors
    /// [`ErrorKind::AttemptUnknown`], [`ErrorKind::AttemptExpired`].
    pub(crate) fn find(
        &self,
        state: &str,
        cookie_header: &[u8],
        now: Timestamp,
    ) -> Result<Attempt, Error> {
        let unknown = |why: &str| Error::new(ErrorKind::AttemptUnknown, why);
        let (id, _) = state
            .split_once('.')
            .ok_or_else(|| unknown("the answer's state is none of this app's"))?;
        let state_hash = encoding::sha256_base64url(state.as_bytes());
        let mut error = unknown(
            "no cookie of this browser belongs to the answer's state: the sign-in was completed, or began in another browser",
        );
        for value in self.cookies.values(cookie_header, &self.cookie(id)) {
            error = match self.seal.open::<Sealed<'_>>(Kind::LoginAttempt, value) {
                Err(_) => unknown(
                    "the cookie of the sign-in does not open: it is another app's, or from before the session keys changed",
                ),
                Ok(sealed)
                    if !encoding::constant_time_eq(
                        sealed.state_hash.as_bytes(),
                        state_hash.as_bytes(),
                    ) =>
                {
                    unknown("the answer's state is not the one that was sent")
                }
                Ok(sealed) if sealed.expires <= now => Error::new(
                    ErrorKind::AttemptExpired,
                    "the sign-in began more than ten minutes ago",
                ),
                Ok(sealed) => match Attempt::of(id, sealed) {
                    Some(attempt) => return Ok(attempt),
                    None => unknown("the cookie of the sign-in is none that this version reads"),
                },
            };
        }
        Err(error)
    }

    /// Marks the attempt as used.
    ///
    /// # Errors
    /// [`ErrorKind::AttemptUsed`] if it was: a second redemption would look like a stolen code and end the first.
    pub(crate) fn spend(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Error> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget(now);
        if !used.ids.insert(attempt.id.clone()) {
            return Err(Error::new(ErrorKind::AttemptUsed, "the answer came twice"));
        }
        used.by_age.push_back((attempt.id.clone(), attempt.expires));
        Ok(())
    }

    /// The `Set-Cookie` value that ends the attempt.
    pub(crate) fn clear(&self, attempt: &Attempt) -> String {
        self.cookies.clear(&self.cookie(&attempt.id))
    }

    /// Removals for every attempt cookie that is broken, expired, or one too many beside a new one, which leaves `room` bytes to them.
    fn surplus(&self, cookie_header: &[u8], room: usize, now: Timestamp) -> Vec<String> {
        let mut live = Vec::new();
        let mut surplus = Vec::new();
        for (name, value) in self.cookies.beginning(cookie_header, &self.name) {
            match self.seal.open::<Sealed<'_>>(Kind::LoginAttempt, value) {
                Ok(sealed) if now < sealed.expires => {
                    live.push((sealed.expires, name, name.len() + value.len()));
                }
                _ => surplus.push(name),
            }
        }
        live.sort_unstable();
        let mut taken = 0;
        let newest_first = live.iter().rev().enumerate();
        surplus.extend(newest_first.filter_map(|(number, (_, name, length))| {
            taken += length;
            (number + 1 >= MOST_ATTEMPTS || taken > room).then_some(*name)
        }));
        surplus
            .into_iter()
            .filter(|name| {
                name.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            })
            .map(|name| self.cookies.clear(name))
            .collect()
    }

    fn cookie(&self, id: &str) -> String {
        format!("{}{id}", self.name)
    }
}

impl Used {
    fn forget(&mut self, now: Timestamp) {
        while let Some((id, expires)) = self.by_age.front() {
            if *expires > now && self.by_age.len() < MOST_USED {
                break;
            }
            self.ids.remove(id);
            self.by_age.pop_front();
        }
    }
}

/// An authorization code on its way to be redeemed, with the proof that this client asked for it.
pub struct CodeExchange {
    pub(crate) code: Secret,
    pub(crate) attempt: Attempt,
    /// What was posted of the user beside the code.
    pub(crate) posted_user: Option<Value>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::key_ring::KeyRing;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn attempts() -> Attempts {
        let seal = KeyRing::generate().seal("https://id.example.com");
        Attempts::new(
            Arc::new(seal),
            Cookies {
                secure: true,
                cross_site: false,
            },
            "mark",
        )
    }

    fn begin(attempts: &Attempts, header: &str, now: Timestamp) -> (StartedAttempt, Vec<String>) {
        let key = StoredKey::generate().unwrap();
        let begun = attempts.begin(
            ReturnTo::parse("/notes").unwrap(),
            Wanted {
                max_age: Some(300),
                step_up: Some(SteppingUp::new(&StepUp::acr(["mfa"]), Some("ada"))),
                proof_key: Some(key),
                redirect_uri: None,
                scope: None,
            },
            now,
        );
        let cookies = attempts
            .set_cookies(&begun, header.as_bytes(), now)
            .unwrap();
        (begun, cookies)
    }

    fn pair(set_cookie: &str) -> &str {
        set_cookie.split(';').next().unwrap()
    }

    /// Attacks: K01.
    #[test]
    fn an_attempt_is_found_by_its_own_state_in_its_own_browser() {
        let attempts = attempts();
        let (begun, cookies) = begin(&attempts, "", NOW);
        let header = format!("other=1; {}", pair(&cookies[0]));
        let found = attempts.find(&begun.state, header.as_bytes(), NOW).unwrap();
        assert_eq!(found.return_to.as_str(), "/notes");
        assert_eq!(
            found.code_verifier.expose(),
            begun.attempt.code_verifier.expose()
        );
        assert_eq!(found.nonce(), begun.attempt.nonce());
        assert_eq!(found.signed_in_since(), Some(NOW.plus(-300)));
        let asked = StepUp::acr(["mfa"]).and_within(Duration::from_secs(300));
        assert_eq!(found.asked_step_up(), Some(asked));
        assert!(
            found
                .step_up
                .as_ref()
                .is_some_and(|step_up| !step_up.is_of("eve"))
        );
        let thumbprint = |attempt: &Attempt| attempt.proof_key.as_ref().unwrap().thumbprint();
        assert_eq!(
            thumbprint(&found).unwrap(),
            thumbprint(&begun.attempt).unwrap()
        );

        let another_state = format!("{}.{}", begun.attempt.id, random::token());
        assert!(
            attempts
                .find(&another_state, header.as_bytes(), NOW)
                .is_err()
        );
        assert!(
            attempts
                .find(&begun.attempt.id, header.as_bytes(), NOW)
                .is_err()
        );
        assert!(attempts.find("", header.as_bytes(), NOW).is_err());
        assert!(attempts.find(&begun.state, b"", NOW).is_err());
    }

    /// Attacks: K02.
    #[test]
    fn why_there_is_no_attempt_is_told_apart() {
        let attempts = attempts();
        let (begun, cookies) = begin(&attempts, "", NOW);
        let header = pair(&cookies[0]);
        let found = |state: &str, header: &str, now: Timestamp| {
            let found = attempts.find(state, header.as_bytes(), now);
            found.err().map(|error| (error.kind(), error.to_string()))
        };
        assert_eq!(found(&begun.state, header, NOW), None);
        let (kind, why) = found(&begun.state, header, NOW.plus(600)).unwrap();
        assert_eq!(kind, ErrorKind::AttemptExpired);
        assert!(why.contains("ten minutes"), "{why}");
        let changed = format!("{}.changed", begun.attempt.id);
        let replaced_keys = format!("{}=AAAA", header.split('=').next().unwrap());
        for (state, header, says) in [
            ("foreign", header, "none of this app's"),
            (&changed, header, "not the one that was sent"),
            (&begun.state, "", "no cookie"),
            (&begun.state, &replaced_keys, "does not open"),
        ] {
            let (kind, why) = found(state, header, NOW).unwrap();
            assert_eq!(kind, ErrorKind::AttemptUnknown);
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn an_attempt_lives_ten_minutes() {
        let attempts = attempts();
        let (begun, cookies) = begin(&attempts, "", NOW);
        let header = pair(&cookies[0]).as_bytes();
        assert!(attempts.find(&begun.state, header, NOW.plus(599)).is_ok());
        assert!(attempts.find(&begun.state, header, NOW.plus(600)).is_err());
    }

    #[test]
    fn a_cookie_under_another_attempts_name_does_not_count() {
        let attempts = attempts();
        let (first, cookies) = begin(&attempts, "", NOW);
        let (second, _) = begin(&attempts, "", NOW);
        let swapped = pair(&cookies[0]).replace(&first.attempt.id, &second.attempt.id);
        assert!(
            attempts
                .find(&second.state, swapped.as_bytes(), NOW)
                .is_err()
        );
    }

    /// Attacks: K06.
    #[test]
    fn every_attempt_has_a_nonce_of_its_own_that_tells_no_verifier() {
        let attempts = attempts();
        let (one, _) = begin(&attempts, "", NOW);
        let (two, _) = begin(&attempts, "", NOW);
        assert_ne!(one.attempt.nonce(), two.attempt.nonce());
        assert_eq!(one.attempt.nonce().len(), 43);
        assert_ne!(
            one.attempt.nonce(),
            one.attempt.code_verifier.challenge().as_str()
        );
        assert!(
            !one.attempt
                .nonce()
                .contains(one.attempt.code_verifier.expose())
        );
    }

    #[test]
    fn a_cookie_of_the_version_before_still_opens() {
        let before = r#"{"v":"verifier","s":"hash","r":"/","e":1800000600}"#;
        let sealed: Sealed<'_> = serde_json::from_str(before).ok().unwrap();
        assert_eq!(sealed.expires, NOW.plus(600));
        assert!(sealed.max_age.is_none() && sealed.proof_key.is_none());
        assert!(sealed.step_up.is_none() && sealed.scope.is_none());
    }

    /// Attacks: Z04.
    #[test]
    fn five_attempts_at_their_largest_fit_a_header() {
        let attempts = attempts();
        let longest = ReturnTo::parse(&format!("/{}", "a".repeat(511))).unwrap();
        let key = StoredKey::generate().unwrap();
        let asked = StepUp::acr(["a".repeat(120)]);
        let wanted = Wanted {
            max_age: Some(i64::MAX),
            step_up: Some(SteppingUp::new(&asked, Some("ada"))),
            proof_key: Some(key),
            // An app with one has no browser that keeps cookies.
            redirect_uri: None,
            scope: None,
        };
        let begun = attempts.begin(longest, wanted, NOW);
        let cookies = attempts.set_cookies(&begun, b"", NOW).unwrap();
        let length = 5 * pair(&cookies[0]).len();
        assert!(length < 7 * 1024, "{length}");
    }

    #[test]
    fn the_cookie_shows_neither_state_nor_verifier() {
        let (begun, cookies) = begin(&attempts(), "", NOW);
        assert!(!cookies[0].contains(begun.attempt.code_verifier.expose()));
        assert!(!cookies[0].contains(begun.state.split_once('.').unwrap().1));
    }

    /// Attacks: K02.
    #[test]
    fn the_sixth_attempt_pushes_out_the_oldest() {
        let attempts = attempts();
        let mut header = Vec::new();
        let mut names = Vec::new();
        for second in 0..5 {
            let (begun, cookies) = begin(&attempts, &header.join("; "), NOW.plus(second));
            assert_eq!(cookies.len(), 1);
            header.push(pair(&cookies[0]).to_owned());
            names.push(begun.attempt.id);
        }
        let (_, cookies) = begin(&attempts, &header.join("; "), NOW.plus(5));
        assert_eq!(cookies.len(), 2);
        assert!(cookies[1].starts_with(&format!(
            "__Host-sc-login-mark-{}=; Path=/; Max-Age=0",
            names[0]
        )));
    }

    /// Attacks: Z04.
    #[test]
    fn attempts_that_ask_for_much_push_out_the_oldest_before_a_header_is_too_long() {
        let attempts = attempts();
        let names: Vec<String> = (0..50)
            .map(|n| format!("api.example.scope{n:02}"))
            .collect();
        let mut jar: Vec<String> = Vec::new();
        for second in 0..8 {
            let scope = Scope::parse(&names.join(" ")).unwrap();
            let wanted = Wanted {
                scope: Some(scope.clone()),
                ..Wanted::default()
            };
            let now = NOW.plus(second);
            let begun = attempts.begin(ReturnTo::default(), wanted, now);
            let header = jar.join("; ");
            let cookies = attempts
                .set_cookies(&begun, header.as_bytes(), now)
                .unwrap();
            for removed in &cookies[1..] {
                let name = removed.split('=').next().unwrap();
                jar.retain(|kept| !kept.starts_with(name));
            }
            jar.push(pair(&cookies[0]).to_owned());
            let length = jar.join("; ").len();
            assert!(length < 8 * 1024, "{length}");
            let header = jar.join("; ");
            let found = attempts.find(&begun.state, header.as_bytes(), now).unwrap();
            assert_eq!(found.scope, Some(scope));
        }
        assert!(jar.len() > 1, "there is room for more than one");
        let too_much = Scope::parse(&"s".repeat(LONGEST_SCOPE + 1));
        let wanted = Wanted {
            scope: too_much,
            ..Wanted::default()
        };
        let begun = attempts.begin(ReturnTo::default(), wanted, NOW);
        let refused = attempts.set_cookies(&begun, b"", NOW).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration);
    }

    #[test]
    fn broken_and_foreign_attempt_cookies_are_removed() {
        let (_, foreign) = begin(&attempts(), "", NOW);
        let header = format!(
            "__Host-sc-login-mark-x=junk; {}; sc-app=kept",
            pair(&foreign[0])
        );
        let (_, cookies) = begin(&attempts(), &header, NOW);
        assert_eq!(cookies.len(), 3);
    }

    /// Attacks: K02.
    #[test]
    fn an_attempt_is_spent_once() {
        let attempts = attempts();
        let (begun, _) = begin(&attempts, "", NOW);
        assert!(attempts.spend(&begun.attempt, NOW).is_ok());
        let again = attempts.spend(&begun.attempt, NOW.plus(599)).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AttemptUsed);
    }

    #[test]
    fn bytes_of_others_hide_no_attempt() {
        let attempts = attempts();
        let (begun, cookies) = begin(&attempts, "", NOW);
        let header = [b"theme=caf\xe9; \xff=\xff; ", pair(&cookies[0]).as_bytes()].concat();
        assert!(attempts.find(&begun.state, &header, NOW).is_ok());
    }

    /// On localhost every port sends the cookies of all.
    #[test]
    fn the_attempts_of_another_app_are_left_alone() {
        let seal = Arc::new(KeyRing::generate().seal("https://id.example.com"));
        let cookies = Cookies {
            secure: false,
            cross_site: false,
        };
        let one = Attempts::new(seal.clone(), cookies, "one");
        let other = Attempts::new(seal, cookies, "other");
        let mut jar = Vec::new();
        for _ in 0..MOST_ATTEMPTS {
            let (_, set) = begin(&one, &jar.join("; "), NOW);
            jar.push(pair(&set[0]).to_owned());
        }
        let (_, set) = begin(&other, &jar.join("; "), NOW);
        assert_eq!(set.len(), 1, "its own, and no removal");
    }
}
