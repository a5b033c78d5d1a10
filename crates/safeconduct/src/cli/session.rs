//! `safeconduct session`: who is signed in, and the end of that.

use std::borrow::Cow;

use clap::Subcommand;
use safeconduct_protocol::ids::{ClientId, GrantId, SessionId, UserId};
use safeconduct_server::administration::sessions::{Ending, SessionDetails};
use safeconduct_store::SessionRecord;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::page::{Paging, say_more};
use super::place::{Listed, Place, only_here};
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
        #[arg(allow_hyphen_values = true)]
        session: String,
    },
    /// End a session, or those of a user, or all; says first how many
    #[command(
        after_help = "Grants end with their session, unless the app was allowed to go on without it (offline_access): `safeconduct grant revoke` ends those. Apps that are told of logouts are told."
    )]
    End {
        /// The session
        #[arg(required_unless_present_any = ["user", "all"], allow_hyphen_values = true)]
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
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match self {
            Self::List { user, paging } => {
                let found = place.sessions(user.as_deref(), &paging).await?;
                output.list(&found.rows)?;
                say_more(found.next.as_deref());
                Ok(())
            }
            Self::Show { session } => output.record(&place.session(&session).await?),
            Self::End {
                session: Some(session),
                yes,
                ..
            } => end_one(place, &session, yes).await,
            Self::End {
                user: Some(user),
                yes,
                ..
            } => end_of_user(place, &user, yes).await,
            Self::End { yes, .. } => end_all(place, yes).await,
        }
    }
}

impl Place {
    async fn sessions(
        &self,
        user: Option<&str>,
        paging: &Paging,
    ) -> Result<Listed<ShownSession>, Failure> {
        let administration = match self {
            Self::Here(database) => database.administration(),
            Self::There(server) => {
                let query = [("user", user.map(str::to_owned))];
                return server.list(&["sessions"], &query, paging).await;
            }
        };
        let user = match user {
            Some(user) => Some(administration.user(user).await?),
            None => None,
        };
        let found = administration
            .sessions(user.as_ref(), &paging.page())
            .await?;
        let last = found.last().map(|session| session.id.to_string());
        let rows = found.into_iter().map(ShownSession::from).collect();
        Ok(Listed::of(rows, paging, last))
    }

    async fn session(&self, session: &str) -> Result<ShownDetails, Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().session(session).await?.into()),
            Self::There(server) => server.get(&["sessions", session], &[]).await,
        }
    }

    /// What ending the sessions of a user, or all there are, would end; and the name of the user.
    async fn would_end(&self, user: Option<&str>) -> Result<(String, Ending), Failure> {
        let administration = match self {
            Self::Here(database) => database.administration(),
            Self::There(_) => {
                let user = user.ok_or_else(only_one_by_one)?;
                let sessions = self.sessions(Some(user), &Paging::ALL).await?.rows.len();
                let grants = self.grants(Some(user), None, &Paging::ALL).await?.rows;
                let ending = grants.iter().filter(|grant| !grant.is_offline());
                let ending = Ending {
                    sessions: sessions as u64,
                    grants: Some(ending.count() as u64),
                };
                return Ok((user.to_owned(), ending));
            }
        };
        let user = match user {
            Some(user) => Some(administration.user(user).await?),
            None => None,
        };
        let ending = administration.would_end(user.as_ref()).await?;
        let name = user.map(|user| user.username);
        Ok((name.unwrap_or_default(), ending))
    }

    async fn end_sessions_of(&self, user: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let user = administration.user(user).await?;
                Ok(administration.end_sessions_of(&user).await?)
            }
            Self::There(server) => server.delete(&["users", user, "sessions"]).await,
        }
    }

    async fn end_all_sessions(&self) -> Result<(), Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().end_all_sessions().await?),
            Self::There(_) => Err(only_one_by_one()),
        }
    }

    async fn end_session(&self, session: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => {
                database.administration().end_session(session).await?;
                Ok(())
            }
            Self::There(server) => server.delete(&["sessions", session]).await,
        }
    }
}

fn only_one_by_one() -> Failure {
    only_here("it ends the sessions of one user at a time")
}

async fn end_one(place: &Place, session: &str, yes: bool) -> Result<(), Failure> {
    let found = place.session(session).await?;
    let (name, grants) = (&found.session.username, found.grants.len());
    let grants = counted(grants, "grant");
    confirm(
        &format!("End the session of {name}, and {grants} with it?"),
        yes,
    )?;
    place.end_session(session).await?;
    note(format_args!(
        "the session of {name} is ended, and {grants} with it"
    ));
    Ok(())
}

async fn end_of_user(place: &Place, user: &str, yes: bool) -> Result<(), Failure> {
    let (name, ending) = place.would_end(Some(user)).await?;
    let what = said(&ending);
    confirm(&format!("End {what} of {name}?"), yes)?;
    place.end_sessions_of(user).await?;
    note(format_args!("{what} of {name} ended"));
    Ok(())
}

async fn end_all(place: &Place, yes: bool) -> Result<(), Failure> {
    let (_, ending) = place.would_end(None).await?;
    let what = said(&ending);
    let question = format!("End {what}, those of everybody, and the grants that rest on them?");
    confirm(&question, yes)?;
    place.end_all_sessions().await?;
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
#[derive(Serialize, Deserialize)]
struct ShownSession {
    id: SessionId,
    username: String,
    user: UserId,
    factors: Vec<Cow<'static, str>>,
    started_at: String,
    last_seen_at: String,
    idle_at: String,
}

impl From<SessionRecord> for ShownSession {
    fn from(session: SessionRecord) -> Self {
        Self {
            factors: session
                .factors
                .methods()
                .into_iter()
                .map(Cow::from)
                .collect(),
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
#[derive(Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        verb: Verb,
    }

    /// One id in 64 begins so.
    #[test]
    fn an_id_that_begins_with_a_hyphen_is_no_option() {
        let read = |words: &[&str]| {
            Line::try_parse_from([&["session"], words].concat()).map(|line| line.verb)
        };
        let id = "--IUeHZxp76NeoGX2f2jEA";
        let shown = read(&["show", id]);
        assert!(matches!(shown, Ok(Verb::Show { session }) if session == id));
        let ended = read(&["end", id, "--yes"]);
        assert!(
            matches!(ended, Ok(Verb::End { session: Some(session), yes: true, .. }) if session == id)
        );
        let of_user = read(&["end", "--user", "ada", "--yes"]);
        assert!(
            matches!(of_user, Ok(Verb::End { session: None, user: Some(user), .. }) if user == "ada")
        );
    }
}
