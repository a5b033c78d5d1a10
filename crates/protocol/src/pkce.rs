//! Proof Key for Code Exchange (RFC 7636), method S256 only.

use serde::{Deserialize, Serialize};

use crate::{encoding, ids::Malformed, random, secret::Secret};

/// The length of an S256 challenge: 32 bytes in base64url.
const CHALLENGE_LENGTH: usize = 43;

/// What the client shows first: the SHA-256 of its verifier, base64url, 43 characters (RFC 7636 §4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads a challenge; `None` unless it spells exactly 32 bytes in unpadded base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let spelled = text.len() == CHALLENGE_LENGTH && encoding::decode(text)?.len() == 32;
        spelled.then(|| Self(text.to_owned()))
    }

    /// The challenge as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `verifier` is the one this challenge was made from (RFC 7636 §4.6).
    pub fn proven_by(&self, verifier: &CodeVerifier) -> bool {
        encoding::constant_time_eq(self.0.as_bytes(), verifier.challenge().0.as_bytes())
    }
}

/// What the client shows last: 43 to 128 unreserved characters (RFC 7636 §4.1).
#[derive(Clone)]
pub struct CodeVerifier(Secret);

impl CodeVerifier {
    /// A new verifier of 256 random bits.
    pub fn generate() -> Self {
        Self(Secret::new(random::token()))
    }

    /// Reads a verifier; `None` if its length or alphabet is not RFC 7636's.
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let fits = (43..=128).contains(&text.len()) && text.bytes().all(unreserved);
        fits.then(|| Self(Secret::new(text)))
    }

    /// The S256 challenge of this verifier (RFC 7636 §4.2).
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(encoding::sha256_base64url(self.0.expose().as_bytes()))
    }

    /// The verifier, for the token request.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl From<CodeChallenge> for String {
    fn from(challenge: CodeChallenge) -> String {
        challenge.0
    }
}

impl TryFrom<String> for CodeChallenge {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("code_challenge"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b() {
        let verifier = CodeVerifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        let challenge =
            CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert_eq!(verifier.challenge(), challenge);
        assert!(challenge.proven_by(&verifier));
        assert!(!challenge.proven_by(&CodeVerifier::generate()));
    }

    /// Attacks: Q16.
    #[test]
    fn a_challenge_is_exactly_32_bytes_spelled_once() {
        let good = CodeVerifier::generate().challenge().0;
        assert!(CodeChallenge::parse(&good).is_some());
        let overlong = format!("{good}A");
        let padded = format!("{good}=");
        for bad in [
            "",
            &good[..42],
            &overlong,
            &padded,
            &good.replace(&good[..1], "+"),
            &"x".repeat(129),
        ] {
            assert!(CodeChallenge::parse(bad).is_none(), "{bad}");
        }
    }

    /// Attacks: C06.
    #[test]
    fn a_verifier_keeps_to_its_length_and_alphabet() {
        for bad in [
            &"a".repeat(42),
            &"a".repeat(129),
            &format!("{}+", "a".repeat(50)),
            &format!("{}\0", "a".repeat(50)),
        ] {
            assert!(CodeVerifier::parse(bad).is_none());
        }
        assert!(
            CodeVerifier::parse(&"a".repeat(43)).is_some()
                && CodeVerifier::parse(&"~".repeat(128)).is_some()
        );
    }
}
