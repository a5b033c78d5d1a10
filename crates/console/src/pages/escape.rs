//! How a value that someone else chose becomes part of a page: escaped, and with the characters that would make text look like what it is not
//! named by their numbers, for an operator is to see that they are there.

use std::fmt::{self, Write};

use safeconduct_protocol::{markup::entity, precis::misleads};

/// Writes text for markup, in an element or a quoted attribute.
pub(super) fn write_escaped(out: &mut (impl Write + ?Sized), text: &str) -> fmt::Result {
    for character in text.chars() {
        match (entity(character), character) {
            (Some(entity), _) => out.write_str(entity)?,
            (None, '\n' | '\t') => out.write_char(character)?,
            (None, _) if misleads(character) => write!(out, "{}", character.escape_unicode())?,
            _ => out.write_char(character)?,
        }
    }
    Ok(())
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
}
