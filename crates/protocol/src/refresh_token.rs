//! The refresh token (RFC 6749 §6): sealed, a grant's id and a generation. Each use gives the next generation; a lost answer
//! gives the same one again; an old one ends the grant (RFC 9700 §4.14.2).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    client::{Client, RefreshShared},
    dpop::Thumbprint,
    error::{Reason, Refusal},
    grant::{Grant, Lifetimes, NOTHING_LEFT, one_audience},
    ids::{ClientId, GrantId},
    scope::{OFFLINE_ACCESS, Scope},
    seal::Kind,
    sealed::{Sealed, until},
    time::Timestamp,
    token::RefreshExchange,
};

/// What a refresh token seals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    /// The grant it belongs to.
    #[serde(rename = "g")]
    pub grant: GrantId,
    /// Its number in the grant's chain, from 0.
    #[serde(rename = "n")]
    pub generation: i64,
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    pub era: i64,
    /// To whom it was issued.
    #[serde(rename = "c")]
    pub client: ClientId,
    /// When the grant's refresh tokens end, whatever happens.
    #[serde(rename = "x")]
    pub expires_at: Timestamp,
}

impl RefreshToken {
    /// The token that `grant` gives next.
    pub fn of(grant: &Grant, era: i64) -> Self {
        Self {
            grant: grant.id,
            generation: grant.generation,
            era,
            client: grant.client.clone(),
            expires_at: grant.expires_at,
        }
    }

    /// Refuses a token that is another client's or has passed its absolute end, before the store is asked.
    ///
    /// # Errors
    /// `refresh-token-of-another-client`, `refresh-token-expired`; nothing changes for the rightful owner.
    pub fn present(
        &self,
        client: &Client,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.client != client.id {
            return Err(
                Refusal::new(Reason::RefreshTokenOfAnotherClient).because(format!(
                    "issued to {}, presented by {}",
                    self.client, client.id
                )),
            );
        }
        self.is_current(lifetimes, now)
    }
}

impl Sealed for RefreshToken {
    const KIND: Kind = Kind::RefreshToken;
    const NOT_RECOGNISED: Reason = Reason::RefreshTokenNotRecognised;
    const OVER: Reason = Reason::RefreshTokenExpired;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, _: &Lifetimes) -> Range<Timestamp> {
        until(self.expires_at)
    }
}

/// How many generations in a row are asked for again until it is reported that two holders may use one chain. A client that loses
/// an answer now and then does not come near it.
pub const SHARED_REPORTED: i64 = 5;
/// How many until the grant ends, where the client is registered for that.
pub const SHARED_REVOKED: i64 = 10;

/// The rule of rotation for one use of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The generation that is presented.
    pub presented: i64,
    /// How long ago the current generation was made may be at most, for a retry; `None`: no limit, for sender-bound tokens.
    pub retry_window: Option<i64>,
    /// With how many generations asked for again in a row the grant ends; `None`: it is only reported.
    pub shared_limit: Option<i64>,
    /// Now.
    pub now: Timestamp,
}

/// The state of a grant that rotation looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshState {
    /// The current generation.
    pub generation: i64,
    /// When it was made.
    pub rotated_at: Timestamp,
    /// When it ends if it is not used.
    pub idle_expires_at: Timestamp,
    /// Whether the grant lives: not revoked, and user, client, consent and session are what they were.
    pub alive: bool,
    /// What was given again so far.
    pub retried: Retried,
}

/// Which generations were given again, as far as they follow one another: two holders who refresh in step, each within the retry
/// window of the other, ask for every generation twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retried {
    /// The last generation that was given again.
    pub last: Option<i64>,
    /// How many in a row, up to that one, were.
    pub in_a_row: i64,
}

impl Retried {
    /// With `generation` given again: how often does not matter, and one generation in between that was not begins anew.
    #[must_use]
    pub fn with(self, generation: i64) -> Self {
        let in_a_row = match self.last {
            Some(last) if last == generation => self.in_a_row,
            Some(last) if last == generation - 1 => self.in_a_row + 1,
            _ => 1,
        };
        Self {
            last: Some(generation),
            in_a_row,
        }
    }
}

/// What one use of a refresh token does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshDecision {
    /// The presented token was current: the next generation is current now.
    Rotate,
    /// The presented token's successor was never used: the same successor is given again. Nothing forks, nothing is extended.
    Retry,
    /// The same, and by now so many generations in a row were given again that two holders may use the chain: it is reported, once.
    RetryReported,
    /// So many generations in a row were given again that the client's registration has the grant revoked.
    Shared,
    /// The presented token was replaced and its successor used: the grant is revoked.
    Reuse,
    /// The presented token was replaced, and its successor, which was never used, is too old to be given again: the grant is revoked.
    RetriedLate,
    /// The grant has ended.
    Dead,
    /// The token was not used in time.
    Expired,
    /// The token is from a history this database does not have.
    LostHistory,
}

impl Rotation {
    /// A use of `token`, which belongs to `grant`, by `client`. A token is bound to its sender by the client's credentials, or by
    /// a key.
    pub fn new(
        token: &RefreshToken,
        grant: &Grant,
        client: &Client,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> Self {
        let sender_bound = !client.is_public() || grant.dpop_jkt.is_some();
        let retry_window = (!sender_bound).then_some(lifetimes.refresh_retry_window);
        let ends = client.refresh_shared == RefreshShared::Revoke;
        Self {
            presented: token.generation,
            retry_window,
            shared_limit: ends.then_some(SHARED_REVOKED),
            now,
        }
    }

    /// The decision. The store makes the same one inside its one UPDATE; a test holds the two together.
    pub fn decide(&self, state: &RefreshState) -> RefreshDecision {
        let behind = state.generation - self.presented;
        let in_window = self
            .retry_window
            .is_none_or(|window| self.now.since(state.rotated_at) <= window);
        match behind {
            _ if !state.alive => RefreshDecision::Dead,
            ..0 => RefreshDecision::LostHistory,
            0 | 1 if self.now >= state.idle_expires_at => RefreshDecision::Expired,
            0 => RefreshDecision::Rotate,
            1 if in_window => self.retry(state),
            1 => RefreshDecision::RetriedLate,
            _ => RefreshDecision::Reuse,
        }
    }

    fn retry(&self, state: &RefreshState) -> RefreshDecision {
        let retried = state.retried.with(state.generation);
        let is_first = retried != state.retried;
        if (self.shared_limit).is_some_and(|limit| retried.in_a_row >= limit) {
            RefreshDecision::Shared
        } else if is_first && retried.in_a_row == SHARED_REPORTED {
            RefreshDecision::RetryReported
        } else {
            RefreshDecision::Retry
        }
    }
}

impl RefreshDecision {
    /// The refusal, unless tokens may be minted.
    ///
    /// # Errors
    /// `refresh-token-reused`, `refresh-token-retried-late`, `refresh-token-shared`, `grant-ended`, `refresh-token-expired`,
    /// `refresh-token-from-lost-history`: all `invalid_grant`.
    pub fn permits(self) -> Result<(), Refusal> {
        match self {
            Self::Rotate | Self::Retry | Self::RetryReported => Ok(()),
            Self::Reuse => Err(Reason::RefreshTokenReused.into()),
            Self::RetriedLate => Err(Reason::RefreshTokenRetriedLate.into()),
            Self::Shared => Err(Reason::RefreshTokenShared.into()),
            Self::Dead => Err(Reason::GrantEnded.into()),
            Self::Expired => Err(Reason::RefreshTokenExpired.into()),
            Self::LostHistory => Err(Reason::RefreshTokenFromLostHistory.into()),
        }
    }
}

/// What one refresh asks its access token to be narrowed to (RFC 6749 §6, RFC 8707 §2.2), if it proves a key that will do. The
/// grant itself never changes.
///
/// A grant whose tokens are bound gives none that are not. A client without credentials must prove the key it began with, and
/// none if it began without; one with credentials may come with a new one (RFC 9449 §5).
///
/// # Errors
/// `refresh-token-of-another-key`, `scope-exceeds-grant`, `resource-exceeds-grant`, `scope-not-registered` where the client lost all it asks for, `grant-ended`
/// where it lost all that was granted, or the right to act while the user is away.
pub fn narrow(
    grant: &Grant,
    client: &Client,
    exchange: &RefreshExchange,
    key: Option<&Thumbprint>,
) -> Result<Scope, Refusal> {
    let because = |detail| Refusal::new(Reason::RefreshTokenOfAnotherKey).because(detail);
    match (&grant.dpop_jkt, key) {
        (Some(_), None) => return Err(because("no proof")),
        (Some(bound), Some(key)) if bound != key && client.is_public() => {
            return Err(because("another key"));
        }
        // The successor would have to be bound (§5), and what binds it is the grant, which never changes.
        (None, Some(_)) if client.is_public() => return Err(because("no key from the start")),
        _ => {}
    }
    one_audience(&grant.audience, exchange.resource.as_deref())?;
    let asked = exchange.scope.as_ref();
    if let Some(asked) = asked.filter(|asked| !asked.is_within(&grant.scope)) {
        return Err(
            Refusal::new(Reason::ScopeExceedsGrant).because(asked.without(&grant.scope).briefly())
        );
    }
    let held = grant.scope_for(client, None);
    let no_longer_offline = grant.scope.contains(OFFLINE_ACCESS) && !held.contains(OFFLINE_ACCESS);
    if held.is_empty() || no_longer_offline {
        return Err(Refusal::new(Reason::GrantEnded).because(NOTHING_LEFT));
    }
    let scope = grant.scope_for(client, asked);
    if scope.is_empty() {
        return Err(Refusal::new(Reason::ScopeNotRegistered)
            .because("what is asked for is no longer registered for the client"));
    }
    Ok(scope)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::current(3, 3, 1_000, RefreshDecision::Rotate)]
    #[case::lost_answer(2, 3, 1_000, RefreshDecision::Retry)]
    #[case::at_the_end_of_the_window(2, 3, 1_060, RefreshDecision::Retry)]
    #[case::after_the_window(2, 3, 1_061, RefreshDecision::RetriedLate)]
    #[case::older(1, 3, 1_000, RefreshDecision::Reuse)]
    #[case::ahead(4, 3, 1_000, RefreshDecision::LostHistory)]
    #[case::idle(3, 3, 9_000, RefreshDecision::Expired)]
    #[case::an_old_one_is_a_reuse_however_late(1, 3, 9_000, RefreshDecision::Reuse)]
    fn one_use_of_a_token_decides(
        #[case] presented: i64,
        #[case] current: i64,
        #[case] now: i64,
        #[case] decision: RefreshDecision,
    ) {
        let at = Timestamp::from_seconds;
        let state = RefreshState {
            generation: current,
            rotated_at: at(1_000),
            idle_expires_at: at(9_000),
            alive: true,
            retried: Retried::default(),
        };
        let rotation = Rotation {
            presented,
            retry_window: Some(60),
            shared_limit: None,
            now: at(now),
        };
        assert_eq!(rotation.decide(&state), decision);
        let dead = RefreshState {
            alive: false,
            ..state
        };
        assert_eq!(rotation.decide(&dead), RefreshDecision::Dead);
    }

    #[rstest]
    #[case::none_before(None, 0, RefreshDecision::Retry, RefreshDecision::Retry)]
    #[case::the_fourth(Some(6), 3, RefreshDecision::Retry, RefreshDecision::Retry)]
    #[case::the_fifth(
        Some(6),
        4,
        RefreshDecision::RetryReported,
        RefreshDecision::RetryReported
    )]
    #[case::the_fifth_again(Some(7), 5, RefreshDecision::Retry, RefreshDecision::Retry)]
    #[case::the_ninth(Some(6), 8, RefreshDecision::Retry, RefreshDecision::Retry)]
    #[case::the_tenth(Some(6), 9, RefreshDecision::Retry, RefreshDecision::Shared)]
    #[case::beyond(Some(7), 12, RefreshDecision::Retry, RefreshDecision::Shared)]
    #[case::one_in_between(Some(5), 9, RefreshDecision::Retry, RefreshDecision::Retry)]
    fn generations_given_again_in_a_row_are_reported_and_end_where_the_client_says(
        #[case] last: Option<i64>,
        #[case] in_a_row: i64,
        #[case] by_default: RefreshDecision,
        #[case] to_be_revoked: RefreshDecision,
    ) {
        let now = Timestamp::from_seconds(1_000);
        let state = RefreshState {
            generation: 7,
            rotated_at: now,
            idle_expires_at: now.plus(1),
            alive: true,
            retried: Retried { last, in_a_row },
        };
        let decide = |shared_limit| {
            let rotation = Rotation {
                presented: 6,
                retry_window: Some(60),
                shared_limit,
                now,
            };
            rotation.decide(&state)
        };
        assert_eq!(decide(None), by_default);
        assert_eq!(decide(Some(SHARED_REVOKED)), to_be_revoked);
    }

    /// Attacks: F06.
    #[test]
    fn a_sender_bound_retry_has_no_time_limit() {
        let at = Timestamp::from_seconds;
        let state = RefreshState {
            generation: 1,
            rotated_at: at(0),
            idle_expires_at: at(900_000),
            alive: true,
            retried: Retried::default(),
        };
        let rotation = Rotation {
            presented: 0,
            retry_window: None,
            shared_limit: None,
            now: at(800_000),
        };
        assert_eq!(rotation.decide(&state), RefreshDecision::Retry);
    }
}
