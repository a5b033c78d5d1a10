//! A forgotten password: whatever is typed is answered with the same page, and a mail goes to the address that is known, if to any.

use std::net::Ipv6Addr;

use rstest::rstest;
use safeconduct_protocol::mail::{Mail, MailPurpose};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;
use safeconduct_store::{Message, OutboxKind};
use serde_json::json;

use crate::support::{Answer, Ask, Browser, Form, ISSUER, TestServer, mail_to_nowhere};

const FORM: &str = "200 page “Get back into your account – Safeconduct”";
const AGAIN: &str = "400 page “Error: Get back into your account – Safeconduct”";
const THROTTLED: &str = "429 page “Error: Get back into your account – Safeconduct”";
const ASKED: &str = "200 page “Check your email – Safeconduct”";
/// The address that is known to be Ada's.
const ADA: &str = "ada@lovelace.example";

async fn start() -> TestServer {
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    TestServer::start_with(Settings {
        mail: Some(mail_to_nowhere()),
        ..settings
    })
    .await
}

impl Browser<'_> {
    async fn ask(&mut self, typed: &str) -> Answer {
        let form = Form::new().with("account", typed);
        self.post("/recover", &form).await
    }
}

/// What waits to be sent.
pub(crate) async fn mails(server: &TestServer) -> Vec<Mail> {
    let store = &server.store();
    let due = store.due_messages(OutboxKind::Mail, "mail", server.now(), 100);
    let due = due.await.unwrap().into_iter();
    due.map(|row| match row.message {
        Message::Mail(mail) => mail,
        other @ (Message::Logout { .. } | Message::Event(_)) => panic!("{other:?}"),
    })
    .collect()
}

/// Changes what is known about a user.
pub(crate) async fn set(server: &TestServer, username: &str, claims: &[(&str, serde_json::Value)]) {
    let store = &server.store();
    let user = store.user_by_name(username).await.unwrap().unwrap();
    let mut known = user.claims;
    for (name, value) in claims {
        known.set(name, value.clone()).unwrap();
    }
    let (seen, now) = (user.updated_at, server.now());
    let changed = store.update_claims(&user.id, seen, &known, None, now);
    assert!(changed.await.unwrap());
}

/// A network of its own for each number.
pub(crate) fn somewhere(number: u16) -> Ipv6Addr {
    Ipv6Addr::from([0x2001, 0xdb8, number, 0, 0, 0, 0, 1])
}

#[tokio::test]
async fn the_sign_in_page_leads_there_where_mail_is_set_up_and_nowhere_else() {
    let server = start().await;
    let mut ada = server.browser();
    let page = ada.authorize(&Ask::of("portal")).await;
    assert!(page.body.contains("href=\"/recover\""), "{page:?}");
    assert_eq!(ada.open("/recover").await.to_string(), FORM);
    let without = TestServer::start().await;
    let mut ada = without.browser();
    let page = ada.authorize(&Ask::of("portal")).await;
    assert!(!page.body.contains("/recover"), "{page:?}");
    let nothing = "404 page (not-found)";
    assert_eq!(ada.open("/recover").await.to_string(), nothing);
    assert_eq!(ada.ask("ada").await.to_string(), nothing);
    assert!(mails(&without).await.is_empty());
}

/// Attacks: PE57.
#[rstest]
#[case::name("ada")]
#[case::upper_case("ADA")]
#[case::full_width("\u{ff41}\u{ff44}\u{ff41}")]
#[case::space_around(" ada ")]
#[case::address(ADA)]
#[case::address_in_upper_case("ADA@Lovelace.EXAMPLE")]
#[case::address_in_full_width("\u{ff41}da@lovelace.example")]
#[tokio::test]
async fn however_an_account_is_typed_the_mail_goes_to_its_own_address(#[case] typed: &str) {
    let server = start().await;
    let answer = server.browser().ask(typed).await;
    assert_eq!(answer.to_string(), ASKED);
    let mails = mails(&server).await;
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (&mails[0].user, mails[0].purpose, mails[0].to.as_str()),
        (&server.user("ada").await, MailPurpose::Recover, ADA)
    );
}

/// Attacks: PE57, PE61.
#[rstest]
#[case::of_nobody("nobody")]
#[case::dotless("ad\u{131}")]
#[case::dotless_address("ada@lovelace.example".replace('l', "\u{13a}"))]
#[case::two("ada@lovelace.example,eve@evil.example")]
#[case::two_by_space("ada@lovelace.example eve@evil.example")]
#[case::header("ada@lovelace.example\nBcc: eve@evil.example")]
#[case::named("Ada <ada@lovelace.example>")]
#[case::long("a".repeat(300))]
#[case::nul_in_text("ada%00")]
#[tokio::test]
async fn what_is_no_name_or_address_of_an_account_sends_nothing(#[case] typed: impl AsRef<str>) {
    let server = start().await;
    let answer = server.browser().ask(typed.as_ref()).await;
    assert_eq!(answer.to_string(), ASKED);
    assert!(mails(&server).await.is_empty());
}

/// Attacks: PE61.
#[tokio::test]
async fn one_account_is_named_once() {
    let server = start().await;
    let mut browser = server.browser();
    let twice = Form::new().with("account", "ada").and("account", "eve");
    let answer = browser.post("/recover", &twice).await;
    assert_eq!(answer.to_string(), "400 page (parameter-repeated)");
    for other in [
        Form::new(),
        Form::new().with("account[]", "ada"),
        Form::new().with("email", ADA),
        Form::new().with("account", " "),
    ] {
        let answer = browser.post("/recover", &other).await;
        assert_eq!(answer.to_string(), AGAIN);
    }
    let asked = Form::new().with("account", "ada");
    for headers in [&[("sec-fetch-site", "cross-site")][..], &[]] {
        let answer = browser.post_from("/recover", &asked, headers).await;
        assert_eq!(answer.status, 403);
    }
    assert!(mails(&server).await.is_empty());
}

/// Known, not known, locked, without an address, with one that nobody verified, with too many mails: one answer, to the byte.
/// Attacks: PE62.
#[tokio::test]
async fn nobody_learns_whether_there_is_such_an_account() {
    let server = start().await;
    set(&server, "bob", &[("email", json!("bob@example.com"))]).await;
    set(
        &server,
        "eve",
        &[
            ("email", json!("eve@example.com")),
            ("email_verified", json!(true)),
        ],
    )
    .await;
    server.lock_user("eve").await;
    let mut answers = Vec::new();
    for (number, typed) in [
        "ada",
        ADA,
        "ada",
        "ada",
        "bob",
        "bob@example.com",
        "eve",
        "nobody",
    ]
    .into_iter()
    .enumerate()
    {
        let from = somewhere(u16::try_from(number).unwrap());
        let mut answer = server.browser().at(from).ask(typed).await;
        answer.headers.remove("x-correlation-id");
        answers.push((typed, answer));
    }
    for (typed, answer) in &answers {
        assert_eq!(answer, &answers[0].1, "{typed}");
    }
    // Ada was asked for four times.
    let mails = mails(&server).await;
    assert_eq!(mails.len(), 3);
    assert!(mails.iter().all(|mail| mail.to.as_str() == ADA));
}

/// Attacks: PE63.
#[tokio::test]
async fn few_are_sent_whoever_asks_and_who_asks_too_often_waits() {
    let server = start().await;
    for network in 0..40 {
        let answer = server.browser().at(somewhere(network)).ask("ada").await;
        assert_eq!(answer.to_string(), ASKED, "{network}");
    }
    assert_eq!(mails(&server).await.len(), 3);
    // One network, whichever of its addresses: five, and then one in a minute, for a name that there is not as well.
    for typed in ["bob", "nobody"] {
        for host in 1..=5 {
            let [a, b, c, ..] = somewhere(99).segments();
            let from = Ipv6Addr::from([a, b, c, host, 0, 0, 0, 1]);
            let answer = server.browser().at(from).ask(typed).await;
            assert_eq!(answer.to_string(), ASKED, "{typed} {host}");
        }
        let answer = server.browser().at(somewhere(99)).ask(typed).await;
        assert_eq!(answer.to_string(), THROTTLED, "{typed}");
        assert_eq!(answer.header("retry-after"), "60");
    }
    // No guess at a password was used up by that.
    let mut bob = server.browser().at(somewhere(99));
    let page = bob.authorize(&Ask::of("portal")).await;
    assert!(bob.sign_in(&page, "bob").await.has_code());
    server.advance(3601);
    let answer = server.browser().at(somewhere(98)).ask("ada").await;
    assert_eq!(answer.to_string(), ASKED);
    assert_eq!(mails(&server).await.len(), 4);
}

/// Attacks: PE59, PE64.
#[tokio::test]
async fn another_address_ends_the_links_of_before() {
    let server = start().await;
    let link = server.recover("ada").await;
    set(&server, "ada", &[("nickname", json!("Countess"))]).await;
    let mut browser = server.browser();
    let page = browser.open(&link).await;
    assert_eq!(page.status, 200, "{page:?}");
    set(
        &server,
        "ada",
        &[
            ("email", json!("ada@new.example")),
            ("email_verified", json!(true)),
        ],
    )
    .await;
    assert_eq!(
        browser.open(&link).await.to_string(),
        "400 page (link-used)"
    );
    server.browser().ask(ADA).await;
    assert!(
        mails(&server).await.is_empty(),
        "the old address is nobody's"
    );
    server.browser().ask("ada").await;
    let mails = mails(&server).await;
    assert_eq!(mails[0].to.as_str(), "ada@new.example");
}
