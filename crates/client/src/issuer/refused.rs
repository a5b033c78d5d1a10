//! Why a token of the issuer's is not believed, whatever it is: an ID Token or a logout token.

use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::{Algorithm, JoseError};
use safeconduct_protocol::time::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};
use crate::tokens::response::printable;

/// Why a token of the issuer's is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is none of the issuer's for this client, or not valid now.
    Token(JoseError),
    /// It does not say what it must.
    Claim(&'static str),
    /// It came with refreshed tokens, and speaks of another user or another sign-in than the one before (OpenID Connect Core §12.2).
    AnotherSignIn(&'static str),
    /// It is of another user than the one who was to step up.
    AnotherUser,
    /// It is of a sign-in that is less than a step-up asked for.
    TooLittle(&'static str),
}

impl Refused {
    /// This refusal of `token` as an error of `kind`, of a client that is registered with `algorithm` at `issuer`; as the end of the
    /// session, where the tokens are of another sign-in; as what became of a step-up.
    pub(crate) fn of(
        self,
        kind: ErrorKind,
        algorithm: Algorithm,
        issuer: &str,
        token: &str,
    ) -> Error {
        let detail = match self {
            Self::Token(JoseError::Algorithm) => format!(
                "{self}: this client takes {algorithm} alone; if it is registered with another one (id_token_signed_response_alg), build it with `.id_token_algorithm(…)`"
            ),
            Self::AnotherSignIn(_) => {
                let detail = format!("the ID Token that came with refreshed tokens: {self}");
                return Error::new(ErrorKind::SessionEnded, detail);
            }
            Self::AnotherUser => return Error::new(ErrorKind::AnotherUser, self.to_string()),
            Self::TooLittle(_) => return Error::new(ErrorKind::StepUpUnmet, self.to_string()),
            Self::Token(error) => match what_it_says(error, issuer, token) {
                Some(said) => format!("{self}: {said}"),
                None => self.to_string(),
            },
            Self::Claim(_) => self.to_string(),
        };
        Error::new(kind, detail)
    }
}

/// What of `token`, which was refused with `error`, is not as it must be, for the log.
fn what_it_says(error: JoseError, issuer: &str, token: &str) -> Option<String> {
    let payload = token.split('.').nth(1).and_then(encoding::decode)?;
    let claims: Map<String, Value> = serde_json::from_slice(&payload).ok()?;
    let said = |name: &str| match claims.get(name) {
        None => format!("there is no {name}"),
        Some(value) => format!("{name} is {}", printable(&value.to_string())),
    };
    let is_broken = |name: &&str| match (claims.get(*name), *name) {
        (None, "exp" | "iat") => true,
        (None, _) => false,
        (Some(value), "iss" | "sub" | "jti") => !value.is_string(),
        (Some(value), "aud") => !is_text_or_texts(value),
        (Some(value), _) => Timestamp::from_numeric_date(value).is_none(),
    };
    match error {
        JoseError::Issuer => {
            let iss = claims
                .get("iss")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let is_slash_off = iss.trim_end_matches('/') == issuer.trim_end_matches('/');
            let slash = is_slash_off.then_some(", which differs by the last slash");
            let said = said("iss");
            Some(format!("{said}, not {issuer}{}", slash.unwrap_or_default()))
        }
        JoseError::Audience => Some(format!(
            "{}; others than this client are taken where `.trusted_audiences(…)` names them",
            said("aud")
        )),
        JoseError::Expired => Some(said("exp")),
        JoseError::NotYetValid => Some(said("nbf")),
        JoseError::IssuedInFuture | JoseError::TooOld => Some(said("iat")),
        JoseError::Claims => ["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]
            .iter()
            .find(|name| is_broken(name))
            .map(|name| said(name)),
        _ => None,
    }
}

fn is_text_or_texts(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(members) => members.iter().all(Value::is_string),
        _ => false,
    }
}

impl From<JoseError> for Refused {
    fn from(error: JoseError) -> Self {
        Self::Token(error)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(error) => write!(f, "{error} ({})", error.name()),
            Self::Claim(why) | Self::AnotherSignIn(why) | Self::TooLittle(why) => f.write_str(why),
            Self::AnotherUser => f.write_str("sub is another user than the one who steps up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::slash(
        JoseError::Issuer,
        r#"{"iss":"https://id.example.com/"}"#,
        "iss is \"https://id.example.com/\", not https://id.example.com, which differs by the last slash"
    )]
    #[case::no_issuer(JoseError::Issuer, "{}", "there is no iss, not https://id.example.com")]
    #[case::audience(
        JoseError::Audience,
        r#"{"aud":["us","other"]}"#,
        "aud is [\"us\",\"other\"]; others"
    )]
    #[case::a_time_in_words(JoseError::Claims, r#"{"exp":"tomorrow"}"#, "exp is \"tomorrow\"")]
    #[case::a_time_that_is_missing(JoseError::Claims, r#"{"exp":1}"#, "there is no iat")]
    #[case::an_audience_in_numbers(
        JoseError::Claims,
        r#"{"exp":1,"iat":1,"aud":[1]}"#,
        "aud is [1]"
    )]
    #[case::expired(JoseError::Expired, r#"{"exp":1700000000.9}"#, "exp is 1700000000.9")]
    fn what_is_wrong_in_a_token_is_named(
        #[case] error: JoseError,
        #[case] claims: &str,
        #[case] named: &str,
    ) {
        let token = format!("x.{}.x", encoding::encode(claims.as_bytes()));
        let refused = Refused::Token(error).of(
            ErrorKind::IdToken,
            Algorithm::Rs256,
            "https://id.example.com",
            &token,
        );
        assert!(refused.to_string().contains(named), "{refused}");
    }

    #[test]
    fn of_the_claims_of_a_token_that_is_none_nothing_is_said() {
        let refused = Refused::Token(JoseError::Claims);
        let error = refused.of(
            ErrorKind::IdToken,
            Algorithm::Rs256,
            "https://id.example.com",
            "x",
        );
        assert!(error.to_string().ends_with("(claims-malformed)"), "{error}");
    }
}
