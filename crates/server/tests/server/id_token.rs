//! The ID Token (OpenID Connect Core §2): who signed in, when and how, in words that one client can check.

use insta::assert_snapshot;
use safeconduct_protocol::claims;
use safeconduct_protocol::encoding;
use safeconduct_protocol::id_token::at_hash;
use safeconduct_protocol::jose::{self, Algorithm, Audience, Expectation, JwkSet, KeySet, Typ};
use safeconduct_protocol::jose::{VerificationKey, Verified};
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::scope::Scope;
use serde_json::{Map, Value, json};

use crate::logout::leaving;
use crate::support::{Ask, Browser, NOTES_API, SIGNED_OUT, TestServer, Tokens};

/// A flawless sign-in.
pub(crate) fn sign_in(client: &str) -> Ask {
    Ask::of(client)
        .scope("openid")
        .with("nonce", "n-0S6_WzA2Mj")
}

/// The ID Token as its client reads it: with the published keys, in the one algorithm that it expects.
pub(crate) async fn read(
    server: &TestServer,
    client: &str,
    tokens: &Tokens,
    with: Algorithm,
) -> Verified {
    let path = server.server().settings().issuer.path();
    let published = server.get(&format!("{path}/.well-known/jwks.json")).await;
    let published: JwkSet = serde_json::from_value(published.json()).unwrap();
    let keys = published.keys.iter();
    let keys = keys.filter_map(|jwk| VerificationKey::new(jwk, with).ok());
    let issuer = server.issuer().to_owned();
    let algorithms = [with];
    let expectation = Expectation::new(
        Typ::OneOf(&["JWT"]),
        &algorithms,
        &issuer,
        Audience::Only(client),
    );
    let keys = KeySet::new(keys.collect());
    jose::verify(tokens.id_token(), &expectation, &keys, server.now()).unwrap()
}

pub(crate) fn claim<'t>(token: &'t Verified, name: &str) -> &'t Value {
    token.claim(name).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn it_says_who_signed_in_when_and_how_and_nothing_that_was_not_asked() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    server.advance(100);
    let code = ada
        .code(&sign_in("club").scope("openid profile email"))
        .await;
    let tokens = server.exchange(&code).await.tokens();
    let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
    let mut names: Vec<_> = token.claims().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_snapshot!(names.join(" "), @"acr amr at_hash aud auth_time exp iat iss nonce sid sub");
    let session = &server.sessions("ada").await[0];
    assert_eq!(claim(&token, "iss"), server.issuer());
    assert_eq!(claim(&token, "sub"), server.user("ada").await.as_str());
    assert_eq!(claim(&token, "aud"), "club");
    assert_eq!(claim(&token, "iat"), server.now().seconds());
    assert_eq!(claim(&token, "exp"), server.now().seconds() + 300);
    assert_eq!(claim(&token, "auth_time"), server.now().seconds() - 100);
    assert_eq!(claim(&token, "nonce"), "n-0S6_WzA2Mj");
    assert_eq!(claim(&token, "sid"), session.id.as_str());
    assert_eq!(claim(&token, "acr"), "urn:safeconduct:acr:password");
    assert_eq!(claim(&token, "amr")[0], "pwd");
    assert_eq!(
        claim(&token, "at_hash"),
        &at_hash(Algorithm::Rs256, &tokens.access)
    );
}

#[tokio::test]
async fn it_is_signed_with_a_published_key_that_it_names() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &sign_in("club")).await;
    let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
    let kid = token.kid().unwrap();
    let published = server.get("/.well-known/jwks.json").await.json();
    let mut keys = published["keys"].as_array().unwrap().iter();
    let key = keys.find(|key| key["kid"] == kid).unwrap();
    assert_eq!(key["kty"], "RSA");
    let header = tokens.id_token().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&encoding::decode(header).unwrap()).unwrap();
    assert_eq!(
        header,
        json!({ "alg": "RS256", "typ": "JWT", "kid": kid }),
        "and nothing beside it that a client could be told to trust"
    );
}

#[tokio::test]
async fn a_nonce_comes_back_as_it_was_sent_whatever_it_is() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let longest = "n".repeat(512);
    for nonce in [
        &"n".repeat(43),
        "x",
        "\"}{\\ äöü 🦀 &=+%20",
        "<script>",
        &longest,
    ] {
        let tokens = ada.tokens(&sign_in("club").with("nonce", nonce)).await;
        let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
        assert_eq!(claim(&token, "nonce"), nonce);
    }
    let tokens = ada.tokens(&sign_in("club").with("nonce", "")).await;
    let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
    assert_eq!(token.claim("nonce"), None);
}

#[tokio::test]
async fn its_session_is_the_browsers_and_its_time_the_last_password() {
    let server = TestServer::start().await;
    let mut desk = server.sign_in("ada").await;
    server.advance(50);
    let mut phone = server.sign_in("ada").await;
    server.advance(50);
    let told = async |browser: &mut Browser<'_>, client: &str, algorithm| {
        let tokens = browser.tokens(&sign_in(client)).await;
        let token = read(&server, client, &tokens, algorithm).await;
        let ago = server.now().seconds() - claim(&token, "auth_time").as_i64().unwrap();
        (claim(&token, "sid").clone(), ago)
    };
    let told = [
        told(&mut desk, "club", Algorithm::Rs256).await,
        told(&mut desk, "circle", Algorithm::Es256).await,
        told(&mut phone, "club", Algorithm::Rs256).await,
    ];
    assert_eq!(told[0], told[1], "one session, whichever client asks");
    assert_eq!((told[0].1, told[2].1), (100, 50));
    assert_ne!(told[0].0, told[2].0);
}

#[tokio::test]
async fn without_openid_there_is_none_and_with_it_again_there_is() {
    let server = TestServer::start().await;
    let ask = sign_in("club").scope("openid email notes.read");
    let tokens = server.tokens("ada", &ask).await;
    let narrowed = tokens.refresh().with("scope", "notes.read");
    let narrowed = server.token("club", &narrowed).await.tokens();
    assert_eq!(
        (narrowed.id.as_ref(), narrowed.scope.as_str()),
        (None, "notes.read")
    );
    let whole = server.refresh("club", &narrowed).await.tokens();
    read(&server, "club", &whole, Algorithm::Rs256).await;
    let without = Scope::parse("email notes.read").unwrap();
    server
        .change_client("club", |club| club.scopes = without)
        .await;
    let taken = server.refresh("club", &whole).await.tokens();
    assert_eq!(taken.id, None);
}

#[tokio::test]
async fn only_a_request_of_openid_connect_gets_one() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("club")).await;
    assert_eq!(tokens.id, None);
    let nonce = Ask::of("club").scope("openid").without("nonce");
    let tokens = server.tokens("ada", &nonce).await;
    let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
    assert_eq!(token.claim("nonce"), None);
    let own = server.client_credentials("robot", "notes.read").await;
    assert_eq!(own.tokens().id, None);
}

/// It has to fit a header and come back in a URL, whatever is known about the person.
#[tokio::test]
async fn a_person_of_whom_much_is_known_signs_in_as_well() {
    let server = TestServer::start().await;
    let store = &server.store();
    let ada = store.user_by_name("ada").await.unwrap().unwrap();
    let mut known = ada.claims.clone();
    let names = [
        "given_name",
        "family_name",
        "middle_name",
        "gender",
        "zoneinfo",
        "locale",
    ];
    for name in names {
        known.set(name, json!("é".repeat(500))).unwrap();
    }
    let address = json!({"street_address": "x".repeat(1_000), "formatted": "y".repeat(1_000)});
    known.set("address", address).unwrap();
    let changed = store.update_claims(&ada.id, ada.updated_at, &known, None, server.now());
    assert!(changed.await.unwrap());

    let all: Map<String, Value> = claims::SCOPES
        .iter()
        .flat_map(|(_, claims)| claims.iter())
        .map(|name| ((*name).to_owned(), Value::Null))
        .collect();
    let ask = sign_in("club").scope("openid profile email phone address");
    let ask = ask.with("claims", &json!({ "id_token": all }).to_string());
    let mut browser = server.sign_in("ada").await;
    let tokens = browser.tokens(&ask).await;
    let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
    assert_eq!(claim(&token, "email"), "ada@lovelace.example");
    assert_eq!(token.claim("address"), None, "the longest is left out");
    let answer = server.userinfo(&tokens.access).await.json();
    assert_eq!(answer["address"]["formatted"], "y".repeat(1_000));
    // As a hint it is taken wherever one is.
    let hinted = sign_in("club").with("id_token_hint", tokens.id_token());
    assert!(browser.authorize(&hinted).await.has_code());
    assert_eq!(server.push(&hinted).await.status, 201);
    let leaving = browser.post("/logout", &leaving(&tokens)).await;
    let left = browser.follow(leaving).await;
    assert!(left.location().starts_with(SIGNED_OUT), "{left:?}");
}

#[tokio::test]
async fn a_refresh_says_the_same_of_the_sign_in_again() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &sign_in("club")).await;
    let first = read(&server, "club", &tokens, Algorithm::Rs256).await;
    server.advance(120);
    let next = server.refresh("club", &tokens).await.tokens();
    let second = read(&server, "club", &next, Algorithm::Rs256).await;
    for same in ["iss", "sub", "aud", "auth_time", "sid", "acr", "amr"] {
        assert_eq!(first.claim(same), second.claim(same), "{same}");
    }
    assert_eq!(second.claim("nonce"), None, "it answers no request");
    assert_eq!(claim(&second, "iat"), server.now().seconds());
    assert_eq!(
        claim(&second, "at_hash"),
        &at_hash(Algorithm::Rs256, &next.access)
    );
    let narrowed = next.refresh().with("scope", "openid");
    assert!(server.token("club", &narrowed).await.tokens().id.is_some());
}

/// Attacks: I13.
#[tokio::test]
async fn each_client_gets_the_signature_it_is_registered_for() {
    let mut server = TestServer::start().await;
    for algorithm in [Algorithm::Ps256, Algorithm::EdDsa] {
        assert!(!advertised(&server).await.contains(&algorithm.to_string()));
        server
            .change_client("club", |club| {
                club.openid.id_token_signed_response_alg = algorithm;
            })
            .await;
        // A server that starts makes the keys that its clients ask for.
        server = server.restart().await;
        assert!(advertised(&server).await.contains(&algorithm.to_string()));
        let tokens = server.tokens("ada", &sign_in("club")).await;
        let token = read(&server, "club", &tokens, algorithm).await;
        let hash = at_hash(algorithm, &tokens.access);
        assert_eq!(claim(&token, "at_hash"), &hash);
    }
    let tokens = server.tokens("ada", &sign_in("circle")).await;
    read(&server, "circle", &tokens, Algorithm::Es256).await;
}

async fn advertised(server: &TestServer) -> Vec<String> {
    let document = server.get("/.well-known/openid-configuration").await;
    let names = document.json()["id_token_signing_alg_values_supported"].clone();
    serde_json::from_value(names).unwrap()
}

#[tokio::test]
async fn a_claim_comes_in_it_where_it_was_asked_for_there() {
    let server = TestServer::start().await;
    let claims = r#"{"id_token":{"email":null,"birthdate":{"essential":true},"shoe_size":null}}"#;
    let ask = sign_in("club").with("claims", claims);
    let tokens = server.tokens("ada", &ask).await;
    let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
    assert_eq!(claim(&token, "email"), "ada@lovelace.example");
    assert_eq!(claim(&token, "birthdate"), "1815-12-10");
    for absent in ["name", "email_verified", "shoe_size"] {
        assert_eq!(token.claim(absent), None, "{absent}");
    }
    let next = server.refresh("club", &tokens).await.tokens();
    let again = read(&server, "club", &next, Algorithm::Rs256).await;
    assert_eq!(claim(&again, "email"), "ada@lovelace.example");
}

/// Attacks: I15.
#[tokio::test]
async fn clients_of_two_sectors_cannot_tell_that_they_know_the_same_person() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let mut subjects = Vec::new();
    for client in ["twin", "sister", "club", "twin"] {
        let code = ada.code(&sign_in(client)).await;
        let tokens = server.exchange(&code).await.tokens();
        let token = read(&server, client, &tokens, Algorithm::Rs256).await;
        let bearer = server.userinfo(&tokens.access).await.json();
        assert_eq!(bearer["sub"], *claim(&token, "sub"));
        subjects.push(token.sub().unwrap().to_owned());
    }
    let [twin, sister, club, twin_again] = &subjects[..] else {
        panic!("four sign-ins")
    };
    assert_eq!(twin, twin_again);
    assert!(twin != sister && twin != club && sister != club);
    let real = server.user("ada").await;
    assert!(!twin.contains(real.as_str().trim_start_matches("u-")));

    // One sector, two clients: both know the same person.
    server
        .change_client("sister", |sister| {
            sister.openid.sector_identifier = Some("twin.example".to_owned());
            let other = RedirectUri::register("https://sister.example/other").unwrap();
            sister.redirect_uris.push(other);
        })
        .await;
    server.advance(2);
    let code = ada.code(&sign_in("sister")).await;
    let tokens = server.exchange(&code).await.tokens();
    let token = read(&server, "sister", &tokens, Algorithm::Rs256).await;
    assert_eq!(token.sub(), Some(twin.as_str()));
}

#[tokio::test]
async fn a_name_that_is_for_one_sector_is_the_same_wherever_it_stands() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = sign_in("twin").scope("openid notes.read");
    let tokens = ada.tokens(&ask).await;
    let token = read(&server, "twin", &tokens, Algorithm::Rs256).await;
    let sub = token.sub().unwrap().to_owned();
    let real = server.user("ada").await;
    assert_eq!(server.userinfo(&tokens.access).await.json()["sub"], sub);
    let introspected = server.introspect(NOTES_API, &tokens.access).await.json();
    assert_eq!(introspected["sub"], sub);
    let next = server.refresh("twin", &tokens).await.tokens();
    let again = read(&server, "twin", &next, Algorithm::Rs256).await;
    assert_eq!(again.sub(), Some(sub.as_str()));
    // Nothing that the client or its API can read says whose it really is.
    for text in [&tokens.access, tokens.id_token(), &next.access] {
        let payload = encoding::decode(text.split('.').nth(1).unwrap()).unwrap();
        let payload = String::from_utf8(payload).unwrap();
        assert!(
            payload.contains(&sub) && !payload.contains(real.as_str()),
            "{payload}"
        );
    }
    assert!(!introspected.to_string().contains(real.as_str()));
    let bob = server.tokens("bob", &ask).await;
    let bob = read(&server, "twin", &bob, Algorithm::Rs256).await;
    assert_ne!(bob.sub(), Some(sub.as_str()));

    let server = server.restart().await;
    let tokens = server.tokens("ada", &ask).await;
    let later = read(&server, "twin", &tokens, Algorithm::Rs256).await;
    assert_eq!(
        later.sub(),
        Some(sub.as_str()),
        "for as long as there is an ada"
    );
}
