//! Fetching an issuer's metadata: lazily, once for everybody who waits, kept as long as the issuer says.
//!
//! What the metadata must say is `metadata.rs`'s concern.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{StatusCode, header};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::time::Timestamp;
use url::Url;

use crate::error::{Error, ErrorKind};
use crate::flights::Flights;
use crate::http::{Answer, Http, is_busy};
use crate::metadata::Metadata;

/// A document is fresh for at least five minutes and at most a day, whatever `Cache-Control` says; for an hour without it.
const FRESH: std::ops::RangeInclusive<i64> = 300..=86_400;
const FRESH_BY_DEFAULT: i64 = 3600;
/// What cannot be renewed is believed for a day longer: an issuer's short outage ends no session.
pub(crate) const STALE: i64 = 86_400;

/// The metadata of one issuer, and how to renew it.
pub(crate) struct Discovery {
    source: Arc<Source>,
    flights: Flights<(), Arc<Metadata>>,
}

struct Source {
    issuer: String,
    locations: [Url; 2],
    http: Http,
    clock: Clock,
    cached: ArcSwapOption<Cached>,
}

struct Cached {
    metadata: Arc<Metadata>,
    fresh_until: Timestamp,
}

impl Discovery {
    /// The metadata of `issuer`; `openid` if it is asked for identities, and not for access alone.
    pub(crate) fn new(issuer: &str, openid: bool, url: &Url, http: Http, clock: Clock) -> Self {
        let mut locations = Metadata::locations(url);
        if openid {
            locations.reverse();
        }
        let source = Source {
            issuer: issuer.to_owned(),
            locations,
            http,
            clock: clock.clone(),
            cached: ArcSwapOption::empty(),
        };
        Self {
            source: Arc::new(source),
            flights: Flights::new(clock),
        }
    }

    /// The issuer's metadata, from memory while it is fresh.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerUnreachable`], [`ErrorKind::IssuerBusy`], [`ErrorKind::IssuerMetadata`].
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        let now = self.source.clock.now();
        let cached = self.source.cached.load_full();
        if let Some(cached) = cached.as_ref().filter(|cached| now < cached.fresh_until) {
            return Ok(cached.metadata.clone());
        }
        let source = self.source.clone();
        let renewed = self
            .flights
            .join((), || async move { source.renew().await })
            .await;
        match (renewed, cached) {
            (Ok(metadata), _) => Ok(metadata),
            (Err(error), Some(cached)) if now < cached.fresh_until.plus(STALE) => {
                tracing::warn!(%error, "the issuer's metadata could not be renewed; using the last");
                Ok(cached.metadata.clone())
            }
            (Err(error), _) => Err(error),
        }
    }
}

impl Source {
    async fn renew(&self) -> Result<Arc<Metadata>, Error> {
        let answer = self.fetch().await?;
        let metadata = Arc::new(Metadata::parse(&self.issuer, &answer.body)?);
        let seconds = freshness(answer.header(header::CACHE_CONTROL));
        self.cached.store(Some(Arc::new(Cached {
            metadata: metadata.clone(),
            fresh_until: self.clock.now().plus(seconds),
        })));
        tracing::debug!(
            issuer = self.issuer,
            seconds,
            "the issuer's metadata was read"
        );
        Ok(metadata)
    }

    async fn fetch(&self) -> Result<Answer, Error> {
        let [first, second] = &self.locations;
        let answer = self.http.fetch(first).await?;
        let (url, answer) = if answer.status.is_client_error() {
            (second, self.http.fetch(second).await?)
        } else {
            (first, answer)
        };
        complete(url, answer)
    }
}

/// `answer`, if it is the document that lies at `url`.
///
/// # Errors
/// [`ErrorKind::IssuerBusy`], [`ErrorKind::IssuerMetadata`].
pub(crate) fn complete(url: &Url, answer: Answer) -> Result<Answer, Error> {
    let kind = match answer.status {
        StatusCode::OK => return Ok(answer),
        status if is_busy(status) => ErrorKind::IssuerBusy,
        _ => ErrorKind::IssuerMetadata,
    };
    let error = Error::new(kind, format!("{url} answered {}", answer.status));
    Err(error.with_rest(answer.rest()))
}

/// For how many seconds an answer with this `Cache-Control` is fresh.
pub(crate) fn freshness(cache_control: &str) -> i64 {
    let directives = || {
        cache_control
            .split(',')
            .map(|part| part.trim().to_ascii_lowercase())
    };
    if directives().any(|directive| directive == "no-store" || directive == "no-cache") {
        return *FRESH.start();
    }
    directives()
        .find_map(|directive| directive.strip_prefix("max-age=")?.parse::<i64>().ok())
        .map_or(FRESH_BY_DEFAULT, |seconds| {
            seconds.clamp(*FRESH.start(), *FRESH.end())
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", 3600)]
    #[case("public, Max-Age=900", 900)]
    #[case("max-age=1", 300)]
    #[case("max-age=99999999", 86_400)]
    #[case("max-age=-5", 300)]
    #[case("max-age=soon", 3600)]
    #[case("no-store", 300)]
    fn freshness_is_clamped(#[case] header: &str, #[case] seconds: i64) {
        assert_eq!(freshness(header), seconds);
    }
}
