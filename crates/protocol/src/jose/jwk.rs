//! Public keys as JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2): what is published, and what others publish.
//!
//! Reading is strict: one spelling of each number, no private member, no weak key. Turning a key into one that verifies
//! is [`VerificationKey`](super::VerificationKey)'s.

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::json::Unique;
use super::{Algorithm, KeyError};
use crate::encoding;

/// The most keys that a set may hold.
pub const MAX_KEYS: usize = 64;

const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
const MAX_EXPONENT_LEN: usize = 4;

/// The members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key for verifying signatures: P-256, Ed25519 or RSA of 2048 to 8192 bits; of other issuers P-384 and P-521 too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    material: Material,
}

/// The numbers of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Material {
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519 { x: [u8; 32] },
    P384 { x: [u8; 48], y: [u8; 48] },
    P521 { x: [u8; 66], y: [u8; 66] },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Jwk {
    pub(super) fn new(
        kid: Option<String>,
        algorithm: Option<Algorithm>,
        material: Material,
    ) -> Self {
        Self {
            kid,
            algorithm,
            material,
        }
    }

    /// Reads a key from its JSON object.
    ///
    /// # Errors
    /// A [`KeyError`] that names what is wrong; [`KeyError::Private`] before anything else.
    pub fn from_json(members: &Map<String, Value>) -> Result<Self, KeyError> {
        if let Some(member) = PRIVATE_MEMBERS
            .into_iter()
            .find(|member| members.contains_key(*member))
        {
            return Err(KeyError::Private(member));
        }
        let members = Members(members);
        let material = members.material()?;
        members.check_use()?;
        let algorithm = match members.text("alg")? {
            Some(name) => Some(Algorithm::of_name(name).ok_or(KeyError::Algorithm)?),
            None => None,
        };
        if algorithm.is_some_and(|algorithm| !material.fits(algorithm)) {
            return Err(KeyError::Algorithm);
        }
        let kid = members.text("kid")?.map(str::to_owned);
        Ok(Self::new(kid, algorithm, material))
    }

    /// The key's name in its set, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm the key is for, if it says so.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// The algorithms of [`Algorithm::ALL`] that the key can verify: its own one, or those that fit its kind.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL
            .into_iter()
            .filter(|algorithm| self.is_for(*algorithm))
    }

    /// The same, with those of [`Algorithm::FOREIGN`].
    pub(super) fn every_algorithm(&self) -> impl Iterator<Item = Algorithm> {
        Algorithm::every().filter(|algorithm| self.is_for(*algorithm))
    }

    /// Whether the key may verify signatures of `algorithm`.
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|only| only == algorithm) && self.material.fits(algorithm)
    }

    /// The key's SHA-256 thumbprint, 43 characters of base64url (RFC 7638 §3).
    pub fn thumbprint(&self) -> String {
        self.material.thumbprint()
    }

    pub(super) fn material(&self) -> &Material {
        &self.material
    }
}

impl Material {
    /// An RSA key of a size and shape that can be trusted with a signature.
    pub(super) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, KeyError> {
        // Without leading zeros: one key, one thumbprint (RFC 7518 §2, Base64urlUInt).
        let (Some(&n_first @ 1..), Some(1..)) = (n.first(), e.first()) else {
            return Err(KeyError::Malformed);
        };
        let bits = n.len() * 8 - n_first.leading_zeros() as usize;
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
            return Err(KeyError::Size);
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        if !is_odd(&n) || !is_odd(&e) || e == [1] || e.len() > MAX_EXPONENT_LEN {
            return Err(KeyError::Unsound);
        }
        Ok(Self::Rsa { n, e })
    }

    /// An Ed25519 key that verifies what its owner signed, and not whatever it is shown.
    pub(super) fn ed25519(x: [u8; 32]) -> Result<Self, KeyError> {
        if is_weak_ed25519(&x) {
            return Err(KeyError::Point);
        }
        Ok(Self::Ed25519 { x })
    }

    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        matches!(
            (self, algorithm),
            (Self::P256 { .. }, Es256)
                | (Self::P384 { .. }, Es384)
                | (Self::P521 { .. }, Es512)
                | (Self::Ed25519 { .. }, EdDsa)
                | (
                    Self::Rsa { .. },
                    Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512
                )
        )
    }

    /// The required members in lexicographic order, without white space (RFC 7638 §3.2, RFC 8037 §2).
    pub(super) fn thumbprint(&self) -> String {
        let encode = encoding::encode;
        let on_curve = |curve: &str, x: &[u8], y: &[u8]| {
            let (x, y) = (encode(x), encode(y));
            format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        };
        let canonical = match self {
            Self::P256 { x, y } => on_curve("P-256", x, y),
            Self::P384 { x, y } => on_curve("P-384", x, y),
            Self::P521 { x, y } => on_curve("P-521", x, y),
            Self::Ed25519 { x } => {
                let x = encode(x);
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
            Self::Rsa { n, e } => {
                let (n, e) = (encode(n), encode(e));
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
        };
        encoding::sha256_base64url(canonical.as_bytes())
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let encode = encoding::encode;
        let mut members = serializer.serialize_map(None)?;
        let mut on_curve = |curve: &str, x: &[u8], y: &[u8]| {
            members.serialize_entry("kty", "EC")?;
            members.serialize_entry("crv", curve)?;
            members.serialize_entry("x", &encode(x))?;
            members.serialize_entry("y", &encode(y))
        };
        match &self.material {
            Material::P256 { x, y } => on_curve("P-256", x, y)?,
            Material::P384 { x, y } => on_curve("P-384", x, y)?,
            Material::P521 { x, y } => on_curve("P-521", x, y)?,
            Material::Ed25519 { x } => {
                members.serialize_entry("kty", "OKP")?;
                members.serialize_entry("crv", "Ed25519")?;
                members.serialize_entry("x", &encode(x))?;
            }
            Material::Rsa { n, e } => {
                members.serialize_entry("kty", "RSA")?;
                members.serialize_entry("n", &encode(n))?;
                members.serialize_entry("e", &encode(e))?;
            }
        }
        members.serialize_entry("use", "sig")?;
        if let Some(algorithm) = self.algorithm {
            members.serialize_entry("alg", algorithm.name())?;
        }
        if let Some(kid) = &self.kid {
            members.serialize_entry("kid", kid)?;
        }
        members.end()
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Unique::deserialize(deserializer)?.0 {
            Value::Object(members) => Self::from_json(&members).map_err(D::Error::custom),
            _ => Err(D::Error::custom(KeyError::Malformed)),
        }
    }
}

/// A set of public keys, as it stands at a `jwks_uri` (RFC 7517 §5).
///
/// Reading skips the keys that are not for us: kinds and algorithms that are not in [`Algorithm::ALL`], keys for encryption,
/// malformed and weak ones. A set that holds a private key is refused as a whole: that key is disclosed, and its owner must hear it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The keys, in the order of their publication.
    pub keys: Vec<Jwk>,
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut set = Self::with_every_kind(deserializer)?;
        set.keys.retain(|key| key.algorithms().next().is_some());
        Ok(set)
    }
}

impl JwkSet {
    /// Reads a set with the keys for [`Algorithm::FOREIGN`] in it.
    pub(super) fn with_every_kind<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        let Value::Object(set) = Unique::deserialize(deserializer)?.0 else {
            return Err(D::Error::custom("a key set is a JSON object"));
        };
        let Some(Value::Array(entries)) = set.get("keys") else {
            return Err(D::Error::custom("a key set has a list of `keys`"));
        };
        if entries.len() > MAX_KEYS {
            return Err(D::Error::custom("too many keys in a key set"));
        }
        let mut keys = Vec::with_capacity(entries.len());
        for entry in entries {
            let Value::Object(members) = entry else {
                return Err(D::Error::custom(KeyError::Malformed));
            };
            match Jwk::from_json(members) {
                Ok(key) => keys.push(key),
                // A symmetric key is one more kind that is not here.
                Err(error @ KeyError::Private(member)) if member != "k" => {
                    return Err(D::Error::custom(error));
                }
                Err(_) => {}
            }
        }
        Ok(Self { keys })
    }
}

/// The members of a JWK, read by their types.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn text(&self, name: &str) -> Result<Option<&'a str>, KeyError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(KeyError::Malformed),
        }
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, KeyError> {
        let text = self.text(name)?.ok_or(KeyError::Malformed)?;
        encoding::decode(text).ok_or(KeyError::Malformed)
    }

    /// A coordinate, which keeps its leading zeros (RFC 7518 §6.2.1.2).
    fn coordinate<const LENGTH: usize>(&self, name: &str) -> Result<[u8; LENGTH], KeyError> {
        let bytes = self.bytes(name)?;
        bytes.try_into().map_err(|_| KeyError::Malformed)
    }

    fn material(&self) -> Result<Material, KeyError> {
        let kty = self.text("kty")?.ok_or(KeyError::Malformed)?;
        match (kty, self.text("crv")?) {
            ("EC", Some("P-256")) => Ok(Material::P256 {
                x: self.coordinate("x")?,
                y: self.coordinate("y")?,
            }),
            ("EC", Some("P-384")) => Ok(Material::P384 {
                x: self.coordinate("x")?,
                y: self.coordinate("y")?,
            }),
            ("EC", Some("P-521")) => Ok(Material::P521 {
                x: self.coordinate("x")?,
                y: self.coordinate("y")?,
            }),
            ("OKP", Some("Ed25519")) => Material::ed25519(self.coordinate("x")?),
            ("RSA", None) => Material::rsa(self.bytes("n")?, self.bytes("e")?),
            _ => Err(KeyError::Kind),
        }
    }

    fn check_use(&self) -> Result<(), KeyError> {
        if self.text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(KeyError::Use);
        }
        match self.0.get("key_ops") {
            None => Ok(()),
            Some(Value::Array(operations))
                if operations.iter().any(|operation| operation == "verify") =>
            {
                Ok(())
            }
            Some(Value::Array(_)) => Err(KeyError::Use),
            Some(_) => Err(KeyError::Malformed),
        }
    }
}

/// The points of small order and every coordinate at or above the field's prime, whatever the sign bit: under such a
/// key anybody's signature can verify.
fn is_weak_ed25519(x: &[u8; 32]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *x;
    y[31] &= 0x7f;
    let is_zero_or_one = y[0] <= 1 && y[1..].iter().all(|byte| *byte == 0);
    let is_minus_one_or_above =
        y[0] >= 0xec && y[1..31].iter().all(|byte| *byte == 0xff) && y[31] == 0x7f;
    is_zero_or_one || is_minus_one_or_above || ORDER_8.contains(&y)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::SigningKey;
    use super::*;

    const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn with(base: &str, member: &str, value: Value) -> Value {
        let mut key: Value = serde_json::from_str(base).unwrap();
        key[member] = value;
        key
    }

    fn rsa(n: &[u8], e: &[u8]) -> Value {
        json!({"kty": "RSA", "n": encoding::encode(n), "e": encoding::encode(e)})
    }

    fn refusal(key: &Value) -> KeyError {
        Jwk::from_json(key.as_object().unwrap()).expect_err("this key must not be read")
    }

    #[rstest]
    #[case::p256(P256)]
    #[case::ed25519(ED25519)]
    fn a_key_comes_back_as_it_was_read(#[case] text: &str) {
        let key: Jwk = serde_json::from_str(text).unwrap();
        let written = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<Jwk>(&written).unwrap(), key);
        assert_eq!(written, text.replace("\"}", "\",\"use\":\"sig\"}"));
    }

    #[rstest]
    fn a_private_member_is_refused_by_name(
        #[values("d", "p", "q", "dp", "dq", "qi", "oth", "k")] member: &str,
    ) {
        let key = with(P256, member, json!("AAAA"));
        let error = refusal(&key);
        assert!(matches!(error, KeyError::Private(name) if name == member));
        assert!(error.to_string().contains(&format!("`{member}`")));
    }

    #[rstest]
    #[case::no_kind(json!({}), KeyError::Malformed)]
    #[case::symmetric(json!({"kty": "oct"}), KeyError::Kind)]
    #[case::another_curve(with(P256, "crv", json!("secp256k1")), KeyError::Kind)]
    #[case::a_point_of_another_curve(with(P256, "crv", json!("P-384")), KeyError::Malformed)]
    #[case::key_agreement(with(ED25519, "crv", json!("X25519")), KeyError::Kind)]
    #[case::short_coordinate(with(P256, "x", json!("f83O")), KeyError::Malformed)]
    #[case::padded_coordinate(with(P256, "x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=")), KeyError::Malformed)]
    #[case::coordinate_no_text(with(P256, "x", json!(7)), KeyError::Malformed)]
    #[case::kid_no_text(with(P256, "kid", json!(7)), KeyError::Malformed)]
    #[case::for_encryption(with(P256, "use", json!("enc")), KeyError::Use)]
    #[case::for_deriving(with(P256, "key_ops", json!(["deriveKey"])), KeyError::Use)]
    #[case::another_algorithm(with(P256, "alg", json!("ES384")), KeyError::Algorithm)]
    #[case::misfit_algorithm(with(P256, "alg", json!("RS256")), KeyError::Algorithm)]
    #[case::no_algorithm_at_all(with(P256, "alg", json!("none")), KeyError::Algorithm)]
    #[case::rsa_512(rsa(&[0xff; 64], &[1, 0, 1]), KeyError::Size)]
    #[case::rsa_2047(rsa(&[0x7f; 256], &[1, 0, 1]), KeyError::Size)]
    #[case::rsa_8193(rsa(&[1; 1025], &[1, 0, 1]), KeyError::Size)]
    #[case::rsa_even(rsa(&[0xfe; 256], &[1, 0, 1]), KeyError::Unsound)]
    #[case::rsa_e_1(rsa(&[0xff; 256], &[1]), KeyError::Unsound)]
    #[case::rsa_e_even(rsa(&[0xff; 256], &[1, 0, 0]), KeyError::Unsound)]
    #[case::rsa_e_of_40_bits(rsa(&[0xff; 256], &[1, 0, 0, 0, 1]), KeyError::Unsound)]
    #[case::rsa_leading_zero(rsa(&[[0].as_slice(), &[0xff; 256]].concat(), &[1, 0, 1]), KeyError::Malformed)]
    #[case::rsa_e_leading_zero(rsa(&[0xff; 256], &[0, 1, 0, 1]), KeyError::Malformed)]
    #[case::rsa_e_empty(rsa(&[0xff; 256], &[]), KeyError::Malformed)]
    fn an_unusable_key_is_refused(#[case] key: Value, #[case] expected: KeyError) {
        assert_eq!(refusal(&key), expected);
    }

    /// Attacks: J12.
    #[test]
    fn ed25519_keys_that_verify_anything_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let mut above_the_prime = minus_one;
        above_the_prime[0] = 0xee;
        for mut x in [[0; 32], one, minus_one, above_the_prime] {
            assert_eq!(Material::ed25519(x), Err(KeyError::Point));
            x[31] |= 0x80;
            assert_eq!(Material::ed25519(x), Err(KeyError::Point));
        }
        assert!(Material::ed25519([2; 32]).is_ok());
    }

    #[test]
    fn a_repeated_member_is_refused() {
        let text = P256.replace(r#""kty":"EC","#, r#""kty":"EC","kid":"a","kid":"b","#);
        assert!(serde_json::from_str::<Jwk>(&text).is_err());
    }

    #[test]
    fn a_key_without_alg_is_for_every_algorithm_of_its_kind() {
        let algorithms = |key: Value| -> Vec<Algorithm> {
            let key = Jwk::from_json(key.as_object().unwrap()).unwrap();
            key.algorithms().collect()
        };
        let key = rsa(&[0xff; 256], &[1, 0, 1]);
        assert_eq!(
            algorithms(key.clone()),
            [Algorithm::Rs256, Algorithm::Ps256]
        );
        assert_eq!(
            algorithms(with(&key.to_string(), "alg", json!("PS256"))),
            [Algorithm::Ps256]
        );
        assert_eq!(
            algorithms(serde_json::from_str(ED25519).unwrap()),
            [Algorithm::EdDsa]
        );
    }

    #[test]
    fn a_set_is_read_without_the_keys_that_are_not_for_us() {
        let set = json!({"keys": [
            with(P256, "kid", json!("signs")),
            with(P256, "use", json!("enc")),
            {"kty": "oct", "k": "AAAA"},
            {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            {"kid": "empty"},
            SigningKey::generate(Algorithm::Es384).unwrap().public_jwk(),
            {"kty": "RSA", "n": encoding::encode(&[0xff; 256]), "e": "AQAB", "alg": "RS512"},
        ]});
        let every = JwkSet::with_every_kind(&set).unwrap();
        assert_eq!(every.keys.len(), 3);
        let set: JwkSet = serde_json::from_value(set).unwrap();
        assert_eq!(set.keys.len(), 1);
        assert_eq!(set.keys[0].kid(), Some("signs"));
    }

    #[rstest]
    #[case::a_list(json!([]))]
    #[case::no_keys(json!({}))]
    #[case::keys_no_list(json!({"keys": {}}))]
    #[case::a_key_no_object(json!({"keys": ["key"]}))]
    #[case::a_private_key(json!({"keys": [with(P256, "d", json!("AAAA"))]}))]
    #[case::too_many(json!({"keys": vec![json!({"kty": "oct"}); MAX_KEYS + 1]}))]
    fn a_set_that_is_none_is_refused(#[case] set: Value) {
        assert!(serde_json::from_value::<JwkSet>(set).is_err());
    }
}
