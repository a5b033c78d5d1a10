//! `/account/security/password`: the user changes their password, or sets a first one. That they know the old one they have proved just
//! now, where passwords are what they sign in by: the rule wants a fresh proof, within the budgets of every sign-in.

use std::net::IpAddr;

use axum::{Extension, extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use safeconduct_protocol::{error::Reason, mail::MailPurpose, parameters::Parameters};
use safeconduct_store::PasswordChange;

use super::visit::{Demand, Visit, Visitor};
use crate::{
    addresses::{ACCOUNT_PASSWORD, ACCOUNT_SECURITY},
    client_address::ClientAddress,
    fault::Failure,
    form::PostedForm,
    new_password::{self, Owner},
    outbox,
    pages::{NewPasswordPage, NewPasswordProblem, Page},
    reader::Reader,
    respond::{self, with_cookie},
    second_factor::Renewal,
    server::Server,
};

/// `GET /account/security/password`.
pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    headers: HeaderMap,
) -> Response {
    respond::person(&server, show(&server, reader, &headers).await, reader)
}

/// `POST /account/security/password`.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    address: Option<Extension<ClientAddress>>,
    form: PostedForm,
) -> Response {
    // Without the accept loop in front there is one address for everybody.
    let address = address.map_or(IpAddr::from([0, 0, 0, 0]), |Extension(client)| {
        client.address
    });
    let answer = change(&server, reader, &form, address).await;
    respond::person(&server, answer, reader)
}

async fn show(server: &Server, reader: Reader, headers: &HeaderMap) -> Result<Response, Failure> {
    let (page, demand) = (ACCOUNT_PASSWORD, Demand::Fresh);
    let visit = match Visit::of(server, reader, headers, page, demand).await? {
        Visitor::Known(visit) => visit,
        Visitor::Unproven(response) => return Ok(response),
    };
    let html = self::page(&visit, true, None).await?;
    Ok(respond::page(StatusCode::OK, html))
}

async fn page(
    visit: &Visit<'_>,
    ends_others: bool,
    problem: Option<NewPasswordProblem>,
) -> Result<Page, Failure> {
    let (server, person) = (visit.exchange.server, &visit.view.person);
    let is_first = server.store().password_changed_at(&person.user).await?;
    Ok(visit.exchange.pages().new_password(&NewPasswordPage {
        account: &person.username,
        is_first: is_first.is_none(),
        action: &server.path(ACCOUNT_PASSWORD),
        link: None,
        csrf: visit.browser.account_token().as_deref(),
        ends_others,
        minimum: server.password_rule().minimum(),
        problem,
    }))
}

async fn change(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    address: IpAddr,
) -> Result<Response, Failure> {
    let changing = Visit::changing(server, reader, form, ACCOUNT_PASSWORD).await?;
    let (visit, parameters) = match changing {
        Visitor::Known(known) => known,
        Visitor::Unproven(response) => return Ok(response),
    };
    match changed(&visit, &parameters, address).await? {
        Ok(response) => Ok(response),
        Err(problem) => {
            let html = page(&visit, ends_others(&parameters)?, Some(problem)).await?;
            Ok(again(html, problem))
        }
    }
}

/// Whether everything else is to end that rests on the old password.
fn ends_others(parameters: &Parameters) -> Result<bool, Failure> {
    Ok(parameters.one("end_others")? == Some("yes"))
}

async fn changed(
    visit: &Visit<'_>,
    parameters: &Parameters,
    address: IpAddr,
) -> Result<Result<Response, NewPasswordProblem>, Failure> {
    let (exchange, person) = (&visit.exchange, &visit.view.person);
    let server = exchange.server;
    let (store, user) = (server.store(), &person.user);
    let ends_others = ends_others(parameters)?;
    let known = store.user(user).await?;
    let Some((known, renewal)) = known.zip(Renewal::kept(exchange, &visit.browser, &visit.view))
    else {
        return Ok(Ok(visit.lead_to(ACCOUNT_SECURITY)));
    };
    let owner = Owner {
        user,
        username: &person.username,
        claims: &known.claims,
    };
    let requester = server.throttle().requester(&person.username, address);
    let password = match new_password::chosen(exchange, &owner, requester, parameters).await? {
        Ok(password) => password,
        Err(problem) => return Ok(Err(problem)),
    };
    let mail = exchange.notice(user, MailPurpose::PasswordChanged).await?;
    let change = PasswordChange {
        user,
        password: &password,
        renewal: &renewal.session,
        ends_others,
        mail: mail.as_ref(),
    };
    let response = visit.lead_to(ACCOUNT_SECURITY);
    let Some(queued) = store.change_password(&change, exchange.now).await? else {
        // Another tab was faster: its page says what is so now.
        return Ok(Ok(response));
    };
    tracing::info!(sub = %user, ends_others, "changed the password");
    outbox::notify(server, queued).await;
    let cookie = renewal.cookie(exchange, &visit.view);
    Ok(Ok(with_cookie(response, cookie)))
}

/// The form again.
fn again(html: Page, problem: NewPasswordProblem) -> Response {
    if problem != NewPasswordProblem::Busy {
        return respond::page(StatusCode::BAD_REQUEST, html);
    }
    tracing::info!(refusal = Reason::Overloaded.name(), "refused");
    let mut response = respond::page(respond::status(Reason::Overloaded), html);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(2));
    response
}
