//! The API of administrators: the router, and what holds for every address of it. It is thin over `administration`, whose verbs hold every
//! rule. Who asks is judged in `caller`, what is refused is worded in `problem`; an operation is in the file of its noun.
//!
//! It is served on the listener of health and metrics, or under a name of its own on the public ones. No page of the web reads it (there is no
//! CORS), nothing keeps its answers, and nothing in it acts without a token.

pub(crate) mod address;
mod administrators;
pub(crate) mod caller;
mod clients;
mod deliveries;
mod events;
mod follow;
mod grants;
mod groups;
mod idempotency;
mod input;
mod keys;
mod openapi;
mod operation;
mod paging;
pub(crate) mod problem;
mod receivers;
mod scim;
mod sessions;
mod shown;
mod status;
mod users;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, get, on},
};
use http::{HeaderValue, header};
use safeconduct_protocol::{administration, dpop::PROOF_ALGORITHMS, error::Reason};
use serde_json::json;

use self::{address::Called, operation::Operation, problem::Problem};
use crate::{correlation::correlate, dpop, server::Server};

/// Every operation, in the order of the document.
fn operations() -> Vec<Operation> {
    let nouns = [
        status::operations(),
        users::operations(),
        sessions::operations(),
        grants::operations(),
        groups::operations(),
        clients::operations(),
        administrators::operations(),
        keys::operations(),
        events::operations(),
        deliveries::operations(),
        receivers::operations(),
    ];
    let streams = [follow::operation()];
    nouns.into_iter().flatten().chain(streams).collect()
}

/// The OpenAPI document, as it is served and as `docs/reference` has it.
pub fn document() -> String {
    let document = openapi::document(&operations());
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    format!("{text}\n")
}

/// The API, whole: every layer that its requests go through is here.
pub(crate) fn router(server: &Server) -> Router {
    let mut router = Router::new().route(
        "/.well-known/oauth-protected-resource",
        get(protected_resource),
    );
    let document: Arc<str> = document().into();
    router = router.route(
        "/admin/openapi.json",
        get(async move || {
            (
                [(header::CONTENT_TYPE, "application/json")],
                document.to_string(),
            )
        }),
    );
    for operation in operations() {
        router = router.route(operation.path, served(operation));
    }
    let router = router
        .merge(scim::routes())
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_that_method)
        .layer(middleware::from_fn_with_state(
            server.clone(),
            address::only_ours,
        ))
        .layer(middleware::from_fn_with_state(
            server.clone(),
            kept_by_nobody,
        ))
        .with_state(server.clone());
    correlate(router, server.telemetry().clone())
}

fn served(operation: Operation) -> MethodRouter<Server> {
    let filter = MethodFilter::try_from(operation.method.clone());
    let filter = filter.expect("operations have the methods of HTTP");
    on(
        filter,
        async move |State(server): State<Server>, request: Request| {
            operation.answer(server, request).await
        },
    )
}

/// Marks every answer as one that nothing keeps, and gives the nonce for the next proof.
async fn kept_by_nobody(State(server): State<Server>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    dpop::with_nonce(&server, response).await
}

async fn nothing_here(State(server): State<Server>, request: Request) -> Response {
    Problem::new(Reason::NotFound).answer(&server, &request)
}

async fn not_that_method(State(server): State<Server>, request: Request) -> Response {
    Problem::new(Reason::MethodNotAllowed).answer(&server, &request)
}

/// Which server gives tokens for this API (RFC 9728), so that a client has to be told one address alone.
async fn protected_resource(State(server): State<Server>, request: Request) -> Response {
    let issuer = server.settings().issuer.as_str();
    let called = request.extensions().get::<Called>();
    let algorithms: Vec<&str> = PROOF_ALGORITHMS.iter().map(|alg| alg.name()).collect();
    let document = json!({
        "resource": administration::resource(issuer),
        "authorization_servers": [issuer],
        "scopes_supported": administration::SCOPES,
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": algorithms,
        "resource_name": "Safeconduct administration",
        "safeconduct_api": called.map(Called::origin),
    });
    axum::Json(document).into_response()
}

/// Whether a request to the public listeners is for the API, by the name that it is called by.
pub(crate) async fn or_the_api(
    State((server, api)): State<(Server, Router)>,
    request: Request,
    next: Next,
) -> Response {
    use tower::ServiceExt as _;
    let is_for_api =
        crate::host::named(&request).is_ok_and(|named| address::is_public_name(&server, &named));
    match is_for_api {
        true => {
            let Ok(response) = api.oneshot(request).await;
            response
        }
        false => next.run(request).await,
    }
}
