//! Keys that verify: parsed once, each pinned to one algorithm, chosen by `kid` and never by trial.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    EcdsaVerificationAlgorithm, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
};

use super::jwk::Material;
use super::{Algorithm, JoseError, Jwk, JwkSet, KeyError};

/// A public key for exactly one algorithm: the key decides how a signature is verified, the token only names it
/// (RFC 8725 §3.1).
#[derive(Clone, Debug)]
pub struct VerificationKey {
    kid: Option<String>,
    algorithm: Algorithm,
    thumbprint: String,
    key: ParsedPublicKey,
}

impl VerificationKey {
    /// Makes `jwk` a key for `algorithm`.
    ///
    /// # Errors
    /// [`KeyError::Algorithm`] if the key is of another kind or for another algorithm, [`KeyError::Point`] if it is not
    /// on its curve.
    pub fn new(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, KeyError> {
        if !jwk.is_for(algorithm) {
            return Err(KeyError::Algorithm);
        }
        Ok(Self {
            kid: jwk.kid().map(str::to_owned),
            algorithm,
            thumbprint: jwk.thumbprint(),
            key: parse(jwk.material(), algorithm)?,
        })
    }

    /// The key's name in its set, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm the key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's SHA-256 thumbprint (RFC 7638).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether `signature` is this key's signature of `message`. ES256 takes the 64 bytes of RFC 7518 §3.4 alone, no DER.
    ///
    /// Both values of `s` are taken, as every issuer signs with either: a token is known by its `jti`, not by its bytes.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn parse(material: &Material, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
    let point = |curve: &'static EcdsaVerificationAlgorithm, x: &[u8], y: &[u8]| {
        ParsedPublicKey::new(curve, [&[0x04], x, y].concat()).map_err(|_| KeyError::Point)
    };
    match material {
        Material::P256 { x, y } => point(&ECDSA_P256_SHA256_FIXED, x, y),
        Material::P384 { x, y } => point(&ECDSA_P384_SHA384_FIXED, x, y),
        Material::P521 { x, y } => point(&ECDSA_P521_SHA512_FIXED, x, y),
        Material::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyError::Point),
        Material::Rsa { n, e } => {
            let parameters = match algorithm {
                Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
                Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
                Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
                Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
                _ => &RSA_PKCS1_2048_8192_SHA256,
            };
            PublicKeyComponents { n, e }
                .to_parsed_public_key(parameters)
                .map_err(|_| KeyError::Unsound)
        }
    }
}

/// The keys of one issuer or client.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
}

impl KeySet {
    /// A set of `keys`.
    pub fn new(keys: Vec<VerificationKey>) -> Self {
        Self { keys }
    }

    /// Reads the key set that an issuer publishes (RFC 7517 §5), with the keys for [`Algorithm::FOREIGN`]; it is as strict as
    /// [`JwkSet`] otherwise. Which algorithms are accepted, an [`Expectation`](super::Expectation) says.
    ///
    /// # Errors
    /// [`serde_json::Error`] if it is no set, or one with a private key in it.
    pub fn of_issuer(json: &[u8]) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let set = JwkSet::with_every_kind(&mut deserializer)?;
        deserializer.end()?;
        let usable = |jwk: &Jwk| -> Vec<VerificationKey> {
            jwk.every_algorithm()
                .filter_map(|algorithm| VerificationKey::new(jwk, algorithm).ok())
                .collect()
        };
        Ok(Self::new(set.keys.iter().flat_map(usable).collect()))
    }

    /// The one key for `kid` and `algorithm`; without a `kid`, the one key for `algorithm`.
    ///
    /// # Errors
    /// [`JoseError::UnknownKey`] if there is none; [`JoseError::AmbiguousKey`] if several different keys fit
    /// (OpenID Connect Core §10.1: with several keys, a `kid` is required).
    pub fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&VerificationKey, JoseError> {
        let mut fitting = self.keys.iter().filter(|key| {
            key.algorithm == algorithm && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
        });
        let first = fitting.next().ok_or(JoseError::UnknownKey)?;
        if fitting.any(|other| other.thumbprint != first.thumbprint) {
            return Err(JoseError::AmbiguousKey);
        }
        Ok(first)
    }

    /// Whether the set holds no key that verifies.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, one for each algorithm they may verify.
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }
}

impl From<&JwkSet> for KeySet {
    /// The keys of `set` that verify, one for each algorithm they are for; a point off its curve is left out.
    fn from(set: &JwkSet) -> Self {
        let usable = |jwk: &Jwk| -> Vec<VerificationKey> {
            jwk.algorithms()
                .filter_map(|algorithm| VerificationKey::new(jwk, algorithm).ok())
                .collect()
        };
        Self::new(set.keys.iter().flat_map(usable).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::SigningKey;
    use super::*;

    fn jwk(algorithm: Algorithm) -> Jwk {
        SigningKey::generate(algorithm).unwrap().public_jwk()
    }

    fn renamed(jwk: &Jwk, kid: Option<&str>) -> Jwk {
        Jwk::new(
            kid.map(str::to_owned),
            jwk.algorithm(),
            jwk.material().clone(),
        )
    }

    #[test]
    fn what_an_issuer_publishes_is_one_document_and_nothing_behind_it() {
        let keys = json!({"keys": [jwk(Algorithm::Es256)]}).to_string();
        let read = KeySet::of_issuer(format!("{keys}\n").as_bytes()).unwrap();
        assert_eq!(read.keys.len(), 1);
        for more in ["x", "{}", "]", "\0"] {
            assert!(KeySet::of_issuer(format!("{keys}{more}").as_bytes()).is_err());
        }
    }

    fn set(keys: &[Jwk]) -> KeySet {
        KeySet::from(&JwkSet {
            keys: keys.to_vec(),
        })
    }

    #[test]
    fn a_key_is_found_by_its_kid_and_algorithm() {
        let (ec, ed) = (jwk(Algorithm::Es256), jwk(Algorithm::EdDsa));
        let keys = set(&[ec.clone(), ed]);
        let found = keys.find(ec.kid(), Algorithm::Es256).unwrap();
        assert_eq!(found.thumbprint(), ec.thumbprint());
        assert_eq!(
            keys.find(ec.kid(), Algorithm::EdDsa).unwrap_err(),
            JoseError::UnknownKey
        );
        for kid in [
            "",
            "../../dev/null",
            "' OR 1=1 --",
            "https://evil.example/jwks",
        ] {
            assert_eq!(
                keys.find(Some(kid), Algorithm::Es256).unwrap_err(),
                JoseError::UnknownKey
            );
        }
    }

    /// Attacks: J03.
    #[test]
    fn without_a_kid_the_only_key_of_the_algorithm_is_meant() {
        let (ec, other_ec, ed) = (
            jwk(Algorithm::Es256),
            jwk(Algorithm::Es256),
            jwk(Algorithm::EdDsa),
        );
        assert!(
            set(&[ec.clone(), ed.clone()])
                .find(None, Algorithm::Es256)
                .is_ok()
        );
        assert_eq!(
            set(&[ec, other_ec, ed])
                .find(None, Algorithm::Es256)
                .unwrap_err(),
            JoseError::AmbiguousKey
        );
        assert_eq!(
            set(&[]).find(None, Algorithm::Es256).unwrap_err(),
            JoseError::UnknownKey
        );
    }

    /// Attacks: J03.
    #[test]
    fn a_kid_that_two_keys_bear_names_neither() {
        let (one, other) = (jwk(Algorithm::Es256), jwk(Algorithm::Es256));
        let twins = set(&[renamed(&one, Some("a")), renamed(&other, Some("a"))]);
        assert_eq!(
            twins.find(Some("a"), Algorithm::Es256).unwrap_err(),
            JoseError::AmbiguousKey
        );
        let same_twice = set(&[renamed(&one, Some("a")), renamed(&one, Some("a"))]);
        assert!(same_twice.find(Some("a"), Algorithm::Es256).is_ok());
        let other_kind = set(&[
            renamed(&one, Some("a")),
            renamed(&jwk(Algorithm::EdDsa), Some("a")),
        ]);
        assert!(other_kind.find(Some("a"), Algorithm::Es256).is_ok());
    }

    #[test]
    fn a_point_off_the_curve_makes_no_key() {
        let mut key: Value = serde_json::to_value(jwk(Algorithm::Es256)).unwrap();
        key["y"] = key["x"].clone();
        let off_the_curve: Jwk = serde_json::from_value(key).unwrap();
        assert_eq!(
            VerificationKey::new(&off_the_curve, Algorithm::Es256).unwrap_err(),
            KeyError::Point
        );
        assert!(set(&[off_the_curve]).is_empty());
        let zero = crate::encoding::encode(&[0; 32]);
        let infinity: Jwk =
            serde_json::from_value(json!({"kty": "EC", "crv": "P-256", "x": zero, "y": zero}))
                .unwrap();
        assert_eq!(
            VerificationKey::new(&infinity, Algorithm::Es256).unwrap_err(),
            KeyError::Point
        );
    }

    /// Attacks: J19.
    #[test]
    fn a_key_never_takes_an_algorithm_it_is_not_for() {
        for own in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
            let key = jwk(own);
            for other in Algorithm::ALL.into_iter().filter(|other| *other != own) {
                assert_eq!(
                    VerificationKey::new(&key, other).unwrap_err(),
                    KeyError::Algorithm
                );
            }
        }
    }
}
