//! The authorization code (RFC 6749 §4.1.2): sealed, short-lived, useless without the client. Nothing is stored until it is
//! redeemed; redeeming is inserting the grant's row under the id the code carries.

use std::ops::Range;

use crate::{
    authentication::Authentication,
    claims::ClaimsRequest,
    client::Client,
    dpop::Thumbprint,
    encoding,
    error::{Reason, Refusal},
    grant::{Epochs, Grant, Lifetimes, NOTHING_LEFT, NewGrant, one_audience},
    ids::{ClientId, GrantId, SessionId, UserId},
    pkce::CodeChallenge,
    scope::Scope,
    seal::Kind,
    sealed::Sealed,
    time::Timestamp,
    token::CodeExchange,
};

mod compact;

/// How long a grant's row is kept beyond the last moment at which its code could be redeemed, in seconds. A node may sleep between
/// judging a code and writing: what begins to be written more than half of it later is refused by the store, and the other half is
/// for the statement itself.
pub const TOMBSTONE: i64 = 600;

/// What a code seals, in the form of `compact`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The grant it becomes.
    pub grant: GrantId,
    /// This code among the codes of one request (Back, a double click): 128 random bits.
    pub code_id: String,
    /// The history of the database it belongs to.
    pub era: i64,
    /// To whom it was issued.
    pub client: ClientId,
    /// Who allowed it.
    pub user: UserId,
    /// In which browser session.
    pub session: SessionId,
    /// What was in force at Allow.
    pub epochs: Epochs,
    /// SHA-256 of the redirect_uri, base64url.
    pub redirect_uri: String,
    /// The PKCE challenge (RFC 7636), where one was sent.
    pub code_challenge: Option<CodeChallenge>,
    /// What was allowed.
    pub scope: Scope,
    /// For which API.
    pub audience: String,
    /// The request's nonce, for the ID Token.
    pub nonce: Option<String>,
    /// How the user proved who they are.
    pub authentication: Authentication,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The key that its tokens must be bound to.
    pub dpop_jkt: Option<Thumbprint>,
    /// The claims that were asked for one by one.
    pub claims: ClaimsRequest,
}

impl Sealed for AuthorizationCode {
    const KIND: Kind = Kind::AuthorizationCode;
    const NOT_RECOGNISED: Reason = Reason::CodeNotRecognised;
    const NOT_YET: Reason = Reason::CodeNotYetValid;
    const OVER: Reason = Reason::CodeExpired;

    fn era(&self) -> i64 {
        self.era
    }

    /// A node whose clock is a little behind the issuing one sees a code from the future; more than that is no clock of ours.
    fn time(&self, lifetimes: &Lifetimes) -> Range<Timestamp> {
        let end = self.issued_at.plus(lifetimes.code);
        let latest = lifetimes.latest_redemption(self.grant);
        self.issued_at.plus(-30)..end.min(latest.plus(1))
    }
}

impl AuthorizationCode {
    /// Decides whether `client`, which proves to hold `key`, may redeem this code with `exchange`, and what grant that makes.
    /// Whether it is the first to do so is decided by the write that follows.
    ///
    /// # Errors
    /// In this order: another client's, expired, another redirect_uri, PKCE (RFC 6749 §4.1.3, RFC 7636 §4.6), another key or none
    /// (RFC 9449 §10), another resource (RFC 8707 §2.2), a redirect URI that was taken back since, nothing left that the client
    /// may still have. None of them changes anything for the rightful owner.
    pub fn redeem(
        &self,
        client: &Client,
        exchange: &CodeExchange,
        key: Option<&Thumbprint>,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> Result<NewGrant, Refusal> {
        if self.client != client.id {
            return Err(Refusal::new(Reason::CodeOfAnotherClient).because(format!(
                "issued to {}, presented by {}",
                self.client, client.id
            )));
        }
        self.is_current(lifetimes, now)?;
        let sent = exchange
            .redirect_uri
            .as_deref()
            .map(|uri| encoding::sha256_base64url(uri.as_bytes()));
        if sent.as_deref() != Some(self.redirect_uri.as_str()) {
            let detail = if sent.is_some() {
                "another redirect_uri"
            } else {
                "no redirect_uri"
            };
            return Err(Refusal::new(Reason::RedirectUriChanged).because(detail));
        }
        self.prove_possession(exchange)?;
        if self.dpop_jkt.is_some() && self.dpop_jkt.as_ref() != key {
            let detail = if key.is_some() {
                "another key"
            } else {
                "no proof"
            };
            return Err(Refusal::new(Reason::CodeOfAnotherKey).because(detail));
        }
        one_audience(&self.audience, exchange.resource.as_deref())?;
        let redirect_uri = exchange.redirect_uri.as_deref().unwrap_or_default();
        if client.prove_redirect_uri(redirect_uri).is_err() {
            return Err(Refusal::new(Reason::GrantEnded)
                .because("the redirect URI is no longer registered for the client"));
        }
        if self.scope.intersection(&client.scopes).is_empty() {
            return Err(Refusal::new(Reason::GrantEnded).because(NOTHING_LEFT));
        }
        Ok(self.grant_for(client, key, lifetimes, now))
    }

    fn prove_possession(&self, exchange: &CodeExchange) -> Result<(), Refusal> {
        match (&self.code_challenge, &exchange.code_verifier) {
            (Some(challenge), Some(verifier)) if challenge.proven_by(verifier) => Ok(()),
            (Some(_), Some(_)) => Err(Reason::CodeVerifierWrong.into()),
            (Some(_), None) => Err(Reason::CodeVerifierMissing.into()),
            (None, Some(_)) => Err(Reason::CodeVerifierUnexpected.into()),
            (None, None) => Ok(()),
        }
    }

    fn grant_for(
        &self,
        client: &Client,
        key: Option<&Thumbprint>,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> NewGrant {
        // Who can't refresh has one access token; the last refresh gives one more.
        let (life, last_token) = if Grant::is_refreshable(client) {
            (lifetimes.refresh, lifetimes.access_token)
        } else {
            (lifetimes.access_token, 0)
        };
        let expires_at = now.plus(life);
        let redeemable = lifetimes.latest_redemption(self.grant);
        NewGrant {
            id: self.grant,
            code_id: self.code_id.clone(),
            era: self.era,
            client: self.client.clone(),
            user: self.user.clone(),
            session: self.session.clone(),
            scope: self.scope.intersection(&client.scopes),
            audience: self.audience.clone(),
            authentication: self.authentication,
            epochs: self.epochs,
            created_at: now,
            expires_at,
            idle_expires_at: expires_at.min(now.plus(lifetimes.refresh_idle)),
            forget_at: expires_at.plus(last_token).max(redeemable.plus(TOMBSTONE)),
            dpop_jkt: key.cloned(),
            claims: self.claims.within(&client.scopes),
        }
    }
}

/// What the write said about a redemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// This attempt made the grant.
    Won,
    /// The same code had been redeemed: the grant is revoked now (RFC 6749 §4.1.2).
    Replayed,
    /// Another code of the same request had been redeemed; nothing changed.
    Superseded,
    /// User, client, consent or session ended since Allow; nothing was written.
    Ended,
}

/// The columns that settle a redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedeemedRow {
    /// Which attempt made the row.
    pub attempt: String,
    /// Which code bought it.
    pub code_id: String,
    /// Whether the grant is revoked.
    pub revoked: bool,
}

impl Redemption {
    /// Reads the row that the one writing statement returned; no row means that the grant could not be made.
    pub fn settle(row: Option<&RedeemedRow>, attempt: &str, code_id: &str) -> Self {
        match row {
            None => Self::Ended,
            Some(row) if row.code_id != code_id => Self::Superseded,
            Some(row) if row.attempt == attempt && !row.revoked => Self::Won,
            Some(_) => Self::Replayed,
        }
    }

    /// The refusal, unless this attempt won.
    ///
    /// # Errors
    /// `code-redeemed`, `code-superseded`, `grant-ended`: all `invalid_grant`.
    pub fn won(self) -> Result<(), Refusal> {
        match self {
            Self::Won => Ok(()),
            Self::Replayed => Err(Reason::CodeRedeemed.into()),
            Self::Superseded => Err(Reason::CodeSuperseded.into()),
            Self::Ended => Err(Reason::GrantEnded.into()),
        }
    }
}
