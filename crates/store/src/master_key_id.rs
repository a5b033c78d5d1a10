//! What a master key is called.

use std::fmt;

use safeconduct_protocol::encoding;

/// The name of a master key: it tells nothing about the key, and no two have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MasterKeyId([u8; 4]);

impl MasterKeyId {
    /// The name of the key that makes `key_check`.
    pub fn of(key_check: &str) -> Self {
        let [first, second, third, fourth, ..] = encoding::sha256(key_check.as_bytes());
        Self([first, second, third, fourth])
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = u32::from_str_radix(text, 16).ok()?;
        (text.len() == 8).then(|| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}
