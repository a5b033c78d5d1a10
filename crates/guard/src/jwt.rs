//! Validating a JWT access token here, with the issuer's keys (RFC 9068 §4).

use safeconduct_issuer::{FetchErrorKind, GivenBy, is_key_unknown};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{
    Algorithm, Audience, Expectation, JoseError, KeySet, Verified, unverified_issuer, verify,
};
use safeconduct_protocol::sent::{Sent, beside};

use crate::claims::Claims;
use crate::denied::{Refusal, text_of};
use crate::dialect::Origin;
use crate::hint::Seen;
use crate::reason::Reason;
use crate::trusted::Trusted;

/// Whether `token` is to be read as a JWT: whatever else has two dots is a malformed one.
pub(crate) fn is_jwt(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// What a JWT is held to.
pub(crate) struct Jwt<'a> {
    pub(crate) trusted: &'a Trusted,
    /// The name by which its issuer goes in it.
    pub(crate) issuer: &'a str,
    /// One or more.
    pub(crate) audiences: &'a [String],
    /// In seconds.
    pub(crate) leeway: i64,
    /// In seconds.
    pub(crate) expiry_leeway: i64,
    pub(crate) clock: &'a Clock,
}

impl Jwt<'_> {
    /// The claims of `token`, if it is one of the issuer's for this API and valid now.
    pub(crate) async fn validate(&self, token: &str) -> Result<Claims, Refusal> {
        let keys = self.trusted.keys.current().await;
        let verified = match self.verify(token, &keys) {
            Err(error) if is_key_unknown(error, token) => self.seek(token).await?,
            Err(error) => return Err(self.refusal(error, token)),
            Ok(verified) => verified,
        };
        if let Some(tenant) = &self.trusted.tenant {
            let tid = verified.claim("tid").map_or_else(String::new, text_of);
            if tid != *tenant {
                let refusal = Refusal::from(Reason::WrongIssuer);
                return Err(refusal.because(format_args!("tid {tenant}"), beside(tenant, &tid)));
            }
        }
        Claims::read(
            verified.claims().clone(),
            &self.trusted.dialect,
            Origin::Token,
        )
    }

    fn verify(&self, token: &str, keys: &KeySet) -> Result<Verified, JoseError> {
        let dialect = &*self.trusted.dialect;
        let check = |audience: Audience<'_>| {
            let expect =
                Expectation::new(dialect.typ(), &dialect.algorithms, self.issuer, audience)
                    .leeway(self.leeway)
                    .expiry_leeway(self.expiry_leeway);
            verify(token, &expect, keys, self.clock.now())
        };
        if let ([audience], None) = (self.audiences, &dialect.clients) {
            return check(Audience::Member(audience));
        }
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        match &dialect.clients {
            None => check(Audience::AnyOf(&audiences)),
            // `Claims::read` holds the client to the list.
            Some(_) => check(Audience::AnyOfOrAbsent(&audiences)),
        }
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
        if let Err(error) = self.trusted.keys.seek(token, GivenBy::Anyone, holds).await {
            let seconds = error.retry_after().unwrap_or(1);
            return Err(match error.kind() {
                FetchErrorKind::TooOften => Refusal::from(Reason::KeyNotKnownYet)
                    .retry_after(seconds)
                    .because("a key of the issuer", Sent(&Seen::of(token).header("kid"))),
                FetchErrorKind::NoKeys => {
                    Refusal::from(Reason::IssuerHasNoKeys).retry_after(seconds)
                }
                _ => Refusal::unavailable(seconds),
            });
        }
        let keys = self.trusted.keys.current().await;
        self.verify(token, &keys)
            .map_err(|error| self.refusal(error, token))
    }

    /// The refusal with what was expected and what came, for the log.
    fn refusal(&self, error: JoseError, token: &str) -> Refusal {
        let refusal = Refusal::from(error);
        let seen = Seen::of(token);
        let now = self.clock.now().seconds();
        match refusal.reason {
            Reason::WrongIssuer => {
                refusal.because(self.issuer, beside(self.issuer, &seen.claim("iss")))
            }
            Reason::WrongAudience => {
                let got = beside(&self.audiences[0], &seen.claim("aud"));
                refusal.because(self.audiences.join(" or "), got)
            }
            Reason::WrongType => refusal.because(self.types(), Sent(&seen.header("typ"))),
            Reason::AlgorithmNotAllowed => {
                refusal.because(self.algorithms(), Sent(&seen.header("alg")))
            }
            Reason::UnknownKey | Reason::AmbiguousKey => {
                refusal.because("a key of the issuer", Sent(&seen.header("kid")))
            }
            Reason::Expired => refusal.because(
                format_args!("exp later than {now}"),
                Sent(&seen.claim("exp")),
            ),
            Reason::NotYetValid => {
                let (nbf, iat) = (seen.claim("nbf"), seen.claim("iat"));
                let got = format!("nbf {}, iat {}", Sent(&nbf), Sent(&iat));
                refusal.because(format_args!("nbf and iat up to {now}"), got)
            }
            _ => refusal,
        }
    }

    fn types(&self) -> String {
        let dialect = &self.trusted.dialect;
        let absent = dialect.type_may_be_absent.then_some("none");
        let types: Vec<&str> = dialect.types.iter().copied().chain(absent).collect();
        types.join(" or ")
    }

    fn algorithms(&self) -> String {
        let names = self.trusted.dialect.algorithms.iter().copied();
        let names: Vec<&str> = names.map(Algorithm::name).collect();
        match names.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
            names => names.concat(),
        }
    }
}
