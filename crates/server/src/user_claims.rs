//! What a client is told of a user: the claims that are kept, and the groups that they are in now. In tokens only as far as there is room: a
//! claim that is too long stays at UserInfo, whole.

use std::collections::BTreeSet;

use safeconduct_protocol::{
    claims::{self, GROUPS, PersonClaims},
    client::Client,
    ids::UserId,
    scope::Scope,
};
use serde_json::{Map, Value};

use crate::{fault::Failure, server::Exchange};

/// The most that an ID Token holds of a user's claims, in bytes of JSON: it comes back in URLs, as a hint, and apps keep it in cookies.
const LONGEST_CLAIMS: usize = 2 * 1024;
/// The most that an access token holds of a user's groups, in bytes of JSON: it is sent in the head of every request.
const LONGEST_GROUPS: usize = 1024;

/// The claims of these `names`: of what is known of `user`, and their groups as `client` is told them. A list without any says that they are
/// in none.
pub(crate) async fn of(
    exchange: &Exchange<'_>,
    client: &Client,
    user: &UserId,
    known: &PersonClaims,
    names: &BTreeSet<&str>,
) -> Result<Map<String, Value>, Failure> {
    let mut claims = known.select(names);
    if names.contains(GROUPS) {
        let groups = groups(exchange, client, user).await?;
        claims.insert(GROUPS.to_owned(), groups.into());
    }
    Ok(claims)
}

/// The same for an ID Token, as far as it has room: that a claim is not there is no error (OpenID Connect Core §5.5.1). Nearly always none
/// are asked for, and then nobody is looked up.
pub(crate) async fn in_id_token(
    exchange: &Exchange<'_>,
    client: &Client,
    user: &UserId,
    names: &BTreeSet<&str>,
) -> Result<Map<String, Value>, Failure> {
    if names.is_empty() {
        return Ok(Map::new());
    }
    let Some(record) = exchange.server.store().user(user).await? else {
        return Ok(Map::new());
    };
    let known = record
        .claims
        .of_account(&record.username, record.updated_at);
    let mut claims = of(exchange, client, user, &known, names).await?;
    for gone in claims::keep_within(&mut claims, LONGEST_CLAIMS) {
        too_long(client, &gone, "the ID Token");
    }
    Ok(claims)
}

/// The groups that a signed access token carries, where the client is registered for it and was given the scope.
pub(crate) async fn in_access_token(
    exchange: &Exchange<'_>,
    client: &Client,
    user: &UserId,
    scope: &Scope,
) -> Result<Option<Vec<String>>, Failure> {
    if !client.openid.groups_in_access_token || !scope.contains(GROUPS) {
        return Ok(None);
    }
    let groups = groups(exchange, client, user).await?;
    // Each stands between quotation marks and commas.
    let length: usize = groups.iter().map(|name| name.len() + 3).sum();
    if length > LONGEST_GROUPS {
        too_long(client, GROUPS, "the access token");
        return Ok(None);
    }
    Ok(Some(groups))
}

async fn groups(
    exchange: &Exchange<'_>,
    client: &Client,
    user: &UserId,
) -> Result<Vec<String>, Failure> {
    let groups = exchange.server.store().groups_of(user).await?;
    Ok(client.openid.groups_told(&groups))
}

fn too_long(client: &Client, claim: &str, token: &str) {
    tracing::warn!(client_id = %client.id, claim, token, "a claim is too long for a token and stays at UserInfo: register fewer with groups_claim");
}
