//! Mails: written in the unit of what they tell of, few to an address, and no more than there is room for.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::language::Language;
use safeconduct_protocol::mail::{MOST_IN_AN_HOUR, Mail, MailAddress, MailPurpose};

use super::{World, sealed};
use crate::databases::{Kind, databases};
use crate::driver::Statement;
use crate::{Message, OtpRemoval, OutboxKind, OutboxRow, Remover, StoreError, Sweepable};

const HOUR: i64 = 3600;

/// Rows of mail that are only there.
const FILL: &str = "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
     WITH RECURSIVE numbers(number) AS \
         (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < CAST($1 AS BIGINT)) \
     SELECT 'filler/' || number, 'mail', 'mail', 'u', '', 0, 0, CAST($2 AS BIGINT) FROM numbers";

impl World {
    pub(super) fn mail(&self, purpose: MailPurpose) -> Mail {
        Mail {
            purpose,
            to: MailAddress::parse("ada@example.com").unwrap(),
            user: self.user.clone(),
            language: Language::German,
        }
    }

    pub(super) async fn mails_due(&self) -> Vec<OutboxRow> {
        let store = &self.store;
        let recipients = store.due_recipients(OutboxKind::Mail, self.now());
        let mut due = Vec::new();
        for recipient in recipients.await.unwrap() {
            let messages = store.due_messages(OutboxKind::Mail, &recipient, self.now(), 100);
            due.extend(messages.await.unwrap());
        }
        due
    }

    pub(super) async fn ask(&self, mail: Option<&Mail>) -> bool {
        let asked = self.store.queue_asked_mail(mail, self.now());
        asked.await.unwrap()
    }

    /// Gives a user another password, which `mail` tells of.
    async fn set_password(&self, user: &UserId, mail: &Mail) -> Result<(), StoreError> {
        let (password, mail) = (sealed("sealed:new"), Some(mail));
        let set = self.store.set_password(user, &password, mail, self.now());
        set.await
    }

    pub(super) async fn rows_of(&self, table: &str) -> u64 {
        let rows = self.store.count_rows().await.unwrap();
        let found = rows.iter().find(|rows| rows.table == table);
        found.unwrap().rows
    }
}

fn purposes(rows: &[OutboxRow]) -> Vec<MailPurpose> {
    let purpose = |row: &OutboxRow| match &row.message {
        Message::Mail(mail) => mail.purpose,
        other @ (Message::Logout { .. } | Message::Event(_)) => panic!("{other:?}"),
    };
    rows.iter().map(purpose).collect()
}

#[apply(databases)]
#[tokio::test]
async fn a_mail_is_queued_with_what_it_tells_of_or_not_at_all(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let mail = world.mail(MailPurpose::PasswordChanged);
    let nobody = UserId::generate();
    let refused = world.set_password(&nobody, &mail).await;
    assert_eq!(refused, Err(StoreError::NotFound("such user")));
    assert_eq!(world.mails_due().await, []);
    assert_eq!(world.rows_of("mail_budgets").await, 0);
    world.set_password(&world.user, &mail).await.unwrap();
    let due = world.mails_due().await;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].message, Message::Mail(mail));
    assert_eq!((due[0].attempts, due[0].created_at), (0, now));
    let removed = world.mail(MailPurpose::OtpRemoved);
    let absent = store.remove_otp(&world.user, Remover::Operator, Some(&removed), now);
    assert_eq!(absent.await.unwrap(), OtpRemoval::Absent);
    assert_eq!(world.mails_due().await.len(), 1);
}

#[apply(databases)]
#[tokio::test]
async fn guessing_is_told_of_with_the_last_guess_that_is_judged(database: Kind) {
    let world = World::on(database).await;
    let mail = world.mail(MailPurpose::SecondFactorGuessed);
    for guess in 1..=11 {
        let charge = world
            .store
            .charge_second_factor(&world.user, Some(&mail), world.now());
        charge.await.unwrap();
        let told = usize::from(guess >= 10);
        assert_eq!(world.mails_due().await.len(), told, "guess {guess}");
    }
}

/// Attacks: PE63.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_mails_at_once_to_an_address_three_are_queued(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let mut asking = Vec::new();
    for number in 0..64 {
        let world = Arc::clone(&world);
        asking.push(tokio::spawn(async move {
            let purpose = [MailPurpose::Recover, MailPurpose::Verify][number % 2];
            let spelled = ["ada@example.com", "Ada@EXAMPLE.com"][number % 2];
            let mail = Mail {
                to: MailAddress::parse(spelled).unwrap(),
                ..world.mail(purpose)
            };
            world.ask(Some(&mail)).await
        }));
    }
    let mut queued = 0;
    for asked in asking {
        queued += i64::from(asked.await.unwrap());
    }
    assert_eq!(queued, MOST_IN_AN_HOUR);
    assert_eq!(world.mails_due().await.len(), 3);
}

/// Attacks: PE63.
#[apply(databases)]
#[tokio::test]
async fn in_no_hour_go_more_than_three_mails_to_an_address_and_others_are_written_to(
    database: Kind,
) {
    let world = World::on(database).await;
    let recover = world.mail(MailPurpose::Recover);
    for minutes in [0, 50, 5] {
        world.advance(minutes * 60);
        assert!(world.ask(Some(&recover)).await);
    }
    for minutes in [0, 6, 30, 23] {
        world.advance(minutes * 60);
        assert!(!world.ask(Some(&recover)).await, "an hour behind the last");
    }
    let eve = Mail {
        to: MailAddress::parse("eve@example.com").unwrap(),
        ..recover.clone()
    };
    assert!(world.ask(Some(&eve)).await);
    // What strangers use up is not what an owner is told with.
    let changed = world.mail(MailPurpose::PasswordChanged);
    world.set_password(&world.user, &changed).await.unwrap();
    let queued = purposes(&world.mails_due().await);
    assert!(queued.contains(&MailPurpose::PasswordChanged));
    world.advance(60);
    assert!(world.ask(Some(&recover)).await);
}

/// Attacks: PE63.
#[apply(databases)]
#[tokio::test]
async fn addresses_that_are_made_up_for_one_mailbox_are_counted_together(database: Kind) {
    let world = World::on(database).await;
    let to = |purpose, address: &str| Mail {
        to: MailAddress::parse(address).unwrap(),
        ..world.mail(purpose)
    };
    let mut queued = 0;
    for number in 0..8 {
        let address = format!("Grace+{number}@example.com");
        let mail = to(MailPurpose::SignUp, &address);
        queued += i64::from(world.ask(Some(&mail)).await);
    }
    assert_eq!(queued, MOST_IN_AN_HOUR);
    let other = to(MailPurpose::SignUp, "hedy@example.com");
    assert!(world.ask(Some(&other)).await);
    // Whoever has accounts with several of them is sent to each.
    let theirs = to(MailPurpose::Recover, "grace+8@example.com");
    assert!(world.ask(Some(&theirs)).await);
}

/// Attacks: PE62.
#[apply(databases)]
#[tokio::test]
async fn who_is_not_known_is_asked_for_with_the_same_writes_and_nothing_is_queued(database: Kind) {
    let world = World::on(database).await;
    for _ in 0..5 {
        assert!(!world.ask(None).await);
    }
    assert_eq!(world.mails_due().await, []);
    assert_eq!(world.rows_of("mail_budgets").await, 1, "whoever asks");
    let mail = world.mail(MailPurpose::Recover);
    for number in 0..5 {
        assert_eq!(world.ask(Some(&mail)).await, number < 3);
    }
    assert_eq!(world.rows_of("mail_budgets").await, 2);
}

/// Attacks: PE62, PE63.
#[apply(databases)]
#[tokio::test]
async fn what_strangers_ask_for_leaves_room_for_what_people_must_be_told(database: Kind) {
    let world = World::on(database).await;
    let (store, user, now) = (&world.store, &world.user, world.now());
    let later = now.plus(HOUR);
    let fill = Statement::new(FILL).bind(4_999_i64).bind(later);
    store.commit(fill).await.unwrap();
    let sign_up = world.mail(MailPurpose::SignUp);
    assert!(world.ask(Some(&sign_up)).await);
    assert!(!world.ask(Some(&sign_up)).await, "five thousand wait");
    let empty = Statement::new("DELETE FROM outbox");
    store.commit(empty).await.unwrap();
    let fill = Statement::new(FILL).bind(9_999_i64).bind(later);
    store.commit(fill).await.unwrap();
    let recover = world.mail(MailPurpose::Recover);
    assert!(world.ask(Some(&recover)).await);
    assert!(!world.ask(Some(&recover)).await, "ten thousand wait");
    let changed = world.mail(MailPurpose::PasswordChanged);
    world.set_password(user, &changed).await.unwrap();
    assert_eq!(world.mails_due().await.len(), 2);
    let empty = Statement::new("DELETE FROM outbox WHERE id LIKE 'filler/%'");
    store.commit(empty).await.unwrap();
    let fill = Statement::new(FILL).bind(20_000_i64).bind(later);
    store.commit(fill).await.unwrap();
    world.set_password(user, &changed).await.unwrap();
    assert_eq!(
        world.mails_due().await.len(),
        2,
        "the password is set, and no more"
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_mail_that_is_given_up_leaves_an_event_that_names_no_address(database: Kind) {
    let world = World::on(database).await;
    assert!(world.ask(Some(&world.mail(MailPurpose::Verify))).await);
    let due = world.mails_due().await;
    let (store, now) = (&world.store, world.now());
    let lease_ends = now.plus(60);
    assert!(store.claim_message(&due[0], lease_ends, now).await.unwrap());
    assert!(!store.claim_message(&due[0], lease_ends, now).await.unwrap());
    store.give_up_message(&due[0], "503", now).await.unwrap();
    assert_eq!(world.rows_of("outbox").await, 0);
    let events = store.events(None, 100).await.unwrap();
    let event = events.last().unwrap();
    assert_eq!(
        (
            event.kind.as_str(),
            event.user.as_ref(),
            event.detail.as_deref()
        ),
        ("mail-undelivered", Some(&world.user), Some("verify"))
    );
}

#[apply(databases)]
#[tokio::test]
async fn how_many_mails_went_to_an_address_is_forgotten_an_hour_after_the_last(database: Kind) {
    let world = World::on(database).await;
    assert!(world.ask(Some(&world.mail(MailPurpose::Verify))).await);
    let sweep = async |now| {
        world
            .store
            .sweep_some(Sweepable::MailBudgets, now, 100)
            .await
    };
    let end = world.now().plus(HOUR);
    assert_eq!(sweep(end.plus(-1)).await, Ok(0));
    assert_eq!(sweep(end).await, Ok(2));
    assert_eq!(world.rows_of("mail_budgets").await, 0);
}

/// What a later release has written stands in nobody's way: neither what else is due, nor the end of its own time.
#[apply(databases)]
#[tokio::test]
async fn a_row_that_cannot_be_read_is_passed_over_until_it_is_too_old(database: Kind) {
    let world = World::on(database).await;
    assert!(world.ask(Some(&world.mail(MailPurpose::Recover))).await);
    let later = "UPDATE outbox SET about = '{\"purpose\":\"of-a-later-release\"}'";
    world.store.commit(Statement::new(later)).await.unwrap();
    assert!(world.ask(Some(&world.mail(MailPurpose::Recover))).await);
    assert_eq!(purposes(&world.mails_due().await), [MailPurpose::Recover]);
    assert_eq!(world.rows_of("outbox").await, 2);
    let tomorrow = world.now().plus(25 * HOUR);
    world
        .store
        .give_up_old_messages(tomorrow, 10)
        .await
        .unwrap();
    assert_eq!(world.rows_of("outbox").await, 0);
}
