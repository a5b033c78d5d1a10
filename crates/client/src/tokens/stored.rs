//! Tokens as they are kept: when they need renewing, and what another one is wanted for.
//!
//! Rules only, as values; renewing is `refresh.rs`'s and `client_credentials.rs`'s concern.

use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::tokens::response::Tokens;

/// A refresh is at hand this many seconds before the access token ends, or at four fifths of its life, whichever is earlier.
const AHEAD: i64 = 60;
/// An access token this close to its end, in seconds, would end on the way.
const ON_THE_WAY: i64 = 5;
/// An API that goes on refusing gets a new token once in so many seconds.
const BETWEEN_REFUSALS: i64 = 60;

/// The tokens of a session.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredTokens {
    #[serde(serialize_with = "exposed")]
    pub(crate) access_token: Secret,
    #[serde(default, serialize_with = "perhaps_exposed")]
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) received: Timestamp,
    pub(crate) scope: Scope,
    /// When they were last renewed because an API refused them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Timestamp>,
}

/// An access token that another one is wanted for, though it is not over.
#[derive(Clone)]
pub(crate) enum Unwanted {
    /// An API refused it.
    Refused(Secret),
    /// The app asks for another one.
    Replaced(Secret),
}

/// What the tokens need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The access token is good.
    Nothing,
    /// It is good, but not for long.
    Soon,
    /// It must be renewed before it is used.
    Now,
}

impl StoredTokens {
    pub(crate) fn new(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires: tokens.expires_at,
            received: tokens.received_at,
            scope: tokens.scope,
            refused: None,
        }
    }

    /// What is to be done before the access token is used, or, if another one than `unwanted` is asked for, used again.
    pub(crate) fn need(&self, unwanted: Option<&Unwanted>, now: Timestamp) -> Need {
        let ended = self
            .expires
            .is_some_and(|end| end <= now.plus(self.on_the_way()));
        let rejected_lately = self
            .refused
            .is_some_and(|at| now.since(at) < BETWEEN_REFUSALS);
        let rejected = unwanted.is_some_and(|unwanted| match unwanted {
            Unwanted::Refused(token) => *token == self.access_token && !rejected_lately,
            Unwanted::Replaced(token) => *token == self.access_token,
        });
        if ended || rejected {
            Need::Now
        } else if self.due().is_some_and(|due| due <= now) {
            Need::Soon
        } else {
            Need::Nothing
        }
    }

    /// Puts renewed tokens in place of these. A server that does not rotate gives no refresh token: the old one stays.
    pub(crate) fn renew(&mut self, tokens: Tokens, after_refusal: bool) {
        let renewed = Self::new(tokens);
        let refused = after_refusal.then_some(renewed.received).or(self.refused);
        *self = Self {
            refresh_token: renewed.refresh_token.or(self.refresh_token.take()),
            refused,
            ..renewed
        };
    }

    /// When to renew: ahead of the end, but never in the first half of a token's life, lest a short-lived one is renewed at
    /// every use.
    fn due(&self) -> Option<Timestamp> {
        let end = self.expires?;
        let life = end.since(self.received);
        let ahead = (life / 5 * 4).min(life - AHEAD);
        Some(self.received.plus(ahead.max(life / 2)))
    }

    fn on_the_way(&self) -> i64 {
        let life = self.expires.map_or(0, |end| end.since(self.received));
        ON_THE_WAY.min(life / 10)
    }
}

/// Writes a secret into what is about to be sealed.
pub(crate) fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// The same, where there may be none.
pub(crate) fn perhaps_exposed<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tokens::response::TokenType;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn tokens(life: Option<i64>) -> StoredTokens {
        StoredTokens::new(answer("at", Some("rt"), life, NOW))
    }

    fn answer(access: &str, refresh: Option<&str>, life: Option<i64>, at: Timestamp) -> Tokens {
        Tokens {
            access_token: Secret::new(access),
            token_type: TokenType::Bearer,
            id_token: None,
            expires_at: life.map(|life| at.plus(life)),
            refresh_token: refresh.map(Secret::new),
            scope: Scope::default(),
            received_at: at,
        }
    }

    #[rstest]
    #[case::an_hour(3600, 2880, 3595)]
    #[case::five_minutes(300, 240, 295)]
    #[case::two_minutes(120, 60, 115)]
    #[case::one_minute(60, 30, 55)]
    #[case::ten_seconds(10, 5, 9)]
    #[case::no_life_at_all(0, 0, 0)]
    fn renewal_comes_ahead_of_the_end(#[case] life: i64, #[case] soon: i64, #[case] end: i64) {
        let tokens = tokens(Some(life));
        let need = |after: i64| tokens.need(None, NOW.plus(after));
        if soon < end {
            assert_eq!((need(soon - 1), need(soon)), (Need::Nothing, Need::Soon));
            assert_eq!(need(end - 1), Need::Soon);
        }
        assert_eq!(need(end), Need::Now);
    }

    #[test]
    fn a_token_of_unknown_life_is_renewed_when_it_is_refused() {
        let tokens = tokens(None);
        let later = NOW.plus(1_000_000);
        assert_eq!(tokens.need(None, later), Need::Nothing);
        for unwanted in [Unwanted::Refused, Unwanted::Replaced] {
            let need = |token| tokens.need(Some(&unwanted(Secret::new(token))), later);
            assert_eq!((need("at"), need("older")), (Need::Now, Need::Nothing));
        }
    }

    #[test]
    fn an_api_that_goes_on_refusing_gets_one_new_token_a_minute() {
        let mut tokens = tokens(Some(3600));
        tokens.renew(answer("at2", None, Some(3600), NOW), true);
        let refused = Unwanted::Refused(Secret::new("at2"));
        let replaced = Unwanted::Replaced(Secret::new("at2"));
        assert_eq!(tokens.need(Some(&replaced), NOW.plus(1)), Need::Now);
        assert_eq!(tokens.need(Some(&refused), NOW.plus(59)), Need::Nothing);
        assert_eq!(tokens.need(Some(&refused), NOW.plus(60)), Need::Now);
        assert_eq!(
            tokens.refresh_token.unwrap().expose(),
            "rt",
            "no rotation keeps the old one"
        );
    }
}
