//! A passkey in answer to a demand for a second factor: made on the way, asked for behind that, and no way round it.

use rstest::rstest;
use safeconduct_protocol::client::{Client, ConsentPolicy};
use safeconduct_server::settings::SecondFactor;
use safeconduct_testing_passkey::{Created, Device, Passkey, UV};
use serde_json::json;

use crate::passkeys::asked_for;
use crate::second_factor::{App, CODES, ENROL, events, payload, start};
use crate::support::{Answer, Ask, Browser, Form, ISSUER, NOTES_API, TestServer};

const MAKE: &str = "200 page “Add a passkey – Safeconduct”";
const MAKE_AGAIN: &str = "400 page “Error: Add a passkey – Safeconduct”";
const ENROL_AGAIN: &str = "400 page “Error: Add a second way to prove it’s you – Safeconduct”";
const PROVE: &str = "200 page “Confirm with your passkey – Safeconduct”";
const AGAIN: &str = "200 page “Confirm it’s you – Safeconduct”";

/// A server on which `club` demands a second factor.
async fn demanding(second_factor: SecondFactor) -> TestServer {
    let server = start(second_factor).await;
    let demand = |client: &mut Client| {
        client.require_second_factor = true;
        client.consent = ConsentPolicy::Never;
    };
    server.change_client("club", demand).await;
    server
}

fn club() -> Ask {
    Ask::of("club").scope("openid notes.read")
}

async fn kept(server: &TestServer, user: &str) -> usize {
    let user = server.user(user).await;
    let passkeys = server.server().store().passkeys_of(&user).await;
    passkeys.unwrap().len()
}

fn made_for(page: &Answer, credential: &str) -> Form {
    Form::new()
        .with("ceremony", &page.hidden("ceremony"))
        .with("credential", credential)
}

fn create(page: &Answer) -> (Passkey, Created) {
    Device::manager(ISSUER).create(&asked_for(page))
}

impl Browser<'_> {
    async fn made(&mut self, page: &Answer, credential: &str) -> Answer {
        let form = made_for(page, credential).with("pending", &page.hidden("pending"));
        self.post("/login/passkey/add", &form).await
    }
}

/// Nothing is signed when a passkey is made: it proves its owner behind that, as ever.
///
/// Attacks: PE41, PE51.
#[tokio::test]
async fn a_passkey_that_is_demanded_is_made_on_the_way_and_asked_for_behind_that() {
    let server = demanding(SecondFactor::Off).await;
    let (mut ada, ask) = (server.browser(), club());
    let page = ada.authorize(&ask).await;
    let page = ada.sign_in(&page, "ada").await;
    let signed_in = server.now();
    assert_eq!(page.to_string(), MAKE);
    assert!(!page.body.contains("not-now"), "{page:?}");
    assert!(!page.body.contains("id=\"secret\""), "there are no apps");
    let wrong = ada.made(&page, "{}").await;
    assert_eq!(wrong.to_string(), MAKE_AGAIN);

    let (passkey, created) = create(&wrong);
    let made = ada.made(&wrong, &created.json()).await;
    assert_eq!(made.to_string(), "303 /authorize");
    let page = ada.follow(made).await;
    assert_eq!(page.to_string(), PROVE);
    let silent = ada.authorize(&club().with("prompt", "none")).await;
    assert_eq!(silent.parameter("error").as_deref(), Some("login_required"));
    server.advance(20);
    let answer = Device::manager(ISSUER).sign(&passkey, &asked_for(&page));
    let proved = ada.passkey(&page, &answer).await;
    let code = ada.follow(proved).await.code(&ask);
    let tokens = server.exchange(&code).await.tokens();
    let introspected = server.introspect(NOTES_API, &tokens.access).await.json();
    for said in [
        payload(tokens.id_token()),
        payload(&tokens.access),
        introspected,
    ] {
        assert_eq!(said["acr"], "phr", "{said}");
        assert_eq!(said["amr"], json!(["pwd", "pop", "user", "mfa"]));
        assert_eq!(said["auth_time"], signed_in.plus(20).seconds(), "{said}");
    }
    assert_eq!(kept(&server, "ada").await, 1);
}

/// An essential context makes one as well; a wish does not.
#[rstest]
#[case::any_second_factor("mfa", "phr")]
#[case::a_passkey("phr", "phr")]
#[tokio::test]
async fn an_essential_context_is_met_by_a_passkey_that_is_made_for_it(
    #[case] acr: &str,
    #[case] wished: &str,
) {
    let server = start(SecondFactor::Off).await;
    let claims = format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{acr}"}}}}}}"#);
    let portal = || Ask::of("portal");
    let mut ada = server.browser();
    let page = ada.authorize(&portal().with("acr_values", wished)).await;
    assert!(ada.sign_in(&page, "ada").await.has_code());
    let page = ada.authorize(&portal().with("claims", &claims)).await;
    assert_eq!(page.to_string(), MAKE);
    let (_, created) = create(&page);
    let made = ada.made(&page, &created.json()).await;
    assert_eq!(ada.follow(made).await.to_string(), PROVE);
    assert_eq!(kept(&server, "ada").await, 1);
}

/// Where both will do, either is set up on one page, and what is wrong with one leaves the other as it was.
#[tokio::test]
async fn a_passkey_or_an_app_is_set_up_on_one_page() {
    let server = start(SecondFactor::Required).await;
    let mut ada = server.browser();
    let page = ada.authorize(&Ask::of("portal")).await;
    let page = ada.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), ENROL);
    let secret = |page: &Answer| {
        let (_, rest) = page.body.split_once("id=\"secret\"").unwrap();
        rest.split_once("</code>").unwrap().0.to_owned()
    };
    let (_, mut created) = create(&page);
    created.authenticator_data.flags &= !UV;
    let form = made_for(&page, &created.json())
        .with("pending", &page.hidden("pending"))
        .with("enrolment", &page.hidden("enrolment"));
    let wrong = ada.post("/login/passkey/add", &form).await;
    assert_eq!(wrong.to_string(), ENROL_AGAIN);
    assert!(wrong.body.contains("Set a PIN for this key first"));
    assert_eq!(secret(&wrong), secret(&page), "the app was scanned by now");
    let over = ada.made(&page, "").await;
    assert_ne!(secret(&over), secret(&page), "nobody said which app");
    assert_eq!(kept(&server, "ada").await, 0);

    let app = App::scanned(&wrong);
    let done = ada.confirm(&wrong, &app.code(&server)).await;
    assert_eq!(done.to_string(), CODES);
    // With that, none is due here any more: the form of before adds nothing.
    let (_, created) = create(&wrong);
    let late = ada.made(&wrong, &created.json()).await;
    assert!(ada.follow(late).await.has_code());
    assert_eq!(kept(&server, "ada").await, 0);

    let mut eve = server.browser();
    let page = eve.authorize(&Ask::of("portal")).await;
    let page = eve.sign_in(&page, "eve").await;
    let (_, created) = create(&page);
    let made = eve.made(&page, &created.json()).await;
    assert_eq!(eve.follow(made).await.to_string(), PROVE);
    assert_eq!(events(&server, "passkey-added").await, 1);
}

/// Attacks: PE39, PE41.
#[rstest]
#[case::a_passkey_alone(SecondFactor::Off, MAKE)]
#[case::a_passkey_or_an_app(SecondFactor::Offered, ENROL)]
#[tokio::test]
async fn there_is_no_way_round_what_is_demanded(
    #[case] second_factor: SecondFactor,
    #[case] page_that_is_due: &str,
) {
    let server = demanding(second_factor).await;
    let mut ada = server.browser();
    let page = ada.authorize(&club()).await;
    let page = ada.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), page_that_is_due);
    let form = Form::new().with("pending", &page.hidden("pending"));
    let due = |answer: &Answer| {
        let title = answer.title().trim_start_matches("Error: ").to_owned();
        assert!(page_that_is_due.contains(&title), "{answer:?}");
    };
    let yes = [
        ("decision", "not-now"),
        ("decision", "passkey"),
        ("decision", "otp"),
    ];
    for (path, (name, value)) in [
        ("/login/offer", yes[0]),
        ("/login/offer", yes[1]),
        ("/login/offer", yes[2]),
        ("/login/passkey/add", ("credential", "{}")),
        ("/login/passkey", ("credential", "{}")),
        ("/login/enrol", ("code", "123456")),
        ("/login/second-factor", ("code", "123456")),
    ] {
        let answer = ada.post(path, &form.clone().with(name, value)).await;
        let answer = ada.follow(answer).await;
        if path != "/login/passkey" {
            due(&answer);
        }
        assert!(!answer.has_code(), "{path}: {answer:?}");
    }
    for (path, name, value) in [
        ("/consent", "decision", "allow"),
        ("/login/continue", "account", "ada"),
    ] {
        let answer = ada.post(path, &form.clone().with(name, value)).await;
        assert!(!ada.follow(answer).await.has_code(), "{path}");
    }
    due(&ada.authorize(&club()).await);
    let silent = ada.authorize(&club().with("prompt", "none")).await;
    assert_eq!(silent.parameter("error").as_deref(), Some("login_required"));
    assert_eq!(kept(&server, "ada").await, 0);
}

/// Attacks: PE22, PE23.
#[tokio::test]
async fn a_passkey_is_made_by_the_session_that_asked_behind_a_fresh_sign_in() {
    let server = demanding(SecondFactor::Off).await;
    let enrol = async |user: &str| {
        let mut browser = server.browser();
        let page = browser.authorize(&club()).await;
        let page = browser.sign_in(&page, user).await;
        assert_eq!(page.to_string(), MAKE);
        (browser, page)
    };
    let (mut ada, page) = enrol("ada").await;
    let (_, created) = create(&page);
    // The challenge of another user, and of another session of hers.
    for user in ["eve", "ada"] {
        let (_, theirs) = enrol(user).await;
        let (_, created) = create(&theirs);
        let form = made_for(&theirs, &created.json()).with("pending", &page.hidden("pending"));
        let refused = ada.post("/login/passkey/add", &form).await;
        assert_eq!(refused.to_string(), MAKE_AGAIN);
        assert!(refused.body.contains("open for too long"));
    }
    // Another site, and another browser.
    let form = made_for(&page, &created.json()).with("pending", &page.hidden("pending"));
    let foreign = [("sec-fetch-site", "cross-site")];
    let refused = ada.post_from("/login/passkey/add", &form, &foreign).await;
    assert_eq!(refused.to_string(), "403 page (cross-site-form)");
    let (mut eve, _) = enrol("eve").await;
    let refused = eve.post("/login/passkey/add", &form).await;
    assert_eq!(
        refused.to_string(),
        "400 page (pending-request-from-another-browser)"
    );
    // A browser that was left open: her challenge is as good as ever, and she is not there.
    let mut left = server.sign_in("ada").await;
    let own = left.open("/account/passkeys/add").await;
    let (_, created) = create(&own);
    server.advance(301);
    let page = left.authorize(&club()).await;
    assert_eq!(page.to_string(), AGAIN);
    let form = made_for(&own, &created.json()).with("pending", &page.hidden("pending"));
    let answer = left.post("/login/passkey/add", &form).await;
    assert_eq!(left.follow(answer).await.to_string(), AGAIN);
    assert_eq!(kept(&server, "ada").await + kept(&server, "eve").await, 0);
    let page = left.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), MAKE);
}
