//! Browsers that belong to a test: a plain one that walks over HTTP from form to form, and a Chromium.

mod chromium;
mod page;
mod walker;

pub use chromium::in_browser;
pub use page::{Form, Page};
pub use walker::Browser;
