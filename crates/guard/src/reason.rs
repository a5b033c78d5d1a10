//! Why a request is not let through: the list, and what each reason is called, told and answered with.

use http::StatusCode;
use safeconduct_protocol::jose::JoseError;

/// Why a request was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No access token, or credentials of a kind that is unknown here.
    NoCredentials,
    /// The `Authorization` header is not `Bearer` or `DPoP`, a space and one token.
    MalformedCredentials,
    /// More than one `Authorization` header.
    SeveralCredentials,
    /// An access token in the URL (RFC 9700 §4.3.2).
    TokenInQuery,
    /// An access token in the form (RFC 6750 §2.2).
    TokenInBody,
    /// Not a token of any form that is accepted.
    Malformed,
    /// Longer than any token that is read.
    TooLong,
    /// Signed with an algorithm that is not accepted.
    AlgorithmNotAllowed,
    /// A JWT, but not an access token: its `typ` is not `at+jwt` (RFC 9068 §4).
    WrongType,
    /// No key of the issuer has the name that the token gives.
    UnknownKey,
    /// It names no key, and several of the issuer's could have signed it.
    AmbiguousKey,
    /// It names a key that is not known, or none and fits no known one; but the issuer was asked for keys a moment ago, so that it is
    /// not known whether it has this one.
    KeyNotKnownYet,
    /// The signature is not the issuer's.
    WrongSignature,
    /// A required claim is missing, or a claim has the wrong type.
    MalformedClaims,
    /// Not issued by the issuer that is trusted here.
    WrongIssuer,
    /// Not issued for this API.
    WrongAudience,
    /// Past its time.
    Expired,
    /// Before its time.
    NotYetValid,
    /// Bound to a key (`cnf.jkt`), and presented as a bearer token (RFC 9449 §7.2).
    BoundToKey,
    /// Bound in a way that is not known here, such as to a certificate (RFC 8705 §3).
    UnknownBinding,
    /// Not bound to a key, but presented as `DPoP`, or to an API that takes bound tokens alone.
    NotBound,
    /// Presented as `DPoP` without a proof.
    ProofMissing,
    /// More than one `DPoP` header.
    SeveralProofs,
    /// A proof that is malformed, too old, or for another request or token (RFC 9449 §4.3).
    ProofRefused,
    /// A proof that was used before (RFC 9449 §11.1).
    ProofReplayed,
    /// A proof of another key than the token is bound to.
    WrongKey,
    /// A proof without a nonce of this API's, or with one that has passed (RFC 9449 §9).
    NonceRequired,
    /// More proofs than can be remembered.
    TooManyProofs,
    /// The issuer says that it is not active: revoked, expired, unknown, or not for us to ask about.
    NotActive,
    /// A good token that does not carry the scope that is needed.
    InsufficientScope,
    /// A good token without the role that is needed.
    InsufficientRole,
    /// A good token without the role that is needed, whose issuer left the roles out because they are too many.
    GroupsNotInToken,
    /// The application allows it not.
    Forbidden,
    /// A good token of a sign-in that is too weak or too long ago, or does not say (RFC 9470 §3).
    InsufficientUserAuthentication,
    /// The issuer cannot be asked, and nothing that is known here decides.
    IssuerUnavailable,
    /// The issuer publishes no key that verifies a signature.
    IssuerHasNoKeys,
    /// The handler wants a token on a route that no guard stands before.
    Unguarded,
}

impl Reason {
    /// A stable name for logs, metrics and tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCredentials => "no-credentials",
            Self::MalformedCredentials => "malformed-credentials",
            Self::SeveralCredentials => "several-credentials",
            Self::TokenInQuery => "token-in-query",
            Self::TokenInBody => "token-in-body",
            Self::Malformed => "malformed",
            Self::TooLong => "too-long",
            Self::AlgorithmNotAllowed => "algorithm-not-allowed",
            Self::WrongType => "wrong-type",
            Self::UnknownKey => "unknown-key",
            Self::AmbiguousKey => "ambiguous-key",
            Self::KeyNotKnownYet => "key-not-known-yet",
            Self::WrongSignature => "wrong-signature",
            Self::MalformedClaims => "malformed-claims",
            Self::WrongIssuer => "wrong-issuer",
            Self::WrongAudience => "wrong-audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::BoundToKey => "bound-to-key",
            Self::UnknownBinding => "unknown-binding",
            Self::NotBound => "not-bound",
            Self::ProofMissing => "proof-missing",
            Self::SeveralProofs => "several-proofs",
            Self::ProofRefused => "proof-refused",
            Self::ProofReplayed => "proof-replayed",
            Self::WrongKey => "wrong-key",
            Self::NonceRequired => "nonce-required",
            Self::TooManyProofs => "too-many-proofs",
            Self::NotActive => "not-active",
            Self::InsufficientScope => "insufficient-scope",
            Self::InsufficientRole => "insufficient-role",
            Self::GroupsNotInToken => "groups-not-in-token",
            Self::Forbidden => "forbidden",
            Self::InsufficientUserAuthentication => "insufficient-user-authentication",
            Self::IssuerUnavailable => "issuer-unavailable",
            Self::IssuerHasNoKeys => "issuer-has-no-keys",
            Self::Unguarded => "unguarded",
        }
    }

    /// What the client is told. Fixed, ASCII, without quotes.
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoCredentials => "Send an access token in the Authorization header",
            Self::MalformedCredentials => "Send one access token in the Authorization header",
            Self::SeveralCredentials => "Send one Authorization header",
            Self::TokenInQuery => {
                "Send the access token in the Authorization header, not in the URL"
            }
            Self::TokenInBody => {
                "Send the access token in the Authorization header, not in the body"
            }
            Self::Malformed => "The access token has a form that is not accepted",
            Self::TooLong => "The access token is too long",
            Self::AlgorithmNotAllowed => {
                "The access token is signed with an algorithm that is not allowed"
            }
            Self::WrongType => "The token is not an access token",
            Self::UnknownKey => "The access token is signed with an unknown key",
            Self::AmbiguousKey => "The access token does not name the key that signed it",
            Self::KeyNotKnownYet => {
                "The access token is signed with a key that is not known yet: try again"
            }
            Self::WrongSignature => "The access token has a wrong signature",
            Self::MalformedClaims => "A required claim of the access token is missing or malformed",
            Self::WrongIssuer => "The access token is not from the issuer that is trusted here",
            Self::WrongAudience => "The access token is not for this audience",
            Self::Expired => "The access token expired",
            Self::NotYetValid => "The access token is not valid yet",
            Self::BoundToKey => "The access token is bound to a key: send it as DPoP, with a proof",
            Self::UnknownBinding => "The access token is bound in a way that is not known here",
            Self::NotBound => "The access token is not bound to a key",
            Self::ProofMissing => "Send a proof of the key in the DPoP header",
            Self::SeveralProofs => "Send one DPoP header",
            Self::ProofRefused => "The DPoP proof is not valid for this request",
            Self::ProofReplayed => "The DPoP proof was used before",
            Self::WrongKey => "The DPoP proof is of another key than that of the access token",
            Self::NonceRequired => "The DPoP proof must carry the nonce of the DPoP-Nonce header",
            Self::TooManyProofs => "Too many DPoP proofs at the moment",
            Self::NotActive => "The access token is not active",
            Self::InsufficientScope => "The access token does not carry the scope that is needed",
            Self::InsufficientRole => "The access token does not carry the role that is needed",
            Self::GroupsNotInToken => {
                "The access token does not carry the role that is needed: its issuer left the groups out"
            }
            Self::Forbidden => "The request is not allowed",
            Self::InsufficientUserAuthentication => {
                "The sign-in behind the access token is too weak or too long ago: have the user sign in again"
            }
            Self::IssuerUnavailable | Self::IssuerHasNoKeys => {
                "The access token cannot be checked at the moment"
            }
            Self::Unguarded => "The server is not set up to check access tokens here",
        }
    }

    /// The answer's status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedCredentials
            | Self::SeveralCredentials
            | Self::TokenInQuery
            | Self::TokenInBody => StatusCode::BAD_REQUEST,
            Self::InsufficientScope
            | Self::InsufficientRole
            | Self::GroupsNotInToken
            | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::IssuerUnavailable
            | Self::IssuerHasNoKeys
            | Self::KeyNotKnownYet
            | Self::TooManyProofs => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unguarded => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The error code of the challenge (RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3); `None` where it has none.
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::NoCredentials
            | Self::Forbidden
            | Self::IssuerUnavailable
            | Self::IssuerHasNoKeys
            | Self::KeyNotKnownYet
            | Self::TooManyProofs
            | Self::Unguarded => None,
            Self::MalformedCredentials
            | Self::SeveralCredentials
            | Self::TokenInQuery
            | Self::TokenInBody => Some("invalid_request"),
            Self::InsufficientScope | Self::InsufficientRole | Self::GroupsNotInToken => {
                Some("insufficient_scope")
            }
            Self::InsufficientUserAuthentication => Some("insufficient_user_authentication"),
            Self::ProofMissing | Self::SeveralProofs | Self::ProofRefused | Self::ProofReplayed => {
                Some("invalid_dpop_proof")
            }
            Self::NonceRequired => Some("use_dpop_nonce"),
            _ => Some("invalid_token"),
        }
    }

    /// The `error` of the body, which has one always.
    pub(crate) const fn body_error(self) -> &'static str {
        match self {
            Self::NoCredentials => "missing_token",
            Self::Forbidden => "access_denied",
            Self::IssuerUnavailable
            | Self::IssuerHasNoKeys
            | Self::KeyNotKnownYet
            | Self::TooManyProofs => "temporarily_unavailable",
            Self::Unguarded => "server_error",
            _ => match self.error() {
                Some(error) => error,
                None => "invalid_token",
            },
        }
    }
}

impl From<JoseError> for Reason {
    fn from(error: JoseError) -> Self {
        match error {
            JoseError::TooLarge => Self::TooLong,
            JoseError::Malformed
            | JoseError::Header
            | JoseError::EmbeddedKey
            | JoseError::Extension => Self::Malformed,
            JoseError::Algorithm => Self::AlgorithmNotAllowed,
            JoseError::Typ => Self::WrongType,
            JoseError::UnknownKey => Self::UnknownKey,
            JoseError::AmbiguousKey => Self::AmbiguousKey,
            JoseError::Signature => Self::WrongSignature,
            JoseError::Claims | JoseError::TooOld | JoseError::LifetimeTooLong => {
                Self::MalformedClaims
            }
            JoseError::Issuer => Self::WrongIssuer,
            JoseError::Audience => Self::WrongAudience,
            JoseError::Expired => Self::Expired,
            JoseError::NotYetValid | JoseError::IssuedInFuture => Self::NotYetValid,
        }
    }
}
