//! Why a token, a key or a signature was refused, in fixed short texts. They are for logs: whoever presented the token
//! is told that it is invalid, and no more.

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum JoseError {
    /// Longer than [`MAX_TOKEN`](super::MAX_TOKEN).
    #[error("token too large")]
    TooLarge,
    /// Not three parts of strict base64url: a JWE, a JSON serialisation, or no token at all.
    #[error("not a compact JWS")]
    Malformed,
    /// The protected header is no JSON object with members of the right types, or names a member twice.
    #[error("token header malformed")]
    Header,
    /// The header asks for an extension: `crit`, `b64`, `zip` (RFC 7515 §4.1.11).
    #[error("token header demands an extension")]
    Extension,
    /// `alg` is not in the list of the party that verifies.
    #[error("algorithm not allowed")]
    Algorithm,
    /// A token of another type (RFC 8725 §3.11).
    #[error("wrong token type")]
    Typ,
    /// No key for this `kid` and algorithm. The one refusal that fetching the key set again may cure.
    #[error("unknown key")]
    UnknownKey,
    /// Several keys fit, and none is tried in turn.
    #[error("ambiguous key")]
    AmbiguousKey,
    /// The token has to carry its key, and has none in its header, a private one, or one that is not for its algorithm.
    #[error("embedded key missing or unusable")]
    EmbeddedKey,
    /// The signature does not verify.
    #[error("wrong signature")]
    Signature,
    /// The payload is no JSON object, names a member twice, or a registered claim is missing or has another type.
    #[error("token claims malformed")]
    Claims,
    /// `iss` is missing or another one.
    #[error("wrong issuer")]
    Issuer,
    /// `aud` is missing or does not name us as it must.
    #[error("wrong audience")]
    Audience,
    /// `exp` is now or past.
    #[error("token expired")]
    Expired,
    /// `nbf` lies in the future.
    #[error("token not valid yet")]
    NotYetValid,
    /// `iat` lies in the future.
    #[error("token issued in the future")]
    IssuedInFuture,
    /// `iat` is longer ago than the party that verifies allows.
    #[error("token too old")]
    TooOld,
    /// `exp` is further ahead than the party that verifies allows.
    #[error("token valid for too long")]
    LifetimeTooLong,
}

impl JoseError {
    /// A stable name for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "token-too-large",
            Self::Malformed => "token-malformed",
            Self::Header => "header-malformed",
            Self::Extension => "header-extension",
            Self::Algorithm => "algorithm-not-allowed",
            Self::Typ => "wrong-type",
            Self::UnknownKey => "unknown-key",
            Self::AmbiguousKey => "ambiguous-key",
            Self::EmbeddedKey => "embedded-key",
            Self::Signature => "wrong-signature",
            Self::Claims => "claims-malformed",
            Self::Issuer => "wrong-issuer",
            Self::Audience => "wrong-audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::IssuedInFuture => "issued-in-future",
            Self::TooOld => "too-old",
            Self::LifetimeTooLong => "lifetime-too-long",
        }
    }
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyError {
    /// A member is missing, of another type, or not strict base64url of the right length; or the PKCS#8 does not parse.
    #[error("key is malformed")]
    Malformed,
    /// A `kty` or `crv` that is not here.
    #[error("unknown kind of key")]
    Kind,
    /// The key cannot be used with that algorithm, or its `alg` is not here.
    #[error("key is not for this algorithm")]
    Algorithm,
    /// `use` or `key_ops` say that the key is not for verifying signatures.
    #[error("key is not for signatures")]
    Use,
    /// An RSA modulus below 2048 or above 8192 bits.
    #[error("RSA key must have 2048 to 8192 bits")]
    Size,
    /// An RSA modulus or exponent that cannot be one: even, or an exponent below 3 or above 32 bits.
    #[error("RSA key is not sound")]
    Unsound,
    /// Not a point of the curve, or one of an Ed25519 key that verifies anything.
    #[error("not a usable point of the curve")]
    Point,
    /// A private key where a public one belongs. It must be taken for disclosed.
    #[error(
        "private member `{0}` in a public key: publish the public part alone, and replace this key"
    )]
    Private(&'static str),
    /// The key could not be made.
    #[error("key generation failed")]
    Generation,
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignError {
    /// The claims are no JSON object.
    #[error("claims are not a JSON object")]
    Claims,
    /// The token would be longer than [`MAX_TOKEN`](super::MAX_TOKEN): nobody would accept it.
    #[error("token too large")]
    TooLarge,
    /// The provider failed.
    #[error("signing failed")]
    Signature,
}
