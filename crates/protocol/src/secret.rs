//! A value that must not be seen: a password, a client secret, a token at rest in memory.

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::{encoding, random};

/// Secret text. It has no `Debug`, no `Display` and no `Serialize`, is compared in constant time and wiped when dropped.
///
/// ```compile_fail,E0277
/// println!("{:?}", safeconduct_protocol::secret::Secret::new("hush"));
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// A secret of 256 random bits, 43 characters of base64url.
    pub fn generate() -> Self {
        Self::new(random::token())
    }

    /// A secret of 256 random bits for a client, 43 letters and digits.
    pub fn for_client() -> Self {
        Self::new(random::letters_and_digits())
    }

    /// The text itself. Whoever calls this keeps it out of logs, URLs and error pages.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        encoding::constant_time_eq(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attacks: T01.
    #[test]
    fn equal_text_is_an_equal_secret() {
        assert!(Secret::new("hush") == Secret::new(String::from("hush")));
        assert!(Secret::new("hush") != Secret::new("Hush"));
        assert!(Secret::new("hush") != Secret::new("hush "));
    }

    #[test]
    fn a_generated_secret_carries_256_bits() {
        let secret = Secret::generate();
        assert_eq!(
            encoding::decode(secret.expose()).map(|bytes| bytes.len()),
            Some(32)
        );
        assert!(secret != Secret::generate());
    }

    #[test]
    fn a_generated_secret_is_the_same_with_and_without_form_encoding() {
        for _ in 0..100 {
            let secret = Secret::generate();
            let encoded: String =
                form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
            assert_eq!(encoded, secret.expose());
        }
    }

    #[test]
    fn a_secret_is_read_from_json_text_only() {
        assert_eq!(
            serde_json::from_str::<Secret>(r#""hush""#)
                .unwrap()
                .expose(),
            "hush"
        );
        assert!(serde_json::from_str::<Secret>("1234").is_err());
    }
}
