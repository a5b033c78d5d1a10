//! Telling the issuer that a refresh token is not needed any more (RFC 7009).

use std::time::Duration;

use safeconduct_protocol::secret::Secret;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::tokens::request::TokenRequest;

/// How long a user who signs out waits for the issuer to be told, which it is in any case.
const LONGEST_WAIT_AT_LOGOUT: Duration = Duration::from_secs(3);

impl Client {
    /// Tells the server that a refresh token is not needed any more (RFC 7009), as well as that can be done: it runs on when
    /// the caller is gone, ends with the HTTP time-out, and a failure is logged.
    pub(crate) fn revoke(&self, refresh_token: Secret) -> JoinHandle<()> {
        let client = self.clone();
        tokio::spawn(async move {
            match client.try_revoke(&refresh_token).await {
                Ok(()) => tracing::debug!("the refresh token was revoked"),
                Err(error) => tracing::warn!(%error, "the refresh token could not be revoked"),
            }
        })
    }

    /// As [`Client::revoke`], waiting a little for the outcome.
    pub(crate) async fn revoke_and_wait(&self, refresh_token: Secret) {
        let telling = self.revoke(refresh_token);
        self.wait_for_revocation(telling).await;
    }

    /// Waits a little for the outcome of a revocation.
    pub(crate) async fn wait_for_revocation(&self, telling: JoinHandle<()>) {
        if tokio::time::timeout(LONGEST_WAIT_AT_LOGOUT, telling)
            .await
            .is_err()
        {
            tracing::warn!("the server is slow to take a revocation; it goes on in the background");
        }
    }

    /// Tells the server that a refresh token is not needed any more (RFC 7009 §2.1), and waits for its answer. A server without such an
    /// endpoint is told nothing.
    ///
    /// # Errors
    /// Those of a request to the server; [`ErrorKind::TokenRefused`].
    pub(crate) async fn try_revoke(&self, refresh_token: &Secret) -> Result<(), Error> {
        let metadata = self.metadata().await?;
        let Some(endpoint) = &metadata.revocation_endpoint else {
            return Ok(());
        };
        let request =
            TokenRequest::for_revocation(endpoint, &self.requester(), refresh_token, self.now())?;
        let answer = request.send(self).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        let detail = format!("the revocation endpoint answered {}", answer.status);
        Err(Error::new(ErrorKind::TokenRefused, detail))
    }
}
