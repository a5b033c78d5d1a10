//! Signing in while strangers fill the password queue: a share of it is there for whoever has not had one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::StatusCode;
use rstest::rstest;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;
use safeconduct_server::password::PasswordSettings;
use safeconduct_server::throttle::ThrottleSettings;

use crate::support::{Ask, Browser, Form, ISSUER, TestServer, password_of};

/// One thread that hashes, and nothing that slows guesses down: the queue alone is tried.
async fn with_one_hashing_thread() -> TestServer {
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    TestServer::start_with(Settings {
        throttle: ThrottleSettings {
            enabled: false,
            ..settings.throttle
        },
        passwords: PasswordSettings {
            threads: 1,
            queue: 32,
        },
        ..settings
    })
    .await
}

/// One request of a flood: the account and the address.
fn one_account(_: u16) -> (String, IpAddr) {
    ("eve".to_owned(), Ipv4Addr::new(198, 51, 100, 7).into())
}

fn a_network_of_new_names(number: u16) -> (String, IpAddr) {
    let address = Ipv6Addr::new(0x2001, 0xdb8, 1, number, 0, 0, 0, 1);
    (format!("nobody{number}"), address.into())
}

/// Attacks: Z01.
#[rstest]
#[case::from_one_account(one_account)]
#[case::from_one_network_with_ever_new_names_and_addresses(a_network_of_new_names)]
#[tokio::test]
async fn others_sign_in_while_the_queue_is_flooded(#[case] flooder: fn(u16) -> (String, IpAddr)) {
    let server = with_one_hashing_thread().await;
    let mut stranger = server.browser();
    let page = stranger.authorize(&Ask::of("portal")).await;
    let knock = |number| {
        let (username, address) = flooder(number);
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("username", &username)
            .with("password", &password_of("eve"));
        stranger.clone().at(address).own_form("/login", &form)
    };
    for round in 0..5 {
        let mut owner = owner(&server);
        let asked = owner.authorize(&Ask::of("portal")).await;
        let mut flood = server.begin((0..60).map(|number| knock(60 * round + number)));
        // The queue is full as soon as one of them is turned away.
        while flood.join_next().await.unwrap().unwrap().status != StatusCode::SERVICE_UNAVAILABLE {}
        let answer = owner.sign_in(&asked, "ada").await;
        assert!(answer.has_code(), "{answer}");
    }
}

fn owner(server: &TestServer) -> Browser<'_> {
    server.browser().at(Ipv4Addr::new(203, 0, 113, 1))
}

#[tokio::test]
async fn whoever_is_turned_away_keeps_what_they_were_doing() {
    let server = with_one_hashing_thread().await;
    let mut browser = owner(&server);
    let page = browser.authorize(&Ask::of("portal")).await;
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("username", "ada")
        .with("password", &password_of("ada"));
    let mut answers = server.begin((0..60).map(|_| browser.own_form("/login", &form)));
    let refused = loop {
        let answer = answers.join_next().await.unwrap().unwrap();
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            break answer;
        }
    };
    answers.shutdown().await;
    assert_eq!(refused.header("retry-after"), "2");
    assert!(refused.body.contains("Too many people are signing in"));
    assert!(refused.body.contains("value=\"ada\""), "the name is kept");
    assert!(!refused.body.contains(&password_of("ada")));
    assert!(browser.sign_in(&refused, "ada").await.has_code());
}
