//! `safeconduct key`: the keys that sign tokens, those that seal what is handed out, and the master key that wraps them.

use std::str::FromStr;

use clap::Subcommand;
use safeconduct_server::administration::Refused;
use safeconduct_server::administration::keys::ListedKey;
use safeconduct_server::keys::{Rotated, Rotating, RotationError, span};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::compromised::Compromised;
use super::context::Context;
use super::database::Database;
use super::failure::Failure;
use super::master_key_rotation::RotateMaster;
use super::output::{Format, Row, counted, note, when};
use super::place::Place;
use super::remote::Remote;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List keys; what they are stays in the database, wrapped
    List,
    /// Use the next key; the first time, make it
    #[command(
        after_help = "The first rotation makes the next key and lets everybody know it; the second uses it. Between the two, a signing key waits for a day, until every API has it, and another key for a minute: docs/guides/keys.md."
    )]
    Rotate {
        /// An algorithm (ES256, RS256, PS256 or EdDSA), `sealing` or `hash` [default: every algorithm that has a key]
        #[arg(value_name = "WHICH")]
        which: Option<Which>,
        /// Do not wait: use the next key although not everybody may know it
        #[arg(long)]
        now: bool,
    },
    /// Wrap the keys with another master key, while nodes serve
    #[command(
        after_help = "The new key is added to the file of the master key, on a line of its own, and wraps nothing while a running node that answers lacks it. Run it again after it was cut off: it goes on where it was. docs/guides/keys.md."
    )]
    RotateMaster(RotateMaster),
    /// Make everything worthless that copies of keys and database are good for
    #[command(
        after_help = "It makes a new master key and new keys, withdraws the signing keys, begins a new era, ends every session, and prints every secret with what is left to do. A master key that was there before may be stolen too: it is not taken, unless --use-key names it, and one that is announced is taken back. A run that was cut off prints the command that goes on. docs/guides/keys.md."
    )]
    Compromised(Compromised),
}

/// Which keys are rotated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which(Rotating);

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "sealing" => Rotating::Sealing,
            "hash" => Rotating::Hash,
            _ => text
                .parse()
                .map(Rotating::Signing)
                .map_err(|_| "ES256, RS256, PS256, EdDSA, sealing or hash".to_owned())?,
        }))
    }
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// A key that is not here, a step that is not due yet, or the database's.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List => context.on_place(async |place, output| match place {
                Place::Here(database) => {
                    let keys = database.administration().keys().await?.into_iter();
                    output.list(&keys.map(ShownKey::from).collect::<Vec<_>>())
                }
                Place::There(server) => output.list(&server.all::<ShownKey>(&["keys"]).await?),
            }),
            Self::Rotate { which, now } => context.on_place(async |place, output| match place {
                Place::Here(database) => rotate(database, output, which, now).await,
                Place::There(server) => rotate_by_api(server, output, which, now).await,
            }),
            Self::RotateMaster(rotation) => context
                .on_connected(async |connected, output| rotation.run(connected, output).await),
            Self::Compromised(loss) => {
                context.on_connected(async |connected, output| loss.run(connected, output).await)
            }
        }
    }
}

/// A key as shown.
#[derive(Serialize, Deserialize)]
struct ShownKey {
    id: i64,
    purpose: String,
    state: String,
    created_at: String,
    activated_at: Option<String>,
    retired_at: Option<String>,
    needed_until: Option<String>,
    master_key: String,
    kid: Option<String>,
}

impl From<ListedKey> for ShownKey {
    fn from(key: ListedKey) -> Self {
        let needed_until = key.needed_until().map(when);
        let ListedKey { row, kid } = key;
        Self {
            kid,
            needed_until,
            id: row.id,
            purpose: row.purpose,
            state: row.state,
            created_at: when(row.created_at),
            activated_at: row.activated_at.map(when),
            retired_at: row.retired_at.map(when),
            master_key: row.master.to_string(),
        }
    }
}

impl Row for ShownKey {
    const COLUMNS: &'static [&'static str] = &[
        "purpose",
        "state",
        "id",
        "created",
        "active since",
        "retired",
        "master key",
        "kid",
    ];

    fn cells(&self) -> Vec<String> {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.purpose.clone(),
            self.state.clone(),
            self.id.to_string(),
            self.created_at.clone(),
            optional(&self.activated_at),
            optional(&self.retired_at),
            self.master_key.clone(),
            optional(&self.kid),
        ]
    }
}

async fn rotate(
    database: &Database,
    output: Format,
    which: Option<Which>,
    at_once: bool,
) -> Result<(), Failure> {
    let rotating = which.map(|Which(rotating)| rotating);
    let rotation = database
        .administration()
        .rotate_keys(rotating, at_once)
        .await?;
    let mut early = Ok(());
    for (rotating, step) in rotation.steps {
        // Others may be due.
        early = early.and(report(name_of(rotating), step));
    }
    let resealed = rotation.resealed;
    if resealed.credentials > 0 {
        let count = usize::try_from(resealed.credentials).unwrap_or(usize::MAX);
        note(format_args!("{} sealed anew", counted(count, "password")));
    }
    early?;
    if !resealed.unreadable.is_empty() {
        return Err(Refused::Unreadable(resealed.unreadable).into());
    }
    output.list(
        &rotation
            .keys
            .into_iter()
            .map(ShownKey::from)
            .collect::<Vec<_>>(),
    )
}

/// What came of a rotation, as a server tells it.
#[derive(Deserialize)]
struct ToldRotation {
    steps: Vec<ToldStep>,
    keys: Vec<ShownKey>,
}

#[derive(Deserialize)]
struct ToldStep {
    which: String,
    done: String,
    detail: Option<String>,
}

async fn rotate_by_api(
    server: &Remote,
    output: Format,
    which: Option<Which>,
    at_once: bool,
) -> Result<(), Failure> {
    let mut asked = json!({ "now": at_once });
    if let Some(Which(rotating)) = which {
        asked["which"] = name_of(rotating).into();
    }
    let told: ToldRotation = server.post_with(&["keys", "rotate"], asked).await?;
    let mut early = Ok(());
    for ToldStep {
        which,
        done,
        detail,
    } in told.steps
    {
        let detail = detail
            .map(|detail| format!(": {detail}"))
            .unwrap_or_default();
        let step = match done.as_str() {
            "published" => Ok(format!("{which}: the next key is there{detail}")),
            "used" => Ok(format!("{which}: the next key is used from now on")),
            _ => Err(Failure::Conflict(format!("{which}{detail}"))),
        };
        // Others may be due.
        match step {
            Ok(said) => note(said),
            Err(failure) => early = early.and(Err(failure)),
        }
    }
    early?;
    output.list(&told.keys)
}

const fn name_of(rotating: Rotating) -> &'static str {
    match rotating {
        Rotating::Signing(algorithm) => algorithm.name(),
        Rotating::Sealing => "sealing",
        Rotating::Hash => "hash",
    }
}

fn report(name: &str, step: Result<Rotated, RotationError>) -> Result<(), Failure> {
    match step {
        Ok(Rotated::Published { waits }) => note(format_args!(
            "{name}: the next key is there; rotate again in {}, when it is known everywhere, to use it",
            span(waits)
        )),
        Ok(Rotated::Used) => note(format_args!("{name}: the next key is used from now on")),
        Err(RotationError::NoKey) => {
            return Err(Failure::NotFound(format!(
                "there is no key for {name}\n    `safeconduct key list` shows what there is"
            )));
        }
        Err(error @ RotationError::TooSoon { .. }) => {
            return Err(Failure::Conflict(format!(
                "{error}\n    rotate again when that is over; --now uses it although not everybody may know it"
            )));
        }
        Err(RotationError::Fault(fault)) => return Err(fault.into()),
    }
    Ok(())
}
