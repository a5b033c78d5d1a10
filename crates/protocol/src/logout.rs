//! Signing out: a client's request for it (OpenID Connect RP-Initiated Logout 1.0) and the token that tells clients that a
//! session has ended (Back-Channel Logout 1.0).

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    authorization::{LONGEST_STATE, ui_locales},
    client::Client,
    error::{Reason, Refusal},
    grant::Lifetimes,
    id_token::IdTokenHint,
    ids::{ClientId, SessionId, new_id},
    language::Language,
    parameters::{Parameters, bounded},
    redirect_uri,
    seal::Kind,
    sealed::{Sealed, until},
    time::Timestamp,
};

/// The `typ` of a logout token (Back-Channel Logout §2.4).
pub const LOGOUT_TOKEN_TYP: &str = "logout+jwt";
/// The one event that a logout token holds.
pub const BACK_CHANNEL_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds that a logout token is good for.
pub const LOGOUT_TOKEN_LIFE: i64 = 120;
/// Seconds in which a user who is asked whether to sign out has to answer, to be returned to the client that asked.
pub const LOGOUT_LIFE: i64 = 3600;

/// A client's request to sign a user out, as it arrived (RP-Initiated Logout §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogoutRequest {
    /// An ID Token that names the user and the client.
    pub id_token_hint: Option<String>,
    /// The client, where there is no hint or beside it.
    pub client_id: Option<ClientId>,
    /// Where to return to.
    pub post_logout_redirect_uri: Option<String>,
    /// To be sent back there.
    pub state: Option<String>,
    /// The language that the user is to be asked in.
    pub ui_locales: Option<Language>,
}

impl LogoutRequest {
    /// Reads the parameters.
    ///
    /// # Errors
    /// `parameter-repeated`, `client-unknown` for what is no client id, `state-too-long`, `request-malformed` for control
    /// characters in `state`.
    pub fn parse(parameters: &Parameters) -> Result<Self, Refusal> {
        let text = |name: &str| Ok::<_, Refusal>(parameters.one(name)?.map(str::to_owned));
        let client_id = match parameters.one("client_id")? {
            Some(id) => Some(ClientId::parse(id).ok_or(Reason::ClientUnknown)?),
            None => None,
        };
        Ok(Self {
            id_token_hint: text("id_token_hint")?,
            client_id,
            post_logout_redirect_uri: text("post_logout_redirect_uri")?,
            state: bounded(parameters, "state", LONGEST_STATE, Reason::StateTooLong)?,
            ui_locales: ui_locales(parameters),
        })
    }
}

/// What a logout comes to, whatever was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logout {
    /// The client that asked, if it proved who it is.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The proven URI to return to, with the state to send there.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub return_to: Option<ReturnTo>,
    /// The language that the client wants its pages in.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<Language>,
}

/// A logout that was judged, while the user is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedLogout {
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    pub era: i64,
    /// Since when the user is asked.
    #[serde(rename = "f")]
    pub asked_at: Timestamp,
    /// What the user is asked about.
    #[serde(rename = "l")]
    pub logout: Logout,
}

impl Sealed for SealedLogout {
    const KIND: Kind = Kind::Logout;
    const NOT_RECOGNISED: Reason = Reason::RequestMalformed;
    const OVER: Reason = Reason::RequestMalformed;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, _: &Lifetimes) -> Range<Timestamp> {
        until(self.asked_at.plus(LOGOUT_LIFE))
    }
}

/// Where a user goes after signing out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTo {
    /// The registered URI.
    #[serde(rename = "u")]
    pub uri: String,
    /// The client's `state`.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl Logout {
    /// Judges a request whose hint was verified, by the client that the hint names (§3): the URI must be registered, character
    /// by character (`Client::may_return_to`). Without a hint nobody is sent anywhere, because anyone can write a `client_id`.
    ///
    /// # Errors
    /// `post-logout-redirect-uri-not-registered`; `logout-client-not-proven` where one is asked for without a hint;
    /// `id-token-hint-refused` if `client_id` is another than the hint's.
    pub fn of(
        request: &LogoutRequest,
        proven: Option<(&IdTokenHint, &Client)>,
    ) -> Result<Self, Refusal> {
        let not_registered =
            |detail: &str| Refusal::new(Reason::PostLogoutRedirectUriNotRegistered).because(detail);
        let Some((hint, client)) = proven else {
            return match request.post_logout_redirect_uri {
                Some(_) => Err(Reason::LogoutClientNotProven.into()),
                None => Ok(Self {
                    ui_locales: request.ui_locales,
                    ..Self::default()
                }),
            };
        };
        if request
            .client_id
            .as_ref()
            .is_some_and(|sent| *sent != hint.client)
        {
            return Err(Refusal::new(Reason::IdTokenHintRefused)
                .because("client_id is not the client that the hint was issued to"));
        }
        let return_to = match &request.post_logout_redirect_uri {
            None => None,
            Some(uri) if client.may_return_to(uri) => Some(ReturnTo {
                uri: uri.clone(),
                state: request.state.clone(),
            }),
            Some(uri) => {
                let registered = &client.openid.post_logout_redirect_uris;
                return Err(not_registered(&redirect_uri::difference(registered, uri)));
            }
        };
        Ok(Self {
            client: Some(client.id.clone()),
            return_to,
            ui_locales: request.ui_locales,
        })
    }
}

/// What a logout token says (Back-Channel Logout §2.4).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogoutToken {
    iss: String,
    sub: String,
    aud: ClientId,
    iat: Timestamp,
    exp: Timestamp,
    jti: String,
    sid: SessionId,
    events: Value,
}

impl LogoutToken {
    /// Tells `client` that the session has ended which it knows as `sid`, of the user whom it knows as `subject`.
    pub fn new(
        issuer: &str,
        client: &ClientId,
        subject: String,
        sid: SessionId,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer.to_owned(),
            sub: subject,
            aud: client.clone(),
            iat: now,
            exp: now.plus(LOGOUT_TOKEN_LIFE),
            jti: new_id(),
            sid,
            events: json!({ BACK_CHANNEL_EVENT: {} }),
        }
    }
}
