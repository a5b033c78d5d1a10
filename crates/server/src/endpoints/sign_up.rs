//! `/sign-up`: somebody who wants an account gives a mail address, and is sent a link to create it (`new_account`). Whatever address that is
//! is answered with the same page, after the same work: who asks learns nothing of whether it is somebody's. Only that it is no address, or at
//! none of the domains that may sign up, is said: neither depends on who has an account.

use std::net::IpAddr;

use axum::{extract::State, response::Response};
use http::{HeaderValue, StatusCode};
use safeconduct_protocol::{
    error::Reason,
    ids::UserId,
    link::Link,
    mail::{Mail, MailAddress, MailPurpose},
    parameters::Parameters,
    redirect_uri::host_of,
    secret::Secret,
    sign_up::MailDomain,
};

use crate::{
    account::address::as_claim,
    addresses::{ACCOUNT, SIGN_UP, SIGN_UP_FOR},
    browser::{self, Browser},
    client_address::RequestAddress,
    fault::{Failure, Fault},
    form::{PENDING, PostedForm},
    journey::{Journey, Step},
    notices::Notices,
    pages::{SignUpClient, SignUpPage, SignUpProblem},
    reader::Reader,
    respond::{self, with_cookie},
    server::{Exchange, Server},
    way_back,
};

/// The longest pending authorization that a browser keeps until its user is back from their mail, in bytes: the head of an answer stays short.
const LONGEST_KEPT: usize = 2 * 1024;
/// What is shown again of what was typed, in characters.
const LONGEST_SHOWN: usize = 256;

/// `GET /sign-up`: the form.
pub(crate) async fn get(State(server): State<Server>, reader: Reader) -> Response {
    respond::person(&server, form(&server, reader).await, reader)
}

/// `POST /login/sign-up`: the form, on the way to a client.
pub(crate) async fn on_the_way(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = form_for(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

/// `POST /sign-up`: an account is asked for.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    RequestAddress(address): RequestAddress,
    form: PostedForm,
) -> Response {
    let answer = ask(&server, reader, &form, address).await;
    way_back::person(&server, &form, answer, reader).await
}

async fn form(server: &Server, reader: Reader) -> Result<Response, Failure> {
    open_to_people(server)?;
    let exchange = Exchange::with(server, reader).await?;
    page(&exchange, None, "", None)
}

async fn form_for(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    open_to_people(server)?;
    let Step {
        exchange, journey, ..
    } = Step::take(server, reader, form).await?;
    journey.sign_up_page(&exchange)
}

/// # Errors
/// `registration-closed` where nobody may begin by themselves.
fn open_to_people(server: &Server) -> Result<(), Failure> {
    match server.settings().people_sign_up() {
        true => Ok(()),
        false => Err(Reason::RegistrationClosed.into()),
    }
}

/// Who asks, and for which client.
struct Asking<'s> {
    exchange: Exchange<'s>,
    journey: Option<Journey>,
    parameters: Parameters,
}

impl<'s> Asking<'s> {
    async fn read(server: &'s Server, reader: Reader, form: &PostedForm) -> Result<Self, Failure> {
        open_to_people(server)?;
        browser::own_form(&server.settings().issuer, form.headers())?;
        let parameters = form.parameters()?;
        if parameters.one(PENDING)?.is_some() {
            let step = Step::take(server, reader, form).await?;
            return Ok(Self {
                exchange: step.exchange,
                journey: Some(step.journey),
                parameters,
            });
        }
        Ok(Self {
            exchange: Exchange::with(server, reader).await?,
            journey: None,
            parameters,
        })
    }

    fn again(&self, typed: &str, problem: SignUpProblem) -> Result<Response, Failure> {
        let shown: String = typed.chars().take(LONGEST_SHOWN).collect();
        page(&self.exchange, self.journey.as_ref(), &shown, Some(problem))
    }
}

async fn ask(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    from: IpAddr,
) -> Result<Response, Failure> {
    let asking = Asking::read(server, reader, form).await?;
    let typed = asking.parameters.one("email")?.unwrap_or_default().trim();
    if typed.is_empty() {
        return asking.again(typed, SignUpProblem::Missing);
    }
    let Some(address) = as_claim(typed) else {
        return asking.again(typed, SignUpProblem::Malformed);
    };
    if !server.settings().sign_up.takes(&address) {
        return asking.again(typed, SignUpProblem::Domain);
    }
    let (store, now) = (server.store(), asking.exchange.now);
    let mailbox = address.mailbox();
    let permit = (server.throttle()).permit_mail(store, &mailbox, from, now);
    if let Err(wait) = permit.await? {
        server.telemetry().rate_limited(wait.limit.as_str());
        let minutes = wait.seconds.div_ceil(60);
        let form = asking.again(typed, SignUpProblem::Throttled { minutes })?;
        return Ok(respond::try_later(
            form,
            Reason::TooManyAttempts,
            minutes * 60,
        ));
    }
    let mail = mail_to(&asking.exchange, &address).await?;
    store.queue_asked_mail(mail.as_ref(), now).await?;
    let html = asking.exchange.pages().sign_up_asked();
    let response = respond::page(StatusCode::OK, html);
    let kept = match asking.journey {
        Some(journey) => kept(&asking.exchange, journey, address.key())?,
        None => None,
    };
    let issuer = &server.settings().issuer;
    let cookie = kept.unwrap_or_else(|| browser::forget_request(issuer));
    Ok(with_cookie(response, cookie))
}

/// What is sent there: a link; or, where the address is known to be somebody's, word of their account. To who is locked nothing is sent, and no
/// other account comes of it.
async fn mail_to(exchange: &Exchange<'_>, address: &MailAddress) -> Result<Option<Mail>, Failure> {
    let store = exchange.server.store();
    let owner = store.user_by_address(&address.key()).await?;
    let notices = Notices::new(true, exchange.language());
    Ok(match owner {
        Some(owner) if owner.locked => None,
        Some(owner) => notices.to(&owner.id, &owner.claims, MailPurpose::AccountExists),
        None => Some(Mail {
            purpose: MailPurpose::SignUp,
            to: address.clone(),
            user: UserId::generate(),
            language: exchange.language(),
        }),
    })
}

/// The cookie by which this browser keeps what its user was on the way to when they asked for an account of the address of `key`, if that is
/// short enough.
fn kept(
    exchange: &Exchange<'_>,
    mut journey: Journey,
    key: String,
) -> Result<Option<HeaderValue>, Fault> {
    let settings = exchange.server.settings();
    journey.pending.signing_up = Some(key);
    let sealed = exchange.sealed(&journey.pending)?;
    if sealed.len() > LONGEST_KEPT {
        return Ok(None);
    }
    let (sealed, seconds) = (Secret::new(sealed), settings.lifetimes.pending);
    Ok(Some(browser::keep_request(
        &settings.issuer,
        &sealed,
        seconds,
    )))
}

/// What the user of this browser was on the way to when they asked for the account of `link` here. In no other browser is it anybody's, and
/// behind no other link: whoever sends theirs gets nobody into their account.
pub(crate) fn under_way(
    exchange: &Exchange<'_>,
    browser: &Browser,
    link: &Link,
) -> Option<Journey> {
    let sealed = browser.request()?;
    let mut journey = Journey::resume(exchange, sealed.expose(), browser).ok()?;
    let asked = journey.pending.signing_up.take()?;
    (asked == link.address()?.key()).then_some(journey)
}

impl Journey {
    /// The form that asks for an account.
    pub(crate) fn sign_up_page(&self, exchange: &Exchange<'_>) -> Result<Response, Failure> {
        let hint = self.pending.request.login_hint();
        let hint = hint.filter(|hint| MailAddress::parse(hint).is_ok());
        page(exchange, Some(self), hint.unwrap_or_default(), None)
    }
}

fn page(
    exchange: &Exchange<'_>,
    journey: Option<&Journey>,
    typed: &str,
    problem: Option<SignUpProblem>,
) -> Result<Response, Failure> {
    let server = exchange.server;
    let sealed = journey
        .map(|journey| exchange.sealed(&journey.pending))
        .transpose()?;
    let host = journey.map(|journey| host_of(journey.pending.request.redirect_uri()));
    let client = journey
        .zip(sealed.as_deref())
        .map(|(journey, pending)| SignUpClient {
            name: journey.client.name_in(exchange.language()),
            host: host.as_deref().unwrap_or_default(),
            pending,
            sign_in_action: server.path("/login/switch"),
            page: server.path(SIGN_UP_FOR),
        });
    let domains = server.settings().sign_up.domains();
    let domains: Vec<&str> = domains.iter().map(MailDomain::as_str).collect();
    let html = exchange.pages().sign_up(&SignUpPage {
        action: &server.path(SIGN_UP),
        client,
        sign_in_url: &server.path(ACCOUNT),
        domains: &domains,
        typed,
        problem,
    });
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    Ok(respond::page(status, html))
}
