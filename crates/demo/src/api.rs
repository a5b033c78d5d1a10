//! The API of the demo, as anybody would write it with the guard crate: notes. Who their owner is, it knows by `sub` alone.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::routing::get;
use axum::{Json, Router, middleware};
use http::StatusCode;
use safeconduct_guard::{CorrelationId, Denied, Guard, Scoped, Token, scope};
use safeconduct_server::correlation::Correlation;

use super::people::{NOTES_WRITE, Note, People};

/// The longest request, in bytes.
const LONGEST_BODY: usize = 8 * 1024;
/// How long ago somebody may have signed in who deletes a note. Short, so that a visitor sees what happens.
const JUST_SIGNED_IN: Duration = Duration::from_secs(60);

scope!(pub(crate) NotesRead = "notes.read");

/// The API behind `guard`.
pub(crate) fn router(guard: &Guard, people: People) -> Router {
    Router::new()
        .route("/notes", get(list).post(write).delete(forget))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(guard.layer())
        .merge(guard.metadata_routes())
        .layer(middleware::map_request(name_for_guard))
        .with_state(people)
}

/// Tells the guard the name that the request has here, so that its refusals carry no other.
async fn name_for_guard(mut request: Request) -> Request {
    let name = request.extensions().get::<Correlation>();
    if let Some(id) = name.and_then(|name| CorrelationId::new(name.as_str())) {
        request.extensions_mut().insert(id);
    }
    request
}

async fn list(State(people): State<People>, token: Scoped<NotesRead>) -> Json<Vec<Note>> {
    Json(people.notes(token.subject()))
}

async fn write(
    State(people): State<People>,
    token: Token,
    Json(note): Json<Note>,
) -> Result<StatusCode, Denied> {
    token.require_scope(NOTES_WRITE)?;
    Ok(match people.write(token.subject(), &note.text) {
        true => StatusCode::CREATED,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    })
}

/// What is gone is gone: whoever has it done has just shown who they are.
async fn forget(State(people): State<People>, token: Token) -> Result<StatusCode, Denied> {
    token.require_scope(NOTES_WRITE)?;
    token.require_auth_within(JUST_SIGNED_IN)?;
    Ok(match people.forget_newest(token.subject()) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{Method, Request, header};
    use safeconduct_guard::TestToken;
    use safeconduct_protocol::ids::UserId;
    use tower::ServiceExt as _;

    use super::*;
    use crate::people::SEEDS;

    async fn ask(app: &Router, method: Method, path: &str, token: String) -> StatusCode {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(r#"{"text":"milk"}"#))
            .unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_refusal_has_the_one_id_that_its_request_has() {
        let (guard, issuer) = Guard::for_tests("http://localhost:8422");
        let app = router(&guard, People::default());
        let id = Correlation::generate();
        let another_scope = issuer.token().scope("notes.read").sign();
        for (method, token) in [(Method::GET, "none"), (Method::POST, &another_scope)] {
            let request = Request::builder()
                .method(method)
                .uri("/notes")
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(header::CONTENT_TYPE, "application/json")
                .extension(id)
                .body(Body::from(r#"{"text":"milk"}"#))
                .unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert!(response.status().is_client_error());
            assert_eq!(response.headers()["x-correlation-id"], id.as_str());
            let body = axum::body::to_bytes(response.into_body(), 1000)
                .await
                .unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["correlation_id"], id.as_str());
        }
    }

    #[tokio::test]
    async fn each_route_wants_its_scope_and_each_person_sees_their_own() {
        let (guard, issuer) = Guard::for_tests("http://localhost:8422");
        let people = People::default();
        let id = UserId::generate();
        people.introduce(&id, &SEEDS[0]);
        let app = router(&guard, people.clone());
        let token = |scope: &str| {
            let token: TestToken = issuer.token().subject(id.as_str()).scope(scope);
            token.sign()
        };
        assert_eq!(
            ask(&app, Method::GET, "/notes", token("notes.read")).await,
            StatusCode::OK
        );
        assert_eq!(
            ask(&app, Method::GET, "/notes", token("notes.write")).await,
            StatusCode::FORBIDDEN
        );
        assert_eq!(
            ask(&app, Method::POST, "/notes", token("notes.read")).await,
            StatusCode::FORBIDDEN
        );
        assert_eq!(
            ask(&app, Method::POST, "/notes", token("notes.write")).await,
            StatusCode::CREATED
        );
        assert_eq!(people.notes(id.as_str())[0].text, "milk");
        let recent = |ago: i64, scope: &str| {
            let token: TestToken = issuer.token().subject(id.as_str()).scope(scope);
            token.signed_in_ago(ago).sign()
        };
        for (ago, scope, expected) in [
            (60, NOTES_WRITE, StatusCode::UNAUTHORIZED),
            (59, "notes.read", StatusCode::FORBIDDEN),
            (59, NOTES_WRITE, StatusCode::NO_CONTENT),
        ] {
            let token = recent(ago, scope);
            assert_eq!(ask(&app, Method::DELETE, "/notes", token).await, expected);
        }
        assert_ne!(people.notes(id.as_str())[0].text, "milk");
        // Who signed up since has their first note by writing it.
        let newcomer = issuer
            .token()
            .subject("newcomer")
            .scope("notes.write")
            .sign();
        assert_eq!(
            ask(&app, Method::POST, "/notes", newcomer).await,
            StatusCode::CREATED
        );
        assert_eq!(people.notes("newcomer")[0].text, "milk");
        assert!(!people.write("newcomer", " "));
    }
}
