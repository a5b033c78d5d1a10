//! The pages around a session: the front page, signing out, a form answered twice, and a redirect that is too long for a header.

use serde::Serialize;

/// What stands at the issuer itself.
#[derive(Clone, Default, Serialize)]
pub struct HomePage<'a> {
    /// The session of this browser, if it has one.
    pub signed_in: Option<SignedIn<'a>>,
    /// Whether it sent a session cookie that can't be used, so that nobody knows.
    pub unclear: bool,
}

/// A session, and the way to end it.
#[derive(Clone, Copy, Default, Serialize)]
pub struct SignedIn<'a> {
    /// The name of the account.
    pub account: &'a str,
    /// Where the wish to sign out is posted: the path of `/logout/confirm` below the issuer.
    pub sign_out_action: &'a str,
    /// The token that binds that form to this browser, posted as `csrf`.
    pub csrf: &'a str,
}

/// The question whether to end the session.
#[derive(Clone, Copy, Default, Serialize)]
pub struct SignOutPage<'a> {
    /// The session in question.
    pub signed_in: SignedIn<'a>,
    /// The name of the client that sent the user here (RP-initiated logout), if that is proven.
    pub requested_by: Option<&'a str>,
    /// The names of the apps that are told of it.
    pub told: &'a [&'a str],
    /// The host the user is returned to afterwards (`notes.example`), if that is proven.
    pub returns_to: Option<&'a str>,
    /// The sealed logout request, posted back as `logout`.
    pub logout: Option<&'a str>,
    /// Whether there was a request that could not be verified. The page then says that nobody is returned anywhere.
    pub unverified: bool,
}

/// The news that the session has ended.
#[derive(Clone, Default, Serialize)]
pub struct SignedOutPage<'a> {
    /// The names of the apps that were told of it.
    pub told: &'a [&'a str],
    /// The names of the apps that could not be told, and may go on as before. If `told` is empty as well, the page
    /// says it of apps in general.
    pub not_told: &'a [&'a str],
    /// The client that asked for it, to go back to.
    pub return_to: Option<ReturnTo<'a>>,
}

/// A client, and the way back to it.
#[derive(Clone, Copy, Serialize)]
pub struct ReturnTo<'a> {
    /// Its name, as registered.
    pub client_name: &'a str,
    /// The URL it registered for this: http, https, or a private-use scheme (RFC 8252 §7.1). Others are not linked.
    pub url: &'a str,
}

/// A redirect whose address does not fit the head of an answer: the browser goes on by itself, and without that a user does.
#[derive(Clone, Default, Serialize)]
pub struct ContinuePage<'a> {
    /// The name of the client that the browser is sent to; none where it stays here.
    pub client_name: Option<&'a str>,
    /// The host of that client.
    pub client_host: &'a str,
    /// The address: a proven redirect URI with its parameters, or a path of this server.
    pub url: &'a str,
}

/// What a form says that was answered before.
#[derive(Serialize)]
pub(super) struct AnsweredPage<'a> {
    /// Where to go instead.
    pub(super) client: ClientLink<'a>,
}

/// The client that a user came from, to go back to: on a form that was answered before, and where a form is too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientLink<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to.
    pub client_host: &'a str,
    /// The client's own front page, to be linked; only http and https are.
    pub client_url: Option<&'a str>,
}
