//! Signing up: a mail address is given, a link is sent there, and whoever opens it chooses a name and a password. Nobody learns whose address
//! it was before, and nothing is an account until that form is posted.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use http::Method;
use rstest::rstest;
use safeconduct_protocol::mail::{Mail, MailPurpose};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::sign_up::{MailDomain, SignUp};
use safeconduct_server::Settings;
use safeconduct_server::settings::SecondFactor;
use safeconduct_testing_mail::MailServer;
use serde_json::json;

use crate::mail::{both_with, later};
use crate::recover::{mails, set, somewhere};
use crate::support::{Answer, Ask, Browser, Form, ISSUER, TestServer, mail_to_nowhere};

const FORM: &str = "200 page “Create an account – Safeconduct”";
const AGAIN: &str = "400 page “Error: Create an account – Safeconduct”";
const THROTTLED: &str = "429 page “Error: Create an account – Safeconduct”";
const ASKED: &str = "200 page “Check your email – Safeconduct”";
const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const ACCOUNT: &str = "200 page “Your account – Safeconduct”";
const CLOSED: &str = "403 page (registration-closed)";
const USED: &str = "400 page (link-used)";
const TAKEN: &str = "400 page (address-taken)";
const EXPIRED: &str = "400 page (link-expired)";
pub(crate) const GRACE: &str = "grace@hopper.example";
const PASSWORD: &str = "seven small boats at noon";
/// The address that is known to be Ada's.
const ADA: &str = "ada@lovelace.example";

/// A server that mails nothing, where these may sign up.
pub(crate) async fn start(sign_up: SignUp) -> TestServer {
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    TestServer::start_with(Settings {
        mail: Some(mail_to_nowhere()),
        sign_up,
        ..settings
    })
    .await
}

/// A server where everybody may sign up, and the mail server that it uses.
async fn open() -> (TestServer, MailServer) {
    both_with(|settings| settings.sign_up = SignUp::Open).await
}

fn at(domain: &str) -> SignUp {
    SignUp::Domains(vec![MailDomain::parse(domain).unwrap()])
}

impl Browser<'_> {
    /// Asks for an account on the way to nothing.
    async fn ask_for_account(&mut self, typed: &str) -> Answer {
        let form = Form::new().with("email", typed);
        self.post("/sign-up", &form).await
    }

    /// Asks for one on the way to what `page` is about.
    async fn ask_on_the_way(&mut self, page: &Answer, typed: &str) -> Answer {
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("email", typed);
        self.post("/sign-up", &form).await
    }

    /// Fills in the page of a link; the answer to the form itself.
    async fn create(&mut self, page: &Answer, username: &str) -> Answer {
        self.post("/link", &filled_in(page, username)).await
    }
}

fn filled_in(page: &Answer, username: &str) -> Form {
    Form::new()
        .with("link", &page.hidden("link"))
        .with("username", username)
        .with("name", "Grace Hopper")
        .with("password", PASSWORD)
        .with("again", PASSWORD)
}

/// The path of the link in the last mail to an address.
async fn link(server: &TestServer, mail: &MailServer, address: &str) -> String {
    later(server, 3).await;
    let mails = mail.mails();
    let sent = mails.iter().rfind(|mail| mail.to.contains(address));
    let text = sent.unwrap().said();
    let (_, rest) = text.split_once("https://id.example/link").unwrap();
    format!("/link{}", rest.split_whitespace().next().unwrap())
}

/// A link that was sent to Grace, who asked for it in another browser.
async fn asked(server: &TestServer, mail: &MailServer) -> String {
    let answer = server.browser().ask_for_account(GRACE).await;
    assert_eq!(answer.to_string(), ASKED);
    link(server, mail, GRACE).await
}

async fn is_user(server: &TestServer, username: &str) -> bool {
    let user = server.server().store().user_by_name(username).await;
    user.unwrap().is_some()
}

async fn events(server: &TestServer) -> Vec<Option<String>> {
    let events = server.server().store().events(None, 1000).await.unwrap();
    let of_kind = events
        .into_iter()
        .filter(|event| event.kind == "user-signed-up");
    of_kind.map(|event| event.detail).collect()
}

async fn prompts(server: &TestServer) -> String {
    let metadata = server.get("/.well-known/openid-configuration").await;
    metadata.json()["prompt_values_supported"].to_string()
}

/// Attacks: PE69.
#[rstest]
#[case::off(SignUp::Off, true)]
#[case::by_invitation(SignUp::Invite, true)]
#[case::without_mail(SignUp::Open, false)]
#[tokio::test]
async fn nobody_begins_where_nobody_may(#[case] sign_up: SignUp, #[case] has_mail: bool) {
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    let server = TestServer::start_with(Settings {
        mail: has_mail.then(mail_to_nowhere),
        sign_up,
        ..settings
    })
    .await;
    let mut grace = server.browser();
    let page = grace.authorize(&Ask::of("portal")).await;
    assert_eq!(page.to_string(), SIGN_IN);
    assert!(!page.body.contains("sign-up"), "{page:?}");
    assert_eq!(grace.open("/sign-up").await.to_string(), CLOSED);
    assert_eq!(grace.ask_for_account(GRACE).await.to_string(), CLOSED);
    let on_the_way = grace.ask_on_the_way(&page, GRACE).await;
    assert_eq!(on_the_way.to_string(), CLOSED);
    let form = Form::new().with("pending", &page.hidden("pending"));
    let answer = grace.post("/login/sign-up", &form).await;
    assert_eq!(answer.to_string(), CLOSED);
    let ask = Ask::of("portal").with("prompt", "create");
    let told = grace.authorize(&ask).await;
    assert_eq!(told.parameter("error").as_deref(), Some("invalid_request"));
    assert_eq!(server.push(&ask).await.status, 400);
    assert!(!prompts(&server).await.contains("create"));
    assert!(mails(&server).await.is_empty());
}

#[tokio::test]
async fn a_client_may_send_people_to_sign_up_and_people_find_it_by_themselves() {
    let server = start(SignUp::Open).await;
    assert!(prompts(&server).await.contains("\"create\""));
    let ask = Ask::of("portal");
    let create = ask
        .clone()
        .with("prompt", "create")
        .with("login_hint", GRACE);
    let mut grace = server.browser();
    let page = grace.authorize(&create).await;
    assert_eq!(page.to_string(), FORM);
    assert!(
        page.body.contains(&format!("value=\"{GRACE}\"")),
        "{page:?}"
    );
    let pushed = create.pushed_as(&server.push(&create).await);
    assert_eq!(grace.authorize(&pushed).await.to_string(), FORM);
    let page = grace.authorize(&ask).await;
    assert!(page.body.contains("id=\"sign-up-link\""), "{page:?}");
    let form = Form::new().with("pending", &page.hidden("pending"));
    let page = grace.post("/login/sign-up", &form).await;
    assert_eq!(page.to_string(), FORM);
    assert!(page.body.contains("id=\"sign-in-instead\""), "{page:?}");
    // Who is signed in already is shown it as well, and who has an account may use that.
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&create).await;
    assert_eq!(page.to_string(), FORM);
    let form = Form::new().with("pending", &page.hidden("pending"));
    let page = ada.post("/login/switch", &form).await;
    assert_eq!(page.to_string(), SIGN_IN);
    assert!(ada.sign_in(&page, "ada").await.has_code());
    let nowhere = server.browser().open("/sign-up").await;
    assert_eq!(nowhere.to_string(), FORM);
    assert!(nowhere.body.contains("href=\"/account\""), "{nowhere:?}");
    for beside in ["create login", "none create"] {
        let answer = ada.authorize(&ask.clone().with("prompt", beside)).await;
        let error = answer.parameter("error");
        assert_eq!(error.as_deref(), Some("invalid_request"), "{beside}");
    }
}

/// Known, not known, locked, known and not verified, with too many mails: one answer, to the byte, and other mails.
/// Attacks: PE62, L13.
#[tokio::test]
async fn nobody_learns_whether_an_address_is_somebodys() {
    let server = start(SignUp::Open).await;
    set(&server, "bob", &[("email", json!("bob@example.com"))]).await;
    let verified = [
        ("email", json!("eve@example.com")),
        ("email_verified", json!(true)),
    ];
    set(&server, "eve", &verified).await;
    server.lock_user("eve").await;
    let mut answers = Vec::new();
    let typed = [
        ADA,
        "ADA@Lovelace.EXAMPLE",
        GRACE,
        "bob@example.com",
        "eve@example.com",
        ADA,
        ADA,
    ];
    for (number, typed) in typed.into_iter().enumerate() {
        let from = somewhere(u16::try_from(number).unwrap());
        let before = server.rows();
        let mut answer = server.browser().at(from).ask_for_account(typed).await;
        answer.headers.remove("x-correlation-id");
        let tables = before
            .keys()
            .filter(|table| !["outbox", "mail_budgets"].contains(&table.as_str()));
        for table in tables {
            assert_eq!(server.rows()[table], before[table], "{typed}: {table}");
        }
        answers.push((typed, answer));
    }
    assert_eq!(answers[0].1.to_string(), ASKED);
    for (typed, answer) in &answers {
        assert_eq!(answer, &answers[0].1, "{typed}");
    }
    let mails = mails(&server).await;
    let of = |mail: &Mail| (mail.to.as_str().to_owned(), mail.purpose.as_str());
    let mut sent: Vec<(String, &str)> = mails.iter().map(of).collect();
    sent.sort();
    // Ada was asked for four times, and Eve is kept out.
    let expected = [
        (ADA, "account-exists"),
        (ADA, "account-exists"),
        (ADA, "account-exists"),
        ("bob@example.com", "sign-up"),
        (GRACE, "sign-up"),
    ];
    assert_eq!(sent, expected.map(|(to, of)| (to.to_owned(), of)));
    let ada = server.user("ada").await;
    let new: BTreeSet<_> = mails
        .iter()
        .filter(|mail| mail.purpose == MailPurpose::SignUp)
        .map(|mail| mail.user.as_str())
        .collect();
    assert_eq!(new.len(), 2, "each a user who will be");
    assert_eq!(mails.iter().filter(|mail| mail.user == ada).count(), 3);
}

/// Attacks: PE61.
#[rstest]
#[case::nothing("")]
#[case::no_address("grace")]
#[case::two("grace@hopper.example,eve@evil.example")]
#[case::two_by_space("grace@hopper.example eve@evil.example")]
#[case::header("grace@hopper.example%0aBcc: eve@evil.example")]
#[case::named("Grace <grace@hopper.example>")]
#[case::local("grace@localhost")]
#[tokio::test]
async fn what_is_not_one_address_is_asked_for_again(#[case] typed: &str) {
    let server = start(SignUp::Open).await;
    let answer = server.browser().ask_for_account(typed).await;
    assert_eq!(answer.to_string(), AGAIN);
    assert!(answer.body.contains("id=\"email-problem\""), "{answer:?}");
    assert!(mails(&server).await.is_empty());
}

/// Attacks: PE61.
#[tokio::test]
async fn one_address_comes_once_from_a_page_of_ours() {
    let server = start(SignUp::Open).await;
    let mut browser = server.browser();
    let asked = Form::new().with("email", GRACE);
    let twice = asked.clone().and("email", "eve@evil.example");
    let answer = browser.post("/sign-up", &twice).await;
    assert_eq!(answer.to_string(), "400 page (parameter-repeated)");
    let array = Form::new().with("email[]", GRACE);
    assert_eq!(browser.post("/sign-up", &array).await.to_string(), AGAIN);
    for headers in [&[("sec-fetch-site", "cross-site")][..], &[]] {
        let answer = browser.post_from("/sign-up", &asked, headers).await;
        assert_eq!(answer.status, 403);
    }
    // On the way to a client, in the browser that it began in and no other.
    let page = browser
        .authorize(&Ask::of("portal").with("prompt", "create"))
        .await;
    let answer = server.browser().ask_on_the_way(&page, GRACE).await;
    let other = "400 page (pending-request-without-cookie)";
    assert_eq!(answer.to_string(), other);
    server.advance(901);
    let answer = browser.ask_on_the_way(&page, GRACE).await;
    assert_eq!(answer.to_string(), "400 page (pending-request-expired)");
    assert!(mails(&server).await.is_empty());
}

/// It is no page that the request is due for: whoever came to it by its button stays there.
#[tokio::test]
async fn another_language_leads_back_to_the_form() {
    let server = start(SignUp::Open).await;
    let mut grace = server.browser();
    let page = grace.authorize(&Ask::of("portal")).await;
    let form = Form::new().with("pending", &page.hidden("pending"));
    let page = grace.post("/login/sign-up", &form).await;
    let chosen = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("back", &page.hidden("back"))
        .with("language", "de");
    let page = grace.post("/language", &chosen).await;
    assert_eq!(page.to_string(), "200 page “Konto erstellen – Safeconduct”");
    let answer = grace.ask_on_the_way(&page, GRACE).await;
    assert_eq!(answer.title(), "Sehen Sie in Ihre E-Mails – Safeconduct");
    // No other page is gone back to with a request.
    let page = grace.authorize(&Ask::of("portal")).await;
    let chosen = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("back", "/account")
        .with("language", "en");
    let answer = grace.post("/language", &chosen).await;
    assert!(answer.location().contains("/authorize"), "{answer:?}");
}

#[tokio::test]
async fn an_address_of_another_domain_is_refused_openly_and_costs_nothing() {
    let server = start(at("acme.example")).await;
    let before = server.rows();
    let mut browser = server.browser();
    for _ in 0..10 {
        let answer = browser.ask_for_account(GRACE).await;
        assert_eq!(answer.to_string(), AGAIN);
        assert!(
            answer.body.contains("acme.example"),
            "the list is no secret"
        );
    }
    assert_eq!(server.rows(), before);
    let answer = browser.ask_for_account("grace@ACME.example").await;
    assert_eq!(answer.to_string(), ASKED);
    assert_eq!(mails(&server).await[0].to.as_str(), "grace@acme.example");
}

/// Attacks: PE63.
#[tokio::test]
async fn few_are_sent_whoever_asks_and_who_asks_too_often_waits() {
    let server = start(SignUp::Open).await;
    for network in 0..20 {
        let mut browser = server.browser().at(somewhere(network));
        let answer = browser.ask_for_account(GRACE).await;
        assert_eq!(answer.to_string(), ASKED, "{network}");
    }
    assert_eq!(mails(&server).await.len(), 3);
    for typed in [ADA, "nobody@example.com"] {
        for host in 1..=6 {
            let [a, b, c, ..] = somewhere(99).segments();
            let from = Ipv6Addr::from([a, b, c, host, 0, 0, 0, 1]);
            let answer = server.browser().at(from).ask_for_account(typed).await;
            let expected = if host == 6 { THROTTLED } else { ASKED };
            assert_eq!(answer.to_string(), expected, "{typed} {host}");
        }
    }
}

/// From the page of an app to that app, as somebody whose address is proved.
/// Attacks: PE66.
#[tokio::test]
async fn somebody_new_signs_up_on_the_way_to_an_app() {
    let (server, mail) = open().await;
    let ask = Ask::of("club")
        .scope("openid email profile")
        .with("prompt", "create");
    let mut grace = server.browser();
    let page = grace.authorize(&ask).await;
    assert_eq!(page.to_string(), FORM);
    let answer = grace.ask_on_the_way(&page, GRACE).await;
    assert_eq!(answer.to_string(), ASKED);
    let opened = grace.get(&link(&server, &mail, GRACE).await).await;
    assert_eq!(opened.to_string(), "303 /link", "out of the address");
    let page = grace.follow(opened).await;
    assert_eq!(page.to_string(), FORM);
    assert!(page.body.contains(GRACE), "{page:?}");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!is_user(&server, "grace").await, "not yet");
    let answer = grace.create(&page, "grace").await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let gone = |kind: &str| grace.cookies.keys().all(|name| !name.contains(kind));
    assert!(gone("sc-link-") && gone("sc-request-"));
    let consent = grace.follow(answer).await;
    assert_eq!(
        consent.to_string(),
        "200 page “Allow The club? – Safeconduct”"
    );
    let code = grace.allow(&consent).await.code(&ask);
    let tokens = server.exchange(&code).await.tokens();
    let told = server.userinfo(&tokens.access).await.json();
    assert_eq!(told["email"], GRACE);
    assert_eq!(told["email_verified"], true);
    assert_eq!(told["name"], "Grace Hopper");
    let introspected = server.introspect("club", &tokens.access).await.json();
    assert_eq!(introspected["amr"], json!(["pwd"]));
    assert_eq!(introspected["auth_time"], server.now().seconds());
    assert_eq!(events(&server).await, [None]);
    // From here on it is an account like any other.
    let mut elsewhere = server.browser();
    let page = elsewhere.authorize(&Ask::of("portal")).await;
    let answer = elsewhere.guess(&page, "grace", PASSWORD).await;
    assert!(elsewhere.follow(answer).await.has_code());
    let to_grace = mail.mails();
    let to_grace = to_grace
        .iter()
        .find(|mail| mail.to.contains(GRACE))
        .unwrap();
    assert!(!to_grace.said().contains("club"), "nothing of the request");
}

/// The address of somebody else is given, and whatever reads their mail opens the link.
/// Attacks: PE58, PE65.
#[tokio::test]
async fn what_opens_a_link_creates_nothing() {
    let (server, mail) = open().await;
    let link = asked(&server, &mail).await;
    let before = server.rows();
    for _ in 0..3 {
        let mut scanner = server.browser();
        let head = http::Request::builder().method(Method::HEAD).uri(&link);
        let head = head.body(axum::body::Body::empty()).unwrap();
        server.send(head).await;
        let page = scanner.open(&link).await;
        assert_eq!(page.to_string(), FORM);
        // One that submits every form it finds, as it finds it.
        let as_found = Form::new()
            .with("link", &page.hidden("link"))
            .with("username", "")
            .with("name", "")
            .with("password", "")
            .with("again", "");
        assert_eq!(scanner.post("/link", &as_found).await.to_string(), AGAIN);
        let form = filled_in(&page, "grace");
        let cross_site = [("sec-fetch-site", "cross-site")];
        let answer = scanner.post_from("/link", &form, &cross_site).await;
        assert_eq!(answer.status, 403);
    }
    assert_eq!(server.rows(), before);
    let mut grace = server.browser();
    let page = grace.open(&link).await;
    let answer = grace.create(&page, "grace").await;
    assert_eq!(answer.to_string(), "303 /account");
    assert_eq!(grace.follow(answer).await.to_string(), ACCOUNT);
}

/// Somebody begins at an app and gives the address of a victim, who signs up: into no flow of theirs, not even where what the other browser
/// kept was planted.
/// Attacks: L03.
#[tokio::test]
async fn a_flow_goes_on_in_the_browser_that_it_began_in_alone() {
    let (server, mail) = open().await;
    let ask = Ask::of("portal").with("prompt", "create");
    let mut eve = server.browser();
    let page = eve.authorize(&ask).await;
    eve.ask_on_the_way(&page, GRACE).await;
    let sent = link(&server, &mail, GRACE).await;
    let kept = eve.cookies.iter();
    let kept = kept.filter(|(name, _)| name.contains("sc-request-"));
    let planted: Vec<_> = kept
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    assert_eq!(planted.len(), 1);
    let mut grace = server.browser();
    grace.authorize(&Ask::of("portal")).await;
    grace.cookies.extend(planted);
    let page = grace.open(&sent).await;
    let answer = grace.create(&page, "grace").await;
    assert_eq!(answer.to_string(), "303 /account");
    assert_eq!(eve.authorize(&Ask::of("portal")).await.to_string(), SIGN_IN);
}

/// Who sends their own link to somebody who asked for an account gets them into no account of theirs.
///
/// Attacks: L03.
#[tokio::test]
async fn a_flow_goes_on_behind_the_link_that_was_asked_for_alone() {
    let (server, _) = open().await;
    let mut grace = server.browser();
    let page = grace
        .authorize(&Ask::of("portal").with("prompt", "create"))
        .await;
    grace.ask_on_the_way(&page, GRACE).await;
    let of_eve = server.invite_to_sign_up("eve@evil.example").await;
    let page = grace.open(&of_eve).await;
    let answer = grace.create(&page, "grace").await;
    assert_eq!(answer.to_string(), "303 /account");
}

/// What is too long for a cookie is not kept, and the way ends at the account.
#[tokio::test]
async fn a_long_request_is_not_kept() {
    let (server, mail) = open().await;
    let mut grace = server.browser();
    let is_kept = |name: &String| name.contains("sc-request-");
    let short = Ask::of("portal").with("prompt", "create");
    let page = grace.authorize(&short).await;
    grace.ask_on_the_way(&page, GRACE).await;
    assert!(grace.cookies.keys().any(is_kept));
    let ask = Ask::of("portal").with("state", &"s".repeat(2000));
    let page = grace.authorize(&ask.with("prompt", "create")).await;
    grace.ask_on_the_way(&page, GRACE).await;
    assert!(!grace.cookies.keys().any(is_kept));
    let page = grace.open(&link(&server, &mail, GRACE).await).await;
    let answer = grace.create(&page, "grace").await;
    assert_eq!(answer.to_string(), "303 /account");
}

/// Attacks: PE59.
#[tokio::test]
async fn a_link_creates_one_account_and_an_address_has_one() {
    let (server, mail) = open().await;
    let [first, second] = [asked(&server, &mail).await, asked(&server, &mail).await];
    assert_ne!(first, second);
    let mut grace = server.browser();
    let page = grace.open(&first).await;
    let other = server.browser().open(&second).await;
    let at_once = ["grace", "hopper"].map(|name| grace.own_form("/link", &filled_in(&page, name)));
    let answers = server.send_all(at_once).await;
    let mut said: Vec<String> = answers.iter().map(Answer::to_string).collect();
    said.sort();
    assert_eq!(said, ["303 /account", USED]);
    assert_eq!(events(&server).await.len(), 1);
    let again = grace.create(&page, "another").await;
    assert_eq!(again.to_string(), USED);
    assert_eq!(grace.open(&first).await.to_string(), USED);
    assert_eq!(grace.create(&other, "another").await.to_string(), TAKEN);
    assert_eq!(grace.open(&second).await.to_string(), TAKEN);
    assert_ne!(
        is_user(&server, "grace").await,
        is_user(&server, "hopper").await
    );
    let owner = server.server().store().user_by_address(GRACE).await;
    let owner = owner.unwrap().unwrap();
    server.delete_user(&owner.username).await;
    assert_eq!(grace.create(&page, "another").await.to_string(), USED);
    // The other link may be used now, for as long as it is good.
    assert_eq!(grace.open(&second).await.to_string(), FORM);
    server.advance(24 * 3600);
    assert_eq!(grace.create(&other, "another").await.to_string(), EXPIRED);
}

/// Attacks: PE57.
#[rstest]
#[case::nothing(" ", "Enter your username.")]
#[case::of_another("ADA", "taken")]
#[case::in_full_width("\u{ff41}da", "taken")]
#[case::of_an_office("postmaster", "taken")]
#[case::of_an_office_by_its_looks("Adrnin", "taken")]
#[case::of_the_host("id.example", "taken")]
#[case::of_the_product("Safe-conduct", "taken")]
#[case::another_script("\u{430}da", "one script")]
#[case::hidden("ad\u{200b}a", "one script")]
#[case::two_directions("ada\u{5d3}", "one script")]
#[case::an_id("u-AAAAAAAAAAAAAAAAAAAAAA", "one script")]
#[case::address_of_another(ADA, "your own address")]
#[case::address_of_nobody("x@y.example", "your own address")]
#[tokio::test]
async fn nobody_takes_the_name_of_somebody_else(#[case] username: &str, #[case] says: &str) {
    let server = start(SignUp::Invite).await;
    let mut grace = server.browser();
    let page = grace.open(&server.invite_to_sign_up(GRACE).await).await;
    let answer = grace.create(&page, username).await;
    assert_eq!(answer.to_string(), AGAIN);
    assert!(answer.body.contains(says), "{answer:?}");
    assert!(answer.body.contains("value=\"Grace Hopper\""), "kept");
    assert!(!answer.body.contains(PASSWORD));
    let answer = grace.create(&answer, GRACE).await;
    assert_eq!(answer.to_string(), "303 /account", "the link is still good");
    assert_eq!(events(&server).await, [Some("invited".to_owned())]);
}

/// Attacks: L13.
#[tokio::test]
async fn who_asks_which_names_are_taken_waits() {
    let server = start(SignUp::Invite).await;
    let mut eve = server.browser();
    let page = eve.open(&server.invite_to_sign_up(GRACE).await).await;
    for name in ["free", "ada"] {
        let unusable = filled_in(&page, name).with("again", "another");
        let answer = eve.post("/link", &unusable).await;
        assert_eq!(answer.to_string(), AGAIN);
        let is_told = answer.body.contains("username is taken");
        assert!(!is_told, "who can't have a name yet learns nothing of it");
    }
    for name in ["ada", "bob", "eve", "ada", "bob"] {
        assert_eq!(eve.create(&page, name).await.to_string(), AGAIN);
    }
    let answer = eve.create(&page, "eve").await;
    assert_eq!(answer.to_string(), THROTTLED);
    assert_eq!(answer.header("retry-after"), "60");
    server.advance(60);
    let answer = eve.create(&page, "grace").await;
    assert_eq!(answer.to_string(), "303 /account");
}

/// Attacks: PE54.
#[rstest]
#[case::short("seven", "seven", "at least 8")]
#[case::common("password1", "password1", "tried first")]
#[case::own_username("commodore", "commodore", "name")]
#[case::own_name("GraceHopper", "GraceHopper", "name")]
#[case::own_address("hopper.example", "hopper.example", "name")]
#[case::twice_otherwise(PASSWORD, "seven small boats", "same")]
#[tokio::test]
async fn a_password_is_judged_as_any_other(
    #[case] password: &str,
    #[case] again: &str,
    #[case] says: &str,
) {
    let server = start(SignUp::Invite).await;
    let mut grace = server.browser();
    let page = grace.open(&server.invite_to_sign_up(GRACE).await).await;
    let form = filled_in(&page, "commodore");
    let form = form.with("password", password).with("again", again);
    let answer = grace.post("/link", &form).await;
    assert_eq!(answer.to_string(), AGAIN);
    assert!(answer.body.contains(says), "{answer:?}");
    assert!(answer.body.contains("value=\"commodore\""), "kept");
    assert!(!is_user(&server, "commodore").await);
}

/// Attacks: PE69.
#[tokio::test]
async fn what_is_decided_when_a_link_is_used_counts() {
    let (server, mail) = open().await;
    let sent = asked(&server, &mail).await;
    let invited = server.invite_to_sign_up("hedy@lamarr.example").await;
    let forms = [
        server.browser().open(&sent).await,
        server.browser().open(&invited).await,
    ];
    let mut server = server;
    for (sign_up, asked, invited_too) in [
        (SignUp::Off, false, false),
        (SignUp::Invite, false, true),
        (at("acme.example"), false, true),
        (at("hopper.example"), true, true),
        (SignUp::Open, true, true),
    ] {
        server = server
            .restart_with(|settings| settings.sign_up = sign_up.clone())
            .await;
        for (link, form, is_good) in [
            (&sent, &forms[0], asked),
            (&invited, &forms[1], invited_too),
        ] {
            let expected = if is_good { FORM } else { CLOSED };
            let opened = server.browser().open(link).await;
            assert_eq!(opened.to_string(), expected, "{sign_up:?}");
            // A name that can't be: nothing is used up where the link is good.
            let posted = server.browser().create(form, "ada").await;
            let expected = if is_good { AGAIN } else { CLOSED };
            assert_eq!(posted.to_string(), expected, "{sign_up:?}");
        }
    }
    assert!(events(&server).await.is_empty());
}

/// A mail that has waited says nothing of what can't be any more.
#[tokio::test]
async fn no_link_is_sent_that_would_not_be_good() {
    let (server, mail) = open().await;
    server.browser().ask_for_account(GRACE).await;
    let invitation = server.invite_to_sign_up(GRACE).await;
    let mut grace = server.browser();
    let page = grace.open(&invitation).await;
    grace.create(&page, "grace").await;
    server
        .browser()
        .ask_for_account("hedy@lamarr.example")
        .await;
    let server = server
        .restart_with(|settings| settings.sign_up = SignUp::Off)
        .await;
    later(&server, 3).await;
    assert!(mail.mails().is_empty());
    assert_eq!(server.rows()["outbox"], 0);
}

#[tokio::test]
async fn a_demand_for_a_second_factor_is_met_by_who_has_just_signed_up() {
    let (server, mail) = both_with(|settings| {
        settings.sign_up = SignUp::Open;
        settings.second_factor = SecondFactor::Required;
        settings.passkeys = false;
    })
    .await;
    let mut grace = server.browser();
    let ask = Ask::of("portal").with("prompt", "create");
    let page = grace.authorize(&ask).await;
    grace.ask_on_the_way(&page, GRACE).await;
    let page = grace.open(&link(&server, &mail, GRACE).await).await;
    let answer = grace.create(&page, "grace").await;
    let enrol = "200 page “Set up an authenticator app – Safeconduct”";
    assert_eq!(grace.follow(answer).await.to_string(), enrol);
    assert_eq!(grace.open("/account").await.to_string(), enrol);
}

/// Whoever was signed in in this browser is not any more; and what a browser can make is offered.
#[tokio::test]
async fn who_signs_up_takes_the_place_of_who_was_signed_in_and_is_offered_a_passkey() {
    let (server, mail) = open().await;
    let mut shared = server.sign_in("ada").await;
    let page = shared
        .authorize(&Ask::of("portal").with("prompt", "create"))
        .await;
    shared.ask_on_the_way(&page, GRACE).await;
    let page = shared.open(&link(&server, &mail, GRACE).await).await;
    let form = filled_in(&page, "grace").with("makes_passkeys", "yes");
    let answer = shared.post("/link", &form).await;
    let offered = shared.follow(answer).await;
    assert!(offered.body.contains("value=\"passkey\""), "{offered:?}");
    assert!(server.sessions("ada").await.is_empty());
    let account = shared.open("/account").await;
    assert!(account.body.contains("grace"), "{account:?}");
    let activity = shared.open("/account/activity").await;
    assert!(activity.body.contains("Account created"), "{activity:?}");
}
