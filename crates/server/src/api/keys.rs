//! `/admin/v1/keys`: the keys of this server, their rotation, and their end.

use http::Method;
use safeconduct_protocol::{error::Reason, jose::Algorithm};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Call, Done, Nothing, Operation},
    problem::Problem,
    shown::{Key, List},
};
use crate::keys::{Rotated, Rotating};

/// Which keys are to be rotated.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRotationAsked {
    /// `sealing`, `hash`, or an algorithm that signs; without it every algorithm that has a key.
    which: Option<KeyKind>,
    /// Whether the next key is used at once, although not everybody knows it yet.
    #[serde(default)]
    now: bool,
}

/// A kind of keys.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub(super) enum KeyKind {
    #[serde(rename = "sealing")]
    Sealing,
    #[serde(rename = "hash")]
    Hash,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl KeyKind {
    fn rotating(self) -> Rotating {
        match self {
            Self::Sealing => Rotating::Sealing,
            Self::Hash => Rotating::Hash,
            Self::Rs256 => Rotating::Signing(Algorithm::Rs256),
            Self::Ps256 => Rotating::Signing(Algorithm::Ps256),
            Self::Es256 => Rotating::Signing(Algorithm::Es256),
            Self::EdDsa => Rotating::Signing(Algorithm::EdDsa),
        }
    }
}

/// What a rotation has come to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct KeyRotation {
    /// What was done for each kind.
    steps: Vec<KeyRotationStep>,
    /// The keys of these kinds, as they are now.
    keys: Vec<Key>,
}

/// What was done for one kind of keys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct KeyRotationStep {
    /// What the keys are for.
    which: String,
    /// `published`: the next key is made, and used from the next step on; `used`: the next key is used; `refused`.
    done: String,
    /// Why nothing was done, or how many seconds the next key waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/admin/v1/keys",
            ("listKeys", "Every key, by what it is for"),
            list,
        ),
        Operation::new(
            Method::POST,
            "/admin/v1/keys/rotate",
            (
                "rotateKeys",
                "Take the next step of a rotation: make the next key known, or use it",
            ),
            rotate,
        ),
        Operation::new(
            Method::DELETE,
            "/admin/v1/keys/{key}",
            (
                "deleteKey",
                "Delete a retired key that nothing needs any more, before it goes by itself",
            ),
            delete,
        ),
    ]
}

async fn list(call: Call, _: Nothing, _: Nothing) -> Result<Done<List<Key>>, Problem> {
    let found = call.administration().keys().await?.into_iter();
    Ok(Done::new(List {
        items: found.map(Key::from).collect(),
        next_cursor: None,
    }))
}

async fn rotate(
    call: Call,
    _: Nothing,
    asked: KeyRotationAsked,
) -> Result<Done<KeyRotation>, Problem> {
    let which = asked.which.map(KeyKind::rotating);
    let rotated = call.administration().rotate_keys(which, asked.now).await?;
    let steps = rotated.steps.into_iter().map(|(which, step)| {
        let (done, detail) = match step {
            Ok(Rotated::Published { waits }) => {
                ("published", Some(format!("it waits {waits} seconds")))
            }
            Ok(Rotated::Used) => ("used", None),
            Err(error) => ("refused", Some(error.to_string())),
        };
        KeyRotationStep {
            which: name(which).to_owned(),
            done: done.to_owned(),
            detail,
        }
    });
    Ok(Done::new(KeyRotation {
        steps: steps.collect(),
        keys: rotated.keys.into_iter().map(Key::from).collect(),
    }))
}

fn name(which: Rotating) -> &'static str {
    match which {
        Rotating::Sealing => "sealing",
        Rotating::Hash => "hash",
        Rotating::Signing(algorithm) => algorithm.name(),
    }
}

async fn delete(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let key = call.path("key").parse::<i64>();
    let key = key.map_err(|_| Problem::new(Reason::ThingNotFound))?;
    call.administration().delete_key(key).await?;
    Ok(Done::new(Nothing {}))
}
