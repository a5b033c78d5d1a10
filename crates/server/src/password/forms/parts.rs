//! What the forms of all systems have in common: why a text is refused, base64 in its spellings, and hashes of a cost that was judged.

use base64::Engine as _;
use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::cost::{Cost, Digest, NotACost};
use super::super::known::Known;

/// The lengths of a hash, in bytes.
const OUTPUTS: std::ops::RangeInclusive<usize> = 16..=128;

/// The longest salt, in bytes.
pub(super) const LONGEST_SALT: usize = 256;

/// Why a hash of another system is not imported. The sentence repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableHash {
    /// It is the way in which another system says that there is none.
    #[error("the password_hash says that this user has no password: leave it out")]
    NoPassword,
    /// It is of no form that is known.
    #[error(
        "the password_hash is of no form that can be checked; docs/guides/moving-users.md has those that can"
    )]
    Unknown,
    /// It begins like one and goes on otherwise.
    #[error("the password_hash begins like one of {0} and goes on otherwise")]
    Malformed(&'static str),
    /// Its parameters are beyond what a sign-in may cost.
    #[error(
        "the password_hash can't be checked for what it costs: at most 256 MiB, 16 lanes, and the work of 16 passes over 256 MiB"
    )]
    TooDear,
    /// It was made by an algorithm that is broken.
    #[error(
        "the password_hash is of {0}, by which other passwords are right as well, or too quickly guessed: leave it out, and let this user set a new password"
    )]
    Broken(&'static str),
}

pub(super) fn argon2_of(
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
    malformed: UnreadableHash,
) -> Result<Known, UnreadableHash> {
    if salt.len() < argon2::MIN_SALT_LEN {
        return Err(malformed);
    }
    plain(cost, salt, output, malformed)
}

pub(super) fn pbkdf2_of(
    digest: Digest,
    rounds: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
    malformed: UnreadableHash,
) -> Result<Known, UnreadableHash> {
    let length = u32::try_from(output.len()).unwrap_or(u32::MAX);
    let cost = Cost::Pbkdf2 {
        digest,
        rounds,
        length,
    };
    plain(cost, salt, output, malformed)
}

/// A hash of a cost that was judged.
pub(super) fn plain(
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
    malformed: UnreadableHash,
) -> Result<Known, UnreadableHash> {
    let cost = cost.checked().map_err(|error| match error {
        NotACost::OutOfRange => malformed,
        NotACost::TooDear => UnreadableHash::TooDear,
    })?;
    if salt.len() > LONGEST_SALT || !OUTPUTS.contains(&output.len()) {
        return Err(malformed);
    }
    Ok(Known::plain(cost, salt, output))
}

/// base64 as these systems write it: padded or not, with `+` or `.` or `-` for 62, `/` or `_` for 63.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let usual: String = text
        .trim_end_matches('=')
        .chars()
        .map(|letter| match letter {
            '.' | '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    letters(&alphabet::STANDARD, &usual)
}

pub(super) fn letters(alphabet: &Alphabet, text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}
