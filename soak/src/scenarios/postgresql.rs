//! Three nodes on PostgreSQL, each with a proxy of its own between itself and the database.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use safeconduct_testing_postgres::{Database, Postgres};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::sqlite::{at_once, nothing, outlast};
use super::{Length, others_served, was_felt, was_long_enough};
use crate::history::{Answer, Fault, Meanwhile, Node, Span};
use crate::proxy::{Network, Proxy};
use crate::run::{Harm, Outcome, Run, beside_program};
use crate::site::{Memory, READY};

const NODES: &str = "3, PostgreSQL";
const ALL: [Node; 3] = [Node(0), Node(1), Node(2)];
/// What is killed, stopped and cut off, where it is one of them.
const ONE: Node = Node(1);
const OTHERS: [Node; 2] = [Node(0), Node(2)];
/// How long a database is away that is killed.
const AWAY: Duration = Duration::from_secs(2);
/// How long a node may take to start.
const START: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(50);
/// By how many seconds the clocks of the nodes are off: so far that two of them serve nobody, and as far as all is promised.
const MINUTES: [&str; 3] = ["+0", "+180", "-180"];
const SECONDS: [&str; 3] = ["+0", "+14", "-14"];

/// A database server, the network to it, and a run on both.
struct Cluster {
    /// Dropped first: nodes go before their database.
    run: Run,
    proxies: Vec<Proxy>,
    _database: Database,
    postgres: Postgres,
}

impl Cluster {
    async fn set() -> Result<Self> {
        let postgres = blocking(|| Postgres::start(&[])).await?;
        let server = postgres.clone();
        let database = blocking(move || server.create_database()).await?;
        let address = SocketAddr::from(([127, 0, 0, 1], postgres.port()));
        let mut proxies = Vec::new();
        for _ in ALL {
            proxies.push(Proxy::start(address).await?);
        }
        let url =
            |address: SocketAddr| format!("postgres://postgres@{address}/{}", database.name());
        let memory = Memory::PostgreSql {
            operator: url(address),
            nodes: proxies.iter().map(|proxy| url(proxy.address())).collect(),
        };
        let within = beside_program()?;
        let run = blocking(move || Run::prepare(&within, &memory)).await??;
        Ok(Self {
            run,
            proxies,
            _database: database,
            postgres,
        })
    }

    async fn started() -> Result<Self> {
        let cluster = Self::set().await?;
        cluster.run.start().await?;
        Ok(cluster)
    }
}

/// Nothing goes wrong.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn calm(length: &Length) -> Result<Outcome> {
    let cluster = Cluster::started().await?;
    let plan = async |run: &Run| run.more(length.calm).await;
    let outcome = cluster.run.carry_out("calm", NODES, plan, nothing).await?;
    was_long_enough(outcome.judged()?, length.calm)
}

/// One node is killed and started again, and later it is stopped for longer than anybody waits.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn one_node(length: &Length) -> Result<Outcome> {
    let cluster = Cluster::started().await?;
    let mut stopped = None;
    let plan = async |run: &Run| {
        run.more(length.around_a_fault).await?;
        let site = &run.site;
        let kill = async || site.kill(ONE);
        let start = async || site.launch(ONE, &[]);
        let harm = to_one("kill -9 of a node", Meanwhile::Silence);
        run.fault(harm, kill, at_once, start).await?;
        run.until_all_ready().await?;
        run.more(length.around_a_fault).await?;

        let stop = async || site.pause(ONE);
        let go_on = async || site.resume(ONE);
        let wait = async || outlast(length).await;
        let harm = to_one("SIGSTOP of a node", Meanwhile::Silence);
        stopped = Some(run.fault(harm, stop, wait, go_on).await?);
        run.more(length.around_a_fault).await
    };
    let name = "kill -9 and SIGSTOP of a node";
    let outcome = cluster
        .run
        .carry_out(name, NODES, plan, nothing)
        .await?
        .judged()?;
    let stopped = stopped.context("the plan was carried out")?;
    others_served(&outcome, &stopped, &OTHERS)?;
    was_long_enough(outcome, 3 * length.around_a_fault)
}

/// The database is killed and started again.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn database_killed(length: &Length) -> Result<Outcome> {
    let cluster = Cluster::started().await?;
    let postgres = cluster.postgres.clone();
    let mut away = None;
    let plan = async |run: &Run| {
        run.more(length.around_a_fault).await?;
        let (one, another) = (postgres.clone(), postgres.clone());
        let kill = async || blocking(move || one.kill()).await;
        let restart = async || blocking(move || another.restart()).await;
        let harm = to_all("kill -9 of PostgreSQL");
        let fault = run.fault(harm, kill, for_a_while, restart);
        away = Some(fault.await?);
        run.until_all_ready().await?;
        run.more(length.around_a_fault).await
    };
    let name = "kill -9 of PostgreSQL";
    let outcome = cluster
        .run
        .carry_out(name, NODES, plan, nothing)
        .await?
        .judged()?;
    was_felt(&outcome, away.as_ref().context("the plan was carried out")?)?;
    was_long_enough(outcome, length.around_a_fault)
}

/// The primary is killed for good, and its synchronous standby is promoted.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn promotion(length: &Length) -> Result<Outcome> {
    let cluster = Cluster::started().await?;
    // Commands go to the primary, of which there will be another: the operator has the day off.
    let Cluster {
        run,
        proxies,
        postgres: primary,
        _database,
    } = cluster;
    let run = run.without_operator();
    let standby = follow(&primary).await?;
    let address = SocketAddr::from(([127, 0, 0, 1], standby.port()));
    let mut away = None;
    let plan = async |run: &Run| {
        run.more(length.around_a_fault).await?;
        let (dying, heir) = (primary.clone(), standby.clone());
        let kill = async || blocking(move || dying.kill()).await;
        let promote = async || {
            // The 30 seconds count from here: promoting is what the operator's tools do.
            blocking(move || heir.promote()).await?;
            for proxy in &proxies {
                proxy.turn_to(address);
            }
            Ok(())
        };
        let harm = to_all("failover to a synchronous standby");
        let fault = run.fault(harm, kill, for_a_while, promote);
        away = Some(fault.await?);
        run.until_all_ready().await?;
        run.more(length.around_a_fault).await
    };
    let name = "failover to a synchronous standby";
    let outcome = run.carry_out(name, NODES, plan, nothing).await?.judged()?;
    was_felt(&outcome, away.as_ref().context("the plan was carried out")?)?;
    was_long_enough(outcome, length.around_a_fault)
}

/// One node is cut off from the database, first by silence and then by resets. The others go on.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn partition(length: &Length) -> Result<Outcome> {
    let cluster = Cluster::started().await?;
    let proxy = &cluster.proxies[ONE.0];
    let mut faults = Vec::new();
    let plan = async |run: &Run| {
        for (network, name) in [
            (Network::Swallows, "a node whose database is a black hole"),
            (Network::Cuts, "a node whose connections are reset"),
        ] {
            run.more(length.around_a_fault).await?;
            let cut = async || {
                proxy.set(network);
                Ok(())
            };
            let mend = async || {
                proxy.set(Network::Passes);
                Ok(())
            };
            let wait = async || outlast(length).await;
            let harm = to_one(name, Meanwhile::NothingKnown);
            let fault = run.fault(harm, cut, wait, mend);
            faults.push(fault.await?);
            run.until_all_ready().await?;
        }
        run.more(length.around_a_fault).await
    };
    let name = "a node cut off from the database";
    let outcome = cluster
        .run
        .carry_out(name, NODES, plan, nothing)
        .await?
        .judged()?;
    for fault in &faults {
        was_felt(&outcome, fault)?;
        others_served(&outcome, fault, &OTHERS)?;
    }
    was_long_enough(outcome, 2 * length.around_a_fault)
}

/// The clocks of two nodes are minutes off: they serve nobody, and the third goes on as if it were alone. With the clocks set
/// right, nothing that was handed out is lost.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn clocks_minutes_apart(length: &Length) -> Result<Outcome> {
    let cluster = Cluster::set().await?;
    let off = [ALL[1], ALL[2]];
    let began = cluster.run.now();
    launch_apart(&cluster.run, MINUTES).await?;
    let mut apart = None;
    let plan = async |run: &Run| run.more(2 * length.around_a_fault).await;
    let set_right = async |run: &Run| {
        let ended = run.now();
        let fault = Fault {
            name: "clocks minutes off".to_owned(),
            nodes: off.to_vec(),
            span: Span { began, ended },
            effect: began,
            means: Meanwhile::NothingKnown,
        };
        run.write_down(fault.clone());
        apart = Some(fault);
        for node in off {
            run.site.kill(node)?;
            run.site.start(node).await?;
        }
        Ok(())
    };
    let name = "clocks minutes off";
    let outcome = cluster
        .run
        .carry_out(name, NODES, plan, set_right)
        .await?
        .judged()?;
    let apart = apart.as_ref().context("the plan was carried out")?;
    was_felt(&outcome, apart)?;
    let granted = outcome.count_during(apart, |act| act.answer() == Answer::Granted(()));
    ensure!(granted == 0, "nodes served by a clock that is minutes off");
    Ok(outcome)
}

/// The clocks of the nodes are within half a minute of one another: everything is as if they were right.
///
/// # Errors
/// A promise was broken, or nothing happened.
pub async fn clocks_seconds_apart(length: &Length) -> Result<Outcome> {
    let cluster = Cluster::set().await?;
    launch_apart(&cluster.run, SECONDS).await?;
    let plan = async |run: &Run| run.more(2 * length.around_a_fault).await;
    let name = "clocks 28 s apart";
    let outcome = cluster.run.carry_out(name, NODES, plan, nothing).await?;
    was_long_enough(outcome.judged()?, 2 * length.around_a_fault)
}

/// Starts the nodes with clocks that are off by so many seconds, the first of them with the right one. The others say that they
/// are not ready; what they answer all the same is what this is about.
async fn launch_apart(run: &Run, offsets: [&str; 3]) -> Result<()> {
    let library = faketime()?;
    for (node, offset) in ALL.into_iter().zip(offsets) {
        let variables = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME", offset),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        run.site.launch(node, &variables)?;
    }
    for node in ALL {
        run.site.until_it_listens(node, START).await?;
    }
    run.site.until(ALL[0], READY, START).await
}

/// Where Debian keeps the library that gives a program another time.
fn faketime() -> Result<String> {
    let folders = std::fs::read_dir("/usr/lib")?;
    let mut libraries =
        folders.filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    let library = libraries.find(|library| library.is_file());
    let library = library.context("libfaketime is not installed")?;
    Ok(library.display().to_string())
}

/// A standby without which nothing is acknowledged.
async fn follow(primary: &Postgres) -> Result<Postgres> {
    let source = primary.clone();
    let standby = blocking(move || {
        let standby = source.standby();
        let wait_for_it = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        source.sql("postgres", wait_for_it);
        source.sql("postgres", "SELECT pg_reload_conf()");
        standby
    });
    let standby = standby.await?;
    let in_sync = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    loop {
        let source = primary.clone();
        if blocking(move || source.sql("postgres", in_sync)).await? == "1" {
            return Ok(standby);
        }
        sleep(PACE).await;
    }
}

fn to_one(name: &str, means: Meanwhile) -> Harm<'_> {
    Harm {
        name,
        nodes: &[ONE],
        means,
    }
}

fn to_all(name: &str) -> Harm<'_> {
    Harm {
        name,
        nodes: &ALL,
        means: Meanwhile::NothingKnown,
    }
}

async fn for_a_while() -> Result<()> {
    sleep(AWAY).await;
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    Ok(spawn_blocking(work).await?)
}
