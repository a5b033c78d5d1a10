//! What users are told by mail of their own accounts: to which address, in which language. A notice is decided on here, and written by
//! the store in the unit of what it tells of.

use safeconduct_protocol::{
    claims::PersonClaims,
    ids::UserId,
    language::Language,
    mail::{Mail, MailAddress, MailPurpose},
};
use safeconduct_store::{StoreError, UserRecord};

use crate::server::Exchange;

/// Whether users are told by mail, and in which language those who never said.
#[derive(Clone, Copy, Debug)]
pub struct Notices {
    is_mail_set_up: bool,
    fallback: Language,
}

impl Notices {
    /// Those of a server. `fallback` is the language for those who never said which they read.
    pub fn new(is_mail_set_up: bool, fallback: Language) -> Self {
        Self {
            is_mail_set_up,
            fallback,
        }
    }

    /// Whether users are told by mail at all.
    pub fn is_mail_set_up(&self) -> bool {
        self.is_mail_set_up
    }

    /// The language for those who never said which they read.
    pub fn fallback(&self) -> Language {
        self.fallback
    }

    /// The mail that invites `user`, if mail is set up and they have an address, which nobody has verified yet.
    pub fn invitation(&self, user: &UserRecord) -> Option<Mail> {
        let address = user.claims.claim("email")?.as_str()?;
        let mail = Mail {
            purpose: MailPurpose::Invite,
            to: MailAddress::parse(address).ok()?,
            user: user.id.clone(),
            language: language_of(&user.claims).unwrap_or(self.fallback),
        };
        self.is_mail_set_up.then_some(mail)
    }

    /// The mail that tells `user` of something, if mail is set up and they have an address that is known to be theirs.
    pub fn to(&self, user: &UserId, claims: &PersonClaims, purpose: MailPurpose) -> Option<Mail> {
        if !self.is_mail_set_up {
            return None;
        }
        Some(Mail {
            purpose,
            to: MailAddress::of(claims)?,
            user: user.clone(),
            language: language_of(claims).unwrap_or(self.fallback),
        })
    }
}

impl Exchange<'_> {
    /// How users are told by mail; who never said which language they read, in that of the page.
    pub(crate) fn notices(&self) -> Notices {
        Notices::new(self.server.settings().mail.is_some(), self.language())
    }

    /// The mail that tells the user of something, as [`Notices::to`], where nothing is known of them yet. Where no mail is set up, nothing is
    /// looked up.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn notice(
        &self,
        user: &UserId,
        purpose: MailPurpose,
    ) -> Result<Option<Mail>, StoreError> {
        Ok(self.recipient(user).await?.mail(purpose))
    }

    /// Whom mails about a user go to, for who may have to tell of several things. Where no mail is set up, nothing is looked up.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn recipient(&self, user: &UserId) -> Result<Recipient, StoreError> {
        let notices = self.notices();
        let user = match notices.is_mail_set_up {
            true => self.server.store().user(user).await?,
            false => None,
        };
        Ok(Recipient { notices, user })
    }
}

/// A user who is told of what happens to the account, where that can be.
pub(crate) struct Recipient {
    notices: Notices,
    user: Option<UserRecord>,
}

impl Recipient {
    /// The mail that tells them of something.
    pub(crate) fn mail(&self, purpose: MailPurpose) -> Option<Mail> {
        let user = self.user.as_ref()?;
        self.notices.to(&user.id, &user.claims, purpose)
    }
}

/// The language that somebody has said to read, if it is one of ours.
fn language_of(claims: &PersonClaims) -> Option<Language> {
    // The claim is a language tag, with an underscore in some places (OpenID Connect Core §5.1).
    let locale = claims.claim("locale")?.as_str()?.replace('_', "-");
    Language::lookup(&locale)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn claims(of: &[(&str, Value)]) -> PersonClaims {
        let mut claims = PersonClaims::default();
        for (name, value) in of {
            claims.set(name, value.clone()).unwrap();
        }
        claims
    }

    #[rstest]
    #[case::verified(&[("email", json!("ada@example.com")), ("email_verified", json!(true))], Some("ada@example.com"))]
    #[case::not_verified(&[("email", json!("ada@example.com")), ("email_verified", json!(false))], None)]
    #[case::never_said(&[("email", json!("ada@example.com"))], None)]
    #[case::none(&[("email_verified", json!(true))], None)]
    #[case::two(&[("email", json!("ada@example.com,eve@example.com")), ("email_verified", json!(true))], None)]
    fn only_an_address_that_was_verified_is_written_to(
        #[case] of: &[(&str, Value)],
        #[case] address: Option<&str>,
    ) {
        let found = MailAddress::of(&claims(of));
        assert_eq!(found.as_ref().map(MailAddress::as_str), address);
    }

    #[rstest]
    #[case("de-AT", Some(Language::German))]
    #[case("pt_BR", Some(Language::BrazilianPortuguese))]
    #[case("xx", None)]
    fn somebody_is_told_in_the_language_of_their_account(
        #[case] locale: &str,
        #[case] language: Option<Language>,
    ) {
        assert_eq!(language_of(&claims(&[("locale", json!(locale))])), language);
    }
}
