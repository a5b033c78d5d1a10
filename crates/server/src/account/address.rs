//! `/account/address`: the mail address of the account, and another one in its place. An address becomes the user's where a link that was
//! sent to it is opened by the user, signed in, and confirmed by a form: neither who reads the mail alone nor who is signed in alone does it.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use safeconduct_protocol::{
    claims::PersonClaims,
    error::{Reason, Refusal},
    link::Link,
    mail::{Mail, MailAddress, MailPurpose},
    parameters::Parameters,
};
use safeconduct_store::UserRecord;
use serde_json::Value;

use super::visit::{Answer, Demand, FormRequest, PageRequest, Visit};
use crate::{
    addresses::{ACCOUNT, ACCOUNT_ADDRESS, LINK},
    browser,
    fault::Failure,
    form::PostedForm,
    pages::{AccountPage, AddressPage, AddressProblem, ConfirmAddressPage, Section},
    reader::Reader,
    respond::{self, with_cookie},
    server::Server,
};

const PLACE: (Section, &str) = (Section::Overview, ACCOUNT_ADDRESS);

/// `GET /account/address`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

/// `POST /account/address`: a link is sent to another address.
pub(crate) async fn post(request: FormRequest) -> Response {
    request.answer(send(&request).await)
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_ADDRESS, Demand::Fresh).await?;
    page(&visit, request.query(), &AddressPage::default()).await
}

async fn page(visit: &Visit<'_>, query: Option<&str>, page: &AddressPage<'_>) -> Answer {
    let server = visit.exchange.server;
    let user = user(visit).await?;
    let known = Known::of(&user);
    let mail = server.settings().mail.as_ref();
    let action = mail.map(|_| server.path(ACCOUNT_ADDRESS));
    let page = AccountPage::Address(AddressPage {
        address: known.address,
        is_verified: known.is_verified,
        action: action.as_deref(),
        ..page.clone()
    });
    Ok(visit.page(PLACE, query, &page))
}

/// What is known of the address of a user.
pub(super) struct Known<'a> {
    pub(super) address: Option<&'a str>,
    pub(super) is_verified: bool,
}

impl<'a> Known<'a> {
    pub(super) fn of(user: &'a UserRecord) -> Self {
        Self {
            address: user.claims.claim("email").and_then(Value::as_str),
            is_verified: MailAddress::of(&user.claims).is_some(),
        }
    }
}

/// The user as they are known now.
pub(super) async fn user(visit: &Visit<'_>) -> Result<UserRecord, Failure> {
    let store = visit.exchange.server.store();
    let user = store.user(&visit.view.person.user).await?;
    Ok(user.ok_or(Reason::LinkUsed)?)
}

async fn send(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_ADDRESS).await?;
    let server = visit.exchange.server;
    if server.settings().mail.is_none() {
        return Ok(visit.lead_to(ACCOUNT_ADDRESS));
    }
    let typed = parameters.one("email")?.unwrap_or_default().trim();
    let Some(to) = as_claim(typed) else {
        let problem = Some(AddressProblem::Malformed);
        let again = AddressPage {
            typed,
            problem,
            ..AddressPage::default()
        };
        let mut response = page(&visit, None, &again).await?;
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let (store, now) = (server.store(), visit.exchange.now);
    let person = &visit.view.person;
    let permit = server
        .throttle()
        .permit_mail(store, &person.username, request.address(), now);
    if let Err(wait) = permit.await? {
        server.telemetry().rate_limited(wait.limit.as_str());
        return throttled(&visit, typed, wait.seconds.div_ceil(60)).await;
    }
    let mail = Mail {
        purpose: MailPurpose::Verify,
        to,
        user: person.user.clone(),
        language: visit.exchange.language(),
    };
    if !store.queue_asked_mail(Some(&mail), now).await? {
        // As many as may went to that address within this hour.
        return throttled(&visit, typed, 60).await;
    }
    let sent = AddressPage {
        sent_to: Some(mail.to.as_str()),
        ..AddressPage::default()
    };
    page(&visit, None, &sent).await
}

/// The form again, where no link is sent before so many minutes have passed.
async fn throttled(visit: &Visit<'_>, typed: &str, minutes: u32) -> Answer {
    let again = AddressPage {
        typed,
        problem: Some(AddressProblem::Throttled { minutes }),
        ..AddressPage::default()
    };
    let form = page(visit, None, &again).await?;
    let (reason, seconds) = (Reason::TooManyAttempts, minutes * 60);
    Ok(respond::try_later(form, reason, seconds))
}

/// An address that mails can be sent to, and that can be known of a user.
pub(crate) fn as_claim(typed: &str) -> Option<MailAddress> {
    let address = MailAddress::parse(typed).ok()?;
    let claim = PersonClaims::default().set("email", address.as_str().into());
    claim.is_ok().then_some(address)
}

/// The page of a link that confirms an address: for the user of the link, signed in.
pub(crate) async fn ask_to_confirm(
    server: &Server,
    reader: Reader,
    headers: &HeaderMap,
    (text, link): (&str, &Link),
) -> Answer {
    let visit = Visit::of(server, reader, headers, LINK, Demand::SignedIn).await?;
    let address = judged(&visit, link).await?;
    let html = visit.exchange.pages().confirm_address(&ConfirmAddressPage {
        account: &visit.view.person.username,
        address: address.as_str(),
        action: &server.path(LINK),
        link: text,
        csrf: &visit.browser.account_token().unwrap_or_default(),
    });
    Ok(respond::page(StatusCode::OK, html))
}

/// The form of that page, which `endpoints::link` found to be one of ours: the address becomes the user's.
pub(crate) async fn confirm(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    (parameters, link): (&Parameters, &Link),
) -> Answer {
    let issuer = &server.settings().issuer;
    let visit = Visit::of(server, reader, form.headers(), LINK, Demand::SignedIn).await?;
    judged(&visit, link).await?;
    visit.posts_own(parameters, LINK)?;
    let user = user(&visit).await?;
    let notices = visit.exchange.notices();
    let to_before = notices.to(&user.id, &user.claims, MailPurpose::AddressChanged);
    let mail = to_before.filter(|mail| Some(&mail.to) != link.address());
    let (store, session, now) = (visit.store(), visit.seen(), visit.exchange.now);
    let changed = store.change_address_by_link(link, &user, &session, mail.as_ref(), now);
    if !changed.await? {
        return Err(Refusal::new(Reason::LinkUsed)
            .because("used, or the user was changed, by another request in this moment")
            .into());
    }
    tracing::info!(sub = %link.user(), "another mail address was confirmed");
    let response = visit.lead_to(ACCOUNT);
    Ok(with_cookie(response, browser::forget_link(issuer)))
}

/// The address that a link confirms, if the one who is signed in may confirm it.
async fn judged<'l>(visit: &Visit<'_>, link: &'l Link) -> Result<&'l MailAddress, Failure> {
    let person = &visit.view.person;
    if person.user != *link.user() {
        return Err(Reason::LinkOfAnotherUser.into());
    }
    let known = visit.exchange.server.store().linked_user(link.user());
    let known = known.await?.ok_or(Reason::LinkUsed)?;
    link.is_unused(known.link_version)?;
    Ok(link.address().ok_or(Reason::LinkNotRecognised)?)
}
