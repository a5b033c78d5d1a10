//! Introspection (RFC 7662) and revocation (RFC 7009): who may ask about a token, and what they learn.

use serde::Serialize;

use crate::{client::Client, ids::ClientId, resource::Resources, token::AccessToken};

/// The answer of the introspection endpoint (RFC 7662 §2.2). Inactive says nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Introspection {
    /// Not active, not known, or none of the caller's business.
    Inactive {
        /// Always `false`.
        active: bool,
    },
    /// What the token says.
    Active {
        /// Always `true`.
        active: bool,
        /// What the token says.
        #[serde(flatten)]
        token: Box<AccessToken>,
        /// `Bearer` or `DPoP`.
        token_type: &'static str,
    },
}

impl Introspection {
    /// The answer that says nothing.
    pub const fn inactive() -> Self {
        Self::Inactive { active: false }
    }

    /// The answer about a token that is good.
    pub fn active(token: AccessToken) -> Self {
        Self::Active {
            active: true,
            token_type: token.token_type(),
            token: Box::new(token),
        }
    }
}

/// Whether `caller` may learn about `token`: only the client that the token's resource names. Tokens for the issuer itself are
/// nobody's but the client's they were issued to.
pub fn may_introspect(
    caller: &Client,
    token: &AccessToken,
    resources: &Resources,
    issuer: &str,
) -> bool {
    token
        .aud
        .as_slice()
        .iter()
        .any(|audience| match resources.find(audience) {
            Some(resource) => resource.client.as_ref() == Some(&caller.id),
            None => audience == issuer && token.client_id == caller.id,
        })
}

/// Whether `caller` may revoke what was issued to `owner`: only its own (RFC 7009 §2.1).
pub fn may_revoke(caller: &ClientId, owner: &ClientId) -> bool {
    caller == owner
}
