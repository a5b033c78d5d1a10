//! Cookies of one issuer: what they are called, how they are set, and what a request sent under a name. And the one that only says in which
//! language pages are read.

use http::{HeaderMap, HeaderValue, header};
use safeconduct_protocol::{
    cookie::{self, Sent},
    language::Language,
    metadata::Issuer,
};

/// What the request sent under `name`.
pub(crate) fn sent<'h>(headers: &'h HeaderMap, name: &str) -> Sent<'h> {
    let lines = headers.get_all(header::COOKIE).iter();
    cookie::sent(lines.map(HeaderValue::as_bytes), name)
}

/// `__Host-` pins a cookie to this host, to https and to every path; http on loopback can't have it. The mark is the issuer's
/// own: two issuers at one host, told apart by path or port, would take each other's cookies away.
pub(crate) fn name(issuer: &Issuer, of: &str) -> String {
    let prefix = if issuer.is_development() {
        ""
    } else {
        "__Host-"
    };
    format!("{prefix}sc-{of}-{}", cookie::mark(issuer.as_str()))
}

/// A `Set-Cookie` value: `value` is visible ASCII, `more` further attributes, each with its semicolon in front.
pub(crate) fn set(issuer: &Issuer, of: &str, value: &str, more: &str) -> HeaderValue {
    let secure = if issuer.is_development() {
        ""
    } else {
        "; Secure"
    };
    let text = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}",
        name(issuer, of)
    );
    let mut header =
        HeaderValue::try_from(text).expect("names and base64url values are visible ASCII");
    header.set_sensitive(true);
    header
}

/// A `Set-Cookie` value that remembers the language that the user chose, for a year.
pub(crate) fn choose_language(issuer: &Issuer, language: Language) -> HeaderValue {
    set(issuer, "language", language.tag(), "; Max-Age=31536000")
}

/// The language that was chosen in this browser. Anything but the tag of one of ours is passed over, whoever left it there.
pub(crate) fn chosen_language(issuer: &Issuer, headers: &HeaderMap) -> Option<Language> {
    match sent(headers, &name(issuer, "language")) {
        Sent::Value(tag) => Language::parse(tag),
        Sent::Nothing | Sent::Unreadable | Sent::Several => None,
    }
}
