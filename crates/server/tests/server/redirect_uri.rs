//! Who asks and where the answer goes (RFC 6749 §3.1.2): compared character by character, and a page of ours until it is proven.

use safeconduct_protocol::redirect_uri::RedirectUri;

use crate::authorize::{assert_page, assert_serves};
use crate::support::{Answer, Ask, CALLBACK, Log, NOTES, TestServer};

/// Attacks: R01, R02, R03, R05, R06, R07, R09, R10, R11, R15, R16, R19, R22, L10.
#[tokio::test]
async fn only_the_registered_redirect_uri_is_ever_redirected_to() {
    let server = TestServer::start().await;
    assert_serves(&server, &Ask::of("shop")).await;
    for sent in [
        // Another host, and hosts that begin or end like it.
        "https://evil.example/callback",
        "https://shop.example.evil.com/callback",
        "https://evilshop.example/callback",
        "https://shop.exampleevil.com/callback",
        // A host that is only a user name.
        "https://shop.example@evil.com/callback",
        "https://shop.example:443@evil.com/callback",
        "https://a@b@shop.example/callback",
        "https://user@shop.example/callback",
        // Encodings.
        "https://shop.example/%63allback",
        "https://shop.example/%2e%2e%2fcallback",
        "https://shop.example/callback%252e",
        "https://shop.example%40evil.com/callback",
        "https://shop.example%5cevil.com/callback",
        "https://shop.example\\@evil.com/callback",
        "https://shop.example/%c0%ae/callback",
        // Paths.
        "https://shop.example/callback/../x",
        "https://shop.example/callback/..;/x",
        "https://shop.example/callback//x",
        "https://shop.example//callback",
        "https://shop.example/callback/%2e%2e/x",
        "https://shop.example/./callback",
        "https://shop.example/callback/",
        "https://shop.example/CALLBACK",
        "https://shop.example/callback/x",
        "https://shop.example/callback;x",
        "https://shop.example/callback?",
        "https://shop.example/callback?x=1",
        "https://shop.example",
        // Fragments.
        "https://shop.example/callback#",
        "https://shop.example/callback#code=evil",
        "https://shop.example/callback%23x",
        // Schemes.
        "http://shop.example/callback",
        "HTTPS://shop.example/callback",
        "https://SHOP.example/callback",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://shop.example/x",
        " https://shop.example/callback",
        "https://shop.example/callback ",
        "\u{1}https://shop.example/callback",
        // Ports.
        "https://shop.example:443/callback",
        "https://shop.example:8443/callback",
        // Line breaks.
        "https://shop.example/callback\r\nSet-Cookie: x=y",
        "https://shop.example/callback%0d%0aSet-Cookie:x",
        "https://shop.example/call\tback",
        // Patterns.
        "https://*.example/callback",
        "https://shopaexample/callback",
        // What only some parsers take for a URL.
        "//shop.example/callback",
        "/callback",
        "https:shop.example/callback",
        "https:/shop.example/callback",
        "https:///shop.example/callback",
        "shop.example/callback",
        // Another client's.
        "https://bank.example/callback",
    ] {
        let answer = server
            .browser()
            .authorize(&Ask::of("shop").with("redirect_uri", sent))
            .await;
        assert_page(&answer, "redirect-uri-not-registered");
    }
    assert_serves(&server, &Ask::of("shop")).await;
}

/// Attacks: R05.
#[tokio::test]
async fn a_redirect_uri_is_compared_as_it_was_sent_not_as_it_is_meant() {
    let server = TestServer::start().await;
    let registered = "https://shop.example/%7Ecb";
    server
        .change_client("shop", |shop| {
            shop.redirect_uris = vec![RedirectUri::register(registered).unwrap()]
        })
        .await;
    assert_serves(&server, &Ask::of("shop").with("redirect_uri", registered)).await;
    for sent in ["https://shop.example/~cb", "https://shop.example/%7ecb"] {
        let answer = server
            .browser()
            .authorize(&Ask::of("shop").with("redirect_uri", sent))
            .await;
        assert_page(&answer, "redirect-uri-not-registered");
    }
}

/// Attacks: R12, R13, R21.
#[tokio::test]
async fn a_device_may_listen_on_any_loopback_port_and_nowhere_else() {
    let server = TestServer::start().await;
    for served in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:51004/callback",
        "http://[::1]:1/callback",
        "com.example.phone:/callback",
    ] {
        assert_serves(&server, &Ask::of("phone").with("redirect_uri", served)).await;
    }
    for refused in [
        "http://127.0.0.1.evil.com/callback",
        "http://127.0.0.1@evil.com/callback",
        "http://127.0.0.1:80@evil.com/callback",
        "http://localhost:51004/callback",
        "http://127.1:51004/callback",
        "http://0x7f.1/callback",
        "http://2130706433/callback",
        "http://[::ffff:127.0.0.1]/callback",
        "http://127.0.0.2/callback",
        "http://0.0.0.0/callback",
        "https://127.0.0.1:51004/callback",
        "http://127.0.0.1:51004/callback/",
        "http://127.0.0.1:51004/callback?x=1",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:+80/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:80:80/callback",
        "com.example.phone://evil/callback",
        "com.example.phone:/callback/",
        "com.example.phone.evil:/callback",
        "com.evil:/callback",
        "phone:/callback",
    ] {
        let answer = server
            .browser()
            .authorize(&Ask::of("phone").with("redirect_uri", refused))
            .await;
        assert_page(&answer, "redirect-uri-not-registered");
    }
}

/// Attacks: R17, R18, R19, R24, Q01.
#[tokio::test]
async fn who_asks_and_where_to_return_must_be_said_once() {
    let server = TestServer::start().await;
    let ask = Ask::of("shop");
    assert_serves(&server, &ask).await;
    for (sent, name) in [
        (ask.clone().without("client_id"), "client-id-missing"),
        (ask.clone().with("client_id", ""), "client-id-missing"),
        (ask.clone().with("client_id", "nobody"), "client-unknown"),
        (
            ask.clone().with("client_id", "shop' OR '1'='1"),
            "client-unknown",
        ),
        (ask.clone().with("client_id", "*)(uid=*"), "client-unknown"),
        (
            ask.clone()
                .with("client_id", "<img src=x onerror=alert(1)>"),
            "client-unknown",
        ),
        (ask.clone().with("client_id", "shop\0"), "request-malformed"),
        (ask.clone().and("client_id", "shop"), "parameter-repeated"),
        (ask.clone().without("redirect_uri"), "redirect-uri-missing"),
        (ask.clone().with("redirect_uri", ""), "redirect-uri-missing"),
        (
            ask.clone()
                .without("redirect_uri")
                .and("redirect_uri[]", CALLBACK),
            "redirect-uri-missing",
        ),
        (
            ask.clone().and("redirect_uri", CALLBACK),
            "parameter-repeated",
        ),
        (
            ask.clone().and("redirect_uri", "https://evil.example"),
            "parameter-repeated",
        ),
    ] {
        assert_page(&server.browser().authorize(&sent).await, name);
    }
    assert_serves(&server, &ask).await;
}

/// Attacks: R15.
#[tokio::test]
async fn bytes_that_are_no_text_get_a_page() {
    let server = TestServer::start().await;
    let honest = Ask::of("shop").form.encode();
    for broken in [
        "&x=%00",
        "&x=%c0%ae",
        "&x=%ff",
        "&%00=x",
        "&state=%ed%a0%80",
    ] {
        let answer = server.get(&format!("/authorize?{honest}{broken}")).await;
        assert_page(&answer, "request-malformed");
    }
    assert_serves(&server, &Ask::of("shop")).await;
}

/// Attacks: L25.
#[tokio::test]
async fn what_was_sent_is_shown_escaped() {
    let server = TestServer::start().await;
    let hostile = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>";
    let ask = Ask::of("shop")
        .with("redirect_uri", hostile)
        .with("state", hostile)
        .and(hostile, "x");
    let answer = server.browser().authorize(&ask).await;
    assert_page(&answer, "redirect-uri-not-registered");
    assert!(answer.body.contains("&lt;script&gt;alert(1)"), "{answer:?}");
    assert!(!answer.body.contains("<img"), "{answer:?}");
}

/// The page may be photographed and sent to whoever can help.
/// Attacks: A03.
#[tokio::test]
async fn what_was_sent_and_is_a_secret_is_not_shown() {
    let server = TestServer::start().await;
    let mut ask = Ask::of("nobody");
    let secrets = [
        "client_secret",
        "client_assertion",
        "code_verifier",
        "id_token_hint",
    ];
    for name in secrets {
        ask = ask.with(name, "hush-hush");
    }
    let answer = server.browser().authorize(&ask).await;
    assert_page(&answer, "client-unknown");
    assert!(answer.body.contains("redirect_uri"), "{answer:?}");
    assert!(!answer.body.contains("hush-hush"), "{answer:?}");
}

/// Attacks: R24, Q01.
#[tokio::test]
async fn an_unknown_and_a_disabled_client_get_the_same_page() {
    let server = TestServer::start().await;
    assert_serves(&server, &Ask::of("shop")).await;
    server.disable_client("shop").await;
    let disabled = server.browser().authorize(&Ask::of("shop")).await;
    let unknown = server
        .browser()
        .authorize(&Ask::of("shop").with("client_id", "shot"))
        .await;
    assert_page(&disabled, "client-unknown");
    let told_of = |answer: &Answer, client: &str| {
        let told = answer.body.replace(answer.header("x-correlation-id"), "…");
        told.replace(&format!("<bdi>{client}</bdi>"), "…")
    };
    let challenge = |body: String| body.split("code_challenge").next().unwrap().to_owned();
    assert_eq!(
        challenge(told_of(&disabled, "shop")),
        challenge(told_of(&unknown, "shot"))
    );
    server.enable_client("shop").await;
    assert_serves(&server, &Ask::of("shop")).await;
}

/// Attacks: R23.
#[tokio::test]
async fn a_redirect_uri_that_is_gone_is_not_redirected_to() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let (deny, allow) = (
        ada.authorize(&Ask::of("shop")).await,
        ada.authorize(&Ask::of("shop")).await,
    );
    let elsewhere = vec![RedirectUri::register("https://shop.example/elsewhere").unwrap()];
    server
        .change_client("shop", |shop| shop.redirect_uris = elsewhere)
        .await;
    assert_page(&ada.deny(&deny).await, "redirect-uri-not-registered");
    assert_page(&ada.allow(&allow).await, "redirect-uri-not-registered");
    assert!(server.consents("ada").await.is_empty());
    server.change_client("shop", |_| {}).await;
    assert!(ada.allow(&allow).await.has_code());
}

/// Attacks: R23.
#[tokio::test]
async fn a_client_that_was_disabled_meanwhile_gets_no_code() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&Ask::of("shop")).await;
    server.disable_client("shop").await;
    assert_page(&ada.allow(&page).await, "client-unknown");
    server.enable_client("shop").await;
    let answer = ada.allow(&page).await;
    assert!(answer.has_code(), "{answer:?}");
}

/// kubelogin listens at `http://localhost:8000`, and single-page apps return to their origin.
#[tokio::test]
async fn an_app_may_return_to_its_origin_as_it_writes_it() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for (registered, others) in [
        (
            "https://shop.example",
            [
                "https://shop.example/",
                "https://shop.example?x=1",
                "https://shop.example.evil.com",
                "https://shop.example@evil.com",
            ],
        ),
        (
            "http://localhost:8000",
            [
                "http://localhost:8000/",
                "http://localhost:8001",
                "http://localhost",
                "http://127.0.0.1:8000",
            ],
        ),
        (
            "https://shop.example/",
            [
                "https://shop.example",
                "https://shop.example//",
                "https://shop.example/?",
                "https://shop.example/x",
            ],
        ),
    ] {
        let uri = RedirectUri::register(registered).unwrap();
        server
            .change_client("shop", |shop| shop.redirect_uris = vec![uri])
            .await;
        let ask = Ask::of("shop").with("redirect_uri", registered);
        let page = ada.authorize(&ask).await;
        let answer = if page.has_code() {
            page
        } else {
            ada.allow(&page).await
        };
        assert!(
            answer
                .location()
                .starts_with(&format!("{registered}?code=")),
            "{answer:?}"
        );
        let code = answer.code(&ask);
        for other in others {
            let answer = server
                .browser()
                .authorize(&ask.clone().with("redirect_uri", other))
                .await;
            assert_page(&answer, "redirect-uri-not-registered");
            let form = code.exchange().with("redirect_uri", other);
            assert_eq!(
                server.token("shop", &form).await.to_string(),
                "400 invalid_grant (redirect-uri-changed)"
            );
        }
        assert_eq!(server.exchange(&code).await.status, 200);
    }
}

/// Attacks: R12.
#[tokio::test]
async fn the_free_port_of_a_loopback_address_needs_no_path() {
    let server = TestServer::start().await;
    let uris = ["http://127.0.0.1", "http://[::1]"].map(|uri| RedirectUri::register(uri).unwrap());
    server
        .change_client("phone", |phone| phone.redirect_uris = uris.to_vec())
        .await;
    for served in [
        "http://127.0.0.1:51004",
        "http://[::1]:51004",
        "http://[::1]",
    ] {
        assert_serves(&server, &Ask::of("phone").with("redirect_uri", served)).await;
    }
    for refused in [
        "http://127.0.0.1:51004/",
        "http://127.0.0.1:51004?x",
        "http://127.0.0.1:80@evil.com",
        "http://127.0.0.1.evil.com",
        "http://localhost:51004",
    ] {
        let ask = Ask::of("phone").with("redirect_uri", refused);
        assert_page(
            &server.browser().authorize(&ask).await,
            "redirect-uri-not-registered",
        );
    }
}

/// What mcp-remote meets: `localhost` and a port of its own. The log says what to register; so does the page of a server that runs
/// for development, and no other page.
#[tokio::test]
async fn whose_port_is_free_is_told_to_whoever_runs_the_server() {
    let advice = "register http://127.0.0.1/oauth/callback, whose port is free";
    for (issuer, on_the_page) in [
        ("http://localhost:8421", true),
        ("https://id.example", false),
    ] {
        let server = TestServer::start_at(issuer).await;
        let uri = RedirectUri::register("http://localhost/oauth/callback").unwrap();
        server
            .change_client("kiosk", |kiosk| kiosk.redirect_uris = vec![uri])
            .await;
        let ask = Ask::of("kiosk").with("redirect_uri", "http://localhost:3118/oauth/callback");
        let mut browser = server.browser();
        let (page, log) = Log::of(browser.authorize(&ask)).await;
        assert_page(&page, "redirect-uri-not-registered");
        assert!(log.contains(advice), "{log}");
        assert!(!log.contains("instead of 80"), "{log}");
        assert_eq!(page.body.contains(advice), on_the_page, "{page:?}");
    }
}

/// The line that the log has of it is what an operator mends the app by.
#[tokio::test]
async fn a_resource_with_a_slash_too_many_is_told_from_the_api_it_means() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let slash = Ask::of("shop").with("resource", &format!("{NOTES}/"));
    let (answer, log) = Log::of(browser.authorize(&slash)).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("invalid_target"));
    let told = answer.parameter("error_description").unwrap();
    assert!(told.contains("a trailing slash counts"), "{told}");
    assert!(
        log.contains(&format!("trailing slash (registered: {NOTES})")),
        "{log}"
    );

    let code = server.code("ada", &Ask::of("shop")).await;
    let form = code.exchange().with("resource", &format!("{NOTES}/"));
    let (answer, log) = Log::of(server.token("shop", &form)).await;
    assert_eq!(
        answer.to_string(),
        "400 invalid_target (resource-exceeds-grant)"
    );
    assert!(
        log.contains(&format!("trailing slash (registered: {NOTES})")),
        "{log}"
    );
}
