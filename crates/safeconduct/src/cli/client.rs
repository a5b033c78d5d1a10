//! `safeconduct client`: the apps and APIs that use this server. The flags of a registration are in `registration.rs`.
//!
//! Clients that the configuration declares are changed there; what can be done with them here is to disable them at once.

use clap::Subcommand;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::administration::Refused;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::client_record::{ShownClient, ToldClient};
use super::failure::Failure;
use super::output::{Format, note};
use super::page::{Paging, say_more};
use super::place::{Listed, Place};
use super::prompt::{SecretTarget, confirm};
use super::registration::NamedMembers;
use super::remote::{Remote, Seen};
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
    List {
        #[command(flatten)]
        paging: Paging,
    },
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
    /// End one of a client's secrets now, where another one is good
    EndSecret {
        /// The client_id
        id: String,
        /// The id of the secret, which `client show` names
        #[arg(allow_hyphen_values = true)]
        secret: String,
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
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(place, output).await,
            Self::Edit(edit) => edit.run(place, output).await,
            Self::List { paging } => {
                let found = place.clients(&paging).await?;
                output.list(&found.rows)?;
                say_more(found.next.as_deref());
                Ok(())
            }
            Self::Show { id } => output.record(&place.client(&id).await?),
            Self::RotateSecret {
                id,
                overlap,
                target,
            } => {
                target.check()?;
                let issued = place.rotate_secret(&id, overlap).await?;
                note(if overlap == Span::seconds(0) {
                    "the old secret is dead within a second".to_owned()
                } else {
                    format!("the old secret stays good for {overlap}")
                });
                issued.print(output, &target)
            }
            Self::EndSecret { id, secret } => {
                place.end_secret(&id, &secret).await?;
                note(format_args!("{secret} of {id} is dead within a second"));
                Ok(())
            }
            Self::Disable { id } => {
                place.disable_client(&id).await?;
                note(format_args!(
                    "{id} is disabled, and all of its grants have ended"
                ));
                Ok(())
            }
            Self::Enable { id } => {
                place.enable_client(&id).await?;
                note(format_args!("{id} works again"));
                Ok(())
            }
            Self::Delete { id, yes } => {
                place.delete_client(&id, yes).await?;
                note(format_args!(
                    "{id} is deleted, and all of its grants have ended"
                ));
                Ok(())
            }
        }
    }
}

/// What a new client or a new secret is answered with. The secret is absent where there is none.
#[derive(Deserialize)]
struct Issued {
    client_id: ClientId,
    client_secret: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// The same as it is printed: without the secret where that went to a file.
#[derive(Serialize)]
struct PrintedSecret {
    client_id: ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

impl Issued {
    fn new(client_id: ClientId, secret: Option<&Secret>) -> Self {
        Self {
            client_id,
            client_secret: secret.map(|secret| secret.expose().to_owned()),
            warnings: Vec::new(),
        }
    }

    /// Prints the id, and the secret unless it went to a file.
    fn print(self, output: Format, target: &SecretTarget) -> Result<(), Failure> {
        warn_of(&self.warnings);
        let secret = self.client_secret.map(Secret::new);
        let shown = match &secret {
            Some(secret) => target.deliver(secret)?,
            None => None,
        };
        if shown.is_some() {
            note("the secret is shown this once; only its hash is kept");
        }
        output.record(&PrintedSecret {
            client_id: self.client_id,
            client_secret: shown.map(|secret| secret.expose().to_owned()),
        })
    }
}

impl Create {
    async fn run(self: Box<Self>, place: &Place, output: Format) -> Result<(), Failure> {
        let members = self.members.changes()?;
        self.target.check()?;
        match place.create_client(self.id.as_deref(), members).await {
            Err(taken @ Failure::Conflict(_)) if self.if_not_exists => {
                let id = self.id.unwrap_or_default();
                // An id may be taken by a client that is gone.
                let Ok(there) = place.client(&id).await else {
                    return Err(taken);
                };
                note(format_args!("{id} exists; nothing was changed"));
                Issued::new(there.client_id, None).print(output, &self.target)
            }
            created => created?.print(output, &self.target),
        }
    }
}

/// A client that was changed, and what to know of it.
struct Edited {
    client: ShownClient,
    has_other_subjects: bool,
    lacks_secret: bool,
    warnings: Vec<String>,
}

impl Edit {
    async fn run(self: Box<Self>, place: &Place, output: Format) -> Result<(), Failure> {
        let (id, members) = (&self.id, self.members.changes()?);
        let edited = place.edit_client(id, members).await?;
        warn_of(&edited.warnings);
        if edited.has_other_subjects {
            note(format_args!(
                "{id} knows its people by another sub from now on"
            ));
        }
        if edited.lacks_secret {
            note(format_args!(
                "{id} has no secret yet: `safeconduct client rotate-secret {id}` makes one"
            ));
        }
        output.record(&edited.client)
    }
}

fn warn_of(warnings: &[String]) {
    for warning in warnings {
        note(format_args!("warning: {warning}"));
    }
}

/// Says what to do about a client that is declared.
fn advise(advice: impl AsRef<str>) -> impl Fn(Refused) -> Failure {
    move |refused| match refused {
        Refused::Declared(_) => Failure::from(refused).with_advice(advice.as_ref()),
        other => other.into(),
    }
}

impl Place {
    async fn clients(&self, paging: &Paging) -> Result<Listed<ShownClient>, Failure> {
        let administration = match self {
            Self::Here(database) => database.administration(),
            Self::There(server) => {
                let told: Listed<ToldClient> = server.list(&["clients"], &[], paging).await?;
                let rows = told.rows.into_iter().map(ToldClient::shown);
                return Ok(Listed {
                    rows: rows.collect::<Result<_, _>>()?,
                    next: told.next,
                });
            }
        };
        let found = administration.clients_page(&paging.page()).await?;
        let last = found.last().map(|record| record.client.id.to_string());
        let rows = found.into_iter().map(ShownClient::from).collect();
        Ok(Listed::of(rows, paging, last))
    }

    async fn client(&self, id: &str) -> Result<ShownClient, Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().client(id).await?.into()),
            Self::There(server) => server
                .get::<ToldClient>(&["clients", id], &[])
                .await?
                .shown(),
        }
    }

    async fn create_client(
        &self,
        id: Option<&str>,
        mut members: Map<String, Value>,
    ) -> Result<Issued, Failure> {
        let database = match self {
            Self::Here(database) => database,
            Self::There(server) => {
                if let Some(id) = id {
                    members.insert("client_id".to_owned(), id.into());
                }
                members.retain(|_, value| !value.is_null());
                return server.post_with(&["clients"], members.into()).await;
            }
        };
        let created = database.administration().create_client(id, members).await?;
        let issued = Issued::new(created.client.id, created.secret.as_ref());
        let warnings = created.oddities.iter().map(ToString::to_string);
        Ok(Issued {
            warnings: warnings.collect(),
            ..issued
        })
    }

    async fn edit_client(&self, id: &str, members: Map<String, Value>) -> Result<Edited, Failure> {
        let database = match self {
            Self::Here(database) => database,
            Self::There(server) => return edit_by_api(server, id, members).await,
        };
        let changed = database.administration().change_client(id, members).await;
        let changed = changed.map_err(advise("change it there and reload (SIGHUP)"))?;
        Ok(Edited {
            has_other_subjects: changed.has_other_subjects,
            lacks_secret: changed.lacks_secret,
            warnings: changed.oddities.iter().map(ToString::to_string).collect(),
            client: changed.record.into(),
        })
    }

    async fn rotate_secret(&self, id: &str, overlap: Span) -> Result<Issued, Failure> {
        let overlap = overlap.as_seconds();
        let database = match self {
            Self::Here(database) => database,
            Self::There(server) => {
                let asked = json!({ "overlap": overlap });
                return server.post_with(&["clients", id, "secrets"], asked).await;
            }
        };
        let administration = database.administration();
        let rotated = administration.rotate_client_secret(id, overlap).await;
        let (client_id, secret) = rotated.map_err(advise(
            "write the new secret to its secret_file and reload (SIGHUP): the old one is dead a second later",
        ))?;
        Ok(Issued::new(client_id, Some(&secret)))
    }

    async fn end_secret(&self, id: &str, secret: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                administration.end_client_secret(id, secret).await?;
                Ok(())
            }
            Self::There(server) => server.delete(&["clients", id, "secrets", secret]).await,
        }
    }

    async fn disable_client(&self, id: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().disable_client(id).await?),
            Self::There(server) => server.post(&["clients", id, "disable"]).await,
        }
    }

    async fn enable_client(&self, id: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().enable_client(id).await?),
            Self::There(server) => server.post(&["clients", id, "enable"]).await,
        }
    }

    async fn delete_client(&self, id: &str, yes: bool) -> Result<(), Failure> {
        let question = format!("Delete the client {id} for good?");
        let database = match self {
            Self::Here(database) => database,
            Self::There(server) => {
                let found: Seen<ToldClient> = server.see(&["clients", id]).await?;
                confirm(&question, yes)?;
                return server.delete_seen(&["clients", id], found.state).await;
            }
        };
        let administration = database.administration();
        let advise = advise(format!(
            "take it out of the file first; `safeconduct client disable {id}` stops it at once"
        ));
        administration.deletable_client(id).await.map_err(&advise)?;
        confirm(&question, yes)?;
        administration.delete_client(id).await.map_err(advise)
    }
}

/// Members that change whom a client knows its users as.
const SUBJECTS: [&str; 2] = ["subject_type", "sector_identifier"];

/// Replaces the document of a client by one with these members, unless somebody else has changed it meanwhile.
async fn edit_by_api(
    server: &Remote,
    id: &str,
    changes: Map<String, Value>,
) -> Result<Edited, Failure> {
    let Seen { thing, state } = server.see::<ToldClient>(&["clients", id]).await?;
    let mut members = thing.members.clone();
    for (name, value) in changes {
        match value {
            Value::Null => members.remove(&name),
            value => members.insert(name, value),
        };
    }
    let path = ["clients", id];
    let put: ToldClient = server.put(&path, members.into(), state).await?;
    let subjects = |told: &ToldClient| SUBJECTS.map(|name| told.members.get(name).cloned());
    let has_other_subjects = subjects(&thing) != subjects(&put);
    let client = put.shown()?;
    Ok(Edited {
        has_other_subjects,
        lacks_secret: client.lacks_secret(),
        warnings: Vec::new(),
        client,
    })
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}
