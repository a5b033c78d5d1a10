//! `/admin/v1/administrators`: who administers this server.

use http::Method;
use safeconduct_store::Member;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Call, Done, Nothing, Operation},
    problem::Problem,
    shown::{List, Time},
};

/// Somebody who administers this server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Administrator {
    /// The name that they sign in with.
    username: String,
    /// The id of their account.
    id: String,
    /// Since when.
    added_at: Time,
}

impl From<Member> for Administrator {
    fn from(member: Member) -> Self {
        Self {
            username: member.username,
            id: member.user.to_string(),
            added_at: member.added_at.into(),
        }
    }
}

pub(super) fn operations() -> Vec<Operation> {
    const ONE: &str = "/admin/v1/administrators/{user}";
    vec![
        Operation::new(
            Method::GET,
            "/admin/v1/administrators",
            ("listAdministrators", "Who administers this server"),
            list,
        ),
        Operation::new(
            Method::PUT,
            ONE,
            (
                "addAdministrator",
                "Let a user administer this server; by an administrator in person",
            ),
            add,
        ),
        Operation::new(
            Method::DELETE,
            ONE,
            (
                "removeAdministrator",
                "Let a user administer this server no more, at once; by an administrator in person, and never the last one",
            ),
            remove,
        ),
    ]
}

async fn list(call: Call, _: Nothing, _: Nothing) -> Result<Done<List<Administrator>>, Problem> {
    let administrators = call.administration().administrators().await?;
    let administrators = administrators.into_iter().map(Administrator::from);
    Ok(Done::new(List {
        items: administrators.collect(),
        next_cursor: None,
    }))
}

async fn add(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let user = call.path("user").to_owned();
    call.administration().add_administrator(&user).await?;
    Ok(Done::new(Nothing {}))
}

async fn remove(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let user = call.path("user").to_owned();
    call.administration().remove_administrator(&user).await?;
    Ok(Done::new(Nothing {}))
}
