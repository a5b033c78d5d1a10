//! Who is answered at an address, whatever its `Accept` says: an app by itself, or a user in a browser.

use axum::extract::{OriginalUri, Request};
use http::Uri;
use safeconduct_protocol::metadata::Issuer;

/// What apps call by themselves, below the issuer: what is wrong there is said as JSON, and it may go by another name too.
const FOR_APPS: [&str; 7] = [
    "par",
    "token",
    "userinfo",
    "introspect",
    "security-events",
    "revoke",
    ".well-known",
];

/// Where the answer to an offer is posted, below the issuer.
pub(crate) const OFFER: &str = "/login/offer";
/// Where a passkey that was offered is posted.
pub(crate) const ADD_OFFERED_PASSKEY: &str = "/login/passkey/add";

/// Where a sign-in page that stays open asks for another challenge.
pub(crate) const RENEW_CHALLENGE: &str = "/login/passkey/renew";

/// The account pages, below the issuer.
pub(crate) const ACCOUNT: &str = "/account";
pub(crate) const ACCOUNT_SECURITY: &str = "/account/security";
pub(crate) const ACCOUNT_PASSWORD: &str = "/account/security/password";
pub(crate) const ACCOUNT_AUTHENTICATOR: &str = "/account/security/authenticator";
pub(crate) const ACCOUNT_APPS: &str = "/account/apps";
pub(crate) const ACCOUNT_SESSIONS: &str = "/account/sessions";
pub(crate) const ACCOUNT_ACTIVITY: &str = "/account/activity";
pub(crate) const ACCOUNT_PASSKEYS: &str = "/account/passkeys";
/// The page that makes a passkey, and where its form is posted.
pub(crate) const ADD_PASSKEY: &str = "/account/passkeys/add";

pub(crate) const ACCOUNT_DELETE: &str = "/account/delete";

/// Every account page that a sign-in may lead to.
pub(crate) const ACCOUNT_PAGES: [&str; 13] = [
    ACCOUNT_ADDRESS,
    ACCOUNT_PHONE,
    LINK,
    ACCOUNT,
    ACCOUNT_DELETE,
    ACCOUNT_SECURITY,
    ACCOUNT_PASSWORD,
    ACCOUNT_AUTHENTICATOR,
    ACCOUNT_PASSKEYS,
    ADD_PASSKEY,
    ACCOUNT_APPS,
    ACCOUNT_SESSIONS,
    ACCOUNT_ACTIVITY,
];

/// What follows the address of an account page where a change that was asked for there waits for its user to ask once more: they had
/// to prove who they are before.
pub(crate) const AGAIN: &str = "?again=1";

/// Where the forms of the account pages are posted that are no page themselves: the end of one session, of all others, and of an app's
/// access; the end of an authenticator app, other recovery codes, and another name.
pub(crate) const END_SESSION: &str = "/account/sessions/end";
pub(crate) const END_OTHERS: &str = "/account/sessions/end-others";
pub(crate) const REMOVE_ACCESS: &str = "/account/apps/remove";
pub(crate) const REMOVE_AUTHENTICATOR: &str = "/account/security/authenticator/remove";
pub(crate) const ACCOUNT_NAME: &str = "/account/name";
pub(crate) const NEW_RECOVERY_CODES: &str = "/account/security/recovery-codes";
pub(crate) const RENAME_PASSKEY: &str = "/account/passkeys/rename";
pub(crate) const REMOVE_PASSKEY: &str = "/account/passkeys/remove";

/// The page of the account's mail address, below the issuer.
pub(crate) const ACCOUNT_ADDRESS: &str = "/account/address";

/// The page of the account's telephone number, below the issuer.
pub(crate) const ACCOUNT_PHONE: &str = "/account/phone";

/// What one-time links lead to, below the issuer: the page on which a password is set.
pub(crate) const LINK: &str = "/link";

/// Where a one-time link leads, below the issuer.
pub(crate) fn of_link(sealed: &str) -> String {
    format!("{LINK}?link={sealed}")
}

/// Where a user who can't sign in asks for a link, below the issuer.
pub(crate) const RECOVER: &str = "/recover";

/// Where somebody asks for an account, below the issuer; and the same page on the way to a client.
pub(crate) const SIGN_UP: &str = "/sign-up";
pub(crate) const SIGN_UP_FOR: &str = "/login/sign-up";

/// Who reads the answer.
#[derive(Clone, Copy)]
pub(crate) enum Address {
    ForApps,
    ForPeople,
}

impl Address {
    /// The address that a request goes to.
    pub(crate) fn of(issuer: &Issuer, request: &Request) -> Self {
        let original = request.extensions().get::<OriginalUri>();
        Self::at(
            issuer,
            original.map_or(request.uri(), |original| &original.0),
        )
    }

    /// The same, of a URI as it was sent. It need not exist.
    pub(crate) fn at(issuer: &Issuer, uri: &Uri) -> Self {
        let path = uri.path();
        let below = path.strip_prefix(issuer.path()).and_then(first_segment);
        let is_for_apps = below.is_some_and(|name| FOR_APPS.contains(&name))
            || first_segment(path) == Some(".well-known");
        match is_for_apps {
            true => Self::ForApps,
            false => Self::ForPeople,
        }
    }
}

fn first_segment(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.split('/').next()
}
