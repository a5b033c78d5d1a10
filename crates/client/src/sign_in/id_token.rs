//! What an ID Token must say before a user is signed in with it (OpenID Connect Core §3.1.3.7), and again when tokens are
//! refreshed (§12.2). Pure.
//!
//! Whose keys verify it is `issuer/judge.rs`'s concern; what an app reads from it, `identity.rs`'s.

use safeconduct_protocol::encoding;
use safeconduct_protocol::id_token::{ID_TOKEN_TYP, at_hash};
use safeconduct_protocol::jose::{Algorithm, Audience, Expectation, KeySet, Typ, Verified, verify};
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::grammar;
use crate::issuer::refused::Refused;
use crate::sign_in::step_up::SteppingUp;
use crate::tokens::stored::exposed;

/// How long ago an ID Token that answers us may have been issued, in seconds.
const OLDEST: i64 = 600;

/// Who is signed in, as the session keeps it. `Serialize` is for the seal alone; it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredIdentity {
    /// Verified, and kept as it came: the claims are read from it, and it is the hint of a sign-out.
    #[serde(serialize_with = "exposed")]
    pub(crate) id_token: Secret,
    pub(crate) sub: String,
    /// The session at the issuer, by which the issuer ends this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    nonce: String,
    /// What the userinfo endpoint said beyond the ID Token.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) user_info: Map<String, Value>,
}

/// How far the issuer's clock may be off, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leeway {
    /// Ahead of ours.
    pub(crate) ahead: i64,
    /// Behind ours: for how long a token is taken past its `exp`.
    pub(crate) past_expiry: i64,
}

/// What every ID Token for this client is held to.
pub(crate) struct IdTokenRules<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    /// Who may be named in `aud` beside this client.
    pub(crate) trusted: &'a [String],
    pub(crate) leeway: Leeway,
    /// The one that this client is registered with.
    pub(crate) algorithm: Algorithm,
    /// The access token it came with.
    pub(crate) access_token: &'a Secret,
}

/// What the ID Token that ends a sign-in must answer to.
pub(crate) struct ExpectedSignIn<'a> {
    pub(crate) nonce: &'a str,
    /// Since when the user must have signed in, where `max_age` was asked. It is counted from the request: a user who takes their
    /// time over the consent page signed in no earlier for it.
    pub(crate) signed_in_since: Option<Timestamp>,
    /// What a step-up asked for beside that (RFC 9470 §4).
    pub(crate) step_up: Option<&'a SteppingUp>,
}

impl IdTokenRules<'_> {
    /// Judges the ID Token that ends a sign-in.
    pub(crate) fn at_sign_in(
        &self,
        token: &Secret,
        asked: &ExpectedSignIn<'_>,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<StoredIdentity, Refused> {
        let claims = self.verify(token, keys, now)?;
        let nonce = text(&claims, "nonce")?.ok_or(Refused::Claim("nonce is missing"))?;
        if !encoding::constant_time_eq(nonce.as_bytes(), asked.nonce.as_bytes()) {
            return Err(Refused::Claim("nonce is not the one that was sent"));
        }
        let auth_time = self.auth_time(&claims, now)?;
        if let Some(since) = asked.signed_in_since {
            let auth_time = auth_time.ok_or(Refused::Claim(
                "auth_time is missing, though max_age was asked",
            ))?;
            if auth_time.plus(self.leeway.ahead) < since {
                let why = "auth_time is longer ago than max_age";
                return Err(match asked.step_up {
                    Some(_) => Refused::TooLittle(why),
                    None => Refused::Claim(why),
                });
            }
        }
        let sub = subject(&claims)?;
        if let Some(step_up) = asked.step_up {
            check_step_up(step_up, sub, text(&claims, "acr")?)?;
        }
        Ok(StoredIdentity {
            id_token: token.clone(),
            sub: sub.to_owned(),
            sid: session(&claims)?.map(str::to_owned),
            auth_time,
            nonce: nonce.to_owned(),
            user_info: Map::new(),
        })
    }

    /// Judges the ID Token that came with refreshed tokens: it must speak of the same user and the same sign-in as the one
    /// `before`. It needs no nonce; one that is there must be the old one.
    pub(crate) fn at_refresh(
        &self,
        token: &Secret,
        before: &StoredIdentity,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<StoredIdentity, Refused> {
        let claims = self.verify(token, keys, now)?;
        if subject(&claims)? != before.sub {
            return Err(Refused::AnotherSignIn("sub is another user"));
        }
        let auth_time = self.auth_time(&claims, now)?;
        if auth_time.is_some() && before.auth_time.is_some() && auth_time != before.auth_time {
            return Err(Refused::AnotherSignIn("auth_time is of another sign-in"));
        }
        if text(&claims, "nonce")?.is_some_and(|nonce| nonce != before.nonce) {
            return Err(Refused::AnotherSignIn("nonce is of another sign-in"));
        }
        Ok(StoredIdentity {
            id_token: token.clone(),
            sid: session(&claims)?.map(str::to_owned).or(before.sid.clone()),
            auth_time: before.auth_time.or(auth_time),
            ..before.clone()
        })
    }

    /// What holds for both.
    fn verify(&self, token: &Secret, keys: &KeySet, now: Timestamp) -> Result<Verified, Refused> {
        let trusted: Vec<&str> = self.trusted.iter().map(String::as_str).collect();
        let expectation = Expectation::new(
            Typ::OneOfOrAbsent(&[ID_TOKEN_TYP]),
            std::slice::from_ref(&self.algorithm),
            self.issuer,
            Audience::OnlyWith(self.client_id, &trusted),
        )
        .leeway(self.leeway.ahead)
        .expiry_leeway(self.leeway.past_expiry)
        .max_age(OLDEST);
        let claims = verify(token.expose(), &expectation, keys, now)?;
        // A logout token without a type of its own reads like a refreshed ID Token, which needs no nonce.
        if claims.claim("events").is_some() {
            return Err(Refused::Claim(
                "events is there: this may be a logout token",
            ));
        }
        match text(&claims, "azp")? {
            Some(party) if party != self.client_id => {
                return Err(Refused::Claim("azp is another client"));
            }
            // Which of them asked for it, nothing else says (§3.1.3.7 item 4).
            None if claims.aud().iter().any(|member| *member != self.client_id) => {
                return Err(Refused::Claim("azp is missing beside several audiences"));
            }
            _ => {}
        }
        if let Some(sent) = text(&claims, "at_hash")? {
            let hash = at_hash(claims.algorithm(), self.access_token.expose());
            if !encoding::constant_time_eq(sent.as_bytes(), hash.as_bytes()) {
                return Err(Refused::Claim("at_hash is of another access token"));
            }
        }
        Ok(claims)
    }

    fn auth_time(&self, claims: &Verified, now: Timestamp) -> Result<Option<Timestamp>, Refused> {
        let Some(claim) = claims.claim("auth_time") else {
            return Ok(None);
        };
        let auth_time = Timestamp::from_numeric_date(claim)
            .ok_or(Refused::Claim("auth_time is no number of seconds"))?;
        if auth_time > now.plus(self.leeway.ahead) {
            return Err(Refused::Claim("auth_time lies in the future"));
        }
        Ok(Some(auth_time))
    }
}

/// A step-up is the same user's, and ends with one of the contexts that were asked for: what the issuer does not say is not met.
fn check_step_up(step_up: &SteppingUp, sub: &str, acr: Option<&str>) -> Result<(), Refused> {
    if !step_up.is_of(sub) {
        return Err(Refused::AnotherUser);
    }
    match step_up.acr_values() {
        Some(asked) if !asked.split(' ').any(|value| Some(value) == acr) => Err(
            Refused::TooLittle("acr is none of those that were asked for"),
        ),
        _ => Ok(()),
    }
}

fn subject(claims: &Verified) -> Result<&str, Refused> {
    claims
        .sub()
        .filter(|sub| grammar::is_subject(sub))
        .ok_or(Refused::Claim("sub is missing, empty or too long"))
}

/// The session at the issuer, where the token names one.
pub(crate) fn session(claims: &Verified) -> Result<Option<&str>, Refused> {
    match text(claims, "sid")? {
        Some(sid) if !grammar::is_session(sid) => Err(Refused::Claim("sid is empty or too long")),
        sid => Ok(sid),
    }
}

/// A claim that is text, if it is there.
fn text<'c>(claims: &'c Verified, name: &str) -> Result<Option<&'c str>, Refused> {
    match claims.claim(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refused::Claim(match name {
            "nonce" => "nonce is no text",
            "acr" => "acr is no text",
            "azp" => "azp is no text",
            "at_hash" => "at_hash is no text",
            "sid" => "sid is no text",
            _ => "a claim that must be text is none",
        })),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use rstest::rstest;
    use safeconduct_protocol::jose::{JoseError, LEEWAY, SigningKey};
    use safeconduct_protocol::logout::BACK_CHANNEL_EVENT;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const ISSUER: &str = "https://id.example.com";
    const US: &str = "notes-web";
    static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());
    static ACCESS_TOKEN: LazyLock<Secret> = LazyLock::new(|| Secret::new("at"));

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "aud": US, "sub": "ada", "iat": NOW, "exp": NOW.plus(300), "nonce": "n-1",
            "auth_time": NOW.plus(-60), "sid": "s-1", "at_hash": at_hash(Algorithm::Es256, "at"),
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn rules(algorithm: Algorithm) -> IdTokenRules<'static> {
        IdTokenRules {
            issuer: ISSUER,
            client_id: US,
            trusted: &[],
            leeway: Leeway {
                ahead: LEEWAY,
                past_expiry: 0,
            },
            algorithm,
            access_token: &ACCESS_TOKEN,
        }
    }

    fn signed(claims: &Value) -> Secret {
        Secret::new(KEY.sign_jwt("JWT", claims).unwrap())
    }

    fn keys() -> KeySet {
        KeySet::new(vec![KEY.verification_key()])
    }

    fn judge(token: &Secret, max_age: Option<i64>) -> Result<StoredIdentity, Refused> {
        let asked = ExpectedSignIn {
            nonce: "n-1",
            signed_in_since: max_age.map(|seconds| NOW.plus(-seconds)),
            step_up: None,
        };
        rules(Algorithm::Es256).at_sign_in(token, &asked, &keys(), NOW)
    }

    fn refusal(claims: &Value) -> Refused {
        assert!(judge(&signed(&self::claims()), None).is_ok());
        let refused = judge(&signed(claims), None).err().unwrap();
        assert!(judge(&signed(&self::claims()), None).is_ok());
        refused
    }

    #[test]
    fn an_honest_id_token_says_who_signed_in() {
        let identity = judge(&signed(&claims()), Some(60)).ok().unwrap();
        assert_eq!(
            (identity.sub.as_str(), identity.sid.as_deref()),
            ("ada", Some("s-1"))
        );
        for bare in ["auth_time", "sid", "at_hash"] {
            assert!(judge(&signed(&without(bare)), None).is_ok(), "{bare}");
        }
        assert!(judge(&signed(&with("azp", json!(US))), None).is_ok());
        assert!(judge(&signed(&with("aud", json!([US]))), None).is_ok());
    }

    /// Attacks: J08, K07.
    #[rstest]
    #[case::another_issuer(with("iss", json!("https://id.example.org")), JoseError::Issuer)]
    #[case::no_issuer(without("iss"), JoseError::Issuer)]
    #[case::another_audience(with("aud", json!("other")), JoseError::Audience)]
    #[case::a_second_audience(with("aud", json!([US, "other"])), JoseError::Audience)]
    #[case::no_audience(without("aud"), JoseError::Audience)]
    #[case::no_iat(without("iat"), JoseError::Claims)]
    #[case::old(with("iat", json!(NOW.plus(-601))), JoseError::TooOld)]
    #[case::from_the_future(with("iat", json!(NOW.plus(31))), JoseError::IssuedInFuture)]
    #[case::no_exp(without("exp"), JoseError::Claims)]
    #[case::expired(with("exp", json!(NOW)), JoseError::Expired)]
    fn what_is_not_for_us_and_now_is_refused(#[case] claims: Value, #[case] expected: JoseError) {
        assert_eq!(refusal(&claims), Refused::Token(expected));
    }

    #[rstest]
    #[case::no_subject(without("sub"))]
    #[case::empty_subject(with("sub", json!("")))]
    #[case::long_subject(with("sub", json!("s".repeat(256))))]
    #[case::no_nonce(without("nonce"))]
    #[case::empty_nonce(with("nonce", json!("")))]
    #[case::another_nonce(with("nonce", json!("n-2")))]
    #[case::longer_nonce(with("nonce", json!("n-1 ")))]
    #[case::nonce_in_a_list(with("nonce", json!(["n-1"])))]
    #[case::another_party(with("azp", json!("other")))]
    #[case::another_access_token(with("at_hash", json!(at_hash(Algorithm::Es256, "other"))))]
    #[case::whole_hash(with("at_hash", json!(encoding::sha256_base64url(b"at"))))]
    #[case::no_hash(with("at_hash", json!(null)))]
    #[case::sign_in_to_come(with("auth_time", json!(NOW.plus(31))))]
    #[case::sign_in_as_text(with("auth_time", json!("1800000000")))]
    #[case::empty_session(with("sid", json!("")))]
    fn what_does_not_answer_this_sign_in_is_refused(#[case] claims: Value) {
        assert!(matches!(refusal(&claims), Refused::Claim(_)));
    }

    /// Attacks: LI36.
    #[test]
    fn another_audience_is_taken_where_it_is_trusted_and_this_client_asked() {
        let trusted = ["project".to_owned(), "api".to_owned()];
        let rules = IdTokenRules {
            trusted: &trusted,
            ..rules(Algorithm::Es256)
        };
        let judge = |aud: Value, azp: Value| {
            let mut claims = with("aud", aud);
            claims["azp"] = azp;
            let asked = ExpectedSignIn {
                nonce: "n-1",
                signed_in_since: None,
                step_up: None,
            };
            let judged = rules.at_sign_in(&signed(&claims), &asked, &keys(), NOW);
            judged.map(|identity| identity.sub)
        };
        let us = || json!(US);
        assert_eq!(judge(json!([US, "project"]), us()).unwrap(), "ada");
        assert_eq!(judge(json!(["api", US, "project"]), us()).unwrap(), "ada");
        let audience = Some(Refused::Token(JoseError::Audience));
        for aud in [
            json!([US, "other"]),
            json!([US, "project", "other"]),
            json!(["project"]),
            json!("project"),
            json!([]),
        ] {
            assert_eq!(judge(aud, us()).err(), audience);
        }
        for azp in [json!("project"), json!(null), json!([US])] {
            let refused = judge(json!([US, "project"]), azp).err().unwrap();
            assert!(matches!(refused, Refused::Claim(_)), "{refused:?}");
        }
        let mut silent = with("aud", json!([US, "project"]));
        silent.as_object_mut().unwrap().remove("azp");
        let missing = rules.verify(&signed(&silent), &keys(), NOW).err();
        let expected = Refused::Claim("azp is missing beside several audiences");
        assert_eq!(missing, Some(expected));
    }

    /// Attacks: LI24, LI25.
    #[test]
    fn a_fraction_of_a_second_and_a_clock_that_is_off_keep_nobody_out() {
        let rules = |leeway| IdTokenRules {
            leeway,
            ..rules(Algorithm::Es256)
        };
        let exact = Leeway {
            ahead: 0,
            past_expiry: 0,
        };
        let lenient = Leeway {
            ahead: 60,
            past_expiry: 120,
        };
        let verify = |leeway, name: &str, value: Value| {
            let verified = rules(leeway).verify(&signed(&with(name, value)), &keys(), NOW);
            verified.map(drop)
        };
        let refused = |error| Err(Refused::Token(error));
        assert_eq!(verify(exact, "exp", json!(1_800_000_001.9)), Ok(()));
        assert_eq!(
            verify(exact, "exp", json!(1_800_000_000.9)),
            refused(JoseError::Expired)
        );
        assert_eq!(
            verify(exact, "exp", json!("1800000300")),
            refused(JoseError::Claims)
        );
        assert_eq!(verify(lenient, "exp", json!(NOW.plus(-119))), Ok(()));
        assert_eq!(
            verify(lenient, "exp", json!(NOW.plus(-120))),
            refused(JoseError::Expired)
        );
        assert_eq!(verify(lenient, "iat", json!(NOW.plus(60))), Ok(()));
        assert_eq!(
            verify(exact, "iat", json!(NOW.plus(1))),
            refused(JoseError::IssuedInFuture)
        );
    }

    #[test]
    fn a_logout_token_is_no_refreshed_id_token() {
        let before = judge(&signed(&claims()), None).ok().unwrap();
        let mut logout = without("nonce");
        for name in ["at_hash", "auth_time"] {
            logout.as_object_mut().unwrap().remove(name);
        }
        let judge = |claims: &Value| {
            rules(Algorithm::Es256).at_refresh(&signed(claims), &before, &keys(), NOW)
        };
        assert!(judge(&logout).is_ok(), "so much is an ID Token");
        logout["events"] = json!({ BACK_CHANNEL_EVENT: {} });
        assert!(matches!(judge(&logout), Err(Refused::Claim(_))));
    }

    /// Attacks: J01.
    #[test]
    fn no_other_token_and_no_other_algorithm_passes() {
        for typ in ["at+jwt", "logout+jwt", "dpop+jwt"] {
            let token = Secret::new(KEY.sign_jwt(typ, &claims()).unwrap());
            assert!(matches!(
                judge(&token, None),
                Err(Refused::Token(JoseError::Typ))
            ));
        }
        let asked = ExpectedSignIn {
            nonce: "n-1",
            signed_in_since: None,
            step_up: None,
        };
        let rules = rules(Algorithm::Rs256);
        let judged = rules.at_sign_in(&signed(&claims()), &asked, &keys(), NOW);
        assert!(matches!(judged, Err(Refused::Token(JoseError::Algorithm))));
    }

    #[test]
    fn max_age_needs_a_sign_in_that_is_recent_enough() {
        let aged = |seconds: i64| signed(&with("auth_time", json!(NOW.plus(-seconds))));
        assert!(judge(&aged(330), Some(300)).is_ok(), "the leeway");
        assert!(judge(&aged(331), Some(300)).is_err());
        assert!(judge(&aged(331), None).is_ok());
        assert!(judge(&signed(&without("auth_time")), Some(300)).is_err());
        assert!(judge(&aged(300), Some(i64::MAX)).is_ok());
    }

    /// Attacks: K07.
    #[test]
    fn a_refreshed_id_token_is_of_the_same_user_and_sign_in() {
        let before = judge(&signed(&claims()), None).ok().unwrap();
        let judge = |claims: &Value| {
            rules(Algorithm::Es256).at_refresh(&signed(claims), &before, &keys(), NOW)
        };
        assert!(judge(&claims()).is_ok());
        for bare in ["nonce", "auth_time", "sid", "at_hash"] {
            let after = judge(&without(bare)).ok().unwrap();
            assert_eq!(after.sid, before.sid);
            assert_eq!(after.auth_time, before.auth_time);
        }
        for (name, value) in [
            ("sub", json!("eve")),
            ("nonce", json!("n-2")),
            ("auth_time", json!(NOW)),
            ("iss", json!("https://id.example.org")),
            ("aud", json!([US, "other"])),
            ("azp", json!("other")),
            ("at_hash", json!(at_hash(Algorithm::Es256, "other"))),
        ] {
            let refused = judge(&with(name, value)).err().unwrap();
            let is_another = matches!(refused, Refused::AnotherSignIn(_));
            assert_eq!(
                is_another,
                ["sub", "nonce", "auth_time"].contains(&name),
                "{name}"
            );
            assert!(judge(&claims()).is_ok());
        }
    }
}
