//! Guesses at passwords, counted by all nodes together, across restarts, and in a bounded number of rows.

use std::net::Ipv4Addr;

use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;
use safeconduct_server::throttle::{Budget, ThrottleSettings};

use crate::login::WRONG;
use crate::support::{Ask, ISSUER, SOMEWHERE, TestServer, password_of};

/// The status of a wrong guess at `username` from `address`, in a browser that was never here.
async fn guess(node: &TestServer, username: &str, address: Ipv4Addr) -> u16 {
    try_password(node, username, "wrong", address).await
}

async fn try_password(node: &TestServer, username: &str, password: &str, address: Ipv4Addr) -> u16 {
    let mut browser = node.browser().at(address);
    let page = browser.authorize(&Ask::of("portal")).await;
    let answer = browser.guess(&page, username, password).await;
    if answer.status == 400 {
        assert_eq!(answer.to_string(), WRONG);
    }
    answer.status.as_u16()
}

const HERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const HOME: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// Addresses of an attacker who has many.
fn anywhere(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, number)
}

/// What each node does twice a second.
async fn poll(nodes: &[&TestServer]) {
    for node in nodes {
        node.server().refresh().await.unwrap();
    }
}

/// A server whose accounts have five guesses from everywhere.
async fn with_five_guesses_for_each_account() -> TestServer {
    let throttle = ThrottleSettings {
        per_account: Budget {
            burst: 5,
            refill: 60,
        },
        ..ThrottleSettings::default()
    };
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    TestServer::start_with(Settings {
        throttle,
        ..settings
    })
    .await
}

#[tokio::test]
async fn guesses_that_go_from_node_to_node_are_slowed_down_like_any_other() {
    let one = TestServer::start().await;
    let other = one.another_node().await;
    let nodes = [&one, &other];
    for name in ["ada", "nobody-of-that-name"] {
        for turn in 0..5 {
            assert_eq!(guess(nodes[turn % 2], name, HERE).await, 400);
            poll(&nodes).await;
        }
        poll(&nodes).await;
        for node in nodes {
            assert_eq!(guess(node, name, HERE).await, 429);
            let right = password_of("ada");
            assert_eq!(try_password(node, name, &right, HERE).await, 429);
        }
    }
    assert_eq!(
        try_password(&other, "ada", &password_of("ada"), HOME).await,
        303,
        "the owner is elsewhere"
    );
    one.advance(60);
    poll(&nodes).await;
    assert_eq!(guess(&other, "ada", HERE).await, 400);
    poll(&nodes).await;
    poll(&nodes).await;
    assert_eq!(guess(&one, "ada", HERE).await, 429, "one guess for both");
}

#[tokio::test]
async fn a_restart_forgets_no_guess() {
    let mut server = TestServer::start().await;
    for _ in 0..5 {
        assert_eq!(guess(&server, "ada", HERE).await, 400);
    }
    poll(&[&server]).await;
    for _ in 0..3 {
        server = server.restart().await;
        assert_eq!(guess(&server, "ada", HERE).await, 429);
        poll(&[&server]).await;
    }
    assert_eq!(server.rows()["guesses"], 1, "refused guesses tell nothing");
    server.advance(60);
    assert_eq!(guess(&server, "ada", HERE).await, 400);
}

#[tokio::test]
async fn a_process_that_is_killed_takes_the_guesses_since_its_last_poll_with_it_and_no_more() {
    let killed = TestServer::start().await;
    for turn in 0..5 {
        assert_eq!(guess(&killed, "ada", HERE).await, 400);
        if turn == 2 {
            poll(&[&killed]).await;
        }
    }
    let successor = killed.another_node().await;
    drop(killed);
    for expected in [400, 400, 429] {
        assert_eq!(guess(&successor, "ada", HERE).await, expected);
    }
}

#[tokio::test]
async fn an_owner_gets_in_from_a_familiar_address_whatever_was_restarted() {
    let server = with_five_guesses_for_each_account().await;
    assert_eq!(
        try_password(&server, "ada", &password_of("ada"), HOME).await,
        303
    );
    poll(&[&server]).await;
    let server = server.restart().await;
    server.advance(29 * 24 * 3600);
    for number in 0..5 {
        assert_eq!(guess(&server, "ada", anywhere(number)).await, 400);
    }
    let right = password_of("ada");
    assert_eq!(
        try_password(&server, "ada", &right, anywhere(99)).await,
        429,
        "at a new address she competes with the attack"
    );
    assert_eq!(try_password(&server, "ada", &right, HOME).await, 303);
    // A month after she was last there the address is like any other.
    poll(&[&server]).await;
    server.advance(30 * 24 * 3600);
    let server = server.restart().await;
    for number in 0..5 {
        assert_eq!(guess(&server, "ada", anywhere(number)).await, 400);
    }
    assert_eq!(try_password(&server, "ada", &right, HOME).await, 429);
}

#[tokio::test]
async fn a_flood_of_guesses_is_one_row_that_names_nobody() {
    let server = TestServer::start().await;
    poll(&[&server]).await;
    let before = server.rows();
    for number in 0..40 {
        let name = format!("nobody-{number}@mail.example");
        assert_eq!(guess(&server, &name, anywhere(number)).await, 400);
        if number % 4 == 0 {
            poll(&[&server]).await;
        }
    }
    poll(&[&server]).await;
    let after = server.rows();
    assert_eq!(after["guesses"], 1);
    let changed: Vec<_> = after
        .iter()
        .filter(|(table, rows)| before[*table] != **rows)
        .map(|(table, _)| table.as_str())
        .collect();
    assert_eq!(changed, ["guesses"]);
    let mapped = anywhere(7).to_ipv6_mapped().octets();
    for (column, value) in server.dump() {
        for named in [
            b"nobody-7@mail".as_slice(),
            b"198.51.100.7",
            &mapped,
            SOMEWHERE.to_string().as_bytes(),
        ] {
            let is_named = value.windows(named.len()).any(|window| window == named);
            assert!(!is_named, "{column}");
        }
    }
}

#[tokio::test]
async fn a_poll_writes_only_where_somebody_guessed() {
    let server = TestServer::start().await;
    poll(&[&server]).await;
    let (rows, dump) = (server.rows(), server.dump());
    for _ in 0..3 {
        poll(&[&server]).await;
    }
    assert_eq!((server.rows(), server.dump()), (rows, dump));
    assert_eq!(guess(&server, "ada", HERE).await, 400);
    poll(&[&server]).await;
    let told = server.dump();
    poll(&[&server]).await;
    assert_eq!(server.dump(), told);
}

#[tokio::test]
async fn addresses_are_written_down_once_a_day_for_people_who_signed_in() {
    let server = TestServer::start().await;
    for _ in 0..3 {
        assert_eq!(
            try_password(&server, "ada", &password_of("ada"), HOME).await,
            303
        );
        poll(&[&server]).await;
    }
    assert_eq!(server.rows()["familiar_addresses"], 1);
    let until = |server: &TestServer| {
        let dump = server.dump();
        let until = dump
            .iter()
            .find(|(column, _)| column == "familiar_addresses.until");
        String::from_utf8(until.unwrap().1.clone()).unwrap()
    };
    let first = until(&server);
    for (pause, is_written) in [(3_600, false), (24 * 3_600, true)] {
        server.advance(pause);
        try_password(&server, "ada", &password_of("ada"), HOME).await;
        poll(&[&server]).await;
        assert_eq!(until(&server) != first, is_written);
    }
    server.advance(31 * 24 * 3600);
    server.server().sweep().await.unwrap();
    assert_eq!(server.rows()["familiar_addresses"], 0);
    assert_eq!(server.rows()["guesses"], 0);
}
