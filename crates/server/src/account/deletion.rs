//! `/account/delete`: the user deletes the account, where the operator lets them. They type the name of the account, so that nobody does it
//! by a slip; what is deleted does not come back.

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{error::Reason, precis};

use super::visit::{Answer, Demand, FormRequest, PageRequest, Visit};
use crate::{
    addresses::ACCOUNT_DELETE,
    browser,
    fault::Failure,
    pages::{AccountPage, DeletePage, Section},
    respond::{self, with_cookie},
    server::Server,
};

/// `GET /account/delete`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

/// `POST /account/delete`.
pub(crate) async fn post(request: FormRequest) -> Response {
    request.answer(delete(&request).await)
}

/// Where accounts are not deleted by their users, there is no such page.
fn is_offered(server: &Server) -> Result<(), Failure> {
    match server.settings().account_deletion {
        true => Ok(()),
        false => Err(Reason::NotFound.into()),
    }
}

async fn show(request: &PageRequest) -> Answer {
    is_offered(request.server())?;
    let visit = request.visit(ACCOUNT_DELETE, Demand::Fresh).await?;
    Ok(page(&visit, request.query(), false))
}

fn page(visit: &Visit<'_>, query: Option<&str>, is_unconfirmed: bool) -> Response {
    let page = AccountPage::Delete(DeletePage {
        action: &visit.exchange.server.path(ACCOUNT_DELETE),
        is_unconfirmed,
    });
    visit.page((Section::Overview, ACCOUNT_DELETE), query, &page)
}

async fn delete(request: &FormRequest) -> Answer {
    let server = request.server();
    is_offered(server)?;
    let (visit, parameters) = request.visit(ACCOUNT_DELETE).await?;
    let person = &visit.view.person;
    let typed = parameters.one("confirmation")?.unwrap_or_default().trim();
    if precis::username_key(typed) != precis::username_key(&person.username) {
        let mut response = page(&visit, None, true);
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    // Their apps are told by the rows that the same unit leaves in the outbox.
    let (store, session, now) = (visit.store(), visit.seen(), visit.exchange.now);
    let deleted = store.delete_own_account(&person.user, &session, now);
    if !deleted.await? {
        // Another tab was faster, or the session is over: the page asks who this is.
        return Ok(visit.lead_to(ACCOUNT_DELETE));
    }
    tracing::info!(sub = %person.user, "deleted by the user");
    let html = visit.exchange.pages().account_deleted();
    let response = respond::page(StatusCode::OK, html);
    Ok(with_cookie(
        response,
        browser::sign_out(&server.settings().issuer),
    ))
}
