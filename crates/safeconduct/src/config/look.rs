//! How the pages look, as the configuration has it: whether the logo is an image, the colours can be told apart, and the links lead
//! somewhere.

use std::path::Path;

use safeconduct_protocol::client::is_web_address;
use safeconduct_protocol::image::Image;
use safeconduct_protocol::language::Language;
use safeconduct_protocol::mail::MailAddress;
use safeconduct_server::pages::{Colour, Colours, Links, Look, Shade};

use super::at::At;
use super::declared::check_texts;
use super::file::{self, Config};
use super::findings::Findings;

/// The longest line of text on the sign-in page, in bytes.
const LONGEST_TEXT: usize = 500;

/// The look, as far as it is well formed.
pub(super) fn check(config: &Config, findings: &mut Findings<'_>) -> Look {
    let at = At::key("ui");
    Look {
        logo: logo(&config.ui, &at.then("logo"), findings),
        colours: colours(&config.ui.colours, &at.then("colours"), findings),
        links: links(&config.ui.links, &at.then("links"), findings),
        sign_in_text: sign_in_text(&config.ui, &at.then("sign_in_text"), findings),
    }
}

fn logo(ui: &file::Ui, at: &At, findings: &mut Findings<'_>) -> Option<Image> {
    image(ui.logo.as_deref()?, at, findings)
}

/// The image in the file at `path`, which was named at `at`.
pub(super) fn image(path: &Path, at: &At, findings: &mut Findings<'_>) -> Option<Image> {
    let path = findings.layers.resolve(at, path);
    let shown = path.display();
    match read_image(&path) {
        Ok(image) => Some(image),
        Err(what) => {
            let advice =
                "name a file of SVG, PNG, JPEG or WebP of at most 64 KiB that safeconduct may read";
            findings.refuse(at, format!("the logo {shown} {what}"), advice);
            None
        }
    }
}

/// The image in the file at `path`.
///
/// # Errors
/// What is wrong with it, behind its name.
pub(crate) fn read_image(path: &Path) -> Result<Image, String> {
    let read = std::fs::read(path);
    let bytes = read.map_err(|error| format!("can't be read: {error}"))?;
    Image::new(bytes).map_err(str::to_owned)
}

fn colours(colours: &file::Colours, at: &At, findings: &mut Findings<'_>) -> Colours {
    let mut shade = |name: &str, light: &Option<String>, dark: &Option<String>| {
        let at = at.then(name);
        Shade {
            light: colour(light.as_deref(), &at.then("light"), findings),
            dark: colour(dark.as_deref(), &at.then("dark"), findings),
        }
    };
    let file::Colours {
        accent,
        background,
        card,
        text,
    } = colours;
    let colours = Colours {
        accent: shade("accent", &accent.light, &accent.dark),
        background: shade("background", &background.light, &background.dark),
        card: shade("card", &card.light, &card.dark),
        text: shade("text", &text.light, &text.dark),
    };
    if let Err(low) = colours.check() {
        let advice = "make the one lighter or the other darker";
        findings.refuse(at, format!("two colours are too much alike: {low}"), advice);
    }
    colours
}

fn colour(text: Option<&str>, at: &At, findings: &mut Findings<'_>) -> Option<Colour> {
    let text = text?;
    let colour = Colour::parse(text);
    if colour.is_none() {
        let advice = "write # and six hexadecimal digits, such as #0f5c4a";
        findings.refuse(at, format!("`{text}` is no colour"), advice);
    }
    colour
}

fn links(links: &file::Links, at: &At, findings: &mut Findings<'_>) -> Links {
    let mut link = |name: &str, url: &Option<String>| {
        let url = url.as_deref()?;
        let mail = url.strip_prefix("mailto:").filter(|_| name == "help");
        let good = mail.is_some_and(|mail| MailAddress::parse(mail).is_ok()) || is_web_address(url);
        if !good {
            let message = format!("`{url}` is no link to the web");
            findings.refuse(
                &at.then(name),
                message,
                "write an absolute URL that begins with https://",
            );
        }
        Some(url.to_owned())
    };
    Links {
        help: link("help", &links.help),
        privacy: link("privacy", &links.privacy),
        terms: link("terms", &links.terms),
    }
}

fn sign_in_text(
    ui: &file::Ui,
    at: &At,
    findings: &mut Findings<'_>,
) -> [String; Language::ALL.len()] {
    let texts = &ui.sign_in_text;
    check_texts("the text of the sign-in page", texts, at, findings);
    if texts.values().any(|text| text.len() > LONGEST_TEXT) {
        let advice = "say the rest where `ui.links.help` leads";
        findings.refuse(
            at,
            "a text of the sign-in page is longer than 500 bytes",
            advice,
        );
    }
    Language::ALL.map(|language| {
        let own = language.text_of(texts);
        let text = own.or_else(|| ui.default_language.text_beside(texts));
        text.unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Sources, check_sources};
    use super::*;

    /// What is wrong with the table `[ui]` of this text, or the look it makes.
    fn look(ui: &str) -> Result<Look, String> {
        let text = format!("issuer = \"https://id.example.com\"\n[ui]\n{ui}");
        let sources = Sources {
            file: Some(("safeconduct.toml".into(), text)),
            ..Sources::default()
        };
        let checked = check_sources(&sources);
        checked
            .map_err(|problems| problems.to_string())
            .map(|checked| checked.look)
    }

    #[rstest]
    #[case::too_pale(
        "colours.accent.light = \"#9fd8c8\"",
        "in the light, `accent` on `background` has a contrast of 1.44:1, and 4.5:1 is the least"
    )]
    #[case::just_too_pale("colours.accent.light = \"#707070\"", "4.47:1")]
    #[case::text_on_itself(
        "colours.text.dark = \"#171e1c\"",
        "in the dark, `text` on `card` has a contrast of 1.00:1"
    )]
    #[case::no_colour("colours.card.light = \"white\"", "`white` is no colour")]
    #[case::a_sign("colours.card.light = \"#+fffff\"", "`#+fffff` is no colour")]
    #[case::short("colours.card.light = \"#fff\"", "`#fff` is no colour")]
    #[case::script("links.help = \"javascript:alert(1)\"", "is no link to the web")]
    #[case::mail_for_terms("links.terms = \"mailto:a@b.example\"", "is no link to the web")]
    #[case::http("links.privacy = \"http://b.example\"", "is no link to the web")]
    #[case::nowhere("links.privacy = \"https://\"", "is no link to the web")]
    #[case::mail_to_nobody("links.help = \"mailto:\"", "is no link to the web")]
    #[case::space("links.privacy = \"https://b.example/a b\"", "is no link to the web")]
    #[case::no_file("logo = \"none.svg\"", "the logo none.svg can't be read")]
    #[case::tag("sign_in_text.english = \"Hello\"", "can't be in `english`")]
    fn what_cannot_be_shown_is_refused_with_the_reason(#[case] ui: &str, #[case] told: &str) {
        let said = look(ui).unwrap_err();
        assert!(said.contains(told), "{said}");
    }

    #[rstest]
    #[case("colours.accent.light = \"#6f6f6f\"")]
    #[case("colours.accent = { light = \"#7a1fa2\", dark = \"#e1bee7\" }")]
    #[case(
        "colours.card.light = \"#fffdf7\"\ncolours.background.light = \"#f4efe2\"\ncolours.text.light = \"#201a10\""
    )]
    #[case(
        "links.help = \"mailto:help@example.com\"\nlinks.terms = \"https://example.com/terms?a=b\""
    )]
    fn what_can_be_shown_is_taken(#[case] ui: &str) {
        assert!(look(ui).is_ok(), "{:?}", look(ui).err());
    }

    #[test]
    fn a_text_is_read_by_those_who_have_none_of_their_own_too() {
        let texts = "default_language = \"de\"\nsign_in_text.de = \"Guten Tag\"\nsign_in_text.fr = \"Bonjour\"";
        let text = |ui, language: Language| {
            let look = look(ui).unwrap();
            look.sign_in_text[language as usize].clone()
        };
        assert_eq!(text(texts, Language::French), "Bonjour");
        assert_eq!(text(texts, Language::Japanese), "Guten Tag");
        assert_eq!(
            text("sign_in_text.fr = \"Bonjour\"", Language::Arabic),
            "Bonjour"
        );
        assert_eq!(text("", Language::English), "");
    }

    #[test]
    fn the_logo_of_a_client_is_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes.svg");
        std::fs::write(&path, "<svg/>").unwrap();
        let client = |file: &str| {
            look(&format!(
                "[[clients]]\nid = \"notes\"\nredirect_uris = [\"https://notes.example/cb\"]\nlogo_file = \"{file}\""
            ))
        };
        assert!(client(&path.display().to_string()).is_ok());
        let both = format!(
            "{}\"\nlogo_uri = \"data:image/svg+xml;base64,PHN2Zy8+",
            path.display()
        );
        let said = client(&both).err().unwrap();
        assert!(
            said.contains("the logo of the client `notes` stands in two places"),
            "{said}"
        );
        let said = client("none.svg").err().unwrap();
        assert!(
            said.contains("safeconduct.toml:6: the logo none.svg can't be read"),
            "{said}"
        );
    }

    #[test]
    fn a_logo_is_an_image_of_a_small_size() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logo");
        let told = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            look(&format!("logo = \"{}\"", path.display()))
                .err()
                .unwrap_or_default()
        };
        assert_eq!(told(b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), "");
        assert_eq!(told(b"\x89PNG\r\n\x1a\n"), "");
        assert!(told(b"<html>").contains("is no SVG, PNG, JPEG or WebP"));
        assert!(told(b"").contains("is no SVG"));
        let large = [b"\x89PNG".as_slice(), &[0; 64 * 1024]].concat();
        assert!(told(&large).contains("is larger than 64 KiB"));
    }
}
