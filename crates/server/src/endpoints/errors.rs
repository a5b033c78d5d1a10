//! `GET /errors/{name}`: an entry of the errors reference, which pages that refuse lead to.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use http::StatusCode;
use safeconduct_protocol::error::{REGISTRY, Reason};

use crate::{addresses::Address, pages::ErrorEntryPage, reader::Reader, respond, server::Server};

pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let asked = name.as_ref().ok();
    let mut entries = REGISTRY.iter();
    let Some(entry) = asked.and_then(|Path(name)| entries.find(|entry| entry.name == name)) else {
        return respond::refusal_at(
            &server,
            &Address::ForPeople,
            Reason::NotFound.into(),
            reader,
        );
    };
    let pages = server.pages().of(reader.language);
    let (sentence, what_to_do) = respond::in_words(&server, pages, entry);
    let page = pages.error_entry(&ErrorEntryPage {
        name: entry.name,
        error: entry.error.as_str(),
        spec: entry.spec,
        sentence: &sentence,
        what_to_do: &what_to_do,
    });
    respond::page(StatusCode::OK, page)
}
