//! `safeconduct client`: the apps and APIs that use this server. The flags of a registration are in `registration.rs`.
//!
//! Clients that the configuration declares are changed there; what can be done with them here is to disable them at once.

use clap::Subcommand;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::registration::{Finding, Registration};
use safeconduct_protocol::secret::Secret;
use safeconduct_server::administration::Refused;
use safeconduct_store::{ClientRecord, SecretHash};
use serde::Serialize;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, note, when};
use super::prompt::{SecretTarget, confirm};
use super::registration::NamedMembers;
use crate::config::Span;

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register a client; its secret is shown once
    Create(Box<Create>),
    /// Change a client's registration; what is not named stays as it is
    #[command(
        after_help = "A flag that can be repeated replaces the whole list. An empty value clears a list or a text: --scope '', --backchannel-logout-uri ''; without a name, people see the id. Keys go with another --token-endpoint-auth-method."
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
    members: NamedMembers,
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
    members: NamedMembers,
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such client, an id that is taken, a registration that makes no sense, or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        match self {
            Self::Create(create) => create.run(database, output).await,
            Self::Edit(edit) => edit.run(database, output).await,
            Self::List => {
                let clients = administration.clients().await?.into_iter();
                output.list(&clients.map(ShownClient::from).collect::<Vec<_>>())
            }
            Self::Show { id } => {
                output.record(&ShownClient::from(administration.client(&id).await?))
            }
            Self::RotateSecret {
                id,
                overlap,
                target,
            } => rotate_secret(database, output, id, overlap, &target).await,
            Self::Disable { id } => {
                administration.disable_client(&id).await?;
                note(format_args!(
                    "{id} is disabled, and all of its grants have ended"
                ));
                Ok(())
            }
            Self::Enable { id } => {
                administration.enable_client(&id).await?;
                note(format_args!("{id} works again"));
                Ok(())
            }
            Self::Delete { id, yes } => delete(database, &id, yes).await,
        }
    }
}

/// A client as shown: the document that it is registered with, between its id and what became of it since (RFC 7592 §3).
#[derive(Serialize)]
struct ShownClient {
    client_id: ClientId,
    #[serde(flatten)]
    registration: Registration,
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

impl From<ClientRecord> for ShownClient {
    fn from(record: ClientRecord) -> Self {
        let shown = |secret: SecretHash| ShownSecret {
            created_at: when(secret.created_at),
            expires_at: secret.expires_at.map(when),
        };
        Self {
            registration: Registration::from(&record.client),
            client_id: record.client.id,
            enabled: record.enabled,
            declared: record.declared,
            created_at: when(record.created_at),
            secrets: record.secrets.into_iter().map(shown).collect(),
        }
    }
}

impl Row for ShownClient {
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
        let registration = &self.registration;
        let grant_types = registration.grant_types.iter().flatten();
        let grant_types: Vec<&str> = grant_types.map(|one| one.as_str()).collect();
        let method = registration.token_endpoint_auth_method;
        vec![
            self.client_id.to_string(),
            registration.name.clone().unwrap_or_default(),
            if self.enabled { "enabled" } else { "disabled" }.to_owned(),
            if self.declared { "file" } else { "command" }.to_owned(),
            method.map_or("", |method| method.as_str()).to_owned(),
            grant_types.join(" "),
            registration.scopes.join(" "),
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
        let members = self.members.changes()?;
        self.target.check()?;
        let administration = database.administration();
        let created = administration
            .create_client(self.id.as_deref(), members)
            .await;
        match created {
            Err(Refused::ClientTaken(client_id))
                if self.if_not_exists
                    && administration.client(client_id.as_str()).await.is_ok() =>
            {
                note(format_args!("{client_id} exists; nothing was changed"));
                output.record(&Issued {
                    client_id,
                    client_secret: None,
                })
            }
            created => {
                let created = created?;
                warn_of(&created.oddities);
                issue(output, created.client.id, created.secret, &self.target)
            }
        }
    }
}

impl Edit {
    async fn run(self: Box<Self>, database: &Database, output: Format) -> Result<(), Failure> {
        let (id, members) = (&self.id, self.members.changes()?);
        let changed = database.administration().change_client(id, members).await;
        let changed = changed.map_err(|refused| match refused {
            Refused::Declared(_) => {
                Failure::from(refused).with_advice("change it there and restart")
            }
            other => other.into(),
        })?;
        warn_of(&changed.oddities);
        if changed.has_other_subjects {
            note(format_args!(
                "{id} knows its people by another sub from now on"
            ));
        }
        if changed.lacks_secret {
            note(format_args!(
                "{id} has no secret yet: `safeconduct client rotate-secret {id}` makes one"
            ));
        }
        output.record(&ShownClient::from(changed.record))
    }
}

fn warn_of(oddities: &[Finding]) {
    for finding in oddities {
        note(format_args!("warning: {finding}"));
    }
}

async fn rotate_secret(
    database: &Database,
    output: Format,
    id: String,
    overlap: Span,
    target: &SecretTarget,
) -> Result<(), Failure> {
    target.check()?;
    let administration = database.administration();
    let rotated = administration.rotate_client_secret(&id, overlap.as_seconds());
    let (client_id, secret) = rotated.await.map_err(|refused| match refused {
        Refused::Declared(_) => Failure::from(refused).with_advice(
            "write the new secret to its secret_file and restart: the old one is dead a second later",
        ),
        other => other.into(),
    })?;
    note(if overlap == Span::seconds(0) {
        "the old secret is dead within a second".to_owned()
    } else {
        format!("the old secret stays good for {overlap}")
    });
    issue(output, client_id, Some(secret), target)
}

async fn delete(database: &Database, id: &str, yes: bool) -> Result<(), Failure> {
    let administration = database.administration();
    let advise = |refused| match refused {
        Refused::Declared(_) => Failure::from(refused).with_advice(&format!(
            "take it out of the file first; `safeconduct client disable {id}` stops it at once"
        )),
        other => other.into(),
    };
    administration.deletable_client(id).await.map_err(advise)?;
    confirm(&format!("Delete the client {id} for good?"), yes)?;
    administration.delete_client(id).await.map_err(advise)?;
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

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}
