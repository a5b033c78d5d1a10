//! The pages that settle who is in front of the browser: sign in, and choose an account.

use serde::Serialize;

use super::passkey::PasskeyPrompt;

/// The form that asks for a user's name and password, on the way to a client.
#[derive(Clone, Default, Serialize)]
pub struct SignInPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to (`notes.example`, `localhost:8421`).
    pub client_host: &'a str,
    /// Where the form is posted: the path of `/login` below the issuer.
    pub action: &'a str,
    /// The sealed pending authorization, posted back as `pending`.
    pub pending: &'a str,
    /// The user name typed before, or hinted at by the client (`login_hint`); else empty.
    pub username: &'a str,
    /// What went wrong with the attempt before, if there was one.
    pub problem: Option<SignInProblem>,
    /// The account that has to prove itself again. Its name then stands fast in the form; the server
    /// still judges whose password it was.
    pub reauthenticate: Option<&'a str>,
    /// Where the wish for another account than `reauthenticate` is posted, with `pending`, if it may be another.
    pub use_another_account_action: Option<&'a str>,
    /// Where a user goes who can't sign in, if anything can be done for them without an operator.
    pub recover_url: Option<&'a str>,
    /// Where the wish for an account is posted, with `pending`, where users may create one.
    pub sign_up_action: Option<&'a str>,
    /// What the operator says beside the form ([`Settings::sign_in_notice`](crate::Settings::sign_in_notice)).
    pub notice: Option<&'a Notice>,
    /// The form that asks for a passkey, where there are any: of `reauthenticate`, or of anybody.
    pub passkey: Option<&'a PasskeyPrompt>,
}

/// The question which account to continue with (`prompt=select_account`).
#[derive(Clone, Default, Serialize)]
pub struct SelectAccountPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to (`notes.example`, `localhost:8421`).
    pub client_host: &'a str,
    /// The name of the account that is signed in.
    pub account: &'a str,
    /// Where the wish to continue with `account` is posted.
    pub continue_action: &'a str,
    /// Where the wish for another account is posted.
    pub use_another_account_action: &'a str,
    /// The sealed pending authorization, posted back as `pending` by either.
    pub pending: &'a str,
}

/// Who is signed in may not use the client. Which groups would do is not said.
#[derive(Clone, Default, Serialize)]
pub struct NotAdmittedPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to (`notes.example`, `localhost:8421`).
    pub client_host: &'a str,
    /// The name of the account that is signed in.
    pub account: &'a str,
    /// Whom to ask, as registered.
    pub contacts: &'a [Contact],
    /// Where the wish for another account is posted.
    pub use_another_account_action: &'a str,
    /// The sealed pending authorization, posted back as `pending`.
    pub pending: &'a str,
    /// The name of this one.
    pub name: &'a str,
    /// By which the log knows the request.
    pub correlation_id: &'a str,
}

/// Whom the users of a client can ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// The address, as registered.
    pub text: String,
    /// Where it leads.
    pub href: String,
}

impl Contact {
    /// An address of mail or a page, as a client registers it.
    pub fn of(text: &str) -> Self {
        let href = match text.contains("://") {
            true => text.to_owned(),
            false => format!("mailto:{text}"),
        };
        Self {
            text: text.to_owned(),
            href,
        }
    }
}

/// Why an attempt to sign in failed, as much as a stranger may know: an unknown user, a wrong password
/// and a locked account are one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SignInProblem {
    /// The name and the password do not belong together.
    WrongCredentials,
    /// The name was left empty.
    MissingUsername,
    /// The password was left empty.
    MissingPassword,
    /// Both were left empty.
    MissingBoth,
    /// Too many attempts for this account or from this address.
    Throttled {
        /// How long to wait, rounded up.
        minutes: u32,
    },
    /// The server has too many passwords to check right now.
    Busy,
    /// The passkey was not taken: an unknown one, and a bad answer, are one thing.
    Passkey,
}

/// A notice on a page: plain text, which is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Its heading.
    pub heading: String,
    /// Its lines, shown as a list.
    pub lines: Vec<String>,
}
