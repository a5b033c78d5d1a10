//! What the guard of an API is told of an event: which tokens are dead before their time. Of users it learns nothing but the ids of grants,
//! and of those only what was allowed at its API.

use safeconduct_protocol::{
    ids::{GrantId, UserId},
    security_event::AccessEnded,
    time::Timestamp,
};
use safeconduct_store::{Event, StoreError};

use crate::server::Server;

/// How many grants one token names: as many as keep it well below what a token may be long.
const GRANTS_IN_ONE: u32 = 200;
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
    "client-secret-ended",
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
    "claims-updated",
    "passkey-renamed",
    "group-member-added",
    "group-added",
    "group-changed",
    "group-removed",
    "session-started",
    "sign-in-failed",
    "consent-given",
    "logout-undelivered",
    "mail-undelivered",
    "event-undelivered",
    "message-retried",
    "message-dropped",
    "receiver-paused",
    "receiver-resumed",
    "receiver-forgotten",
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
        "client-disabled" | "client-deleted" | "client-restricted" => Ends::Client,
        "access-token-revoked" => Ends::Token,
        "all-sessions-ended" | "era-begun" | "keys-replaced" | "admitting-group-removed" => {
            Ends::Any
        }
        kind if ENDS_NOTHING.contains(&kind) => Ends::Nothing,
        _ => Ends::GrantsOfUser,
    }
}

/// The user whose grants an event may end without naming them.
pub(crate) fn user_of(event: &Event) -> Option<&UserId> {
    let user = event.user.as_ref();
    user.filter(|_| ends(&event.kind) == Ends::GrantsOfUser)
}

/// Who is told, and as of when.
#[derive(Clone, Copy)]
pub(crate) struct Hearing<'a> {
    /// The API.
    pub(crate) audience: &'a str,
    /// How long an access token lives, in seconds.
    pub(crate) longest: i64,
    pub(crate) now: Timestamp,
}

/// One thing that a guard is told of an event.
pub(crate) struct Part {
    pub(crate) ended: AccessEnded,
    /// The grant behind which there may be more to be told of the event.
    pub(crate) last: Option<GrantId>,
}

impl From<AccessEnded> for Part {
    fn from(ended: AccessEnded) -> Self {
        Self { ended, last: None }
    }
}

/// What a guard is told of an event: the part of it behind the grant `behind`.
pub(crate) async fn ended_by(
    server: &Server,
    hearing: Hearing<'_>,
    event: &Event,
    behind: Option<GrantId>,
) -> Result<Option<Part>, StoreError> {
    let Hearing { audience, now, .. } = hearing;
    let told = AccessEnded {
        event_timestamp: event.at.seconds(),
        ..AccessEnded::default()
    };
    Ok(match ends(&event.kind) {
        Ends::Nothing => None,
        Ends::Any => Some(AccessEnded { any: true, ..told }.into()),
        Ends::Client => {
            let clients = event.client.iter().map(ToString::to_string).collect();
            Some(AccessEnded { clients, ..told }.into())
        }
        Ends::Token => {
            let tokens = event.detail.iter().cloned().collect();
            let client = event.client.as_ref().map(ToString::to_string);
            let ended = AccessEnded {
                tokens,
                client,
                ..told
            };
            Some(ended.into())
        }
        Ends::Grant => {
            let Some(id) = event.grant else {
                return Ok(None);
            };
            // One whose row is gone has no token left.
            let grant = server.store().grant(id).await?;
            let is_here = grant.is_some_and(|grant| grant.audience == audience);
            let grants = vec![id.to_string()];
            let client = event.client.as_ref().map(ToString::to_string);
            let ended = AccessEnded {
                grants,
                client,
                ..told
            };
            is_here.then(|| ended.into())
        }
        Ends::GrantsOfUser => {
            let Some(user) = &event.user else {
                return Ok(None);
            };
            let since = now.plus(-(hearing.longest + SLACK));
            let page = (behind, GRANTS_IN_ONE);
            let store = server.store();
            let ended = store.ended_grants(user, audience, since, page, now).await?;
            let is_full = ended.len() >= GRANTS_IN_ONE as usize;
            let last = ended.last().copied().filter(|_| is_full);
            let grants: Vec<_> = ended.iter().map(ToString::to_string).collect();
            let is_none = grants.is_empty();
            let ended = AccessEnded { grants, ..told };
            (!is_none).then_some(Part { ended, last })
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
            "password-set",
            "second-factor-added",
            "second-factor-removed",
            "passkey-added",
            "passkey-removed",
            "passkey-backup-eligible",
            "passkey-count-behind",
            "recovery-codes-made",
            "recovery-code-used",
            "second-factor-guessed",
            "user-locked",
            "user-deleted",
            "administrator-removed",
            "session-ended",
            "sessions-ended",
            "consent-withdrawn",
            "access-removed",
            "grants-revoked",
            "group-member-removed",
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
