//! The issuer's metadata (RFC 8414): found at the first need, kept while it is fresh, believed only if it names the
//! issuer byte for byte.
//!
//! What the endpoints answer belongs to [`crate::keys`] and [`crate::introspection`].

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{JwkSet, KeySet};
use safeconduct_protocol::time::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::address::Address;
use crate::fetch::{FetchError, Http};
use crate::pace::Pace;

const WELL_KNOWN: &str = "oauth-authorization-server";
/// How long metadata is still used that cannot be renewed, in seconds: an issuer that is down has not moved.
const LONGEST_USE: i64 = 24 * 60 * 60;

/// The authorization server that the guard trusts.
pub(crate) struct Issuer {
    pub(crate) address: Address,
    pub(crate) http: Http,
    clock: Clock,
    known: ArcSwapOption<Metadata>,
    pace: Mutex<Pace>,
}

/// What matters of the metadata.
pub(crate) struct Metadata {
    jwks_uri: Option<Address>,
    introspection_endpoint: Option<Address>,
    read_at: Timestamp,
    fresh_until: Timestamp,
}

impl Issuer {
    pub(crate) fn new(address: Address, http: Http, clock: Clock) -> Self {
        Self {
            address,
            http,
            clock,
            known: ArcSwapOption::empty(),
            pace: Mutex::new(Pace::new()),
        }
    }

    /// The issuer's keys as they stand now, and for how many seconds they stay fresh.
    pub(crate) async fn key_set(self: &Arc<Self>) -> Result<(KeySet, i64), FetchError> {
        let metadata = self.metadata().await?;
        let read = match &metadata.jwks_uri {
            Some(jwks_uri) => self.read_key_set(jwks_uri).await,
            None => Err(unusable("the metadata names no `jwks_uri`")),
        };
        read.inspect_err(|_| self.distrust())
    }

    async fn read_key_set(&self, jwks_uri: &Address) -> Result<(KeySet, i64), FetchError> {
        let answer = self.http.read(jwks_uri.as_str()).await?;
        let set: JwkSet = serde_json::from_slice(&answer.body)
            .map_err(|error| unusable(format_args!("the key set does not read: {error}")))?;
        let keys = KeySet::from(&set);
        if keys.is_empty() {
            return Err(unusable("the key set holds no key that verifies"));
        }
        Ok((keys, answer.lifetime))
    }

    /// Where tokens are introspected.
    pub(crate) async fn introspection_endpoint(self: &Arc<Self>) -> Result<Address, FetchError> {
        let metadata = self.metadata().await?;
        let endpoint = metadata.introspection_endpoint.clone();
        endpoint.ok_or_else(|| {
            self.distrust();
            unusable("the metadata names no `introspection_endpoint`")
        })
    }

    /// Reads the metadata again at the next need: an endpoint did not answer as it should, so perhaps it moved.
    pub(crate) fn distrust(&self) {
        self.known.rcu(|known| {
            let known = known.as_ref()?;
            Some(Arc::new(Metadata {
                jwks_uri: known.jwks_uri.clone(),
                introspection_endpoint: known.introspection_endpoint.clone(),
                read_at: known.read_at,
                fresh_until: known.read_at,
            }))
        });
    }

    async fn metadata(self: &Arc<Self>) -> Result<Arc<Metadata>, FetchError> {
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        // On a task of its own: a caller that goes away must not take the answer, and what it cost, with it.
        let issuer = Arc::clone(self);
        tokio::spawn(async move { issuer.renew().await })
            .await
            .unwrap_or_else(|_| Err(unusable("the runtime is shutting down")))
    }

    fn fresh(&self) -> Option<Arc<Metadata>> {
        let now = self.clock.now();
        self.known
            .load_full()
            .filter(|known| known.read_at <= now && now < known.fresh_until)
    }

    async fn renew(&self) -> Result<Arc<Metadata>, FetchError> {
        let mut pace = self.pace.lock().await;
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let now = self.clock.now();
        let read = match pace.take(now) {
            Ok(()) => self.read_metadata(now).await,
            Err(seconds) => Err(FetchError::TooOften(seconds)),
        };
        match (read, self.known.load_full()) {
            (Ok(metadata), _) => {
                let metadata = Arc::new(metadata);
                self.known.store(Some(Arc::clone(&metadata)));
                Ok(metadata)
            }
            (Err(error), Some(known)) if now.since(known.read_at) < LONGEST_USE => {
                if !matches!(error, FetchError::TooOften(_)) {
                    tracing::warn!(issuer = %self.address, %error, "the issuer's metadata could not be renewed");
                }
                Ok(known)
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn read_metadata(&self, now: Timestamp) -> Result<Metadata, FetchError> {
        let answer = self.http.read(&self.address.well_known(WELL_KNOWN)).await?;
        let document: Document = serde_json::from_slice(&answer.body)
            .map_err(|error| unusable(format_args!("the metadata does not read: {error}")))?;
        // RFC 8414 §3.3: identical, or none of it is used.
        if document.issuer != self.address.as_str() {
            let got: String = document.issuer.chars().take(200).collect();
            return Err(unusable(format_args!(
                "the metadata is of the issuer {got:?}"
            )));
        }
        Ok(Metadata {
            jwks_uri: self.endpoint("jwks_uri", document.jwks_uri)?,
            introspection_endpoint: self
                .endpoint("introspection_endpoint", document.introspection_endpoint)?,
            read_at: now,
            fresh_until: now.plus(answer.lifetime),
        })
    }

    /// An endpoint may be trusted as far as its issuer: https does not lead to http.
    fn endpoint(&self, name: &str, url: Option<String>) -> Result<Option<Address>, FetchError> {
        let Some(url) = url else { return Ok(None) };
        match Address::endpoint(&url) {
            Ok(address) if self.address.is_https() && !address.is_https() => Err(unusable(
                format_args!("`{name}` of an https issuer is not https"),
            )),
            Ok(address) => Ok(Some(address)),
            Err(error) => Err(unusable(format_args!("`{name}` {error}"))),
        }
    }
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Option<String>,
    introspection_endpoint: Option<String>,
}

fn unusable(reason: impl ToString) -> FetchError {
    FetchError::Unusable(reason.to_string())
}
