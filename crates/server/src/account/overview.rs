//! `/account`: whose account this is, what apps can be told of it, and the name that users read, which the user changes here.

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{claims::PersonClaims, precis};
use serde_json::Value;

use super::visit::{Answer, Demand, FormRequest, PageRequest, Visit};
use crate::{
    addresses::{ACCOUNT, ACCOUNT_ADDRESS, ACCOUNT_DELETE, ACCOUNT_NAME, ACCOUNT_PHONE},
    pages::{AccountPage, FactLine, OverviewPage, Section},
};

/// The longest name, in characters.
const LONGEST_NAME: usize = 128;

/// What is shown of what is known about the user, beside the name; apps are told it by the scopes that they were allowed.
const SHOWN: [&str; 2] = ["email", "phone_number"];

/// `GET /account`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

/// `POST /account/name`: the user is called otherwise.
pub(crate) async fn rename(request: FormRequest) -> Response {
    request.answer(change_name(&request).await)
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT, Demand::SignedIn).await?;
    page(&visit, request.query(), None).await
}

/// The page; with the name that was typed, where it can't be one.
async fn page(visit: &Visit<'_>, query: Option<&str>, unfit: Option<&str>) -> Answer {
    let server = visit.exchange.server;
    let known = server.store().user(&visit.view.person.user).await?;
    let claims = known.map(|known| known.claims).unwrap_or_default();
    let text = |claim| claims.claim(claim).and_then(Value::as_str);
    let facts = SHOWN.iter().filter_map(|kind| {
        Some(FactLine {
            kind,
            value: text(kind)?,
        })
    });
    let delete_page = server.path(ACCOUNT_DELETE);
    let address_page = server.path(ACCOUNT_ADDRESS);
    let mail = server.settings().mail.as_ref();
    let page = AccountPage::Overview(OverviewPage {
        name: unfit.or(text("name")).unwrap_or_default(),
        is_unfit: unfit.is_some(),
        rename_action: &server.path(ACCOUNT_NAME),
        facts: &facts.collect::<Vec<_>>(),
        address_page: mail.map(|_| address_page.as_str()),
        phone_page: &server.path(ACCOUNT_PHONE),
        delete_page: server
            .settings()
            .account_deletion
            .then_some(delete_page.as_str()),
    });
    let mut response = visit.page((Section::Overview, ACCOUNT), query, &page);
    if unfit.is_some() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

async fn change_name(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT).await?;
    let name = parameters.one("name")?.unwrap_or_default().trim();
    if !can_be_a_name(name) {
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        return page(&visit, None, Some(&shown)).await;
    }
    let (store, user) = (visit.store(), &visit.view.person.user);
    if let Some(known) = store.user(user).await? {
        let claims = renamed(known.claims, name);
        let now = visit.exchange.now;
        let session = visit.seen();
        // Where another change came first, or the session is over, the page says what is so now.
        let changed = store.update_claims(user, known.updated_at, &claims, Some(&session), now);
        if changed.await? {
            tracing::info!(sub = %user, "changed the name");
        }
    }
    Ok(visit.lead_to(ACCOUNT))
}

/// The claims with another name; without one where it is empty.
fn renamed(mut claims: PersonClaims, name: &str) -> PersonClaims {
    let name = match name {
        "" => Value::Null,
        name => Value::from(name),
    };
    claims
        .set("name", name)
        .expect("text, or nothing, is what this claim may be");
    claims
}

/// What users read in place of a name must be short, and neither turn the text around it nor break the line.
pub(crate) fn can_be_a_name(name: &str) -> bool {
    let misleads = |char: char| precis::misleads(char) || char == '\u{fffd}';
    name.chars().count() <= LONGEST_NAME && !name.chars().any(misleads)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nobody("", true)]
    #[case::ada("Ada Lovelace", true)]
    #[case::joined("می\u{200c}خواهم", true)]
    #[case::turned("\u{202e}adA", false)]
    #[case::line("Ada\nLovelace", false)]
    #[case::longest(&"x".repeat(128), true)]
    #[case::longer(&"x".repeat(129), false)]
    fn a_name_is_short_and_misleads_nobody(#[case] name: &str, #[case] fits: bool) {
        assert_eq!(can_be_a_name(name), fits);
    }
}
