//! Groups that demand a second factor of their members: at the next request, wherever they are signed in.

use safeconduct_server::settings::SecondFactor;
use safeconduct_store::{Group, Membership};

use crate::account;
use crate::passkeys::Holder;
use crate::second_factor::{ASKED, ENROL, enrolled, events, start};
use crate::support::{Ask, TestServer};

impl TestServer {
    pub(crate) async fn add_group(&self, name: &str, second_factor_required: bool) {
        let group = Group {
            name: name.to_owned(),
            display: None,
            second_factor_required,
        };
        let store = &self.store();
        store.add_group(&group, self.now()).await.unwrap();
    }

    pub(crate) async fn join(&self, group: &str, username: &str) {
        let user = self.user(username).await;
        let store = &self.store();
        let joined = store.add_member(group, &user, self.now()).await;
        assert_eq!(joined.unwrap(), Membership::Changed);
    }
}

/// Attacks: PE43.
#[tokio::test]
async fn what_a_group_begins_to_demand_is_asked_of_sessions_that_are_there() {
    let server = start(SecondFactor::Offered).await;
    let mut ada = server.decline("ada").await;
    let mut bob = server.decline("bob").await;
    let ask = Ask::of("portal");
    server.add_group("staff", false).await;
    server.join("staff", "ada").await;
    assert!(ada.authorize(&ask).await.has_code());

    let store = &server.store();
    let changed = store.change_group("staff", None, Some(true), server.now());
    changed.await.unwrap();
    assert_eq!(ada.authorize(&ask).await.to_string(), ENROL);
    let silent = ada.authorize(&ask.clone().with("prompt", "none")).await;
    assert_eq!(silent.parameter("error").as_deref(), Some("login_required"));
    assert_eq!(ada.open("/account").await.to_string(), ENROL);
    assert!(bob.authorize(&ask).await.has_code(), "others go on");

    let changed = store.change_group("staff", None, Some(false), server.now());
    changed.await.unwrap();
    assert!(ada.authorize(&ask).await.has_code());
}

#[tokio::test]
async fn who_joins_a_group_that_demands_one_is_asked_at_the_next_request() {
    let server = start(SecondFactor::Offered).await;
    let mut bob = server.decline("bob").await;
    server.add_group("staff", true).await;
    server.join("staff", "bob").await;
    let ask = Ask::of("portal");
    assert_eq!(bob.authorize(&ask).await.to_string(), ENROL);
    let store = &server.store();
    store.remove_group("staff", server.now()).await.unwrap();
    assert!(bob.authorize(&ask).await.has_code());

    // A group that is made anew under that name has no members.
    server.add_group("staff", true).await;
    assert!(bob.authorize(&ask).await.has_code());
}

#[tokio::test]
async fn who_has_proved_two_factors_is_in_whatever_the_group_demands() {
    let (server, app) = enrolled().await;
    let mut ada = server.sign_in_with_code("ada", &app).await;
    server.add_group("staff", true).await;
    server.join("staff", "ada").await;
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    let mut elsewhere = server.browser();
    assert_eq!(elsewhere.asked_for_code().await.to_string(), ASKED);
}

/// The account pages are a client of our own, whose redirect URI is themselves.
#[tokio::test]
async fn what_nobody_can_meet_is_told_and_leads_nowhere() {
    let server = start(SecondFactor::Off).await;
    let server = server.restart_with(|settings| settings.passkeys = false);
    let server = server.await;
    let mut ada = server.sign_in("ada").await;
    server.add_group("staff", true).await;
    server.join("staff", "ada").await;
    let answer = ada.open("/account").await;
    assert_eq!(answer.to_string(), "400 page (acr-unmet)");
    let answer = ada.authorize(&Ask::of("portal")).await;
    let error = answer.parameter("error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"));
}

/// Attacks: PE43.
#[tokio::test]
async fn the_passkey_that_fulfils_what_a_group_demands_is_not_removed() {
    let server = TestServer::start().await;
    let holder = Holder::manager(&server, "bob").await;
    server.add_group("staff", true).await;
    server.join("staff", "bob").await;
    let mut bob = server.browser();
    let page = bob.authorize(&Ask::of("portal")).await;
    let answer = bob.passkey(&page, &holder.answer(&page)).await;
    assert!(bob.follow(answer).await.has_code());
    let list = bob.open("/account/passkeys").await;
    let form = account::form(&list, &[("passkey", &list.hidden("passkey"))]);
    let refused = bob.post("/account/passkeys/remove", &form).await;
    assert_eq!(refused.to_string(), "400 page “Passkeys – Safeconduct”");
    assert!(
        refused.body.contains("A second factor is demanded of you"),
        "{refused:?}"
    );
    assert_eq!(events(&server, "passkey-removed").await, 0);

    let store = &server.store();
    let changed = store.change_group("staff", None, Some(false), server.now());
    changed.await.unwrap();
    bob.post("/account/passkeys/remove", &form).await;
    assert_eq!(events(&server, "passkey-removed").await, 1);
}
