//! The closed list of signature algorithms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1). What is not here cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Algorithm {
    /// ECDSA over P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA with SHA-256, which every library knows.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA over P-384. This one and those below: see [`Algorithm::FOREIGN`].
    #[serde(rename = "ES384", skip_deserializing)]
    Es384,
    /// ECDSA over P-521.
    #[serde(rename = "ES512", skip_deserializing)]
    Es512,
    /// RSA with SHA-384.
    #[serde(rename = "RS384", skip_deserializing)]
    Rs384,
    /// RSA with SHA-512.
    #[serde(rename = "RS512", skip_deserializing)]
    Rs512,
    /// RSA-PSS with SHA-384.
    #[serde(rename = "PS384", skip_deserializing)]
    Ps384,
    /// RSA-PSS with SHA-512.
    #[serde(rename = "PS512", skip_deserializing)]
    Ps512,
}

impl Algorithm {
    /// The algorithms that are signed with here, and accepted of everybody. They alone are read from a name.
    pub const ALL: [Algorithm; 4] = [
        Algorithm::Es256,
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
    ];

    /// What other issuers sign with. They are verified where a party names them for one of those issuers, and read from no name but
    /// that in a token, in an issuer's key set and in its metadata.
    pub const FOREIGN: [Algorithm; 6] = [
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps384,
        Algorithm::Ps512,
    ];

    /// The name as it stands in `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Es256 => "ES256",
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Es384 => "ES384",
            Algorithm::Es512 => "ES512",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Ps384 => "PS384",
            Algorithm::Ps512 => "PS512",
        }
    }

    /// The algorithm of this name among those that an issuer says it signs with, whoever accepts it.
    pub fn announced(name: &str) -> Option<Self> {
        Self::of_name(name)
    }

    /// Both lists.
    pub(super) fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::FOREIGN)
    }

    /// The algorithm of this name in a token or a key, whoever accepts it.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::every().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The name is of no algorithm in the list. Names are case-sensitive (RFC 7515 §4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm: expected ES256, RS256, PS256 or EdDSA")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_algorithm_is_known_by_its_name_and_by_the_same_name_in_json() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(json, format!("\"{algorithm}\""));
            assert_eq!(serde_json::from_str::<Algorithm>(&json).unwrap(), algorithm);
        }
    }

    #[test]
    fn an_algorithm_of_other_issuers_is_read_in_a_token_and_nowhere_else() {
        for algorithm in Algorithm::FOREIGN {
            assert_eq!(Algorithm::of_name(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::announced(algorithm.name()), Some(algorithm));
            assert_eq!(algorithm.name().parse::<Algorithm>(), Err(UnknownAlgorithm));
            let json = serde_json::to_value(algorithm).unwrap();
            assert_eq!(json, algorithm.name());
            assert!(serde_json::from_value::<Algorithm>(json).is_err());
        }
        assert_eq!(Algorithm::of_name("HS256"), None);
    }

    /// Attacks: J01, I13.
    #[rstest]
    fn nothing_else_is_an_algorithm(
        #[values(
            "none", "None", "nOnE", "", " ES256", "es256", "HS256", "ES384", "RS1", "Ed25519"
        )]
        name: &str,
    ) {
        assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm));
        assert!(serde_json::from_value::<Algorithm>(name.into()).is_err());
    }
}
