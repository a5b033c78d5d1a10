//! `grant_type=client_credentials`: a token of the client's own (RFC 6749 §4.4). No refresh token, no grant row.

use safeconduct_protocol::token::{AccessToken, ClientCredentialsRequest, TokenResponse};

use crate::{
    client_auth::{self, AuthenticatedClient},
    dpop::ProvenKey,
    fault::Failure,
    left_out, mint,
    server::Exchange,
};

/// Gives the client a token for itself. It dies with the client's epoch.
pub(crate) async fn issue(
    exchange: &Exchange<'_>,
    client: &AuthenticatedClient,
    request: &ClientCredentialsRequest,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, Failure> {
    let granted = request.decide(
        client.client(),
        &exchange.catalog.resources,
        exchange.issuer(),
    )?;
    left_out::note(exchange, client.client(), &granted.left_out);

    let parts = mint::parts(exchange, key.map(ProvenKey::thumbprint));
    let token = AccessToken::of_client(&client.client().id, granted, client.epoch(), parts);
    let answer = mint::access_token(exchange, client.client(), token)?;

    // The assertion and the proof are the only things that this request changes.
    client_auth::use_up(exchange, client, key).await?;
    Ok(answer)
}
