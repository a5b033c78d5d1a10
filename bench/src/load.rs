//! A closed loop: every worker asks again as soon as it was answered. The figures are of the middle, after a second of
//! warming up; a single wrong answer, and there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::contestant::Processes;
use crate::flows::{Flow, Worker};
use crate::machine::{self, Memory};
use crate::statistics::Durations;

const WARM_UP: Duration = Duration::from_secs(1);

/// What a run came to.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// How long each flow took; one entry for each.
    pub(crate) flows: Durations,
    /// How long the run was.
    pub(crate) elapsed: Duration,
    /// What the server's process used of the processors meanwhile.
    pub(crate) server: Duration,
    /// What the processes of its database used, where it has one.
    pub(crate) database: Option<Duration>,
    /// What this process used.
    pub(crate) driver: Duration,
    /// How many processors everything else kept busy.
    pub(crate) noise: f64,
    /// The server's memory at the end.
    pub(crate) memory: Memory,
}

impl Measured {
    /// Flows in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.flows.count() as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds of the server's processor time for one flow.
    pub(crate) fn cost(&self) -> f64 {
        self.server.as_secs_f64() * 1e6 / self.flows.count() as f64
    }

    /// The same of its database's.
    pub(crate) fn database_cost(&self) -> Option<f64> {
        let micros = |spent: Duration| spent.as_secs_f64() * 1e6;
        self.database
            .map(|spent| micros(spent) / self.flows.count() as f64)
    }

    /// Microseconds of this process's for one flow.
    pub(crate) fn driver_cost(&self) -> f64 {
        self.driver.as_secs_f64() * 1e6 / self.flows.count() as f64
    }
}

/// Lets `workers` work on the server of `processes` until the time is over or one of them has nothing left to do.
pub(crate) async fn drive(
    workers: Vec<Worker>,
    processes: Processes,
    window: Duration,
) -> Result<Measured> {
    let course = Arc::new(Course::default());
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(work(worker, Arc::clone(&course)));
    }
    course.wait(WARM_UP).await;
    let before = Moment::now(processes)?;
    course.enter(MEASURED);
    course.wait(window).await;
    course.enter(OVER);
    let after = Moment::now(processes)?;
    let memory = machine::memory(processes.server)?;

    let mut flows = Vec::new();
    while let Some(ended) = running.join_next().await {
        flows.append(&mut ended??);
    }
    ensure!(!flows.is_empty(), "no flow ended in time");
    Ok(before.until(&after, Durations::new(flows), memory))
}

const WARMING_UP: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// Where the run is. The thread that measures moves it on, so that flows and processor time are of the same span.
#[derive(Default)]
struct Course {
    phase: AtomicU8,
    out_of_work: Notify,
}

impl Course {
    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Release);
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Acquire)
    }

    async fn wait(&self, time: Duration) {
        // Time is over, or somebody is out of work or went wrong: either way it is time.
        let _ = tokio::time::timeout(time, self.out_of_work.notified()).await;
    }
}

async fn work(mut worker: Worker, course: Arc<Course>) -> Result<Vec<Duration>> {
    let mut durations = Vec::with_capacity(1 << 16);
    let outcome = loop {
        let begun = Instant::now();
        match worker.flow().await {
            Ok(Flow::Done) => {}
            Ok(Flow::OutOfWork) => break Ok(()),
            Err(wrong) => break Err(wrong),
        }
        match course.phase() {
            WARMING_UP => {}
            MEASURED => durations.push(begun.elapsed()),
            _ => break Ok(()),
        }
    };
    course.out_of_work.notify_one();
    outcome?;
    worker.prove().await?;
    Ok(durations)
}

struct Moment {
    at: Instant,
    server: Duration,
    database: Option<Duration>,
    driver: Duration,
    machine: Duration,
}

impl Moment {
    fn now(processes: Processes) -> Result<Self> {
        let database = processes.database.map(machine::processor_time_of_family);
        Ok(Self {
            at: Instant::now(),
            server: machine::processor_time(processes.server)?,
            database: database.transpose()?,
            driver: machine::processor_time(std::process::id())?,
            machine: machine::busy_time()?,
        })
    }

    fn until(&self, after: &Self, flows: Durations, memory: Memory) -> Measured {
        let elapsed = after.at - self.at;
        let server = after.server - self.server;
        let driver = after.driver - self.driver;
        let database = self.database.zip(after.database);
        // A backend that ended between being counted and being waited for is counted once only.
        let database = database.map(|(before, after)| after.saturating_sub(before));
        let own = server + driver + database.unwrap_or_default();
        let others = (after.machine - self.machine).saturating_sub(own);
        Measured {
            flows,
            elapsed,
            server,
            database,
            driver,
            noise: others.as_secs_f64() / elapsed.as_secs_f64(),
            memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_neither_server_nor_database_nor_driver_used_is_noise() {
        let seconds = Duration::from_secs;
        let at = Instant::now();
        let before = Moment {
            at,
            server: seconds(5),
            database: Some(seconds(2)),
            driver: seconds(1),
            machine: seconds(100),
        };
        let after = Moment {
            at: at + seconds(4),
            server: seconds(8),
            database: Some(seconds(3)),
            driver: seconds(3),
            machine: seconds(108),
        };
        let flows = Durations::new(vec![Duration::from_millis(1); 1000]);
        let measured = before.until(&after, flows, Memory::default());
        assert_eq!(measured.noise, 0.5);
        assert_eq!(measured.rate(), 250.0);
        assert_eq!(measured.cost(), 3000.0);
        assert_eq!(measured.database_cost(), Some(1000.0));
        assert_eq!(measured.driver_cost(), 2000.0);
    }
}
