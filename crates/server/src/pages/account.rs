//! The account pages: what their user sees of the account, in one frame.

use serde::Serialize;

use super::claims::ClaimLine;
use super::dates::Moment;
use super::passkey::{AddPasskeyPage, PasskeysPage};

/// What stands around every account page.
#[derive(Clone, Default, Serialize)]
pub struct AccountFrame<'a> {
    /// The name of the account.
    pub account: &'a str,
    /// Whether there are passkeys.
    pub passkeys: bool,
    /// Which of the pages it is, or belongs to.
    pub section: Section,
    /// Its path.
    pub path: &'a str,
    /// The token that binds the forms of the page to this browser, posted as `csrf`.
    pub csrf: &'a str,
    /// Where the wish to sign out is posted.
    pub sign_out_action: &'a str,
    /// The token of that form, posted as `csrf`.
    pub sign_out_csrf: &'a str,
    /// Whether the user had to prove who they are before a change, and has to ask for it once more.
    pub again: bool,
}

/// The account pages that lead to one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Whose account it is, and the way to the others.
    #[default]
    Overview,
    /// How the user signs in.
    Security,
    /// Which apps have access.
    Apps,
    /// Where the user is signed in.
    Sessions,
    /// What happened.
    Activity,
}

/// What one of the account pages is about.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub enum AccountPage<'a> {
    /// Whose account it is, and the way to the other pages.
    Overview(OverviewPage<'a>),
    /// The question whether to delete it.
    Delete(DeletePage<'a>),
    /// The mail address of the account.
    Address(AddressPage<'a>),
    /// The telephone number of the account.
    Phone(PhonePage<'a>),
    /// How the user signs in.
    Security(SecurityPage<'a>),
    /// Which apps have access.
    Apps(AppsPage<'a>),
    /// Where the user is signed in.
    Sessions(SessionsPage<'a>),
    /// What happened.
    Activity(ActivityPage<'a>),
    /// Their passkeys.
    Passkeys(PasskeysPage<'a>),
    /// Another passkey.
    AddPasskey(AddPasskeyPage<'a>),
}

impl AccountPage<'_> {
    /// The template that shows it.
    pub(super) const fn template(&self) -> &'static str {
        match self {
            Self::Overview(_) => "account_overview.html",
            Self::Delete(_) => "account_delete.html",
            Self::Address(_) => "account_address.html",
            Self::Phone(_) => "account_phone.html",
            Self::Security(_) => "account_security.html",
            Self::Apps(_) => "account_apps.html",
            Self::Sessions(_) => "account_sessions.html",
            Self::Activity(_) => "account_activity.html",
            Self::Passkeys(_) => "account_passkeys.html",
            Self::AddPasskey(_) => "account_add_passkey.html",
        }
    }
}

/// An account page in its frame, as templates see it.
#[derive(Serialize)]
pub(super) struct Framed<'a> {
    pub(super) frame: &'a AccountFrame<'a>,
    pub(super) page: &'a AccountPage<'a>,
}

/// Whose account it is.
#[derive(Clone, Default, Serialize)]
pub struct OverviewPage<'a> {
    /// What the user is called, or what was typed.
    pub name: &'a str,
    /// Whether what was typed can't be a name.
    pub is_unfit: bool,
    /// Where another name is posted, as `name`.
    pub rename_action: &'a str,
    /// What else is known that apps may be told.
    pub facts: &'a [FactLine<'a>],
    /// Where the mail address is changed, if it can be.
    pub address_page: Option<&'a str>,
    /// Where the telephone number is changed.
    pub phone_page: &'a str,
    /// Where the account is deleted, if its user may.
    pub delete_page: Option<&'a str>,
}

/// Something that is known about the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FactLine<'a> {
    /// The claim: `email` or `phone_number`.
    pub kind: &'a str,
    /// What it says.
    pub value: &'a str,
}

/// The question whether to delete the account.
#[derive(Clone, Default, Serialize)]
pub struct DeletePage<'a> {
    /// Where the answer is posted, with the name of the account as `confirmation`.
    pub action: &'a str,
    /// Whether another name was typed.
    pub is_unconfirmed: bool,
}

/// The mail address of the account.
#[derive(Clone, Default, Serialize)]
pub struct AddressPage<'a> {
    /// The one that is known.
    pub address: Option<&'a str>,
    /// Whether it is known to be the user's.
    pub is_verified: bool,
    /// Where the form is posted; none where no mail can be sent.
    pub action: Option<&'a str>,
    /// What was typed before; else empty.
    pub typed: &'a str,
    /// What was wrong with it.
    pub problem: Option<AddressProblem>,
    /// The address that a link was sent to just now.
    pub sent_to: Option<&'a str>,
}

/// The telephone number of the account.
#[derive(Clone, Default, Serialize)]
pub struct PhonePage<'a> {
    /// The one that is known, or what was typed; else empty.
    pub number: &'a str,
    /// Whether what was typed is none.
    pub is_unfit: bool,
    /// Where another one is posted, as `phone_number`.
    pub action: &'a str,
}

/// Why no link was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AddressProblem {
    /// What was typed is no address.
    Malformed,
    /// Too many were asked for by this account or from this network.
    Throttled {
        /// How long to wait, rounded up.
        minutes: u32,
    },
}

/// The question whether an address is to be the user's.
#[derive(Clone, Default, Serialize)]
pub struct ConfirmAddressPage<'a> {
    /// The name of the account.
    pub account: &'a str,
    /// The address.
    pub address: &'a str,
    /// Where the form is posted: the path of `/link` below the issuer, which is also the page's own.
    pub action: &'a str,
    /// The link, sealed, posted back as `link`.
    pub link: &'a str,
    /// The token that binds the form to this browser, posted as `csrf`.
    pub csrf: &'a str,
}

/// How the user signs in.
#[derive(Clone, Default, Serialize)]
pub struct SecurityPage<'a> {
    /// The day since which the password is what it is, if there is one.
    pub password_changed: Option<&'a str>,
    /// Where it is changed, or a first one set.
    pub password_page: &'a str,
    /// The authenticator app, if there is one.
    pub authenticator: Option<&'a AuthenticatorLine>,
    /// Whether one may be added.
    pub may_add_authenticator: bool,
    /// Where one is added.
    pub authenticator_page: &'a str,
    /// Where its end is posted.
    pub remove_authenticator_action: &'a str,
    /// Where the wish for other recovery codes is posted.
    pub new_recovery_codes_action: &'a str,
}

/// The authenticator app of the user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuthenticatorLine {
    /// The day it was added.
    pub added: String,
    /// How many recovery codes are left beside it.
    pub recovery_codes: i64,
    /// Whether that is so few that there should be new ones.
    pub few: bool,
    /// Whether it is the only one where a second factor is demanded, and so can't be removed.
    pub is_demanded: bool,
}

/// Which apps have access.
#[derive(Clone, Default, Serialize)]
pub struct AppsPage<'a> {
    /// Where the end of an app's access is posted, with its id as `client`.
    pub remove_access_action: &'a str,
    /// For how many minutes an app that has lost its access may go on at an API that doesn't ask this server.
    pub minutes: i64,
    /// The apps, by name.
    pub apps: &'a [AppLine],
}

/// An app that has access.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AppLine {
    /// Its `client_id`.
    pub id: String,
    /// Its name, in the language of the page.
    pub name: String,
    /// What it may do, in words.
    pub scopes: Vec<String>,
    /// What is known about the user that it can see now.
    pub sees: Vec<ClaimLine>,
    /// The day since which it may.
    pub since: Option<String>,
    /// When it last asked for tokens, if it has any.
    pub last_used: Option<Moment>,
}

/// Where the user is signed in.
#[derive(Clone, Default, Serialize)]
pub struct SessionsPage<'a> {
    /// Where a session's end is posted, with its id as `session`.
    pub end_session_action: &'a str,
    /// Where the end of all other sessions is posted.
    pub end_others_action: &'a str,
    /// The sessions, the oldest first.
    pub sessions: &'a [SessionLine],
}

/// A session of the user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionLine {
    /// Its id.
    pub id: String,
    /// Whether it is that of this browser.
    pub is_this: bool,
    /// The kind of browser it began in, if that is known.
    pub browser: Option<&'static str>,
    /// The system of that browser, if it is known.
    pub system: Option<&'static str>,
    /// The day it began.
    pub started: String,
    /// When it was last used.
    pub last_seen: Moment,
    /// By what the user proved who they are, by the names of [`Factor`](safeconduct_protocol::authentication::Factor).
    pub factors: Vec<&'static str>,
}

/// What happened to the account, the newest first.
#[derive(Clone, Default, Serialize)]
pub struct ActivityPage<'a> {
    /// What happened.
    pub events: &'a [EventLine],
    /// Where what happened before is, if anything did.
    pub earlier: Option<&'a str>,
}

/// Something that happened to the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventLine {
    /// What, by the name of the event.
    pub kind: &'static str,
    /// When.
    pub at: Moment,
    /// The name of the app that it is about, if it is about one.
    pub app: String,
    /// How many recovery codes were left, where one was used.
    pub left: i64,
}
