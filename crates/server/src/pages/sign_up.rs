//! The pages on which somebody asks for an account, and creates it.

use serde::Serialize;

use super::{AddPasskeyPage, NewPasswordProblem};

/// The form that asks for an account.
#[derive(Clone, Default, Serialize)]
pub struct SignUpPage<'a> {
    /// Where the form is posted: the path of `/sign-up` below the issuer, which is also the page's own where it is on the way to nothing.
    pub action: &'a str,
    /// The client that its reader is on the way to, if to any.
    pub client: Option<SignUpClient<'a>>,
    /// Where who has an account goes, who is on the way to no client.
    pub sign_in_url: &'a str,
    /// The mail domains that an address must be of; none where it may be of any.
    pub domains: &'a [&'a str],
    /// What was typed before, or what the client hinted at; else empty.
    pub typed: &'a str,
    /// What was wrong with the attempt before, if there was one.
    pub problem: Option<SignUpProblem>,
}

/// A client that somebody without an account is on the way to.
#[derive(Clone, Default, Serialize)]
pub struct SignUpClient<'a> {
    /// Its name, as registered.
    pub name: &'a str,
    /// The host that it is returned to.
    pub host: &'a str,
    /// The sealed pending authorization, posted back as `pending`.
    pub pending: &'a str,
    /// Where the wish to sign in instead is posted, with `pending`.
    pub sign_in_action: String,
    /// The path of this page, to which `pending` is posted.
    pub page: String,
}

/// Why no account was asked for. None of it depends on who has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SignUpProblem {
    /// Nothing was typed.
    Missing,
    /// It is no address.
    Malformed,
    /// It is of none of the domains.
    Domain,
    /// Too many were asked for with this address or from this network.
    Throttled {
        /// How long to wait, rounded up.
        minutes: u32,
    },
}

/// The form on which whoever reads mail at an address creates an account.
#[derive(Clone, Default, Serialize)]
pub struct NewAccountPage<'a> {
    /// The address.
    pub address: &'a str,
    /// Where the form is posted, which is also the page's own path.
    pub action: &'a str,
    /// The link, sealed, posted back as `link`.
    pub link: &'a str,
    /// The name to sign in with that was typed before; else empty.
    pub username: &'a str,
    /// What they wanted to be called; else empty.
    pub name: &'a str,
    /// How many characters the password has at least.
    pub minimum: usize,
    /// Whether the page asks what its browser can make.
    pub passkeys: bool,
    /// What was wrong with the name to sign in with, if anything.
    pub username_problem: Option<UsernameProblem>,
    /// Whether users can't be called so.
    pub is_name_unfit: bool,
    /// What was wrong with the password, if anything.
    pub password_problem: Option<NewPasswordProblem>,
}

/// The form on which they make a passkey in place of a password.
#[derive(Clone, Default, Serialize)]
pub struct NewAccountPasskeyPage<'a> {
    /// The address.
    pub address: &'a str,
    /// The link, sealed, posted back as `link`.
    pub link: &'a str,
    /// The name to sign in with.
    pub username: &'a str,
    /// What they want to be called; else empty.
    pub name: &'a str,
    /// The passkey, which is posted to the page's own path.
    pub passkey: AddPasskeyPage<'a>,
}

/// Why nobody can give this name to themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UsernameProblem {
    /// Nothing was typed.
    Missing,
    /// It can't be a name: too long, signs that nobody sees, letters of several scripts.
    Unfit,
    /// It reads like the address of somebody else.
    Address,
    /// Somebody has it.
    Taken,
    /// Too many names were asked for that others have.
    Throttled {
        /// How long to wait, rounded up.
        minutes: u32,
    },
}
