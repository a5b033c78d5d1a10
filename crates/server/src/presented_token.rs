//! A token that somebody presents to this server: what it is, and whether it lives.

use safeconduct_protocol::{
    jose::{self, Algorithm, Audience, Expectation, Typ},
    refresh_token::RefreshToken,
    seal::Kind,
    token::{ACCESS_TOKEN_TYP, AccessToken},
};

use crate::{fault::Failure, server::Exchange};

/// A token of ours, signed or sealed by us and not expired.
pub(crate) enum PresentedToken {
    Access(AccessToken),
    Refresh(RefreshToken),
}

impl PresentedToken {
    /// Opens or verifies `text`; `None` for anything that is not a token of ours in its time.
    pub(crate) fn read(exchange: &Exchange<'_>, text: &str) -> Option<Self> {
        if text.starts_with(Kind::RefreshToken.prefix()) {
            let token: RefreshToken = exchange.seal().open(Kind::RefreshToken, text).ok()?;
            return (token.era == exchange.era()).then_some(Self::Refresh(token));
        }
        read_access_token(exchange, text).map(Self::Access)
    }
}

/// Opens or verifies an access token; `None` for anything else.
pub(crate) fn read_access_token(exchange: &Exchange<'_>, text: &str) -> Option<AccessToken> {
    let token = if text.starts_with(Kind::AccessToken.prefix()) {
        exchange
            .seal()
            .open::<AccessToken>(Kind::AccessToken, text)
            .ok()?
    } else {
        let audiences: Vec<&str> = exchange.catalog.audiences(exchange.issuer()).collect();
        let expectation = Expectation::new(
            Typ::OneOf(&[ACCESS_TOKEN_TYP]),
            &Algorithm::ALL,
            exchange.issuer(),
            Audience::AnyOf(&audiences),
        );
        let verified = jose::verify(
            text,
            &expectation,
            exchange.catalog.keys.verification(),
            exchange.now,
        )
        .ok()?;
        verified.deserialize::<AccessToken>().ok()?
    };
    (token.era == exchange.era() && exchange.now < token.exp).then_some(token)
}

/// Whether everything that `token` rests on still stands: one read, of the store and no copy.
pub(crate) async fn is_alive(
    exchange: &Exchange<'_>,
    token: &AccessToken,
) -> Result<bool, Failure> {
    let store = exchange.server.store();
    let alive = match (token.grant_id, token.client_epoch) {
        (Some(grant), _) => {
            store
                .introspect_grant(grant, &token.jti, token.era, exchange.now)
                .await?
        }
        (None, Some(epoch)) => {
            store
                .client_token_alive(&token.client_id, epoch, &token.jti, token.era)
                .await?
        }
        (None, None) => false,
    };
    Ok(alive)
}
