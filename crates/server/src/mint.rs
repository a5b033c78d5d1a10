//! Minting: the one path on which tokens come into being, whatever the grant type.

use safeconduct_protocol::{
    client::{AccessTokenFormat, Client},
    dpop::Thumbprint,
    grant::Grant,
    id_token::{ID_TOKEN_TYP, IdToken, IdTokenParts},
    refresh_token::RefreshToken,
    scope::{OPENID, Scope},
    token::{ACCESS_TOKEN_TYP, AccessToken, AccessTokenParts, TokenResponse},
};

use crate::{
    administrators, admission,
    fault::{Failure, Fault},
    left_out,
    server::Exchange,
    user_claims,
};

/// The tokens of a grant: an access token that carries `scope`, an ID Token if that is a scope of OpenID Connect, and the grant's
/// current refresh token if the client may refresh. `nonce` is what the client sent with the request that this answers.
pub(crate) async fn tokens_of_grant(
    exchange: &Exchange<'_>,
    client: &Client,
    grant: &Grant,
    scope: Scope,
    nonce: Option<String>,
) -> Result<TokenResponse, Failure> {
    let resources = &exchange.catalog.resources;
    grant.for_a_known_api(client, resources, exchange.issuer())?;
    administrators::permit(exchange, grant).await?;
    let scope = admission::left_to(exchange, &grant.user, scope).await?;
    // What was granted, and taken back from the client since.
    left_out::note(exchange, client, &grant.scope.without(&client.scopes));
    let subject = exchange
        .catalog
        .keys
        .subjects()
        .subject(client, &grant.user);
    let is_openid = scope.contains(OPENID);
    let parts = parts(exchange, grant.dpop_jkt.as_ref());
    let groups = match client.access_token_format {
        AccessTokenFormat::Jwt => {
            user_claims::in_access_token(exchange, client, &grant.user, &scope).await?
        }
        // Nobody reads what is sealed; who introspects is told.
        AccessTokenFormat::Opaque => None,
    };
    let token = AccessToken {
        groups,
        ..AccessToken::of_grant(grant, subject, scope.clone(), parts)
    };
    let answer = access_token(exchange, client, token)?;
    let id_token = if is_openid {
        let token = answer.access_token.as_str();
        Some(id_token(exchange, client, (grant, &scope), token, nonce).await?)
    } else {
        None
    };
    let refresh_token = if Grant::is_refreshable(client) {
        let token = RefreshToken::of(grant, exchange.era());
        Some(exchange.sealed(&token)?)
    } else {
        None
    };
    Ok(TokenResponse {
        refresh_token,
        id_token,
        ..answer
    })
}

/// What every access token of this exchange has in common.
pub(crate) fn parts<'e>(
    exchange: &'e Exchange<'_>,
    key: Option<&Thumbprint>,
) -> AccessTokenParts<'e> {
    AccessTokenParts {
        issuer: exchange.issuer(),
        era: exchange.era(),
        key: key.cloned(),
        lifetime: exchange.server.settings().lifetimes.access_token,
        now: exchange.now,
    }
}

/// The answer with one access token, in the form the client is registered for (RFC 9068, or sealed).
pub(crate) fn access_token(
    exchange: &Exchange<'_>,
    client: &Client,
    token: AccessToken,
) -> Result<TokenResponse, Failure> {
    let text = match client.access_token_format {
        AccessTokenFormat::Jwt => {
            let algorithm = exchange.catalog.resources.signing_algorithm(&token.aud);
            let key = exchange.catalog.keys.signing(algorithm).ok_or_else(|| {
                Fault::new(format!("an API wants {algorithm}, and no key signs that"))
            })?;
            let signed = key.sign_jwt(ACCESS_TOKEN_TYP, &token);
            signed.map_err(|error| Fault::new(format!("signing an access token: {error}")))?
        }
        AccessTokenFormat::Opaque => exchange.sealed(&token)?,
    };
    Ok(TokenResponse {
        access_token: text,
        token_type: token.token_type(),
        expires_in: token.exp.since(exchange.now),
        refresh_token: None,
        id_token: None,
        scope: token.scope,
    })
}

/// The ID Token beside an access token (OpenID Connect Core §3.1.3.3), signed as the client is registered.
async fn id_token(
    exchange: &Exchange<'_>,
    client: &Client,
    (grant, scope): (&Grant, &Scope),
    access_token: &str,
    nonce: Option<String>,
) -> Result<String, Failure> {
    let algorithm = client.openid.id_token_signed_response_alg;
    let key = exchange.catalog.keys.signing(algorithm).ok_or_else(|| {
        let client = &client.id;
        Fault::new(format!("{client} wants {algorithm}, and no key signs that"))
    })?;
    let subjects = exchange.catalog.keys.subjects();
    let of_scopes = Some(scope).filter(|_| client.openid.scope_claims_in_id_token);
    let names = grant.claims.for_id_token(of_scopes, &client.scopes);
    let claims = user_claims::in_id_token(exchange, client, &grant.user, &names).await?;
    let parts = IdTokenParts {
        issuer: exchange.issuer(),
        subject: subjects.subject(client, &grant.user),
        session: subjects.session(client, &grant.session),
        nonce,
        access_token,
        algorithm,
        claims,
        lifetime: exchange.server.settings().lifetimes.access_token,
    };
    let token = IdToken::of_grant(grant, parts, exchange.now);
    let signed = key.sign_jwt(ID_TOKEN_TYP, &token);
    Ok(signed.map_err(|error| Fault::new(format!("signing an ID Token: {error}")))?)
}
