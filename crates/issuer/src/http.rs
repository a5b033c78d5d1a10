//! The one way out: requests to an issuer, and its answers. No redirect is followed, nothing is waited for long, no endless answer
//! is read.
//!
//! What an answer means is judged elsewhere.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::redirect::Policy;
use safeconduct_protocol::loopback::is_loopback;
use safeconduct_protocol::secret::Secret;
use url::Url;

use crate::address::is_protected;
use crate::fetch_error::{FetchError, FetchErrorKind};
use crate::network::{PlainHttp, PrivateAddresses};
use crate::single_flight::Failure;

/// The longest answer that is read from an issuer, in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// What JSON is sent as, beside types of its own.
const JSON: [&str; 5] = [
    "application/json",
    "text/json",
    "text/plain",
    "application/octet-stream",
    "",
];
/// How long an answer is fresh that says nothing about it, in seconds.
const DEFAULT_LIFETIME: i64 = 15 * 60;
const SHORTEST_LIFETIME: i64 = 5 * 60;
const LONGEST_LIFETIME: i64 = 24 * 60 * 60;
/// The longest that an issuer may ask to be left alone, in seconds: for as long no user can sign in, and no new key is known.
const LONGEST_RETRY_AFTER: i64 = 2 * 60;

/// An answer, read to its end.
pub struct Answer {
    /// Any status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Answer {
    /// Whether the body may be JSON, by what it says of itself. One rule for every endpoint: it is `application/json` or another kind of
    /// JSON (`…+json`, RFC 6839 §3.1), or says nothing of its form, as servers do that were not told: no type, plain text, bytes.
    pub fn is_json(&self) -> bool {
        let kind = self.header(header::CONTENT_TYPE).split(';').next();
        let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
        kind.starts_with("application/") && kind.ends_with("+json") || JSON.contains(&&*kind)
    }

    /// For how many seconds the issuer wants to be left alone, where it says so as a number (`Retry-After`, RFC 9110 §10.2.3).
    pub fn retry_after(&self) -> Option<i64> {
        let seconds: i64 = self.header(header::RETRY_AFTER).parse().ok()?;
        (seconds > 0).then(|| seconds.min(LONGEST_RETRY_AFTER))
    }

    /// For how many seconds the answer is fresh (`Cache-Control`, RFC 9111 §5.2.2), within bounds that neither wear the issuer out nor
    /// keep a withdrawn key for long.
    pub fn lifetime(&self) -> i64 {
        let values = self.headers.get_all(header::CACHE_CONTROL).iter();
        let directives: Vec<String> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|directive| directive.trim().to_ascii_lowercase())
            .collect();
        let has = |name: &str| directives.iter().any(|directive| directive == name);
        if has("no-store") || has("no-cache") {
            return SHORTEST_LIFETIME;
        }
        let mut ages = directives
            .iter()
            .filter_map(|directive| directive.strip_prefix("max-age="));
        ages.find_map(|age| age.trim_matches('"').parse().ok())
            .unwrap_or(DEFAULT_LIFETIME)
            .clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME)
    }

    /// The header's value; empty if it is absent or not text.
    pub fn header(&self, name: HeaderName) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// This answer, if it is the document that lies at `url`.
    ///
    /// # Errors
    /// [`FetchErrorKind::Busy`], [`FetchErrorKind::Unusable`].
    pub fn document(self, url: &Url) -> Result<Self, FetchError> {
        let kind = match self.status {
            StatusCode::OK if self.is_json() => return Ok(self),
            StatusCode::OK => {
                let kind: String = self
                    .header(header::CONTENT_TYPE)
                    .chars()
                    .take(100)
                    .collect();
                let detail = format!("{} answered {kind:?}, and not JSON", without_query(url));
                return Err(FetchError::unusable(detail));
            }
            status if is_busy(status) => FetchErrorKind::Busy,
            _ => FetchErrorKind::Unusable,
        };
        let detail = format!("{} answered {}", without_query(url), self.status);
        let error = FetchError::new(kind, detail);
        Err(match self.retry_after() {
            Some(seconds) if kind == FetchErrorKind::Busy => error.with_retry_after(seconds),
            _ => error,
        })
    }
}

/// What a caller changes of the connections: proxies, certificates. The limits are not its to change.
pub type Adjustment = dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync;

/// How connections are made.
#[derive(Clone, Default)]
pub struct HttpSettings {
    /// How far plain http may go.
    pub plain: PlainHttp,
    /// What the caller changes.
    pub adjust: Option<Arc<Adjustment>>,
}

/// How far the connections of a pool go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    ThisMachine,
    PrivateNetwork,
    Anywhere,
}

/// The connection pools and their limits. Cheap to clone.
#[derive(Clone)]
pub struct Http {
    agent: &'static str,
    timeout: Duration,
    settings: HttpSettings,
    pool: Pool,
    /// For this machine.
    local_pool: Pool,
    /// For plain http in a private network.
    private_pool: Pool,
}

/// Connections that are made when they are first needed.
type Pool = Arc<OnceLock<Result<reqwest::Client, FetchError>>>;

impl Http {
    /// A pool that names itself `agent`, made at the first request. `timeout` is for a whole request, half of it for the
    /// connection.
    pub fn new(agent: &'static str, timeout: Duration, settings: HttpSettings) -> Self {
        Self {
            agent,
            timeout,
            settings,
            pool: Arc::default(),
            local_pool: Arc::default(),
            private_pool: Arc::default(),
        }
    }

    /// The longest that one request takes.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The pool for requests to `url`.
    ///
    /// # Errors
    /// [`FetchErrorKind::NoTls`], [`FetchErrorKind::Unusable`] for plain http that would go too far.
    pub fn pool(&self, url: &Url) -> Result<&reqwest::Client, FetchError> {
        if !is_protected(url, self.settings.plain) {
            let detail = format!("{} is not protected on its way", without_query(url));
            return Err(FetchError::unusable(detail));
        }
        let (pool, reach) = if is_loopback(url) {
            (&self.local_pool, Reach::ThisMachine)
        } else if url.scheme() == "http" {
            (&self.private_pool, Reach::PrivateNetwork)
        } else {
            (&self.pool, Reach::Anywhere)
        };
        let pool = pool.get_or_init(|| self.connect(reach));
        pool.as_ref().map_err(Clone::clone)
    }

    /// Makes the pool, so that what is wrong with its settings is known.
    ///
    /// # Errors
    /// [`FetchErrorKind::NoTls`].
    pub fn check(&self) -> Result<(), FetchError> {
        let pool = self.pool.get_or_init(|| self.connect(Reach::Anywhere));
        pool.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Fetches a document of the issuer, whatever its status.
    ///
    /// # Errors
    /// [`FetchErrorKind::Unreachable`], [`FetchErrorKind::NoTls`].
    pub async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Answer, FetchError> {
        let request = self.pool(url)?.get(url.clone());
        exchange(request, url, headers).await
    }

    /// Sends a form to an endpoint of the issuer.
    ///
    /// # Errors
    /// [`FetchErrorKind::Unreachable`]: the issuer may have acted on it all the same. [`FetchErrorKind::NoTls`].
    pub async fn post_form(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        form: String,
    ) -> Result<Answer, FetchError> {
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form_type);
        let request = self.pool(url)?.post(url.clone()).body(form);
        exchange(request, url, headers).await
    }

    /// Sends JSON to an endpoint of the issuer.
    ///
    /// # Errors
    /// As [`Http::post_form`].
    pub async fn post_json(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        body: String,
    ) -> Result<Answer, FetchError> {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let request = self.pool(url)?.post(url.clone()).body(body);
        exchange(request, url, headers).await
    }

    fn connect(&self, reach: Reach) -> Result<reqwest::Client, FetchError> {
        let mut builder = reqwest::Client::builder();
        if let Some(adjust) = &self.settings.adjust {
            builder = adjust(builder);
        }
        let mut builder = builder
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.timeout / 2)
            .timeout(self.timeout)
            .user_agent(self.agent);
        // A proxy would carry plain http, and the tokens in it, away from where it may go.
        if reach != Reach::Anywhere {
            builder = builder.no_proxy();
        }
        if reach == Reach::PrivateNetwork {
            builder = builder.dns_resolver(Arc::new(PrivateAddresses));
        }
        builder.build().map_err(|error| {
            let detail = format!("no TLS for outgoing requests: {}", cause(error));
            FetchError::new(FetchErrorKind::NoTls, detail)
        })
    }
}

async fn exchange(
    request: reqwest::RequestBuilder,
    url: &Url,
    mut headers: HeaderMap,
) -> Result<Answer, FetchError> {
    let unreachable = |why: String| {
        let detail = format!("{}: {why}", without_query(url));
        FetchError::new(FetchErrorKind::Unreachable, detail)
    };
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let response = request
        .headers(headers)
        .send()
        .await
        .map_err(|error| unreachable(format!("no answer: {}", cause(error))))?;
    read(response, LONGEST_ANSWER).await.map_err(unreachable)
}

/// Reads `response` to its end, `most` bytes of it at the most.
///
/// # Errors
/// Says why that cannot be done.
pub async fn read(mut response: reqwest::Response, most: usize) -> Result<Answer, String> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) if body.len() + chunk.len() <= most => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(format!("the answer is longer than {most} bytes")),
            Err(error) => return Err(format!("the answer broke off: {}", cause(error))),
        }
    }
    Ok(Answer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: body.freeze(),
    })
}

/// The cause at the bottom of an error, which says "connection refused" and carries no URL.
pub fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Whether the status says: not now.
pub fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// The address for a log: a query may hold what is not for a log.
pub fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The `Authorization` header of a client with a secret. Both halves are form-encoded before they are joined (RFC 6749 §2.3.1), which
/// most clients forget.
pub fn basic(client_id: &str, secret: &Secret) -> HeaderValue {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    let header = format!("Basic {}", STANDARD.encode(pair.expose()));
    let mut value = HeaderValue::try_from(header).expect("base64 fits a header");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn answer(status: u16, headers: &[(HeaderName, &'static str)]) -> Answer {
        let headers = headers.iter().cloned();
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers
                .map(|(name, value)| (name, HeaderValue::from_static(value)))
                .collect(),
            body: Bytes::new(),
        }
    }

    #[tokio::test]
    async fn no_proxy_comes_between_this_machine_and_itself() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = tokio::io::AsyncReadExt::read(&mut stream, &mut request);
            assert!(read.await.unwrap() > 0);
            let said = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            let write = tokio::io::AsyncWriteExt::write_all(&mut stream, said);
            write.await.unwrap();
        });
        let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", proxy.local_addr().unwrap());
        let proxied = move |builder: reqwest::ClientBuilder| {
            builder.proxy(reqwest::Proxy::all(&address).unwrap())
        };
        let settings = HttpSettings {
            adjust: Some(Arc::new(proxied)),
            ..HttpSettings::default()
        };
        let http = Http::new("test", Duration::from_secs(10), settings);
        let url = Url::parse(&url).unwrap();
        let answer = http.get(&url, HeaderMap::new()).await.unwrap();
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let elsewhere = Url::parse("https://id.example.com/").unwrap();
        tokio::spawn(async move { http.get(&elsewhere, HeaderMap::new()).await.is_ok() });
        let (mut asked, _) = proxy.accept().await.unwrap();
        let mut request = [0; 7];
        let read = tokio::io::AsyncReadExt::read_exact(&mut asked, &mut request);
        read.await.unwrap();
        assert_eq!(&request, b"CONNECT");
    }

    #[rstest]
    #[case("120", Some(120))]
    #[case("86400", Some(LONGEST_RETRY_AFTER))]
    #[case("0", None)]
    #[case("-5", None)]
    #[case("Fri, 15 Jan 2027 08:00:00 GMT", None)]
    fn a_wish_to_be_left_alone_is_read_and_bounded(
        #[case] value: &'static str,
        #[case] seconds: Option<i64>,
    ) {
        let url = Url::parse("https://id.example.com/jwks?key=hush").unwrap();
        let retry_after = |status| {
            let answer = answer(status, &[(header::RETRY_AFTER, value)]);
            let error = answer.document(&url).err().unwrap();
            assert!(!error.to_string().contains("hush"), "{error}");
            (error.kind(), error.retry_after())
        };
        assert_eq!(retry_after(429), (FetchErrorKind::Busy, seconds));
        assert_eq!(retry_after(503), (FetchErrorKind::Busy, seconds));
        assert_eq!(retry_after(404), (FetchErrorKind::Unusable, None));
        assert_eq!(answer(429, &[]).retry_after(), None);
    }

    #[rstest]
    #[case("application/json", true)]
    #[case("Application/JSON; charset=utf-8", true)]
    #[case("application/jwk-set+json", true)]
    #[case("text/plain; charset=utf-8", true)]
    #[case("application/octet-stream", true)]
    #[case("", true)]
    #[case("text/html", false)]
    #[case("application/jwt", false)]
    #[case("application/x-www-form-urlencoded", false)]
    #[case("application/json-seq", false)]
    #[case("text/plain+json", false)]
    fn json_is_known_by_its_type_or_by_none_that_says_otherwise(
        #[case] kind: &'static str,
        #[case] is_json: bool,
    ) {
        let answer = answer(200, &[(header::CONTENT_TYPE, kind)]);
        assert_eq!(answer.is_json(), is_json);
        let url = Url::parse("https://id.example.com/jwks?key=hush").unwrap();
        let refused = answer.document(&url).err().map(|error| error.to_string());
        assert_eq!(refused.is_none(), is_json);
        assert!(refused.is_none_or(|why| why.contains(kind) && !why.contains("hush")));
    }

    #[rstest]
    #[case("max-age=3600", 3600)]
    #[case("public, Max-Age=900", 900)]
    #[case("public, max-age=\"900\"", 900)]
    #[case("max-age=0", SHORTEST_LIFETIME)]
    #[case("max-age=1", SHORTEST_LIFETIME)]
    #[case("max-age=-5", SHORTEST_LIFETIME)]
    #[case("max-age=31536000", LONGEST_LIFETIME)]
    #[case("no-store", SHORTEST_LIFETIME)]
    #[case("no-store, max-age=3600", SHORTEST_LIFETIME)]
    #[case("max-age=never", DEFAULT_LIFETIME)]
    #[case("", DEFAULT_LIFETIME)]
    fn freshness_is_read_and_bounded(#[case] value: &'static str, #[case] seconds: i64) {
        let answer = answer(200, &[(header::CACHE_CONTROL, value)]);
        assert_eq!(answer.lifetime(), seconds);
    }

    #[test]
    fn freshness_may_stand_in_a_second_header() {
        let public = (header::CACHE_CONTROL, "public");
        let age = (header::CACHE_CONTROL, "max-age=600");
        assert_eq!(answer(200, &[public, age]).lifetime(), 600);
    }

    #[test]
    fn basic_encodes_both_halves_before_joining_them() {
        let header = basic("notes web", &Secret::new("p:ä s%"));
        let expected = STANDARD.encode("notes+web:p%3A%C3%A4+s%25");
        assert_eq!(header, format!("Basic {expected}").as_str());
        assert!(header.is_sensitive());
    }
}
