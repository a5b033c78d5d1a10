//! Judging a token with the issuer's keys, newer ones where it may be of one that is not known (OpenID Connect Core §10.1.1).
//!
//! Fetching and keeping the keys is `safeconduct_issuer`'s concern; what a token must say beside its signature, `sign_in/id_token.rs`'s
//! and `session/back_channel.rs`'s.

use std::time::{Duration, Instant};

use safeconduct_issuer::{FetchErrorKind, GivenBy, is_key_unknown};
use safeconduct_protocol::jose::{Algorithm, KeySet, unverified_issuer};
use safeconduct_protocol::secret::Secret;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::issuer::metadata::Metadata;
use crate::issuer::refused::Refused;
use crate::sign_in::id_token::IdTokenRules;

/// The pause between two looks at the clock.
const A_MOMENT: Duration = Duration::from_millis(50);

impl Client {
    /// What the ID Token that came with `access_token` is held to.
    pub(crate) fn id_token_rules<'a>(
        &'a self,
        algorithm: Algorithm,
        access_token: &'a Secret,
    ) -> IdTokenRules<'a> {
        IdTokenRules {
            issuer: self.issuer(),
            client_id: self.client_id(),
            trusted: &self.config().trusted_audiences,
            leeway: self.config().leeway,
            algorithm,
            access_token,
        }
    }

    /// What the issuer signs this client's ID Tokens and logout tokens with: the one algorithm that the client is registered with
    /// (OpenID Connect Core §3.1.3.7 item 7), RS256 where the app names none. That is the default of a registration; an issuer
    /// that has one algorithm, and it is another, registers no client with RS256.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the issuer announces others alone.
    pub(crate) fn id_token_algorithm(&self, metadata: &Metadata) -> Result<Algorithm, Error> {
        let announced = metadata.id_token_algorithms.as_deref();
        // What only other issuers sign with is taken where the app names it.
        let usual = announced.unwrap_or_default().iter();
        let usual: Vec<_> = usual
            .filter(|algorithm| Algorithm::ALL.contains(algorithm))
            .collect();
        let registered = match (self.config().id_token_algorithm, usual.as_slice()) {
            (Some(named), _) => named,
            (None, [only]) => **only,
            (None, _) => Algorithm::Rs256,
        };
        match announced {
            Some(list) if !list.contains(&registered) => {
                let with = list.iter().map(|algorithm| algorithm.name());
                let with = with.collect::<Vec<_>>().join(", ");
                Err(Error::configuration(format!(
                    "the issuer does not sign ID Tokens with {registered} but with {with}; name what this client is registered with (id_token_signed_response_alg): `.id_token_algorithm(…)`"
                )))
            }
            _ => Ok(registered),
        }
    }

    /// Waits until so many seconds have passed by this client's clock, and no longer than that takes by the machine's.
    async fn wait_seconds(&self, seconds: i64) {
        let until = self.now().plus(seconds);
        let longest = Duration::from_secs(seconds.unsigned_abs()) + A_MOMENT;
        let begun = Instant::now();
        while self.now() < until && begun.elapsed() < longest {
            tokio::time::sleep(A_MOMENT).await;
        }
    }

    /// Judges `token` with the issuer's keys; with newer ones, if it may be of one that is not among them. `algorithm` is
    /// [`Client::id_token_algorithm`].
    ///
    /// # Errors
    /// [`ErrorKind::IdToken`] or [`ErrorKind::LogoutToken`] for a refusal; [`ErrorKind::IssuerBusy`], where it is not known whether
    /// the issuer has the key, and whatever kept the keys away.
    pub(crate) async fn judge<T>(
        &self,
        algorithm: Algorithm,
        token: &str,
        given_by: GivenBy,
        judgement: impl Fn(&KeySet) -> Result<T, Refused>,
    ) -> Result<T, Error> {
        let mut judged = judgement(&*self.keys().current().await);
        // The key of another issuer is not asked for.
        if is_unknown(&judged, token) && unverified_issuer(token).as_deref() == Some(self.issuer())
        {
            let holds = |keys: &KeySet| !is_unknown(&judgement(keys), token);
            let sought = async || self.keys().seek(token, given_by, &holds).await;
            match sought().await {
                // What the issuer itself gave cannot be asked for again: a code is spent. So it waits until the key can be.
                Err(error)
                    if error.kind() == FetchErrorKind::TooOften && given_by == GivenBy::Issuer =>
                {
                    self.wait_seconds(error.retry_after().unwrap_or(1)).await;
                    sought().await?;
                }
                sought => sought?,
            }
            judged = judgement(&*self.keys().current().await);
        }
        let kind = kind_of(given_by);
        judged.map_err(|refused| refused.of(kind, algorithm, self.issuer(), token))
    }
}

/// Whether a newer key may verify `token`.
fn is_unknown<T>(judged: &Result<T, Refused>, token: &str) -> bool {
    matches!(judged, Err(Refused::Token(error)) if is_key_unknown(*error, token))
}

/// What a refusal of a token is.
fn kind_of(given_by: GivenBy) -> ErrorKind {
    match given_by {
        GivenBy::Issuer => ErrorKind::IdToken,
        GivenBy::Anyone => ErrorKind::LogoutToken,
    }
}
