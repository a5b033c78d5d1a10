//! `safeconduct user`: the people who sign in.

use std::path::PathBuf;

use clap::Subcommand;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_server::administration::Refused;
use serde_json::json;

use super::claims::NamedClaims;
use super::database::Database;
use super::failure::Failure;
use super::import;
use super::link::{self, ToldLink, Way};
use super::output::{Format, note};
use super::page::{Paging, say_more};
use super::place::{Listed, Place, only_here};
use super::prompt::{PasswordSource, confirm};
use super::remote::Remote;
use super::user_record::{ShownPasskey, ShownSecondFactor, ShownUser, ToldUser};

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add a user; the password is asked for
    Add(Box<Add>),
    /// Print a one-time link by which a person sets the first password or makes a passkey; adds the user if there is none
    #[command(
        after_help = "The link is good once and for three days. Whoever has it can use it: send it by a way that only the person reads. A later one does not end the one before, but the first to be used ends them all. The claims are those of a new user.\n\nWith --sign-up nothing is added: whoever opens the link chooses username and password, and has an account with that address, verified, by that. It needs account.registration to be other than \"off\"."
    )]
    Invite(Box<Invite>),
    /// Print a one-time link by which a user sets another password, or makes another passkey
    #[command(
        after_help = "The link is good once and for 30 minutes. Until it is used, nothing changes; when it is, the user's sessions and grants end. A second factor stays, and is asked for as before."
    )]
    Recover {
        /// The username or id
        user: String,
        /// Send it by mail to the verified address of the user, instead of printing it
        #[arg(long)]
        mail: bool,
    },
    /// End every one-time link that is out for a user, or an invitation to sign up
    #[command(
        after_help = "Nothing else ends. An invitation to sign up goes by the id that `user invite --sign-up` tells, and that the event `link-made` names. A mail that was not sent yet makes its link when it is: `safeconduct delivery drop` keeps it back."
    )]
    EndLinks {
        /// The username or id
        user: String,
    },
    /// Change what is known about a user; what is not named stays as it is
    #[command(
        after_help = "An empty value takes a claim away: --nickname ''. A new --email or --phone-number is not verified unless that is said again. An address is replaced whole."
    )]
    Set {
        /// The username or id
        user: String,
        #[command(flatten)]
        claims: NamedClaims,
    },
    /// Add users from a file of JSON lines: {"username", "password" or "password_hash", "name", "email", …}
    #[command(
        after_help = "\"password_hash\" is a hash of this or another system (Argon2, bcrypt, scrypt, PBKDF2, SHA-crypt, LDAP, Keycloak, Django, Firebase: docs/guides/moving-users.md). The other members are the claims of OpenID Connect Core 5.1 under their own names, as `safeconduct user list -o json` shows them. Every line is read before a user is added."
    )]
    Import {
        /// The file; standard input without it
        file: Option<PathBuf>,
        /// Leave out users that exist
        #[arg(long)]
        if_not_exists: bool,
    },
    /// List users, by name
    List {
        /// Only those whose name begins so, however it is typed
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a user
    Show {
        /// The username, or the id that tokens carry as `sub`
        user: String,
    },
    /// Give a user a new password; ends the user's sessions and grants
    SetPassword {
        /// The username or id
        user: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Show the second factor of a user
    SecondFactor {
        /// The username or id
        user: String,
    },
    /// Take the second factor of a user away, with its recovery codes; for a phone that is lost
    #[command(
        after_help = "The user signs in with the password alone from then on, until a second factor is demanded: then they set up a new one. Their sessions and grants go on; `safeconduct user lock` ends those."
    )]
    RemoveSecondFactor {
        /// The username or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the passkeys of a user
    Passkeys {
        /// The username or id
        user: String,
    },
    /// Take a passkey of a user away; for a device that is lost
    #[command(
        after_help = "The last one goes as well: without a password the user cannot sign in until you give them one. Their sessions and grants go on; `safeconduct user lock` ends those."
    )]
    RemovePasskey {
        /// The username or id
        user: String,
        /// What the user calls it, or its id
        passkey: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Keep a user out; ends the user's sessions and grants
    Lock {
        /// The username or id
        user: String,
    },
    /// Let a locked user in again; what was ended stays ended
    Unlock {
        /// The username or id
        user: String,
    },
    /// Delete a user for good
    Delete {
        /// The username or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// A new user.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The name to sign in with
    username: String,
    #[command(flatten)]
    password: PasswordSource,
    /// Succeed without a change if there is such a user
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    claims: NamedClaims,
}

/// Whom to invite.
#[derive(Debug, clap::Args)]
pub(crate) struct Invite {
    /// The name to sign in with, or the username or id of a user without a password
    #[arg(required_unless_present = "sign_up")]
    username: Option<String>,
    #[command(flatten)]
    claims: NamedClaims,
    /// Invite whoever reads mail at this address, which is no account's, to create one
    #[arg(long, value_name = "ADDRESS", conflicts_with = "username")]
    sign_up: Option<String>,
    /// Send it by mail to the address of the user, or to the one that is invited, instead of printing it
    #[arg(long)]
    mail: bool,
}

impl Invite {
    async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        let (way, claims) = (Way::of(self.mail, database)?, &self.claims);
        if let Some(address) = &self.sign_up {
            return link::invite_to_sign_up(database, output, way, address, claims).await;
        }
        let username = self.username.unwrap_or_default();
        link::invite(database, output, way, &username, claims).await
    }
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such user, a name that is taken, a claim or a password that can't be used, or the database's.
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match place {
            Place::Here(database) => self.run_here(database, output).await,
            Place::There(server) => self.run_by_api(server, output).await,
        }
    }

    /// Does it by the API of a server, as far as that goes.
    async fn run_by_api(self, server: &Remote, output: Format) -> Result<(), Failure> {
        match self {
            Self::List { prefix, paging } => {
                let query = [("prefix", Some(prefix).filter(|prefix| !prefix.is_empty()))];
                let found = server.list::<ShownUser>(&["users"], &query, &paging);
                let found = found.await?;
                output.list(&found.rows)?;
                say_more(found.next.as_deref());
                Ok(())
            }
            Self::Show { user } => {
                let found: ToldUser = server.get(&["users", &user], &[]).await?;
                output.record(&found.shown())
            }
            Self::Lock { user } => {
                server.post(&["users", &user, "lock"]).await?;
                note(format_args!("{user} is locked, and signed out everywhere"));
                Ok(())
            }
            Self::Unlock { user } => {
                server.post(&["users", &user, "unlock"]).await?;
                note(format_args!("{user} can sign in again"));
                Ok(())
            }
            Self::SecondFactor { user } => {
                let found: ToldUser = server.get(&["users", &user], &[]).await?;
                output.record(&found.second_factor())
            }
            Self::Passkeys { user } => {
                let found: ToldUser = server.get(&["users", &user], &[]).await?;
                output.list(&found.passkeys)
            }
            Self::Recover { user, mail: false } => {
                let asked = json!({ "purpose": "recover" });
                let made: ToldLink = server.post_with(&["users", &user, "links"], asked).await?;
                made.show(output)
            }
            Self::RemoveSecondFactor { user, yes } => {
                let found: ToldUser = server.get(&["users", &user], &[]).await?;
                let (name, id) = found.name_and_id();
                confirm(&take_second_factor(&name), yes)?;
                server
                    .delete(&["users", id.as_str(), "authenticator"])
                    .await?;
                note(format_args!("{name} signs in with the password alone"));
                Ok(())
            }
            Self::RemovePasskey { user, passkey, yes } => {
                let found: ToldUser = server.get(&["users", &user], &[]).await?;
                let (name, id) = found.name_and_id();
                confirm(&take_passkey(&passkey, &name), yes)?;
                server
                    .delete(&["users", id.as_str(), "passkeys", &passkey])
                    .await?;
                note(format_args!("{passkey} signs {name} in no more"));
                Ok(())
            }
            _ => Err(only_here(
                "SCIM makes, changes and deletes users; the API helps them back in and keeps them out",
            )),
        }
    }

    async fn run_here(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        match self {
            Self::Add(add) => add.run(database, output).await,
            Self::Invite(invite) => invite.run(database, output).await,
            Self::Recover { user, mail } => {
                let way = Way::of(mail, database)?;
                link::recover(database, output, way, &user).await
            }
            Self::EndLinks { user } => link::end(database, &user).await,
            Self::Set { user, claims } => set(database, output, &user, &claims).await,
            Self::Import {
                file,
                if_not_exists,
            } => import::run(database, output, file, if_not_exists).await,
            Self::List { prefix, paging } => list(database, output, &prefix, &paging).await,
            Self::Show { user } => {
                output.record(&ShownUser::from(administration.user(&user).await?))
            }
            Self::SetPassword { user, password } => set_password(database, &user, &password).await,
            Self::SecondFactor { user } => {
                let (found, factor) = administration.second_factor(&user).await?;
                output.record(&ShownSecondFactor::of(found.username, factor))
            }
            Self::RemoveSecondFactor { user, yes } => {
                remove_second_factor(database, &user, yes).await
            }
            Self::Passkeys { user } => {
                let (_, passkeys) = administration.passkeys(&user).await?;
                let shown = passkeys.into_iter().map(ShownPasskey::from);
                output.list(&shown.collect::<Vec<_>>())
            }
            Self::RemovePasskey { user, passkey, yes } => {
                remove_passkey(database, &user, &passkey, yes).await
            }
            Self::Lock { user } => {
                let name = administration.lock_user(&user).await?;
                note(format_args!("{name} is locked, and signed out everywhere"));
                Ok(())
            }
            Self::Unlock { user } => {
                let name = administration.unlock_user(&user).await?;
                note(format_args!("{name} can sign in again"));
                Ok(())
            }
            Self::Delete { user, yes } => {
                let found = administration.user(&user).await?;
                confirm(
                    &format!("Delete the user {} for good?", found.username),
                    yes,
                )?;
                // By the id: while the question stood, the name may have become another user's.
                administration.delete_user(found.id.as_str()).await?;
                note(format_args!("{} is deleted", found.username));
                Ok(())
            }
        }
    }
}

impl Add {
    async fn run(self: Box<Self>, database: &Database, output: Format) -> Result<(), Failure> {
        let (username, administration) = (self.username, database.administration());
        let mut claims = PersonClaims::default();
        self.claims.set_in(&mut claims).map_err(Failure::Usage)?;
        match administration.check_free(&username).await {
            Err(Refused::UserTaken(_)) if self.if_not_exists => {
                note(format_args!("{username} exists; nothing was changed"));
                return output.record(&ShownUser::from(administration.user(&username).await?));
            }
            free => free?,
        }
        let password = self.password.read(&username)?;
        let added = administration.add_user(&username, password, claims).await?;
        note(format_args!("{username} can sign in"));
        output.record(&ShownUser::from(added))
    }
}

async fn list(
    database: &Database,
    output: Format,
    prefix: &str,
    paging: &Paging,
) -> Result<(), Failure> {
    let administration = database.administration();
    let users = administration.users(prefix, &paging.page()).await?;
    let last = users.last().map(|user| user.username.clone());
    let rows = users.into_iter().map(ShownUser::from).collect();
    let found = Listed::of(rows, paging, last);
    output.list(&found.rows)?;
    say_more(found.next.as_deref());
    Ok(())
}

async fn set(
    database: &Database,
    output: Format,
    user: &str,
    named: &NamedClaims,
) -> Result<(), Failure> {
    if named.is_empty() {
        return Err(Failure::Usage(
            "no claim is named, so there is nothing to change\n    `safeconduct user set --help` lists them all"
                .to_owned(),
        ));
    }
    let administration = database.administration();
    let changed = administration.change_claims(user, |claims| named.set_in(claims));
    let changed = changed.await?;
    note(format_args!(
        "apps see the change when they next ask for it"
    ));
    output.record(&ShownUser::from(changed))
}

async fn set_password(
    database: &Database,
    user: &str,
    source: &PasswordSource,
) -> Result<(), Failure> {
    let administration = database.administration();
    let found = administration.user(user).await?;
    let password = source.read(&found.username)?;
    // By the id: while the password was typed, the name may have become another user's.
    let id = found.id.as_str();
    administration.set_password(id, password).await?;
    note(format_args!(
        "{} has a new password, and is signed out everywhere",
        found.username
    ));
    Ok(())
}

fn take_second_factor(name: &str) -> String {
    format!("Take the second factor of {name} away?")
}

fn take_passkey(passkey: &str, name: &str) -> String {
    format!("Take the passkey {passkey} of {name} away?")
}

async fn remove_second_factor(database: &Database, user: &str, yes: bool) -> Result<(), Failure> {
    let administration = database.administration();
    let (found, factor) = administration.second_factor(user).await?;
    let name = &found.username;
    if factor.is_none() {
        return Err(Refused::NoSecondFactor(name.clone()).into());
    }
    confirm(&take_second_factor(name), yes)?;
    // By the id: while the question stood, the name may have become another user's.
    administration
        .remove_second_factor(found.id.as_str())
        .await?;
    note(format_args!("{name} signs in with the password alone"));
    Ok(())
}

async fn remove_passkey(
    database: &Database,
    user: &str,
    passkey: &str,
    yes: bool,
) -> Result<(), Failure> {
    let administration = database.administration();
    let (found, passkey) = administration.passkey(user, passkey).await?;
    let (name, called) = (&found.username, &passkey.name);
    confirm(&take_passkey(called, name), yes)?;
    // By the id: while the question stood, the name may have become another user's.
    administration
        .remove_passkey(found.id.as_str(), &passkey)
        .await?;
    note(format_args!("{called} signs {name} in no more"));
    Ok(())
}
