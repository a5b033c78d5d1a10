//! An authenticator and its browser in software (WebAuthn Level 3 §6), for tests: it answers the options that a page has, and whatever it
//! says can be changed before it is signed. It writes CBOR by hand, so that nothing which reads it has written it as well.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// User present (§6.1).
pub const UP: u8 = 0x01;
/// User verified.
pub const UV: u8 = 0x04;
/// Eligible for backup.
pub const BE: u8 = 0x08;
/// Backed up.
pub const BS: u8 = 0x10;
/// A key was made.
pub const AT: u8 = 0x40;
/// Extensions follow.
pub const ED: u8 = 0x80;

/// What a browser and an authenticator say, but for what the page asks.
#[derive(Clone)]
pub struct Device {
    /// The origin that the browser is at.
    pub origin: String,
    /// What the authenticator says of its user and its key.
    pub flags: u8,
    /// What it says that it is.
    pub aaguid: [u8; 16],
    /// How it says it is reached.
    pub transports: Vec<&'static str>,
}

impl Device {
    /// A password manager: it verified its user, and copies its keys.
    pub fn manager(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            flags: UP | UV | BE | BS,
            aaguid: [0; 16],
            transports: vec!["internal", "hybrid"],
        }
    }

    /// A security key: it verified its user, and keeps its keys to itself.
    pub fn security_key(origin: &str) -> Self {
        Self {
            flags: UP | UV,
            transports: vec!["usb"],
            ..Self::manager(origin)
        }
    }

    /// Makes a passkey as `options` ask, with what is answered.
    pub fn create(&self, options: &Value) -> (Passkey, Created) {
        self.create_with(options, Signer::es256())
    }

    /// The same with a key that there is.
    pub fn create_with(&self, options: &Value, signer: Signer) -> (Passkey, Created) {
        let passkey = Passkey {
            id: random(32),
            signer,
            handle: unbase64(text(&options["user"]["id"])),
            count: 0,
        };
        let created = Created {
            id: base64(&passkey.id),
            raw_id: base64(&passkey.id),
            client_data: self.client_data("webauthn.create", options),
            authenticator_data: AuthenticatorData {
                rp_id: text(&options["rp"]["id"]).to_owned(),
                flags: self.flags | AT,
                count: 0,
                aaguid: self.aaguid,
                id: passkey.id.clone(),
                key: passkey.signer.cose(),
                behind: Vec::new(),
            },
            format: "none".to_owned(),
            statement: cbor_map(&[]),
            transports: self.transports.clone(),
            discoverable: Some(true),
        };
        (passkey, created)
    }

    /// What the passkey answers to `options`, unsigned yet.
    pub fn get(&self, passkey: &Passkey, options: &Value) -> UnsignedAssertion {
        UnsignedAssertion {
            id: base64(&passkey.id),
            raw_id: base64(&passkey.id),
            client_data: self.client_data("webauthn.get", options),
            authenticator_data: AuthenticatorData {
                rp_id: text(&options["rpId"]).to_owned(),
                flags: self.flags,
                count: passkey.count,
                aaguid: self.aaguid,
                id: Vec::new(),
                key: Vec::new(),
                behind: Vec::new(),
            },
            user_handle: Some(passkey.handle.clone()),
        }
    }

    /// What the passkey answers to `options`, as it is posted.
    pub fn sign(&self, passkey: &Passkey, options: &Value) -> String {
        self.get(passkey, options).signed_by(passkey)
    }

    fn client_data(&self, kind: &str, options: &Value) -> Value {
        json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        })
    }
}

/// A passkey with its private key.
pub struct Passkey {
    /// Its name among all there are.
    pub id: Vec<u8>,
    /// What signs.
    pub signer: Signer,
    /// The name of its account.
    pub handle: Vec<u8>,
    /// Its count, which whoever signs sets.
    pub count: u32,
}

impl Passkey {
    /// Its name in base64url.
    pub fn name(&self) -> String {
        base64(&self.id)
    }
}

/// A private key.
pub enum Signer {
    /// ES256.
    P256(EcdsaKeyPair),
    /// RS256.
    Rsa(RsaKeyPair),
}

impl Signer {
    /// A new key for ES256.
    pub fn es256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"))
    }

    /// A new key for RS256.
    pub fn rs256() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))
    }

    /// Its public key, as COSE writes it.
    pub fn cose(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => cose_p256(key.public_key().as_ref()),
            Self::Rsa(key) => {
                // SEQUENCE { INTEGER n, INTEGER e } of 2048 bits and 65537 (RFC 8017 §A.1.1).
                let der = key.public_key().as_ref();
                cose_rsa(&der[9..265], &der[der.len() - 3..])
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(key) => key.sign(&random, message).expect("signs").as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let signed = key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.expect("signs");
                signature
            }
        }
    }
}

/// Authenticator data (§6.1), part by part.
#[derive(Clone)]
pub struct AuthenticatorData {
    /// For whom it is.
    pub rp_id: String,
    /// Its flags.
    pub flags: u8,
    /// Its count.
    pub count: u32,
    /// What made the key.
    pub aaguid: [u8; 16],
    /// The name of the key that was made.
    pub id: Vec<u8>,
    /// The key that was made, as COSE writes it.
    pub key: Vec<u8>,
    /// What follows.
    pub behind: Vec<u8>,
}

impl AuthenticatorData {
    /// Its bytes. A key is in them where the flags say so.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        bytes.push(self.flags);
        bytes.extend(self.count.to_be_bytes());
        if !self.key.is_empty() {
            bytes.extend(self.aaguid);
            bytes.extend(u16::try_from(self.id.len()).expect("short").to_be_bytes());
            bytes.extend(&self.id);
            bytes.extend(&self.key);
        }
        bytes.extend(&self.behind);
        bytes
    }
}

/// What `create()` gives.
#[derive(Clone)]
pub struct Created {
    /// `id`.
    pub id: String,
    /// `rawId`.
    pub raw_id: String,
    /// What the browser says.
    pub client_data: Value,
    /// What the authenticator says.
    pub authenticator_data: AuthenticatorData,
    /// The format of the attestation.
    pub format: String,
    /// Its statement, CBOR.
    pub statement: Vec<u8>,
    /// How the authenticator is reached.
    pub transports: Vec<&'static str>,
    /// `credProps.rk`.
    pub discoverable: Option<bool>,
}

impl Created {
    /// It as it is posted.
    pub fn json(&self) -> String {
        self.json_of(
            self.client_data.to_string().as_bytes(),
            &self.authenticator_data.bytes(),
        )
    }

    /// It with other client data and authenticator data.
    pub fn json_of(&self, client_data: &[u8], authenticator_data: &[u8]) -> String {
        let object = cbor_map(&[
            (cbor_text("fmt"), cbor_text(&self.format)),
            (cbor_text("attStmt"), self.statement.clone()),
            (cbor_text("authData"), cbor_bytes(authenticator_data)),
        ]);
        self.json_with(client_data, &object)
    }

    /// It with other client data and another attestation object.
    pub fn json_with(&self, client_data: &[u8], attestation_object: &[u8]) -> String {
        let extensions = match self.discoverable {
            Some(discoverable) => json!({ "credProps": { "rk": discoverable } }),
            None => json!({}),
        };
        let response = json!({
            "clientDataJSON": base64(client_data),
            "attestationObject": base64(attestation_object),
            "transports": self.transports,
        });
        json!({
            "id": self.id,
            "rawId": self.raw_id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": response,
            "clientExtensionResults": extensions,
        })
        .to_string()
    }
}

/// What `get()` gives, before it is signed.
#[derive(Clone)]
pub struct UnsignedAssertion {
    /// `id`.
    pub id: String,
    /// `rawId`.
    pub raw_id: String,
    /// What the browser says.
    pub client_data: Value,
    /// What the authenticator says.
    pub authenticator_data: AuthenticatorData,
    /// The name of the account.
    pub user_handle: Option<Vec<u8>>,
}

impl UnsignedAssertion {
    /// It as it is posted, signed by `passkey`.
    pub fn signed_by(&self, passkey: &Passkey) -> String {
        self.signed_of(
            passkey,
            self.client_data.to_string().as_bytes(),
            &self.authenticator_data.bytes(),
        )
    }

    /// The same with other client data and authenticator data.
    pub fn signed_of(
        &self,
        passkey: &Passkey,
        client_data: &[u8],
        authenticator_data: &[u8],
    ) -> String {
        let hash = digest(&SHA256, client_data);
        let signature = passkey
            .signer
            .sign(&[authenticator_data, hash.as_ref()].concat());
        self.json(client_data, authenticator_data, &signature)
    }

    /// It with everything given.
    pub fn json(&self, client_data: &[u8], authenticator_data: &[u8], signature: &[u8]) -> String {
        let response = json!({
            "clientDataJSON": base64(client_data),
            "authenticatorData": base64(authenticator_data),
            "signature": base64(signature),
            "userHandle": self.user_handle.as_deref().map(base64),
        });
        json!({
            "id": self.id,
            "rawId": self.raw_id,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        })
        .to_string()
    }
}

/// A key of P-256 from its point, uncompressed.
pub fn cose_p256(point: &[u8]) -> Vec<u8> {
    cbor_map(&[
        (vec![0x01], vec![0x02]),
        (vec![0x03], vec![0x26]),
        (vec![0x20], vec![0x01]),
        (vec![0x21], cbor_bytes(&point[1..33])),
        (vec![0x22], cbor_bytes(&point[33..65])),
    ])
}

/// A key of RSA from its numbers.
pub fn cose_rsa(n: &[u8], e: &[u8]) -> Vec<u8> {
    cbor_map(&[
        (vec![0x01], vec![0x03]),
        (vec![0x03], vec![0x39, 0x01, 0x00]),
        (vec![0x20], cbor_bytes(n)),
        (vec![0x21], cbor_bytes(e)),
    ])
}

/// A map of values that are CBOR already.
pub fn cbor_map(members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut map = head(5, members.len());
    for (name, value) in members {
        map.extend(name);
        map.extend(value);
    }
    map
}

/// A text.
pub fn cbor_text(text: &str) -> Vec<u8> {
    [head(3, text.len()).as_slice(), text.as_bytes()].concat()
}

/// A string of bytes.
pub fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()).as_slice(), bytes].concat()
}

fn head(kind: u8, length: usize) -> Vec<u8> {
    let short = u16::try_from(length).expect("short").to_be_bytes();
    match (length, short) {
        (..24, [_, length]) => vec![kind << 5 | length],
        (..256, [_, length]) => vec![kind << 5 | 24, length],
        (_, [high, low]) => vec![kind << 5 | 25, high, low],
    }
}

/// In base64url.
pub fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unbase64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).expect("chance");
    bytes
}
