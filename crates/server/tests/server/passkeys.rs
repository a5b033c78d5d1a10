//! Passkeys at the sign-in page and as proof of more: what gets in, what does not, and that whatever is wrong looks the same.

use rstest::rstest;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::passkey::{RelyingParty, USER_HANDLE, creation_options};
use safeconduct_protocol::random;
use safeconduct_server::Settings;
use safeconduct_store::{PasskeyRemoval, Remover};
use safeconduct_testing_passkey::{
    BE, BS, Created, Device, Passkey, UP, UV, UnsignedAssertion, base64,
};
use serde_json::{Value, json};

use crate::second_factor::payload;
use crate::support::{Answer, Ask, Browser, Form, ISSUER, SOMEWHERE, TestServer, password_of};

const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const REFUSED: &str = "400 page “Error: Sign in – Safeconduct”";
const AGAIN: &str = "200 page “Confirm it’s you – Safeconduct”";
const REFUSED_AGAIN: &str = "400 page “Error: Confirm it’s you – Safeconduct”";
const PROVE: &str = "200 page “Confirm with your passkey – Safeconduct”";
const OFFERED: &str = "200 page “Make your account safer – Safeconduct”";
const LIST: &str = "200 page “Passkeys – Safeconduct”";
const ADD: &str = "200 page “Add a passkey – Safeconduct”";
const NOT_ADDED: &str = "400 page “Add a passkey – Safeconduct”";
const NOT_PROVED: &str = "400 page “Error: Confirm with your passkey – Safeconduct”";

/// What a person holds: a device with a passkey on it.
pub(crate) struct Holder {
    device: Device,
    passkey: Passkey,
}

impl Holder {
    /// A password manager with a passkey of `user`'s.
    pub(crate) async fn manager(server: &TestServer, user: &str) -> Self {
        let origin = server.server().settings().issuer.origin();
        Self::with(server, user, Device::manager(&origin)).await
    }

    /// A security key with a passkey of `user`'s.
    async fn security_key(server: &TestServer, user: &str) -> Self {
        Self::with(server, user, Device::security_key(ISSUER)).await
    }

    async fn with(server: &TestServer, user: &str, device: Device) -> Self {
        let mut browser = server.sign_in(user).await;
        let (passkey, added) = browser.add_passkey(&device).await;
        assert_eq!(added.status, 303, "{added:?}");
        browser.sign_out().await;
        Self { device, passkey }
    }

    /// The answer to what `page` asks for.
    pub(crate) fn answer(&self, page: &Answer) -> String {
        self.device.sign(&self.passkey, &asked_for(page))
    }

    /// The same before it is signed.
    fn asked(&self, page: &Answer) -> UnsignedAssertion {
        self.device.get(&self.passkey, &asked_for(page))
    }
}

fn party() -> RelyingParty {
    RelyingParty {
        id: "id.example".to_owned(),
        origin: ISSUER.to_owned(),
    }
}

/// What a page asks the browser for.
pub(crate) fn asked_for(page: &Answer) -> Value {
    attribute(page, "data-options")
}

/// The JSON in an attribute of a page.
fn attribute(page: &Answer, name: &str) -> Value {
    let begins = format!(" {name}=\"");
    let (_, rest) = page.body.split_once(&begins).unwrap();
    let (json, _) = rest.split_once('"').unwrap();
    serde_json::from_str(&json.replace("&quot;", "\"").replace("&#x2f;", "/")).unwrap()
}

impl Browser<'_> {
    /// Posts an answer as the script of `page` does; the answer to the form itself.
    pub(crate) async fn passkey(&mut self, page: &Answer, answer: &str) -> Answer {
        let form = passkey_form(page, answer);
        self.post("/login/passkey", &form).await
    }

    /// The sign-in page on the way to `ask`.
    async fn asked(&mut self, ask: &Ask) -> Answer {
        let page = self.authorize(ask).await;
        assert_eq!(page.to_string(), SIGN_IN);
        page
    }
}

fn passkey_form(page: &Answer, answer: &str) -> Form {
    Form::new()
        .with("pending", &page.hidden("pending"))
        .with("ceremony", &page.hidden("ceremony"))
        .with("credential", answer)
}

fn portal() -> Ask {
    Ask::of("portal")
}

async fn sessions(server: &TestServer) -> usize {
    let sessions = server.server().store().list_sessions(None, server.now());
    sessions.await.unwrap().len()
}

#[tokio::test]
async fn a_passkey_signs_in_and_every_token_says_so() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let ask = Ask::of("club").scope("openid notes.read");
    let page = browser.asked(&ask).await;
    let answer = browser.passkey(&page, &ada.answer(&page)).await;
    assert_eq!(answer.to_string(), "303 /authorize");
    let consent = browser.follow(answer).await;
    let code = browser.allow(&consent).await.code(&ask);
    let tokens = server.exchange(&code).await.tokens();
    for token in [tokens.id_token(), &tokens.access] {
        let claims = payload(token);
        assert_eq!(claims["acr"], "phr");
        assert_eq!(claims["amr"], json!(["pop", "user", "mfa"]));
        assert_eq!(claims["auth_time"], server.now().seconds());
    }
}

#[tokio::test]
async fn a_passkey_is_two_factors_where_a_password_is_one() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let essential = r#"{"id_token":{"acr":{"essential":true,"value":"mfa"}}}"#;
    let ask = Ask::of("club").scope("openid").with("claims", essential);
    let page = browser.asked(&ask).await;
    let signed_in = browser.passkey(&page, &ada.answer(&page)).await;
    let consent = browser.follow(signed_in).await;
    assert!(browser.allow(&consent).await.has_code());
}

/// Attacks: PE21.
#[tokio::test]
async fn what_is_asked_for_tells_nothing_of_a_name() {
    let server = TestServer::start().await;
    Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let mut asked = Vec::new();
    for hint in ["ada", "bob", "nobody"] {
        let page = browser.asked(&portal().with("login_hint", hint)).await;
        let mut options = asked_for(&page);
        let challenge = options["challenge"].take();
        assert_eq!(challenge.as_str().map(str::len), Some(43));
        assert_eq!(options["allowCredentials"], json!([]));
        asked.push(options);
    }
    assert!(asked.windows(2).all(|two| two[0] == two[1]));
}

/// Everything that may be wrong with an answer: the same page, the same words, no session.
///
/// Attacks: PE01, PE02, PE03, PE05, PE06, PE11, PE12, PE13, PE18, PE20.
#[tokio::test]
async fn whatever_is_wrong_looks_the_same_and_signs_nobody_in() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let bob = Holder::manager(&server, "bob").await;
    let stranger = Holder {
        passkey: ada.device.create(&made_up()).0,
        device: ada.device.clone(),
    };
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let asked = ada.asked(&page);
    let with = |change: &dyn Fn(&mut UnsignedAssertion)| {
        let mut changed = asked.clone();
        change(&mut changed);
        changed.signed_by(&ada.passkey)
    };
    let flags =
        |flags| with(&move |asked: &mut UnsignedAssertion| asked.authenticator_data.flags = flags);
    let client = |member: &'static str, value: Value| {
        with(&move |asked: &mut UnsignedAssertion| asked.client_data[member] = value.clone())
    };
    let cut = asked.authenticator_data.bytes();
    let json = asked.client_data.to_string();
    let wrong = [
        client("origin", json!("https://id.example.evil.com")),
        client("origin", json!("https://id.example:8443")),
        client("type", json!("webauthn.create")),
        client("crossOrigin", json!(true)),
        client("topOrigin", json!("https://evil.example")),
        client("challenge", json!(random::token())),
        with(&|asked| asked.authenticator_data.rp_id = "evil.example".to_owned()),
        flags(UV | BE | BS),
        flags(UP | BE | BS),
        flags(UP | UV | BS),
        flags(UP | UV),
        with(&|asked| asked.raw_id = base64(b"another")),
        with(&|asked| asked.user_handle = None),
        with(&|asked| asked.user_handle = Some(bob.passkey.handle.clone())),
        asked.signed_by(&bob.passkey),
        asked.signed_by(&stranger.passkey),
        asked.signed_of(&ada.passkey, json.as_bytes(), &cut[..cut.len() - 1]),
        stranger.answer(&page),
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        "\u{202e}".to_owned(),
    ];
    let mut pages = Vec::new();
    for wrong in wrong {
        let answer = browser.passkey(&page, &wrong).await;
        assert_eq!(answer.to_string(), REFUSED, "{wrong}");
        assert!(answer.body.contains("This passkey was not accepted."));
        pages.push(without_chance(&answer));
    }
    let unknown = format!(" data-unknown=\"{}\"", stranger.passkey.name());
    let odd: Vec<_> = pages
        .iter()
        .filter(|page| page.contains(&unknown))
        .collect();
    assert_eq!(odd.len(), 1, "only what nobody has is to be forgotten");
    let same: Vec<_> = pages
        .iter()
        .map(|page| page.replace(&unknown, ""))
        .collect();
    assert!(same.windows(2).all(|two| two[0] == two[1]));
    assert_eq!(sessions(&server).await, 0);
    // None of it used the challenge up.
    let right = browser.passkey(&page, &ada.answer(&page)).await;
    assert!(browser.follow(right).await.has_code());
}

/// A page without what is new in every page: what is sealed, and the challenge.
fn without_chance(page: &Answer) -> String {
    let secrets = [
        page.hidden("pending"),
        page.hidden("ceremony"),
        asked_for(page)["challenge"].as_str().unwrap().to_owned(),
    ];
    let body = page.body.clone();
    secrets
        .iter()
        .fold(body, |body, secret| body.replace(secret.as_str(), ""))
}

/// Options for a passkey that no server asked for.
fn made_up() -> Value {
    creation_options(
        &party(),
        "Acme",
        &random::token(),
        &base64(&[9; USER_HANDLE]),
        "ada",
        &[],
    )
}

/// Attacks: PE04.
#[tokio::test]
async fn a_challenge_is_answered_once_in_its_browser_and_its_time() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let answer = ada.answer(&page);

    // In another browser, on the way to the same client.
    let mut other = server.browser();
    let theirs = other.asked(&portal()).await;
    let planted = Form::new()
        .with("pending", &theirs.hidden("pending"))
        .with("ceremony", &page.hidden("ceremony"))
        .with("credential", &answer);
    let refused = other.post("/login/passkey", &planted).await;
    assert_eq!(refused.to_string(), REFUSED);

    // Of another page, whose challenge is another.
    let again = browser.asked(&portal()).await;
    let mixed = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("ceremony", &again.hidden("ceremony"))
        .with("credential", &answer);
    let refused = browser.post("/login/passkey", &mixed).await;
    assert_eq!(refused.to_string(), REFUSED);

    let used = browser.passkey(&page, &answer).await;
    assert!(browser.follow(used).await.has_code());
    // Back, and the same form once more: nobody is signed in by it, in this session or anew.
    let replayed = browser.passkey(&page, &answer).await;
    assert_eq!(replayed.to_string(), REFUSED);
    let mut thief = server.browser();
    thief.cookies = browser.cookies.clone();
    thief.cookies.retain(|name, _| !name.contains("session"));
    let replayed = thief.passkey(&page, &answer).await;
    assert_eq!(replayed.to_string(), REFUSED);
    assert_eq!(sessions(&server).await, 1);
}

/// Attacks: PE04, PE27.
#[tokio::test]
async fn a_challenge_lives_as_long_as_its_page() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    server.advance(15 * 60);
    let late = browser.passkey(&page, &ada.answer(&page)).await;
    assert_eq!(late.to_string(), "303 /authorize");
    let page = server.browser().asked(&portal()).await;
    server.advance(15 * 60 + 1);
    let mut browser = server.browser();
    let fresh = browser.asked(&portal()).await;
    let over = Form::new()
        .with("pending", &fresh.hidden("pending"))
        .with("ceremony", &page.hidden("ceremony"))
        .with("credential", &ada.answer(&page));
    let over = browser.post("/login/passkey", &over).await;
    assert_eq!(over.to_string(), REFUSED);
}

impl Browser<'_> {
    /// What the script of `page` asks for before the challenge of it ends.
    async fn renew(&mut self, page: &Answer) -> Answer {
        let form = Form::new().with("pending", &page.hidden("pending"));
        self.post("/login/passkey/renew", &form).await
    }
}

/// A page that stays open goes on as if its request had arrived now, as often as it takes, and nothing is written for it.
///
/// Attacks: PE27.
#[tokio::test]
async fn a_page_that_is_left_open_signs_in_long_after_its_first_challenge() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let ask = portal().with("max_age", "60");
    let page = browser.asked(&ask).await;
    assert!(
        page.body
            .contains(" data-renew=\"/login/passkey/renew\" data-after=\"720\"")
    );
    assert!(
        page.header("content-security-policy")
            .ends_with("; connect-src 'self'")
    );
    let rows = server.server().store().count_rows().await.unwrap();
    let mut carried = (
        page.hidden("pending"),
        page.hidden("ceremony"),
        asked_for(&page),
    );
    for _ in 0..5 {
        server.advance(12 * 60);
        let form = Form::new().with("pending", &carried.0);
        let renewed = browser.post("/login/passkey/renew", &form).await;
        assert_eq!(renewed.status, 200, "{renewed:?}");
        assert_eq!(renewed.header("cache-control"), "no-store");
        let renewed = renewed.json();
        let text = |name: &str| renewed[name].as_str().unwrap().to_owned();
        let options: Value = serde_json::from_str(&text("options")).unwrap();
        assert_eq!(options["allowCredentials"], json!([]));
        assert_ne!(options["challenge"], carried.2["challenge"]);
        carried = (text("pending"), text("ceremony"), options);
    }
    assert_eq!(server.server().store().count_rows().await.unwrap(), rows);
    // The page as it was is over.
    let late = browser.passkey(&page, &ada.answer(&page)).await;
    assert_eq!(late.to_string(), "400 page (pending-request-expired)");
    let late = browser.renew(&page).await;
    assert_eq!(late.status, 400, "{late:?}");
    let form = Form::new()
        .with("pending", &carried.0)
        .with("ceremony", &carried.1)
        .with("credential", &ada.device.sign(&ada.passkey, &carried.2));
    let signed_in = browser.post("/login/passkey", &form).await;
    assert!(browser.follow(signed_in).await.has_code());
}

/// It is no way to keep what was proved for a request, nor to answer one twice.
///
/// Attacks: PE27, PE47.
#[tokio::test]
async fn what_was_proved_for_a_request_is_not_kept_by_renewing_it() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let ask = Ask::of("shop").with("max_age", "600");
    let page = browser.asked(&ask).await;
    let consent = browser.sign_in(&page, "ada").await;
    assert_eq!(
        consent.to_string(),
        "200 page “Allow The shop? – Safeconduct”"
    );
    server.advance(601);
    let renewed = browser.renew(&consent).await.json();
    let form = Form::new().with("pending", renewed["pending"].as_str().unwrap());
    let again = browser.post("/login/continue", &form).await;
    assert!(!browser.follow(again).await.has_code());
    let url = format!(
        "/authorize?pending={}",
        renewed["pending"].as_str().unwrap()
    );
    assert_eq!(browser.open(&url).await.to_string(), AGAIN);

    // Of another browser, from another site, and once it was answered.
    let mut other = server.sign_in("bob").await;
    assert_eq!(other.renew(&consent).await.status, 400);
    let form = Form::new().with("pending", &consent.hidden("pending"));
    let foreign = [("sec-fetch-site", "cross-site")];
    let refused = browser
        .post_from("/login/passkey/renew", &form, &foreign)
        .await;
    assert_eq!(refused.status, 403);
    let page = browser.open(&url).await;
    let consent = browser.sign_in(&page, "ada").await;
    let code = browser.allow(&consent).await.code(&ask);
    server.exchange(&code).await.tokens();
    assert_eq!(browser.renew(&consent).await.status, 400);
}

/// What was pushed is answered once, however often its page was renewed, and as long as any page of it could be answered.
///
/// Attacks: PE27, Q24.
#[tokio::test]
async fn a_pushed_request_that_was_answered_is_not_renewed() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let ask = Ask::of("club").scope("openid");
    let pushed = server.push(&ask).await;
    let sent = ask.pushed_as(&pushed);
    let page = browser.asked(&sent).await;
    server.advance(14 * 60);
    let one = browser.renew(&page).await.json();
    server.advance(14 * 60);
    let url = |pending: &Value| format!("/authorize?pending={}", pending.as_str().unwrap());
    let form = Form::new().with("pending", one["pending"].as_str().unwrap());
    let other = browser.post("/login/passkey/renew", &form).await.json();
    let page = browser.open(&url(&other["pending"])).await;
    let consent = browser.sign_in(&page, "ada").await;
    assert!(browser.allow(&consent).await.has_code());
    let form = Form::new().with("pending", other["pending"].as_str().unwrap());
    let again = browser.post("/login/passkey/renew", &form).await;
    assert_eq!(again.status, 400, "{again:?}");
    // To its last second, the other page is of no use.
    server.advance(60);
    let answer = browser.open(&url(&one["pending"])).await;
    assert_eq!(answer.to_string(), "400 page (pushed-request-used)");
}

/// Attacks: PE10.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_answer_64_times_at_once_over_two_nodes_is_one_session() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let node = server.another_node().await;
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let form = passkey_form(&page, &ada.answer(&page));
    let requests = || (0..32).map(|_| browser.own_form("/login/passkey", &form));
    let (mut here, mut there) = (server.begin(requests()), node.begin(requests()));
    let mut signed_in = 0;
    while let Some(answer) = here.join_next().await {
        signed_in += usize::from(answer.unwrap().status == 303);
    }
    while let Some(answer) = there.join_next().await {
        signed_in += usize::from(answer.unwrap().status == 303);
    }
    assert_eq!((signed_in, sessions(&server).await), (1, 1));
}

/// Attacks: PE14.
#[tokio::test]
async fn who_has_to_prove_it_again_does_so_with_their_own_passkey_alone() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let bob = Holder::manager(&server, "bob").await;
    let mut browser = server.sign_in("ada").await;
    let page = browser.authorize(&portal().with("prompt", "login")).await;
    assert_eq!(page.to_string(), AGAIN);
    let allowed = asked_for(&page)["allowCredentials"].clone();
    assert_eq!(allowed.as_array().map(Vec::len), Some(1));
    assert_eq!(allowed[0]["id"], json!(ada.passkey.name()));
    assert_eq!(allowed[0]["transports"], json!(["hybrid", "internal"]));

    let before = browser.session();
    let theirs = browser.passkey(&page, &bob.answer(&page)).await;
    assert_eq!(theirs.to_string(), REFUSED_AGAIN);
    assert_eq!(browser.session(), before);

    let own = browser.passkey(&page, &ada.answer(&page)).await;
    assert_ne!(browser.session(), before, "a new cookie");
    assert!(browser.follow(own).await.has_code());
    assert_eq!(sessions(&server).await, 1, "the same session");
    let mut old = server.browser();
    old.cookies.extend([before]);
    assert_eq!(old.authorize(&portal()).await.to_string(), SIGN_IN);
}

/// A key that knows no accounts answers who was asked by name (WebAuthn Level 3 §7.2 step 6), and signs nobody in by itself.
///
/// Attacks: PE11.
#[tokio::test]
async fn a_key_that_does_not_say_whose_it_is_proves_again_and_signs_nobody_in() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mute = |page: &Answer| {
        let asked = UnsignedAssertion {
            user_handle: None,
            ..ada.asked(page)
        };
        asked.signed_by(&ada.passkey)
    };
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let refused = browser.passkey(&page, &mute(&page)).await;
    assert_eq!(refused.to_string(), REFUSED);
    let mut browser = server.sign_in("ada").await;
    let page = browser.authorize(&portal().with("prompt", "login")).await;
    let proved = browser.passkey(&page, &mute(&page)).await;
    assert!(browser.follow(proved).await.has_code());
}

/// As after the server got another name: who has a password goes on by it.
#[tokio::test]
async fn passkeys_of_another_host_are_asked_for_nowhere() {
    let server = TestServer::start().await;
    let old = Holder::manager(&server, "ada").await;
    server.change("UPDATE passkeys SET rp_id = 'old.example'");
    let mut browser = server.sign_in("ada").await;
    let device = Device::manager(ISSUER);
    let (new, added) = browser.add_passkey(&device).await;
    let list = browser.follow(added).await;
    assert_eq!(list.to_string(), LIST);
    let page = browser.authorize(&portal().with("prompt", "login")).await;
    let allowed = &asked_for(&page)["allowCredentials"];
    assert_eq!(allowed.as_array().map(Vec::len), Some(1));
    assert_eq!(allowed[0]["id"], json!(new.name()));

    // The old one can be seen, and removed.
    browser.prove_again(&device, &new).await;
    let list = browser.open("/account/passkeys").await;
    let form = Form::new()
        .with("csrf", &list.hidden("csrf"))
        .with("passkey", &old.passkey.name());
    assert!(list.body.contains(&old.passkey.name()));
    browser.post("/account/passkeys/remove", &form).await;
    let list = browser.open("/account/passkeys").await;
    assert!(!list.body.contains(&old.passkey.name()));
}

/// The operator's word for all of it: what is asked for, what is taken, what the browser is told, and which passkeys count.
///
/// Attacks: PE02.
#[tokio::test]
async fn passkeys_may_belong_to_a_domain_above_the_issuers_host() {
    let server = TestServer::start_at("https://id.acme.example").await;
    let own = Holder::manager(&server, "ada").await;
    let server = server
        .restart_with(|settings| settings.passkey_rp_id = Some("acme.example".to_owned()))
        .await;
    let device = Device::manager("https://id.acme.example");
    let mut browser = server.sign_in("ada").await;
    // Hers of the host counts for nothing any more: she is not asked for it.
    let page = browser.open("/account/passkeys/add").await;
    assert_eq!(page.to_string(), ADD);
    assert_eq!(asked_for(&page)["rp"]["id"], "acme.example");
    let (passkey, added) = browser.make(&page, &device).await;
    let list = browser.follow(added).await;
    assert_eq!(accepted(&list)["rpId"], "acme.example");
    assert_eq!(
        accepted(&list)["allAcceptedCredentialIds"],
        json!([passkey.name()])
    );
    let page = server.browser_asked(&mut browser).await;
    assert_eq!(asked_for(&page)["rpId"], "acme.example");
    let mut elsewhere = own.asked(&page);
    elsewhere.authenticator_data.rp_id = "id.acme.example".to_owned();
    let refused = elsewhere.signed_by(&own.passkey);
    assert_eq!(browser.passkey(&page, &refused).await.to_string(), REFUSED);
    let answer = device.sign(&passkey, &asked_for(&page));
    let signed_in = browser.passkey(&page, &answer).await;
    assert!(browser.follow(signed_in).await.has_code());
}

/// Another account than the one that is signed in: as with a password, it gets a session of its own, and the other one ends.
#[tokio::test]
async fn the_passkey_of_somebody_else_begins_another_session() {
    let server = TestServer::start().await;
    let bob = Holder::manager(&server, "bob").await;
    let mut browser = server.sign_in("ada").await;
    let page = browser.authorize(&portal().with("prompt", "login")).await;
    let form = Form::new().with("pending", &page.hidden("pending"));
    let page = browser.post("/login/switch", &form).await;
    assert_eq!(page.to_string(), SIGN_IN);
    let signed_in = browser.passkey(&page, &bob.answer(&page)).await;
    assert!(browser.follow(signed_in).await.has_code());
    let sessions = server.server().store().list_sessions(None, server.now());
    let names: Vec<_> = sessions
        .await
        .unwrap()
        .into_iter()
        .map(|one| one.username)
        .collect();
    assert_eq!(names, ["bob"]);
}

#[tokio::test]
async fn who_signed_in_by_password_steps_up_with_a_passkey() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let bob = Holder::manager(&server, "bob").await;
    let mut browser = server.browser();
    let ask = Ask::of("club").scope("openid").with("acr_values", "phr");
    let page = browser.asked(&ask).await;
    let page = browser.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), PROVE);
    assert!(page.body.contains("turn on JavaScript"));
    assert!(!page.body.contains("name=\"code\""));
    let before = browser.session();
    let theirs = browser.passkey(&page, &bob.answer(&page)).await;
    assert_eq!(theirs.to_string(), NOT_PROVED);
    assert_eq!(browser.session(), before);
    let proved = browser.passkey(&page, &ada.answer(&page)).await;
    assert_ne!(browser.session(), before);
    let consent = browser.follow(proved).await;
    let code = browser.allow(&consent).await.code(&ask);
    let id_token = payload(server.exchange(&code).await.tokens().id_token());
    assert_eq!(id_token["acr"], "phr");
    assert_eq!(id_token["amr"], json!(["pwd", "pop", "user", "mfa"]));
}

#[tokio::test]
async fn what_accounts_can_reach_is_advertised_and_off_is_off() {
    let contexts = async |server: &TestServer| {
        let metadata = server.get("/.well-known/openid-configuration").await;
        metadata.json()["acr_values_supported"].clone()
    };
    let server = TestServer::start().await;
    let all = [
        "urn:safeconduct:acr:password",
        "mfa",
        "https://refeds.org/profile/mfa",
        "phr",
    ];
    assert_eq!(contexts(&server).await, json!(all));
    let ada = Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let form = passkey_form(&page, &ada.answer(&page));

    let server = server
        .restart_with(|settings| settings.passkeys = false)
        .await;
    assert_eq!(contexts(&server).await, json!(all[..1]));
    let mut off = server.browser();
    let page = off.asked(&portal()).await;
    assert!(!page.body.contains("passkey"), "{page:?}");
    let answer = off.post("/login/passkey", &form).await;
    assert_eq!(answer.to_string(), "404 page (not-found)");
    // What was proved before says nothing, and what would be asked for is not to be had.
    let ask = Ask::of("club").scope("openid").with("acr_values", "phr");
    let page = off.asked(&ask).await;
    let page = off.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), "200 page “Allow The club? – Safeconduct”");

    let at_an_address = Issuer::parse("https://192.0.2.7").unwrap();
    assert_eq!(Settings::new(at_an_address).relying_party(), None);
}

/// Attacks: PE09.
#[tokio::test]
async fn a_security_key_whose_count_stands_still_is_refused_with_an_event_and_the_honest_one_still_works()
 {
    let server = TestServer::start().await;
    let mut ada = Holder::security_key(&server, "ada").await;
    let mut browser = server.browser();
    for (count, expected) in [
        (5, "303 /authorize"),
        (5, REFUSED),
        (4, REFUSED),
        (0, REFUSED),
        (6, "303 /authorize"),
    ] {
        let page = server.browser_asked(&mut browser).await;
        ada.passkey.count = count;
        let answer = browser.passkey(&page, &ada.answer(&page)).await;
        assert_eq!(answer.to_string(), expected, "{count}");
    }
    let events = server.server().store().events(None, 1000).await.unwrap();
    let noted: Vec<_> = events
        .into_iter()
        .filter(|event| event.kind == "passkey-count-behind")
        .map(|event| event.detail.unwrap())
        .collect();
    assert_eq!(noted, ["refused"; 3]);
}

impl TestServer {
    /// The sign-in page in a browser that is signed out.
    async fn browser_asked(&self, browser: &mut Browser<'_>) -> Answer {
        browser.cookies.retain(|name, _| !name.contains("session"));
        browser.asked(&portal()).await
    }
}

/// Attacks: PE24.
#[tokio::test]
async fn a_passkey_that_was_removed_is_refused_and_to_be_forgotten() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let (store, user) = (&server.store(), server.user("ada").await);
    let kept = store.passkeys_of(&user).await.unwrap();
    let removed = store.remove_passkey(&user, &kept[0].id, Remover::Operator, None, server.now());
    assert_eq!(removed.await.unwrap(), PasskeyRemoval::Removed);
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let answer = browser.passkey(&page, &ada.answer(&page)).await;
    assert_eq!(answer.to_string(), REFUSED);
    let unknown = format!("data-unknown=\"{}\"", ada.passkey.name());
    assert!(answer.body.contains(&unknown), "{answer:?}");
}

#[tokio::test]
async fn who_is_locked_gets_in_by_no_passkey_and_keeps_it() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    server.lock_user("ada").await;
    let locked = browser.passkey(&page, &ada.answer(&page)).await;
    assert_eq!(locked.to_string(), REFUSED);
    assert!(!locked.body.contains("data-unknown"));
    server.unlock_user("ada").await;
    let page = browser.asked(&portal()).await;
    let unlocked = browser.passkey(&page, &ada.answer(&page)).await;
    assert!(browser.follow(unlocked).await.has_code());
}

/// Attacks: PE33.
#[tokio::test]
async fn guessed_passwords_keep_no_passkey_out_and_refused_passkeys_are_counted_by_address() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mut attacker = server.browser().at([198, 51, 100, 7]);
    let page = attacker.asked(&portal()).await;
    let mut throttled = attacker.passkey(&page, "{}").await;
    for _ in 0..200 {
        if throttled.status == 429 {
            break;
        }
        throttled = attacker.passkey(&page, "{}").await;
    }
    assert_eq!(throttled.status, 429);
    assert!(!throttled.header("retry-after").is_empty());
    for _ in 0..60 {
        let mut guesser = server.browser().at([203, 0, 113, 9]);
        let page = guesser.asked(&portal()).await;
        guesser.guess(&page, "ada", "wrong").await;
    }
    let mut browser = server.browser().at(SOMEWHERE);
    let page = browser.asked(&portal()).await;
    let signed_in = browser.passkey(&page, &ada.answer(&page)).await;
    assert!(browser.follow(signed_in).await.has_code());
    // The browser is known by now: not even its address being out of budget keeps the owner out.
    let mut known = browser.at([198, 51, 100, 7]);
    let page = server.browser_asked(&mut known).await;
    let signed_in = known.passkey(&page, &ada.answer(&page)).await;
    assert!(known.follow(signed_in).await.has_code());
}

/// Attacks: PE19.
#[rstest]
#[case::too_large("x", 1024 * 1024, "413 page (request-too-large)")]
#[case::long("x", 60 * 1024, REFUSED)]
#[case::deep("[", 20 * 1024, REFUSED)]
#[tokio::test]
async fn an_answer_is_bounded(#[case] of: &str, #[case] length: usize, #[case] expected: &str) {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let answer = browser.passkey(&page, &of.repeat(length)).await;
    assert_eq!(answer.to_string(), expected);
}

#[tokio::test]
async fn an_answer_comes_from_a_page_of_ours() {
    let server = TestServer::start().await;
    let ada = Holder::manager(&server, "ada").await;
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let form = passkey_form(&page, &ada.answer(&page));
    let foreign = [("sec-fetch-site", "cross-site")];
    let answer = browser.post_from("/login/passkey", &form, &foreign).await;
    assert_eq!(answer.to_string(), "403 page (cross-site-form)");
    assert_eq!(sessions(&server).await, 0);
    let reopened = browser.get("/login/passkey").await;
    assert_eq!(reopened.to_string(), "405 page (form-reopened)");
}

/// Attacks: PE25, PE75.
#[tokio::test]
async fn a_user_adds_names_and_removes_passkeys() {
    let server = TestServer::start().await;
    let mut browser = server.sign_in("ada").await;
    let empty = browser.open("/account/passkeys").await;
    assert_eq!(empty.to_string(), LIST);
    assert!(empty.body.contains("id=\"no-passkeys\""));
    assert!(!empty.body.contains("data-accepted"), "there never was one");

    let device = Device::manager(ISSUER);
    let (first, added) = browser.add_passkey(&device).await;
    assert_eq!(added.to_string(), "303 /account/passkeys");
    let list = browser.follow(added).await;
    assert!(list.body.contains(">Passkey</bdi>"), "{list}");
    assert!(list.body.contains("On your devices"));
    assert_eq!(
        accepted(&list)["allAcceptedCredentialIds"],
        json!([first.name()])
    );
    assert_eq!(accepted(&list)["userId"], json!(base64(&first.handle)));

    server.advance(1);
    let proved = browser.prove_again(&device, &first).await;
    assert_eq!(proved.to_string(), ADD);
    let key = Device::security_key(ISSUER);
    let (second, added) = browser.make(&proved, &key).await;
    let list = browser.follow(added).await;
    assert_eq!(second.handle, first.handle, "one account, one handle");
    let both = json!([first.name(), second.name()]);
    assert_eq!(accepted(&list)["allAcceptedCredentialIds"], both);
    assert!(list.body.contains(">Security key</bdi>"));

    let name = format!("<script>\u{202e}{}", "x".repeat(10_240));
    let form = |passkey: &str| {
        Form::new()
            .with("csrf", &list.hidden("csrf"))
            .with("passkey", passkey)
            .with("name", &name)
    };
    let renamed = browser
        .post("/account/passkeys/rename", &form(&second.name()))
        .await;
    let list = browser.follow(renamed).await;
    let shown = format!("&lt;script&gt;{}</bdi>", "x".repeat(52));
    assert!(list.body.contains(&shown), "{}", list.body);

    let removed = browser
        .post("/account/passkeys/remove", &form(&first.name()))
        .await;
    let list = browser.follow(removed).await;
    assert_eq!(
        accepted(&list)["allAcceptedCredentialIds"],
        json!([second.name()])
    );
    // What is nobody's, or somebody else's, is nothing to remove.
    for other in [first.name(), "AAAA".to_owned(), "=".to_owned()] {
        let answer = browser
            .post("/account/passkeys/remove", &form(&other))
            .await;
        assert_eq!(answer.to_string(), "303 /account/passkeys");
    }
    let strangers = server.browser().open("/account/passkeys").await;
    assert!(!strangers.body.contains("data-accepted"));
}

/// Attacks: PE22, PE23.
#[tokio::test]
async fn a_passkey_is_added_behind_a_fresh_proof_by_the_session_that_asked() {
    let server = TestServer::start().await;
    let device = Device::manager(ISSUER);
    let kept = async || {
        let user = server.user("ada").await;
        let passkeys = server.server().store().passkeys_of(&user).await;
        passkeys.unwrap().len()
    };
    let mut browser = server.sign_in("ada").await;
    let page = browser.open("/account/passkeys/add").await;
    assert_eq!(page.to_string(), ADD);
    let (_, created) = device.create(&asked_for(&page));
    let form = |page: &Answer| {
        Form::new()
            .with("csrf", &page.hidden("csrf"))
            .with("ceremony", &page.hidden("ceremony"))
            .with("credential", &created.json())
    };
    // From another site; with the challenge of another session; without the token of this one.
    let foreign = [("sec-fetch-site", "cross-site")];
    let refused = browser
        .post_from("/account/passkeys/add", &form(&page), &foreign)
        .await;
    assert_eq!(refused.to_string(), "403 page (cross-site-form)");
    let mut eve = server.sign_in("eve").await;
    let hers = eve.open("/account/passkeys/add").await;
    let mixed = form(&page).with("csrf", &hers.hidden("csrf"));
    let refused = eve.post("/account/passkeys/add", &mixed).await;
    assert_eq!(refused.to_string(), NOT_ADDED);
    assert!(refused.body.contains("open for too long"));
    let untold = form(&page).with("csrf", "x");
    let nothing = browser.post("/account/passkeys/add", &untold).await;
    assert_eq!(nothing.to_string(), "303 /account/passkeys/add");
    // Too late.
    server.advance(301);
    let late = browser.post("/account/passkeys/add", &form(&page)).await;
    assert_eq!(late.to_string(), AGAIN);
    assert_eq!(kept().await, 0);
    let asked = browser.sign_in(&late, "ada").await;
    assert_eq!(asked.to_string(), ADD);
    let (_, created) = device.create(&asked_for(&asked));
    let form = Form::new()
        .with("csrf", &asked.hidden("csrf"))
        .with("ceremony", &asked.hidden("ceremony"))
        .with("credential", &created.json());
    // The second time a passkey is the strongest that there is, and it is asked for.
    for expected in ["303 /account/passkeys", PROVE] {
        let answer = browser.post("/account/passkeys/add", &form).await;
        assert_eq!(answer.to_string(), expected);
    }
    assert_eq!(kept().await, 1);
}

/// Attacks: PE05, PE15, PE16, PE17, PE20.
#[tokio::test]
async fn what_is_no_good_passkey_is_not_added_and_the_page_says_why() {
    let server = TestServer::start().await;
    let device = Device::manager(ISSUER);
    let bob = Holder::manager(&server, "bob").await;
    let mut browser = server.sign_in("ada").await;
    let page = browser.open("/account/passkeys/add").await;
    let (_, created) = device.create(&asked_for(&page));
    let with = |change: &dyn Fn(&mut Created)| {
        let mut changed = created.clone();
        change(&mut changed);
        changed.json()
    };
    for (answer, said) in [
        (
            with(&|made| made.authenticator_data.flags &= !UV),
            "Set a PIN for this key first",
        ),
        (
            with(&|made| made.discoverable = Some(false)),
            "has no room for a passkey",
        ),
        (
            with(&|made| made.client_data["origin"] = json!("https://evil.example")),
            "could not be added",
        ),
        (
            with(&|made| made.authenticator_data.key = vec![0xa0]),
            "could not be added",
        ),
        (
            with(&|made| made.authenticator_data.behind = vec![0]),
            "could not be added",
        ),
        (String::new(), "could not be added"),
        (
            with(&|made| {
                made.id = bob.passkey.name();
                made.raw_id = bob.passkey.name();
                made.authenticator_data.id = bob.passkey.id.clone();
            }),
            "belongs to an account already",
        ),
    ] {
        let form = Form::new()
            .with("csrf", &page.hidden("csrf"))
            .with("ceremony", &page.hidden("ceremony"))
            .with("credential", &answer);
        let answer = browser.post("/account/passkeys/add", &form).await;
        assert_eq!(answer.to_string(), NOT_ADDED, "{said}");
        assert!(answer.body.contains(said), "{said}: {}", answer.body);
    }
    // Bob's is his as before.
    let mut other = server.browser();
    let page = other.asked(&portal()).await;
    let signed_in = other.passkey(&page, &bob.answer(&page)).await;
    assert!(other.follow(signed_in).await.has_code());
}

/// Attacks: PE71.
#[tokio::test]
async fn the_last_way_in_is_not_removed() {
    let server = TestServer::start().await;
    let device = Device::manager(ISSUER);
    let mut browser = server.sign_in("ada").await;
    let (passkey, added) = browser.add_passkey(&device).await;
    browser.follow(added).await;
    server.change("DELETE FROM credentials WHERE kind = 'password'");
    browser.prove_again(&device, &passkey).await;
    let list = browser.open("/account/passkeys").await;
    let form = Form::new()
        .with("csrf", &list.hidden("csrf"))
        .with("passkey", &passkey.name());
    let refused = browser.post("/account/passkeys/remove", &form).await;
    assert_eq!(refused.to_string(), "400 page “Passkeys – Safeconduct”");
    assert!(
        refused.body.contains("your only way to sign in"),
        "{refused}"
    );
    assert_eq!(
        accepted(&refused)["allAcceptedCredentialIds"],
        json!([passkey.name()])
    );
}

/// Whether there are passkeys or not.
#[tokio::test]
async fn password_managers_are_led_to_the_page_that_changes_the_password() {
    let server = TestServer::start_at("https://id.example/tenant").await;
    let led = server.get("/.well-known/change-password").await;
    assert_eq!(led.to_string(), "303 /tenant/account/security/password");
    let nothing = server
        .get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200");
    assert_eq!(nothing.await.status, 404);
}

#[tokio::test]
async fn password_managers_are_told_where_passkeys_are() {
    let server = TestServer::start().await;
    let told = server.get("/.well-known/passkey-endpoints").await;
    assert_eq!(
        told.json(),
        json!({
            "enroll": format!("{ISSUER}/account/passkeys/add"),
            "manage": format!("{ISSUER}/account/passkeys"),
        })
    );
}

/// At the host, whatever the path of the issuer is; and nothing where nothing is related.
#[tokio::test]
async fn browsers_are_told_of_the_origins_that_may_use_the_passkeys_of_the_host() {
    let server = TestServer::start_at("https://id.example/tenant").await;
    let nothing = server.get("/.well-known/webauthn").await;
    assert_eq!(nothing.status, 404);
    let origins = ["https://acme.example", "https://id.acme.example:8443"];
    let server = server.restart_with(|settings| {
        settings.passkey_related_origins = origins.map(str::to_owned).to_vec();
    });
    let told = server.await.get("/.well-known/webauthn").await;
    assert_eq!(
        (told.status.as_u16(), told.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(
        told.body,
        r#"{"origins":["https://acme.example","https://id.acme.example:8443"]}"#
    );
}

/// What a page tells the browser of the passkeys that are still good.
fn accepted(page: &Answer) -> Value {
    attribute(page, "data-accepted")
}

impl Browser<'_> {
    /// Has `device` make what `page` asks for, and posts it.
    async fn make(&mut self, page: &Answer, device: &Device) -> (Passkey, Answer) {
        let (passkey, created) = device.create(&asked_for(page));
        let form = Form::new()
            .with("csrf", &page.hidden("csrf"))
            .with("ceremony", &page.hidden("ceremony"))
            .with("credential", &created.json());
        let answer = self.post("/account/passkeys/add", &form).await;
        (passkey, answer)
    }

    /// Adds a passkey to the account that has just signed in here.
    pub(crate) async fn add_passkey(&mut self, device: &Device) -> (Passkey, Answer) {
        let page = self.open(&self.path("/account/passkeys/add")).await;
        assert_eq!(page.to_string(), ADD);
        self.make(&page, device).await
    }

    /// Proves who sits here with a passkey of theirs, on the way to the page that adds another.
    pub(crate) async fn prove_again(&mut self, device: &Device, passkey: &Passkey) -> Answer {
        let page = self.open("/account/passkeys/add").await;
        let answer = device.sign(passkey, &asked_for(&page));
        let proved = self.passkey(&page, &answer).await;
        self.follow(proved).await
    }
}

impl Browser<'_> {
    /// Types the password in a browser that says whether it can make passkeys; the page behind it.
    async fn password_typed(&mut self, page: &Answer, makes_passkeys: &str) -> Answer {
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("username", "ada")
            .with("password", &password_of("ada"))
            .with("makes_passkeys", makes_passkeys);
        let answer = self.post("/login", &form).await;
        self.follow(answer).await
    }

    async fn decided(&mut self, page: &Answer, decision: &str) -> Answer {
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("decision", decision);
        let answer = self.post("/login/offer", &form).await;
        self.follow(answer).await
    }
}

/// Attacks: PE28.
#[tokio::test]
async fn a_passkey_is_offered_once_after_a_password_where_the_browser_can_make_one() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    assert!(browser.password_typed(&page, "").await.has_code());
    let page = server.browser_asked(&mut browser).await;
    let offer = browser.password_typed(&page, "yes").await;
    assert_eq!(offer.to_string(), OFFERED);
    // Looked at, and left: the choice is still there.
    let page = browser.decided(&offer, "passkey").await;
    assert_eq!(page.to_string(), ADD);
    assert!(browser.decided(&page, "not-now").await.has_code());
    let page = server.browser_asked(&mut browser).await;
    assert!(
        browser.password_typed(&page, "yes").await.has_code(),
        "not again"
    );
}

#[tokio::test]
async fn a_passkey_that_was_offered_is_made_on_the_way_and_signs_in_the_next_time() {
    let server = TestServer::start().await;
    let device = Device::manager(ISSUER);
    let mut browser = server.browser();
    let page = browser.asked(&portal()).await;
    let offer = browser.password_typed(&page, "yes").await;
    let page = browser.decided(&offer, "passkey").await;
    let (passkey, created) = device.create(&asked_for(&page));
    let form = |credential: &str| {
        Form::new()
            .with("pending", &page.hidden("pending"))
            .with("ceremony", &page.hidden("ceremony"))
            .with("credential", credential)
    };
    let wrong = browser.post("/login/passkey/add", &form("{}")).await;
    assert_eq!(
        wrong.to_string(),
        "400 page “Error: Add a passkey – Safeconduct”"
    );
    let added = browser
        .post("/login/passkey/add", &form(&created.json()))
        .await;
    assert!(browser.follow(added).await.has_code());
    let page = server.browser_asked(&mut browser).await;
    let answer = device.sign(&passkey, &asked_for(&page));
    let signed_in = browser.passkey(&page, &answer).await;
    assert!(browser.follow(signed_in).await.has_code());
    // Who signed in by it, or was not offered one, makes none on this way.
    let page = browser.authorize(&portal().with("prompt", "login")).await;
    let (_, another) = device.create(&made_up());
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("credential", &another.json());
    let answer = browser.post("/login/passkey/add", &form).await;
    assert_eq!(browser.follow(answer).await.to_string(), AGAIN);
    let user = server.user("ada").await;
    let kept = server.server().store().passkeys_of(&user).await;
    assert_eq!(kept.unwrap().len(), 1);
}
