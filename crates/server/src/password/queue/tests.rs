use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const ONE: u64 = 100;

/// Account number `account` at address number `address` of network number `network`.
fn requester(network: u16, address: u8, account: u64) -> Requester {
    let [high, low] = network.to_be_bytes();
    Requester {
        network: Ipv4Addr::new(10, high, low, 0).into(),
        address: Ipv4Addr::new(10, high, low, address).into(),
        account,
    }
}

fn push(queue: &mut FairQueue<Requester>, requester: Requester) -> bool {
    !matches!(queue.push(requester, ONE, requester), Joined::Refused(_))
}

#[test]
fn whoever_is_alone_is_served_in_the_order_of_arrival() {
    let mut queue = FairQueue::new(32);
    for number in 0..10 {
        assert!(matches!(
            queue.push(requester(1, 1, 1), ONE, number),
            Joined::Waits(_)
        ));
    }
    let served: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(served, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_newcomer_goes_before_whoever_waits_for_more() {
    let mut queue = FairQueue::new(32);
    let (many, newcomer) = (requester(1, 1, 1), requester(2, 1, 2));
    for _ in 0..20 {
        push(&mut queue, many);
    }
    queue.pop();
    push(&mut queue, newcomer);
    assert_eq!(queue.pop(), Some(newcomer));
}

#[test]
fn as_soon_as_others_wait_an_account_has_two_places_and_an_address_four() {
    let mut queue = FairQueue::new(8);
    push(&mut queue, requester(9, 1, 9));
    let places = |queue: &mut FairQueue<Requester>, accounts: u64| {
        let mut places = 0;
        for number in 0..10 {
            let requester = requester(1, 1, number % accounts);
            places += usize::from(matches!(
                queue.push(requester, ONE, requester),
                Joined::Waits(_)
            ));
        }
        places
    };
    assert_eq!(places(&mut queue, 1), 2);
    assert_eq!(places(&mut queue, 10), 2);
}

/// An office behind one address, and one stranger who waits.
#[test]
fn an_address_may_fill_what_the_networks_that_wait_leave_of_the_queue() {
    let mut queue = FairQueue::new(64);
    push(&mut queue, requester(9, 1, 9));
    let office = (0..64).filter(|account| push(&mut queue, requester(1, 1, *account)));
    assert_eq!(office.count(), 64 / 3);
    for network in 2..9 {
        assert!(
            push(&mut queue, requester(network, 1, 1)),
            "{network} has room"
        );
    }
}

#[test]
fn a_crowded_address_gives_up_a_place_of_the_account_that_has_most() {
    let mut queue = FairQueue::new(8);
    push(&mut queue, requester(9, 1, 9));
    for account in [1, 1, 2, 2] {
        assert!(push(&mut queue, requester(1, 1, account)));
    }
    let owner = requester(1, 1, 3);
    let Joined::InsteadOf(_, dropped) = queue.push(owner, ONE, owner) else {
        panic!("the owner has a place");
    };
    assert_eq!(dropped, requester(1, 1, 2), "the latest of the fattest");
    assert!(!push(&mut queue, requester(1, 1, 2)));
}

#[test]
fn a_full_queue_drops_from_the_fattest_and_not_whoever_arrives() {
    let mut queue = FairQueue::new(8);
    for number in 0..8 {
        assert!(push(&mut queue, requester(1, number, number.into())));
    }
    assert!(!push(&mut queue, requester(1, 9, 9)));
    for number in 0..4 {
        let owner = requester(2 + number, 1, 1);
        let Joined::InsteadOf(_, dropped) = queue.push(owner, ONE, owner) else {
            panic!("{number} has a place");
        };
        assert_eq!(dropped.network, requester(1, 0, 0).network);
    }
    assert_eq!(queue.len(), 8);
}

#[test]
fn whoever_waits_for_dearer_hashes_waits_for_fewer() {
    let mut queue = FairQueue::new(64);
    let (dear, cheap) = (requester(1, 1, 1), requester(2, 1, 2));
    let mut served = BTreeMap::new();
    for _ in 0..60 {
        queue.push(dear, 6 * ONE, "dear");
        queue.push(cheap, ONE, "cheap");
        queue.push(cheap, ONE, "cheap");
        *served.entry(queue.pop().unwrap()).or_insert(0) += 1;
    }
    assert!((7..=10).contains(&served["dear"]), "{served:?}");
}

#[test]
fn whoever_leaves_is_not_served_and_costs_nobody_a_turn() {
    let mut queue = FairQueue::new(1_000);
    let mut tickets = Vec::new();
    for number in 0..1_000 {
        match queue.push(requester(number, 1, 1), ONE, number) {
            Joined::Waits(ticket) => tickets.push(ticket),
            other => panic!("{other:?}"),
        }
    }
    for (number, ticket) in tickets.iter().enumerate() {
        assert_eq!(queue.leave(*ticket), u16::try_from(number).ok());
        assert_eq!(queue.leave(*ticket), None);
    }
    assert_eq!((queue.len(), queue.pop()), (0, None));
}

/// Plays a flood of `connections` that each begin anew as soon as they are answered, against a user elsewhere who signs in
/// 40 times. One thread hashes. How many hashes the user waited for at most, or `None` if one was refused.
fn longest_wait(connections: usize, flood: impl Fn(usize) -> Requester) -> Option<usize> {
    let mut queue = FairQueue::new(32);
    let owner = requester(9_999, 1, u64::MAX);
    let mut knocks = 0;
    let mut longest = 0;
    let mut knock = |queue: &mut FairQueue<Requester>, connections: usize| {
        for _ in 0..connections {
            push(queue, flood(knocks));
            knocks += 1;
        }
    };
    for _ in 0..40 {
        knock(&mut queue, connections);
        if !push(&mut queue, owner) {
            return None;
        }
        let mut hashes = 1;
        loop {
            // Whoever was served or turned away is back at once.
            knock(&mut queue, 4);
            if queue.pop()? == owner {
                break;
            }
            hashes += 1;
        }
        longest = longest.max(hashes);
    }
    Some(longest)
}

#[test]
fn another_persons_sign_ins_succeed_while_a_flood_runs() {
    let account = |_| requester(1, 1, 1);
    let names = |knock: usize| requester(1, 1, knock as u64);
    let network = |knock: usize| requester(1, (knock % 251) as u8, knock as u64);
    let networks = |knock: usize| requester((knock % 20) as u16, (knock % 251) as u8, knock as u64);
    // At most one of the flood's for each of the user's, and one more where they stand equal.
    for longest in [
        longest_wait(60, account),
        longest_wait(60, names),
        longest_wait(60, network),
    ] {
        assert!(longest.is_some_and(|longest| longest <= 3), "{longest:?}");
    }
    // With 20 networks the share is a twenty-first.
    let longest = longest_wait(60, networks);
    assert!(longest.is_some_and(|longest| longest <= 22), "{longest:?}");
}

#[test]
fn whoever_waits_is_served_however_many_newcomers_there_are() {
    let mut queue = FairQueue::new(8);
    let regular = requester(0, 1, 1);
    let mut between = 0;
    let mut newcomer = 0;
    for _ in 0..2_000 {
        push(&mut queue, regular);
        while queue.len() < 8 {
            newcomer += 1;
            push(&mut queue, requester(newcomer, 1, 1));
        }
        between += 1;
        if queue.pop() == Some(regular) {
            between = 0;
        }
        assert!(between <= 2 * 8, "passed over {between} times");
        assert!(queue.shares.len() <= 8 * 8 + 11);
    }
}

/// One step of a test: who, what it costs, and what happens (a push, a pop, or a leave).
type Step = (u16, u8, u64, u64, u8);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..6u16, 0..4u8, 0..4u64, 1..2_000u64, 0..10u8);
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out_once(steps in steps(), capacity in 1..12usize) {
        let mut queue = FairQueue::new(capacity);
        let mut inside = HashSet::new();
        let mut tickets = VecDeque::new();
        for (number, (network, address, account, cost, what)) in steps.into_iter().enumerate() {
            match what {
                0..6 => {
                    let requester = requester(network, address, account);
                    match queue.push(requester, cost, number) {
                        Joined::Waits(ticket) => {
                            tickets.push_back((ticket, number));
                            inside.insert(number);
                        }
                        Joined::InsteadOf(ticket, dropped) => {
                            tickets.push_back((ticket, number));
                            inside.insert(number);
                            prop_assert!(inside.remove(&dropped));
                        }
                        Joined::Refused(refused) => prop_assert_eq!(refused, number),
                    }
                }
                6..9 => match queue.pop() {
                    Some(served) => prop_assert!(inside.remove(&served)),
                    None => prop_assert!(inside.is_empty()),
                },
                _ => if let Some((ticket, number)) = tickets.pop_front() {
                    let left = queue.leave(ticket);
                    prop_assert_eq!(left, inside.remove(&number).then_some(number));
                },
            }
            prop_assert_eq!(queue.len(), inside.len());
            prop_assert!(queue.len() <= capacity);
            prop_assert!(queue.shares.len() <= 8 * capacity + 11);
        }
        while let Some(served) = queue.pop() {
            prop_assert!(inside.remove(&served));
        }
        prop_assert!(inside.is_empty());
    }

    #[test]
    fn two_networks_that_always_wait_get_the_same(
        members in prop::collection::vec((0..5u8, 0..5u64, 1..50u64), 300),
        other_cost in 1..50u64,
    ) {
        let mut queue = FairQueue::new(32);
        let mut served = [0, 0];
        for (address, account, cost) in members {
            queue.push(requester(0, address, account), cost, (0, cost));
            queue.push(requester(1, 1, 1), other_cost, (1, other_cost));
            let of = |queue: &FairQueue<_>, network| {
                queue.shares.get(&Key::Network(requester(network, 0, 0).network))
                    .map_or(0, |share: &Share| share.waiting)
            };
            if of(&queue, 0) > 1 && of(&queue, 1) > 1 {
                let (network, cost) = queue.pop().unwrap();
                served[network] += cost;
            }
        }
        // Both begin in the same moment, and no step is larger than one hash.
        prop_assert!(served[0].abs_diff(served[1]) <= 2 * 50, "{:?}", served);
    }
}
