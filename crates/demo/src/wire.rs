//! The wire between server and app, and somebody who sits on it: an attack may change the answer to one code, and read the
//! logout token of one session. Nothing else is touched, and while no attack waits for anything, nothing is looked at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header, response};
use safeconduct_protocol::secret::Secret;
use serde_json::Value;

use super::field::digest_of;
use super::message::Jwt;

/// The longest body that is read, in bytes; the parties themselves accept less and answer less.
const LONGEST_BODY: usize = 64 * 1024;

/// How an answer of the token endpoint is changed.
type Change = Box<dyn FnOnce(Value) -> Value + Send>;

/// The wire. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Tapped>>);

/// What somebody waits for.
#[derive(Default)]
struct Tapped {
    /// Changes, by the digest of the code whose answer they are for.
    changes: HashMap<String, Change>,
    /// The session whose end is waited for.
    session: Option<String>,
    /// The logout token that told of it.
    logout_token: Option<Secret>,
}

impl Wire {
    /// Changes the answer that the app gets for `code`.
    pub(crate) fn change_answer_to(
        &self,
        code: &Secret,
        change: impl FnOnce(Value) -> Value + Send + 'static,
    ) {
        let code = digest_of(code.expose());
        self.tapped().changes.insert(code, Box::new(change));
    }

    /// Reads along when the app is told that the session `sid` has ended.
    pub(crate) fn listen_for_end_of(&self, sid: &str) {
        self.tapped().session = Some(sid.to_owned());
    }

    /// The logout token that was waited for, once it came.
    pub(crate) fn logout_token(&self) -> Option<Secret> {
        self.tapped().logout_token.take()
    }

    /// Lays the wire before the router of a party.
    pub(crate) fn before(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), pass))
    }

    fn tapped(&self) -> MutexGuard<'_, Tapped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the logout token in `form` if somebody waits for it.
    fn read_along(&self, form: &Bytes) {
        let mut tapped = self.tapped();
        let token = field(form, "logout_token").filter(|token| {
            let named = Jwt::read(token).map(|token| token.claims["sid"].clone());
            named.as_ref().and_then(Value::as_str) == tapped.session.as_deref()
        });
        if let Some(token) = token {
            tapped.session = None;
            tapped.logout_token = Some(Secret::new(token));
        }
    }
}

async fn pass(State(wire): State<Wire>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (is_exchange, is_logout) = {
        let tapped = wire.tapped();
        (
            path.ends_with("/token") && !tapped.changes.is_empty(),
            path.ends_with("/backchannel") && tapped.session.is_some(),
        )
    };
    if !is_exchange && !is_logout {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(form) = to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if is_logout {
        wire.read_along(&form);
    }
    let code = field(&form, "code").map(|code| digest_of(&code));
    let change = code.and_then(|code| wire.tapped().changes.remove(&code));
    let response = next.run(Request::from_parts(parts, Body::from(form))).await;
    match change {
        Some(change) => changed(response, change).await,
        None => response,
    }
}

async fn changed(response: Response, change: Change) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    match serde_json::from_slice(&body) {
        Ok(answer) => sent_on(parts, change(answer).to_string()),
        Err(_) => Response::from_parts(parts, Body::from(body)),
    }
}

fn sent_on(mut parts: response::Parts, body: String) -> Response {
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

fn field(form: &[u8], name: &str) -> Option<String> {
    let found = form_urlencoded::parse(form).find(|(sent, _)| sent == name);
    found.map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use axum::Json;
    use axum::routing::post;
    use safeconduct_protocol::encoding;
    use serde_json::json;
    use tower::ServiceExt as _;

    use super::*;

    async fn answer(router: &Router, path: &str, form: &str) -> String {
        let request = Request::post(path).body(Body::from(form.to_owned()));
        let response = router.clone().oneshot(request.unwrap()).await.unwrap();
        let body = to_bytes(response.into_body(), LONGEST_BODY).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn party() -> Router {
        Router::new()
            .route(
                "/token",
                post(async || Json(json!({"id_token": "genuine"}))),
            )
            .route("/auth/backchannel", post(async |form: String| form))
    }

    #[tokio::test]
    async fn the_answer_to_one_code_is_changed_once() {
        let wire = Wire::default();
        let server = wire.before(party());
        wire.change_answer_to(&Secret::new("stolen"), |_| json!({"id_token": "forged"}));
        for (form, token) in [
            ("code=other", "genuine"),
            ("code=stolen", "forged"),
            ("code=stolen", "genuine"),
        ] {
            let answer = answer(&server, "/token", form).await;
            assert_eq!(answer, json!({ "id_token": token }).to_string(), "{form}");
        }
    }

    #[tokio::test]
    async fn the_logout_token_of_one_session_is_read_and_still_arrives() {
        let wire = Wire::default();
        let app = wire.before(party());
        let told = |sid: &str| {
            let claims = encoding::encode(json!({ "sid": sid }).to_string().as_bytes());
            format!("logout_token=e30.{claims}.c2ln")
        };
        wire.listen_for_end_of("mine");
        for sid in ["other", "mine", "mine"] {
            let form = told(sid);
            assert_eq!(answer(&app, "/auth/backchannel", &form).await, form);
        }
        let token = wire.logout_token().unwrap();
        assert!(told("mine").ends_with(token.expose()));
        assert!(wire.logout_token().is_none());
    }
}
