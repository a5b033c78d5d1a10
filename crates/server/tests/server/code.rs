//! The authorization code (RFC 6749 §4.1.3): it buys tokens once, from whom it was issued to, with what only they know.

use std::collections::HashSet;

use insta::assert_snapshot;
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::resource::Resource;
use serde_json::Value;

use crate::support::{
    Answer, Ask, Code, Credentials, Form, MAIL, NOTES, STATE, TestServer, changed_at, secret_of,
};

/// Attacks: T24.
#[tokio::test]
async fn a_code_buys_tokens() {
    let server = TestServer::start().await;
    let code = server
        .code("ada", &Ask::of("shop").scope("notes.read notes.write"))
        .await;
    let answer = server.exchange(&code).await;
    assert_snapshot!(answer, @r#"200 {"access_token":"…","expires_in":300,"refresh_token":"…","scope":"notes.read notes.write","token_type":"Bearer"}"#);
    assert!(answer.tokens().refresh_token().starts_with("sc_rt_"));
}

#[tokio::test]
async fn every_kind_of_client_is_served() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for client in [
        "shop", "mailer", "kiosk", "phone", "robot", "heirloom", "portal", "bank", "vault",
    ] {
        let code = ada.code(&Ask::of(client)).await;
        let tokens = server.exchange(&code).await.tokens();
        assert!(server.is_active(&tokens.access).await, "{client}");
        assert_eq!(tokens.access.starts_with("sc_at_"), client == "vault");
    }
}

/// RFC 9068 §2.1: an API that knows RS256 alone is served, and nothing else changes.
#[tokio::test]
async fn an_api_has_its_tokens_signed_with_what_it_is_registered_for() {
    let server = TestServer::start().await;
    let algorithm = |token: &str| -> String {
        let header = encoding::decode(token.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        header["alg"].as_str().unwrap().to_owned()
    };
    let notes_alone = |api: &mut Resource| {
        if api.uri.as_str() == NOTES {
            api.access_token_signing_alg = Algorithm::Rs256;
        }
    };
    let mut ada = server.sign_in("ada").await;
    let before = ada.tokens(&Ask::of("shop")).await;
    assert_eq!(algorithm(&before.access), "ES256");

    server.change_apis(notes_alone).await;
    let after = server.refresh("shop", &before).await.tokens();
    assert_eq!(algorithm(&after.access), "RS256");
    for token in [&before.access, &after.access] {
        assert!(server.is_active(token).await, "either is good");
    }
    let own = Form::new()
        .with("grant_type", "client_credentials")
        .with("scope", "notes.read");
    let own = server.token("robot", &own).await.tokens();
    assert_eq!(algorithm(&own.access), "RS256");
    assert!(server.is_active(&own.access).await);

    let mail = ada
        .tokens(&Ask::of("mailer").scope("mail.read").with("resource", MAIL))
        .await;
    assert_eq!(algorithm(&mail.access), "ES256", "of another API");
    let openid = ada.tokens(&Ask::of("club").scope("openid profile")).await;
    assert_eq!(algorithm(&openid.access), "ES256", "for this server");
    let revoke = Form::new().with("token", &after.access);
    let revoked = server.back_channel("/revoke", &server.credentials("shop"), &revoke);
    assert_eq!(server.send(revoked).await.status, 200);
    assert!(!server.is_active(&after.access).await);
}

/// Attacks: C01.
#[tokio::test]
async fn a_code_that_is_used_twice_takes_back_what_it_bought() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let (code, other) = (
        ada.code(&Ask::of("shop")).await,
        ada.code(&Ask::of("shop")).await,
    );
    let tokens = server.exchange(&code).await.tokens();
    let untouched = server.exchange(&other).await.tokens();
    let next = server.refresh("shop", &tokens).await.tokens();
    assert!(server.is_active(&next.access).await);

    server.advance(30);
    assert_snapshot!(server.exchange(&code).await, @"400 invalid_grant (code-redeemed)");
    for access in [&tokens.access, &next.access] {
        assert!(!server.is_active(access).await);
    }
    for tokens in [&tokens, &next] {
        assert_eq!(
            server.refresh("shop", tokens).await.to_string(),
            "400 invalid_grant (grant-ended)"
        );
    }
    assert_snapshot!(server.exchange(&code).await, @"400 invalid_grant (code-redeemed)");
    assert!(
        server.is_active(&untouched.access).await,
        "another grant of the same person and client lives"
    );
}

/// Attacks: C02.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_at_once_one_is_served_and_then_the_grant_is_dead() {
    let server = TestServer::start().await;
    for client in ["shop", "kiosk"] {
        let code = server.code("ada", &Ask::of(client)).await;
        let request =
            |_| server.back_channel("/token", &server.credentials(client), &code.exchange());
        let answers = server.send_all((0..64).map(request)).await;
        let (served, refused): (Vec<Answer>, Vec<Answer>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(served.len(), 1, "{client}");
        assert!(
            refused
                .iter()
                .all(|answer| answer.to_string() == "400 invalid_grant (code-redeemed)")
        );
        for tokens in served.iter().map(Answer::tokens) {
            assert!(!server.is_active(&tokens.access).await);
            assert_eq!(
                server.refresh(client, &tokens).await.to_string(),
                "400 invalid_grant (grant-ended)"
            );
        }
    }
    let code = server.code("ada", &Ask::of("shop")).await;
    assert_eq!(server.exchange(&code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_codes_of_one_request_one_redeems_and_nothing_is_revoked() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    // Back, or a double click.
    let two_codes = async |ada: &mut crate::support::Browser<'_>, ask: &Ask| {
        let page = ada.authorize(ask).await;
        (
            ada.allow(&page).await.code(ask),
            ada.allow(&page).await.code(ask),
        )
    };
    let (first, second) = two_codes(&mut ada, &Ask::of("bank")).await;
    let tokens = server.exchange(&second).await.tokens();
    for _ in 0..2 {
        assert_eq!(
            server.exchange(&first).await.to_string(),
            "400 invalid_grant (code-superseded)"
        );
    }
    assert!(server.is_active(&tokens.access).await);
    assert_eq!(server.refresh("bank", &tokens).await.status, 200);

    // At the same time: whoever is first, it is one.
    let (first, second) = two_codes(&mut ada, &Ask::of("bank")).await;
    let credentials = server.credentials("bank");
    let requests =
        [&first, &second].map(|code| server.back_channel("/token", &credentials, &code.exchange()));
    let mut answers: Vec<Answer> = server.send_all(requests).await;
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(
        answers[1].to_string(),
        "400 invalid_grant (code-superseded)"
    );
    assert!(server.is_active(&answers[0].tokens().access).await);
}

/// Refused tries at `code`, each of which must leave the code as good as it was for its owner.
async fn leave_the_code_good(server: &TestServer, code: &Code, tries: &[(Form, &str)]) {
    for (form, refused) in tries {
        let answer = server.token(&code.client, form).await;
        assert_eq!(&answer.to_string(), refused, "{}", form.encode());
    }
    let tokens = server.exchange(code).await.tokens();
    assert!(server.is_active(&tokens.access).await);
}

/// Attacks: C05, C06, C14, C16.
#[tokio::test]
async fn a_wrong_redirect_uri_or_verifier_costs_the_owner_nothing() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("shop")).await;
    let right = code.exchange();
    let changed = [
        "",
        "https://shop.example/callback/",
        "https://shop.example/%63allback",
        "https://bank.example/callback",
    ]
    .map(|uri| {
        (
            right.clone().with("redirect_uri", uri),
            "400 invalid_grant (redirect-uri-changed)",
        )
    });
    let wrong = ["a".repeat(43), code.verifier.to_uppercase()].map(|verifier| {
        (
            right.clone().with("code_verifier", &verifier),
            "400 invalid_grant (code-verifier-wrong)",
        )
    });
    let malformed = [
        "a".repeat(42),
        "a".repeat(129),
        format!("{} ", code.verifier),
    ]
    .map(|verifier| {
        (
            right.clone().with("code_verifier", &verifier),
            "400 invalid_grant (code-verifier-malformed)",
        )
    });
    let without = [
        ("redirect_uri", "400 invalid_grant (redirect-uri-changed)"),
        ("code_verifier", "400 invalid_grant (code-verifier-missing)"),
        ("grant_type", "400 invalid_request (grant-type-missing)"),
        ("code", "400 invalid_request (code-missing)"),
    ]
    .map(|(name, refused)| (right.clone().without(name), refused));
    let twice = ["code", "code_verifier", "redirect_uri", "grant_type"].map(|name| {
        let value = right.get(name).unwrap();
        (
            right.clone().and(name, value),
            "400 invalid_request (parameter-repeated)",
        )
    });
    let elsewhere = right.clone().with("resource", "https://mail.example/api");
    let elsewhere = [(elsewhere, "400 invalid_target (resource-exceeds-grant)")];
    let tries = [
        &changed[..],
        &wrong,
        &malformed,
        &without,
        &twice,
        &elsewhere,
    ]
    .concat();
    leave_the_code_good(&server, &code, &tries).await;
}

/// Attacks: C04.
#[tokio::test]
async fn another_client_can_do_nothing_with_a_code() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("shop")).await;
    for thief in ["bank", "kiosk", "robot", "heirloom"] {
        let answer = server.token(thief, &code.exchange()).await;
        assert_eq!(
            answer.to_string(),
            "400 invalid_grant (code-of-another-client)",
            "{thief}"
        );
    }
    // As the thief, under the victim's name.
    let answer = server
        .token("bank", &code.exchange().with("client_id", "shop"))
        .await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    assert_eq!(server.exchange(&code).await.status, 200);
}

/// Attacks: C16.
#[tokio::test]
async fn who_does_not_authenticate_changes_nothing() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("shop")).await;
    for credentials in [
        Credentials::Nothing,
        Credentials::Id("shop".to_owned()),
        Credentials::Basic("shop".to_owned(), "wrong".to_owned()),
        Credentials::Post("shop".to_owned(), secret_of("shop")),
    ] {
        // Even with a code that would be refused, the client is judged first.
        for form in [code.exchange(), code.exchange().with("code", "sc_code_x")] {
            let answer = server.token_with(&credentials, &form).await;
            assert!(
                answer.to_string().starts_with("401 invalid_client"),
                "{answer:?}"
            );
        }
    }
    assert_eq!(server.exchange(&code).await.status, 200);
}

/// Attacks: C09.
#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let (quick, slow) = (
        ada.code(&Ask::of("shop")).await,
        ada.code(&Ask::of("shop")).await,
    );
    server.advance(59);
    assert_eq!(server.exchange(&quick).await.status, 200);
    server.advance(1);
    assert_snapshot!(server.exchange(&slow).await, @"400 invalid_grant (code-expired)");
    // Neither a clock that steps back nor a late replay gives it another life.
    server.advance(-3_600);
    assert_snapshot!(server.exchange(&slow).await, @"400 invalid_grant (code-not-yet-valid)");
    let tokens = server
        .exchange(&ada.code(&Ask::of("shop")).await)
        .await
        .tokens();
    assert!(server.is_active(&tokens.access).await);
}

/// Attacks: C09, C10.
#[tokio::test]
async fn a_code_has_one_spelling() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let code = ada.code(&Ask::of("shop")).await;
    let other = ada.code(&Ask::of("shop")).await;
    let tokens = server.exchange(&other).await.tokens();
    let text = &code.text;
    let flipped = (0..text.len()).step_by(7).map(|at| changed_at(text, at));
    let spellings = [
        text[..text.len() - 1].to_owned(),
        format!("{text}A"),
        format!("{text}="),
        format!("{text} "),
        format!(" {text}"),
        text.to_lowercase(),
        text.to_uppercase(),
        text.trim_start_matches("sc_code_").to_owned(),
        text.replace("sc_code_", "sc_rt_"),
        // Halves of two good codes, and other things of ours.
        format!(
            "{}{}",
            &text[..text.len() / 2],
            &other.text[text.len() / 2..]
        ),
        tokens.refresh_token().to_owned(),
        tokens.refresh_token().replace("sc_rt_", "sc_code_"),
        tokens.access.clone(),
        "x".to_owned(),
        "sc_code_".to_owned(),
        "A".repeat(60_000),
    ];
    let tries: Vec<(Form, &str)> = spellings
        .into_iter()
        .chain(flipped)
        .map(|text| {
            (
                code.exchange().with("code", &text),
                "400 invalid_grant (code-not-recognised)",
            )
        })
        .collect();
    leave_the_code_good(&server, &code, &tries).await;
}

/// Attacks: C10.
#[tokio::test]
async fn no_two_codes_are_alike() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let mut codes = Vec::new();
    for _ in 0..200 {
        codes.push(ada.code(&Ask::of("portal")).await.text);
    }
    // Beyond the prefix and the key's number every part of a code is as good as random: nowhere do two share 16 characters.
    let parts: Vec<String> = codes
        .iter()
        .flat_map(|code| {
            let body: Vec<char> = code["sc_code_".len() + 8..].chars().collect();
            body.chunks_exact(16)
                .map(|part| part.iter().collect())
                .collect::<Vec<String>>()
        })
        .collect();
    let different: HashSet<&String> = parts.iter().collect();
    assert_eq!(different.len(), parts.len());
}

/// Attacks: C07.
#[tokio::test]
async fn a_verifier_without_a_challenge_is_a_downgrade() {
    let server = TestServer::start().await;
    let ask = Ask::of("heirloom")
        .without("code_challenge")
        .without("code_challenge_method");
    let code = server.code("ada", &ask).await;
    let without = code.exchange().without("code_verifier");
    assert_snapshot!(server.exchange(&code).await, @"400 invalid_grant (code-verifier-unexpected)");
    assert_eq!(server.token("heirloom", &without).await.status, 200);

    let code = server.code("ada", &Ask::of("heirloom")).await;
    let answer = server
        .token("heirloom", &code.exchange().without("code_verifier"))
        .await;
    assert_snapshot!(answer, @"400 invalid_grant (code-verifier-missing)");
    assert_eq!(server.exchange(&code).await.status, 200);
}

/// Attacks: Q17.
#[tokio::test]
async fn a_resource_at_the_token_endpoint_may_only_repeat_what_was_granted() {
    let server = TestServer::start().await;
    let code = server
        .code("ada", &Ask::of("shop").with("resource", NOTES))
        .await;
    let answer = server
        .token("shop", &code.exchange().with("resource", NOTES))
        .await;
    assert!(server.is_active(&answer.tokens().access).await);
}

#[tokio::test]
async fn what_the_client_lost_meanwhile_is_not_minted() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let (some, all) = (
        ada.code(&Ask::of("shop").scope("notes.read notes.write"))
            .await,
        ada.code(&Ask::of("shop").scope("notes.write")).await,
    );
    server
        .change_client("shop", |shop| {
            shop.scopes = safeconduct_protocol::scope::Scope::parse("notes.read").unwrap()
        })
        .await;
    assert_eq!(server.exchange(&some).await.tokens().scope, "notes.read");
    assert_snapshot!(server.exchange(&all).await, @"400 invalid_grant (grant-ended)");
}

/// Attacks: R23.
#[tokio::test]
async fn a_code_that_went_to_an_address_which_is_gone_buys_nothing() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let code = ada.code(&Ask::of("shop")).await;
    let elsewhere = vec![RedirectUri::register("https://shop.example/elsewhere").unwrap()];
    server
        .change_client("shop", |shop| shop.redirect_uris = elsewhere)
        .await;
    assert_snapshot!(server.exchange(&code).await, @"400 invalid_grant (grant-ended)");
    server.change_client("shop", |_| {}).await;
    assert_eq!(server.exchange(&code).await.status, 200);
}

/// Attacks: C15.
#[tokio::test]
async fn the_way_of_a_code_leaves_no_trace_in_a_referrer() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let answer = ada.authorize(&Ask::of("portal")).await;
    assert!(answer.has_code());
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.parameter("state").as_deref(), Some(STATE));
}
