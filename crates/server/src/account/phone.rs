//! `/account/phone`: the telephone number of the account, which its user changes here. Nobody calls it: apps are told that it is not
//! verified, until an operator says otherwise.

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{claims::PersonClaims, phone_number::e164};
use serde_json::Value;

use super::{
    address::user,
    visit::{Answer, Demand, FormRequest, PageRequest, Visit},
};
use crate::{
    addresses::{ACCOUNT, ACCOUNT_PHONE},
    pages::{AccountPage, PhonePage, Section},
};

/// What is shown again of what was typed, in characters.
const LONGEST_SHOWN: usize = 64;

/// `GET /account/phone`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

/// `POST /account/phone`: another number, or none.
pub(crate) async fn post(request: FormRequest) -> Response {
    request.answer(change(&request).await)
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_PHONE, Demand::Fresh).await?;
    page(&visit, request.query(), None).await
}

/// The page; with what was typed, where that is no number.
async fn page(visit: &Visit<'_>, query: Option<&str>, unfit: Option<&str>) -> Answer {
    let user = user(visit).await?;
    let known = user.claims.claim("phone_number").and_then(Value::as_str);
    let page = AccountPage::Phone(PhonePage {
        number: unfit.or(known).unwrap_or_default(),
        is_unfit: unfit.is_some(),
        action: &visit.exchange.server.path(ACCOUNT_PHONE),
    });
    let mut response = visit.page((Section::Overview, ACCOUNT_PHONE), query, &page);
    if unfit.is_some() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

async fn change(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_PHONE).await?;
    let typed = parameters.one("phone_number")?.unwrap_or_default().trim();
    let number = e164(typed);
    if number.is_none() && !typed.is_empty() {
        let shown: String = typed.chars().take(LONGEST_SHOWN).collect();
        return page(&visit, None, Some(&shown)).await;
    }
    let known = user(&visit).await?;
    let before = known.claims.claim("phone_number").and_then(Value::as_str);
    // Who leaves it as it is takes nothing back of what was made sure of.
    if before != number.as_deref() {
        let claims = reachable_at(known.claims.clone(), number);
        let (store, session, now) = (visit.store(), visit.seen(), visit.exchange.now);
        // Where another change came first, or the session is over, the page says what is so now.
        let changed =
            store.update_claims(&known.id, known.updated_at, &claims, Some(&session), now);
        if changed.await? {
            tracing::info!(sub = %known.id, "changed the phone number");
        }
    }
    Ok(visit.lead_to(ACCOUNT))
}

/// The claims with another number, which nobody has verified; without one where there is none.
fn reachable_at(mut claims: PersonClaims, number: Option<String>) -> PersonClaims {
    let is_verified = number.as_ref().map_or(Value::Null, |_| false.into());
    for (claim, value) in [
        ("phone_number", number.map_or(Value::Null, Value::from)),
        ("phone_number_verified", is_verified),
    ] {
        claims
            .set(claim, value)
            .expect("a number, or nothing, is what these claims may be");
    }
    claims
}
