//! Pages of lists: a limit, and a sealed cursor that is good for the same list, filters and caller, for an hour.

use safeconduct_protocol::{error::Reason, seal::Kind};
use serde::{Deserialize, Serialize};

use super::{operation::Call, problem::Problem, shown::List};
use crate::{administration::Page, fault::Fault};

/// For how many seconds a cursor is good: less than the key that seals it is kept for when it is retired.
const LIFE: i64 = 3600;
/// How many things are on a page where nothing is said, and at most.
const USUAL: u32 = 50;
const MOST: u32 = 200;

/// What is sealed in a cursor, by short names.
#[derive(Serialize, Deserialize)]
struct Cursor {
    /// Whose it is, and of which list.
    #[serde(rename = "l")]
    list: String,
    #[serde(rename = "e")]
    era: i64,
    #[serde(rename = "t")]
    at: i64,
    /// The name behind which the page begins.
    #[serde(rename = "k")]
    key: String,
}

/// Which page of a list is asked for.
pub(super) struct Paging<'a> {
    call: &'a Call,
    list: String,
    after: Option<String>,
    limit: u32,
}

impl<'a> Paging<'a> {
    /// The page that a call asks for by `limit` and `cursor`.
    pub(super) fn of(
        call: &'a Call,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::of_value("limit", format!("it is 1 to {MOST}")));
        }
        let mut paging = Self {
            call,
            list: name_of(call),
            after: None,
            limit,
        };
        // An empty one is none, as in RFC 9865.
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        paging.after = cursor.map(|cursor| paging.open(cursor)).transpose()?;
        Ok(paging)
    }

    /// The same for a verb: one more than is shown, which says whether there is another page.
    pub(super) fn page(&self) -> Page<'_> {
        Page {
            after: self.after.as_deref(),
            limit: self.limit + 1,
        }
    }

    /// Behind what it begins.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many things it shows at most.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// The page, of what a verb gave; `key` is what a thing is called where the next page begins.
    pub(super) fn list<T, S>(
        &self,
        mut found: Vec<T>,
        key: impl Fn(&T) -> String,
        show: impl Fn(T) -> S,
    ) -> Result<List<S>, Problem> {
        let is_more = found.len() > self.limit as usize;
        found.truncate(self.limit as usize);
        let last = found.last().filter(|_| is_more).map(key);
        self.list_before(found.into_iter().map(show).collect(), last)
    }

    /// The page, where a verb says itself where the next one begins.
    pub(super) fn list_before<S>(
        &self,
        items: Vec<S>,
        next: Option<String>,
    ) -> Result<List<S>, Problem> {
        Ok(List {
            items,
            next_cursor: next.map(|key| self.seal(key)).transpose()?,
        })
    }

    /// A cursor of this list that begins behind `key`.
    pub(super) fn seal(&self, key: String) -> Result<String, Problem> {
        let cursor = Cursor {
            list: self.list.clone(),
            era: self.call.catalog.cluster.era,
            at: self.call.now.seconds(),
            key,
        };
        let sealed = self
            .call
            .catalog
            .keys
            .seal()
            .seal(Kind::ListCursor, &cursor);
        sealed.map_err(|error| {
            let fault = Fault::new(format!("sealing a cursor: {error}"));
            Problem::from(crate::fault::Failure::from(fault))
        })
    }

    fn open(&self, text: &str) -> Result<String, Problem> {
        let opened = self.call.catalog.keys.seal().open(Kind::ListCursor, text);
        let cursor: Cursor = opened.map_err(|_| Problem::new(Reason::CursorRefused))?;
        let age = self.call.now.seconds().saturating_sub(cursor.at);
        let is_ours = cursor.list == self.list && cursor.era == self.call.catalog.cluster.era;
        match is_ours && age < LIFE {
            true => Ok(cursor.key),
            false => Err(Reason::CursorRefused.into()),
        }
    }
}

/// Who asks, and for what but the page.
fn name_of(call: &Call) -> String {
    let query = call.uri.query().unwrap_or_default();
    let mut asked: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| !["cursor", "limit", "once"].contains(&name.as_ref()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    asked.sort();
    let text = format!("{}\n{}\n{asked:?}", call.caller.name(), call.uri.path());
    safeconduct_protocol::encoding::sha256_base64url(text.as_bytes())
}
