//! `POST /revoke` (RFC 7009): a refresh token ends its grant, an access token ends itself. Only for the client it was issued to.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use safeconduct_protocol::{
    error::{Reason, Refusal},
    introspection::may_revoke,
};

use crate::{
    client_auth,
    fault::Failure,
    form::PostedForm,
    presented_token::{PresentedToken, giver},
    respond,
    server::{Exchange, Server},
};

pub(crate) async fn revoke(State(server): State<Server>, form: PostedForm) -> Response {
    match answer(&server, &form).await {
        Ok(()) => (StatusCode::OK, [("cache-control", "no-store")]).into_response(),
        Err(failure) => respond::json_refusal(failure),
    }
}

async fn answer(server: &Server, form: &PostedForm) -> Result<(), Failure> {
    let parameters = form.parameters()?;
    let exchange = Exchange::begin(server, Some(form.origin())).await?;
    let caller = client_auth::authenticate(&exchange, form.headers(), &parameters).await?;
    let text = parameters.required("token", Reason::TokenMissing)?;
    client_auth::use_up(&exchange, &caller, None).await?;
    // A token that is unknown, expired or broken can't be used any more: that is what was asked for (RFC 7009 §2.2).
    let Some(token) = PresentedToken::read(&exchange, text) else {
        return Ok(());
    };
    let client = &caller.client().id;
    let owner = match &token {
        PresentedToken::Access(token) => &token.client_id,
        PresentedToken::Refresh(token) => &token.client,
    };
    if !may_revoke(client, owner) {
        return Err(Refusal::new(Reason::TokenOfAnotherClient)
            .because(format!("issued to {owner}, presented by {client}"))
            .into());
    }
    let store = exchange.store_of_client(client);
    match token {
        // One that is good for nothing is not written down: it may say what no grant does.
        PresentedToken::Access(token) if giver(&exchange, &token).await?.is_none() => {}
        PresentedToken::Access(token) => {
            store
                .revoke_access_token(&token.jti, client, token.exp, exchange.now)
                .await?
        }
        PresentedToken::Refresh(token) => {
            store
                .revoke_grant(token.grant, client, "revoked-by-client", exchange.now)
                .await?
        }
    }
    Ok(())
}
