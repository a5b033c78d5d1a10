//! Which grants have ended of late, whatever ended them: what whoever reads no database has to be told, because tokens of them may still be
//! out. It is not said by what ended them, but asked of what they rest on (`liveness.rs`), so that nothing can be left out.

use safeconduct_protocol::ids::{GrantId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::driver::{Row, Statement};
use crate::error::StoreError;
use crate::liveness::stands;
use crate::store::{Store, stored};

/// Those that were used since $3, whose last token may be good by itself. The second half has an index of its own: tombstones.
const ENDED: &str = concat!(
    "SELECT g.id AS id FROM grants g WHERE g.user_id = $1 AND g.user_id <> '' AND g.revoked_at IS NULL AND g.audience = $2 \
         AND g.last_used_at >= $3 AND g.id > $6 AND NOT ",
    stands!("g", "$4"),
    " UNION ALL SELECT r.id FROM grants r WHERE r.user_id = $1 AND r.user_id <> '' AND r.revoked_at >= $3 \
         AND r.audience = $2 AND r.last_used_at >= $3 AND r.id > $6 \
     ORDER BY id LIMIT $5"
);

impl Store {
    /// At most `limit` grants of `user` at the API `audience` that have ended, as of `now`, and were used at `since` or later: those behind
    /// `behind`, in the order of their ids, so that whoever asks again with the last one misses none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ended_grants(
        &self,
        user: &UserId,
        audience: &str,
        since: Timestamp,
        (behind, limit): (Option<GrantId>, u32),
        now: Timestamp,
    ) -> Result<Vec<GrantId>, StoreError> {
        let statement = Statement::new(ENDED)
            .bind(user.as_str())
            .bind(audience)
            .bind(since)
            .bind(now)
            .bind(i64::from(limit))
            .bind(behind.map_or_else(String::new, |grant| grant.to_string()));
        let decode = |row: &mut Row| stored(GrantId::parse(&row.text()?), "grant id");
        Ok(self.list(statement, decode).await?)
    }
}
