//! A run: everybody does what they do all day, a plan does to the servers what it has in mind, everybody looks back, and the
//! history of it all is held to every promise.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::caller::World;
use crate::checker::{RECOVERY, Recovery, Violation, check, recoveries};
use crate::history::{Act, Answer, Event, Fault, History, Meanwhile, Moment, Node, Span, User};
use crate::lateness::LatenessProbe;
use crate::operator;
use crate::participants::{Machines, PEOPLE};
use crate::site::{Memory, READY, Site};
use crate::visitor::Visitor;

const PACE: Duration = Duration::from_millis(5);
/// How long after one another people come: 64 passwords in one moment are more than two slow cores hash within the two seconds
/// that the server lets them wait.
const APART: Duration = Duration::from_millis(50);
/// How long somebody may need to get a definite answer when everything is over.
const LOOKING_BACK: Duration = Duration::from_secs(60);
/// How long the load may make no progress before the run is given up.
const STANDSTILL: Duration = Duration::from_secs(120);
/// How many broken promises are shown.
const SHOWN: usize = 10;

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// What it was.
    pub name: String,
    /// How many nodes, on what.
    pub nodes: String,
    /// What happened.
    pub history: History,
    /// How long everybody was at it.
    pub took: Duration,
    /// How late the run itself was at worst, which measures all the others.
    pub late: Duration,
    /// How long nodes took to serve again.
    pub recoveries: Vec<Recovery>,
    /// What was broken.
    pub violations: Vec<Violation>,
}

impl Outcome {
    /// How many requests that was.
    pub fn operations(&self) -> usize {
        self.history.events.len()
    }

    /// How many requests came to an answer like this.
    pub fn count(&self, like: impl Fn(&Answer<()>) -> bool) -> usize {
        let answers = self.history.events.iter().map(|event| event.act.answer());
        answers.filter(|answer| like(answer)).count()
    }

    /// How many requests like this began while a fault lasted, at its nodes.
    pub fn count_during(&self, fault: &Fault, like: impl Fn(&Act) -> bool) -> usize {
        let during = |event: &&Event| {
            let at_its_nodes = event.node.is_some_and(|node| fault.nodes.contains(&node));
            let began = event.span.began;
            at_its_nodes && fault.span.began <= began && began < fault.span.ended
        };
        let events = self.history.events.iter().filter(during);
        events.filter(|event| like(&event.act)).count()
    }

    /// Fails if a promise was broken. Then the whole history is kept beside the program, for whoever looks for the reason.
    ///
    /// # Errors
    /// A promise was broken.
    pub fn judged(self) -> Result<Self> {
        if self.violations.is_empty() {
            return Ok(self);
        }
        let kept = self.keep()?;
        let shown: String = (self.violations.iter().take(SHOWN))
            .map(ToString::to_string)
            .collect();
        bail!(
            "{}: {} promises were broken, the first of them:\n{shown}the whole history is in {}",
            self.name,
            self.violations.len(),
            kept.display()
        )
    }

    /// Writes the history to a file beside the program.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep(&self) -> Result<PathBuf> {
        let name = self.name.replace([' ', ',', ':'], "-");
        let path = beside_program()?.join(format!("soak-{name}-{}.jsonl", std::process::id()));
        self.history.write(BufWriter::new(File::create(&path)?))?;
        Ok(path)
    }
}

/// The folder of the program, which is on a disk; in the temporary directory there is often none to flush to.
///
/// # Errors
/// The program does not know where it is.
pub fn beside_program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a program stands in a folder")?;
    Ok(folder.to_owned())
}

/// What a fault is.
#[derive(Clone, Copy, Debug)]
pub struct Harm<'a> {
    /// What is done.
    pub name: &'a str,
    /// To which nodes.
    pub nodes: &'a [Node],
    /// What follows for their answers.
    pub means: Meanwhile,
}

/// What a plan works with while everybody is at it.
pub struct Run {
    /// The nodes.
    pub site: Arc<Site>,
    world: Arc<World>,
    faults: Mutex<Vec<Fault>>,
    going: AtomicBool,
    operator_wanted: bool,
}

impl Run {
    /// A site in a folder below `within`, and a world that fits it. Nobody is there yet, and no node runs.
    ///
    /// # Errors
    /// The site can't be prepared.
    pub fn prepare(within: &Path, memory: &Memory) -> Result<Self> {
        let machines = Machines::generate()?;
        let site = Site::prepare(within, memory, &machines)?;
        let subjects = site.subjects()?;
        let world = World::new(site.addresses().to_vec(), subjects, machines);
        Ok(Self {
            site: Arc::new(site),
            world: Arc::new(world),
            faults: Mutex::new(Vec::new()),
            going: AtomicBool::new(false),
            operator_wanted: true,
        })
    }

    /// The same without an operator, for runs in which commands would fail.
    pub fn without_operator(self) -> Self {
        Self {
            operator_wanted: false,
            ..self
        }
    }

    /// Starts every node.
    ///
    /// # Errors
    /// One does not start.
    pub async fn start(&self) -> Result<()> {
        for node in self.site.nodes() {
            self.site.start(node).await?;
        }
        Ok(())
    }

    /// Lets everybody do what they do, and `plan` what it has in mind; then everybody looks back. `after` comes before that, for
    /// whatever has to be put in order.
    ///
    /// # Errors
    /// The plan's, or nothing gets on any more.
    pub async fn carry_out(
        self,
        name: &str,
        nodes: &str,
        plan: impl AsyncFnOnce(&Self) -> Result<()>,
        after: impl AsyncFnOnce(&Self) -> Result<()>,
    ) -> Result<Outcome> {
        let run = Arc::new(self);
        run.going.store(true, Ordering::Relaxed);
        let begun = run.now();
        let world = Arc::clone(&run.world);
        let probe = LatenessProbe::start(move || world.now());
        let people = run.everybody(Doing::Living);
        let operator = tokio::spawn(Arc::clone(&run).operate());
        let planned = plan(&run).await;
        run.going.store(false, Ordering::Relaxed);
        let mut events = operator.await?;
        let people = people.join_all().await;
        planned.with_context(|| run.last_words())?;

        after(&run).await.with_context(|| run.last_words())?;
        let looked_back = run.everybody(Doing::LookingBack(people)).join_all().await;
        for visitor in looked_back {
            events.extend(visitor.into_events());
        }
        let took = run.now() - begun;
        let lateness = probe.lateness().await?;
        let history = History::new(events, run.faults(), lateness.stalls);
        Ok(Outcome {
            name: name.to_owned(),
            nodes: nodes.to_owned(),
            took,
            late: lateness.longest,
            recoveries: recoveries(&history),
            violations: check(&history),
            history,
        })
    }

    /// Waits until so many more requests have ended.
    ///
    /// # Errors
    /// Nothing gets on any more.
    pub async fn more(&self, operations: u64) -> Result<()> {
        self.until(self.world.asked() + operations, World::asked)
            .await
    }

    /// Waits until so many more requests have been granted.
    ///
    /// # Errors
    /// Nothing gets on any more.
    pub async fn more_granted(&self, operations: u64) -> Result<()> {
        self.until(self.world.granted() + operations, World::granted)
            .await
    }

    async fn until(&self, number: u64, count: impl Fn(&World) -> u64) -> Result<()> {
        let (mut last, mut moved) = (count(&self.world), self.now());
        while count(&self.world) < number {
            sleep(PACE).await;
            let (count, now) = (count(&self.world), self.now());
            if count != last {
                (last, moved) = (count, now);
            } else if now - moved > STANDSTILL {
                bail!("nothing gets on any more\n{}", self.last_words());
            }
        }
        Ok(())
    }

    /// Does harm, waits for `meanwhile` and undoes it, and writes that down.
    ///
    /// # Errors
    /// Those of what is done.
    pub async fn fault(
        &self,
        harm: Harm<'_>,
        inflict: impl AsyncFnOnce() -> Result<()>,
        meanwhile: impl AsyncFnOnce() -> Result<()>,
        undo: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<Fault> {
        let began = self.now();
        inflict().await?;
        let effect = self.now();
        meanwhile().await?;
        let ended = self.now();
        let fault = Fault {
            name: harm.name.to_owned(),
            nodes: harm.nodes.to_vec(),
            span: Span { began, ended },
            effect,
            means: harm.means,
        };
        self.write_down(fault.clone());
        undo().await?;
        Ok(fault)
    }

    /// Writes down a fault that lasts for a whole run.
    pub fn write_down(&self, fault: Fault) {
        let faults = self.faults.lock();
        faults
            .expect("nobody panics while holding the faults")
            .push(fault);
    }

    /// Waits until every node serves again, for as long as recovery may take and a little more: that it took too long is for the
    /// checker to say.
    ///
    /// # Errors
    /// A node does not.
    pub async fn until_all_ready(&self) -> Result<()> {
        for node in self.site.nodes() {
            self.site.until(node, READY, RECOVERY * 2).await?;
        }
        Ok(())
    }

    /// Now, on the clock of the history.
    pub fn now(&self) -> Moment {
        self.world.now()
    }

    fn everybody(self: &Arc<Self>, doing: Doing) -> JoinSet<Visitor> {
        let mut set = JoinSet::new();
        match doing {
            Doing::Living => {
                for user in (0..PEOPLE).map(User) {
                    let run = Arc::clone(self);
                    set.spawn(async move {
                        sleep(APART * u32::try_from(user.0).unwrap_or(u32::MAX)).await;
                        let mut visitor = Visitor::new(user, &run.world);
                        visitor.live(|| run.is_going()).await;
                        visitor
                    });
                }
            }
            Doing::LookingBack(people) => {
                for mut visitor in people {
                    set.spawn(async move {
                        visitor.look_back(LOOKING_BACK).await;
                        visitor
                    });
                }
            }
        }
        set
    }

    async fn operate(self: Arc<Self>) -> Vec<Event> {
        let wanted = self.operator_wanted;
        operator::work(&self.world, &self.site, || wanted && self.is_going()).await
    }

    fn is_going(&self) -> bool {
        self.going.load(Ordering::Relaxed)
    }

    fn faults(&self) -> Vec<Fault> {
        let faults = self.faults.lock();
        faults
            .expect("nobody panics while holding the faults")
            .clone()
    }

    /// The end of what each node has said.
    fn last_words(&self) -> String {
        let words = |node: Node| format!("--- node {}\n{}\n", node.0, self.site.said(node));
        self.site.nodes().map(words).collect()
    }
}

/// What everybody does.
enum Doing {
    Living,
    LookingBack(Vec<Visitor>),
}
