//! When two texts that users type are the same name or the same password: the profiles of PRECIS for usernames and passwords
//! (RFC 8264, RFC 8265). A keyboard decides whether `ü` arrives as one character or as two; nobody who types it can see that.
//!
//! A name is judged where it is made, never where somebody signs in: an account that exists stays reachable by its name,
//! whatever it is. Lengths and what reads like an id are the caller's.

use unicode_bidi::{BidiClass, bidi_class};
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use zeroize::Zeroizing;

/// Why a text can't be a username.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAUsername {
    /// A character that is no letter, digit or sign of ASCII (RFC 8264 §4.2), or stands where it may not (RFC 5892, appendix A).
    #[error("U+{:04X} is no letter, no digit and no ASCII sign, or may not stand there", u32::from(*.0))]
    Character(char),
    /// A part of it mixes writing directions so that it is shown as another name (RFC 5893 §2).
    #[error("it mixes writing directions in one word")]
    Directions,
}

/// Whether a character misleads who reads the text it is in: control characters, bidirectional controls (UAX #9), and what takes no room on the screen. The joiners
/// U+200C and U+200D stay: Persian and emoji are spelt with them.
pub fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The form in which a name is kept and shown: `UsernameCasePreserved` (RFC 8265 §3.4).
pub fn username(name: &str) -> String {
    if name.is_ascii() {
        return name.to_owned();
    }
    name.chars().flat_map(of_usual_width).nfc().collect()
}

/// What makes two names the same name: `UsernameCaseMapped` (RFC 8265 §3.3).
pub fn username_key(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let lower = name
        .chars()
        .flat_map(of_usual_width)
        .collect::<String>()
        .to_lowercase();
    lower.nfc().collect()
}

/// Judges a new name: words of letters, digits and ASCII signs with single spaces between them (RFC 8265 §3.1).
///
/// # Errors
/// [`NotAUsername`], with the first character that is in the way.
pub fn check_username(name: &str) -> Result<(), NotAUsername> {
    let name = username(name);
    for word in name.split(' ') {
        if word.is_empty() {
            return Err(NotAUsername::Character(' '));
        }
        let characters: Vec<char> = word.chars().collect();
        let disallowed = (0..characters.len()).find(|at| !is_of_identifier(&characters, *at));
        if let Some(at) = disallowed {
            return Err(NotAUsername::Character(characters[at]));
        }
        if !has_one_direction(&characters) {
            return Err(NotAUsername::Directions);
        }
    }
    Ok(())
}

/// The form in which a password is hashed: `OpaqueString` (RFC 8265 §4.2). Every space is the one of ASCII, and what can be
/// written as one character is. Nothing is trimmed, cut or changed in case.
pub fn password(typed: &str) -> Zeroizing<String> {
    if typed.is_ascii() {
        return Zeroizing::new(typed.to_owned());
    }
    let space = |character: char| match character.general_category() {
        GeneralCategory::SpaceSeparator => ' ',
        _ => character,
    };
    // Of this length nothing is moved when it grows: no copy is left behind that nobody wipes.
    let mut normal = Zeroizing::new(String::with_capacity(typed.len() * LONGEST_EXPANSION));
    normal.extend(typed.chars().map(space).nfc());
    normal
}

/// A password or a name in one width, one case and composed: what two of them are compared by that are to differ in more than that.
pub fn folded(text: &str) -> Zeroizing<String> {
    let mut folded = Zeroizing::new(String::with_capacity(text.len() * LONGEST_EXPANSION));
    let lower = text
        .chars()
        .flat_map(of_usual_width)
        .flat_map(char::to_lowercase);
    folded.extend(lower.nfc());
    folded
}

/// The most that NFC makes of a text, in bytes for each byte (UAX #15).
const LONGEST_EXPANSION: usize = 3;

/// Fullwidth and halfwidth characters as the ones they stand for (RFC 8264 §5.2.1).
fn of_usual_width(character: char) -> impl Iterator<Item = char> {
    let wide = matches!(character, '\u{3000}' | '\u{ff01}'..='\u{ffef}');
    let usual = wide.then(|| std::iter::once(character).nfkd());
    let unchanged = (!wide).then_some(character);
    usual.into_iter().flatten().chain(unchanged)
}

/// Whether the character at `at` is in the `IdentifierClass` (RFC 8264 §4.2, in the order of §8).
fn is_of_identifier(word: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| word[before]);
    let after = word.get(at + 1).copied();
    match word[at] {
        // Exceptions (RFC 5892 §2.6), those that depend on their neighbours by their rule in its appendix A.
        'ß' | 'ς' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => true,
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => {
            false
        }
        '\u{b7}' => [before, after]
            .into_iter()
            .all(|beside| matches!(beside, Some('l' | 'L'))),
        '\u{375}' => matches!(after, Some('\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}')),
        '\u{5f3}' | '\u{5f4}' => matches!(before, Some('\u{590}'..='\u{5ff}')),
        '\u{30fb}' => word.iter().any(|other| is_japanese(*other)),
        '\u{660}'..='\u{669}' => !word
            .iter()
            .any(|other| matches!(other, '\u{6f0}'..='\u{6f9}')),
        '\u{6f0}'..='\u{6f9}' => !word
            .iter()
            .any(|other| matches!(other, '\u{660}'..='\u{669}')),
        '!'..='~' => true,
        // Old Hangul, what shows nothing, and what is another character in disguise.
        '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' => false,
        '\u{34f}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}' => false,
        character if std::iter::once(character).nfkc().ne([character]) => false,
        character => matches!(
            character.general_category(),
            GeneralCategory::LowercaseLetter
                | GeneralCategory::UppercaseLetter
                | GeneralCategory::OtherLetter
                | GeneralCategory::ModifierLetter
                | GeneralCategory::DecimalNumber
                | GeneralCategory::NonspacingMark
                | GeneralCategory::SpacingMark
        ),
    }
}

/// Hiragana, katakana and the common ideographs, as the rule for the katakana middle dot asks (RFC 5892 §A.7).
fn is_japanese(character: char) -> bool {
    matches!(character, '\u{3005}' | '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fd}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// The Bidi Rule (RFC 5893 §2), which is asked of words with a letter or digit that is written from right to left.
fn has_one_direction(word: &[char]) -> bool {
    use BidiClass::{AL, AN, BN, CS, EN, ES, ET, L, NSM, ON, R};
    let classes: Vec<BidiClass> = word
        .iter()
        .map(|character| bidi_class(*character))
        .collect();
    if !classes.iter().any(|class| matches!(class, R | AL | AN)) {
        return true;
    }
    let last = classes.iter().rev().find(|class| **class != NSM);
    match classes.first() {
        Some(R | AL) => {
            let allowed = |class: &BidiClass| {
                matches!(class, R | AL | AN | EN | ES | CS | ET | ON | BN | NSM)
            };
            classes.iter().all(allowed)
                && matches!(last, Some(R | AL | EN | AN))
                && !(classes.contains(&EN) && classes.contains(&AN))
        }
        // What begins from left to right holds nothing of the other direction (rule 5).
        Some(L) | Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::composed_or_not("j\u{fc}rgen", "ju\u{308}rgen")]
    #[case::case("J\u{dc}RGEN", "ju\u{308}rgen")]
    #[case::ascii_case("Ada Lovelace", "ada LOVELACE")]
    #[case::hangul("\u{d55c}", "\u{1112}\u{1161}\u{11ab}")]
    #[case::two_marks("\u{1ed9}", "o\u{302}\u{323}")]
    #[case::fullwidth("\u{ff41}\u{ff44}\u{ff41}", "ada")]
    #[case::halfwidth("\u{ff76}\u{ff9e}", "\u{30ac}")]
    #[case::kelvin("\u{212a}", "k")]
    fn one_name_however_it_is_typed(#[case] one: &str, #[case] other: &str) {
        assert_eq!(username_key(one), username_key(other));
    }

    #[rstest]
    #[case("ada", "adah")]
    #[case("jurgen", "j\u{fc}rgen")]
    #[case::eszett("stra\u{df}e", "strasse")]
    #[case::dotless("in\u{131}", "ini")]
    #[case::cyrillic("ada", "\u{430}d\u{430}")]
    fn two_names_stay_two(#[case] one: &str, #[case] other: &str) {
        assert_ne!(username_key(one), username_key(other));
    }

    #[rstest]
    #[case("ada")]
    #[case("Ada Lovelace")]
    #[case("ad\u{e1}@example.com")]
    #[case("ju\u{308}rgen")]
    #[case("\u{674e}")]
    #[case("\u{ff41}da")]
    #[case("stra\u{df}e")]
    #[case("o'brien+x_1.2-3")]
    #[case("col\u{b7}lega")]
    #[case("\u{5d3}\u{5d5}\u{5d3}")]
    #[case("\u{639}\u{644}\u{64a}1")]
    #[case("\u{30d3}\u{30eb}\u{30fb}\u{30b2}\u{30a4}\u{30c4}")]
    fn a_name_is_letters_digits_and_ascii_signs(#[case] name: &str) {
        assert_eq!(check_username(name), Ok(()));
    }

    #[rstest]
    #[case::symbol("ada\u{2603}", '\u{2603}')]
    #[case::emoji("\u{1f600}", '\u{1f600}')]
    #[case::ligature("\u{fb01}x", '\u{fb01}')]
    #[case::two_spaces("ada  lovelace", ' ')]
    #[case::joiner("a\u{200d}b", '\u{200d}')]
    #[case::variation("a\u{fe0f}", '\u{fe0f}')]
    #[case::old_hangul("\u{1112}\u{119e}", '\u{1112}')]
    #[case::dot_elsewhere("a\u{b7}b", '\u{b7}')]
    #[case::two_kinds_of_digits("\u{628}\u{660}\u{6f0}", '\u{660}')]
    #[case::private_use("\u{e000}", '\u{e000}')]
    fn anything_else_is_in_the_way(#[case] name: &str, #[case] character: char) {
        assert_eq!(
            check_username(name),
            Err(NotAUsername::Character(character))
        );
    }

    #[rstest]
    #[case("ada\u{5d3}")]
    #[case("\u{5d3}ada")]
    #[case("1\u{5d3}")]
    #[case("\u{5d3}-")]
    fn a_word_has_one_direction(#[case] name: &str) {
        assert_eq!(check_username(name), Err(NotAUsername::Directions));
    }

    #[rstest]
    #[case("u\u{308}ber \u{e9}tage", "\u{fc}ber \u{e9}tage")]
    #[case("a\u{a0}b\u{3000}c", "a b c")]
    #[case(" As Typed ", " As Typed ")]
    #[case("\u{ff41}\u{fb01}", "\u{ff41}\u{fb01}")]
    fn a_password_is_composed_and_nothing_else(#[case] typed: &str, #[case] hashed: &str) {
        assert_eq!(password(typed).as_str(), hashed);
    }

    proptest! {
        #[test]
        fn normal_forms_are_their_own(text in "\\PC{0,24}") {
            let key = username_key(&text);
            prop_assert_eq!(&username_key(&key), &key);
            prop_assert_eq!(&username_key(&username(&text)), &key);
            let kept = username(&text);
            prop_assert_eq!(&username(&kept), &kept);
            let hashed = password(&text);
            prop_assert_eq!(password(&hashed), hashed);
        }

        #[test]
        fn a_decomposed_text_is_the_same_name_and_password(text in "\\PC{0,24}") {
            let apart: String = text.nfd().collect();
            prop_assert_eq!(username_key(&apart), username_key(&text));
            prop_assert_eq!(password(&apart), password(&text));
        }
    }
}
