//! The refusal page: what is wrong, what to do, and what was received.
//!
//! A stranger sees what they sent and nothing new. What was expected instead is for the developer box,
//! which is filled only in development on loopback.

use serde::Serialize;

use super::ClientLink;

/// The answer to a request that cannot be trusted or served.
#[derive(Clone, Serialize)]
pub struct RefusalPage<'a> {
    /// What the heading says.
    pub kind: RefusalKind,
    /// The status the page is sent with.
    pub status: u16,
    /// The refusal's stable name (`redirect-uri-not-registered`), in `#error-code`.
    pub name: &'a str,
    /// What is wrong, in one public sentence.
    pub sentence: &'a str,
    /// What the user in front of it can do.
    pub what_to_do: &'a str,
    /// The id to find the request by.
    pub correlation_id: &'a str,
    /// The client to go back to, where a request that this server sealed proves which one it is.
    pub way_back: Option<ClientLink<'a>>,
    /// Where another link is asked for, if a link was refused and there are mails.
    pub recover_url: Option<&'a str>,
    /// The sealed request by which the page is shown again in another language. Without one, its entry of the errors reference is.
    pub again: Option<&'a str>,
    /// The parameters as they were sent. Shown escaped, each cut after 200 characters, the first 24 of them.
    pub received: &'a [(&'a str, &'a str)],
    /// What only the developer of this very machine may see.
    pub developer: Option<Developer<'a>>,
}

/// The private half of a refusal, for development on loopback.
#[derive(Clone, Copy, Serialize)]
pub struct Developer<'a> {
    /// Expected against got, a line each.
    pub detail: &'a [&'a str],
}

/// The headings of the refusal page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The request that began the sign-in cannot be trusted, or cannot be understood.
    SignInLink,
    /// The form is older than a pending authorization lives.
    Expired,
    /// The form belongs to another browser, or another session of this one.
    Browser,
    /// A one-time link is not good, or not any more.
    Link,
    /// Somebody wants to sign out, and nobody knows whether they are signed in.
    SignOut,
    /// The request came from another site, or from someone without the right to it.
    Forbidden,
    /// There is nothing at this address.
    NotFound,
    /// The address is not opened with this method.
    Method,
    /// The request is larger than any real one.
    TooLarge,
    /// Too many requests or attempts.
    TooMany,
    /// The server cannot serve this now.
    Unavailable,
}

impl RefusalKind {
    /// The heading that fits a status where nothing more is known. 400 is a broken sign-in link.
    #[must_use]
    pub const fn of_status(status: u16) -> RefusalKind {
        match status {
            401 | 403 => RefusalKind::Forbidden,
            404 | 410 => RefusalKind::NotFound,
            405 | 415 => RefusalKind::Method,
            413 | 414 | 431 => RefusalKind::TooLarge,
            429 => RefusalKind::TooMany,
            500.. => RefusalKind::Unavailable,
            _ => RefusalKind::SignInLink,
        }
    }
}
