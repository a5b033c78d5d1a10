//! UserInfo (OpenID Connect Core §5.3): what a client may know about the person who signed in, and who is not told.

use axum::body::Body;
use axum::extract::Request;
use http::header;
use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::client::Client;
use safeconduct_protocol::encoding;
use safeconduct_protocol::scope::Scope;
use serde_json::{Value, json};

use crate::assertion::jwt;
use crate::dpop::{carrying, flawed, nonce_server};
use crate::support::{
    Answer, Ask, Form, ISSUER, TestServer, Tokens, assertion, proof_key, with_proof,
};

/// Every scope that says something about a person.
const ALL: &str = "openid profile email phone address";
/// A token that is not good here, and one that would be if it were presented the other way.
const REFUSED: &str = "401 invalid_token (access-token-refused)";
const NO_PROOF: &str = "401 invalid_dpop_proof (dpop-proof-refused)";
/// The first of the two ways to show a token, and the second.
const BEARER: &str = "Bearer";
const DPOP: &str = "DPoP algs=\"ES256 PS256 EdDSA\"";

async fn ada(server: &TestServer, scope: &str) -> Tokens {
    server.tokens("ada", &Ask::of("club").scope(scope)).await
}

/// The names of the claims in an answer, in order.
fn names(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let claims = answer.json();
    let mut names: Vec<_> = claims.as_object().unwrap().keys().cloned().collect();
    names.sort();
    names.join(" ")
}

/// That nothing is told, and how to do it right.
fn assert_refused(answer: &Answer, refused: &str) {
    assert_eq!(answer.to_string(), refused, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    let challenges = answer.challenges();
    assert!(challenges[0].starts_with(BEARER), "{answer:?}");
    assert!(challenges[1].starts_with(DPOP), "{answer:?}");
    assert_eq!(challenges.len(), 2, "{answer:?}");
}

fn set_scopes(text: &'static str) -> impl FnOnce(&mut Client) {
    move |client| client.scopes = Scope::parse(text).unwrap()
}

#[tokio::test]
async fn everything_that_is_known_is_told_in_its_standard_form() {
    let server = TestServer::start().await;
    let answer = server.userinfo(&ada(&server, ALL).await.access).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json()["sub"], server.user("ada").await.as_str());
    let claims = answer.json();
    let mut lines: Vec<String> = claims
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name != "sub" && *name != "address")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.sort();
    assert_snapshot!(lines.join("\n"), @r#"
    birthdate: "1815-12-10"
    email: "ada@lovelace.example"
    email_verified: true
    family_name: "Lovelace"
    gender: "female"
    given_name: "Ada"
    locale: "en-GB"
    middle_name: "Augusta"
    name: "Ada Lovelace"
    nickname: "Countess"
    phone_number: "+44 20 7946 0000"
    phone_number_verified: false
    picture: "https://ada.example/ada.png"
    preferred_username: "ada"
    profile: "https://ada.example/"
    updated_at: 1800000000
    website: "https://lovelace.example/"
    zoneinfo: "Europe/London"
    "#);
    let address =
        json!({ "street_address": "12 St James's Square", "locality": "London", "country": "UK" });
    assert_eq!(claims["address"], address);
}

#[rstest]
#[case::openid("openid", "sub")]
#[case::email("openid email", "email email_verified sub")]
#[case::phone("openid phone", "phone_number phone_number_verified sub")]
#[case::address("openid address", "address sub")]
#[case::in_another_order("address openid", "address sub")]
#[case::profile(
    "openid profile",
    "birthdate family_name gender given_name locale middle_name name nickname picture preferred_username profile sub updated_at website zoneinfo"
)]
#[case::beside_an_api("openid email notes.read", "email email_verified sub")]
#[tokio::test]
async fn each_scope_gives_its_claims_and_no_other(#[case] scope: &str, #[case] told: &str) {
    let server = TestServer::start().await;
    let tokens = ada(&server, scope).await;
    let answer = server.userinfo(&tokens.access).await;
    assert_eq!(names(&answer), told);
    let next = server.refresh("club", &tokens).await.tokens();
    assert_eq!(names(&server.userinfo(&next.access).await), told);
}

#[tokio::test]
async fn what_is_not_known_is_left_out() {
    let server = TestServer::start().await;
    let tokens = server.tokens("bob", &Ask::of("club").scope(ALL)).await;
    let answer = server.userinfo(&tokens.access).await;
    assert_eq!(names(&answer), "preferred_username sub updated_at");
    assert_eq!(answer.json()["preferred_username"], "bob");
}

#[tokio::test]
async fn a_claim_may_be_asked_for_by_itself() {
    let server = TestServer::start().await;
    let claims = r#"{"userinfo":{"name":{"essential":true},"email":null,"shoe_size":null},"id_token":{"gender":null}}"#;
    let ask = Ask::of("club").scope("openid").with("claims", claims);
    let tokens = server.tokens("ada", &ask).await;
    let answer = server.userinfo(&tokens.access).await;
    assert_eq!(names(&answer), "email name sub");
    assert_eq!(answer.json()["name"], "Ada Lovelace");
    // Only what the client is registered for, then and now.
    server
        .change_client("club", set_scopes("openid email"))
        .await;
    assert_eq!(names(&server.userinfo(&tokens.access).await), "email sub");
    let tokens = server.tokens("ada", &ask).await;
    assert_eq!(names(&server.userinfo(&tokens.access).await), "email sub");
}

#[tokio::test]
async fn a_narrower_access_token_tells_less() {
    let server = TestServer::start().await;
    let tokens = ada(&server, ALL).await;
    let narrow = tokens.refresh().with("scope", "openid phone");
    let narrowed = server.token("club", &narrow).await.tokens();
    assert_eq!(
        names(&server.userinfo(&narrowed.access).await),
        "phone_number phone_number_verified sub"
    );
    let without = narrowed.refresh().with("scope", "phone email");
    let without = server.token("club", &without).await.tokens();
    let answer = server.userinfo(&without.access).await;
    assert_refused(&answer, "403 insufficient_scope (scope-insufficient)");
    let whole = server.refresh("club", &without).await.tokens();
    let answer = server.userinfo(&whole.access).await;
    assert_eq!(answer.json()["email"], "ada@lovelace.example");
}

/// `POST /userinfo` with these headers and this body.
async fn post(server: &TestServer, headers: &[(&str, &str)], body: &str) -> Answer {
    let request = headers
        .iter()
        .fold(Request::post("/userinfo"), |request, (name, value)| {
            request.header(*name, *value)
        });
    let body = Body::from(body.to_owned());
    server.send(request.body(body).unwrap()).await
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_token_may_come_in_the_header_or_in_a_form() {
    let server = TestServer::start().await;
    let token = ada(&server, "openid").await.access;
    let told = server.userinfo(&token).await;
    let bearer = format!("Bearer {token}");
    let body = Form::new().with("access_token", &token).encode();
    for answer in [
        post(&server, &[("authorization", &bearer)], "").await,
        post(&server, &[("authorization", &bearer), FORM], "").await,
        post(&server, &[("authorization", &bearer), FORM], "x=y").await,
        post(&server, &[FORM], &body).await,
        server.send(server.userinfo_request("bearer", &token)).await,
        server.send(server.userinfo_request("BEARER", &token)).await,
    ] {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body, told.body);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_token_in_the_url_is_not_seen() {
    let server = TestServer::start().await;
    let token = ada(&server, "openid").await.access;
    let url = format!("/userinfo?access_token={token}");
    assert_snapshot!(server.get(&url).await, @"401 invalid_request (access-token-missing)");
    let request = Request::post(&url).header(FORM.0, FORM.1);
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    assert_snapshot!(answer, @"400 invalid_request (credentials-in-query)");
    assert_eq!(server.userinfo(&token).await.status, 200);
}

#[tokio::test]
async fn who_shows_no_token_is_told_how_to_and_nothing_else() {
    let server = TestServer::start().await;
    for answer in [
        server.get("/userinfo").await,
        post(&server, &[], "").await,
        post(&server, &[FORM], "x=y").await,
        post(&server, &[("authorization", "Basic YTpi")], "").await,
    ] {
        assert_refused(&answer, "401 invalid_request (access-token-missing)");
        // RFC 6750 §3.1: no error where there was no token.
        assert_eq!(answer.challenges(), [BEARER, DPOP]);
    }
    let token = ada(&server, "openid").await.access;
    assert_eq!(server.userinfo(&token).await.status, 200);
}

#[tokio::test]
async fn a_token_is_shown_once() {
    let server = TestServer::start().await;
    let token = ada(&server, "openid").await.access;
    let bearer = format!("Bearer {token}");
    let header = ("authorization", bearer.as_str());
    let body = Form::new().with("access_token", &token);
    for (headers, body, refused) in [
        (
            &[header, FORM][..],
            body.encode(),
            "400 invalid_request (access-token-repeated)",
        ),
        (
            &[header, header],
            String::new(),
            "400 invalid_request (access-token-repeated)",
        ),
        (
            &[FORM],
            body.clone().and("access_token", &token).encode(),
            "400 invalid_request (parameter-repeated)",
        ),
        (
            &[("content-type", "application/json")],
            json!({ "access_token": token }).to_string(),
            "400 invalid_request (content-type-unsupported)",
        ),
        (
            &[FORM],
            format!("access_token={}", "A".repeat(70_000)),
            "413 invalid_request (request-too-large)",
        ),
    ] {
        let answer = post(&server, headers, &body).await;
        assert_eq!(answer.to_string(), refused, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(server.userinfo(&token).await.status, 200);
}

/// Attacks: F13.
#[tokio::test]
async fn what_is_no_access_token_of_ours_is_good_for_nothing() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("club").scope("openid")).await;
    let tokens = ada(&server, "openid").await;
    let parts: Vec<&str> = tokens.access.split('.').collect();
    let claims: Value = serde_json::from_slice(&encoding::decode(parts[1]).unwrap()).unwrap();
    let more = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        let changed = encoding::encode(claims.to_string().as_bytes());
        format!("{}.{changed}.{}", parts[0], parts[2])
    };
    let public = server.get("/.well-known/jwks.json").await.body;
    for token in [
        "x",
        "..",
        "sc_at_x",
        // Other things of ours, each made for somebody else.
        tokens.refresh_token(),
        tokens.id_token(),
        &code.text,
        &assertion("club", ISSUER, server.now()),
        // And what a forger would make of them.
        &format!("{}.{}.", parts[0], parts[1]),
        &jwt(&json!({ "alg": "none", "typ": "at+jwt" }), &claims, |_| {
            Vec::new()
        }),
        &jwt(&json!({ "alg": "HS256", "typ": "at+jwt" }), &claims, |it| {
            encoding::hmac_sha256(public.as_bytes(), it).to_vec()
        }),
        &proof_key().sign_jwt("at+jwt", &claims).unwrap(),
        &more("scope", json!(ALL)),
        &more("sub", json!("u-somebody")),
        &more("exp", json!(9_999_999_999_i64)),
        &"A".repeat(30_000),
    ] {
        let answer = server.userinfo(token).await;
        assert_refused(&answer, REFUSED);
        let error = "error=\"invalid_token\", error_description=\"The access token is not good here, or no longer.\"";
        let expected = [format!("{BEARER} {error}"), format!("{DPOP}, {error}")];
        assert_eq!(answer.challenges(), expected);
    }
    assert_eq!(server.userinfo(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn a_token_that_is_for_an_api_alone_is_not_for_here() {
    let server = TestServer::start().await;
    let mut browser = server.sign_in("ada").await;
    let mut token = async |client: &str, scope: &str| {
        let code = browser.code(&Ask::of(client).scope(scope)).await;
        server.exchange(&code).await.tokens().access
    };
    // For the API and for us; it is told so.
    let both = token("club", "openid notes.read").await;
    assert_eq!(server.userinfo(&both).await.status, 200);
    assert!(server.is_active(&both).await);
    for api_alone in [
        token("club", "notes.read").await,
        token("shop", "notes.read").await,
    ] {
        assert_refused(&server.userinfo(&api_alone).await, REFUSED);
        assert!(server.is_active(&api_alone).await);
    }
    // For us, without the scope that makes it a sign-in.
    let answer = server.userinfo(&token("club", "profile").await).await;
    assert_refused(&answer, "403 insufficient_scope (scope-insufficient)");
    assert!(
        answer.challenges()[0].starts_with("Bearer error=\"insufficient_scope\""),
        "{answer:?}"
    );
    // A client's own: nobody signed in.
    server
        .change_client("robot", set_scopes("openid profile notes.read"))
        .await;
    for scope in ["openid notes.read", "notes.read"] {
        let own = server.client_credentials("robot", scope).await.tokens();
        assert_refused(&server.userinfo(&own.access).await, REFUSED);
    }
    let answer = server.client_credentials("robot", "openid profile").await;
    assert_eq!(
        answer.to_string(),
        "400 invalid_scope (scope-needs-a-person)"
    );
}

#[tokio::test]
async fn a_sealed_token_is_as_good_as_a_signed_one() {
    let server = TestServer::start().await;
    server
        .change_client("vault", set_scopes("openid email notes.read"))
        .await;
    let ask = Ask::of("vault").scope("openid email notes.read");
    let tokens = server.tokens("ada", &ask).await;
    assert!(tokens.access.starts_with("sc_at_"));
    assert_eq!(
        names(&server.userinfo(&tokens.access).await),
        "email email_verified sub"
    );
    assert!(server.is_active(&tokens.access).await);
    server.revoke("vault", &tokens.access).await;
    assert_refused(&server.userinfo(&tokens.access).await, REFUSED);
}

#[tokio::test]
async fn nothing_is_told_once_it_is_over() {
    let server = TestServer::start().await;
    let mut browser = server.sign_in("ada").await;
    let ask = Ask::of("club").scope(ALL);
    let code = browser.code(&ask).await;
    let bystander = server.exchange(&browser.code(&ask).await).await.tokens();
    let replayed = server.exchange(&code).await.tokens();
    let next = server.refresh("club", &replayed).await.tokens();
    assert_eq!(server.userinfo(&replayed.access).await.status, 200);
    server.exchange(&code).await;
    for token in [&replayed.access, &next.access] {
        assert_refused(&server.userinfo(token).await, REFUSED);
    }

    let revoked = server.exchange(&browser.code(&ask).await).await.tokens();
    server.revoke("club", &revoked.access).await;
    assert_refused(&server.userinfo(&revoked.access).await, REFUSED);
    let next = server.refresh("club", &revoked).await.tokens();
    assert_eq!(server.userinfo(&next.access).await.status, 200);
    server.revoke("club", next.refresh_token()).await;
    assert_refused(&server.userinfo(&next.access).await, REFUSED);

    assert_eq!(server.userinfo(&bystander.access).await.status, 200);
    server.advance(299);
    assert_eq!(server.userinfo(&bystander.access).await.status, 200);
    server.advance(1);
    assert_refused(&server.userinfo(&bystander.access).await, REFUSED);
}

#[tokio::test]
async fn what_was_taken_from_the_client_is_told_no_more() {
    let server = TestServer::start().await;
    let tokens = ada(&server, ALL).await;
    server
        .change_client("club", set_scopes("openid address"))
        .await;
    let answer = server.userinfo(&tokens.access).await;
    assert_eq!(names(&answer), "address sub");
    server
        .change_client("club", set_scopes("profile email"))
        .await;
    let answer = server.userinfo(&tokens.access).await;
    assert_refused(&answer, "403 insufficient_scope (scope-insufficient)");
    server.change_client("club", |_| {}).await;
    assert_eq!(
        server.userinfo(&tokens.access).await.json()["name"],
        "Ada Lovelace"
    );
}

#[tokio::test]
async fn access_that_was_given_for_offline_outlives_the_session_here_as_well() {
    let server = TestServer::start().await;
    let mut browser = server.sign_in("ada").await;
    let mut tokens = async |scope: &str| {
        let code = browser.code(&Ask::of("club").scope(scope)).await;
        server.exchange(&code).await.tokens()
    };
    let bound = tokens("openid").await;
    let offline = tokens("openid offline_access").await;
    server.end_sessions("ada").await;
    assert_refused(&server.userinfo(&bound.access).await, REFUSED);
    assert_eq!(server.userinfo(&offline.access).await.status, 200);
    let next = server.refresh("club", &offline).await.tokens();
    assert_eq!(server.userinfo(&next.access).await.status, 200);
}

/// Attacks: I09, P05.
#[tokio::test]
async fn a_bound_token_is_good_beside_a_proof_and_never_alone() {
    let server = TestServer::start().await;
    let (key, thief) = (proof_key(), proof_key());
    let code = server.code("ada", &Ask::of("bound").scope("openid")).await;
    let token = server.exchange_proving(&key, &code).await.tokens().access;
    assert_eq!(server.userinfo_proving(&key, &token).await.status, 200);

    let rows = server.rows();
    let fresh = |key| server.prove(key, "GET", "/userinfo", Some(&token));
    // Stolen, and shown as what anybody may show.
    assert_refused(&server.userinfo(&token).await, REFUSED);
    let bearer = server.userinfo_request("Bearer", &token);
    let answer = server.send(with_proof(bearer, &fresh(&key))).await;
    assert_refused(&answer, REFUSED);
    let body = Form::new().with("access_token", &token).encode();
    assert_refused(&post(&server, &[FORM], &body).await, REFUSED);
    // Stolen, without the key.
    let alone = server.userinfo_request("DPoP", &token);
    let answer = server.send(alone).await;
    assert_refused(&answer, "401 invalid_dpop_proof (dpop-proof-missing)");
    assert_refused(&server.userinfo_proving(&thief, &token).await, NO_PROOF);
    for (what, proof) in flawed(&server, "GET", "/userinfo", Some(&token)) {
        let answer = server.userinfo_request("DPoP", &token);
        let answer = server.send(with_proof(answer, &proof)).await;
        assert_eq!(answer.to_string(), NO_PROOF, "{what}");
        assert_eq!(answer.challenges()[0], BEARER, "{what}");
    }
    let twice = with_proof(server.userinfo_request("DPoP", &token), &fresh(&key));
    let answer = server.send(with_proof(twice, &fresh(&key))).await;
    assert_refused(&answer, NO_PROOF);
    assert_eq!(server.rows(), rows, "none of it is worth a row");
    // By POST as well, with a proof of that method.
    let shown = format!("DPoP {token}");
    for (method, status) in [("GET", 401), ("POST", 200)] {
        let proof = server.prove(&key, method, "/userinfo", Some(&token));
        let headers = [("authorization", shown.as_str()), ("dpop", proof.as_str())];
        let answer = post(&server, &headers, "").await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    // Whatever the case of the scheme (RFC 9110 §11.1).
    for scheme in ["DPoP", "dpop", "DPOP"] {
        let request = server.userinfo_request(scheme, &token);
        let answer = server.send(with_proof(request, &fresh(&key))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// Attacks: I09, P05.
#[tokio::test]
async fn a_bearer_token_does_not_come_as_if_it_were_bound() {
    let server = TestServer::start().await;
    let key = proof_key();
    let token = ada(&server, "openid").await.access;
    assert_refused(&server.userinfo_proving(&key, &token).await, REFUSED);
    let alone = server.userinfo_request("DPoP", &token);
    assert_refused(&server.send(alone).await, REFUSED);
    // A proof beside it proves nothing, and harms nothing.
    let proof = server.prove(&key, "GET", "/userinfo", Some(&token));
    let bearer = with_proof(server.userinfo_request("Bearer", &token), &proof);
    assert_eq!(server.send(bearer).await.status, 200);
}

/// Attacks: P04.
#[tokio::test]
async fn a_proof_is_good_for_one_look_on_whichever_node() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    let key = proof_key();
    let code = server.code("ada", &Ask::of("bound").scope("openid")).await;
    let token = server.exchange_proving(&key, &code).await.tokens().access;
    let proof = server.prove(&key, "GET", "/userinfo", Some(&token));
    let request = || with_proof(server.userinfo_request("DPoP", &token), &proof);
    assert_eq!(server.send(request()).await.status, 200);
    for node in [&server, &other] {
        let answer = node.send(request()).await;
        assert_refused(&answer, "401 invalid_dpop_proof (dpop-proof-replayed)");
    }
    assert_eq!(other.userinfo_proving(&key, &token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_looks_with_one_proof_at_once_one_is_answered() {
    let server = TestServer::start().await;
    let key = proof_key();
    let code = server.code("ada", &Ask::of("bound").scope("openid")).await;
    let token = server.exchange_proving(&key, &code).await.tokens().access;
    let proof = server.prove(&key, "GET", "/userinfo", Some(&token));
    let request = |_| with_proof(server.userinfo_request("DPoP", &token), &proof);
    let answers = server.send_all((0..64).map(request)).await;
    let (told, refused): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(told.len(), 1);
    for answer in refused {
        assert_refused(&answer, "401 invalid_dpop_proof (dpop-proof-replayed)");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_its_nonce_asks_here_as_well() {
    let server = nonce_server().await;
    let key = proof_key();
    let code = server.code("ada", &Ask::of("bound").scope("openid")).await;
    let asked = server.exchange_proving(&key, &code).await;
    let nonce = asked.header("dpop-nonce").to_owned();
    let with = carrying(&nonce, &key, server.proof_claims("POST", "/token", None));
    let token = server
        .token_with_proof(&with, "bound", &code.exchange())
        .await;
    let token = token.tokens().access;

    let answer = server.userinfo_proving(&key, &token).await;
    assert_refused(&answer, "401 use_dpop_nonce (dpop-nonce-required)");
    assert_eq!(answer.challenges()[0], BEARER);
    let challenge = format!("{DPOP}, error=\"use_dpop_nonce\"");
    assert!(answer.challenges()[1].starts_with(&challenge), "{answer:?}");
    let claims = server.proof_claims("GET", "/userinfo", Some(&token));
    let with = carrying(answer.header("dpop-nonce"), &key, claims);
    let request = with_proof(server.userinfo_request("DPoP", &token), &with);
    let answer = server.send(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.header("dpop-nonce").is_empty());
}

#[tokio::test]
async fn it_answers_to_get_and_post_alone() {
    let server = TestServer::start().await;
    let token = ada(&server, "openid").await.access;
    for method in ["PUT", "DELETE", "PATCH"] {
        let request = Request::builder().method(method).uri("/userinfo");
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let answer = server.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405, "{answer:?}");
    }
    assert_eq!(server.userinfo(&token).await.status, 200);
}
