//! Where a request comes from, as events say it beside who sent it: its address, and the name it was given.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::{Extensions, request::Parts};
use safeconduct_store::{By, Door, Who};

use crate::{client_address::ClientAddress, correlation::Correlation};

/// Where a request comes from.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// `None` without the accept loop in front.
    pub(crate) address: Option<IpAddr>,
    pub(crate) correlation: Correlation,
}

impl Origin {
    /// Of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let client = extensions.get::<ClientAddress>();
        Self {
            address: client.map(|client| client.address),
            correlation: Correlation::of(extensions),
        }
    }

    /// `who`, by `door`, in this request.
    pub(crate) fn by(&self, who: Who, door: Door) -> By {
        By::new(who, door).in_request(self.address, self.correlation.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
