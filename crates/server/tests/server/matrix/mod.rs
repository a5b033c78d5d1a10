//! Every way to obtain or to use a token, against everything that can end what it rests on and everything that can be wrong with
//! the request: two products, of which no cell can be forgotten. What comes of each cell is in `endings.txt` and `mistakes.txt`, written
//! by hand; a new way, ending or mistake is not in them, and red, until it has its lines.
//!
//! A guard that reads tokens by itself sees an ending when the token expires, or when it fetches other keys: `GuardByKeys` is `ok` until
//! then, as docs/reliability.md says under what is not promised.

mod api;
mod ending;
mod mistake;
mod way;

use std::fmt::Write as _;

use safeconduct_protocol::client::GrantType;
use safeconduct_protocol::error::{ErrorCode, REGISTRY};

use self::api::{Api, Socket};
use self::ending::Ending;
use self::mistake::Mistake;
use self::way::{Held, Stage, Way, outcome};
use crate::support::{Ask, NOTES_API, TestServer, proof_key};

/// What comes of each way after each ending, and after that was taken back.
const ENDINGS: &str = include_str!("endings.txt");
/// What comes of each way with each thing wrong.
const MISTAKES: &str = include_str!("mistakes.txt");

/// Refusals of clients, grants and tokens that no cell shows, with the tests that expect them.
const ELSEWHERE: [(&str, &str); 10] = [
    ("client-assertion-type-unsupported", ASSERTION),
    ("client-authentication-malformed", CLIENT_AUTH),
    ("code-not-yet-valid", CODE),
    ("code-superseded", CODE),
    ("code-verifier-unexpected", CODE),
    ("introspection-without-credentials", INTROSPECTION),
    ("refresh-token-from-lost-history", REFRESH),
    ("refresh-token-retried-late", REFRESH),
    ("refresh-token-reused", REFRESH),
    ("refresh-token-shared", REFRESH),
];
const ASSERTION: &str = include_str!("../assertion.rs");
const CLIENT_AUTH: &str = include_str!("../client_auth.rs");
const CODE: &str = include_str!("../code.rs");
const INTROSPECTION: &str = include_str!("../introspection.rs");
const REFRESH: &str = include_str!("../refresh.rs");

impl<'s> Stage<'s> {
    async fn set(server: &'s TestServer, offline: bool) -> Self {
        ending::change(server, |_| {}).await;
        Self {
            server,
            ada: server.sign_in("ada").await,
            key: proof_key(),
            offline,
            api: Api::of(server),
        }
    }
}

/// What came of the ways, under a heading: a line for each outcome, with the ways that it came to.
#[derive(Default)]
struct Block(Vec<(String, Vec<Way>)>);

impl Block {
    fn add(&mut self, outcome: String, way: Way) {
        match self.0.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, ways)) => ways.push(way),
            None => self.0.push((outcome, vec![way])),
        }
    }

    fn write(mut self, heading: &str, table: &mut String) {
        self.0.sort_by(|one, other| one.0.cmp(&other.0));
        writeln!(table, "{heading}").unwrap();
        for (outcome, ways) in self.0 {
            let ways: Vec<String> = ways.iter().map(|way| format!("{way:?}")).collect();
            writeln!(table, "    {outcome}: {}", ways.join(" ")).unwrap();
        }
    }
}

/// Asserts that each block is as it is expected, and that there are no others.
fn assert_table(found: &str, expected: &str) {
    assert!(found == expected, "this is what came of it:\n{found}");
}

/// What each way is tried with, after a twin of it was as good as it should be.
async fn hold_all(stage: &mut Stage<'_>) -> Vec<(Way, Held)> {
    let mut all = Vec::new();
    for way in Way::ALL {
        let neighbour = stage.hold(way).await;
        all.push((way, stage.hold(way).await));
        assert_eq!(stage.go(way, &neighbour).await, "ok", "{way:?}");
    }
    all
}

/// Twenty-four days in which everything is used.
async fn keep_alive(stage: &Stage<'_>, all: &mut [(Way, Held)]) {
    for _ in 0..4 {
        stage.server.advance(6 * 24 * 3_600);
        for (way, held) in &mut *all {
            stage.keep_alive(*way, held).await;
        }
    }
}

/// Goes all ways, and writes down what came of them.
async fn go_all(stage: &mut Stage<'_>, all: &[(Way, Held)], heading: &str, table: &mut String) {
    let mut block = Block::default();
    for (way, held) in all {
        block.add(stage.go(*way, held).await, *way);
    }
    block.write(heading, table);
}

/// One ending: everything works before it, what the table says after it, and what the table says when it was taken back.
async fn end(ending: Ending, socket: &Socket, table: &mut String) {
    let server = socket.serve().await;
    let bystander = server.tokens("bob", &Ask::of("bank")).await;
    let mut stage = Stage::set(&server, ending.is_of_offline_access()).await;
    let mut all = hold_all(&mut stage).await;
    if ending == Ending::Over {
        keep_alive(&stage, &mut all).await;
    }
    if ending.happen(&mut stage).await.is_none() {
        let mut ended = Vec::new();
        for (way, held) in all {
            if ending.happen_to(&stage, way, &held).await.is_some() {
                ended.push((way, held));
            }
        }
        all = ended;
    }
    go_all(&mut stage, &all, &format!("{ending:?}"), table).await;
    let of_others = outcome(&server.introspect(NOTES_API, &bystander.access).await);
    assert_eq!(of_others == "ok", !ending.concerns_others(), "{ending:?}");
    if ending.be_undone(&server).await.is_some() {
        let heading = format!("{ending:?}, and taken back");
        go_all(&mut stage, &all, &heading, table).await;
    }
}

/// Attacks: R23, L17, C01, C12, T23, F10, I04.
#[tokio::test]
async fn whatever_ends_takes_along_everything_that_rests_on_it() {
    let mut table = String::new();
    let socket = Socket::open().await;
    for ending in Ending::ALL {
        end(ending, &socket, &mut table).await;
    }
    assert_table(&table, ENDINGS);
}

/// Attacks: T23, F09.
#[tokio::test]
async fn whatever_is_wrong_with_a_request_is_refused_and_costs_the_owner_nothing() {
    let server = TestServer::start().await;
    let mut stage = Stage::set(&server, false).await;
    let others = server.tokens("ada", &Ask::of("shop")).await;
    let mut table = String::new();
    for mistake in Mistake::ALL {
        let mut block = Block::default();
        for way in Way::ALL.into_iter().filter(|way| way.is_a_call()) {
            let held = stage.hold(way).await;
            let call = stage.call(way, &held);
            if let Some(outcome) = mistake.send(&stage, way, &call, &others).await {
                block.add(outcome, way);
                assert_good(&mut stage, way, &held, mistake).await;
            }
        }
        block.write(&format!("{mistake:?}"), &mut table);
    }
    assert_table(&table, MISTAKES);
}

/// That what `held` holds is as good as it was.
async fn assert_good(stage: &mut Stage<'_>, way: Way, held: &Held, mistake: Mistake) {
    if matches!(way, Way::RevokeAccess | Way::RevokeRefresh) {
        let access = &held.tokens.as_ref().unwrap().access;
        assert!(stage.server.is_active(access).await, "{way:?}, {mistake:?}");
    }
    assert_eq!(stage.go(way, held).await, "ok", "{way:?} after {mistake:?}");
}

/// Attacks: T23.
#[tokio::test]
async fn every_grant_type_and_every_endpoint_for_tokens_is_a_way() {
    for grant_type in GrantType::ALL {
        let ways = Way::of(grant_type);
        assert!(!ways.is_empty() && ways.iter().all(|way| Way::ALL.contains(way)));
    }
    let server = TestServer::start().await;
    let metadata = server.get("/.well-known/openid-configuration").await.json();
    let endpoints = metadata.as_object().unwrap().keys();
    for endpoint in endpoints.filter(|name| name.ends_with("_endpoint")) {
        let is_a_way = Way::ALL.iter().any(|way| way.endpoint() == endpoint);
        let takes_none = ["end_session_endpoint", "security_events_endpoint"];
        assert!(
            is_a_way || takes_none.contains(&endpoint.as_str()),
            "{endpoint}"
        );
    }
}

/// Attacks: T23.
#[test]
fn every_refusal_of_a_client_a_grant_or_a_token_is_in_a_cell() {
    use ErrorCode::{InvalidClient, InvalidDpopProof, InvalidGrant, InvalidToken};

    for entry in &REGISTRY {
        let of_these = [InvalidClient, InvalidDpopProof, InvalidGrant, InvalidToken];
        if !of_these.contains(&entry.error) {
            continue;
        }
        let is_in_a_cell = [ENDINGS, MISTAKES]
            .iter()
            .any(|table| table.contains(entry.name));
        let tests = ELSEWHERE.iter().find(|(name, _)| *name == entry.name);
        let is_elsewhere = tests.is_some_and(|(name, tests)| tests.contains(name));
        assert!(is_in_a_cell != is_elsewhere, "{}", entry.name);
    }
}

/// Attacks: C12, T23, F07.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_races_an_ending_is_dead_after_it() {
    for ending in Ending::AT_ONCE {
        let server = TestServer::start().await;
        let mut stage = Stage::set(&server, false).await;
        let mut requests = Vec::new();
        for way in [Way::Code, Way::Code, Way::Refresh, Way::Retry] {
            let held = stage.hold(way).await;
            requests.push(stage.call(way, &held).request(&stage));
        }
        let tokens = stage.hold(Way::Refresh).await.tokens.unwrap();
        for _ in 0..2 {
            let credentials = server.credentials("shop");
            requests.push(server.back_channel("/token", &credentials, &tokens.refresh()));
        }
        let (answers, _) = tokio::join!(server.send_all(requests), ending.happen(&mut stage));
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            let minted = answer.tokens();
            assert!(!server.is_active(&minted.access).await, "{ending:?}");
            assert_ne!(
                server.refresh("shop", &minted).await.status,
                200,
                "{ending:?}"
            );
        }
        assert!(!server.is_active(&tokens.access).await, "{ending:?}");
    }
}

/// Attacks: I04, A05.
#[tokio::test]
async fn a_database_that_was_restored_honours_nothing_from_before() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&Ask::of("bank")).await;
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());

    server.begin_era().await;
    let answer = ada.allow(&page).await;
    assert_eq!(
        answer.to_string(),
        "400 page (pending-request-not-recognised)"
    );
    assert!(
        !ada.authorize(&Ask::of("portal")).await.has_code(),
        "who signed out since the backup stays signed out"
    );
    let tokens = server.tokens("ada", &Ask::of("bank")).await;
    assert!(
        server.is_active(&tokens.access).await,
        "and what comes after is as good as ever"
    );
}
