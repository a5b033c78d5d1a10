//! `/recover`: a user who can't sign in asks for a link by mail. Whatever is typed is answered with the same page, after the same work:
//! who asks learns nothing of whether there is such an account, and the mail goes to the address that the account is known by alone.

use std::net::IpAddr;

use axum::{extract::State, response::Response};
use http::StatusCode;
use safeconduct_protocol::{
    error::Reason,
    mail::{MailAddress, MailPurpose},
    precis,
};
use safeconduct_store::UserRecord;

use crate::{
    addresses::RECOVER,
    browser,
    client_address::RequestAddress,
    fault::Failure,
    form::PostedForm,
    notices::Notices,
    pages::{Page, RecoverPage, RecoverProblem},
    reader::Reader,
    respond,
    server::{Exchange, Server},
};

/// The longest name or address that is looked up, in bytes.
const LONGEST: usize = 256;

/// `GET /recover`: the form.
pub(crate) async fn get(State(server): State<Server>, reader: Reader) -> Response {
    respond::person(&server, form(&server, reader).await, reader)
}

/// `POST /recover`: a mail is asked for.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    RequestAddress(address): RequestAddress,
    form: PostedForm,
) -> Response {
    let answer = ask(&server, reader, &form, address).await;
    respond::person(&server, answer, reader)
}

async fn form(server: &Server, reader: Reader) -> Result<Response, Failure> {
    let exchange = begin(server, reader).await?;
    Ok(respond::page(StatusCode::OK, page(&exchange, "", None)))
}

/// Without mail there is nothing here.
async fn begin(server: &Server, reader: Reader) -> Result<Exchange<'_>, Failure> {
    if server.settings().mail.is_none() {
        return Err(Reason::NotFound.into());
    }
    Exchange::with(server, reader).await
}

async fn ask(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    address: IpAddr,
) -> Result<Response, Failure> {
    let exchange = begin(server, reader).await?;
    browser::own_form(&server.settings().issuer, form.headers())?;
    let parameters = form.parameters()?;
    let typed = parameters.one("account")?.unwrap_or_default().trim();
    if typed.is_empty() {
        let html = page(&exchange, "", Some(RecoverProblem::Missing));
        return Ok(respond::page(StatusCode::BAD_REQUEST, html));
    }
    let (store, throttle) = (server.store(), server.throttle());
    let permit = throttle.permit_mail(store, typed, address, exchange.now);
    if let Err(wait) = permit.await? {
        server.telemetry().rate_limited(wait.limit.as_str());
        return Ok(throttled(&exchange, typed, wait.seconds));
    }
    let found = look_up(&exchange, typed).await?;
    let notices = Notices::new(server.settings().mail.is_some(), exchange.language());
    let mail = found.and_then(|user| notices.to(&user.id, &user.claims, MailPurpose::Recover));
    store.queue_asked_mail(mail.as_ref(), exchange.now).await?;
    let html = exchange.pages().recovery_asked();
    Ok(respond::page(StatusCode::OK, html))
}

/// Who may be meant: the account of that name, or else one whose address this is known to be. Both are looked for, whatever is typed.
async fn look_up(exchange: &Exchange<'_>, typed: &str) -> Result<Option<UserRecord>, Failure> {
    let store = exchange.server.store();
    let name = if typed.len() > LONGEST { "" } else { typed };
    let address = MailAddress::parse(&precis::username_key(name)).ok();
    let key = address.map(|address| address.key()).unwrap_or_default();
    let by_name = store.user_by_name(name).await?;
    let by_address = store.user_by_address(&key).await?;
    Ok(by_name.or(by_address).filter(|user| !user.locked))
}

fn page(exchange: &Exchange<'_>, typed: &str, problem: Option<RecoverProblem>) -> Page {
    exchange.pages().recover(&RecoverPage {
        action: &exchange.server.path(RECOVER),
        typed,
        problem,
    })
}

fn throttled(exchange: &Exchange<'_>, typed: &str, seconds: u32) -> Response {
    let minutes = seconds.div_ceil(60);
    let shown: String = typed.chars().take(LONGEST).collect();
    let html = page(
        exchange,
        &shown,
        Some(RecoverProblem::Throttled { minutes }),
    );
    let form = respond::page(StatusCode::OK, html);
    respond::try_later(form, Reason::TooManyAttempts, minutes * 60)
}
