//! A fake issuer that tells an app of a sign-out, honestly or not (OpenID Connect Back-Channel Logout §2.4).

use ::axum::body::Body;
use ::axum::extract::Request;
use http::header;
use safeconduct_protocol::jose::SigningKey;
use safeconduct_protocol::logout::{BACK_CHANNEL_EVENT, LOGOUT_TOKEN_TYP};
use safeconduct_protocol::random;
use serde_json::{Value, json};

use super::app::{Page, TestApp};
use super::issuer::{FakeIssuer, lock};
use super::keys::{broken, unsigned};

/// A logout token to be: whom it is about, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct LogoutToken {
    sub: Option<String>,
    sid: Option<String>,
    jti: String,
    /// `None`: the header says no type.
    typ: Option<String>,
    flaw: Option<LogoutFlaw>,
}

/// What can be wrong with a logout token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogoutFlaw {
    /// `alg` is `none`.
    Unsigned,
    /// The signature is broken.
    Signature,
    /// Signed with a key that the issuer never published.
    ForeignKey,
    /// `typ` is of an access token.
    Type,
    /// `iss` is another issuer.
    Issuer,
    /// `aud` is another client.
    Audience,
    /// `aud` is this client and another one.
    SecondAudience,
    /// `events` is missing.
    NoEvent,
    /// `events` holds another event.
    OtherEvent,
    /// `events` holds another event beside the proper one.
    SecondEvent,
    /// The event is no JSON object.
    EventAsText,
    /// There is a `nonce`, as in an ID Token.
    Nonce,
    /// There is an `at_hash`, as in an ID Token.
    AccessTokenHash,
    /// `jti` is missing.
    NoId,
    /// `iat` is missing.
    NoIssuedAt,
    /// `iat` is six minutes ago.
    Old,
    /// `exp` is missing.
    NoExpiry,
    /// `exp` is past.
    Expired,
}

impl LogoutToken {
    /// For one session at the issuer.
    pub fn of_session(sid: impl Into<String>) -> Self {
        Self {
            sid: Some(sid.into()),
            ..Self::of_nobody()
        }
    }

    /// For every session of a user.
    pub fn of_user(sub: impl Into<String>) -> Self {
        Self {
            sub: Some(sub.into()),
            ..Self::of_nobody()
        }
    }

    /// For nobody, which is a flaw of its own.
    pub fn of_nobody() -> Self {
        Self {
            sub: None,
            sid: None,
            jti: random::token(),
            typ: Some(LOGOUT_TOKEN_TYP.to_owned()),
            flaw: None,
        }
    }

    /// Names the user too.
    #[must_use]
    pub fn and_user(mut self, sub: impl Into<String>) -> Self {
        self.sub = Some(sub.into());
        self
    }

    /// Of another type than `logout+jwt`, which is only recommended (Back-Channel Logout §2.4); of none with `None`.
    #[must_use]
    pub fn of_type(mut self, typ: Option<&str>) -> Self {
        self.typ = typ.map(str::to_owned);
        self
    }

    /// With something wrong.
    #[must_use]
    pub fn with(mut self, flaw: LogoutFlaw) -> Self {
        self.flaw = Some(flaw);
        self
    }
}

impl FakeIssuer {
    /// Tells `app` of a sign-out, at its `backchannel_logout_uri`: what it answers. The same `logout` again is a replay: it has
    /// the same `jti`.
    pub async fn back_channel_logout(&self, app: &TestApp, logout: &LogoutToken) -> Page {
        let token = self.logout_token(logout);
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", &token)
            .finish();
        let path = format!("{}/backchannel", app.client.routes_path());
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .expect("a path makes a request");
        app.visitor().send(request).await
    }

    /// The token itself.
    ///
    /// # Panics
    /// If nothing can be signed on this machine.
    pub fn logout_token(&self, logout: &LogoutToken) -> String {
        use LogoutFlaw as Flaw;
        let claims = self.logout_claims(logout);
        let keys = lock(&self.inside().keys);
        let typ = match logout.flaw {
            Some(Flaw::Type) => Some("at+jwt"),
            _ => logout.typ.as_deref(),
        };
        match logout.flaw {
            Some(Flaw::Unsigned) => unsigned(LOGOUT_TOKEN_TYP, &claims),
            Some(Flaw::Signature) => broken(&keys.sign(typ, &claims)),
            Some(Flaw::ForeignKey) => {
                SigningKey::generate(safeconduct_protocol::jose::Algorithm::Es256)
                    .expect("a P-256 key can be made")
                    .sign_jwt(LOGOUT_TOKEN_TYP, &claims)
                    .expect("the key signs")
            }
            _ => keys.sign(typ, &claims),
        }
    }

    /// A token with `claims`, signed as ID Tokens and logout tokens are; the header says no type with `None`.
    ///
    /// # Panics
    /// If `claims` is no JSON object.
    pub fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        lock(&self.inside().keys).sign(typ, claims)
    }

    fn logout_claims(&self, logout: &LogoutToken) -> Value {
        use LogoutFlaw as Flaw;
        let now = self.inside().clock.now();
        let mut claims = json!({
            "iss": self.url(),
            "aud": Self::CLIENT_ID,
            "iat": now,
            "exp": now.plus(120),
            "jti": logout.jti,
            "events": { BACK_CHANNEL_EVENT: {} },
        });
        for (name, value) in [("sub", &logout.sub), ("sid", &logout.sid)] {
            if let Some(value) = value {
                claims[name] = value.as_str().into();
            }
        }
        let mut remove = |name: &str| {
            if let Some(members) = claims.as_object_mut() {
                members.remove(name);
            }
        };
        match logout.flaw {
            Some(Flaw::NoEvent) => remove("events"),
            Some(Flaw::NoId) => remove("jti"),
            Some(Flaw::NoIssuedAt) => remove("iat"),
            Some(Flaw::NoExpiry) => remove("exp"),
            Some(Flaw::Issuer) => claims["iss"] = "https://evil.example".into(),
            Some(Flaw::Audience) => claims["aud"] = "another-app".into(),
            Some(Flaw::SecondAudience) => claims["aud"] = json!([Self::CLIENT_ID, "another-app"]),
            Some(Flaw::OtherEvent) => claims["events"] = json!({ "urn:example:event": {} }),
            Some(Flaw::SecondEvent) => claims["events"]["urn:example:event"] = json!({}),
            Some(Flaw::EventAsText) => claims["events"][BACK_CHANNEL_EVENT] = "{}".into(),
            Some(Flaw::Nonce) => claims["nonce"] = "n".into(),
            Some(Flaw::AccessTokenHash) => claims["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ".into(),
            Some(Flaw::Old) => claims["iat"] = now.plus(-360).seconds().into(),
            Some(Flaw::Expired) => claims["exp"] = now.seconds().into(),
            _ => {}
        }
        claims
    }
}
