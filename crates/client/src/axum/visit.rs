//! Who is visiting: the layer that carries the client to the extractors and gives every failure its proper form.
//!
//! An app may have several clients, one layer around the other: each keeps who is signed in with it, and none hides another's.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::axum::extract::{OriginalUri, Request};
use ::axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderValue, Method, Uri, header};
use tokio::sync::OnceCell;
use tower_layer::Layer;
use tower_service::Service;

use super::{cookie_header, not_meant, page, refused, take_answer};
use crate::client::Client;
use crate::error::Error;
use crate::session::Session;

/// Made by [`Client::layer`].
#[derive(Clone, Debug)]
pub struct SignInLayer {
    client: Client,
}

/// What [`SignInLayer`] wraps around a service.
#[derive(Clone, Debug)]
pub struct SignInService<S> {
    inner: S,
    client: Client,
}

/// One request's visitor, looked up when a handler first asks.
#[derive(Clone)]
pub(crate) struct Visit {
    client: Client,
    cookie_header: Arc<[u8]>,
    session: Arc<OnceCell<Option<Session>>>,
}

/// One request's visitors, a client each; the layer that is nearest to the handler is the last.
#[derive(Clone, Default)]
pub(crate) struct Visits(Vec<Visit>);

/// How the request wants to be answered if it fails.
pub(crate) struct WantedAnswer {
    /// A page rather than JSON.
    pub(crate) html: bool,
    /// A user follows a link or types an address: they may be sent elsewhere and back.
    pub(crate) navigation: bool,
    /// Path and query, as the browser sees them.
    pub(crate) path: String,
    /// What an issuer sends a browser back with (RFC 6749 §4.1.2), at the front page.
    is_answer: bool,
}

impl Visit {
    fn new(client: &Client, request: &Request) -> Self {
        Self {
            client: client.clone(),
            cookie_header: cookie_header(request.headers()).into(),
            session: Arc::default(),
        }
    }

    /// The visitor's session, read from the store once per request.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`](crate::ErrorKind).
    pub(crate) async fn session(&self) -> Result<Option<Session>, Error> {
        let look_up = || self.client.session(&self.cookie_header);
        self.session.get_or_try_init(look_up).await.cloned()
    }

    /// Whether a handler asked and there is a session.
    fn found_one(&self) -> bool {
        self.session.get().is_some_and(Option::is_some)
    }
}

impl Visits {
    /// What the layers around `request` know.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The session of the nearest client that the user is signed in with.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`](crate::ErrorKind): a nearer client may have had one, so that no other user is taken for it.
    pub(crate) async fn session(&self) -> Result<Option<Session>, Error> {
        for visit in self.0.iter().rev() {
            if let Some(session) = visit.session().await? {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    /// What is known of `client`'s.
    pub(crate) fn with(&self, client: &Client) -> Option<&Visit> {
        self.0.iter().find(|visit| visit.client.is(client))
    }

    /// Makes `client`'s visit the nearest one: the one that a layer of it further out made, or a new one.
    fn enter(&mut self, client: &Client, request: &Request) -> Visit {
        let known = self.0.iter().position(|visit| visit.client.is(client));
        let visit = match known {
            Some(index) => self.0.remove(index),
            None => Visit::new(client, request),
        };
        self.0.push(visit.clone());
        visit
    }
}

impl WantedAnswer {
    fn new(request: &Request) -> Self {
        let header = |name: header::HeaderName| {
            let value = request.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let accept = header(header::ACCEPT).unwrap_or_default();
        let html = accept.split(',').any(|range| {
            let media = range.split(';').next().unwrap_or_default().trim();
            media.eq_ignore_ascii_case("text/html")
        });
        let mode = header(header::HeaderName::from_static("sec-fetch-mode"));
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let uri = request
            .extensions()
            .get::<OriginalUri>()
            .map_or(request.uri(), |original| &original.0);
        Self {
            html,
            navigation: html && reads && mode.is_none_or(|mode| mode == "navigate"),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            is_answer: *request.method() == Method::GET && uri.path() == "/" && is_answer(uri),
        }
    }
}

fn is_answer(uri: &Uri) -> bool {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let names: Vec<_> = query.map(|(name, _)| name).collect();
    let has = |name: &str| names.iter().any(|sent| sent == name);
    has("state") && (has("code") || has("error"))
}

impl SignInLayer {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl<S> Layer<S> for SignInLayer {
    type Service = SignInService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SignInService {
            inner,
            client: self.client.clone(),
        }
    }
}

impl<S> Service<Request> for SignInService<S>
where
    S: Service<Request, Error = Infallible, Response: IntoResponse, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let client = self.client.clone();
        let asked = WantedAnswer::new(&request);
        if client.returns_to_origin() && asked.is_answer {
            if let Some(status) = not_meant(&request) {
                return Box::pin(async move { Ok(refused(status.into_response())) });
            }
            return Box::pin(async move {
                let cookies = cookie_header(request.headers());
                let query = request.uri().query().unwrap_or_default();
                let taken = take_answer(&client, query, &cookies).await;
                Ok(taken.unwrap_or_else(|error| page::render(&error, &client, &asked)))
            });
        }
        let outer = Visits::of(request.extensions())
            .cloned()
            .unwrap_or_default();
        let mut visits = outer.clone();
        let visit = visits.enter(&client, &request);
        request.extensions_mut().insert(visits);
        let answering = self.inner.call(request);
        Box::pin(async move {
            let Ok(response) = answering.await;
            let mut response = response.into_response();
            // The failure of a visitor who is signed in further out is answered there: the way to sign in again is that client's.
            let is_ours = visit.found_one() || !outer.0.iter().any(Visit::found_one);
            if is_ours && let Some(error) = response.extensions_mut().remove::<Error>() {
                response = page::render(&error, &client, &asked);
            }
            keep_private(&visit, &mut response);
            Ok(response)
        })
    }
}

/// What was made for one visitor is not stored for another.
fn keep_private(visit: &Visit, response: &mut Response) {
    let Some(session) = visit.session.get() else {
        return;
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Cookie"));
    if session.is_some() && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
    }
}
