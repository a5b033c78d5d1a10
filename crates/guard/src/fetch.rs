//! Speaking to the issuer: one HTTP client that follows no redirect, waits for nobody long and reads no endless answer.

use std::sync::OnceLock;
use std::time::Duration;

use http::header::{ACCEPT, CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use safeconduct_protocol::secret::Secret;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// How long an answer stays fresh that says nothing about it.
const DEFAULT_LIFETIME: i64 = 15 * 60;
const SHORTEST_LIFETIME: i64 = 5 * 60;
const LONGEST_LIFETIME: i64 = 24 * 60 * 60;
/// The longest that an issuer may ask to be left alone, in seconds: a rotation is not to be missed for a day.
const LONGEST_REST: i64 = 10 * 60;

/// Why the issuer gave no usable answer. For the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("no TLS: {0}")]
    Client(String),
    #[error("no answer: {0}")]
    Unreachable(String),
    #[error("answered {0}")]
    Status(StatusCode),
    /// With `Retry-After` (RFC 9110 §10.2.3), in seconds.
    #[error("answered {0}, and wants to be asked again in {1} s")]
    Later(StatusCode, i64),
    #[error("answered with more than 1 MiB")]
    TooLarge,
    #[error("{0}")]
    Unusable(String),
    #[error("asked too often; to be tried again in {0} s")]
    TooOften(i64),
}

/// A 200 answer.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// How long it stays fresh, in seconds: `max-age`, from five minutes to a day.
    pub(crate) lifetime: i64,
}

/// The HTTP client, made at the first request.
pub(crate) struct Http {
    timeout: Duration,
    /// An issuer on this machine is reached without a proxy, whatever the environment says.
    bypass_proxy: bool,
    client: OnceLock<Result<reqwest::Client, FetchError>>,
}

impl Http {
    pub(crate) fn new(timeout: Duration, bypass_proxy: bool) -> Self {
        Self {
            timeout,
            bypass_proxy,
            client: OnceLock::new(),
        }
    }

    /// The longest that one request takes.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) async fn read(&self, url: &str) -> Result<Answer, FetchError> {
        answer(self.client()?.get(url)).await
    }

    /// Sends `form` as the client `client_id` (`client_secret_basic`: both parts form-encoded, RFC 6749 §2.3.1).
    pub(crate) async fn post(
        &self,
        url: &str,
        client_id: &str,
        secret: &Secret,
        form: &[(&str, &str)],
    ) -> Result<Answer, FetchError> {
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let request = self
            .client()?
            .post(url)
            .basic_auth(encode(client_id), Some(encode(secret.expose())))
            .form(form);
        answer(request).await
    }

    fn client(&self) -> Result<&reqwest::Client, FetchError> {
        self.client
            .get_or_init(|| self.connect())
            .as_ref()
            .map_err(Clone::clone)
    }

    fn connect(&self) -> Result<reqwest::Client, FetchError> {
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(self.timeout / 2)
            .timeout(self.timeout)
            .user_agent(concat!("safeconduct-guard/", env!("CARGO_PKG_VERSION")));
        if self.bypass_proxy {
            builder = builder.no_proxy();
        }
        builder
            .build()
            .map_err(|error| FetchError::Client(innermost(&error)))
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, FetchError> {
    let unreachable = |error: reqwest::Error| FetchError::Unreachable(innermost(&error));
    let mut response = request
        .header(ACCEPT, "application/json")
        .send()
        .await
        .map_err(unreachable)?;
    match (response.status(), rest(response.headers())) {
        (StatusCode::OK, _) => {}
        (
            status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE),
            Some(seconds),
        ) => {
            return Err(FetchError::Later(status, seconds));
        }
        (status, _) => return Err(FetchError::Status(status)),
    }
    let lifetime = lifetime(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { body, lifetime })
}

/// The cause at the bottom, which says "connection refused" and carries no URL.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// For how many seconds the issuer wants to be left alone, where it says so as a number.
fn rest(headers: &HeaderMap) -> Option<i64> {
    let seconds: i64 = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    (seconds > 0).then(|| seconds.min(LONGEST_REST))
}

/// Seconds of freshness from `Cache-Control` (RFC 9111 §5.2.2), within bounds that neither hammer the issuer nor keep a
/// withdrawn key for long.
fn lifetime(headers: &HeaderMap) -> i64 {
    let directives: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives
        .iter()
        .any(|directive| directive == "no-store" || directive == "no-cache")
    {
        return SHORTEST_LIFETIME;
    }
    directives
        .iter()
        .find_map(|directive| {
            directive
                .strip_prefix("max-age=")?
                .trim_matches('"')
                .parse()
                .ok()
        })
        .unwrap_or(DEFAULT_LIFETIME)
        .clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("120", Some(120))]
    #[case("86400", Some(LONGEST_REST))]
    #[case("0", None)]
    #[case("-5", None)]
    #[case("Fri, 15 Jan 2027 08:00:00 GMT", None)]
    fn a_rest_is_read_and_bounded(#[case] value: &'static str, #[case] seconds: Option<i64>) {
        let mut headers = HeaderMap::new();
        assert_eq!(rest(&headers), None);
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        assert_eq!(rest(&headers), seconds);
    }

    #[rstest]
    #[case("max-age=3600", 3600)]
    #[case("public, Max-Age=3600", 3600)]
    #[case("max-age=0", SHORTEST_LIFETIME)]
    #[case("max-age=31536000", LONGEST_LIFETIME)]
    #[case("no-store, max-age=3600", SHORTEST_LIFETIME)]
    #[case("max-age=never", DEFAULT_LIFETIME)]
    #[case("", DEFAULT_LIFETIME)]
    fn freshness_is_read_and_bounded(#[case] value: &'static str, #[case] seconds: i64) {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
        assert_eq!(lifetime(&headers), seconds);
    }
}
