//! The question before something that can't be taken back: what it ends is counted first, and where that is much, its name is typed.

use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::form::Fields;
use crate::pages::Page;

/// The field in which a name is typed.
const NAME: &str = "name";

/// What is asked.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Question {
    /// The question.
    pub(crate) title: String,
    /// What comes of it.
    pub(crate) lines: Vec<String>,
    /// What has to be typed, if anything has.
    pub(crate) typed: Option<String>,
    /// What the button says.
    pub(crate) label: String,
    /// Where the answer goes, below the path of the console; the page before it is up one step.
    pub(crate) action: String,
    /// Where the user goes who does not want it.
    pub(crate) back: String,
    /// What goes along.
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl Question {
    /// The page that asks it.
    pub(crate) fn page(self) -> Page {
        Page::new("confirm", json!({ "question": self, "wrong": false }))
    }

    /// Whether `fields` answer it; else the page that asks again.
    ///
    /// # Errors
    /// Another name was typed.
    pub(crate) fn answered_by(self, fields: &Fields) -> Result<(), Page> {
        if (self.typed.as_ref()).is_none_or(|name| fields.value(NAME) == name.trim()) {
            return Ok(());
        }
        let page = Page::new("confirm", json!({ "question": self, "wrong": true }));
        Err(page.with_status(StatusCode::UNPROCESSABLE_ENTITY))
    }
}

/// So many of a thing, in words: `of` is it alone, `more` is several.
pub(crate) fn counted(number: u64, of: &str, more: &str) -> String {
    match number {
        0 => format!("no {of}"),
        1 => format!("1 {of}"),
        // The API counts no further.
        1000 => format!("1000 or more {more}"),
        number => format!("{number} {more}"),
    }
}
