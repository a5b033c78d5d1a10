//! How long things are: whatever is accepted comes back whole through a proxy with the smallest buffers (every answer of every test
//! here is measured, in `Answer`), and what is handed out is as long as `docs/reference/sizes.md` says.

use std::fmt::Write as _;
use std::fs;

use rstest::rstest;
use safeconduct_protocol::client::{AccessTokenFormat, ResponseMode};
use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::redirect_uri::RedirectUri;

use crate::login::{CONSENT, SIGN_IN};
use crate::support::{Answer, Ask, Browser, Form, NOTES, SIGNED_OUT, TestServer, password_of};

/// Whether the answer is a page because its address is too long for a header.
fn is_page_on_the_way(answer: &Answer) -> bool {
    answer.is_page() && !answer.location().is_empty()
}

/// What a client may ask for that makes answers long: a `state` of so many bytes, the longest `nonce`, the longest redirect URI.
async fn asking(server: &TestServer, state: usize, nonce: usize, redirect_uri: usize) -> Ask {
    let uri = format!("https://rp.example/{}", "r".repeat(redirect_uri - 19));
    let registered = RedirectUri::register(&uri).unwrap();
    server
        .change_client("shop", |shop| {
            shop.redirect_uris = vec![registered];
            shop.response_modes = vec![ResponseMode::Query, ResponseMode::FormPost];
        })
        .await;
    Ask::of("shop")
        .with("redirect_uri", &uri)
        .with("state", &"s".repeat(state))
        .with("nonce", &"n".repeat(nonce))
}

async fn push(server: &TestServer, client: &str, ask: &Ask) -> Answer {
    let credentials = server.credentials(client);
    let pushed = server.back_channel("/par", &credentials, &ask.form);
    server.send(pushed).await
}

/// Signs in, allows, and redeems; whether an answer on the way was a page.
async fn sign_in_and_redeem(server: &TestServer, ask: &Ask, state: &str) -> bool {
    let mut browser = server.browser();
    let page = browser.authorize(ask).await;
    assert_eq!(page.to_string(), SIGN_IN);
    let onwards = browser.guess(&page, "ada", &password_of("ada")).await;
    let consent = browser.follow(onwards.clone()).await;
    assert_eq!(consent.to_string(), CONSENT);
    let answer = browser.allow(&consent).await;
    assert_eq!(answer.parameter("state").as_deref(), Some(state));
    assert_eq!(server.exchange(&answer.code(ask)).await.status, 200);

    let denied = browser
        .authorize(&ask.clone().with("prompt", "consent"))
        .await;
    let denied = browser.deny(&denied).await;
    assert_eq!(denied.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(denied.parameter("state").as_deref(), Some(state));
    is_page_on_the_way(&onwards) || is_page_on_the_way(&answer) || is_page_on_the_way(&denied)
}

/// Attacks: Z04.
#[rstest]
#[case::ordinary(300, 43, 60, false)]
#[case::a_kilobyte(1_000, 43, 60, false)]
#[case::with_everything_a_kilobyte(1_000, 512, 1_024, true)]
#[case::what_was_a_502(2_422, 43, 60, true)]
#[case::longer(3_400, 43, 60, true)]
#[case::longest_state(4_096, 43, 60, true)]
#[case::longest_uri(2_500, 512, 1_024, true)]
#[tokio::test]
async fn whatever_is_accepted_comes_back_whole(
    #[case] state: usize,
    #[case] nonce: usize,
    #[case] redirect_uri: usize,
    #[case] by_page: bool,
) {
    let server = TestServer::start().await;
    let ask = asking(&server, state, nonce, redirect_uri).await;
    let sent = "s".repeat(state);
    assert_eq!(sign_in_and_redeem(&server, &ask, &sent).await, by_page);

    let mut ada = server.sign_in("ada").await;
    let posted = ada.post_from("/authorize", &ask.form, &[]).await;
    let answer = ada.follow(posted).await;
    let answer = match answer.has_code() {
        true => answer,
        false => ada.allow(&answer).await,
    };
    assert!(answer.has_code() && answer.parameter("state").as_deref() == Some(&*sent));
    let pushed = push(&server, "shop", &ask).await;
    assert_eq!(pushed.status, 201, "{pushed:?}");
    let answer = ada.authorize(&ask.pushed_as(&pushed)).await;
    let answer = match answer.has_code() {
        true => answer,
        false => ada.allow(&answer).await,
    };
    assert!(answer.has_code() && answer.parameter("state").as_deref() == Some(&*sent));
    let by_form = ask.clone().with("response_mode", "form_post");
    let answer = ada.authorize(&by_form).await;
    let answer = match answer.is_form_post() {
        true => answer,
        false => ada.allow(&answer).await,
    };
    let fields = answer.fields();
    assert!(fields.contains(&("state".to_owned(), sent)));
}

#[tokio::test]
async fn a_request_to_sign_out_comes_back_whole() {
    let server = TestServer::start().await;
    for length in [100, 2_000, 3_500, 4_096] {
        let mut ada = server.sign_in("ada").await;
        let tokens = ada.tokens(&Ask::of("club").scope("openid")).await;
        let state = "s".repeat(length);
        let form = Form::new()
            .with("id_token_hint", tokens.id_token())
            .with("post_logout_redirect_uri", SIGNED_OUT)
            .with("state", &state);
        let answer = match length {
            4_096 => ada.get(&format!("/logout?{}", form.encode())).await,
            _ => {
                let posted = ada.post_from("/logout", &form, &[]).await;
                ada.follow(posted).await
            }
        };
        assert_eq!(answer.location(), format!("{SIGNED_OUT}?state={state}#"));
    }
}

#[tokio::test]
async fn a_page_on_the_way_leads_where_the_redirect_would() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("portal").with("state", &"<\"&>".repeat(300));
    let answer = ada.authorize(&ask).await;
    assert!(is_page_on_the_way(&answer), "{answer:?}");
    assert_eq!(answer.status, 200);
    let url = answer.location().to_owned();
    assert!(url.starts_with(ask.redirect_uri()));
    let written = url.replace('&', "&amp;");
    let link = format!("<a class=\"button primary\" id=\"go-on\" href=\"{written}\">Continue</a>");
    assert!(answer.body.contains(&link), "for who is not led by itself");
    assert_eq!(answer.parameter("state"), Some("<\"&>".repeat(300)));
    assert!(answer.cookies().is_empty());
    assert_eq!(server.exchange(&answer.code(&ask)).await.status, 200);
}

/// What is handed out, and how long it is in the sign-in that the page describes.
async fn measured(server: &TestServer) -> Vec<(&'static str, usize)> {
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("club")
        .scope("openid profile email notes.read offline_access")
        .with("resource", NOTES)
        .with("nonce", &"n".repeat(43));
    let page = Browser::new(server).authorize(&ask).await;
    let code = ada.code(&ask).await;
    let tokens = server.exchange(&code).await.tokens();
    let pushed = push(server, "club", &ask).await;
    let request_uri = pushed.json()["request_uri"].as_str().unwrap().len();

    let signed = |algorithm| {
        move |client: &mut safeconduct_protocol::client::Client| {
            client.openid.id_token_signed_response_alg = algorithm;
        }
    };
    server.change_client("club", signed(Algorithm::Es256)).await;
    let es256 = ada.tokens(&ask).await;
    server
        .change_apis(|api| api.access_token_signing_alg = Algorithm::Rs256)
        .await;
    let rs256 = ada.tokens(&ask).await;
    let opaque = |club: &mut safeconduct_protocol::client::Client| {
        club.access_token_format = AccessTokenFormat::Opaque;
    };
    server.change_client("club", opaque).await;
    let opaque = ada.tokens(&ask).await;
    vec![
        ("authorization code", code.text.len()),
        ("refresh token", tokens.refresh_token().len()),
        ("access token, ES256", tokens.access.len()),
        ("access token, RS256", rs256.access.len()),
        ("access token, opaque", opaque.access.len()),
        ("ID Token, RS256", tokens.id_token().len()),
        ("ID Token, ES256", es256.id_token().len()),
        ("`request_uri` of a pushed request", request_uri),
        (
            "request under way, in a form of ours",
            page.hidden("pending").len(),
        ),
        ("session cookie, its value", ada.session().1.len()),
    ]
}

#[tokio::test]
async fn the_sizes_reference_tells_what_is_handed_out() {
    let server = TestServer::start().await;
    let mut table = String::new();
    for (what, length) in measured(&server).await {
        writeln!(table, "| {what} | {length} |").unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/sizes.md");
    let page = fs::read_to_string(path).unwrap();
    assert!(page.contains(&table), "write into {path}:\n{table}");
}
