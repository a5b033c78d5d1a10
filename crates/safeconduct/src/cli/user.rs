//! `safeconduct user`: the people who sign in.

use std::path::PathBuf;

use clap::Subcommand;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::precis;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::password::{LONGEST, PasswordSettings, Passwords};
use safeconduct_store::{NewUser, SealedPassword, StoreError, UserRecord};
use serde::Serialize;
use serde_json::{Map, Value};

use super::claims::NamedClaims;
use super::database::Database;
use super::failure::Failure;
use super::import;
use super::output::{Format, Row, note, when};
use super::prompt::{PasswordSource, confirm};

/// The shortest password that is accepted here (NIST SP 800-63B §5.1.1.2).
const SHORTEST: usize = 8;
/// The longest username, in characters.
const LONGEST_USERNAME: usize = 128;
/// How many users are read or written at a time.
const PAGE: u32 = 500;

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add a user; the password is asked for
    Add(Box<Add>),
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
        after_help = "\"password_hash\" is an Argon2id hash in PHC form ($argon2id$…). The other members are the claims of OpenID Connect Core 5.1 under their own names, as `safeconduct user list -o json` shows them. Every line is read before a user is added."
    )]
    Import {
        /// The file; standard input without it
        file: Option<PathBuf>,
        /// Leave out users that exist
        #[arg(long)]
        if_not_exists: bool,
    },
    /// List users
    List,
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

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such user, a name that is taken, a claim or a password that can't be used, or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(database, output).await,
            Self::Set { user, claims } => set(database, output, &user, &claims).await,
            Self::Import {
                file,
                if_not_exists,
            } => import::run(database, output, file, if_not_exists).await,
            Self::List => list(database, output).await,
            Self::Show { user } => output.record(&Shown::from(find(database, &user).await?)),
            Self::SetPassword { user, password } => set_password(database, &user, &password).await,
            Self::Lock { user } => {
                let found = find(database, &user).await?;
                database.store.lock_user(&found.id, database.now()).await?;
                note(format_args!(
                    "{} is locked, and signed out everywhere",
                    found.username
                ));
                Ok(())
            }
            Self::Unlock { user } => {
                let found = find(database, &user).await?;
                database
                    .store
                    .unlock_user(&found.id, database.now())
                    .await?;
                note(format_args!("{} can sign in again", found.username));
                Ok(())
            }
            Self::Delete { user, yes } => {
                let found = find(database, &user).await?;
                confirm(
                    &format!("Delete the user {} for good?", found.username),
                    yes,
                )?;
                database
                    .store
                    .delete_user(&found.id, database.now())
                    .await?;
                note(format_args!("{} is deleted", found.username));
                Ok(())
            }
        }
    }
}

/// A user as shown, with the claims under their own names.
#[derive(Serialize)]
struct Shown {
    username: String,
    name: Option<Value>,
    id: UserId,
    locked: bool,
    created_at: String,
    updated_at: String,
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl From<UserRecord> for Shown {
    fn from(user: UserRecord) -> Self {
        let mut claims: Map<String, Value> = user
            .claims
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        Self {
            username: user.username,
            name: claims.remove("name"),
            id: user.id,
            locked: user.locked,
            created_at: when(user.created_at),
            updated_at: when(user.updated_at),
            claims,
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] =
        &["username", "name", "email", "state", "id", "created"];

    fn cells(&self) -> Vec<String> {
        let state = if self.locked { "locked" } else { "active" };
        let text =
            |claim: Option<&Value>| claim.and_then(Value::as_str).unwrap_or_default().to_owned();
        vec![
            self.username.clone(),
            text(self.name.as_ref()),
            text(self.claims.get("email")),
            state.to_owned(),
            self.id.to_string(),
            self.created_at.clone(),
        ]
    }
}

impl Add {
    async fn run(self: Box<Self>, database: &Database, output: Format) -> Result<(), Failure> {
        let username = self.username;
        check_username(&username).map_err(Failure::Usage)?;
        let mut claims = PersonClaims::default();
        self.claims.set_in(&mut claims)?;
        if let Some(existing) = database.store.user_by_name(&username).await? {
            return if self.if_not_exists {
                note(format_args!("{username} exists; nothing was changed"));
                output.record(&Shown::from(existing))
            } else {
                Err(taken(&username))
            };
        }
        let password = acceptable(self.password.read(&username)?)?;
        let id = UserId::generate();
        let sealed_password = Some(hash(database, &hasher()?, &id, password).await?);
        let user = NewUser {
            id: id.clone(),
            username: username.clone(),
            name: None,
            claims,
            sealed_password,
        };
        database
            .store
            .add_user(user, database.now())
            .await
            .map_err(|error| match error {
                StoreError::Conflict(_) => taken(&username),
                other => other.into(),
            })?;
        note(format_args!("{username} can sign in"));
        output.record(&Shown::from(find(database, id.as_str()).await?))
    }
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
    let found = find(database, user).await?;
    let mut claims = found.claims.clone();
    named.set_in(&mut claims)?;
    let changed = database
        .store
        .update_claims(&found.id, found.updated_at, &claims, database.now())
        .await?;
    if !changed {
        return Err(Failure::Conflict(format!(
            "{user} was changed by somebody else in this moment\n    try again"
        )));
    }
    note(format_args!(
        "apps see the change when they next ask for it"
    ));
    output.record(&Shown::from(find(database, found.id.as_str()).await?))
}

async fn list(database: &Database, output: Format) -> Result<(), Failure> {
    let mut users: Vec<Shown> = Vec::new();
    loop {
        let after = users.last().map(|user| user.username.as_str());
        let page = database.store.list_users(after, PAGE).await?;
        let last = page.len() < PAGE as usize;
        users.extend(page.into_iter().map(Shown::from));
        if last {
            return output.list(&users);
        }
    }
}

async fn set_password(
    database: &Database,
    user: &str,
    source: &PasswordSource,
) -> Result<(), Failure> {
    let found = find(database, user).await?;
    let password = acceptable(source.read(&found.username)?)?;
    let sealed = hash(database, &hasher()?, &found.id, password).await?;
    database
        .store
        .set_password(&found.id, &sealed, database.now())
        .await?;
    note(format_args!(
        "{} has a new password, and is signed out everywhere",
        found.username
    ));
    Ok(())
}

async fn find(database: &Database, user: &str) -> Result<UserRecord, Failure> {
    let found = match UserId::parse(user) {
        Some(id) => database.store.user(&id).await?,
        None => database.store.user_by_name(user).await?,
    };
    found.ok_or_else(|| {
        Failure::NotFound(format!(
            "there is no user {user}\n    `safeconduct user list` names them all"
        ))
    })
}

/// What a username must be: something that can be typed, seen and told from an id.
pub(super) fn check_username(username: &str) -> Result<(), String> {
    let length = username.chars().count();
    if !(1..=LONGEST_USERNAME).contains(&length) {
        return Err(format!("a username has 1 to {LONGEST_USERNAME} characters"));
    }
    if username.trim() != username {
        return Err("a username has no space at either end".to_owned());
    }
    if let Some(unseen) = username.chars().find(|char| is_unseen(*char)) {
        return Err(format!(
            "a username has no control or invisible characters, and this one has U+{:04X}",
            u32::from(unseen)
        ));
    }
    if UserId::parse(username).is_some() {
        return Err("this username reads like a user id".to_owned());
    }
    precis::check_username(username)
        .map_err(|error| format!("this can't be a username (RFC 8265 §3): {error}"))
}

/// Whether a character shows nothing, turns the text around it, or stands for bytes that were no text: two names that differ
/// by it alone look alike.
fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
}

/// What a password must be so that it can be hashed, and sent by the login page.
pub(super) fn check_password(password: &Secret) -> Result<(), String> {
    let text = password.expose();
    if text.is_empty() {
        return Err("the password is empty".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!("the password is longer than {LONGEST} bytes"));
    }
    // Every form with NUL or U+FFFD is refused before anybody looks at the password; other controls are no password (RFC 8265 §4).
    let unfit = text
        .chars()
        .find(|char| char.is_control() || *char == '\u{fffd}');
    unfit.map_or(Ok(()), |char| {
        Err(format!(
            "the password has U+{:04X} in it, which can't be signed in with",
            u32::from(char)
        ))
    })
}

fn taken(username: &str) -> Failure {
    Failure::Conflict(format!(
        "there is a user {username} already\n    --if-not-exists makes that a success"
    ))
}

fn acceptable(password: Secret) -> Result<Secret, Failure> {
    if password.expose().chars().count() < SHORTEST {
        return Err(Failure::Usage(format!(
            "the password is shorter than {SHORTEST} characters"
        )));
    }
    check_password(&password).map_err(Failure::Usage)?;
    Ok(password)
}

pub(super) fn hasher() -> Result<Passwords, Failure> {
    Passwords::start(PasswordSettings::default())
        .map_err(|error| Failure::failed("no thread to hash the password on", error))
}

pub(super) async fn hash(
    database: &Database,
    passwords: &Passwords,
    id: &UserId,
    password: Secret,
) -> Result<SealedPassword, Failure> {
    let hash = passwords
        .hash(password)
        .await
        .map_err(|error| Failure::failed("the password can't be hashed", error))?;
    Ok(database.keys.seal_password(id, &hash)?)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ada")]
    #[case("Ada Lovelace")]
    #[case("adá@example.com")]
    #[case("李")]
    #[case("ju\u{308}rgen")]
    fn a_username_is_what_can_be_seen(#[case] username: &str) {
        assert_eq!(check_username(username), Ok(()));
    }

    #[rstest]
    #[case("", "1 to 128")]
    #[case(&"x".repeat(129), "1 to 128")]
    #[case(" ada", "at either end")]
    #[case("ada\u{3000}", "at either end")]
    #[case("a\0da", "U+0000")]
    #[case("ada\u{7f}", "U+007F")]
    #[case("a\u{200b}da", "U+200B")]
    #[case("\u{202e}ada", "U+202E")]
    #[case("a\u{2066}da", "U+2066")]
    #[case("\u{feff}ada", "U+FEFF")]
    #[case("a\u{fffd}da", "U+FFFD")]
    #[case("ada\u{2603}", "U+2603")]
    #[case("\u{fb01}fi", "U+FB01")]
    #[case("ada\u{5d3}", "writing directions")]
    fn a_username_that_looks_like_another_is_refused(#[case] username: &str, #[case] says: &str) {
        let told = check_username(username).unwrap_err();
        assert!(told.contains(says), "{told}");
    }

    #[rstest]
    #[case("correct\0horse")]
    #[case("correct\u{fffd}horse")]
    #[case("correct\u{7}horse")]
    #[case(&"x".repeat(LONGEST + 1))]
    fn a_password_that_the_login_page_refuses_is_never_set(#[case] password: &str) {
        assert!(acceptable(Secret::new(password)).is_err());
        assert!(acceptable(Secret::new("correct horse")).is_ok());
    }
}
