//! The pages of the web app: values in, HTML out. What they show is decided in `app.rs`.

use std::fmt::Write as _;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use safeconduct_protocol::encoding;
use serde::Serialize;

use super::addresses::Addresses;
use super::attacks::{Attack, Trial};
use super::diagram::{self, Said};
use super::message::Message;
use super::next::Hint;
use super::people::Note;
use super::story::{Identity, Step};

/// The stylesheet of every page.
pub(crate) const STYLESHEET: &str = include_str!("assets/demo.css");

const TEMPLATES: [(&str, &str); 5] = [
    ("base.html", include_str!("templates/base.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("home.html", include_str!("templates/home.html")),
    ("notes.html", include_str!("templates/notes.html")),
    ("attack.html", include_str!("templates/attack.html")),
];

/// The templates, parsed.
#[derive(Clone)]
pub(crate) struct Pages(Arc<Environment<'static>>);

/// Whoever is signed in.
#[derive(Serialize)]
pub(crate) struct Visitor {
    /// What the server calls them.
    pub(crate) name: Option<String>,
    pub(crate) csrf_token: String,
    /// The form that signs out, as the client crate makes it.
    pub(crate) logout_form: String,
}

/// The front page.
#[derive(Serialize)]
pub(crate) struct HomePage<'a> {
    pub(crate) visitor: Option<Visitor>,
    pub(crate) addresses: Places<'a>,
    pub(crate) next: Hint,
    /// How the last session ended.
    pub(crate) panel: Panel<'a>,
}

/// Somebody's notes, and how they came here.
#[derive(Serialize)]
pub(crate) struct NotesPage<'a> {
    pub(crate) visitor: Visitor,
    pub(crate) addresses: Places<'a>,
    pub(crate) notes: Vec<Note>,
    pub(crate) longest_note: usize,
    pub(crate) next: Hint,
    /// What the app was told about the person, if that is still remembered.
    pub(crate) identity: Option<Identity<'a>>,
    pub(crate) panel: Panel<'a>,
    pub(crate) attacks: Vec<Button>,
}

/// How an attack ended.
#[derive(Serialize)]
pub(crate) struct AttackPage<'a> {
    pub(crate) visitor: Visitor,
    pub(crate) attack: Button,
    pub(crate) refused: bool,
    pub(crate) verdict: String,
    pub(crate) trials: &'a [Trial],
    pub(crate) messages: Vec<&'a Message>,
    pub(crate) next: Button,
}

/// Where the parties live.
#[derive(Serialize)]
pub(crate) struct Places<'a> {
    server: &'a str,
    app: &'a str,
    api: &'a str,
}

/// What happened: a picture, and the steps in it.
#[derive(Serialize)]
pub(crate) struct Panel<'a> {
    steps: Vec<PanelStep<'a>>,
    /// An SVG.
    diagram: String,
    /// The same in words.
    said: Vec<Said>,
}

/// A step, and whether everything in it was proven.
#[derive(Serialize)]
struct PanelStep<'a> {
    #[serde(flatten)]
    step: Step<'a>,
    passed: bool,
}

/// The button that starts an attack.
#[derive(Serialize)]
pub(crate) struct Button {
    name: &'static str,
    title: &'static str,
    idea: &'static str,
    defence: &'static str,
    setting: &'static str,
    /// How it ended the last time.
    last: Option<Last>,
}

#[derive(Serialize)]
struct Last {
    refused: bool,
    verdict: String,
    run: u64,
}

impl<'a> From<&'a Addresses> for Places<'a> {
    fn from(addresses: &'a Addresses) -> Self {
        Self {
            server: &addresses.server,
            app: &addresses.app,
            api: &addresses.api,
        }
    }
}

impl<'a> Panel<'a> {
    /// The panel of these steps.
    pub(crate) fn of(steps: Vec<Step<'a>>) -> Self {
        let (diagram, said) = (diagram::draw(&steps), diagram::list(&steps));
        let shown = |step: Step<'a>| PanelStep {
            passed: step.passed(),
            step,
        };
        Self {
            steps: steps.into_iter().map(shown).collect(),
            diagram,
            said,
        }
    }
}

impl Button {
    /// The button of an attack that was not tried yet.
    pub(crate) fn of(attack: Attack) -> Self {
        Self {
            name: attack.name(),
            title: attack.title(),
            idea: attack.idea(),
            defence: attack.defence(),
            setting: attack.setting(),
            last: None,
        }
    }

    /// The same, telling how run number `run` ended.
    pub(crate) fn after(self, run: u64, refused: bool, verdict: String) -> Self {
        Self {
            last: Some(Last {
                refused,
                verdict,
                run,
            }),
            ..self
        }
    }
}

impl Pages {
    /// Parses the templates.
    ///
    /// # Errors
    /// One of them is broken.
    pub(crate) fn new() -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()?,
        );
        environment.add_filter("pretty", pretty);
        environment.add_filter("code", code);
        environment.add_global("stylesheet", stylesheet_path());
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(Self(Arc::new(environment)))
    }

    /// The front page.
    ///
    /// # Errors
    /// The template asks for what is not there.
    pub(crate) fn home(&self, page: &HomePage<'_>) -> Result<String, minijinja::Error> {
        self.render("home.html", page)
    }

    /// The notes.
    ///
    /// # Errors
    /// As [`Pages::home`].
    pub(crate) fn notes(&self, page: &NotesPage<'_>) -> Result<String, minijinja::Error> {
        self.render("notes.html", page)
    }

    /// The end of an attack.
    ///
    /// # Errors
    /// As [`Pages::home`].
    pub(crate) fn attack(&self, page: &AttackPage<'_>) -> Result<String, minijinja::Error> {
        self.render("attack.html", page)
    }

    fn render(&self, template: &str, page: &impl Serialize) -> Result<String, minijinja::Error> {
        self.0
            .get_template(template)?
            .render(Value::from(Serde(page)))
    }
}

/// The stylesheet's path, which names its content.
pub(crate) fn stylesheet_path() -> String {
    let digest = encoding::sha256_base64url(STYLESHEET.as_bytes());
    format!("/assets/demo-{}.css", &digest[..12])
}

/// What stands in backquotes, as code.
fn code(text: &str) -> Value {
    let mut html = String::new();
    for (place, part) in text.split('`').enumerate() {
        let escaped = minijinja::HtmlEscape(part);
        let _ = match place % 2 {
            0 => write!(html, "{escaped}"),
            _ => write!(html, "<code>{escaped}</code>"),
        };
    }
    Value::from_safe_string(html)
}

fn pretty(value: Value) -> String {
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::Ports;
    use crate::attacks::Role;
    use crate::next::NextStep;

    fn visitor(name: Option<&str>) -> Visitor {
        Visitor {
            name: name.map(str::to_owned),
            csrf_token: "token".to_owned(),
            logout_form: "<form></form>".to_owned(),
        }
    }

    #[test]
    fn the_front_page_knows_who_comes() {
        let pages = Pages::new().unwrap();
        let addresses = Addresses::at(Ports::USUAL);
        let home = |visitor| {
            let addresses = (&addresses).into();
            let panel = Panel::of(Vec::new());
            let next = NextStep::SignIn.hint();
            let page = HomePage {
                visitor,
                addresses,
                next,
                panel,
            };
            pages.home(&page).unwrap()
        };
        assert!(home(None).contains("id=\"sign-in\"") && !home(None).contains("<form"));
        assert!(home(Some(visitor(None))).contains("Welcome back.</h1>"));
        assert!(home(Some(visitor(Some("Alice")))).contains("Welcome back, Alice.</h1>"));
    }

    #[test]
    fn a_sign_in_that_was_forgotten_still_shows_the_notes_and_no_markup_of_theirs() {
        let text = "<script>alert(1)</script>".to_owned();
        let addresses = Addresses::at(Ports::USUAL);
        let page = NotesPage {
            visitor: visitor(Some("<b>")),
            addresses: (&addresses).into(),
            notes: vec![Note { text }],
            longest_note: 280,
            next: NextStep::Break.hint(),
            identity: None,
            panel: Panel::of(Vec::new()),
            attacks: vec![Button::of(Attack::ForgedToken).after(1, false, "200".to_owned())],
        };
        let html = Pages::new().unwrap().notes(&page).unwrap();
        assert!(html.contains("too long ago to be remembered"));
        assert!(html.contains("Not refused as it must be"));
        assert!(!html.contains("<script>") && !html.contains("<b>"));
        assert!(html.contains(">Try an attack</a>"));
        // Every part that the list names is there, and nothing that is not.
        let list = html.split_once("id=\"parts\"").unwrap().1;
        let list = list.split_once("</nav>").unwrap().0;
        let parts: Vec<&str> = list.split("href=\"#").skip(1).collect();
        assert_eq!(parts.len(), 5, "{list}");
        for part in parts {
            let id = part.split('"').next().unwrap();
            assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }

    #[test]
    fn an_attack_that_succeeds_is_called_that() {
        let trials = [Trial {
            role: Role::Attacker,
            deed: "The forged token comes",
            expected: "401 invalid_token".to_owned(),
            got: "200".to_owned(),
            reason: String::new(),
            passed: false,
        }];
        let page = AttackPage {
            visitor: visitor(Some("Alice")),
            attack: Button::of(Attack::ForgedToken),
            refused: false,
            verdict: "expected 401".to_owned(),
            trials: &trials,
            messages: Vec::new(),
            next: Button::of(Attack::RevokedToken),
        };
        let html = Pages::new().unwrap().attack(&page).unwrap();
        assert!(html.contains("class=\"verdict bad\"") && html.contains("Expected: <code>401"));
        assert!(html.contains("What stops it") && html.contains("<dt>Setting</dt>"));
    }

    #[test]
    fn code_is_marked_and_markup_is_none() {
        let html = code("`a.b` = <false>, `c` too").to_string();
        assert_eq!(html, "<code>a.b</code> = &lt;false&gt;, <code>c</code> too");
    }

    #[test]
    fn pages_need_no_script_and_nothing_from_elsewhere() {
        for (name, source) in TEMPLATES {
            assert!(
                !source.contains("<script")
                    && !source.contains(" style=")
                    && !source.contains(" onclick"),
                "{name}"
            );
        }
        assert!(!STYLESHEET.contains("url(") && !STYLESHEET.contains("@import"));
    }
}
