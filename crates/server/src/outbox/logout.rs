//! Notifying a client that a session has ended (OpenID Connect Back-Channel Logout 1.0 §2.5). The client is called once for each claim of
//! its row; which answer it gave decides what becomes of that.
//!
//! The addresses are those that the operator registered. Apps live on loopback and in private networks, so these are called
//! like any other; those that give a machine its credentials are not (`outgoing.rs`). Nothing is
//! read of an answer but its status, and a little of the reason for a refusal.

use reqwest::StatusCode;
use safeconduct_protocol::{
    client::BackChannelUri,
    ids::{ClientId, SessionId, UserId},
    logout::{LOGOUT_TOKEN_TYP, LogoutToken},
};
use serde::Deserialize;

use super::{
    body::{beginning_of, on_one_line},
    state::Answer,
};
use crate::{fault::cause_of, outgoing::Reach, server::Exchange};

/// Makes a new logout token and takes it to the client.
pub(super) async fn attempt(
    exchange: &Exchange<'_>,
    client: &ClientId,
    user: &UserId,
    session: &SessionId,
) -> Answer {
    let Some(known) = exchange.catalog.client(client) else {
        return Answer::Refused("the client was deleted".to_owned());
    };
    let client = &known.client;
    let Some(uri) = &client.openid.backchannel_logout_uri else {
        return Answer::Refused("the client does not want to be notified any more".to_owned());
    };
    let keys = &exchange.catalog.keys;
    let algorithm = client.openid.id_token_signed_response_alg;
    let Some(key) = keys.signing(algorithm) else {
        return Answer::Failed(format!("no key signs {algorithm}"));
    };
    let subject = keys.subjects().subject(client, user);
    let session = keys.subjects().session(client, session);
    let token = LogoutToken::new(
        exchange.issuer(),
        &client.id,
        subject,
        session,
        exchange.now,
    );
    match key.sign_jwt(LOGOUT_TOKEN_TYP, &token) {
        Ok(signed) => post(uri, &signed, exchange).await,
        Err(error) => Answer::Failed(format!("signing a logout token: {error}")),
    }
}

/// Takes a logout token to `uri` (§2.5), and reads the answer (§2.8).
async fn post(uri: &BackChannelUri, logout_token: &str, exchange: &Exchange<'_>) -> Answer {
    let longest = exchange.server.settings().back_channel.answer;
    let outgoing = &exchange.server.outbox().outgoing;
    let request = match outgoing.post(uri.as_str(), Reach::Private) {
        Ok(request) => request.timeout(longest),
        Err(fault) => return Answer::Failed(fault.to_string()),
    };
    let form = [("logout_token", logout_token)];
    let response = match request.form(&form).send().await {
        Ok(response) => response,
        Err(error) => return Answer::Silent(cause_of(&error.without_url())),
    };
    match response.status() {
        // Some frameworks answer 204 where there is no body.
        StatusCode::OK | StatusCode::NO_CONTENT => Answer::Delivered,
        StatusCode::BAD_REQUEST => Answer::Refused(reason_of(response).await),
        status => Answer::Failed(format!("it answered {}", status.as_u16())),
    }
}

/// What a client says about its refusal. Only the two members that are meant for this: what else is in the body may be what
/// was sent.
async fn reason_of(response: reqwest::Response) -> String {
    #[derive(Deserialize)]
    struct Reason {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    match serde_json::from_slice(&beginning_of(response).await) {
        Ok(Reason {
            error,
            error_description,
        }) => on_one_line(&format!("{error}: {error_description}")),
        Err(_) => "it does not say why".to_owned(),
    }
}
