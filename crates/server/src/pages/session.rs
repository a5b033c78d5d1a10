//! The pages around a session: the front door, signing out, and a form answered twice.

use serde::Serialize;

/// What stands at the issuer itself.
#[derive(Clone, Default, Serialize)]
pub struct HomePage<'a> {
    /// The session of this browser, if it has one.
    pub signed_in: Option<SignedIn<'a>>,
}

/// A session, and the way to end it.
#[derive(Clone, Copy, Serialize)]
pub struct SignedIn<'a> {
    /// The name of the account.
    pub account: &'a str,
    /// Where the wish to sign out is posted: the path of `/logout` below the issuer.
    pub sign_out_action: &'a str,
    /// The token that binds that form to this browser, posted as `csrf`.
    pub csrf: &'a str,
}

/// The question whether to end the session.
#[derive(Clone, Copy, Serialize)]
pub struct SignOutPage<'a> {
    /// The session in question.
    pub signed_in: SignedIn<'a>,
}

/// The news that the session has ended.
#[derive(Clone, Default, Serialize)]
pub struct SignedOutPage<'a> {
    /// The names of apps that were opened with the session and may not know of its end. May be empty: the
    /// page then says it of apps in general.
    pub apps: &'a [&'a str],
}

/// What a form says that was answered before.
#[derive(Clone, Default, Serialize)]
pub struct AnsweredPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to.
    pub client_host: &'a str,
    /// The client's own front page, to be linked; only http and https are.
    pub client_url: Option<&'a str>,
}
