//! What is asked for beside the usual, and several APIs: each gets a token of its own, and no token of another's.

use std::sync::{Arc, Mutex};

use axum::Router;
use http::{HeaderMap, Method, Request, StatusCode, header};
use safeconduct_client::testing::FakeIssuer;
use safeconduct_client::{
    BeginOptions, ErrorKind, LoginOptions, PushedRequests, Resource, Session,
};
use safeconduct_protocol::encoding;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{issuer_and_clock, kind, parameter, session, sign_in};

/// An API that remembers the claims of the tokens it was shown.
struct Api {
    url: String,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Api {
    async fn start() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&seen);
        let note = move |headers: HeaderMap| {
            let remembered = Arc::clone(&remembered);
            async move {
                let shown = headers[header::AUTHORIZATION].to_str().unwrap();
                remembered.lock().unwrap().push(claims(shown));
                StatusCode::OK
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(note);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    /// What it was shown since it was asked last, of each token the value of `claim`.
    fn seen(&self, claim: &str) -> Vec<String> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let said = seen.iter().map(|claims| claims[claim].as_str().unwrap());
        said.map(str::to_owned).collect()
    }
}

/// The claims of the token in an `Authorization` header.
fn claims(shown: &str) -> Value {
    let (_, token) = shown.split_once(' ').unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&encoding::decode(payload).unwrap()).unwrap()
}

async fn call(session: &Session, url: &str) {
    let answer = session.api().get(&format!("{url}/notes")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

/// Attacks: LI48.
#[tokio::test]
async fn what_an_issuer_wants_beside_the_usual_is_in_the_address_and_in_a_pushed_request() {
    let issuer = FakeIssuer::start().await;
    let general = LoginOptions::new()
        .parameter("audience", "https://api.example.com")
        .parameter("kc_idp_hint", "google");
    let client = || issuer.client().login(general.clone());
    let plain = client().build().unwrap();
    let once = LoginOptions::new().parameter("kc_idp_hint", "git&hub");
    let begun = plain.begin(&BeginOptions::new().login(once)).await.unwrap();
    let said = |name: &str| parameter(&begun.url, name);
    assert_eq!(said("audience").unwrap(), "https://api.example.com");
    assert_eq!(said("kc_idp_hint").unwrap(), "git&hub");
    assert_eq!(
        begun
            .url
            .query_pairs()
            .filter(|(name, _)| name == "kc_idp_hint")
            .count(),
        1
    );

    issuer.takes_pushed_requests(true);
    let pushing = client().pushed_requests(PushedRequests::Always).build();
    let begun = pushing.unwrap().begin(&BeginOptions::new()).await.unwrap();
    assert_eq!(parameter(&begun.url, "audience"), None);
    assert_eq!(issuer.last_pushed("kc_idp_hint").unwrap(), "google");

    let ours = LoginOptions::new().parameter("redirect_uri", "https://evil.example");
    let refused = plain.begin(&BeginOptions::new().login(ours)).await;
    assert_eq!(kind(refused), Some(ErrorKind::Configuration));
}

/// Attacks: LI48.
#[tokio::test]
async fn a_request_for_a_token_may_say_more_too() {
    let issuer = FakeIssuer::start().await;
    let client = issuer
        .client()
        .token_parameter("audience", "https://api.example.com");
    let client = client.build().unwrap();
    let source = client.client_credentials().unwrap();
    source.token().await.unwrap();
    let said = issuer.last_token_request("audience");
    assert_eq!(said.as_deref(), Some("https://api.example.com"));
}

#[tokio::test]
async fn a_sign_in_may_ask_for_other_scopes_and_stays_one_for_an_identity() {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    let options = BeginOptions::new().scopes(["notes.write", "offline_access"]);
    let begun = client.begin(&options).await.unwrap();
    let asked = parameter(&begun.url, "scope").unwrap();
    assert_eq!(asked, "notes.write offline_access openid");
    let back = issuer.authorize(&begun.url).await;
    let cookies = crate::cookie_header(&begun.set_cookies);
    let signed_in = client.finish(back.query().unwrap(), &cookies).await;
    let signed_in = signed_in.unwrap();
    assert_eq!(signed_in.tokens.scope.to_string(), asked);
    assert_eq!(signed_in.identity().unwrap().sub(), "alice");

    let access = issuer.client().scopes(["notes.read"]).build().unwrap();
    let openid = BeginOptions::new().scopes(["openid"]);
    let refused = access.begin(&openid).await;
    assert_eq!(kind(refused), Some(ErrorKind::Configuration));
    let broken = BeginOptions::new().scopes(["a b"]);
    assert_eq!(
        kind(client.begin(&broken).await),
        Some(ErrorKind::Configuration)
    );
}

#[tokio::test]
async fn each_of_several_apis_gets_its_own_token_when_it_is_first_called() {
    let (issuer, clock) = issuer_and_clock().await;
    let [notes, files] = [Api::start().await, Api::start().await];
    let client = issuer
        .client()
        .resource(&notes.url)
        .resource(Resource::new("urn:example:files").reached_at(&files.url));
    let client = client.build().unwrap();
    let begun = client.begin(&BeginOptions::new()).await.unwrap();
    let named: Vec<String> = begun
        .url
        .query_pairs()
        .filter(|(name, _)| name == "resource")
        .map(|(_, value)| value.into_owned())
        .collect();
    assert_eq!(named, [notes.url.as_str(), "urn:example:files"]);

    let (session, cookie) = session(&client, &issuer).await;
    call(&session, &notes.url).await;
    assert_eq!(
        (notes.seen("aud"), issuer.refreshes()),
        (vec![notes.url.clone()], 0)
    );
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (session, url) = (session.clone(), files.url.clone());
        calls.spawn(async move { call(&session, &url).await });
    }
    calls.join_all().await;
    assert_eq!(issuer.refreshes(), 1, "one token, however many wait for it");
    let seen = files.seen("aud");
    assert_eq!(seen.len(), 50);
    assert!(seen.iter().all(|aud| aud == "urn:example:files"));
    call(&session, &notes.url).await;
    assert_eq!(notes.seen("aud"), [notes.url.as_str()]);

    // Both are kept, and renewed, each by itself, with the one refresh token that rotates.
    let found = client.session(&cookie).await.unwrap().unwrap();
    call(&found, &files.url).await;
    assert_eq!(issuer.refreshes(), 1);
    clock.advance(300);
    call(&found, &notes.url).await;
    call(&found, &files.url).await;
    assert_eq!((notes.seen("aud").len(), files.seen("aud").len()), (1, 2));
    assert_eq!(issuer.refreshes(), 3);
    assert!(!issuer.saw_reuse());
}

/// Attacks: LI49.
#[tokio::test]
async fn apis_that_are_told_by_their_scopes_alone_are_named_by_no_resource() {
    let (issuer, _) = issuer_and_clock().await;
    let [notes, graph] = [Api::start().await, Api::start().await];
    let client = issuer
        .client()
        .scopes(["openid", "offline_access"])
        .resource(Resource::at(&notes.url).scopes(["api://notes/read"]))
        .resource(Resource::at(&graph.url).scopes(["https://graph.example/User.Read"]));
    let client = client.build().unwrap();
    let begun = client.begin(&BeginOptions::new()).await.unwrap();
    assert_eq!(parameter(&begun.url, "resource"), None);
    let asked = parameter(&begun.url, "scope").unwrap();
    assert_eq!(asked, "api://notes/read offline_access openid");

    let (session, _) = session(&client, &issuer).await;
    assert_eq!(issuer.last_token_request("resource"), None);
    call(&session, &notes.url).await;
    assert_eq!(notes.seen("scope"), [asked.as_str()]);
    call(&session, &graph.url).await;
    assert_eq!(graph.seen("scope"), ["https://graph.example/User.Read"]);
    assert_eq!(issuer.last_token_request("resource"), None);
    call(&session, &notes.url).await;
    assert_eq!(notes.seen("scope"), [asked.as_str()]);
    assert_eq!((issuer.refreshes(), issuer.saw_reuse()), (1, false));
}

#[tokio::test]
async fn another_api_that_is_refused_or_out_of_reach_ends_no_session() {
    let (issuer, _) = issuer_and_clock().await;
    let [notes, files] = [Api::start().await, Api::start().await];
    let client = |scopes: &[&str]| {
        let client = issuer.client().scopes(scopes.iter().copied());
        let client = client.resource(&notes.url).resource(&files.url);
        client.build().unwrap()
    };
    let without = client(&["openid", "notes.read"]);
    let (without, _) = session(&without, &issuer).await;
    let refused = without.api().get(&files.url).await;
    assert_eq!(kind(refused), Some(ErrorKind::Configuration));
    call(&without, &notes.url).await;

    let client = client(&["openid", "offline_access"]);
    let (session, _) = session(&client, &issuer).await;
    issuer.script([safeconduct_client::testing::Fault::Refuses(
        "invalid_target",
    )]);
    let refused = session.api().get(&files.url).await;
    assert_eq!(kind(refused), Some(ErrorKind::TokenRefused));
    call(&session, &notes.url).await;
}

#[tokio::test]
async fn an_app_that_acts_for_itself_has_a_token_for_each_api() {
    let (issuer, _) = issuer_and_clock().await;
    let [notes, files] = [Api::start().await, Api::start().await];
    let client = issuer
        .client()
        .scopes(["notes.read"])
        .resource(&notes.url)
        .resource(Resource::new(&files.url).scopes(["files.read"]));
    let source = client.build().unwrap().client_credentials().unwrap();
    for _ in 0..2 {
        source.api().get(&notes.url).await.unwrap();
        source.api().get(&files.url).await.unwrap();
    }
    assert_eq!(issuer.token_requests(), 2);
    assert_eq!(notes.seen("aud"), [notes.url.as_str(); 2]);
    assert_eq!(files.seen("scope"), ["files.read"; 2]);
}

/// Attacks: LI64.
#[tokio::test]
async fn a_request_of_the_apps_own_gets_the_token_of_where_it_goes_and_no_other() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer
        .client()
        .resource("https://api.example.com/v1")
        .resource("https://files.example.com");
    let client = client.build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    let authorized = async |uri: &str| {
        let mut request = Request::post(uri).header(header::AUTHORIZATION, "forged");
        request = request.header("dpop", "forged");
        let mut request = request.body(()).unwrap();
        let result = session.authorize(&mut request).await;
        (kind(result), request)
    };
    for (uri, audience) in [
        (
            "https://api.example.com/v1/notes?tag=a",
            "https://api.example.com/v1",
        ),
        ("https://files.example.com/a", "https://files.example.com"),
        ("wss://files.example.com/live", "https://files.example.com"),
    ] {
        let (refused, request) = authorized(uri).await;
        assert_eq!(refused, None, "{uri}");
        let shown = request.headers()[header::AUTHORIZATION].to_str().unwrap();
        assert!(shown.starts_with("Bearer "));
        assert_eq!(claims(shown)["aud"], audience);
        assert!(!request.headers().contains_key("dpop"));
    }
    let refreshes = issuer.refreshes();
    for uri in [
        "https://evil.example/v1/notes",
        "https://api.example.com/v2",
        "http://api.example.com/v1",
        "ws://files.example.com/live",
        "/v1/notes",
    ] {
        let (refused, request) = authorized(uri).await;
        assert_eq!(refused, Some(ErrorKind::ForeignApi), "{uri}");
        assert_eq!(request.headers()[header::AUTHORIZATION], "forged");
    }
    assert_eq!(issuer.refreshes(), refreshes);
}

/// Attacks: LI64.
#[tokio::test]
async fn a_request_of_the_apps_own_is_proven_where_tokens_are_bound() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer
        .client()
        .resource("https://api.example.com")
        .dpop(true);
    let client = client.build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    let url = "https://api.example.com/live";
    let proof = async || {
        let headers = session
            .api()
            .authorization(&Method::GET, url)
            .await
            .unwrap();
        let shown = headers[header::AUTHORIZATION].to_str().unwrap();
        assert!(shown.starts_with("DPoP "));
        claims(&format!("DPoP {}", headers["dpop"].to_str().unwrap()))
    };
    let first = proof().await;
    assert_eq!(
        (first["htm"].as_str(), first["htu"].as_str()),
        (Some("GET"), Some(url))
    );
    assert_ne!(
        first["jti"],
        proof().await["jti"],
        "each request has its own"
    );

    let mut answer = HeaderMap::new();
    assert!(!session.api().take_nonce(url, &answer));
    answer.insert("dpop-nonce", "n-1".parse().unwrap());
    let challenge = r#"DPoP error="use_dpop_nonce""#;
    answer.insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
    assert!(!session.api().take_nonce("https://evil.example/", &answer));
    assert!(proof().await.get("nonce").is_none());
    assert!(session.api().take_nonce(url, &answer));
    assert_eq!(proof().await["nonce"], "n-1");
}

#[tokio::test]
async fn a_sign_in_that_asks_for_nothing_else_says_nothing_else() {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    sign_in(&client, &issuer).await.unwrap();
    assert_eq!(issuer.last_token_request("audience"), None);
    assert_eq!(issuer.last_token_request("scope"), None);
}
