//! Every parameter that the server reads, by the grammar that its specification gives it (RFC 6749 Appendix A and later ones):
//! what is taken, and what happens outside. `docs/reference/parameters.md` is the same table for people.

use std::collections::BTreeSet;

use crate::support::{
    Ask, Browser, Credentials, Form, READ, TestServer, Tokens, read_at, secret_of,
};

/// What comes of a value.
#[derive(Clone, Copy)]
enum Comes {
    /// It is taken, or not looked at.
    Taken,
    /// This refusal.
    Refused(&'static str),
}

use Comes::{Refused as No, Refused, Taken};

/// Any text without control characters: what apps put into `state`.
const ANY_TEXT: &[&str] = &[
    "x",
    " ",
    "  two words ",
    "a+b%20c&d=e#f?g",
    "\"quoted\" \\ <b>&amp;</b>",
    "{\"r\":\"/a?b=c\",\"n\":[1]}",
    "äöü ß é e\u{301}",
    "日本語 עברית \u{202e}",
    "🦀👩‍👩‍👧",
    "\u{2028}\u{a0}\u{feff}\u{ad}",
    "\u{fffd}",
    "\u{e000}\u{10fffd}",
];
/// What no grammar allows.
const CONTROLS: &[&str] = &["\u{1}", "a\tb", "a\r\nb", "\u{7f}", "\u{85}"];

const MALFORMED: &str = "400 invalid_request (request-malformed)";
const TYPE: &str = "400 unsupported_response_type (response-type-unsupported)";
const MODE: &str = "400 invalid_request (response-mode-unsupported)";
const PROMPT: &str = "400 invalid_request (prompt-malformed)";
const AGE: &str = "400 invalid_request (max-age-malformed)";
const CLAIMS: &str = "400 invalid_request (claims-malformed)";
const SCOPE: &str = "400 invalid_scope (scope-malformed)";
const PKCE: &str = "400 invalid_request (code-challenge-malformed)";
const METHOD: &str = "400 invalid_request (code-challenge-method-unsupported)";
const RESOURCE: &str = "400 invalid_target (resource-unknown)";
const ADDRESS: &str = "400 invalid_request (redirect-uri-not-registered)";
const HINT: &str = "400 invalid_request (id-token-hint-refused)";
const KEY: &str = "400 invalid_request (dpop-jkt-malformed)";
const OBJECT: &str = "400 request_not_supported (request-object-unsupported)";
const PUSHED: &str = "400 invalid_request (request-uri-in-pushed-request)";

/// What comes of a value of each parameter of an authorization request that is not any text.
#[rustfmt::skip]
const OF_A_REQUEST: &[(&str, &[(&str, Comes)])] = &[
    ("response_type", &[
        ("code", Taken),
        ("CODE", No(TYPE)),
        ("code ", No(TYPE)),
        ("code id_token", No(TYPE)),
        ("ä", No(TYPE)),
    ]),
    ("response_mode", &[
        ("query", Taken),
        ("", Taken),
        ("QUERY", No(MODE)),
        ("fragment", No(MODE)),
    ]),
    ("prompt", &[
        ("", Taken),
        ("none", Taken),
        ("login consent", Taken),
        ("  select_account  login ", Taken),
        ("login login", Taken),
        ("none login", No(PROMPT)),
        ("LOGIN", No(PROMPT)),
        ("create", No(PROMPT)),
    ]),
    ("max_age", &[
        ("0", Taken),
        ("0060", Taken),
        ("99999999999999999999999", Taken),
        ("-1", No(AGE)),
        ("+1", No(AGE)),
        ("1.5", No(AGE)),
        ("1 ", No(AGE)),
        ("٣", No(AGE)),
    ]),
    ("scope", &[
        ("notes.read", Taken),
        ("  notes.read   notes.write ", Taken),
        ("notes.read notes.read", Taken),
        ("notes.read !#$%&'()*+,-./:;<=>?@[]^_`{|}~", Taken),
        (
            "notes.read https://www.googleapis.com/auth/a-very-long-name-of-somebody-elses-api-that-is-longer-than-any-scope-which-can-be-declared-here.readonly",
            Taken,
        ),
        ("notes.read\tnotes.write", No(SCOPE)),
        ("notes.read \"x\"", No(SCOPE)),
        ("notes.read a\\b", No(SCOPE)),
        ("notes.read é", No(SCOPE)),
    ]),
    ("claims", &[
        ("{}", Taken),
        ("{\"userinfo\":null,\"x\":1}", Taken),
        ("{\"userinfo\":{\"näme#de\":null}}", Taken),
        ("x", No(CLAIMS)),
        ("[]", No(CLAIMS)),
        ("{\"userinfo\":1}", No(CLAIMS)),
    ]),
    ("code_challenge", &[
        ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Taken),
        ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", No(PKCE)),
        ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=", No(PKCE)),
        ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", No(PKCE)),
    ]),
    ("code_challenge_method", &[
        ("S256", Taken),
        ("s256", No(METHOD)),
        ("plain", No(METHOD)),
        ("", No(METHOD)),
    ]),
    ("resource", &[
        ("https://notes.example/api", Taken),
        ("", Taken),
        ("https://notes.example/api/", No(RESOURCE)),
        ("https://notes.example/api#x", No(RESOURCE)),
        ("/api", No(RESOURCE)),
        ("ä b", No(RESOURCE)),
    ]),
    ("redirect_uri", &[
        ("https://portal.example/callback", Taken),
        ("https://portal.example/callback ", No(ADDRESS)),
        ("/callback", No(ADDRESS)),
        ("ä\u{1}", No(ADDRESS)),
    ]),
    ("id_token_hint", &[
        ("", Taken),
        ("x", No(HINT)),
        ("a.b.c", No(HINT)),
        ("ä\u{1}", No(HINT)),
    ]),
    ("dpop_jkt", &[
        ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", Taken),
        ("x", No(KEY)),
        ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I=", No(KEY)),
    ]),
    ("request", &[("", Taken), ("x", No(OBJECT))]),
    ("request_uri", &[
        ("", Taken),
        ("https://x.example/r", No(PUSHED)),
        ("x", No(PUSHED)),
    ]),
];

/// The cases of one parameter of an authorization request.
fn of_a_request(name: &str) -> Vec<(&'static str, Comes)> {
    let any = || ANY_TEXT.iter().map(|text| (*text, Taken));
    let controls = |comes: Comes| CONTROLS.iter().map(move |text| (*text, comes));
    match name {
        "state" | "nonce" => any()
            .chain(controls(No(MALFORMED)))
            .chain([("", Taken)])
            .collect(),
        // A convenience, or not read: never a reason to turn anybody away.
        "login_hint" | "display" | "ui_locales" | "claims_locales" | "acr_values" => any()
            .chain(controls(Taken))
            .chain([("page", Taken), ("de-CH fr", Taken)])
            .collect(),
        _ => {
            let cases = OF_A_REQUEST.iter().find(|(of, _)| *of == name);
            cases.unwrap().1.to_vec()
        }
    }
}

fn judge(name: &str, sent: &str, comes: &Comes, taken: bool, answer: &str) {
    match comes {
        Taken => assert!(taken, "{name}={sent:?}: {answer}"),
        Refused(refusal) => assert_eq!(answer, *refusal, "{name}={sent:?}"),
    }
}

#[tokio::test]
async fn a_parameter_of_a_pushed_request_is_read_by_its_grammar() {
    let server = TestServer::start().await;
    for name in read_at("/par") {
        if name.starts_with("client_") {
            continue;
        }
        for (sent, comes) in of_a_request(name) {
            let answer = server.push(&Ask::of("portal").with(name, sent)).await;
            judge(
                name,
                sent,
                &comes,
                answer.status == 201,
                &answer.to_string(),
            );
        }
    }
}

/// The other door asks the same: what is pushed and what a browser brings are judged alike, and `state` comes back as it was sent.
#[tokio::test]
async fn a_parameter_that_a_browser_brings_is_read_by_the_same_grammar() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for name in read_at("/authorize") {
        if ["client_id", "pending", "arrival", "request_uri"].contains(&name) {
            continue;
        }
        for (sent, comes) in of_a_request(name) {
            let ask = Ask::of("portal").with(name, sent);
            let answer = ada.authorize(&ask).await;
            let refused = answer.parameter("error");
            match comes {
                Taken => {
                    assert_eq!(refused, None, "{name}={sent:?}: {answer:?}");
                    assert!(answer.has_code() || answer.status == 200, "{answer:?}");
                    if name == "state" && !sent.is_empty() {
                        assert_eq!(answer.parameter("state").as_deref(), Some(sent));
                    }
                }
                Refused(refusal) if name == "redirect_uri" => {
                    let named = refusal.split_once('(').unwrap().1;
                    assert_eq!(answer.to_string(), format!("400 page ({named}"));
                }
                Refused(refusal) => {
                    let error = refusal.split(' ').nth(1);
                    assert_eq!(refused.as_deref(), error, "{name}={sent:?}: {answer:?}");
                }
            }
        }
    }
}

/// `client_id = *VSCHAR`: ids are given by us, and any other is nobody's.
/// Attacks: Q01.
#[tokio::test]
async fn what_is_no_id_of_ours_is_an_unknown_client() {
    let server = TestServer::start().await;
    for id in [
        "nobody",
        "a b",
        "~!\"#$%&'()",
        "ä",
        "\u{1}",
        "u-AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let page = server
            .browser()
            .authorize(&Ask::of("shop").with("client_id", id))
            .await;
        assert_eq!(page.to_string(), "400 page (client-unknown)", "{id:?}");
        let form = Form::new().with("grant_type", "client_credentials");
        for credentials in [
            Credentials::Id(id.to_owned()),
            Credentials::Post(id.to_owned(), "x".to_owned()),
            Credentials::Basic(id.to_owned(), "x".to_owned()),
        ] {
            let answer = server.token_with(&credentials, &form).await;
            assert_eq!(answer.status, 401, "{id:?}: {answer:?}");
            assert_eq!(answer.json()["error"], "invalid_client");
        }
    }
    let page = server.browser().authorize(&Ask::of("shop")).await;
    assert_eq!(page.status, 200, "{page:?}");
}

/// `client_secret = *VSCHAR`, and whatever else: it is right or it is wrong.
#[tokio::test]
async fn credentials_are_right_or_wrong_and_nothing_else() {
    let server = TestServer::start().await;
    let form = Form::new().with("token", "x");
    for secret in ANY_TEXT.iter().chain(CONTROLS) {
        for credentials in [
            Credentials::Post("mailer".to_owned(), (*secret).to_owned()),
            Credentials::Assertion((*secret).to_owned()),
        ] {
            let request = server.back_channel("/introspect", &credentials, &form);
            let answer = server.send(request).await;
            assert_eq!(answer.status, 401, "{secret:?}: {answer:?}");
        }
    }
    let mailer = Credentials::Post("mailer".to_owned(), secret_of("mailer"));
    let request = server.back_channel("/introspect", &mailer, &form);
    assert_eq!(server.send(request).await.status, 200);
    let typed = Form::new()
        .with("client_assertion_type", "JWT")
        .with("client_assertion", "x");
    let request = server.back_channel("/introspect", &Credentials::Nothing, &typed);
    assert_eq!(
        server.send(request).await.to_string(),
        "401 invalid_client (client-assertion-type-unsupported)"
    );
}

#[tokio::test]
async fn a_parameter_of_a_token_request_is_read_by_its_grammar() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("portal").scope("notes.read notes.write");
    let code = ada.code(&ask).await;
    let tokens = ada.tokens(&ask).await;
    refuse_exchanges(&server, &code.exchange()).await;
    assert_eq!(server.exchange(&code).await.status, 200);
    let tokens = refresh_by_scope(&server, tokens).await;
    for sent in ANY_TEXT.iter().chain(CONTROLS) {
        let form = tokens.refresh().with("refresh_token", sent);
        assert_eq!(
            server.token("portal", &form).await.to_string(),
            "400 invalid_grant (refresh-token-not-recognised)"
        );
    }
    assert_eq!(server.refresh("portal", &tokens).await.status, 200);
}

/// What no code is redeemed with; nothing of it costs the code.
async fn refuse_exchanges(server: &TestServer, honest: &Form) {
    const VERIFIER: &str = "400 invalid_grant (code-verifier-malformed)";
    let each = |refusal| {
        ANY_TEXT
            .iter()
            .chain(CONTROLS)
            .map(move |text| (*text, refusal))
    };
    for (name, cases) in [
        (
            "grant_type",
            vec![
                (
                    "AUTHORIZATION_CODE",
                    "400 unsupported_grant_type (grant-type-unsupported)",
                ),
                (
                    "authorization_code ",
                    "400 unsupported_grant_type (grant-type-unsupported)",
                ),
                (
                    "urn:x:ä",
                    "400 unsupported_grant_type (grant-type-unsupported)",
                ),
                ("", "400 invalid_request (grant-type-missing)"),
            ],
        ),
        (
            "code",
            each("400 invalid_grant (code-not-recognised)").collect(),
        ),
        (
            "redirect_uri",
            each("400 invalid_grant (redirect-uri-changed)").collect(),
        ),
        (
            "code_verifier",
            vec![
                ("too-short", VERIFIER),
                ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk+", VERIFIER),
                ("dBjftJeZ4CVP mB92K27uhbUJU1p1r wW1gFWFOEjXk", VERIFIER),
                (
                    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEj~.",
                    "400 invalid_grant (code-verifier-wrong)",
                ),
                ("", "400 invalid_grant (code-verifier-missing)"),
            ],
        ),
        (
            "resource",
            each("400 invalid_target (resource-exceeds-grant)").collect(),
        ),
    ] {
        for (sent, refusal) in cases {
            let answer = server
                .token("portal", &honest.clone().with(name, sent))
                .await;
            assert_eq!(answer.to_string(), refusal, "{name}={sent:?}");
        }
    }
}

async fn refresh_by_scope(server: &TestServer, mut tokens: Tokens) -> Tokens {
    for (sent, refusal) in [
        ("a\tb", "400 invalid_scope (scope-malformed)"),
        ("\"", "400 invalid_scope (scope-malformed)"),
        ("ä", "400 invalid_scope (scope-malformed)"),
        ("~", "400 invalid_scope (scope-exceeds-grant)"),
    ] {
        let answer = server
            .token("portal", &tokens.refresh().with("scope", sent))
            .await;
        assert_eq!(answer.to_string(), refusal, "{sent:?}");
    }
    for (sent, given) in [
        ("", "notes.read notes.write"),
        ("   ", "notes.read notes.write"),
        (" notes.write  notes.write", "notes.write"),
    ] {
        let answer = server
            .token("portal", &tokens.refresh().with("scope", sent))
            .await;
        tokens = answer.tokens();
        assert_eq!(tokens.scope, given, "{sent:?}");
    }
    tokens
}

/// `token`, its hint and `access_token` are any text: what is no token of ours is inactive, gone or refused.
#[tokio::test]
async fn what_is_no_token_is_read_as_one_that_has_ended() {
    let server = TestServer::start().await;
    for sent in ANY_TEXT.iter().chain(CONTROLS) {
        let form = Form::new()
            .with("token", sent)
            .with("token_type_hint", sent);
        for (path, said) in [
            ("/introspect", "200 {\"active\":false}"),
            ("/revoke", "200"),
        ] {
            let request = server.back_channel(path, &server.credentials("shop"), &form);
            assert_eq!(server.send(request).await.to_string(), said, "{sent:?}");
        }
        let form = Form::new().with("access_token", sent);
        let request = server.back_channel("/userinfo", &Credentials::Nothing, &form);
        assert_eq!(server.send(request).await.status, 401, "{sent:?}");
    }
}

/// At `/logout` nothing is refused: what is not proven only asks the person. And our own forms are whole or are not ours.
#[tokio::test]
async fn what_our_own_pages_carry_is_ours_or_refused() {
    let server = TestServer::start().await;
    for sent in ANY_TEXT.iter().chain(CONTROLS) {
        let mut ada = server.browser();
        for name in read_at("/logout") {
            let form = Form::new().with(name, sent);
            let answer = ada.open(&format!("/logout?{}", form.encode())).await;
            assert_eq!(answer.status, 200, "{name}={sent:?}: {answer:?}");
        }
        for path in ["/login", "/login/continue", "/login/switch", "/consent"] {
            let answer = ada.post(path, &Form::new().with("pending", sent)).await;
            assert_eq!(answer.status, 400, "{path} {sent:?}: {answer:?}");
        }
        for name in ["pending", "arrival"] {
            let answer = ada.authorize(&Ask::of("shop").with(name, sent)).await;
            assert_eq!(answer.status, 400, "{name}={sent:?}: {answer:?}");
        }
    }
    decisions_and_names(&server, &mut server.browser()).await;
}

async fn decisions_and_names(server: &TestServer, browser: &mut Browser<'_>) {
    let page = browser.authorize(&Ask::of("shop")).await;
    // RFC 6749 A.15, A.16: any text without line breaks. It is right or wrong.
    for (name, password) in [("ada", "\u{fffd}\tä"), ("ä♥\u{fffd}", "x")] {
        let answer = browser.guess(&page, name, password).await;
        assert_eq!(
            answer.to_string(),
            "400 page “Error: Sign in – Safeconduct”"
        );
    }
    let page = browser.sign_in(&page, "ada").await;
    for decision in ["ALLOW", "allow ", "", "ä"] {
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("decision", decision);
        let answer = browser.post("/consent", &form).await;
        assert_eq!(answer.to_string(), "400 page (decision-missing)");
    }
    assert!(browser.allow(&page).await.has_code());
    let out = browser.get("/logout").await;
    for csrf in ["", "ä", "x"] {
        let answer = browser
            .post("/logout/confirm", &Form::new().with("csrf", csrf))
            .await;
        assert_eq!(answer.to_string(), "403 page (sign-out-form-stale)");
    }
    let form = Form::new()
        .with("csrf", &out.hidden("csrf"))
        .with("logout", "ä");
    assert_eq!(
        browser.post("/logout/confirm", &form).await.to_string(),
        "303 /signed-out"
    );
    assert_eq!(server.sessions("ada").await.len(), 0);
}

/// The reference page has a row for each parameter, and the code reads no other.
#[test]
fn the_reference_has_every_parameter_that_is_read() {
    const PAGE: &str = include_str!("../../../../docs/reference/parameters.md");
    let names: BTreeSet<&str> = READ.iter().flat_map(|(path, _)| read_at(path)).collect();
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    let told: BTreeSet<&str> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(told, names);
    let constants = ["pending", "arrival", "logout"];
    for source in sources() {
        for call in [
            ".one(\"",
            ".required(\"",
            "text(\"",
            "bounded(parameters, \"",
        ] {
            for (_, after) in source
                .match_indices(call)
                .map(|(at, _)| source.split_at(at + call.len()))
            {
                let name = after.split('"').next().unwrap();
                assert!(
                    names.contains(name) || constants.contains(&name),
                    "{name} is read and not in the table"
                );
            }
        }
    }
}

/// The files in which parameters are read.
fn sources() -> Vec<String> {
    let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut directories = vec![
        format!("{crates}/server/src"),
        format!("{crates}/protocol/src"),
    ];
    let mut sources = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path.display().to_string());
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let code = source.split("#[cfg(test)]").next().unwrap().to_owned();
                sources.extend(code.contains("arameters").then_some(code));
            }
        }
    }
    assert!(sources.len() > 10);
    sources
}
