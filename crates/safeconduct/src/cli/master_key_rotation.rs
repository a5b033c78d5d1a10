//! `safeconduct key rotate-master`: another master key in the place of the one that wraps, while nodes serve. The key is here and
//! at every node before it wraps anything; how far it is, the database says, so that the command may be cut off and run again.

use std::path::Path;
use std::time::Duration;

use safeconduct_server::keys::{ANSWER_WITHIN, Rewrapped, nodes_lacking, rewrap};
use safeconduct_store::{MasterKeyId, NextMasterKey, StoreError};
use serde::Serialize;

use super::context::master_key_file;
use super::database::Connected;
use super::failure::Failure;
use super::output::{Format, counted, note};
use crate::master_key::{MasterKey, VARIABLE};

/// Another master key.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateMaster {
    /// Take back an announced master key that wraps nothing yet, because it is lost
    #[arg(long, conflicts_with = "leave_behind")]
    abandon: bool,
    #[command(flatten)]
    nodes: Nodes,
}

/// What becomes of nodes that lack the new key.
#[derive(Debug, clap::Args)]
pub(crate) struct Nodes {
    /// Go on although running nodes lack the new key: they are not ready until they have it
    #[arg(long)]
    leave_behind: bool,
}

#[derive(Serialize)]
struct Shown {
    master_key: String,
    before: String,
    keys_wrapped: u64,
}

impl RotateMaster {
    /// Announces, asks, wraps.
    ///
    /// # Errors
    /// Exit 8 where a node lacks the key, exit 1 where a key does not open, or the database's.
    pub(crate) async fn run(self, connected: &Connected, output: Format) -> Result<(), Failure> {
        if self.abandon {
            return abandon(connected).await;
        }
        let changed = change(connected, &self.nodes, Choice::Any).await?;
        output.record(&Shown {
            master_key: changed.next.to_string(),
            before: changed.before.to_string(),
            keys_wrapped: changed.rewrapped.keys,
        })?;
        changed.settled(Choice::Any.again(changed.next).as_str())?;
        let (at_nodes, with_backups) = advice(connected, changed.before)?;
        note(format_args!("{at_nodes}\n    {with_backups}"));
        Ok(())
    }
}

/// What a rotation of the master key has come to.
pub(super) struct Changed {
    pub(super) before: MasterKeyId,
    pub(super) next: MasterKeyId,
    pub(super) rewrapped: Rewrapped,
}

impl Changed {
    /// # Errors
    /// Something is left under the key before; what goes on with it is `again`.
    pub(super) fn settled(&self, again: &str) -> Result<(), Failure> {
        let unreadable = &self.rewrapped.unreadable;
        if !unreadable.is_empty() {
            let rows = unreadable.iter();
            let rows: Vec<String> = rows.map(|(id, of)| format!("{id} ({of})")).collect();
            return Err(Failure::Failed(format!(
                "does not open with any master key here, and was left as it is: {}\n    \
                 add the master key that wraps it, and run {again}; {} stays needed until then",
                rows.join(", "),
                self.before
            )));
        }
        if self.rewrapped.done {
            return Ok(());
        }
        Err(Failure::Left(format!(
            "others change the keys at this moment: run {again}"
        )))
    }
}

/// Which master key may take the place of the active one.
#[derive(Clone, Copy)]
pub(super) enum Choice<'c> {
    /// One that was announced before, one that was never used, or a new one.
    Any,
    /// After a loss: one that is made now, or the one that the operator names. A thief who has the copies may have any other too.
    Fresh(Option<&'c str>),
}

impl Choice<'_> {
    /// What goes on with `next`, as the operator writes it.
    fn again(self, next: MasterKeyId) -> String {
        match self {
            Self::Any => "this again".to_owned(),
            Self::Fresh(_) => format!("`safeconduct key compromised --use-key {next}`"),
        }
    }
}

/// Lets another master key take the place of the active one, as far as it goes.
///
/// # Errors
/// A node lacks it, it is lost, or the database's.
pub(super) async fn change(
    connected: &Connected,
    nodes: &Nodes,
    choice: Choice<'_>,
) -> Result<Changed, Failure> {
    let Connected {
        store,
        masters,
        cluster,
        ..
    } = connected;
    let before = cluster.master.active;
    let announced = match choice {
        Choice::Any => cluster.master.next,
        Choice::Fresh(named) => trusted(connected, named).await?,
    };
    let next = match announced {
        Some(next) => next.id,
        None => {
            let next = match choice {
                Choice::Any => candidate(connected).await?,
                Choice::Fresh(None) => fresh(connected).await?,
                Choice::Fresh(Some(named)) => chosen(connected, named).await?,
            };
            let announced = store.announce_master_key(before, next, connected.now());
            announced.await.map_err(|error| match error {
                StoreError::Conflict(why) => {
                    Failure::Conflict(format!("{why}\n    run this again: it says which"))
                }
                other => other.into(),
            })?;
            next
        }
    };
    if masters.find(next).is_none() {
        return Err(Failure::Configuration(format!(
            "the master key {next} is to take the place of {before}, and is not here\n    \
             run this where it is, or copy it here; if it is lost, `safeconduct key rotate-master --abandon` takes it back \
             as long as it wraps nothing"
        )));
    }
    if matches!(choice, Choice::Fresh(_)) {
        note(format_args!(
            "if this is cut off, {} goes on with the master key that it puts in the place of {before}",
            choice.again(next)
        ));
    }
    let wraps = announced.is_some_and(|next| next.wrapping);
    if !wraps && !nodes.leave_behind {
        note(format_args!(
            "the master key {next} is announced; asking every running node whether it is there"
        ));
        let asked = store.master_key_answers(next).await?;
        tokio::time::sleep(Duration::from_secs(ANSWER_WITHIN.unsigned_abs())).await;
        let lacking = nodes_lacking(store, masters, next, &asked).await?;
        if !lacking.is_empty() {
            return Err(Failure::Left(format!(
                "{} without the master key {next}: {}\n    \
                 add its line to the file of the master key there, and run {}; it is announced, and wraps nothing yet",
                counted(lacking.len(), "node"),
                lacking.join("; "),
                choice.again(next)
            )));
        }
    }
    let issuer = connected.checked.issuer.as_str();
    let rewrapped = rewrap(store, masters, issuer, next, connected.now()).await?;
    Ok(Changed {
        before,
        next,
        rewrapped,
    })
}

/// After a loss, the announced master key, if the operator names it. Another one is taken back, unless it wraps keys already.
async fn trusted(
    connected: &Connected,
    named: Option<&str>,
) -> Result<Option<NextMasterKey>, Failure> {
    let Some(next) = connected.cluster.master.next else {
        return Ok(None);
    };
    if named.is_some_and(|named| next.id.to_string() == named) {
        return Ok(Some(next));
    }
    if next.wrapping {
        return Err(Failure::Conflict(format!(
            "the master key {id} wraps keys already, and may have been there when the keys were lost\n    \
             if this command made it since, and was cut off: {again}\n    \
             if not, finish `safeconduct key rotate-master` first, and then run `safeconduct key compromised`",
            id = next.id,
            again = Choice::Fresh(None).again(next.id)
        )));
    }
    if let Some(named) = named {
        // What can't be taken is found out before anything is changed.
        chosen(connected, named).await?;
    }
    abandon(connected).await?;
    // It can't have wrapped anything, and never will: its line would stand in the way of nothing but the reader.
    if let Some(file) = master_key_file(&connected.checked)? {
        let is_other = |key: &MasterKey| id_of(key) != next.id;
        if let Err(error) = MasterKey::retain_in(&file, is_other) {
            note(format_args!("its line stays, and is no use: {error}"));
        }
    }
    Ok(None)
}

fn id_of(key: &MasterKey) -> MasterKeyId {
    safeconduct_server::MasterKey::from_bytes(*key.expose()).id()
}

/// The key here that the operator names, if it was never used.
async fn chosen(connected: &Connected, named: &str) -> Result<MasterKeyId, Failure> {
    let here = connected.masters.ids();
    let Some(id) = here.iter().find(|id| id.to_string() == named) else {
        return Err(Failure::NotFound(format!(
            "there is no master key {named} here\n    without --use-key, a new one is made"
        )));
    };
    if unused(connected).await?.contains(id) {
        return Ok(*id);
    }
    Err(Failure::Conflict(format!(
        "the master key {id} is, or was, in use\n    without --use-key, a new one is made and takes the place of it"
    )))
}

/// A new key in the file.
async fn fresh(connected: &Connected) -> Result<MasterKeyId, Failure> {
    let by_hand = match unused(connected).await?.as_slice() {
        [] => format!(
            "make a new master key (`openssl rand -base64 32`), add it behind the one that is there, on a line of its own or, in \
             {VARIABLE}, behind a space, start every node with both, and run this again: it says the key's id"
        ),
        unused => {
            let commands = unused.iter().map(|id| Choice::Fresh(None).again(*id));
            format!(
                "never used, and in its place if it was made after the loss: {}",
                commands.collect::<Vec<_>>().join(", ")
            )
        }
    };
    let Some(file) = master_key_file(&connected.checked)? else {
        return Err(Failure::Left(format!(
            "no new master key can be made in {VARIABLE}\n    {by_hand}"
        )));
    };
    made_in(connected, &file).map_err(|error| match error {
        Failure::Configuration(why) => Failure::Configuration(format!("{why}\n    {by_hand}")),
        other => other,
    })
}

fn made_in(connected: &Connected, file: &Path) -> Result<MasterKeyId, Failure> {
    let key = MasterKey::generate();
    let id = id_of(&key);
    key.add_to(file)?;
    note(format_args!(
        "made a master key: the last line of {}",
        file.display()
    ));
    connected.masters.find(id);
    Ok(id)
}

/// The keys here that never wrapped anything.
async fn unused(connected: &Connected) -> Result<Vec<MasterKeyId>, Failure> {
    let known = connected.store.master_keys().await?;
    let active = connected.cluster.master.active;
    let mut unused = connected.masters.ids();
    unused.retain(|id| *id != active && !known.iter().any(|key| key.id == *id));
    Ok(unused)
}

/// The key here that was never used, or a new one in the file.
async fn candidate(connected: &Connected) -> Result<MasterKeyId, Failure> {
    let active = connected.cluster.master.active;
    match unused(connected).await?.as_slice() {
        [one] => Ok(*one),
        [] => {
            let Some(file) = master_key_file(&connected.checked)? else {
                return Err(Failure::Left(format!(
                    "make a new master key (`openssl rand -base64 32`), add it to {VARIABLE} behind the one that is there and a \
                     space, start every node with both, and run this again"
                )));
            };
            made_in(connected, &file)
        }
        several => {
            let names: Vec<String> = several.iter().map(MasterKeyId::to_string).collect();
            Err(Failure::Conflict(format!(
                "several master keys here were never used: {}\n    leave the active one, {active}, and the one that follows it",
                names.join(", ")
            )))
        }
    }
}

async fn abandon(connected: &Connected) -> Result<(), Failure> {
    let Some(next) = connected.cluster.master.next else {
        return Err(Failure::NotFound("no master key is announced".to_owned()));
    };
    let store = &connected.store;
    store.abandon_master_key(next.id, connected.now()).await?;
    note(format_args!("the master key {} is taken back", next.id));
    Ok(())
}

/// What is to be done with the key that wraps nothing any more, at every node and with backups.
pub(super) fn advice(
    connected: &Connected,
    before: MasterKeyId,
) -> Result<(String, String), Failure> {
    let place = match master_key_file(&connected.checked)? {
        Some(file) => {
            let line = connected.masters.ids().iter().position(|id| *id == before);
            line.map_or_else(
                || file.display().to_string(),
                |line| format!("line {} of {}", line + 1, file.display()),
            )
        }
        None => VARIABLE.to_owned(),
    };
    Ok((
        format!("{before} wraps nothing any more: take it out ({place}) at every node"),
        format!(
            "a backup that was made until now opens with {before} alone: keep it with those backups, and nowhere else"
        ),
    ))
}
