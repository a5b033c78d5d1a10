//! Mails: that people are told of what happens to their accounts, through a mail server that is trusted and spoken to encrypted, and what
//! becomes of a mail when that server is broken, slow, gone or hostile. Time passes by the test's clock.

use std::time::Duration;

use rstest::rstest;
use safeconduct_protocol::language::Language;
use safeconduct_protocol::mail::{Mail, MailAddress, MailPurpose};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::Settings;
use safeconduct_server::settings::{MailCredentials, MailSettings, MailTls, SecondFactor};
use safeconduct_store::OutboxKind;
use safeconduct_testing_mail::{
    Answer, Encryption, HOST, MailServer, Moment, PASSWORD, Received, USERNAME,
};

use crate::second_factor::{App, CODES, WRONG};
use crate::support::{Ask, Form, ISSUER, Log, TestServer};

/// Ada's address, which was verified.
const ADDRESS: &str = "ada@lovelace.example";
const DAY: i64 = 24 * 3600;

fn settings_of(mail: &MailServer, tls: MailTls) -> MailSettings {
    MailSettings {
        host: HOST.to_owned(),
        port: mail.port(),
        tls,
        credentials: Some(MailCredentials {
            username: USERNAME.to_owned(),
            password: Secret::new(PASSWORD),
        }),
        from: MailAddress::parse("no-reply@id.example").unwrap(),
        hello_name: None,
        ca_file: Some(mail.ca_file().to_owned()),
        deadline: Duration::from_secs(60),
        new_device: true,
    }
}

async fn server_with(mail: MailSettings) -> TestServer {
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    TestServer::start_with(Settings {
        mail: Some(mail),
        ..settings
    })
    .await
}

/// The same as [`both`], where something else is decided.
pub(crate) async fn both_with(change: impl FnOnce(&mut Settings)) -> (TestServer, MailServer) {
    let mail = MailServer::start(Encryption::StartTls).await;
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    settings.mail = Some(settings_of(&mail, MailTls::StartTls));
    change(&mut settings);
    (TestServer::start_with(settings).await, mail)
}

/// A server, and the mail server that it uses after STARTTLS.
pub(crate) async fn both() -> (TestServer, MailServer) {
    let mail = MailServer::start(Encryption::StartTls).await;
    let server = server_with(settings_of(&mail, MailTls::StartTls)).await;
    (server, mail)
}

/// Ada is to be told of a sign-in.
async fn something_happens(server: &TestServer) {
    let letter = Mail {
        purpose: MailPurpose::NewDevice,
        to: MailAddress::parse(ADDRESS).unwrap(),
        user: server.user("ada").await,
        language: Language::English,
    };
    let store = server.server().store();
    let queued = store.queue_asked_mail(Some(&letter), server.now()).await;
    assert!(queued.unwrap());
    assert_eq!(waiting(server), 1);
}

/// Lets so many seconds pass, then sends what it is time to send.
pub(crate) async fn later(server: &TestServer, seconds: i64) {
    server.advance(seconds);
    server.server().deliver_outbox().await.unwrap();
}

/// The same, and what is logged meanwhile, also by what is done beside this test.
async fn logged_later(server: &TestServer, seconds: i64) -> String {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.subscriber());
    later(server, seconds).await;
    log.text()
}

/// How many mails are still to be sent.
fn waiting(server: &TestServer) -> i64 {
    server.rows()["outbox"]
}

fn counted(server: &TestServer, outcome: &str) -> u64 {
    let line = format!("safeconduct_mails_total{{outcome=\"{outcome}\"}} ");
    let metrics = server.server().telemetry().render();
    let mut lines = metrics.lines();
    let found = lines.find_map(|metric| metric.strip_prefix(&line));
    found.map_or(0, |count| count.parse().unwrap())
}

/// What was given up: of what it told.
async fn undelivered(server: &TestServer) -> Vec<String> {
    let events = server.server().store().events(None, 1000).await.unwrap();
    let of_kind = events
        .into_iter()
        .filter(|event| event.kind == "mail-undelivered");
    of_kind.filter_map(|event| event.detail).collect()
}

fn subjects(mail: &MailServer) -> Vec<String> {
    let subject = |received: &Received| received.header("Subject").unwrap();
    mail.mails().iter().map(subject).collect()
}

#[rstest]
#[case(Encryption::Implicit, MailTls::Implicit)]
#[case(Encryption::StartTls, MailTls::StartTls)]
#[tokio::test]
async fn a_mail_arrives_encrypted_from_a_server_that_has_signed_in(
    #[case] encryption: Encryption,
    #[case] tls: MailTls,
) {
    let mail = MailServer::start(encryption).await;
    let server = server_with(settings_of(&mail, tls)).await;
    something_happens(&server).await;
    let at = server.now();
    later(&server, 3).await;
    assert_eq!((waiting(&server), counted(&server, "delivered")), (0, 1));
    let mails = mail.mails();
    let [received] = &mails[..] else {
        panic!("{mails:?}");
    };
    assert!(received.is_encrypted);
    let (username, password) = received.signed_in.clone().unwrap();
    assert_eq!((username.as_str(), password.as_str()), (USERNAME, PASSWORD));
    assert_eq!(
        (received.from.as_str(), received.to.as_str()),
        ("<no-reply@id.example>", "<ada@lovelace.example>")
    );
    let header = |name| received.header(name).unwrap_or_default();
    assert_eq!(header("From"), "Safeconduct <no-reply@id.example>");
    assert_eq!(header("To"), ADDRESS);
    assert_eq!(header("Subject"), "A new sign-in at Safeconduct");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(header("X-Auto-Response-Suppress"), "All");
    assert!(header("Message-ID").ends_with("@id.example>"));
    assert!(header("Content-Type").starts_with("multipart/alternative;"));
    assert_eq!(header("Date"), "Fri, 15 Jan 2027 08:00:00 +0000");
    assert_eq!(at.seconds(), 1_800_000_000);
    for absent in ["List-Unsubscribe", "Precedence", "Bcc", "Cc", "Reply-To"] {
        assert_eq!(received.header(absent), None, "{absent}");
    }
    let clear: &[&str] = match encryption {
        Encryption::StartTls => &["EHLO id.example", "STARTTLS"],
        _ => &[],
    };
    assert_eq!(mail.in_clear(), clear);
    // What was sent is sent once.
    later(&server, 3600).await;
    assert_eq!(mail.mails().len(), 1);
}

/// Attacks: PE67.
#[rstest]
#[case::hangs_up_at_once(Moment::Connect, Answer::HangsUp)]
#[case::closes(Moment::Connect, Answer::Says("421 4.3.2 closing"))]
#[case::speaks_something_else(Moment::Connect, Answer::Says("HTTP/1.1 400 Bad Request"))]
#[case::floods(Moment::Connect, Answer::LongLine(10 * 1024 * 1024))]
#[case::bytes_behind_220(
    Moment::StartTls,
    Answer::Says("220 go ahead\r\n250 evil.example AUTH PLAIN")
)]
#[case::no_tls_today(Moment::StartTls, Answer::Says("454 4.7.0 not now"))]
#[case::floods_inside(Moment::Sender, Answer::LongLine(10 * 1024 * 1024))]
#[case::sign_in_refused(Moment::Auth, Answer::Says("535 5.7.8 no"))]
#[case::sender_refused(Moment::Sender, Answer::Says("550 5.7.1 not you"))]
#[case::closes_late(Moment::Recipient, Answer::Says("421 4.3.2 closing"))]
#[tokio::test]
async fn what_is_wrong_with_the_mail_server_keeps_every_mail_and_is_said_aloud(
    #[case] moment: Moment,
    #[case] answer: Answer,
) {
    let (server, mail) = both().await;
    mail.answer(moment, answer);
    something_happens(&server).await;
    let log = logged_later(&server, 3).await;
    assert!(
        log.contains("ERROR") && log.contains("no mail can be sent"),
        "{log}"
    );
    assert_eq!((waiting(&server), counted(&server, "unavailable")), (1, 1));
    assert_eq!(mail.mails(), []);
    for line in mail.in_clear() {
        let word = line.split(' ').next().unwrap_or_default();
        assert!(["EHLO", "STARTTLS", "QUIT"].contains(&word), "{line}");
    }
    mail.answer_as_usual();
    later(&server, 20).await;
    assert_eq!((waiting(&server), mail.mails().len()), (0, 1));
}

/// Attacks: PE67.
#[tokio::test]
async fn nothing_is_sent_in_clear_where_there_is_no_starttls() {
    let mail = MailServer::start(Encryption::None).await;
    let server = server_with(settings_of(&mail, MailTls::StartTls)).await;
    something_happens(&server).await;
    later(&server, 3).await;
    assert_eq!((waiting(&server), counted(&server, "unavailable")), (1, 1));
    assert_eq!(mail.in_clear(), ["EHLO id.example"]);
}

/// Attacks: PE67.
#[rstest]
#[case::of_another_host("mail.example", true)]
#[case::of_an_authority_that_nobody_trusts(HOST, false)]
#[tokio::test]
async fn a_wrong_certificate_is_shown_nothing(
    #[case] name: &str,
    #[case] is_trusted: bool,
    #[values(MailTls::Implicit, MailTls::StartTls)] tls: MailTls,
) {
    let encryption = match tls {
        MailTls::Implicit => Encryption::Implicit,
        _ => Encryption::StartTls,
    };
    let mail = MailServer::with_certificate_for(name, encryption).await;
    let mut settings = settings_of(&mail, tls);
    let other = MailServer::start(encryption).await;
    if !is_trusted {
        settings.ca_file = Some(other.ca_file().to_owned());
    }
    let server = server_with(settings).await;
    something_happens(&server).await;
    let log = logged_later(&server, 3).await;
    assert!(log.contains("TLS: "), "{log}");
    assert_eq!((waiting(&server), counted(&server, "unavailable")), (1, 1));
    let in_clear = mail.in_clear();
    assert!(in_clear.iter().all(|line| !line.starts_with("AUTH")));
}

/// A file of authorities is taken whole, or the start is refused: one that is left out would be missed when a certificate changes.
#[tokio::test]
async fn a_file_of_authorities_is_read_whole_or_not_at_all() {
    let mail = MailServer::start(Encryption::StartTls).await;
    let good = std::fs::read_to_string(mail.ca_file()).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n";
    let folder = tempfile::tempdir().unwrap();
    for (text, is_taken) in [
        (good.clone(), true),
        (good.repeat(2), true),
        (format!("{good}{broken}"), false),
        (broken.to_owned(), false),
        ("no certificate".to_owned(), false),
    ] {
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, &text).unwrap();
        let mut settings = settings_of(&mail, MailTls::StartTls);
        settings.ca_file = Some(file);
        let made = safeconduct_server::smtp::MailServer::new(&settings, "id.example");
        assert_eq!(made.is_ok(), is_taken, "{text}");
    }
}

/// Attacks: PE67.
#[rstest]
#[case(Moment::Connect)]
#[case(Moment::Ehlo)]
#[case(Moment::Dot)]
#[tokio::test]
async fn a_mail_server_that_falls_silent_is_left_at_the_deadline(#[case] moment: Moment) {
    let mail = MailServer::start(Encryption::StartTls).await;
    let mut settings = settings_of(&mail, MailTls::StartTls);
    settings.deadline = Duration::from_millis(300);
    let server = server_with(settings).await;
    mail.answer(moment, Answer::Silence);
    something_happens(&server).await;
    let log = logged_later(&server, 3).await;
    assert!(log.contains("no answer within"), "{log}");
    assert_eq!((waiting(&server), counted(&server, "delivered")), (1, 0));
}

/// Attacks: PE67.
#[tokio::test]
async fn nobody_who_signs_in_feels_that_mail_is_broken() {
    let (server, mail) = both().await;
    mail.answer(Moment::Ehlo, Answer::Silence);
    server.advance(3);
    something_happens(&server).await;
    server.advance(3);
    let node = server.server().clone();
    let sending = tokio::spawn(async move { node.deliver_outbox().await });
    mail.has_been_connected_to().await;
    server.sign_in("ada").await;
    assert_eq!(waiting(&server), 2);
    sending.abort();
}

/// Attacks: PE67.
#[tokio::test]
async fn a_mail_server_that_is_gone_is_waited_for() {
    let (server, mail) = both().await;
    drop(mail);
    something_happens(&server).await;
    for (attempt, seconds) in [(1, 3), (2, 20), (3, 40)] {
        later(&server, seconds).await;
        assert_eq!(counted(&server, "unavailable"), attempt);
    }
    // It is not asked again and again.
    later(&server, 1).await;
    assert_eq!((waiting(&server), counted(&server, "unavailable")), (1, 3));
    server.advance(DAY);
    server.server().sweep().await.unwrap();
    assert_eq!(waiting(&server), 0);
    assert_eq!(undelivered(&server).await, ["new-device"]);
}

/// Attacks: PE67.
#[rstest]
#[case::grey_listed(Moment::Recipient, Answer::Says("451 4.7.1 come back"))]
#[case::hangs_up_at_the_recipient(Moment::Recipient, Answer::HangsUp)]
#[case::full(Moment::Data, Answer::Says("452 4.3.1 full"))]
#[case::unsure(Moment::Dot, Answer::Says("451 4.3.0 again"))]
#[tokio::test]
async fn a_mail_that_is_not_taken_now_is_tried_again_and_holds_up_no_other(
    #[case] moment: Moment,
    #[case] answer: Answer,
) {
    let (server, mail) = both().await;
    mail.answer(moment, answer);
    something_happens(&server).await;
    later(&server, 3).await;
    assert_eq!((waiting(&server), counted(&server, "failed")), (1, 1));
    mail.answer_as_usual();
    let before = mail.mails().len();
    later(&server, 11).await;
    assert_eq!(mail.mails().len(), before, "not yet");
    later(&server, 1).await;
    assert_eq!((waiting(&server), mail.mails().len()), (0, before + 1));
}

/// Attacks: PE67.
#[rstest]
#[case::unknown(
    Moment::Recipient,
    Answer::Says("550 5.1.1 <ada@lovelace.example>: no such user")
)]
#[case::no_recipients(Moment::Data, Answer::Says("554 5.5.1 no valid recipients"))]
#[case::spam(Moment::Dot, Answer::Says("554 5.7.1 spam for ada@lovelace.example"))]
#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_dropped_with_an_event_and_no_address_in_the_log(
    #[case] moment: Moment,
    #[case] answer: Answer,
) {
    let (server, mail) = both().await;
    mail.answer(moment, answer);
    something_happens(&server).await;
    let log = logged_later(&server, 3).await;
    assert_eq!((waiting(&server), counted(&server, "refused")), (0, 1));
    assert_eq!(undelivered(&server).await, ["new-device"]);
    assert!(log.contains("refused by its recipient"), "{log}");
    assert!(!log.contains(ADDRESS) && !log.contains(PASSWORD), "{log}");
}

/// Attacks: PE64.
#[rstest]
#[case::of_before("ada@before.example", &[], &["recover"])]
#[case::of_now(ADDRESS, &["Get back into your account at Safeconduct"], &[])]
#[tokio::test]
async fn a_way_in_that_had_to_wait_goes_to_the_address_that_is_known_by_then(
    #[case] asked_at: &str,
    #[case] sent: &[&str],
    #[case] given_up: &[&str],
) {
    let (server, mail) = both().await;
    let way_in = Mail {
        purpose: MailPurpose::Recover,
        to: MailAddress::parse(asked_at).unwrap(),
        user: server.user("ada").await,
        language: Language::English,
    };
    let store = server.server().store();
    let queued = store.queue_asked_mail(Some(&way_in), server.now()).await;
    assert!(queued.unwrap());
    later(&server, 3).await;
    assert_eq!(
        (subjects(&mail), waiting(&server)),
        (sent.iter().map(|&subject| subject.to_owned()).collect(), 0)
    );
    assert_eq!(undelivered(&server).await, given_up);
}

/// Attacks: PE68.
#[tokio::test]
async fn a_mail_whose_node_died_or_whose_end_was_not_confirmed_has_the_same_message_id() {
    let (server, mail) = both().await;
    something_happens(&server).await;
    server.advance(3);
    let store = server.server().store();
    let due = store.due_messages(OutboxKind::Mail, "mail", server.now(), 10);
    let due = due.await.unwrap();
    // A node takes it on, and is gone.
    let lease_ends = server.now().plus(70);
    let claimed = store.claim_message(&due[0], lease_ends, server.now()).await;
    assert!(claimed.unwrap());
    let node = server.another_node().await;
    later(&node, 71).await;
    assert_eq!(mail.mails(), []);
    mail.answer(Moment::Dot, Answer::HangsUp);
    later(&node, 1).await;
    mail.answer_as_usual();
    assert_eq!((waiting(&server), mail.mails().len()), (1, 1));
    later(&server, 62).await;
    let mails = mail.mails();
    assert_eq!((waiting(&server), mails.len()), (0, 2));
    let ids: Vec<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(mails[0].text, mails[1].text, "it is the same mail");
}

#[tokio::test]
async fn a_node_without_a_mail_server_writes_no_mail_and_leaves_those_of_others() {
    let (server, mail) = both().await;
    something_happens(&server).await;
    server.advance(3);
    let alone = server
        .another_node_with(|settings| settings.mail = None)
        .await;
    alone.server().deliver_outbox().await.unwrap();
    assert_eq!((waiting(&server), mail.connections()), (1, 0));
    later(&server, 0).await;
    assert_eq!((waiting(&server), mail.mails().len()), (0, 1));
}

#[tokio::test]
async fn a_browser_is_new_to_an_account_once_and_only_where_that_is_asked_for() {
    let (server, mail) = both().await;
    let mut ada = server.sign_in("ada").await;
    assert_eq!(waiting(&server), 1);
    ada.sign_out().await;
    let page = ada.authorize(&Ask::of("portal")).await;
    assert!(ada.sign_in(&page, "ada").await.has_code());
    assert_eq!(waiting(&server), 1, "it is known");
    later(&server, 3).await;
    assert_eq!(subjects(&mail), ["A new sign-in at Safeconduct"]);
    // Whose address nobody has verified is not written to.
    server.sign_in("bob").await;
    assert_eq!(waiting(&server), 0);
    let server = server
        .restart_with(|settings| {
            if let Some(mail) = &mut settings.mail {
                mail.new_device = false;
            }
        })
        .await;
    server.sign_in("ada").await;
    assert_eq!(waiting(&server), 0);
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_by_the_link_in_the_mail() {
    let (server, mail) = both().await;
    let form = Form::new().with("account", "ada");
    server.browser().post("/recover", &form).await;
    // However late it is sent, the link lives from then on.
    later(&server, 20 * 60).await;
    let mails = mail.mails();
    assert_eq!(mails[0].to, format!("<{ADDRESS}>"));
    let said = mails[0].said();
    assert!(said.contains("The link is good for 30 minutes"), "{said}");
    let mut links = said.lines().filter_map(|line| line.strip_prefix(ISSUER));
    let link = links.next().unwrap();
    server.advance(29 * 60);
    let mut ada = server.browser();
    let answer = ada.get(link).await;
    let page = ada.follow(answer).await;
    let title = "200 page “Get back into your account – Safeconduct”";
    assert_eq!(page.to_string(), title);
    let form = Form::new()
        .with("link", &page.hidden("link"))
        .with("password", "seven small boats at noon")
        .with("again", "seven small boats at noon");
    ada.post("/link", &form).await;
    later(&server, 3).await;
    let told = "Your password at Safeconduct was changed";
    assert_eq!(
        subjects(&mail),
        ["Get back into your account at Safeconduct", told]
    );
}

/// Attacks: PE33.
#[tokio::test]
async fn people_are_told_of_their_second_factors() {
    let mail = MailServer::start(Encryption::StartTls).await;
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    let mut of_mail = settings_of(&mail, MailTls::StartTls);
    of_mail.new_device = false;
    let server = TestServer::start_with(Settings {
        second_factor: SecondFactor::Required,
        mail: Some(of_mail),
        ..settings
    })
    .await;
    let mut ada = server.browser();
    let page = ada.authorize(&Ask::of("portal")).await;
    let page = ada.sign_in(&page, "ada").await;
    let app = App::scanned(&page);
    let done = ada.confirm(&page, &app.code(&server)).await;
    assert_eq!(done.to_string(), CODES);
    let codes = crate::second_factor::recovery_codes(&done);
    later(&server, 90).await;
    let mut other = server.browser();
    let asked = other.asked_for_code().await;
    let answer = other.recovery_code_typed(&asked, &codes[0]).await;
    assert!(other.follow(answer).await.has_code());
    later(&server, 3).await;
    let wrong = app.wrong_code(&server);
    for _ in 0..10 {
        let mut guesser = server.browser();
        let page = guesser.asked_for_code().await;
        let answer = guesser.code_typed(&page, &wrong).await;
        assert_eq!(answer.to_string(), WRONG);
    }
    later(&server, 3).await;
    assert_eq!(
        subjects(&mail),
        [
            "An authenticator app was added at Safeconduct",
            "A recovery code was used at Safeconduct",
            "Wrong codes at Safeconduct",
        ]
    );
}

#[tokio::test]
async fn an_address_beyond_ascii_is_written_to_where_the_mail_server_can() {
    let (server, mail) = both().await;
    let letter = Mail {
        purpose: MailPurpose::PasswordChanged,
        to: MailAddress::parse("jürgen@bücher.example").unwrap(),
        user: server.user("ada").await,
        language: Language::Arabic,
    };
    let store = server.server().store();
    assert!(
        store
            .queue_asked_mail(Some(&letter), server.now())
            .await
            .unwrap()
    );
    later(&server, 3).await;
    let mails = mail.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, "<jürgen@xn--bcher-kva.example>");
    assert!(mails[0].from.contains("SMTPUTF8"), "{}", mails[0].from);
    mail.answer(
        Moment::Ehlo,
        Answer::Says("250-mail.test\r\n250-STARTTLS\r\n250 AUTH PLAIN"),
    );
    assert!(
        store
            .queue_asked_mail(Some(&letter), server.now())
            .await
            .unwrap()
    );
    later(&server, 3).await;
    assert_eq!((waiting(&server), counted(&server, "refused")), (0, 1));
}
