//! How a value that someone else chose becomes part of a page: escaped, and free of the characters that
//! make text look like what it is not.
//!
//! Every value passes here, whether a template prints it or a text of the locale takes it as an argument.

use std::fmt::{self, Write};

use safeconduct_protocol::{markup::entity, precis::misleads};

/// How much of a received value a page repeats, in characters.
const SHOWN: usize = 200;

/// Writes text for markup, in an element or a quoted attribute. Characters that are invisible or reorder
/// their neighbours are left out.
pub(super) fn write_escaped(out: &mut (impl Write + ?Sized), text: &str) -> fmt::Result {
    for character in text.chars() {
        match (entity(character), character) {
            (Some(entity), _) => out.write_str(entity)?,
            (None, '\n' | '\t') => out.write_char(character)?,
            (None, _) if misleads(character) => {}
            _ => out.write_char(character)?,
        }
    }
    Ok(())
}

/// As [`write_escaped`], into a new string.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    write_escaped(&mut out, text).expect("a String takes all that is written to it");
    out
}

/// What was received, for a developer's eyes: cut after 200 characters, and each character that would
/// mislead named by its number (`\u{202e}`). Still to be escaped.
pub(super) fn shown(received: &str) -> String {
    let mut out = String::new();
    let mut characters = received.chars();
    for character in characters.by_ref().take(SHOWN) {
        if misleads(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    if characters.next().is_some() {
        out.push('…');
    }
    out
}

/// The letter or digit that stands for a name in its tile.
pub(super) fn initial(name: &str) -> String {
    name.chars()
        .find(|character| character.is_alphanumeric())
        .map_or_else(
            || "•".to_owned(),
            |character| character.to_uppercase().collect(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attacks: L25.
    #[test]
    fn markup_in_a_value_is_text() {
        assert_eq!(
            escaped(r#"<b a="x" b='y'>&amp;"#),
            "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;"
        );
    }

    /// Attacks: L25, G03.
    #[test]
    fn characters_that_mislead_are_left_out() {
        assert_eq!(escaped("Demo\u{202e}setoN\u{0}\u{200b}"), "DemosetoN");
        assert_eq!(escaped("نامه\u{200c}ها"), "نامه\u{200c}ها");
    }

    #[test]
    fn what_was_received_is_named_where_it_misleads_and_cut_where_it_is_long() {
        assert_eq!(shown("a\u{202e}b\r\n"), r"a\u{202e}b\u{d}\u{a}");
        assert_eq!(shown(&"é".repeat(200)).chars().count(), 200);
        let cut = shown(&"é".repeat(65_536));
        assert_eq!(cut.chars().count(), 201);
        assert!(cut.ends_with("é…"));
    }

    #[test]
    fn a_name_without_letters_still_has_a_tile() {
        assert_eq!(initial("demo notes"), "D");
        assert_eq!(initial("  «7 days»"), "7");
        assert_eq!(initial("\u{202e}!?"), "•");
        assert_eq!(initial(""), "•");
    }
}
