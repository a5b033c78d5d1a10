//! The one function that accepts a token, for the server, the client library and the guard alike.
//!
//! Order: size and shape, header, type, algorithm, key, signature, and only then the claims. A token is verified with a key of
//! its issuer ([`verify`]), a proof with the key that it carries ([`verify_proof`]); everything else they share.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::header::Compact;
use super::{Algorithm, Header, JoseError, KeySet, VerificationKey};
use crate::time::Timestamp;

/// The leeway of an [`Expectation`] that sets none, in seconds.
pub const LEEWAY: i64 = 30;

const MAX_LEEWAY: i64 = 60;

/// The longest that a token may be accepted past its `exp`, in seconds.
pub const MAX_EXPIRY_LEEWAY: i64 = 300;

/// The types of token that a party accepts (RFC 8725 §3.11).
#[derive(Clone, Copy, Debug)]
pub enum Typ<'a> {
    /// `typ` is one of these. Case and `application/` do not matter.
    OneOf(&'a [&'a str]),
    /// `typ` is one of these or absent: for ID Tokens, logout tokens and client assertions, which never had to have one. What the
    /// type leaves untold the claims must tell: whoever accepts one looks for what no other kind says.
    OneOfOrAbsent(&'a [&'a str]),
}

/// What `aud` must be. It is a text or a list of texts (RFC 7519 §4.1.3).
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// This one is among them: access tokens (RFC 9068 §4).
    Member(&'a str),
    /// This one and nobody else: ID Tokens.
    Only(&'a str),
    /// The first one is among them, and nobody else but those in the list, whom it trusts: ID Tokens of issuers that name an API or a
    /// project beside the client.
    OnlyWith(&'a str, &'a [&'a str]),
    /// One of these, as a text and not as a list: client assertions.
    ExactlyString(&'a [&'a str]),
    /// One of these is among them.
    AnyOf(&'a [&'a str]),
    /// As [`Audience::AnyOf`], or there is no `aud` at all: tokens of issuers that write none. Whoever accepts one knows by something
    /// else that it is meant for them.
    AnyOfOrAbsent(&'a [&'a str]),
    /// Exactly one, whoever it is: an `id_token_hint`, which names the client, so that the caller learns it from the token.
    OneParty,
}

/// What a party requires of a token. There is no default for type, algorithms, issuer or audience.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    typ: Typ<'a>,
    algorithms: &'a [Algorithm],
    /// Issuer and audience; a proof names neither.
    parties: Option<(&'a str, Audience<'a>)>,
    leeway: i64,
    expiry_leeway: i64,
    max_age: Option<i64>,
    max_lifetime: Option<i64>,
    even_if_expired: bool,
    without_exp: bool,
}

impl<'a> Expectation<'a> {
    /// A token of type `typ`, signed with one of `algorithms` by `issuer` for `audience`, that is valid now.
    pub fn new(
        typ: Typ<'a>,
        algorithms: &'a [Algorithm],
        issuer: &'a str,
        audience: Audience<'a>,
    ) -> Self {
        Self {
            typ,
            algorithms,
            parties: Some((issuer, audience)),
            leeway: LEEWAY,
            expiry_leeway: 0,
            max_age: None,
            max_lifetime: None,
            even_if_expired: false,
            without_exp: false,
        }
    }

    fn of_proof(typ: Typ<'a>, algorithms: &'a [Algorithm], max_age: i64) -> Self {
        Self {
            typ,
            algorithms,
            parties: None,
            leeway: LEEWAY,
            expiry_leeway: 0,
            max_age: Some(max_age),
            max_lifetime: None,
            even_if_expired: false,
            without_exp: false,
        }
    }

    /// How far ahead of ours the issuer's clock may be, in seconds from 0 to 60: `nbf` and `iat` may lie that far in the
    /// future. It lengthens no life: `exp` is exact, save for [`Expectation::expiry_leeway`].
    #[must_use]
    pub fn leeway(mut self, seconds: i64) -> Self {
        self.leeway = seconds.clamp(0, MAX_LEEWAY);
        self
    }

    /// How far behind ours the issuer's clock may be, in seconds from 0, the default, to 300: for so long a token is accepted past
    /// its `exp`.
    #[must_use]
    pub fn expiry_leeway(mut self, seconds: i64) -> Self {
        self.expiry_leeway = seconds.clamp(0, MAX_EXPIRY_LEEWAY);
        self
    }

    /// Requires an `iat` that is at most `seconds` ago.
    #[must_use]
    pub fn max_age(mut self, seconds: i64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// Requires an `exp` that is at most `seconds` ahead, and the leeway: what remembers a `jti` until its end must know
    /// how long that is.
    #[must_use]
    pub fn max_lifetime(mut self, seconds: i64) -> Self {
        self.max_lifetime = Some(seconds);
        self
    }

    /// Accepts a token whose `exp` is past: an `id_token_hint` names a user, and grants nothing
    /// (OpenID Connect RP-Initiated Logout §2).
    #[must_use]
    pub fn even_if_expired(mut self) -> Self {
        self.even_if_expired = true;
        self
    }

    /// Requires that there is an `iat` and no `exp`: a Security Event Token says what happened, which stays true (RFC 8417 §2.2).
    #[must_use]
    pub fn without_exp(mut self) -> Self {
        self.without_exp = true;
        self
    }

    fn check_header(&self, header: &Header) -> Result<(), JoseError> {
        if !self.algorithms.contains(&header.algorithm) {
            return Err(JoseError::Algorithm);
        }
        let (types, may_be_absent) = match self.typ {
            Typ::OneOf(types) => (types, false),
            Typ::OneOfOrAbsent(types) => (types, true),
        };
        let fits = match header.typ {
            None => may_be_absent,
            Some(_) => types.iter().any(|typ| header.is_typ(typ)),
        };
        if fits { Ok(()) } else { Err(JoseError::Typ) }
    }

    fn check_claims(&self, claims: &Verified, now: Timestamp) -> Result<(), JoseError> {
        if let Some((issuer, audience)) = self.parties {
            if claims.text("iss") != Some(issuer) {
                return Err(JoseError::Issuer);
            }
            if !audience.is_met_by(claims.claim("aud"))? {
                return Err(JoseError::Audience);
            }
        }
        self.check_times(claims, now)
    }

    fn check_times(&self, claims: &Verified, now: Timestamp) -> Result<(), JoseError> {
        let latest = now.plus(self.leeway);
        if let Some(seconds) = self.max_age {
            let iat = claims.iat.ok_or(JoseError::Claims)?;
            if now.since(iat) > seconds {
                return Err(JoseError::TooOld);
            }
        }
        if now >= claims.exp.plus(self.expiry_leeway) && !self.even_if_expired {
            return Err(JoseError::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(JoseError::NotYetValid);
        }
        if claims.iat.is_some_and(|iat| iat > latest) {
            return Err(JoseError::IssuedInFuture);
        }
        match self.max_lifetime {
            Some(seconds) if claims.exp > latest.plus(seconds) => Err(JoseError::LifetimeTooLong),
            _ => Ok(()),
        }
    }
}

impl Audience<'_> {
    fn is_met_by(&self, aud: Option<&Value>) -> Result<bool, JoseError> {
        let members = audience_members(aud)?;
        Ok(match self {
            Self::Member(us) => members.contains(us),
            Self::Only(us) => !members.is_empty() && members.iter().all(|member| member == us),
            Self::OnlyWith(us, trusted) => {
                let mut all = members.iter();
                members.contains(us) && all.all(|member| member == us || trusted.contains(member))
            }
            Self::ExactlyString(ours) => aud
                .and_then(Value::as_str)
                .is_some_and(|aud| ours.contains(&aud)),
            Self::AnyOf(ours) => members.iter().any(|member| ours.contains(member)),
            Self::AnyOfOrAbsent(ours) => {
                aud.is_none() || members.iter().any(|member| ours.contains(member))
            }
            Self::OneParty => members.len() == 1,
        })
    }
}

/// A token that was verified. Only [`verify`] and [`verify_proof`] make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    header: Header,
    claims: Map<String, Value>,
    exp: Timestamp,
    iat: Option<Timestamp>,
    nbf: Option<Timestamp>,
}

/// Accepts or refuses `token`.
///
/// # Errors
/// A [`JoseError`], for logs. Whoever presented the token learns only that it is invalid.
pub fn verify(
    token: &str,
    expect: &Expectation<'_>,
    keys: &KeySet,
    now: Timestamp,
) -> Result<Verified, JoseError> {
    accept(token, expect, now, |_, header| {
        keys.find(header.kid.as_deref(), header.algorithm)
            .map(Cow::Borrowed)
    })
    .map(|(verified, _)| verified)
}

/// Accepts or refuses `token` as a proof that whoever made it holds the private key to the public key in its header
/// (`jwk`, RFC 9449 §4.2). It names no issuer and no audience, and needs no `exp`: it was made at `iat`, which is required
/// and at most `max_age` seconds ago. With it comes the thumbprint of the key (RFC 7638).
///
/// # Errors
/// A [`JoseError`], as [`verify`] gives it; [`JoseError::EmbeddedKey`] for a header without a usable public key.
pub fn verify_proof(
    token: &str,
    typ: Typ<'_>,
    algorithms: &[Algorithm],
    max_age: i64,
    now: Timestamp,
) -> Result<(Verified, String), JoseError> {
    let expect = Expectation::of_proof(typ, algorithms, max_age);
    let (verified, key) = accept(token, &expect, now, |token, header| {
        token.embedded_key(header.algorithm).map(Cow::Owned)
    })?;
    Ok((verified, key.thumbprint().to_owned()))
}

/// Verifies `token` with the key that `find` names for it.
fn accept<'k>(
    token: &str,
    expect: &Expectation<'_>,
    now: Timestamp,
    find: impl FnOnce(&Compact<'_>, &Header) -> Result<Cow<'k, VerificationKey>, JoseError>,
) -> Result<(Verified, Cow<'k, VerificationKey>), JoseError> {
    let token = Compact::split(token)?;
    let header = token.header()?;
    expect.check_header(&header)?;
    let key = find(&token, &header)?;
    if !key.verifies(token.signing_input.as_bytes(), &token.signature()?) {
        return Err(JoseError::Signature);
    }
    let verified = Verified::new(header, token.claims()?, expect)?;
    expect.check_claims(&verified, now)?;
    Ok((verified, key))
}

impl Verified {
    /// Holds the registered claims to their types (RFC 7519 §4.1), so that the accessors cannot fail.
    fn new(
        header: Header,
        claims: Map<String, Value>,
        expect: &Expectation<'_>,
    ) -> Result<Self, JoseError> {
        for name in ["iss", "sub", "jti"] {
            if claims.get(name).is_some_and(|claim| !claim.is_string()) {
                return Err(JoseError::Claims);
            }
        }
        let iat = time(&claims, "iat")?;
        let exp = match (time(&claims, "exp")?, expect.parties) {
            (None, _) if expect.without_exp => {
                iat.ok_or(JoseError::Claims)?;
                Timestamp::from_seconds(i64::MAX)
            }
            (Some(_), _) if expect.without_exp => return Err(JoseError::Claims),
            (Some(exp), _) => exp,
            // A proof without one ends by its age.
            (None, None) => iat
                .zip(expect.max_age)
                .map(|(iat, max_age)| iat.plus(max_age.saturating_add(1)))
                .ok_or(JoseError::Claims)?,
            (None, Some(_)) => return Err(JoseError::Claims),
        };
        Ok(Self {
            header,
            exp,
            iat,
            nbf: time(&claims, "nbf")?,
            claims,
        })
    }

    /// The algorithm of the key that verified it.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The name of the key that verified it, if the token gave one.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The issuer: the one that was expected; empty for a proof.
    pub fn iss(&self) -> &str {
        self.text("iss").unwrap_or_default()
    }

    /// The subject.
    pub fn sub(&self) -> Option<&str> {
        self.text("sub")
    }

    /// The token's own id.
    pub fn jti(&self) -> Option<&str> {
        self.text("jti")
    }

    /// The audiences, as a list even if there is one.
    pub fn aud(&self) -> Vec<&str> {
        audience_members(self.claim("aud")).unwrap_or_default()
    }

    /// The first second at which the token is no longer valid.
    pub fn exp(&self) -> Timestamp {
        self.exp
    }

    /// When it was issued.
    pub fn iat(&self) -> Option<Timestamp> {
        self.iat
    }

    /// From when on it is valid.
    pub fn nbf(&self) -> Option<Timestamp> {
        self.nbf
    }

    /// The claim `name`, as JSON.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// All claims, as JSON.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The claims as a type of the caller's.
    ///
    /// # Errors
    /// [`JoseError::Claims`] if they do not fit it.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, JoseError> {
        T::deserialize(&self.claims).map_err(|_| JoseError::Claims)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claim(name).and_then(Value::as_str)
    }
}

fn audience_members(aud: Option<&Value>) -> Result<Vec<&str>, JoseError> {
    match aud {
        None => Ok(Vec::new()),
        Some(Value::String(member)) => Ok(vec![member]),
        Some(Value::Array(members)) => members
            .iter()
            .map(|member| member.as_str().ok_or(JoseError::Claims))
            .collect(),
        Some(_) => Err(JoseError::Claims),
    }
}

/// The time in the claim `name`, if it is there.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, JoseError> {
    claims
        .get(name)
        .map(|claim| Timestamp::from_numeric_date(claim).ok_or(JoseError::Claims))
        .transpose()
}
