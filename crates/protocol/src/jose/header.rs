//! A token taken apart: the compact serialisation (RFC 7515 §7.1) and its protected header, strictly.
//!
//! The header chooses nothing but a key by its name. `jku`, `x5u` and `x5c` are read by nobody, `jwk` only where a token
//! has to carry its key.

use serde_json::{Map, Value};

use super::{Algorithm, JoseError, Jwk, VerificationKey, json};
use crate::encoding;

/// The longest token there is, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// Members that change how a token is read. Nothing here understands them, so they are refused, used or not
/// (RFC 7515 §4.1.11, RFC 7797 §3, RFC 7516 §4.1.3).
const EXTENSIONS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// What a protected header says that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The algorithm it claims. The key has the last word.
    pub algorithm: Algorithm,
    /// The type of the token, as it was written.
    pub typ: Option<String>,
    /// The name of the key.
    pub kid: Option<String>,
}

impl Header {
    /// Whether `typ` is `expected`: regardless of case, with or without `application/` (RFC 7515 §4.1.9).
    pub(super) fn is_typ(&self, expected: &str) -> bool {
        self.typ
            .as_deref()
            .is_some_and(|typ| subtype(typ).eq_ignore_ascii_case(subtype(expected)))
    }

    fn read(members: &Map<String, Value>) -> Result<Self, JoseError> {
        if EXTENSIONS.iter().any(|name| members.contains_key(*name)) {
            return Err(JoseError::Extension);
        }
        let algorithm = text(members, "alg")?.ok_or(JoseError::Header)?;
        Ok(Self {
            algorithm: Algorithm::of_name(algorithm).ok_or(JoseError::Algorithm)?,
            typ: text(members, "typ")?.map(str::to_owned),
            kid: text(members, "kid")?.map(str::to_owned),
        })
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, JoseError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JoseError::Header),
    }
}

fn subtype(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, subtype)) if prefix.eq_ignore_ascii_case(PREFIX) => subtype,
        _ => typ,
    }
}

/// The header of `token`, for choosing whose keys to verify it with. Nothing in it is proven.
///
/// # Errors
/// [`JoseError::TooLarge`], [`JoseError::Malformed`], [`JoseError::Header`], [`JoseError::Extension`] or
/// [`JoseError::Algorithm`], as [`verify`](super::verify) would.
pub fn unverified_header(token: &str) -> Result<Header, JoseError> {
    Compact::split(token)?.header()
}

/// What `token` says of its issuer, for choosing whose keys to verify it with. Nothing in it is proven.
pub fn unverified_issuer(token: &str) -> Option<String> {
    let token = Compact::split(token).ok()?;
    token.header().ok()?;
    match token.claims().ok()?.remove("iss") {
        Some(Value::String(issuer)) => Some(issuer),
        _ => None,
    }
}

/// The three parts of a token, still encoded.
pub(super) struct Compact<'a> {
    /// Header and payload with the dot between them.
    pub(super) signing_input: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Looks at the size first: nothing is allocated for a token that is too long.
    pub(super) fn split(token: &'a str) -> Result<Self, JoseError> {
        if token.len() > MAX_TOKEN {
            return Err(JoseError::TooLarge);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JoseError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JoseError::Malformed)?;
        if payload.contains('.') {
            return Err(JoseError::Malformed);
        }
        Ok(Self {
            signing_input,
            header,
            payload,
            signature,
        })
    }

    pub(super) fn header(&self) -> Result<Header, JoseError> {
        Header::read(&self.protected()?)
    }

    /// The public key in the header, for `algorithm`.
    pub(super) fn embedded_key(&self, algorithm: Algorithm) -> Result<VerificationKey, JoseError> {
        let Some(Value::Object(jwk)) = self.protected()?.remove("jwk") else {
            return Err(JoseError::EmbeddedKey);
        };
        Jwk::from_json(&jwk)
            .and_then(|jwk| VerificationKey::new(&jwk, algorithm))
            .map_err(|_| JoseError::EmbeddedKey)
    }

    fn protected(&self) -> Result<Map<String, Value>, JoseError> {
        json::object(&decode(self.header)?).ok_or(JoseError::Header)
    }

    pub(super) fn claims(&self) -> Result<Map<String, Value>, JoseError> {
        json::object(&decode(self.payload)?).ok_or(JoseError::Claims)
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, JoseError> {
        decode(self.signature)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JoseError> {
    encoding::decode(part).ok_or(JoseError::Malformed)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let (header, payload) = (
            encoding::encode(header.as_bytes()),
            encoding::encode(payload.as_bytes()),
        );
        format!("{header}.{payload}.AAAA")
    }

    #[rstest]
    #[case("at+jwt", "at+jwt", true)]
    #[case("AT+JWT", "at+jwt", true)]
    #[case("application/at+jwt", "at+jwt", true)]
    #[case("Application/At+Jwt", "at+jwt", true)]
    #[case("at+jwt", "application/at+jwt", true)]
    #[case("JWT", "at+jwt", false)]
    #[case("at+jwt ", "at+jwt", false)]
    #[case("text/at+jwt", "at+jwt", false)]
    #[case("application/application/at+jwt", "at+jwt", false)]
    #[case("", "at+jwt", false)]
    fn a_type_is_compared_as_a_media_type(
        #[case] typ: &str,
        #[case] expected: &str,
        #[case] same: bool,
    ) {
        let header = json!({"alg": "ES256", "typ": typ}).to_string();
        let header = unverified_header(&token(&header, "{}")).unwrap();
        assert_eq!(header.is_typ(expected), same);
    }

    #[test]
    fn a_header_is_read_without_a_proof() {
        let header =
            r#"{"alg":"PS256","typ":"at+jwt","kid":"k","jku":"https://evil.example","x5c":[]}"#;
        let read = unverified_header(&token(header, "{}")).unwrap();
        assert_eq!(
            read,
            Header {
                algorithm: Algorithm::Ps256,
                typ: Some("at+jwt".into()),
                kid: Some("k".into()),
            }
        );
    }

    #[test]
    fn an_issuer_is_read_without_a_proof_and_only_as_text() {
        let issuer = |payload: &str| unverified_issuer(&token(r#"{"alg":"ES256"}"#, payload));
        assert_eq!(
            issuer(r#"{"iss":"https://id.example.com"}"#),
            Some("https://id.example.com".into())
        );
        assert_eq!(issuer(r#"{"iss":["https://id.example.com"]}"#), None);
        assert_eq!(issuer(r#"{"iss":"a","iss":"b"}"#), None);
        assert_eq!(issuer("{}"), None);
        assert_eq!(
            unverified_issuer(&token(r#"{"alg":"none"}"#, r#"{"iss":"a"}"#)),
            None
        );
        assert_eq!(unverified_issuer("sc_at_opaque"), None);
    }
}
