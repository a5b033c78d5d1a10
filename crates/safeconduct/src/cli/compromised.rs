//! `safeconduct key compromised`: a thief has, or may have, the master key or what it wraps. Everything that copies of keys
//! and database are good for ends with one write, and what hands must still do is printed, secret by secret.

use safeconduct_server::keys::{Lost, Recovered, Resealed, kids, replace_lost, reseal_credentials};
use safeconduct_store::{Catalog, ClientRecord, KeyRow};
use serde::Serialize;

use super::database::Connected;
use super::failure::Failure;
use super::master_key_rotation::{Changed, Choice, Nodes, advice, change};
use super::output::{Format, Row, counted, note, when};
use super::prompt::confirm;

/// What was lost.
#[derive(Debug, clap::Args)]
pub(crate) struct Compromised {
    /// Withdraw this signing key, by its `kid` in the JWKS and in `key list`; once for each [default: all of them]
    #[arg(long, value_name = "KID", allow_hyphen_values = true)]
    signing_key: Vec<String>,
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
    /// A `kid` is no signing key's, the answer is no, a node lacks the new master key, something does not open, or the database's.
    pub(crate) async fn run(self, connected: &Connected, output: Format) -> Result<(), Failure> {
        let before = connected.store.catalog().await?;
        let lost = self.lost(connected, &before.keys)?;
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
            changed.rewrapped = connected.master_key_rotation().wrap(changed.next).await?;
        }
        let resealed = reseal_credentials(store, masters, issuer, connected.now()).await?;
        let secrets = secrets(connected, &before, &changed, &recovered, &resealed).await?;
        output.list(&secrets)?;
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

impl Compromised {
    /// Which signing keys are named.
    fn lost(&self, connected: &Connected, keys: &[KeyRow]) -> Result<Lost, Failure> {
        if self.signing_key.is_empty() {
            return Ok(Lost::EverySigningKey);
        }
        let issuer = connected.checked.issuer.as_str();
        let kids = kids(&connected.masters, issuer, &connected.cluster, keys);
        let number_of = |named: &String| {
            let found = kids.iter().find(|(_, kid)| *kid == named);
            found.map(|(id, _)| *id).ok_or_else(|| {
                Failure::NotFound(format!(
                    "there is no signing key {named}\n    `safeconduct key list` shows what there is; nothing was changed"
                ))
            })
        };
        let numbers: Result<Vec<i64>, Failure> = self.signing_key.iter().map(number_of).collect();
        numbers.map(Lost::SigningKeys)
    }
}

fn names(users: &[safeconduct_protocol::ids::UserId]) -> String {
    let users: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
    users.join(", ")
}

/// Every secret there is, so that none is forgotten.
async fn secrets(
    connected: &Connected,
    before: &Catalog,
    changed: &Changed,
    recovered: &Recovered,
    resealed: &Resealed,
) -> Result<Vec<Secret>, Failure> {
    let masters = connected.store.master_keys().await?.into_iter();
    let retired = masters.filter(|other| other.retired && other.id != changed.before);
    let (at_nodes, with_backups) = advice(connected, changed.before)?;
    let mut all = vec![Secret::new(
        format!("master key {}", changed.before),
        format!("replaced by {}", changed.next),
        format!("{at_nodes}; {with_backups}"),
    )];
    for other in retired {
        all.push(Secret::new(
            format!("master key {} (retired)", other.id),
            "retired before: it wraps nothing",
            "a backup of its day opens with it: keep it with those backups, and nowhere else",
        ));
    }
    let mut keys: Vec<&KeyRow> = before.keys.iter().collect();
    keys.sort_by_key(|row| (&row.purpose, row.created_at, row.id));
    for row in keys {
        let (done, left) = key(row, recovered, resealed);
        all.push(Secret {
            secret: format!("{} {} ({})", row.purpose, row.id, row.state),
            made: Some(when(row.created_at)),
            done,
            left: left.to_owned(),
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
        "second factors of people",
        "kept",
        "whoever has the copies can make the codes of authenticator apps: `safeconduct user remove-second-factor` lets people set up new ones",
    ));
    all.push(Secret::new(
        "what else was on the machine: password and keys of the database, of the proxy, of backups",
        "not known here",
        "renew what may have been read",
    ));
    Ok(all)
}

/// What became of a key, and what is left to do.
fn key(row: &KeyRow, recovered: &Recovered, resealed: &Resealed) -> (String, &'static str) {
    let is_withdrawn = recovered.withdrawn.iter().any(|(id, _)| *id == row.id);
    match (row.purpose.as_str(), row.state.as_str()) {
        ("subjects", _) => (
            "kept: every sub stays".to_owned(),
            "nothing; whoever has the copies can tell which pairwise subjects are one person",
        ),
        ("seal:credential", "active") => {
            let count = usize::try_from(resealed.credentials).unwrap_or(usize::MAX);
            let sealed = counted(count, "password");
            (format!("retired; {sealed} sealed anew"), "nothing")
        }
        ("hash", "active") => (
            "retired; a client secret is hashed anew when it is used".to_owned(),
            "nothing",
        ),
        ("seal:credential" | "hash", "retired") => (
            "retired before; kept while a row needs it".to_owned(),
            "nothing",
        ),
        _ if is_withdrawn => (
            "withdrawn".to_owned(),
            "restart APIs that check JWTs by themselves",
        ),
        (purpose, "next") if recovered.withdrawn.iter().any(|(_, of)| of == purpose) => (
            "withdrawn with the key that it waited behind".to_owned(),
            "nothing",
        ),
        (signing, _) if signing.starts_with("sign:") => ("kept: not named".to_owned(), "nothing"),
        _ => ("replaced".to_owned(), "nothing"),
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
            "if it is not 32 random bytes, write a new one to its secret_file and reload (SIGHUP)".to_owned()
        } else {
            format!("nothing for a generated one; `safeconduct client rotate-secret {id}` if it was on the machine")
        },
    })
}
