//! How this client proves who it is at the issuer's endpoints (RFC 6749 §2.3, RFC 7523 §2.2).

use std::sync::Arc;

use http::HeaderValue;
use safeconduct_issuer::basic;
use safeconduct_protocol::jose::SigningKey;
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use serde::Serialize;

use crate::error::Error;

/// How long a client assertion is good for, in seconds.
const ASSERTION_LIFETIME: i64 = 60;

/// The method this client is registered with at the issuer.
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_secret_basic`: the secret in the `Authorization` header. The default where there is a secret.
    Basic,
    /// `client_secret_post`: the secret in the form.
    Post,
    /// `private_key_jwt`: an assertion signed with a key whose public half is registered. Its audience is the issuer, never
    /// an endpoint that metadata names.
    PrivateKeyJwt(Box<SigningKey>),
    /// `none`: a public client; PKCE alone binds the code. The default where there is no secret.
    None,
}

/// A method together with what it needs.
#[derive(Clone)]
pub(crate) enum Credentials {
    Basic(Secret),
    Post(Secret),
    PrivateKeyJwt(Arc<SigningKey>),
    None,
}

/// RFC 7523 §3.
#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: Timestamp,
    exp: Timestamp,
}

impl Credentials {
    /// Puts method and secret together.
    pub(crate) fn new(
        method: Option<ClientAuthentication>,
        secret: Option<Secret>,
    ) -> Result<Self, Error> {
        use ClientAuthentication as Method;
        match (method, secret) {
            (Some(Method::Basic) | None, Some(secret)) => Ok(Self::Basic(secret)),
            (Some(Method::Post), Some(secret)) => Ok(Self::Post(secret)),
            (Some(Method::PrivateKeyJwt(key)), None) => Ok(Self::PrivateKeyJwt(Arc::from(key))),
            (Some(Method::None) | None, None) => Ok(Self::None),
            (Some(Method::Basic | Method::Post), None) => Err(Error::configuration(
                "this authentication method needs `.secret(…)` or `.secret_file(…)`",
            )),
            (Some(Method::PrivateKeyJwt(_) | Method::None), Some(_)) => Err(Error::configuration(
                "a secret is configured, but the authentication method does not use one",
            )),
        }
    }

    /// Whether there is anything to prove with; a public client has nothing.
    pub(crate) fn is_confidential(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Whether [`Credentials::prove`] puts no `client_id` into the form; a pushed authorization request has one in any case.
    pub(crate) fn leaves_client_id_out_of_the_form(&self) -> bool {
        matches!(self, Self::Basic(_))
    }

    /// Adds the proof to `form`, or gives the `Authorization` header that carries it.
    pub(crate) fn prove(
        &self,
        form: &mut form_urlencoded::Serializer<'_, String>,
        client_id: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Option<HeaderValue>, Error> {
        match self {
            Self::Basic(secret) => return Ok(Some(basic(client_id, secret))),
            Self::Post(secret) => {
                form.append_pair("client_id", client_id)
                    .append_pair("client_secret", secret.expose());
            }
            Self::PrivateKeyJwt(key) => {
                let assertion = assert_identity(key, client_id, issuer, now)?;
                form.append_pair("client_id", client_id)
                    .append_pair(
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    )
                    .append_pair("client_assertion", &assertion);
            }
            Self::None => {
                form.append_pair("client_id", client_id);
            }
        }
        Ok(None)
    }
}

fn assert_identity(
    key: &SigningKey,
    client_id: &str,
    issuer: &str,
    now: Timestamp,
) -> Result<String, Error> {
    let assertion = Assertion {
        iss: client_id,
        sub: client_id,
        aud: issuer,
        jti: random::token(),
        iat: now,
        exp: now.plus(ASSERTION_LIFETIME),
    };
    key.sign_jwt("JWT", &assertion)
        .map_err(|error| Error::configuration(format!("the client's key cannot sign: {error}")))
}
