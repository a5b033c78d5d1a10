//! `grant_type=refresh_token`: the next generation of a grant's tokens (RFC 6749 §6, RFC 9700 §4.14.2).

use safeconduct_protocol::{
    error::Reason,
    ids::new_id,
    refresh_token::{RefreshDecision, RefreshToken, Rotation, narrow},
    token::{RefreshExchange, TokenResponse},
};

use crate::{
    client_auth::AuthenticatedClient, dpop::ProvenKey, fault::Failure, mint, server::Exchange,
};

/// Uses a refresh token. Whether it rotates, is a retry after a lost answer, or a reuse that ends the grant, is decided by the
/// write at the end; a rotation and a retry hand out the same successor.
pub(crate) async fn refresh(
    exchange: &Exchange<'_>,
    client: &AuthenticatedClient,
    request: &RefreshExchange,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, Failure> {
    let token: RefreshToken = exchange.recognise(request.refresh_token.expose())?;

    let lifetimes = &exchange.server.settings().lifetimes;
    token.present(client.client(), lifetimes, exchange.now)?;
    let store = exchange.store_of_client(&client.client().id);
    let mut grant = store.grant(token.grant).await?.ok_or(Reason::GrantEnded)?;
    let thumbprint = key.map(ProvenKey::thumbprint);
    let scope = narrow(&grant, client.client(), request, thumbprint)?;
    let rotation = Rotation::new(&token, &grant, client.client(), lifetimes, exchange.now);
    grant.generation = token.generation + 1;
    // The key of this request: a client with credentials may have changed it (RFC 9449 §5).
    grant.dpop_jkt = thumbprint.cloned();

    let tokens = mint::tokens_of_grant(exchange, client.client(), &grant, scope, None).await?;

    let decision = store
        .rotate_refresh_token(
            &token,
            &rotation,
            &new_id(),
            &client.used(key),
            lifetimes.refresh_idle,
            exchange.now,
        )
        .await?;
    report(exchange, &token, decision);
    decision.permits()?;
    Ok(tokens)
}

fn report(exchange: &Exchange<'_>, token: &RefreshToken, decision: RefreshDecision) {
    match decision {
        RefreshDecision::Reuse | RefreshDecision::RetriedLate => {
            exchange.server.telemetry().refresh_reuse_detected();
            tracing::warn!(grant_id = %token.grant, client_id = %token.client, ?decision, "a refresh token that was replaced came back; its grant is revoked");
        }
        RefreshDecision::RetryReported => {
            exchange.server.telemetry().refresh_shared("reported");
            tracing::warn!(grant_id = %token.grant, client_id = %token.client, "a refresh token seems to be used by two holders in step");
        }
        RefreshDecision::Shared => {
            exchange.server.telemetry().refresh_shared("revoked");
            tracing::warn!(grant_id = %token.grant, client_id = %token.client, "a refresh token seems to be used by two holders in step; its grant is revoked");
        }
        RefreshDecision::LostHistory => {
            tracing::error!(grant_id = %token.grant, "a refresh token is ahead of the database, which was restored from an older copy");
        }
        _ => {
            tracing::info!(grant_id = %token.grant, client_id = %token.client, ?decision, "used a refresh token")
        }
    }
}
