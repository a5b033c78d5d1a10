//! Answers that travel in a form (OAuth 2.0 Form Post Response Mode): the browser posts them to the client, and nothing of them
//! stands in a URL.

use rstest::rstest;
use safeconduct_protocol::client::{Client, ResponseMode};
use safeconduct_protocol::redirect_uri::RedirectUri;

use crate::authorize::assert_page;
use crate::id_token::sign_in;
use crate::support::{
    Answer, Ask, Browser, CALLBACK, Code, Form, ISSUER, STATE, TestServer, password_of,
};

/// The club's request for an answer by form.
fn by_form() -> Ask {
    sign_in("club").with("response_mode", "form_post")
}

/// What the browser posts to the client, by name; each once.
fn posted(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.location(), "", "{answer:?}");
    assert_eq!(answer.title(), "Returning to The club – Safeconduct");
    answer.fields()
}

fn field(answer: &Answer, name: &str) -> String {
    let fields = posted(answer);
    let mut of_that_name = fields.into_iter().filter(|(found, _)| found == name);
    let (_, value) = of_that_name.next().unwrap();
    assert_eq!(of_that_name.next(), None, "{name} twice");
    value
}

/// A browser in which ada is signed in and has allowed the club.
async fn at_the_club(server: &TestServer) -> Browser<'_> {
    let mut ada = server.sign_in("ada").await;
    ada.code(&sign_in("club")).await;
    ada
}

#[tokio::test]
async fn a_code_arrives_by_form_and_is_as_good_as_any() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = by_form();
    let page = ada.authorize(&ask).await;
    for answer in [ada.allow(&page).await, ada.authorize(&by_form()).await] {
        let names: Vec<_> = posted(&answer).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["code", "state", "iss"]);
        assert_eq!(field(&answer, "state"), STATE);
        assert_eq!(field(&answer, "iss"), ISSUER);
    }
    let ask = by_form();
    let answer = ada.authorize(&ask).await;
    let code = Code::of(&ask, field(&answer, "code"));
    assert!(code.text.starts_with("sc_code_"));
    assert!(server.exchange(&code).await.tokens().id.is_some());
}

/// Attacks: Q07.
#[tokio::test]
async fn the_page_posts_to_the_proven_address_and_nowhere_else() {
    let server = TestServer::start().await;
    let mut ada = at_the_club(&server).await;
    let answer = ada.authorize(&by_form()).await;
    let (_, form) = answer.body.split_once("<form ").unwrap();
    assert!(
        form.starts_with(
            "id=\"form-post\" method=\"post\" action=\"https://club.example/callback\">"
        ),
        "{answer:?}"
    );
    assert_eq!(answer.body.matches("<form").count(), 1);
    assert_eq!(
        answer.header("content-security-policy"),
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; \
         script-src 'self'; form-action https://club.example"
    );
    // The script is a file of ours, which the policy names by its place.
    let (_, script) = answer.body.split_once("<script src=\"").unwrap();
    let script = server.get(script.split('"').next().unwrap()).await;
    assert_eq!(script.status, 200);
    assert!(
        script.header("content-type").starts_with("text/javascript"),
        "{script:?}"
    );
    // Without scripts a person presses a button.
    assert!(answer.body.contains("id=\"form-post-continue\""));
}

#[tokio::test]
async fn a_refusal_arrives_the_same_way() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for (ask, error) in [
        (by_form().with("prompt", "none"), "consent_required"),
        (by_form().without("response_type"), "invalid_request"),
        (
            by_form().with("response_type", "token"),
            "unsupported_response_type",
        ),
        (by_form().with("scope", "admin"), "invalid_scope"),
        (by_form().with("max_age", "soon"), "invalid_request"),
        (by_form().with("request", "x"), "request_not_supported"),
    ] {
        let answer = ada.authorize(&ask).await;
        let names: Vec<_> = posted(&answer).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["error", "error_description", "state", "iss"]);
        assert_eq!(field(&answer, "error"), error);
        assert_eq!(field(&answer, "state"), STATE);
    }
    let silent = by_form().with("prompt", "none");
    let mut nobody = server.browser();
    let answer = nobody.authorize(&silent).await;
    assert_eq!(field(&answer, "error"), "login_required");
    assert!(nobody.cookies.is_empty());
    let page = ada.authorize(&by_form()).await;
    let answer = ada.deny(&page).await;
    assert_eq!(field(&answer, "error"), "access_denied");
    let answer = ada
        .authorize(&by_form().without("state").with("claims", "x"))
        .await;
    let names: Vec<_> = posted(&answer).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["error", "error_description", "iss"]);
    let page = ada.authorize(&by_form()).await;
    assert!(!field(&ada.allow(&page).await, "code").is_empty());
}

/// Attacks: Q07.
#[rstest]
#[case::markup("\"><script>alert(1)</script>")]
#[case::quotes("' \" ` &quot; &#39; &amp;amp;")]
#[case::another_field("\"><input name=\"code\" value=\"mine")]
#[case::the_end_of_the_form("</form></main></body>")]
#[case::in_both_directions("\u{202e}abc\u{200b}\u{feff}")]
#[case::other_scripts("äöü 漢字 🦀 \u{80}\u{9f}")]
#[case::spaces(" a  b\u{a0}")]
#[case::template("{{ 7 * 7 }}{% raw %}${x}")]
#[tokio::test]
async fn a_state_goes_round_as_it_was_sent_and_is_never_markup(#[case] state: &str) {
    let server = TestServer::start().await;
    let mut ada = at_the_club(&server).await;
    for ask in [by_form(), by_form().with("prompt", "none login")] {
        let answer = ada.authorize(&ask.with("state", state)).await;
        if state.contains('\u{80}') {
            // A control character is in no state (RFC 6749 Appendix A.5).
            assert_eq!(field(&answer, "error"), "invalid_request");
            continue;
        }
        assert_eq!(field(&answer, "state"), state);
        for (tag, times) in [("<script", 1), ("<form", 1), ("</form>", 1)] {
            assert_eq!(answer.body.matches(tag).count(), times, "{tag}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn nothing_of_it_stands_in_a_url() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let ask = by_form();
    let page = browser.authorize(&ask).await;
    let answer = browser.guess(&page, "ada", &password_of("ada")).await;
    assert!(answer.location().starts_with("/authorize?pending="));
    let page = browser.follow(answer).await;
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("decision", "allow");
    let answer = browser.post("/consent", &form).await;
    let code = field(&answer, "code");
    assert!(
        !answer
            .headers
            .values()
            .any(|value| { value.to_str().unwrap().contains(&code) })
    );
    assert_eq!(answer.body.matches(&code).count(), 1);
}

/// Attacks: Q06.
#[tokio::test]
async fn a_client_that_is_not_registered_for_it_is_told_so_the_other_way() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for mode in ["form_post", "fragment", "query.jwt", "web_message", "x"] {
        let answer = ada
            .authorize(&Ask::of("shop").with("response_mode", mode))
            .await;
        let expected = format!(
            "303 {CALLBACK} error=invalid_request (response-mode-unsupported) state={STATE} iss={ISSUER}"
        );
        assert_eq!(answer.to_string(), expected, "{mode}");
    }
    // One that is may still say which.
    let answer = ada
        .authorize(
            &sign_in("club")
                .with("response_mode", "query")
                .with("prompt", "none"),
        )
        .await;
    assert_eq!(answer.status, 303, "{answer:?}");
}

#[tokio::test]
async fn a_client_may_have_it_by_default() {
    let server = TestServer::start().await;
    let mut ada = at_the_club(&server).await;
    let by_default = |club: &mut Client| club.response_modes = vec![ResponseMode::FormPost];
    server.change_client("club", by_default).await;
    assert!(!field(&ada.authorize(&sign_in("club")).await, "code").is_empty());
    let query = sign_in("club").with("response_mode", "query");
    let answer = ada.authorize(&query).await;
    assert_eq!(field(&answer, "error"), "invalid_request");
}

/// Attacks: R24.
#[tokio::test]
async fn an_address_that_is_not_registered_gets_no_form_either() {
    let server = TestServer::start().await;
    let mut ada = at_the_club(&server).await;
    for elsewhere in [
        "https://evil.example/callback",
        "https://club.example.evil.example/callback",
        "https://club.example/callback\"><script>",
        "javascript:alert(1)",
    ] {
        let ask = by_form().with("redirect_uri", elsewhere);
        let answer = ada.authorize(&ask).await;
        assert_page(&answer, "redirect-uri-not-registered");
    }
    // What is in the query of a registered one stays there, and the policy names its origin alone.
    let uri = "https://club.example:8443/callback?tenant=a&x=%22";
    let uri = RedirectUri::register(uri).unwrap();
    let sent = uri.as_str().to_owned();
    server
        .change_client("club", |club| club.redirect_uris.push(uri))
        .await;
    let answer = ada.authorize(&by_form().with("redirect_uri", &sent)).await;
    assert!(!field(&answer, "code").is_empty());
    let action = "action=\"https://club.example:8443/callback?tenant=a&amp;x=%22\"";
    assert!(answer.body.contains(action), "{answer:?}");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.ends_with("form-action https://club.example:8443"),
        "{policy}"
    );
}
