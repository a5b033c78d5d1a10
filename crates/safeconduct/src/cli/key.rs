//! `safeconduct key`: the keys that sign tokens, and those that seal what is handed out.

use clap::Subcommand;
use safeconduct_protocol::jose::Algorithm;
use safeconduct_server::keys::rotate_signing_key;
use safeconduct_store::KeyRow;
use serde::Serialize;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, note, when};

/// What begins the purpose of a signing key.
const SIGNING: &str = "sign:";

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List keys; what they are stays in the database, wrapped
    List,
    /// Sign with the next key, and publish the one after it
    #[command(
        after_help = "The first rotation only publishes the next key. Wait a day before the second, which signs with it: by then every API has it."
    )]
    Rotate {
        /// The algorithm: ES256, RS256, PS256 or EdDSA [default: every one that has a key]
        #[arg(value_name = "ALGORITHM")]
        algorithm: Option<Algorithm>,
    },
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// An algorithm that has no key here, or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        match self {
            Self::List => output.list(&rows(database).await?),
            Self::Rotate { algorithm } => rotate(database, output, algorithm).await,
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
    ];

    fn cells(&self) -> Vec<String> {
        let optional = |time: &Option<String>| time.clone().unwrap_or_default();
        vec![
            self.purpose.clone(),
            self.state.clone(),
            self.id.to_string(),
            self.created_at.clone(),
            optional(&self.activated_at),
            optional(&self.retired_at),
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
    asked: Option<Algorithm>,
) -> Result<(), Failure> {
    let before = rows(database).await?;
    let has_key = |algorithm: &Algorithm| {
        before
            .iter()
            .any(|row| row.purpose == format!("{SIGNING}{}", algorithm.name()))
    };
    let algorithms: Vec<Algorithm> = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| asked.is_none_or(|one| one == *algorithm) && has_key(algorithm))
        .collect();
    if algorithms.is_empty() {
        let name = asked.map_or("any algorithm", Algorithm::name);
        return Err(Failure::NotFound(format!(
            "there is no signing key for {name}\n    `safeconduct key list` shows what there is"
        )));
    }
    for algorithm in algorithms {
        let purpose = format!("{SIGNING}{}", algorithm.name());
        rotate_signing_key(
            &database.store,
            &database.master,
            database.checked.issuer.as_str(),
            &database.cluster,
            algorithm,
            database.now(),
        )
        .await?;
        if before
            .iter()
            .any(|row| row.purpose == purpose && row.state == "next")
        {
            note(format_args!(
                "{}: tokens are signed with the next key; the one after it is published",
                algorithm.name()
            ));
        } else {
            note(format_args!(
                "{}: the next key is published; rotate again in a day, when every API has it, to sign with it",
                algorithm.name()
            ));
        }
    }
    let signing: Vec<Shown> = rows(database)
        .await?
        .into_iter()
        .filter(|row| row.purpose.starts_with(SIGNING))
        .collect();
    output.list(&signing)
}
