//! What the configuration declares, written into the database.

use safeconduct_protocol::secret::Secret;
use safeconduct_store::Reconciled;

use crate::cli::database::Database;
use crate::cli::failure::Failure;

/// What the configuration does not say of the clients that it declares.
pub(super) struct Secrets {
    pub(super) secrets: Vec<Option<Secret>>,
    pub(super) prune: bool,
}

/// Makes the database agree with what the configuration declares.
///
/// # Errors
/// It would take what is not the file's, or disable a client that the file does not name any more.
pub(super) async fn reconcile(
    database: &Database,
    Secrets { secrets, prune }: Secrets,
) -> Result<(), Failure> {
    let hashes = secrets.iter().map(|secret| {
        secret
            .as_ref()
            .map(|secret| database.keys.hash_client_secret(secret))
    });
    let declared = database.checked.declared.for_store(hashes, prune);
    let Reconciled {
        created,
        changed,
        taken_over,
        disabled,
        still_disabled,
        declared_groups,
        undeclared_groups,
        ..
    } = database.store.reconcile(&declared, database.now()).await?;
    for (what, clients) in [
        ("created", created),
        ("changed", changed),
        (
            "taken over: the file is the place to change it now",
            taken_over,
        ),
        ("disabled: the file declares it no more", disabled),
    ] {
        clients
            .iter()
            .for_each(|client| tracing::info!(%client, "the declared client was {what}"));
    }
    for group in declared_groups {
        tracing::info!(group, "the group is what the file declares");
    }
    for group in undeclared_groups {
        tracing::info!(
            group,
            "the file declares the group no more: it stays, and commands may change it"
        );
    }
    for client in still_disabled {
        tracing::warn!(%client, "the declared client is disabled; `safeconduct client enable {client}` lets it work again");
    }
    Ok(())
}
