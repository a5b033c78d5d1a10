//! A walk through the document that parties find the server by (RFC 8414, OpenID Connect Discovery §3): every entry is tried, and
//! what the document does not promise is tried as well, and refused.

use std::collections::BTreeSet;

use safeconduct_protocol::client::{AuthenticationMethod, Client, ResponseMode};
use safeconduct_protocol::dpop::PROOF_TYP;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::jose::{Algorithm, JwkSet, SigningKey};
use safeconduct_protocol::scope::Scope;
use serde_json::{Value, json};

use crate::client_auth::own_token;
use crate::id_token::{claim, read, sign_in};
use crate::passkeys::Holder;
use crate::support::{Answer, Ask, Credentials, Form, ISSUER, Listener, NOTES_API, TestServer};

/// The names of a list, in order.
fn names(list: &Value) -> BTreeSet<&str> {
    let list = list.as_array().unwrap();
    let names: BTreeSet<&str> = list.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names.len(), list.len(), "{list:?}");
    names
}

/// The document, which is the same at both of its addresses.
async fn document(server: &TestServer) -> Value {
    let path = server.server().settings().issuer.path();
    let [openid, oauth] = [
        format!("{path}/.well-known/openid-configuration"),
        format!("/.well-known/oauth-authorization-server{path}"),
    ];
    let (openid, oauth) = (server.get(&openid).await, server.get(&oauth).await);
    assert_eq!(openid.status, 200, "{openid:?}");
    assert_eq!(openid.body, oauth.body);
    for name in [
        "content-type",
        "cache-control",
        "access-control-allow-origin",
    ] {
        assert_eq!(openid.header(name), oauth.header(name));
    }
    openid.json()
}

/// Attacks: I10.
#[tokio::test]
async fn everything_that_is_said_is_true() {
    for issuer in [
        ISSUER,
        "https://id.example/tenant",
        "https://id.example/a/b",
    ] {
        let server = TestServer::start_at(issuer).await;
        let document = document(&server).await;
        for (name, said) in document.as_object().unwrap() {
            try_out(&server, name, said).await;
        }
    }
}

/// Tries what one member of the document says. A member that nobody has thought of how to try is not said.
async fn try_out(server: &TestServer, name: &str, said: &Value) {
    match said {
        Value::Bool(said) => switch(server, name, *said).await,
        Value::String(said) => place(server, name, said).await,
        said => list(server, name, names(said)).await,
    }
}

async fn list(server: &TestServer, name: &str, said: BTreeSet<&str>) {
    match name {
        "scopes_supported" => scopes(server, said).await,
        "response_types_supported" => response_types(server, said).await,
        "response_modes_supported" => response_modes(server, said).await,
        "grant_types_supported" => grant_types(server, said).await,
        "code_challenge_methods_supported" => challenge_methods(server, said).await,
        "ui_locales_supported" => locales(server, said).await,
        "claims_supported" => claims(server, said).await,
        "prompt_values_supported" => prompts(server, said).await,
        "subject_types_supported" => subject_types(server, said).await,
        "acr_values_supported" => acr_values(server, said).await,
        "id_token_signing_alg_values_supported" => id_token_algorithms(server, said).await,
        "dpop_signing_alg_values_supported" => proof_algorithms(server, said).await,
        other => credentials(server, other, said).await,
    }
}

/// The lists of how clients authenticate, each for the endpoints it is for. Pushed requests have none of their own (RFC 9126 §2).
async fn credentials(server: &TestServer, name: &str, said: BTreeSet<&str>) {
    let (endpoint, what) = name.split_once("_endpoint_auth_").unwrap();
    let endpoints = match endpoint {
        "token" => &["/token", "/par"][..],
        "introspection" => &["/introspect"],
        "revocation" => &["/revoke"],
        other => panic!("{other} is said, and nobody tries it"),
    };
    for endpoint in endpoints {
        match what {
            "methods_supported" => authentication_methods(server, endpoint, &said).await,
            "signing_alg_values_supported" => assertion_algorithms(server, endpoint, &said).await,
            other => panic!("{other} is said, and nobody tries it"),
        }
    }
}

async fn switch(server: &TestServer, name: &str, said: bool) {
    let is_so = match name {
        "authorization_response_iss_parameter_supported" => {
            let answer = arrive(server, Ask::of("shop").with("prompt", "none")).await;
            answer.parameter("iss").as_deref() == Some(server.issuer())
        }
        "claims_parameter_supported" => claims_are_given_one_by_one(server).await,
        "request_parameter_supported" => {
            !is_refused_as(server, "request", "request_not_supported").await
        }
        "request_uri_parameter_supported" => {
            !is_refused_as(server, "request_uri", "request_uri_not_supported").await
        }
        "require_pushed_authorization_requests" => !arrive(server, Ask::of("shop")).await.is_page(),
        "backchannel_logout_supported" | "backchannel_logout_session_supported" => {
            a_client_is_told_of_the_session(server).await
        }
        other => panic!("{other} is said, and nobody tries it"),
    };
    assert_eq!(is_so, said, "{name}");
}

/// Each endpoint stands below the issuer, where the rest of the tests sends its requests, and answers as that endpoint.
async fn place(server: &TestServer, name: &str, said: &str) {
    let path = said.strip_prefix(server.issuer()).unwrap();
    let below = format!("{}{path}", server.server().settings().issuer.path());
    let answers = match (name, path) {
        ("issuer", "") => true,
        ("authorization_endpoint", "/authorize") => {
            let posted = server.browser().post(path, &Ask::of("shop").form).await;
            arrive(server, Ask::of("shop")).await.is_page()
                && posted.to_string() == format!("303 {below}")
        }
        ("token_endpoint", "/token") => server.token("robot", &own_token()).await.status == 200,
        ("userinfo_endpoint", "/userinfo") => {
            let tokens = server.tokens("ada", &sign_in("club")).await;
            server.userinfo(&tokens.access).await.status == 200
        }
        ("jwks_uri", "/.well-known/jwks.json") => {
            let answer = server.get(&below).await;
            let set: JwkSet = serde_json::from_str(&answer.body).unwrap();
            !set.keys.is_empty()
        }
        ("end_session_endpoint", "/logout") => {
            let page = server.sign_in("ada").await.get(&below).await;
            page.body.contains("id=\"logout-yes\"")
        }
        ("pushed_authorization_request_endpoint", "/par") => {
            server.push(&Ask::of("strict")).await.status == 201
        }
        ("introspection_endpoint", "/introspect") => {
            let own = server.token("robot", &own_token()).await.tokens();
            server.is_active(&own.access).await
        }
        ("security_events_endpoint", "/security-events") => {
            let now = json!({"returnImmediately": true});
            server.poll(NOTES_API, &now).await.status == 200
        }
        ("revocation_endpoint", "/revoke") => {
            let own = server.token("robot", &own_token()).await.tokens();
            server.revoke("robot", &own.access).await;
            !server.is_active(&own.access).await
        }
        _ => panic!("{said} is said of {name}, and nobody tries it"),
    };
    assert!(answers, "{name}: {said}");
}

/// The answer to `ask` in a browser that was never here.
async fn arrive(server: &TestServer, ask: Ask) -> Answer {
    server.browser().authorize(&ask).await
}

fn error(answer: &Answer) -> Option<String> {
    answer.parameter("error")
}

async fn scopes(server: &TestServer, said: BTreeSet<&str>) {
    let all: Vec<&str> = said.iter().copied().collect();
    let registered = Scope::parse(&all.join(" ")).unwrap();
    server
        .change_client("portal", |portal| portal.scopes = registered)
        .await;
    let mut ada = server.sign_in("ada").await;
    for scope in said {
        let tokens = ada.tokens(&Ask::of("portal").scope(scope)).await;
        assert_eq!(tokens.scope, scope);
    }
    server.change_client("portal", |_| {}).await;
}

async fn response_types(server: &TestServer, said: BTreeSet<&str>) {
    for kind in [
        "code",
        "token",
        "id_token",
        "none",
        "id_token token",
        "code id_token",
        "code token",
        "code id_token token",
    ] {
        let answer = arrive(server, sign_in("club").with("response_type", kind)).await;
        let refused = error(&answer).as_deref() == Some("unsupported_response_type");
        assert_eq!(refused, !said.contains(kind), "{kind}: {answer:?}");
        assert_eq!(answer.is_page(), said.contains(kind), "{kind}: {answer:?}");
    }
}

async fn response_modes(server: &TestServer, said: BTreeSet<&str>) {
    let all: Vec<&str> = ResponseMode::ALL.iter().map(|mode| mode.as_str()).collect();
    assert_eq!(
        said,
        all.into_iter().collect(),
        "a client can be registered for each"
    );
    for mode in [
        "query",
        "form_post",
        "fragment",
        "web_message",
        "jwt",
        "query.jwt",
    ] {
        let ask = sign_in("club").with("response_mode", mode);
        let answer = arrive(server, ask.with("prompt", "none")).await;
        let refused = error(&answer).as_deref() == Some("invalid_request");
        assert_eq!(refused, !said.contains(mode), "{mode}: {answer:?}");
        assert_eq!(answer.is_form_post(), mode == "form_post", "{answer:?}");
    }
}

async fn grant_types(server: &TestServer, said: BTreeSet<&str>) {
    for grant_type in [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ] {
        let form = Form::new().with("grant_type", grant_type);
        let answer = server.token("robot", &form).await;
        let refused = answer.json()["error"] == "unsupported_grant_type";
        assert_eq!(refused, !said.contains(grant_type), "{answer:?}");
    }
    assert_eq!(said.len(), 3, "and no other");
}

/// A form that fails at each endpoint for another reason than its client's credentials.
fn nothing_in_particular() -> Form {
    Form::new()
        .with("token", "x")
        .with("grant_type", "refresh_token")
        .with("refresh_token", "x")
}

async fn authentication_methods(server: &TestServer, endpoint: &str, said: &BTreeSet<&str>) {
    let mut tried = BTreeSet::new();
    for client in ["shop", "mailer", "robot", "kiosk"] {
        let credentials = server.credentials(client);
        let method = match &credentials {
            Credentials::Basic(..) => AuthenticationMethod::ClientSecretBasic,
            Credentials::Post(..) => AuthenticationMethod::ClientSecretPost,
            Credentials::Assertion(_) => AuthenticationMethod::PrivateKeyJwt,
            Credentials::Id(_) | Credentials::Nothing => AuthenticationMethod::None,
        };
        let request = server.back_channel(endpoint, &credentials, &nothing_in_particular());
        let answer = server.send(request).await;
        let works = answer.status != 401;
        assert_eq!(said.contains(method.as_str()), works, "{answer:?}");
        tried.insert(method.as_str());
    }
    assert!(
        said.is_subset(&tried),
        "{endpoint}: nobody here can try all of {said:?}"
    );
}

async fn assertion_algorithms(server: &TestServer, endpoint: &str, said: &BTreeSet<&str>) {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let keys = vec![key.public_jwk()];
        let registered = |robot: &mut Client| robot.jwks = Some(JwkSet { keys });
        server.change_client("robot", registered).await;
        let claims = json!({
            "iss": "robot", "sub": "robot", "aud": server.issuer(), "jti": new_id(),
            "exp": server.now().plus(60).seconds(),
        });
        let assertion = Credentials::Assertion(key.sign_jwt("JWT", &claims).unwrap());
        let request = server.back_channel(endpoint, &assertion, &nothing_in_particular());
        let answer = server.send(request).await;
        let works = answer.status != 401;
        assert_eq!(said.contains(algorithm.name()), works, "{answer:?}");
    }
    assert_eq!(said.len(), Algorithm::ALL.len(), "and no other");
    server.change_client("robot", |_| {}).await;
}

async fn challenge_methods(server: &TestServer, said: BTreeSet<&str>) {
    for method in ["S256", "plain", "S512"] {
        let answer = arrive(
            server,
            Ask::of("shop").with("code_challenge_method", method),
        )
        .await;
        assert_eq!(answer.is_page(), said.contains(method), "{answer:?}");
    }
}

async fn locales(server: &TestServer, said: BTreeSet<&str>) {
    for locale in said {
        let page = arrive(server, Ask::of("shop").with("ui_locales", locale)).await;
        let lang = format!("<html lang=\"{locale}\"");
        assert!(page.body.contains(&lang), "{page:?}");
    }
}

async fn claims(server: &TestServer, said: BTreeSet<&str>) {
    server
        .change_client("club", |client| {
            client.scopes = client.scopes.union(&Scope::parse("groups").unwrap());
        })
        .await;
    let ask = sign_in("club").scope("openid profile email phone address groups");
    let tokens = server.tokens("ada", &ask).await;
    let id_token = read(server, "club", &tokens, Algorithm::Rs256).await;
    let userinfo = server.userinfo(&tokens.access).await.json();
    let told = id_token
        .claims()
        .keys()
        .chain(userinfo.as_object().unwrap().keys());
    let told: BTreeSet<&str> = told.map(String::as_str).collect();
    assert_eq!(told, said);
    server.change_client("club", |_| {}).await;
}

async fn claims_are_given_one_by_one(server: &TestServer) -> bool {
    let claims = r#"{"userinfo":{"email":null},"id_token":{"name":null}}"#;
    let ask = sign_in("club").with("claims", claims);
    let tokens = server.tokens("ada", &ask).await;
    let userinfo = server.userinfo(&tokens.access).await.json();
    let id_token = read(server, "club", &tokens, Algorithm::Rs256).await;
    userinfo["email"] == "ada@lovelace.example" && claim(&id_token, "name") == "Ada Lovelace"
}

async fn is_refused_as(server: &TestServer, name: &str, refused: &str) -> bool {
    let ask = Ask::of("shop").with(name, "https://shop.example/request");
    error(&arrive(server, ask).await).as_deref() == Some(refused)
}

async fn prompts(server: &TestServer, said: BTreeSet<&str>) {
    let mut ada = server.sign_in("ada").await;
    ada.code(&sign_in("club")).await;
    for (prompt, shown) in [
        ("none", ""),
        ("login", "Confirm it’s you – Safeconduct"),
        ("consent", "Allow The club? – Safeconduct"),
        ("select_account", "Choose an account – Safeconduct"),
    ] {
        let answer = ada.authorize(&sign_in("club").with("prompt", prompt)).await;
        assert_eq!(answer.title(), shown, "{answer:?}");
        assert_eq!(answer.has_code(), prompt == "none", "{answer:?}");
        assert!(said.contains(prompt));
    }
    let answer = ada
        .authorize(&sign_in("club").with("prompt", "create"))
        .await;
    assert_eq!(error(&answer).as_deref(), Some("invalid_request"));
    assert_eq!(said.len(), 4);
}

async fn subject_types(server: &TestServer, said: BTreeSet<&str>) {
    let ada = server.user("ada").await;
    for (client, kind) in [("club", "public"), ("twin", "pairwise")] {
        let tokens = server.tokens("ada", &sign_in(client)).await;
        let sub = &server.userinfo(&tokens.access).await.json()["sub"];
        assert_eq!(sub == ada.as_str(), kind == "public", "{sub}");
        assert!(said.contains(kind));
    }
    assert_eq!(said.len(), 2);
}

async fn acr_values(server: &TestServer, said: BTreeSet<&str>) {
    let essential = |acr: &str| {
        let claims = json!({ "id_token": { "acr": { "essential": true, "value": acr } } });
        sign_in("club").with("claims", &claims.to_string())
    };
    // A passkey proves each of them.
    let ada = Holder::manager(server, "ada").await;
    for acr in said {
        let (mut browser, ask) = (server.browser(), essential(acr));
        let page = browser.authorize(&ask).await;
        let signed_in = browser.passkey(&page, &ada.answer(&page)).await;
        let mut answer = browser.follow(signed_in).await;
        if !answer.has_code() {
            answer = browser.allow(&answer).await;
        }
        let tokens = server.exchange(&answer.code(&ask)).await.tokens();
        let id_token = read(server, "club", &tokens, Algorithm::Rs256).await;
        assert_eq!(claim(&id_token, "acr"), acr);
    }
    let answer = arrive(server, essential("phrh")).await;
    let refused = Some("unmet_authentication_requirements");
    assert_eq!(error(&answer).as_deref(), refused, "{answer:?}");
}

async fn id_token_algorithms(server: &TestServer, said: BTreeSet<&str>) {
    assert!(said.contains("RS256"), "OpenID Connect Core §15.1");
    for name in said {
        let algorithm: Algorithm = name.parse().unwrap();
        let registered = |club: &mut Client| club.openid.id_token_signed_response_alg = algorithm;
        server.change_client("club", registered).await;
        let tokens = server.tokens("ada", &sign_in("club")).await;
        read(server, "club", &tokens, algorithm).await;
    }
    server.change_client("club", |_| {}).await;
}

async fn proof_algorithms(server: &TestServer, said: BTreeSet<&str>) {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let claims = server.proof_claims("POST", "/token", None);
        let proof = key.sign_proof(PROOF_TYP, &claims).unwrap();
        let answer = server.token_with_proof(&proof, "robot", &own_token()).await;
        let works = answer.status == 200;
        assert_eq!(said.contains(algorithm.name()), works, "{answer:?}");
    }
}

async fn a_client_is_told_of_the_session(server: &TestServer) -> bool {
    let mut listener = Listener::start().await;
    let uri = Some(listener.uri());
    let told = |club: &mut Client| club.openid.backchannel_logout_uri = uri;
    server.change_client("club", told).await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&sign_in("club")).await;
    let id_token = read(server, "club", &tokens, Algorithm::Rs256).await;
    ada.sign_out().await;
    let heard = listener.has_heard(1).await;
    let logout_token = heard[0].logout_token();
    let payload = logout_token.split('.').nth(1).unwrap();
    let payload = safeconduct_protocol::encoding::decode(payload).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    server.change_client("club", |_| {}).await;
    payload["sid"] == *claim(&id_token, "sid")
}

/// What answers without being in the document: our own forms and pages, which lead to one another, and the documents.
const OURS: [&str; 17] = [
    "/",
    "/login",
    "/login/continue",
    "/login/switch",
    "/login/passkey",
    "/login/second-factor",
    "/login/enrol",
    "/consent",
    "/language",
    "/logout/confirm",
    "/signed-out",
    "/assets/{name}",
    "/errors/{name}",
    "/.well-known/openid-configuration",
    "/.well-known/change-password",
    "/.well-known/passkey-endpoints",
    "/.well-known/webauthn",
];

#[tokio::test]
async fn everything_that_answers_is_said_or_is_a_page_of_ours() {
    let routes = include_str!("../../src/routes.rs");
    let (public, _) = routes
        .split_once("/// What only the operator sees")
        .unwrap();
    let answering: BTreeSet<&str> = public
        .split(".route(")
        .skip(1)
        .filter_map(|route| route.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    let server = TestServer::start().await;
    let document = document(&server).await;
    let said = document.as_object().unwrap().values();
    let said = said.filter_map(|value| value.as_str()?.strip_prefix(ISSUER));
    let known: BTreeSet<&str> = said.filter(|path| !path.is_empty()).chain(OURS).collect();
    assert_eq!(answering, known);
}
