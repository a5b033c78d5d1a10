//! Signing out at the issuer too, and back; and what the issuer says of sign-outs elsewhere.

use axum::http::{StatusCode, header};
use rstest::rstest;
use safeconduct_client::store::SqliteStore;
use safeconduct_client::testing::{
    self, FakeIssuer, Fault, LogoutFlaw as Flaw, LogoutToken, Page, TestApp, Visitor,
};
use safeconduct_client::{Algorithm, ClientBuilder, ErrorKind, KeyRing};
use safeconduct_protocol::logout::BACK_CHANNEL_EVENT;
use serde_json::json;
use url::Url;

use crate::app::{ORIGIN, csrf_token, router};
use crate::stores::{DeadStore, FailingStore};
use crate::{issuer_and_clock, kind, parameter, session};

async fn sign_out(visitor: &Visitor, next: &str) -> Page {
    let token = csrf_token(&visitor.get("/").await);
    let fields = [("csrf_token", token.as_str()), ("next", next)];
    visitor.post_from(ORIGIN, "/auth/logout", &fields).await
}

async fn is_signed_in(visitor: &Visitor) -> bool {
    visitor.get("/private").await.status() == StatusCode::OK
}

#[rstest]
#[case::to_the_start("", "/")]
#[case::to_a_page("/bye?x=1", "/bye?x=1")]
#[case::not_to_another_site("//evil.example", "/")]
#[case::not_in_circles("/auth/login", "/")]
#[tokio::test]
async fn a_person_signs_out_at_the_issuer_and_comes_back(#[case] next: &str, #[case] end: &str) {
    let app = testing::app(router).await;
    let alice = app.signed_in("alice").await;
    let page = sign_out(&alice, next).await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert!(!is_signed_in(&alice).await, "here first");
    assert_eq!(app.issuer.revocations(), 1);
    let url = Url::parse(page.location().unwrap()).unwrap();
    assert_eq!(parameter(&url, "client_id").unwrap(), FakeIssuer::CLIENT_ID);
    assert_eq!(
        parameter(&url, "post_logout_redirect_uri").unwrap(),
        app.client.post_logout_redirect_uri().unwrap()
    );

    let back = app.issuer.end_session(&url).await;
    assert_eq!(app.issuer.sign_outs(), ["alice"]);
    assert_eq!(
        back.as_str().split('?').next(),
        Some("http://localhost:8421/auth/logged-out")
    );
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let page = alice.get(&path).await;
    assert_eq!(
        (page.status(), page.location()),
        (StatusCode::SEE_OTHER, Some(end))
    );
}

#[tokio::test]
async fn nobody_comes_back_from_a_sign_out_that_was_none() {
    let app = testing::app(router).await;
    let other = testing::app(router).await;
    let signed_out = async |app: &TestApp| {
        let page = sign_out(&app.signed_in("alice").await, "/").await;
        let url = Url::parse(page.location().unwrap()).unwrap();
        parameter(&url, "state").unwrap()
    };
    let (state, foreign) = (signed_out(&app).await, signed_out(&other).await);
    let visitor = app.visitor();
    let come_back = async |query: &str| visitor.get(&format!("/auth/logged-out{query}")).await;
    for query in [
        String::new(),
        "?state=".to_owned(),
        "?state=x".to_owned(),
        format!("?state={foreign}"),
        format!("?state={state}A"),
        format!("?state={state}&state={state}"),
    ] {
        let page = come_back(&query).await;
        assert_eq!(page.status(), StatusCode::BAD_REQUEST, "{query}");
        assert!(page.text().contains("sign-out-unknown"));
    }
    let page = come_back(&format!("?state={state}")).await;
    assert_eq!(page.location(), Some("/"));
}

#[tokio::test]
async fn the_way_back_is_open_for_ten_minutes() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    let url = session.sign_out("/bye").await.unwrap().url.unwrap();
    let back = issuer.end_session(&url).await;
    let query = back.query().unwrap();
    clock.advance(599);
    assert_eq!(client.logged_out(query).unwrap(), "/bye");
    clock.advance(1);
    let late = client.logged_out(query);
    assert_eq!(kind(late), Some(ErrorKind::LogoutUnknown));
}

#[tokio::test]
async fn a_sign_out_stays_here_where_it_can_or_should_go_no_further() {
    let locally = async |configure: fn(ClientBuilder) -> ClientBuilder, spoil: fn(&FakeIssuer)| {
        let app = testing::app_with(configure, router).await;
        let alice = app.signed_in("alice").await;
        spoil(&app.issuer);
        let page = sign_out(&alice, "/bye").await;
        assert!(!is_signed_in(&alice).await);
        assert_eq!(
            (page.status(), page.location()),
            (StatusCode::SEE_OTHER, Some("/bye"))
        );
        assert!(app.issuer.sign_outs().is_empty());
    };
    locally(|client| client.logout_at_server(false), |_| {}).await;
    locally(|client| client.scopes(["notes.read"]), |_| {}).await;
    let app = testing::app(router).await;
    app.issuer
        .change_metadata("end_session_endpoint", serde_json::Value::Null);
    let page = sign_out(&app.signed_in("alice").await, "/bye").await;
    assert_eq!(page.location(), Some("/bye"));
}

#[tokio::test]
async fn an_issuer_that_is_gone_keeps_nobody_signed_in() {
    let (issuer, clock) = issuer_and_clock().await;
    let month = std::time::Duration::from_secs(30 * 86_400);
    let client = issuer.client().session_lifetimes(month, month);
    let client = client.build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    clock.advance(7 * 86_400);
    issuer.script([Fault::MetadataBusy; 4]);
    let signed_out = session.sign_out("/").await.unwrap();
    assert!(signed_out.set_cookie.contains("Max-Age=0"));
    assert_eq!(signed_out.url, None);
    assert!(client.session(&cookie).await.unwrap().is_none());
}

#[tokio::test]
async fn a_logout_token_ends_the_sessions_that_it_is_about() {
    let app = testing::app(router).await;
    let laptop = app.signed_in("alice").await;
    let on_laptop = app.issuer.sid();
    let phone = app.signed_in("alice").await;
    let bob = app.signed_in("bob").await;
    let told = async |logout: LogoutToken| {
        let page = app.issuer.back_channel_logout(&app, &logout).await;
        assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store");
        page.status()
    };
    let elsewhere = LogoutToken::of_session("another session");
    assert_eq!(told(elsewhere).await, StatusCode::OK, "nobody of ours");
    assert!(is_signed_in(&laptop).await);

    let one = LogoutToken::of_session(on_laptop).and_user("alice");
    assert_eq!(told(one).await, StatusCode::OK);
    assert!(!is_signed_in(&laptop).await && is_signed_in(&phone).await);

    let again = app.signed_in("alice").await;
    assert_eq!(told(LogoutToken::of_user("alice")).await, StatusCode::OK);
    assert!(!is_signed_in(&phone).await && !is_signed_in(&again).await);
    assert!(is_signed_in(&bob).await);
}

/// Attacks: O06.
#[rstest]
#[case::unsigned(Flaw::Unsigned)]
#[case::signature(Flaw::Signature)]
#[case::foreign_key(Flaw::ForeignKey)]
#[case::an_access_token(Flaw::Type)]
#[case::issuer(Flaw::Issuer)]
#[case::audience(Flaw::Audience)]
#[case::second_audience(Flaw::SecondAudience)]
#[case::no_event(Flaw::NoEvent)]
#[case::other_event(Flaw::OtherEvent)]
#[case::second_event(Flaw::SecondEvent)]
#[case::event_as_text(Flaw::EventAsText)]
#[case::nonce(Flaw::Nonce)]
#[case::at_hash(Flaw::AccessTokenHash)]
#[case::no_jti(Flaw::NoId)]
#[case::no_iat(Flaw::NoIssuedAt)]
#[case::old(Flaw::Old)]
#[case::no_exp(Flaw::NoExpiry)]
#[case::expired(Flaw::Expired)]
#[tokio::test]
async fn a_logout_token_that_is_not_to_be_believed_ends_nothing(#[case] flaw: Flaw) {
    let app = testing::app(router).await;
    let honest = async |name: &str| {
        let visitor = app.signed_in(name).await;
        let logout = LogoutToken::of_session(app.issuer.sid());
        let page = app.issuer.back_channel_logout(&app, &logout).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(!is_signed_in(&visitor).await);
    };
    honest("ann").await;
    let alice = app.signed_in("alice").await;
    let forged = LogoutToken::of_session(app.issuer.sid())
        .and_user("alice")
        .with(flaw);
    refused(&app, &forged).await;
    assert!(is_signed_in(&alice).await);
    honest("bob").await;
}

/// Attacks: LI51.
#[rstest]
#[case::of_its_own_type(Some("logout+jwt"), true)]
#[case::of_its_own_type_in_full(Some("application/logout+jwt"), true)]
#[case::of_the_general_type(Some("JWT"), false)]
#[case::of_no_type(None, false)]
#[tokio::test]
async fn a_logout_token_is_taken_without_a_type_of_its_own_unless_that_is_demanded(
    #[case] typ: Option<&str>,
    #[case] taken_where_demanded: bool,
) {
    let demands: fn(ClientBuilder) -> ClientBuilder =
        |client| client.require_logout_token_typ(true);
    let leaves_it: fn(ClientBuilder) -> ClientBuilder = |client| client;
    for (configure, taken) in [(leaves_it, true), (demands, taken_where_demanded)] {
        let app = testing::app_with(configure, router).await;
        let alice = app.signed_in("alice").await;
        let logout = LogoutToken::of_session(app.issuer.sid()).of_type(typ);
        let page = app.issuer.back_channel_logout(&app, &logout).await;
        let expected = match taken {
            true => StatusCode::OK,
            false => StatusCode::BAD_REQUEST,
        };
        assert_eq!(page.status(), expected);
        assert_eq!(is_signed_in(&alice).await, !taken);
    }
}

/// Attacks: J06, O06, LI51.
#[rstest]
#[tokio::test]
async fn no_id_token_and_no_access_token_ends_a_session(
    #[values(None, Some("JWT"), Some("at+jwt"), Some("logout+jwt"))] typ: Option<&str>,
) {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (_, cookie) = session(&client, &issuer).await;
    let common = json!({
        "iss": issuer.url(), "aud": FakeIssuer::CLIENT_ID, "sub": "alice", "sid": issuer.sid(),
        "iat": clock.now(), "exp": clock.now().plus(120),
    });
    let with = |more: serde_json::Value| {
        let mut claims = common.clone();
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        format!("logout_token={}", issuer.sign(typ, &claims))
    };
    let event = json!({ BACK_CHANNEL_EVENT: {} });
    let others = [
        with(json!({ "jti": "1", "nonce": "n", "at_hash": "h" })),
        // A refreshed ID Token (OpenID Connect Core §12.2), and one with a claim of that name.
        with(json!({ "jti": "2", "at_hash": "h", "auth_time": clock.now() })),
        with(json!({ "jti": "3", "at_hash": "h", "events": event })),
        // Access tokens of issuers that sign them as ID Tokens.
        with(json!({ "jti": "4", "scope": "notes.read", "client_id": FakeIssuer::CLIENT_ID })),
        with(json!({ "jti": "5", "azp": FakeIssuer::CLIENT_ID, "events": [] })),
    ];
    for other in others {
        let refused = client.back_channel_logout(other.as_bytes()).await;
        assert_eq!(kind(refused), Some(ErrorKind::LogoutToken));
        assert!(client.session(&cookie).await.unwrap().is_some());
    }
    let logout = with(json!({ "jti": "6", "events": event }));
    let ended = client.back_channel_logout(logout.as_bytes()).await;
    assert_eq!(ended.ok(), (typ != Some("at+jwt")).then_some(1));
}

/// Attacks: O06.
#[tokio::test]
async fn a_logout_token_in_another_algorithm_than_the_registered_one_is_refused() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (_, cookie) = session(&client, &issuer).await;
    let form = || {
        let logout = LogoutToken::of_user("alice");
        format!("logout_token={}", issuer.logout_token(&logout))
    };
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let refused = client.back_channel_logout(form().as_bytes()).await;
    assert_eq!(kind(refused), Some(ErrorKind::LogoutToken));
    assert!(client.session(&cookie).await.unwrap().is_some());
    issuer.id_tokens_signed_with(Algorithm::Rs256);
    assert_eq!(
        client.back_channel_logout(form().as_bytes()).await.ok(),
        Some(1)
    );
}

#[tokio::test]
async fn a_logout_token_of_a_new_key_is_taken_at_once() {
    let (issuer, _) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let client = issuer.client().build().unwrap();
    for round in 1..=4 {
        session(&client, &issuer).await;
        issuer.rotate_keys();
        let token = issuer.logout_token(&LogoutToken::of_user("alice"));
        let form = format!("logout_token={token}");
        let ended = client.back_channel_logout(form.as_bytes()).await;
        assert_eq!(ended.ok(), Some(1));
        assert_eq!(issuer.key_requests(), 1 + round);
    }
}

#[tokio::test]
async fn made_up_keys_keep_nobody_from_signing_in_after_a_rotation() {
    let (issuer, _) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let client = issuer.client().build().unwrap();
    session(&client, &issuer).await;
    let forged = LogoutToken::of_user("alice").with(Flaw::ForeignKey);
    for _ in 0..20 {
        let form = format!("logout_token={}", issuer.logout_token(&forged));
        client
            .back_channel_logout(form.as_bytes())
            .await
            .unwrap_err();
    }
    issuer.rotate_keys();
    session(&client, &issuer).await;
}

async fn refused(app: &TestApp, logout: &LogoutToken) {
    let page = app.issuer.back_channel_logout(app, logout).await;
    assert_eq!(page.status(), StatusCode::BAD_REQUEST);
    assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store");
    let body: serde_json::Value = serde_json::from_str(page.text()).unwrap();
    assert_eq!(body["error"], "invalid_request");
}

/// Attacks: O06.
#[tokio::test]
async fn a_logout_token_names_somebody_and_counts_once() {
    let app = testing::app(router).await;
    refused(&app, &LogoutToken::of_nobody()).await;
    refused(&app, &LogoutToken::of_session("")).await;
    let first = app.signed_in("alice").await;
    let logout = LogoutToken::of_user("alice");
    let page = app.issuer.back_channel_logout(&app, &logout).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(!is_signed_in(&first).await);
    let second = app.signed_in("alice").await;
    refused(&app, &logout).await;
    assert!(is_signed_in(&second).await, "a replay ends nothing");
    let page = app
        .issuer
        .back_channel_logout(&app, &LogoutToken::of_user("alice"))
        .await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(!is_signed_in(&second).await);
}

#[rstest]
#[case::nothing("")]
#[case::another_name("token=x")]
#[case::empty("logout_token=")]
#[case::no_token("logout_token=hello")]
#[case::not_utf_8("logout_token=%ff")]
#[tokio::test]
async fn what_is_no_logout_token_is_refused_without_asking_anybody(#[case] form: &str) {
    let app = testing::app(router).await;
    let request = axum::extract::Request::post("/auth/backchannel")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.to_owned().into());
    let page = app.visitor().send(request.unwrap()).await;
    assert_eq!(page.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        (app.issuer.metadata_requests(), app.issuer.key_requests()),
        (0, 0)
    );
    let logout = LogoutToken::of_user("alice");
    let page = app.issuer.back_channel_logout(&app, &logout).await;
    assert_eq!(page.status(), StatusCode::OK);
}

#[tokio::test]
async fn two_tokens_or_another_kind_of_body_are_no_logout() {
    let app = testing::app(router).await;
    let alice = app.signed_in("alice").await;
    let token = app.issuer.logout_token(&LogoutToken::of_user("alice"));
    let send = async |kind: &str, body: String| {
        let request = axum::extract::Request::post("/auth/backchannel")
            .header(header::CONTENT_TYPE, kind)
            .body(body.into());
        app.visitor().send(request.unwrap()).await.status()
    };
    let form = "application/x-www-form-urlencoded";
    let twice = format!("logout_token={token}&logout_token={token}");
    assert_eq!(send(form, twice).await, StatusCode::BAD_REQUEST);
    let once = format!("logout_token={token}");
    let as_json = send("application/json", once.clone()).await;
    assert_eq!(as_json, StatusCode::BAD_REQUEST);
    assert!(is_signed_in(&alice).await);
    assert_eq!(send(form, once).await, StatusCode::OK);
    assert!(!is_signed_in(&alice).await);
}

/// Attacks: Z06.
#[tokio::test]
async fn made_up_keys_cause_two_looks_and_then_one_in_ten_seconds() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let client = issuer.client().build().unwrap();
    let token = || {
        let forged = LogoutToken::of_user("alice").with(Flaw::ForeignKey);
        format!("logout_token={}", issuer.logout_token(&forged))
    };
    let mut looks = 0;
    for allowed in [2, 1, 1] {
        for _ in 0..allowed {
            let refused = client.back_channel_logout(token().as_bytes()).await;
            assert_eq!(kind(refused), Some(ErrorKind::LogoutToken));
        }
        looks += allowed;
        for _ in 0..20 {
            // Whether the issuer has the key is not known now: it is told to come again.
            let unknown = client.back_channel_logout(token().as_bytes()).await;
            assert_eq!(kind(unknown), Some(ErrorKind::IssuerBusy));
        }
        assert_eq!(issuer.key_requests(), looks);
        clock.advance(10);
    }
    let of_another_issuer = LogoutToken::of_user("alice").with(Flaw::Issuer);
    let form = format!("logout_token={}", issuer.logout_token(&of_another_issuer));
    client
        .back_channel_logout(form.as_bytes())
        .await
        .unwrap_err();
    assert_eq!(issuer.key_requests(), looks);
}

#[tokio::test]
async fn a_logout_token_whose_key_can_not_be_asked_for_is_told_to_come_again() {
    let app = testing::app_with(|client| client.id_token_algorithm(Algorithm::Es256), router).await;
    app.issuer.id_tokens_signed_with(Algorithm::Es256);
    let alice = app.signed_in("alice").await;
    let forged = LogoutToken::of_user("alice").with(Flaw::ForeignKey);
    refused(&app, &forged).await;
    refused(&app, &forged).await;
    app.issuer.rotate_keys();
    let logout = LogoutToken::of_user("alice");
    let page = app.issuer.back_channel_logout(&app, &logout).await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.headers()[header::RETRY_AFTER], "5");
    assert!(is_signed_in(&alice).await);
}

#[tokio::test]
async fn an_outage_is_told_from_a_refusal_and_the_token_still_counts_afterwards() {
    let (issuer, clock) = issuer_and_clock().await;
    let store = FailingStore::default();
    let client = issuer.client().store(store.clone());
    let client = client.session_keys(KeyRing::generate()).build().unwrap();
    let (_, cookie) = session(&client, &issuer).await;
    let token = issuer.logout_token(&LogoutToken::of_user("alice"));
    let form = format!("logout_token={token}");
    store.fail(0, 1);
    let failed = client.back_channel_logout(form.as_bytes()).await;
    assert_eq!(kind(failed), Some(ErrorKind::SessionStore));
    assert!(client.session(&cookie).await.unwrap().is_some());
    assert_eq!(
        client.back_channel_logout(form.as_bytes()).await.unwrap(),
        1
    );
    assert!(client.session(&cookie).await.unwrap().is_none());

    clock.advance(1);
    let dead = |client: ClientBuilder| client.store(DeadStore).session_keys(KeyRing::generate());
    let app = testing::app_with(dead, router).await;
    let logout = LogoutToken::of_user("alice");
    let page = app.issuer.back_channel_logout(&app, &logout).await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn processes_on_one_file_carry_a_logout_out_together_and_once() {
    let (issuer, _) = issuer_and_clock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let key = |byte: u8| vec![format!("{byte:02x}"); 32].concat();
    let start = async |keys: String| {
        let keys = KeyRing::parse(&safeconduct_client::Secret::new(keys)).unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        let client = issuer.client().store(store).session_keys(keys);
        client.build().unwrap()
    };
    let before = start(key(1)).await;
    let after = start(format!("{},{}", key(2), key(1))).await;
    let (_, old) = session(&before, &issuer).await;
    let (_, new) = session(&after, &issuer).await;
    let token = issuer.logout_token(&LogoutToken::of_user("alice"));
    let form = format!("logout_token={token}");
    assert_eq!(after.back_channel_logout(form.as_bytes()).await.unwrap(), 2);
    for (client, cookie) in [(&before, &old), (&after, &new)] {
        assert!(client.session(cookie).await.unwrap().is_none());
    }
    let replay = before.back_channel_logout(form.as_bytes()).await;
    assert_eq!(kind(replay), Some(ErrorKind::LogoutToken));
}

/// Attacks: O06, A06.
#[tokio::test]
async fn an_issuer_ends_no_session_of_another_issuers() {
    let (one, other) = (FakeIssuer::start().await, FakeIssuer::start().await);
    let (store, keys) = (FailingStore::default(), KeyRing::generate());
    let client_of = |issuer: &FakeIssuer| {
        let client = issuer.client().store(store.clone());
        client.session_keys(keys.clone()).build().unwrap()
    };
    let (at_one, at_other) = (client_of(&one), client_of(&other));
    let (_, with_one) = session(&at_one, &one).await;
    let (_, with_other) = session(&at_other, &other).await;
    let token = one.logout_token(&LogoutToken::of_user("alice"));
    let form = format!("logout_token={token}");
    let refused = at_other.back_channel_logout(form.as_bytes()).await;
    assert_eq!(kind(refused), Some(ErrorKind::LogoutToken));
    assert_eq!(
        at_one.back_channel_logout(form.as_bytes()).await.unwrap(),
        1
    );
    assert!(at_one.session(&with_one).await.unwrap().is_none());
    assert!(at_other.session(&with_other).await.unwrap().is_some());
}
