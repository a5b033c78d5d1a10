//! The map of the console: every address below its path, and what answers there.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use http::header::CONTENT_TYPE;

use crate::pages::CSS;
use crate::{
    Inside, checks, clients, deliveries, events, front, grants, groups, keys, search, sessions,
    sign_in, users,
};

/// Where the look of the pages is, the same for all.
pub(crate) const STYLESHEET: &str = "/console.css";

/// Whether `path` is one by which a browser opens the console.
pub(crate) fn opens(base: &str, path: &str) -> bool {
    let rest = path.strip_prefix(base);
    rest.is_some_and(|rest| rest.starts_with("/open/"))
}

/// All of it, and what every request goes through.
pub(crate) fn router(inside: &Arc<Inside>) -> Router {
    let mut router = Router::new()
        .route(
            STYLESHEET,
            get(async || ([(CONTENT_TYPE, "text/css")], CSS)),
        )
        .route(sign_in::CALLBACK, get(sign_in::callback));
    for (path, answer) in pages() {
        router = router.route(&format!("{}{path}", inside.binding.base()), answer);
    }
    router
        .layer(from_fn_with_state(inside.clone(), checks::check))
        .with_state(inside.clone())
}

/// Addresses below the path of the console, and what answers there.
pub(crate) type Routes = Vec<(&'static str, MethodRouter<Arc<Inside>>)>;

fn pages() -> impl Iterator<Item = (&'static str, MethodRouter<Arc<Inside>>)> {
    let own: Routes = vec![
        ("/", get(front::show)),
        ("/open/{secret}", get(sign_in::open)),
        ("/sign-in", get(sign_in::sign_in)),
        ("/kept/{name}", get(sign_in::kept)),
        ("/sign-out", post(sign_in::sign_out)),
        ("/search", get(search::show)),
        ("/explain/{id}", get(search::explain)),
    ];
    let nouns = [
        own,
        users::pages(),
        sessions::pages(),
        grants::pages(),
        clients::pages(),
        groups::pages(),
        keys::pages(),
        events::pages(),
        deliveries::pages(),
    ];
    nouns.into_iter().flatten()
}
