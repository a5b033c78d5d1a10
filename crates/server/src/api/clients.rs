//! `/admin/v1/clients`: documents of RFC 7591, with the state of a client beside them. A scope of this API is registered by the configuration or
//! the shell alone.

use std::{borrow::Cow, sync::LazyLock};

use http::Method;
use safeconduct_protocol::registration::Registration;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    operation::{Call, Done, Nothing, Operation, etag},
    paging::Paging,
    problem::Problem,
    shown::{Client, List},
};

/// The longest that the old secrets may live on, in seconds.
const LONGEST_OVERLAP: i64 = 30 * 24 * 3600;

/// What a client is to be registered with (RFC 7591 §2), and members of our own.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ClientDocument {
    /// Its id; it is given one where none is said.
    client_id: Option<String>,
    /// Everything else, by the names of RFC 7591.
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl JsonSchema for ClientDocument {
    fn schema_name() -> Cow<'static, str> {
        "ClientDocument".into()
    }

    /// Every member that a registration has, and no other one.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Registration::json_schema(generator).to_value();
        schema["description"] = "What a client is to be registered with (RFC 7591 §2).".into();
        schema["additionalProperties"] = false.into();
        schema["patternProperties"] = json!({ "^client_name#": { "type": "string" } });
        let properties = &mut schema["properties"];
        properties["client_id"] = json!({
            "description": "Its id; it is given one where none is said.",
            "type": "string", "minLength": 1, "maxLength": 128,
        });
        properties["scope"] = json!({
            "description": "What it may ask for: the same as `scopes`, in one text (RFC 7591 §2).",
            "type": "string",
        });
        Schema::try_from(schema).unwrap_or_default()
    }
}

/// A client that was registered, with its secret, which is shown this once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct RegisteredClient {
    #[serde(flatten)]
    client: Client,
    /// Its secret, where it authenticates with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// When that ends: never (RFC 7591 §3.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    /// What is odd about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Which page of the clients.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientsAsked {
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where the page begins.
    cursor: Option<String>,
}

/// A secret that is to take the place of the others.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotationAsked {
    /// For how many seconds the others stay good.
    #[schemars(range(min = 0, max = 2_592_000))]
    overlap: Option<i64>,
}

/// A secret, which is shown this once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct NewSecret {
    /// Whose it is.
    client_id: String,
    /// The secret.
    client_secret: String,
}

pub(super) fn operations() -> Vec<Operation> {
    [documents(), secrets_and_state()]
        .into_iter()
        .flatten()
        .collect()
}

fn documents() -> Vec<Operation> {
    const ALL: &str = "/admin/v1/clients";
    const ONE: &str = "/admin/v1/clients/{client}";
    vec![
        Operation::new(
            Method::GET,
            ALL,
            ("listClients", "Clients, by id"),
            list,
        ),
        Operation::new(
            Method::POST,
            ALL,
            (
                "createClient",
                "Register a client; its secret is shown this once",
            ),
            create,
        )
        .creating(),
        Operation::new(Method::GET, ONE, ("getClient", "A client"), show),
        Operation::new(
            Method::PUT,
            ONE,
            (
                "replaceClient",
                "Replace what a client is registered with: what is left out is as if it was never there",
            ),
            replace,
        )
        .conditional(),
        Operation::new(
            Method::DELETE,
            ONE,
            (
                "deleteClient",
                "Delete a client for good: all that it was granted ends, and its id is never given again",
            ),
            delete,
        )
        .conditional(),
    ]
}

fn secrets_and_state() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "/admin/v1/clients/{client}/secrets",
            (
                "rotateClientSecret",
                "Give a client a new secret, beside which the one before stays good for a while; it is shown this once. Two are good at a time, and no more",
            ),
            rotate,
        ),
        Operation::new(
            Method::DELETE,
            "/admin/v1/clients/{client}/secrets/{secret}",
            (
                "endClientSecret",
                "End one of a client's secrets now, where another one is good",
            ),
            end_secret,
        ),
        Operation::new(
            Method::POST,
            "/admin/v1/clients/{client}/disable",
            (
                "disableClient",
                "Stop a client: all that it was granted ends",
            ),
            disable,
        ),
        Operation::new(
            Method::POST,
            "/admin/v1/clients/{client}/enable",
            (
                "enableClient",
                "Let a disabled client work again; what has ended stays ended",
            ),
            enable,
        ),
    ]
}

async fn list(call: Call, asked: ClientsAsked, _: Nothing) -> Result<Done<List<Client>>, Problem> {
    let paging = Paging::of(&call, asked.limit, asked.cursor.as_deref())?;
    let found = call.administration().clients_page(&paging.page()).await?;
    let list = paging.list(found, |record| record.client.id.to_string(), Client::from)?;
    Ok(Done::new(list))
}

async fn create(
    call: Call,
    _: Nothing,
    asked: ClientDocument,
) -> Result<Done<RegisteredClient>, Problem> {
    refuse_unknown(&asked.members)?;
    let administration = call.administration();
    let id = asked.client_id.as_deref();
    let created = administration.create_client(id, asked.members).await?;
    let record = administration.client(created.client.id.as_str()).await?;
    let version = record.version;
    let secret = created.secret.map(|secret| secret.expose().to_owned());
    let location = format!(
        "/admin/v1/clients/{}",
        path_segment(created.client.id.as_str())
    );
    let answer = RegisteredClient {
        client: record.into(),
        client_secret_expires_at: secret.is_some().then_some(0),
        client_secret: secret,
        warnings: created.oddities.iter().map(ToString::to_string).collect(),
    };
    Ok(Done::new(answer).in_state(etag(version)).at(location))
}

async fn show(call: Call, _: Nothing, _: Nothing) -> Result<Done<Client>, Problem> {
    let record = call.administration().client(call.path("client")).await?;
    let version = record.version;
    Ok(Done::new(Client::from(record)).in_state(etag(version)))
}

async fn replace(call: Call, _: Nothing, asked: ClientDocument) -> Result<Done<Client>, Problem> {
    refuse_unknown(&asked.members)?;
    let administration = call.administration();
    let id = call.path("client");
    let seen = call.seen(administration.client(id).await?.version)?;
    if asked.client_id.as_deref().is_some_and(|named| named != id) {
        return Err(Problem::of_value("/client_id", "it is another client's"));
    }
    administration
        .replace_client(id, seen, asked.members)
        .await?;
    let record = administration.client(id).await?;
    let version = record.version;
    Ok(Done::new(Client::from(record)).in_state(etag(version)))
}

async fn delete(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let (administration, id) = (call.administration(), call.path("client"));
    let seen = call.seen(administration.client(id).await?.version)?;
    administration.delete_client_as_seen(id, seen).await?;
    Ok(Done::new(Nothing {}))
}

async fn rotate(call: Call, _: Nothing, asked: RotationAsked) -> Result<Done<NewSecret>, Problem> {
    let overlap = asked.overlap.unwrap_or(0);
    if !(0..=LONGEST_OVERLAP).contains(&overlap) {
        return Err(Problem::of_value(
            "/overlap",
            format!("it is 0 to {LONGEST_OVERLAP} seconds"),
        ));
    }
    let administration = call.administration();
    let rotated = administration.rotate_client_secret(call.path("client"), overlap);
    let (client, secret) = rotated.await?;
    Ok(Done::new(NewSecret {
        client_id: client.to_string(),
        client_secret: secret.expose().to_owned(),
    }))
}

async fn end_secret(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let (client, secret) = (call.path("client"), call.path("secret"));
    call.administration()
        .end_client_secret(client, secret)
        .await?;
    Ok(Done::new(Nothing {}))
}

async fn disable(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    call.administration()
        .disable_client(call.path("client"))
        .await?;
    Ok(Done::new(Nothing {}))
}

async fn enable(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    call.administration()
        .enable_client(call.path("client"))
        .await?;
    Ok(Done::new(Nothing {}))
}

/// Refuses a member that no registration has: a slip of the pen would otherwise leave out what was meant.
fn refuse_unknown(members: &Map<String, Value>) -> Result<(), Problem> {
    static KNOWN: LazyLock<Value> =
        LazyLock::new(|| schemars::schema_for!(Registration).to_value());
    let is_known = |name: &str| {
        KNOWN["properties"].get(name).is_some()
            || name == "scope"
            || name.starts_with("client_name#")
    };
    match members.keys().find(|name| !is_known(name)) {
        Some(name) => Err(Problem::of_value(
            format!("/{name}"),
            "there is no such member",
        )),
        None => Ok(()),
    }
}

/// An id as a part of a path: the one character in ids that would end it is escaped.
fn path_segment(id: &str) -> String {
    id.replace('/', "%2F")
}
