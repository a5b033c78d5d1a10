//! What users call their passkeys: what they typed, or before that what made them.

use super::response::NewPasskey;
use crate::precis;

/// Characters of a name that is kept.
const LONGEST: usize = 60;

/// What made a passkey, where that is known. It says so itself and proves nothing: a name, never a reason to let anybody in.
#[rustfmt::skip]
const MAKERS: [(u128, &str); 12] = [
    (0xfbfc3007_154e4ecc_8c0b6e02_0557d7bd, "Apple Passwords"),
    (0xea9b8d66_4d011d21_3ce4b6b4_8cb575d4, "Google Password Manager"),
    (0x08987058_cadc4b81_b6e130de_50dcbe96, "Windows Hello"),
    (0x9ddd1817_af5a4672_a2b93e3d_d95000a9, "Windows Hello"),
    (0x6028b017_b1d44c02_b4b3afcd_afc96bb2, "Windows Hello"),
    (0xd3452668_01fd4c12_926c83a4_204853aa, "Microsoft Password Manager"),
    (0xbada5566_a7aa401f_bd964561_9a55120d, "1Password"),
    (0xd548826e_79b4db40_a3d81111_6f7e8349, "Bitwarden"),
    (0x50726f74_6f6e5061_73735072_6f746f6e, "Proton Pass"),
    (0xfdb141b2_5d84443e_8a354698_c205a502, "KeePassXC"),
    (0x531126d6_e717415c_93203d9a_a6981239, "Dashlane"),
    (0x53414d53_554e4700_00000000_00000000, "Samsung Pass"),
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
        let aaguid = u128::from_be_bytes(passkey.aaguid);
        let known = MAKERS.iter().find(|(maker, _)| *maker == aaguid);
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
        let shown = text
            .chars()
            .filter(|character| !precis::misleads(*character));
        let name: String = shown.take(LONGEST).collect();
        let name = name.trim();
        (!name.is_empty()).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
