//! `safeconduct demo`: a server, a web app and an API on localhost, and a page that walks through the flow and breaks it.
//!
//! The parties are started in `parties.rs`, which alone knows the server by its library; app and API are written with the
//! client and guard crates and know it by HTTP. `recorder.rs` records their messages, `story` knows what they mean,
//! `terminal.rs`, `app.rs` and `diagram.rs` show it. `attacks` tries to break it.

mod addresses;
mod api;
mod app;
mod attacks;
mod browser;
mod console;
mod diagram;
mod directory;
mod field;
mod message;
mod next;
mod pages;
mod parties;
mod people;
mod recorder;
mod story;
mod terminal;
mod threads;
mod wire;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use addresses::{Ports, bind_all, ports_of};
use attacks::Attack;
use directory::Directory;
use parties::Parties;
use terminal::Terminal;

/// What is logged unless `RUST_LOG` says otherwise: the steps on the screen are the log of a demo.
const LOGGED: &str = "error";

/// The command, as the program's arguments give it.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Keep everything in this directory, and go on from there the next time
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Do not open a browser
    #[arg(long)]
    no_open: bool,
    /// Try the attacks without a browser; succeeds if each is refused with the right error
    #[arg(long = "break", conflicts_with = "no_open")]
    break_it: bool,
    /// The ports of server, app and API, 0 for any
    #[arg(long, value_name = "SERVER,APP,API", hide = true)]
    ports: Option<Ports>,
}

impl Demo {
    /// Runs the demo until it is interrupted, or until every attack was tried.
    ///
    /// # Errors
    /// What keeps it from starting, or how many attacks were not refused as they must be.
    pub fn run(self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
        // A subscriber that is there already does as well.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .try_init();
        tokio::runtime::Runtime::new()?.block_on(play(self))
    }
}

async fn play(args: Demo) -> anyhow::Result<()> {
    let terminal = Terminal::new();
    let directory = Directory::open(args.keep.as_deref()).context("the directory can't be used")?;
    let ports = args.ports.or(directory.ports()?);
    let bound = bind_all(ports).await.with_context(|| match ports {
        Some(ports) => format!("one of the ports {ports} can't be listened on"),
        None => "no port from 8430 to 8529 can be listened on".to_owned(),
    })?;
    directory.keep_ports(ports_of(&bound))?;
    let mut parties = Parties::start(bound, &directory, terminal).await?;
    let ended = if args.break_it {
        break_it(&parties, terminal).await
    } else {
        show(&mut parties, &args, terminal).await
    };
    parties.stop().await;
    ended
}

async fn break_it(parties: &Parties, terminal: Terminal) -> anyhow::Result<()> {
    let mut refused = 0;
    for attack in Attack::ALL {
        let outcome = parties.attacks.run(attack).await;
        refused += usize::from(outcome.is_refused());
        terminal.attack(&outcome);
    }
    let tried = Attack::ALL.len();
    ensure!(
        refused == tried,
        "only {refused} of {tried} attacks were refused with the right error"
    );
    terminal.say(&format!(
        "\n  All {tried} attacks were refused, each with the right error."
    ));
    Ok(())
}

async fn show(parties: &mut Parties, args: &Demo, terminal: Terminal) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let kept = args.keep.as_ref().map(|path| path.display().to_string());
    terminal.welcome(&parties.addresses, kept.as_deref());
    terminal.administer(&parties.open_console().await?);
    terminal.invite(&parties.invitation);
    if args.ports.is_none() && !parties.addresses.are_usual() {
        terminal
            .say("  Not all of the ports 8420, 8421 and 8422 were free: other ones were taken.\n");
    }
    let follower =
        tokio::spawn(terminal.follow(parties.recorder.clone(), parties.addresses.clone()));
    if !args.no_open
        && std::io::stdout().is_terminal()
        && std::env::var_os("SSH_CONNECTION").is_none()
    {
        open_in_browser(&parties.addresses.app);
    }
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    follower.abort();
    terminal.farewell();
    Ok(())
}

/// Opens `url` as a user's desktop does; a user without one opens it by hand.
fn open_in_browser(url: &str) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let _ = Command::new(opener)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
