//! Recovery codes: a set of ten that stands in for an authenticator app that is not at hand, shown once and each good once.
//!
//! A code is 80 random bits in sixteen letters of Crockford's base32, in groups of four. It is kept as a hash under a key that is not
//! in its row, so that a table of them cannot be searched.

use zeroize::Zeroizing;

use crate::{encoding, ids::UserId, random, secret::Secret};

/// How many there are of a set.
pub const COUNT: usize = 10;
/// How many are left when it is time to make new ones.
pub const FEW: usize = 3;
const LETTERS: usize = 16;
/// Crockford's base32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A recovery code. It has no `Debug` and is wiped when dropped.
#[derive(PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<[u8; LETTERS]>);

impl RecoveryCode {
    /// A new one.
    pub fn generate() -> Self {
        let bits = Zeroizing::new(random::bytes::<LETTERS>());
        // 256 is eight times 32: every letter is as likely as another.
        Self(Zeroizing::new(
            bits.map(|byte| ALPHABET[usize::from(byte % 32)]),
        ))
    }

    /// A whole new set.
    pub fn generate_set() -> Vec<Self> {
        (0..COUNT).map(|_| Self::generate()).collect()
    }

    /// Reads what was typed: without regard to case, spaces and dashes, `O` as `0`, `I` and `L` as `1`. `None` for anything else than
    /// sixteen letters.
    pub fn parse(typed: &str) -> Option<Self> {
        let mut letters = Zeroizing::new([0; LETTERS]);
        let mut count = 0;
        let meant = typed.chars().filter(|char| !is_between(*char));
        for char in meant {
            let letter = match char.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let letter = u8::try_from(letter)
                .ok()
                .filter(|letter| ALPHABET.contains(letter));
            *letters.get_mut(count)? = letter?;
            count += 1;
        }
        (count == LETTERS).then_some(Self(letters))
    }

    /// It as it is shown: four groups of four letters, with hyphens between them.
    pub fn to_groups(&self) -> Secret {
        let mut groups = String::with_capacity(LETTERS + LETTERS / 4);
        for (place, letter) in self.0.iter().enumerate() {
            if place > 0 && place % 4 == 0 {
                groups.push('-');
            }
            groups.push(char::from(*letter));
        }
        Secret::new(groups)
    }

    /// The hash that it is kept as for `user`, under `key`: 32 bytes that say nothing without the key, and nothing for another user.
    pub fn hash(&self, key: &[u8], user: &UserId) -> [u8; 32] {
        let mut message = Zeroizing::new(format!("recovery code\n{user}\n").into_bytes());
        message.extend_from_slice(self.0.as_slice());
        encoding::hmac_sha256(key, &message)
    }
}

/// Whether a character only parts groups.
fn is_between(char: char) -> bool {
    char.is_whitespace() || char == '-' || ('\u{2010}'..='\u{2015}').contains(&char)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;

    #[test]
    fn a_set_is_ten_codes_of_sixteen_letters_in_groups_of_four() {
        let set = RecoveryCode::generate_set();
        let shown: BTreeSet<String> = set
            .iter()
            .map(|code| code.to_groups().expose().to_owned())
            .collect();
        assert_eq!(shown.len(), 10);
        for code in &shown {
            let groups: Vec<&str> = code.split('-').collect();
            assert_eq!(groups.len(), 4);
            assert!(groups.iter().all(|group| group.len() == 4), "{code}");
            let of_crockford = |char: char| ALPHABET.contains(&u8::try_from(char).unwrap());
            assert!(groups.concat().chars().all(of_crockford), "{code}");
        }
    }

    #[test]
    fn every_letter_is_used() {
        let many: String = (0..200)
            .map(|_| RecoveryCode::generate().to_groups().expose().to_owned())
            .collect();
        let letters: BTreeSet<char> = many.chars().filter(|char| *char != '-').collect();
        assert_eq!(letters.len(), 32);
    }

    #[rstest]
    #[case("0123-4567-89AB-CDEF")]
    #[case("0123456789abcdef")]
    #[case(" 0123 4567 89ab cdef ")]
    #[case("O123-4567-89AB-CDEF")]
    #[case("oi23-4567-89ab-cdef")]
    #[case("0L23-4567-89AB-CDEF")]
    #[case("0l23\u{2013}4567\u{a0}89AB-CDEF")]
    fn a_code_is_read_however_it_is_typed(#[case] typed: &str) {
        let code = RecoveryCode::parse(typed).unwrap();
        assert_eq!(code.to_groups().expose(), "0123-4567-89AB-CDEF");
    }

    /// Attacks: PE37.
    #[rstest]
    #[case("")]
    #[case("0123-4567-89AB-CDE")]
    #[case("0123-4567-89AB-CDEF-0")]
    #[case("0123-4567-89AB-CDEU")]
    #[case("0123-4567-89AB-CDE!")]
    #[case("0123_4567_89AB_CDEF")]
    #[case("\u{ff10}123-4567-89AB-CDEF")]
    fn what_has_another_form_is_no_code(#[case] typed: &str) {
        assert!(RecoveryCode::parse(typed).is_none());
    }

    /// Attacks: PE37.
    #[test]
    fn a_hash_is_of_one_code_one_user_and_one_key() {
        let [ada, bob] = [UserId::generate(), UserId::generate()];
        let [one, other] = [RecoveryCode::generate(), RecoveryCode::generate()];
        let hash = one.hash(&[1; 32], &ada);
        let again = RecoveryCode::parse(one.to_groups().expose()).unwrap();
        assert_eq!(again.hash(&[1; 32], &ada), hash);
        assert_ne!(one.hash(&[1; 32], &bob), hash);
        assert_ne!(one.hash(&[2; 32], &ada), hash);
        assert_ne!(other.hash(&[1; 32], &ada), hash);
    }
}
