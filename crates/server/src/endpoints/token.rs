//! `POST /token` (RFC 6749 §3.2): authenticate the client, pick the grant, answer.

use axum::{body::Bytes, extract::State, response::Response};
use http::{HeaderMap, Uri};
use safeconduct_protocol::token::{TokenRequest, TokenResponse};

use crate::{
    client_auth,
    fault::Failure,
    form, grants, respond,
    server::{Exchange, Server},
};

pub(crate) async fn token(
    State(server): State<Server>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match answer(&server, &uri, &headers, &body).await {
        Ok(tokens) => respond::json(&tokens),
        Err(failure) => respond::json_refusal(failure),
    }
}

async fn answer(
    server: &Server,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<TokenResponse, Failure> {
    let parameters = form::read(uri, headers, body)?;
    let exchange = Exchange::begin(server).await?;
    let client = client_auth::authenticate(&exchange, headers, &parameters)?;
    let request = TokenRequest::parse(&parameters)?;
    request.allowed_for(client.client())?;
    let answer = match &request {
        TokenRequest::AuthorizationCode(request) => {
            grants::authorization_code::redeem(&exchange, &client, request).await
        }
        TokenRequest::RefreshToken(request) => {
            grants::refresh_token::refresh(&exchange, &client, request).await
        }
        TokenRequest::ClientCredentials(request) => {
            grants::client_credentials::issue(&exchange, &client, request).await
        }
    };
    let outcome = if answer.is_ok() { "issued" } else { "refused" };
    server
        .telemetry()
        .token_request(request.grant_type().as_str(), outcome);
    answer
}
