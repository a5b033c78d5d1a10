//! Second factors: an authenticator app set up on the way to a client, its codes, its recovery codes, and that there is no way around
//! them.

use rstest::rstest;
use safeconduct_protocol::client::{Client, ConsentPolicy};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::totp::TotpSecret;
use safeconduct_server::Settings;
use safeconduct_server::keys::{Rotated, Rotating, reseal_credentials};
use safeconduct_server::settings::SecondFactor;
use safeconduct_store::{OtpRemoval, Remover};
use serde_json::Value;

use crate::keys::{rotate, states};
use crate::support::{Answer, Ask, Browser, Form, ISSUER, NOTES_API, TestServer, password_of};

pub(crate) const ENROL: &str = "200 page “Add a second way to prove it’s you – Safeconduct”";
const ENROL_AGAIN: &str = "400 page “Error: Add a second way to prove it’s you – Safeconduct”";
pub(crate) const SET_UP_APP: &str = "200 page “Set up an authenticator app – Safeconduct”";
pub(crate) const CODES: &str = "200 page “Save your recovery codes – Safeconduct”";
pub(crate) const ASKED: &str = "200 page “Enter your code – Safeconduct”";
pub(crate) const WRONG: &str = "400 page “Error: Enter your code – Safeconduct”";
const THROTTLED: &str = "429 page “Error: Enter your code – Safeconduct”";

pub(crate) async fn start(second_factor: SecondFactor) -> TestServer {
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    TestServer::start_with(Settings {
        second_factor,
        ..settings
    })
    .await
}

/// A server on which `ada` has an authenticator app, and the app.
pub(crate) async fn enrolled() -> (TestServer, App) {
    let server = start(SecondFactor::Required).await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    let page = browser.sign_in(&page, "ada").await;
    let app = App::scanned(&page);
    let done = browser.confirm(&page, &app.code(&server)).await;
    assert_eq!(done.to_string(), CODES);
    let app = App {
        recovery_codes: recovery_codes(&done),
        ..app
    };
    // The code that confirmed it is used up.
    server.advance(90);
    (server, app)
}

/// What a person has at hand.
pub(crate) struct App {
    secret: TotpSecret,
    pub(crate) recovery_codes: Vec<String>,
}

impl App {
    /// Reads the secret off the page that sets it up.
    pub(crate) fn scanned(page: &Answer) -> Self {
        assert!(page.body.contains("<svg class=\"qr\""), "{page:?}");
        let letters = between(&page.body, "<code id=\"secret\" dir=\"ltr\">", "</code>");
        let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
        for letter in letters.chars().filter(|letter| *letter != ' ') {
            let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
            let value = alphabet.find(letter).unwrap();
            bits = bits << 5 | u32::try_from(value).unwrap();
            count += 5;
            if count >= 8 {
                count -= 8;
                bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
            }
        }
        Self {
            secret: TotpSecret::from_bytes(&bytes).unwrap(),
            recovery_codes: Vec::new(),
        }
    }

    pub(crate) fn code(&self, server: &TestServer) -> String {
        self.code_in(server, 0)
    }

    /// The code so many steps from now.
    pub(crate) fn code_in(&self, server: &TestServer, steps: i64) -> String {
        let at = server.now().plus(30 * steps);
        self.secret.code_at(at).expose().to_owned()
    }

    /// A code of the right form that is none of those that are good now.
    pub(crate) fn wrong_code(&self, server: &TestServer) -> String {
        let good = [-1, 0, 1].map(|steps| self.code_in(server, steps));
        let mut wrong = (0..4).map(|number| format!("{number:06}"));
        wrong.find(|code| !good.contains(code)).unwrap()
    }
}

impl Browser<'_> {
    /// Types the code on the page that sets an app up.
    pub(crate) async fn confirm(&mut self, page: &Answer, code: &str) -> Answer {
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("enrolment", &page.hidden("enrolment"))
            .with("code", code);
        self.post("/login/enrol", &form).await
    }

    /// Types the code on the page that asks for one; the answer to the form itself.
    pub(crate) async fn code_typed(&mut self, page: &Answer, code: &str) -> Answer {
        self.prove(page, "code", code).await
    }

    pub(crate) async fn recovery_code_typed(&mut self, page: &Answer, code: &str) -> Answer {
        self.prove(page, "recovery_code", code).await
    }

    async fn prove(&mut self, page: &Answer, field: &str, typed: &str) -> Answer {
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with(field, typed);
        self.post("/login/second-factor", &form).await
    }

    /// Signs in as `ada` as far as the page that asks for a code.
    pub(crate) async fn asked_for_code(&mut self) -> Answer {
        self.asked_on_the_way_to(&Ask::of("portal")).await
    }

    pub(crate) async fn asked_on_the_way_to(&mut self, ask: &Ask) -> Answer {
        let page = self.authorize(ask).await;
        let page = self.sign_in(&page, "ada").await;
        assert_eq!(page.to_string(), ASKED);
        page
    }
}

pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

pub(crate) fn recovery_codes(page: &Answer) -> Vec<String> {
    let list = between(&page.body, "id=\"recovery-codes\">", "</ol>");
    let codes = list.split("<code dir=\"ltr\">").skip(1);
    codes
        .map(|code| code.split_once('<').unwrap().0.to_owned())
        .collect()
}

pub(crate) async fn events(server: &TestServer, kind: &str) -> usize {
    let events = server.server().store().events(None, 1000).await.unwrap();
    events.iter().filter(|event| event.kind == kind).count()
}

/// What the access token says of how the user signed in.
async fn said(server: &TestServer, answer: &Answer, ask: &Ask) -> (Value, Value) {
    let tokens = server.exchange(&answer.code(ask)).await.tokens();
    let payload = payload(&tokens.access);
    (payload["acr"].clone(), payload["amr"].clone())
}

/// The claims of a signed token.
pub(crate) fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let payload = safeconduct_protocol::encoding::decode(payload).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// What was proved before the session idled says nothing of who sits there now.
#[tokio::test]
async fn after_idling_both_factors_are_asked_for() {
    let (server, app) = enrolled().await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    assert!(ada.follow(answer).await.has_code());
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    server.advance(server.server().settings().sessions.idle + 1);
    ada.asked_for_code().await;
}

/// Attacks: PE48, PE51.
#[tokio::test]
async fn every_token_says_the_same_of_how_its_user_signed_in() {
    let (server, app) = enrolled().await;
    let ask = Ask::of("club").scope("openid notes.read offline_access");
    let mut ada = server.browser();
    let page = ada.asked_on_the_way_to(&ask).await;
    let signed_in = server.now();
    server.advance(20);
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    let consent = ada.follow(answer).await;
    let code = ada.allow(&consent).await.code(&ask);
    let mut tokens = server.exchange(&code).await.tokens();
    for _ in 0..2 {
        let introspected = server.introspect(NOTES_API, &tokens.access).await;
        let said = [
            payload(tokens.id_token()),
            payload(&tokens.access),
            introspected.json(),
        ];
        for said in said {
            assert_eq!(said["acr"], "mfa", "{said}");
            assert_eq!(said["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
            // Two factors are as old as the older one, and stay so.
            assert_eq!(said["auth_time"], signed_in.seconds(), "{said}");
        }
        server.advance(3600);
        tokens = server.refresh("club", &tokens).await.tokens();
    }
}

/// Attacks: PE32, PE41, PE42.
#[tokio::test]
async fn an_app_is_set_up_on_the_way_to_a_client_that_demands_one() {
    let server = start(SecondFactor::Offered).await;
    let demand = |client: &mut Client| {
        client.require_second_factor = true;
        client.consent = ConsentPolicy::Never;
    };
    server.change_client("shop", demand).await;
    let mut ada = server.decline("ada").await;
    let ask = Ask::of("shop");
    let page = ada.authorize(&ask).await;
    assert_eq!(page.to_string(), ENROL);
    let app = App::scanned(&page);
    let before = ada.session();
    let code = app.code(&server);
    let wrong = ada.confirm(&page, &app.wrong_code(&server)).await;
    assert_eq!(wrong.to_string(), ENROL_AGAIN);
    let rows = server.server().store().count_rows().await.unwrap();
    assert!(
        rows.iter()
            .any(|rows| rows.table == "recovery_codes" && rows.rows == 0)
    );
    let done = ada.confirm(&wrong, &code).await;
    assert_eq!(done.to_string(), CODES);
    assert_eq!(recovery_codes(&done).len(), 10);
    assert_ne!(ada.session(), before);
    let url = between(&done.body, "id=\"recovery-codes-saved\" href=\"", "\"");
    let answer = ada.open(url).await;
    let (acr, amr) = said(&server, &answer, &ask).await;
    assert_eq!(
        (acr, amr),
        ("mfa".into(), serde_json::json!(["pwd", "otp", "mfa"]))
    );
    assert_eq!(events(&server, "second-factor-added").await, 1);

    // The code that confirmed it signs nobody in.
    let mut other = server.browser();
    let page = other.asked_for_code().await;
    assert_eq!(other.code_typed(&page, &code).await.to_string(), WRONG);
    let next = app.code_in(&server, 1);
    let answer = other.code_typed(&page, &next).await;
    assert!(other.follow(answer).await.has_code());
}

/// Attacks: PE42.
#[tokio::test]
async fn a_session_with_a_password_is_asked_for_what_the_client_demands() {
    let (server, app) = enrolled().await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let before = ada.session();
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    assert_eq!(answer.to_string(), "303 /authorize");
    let ask = Ask::of("portal").with("acr_values", "https://refeds.org/profile/mfa");
    assert!(ada.follow(answer).await.has_code());
    // Single sign-on: what was proved is not asked for again.
    let answer = ada.authorize(&ask).await;
    let (acr, amr) = said(&server, &answer, &ask).await;
    assert_eq!(acr, "https://refeds.org/profile/mfa");
    assert_eq!(amr, serde_json::json!(["pwd", "otp", "mfa"]));
    assert_ne!(ada.session(), before);
}

/// Attacks: PE44.
#[tokio::test]
async fn a_cookie_from_before_the_code_is_dead_after_it() {
    let (server, app) = enrolled().await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let (name, value) = ada.session();
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    assert!(ada.follow(answer).await.has_code());
    let mut thief = server.browser();
    thief.cookies.insert(name, value);
    let page = thief.authorize(&Ask::of("portal")).await;
    assert_eq!(page.to_string(), "200 page “Sign in – Safeconduct”");
}

/// Attacks: PE29, PE30, PE31.
#[tokio::test]
async fn a_code_is_good_once_and_only_about_its_time() {
    let (server, app) = enrolled().await;
    let node = server.another_node().await;
    for steps in [-2, 2] {
        let mut ada = server.browser();
        let page = ada.asked_for_code().await;
        let code = app.code_in(&server, steps);
        assert_eq!(
            ada.code_typed(&page, &code).await.to_string(),
            WRONG,
            "{steps}"
        );
    }
    let (mut one, mut other) = (server.browser(), node.browser());
    let page = one.asked_for_code().await;
    let other_page = other.asked_for_code().await;
    let code = app.code(&server);
    let answer = one.code_typed(&page, &code).await;
    assert_eq!(answer.to_string(), "303 /authorize");
    assert_eq!(
        other.code_typed(&other_page, &code).await.to_string(),
        WRONG
    );
    let earlier = app.code_in(&server, -1);
    assert_eq!(
        other.code_typed(&other_page, &earlier).await.to_string(),
        WRONG
    );
    let later = app.code_in(&server, 1);
    let answer = other.code_typed(&other_page, &later).await;
    assert!(other.follow(answer).await.has_code());
}

/// Attacks: PE34.
#[tokio::test]
async fn a_code_is_read_as_people_type_it_and_what_is_none_is_no_guess() {
    let (server, app) = enrolled().await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    for typed in ["", "1234567", "+123456", "12345", "abcdef"] {
        for _ in 0..4 {
            let answer = ada.code_typed(&page, typed).await;
            assert_eq!(answer.to_string(), WRONG, "{typed}");
        }
    }
    let code = app.code(&server);
    let arabic: String = code
        .chars()
        .map(|digit| char::from_u32(0x660 + digit.to_digit(10).unwrap()).unwrap())
        .collect();
    let spaced = format!("{} {}", &arabic[..6], &arabic[6..]);
    let answer = ada.code_typed(&page, &spaced).await;
    assert!(ada.follow(answer).await.has_code());
}

/// Attacks: PE33.
#[tokio::test]
async fn ten_guesses_are_judged_whatever_the_session_the_node_and_the_address() {
    let (server, app) = enrolled().await;
    let node = server.another_node().await;
    let wrong = app.wrong_code(&server);
    for guess in 0..10 {
        let on = if guess % 2 == 0 { &server } else { &node };
        let mut browser = on.browser().at([198, 51, 100, guess]);
        let page = browser.asked_for_code().await;
        assert_eq!(browser.code_typed(&page, &wrong).await.to_string(), WRONG);
    }
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let code = app.code(&server);
    let answer = ada.code_typed(&page, &code).await;
    assert_eq!(answer.to_string(), THROTTLED);
    assert_eq!(answer.header("retry-after"), "300");
    let answer = ada.recovery_code_typed(&page, &app.recovery_codes[0]).await;
    assert_eq!(answer.to_string(), THROTTLED);
    assert_eq!(events(&server, "second-factor-guessed").await, 1);
    // The password page is open, and other people are not concerned.
    let mut again = server.browser();
    again.asked_for_code().await;
    server.advance(300);
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    assert!(ada.follow(answer).await.has_code());
}

/// Attacks: PE36, PE37.
#[tokio::test]
async fn a_recovery_code_signs_in_once() {
    let (server, app) = enrolled().await;
    let code = &app.recovery_codes[3];
    let mut ada = server.browser();
    let ask = Ask::of("portal");
    let page = ada.asked_on_the_way_to(&ask).await;
    for typed in ["", "any string", "0000-0000-0000-0000"] {
        let answer = ada.recovery_code_typed(&page, typed).await;
        assert_eq!(answer.to_string(), WRONG, "{typed}");
    }
    let typed = code.to_lowercase().replace('-', " ");
    let answer = ada.recovery_code_typed(&page, &typed).await;
    let answer = ada.follow(answer).await;
    let (acr, amr) = said(&server, &answer, &ask).await;
    assert_eq!(
        (acr, amr),
        ("mfa".into(), serde_json::json!(["pwd", "mfa"]))
    );
    let mut again = server.browser();
    let page = again.asked_for_code().await;
    assert_eq!(
        again.recovery_code_typed(&page, code).await.to_string(),
        WRONG
    );
    assert_eq!(events(&server, "recovery-code-used").await, 1);
    let user = server.user("ada").await;
    let left = server.server().store().otp(&user).await.unwrap().unwrap();
    assert_eq!(left.recovery_codes, 9);
}

/// Attacks: PE39, PE40.
#[tokio::test]
async fn between_password_and_code_there_is_no_way_on() {
    let (server, _) = enrolled().await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let pending = page.hidden("pending");
    let form = |pairs: &[(&str, &str)]| {
        pairs.iter().fold(
            Form::new().with("pending", &pending),
            |form, (name, value)| form.with(name, value),
        )
    };
    for (path, pairs) in [
        ("/login/second-factor", &[][..]),
        (
            "/login/second-factor",
            &[("code", "123456"), ("recovery_code", "x")],
        ),
        ("/login/second-factor", &[("method", "none")]),
        ("/login/enrol", &[("code", "123456")]),
    ] {
        let answer = ada.post(path, &form(pairs)).await;
        let answer = ada.follow(answer).await;
        let title = answer.title().trim_start_matches("Error: ").to_owned();
        assert_eq!(title, "Enter your code – Safeconduct", "{path} {pairs:?}");
    }
    for (path, pairs) in [
        ("/consent", &[("decision", "allow")][..]),
        ("/login/continue", &[]),
    ] {
        let answer = ada.post(path, &form(pairs)).await;
        let answer = ada.follow(answer).await;
        assert!(
            !answer.has_code() && answer.status == 400,
            "{path}: {answer:?}"
        );
    }
    let back = ada.authorize(&Ask::of("portal")).await;
    assert_eq!(back.to_string(), ASKED);
    let silent = ada
        .authorize(&Ask::of("portal").with("prompt", "none"))
        .await;
    assert_eq!(silent.parameter("error").as_deref(), Some("login_required"));
    let page = ada.post("/login/switch", &form(&[])).await;
    assert_eq!(page.to_string(), "200 page “Sign in – Safeconduct”");
}

/// Attacks: PE41.
#[tokio::test]
async fn where_one_is_demanded_there_is_no_way_round_setting_it_up() {
    let server = start(SecondFactor::Required).await;
    let mut ada = server.browser();
    let page = ada.authorize(&Ask::of("portal")).await;
    let page = ada.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), ENROL);
    let pending = page.hidden("pending");
    let only = Form::new().with("pending", &pending);
    let code = only.clone().with("code", "123456");
    for (path, form) in [("/login/second-factor", &code), ("/login/enrol", &only)] {
        let answer = ada.post(path, form).await;
        let answer = ada.follow(answer).await;
        let title = answer.title().trim_start_matches("Error: ").to_owned();
        assert_eq!(
            title, "Add a second way to prove it’s you – Safeconduct",
            "{path}"
        );
    }
    assert_eq!(ada.authorize(&Ask::of("shop")).await.to_string(), ENROL);
    let silent = ada
        .authorize(&Ask::of("portal").with("prompt", "none"))
        .await;
    assert_eq!(silent.parameter("error").as_deref(), Some("login_required"));
}

/// Attacks: PE22, PE35.
#[tokio::test]
async fn an_enrolment_is_good_in_its_session_alone() {
    let server = start(SecondFactor::Required).await;
    let enrol = async |user: &str| {
        let mut browser = server.browser();
        let page = browser.authorize(&Ask::of("portal")).await;
        let page = browser.sign_in(&page, user).await;
        assert_eq!(page.to_string(), ENROL);
        (browser, page)
    };
    let (_, of_eve) = enrol("eve").await;
    let (_, of_another_session) = enrol("ada").await;
    let (mut ada, page) = enrol("ada").await;
    let edited = page.hidden("enrolment").replace("sc_en_", "sc_en_A");
    for (foreign, enrolment) in [
        (&of_eve, of_eve.hidden("enrolment")),
        (&of_another_session, of_another_session.hidden("enrolment")),
        (&page, edited),
        (&page, String::new()),
    ] {
        let code = App::scanned(foreign).code(&server);
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("enrolment", &enrolment)
            .with("code", &code);
        let answer = ada.post("/login/enrol", &form).await;
        assert_eq!(answer.to_string(), ENROL_AGAIN);
    }
    assert_eq!(events(&server, "second-factor-added").await, 0);
    let app = App::scanned(&page);
    let done = ada.confirm(&page, &app.code(&server)).await;
    assert_eq!(done.to_string(), CODES);
    // Another tab had the same page open: what is there stays.
    let answer = ada.confirm(&page, &app.code_in(&server, 1)).await;
    assert!(ada.follow(answer).await.has_code());
    assert_eq!(events(&server, "second-factor-added").await, 1);
}

/// Attacks: L01.
#[rstest]
#[case("/login/second-factor")]
#[case("/login/enrol")]
#[tokio::test]
async fn a_form_of_another_site_or_another_browser_proves_nothing(#[case] path: &str) {
    let (server, app) = enrolled().await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("code", &app.code(&server));
    let cross_site = [("sec-fetch-site", "cross-site")];
    let answer = ada.post_from(path, &form, &cross_site).await;
    assert_eq!(answer.to_string(), "403 page (cross-site-form)");
    let mut other = server.sign_in_with_code("ada", &app).await;
    let answer = other.post(path, &form).await;
    assert_eq!(
        answer.to_string(),
        "400 page (pending-request-from-another-browser)"
    );
}

/// Attacks: PE60.
#[tokio::test]
async fn a_new_password_takes_no_second_factor_away() {
    let (server, app) = enrolled().await;
    server.set_password("ada", &password_of("ada")).await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    assert!(ada.follow(answer).await.has_code());
}

#[tokio::test]
async fn where_they_are_off_none_is_set_up_and_one_that_is_there_is_asked_for() {
    let server = start(SecondFactor::Off).await;
    let server = server.restart_with(|settings| settings.passkeys = false);
    let server = server.await;
    let demand = |client: &mut Client| client.require_second_factor = true;
    server.change_client("shop", demand).await;
    let mut ada = server.sign_in("ada").await;
    let answer = ada.authorize(&Ask::of("shop")).await;
    let error = answer.parameter("error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"));

    let (server, _) = enrolled().await;
    let server = server.restart_with(|settings| settings.second_factor = SecondFactor::Off);
    let server = server.await;
    server.browser().asked_for_code().await;
    let mut eve = server.browser();
    let page = eve.authorize(&Ask::of("portal")).await;
    assert!(eve.sign_in(&page, "eve").await.has_code());
}

#[rstest]
#[case(SecondFactor::Off, false, &["urn:safeconduct:acr:password"])]
#[case(SecondFactor::Offered, false, &["urn:safeconduct:acr:password", "mfa", "https://refeds.org/profile/mfa"])]
#[case(SecondFactor::Required, false, &["urn:safeconduct:acr:password", "mfa", "https://refeds.org/profile/mfa"])]
#[case(SecondFactor::Off, true, &["urn:safeconduct:acr:password", "mfa", "https://refeds.org/profile/mfa", "phr"])]
#[tokio::test]
async fn the_metadata_names_the_contexts_that_can_be_met(
    #[case] second_factor: SecondFactor,
    #[case] passkeys: bool,
    #[case] names: &[&str],
) {
    let server = start(second_factor).await;
    let server = server.restart_with(|settings| settings.passkeys = passkeys);
    let metadata = server.await.get("/.well-known/openid-configuration").await;
    let metadata = metadata.json();
    assert_eq!(metadata["acr_values_supported"], serde_json::json!(names));
}

/// The secret is sealed for its own row: what another row holds proves nobody, and nobody is shut out by it.
///
/// Attacks: PE35.
#[tokio::test]
async fn the_secret_of_another_row_proves_nobody() {
    let (server, app) = enrolled().await;
    server.change(
        "UPDATE credentials SET sealed = (SELECT c.sealed FROM credentials c WHERE c.user_id = credentials.user_id \
         AND c.kind = 'password') WHERE kind = 'totp'",
    );
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    assert_eq!(answer.to_string(), WRONG);
    let answer = ada.recovery_code_typed(&page, &app.recovery_codes[0]).await;
    assert!(ada.follow(answer).await.has_code());
}

/// The secret is sealed anew with the other credentials; a recovery code stays good under the key that it was hashed with, and keeps it.
#[tokio::test]
async fn a_second_factor_outlives_the_keys_it_was_made_under() {
    let (server, app) = enrolled().await;
    let rotated = rotate(&server, Rotating::Sealing, true).await.unwrap();
    assert_eq!(rotated, Rotated::Used);
    let (store, masters) = (&server.store(), server.masters());
    let resealed = reseal_credentials(store, &masters, server.issuer(), server.now()).await;
    let resealed = resealed.unwrap();
    assert!(resealed.credentials >= 2 && resealed.unreadable.is_empty());
    let user = server.user("ada").await;
    assert!(store.otp(&user).await.unwrap().is_some());
    rotate(&server, Rotating::Hash, true).await.unwrap();
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let answer = ada.recovery_code_typed(&page, &app.recovery_codes[0]).await;
    assert!(ada.follow(answer).await.has_code());
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    assert!(ada.follow(answer).await.has_code());
    // As if every client had used its secret since.
    server.change(
        "UPDATE client_secrets SET hashed_by = (SELECT id FROM keys WHERE purpose = 'hash' AND state = 'active')",
    );
    server.advance(24 * 3600);
    server.server().sweep().await.unwrap();
    assert_eq!(states(&server, "seal:credential").await, ["active"]);
    assert_eq!(states(&server, "hash").await, ["active", "retired"]);
    let removed = store.remove_otp(&user, Remover::Operator, None, server.now());
    assert_eq!(removed.await.unwrap(), OtpRemoval::Removed);
    server.server().sweep().await.unwrap();
    assert_eq!(states(&server, "hash").await, ["active"]);
}

#[tokio::test]
async fn where_none_is_demanded_none_is_set_up() {
    let server = start(SecondFactor::Offered).await;
    let mut ada = server.decline("ada").await;
    let page = ada.authorize(&Ask::of("shop")).await;
    let consent = "200 page “Allow The shop? – Safeconduct”";
    assert_eq!(page.to_string(), consent);
    for path in ["/login/enrol", "/login/second-factor"] {
        let form = Form::new().with("pending", &page.hidden("pending"));
        let answer = ada.post(path, &form.with("code", "123456")).await;
        assert_eq!(ada.follow(answer).await.to_string(), consent, "{path}");
    }
}

impl TestServer {
    pub(crate) async fn sign_in_with_code(&self, user: &str, app: &App) -> Browser<'_> {
        let mut browser = self.browser();
        let page = browser.authorize(&Ask::of("portal")).await;
        let page = browser.sign_in(&page, user).await;
        let answer = browser.code_typed(&page, &app.code_in(self, 1)).await;
        assert!(browser.follow(answer).await.has_code());
        browser
    }
}
