//! The demo as a newcomer sees it: the real program, a real browser, real forms. What runs them is in `stage.rs`, what the
//! pages look like is for `pictures.rs` to say.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pictures;
mod stage;

use safeconduct_testing_program::Directory;
use serde_json::{Value, json};
use stage::{Demo, Stage};
use thirtyfour::prelude::*;

const PASSWORD: &str = "correct-horse-demo";
const WRONG_PASSWORD: &str = "wrong-horse-typed-by-mistake";

const ATTACKS: [&str; 12] = [
    "replayed-code",
    "code-of-another-client",
    "wrong-code-verifier",
    "changed-redirect-uri",
    "changed-state",
    "swapped-id-token",
    "token-for-another-api",
    "forged-token",
    "stolen-token",
    "reused-refresh-token",
    "revoked-token",
    "replayed-logout-token",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_walks_through_the_flow_and_breaks_nothing_in_a_browser() {
    let demo = Demo::start();
    stage::in_browser(demo, |stage| async move {
        finds_the_way_to_the_server(&stage).await?;
        signs_in_at_the_second_try(&stage).await?;
        allows_it(&stage).await?;
        reads_notes_and_what_happened(&stage).await?;
        reads_how_the_app_knows_her(&stage).await?;
        writes_a_note(&stage).await?;
        renews_the_tokens(&stage).await?;
        signs_in_again_to_delete_a_note(&stage).await?;
        is_remembered(&stage).await?;
        leaves_by_the_app(&stage).await?;
        leaves_by_the_server(&stage).await?;
        finds_herself_signed_out(&stage).await?;
        says_no_as_bob(&stage).await?;
        tries_to_break_it(&stage).await?;
        asks_bob_after_all(&stage).await?;
        makes_a_passkey(&stage).await?;
        removes_access(&stage).await?;
        signs_up_with_a_passkey(&stage).await?;
        administers_the_server(&stage).await?;
        is_told_what_is_wrong(&stage).await?;
        followed_it_on_the_terminal(&stage);
        Ok(())
    })
    .await;
}

#[test]
fn every_attack_is_refused_without_a_browser() {
    let output = Directory::empty().run(&["demo", "--break", "--ports", "0,0,0"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (results, defences): (Vec<&str>, Vec<&str>) = printed
        .lines()
        .partition(|line| !line.starts_with("      "));
    insta::assert_snapshot!(results.join("\n"), @r"
  replayed-code            refused  ✓  400 invalid_grant
  code-of-another-client   refused  ✓  400 invalid_grant
  wrong-code-verifier      refused  ✓  400 invalid_grant
  changed-redirect-uri     refused  ✓  400 redirect-uri-not-registered
  changed-state            refused  ✓  400 sign-in-unknown
  swapped-id-token         refused  ✓  502 id-token-invalid
  token-for-another-api    refused  ✓  401 invalid_token
  forged-token             refused  ✓  401 invalid_token
  stolen-token             refused  ✓  401 invalid_token
  reused-refresh-token     refused  ✓  400 invalid_grant
  revoked-token            refused  ✓  401 invalid_token
  replayed-logout-token    refused  ✓  400 invalid_request

  All 12 attacks were refused, each with the right error.
");
    assert_eq!(defences.len(), 2 * ATTACKS.len(), "{printed}");
    let pkce = "Always on. Only a client that authenticates may go without, with clients.require_pkce = false.";
    assert_eq!(defences[5].trim(), pkce);
}

async fn finds_the_way_to_the_server(stage: &Stage) -> WebDriverResult<()> {
    let app = &stage.demo.app;
    stage.visit(&app.replace("localhost", "127.0.0.1")).await?;
    let address = stage.driver.current_url().await?;
    assert!(
        address.as_str().starts_with(app),
        "one host, or the cookies are lost"
    );
    stage.shows("#next", &["Sign in as alice"]).await?;
    stage.picture("app-home").await?;
    stage.press("sign-in").await?;
    stage.shows("main", &["to continue to Demo Notes"]).await?;
    stage.shows(".hint", &["alice", PASSWORD]).await?;
    stage.picture("login").await
}

async fn signs_in_at_the_second_try(stage: &Stage) -> WebDriverResult<()> {
    stage.fill("username", "alice").await?;
    stage.fill("password", WRONG_PASSWORD).await?;
    stage.press("login-submit").await?;
    stage
        .shows(
            "[role=alert]",
            &[
                "There is a problem",
                "The username or password is not right",
            ],
        )
        .await?;
    assert!(stage.driver.title().await?.starts_with("Error: "));
    assert_eq!(stage.value("username").await?, "alice");
    assert_eq!(stage.value("password").await?, "");
    stage.picture("login-error").await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await
}

async fn allows_it(stage: &Stage) -> WebDriverResult<()> {
    let asked = [
        "Allow Demo Notes to use your account?",
        "You are alice",
        "See your email address",
        "Read your notes",
        "Write new notes",
    ];
    stage.shows("main", &asked).await?;
    stage.shows("main", &["return you to localhost:"]).await?;
    stage.picture("consent").await?;
    stage.press("consent-allow").await
}

async fn reads_notes_and_what_happened(stage: &Stage) -> WebDriverResult<()> {
    stage.shows("h1", &["Hello Alice"]).await?;
    stage.has(3, ".notes > li:not(.new)").await?;
    stage.has(7, ".step").await?;
    stage.has(7, ".step .badge.good").await?;
    stage.has(0, ".checks .bad").await?;
    stage.has(12, ".diagram .asks").await?;
    // The password that was mistyped.
    stage.has(1, ".diagram .refused").await?;
    stage.unfold("#step-5 > summary").await?;
    stage.shows("#step-5", &["bound to that key"]).await?;
    stage
        .unfold("#step-5 section + section .jwt summary")
        .await?;
    stage
        .shows(
            "#step-5",
            &[
                "POST /token",
                "authorization_code",
                "Basic demo-notes:…",
                "no-store",
            ],
        )
        .await?;
    stage
        .shows(
            "#step-5",
            &["\"typ\": \"at+jwt\"", "\"client_id\": \"demo-notes\""],
        )
        .await?;
    stage.picture("app-notes").await?;
    let page = stage.driver.source().await?;
    assert!(
        !page.contains(PASSWORD),
        "the password was not even recorded"
    );
    Ok(())
}

async fn reads_how_the_app_knows_her(stage: &Stage) -> WebDriverResult<()> {
    let said = [
        "eyJ",
        "\"alg\": \"RS256\"",
        "\"aud\": \"demo-notes\"",
        "\"sid\": ",
    ];
    stage.shows("#id-token", &said).await?;
    let known = [
        "\"name\": \"Alice Liddell\"",
        "\"email\": \"alice@example.com\"",
    ];
    stage.shows("#userinfo", &known).await?;
    let id_token = stage.text("#id-token").await?;
    assert!(!id_token.contains("alice@"), "it says what nobody asked it");
    stage.unfold("#step-6 > summary").await?;
    stage.shows("#step-6", &["GET /userinfo", "nonce"]).await
}

async fn writes_a_note(stage: &Stage) -> WebDriverResult<()> {
    stage.fill("text", "Water the basil.").await?;
    stage.leave_by(".notes .button").await?;
    stage.has(4, ".notes > li:not(.new)").await?;
    stage.shows(".notes", &["Water the basil."]).await?;
    stage.has(7, ".step .badge.good").await
}

/// Twice, without waiting: the new token is bound to the same key and taken by the API.
async fn renews_the_tokens(stage: &Stage) -> WebDriverResult<()> {
    stage.shows("#next", &["Renew the tokens"]).await?;
    stage.shows("#parts", &["Renew the tokens"]).await?;
    for _ in 0..2 {
        stage.press("renew-now").await?;
        stage.shows("h1", &["Hello Alice"]).await?;
        stage.has(8, ".step .badge.good").await?;
    }
    stage.unfold("#step-8 > summary").await?;
    let renewed = ["POST /token", "refresh_token", "dpop", "thumbprint"];
    stage.shows("#step-8", &renewed).await?;
    let page = stage.driver.source().await?;
    assert_eq!(page.matches(">POST /token renew + proof</text>").count(), 2);
    assert_eq!(page.matches(">GET /notes + proof</text>").count(), 1);
    stage.shows("#next", &["Try an attack"]).await?;
    stage.picture("app-renewed").await
}

/// By the way that the app takes when the API asks for a more recent sign-in. No time at all is what asks for it at once.
async fn signs_in_again_to_delete_a_note(stage: &Stage) -> WebDriverResult<()> {
    let login = "/auth/login?next=/notes%23delete&max_age=0";
    stage.visit(&format!("{}{login}", stage.demo.app)).await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await?;
    stage.shows("h1", &["Hello Alice"]).await?;
    stage.has(4, ".notes > li:not(.new)").await?;
    stage.has(8, ".step .badge.good").await?;
    stage.press("delete-newest").await?;
    stage.has(3, ".notes > li:not(.new)").await
}

async fn is_remembered(stage: &Stage) -> WebDriverResult<()> {
    // The app has forgotten her; the server has not.
    for cookie in stage.driver.get_all_cookies().await? {
        if cookie.name.starts_with("sc-app-") && cookie.name != "sc-app-flow" {
            stage.driver.delete_cookie(&cookie.name).await?;
        }
    }
    stage.visit(&stage.demo.app).await?;
    let sign_in = stage.wait_for("#sign-in").await?;
    let link = sign_in.prop("href").await?.unwrap_or_default();
    // Whatever fragment stands in the link, a browser carries it to the server and no further.
    stage.visit(&format!("{link}#planted")).await?;
    // Neither password nor consent was asked for again.
    stage.shows("h1", &["Hello Alice"]).await?;
    let address = stage.driver.current_url().await?;
    assert_eq!(address.fragment().unwrap_or_default(), "", "{address}");
    stage
        .shows(
            ".steps",
            &[
                "signed in at the server already",
                "has allowed Demo Notes before",
            ],
        )
        .await?;
    stage.has(7, ".step .badge.good").await?;
    stage.picture("app-notes-remembered").await
}

async fn leaves_by_the_app(stage: &Stage) -> WebDriverResult<()> {
    stage.leave_by(".who button").await?;
    stage.wait_for("#sign-in").await?;
    stage.shows("#step-9", &["signs out of the app"]).await?;
    stage
        .shows("#step-10", &["The server tells the app"])
        .await?;
    stage.has(2, ".step .badge.good").await?;
    stage.shows("#next", &["Sign in again"]).await?;
    stage.picture("app-left").await?;
    stage.visit(&stage.demo.server).await?;
    stage.shows("main", &["Nobody is signed in"]).await
}

async fn leaves_by_the_server(stage: &Stage) -> WebDriverResult<()> {
    stage.visit(&stage.demo.app).await?;
    stage.press("sign-in").await?;
    stage.fill("username", "alice").await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await?;
    stage.press("to-server").await?;
    stage.shows("main", &["alice"]).await?;
    stage.picture("server-home").await?;
    stage.press("logout-submit").await?;
    stage.shows("h1", &["You are signed out"]).await?;
    stage
        .shows("main", &["You are also signed out of", "Demo Notes"])
        .await?;
    stage.picture("signed-out").await
}

/// The app was told, without this browser.
async fn finds_herself_signed_out(stage: &Stage) -> WebDriverResult<()> {
    stage.visit(&stage.demo.app).await?;
    stage.wait_for("#sign-in").await?;
    stage.shows("#step-9", &["signs out at the server"]).await?;
    stage.unfold("#step-10 > summary").await?;
    stage.unfold("#step-10 .jwt summary").await?;
    let told = ["POST /auth/backchannel", "logout+jwt", "backchannel-logout"];
    stage.shows("#step-10", &told).await?;
    stage.has(2, ".step .badge.good").await?;
    stage.picture("app-signed-out-by-the-server").await?;
    stage.press("sign-in").await?;
    stage.wait_for("#login-form").await.map(drop)
}

/// Somebody else at the same browser, who does not allow it; then alice again, by the way from one account to another.
async fn says_no_as_bob(stage: &Stage) -> WebDriverResult<()> {
    stage.fill("username", "bob").await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await?;
    stage.press("consent-deny").await?;
    stage.shows("#error-code", &["access-denied"]).await?;
    stage.shows("h1", &["The sign-in was not allowed"]).await?;
    stage.picture("app-denied").await?;
    stage.leave_by("a.on").await?;
    stage.shows("main", &["You are bob"]).await?;
    stage.press("use-another-account").await?;
    stage.fill("username", "alice").await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await?;
    stage.press("open-notes").await?;
    stage.shows("h1", &["Hello Alice"]).await
}

async fn tries_to_break_it(stage: &Stage) -> WebDriverResult<()> {
    for attack in ATTACKS {
        stage.press(&format!("break-{attack}")).await?;
        stage.shows("#verdict", &["Refused."]).await?;
        stage
            .shows(".defence", &["What stops it", "Setting"])
            .await?;
        stage.has(0, ".trials .bad").await?;
        stage.wait_for(".trials .attacker").await?;
        if attack == ATTACKS[0] {
            stage.picture("app-attack").await?;
        }
        stage.leave_by(".back").await?;
    }
    stage.has(ATTACKS.len(), ".attacks .last.good").await?;
    stage.has(ATTACKS.len(), ".attacks .defence").await?;
    // Her own sign-in survived.
    stage.shows("h1", &["Hello Alice"]).await?;
    stage.shows("#next", &["Renew the tokens"]).await?;
    stage.press("renew-now").await?;
    stage.shows("#next", &["Sign out, at either end"]).await
}

/// The attacks gave nobody's consent but Carol's.
async fn asks_bob_after_all(stage: &Stage) -> WebDriverResult<()> {
    stage.leave_by(".who button").await?;
    stage.press("next-thing").await?;
    stage.fill("username", "bob").await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await?;
    let asked = ["Allow Demo Notes to use your account?", "You are bob"];
    stage.shows("main", &asked).await
}

/// What the account at the server is for, live: a passkey in place of the password.
async fn makes_a_passkey(stage: &Stage) -> WebDriverResult<()> {
    stage.driver.delete_all_cookies().await?;
    let server = &stage.demo.server;
    stage
        .visit(&format!("{server}/account/passkeys/add"))
        .await?;
    stage.fill("username", "alice").await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await?;
    stage.wait_for("#new-passkey-submit").await?;
    plug_in_an_authenticator(stage).await?;
    stage.press("new-passkey-submit").await?;
    stage.wait_for("#add-passkey").await?;
    Ok(())
}

/// A new one, without a passkey, in place of whichever was there.
async fn plug_in_an_authenticator(stage: &Stage) -> WebDriverResult<()> {
    let tools = stage.driver.cdp();
    let _: Value = tools.send_raw("WebAuthn.disable", json!({})).await?;
    let _: Value = tools.send_raw("WebAuthn.enable", json!({})).await?;
    let manager = json!({
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": true,
        "hasUserVerification": true,
        "isUserVerified": true,
        "automaticPresenceSimulation": true,
    });
    let _: Value = tools
        .send_raw(
            "WebAuthn.addVirtualAuthenticator",
            json!({ "options": manager }),
        )
        .await?;
    Ok(())
}

/// By the link on the terminal: a name, and a passkey that the browser makes and then signs in with.
async fn signs_up_with_a_passkey(stage: &Stage) -> WebDriverResult<()> {
    stage.driver.delete_all_cookies().await?;
    let printed = stage.demo.printed_with("Sign up");
    let mut words = printed.split_whitespace();
    let link = words.find(|word| word.contains("/link?link=")).unwrap();
    stage.visit(link).await?;
    stage.fill("username", "grace").await?;
    stage.fill("name", "Grace Hopper").await?;
    stage.press("new-account-passkey").await?;
    stage.shows("main", &["grace"]).await?;
    stage.wait_for("#new-passkey-submit").await?;
    plug_in_an_authenticator(stage).await?;
    stage.press("new-passkey-submit").await?;
    stage.wait_for("#logout-form").await?;
    stage.shows("h1", &["Your account"]).await?;
    stage.visit(&stage.demo.app).await?;
    stage.press("sign-in").await?;
    stage.shows("main", &["You are grace"]).await?;
    stage.press("consent-allow").await?;
    stage.shows("h1", &["Hello Grace"]).await
}

/// Signs in in the field of the name, pressing nothing at the server, and ends there what the app was allowed.
async fn removes_access(stage: &Stage) -> WebDriverResult<()> {
    let server = &stage.demo.server;
    stage.driver.delete_all_cookies().await?;
    stage.visit(&stage.demo.app).await?;
    stage.press("sign-in").await?;
    stage.wait_for(".notes").await?;
    stage.shows("h1", &["Hello Alice"]).await?;
    stage.shows("#step-2", &["A passkey signs in"]).await?;
    stage.visit(&format!("{server}/account/apps")).await?;
    stage
        .leave_by("form[action$='/apps/remove'] button")
        .await?;
    stage.wait_for("#no-apps").await?;
    // The app is told over the back channel, and not by this browser.
    for _ in 0..200 {
        stage.visit(&stage.demo.app).await?;
        if stage.count("#sign-in").await? == 1 {
            break;
        }
    }
    stage.has(1, "#sign-in").await
}

async fn is_told_what_is_wrong(stage: &Stage) -> WebDriverResult<()> {
    let request = "/authorize?response_type=code&client_id=demo-notes&redirect_uri=http://localhost/evil&state=%3Cscript%3E";
    let url = format!("{}{request}", stage.demo.server);
    stage.visit(&url).await?;
    stage
        .shows("#error-code", &["redirect-uri-not-registered"])
        .await?;
    stage.picture("error").await
}

/// By the address on the terminal, as the user it names, whose passkey is the second factor that the server asks for.
async fn administers_the_server(stage: &Stage) -> WebDriverResult<()> {
    stage.driver.delete_all_cookies().await?;
    plug_in_an_authenticator(stage).await?;
    stage.visit(&stage.demo.console).await?;
    stage.fill("username", "dana").await?;
    stage.fill("password", PASSWORD).await?;
    stage.press("login-submit").await?;
    stage.press("new-passkey-submit").await?;
    stage.press("passkey-submit").await?;
    stage
        .shows("main", &["Safeconduct command line", "You are dana"])
        .await?;
    stage.press("consent-allow").await?;
    stage.shows("h1", &["The server is well"]).await?;
    stage.shows(".who", &["Signed in as dana"]).await?;
    stage.fill("q", "bob").await?;
    stage.press("search").await?;
    stage.shows("h1", &["bob"]).await?;
    stage.has(1, "#lock").await
}

fn followed_it_on_the_terminal(stage: &Stage) {
    let printed = stage.demo.printed_with("This sign-in link doesn’t work");
    for words in [
        "1 app     -> browser  go to /authorize",
        "pushed; PKCE S256",
        "2 browser -> server   alice could not sign in",
        "2 browser -> server   alice signed in",
        "2 browser -> server   signed in with a passkey",
        "3 browser -> server   did not allow Demo Notes",
        "3 browser -> server   allowed Demo Notes",
        "4 server  -> app      code sc_code_",
        "5 app     -> server   code + code_verifier",
        "6 app     -> server   it is Alice Liddell",
        "7 app     -> API      GET /notes 200",
        "8 app     -> server   refresh token + proof",
        "9 browser -> app      signed out",
        "9 browser -> server   signed out",
        "10 server  -> app      the session has ended",
        "logout token: typ, aud, sid, event ok; signed out",
        "3 browser -> server   allowed before",
        "replayed-code            refused  ✓  400 invalid_grant",
    ] {
        assert!(printed.contains(words), "{words} in\n{printed}");
    }
    // What was not as it must be: the mistyped password, and what came last.
    let crosses: Vec<&str> = printed.lines().filter(|line| line.contains('✗')).collect();
    assert_eq!(crosses.len(), 2, "{printed}");
    assert!(
        crosses[0].contains("alice could not sign in"),
        "{}",
        crosses[0]
    );
    let last = crosses[1];
    assert!(
        last.contains("✗ refused: 400 This sign-in link doesn’t work – Safeconduct (not so: "),
        "{last}"
    );
    assert!(!printed.contains(WRONG_PASSWORD));
}
