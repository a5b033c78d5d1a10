//! The demo as a newcomer sees it: the real program, a real browser, real forms. What runs them is in `stage.rs`, what the
//! pages look like is for `pictures.rs` to say.

mod pictures;
mod stage;

use std::process::{Command, Stdio};

use stage::{Demo, Stage};
use thirtyfour::prelude::*;

const PASSWORD: &str = "correct-horse-demo";
const WRONG_PASSWORD: &str = "wrong-horse-typed-by-mistake";

const ATTACKS: [&str; 9] = [
    "replayed-code",
    "code-of-another-client",
    "wrong-code-verifier",
    "changed-redirect-uri",
    "changed-state",
    "token-for-another-api",
    "forged-token",
    "reused-refresh-token",
    "revoked-token",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_walks_through_the_flow_and_breaks_nothing_in_a_browser() {
    let demo = Demo::start();
    stage::in_browser(demo, |stage| async move {
        signs_in_and_changes_their_mind(&stage).await?;
        reads_notes_and_what_happened(&stage).await?;
        tries_to_break_it(&stage).await?;
        is_remembered(&stage).await?;
        leaves(&stage).await?;
        is_told_what_is_wrong(&stage).await?;
        followed_it_on_the_terminal(&stage);
        Ok(())
    })
    .await;
}

#[test]
fn every_attack_is_refused_without_a_browser() {
    let output = Command::new(env!("CARGO_BIN_EXE_safeconduct"))
        .args(["demo", "--break", "--ports", "0,0,0"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    insta::assert_snapshot!(printed, @r"
  replayed-code            refused  ✓  400 invalid_grant
  code-of-another-client   refused  ✓  400 invalid_grant
  wrong-code-verifier      refused  ✓  400 invalid_grant
  changed-redirect-uri     refused  ✓  400 redirect-uri-not-registered
  changed-state            refused  ✓  400 sign-in-unknown
  token-for-another-api    refused  ✓  401 invalid_token
  forged-token             refused  ✓  401 invalid_token
  reused-refresh-token     refused  ✓  400 invalid_grant
  revoked-token            refused  ✓  401 invalid_token

  All 9 attacks were refused, each with the right error.
");
}

async fn signs_in_and_changes_their_mind(stage: &Stage) -> WebDriverResult<()> {
    let app = &stage.demo.app;
    stage.visit(&app.replace("localhost", "127.0.0.1")).await?;
    assert!(
        stage.driver.current_url().await?.as_str().starts_with(app),
        "one host, or the cookies are lost"
    );
    stage.picture("app-home").await?;
    stage.press("sign-in").await?;

    assert!(
        stage
            .text("main")
            .await?
            .contains("to continue to Demo Notes")
    );
    assert!(
        stage.text(".hint").await?.contains(PASSWORD),
        "the demo says whom one can be"
    );
    stage.picture("login").await?;
    stage.fill("username", "alice").await?;
    stage.fill("password", WRONG_PASSWORD).await?;
    stage.press("login-submit").await?;
    assert!(
        stage
            .text("[role=alert]")
            .await?
            .contains("The username or password is not right")
    );
    assert!(stage.driver.title().await?.starts_with("Error: "));
    assert_eq!(stage.value("username").await?, "alice");
    assert_eq!(stage.value("password").await?, "");
    stage.picture("login-error").await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await?;

    let consent = stage.text("main").await?;
    for words in [
        "Allow Demo Notes to use your account?",
        "You are alice",
        "Read your notes",
        "Write new notes",
        "return you to localhost:",
    ] {
        assert!(consent.contains(words), "{words} in {consent}");
    }
    stage.picture("consent").await?;
    stage.press("consent-deny").await?;

    assert_eq!(stage.text("#error-code").await?, "access-denied");
    assert!(
        stage
            .text("h1")
            .await?
            .contains("You did not allow the sign-in")
    );
    stage.picture("app-denied").await?;
    stage.leave_by("a.on").await?;
    stage.press("consent-allow").await?;
    stage.press("open-notes").await
}

async fn reads_notes_and_what_happened(stage: &Stage) -> WebDriverResult<()> {
    assert_eq!(stage.text("h1").await?, "Hello Alice");
    assert_eq!(stage.count(".notes > li:not(.new)").await?, 3);
    assert_eq!(
        stage.count(".step").await?,
        6,
        "{}",
        stage.text(".steps").await?
    );
    assert_eq!(
        stage.count(".tally.good").await?,
        6,
        "{}",
        stage.text(".steps").await?
    );
    assert!(
        stage.count(".diagram .asks").await? >= 8,
        "an arrow for each request"
    );
    assert_eq!(stage.count(".diagram .refused").await?, 0);

    stage.unfold("#step-5 > summary").await?;
    stage.unfold("#step-5 .jwt summary").await?;
    let exchange = stage.text("#step-5").await?;
    for words in [
        "POST /token",
        "grant_type",
        "authorization_code",
        "Basic demo-notes:…",
        "\"typ\": \"at+jwt\"",
        "no-store",
    ] {
        assert!(exchange.contains(words), "{words} in {exchange}");
    }
    stage.picture("app-notes").await?;
    assert!(
        !stage.driver.source().await?.contains(PASSWORD),
        "the password was not even recorded"
    );

    stage.fill("text", "Water the basil.").await?;
    stage.leave_by(".notes .button").await?;
    stage.wait_for(".notes > li:nth-child(4):not(.new)").await?;
    assert!(stage.text(".notes").await?.contains("Water the basil."));
    assert_eq!(stage.count(".tally.good").await?, 6);
    Ok(())
}

async fn tries_to_break_it(stage: &Stage) -> WebDriverResult<()> {
    for attack in ATTACKS {
        stage.press(&format!("break-{attack}")).await?;
        let verdict = stage.text("#verdict").await?;
        assert!(
            verdict.starts_with("Refused. 40"),
            "{attack}: {verdict}\n{}",
            stage.text("main").await?
        );
        assert_eq!(stage.count(".trials .bad").await?, 0, "{attack}");
        assert!(stage.count(".trials .attacker").await? > 0, "{attack}");
        if attack == ATTACKS[0] {
            stage.picture("app-attack").await?;
        }
        stage.visit(&format!("{}/notes", stage.demo.app)).await?;
    }
    assert_eq!(stage.count(".attacks .last.good").await?, ATTACKS.len());
    assert_eq!(
        stage.text("h1").await?,
        "Hello Alice",
        "her own sign-in survived"
    );
    Ok(())
}

async fn is_remembered(stage: &Stage) -> WebDriverResult<()> {
    stage.leave_by(".who button").await?;
    stage.press("sign-in").await?;
    assert_eq!(
        stage.text("h1").await?,
        "Hello Alice",
        "neither password nor consent is asked for again"
    );
    assert_eq!(
        stage.count(".tally.good").await?,
        6,
        "{}",
        stage.text(".steps").await?
    );
    stage.picture("app-notes-remembered").await
}

async fn leaves(stage: &Stage) -> WebDriverResult<()> {
    stage.leave_by(".who button").await?;
    stage.wait_for("#sign-in").await?;
    stage.visit(&stage.demo.server).await?;
    assert!(stage.text("main").await?.contains("alice"));
    stage.picture("server-home").await?;
    stage.leave_by("main form button").await?;
    assert_eq!(stage.text("h1").await?, "You are signed out");
    stage.picture("signed-out").await?;
    stage.visit(&stage.demo.app).await?;
    stage.press("sign-in").await?;
    stage.wait_for("#login-form").await.map(drop)
}

async fn is_told_what_is_wrong(stage: &Stage) -> WebDriverResult<()> {
    let request = "/authorize?response_type=code&client_id=demo-notes&redirect_uri=http://localhost/evil&state=%3Cscript%3E";
    stage
        .visit(&format!("{}{request}", stage.demo.server))
        .await?;
    assert_eq!(
        stage.text("#error-code").await?,
        "redirect-uri-not-registered"
    );
    stage.picture("error").await
}

fn followed_it_on_the_terminal(stage: &Stage) {
    let printed = stage.demo.printed();
    for words in [
        "1 app     -> browser  go to /authorize",
        "2 browser -> server   alice could not sign in",
        "2 browser -> server   alice signed in",
        "3 browser -> server   did not allow Demo Notes",
        "3 browser -> server   allowed Demo Notes",
        "4 server  -> app      code sc_code_",
        "5 app     -> server   code + code_verifier",
        "6 app     -> API      GET /notes 200",
        "8 browser -> app      signed out",
        "3 browser -> server   allowed before",
        "replayed-code            refused  ✓  400 invalid_grant",
    ] {
        assert!(printed.contains(words), "{words} in\n{printed}");
    }
    let failed: Vec<&str> = printed.lines().filter(|line| line.contains('✗')).collect();
    assert_eq!(failed.len(), 1, "{printed}");
    assert!(
        failed[0].ends_with("✗ refused: 400 This sign-in link doesn’t work – Safeconduct"),
        "{failed:?}"
    );
    assert!(!printed.contains(WRONG_PASSWORD));
}
