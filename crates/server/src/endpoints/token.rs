//! `POST /token` (RFC 6749 §3.2): authenticate the client, pick the grant, answer.

use axum::{extract::State, response::Response};
use safeconduct_protocol::token::{TokenRequest, TokenResponse};

use crate::{
    client_auth,
    fault::Failure,
    form::PostedForm,
    grants, respond,
    server::{Exchange, Server},
};

pub(crate) async fn token(State(server): State<Server>, form: PostedForm) -> Response {
    match answer(&server, &form).await {
        Ok(tokens) => respond::json(&tokens),
        Err(failure) => respond::json_refusal(failure),
    }
}

async fn answer(server: &Server, form: &PostedForm) -> Result<TokenResponse, Failure> {
    let parameters = form.parameters()?;
    let exchange = Exchange::begin(server).await?;
    let client = client_auth::authenticate(&exchange, form.headers(), &parameters)?;
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
