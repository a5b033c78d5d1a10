//! Calling the API on a user's behalf, or for the app itself: a fresh token on every request, with a proof where it is bound
//! to a key, and to no other place than the configured resource.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use safeconduct_issuer::{Answer, cause, read, without_query};
use safeconduct_protocol::secret::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::grammar;
use crate::session::Session;
use crate::sign_in::step_up::StepUp;
use crate::tokens::client_credentials::ClientCredentials;
use crate::tokens::proof::{is_nonce_wanted, wants_nonce};
use crate::tokens::proof_key::{DPOP, StoredKey};
use crate::tokens::resource::TargetName;
use crate::tokens::response::printable;

/// The longest answer read from an API: 10 MiB.
const LARGEST_ANSWER: usize = 10 * 1024 * 1024;

/// The API, called as the user whose session this is ([`Session::api`]; in an axum handler it is an extractor), or as the app
/// itself ([`ClientCredentials::api`]).
#[derive(Clone, Debug)]
pub struct Api {
    caller: Caller,
}

/// Whose token is shown.
#[derive(Clone, Debug)]
enum Caller {
    Person(Box<Session>),
    App(ClientCredentials),
}

/// A request to the API. `.await` sends it.
#[must_use = "a request does nothing until it is awaited"]
pub struct ApiRequest {
    caller: Caller,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    mistake: Option<Error>,
}

/// The API's answer, read to its end.
pub struct ApiResponse {
    answer: Answer,
    url: String,
    caller: Caller,
}

impl Session {
    /// The API, called as this user.
    pub fn api(&self) -> Api {
        Api {
            caller: Caller::Person(Box::new(self.clone())),
        }
    }
}

impl ClientCredentials {
    /// The API, called as this app itself.
    pub fn api(&self) -> Api {
        Api {
            caller: Caller::App(self.clone()),
        }
    }
}

impl Caller {
    fn client(&self) -> &Client {
        match self {
            Self::Person(session) => session.client(),
            Self::App(source) => source.client(),
        }
    }

    /// The key that the tokens are bound to.
    fn proof_key(&self) -> Option<&StoredKey> {
        match self {
            Self::Person(session) => session.proof_key(),
            Self::App(source) => source.proof_key(),
        }
    }

    /// Whether the user behind the token has signed in for what the API asks; `None` where there is no user who could.
    fn has_answered(&self, asked: &StepUp) -> Option<bool> {
        match self {
            Self::Person(session) => session.has_answered(asked),
            Self::App(_) => None,
        }
    }

    async fn token(&self, api: &TargetName) -> Result<Secret, Error> {
        match self {
            Self::Person(session) => session.access_token_for(api).await,
            Self::App(source) => source.token_for(api).await,
        }
    }

    async fn token_instead_of(&self, refused: &Secret, api: &TargetName) -> Result<Secret, Error> {
        match self {
            Self::Person(session) => session.access_token_instead_of(refused, api).await,
            Self::App(source) => source.token_for_instead_of(api, refused).await,
        }
    }

    /// The URL, and whose token may be sent there.
    fn destination(&self, url: &str) -> Result<(Url, TargetName), Error> {
        let foreign = |why: String| Error::new(ErrorKind::ForeignApi, why);
        let targets = self.client().targets();
        let parsed = Url::parse(&of_http(url)).ok();
        let api = parsed.as_ref().and_then(|url| targets.of(url));
        if let (Some(url), Some(api)) = (parsed.clone(), api) {
            return Ok((url, api));
        }
        let reached = targets.urls();
        if reached.is_empty() {
            return Err(foreign(
                "the client was built without a `.resource(…)` on the web".to_owned(),
            ));
        }
        let asked = parsed.map_or_else(|| "no URL".to_owned(), |url| without_query(&url));
        Err(foreign(format!("`{asked}` is not under {reached}")))
    }

    /// The headers that show the token for `url` there.
    async fn authorization(&self, method: &Method, url: &str) -> Result<HeaderMap, Error> {
        let (url, api) = self.destination(url)?;
        let token = self.token(&api).await?;
        self.client().show(&token, self.proof_key(), method, &url)
    }
}

impl Session {
    /// Makes `request`, which the app sends itself, one of this user's: with a fresh token for the API that it goes to, and the proof of
    /// its key where it is bound to one (RFC 9449). For what [`Api`] does not do: streams, gRPC, WebSockets. A proof is for one
    /// request; one that is sent again needs another.
    ///
    /// # Errors
    /// [`ErrorKind::ForeignApi`], and nothing is added, unless its URI lies under a [`Resource`](crate::Resource) of the client; otherwise as
    /// [`Session::access_token`].
    pub async fn authorize<B>(&self, request: &mut http::Request<B>) -> Result<(), Error> {
        self.api().authorize(request).await
    }
}

impl Api {
    /// As [`Session::authorize`].
    ///
    /// # Errors
    /// As [`Session::authorize`].
    pub async fn authorize<B>(&self, request: &mut http::Request<B>) -> Result<(), Error> {
        let headers = self
            .authorization(request.method(), &request.uri().to_string())
            .await?;
        request.headers_mut().remove(DPOP);
        request.headers_mut().extend(headers);
        Ok(())
    }

    /// The headers that make a request with `method` to `url` one of this caller's, for an app that has another type of request.
    /// `ws` and `wss` count as `http` and `https`, which a WebSocket begins with.
    ///
    /// # Errors
    /// As [`Session::authorize`].
    pub async fn authorization(&self, method: &Method, url: &str) -> Result<HeaderMap, Error> {
        self.caller.authorization(method, url).await
    }

    /// Learns the nonce that an API gave in the `headers` of its answer from `url`, for the proofs to come (RFC 9449 §8.2). Says whether the
    /// answer asks for the same request with it.
    pub fn take_nonce(&self, url: &str, headers: &HeaderMap) -> bool {
        let Ok((url, _)) = self.caller.destination(url) else {
            return false;
        };
        self.caller.client().nonces().learn(&url, headers);
        is_nonce_wanted(headers)
    }

    /// A `GET` of `url`.
    pub fn get(&self, url: &str) -> ApiRequest {
        self.request(Method::GET, url)
    }

    /// A `POST` to `url`.
    pub fn post(&self, url: &str) -> ApiRequest {
        self.request(Method::POST, url)
    }

    /// A request with any method. Awaiting it fails with [`ErrorKind::ForeignApi`], and sends nothing, unless `url` lies under
    /// a `resource` of the client; of several it gets the token of that one.
    pub fn request(&self, method: Method, url: &str) -> ApiRequest {
        ApiRequest {
            caller: self.caller.clone(),
            method,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            mistake: None,
        }
    }
}

impl ApiRequest {
    /// Adds a header. `Authorization` and `DPoP` are this library's own and replaced.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.append(name, value);
            }
            Err(_) => {
                self.mistake = Some(Error::configuration(format!(
                    "the value of {name} does not fit a header"
                )))
            }
        }
        self
    }

    /// Sends `value` as JSON.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                self.headers.insert(header::CONTENT_TYPE, json);
                self.body = body.into();
            }
            Err(error) => {
                self.mistake = Some(Error::configuration(format!(
                    "the body is no JSON: {error}"
                )))
            }
        }
        self
    }

    /// Sends `bytes` as they are.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = bytes.into();
        self
    }

    async fn send(mut self) -> Result<ApiResponse, Error> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        let (url, api) = self.caller.destination(&self.url)?;
        let token = self.caller.token(&api).await?;
        let answer = self.send_with(&url, &token).await?;
        if !is_token_refused(&answer) {
            return Ok(answer);
        }
        let another = self.caller.token_instead_of(&token, &api).await?;
        if another == token {
            return Ok(answer);
        }
        self.send_with(&url, &another).await
    }

    /// Sends the request with `token`; once more if the API wants a nonce in the proof.
    async fn send_with(&self, url: &Url, token: &Secret) -> Result<ApiResponse, Error> {
        let mut answer = self.send_once(url, token).await?;
        if self.caller.proof_key().is_some() && wants_nonce(&answer) {
            answer = self.send_once(url, token).await?;
        }
        Ok(ApiResponse {
            answer,
            url: without_query(url),
            caller: self.caller.clone(),
        })
    }

    async fn send_once(&self, url: &Url, token: &Secret) -> Result<Answer, Error> {
        let unreachable = |why: String| {
            Error::new(
                ErrorKind::ApiUnreachable,
                format!("{}: {why}", without_query(url)),
            )
        };
        let client = self.caller.client();
        let mut headers = self.headers.clone();
        headers.remove(DPOP);
        for (name, value) in client.show(token, self.caller.proof_key(), &self.method, url)? {
            headers.insert(name.expect("a map of single values names each"), value);
        }
        let request = client
            .http()
            .pool(url)?
            .request(self.method.clone(), url.clone());
        let sent = request
            .headers(headers)
            .body(self.body.clone())
            .send()
            .await;
        let response = sent.map_err(|error| unreachable(cause(error)))?;
        let answer = read(response, LARGEST_ANSWER).await.map_err(unreachable)?;
        client.nonces().learn(url, &answer.headers);
        Ok(answer)
    }
}

impl IntoFuture for ApiRequest {
    type Output = Result<ApiResponse, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl ApiResponse {
    /// The status. A redirect is an answer like any other: the token is not carried along.
    pub fn status(&self) -> StatusCode {
        self.answer.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.answer.headers
    }

    /// The body.
    pub fn bytes(&self) -> &Bytes {
        &self.answer.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::ApiFailed`].
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_slice(&self.answer.body).map_err(|error| {
            let where_it_broke = format!("line {} column {}", error.line(), error.column());
            Error::new(
                ErrorKind::ApiFailed,
                format!("{}: not the JSON expected, {where_it_broke}", self.url),
            )
        })
    }

    /// What the API asks of the sign-in behind the token before it lets this request pass (RFC 9470 §3), if it asks. A new token of
    /// the same sign-in would not be that: none is fetched.
    pub fn step_up(&self) -> Option<StepUp> {
        (self.status() == StatusCode::UNAUTHORIZED)
            .then(|| StepUp::of_answer(self.headers()))
            .flatten()
    }

    /// This answer, unless its status is a failure.
    ///
    /// # Errors
    /// [`ErrorKind::StepUpRequired`] where the API asks for a stronger or more recent sign-in, [`ErrorKind::StepUpUnmet`] where it does
    /// so though the user has just signed in for it: one round, and no more.
    /// [`ErrorKind::ApiUnauthorized`], [`ErrorKind::ApiForbidden`], [`ErrorKind::ApiFailed`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        let status = self.status();
        let asked = self.step_up();
        let asked = asked.and_then(|asked| Some((self.caller.has_answered(&asked)?, asked)));
        let kind = match status {
            StatusCode::UNAUTHORIZED if asked.is_some() => ErrorKind::StepUpRequired,
            StatusCode::UNAUTHORIZED => ErrorKind::ApiUnauthorized,
            StatusCode::FORBIDDEN => ErrorKind::ApiForbidden,
            _ if status.is_client_error() || status.is_server_error() => ErrorKind::ApiFailed,
            _ => return Ok(self),
        };
        let challenge = printable(self.answer.header(header::WWW_AUTHENTICATE));
        let detail = format!("{} answered {status} {challenge}", self.url);
        Err(match asked {
            Some((true, _)) => Error::new(
                ErrorKind::StepUpUnmet,
                format!("the user signed in again for this, and {detail}"),
            ),
            Some((false, asked)) => Error::new(kind, detail).with_step_up(asked),
            None => Error::new(kind, detail),
        })
    }
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiResponse")
            .field("status", &self.status())
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Whether the API says that the token itself was the trouble (RFC 6750 §3.1, RFC 9449 §7.1).
fn is_token_refused(response: &ApiResponse) -> bool {
    response.status() == StatusCode::UNAUTHORIZED
        && grammar::is_challenged_for(response.headers(), "invalid_token")
}

/// `url` with the scheme that a WebSocket begins with in place of its own.
fn of_http(url: &str) -> String {
    match url.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => url.to_owned(),
    }
}
