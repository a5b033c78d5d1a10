//! Tokens that are bound to a key (RFC 9449): what a proof buys, what is no proof, and that a binding is never lost on the way.

use rstest::rstest;
use safeconduct_protocol::client::Client;
use safeconduct_protocol::dpop::PROOF_TYP;
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::random;
use safeconduct_server::Settings;
use serde_json::{Value, json};

use crate::assertion::jwt;
use crate::client_auth::own_token;
use crate::support::{
    Answer, Ask, CALLBACK, Code, ISSUER, NOTES_API, STATE, TestServer, Tokens, proof_key,
    with_proof,
};

pub(crate) const REFUSED: &str = "400 invalid_dpop_proof (dpop-proof-refused)";
const MISSING: &str = "400 invalid_dpop_proof (dpop-proof-missing)";
pub(crate) const REPLAYED: &str = "400 invalid_dpop_proof (dpop-proof-replayed)";
const CODE_OF_ANOTHER: &str = "400 invalid_grant (code-of-another-key)";
const TOKEN_OF_ANOTHER: &str = "400 invalid_grant (refresh-token-of-another-key)";

/// What an access token in a JWT says, whoever reads it.
fn said(access_token: &str) -> Value {
    let payload = access_token.split('.').nth(1).unwrap();
    serde_json::from_slice(&encoding::decode(payload).unwrap()).unwrap()
}

/// A public client that has its tokens bound, with the tokens that `key` bought.
async fn bought(server: &TestServer, client: &str, key: &SigningKey) -> Tokens {
    let code = server.code("ada", &ask(client)).await;
    server.exchange_proving(key, &code).await.tokens()
}

/// A request for notes and a name.
fn ask(client: &str) -> Ask {
    Ask::of(client).scope("openid notes.read")
}

/// What proves nothing beside a request of `method` to `endpoint`, each by what is wrong with it. All of it is as fresh and as
/// well signed as the rest allows.
pub(crate) fn flawed(
    server: &TestServer,
    method: &str,
    endpoint: &str,
    access_token: Option<&str>,
) -> Vec<(String, String)> {
    let key = proof_key();
    let fresh = || server.proof_claims(method, endpoint, access_token);
    let mut flawed = vec![
        ("no token at all", "x".to_owned()),
        ("three empty parts", "..".to_owned()),
        ("another type", key.sign_proof("JWT", &fresh()).unwrap()),
        (
            "an access token's type",
            key.sign_proof("at+jwt", &fresh()).unwrap(),
        ),
        (
            "a key's name in place of the key",
            key.sign_jwt(PROOF_TYP, &fresh()).unwrap(),
        ),
    ];
    flawed.extend(wrongly_signed(&key, &fresh));
    let mut all: Vec<(String, String)> = flawed
        .into_iter()
        .map(|(what, proof)| (what.to_owned(), proof))
        .collect();
    for (name, value) in wrong_claims(server, method, endpoint, access_token) {
        let mut claims = fresh();
        match &value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.to_owned(), value.clone()),
        };
        let proof = key.sign_proof(PROOF_TYP, &claims).unwrap();
        all.push((format!("{name}: {value}"), proof));
    }
    all
}

/// Proofs whose signature proves nothing.
fn wrongly_signed(key: &SigningKey, fresh: &dyn Fn() -> Value) -> Vec<(&'static str, String)> {
    let public = json!(key.public_jwk());
    let with_header = |header: Value, sign: &dyn Fn(&[u8]) -> Vec<u8>| jwt(&header, &fresh(), sign);
    let mut private = public.clone();
    private["d"] = json!(encoding::encode(&[7; 32]));
    let header = |alg: &str| json!({ "typ": PROOF_TYP, "alg": alg, "jwk": public });
    let honest = key.sign_proof(PROOF_TYP, &fresh()).unwrap();
    let (signed, signature) = honest.rsplit_once('.').unwrap();
    let other = proof_key().sign_proof(PROOF_TYP, &fresh()).unwrap();
    let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
    vec![
        ("alg none", with_header(header("none"), &|_| Vec::new())),
        (
            "a shared secret",
            with_header(header("HS256"), &|signed| {
                encoding::hmac_sha256(public.to_string().as_bytes(), signed).to_vec()
            }),
        ),
        ("RS256", rsa.sign_proof(PROOF_TYP, &fresh()).unwrap()),
        (
            "no key",
            with_header(json!({ "typ": PROOF_TYP, "alg": "ES256" }), &|_| {
                encoding::decode(signature).unwrap()
            }),
        ),
        (
            "a private key",
            with_header(
                json!({ "typ": PROOF_TYP, "alg": "ES256", "jwk": private }),
                &|_| encoding::decode(signature).unwrap(),
            ),
        ),
        (
            "another one's signature",
            format!("{signed}.{}", other.rsplit_once('.').unwrap().1),
        ),
        ("no signature", format!("{signed}.")),
        (
            "zeros for a signature",
            with_header(header("ES256"), &|_| vec![0; 64]),
        ),
    ]
}

/// Claims that a proof must not make, one at a time; `null` for one that it must make.
fn wrong_claims(
    server: &TestServer,
    method: &str,
    endpoint: &str,
    access_token: Option<&str>,
) -> Vec<(&'static str, Value)> {
    let now = server.now();
    let other_method = if method == "GET" { "POST" } else { "GET" };
    let mut wrong = vec![
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!("j".repeat(257))),
        ("jti", json!(7)),
        ("htm", Value::Null),
        ("htm", json!(other_method)),
        ("htm", json!(method.to_lowercase())),
        ("htu", Value::Null),
        ("htu", json!(endpoint)),
        ("htu", json!(format!("{ISSUER}/elsewhere"))),
        ("htu", json!(format!("{ISSUER}{endpoint}/"))),
        (
            "htu",
            json!(format!("https://id.example.evil.com{endpoint}")),
        ),
        ("htu", json!(format!("http://id.example{endpoint}"))),
        ("iat", Value::Null),
        ("iat", json!(now.plus(-3_600).seconds())),
        ("iat", json!(now.plus(3_600).seconds())),
        ("iat", json!(now.seconds().to_string())),
        ("exp", json!(now.plus(-61).seconds())),
        ("nbf", json!(now.plus(3_600).seconds())),
        ("nonce", json!(7)),
    ];
    if access_token.is_some() {
        wrong.extend([
            ("ath", Value::Null),
            ("ath", json!(encoding::sha256_base64url(b"another token"))),
            ("ath", json!(access_token)),
        ]);
    }
    wrong
}

#[tokio::test]
async fn whoever_proves_a_key_buys_tokens_that_are_bound_to_it() {
    let server = TestServer::start().await;
    let key = proof_key();
    let own = server.token_proving(&key, "robot", &own_token()).await;
    let mut ada = server.sign_in("ada").await;
    let mut answers = vec![("robot", own)];
    for client in ["club", "circle", "bound", "vault"] {
        let code = ada.code(&Ask::of(client)).await;
        let answer = server.exchange_proving(&key, &code).await;
        let next = server.refresh_proving(&key, client, &answer.tokens()).await;
        answers.extend([(client, answer), (client, next)]);
    }
    for (client, answer) in answers {
        assert_eq!(answer.json()["token_type"], "DPoP", "{client}: {answer:?}");
        let token = answer.tokens().access;
        if client != "vault" {
            assert_eq!(said(&token)["cnf"], json!({ "jkt": key.kid() }), "{client}");
        }
        // What an API has to compare with the proof that it is sent (RFC 9449 §6.2).
        let introspected = server.introspect(NOTES_API, &token).await.json();
        assert_eq!(introspected["cnf"], json!({ "jkt": key.kid() }), "{client}");
        assert_eq!(introspected["token_type"], "DPoP", "{client}");
    }
    let code = ada.code(&Ask::of("circle")).await;
    let answer = server.exchange(&code).await;
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(said(&answer.tokens().access).get("cnf"), None);
}

/// Attacks: P01, P02, P03.
#[tokio::test]
async fn what_proves_nothing_buys_nothing_and_costs_nothing() {
    let server = TestServer::start().await;
    let key = proof_key();
    let mut ada = server.sign_in("ada").await;
    for client in ["circle", "club"] {
        let before = ada.code(&ask(client)).await;
        let tokens = server.exchange_proving(&key, &before).await.tokens();
        let code = ada.code(&ask(client)).await;
        let rows = server.rows();
        for (what, proof) in flawed(&server, "POST", "/token", None) {
            for form in [code.exchange(), tokens.refresh()] {
                let answer = server.token_with_proof(&proof, client, &form).await;
                assert_eq!(answer.to_string(), REFUSED, "{what}");
            }
        }
        let (one, two) = (
            server.prove(&key, "POST", "/token", None),
            server.prove(&key, "POST", "/token", None),
        );
        let request = server.back_channel("/token", &server.credentials(client), &code.exchange());
        let answer = server
            .send(with_proof(with_proof(request, &one), &two))
            .await;
        assert_eq!(answer.to_string(), REFUSED, "two headers");
        assert_eq!(server.rows(), rows);
        assert_eq!(server.exchange_proving(&key, &code).await.status, 200);
        let answer = server.refresh_proving(&key, client, &tokens).await;
        assert_eq!(answer.status, 200);
    }
}

/// Attacks: P02.
#[rstest]
#[case::ten_seconds_old("iat", json!(-10))]
#[case::ten_seconds_ahead("iat", json!(10))]
#[case::with_an_end("exp", json!(30))]
#[case::with_a_beginning("nbf", json!(0))]
#[case::query("htu", json!("https://id.example/token?x=y"))]
#[case::fragment("htu", json!("https://id.example/token#x"))]
#[case::host_in_capitals("htu", json!("https://ID.Example/token"))]
#[case::default_port("htu", json!("https://id.example:443/token"))]
#[case::a_nonce_that_nobody_asked_for("nonce", json!("whatever"))]
#[case::something_else("extra", json!({ "is": "ignored" }))]
#[tokio::test]
async fn a_proof_within_its_bounds_is_accepted(#[case] name: &str, #[case] value: Value) {
    let server = TestServer::start().await;
    let mut claims = server.proof_claims("POST", "/token", None);
    claims[name] = match value.as_i64() {
        Some(seconds) => json!(server.now().plus(seconds).seconds()),
        None => value,
    };
    let proof = proof_key().sign_proof(PROOF_TYP, &claims).unwrap();
    let answer = server.token_with_proof(&proof, "robot", &own_token()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_server_below_a_path_is_proven_to_there() {
    let server = TestServer::start_at("https://id.example/tenant").await;
    let key = proof_key();
    let tokens = bought(&server, "bound", &key).await;
    assert_eq!(
        server.userinfo_proving(&key, &tokens.access).await.status,
        200
    );
    let mut claims = server.proof_claims("POST", "/token", None);
    claims["htu"] = json!("https://id.example/token");
    let proof = key.sign_proof(PROOF_TYP, &claims).unwrap();
    let answer = server
        .token_with_proof(&proof, "bound", &tokens.refresh())
        .await;
    assert_eq!(answer.to_string(), REFUSED);
    let answer = server.refresh_proving(&key, "bound", &tokens).await;
    assert_eq!(answer.status, 200);
}

/// Attacks: C13.
#[tokio::test]
async fn a_code_that_was_asked_for_with_a_key_is_of_use_to_that_key_alone() {
    let server = TestServer::start().await;
    let (key, thief) = (proof_key(), proof_key());
    let mut ada = server.sign_in("ada").await;
    for client in ["circle", "club", "bound"] {
        let code = ada.code(&ask(client).with("dpop_jkt", key.kid())).await;
        let answer = server.exchange_proving(&thief, &code).await;
        assert_eq!(answer.to_string(), CODE_OF_ANOTHER, "{client}");
        let without = server.exchange(&code).await;
        let refused = if client == "bound" {
            MISSING
        } else {
            CODE_OF_ANOTHER
        };
        assert_eq!(without.to_string(), refused, "{client}");
        let tokens = server.exchange_proving(&key, &code).await.tokens();
        assert!(server.is_active(&tokens.access).await, "{client}");
        assert_eq!(said(&tokens.access)["cnf"]["jkt"], key.kid());
    }
}

#[rstest]
#[case::short("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4")]
#[case::padded("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I=")]
#[case::another_alphabet("0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I")]
#[case::no_thumbprint("my key")]
#[tokio::test]
async fn what_names_no_key_is_told_to_the_client(#[case] dpop_jkt: &str) {
    let server = TestServer::start().await;
    let ask = Ask::of("shop").with("dpop_jkt", dpop_jkt);
    let answer = server.browser().authorize(&ask).await;
    let expected = format!(
        "303 {CALLBACK} error=invalid_request (dpop-jkt-malformed) state={STATE} iss={ISSUER}"
    );
    assert_eq!(answer.to_string(), expected);
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let page = server
        .browser()
        .authorize(&Ask::of("shop").with("dpop_jkt", thumbprint))
        .await;
    assert_eq!(page.status, 200, "{page:?}");
}

/// Attacks: F11.
#[tokio::test]
async fn the_refresh_token_of_a_client_without_credentials_is_bound_to_its_key() {
    let server = TestServer::start().await;
    let (key, thief) = (proof_key(), proof_key());
    for client in ["circle", "bound"] {
        let tokens = bought(&server, client, &key).await;
        let answer = server.refresh_proving(&thief, client, &tokens).await;
        assert_eq!(answer.to_string(), TOKEN_OF_ANOTHER, "{client}");
        let without = server.refresh(client, &tokens).await;
        let refused = if client == "bound" {
            MISSING
        } else {
            TOKEN_OF_ANOTHER
        };
        assert_eq!(without.to_string(), refused, "{client}");
        let next = server.refresh_proving(&key, client, &tokens).await.tokens();
        assert_eq!(server.generation(&next).await, 1, "{client}");
        assert_eq!(said(&next.access)["cnf"]["jkt"], key.kid());

        // Nor is the retry after a lost answer a way around the key; whoever has it may come at any time.
        server.advance(3_600);
        let answer = server.refresh_proving(&thief, client, &tokens).await;
        assert_eq!(answer.to_string(), TOKEN_OF_ANOTHER, "{client}");
        let again = server.refresh_proving(&key, client, &tokens).await.tokens();
        assert_eq!(server.generation(&again).await, 1, "{client}");
    }
}

/// RFC 9449 §5: a refresh token that comes of a proof is bound to its key, and a grant never changes.
#[tokio::test]
async fn a_client_without_credentials_binds_its_tokens_from_the_start_or_not_at_all() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &ask("circle")).await;
    let answer = server
        .refresh_proving(&proof_key(), "circle", &tokens)
        .await;
    assert_eq!(answer.to_string(), TOKEN_OF_ANOTHER);
    let answer = server.refresh("circle", &tokens).await;
    assert_eq!(answer.json()["token_type"], "Bearer", "{answer:?}");
}

#[tokio::test]
async fn a_refresh_token_that_was_bound_to_nothing_is_not_bound_by_whoever_has_it() {
    let server = TestServer::start().await;
    let key = proof_key();
    let tokens = server.tokens("ada", &ask("circle")).await;
    let answer = server.refresh_proving(&key, "circle", &tokens).await;
    assert_eq!(answer.to_string(), TOKEN_OF_ANOTHER);
    let tokens = server.refresh("circle", &tokens).await.tokens();
    // Nor where the registration asks for a key by now: then it is good for nothing.
    let must = |circle: &mut Client| circle.dpop_bound_access_tokens = true;
    server.change_client("circle", must).await;
    assert_eq!(server.refresh("circle", &tokens).await.to_string(), MISSING);
    let answer = server.refresh_proving(&key, "circle", &tokens).await;
    assert_eq!(answer.to_string(), TOKEN_OF_ANOTHER);
    let tokens = bought(&server, "circle", &key).await;
    let answer = server.refresh_proving(&key, "circle", &tokens).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Attacks: P06.
#[tokio::test]
async fn a_client_with_credentials_may_change_its_key_and_never_goes_without() {
    let server = TestServer::start().await;
    let (key, next_key) = (proof_key(), proof_key());
    let tokens = bought(&server, "club", &key).await;
    let changed = server.refresh_proving(&next_key, "club", &tokens).await;
    assert_eq!(changed.json()["token_type"], "DPoP");
    let changed = changed.tokens();
    assert_eq!(said(&changed.access)["cnf"]["jkt"], next_key.kid());
    // Each access token keeps the key it was bought with.
    for (key, other, token) in [
        (&key, &next_key, &tokens.access),
        (&next_key, &key, &changed.access),
    ] {
        assert_eq!(server.userinfo_proving(key, token).await.status, 200);
        assert_eq!(server.userinfo_proving(other, token).await.status, 401);
    }
    for tokens in [&changed, &tokens] {
        let answer = server.refresh("club", tokens).await;
        assert_eq!(answer.to_string(), TOKEN_OF_ANOTHER);
    }
    let answer = server.refresh_proving(&next_key, "club", &changed).await;
    assert_eq!(answer.status, 200);
}

/// Attacks: P06.
#[tokio::test]
async fn a_client_that_must_prove_a_key_gets_nothing_without() {
    let server = TestServer::start().await;
    let key = proof_key();
    let code = server.code("ada", &ask("bound")).await;
    assert_eq!(server.exchange(&code).await.to_string(), MISSING);
    let tokens = server.exchange_proving(&key, &code).await.tokens();
    assert_eq!(server.refresh("bound", &tokens).await.to_string(), MISSING);
    let answer = server.refresh_proving(&key, "bound", &tokens).await;
    assert_eq!(answer.status, 200);

    // From one moment to the next, whatever was handed out before.
    let code = server.code("ada", &Ask::of("robot")).await;
    let tokens = server.tokens("ada", &Ask::of("robot")).await;
    let must = |robot: &mut Client| robot.dpop_bound_access_tokens = true;
    server.change_client("robot", must).await;
    for form in [code.exchange(), tokens.refresh(), own_token()] {
        let answer = server.token("robot", &form).await;
        assert_eq!(answer.to_string(), MISSING);
        let answer = server.token_proving(&key, "robot", &form).await;
        assert_eq!(answer.json()["token_type"], "DPoP", "{answer:?}");
    }
}

/// Attacks: P04.
#[tokio::test]
async fn a_proof_is_good_for_one_request_on_whichever_node() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    let key = proof_key();
    let proof = server.prove(&key, "POST", "/token", None);
    let answer = server.token_with_proof(&proof, "robot", &own_token()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for node in [&server, &other] {
        let answer = node.token_with_proof(&proof, "robot", &own_token()).await;
        assert_eq!(answer.to_string(), REPLAYED);
    }
    // Its name is the key's own affair: another key may choose the same.
    let mut claims = server.proof_claims("POST", "/token", None);
    claims["jti"] = json!("1");
    for key in [proof_key(), proof_key()] {
        let proof = key.sign_proof(PROOF_TYP, &claims).unwrap();
        let answer = other.token_with_proof(&proof, "robot", &own_token()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let server = server.restart().await;
    server.advance(60);
    let answer = server.token_with_proof(&proof, "robot", &own_token()).await;
    assert_eq!(answer.to_string(), REPLAYED, "for as long as it is fresh");
    server.advance(1);
    let answer = server.token_with_proof(&proof, "robot", &own_token()).await;
    assert_eq!(answer.to_string(), REFUSED);
}

#[tokio::test]
async fn a_request_that_is_refused_uses_no_proof_up() {
    let server = TestServer::start().await;
    let key = proof_key();
    let code = server.code("ada", &ask("circle")).await;
    let proof = server.prove(&key, "POST", "/token", None);
    for wrong in [
        code.exchange().with("code_verifier", &random::token()),
        code.exchange().with("code", "sc_code_x"),
    ] {
        let answer = server.token_with_proof(&proof, "circle", &wrong).await;
        assert_eq!(answer.status, 400);
    }
    let answer = server
        .token_with_proof(&proof, "circle", &code.exchange())
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // And a replay is no reason to end what the first use bought.
    let again = server
        .token_with_proof(&proof, "circle", &code.exchange())
        .await;
    assert_eq!(again.to_string(), REPLAYED);
    assert!(server.is_active(&answer.tokens().access).await);
}

/// Attacks: P04.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_requests_with_one_proof_at_once_one_is_served() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    let key = proof_key();
    let tokens = bought(&server, "bound", &key).await;
    let code = server.code("ada", &ask("bound")).await;
    for form in [code.exchange(), tokens.refresh()] {
        let proof = server.prove(&key, "POST", "/token", None);
        let request = |_| {
            let request = server.back_channel("/token", &server.credentials("bound"), &form);
            with_proof(request, &proof)
        };
        let (here, there) = tokio::join!(
            server.send_all((0..32).map(request)),
            other.send_all((0..32).map(request))
        );
        let (served, refused): (Vec<Answer>, Vec<Answer>) = here
            .into_iter()
            .chain(there)
            .partition(|answer| answer.status == 200);
        assert_eq!(served.len(), 1);
        for answer in refused {
            assert_eq!(answer.to_string(), REPLAYED);
        }
        assert!(server.is_active(&served[0].tokens().access).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_16_codes_with_one_proof_at_once_one_is_redeemed_and_the_rest_stay_good() {
    let server = TestServer::start().await;
    let key = proof_key();
    let mut ada = server.sign_in("ada").await;
    let mut codes = Vec::new();
    for _ in 0..16 {
        codes.push(ada.code(&ask("bound")).await);
    }
    let proof = server.prove(&key, "POST", "/token", None);
    let request = |code: &Code| {
        let credentials = server.credentials("bound");
        with_proof(
            server.back_channel("/token", &credentials, &code.exchange()),
            &proof,
        )
    };
    let answers = server.send_all(codes.iter().map(request)).await;
    let served = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(served.count(), 1);
    let mut redeemed = 0;
    for code in &codes {
        let answer = server.exchange_proving(&key, code).await;
        redeemed += usize::from(answer.status == 200);
    }
    assert_eq!(redeemed, codes.len() - 1);
}

/// A server that asks for its own nonce in every proof.
pub(crate) async fn nonce_server() -> TestServer {
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    settings.dpop_nonce_required = true;
    TestServer::start_with(settings).await
}

/// A proof for the token endpoint that carries `nonce`.
fn with_nonce(server: &TestServer, key: &SigningKey, nonce: &str) -> String {
    let claims = server.proof_claims("POST", "/token", None);
    carrying(nonce, key, claims)
}

/// A proof of these claims and `nonce`.
pub(crate) fn carrying(nonce: &str, key: &SigningKey, mut claims: Value) -> String {
    claims["nonce"] = json!(nonce);
    key.sign_proof(PROOF_TYP, &claims).unwrap()
}

/// Attacks: P03.
#[tokio::test]
async fn a_server_that_asks_for_its_nonce_takes_no_proof_without() {
    let server = nonce_server().await;
    let key = proof_key();
    const ASKED: &str = "400 use_dpop_nonce (dpop-nonce-required)";
    let without = server.token_proving(&key, "robot", &own_token()).await;
    assert_eq!(without.to_string(), ASKED);
    let nonce = without.header("dpop-nonce").to_owned();
    assert_eq!(nonce.len(), 22);
    for forged in ["", "x", &random::token(), &nonce.to_uppercase()] {
        let proof = with_nonce(&server, &key, forged);
        let answer = server.token_with_proof(&proof, "robot", &own_token()).await;
        assert_eq!(answer.to_string(), ASKED, "{forged}");
    }
    let proof = with_nonce(&server, &key, &nonce);
    let answer = server.token_with_proof(&proof, "robot", &own_token()).await;
    assert_eq!(answer.json()["token_type"], "DPoP", "{answer:?}");
    assert_eq!(answer.header("dpop-nonce"), nonce, "the next one is known");
    // A nonce is no key: who proves none gets what they would get anyway.
    let answer = server.token("robot", &own_token()).await;
    assert_eq!(answer.json()["token_type"], "Bearer", "{answer:?}");
}

/// Attacks: P07.
#[tokio::test]
async fn a_nonce_ends_and_so_do_the_proofs_that_were_made_ahead() {
    let server = nonce_server().await;
    let other = server.another_node().await;
    let key = proof_key();
    let nonce = server
        .token_proving(&key, "robot", &own_token())
        .await
        .header("dpop-nonce")
        .to_owned();
    // Another node takes it, and so does the time after the next one was given out.
    for seconds in [0, 300, 299] {
        server.advance(seconds);
        let proof = with_nonce(&other, &key, &nonce);
        let answer = other.token_with_proof(&proof, "robot", &own_token()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // What somebody who held the key for a moment signed for later carries no nonce of later.
    server.advance(1);
    let ahead = with_nonce(&server, &key, &nonce);
    let answer = server.token_with_proof(&ahead, "robot", &own_token()).await;
    assert_eq!(
        answer.to_string(),
        "400 use_dpop_nonce (dpop-nonce-required)"
    );
    assert_ne!(answer.header("dpop-nonce"), nonce);
    let proof = with_nonce(&server, &key, answer.header("dpop-nonce"));
    let answer = server.token_with_proof(&proof, "robot", &own_token()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn every_algorithm_that_keys_are_made_for_proves_one() {
    let server = TestServer::start().await;
    for algorithm in [Algorithm::Es256, Algorithm::Ps256, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let tokens = bought(&server, "bound", &key).await;
        assert_eq!(
            server.userinfo_proving(&key, &tokens.access).await.status,
            200
        );
        assert_eq!(said(&tokens.access)["cnf"]["jkt"], key.kid(), "{algorithm}");
    }
}
