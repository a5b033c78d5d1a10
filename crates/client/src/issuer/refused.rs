//! Why a token of the issuer's is not believed, whatever it is: an ID Token or a logout token.

use safeconduct_protocol::jose::{Algorithm, JoseError};

use crate::error::{Error, ErrorKind};

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
    /// This refusal as an error of `kind`, of a client that is registered with `algorithm`; as the end of the session, where the
    /// tokens are of another sign-in; as what became of a step-up.
    pub(crate) fn of(self, kind: ErrorKind, algorithm: Algorithm) -> Error {
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
            Self::Token(_) | Self::Claim(_) => self.to_string(),
        };
        Error::new(kind, detail)
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
