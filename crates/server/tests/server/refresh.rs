//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14.2): each use gives the next one, a lost answer is forgiven, a theft is not.

use insta::assert_snapshot;
use safeconduct_protocol::client::{Client, GrantType, RefreshShared};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::scope::Scope;
use safeconduct_server::Settings;
use safeconduct_server::settings::SessionLifetimes;

use crate::login::SIGN_IN;
use crate::support::{
    Answer, Ask, Credentials, Form, ISSUER, MAIL, NOTES, TestServer, Tokens, changed_at, secret_of,
};

const DAY: i64 = 24 * 3_600;

#[tokio::test]
async fn each_use_gives_the_next_refresh_token() {
    let server = TestServer::start().await;
    let mut tokens = server.tokens("ada", &Ask::of("shop")).await;
    for generation in 0..4 {
        assert_eq!(server.generation(&tokens).await, generation);
        let answer = server.refresh("shop", &tokens).await;
        assert_eq!(
            answer.to_string(),
            r#"200 {"access_token":"…","expires_in":300,"refresh_token":"…","scope":"notes.read","token_type":"Bearer"}"#
        );
        tokens = answer.tokens();
        assert!(server.is_active(&tokens.access).await);
    }
}

/// Attacks: F01.
#[tokio::test]
async fn a_token_that_was_replaced_and_whose_successor_was_used_ends_everything() {
    let server = TestServer::start().await;
    for client in ["shop", "kiosk"] {
        let first = server.tokens("ada", &Ask::of(client)).await;
        let second = server.refresh(client, &first).await.tokens();
        let third = server.refresh(client, &second).await.tokens();
        assert!(server.is_active(&first.access).await && server.is_active(&third.access).await);

        let answer = server.refresh(client, &first).await;
        assert_eq!(
            answer.to_string(),
            "400 invalid_grant (refresh-token-reused)"
        );
        for tokens in [&first, &second, &third] {
            assert!(!server.is_active(&tokens.access).await);
            assert_eq!(
                server.refresh(client, tokens).await.to_string(),
                "400 invalid_grant (grant-ended)"
            );
        }
    }
}

/// Attacks: F06.
#[tokio::test]
async fn a_lost_answer_is_given_again() {
    let server = TestServer::start().await;
    let tokens = server
        .tokens("ada", &Ask::of("shop").scope("notes.read offline_access"))
        .await;
    let lost = server.refresh("shop", &tokens).await.tokens();
    // A confidential client's token is bound to it: there is no limit to when it may ask again.
    server.advance(2 * DAY);
    let again = server.refresh("shop", &tokens).await.tokens();
    assert_eq!(
        (
            server.generation(&lost).await,
            server.generation(&again).await
        ),
        (1, 1)
    );
    assert!(server.is_active(&again.access).await);

    // The same successor twice is still one chain: using either is using it.
    let next = server.refresh("shop", &again).await.tokens();
    let retried = server.refresh("shop", &lost).await.tokens();
    assert_eq!(
        (
            server.generation(&next).await,
            server.generation(&retried).await
        ),
        (2, 2)
    );
    assert_snapshot!(server.refresh("shop", &tokens).await, @"400 invalid_grant (refresh-token-reused)");
    assert!(!server.is_active(&next.access).await);
}

/// Attacks: F06.
#[tokio::test]
async fn a_public_client_has_a_minute_to_ask_again() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("kiosk")).await;
    server.refresh("kiosk", &tokens).await.tokens();
    server.advance(60);
    let again = server.refresh("kiosk", &tokens).await.tokens();
    assert_eq!(server.generation(&again).await, 1);
    // The minute is counted from the rotation; asking again does not prolong it.
    server.advance(1);
    assert_snapshot!(server.refresh("kiosk", &tokens).await, @"400 invalid_grant (refresh-token-retried-late)");
    assert_snapshot!(server.refresh("kiosk", &again).await, @"400 invalid_grant (grant-ended)");
}

/// An owner and a thief who refresh in turn, each within the window of the other: what the thief is answered in each of 20 cycles.
async fn in_step(server: &TestServer, client: &str) -> Vec<String> {
    let mut tokens = server.tokens("ada", &Ask::of(client)).await;
    let mut answers = Vec::new();
    for _ in 0..20 {
        server.advance(290);
        let owner = server.refresh(client, &tokens).await;
        server.advance(5);
        let thief = server.refresh(client, &tokens).await;
        let said = thief.to_string();
        let ended = thief.status != 200;
        answers.push(if ended { said } else { "200".to_owned() });
        if ended {
            let owner = server.refresh(client, &owner.tokens()).await;
            assert_eq!(owner.to_string(), "400 invalid_grant (grant-ended)");
            break;
        }
        tokens = owner.tokens();
    }
    answers
}

/// How often it was reported that a refresh token has two holders, as an operator sees it.
async fn reports(server: &TestServer) -> (usize, Option<String>) {
    let events = server.server().store().events(None, 10_000).await.unwrap();
    let told = events
        .iter()
        .filter(|event| event.kind == "refresh-token-shared");
    let rendered = server.server().telemetry().render();
    let mut lines = rendered.lines().filter_map(|line| {
        line.strip_prefix("safeconduct_refresh_shared_total{outcome=\"reported\"} ")
    });
    (told.count(), lines.next().map(str::to_owned))
}

/// Attacks: F06, E28.
#[tokio::test]
async fn two_holders_in_step_are_reported_and_end_where_the_client_says() {
    for client in ["kiosk", "shop"] {
        let server = TestServer::start().await;
        assert_eq!(in_step(&server, client).await, ["200"; 20]);
        assert_eq!(reports(&server).await, (1, Some("1".to_owned())));

        let revoke = |client: &mut Client| client.refresh_shared = RefreshShared::Revoke;
        server.change_client(client, revoke).await;
        let answers = in_step(&server, client).await;
        assert_eq!(answers.len(), 10);
        assert_eq!(answers[..9], ["200"; 9]);
        assert_eq!(answers[9], "400 invalid_grant (refresh-token-shared)");
        assert_eq!(reports(&server).await, (2, Some("2".to_owned())));
    }
}

#[tokio::test]
async fn a_client_that_loses_an_answer_now_and_then_is_never_reported() {
    let server = TestServer::start().await;
    let revoke = |client: &mut Client| client.refresh_shared = RefreshShared::Revoke;
    for client in ["kiosk", "shop"] {
        server.change_client(client, revoke).await;
        let mut tokens = server.tokens("ada", &Ask::of(client)).await;
        for cycle in 0..40 {
            // Four in a row are lost, and then one is not.
            if cycle % 5 != 0 {
                server.refresh(client, &tokens).await.tokens();
            }
            tokens = server.refresh(client, &tokens).await.tokens();
        }
        assert!(server.is_active(&tokens.access).await);
    }
    assert_eq!(reports(&server).await, (0, None));
}

/// Attacks: F02.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_at_once_all_get_the_same_successor() {
    let server = TestServer::start().await;
    for client in ["shop", "kiosk", "robot"] {
        let tokens = server.tokens("ada", &Ask::of(client)).await;
        let request =
            |_| server.back_channel("/token", &server.credentials(client), &tokens.refresh());
        let answers = server.send_all((0..64).map(request)).await;
        let mut successors: Vec<Tokens> = Vec::new();
        for answer in &answers {
            assert_eq!(answer.status, 200, "{answer:?}");
            successors.push(answer.tokens());
        }
        for successor in &successors {
            assert_eq!(server.generation(successor).await, 1);
        }
        // One chain: the successor goes on, and who comes with the old one after that is a thief.
        let next = server.refresh(client, &successors[7]).await.tokens();
        assert_eq!(server.generation(&next).await, 2);
        assert!(server.is_active(&next.access).await);
        assert_eq!(
            server.refresh(client, &tokens).await.to_string(),
            "400 invalid_grant (refresh-token-reused)"
        );
        assert!(!server.is_active(&next.access).await);
    }
}

/// Attacks: F05, E26.
#[tokio::test]
async fn a_restart_forgets_nothing() {
    let server = TestServer::start().await;
    let first = server.tokens("ada", &Ask::of("shop")).await;
    let second = server.refresh("shop", &first).await.tokens();
    let third = server.refresh("shop", &second).await.tokens();
    let server = server.restart().await;
    let fourth = server.refresh("shop", &third).await.tokens();
    assert!(server.is_active(&fourth.access).await);
    let server = server.restart().await;
    assert_snapshot!(server.refresh("shop", &second).await, @"400 invalid_grant (refresh-token-reused)");
    let server = server.restart().await;
    assert_snapshot!(server.refresh("shop", &fourth).await, @"400 invalid_grant (grant-ended)");
    assert!(!server.is_active(&fourth.access).await);
}

/// A database that went back, and nobody said so: its rows lag behind what was handed out.
/// Attacks: A05, E24.
#[tokio::test]
async fn a_token_that_the_database_does_not_know_yet_is_refused_and_ends_nothing() {
    let server = TestServer::start().await;
    let first = server.tokens("ada", &Ask::of("shop")).await;
    let second = server.refresh("shop", &first).await.tokens();
    server.change("UPDATE grants SET generation = 0");
    assert_snapshot!(server.refresh("shop", &second).await, @"400 invalid_grant (refresh-token-from-lost-history)");
    assert!(server.is_active(&second.access).await);
    assert_eq!(server.refresh("shop", &first).await.status, 200);
}

/// Attacks: F14.
#[tokio::test]
async fn a_clock_that_steps_back_does_not_turn_back_the_order() {
    let server = TestServer::start().await;
    let first = server.tokens("ada", &Ask::of("kiosk")).await;
    let second = server.refresh("kiosk", &first).await.tokens();
    server.advance(-3_600);
    let third = server.refresh("kiosk", &second).await.tokens();
    assert_snapshot!(server.refresh("kiosk", &first).await, @"400 invalid_grant (refresh-token-reused)");
    assert_snapshot!(server.refresh("kiosk", &third).await, @"400 invalid_grant (grant-ended)");
}

/// Attacks: F07.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_revocation_nothing_that_was_on_its_way_lives() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for _ in 0..16 {
        let tokens = server
            .exchange(&ada.code(&Ask::of("shop")).await)
            .await
            .tokens();
        let credentials = server.credentials("shop");
        let revoke = Form::new().with("token", tokens.refresh_token());
        let refreshes =
            (0..3).map(|_| server.back_channel("/token", &credentials, &tokens.refresh()));
        let revocation = server.back_channel("/revoke", &credentials, &revoke);
        let answers = server.send_all(refreshes.chain([revocation])).await;
        for answer in answers
            .iter()
            .filter(|answer| answer.status == 200 && !answer.body.is_empty())
        {
            let minted = answer.tokens();
            assert!(!server.is_active(&minted.access).await);
            assert_eq!(
                server.refresh("shop", &minted).await.to_string(),
                "400 invalid_grant (grant-ended)"
            );
        }
        assert!(!server.is_active(&tokens.access).await);
    }
}

/// Attacks: F09.
#[tokio::test]
async fn another_client_can_do_nothing_with_a_refresh_token() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    for thief in ["bank", "kiosk", "robot"] {
        let answer = server.refresh(thief, &tokens).await;
        assert_eq!(
            answer.to_string(),
            "400 invalid_grant (refresh-token-of-another-client)",
            "{thief}"
        );
    }
    // Nor can its own client with less than it is registered with.
    for credentials in [
        Credentials::Nothing,
        Credentials::Id("shop".to_owned()),
        Credentials::Post("shop".to_owned(), secret_of("shop")),
        Credentials::Basic("shop".to_owned(), "wrong".to_owned()),
    ] {
        let answer = server.token_with(&credentials, &tokens.refresh()).await;
        assert!(
            answer.to_string().starts_with("401 invalid_client"),
            "{answer:?}"
        );
    }
    assert_eq!(
        server
            .generation(&server.refresh("shop", &tokens).await.tokens())
            .await,
        1
    );
}

#[tokio::test]
async fn a_refresh_token_has_one_spelling() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = server
        .exchange(&ada.code(&Ask::of("shop")).await)
        .await
        .tokens();
    let code = ada.code(&Ask::of("shop")).await;
    let text = tokens.refresh_token();
    let flipped = (0..text.len()).step_by(7).map(|at| changed_at(text, at));
    let spellings = [
        text[..text.len() - 1].to_owned(),
        format!("{text}A"),
        format!("{text}="),
        text.to_uppercase(),
        code.text.clone(),
        code.text.replace("sc_code_", "sc_rt_"),
        tokens.access.clone(),
        "x".to_owned(),
    ];
    for spelling in spellings.into_iter().chain(flipped) {
        let answer = server
            .token("shop", &tokens.refresh().with("refresh_token", &spelling))
            .await;
        assert_eq!(
            answer.to_string(),
            "400 invalid_grant (refresh-token-not-recognised)",
            "{spelling}"
        );
    }
    assert_eq!(
        server
            .generation(&server.refresh("shop", &tokens).await.tokens())
            .await,
        1
    );
}

/// Attacks: F12.
#[tokio::test]
async fn a_chain_ends_after_thirty_days_however_often_it_is_used() {
    let server = TestServer::start().await;
    // Offline, so that it does not end with the session.
    let mut tokens = server
        .tokens("ada", &Ask::of("shop").scope("notes.read offline_access"))
        .await;
    let length = tokens.refresh_token().len();
    for _ in 0..4 {
        server.advance(6 * DAY);
        tokens = server.refresh("shop", &tokens).await.tokens();
        assert_eq!(
            tokens.refresh_token().len(),
            length,
            "a chain does not grow"
        );
    }
    server.advance(6 * DAY - 1);
    tokens = server.refresh("shop", &tokens).await.tokens();
    server.advance(1);
    assert_snapshot!(server.refresh("shop", &tokens).await, @"400 invalid_grant (refresh-token-expired)");
    assert!(
        server.is_active(&tokens.access).await,
        "its last access token lives its five minutes"
    );
    server.advance(300);
    assert!(!server.is_active(&tokens.access).await);
}

#[tokio::test]
async fn a_chain_that_nobody_uses_ends_after_seven_days() {
    let server = TestServer::start().await;
    for scope in ["notes.read offline_access", "notes.read"] {
        let ask = Ask::of("shop").scope(scope);
        let (used, idle) = (
            server.tokens("ada", &ask).await,
            server.tokens("bob", &ask).await,
        );
        server.advance(7 * DAY - 1);
        let used = server.refresh("shop", &used).await.tokens();
        server.advance(1);
        assert_eq!(
            server.refresh("shop", &idle).await.to_string(),
            "400 invalid_grant (refresh-token-expired)"
        );
        assert_eq!(server.refresh("shop", &used).await.status, 200);
    }
}

/// Attacks: F12.
#[tokio::test]
async fn asking_again_extends_nothing() {
    let server = TestServer::start().await;
    let tokens = server
        .tokens("ada", &Ask::of("shop").scope("notes.read offline_access"))
        .await;
    let lost = server.refresh("shop", &tokens).await.tokens();
    server.advance(6 * DAY);
    let again = server.refresh("shop", &tokens).await.tokens();
    server.advance(DAY);
    for tokens in [&tokens, &lost, &again] {
        assert_eq!(
            server.refresh("shop", tokens).await.to_string(),
            "400 invalid_grant (refresh-token-expired)"
        );
    }
}

#[tokio::test]
async fn a_scope_narrows_this_access_token_and_nothing_else() {
    let server = TestServer::start().await;
    let tokens = server
        .tokens("ada", &Ask::of("shop").scope("notes.read notes.write"))
        .await;
    let narrow = server
        .token("shop", &tokens.refresh().with("scope", "notes.read"))
        .await
        .tokens();
    assert_eq!(narrow.scope, "notes.read");
    assert_eq!(
        server.introspect("notes-api", &narrow.access).await.json()["scope"],
        "notes.read"
    );
    let refused = [
        (
            "notes.read profile",
            "400 invalid_scope (scope-exceeds-grant)",
        ),
        ("offline_access", "400 invalid_scope (scope-exceeds-grant)"),
        ("a\"b", "400 invalid_scope (scope-malformed)"),
    ];
    for (scope, refused) in refused {
        let answer = server
            .token("shop", &narrow.refresh().with("scope", scope))
            .await;
        assert_eq!(answer.to_string(), refused);
    }
    let whole = server.refresh("shop", &narrow).await.tokens();
    assert_eq!(whole.scope, "notes.read notes.write");
    assert_eq!(
        server.generation(&whole).await,
        2,
        "what was refused used nothing"
    );
}

/// Attacks: Q17.
#[tokio::test]
async fn a_resource_may_only_repeat_what_was_granted() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("mailer")).await;
    for resource in [
        MAIL,
        "https://notes.example/api/",
        "https://unknown.example",
    ] {
        let answer = server
            .token("mailer", &tokens.refresh().with("resource", resource))
            .await;
        assert_eq!(
            answer.to_string(),
            "400 invalid_target (resource-exceeds-grant)"
        );
    }
    let answer = server
        .token("mailer", &tokens.refresh().with("resource", NOTES))
        .await;
    assert!(server.is_active(&answer.tokens().access).await);
}

/// Attacks: F10.
#[tokio::test]
async fn what_the_client_may_no_longer_have_is_not_minted_again() {
    let server = TestServer::start().await;
    let registered = |scope: &str| Scope::parse(scope).unwrap();
    let tokens = server
        .tokens(
            "ada",
            &Ask::of("shop").scope("notes.read notes.write offline_access"),
        )
        .await;
    server
        .change_client("shop", |shop| {
            shop.scopes = registered("notes.read offline_access")
        })
        .await;
    let less = server.refresh("shop", &tokens).await.tokens();
    assert_eq!(less.scope, "notes.read offline_access");
    // Something is left, and none of it is the API's that the grant is for.
    server
        .change_client("shop", |shop| shop.scopes = registered("offline_access"))
        .await;
    assert_snapshot!(server.refresh("shop", &less).await, @"400 invalid_grant (grant-ended)");
    server
        .change_client("shop", |shop| shop.scopes = registered("notes.read"))
        .await;
    assert_snapshot!(server.refresh("shop", &less).await, @"400 invalid_grant (grant-ended)");
    server.change_client("shop", |_| {}).await;
    let more = server.refresh("shop", &less).await.tokens();
    assert_eq!(more.scope, "notes.read notes.write offline_access");
    server
        .change_client("shop", |shop| {
            shop.grant_types = vec![GrantType::AuthorizationCode]
        })
        .await;
    assert_snapshot!(server.refresh("shop", &more).await, @"400 unauthorized_client (grant-type-not-allowed)");
}

#[tokio::test]
async fn a_client_that_may_not_refresh_is_given_no_refresh_token() {
    let server = TestServer::start().await;
    server
        .change_client("shop", |shop| {
            shop.grant_types = vec![GrantType::AuthorizationCode]
        })
        .await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    assert!(tokens.refresh.is_none());
    assert!(server.is_active(&tokens.access).await);
}

/// Attacks: F10.
#[tokio::test]
async fn only_offline_access_outlives_the_session() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let online = server
        .exchange(&ada.code(&Ask::of("shop")).await)
        .await
        .tokens();
    let ask = Ask::of("shop").scope("notes.read offline_access");
    let offline = server.exchange(&ada.code(&ask).await).await.tokens();
    assert!(server.is_active(&online.access).await && server.is_active(&offline.access).await);

    ada.sign_out().await;
    assert!(!server.is_active(&online.access).await);
    assert_snapshot!(server.refresh("shop", &online).await, @"400 invalid_grant (grant-ended)");
    assert!(server.is_active(&offline.access).await);
    assert_eq!(server.refresh("shop", &offline).await.status, 200);
}

/// Attacks: L32.
#[tokio::test]
async fn an_app_that_refreshes_goes_on_while_the_browser_idles() {
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    settings.sessions = SessionLifetimes {
        idle: 3_600,
        absolute: 7_200,
    };
    let server = TestServer::start_with(settings).await;
    let mut ada = server.sign_in("ada").await;
    let code = ada.code(&Ask::of("shop")).await;
    let mut tokens = server.exchange(&code).await.tokens();
    for minutes in (5..120).step_by(5) {
        server.advance(300);
        tokens = server.refresh("shop", &tokens).await.tokens();
        assert!(server.is_active(&tokens.access).await, "{minutes} minutes");
    }
    assert_eq!(
        ada.authorize(&Ask::of("portal")).await.to_string(),
        SIGN_IN,
        "refreshing proves nothing about who sits at the browser"
    );
    server.advance(299);
    assert!(server.is_active(&tokens.access).await);
    server.advance(1);
    assert!(!server.is_active(&tokens.access).await);
    assert_snapshot!(server.refresh("shop", &tokens).await, @"400 invalid_grant (grant-ended)");
}

/// Attacks: Z04.
#[tokio::test]
async fn of_more_than_fifty_grants_the_oldest_ends() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let mut grants: Vec<Answer> = Vec::new();
    for _ in 0..51 {
        grants.push(server.exchange(&ada.code(&Ask::of("shop")).await).await);
        server.advance(1);
    }
    let other = server
        .exchange(&ada.code(&Ask::of("bank")).await)
        .await
        .tokens();
    assert!(!server.is_active(&grants[0].tokens().access).await);
    for grant in &grants[1..] {
        assert!(server.is_active(&grant.tokens().access).await);
    }
    assert!(server.is_active(&other.access).await);
}
