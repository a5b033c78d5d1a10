//! SCIM 2.0 (RFC 7643, RFC 7644, with the cursors of RFC 9865): people and groups, as identity providers provision them. What such a client may
//! do is said by the verbs in `administration::provisioning`; here is how it is asked and answered.

mod bulk;
mod call;
mod cursor;
mod discovery;
mod error;
mod etag;
mod filter;
mod group;
mod groups;
mod list;
mod meta_schemas;
mod patch;
mod projection;
mod query;
mod refusals;
mod resource;
mod schema;
mod source;
mod user;
mod users;
mod value;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::StatusCode;
use serde_json::{Value, json};

use self::call::{Body, Call, Id};
use self::error::{ScimError, answer};
use self::query::Parameters;
use crate::listener::PROVISIONING;
use crate::server::Server;

/// Its addresses, all of which need the scope `scim`.
pub(crate) fn routes() -> Router<Server> {
    let below = Router::new()
        .route("/Users", get(users::list).post(users::post))
        .route("/Users/.search", post(users::search))
        .route(
            "/Users/{id}",
            get(users::get)
                .put(users::put)
                .patch(users::patch)
                .delete(users::delete),
        )
        .route("/Groups", get(groups::list).post(groups::post))
        .route("/Groups/.search", post(groups::search))
        .route(
            "/Groups/{id}",
            get(groups::get)
                .put(groups::put)
                .patch(groups::patch)
                .delete(groups::delete),
        )
        .route("/.search", post(search))
        .route("/Bulk", post(bulk::post))
        .route("/Me", any(me))
        .route("/ServiceProviderConfig", get(configuration))
        .route("/ResourceTypes", get(resource_types))
        .route("/ResourceTypes/{id}", get(resource_type))
        .route("/Schemas", get(schemas))
        .route("/Schemas/{id}", get(schema))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_that_method)
        .layer(DefaultBodyLimit::disable());
    Router::new().nest(PROVISIONING, below)
}

/// Users and groups together.
async fn search(call: Call, Body(body): Body) -> Result<Response, ScimError> {
    let found = list::search(&call, &Parameters::of_search(body)?).await?;
    Ok(answer(StatusCode::OK, &found))
}

/// A token of a client names nobody.
async fn me(_: Call) -> ScimError {
    let told = "There is no /Me here: users are at /Users.";
    ScimError::new(StatusCode::NOT_IMPLEMENTED, told)
}

async fn configuration(call: Call) -> Response {
    answer(StatusCode::OK, &discovery::configuration(call.base()))
}

async fn resource_types(call: Call) -> Result<Response, ScimError> {
    of_discovery(&call, discovery::resource_types(call.base()))
}

async fn resource_type(call: Call, Id(id): Id) -> Result<Response, ScimError> {
    let found = discovery::resource_type_of(&id, call.base())?;
    Ok(answer(StatusCode::OK, &found))
}

async fn schemas(call: Call) -> Result<Response, ScimError> {
    of_discovery(&call, discovery::schemas(call.base()))
}

async fn schema(call: Call, Id(id): Id) -> Result<Response, ScimError> {
    let found = discovery::schema_of(&id, call.base())?;
    Ok(answer(StatusCode::OK, &found))
}

/// All of what is few: a filter of it is refused, or a client could take what it gets for what fits (RFC 7644 §4).
fn of_discovery(call: &Call, all: Vec<Value>) -> Result<Response, ScimError> {
    if call.parameters()?.filter.is_some() {
        let told = "Nothing is filtered here.";
        return Err(ScimError::new(StatusCode::FORBIDDEN, told));
    }
    let list = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": all.len(),
        "startIndex": 1,
        "itemsPerPage": all.len(),
        "Resources": all,
    });
    Ok(answer(StatusCode::OK, &list))
}

async fn nothing_here() -> ScimError {
    ScimError::not_found("address")
}

async fn not_that_method() -> ScimError {
    ScimError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This address takes other methods.",
    )
}
