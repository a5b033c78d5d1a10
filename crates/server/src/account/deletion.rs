//! `/account/delete`: the user deletes the account, where the operator lets them. They type the name of the account, so that nobody does it
//! by a slip; what is deleted does not come back.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use safeconduct_protocol::{error::Reason, precis};
use safeconduct_store::StoreError;

use super::visit::{Demand, Visit, Visitor};
use crate::{
    addresses::ACCOUNT_DELETE,
    browser,
    fault::Failure,
    form::PostedForm,
    pages::{AccountPage, DeletePage, Section},
    reader::Reader,
    respond::{self, with_cookie},
    server::Server,
};

/// `GET /account/delete`.
pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let answer = show(&server, reader, query.as_deref(), &headers).await;
    respond::person(&server, answer, reader)
}

/// `POST /account/delete`.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    respond::person(&server, delete(&server, reader, &form).await, reader)
}

/// Where accounts are not deleted by their users, there is no such page.
fn is_offered(server: &Server) -> Result<(), Failure> {
    match server.settings().account_deletion {
        true => Ok(()),
        false => Err(Reason::NotFound.into()),
    }
}

async fn show(
    server: &Server,
    reader: Reader,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    is_offered(server)?;
    let visit = match Visit::of(server, reader, headers, ACCOUNT_DELETE, Demand::Fresh).await? {
        Visitor::Known(visit) => visit,
        Visitor::Unproven(response) => return Ok(response),
    };
    Ok(page(&visit, query, false))
}

fn page(visit: &Visit<'_>, query: Option<&str>, is_unconfirmed: bool) -> Response {
    let page = AccountPage::Delete(DeletePage {
        action: &visit.exchange.server.path(ACCOUNT_DELETE),
        is_unconfirmed,
    });
    visit.page((Section::Overview, ACCOUNT_DELETE), query, &page)
}

async fn delete(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    is_offered(server)?;
    let (visit, parameters) = match Visit::changing(server, reader, form, ACCOUNT_DELETE).await? {
        Visitor::Known(known) => known,
        Visitor::Unproven(response) => return Ok(response),
    };
    let person = &visit.view.person;
    let typed = parameters.one("confirmation")?.unwrap_or_default().trim();
    if precis::username_key(typed) != precis::username_key(&person.username) {
        let mut response = page(&visit, None, true);
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    // Their apps are told by the rows that the same unit leaves in the outbox.
    let deleted = server.store().delete_user(&person.user, visit.exchange.now);
    match deleted.await {
        Ok(()) => tracing::info!(sub = %person.user, "deleted by the user"),
        // Another tab was faster.
        Err(StoreError::NotFound(_)) => {}
        Err(other) => return Err(other.into()),
    }
    let html = visit.exchange.pages().account_deleted();
    let response = respond::page(StatusCode::OK, html);
    Ok(with_cookie(
        response,
        browser::sign_out(&server.settings().issuer),
    ))
}
