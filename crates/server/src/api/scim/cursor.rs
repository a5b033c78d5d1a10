//! Where the next page of a list begins (RFC 9865): sealed, and good for this question of this asker alone, for an hour.

use aws_lc_rs::digest;
use safeconduct_protocol::encoding;
use safeconduct_protocol::seal::{Kind, Seal};
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::{ScimError, ScimType};

/// For how many seconds a cursor is good.
pub(crate) const LIFE: i64 = 3600;

/// The resource that a page ends with, by what the list is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) key: String,
    pub(crate) id: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    #[serde(rename = "l")]
    list: String,
    #[serde(rename = "e")]
    era: i64,
    #[serde(rename = "t")]
    at: i64,
    #[serde(rename = "k")]
    key: String,
    #[serde(rename = "i")]
    id: String,
}

/// What a cursor is good for, and when.
pub(crate) struct Context<'a> {
    pub(crate) seal: &'a Seal,
    pub(crate) era: i64,
    pub(crate) now: Timestamp,
    /// Who asks, for which kind of resource, and what.
    pub(crate) list: [&'a str; 3],
}

impl Context<'_> {
    /// The cursor behind `last`.
    ///
    /// # Errors
    /// 500, where it can't be sealed.
    pub(crate) fn behind(&self, last: Last) -> Result<String, ScimError> {
        let payload = Payload {
            list: self.name(),
            era: self.era,
            at: self.now.seconds(),
            key: last.key,
            id: last.id,
        };
        self.seal.seal(Kind::ListCursor, &payload).map_err(|error| {
            tracing::error!(%error, "a cursor can't be sealed");
            ScimError::new(
                http::StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong here.",
            )
        })
    }

    /// Behind what a cursor is; nothing for the first page, whose cursor is empty.
    ///
    /// # Errors
    /// `invalidCursor`, `expiredCursor`.
    pub(crate) fn open(&self, cursor: &str) -> Result<Option<Last>, ScimError> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let opened = self.seal.open(Kind::ListCursor, cursor);
        let payload: Payload =
            opened.map_err(|_| invalid("The cursor is none of this server's."))?;
        if payload.list != self.name() || payload.era != self.era {
            return Err(invalid(
                "The cursor belongs to another list, or to somebody else.",
            ));
        }
        let age = self.now.seconds().saturating_sub(payload.at);
        if age >= LIFE {
            let told = "The cursor is too old. Begin at the first page.";
            return Err(ScimError::of(ScimType::ExpiredCursor, told));
        }
        Ok(Some(Last {
            key: payload.key,
            id: payload.id,
        }))
    }

    /// The list in few letters, however long its filter is.
    fn name(&self) -> String {
        let text = serde_json::to_string(&self.list).unwrap_or_default();
        encoding::encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
    }
}

fn invalid(detail: &str) -> ScimError {
    ScimError::of(ScimType::InvalidCursor, detail)
}

#[cfg(test)]
mod tests {
    use safeconduct_protocol::seal::{KeyState, SealKey};

    use super::*;

    fn last() -> Last {
        Last {
            key: "ada".to_owned(),
            id: "u-1".to_owned(),
        }
    }

    /// Attacks: AD31.
    #[test]
    fn a_cursor_is_good_for_its_list_and_an_hour() {
        let key = SealKey::generate(1);
        let seal =
            Seal::new("https://id.example.com").with_key(Kind::ListCursor, key, KeyState::Active);
        let at = |seconds, list| Context {
            seal: &seal,
            era: 1,
            now: Timestamp::from_seconds(1_800_000_000 + seconds),
            list,
        };
        let list = ["shop", "User", "a filter"];
        let cursor = at(0, list).behind(last()).unwrap();
        let is_unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        assert!(cursor.chars().all(is_unreserved), "{cursor}");
        assert_eq!(at(LIFE - 1, list).open(&cursor).unwrap(), Some(last()));
        assert_eq!(at(0, list).open("").unwrap(), None);
        let kind = |context: Context<'_>, cursor: &str| context.open(cursor).unwrap_err().kind();
        assert_eq!(kind(at(LIFE, list), &cursor), Some(ScimType::ExpiredCursor));
        for other in [
            ["mail", "User", "a filter"],
            ["shop", "Group", "a filter"],
            ["shop", "User", "another"],
        ] {
            assert_eq!(kind(at(0, other), &cursor), Some(ScimType::InvalidCursor));
        }
        let mut forged = cursor.clone();
        let changed = if forged.ends_with('A') { "B" } else { "A" };
        forged.replace_range(forged.len() - 1.., changed);
        for forged in [forged.as_str(), "x", "sc_rt_x"] {
            assert_eq!(kind(at(0, list), forged), Some(ScimType::InvalidCursor));
        }
        let other_era = Context {
            era: 2,
            ..at(0, list)
        };
        assert_eq!(kind(other_era, &cursor), Some(ScimType::InvalidCursor));
    }
}
