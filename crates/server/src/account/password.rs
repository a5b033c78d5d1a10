//! `/account/security/password`: the user changes their password, or sets a first one. That they know the old one they have proved just
//! now, where passwords are what they sign in by: the rule wants a fresh proof, within the budgets of every sign-in.

use std::net::IpAddr;

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{mail::MailPurpose, parameters::Parameters};
use safeconduct_store::PasswordChange;

use super::visit::{Answer, Demand, FormRequest, PageRequest, Visit};
use crate::{
    addresses::{ACCOUNT_PASSWORD, ACCOUNT_SECURITY},
    fault::Failure,
    new_password::{self, Owner},
    outbox,
    pages::{NewPasswordPage, NewPasswordProblem, Page},
    respond::{self, with_cookie},
    second_factor::Renewal,
};

/// `GET /account/security/password`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

/// `POST /account/security/password`.
pub(crate) async fn post(request: FormRequest) -> Response {
    request.answer(change(&request).await)
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_PASSWORD, Demand::Fresh).await?;
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
        is_invited: false,
        action: &server.path(ACCOUNT_PASSWORD),
        link: None,
        csrf: visit.browser.account_token().as_deref(),
        ends_others,
        minimum: server.password_rule().minimum(),
        problem,
        passkey: None,
    }))
}

async fn change(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_PASSWORD).await?;
    match changed(&visit, &parameters, request.address()).await? {
        Ok(response) => Ok(response),
        Err(problem) => {
            let html = page(&visit, ends_others(&parameters)?, Some(problem)).await?;
            Ok(new_password::again(html, problem))
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
    let (store, user) = (visit.store(), &person.user);
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
    let notices = exchange.notices();
    let mail = notices.to(user, &known.claims, MailPurpose::PasswordChanged);
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
