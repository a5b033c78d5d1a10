//! Tokens that are bound to a key (RFC 9449 §7): which proofs let a request pass, through the layer.
//!
//! Every refusal stands between two requests that pass, so that a guard that refuses everything fails.

use axum::body::Body;
use axum::routing::get;
use axum::{Json, Router};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use rstest::rstest;
use safeconduct_guard::{Guard, GuardBuilder, ProofKey, Reason, Secret, TestIssuer, Token};
use safeconduct_protocol::dpop::NONCE_LIFE;
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{FakeIssuer, within};

const API: &str = "https://api.example.com/v1";
const NOTES: &str = "https://api.example.com/notes";

/// An API, and a client with a key and a token that is bound to it.
struct Stage {
    app: Router,
    guard: Guard,
    issuer: TestIssuer,
    key: SigningKey,
    token: String,
}

impl Stage {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(settings: impl FnOnce(GuardBuilder) -> GuardBuilder) -> Self {
        let (guard, issuer) = Guard::for_tests_with(API, settings);
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let token = issuer.token().scope("notes.read");
        let token = token.claim("cnf", json!({"jkt": key.kid()})).sign();
        let who = async |token: Token| format!("{} {:?}", token.subject(), token.bound_to());
        let app = Router::new()
            .route("/notes", get(who).post(async |body: String| body))
            .route("/admin", get(who).layer(guard.require("notes.admin")))
            .route("/notes/{id}", get(who).layer(guard.require("notes.read")))
            .layer(guard.optional_layer())
            .layer(guard.layer());
        Self {
            app,
            guard,
            issuer,
            key,
            token,
        }
    }

    /// The claims of a proof for `GET /notes`, with `change`; a `null` takes a claim out.
    fn claims(&self, change: Value) -> Value {
        let mut claims = json!({
            "jti": encoding::encode(&safeconduct_protocol::random::bytes::<12>()),
            "htm": "GET", "htu": NOTES, "iat": self.issuer.now(),
            "ath": encoding::sha256_base64url(self.token.as_bytes()),
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        claims
    }

    fn proof(&self, change: Value) -> String {
        self.key
            .sign_proof("dpop+jwt", &self.claims(change))
            .unwrap()
    }

    /// `GET /notes` with these headers.
    fn request(&self, headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = Request::get("/notes");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(within(self.app.clone().oneshot(request)).await.unwrap()).await
    }

    async fn get(&self, headers: &[(&str, &str)]) -> Answer {
        self.send(self.request(headers)).await
    }

    async fn get_with(&self, proof: &str) -> Answer {
        let credentials = format!("DPoP {}", self.token);
        self.get(&[("authorization", &credentials), ("dpop", proof)])
            .await
    }

    async fn passes(&self) {
        let answer = self.get_with(&self.proof(json!({}))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body, format!("alice Some({:?})", self.key.kid()));
    }

    /// The answer to a request that is refused, between two that pass.
    async fn refused(&self, headers: &[(&str, &str)]) -> Answer {
        self.passes().await;
        let answer = self.get(headers).await;
        self.passes().await;
        answer
    }

    async fn refused_with(&self, proof: &str) -> Answer {
        let credentials = format!("DPoP {}", self.token);
        self.refused(&[("authorization", &credentials), ("dpop", proof)])
            .await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    fn challenges(&self) -> Vec<&str> {
        let challenges = self.headers.get_all(WWW_AUTHENTICATE).iter();
        challenges.map(|value| value.to_str().unwrap()).collect()
    }

    /// 401, with one challenge in the scheme of the request, and its error code.
    fn is_denied(&self, scheme: &str, error: &str) {
        assert_eq!(self.status, 401, "{}", self.body);
        let expected = format!("{scheme} error=\"{error}\", ");
        let challenge = self.challenges()[0];
        assert!(challenge.starts_with(&expected), "{challenge}");
        assert_eq!(
            challenge.ends_with("algs=\"ES256 PS256 EdDSA\""),
            scheme == "DPoP"
        );
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["error"], error);
    }

    fn nonce(&self) -> Option<&str> {
        self.headers
            .get("dpop-nonce")
            .map(|value| value.to_str().unwrap())
    }
}

#[tokio::test]
async fn a_bound_token_passes_with_a_proof_of_its_key() {
    let stage = Stage::new();
    stage.passes().await;
    let answer = stage.get_with(&stage.proof(json!({}))).await;
    assert_eq!(answer.nonce(), None);
}

#[rstest]
#[tokio::test]
async fn the_scheme_is_known_in_any_case(#[values("DPoP", "dpop", "DPOP")] scheme: &str) {
    let stage = Stage::new();
    let credentials = format!("{scheme} {}", stage.token);
    let proof = stage.proof(json!({}));
    let answer = stage
        .get(&[("authorization", &credentials), ("dpop", &proof)])
        .await;
    assert_eq!(answer.status, 200);
}

/// Attacks: P02.
#[rstest]
#[case::ten_seconds_old(json!({"iat": -10}))]
#[case::ten_seconds_ahead(json!({"iat": 10}))]
#[case::query(json!({"htu": "https://api.example.com/notes?a=b"}))]
#[case::fragment(json!({"htu": "https://api.example.com/notes#a"}))]
#[case::host_in_capitals(json!({"htu": "HTTPS://API.example.com/notes"}))]
#[case::default_port(json!({"htu": "https://api.example.com:443/notes"}))]
#[case::more_claims(json!({"nonce": "nobody asked", "exp": 100, "nbf": -5}))]
#[tokio::test]
async fn a_proof_in_another_form_passes(#[case] change: Value) {
    let stage = Stage::new();
    let proof = stage.proof(relative_to(&stage, change));
    let answer = stage.get_with(&proof).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// `change` with its times, given in seconds from now, made absolute.
fn relative_to(stage: &Stage, mut change: Value) -> Value {
    for name in ["iat", "nbf", "exp"] {
        if let Some(offset) = change.get(name).and_then(Value::as_i64) {
            change[name] = json!(stage.issuer.now().plus(offset));
        }
    }
    change
}

/// Attacks: P02.
#[rstest]
#[case::another_method(json!({"htm": "POST"}))]
#[case::method_in_lower_case(json!({"htm": "get"}))]
#[case::no_method(json!({"htm": null}))]
#[case::another_path(json!({"htu": "https://api.example.com/admin"}))]
#[case::the_audience(json!({"htu": API}))]
#[case::another_host(json!({"htu": "https://evil.example/notes"}))]
#[case::another_port(json!({"htu": "https://api.example.com:8443/notes"}))]
#[case::another_scheme(json!({"htu": "http://api.example.com/notes"}))]
#[case::no_uri(json!({"htu": null}))]
#[case::an_hour_old(json!({"iat": -3600}))]
#[case::an_hour_ahead(json!({"iat": 3600}))]
#[case::no_time(json!({"iat": null}))]
#[case::expired(json!({"exp": 0}))]
#[case::not_yet_valid(json!({"nbf": 3600}))]
#[case::no_name(json!({"jti": null}))]
#[case::an_endless_name(json!({"jti": "j".repeat(300)}))]
#[case::no_token_hash(json!({"ath": null}))]
#[case::the_hash_of_another_token(json!({"ath": encoding::sha256_base64url(b"another token")}))]
#[tokio::test]
async fn a_proof_for_another_request_is_refused(#[case] change: Value) {
    let stage = Stage::new();
    let proof = stage.proof(relative_to(&stage, change));
    stage
        .refused_with(&proof)
        .await
        .is_denied("DPoP", "invalid_dpop_proof");
}

/// Attacks: P01.
#[tokio::test]
async fn what_is_no_proof_is_refused() {
    let stage = Stage::new();
    let claims = stage.claims(json!({}));
    let public = json!(stage.key.public_jwk());
    let (_, signed) = stage
        .proof(json!({}))
        .split_once('.')
        .map(|(h, s)| (h.to_owned(), s.to_owned()))
        .unwrap();
    let with_header = |header: Value| {
        format!(
            "{}.{signed}",
            encoding::encode(header.to_string().as_bytes())
        )
    };
    let mut private = public.clone();
    private["d"] = json!("AAAA");
    let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
    for proof in [
        "proof".to_owned(),
        "a.b.c".to_owned(),
        stage.token.clone(),
        stage.key.sign_proof("JWT", &claims).unwrap(),
        stage.key.sign_proof("at+jwt", &claims).unwrap(),
        stage.key.sign_jwt("dpop+jwt", &claims).unwrap(),
        rsa.sign_proof("dpop+jwt", &claims).unwrap(),
        with_header(json!({"typ": "dpop+jwt", "alg": "none", "jwk": public})),
        with_header(json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": public})),
        with_header(json!({"typ": "dpop+jwt", "alg": "ES256"})),
        with_header(json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": private})),
        with_header(json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": {"kty": "oct", "k": "AAAA"}})),
        with_header(json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": public, "crit": ["exp"]})),
        "a".repeat(20_000),
    ] {
        stage
            .refused_with(&proof)
            .await
            .is_denied("DPoP", "invalid_dpop_proof");
    }
    let (input, signature) = signed.split_once('.').unwrap();
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": public});
    let header = encoding::encode(header.to_string().as_bytes());
    for signature in ["", &signature[..80], &encoding::encode(&[0; 64])] {
        let proof = format!("{header}.{input}.{signature}");
        stage
            .refused_with(&proof)
            .await
            .is_denied("DPoP", "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn one_proof_comes_with_a_bound_token() {
    let stage = Stage::new();
    let credentials = format!("DPoP {}", stage.token);
    let (one, other) = (stage.proof(json!({})), stage.proof(json!({})));
    let answer = stage.refused(&[("authorization", &credentials)]).await;
    answer.is_denied("DPoP", "invalid_dpop_proof");
    assert_eq!(answer.challenges().len(), 1);
    let two = [
        ("authorization", &*credentials),
        ("dpop", &one),
        ("dpop", &other),
    ];
    stage
        .refused(&two)
        .await
        .is_denied("DPoP", "invalid_dpop_proof");
    let joined = format!("{one}, {other}");
    stage
        .refused_with(&joined)
        .await
        .is_denied("DPoP", "invalid_dpop_proof");
    // Neither was used up by a request that did not pass.
    assert_eq!(stage.get_with(&one).await.status, 200);
    assert_eq!(stage.get_with(&other).await.status, 200);
}

/// Attacks: P04.
#[tokio::test]
async fn a_proof_is_good_once() {
    let stage = Stage::new();
    let proof = stage.proof(json!({}));
    assert_eq!(stage.get_with(&proof).await.status, 200);
    stage
        .refused_with(&proof)
        .await
        .is_denied("DPoP", "invalid_dpop_proof");
    let again = stage.proof(json!({"jti": "again"}));
    let younger = stage.proof(json!({"jti": "again", "iat": stage.issuer.now().plus(1)}));
    assert_eq!(stage.get_with(&again).await.status, 200);
    stage
        .refused_with(&younger)
        .await
        .is_denied("DPoP", "invalid_dpop_proof");
    stage.issuer.advance(59);
    stage
        .refused_with(&proof)
        .await
        .is_denied("DPoP", "invalid_dpop_proof");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_proof_presented_at_once_by_many_one_passes() {
    let stage = Stage::new();
    let proof = stage.proof(json!({}));
    let credentials = format!("DPoP {}", stage.token);
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let request = stage.request(&[("authorization", &credentials), ("dpop", &proof)]);
        requests.spawn(stage.app.clone().oneshot(request));
    }
    let answers = within(requests.join_all()).await;
    let passed = answers
        .iter()
        .filter(|answer| answer.as_ref().unwrap().status() == 200);
    assert_eq!(passed.count(), 1);
    stage.passes().await;
}

/// Attacks: P05.
#[tokio::test]
async fn a_bound_token_is_nothing_to_whoever_has_no_key() {
    let stage = Stage::new();
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let proof = stranger
        .sign_proof("dpop+jwt", &stage.claims(json!({})))
        .unwrap();
    stage
        .refused_with(&proof)
        .await
        .is_denied("DPoP", "invalid_token");

    let as_bearer = format!("Bearer {}", stage.token);
    let answer = stage.refused(&[("authorization", &as_bearer)]).await;
    answer.is_denied("Bearer", "invalid_token");
    assert_eq!(answer.challenges()[1], "DPoP algs=\"ES256 PS256 EdDSA\"");
    let proof = stage.proof(json!({}));
    let with_proof = [("authorization", &*as_bearer), ("dpop", &proof)];
    stage
        .refused(&with_proof)
        .await
        .is_denied("Bearer", "invalid_token");
    let denied = stage.guard.validate(&stage.token).await.unwrap_err();
    assert_eq!(denied.reason(), Reason::BoundToKey);
}

/// Attacks: P05.
#[tokio::test]
async fn a_bearer_token_is_no_bound_token() {
    let stage = Stage::new();
    let bearer = stage.issuer.token().sign();
    let as_bearer = format!("Bearer {bearer}");
    assert_eq!(
        stage.get(&[("authorization", &as_bearer)]).await.body,
        "alice None"
    );
    let proof = stage.proof(json!({"ath": encoding::sha256_base64url(bearer.as_bytes())}));
    let as_bound = format!("DPoP {bearer}");
    stage
        .refused(&[("authorization", &as_bound), ("dpop", &proof)])
        .await
        .is_denied("DPoP", "invalid_token");
    // A proof that nobody asked for changes nothing about a bearer token.
    let beside = [("authorization", &*as_bearer), ("dpop", "nonsense")];
    assert_eq!(stage.get(&beside).await.status, 200);
}

#[rstest]
#[case::bound_otherwise(json!({"x5t#S256": "x"}))]
#[case::bound_twice(json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "x5t#S256": "x"}))]
#[case::bound_to_no_key(json!({"jkt": "short"}))]
#[case::bound_to_nothing(json!({}))]
#[case::bound_in_no_form(json!("key"))]
#[tokio::test]
async fn a_binding_that_cannot_be_checked_lets_nobody_pass(#[case] cnf: Value) {
    let stage = Stage::new();
    let token = stage.issuer.token().claim("cnf", cnf).sign();
    let proof = stage.proof(json!({"ath": encoding::sha256_base64url(token.as_bytes())}));
    for scheme in ["Bearer", "DPoP"] {
        let credentials = format!("{scheme} {token}");
        let answer = stage
            .refused(&[("authorization", &credentials), ("dpop", &proof)])
            .await;
        answer.is_denied(scheme, "invalid_token");
    }
}

#[tokio::test]
async fn a_token_that_is_bound_in_another_way_too_is_refused_with_the_proof_of_its_key() {
    let stage = Stage::new();
    let bound_by = async |cnf: Value| {
        let token = stage.issuer.token().claim("cnf", cnf).sign();
        let proof = stage.proof(json!({"ath": encoding::sha256_base64url(token.as_bytes())}));
        let credentials = format!("DPoP {token}");
        let headers = [("authorization", &*credentials), ("dpop", &*proof)];
        stage.get(&headers).await
    };
    let key = stage.key.kid();
    assert_eq!(bound_by(json!({"jkt": key})).await.status, 200);
    let twice = bound_by(json!({"jkt": key, "x5t#S256": "x"})).await;
    twice.is_denied("DPoP", "invalid_token");
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_whatever_proves_its_key() {
    let stage = Stage::new();
    let bound = |token: safeconduct_guard::TestToken| {
        token.claim("cnf", json!({"jkt": stage.key.kid()})).sign()
    };
    for token in [
        bound(stage.issuer.token().expires_in(0)),
        bound(stage.issuer.token().audience("https://other.example")),
        bound(stage.issuer.token().signed_by_a_stranger()),
        bound(stage.issuer.token().typ("dpop+jwt")),
        stage.proof(json!({})),
    ] {
        let proof = stage.proof(json!({"ath": encoding::sha256_base64url(token.as_bytes())}));
        let credentials = format!("DPoP {token}");
        stage
            .refused(&[("authorization", &credentials), ("dpop", &proof)])
            .await
            .is_denied("DPoP", "invalid_token");
    }
}

#[tokio::test]
async fn what_a_bound_token_may_not_do_is_said_in_its_scheme() {
    let stage = Stage::new();
    let key = ProofKey::generate();
    let token = stage.issuer.token().bound_to(&key).sign();
    let proof = stage
        .issuer
        .proof(&key, "GET", "https://api.example.com/admin", &token);
    let request = Request::get("/admin")
        .header(AUTHORIZATION, format!("DPoP {token}"))
        .header("dpop", proof);
    let answer = stage.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 403);
    insta::assert_snapshot!(answer.challenges().join("\n"), @r#"DPoP error="insufficient_scope", error_description="The access token does not carry the scope that is needed", scope="notes.admin", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1", algs="ES256 PS256 EdDSA""#);
}

#[tokio::test]
async fn layers_above_one_another_take_one_proof() {
    let stage = Stage::new();
    let proof = stage.proof(json!({"htu": "https://api.example.com/notes/7"}));
    let request = Request::get("/notes/7?view=full")
        .header(AUTHORIZATION, format!("DPoP {}", stage.token))
        .header("dpop", &proof)
        .header("host", "evil.example");
    let answer = stage.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_nested_router_sees_the_path_that_was_proven() {
    let (guard, issuer) = Guard::for_tests(API);
    let notes = Router::new()
        .route("/notes", get(async || "notes"))
        .layer(guard.layer());
    let app = Router::new().nest("/v1", notes);
    let key = ProofKey::generate();
    let token = issuer.token().bound_to(&key).sign();
    let ask = async |htu: &str| {
        let request = Request::get("/v1/notes")
            .header(AUTHORIZATION, format!("DPoP {token}"))
            .header("dpop", issuer.proof(&key, "GET", htu, &token));
        let request = request.body(Body::empty()).unwrap();
        within(app.clone().oneshot(request)).await.unwrap().status()
    };
    assert_eq!(ask("https://api.example.com/v1/notes").await, 200);
    assert_eq!(ask("https://api.example.com/notes").await, 401);
}

#[rstest]
#[case::a_prefix("https://api.example.com/v1", "https://api.example.com/v1/notes")]
#[case::a_prefix_with_its_slash("https://api.example.com/v1/", "https://api.example.com/v1/notes")]
#[case::another_host("https://gateway.example:8443", "https://gateway.example:8443/notes")]
#[tokio::test]
async fn behind_a_proxy_the_url_is_the_one_that_clients_reach(
    #[case] base: &str,
    #[case] htu: &str,
) {
    let stage = Stage::with(|builder| builder.base_url(base).unwrap());
    let proof = stage.proof(json!({"htu": htu}));
    assert_eq!(stage.get_with(&proof).await.status, 200);
    stage
        .get_with(&stage.proof(json!({})))
        .await
        .is_denied("DPoP", "invalid_dpop_proof");
}

#[rstest]
#[case(
    "api.example.com",
    "is not an absolute URL such as https://id.example.com"
)]
#[case("https://api.example.com/?a", "must not carry a query or a fragment")]
#[case(
    "http://api.example.com",
    "must begin with https:// (http:// is for localhost, 127.0.0.1 and [::1] alone)"
)]
fn a_base_url_is_one_that_can_be_trusted(#[case] url: &str, #[case] why: &str) {
    let builder = Guard::new("https://id.example.com", API).unwrap();
    let error = builder.base_url(url).err().unwrap().to_string();
    assert_eq!(error, format!("the base URL {url:?} {why}"));
}

#[tokio::test]
async fn an_api_may_take_bound_tokens_alone() {
    let stage = Stage::with(GuardBuilder::require_dpop);
    let bearer = format!("Bearer {}", stage.issuer.token().sign());
    let answer = stage.refused(&[("authorization", &bearer)]).await;
    answer.is_denied("DPoP", "invalid_token");
    assert_eq!(answer.challenges().len(), 1);
    let answer = stage.refused(&[]).await;
    insta::assert_snapshot!(answer.challenges().join("\n"), @r#"DPoP resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1", algs="ES256 PS256 EdDSA""#);
    let denied = stage.guard.validate(&stage.issuer.token().sign()).await;
    assert_eq!(denied.unwrap_err().reason(), Reason::NotBound);
    let metadata = serde_json::to_value(stage.guard.metadata()).unwrap();
    assert_eq!(metadata["dpop_bound_access_tokens_required"], true);
}

#[tokio::test]
async fn a_proof_carries_a_nonce_where_the_api_wants_one() {
    let stage = Stage::with(|builder| builder.dpop_nonce(true));
    let answer = stage.get_with(&stage.proof(json!({}))).await;
    answer.is_denied("DPoP", "use_dpop_nonce");
    let nonce = answer.nonce().unwrap().to_owned();
    let with = |nonce: &str| stage.proof(json!({"nonce": nonce}));
    let answer = stage.get_with(&with(&nonce)).await;
    assert_eq!((answer.status.as_u16(), answer.nonce()), (200, None));

    for bad in ["", "guessed", &nonce[1..], &format!("{nonce}=")] {
        let answer = stage.get_with(&with(bad)).await;
        answer.is_denied("DPoP", "use_dpop_nonce");
        assert_eq!(answer.nonce(), Some(&*nonce));
        assert_eq!(stage.get_with(&with(&nonce)).await.status, 200);
    }
    let other = Stage::with(|builder| builder.dpop_nonce(true));
    let foreign = other.get_with(&other.proof(json!({}))).await;
    let answer = stage.get_with(&with(foreign.nonce().unwrap())).await;
    answer.is_denied("DPoP", "use_dpop_nonce");
}

/// Attacks: P03.
#[tokio::test]
async fn a_nonce_is_renewed_in_passing_and_stale_after_two_windows() {
    let stage = Stage::with(|builder| builder.dpop_nonce(true));
    let challenge = stage.get_with(&stage.proof(json!({}))).await;
    let first = challenge.nonce().unwrap().to_owned();
    // The issuer's clock stands somewhere in a window.
    stage
        .issuer
        .advance(NONCE_LIFE - stage.issuer.now().seconds() % NONCE_LIFE);
    let token_is_good_for = |stage: &Stage| {
        let token = stage
            .issuer
            .token()
            .claim("cnf", json!({"jkt": stage.key.kid()}))
            .sign();
        let proof = |nonce: &str| {
            let change =
                json!({"nonce": nonce, "ath": encoding::sha256_base64url(token.as_bytes())});
            stage.proof(change)
        };
        (format!("DPoP {token}"), proof(&first))
    };
    let (credentials, proof) = token_is_good_for(&stage);
    let answer = stage
        .get(&[("authorization", &credentials), ("dpop", &proof)])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let second = answer.nonce().unwrap().to_owned();
    assert_ne!(second, first);

    stage.issuer.advance(NONCE_LIFE);
    let (credentials, proof) = token_is_good_for(&stage);
    let answer = stage
        .get(&[("authorization", &credentials), ("dpop", &proof)])
        .await;
    answer.is_denied("DPoP", "use_dpop_nonce");
    assert!(
        answer
            .nonce()
            .is_some_and(|nonce| nonce != first && nonce != second)
    );
}

#[tokio::test]
async fn processes_that_share_a_key_take_one_anothers_nonces() {
    let (one, other) = (
        Stage::with(|builder| builder.dpop_nonce_key([7; 32])),
        Stage::with(|builder| builder.dpop_nonce_key([7; 32])),
    );
    let challenge = one.get_with(&one.proof(json!({}))).await;
    let proof = other.proof(json!({"nonce": challenge.nonce()}));
    assert_eq!(other.get_with(&proof).await.status, 200);
}

/// The proofs were made while the key was at hand, for a time when it is not.
/// Attacks: P07.
#[tokio::test]
async fn proofs_made_in_advance_are_worth_nothing() {
    let stage = Stage::new();
    let later = stage.proof(json!({"iat": stage.issuer.now().plus(120)}));
    stage
        .refused_with(&later)
        .await
        .is_denied("DPoP", "invalid_dpop_proof");
    stage.issuer.advance(120);
    assert_eq!(
        stage.get_with(&later).await.status,
        200,
        "without nonces its time comes"
    );

    let stage = Stage::with(|builder| builder.dpop_nonce(true));
    let later = stage.proof(json!({"iat": stage.issuer.now().plus(120)}));
    stage.issuer.advance(120);
    stage
        .get_with(&later)
        .await
        .is_denied("DPoP", "use_dpop_nonce");
}

#[tokio::test]
async fn without_tower_a_request_is_judged_by_its_method_headers_and_uri() {
    let stage = Stage::new();
    let uri: Uri = "/notes?a=b".parse().unwrap();
    let ask = async |method: Method, proof: &str| {
        let mut headers = HeaderMap::new();
        let credentials = format!("DPoP {}", stage.token);
        headers.insert(AUTHORIZATION, credentials.parse().unwrap());
        headers.insert("dpop", proof.parse().unwrap());
        let token = stage.guard.authenticate(&method, &headers, &uri).await;
        token
            .map(|token| token.bound_to() == Some(stage.key.kid()))
            .map_err(|denied| denied.reason())
    };
    let proof = stage.proof(json!({}));
    assert_eq!(ask(Method::POST, &proof).await, Err(Reason::ProofRefused));
    assert_eq!(ask(Method::GET, &proof).await, Ok(true));
    assert_eq!(ask(Method::GET, &proof).await, Err(Reason::ProofReplayed));
}

/// What an issuer says about a token binds it too (RFC 9449 §6.2).
#[tokio::test]
async fn an_introspected_token_needs_its_proof() {
    let issuer = FakeIssuer::start().await;
    let key = ProofKey::generate();
    let cnf = json!({"jkt": key.thumbprint()});
    issuer.activate("opaque", json!({"cnf": cnf}));
    let guard = issuer
        .guard_builder()
        .introspection("notes-api", Secret::new("secret"))
        .build()
        .unwrap();
    let headers = |scheme: &str, token: &str| {
        let proof = key.prove(
            "GET",
            "https://api.example.com/",
            Some(token),
            None,
            issuer.clock.now(),
        );
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("{scheme} {token}").parse().unwrap());
        headers.insert("dpop", proof.unwrap().parse().unwrap());
        headers
    };
    let uri = Uri::from_static("/");
    let ask = async |headers: HeaderMap| {
        let token = within(guard.authenticate(&Method::GET, &headers, &uri)).await;
        token
            .map(|token| token.bound_to().map(str::to_owned))
            .map_err(|denied| denied.reason())
    };
    let bound = Ok(Some(key.thumbprint().to_string()));
    assert_eq!(ask(headers("DPoP", "opaque")).await, bound);
    assert_eq!(
        ask(headers("Bearer", "opaque")).await,
        Err(Reason::BoundToKey)
    );
    assert_eq!(
        ask(headers("DPoP", "opaque")).await,
        bound,
        "remembered, with a proof of its own"
    );

    let jwt = issuer.token_with(json!({"cnf": cnf}));
    issuer.activate(&jwt, json!({"cnf": cnf}));
    assert_eq!(ask(headers("DPoP", &jwt)).await, bound);
    // The issuer's answer names another key than the token itself: neither is believed.
    let other = ProofKey::generate().thumbprint();
    for (in_token, in_answer) in [
        (cnf, json!({"jkt": other})),
        (json!(null), json!({"jkt": other})),
    ] {
        let jwt = issuer.token_with(json!({"cnf": in_token}));
        issuer.activate(&jwt, json!({"cnf": in_answer}));
        for scheme in ["DPoP", "Bearer"] {
            assert_eq!(
                ask(headers(scheme, &jwt)).await,
                Err(Reason::UnknownBinding)
            );
        }
    }
    assert_eq!(ask(headers("DPoP", "opaque")).await, bound);
}

#[tokio::test]
async fn the_body_and_the_application_are_untouched_by_a_proof() {
    let stage = Stage::new();
    let app = Router::new()
        .route(
            "/notes",
            get(async |headers: HeaderMap| Json(format!("{headers:?}"))),
        )
        .layer(stage.guard.layer());
    let proof = stage.proof(json!({}));
    let credentials = format!("DPoP {}", stage.token);
    let request = stage.request(&[("authorization", &credentials), ("dpop", &proof)]);
    let answer = Answer::of(within(app.oneshot(request)).await.unwrap()).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains(&proof) && !answer.body.contains(&stage.token));
}
