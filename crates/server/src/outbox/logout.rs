//! Notifying a client that a session has ended (OpenID Connect Back-Channel Logout 1.0 §2.5): the one place from which this
//! server makes an HTTP request. The client is called once for each claim of its row; which answer it gave decides what becomes of that.
//!
//! The addresses are those that the operator registered. Apps live on loopback and in private networks, so these are called
//! like any other; no stranger can register an address here. Redirects are not followed, no proxy is asked, and nothing is
//! read of an answer but its status, and a little of the reason for a refusal.

use reqwest::StatusCode;
use safeconduct_protocol::{
    client::BackChannelUri,
    ids::{ClientId, SessionId, UserId},
    logout::{LOGOUT_TOKEN_TYP, LogoutToken},
};
use serde::Deserialize;

use super::state::Answer;
use crate::{fault::cause_of, server::Exchange};

/// The most that is read of a refusal, in bytes, and the most of it that is logged, in characters.
const LONGEST_REFUSAL: usize = 4 * 1024;
const LONGEST_DETAIL: usize = 200;

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
    let http = match exchange.server.outbox().http(longest) {
        Ok(http) => http,
        Err(fault) => return Answer::Failed(fault.to_string()),
    };
    let form = [("logout_token", logout_token)];
    let response = match http.post(uri.as_str()).form(&form).send().await {
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
async fn reason_of(mut response: reqwest::Response) -> String {
    #[derive(Deserialize)]
    struct Reason {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_REFUSAL {
            break;
        }
    }
    match serde_json::from_slice(&body) {
        Ok(Reason {
            error,
            error_description,
        }) => on_one_line(&format!("{error}: {error_description}")),
        Err(_) => "it does not say why".to_owned(),
    }
}

fn on_one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LONGEST_DETAIL).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_stays_on_its_line() {
        let said = on_one_line(&format!("a\nb\u{1b}[2J{}", "x".repeat(1000)));
        assert!(said.starts_with("a b [2Jx"));
        assert_eq!(said.chars().count(), LONGEST_DETAIL);
    }
}
