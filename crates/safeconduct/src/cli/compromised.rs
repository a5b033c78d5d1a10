//! `safeconduct key compromised`: somebody else has, or may have, the master key or what it wraps. Everything that copies of keys
//! and database are good for ends with one write, and what hands must still do is printed, secret by secret.

use safeconduct_server::keys::{
    Lost, Recovered, Resealed, replace_lost, reseal_credentials, rewrap,
};
use safeconduct_store::{Catalog, ClientRecord};
use serde::Serialize;

use super::database::Connected;
use super::failure::Failure;
use super::master_key_rotation::{Changed, Choice, Nodes, advice, change};
use super::output::{Format, Row, counted, note, when};
use super::prompt::confirm;

/// What was lost.
#[derive(Debug, clap::Args)]
pub(crate) struct Compromised {
    /// Withdraw this signing key, by its number in `key list`; once for each [default: all of them]
    #[arg(long, value_name = "ID")]
    signing_key: Vec<i64>,
    /// Go on with this master key, which is here, instead of a new one: only if it was made after the loss
    #[arg(long, value_name = "ID")]
    use_key: Option<String>,
    #[command(flatten)]
    nodes: Nodes,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A secret, and what became of it.
#[derive(Serialize)]
struct Secret {
    secret: String,
    made: Option<String>,
    done: String,
    left: String,
}

impl Row for Secret {
    const COLUMNS: &'static [&'static str] = &["secret", "made", "what was done", "left to do"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.secret.clone(),
            self.made.clone().unwrap_or_default(),
            self.done.clone(),
            self.left.clone(),
        ]
    }
}

impl Secret {
    fn new(secret: impl Into<String>, done: impl Into<String>, left: impl Into<String>) -> Self {
        Self {
            secret: secret.into(),
            made: None,
            done: done.into(),
            left: left.into(),
        }
    }
}

impl Compromised {
    /// Makes everything new, and says what is left.
    ///
    /// # Errors
    /// A number is no signing key's, the answer is no, a node lacks the new master key, something does not open, or the database's.
    pub(crate) async fn run(self, connected: &Connected, output: Format) -> Result<(), Failure> {
        let before = connected.store.catalog().await?;
        let lost = match self.signing_key.as_slice() {
            [] => Lost::EverySigningKey,
            ids => Lost::SigningKeys(ids.to_vec()),
        };
        if let Some(id) = lost.unknown(&before.keys) {
            return Err(Failure::NotFound(format!(
                "there is no signing key {id}\n    `safeconduct key list` shows what there is; nothing was changed"
            )));
        }
        let name = connected.checked.database.to_string();
        confirm(
            &format!(
                "Every key of {name} is taken for stolen: all are replaced, but for the one that gives people their sub. Everything\n\
                 that was handed out is refused, and everybody signs in again. Users, passwords, clients and consents stay. Go on?"
            ),
            self.yes,
        )?;
        let choice = Choice::Fresh(self.use_key.as_deref());
        let mut changed = change(connected, &self.nodes, choice).await?;
        let (store, masters) = (&connected.store, &connected.masters);
        let issuer = connected.checked.issuer.as_str();
        let recovered = replace_lost(store, masters, issuer, &lost, connected.now()).await?;
        // What did not open may be gone now.
        if !changed.rewrapped.done {
            let (next, now) = (changed.next, connected.now());
            changed.rewrapped = rewrap(store, masters, issuer, next, now).await?;
        }
        let resealed = reseal_credentials(store, masters, issuer, connected.now()).await?;
        output.list(&secrets(
            connected, &before, &changed, &recovered, &resealed,
        )?)?;
        note(format_args!(
            "era {} has begun: what was handed out before is refused at every node within a second\n    \
             an API that checks JWTs by itself believes a stolen key until it reads the keys again, and a stolen token until it \
             expires: restart it\n    \
             a backup that was made until now holds the stolen keys: after restoring one, run this again",
            recovered.era
        ));
        if !resealed.unreadable.is_empty() {
            note(format_args!(
                "{} can't be read, and need a new password: {}",
                counted(resealed.unreadable.len(), "password"),
                names(&resealed.unreadable)
            ));
        }
        // All that was lost is replaced: what is left is a rotation like any other.
        changed.settled("`safeconduct key rotate-master`")
    }
}

fn names(users: &[safeconduct_protocol::ids::UserId]) -> String {
    let users: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
    users.join(", ")
}

/// Every secret there is, so that none is forgotten.
fn secrets(
    connected: &Connected,
    before: &Catalog,
    changed: &Changed,
    recovered: &Recovered,
    resealed: &Resealed,
) -> Result<Vec<Secret>, Failure> {
    let mut all = vec![Secret::new(
        format!("master key {}", changed.before),
        format!("replaced by {}", changed.next),
        advice(connected, changed.before)?,
    )];
    for row in &before.keys {
        let (done, left) = key(&row.purpose, row.id, recovered, resealed);
        all.push(Secret {
            secret: format!("{} {} ({})", row.purpose, row.id, row.state),
            made: Some(when(row.created_at)),
            done,
            left,
        });
    }
    all.push(Secret::new(
        "sessions, codes, refresh and access tokens",
        "refused",
        "nothing: people sign in again",
    ));
    for record in &before.clients {
        all.extend(of_client(record));
    }
    all.push(Secret::new(
        "passwords of people",
        "kept",
        "their hashes can be guessed at by whoever has the copies: let people choose new ones where they may be weak",
    ));
    all.push(Secret::new(
        "what else was on the machine: password and keys of the database, of the proxy, of backups",
        "not known here",
        "renew what may have been read",
    ));
    Ok(all)
}

fn key(purpose: &str, id: i64, recovered: &Recovered, resealed: &Resealed) -> (String, String) {
    let nothing = || "nothing".to_owned();
    match purpose {
        "subjects" => (
            "kept: every sub stays".to_owned(),
            "nothing; whoever has the copies can tell which pairwise subjects are one person"
                .to_owned(),
        ),
        "seal:credential" => (
            format!(
                "replaced; {} sealed anew",
                counted(
                    usize::try_from(resealed.credentials).unwrap_or(usize::MAX),
                    "password"
                )
            ),
            nothing(),
        ),
        "hash" => (
            "replaced; a client secret is hashed anew when it is used".to_owned(),
            nothing(),
        ),
        signing if signing.starts_with("sign:") => {
            if recovered
                .withdrawn
                .iter()
                .any(|(withdrawn, _)| *withdrawn == id)
            {
                (
                    "withdrawn".to_owned(),
                    "restart APIs that check JWTs by themselves".to_owned(),
                )
            } else {
                ("kept: not named".to_owned(), nothing())
            }
        }
        _ => ("replaced".to_owned(), nothing()),
    }
}

/// What was kept of a client's secrets is a keyed hash: of a generated one, 256 bits of chance, it tells nothing. Of one that was
/// chosen by hand it may.
fn of_client(record: &ClientRecord) -> impl Iterator<Item = Secret> {
    let id = record.client.id.clone();
    let declared = record.declared;
    record.secrets.iter().map(move |secret| Secret {
        secret: format!("secret of {id}"),
        made: Some(when(secret.created_at)),
        done: "kept: only its hash was here".to_owned(),
        left: if declared {
            "if it is not 32 random bytes, write a new one to its secret_file and restart".to_owned()
        } else {
            format!("nothing for a generated one; `safeconduct client rotate-secret {id}` if it was on the machine")
        },
    })
}
