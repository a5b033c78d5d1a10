//! Why the pages can't be made: they are part of the program, so that a test finds it first.

/// Why the pages could not be made ready at start.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// A template does not parse.
    #[error("a page template is broken")]
    Template(#[from] minijinja::Error),
    /// The words of the pages do not parse, or one is there twice.
    #[error("the texts of the pages are broken: {0}")]
    Texts(String),
    /// A template or an asset is not where it is looked for, or is not UTF-8.
    #[error("`{0}` is missing from the pages, or is not text")]
    Missing(String),
}
