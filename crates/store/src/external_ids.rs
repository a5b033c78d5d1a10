//! What clients of SCIM call users and groups, each by names of its own (RFC 7643 §3.1). No name of one client finds anything for another.

use safeconduct_protocol::ids::ClientId;

use crate::driver::Statement;

const KEEP: &str = "INSERT INTO external_ids (client_id, kind, resource_id, external_id) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (client_id, kind, resource_id) DO UPDATE SET external_id = excluded.external_id";

const DROP: &str =
    "DELETE FROM external_ids WHERE client_id = $1 AND kind = $2 AND resource_id = $3";

/// Nobody calls anything by an id that is no longer.
pub(crate) const FORGET: &str = "DELETE FROM external_ids WHERE resource_id = $1";

/// Whose name of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) client: &'a ClientId,
    pub(crate) kind: &'static str,
    pub(crate) resource: &'a str,
}

impl Named<'_> {
    /// The statement that keeps what the client calls it, or that it calls it nothing.
    pub(crate) fn keep(&self, external_id: Option<&str>) -> Statement {
        let sql = if external_id.is_some() { KEEP } else { DROP };
        let statement = Statement::new(sql)
            .bind(self.client.as_str())
            .bind(self.kind)
            .bind(self.resource);
        match external_id {
            Some(external_id) => statement.bind(external_id),
            None => statement,
        }
    }
}
