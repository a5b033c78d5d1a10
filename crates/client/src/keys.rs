//! The issuer's public keys: fetched when a token first needs them, kept as long as the issuer says, and asked for again
//! when a token names a key that is not among them.
//!
//! What a token must say beside its signature is `id_token.rs`'s and `back_channel.rs`'s concern.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::header;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{JoseError, JwkSet, KeySet, unverified_issuer};
use safeconduct_protocol::time::Timestamp;
use url::Url;

use crate::client::Client;
use crate::discovery::{STALE, complete, freshness};
use crate::error::{Error, ErrorKind};
use crate::flights::Flights;
use crate::http::Http;
use crate::metadata::Metadata;

/// How many seconds lie between two questions for a key that is not known: anybody can make up tokens that name one.
const COOL_DOWN: i64 = 10;

/// The keys of one issuer.
pub(crate) struct IssuerKeys {
    source: Arc<Source>,
    flights: Flights<Url, Arc<KeySet>>,
}

struct Source {
    http: Http,
    clock: Clock,
    cached: ArcSwapOption<Cached>,
}

struct Cached {
    uri: Url,
    keys: Arc<KeySet>,
    read_at: Timestamp,
    fresh_until: Timestamp,
}

/// Why a token of the issuer's is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is none of the issuer's for this client, or not valid now.
    Token(JoseError),
    /// It does not say what it must.
    Claim(&'static str),
}

impl IssuerKeys {
    pub(crate) fn new(http: Http, clock: Clock) -> Self {
        let source = Source {
            http,
            clock: clock.clone(),
            cached: ArcSwapOption::empty(),
        };
        Self {
            source: Arc::new(source),
            flights: Flights::new(clock),
        }
    }

    /// The keys at `uri`, from memory while they are fresh.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerUnreachable`], [`ErrorKind::IssuerBusy`], [`ErrorKind::IssuerMetadata`].
    pub(crate) async fn current(&self, uri: &Url) -> Result<Arc<KeySet>, Error> {
        let now = self.source.clock.now();
        let cached = self.source.cached(uri);
        if let Some(cached) = cached.as_ref().filter(|cached| now < cached.fresh_until) {
            return Ok(cached.keys.clone());
        }
        match (self.renewed(uri).await, cached) {
            (Ok(keys), _) => Ok(keys),
            (Err(error), Some(cached)) if now < cached.fresh_until.plus(STALE) => {
                tracing::warn!(%error, "the issuer's keys could not be renewed; using the last");
                Ok(cached.keys.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The keys at `uri` as they are now; `None` if they were asked for a moment ago.
    async fn newer(&self, uri: &Url) -> Result<Option<Arc<KeySet>>, Error> {
        let now = self.source.clock.now();
        let asked_lately =
            |cached: &Arc<Cached>| (0..COOL_DOWN).contains(&now.since(cached.read_at));
        if self.source.cached(uri).as_ref().is_some_and(asked_lately) {
            return Ok(None);
        }
        self.renewed(uri).await.map(Some)
    }

    async fn renewed(&self, uri: &Url) -> Result<Arc<KeySet>, Error> {
        let (source, at) = (self.source.clone(), uri.clone());
        let takeoff = || async move { source.renew(at).await };
        self.flights.join(uri.clone(), takeoff).await
    }
}

impl Source {
    fn cached(&self, uri: &Url) -> Option<Arc<Cached>> {
        self.cached.load_full().filter(|cached| cached.uri == *uri)
    }

    async fn renew(&self, uri: Url) -> Result<Arc<KeySet>, Error> {
        let read_at = self.clock.now();
        let answer = complete(&uri, self.http.fetch(&uri).await?)?;
        let set: JwkSet = serde_json::from_slice(&answer.body).map_err(|error| {
            Error::new(
                ErrorKind::IssuerMetadata,
                format!("{uri} is no key set: {error}"),
            )
        })?;
        let keys = Arc::new(KeySet::from(&set));
        tracing::debug!(%uri, keys = keys.keys().len(), "the issuer's keys were read");
        let seconds = freshness(answer.header(header::CACHE_CONTROL));
        self.cached.store(Some(Arc::new(Cached {
            uri,
            keys: keys.clone(),
            read_at,
            fresh_until: read_at.plus(seconds),
        })));
        Ok(keys)
    }
}

impl Client {
    /// Where the issuer's keys lie.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerMetadata`].
    pub(crate) fn jwks_uri<'m>(&self, metadata: &'m Metadata) -> Result<&'m Url, Error> {
        metadata.jwks_uri.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::IssuerMetadata,
                "the metadata names no jwks_uri, so that no token can be verified",
            )
        })
    }

    /// Judges `token` with the issuer's keys; with newer ones, if it names one that is not among them. A refusal becomes an
    /// error of `kind`.
    pub(crate) async fn judge<T>(
        &self,
        metadata: &Metadata,
        token: &str,
        kind: ErrorKind,
        judgement: impl Fn(&KeySet) -> Result<T, Refused>,
    ) -> Result<T, Error> {
        let uri = self.jwks_uri(metadata)?;
        let refused = |refused: Refused| Error::new(kind, refused.to_string());
        match judgement(&*self.keys().current(uri).await?) {
            // Nobody asks for the key of another issuer, whoever presents its token.
            Err(Refused::Token(JoseError::UnknownKey))
                if unverified_issuer(token).as_deref() == Some(self.issuer()) =>
            {
                match self.keys().newer(uri).await? {
                    Some(keys) => judgement(&keys).map_err(refused),
                    None => Err(refused(JoseError::UnknownKey.into())),
                }
            }
            judged => judged.map_err(refused),
        }
    }
}

impl From<JoseError> for Refused {
    fn from(error: JoseError) -> Self {
        Self::Token(error)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(error) => write!(f, "{error} ({})", error.name()),
            Self::Claim(why) => f.write_str(why),
        }
    }
}
