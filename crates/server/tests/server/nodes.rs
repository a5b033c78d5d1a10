//! Two nodes on one database: what is done at one is true at the other. Whether something lives is asked of the database by
//! every request; what clients, scopes and keys are is true everywhere after one poll, half a second at most.

use safeconduct_protocol::client::{BackChannelUri, Client};
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::jose::{Algorithm, JwkSet};
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::keys::{self, Keys, Rotating};
use safeconduct_server::{MasterKey, Server};
use safeconduct_store::{By, Cluster, Declared};
use serde_json::json;

use crate::login::{CONSENT, SIGN_IN};
use crate::support::{Ask, Browser, Credentials, Form, SIGNED_OUT, TestServer};

/// A node, and another one on its database.
async fn two_nodes() -> (TestServer, TestServer) {
    let one = TestServer::start().await;
    let other = one.another_node().await;
    (one, other)
}

/// What happens by itself within half a second.
async fn poll(node: &TestServer) {
    node.server().refresh().await.unwrap();
}

/// A browser at another node, with the cookies it was given at the first.
fn moved<'n>(browser: &Browser<'_>, node: &'n TestServer) -> Browser<'n> {
    let mut moved = node.browser();
    moved.cookies.clone_from(&browser.cookies);
    moved
}

#[tokio::test]
async fn every_step_of_a_flow_may_be_at_another_node() {
    let (one, other) = two_nodes().await;
    let ask = Ask::of("bank");
    let mut here = one.browser();
    let sign_in = here.authorize(&ask).await;
    let mut there = moved(&here, &other);
    let consent = there.sign_in(&sign_in, "ada").await;
    let mut here = moved(&there, &one);
    let code = here.allow(&consent).await.code(&ask);
    let tokens = other.exchange(&code).await.tokens();
    assert!(one.is_active(&tokens.access).await);
    let renewed = one.refresh("bank", &tokens).await.tokens();
    let again = other.refresh("bank", &tokens).await.tokens();
    assert_eq!(
        other.generation(&again).await,
        one.generation(&renewed).await,
        "an answer that was lost is given again by any node"
    );
    assert_eq!(one.exchange(&code).await.status, 400, "a code is used once");
    assert!(!other.is_active(&tokens.access).await);
}

/// Attacks: E26.
#[tokio::test]
async fn a_lock_is_felt_at_once() {
    let (one, other) = two_nodes().await;
    let mut ada = one.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("club").scope("openid")).await;
    let code = ada.code(&Ask::of("shop")).await;
    one.lock_user("ada").await;
    assert_eq!(other.userinfo(&tokens.access).await.status, 401);
    assert_eq!(other.refresh("club", &tokens).await.status, 400);
    assert_eq!(other.exchange(&code).await.status, 400);
    let page = moved(&ada, &other).authorize(&Ask::of("portal")).await;
    assert_eq!(page.to_string(), SIGN_IN);
}

/// Attacks: E12, E26.
#[tokio::test]
async fn a_revocation_and_a_sign_out_are_felt_at_once() {
    let (one, other) = two_nodes().await;
    let mut ada = one.sign_in("ada").await;
    let [first, second] = [
        ada.tokens(&Ask::of("shop")).await,
        ada.tokens(&Ask::of("mailer")).await,
    ];
    one.revoke("shop", first.refresh_token()).await;
    assert!(!other.is_active(&first.access).await);
    assert!(other.is_active(&second.access).await);
    moved(&ada, &other).sign_out().await;
    assert!(!one.is_active(&second.access).await);
    assert_eq!(ada.authorize(&Ask::of("portal")).await.to_string(), SIGN_IN);
}

#[tokio::test]
async fn a_withdrawn_consent_is_felt_at_once() {
    let (one, other) = two_nodes().await;
    let mut ada = one.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("shop")).await;
    assert!(
        moved(&ada, &other)
            .authorize(&Ask::of("shop"))
            .await
            .has_code()
    );
    one.withdraw_consent("ada", "shop").await;
    assert!(!other.is_active(&tokens.access).await);
    assert_eq!(other.refresh("shop", &tokens).await.status, 400);
    let page = moved(&ada, &other).authorize(&Ask::of("shop")).await;
    assert_eq!(page.to_string(), CONSENT);
}

#[tokio::test]
async fn what_is_known_about_a_person_is_told_at_once() {
    let (one, other) = two_nodes().await;
    let ask = Ask::of("club").scope("openid profile");
    let tokens = one.tokens("ada", &ask).await;
    let store = &one.store();
    let ada = store.user_by_name("ada").await.unwrap().unwrap();
    let mut claims = ada.claims.clone();
    claims.set("nickname", json!("Enchantress")).unwrap();
    let changed = store.update_claims(&ada.id, ada.updated_at, &claims, None, one.now());
    assert!(changed.await.unwrap());
    let told = other.userinfo(&tokens.access).await;
    assert_eq!(told.json()["nickname"], "Enchantress");
}

#[tokio::test]
async fn a_disabled_client_is_felt_at_once_and_turned_away_after_a_poll() {
    let (one, other) = two_nodes().await;
    let mut ada = one.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("shop")).await;
    let code = ada.code(&Ask::of("shop")).await;
    one.disable_client("shop").await;
    assert!(!other.is_active(&tokens.access).await);
    // By the row of the client; or by the copy, where a busy machine took a second for it and the node has looked again.
    let felt = [400, 401];
    assert!(felt.contains(&other.exchange(&code).await.status.as_u16()));
    assert!(felt.contains(&other.refresh("shop", &tokens).await.status.as_u16()));
    poll(&other).await;
    assert_eq!(other.refresh("shop", &tokens).await.status, 401);
    let page = moved(&ada, &other).authorize(&Ask::of("shop")).await;
    assert_eq!(page.status, 400, "{page:?}");
}

/// Attacks: T21.
#[tokio::test]
async fn a_rotated_secret_is_dead_after_a_poll() {
    let (one, other) = two_nodes().await;
    let tokens = one.tokens("ada", &Ask::of("shop")).await;
    let form = tokens.refresh();
    assert_eq!(other.token("shop", &form).await.status, 200);
    one.rotate_secret("shop", "new secret", 0).await;
    poll(&other).await;
    let with_new = Credentials::Basic("shop".to_owned(), "new secret".to_owned());
    assert_eq!(other.token("shop", &form).await.status, 401);
    assert_eq!(other.token_with(&with_new, &form).await.status, 200);
}

#[tokio::test]
async fn a_client_that_is_new_is_known_after_a_poll() {
    let (one, other) = two_nodes().await;
    let ask = Ask::of("shop").with("client_id", "newcomer");
    let store = &one.store();
    let mut known = store.catalog().await.unwrap().clients.into_iter();
    let shop = known.find(|known| known.client.id.as_str() == "shop");
    let newcomer = Client {
        id: ClientId::parse("newcomer").unwrap(),
        ..shop.unwrap().client
    };
    let secret = Secret::new("a secret of its own");
    let hash = opened(one.server()).await.hash_client_secret(&secret);
    let created = store.create_client(&newcomer, Some(hash), false, one.now());
    created.await.unwrap();
    assert_eq!(other.browser().authorize(&ask).await.status, 400);
    poll(&other).await;
    assert_eq!(other.browser().authorize(&ask).await.to_string(), SIGN_IN);
    one.delete_client("newcomer").await;
    poll(&other).await;
    assert_eq!(other.browser().authorize(&ask).await.status, 400);
}

#[tokio::test]
async fn another_registration_is_true_after_a_poll() {
    let (one, other) = two_nodes().await;
    let mut ada = one.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("club").scope("openid")).await;
    let elsewhere = "https://club.example/elsewhere";
    let change = |club: &mut Client| {
        club.redirect_uris = vec![RedirectUri::register("https://club.example/back").unwrap()];
        club.openid.post_logout_redirect_uris = vec![RedirectUri::register(elsewhere).unwrap()];
    };
    one.change_client("club", change).await;
    poll(&other).await;
    let mut ada = moved(&ada, &other);
    assert_eq!(ada.authorize(&Ask::of("club")).await.status, 400);
    for (uri, is_registered) in [(SIGNED_OUT, false), (elsewhere, true)] {
        let form = Form::new()
            .with("id_token_hint", tokens.id_token())
            .with("post_logout_redirect_uri", uri);
        let answer = ada.get(&format!("/logout?{}", form.encode())).await;
        assert_eq!(
            answer.location() == format!("{elsewhere}#"),
            is_registered,
            "{answer:?}"
        );
    }

    // Who wants to be told of a sign-out is remembered from the next sign-in.
    one.change_client("club", |club| {
        change(club);
        club.openid.backchannel_logout_uri = BackChannelUri::parse("https://club.example/logout");
    })
    .await;
    poll(&other).await;
    assert_eq!(other.rows()["session_clients"], 0);
    let ask = Ask::of("club").with("redirect_uri", "https://club.example/back");
    other.tokens("ada", &ask.scope("openid")).await;
    assert_eq!(other.rows()["session_clients"], 1);
}

#[tokio::test]
async fn what_a_scope_is_called_is_shown_after_a_poll() {
    let (one, other) = two_nodes().await;
    let (store, wording) = (&one.store(), "Leaf through your notes");
    let kept = store.catalog().await.unwrap();
    let mut declared = Declared {
        clients: Vec::new(),
        scopes: kept.scopes,
        resources: kept.resources,
        ..Declared::default()
    };
    let scope = declared.scopes.iter_mut();
    let scope = scope.into_iter().find(|scope| scope.name == "notes.read");
    scope.unwrap().text = [("en".to_owned(), wording.to_owned())].into();
    store.reconcile(&declared, one.now()).await.unwrap();
    poll(&other).await;
    let ada = one.sign_in("ada").await;
    let page = moved(&ada, &other).authorize(&Ask::of("shop")).await;
    assert!(page.body.contains(wording), "{page:?}");
}

/// As the founder of every test's database made it.
fn master() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

async fn cluster(server: &Server) -> Cluster {
    server.store().cluster().await.unwrap().unwrap()
}

async fn opened(server: &Server) -> Keys {
    let rows = server.store().catalog().await.unwrap().keys;
    let issuer = server.settings().issuer.as_str();
    let cluster = cluster(server).await;
    Keys::open(&master().into(), issuer, &cluster, &rows, server.now()).unwrap()
}

/// What `safeconduct key rotate` does: the next key is published, or used if it is `time`.
async fn rotate_key(node: &TestServer, algorithm: Algorithm, time: bool) {
    let server = node.server();
    let (issuer, rotating) = (
        server.settings().issuer.as_str(),
        Rotating::Signing(algorithm),
    );
    keys::rotate(
        &server.store().by(By::server()),
        &master().into(),
        issuer,
        rotating,
        node.now(),
        time,
    )
    .await
    .unwrap();
    poll(node).await;
}

async fn published(node: &TestServer) -> Vec<String> {
    let answer = node.get("/.well-known/jwks.json").await;
    let set: JwkSet = serde_json::from_str(&answer.body).unwrap();
    set.keys
        .into_iter()
        .filter_map(|key| key.kid().map(str::to_owned))
        .collect()
}

/// Attacks: I12, E20.
#[tokio::test]
async fn a_key_is_known_everywhere_before_anything_is_signed_with_it() {
    let (one, other) = two_nodes().await;
    rotate_key(&one, Algorithm::Es256, false).await;
    assert_ne!(published(&one).await, published(&other).await);
    poll(&other).await;
    assert_eq!(published(&one).await, published(&other).await);
    let before = one.tokens("ada", &Ask::of("shop")).await;
    rotate_key(&one, Algorithm::Es256, true).await;
    // Not polled since: the key that signs now was published the time before.
    let after = one.tokens("ada", &Ask::of("shop")).await;
    assert!(other.is_active(&after.access).await);
    assert!(other.is_active(&before.access).await);
    poll(&other).await;
    let signed_there = other.tokens("ada", &Ask::of("shop")).await;
    assert!(one.is_active(&signed_there.access).await);
    assert!(
        one.is_active(&before.access).await,
        "retired, and still good"
    );
}

#[tokio::test]
async fn an_era_that_begins_is_everywhere_after_a_poll() {
    let (one, other) = two_nodes().await;
    let tokens = one.tokens("ada", &Ask::of("shop")).await;
    one.begin_era().await;
    poll(&other).await;
    assert!(!other.is_active(&tokens.access).await);
    assert_eq!(other.refresh("shop", &tokens).await.status, 400);
    let again = other.tokens("ada", &Ask::of("shop")).await;
    assert!(one.is_active(&again.access).await);
}

/// Attacks: E25.
#[tokio::test]
async fn a_database_of_another_issuer_or_master_key_is_not_served() {
    let (one, _) = two_nodes().await;
    let (settings, store) = (one.server().settings().clone(), one.server().store());
    let strangers = MasterKey::from_bytes([8; 32]);
    let refused = Server::new(settings.clone(), store.clone(), strangers, clock(&one)).await;
    assert_eq!(
        refused.err().unwrap().to_string(),
        "this database was made with another master key: start with that key, or use another database"
    );
    let issuer = safeconduct_protocol::metadata::Issuer::parse("https://other.example").unwrap();
    let settings = safeconduct_server::Settings { issuer, ..settings };
    let refused = Server::new(settings, store.clone(), master(), clock(&one)).await;
    assert_eq!(
        refused.err().unwrap().to_string(),
        "this database belongs to the issuer https://id.example: set that issuer, or use another database"
    );
    assert_eq!(one.get("/").await.status, 200);
}

fn clock(node: &TestServer) -> safeconduct_protocol::clock::Clock {
    safeconduct_protocol::clock::Clock::test(node.now())
}
