//! Answers of the token endpoint (RFC 6749 §5.1, §5.2), read strictly, and the tokens in them.

use http::StatusCode;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use serde::Deserialize;

use crate::error::{Error, ErrorKind};
use crate::http::is_busy;

/// A token may not claim to live longer than this many seconds: ten years.
const LONGEST_LIFE: u64 = 10 * 365 * 24 * 3600;

/// How an access token is shown to an API (RFC 6749 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// As it is: whoever has it may use it (RFC 6750).
    Bearer,
    /// With a proof of the key it is bound to (RFC 9449).
    Dpop,
}

/// What the token endpoint gave. Has no `Debug` that would show a token.
#[derive(Clone)]
pub struct Tokens {
    /// What an API is shown.
    pub access_token: Secret,
    /// How it is shown.
    pub token_type: TokenType,
    /// When the access token ends; `None` if the server did not say.
    pub expires_at: Option<Timestamp>,
    /// What buys the next access token, where the server gave one.
    pub refresh_token: Option<Secret>,
    /// The ID Token as it came: not verified, and nothing in it to be believed. [`Client::signed_in`](crate::Client::signed_in)
    /// judges it.
    pub id_token: Option<Secret>,
    /// What the access token allows.
    pub scope: Scope,
    /// When they were received.
    pub received_at: Timestamp,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("token_type", &self.token_type)
            .field("expires_at", &self.expires_at)
            .field("refreshable", &self.refresh_token.is_some())
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// RFC 6749 §5.1. A repeated member, or one of the wrong type, is refused.
#[derive(Deserialize)]
struct Grant {
    access_token: Secret,
    token_type: String,
    #[serde(default, deserialize_with = "present")]
    expires_in: Option<u64>,
    #[serde(default)]
    refresh_token: Option<Secret>,
    #[serde(default)]
    id_token: Option<Secret>,
    #[serde(default)]
    scope: Option<String>,
}

/// RFC 6749 §5.2.
#[derive(Deserialize)]
pub(crate) struct Refused {
    pub(crate) error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl Refused {
    /// The refusal in `body`, if it is one.
    pub(crate) fn read(status: StatusCode, is_json: bool, body: &[u8]) -> Option<Self> {
        let refused = serde_json::from_slice::<Self>(body).ok();
        refused
            .filter(|refused| is_json && status.is_client_error() && is_error_code(&refused.error))
    }

    /// As an error of `kind`.
    pub(crate) fn into_error(self, kind: ErrorKind, status: StatusCode) -> Error {
        let description = printable(&self.error_description.unwrap_or_default());
        Error::new(kind, format!("{status} {}: {description}", self.error))
            .with_oauth_error(&self.error)
    }
}

impl Tokens {
    /// Reads an answer of the token endpoint that came at `now`. `asked` is the scope that was asked for: what a silent
    /// server gave (RFC 6749 §5.1).
    ///
    /// # Errors
    /// [`ErrorKind::TokenRefused`] with the server's code, [`ErrorKind::IssuerBusy`] for 429 and 5xx,
    /// [`ErrorKind::TokenResponse`] for anything RFC 6749 §5 does not describe.
    pub fn parse(
        status: StatusCode,
        is_json: bool,
        body: &[u8],
        asked: &Scope,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if status != StatusCode::OK {
            return Err(refusal(status, is_json, body));
        }
        let unusable = |why: &str| Error::new(ErrorKind::TokenResponse, why);
        if !is_json {
            return Err(unusable("the answer is not application/json"));
        }
        // The parser's own message may quote the answer, and with it a token.
        let grant: Grant = serde_json::from_slice(body)
            .map_err(|_| unusable("the answer is not the JSON of RFC 6749 §5.1"))?;
        let token_type = TokenType::read(&grant.token_type)
            .ok_or_else(|| unusable("the token_type is neither Bearer nor DPoP"))?;
        let others = [&grant.refresh_token, &grant.id_token];
        if !is_token(&grant.access_token) || others.into_iter().flatten().any(|t| !is_token(t)) {
            return Err(unusable(
                "a token is empty or holds characters no token has",
            ));
        }
        let scope = match grant.scope {
            Some(text) => Scope::parse(&text).ok_or_else(|| unusable("the scope is malformed"))?,
            None => asked.clone(),
        };
        let life = |seconds: u64| i64::try_from(seconds.min(LONGEST_LIFE)).unwrap_or(i64::MAX);
        Ok(Self {
            access_token: grant.access_token,
            token_type,
            expires_at: grant.expires_in.map(|seconds| now.plus(life(seconds))),
            refresh_token: grant.refresh_token,
            id_token: grant.id_token,
            scope,
            received_at: now,
        })
    }

    /// These tokens, if they are of the type that was asked for: bound to a key exactly if one was proven. A server that does
    /// not bind must not make a client careless.
    ///
    /// # Errors
    /// [`ErrorKind::TokenResponse`].
    pub(crate) fn bound_as_asked(self, proven: bool) -> Result<Self, Error> {
        match (self.token_type, proven) {
            (TokenType::Dpop, true) | (TokenType::Bearer, false) => Ok(self),
            (TokenType::Bearer, true) => Err(Error::new(
                ErrorKind::TokenResponse,
                "the token_type is Bearer, though a proof was sent: the server does not bind tokens to keys",
            )),
            (TokenType::Dpop, false) => Err(Error::new(
                ErrorKind::TokenResponse,
                "the token_type is DPoP, though no proof was sent; build the client with `.dpop(true)`",
            )),
        }
    }
}

impl TokenType {
    /// The name, in whatever case (RFC 6749 §5.1).
    fn read(name: &str) -> Option<Self> {
        [Self::Bearer, Self::Dpop]
            .into_iter()
            .find(|token_type| name.eq_ignore_ascii_case(token_type.scheme()))
    }

    /// The scheme of the `Authorization` header.
    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// `expires_in` may be absent, but `null` or `"300"` is a mistake that must not read as "never".
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(deserializer).map(Some)
}

/// RFC 6749 Appendix A.12: one or more visible characters.
fn is_token(token: &Secret) -> bool {
    let token = token.expose();
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn refusal(status: StatusCode, is_json: bool, body: &[u8]) -> Error {
    if is_busy(status) {
        return Error::new(
            ErrorKind::IssuerBusy,
            format!("the token endpoint answered {status}"),
        );
    }
    match Refused::read(status, is_json, body) {
        Some(refused) => refused.into_error(ErrorKind::TokenRefused, status),
        None => Error::new(
            ErrorKind::TokenResponse,
            format!("the token endpoint answered {status} without an error code"),
        ),
    }
}

/// Whether `code` is of the form of an error code (RFC 6749 Appendix A.7), and short enough for a log.
pub(crate) fn is_error_code(code: &str) -> bool {
    (1..=64).contains(&code.len())
        && code
            .bytes()
            .all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Foreign text made fit for one line of a log.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn read(status: u16, body: &str) -> Result<Tokens, Error> {
        let status = StatusCode::from_u16(status).unwrap();
        Tokens::parse(
            status,
            true,
            body.as_bytes(),
            &Scope::parse("asked").unwrap(),
            NOW,
        )
    }

    #[test]
    fn a_full_answer_is_understood() {
        let tokens = read(200, r#"{"access_token":"at","token_type":"bEaReR","expires_in":300,"refresh_token":"rt","scope":"b a","more":{}}"#).unwrap();
        assert_eq!(tokens.access_token.expose(), "at");
        assert_eq!(tokens.expires_at, Some(NOW.plus(300)));
        assert_eq!(tokens.refresh_token.unwrap().expose(), "rt");
        assert_eq!(tokens.scope.to_string(), "a b");
    }

    #[test]
    fn silence_means_the_scope_asked_for_and_no_known_end() {
        let tokens = read(200, r#"{"access_token":"at","token_type":"Bearer"}"#).unwrap();
        assert_eq!(
            (tokens.expires_at, tokens.scope.to_string().as_str()),
            (None, "asked")
        );
    }

    #[rstest]
    #[case::not_json("hello")]
    #[case::an_array("[]")]
    #[case::no_token(r#"{"token_type":"Bearer"}"#)]
    #[case::empty_token(r#"{"access_token":"","token_type":"Bearer"}"#)]
    #[case::a_line_break(r#"{"access_token":"a\nb","token_type":"Bearer"}"#)]
    #[case::a_number(r#"{"access_token":1,"token_type":"Bearer"}"#)]
    #[case::no_type(r#"{"access_token":"at"}"#)]
    #[case::another_type(r#"{"access_token":"at","token_type":"mac"}"#)]
    #[case::life_as_text(r#"{"access_token":"at","token_type":"Bearer","expires_in":"300"}"#)]
    #[case::life_as_null(r#"{"access_token":"at","token_type":"Bearer","expires_in":null}"#)]
    #[case::negative_life(r#"{"access_token":"at","token_type":"Bearer","expires_in":-1}"#)]
    #[case::fractional_life(r#"{"access_token":"at","token_type":"Bearer","expires_in":1.5}"#)]
    #[case::repeated_token(r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#)]
    #[case::bad_scope(r#"{"access_token":"at","token_type":"Bearer","scope":"a\"b"}"#)]
    #[case::empty_id_token(r#"{"access_token":"at","token_type":"Bearer","id_token":""}"#)]
    #[case::empty_refresh(r#"{"access_token":"at","token_type":"Bearer","refresh_token":""}"#)]
    fn what_rfc_6749_does_not_describe_is_refused(#[case] body: &str) {
        assert_eq!(
            read(200, body).unwrap_err().kind(),
            ErrorKind::TokenResponse
        );
    }

    #[rstest]
    #[case("bearer", false, true)]
    #[case("DPoP", true, true)]
    #[case("dpop", true, true)]
    #[case("Bearer", true, false)]
    #[case("DPoP", false, false)]
    fn tokens_are_bound_exactly_if_a_proof_was_sent(
        #[case] token_type: &str,
        #[case] proven: bool,
        #[case] taken: bool,
    ) {
        let body = format!(r#"{{"access_token":"at","token_type":"{token_type}"}}"#);
        let tokens = read(200, &body).unwrap().bound_as_asked(proven);
        assert_eq!(tokens.is_ok(), taken);
    }

    #[test]
    fn an_unreadable_answer_never_reaches_the_log() {
        let error = read(200, r#"{"access_token":["hush"],"token_type":"Bearer"}"#).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"));
    }

    #[test]
    fn a_life_beyond_all_reason_is_cut() {
        let tokens = read(
            200,
            &format!(
                r#"{{"access_token":"at","token_type":"Bearer","expires_in":{}}}"#,
                u64::MAX
            ),
        )
        .unwrap();
        assert_eq!(tokens.expires_at, Some(NOW.plus(315_360_000)));
    }

    #[rstest]
    #[case(
        400,
        r#"{"error":"invalid_grant"}"#,
        ErrorKind::TokenRefused,
        Some("invalid_grant")
    )]
    #[case(
        401,
        r#"{"error":"invalid_client"}"#,
        ErrorKind::TokenRefused,
        Some("invalid_client")
    )]
    #[case(400, r#"{"error":"a\nb"}"#, ErrorKind::TokenResponse, None)]
    #[case(404, "not here", ErrorKind::TokenResponse, None)]
    #[case(302, r#"{"error":"invalid_grant"}"#, ErrorKind::TokenResponse, None)]
    #[case(
        201,
        r#"{"access_token":"at","token_type":"Bearer"}"#,
        ErrorKind::TokenResponse,
        None
    )]
    #[case(503, r#"{"error":"invalid_grant"}"#, ErrorKind::IssuerBusy, None)]
    #[case(429, "", ErrorKind::IssuerBusy, None)]
    fn a_refusal_is_told_from_an_accident(
        #[case] status: u16,
        #[case] body: &str,
        #[case] kind: ErrorKind,
        #[case] code: Option<&str>,
    ) {
        let error = read(status, body).unwrap_err();
        assert_eq!((error.kind(), error.oauth_error()), (kind, code));
    }
}
