//! The consent page: who asks for what, in words.

use safeconduct_protocol::administration;
use serde::Serialize;

use super::error::PagesError;
use super::texts::Texts;

/// The question whether a client may use an account.
#[derive(Clone, Default, Serialize)]
pub struct ConsentPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to (`notes.example`, `localhost:8421`).
    pub client_host: &'a str,
    /// The client's logo as a `data:` URL, if it has one.
    pub logo: Option<&'a str>,
    /// Where the client says what becomes of what it learns, if it does.
    pub policy_uri: Option<&'a str>,
    /// Where the client says under which terms it is used, if it does.
    pub tos_uri: Option<&'a str>,
    /// Whether the answer goes to a program on the user's own computer, which any program there can claim.
    pub loopback: bool,
    /// The name of the account that is signed in.
    pub account: &'a str,
    /// Where the form is posted: the path of `/consent` below the issuer.
    pub action: &'a str,
    /// Where the wish for another account is posted, with `pending`.
    pub use_another_account_action: &'a str,
    /// The sealed pending authorization, posted back as `pending`.
    pub pending: &'a str,
    /// The API the access is for, if the request names one.
    pub resource: Option<ResourceLine<'a>>,
    /// What is asked for now. All of it is shown, except that `openid` gives way to anything else: that an app which
    /// learns the name or the e-mail address knows whose they are goes without saying.
    pub scopes: &'a [ScopeLine<'a>],
    /// What the user allowed this client before.
    pub already_allowed: &'a [ScopeLine<'a>],
}

/// An API, as the consent page names it.
#[derive(Clone, Copy, Serialize)]
pub struct ResourceLine<'a> {
    /// Its name for users, or its host.
    pub name: &'a str,
    /// The URI that identifies it (RFC 8707).
    pub uri: &'a str,
}

/// One scope, as the consent page names it.
#[derive(Clone, Copy, Serialize)]
pub struct ScopeLine<'a> {
    /// The scope itself; shown only where there is no text.
    pub name: &'a str,
    /// What it permits, in words (`Read your notes`). Without it the page warns.
    pub text: Option<&'a str>,
    /// Whether it comes on top of `already_allowed`, and is marked for it.
    pub is_new: bool,
    /// The heading it stands under.
    pub kind: ScopeKind,
}

/// The scopes that OpenID Connect defines (Core §5.4, §11), and those of the administrators' API, with the text that says what each permits.
pub(super) const BUILT_IN_SCOPES: &[(&str, &str, ScopeKind)] = &[
    ("openid", "scope-openid", ScopeKind::Identity),
    ("profile", "scope-profile", ScopeKind::Identity),
    ("email", "scope-email", ScopeKind::Identity),
    ("phone", "scope-phone", ScopeKind::Identity),
    ("address", "scope-address", ScopeKind::Identity),
    ("groups", "scope-groups", ScopeKind::Identity),
    (
        "offline_access",
        "scope-offline-access",
        ScopeKind::WhileAway,
    ),
    (administration::READ, "scope-admin-read", ScopeKind::Read),
    (
        administration::WRITE,
        "scope-admin-write",
        ScopeKind::Change,
    ),
    (administration::SCIM, "scope-scim", ScopeKind::Change),
];

/// The headings of the consent page, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// Who the user is.
    Identity,
    /// What the client may look at.
    Read,
    /// What the client may alter.
    Change,
    /// What goes on when the user has left.
    WhileAway,
    /// Nobody said.
    Unknown,
}

impl ScopeKind {
    /// The heading for a scope of an API: its last word tells reading from changing, as scope names are written. One that nobody
    /// `described` is unknown.
    pub(crate) fn of(name: &str, described: bool) -> Self {
        let last = name.rsplit(['.', ':', '/']).next().unwrap_or(name);
        match last {
            _ if !described => Self::Unknown,
            "write" | "create" | "update" | "delete" | "manage" | "admin" | "send" => Self::Change,
            _ => Self::Read,
        }
    }
}

/// A scope that has words of its own.
pub(super) struct BuiltInScope {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) kind: ScopeKind,
}

/// Each of them, in the words of a language.
pub(super) fn built_in_scopes(texts: &Texts) -> Result<Vec<BuiltInScope>, PagesError> {
    let scopes = BUILT_IN_SCOPES.iter();
    let scopes = scopes.map(|&(name, text, kind)| {
        let text = texts.plain(text)?;
        Ok(BuiltInScope { name, text, kind })
    });
    scopes.collect()
}
