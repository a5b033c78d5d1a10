//! `safeconduct session`: who is signed in, and the end of that.

use clap::Subcommand;
use safeconduct_protocol::ids::{ClientId, GrantId, SessionId, UserId};
use safeconduct_server::administration::sessions::{Ending, SessionDetails};
use safeconduct_store::SessionRecord;
use serde::Serialize;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::page::Paging;
use super::prompt::confirm;

/// What can be done with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List who is signed in
    List {
        /// Only this user, by username or id
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a session: how it began, and what ends with it
    Show {
        /// Its id, which ID Tokens carry as `sid`
        session: String,
    },
    /// End a session, or those of a user, or all; says first how many
    #[command(
        after_help = "Grants end with their session, unless the app was allowed to go on without it (offline_access): `safeconduct grant revoke` ends those. Apps that are told of logouts are told."
    )]
    End {
        /// The session
        #[arg(required_unless_present_any = ["user", "all"])]
        session: Option<String>,
        /// Every session of this user, by username or id
        #[arg(long, conflicts_with = "session")]
        user: Option<String>,
        /// Every session of everybody
        #[arg(long, conflicts_with_all = ["session", "user"])]
        all: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such session or user, or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        match self {
            Self::List { user, paging } => {
                let user = match &user {
                    Some(user) => Some(administration.user(user).await?),
                    None => None,
                };
                let found = administration
                    .sessions(user.as_ref(), &paging.page())
                    .await?;
                let last = found.last().map(|session| session.id.to_string());
                let rows: Vec<_> = found.into_iter().map(ShownSession::from).collect();
                output.list(&rows)?;
                paging.say_more(rows.len(), last.as_deref());
                Ok(())
            }
            Self::Show { session } => {
                let found = administration.session(&session).await?;
                output.record(&ShownDetails::from(found))
            }
            Self::End {
                session: Some(session),
                yes,
                ..
            } => end_one(database, &session, yes).await,
            Self::End {
                user: Some(user),
                yes,
                ..
            } => end_of_user(database, &user, yes).await,
            Self::End { yes, .. } => end_all(database, yes).await,
        }
    }
}

async fn end_one(database: &Database, session: &str, yes: bool) -> Result<(), Failure> {
    let administration = database.administration();
    let found = administration.session(session).await?;
    let (name, grants) = (&found.session.username, found.grants.len());
    let grants = counted(grants, "grant");
    confirm(
        &format!("End the session of {name}, and {grants} with it?"),
        yes,
    )?;
    administration.end_session(session).await?;
    note(format_args!(
        "the session of {name} is ended, and {grants} with it"
    ));
    Ok(())
}

async fn end_of_user(database: &Database, user: &str, yes: bool) -> Result<(), Failure> {
    let administration = database.administration();
    let found = administration.user(user).await?;
    let ending = administration.would_end(Some(&found)).await?;
    let (what, name) = (said(&ending), &found.username);
    confirm(&format!("End {what} of {name}?"), yes)?;
    administration.end_sessions_of(&found).await?;
    note(format_args!("{what} of {name} ended"));
    Ok(())
}

async fn end_all(database: &Database, yes: bool) -> Result<(), Failure> {
    let administration = database.administration();
    let ending = administration.would_end(None).await?;
    let what = said(&ending);
    let question = format!("End {what}, those of everybody, and the grants that rest on them?");
    confirm(&question, yes)?;
    administration.end_all_sessions().await?;
    note(format_args!("{what} ended"));
    Ok(())
}

fn said(ending: &Ending) -> String {
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let sessions = counted(number(ending.sessions), "session");
    match ending.grants {
        Some(grants) => format!("{sessions} and {}", counted(number(grants), "grant")),
        None => sessions,
    }
}

/// A session as shown.
#[derive(Serialize)]
struct ShownSession {
    id: SessionId,
    username: String,
    user: UserId,
    factors: Vec<&'static str>,
    started_at: String,
    last_seen_at: String,
    idle_at: String,
}

impl From<SessionRecord> for ShownSession {
    fn from(session: SessionRecord) -> Self {
        Self {
            factors: session.factors.methods(),
            id: session.id,
            username: session.username,
            user: session.user,
            started_at: when(session.started_at),
            last_seen_at: when(session.last_seen_at),
            idle_at: when(session.idle_expires_at),
        }
    }
}

impl Row for ShownSession {
    const COLUMNS: &'static [&'static str] = &["id", "username", "by", "started", "last seen"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.username.clone(),
            self.factors.join(" "),
            self.started_at.clone(),
            self.last_seen_at.clone(),
        ]
    }
}

/// A session with what rests on it, as shown.
#[derive(Serialize)]
struct ShownDetails {
    #[serde(flatten)]
    session: ShownSession,
    address: Option<String>,
    correlation_id: Option<String>,
    told_of_its_end: Vec<ClientId>,
    grants: Vec<GrantId>,
}

impl From<SessionDetails> for ShownDetails {
    fn from(details: SessionDetails) -> Self {
        let by = details.begun.map(|begun| begun.by);
        let address = by.as_ref().and_then(|by| by.address());
        let correlation_id = by.as_ref().and_then(|by| by.correlation_id());
        Self {
            address: address.map(|address| address.to_string()),
            correlation_id: correlation_id.map(str::to_owned),
            told_of_its_end: details.told,
            grants: details.grants.iter().map(|grant| grant.grant.id).collect(),
            session: details.session.into(),
        }
    }
}
