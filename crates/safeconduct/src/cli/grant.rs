//! `safeconduct grant`: what users let apps do, and the end of that.

use clap::Subcommand;
use safeconduct_protocol::ids::{ClientId, GrantId, SessionId, UserId};
use safeconduct_protocol::scope::OFFLINE_ACCESS;
use safeconduct_store::GrantRecord;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::page::{Paging, say_more};
use super::place::{Listed, Place};
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
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match self {
            Self::List {
                user,
                client,
                paging,
            } => {
                let found = place.grants(user.as_deref(), client.as_deref(), &paging);
                let found = found.await?;
                output.list(&found.rows)?;
                say_more(found.next.as_deref());
                Ok(())
            }
            Self::Show { grant } => output.record(&place.grant(&grant).await?),
            Self::Revoke {
                grant: Some(grant),
                yes,
                ..
            } => revoke(place, &grant, yes).await,
            Self::Revoke {
                user, client, yes, ..
            } => {
                let user = user.unwrap_or_default();
                revoke_of(place, &user, client.as_deref(), yes).await
            }
        }
    }
}

impl Place {
    /// Grants that are alive, the newest first.
    pub(super) async fn grants(
        &self,
        user: Option<&str>,
        client: Option<&str>,
        paging: &Paging,
    ) -> Result<Listed<ShownGrant>, Failure> {
        let administration = match self {
            Self::Here(database) => database.administration(),
            Self::There(server) => {
                let query = [("user", user), ("client", client)];
                let query = query.map(|(name, value)| (name, value.map(str::to_owned)));
                return server.list(&["grants"], &query, paging).await;
            }
        };
        let user = match user {
            Some(user) => Some(administration.user(user).await?),
            None => None,
        };
        let client = match client {
            Some(client) => Some(administration.client(client).await?.client.id),
            None => None,
        };
        let page = paging.page();
        let found = administration.grants(user.as_ref(), client.as_ref(), &page);
        let found = found.await?;
        let last = found.last().map(|grant| grant.grant.id.to_string());
        let rows = found.iter().map(|grant| ShownGrant::of(grant, true));
        Ok(Listed::of(rows.collect(), paging, last))
    }

    async fn grant(&self, grant: &str) -> Result<ShownGrant, Failure> {
        match self {
            Self::Here(database) => {
                let found = database.administration().grant(grant).await?;
                Ok(ShownGrant::of(&found.record, found.lives))
            }
            Self::There(server) => server.get(&["grants", grant], &[]).await,
        }
    }

    async fn revoke_grants_of(&self, user: &str, client: Option<&str>) -> Result<(), Failure> {
        let administration = match self {
            Self::Here(database) => database.administration(),
            Self::There(server) => {
                let grants = self.grants(Some(user), client, &Paging::ALL).await?;
                for grant in grants.rows {
                    server.delete(&["grants", &grant.id.to_string()]).await?;
                }
                return Ok(());
            }
        };
        let user = administration.user(user).await?;
        let client = match client {
            Some(client) => Some(administration.client(client).await?.client.id),
            None => None,
        };
        let client = client.as_ref();
        Ok(administration.revoke_grants_of(&user, client).await?)
    }

    async fn revoke_grant(&self, grant: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let found = administration.grant(grant).await?;
                Ok(administration.revoke_grant(&found).await?)
            }
            Self::There(server) => server.delete(&["grants", grant]).await,
        }
    }
}

async fn revoke(place: &Place, grant: &str, yes: bool) -> Result<(), Failure> {
    let found = place.grant(grant).await?;
    if !found.alive {
        note(format_args!(
            "{grant} has ended already; nothing was changed"
        ));
        return Ok(());
    }
    let (user, client) = (&found.user, &found.client);
    confirm(
        &format!("End what {user} lets {client} do by this grant?"),
        yes,
    )?;
    place.revoke_grant(grant).await?;
    note(format_args!("{grant} is revoked"));
    Ok(())
}

async fn revoke_of(
    place: &Place,
    user: &str,
    client: Option<&str>,
    yes: bool,
) -> Result<(), Failure> {
    let grants = place.grants(Some(user), client, &Paging::ALL).await?;
    let grants = counted(grants.rows.len(), "grant");
    let what = match client {
        Some(client) => format!("{grants} of {user} to {client}"),
        None => format!("{grants} of {user}"),
    };
    confirm(&format!("End {what}?"), yes)?;
    place.revoke_grants_of(user, client).await?;
    note(format_args!("{what} revoked"));
    Ok(())
}

/// A grant as shown.
#[derive(Serialize, Deserialize)]
pub(super) struct ShownGrant {
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
    /// Whether it goes on without its session.
    pub(super) fn is_offline(&self) -> bool {
        let mut names = self.scope.split(' ');
        names.any(|name| name == OFFLINE_ACCESS)
    }

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
