//! This app's sessions: renewed at sign-in, bounded in time, useless to whoever steals the store.

use std::time::Duration;

use safeconduct_client::store::{MemoryStore, SqliteStore};
use safeconduct_client::{ErrorKind, KeyRing};

use crate::stores::DeadStore;
use crate::{cookie_header, issuer_and_clock, kind, session, sign_in};

#[tokio::test]
async fn a_session_is_found_by_its_cookie_alone() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    let found = client.session(&cookie).await.unwrap().unwrap();
    assert_eq!(found.id(), session.id());
    assert!(
        !cookie.contains(found.id()),
        "the public identifier is no key"
    );
    let (name, value) = cookie.split_once('=').unwrap();
    let other = if value.starts_with('A') { 'B' } else { 'A' };
    for bad in [
        "",
        &format!("{name}="),
        &format!("{name}=x"),
        &format!("{name}={other}{}", &value[1..]),
        &format!("{name}={value}A"),
        &format!("\u{2000}{name}={value}"),
        &format!("sc-app={value}"),
    ] {
        assert!(client.session(bad).await.unwrap().is_none(), "{bad}");
    }
}

/// The eight letters that tell this client's cookies from others'.
fn mark_of(set_cookie: &str) -> &str {
    let name = set_cookie.split_once('=').unwrap().0;
    &name[name.len() - 8..]
}

#[tokio::test]
async fn a_session_is_found_among_bytes_that_others_have_set() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (_, cookie) = session(&client, &issuer).await;
    let header = [b"theme=caf\xe9; \xff=1; ", cookie.as_bytes(), b"; x=\xfe"].concat();
    assert!(client.session(&header).await.unwrap().is_some());
    let value = http::HeaderValue::from_bytes(&header).unwrap();
    assert!(client.session(&value).await.unwrap().is_some());
}

/// Two apps on two ports of localhost, and one app that knows two issuers: nobody signs out anybody else.
#[tokio::test]
async fn clients_of_one_host_have_cookies_of_their_own() {
    let (issuer, _) = issuer_and_clock().await;
    let builder = |base: &str| issuer.client().base_url(base);
    let clients = [
        builder("http://localhost:3000"),
        builder("http://localhost:4000"),
        builder("http://localhost:3000").routes_path("/staff"),
    ];
    let mut names = std::collections::HashSet::new();
    for client in clients {
        let removal = client.build().unwrap().clear_session_cookie();
        names.insert(removal.split_once('=').unwrap().0.to_owned());
    }
    assert_eq!(names.len(), 3, "{names:?}");
    let named = builder("https://notes.example").cookie_name("mine");
    let removal = named.build().unwrap().clear_session_cookie();
    assert!(removal.starts_with("__Host-mine=;"), "{removal}");
}

#[tokio::test]
async fn session_cookies_are_bound_to_the_host() {
    let (issuer, _) = issuer_and_clock().await;
    let set_cookie = async |base: &str| {
        let client = issuer.client().base_url(base).build().unwrap();
        let signed_in = sign_in(&client, &issuer).await.unwrap();
        let started = client.start_session(&signed_in, "").await.unwrap();
        let value = started
            .set_cookie
            .split(['=', ';'])
            .nth(1)
            .unwrap()
            .to_owned();
        assert_eq!(value.len(), 43);
        let bare = started.set_cookie.replace(&value, "<value>");
        bare.replace(mark_of(&started.set_cookie), "<mark>")
    };
    insta::assert_snapshot!(set_cookie("https://notes.example.com").await, @"__Host-sc-app-<mark>=<value>; Path=/; Max-Age=1209600; Secure; HttpOnly; SameSite=Lax");
    insta::assert_snapshot!(set_cookie("http://localhost:8421").await, @"sc-app-<mark>=<value>; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax");
}

/// Attacks: K10.
#[tokio::test]
async fn a_sign_in_renews_the_cookie_and_carries_nothing_over() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (mut first, cookie) = session(&client, &issuer).await;
    first.set_name("mallory").await.unwrap();
    let signed_in = sign_in(&client, &issuer).await.unwrap();
    let started = client.start_session(&signed_in, &cookie).await.unwrap();
    assert!(cookie_header([&started.set_cookie]) != cookie);
    assert!(started.session.id() != first.id());
    assert_eq!(started.session.name(), Some("alice"), "as the server says");
    assert!(
        client.session(&cookie).await.unwrap().is_none(),
        "the old session is over"
    );
}

#[tokio::test]
async fn a_session_ends_without_use_and_in_any_case() {
    let (issuer, clock) = issuer_and_clock().await;
    let lifetimes = (Duration::from_secs(1000), Duration::from_secs(5000));
    let client = issuer
        .client()
        .session_lifetimes(lifetimes.0, lifetimes.1)
        .build()
        .unwrap();
    let alive = async |cookie: &str| client.session(cookie).await.unwrap().is_some();

    let (_, idle) = session(&client, &issuer).await;
    clock.advance(999);
    assert!(alive(&idle).await);
    clock.advance(1000);
    assert!(!alive(&idle).await);

    let (_, busy) = session(&client, &issuer).await;
    for _ in 0..5 {
        clock.advance(990);
        assert!(alive(&busy).await);
    }
    clock.advance(50);
    assert!(!alive(&busy).await);
}

#[tokio::test]
async fn what_the_app_keeps_is_there_next_time() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (mut session, cookie) = session(&client, &issuer).await;
    session.set_name("Alice <b>").await.unwrap();
    session.remember("theme", &["dark", "wide"]).await.unwrap();
    let again = client.session(&cookie).await.unwrap().unwrap();
    assert_eq!(again.name(), Some("Alice <b>"));
    assert_eq!(
        again.recall::<Vec<String>>("theme").unwrap(),
        ["dark", "wide"]
    );
    assert_eq!(again.recall::<u32>("theme"), None);
    let too_much = "x".repeat(20_000);
    assert_eq!(
        kind(session.remember("all", &too_much).await),
        Some(ErrorKind::SessionTooLarge)
    );
    assert_eq!(
        kind(session.access_token().await),
        None,
        "and nothing was broken"
    );
}

#[tokio::test]
async fn signing_out_ends_the_session_and_revokes_its_grant() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    let set_cookie = session.clone().end().await.unwrap();
    let name = cookie.split_once('=').unwrap().0;
    assert!(set_cookie.starts_with(&format!("{name}=; Path=/; Max-Age=0")));
    assert_eq!(issuer.revocations(), 1);
    assert!(client.session(&cookie).await.unwrap().is_none());
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::SessionEnded)
    );
}

/// Attacks: K14.
#[tokio::test]
async fn a_stolen_store_is_useless() {
    let (issuer, _) = issuer_and_clock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let client = issuer
        .client()
        .store(store)
        .session_keys(KeyRing::generate())
        .build()
        .unwrap();
    let (mut session, cookie) = session(&client, &issuer).await;
    session.set_name("alice-the-person").await.unwrap();
    let token = session.access_token().await.unwrap();

    let mut stolen = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        stolen.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let shows = |secret: &str| {
        stolen
            .windows(secret.len())
            .any(|window| window == secret.as_bytes())
    };
    let value = cookie.split_once('=').unwrap().1;
    let signature = token.expose().rsplit('.').next().unwrap();
    assert!(shows("sc_st_"), "the sealed record is there");
    for secret in [
        value,
        token.expose(),
        signature,
        "rt-0-0",
        "alice",
        &issuer.sid(),
    ] {
        assert!(!shows(secret), "{secret}");
    }

    // With the cookie, but without the key, it does not open either.
    let store = SqliteStore::open(&path).await.unwrap();
    let thief = issuer
        .client()
        .store(store)
        .session_keys(KeyRing::generate())
        .build()
        .unwrap();
    assert!(thief.session(&cookie).await.unwrap().is_none());
}

/// Attacks: K14.
#[tokio::test]
async fn swapped_rows_are_nobodys_session() {
    let (issuer, _) = issuer_and_clock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let client = issuer
        .client()
        .store(store)
        .session_keys(KeyRing::generate())
        .build()
        .unwrap();
    let (_, alice) = session(&client, &issuer).await;
    let (_, bob) = session(&client, &issuer).await;
    for cookie in [&alice, &bob] {
        assert!(client.session(cookie).await.unwrap().is_some());
    }
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TEMP TABLE before AS SELECT key, sealed FROM sessions;
             UPDATE sessions SET sealed = (SELECT sealed FROM before WHERE before.key != sessions.key);",
        )
        .unwrap();
    assert!(client.session(&alice).await.unwrap().is_none());
    assert!(client.session(&bob).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_a_new_key() {
    let (issuer, _) = issuer_and_clock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let key = |byte: u8| vec![format!("{byte:02x}"); 32].concat();
    let start = async |keys: String| {
        let keys = KeyRing::parse(&safeconduct_client::Secret::new(keys)).unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        issuer
            .client()
            .store(store)
            .session_keys(keys)
            .build()
            .unwrap()
    };
    let (_, cookie) = session(&start(key(1)).await, &issuer).await;
    let rotated = start(format!("{},{}", key(2), key(1))).await;
    assert!(rotated.session(&cookie).await.unwrap().is_some());
    let foreign = start(key(3)).await;
    assert!(foreign.session(&cookie).await.unwrap().is_none());
}

#[tokio::test]
async fn a_dead_store_is_an_outage_and_not_a_sign_out() {
    let (issuer, _) = issuer_and_clock().await;
    let healthy = issuer
        .client()
        .store(MemoryStore::new())
        .session_keys(KeyRing::generate())
        .build()
        .unwrap();
    let (_, cookie) = session(&healthy, &issuer).await;
    let client = issuer
        .client()
        .store(DeadStore)
        .session_keys(KeyRing::generate())
        .build()
        .unwrap();
    assert_eq!(
        kind(client.session(&cookie).await),
        Some(ErrorKind::SessionStore)
    );
    let signed_in = sign_in(&client, &issuer).await.unwrap();
    assert_eq!(
        kind(client.start_session(&signed_in, "").await),
        Some(ErrorKind::SessionStore)
    );
}

/// Attacks: K14.
#[tokio::test]
async fn nothing_secret_is_in_any_debug_text() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    let token = session.access_token().await.unwrap();
    let tokens = sign_in(&client, &issuer).await.unwrap().tokens;
    let id_token = tokens.id_token.clone().unwrap();
    let identity = session.identity().unwrap();
    let text = format!(
        "{client:?} {session:?} {tokens:?} {identity:?} {:?}",
        session.api()
    );
    let value = cookie.split_once('=').unwrap().1;
    for secret in [
        value,
        token.expose(),
        id_token.expose(),
        "alice@example.com",
        "rt-0-0",
        session.csrf_token(),
        "a secret for tests",
    ] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

/// Attacks: E30.
#[tokio::test]
async fn a_truncated_store_is_an_outage_and_nobody_elses_session() {
    let (issuer, _) = issuer_and_clock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let keys = KeyRing::generate();
    let store = SqliteStore::open(&path).await.unwrap();
    let client = issuer
        .client()
        .store(store)
        .session_keys(keys.clone())
        .build()
        .unwrap();
    let (_, cookie) = session(&client, &issuer).await;
    assert!(client.session(&cookie).await.unwrap().is_some());
    drop(client);
    let whole = std::fs::read(&path).unwrap();
    for left in [whole.len() / 2, 100, 1] {
        std::fs::write(&path, &whole[..left]).unwrap();
        let Ok(store) = SqliteStore::open(&path).await else {
            continue;
        };
        let client = issuer
            .client()
            .store(store)
            .session_keys(keys.clone())
            .build()
            .unwrap();
        assert!(
            !matches!(client.session(&cookie).await, Ok(Some(_))),
            "{left} bytes"
        );
    }
}
