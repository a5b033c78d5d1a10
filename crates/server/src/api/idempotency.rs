//! `Idempotency-Key`: a request that is sent again is done once, and answered as the first time. A key belongs to who asks, and stands for one
//! request for a day. What was answered is kept sealed, because secrets are in it.

use std::sync::Arc;

use axum::{body::to_bytes, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use safeconduct_protocol::{encoding::sha256, error::Reason, seal::Kind, time::Timestamp};
use safeconduct_store as store;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::{
    catalog::Catalog,
    fault::{Failure, Fault},
    server::Server,
};

/// The name of the header.
pub(super) const HEADER: &str = "Idempotency-Key";
/// The longest key, in characters.
pub(super) const LONGEST: usize = 255;
/// The largest answer, in bytes: more than any.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// The headers of an answer that are kept with it.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// A key, and the request that it stands for, as hashes.
pub(super) struct IdempotencyKey {
    key: [u8; 32],
    request: [u8; 32],
}

/// An answer, as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl IdempotencyKey {
    /// The key that a request names, if it does. One that is done as often as it is sent needs none.
    ///
    /// # Errors
    /// It is no key: it is empty, too long, there twice, or not visible ASCII.
    pub(super) fn of(
        caller: &str,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        body: &[u8],
    ) -> Result<Option<Self>, Problem> {
        let mut named = headers.get_all(HEADER).iter();
        let Some(first) = named.next().filter(|_| method == Method::POST) else {
            return Ok(None);
        };
        let is_key = |byte: &u8| byte.is_ascii_graphic();
        let text = first.as_bytes();
        let is_fit = (1..=LONGEST).contains(&text.len()) && text.iter().all(is_key);
        if named.next().is_some() || !is_fit {
            let detail = format!("it is one, of 1 to {LONGEST} visible characters of ASCII");
            return Err(Problem::of_value(HEADER, detail));
        }
        let uri = uri.path_and_query().map_or("", |uri| uri.as_str());
        Ok(Some(Self {
            key: hashed(&[caller.as_bytes(), text]),
            request: hashed(&[method.as_str().as_bytes(), uri.as_bytes(), body]),
        }))
    }

    /// Has it done, unless it was done before: then the answer is the one of that time.
    ///
    /// # Errors
    /// The key stands for another request; it is being done, or nobody knows what came of it; those of the request.
    pub(super) async fn once(
        self,
        (server, catalog): (Server, Arc<Catalog>),
        now: Timestamp,
        doing: impl Future<Output = Result<Response, Problem>> + Send + 'static,
    ) -> Result<Response, Problem> {
        let taken = server
            .store()
            .take_idempotency_key(&self.key, &self.request, now);
        match taken.await? {
            store::IdempotencyKey::Taken => {
                // Who asks may be gone before it is done: it goes on, and the answer is there when they ask again.
                let done =
                    tokio::spawn(async move { self.done(&server, &catalog, doing.await).await });
                done.await
                    .unwrap_or_else(|_| Err(Problem::new(Reason::Fault)))
            }
            store::IdempotencyKey::OfAnother => Err(Reason::IdempotencyKeyReused.into()),
            store::IdempotencyKey::Used(answer) => {
                let unknown = || Problem::new(Reason::RequestNotAnswered);
                let sealed = answer.ok_or_else(unknown)?;
                let seal = catalog.keys.seal();
                let opened = seal.open_bytes(Kind::KeptAnswer, &self.key, &sealed);
                let kept = opened.map_err(|_| unknown())?;
                let kept: KeptAnswer = serde_json::from_slice(&kept).map_err(|_| unknown())?;
                Ok(kept.into_response())
            }
        }
    }

    /// Keeps what came of it.
    async fn done(
        &self,
        server: &Server,
        catalog: &Catalog,
        came: Result<Response, Problem>,
    ) -> Result<Response, Problem> {
        let store = server.store();
        let answer = match came {
            Ok(answer) => answer,
            Err(problem) => {
                // Whether a fault has changed something, nobody knows.
                if problem.reason() != Reason::Fault {
                    store.release_idempotency_key(&self.key).await?;
                }
                return Err(problem);
            }
        };
        let kept = KeptAnswer::of(answer).await?;
        let text = serde_json::to_vec(&kept).map_err(|error| fault(&error))?;
        let seal = catalog.keys.seal();
        // One that is too long to be sealed is not kept: whoever asks again is told that it was done.
        if let Ok(sealed) = seal.seal_bytes(Kind::KeptAnswer, &self.key, &text) {
            store.answer_idempotency_key(&self.key, &sealed).await?;
        }
        Ok(kept.into_response())
    }
}

impl KeptAnswer {
    async fn of(answer: Response) -> Result<Self, Problem> {
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, LARGEST_ANSWER).await;
        let body = body.map_err(|error| fault(&error))?;
        let headers = KEPT.into_iter().filter_map(|name| {
            let value = parts.headers.get(&name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        });
        Ok(Self {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    fn into_response(self) -> Response {
        let mut response = Response::new(self.body.into());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name).ok();
            if let (Some(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

fn fault(error: &dyn std::error::Error) -> Problem {
    Failure::from(Fault::new(format!("keeping an answer: {error}"))).into()
}

/// A hash of several texts, each with its length, so that no two lists of them read alike.
fn hashed(texts: &[&[u8]]) -> [u8; 32] {
    let mut all = Vec::new();
    for text in texts {
        all.extend((text.len() as u64).to_be_bytes());
        all.extend(*text);
    }
    sha256(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(caller: &str, uri: &'static str, body: &[u8]) -> IdempotencyKey {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_static("k"));
        let uri = Uri::from_static(uri);
        let key = IdempotencyKey::of(caller, (&Method::POST, &uri, &headers), body);
        key.unwrap().unwrap()
    }

    /// Attacks: AD55.
    #[test]
    fn a_key_is_its_callers_and_stands_for_one_request() {
        let (ada, bob) = (key("cli ada", "/a", b"{}"), key("cli bob", "/a", b"{}"));
        assert_ne!(ada.key, bob.key);
        assert_eq!(ada.request, bob.request);
        for other in [
            key("cli ada", "/b", b"{}"),
            key("cli ada", "/a?x", b"{}"),
            key("cli ada", "/a", b"[]"),
        ] {
            assert_eq!(ada.key, other.key);
            assert_ne!(ada.request, other.request);
        }
        assert_ne!(hashed(&[b"ab", b"c"]), hashed(&[b"a", b"bc"]));
    }

    #[test]
    fn what_is_done_as_often_as_it_is_sent_needs_no_key() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_static("k"));
        let uri = Uri::from_static("/a");
        for method in [Method::PUT, Method::DELETE, Method::GET] {
            let key = IdempotencyKey::of("ada", (&method, &uri, &headers), b"");
            assert!(key.unwrap().is_none(), "{method}");
        }
    }
}
