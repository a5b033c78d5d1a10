//! The claims of a token, or of what an issuer answers about one, held to the types that [`Token`](crate::Token) promises.

use std::sync::Arc;

use safeconduct_protocol::dpop::Thumbprint;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::time::Timestamp;
use serde_json::{Map, Value};

use crate::credentials::Scheme;
use crate::denied::Refusal;
use crate::dialect::{Dialect, Origin};
use crate::reason::Reason;

/// The claims of a token or of an introspection response, held to the types that [`Token`] promises.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) subject: String,
    pub(crate) client_id: String,
    pub(crate) scope: Scope,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    /// The key that the client must prove.
    pub(crate) bound_to: Option<Thumbprint>,
    /// How its issuer writes.
    pub(crate) dialect: Arc<Dialect>,
    pub(crate) members: Map<String, Value>,
}

impl Claims {
    /// Reads the claims of an access token. A subject and a client are required: a token that names a client alone
    /// is no access token.
    pub(crate) fn read(
        members: Map<String, Value>,
        dialect: &Arc<Dialect>,
        origin: Origin,
    ) -> Result<Self, Refusal> {
        dialect.check(&members, origin)?;
        let subject = match members.get("sub").and_then(Value::as_str) {
            Some(subject) if !subject.is_empty() => subject.to_owned(),
            _ => {
                return Err(Refusal::from(Reason::MalformedClaims).because("the claim sub", "none"));
            }
        };
        let client_id = dialect.client(&members, origin)?;
        dialect.check_client(&client_id, &members)?;
        Ok(Self {
            subject,
            client_id,
            scope: dialect.scope(&members, origin)?,
            expires_at: read_time(members.get("exp"))?,
            not_before: read_time(members.get("nbf"))?,
            bound_to: read_binding(members.get("cnf"))?,
            dialect: Arc::clone(dialect),
            members,
        })
    }

    /// About how much memory they take, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let read_out = self.subject.len() + self.client_id.len() + 2 * self.scope.to_string().len();
        size_of::<Self>() + read_out + memory_of_members(&self.members)
    }

    /// How the token has to be presented.
    pub(crate) fn scheme(&self) -> Scheme {
        match self.bound_to {
            Some(_) => Scheme::Dpop,
            None => Scheme::Bearer,
        }
    }

    /// When it was issued.
    pub(crate) fn issued_at(&self) -> Option<Timestamp> {
        self.time("iat")
    }

    /// The client that it was issued to.
    pub(crate) fn client(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        self.members
            .get(name)
            .and_then(Timestamp::from_numeric_date)
    }
}

/// What a map of this many members takes at least: nodes of a B-tree hold eleven and are filled by half when they are written in
/// order.
fn memory_of_members(members: &Map<String, Value>) -> usize {
    const NODE: usize = 16 + 11 * (size_of::<String>() + size_of::<Value>());
    let nodes = members.len().div_ceil(6);
    let content = members
        .iter()
        .map(|(name, value)| memory_of_text(name) + memory_of(value));
    nodes * NODE + content.sum::<usize>()
}

/// What a value takes beside its own place.
fn memory_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => memory_of_text(text),
        // A list that was read has room for up to as many again.
        Value::Array(values) => {
            let storage = 2 * size_of_val(values.as_slice());
            storage + values.iter().map(memory_of).sum::<usize>()
        }
        Value::Object(members) => memory_of_members(members),
    }
}

fn memory_of_text(text: &str) -> usize {
    match text.len() {
        0 => 0,
        // As allocators round it.
        length => 16 + length.next_multiple_of(16),
    }
}

/// The key in `cnf`. Any other way to bind a token, alone or beside the key, cannot be checked here.
fn read_binding(cnf: Option<&Value>) -> Result<Option<Thumbprint>, Refusal> {
    let Some(cnf) = cnf else {
        return Ok(None);
    };
    let methods = cnf.as_object().ok_or(Reason::MalformedClaims)?;
    match methods.get("jkt") {
        Some(jkt) if methods.len() == 1 => jkt
            .as_str()
            .and_then(Thumbprint::parse)
            .map(Some)
            .ok_or_else(|| Reason::MalformedClaims.into()),
        _ => Err(Reason::UnknownBinding.into()),
    }
}

fn read_time(time: Option<&Value>) -> Result<Option<Timestamp>, Refusal> {
    match time {
        None => Ok(None),
        Some(time) => match Timestamp::from_numeric_date(time) {
            Some(time) => Ok(Some(time)),
            None => Err(Reason::MalformedClaims.into()),
        },
    }
}
