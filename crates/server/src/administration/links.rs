//! One-time links that an administrator makes, and hands to the person by a way of their own.

use safeconduct_protocol::{
    claims::PersonClaims,
    ids::UserId,
    link::{Link, LinkPurpose},
    mail::{MailAddress, MailPurpose},
    sealed::Sealed as _,
    secret::Secret,
    time::Timestamp,
};
use safeconduct_store::{NewUser, StoreError};

use super::{Administration, Refused};
use crate::{addresses::of_link, fault::Fault};

/// A one-time link, made.
pub struct MadeLink {
    /// The name its user signs in with.
    pub username: String,
    /// Whose it is.
    pub user: UserId,
    /// Whether the user was added for it.
    pub added: bool,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// The whole address.
    pub url: Secret,
    /// From when on it is no longer good.
    pub expires_at: Timestamp,
}

impl Administration<'_> {
    /// A link by which a person sets the first password of an account, or makes a passkey. One that does not exist is added, without a password and with
    /// `claims`.
    ///
    /// # Errors
    /// The name can't be used; the user has a password, is locked, or exists where `claims` are given; or the database's.
    pub async fn invite(
        &self,
        username: &str,
        claims: Option<PersonClaims>,
    ) -> Result<MadeLink, Refused> {
        let user = match self.user(username).await {
            Ok(found) if claims.is_some() => return Err(Refused::UserTaken(found.username)),
            Ok(found) => found.id,
            Err(Refused::NoUser(_)) => {
                let user = self.newcomer(username, claims.unwrap_or_default()).await?;
                return self.link(&user, LinkPurpose::Invite, true).await;
            }
            Err(other) => return Err(other),
        };
        self.link(&user, LinkPurpose::Invite, false).await
    }

    /// A link by which the user of an account sets another password, or makes another passkey.
    ///
    /// # Errors
    /// There is no such user, they are locked, or the database's.
    pub async fn recover(&self, user: &str) -> Result<MadeLink, Refused> {
        let user = self.user(user).await?.id;
        self.link(&user, LinkPurpose::Recover, false).await
    }

    /// Has a link of this user sent by mail, made when it is sent: an invitation to the address that is known of them, any other to the one
    /// that was verified. Gives the address.
    ///
    /// # Errors
    /// There is no such user, no mail server, no address, or three such mails went there within an hour; or the database's.
    pub async fn mail_link(
        &self,
        user: &UserId,
        purpose: LinkPurpose,
    ) -> Result<MailAddress, Refused> {
        let user = self.user(user.as_str()).await?;
        let name = &user.username;
        let mail = match purpose {
            LinkPurpose::Invite => self.notices.invitation(&user),
            _ => self.notices.to(&user, MailPurpose::Recover),
        };
        let Some(mail) = mail else {
            let lacks = match purpose {
                LinkPurpose::Invite => "no address that a mail could go to",
                _ => "no address that is known to be theirs",
            };
            return Err(Refused::Unfit(format!("{name} has {lacks}")));
        };
        if self.store.queue_asked_mail(Some(&mail), self.now).await? {
            return Ok(mail.to);
        }
        Err(Refused::Unfit(format!(
            "three mails went to {name} within an hour, and no more do"
        )))
    }

    async fn newcomer(&self, username: &str, claims: PersonClaims) -> Result<UserId, Refused> {
        self.check_free(username).await?;
        let id = UserId::generate();
        let user = NewUser {
            id: id.clone(),
            username: username.to_owned(),
            name: None,
            claims,
            sealed_password: None,
        };
        match self.store.add_user(user, self.now).await {
            Ok(()) => Ok(id),
            Err(StoreError::Conflict(_)) => Err(Refused::UserTaken(username.to_owned())),
            Err(other) => Err(other.into()),
        }
    }

    async fn link(
        &self,
        id: &UserId,
        purpose: LinkPurpose,
        added: bool,
    ) -> Result<MadeLink, Refused> {
        let found = self.store.linked_user(id).await?;
        let user = found.ok_or_else(|| Refused::NoUser(id.to_string()))?;
        if user.locked {
            return Err(Refused::Locked(user.username));
        }
        if user.has_password && purpose == LinkPurpose::Invite {
            return Err(Refused::HasPassword(user.username));
        }
        let era = self.cluster.era;
        let link = Link::make(purpose, id.clone(), user.link_version, era, self.now);
        let text = link.seal(self.keys.seal());
        let text = text.map_err(|error| Fault::new(format!("sealing a link: {error}")))?;
        // Said before the link is handed out: one that nobody knows of would be worse than one that nobody has.
        self.store.link_made(id, purpose, self.now).await?;
        Ok(MadeLink {
            username: user.username,
            user: id.clone(),
            added,
            purpose,
            url: Secret::new(format!("{}{}", self.issuer, of_link(&text))),
            expires_at: link.expires_at(),
        })
    }
}
