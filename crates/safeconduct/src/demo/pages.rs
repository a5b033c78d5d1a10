//! The pages of the web app: values in, HTML out. What they show is decided in `app.rs`.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use safeconduct_protocol::encoding;
use serde::Serialize;

use super::addresses::Addresses;
use super::attacks::{Attack, Trial};
use super::message::Message;
use super::people::Note;
use super::story::Step;

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
    /// What the API calls them, once it was asked.
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
}

/// Somebody's notes, and how they came here.
#[derive(Serialize)]
pub(crate) struct NotesPage<'a> {
    pub(crate) visitor: Visitor,
    pub(crate) notes: Vec<Note>,
    pub(crate) longest_note: usize,
    pub(crate) steps: Vec<ToldStep<'a>>,
    /// An SVG.
    pub(crate) diagram: String,
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

/// A step, and whether everything in it was proven.
#[derive(Serialize)]
pub(crate) struct ToldStep<'a> {
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

impl<'a> From<Step<'a>> for ToldStep<'a> {
    fn from(step: Step<'a>) -> Self {
        Self {
            passed: step.passed(),
            step,
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

fn pretty(value: Value) -> String {
    serde_json::to_string_pretty(&value).unwrap_or_default()
}
