//! The pushed authorization request (RFC 9126): its `request_uri` is the request itself, sealed. Nothing is stored until a code
//! is issued from it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    dpop::Thumbprint,
    error::{Reason, Refusal},
    grant::Lifetimes,
    ids::{ClientId, new_id},
    parameters::Parameters,
    seal::Kind,
    sealed::{Sealed, until},
    sent::Sent,
    single_use::{SingleUse, UsedId},
    time::Timestamp,
};

/// What every `request_uri` of ours begins with (RFC 9126 §2.2).
pub const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:";
/// Seconds in which the browser must arrive with a `request_uri`.
pub const PUSHED_LIFE: i64 = 60;
/// What proves who pushed, and is no part of the request.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// A pushed request, as it is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedRequest {
    /// Its own name, used up when a code is issued from it.
    #[serde(rename = "i")]
    pub id: String,
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    pub era: i64,
    /// Who pushed it.
    #[serde(rename = "c")]
    pub client: ClientId,
    /// Its parameters, form-encoded.
    #[serde(rename = "q")]
    pub parameters: String,
    /// The key that a DPoP proof beside it proved (RFC 9449 §10.1).
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<Thumbprint>,
    /// When it ends.
    #[serde(rename = "x")]
    pub expires_at: Timestamp,
}

/// The answer of the endpoint (RFC 9126 §2.2).
#[derive(Serialize)]
pub struct PushedResponse {
    /// What the browser is sent with.
    pub request_uri: String,
    /// Seconds it is good for.
    pub expires_in: i64,
}

/// The `request_uri` of a pushed request and who brings it, if that is how the request comes (RFC 9126 §4). Whatever else
/// stands beside them is not looked at: what was pushed counts.
///
/// # Errors
/// `client-id-missing`, `client-unknown` (not even an identifier), `parameter-repeated`.
pub fn pushed(parameters: &Parameters) -> Result<Option<(ClientId, &str)>, Refusal> {
    let ours = |uri: &&str| uri.starts_with(REQUEST_URI);
    let Some(request_uri) = parameters.one("request_uri")?.filter(ours) else {
        return Ok(None);
    };
    let client_id = parameters.required("client_id", Reason::ClientIdMissing)?;
    let client_id = ClientId::parse(client_id).ok_or(Reason::ClientUnknown)?;
    Ok(Some((client_id, &request_uri[REQUEST_URI.len()..])))
}

impl PushedRequest {
    /// What `client` pushed, without its credentials. Who pushed it is whose request it is, also where it does not say so.
    pub fn push(
        parameters: &Parameters,
        client: &ClientId,
        dpop_jkt: Option<Thumbprint>,
        era: i64,
        now: Timestamp,
    ) -> Self {
        Self {
            id: new_id(),
            era,
            client: client.clone(),
            parameters: parameters
                .without(&CREDENTIALS)
                .with("client_id", client.as_str())
                .encode(),
            dpop_jkt,
            expires_at: now.plus(PUSHED_LIFE),
        }
    }

    /// Refuses a `request_uri` that another client brings, or too late.
    ///
    /// # Errors
    /// `pushed-request-not-recognised`, `pushed-request-expired`.
    pub fn arrive(
        &self,
        client: &ClientId,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.client != *client {
            return Err(
                Refusal::new(Reason::PushedRequestNotRecognised).because(format!(
                    "pushed by {}, brought by {}",
                    self.client,
                    Sent(client.as_str())
                )),
            );
        }
        self.is_current(lifetimes, now)
    }
}

impl Sealed for PushedRequest {
    const KIND: Kind = Kind::PushedRequest;
    const NOT_RECOGNISED: Reason = Reason::PushedRequestNotRecognised;
    const OVER: Reason = Reason::PushedRequestExpired;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, _: &Lifetimes) -> Range<Timestamp> {
        until(self.expires_at)
    }
}

/// What a pending authorization remembers of the pushed request it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedId {
    /// Its name.
    #[serde(rename = "i")]
    pub id: String,
    /// When its `request_uri` ends.
    #[serde(rename = "x")]
    pub expires_at: Timestamp,
}

impl PushedId {
    /// The use of a pushed request of `client`, remembered until nothing that came from it can be answered any more: `pending`
    /// is how many seconds a pending authorization lives. While it is not used one may arrive again, so that the youngest is as old as the use.
    pub fn used(&self, client: &ClientId, pending: i64, now: Timestamp) -> UsedId {
        UsedId {
            kind: SingleUse::PushedRequest,
            owner: client.to_string(),
            id: self.id.clone(),
            expires_at: self.expires_at.max(now.plus(1)).plus(pending),
        }
    }
}

impl From<&PushedRequest> for PushedId {
    fn from(request: &PushedRequest) -> Self {
        Self {
            id: request.id.clone(),
            expires_at: request.expires_at,
        }
    }
}
