//! The API of administrators as the console asks it: with the tokens of whoever is signed in, and its refusals as pages tell them.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Redirect;
use http::request::Parts;
use http::{Method, StatusCode, header};
use safeconduct_client::{ApiResponse, ErrorKind, Session};
use safeconduct_protocol::administration::{self, NoAddress};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::Inside;
use crate::failed::{Failed, Next, Refusal};
use crate::pages::segment;

/// How many rows a page shows.
const ROWS: &str = "50";

/// The API, asked as the user who is signed in.
pub(crate) struct Api {
    pub(crate) inside: Arc<Inside>,
    session: Session,
}

/// A page of a list.
#[derive(Deserialize, Serialize)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// Something in the state that it is in.
pub(crate) struct Tagged<T> {
    pub(crate) value: T,
    pub(crate) etag: String,
}

impl<T> List<T> {
    /// One with nothing on it.
    pub(crate) fn empty() -> Self {
        Self {
            items: Vec::new(),
            next_cursor: None,
        }
    }
}

impl FromRequestParts<Arc<Inside>> for Api {
    type Rejection = Failed;

    async fn from_request_parts(_: &mut Parts, inside: &Arc<Inside>) -> Result<Self, Failed> {
        let session = inside.app.session().await?;
        let api = Self {
            inside: inside.clone(),
            session: session.ok_or(Failed::SignedOut)?,
        };
        api.learn_name().await?;
        Ok(api)
    }
}

impl Api {
    /// On to a page here: the parts of its path, and what it says was done.
    pub(crate) fn on_to(&self, path: &[&str], done: &str) -> Redirect {
        let base = self.inside.binding.base();
        let path = path.iter().map(|part| segment(part)).collect::<Vec<_>>();
        Redirect::to(&format!("{base}/{}?done={done}", path.join("/")))
    }

    /// On to the page at `path` that shows what waits under `name`, once.
    pub(crate) fn on_to_shown(&self, path: &[&str], name: &str) -> Redirect {
        let base = self.inside.binding.base();
        let path = path.iter().map(|part| segment(part)).collect::<Vec<_>>();
        Redirect::to(&format!("{base}/{}?shown={name}", path.join("/")))
    }

    /// Learns what the user who is signed in is called, for the head of every page, unless it is known.
    async fn learn_name(&self) -> Result<(), Failed> {
        #[derive(Deserialize)]
        struct Named {
            username: String,
        }
        if self.inside.signed_in_user.is(self.sub()) {
            return Ok(());
        }
        let named: Named = self.get(&["users", self.sub()], &[]).await?;
        self.inside.signed_in_user.set(self.sub(), &named.username);
        Ok(())
    }

    /// The `sub` of the user who is signed in.
    pub(crate) fn sub(&self) -> &str {
        let identity = self.session.identity();
        identity.map(|who| who.sub()).unwrap_or_default()
    }

    /// Whether the session may change anything.
    pub(crate) fn may_write(&self) -> bool {
        self.session.scope().contains("admin:write")
    }

    /// Reads what is at `path`, with the parameters that have a value.
    ///
    /// # Errors
    /// What the API says, or that it is not there.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failed> {
        read(&self.send(Method::GET, path, query, None, None).await?)
    }

    /// The same with the state that it is in.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn tagged<T: DeserializeOwned>(
        &self,
        path: &[&str],
    ) -> Result<Tagged<T>, Failed> {
        let answer = self.send(Method::GET, path, &[], None, None).await?;
        let etag = answer.headers().get(header::ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok()).unwrap_or_default();
        Ok(Tagged {
            etag: etag.to_owned(),
            value: read(&answer)?,
        })
    }

    /// A page of the list at `path`: the parameters that say which rows, and where it begins.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        cursor: &str,
    ) -> Result<List<T>, Failed> {
        let query = [query, &[("limit", ROWS), ("cursor", cursor)]].concat();
        self.get(path, &query).await
    }

    /// What there is at `path`, or that there is nothing.
    ///
    /// # Errors
    /// As [`get`](Self::get), but for what is not there or can't be called so.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, Failed> {
        match self.get(path, query).await {
            Ok(found) => Ok(Some(found)),
            Err(Failed::Refused(refusal)) if is_nothing(refusal.status) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Has something done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn post(&self, path: &[&str]) -> Result<(), Failed> {
        self.send(Method::POST, path, &[], None, None)
            .await
            .map(drop)
    }

    /// Has something done that takes a body and is answered with one.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn post_json<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
    ) -> Result<T, Failed> {
        read(&self.send(Method::POST, path, &[], Some(body), None).await?)
    }

    /// Puts something there, in place of the state that `etag` names where there are states; what it answers is not looked at.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn put(
        &self,
        path: &[&str],
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> Result<(), Failed> {
        self.send(Method::PUT, path, &[], body, etag)
            .await
            .map(drop)
    }

    /// Takes away what is at `path`; where it has states, only in the one that `etag` names.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn delete(&self, path: &[&str], etag: Option<&str>) -> Result<(), Failed> {
        self.send(Method::DELETE, path, &[], None, etag)
            .await
            .map(drop)
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> Result<ApiResponse, Failed> {
        let url = url(&self.inside.api, path, query)?;
        let mut request = self.session.api().request(method, url.as_str());
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(etag) = etag {
            request = request.header(header::IF_MATCH, etag);
        }
        judged(request.await?)
    }
}

/// The address of what is at `path`.
fn url(api: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Url, Failed> {
    let mut url = administration::address(api, path).map_err(|none| match none {
        NoAddress::OfTheThing => Failed::not_found(),
        NoAddress::OfTheApi => Failed::bad_request("The address of the API is no URL."),
    })?;
    let given: Vec<_> = query
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    if !given.is_empty() {
        url.query_pairs_mut().extend_pairs(given);
    }
    Ok(url)
}

fn is_nothing(status: StatusCode) -> bool {
    [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&status)
}

/// The answer, unless it is a refusal.
fn judged(answer: ApiResponse) -> Result<ApiResponse, Failed> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    if let Some(asked) = answer.step_up() {
        return Err(match answer.error_for_status() {
            Err(error) if error.kind() == ErrorKind::StepUpUnmet => error.into(),
            _ => Failed::StepUp(asked),
        });
    }
    let refusal = Refusal::of_answer(status, answer.bytes());
    Err(match refusal.next {
        // Who may look only, may look on.
        Next::SignIn if refusal.name == "in-person-only" => refusal.leading(Next::Front),
        _ => refusal,
    }
    .into())
}

fn read<T: DeserializeOwned>(answer: &ApiResponse) -> Result<T, Failed> {
    serde_json::from_slice(answer.bytes()).map_err(|error| {
        let at = format!("line {} column {}", error.line(), error.column());
        Failed::unreadable(&at)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["users", "ada"], "/admin/v1/users/ada")]
    #[case(&["users", "a/b?c#d"], "/admin/v1/users/a%2Fb%3Fc%23d")]
    #[case(&["users", "%2e"], "/admin/v1/users/%252e")]
    #[case(&["users", ".."], "")]
    #[case(&["users", "."], "")]
    #[case(&["users", ""], "")]
    fn what_is_asked_stays_where_it_was_meant(#[case] path: &[&str], #[case] expected: &str) {
        let url = url("http://127.0.0.1:8429", path, &[("a", ""), ("b", "&")]);
        let path = url.map(|url| {
            assert_eq!(url.query(), Some("b=%26"));
            url.path().to_owned()
        });
        assert_eq!(path.unwrap_or_default(), expected);
    }
}
