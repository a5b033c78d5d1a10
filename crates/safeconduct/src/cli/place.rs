//! Where a command works: on the database of this machine, or by the API of a running server. What a noun of the command line asks of
//! either is in the file of that noun; both answer the same.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::database::Database;
use super::failure::Failure;
use super::page::Paging;
use super::remote::Remote;

/// Where a command works.
pub(crate) enum Place {
    /// On this database.
    Here(Box<Database>),
    /// By the API of this server.
    There(Box<Remote>),
}

/// A part of a list, and where the next one begins.
pub(crate) struct Listed<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) next: Option<String>,
}

impl<T> Listed<T> {
    /// What a database gave for `paging`; `last` names the last one.
    pub(crate) fn of(rows: Vec<T>, paging: &Paging, last: Option<String>) -> Self {
        Self {
            next: last.filter(|_| paging.is_full(rows.len())),
            rows,
        }
    }
}

/// What is told of a command that works on the machine of the server alone, for the reason `why`.
pub(crate) fn only_here(why: &str) -> Failure {
    Failure::Usage(format!("this can't be done by the API: {why}"))
        .with_advice("run it on a machine with the configuration, without --context")
}

/// A part of a list as a server gives it.
#[derive(Deserialize)]
struct Part<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl Remote {
    /// A part of the list at `path`.
    ///
    /// # Errors
    /// What the server says, or that it is not there.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
        paging: &Paging,
    ) -> Result<Listed<T>, Failure> {
        let (mut rows, mut cursor) = (Vec::new(), paging.after().map(str::to_owned));
        loop {
            let limit = paging.at_once(rows.len());
            let page = [("limit", Some(limit.to_string())), ("cursor", cursor)];
            let query = [query, &page].concat();
            let part: Part<T> = self.get(path, &query).await?;
            rows.extend(part.items);
            cursor = part.next_cursor;
            if cursor.is_none() || paging.is_full(rows.len()) {
                return Ok(Listed { rows, next: cursor });
            }
        }
    }

    /// The list at `path` that is given at once.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub(crate) async fn all<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Vec<T>, Failure> {
        let part: Part<T> = self.get(path, &[]).await?;
        Ok(part.items)
    }
}
