//! Judging a token with the issuer's keys, newer ones where it names a key that is not known (OpenID Connect Core §10.1.1).
//!
//! Fetching and keeping the keys is `safeconduct_issuer`'s concern; what a token must say beside its signature, `id_token.rs`'s and
//! `back_channel.rs`'s.

use safeconduct_issuer::GivenBy;
use safeconduct_protocol::jose::{
    Algorithm, JoseError, KeySet, unverified_header, unverified_issuer,
};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::metadata::Metadata;

/// Why a token of the issuer's is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is none of the issuer's for this client, or not valid now.
    Token(JoseError),
    /// It does not say what it must.
    Claim(&'static str),
}

impl Client {
    /// Judges `token` with the issuer's keys; with newer ones, if it names one that is not among them.
    ///
    /// # Errors
    /// [`ErrorKind::IdToken`] or [`ErrorKind::LogoutToken`] for a refusal; [`ErrorKind::IssuerBusy`], where it is not known whether
    /// the issuer has the key, and whatever kept the keys away.
    pub(crate) async fn judge<T>(
        &self,
        metadata: &Metadata,
        token: &str,
        given_by: GivenBy,
        judgement: impl Fn(&KeySet) -> Result<T, Refused>,
    ) -> Result<T, Error> {
        let algorithm = self.id_token_algorithm(metadata)?;
        let mut judged = judgement(&*self.keys().current().await);
        // Nobody asks for the key of another issuer, whoever presents its token.
        if is_unknown(&judged, token) && unverified_issuer(token).as_deref() == Some(self.issuer())
        {
            let header = unverified_header(token).ok();
            let name = format!("{algorithm} {:?}", header.and_then(|header| header.kid));
            let holds = |keys: &KeySet| !is_unknown(&judgement(keys), token);
            self.keys().seek(&name, given_by, holds).await?;
            judged = judgement(&*self.keys().current().await);
        }
        judged.map_err(|refused| refused.of(kind_of(given_by), algorithm))
    }
}

/// Whether the issuer may have a key for `token` that was not at hand. A token that names none may be of a new one when the known
/// ones do not fit.
fn is_unknown<T>(judged: &Result<T, Refused>, token: &str) -> bool {
    match judged {
        Err(Refused::Token(JoseError::UnknownKey)) => true,
        Err(Refused::Token(JoseError::Signature | JoseError::AmbiguousKey)) => {
            unverified_header(token).is_ok_and(|header| header.kid.is_none())
        }
        _ => false,
    }
}

/// What a refusal of a token is.
fn kind_of(given_by: GivenBy) -> ErrorKind {
    match given_by {
        GivenBy::Issuer => ErrorKind::IdToken,
        GivenBy::Anyone => ErrorKind::LogoutToken,
    }
}

impl Refused {
    /// This refusal as an error of `kind`, of a client that is registered with `algorithm`.
    pub(crate) fn of(self, kind: ErrorKind, algorithm: Algorithm) -> Error {
        let detail = match self {
            Self::Token(JoseError::Algorithm) => format!(
                "{self}: this client takes {algorithm} alone; if it is registered with another one (id_token_signed_response_alg), build it with `.id_token_algorithm(…)`"
            ),
            _ => self.to_string(),
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
            Self::Claim(why) => f.write_str(why),
        }
    }
}
