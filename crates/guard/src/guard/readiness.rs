//! Whether a guard could decide on a token now: what its issuers must have told it, and what of revocations.

use std::collections::BTreeMap;

use safeconduct_issuer::FetchError;
use tokio::task::JoinSet;

use super::{Guard, Parts, Validation};
use crate::introspection;

/// Why tokens cannot be decided on yet. The guard tries again by itself with the next request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotReady(String);

impl Guard {
    /// Whether the guard could decide on a token now: for a health check. Asks the issuer if it must. Of several issuers one is enough:
    /// an API is not taken away from the users of one because another is down. [`Guard::readiness`] says it of each.
    ///
    /// # Errors
    /// [`NotReady`], with the reasons for the operator of the API.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let mut asked = self.ask_issuers();
        let mut reasons = BTreeMap::new();
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok((_, _, Ok(()))) => return self.knows_revocations().await,
                Ok((number, _, Err(not_ready))) => {
                    reasons.insert(number, not_ready.0);
                }
                // A task that the runtime ended on its way down.
                Err(_) => {}
            }
        }
        let reasons: Vec<String> = reasons.into_values().collect();
        Err(NotReady(reasons.join("; ")))
    }

    /// Of each issuer, whether its tokens could be decided on now. All are asked at once.
    pub async fn readiness(&self) -> Vec<(String, Result<(), NotReady>)> {
        let mut answers = self.ask_issuers().join_all().await;
        answers.sort_by_key(|(number, ..)| *number);
        let answers = answers.into_iter();
        answers
            .map(|(_, issuer, readiness)| (issuer, readiness))
            .collect()
    }

    /// Asks every issuer for what its tokens need, by the number that it has.
    fn ask_issuers(&self) -> JoinSet<(usize, String, Result<(), NotReady>)> {
        let mut asked = JoinSet::new();
        for (number, issuer) in self.issuers().map(str::to_owned).enumerate() {
            let guard = self.clone();
            asked.spawn(async move {
                let ready = guard.0.parts.is_ready(number).await;
                let ready = ready.map_err(|error| {
                    NotReady(format!("the issuer {issuer} cannot be asked: {error}"))
                });
                (number, issuer, ready)
            });
        }
        asked
    }

    /// Waits until it is known what was revoked, as long as a request to the issuer may take.
    async fn knows_revocations(&self) -> Result<(), NotReady> {
        let Some(revocations) = &self.0.parts.revocations else {
            return Ok(());
        };
        self.0.follow_revocations();
        let patience = self.0.parts.issuers.first().issuer.http().timeout();
        let ready = revocations.ready(patience).await;
        ready.map_err(|why| NotReady(format!("the issuer {} {why}", self.issuer())))
    }
}

impl Parts {
    /// Whether tokens of the issuer with this number can be decided on.
    async fn is_ready(&self, number: usize) -> Result<(), FetchError> {
        let trusted = self.issuers.at(number);
        if let Validation::Jwt | Validation::Both(_) = self.validation {
            trusted.keys.ready().await?;
        }
        if let Validation::Introspection(_) | Validation::Both(_) = self.validation {
            introspection::endpoint(&trusted.issuer).await?;
        }
        Ok(())
    }
}
