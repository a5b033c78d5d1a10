//! `/logout`: a person ends their session here. The form carries a token that only this browser's session cookie can make.

use axum::{Extension, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use safeconduct_protocol::{encoding, error::Reason};
use safeconduct_store::SessionView;

use crate::{
    browser::{self, Browser},
    correlation::Correlation,
    fault::Failure,
    form::PostedForm,
    journey::with_cookie,
    pages::{SignOutPage, SignedIn, SignedOutPage},
    respond,
    server::{Exchange, Server},
};

/// `GET /logout`: asks, because a link or an image on another site must not sign anybody out.
pub(crate) async fn get(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    headers: HeaderMap,
) -> Response {
    respond::person(&server, ask(&server, &headers).await, correlation)
}

/// `POST /logout`: ends the session.
pub(crate) async fn post(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    form: PostedForm,
) -> Response {
    respond::person(&server, end(&server, &form).await, correlation)
}

/// `GET /signed-out`.
pub(crate) async fn signed_out(State(server): State<Server>) -> Response {
    respond::page(
        StatusCode::OK,
        server.pages().signed_out(&SignedOutPage::default()),
    )
}

/// Who is signed in at this browser, apart from any client.
pub(crate) async fn session_here(
    exchange: &Exchange<'_>,
    browser: &Browser,
) -> Result<Option<SessionView>, Failure> {
    let Some(hash) = browser.session_hash() else {
        return Ok(None);
    };
    Ok(exchange
        .server
        .store()
        .signed_in(hash, None, exchange.issuer(), exchange.now)
        .await?)
}

async fn ask(server: &Server, headers: &HeaderMap) -> Result<Response, Failure> {
    let exchange = Exchange::begin(server).await?;
    let browser = Browser::read(&server.settings().issuer, headers);
    let (Some(view), Some(token)) = (
        session_here(&exchange, &browser).await?,
        browser.sign_out_token(),
    ) else {
        return Ok(respond::see_other(&server.path("/signed-out")));
    };
    let action = server.path("/logout");
    let signed_in = SignedIn {
        account: &view.person.username,
        sign_out_action: &action,
        csrf: &token,
    };
    Ok(respond::page(
        StatusCode::OK,
        server.pages().sign_out_confirm(&SignOutPage {
            signed_in,
            ..SignOutPage::default()
        }),
    ))
}

async fn end(server: &Server, form: &PostedForm) -> Result<Response, Failure> {
    let issuer = &server.settings().issuer;
    browser::own_form(issuer, form.headers())?;
    let parameters = form.parameters()?;
    let exchange = Exchange::begin(server).await?;
    let browser = Browser::read(issuer, form.headers());
    let done = with_cookie(
        respond::see_other(&server.path("/signed-out")),
        browser::sign_out(issuer),
    );
    let Some(expected) = browser.sign_out_token() else {
        return Ok(done);
    };
    let presented = parameters.required("csrf", Reason::CrossSiteForm)?;
    if !encoding::constant_time_eq(presented.as_bytes(), expected.as_bytes()) {
        return Err(Reason::CrossSiteForm.into());
    }
    if let Some(view) = session_here(&exchange, &browser).await? {
        server
            .store()
            .end_session(&view.person.session, exchange.now)
            .await?;
        tracing::info!(sub = %view.person.user, "signed out");
    }
    Ok(done)
}
