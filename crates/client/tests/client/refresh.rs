//! Tokens kept fresh: one request for a thousand tasks and for two processes, and nobody signed out by a lost answer.

use std::time::Duration;

use rstest::rstest;
use safeconduct_client::store::SqliteStore;
use safeconduct_client::testing::{Fault, IdTokenFlaw};
use safeconduct_client::{Algorithm, ErrorKind, KeyRing, Secret, Session};
use tokio::task::JoinSet;

use crate::stores::FailingStore;
use crate::{issuer_and_clock, kind, session};

/// Asks for the access token until it is another one than `old`.
async fn until_renewed(session: &Session, old: &Secret) {
    let renewed = async {
        while session.access_token().await.unwrap() == *old {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), renewed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_good_token_is_used_as_it_is() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    let first = session.access_token().await.unwrap();
    clock.advance(239);
    assert!(session.access_token().await.unwrap() == first);
    assert_eq!(issuer.refreshes(), 0);
}

#[tokio::test]
async fn a_token_near_its_end_is_used_and_renewed_behind_the_scenes() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    let first = session.access_token().await.unwrap();
    clock.advance(240);
    let gate = issuer.hold_tokens();
    assert!(
        session.access_token().await.unwrap() == first,
        "nobody waits"
    );
    drop(gate);
    until_renewed(&session, &first).await;
    assert_eq!(issuer.refreshes(), 1);
}

/// Attacks: K12.
#[tokio::test]
async fn a_thousand_tasks_refresh_once() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    let mut tasks = JoinSet::new();
    for _ in 0..1000 {
        let session = session.clone();
        tasks.spawn(async move { session.access_token().await.unwrap().expose().to_owned() });
    }
    let tokens = tasks.join_all().await;
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(issuer.refreshes(), 1);
}

#[tokio::test]
async fn an_app_renews_good_tokens_as_often_as_it_asks_and_once_for_all_who_ask() {
    let (issuer, _clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    let first = session.access_token().await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let session = session.clone();
        tasks.spawn(async move { session.renew().await.unwrap() });
    }
    tasks.join_all().await;
    assert!(session.access_token().await.unwrap() != first);
    assert_eq!(issuer.refreshes(), 1);
    // At the next request of the same browser, no second later.
    let session = client.session(&cookie).await.unwrap().unwrap();
    session.renew().await.unwrap();
    assert_eq!(issuer.refreshes(), 2);
}

/// Attacks: K12.
#[tokio::test]
async fn a_thousand_tasks_share_a_failure_and_make_no_storm() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    let before = issuer.token_requests();
    issuer.script([Fault::Busy]);
    let mut tasks = JoinSet::new();
    for _ in 0..1000 {
        let session = session.clone();
        tasks.spawn(async move { kind(session.access_token().await) });
    }
    assert!(
        tasks
            .join_all()
            .await
            .iter()
            .all(|kind| *kind == Some(ErrorKind::IssuerBusy))
    );
    assert_eq!(issuer.token_requests() - before, 1);
    clock.advance(1);
    assert_eq!(
        kind(session.access_token().await),
        None,
        "nobody was signed out"
    );
}

/// Attacks: K13.
#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_signs_nobody_out() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    for _ in 0..3 {
        clock.advance(300);
        issuer.script([Fault::LosesAnswer]);
        assert_eq!(kind(session.access_token().await), None);
    }
    assert_eq!(issuer.refreshes(), 6);
    assert!(!issuer.saw_reuse());
}

#[tokio::test]
async fn two_lost_answers_are_made_up_for_by_the_next_refresh() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.script([Fault::LosesAnswer, Fault::LosesAnswer]);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::IssuerUnreachable)
    );
    clock.advance(1);
    assert_eq!(kind(session.access_token().await), None);
    assert!(!issuer.saw_reuse());
}

#[tokio::test]
async fn a_refresh_token_of_every_visible_character_and_the_space_is_sent_back() {
    let (issuer, clock) = issuer_and_clock().await;
    let all: String = (0x20..=0x7e_u8).map(char::from).collect();
    issuer.refresh_tokens_begin_with(&all);
    issuer.forgives_no_retry();
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    for round in 1..=3 {
        clock.advance(300);
        assert_eq!(kind(session.access_token().await), None);
        assert_eq!(issuer.refreshes(), round);
    }
    assert!(!issuer.saw_reuse());
}

/// Attacks: LI46.
#[tokio::test]
async fn a_successor_outlives_keys_that_can_not_be_had() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    issuer.forgives_no_retry();
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    let first = session.access_token().await.unwrap();
    clock.advance(300);
    issuer.rotate_keys();
    issuer.script([Fault::KeysBusy]);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::IssuerBusy)
    );
    clock.advance(1);
    assert!(session.access_token().await.unwrap() != first);
    assert_eq!(issuer.refreshes(), 2);
    assert!(!issuer.saw_reuse(), "the successor was sent");
    assert!(client.session(&cookie).await.unwrap().is_some());
}

/// Attacks: LI46.
#[rstest]
#[case::an_id_token_for_another_client(Fault::IdToken(IdTokenFlaw::Audience), ErrorKind::IdToken)]
#[case::an_unsigned_id_token(Fault::IdToken(IdTokenFlaw::Unsigned), ErrorKind::IdToken)]
#[case::another_type(Fault::TokenType("mac"), ErrorKind::TokenResponse)]
#[case::not_bound_as_asked(Fault::TokenType("DPoP"), ErrorKind::TokenResponse)]
#[tokio::test]
async fn a_spent_token_is_never_sent_again_once_a_successor_came(
    #[case] fault: Fault,
    #[case] expected: ErrorKind,
) {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.forgives_no_retry();
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.script([fault]);
    assert_eq!(kind(session.access_token().await), Some(expected));
    assert_eq!(
        issuer.refreshes(),
        1,
        "an answer that came is not asked for again"
    );
    clock.advance(1);
    assert_eq!(kind(session.access_token().await), None);
    assert_eq!(issuer.refreshes(), 2);
    assert!(!issuer.saw_reuse());
}

#[rstest]
#[case::a_line_break(r#"{"access_token":"at","token_type":"Bearer","refresh_token":"a\nb"}"#)]
#[case::empty(r#"{"access_token":"at","token_type":"Bearer","refresh_token":""}"#)]
#[case::a_number(r#"{"access_token":"at","token_type":"Bearer","refresh_token":7}"#)]
#[tokio::test]
async fn a_session_whose_successor_is_no_refresh_token_ends_with_its_access_token(
    #[case] body: &'static str,
) {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.script([Fault::Answers(body)]);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::TokenResponse)
    );
    clock.advance(1);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::SessionEnded)
    );
    assert_eq!(
        issuer.token_requests(),
        2,
        "the spent one is sent to nobody"
    );
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_not_asked_for_again_at_once() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.script([Fault::Answers("{}")]);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::TokenResponse)
    );
    assert_eq!(issuer.token_requests(), 2);
    clock.advance(1);
    assert_eq!(kind(session.access_token().await), None);
}

#[tokio::test]
async fn a_sign_out_while_an_id_token_is_judged_revokes_the_successor() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.forgives_no_retry();
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.script([Fault::IdToken(IdTokenFlaw::Audience)]);
    assert_eq!(kind(session.access_token().await), Some(ErrorKind::IdToken));
    session.end().await.unwrap();
    assert_eq!(issuer.revocations(), 1);
    assert!(!issuer.saw_reuse());
}

/// Attacks: K18.
#[tokio::test]
async fn a_silent_server_is_given_up_and_asked_again_later() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer
        .client()
        .http_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    let before = issuer.token_requests();
    issuer.script([Fault::Hangs]);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::IssuerUnreachable)
    );
    assert_eq!(
        issuer.token_requests() - before,
        1,
        "a time-out is not doubled"
    );
    clock.advance(1);
    assert_eq!(kind(session.access_token().await), None);
}

/// Attacks: K13.
#[tokio::test]
async fn tokens_that_cannot_be_stored_are_not_used_and_not_lost() {
    let (issuer, clock) = issuer_and_clock().await;
    let store = FailingStore::default();
    let client = issuer
        .client()
        .store(store.clone())
        .session_keys(KeyRing::generate())
        .build()
        .unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    // The lease is written; what the server then gave is not, however often it is tried.
    store.fail(1, 3);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::SessionStore)
    );
    assert_eq!(issuer.refreshes(), 1);
    // The process that held the lease is as good as dead: its lease runs out, and the same refresh token buys the same successor.
    clock.advance(15);
    assert_eq!(kind(session.access_token().await), None);
    assert_eq!(issuer.refreshes(), 2);
    assert!(!issuer.saw_reuse());
    clock.advance(300);
    assert_eq!(kind(session.access_token().await), None);
    assert!(!issuer.saw_reuse());
}

#[tokio::test]
async fn a_store_that_stumbles_is_tried_again() {
    let (issuer, clock) = issuer_and_clock().await;
    let store = FailingStore::default();
    let client = issuer
        .client()
        .store(store.clone())
        .session_keys(KeyRing::generate())
        .build()
        .unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    store.fail(1, 1);
    assert_eq!(kind(session.access_token().await), None);
    assert_eq!(issuer.refreshes(), 1);
}

/// Attacks: K12.
#[tokio::test]
async fn two_processes_on_one_file_refresh_once() {
    let (issuer, clock) = issuer_and_clock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let keys = KeyRing::generate();
    let process = async || {
        let store = SqliteStore::open(path.clone()).await.unwrap();
        issuer
            .client()
            .store(store)
            .session_keys(keys.clone())
            .build()
            .unwrap()
    };
    let (one, other) = (process().await, process().await);
    let (here, cookie) = session(&one, &issuer).await;
    let there = other.session(&cookie).await.unwrap().unwrap();

    for round in 1..=3 {
        clock.advance(300);
        let gate = issuer.hold_tokens();
        let release = async {
            issuer.until_token_requests(1 + round).await;
            drop(gate);
        };
        let (first, second, ()) = tokio::join!(here.access_token(), there.access_token(), release);
        assert!(first.unwrap() == second.unwrap());
        assert_eq!(issuer.refreshes(), round);
    }
    assert!(!issuer.saw_reuse());
}

/// Attacks: E30.
#[tokio::test]
async fn an_abandoned_request_does_not_lose_the_answer() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(300);
    let gate = issuer.hold_tokens();
    let passenger = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await.map(|_| ()) }
    });
    issuer.until_token_requests(2).await;
    passenger.abort();
    drop(gate);
    assert_eq!(kind(session.access_token().await), None);
    assert_eq!(issuer.refreshes(), 1);
}

#[tokio::test]
async fn a_dead_grant_ends_the_session() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.revoke_everything();
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::SessionEnded)
    );
    assert!(client.session(&cookie).await.unwrap().is_none());
    assert_eq!(issuer.refreshes(), 1);
}

#[tokio::test]
async fn a_refused_client_ends_no_session() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.script([Fault::Refuses("invalid_client")]);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::TokenRefused)
    );
    assert!(client.session(&cookie).await.unwrap().is_some());
}

#[tokio::test]
async fn a_sign_out_during_a_refresh_revokes_what_was_bought() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    clock.advance(300);
    let gate = issuer.hold_tokens();
    let refreshing = tokio::spawn({
        let session = session.clone();
        async move { kind(session.access_token().await) }
    });
    issuer.until_token_requests(2).await;
    session.end().await.unwrap();
    drop(gate);
    assert_eq!(refreshing.await.unwrap(), Some(ErrorKind::SessionEnded));
    assert!(client.session(&cookie).await.unwrap().is_none());
    assert!(issuer.revocations() >= 1);
}

#[tokio::test]
async fn without_a_refresh_token_the_session_ends_with_the_access_token() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().scopes(["notes.read"]).build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    clock.advance(294);
    assert_eq!(kind(session.access_token().await), None);
    assert_eq!(kind(session.renew().await), None);
    clock.advance(6);
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::SessionEnded)
    );
    assert_eq!(issuer.refreshes(), 0);
}

#[tokio::test]
async fn tokens_that_are_over_at_once_do_not_send_people_in_circles() {
    let (issuer, _) = issuer_and_clock().await;
    issuer.access_lifetime(Some(0));
    let client = issuer.client().scopes(["notes.read"]).build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    assert_eq!(
        kind(session.access_token().await),
        Some(ErrorKind::TokenResponse)
    );
}

/// Attacks: K13, E30.
#[tokio::test]
async fn a_process_that_died_with_the_lease_delays_the_others_until_it_ends() {
    let (issuer, clock) = issuer_and_clock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let keys = KeyRing::generate();
    let process = async || {
        let store = SqliteStore::open(path.clone()).await.unwrap();
        issuer
            .client()
            .store(store)
            .session_keys(keys.clone())
            .build()
            .unwrap()
    };
    let survivor = process().await;
    let (session, cookie) = session(&survivor, &issuer).await;
    clock.advance(300);
    let dying = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let gate = issuer.hold_tokens();
    let victim = process().await;
    dying.spawn(async move {
        let session = victim.session(&cookie).await.unwrap().unwrap();
        session.access_token().await.map(|_| ())
    });
    issuer.until_token_requests(2).await;
    dying.shutdown_background();
    drop(gate);
    clock.advance(15);
    assert_eq!(kind(session.access_token().await), None);
    assert!(!issuer.saw_reuse());
}
