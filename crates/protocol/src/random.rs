//! The one source of randomness: the operating system's, through aws-lc-rs.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::encoding;

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// A token of 256 random bits: 43 characters of base64url.
pub fn token() -> String {
    encoding::encode(&bytes::<32>())
}

/// A token of 256 random bits in letters and digits alone, 43 of them: no program that forgets to encode it changes it.
pub fn letters_and_digits() -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut token = String::with_capacity(43);
    while token.len() < 43 {
        // Of 256 values the last eight would make some letters more likely.
        let fair = bytes::<64>().into_iter().filter(|byte| *byte < 248);
        let letters = fair.map(|byte| char::from(ALPHABET[usize::from(byte) % 62]));
        token.extend(letters.take(43 - token.len()));
    }
    token
}

/// Overwrites `buffer` with random bytes.
///
/// # Panics
/// If the operating system cannot give randomness. Nothing this server does is safe without it.
pub fn fill(buffer: &mut [u8]) {
    SystemRandom::new()
        .fill(buffer)
        .expect("the operating system gives randomness");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_token_is_43_characters_of_base64url() {
        let token = token();
        assert_eq!(token.len(), 43);
        assert_eq!(encoding::decode(&token).map(|bytes| bytes.len()), Some(32));
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let tokens: HashSet<String> = (0..1000).map(|_| token()).collect();
        assert_eq!(tokens.len(), 1000);
    }
}
