//! `grant_type=client_credentials`: a token of the client's own (RFC 6749 §4.4). No refresh token, no grant row.

use safeconduct_protocol::{
    error::Reason,
    token::{AccessToken, ClientCredentialsRequest, TokenResponse},
};

use crate::{client_auth::AuthenticatedClient, fault::Failure, mint, server::Exchange};

/// Gives the client a token for itself. It dies with the client's epoch.
pub(crate) async fn issue(
    exchange: &Exchange<'_>,
    client: &AuthenticatedClient,
    request: &ClientCredentialsRequest,
) -> Result<TokenResponse, Failure> {
    let decided = request.decide(
        client.client(),
        &exchange.catalog.resources,
        exchange.issuer(),
    )?;

    let lifetime = exchange.server.settings().lifetimes.access_token;
    let epoch = (exchange.era(), client.epoch());
    let token = AccessToken::of_client(
        exchange.issuer(),
        &client.client().id,
        decided,
        epoch,
        lifetime,
        exchange.now,
    );
    let answer = mint::access_token(exchange, client.client(), token)?;

    // The assertion is the only thing this request changes.
    if let Some(assertion) = client.assertion() {
        let first = exchange
            .server
            .store()
            .use_assertion(assertion, exchange.now)
            .await?;
        if !first {
            return Err(Reason::ClientAssertionReplayed.into());
        }
    }
    Ok(answer)
}
