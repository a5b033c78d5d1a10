//! `safeconduct user invite` and `safeconduct user recover`: one-time links. The link is the one thing on standard output.

use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::link::LinkPurpose;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::sign_up::SignUp;
use safeconduct_server::administration::Refused;
use safeconduct_server::administration::links::MadeLink;
use serde::{Deserialize, Serialize};

use super::claims::NamedClaims;
use super::database::Database;
use super::failure::Failure;
use super::output::{Format, note, when, write_out};

/// A link as shown.
#[derive(Serialize)]
struct ShownLink<'a> {
    username: &'a str,
    id: &'a UserId,
    purpose: &'static str,
    link: &'a str,
    expires_at: String,
}

/// A link for another password, as a server tells of it.
#[derive(Deserialize)]
pub(super) struct ToldLink {
    username: String,
    id: UserId,
    link: Secret,
    expires_at: String,
}

impl ToldLink {
    /// Prints it.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn show(self, output: Format) -> Result<(), Failure> {
        let purpose = LinkPurpose::Recover;
        ShownLink {
            username: &self.username,
            id: &self.id,
            purpose: purpose.name(),
            link: self.link.expose(),
            expires_at: self.expires_at,
        }
        .show(purpose, output)
    }
}

impl ShownLink<'_> {
    fn show(&self, purpose: LinkPurpose, output: Format) -> Result<(), Failure> {
        let what = match purpose {
            LinkPurpose::Invite => "chooses a password or a passkey",
            LinkPurpose::Recover
            | LinkPurpose::ChangeAddress
            | LinkPurpose::SignUp
            | LinkPurpose::SignUpInvite => {
                "chooses another password or passkey, and is signed out everywhere by that,"
            }
        };
        note(format_args!(
            "{} {what} at this address, once, until {}",
            self.username, self.expires_at
        ));
        match output {
            Format::Table => write_out(self.link),
            Format::Json => output.record(self),
        }
    }
}

/// A link to sign up as shown.
#[derive(Serialize)]
struct ShownInvitation<'a> {
    email: &'a str,
    id: &'a UserId,
    purpose: &'static str,
    link: &'a str,
    expires_at: String,
}

/// Makes an invitation, and the account for it if there is none.
///
/// # Errors
/// A name or a claim that can't be used, a user who has a password or is locked, or the database's.
pub(super) async fn invite(
    database: &Database,
    output: Format,
    way: Way,
    username: &str,
    named: &NamedClaims,
) -> Result<(), Failure> {
    let mut claims = PersonClaims::default();
    named.set_in(&mut claims).map_err(Failure::Usage)?;
    let claims = (!named.is_empty()).then_some(claims);
    let made = database.administration().invite(username, claims).await;
    let made = made.map_err(|refused| match refused {
        Refused::UserTaken(_) => Failure::Conflict(refused.to_string())
            .with_advice("the claims are those of a new user; `safeconduct user set` changes them"),
        refused => refused.into(),
    })?;
    hand_out(database, output, way, &made).await
}

/// Invites whoever reads mail at an address to create an account.
///
/// # Errors
/// Nobody may sign up, claims that are theirs to say, an address that can't be one or is an account's, or the database's.
pub(super) async fn invite_to_sign_up(
    database: &Database,
    output: Format,
    way: Way,
    address: &str,
    named: &NamedClaims,
) -> Result<(), Failure> {
    if database.checked.sign_up == SignUp::Off {
        let said = "nobody may sign up\n    set account.registration to \"invite\" in the configuration, or invite a user by name";
        return Err(Failure::Configuration(said.to_owned()));
    }
    if !named.is_empty() {
        let said = "who signs up says by themselves what is known about them: leave the claims out";
        return Err(Failure::Usage(said.to_owned()));
    }
    let administration = database.administration();
    if let Way::Mail = way {
        let (address, id) = administration.mail_invitation_to_sign_up(address).await?;
        note(format_args!(
            "a link is sent to {address}, by the next node that serves"
        ));
        note(format_args!(
            "`safeconduct user end-links {id}` takes it back"
        ));
        return Ok(());
    }
    let made = administration.invite_to_sign_up(address).await?;
    let expires_at = when(made.expires_at);
    note(format_args!(
        "whoever opens this address creates an account for {}, once, until {expires_at}",
        made.address
    ));
    note(format_args!(
        "`safeconduct user end-links {}` takes it back",
        made.user
    ));
    match output {
        Format::Table => write_out(made.url.expose()),
        Format::Json => output.record(&ShownInvitation {
            email: made.address.as_str(),
            id: &made.user,
            purpose: LinkPurpose::SignUpInvite.name(),
            link: made.url.expose(),
            expires_at,
        }),
    }
}

/// Ends the one-time links of a user, or of who was invited to be one.
///
/// # Errors
/// No such user or invitation, or the database's.
pub(super) async fn end(database: &Database, user: &str) -> Result<(), Failure> {
    match database.administration().end_links(user).await? {
        Some(name) => note(format_args!("every link of {name} is dead")),
        None => note(format_args!("the invitation of {user} is taken back")),
    }
    Ok(())
}

/// Makes a link for another password.
///
/// # Errors
/// No such user, one who is locked, or the database's.
pub(super) async fn recover(
    database: &Database,
    output: Format,
    way: Way,
    user: &str,
) -> Result<(), Failure> {
    let made = database.administration().recover(user).await?;
    hand_out(database, output, way, &made).await
}

/// How a link gets to its user.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// It is printed, and the operator's to hand over.
    Printed,
    /// By mail, and never seen here.
    Mail,
}

impl Way {
    /// The way that was asked for.
    ///
    /// # Errors
    /// By mail, and no mail server is set up.
    pub(super) fn of(mail: bool, database: &Database) -> Result<Self, Failure> {
        if mail && database.checked.mail.is_none() {
            let said = "no mail server is set up\n    name it in the configuration: [mail] host";
            return Err(Failure::Configuration(said.to_owned()));
        }
        Ok(if mail { Self::Mail } else { Self::Printed })
    }
}

async fn hand_out(
    database: &Database,
    output: Format,
    way: Way,
    made: &MadeLink,
) -> Result<(), Failure> {
    if let Way::Printed = way {
        return show(output, made);
    }
    let administration = database.administration();
    let address = administration.mail_link(&made.user, made.purpose).await?;
    note(format_args!(
        "{} is sent a link to {address}, by the next node that serves",
        made.username
    ));
    Ok(())
}

fn show(output: Format, made: &MadeLink) -> Result<(), Failure> {
    let name = &made.username;
    if made.added {
        note(format_args!("{name} is added, and can't sign in yet"));
    }
    ShownLink {
        username: name,
        id: &made.user,
        purpose: made.purpose.name(),
        link: made.url.expose(),
        expires_at: when(made.expires_at),
    }
    .show(made.purpose, output)
}
