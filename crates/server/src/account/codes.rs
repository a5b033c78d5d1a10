//! Recovery codes on the account pages: another set, and the page that shows one once.

use axum::response::Response;
use safeconduct_protocol::{mail::MailPurpose, recovery_code::RecoveryCode};
use safeconduct_store::StoreError;

use super::visit::{Answer, FormRequest, Visit};
use crate::{addresses::ACCOUNT_SECURITY, second_factor};

/// `POST /account/security/recovery-codes`: another set in the place of the one there is.
pub(crate) async fn renew(request: FormRequest) -> Response {
    request.answer(replace(&request).await)
}

async fn replace(request: &FormRequest) -> Answer {
    let (visit, _) = request.visit(ACCOUNT_SECURITY).await?;
    let (exchange, user) = (&visit.exchange, &visit.view.person.user);
    let codes = RecoveryCode::generate_set();
    let keys = &exchange.catalog.keys;
    let hashed = codes.iter().map(|code| keys.hash_recovery_code(user, code));
    let hashed: Vec<_> = hashed.collect();
    let (store, session) = (visit.store(), visit.seen());
    let mail = exchange
        .notice(user, MailPurpose::RecoveryCodesMade)
        .await?;
    let replaced =
        store.replace_recovery_codes(user, &hashed, &session, mail.as_ref(), exchange.now);
    match replaced.await {
        Ok(()) => Ok(page(&visit, &codes)),
        // There is no app for them to stand in for, or the session is over.
        Err(StoreError::NotFound(_)) => Ok(visit.lead_to(ACCOUNT_SECURITY)),
        Err(other) => Err(other.into()),
    }
}

/// The page that shows `codes`, and leads back.
pub(super) fn page(visit: &Visit<'_>, codes: &[RecoveryCode]) -> Response {
    let back = visit.exchange.server.path(ACCOUNT_SECURITY);
    second_factor::codes_page(&visit.exchange, codes, &back)
}
