//! `/account/security`: how the user signs in, and the way to change each of it.

use axum::response::Response;
use safeconduct_protocol::{authorization::Offer, recovery_code::FEW};

use super::visit::{Answer, Demand, PageRequest};
use crate::{
    addresses::{
        ACCOUNT_AUTHENTICATOR, ACCOUNT_PASSWORD, ACCOUNT_SECURITY, NEW_RECOVERY_CODES,
        REMOVE_AUTHENTICATOR,
    },
    pages::{AccountPage, AuthenticatorLine, Section, SecurityPage},
};

/// `GET /account/security`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_SECURITY, Demand::SignedIn).await?;
    let server = visit.exchange.server;
    let (store, person) = (server.store(), &visit.view.person);
    let pages = visit.exchange.pages();
    let password = store.password_changed_at(&person.user).await?;
    let password_changed = password.map(|at| pages.date(at));
    let app = store.otp(&person.user).await?.map(|app| AuthenticatorLine {
        added: pages.date(app.added_at),
        recovery_codes: i64::try_from(app.recovery_codes).unwrap_or(i64::MAX),
        few: app.recovery_codes <= FEW as u64,
        is_demanded: person.needs_otp(),
    });
    let page = AccountPage::Security(SecurityPage {
        password_changed: password_changed.as_deref(),
        password_page: &server.path(ACCOUNT_PASSWORD),
        authenticator: app.as_ref(),
        may_add_authenticator: visit.view.person.addable.contains(Offer::Otp),
        authenticator_page: &server.path(ACCOUNT_AUTHENTICATOR),
        remove_authenticator_action: &server.path(REMOVE_AUTHENTICATOR),
        new_recovery_codes_action: &server.path(NEW_RECOVERY_CODES),
    });
    Ok(visit.page(
        (Section::Security, ACCOUNT_SECURITY),
        request.query(),
        &page,
    ))
}
