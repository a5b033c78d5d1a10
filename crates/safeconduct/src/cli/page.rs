//! How long lists are printed: a page at a time, and where the next one begins.

use safeconduct_server::administration::Page;

use super::output::note;

/// The most that a server gives at once by its API.
const MOST_AT_ONCE: u32 = 200;

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
    /// All that there is, of what is few.
    pub(crate) const ALL: Self = Self::of(u32::MAX);

    /// The first `limit`.
    pub(crate) const fn of(limit: u32) -> Self {
        Self { limit, after: None }
    }

    /// The same behind `after`.
    pub(crate) fn behind(self, after: String) -> Self {
        Self {
            after: Some(after),
            ..self
        }
    }

    /// What the verbs take.
    pub(crate) fn page(&self) -> Page<'_> {
        Page {
            after: self.after(),
            limit: self.limit,
        }
    }

    /// Behind which one the page begins.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Whether a page that holds `shown` holds no more.
    pub(crate) fn is_full(&self, shown: usize) -> bool {
        shown >= self.limit as usize
    }

    /// How many a server is asked for where `shown` are there.
    pub(crate) fn at_once(&self, shown: usize) -> u32 {
        let shown = u32::try_from(shown).unwrap_or(u32::MAX);
        self.limit.saturating_sub(shown).min(MOST_AT_ONCE)
    }
}

/// Says how to go on where there may be more behind `next`.
pub(crate) fn say_more(next: Option<&str>) {
    if let Some(next) = next {
        note(format_args!("there may be more: --after {next}"));
    }
}
