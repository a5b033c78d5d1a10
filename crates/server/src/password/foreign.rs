//! What other systems do with a password before they hash it, and with the hash after.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use safeconduct_protocol::encoding::hmac_sha256;
use safeconduct_protocol::secret::Secret;

use super::cost::Digest;

/// What is done with a password before it is hashed.
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// Django's `bcrypt_sha256`: its SHA-256 in hex.
    HexSha256,
    /// The first `$bcrypt-sha256$` of passlib: its SHA-256 in base64.
    Base64Sha256,
    /// The second one: its HMAC-SHA-256 under the salt as text, in base64.
    Base64HmacSha256(String),
    /// WordPress from 6.8 on: its HMAC-SHA-384 under a fixed key, in base64. White space around it is left out.
    WordPress,
    /// A fast hash that was wrapped at its import: its digest with the salt behind it, in base64.
    Digest(Digest, Vec<u8>),
}

/// What is done with what was derived, before it is compared.
pub(super) enum After {
    /// Nothing.
    Nothing,
    /// It is written in the letters and the order of crypt(5).
    Crypt,
    /// Firebase: it is the key that the project's signer key is encrypted with.
    Signed(Vec<u8>),
}

impl Before {
    /// What is hashed instead of the password; `None` for the password itself.
    pub(super) fn prepare(&self, password: &[u8]) -> Option<Secret> {
        Some(Secret::new(match self {
            Self::Nothing => return None,
            Self::HexSha256 => hex(&Digest::Sha256.of(&[password])),
            Self::Base64Sha256 => STANDARD.encode(Digest::Sha256.of(&[password])),
            Self::Base64HmacSha256(salt) => STANDARD.encode(hmac_sha256(salt.as_bytes(), password)),
            Self::WordPress => {
                let key = hmac::Key::new(hmac::HMAC_SHA384, b"wp-sha384");
                STANDARD.encode(hmac::sign(&key, password.trim_ascii()))
            }
            Self::Digest(digest, salt) => STANDARD.encode(digest.of(&[password, salt])),
        }))
    }
}

impl After {
    pub(super) fn finish(&self, derived: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Nothing => derived,
            Self::Crypt => crypt(&derived),
            Self::Signed(key) => sign(&derived, key),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// AES-256 in counter mode from zero, over the signer key. Nothing that can't be a key signs anything.
fn sign(derived: &[u8], signer: &[u8]) -> Vec<u8> {
    let signed = || {
        let key = UnboundCipherKey::new(&AES_256, derived).ok()?;
        let mut text = signer.to_vec();
        let zero = EncryptionContext::Iv128([0; 16].into());
        let key = EncryptingKey::ctr(key).ok()?;
        key.less_safe_encrypt(&mut text, zero).ok()?;
        Some(text)
    };
    signed().unwrap_or_default()
}

/// The text of a SHA-crypt hash: three bytes each from all over the output, four letters for them, the lowest six bits first.
fn crypt(output: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let third = output.len() / 3;
    let mut text = Vec::with_capacity(86);
    let mut put = |bytes: [u8; 3], letters: usize| {
        let mut bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        for _ in 0..letters {
            text.push(LETTERS[(bits & 63) as usize]);
            bits >>= 6;
        }
    };
    for turn in 0..third {
        let at = |place: usize| output[place * third + turn];
        let places = if output.len() == 64 {
            [turn % 3, (turn + 1) % 3, (turn + 2) % 3]
        } else {
            [(3 - turn % 3) % 3, (4 - turn % 3) % 3, (5 - turn % 3) % 3]
        };
        put(places.map(at), 4);
    }
    if output.len() == 64 {
        put([0, 0, output[63]], 2);
    } else {
        put([0, output[31], output[30]], 3);
    }
    text
}
