//! What the guard of an API is told of an event: which tokens are dead before their time. Of people it learns nothing but the ids of grants,
//! and of those only what was allowed at its API.

use safeconduct_protocol::{security_event::AccessEnded, time::Timestamp};
use safeconduct_store::{Event, StoreError};

use crate::server::Server;

/// How many grants one token names: as many as keep it well below what a token may be long.
const GRANTS_IN_ONE: usize = 200;
/// How many grants of one person are looked for. Beyond that any token may be dead.
const MOST_GRANTS: u32 = 2_000;
/// Seconds by which the clocks of nodes may differ, and an answer may take.
pub(crate) const SLACK: i64 = 120;

/// What an event may end, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// No token that is out.
    Nothing,
    /// The grant that it names.
    Grant,
    /// Grants of the user that it names: those that do not stand any more.
    GrantsOfUser,
    /// What the client that it names was given until then.
    Client,
    /// The token that its detail names.
    Token,
    /// Whatever was given until then, or a part of it.
    Any,
}

/// Every kind of event that ends nothing of what is out.
const ENDS_NOTHING: &[&str] = &[
    "cluster-created",
    "catalog-changed",
    "client-created",
    "client-updated",
    "client-secret-added",
    "client-secret-rehashed",
    "client-enabled",
    "user-added",
    "user-signed-up",
    "users-imported",
    "link-made",
    "links-ended",
    "administrator-added",
    "administrators-guarded",
    "user-renamed",
    "user-unlocked",
    "group-added",
    "group-changed",
    "group-removed",
    "session-started",
    "sign-in-failed",
    "consent-given",
    "logout-undelivered",
    "mail-undelivered",
    "message-retried",
    "message-dropped",
    "keys-added",
    "key-promoted",
    "key-deleted",
    "master-key-announced",
    "master-key-abandoned",
    "master-key-wraps",
    "master-key-activated",
];

/// What an event of this kind may end. One that is not known, of a later release, may end whatever its user has.
fn ends(kind: &str) -> Ends {
    match kind {
        "grant-revoked" => Ends::Grant,
        "client-disabled" | "client-deleted" => Ends::Client,
        "access-token-revoked" => Ends::Token,
        "all-sessions-ended" | "era-begun" | "keys-replaced" => Ends::Any,
        kind if ENDS_NOTHING.contains(&kind) => Ends::Nothing,
        _ => Ends::GrantsOfUser,
    }
}

/// What the guard of the API `audience` is told of an event, as of `now`. `longest` is how long an access token lives, in seconds.
pub(crate) async fn ended_by(
    server: &Server,
    audience: &str,
    event: &Event,
    longest: i64,
    now: Timestamp,
) -> Result<Vec<AccessEnded>, StoreError> {
    let told = AccessEnded {
        event_timestamp: event.at.seconds(),
        ..AccessEnded::default()
    };
    Ok(match ends(&event.kind) {
        Ends::Nothing => Vec::new(),
        Ends::Any => vec![AccessEnded { any: true, ..told }],
        Ends::Client => {
            let clients = event.client.iter().map(ToString::to_string).collect();
            vec![AccessEnded { clients, ..told }]
        }
        Ends::Token => {
            let tokens = event.detail.iter().cloned().collect();
            vec![AccessEnded { tokens, ..told }]
        }
        Ends::Grant => {
            let Some(id) = event.grant else {
                return Ok(Vec::new());
            };
            // One whose row is gone has no token left.
            let grant = server.store().grant(id).await?;
            let is_here = grant.is_some_and(|grant| grant.audience == audience);
            let grants = is_here.then(|| id.to_string()).into_iter().collect();
            match is_here {
                true => vec![AccessEnded { grants, ..told }],
                false => Vec::new(),
            }
        }
        Ends::GrantsOfUser => {
            let Some(user) = &event.user else {
                return Ok(Vec::new());
            };
            let since = now.plus(-(longest + SLACK));
            let store = server.store();
            let ended = store
                .ended_grants(user, audience, since, MOST_GRANTS, now)
                .await?;
            if ended.len() >= MOST_GRANTS as usize {
                return Ok(vec![AccessEnded { any: true, ..told }]);
            }
            let parts = ended.chunks(GRANTS_IN_ONE);
            let part = |grants: &[_]| AccessEnded {
                grants: grants.iter().map(ToString::to_string).collect(),
                ..told.clone()
            };
            parts.map(part).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use safeconduct_store::event_kinds;

    use super::*;

    /// Whoever adds a kind of event has to say what it ends.
    #[test]
    fn of_every_event_it_is_said_what_it_ends() {
        let may_end_grants = [
            "claims-updated",
            "password-set",
            "second-factor-added",
            "second-factor-removed",
            "passkey-added",
            "passkey-renamed",
            "passkey-removed",
            "passkey-backup-eligible",
            "passkey-count-behind",
            "recovery-codes-made",
            "recovery-code-used",
            "second-factor-guessed",
            "user-locked",
            "user-deleted",
            "group-member-added",
            "group-member-removed",
            "administrator-removed",
            "session-ended",
            "sessions-ended",
            "consent-withdrawn",
            "access-removed",
            "grants-revoked",
            "refresh-token-shared",
        ];
        for (kind, about, _) in event_kinds() {
            let said = ends(kind) != Ends::GrantsOfUser || may_end_grants.contains(&kind);
            assert!(said, "{kind} ends what?");
            match ends(kind) {
                Ends::Grant => assert!(about.contains("grant"), "{kind}"),
                Ends::GrantsOfUser => assert!(about.contains("user"), "{kind}"),
                Ends::Client | Ends::Token => assert!(about.contains("client"), "{kind}"),
                Ends::Any | Ends::Nothing => {}
            }
        }
        let known: Vec<_> = event_kinds().map(|(kind, ..)| kind).collect();
        assert!(ENDS_NOTHING.iter().all(|kind| known.contains(kind)));
    }
}
