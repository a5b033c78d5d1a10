//! The issuer's public keys: fetched when a token first needs them, kept as long as the issuer says, and asked for again at once
//! when a token names a key that is not among them (OpenID Connect Core §10.1.1). Only questions that brought no such key make
//! the next one wait.
//!
//! What a token must say beside its signature is `id_token.rs`'s and `back_channel.rs`'s concern.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwapOption;
use http::header;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{
    Algorithm, JoseError, JwkSet, KeySet, unverified_header, unverified_issuer,
};
use safeconduct_protocol::time::Timestamp;
use url::Url;

use crate::client::Client;
use crate::discovery::{STALE, complete, freshness};
use crate::error::{Error, ErrorKind};
use crate::flights::Flights;
use crate::http::Http;
use crate::metadata::Metadata;

/// How many seconds lie between two questions for a key that is not known, when the first brought none: anybody can make up
/// tokens that name one.
const COOL_DOWN: i64 = 10;
/// No question was ever in vain.
const NEVER: i64 = i64::MIN;

/// Who handed a token over. Each has a pause of its own: what strangers make up keeps nobody from signing in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenBy {
    /// The issuer's token endpoint: an ID Token.
    Issuer,
    /// A request from anywhere: a logout token.
    Anyone,
}

/// The keys of one issuer.
pub(crate) struct IssuerKeys {
    source: Arc<Source>,
    flights: Flights<Url, Arc<KeySet>>,
    /// When a question for an unknown key last brought none, in seconds: after a token of the issuer's, after one of anybody's.
    in_vain: [AtomicI64; 2],
}

struct Source {
    http: Http,
    clock: Clock,
    cached: ArcSwapOption<Cached>,
}

struct Cached {
    uri: Url,
    keys: Arc<KeySet>,
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
            in_vain: [AtomicI64::new(NEVER), AtomicI64::new(NEVER)],
        }
    }

    /// The keys at `uri`, from memory while they are fresh.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerUnreachable`], [`ErrorKind::IssuerBusy`], [`ErrorKind::IssuerMetadata`].
    pub(crate) async fn current(&self, uri: &Url) -> Result<Arc<KeySet>, Error> {
        self.look_up(uri).await.map(|(keys, _)| keys)
    }

    /// As [`IssuerKeys::current`], and whether they were read just now.
    async fn look_up(&self, uri: &Url) -> Result<(Arc<KeySet>, bool), Error> {
        let now = self.source.clock.now();
        let cached = self.source.cached(uri);
        if let Some(cached) = cached.as_ref().filter(|cached| now < cached.fresh_until) {
            return Ok((cached.keys.clone(), false));
        }
        match (self.renewed(uri).await, cached) {
            (Ok(keys), _) => Ok((keys, true)),
            (Err(error), Some(cached)) if now < cached.fresh_until.plus(STALE) => {
                tracing::warn!(%error, "the issuer's keys could not be renewed; using the last");
                Ok((cached.keys.clone(), false))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The keys at `uri` as they are now, for a token that names another one.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerBusy`] if the last such question was a moment ago and in vain: nobody knows then whether there is such a
    /// key; whatever keeps the keys away.
    async fn newer(&self, uri: &Url, given_by: GivenBy) -> Result<Arc<KeySet>, Error> {
        let last = Timestamp::from_seconds(self.in_vain(given_by).load(Ordering::Relaxed));
        let ago = self.source.clock.now().since(last);
        if (0..COOL_DOWN).contains(&ago) {
            return Err(Error::new(
                ErrorKind::IssuerBusy,
                format!(
                    "the token names a key that is not known, and the issuer's keys were read {ago} s ago; they are read again in {} s",
                    COOL_DOWN - ago
                ),
            ));
        }
        self.renewed(uri).await
    }

    fn brought_nothing(&self, given_by: GivenBy) {
        let now = self.source.clock.now().seconds();
        self.in_vain(given_by).store(now, Ordering::Relaxed);
    }

    fn in_vain(&self, given_by: GivenBy) -> &AtomicI64 {
        let [issuer, anyone] = &self.in_vain;
        match given_by {
            GivenBy::Issuer => issuer,
            GivenBy::Anyone => anyone,
        }
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

    /// Judges `token` with the issuer's keys; with newer ones, if it names one that is not among them.
    ///
    /// # Errors
    /// [`ErrorKind::IdToken`] or [`ErrorKind::LogoutToken`] for a refusal; [`ErrorKind::IssuerBusy`], where it is not known whether
    /// the issuer has the key, and whatever kept the keys away.
    pub(crate) async fn judge<T>(
        &self,
        metadata: &Metadata,
        token: &str,
        given_by: GivenBy,
        judgement: impl Fn(&KeySet) -> Result<T, Refused>,
    ) -> Result<T, Error> {
        let uri = self.jwks_uri(metadata)?;
        let algorithm = self.id_token_algorithm(metadata)?;
        let refused = |refused: Refused| refused.of(given_by.kind(), algorithm);
        let (keys, read_just_now) = self.keys().look_up(uri).await?;
        let mut judged = judgement(&keys);
        // Nobody asks for the key of another issuer, whoever presents its token.
        if is_unknown(&judged, token) && unverified_issuer(token).as_deref() == Some(self.issuer())
        {
            if !read_just_now {
                judged = judgement(&*self.keys().newer(uri, given_by).await?);
            }
            if is_unknown(&judged, token) {
                self.keys().brought_nothing(given_by);
            }
        }
        judged.map_err(refused)
    }
}

/// Whether the issuer may have a key for `token` that was not at hand. A token that names none may be of a new one when the known
/// ones do not fit.
fn is_unknown<T>(judged: &Result<T, Refused>, token: &str) -> bool {
    match judged {
        Err(Refused::Token(JoseError::UnknownKey)) => true,
        Err(Refused::Token(JoseError::Signature | JoseError::AmbiguousKey)) => {
            unverified_header(token).is_ok_and(|header| header.kid.is_none())
        }
        _ => false,
    }
}

impl GivenBy {
    /// What a refusal of its tokens is.
    fn kind(self) -> ErrorKind {
        match self {
            Self::Issuer => ErrorKind::IdToken,
            Self::Anyone => ErrorKind::LogoutToken,
        }
    }
}

impl Refused {
    /// This refusal as an error of `kind`, of a client that is registered with `algorithm`.
    pub(crate) fn of(self, kind: ErrorKind, algorithm: Algorithm) -> Error {
        let detail = match self {
            Self::Token(JoseError::Algorithm) => format!(
                "{self}: this client takes {algorithm} alone; if it is registered with another one (id_token_signed_response_alg), build it with `.id_token_algorithm(…)`"
            ),
            _ => self.to_string(),
        };
        Error::new(kind, detail)
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
