//! Minting: the one path on which tokens come into being, whatever the grant type.

use safeconduct_protocol::{
    client::{AccessTokenFormat, Client},
    grant::Grant,
    refresh_token::RefreshToken,
    scope::Scope,
    seal::Kind,
    token::{ACCESS_TOKEN_TYP, AccessToken, TokenResponse},
};

use crate::{
    fault::{Failure, Fault},
    server::Exchange,
};

/// The tokens of a grant: an access token that carries `scope`, and the grant's current refresh token if the client may refresh.
pub(crate) fn tokens_of_grant(
    exchange: &Exchange<'_>,
    client: &Client,
    grant: &Grant,
    scope: Scope,
) -> Result<TokenResponse, Failure> {
    let resources = &exchange.catalog.resources;
    grant.for_a_known_api(client, resources, exchange.issuer())?;
    let lifetime = exchange.server.settings().lifetimes.access_token;
    let token = AccessToken::of_grant(
        exchange.issuer(),
        grant,
        scope,
        exchange.era(),
        lifetime,
        exchange.now,
    );
    let refresh_token = if Grant::is_refreshable(client) {
        let token = RefreshToken::of(grant, exchange.era());
        Some(
            exchange
                .seal()
                .seal(Kind::RefreshToken, &token)
                .map_err(unsealed)?,
        )
    } else {
        None
    };
    Ok(TokenResponse {
        refresh_token,
        ..access_token(exchange, client, token)?
    })
}

/// The answer with one access token, in the form the client is registered for (RFC 9068, or sealed).
pub(crate) fn access_token(
    exchange: &Exchange<'_>,
    client: &Client,
    token: AccessToken,
) -> Result<TokenResponse, Failure> {
    let text = match client.access_token_format {
        AccessTokenFormat::Jwt => {
            let signed = exchange
                .catalog
                .keys
                .access_tokens()
                .sign_jwt(ACCESS_TOKEN_TYP, &token);
            signed.map_err(|error| Fault::new(format!("signing an access token: {error}")))?
        }
        AccessTokenFormat::Opaque => exchange
            .seal()
            .seal(Kind::AccessToken, &token)
            .map_err(unsealed)?,
    };
    Ok(TokenResponse {
        access_token: text,
        token_type: "Bearer",
        expires_in: token.exp.since(exchange.now),
        refresh_token: None,
        scope: token.scope,
    })
}

fn unsealed(error: safeconduct_protocol::seal::SealError) -> Fault {
    Fault::new(format!("sealing: {error}"))
}
