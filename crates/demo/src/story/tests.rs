//! A sign-in as it should go, and what becomes of the ticks when one word of it is changed.

use axum::body::Bytes;
use http::{HeaderMap, HeaderName};
use rstest::rstest;
use safeconduct_protocol::dpop::ProofKey;
use safeconduct_protocol::encoding;
use safeconduct_protocol::id_token::at_hash;
use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::pkce::CodeVerifier;
use safeconduct_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::addresses::Ports;
use crate::message::{Answer, Request};

const CODE: &str = "sc_code_AAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NONCE: &str = "9876543210987654321098765432109876543210987";
const STATE: &str = "0123456789012345678901234567890123456789012";
const SERVER: &str = "http://localhost:8420";
const NOTES: &str = "http://localhost:8422/notes";
const CALLBACK: &str = "http://localhost:8421/auth/callback";
const FORM: &str = "content-type: application/x-www-form-urlencoded";
const JSON: &str = "content-type: application/json";

const REFERENCE: &str = "urn:ietf:params:oauth:request_uri:sc_par_AAAAAAAAAAAAAAAAAAAAAAAA";

/// What may be said otherwise.
struct Script {
    resource: &'static str,
    reference: &'static str,
    attempt_cookie: &'static str,
    form_from: &'static str,
    state: &'static str,
    iss: &'static str,
    code: &'static str,
    code_verifier: CodeVerifier,
    redirect_uri: &'static str,
    scope: &'static str,
    cache: &'static str,
    claims: Value,
    /// The key that the app holds, and the one that it calls the API with.
    key: ProofKey,
    calls_with: ProofKey,
    /// The key that the authorization request named.
    named_key: String,
    /// The address that the proof at the token endpoint is for.
    proof_for: &'static str,
    /// The access token that the API's proof is for, where that is another one.
    proof_of: Option<&'static str>,
    /// What the ID Token says, its `at_hash` apart.
    identity: Value,
    /// The access token that its `at_hash` is of, where that is another one.
    bound_to: Option<&'static str>,
    user_info: Value,
    active: bool,
    notes: u16,
    logout: Logout,
}

/// How the session ends.
struct Logout {
    typ: &'static str,
    claims: Value,
    answer: u16,
    return_to: &'static str,
}

impl Script {
    fn new(verifier: &CodeVerifier) -> Self {
        let key = ProofKey::generate();
        let jkt = key.thumbprint().to_string();
        Self {
            resource: "http://localhost:8422",
            reference: REFERENCE,
            attempt_cookie: "sc-login-1=sealed; HttpOnly; SameSite=Lax",
            form_from: "same-origin",
            state: STATE,
            iss: "http://localhost:8420",
            code: CODE,
            code_verifier: CodeVerifier::parse(verifier.expose()).unwrap(),
            redirect_uri: CALLBACK,
            scope: "openid notes.read",
            cache: "no-store",
            claims: json!({"aud": ["http://localhost:8422", SERVER], "iss": SERVER, "exp": 1_000_300, "cnf": {"jkt": jkt}}),
            calls_with: ProofKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap(),
            key,
            named_key: jkt,
            proof_for: "http://localhost:8420/token",
            proof_of: None,
            identity: json!({"aud": "demo-notes", "iss": SERVER, "exp": 1_000_300, "sub": "u-1", "nonce": NONCE, "sid": "s-1"}),
            bound_to: None,
            user_info: json!({"sub": "u-1", "name": "Alice Liddell"}),
            active: true,
            notes: 200,
            logout: Logout {
                typ: "logout+jwt",
                claims: json!({
                    "aud": "demo-notes", "iss": SERVER, "sub": "u-1", "sid": "s-1", "jti": "1",
                    "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
                }),
                answer: 200,
                return_to: "http://localhost:8421/auth/logged-out",
            },
        }
    }

    fn token(&self) -> String {
        jwt(&json!({"typ": "at+jwt", "alg": "ES256"}), &self.claims)
    }

    fn id_token(&self) -> String {
        let token = self.token();
        let mut claims = self.identity.clone();
        claims["at_hash"] = at_hash(Algorithm::Rs256, self.bound_to.unwrap_or(&token)).into();
        jwt(&json!({"typ": "JWT", "alg": "RS256"}), &claims)
    }

    fn messages(&self, verifier: &CodeVerifier) -> Vec<Arc<Message>> {
        let mut order = Order::default();
        let mut messages = self.through_the_browser(&mut order, verifier);
        messages.extend(self.behind_its_back(&mut order));
        messages
    }

    /// The same with its end: the person leaves by the app, or by the server.
    fn until_the_end(&self, verifier: &CodeVerifier, by_app: bool) -> Vec<Arc<Message>> {
        use Party::{App, Browser, Server};
        let mut messages = self.messages(verifier);
        let order = &mut Order(1000);
        let token = jwt(
            &json!({"typ": self.logout.typ, "alg": "RS256"}),
            &self.logout.claims,
        );
        let told = format!("POST /auth/backchannel\n{FORM}\n\nlogout_token={token}");
        let answer = self.logout.answer.to_string();
        let own = "sec-fetch-site: same-origin";
        if by_app {
            let back = format!("303\nlocation: {}?state=x", self.logout.return_to);
            let hint = format!("GET /logout?id_token_hint={}", self.id_token());
            messages.extend([
                order.within(App, Server, "POST /revoke", "200"),
                order.said(
                    Browser,
                    App,
                    "POST /auth/logout",
                    "303\nlocation: http://localhost:8420/logout",
                ),
                order.within(Server, App, &told, &answer),
                order.said(Browser, Server, &hint, &back),
                order.said(
                    Browser,
                    App,
                    "GET /auth/logged-out?state=x",
                    "303\nlocation: /",
                ),
            ]);
        } else {
            messages.extend([
                order.within(Server, App, &told, &answer),
                order.said(
                    Browser,
                    Server,
                    &format!("POST /logout/confirm\n{own}"),
                    "200",
                ),
            ]);
        }
        messages
    }

    fn through_the_browser(&self, order: &mut Order, verifier: &CodeVerifier) -> Vec<Arc<Message>> {
        use Party::{App, Browser, Server};
        let (resource, attempt, form_from) = (self.resource, self.attempt_cookie, self.form_from);
        let challenge = verifier.challenge();
        let pushed = format!(
            "POST /par\n{FORM}\n\nclient_id=demo-notes&redirect_uri={CALLBACK}&state={STATE}&nonce={NONCE}\
             &scope=openid+notes.read&resource={resource}&code_challenge={}&code_challenge_method=S256&dpop_jkt={}",
            challenge.as_str(),
            self.named_key,
        );
        let reference = json!({"request_uri": REFERENCE, "expires_in": 60});
        let authorize = format!(
            "/authorize?client_id=demo-notes&request_uri={}",
            self.reference
        );
        let login = format!(
            "POST /login\n{FORM}\nsec-fetch-site: same-origin\n\nusername=alice&password=hush"
        );
        let consent =
            format!("POST /consent\n{FORM}\nsec-fetch-site: {form_from}\n\ndecision=allow");
        let sent = format!("303\nlocation: {authorize}\nset-cookie: {attempt}");
        let signed_in =
            "303\nlocation: /authorize?request=x\nset-cookie: session=1; HttpOnly; SameSite=Lax";
        vec![
            order.within(App, Server, &pushed, &format!("201\n{JSON}\n\n{reference}")),
            order.said(Browser, App, "GET /auth/login", &sent),
            order.said(Browser, Server, &format!("GET {authorize}"), "200"),
            order.said(Browser, Server, &login, signed_in),
            order.said(Browser, Server, "GET /authorize?request=x", "200"),
            order.said(
                Browser,
                Server,
                &consent,
                &format!("303\nlocation: {}", self.way_back()),
            ),
        ]
    }

    fn behind_its_back(&self, order: &mut Order) -> Vec<Arc<Message>> {
        use Party::{Api, App, Browser, Server};
        let (code, redirect_uri, verifier) =
            (self.code, self.redirect_uri, self.code_verifier.expose());
        let (token, cache, active, notes) = (self.token(), self.cache, self.active, self.notes);
        let exchange = format!(
            "POST /token\n{FORM}\nauthorization: Basic eDp5\ndpop: {}\n\n\
             grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}&code_verifier={verifier}",
            prove(&self.key, "POST", self.proof_for, None),
        );
        let tokens = json!({"access_token": token, "expires_in": 300, "refresh_token": "sc_rt_BBBBBBBBBBBBBBBBBBBBBBBBBBBB", "scope": self.scope, "id_token": self.id_token()});
        let user_info = format!("200\n{JSON}\n\n{}", self.user_info);
        let asked = format!("GET /userinfo\nauthorization: DPoP {token}");
        let introspect = format!("POST /introspect\n{FORM}\n\ntoken={token}");
        let introspected = format!("200\n{JSON}\n\n{{\"active\":{active}}}");
        let proof_of = self.proof_of.unwrap_or(&token);
        let proof = prove(&self.calls_with, "GET", NOTES, Some(proof_of));
        let call = format!("GET /notes\nauthorization: DPoP {token}\ndpop: {proof}");
        vec![
            order.within(
                App,
                Server,
                &exchange,
                &format!("200\n{JSON}\ncache-control: {cache}\n\n{tokens}"),
            ),
            order.within(App, Server, &asked, &user_info),
            order.said(
                Browser,
                App,
                &format!("GET {}", self.way_back()),
                "303\nlocation: /notes",
            ),
            order.within(Api, Server, &introspect, &introspected),
            order.said(App, Api, &call, &format!("{notes}\n{JSON}\n\n[]")),
        ]
    }

    /// The app renews its tokens: at `address` by its proof, for a token that says `claims`.
    fn renewal(&self, address: &str, claims: &Value) -> Arc<Message> {
        let request = format!(
            "POST /token\n{FORM}\nauthorization: Basic eDp5\ndpop: {}\n\n\
             grant_type=refresh_token&refresh_token=sc_rt_BBBBBBBBBBBBBBBBBBBBBBBBBBBB",
            prove(&self.key, "POST", address, None),
        );
        let token = jwt(&json!({"typ": "at+jwt", "alg": "ES256"}), claims);
        let tokens =
            json!({"access_token": token, "refresh_token": "sc_rt_CCCCCCCCCCCCCCCCCCCCCCCCCCCC"});
        let answer = format!("200\n{JSON}\n\n{tokens}");
        Order(500).said(Party::App, Party::Server, &request, &answer)
    }

    fn way_back(&self) -> String {
        format!(
            "{CALLBACK}?code={CODE}&state={}&iss={}",
            self.state, self.iss
        )
    }
}

fn prove(key: &ProofKey, method: &str, address: &str, access_token: Option<&str>) -> String {
    let now = Timestamp::from_seconds(1_000_000);
    key.prove(method, address, access_token, None, now).unwrap()
}

fn jwt(header: &Value, claims: &Value) -> String {
    let encode = |json: &Value| encoding::encode(json.to_string().as_bytes());
    format!("{}.{}.c2lnbmF0dXJl", encode(header), encode(claims))
}

/// Counts the beginnings and ends of messages.
#[derive(Default)]
struct Order(u64);

impl Order {
    /// A message that ends before the next begins.
    fn said(&mut self, from: Party, to: Party, request: &str, answer: &str) -> Arc<Message> {
        self.0 += 10;
        message([self.0, self.0 + 9], from, to, request, answer)
    }

    /// A message that is asked and answered while the next one waits for its answer.
    fn within(&self, from: Party, to: Party, request: &str, answer: &str) -> Arc<Message> {
        message([self.0 + 12, self.0 + 14], from, to, request, answer)
    }
}

/// A message from its text: a first line, headers, an empty line and a body.
fn message(
    [began, ended]: [u64; 2],
    from: Party,
    to: Party,
    request: &str,
    answer: &str,
) -> Arc<Message> {
    let (line, headers, body) = in_parts(request);
    let (method, uri) = line.split_once(' ').unwrap();
    let mut asked = http::Request::builder().method(method).uri(uri);
    asked.headers_mut().unwrap().extend(headers);
    let asked = asked.body(()).unwrap().into_parts().0;
    let (status, headers, answer_body) = in_parts(answer);
    let mut answered = http::Response::builder().status(status);
    answered.headers_mut().unwrap().extend(headers);
    let answered = answered.body(()).unwrap().into_parts().0;
    Arc::new(Message {
        began,
        ended,
        from,
        to,
        at: Timestamp::from_seconds(1_000_000),
        milliseconds: 7,
        request: Request::of(&asked, &body),
        answer: Answer::of(&answered, &answer_body),
    })
}

fn in_parts(text: &str) -> (&str, HeaderMap, Bytes) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let headers = headers.lines().map(|header| {
        let (name, value) = header.split_once(": ").unwrap();
        (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
    });
    (
        line,
        headers.collect(),
        Bytes::copy_from_slice(body.as_bytes()),
    )
}

/// The claims that are not ticked when `change` was made to the script, with the numbers of their steps.
fn unproven(change: impl FnOnce(&mut Script)) -> Vec<String> {
    let verifier = CodeVerifier::generate();
    let mut script = Script::new(&verifier);
    change(&mut script);
    let messages = script.until_the_end(&verifier, true);
    let addresses = Addresses::at(Ports::USUAL);
    let steps = steps(&messages, &addresses);
    let failed = steps.iter().flat_map(|step| {
        let failed = step.checks.iter().filter(|check| !check.passed);
        failed.map(|check| format!("{} {}", step.number, check.claim))
    });
    failed.collect()
}

/// A line for each step.
fn told(messages: &[Arc<Message>]) -> String {
    let addresses = Addresses::at(Ports::USUAL);
    let steps = steps(messages, &addresses);
    let told: Vec<String> = steps
        .iter()
        .map(|step| {
            format!(
                "{} {} | {} | {} messages | {}",
                step.number,
                step.said,
                step.proof,
                step.messages.len(),
                step.passed()
            )
        })
        .collect();
    told.join("\n")
}

#[test]
fn a_sign_in_that_goes_well_proves_everything_in_seven_steps() {
    let verifier = CodeVerifier::generate();
    let messages = Script::new(&verifier).messages(&verifier);
    insta::assert_snapshot!(told(&messages), @r"
    1 go to /authorize | pushed; PKCE S256, state, nonce, resource=:8422 | 3 messages | true
    2 alice signed in | password, 7 ms | 1 messages | true
    3 allowed Demo Notes | openid notes.read | 2 messages | true
    4 code sc_code_AAAA…AAAA | iss checked, state matched | 1 messages | true
    5 code + code_verifier + proof | ID Token, access token 300 s, bound to a key, refresh token (rotating) | 1 messages | true
    6 it is Alice Liddell | ID Token RS256, nonce matched; UserInfo agrees | 1 messages | true
    7 GET /notes 200 | aud, iss, exp, scope, key ok; active | 2 messages | true
    ");
}

#[rstest]
#[case::by_the_app(
    true,
    "9 signed out | session ended, refresh token revoked | 4 messages | true"
)]
#[case::by_the_server(false, "9 signed out | session ended | 1 messages | true")]
fn whoever_leaves_by_one_door_leaves_by_both(#[case] by_app: bool, #[case] left: &str) {
    let verifier = CodeVerifier::generate();
    let messages = Script::new(&verifier).until_the_end(&verifier, by_app);
    let told = told(&messages);
    let end: Vec<&str> = told.lines().skip(7).collect();
    let last = "10 the session has ended | logout token: typ, aud, sid, event ok; signed out | 1 messages | true";
    assert_eq!(end, [left, last]);
}

#[test]
fn the_panel_shows_what_the_app_was_told_and_no_nonce() {
    let verifier = CodeVerifier::generate();
    let messages = Script::new(&verifier).messages(&verifier);
    let addresses = Addresses::at(Ports::USUAL);
    let identity = serde_json::to_value(identity(&messages, &addresses)).unwrap();
    assert_eq!(identity["id_token"]["claims"]["sub"], "u-1");
    assert_eq!(identity["user_info"]["name"], "Alice Liddell");
    assert!(!identity.to_string().contains(NONCE));
}

#[rstest]
#[case::other_resource(|s: &mut Script| s.resource = "http://localhost:1", "1 The resource names")]
#[case::scripts_read_the_attempt(|s: &mut Script| s.attempt_cookie = "sc-login-1=sealed", "1 The state cannot be guessed")]
#[case::foreign_form(|s: &mut Script| s.form_from = "cross-site", "3 The answer came from")]
#[case::more_granted(|s: &mut Script| s.scope = "openid notes.read admin", "3 Nothing was granted")]
#[case::other_state(|s: &mut Script| s.state = "x", "4 The state is the one")]
#[case::other_issuer(|s: &mut Script| s.iss = "http://localhost:9", "4 iss names")]
#[case::other_code(|s: &mut Script| s.code = "sc_code_CCCCCCCCCCCCCCCCCCCCCCCCCCCC", "5 It is the code")]
#[case::other_verifier(|s: &mut Script| s.code_verifier = CodeVerifier::generate(), "5 The SHA-256 of the code_verifier")]
#[case::other_redirect_uri(|s: &mut Script| s.redirect_uri = "http://localhost:8421/evil", "5 The redirect_uri is the one")]
#[case::cached(|s: &mut Script| s.cache = "public", "5 No cache")]
#[case::other_named_key(|s: &mut Script| s.named_key = ProofKey::generate().thumbprint().to_string(), "5 It is the key that step 1 named")]
#[case::proof_for_elsewhere(|s: &mut Script| s.proof_for = "http://localhost:8420/userinfo", "5 The app proved that it holds a key")]
#[case::bound_to_another_key(|s: &mut Script| s.claims["cnf"]["jkt"] = ProofKey::generate().thumbprint().as_str().into(), "5 The access token is bound")]
#[case::bound_to_no_key(|s: &mut Script| s.claims["cnf"] = Value::Null, "7 The app proved again")]
#[case::called_with_another_key(|s: &mut Script| s.calls_with = ProofKey::generate(), "7 The app proved again")]
#[case::proof_of_another_token(|s: &mut Script| s.proof_of = Some("other"), "7 The app proved again")]
#[case::revoked(|s: &mut Script| s.active = false, "7 The server, asked by the API")]
#[case::expired(|s: &mut Script| s.claims["exp"] = json!(999_999), "7 It has not expired")]
#[case::issued_by_another(|s: &mut Script| s.claims["iss"] = json!("http://localhost:9"), "7 iss is the server")]
#[case::no_scope(|s: &mut Script| s.notes = 403, "7 It carries the scope")]
#[case::other_reference(|s: &mut Script| s.reference = "urn:ietf:params:oauth:request_uri:sc_par_BBBBBBBBBBBBBBBBBBBBBBBB", "1 The app told the server")]
#[case::other_nonce(|s: &mut Script| s.identity["nonce"] = STATE.into(), "6 The nonce is the one")]
#[case::for_another_app(|s: &mut Script| s.identity["aud"] = "demo-other".into(), "6 iss is the server, aud")]
#[case::old_id_token(|s: &mut Script| s.identity["exp"] = 999_999.into(), "6 It has not expired")]
#[case::talkative_id_token(|s: &mut Script| s.identity["email"] = "alice@example.com".into(), "6 It says who and when")]
#[case::other_access_token(|s: &mut Script| s.bound_to = Some("other"), "6 at_hash is the hash")]
#[case::another_person(|s: &mut Script| s.user_info["sub"] = "u-2".into(), "6 UserInfo speaks of the same")]
#[case::id_token_as_logout_token(|s: &mut Script| s.logout.typ = "JWT", "10 It is a logout token")]
#[case::logout_token_with_nonce(|s: &mut Script| s.logout.claims["nonce"] = NONCE.into(), "10 It is a logout token")]
#[case::other_session(|s: &mut Script| s.logout.claims["sid"] = "s-2".into(), "10 sid names the session")]
#[case::replayable(|s: &mut Script| s.logout.claims["jti"] = Value::Null, "10 It has a number of its own")]
#[case::told_in_vain(|s: &mut Script| s.logout.answer = 400, "10 The app believed it")]
#[case::back_to_elsewhere(|s: &mut Script| s.logout.return_to = "http://localhost:8421/evil", "9 The server knew by the ID Token")]
fn one_changed_word_costs_its_tick(#[case] change: fn(&mut Script), #[case] claim: &str) {
    let unproven = unproven(change);
    assert!(
        unproven.iter().any(|unproven| unproven.starts_with(claim)),
        "{unproven:?}"
    );
    assert!(unproven.len() <= 2, "{unproven:?}");
}

#[test]
fn a_token_for_another_api_is_noticed_where_it_is_given_and_where_it_is_used() {
    let unproven = unproven(|script| script.claims["aud"] = json!("http://localhost:9"));
    insta::assert_snapshot!(unproven.join("\n"), @r"
    5 The token is an access token for this API, and for questions to the server about the person
    7 aud is this API
    ");
}

#[test]
fn a_renewal_keeps_the_key() {
    let verifier = CodeVerifier::generate();
    let script = Script::new(&verifier);
    let unproven = |renewal| {
        let mut messages = script.messages(&verifier);
        messages.push(renewal);
        let addresses = Addresses::at(Ports::USUAL);
        let steps = steps(&messages, &addresses);
        let renewed = steps.iter().find(|step| step.number == 8).unwrap();
        let failed = renewed.checks.iter().filter(|check| !check.passed);
        failed.map(|check| check.spec).collect::<Vec<_>>()
    };
    let token = "http://localhost:8420/token";
    let mut bound_to_no_key = script.claims.clone();
    bound_to_no_key["cnf"] = Value::Null;
    let nothing: [&str; 0] = [];
    assert_eq!(unproven(script.renewal(token, &script.claims)), nothing);
    assert_eq!(
        unproven(script.renewal(NOTES, &script.claims)),
        ["RFC 9449 §4.3"]
    );
    assert_eq!(
        unproven(script.renewal(token, &bound_to_no_key)),
        ["RFC 9449 §6.1"]
    );
}

/// A browser that opens its own callback again is refused by the app, and has changed nothing of how the sign-in went.
#[test]
fn a_callback_that_is_opened_again_takes_no_tick_away() {
    let verifier = CodeVerifier::generate();
    let script = Script::new(&verifier);
    let mut messages = script.messages(&verifier);
    let before = told(&messages);
    let again = format!("GET {}", script.way_back());
    messages.push(Order(1000).said(Party::Browser, Party::App, &again, "400"));
    assert_eq!(told(&messages), before);
}

/// The server's question whether to sign out may be looked at before the person leaves by the app, and after.
#[test]
fn a_look_at_the_question_costs_the_way_out_no_tick() {
    let verifier = CodeVerifier::generate();
    let script = Script::new(&verifier);
    let look = |at| Order(at).said(Party::Browser, Party::Server, "GET /logout", "200");
    let mut messages = script.until_the_end(&verifier, true);
    let out = told(&messages);
    let end = messages.len() - 5;
    messages.insert(end, look(900));
    messages.push(look(2000));
    assert_eq!(told(&messages), out);
}

#[test]
fn a_sign_in_that_fails_gets_no_tick() {
    let verifier = CodeVerifier::generate();
    let mut messages = Script::new(&verifier).messages(&verifier);
    messages.truncate(3);
    let guess =
        format!("POST /login\n{FORM}\nsec-fetch-site: same-origin\n\nusername=alice&password=x");
    messages.push(Order(1000).said(Party::Browser, Party::Server, &guess, "400"));
    let told = told(&messages);
    let failed = told.lines().last().unwrap();
    assert!(failed.starts_with("2 alice could not sign in"), "{told}");
    assert!(failed.ends_with("false"), "{told}");
}
