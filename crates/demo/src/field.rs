//! Named values as the demo may show them: every secret cut short, before anything is kept.
//!
//! What is kept of a secret is its first and last letters and its SHA-256, by which `story.rs` can tell that two parties
//! spoke of the same value. Of a password nothing is kept at all.

use http::{HeaderMap, HeaderName, header};
use safeconduct_protocol::encoding;
use serde::Serialize;
use serde_json::Value;

/// The longest value that is shown whole, in characters.
pub(crate) const LONGEST_SHOWN: usize = 300;
/// How many letters of a secret are shown at either end.
const SHOWN: usize = 4;
/// Shown instead of what must not be remembered.
const NEVER_RECORDED: &str = "(never recorded)";

/// Form fields and parameters whose value is worth stealing.
const SECRETS: [&str; 19] = [
    "access_token",
    "arrival",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "csrf",
    "csrf_token",
    "id_token",
    "id_token_hint",
    "logout",
    "logout_token",
    "nonce",
    "pending",
    "refresh_token",
    "request",
    "request_uri",
    "state",
    "token",
];

/// A named value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shown: String,
    /// The SHA-256 of the whole value, base64url: for a `code_verifier`, the challenge it was made for. `None` for a
    /// password, which could be guessed from it.
    #[serde(skip)]
    pub(crate) digest: Option<String>,
}

impl Field {
    /// Names a value, cut short if it is worth stealing.
    pub(crate) fn new(name: &str, value: &str) -> Self {
        if name == "password" {
            return Self {
                name: name.to_owned(),
                shown: NEVER_RECORDED.to_owned(),
                digest: None,
            };
        }
        Self {
            name: name.to_owned(),
            shown: show(name, value),
            digest: Some(digest_of(value)),
        }
    }
}

/// What is kept of a value that is cut short, to know it again by.
pub(crate) fn digest_of(value: &str) -> String {
    encoding::sha256_base64url(value.as_bytes())
}

/// Whether `text` looks like a token of this server: sealed, or a JWT.
pub(crate) fn is_artifact(text: &str) -> bool {
    let jwt = text.starts_with("eyJ") && text.matches('.').count() == 2;
    jwt || (text.len() > 24 && text.starts_with("sc_"))
}

/// The first and the last letters of a secret, its readable prefix whole. A short one is not shown at all.
fn short(value: &str) -> String {
    let prefix = match value.strip_prefix("sc_").and_then(|rest| rest.find('_')) {
        Some(end) => "sc_".len() + end + 1,
        None => 0,
    };
    let letters: Vec<char> = value.chars().collect();
    if letters.len() < prefix + SHOWN * 5 {
        return "…".to_owned();
    }
    let first: String = letters[..prefix + SHOWN].iter().collect();
    let last: String = letters[letters.len() - SHOWN..].iter().collect();
    format!("{first}…{last}")
}

fn show(name: &str, value: &str) -> String {
    if SECRETS.contains(&name) || is_artifact(value) {
        return short(value);
    }
    // What somebody typed ends up on a terminal, which would obey it.
    let printable = value.chars().map(|letter| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    });
    match value.char_indices().nth(LONGEST_SHOWN) {
        Some(_) => printable.take(LONGEST_SHOWN).chain(['…']).collect(),
        None => printable.collect(),
    }
}

/// The fields of a form or of a query.
pub(crate) fn form(text: &[u8]) -> Vec<Field> {
    form_urlencoded::parse(text)
        .map(|(name, value)| Field::new(&name, &value))
        .collect()
}

/// The headers of these names, in the order of the names.
pub(crate) fn headers(sent: &HeaderMap, names: &[HeaderName]) -> Vec<Field> {
    let mut fields = Vec::new();
    for name in names {
        for value in sent.get_all(name) {
            let value = value.to_str().unwrap_or("(not text)");
            fields.push(Field {
                name: name.to_string(),
                shown: show_header(name, value),
                digest: None,
            });
        }
    }
    fields
}

fn show_header(name: &HeaderName, value: &str) -> String {
    match *name {
        header::AUTHORIZATION => show_credentials(value),
        header::COOKIE => value
            .split(';')
            .map(|pair| show_cookie(pair.trim_matches([' ', '\t'])))
            .collect::<Vec<_>>()
            .join("; "),
        header::SET_COOKIE => match value.split_once(';') {
            Some((pair, attributes)) => format!("{};{attributes}", show_cookie(pair)),
            None => show_cookie(value),
        },
        header::LOCATION => match value.split_once('?') {
            Some((to, query)) => {
                let (query, end) = match query.split_once('#') {
                    Some((query, _)) => (query, "#"),
                    None => (query, ""),
                };
                let query: Vec<String> = form(query.as_bytes())
                    .iter()
                    .map(|field| format!("{}={}", field.name, field.shown))
                    .collect();
                format!("{to}?{}{end}", query.join("&"))
            }
            None => value.to_owned(),
        },
        _ => show(name.as_str(), value),
    }
}

fn show_cookie(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, "")) => format!("{name}="),
        Some((name, value)) => format!("{name}={}", short(value)),
        None => "…".to_owned(),
    }
}

fn show_credentials(value: &str) -> String {
    let (scheme, credentials) = value.split_once(' ').unwrap_or(("", value));
    if !scheme.eq_ignore_ascii_case("basic") {
        return format!("{scheme} {}", short(credentials));
    }
    let credentials = credentials
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    let decoded = encoding::decode(&credentials).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded);
    let client_id = decoded.split(':').next().unwrap_or_default();
    format!("{scheme} {client_id}:… (base64)")
}

/// JSON with its secrets cut short.
pub(crate) fn shortened(json: Value) -> Value {
    match json {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => {
                    let shown = Field::new(&name, &text).shown;
                    (name, Value::String(shown))
                }
                other => (name, shortened(other)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(shortened).collect(),
        Value::String(text) => Value::String(show("", &text)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "code",
        "sc_code_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
        "sc_code_AbCd…6789"
    )]
    #[case(
        "anything",
        "sc_rt_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
        "sc_rt_AbCd…6789"
    )]
    #[case(
        "access_token",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
        "eyJh…dXJl"
    )]
    #[case("state", "Qx7.n0tTh3Wh0l3St4t3", "Qx7.…t4t3")]
    #[case("state", "Qx7.n0tTh3Wh0l3St4", "…")]
    #[case("state", "short", "…")]
    #[case("password", "hush", "(never recorded)")]
    #[case("scope", "notes.read notes.write", "notes.read notes.write")]
    #[case("username", "al\u{1b}[2Jice", "al\u{fffd}[2Jice")]
    fn a_secret_is_cut_short(#[case] name: &str, #[case] value: &str, #[case] shown: &str) {
        assert_eq!(Field::new(name, value).shown, shown);
    }

    #[test]
    fn nothing_is_kept_of_a_password_and_the_digest_of_a_verifier_is_its_challenge() {
        assert_eq!(Field::new("password", "hush").digest, None);
        let verifier = Field::new(
            "code_verifier",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        );
        assert_eq!(
            verifier.digest.unwrap(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
