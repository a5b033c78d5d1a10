//! `POST /introspect` (RFC 7662): what a resource server may learn about a token meant for it. Everybody else learns nothing.

use axum::{extract::State, response::Response};
use safeconduct_protocol::{
    error::Reason,
    introspection::{Introspection, may_introspect},
    token::AccessToken,
};

use crate::{
    admission, client_auth,
    fault::Failure,
    form::PostedForm,
    presented_token::{self, Giver, read_access_token},
    respond,
    server::{Exchange, Server},
    user_claims,
};

pub(crate) async fn introspect(State(server): State<Server>, form: PostedForm) -> Response {
    match answer(&server, &form).await {
        Ok(introspection) => respond::json(&introspection),
        Err(failure) => respond::json_refusal(failure),
    }
}

async fn answer(server: &Server, form: &PostedForm) -> Result<Introspection, Failure> {
    let parameters = form.parameters()?;
    let exchange = Exchange::begin(server, Some(form.origin())).await?;
    let caller = client_auth::authenticate(&exchange, form.headers(), &parameters)
        .await?
        .confidential()?;
    let text = parameters.required("token", Reason::TokenMissing)?;
    client_auth::use_up(&exchange, &caller, None).await?;
    // A refresh token is nobody's business but its client's: always inactive.
    let Some(token) = read_access_token(&exchange, text) else {
        return Ok(Introspection::inactive());
    };
    let its_business = may_introspect(
        caller.client(),
        &token,
        &exchange.catalog.resources,
        exchange.issuer(),
    );
    if !its_business {
        return Ok(Introspection::inactive());
    }
    let Some(giver) = presented_token::giver(&exchange, &token).await? else {
        return Ok(Introspection::inactive());
    };
    let token = still_allowed(&exchange, token, &giver).await?;
    Ok(token.map_or_else(Introspection::inactive, Introspection::active))
}

/// The token with what its client and its user may have by now: what was taken from either is gone from its tokens as well.
async fn still_allowed(
    exchange: &Exchange<'_>,
    token: AccessToken,
    giver: &Giver,
) -> Result<Option<AccessToken>, Failure> {
    let Some(known) = exchange.catalog.client(&token.client_id) else {
        return Ok(None);
    };
    let mut scope = token.scope.intersection(&known.client.scopes);
    if let Giver::User(user) = giver {
        scope = admission::permitted(exchange, user, scope).await?;
    }
    // Not those of then, and not those of a forger.
    let groups = match giver {
        Giver::User(user) => {
            user_claims::in_access_token(exchange, &known.client, user, &scope).await?
        }
        Giver::Operator => None,
    };
    let token = AccessToken {
        scope,
        groups,
        ..token
    };
    Ok((!token.scope.is_empty()).then_some(token))
}
