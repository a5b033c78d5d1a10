//! `POST /par` (RFC 9126): a client pushes its authorization request over the back channel. It is checked in full, so that the
//! browser only ever carries one that is good; what comes back is the request itself, sealed.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use safeconduct_protocol::{
    authorization::{self, Arrival, CheckedRequest},
    error::{Reason, Refusal},
    pushed_request::{PUSHED_LIFE, PushedRequest, PushedResponse, REQUEST_URI},
};

use crate::{
    client_auth, dpop,
    endpoints::authorize::fits_every_redirect,
    fault::Failure,
    form::PostedForm,
    left_out, respond,
    respond::LONGEST_LOCATION,
    server::{Exchange, Server},
};

pub(crate) async fn par(State(server): State<Server>, form: PostedForm) -> Response {
    let response = match push(&server, &form).await {
        Ok(pushed) => (StatusCode::CREATED, respond::json(&pushed)).into_response(),
        Err(failure) => respond::json_refusal(failure),
    };
    dpop::with_nonce(&server, response).await
}

async fn push(server: &Server, form: &PostedForm) -> Result<PushedResponse, Failure> {
    let parameters = form.parameters()?;
    let exchange = Exchange::begin(server, Some(form.origin())).await?;
    let authenticated = client_auth::authenticate(&exchange, form.headers(), &parameters).await?;
    let client = authenticated.client();
    let key = dpop::proven_key(&exchange, form.headers(), "POST", "/par", None)?;
    let jkt = key.as_ref().map(dpop::ProvenKey::thumbprint);
    if parameters.one("request_uri")?.is_some() {
        return Err(Reason::RequestUriInPushedRequest.into());
    }
    let redirect_uri = parameters.required("redirect_uri", Reason::RedirectUriMissing)?;
    client.prove_redirect_uri(redirect_uri)?;
    let arrival = Arrival {
        resources: &exchange.catalog.resources,
        issuer: exchange.issuer(),
        keys: exchange.catalog.keys.verification(),
        pushed: true,
        dpop_jkt: jkt,
        sign_up: server.settings().people_sign_up(),
        now: exchange.now,
    };
    let request = CheckedRequest::check(&parameters, client, redirect_uri, &arrival)?;
    fits_every_redirect(&request, exchange.issuer())?;
    left_out::note(
        &exchange,
        client,
        &authorization::left_out(&parameters, client),
    );

    let pushed = PushedRequest::push(
        &parameters,
        &client.id,
        jkt.cloned(),
        exchange.era(),
        exchange.now,
    );
    let sealed = exchange.sealed(&pushed)?;
    if sealed.len() > LONGEST_LOCATION {
        let detail = format!("a request_uri would take {} bytes", sealed.len());
        return Err(Refusal::new(Reason::RequestTooLarge).because(detail).into());
    }
    // Anybody can push in the name of a client without credentials, and a stranger writes nothing. A proof that comes again
    // there binds another request to the key of whoever made it, and is of use to nobody else.
    let proof = key.as_ref().filter(|_| !client.is_public());
    client_auth::use_up(&exchange, &authenticated, proof).await?;
    Ok(PushedResponse {
        request_uri: format!("{REQUEST_URI}{sealed}"),
        expires_in: PUSHED_LIFE,
    })
}
