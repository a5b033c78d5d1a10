//! `grant_type=authorization_code`: a code buys tokens, once (RFC 6749 §4.1.3, RFC 7636 §4.6).

use safeconduct_protocol::{
    authorization_code::AuthorizationCode,
    client::Client,
    grant::{Grant, NewGrant},
    ids::new_id,
    scope::OPENID,
    token::{CodeExchange, TokenResponse},
};
use safeconduct_store::Redeeming;

use crate::{
    client_auth::AuthenticatedClient, dpop::ProvenKey, fault::Failure, mint, server::Exchange,
};

/// Redeems a code. The write at the end decides who was first; a failed signature costs no code, a lost race leaks no token.
pub(crate) async fn redeem(
    exchange: &Exchange<'_>,
    client: &AuthenticatedClient,
    request: &CodeExchange,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, Failure> {
    let code: AuthorizationCode = exchange.recognise(request.code.expose())?;

    let lifetimes = &exchange.server.settings().lifetimes;
    let thumbprint = key.map(ProvenKey::thumbprint);
    let new = code.redeem(
        client.client(),
        request,
        thumbprint,
        lifetimes,
        exchange.now,
    )?;
    let grant = Grant::of(&new);
    let scope = grant.scope_for(client.client(), None);

    let nonce = code.nonce;
    let tokens = mint::tokens_of_grant(exchange, client.client(), &grant, scope, nonce).await?;

    let redeeming = Redeeming {
        grant: &new,
        attempt: &new_id(),
        used_ids: &client.used(key),
        tell_of_logout: wants_to_be_told(client.client(), &new),
    };
    let store = exchange.store_of_client(&client.client().id);
    store.redeem_code(&redeeming, exchange.now).await?.won()?;
    tracing::info!(grant_id = %new.id, client_id = %new.client, "redeemed a code");
    Ok(tokens)
}

/// Whether the client is to be told when the session ends that this sign-in is part of (Back-Channel Logout §2).
fn wants_to_be_told(client: &Client, new: &NewGrant) -> bool {
    client.openid.backchannel_logout_uri.is_some() && new.scope.contains(OPENID)
}
