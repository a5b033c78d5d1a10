//! Bytes as text and bytes as digests: strict base64url, SHA-256, HMAC, comparison in constant time.
//!
//! Decoding is strict so that one artifact has one spelling: a token that was changed in any character is another token.

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `bytes` as base64url without padding (RFC 7515 §2).
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of base64url text, or `None` for padding, white space, any character outside the alphabet, an impossible
/// length, or unused trailing bits that are not zero.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The SHA-256 digest of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut output = [0; 32];
    output.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    output
}

/// The SHA-384 digest of `bytes`.
pub fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut output = [0; 48];
    output.copy_from_slice(digest::digest(&digest::SHA384, bytes).as_ref());
    output
}

/// The SHA-512 digest of `bytes`.
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut output = [0; 64];
    output.copy_from_slice(digest::digest(&digest::SHA512, bytes).as_ref());
    output
}

/// The SHA-256 digest of `bytes` as 43 characters of base64url: the shape of an S256 `code_challenge`, a JWK
/// thumbprint, `ath`.
pub fn sha256_base64url(bytes: &[u8]) -> String {
    encode(&sha256(bytes))
}

/// HMAC-SHA-256 of `message` under `key`.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut output = [0; 32];
    output.copy_from_slice(hmac::sign(&key, message).as_ref());
    output
}

/// Whether `a` and `b` are the same, in a time that depends on their lengths alone.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::padding("Zg==")]
    #[case::white_space("Zg ")]
    #[case::line_break("Zm9v\nYmFy")]
    #[case::standard_alphabet_plus("-+__")]
    #[case::standard_alphabet_slash("-/__")]
    #[case::trailing_bits("Zh")]
    #[case::trailing_bits_of_two_bytes("Zm9")]
    #[case::impossible_length("Zm9vY")]
    #[case::not_ascii("Zm9é")]
    fn a_second_spelling_is_refused(#[case] text: &str) {
        assert_eq!(decode(text), None);
    }

    #[test]
    fn the_rfc_7515_appendix_c_example_is_met() {
        assert_eq!(encode(&[3, 236, 255, 224, 193]), "A-z_4ME");
        assert_eq!(decode("A-z_4ME"), Some(vec![3, 236, 255, 224, 193]));
        assert_eq!(decode(""), Some(vec![]));
    }

    #[test]
    fn the_rfc_7636_appendix_b_challenge_is_met() {
        assert_eq!(
            sha256_base64url(b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn the_rfc_4231_test_case_2_is_met() {
        let hex: String = hmac_sha256(b"Jefe", b"what do ya want for nothing?")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    /// Attacks: T01.
    #[test]
    fn only_equal_bytes_are_equal() {
        assert!(constant_time_eq(b"", b""));
        assert!(constant_time_eq(b"same", b"same"));
        assert!(!constant_time_eq(b"same", b"sane"));
        for (one, other) in [("same", "samee"), ("same", "")] {
            assert!(!constant_time_eq(one.as_bytes(), other.as_bytes()));
            assert!(!constant_time_eq(other.as_bytes(), one.as_bytes()));
        }
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_text(text in "[A-Za-z0-9_-]{0,20}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
