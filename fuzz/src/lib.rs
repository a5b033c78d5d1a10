//! What strangers can send, and what must hold whatever they send. One function for each parser: it takes the input, and panics
//! if the parser does or if what came out breaks the parser's promise.
//!
//! `cargo test -p safeconduct-fuzz` runs each for a second on the stable toolchain. `cargo bolero test <target>` runs one
//! for as long as you like with a fuzzer behind it.

mod passkey;
pub mod pieces;

pub use passkey::passkey;

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use safeconduct_protocol::{
    authorization::{
        Arrival, CheckedRequest, PendingAuthorization, identify, response_mode_to_use,
        response_url, state_to_return,
    },
    claims::{ClaimsDemand, ClaimsRequest, scope_of, scopes},
    client::{
        AccessTokenFormat, AssertionAudience, AuthenticationMethod, Client, ClientInformation,
        ConsentPolicy, GrantType, OpenIdRegistration, RefreshShared, ResponseMode,
    },
    client_authentication::{Credentials, PresentedClient},
    cookie::{self, Sent},
    dpop::{PROOF_TYP, Presented, Proof},
    encoding,
    error::Refusal,
    id_token::{ID_TOKEN_TYP, IdTokenHint},
    ids::{ClientId, GrantId, SessionId},
    jose::{self, Algorithm, Audience, Expectation, KeySet, MAX_TOKEN, SigningKey, Typ, verify},
    language::Language,
    logout::{Logout, LogoutRequest, SealedLogout},
    parameters::Parameters,
    pushed_request::{PushedRequest, REQUEST_URI, pushed},
    redirect_uri::RedirectUri,
    resource::Resources,
    scope::{Scope, is_name},
    seal::{KeyState, Kind, MAX_SEALED, Seal, SealKey},
    sealed::Sealed as _,
    time::Timestamp,
    token::TokenRequest,
};
use url::Url;

use crate::pieces::{Edit, OF_BASE64URL, edited};

const ISSUER: &str = "https://id.example.com";
const REDIRECT_URI: &str = "https://rp.example/cb";
const SIGNED_OUT: &str = "https://rp.example/signed-out";
const TOKEN_ENDPOINT: &str = "https://id.example.com/token";
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Any bytes as a form. What is read is free of NUL, is read alike when it is written again, and a name that came twice has no value.
pub fn parameters(encoded: &[u8]) {
    let Ok(read) = Parameters::parse(encoded) else {
        return;
    };
    let mut times: HashMap<&str, usize> = HashMap::new();
    for (name, value) in read.iter() {
        assert!(!name.contains('\0') && !value.contains('\0'));
        *times.entry(name).or_default() += 1;
    }
    for (name, times) in times {
        assert_eq!(read.one(name).is_ok(), times == 1, "{name:?}");
    }
    let again = Parameters::parse(read.encode().as_bytes());
    assert!(
        again.is_ok_and(|again| again.iter().eq(read.iter()))
            || read.encode().len() > encoded.len()
    );
}

/// Any bytes as a `Cookie` header, before and after a cookie of ours. It is read as it was set, unless its name stands elsewhere
/// too, in these very bytes; and without it nothing is read as ours where its name does not stand.
pub fn cookies(before: &[u8], after: &[u8]) {
    const OURS: &str = "__Host-sc-session-IKabd8GB";
    const VALUE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let named = |bytes: &[u8]| {
        bytes
            .windows(OURS.len())
            .any(|part| part == OURS.as_bytes())
    };
    for others in [before, after] {
        let read = cookie::sent([others], OURS);
        assert!(named(others) || read == Sent::Nothing);
        for (name, value) in cookie::pairs(others) {
            assert!(!name.contains(&b'=') && !name.contains(&b';') && !value.contains(&b';'));
        }
        if let Sent::Value(value) = read {
            assert!(value.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
    let ours = format!("; {OURS}={VALUE} ;");
    let header = [before, ours.as_bytes(), after].concat();
    let read = cookie::sent([header.as_slice()], OURS);
    assert!(read == Sent::Value(VALUE) || named(before) || named(after));
    assert_ne!(read, Sent::Nothing);
}

/// Any text as languages that somebody prefers. What is found is what one of them means by itself.
pub fn languages(text: &str) {
    if let Some(language) = Language::of_ui_locales(text) {
        let mut tags = text.split_ascii_whitespace();
        assert!(tags.any(|tag| Language::lookup(tag) == Some(language)));
    }
    if let Some(language) = Language::of_accept_language([text]) {
        let mut ranges = text.split([',', ';']).map(str::trim);
        assert!(ranges.any(|range| Language::lookup(range) == Some(language)));
    }
    if let Some(language) = Language::lookup(text) {
        assert!(text[..2].eq_ignore_ascii_case(&language.tag()[..2]));
    }
}

/// Any text as a scope. What is read holds scope-tokens alone, and is read alike when it is written again.
pub fn scope(text: &str) {
    let Some(scope) = Scope::parse(text) else {
        return;
    };
    assert!(scope.names().all(is_name));
    assert!(
        scope
            .names()
            .all(|name| text.split(' ').any(|sent| sent == name))
    );
    assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
}

/// Any two texts as a registered redirect URI and a sent one. What is admitted leads, for a URL parser that we do not compare
/// with, to the same place but for the port of a loopback address.
pub fn redirect_uri(registered: &str, sent: &str) {
    let Ok(uri) = RedirectUri::register(registered) else {
        return;
    };
    assert!(uri.admits(registered));
    let registered = Url::parse(registered).expect("what is registered is a URL");
    assert!(registered.username().is_empty() && registered.password().is_none());
    assert_eq!(registered.fragment(), None);
    assert!(["https", "http"].contains(&registered.scheme()) || registered.scheme().contains('.'));
    if !uri.admits(sent) {
        return;
    }
    let sent = Url::parse(sent).expect("what is admitted is a URL");
    let but_for_port = |url: &Url| {
        let mut url = url.clone();
        // A URL that can have no port has none to ignore.
        let _ = url.set_port(None);
        url
    };
    assert_eq!(but_for_port(&registered), but_for_port(&sent));
    if registered.port_or_known_default() != sent.port_or_known_default() {
        assert_eq!(registered.scheme(), "http");
        assert!(["127.0.0.1", "[::1]"].contains(&registered.host_str().unwrap_or_default()));
    }
}

/// Any bytes as an authorization request. What passes asks for what is registered and no more, and its answer is one line of
/// visible ASCII that leads where the request was proven to.
pub fn authorization_request(query: &[u8]) {
    let Ok(parameters) = Parameters::parse(query) else {
        return;
    };
    let answer = state_to_return(&parameters)
        .map(|state| response_url(REDIRECT_URI, &[("state", state)]))
        .unwrap_or_default();
    assert!(answer.bytes().all(|byte| byte.is_ascii_graphic()));
    if identify(&parameters).is_err() {
        return;
    }
    assert!(
        CLIENT
            .response_modes
            .contains(&response_mode_to_use(&parameters, &CLIENT))
    );
    let Ok(request) = check(&parameters) else {
        return;
    };
    assert!(!request.scope().is_empty() && request.to_consent().is_within(&CLIENT.scopes));
    assert_eq!(
        (request.redirect_uri(), request.audience()),
        (REDIRECT_URI, ISSUER)
    );
    assert!(CLIENT.response_modes.contains(&request.response_mode()));
    let hint = request.login_hint().unwrap_or_default();
    assert!(!hint.contains(char::is_control));
    let grant = GrantId::generate(NOW.seconds() * 1000);
    let pending = PendingAuthorization::arrive(request, "x".repeat(43), grant, 1);
    let sealed = pending.seal(&SEAL).expect("what passes fits its seal");
    assert_eq!(PendingAuthorization::unseal(&SEAL, &sealed), Ok(pending));
}

/// Any text as the `claims` parameter. What is read asks for claims of persons alone, and a client gets those it is registered for.
pub fn claims(text: &str) {
    let Ok(demand) = ClaimsDemand::parse(text) else {
        return;
    };
    let request = demand.request;
    let all = Scope::parse(&scopes().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    assert!(request.scope().is_within(&all));
    let email = Scope::parse("openid email").unwrap_or_default();
    let (in_id_token, in_userinfo) = (
        request.for_id_token(None, &email),
        request.for_userinfo(&email, &email),
    );
    let is_of_email = |claim: &&str| scope_of(claim) == Some("email");
    assert!(in_id_token.iter().chain(&in_userinfo).all(is_of_email));
    assert!(in_userinfo.contains("email"));
    let kept = serde_json::to_string(&request).expect("names are JSON");
    let read: ClaimsRequest = serde_json::from_str(&kept).expect("what is kept is read again");
    assert_eq!(read, request);
}

/// Any bytes as a logout request, with a hint that proves the client or without. Nobody is sent anywhere but to what is registered,
/// and the way there is one line of visible ASCII.
pub fn logout_request(query: &[u8]) {
    let Ok(parameters) = Parameters::parse(query) else {
        return;
    };
    let Ok(request) = LogoutRequest::parse(&parameters) else {
        return;
    };
    if let Ok(logout) = Logout::of(&request, None) {
        assert_eq!(logout, Logout::default());
    }
    let hint = IdTokenHint {
        subject: "ada".to_owned(),
        client: CLIENT.id.clone(),
        session: None,
    };
    if let Ok(logout) = Logout::of(&request, Some((&hint, &CLIENT))) {
        let asked = SealedLogout {
            era: 1,
            asked_at: NOW,
            logout: logout.clone(),
        };
        let sealed = asked.seal(&SEAL);
        assert!(sealed.is_ok(), "what passes fits its seal");
        if let Some(to) = logout.return_to {
            assert_eq!(to.uri, SIGNED_OUT);
            let state = to.state.as_deref().map(|state| ("state", state));
            let location = response_url(&to.uri, state.as_slice());
            assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}

/// Any bytes as a request that is pushed. It keeps nothing that proves who pushed it, says who did, and asks what it would have
/// asked by itself.
pub fn pushed_request(body: &[u8]) {
    let Ok(parameters) = Parameters::parse(body) else {
        return;
    };
    if let Ok(Some((_, sealed))) = pushed(&parameters) {
        let uri = format!("{REQUEST_URI}{sealed}");
        assert_eq!(parameters.one("request_uri"), Ok(Some(uri.as_str())));
    }
    let request = PushedRequest::push(&parameters, &CLIENT.id, None, 1, NOW);
    let Ok(kept) = Parameters::parse(request.parameters.as_bytes()) else {
        return;
    };
    for name in ["client_secret", "client_assertion", "client_assertion_type"] {
        assert_eq!(kept.one(name), Ok(None));
    }
    assert_eq!(kept.one("client_id"), Ok(Some("shop")));
    if let Ok(checked) = check(&parameters) {
        assert_eq!(check(&kept), Ok(checked));
        assert!(request.seal(&SEAL).is_ok());
    }
}

fn check(parameters: &Parameters) -> Result<CheckedRequest, Refusal> {
    let arrival = Arrival {
        resources: &Resources::default(),
        issuer: ISSUER,
        keys: &KEYS,
        pushed: false,
        dpop_jkt: None,
        sign_up: true,
        now: NOW,
    };
    CheckedRequest::check(parameters, &CLIENT, REDIRECT_URI, &arrival)
}

/// Any bytes as a token request. What is read is of a grant type that was named.
pub fn token_request(body: &[u8]) {
    let Ok(parameters) = Parameters::parse(body) else {
        return;
    };
    if let Ok(request) = TokenRequest::parse(&parameters) {
        let named = parameters.one("grant_type");
        assert_eq!(named, Ok(Some(request.grant_type().as_str())));
    }
}

/// Any bytes as `Authorization` and any as the body. Who is read authenticated in exactly the way the credentials say.
pub fn presented_client(authorization: Option<&[u8]>, body: &[u8]) {
    let Ok(parameters) = Parameters::parse(body) else {
        return;
    };
    let Ok(presented) = PresentedClient::read(authorization, &parameters) else {
        return;
    };
    let sent = |name: &str| parameters.one(name).is_ok_and(|value| value.is_some());
    let ways = (
        authorization.is_some(),
        sent("client_secret"),
        sent("client_assertion"),
    );
    let expected = match presented.credentials {
        Credentials::Basic(_) => (true, false, false),
        Credentials::Post(_) => (false, true, false),
        Credentials::Assertion(_) => (false, false, true),
        Credentials::None => (false, false, false),
    };
    assert_eq!(ways, expected);
    assert!(ClientId::parse(presented.id.as_str()).is_some());
}

/// A good token with these changes, or any text where there are none. Nothing verifies but the token as it was signed.
pub fn signed_token(changes: &[Edit], text: &str) {
    let expectation = Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &Algorithm::ALL,
        ISSUER,
        Audience::Member("https://api.example.com"),
    );
    let changed = edited(&TOKEN, changes, OF_BASE64URL);
    for token in [changed.as_str(), text] {
        let verified = verify(token, &expectation, &KEYS, NOW);
        assert_eq!(verified.is_ok(), token == *TOKEN);
        if jose::unverified_issuer(token).is_some() {
            assert!(token.len() <= MAX_TOKEN && token.matches('.').count() == 2);
        }
    }
}

/// A good `id_token_hint` with these changes, or any text. Nothing is a hint but what was signed, whether the client is known or not.
pub fn id_token_hint(changes: &[Edit], text: &str) {
    let changed = edited(&HINT, changes, OF_BASE64URL);
    for hint in [changed.as_str(), text] {
        for client in [None, Some(&*CLIENT)] {
            let read = IdTokenHint::verify(hint, client, ISSUER, &KEYS, NOW);
            assert_eq!(read.is_ok(), hint == *HINT);
        }
    }
}

/// A good DPoP proof with these changes, or any text; and any claims, signed. Nothing proves a key but what was signed, for the
/// request that it came with.
pub fn dpop_proof(changes: &[Edit], text: &str, claims: &str) {
    let presented = Presented {
        method: "POST",
        uri: TOKEN_ENDPOINT,
        access_token: None,
    };
    let changed = edited(&PROOF, changes, OF_BASE64URL);
    for proof in [changed.as_str(), text] {
        let proven = Proof::verify(proof, &presented, NOW);
        assert_eq!(proven.is_ok(), proof == *PROOF);
    }
    let Ok(claims) = serde_json::from_str::<serde_json::Value>(claims) else {
        return;
    };
    let Ok(signed) = KEY.sign_proof(PROOF_TYP, &claims) else {
        return;
    };
    if let Ok(proof) = Proof::verify(&signed, &presented, NOW) {
        assert_eq!(claims["htm"], "POST");
        let htu = claims["htu"].as_str().and_then(|htu| Url::parse(htu).ok());
        let htu = htu.expect("what a proof is for is a URL");
        assert_eq!(
            (htu.host_str(), htu.path()),
            (Some("id.example.com"), "/token")
        );
        assert!((1..=256).contains(&proof.jti.len()));
        assert!(
            proof.ends_at() > NOW,
            "remembered longer than it is accepted"
        );
    }
}

/// A sealed text with these changes, or any text. Nothing opens but the text as it was sealed, as what it was sealed as.
pub fn sealed_text(changes: &[Edit], text: &str) {
    let changed = edited(&SEALED, changes, OF_BASE64URL);
    for candidate in [changed.as_str(), text] {
        for kind in Kind::ALL {
            let opened = SEAL.open::<serde_json::Value>(kind, candidate);
            let genuine = candidate == *SEALED && kind == Kind::RefreshToken;
            assert_eq!(opened.is_ok(), genuine, "{kind:?}");
            assert!(opened.is_err() || candidate.len() <= MAX_SEALED);
        }
    }
}

static CLIENT: LazyLock<Client> = LazyLock::new(|| Client {
    id: ClientId::parse("shop").expect("it is of the form"),
    name: "Shop".to_owned(),
    names: BTreeMap::new(),
    authentication: AuthenticationMethod::None,
    jwks: None,
    assertion_audience: AssertionAudience::Issuer,
    redirect_uris: RedirectUri::register(REDIRECT_URI).into_iter().collect(),
    grant_types: vec![GrantType::AuthorizationCode],
    scopes: Scope::parse("a b c openid profile email").unwrap_or_default(),
    groups: Default::default(),
    denied_users: Default::default(),
    require_pkce: true,
    access_token_format: AccessTokenFormat::Jwt,
    consent: ConsentPolicy::Remember,
    refresh_shared: RefreshShared::Report,
    response_modes: vec![ResponseMode::FormPost],
    require_pushed_authorization_requests: false,
    require_second_factor: false,
    dpop_bound_access_tokens: false,
    about: ClientInformation::default(),
    openid: OpenIdRegistration {
        post_logout_redirect_uris: RedirectUri::register(SIGNED_OUT).into_iter().collect(),
        ..OpenIdRegistration::default()
    },
});

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::EdDsa).expect("keys can be made"));

static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::new(vec![KEY.verification_key()]));

/// Signed with Ed25519, which has one signature for a message: no other text can be good.
static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": "https://api.example.com", "sub": "ada", "exp": NOW.plus(300).seconds(),
    });
    KEY.sign_jwt("at+jwt", &claims)
        .expect("small claims can be signed")
});

/// What [`id_token_hint`] changes: expired, and good for a hint all the same.
static HINT: LazyLock<String> = LazyLock::new(|| {
    let sid = SessionId::parse(&encoding::encode(&[1; 16]));
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": "shop", "sub": "ada", "exp": NOW.plus(-300).seconds(), "sid": sid,
    });
    KEY.sign_jwt(ID_TOKEN_TYP, &claims)
        .expect("small claims can be signed")
});

static PROOF: LazyLock<String> = LazyLock::new(|| {
    let claims = serde_json::json!({
        "jti": "once", "htm": "POST", "htu": TOKEN_ENDPOINT, "iat": NOW.seconds(),
    });
    KEY.sign_proof(PROOF_TYP, &claims)
        .expect("small claims can be signed")
});

static SEAL: LazyLock<Seal> = LazyLock::new(|| {
    Kind::ALL.iter().fold(Seal::new(ISSUER), |seal, &kind| {
        seal.with_key(kind, SealKey::from_bytes(1, [7; 32]), KeyState::Active)
    })
});

static SEALED: LazyLock<String> = LazyLock::new(|| {
    SEAL.seal(Kind::RefreshToken, &["generation", "7"])
        .expect("a small payload can be sealed")
});
