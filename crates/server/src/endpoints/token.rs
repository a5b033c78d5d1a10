//! `POST /token` (RFC 6749 §3.2): authenticate the client, see which key it proves, pick the grant, answer.

use axum::{extract::State, response::Response};
use safeconduct_protocol::token::{TokenRequest, TokenResponse};

use crate::{
    client_auth,
    dpop::{self, ProvenKey},
    fault::Failure,
    form::PostedForm,
    grants, respond,
    server::{Exchange, Server},
};

pub(crate) async fn token(State(server): State<Server>, form: PostedForm) -> Response {
    let response = match answer(&server, &form).await {
        Ok(tokens) => respond::json(&tokens),
        Err(failure) => respond::json_refusal(failure),
    };
    dpop::with_nonce(&server, response).await
}

async fn answer(server: &Server, form: &PostedForm) -> Result<TokenResponse, Failure> {
    let parameters = form.parameters()?;
    let exchange = Exchange::begin(server).await?;
    let client = client_auth::authenticate(&exchange, form.headers(), &parameters).await?;
    let request = TokenRequest::parse(&parameters)?;
    let key = dpop::proven_key(&exchange, form.headers(), "POST", "/token", None)?;
    let key = key.as_ref();
    request.allowed_for(client.client(), key.map(ProvenKey::thumbprint))?;
    let answer = match &request {
        TokenRequest::AuthorizationCode(request) => {
            grants::authorization_code::redeem(&exchange, &client, request, key).await
        }
        TokenRequest::RefreshToken(request) => {
            grants::refresh_token::refresh(&exchange, &client, request, key).await
        }
        TokenRequest::ClientCredentials(request) => {
            grants::client_credentials::issue(&exchange, &client, request, key).await
        }
    };
    let outcome = if answer.is_ok() { "issued" } else { "refused" };
    server
        .telemetry()
        .token_request(request.grant_type().as_str(), outcome);
    answer
}
