//! The forms that ask for a passkey. A script of ours (`assets/passkey.js`) has the browser ask the user, and posts what it answers; where
//! scripts are off, or the browser knows no passkeys, the form stays hidden.

use serde::Serialize;

use super::dates::Moment;

/// The texts by which a passkey is called whose maker is not known: it, and a security key.
pub(super) const NAMES: [&str; 2] = ["passkey-name", "passkey-security-key"];

/// A form that asks for a passkey.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PasskeyPrompt {
    /// Where the form is posted.
    pub action: String,
    /// The sealed challenge, posted back as `ceremony`.
    pub ceremony: String,
    /// What the browser is asked for: JSON.
    pub options: String,
    /// Whether the browser may offer passkeys in the field of the name.
    pub conditional: bool,
    /// A passkey that this server does not know, so that the browser may forget it: its id in base64url.
    pub unknown: Option<String>,
    /// Where another challenge is asked for before this one ends, if the page may go on with one.
    pub renewal: Option<Renewal>,
}

/// How a page that stays open goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Renewal {
    /// Where `pending` is posted; JSON comes back, with what the fields of that name and `ceremony` carry from then on, and `options`.
    pub action: String,
    /// After how many seconds.
    pub seconds: i64,
}

/// The passkeys of an account.
#[derive(Clone, Default, Serialize)]
pub struct PasskeysPage<'a> {
    /// The page that makes another one.
    pub add: &'a str,
    /// Where another name is posted, with the passkey's id as `passkey`, and `name`.
    pub rename_action: &'a str,
    /// Where the end of one is posted, with its id as `passkey`.
    pub remove_action: &'a str,
    /// The passkeys, the oldest first.
    pub passkeys: &'a [PasskeyLine],
    /// What the browser is told of those that are still good: JSON, whole. Nothing where the account never had one.
    pub accepted: Option<&'a str>,
    /// Why one was not removed.
    pub problem: Option<RemovePasskeyProblem>,
}

/// Why a passkey is not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovePasskeyProblem {
    /// Without it its owner could not sign in.
    LastWayIn,
    /// A second factor is demanded of its owner, and there would be none.
    Demanded,
}

/// One passkey of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PasskeyLine {
    /// Its id, in base64url.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Whether it may be on several devices of its owner.
    pub backup_eligible: bool,
    /// The day it was added.
    pub created: String,
    /// When it was last used, if it was.
    pub last_used: Option<Moment>,
}

/// The form that has the browser make a passkey.
#[derive(Clone, Default, Serialize)]
pub struct AddPasskeyPage<'a> {
    /// Where it is posted.
    pub action: &'a str,
    /// The sealed challenge, posted back as `ceremony`.
    pub ceremony: &'a str,
    /// What the browser is asked for: JSON.
    pub options: &'a str,
    /// What was wrong with the one before, if there was one.
    pub problem: Option<AddPasskeyProblem>,
}

/// Why a new passkey was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddPasskeyProblem {
    /// The page was open for too long, or belongs to another sign-in: it begins anew.
    Over,
    /// What made it does not verify its user.
    NotVerified,
    /// It can't be found without a name.
    NotDiscoverable,
    /// An account has it already.
    Known,
    /// The account has as many as it may.
    TooMany,
    /// Anything else that is wrong with it.
    NotTaken,
}

/// The form that has the browser make a passkey, on the way to a client: it was offered and may be left, or is demanded.
#[derive(Clone, Default, Serialize)]
pub struct NewPasskeyPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to.
    pub client_host: &'a str,
    /// The name of the account that it is demanded of.
    pub demanded_of: Option<&'a str>,
    /// Where *Not now* is posted, where it is an offer.
    pub not_now_action: Option<&'a str>,
    /// Where the wish for another account is posted, where it is demanded.
    pub use_another_account_action: Option<&'a str>,
    /// The sealed pending authorization, posted back as `pending` by each.
    pub pending: &'a str,
    /// The form.
    pub page: AddPasskeyPage<'a>,
}
