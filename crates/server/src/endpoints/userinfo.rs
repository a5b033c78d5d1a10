//! `/userinfo` (OpenID Connect Core §5.3): what a client may know about the user who signed in, for its access token.

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, Method};
use safeconduct_protocol::{error::Reason, parameters::Parameters, scope::OPENID};
use serde_json::{Map, Value};

use crate::{
    access::{Presented, refused},
    admission, dpop,
    fault::Failure,
    form::PostedForm,
    origin::Origin,
    presented_token::{read_access_token, says_what_was_granted},
    respond,
    server::{Exchange, Server},
    user_claims,
};

/// `GET /userinfo`, with the token in the header.
pub(crate) async fn get(State(server): State<Server>, request: Request) -> Response {
    let from = (Origin::of(request.extensions()), request.headers());
    let answer = answer(&server, &Method::GET, from, None).await;
    respond(&server, answer).await
}

/// `POST /userinfo`, with the token in the header or in a form (RFC 6750 §2.2).
pub(crate) async fn post(State(server): State<Server>, form: PostedForm) -> Response {
    let parameters = form.parameters_if_any();
    let answer = match &parameters {
        Ok(parameters) => {
            let from = (form.origin(), form.headers());
            answer(&server, &Method::POST, from, parameters.as_ref()).await
        }
        Err(refusal) => Err(refusal.clone().into()),
    };
    respond(&server, answer).await
}

async fn respond(server: &Server, answer: Result<Map<String, Value>, Failure>) -> Response {
    let response = match answer {
        Ok(claims) => respond::json(&claims),
        Err(failure) => respond::bearer_refusal(failure),
    };
    dpop::with_nonce(server, response).await
}

async fn answer(
    server: &Server,
    method: &Method,
    (origin, headers): (Origin, &HeaderMap),
    form: Option<&Parameters>,
) -> Result<Map<String, Value>, Failure> {
    let exchange = Exchange::begin(server, Some(origin)).await?;
    let presented = Presented::read(headers, form)?;
    let token = read_access_token(&exchange, &presented.token)
        .filter(|token| token.aud.contains(exchange.issuer()))
        .ok_or_else(|| refused("not an access token for this server"))?;
    let url = server.settings().issuer.endpoint("/userinfo");
    presented
        .prove_binding(&exchange, (method.as_str(), &url), headers, &token)
        .await?;

    let client_id = &token.client_id;
    let grant = token.grant_id.ok_or_else(|| {
        refused(&format!(
            "a token of the client {client_id} itself: no user signed in for it"
        ))
    })?;
    let view = exchange
        .server
        .store()
        .userinfo(grant, &token.jti, token.era, exchange.now)
        .await?
        .ok_or_else(|| refused("the grant or the token has ended"))?;
    says_what_was_granted(&exchange, &token, &view.grant)?;
    let known = exchange.catalog.client(&token.client_id);
    let client = known
        .filter(|known| known.enabled)
        .map(|known| &known.client)
        .ok_or_else(|| refused(&format!("the client {client_id} is disabled or deleted")))?;
    let scope = token.scope.intersection(&client.scopes);
    let scope = admission::permitted(&exchange, &view.user, scope).await?;
    if !scope.contains(OPENID) {
        return Err(Reason::ScopeInsufficient.into());
    }
    let names = view.grant.claims.for_userinfo(&scope, &client.scopes);
    let person = view.claims.of_account(&view.username, view.updated_at);
    let mut claims = user_claims::of(&exchange, client, &view.user, &person, &names).await?;
    let subject = exchange.catalog.keys.subjects().subject(client, &view.user);
    claims.insert("sub".to_owned(), subject.into());
    Ok(claims)
}
