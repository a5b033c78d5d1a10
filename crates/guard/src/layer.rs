//! The guard before a tower service: a request passes with its [`Token`] in the extensions, or is answered.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use safeconduct_protocol::scope::Scope;
use tower_layer::Layer;
use tower_service::Service;

use crate::credentials;
use crate::denied::{DPOP_NONCE, Refusal};
use crate::guard::{Guard, Received};
use crate::reason::Reason;
#[cfg(feature = "axum")]
use crate::resource::Resource;
use crate::token::Token;

/// How long a refused request's form may take to arrive before it is refused without a look at it.
const FORM_TIMEOUT: Duration = Duration::from_secs(2);

impl Guard {
    /// Lets requests with a valid token pass, and answers all others.
    pub fn layer(&self) -> GuardLayer {
        self.demanding(Demand::Token(Scope::default()))
    }

    /// Lets requests without credentials pass too. A bad token is still refused, not ignored.
    pub fn optional_layer(&self) -> GuardLayer {
        self.demanding(Demand::Nothing)
    }

    /// Lets requests pass whose token carries each of the space-delimited `scopes`; 403 `insufficient_scope` names them.
    /// Stands below [`Guard::layer`] or alone. A name that is no scope (RFC 6749 §3.3) lets nobody pass.
    pub fn require(&self, scopes: &str) -> GuardLayer {
        match Scope::parse(scopes) {
            Some(needed) => self.demanding(Demand::Token(needed)),
            None => {
                tracing::error!(scopes, "a route requires a scope that no token can carry");
                self.demanding(Demand::Impossible)
            }
        }
    }

    fn demanding(&self, demand: Demand) -> GuardLayer {
        GuardLayer {
            guard: self.clone(),
            demand: Arc::new(demand),
        }
    }
}

enum Demand {
    Nothing,
    Token(Scope),
    Impossible,
}

/// A tower layer made by [`Guard::layer`], [`Guard::optional_layer`] or [`Guard::require`].
#[derive(Clone)]
pub struct GuardLayer {
    guard: Guard,
    demand: Arc<Demand>,
}

impl GuardLayer {
    /// Checks the request, and on success leaves its token in the extensions. Gives the nonce that belongs into the answer.
    async fn admit(&self, request: &mut Parts) -> Result<Option<String>, Refusal> {
        let resource = self.guard.resource();
        // A token that another guard left was for another API.
        let token = request
            .extensions
            .remove::<Token>()
            .filter(|token| token.is_for(resource));
        let (token, fresh_nonce) = match token {
            Some(token) => (Some(token), None),
            None => {
                let received = Received {
                    method: &request.method,
                    headers: &request.headers,
                    uri: sent_uri(request),
                };
                match self.guard.admit(received).await? {
                    Some(admitted) => (Some(admitted.token), admitted.fresh_nonce),
                    None => (None, None),
                }
            }
        };
        match (&*self.demand, &token) {
            (Demand::Nothing, _) => {}
            (Demand::Token(needed), None) => {
                return Err(Refusal::from(Reason::NoCredentials).needing(needed));
            }
            (Demand::Token(needed), Some(token)) => token.carries(needed)?,
            (Demand::Impossible, _) => return Err(Reason::InsufficientScope.into()),
        }
        // Whoever logs the request below us does not log the token.
        for name in [AUTHORIZATION, credentials::DPOP] {
            if let Some(value) = request.headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
        #[cfg(feature = "axum")]
        request.extensions.insert(Guarded(Arc::clone(resource)));
        if let Some(token) = token {
            request.extensions.insert(token);
        }
        Ok(fresh_nonce)
    }
}

/// The URI that the client sent: a router takes its prefix off before it asks a nested one.
fn sent_uri(request: &Parts) -> &Uri {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(uri)) = request.extensions.get() {
        return uri;
    }
    &request.uri
}

/// Says to the extractors that a guard stands before the route, and which.
#[cfg(feature = "axum")]
#[derive(Clone)]
pub(crate) struct Guarded(pub(crate) Arc<Resource>);

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService {
            layer: self.clone(),
            inner,
        }
    }
}

/// A service behind a guard.
#[derive(Clone)]
pub struct GuardService<S> {
    layer: GuardLayer,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: BodyExt + Send + 'static,
    B::Data: Send,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let layer = self.layer.clone();
        // The one that was polled ready is called; its clone waits for the next request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let mut refusal = match layer.admit(&mut parts).await {
                Ok(fresh_nonce) => {
                    let mut response = inner.call(Request::from_parts(parts, body)).await?;
                    if let Some(Ok(nonce)) = fresh_nonce.map(HeaderValue::try_from) {
                        response.headers_mut().insert(DPOP_NONCE, nonce);
                    }
                    return Ok(response);
                }
                Err(refusal) => refusal,
            };
            if refusal.reason == Reason::NoCredentials {
                let in_form = credentials::are_in_form(&parts.headers, body);
                if tokio::time::timeout(FORM_TIMEOUT, in_form).await == Ok(true) {
                    refusal = Reason::TokenInBody.into();
                }
            }
            Ok(layer.guard.deny(refusal).into_response())
        })
    }
}
