//! `/admin/v1/grants` and the consents of a user: what users let clients do, and the end of that.

use http::Method;
use safeconduct_protocol::{error::Reason, ids::ClientId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    operation::{Call, Done, Nothing, Operation},
    paging::Paging,
    problem::Problem,
    shown::{Consent, Grant, List},
};

/// Which grants.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantsAsked {
    /// Of this user alone: a username or an id.
    user: Option<String>,
    /// To this client alone.
    client: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where the page begins.
    cursor: Option<String>,
}

pub(super) fn operations() -> Vec<Operation> {
    const ONE: &str = "/admin/v1/grants/{grant}";
    vec![
        Operation::new(
            Method::GET,
            "/admin/v1/grants",
            (
                "listGrants",
                "Grants that are alive, of a user, to a client, or all; the newest first",
            ),
            list,
        ),
        Operation::new(
            Method::GET,
            ONE,
            ("getGrant", "A grant, alive or not"),
            show,
        ),
        Operation::new(
            Method::DELETE,
            ONE,
            ("revokeGrant", "Revoke a grant; its session goes on"),
            revoke,
        ),
        Operation::new(
            Method::GET,
            "/admin/v1/users/{user}/consents",
            (
                "listConsents",
                "What a user lets which clients have without being asked",
            ),
            consents,
        ),
        Operation::new(
            Method::DELETE,
            "/admin/v1/users/{user}/consents/{client}",
            (
                "withdrawConsent",
                "Withdraw what a user lets a client have: every grant that rests on it ends",
            ),
            withdraw,
        ),
    ]
}

fn client_id(text: &str) -> Result<ClientId, Problem> {
    ClientId::parse(text).ok_or_else(|| Reason::ThingNotFound.into())
}

async fn list(call: Call, asked: GrantsAsked, _: Nothing) -> Result<Done<List<Grant>>, Problem> {
    let administration = call.administration();
    let paging = Paging::of(&call, asked.limit, asked.cursor.as_deref())?;
    let user = match &asked.user {
        Some(user) => Some(administration.user(user).await?),
        None => None,
    };
    let client = match &asked.client {
        Some(client) => Some(administration.client(client).await?.client.id),
        None => None,
    };
    let found = administration
        .grants(user.as_ref(), client.as_ref(), &paging.page())
        .await?;
    let list = paging.list(
        found,
        |record| record.grant.id.to_string(),
        |record| Grant::of(&record, true),
    )?;
    Ok(Done::new(list))
}

async fn show(call: Call, _: Nothing, _: Nothing) -> Result<Done<Grant>, Problem> {
    let found = call.administration().grant(call.path("grant")).await?;
    Ok(Done::new(Grant::of(&found.record, found.lives)))
}

async fn revoke(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    let found = administration.grant(call.path("grant")).await?;
    administration.revoke_grant(&found).await?;
    Ok(Done::new(Nothing {}))
}

async fn consents(call: Call, _: Nothing, _: Nothing) -> Result<Done<List<Consent>>, Problem> {
    let administration = call.administration();
    let user = administration.user(call.path("user")).await?;
    let found = administration.consents(&user).await?.into_iter();
    Ok(Done::new(List {
        items: found.map(Consent::from).collect(),
        next_cursor: None,
    }))
}

async fn withdraw(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    let user = administration.user(call.path("user")).await?;
    let client = client_id(call.path("client"))?;
    let found = administration.consent(&user, &client).await?;
    administration
        .withdraw_consent(&user, &found.client)
        .await?;
    Ok(Done::new(Nothing {}))
}
