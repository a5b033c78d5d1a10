//! One-time links that an administrator makes, and hands to the user by a way of their own.

use safeconduct_protocol::{
    claims::PersonClaims,
    ids::UserId,
    link::{Link, LinkPurpose},
    mail::{Mail, MailAddress, MailPurpose, NotAnAddress},
    sealed::Sealed as _,
    secret::Secret,
    time::Timestamp,
};

use super::{Administration, Refused};
use crate::{addresses::of_link, fault::Fault};

/// A link by which whoever reads mail at an address creates an account, made.
pub struct MadeInvitation {
    /// The address.
    pub address: MailAddress,
    /// Whose account it will be.
    pub user: UserId,
    /// The whole address of the page.
    pub url: Secret,
    /// From when on it is no longer good.
    pub expires_at: Timestamp,
}

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
    /// A link by which a user sets the first password of an account, or makes a passkey. One that does not exist is added, without a password and with
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

    /// Ends every one-time link that is out for a user, or for the id of somebody who was invited to sign up. Gives the name, where there is one.
    ///
    /// # Errors
    /// There is no such user, and nobody was invited by that id who has not signed up; or the database's.
    pub async fn end_links(&self, user: &str) -> Result<Option<String>, Refused> {
        let unknown = || Refused::NoUser(user.to_owned());
        let (id, name) = match self.user(user).await {
            Ok(found) => (found.id, Some(found.username)),
            Err(Refused::NoUser(_)) => (UserId::parse(user).ok_or_else(unknown)?, None),
            Err(other) => return Err(other),
        };
        match self.store.end_links(&id, self.now).await? {
            true => Ok(name),
            false => Err(unknown()),
        }
    }

    /// A link by which whoever reads mail at this address, which is nobody's yet, creates an account: name and password are theirs to choose.
    ///
    /// # Errors
    /// It is no address, or an account's; or the database's.
    pub async fn invite_to_sign_up(&self, address: &str) -> Result<MadeInvitation, Refused> {
        let address = self.free_address(address).await?;
        let (user, era, now) = (UserId::generate(), self.cluster.era, self.now);
        let purpose = LinkPurpose::SignUpInvite;
        let link = Link::to_sign_up(purpose, user.clone(), address.clone(), era, now);
        let url = self.sealed(&link)?;
        self.store.sign_up_link_made(&user, now).await?;
        Ok(MadeInvitation {
            address,
            user,
            url,
            expires_at: link.expires_at(),
        })
    }

    /// Has such a link sent to this address, made when it is sent. Gives the address, and whose account it will be.
    ///
    /// # Errors
    /// It is no address, or an account's; three such mails went there within an hour; or the database's.
    pub async fn mail_invitation_to_sign_up(
        &self,
        address: &str,
    ) -> Result<(MailAddress, UserId), Refused> {
        let address = self.free_address(address).await?;
        let mail = Mail {
            purpose: MailPurpose::SignUpInvite,
            to: address,
            user: UserId::generate(),
            language: self.notices.fallback(),
        };
        self.store.sign_up_link_made(&mail.user, self.now).await?;
        self.queue(&mail, mail.to.as_str()).await?;
        Ok((mail.to, mail.user))
    }

    /// An address that an account can be created with.
    async fn free_address(&self, address: &str) -> Result<MailAddress, Refused> {
        let parsed = MailAddress::parse(address).ok().filter(|parsed| {
            let claim = PersonClaims::default().set("email", parsed.as_str().into());
            claim.is_ok()
        });
        let unfit = || Refused::Unfit(format!("{address} is {NotAnAddress}"));
        let parsed = parsed.ok_or_else(unfit)?;
        match self.store.user_by_address(&parsed.key()).await? {
            Some(owner) => Err(Refused::AddressTaken {
                address: parsed,
                username: owner.username,
            }),
            None => Ok(parsed),
        }
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
        self.may_touch(user).await?;
        let user = self.user(user.as_str()).await?;
        let name = &user.username;
        let mail = match purpose {
            LinkPurpose::Invite => self.notices.invitation(&user),
            _ => self
                .notices
                .to(&user.id, &user.claims, MailPurpose::Recover),
        };
        let Some(mail) = mail else {
            let lacks = match purpose {
                LinkPurpose::Invite => "no address that a mail could go to",
                _ => "no address that is known to be theirs",
            };
            return Err(Refused::Unfit(format!("{name} has {lacks}")));
        };
        self.queue(&mail, name).await?;
        Ok(mail.to)
    }

    async fn queue(&self, mail: &Mail, name: &str) -> Result<(), Refused> {
        if self.store.queue_asked_mail(Some(mail), self.now).await? {
            return Ok(());
        }
        Err(Refused::Unfit(format!(
            "three mails went to {name} within an hour, and no more do"
        )))
    }

    /// The whole address of a link.
    fn sealed(&self, link: &Link) -> Result<Secret, Fault> {
        let text = link.seal(self.keys.seal());
        let text = text.map_err(|error| Fault::new(format!("sealing a link: {error}")))?;
        Ok(Secret::new(format!("{}{}", self.issuer, of_link(&text))))
    }

    async fn newcomer(&self, username: &str, claims: PersonClaims) -> Result<UserId, Refused> {
        self.check_free(username).await?;
        let id = UserId::generate();
        self.insert(&id, username, claims, None).await?;
        Ok(id)
    }

    async fn link(
        &self,
        id: &UserId,
        purpose: LinkPurpose,
        added: bool,
    ) -> Result<MadeLink, Refused> {
        self.may_touch(id).await?;
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
        let url = self.sealed(&link)?;
        // Said before the link is handed out: one that nobody knows of would be worse than one that nobody has.
        self.store.link_made(id, purpose, self.now).await?;
        Ok(MadeLink {
            username: user.username,
            user: id.clone(),
            added,
            purpose,
            url,
            expires_at: link.expires_at(),
        })
    }
}
