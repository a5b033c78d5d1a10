//! `safeconduct grant`: what users let apps do, and the end of that.

use clap::Subcommand;
use safeconduct_protocol::ids::{ClientId, GrantId, SessionId, UserId};
use safeconduct_server::administration::Page;
use safeconduct_store::{GrantRecord, ListedGrant};
use serde::Serialize;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::page::Paging;
use super::prompt::confirm;

/// What can be done with grants.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List grants that are alive, the newest first
    List {
        /// Only those of this user, by username or id
        #[arg(long)]
        user: Option<String>,
        /// Only those to this client
        #[arg(long)]
        client: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a grant, alive or not
    Show {
        /// Its id, which the log and tokens carry
        grant: String,
    },
    /// End a grant, or those of a user; says first how many
    #[command(
        after_help = "Its refresh token and codes are good no more, and introspection says so at once. An API that judges tokens by themselves sees it when they expire. The user is not asked again: `safeconduct consent withdraw` sees to that."
    )]
    Revoke {
        /// The grant
        #[arg(required_unless_present = "user")]
        grant: Option<String>,
        /// Every grant of this user, by username or id
        #[arg(long, conflicts_with = "grant")]
        user: Option<String>,
        /// Only those to this client
        #[arg(long, requires = "user")]
        client: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such grant, user or client, or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        match self {
            Self::List {
                user,
                client,
                paging,
            } => {
                let user = match &user {
                    Some(user) => Some(administration.user(user).await?),
                    None => None,
                };
                let client = match &client {
                    Some(client) => Some(administration.client(client).await?.client.id),
                    None => None,
                };
                let page = paging.page();
                let found = administration.grants(user.as_ref(), client.as_ref(), &page);
                let found = found.await?;
                let last = found.last().map(|grant| grant.grant.id.to_string());
                let rows: Vec<_> = found
                    .iter()
                    .map(|grant| ShownGrant::of(grant, true))
                    .collect();
                output.list(&rows)?;
                paging.say_more(rows.len(), last.as_deref());
                Ok(())
            }
            Self::Show { grant } => {
                let ListedGrant { record, lives } = administration.grant(&grant).await?;
                output.record(&ShownGrant::of(&record, lives))
            }
            Self::Revoke {
                grant: Some(grant),
                yes,
                ..
            } => revoke(database, &grant, yes).await,
            Self::Revoke {
                user, client, yes, ..
            } => {
                let user = user.unwrap_or_default();
                revoke_of(database, &user, client.as_deref(), yes).await
            }
        }
    }
}

async fn revoke(database: &Database, grant: &str, yes: bool) -> Result<(), Failure> {
    let administration = database.administration();
    let found = administration.grant(grant).await?;
    if !found.lives {
        note(format_args!(
            "{grant} has ended already; nothing was changed"
        ));
        return Ok(());
    }
    let (user, client) = (&found.record.grant.user, &found.record.grant.client);
    confirm(
        &format!("End what {user} lets {client} do by this grant?"),
        yes,
    )?;
    administration.revoke_grant(&found).await?;
    note(format_args!("{grant} is revoked"));
    Ok(())
}

async fn revoke_of(
    database: &Database,
    user: &str,
    client: Option<&str>,
    yes: bool,
) -> Result<(), Failure> {
    let administration = database.administration();
    let user = administration.user(user).await?;
    let client = match client {
        Some(client) => Some(administration.client(client).await?.client.id),
        None => None,
    };
    let grants = administration.grants(Some(&user), client.as_ref(), &Page::ALL);
    let (grants, name) = (counted(grants.await?.len(), "grant"), &user.username);
    let what = match &client {
        Some(client) => format!("{grants} of {name} to {client}"),
        None => format!("{grants} of {name}"),
    };
    confirm(&format!("End {what}?"), yes)?;
    administration
        .revoke_grants_of(&user, client.as_ref())
        .await?;
    note(format_args!("{what} revoked"));
    Ok(())
}

/// A grant as shown.
#[derive(Serialize)]
struct ShownGrant {
    id: GrantId,
    user: UserId,
    client: ClientId,
    scope: String,
    audience: String,
    session: SessionId,
    alive: bool,
    created_at: String,
    last_used_at: String,
    idle_at: String,
    expires_at: String,
    revoked_at: Option<String>,
    revoked_because: Option<String>,
}

impl ShownGrant {
    fn of(record: &GrantRecord, alive: bool) -> Self {
        let grant = &record.grant;
        Self {
            id: grant.id,
            user: grant.user.clone(),
            client: grant.client.clone(),
            scope: grant.scope.to_string(),
            audience: grant.audience.clone(),
            session: grant.session.clone(),
            alive,
            created_at: when(record.created_at),
            last_used_at: when(record.last_used_at),
            idle_at: when(grant.idle_expires_at),
            expires_at: when(grant.expires_at),
            revoked_at: record.revoked_at.map(when),
            revoked_because: record.revoked_reason.clone(),
        }
    }
}

impl Row for ShownGrant {
    const COLUMNS: &'static [&'static str] =
        &["id", "user", "client", "scope", "created", "last used"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.user.to_string(),
            self.client.to_string(),
            self.scope.clone(),
            self.created_at.clone(),
            self.last_used_at.clone(),
        ]
    }
}
