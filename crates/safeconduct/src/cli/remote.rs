//! A running server as the commands ask it by its API: with the tokens of the context, and its refusals in the words of failures.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};

use http::{Method, StatusCode, header};
use safeconduct_client::native::Native;
use safeconduct_client::{ApiResponse, ErrorKind, Session};
use safeconduct_protocol::administration::{self, NoAddress};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::contexts::{Asked, Contexts, Known};
use super::failure::Failure;
use super::sign_in;

/// A server that somebody is signed in to.
pub(crate) struct Remote {
    known: Known,
    context: String,
    app: Native,
    session: Mutex<Session>,
}

/// Problem details (RFC 9457), as far as they are shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: Option<String>,
    correlation_id: Option<String>,
    errors: Vec<ValueProblem>,
}

#[derive(Deserialize)]
struct ValueProblem {
    pointer: String,
    detail: String,
}

/// A request, to be made as often as it takes.
struct Asking {
    method: Method,
    url: Url,
    body: Option<Value>,
    /// The state of the thing that it goes ahead from.
    seen: Option<String>,
}

/// Something that a server gave, and the state that it is in.
pub(crate) struct Seen<T> {
    pub(crate) thing: T,
    pub(crate) state: String,
}

impl Remote {
    /// The server that is `known`, as whoever is signed in to it.
    ///
    /// # Errors
    /// Nobody is.
    pub(crate) async fn of(
        contexts: &Contexts,
        name: String,
        known: Known,
    ) -> Result<Self, Failure> {
        let mut app = contexts.app(&name, &known, Asked::Everything)?;
        let session = app.session().await?.ok_or_else(|| signed_out(&name))?;
        if !session.scope().contains("admin:write") {
            app = contexts.app(&name, &known, Asked::Looking)?;
        }
        Ok(Self {
            known,
            context: name,
            app,
            session: Mutex::new(session),
        })
    }

    /// As whom it is asked.
    pub(crate) fn session(&self) -> Session {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.clone()
    }

    /// Reads what is at `path`, with the parameters that have a value.
    ///
    /// # Errors
    /// What the server says, or that it is not there.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<T, Failure> {
        let asking = self.asking(Method::GET, path, query)?;
        read(&self.answer(asking).await?)
    }

    /// Reads what is at `path`, and the state that it is in.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn see<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Seen<T>, Failure> {
        let answer = self.answer(self.asking(Method::GET, path, &[])?).await?;
        let tag = answer.headers().get(header::ETAG);
        Ok(Seen {
            thing: read(&answer)?,
            state: tag
                .and_then(|tag| tag.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// Has something done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn post(&self, path: &[&str]) -> Result<(), Failure> {
        let asking = self.asking(Method::POST, path, &[])?;
        self.answer(asking).await.map(drop)
    }

    /// Has something done with `body`, and reads what came of it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn post_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Value,
    ) -> Result<T, Failure> {
        let asking = self.asking(Method::POST, path, &[])?.with(body);
        read(&self.answer(asking).await?)
    }

    /// Puts something at `path`, from the state that it was `seen` in.
    ///
    /// # Errors
    /// As [`get`](Self::get); it was changed since.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Value,
        seen: String,
    ) -> Result<T, Failure> {
        let asking = self.asking(Method::PUT, path, &[])?;
        let asking = asking.with(body).from(seen);
        read(&self.answer(asking).await?)
    }

    /// Puts something at `path` that its address says whole.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn place(&self, path: &[&str]) -> Result<(), Failure> {
        let asking = self.asking(Method::PUT, path, &[])?;
        self.answer(asking).await.map(drop)
    }

    /// Takes away what is at `path`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        let asking = self.asking(Method::DELETE, path, &[])?;
        self.answer(asking).await.map(drop)
    }

    /// Takes away what is at `path`, from the state that it was `seen` in.
    ///
    /// # Errors
    /// As [`get`](Self::get); it was changed since.
    pub(crate) async fn delete_seen(&self, path: &[&str], seen: String) -> Result<(), Failure> {
        let asking = self.asking(Method::DELETE, path, &[])?.from(seen);
        self.answer(asking).await.map(drop)
    }

    fn asking(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Asking, Failure> {
        Ok(Asking {
            method,
            url: self.url(path, query)?,
            body: None,
            seen: None,
        })
    }

    /// Reads what is at `path` as it is; `None` where the server is not there at the moment.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn text(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Option<String>, Failure> {
        let url = self.url(path, query)?;
        let asked = self.session().api().request(Method::GET, url.as_str());
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(error) if is_away(error.kind()) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if answer.status().is_server_error() {
            return Ok(None);
        }
        let answer = judged(answer, &self.context)?;
        Ok(Some(String::from_utf8_lossy(answer.bytes()).into_owned()))
    }

    fn url(&self, path: &[&str], query: &[(&str, Option<String>)]) -> Result<Url, Failure> {
        let api = self.known.api.as_str();
        let mut url = administration::address(api, path).map_err(|none| match none {
            NoAddress::OfTheApi => Failure::Configuration(format!("`{api}` is no URL")),
            NoAddress::OfTheThing => Failure::NotFound("there is nothing of that name".to_owned()),
        })?;
        let given: Vec<_> = query
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_ref()?)))
            .collect();
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        Ok(url)
    }

    /// Sends a request. Where the server wants the person to sign in again, a person at a terminal does so, once.
    async fn answer(&self, asking: Asking) -> Result<ApiResponse, Failure> {
        let answer = asking.send(&self.session()).await?;
        let Some(asked) = answer.step_up() else {
            return judged(answer, &self.context);
        };
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Failure::Failed(
                "the two factors were proved too long ago for this".to_owned(),
            )
            .with_advice(&login_again(&self.context)));
        }
        let session = sign_in::step_up(&self.app, &self.session(), &asked).await?;
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session.clone();
        judged(asking.send(&session).await?, &self.context)
    }
}

impl Asking {
    fn with(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    fn from(self, seen: String) -> Self {
        Self {
            seen: Some(seen),
            ..self
        }
    }

    async fn send(&self, session: &Session) -> Result<ApiResponse, Failure> {
        let (method, url) = (self.method.clone(), self.url.as_str());
        let mut request = session.api().request(method, url);
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        if let Some(seen) = &self.seen {
            request = request.header(header::IF_MATCH, seen);
        }
        Ok(request.await?)
    }
}

/// What an answer says, in the form that the commands know.
fn read<T: DeserializeOwned>(answer: &ApiResponse) -> Result<T, Failure> {
    serde_json::from_slice(answer.bytes()).map_err(|error| {
        let at = format!("line {} column {}", error.line(), error.column());
        Failure::Failed(format!(
            "the server answers in another form than this program knows, at {at}: are they of one release?"
        ))
    })
}

/// Whether something that a server did not do may be done in a moment.
fn is_away(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ApiUnreachable | ErrorKind::IssuerUnreachable | ErrorKind::IssuerBusy
    )
}

/// The answer, unless it is a refusal.
fn judged(answer: ApiResponse, context: &str) -> Result<ApiResponse, Failure> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status => Err(refusal(status, answer.bytes(), context)),
    }
}

/// What a server said no with, as the commands say it on the database.
fn refusal(status: StatusCode, body: &[u8], context: &str) -> Failure {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let said = problem.said(status);
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Failure::NotFound(said),
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Failure::Conflict(said),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Failure::Usage(said),
        StatusCode::UNAUTHORIZED => Failure::Failed(said).with_advice(&login_again(context)),
        _ => Failure::Failed(said),
    }
}

impl Problem {
    fn said(self, status: StatusCode) -> String {
        let mut said = match self.title.as_str() {
            "" => format!("the server answered {status}"),
            title => title.to_owned(),
        };
        if let Some(detail) = self.detail {
            said = format!("{said}: {detail}");
        }
        for error in self.errors {
            said = format!("{said}\n    {}: {}", error.pointer, error.detail);
        }
        if let Some(request) = self.correlation_id {
            said = format!("{said}\n    `safeconduct explain {request}` tells the rest");
        }
        super::output::printable(&said)
    }
}

fn signed_out(context: &str) -> Failure {
    Failure::Failed(format!("nobody is signed in to {context}")).with_advice(&login_again(context))
}

fn login_again(context: &str) -> String {
    format!("`safeconduct login --context {context}` signs in again")
}

impl From<safeconduct_client::Error> for Failure {
    fn from(error: safeconduct_client::Error) -> Self {
        let said = error.to_string();
        match error.kind() {
            ErrorKind::Configuration => Self::Configuration(said),
            ErrorKind::SessionEnded | ErrorKind::SignInRequired => {
                Self::Failed(said).with_advice("`safeconduct login` signs in again")
            }
            _ => Self::Failed(format!("{} ({said})", error.public_message())),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(400, 2)]
    #[case(401, 1)]
    #[case(403, 1)]
    #[case(404, 4)]
    #[case(409, 5)]
    #[case(412, 5)]
    #[case(422, 2)]
    #[case(503, 1)]
    fn a_refusal_ends_as_it_would_on_the_database(#[case] status: u16, #[case] code: u8) {
        let status = StatusCode::from_u16(status).unwrap();
        let body = json!({
            "title": "There is none.",
            "detail": "no session s_1\u{1b}[2J",
            "correlation_id": "c-1",
            "errors": [{"pointer": "/name", "detail": "too long"}],
        });
        let failure = refusal(status, body.to_string().as_bytes(), "prod");
        assert_eq!(failure.exit_code(), std::process::ExitCode::from(code));
        let said = failure.message();
        assert!(
            said.starts_with("There is none.: no session s_1\u{fffd}[2J\n"),
            "{said}"
        );
        assert!(
            said.contains("/name: too long") && said.contains("explain c-1"),
            "{said}"
        );
        assert_eq!(
            said.contains("login --context prod"),
            status == StatusCode::UNAUTHORIZED
        );
    }

    #[test]
    fn what_is_no_problem_is_told_by_its_status() {
        let failure = refusal(StatusCode::BAD_GATEWAY, b"<html>", "prod");
        assert_eq!(failure.message(), "the server answered 502 Bad Gateway");
    }
}
