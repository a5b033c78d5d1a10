//! `safeconduct key rotate-master`: another master key in the place of the one that wraps, while nodes serve. The key is here and
//! at every node before it wraps anything; how far it is, the database says, so that the command may be cut off and run again.

use std::path::Path;

use safeconduct_server::administration::master_keys::{Announced, MasterKeyRefused};
use safeconduct_server::keys::Rewrapped;
use safeconduct_store::{MasterKeyId, NextMasterKey};
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
struct ShownRotation {
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
            note_taken_back(connected.master_key_rotation().abandon().await?);
            return Ok(());
        }
        let changed = change(connected, &self.nodes, Choice::Any).await?;
        output.record(&ShownRotation {
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
    let rotation = connected.master_key_rotation();
    let master = connected.cluster.master;
    let before = master.active;
    let announced = match choice {
        Choice::Any => master.next,
        Choice::Fresh(named) => trusted(connected, named).await?,
    };
    let next = match announced {
        Some(next) => next.id,
        None => {
            let next = match choice {
                Choice::Any => candidate(connected).await?,
                Choice::Fresh(None) => fresh(connected).await?,
                Choice::Fresh(Some(named)) => rotation.chosen(named).await?,
            };
            rotation.announce(next).await?;
            next
        }
    };
    rotation.check_held(next)?;
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
        let lacking = rotation.nodes_lacking(next).await?;
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
    Ok(Changed {
        before,
        next,
        rewrapped: rotation.wrap(next).await?,
    })
}

/// After a loss, the announced master key, if the operator names it. Another one is taken back, and its line goes.
async fn trusted(
    connected: &Connected,
    named: Option<&str>,
) -> Result<Option<NextMasterKey>, Failure> {
    let rotation = connected.master_key_rotation();
    let taken_back = match rotation.announced_after_loss(named).await? {
        Announced::Trusted(next) => return Ok(Some(next)),
        Announced::Nothing => return Ok(None),
        Announced::TakenBack(id) => id,
    };
    note_taken_back(taken_back);
    // It never wrapped anything, and never will.
    if let Some(file) = master_key_file(&connected.checked)? {
        let is_other = |key: &MasterKey| id_of(key) != taken_back;
        if let Err(error) = MasterKey::retain_in(&file, is_other) {
            note(format_args!("its line stays, and is no use: {error}"));
        }
    }
    Ok(None)
}

fn id_of(key: &MasterKey) -> MasterKeyId {
    safeconduct_server::MasterKey::from_bytes(*key.expose()).id()
}

/// A new key in the file.
async fn fresh(connected: &Connected) -> Result<MasterKeyId, Failure> {
    let unused = connected.master_key_rotation().unused().await?;
    let by_hand = match unused.as_slice() {
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

/// The key here that was never used, or a new one in the file.
async fn candidate(connected: &Connected) -> Result<MasterKeyId, Failure> {
    if let Some(one) = connected.master_key_rotation().candidate().await? {
        return Ok(one);
    }
    let Some(file) = master_key_file(&connected.checked)? else {
        return Err(Failure::Left(format!(
            "make a new master key (`openssl rand -base64 32`), add it to {VARIABLE} behind the one that is there and a \
             space, start every node with both, and run this again"
        )));
    };
    made_in(connected, &file)
}

fn note_taken_back(id: MasterKeyId) {
    note(format_args!("the master key {id} is taken back"));
}

impl From<MasterKeyRefused> for Failure {
    fn from(refused: MasterKeyRefused) -> Self {
        let said = refused.to_string();
        match refused {
            MasterKeyRefused::Wraps(id) => Self::Conflict(said).with_advice(&format!(
                "if this command made it since, and was cut off: {}\n    \
                 if not, finish `safeconduct key rotate-master` first, and then run `safeconduct key compromised`",
                Choice::Fresh(None).again(id)
            )),
            MasterKeyRefused::NotHere(_) => {
                Self::NotFound(said).with_advice("without --use-key, a new one is made")
            }
            MasterKeyRefused::Used(_) => Self::Conflict(said)
                .with_advice("without --use-key, a new one is made and takes its place"),
            MasterKeyRefused::Several { active, .. } => Self::Conflict(said).with_advice(&format!(
                "leave the active one, {active}, and the one that follows it"
            )),
            MasterKeyRefused::Lacking { .. } => Self::Configuration(said).with_advice(
                "run this where it is, or copy it here; if it is lost, `safeconduct key rotate-master --abandon` takes it back \
                 as long as it wraps nothing",
            ),
            MasterKeyRefused::NotAnnounced => Self::NotFound(said),
            MasterKeyRefused::Raced(_) => {
                Self::Conflict(said).with_advice("run this again: it says which")
            }
            MasterKeyRefused::Fault(fault) => fault.into(),
        }
    }
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
