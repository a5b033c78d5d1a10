//! Writes every page in every state, in English or the language named, into a directory, to look at while changing them:
//! `cargo run -p safeconduct-server --example pages -- /tmp/pages ar`, then open `index.html` there.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use safeconduct_protocol::language::Language;
use safeconduct_server::pages::{Look, PageSet, samples};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .ok_or("usage: pages DIRECTORY [LANGUAGE]")?;
    let language = std::env::args().nth(2).unwrap_or_default();
    let language = Language::parse(&language).unwrap_or_default();
    let directory = PathBuf::from(directory);
    // A base of `.` makes the link to the stylesheet relative, so that files can be opened as they are.
    // The script stays behind: it would leave the form_post page before anybody saw it.
    let pages = PageSet::new("Safeconduct", ".", &Look::default())?;
    let stylesheet = pages.stylesheet();
    fs::create_dir_all(directory.join("assets"))?;
    fs::write(
        directory.join(stylesheet.path.trim_start_matches('/')),
        &stylesheet.bytes,
    )?;

    let mut index = String::from("<!doctype html><meta charset=utf-8><title>Pages</title>\n");
    for (name, html) in samples::render(pages.of(language)) {
        fs::write(directory.join(format!("{name}.html")), html)?;
        index.push_str(&format!("<p><a href=\"{name}.html\">{name}</a>\n"));
    }
    fs::write(directory.join("index.html"), index)?;
    Ok(())
}
