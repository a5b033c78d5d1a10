//! `safeconduct client`: the apps and APIs that use this server. The flags of a registration are in `registration.rs`.
//!
//! Clients that the configuration declares are changed there; what can be done with them here is to disable them at once.

use clap::Subcommand;
use safeconduct_protocol::client::{AuthenticationMethod, Client};
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::secret::Secret;
use safeconduct_store::{ClientRecord, SecretHash, StoreError};
use serde::Serialize;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, note, when};
use super::prompt::{SecretTarget, confirm};
use super::registration::Registration;
use crate::config::Span;

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register a client; its secret is shown once
    Create(Box<Create>),
    /// Change a client's registration; what is not named stays as it is
    #[command(
        after_help = "A flag that can be repeated replaces the whole list, and an empty value clears it: --backchannel-logout-uri ''."
    )]
    Edit(Box<Edit>),
    /// List clients
    List,
    /// Show a client's registration
    Show {
        /// The client_id
        id: String,
    },
    /// Give a client a new secret; it is shown once
    RotateSecret {
        /// The client_id
        id: String,
        /// How long the old secret stays good beside the new one: 0s, 1h, 2d
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = span)]
        overlap: Span,
        #[command(flatten)]
        target: SecretTarget,
    },
    /// Stop a client; ends all of its grants
    Disable {
        /// The client_id
        id: String,
    },
    /// Let a disabled client work again; what was ended stays ended
    Enable {
        /// The client_id
        id: String,
    },
    /// Delete a client for good; its id is never used again
    Delete {
        /// The client_id
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// A new client.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// The client_id; one is made without it
    id: Option<String>,
    #[command(flatten)]
    registration: Registration,
    /// Succeed without a change if there is such a client
    #[arg(long, requires = "id")]
    if_not_exists: bool,
    #[command(flatten)]
    target: SecretTarget,
}

/// A client that changes.
#[derive(Debug, clap::Args)]
pub(crate) struct Edit {
    /// The client_id
    id: String,
    #[command(flatten)]
    registration: Registration,
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such client, an id that is taken, a registration that makes no sense, or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(database, output).await,
            Self::Edit(edit) => edit.run(database, output).await,
            Self::List => {
                let clients: Vec<Shown> = database
                    .store
                    .catalog()
                    .await?
                    .clients
                    .into_iter()
                    .map(Shown::from)
                    .collect();
                output.list(&clients)
            }
            Self::Show { id } => output.record(&Shown::from(find(database, &id).await?)),
            Self::RotateSecret {
                id,
                overlap,
                target,
            } => rotate_secret(database, output, &id, overlap, &target).await,
            Self::Disable { id } => {
                let client = find(database, &id).await?.client;
                database
                    .store
                    .disable_client(&client.id, database.now())
                    .await?;
                note(format_args!(
                    "{id} is disabled, and all of its grants have ended"
                ));
                Ok(())
            }
            Self::Enable { id } => {
                let client = find(database, &id).await?.client;
                database
                    .store
                    .enable_client(&client.id, database.now())
                    .await?;
                note(format_args!("{id} works again"));
                Ok(())
            }
            Self::Delete { id, yes } => delete(database, &id, yes).await,
        }
    }
}

/// A client as shown.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    client: Client,
    enabled: bool,
    declared: bool,
    created_at: String,
    secrets: Vec<ShownSecret>,
}

/// A secret as shown: when it came and when it goes.
#[derive(Serialize)]
struct ShownSecret {
    created_at: String,
    expires_at: Option<String>,
}

impl From<ClientRecord> for Shown {
    fn from(record: ClientRecord) -> Self {
        let shown = |secret: SecretHash| ShownSecret {
            created_at: when(secret.created_at),
            expires_at: secret.expires_at.map(when),
        };
        Self {
            client: record.client,
            enabled: record.enabled,
            declared: record.declared,
            created_at: when(record.created_at),
            secrets: record.secrets.into_iter().map(shown).collect(),
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "name",
        "state",
        "from",
        "authentication",
        "grant types",
        "scopes",
    ];

    fn cells(&self) -> Vec<String> {
        let client = &self.client;
        let grant_types: Vec<&str> = client
            .grant_types
            .iter()
            .map(|grant_type| grant_type.as_str())
            .collect();
        vec![
            client.id.to_string(),
            client.name.clone(),
            if self.enabled { "enabled" } else { "disabled" }.to_owned(),
            if self.declared { "file" } else { "command" }.to_owned(),
            client.authentication.as_str().to_owned(),
            grant_types.join(" "),
            client.scopes.to_string(),
        ]
    }
}

/// What a new client or a new secret is answered with. The secret is absent where it went to a file, or there is none.
#[derive(Serialize)]
struct Issued {
    client_id: ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

impl Create {
    async fn run(self: Box<Self>, database: &Database, output: Format) -> Result<(), Failure> {
        let client = self.registration.create(self.id.as_deref(), database)?;
        self.target.check()?;
        let taken = || {
            Failure::Conflict(format!(
                "the client id {} is, or was once, in use\n    --if-not-exists makes that a success where the client exists",
                client.id
            ))
        };
        if self.if_not_exists && find(database, client.id.as_str()).await.is_ok() {
            note(format_args!("{} exists; nothing was changed", client.id));
            return output.record(&Issued {
                client_id: client.id,
                client_secret: None,
            });
        }
        database.make_missing_keys([&client]).await?;
        let secret = has_secret(&client).then(Secret::generate);
        let hash = secret
            .as_ref()
            .map(|secret| database.keys.hash_client_secret(secret));
        database
            .store
            .create_client(&client, hash, false, database.now())
            .await
            .map_err(|error| match error {
                StoreError::Conflict(_) => taken(),
                other => other.into(),
            })?;
        issue(output, client.id, secret, &self.target)
    }
}

impl Edit {
    async fn run(self: Box<Self>, database: &Database, output: Format) -> Result<(), Failure> {
        let record = find(database, &self.id).await?;
        if record.declared {
            return Err(Failure::Conflict(format!(
                "{} is declared in the configuration\n    change it there and restart",
                self.id
            )));
        }
        let client = self.registration.change(record.client.clone(), database)?;
        database.make_missing_keys([&client]).await?;
        database
            .store
            .update_client(&client, database.now())
            .await?;
        tell_consequences(&record, &client);
        output.record(&Shown::from(ClientRecord { client, ..record }))
    }
}

/// Says what an edit means to people and to the app, where it is more than it seems.
fn tell_consequences(before: &ClientRecord, after: &Client) {
    let id = &after.id;
    let old = &before.client;
    let subjects = |client: &Client| (client.openid.subject_type, client.sector());
    if subjects(old) != subjects(after) {
        note(format_args!(
            "{id} knows its people by another sub from now on"
        ));
    }
    if has_secret(after) && before.secrets.is_empty() {
        note(format_args!(
            "{id} has no secret yet: `safeconduct client rotate-secret {id}` makes one"
        ));
    }
}

fn has_secret(client: &Client) -> bool {
    matches!(
        client.authentication,
        AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost
    )
}

async fn rotate_secret(
    database: &Database,
    output: Format,
    id: &str,
    overlap: Span,
    target: &SecretTarget,
) -> Result<(), Failure> {
    let record = find(database, id).await?;
    if record.declared {
        return Err(Failure::Conflict(format!(
            "{id} is declared in the configuration\n    write the new secret to its secret_file and restart: the old one is dead a second later"
        )));
    }
    if !has_secret(&record.client) {
        return Err(Failure::Conflict(format!(
            "{id} authenticates with {}, not with a secret",
            record.client.authentication.as_str()
        )));
    }
    target.check()?;
    let secret = Secret::generate();
    let now = database.now();
    let hash = database.keys.hash_client_secret(&secret);
    database
        .store
        .add_client_secret(
            &record.client.id,
            hash,
            Some(now.plus(overlap.as_seconds())),
            now,
        )
        .await?;
    note(if overlap == Span::seconds(0) {
        "the old secret is dead within a second".to_owned()
    } else {
        format!("the old secret stays good for {overlap}")
    });
    issue(output, record.client.id, Some(secret), target)
}

async fn delete(database: &Database, id: &str, yes: bool) -> Result<(), Failure> {
    let record = find(database, id).await?;
    if database
        .checked
        .declared
        .clients
        .iter()
        .any(|declared| declared.client.id == record.client.id)
    {
        return Err(Failure::Conflict(format!(
            "{id} is declared in the configuration\n    take it out of the file first; `safeconduct client disable {id}` stops it at once"
        )));
    }
    confirm(&format!("Delete the client {id} for good?"), yes)?;
    database
        .store
        .delete_client(&record.client.id, database.now())
        .await?;
    note(format_args!(
        "{id} is deleted, and all of its grants have ended"
    ));
    Ok(())
}

/// Prints the id, and the secret unless it went to a file.
fn issue(
    output: Format,
    client_id: ClientId,
    secret: Option<Secret>,
    target: &SecretTarget,
) -> Result<(), Failure> {
    let shown = match &secret {
        Some(secret) => target.deliver(secret)?,
        None => None,
    };
    if shown.is_some() {
        note("the secret is shown this once; only its hash is kept");
    }
    output.record(&Issued {
        client_id,
        client_secret: shown.map(|secret| secret.expose().to_owned()),
    })
}

async fn find(database: &Database, id: &str) -> Result<ClientRecord, Failure> {
    let clients = database.store.catalog().await?.clients;
    let found = clients
        .into_iter()
        .find(|record| record.client.id.as_str() == id);
    found.ok_or_else(|| Failure::NotFound(format!("there is no client {id}\n    `safeconduct client list` names them all; declared ones are there after the first `serve`")))
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}
