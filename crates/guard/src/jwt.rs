//! Validating a JWT access token here, with the issuer's keys (RFC 9068 §4).

use safeconduct_issuer::{FetchErrorKind, GivenBy, is_key_unknown};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::{
    Algorithm, Audience, Expectation, JoseError, KeySet, Typ, Verified, unverified_issuer, verify,
};
use safeconduct_protocol::sent::{Sent, beside};
use serde_json::{Map, Value};

use crate::denied::{Refusal, text_of};
use crate::metadata::Keys;
use crate::reason::Reason;
use crate::token::Claims;

const TYP: &str = "at+jwt";

/// Whether `token` is to be read as a JWT: whatever else has two dots is a malformed one.
pub(crate) fn is_jwt(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// What a JWT is held to.
pub(crate) struct Jwt<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    /// In seconds.
    pub(crate) leeway: i64,
    pub(crate) keys: &'a Keys,
    pub(crate) clock: &'a Clock,
}

impl Jwt<'_> {
    /// The claims of `token`, if it is one of the issuer's for this API and valid now.
    pub(crate) async fn validate(&self, token: &str) -> Result<Claims, Refusal> {
        let keys = self.keys.current().await;
        let verified = match self.verify(token, &keys) {
            Err(error) if is_key_unknown(error, token) => self.seek(token).await?,
            Err(error) => return Err(self.refusal(error, token)),
            Ok(verified) => verified,
        };
        Claims::read(verified.claims().clone())?.complete()
    }

    fn verify(&self, token: &str, keys: &KeySet) -> Result<Verified, JoseError> {
        let expect = Expectation::new(
            Typ::OneOf(&[TYP]),
            &Algorithm::ALL,
            self.issuer,
            Audience::Member(self.audience),
        );
        verify(token, &expect.leeway(self.leeway), keys, self.clock.now())
    }

    /// Asks for the key that is not known; not for the token of another issuer.
    async fn seek(&self, token: &str) -> Result<Verified, Refusal> {
        if unverified_issuer(token).as_deref() != Some(self.issuer) {
            return Err(self.refusal(JoseError::Issuer, token));
        }
        let holds = |keys: &KeySet| {
            let verified = self.verify(token, keys);
            !verified.is_err_and(|error| is_key_unknown(error, token))
        };
        if let Err(error) = self.keys.seek(token, GivenBy::Anyone, holds).await {
            let seconds = error.retry_after().unwrap_or(1);
            return Err(match error.kind() {
                FetchErrorKind::TooOften => Refusal::from(Reason::KeyNotKnownYet)
                    .retry_after(seconds)
                    .because("a key of the issuer", Sent(&member(token, 0, "kid"))),
                _ => Refusal::unavailable(seconds),
            });
        }
        let keys = self.keys.current().await;
        self.verify(token, &keys)
            .map_err(|error| self.refusal(error, token))
    }

    /// The refusal with what was expected and what came, for the log.
    fn refusal(&self, error: JoseError, token: &str) -> Refusal {
        let refusal = Refusal::from(error);
        let header = |name| member(token, 0, name);
        let claim = |name| member(token, 1, name);
        let now = self.clock.now().seconds();
        match refusal.reason {
            Reason::WrongIssuer => refusal.because(self.issuer, beside(self.issuer, &claim("iss"))),
            Reason::WrongAudience => {
                refusal.because(self.audience, beside(self.audience, &claim("aud")))
            }
            Reason::WrongType => refusal.because(TYP, Sent(&header("typ"))),
            Reason::AlgorithmNotAllowed => {
                refusal.because("ES256, RS256, PS256 or EdDSA", Sent(&header("alg")))
            }
            Reason::UnknownKey | Reason::AmbiguousKey => {
                refusal.because("a key of the issuer", Sent(&header("kid")))
            }
            Reason::Expired => {
                refusal.because(format_args!("exp later than {now}"), Sent(&claim("exp")))
            }
            Reason::NotYetValid => {
                let (nbf, iat) = (claim("nbf"), claim("iat"));
                let got = format!("nbf {}, iat {}", Sent(&nbf), Sent(&iat));
                refusal.because(format_args!("nbf and iat up to {now}"), got)
            }
            _ => refusal,
        }
    }
}

/// A member of a part of a refused token, to tell what is wrong with it. Nothing is decided on it.
fn member(token: &str, part: usize, name: &str) -> String {
    let bytes = token
        .split('.')
        .nth(part)
        .and_then(encoding::decode)
        .unwrap_or_default();
    let members = serde_json::from_slice::<Map<String, Value>>(&bytes).ok();
    let member = members.as_ref().and_then(|members| members.get(name));
    member.map_or_else(|| "none".to_owned(), text_of)
}
