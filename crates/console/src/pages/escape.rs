//! How a value that someone else chose becomes part of a page: escaped, and with the characters that would make text look like what it is not
//! named by their numbers, for an operator is to see that they are there.

use std::fmt::{self, Write};

use safeconduct_protocol::precis::misleads;

/// Writes text for markup, in an element or a quoted attribute.
pub(super) fn write_escaped(out: &mut (impl Write + ?Sized), text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            '\'' => out.write_str("&#39;")?,
            '\n' | '\t' => out.write_char(character)?,
            _ if misleads(character) => write!(out, "{}", character.escape_unicode())?,
            _ => out.write_char(character)?,
        }
    }
    Ok(())
}

/// A value for a field of a form, which the browser sends as it came: numbered are all characters but the printable ones of ASCII.
pub(super) fn carried(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        let written = match character {
            '&' | '<' | '>' | '"' | '\'' => {
                write_escaped(&mut out, character.encode_utf8(&mut [0; 4]))
            }
            // HTML takes numbers of these for other characters.
            ' '..='~' | '\u{80}'..='\u{9f}' => out.write_char(character),
            _ => write!(out, "&#{};", u32::from(character)),
        };
        written.expect("a String takes all that is written to it");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        write_escaped(&mut out, text).unwrap();
        out
    }

    /// Attacks: AD54.
    #[test]
    fn markup_is_text_and_what_misleads_is_named() {
        assert_eq!(
            escaped(r#"<b a="x" b='y'>&"#),
            "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;"
        );
        assert_eq!(escaped("Ada\u{202e}nimda\u{0}"), r"Ada\u{202e}nimda\u{0}");
        assert_eq!(escaped("نامه\u{200c}ها"), "نامه\u{200c}ها");
    }

    #[test]
    fn what_is_carried_comes_back_as_it_was() {
        assert_eq!(carried("a\"\n\u{202e}<"), "a&quot;&#10;&#8238;&lt;");
    }
}
