//! Keeping a session's access token fresh: ahead of its end, once for all who wait, in one process and across many.
//!
//! Inside the process one refresh serves all waiting tasks. Across processes a lease on the record, taken by compare-and-swap
//! before the request, keeps the others waiting. A lost answer is asked for again with the same refresh token: the server
//! gives the same successor. A successor is stored before anything else of its answer is judged, new tokens before anyone uses
//! them. When to renew is `stored.rs`'s concern.

use std::time::{Duration, Instant};

use safeconduct_issuer::{Answer, GivenBy};
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::KeySet;
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::issuer::metadata::Metadata;
use crate::session::record::{LEASE, Lease, Record};
use crate::session::sessions::Change;
use crate::sign_in::id_token::StoredIdentity;
use crate::store::SessionKey;
use crate::tokens::refreshes::Wanted;
use crate::tokens::request::{Offer, TokenRequest};
use crate::tokens::resource::{Target, TargetName};
use crate::tokens::response::{Successor, Tokens};
use crate::tokens::stored::{Need, Unwanted};

/// How long to wait for another process to renew the tokens: longer than its lease.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// The first and the longest pause between two looks at the record.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_millis(500);
/// An access token that lives shorter than this, in seconds, and cannot be renewed is of no use.
const SHORTEST_LIFE: i64 = 10;
/// How often new tokens are offered to a store that fails, and the pause between.
const STORE_TRIES: u32 = 3;
const STORE_PAUSE: Duration = Duration::from_millis(100);

/// One refresh, from the look at the record to the tokens in the store.
struct Refresh {
    client: Client,
    session: SessionKey,
    /// The API whose token is wanted.
    api: TargetName,
    unwanted: Option<Unwanted>,
    /// A name for this refresh among all processes.
    holder: String,
}

/// What a refresh brought.
struct Renewed {
    tokens: Tokens,
    /// Who they are of, where the answer said so again.
    identity: Option<StoredIdentity>,
}

/// What a look at the record came to.
enum Look {
    /// The tokens are good.
    Good(Record),
    /// This refresh holds the lease.
    Leased(Record),
    /// Another process does.
    Waiting,
}

impl Client {
    /// An access token of the session that is good now. One that is good for a little while is given at once, and renewed
    /// behind the scenes.
    ///
    /// # Errors
    /// [`ErrorKind::SessionEnded`], or whatever kept a new token away; all who wait get the same failure.
    pub(crate) async fn fresh_access_token(
        &self,
        session: &SessionKey,
        api: &TargetName,
        unwanted: Option<Unwanted>,
    ) -> Result<Secret, Error> {
        let held = self.sessions().find(session).await?.ok_or_else(gone)?;
        let record = held.record;
        let hash = |token: &Secret| encoding::sha256(token.expose().as_bytes());
        let (refused, replaced) = match &unwanted {
            None => (None, None),
            Some(Unwanted::Refused(token)) => (Some(hash(token)), None),
            Some(Unwanted::Replaced(token)) => (None, Some(hash(token))),
        };
        let wanted = Wanted {
            session: *session,
            api: api.clone(),
            refused,
            replaced,
        };
        let task = || {
            let refresh = Refresh {
                client: self.clone(),
                session: *session,
                api: api.clone(),
                unwanted: unwanted.clone(),
                holder: random::token(),
            };
            async move { refresh.run().await }
        };
        match (
            record.need(api, unwanted.as_ref(), self.now()),
            record.access(api),
        ) {
            (Need::Nothing, Some(access)) => Ok(access.access_token.clone()),
            (Need::Soon, Some(access)) => {
                if record.tokens.refresh_token.is_some() {
                    self.refreshes().0.start(wanted, task);
                }
                Ok(access.access_token.clone())
            }
            (Need::Now, _) | (_, None) => self.refreshes().0.join(wanted, task).await,
        }
    }
}

impl Refresh {
    async fn run(&self) -> Result<Secret, Error> {
        let renewed = self.renewed().await;
        if let Err(error) = &renewed {
            tracing::warn!(%error, "tokens were not renewed");
        }
        // Another process that was faster may have fetched the token of another API.
        let other = || Error::new(ErrorKind::IssuerBusy, "the tokens were renewed elsewhere");
        let record = renewed?;
        let access = record.access(&self.api).ok_or_else(other)?;
        Ok(access.access_token.clone())
    }

    async fn renewed(&self) -> Result<Record, Error> {
        let begun = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            match self.look().await? {
                Look::Good(record) => return Ok(record),
                Look::Leased(record) => return self.renew(record).await,
                Look::Waiting if begun.elapsed() < LONGEST_WAIT => tokio::time::sleep(pause).await,
                Look::Waiting => {
                    return Err(Error::new(
                        ErrorKind::IssuerBusy,
                        "another process has been renewing the tokens for too long",
                    ));
                }
            }
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }

    /// Reads the record and takes the lease if there is something to do and no process does it.
    async fn look(&self) -> Result<Look, Error> {
        let now = self.client.now();
        let need = |record: &Record| record.need(&self.api, self.unwanted.as_ref(), now);
        let change = self.client.sessions().change(&self.session, |record| {
            let free = need(record) != Need::Nothing && !record.is_leased(&self.holder, now);
            let wanted = free && record.tokens.refresh_token.is_some();
            if wanted {
                record.lease = Some(Lease::new(&self.holder, now));
            }
            wanted
        });
        match change.await? {
            Change::Made(record) => Ok(Look::Leased(record)),
            Change::Unwanted(record) => match need(&record) {
                Need::Nothing | Need::Soon => Ok(Look::Good(record)),
                Need::Now if record.tokens.refresh_token.is_some() => Ok(Look::Waiting),
                // Another token is wanted than one that cannot be renewed: there is no better one.
                Need::Now
                    if self.unwanted.is_some()
                        && record.need(&self.api, None, now) != Need::Now =>
                {
                    Ok(Look::Good(record))
                }
                Need::Now => Err(self.beyond_renewal(&record, now)),
            },
            Change::Gone => Err(gone()),
        }
    }

    async fn renew(&self, record: Record) -> Result<Record, Error> {
        let presented = record
            .tokens
            .refresh_token
            .clone()
            .expect("the lease is taken on records with a refresh token only");
        let refreshing = self.refresh_with(&presented, &record);
        match self.while_renewing_the_lease(refreshing).await {
            Err(error) if error.oauth_error() == Some("invalid_grant") => {
                self.settle_refusal(&presented, error).await
            }
            // A session that ended took its lease along.
            Err(error) if error.kind() != ErrorKind::SessionEnded => {
                self.release_lease().await;
                Err(error)
            }
            settled => settled,
        }
    }

    /// Asks for new tokens with `presented`, judges what comes with them, and keeps them. The refresh token that came in place of
    /// `presented` is kept first, whatever becomes of the rest: `presented` is spent, and at many servers sending it again ends the
    /// grant.
    async fn refresh_with(&self, presented: &Secret, record: &Record) -> Result<Record, Error> {
        let metadata = self.client.metadata().await?;
        if record.identity.is_some() {
            // A refresh token is not spent on an answer that could not be judged.
            self.client.id_token_algorithm(&metadata)?;
            self.client.keys().ready().await?;
        }
        let asked_at = self.client.now();
        let answer = self.ask(&metadata, presented, record).await?;
        let scope = match self.other_api() {
            None => &record.tokens.scope,
            Some(target) => &target.scope,
        };
        let tokens = Tokens::read(&answer, scope, asked_at)
            .and_then(|tokens| tokens.bound_as_asked(record.proof_key.is_some()));
        let needs_no_judgement = |tokens: &Tokens| tokens.id_token.is_none();
        let mut held = presented.clone();
        if !tokens.as_ref().is_ok_and(needs_no_judgement) {
            let successor = Successor::read(&answer, presented);
            if let Some(settled) = self.keep_successor(presented, &successor).await? {
                return Ok(settled);
            }
            if let Successor::Token(successor) = successor {
                held = successor;
            }
        }
        let tokens = tokens?;
        match self.identify(&metadata, record, &tokens).await {
            Ok(identity) => self.keep(&held, Renewed { tokens, identity }).await,
            // Of another user or sign-in: none of it is kept, and the session ends.
            Err(error) if error.kind() == ErrorKind::SessionEnded => {
                self.client.revoke(held.clone());
                self.settle_refusal(&held, error).await
            }
            Err(error) => Err(error),
        }
    }

    /// Asks for new tokens. If the connection broke off, the server may have answered: the same question gets the same answer. An
    /// answer that came is never asked for again, however odd it is, and after a time-out there is no second try at once: the next
    /// refresh makes it.
    async fn ask(
        &self,
        metadata: &Metadata,
        presented: &Secret,
        record: &Record,
    ) -> Result<Answer, Error> {
        let request = || {
            let scope = self.other_api().map(|target| &target.scope);
            let offer = Offer::RefreshToken(presented, scope);
            let requester = self.client.requester_for(&self.api);
            let now = self.client.now();
            TokenRequest::for_token(&metadata.token_endpoint, &requester, &offer, now)
        };
        let key = record.proof_key.as_ref();
        let begun = Instant::now();
        match self.client.send_proven(key, request).await {
            Err(error) if is_lost(&error) && begun.elapsed() < self.client.http().timeout() / 2 => {
                tracing::info!(%error, "the answer to a refresh was lost; asking again");
                self.client.send_proven(key, request).await
            }
            answered => answered,
        }
    }

    /// The API whose token is wanted, where that is not the one that the sign-in asked for.
    fn other_api(&self) -> Option<&Target> {
        self.api.as_ref()?;
        self.client.targets().named(&self.api)
    }

    /// Why a session without a refresh token has no access token any more. One that was never good is not worth another sign-in: that
    /// would go round in circles.
    fn beyond_renewal(&self, record: &Record, now: Timestamp) -> Error {
        if let Some(name) = &self.api {
            return Error::configuration(format!(
                "a token for `{name}` is bought with a refresh token, and there is none; ask for offline_access"
            ));
        }
        if now.since(record.tokens.received) < SHORTEST_LIFE {
            return Error::new(
                ErrorKind::TokenResponse,
                "the server gives access tokens that are over at once",
            );
        }
        Error::new(
            ErrorKind::SessionEnded,
            "the access token ended and there is no refresh token; ask for offline_access",
        )
    }

    /// Who the new tokens are of, if they come with an ID Token: the same user as before (OpenID Connect Core §12.2).
    async fn identify(
        &self,
        metadata: &Metadata,
        record: &Record,
        tokens: &Tokens,
    ) -> Result<Option<StoredIdentity>, Error> {
        let (Some(token), Some(before)) = (&tokens.id_token, &record.identity) else {
            return Ok(None);
        };
        let algorithm = self.client.id_token_algorithm(metadata)?;
        let rules = self.client.id_token_rules(algorithm, &tokens.access_token);
        let judgement = |keys: &KeySet| rules.at_refresh(token, before, keys, self.client.now());
        self.client
            .judge(algorithm, token.expose(), GivenBy::Issuer, judgement)
            .await
            .map(Some)
    }

    /// Runs `request` to its end, however long the lease would have lasted.
    async fn while_renewing_the_lease<T>(&self, request: impl Future<Output = T>) -> T {
        let third = Duration::from_secs(LEASE.unsigned_abs() / 3);
        let mut request = std::pin::pin!(request);
        loop {
            match tokio::time::timeout(third, &mut request).await {
                Ok(done) => return done,
                Err(_) => self.renew_lease().await,
            }
        }
    }

    async fn renew_lease(&self) {
        let now = self.client.now();
        let renewed = self.client.sessions().change(&self.session, |record| {
            let ours = record
                .lease
                .as_ref()
                .is_some_and(|lease| lease.holder == self.holder);
            record.lease = Some(Lease::new(&self.holder, now));
            ours
        });
        if let Err(error) = renewed.await {
            tracing::warn!(%error, "the lease on a session could not be renewed");
        }
    }

    async fn release_lease(&self) {
        let released = self.client.sessions().change(&self.session, |record| {
            let ours = record
                .lease
                .as_ref()
                .is_some_and(|lease| lease.holder == self.holder);
            record.lease = None;
            ours
        });
        if let Err(error) = released.await {
            tracing::warn!(%error, "the lease on a session could not be released; it ends by itself");
        }
    }

    /// Stores the refresh token that came in place of `presented`; the session is still leased. Gives the record if another
    /// process was faster: its tokens stand.
    async fn keep_successor(
        &self,
        presented: &Secret,
        successor: &Successor,
    ) -> Result<Option<Record>, Error> {
        let next = match successor {
            Successor::None => return Ok(None),
            Successor::Token(token) => Some(token),
            Successor::Unusable => {
                tracing::warn!(
                    "the server gave something that is no refresh token; the session ends with its access token"
                );
                None
            }
        };
        let kept = self.write(presented, |record| {
            record.tokens.refresh_token = next.cloned();
        });
        match kept.await? {
            Change::Made(_) => Ok(None),
            Change::Unwanted(record) => Ok(Some(record)),
            Change::Gone => {
                next.map(|token| self.client.revoke(token.clone()));
                Err(gone())
            }
        }
    }

    /// Stores new tokens in place of the refresh token `held`. If another process was faster, its tokens stand.
    async fn keep(&self, held: &Secret, renewed: Renewed) -> Result<Record, Error> {
        let Renewed { tokens, identity } = renewed;
        let kept = self.write(held, |record| {
            let refused = matches!(self.unwanted, Some(Unwanted::Refused(_)));
            record.renew(&self.api, tokens.clone(), refused);
            record.identity = identity.clone().or(record.identity.take());
            record.lease = None;
        });
        match kept.await? {
            Change::Made(record) => {
                tracing::info!(session = record.id, "tokens were renewed");
                Ok(record)
            }
            Change::Unwanted(record) => Ok(record),
            Change::Gone => {
                // Signed out in the meantime: what just came must not outlive that.
                tokens.refresh_token.map(|token| self.client.revoke(token));
                Err(gone())
            }
        }
    }

    /// Changes the record while it holds the refresh token `held`. A store that stumbles is tried again.
    async fn write(&self, held: &Secret, change: impl Fn(&mut Record)) -> Result<Change, Error> {
        let mut tries = 0;
        loop {
            let written = self.client.sessions().change(&self.session, |record| {
                let unchanged = record.tokens.refresh_token.as_ref() == Some(held);
                change(record);
                unchanged
            });
            tries += 1;
            match written.await {
                Err(error) if tries < STORE_TRIES => {
                    tracing::warn!(%error, "new tokens could not be stored; trying again");
                    tokio::time::sleep(STORE_PAUSE * tries).await;
                }
                written => return written,
            }
        }
    }

    /// The refresh token `presented` is good for nothing. Either another process has used it and stored what it got, or the grant is
    /// dead and the session with it.
    async fn settle_refusal(&self, presented: &Secret, refusal: Error) -> Result<Record, Error> {
        let spent = |record: &Record| record.tokens.refresh_token.as_ref() == Some(presented);
        if let Some(record) = self.client.sessions().end_if(&self.session, spent).await? {
            tracing::info!(session = record.id, error = %refusal, "what a session rested on has ended");
            return Err(match refusal.kind() {
                ErrorKind::SessionEnded => refusal,
                _ => Error::new(ErrorKind::SessionEnded, refusal.to_string()).with_source(refusal),
            });
        }
        let renewed = self.client.sessions().find(&self.session).await?;
        renewed.map(|held| held.record).ok_or_else(gone)
    }
}

/// Whether the server may have acted without us hearing of it.
fn is_lost(error: &Error) -> bool {
    error.kind() == ErrorKind::IssuerUnreachable
}

fn gone() -> Error {
    Error::new(ErrorKind::SessionEnded, "the session is gone")
}
