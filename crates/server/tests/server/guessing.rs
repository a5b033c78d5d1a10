//! Guesses at passwords, counted by all nodes together, across restarts, and in a bounded number of rows; and what a stranger
//! learns of a name by guessing, which is nothing.

use std::net::Ipv4Addr;

use rstest::rstest;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;
use safeconduct_server::throttle::{Budget, ThrottleSettings};

use crate::clock::metrics;
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

/// Attacks: L14.
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

/// Attacks: L14.
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

/// Attacks: L19.
#[tokio::test]
async fn an_owner_gets_in_with_a_browser_they_signed_in_with_whatever_was_restarted() {
    let server = with_five_guesses_for_each_account().await;
    let right = password_of("ada");
    let cookies = server.sign_in("ada").await.cookies;
    poll(&[&server]).await;
    let server = server.restart().await;
    let owner = |address: Ipv4Addr| {
        let mut browser = server.browser().at(address);
        browser.cookies.clone_from(&cookies);
        browser
    };
    let guess_from_everywhere = async || {
        for number in 0..5 {
            assert_eq!(guess(&server, "ada", anywhere(number)).await, 400);
        }
        assert_eq!(
            try_password(&server, "ada", &right, HOME).await,
            429,
            "in a new browser she competes with the attack"
        );
    };
    server.advance(29 * 24 * 3600);
    guess_from_everywhere().await;
    for address in [HOME, HERE] {
        let mut browser = owner(address);
        let page = browser.authorize(&Ask::of("portal")).await;
        assert!(browser.sign_in(&page, "ada").await.has_code());
    }
    // A month after she last signed in with these cookies the browser is like any other.
    server.advance(2 * 24 * 3600);
    guess_from_everywhere().await;
    let mut browser = owner(HOME);
    let page = browser.authorize(&Ask::of("portal")).await;
    let answer = browser.guess(&page, "ada", &right).await;
    assert_eq!(answer.status, 429);
}

/// What a stranger sees who tries `password` for `username` again and again, while the owners sign in at the same address, in a
/// browser that is known and in new ones.
async fn seen_by_a_stranger(username: &str, password: &str) -> Vec<String> {
    let server = with_five_guesses_for_each_account().await;
    server.lock_user("bob").await;
    server.delete_user("eve").await;
    let mut seen = Vec::new();
    let mut owner = server.browser().at(HERE);
    for turn in 0..24 {
        let page = owner
            .authorize(&Ask::of("portal").with("prompt", "login"))
            .await;
        let _ = owner.guess(&page, "ada", &password_of("ada")).await;
        let _ = try_password(&server, "ada", &password_of("ada"), HERE).await;
        // From the owner's address, and from others so that the account is exhausted before the pair.
        let address = if turn % 3 == 0 { HERE } else { anywhere(turn) };
        let mut stranger = server.browser().at(address);
        let page = stranger.authorize(&Ask::of("portal")).await;
        let answer = stranger.guess(&page, username, password).await;
        let retry = answer.headers.get("retry-after");
        seen.push(format!("{} {retry:?}", answer.status));
        server.advance(if turn == 12 { 120 } else { 5 });
    }
    seen
}

/// Attacks: L11.
#[rstest]
#[case::wrong("ada", "wrong")]
#[case::too_long("ada", &"x".repeat(5_000))]
#[case::locked("bob", "wrong")]
#[case::locked_with_the_right_password("bob", &password_of("bob"))]
#[case::deleted_with_the_right_password("eve", &password_of("eve"))]
#[tokio::test]
async fn guesses_tell_nobody_whether_there_is_an_account(
    #[case] username: &str,
    #[case] password: &str,
) {
    let of_nobody = seen_by_a_stranger("nobody", "wrong").await;
    assert!(of_nobody.iter().any(|seen| seen.starts_with("400")));
    assert!(of_nobody.iter().any(|seen| seen.starts_with("429")));
    assert_eq!(seen_by_a_stranger(username, password).await, of_nobody);
}

/// Attacks: L12.
#[tokio::test]
async fn an_empty_password_is_asked_for_and_counts_for_nobody() {
    let server = with_five_guesses_for_each_account().await;
    for username in ["ada", "nobody"] {
        for _ in 0..8 {
            assert_eq!(try_password(&server, username, "", HERE).await, 400);
        }
        assert_eq!(guess(&server, username, HERE).await, 400);
    }
}

/// Hashes of other systems, with the work that checking each is. No password is right for them.
const IMPORTED: [(&str, u64); 3] = [
    (
        "$argon2id$v=19$m=38912,t=3,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        38_912 * 3,
    ),
    (
        "$2b$05$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y",
        160 << 5,
    ),
    (
        "pbkdf2_sha256$20000$seasalt$1XtEOAQ3kQetII+9ePdobijE5U0UVZF5/sGxl/Ie8Ao=",
        10_000,
    ),
];

/// The work of checking one password, as the metrics count it.
async fn work_of(server: &TestServer, username: &str, password: &str) -> u64 {
    let work = async || {
        let metrics = metrics(server).await;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("safeconduct_password_hash_work_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let before = work().await;
    try_password(server, username, password, anywhere(9)).await;
    work().await - before
}

/// Attacks: L12.
#[tokio::test]
async fn whatever_is_checked_costs_one_hash_as_stored_ones_do() {
    let server = TestServer::start().await;
    let too_long = "x".repeat(5_000);
    let works = async |expected: u64| {
        for (username, password) in [
            ("ada", "wrong"),
            ("ada", &too_long),
            ("bob", &password_of("bob")),
            ("bob", &too_long),
            ("eve", "wrong"),
            ("nobody", "wrong"),
            ("nobody", &too_long),
            (&too_long, "wrong"),
        ] {
            let work = work_of(&server, username, password).await;
            assert_eq!(work, expected, "{username:.9} {password:.9}");
        }
        // What is not typed in its normal form is compared twice, whoever it is typed for.
        for username in ["ada", "bob", "nobody"] {
            let work = work_of(&server, username, "wro\u{308}ng").await;
            assert_eq!(work, 2 * expected, "{username}");
        }
        assert_eq!(work_of(&server, "ada", "").await, 0);
        assert_eq!(work_of(&server, "nobody", "").await, 0);
    };
    server.lock_user("bob").await;
    server.delete_user("eve").await;
    works(19_456 * 2).await;
    // All that are left were imported.
    server.change(
        "DELETE FROM credentials \
         WHERE user_id NOT IN (SELECT id FROM users WHERE username IN ('ada', 'bob'))",
    );
    for (written, work) in IMPORTED {
        for username in ["ada", "bob"] {
            server.import_password(username, written).await;
        }
        server.advance(3_600);
        poll(&[&server]).await;
        works(work).await;
    }
}

/// Attacks: Z02.
#[tokio::test]
async fn a_flood_of_guesses_is_few_rows_that_name_nobody() {
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
    // Attempts that are alike are one event; and of others there are so many in a minute and no more (`failed_sign_ins.rs`).
    assert!(after["events"] - before["events"] <= 40);
    let changed: Vec<_> = after
        .iter()
        .filter(|(table, rows)| before[*table] != **rows)
        .map(|(table, _)| table.as_str())
        .collect();
    assert_eq!(changed, ["events", "guesses"]);
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
async fn a_sign_in_writes_down_nothing_about_where_it_was() {
    let server = TestServer::start().await;
    let before = server.rows();
    server.sign_in("ada").await;
    poll(&[&server]).await;
    let after = server.rows();
    let written: Vec<_> = after
        .iter()
        .filter(|(table, rows)| before[*table] != **rows)
        .map(|(table, _)| table.as_str())
        .collect();
    assert_eq!(written, ["events", "guesses", "sessions"]);
    assert_eq!(after["guesses"], 1);
    // Attempts that are alike are one event; and of others there are so many in a minute and no more (`failed_sign_ins.rs`).
    assert!(after["events"] - before["events"] <= 40);
    server.advance(31 * 24 * 3600);
    server.server().sweep().await.unwrap();
    assert_eq!(server.rows()["guesses"], 0);
}
