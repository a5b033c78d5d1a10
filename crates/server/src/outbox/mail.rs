//! Mails: made when they are sent, in the language of who reads them and with a link that is made now, and handed to the mail server. The
//! answer decides what becomes of the row.
//!
//! What is wrong with the server keeps every mail where it is, and is said aloud: an operator has to know before users do.

use safeconduct_protocol::{
    link::{Link, LinkPurpose},
    mail::{Mail, MailAddress},
    time::Timestamp,
};
use safeconduct_store::{OutboxRow, SignUpState};

use super::state::Answer;
use crate::{
    addresses::{ACCOUNT, of_link},
    fault::{Failure, Fault},
    pages::{MailPage, MailText},
    server::Exchange,
    smtp::{Letter, Untaken},
};

/// Seconds for which a last attempt may be late.
const GRACE: i64 = 60;

/// Seconds until a mail is tried again after a failure that was not its own: when the server is back, it is wanted soon.
const SOON: i64 = 10;

/// The seconds after which a mail is tried again that was tried so often, as long as it is worth sending; `None` where it is not.
pub(super) fn pause(
    mail: &Mail,
    row: &OutboxRow,
    answer: &Answer,
    pauses: &[i64],
    now: Timestamp,
) -> Option<i64> {
    let left = row.created_at.plus(mail.purpose.patience()).since(now);
    let tried = usize::try_from(row.attempts).unwrap_or(usize::MAX);
    let pause = match answer {
        Answer::Silent(_) => SOON,
        _ => pauses[tried.min(pauses.len() - 1)],
    };
    (left > 0).then_some(pause.min(left))
}

/// Makes the mail and hands it over.
pub(super) async fn attempt(exchange: &Exchange<'_>, row: &OutboxRow, mail: &Mail) -> Answer {
    let Some(server) = exchange.server.mail_server() else {
        return Answer::Failed("this node has no mail server".to_owned());
    };
    let age = exchange.now.since(row.created_at);
    if age > mail.purpose.patience() + GRACE {
        return Answer::Refused("it comes too late".to_owned());
    }
    let says = match words(exchange, row, mail).await {
        Ok(Some(says)) => says,
        Ok(None) => return Answer::Refused("there is nobody left whom it is for".to_owned()),
        Err(failure) => {
            let refusal = failure.into_refusal();
            return Answer::Failed(format!("it could not be made: {}", refusal.reason().name()));
        }
    };
    let settings = exchange.server.settings();
    let letter = Letter {
        id: &row.id,
        host: settings.issuer.host(),
        sender: &settings.product_name,
        to: &mail.to,
        date: row.created_at,
        says: &says,
    };
    match server.send(&letter).await {
        Ok(answer) => {
            tracing::debug!(answer, "the mail server took a mail");
            Answer::Delivered
        }
        Err(Untaken::Unavailable(detail)) => Answer::Silent(detail),
        Err(Untaken::Later(detail)) => Answer::Failed(detail),
        Err(Untaken::Refused(detail)) => Answer::Refused(detail),
    }
}

/// What a mail says; `None` where there is nobody left whom it is about.
async fn words(
    exchange: &Exchange<'_>,
    row: &OutboxRow,
    mail: &Mail,
) -> Result<Option<MailText>, Failure> {
    let Some(subject) = subject(exchange, mail).await? else {
        return Ok(None);
    };
    let pages = exchange.server.pages().of(mail.language);
    let page = MailPage {
        purpose: Some(mail.purpose),
        account: &subject.account,
        when: row.created_at,
        link: &subject.link,
    };
    let said = pages.mail(&page);
    let said = said.map_err(|error| Fault::new(format!("saying a mail: {error}")))?;
    Ok(Some(said))
}

/// Whom a mail is about, and where it leads.
struct Subject {
    account: String,
    link: String,
}

async fn subject(exchange: &Exchange<'_>, mail: &Mail) -> Result<Option<Subject>, Failure> {
    let issuer = &exchange.server.settings().issuer;
    let purpose = LinkPurpose::of_mail(mail.purpose);
    if let Some(purpose) = purpose.filter(|purpose| purpose.is_to_sign_up()) {
        return to_sign_up(exchange, mail, purpose).await;
    }
    let Some(user) = exchange.server.store().linked_user(&mail.user).await? else {
        return Ok(None);
    };
    let Some(purpose) = purpose else {
        return Ok(Some(Subject {
            account: user.username,
            link: issuer.endpoint(ACCOUNT),
        }));
    };
    // A way in is for who reads the address that is the account's now, however long the mail has waited.
    let known = MailAddress::of(&user.claims);
    let is_theirs = known.is_some_and(|known| known.key() == mail.to.key());
    if user.locked || !(mail.purpose.is_to_anybody() || is_theirs) {
        return Ok(None);
    }
    // Made now, so that none waits in the outbox, and each lives as long as it should.
    let (version, era) = (user.link_version, exchange.era());
    let mut link = Link::make(purpose, mail.user.clone(), version, era, exchange.now);
    if purpose == LinkPurpose::ChangeAddress {
        link = link.about(mail.to.clone());
    }
    let sealed = exchange.sealed(&link)?;
    Ok(Some(Subject {
        account: user.username,
        link: issuer.endpoint(&of_link(&sealed)),
    }))
}

/// Nobody's account, and a link that creates it; `None` where it could not by now.
async fn to_sign_up(
    exchange: &Exchange<'_>,
    mail: &Mail,
    purpose: LinkPurpose,
) -> Result<Option<Subject>, Failure> {
    let settings = exchange.server.settings();
    let (user, to, era) = (mail.user.clone(), mail.to.clone(), exchange.era());
    let link = Link::to_sign_up(purpose, user, to, era, exchange.now);
    let state = (exchange.server.store()).sign_up_state(link.user(), &mail.to);
    if settings.sign_up.allows(&link).is_err() || state.await? != SignUpState::Open {
        return Ok(None);
    }
    let sealed = exchange.sealed(&link)?;
    Ok(Some(Subject {
        account: String::new(),
        link: settings.issuer.endpoint(&of_link(&sealed)),
    }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use safeconduct_protocol::{ids::UserId, language::Language, mail::MailPurpose};
    use safeconduct_store::Message;

    use super::*;

    const PAUSES: [i64; 4] = [10, 60, 300, 1800];
    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn later() -> Answer {
        Answer::Failed(String::new())
    }

    fn silent() -> Answer {
        Answer::Silent(String::new())
    }

    /// Attacks: PE67.
    #[rstest]
    #[case::first(MailPurpose::NewDevice, 0, 0, later(), Some(10))]
    #[case::fourth(MailPurpose::NewDevice, 3, 400, later(), Some(1800))]
    #[case::then_every_half_hour(MailPurpose::NewDevice, 30, 50_000, later(), Some(1800))]
    #[case::at_the_end_of_a_day(MailPurpose::NewDevice, 30, 86_000, later(), Some(400))]
    #[case::after_a_day(MailPurpose::NewDevice, 30, 86_400, later(), None)]
    #[case::a_way_back_is_wanted_now(MailPurpose::Recover, 3, 400, later(), Some(1400))]
    #[case::or_not_at_all(MailPurpose::Recover, 4, 1800, later(), None)]
    #[case::the_server_is_away(MailPurpose::NewDevice, 30, 50_000, silent(), Some(10))]
    #[case::for_a_day(MailPurpose::NewDevice, 30, 86_400, silent(), None)]
    fn a_mail_is_tried_as_long_as_it_is_worth_sending(
        #[case] purpose: MailPurpose,
        #[case] attempts: i64,
        #[case] age: i64,
        #[case] answer: Answer,
        #[case] expected: Option<i64>,
    ) {
        let mail = Mail {
            purpose,
            to: MailAddress::parse("ada@example.com").unwrap(),
            user: UserId::generate(),
            language: Language::English,
        };
        let row = OutboxRow {
            id: "mail/one".to_owned(),
            message: Message::Mail(mail.clone()),
            attempts,
            created_at: START,
        };
        let found = pause(&mail, &row, &answer, &PAUSES, START.plus(age));
        assert_eq!(found, expected);
    }
}
