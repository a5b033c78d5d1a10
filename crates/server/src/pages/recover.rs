//! The pages of a user who can't sign in.

use serde::Serialize;

/// The form that asks for a link by mail.
#[derive(Clone, Default, Serialize)]
pub struct RecoverPage<'a> {
    /// Where the form is posted: the path of `/recover` below the issuer, which is also the page's own.
    pub action: &'a str,
    /// What was typed before; else empty.
    pub typed: &'a str,
    /// What was wrong with the attempt before, if there was one.
    pub problem: Option<RecoverProblem>,
}

/// Why no mail was asked for. None of it depends on whether there is such an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RecoverProblem {
    /// Nothing was typed.
    Missing,
    /// Too many were asked for by this name or from this network.
    Throttled {
        /// How long to wait, rounded up.
        minutes: u32,
    },
}
