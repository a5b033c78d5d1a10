//! Apps on a person's own computer: the answer on a loopback address, a session in a file that many processes share.

#[path = "../../examples/native.rs"]
#[expect(dead_code, reason = "a test is not started as the example is")]
mod example;

use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use rstest::rstest;
use safeconduct_client::native::{Native, NativeSignIn, TokenFile};
use safeconduct_client::testing::{FakeIssuer, Fault};
use safeconduct_client::{BeginOptions, Client, ClientBuilder, Error, ErrorKind, Session, StepUp};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use crate::{issuer_and_clock, kind, parameter};

/// A public client of `issuer`, as it is registered for an app on a person's own computer.
fn client(issuer: &FakeIssuer, clock: &safeconduct_client::Clock) -> ClientBuilder {
    Client::new(issuer.url(), FakeIssuer::CLIENT_ID)
        .scopes(["openid", "profile", "offline_access", "notes.read"])
        .clock(clock.clone())
}

/// A sign-in that waits, the address that the browser is sent back to, and one that is typed.
async fn begun(app: &Native, issuer: &FakeIssuer) -> (JoinHandle<Result<Session, Error>>, Url) {
    let sign_in = app.begin(&BeginOptions::new()).await.unwrap();
    let back = issuer.authorize(sign_in.url()).await;
    (tokio::spawn(sign_in.wait()), back)
}

async fn sign_in(app: &Native, issuer: &FakeIssuer) -> Session {
    let (waiting, back) = begun(app, issuer).await;
    assert_eq!(visit(back).await.0, StatusCode::OK);
    waiting.await.unwrap().unwrap()
}

/// What a browser shows at `url`.
async fn visit(url: Url) -> (StatusCode, String) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

fn with(mut url: Url, change: impl FnOnce(&mut Url)) -> Url {
    change(&mut url);
    url
}

#[tokio::test]
async fn a_person_signs_in_at_a_port_of_127_0_0_1_that_is_closed_afterwards() {
    let (issuer, clock) = issuer_and_clock().await;
    let app = client(&issuer, &clock).dpop(true).build().unwrap().native();
    assert!(app.session().await.unwrap().is_none());
    let sign_in = app.begin(&BeginOptions::new()).await.unwrap();
    let redirect_uri = parameter(sign_in.url(), "redirect_uri").unwrap();
    let redirect_uri = Url::parse(&redirect_uri).unwrap();
    assert_eq!(
        (redirect_uri.host_str(), redirect_uri.path()),
        (Some("127.0.0.1"), "/callback")
    );
    let method = parameter(sign_in.url(), "code_challenge_method");
    assert_eq!(method.as_deref(), Some("S256"));

    let back = issuer.authorize(sign_in.url()).await;
    let waiting = tokio::spawn(sign_in.wait());
    let answer = reqwest::get(back.clone()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str();
    assert!(policy.unwrap().starts_with("default-src 'none'"));
    assert!(answer.text().await.unwrap().contains("You are signed in."));

    let session = waiting.await.unwrap().unwrap();
    assert_eq!(session.identity().unwrap().sub(), "alice");
    assert_eq!(issuer.authentications(), ["none"]);
    assert_eq!(issuer.proofs(), 2, "at the token and userinfo endpoints");
    let found = app.session().await.unwrap().unwrap();
    assert!(found.access_token().await.unwrap() == session.access_token().await.unwrap());
    assert!(reqwest::get(back).await.unwrap_err().is_connect());
}

/// Attacks: LI59.
#[tokio::test]
async fn what_is_no_answer_to_this_sign_in_changes_nothing() {
    let (issuer, clock) = issuer_and_clock().await;
    let app = client(&issuer, &clock).build().unwrap().native();
    let (waiting, back) = begun(&app, &issuer).await;
    let (_other, of_another) = begun(&app, &issuer).await;

    let foreign = with(back.clone(), |url| url.set_query(of_another.query()));
    for (wrong, status) in [
        (foreign, StatusCode::BAD_REQUEST),
        (
            with(back.clone(), |url| url.set_query(Some("code=x&state=y"))),
            StatusCode::BAD_REQUEST,
        ),
        (
            with(back.clone(), |url| url.set_query(None)),
            StatusCode::BAD_REQUEST,
        ),
        (
            with(back.clone(), |url| url.set_path("/favicon.ico")),
            StatusCode::NOT_FOUND,
        ),
    ] {
        assert_eq!(visit(wrong.clone()).await.0, status, "{wrong}");
    }
    let browser = reqwest::Client::new();
    let rebound = browser
        .get(back.clone())
        .header(header::HOST, "evil.example");
    assert_eq!(
        rebound.send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let posted = browser.request(Method::POST, back.clone());
    assert_eq!(
        posted.send().await.unwrap().status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(issuer.token_requests(), 0);

    assert_eq!(visit(back).await.0, StatusCode::OK);
    assert!(waiting.await.unwrap().is_ok());
}

/// Attacks: LI59.
#[tokio::test]
async fn a_second_answer_is_told_that_it_is_late() {
    let (issuer, clock) = issuer_and_clock().await;
    let app = client(&issuer, &clock).build().unwrap().native();
    let sign_in = app.begin(&BeginOptions::new()).await.unwrap();
    let back = issuer.authorize(sign_in.url()).await;
    let answers = sign_in.answers();
    let gate = issuer.hold_tokens();
    let waiting = tokio::spawn(sign_in.wait());
    let first = tokio::spawn(visit(back.clone()));
    issuer.until_token_requests(1).await;
    let mut second = pin!(answers.give(back.as_str()));
    let waits = std::future::poll_fn(|task| Poll::Ready(second.as_mut().poll(task).is_pending()));
    assert!(waits.await);
    drop(gate);
    assert_eq!(kind(second.await), Some(ErrorKind::AttemptUsed));
    assert_eq!(first.await.unwrap().0, StatusCode::OK);
    assert!(waiting.await.unwrap().is_ok());
    assert_eq!(
        kind(answers.give(back.as_str()).await),
        Some(ErrorKind::AttemptUsed)
    );
    assert_eq!(issuer.token_requests(), 1);
}

#[rstest]
#[case::denied(
    Fault::Denies("access_denied"),
    ErrorKind::AccessDenied,
    StatusCode::FORBIDDEN
)]
#[case::mixed_up(Fault::WrongIssuer, ErrorKind::IssuerMismatch, StatusCode::BAD_REQUEST)]
#[case::unnamed(Fault::NoIssuer, ErrorKind::IssuerMismatch, StatusCode::BAD_REQUEST)]
#[case::refused(
    Fault::Refuses("invalid_grant"),
    ErrorKind::TokenRefused,
    StatusCode::BAD_GATEWAY
)]
#[tokio::test]
async fn a_sign_in_that_fails_says_so_to_the_app_and_in_the_browser(
    #[case] fault: Fault,
    #[case] told: ErrorKind,
    #[case] status: StatusCode,
) {
    let (issuer, clock) = issuer_and_clock().await;
    let app = client(&issuer, &clock).build().unwrap().native();
    issuer.script([fault]);
    let (waiting, back) = begun(&app, &issuer).await;
    let (shown, page) = visit(back).await;
    assert_eq!(shown, status);
    assert!(page.contains("You can close this window."));
    assert_eq!(kind(waiting.await.unwrap()), Some(told));
    assert!(app.session().await.unwrap().is_none());
}

/// Attacks: LI59.
#[tokio::test]
async fn a_person_who_does_not_come_back_is_not_waited_for_for_ever() {
    let (issuer, clock) = issuer_and_clock().await;
    let app = client(&issuer, &clock).build().unwrap().native();
    let app = app.patience(Duration::ZERO);
    let sign_in = app.begin(&BeginOptions::new()).await.unwrap();
    let error = sign_in.wait().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AttemptExpired);
    assert!(
        error
            .to_string()
            .contains("no answer came to http://127.0.0.1:")
    );
}

#[tokio::test]
async fn the_address_that_a_browser_elsewhere_ended_at_can_be_typed() {
    let (issuer, clock) = issuer_and_clock().await;
    let app = client(&issuer, &clock).build().unwrap().native();
    let sign_in = app.begin(&BeginOptions::new()).await.unwrap();
    let back = issuer.authorize(sign_in.url()).await;
    let answers = sign_in.answers();
    let waiting = tokio::spawn(sign_in.wait());
    let elsewhere = back.as_str().replace("127.0.0.1", "127.0.0.2");
    for typed in ["", "yes", back.query().unwrap(), &elsewhere] {
        let told = kind(answers.give(typed).await);
        assert_eq!(told, Some(ErrorKind::CallbackMalformed), "{typed}");
    }
    let changed = back.as_str().replace("state=", "state=x");
    assert_eq!(
        kind(answers.give(&changed).await),
        Some(ErrorKind::AttemptUnknown)
    );
    answers.give(&format!("  {back}\r\n")).await.unwrap();
    assert_eq!(
        waiting.await.unwrap().unwrap().identity().unwrap().sub(),
        "alice"
    );
}

/// Attacks: LI61.
#[tokio::test]
async fn a_scheme_of_the_apps_own_is_a_reversed_domain_and_handed_over_by_the_system() {
    let (issuer, clock) = issuer_and_clock().await;
    let native = || client(&issuer, &clock).build().unwrap().native();
    for wrong in [
        "myapp:/cb",
        "/cb",
        "com.example.app:/cb#a",
        "com.example.app:/cb?a=b",
        "",
    ] {
        let refused = native().redirect_uri(wrong);
        assert_eq!(kind(refused), Some(ErrorKind::Configuration), "{wrong}");
    }
    let app = native().redirect_uri("com.example.app:/cb").unwrap();
    let sign_in = app.begin(&BeginOptions::new()).await.unwrap();
    let redirect_uri = parameter(sign_in.url(), "redirect_uri");
    assert_eq!(redirect_uri.as_deref(), Some("com.example.app:/cb"));
    let back = issuer.authorize(sign_in.url()).await;
    let answers = sign_in.answers();
    let waiting = tokio::spawn(sign_in.wait());
    answers.give(back.as_str()).await.unwrap();
    assert!(waiting.await.unwrap().is_ok());
}

#[test]
fn the_path_of_the_redirect_uri_is_plain() {
    let app = || {
        Client::new("https://id.example.com", "app")
            .build()
            .unwrap()
            .native()
    };
    assert!(app().redirect_path("/oauth/return").is_ok());
    for wrong in ["", "callback", "/a b", "/a?b", "/../a", "/é"] {
        assert_eq!(
            kind(app().redirect_path(wrong)),
            Some(ErrorKind::Configuration),
            "{wrong}"
        );
    }
}

/// The app of a process that shares the file in `home`.
fn process(issuer: &FakeIssuer, clock: &safeconduct_client::Clock, home: &Path) -> Native {
    let file = TokenFile::open(home.join("notes/tokens.json")).unwrap();
    let client = client(issuer, clock).dpop(true).token_file(file);
    client.build().unwrap().native()
}

#[tokio::test]
async fn processes_that_share_a_file_refresh_once() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.forgives_no_retry();
    let home = tempfile::tempdir().unwrap();
    sign_in(&process(&issuer, &clock, home.path()), &issuer).await;
    clock.advance(300);
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let app = process(&issuer, &clock, home.path());
        tasks.spawn(async move {
            let session = app.session().await.unwrap().unwrap();
            session.access_token().await.unwrap().expose().to_owned()
        });
    }
    let tokens = tasks.join_all().await;
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(issuer.refreshes(), 1);
    assert!(!issuer.saw_reuse());
}

#[tokio::test]
async fn signing_out_revokes_and_leaves_no_token_behind() {
    let (issuer, clock) = issuer_and_clock().await;
    let home = tempfile::tempdir().unwrap();
    let (app, other) = (
        process(&issuer, &clock, home.path()),
        process(&issuer, &clock, home.path()),
    );
    sign_in(&app, &issuer).await;
    // What the server was not told is not said to be done, and can be done again.
    issuer.script([Fault::RevocationBusy]);
    assert!(other.sign_out().await.is_err());
    assert_eq!(issuer.revocations(), 0);
    assert!(app.session().await.unwrap().is_some());
    assert!(other.sign_out().await.unwrap());
    assert_eq!(issuer.revocations(), 1);
    assert!(app.session().await.unwrap().is_none());
    assert!(!app.sign_out().await.unwrap());
    let left = std::fs::read_to_string(home.path().join("notes/tokens.json")).unwrap();
    assert!(left.contains(r#""sessions":{}"#), "{left}");
}

#[tokio::test]
async fn another_sign_in_takes_the_place_of_the_one_before_and_a_failed_one_does_not() {
    let (issuer, clock) = issuer_and_clock().await;
    let home = tempfile::tempdir().unwrap();
    let app = process(&issuer, &clock, home.path());
    let first = sign_in(&app, &issuer).await;
    issuer.script([Fault::Denies("access_denied")]);
    let (waiting, back) = begun(&app, &issuer).await;
    visit(back).await;
    assert!(waiting.await.unwrap().is_err());
    let held = app.session().await.unwrap().unwrap();
    assert_eq!(held.id(), first.id());

    issuer.signs_in("bob");
    sign_in(&app, &issuer).await;
    let held = app.session().await.unwrap().unwrap();
    assert_eq!(held.identity().unwrap().sub(), "bob");
    assert_eq!(issuer.revocations(), 1);
    assert_eq!(
        kind(first.access_token().await),
        Some(ErrorKind::SessionEnded)
    );
}

#[tokio::test]
async fn a_step_up_asks_the_same_person_for_more() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.steps_up();
    let app = client(&issuer, &clock).build().unwrap().native();
    let session = sign_in(&app, &issuer).await;
    let options = BeginOptions::new().step_up(&session, &StepUp::acr(["mfa"]));
    let sign_in = app.begin(&options).await.unwrap();
    let back = issuer.authorize(sign_in.url()).await;
    let waiting = tokio::spawn(sign_in.wait());
    visit(back).await;
    let stronger = waiting.await.unwrap().unwrap();
    assert_eq!(stronger.identity().unwrap().acr(), Some("mfa"));
}

#[tokio::test]
async fn the_example_greets_its_person_and_asks_once() {
    let (issuer, clock) = issuer_and_clock().await;
    let home = tempfile::tempdir().unwrap();
    let file = || TokenFile::open(home.path().join("notes/tokens.json")).unwrap();
    let app = example::app(client(&issuer, &clock), file()).unwrap();
    let browser = |sign_in: &NativeSignIn| {
        let (issuer, url) = (issuer.clone(), sign_in.url().clone());
        tokio::spawn(async move { visit(issuer.authorize(&url).await).await });
    };
    assert_eq!(example::greet(&app, browser).await.unwrap(), "alice");
    let again = example::app(client(&issuer, &clock), file()).unwrap();
    let asks_nobody = |_: &NativeSignIn| panic!("the person is signed in");
    assert_eq!(example::greet(&again, asks_nobody).await.unwrap(), "alice");
}
