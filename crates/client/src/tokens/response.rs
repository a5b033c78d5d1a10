//! Answers of the token endpoint (RFC 6749 §5.1, §5.2), read strictly, and the tokens in them.

use http::StatusCode;
use safeconduct_issuer::{Answer, is_busy};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::grammar;

/// A token may not claim to live longer than this many seconds: ten years.
const LONGEST_LIFE: u64 = 10 * 365 * 24 * 3600;

/// How an access token is shown to an API (RFC 6749 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// As it is: its bearer may use it (RFC 6750).
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

/// RFC 6749 §5.1. A repeated member is refused. Each is held to its type by name.
#[derive(Deserialize)]
struct Grant {
    #[serde(default)]
    access_token: Value,
    #[serde(default)]
    token_type: Value,
    #[serde(default, deserialize_with = "present")]
    expires_in: Option<Value>,
    #[serde(default)]
    refresh_token: Value,
    #[serde(default)]
    id_token: Value,
    #[serde(default)]
    scope: Value,
}

/// What an answer to a refresh holds in place of the refresh token that bought it, whatever else is wrong with the answer: the old
/// one is spent.
pub(crate) enum Successor {
    /// Nothing: the old one stays good, as with a server that does not rotate.
    None,
    /// The next refresh token.
    Token(Secret),
    /// Something that is no refresh token.
    Unusable,
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
        refused.filter(|refused| {
            is_json && status.is_client_error() && grammar::is_error_code(&refused.error)
        })
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
            return Err(unusable("the answer says that it is not JSON"));
        }
        // The parser's own message may quote the answer, and with it a token.
        let grant: Grant = serde_json::from_slice(body)
            .map_err(|_| unusable("the answer is not the JSON of RFC 6749 §5.1"))?;
        let access_token = secret("access_token", grant.access_token)?;
        let Some(access_token) = access_token else {
            // Some servers refuse with 200.
            return Err(match Refused::read(StatusCode::BAD_REQUEST, true, body) {
                Some(refused) => refused.into_error(ErrorKind::TokenRefused, status),
                None => unusable("there is no access_token"),
            });
        };
        let token_type = text("token_type", grant.token_type)?
            .ok_or_else(|| unusable("there is no token_type"))?;
        let token_type = TokenType::read(&token_type)
            .ok_or_else(|| unusable("the token_type is neither Bearer nor DPoP"))?;
        let scope = match text("scope", grant.scope)? {
            Some(text) => Scope::parse(&text).ok_or_else(|| unusable("the scope is malformed"))?,
            None => asked.clone(),
        };
        let life = match &grant.expires_in {
            Some(seconds) => {
                Some(life(seconds).ok_or_else(|| unusable("expires_in is no number of seconds"))?)
            }
            None => None,
        };
        Ok(Self {
            access_token,
            token_type,
            expires_at: life.map(|seconds| now.plus(seconds)),
            refresh_token: secret("refresh_token", grant.refresh_token)?,
            id_token: secret("id_token", grant.id_token)?,
            scope,
            received_at: now,
        })
    }

    /// Reads `answer`, as [`Tokens::parse`] does.
    pub(crate) fn read(answer: &Answer, asked: &Scope, now: Timestamp) -> Result<Self, Error> {
        Self::parse(answer.status, answer.is_json(), &answer.body, asked, now)
            .map_err(|error| error.after(answer))
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

impl Successor {
    /// What the answer to a refresh holds, which sent `presented`.
    pub(crate) fn read(answer: &Answer, presented: &Secret) -> Self {
        #[derive(Deserialize)]
        struct Rotated {
            #[serde(default)]
            refresh_token: Option<Value>,
        }
        let rotated = serde_json::from_slice::<Rotated>(&answer.body).ok();
        let rotated = rotated.filter(|_| answer.status == StatusCode::OK && answer.is_json());
        match rotated.and_then(|rotated| rotated.refresh_token) {
            None => Self::None,
            Some(Value::String(token)) if token == presented.expose() => Self::None,
            Some(Value::String(token)) if grammar::is_token(&token) => {
                Self::Token(Secret::new(token))
            }
            Some(_) => Self::Unusable,
        }
    }
}

/// The token in the member `name`, if there is one. What it says instead is no affair of the log's.
fn secret(name: &str, member: Value) -> Result<Option<Secret>, Error> {
    match text(name, member)?.map(Secret::new) {
        Some(token) if !grammar::is_token(token.expose()) => Err(Error::new(
            ErrorKind::TokenResponse,
            format!("the {name} is empty or holds characters no token has"),
        )),
        token => Ok(token),
    }
}

/// The text in the member `name`; `null` is none.
fn text(name: &str, member: Value) -> Result<Option<String>, Error> {
    match member {
        Value::String(text) => Ok(Some(text)),
        Value::Null => Ok(None),
        _ => Err(Error::new(
            ErrorKind::TokenResponse,
            format!("the {name} is no text"),
        )),
    }
}

/// `expires_in` may be absent, but `null` is a mistake that must not read as "never".
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// `expires_in` is `1*DIGIT` (RFC 6749 §A.14): a number, or as some issuers have it a text of digits, or one that ends with `.0`.
fn life(expires_in: &Value) -> Option<i64> {
    let seconds = match expires_in {
        Value::Number(number) => match number.as_u64() {
            Some(seconds) => seconds.to_string(),
            None => number.to_string().strip_suffix(".0")?.to_owned(),
        },
        Value::String(text) => text.clone(),
        _ => return None,
    };
    if seconds.is_empty() || !seconds.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than fit are a very long life, and cut as such.
    let seconds = seconds.parse().unwrap_or(LONGEST_LIFE);
    i64::try_from(seconds.min(LONGEST_LIFE)).ok()
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
    #[case::life_in_words(r#"{"access_token":"at","token_type":"Bearer","expires_in":"1h"}"#)]
    #[case::life_with_a_sign(r#"{"access_token":"at","token_type":"Bearer","expires_in":"+300"}"#)]
    #[case::empty_life(r#"{"access_token":"at","token_type":"Bearer","expires_in":""}"#)]
    #[case::life_in_a_list(r#"{"access_token":"at","token_type":"Bearer","expires_in":[300]}"#)]
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

    /// Attacks: LI42.
    #[rstest]
    #[case::a_number("300", 300)]
    #[case::nothing_left("0", 0)]
    #[case::text(r#""3599""#, 3599)]
    #[case::a_float_that_is_whole("3599.0", 3599)]
    #[case::leading_zeros(r#""0060""#, 60)]
    #[case::beyond_all_reason(r#""99999999999999999999999""#, 315_360_000)]
    fn a_life_is_a_number_of_seconds_however_it_is_written(
        #[case] expires_in: &str,
        #[case] seconds: i64,
    ) {
        let body =
            format!(r#"{{"access_token":"at","token_type":"Bearer","expires_in":{expires_in}}}"#);
        assert_eq!(
            read(200, &body).unwrap().expires_at,
            Some(NOW.plus(seconds))
        );
    }

    /// Attacks: LI42, LI45.
    #[rstest]
    #[case::no_token_type(r#"{"access_token":"at"}"#, "there is no token_type")]
    #[case::no_access_token(r#"{"token_type":"Bearer"}"#, "there is no access_token")]
    #[case::life(
        r#"{"access_token":"at","token_type":"Bearer","expires_in":-1}"#,
        "expires_in"
    )]
    #[case::refresh_token(
        r#"{"access_token":"at","token_type":"Bearer","refresh_token":"a\nb"}"#,
        "the refresh_token"
    )]
    #[case::a_number(
        r#"{"access_token":1,"token_type":"Bearer"}"#,
        "the access_token is no text"
    )]
    #[case::a_list(
        r#"{"access_token":"at","token_type":"Bearer","scope":["a"]}"#,
        "the scope is no text"
    )]
    #[case::an_object(
        r#"{"access_token":"at","token_type":"Bearer","id_token":{}}"#,
        "the id_token is no text"
    )]
    fn what_is_wrong_with_an_answer_is_named(#[case] body: &str, #[case] named: &str) {
        let error = read(200, body).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }

    #[test]
    fn tokens_may_hold_every_visible_character_and_the_space() {
        let all: String = (0x20..=0x7e_u8).map(char::from).collect();
        let body = serde_json::json!({ "access_token": all, "token_type": "Bearer", "refresh_token": all });
        let tokens = read(200, &body.to_string()).unwrap();
        assert_eq!(tokens.access_token.expose(), all);
        assert_eq!(tokens.refresh_token.unwrap().expose(), all);
    }

    #[rstest]
    #[case::rotated(200, r#"{"refresh_token":"next"}"#, Some("next"))]
    #[case::beside_what_is_wrong(
        200,
        r#"{"refresh_token":"n e x t","access_token":7}"#,
        Some("n e x t")
    )]
    #[case::not_rotated(200, r#"{"access_token":"at"}"#, Some("presented"))]
    #[case::the_same(200, r#"{"refresh_token":"presented"}"#, Some("presented"))]
    #[case::null(200, r#"{"refresh_token":null}"#, Some("presented"))]
    #[case::of_no_success(400, r#"{"refresh_token":"next"}"#, Some("presented"))]
    #[case::unreadable(200, "hello", Some("presented"))]
    #[case::empty(200, r#"{"refresh_token":""}"#, None)]
    #[case::a_line_break(200, r#"{"refresh_token":"a\nb"}"#, None)]
    #[case::a_number(200, r#"{"refresh_token":7}"#, None)]
    fn a_successor_is_read_whatever_else_the_answer_holds(
        #[case] status: u16,
        #[case] body: &str,
        #[case] held_then: Option<&str>,
    ) {
        let mut headers = http::HeaderMap::new();
        let json = http::HeaderValue::from_static("application/json");
        headers.insert(http::header::CONTENT_TYPE, json);
        let answer = |headers| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.to_owned().into(),
        };
        let html = http::HeaderValue::from_static("text/html");
        let as_page = answer([(http::header::CONTENT_TYPE, html)].into_iter().collect());
        let none = Successor::read(&as_page, &Secret::new("presented"));
        assert!(
            matches!(none, Successor::None),
            "what is no JSON is not read"
        );
        let answer = answer(headers);
        let presented = Secret::new("presented");
        let held = match Successor::read(&answer, &presented) {
            Successor::None => Some(presented),
            Successor::Token(token) => Some(token),
            Successor::Unusable => None,
        };
        assert_eq!(held.as_ref().map(Secret::expose), held_then);
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

    /// Attacks: LI43.
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
    #[case(
        200,
        r#"{"error":"bad_verification_code"}"#,
        ErrorKind::TokenRefused,
        Some("bad_verification_code")
    )]
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
