//! An entry of the errors reference, as a page: what a refusal means, why it happens and what to do. The words are those of
//! `docs/reference/errors.md`, which is a part of the program: what is read here is true of the very build that refused.

use serde::Serialize;

const REFERENCE: &str = include_str!("../../../../docs/reference/errors.md");

/// What a refusal means.
#[derive(Clone, Default, Serialize)]
pub struct ErrorEntryPage<'a> {
    /// Its stable name.
    pub name: &'a str,
    /// The error code of the specification.
    pub error: &'a str,
    /// Where the rule stands.
    pub spec: &'a str,
    /// What is wrong, in one public sentence.
    pub sentence: &'a str,
    /// What the user who met it can do.
    pub what_to_do: &'a str,
}

/// A piece of a paragraph of the reference.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Piece {
    text: &'static str,
    is_code: bool,
}

/// The page as its template sees it.
#[derive(Serialize)]
pub(super) struct EntryWithTexts<'a> {
    #[serde(flatten)]
    page: &'a ErrorEntryPage<'a>,
    why: Vec<Piece>,
    remedy: Vec<Piece>,
    path: String,
}

impl<'a> EntryWithTexts<'a> {
    /// The page with what the reference says; `below` is the path of all of them.
    pub(super) fn of(page: &'a ErrorEntryPage<'a>, below: &str) -> Self {
        Self {
            why: pieces(paragraph(page.name, "**Why:** ")),
            remedy: pieces(paragraph(page.name, "**Do:** ")),
            path: format!("{below}/{}", page.name),
            page,
        }
    }
}

/// The paragraph of the entry `name` that begins so; without its beginning.
fn paragraph(name: &str, begins: &str) -> &'static str {
    let heading = format!("\n### {name}\n");
    let entry = REFERENCE.split_once(&heading).map(|(_, entry)| entry);
    let entry = entry.and_then(|entry| entry.split("\n#").next());
    let mut paragraphs = entry.unwrap_or_default().split("\n\n");
    paragraphs
        .find_map(|paragraph| paragraph.trim().strip_prefix(begins))
        .unwrap_or_default()
}

/// A paragraph in pieces: what stands between backticks is code, and of a link its text is left.
fn pieces(paragraph: &'static str) -> Vec<Piece> {
    let parts = paragraph.split('`').enumerate().flat_map(|(at, part)| {
        let is_code = at % 2 == 1;
        let texts = match is_code {
            true => vec![part],
            false => without_links(part),
        };
        texts.into_iter().map(move |text| Piece { text, is_code })
    });
    parts.filter(|piece| !piece.text.is_empty()).collect()
}

/// A text without the addresses of its links.
fn without_links(text: &'static str) -> Vec<&'static str> {
    let mut rest = text;
    let mut texts = Vec::new();
    while let Some((before, link)) = rest.split_once('[') {
        let Some((label, (_, after))) = link
            .split_once("](")
            .and_then(|(label, link)| Some((label, link.split_once(')')?)))
        else {
            break;
        };
        texts.extend([before, label]);
        rest = after;
    }
    texts.push(rest);
    texts
}

#[cfg(test)]
mod tests {
    use safeconduct_protocol::error::REGISTRY;

    use super::*;

    #[test]
    fn every_refusal_is_told_why_it_happens_and_what_to_do() {
        for entry in &REGISTRY {
            let page = ErrorEntryPage {
                name: entry.name,
                ..ErrorEntryPage::default()
            };
            let told = EntryWithTexts::of(&page, "/errors");
            let written =
                |pieces: &[Piece]| -> String { pieces.iter().map(|piece| piece.text).collect() };
            for text in [written(&told.why), written(&told.remedy)] {
                assert!(
                    text.len() > 20 && text.ends_with('.'),
                    "{}: {text}",
                    entry.name
                );
                assert!(
                    !text.contains("](") && !text.contains(['`', '*']),
                    "{}: {text}",
                    entry.name
                );
            }
        }
        assert!(paragraph("no-such-refusal", "**Why:** ").is_empty());
    }

    #[test]
    fn code_is_told_from_text_and_a_link_is_its_text() {
        let read = pieces("Set `a`, see [keys](../guides/keys.md) [or not].");
        let read: Vec<_> = read
            .iter()
            .map(|piece| (piece.text, piece.is_code))
            .collect();
        let text = |text| (text, false);
        assert_eq!(
            read,
            [
                text("Set "),
                ("a", true),
                text(", see "),
                text("keys"),
                text(" [or not].")
            ]
        );
    }
}
