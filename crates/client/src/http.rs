//! The one way out: requests to the issuer and to the API. No redirects, time-outs, a cap on every body.
//!
//! What the answers mean is judged elsewhere.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use reqwest::redirect::Policy;
use url::Url;

use crate::address;
use crate::error::{Error, ErrorKind, chain};
use crate::token_request::TokenRequest;

/// The longest answer read from an issuer: 1 MiB.
pub(crate) const LARGEST_ISSUER_ANSWER: usize = 1024 * 1024;
/// The longest that an issuer may ask to be left alone, in seconds: nobody could sign in for as long.
const LONGEST_REST: i64 = 120;
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Whether the body says of itself that it is JSON.
    pub(crate) fn is_json(&self) -> bool {
        let kind = self.header(header::CONTENT_TYPE).split(';').next();
        kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    }

    /// For how many seconds the issuer wants to be left alone, where it says so as a number (`Retry-After`, RFC 9110 §10.2.3).
    pub(crate) fn rest(&self) -> Option<i64> {
        let seconds: i64 = self.header(header::RETRY_AFTER).parse().ok()?;
        (seconds > 0).then(|| seconds.min(LONGEST_REST))
    }

    /// The header's value; empty if it is absent or not text.
    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// The connection pool and its limits.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    /// How long a whole exchange with the issuer may take.
    pub(crate) timeout: Duration,
}

impl Http {
    /// A pool for talking to `issuer`. `timeout` is for the whole exchange.
    pub(crate) fn new(issuer: &Url, timeout: Duration) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .user_agent(concat!("safeconduct-client/", env!("CARGO_PKG_VERSION")));
        if address::is_loopback(issuer) {
            // Plain http is allowed on loopback because it stays on this machine; a proxy would carry it away.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            Error::configuration(format!("no TLS for outgoing requests: {}", chain(&error)))
        })?;
        Ok(Self { client, timeout })
    }

    /// The pool itself, for requests to an API.
    pub(crate) fn pool(&self) -> &reqwest::Client {
        &self.client
    }

    /// Fetches a document of the issuer.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerUnreachable`].
    pub(crate) async fn fetch(&self, url: &Url) -> Result<Answer, Error> {
        let request = self.client.get(url.clone());
        self.exchange(request.header(header::ACCEPT, "application/json"), url)
            .await
    }

    /// Asks `url`, which is the issuer's, with `headers`.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerUnreachable`].
    pub(crate) async fn fetch_with(&self, url: &Url, headers: HeaderMap) -> Result<Answer, Error> {
        let request = self.client.get(url.clone());
        let request = request.header(header::ACCEPT, "application/json");
        self.exchange(request.headers(headers), url).await
    }

    /// Sends a form to an endpoint of the issuer.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerUnreachable`]; the issuer may have acted on it all the same.
    pub(crate) async fn send(&self, request: &TokenRequest) -> Result<Answer, Error> {
        let outgoing = self
            .client
            .post(request.url().clone())
            .headers(request.headers())
            .body(request.body().to_owned());
        self.exchange(outgoing, request.url()).await
    }

    async fn exchange(&self, request: reqwest::RequestBuilder, url: &Url) -> Result<Answer, Error> {
        let lost = |why: String| {
            Error::new(
                ErrorKind::IssuerUnreachable,
                format!("{}: {why}", without_query(url)),
            )
        };
        let response = request
            .send()
            .await
            .map_err(|error| lost(chain(&error.without_url())))?;
        read(response, LARGEST_ISSUER_ANSWER).await.map_err(lost)
    }
}

/// Reads `response` to its end, `most` bytes of it at the most; says why if that cannot be done.
pub(crate) async fn read(mut response: reqwest::Response, most: usize) -> Result<Answer, String> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) if body.len() + chunk.len() <= most => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(format!("the answer is longer than {most} bytes")),
            Err(error) => return Err(chain(&error.without_url())),
        }
    }
    Ok(Answer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: body.freeze(),
    })
}

/// Whether the status says: not now.
pub(crate) fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// The address for a log: a query may hold what is nobody's business.
pub(crate) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
