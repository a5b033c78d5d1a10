//! The ID Token (OpenID Connect Core §2): who signed in, when and how, said to one client; and the one that comes back as a hint.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    authentication::Acr,
    client::Client,
    encoding,
    error::{Reason, Refusal},
    grant::Grant,
    ids::{ClientId, SessionId},
    jose::{self, Algorithm, Audience, Expectation, KeySet, Typ},
    time::Timestamp,
};

/// The `typ` of an ID Token.
pub const ID_TOKEN_TYP: &str = "JWT";

/// What an ID Token says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdToken {
    /// This server's issuer identifier.
    pub iss: String,
    /// The user, as this client knows them.
    pub sub: String,
    /// The client.
    pub aud: ClientId,
    /// When it ends.
    pub exp: Timestamp,
    /// When it was minted.
    pub iat: Timestamp,
    /// When the user proved all that the context takes.
    pub auth_time: Timestamp,
    /// What the client sent with its request; only in the token that answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The beginning of the hash of the access token beside it (§3.1.3.6).
    pub at_hash: String,
    /// The authentication context.
    pub acr: Acr,
    /// The authentication methods.
    pub amr: Vec<&'static str>,
    /// The session at this server, as this client knows it (Back-Channel Logout §2.1).
    pub sid: SessionId,
    /// The user's claims that were asked for in the ID Token.
    #[serde(flatten)]
    pub claims: Map<String, Value>,
}

/// What an ID Token is made of beside its grant.
pub struct IdTokenParts<'a> {
    /// This server's issuer identifier.
    pub issuer: &'a str,
    /// The user, as this client knows them.
    pub subject: String,
    /// The session, as this client knows it.
    pub session: SessionId,
    /// What the client sent with its request, if this answers it.
    pub nonce: Option<String>,
    /// The access token beside it.
    pub access_token: &'a str,
    /// What it will be signed with.
    pub algorithm: Algorithm,
    /// The user's claims that were asked for in it.
    pub claims: Map<String, Value>,
    /// Seconds it is good for.
    pub lifetime: i64,
}

impl IdToken {
    /// The ID Token of `grant` (§3.1.3.3, §12.2).
    pub fn of_grant(grant: &Grant, parts: IdTokenParts<'_>, now: Timestamp) -> Self {
        Self {
            iss: parts.issuer.to_owned(),
            sub: parts.subject,
            aud: grant.client.clone(),
            exp: now.plus(parts.lifetime),
            iat: now,
            auth_time: grant.authentication.auth_time(),
            nonce: parts.nonce,
            at_hash: at_hash(parts.algorithm, parts.access_token),
            acr: grant.authentication.acr,
            amr: grant.authentication.factors.methods(),
            sid: parts.session,
            claims: parts.claims,
        }
    }
}

/// The `at_hash` of an access token (§3.1.3.6): the left half of its hash, base64url. The hash is the one that the signature
/// algorithm uses; Ed25519 uses SHA-512.
pub fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let message = access_token.as_bytes();
    match algorithm {
        Algorithm::Es256 | Algorithm::Rs256 | Algorithm::Ps256 => {
            encoding::encode(&encoding::sha256(message)[..16])
        }
        Algorithm::Es384 | Algorithm::Rs384 | Algorithm::Ps384 => {
            encoding::encode(&encoding::sha384(message)[..24])
        }
        Algorithm::Es512 | Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa => {
            encoding::encode(&encoding::sha512(message)[..32])
        }
    }
}

/// A hint that was verified: whom and what it names. It grants nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdTokenHint {
    /// The user, as the client knows them.
    pub subject: String,
    /// The client it was issued to.
    pub client: ClientId,
    /// The session it was issued in, as the client knows it.
    pub session: Option<SessionId>,
}

impl IdTokenHint {
    /// Verifies an `id_token_hint`: an ID Token of ours, expired or not, for `client` if it is known.
    ///
    /// # Errors
    /// `id-token-hint-refused`, with the rule that failed as private detail.
    pub fn verify(
        hint: &str,
        client: Option<&Client>,
        issuer: &str,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let refused = |detail: &str| Refusal::new(Reason::IdTokenHintRefused).because(detail);
        let audience = client.map_or(Audience::OneParty, |client| {
            Audience::Only(client.id.as_str())
        });
        let expectation = Expectation::new(
            Typ::OneOf(&[ID_TOKEN_TYP]),
            &Algorithm::ALL,
            issuer,
            audience,
        )
        .even_if_expired();
        let verified =
            jose::verify(hint, &expectation, keys, now).map_err(|error| refused(error.name()))?;
        let audience = verified.aud().first().copied().and_then(ClientId::parse);
        let session = verified.claim("sid").and_then(Value::as_str);
        Ok(Self {
            subject: verified.sub().ok_or_else(|| refused("no sub"))?.to_owned(),
            client: audience.ok_or_else(|| refused("aud is no client"))?,
            session: session.and_then(SessionId::parse),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_hash_is_the_left_half_of_the_algorithms_hash() {
        // OpenID Connect Core Appendix A.3 and A.4.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(Algorithm::EdDsa, token).len(), 43);
    }
}
