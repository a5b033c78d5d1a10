//! The account page: where its user is signed in, and which apps have access.

use serde::Serialize;

/// A user's own account.
#[derive(Clone, Default, Serialize)]
pub struct AccountPage<'a> {
    /// The name of the account.
    pub account: &'a str,
    /// The token that binds the forms of the page to this browser, posted as `csrf`.
    pub csrf: &'a str,
    /// Where a session's end is posted, with its id as `session`.
    pub end_session_action: &'a str,
    /// Where the end of all other sessions is posted.
    pub end_others_action: &'a str,
    /// Where the end of an app's access is posted, with its id as `client`.
    pub remove_access_action: &'a str,
    /// Where the wish to sign out is posted.
    pub sign_out_action: &'a str,
    /// The token of that form, posted as `csrf`.
    pub sign_out_csrf: &'a str,
    /// For how many minutes an app that has lost its access may go on at an API that doesn't ask this server.
    pub minutes: i64,
    /// Where the user is signed in, the oldest first.
    pub sessions: &'a [SessionLine],
    /// The apps that have access, by name.
    pub apps: &'a [AppLine],
}

/// A session of the user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionLine {
    /// Its id.
    pub id: String,
    /// Whether it is that of this browser.
    pub is_this: bool,
    /// The day it began, as `YYYY-MM-DD`.
    pub started: String,
    /// The day it was last used.
    pub last_seen: String,
}

/// An app that has access.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AppLine {
    /// Its `client_id`.
    pub id: String,
    /// Its name, as registered.
    pub name: String,
    /// What it may do, in words.
    pub scopes: Vec<String>,
    /// The day since which it may, as `YYYY-MM-DD`.
    pub since: Option<String>,
    /// The day it last asked for tokens, if it has any.
    pub last_used: Option<String>,
}
