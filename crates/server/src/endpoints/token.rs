//! `POST /token` (RFC 6749 §3.2): authenticate the client, see which key it proves, pick the grant, answer.

use axum::{extract::State, response::Response};
use safeconduct_protocol::{
    client::GrantType,
    parameters::Parameters,
    token::{TokenRequest, TokenResponse},
};

use crate::{
    client_auth,
    dpop::{self, ProvenKey},
    fault::Failure,
    form::PostedForm,
    grants, respond,
    server::{Exchange, Server},
};

/// The label of a token request that names no grant type that we know.
const UNKNOWN: &str = "unknown";

pub(crate) async fn token(State(server): State<Server>, form: PostedForm) -> Response {
    let (grant_type, answer) = match form.parameters() {
        Ok(parameters) => (
            named_grant_type(&parameters),
            answer(&server, &form, &parameters).await,
        ),
        Err(refusal) => (UNKNOWN, Err(refusal.into())),
    };
    let (outcome, response) = match answer {
        Ok(tokens) => ("issued", respond::json(&tokens)),
        Err(failure) => {
            let refusal = failure.into_refusal();
            let error = refusal.error().as_str();
            (error, respond::json_refusal(refusal.into()))
        }
    };
    server.telemetry().token_request(grant_type, outcome);
    dpop::with_nonce(&server, response).await
}

/// The grant type that a request names, as the metrics name it, whatever else is wrong with it.
fn named_grant_type(parameters: &Parameters) -> &'static str {
    let named = parameters.one("grant_type").ok().flatten();
    named
        .and_then(GrantType::parse)
        .map_or(UNKNOWN, GrantType::as_str)
}

async fn answer(
    server: &Server,
    form: &PostedForm,
    parameters: &Parameters,
) -> Result<TokenResponse, Failure> {
    let headers = form.headers();
    let exchange = Exchange::begin(server, Some(form.origin())).await?;
    let client = client_auth::authenticate(&exchange, headers, parameters).await?;
    let request = TokenRequest::parse(parameters)?;
    let key = dpop::proven_key(&exchange, headers, "POST", "/token", None)?;
    let key = key.as_ref();
    request.allowed_for(client.client(), key.map(ProvenKey::thumbprint))?;
    match &request {
        TokenRequest::AuthorizationCode(request) => {
            grants::authorization_code::redeem(&exchange, &client, request, key).await
        }
        TokenRequest::RefreshToken(request) => {
            grants::refresh_token::refresh(&exchange, &client, request, key).await
        }
        TokenRequest::ClientCredentials(request) => {
            grants::client_credentials::issue(&exchange, &client, request, key).await
        }
    }
}
