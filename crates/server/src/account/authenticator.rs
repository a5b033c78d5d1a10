//! `/account/security/authenticator`: the user's authenticator app, set up and taken away. Where a group or the server demands a second
//! factor, the last one there is can't be taken away: the next request would ask for another.

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{authorization::Offer, enrolment::Enrolment, mail::MailPurpose};
use safeconduct_store::OtpRemoval;

use super::{
    codes,
    visit::{Answer, Demand, FormRequest, PageRequest, Visit},
};
use crate::{
    addresses::{ACCOUNT_AUTHENTICATOR, ACCOUNT_SECURITY},
    pages::{CodeProblem, EnrolPage},
    respond::{self, with_cookie},
    second_factor::{self, AppSetup, Enrolling},
};

/// `GET /account/security/authenticator`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(begin(&request).await)
}

/// `POST /account/security/authenticator`: the code that the app made.
pub(crate) async fn post(request: FormRequest) -> Response {
    request.answer(confirm(&request).await)
}

/// `POST /account/security/authenticator/remove`.
pub(crate) async fn remove(request: FormRequest) -> Response {
    request.answer(take_away(&request).await)
}

async fn begin(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_AUTHENTICATOR, Demand::Fresh).await?;
    if !may_add(&visit) {
        return Ok(visit.lead_to(ACCOUNT_SECURITY));
    }
    let enrolment = second_factor::begin_enrolment(&visit.exchange, &visit.view.person);
    enrol_page(&visit, &enrolment, None)
}

fn may_add(visit: &Visit<'_>) -> bool {
    visit.view.person.addable.contains(Offer::Otp) && !visit.view.person.enrolled.otp
}

fn enrol_page(visit: &Visit<'_>, enrolment: &Enrolment, problem: Option<CodeProblem>) -> Answer {
    let (exchange, person) = (&visit.exchange, &visit.view.person);
    let setup = AppSetup::of(exchange, person, enrolment)?;
    let html = exchange.pages().enrol(&EnrolPage {
        action: &exchange.server.path(ACCOUNT_AUTHENTICATOR),
        csrf: visit.browser.account_token().as_deref(),
        ..setup.page(person, problem)
    });
    let status = problem.map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
    Ok(respond::page(status, html))
}

async fn confirm(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_AUTHENTICATOR).await?;
    if !may_add(&visit) {
        return Ok(visit.lead_to(ACCOUNT_SECURITY));
    }
    let (exchange, browser) = (&visit.exchange, &visit.browser);
    match second_factor::enrol(exchange, browser, &visit.view, &parameters).await? {
        Enrolling::Done(codes, cookie) => Ok(with_cookie(codes::page(&visit, &codes), cookie)),
        Enrolling::NotYet(enrolment, problem) => enrol_page(&visit, &enrolment, problem),
        Enrolling::Changed => Ok(visit.lead_to(ACCOUNT_SECURITY)),
    }
}

async fn take_away(request: &FormRequest) -> Answer {
    let (visit, _) = request.visit(ACCOUNT_SECURITY).await?;
    let (exchange, person) = (&visit.exchange, &visit.view.person);
    let mail = exchange
        .notice(&person.user, MailPurpose::OtpRemoved)
        .await?;
    let seen = visit.seen();
    let by = visit.remover(&seen);
    let store = visit.store();
    let removed = store.remove_otp(&person.user, by, mail.as_ref(), exchange.now);
    match removed.await? {
        OtpRemoval::Removed => tracing::info!(sub = %person.user, "removed an authenticator app"),
        // Another tab was faster, or the page says already that it stays.
        OtpRemoval::Absent | OtpRemoval::SessionChanged | OtpRemoval::Demanded => {}
    }
    Ok(visit.lead_to(ACCOUNT_SECURITY))
}
