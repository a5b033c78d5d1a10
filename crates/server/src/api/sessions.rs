//! `/admin/v1/sessions`: who is signed in, and the end of that.

use http::Method;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    operation::{Call, Done, Nothing, Operation},
    paging::Paging,
    problem::Problem,
    shown::{List, Session, SessionWithDetails},
};

/// Which sessions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsAsked {
    /// Of this user alone: a username or an id.
    user: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where the page begins.
    cursor: Option<String>,
}

pub(super) fn operations() -> Vec<Operation> {
    const ONE: &str = "/admin/v1/sessions/{session}";
    vec![
        Operation::new(
            Method::GET,
            "/admin/v1/sessions",
            (
                "listSessions",
                "Sessions that have not ended, of a user or all",
            ),
            list,
        ),
        Operation::new(
            Method::GET,
            ONE,
            (
                "getSession",
                "A session, how it began, and what ends with it",
            ),
            show,
        ),
        Operation::new(
            Method::DELETE,
            ONE,
            (
                "endSession",
                "End a session, and every grant that was not meant to outlive it",
            ),
            end,
        ),
        Operation::new(
            Method::DELETE,
            "/admin/v1/users/{user}/sessions",
            ("endSessionsOfUser", "End every session of a user"),
            end_of_user,
        ),
    ]
}

async fn list(
    call: Call,
    asked: SessionsAsked,
    _: Nothing,
) -> Result<Done<List<Session>>, Problem> {
    let administration = call.administration();
    let paging = Paging::of(&call, asked.limit, asked.cursor.as_deref())?;
    let user = match &asked.user {
        Some(user) => Some(administration.user(user).await?),
        None => None,
    };
    let found = administration
        .sessions(user.as_ref(), &paging.page())
        .await?;
    let list = paging.list(found, |session| session.id.to_string(), Session::from)?;
    Ok(Done::new(list))
}

async fn show(call: Call, _: Nothing, _: Nothing) -> Result<Done<SessionWithDetails>, Problem> {
    let session = call.administration().session(call.path("session")).await?;
    Ok(Done::new(session.into()))
}

async fn end(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    call.administration()
        .end_session(call.path("session"))
        .await?;
    Ok(Done::new(Nothing {}))
}

async fn end_of_user(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    let user = administration.user(call.path("user")).await?;
    administration.end_sessions_of(&user).await?;
    Ok(Done::new(Nothing {}))
}
