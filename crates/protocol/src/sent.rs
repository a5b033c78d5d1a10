//! A value that a request sent, as the log may repeat it. It may be a secret in the wrong place, a line of somebody else's log,
//! or sixty kilobytes: so only its beginning is written, without anything that a terminal would act on, and how long it was.

use std::fmt::{self, Write as _};

/// How many characters of a value are repeated. Enough to recognise a parameter by, and too few of any secret of ours.
pub const SHOWN: usize = 12;

/// A value as it was sent. Displayed, it is at most [`SHOWN`] characters of it and, where there are more, its length in bytes.
#[derive(Clone, Copy)]
pub struct Sent<'a>(pub &'a str);

impl fmt::Display for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(SHOWN) {
            write_plain(f, character)?;
        }
        match characters.next() {
            None => Ok(()),
            Some(_) => write!(f, "… ({} bytes)", self.0.len()),
        }
    }
}

/// What was sent where `expected` should have been: what both have in common is ours to say, of the rest the beginning.
pub fn beside(expected: &str, sent: &str) -> String {
    let same = expected
        .char_indices()
        .zip(sent.chars())
        .take_while(|((_, ours), theirs)| ours == theirs)
        .last()
        .map_or(0, |((at, character), _)| at + character.len_utf8());
    match sent.split_at(same) {
        ("", "") => "none".to_owned(),
        (common, "") => common.to_owned(),
        (common, rest) => format!("{common}{}", Sent(rest)),
    }
}

/// Writes `character`, escaped where it would not be seen as one: a control character, a change of direction, a combining mark.
pub(crate) fn write_plain(to: &mut impl fmt::Write, character: char) -> fmt::Result {
    match character {
        '"' | '\'' => to.write_char(character),
        _ => write!(to, "{}", character.escape_debug()),
    }
}

/// `text` escaped as above and cut at `most` bytes, for a whole line of which parts were sent.
pub fn plain(text: &str, most: usize) -> String {
    let mut plain = String::with_capacity(text.len().min(most));
    for character in text.chars() {
        let before = plain.len();
        // Writing to a String does not fail.
        let _ = match character {
            '\\' => plain.write_char('\\'),
            _ => write_plain(&mut plain, character),
        };
        if plain.len() > most {
            plain.truncate(before);
            plain.push('…');
            break;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "nothing")]
    #[case("short", "short")]
    #[case("it's \"quoted\"", "it's \"quoted… (13 bytes)")]
    #[case("twelve chars", "twelve chars")]
    #[case("thirteen char", "thirteen cha… (13 bytes)")]
    #[case("a\r\nforged li", "a\\r\\nforged li")]
    #[case("\u{1b}[31mred", "\\u{1b}[31mred")]
    #[case("\u{202e}gnp.exe", "\\u{202e}gnp.exe")]
    #[case("äöü", "äöü")]
    fn a_value_is_known_by_its_beginning(#[case] sent: &str, #[case] written: &str) {
        assert_eq!(Sent(sent).to_string(), written);
    }

    #[test]
    fn what_is_long_is_short_in_the_log() {
        let long = "s".repeat(60_000);
        assert_eq!(Sent(&long).to_string(), "ssssssssssss… (60000 bytes)");
        assert_eq!(plain(&long, 100).chars().count(), 101);
        assert_eq!(plain("a\nb \\u", 100), "a\\nb \\u");
    }
}
