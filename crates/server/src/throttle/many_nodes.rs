//! What the throttle promises where several nodes count together.

use std::collections::HashMap;
use std::net::IpAddr;

use proptest::prelude::*;
use safeconduct_store::NodeGuesses;

use super::*;

const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LOOSE: Budget = Budget {
    burst: 1_000_000,
    refill: 1,
};

/// Nodes with one budget, and the rows through which they learn of each other.
struct Nodes {
    nodes: Vec<Throttle>,
    rows: HashMap<String, NodeGuesses>,
}

impl Nodes {
    fn new(count: usize, per_pair: Budget, per_account: Budget) -> Self {
        let mut nodes = Self {
            nodes: Vec::new(),
            rows: HashMap::new(),
        };
        for _ in 0..count {
            nodes.start(per_pair, per_account);
        }
        nodes
    }

    /// One more node, which merges what was exported so far.
    fn start(&mut self, per_pair: Budget, per_account: Budget) -> usize {
        let settings = ThrottleSettings {
            enabled: true,
            per_pair,
            per_account,
            per_address: LOOSE,
            sign_ins: budget(3, 45),
            slots: 1024,
        };
        self.nodes.push(Throttle::new(settings, [7; 32]));
        self.merge(self.nodes.len() - 1, NOON);
        self.nodes.len() - 1
    }

    fn merge(&mut self, node: usize, now: Timestamp) {
        let node = &self.nodes[node];
        let others = self.rows.values().filter(|row| row.node != node.node);
        let listed: Vec<_> = others.map(|row| (row.node.clone(), row.version)).collect();
        let mut buckets = node.buckets();
        let unmerged = buckets.unmerged(&listed);
        let exported = unmerged
            .into_iter()
            .map(|node| self.rows[node].clone())
            .collect();
        buckets.merge(&listed, exported, now.seconds());
    }

    /// What a node does with each poll.
    fn poll(&mut self, node: usize, now: Timestamp) {
        self.merge(node, now);
        let throttle = &self.nodes[node];
        let exported = throttle.buckets().export(&throttle.node, now.seconds());
        if let Some(row) = exported {
            self.rows.insert(row.node.clone(), row);
        }
    }

    fn poll_all(&mut self, now: Timestamp) {
        // Twice, so that the first has merged the last.
        for node in (0..self.nodes.len()).chain(0..self.nodes.len()) {
            self.poll(node, now);
        }
    }

    fn guess(&self, node: usize, name: &str, now: Timestamp) -> Option<RetryAfter> {
        let permit = check(&self.nodes[node], name, somewhere(1), now);
        permit.map(Permit::failed).err()
    }
}

/// Asks in a browser that was never here.
fn check<'t>(
    throttle: &'t Throttle,
    name: &str,
    address: IpAddr,
    now: Timestamp,
) -> Result<Permit<'t>, RetryAfter> {
    throttle.check(name, address, &KnownBrowser::default(), now)
}

fn budget(burst: u32, refill: u32) -> Budget {
    Budget { burst, refill }
}

fn somewhere(number: u32) -> IpAddr {
    IpAddr::V4((0x0b00_0000 + number).into())
}

#[test]
fn what_one_node_charged_another_counts() {
    let mut nodes = Nodes::new(2, budget(3, 60), LOOSE);
    for node in [0, 1, 0] {
        assert_eq!(nodes.guess(node, "ada", NOON), None);
        nodes.poll_all(NOON);
    }
    for node in [0, 1] {
        let refused = nodes.guess(node, " ADA ", NOON).unwrap();
        assert_eq!((refused.seconds, refused.limit), (60, Limit::Pair));
        assert_eq!(nodes.guess(node, "bob", NOON), None);
    }
}

#[test]
fn a_sum_that_is_merged_twice_counts_once() {
    let mut nodes = Nodes::new(2, budget(2, 60), LOOSE);
    assert_eq!(nodes.guess(0, "ada", NOON), None);
    for _ in 0..10 {
        nodes.poll_all(NOON);
    }
    assert_eq!(nodes.guess(1, "ada", NOON), None);
    assert!(nodes.guess(1, "ada", NOON).is_some());
}

#[test]
fn what_was_got_from_all_nodes_at_once_is_owed() {
    let mut nodes = Nodes::new(3, budget(5, 60), LOOSE);
    for guess in 0..15 {
        assert_eq!(nodes.guess(guess / 5, "ada", NOON), None);
    }
    nodes.poll_all(NOON);
    // Fifteen were charged where five were free: the next comes after eleven minutes, and not after one.
    for (minutes, is_refused) in [(0, true), (1, true), (10, true), (11, false)] {
        let now = NOON.plus(minutes * 60);
        let refused = nodes.guess(1, "ada", now);
        assert_eq!(refused.is_some(), is_refused, "{minutes}");
        if let Some(refused) = refused {
            assert_eq!(i64::from(refused.seconds), (11 - minutes) * 60);
        }
    }
}

#[test]
fn in_the_long_run_many_nodes_give_what_one_gives() {
    let mut nodes = Nodes::new(4, budget(5, 60), LOOSE);
    let mut guesses = 0;
    let hours = 6;
    // At every second at all nodes at once, before any has merged the others.
    for second in 0..hours * 3600 {
        let now = NOON.plus(second);
        let answers: Vec<_> = (0..4).map(|node| nodes.guess(node, "ada", now)).collect();
        let passed = answers.iter().filter(|answer| answer.is_none()).count();
        guesses += passed as i64;
        if passed > 0 {
            nodes.poll_all(now);
        }
        assert!(guesses <= 4 * 5 + second / 60, "{guesses} after {second} s");
    }
    assert!(
        guesses >= hours * 60,
        "the clock gives them back: {guesses}"
    );
}

#[test]
fn sign_ins_are_counted_by_all_nodes_together() {
    let mut nodes = Nodes::new(2, budget(2, 60), LOOSE);
    for node in [0, 1, 0] {
        let permit = check(&nodes.nodes[node], "ada", somewhere(1), NOON);
        permit.ok().unwrap().succeeded(&KnownBrowser::default());
        nodes.poll_all(NOON);
    }
    // Three are free: from now on a right password is charged like a wrong one.
    for node in [1, 0] {
        let permit = check(&nodes.nodes[node], "ada", somewhere(1), NOON);
        permit.ok().unwrap().succeeded(&KnownBrowser::default());
        nodes.poll_all(NOON);
    }
    for node in [0, 1] {
        assert!(nodes.guess(node, "ada", NOON).is_some());
        assert_eq!(nodes.guess(node, "bob", NOON), None);
    }
}

#[test]
fn a_browser_is_known_on_every_node() {
    let mut nodes = Nodes::new(2, LOOSE, budget(5, 60));
    let permit = check(&nodes.nodes[0], "ada", somewhere(1), NOON);
    let cookie = permit.ok().unwrap().succeeded(&KnownBrowser::default());
    for number in 0..5 {
        let permit = check(&nodes.nodes[1], "ada", somewhere(100 + number), NOON);
        permit.ok().unwrap().failed();
    }
    nodes.poll_all(NOON);
    for node in &nodes.nodes {
        assert!(check(node, "ada", somewhere(9), NOON).is_err());
        let browser = node.known_browser(cookie.as_ref());
        let permit = node.check(" ADA", somewhere(9), &browser, NOON);
        permit.ok().unwrap().failed();
    }
}

#[test]
fn a_process_that_takes_over_forgets_nothing_that_was_told() {
    let (per_pair, per_account) = (budget(3, 60), budget(10, 60));
    let mut nodes = Nodes::new(1, per_pair, per_account);
    for _ in 0..3 {
        assert_eq!(nodes.guess(0, "ada", NOON), None);
    }
    nodes.poll(0, NOON);
    let successor = nodes.start(per_pair, per_account);
    assert_eq!(nodes.guess(successor, "ada", NOON).unwrap().seconds, 60);
    assert_eq!(nodes.guess(successor, "ada", NOON.plus(60)), None);
}

#[test]
fn a_flood_tells_a_bounded_row_with_the_most_spent_in_it() {
    let mut nodes = Nodes::new(2, budget(5, 60), budget(50, 60));
    for _ in 0..5 {
        assert_eq!(nodes.guess(0, "ada", NOON), None);
    }
    for number in 0..20_000 {
        let name = format!("nobody{number}");
        let _ = check(&nodes.nodes[0], &name, somewhere(number + 2), NOON);
    }
    nodes.poll_all(NOON);
    assert_eq!(nodes.rows.len(), 1, "the other node has nothing to tell");
    let longest = nodes.rows.values().map(|row| row.spent.len()).max();
    assert!(longest.unwrap() <= 1 + export::KINDS * (4 + 20 * export::MOST));
    assert!(nodes.guess(1, "ada", NOON).is_some());
}

#[test]
fn a_node_that_counted_nothing_exports_nothing() {
    let mut nodes = Nodes::new(1, budget(2, 60), LOOSE);
    nodes.poll(0, NOON);
    assert!(nodes.rows.is_empty());
    nodes.guess(0, "ada", NOON);
    nodes.poll(0, NOON);
    let version = |nodes: &Nodes| nodes.rows.values().next().unwrap().version;
    assert_eq!(version(&nodes), 1);
    for _ in 0..2 {
        nodes.guess(0, "ada", NOON);
    }
    nodes.poll(0, NOON);
    assert_eq!(version(&nodes), 2);
    // A refused guess costs nothing, and is nothing to export.
    assert!(nodes.guess(0, "ada", NOON).is_some());
    nodes.poll(0, NOON);
    assert_eq!(version(&nodes), 2);
}

#[test]
fn a_node_with_a_mad_clock_keeps_nobody_out() {
    let mut nodes = Nodes::new(2, budget(2, 60), LOOSE);
    let mad = NOON.plus(365 * 24 * 3600);
    for _ in 0..2 {
        assert_eq!(nodes.guess(0, "ada", mad), None);
    }
    nodes.poll(0, mad);
    nodes.merge(1, NOON);
    assert_eq!(nodes.guess(1, "ada", NOON), None);
}

/// Attacks: E26.
#[test]
fn what_cannot_be_read_counts_for_nothing() {
    let mut nodes = Nodes::new(2, budget(2, 60), LOOSE);
    for _ in 0..2 {
        assert_eq!(nodes.guess(0, "ada", NOON), None);
    }
    nodes.poll(0, NOON);
    nodes.rows.values_mut().for_each(|row| row.spent.push(0));
    nodes.merge(1, NOON);
    assert_eq!(nodes.guess(1, "ada", NOON), None);
}

#[test]
fn a_node_that_is_gone_is_forgotten_with_its_row() {
    let mut nodes = Nodes::new(2, budget(2, 60), LOOSE);
    for _ in 0..2 {
        assert_eq!(nodes.guess(0, "ada", NOON), None);
    }
    nodes.poll_all(NOON);
    assert!(nodes.guess(1, "ada", NOON).is_some());
    nodes.rows.clear();
    nodes.merge(1, NOON);
    assert_eq!(nodes.guess(1, "ada", NOON), None);
}

/// One step of a test: who guesses, where, how it ends, and how long after the step before.
type Step = (u8, usize, u8, i64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..3u8, 0..3usize, 0..8u8, 1..50i64), 1..200)
}

fn attempt(throttle: &Throttle, step: &Step, now: Timestamp) -> Result<(), RetryAfter> {
    let (name, _, end, _) = step;
    // Two addresses, so that accounts are guessed at from more than one.
    let address = somewhere(u32::from(end % 2));
    let permit = check(throttle, &name.to_string(), address, now)?;
    match end {
        0 => drop(permit.succeeded(&KnownBrowser::default())),
        1 => permit.not_tried(),
        _ => permit.failed(),
    }
    Ok(())
}

proptest! {
    #[test]
    fn nodes_that_have_heard_each_other_are_as_one(steps in steps()) {
        let (per_pair, per_account) = (budget(3, 60), budget(4, 45));
        let one = Nodes::new(1, per_pair, per_account);
        let mut many = Nodes::new(3, per_pair, per_account);
        let mut now = NOON;
        for step in &steps {
            now = now.plus(step.3);
            let of_many = attempt(&many.nodes[step.1], step, now);
            prop_assert_eq!(of_many, attempt(&one.nodes[0], step, now));
            many.poll_all(now);
        }
    }

    #[test]
    fn however_they_poll_there_is_never_more_than_the_burst_of_each_and_what_the_clock_gives(
        steps in steps(),
        polls in prop::collection::vec(0..3usize, 200),
    ) {
        let mut nodes = Nodes::new(3, budget(2, 60), LOOSE);
        let (mut now, mut passed) = (NOON, 0);
        for ((_, node, _, pause), poll) in steps.iter().zip(polls) {
            now = now.plus(*pause);
            passed += i64::from(nodes.guess(*node, "ada", now).is_none());
            // Each node polls before the next step, or some steps later: then it lets pass what it does not know of.
            nodes.poll(poll, now);
            let elapsed = now.since(NOON);
            prop_assert!(passed <= 3 * (2 + elapsed / 60));
        }
        nodes.poll_all(now);
        let owed = nodes.guess(0, "ada", now).map_or(0, |wait| i64::from(wait.seconds));
        prop_assert!(owed <= 3 * 2 * 60, "no more is owed than what every node lets pass at once");
    }
}
