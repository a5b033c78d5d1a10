//! What was answered survives `kill -9`: a process redeems and rotates as fast as it can and says what it was told; it, or the
//! PostgreSQL server that it speaks with, is killed at any moment, and the next process looks whether all of it is there.
//!
//! The test binary runs itself as the process that redeems.
#![expect(clippy::unwrap_used, reason = "this file is a test, helpers and all")]

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use safeconduct_protocol::authentication::{Acr, Authentication, Factor, Factors};
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::claims::{ClaimsRequest, PersonClaims};
use safeconduct_protocol::client::{
    AuthenticationMethod, Client, ClientInformation, GrantType, OpenIdRegistration, ResponseMode,
};
use safeconduct_protocol::grant::{Epochs, Grant, NewGrant};
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::ids::{ClientId, GrantId, SessionId, UserId};
use safeconduct_protocol::random;
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::refresh_token::{RefreshDecision, RefreshToken, Rotation};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{ActingStore, By, GrantFilter, NewUser, Redeeming, Store};
use safeconduct_testing_postgres::{Database, Postgres};

const DATABASE: &str = "SAFECONDUCT_DURABILITY_DATABASE";
const TEST: &str = "what_was_answered_survives_a_kill";
const KILLS: usize = 20;
const KILLS_OF_SERVER: usize = 6;
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Attacks: F15, E01, E02.
#[test]
fn what_was_answered_survives_a_kill() {
    if let Ok(url) = env::var(DATABASE) {
        return in_runtime(redeem_until_killed(&url));
    }
    let directory = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite:{}", directory.path().join("durable.db").display());
    in_runtime(register(&url));
    let mut seen = 0;
    for _ in 0..KILLS {
        let told = run_until(&url, |node| node.kill().unwrap());
        seen += told.redeemed.len();
        in_runtime(compare(&url, &told));
    }
    assert!(
        seen >= KILLS,
        "every process was to redeem something before it was killed"
    );
}

#[test]
fn what_was_answered_survives_kills_of_node_and_server_on_postgresql() {
    let server = Postgres::start(&[]);
    let database = server.create_database();
    in_runtime(register(&database.url()));
    let mut seen = 0;
    for round in 0..KILLS_OF_SERVER {
        let kill_server = round % 2 == 0;
        let told = run_until(&database.url(), |node| {
            if kill_server {
                server.kill();
            } else {
                node.kill().unwrap();
            }
        });
        seen += told.redeemed.len();
        if kill_server {
            server.restart();
        }
        await_last_transaction(&database);
        in_runtime(compare(&database.url(), &told));
    }
    assert!(seen >= KILLS_OF_SERVER, "nothing was redeemed");
}

/// A server goes on for a moment with what a killed node had asked of it.
fn await_last_transaction(database: &Database) {
    let others = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    while database.sql(others) != "0" {}
}

/// What the killed process said.
#[derive(Default)]
struct Told {
    /// Codes it was about to redeem: grant id to code id.
    tried: HashMap<String, String>,
    /// Grants whose redemption was won.
    redeemed: Vec<String>,
    /// Grants that were rotated to generation 1.
    rotated: Vec<String>,
}

/// Runs the process until something has been done to it that ends it.
fn run_until(url: &str, end: impl Fn(&mut Child)) -> Told {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(DATABASE, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // After so many lines it is killed, wherever it is; what it had said by then is still in the pipe.
    let patience = 3 + usize::from(random::bytes::<1>()[0]);
    let mut told = Told::default();
    for (count, line) in lines.map_while(Result::ok).enumerate() {
        if count == patience {
            end(&mut child);
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["try", grant, code] => drop(told.tried.insert(grant.to_owned(), code.to_owned())),
            ["redeemed", grant] => told.redeemed.push(grant.to_owned()),
            ["rotated", grant] => told.rotated.push(grant.to_owned()),
            _ => {}
        }
    }
    assert!(
        !child.wait().unwrap().success(),
        "it was to be killed, or to find its database gone"
    );
    told
}

async fn redeem_until_killed(url: &str) {
    let store = Store::open(url).await.unwrap().by(By::server());
    let user = store.user_by_name("ada").await.unwrap().unwrap().id;
    let workers: Vec<_> = (0..8)
        .map(|_| tokio::spawn(redeem_for_ever(store.clone(), user.clone())))
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

async fn redeem_for_ever(store: ActingStore, user: UserId) {
    loop {
        redeem_and_rotate(&store, &user).await;
    }
}

async fn redeem_and_rotate(store: &ActingStore, user: &UserId) {
    let code = code(user, GrantId::generate(NOW.seconds() * 1000), new_id());
    say(&format!("try {} {}", code.id, code.code_id));
    assert_eq!(redeem(store, &code).await, Redemption::Won);
    say(&format!("redeemed {}", code.id));
    let token = RefreshToken::of(&Grant::of(&code), 1);
    let rotation = Rotation {
        presented: 0,
        retry_window: None,
        shared_limit: None,
        now: NOW,
    };
    let rotated = store
        .rotate_refresh_token(&token, &rotation, &new_id(), &[], 1_000, NOW)
        .await
        .unwrap();
    assert_eq!(rotated, RefreshDecision::Rotate);
    say(&format!("rotated {}", code.id));
}

async fn redeem(store: &ActingStore, code: &NewGrant) -> Redemption {
    let redeeming = Redeeming {
        grant: code,
        attempt: &new_id(),
        used_ids: &[],
        tell_of_logout: false,
    };
    store.redeem_code(&redeeming, NOW).await.unwrap()
}

async fn compare(url: &str, told: &Told) {
    let store = Store::open(url).await.unwrap().by(By::server());
    let filter = GrantFilter::default();
    let kept: HashMap<String, i64> = store
        .list_grants(&filter, u32::MAX)
        .await
        .unwrap()
        .into_iter()
        .map(|record| (record.grant.id.to_string(), record.grant.generation))
        .collect();
    for grant in &told.redeemed {
        assert!(kept.contains_key(grant), "{grant} was answered and is gone");
    }
    for grant in &told.rotated {
        assert_eq!(
            kept.get(grant),
            Some(&1),
            "the rotation of {grant} was answered and is gone"
        );
    }
    let user = store.user_by_name("ada").await.unwrap().unwrap().id;
    for (grant, code_id) in &told.tried {
        let code = code(&user, GrantId::parse(grant).unwrap(), code_id.clone());
        let again = redeem(&store, &code).await;
        let expected = if kept.contains_key(grant) {
            Redemption::Replayed
        } else {
            Redemption::Won
        };
        assert_eq!(again, expected, "{grant}");
        assert_eq!(redeem(&store, &code).await, Redemption::Replayed, "{grant}");
    }
    store.close().await;
}

async fn register(url: &str) {
    let store = Store::open(url).await.unwrap().by(By::server());
    store
        .join_cluster("https://id.example.com", &["check"], NOW)
        .await
        .unwrap();
    store
        .create_client(&client(), None, false, NOW)
        .await
        .unwrap();
    let user = NewUser {
        id: UserId::generate(),
        username: "ada".to_owned(),
        name: None,
        claims: PersonClaims::default(),
        sealed_password: None,
    };
    store.add_user(user, NOW).await.unwrap();
    store.close().await;
}

fn code(user: &UserId, id: GrantId, code_id: String) -> NewGrant {
    NewGrant {
        id,
        code_id,
        era: 1,
        client: ClientId::parse("shop").unwrap(),
        user: user.clone(),
        session: SessionId::generate(),
        scope: Scope::parse("notes.read offline_access").unwrap(),
        audience: "https://api.example.com".to_owned(),
        authentication: Authentication {
            factors: Factors::of(Factor::Password, NOW),
            acr: Acr::Password,
        },
        epochs: Epochs {
            user: 1,
            client: 1,
            consent: 0,
        },
        created_at: NOW,
        expires_at: NOW.plus(10_000),
        idle_expires_at: NOW.plus(1_000),
        forget_at: NOW.plus(20_000),
        dpop_jkt: None,
        claims: ClaimsRequest::default(),
    }
}

fn client() -> Client {
    Client {
        id: ClientId::parse("shop").unwrap(),
        name: "Shop".to_owned(),
        names: BTreeMap::new(),
        authentication: AuthenticationMethod::ClientSecretBasic,
        jwks: None,
        assertion_audience: Default::default(),
        redirect_uris: vec![RedirectUri::register("https://shop.example.com/callback").unwrap()],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        scopes: Scope::parse("notes.read offline_access").unwrap(),
        groups: Default::default(),
        denied_users: Default::default(),
        require_pkce: true,
        access_token_format: Default::default(),
        consent: Default::default(),
        refresh_shared: Default::default(),
        response_modes: vec![ResponseMode::Query],
        require_pushed_authorization_requests: false,
        require_second_factor: false,
        dpop_bound_access_tokens: false,
        about: ClientInformation::default(),
        openid: OpenIdRegistration::default(),
    }
}

fn in_runtime(work: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(work);
}

fn say(line: &str) {
    // One write for one line: the lines of several tasks do not mix, and nothing is held back when the kill comes.
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}
