//! `safeconduct admin`: who administers this server over HTTP.

use clap::Subcommand;
use safeconduct_protocol::ids::UserId;
use safeconduct_store::Member;
use serde::{Deserialize, Serialize};

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, note, when};
use super::place::Place;
use super::remote::Remote;
use crate::config::SecondFactor;

/// What can be done about who administers.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Let a user administer this server by its API
    #[command(
        after_help = "They sign in with two factors from their next sign-in on. The API is on where the configuration has administration.api = true."
    )]
    Add {
        /// The username or id
        user: String,
    },
    /// Let a user administer this server no more, at once
    Remove {
        /// The username or id
        user: String,
    },
    /// List who administers this server
    List,
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such user or administrator, the last one, or the database's.
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match place {
            Place::Here(database) => self.run_here(database, output).await,
            Place::There(server) => self.run_by_api(server, output).await,
        }
    }

    async fn run_by_api(self, server: &Remote, output: Format) -> Result<(), Failure> {
        match self {
            Self::Add { user } => {
                server.place(&["administrators", &user]).await?;
                note(format_args!("{user} administers this server"));
                Ok(())
            }
            Self::Remove { user } => {
                server.delete(&["administrators", &user]).await?;
                note(format_args!("{user} does not administer this server"));
                Ok(())
            }
            Self::List => output.list(&server.all::<Administrator>(&["administrators"]).await?),
        }
    }

    async fn run_here(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        match self {
            Self::Add { user } => {
                let added = administration.add_administrator(&user).await?;
                note(format_args!("{} administers this server", added.username));
                warn(database);
                let (app, passkeys) = (
                    database.store.otp(&added.id).await?,
                    database.store.passkeys_of(&added.id).await?,
                );
                if app.is_none() && passkeys.is_empty() {
                    note(
                        "warning: they have no second factor yet; whoever signs in with their password or a link sets up the first\n    \
                         let them do it now",
                    );
                }
                Ok(())
            }
            Self::Remove { user } => {
                let removed = administration.remove_administrator(&user).await?;
                note(format_args!(
                    "{} does not administer this server",
                    removed.username
                ));
                Ok(())
            }
            Self::List => {
                let administrators = administration.administrators().await?.into_iter();
                output.list(&administrators.map(Administrator::from).collect::<Vec<_>>())
            }
        }
    }
}

/// Says what keeps an administrator from administering.
fn warn(database: &Database) {
    let config = &database.checked.config;
    if !config.administration.api {
        note("warning: there is no API to administer by; administration.api = true turns it on");
    }
    let has_passkeys = config.login.passkeys && database.checked.issuer.domain().is_some();
    if config.login.second_factor == SecondFactor::Off && !has_passkeys {
        note(
            "warning: nobody can set up a second factor, which administrators have to prove\n    set login.second_factor to \"offered\"",
        );
    }
}

/// An administrator as shown.
#[derive(Serialize, Deserialize)]
struct Administrator {
    username: String,
    id: UserId,
    added_at: String,
}

impl From<Member> for Administrator {
    fn from(member: Member) -> Self {
        Self {
            username: member.username,
            id: member.user,
            added_at: when(member.added_at),
        }
    }
}

impl Row for Administrator {
    const COLUMNS: &'static [&'static str] = &["username", "id", "added"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.username.clone(),
            self.id.to_string(),
            self.added_at.clone(),
        ]
    }
}
