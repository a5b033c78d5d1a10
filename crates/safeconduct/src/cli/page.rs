//! How long lists are printed: a page at a time, and where the next one begins.

use safeconduct_server::administration::Page;

use super::output::note;

/// Which page of a list.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Paging {
    /// The most that are listed
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on behind this one, which the page before named
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

impl Paging {
    /// What the verbs take.
    pub(crate) fn page(&self) -> Page<'_> {
        Page {
            after: self.after.as_deref(),
            limit: self.limit,
        }
    }

    /// Says how to go on where a page of `shown` is full and ends with `last`.
    pub(crate) fn say_more(&self, shown: usize, last: Option<&str>) {
        if let Some(last) = last
            && shown >= self.limit as usize
        {
            note(format_args!("there may be more: --after {last}"));
        }
    }
}
