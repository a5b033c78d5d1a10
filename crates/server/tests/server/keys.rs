//! Keys that take the place of others: in the ordinary way, while nodes serve, and after a loss, when a thief has copies of
//! everything and they must be worth nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use safeconduct_protocol::authorization_code::AuthorizationCode;
use safeconduct_protocol::ids::GrantId;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::jose::{Algorithm, JwkSet};
use safeconduct_protocol::refresh_token::RefreshToken;
use safeconduct_protocol::seal::Kind;
use safeconduct_protocol::sealed::Sealed;
use safeconduct_server::keys::{
    self, Keys, Lost, Rewrapped, Rotated, Rotating, RotationError, nodes_lacking,
    reseal_credentials, rewrap,
};
use safeconduct_server::{Fault, MasterKey, MasterKeys, NotReady, Server};
use safeconduct_store::{By, KeyRow, MasterKeyId, Store, StoreError};
use serde_json::{Map, Value, json};

use crate::login::SIGN_IN;
use crate::support::{Ask, Code, Log, NOTES, NOTES_API, TestServer, Tokens};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 3600;
const ES256: Rotating = Rotating::Signing(Algorithm::Es256);

/// What happens by itself within half a second.
async fn poll(node: &TestServer) {
    node.server().refresh().await.unwrap();
}

async fn rows(node: &TestServer) -> Vec<KeyRow> {
    node.server().store().catalog().await.unwrap().keys
}

pub(crate) async fn rotate(
    node: &TestServer,
    rotating: Rotating,
    at_once: bool,
) -> Result<Rotated, RotationError> {
    let (store, masters, now) = (&node.store(), node.masters(), node.now());
    let rotated = keys::rotate(store, &masters, node.issuer(), rotating, now, at_once).await;
    poll(node).await;
    rotated
}

fn is_too_early(rotated: Result<Rotated, RotationError>) -> bool {
    matches!(rotated, Err(RotationError::TooSoon { .. }))
}

async fn published(node: &TestServer) -> Vec<String> {
    let set: JwkSet = serde_json::from_str(&node.get("/.well-known/jwks.json").await.body).unwrap();
    let ids = set.keys.iter().filter_map(|key| key.kid());
    ids.map(str::to_owned).collect()
}

fn claims(token: &str) -> Map<String, Value> {
    let payload = token.split('.').nth(1).unwrap();
    let bytes = safeconduct_protocol::encoding::decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The keys as whoever holds these master keys and this database has them.
async fn opened(store: &Store, masters: &MasterKeys, node: &TestServer) -> Keys {
    let catalog = store.catalog().await.unwrap();
    let cluster = catalog.cluster.unwrap();
    Keys::open(masters, node.issuer(), &cluster, &catalog.keys, node.now()).unwrap()
}

/// An access token that says `claims`, signed with the key that signs them.
fn sign(keys: &Keys, claims: &Map<String, Value>) -> String {
    let key = keys.signing(Algorithm::Es256).unwrap();
    key.sign_jwt("at+jwt", claims).unwrap()
}

#[tokio::test]
async fn a_token_that_says_something_else_than_its_grant_is_good_for_nothing() {
    let server = TestServer::start().await;
    let ask = Ask::of("club").scope("openid notes.read");
    let ada = server.tokens("ada", &ask).await;
    let bob = server.tokens("bob", &ask).await;
    let real = claims(&ada.access);
    let keys = opened(server.server().store(), &server.masters(), &server).await;
    let signed = |claims: &Map<String, Value>| sign(&keys, claims);
    assert!(server.is_active(&signed(&real)).await, "{real:?}");
    assert_eq!(server.userinfo(&signed(&real)).await.status, 200);
    let issuer = server.issuer();
    for (claim, value) in [
        ("sub", claims(&bob.access)["sub"].clone()),
        ("sub", json!("club")),
        ("client_id", json!("shop")),
        ("scope", json!("openid notes.read notes.write")),
        ("aud", json!([NOTES, issuer, "https://mail.example/api"])),
        ("aud", json!([issuer, NOTES])),
        ("auth_time", json!(server.now().seconds() - 1)),
        ("grant_id", claims(&bob.access)["grant_id"].clone()),
        ("grant_id", json!(GrantId::generate(0).to_string())),
    ] {
        let mut forged = real.clone();
        forged.insert(claim.to_owned(), value.clone());
        let forged = signed(&forged);
        assert!(!server.is_active(&forged).await, "{claim} {value}");
        assert_eq!(
            server.userinfo(&forged).await.status,
            401,
            "{claim} {value}"
        );
    }
    let narrower = json!("openid");
    let mut narrowed = real.clone();
    narrowed.insert("scope".to_owned(), narrower);
    assert_eq!(server.userinfo(&signed(&narrowed)).await.status, 200);
}

/// Attacks: T17.
#[tokio::test]
async fn a_token_that_says_another_client_revokes_nothing() {
    let server = TestServer::start().await;
    let tokens = server.tokens("bob", &Ask::of("club")).await;
    let keys = opened(server.server().store(), &server.masters(), &server).await;
    let mut forged = claims(&tokens.access);
    forged.insert("client_id".to_owned(), json!("shop"));
    let forged = sign(&keys, &forged);
    assert_eq!(server.revoke("shop", &forged).await.status, 200);
    assert!(server.is_active(&tokens.access).await);
    assert_eq!(server.revoke("club", &tokens.access).await.status, 200);
    assert!(!server.is_active(&tokens.access).await);
}

/// Attacks: T17.
#[tokio::test]
async fn a_clients_own_token_says_nothing_that_no_client_gets() {
    let server = TestServer::start().await;
    let own = server
        .client_credentials("robot", "notes.read")
        .await
        .tokens();
    let real = claims(&own.access);
    let keys = opened(server.server().store(), &server.masters(), &server).await;
    let signed = |claims: &Map<String, Value>| sign(&keys, claims);
    assert!(server.is_active(&signed(&real)).await, "{real:?}");
    let ada = server.user("ada").await.to_string();
    for (claim, value) in [
        ("sub", json!(ada)),
        ("scope", json!("openid notes.read")),
        ("aud", json!([NOTES, server.issuer()])),
        ("auth_time", json!(server.now().seconds())),
        ("client_epoch", json!(7)),
        ("client_id", json!("portal")),
    ] {
        let mut forged = real.clone();
        forged.insert(claim.to_owned(), value.clone());
        assert!(!server.is_active(&signed(&forged)).await, "{claim} {value}");
    }
}

/// Attacks: I12.
#[tokio::test]
async fn a_key_is_used_when_its_window_is_over_or_the_operator_says_now() {
    let server = TestServer::start().await;
    for (rotating, waits) in [
        (ES256, DAY),
        (Rotating::Sealing, MINUTE),
        (Rotating::Hash, MINUTE),
    ] {
        let first = rotate(&server, rotating, false).await.unwrap();
        assert_eq!(first, Rotated::Published { waits });
        assert!(is_too_early(rotate(&server, rotating, false).await));
        server.advance(waits - 1);
        assert!(is_too_early(rotate(&server, rotating, false).await));
        server.advance(1);
        assert_eq!(
            rotate(&server, rotating, false).await.unwrap(),
            Rotated::Used
        );
    }
    assert!(
        is_too_early(rotate(&server, ES256, false).await),
        "a window begins anew with each step"
    );
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    assert_eq!(rotate(&server, ES256, true).await.unwrap(), Rotated::Used);
    assert!(server.is_active(&tokens.access).await);
    let none = rotate(&server, Rotating::Signing(Algorithm::EdDsa), false).await;
    assert!(matches!(none, Err(RotationError::NoKey)));
}

/// How many keys of this purpose there are in each state.
pub(crate) async fn states(node: &TestServer, purpose: &str) -> Vec<String> {
    let rows = rows(node).await.into_iter();
    let mut states: Vec<String> = rows
        .filter(|row| row.purpose == purpose)
        .map(|row| row.state)
        .collect();
    states.sort();
    states
}

#[tokio::test]
async fn what_was_sealed_before_a_rotation_is_good_until_its_own_end() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("vault")).await;
    rotate(&server, Rotating::Sealing, false).await.unwrap();
    server.advance(MINUTE);
    let code = ada.code(&Ask::of("shop")).await;
    rotate(&server, Rotating::Sealing, false).await.unwrap();
    assert_eq!(
        other.exchange(&code).await.status,
        200,
        "nobody told this node"
    );
    poll(&other).await;
    assert!(other.is_active(&tokens.access).await, "sealed, not signed");
    assert_eq!(other.refresh("vault", &tokens).await.status, 200);

    let (store, masters) = (&server.store(), server.masters());
    let resealed = reseal_credentials(store, &masters, server.issuer(), server.now());
    let resealed = resealed.await.unwrap();
    assert!(resealed.credentials >= 2 && resealed.unreadable.is_empty());
    let again = reseal_credentials(store, &masters, server.issuer(), server.now());
    assert_eq!(again.await.unwrap().credentials, 0);
    server.sign_in("bob").await;

    let (credential, code) = ("seal:credential", "seal:authorization-code");
    let both = ["active", "retired"];
    assert_eq!(states(&server, credential).await, both);
    server.advance(3601);
    server.server().sweep().await.unwrap();
    assert_eq!(states(&server, credential).await, ["active"]);
    assert_eq!(states(&server, code).await, both);
    server.advance(DAY);
    server.server().sweep().await.unwrap();
    assert_eq!(states(&server, code).await, ["active"]);
    assert_eq!(states(&server, "seal:refresh-token").await, both);
    server.sign_in("ada").await;
}

#[tokio::test]
async fn a_key_that_a_password_is_sealed_with_stays() {
    let server = TestServer::start().await;
    rotate(&server, Rotating::Sealing, true).await.unwrap();
    server.advance(DAY);
    server.server().sweep().await.unwrap();
    assert_eq!(
        states(&server, "seal:credential").await,
        ["active", "retired"]
    );
    server.sign_in("ada").await;
}

#[tokio::test]
async fn a_client_secret_is_hashed_anew_when_it_is_used_and_then_the_old_key_goes() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let hashed_by = async || {
        let clients = server.server().store().catalog().await.unwrap().clients;
        let secrets = clients.into_iter().flat_map(|client| client.secrets);
        let mut keys: Vec<_> = secrets.map(|secret| secret.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.len()
    };
    assert_eq!(hashed_by().await, 1);
    rotate(&server, Rotating::Hash, true).await.unwrap();
    assert_eq!(server.refresh("shop", &tokens).await.status, 200);
    poll(&server).await;
    assert_eq!(hashed_by().await, 2);
    server.advance(DAY);
    server.server().sweep().await.unwrap();
    assert_eq!(
        states(&server, "hash").await,
        ["active", "retired"],
        "others need it"
    );
    let wrong = crate::support::Credentials::Basic("shop".to_owned(), "wrong".to_owned());
    let refused = server.token_with(&wrong, &tokens.refresh()).await;
    assert_eq!(refused.status, 401);
    let catalog = server.server().store().catalog().await.unwrap();
    for record in catalog.clients {
        if !record.secrets.is_empty() {
            let id = record.client.id.as_str();
            assert_ne!(
                server.token(id, &tokens.refresh()).await.status,
                401,
                "{id}"
            );
        }
    }
    poll(&server).await;
    assert_eq!(hashed_by().await, 1);
    server.server().sweep().await.unwrap();
    assert_eq!(states(&server, "hash").await, ["active"]);
    assert_eq!(server.introspect(NOTES_API, "x").await.status, 200);
}

/// Announces the master key `next` as the operator beside `node` does.
async fn announce(node: &TestServer, next: MasterKeyId) {
    let store = &node.store();
    let active = store.cluster().await.unwrap().unwrap().master.active;
    let announced = store.announce_master_key(active, next, node.now());
    announced.await.unwrap();
}

async fn wrap(node: &TestServer, next: MasterKeyId) -> Rewrapped {
    let (store, masters) = (&node.store(), node.masters());
    let wrapped = rewrap(store, &masters, node.issuer(), next, node.now());
    wrapped.await.unwrap()
}

async fn left_under_another(node: &TestServer, next: MasterKeyId) -> usize {
    let rows = rows(node).await;
    rows.iter().filter(|row| row.master != next).count()
}

#[tokio::test]
async fn a_master_key_takes_the_place_of_another_while_nodes_serve() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let next = server.add_master_key().id();
    announce(&server, next).await;
    let (store, masters) = (&server.store(), server.masters());
    for node in [&server, &other] {
        poll(node).await;
    }
    assert_eq!(store.master_key_answers(next).await.unwrap().len(), 2);
    let lacking = nodes_lacking(store, &masters, next, &[]).await.unwrap();
    assert!(lacking.is_empty(), "{lacking:?}");
    let wrapped = wrap(&server, next).await;
    assert!(wrapped.done && wrapped.keys > 10 && wrapped.unreadable.is_empty());
    assert_eq!(left_under_another(&server, next).await, 0);
    for node in [&server, &other] {
        poll(node).await;
        assert_eq!(node.server().readiness().await, Ok(()));
        assert!(node.is_active(&tokens.access).await);
        assert_eq!(node.refresh("shop", &tokens).await.status, 200);
    }
    assert_eq!(rotate(&other, ES256, true).await.unwrap(), Rotated::Used);
    assert_eq!(left_under_another(&server, next).await, 0);
    let node = server.another_node().await;
    assert!(node.is_active(&tokens.access).await);
    let never_again = store.announce_master_key(next, old(&server), server.now());
    assert!(never_again.await.is_err(), "a master key never comes back");
}

/// The master key of every test.
fn old(node: &TestServer) -> MasterKeyId {
    node.masters().ids()[0]
}

/// A node that was never given another master key.
async fn node_without(server: &TestServer) -> Result<Server, Fault> {
    let settings = server.server().settings().clone();
    let store = server.server().store().clone();
    let clock = safeconduct_protocol::clock::Clock::test(server.now());
    Server::new(settings, store, MasterKey::from_bytes([7; 32]), clock).await
}

/// Attacks: E21.
#[tokio::test]
async fn a_node_that_lacks_the_next_master_key_is_named_and_not_ready_once_that_wraps() {
    let server = TestServer::start().await;
    let without = node_without(&server).await.unwrap();
    let next = server.add_master_key().id();
    announce(&server, next).await;
    poll(&server).await;
    without.refresh().await.unwrap();
    assert_eq!(
        without.readiness().await,
        Ok(()),
        "nothing is wrapped with it yet"
    );
    let (store, masters) = (&server.store(), server.masters());
    let lacking = nodes_lacking(store, &masters, next, &[]).await.unwrap();
    assert_eq!(lacking.len(), 1);
    let process = format!("process {}", std::process::id());
    assert!(lacking[0].contains(&process), "{lacking:?}");

    store.begin_wrapping(next, server.now()).await.unwrap();
    assert_eq!(without.readiness().await, Err(NotReady::MasterKey(next)));
    let metrics = without.telemetry().render();
    let line = r#"safeconduct_not_ready{reason="master-key"} 1"#;
    assert!(metrics.lines().any(|counted| counted == line), "{metrics}");
    let refused = node_without(&server).await.err().unwrap().to_string();
    assert!(refused.contains(&next.to_string()), "{refused}");
    poll(&server).await;
    assert_eq!(server.server().readiness().await, Ok(()));
    assert!(wrap(&server, next).await.done);
    let refused = node_without(&server).await.err().unwrap().to_string();
    assert!(refused.contains(&next.to_string()), "{refused}");
}

#[tokio::test]
async fn what_nodes_say_after_they_were_asked_counts_and_nothing_else() {
    let server = TestServer::start().await;
    let without = node_without(&server).await.unwrap();
    let next = server.add_master_key().id();
    let (store, masters) = (&server.store(), server.masters());
    let ask = || async { store.master_key_answers(next).await.unwrap() };
    announce(&server, next).await;
    for _ in 0..2 {
        let asked = ask().await;
        poll(&server).await;
        without.refresh().await.unwrap();
        let lacking = nodes_lacking(store, &masters, next, &asked);
        assert_eq!(lacking.await.unwrap().len(), 1, "it says so at every poll");
    }

    // It was stopped, and what it said is there for ever.
    let asked = ask().await;
    poll(&server).await;
    let lacking = nodes_lacking(store, &masters, next, &asked);
    assert_eq!(lacking.await.unwrap(), [""; 0]);

    // Taken back and announced anew between two polls of a node.
    store.abandon_master_key(next, server.now()).await.unwrap();
    announce(&server, next).await;
    let asked = ask().await;
    without.refresh().await.unwrap();
    let lacking = nodes_lacking(store, &masters, next, &asked);
    assert_eq!(lacking.await.unwrap().len(), 1);

    server.advance(-server.now().seconds());
    let without = node_without(&server).await.unwrap();
    let readiness = without.readiness().await;
    assert!(
        matches!(readiness, Err(NotReady::Clock(_))),
        "{readiness:?}"
    );
    let asked = ask().await;
    without.refresh().await.unwrap();
    let lacking = nodes_lacking(store, &masters, next, &asked);
    assert_eq!(lacking.await.unwrap().len(), 1, "whatever its clock shows");
}

/// Whether `next` wraps what is written now.
async fn wraps(node: &TestServer, next: MasterKeyId) -> bool {
    let cluster = node.server().store().cluster().await.unwrap().unwrap();
    cluster.master.wraps() == next
}

#[tokio::test]
async fn a_master_key_that_was_taken_back_meanwhile_wraps_nothing() {
    let server = TestServer::start().await;
    let before = rows(&server).await;
    let (next, store) = (server.add_master_key().id(), &server.store());
    announce(&server, next).await;
    store.abandon_master_key(next, server.now()).await.unwrap();
    let masters = server.masters();
    let refused = rewrap(store, &masters, server.issuer(), next, server.now()).await;
    let refused = refused.unwrap_err();
    assert!(is_conflict(&refused), "{refused}");
    assert_eq!(rows(&server).await, before);
}

fn is_conflict(fault: &Fault) -> bool {
    matches!(fault, Fault::Store(StoreError::Conflict(_)))
}

#[tokio::test]
async fn a_master_key_that_another_operator_wrote_over_does_not_wrap_and_is_not_activated() {
    let server = TestServer::start().await;
    let (next, store) = (server.add_master_key(), &server.store());
    let id = next.id();
    announce(&server, id).await;
    // The file has the key this many times, and is written over then.
    for (times, does_wrap) in [(0, false), (1, true)] {
        let left = AtomicUsize::new(times);
        let held = [MasterKey::from_bytes([7; 32]), next.clone()];
        let masters = MasterKeys::read_again_by(held.to_vec(), move || {
            let one = |left: usize| left.checked_sub(1);
            let has = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one);
            Ok(held[..if has.is_ok() { 2 } else { 1 }].to_vec())
        });
        let refused = rewrap(store, &masters, server.issuer(), id, server.now()).await;
        let refused = refused.unwrap_err();
        assert!(is_conflict(&refused), "{refused}");
        assert!(refused.to_string().contains(&id.to_string()), "{refused}");
        assert_eq!(wraps(&server, id).await, does_wrap);
        let cluster = store.cluster().await.unwrap().unwrap();
        assert_eq!(cluster.master.active, old(&server));
    }
    assert!(wrap(&server, id).await.done, "once it is back");
}

#[tokio::test]
async fn wrapping_goes_on_wherever_it_was_cut_off() {
    let server = TestServer::start().await;
    let mut tokens = server.tokens("ada", &Ask::of("shop")).await;
    let all = rows(&server).await.len();
    let mut before = old(&server);
    for cut in [0, 1, 2, all / 2, all - 1, all] {
        let next = server.add_master_key();
        let (id, store) = (next.id(), &server.store());
        announce(&server, id).await;
        // A copy of the database does it whole; of that, as much is taken over as was done when it was cut off.
        let folder = tempfile::tempdir().unwrap();
        let copy = format!("sqlite:{}", folder.path().join("copy.db").display());
        let copy = Store::open(&copy).await.unwrap().by(By::server());
        copy.copy_from(store, |_, _| {}).await.unwrap();
        rewrap(&copy, &server.masters(), server.issuer(), id, server.now())
            .await
            .unwrap();
        let wrapped = copy.catalog().await.unwrap().keys;
        store.begin_wrapping(id, server.now()).await.unwrap();
        for (row, done) in rows(&server).await.iter().zip(&wrapped).take(cut) {
            assert!(store.rewrap_key(row, &done.sealed, id).await.unwrap());
        }
        poll(&server).await;
        assert!(
            server.is_active(&tokens.access).await,
            "both are read meanwhile"
        );
        let refused = node_without(&server).await.err().unwrap().to_string();
        let named = [id, before]
            .iter()
            .any(|id| refused.contains(&id.to_string()));
        assert!(named, "{refused}");
        let rest = wrap(&server, id).await;
        assert_eq!((rest.keys as usize, rest.done), (all - cut, true));
        assert_eq!(left_under_another(&server, id).await, 0);
        poll(&server).await;
        tokens = server.refresh("shop", &tokens).await.tokens();
        before = id;
    }
}

#[tokio::test]
async fn a_row_that_does_not_open_is_named_and_keeps_the_master_key_before() {
    let server = TestServer::start().await;
    rotate(&server, ES256, true).await.unwrap();
    let broken = rows(&server).await;
    let broken = broken.iter().find(|row| row.state == "retired").unwrap();
    let (id, was) = (broken.id, broken.sealed.clone());
    server.change(&format!(
        "UPDATE keys SET sealed = 'sc_sk_broken' WHERE id = {id}"
    ));
    let next = server.add_master_key().id();
    announce(&server, next).await;
    let wrapped = wrap(&server, next).await;
    assert_eq!(wrapped.unreadable, [(id, "sign:ES256".to_owned())]);
    assert!(!wrapped.done);
    assert_eq!(left_under_another(&server, next).await, 1);
    server.change(&format!("UPDATE keys SET sealed = '{was}' WHERE id = {id}"));
    let wrapped = wrap(&server, next).await;
    assert_eq!((wrapped.keys, wrapped.done), (1, true));
}

/// Whoever copied master key and database on one day, and has kept all that the keys were good for.
struct Thief {
    keys: Keys,
    /// With the key that waited as the one that signs.
    later: Keys,
}

impl Thief {
    /// Breaks in. The key that waits to sign is signed with on the thief's own copy.
    async fn at(server: &TestServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("loot.db").display());
        let (loot, masters) = (Store::open(&url).await.unwrap(), server.masters());
        let loot = loot.by(By::server());
        loot.copy_from(server.server().store(), |_, _| {})
            .await
            .unwrap();
        let keys = opened(&loot, &masters, server).await;
        keys::rotate(&loot, &masters, server.issuer(), ES256, server.now(), true)
            .await
            .unwrap();
        Self {
            keys,
            later: opened(&loot, &masters, server).await,
        }
    }

    /// A code for what this one is for, in the era that is now, never seen before.
    fn code(&self, seen: &AuthorizationCode, code: &Code, now: i64, era: i64) -> Code {
        let forged = AuthorizationCode {
            grant: GrantId::generate(now * 1000),
            code_id: new_id(),
            era,
            ..seen.clone()
        };
        let mut code = code.clone();
        code.text = forged.seal(self.keys.seal()).unwrap();
        code
    }

    /// The access token with all that it says, and another name, signed with every key there was and sealed.
    fn access_tokens(&self, real: &Map<String, Value>) -> Vec<String> {
        let mut forged = real.clone();
        forged.insert("jti".to_owned(), json!(new_id()));
        let signed = [&self.keys, &self.later].map(|keys| {
            keys.signing(Algorithm::Es256)
                .unwrap()
                .sign_jwt("at+jwt", &forged)
                .unwrap()
        });
        let sealed = self.keys.seal().seal(Kind::AccessToken, &forged).unwrap();
        signed.into_iter().chain([sealed]).collect()
    }

    fn refresh_token(&self, seen: &RefreshToken, era: i64) -> String {
        let forged = RefreshToken {
            era,
            ..seen.clone()
        };
        self.keys.seal().seal(Kind::RefreshToken, &forged).unwrap()
    }
}

/// What `safeconduct key compromised` does.
pub(crate) async fn recover(server: &TestServer, lost: &Lost) -> keys::Recovered {
    let next = server.add_master_key().id();
    announce(server, next).await;
    assert!(wrap(server, next).await.done);
    let (store, masters, now) = (&server.store(), server.masters(), server.now());
    let recovered = keys::replace_lost(store, &masters, server.issuer(), lost, now);
    let recovered = recovered.await.unwrap();
    reseal_credentials(store, &masters, server.issuer(), now)
        .await
        .unwrap();
    recovered
}

async fn subjects(server: &TestServer) -> [Value; 2] {
    let mut ada = server.sign_in("ada").await;
    let mut subject = async |client: &str| {
        let tokens = ada.tokens(&Ask::of(client).scope("openid")).await;
        claims(tokens.id_token())["sub"].clone()
    };
    [subject("club").await, subject("twin").await]
}

/// What a thief saw before and what they may see after, of one app: a code, and what it bought.
struct Seen {
    code: Code,
    content: AuthorizationCode,
    tokens: Tokens,
    refresh: RefreshToken,
}

impl Seen {
    async fn by(thief: &Thief, server: &TestServer, code: Code) -> Self {
        let seal = thief.keys.seal();
        let content = AuthorizationCode::unseal(seal, &code.text).unwrap();
        let tokens = server.exchange(&code).await.tokens();
        Self {
            refresh: seal
                .open(Kind::RefreshToken, tokens.refresh_token())
                .unwrap(),
            code,
            content,
            tokens,
        }
    }
}

/// Everything that can be made with a thief's copies is refused at `node`, in the era before and in the one that everybody sees in
/// a token, also where it names what was handed out since, `again`.
async fn assert_worthless(node: &TestServer, thief: &Thief, seen: &Seen, again: &Tokens) {
    let now = node.now().seconds();
    let era = claims(&again.access)["era"].as_i64().unwrap();
    let fresh: RefreshToken = current(node, again.refresh_token()).await;
    for era in [1, era] {
        let forged = thief.code(&seen.content, &seen.code, now, era);
        assert_eq!(node.exchange(&forged).await.status, 400);
        for refresh in [&seen.refresh, &fresh] {
            let forged = Tokens {
                refresh: Some(thief.refresh_token(refresh, era)),
                ..again.clone()
            };
            assert_eq!(node.refresh("club", &forged).await.status, 400);
        }
    }
    for real in [&seen.tokens, again] {
        for token in thief.access_tokens(&claims(&real.access)) {
            assert!(!node.is_active(&token).await, "{token}");
            assert_eq!(node.userinfo(&token).await.status, 401);
        }
    }
    assert!(!node.is_active(&seen.tokens.access).await);
    assert_eq!(node.refresh("club", &seen.tokens).await.status, 400);
    assert_eq!(node.exchange(&seen.code).await.status, 400);
}

/// Attacks: A01, A07.
#[tokio::test]
async fn after_a_recovery_a_thiefs_copies_of_everything_are_worth_nothing() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    rotate(&server, ES256, false).await.unwrap();
    let before = subjects(&server).await;
    let ask = Ask::of("club").scope("openid notes.read");
    let mut ada = server.sign_in("ada").await;
    let code = ada.code(&ask).await;
    let thief = Thief::at(&server).await;
    let stolen = published(&server).await;
    let seen = Seen::by(&thief, &server, code).await;

    // What the copies are good for, as long as nobody does anything.
    let forged = thief.code(&seen.content, &seen.code, server.now().seconds(), 1);
    assert_eq!(server.exchange(&forged).await.status, 200);
    for token in thief.access_tokens(&claims(&seen.tokens.access)) {
        assert!(server.is_active(&token).await, "{token}");
    }

    let era = recover(&server, &Lost::EverySigningKey).await.era;
    for node in [&server, &other] {
        poll(node).await;
    }
    assert_eq!(ada.authorize(&ask).await.to_string(), SIGN_IN, "signed out");
    let mut ada = server.sign_in("ada").await;
    let again = ada.tokens(&ask).await;
    assert_eq!(claims(&again.access)["era"], era);
    for node in [&server, &other] {
        assert_worthless(node, &thief, &seen, &again).await;
        assert!(node.is_active(&again.access).await);
    }
    assert_eq!(server.refresh("club", &again).await.status, 200);
    let after = subjects(&server).await;
    assert_eq!(after, before, "everybody is who they were");
    for step in 0..4 {
        let kids = published(&server).await;
        assert!(kids.iter().all(|kid| !stolen.contains(kid)), "{step}");
        server.advance(DAY);
        rotate(&server, ES256, false).await.unwrap();
    }
    let refused = node_without(&server).await.err().unwrap().to_string();
    assert!(refused.contains("master key"), "{refused}");
}

/// What is in a refresh token, as this server finds it now.
async fn current(server: &TestServer, sealed: &str) -> RefreshToken {
    let keys = opened(server.server().store(), &server.masters(), server).await;
    keys.seal().open(Kind::RefreshToken, sealed).unwrap()
}

#[tokio::test]
async fn a_node_logs_once_which_era_and_keys_it_works_with_from_now_on() {
    let server = TestServer::start().await;
    let taking_over = async {
        recover(&server, &Lost::EverySigningKey).await;
        poll(&server).await;
    };
    let (_, log) = Log::of(taking_over).await;
    for said in [
        "a new era has begun",
        "another master key wraps the keys",
        "another key signs algorithm=\"ES256\"",
        "another key signs algorithm=\"RS256\"",
    ] {
        assert_eq!(log.matches(said).count(), 1, "{said} in {log}");
    }
    let (_, log) = Log::of(poll(&server)).await;
    assert!(
        !log.contains("a new era") && !log.contains("another"),
        "{log}"
    );
}

/// Attacks: J19, A07.
#[tokio::test]
async fn a_named_signing_key_is_withdrawn_alone_and_nothing_waits_behind_it() {
    let server = TestServer::start().await;
    rotate(&server, ES256, false).await.unwrap();
    let rows_before = rows(&server).await;
    let of = |state: &str| {
        let found = rows_before
            .iter()
            .find(|row| row.purpose == "sign:ES256" && row.state == state);
        found.unwrap().id
    };
    let (active, next) = (of("active"), of("next"));
    let recovered = recover(&server, &Lost::SigningKeys(vec![active, active])).await;
    assert_eq!(recovered.withdrawn, [(active, "sign:ES256".to_owned())]);
    poll(&server).await;
    let left: Vec<i64> = rows(&server).await.iter().map(|row| row.id).collect();
    assert!(!left.contains(&active) && !left.contains(&next));
    let kept = |row: &&KeyRow| row.purpose == "sign:RS256" || row.purpose == "subjects";
    assert!(
        rows_before
            .iter()
            .filter(kept)
            .all(|row| left.contains(&row.id))
    );
    assert_eq!(states(&server, "sign:ES256").await, ["active", "next"]);
    let tokens = server.tokens("ada", &Ask::of("club").scope("openid")).await;
    assert_eq!(server.userinfo(&tokens.access).await.status, 200);
    let (store, masters) = (&server.store(), server.masters());
    let unknown = Lost::SigningKeys(vec![active]);
    let refused = keys::replace_lost(store, &masters, server.issuer(), &unknown, server.now());
    assert!(refused.await.is_err());
}
