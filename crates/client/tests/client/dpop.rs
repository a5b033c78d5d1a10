//! Tokens bound to a key (DPoP): proofs wherever a token is asked for or shown, and no way back to bearer tokens.

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use rstest::rstest;
use safeconduct_client::store::SqliteStore;
use safeconduct_client::testing::{FakeIssuer, Fault};
use safeconduct_client::{
    BeginOptions, ClientAuthentication, Clock, ErrorKind, KeyRing, Session, SigningKey,
};
use safeconduct_protocol::dpop::{Presented, Proof};
use safeconduct_protocol::jose::Algorithm;

use crate::{issuer_and_clock, kind, parameter, session, sign_in};

/// An API that takes bound tokens with their proof, each once, and wants a nonce if it is given one.
#[derive(Clone)]
struct Api {
    url: String,
    clock: Clock,
    seen: Arc<Mutex<Vec<String>>>,
    nonce: Arc<Mutex<Option<&'static str>>>,
}

async fn api(clock: &Clock) -> Api {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = Api {
        url: format!("http://{}", listener.local_addr().unwrap()),
        clock: clock.clone(),
        seen: Arc::default(),
        nonce: Arc::default(),
    };
    let router = Router::new()
        .route("/notes", any(notes))
        .with_state(api.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    api
}

async fn notes(State(api): State<Api>, request: Request) -> Response {
    let refuse = |error: &str| {
        let challenge = [(
            header::WWW_AUTHENTICATE,
            format!(r#"DPoP error="{error}", algs="ES256""#),
        )];
        (StatusCode::UNAUTHORIZED, challenge).into_response()
    };
    let Some(proof) = proof(&api, request.method().as_str(), request.headers()) else {
        return refuse("invalid_token");
    };
    let wanted = *api.nonce.lock().unwrap();
    if let Some(nonce) = wanted.filter(|nonce| proof.nonce.as_deref() != Some(nonce)) {
        let mut wish = refuse("use_dpop_nonce");
        let nonce = nonce.parse().unwrap();
        wish.headers_mut().insert("dpop-nonce", nonce);
        return wish;
    }
    let mut seen = api.seen.lock().unwrap();
    if seen.contains(&proof.jti) {
        return refuse("invalid_dpop_proof");
    }
    seen.push(proof.jti);
    Json(["buy milk"]).into_response()
}

/// The proof, if it is of the key that the token is bound to.
fn proof(api: &Api, method: &str, headers: &HeaderMap) -> Option<Proof> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = shown.strip_prefix("DPoP ")?;
    let payload = token.split('.').nth(1)?;
    let payload = safeconduct_protocol::encoding::decode(payload)?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    let presented = Presented {
        method,
        uri: &format!("{}/notes", api.url),
        access_token: Some(token),
    };
    let mut sent = headers.get_all("dpop").iter();
    let (text, None) = (sent.next()?, sent.next()) else {
        return None;
    };
    let proof = Proof::verify(text.to_str().ok()?, &presented, api.clock.now()).ok()?;
    (claims["cnf"]["jkt"] == proof.thumbprint.as_str()).then_some(proof)
}

async fn calls(session: &Session, api: &Api) -> StatusCode {
    let url = format!("{}/notes?tag=a", api.url);
    session.api().get(&url).await.unwrap().status()
}

#[tokio::test]
async fn a_bound_token_is_asked_for_shown_and_renewed_with_proofs() {
    let (issuer, clock) = issuer_and_clock().await;
    let api = api(&clock).await;
    let client = issuer.client().resource(&api.url).dpop(true);
    let client = client.build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    assert_eq!(issuer.proofs(), 2, "at the token and userinfo endpoints");
    assert_eq!(session.identity().unwrap().name(), Some("alice"));
    assert_eq!(calls(&session, &api).await, StatusCode::OK);
    assert_eq!(calls(&session, &api).await, StatusCode::OK);
    assert_eq!(api.seen.lock().unwrap().len(), 2, "a proof each");

    clock.advance(300);
    assert_eq!(calls(&session, &api).await, StatusCode::OK);
    assert_eq!((issuer.refreshes(), issuer.proofs()), (1, 3));
    let found = client.session(&cookie).await.unwrap().unwrap();
    assert_eq!(calls(&found, &api).await, StatusCode::OK);
}

#[tokio::test]
async fn a_bound_token_posts_and_headers_of_the_apps_are_no_proof() {
    let (issuer, clock) = issuer_and_clock().await;
    let api = api(&clock).await;
    let client = issuer.client().resource(&api.url).dpop(true);
    let client = client.build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    let url = format!("{}/notes", api.url);
    let request = session.api().post(&url).json(&["buy milk"]);
    let dpop = "dpop".parse().unwrap();
    let request = request
        .header(dpop, "forged")
        .header(header::AUTHORIZATION, "Bearer forged");
    assert_eq!(request.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn every_session_has_a_key_of_its_own() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().dpop(true).build().unwrap();
    let asked = async || {
        let url = client.begin(&BeginOptions::new()).await.unwrap().url;
        parameter(&url, "dpop_jkt").unwrap()
    };
    let (one, two) = (asked().await, asked().await);
    assert!(one.len() == 43 && one != two);
}

#[rstest]
#[case::any_case("dpop", None)]
#[case::as_registered("DPoP", None)]
#[case::not_bound("Bearer", Some(ErrorKind::TokenResponse))]
#[case::unknown("mac", Some(ErrorKind::TokenResponse))]
#[tokio::test]
async fn an_issuer_that_does_not_bind_is_refused(
    #[case] token_type: &'static str,
    #[case] expected: Option<ErrorKind>,
) {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().dpop(true).build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    issuer.script([Fault::TokenType(token_type)]);
    assert_eq!(kind(sign_in(&client, &issuer).await), expected);
    sign_in(&client, &issuer).await.unwrap();

    clock.advance(300);
    issuer.forgives_no_retry();
    issuer.script([Fault::TokenType(token_type)]);
    assert_eq!(kind(session.access_token().await), expected);
    clock.advance(1);
    session.access_token().await.unwrap();
    assert!(
        !issuer.saw_reuse(),
        "what came in the place of a spent refresh token was kept"
    );
}

#[tokio::test]
async fn a_bound_token_that_nobody_asked_for_is_refused() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    issuer.script([Fault::TokenType("DPoP")]);
    let refused = sign_in(&client, &issuer).await;
    assert_eq!(kind(refused), Some(ErrorKind::TokenResponse));
    sign_in(&client, &issuer).await.unwrap();
}

#[tokio::test]
async fn a_nonce_is_sent_as_soon_as_it_is_known() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.takes_pushed_requests(true);
    issuer.demands_nonce();
    let api = api(&clock).await;
    *api.nonce.lock().unwrap() = Some("n-1");
    let client = issuer.client().resource(&api.url).dpop(true);
    let client = client.build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    assert_eq!(issuer.pushed_requests(), 2, "once without the nonce");
    assert_eq!(issuer.token_requests(), 1, "it is known by then");
    assert_eq!(calls(&session, &api).await, StatusCode::OK);
    assert_eq!(calls(&session, &api).await, StatusCode::OK);

    issuer.demands_nonce();
    *api.nonce.lock().unwrap() = Some("n-2");
    clock.advance(300);
    assert_eq!(calls(&session, &api).await, StatusCode::OK);
    assert_eq!((issuer.token_requests(), issuer.refreshes()), (3, 1));
    issuer.demands_nonce();
    assert!(
        sign_in(&client, &issuer)
            .await
            .unwrap()
            .identity()
            .is_some()
    );
}

/// Attacks: K09.
#[tokio::test]
async fn a_client_assertion_is_made_anew_for_the_second_try() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.demands_nonce();
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    issuer.trust(&key);
    let client = safeconduct_client::Client::new(issuer.url(), FakeIssuer::CLIENT_ID)
        .base_url("http://localhost:8421")
        .scopes(["openid"])
        .authentication(ClientAuthentication::PrivateKeyJwt(Box::new(key)))
        .clock(clock)
        .dpop(true);
    sign_in(&client.build().unwrap(), &issuer).await.unwrap();
    assert_eq!(issuer.authentications(), ["private_key_jwt"; 2]);
}

#[tokio::test]
async fn an_issuer_that_takes_no_es256_is_not_asked() {
    let (issuer, _) = issuer_and_clock().await;
    issuer.change_metadata(
        "dpop_signing_alg_values_supported",
        serde_json::json!(["RS256"]),
    );
    let client = issuer.client().dpop(true).build().unwrap();
    let begun = client.begin(&BeginOptions::new()).await;
    assert_eq!(kind(begun), Some(ErrorKind::IssuerMetadata));
}

#[tokio::test]
async fn an_app_for_itself_proves_too() {
    let (issuer, clock) = issuer_and_clock().await;
    let api = api(&clock).await;
    *api.nonce.lock().unwrap() = Some("n-1");
    issuer.demands_nonce();
    let client = issuer.client().resource(&api.url).dpop(true);
    let source = client.build().unwrap().client_credentials().unwrap();
    let url = format!("{}/notes", api.url);
    for _ in 0..2 {
        let answer = source.api().get(&url).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let foreign = source.api().get("https://evil.example/notes").await;
    assert_eq!(kind(foreign), Some(ErrorKind::ForeignApi));
    issuer.script([Fault::TokenType("Bearer")]);
    clock.advance(300);
    assert_eq!(kind(source.token().await), Some(ErrorKind::TokenResponse));
    assert!(!format!("{:?}", source.api()).contains("secret"));
}

#[tokio::test]
async fn a_session_goes_on_as_it_began_and_its_key_is_sealed() {
    let (issuer, clock) = issuer_and_clock().await;
    let api = api(&clock).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let keys = KeyRing::generate();
    let start = async |bound: bool| {
        let store = SqliteStore::open(&path).await.unwrap();
        let client = issuer.client().store(store).session_keys(keys.clone());
        let client = client.resource(&api.url).dpop(bound);
        client.build().unwrap()
    };
    let (_, cookie) = session(&start(true).await, &issuer).await;
    let without = start(false).await;
    clock.advance(300);
    let found = without.session(&cookie).await.unwrap().unwrap();
    assert_eq!(calls(&found, &api).await, StatusCode::OK);

    let (_, cookie) = session(&without, &issuer).await;
    let with = start(true).await;
    let found = with.session(&cookie).await.unwrap().unwrap();
    assert_eq!(calls(&found, &api).await, StatusCode::UNAUTHORIZED);
    clock.advance(300);
    found.access_token().await.unwrap();
}
