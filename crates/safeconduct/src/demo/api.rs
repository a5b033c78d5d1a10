//! The API of the demo, as anybody would write it with the guard crate: notes. Who their owner is, it knows by `sub` alone.

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use safeconduct_guard::{Denied, Guard, Scoped, Token, scope};

use super::people::{NOTES_WRITE, Note, People};

/// The longest request, in bytes.
const LONGEST_BODY: usize = 8 * 1024;

scope!(pub(crate) NotesRead = "notes.read");

/// The API behind `guard`.
pub(crate) fn router(guard: &Guard, people: People) -> Router {
    Router::new()
        .route("/notes", get(list).post(write))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(guard.layer())
        .merge(guard.metadata_routes())
        .with_state(people)
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{Method, Request, header};
    use safeconduct_guard::TestToken;
    use safeconduct_protocol::ids::UserId;
    use tower::ServiceExt as _;

    use super::*;
    use crate::demo::people::SEEDS;

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
        let stranger = issuer.token().subject("nobody").scope("notes.write").sign();
        assert_eq!(
            ask(&app, Method::POST, "/notes", stranger).await,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}
