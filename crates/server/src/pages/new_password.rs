//! The page on which a password is set: by a one-time link, where a passkey may do instead, or on the account pages.

use safeconduct_protocol::password::UnfitPassword;
use serde::Serialize;

use super::passkey::AddPasskeyPage;

/// The form on which the holder of a one-time link, or who is signed in, sets a password.
#[derive(Clone, Default, Serialize)]
pub struct NewPasswordPage<'a> {
    /// The name of the account.
    pub account: &'a str,
    /// Whether it is the first password of the account.
    pub is_first: bool,
    /// Whether its holder is new to the account, where a link leads here.
    pub is_invited: bool,
    /// Where the form is posted, which is also the page's own path.
    pub action: &'a str,
    /// The link, sealed, posted back as `link`; none on an account page.
    pub link: Option<&'a str>,
    /// The token that binds the form to this browser, posted as `csrf`, on an account page.
    pub csrf: Option<&'a str>,
    /// Whether the box is checked that ends everything else, posted as `end_others`, on an account page.
    pub ends_others: bool,
    /// How many characters the password has at least.
    pub minimum: usize,
    /// What was wrong with the attempt before, if there was one.
    pub problem: Option<NewPasswordProblem>,
    /// The form that has the browser make a passkey instead, where one may be brought by the link.
    pub passkey: Option<AddPasskeyPage<'a>>,
}

/// Why a new password was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NewPasswordProblem {
    /// Nothing was typed.
    Missing,
    /// The two that were typed differ.
    Differs,
    /// It has fewer characters than are demanded.
    Short,
    /// It has more bytes than anything is kept of.
    Long,
    /// It has a character that can't be typed at a sign-in.
    Character,
    /// It is one of those that are tried first.
    Common,
    /// It is a name of the user or of the server, or a part of one.
    Name,
    /// The server has too many passwords to hash right now.
    Busy,
}

impl From<UnfitPassword> for NewPasswordProblem {
    fn from(unfit: UnfitPassword) -> Self {
        match unfit {
            UnfitPassword::TooShort { .. } => Self::Short,
            UnfitPassword::TooLong => Self::Long,
            UnfitPassword::Character(_) => Self::Character,
            UnfitPassword::Common => Self::Common,
            UnfitPassword::OfPerson | UnfitPassword::OfService => Self::Name,
        }
    }
}
