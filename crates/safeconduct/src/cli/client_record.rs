//! Clients as they are shown: of the database, and as a server tells of them.

use safeconduct_protocol::client::AuthenticationMethod;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::registration::Registration;
use safeconduct_store::{ClientRecord, SecretHash, Who};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::output::{Row, when};

/// A client as shown: the document that it is registered with, between its id and what became of it since (RFC 7592 §3).
#[derive(Serialize)]
pub(super) struct ShownClient {
    pub(super) client_id: ClientId,
    #[serde(flatten)]
    pub(super) registration: Registration,
    #[serde(flatten)]
    pub(super) state: ClientState,
}

/// What became of a client.
#[derive(Serialize, Deserialize)]
pub(super) struct ClientState {
    enabled: bool,
    pub(super) declared: bool,
    created_at: String,
    pub(super) secrets: Vec<ShownSecret>,
}

/// A secret as shown: when it came and when it goes, and which one it is.
#[derive(Serialize, Deserialize)]
pub(super) struct ShownSecret {
    id: String,
    created_at: String,
    expires_at: Option<String>,
    last_four: Option<String>,
    made_by: MadeBy,
    last_used_at: Option<String>,
}

/// Who made something.
#[derive(Serialize, Deserialize)]
struct MadeBy {
    kind: String,
    name: Option<String>,
}

impl From<&Who> for MadeBy {
    fn from(who: &Who) -> Self {
        Self {
            kind: who.kind().to_owned(),
            name: who.name().map(str::to_owned),
        }
    }
}

impl From<SecretHash> for ShownSecret {
    fn from(secret: SecretHash) -> Self {
        Self {
            made_by: MadeBy::from(&secret.made_by),
            id: secret.id,
            created_at: when(secret.created_at),
            expires_at: secret.expires_at.map(when),
            last_four: secret.last_four,
            last_used_at: secret.last_used_at.map(when),
        }
    }
}

impl From<ClientRecord> for ShownClient {
    fn from(record: ClientRecord) -> Self {
        Self {
            registration: Registration::from(&record.client),
            client_id: record.client.id,
            state: ClientState {
                enabled: record.enabled,
                declared: record.declared,
                created_at: when(record.created_at),
                secrets: record.secrets.into_iter().map(ShownSecret::from).collect(),
            },
        }
    }
}

impl ShownClient {
    /// Whether it authenticates with a secret, and has none.
    pub(super) fn lacks_secret(&self) -> bool {
        let by_secret = self
            .registration
            .token_endpoint_auth_method
            .is_none_or(|method| {
                matches!(
                    method,
                    AuthenticationMethod::ClientSecretBasic
                        | AuthenticationMethod::ClientSecretPost
                )
            });
        by_secret && self.state.secrets.is_empty()
    }
}

/// A client as a server tells of one.
#[derive(Deserialize)]
pub(super) struct ToldClient {
    client_id: ClientId,
    #[serde(flatten)]
    state: ClientState,
    /// What it is registered with.
    #[serde(flatten)]
    pub(super) members: Map<String, Value>,
}

impl ToldClient {
    /// The same as it is shown.
    ///
    /// # Errors
    /// It is registered with what this program does not know.
    pub(super) fn shown(self) -> Result<ShownClient, Failure> {
        let registration = serde_json::from_value(Value::Object(self.members));
        Ok(ShownClient {
            client_id: self.client_id,
            registration: registration.map_err(|error| {
                Failure::failed("the server is of another release than this program", error)
            })?,
            state: self.state,
        })
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
            if self.state.enabled {
                "enabled"
            } else {
                "disabled"
            }
            .to_owned(),
            if self.state.declared {
                "file"
            } else {
                "command"
            }
            .to_owned(),
            method.map_or("", |method| method.as_str()).to_owned(),
            grant_types.join(" "),
            registration.scopes.join(" "),
        ]
    }
}
