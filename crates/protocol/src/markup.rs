//! Text as a part of a page: what stands for the characters that mean something in markup, and for those that a browser takes for others.

use std::fmt::Write as _;

/// What stands for a character that would end an element's text or a quoted attribute.
pub fn entity(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => return None,
    })
}

/// A value that is not there to be read, for an attribute of a form: the browser takes out of the markup exactly what
/// was put in. (Only U+0000 has no way through HTML.) Numbered are all characters but the printable ones of ASCII, and
/// those that HTML takes for another when they are numbered, U+0080 to U+009F.
pub fn carried(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        match (entity(character), character) {
            (Some(entity), _) => out.push_str(entity),
            (None, ' '..='~' | '\u{80}'..='\u{9f}') => out.push(character),
            // Writing to a String does not fail.
            _ => drop(write!(out, "&#{};", u32::from(character))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_escaped_and_complete() {
        assert_eq!(carried("a b~\"'<&>"), "a b~&quot;&#39;&lt;&amp;&gt;");
        assert_eq!(carried("\t\r\n\u{7f}"), "&#9;&#13;&#10;&#127;");
        assert_eq!(carried("é\u{202e}😀"), "&#233;&#8238;&#128512;");
        assert_eq!(carried("\u{80}\u{9f}\u{a0}"), "\u{80}\u{9f}&#160;");
    }
}
