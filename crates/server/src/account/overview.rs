//! `GET /account`: whose account this is, and what the other pages are about.

use axum::{extract::State, response::Response};
use http::HeaderMap;

use super::visit::{Demand, Visit, Visitor};
use crate::{
    addresses::ACCOUNT,
    fault::Failure,
    pages::{AccountPage, Section},
    reader::Reader,
    respond,
    server::Server,
};

pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    headers: HeaderMap,
) -> Response {
    respond::person(&server, show(&server, reader, &headers).await, reader)
}

async fn show(server: &Server, reader: Reader, headers: &HeaderMap) -> Result<Response, Failure> {
    let visit = match Visit::of(server, reader, headers, ACCOUNT, Demand::SignedIn).await? {
        Visitor::Known(visit) => visit,
        Visitor::Unproven(response) => return Ok(response),
    };
    let place = (Section::Overview, ACCOUNT);
    Ok(visit.page(place, None, &AccountPage::Overview {}))
}
