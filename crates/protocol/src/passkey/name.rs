//! What people call their passkeys: what they typed, or before that what made them.

use super::response::NewPasskey;

/// Characters of a name that is kept.
const LONGEST: usize = 60;

/// What made a passkey, where that is known. It says so itself and proves nothing: a name, never a reason to let anybody in.
#[rustfmt::skip]
const MAKERS: [(&str, &str); 12] = [
    ("fbfc3007154e4ecc8c0b6e020557d7bd", "Apple Passwords"),
    ("ea9b8d664d011d213ce4b6b48cb575d4", "Google Password Manager"),
    ("08987058cadc4b81b6e130de50dcbe96", "Windows Hello"),
    ("9ddd1817af5a4672a2b93e3dd95000a9", "Windows Hello"),
    ("6028b017b1d44c02b4b3afcdafc96bb2", "Windows Hello"),
    ("d345266801fd4c12926c83a4204853aa", "Microsoft Password Manager"),
    ("bada5566a7aa401fbd9645619a55120d", "1Password"),
    ("d548826e79b4db40a3d811116f7e8349", "Bitwarden"),
    ("50726f746f6e5061737350726f746f6e", "Proton Pass"),
    ("fdb141b25d84443e8a354698c205a502", "KeePassXC"),
    ("531126d6e717415c93203d9aa6981239", "Dashlane"),
    ("53414d53554e47000000000000000000", "Samsung Pass"),
];

/// The name that a new passkey gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuggestedName {
    /// That of what made it.
    Maker(&'static str),
    /// A security key: something that is plugged in or held to a reader, and keeps its keys to itself.
    SecurityKey,
    /// Any other.
    Passkey,
}

impl SuggestedName {
    /// The name for a passkey by what it says of itself.
    pub fn of(passkey: &NewPasskey) -> Self {
        let hex = passkey.aaguid.map(|byte| format!("{byte:02x}")).concat();
        let known = MAKERS.iter().find(|(aaguid, _)| *aaguid == hex);
        if let Some((_, name)) = known {
            return Self::Maker(name);
        }
        let is_held = |transport: &&str| matches!(*transport, "usb" | "nfc");
        if !passkey.backup_eligible && passkey.transports.iter().any(is_held) {
            Self::SecurityKey
        } else {
            Self::Passkey
        }
    }
}

/// A name that may be kept: without control characters and marks that turn the direction of what is written, spaces around it or more than
/// sixty characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyName(String);

impl PasskeyName {
    /// The name that was typed; `None` where nothing is left of it.
    pub fn typed(text: &str) -> Option<Self> {
        let shown = text.chars().filter(|character| !is_mark(*character));
        let name: String = shown.take(LONGEST).collect();
        let name = name.trim();
        (!name.is_empty()).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and the embeddings, overrides and isolates of Unicode's Bidirectional Algorithm.
fn is_mark(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_known_by_sixteen_bytes() {
        for (aaguid, name) in MAKERS {
            let is_hex = aaguid
                .bytes()
                .all(|byte| b"0123456789abcdef".contains(&byte));
            assert!(aaguid.len() == 32 && is_hex, "{name}");
        }
    }
}
