//! `/link`: a one-time link is opened, and its holder sets a password, brings a passkey, confirms an address (`account::address`), or creates an
//! account (`new_account`). Opening one uses nothing up, however often and whoever does it; the form does, and the write behind it says who was first.
//!
//! A link proves that its holder may set the password, and no factor of a sign-in: who set it is signed in by that password alone, and
//! the rule that every sign-in goes by asks for whatever else the account has. A passkey is brought only where it stands in for nothing that
//! the account has; who made it signs in with it, because making it proves nothing.

use std::net::IpAddr;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use safeconduct_protocol::{
    authentication::Factor,
    error::{Reason, Refusal},
    link::{Link, LinkPurpose},
    mail::MailPurpose,
    parameters::Parameters,
    secret::Secret,
};
use safeconduct_store::LinkedUser;

use crate::{
    account::{address, settled},
    addresses::{ACCOUNT, LINK},
    browser::{self, Browser},
    client_address::RequestAddress,
    endpoints::new_account,
    fault::Failure,
    form::PostedForm,
    new_passkey,
    new_password::{self, Owner},
    pages::{AddPasskeyPage, AddPasskeyProblem, NewPasswordPage, NewPasswordProblem, Page},
    reader::Reader,
    respond::{self, with_cookie},
    server::{Exchange, Server},
    sign_in::{self, Proven},
};

/// The parameter and form field that carries a link.
const FIELD: &str = "link";
/// The longest text that is kept as a link, in bytes.
const LONGEST: usize = 1024;

/// `GET /link`: with the link in the query, the way to the page without it; else that page.
pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let answer = match query.filter(|query| !query.is_empty()) {
        Some(query) => out_of_the_address(&server, reader, &query),
        None => show(&server, reader, &headers).await,
    };
    respond::person(&server, answer, reader)
}

/// `POST /link`: a password is set, or a passkey is brought.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    RequestAddress(address): RequestAddress,
    form: PostedForm,
) -> Response {
    let answer = used(&server, reader, &form, address).await;
    respond::person(&server, answer, reader)
}

/// The address of a page stays in the history of a browser and may be sent on, so a link does not stay in it.
fn out_of_the_address(server: &Server, reader: Reader, query: &str) -> Result<Response, Failure> {
    let parameters = Parameters::parse(query.as_bytes())?;
    let link = parameters.required(FIELD, Reason::LinkNotRecognised)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if link.len() > LONGEST || !link.bytes().all(plain) {
        return Err(Reason::LinkNotRecognised.into());
    }
    let response = respond::lead_to(server.pages().of(reader.language), &server.path(LINK));
    let cookie = browser::open_link(&server.settings().issuer, &Secret::new(link));
    Ok(with_cookie(response, cookie))
}

async fn show(server: &Server, reader: Reader, headers: &HeaderMap) -> Result<Response, Failure> {
    let exchange = Exchange::with(server, reader).await?;
    let browser = Browser::read(&server.settings().issuer, headers);
    let text = browser.link().ok_or(Reason::LinkNotRecognised)?;
    let link: Link = exchange.open(text.expose())?;
    if link.purpose() == LinkPurpose::ChangeAddress {
        let link = (text.expose(), &link);
        return settled(address::ask_to_confirm(server, reader, headers, link).await);
    }
    if link.purpose().is_to_sign_up() {
        return new_account::show(&exchange, (text.expose(), &link)).await;
    }
    let user = judged(&exchange, &link).await?;
    let html = page(&exchange, (text.expose(), &link), &user, None, None).await?;
    Ok(respond::page(StatusCode::OK, html))
}

/// Whose link it is, if it can be used now, as far as that can be told before it is.
async fn judged(exchange: &Exchange<'_>, link: &Link) -> Result<LinkedUser, Failure> {
    let user = exchange.server.store().linked_user(link.user()).await?;
    let user = user.filter(|user| !user.locked);
    let user = user.ok_or_else(|| Refusal::new(Reason::LinkUsed).because("deleted or locked"))?;
    link.is_unused(user.link_version)?;
    Ok(user)
}

async fn page(
    exchange: &Exchange<'_>,
    (text, link): (&str, &Link),
    user: &LinkedUser,
    problem: Option<NewPasswordProblem>,
    passkey_problem: Option<AddPasskeyProblem>,
) -> Result<Page, Failure> {
    let server = exchange.server;
    let action = server.path(LINK);
    let passkey = new_passkey::begin_by_link(exchange, link, &user.username).await?;
    let html = exchange.pages().new_password(&NewPasswordPage {
        account: &user.username,
        is_first: !user.has_password,
        is_invited: link.purpose() == LinkPurpose::Invite,
        action: &action,
        link: Some(text),
        csrf: None,
        ends_others: false,
        minimum: server.password_rule().minimum(),
        problem,
        passkey: passkey.as_ref().map(|new| AddPasskeyPage {
            action: &action,
            ceremony: &new.ceremony,
            options: &new.options,
            problem: passkey_problem,
        }),
    });
    Ok(html)
}

async fn used(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    from: IpAddr,
) -> Result<Response, Failure> {
    let issuer = &server.settings().issuer;
    browser::own_form(issuer, form.headers())?;
    let parameters = form.parameters()?;
    let exchange = Exchange::with(server, reader).await?;
    // The link of the page that was filled in, whichever was opened in another tab since.
    let text = parameters.required(FIELD, Reason::LinkNotRecognised)?;
    let link: Link = exchange.open(text)?;
    if link.purpose() == LinkPurpose::ChangeAddress {
        let answer = address::confirm(server, reader, form, (&parameters, &link));
        return settled(answer.await);
    }
    if link.purpose().is_to_sign_up() {
        return new_account::create(&exchange, form, &parameters, (text, &link), from).await;
    }
    let user = judged(&exchange, &link).await?;
    if parameters.one("credential")?.is_some() {
        let browser = Browser::read(issuer, form.headers());
        return bring_passkey(&exchange, &browser, (text, &link), &user, &parameters).await;
    }
    let owner = Owner {
        user: link.user(),
        username: &user.username,
        claims: &user.claims,
    };
    let requester = server.throttle().requester(&user.username, from);
    let password = match new_password::chosen(&exchange, &owner, requester, &parameters).await? {
        Ok(password) => password,
        Err(problem) => {
            let html = page(&exchange, (text, &link), &user, Some(problem), None);
            return Ok(new_password::again(html.await?, problem));
        }
    };
    let store = exchange.store_of_person(link.user());
    let mail = match link.purpose() {
        LinkPurpose::Recover => {
            let purpose = MailPurpose::PasswordChanged;
            exchange.notices().to(link.user(), &user.claims, purpose)
        }
        _ => None,
    };
    let set = store.set_password_by_link(&link, &password, mail.as_ref(), exchange.now);
    let Some(epoch) = set.await? else {
        return Err(used_meanwhile());
    };
    tracing::info!(sub = %link.user(), purpose = link.purpose().name(), "a password was set by a link");
    let response = respond::lead_to(exchange.pages(), &server.path(ACCOUNT));
    let response = with_cookie(response, browser::forget_link(issuer));
    let browser = Browser::read(issuer, form.headers());
    Ok(
        match begin_session(&exchange, &browser, &link, epoch).await? {
            Some(cookie) => {
                let response = with_cookie(response, cookie);
                known_from_now_on(&exchange, &browser, &user, response)
            }
            None => response,
        },
    )
}

fn used_meanwhile() -> Failure {
    let refusal = Refusal::new(Reason::LinkUsed);
    refusal
        .because("used by another request in this moment")
        .into()
}

/// Adds the passkey that the holder of a link made, and leads to the account page, where it is asked for. Whoever was signed in in this browser
/// is not any more.
async fn bring_passkey(
    exchange: &Exchange<'_>,
    browser: &Browser,
    (text, link): (&str, &Link),
    user: &LinkedUser,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    let old = browser.session(exchange).await?;
    let old = old.as_ref().map(|old| &old.person);
    let added = new_passkey::add_by_link(exchange, link, old, parameters).await?;
    if let Err(problem) = added.ok_or_else(used_meanwhile)? {
        let html = page(exchange, (text, link), user, None, Some(problem)).await?;
        return Ok(respond::page(StatusCode::BAD_REQUEST, html));
    }
    let server = exchange.server;
    let issuer = &server.settings().issuer;
    let response = respond::lead_to(exchange.pages(), &server.path(ACCOUNT));
    let response = with_cookie(response, browser::forget_link(issuer));
    let response = with_cookie(response, browser::sign_out(issuer));
    Ok(known_from_now_on(exchange, browser, user, response))
}

/// The owner of an account knows of the browser in which they used its link.
fn known_from_now_on(
    exchange: &Exchange<'_>,
    browser: &Browser,
    user: &LinkedUser,
    response: Response,
) -> Response {
    let throttle = exchange.server.throttle();
    let known = throttle.known_browser(browser.known());
    match throttle.know(&user.username, &known, exchange.now) {
        Some(known) => {
            let issuer = &exchange.server.settings().issuer;
            with_cookie(response, browser::know(issuer, &known))
        }
        None => response,
    }
}

/// Signs the user in by the password that they have just set. The session of another user in this browser ends. `None` if they were
/// locked meanwhile: then the account page asks who it is.
async fn begin_session(
    exchange: &Exchange<'_>,
    browser: &Browser,
    link: &Link,
    epoch: i64,
) -> Result<Option<HeaderValue>, Failure> {
    let proven = Proven {
        user: link.user(),
        epoch,
        factor: Factor::Password,
        // Who set the password knows of this browser, and the mail about the password says the rest.
        notice: None,
    };
    let old = browser.session(exchange).await?;
    for begun in sign_in::begin(exchange, old.as_ref(), browser, &proven) {
        let store = exchange.store_of_person(link.user());
        if store.sign_in(&begun.session, exchange.now).await? {
            return Ok(Some(begun.cookie(exchange)));
        }
    }
    Ok(None)
}
