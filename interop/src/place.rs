//! Where things are: the folder of a peer, the folder for what is built, ports that nobody listens on.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::OnceCell;

/// The folder of this repository that holds what `peer` needs, such as `interop/apache`.
pub fn folder_of(peer: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(peer)
}

/// The folder that cargo builds in; a peer that has to be built goes into a folder of its own name below it.
///
/// # Errors
/// This program does not run where cargo put it.
pub fn target_directory() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    // target/debug/deps/interop-0123456789abcdef
    let directory = program.ancestors().nth(3);
    Ok(directory
        .context("a test runs below the target directory")?
        .to_owned())
}

/// Ports of 127.0.0.1 that nobody listens on. They lie below those that the system gives to outgoing connections, and no two
/// calls of one run are given the same.
///
/// # Errors
/// Too few ports are free.
pub fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    const FIRST: u16 = 21_000;
    const NUMBER: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() % u32::from(NUMBER);
    let mut free = (0..NUMBER).filter_map(|_| {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + u16::try_from((start + step) % u32::from(NUMBER)).ok()?;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    });
    let mut ports = [0; COUNT];
    for port in &mut ports {
        *port = free.next().context("no port is free")?;
    }
    Ok(ports)
}

/// Does `work` once in this run, for the first test that comes; the others wait, and share its outcome. The name says what
/// it is: `once("npm ci", …)`.
///
/// # Errors
/// What `work` failed of, for everybody.
pub async fn once(name: &'static str, work: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    type Outcome = Arc<OnceCell<Result<(), String>>>;
    static DONE: Mutex<BTreeMap<&str, Outcome>> = Mutex::new(BTreeMap::new());
    let outcome = {
        let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(done.entry(name).or_default())
    };
    let outcome = outcome
        .get_or_init(async || work().await.map_err(|error| format!("{error:#}")))
        .await;
    outcome.clone().map_err(|error| anyhow!("{name}: {error}"))
}
