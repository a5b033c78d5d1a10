//! Writes a mail down (RFC 5322, MIME): text first, then the same as HTML; marked as automatic, so that no machine answers it
//! (RFC 3834 §5); and under an id that stays the same however often it is sent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, MultiPartKind, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use safeconduct_protocol::{encoding::sha256, mail::MailAddress, time::Timestamp};

use super::untaken::Untaken;
use crate::pages::MailText;

/// A mail with all that its recipient sees of it.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// What it is called among all of this server's: the same each time it is sent.
    pub id: &'a str,
    /// The host of the issuer, behind the `@` of its `Message-ID`.
    pub host: &'a str,
    /// The name of the sender.
    pub sender: &'a str,
    /// To whom.
    pub to: &'a MailAddress,
    /// When it was written.
    pub date: Timestamp,
    /// What it says.
    pub says: &'a MailText,
}

impl Letter<'_> {
    /// The mail as it is handed over.
    ///
    /// # Errors
    /// Something in a header would not stay in it.
    pub(super) fn written(&self, from: &MailAddress) -> Result<Vec<u8>, Untaken> {
        for line in [self.sender, &self.says.subject, self.host] {
            if line.chars().any(char::is_control) {
                let detail = "a control character in a header".to_owned();
                return Err(Untaken::Refused(detail));
            }
        }
        let sender = Mailbox::new(Some(self.sender.to_owned()), address(from)?);
        let recipient = Mailbox::new(None, address(self.to)?);
        // Nothing of it depends on chance, so that two attempts are the same mail to the byte.
        let boundary = safeconduct_protocol::encoding::encode(&sha256(self.id.as_bytes()));
        let parts = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(boundary.as_str())
            .singlepart(SinglePart::plain(self.says.text.clone()))
            .singlepart(SinglePart::html(self.says.html.clone()));
        let message = Message::builder()
            .from(sender)
            .to(recipient)
            .date(self.date_of_system())
            .subject(self.says.subject.as_str())
            .message_id(Some(self.message_id()))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"))
            .multipart(parts)
            .map_err(|error| Untaken::Refused(error.to_string()))?;
        Ok(message.formatted())
    }

    /// Its `Message-ID`: what it is called, hashed, since that may be any text.
    fn message_id(&self) -> String {
        let hash = sha256(self.id.as_bytes());
        let id = safeconduct_protocol::encoding::encode(&hash[..16]);
        format!("<{id}@{}>", self.host)
    }

    fn date_of_system(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.date.seconds().unsigned_abs())
    }
}

/// An address as lettre has it.
pub(super) fn address(address: &MailAddress) -> Result<Address, Untaken> {
    let (local, domain) = address.parts();
    Address::new(local, domain).map_err(|error| Untaken::Refused(error.to_string()))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn says(subject: &str) -> MailText {
        MailText {
            subject: subject.to_owned(),
            text: "Grüße\n.\n-- \nAcme\n".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
        }
    }

    fn written(says: &MailText, sender: &str, to: &str) -> Result<String, Untaken> {
        let to = MailAddress::parse(to).unwrap();
        let letter = Letter {
            id: "mail/one",
            host: "id.example",
            sender,
            to: &to,
            date: Timestamp::from_seconds(1_800_000_000),
            says,
        };
        let from = MailAddress::parse("no-reply@acme.example").unwrap();
        let written = letter.written(&from)?;
        Ok(String::from_utf8(written).unwrap())
    }

    #[test]
    fn a_letter_as_it_is_handed_over() {
        let written = written(&says("Passwort geändert – Acme"), "Acme", "ada@example.com");
        assert_snapshot!(written.unwrap().replace('\r', ""), @r#"
    From: Acme <no-reply@acme.example>
    To: ada@example.com
    Date: Fri, 15 Jan 2027 08:00:00 +0000
    Subject: Passwort =?utf-8?b?Z2XDpG5kZXJ0IOKAkw==?= Acme
    Message-ID: <aYSWoDa1npjWNScjXSqHGA@id.example>
    Auto-Submitted: auto-generated
    X-Auto-Response-Suppress: All
    MIME-Version: 1.0
    Content-Type: multipart/alternative;
     boundary="aYSWoDa1npjWNScjXSqHGArJFM-2RVlwVbeL0007x3A"

    --aYSWoDa1npjWNScjXSqHGArJFM-2RVlwVbeL0007x3A
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: base64

    R3LDvMOfZQ0KLg0KLS0gDQpBY21lDQo=
    --aYSWoDa1npjWNScjXSqHGArJFM-2RVlwVbeL0007x3A
    Content-Type: text/html; charset=utf-8
    Content-Transfer-Encoding: quoted-printable

    <p>Gr=C3=BC=C3=9Fe</p>
    --aYSWoDa1npjWNScjXSqHGArJFM-2RVlwVbeL0007x3A--
"#);
    }

    #[test]
    fn a_letter_is_the_same_each_time_it_is_sent() {
        let says = says("Hello");
        let once = written(&says, "Acme", "ada@example.com").unwrap();
        assert_eq!(written(&says, "Acme", "ada@example.com").unwrap(), once);
    }

    /// Attacks: PE61.
    #[test]
    fn no_line_end_gets_into_a_header() {
        for text in ["a\r\nBcc: eve@example.com", "a\nb", "a\0b"] {
            let in_subject = written(&says(text), "Acme", "ada@example.com");
            assert!(matches!(in_subject, Err(Untaken::Refused(_))), "{text:?}");
            let in_sender = written(&says("Hello"), text, "ada@example.com");
            assert!(matches!(in_sender, Err(Untaken::Refused(_))), "{text:?}");
        }
    }

    #[test]
    fn every_address_that_we_take_can_be_written_to() {
        for to in [
            "o'brien+x@example.com",
            "a.b-c_d@xn--bcher-kva.example",
            "!#$%&*/=?^`{|}~@example.com",
        ] {
            let written = written(&says("Hello"), "Acme", to).unwrap();
            assert!(written.contains(&format!("To: {to}\r\n")), "{written}");
        }
        let written = written(&says("Hello"), "Acme", "jürgen@example.com");
        assert!(written.unwrap().contains("jürgen@example.com"));
    }
}
