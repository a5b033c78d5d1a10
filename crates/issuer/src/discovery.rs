//! What an issuer says about itself (RFC 8414, OpenID Connect Discovery §4): found at the first need, kept while it is fresh, believed
//! only if it names the issuer byte for byte.
//!
//! Which of it matters is the caller's concern: a type of its own that is [`Metadata`].

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::HeaderMap;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::time::Timestamp;
use serde::de::DeserializeOwned;
use url::Url;

use crate::address::Address;
use crate::fetch_error::FetchError;
use crate::http::{Answer, Http, is_busy};
use crate::single_flight::SingleFlight;

/// How long a document is still used that cannot be renewed, in seconds: an issuer that is down has not moved.
pub(crate) const LONGEST_USE: i64 = 24 * 60 * 60;
/// The longest pause between two questions while the issuer does not answer, in seconds.
pub(crate) const LONGEST_PAUSE: i64 = 10;
/// How long metadata is fresh, in seconds, of which an endpoint did not answer as it should.
const DISTRUSTED_AFTER: i64 = 10;

/// What one kind of caller reads of an issuer's metadata.
pub trait Metadata: Sized + Send + Sync + 'static {
    /// Reads the document that was fetched for `issuer`.
    ///
    /// # Errors
    /// Says why it cannot be used.
    fn read(issuer: &Address, document: &[u8]) -> Result<Self, String>;

    /// Where the issuer's keys stand.
    fn jwks_uri(&self) -> Option<&Url>;
}

/// The metadata of one issuer, and how to renew it. Cheap to clone.
pub struct Discovery<M> {
    source: Arc<Source<M>>,
    reads: Arc<SingleFlight<(), Arc<M>, FetchError>>,
}

struct Source<M> {
    issuer: Address,
    /// In the order in which they are looked at.
    locations: [Url; 2],
    http: Http,
    clock: Clock,
    known: ArcSwapOption<Known<M>>,
}

struct Known<M> {
    metadata: Arc<M>,
    read_at: Timestamp,
    fresh_until: Timestamp,
}

impl<M> Clone for Discovery<M> {
    fn clone(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
            reads: Arc::clone(&self.reads),
        }
    }
}

impl<M: Metadata> Discovery<M> {
    /// The metadata of `issuer`, looked for where OpenID Connect Discovery says first if `openid`, else where RFC 8414 says first.
    pub fn new(issuer: Address, openid: bool, http: Http, clock: Clock) -> Self {
        let mut locations = metadata_locations(issuer.url());
        if openid {
            locations.reverse();
        }
        Self {
            reads: Arc::new(SingleFlight::new(clock.clone(), LONGEST_PAUSE)),
            source: Arc::new(Source {
                issuer,
                locations,
                http,
                clock,
                known: ArcSwapOption::empty(),
            }),
        }
    }

    /// The issuer.
    pub fn issuer(&self) -> &Address {
        &self.source.issuer
    }

    /// The way to it.
    pub fn http(&self) -> &Http {
        &self.source.http
    }

    /// The metadata, from memory while it is fresh, and for a day where it cannot be renewed.
    ///
    /// # Errors
    /// Whatever keeps it away.
    pub async fn metadata(&self) -> Result<Arc<M>, FetchError> {
        let now = self.source.clock.now();
        let known = self.source.known.load_full();
        if let Some(known) = known.as_ref().filter(|known| known.is_fresh(now)) {
            return Ok(Arc::clone(&known.metadata));
        }
        let source = Arc::clone(&self.source);
        let renewed = self.reads.join((), || async move { source.renew().await });
        match (renewed.await, known) {
            (Ok(metadata), _) => Ok(metadata),
            (Err(_), Some(known)) if now.since(known.read_at) < LONGEST_USE => {
                Ok(Arc::clone(&known.metadata))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Reads the metadata again at the next need, unless that was done a moment ago: an endpoint did not answer as it should, so
    /// perhaps it moved.
    pub fn distrust(&self) {
        self.source.known.rcu(|known| {
            let known = known.as_ref()?;
            Some(Arc::new(Known {
                metadata: Arc::clone(&known.metadata),
                read_at: known.read_at,
                fresh_until: known.fresh_until.min(known.read_at.plus(DISTRUSTED_AFTER)),
            }))
        });
    }
}

impl<M> Known<M> {
    /// A time before the reading stems from a clock that was set back since.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.read_at <= now && now < self.fresh_until
    }
}

impl<M: Metadata> Source<M> {
    async fn renew(&self) -> Result<Arc<M>, FetchError> {
        let issuer = self.issuer.as_str();
        let read = self.read().await.inspect_err(
            |error| tracing::warn!(issuer, %error, "the issuer's metadata could not be read"),
        );
        let (metadata, lifetime) = read?;
        let metadata = Arc::new(metadata);
        let now = self.clock.now();
        self.known.store(Some(Arc::new(Known {
            metadata: Arc::clone(&metadata),
            read_at: now,
            fresh_until: now.plus(lifetime),
        })));
        tracing::debug!(issuer, lifetime, "the issuer's metadata was read");
        Ok(metadata)
    }

    /// The metadata, and for how many seconds it is fresh.
    async fn read(&self) -> Result<(M, i64), FetchError> {
        let (url, answer) = self.fetch().await?;
        let answer = answer.document(url)?;
        let metadata = M::read(&self.issuer, &answer.body).map_err(FetchError::unusable)?;
        Ok((metadata, answer.lifetime()))
    }

    async fn fetch(&self) -> Result<(&Url, Answer), FetchError> {
        let [first, second] = &self.locations;
        let answer = self.http.get(first, HeaderMap::new()).await?;
        if !answer.status.is_client_error() || is_busy(answer.status) {
            return Ok((first, answer));
        }
        let answer = self.http.get(second, HeaderMap::new()).await?;
        Ok((second, answer))
    }
}

/// Where the metadata of `issuer` may stand: RFC 8414 §3.1, then OpenID Connect Discovery §4.
pub fn metadata_locations(issuer: &Url) -> [Url; 2] {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    [
        at(format!("/.well-known/oauth-authorization-server{path}")),
        at(format!("{path}/.well-known/openid-configuration")),
    ]
}

/// Reads what `D` names of the metadata of `issuer`, if it is of that issuer (RFC 8414 §3.3: identical, or none of it is used). A
/// member that comes twice is refused where `D` names it.
///
/// # Errors
/// Says why it cannot be used.
pub fn read_document<D: DeserializeOwned>(
    issuer: &Address,
    document: &[u8],
    named: impl FnOnce(&D) -> &str,
) -> Result<D, String> {
    let read: D = serde_json::from_slice(document)
        .map_err(|error| format!("the metadata does not read: {error}"))?;
    match named(&read) {
        same if same == issuer.as_str() => Ok(read),
        other if other.trim_end_matches('/') == issuer.as_str().trim_end_matches('/') => Err(
            format!("the metadata's `issuer` differs from {issuer} by the last slash"),
        ),
        other => {
            let other: String = other.chars().take(200).collect();
            Err(format!("the metadata is of {other:?}, not of {issuer}"))
        }
    }
}

/// Reads the URL of the endpoint `name`, if there is one. It is trusted as far as its issuer: https does not lead to http.
///
/// # Errors
/// Says what is wrong with it.
pub fn endpoint(issuer: &Address, name: &str, url: Option<&str>) -> Result<Option<Url>, String> {
    let Some(url) = url else { return Ok(None) };
    match Address::endpoint_over(url, issuer.plain_http()) {
        Ok(address) if issuer.is_https() && !address.is_https() => {
            Err(format!("`{name}` of an https issuer is not https"))
        }
        Ok(address) => Ok(Some(address.url().clone())),
        Err(error) => Err(format!("`{name}` {error}")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "https://id.example.com",
        "https://id.example.com/.well-known/oauth-authorization-server",
        "https://id.example.com/.well-known/openid-configuration"
    )]
    #[case(
        "https://id.example.com/one/",
        "https://id.example.com/.well-known/oauth-authorization-server/one",
        "https://id.example.com/one/.well-known/openid-configuration"
    )]
    fn metadata_stands_where_the_two_specifications_say(
        #[case] issuer: &str,
        #[case] first: &str,
        #[case] second: &str,
    ) {
        let locations = metadata_locations(&Url::parse(issuer).unwrap());
        assert_eq!(locations.map(String::from), [first, second]);
    }
}
