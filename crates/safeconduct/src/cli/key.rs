//! `safeconduct key`: the keys that sign tokens, those that seal what is handed out, and the master key that wraps them.

use std::str::FromStr;

use clap::Subcommand;
use safeconduct_protocol::jose::Algorithm;
use safeconduct_server::keys::{
    Rotated, Rotating, RotationError, reseal_credentials, rotate as rotate_keys, span,
};
use safeconduct_store::KeyRow;
use serde::Serialize;

use super::compromised::Compromised;
use super::context::Context;
use super::database::Database;
use super::failure::Failure;
use super::master_key_rotation::RotateMaster;
use super::output::{Format, Row, counted, note, when};

/// What begins the purpose of a signing key.
const SIGNING: &str = "sign:";

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
        after_help = "The new key is added to the file of the master key, on a line of its own, and wraps nothing until every running node says that it has it. Run it again after it was cut off: it goes on where it was. docs/guides/keys.md."
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
pub(crate) enum Which {
    Signing(Algorithm),
    Sealing,
    Hash,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sealing" => Ok(Self::Sealing),
            "hash" => Ok(Self::Hash),
            _ => text
                .parse()
                .map(Self::Signing)
                .map_err(|_| "ES256, RS256, PS256, EdDSA, sealing or hash".to_owned()),
        }
    }
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// A key that is not here, a step that is not due yet, or the database's.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List => {
                context.on_database(async |database, output| output.list(&rows(database).await?))
            }
            Self::Rotate { which, now } => context
                .on_database(async |database, output| rotate(database, output, which, now).await),
            Self::RotateMaster(rotation) => context
                .on_connected(async |connected, output| rotation.run(connected, output).await),
            Self::Compromised(loss) => {
                context.on_connected(async |connected, output| loss.run(connected, output).await)
            }
        }
    }
}

/// A key as shown.
#[derive(Serialize)]
struct Shown {
    id: i64,
    purpose: String,
    state: String,
    created_at: String,
    activated_at: Option<String>,
    retired_at: Option<String>,
    master_key: Option<String>,
}

impl From<KeyRow> for Shown {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            purpose: row.purpose,
            state: row.state,
            created_at: when(row.created_at),
            activated_at: row.activated_at.map(when),
            retired_at: row.retired_at.map(when),
            master_key: row.master.map(|id| id.to_string()),
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &[
        "purpose",
        "state",
        "id",
        "created",
        "active since",
        "retired",
        "master key",
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
            optional(&self.master_key),
        ]
    }
}

async fn rows(database: &Database) -> Result<Vec<Shown>, Failure> {
    let mut rows: Vec<Shown> = database
        .store
        .catalog()
        .await?
        .keys
        .into_iter()
        .map(Shown::from)
        .collect();
    // Of each purpose, what is used first: "active" before "next" before "retired", as the words stand in the alphabet.
    rows.sort_by(|one, other| {
        (&one.purpose, &one.state, &one.created_at).cmp(&(
            &other.purpose,
            &other.state,
            &other.created_at,
        ))
    });
    Ok(rows)
}

async fn rotate(
    database: &Database,
    output: Format,
    which: Option<Which>,
    at_once: bool,
) -> Result<(), Failure> {
    let (prefix, rotating) = match which {
        Some(Which::Sealing) => ("seal:", vec![Rotating::Sealing]),
        Some(Which::Hash) => ("hash", vec![Rotating::Hash]),
        Some(Which::Signing(algorithm)) => (SIGNING, vec![Rotating::Signing(algorithm)]),
        None => (SIGNING, every_signing_key(&rows(database).await?)),
    };
    let mut early = Ok(());
    for each in rotating {
        match step(database, each, at_once).await {
            // Others may be due.
            Err(failure @ Failure::Conflict(_)) => early = early.and(Err(failure)),
            done => done?,
        }
    }
    early?;
    if let Some(Which::Sealing) = which {
        reseal(database).await?;
    }
    let rows = rows(database).await?.into_iter();
    let rows: Vec<Shown> = rows.filter(|row| row.purpose.starts_with(prefix)).collect();
    output.list(&rows)
}

fn every_signing_key(rows: &[Shown]) -> Vec<Rotating> {
    let has_key = |algorithm: &Algorithm| {
        let purpose = format!("{SIGNING}{}", algorithm.name());
        rows.iter().any(|row| row.purpose == purpose)
    };
    let algorithms = Algorithm::ALL.into_iter().filter(has_key);
    algorithms.map(Rotating::Signing).collect()
}

async fn step(database: &Database, rotating: Rotating, at_once: bool) -> Result<(), Failure> {
    let name = match rotating {
        Rotating::Signing(algorithm) => algorithm.name(),
        Rotating::Sealing => "sealing",
        Rotating::Hash => "hash",
    };
    let rotated = rotate_keys(
        &database.store,
        &database.masters,
        database.checked.issuer.as_str(),
        rotating,
        database.now(),
        at_once,
    );
    match rotated.await {
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

/// Passwords are sealed with the key that is active, so that the one before is needed no more.
async fn reseal(database: &Database) -> Result<(), Failure> {
    let issuer = database.checked.issuer.as_str();
    let (store, masters) = (&database.store, &database.masters);
    let resealed = reseal_credentials(store, masters, issuer, database.now()).await?;
    if resealed.credentials > 0 {
        let count = usize::try_from(resealed.credentials).unwrap_or(usize::MAX);
        note(format_args!("{} sealed anew", counted(count, "password")));
    }
    if resealed.unreadable.is_empty() {
        return Ok(());
    }
    let users: Vec<&str> = resealed
        .unreadable
        .iter()
        .map(|user| user.as_str())
        .collect();
    Err(Failure::Failed(format!(
        "can't be read, and stay as they are: the passwords of {}",
        users.join(", ")
    )))
}
