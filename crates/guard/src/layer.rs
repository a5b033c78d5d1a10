//! The guard before a tower service: a request passes with its [`Token`] in the extensions, or is answered.
//!
//! Where several guards stand one behind the other, each acts on its own: it keeps its own tokens and leaves those of the others
//! alone. [`GuardLayer::or`] is for a route that takes the tokens of several.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Extensions, HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use safeconduct_protocol::scope::Scope;
use tower_layer::Layer;
use tower_service::Service;

use crate::credentials;
#[cfg(feature = "axum")]
use crate::denied::{CorrelationId, Denied};
use crate::denied::{DPOP_NONCE, Refusal};
use crate::guard::{Guard, Received};
use crate::places::TokenPlace;
use crate::reason::Reason;
#[cfg(feature = "axum")]
use crate::resource::Resource;
use crate::step_up::StepUp;
use crate::token::Token;

/// How long a refused request's form may take to arrive before it is refused without a look at it.
const FORM_TIMEOUT: Duration = Duration::from_secs(2);

impl Guard {
    /// Lets requests with a valid token pass, and answers all others.
    pub fn layer(&self) -> GuardLayer {
        self.demanding(Demand::Token(Needed::default()))
    }

    /// Lets requests without credentials pass too. A bad token is still refused, not ignored; one that is not this guard's (of
    /// another issuer or for another audience) is left to a guard below, and refused by the extractors where none accepts it.
    pub fn optional_layer(&self) -> GuardLayer {
        self.demanding(Demand::Nothing)
    }

    /// Lets requests pass whose token carries each of the space-delimited `scopes`; 403 `insufficient_scope` names them.
    /// Stands below [`Guard::layer`] or alone. A name that is no scope (RFC 6749 §3.3) lets no request pass.
    pub fn require(&self, scopes: &str) -> GuardLayer {
        match Scope::parse(scopes) {
            Some(scope) => self.demanding(Demand::Token(Needed {
                scope,
                ..Needed::default()
            })),
            None => {
                tracing::error!(scopes, "a route requires a scope that no token can carry");
                self.demanding(Demand::Impossible)
            }
        }
    }

    /// Lets requests pass whose token carries the role `name` ([`Token::roles`]); 403 `insufficient_scope` otherwise. Stands below
    /// [`Guard::layer`] or alone.
    pub fn require_role(&self, name: impl Into<String>) -> GuardLayer {
        self.demanding(Demand::Token(Needed {
            role: Some(name.into()),
            ..Needed::default()
        }))
    }

    /// Lets requests pass whose token is of a sign-in with one of the authentication contexts `names` (`acr`): see [`StepUp::acr`].
    /// 401 `insufficient_user_authentication` names them (RFC 9470 §3). Stands below [`Guard::layer`] or alone.
    ///
    /// An operation that demands more than this says all of it with [`GuardLayer::step_up`], so that one sign-in is enough.
    pub fn require_acr<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> GuardLayer {
        self.layer().step_up(StepUp::acr(names))
    }

    /// Lets requests pass whose user signed in less than `time` ago (`auth_time`): see [`StepUp::within`]. Otherwise as
    /// [`Guard::require_acr`].
    pub fn require_auth_within(&self, time: Duration) -> GuardLayer {
        self.layer().step_up(StepUp::within(time))
    }

    fn demanding(&self, demand: Demand) -> GuardLayer {
        GuardLayer {
            guards: vec![self.clone()],
            places: Vec::new(),
            demand: Arc::new(demand),
        }
    }
}

enum Demand {
    Nothing,
    Token(Needed),
    Impossible,
}

/// What a token has to have, beside being good.
#[derive(Clone, Default)]
struct Needed {
    scope: Scope,
    role: Option<String>,
    step_up: Option<StepUp>,
}

impl Needed {
    fn is_met_by(&self, token: &Token) -> Result<(), Refusal> {
        token.carries(&self.scope)?;
        if let Some(role) = &self.role {
            token.plays(role)?;
        }
        match &self.step_up {
            Some(step_up) => token
                .meets(step_up)
                .map_err(|refusal| refusal.needing(&self.scope)),
            None => Ok(()),
        }
    }
}

/// A tower layer made by [`Guard::layer`], [`Guard::optional_layer`], [`Guard::require`] or [`Guard::require_acr`].
#[derive(Clone)]
pub struct GuardLayer {
    /// One or more. Each is asked in turn.
    guards: Vec<Guard>,
    /// Where a token may stand beside the header.
    places: Vec<TokenPlace>,
    demand: Arc<Demand>,
}

/// The tokens that guards accepted on the way to a handler, the nearest guard's last. The one [`Token`] in the extensions is that of
/// the nearest guard that accepted one.
#[derive(Clone, Default)]
pub(crate) struct Accepted(Vec<Token>);

/// A token that is none of the guards' above, and why the first of them thought so. A guard below may accept it.
#[derive(Clone)]
pub(crate) struct LeftOver {
    refusal: Refusal,
    guard: Guard,
}

impl Accepted {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// The token that `guard` accepted.
    pub(crate) fn by(&self, guard: &Guard) -> Option<&Token> {
        let mut tokens = self.0.iter();
        tokens.find(|token| token.is_for(guard.resource()))
    }
}

impl LeftOver {
    /// The answer where no guard accepted the token.
    #[cfg(feature = "axum")]
    pub(crate) fn deny(&self, id: Option<&CorrelationId>) -> Denied {
        self.guard.deny_request(self.refusal.clone(), id)
    }
}

/// A request that was looked at: the token that one of the guards accepted, and the nonce that belongs into the answer.
struct Passed {
    token: Option<Token>,
    fresh_nonce: Option<String>,
}

impl GuardLayer {
    /// Takes the tokens of `other` too: for an API that moves from one issuer to another, or serves under two audiences. A request
    /// needs one token that either guard accepts. Two layers one behind the other would need a token that both accept.
    #[must_use]
    pub fn or(mut self, other: &Guard) -> Self {
        self.guards.push(other.clone());
        self
    }

    /// Demands a sign-in such as `demanded` too: a token that is good and carries the scope, but is of another sign-in, gets 401
    /// `insufficient_user_authentication`, which names what is demanded and the scope (RFC 9470 §3). A layer that was optional is so no
    /// more.
    #[must_use]
    pub fn step_up(mut self, demanded: StepUp) -> Self {
        let mut needed = match &*self.demand {
            Demand::Impossible => return self,
            Demand::Nothing => Needed::default(),
            Demand::Token(needed) => needed.clone(),
        };
        needed.step_up = Some(demanded);
        self.demand = Arc::new(Demand::Token(needed));
        self
    }

    /// Takes the token of a WebSocket from its subprotocols too: `base64url.bearer.authorization.NAME.` and the token in base64url
    /// without padding, beside another one, which the application answers with. The application does not see the token's. Only bearer
    /// tokens can be sent so, and the connection lives past the token's end unless the application ends it
    /// ([`Token::expires_at`]).
    #[must_use]
    pub fn or_websocket_protocol(mut self, name: &str) -> Self {
        self.places.push(TokenPlace::web_socket(name));
        self
    }

    /// Takes a bearer token from the query parameter `name` too. URLs are logged and handed on: only for a route that nothing but a link
    /// or an `EventSource` can reach, and for tokens that live a minute. The application does not see the parameter; whatever stands
    /// in front of the guard does.
    #[must_use]
    pub fn or_query_parameter(mut self, name: &str) -> Self {
        self.places.push(TokenPlace::query(name));
        self
    }

    /// Checks the request, and on success leaves its token in the extensions. Gives the nonce that belongs into the answer.
    async fn admit(&self, request: &mut Parts) -> Result<Option<String>, Box<LeftOver>> {
        let first = &self.guards[0];
        let refused = |refusal: Refusal| {
            let guard = first.clone();
            Box::new(LeftOver { refusal, guard })
        };
        let mut accepted = Accepted::of(&request.extensions);
        let known = self.guards.iter().find_map(|guard| accepted.by(guard));
        let (token, fresh_nonce) = match known.cloned() {
            Some(token) => (Some(token), None),
            None => match self.ask_each(request).await {
                Ok(passed) => {
                    let id = request.extensions.get();
                    let token = passed.token.map(|token| token.of_request(id));
                    accepted.0.extend(token.clone());
                    (token, passed.fresh_nonce)
                }
                // What a guard above accepted is no bad token.
                Err(_) if self.is_optional() && !accepted.0.is_empty() => (None, None),
                Err(left) if self.is_optional() && left.refusal.of_another => {
                    request.extensions.get_or_insert_with(|| *left);
                    (None, None)
                }
                Err(refused) => return Err(refused),
            },
        };
        match (&*self.demand, &token) {
            (Demand::Nothing, _) => {}
            (Demand::Token(needed), None) => {
                return Err(refused(
                    Refusal::from(Reason::NoCredentials).needing(&needed.scope),
                ));
            }
            (Demand::Token(needed), Some(token)) => needed.is_met_by(token).map_err(refused)?,
            (Demand::Impossible, _) => return Err(refused(Reason::InsufficientScope.into())),
        }
        // A layer that logs the request below does not log the token.
        for name in [AUTHORIZATION, credentials::DPOP] {
            if let Some(value) = request.headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
        #[cfg(feature = "axum")]
        request
            .extensions
            .insert(Guarded(Arc::clone(first.resource())));
        if let Some(token) = token {
            self.clear(request);
            request.extensions.insert(token);
            request.extensions.remove::<LeftOver>();
        }
        request.extensions.insert(accepted);
        Ok(fresh_nonce)
    }

    /// Takes an accepted token out of where only this layer looks for one.
    fn clear(&self, request: &mut Parts) {
        for place in &self.places {
            place.clear(&mut request.headers, &mut request.uri);
            #[cfg(feature = "axum")]
            if let Some(axum::extract::OriginalUri(uri)) = request.extensions.get_mut() {
                place.clear(&mut request.headers, uri);
            }
        }
    }

    /// Asks the guards in turn, until one accepts the token or refuses it as its own.
    async fn ask_each(&self, request: &Parts) -> Result<Passed, Box<LeftOver>> {
        let received = Received {
            method: &request.method,
            headers: &request.headers,
            uri: sent_uri(request),
            places: &self.places,
        };
        let mut left: Option<Box<LeftOver>> = None;
        for guard in &self.guards {
            let refusal = match guard.admit(received).await {
                Ok(admitted) => {
                    let (token, fresh_nonce) = match admitted {
                        Some(admitted) => (Some(admitted.token), admitted.fresh_nonce),
                        None => (None, None),
                    };
                    return Ok(Passed { token, fresh_nonce });
                }
                Err(refusal) => refusal,
            };
            let is_ours = !refusal.of_another;
            // One that cannot be asked now may be the one that would have accepted it.
            let is_telling = is_ours || refusal.reason == Reason::IssuerUnavailable;
            if is_telling || left.is_none() {
                let guard = guard.clone();
                left = Some(Box::new(LeftOver { refusal, guard }));
            }
            if is_ours {
                break;
            }
        }
        Err(left.expect("a layer has a guard"))
    }

    fn is_optional(&self) -> bool {
        matches!(*self.demand, Demand::Nothing)
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
            let mut refused = match layer.admit(&mut parts).await {
                Ok(fresh_nonce) => {
                    let mut response = inner.call(Request::from_parts(parts, body)).await?;
                    if let Some(Ok(nonce)) = fresh_nonce.map(HeaderValue::try_from) {
                        response.headers_mut().insert(DPOP_NONCE, nonce);
                    }
                    return Ok(response);
                }
                Err(refused) => refused,
            };
            if refused.refusal.reason == Reason::NoCredentials {
                let in_form = credentials::are_in_form(&parts.headers, body);
                if tokio::time::timeout(FORM_TIMEOUT, in_form).await == Ok(true) {
                    refused.refusal = Reason::TokenInBody.into();
                }
            }
            let id = parts.extensions.get();
            let denied = refused.guard.deny_request(refused.refusal, id);
            Ok(denied.into_response())
        })
    }
}
