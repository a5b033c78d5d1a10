//! Why a page can't be shown or a form not be done. What becomes of each, `checks.rs` says, which knows the request.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use safeconduct_client::{Error, ErrorKind, StepUp};
use serde::{Deserialize, Serialize};

/// Why not.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// No user is signed in.
    SignedOut,
    /// The API wants the user to sign in anew, as this says.
    StepUp(StepUp),
    /// The API, or this app, says no.
    Refused(Box<Refusal>),
}

/// A no, as its page tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    #[serde(skip)]
    pub(crate) status: StatusCode,
    /// The registry's name of it; empty where this app says no.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) detail: String,
    pub(crate) errors: Vec<ValueProblem>,
    pub(crate) correlation_id: String,
    /// Where to go on, where that is not the page before.
    pub(crate) next: Next,
}

/// Where a refusal leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Next {
    /// To the front page.
    Front,
    /// To a sign-in, as the same user or another.
    SignIn,
    /// To the terminal: no page here is for this browser.
    Terminal,
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValueProblem {
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

/// Problem details (RFC 9457), as far as they are shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: Option<String>,
    correlation_id: String,
    errors: Vec<ValueProblem>,
}

impl Refusal {
    /// One of this app.
    pub(crate) fn new(status: StatusCode, title: &str, detail: &str) -> Self {
        Self {
            status,
            name: String::new(),
            title: title.to_owned(),
            detail: detail.to_owned(),
            errors: Vec::new(),
            correlation_id: String::new(),
            next: Next::Front,
        }
    }

    /// What the API answered with `status`.
    pub(crate) fn of_answer(status: StatusCode, body: &[u8]) -> Self {
        let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
        let (_, name) = problem.kind.rsplit_once('/').unwrap_or_default();
        let title = match problem.title.as_str() {
            "" => format!("The server answered {status}."),
            title => title.to_owned(),
        };
        let next = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Next::SignIn,
            _ => Next::Front,
        };
        Self {
            // What is wrong with the server or the way to it is this app's 502.
            status: match status.is_client_error() {
                true => status,
                false => StatusCode::BAD_GATEWAY,
            },
            name: name.to_owned(),
            title,
            detail: in_one_line(&problem.detail.unwrap_or_default()),
            errors: problem.errors.into_iter().map(ValueProblem::tidy).collect(),
            correlation_id: problem.correlation_id,
            next,
        }
    }

    /// The same with a way on.
    #[must_use]
    pub(crate) fn leading(mut self, next: Next) -> Self {
        self.next = next;
        self
    }
}

impl ValueProblem {
    fn tidy(self) -> Self {
        Self {
            detail: in_one_line(&self.detail),
            ..self
        }
    }
}

/// The API writes the end of a line as two characters, for whoever reads it in a log.
fn in_one_line(detail: &str) -> String {
    detail.replace("\\n", ":")
}

impl Failed {
    /// There is no such page, or no such thing.
    pub(crate) fn not_found() -> Self {
        let title = "There is nothing here.";
        Refusal::new(StatusCode::NOT_FOUND, title, "").into()
    }

    /// The request can't be read as one of ours.
    pub(crate) fn bad_request(detail: &str) -> Self {
        let title = "This can't be read.";
        Refusal::new(StatusCode::BAD_REQUEST, title, detail).into()
    }

    /// Something else answers than an API that this release knows.
    pub(crate) fn unreadable(detail: &str) -> Self {
        let title =
            "The server answers in another form than this program knows. Are they of one release?";
        Refusal::new(StatusCode::BAD_GATEWAY, title, detail).into()
    }

    /// What the API says no with, if it says no to what was asked.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::SignedOut | Self::StepUp(_) => None,
        }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let next = match error.kind() {
            ErrorKind::SignInRequired | ErrorKind::SessionEnded => return Self::SignedOut,
            ErrorKind::AccessDenied | ErrorKind::AnotherUser | ErrorKind::StepUpUnmet => {
                Next::SignIn
            }
            _ => Next::Front,
        };
        let detail = error.hint();
        tracing::warn!(%error, "the sign-in or the API failed");
        Refusal::new(error.kind().status(), error.public_message(), detail)
            .leading(next)
            .into()
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_told_by_its_name_and_what_is_none_by_its_status() {
        let body = json!({
            "type": "https://id.example/errors/last-administrator",
            "title": "It is the last one.",
            "correlation_id": "c1",
            "errors": [{"pointer": "/a", "detail": "b\\n c"}],
        });
        let told = Refusal::of_answer(StatusCode::CONFLICT, body.to_string().as_bytes());
        assert_eq!(
            (told.status, &*told.name),
            (StatusCode::CONFLICT, "last-administrator")
        );
        assert_eq!(
            (&*told.correlation_id, &*told.errors[0].detail),
            ("c1", "b: c")
        );
        let told = Refusal::of_answer(StatusCode::SERVICE_UNAVAILABLE, b"<html>");
        assert_eq!(told.status, StatusCode::BAD_GATEWAY);
        assert_eq!(told.title, "The server answered 503 Service Unavailable.");
    }
}
