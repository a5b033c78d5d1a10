//! Testing an API without an authorization server: a guard and the issuer it trusts, in one process, without a network.

use std::sync::Arc;

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::dpop::ProofKey;
use safeconduct_protocol::jose::{Algorithm, KeySet, SigningKey};
use safeconduct_protocol::random;
use safeconduct_protocol::time::Timestamp;
use serde_json::{Map, Value};

use crate::builder::GuardBuilder;
use crate::config_error::ConfigError;
use crate::guard::Guard;

const ISSUER: &str = "https://issuer.test";

impl Guard {
    /// A guard for the API `audience`, and the issuer whose tokens it accepts. They share a clock that stands still
    /// until [`TestIssuer::advance`] moves it.
    ///
    /// # Panics
    /// If `audience` is no identifier of an API ([`Guard::new`]).
    pub fn for_tests(audience: &str) -> (Guard, TestIssuer) {
        Self::for_tests_with(audience, |builder| builder)
    }

    /// As [`Guard::for_tests`], with `settings` applied.
    ///
    /// # Panics
    /// As [`Guard::for_tests`], and if the settings do not fit one another.
    pub fn for_tests_with(
        audience: &str,
        settings: impl FnOnce(GuardBuilder) -> GuardBuilder,
    ) -> (Guard, TestIssuer) {
        let builder = Guard::new(ISSUER, audience)
            .expect("the audience of a test is an identifier of an API");
        settings(builder)
            .build_for_tests()
            .expect("the settings of a test fit one another")
    }
}

impl GuardBuilder {
    /// As [`GuardBuilder::build`], with an issuer in the test, which goes by the name of the first that the guard trusts. Its key is every
    /// issuer's.
    ///
    /// # Errors
    /// As [`GuardBuilder::build`].
    ///
    /// # Panics
    /// If no keys can be made.
    pub fn build_for_tests(self) -> Result<(Guard, TestIssuer), ConfigError> {
        let clock = Clock::test(Clock::system().now());
        let generate =
            || Arc::new(SigningKey::generate(Algorithm::Es256).expect("the provider makes keys"));
        let (key, stranger) = (generate(), generate());
        let name = self.first_issuer();
        let keys = KeySet::new(vec![key.verification_key()]);
        let guard = self.clock(clock.clone()).build_with_keys(&keys)?;
        let issuer = TestIssuer {
            key,
            stranger,
            name,
            audience: guard.audience().to_owned(),
            clock,
        };
        Ok((guard, issuer))
    }
}

/// An issuer that signs whatever a test asks for.
#[derive(Clone)]
pub struct TestIssuer {
    key: Arc<SigningKey>,
    stranger: Arc<SigningKey>,
    name: String,
    audience: String,
    clock: Clock,
}

impl TestIssuer {
    /// A token that the guard accepts as it is: `alice`'s, for the client `app`, without scope, for five minutes.
    pub fn token(&self) -> TestToken {
        let now = self.clock.now().seconds();
        let claims = [
            ("iss", self.name.clone().into()),
            ("aud", self.audience.clone().into()),
            ("sub", "alice".into()),
            ("client_id", "app".into()),
            ("iat", now.into()),
            ("exp", (now + 300).into()),
            ("jti", random::token().into()),
        ];
        let claims = claims.map(|(name, value): (&str, Value)| (name.to_owned(), value));
        TestToken {
            key: Arc::clone(&self.key),
            typ: Some("at+jwt".into()),
            now,
            claims: Map::from_iter(claims),
            issuer: self.clone(),
        }
    }

    /// The `DPoP` header of one request with `token`, signed with `key` now. For anything else in it there is
    /// [`ProofKey::prove`].
    ///
    /// # Panics
    /// If it would be longer than 16 KiB.
    pub fn proof(&self, key: &ProofKey, method: &str, uri: &str, token: &str) -> String {
        key.prove(method, uri, Some(token), None, self.now())
            .expect("a test's request fits into a proof")
    }

    /// The time of issuer and guard.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock of issuer and guard.
    pub fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
    }
}

/// A token before it is signed.
#[derive(Clone)]
#[must_use = "there is no token before `sign`"]
pub struct TestToken {
    issuer: TestIssuer,
    key: Arc<SigningKey>,
    typ: Option<String>,
    now: i64,
    claims: Map<String, Value>,
}

impl TestToken {
    /// Whose data it gives access to (`sub`).
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// The client that it was issued to (`client_id`).
    pub fn client(self, client_id: &str) -> Self {
        self.claim("client_id", client_id)
    }

    /// The space-delimited scopes that it carries.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// The API that it is for.
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// The issuer that it claims to come from.
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// When it expires, in seconds from now; negative: it has expired.
    pub fn expires_in(self, seconds: i64) -> Self {
        let exp = self.now + seconds;
        self.claim("exp", exp)
    }

    /// Binds it to `key` (`cnf.jkt`): it passes with a proof of that key alone.
    pub fn bound_to(self, key: &ProofKey) -> Self {
        let jkt = key.thumbprint().to_string();
        self.claim("cnf", Map::from_iter([("jkt".to_owned(), jkt.into())]))
    }

    /// The authentication context of the sign-in behind it (`acr`).
    pub fn acr(self, acr: &str) -> Self {
        self.claim("acr", acr)
    }

    /// How many seconds ago its user signed in (`auth_time`).
    pub fn signed_in_ago(self, seconds: i64) -> Self {
        let auth_time = self.now - seconds;
        self.claim("auth_time", auth_time)
    }

    /// The type in its header, `at+jwt` if it is to pass.
    pub fn typ(mut self, typ: &str) -> Self {
        self.typ = Some(typ.to_owned());
        self
    }

    /// Leaves the type out of its header.
    pub fn without_typ(mut self) -> Self {
        self.typ = None;
        self
    }

    /// Sets any claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Signs with a key that the guard does not know.
    pub fn signed_by_a_stranger(mut self) -> Self {
        self.key = Arc::clone(&self.issuer.stranger);
        self
    }

    /// The token.
    ///
    /// # Panics
    /// If it would be longer than 16 KiB.
    pub fn sign(self) -> String {
        let signed = match &self.typ {
            Some(typ) => self.key.sign_jwt(typ, &self.claims),
            None => self.key.sign_untyped_jwt(&self.claims),
        };
        signed.expect("a test's claims fit into a token")
    }
}
