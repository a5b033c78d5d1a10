//! A token that somebody presents to this server: what it is, and whether it lives.

use safeconduct_protocol::{
    error::{Reason, Refusal},
    grant::Grant,
    ids::UserId,
    jose::{self, Algorithm, Audience, Expectation, Typ},
    refresh_token::RefreshToken,
    seal::Kind,
    sealed::Sealed,
    token::{ACCESS_TOKEN_TYP, AccessToken},
};

use crate::{fault::Failure, server::Exchange};

/// A token of ours, signed or sealed by us and not expired.
pub(crate) enum PresentedToken {
    Access(Box<AccessToken>),
    Refresh(RefreshToken),
}

impl PresentedToken {
    /// Opens or verifies `text`; `None` for anything that is not a token of ours in its time.
    pub(crate) fn read(exchange: &Exchange<'_>, text: &str) -> Option<Self> {
        if text.starts_with(Kind::RefreshToken.prefix()) {
            return exchange.open(text).ok().map(Self::Refresh);
        }
        read_access_token(exchange, text).map(|token| Self::Access(Box::new(token)))
    }
}

/// Opens or verifies an access token; `None` for anything else.
pub(crate) fn read_access_token(exchange: &Exchange<'_>, text: &str) -> Option<AccessToken> {
    if text.starts_with(Kind::AccessToken.prefix()) {
        return exchange.open(text).ok();
    }
    let audiences: Vec<&str> = exchange.catalog.audiences(exchange.issuer()).collect();
    let expectation = Expectation::new(
        Typ::OneOf(&[ACCESS_TOKEN_TYP]),
        &Algorithm::ALL,
        exchange.issuer(),
        Audience::AnyOf(&audiences),
    );
    let keys = exchange.catalog.keys.verification();
    let verified = jose::verify(text, &expectation, keys, exchange.now).ok()?;
    let token: AccessToken = verified.deserialize().ok()?;
    token.is_of_era(exchange.era()).ok().map(|()| token)
}

/// Who gave the client what a token says.
pub(crate) enum Giver {
    /// A user.
    User(UserId),
    /// The operator, who registered the client for it.
    Operator,
}

/// Who gave what `token` says, if everything that it rests on still stands (one read, of the store and no copy), and it says nothing else
/// than that.
pub(crate) async fn giver(
    exchange: &Exchange<'_>,
    token: &AccessToken,
) -> Result<Option<Giver>, Failure> {
    let store = exchange.server.store();
    match (token.grant_id, token.client_epoch) {
        (Some(grant), _) => {
            let grant = store
                .introspect_grant(grant, &token.jti, token.era, exchange.now)
                .await?;
            let grant = grant.filter(|grant| says_what_was_granted(exchange, token, grant).is_ok());
            Ok(grant.map(|grant| Giver::User(grant.user)))
        }
        (None, Some(epoch)) => {
            let known = exchange.catalog.client(&token.client_id);
            if known.is_none_or(|known| token.differs_from_own_of(&known.client).is_some()) {
                return Ok(None);
            }
            let is_alive = store
                .client_token_alive(&token.client_id, epoch, &token.jti, token.era)
                .await?;
            Ok(is_alive.then_some(Giver::Operator))
        }
        (None, None) => Ok(None),
    }
}

/// Holds `token` to the row of its grant, which a forger with a stolen signing key can't write.
///
/// # Errors
/// `access-token-refused` with the claim that says something else, for the log.
pub(crate) fn says_what_was_granted(
    exchange: &Exchange<'_>,
    token: &AccessToken,
    grant: &Grant,
) -> Result<(), Refusal> {
    let known = exchange.catalog.client(&grant.client);
    let differs = match known {
        Some(known) => {
            let subjects = exchange.catalog.keys.subjects();
            let subject = subjects.subject(&known.client, &grant.user);
            token.differs_from(grant, &known.client, &subject, exchange.issuer())
        }
        None => Some("client_id"),
    };
    let Some(claim) = differs else {
        return Ok(());
    };
    let grant = grant.id;
    tracing::warn!(%grant, claim, "an access token says something else than its grant");
    Err(Refusal::new(Reason::AccessTokenRefused)
        .because(format!("its {claim} is not that of its grant")))
}
