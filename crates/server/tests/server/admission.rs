//! Who may use which client and have which scope, by the groups they are in at that moment.

use rstest::rstest;
use safeconduct_protocol::client::{Client, DeniedUsers};
use safeconduct_store::Membership;
use serde_json::json;

use crate::support::{Answer, Ask, Browser, Form, NOTES_API, TestServer};

const ENDED: &str = "400 invalid_grant (grant-ended)";
const NOT_ADMITTED: &str = "403 page (user-not-admitted)";

impl TestServer {
    /// Lets members of the group `staff` alone use the client.
    async fn for_staff(&self, client: &str, change: impl FnOnce(&mut Client)) {
        self.change_client(client, |client| {
            client.groups = ["staff".to_owned()].into();
            change(client);
        })
        .await;
    }

    async fn leave(&self, group: &str, username: &str) {
        let user = self.user(username).await;
        let store = &self.store();
        let left = store.remove_member(group, &user, self.now()).await;
        assert_eq!(left.unwrap(), Membership::Changed);
    }

    async fn scope_of(&self, access_token: &str) -> String {
        let introspected = self.introspect(NOTES_API, access_token).await.json();
        introspected["scope"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Browser<'_> {
    async fn with_another_account(&mut self, page: &Answer) -> Answer {
        let form = Form::new().with("pending", &page.hidden("pending"));
        let answer = self.post("/login/switch", &form).await;
        self.follow(answer).await
    }
}

/// Attacks: AP20, AP21.
#[tokio::test]
async fn who_may_not_use_a_client_is_told_by_a_page_that_leads_on() {
    let server = TestServer::start().await;
    server.add_group("staff", false).await;
    server.join("staff", "bob").await;
    server
        .for_staff("shop", |client| {
            client.about.contacts = vec!["help@shop.example".to_owned()];
        })
        .await;
    let ask = Ask::of("shop");
    let mut browser = server.browser();
    let page = browser.authorize(&ask).await;
    let page = browser.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), NOT_ADMITTED);
    assert_eq!(page.header("cache-control"), "no-store");
    for told in ["ada", "mailto:help@shop.example"] {
        assert!(page.body.contains(told), "{told}: {page:?}");
    }
    assert!(
        !page.body.contains("staff"),
        "which groups would do is not said"
    );
    assert!(server.consents("ada").await.is_empty());
    // Signed in as they are now.
    assert_eq!(browser.authorize(&ask).await.to_string(), NOT_ADMITTED);
    let page = browser.authorize(&ask).await;
    let page = browser.with_another_account(&page).await;
    let consent = browser.sign_in(&page, "bob").await;
    assert!(browser.allow(&consent).await.has_code());
    // Other clients are everybody's.
    assert!(
        server
            .sign_in("ada")
            .await
            .authorize(&Ask::of("portal"))
            .await
            .has_code()
    );
}

/// Attacks: AP22.
#[rstest]
#[case::silent(DeniedUsers::Page, true)]
#[case::by_its_wish(DeniedUsers::Client, false)]
#[tokio::test]
async fn a_client_is_told_where_no_page_may_be_shown(
    #[case] denied_users: DeniedUsers,
    #[case] silent: bool,
) {
    let server = TestServer::start().await;
    server.add_group("staff", false).await;
    let mut ada = server.sign_in("ada").await;
    server
        .for_staff("portal", |client| client.denied_users = denied_users)
        .await;
    let ask = match silent {
        true => Ask::of("portal").with("prompt", "none"),
        false => Ask::of("portal"),
    };
    let answer = ada.authorize(&ask).await;
    let said = |name: &str| answer.parameter(name);
    assert_eq!(
        said("error").as_deref(),
        Some("access_denied"),
        "{answer:?}"
    );
    assert_eq!(said("state").as_deref(), ask.form.get("state"));
    assert_eq!(said("iss").as_deref(), Some(server.issuer()));
    server.join("staff", "ada").await;
    assert!(ada.authorize(&ask).await.has_code());
}

/// Attacks: AP23, AP25.
#[tokio::test]
async fn who_leaves_the_group_loses_codes_and_tokens_on_every_node_at_once() {
    let server = TestServer::start().await;
    server.add_group("staff", false).await;
    server.join("staff", "ada").await;
    server.for_staff("shop", |_| {}).await;
    let other = server.another_node().await;
    let ask = Ask::of("shop");
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&ask).await;
    let code = ada.code(&ask).await;
    assert!(other.is_active(&tokens.access).await);
    server.leave("staff", "ada").await;
    assert!(!other.is_active(&tokens.access).await);
    assert_eq!(server.exchange(&code).await.to_string(), ENDED);
    server.join("staff", "ada").await;
    let refreshed = server.refresh("shop", &tokens).await;
    assert_eq!(refreshed.to_string(), ENDED, "what has ended has ended");
    assert!(ada.authorize(&ask).await.has_code());
}

/// Attacks: AP24.
#[tokio::test]
async fn a_scope_for_members_is_left_out_for_others() {
    let server = TestServer::start().await;
    server.add_group("editors", false).await;
    server.join("editors", "bob").await;
    server.rule_scope("notes.write", "editors").await;
    let ask = Ask::of("shop").scope("notes.read notes.write");
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&ask).await;
    assert!(page.body.contains("Read your notes"), "{page:?}");
    assert!(!page.body.contains("Change your notes"));
    let code = ada.allow(&page).await.code(&ask);
    let answer = server.exchange(&code).await;
    assert_eq!(answer.json()["scope"], json!("notes.read"));
    let tokens = answer.tokens();
    assert_eq!(server.scope_of(&tokens.access).await, "notes.read");
    // What was granted before is no wider by it.
    server.join("editors", "ada").await;
    let answer = server.refresh("shop", &tokens).await;
    assert_eq!(answer.json()["scope"], json!("notes.read"));
    let bobs = server.tokens("bob", &ask).await;
    assert_eq!(
        server.scope_of(&bobs.access).await,
        "notes.read notes.write"
    );
    // Nothing of what is asked for is left.
    server.leave("editors", "ada").await;
    let alone = Ask::of("shop").scope("notes.write");
    let answer = ada.authorize(&alone).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("access_denied"));
}

/// Attacks: AP24, AP26.
#[tokio::test]
async fn a_scope_is_gone_from_tokens_with_the_membership() {
    let server = TestServer::start().await;
    server.add_group("editors", false).await;
    server.join("editors", "ada").await;
    server.rule_scope("notes.write", "editors").await;
    let both = Ask::of("shop").scope("notes.read notes.write");
    let tokens = server.tokens("ada", &both).await;
    let alone = server
        .tokens("ada", &Ask::of("shop").scope("notes.write"))
        .await;
    assert_eq!(
        server.scope_of(&tokens.access).await,
        "notes.read notes.write"
    );
    server.leave("editors", "ada").await;
    assert_eq!(server.scope_of(&tokens.access).await, "notes.read");
    assert!(
        !server.is_active(&alone.access).await,
        "nothing is left of it"
    );
    let answer = server.refresh("shop", &tokens).await;
    assert_eq!(answer.json()["scope"], json!("notes.read"));
    assert_eq!(server.refresh("shop", &alone).await.to_string(), ENDED);
    // Clients by themselves have what they are registered for.
    let own = server.client_credentials("robot", "notes.write").await;
    assert_eq!(own.status, 200, "{own:?}");
}
