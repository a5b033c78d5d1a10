//! Who asks the API, and whether they may: the one function by which every request to it is judged, at each of them anew.
//!
//! A token is one of ours, for this API and alive; a person must administer this server *now*, and have proved two factors within the hour
//! (RFC 9470); a client must be registered for the scope now. What the token says was true when it was minted.

use http::request::Parts;
use safeconduct_protocol::{
    administration,
    error::{Reason, Refusal},
    ids::{ClientId, UserId},
    scope::Scope,
    time::Timestamp,
    token::AccessToken,
};
use safeconduct_store::{By, Door, Who};

use super::{address::Called, problem::Problem};
use crate::{
    access::{Presented, refused},
    fault::Failure,
    origin::Origin,
    presented_token::{giver, read_access_token, says_what_was_granted},
    server::{Exchange, Server},
};

/// What a request takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// The scope that its token must carry.
    pub(crate) scope: &'static str,
}

/// Who asks, and may.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// What events say of them.
    pub(crate) by: By,
    /// The client that sends the request.
    pub(crate) client: ClientId,
    /// The administrator on whose behalf it does; `None` where it asks for itself.
    pub(crate) user: Option<UserId>,
    /// What the token lets it do, as far as the client may still have that.
    pub(crate) scopes: Scope,
    /// When the token ends.
    pub(crate) expires_at: Timestamp,
    /// The token.
    token: AccessToken,
}

impl Caller {
    /// What idempotency keys and cursors belong to: another asker has others.
    pub(crate) fn name(&self) -> String {
        match &self.user {
            Some(user) => format!("{} {user}", self.client),
            None => self.client.to_string(),
        }
    }
}

/// Judges who sent a request.
///
/// # Errors
/// 401 for no token, one that is not good here or any more, and one of an administrator who signed in too long ago; 403 for who administers
/// no more, and a token without the scope; 503.
pub(crate) async fn authenticate(
    server: &Server,
    parts: &Parts,
    needs: Needs,
) -> Result<Caller, Problem> {
    let judged = judge(server, parts, needs).await;
    judged.map_err(|failure| Problem::from(failure).needing(needs.scope))
}

async fn judge(server: &Server, parts: &Parts, needs: Needs) -> Result<Caller, Failure> {
    let origin = Origin::of(&parts.extensions);
    let exchange = Exchange::begin(server, Some(origin)).await?;
    let presented = Presented::read(&parts.headers, None)?;
    let audience = administration::resource(exchange.issuer());
    let token = read_access_token(&exchange, &presented.token)
        .filter(|token| token.aud.contains(&audience))
        .ok_or_else(|| refused("not an access token for this API"))?;
    let called = Called::of(parts);
    let url = called.url(&parts.uri);
    presented
        .prove_binding(
            &exchange,
            (parts.method.as_str(), &url),
            &parts.headers,
            &token,
        )
        .await?;
    let (user, scopes) = permitted(&exchange, &token, needs).await?;
    let who = match &user {
        Some(user) => Who::Person(user.clone()),
        None => Who::Client(token.client_id.clone()),
    };
    Ok(Caller {
        by: origin.by(who, Door::Api),
        client: token.client_id.clone(),
        user,
        scopes,
        expires_at: token.exp,
        token,
    })
}

/// Whether everything that a caller was let in for still stands: for an answer that goes on.
pub(crate) async fn still_stands(server: &Server, caller: &Caller, needs: Needs) -> bool {
    let Ok(exchange) = Exchange::begin(server, None).await else {
        return false;
    };
    let is_over = exchange.now >= caller.expires_at;
    !is_over && permitted(&exchange, &caller.token, needs).await.is_ok()
}

/// The administrator whom a token is about, if it is about one, and what it lets its bearer do here and now.
async fn permitted(
    exchange: &Exchange<'_>,
    token: &AccessToken,
    needs: Needs,
) -> Result<(Option<UserId>, Scope), Failure> {
    let user = owner(exchange, token, needs).await?;
    let known = exchange.catalog.client(&token.client_id);
    let client = known
        .filter(|known| known.enabled)
        .map(|known| &known.client)
        .ok_or_else(|| refused("the client is disabled or deleted"))?;
    let scopes = token.scope.intersection(&client.scopes);
    if !administration::permits(&scopes, needs.scope) {
        let detail = format!("{} is needed", needs.scope);
        return Err(Refusal::new(Reason::AdministrationScopeMissing)
            .because(detail)
            .into());
    }
    Ok((user, scopes))
}

/// The administrator whom a token is about, if it is about one, and everything that it rests on stands.
async fn owner(
    exchange: &Exchange<'_>,
    token: &AccessToken,
    needs: Needs,
) -> Result<Option<UserId>, Failure> {
    let Some(grant) = token.grant_id else {
        return match giver(exchange, token).await?.is_some() {
            true => Ok(None),
            false => Err(refused("the client or the token has ended").into()),
        };
    };
    let store = exchange.server.store();
    let grant = store
        .introspect_grant(grant, &token.jti, token.era, exchange.now)
        .await?
        .ok_or_else(|| refused("the grant or the token has ended"))?;
    says_what_was_granted(exchange, token, &grant)?;
    if !store.is_administrator(&grant.user).await? {
        return Err(Reason::AdministratorNoLonger.into());
    }
    let permitted = administration::permits(&token.scope, needs.scope);
    if permitted && !administration::is_fresh(&grant.authentication, exchange.now) {
        return Err(Reason::AuthenticationTooOld.into());
    }
    Ok(Some(grant.user))
}
