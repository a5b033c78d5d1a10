//! The mail server, spoken to by SMTP (RFC 5321) through TLS: one mail, one connection, and for each way in which it fails the word for
//! what becomes of the mail.
//!
//! How a connection is made and encrypted is `connection`'s, how a mail is written down `letter`'s. What it says, and when it is tried
//! again, belongs to the outbox.

mod connection;
mod letter;
mod untaken;

use std::{sync::Arc, time::Duration};

use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::AsyncSmtpConnection,
    commands::{Data, Mail, Rcpt},
    extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    response::Response,
};
use rustls::ClientConfig;
use tokio::time::timeout;

use self::letter::address;
pub use self::{letter::Letter, untaken::Untaken};
use crate::{fault::Fault, settings::MailSettings};

/// How long the server may take to say good-bye, when everything is done.
const GOODBYE: Duration = Duration::from_secs(1);
/// The most that is repeated of an answer, in characters.
const LONGEST_DETAIL: usize = 200;

/// A mail server, ready to be sent mails to.
#[derive(Clone)]
pub struct MailServer {
    settings: MailSettings,
    hello: ClientId,
    tls: Arc<ClientConfig>,
}

/// How far a conversation has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Greeted,
    SignedIn,
    Sender,
    Recipient,
    Content,
}

impl Stage {
    /// What an answer of 5xx means here: that of the recipient, or of what is in the mail, or of everything.
    const fn is_of_this_mail(self) -> bool {
        matches!(self, Self::Recipient | Self::Content)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Connecting => "while connecting",
            Self::Greeted => "at the sign-in",
            Self::SignedIn | Self::Sender => "at the sender",
            Self::Recipient => "at the recipient",
            Self::Content => "at the content",
        }
    }
}

impl MailServer {
    /// The mail server of `settings`, to which this one calls itself `host` unless they say how.
    ///
    /// # Errors
    /// The certificates that may vouch for it can't be read.
    pub fn new(settings: &MailSettings, host: &str) -> Result<Self, Fault> {
        let hello = settings.hello_name.as_deref().unwrap_or(host);
        Ok(Self {
            hello: ClientId::Domain(hello.to_owned()),
            tls: connection::tls(settings.ca_file.as_deref())?,
            settings: settings.clone(),
        })
    }

    /// Hands it a letter, and gives its answer. Whatever it does, that takes no longer than the deadline.
    ///
    /// # Errors
    /// [`Untaken`]. It may have the letter all the same, where the connection was lost behind its end: sent again, it has the same
    /// `Message-ID`.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<String, Untaken> {
        let content = letter.written(&self.settings.from)?;
        let mut stage = Stage::Connecting;
        let said = timeout(
            self.settings.deadline,
            self.hand_over(letter, &content, &mut stage),
        );
        let Ok(said) = said.await else {
            let seconds = self.settings.deadline.as_secs();
            let detail = format!("no answer within {seconds} seconds, {}", stage.words());
            return Err(at(stage, None, detail));
        };
        said
    }

    async fn hand_over(
        &self,
        letter: &Letter<'_>,
        content: &[u8],
        stage: &mut Stage,
    ) -> Result<String, Untaken> {
        let mut server = connection::open(&self.settings, &self.tls, &self.hello)
            .await
            .map_err(Untaken::Unavailable)?;
        let outcome = self.converse(&mut server, letter, content, stage).await;
        if !server.has_broken() {
            let _ = timeout(GOODBYE, server.quit()).await;
        }
        outcome
    }

    async fn converse(
        &self,
        server: &mut AsyncSmtpConnection,
        letter: &Letter<'_>,
        content: &[u8],
        stage: &mut Stage,
    ) -> Result<String, Untaken> {
        let failed = |stage: Stage, error: lettre::transport::smtp::Error| {
            let code = error.status().map(u16::from);
            at(stage, code, plain(&error.to_string(), letter))
        };
        *stage = Stage::Greeted;
        if let Some(us) = &self.settings.credentials {
            let us = Credentials::new(us.username.clone(), us.password.expose().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let signed_in = server.auth(&mechanisms, &us).await;
            signed_in.map_err(|error| failed(*stage, error))?;
        }
        *stage = Stage::SignedIn;
        let parameters = parameters(server, letter, content)?;
        let from = address(&self.settings.from)?;
        let to = address(letter.to)?;
        *stage = Stage::Sender;
        let answer = server.command(Mail::new(Some(from), parameters)).await;
        answer.map_err(|error| failed(*stage, error))?;
        *stage = Stage::Recipient;
        let answer = server.command(Rcpt::new(to, Vec::new())).await;
        answer.map_err(|error| failed(*stage, error))?;
        *stage = Stage::Content;
        let answer = server.command(Data).await;
        answer.map_err(|error| failed(*stage, error))?;
        let answer: Response = server
            .message(content)
            .await
            .map_err(|error| failed(*stage, error))?;
        let said: Vec<&str> = answer.message().collect();
        Ok(plain(
            &format!("{} {}", answer.code(), said.join(" ")),
            letter,
        ))
    }
}

/// What comes of a failure at `stage`: by the answer's `code`, or without one.
fn at(stage: Stage, code: Option<u16>, detail: String) -> Untaken {
    match code {
        // The server is about to close (RFC 5321 §3.8), whoever the mail is for.
        Some(421) => Untaken::Unavailable(detail),
        Some(500..) if stage.is_of_this_mail() => Untaken::Refused(detail),
        _ if stage.is_of_this_mail() => Untaken::Later(detail),
        _ => Untaken::Unavailable(detail),
    }
}

/// What the server has to be told of the mail beside its sender.
fn parameters(
    server: &AsyncSmtpConnection,
    letter: &Letter<'_>,
    content: &[u8],
) -> Result<Vec<MailParameter>, Untaken> {
    let knows = |extension| server.server_info().supports_feature(extension);
    let mut parameters = Vec::new();
    if !letter.to.as_str().is_ascii() {
        if !knows(Extension::SmtpUtfEight) {
            let detail = "the mail server takes no addresses beyond ASCII (SMTPUTF8)";
            return Err(Untaken::Refused(detail.to_owned()));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !content.is_ascii() && knows(Extension::EightBitMime) {
        let eight_bits = MailBodyParameter::EightBitMime;
        parameters.push(MailParameter::Body(eight_bits));
    }
    Ok(parameters)
}

/// What the server said, on one line and without the address: logs name nobody.
fn plain(said: &str, letter: &Letter<'_>) -> String {
    let without = said.replace(letter.to.as_str(), "…");
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    without.chars().take(LONGEST_DETAIL).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::closing(Stage::Recipient, Some(421), Untaken::Unavailable(String::new()))]
    #[case::no_sign_in(Stage::Greeted, Some(535), Untaken::Unavailable(String::new()))]
    #[case::busy_sign_in(Stage::Greeted, Some(454), Untaken::Unavailable(String::new()))]
    #[case::sender_refused(Stage::Sender, Some(550), Untaken::Unavailable(String::new()))]
    #[case::unknown(Stage::Recipient, Some(550), Untaken::Refused(String::new()))]
    #[case::grey_listed(Stage::Recipient, Some(451), Untaken::Later(String::new()))]
    #[case::lost(Stage::Recipient, None, Untaken::Later(String::new()))]
    #[case::lost_behind_the_dot(Stage::Content, None, Untaken::Later(String::new()))]
    #[case::spam(Stage::Content, Some(554), Untaken::Refused(String::new()))]
    #[case::full(Stage::Content, Some(452), Untaken::Later(String::new()))]
    #[case::no_connection(Stage::Connecting, None, Untaken::Unavailable(String::new()))]
    fn what_becomes_of_a_mail_is_said_by_where_it_failed(
        #[case] stage: Stage,
        #[case] code: Option<u16>,
        #[case] untaken: Untaken,
    ) {
        assert_eq!(at(stage, code, String::new()), untaken);
    }
}
