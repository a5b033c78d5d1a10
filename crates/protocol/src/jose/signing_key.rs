//! The one type that signs. A private key is parsed once and reused; a key held elsewhere (KMS) can stand here later.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::header::MAX_TOKEN;
use super::jwk::Material;
use super::{Algorithm, Jwk, KeyError, SignError, VerificationKey};
use crate::encoding;

/// A private key for one algorithm, with its public part. It has no `Debug`; its `kid` is its RFC 7638 thumbprint.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
    material: Material,
    kid: String,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    /// A new key; RSA keys have 2048 bits and take about 60 ms, the others none.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the provider fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
                EcdsaKeyPair::generate(curve(algorithm)).map(Pair::Ec)
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Pair::Ed25519),
            _ => RsaKeyPair::generate(KeySize::Rsa2048).map(Pair::Rsa),
        };
        Self::new(algorithm, pair.map_err(|_| KeyError::Generation)?)
    }

    /// A key from unencrypted PKCS#8.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if it is no key of that algorithm, which includes RSA below 2048 or above 8192 bits;
    /// [`KeyError::Unsound`] for an RSA exponent that nobody should trust.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
                EcdsaKeyPair::from_pkcs8(curve(algorithm), pkcs8).map(Pair::Ec)
            }
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Pair::Ed25519),
            _ => RsaKeyPair::from_pkcs8(pkcs8).map(Pair::Rsa),
        };
        Self::new(algorithm, pair.map_err(|_| KeyError::Malformed)?)
    }

    fn new(algorithm: Algorithm, pair: Pair) -> Result<Self, KeyError> {
        let material = pair.material()?;
        Ok(Self {
            algorithm,
            kid: material.thumbprint(),
            pair,
            material,
        })
    }

    /// The private key as unencrypted PKCS#8, wiped when dropped. Whoever calls this seals it.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the provider fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let wiped = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        let pkcs8 = match &self.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().map(|document| wiped(document.as_ref())),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map(|document| wiped(document.as_ref())),
            Pair::Rsa(pair) => pair.as_der().map(|der: Pkcs8V1Der<'_>| wiped(der.as_ref())),
        };
        pkcs8.map_err(|_| KeyError::Generation)
    }

    /// The key's name: its SHA-256 thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public part, to be published.
    pub fn public_jwk(&self) -> Jwk {
        Jwk::new(
            Some(self.kid.clone()),
            Some(self.algorithm),
            self.material.clone(),
        )
    }

    /// The public part, to verify what this key signed.
    pub fn verification_key(&self) -> VerificationKey {
        VerificationKey::new(&self.public_jwk(), self.algorithm)
            .expect("the public part of a key pair is a key for the same algorithm")
    }

    /// Signs `claims`, a JSON object, as a JWT of type `typ`. The protected header is `alg`, `typ` and `kid`, no more.
    ///
    /// # Errors
    /// [`SignError`]: the claims are no object, the token would be too large, or the provider failed.
    pub fn sign_jwt(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let header = ProtectedHeader {
            alg: self.algorithm,
            typ: Some(typ),
            kid: Some(&self.kid),
            jwk: None,
        };
        self.sign_compact(&header, claims)
    }

    /// As [`SigningKey::sign_jwt`], without a `typ`, which many issuers set in no token: for whoever plays one of them in a test.
    ///
    /// # Errors
    /// As [`SigningKey::sign_jwt`].
    pub fn sign_untyped_jwt(&self, claims: &impl Serialize) -> Result<String, SignError> {
        let header = ProtectedHeader {
            alg: self.algorithm,
            typ: None,
            kid: Some(&self.kid),
            jwk: None,
        };
        self.sign_compact(&header, claims)
    }

    /// As [`SigningKey::sign_jwt`], but the header carries the public key itself (`jwk`) instead of its name: for whoever is
    /// to know this key and nothing else of us (RFC 9449 §4.2).
    ///
    /// # Errors
    /// As [`SigningKey::sign_jwt`].
    pub fn sign_proof(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let header = ProtectedHeader {
            alg: self.algorithm,
            typ: Some(typ),
            kid: None,
            jwk: Some(Jwk::new(None, None, self.material.clone())),
        };
        self.sign_compact(&header, claims)
    }

    fn sign_compact(
        &self,
        header: &ProtectedHeader<'_>,
        claims: &impl Serialize,
    ) -> Result<String, SignError> {
        let header = serde_json::to_vec(header).expect("a header of texts and a key is JSON");
        let claims = serde_json::to_vec(claims).map_err(|_| SignError::Claims)?;
        if claims.first() != Some(&b'{') {
            return Err(SignError::Claims);
        }
        if claims.len() > MAX_TOKEN {
            return Err(SignError::TooLarge);
        }
        let signing_input = [encoding::encode(&header), encoding::encode(&claims)].join(".");
        let signature = self.sign(signing_input.as_bytes())?;
        let token = [signing_input, encoding::encode(&signature)].join(".");
        if token.len() > MAX_TOKEN {
            return Err(SignError::TooLarge);
        }
        Ok(token)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => {
                let signature = pair
                    .sign(&random, message)
                    .map_err(|_| SignError::Signature)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(message).map_err(|_| SignError::Signature)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let padding = match self.algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    Algorithm::Ps384 => &RSA_PSS_SHA384,
                    Algorithm::Ps512 => &RSA_PSS_SHA512,
                    Algorithm::Rs384 => &RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .map_err(|_| SignError::Signature)?;
                Ok(signature)
            }
        }
    }
}

#[derive(Serialize)]
struct ProtectedHeader<'a> {
    alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<Jwk>,
}

impl Pair {
    fn material(&self) -> Result<Material, KeyError> {
        match self {
            Pair::Ec(pair) => point(pair.public_key().as_ref()).ok_or(KeyError::Malformed),
            Pair::Ed25519(pair) => {
                let x = pair.public_key().as_ref();
                Material::ed25519(x.try_into().map_err(|_| KeyError::Malformed)?)
            }
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref()).ok_or(KeyError::Malformed)?;
                Material::rsa(n.to_vec(), e.to_vec())
            }
        }
    }
}

/// The curve that `algorithm` signs on.
fn curve(algorithm: Algorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Algorithm::Es512 => &ECDSA_P521_SHA512_FIXED_SIGNING,
        _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
    }
}

/// The coordinates of an uncompressed point, whose length tells its curve.
fn point(point: &[u8]) -> Option<Material> {
    let [0x04, coordinates @ ..] = point else {
        return None;
    };
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Some(match x.len() {
        32 => Material::P256 {
            x: x.try_into().ok()?,
            y: y.try_into().ok()?,
        },
        48 => Material::P384 {
            x: x.try_into().ok()?,
            y: y.try_into().ok()?,
        },
        66 => Material::P521 {
            x: x.try_into().ok()?,
            y: y.try_into().ok()?,
        },
        _ => return None,
    })
}

/// Modulus and exponent of a DER `RSAPublicKey`, two positive integers in a sequence (RFC 8017 §A.1.1), without the zero
/// byte that keeps the sign.
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (numbers, []) = der_value(SEQUENCE, der)? else {
        return None;
    };
    let (n, rest) = der_value(INTEGER, numbers)?;
    let (e, []) = der_value(INTEGER, rest)? else {
        return None;
    };
    let unsigned = |number: &'_ [u8]| number.iter().take_while(|byte| **byte == 0).count();
    Some((&n[unsigned(n)..], &e[unsigned(e)..]))
}

/// The contents of the first DER value, which must have `tag`, and what follows it. Lengths up to 65,535.
fn der_value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, contents) = match der {
        [first, length @ 0..=0x7f, rest @ ..] if *first == tag => (usize::from(*length), rest),
        [first, 0x81, length, rest @ ..] if *first == tag => (usize::from(*length), rest),
        [first, 0x82, high, low, rest @ ..] if *first == tag => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    contents.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    fn a_key_survives_pkcs8(
        #[values(
            Algorithm::Es256,
            Algorithm::Rs256,
            Algorithm::Ps256,
            Algorithm::EdDsa,
            Algorithm::Es384,
            Algorithm::Es512,
            Algorithm::Ps384
        )]
        algorithm: Algorithm,
    ) {
        let key = SigningKey::generate(algorithm).unwrap();
        let pkcs8 = key.to_pkcs8().unwrap();
        let again = SigningKey::from_pkcs8(algorithm, &pkcs8).ok().unwrap();
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.algorithm(), algorithm);
        assert_eq!(again.public_jwk(), key.public_jwk());
        let token = again.sign_jwt("JWT", &json!({})).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = encoding::decode(signature).unwrap();
        assert!(
            key.verification_key()
                .verifies(message.as_bytes(), &signature)
        );
    }

    #[test]
    fn the_header_is_alg_typ_and_kid() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let token = key.sign_jwt("at+jwt", &json!({"sub": "ada"})).unwrap();
        let header = encoding::decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(header).unwrap(),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#, key.kid())
        );
    }

    #[test]
    fn only_an_object_of_a_readable_size_is_signed() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        assert_eq!(key.sign_jwt("JWT", &json!(["sub"])), Err(SignError::Claims));
        assert_eq!(key.sign_jwt("JWT", &"sub"), Err(SignError::Claims));
        let claims = json!({"text": "a".repeat(MAX_TOKEN * 3 / 4)});
        assert_eq!(key.sign_jwt("JWT", &claims), Err(SignError::TooLarge));
        let claims = json!({"text": "a".repeat(MAX_TOKEN)});
        assert_eq!(key.sign_jwt("JWT", &claims), Err(SignError::TooLarge));
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let pkcs8 = key.to_pkcs8().unwrap();
        for algorithm in [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256] {
            assert_eq!(
                SigningKey::from_pkcs8(algorithm, &pkcs8).err(),
                Some(KeyError::Malformed)
            );
        }
        assert_eq!(
            SigningKey::from_pkcs8(Algorithm::EdDsa, b"").err(),
            Some(KeyError::Malformed)
        );
    }

    /// Attacks: J12.
    #[test]
    fn an_rsa_key_of_1024_bits_is_refused() {
        let pkcs8 = encoding::decode(&RSA_1024.concat()).unwrap();
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
            assert_eq!(
                SigningKey::from_pkcs8(algorithm, &pkcs8).err(),
                Some(KeyError::Malformed)
            );
        }
    }

    const RSA_1024: [&str; 11] = [
        "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAJ-",
        "16rwaiLtxDyvYe4nwtudruxjw0mqmw_6eN8OLnTyiUccrMxbKHYQ2rA00tpXpF2GUi-",
        "J6jzSBgzGP5kw7VVCHADXCnpTyMqctQpmcFMPuda9eybtKGpvWKl4-",
        "WuS3DNeYNMKM3QZfxNBnv3pp3yzJIQTUYMPFt6AeVyDBKWjBAgMBAAECgYEAk8UArAws6Kkh7WJ-Y1GaGaL-",
        "2IOxXEZyX3pKhB4AXKKe4ZXhzjsxdiwToqBcM3YYUQvdJa5aI62VEl1fKrdXJhWAl0EW4qmyQfTTWJkbOloqFGb00l2NOJ_I2a7U",
        "e-T2Bgo36CS_v-gpJxduha_shu6nFzjPbrxuHPnHVWrEBoUCQQDP7Izmz197nnaAELYJvDFLOYEh1lw4Ir_RPKJiHHe9FchOv793",
        "FXipbj0Fy5rAPC5h7R0akDrh24OtAqpXPCuTAkEAxKOECXwmOV7zLkjyZq4gZadHKejBnFYxDSjEErrzPeuUnJ1vR51XPg2ovzXp",
        "SVxgJYLAvM4b7MKViLr1rTiW2wJBAJhxxPTNAiKukg9fMTh-BF408RqQAdkekSilniD04k1-",
        "FPi32XdEBM2kh5UiLHnZJeCian45VRKXUTmeBKok8YUCQFABm9JkIgVLvbQCWCYxCNtzYUALBOOAKjsJcCWSzS9Pb8r9P26q9Pk5",
        "g4QxAjcoD7KTbaokTjZZwY-9SgJtuOsCQD7vdaJgvGbPOdSm6W-Pu7-",
        "NxrNL92AAImZ4NofekkEXDT2mxLmJrin0rk6vnb3R2f72UzhDz6JFM5s6kA7ZhdQ",
    ];

    #[rstest]
    #[case::nothing(b"")]
    #[case::no_sequence(&[0x02, 0x01, 0x03])]
    #[case::cut_off(&[0x30, 0x06, 0x02, 0x01])]
    #[case::one_number(&[0x30, 0x03, 0x02, 0x01, 0x03])]
    #[case::three_numbers(&[0x30, 0x09, 0x02, 0x01, 0x03, 0x02, 0x01, 0x03, 0x02, 0x01, 0x03])]
    #[case::bytes_behind(&[0x30, 0x06, 0x02, 0x01, 0x03, 0x02, 0x01, 0x03, 0x00])]
    #[case::endless_length(&[0x30, 0x80, 0x00, 0x00])]
    fn der_that_is_no_rsa_key_is_refused(#[case] der: &[u8]) {
        assert_eq!(rsa_numbers(der), None);
    }

    #[test]
    fn der_numbers_lose_their_sign_byte() {
        let der = [0x30, 0x07, 0x02, 0x02, 0x00, 0xff, 0x02, 0x01, 0x03];
        assert_eq!(
            rsa_numbers(&der),
            Some(([0xff].as_slice(), [0x03].as_slice()))
        );
    }
}
