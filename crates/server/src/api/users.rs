//! `/admin/v1/users`: users found, looked at, kept out and helped back in. They are made and described by SCIM.

use http::Method;
use safeconduct_protocol::{ids::UserId, mail::MailAddress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Call, Done, Nothing, Operation},
    paging::Paging,
    problem::Problem,
    shown::{List, Passkey, Time, User},
};
use crate::administration::Page;

/// How many sessions and grants are counted at most.
const COUNTED: u32 = 1_000;

/// Which users.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UsersAsked {
    /// What their username begins with; or an id or a mail address, whole.
    prefix: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where the page begins.
    cursor: Option<String>,
}

/// A user, what they sign in with, and what rests on them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct UserWithDetails {
    #[serde(flatten)]
    user: User,
    /// Whether they administer this server.
    administrator: bool,
    /// The groups that they belong to.
    groups: Vec<String>,
    /// Their passkeys.
    passkeys: Vec<Passkey>,
    /// When their authenticator app was added, if they have one.
    authenticator_added_at: Option<Time>,
    /// How many recovery codes they have left.
    recovery_codes: u64,
    /// How many browsers they are signed in at; 1000 are as many or more.
    sessions: u64,
    /// How many grants they have; 1000 are as many or more.
    grants: u64,
    /// How many clients they let have something without being asked.
    consents: u64,
}

/// A link to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkAsked {
    /// What it is for.
    purpose: LinkKind,
}

/// What a link is for.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum LinkKind {
    /// To set the first password.
    Invite,
    /// To set another password.
    Recover,
}

/// A one-time link, which is shown this once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct OneTimeLink {
    /// For whom.
    username: String,
    /// Their id.
    id: String,
    /// What it is for.
    purpose: String,
    /// The link. Whoever opens it can use it.
    link: String,
    /// When it ends.
    expires_at: Time,
}

pub(super) fn operations() -> Vec<Operation> {
    const ONE: &str = "/admin/v1/users/{user}";
    let mut operations = vec![
        Operation::new(
            Method::GET,
            "/admin/v1/users",
            (
                "listUsers",
                "Users by name: all, those whose name begins so, or the one of an id or a mail address",
            ),
            list,
        ),
        Operation::new(
            Method::GET,
            ONE,
            (
                "getUser",
                "A user, what they sign in with, and what rests on them",
            ),
            show,
        ),
    ];
    operations.extend(changes());
    operations
}

fn changes() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "/admin/v1/users/{user}/lock",
            ("lockUser", "Keep a user out: their sessions and grants end"),
            lock,
        ),
        Operation::new(
            Method::POST,
            "/admin/v1/users/{user}/unlock",
            (
                "unlockUser",
                "Let a locked user in again; what has ended stays ended",
            ),
            unlock,
        ),
        Operation::new(
            Method::POST,
            "/admin/v1/users/{user}/end",
            (
                "endEverything",
                "End every session and every grant of a user",
            ),
            end,
        ),
        Operation::new(
            Method::DELETE,
            "/admin/v1/users/{user}/authenticator",
            (
                "removeAuthenticator",
                "Take a user's authenticator app away, with its recovery codes",
            ),
            remove_authenticator,
        ),
        Operation::new(
            Method::DELETE,
            "/admin/v1/users/{user}/passkeys/{passkey}",
            ("removePasskey", "Take a passkey of a user away"),
            remove_passkey,
        ),
        Operation::new(
            Method::POST,
            "/admin/v1/users/{user}/links",
            (
                "makeLink",
                "Make a one-time link by which a user sets a password; it is shown this once",
            ),
            link,
        ),
    ]
}

async fn list(call: Call, asked: UsersAsked, _: Nothing) -> Result<Done<List<User>>, Problem> {
    let administration = call.administration();
    let paging = Paging::of(&call, asked.limit, asked.cursor.as_deref())?;
    let prefix = asked.prefix.as_deref().unwrap_or_default();
    if let Some(found) = whole(&call, prefix).await? {
        return Ok(Done::new(List {
            items: vec![found],
            next_cursor: None,
        }));
    }
    let found = administration.users(prefix, &paging.page()).await?;
    let list = paging.list(found, |user| user.username.clone(), User::from)?;
    Ok(Done::new(list))
}

/// The user whose id or mail address this is.
async fn whole(call: &Call, text: &str) -> Result<Option<User>, Problem> {
    let store = call.server.store();
    if let Some(id) = UserId::parse(text) {
        return Ok(store.user(&id).await?.map(User::from));
    }
    let Some(address) = MailAddress::parse(text).ok() else {
        return Ok(None);
    };
    let found = store.user_by_address(&address.key()).await?;
    Ok(found.map(User::from))
}

async fn show(call: Call, _: Nothing, _: Nothing) -> Result<Done<UserWithDetails>, Problem> {
    let administration = call.administration();
    let (found, factor) = administration.second_factor(call.path("user")).await?;
    let (_, passkeys) = administration.passkeys(found.id.as_str()).await?;
    let counted = Page {
        after: None,
        limit: COUNTED,
    };
    let sessions = administration.sessions(Some(&found), &counted).await?;
    let grants = administration.grants(Some(&found), None, &counted).await?;
    let consents = administration.consents(&found).await?;
    let store = call.server.store();
    Ok(Done::new(UserWithDetails {
        administrator: store.is_administrator(&found.id).await?,
        groups: store.groups_of(&found.id).await?,
        passkeys: passkeys.into_iter().map(Passkey::from).collect(),
        authenticator_added_at: factor.map(|factor| factor.added_at.into()),
        recovery_codes: factor.map_or(0, |factor| factor.recovery_codes),
        sessions: sessions.len() as u64,
        grants: grants.len() as u64,
        consents: consents.len() as u64,
        user: found.into(),
    }))
}

async fn lock(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    call.administration().lock_user(call.path("user")).await?;
    Ok(Done::new(Nothing {}))
}

async fn unlock(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    call.administration().unlock_user(call.path("user")).await?;
    Ok(Done::new(Nothing {}))
}

async fn end(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    let user = administration.user(call.path("user")).await?;
    administration.end_sessions_of(&user).await?;
    administration.revoke_grants_of(&user, None).await?;
    Ok(Done::new(Nothing {}))
}

async fn remove_authenticator(
    call: Call,
    _: Nothing,
    _: Nothing,
) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    administration
        .remove_second_factor(call.path("user"))
        .await?;
    Ok(Done::new(Nothing {}))
}

async fn remove_passkey(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    let (user, passkey) = administration
        .passkey(call.path("user"), call.path("passkey"))
        .await?;
    administration
        .remove_passkey(user.id.as_str(), &passkey)
        .await?;
    Ok(Done::new(Nothing {}))
}

async fn link(call: Call, _: Nothing, asked: LinkAsked) -> Result<Done<OneTimeLink>, Problem> {
    let administration = call.administration();
    let user = administration.user(call.path("user")).await?;
    let id = user.id.as_str();
    let made = match asked.purpose {
        LinkKind::Invite => administration.invite(id, None).await?,
        LinkKind::Recover => administration.recover(id).await?,
    };
    Ok(Done::new(OneTimeLink {
        username: made.username,
        id: made.user.to_string(),
        purpose: made.purpose.name().to_owned(),
        link: made.url.expose().to_owned(),
        expires_at: made.expires_at.into(),
    }))
}
