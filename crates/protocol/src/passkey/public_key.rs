//! The public keys of passkeys (RFC 9053 §7.1, RFC 8230 §4): two algorithms, read strictly, checked by AWS-LC.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use coset::{
    CborSerializable, CoseKey, Label, RegisteredLabel, RegisteredLabelWithPrivate,
    cbor::value::Value, iana,
};

use super::problem::PasskeyProblem;

/// The longest key that is kept, as COSE writes it: of RSA with 4096 bits.
const LONGEST_KEY: usize = 600;
const LEAST_RSA_BITS: usize = 2048;
const LONGEST_EXPONENT: usize = 4;

/// The algorithms that are offered, in the order of preference (IANA COSE Algorithms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what Windows Hello makes on older machines.
    Rs256,
}

impl PasskeyAlgorithm {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// Its number.
    pub const fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Rs256 => -257,
        }
    }
}

/// The public key of a passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyKey {
    cose: Vec<u8>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    /// A point, uncompressed.
    P256([u8; 65]),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl PasskeyKey {
    /// Reads a key as COSE writes it.
    ///
    /// # Errors
    /// [`PasskeyProblem::Algorithm`] for one that is not offered, [`PasskeyProblem::PublicKey`] for one that is malformed or weak.
    pub fn read(cose: &[u8]) -> Result<Self, PasskeyProblem> {
        if cose.len() > LONGEST_KEY {
            return Err(PasskeyProblem::PublicKey);
        }
        let key = CoseKey::from_slice(cose).map_err(|_| PasskeyProblem::PublicKey)?;
        let material = match &key.alg {
            Some(RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256)) => p256(&key),
            Some(RegisteredLabelWithPrivate::Assigned(iana::Algorithm::RS256)) => rsa(&key),
            _ => return Err(PasskeyProblem::Algorithm),
        };
        Ok(Self {
            cose: cose.to_vec(),
            material: material.ok_or(PasskeyProblem::PublicKey)?,
        })
    }

    /// It as COSE writes it, as it was read.
    pub fn as_cose(&self) -> &[u8] {
        &self.cose
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> PasskeyAlgorithm {
        match self.material {
            Material::P256(_) => PasskeyAlgorithm::Es256,
            Material::Rsa { .. } => PasskeyAlgorithm::Rs256,
        }
    }

    /// Whether its owner signed `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .verify(message, signature)
                .is_ok(),
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }
}

fn p256(key: &CoseKey) -> Option<Material> {
    let is_ec2 = key.kty == RegisteredLabel::Assigned(iana::KeyType::EC2);
    let curve = parameter(key, -1)?.as_integer()?;
    let is_p256 = i128::from(curve) == iana::EllipticCurve::P_256 as i128;
    let [x, y] = [-2, -3].map(|label| parameter(key, label).and_then(Value::as_bytes));
    let (x, y) = (x?, y?);
    if !is_ec2 || !is_p256 || x.len() != 32 || y.len() != 32 {
        return None;
    }
    let mut point = [4; 65];
    point[1..33].copy_from_slice(x);
    point[33..].copy_from_slice(y);
    // A point that is not on the curve is found here, and not at the first sign-in.
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).ok()?;
    Some(Material::P256(point))
}

fn rsa(key: &CoseKey) -> Option<Material> {
    let is_rsa = key.kty == RegisteredLabel::Assigned(iana::KeyType::RSA);
    let [n, e] = [-1, -2].map(|label| parameter(key, label).and_then(Value::as_bytes));
    let (n, e) = (n?, e?);
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let is_sound = is_odd(n) && is_odd(e) && *e != [1] && e.len() <= LONGEST_EXPONENT;
    if !is_rsa || n.first() == Some(&0) || bits < LEAST_RSA_BITS || !is_sound {
        return None;
    }
    Some(Material::Rsa {
        n: n.clone(),
        e: e.clone(),
    })
}

fn parameter(key: &CoseKey, label: i64) -> Option<&Value> {
    let found = key
        .params
        .iter()
        .find(|(name, _)| *name == Label::Int(label));
    found.map(|(_, value)| value)
}
