//! One node on SQLite.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{Length, was_felt, was_long_enough};
use crate::checker::RECOVERY;
use crate::history::{Act, Answer, Fault, Meanwhile, Node, Span};
use crate::run::{Harm, Outcome, Run, beside_program};
use crate::site::{Memory, READY};
use crate::visitor::below;

const NODES: &str = "1, SQLite";
const NODE: Node = Node(0);
/// The size of the disk that is filled up.
const DISK: &CStr = c"size=48m";

/// Nothing goes wrong.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn calm(length: &Length) -> Result<Outcome> {
    let run = Run::prepare(&beside_program()?, &Memory::Sqlite)?;
    run.start().await?;
    let plan = async |run: &Run| run.more(length.calm).await;
    let outcome = run.carry_out("calm", NODES, plan, nothing).await?;
    was_long_enough(outcome.judged()?, length.calm)
}

/// The node is killed again and again, each time in the middle of what it does.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn kills(length: &Length) -> Result<Outcome> {
    let run = Run::prepare(&beside_program()?, &Memory::Sqlite)?;
    run.start().await?;
    let plan = async |run: &Run| {
        for _ in 0..length.kills {
            run.more_granted(20 + below(200) as u64).await?;
            sleep(Duration::from_micros(below(3_000) as u64)).await;
            let site = &run.site;
            let kill = async || site.kill(NODE);
            let start = async || site.start(NODE).await;
            run.fault(to_the_node("kill -9 of the node"), kill, at_once, start)
                .await?;
        }
        run.more(length.around_a_fault).await
    };
    let outcome = run
        .carry_out("kill -9 in a loop", NODES, plan, nothing)
        .await?;
    let outcome = outcome.judged()?;
    let lost = outcome.count(|answer| *answer == Answer::Lost);
    ensure!(lost > length.kills, "the kills were to hit requests");
    Ok(outcome)
}

/// The node is stopped for longer than anybody waits, and goes on.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn pause(length: &Length) -> Result<Outcome> {
    let run = Run::prepare(&beside_program()?, &Memory::Sqlite)?;
    run.start().await?;
    let plan = async |run: &Run| {
        run.more(length.around_a_fault).await?;
        let site = &run.site;
        let stop = async || site.pause(NODE);
        let go_on = async || site.resume(NODE);
        let wait = async || outlast(length).await;
        run.fault(to_the_node("SIGSTOP of the node"), stop, wait, go_on)
            .await?;
        run.more(length.around_a_fault).await
    };
    let outcome = run.carry_out("SIGSTOP", NODES, plan, nothing).await?;
    was_long_enough(outcome.judged()?, length.around_a_fault)
}

/// The disk is full for a while. Only root can make a disk that is small enough.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn full_disk(length: &Length) -> Result<Outcome> {
    let disk = SmallDisk::mount()?;
    let run = Run::prepare(disk.folder.path(), &Memory::Sqlite)?;
    run.start().await?;
    let mut full = None;
    let plan = async |run: &Run| {
        run.more(length.around_a_fault).await?;
        let fill = async || disk.fill();
        let empty = async || disk.make_room();
        let wait = async || {
            let began = Instant::now();
            let site = &run.site;
            site.until_unwell(NODE, READY, length.outlasting + RECOVERY)
                .await?;
            site.until(NODE, "/health/live", RECOVERY).await?;
            sleep(length.outlasting.saturating_sub(began.elapsed())).await;
            Ok(())
        };
        let fault = run.fault(to_the_node("disk full"), fill, wait, empty);
        full = Some(fault.await?);
        run.until_all_ready().await?;
        run.more(length.around_a_fault).await
    };
    let outcome = run
        .carry_out("disk full", NODES, plan, nothing)
        .await?
        .judged()?;
    let full = full.context("the plan was carried out")?;
    was_felt(&outcome, &full)?;
    could_be_asked(&outcome, &full)?;
    was_long_enough(outcome, length.around_a_fault)
}

/// Fails unless an API was told of good tokens to the end: that writes nothing. At first the log has room left in itself.
fn could_be_asked(outcome: &Outcome, full: &Fault) -> Result<()> {
    let Span { began, ended } = full.span;
    let second_half = Fault {
        span: Span {
            began: began + (ended - began) / 2,
            ended,
        },
        ..full.clone()
    };
    let told = outcome.count_during(&second_half, |act| {
        matches!(
            act,
            Act::Introspect {
                answer: Answer::Granted(_),
                ..
            }
        )
    });
    ensure!(told > 0, "no API was told of a good token: {}", full.name);
    Ok(())
}

fn to_the_node(name: &str) -> Harm<'_> {
    Harm {
        name,
        nodes: &[NODE],
        means: Meanwhile::Silence,
    }
}

/// Nothing has to be put in order.
pub(super) async fn nothing(_stage: &Run) -> Result<()> {
    Ok(())
}

pub(super) async fn at_once() -> Result<()> {
    Ok(())
}

pub(super) async fn outlast(length: &Length) -> Result<()> {
    sleep(length.outlasting).await;
    Ok(())
}

/// A disk of its own, in memory.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        mount(
            c"tmpfs",
            folder.path(),
            c"tmpfs",
            MountFlags::empty(),
            Some(DISK),
        )
        .context("a disk can't be mounted: that takes root")?;
        Ok(Self { folder })
    }

    /// Leaves not a byte.
    fn fill(&self) -> Result<()> {
        let mut options = OpenOptions::new();
        let mut file: File = options.create(true).append(true).open(self.ballast())?;
        for size in [1 << 20, 4096, 1] {
            let bytes = vec![0; size];
            loop {
                match file.write_all(&bytes) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn make_room(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        let folder: &Path = self.folder.path();
        folder.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still has a file open there keeps it until they close it.
        let _ = unmount(self.folder.path(), UnmountFlags::DETACH);
    }
}
