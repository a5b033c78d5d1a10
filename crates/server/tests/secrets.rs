//! What must never be written down: not in the database, not in the log, not in the metrics. A program of its own, because a
//! subscriber of the whole process hears every thread.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, unused_imports, reason = "the other tests need the rest")]
#[path = "server/support/mod.rs"]
mod support;

use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use http::header;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::sent::SHOWN;
use safeconduct_protocol::sign_up::SignUp;
use safeconduct_protocol::{encoding, random};
use safeconduct_server::Settings;

use support::{
    Ask, Browser, Code, Credentials, Form, ISSUER, Listener, Log, NOTES_API, READ, Reply,
    TestServer, Tokens, mail_to_nowhere, password_of, proof_key, read_at, with_proof,
};

/// What the whole process logs, at every level.
fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        tracing::subscriber::set_global_default(log.subscriber()).unwrap();
        log
    })
}

/// Secrets that were used, each with what it is.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn note(&mut self, what: &'static str, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 8, "{what} is too short to be looked for");
        self.0.push((what, secret));
    }

    fn note_tokens(&mut self, tokens: &Tokens) {
        self.note("access token", &tokens.access);
        if let Some(refresh) = &tokens.refresh {
            self.note("refresh token", refresh);
        }
        if let Some(id) = &tokens.id {
            self.note("ID Token", id);
        }
    }

    fn note_cookies(&mut self, browser: &Browser<'_>) {
        for value in browser.cookies.values() {
            self.note("cookie", value);
        }
    }

    /// Each secret in every spelling that gives it away: whole, without its prefix, by its parts, encoded and decoded.
    fn spellings(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut spellings = Vec::new();
        for (what, secret) in &self.0 {
            let mut add = |bytes: &[u8]| spellings.push((*what, bytes.to_vec()));
            add(secret.as_bytes());
            add(hex(secret.as_bytes()).as_bytes());
            add(STANDARD_NO_PAD.encode(secret).as_bytes());
            add(encoding::encode(secret.as_bytes()).as_bytes());
            add(form_urlencoded::byte_serialize(secret.as_bytes())
                .collect::<String>()
                .as_bytes());
            for part in secret.split('.').skip(1) {
                add(part.as_bytes());
            }
            let body = secret
                .rsplit('_')
                .next()
                .filter(|body| body.len() >= 32)
                .unwrap_or(secret);
            add(body.as_bytes());
            if let Some(bytes) = encoding::decode(body) {
                add(&bytes);
                add(hex(&bytes).as_bytes());
            }
        }
        spellings
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Every flow there is, with its failures, noting each secret on the way.
async fn live(server: &TestServer) -> Secrets {
    let mut secrets = Secrets::default();
    let mut ada = sign_in(server, &mut secrets).await;
    for client in ["shop", "mailer", "kiosk", "robot", "vault", "heirloom"] {
        use_a_client(server, client, &mut ada, &mut secrets).await;
    }
    use_an_assertion(server, &mut secrets).await;
    sign_in_with_openid(server, &mut ada, &mut secrets).await;
    prove_a_key(server, &mut ada, &mut secrets).await;
    tell_of_a_sign_out(server, &mut secrets).await;

    let page = ada.get("/logout").await;
    secrets.note("sign-out token", page.hidden("csrf"));
    ada.sign_out().await;
    secrets.note("new password", "the new password of ada");
    server.set_password("ada", "the new password of ada").await;
    secrets
}

async fn sign_in<'s>(server: &'s TestServer, secrets: &mut Secrets) -> Browser<'s> {
    secrets.note("password", password_of("ada"));
    secrets.note("wrong password", "a password of somebody's other account");
    let mut ada = server.browser();
    let page = ada.authorize(&Ask::of("portal")).await;
    secrets.note("pending authorization", page.hidden("pending"));
    secrets.note_cookies(&ada);
    ada.guess(&page, "ada", "a password of somebody's other account")
        .await;
    ada.sign_in(&page, "ada").await;
    secrets.note_cookies(&ada);
    ada
}

async fn use_a_client(
    server: &TestServer,
    client: &str,
    ada: &mut Browser<'_>,
    secrets: &mut Secrets,
) {
    let nonce = format!("nonce-of-{client}");
    let code = ada.code(&Ask::of(client).with("nonce", &nonce)).await;
    secrets.note("nonce", nonce);
    secrets.note("code", &code.text);
    secrets.note("code_verifier", &code.verifier);
    refuse(server, &code).await;
    let tokens = server.exchange(&code).await.tokens();
    let next = server.refresh(client, &tokens).await.tokens();
    secrets.note_tokens(&tokens);
    secrets.note_tokens(&next);
    server.is_active(&next.access).await;
    server.introspect("shop", next.refresh_token()).await;
    server.revoke(client, &tokens.access).await;
    server.exchange(&code).await;
    server.refresh(client, &next).await;
    server.revoke(client, next.refresh_token()).await;
    match server.credentials(client) {
        Credentials::Basic(id, secret) => {
            secrets.note("Authorization", STANDARD.encode(format!("{id}:{secret}")));
            secrets.note("client secret", secret);
        }
        Credentials::Post(_, secret) => secrets.note("client secret", secret),
        _ => {}
    }
}

async fn use_an_assertion(server: &TestServer, secrets: &mut Secrets) {
    let assertion = server.credentials("robot");
    let Credentials::Assertion(text) = &assertion else {
        panic!("the robot signs")
    };
    secrets.note("assertion", text);
    let form = Form::new()
        .with("grant_type", "client_credentials")
        .with("scope", "notes.read");
    secrets.note_tokens(&server.token_with(&assertion, &form).await.tokens());
    server.token_with(&assertion, &form).await;
}

/// OpenID Connect: a pushed request that is answered by form, hints that are right and wrong, and UserInfo in every way.
async fn sign_in_with_openid(server: &TestServer, ada: &mut Browser<'_>, secrets: &mut Secrets) {
    let hint = "somebody-who-is-expected";
    secrets.note("login hint", hint);
    let ask = Ask::of("club")
        .scope("openid profile email")
        .with("nonce", "nonce-of-a-pushed-request")
        .with("login_hint", hint)
        .with("response_mode", "form_post");
    secrets.note("nonce", "nonce-of-a-pushed-request");
    let pushed = ask.pushed_as(&server.push(&ask).await);
    let request_uri = pushed.form.get("request_uri").unwrap().to_owned();
    secrets.note("request_uri", request_uri.rsplit(':').next().unwrap());
    let page = ada.authorize(&pushed).await;
    let answer = ada.allow(&page).await;
    let code = Code::of(&ask, answer.fields()[0].1.clone());
    secrets.note("code", &code.text);
    let tokens = server.exchange(&code).await.tokens();
    secrets.note_tokens(&tokens);
    // Used, of another client, and broken.
    ada.authorize(&pushed).await;
    ada.authorize(&pushed.clone().with("client_id", "shop"))
        .await;
    let broken = format!("{request_uri}A");
    ada.authorize(&pushed.with("request_uri", &broken)).await;
    for hint in [
        tokens.id_token().to_owned(),
        format!("{}A", tokens.id_token()),
    ] {
        for client in ["club", "circle"] {
            let ask = Ask::of(client).scope("openid");
            ada.authorize(&ask.with("id_token_hint", &hint)).await;
        }
    }
    assert_eq!(server.userinfo(&tokens.access).await.status, 200);
    server.userinfo(&tokens.access[1..]).await;
    server.userinfo(tokens.id_token()).await;
    server
        .get(&format!("/userinfo?access_token={}", tokens.access))
        .await;
}

/// Proofs that are taken, refused and replayed, at every endpoint that reads one.
async fn prove_a_key(server: &TestServer, ada: &mut Browser<'_>, secrets: &mut Secrets) {
    let key = proof_key();
    let ask = Ask::of("bound").scope("openid");
    let proof = server.prove(&key, "POST", "/par", None);
    secrets.note("proof", &proof);
    let pushed = server
        .send(with_proof(server.push_request(&ask), &proof))
        .await;
    let page = ada.authorize(&ask.pushed_as(&pushed)).await;
    let code = ada.allow(&page).await.code(&ask);
    let other = server.prove(&proof_key(), "POST", "/token", None);
    secrets.note("proof of another key", &other);
    server
        .token_with_proof(&other, "bound", &code.exchange())
        .await;
    let proof = server.prove(&key, "POST", "/token", None);
    secrets.note("proof", &proof);
    let broken = &proof[..proof.len() - 1];
    server
        .token_with_proof(broken, "bound", &code.exchange())
        .await;
    let answer = server
        .token_with_proof(&proof, "bound", &code.exchange())
        .await;
    let tokens = answer.tokens();
    secrets.note_tokens(&tokens);
    server
        .token_with_proof(&proof, "bound", &tokens.refresh())
        .await;
    let proof = server.prove(&key, "GET", "/userinfo", Some(&tokens.access));
    secrets.note("proof", &proof);
    for status in [200, 401] {
        let request = server.userinfo_request("DPoP", &tokens.access);
        let answer = server.send(with_proof(request, &proof)).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    server.userinfo(&tokens.access).await;
}

/// A client sends a person to sign out, with a hint that is not right and then with one that is, and is told of it.
async fn tell_of_a_sign_out(server: &TestServer, secrets: &mut Secrets) {
    let club = Listener::start().await;
    let uri = club.uri();
    server
        .change_client("club", |club| {
            club.openid.backchannel_logout_uri = Some(uri)
        })
        .await;
    let mut bob = server.sign_in("bob").await;
    secrets.note_cookies(&bob);
    let tokens = bob.tokens(&Ask::of("club").scope("openid")).await;
    secrets.note_tokens(&tokens);
    for hint in [&format!("{}x", tokens.id_token()), tokens.id_token()] {
        let form = Form::new()
            .with("id_token_hint", hint)
            .with("state", "the state of a sign-out");
        club.answers(Reply::With(400, r#"{"error":"invalid_request"}"#));
        let sent = bob.post("/logout", &form).await;
        bob.follow(sent).await;
    }
    secrets.note("state", "the state of a sign-out");
    let heard = club.heard();
    secrets.note("logout token", heard[0].logout_token());
}

/// What goes wrong with a code in hand: each refusal has a reason that is logged.
async fn refuse(server: &TestServer, code: &Code) {
    let form = code.exchange();
    for wrong in [
        form.clone().with("code_verifier", &"w".repeat(43)),
        form.clone().with("redirect_uri", "https://evil.example"),
        form.clone().with("code", &code.text[..code.text.len() - 1]),
        form.clone().and("code", &code.text),
    ] {
        server.token(&code.client, &wrong).await;
    }
    server.token("bank", &form).await;
    let wrong = Credentials::Basic("shop".to_owned(), "not the shop's secret".to_owned());
    server.token_with(&wrong, &form).await;
    let unknown = Credentials::Post(code.verifier.clone(), code.text.clone());
    server.token_with(&unknown, &form).await;
    server.get(&format!("/token?{}", form.encode())).await;
    server.get(&format!("/authorize?{}", form.encode())).await;
    server.get(&format!("/{}", code.text)).await;
}

/// Attacks: L09, A01, A02, A03.
#[tokio::test]
async fn no_secret_is_written_down() {
    let log = log();
    let server = TestServer::start().await;
    let secrets = live(&server).await;
    let spellings = secrets.spellings();

    let text = log.text();
    assert!(
        text.contains("answered") && text.contains("refused"),
        "the log was listened to: {text}"
    );
    for (what, spelling) in &spellings {
        assert!(
            !contains(text.as_bytes(), spelling),
            "a {what} is in the log: {}",
            String::from_utf8_lossy(spelling)
        );
    }
    // What is known about people is no secret, and nobody's business who reads a log.
    // The number is asked for in full: an id may hold four digits of it by chance.
    let number = ["7946 0000", "7946+0000", "7946%200000"];
    let others = ["Lovelace", "lovelace", "1815-12-10"];
    for personal in number.into_iter().chain(others) {
        assert!(!text.contains(personal), "{personal} is in the log");
    }
    let metrics = server.server().telemetry().render();
    for (what, spelling) in &spellings {
        assert!(
            !contains(metrics.as_bytes(), spelling),
            "a {what} is in the metrics"
        );
    }
    for (column, value) in server.dump() {
        for value in readings(&value) {
            let found = spellings
                .iter()
                .find(|(_, spelling)| contains(&value, spelling));
            assert!(found.is_none(), "a {} is in {column}", found.unwrap().0);
        }
    }
    hashes_are_keyed(&server, &secrets);
    nothing_in_a_dump_opens_anything(&server).await;
}

/// A value, and what it is when it is decoded.
fn readings(value: &[u8]) -> Vec<Vec<u8>> {
    let mut readings = vec![value.to_vec()];
    let Ok(text) = str::from_utf8(value) else {
        return readings;
    };
    let body = text.rsplit('_').next().unwrap_or(text);
    readings.extend(encoding::decode(body));
    readings.extend(STANDARD.decode(text));
    readings.extend(URL_SAFE.decode(text));
    readings.extend((text.len() % 2 == 0).then(|| unhex(text)).flatten());
    readings
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    text.is_ascii().then(|| {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
            .collect()
    })?
}

/// A plain hash of what people or operators choose could be guessed at.
fn hashes_are_keyed(server: &TestServer, secrets: &Secrets) {
    let dump = server.dump();
    for (what, secret) in secrets
        .0
        .iter()
        .filter(|(what, _)| what.contains("password") || what.contains("secret"))
    {
        let hash = encoding::sha256(secret.as_bytes());
        let is_kept = dump
            .iter()
            .any(|(_, value)| contains(value, &hash) || contains(value, hex(&hash).as_bytes()));
        assert!(!is_kept, "a plain hash of a {what}");
    }
    assert!(
        !dump.iter().any(|(_, value)| contains(value, b"$argon2")),
        "a password hash in clear"
    );
}

/// Whoever has the database without the master key tries every value of it at every door.
async fn nothing_in_a_dump_opens_anything(server: &TestServer) {
    let tokens = server.tokens("bob", &Ask::of("kiosk")).await;
    let mut values: Vec<String> = Vec::new();
    for (_, value) in server.dump() {
        values.extend(String::from_utf8(value.clone()).ok());
        values.extend([
            encoding::encode(&value),
            STANDARD.encode(&value),
            hex(&value),
        ]);
    }
    values.sort();
    values.dedup();
    assert!(values.len() > 100);
    for value in &values {
        assert_ne!(
            server.introspect(NOTES_API, value).await.json()["active"],
            true
        );
        let as_refresh = Form::new()
            .with("grant_type", "refresh_token")
            .with("refresh_token", value);
        assert_ne!(server.token("kiosk", &as_refresh).await.status, 200);
        let as_code = Form::new()
            .with("grant_type", "authorization_code")
            .with("code", value);
        assert_ne!(server.token("kiosk", &as_code).await.status, 200);
        let as_secret = Credentials::Basic("shop".to_owned(), value.clone());
        assert_eq!(server.token_with(&as_secret, &as_code).await.status, 401);
        if value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b';')
        {
            let mut thief = server.browser();
            thief
                .cookies
                .insert("__Host-sc-session-IKabd8GB".to_owned(), value.clone());
            assert!(!thief.authorize(&Ask::of("portal")).await.has_code());
        }
    }
    assert!(server.is_active(&tokens.access).await);
}

/// The longest line of the log, in bytes.
const LONGEST_LINE: usize = 1_100;

/// What stands where it should not: each is looked for in the log by every piece that is longer than may be repeated.
struct Misplaced {
    sent: String,
    pieces: Vec<String>,
}

impl Misplaced {
    fn new(sent: String, secret: &str) -> Self {
        // A run that is twice as long holds one of these whole, and what is cut off at the right place begins with the first.
        let characters: Vec<char> = secret.chars().collect();
        let pieces = characters.chunks_exact(SHOWN + 1);
        Self {
            sent,
            pieces: pieces.map(|piece| piece.iter().collect()).collect(),
        }
    }
}

/// A code that could still be redeemed, a secret of another server, lines of a forged log, and sixty kilobytes.
async fn misplaced(server: &TestServer) -> Vec<Misplaced> {
    let code = server.code("bob", &Ask::of("portal")).await.text;
    let (secret, unit) = (random::token(), random::token());
    let (lines, line) = (random::token(), random::token());
    vec![
        Misplaced::new(code.clone(), &code),
        Misplaced::new(format!("https://shop.example/callback?code={code}"), &code),
        Misplaced::new(format!("{{\"userinfo\":{{\"{secret}\":1}}}}"), &secret),
        Misplaced::new(format!("{lines}\r\n{line}\u{1b}[2J"), &line),
        Misplaced::new(unit.repeat(60_000 / unit.len()), &unit.repeat(2)),
    ]
}

/// Requests that are right but for one value: by address, the client that authenticates, and the form.
async fn almost_right(server: &TestServer) -> Vec<(&'static str, Credentials, Form)> {
    let ask = Ask::of("kiosk").form;
    let code = server.code("ada", &Ask::of("shop")).await;
    let kiosk = server.tokens("ada", &Ask::of("kiosk")).await;
    let own = Form::new().with("grant_type", "client_credentials");
    let token = Form::new().with("token", "x");
    let nobody = || Credentials::Nothing;
    let shop = || server.credentials("shop");
    vec![
        ("/authorize", nobody(), ask.clone()),
        ("/par", nobody(), ask),
        ("/token", shop(), code.exchange()),
        ("/token", server.credentials("mailer"), code.exchange()),
        ("/token", server.credentials("kiosk"), kiosk.refresh()),
        ("/token", server.credentials("robot"), own),
        ("/introspect", shop(), token.clone()),
        ("/revoke", shop(), token),
        ("/userinfo", nobody(), Form::new()),
        ("/logout", nobody(), Form::new()),
        ("/login", nobody(), Form::new()),
        ("/login/continue", nobody(), Form::new()),
        ("/login/switch", nobody(), Form::new()),
        ("/login/passkey", nobody(), Form::new()),
        ("/login/passkey/renew", nobody(), Form::new()),
        ("/login/second-factor", nobody(), Form::new()),
        ("/login/enrol", nobody(), Form::new()),
        ("/login/offer", nobody(), Form::new()),
        ("/consent", nobody(), Form::new()),
        ("/language", nobody(), Form::new()),
        ("/link", nobody(), Form::new()),
        ("/account/address", nobody(), Form::new()),
        ("/account/phone", nobody(), Form::new()),
        ("/recover", nobody(), Form::new()),
        ("/sign-up", nobody(), Form::new()),
        ("/login/sign-up", nobody(), Form::new()),
        ("/signed-out", nobody(), Form::new()),
        ("/logout/confirm", nobody(), Form::new()),
        ("/account/name", nobody(), Form::new()),
        ("/account/delete", nobody(), Form::new()),
        ("/account/activity", nobody(), Form::new()),
        ("/account/security/password", nobody(), Form::new()),
        ("/account/security/authenticator", nobody(), Form::new()),
        (
            "/account/security/authenticator/remove",
            nobody(),
            Form::new(),
        ),
        ("/account/security/recovery-codes", nobody(), Form::new()),
        ("/account/passkeys/add", nobody(), Form::new()),
        ("/login/passkey/add", nobody(), Form::new()),
        ("/account/passkeys/rename", nobody(), Form::new()),
        ("/account/passkeys/remove", nobody(), Form::new()),
        ("/account/apps/remove", nobody(), Form::new()),
        ("/account/sessions/end", nobody(), Form::new()),
        ("/account/sessions/end-others", nobody(), Form::new()),
    ]
}

/// Each in every parameter of every address, in the headers and in the path. An anonymous push writes a short line.
/// Attacks: A03.
#[tokio::test]
async fn nothing_that_is_sent_is_repeated_in_the_log_but_its_beginning() {
    let log = log();
    let issuer = Issuer::parse(ISSUER).unwrap();
    let server = TestServer::start_with(Settings {
        mail: Some(mail_to_nowhere()),
        sign_up: SignUp::Open,
        ..Settings::new(issuer)
    })
    .await;
    let misplaced = misplaced(&server).await;
    let mut visited = Vec::new();
    for (path, credentials, form) in almost_right(&server).await {
        visited.push(path);
        for Misplaced { sent, .. } in &misplaced {
            for name in read_at(path) {
                let form = form.clone().with(name, sent);
                send(&server, path, &credentials, form).await;
            }
            send_in_headers(&server, path, sent).await;
        }
    }
    visited.dedup();
    let read: Vec<&str> = READ.iter().map(|(path, _)| *path).collect();
    assert_eq!(visited, read, "every address that reads parameters");

    let text = log.text();
    for piece in misplaced.iter().flat_map(|misplaced| &misplaced.pieces) {
        if let Some(at) = text.find(piece) {
            let line = text[..at].lines().last().unwrap_or_default();
            panic!("{piece} was sent and is in the log: {line:.600}");
        }
    }
    for line in text.lines() {
        assert!(
            line.len() <= LONGEST_LINE,
            "{} bytes: {line:.600}",
            line.len()
        );
    }
    assert!(
        text.contains("redirect-uri-not-registered") && text.contains("… ("),
        "{text:.1000}"
    );
}

/// As a browser or as a client sends it.
async fn send(server: &TestServer, path: &str, credentials: &Credentials, form: Form) {
    let mut browser = server.browser();
    match path {
        "/authorize" | "/logout" | "/link" => {
            browser.get(&format!("{path}?{}", form.encode())).await;
            let answer = browser.post(path, &form).await;
            if !answer.location().is_empty() {
                browser.get(answer.location()).await;
            }
        }
        "/login" | "/login/continue" | "/login/switch" | "/login/passkey" | "/consent" => {
            let page = browser.authorize(&Ask::of("club")).await;
            let form = match form.get("pending") {
                Some(_) => form,
                None => form.with("pending", &page.hidden("pending")),
            };
            browser.post(path, &form).await;
        }
        "/logout/confirm" => {
            browser.post(path, &form).await;
        }
        _ => {
            let request = server.back_channel(path, credentials, &form);
            server.send(request).await;
        }
    }
}

/// In each header that is read, and in a path.
async fn send_in_headers(server: &TestServer, path: &str, sent: &str) {
    let visible: String = sent.chars().filter(char::is_ascii_graphic).collect();
    for name in [
        header::AUTHORIZATION,
        header::COOKIE,
        header::ORIGIN,
        header::CONTENT_TYPE,
        header::HOST,
        header::ACCEPT,
        header::USER_AGENT,
        header::REFERER,
        header::HeaderName::from_static("dpop"),
        header::HeaderName::from_static("x-request-id"),
        header::HeaderName::from_static("x-forwarded-for"),
        header::HeaderName::from_static("sec-fetch-site"),
    ] {
        for value in [
            visible.clone(),
            format!("Bearer {visible}"),
            format!("Basic {visible}"),
        ] {
            let request = Request::post(path).header(&name, value);
            server.send(request.body(Body::empty()).unwrap()).await;
        }
    }
    let encoded: String = form_urlencoded::byte_serialize(sent.as_bytes()).collect();
    server.get(&format!("/{encoded}")).await;
}
