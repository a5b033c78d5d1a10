//! A grant: what a user allowed a client. It is what lives, ends and is revoked; tokens are only its shadows.

use crate::{
    authentication::Authentication,
    claims::ClaimsRequest,
    client::{Client, GrantType},
    difference::{self, Port},
    dpop::Thumbprint,
    error::{Reason, Refusal},
    ids::{ClientId, GrantId, SessionId, UserId},
    resource::Resources,
    scope::{OFFLINE_ACCESS, Scope},
    time::Timestamp,
};

/// How long things live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// From the first redirect until the user has answered.
    pub pending: i64,
    /// An authorization code (RFC 6749 §4.1.2): 10 to 600.
    pub code: i64,
    /// An access token.
    pub access_token: i64,
    /// A grant's refresh tokens, counted from the redemption; rotation never extends it.
    pub refresh: i64,
    /// A refresh token that is not used.
    pub refresh_idle: i64,
    /// How long a public client may present the token before the current one again, after a lost answer.
    pub refresh_retry_window: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            pending: 15 * 60,
            code: 60,
            access_token: 5 * 60,
            refresh: 30 * 24 * 3600,
            refresh_idle: 7 * 24 * 3600,
            refresh_retry_window: 60,
        }
    }
}

impl Lifetimes {
    /// After this time nothing that carries the id of a grant without a row is accepted.
    pub fn latest_redemption(&self, grant: GrantId) -> Timestamp {
        grant.born().plus(self.pending + self.code)
    }
}

/// What was in force when the user said yes. Each is raised to end everything that rests on it; none is ever lowered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// Raised when the user is locked, changes the password or is deleted.
    pub user: i64,
    /// Raised when the client is disabled or deleted.
    pub client: i64,
    /// Raised when the user withdraws consent.
    pub consent: i64,
}

/// A grant about to be made: the row that redeeming a code inserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// The id chosen when the request arrived.
    pub id: GrantId,
    /// Which of the request's codes bought it.
    pub code_id: String,
    /// The history of the database it belongs to.
    pub era: i64,
    /// To whom.
    pub client: ClientId,
    /// By whom.
    pub user: UserId,
    /// In which browser session.
    pub session: SessionId,
    /// What was allowed.
    pub scope: Scope,
    /// For which API (RFC 8707), or the issuer.
    pub audience: String,
    /// How the user proved who they are.
    pub authentication: Authentication,
    /// What it rests on.
    pub epochs: Epochs,
    /// When the code was redeemed.
    pub created_at: Timestamp,
    /// When its last refresh token ends, whatever happens; the last access token's end for clients that can't refresh.
    pub expires_at: Timestamp,
    /// When its first refresh token ends if it is not used.
    pub idle_expires_at: Timestamp,
    /// When the row may be forgotten.
    pub forget_at: Timestamp,
    /// The key that its tokens are bound to.
    pub dpop_jkt: Option<Thumbprint>,
    /// The claims that were asked for one by one.
    pub claims: ClaimsRequest,
}

impl Grant {
    /// Whether it outlives the browser session it came from.
    pub fn is_offline(&self) -> bool {
        self.scope.contains(OFFLINE_ACCESS)
    }
}

impl NewGrant {
    /// Whether the grant outlives the browser session it came from.
    pub fn is_offline(&self) -> bool {
        self.scope.contains(OFFLINE_ACCESS)
    }
}

/// A grant as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// To whom.
    pub client: ClientId,
    /// By whom.
    pub user: UserId,
    /// What was allowed; each mint intersects it with what the client may have by then.
    pub scope: Scope,
    /// For which API, or the issuer.
    pub audience: String,
    /// How the user proved who they are.
    pub authentication: Authentication,
    /// The number of the refresh token that is current.
    pub generation: i64,
    /// When its last refresh token ends, whatever happens.
    pub expires_at: Timestamp,
    /// When the current refresh token ends if it is not used.
    pub idle_expires_at: Timestamp,
    /// The browser session it came from.
    pub session: SessionId,
    /// The key that its tokens are bound to.
    pub dpop_jkt: Option<Thumbprint>,
    /// The claims that were asked for one by one.
    pub claims: ClaimsRequest,
}

impl Grant {
    /// The grant that `new` became.
    pub fn of(new: &NewGrant) -> Self {
        Self {
            id: new.id,
            client: new.client.clone(),
            user: new.user.clone(),
            scope: new.scope.clone(),
            audience: new.audience.clone(),
            authentication: new.authentication,
            generation: 0,
            expires_at: new.expires_at,
            idle_expires_at: new.idle_expires_at,
            session: new.session.clone(),
            dpop_jkt: new.dpop_jkt.clone(),
            claims: new.claims.clone(),
        }
    }

    /// What a token minted now may carry: what was granted, as far as the client may still have it, narrowed to `asked`.
    pub fn scope_for(&self, client: &Client, asked: Option<&Scope>) -> Scope {
        let held = self.scope.intersection(&client.scopes);
        asked.map_or_else(|| held.clone(), |asked| held.intersection(asked))
    }

    /// Refuses a grant for an API that is gone from this server, or that the client has no scope of any more. Every mint asks.
    ///
    /// # Errors
    /// `grant-ended`.
    pub fn for_a_known_api(
        &self,
        client: &Client,
        resources: &Resources,
        issuer: &str,
    ) -> Result<(), Refusal> {
        if client.may_target(&self.audience, resources, issuer) {
            return Ok(());
        }
        Err(Refusal::new(Reason::GrantEnded)
            .because(format!("no tokens for {} any more", self.audience)))
    }

    /// Whether `client` is given refresh tokens for it.
    pub fn is_refreshable(client: &Client) -> bool {
        client.may_use(GrantType::RefreshToken)
    }
}

/// The private detail of a grant that its client may have nothing of any more.
pub(crate) const NOTHING_LEFT: &str = "nothing that was granted is still registered for the client";

/// Refuses a `resource` that is not the one that was granted: a token request may narrow, never change (RFC 8707 §2.2).
///
/// # Errors
/// `resource-exceeds-grant`.
pub(crate) fn one_audience(granted: &str, asked: Option<&str>) -> Result<(), Refusal> {
    match asked {
        Some(asked) if asked != granted => Err(Refusal::new(Reason::ResourceExceedsGrant).because(
            difference::to_the_closest([granted].into_iter(), asked, Port::Exact),
        )),
        _ => Ok(()),
    }
}
