//! What axum handlers take: [`Token`], `Option<Token>`, [`Scoped`]; and the route that serves the API's metadata.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use http::request::Parts;
use safeconduct_protocol::scope::Scope as ScopeSet;

use crate::denied::{Denied, Refusal};
use crate::guard::Guard;
use crate::layer::{Guarded, LeftOver};
use crate::reason::Reason;
use crate::token::Token;

impl Guard {
    /// The public route of the API's metadata (RFC 9728 §3), at [`Guard::metadata_path`]. Any website may read it.
    ///
    /// Merge it outside [`Guard::layer`]: a client that has no token yet is to find out where to get one.
    pub fn metadata_routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let headers = [
            (CACHE_CONTROL, "public, max-age=3600"),
            (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        let metadata = self.metadata();
        // An audience's path is literal: `:` and `*` capture nothing.
        Router::new().without_v07_checks().route(
            &self.metadata_path(),
            get(async move || (headers, Json(metadata))),
        )
    }
}

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Denied;

    /// The token that the guard before the route validated: of several guards the nearest one that accepted it.
    /// [`Guard::token_in`] tells whose it is.
    async fn from_request_parts(request: &mut Parts, _state: &S) -> Result<Self, Denied> {
        match request.extensions.get::<Token>() {
            Some(token) => Ok(token.clone()),
            None => Err(absent(request, Refusal::from(Reason::NoCredentials))),
        }
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Token {
    type Rejection = Denied;

    /// The token, or `None` where [`Guard::optional_layer`] let a request without credentials pass.
    async fn from_request_parts(request: &mut Parts, _state: &S) -> Result<Option<Self>, Denied> {
        let token = request.extensions.get::<Token>().cloned();
        let is_unguarded = request.extensions.get::<Guarded>().is_none();
        let is_left_over = request.extensions.get::<LeftOver>().is_some();
        if token.is_none() && (is_unguarded || is_left_over) {
            return Err(absent(request, Reason::NoCredentials.into()));
        }
        Ok(token)
    }
}

/// A scope as a type, so that a handler's signature says what it needs.
///
/// ```
/// pub struct NotesRead;
///
/// impl safeconduct_guard::Scope for NotesRead {
///     const NAME: &'static str = "notes.read";
/// }
/// ```
pub trait Scope {
    /// The scope's name (RFC 6749 §3.3), or several, delimited by spaces: then all are needed.
    const NAME: &'static str;
}

/// Defines a type for a scope: `scope!(pub NotesRead = "notes.read");`.
#[macro_export]
macro_rules! scope {
    ($visibility:vis $name:ident = $scope:literal) => {
        #[doc = concat!("The scope `", $scope, "`.")]
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::Scope for $name {
            const NAME: &'static str = $scope;
        }
    };
}

/// The request's [`Token`], which carries the scope `S`. Without a token: 401; without the scope: 403.
pub struct Scoped<S> {
    token: Token,
    scope: PhantomData<fn() -> S>,
}

impl<S> Scoped<S> {
    /// The token.
    pub fn into_token(self) -> Token {
        self.token
    }
}

impl<S> Deref for Scoped<S> {
    type Target = Token;

    fn deref(&self) -> &Token {
        &self.token
    }
}

impl<S> Clone for Scoped<S> {
    fn clone(&self) -> Self {
        Self {
            token: self.token.clone(),
            scope: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Scoped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.token.fmt(f)
    }
}

impl<S: Scope, T: Sync> FromRequestParts<T> for Scoped<S> {
    type Rejection = Denied;

    async fn from_request_parts(request: &mut Parts, _state: &T) -> Result<Self, Denied> {
        let Some(token) = request.extensions.get::<Token>() else {
            let needed = ScopeSet::parse(S::NAME).unwrap_or_default();
            return Err(absent(
                request,
                Refusal::from(Reason::NoCredentials).needing(&needed),
            ));
        };
        token.require_scope(S::NAME)?;
        Ok(Self {
            token: token.clone(),
            scope: PhantomData,
        })
    }
}

/// The refusal for a request without a token that was accepted: why it was not, where it came with one; 401 where a guard let it
/// pass without; 500 where no guard stands.
fn absent(request: &Parts, refusal: Refusal) -> Denied {
    let id = request.extensions.get();
    if let Some(left) = request.extensions.get::<LeftOver>() {
        return left.deny(id);
    }
    match request.extensions.get::<Guarded>() {
        Some(Guarded(resource)) => Denied::new(refusal, Some(resource), id),
        None => Denied::new(Reason::Unguarded.into(), None, id),
    }
}
