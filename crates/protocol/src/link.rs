//! One-time links: what a user is handed so that they can set a password of their own, or confirm a mail address. Nothing is stored for one. It is sealed over
//! its user's *link version*, which every use raises, and so does a new password: of all links that are out, one use ends each. One to sign up
//! names the user who will be: its use is that there is one.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    error::{Reason, Refusal},
    grant::Lifetimes,
    ids::UserId,
    mail::{MailAddress, MailPurpose},
    seal::Kind,
    sealed::{Sealed, until},
    time::Timestamp,
};

/// What a link lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// Set the first password of an account, or make a passkey.
    Invite,
    /// Set another password, or make a passkey where that takes no second factor away.
    Recover,
    /// Confirm that a mail address is the user's, who signs in for it.
    ChangeAddress,
    /// Create an account: somebody asked for it with this address.
    SignUp,
    /// The same: an operator invited whoever reads mail at this address.
    SignUpInvite,
}

impl LinkPurpose {
    /// Its name, as events and the command line say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Recover => "recover",
            Self::ChangeAddress => "change-address",
            Self::SignUp => "sign-up",
            Self::SignUpInvite => "sign-up-invite",
        }
    }

    /// What the link of a mail lets its reader do, if it brings one.
    pub const fn of_mail(purpose: MailPurpose) -> Option<Self> {
        match purpose {
            MailPurpose::Invite => Some(Self::Invite),
            MailPurpose::Recover => Some(Self::Recover),
            MailPurpose::Verify => Some(Self::ChangeAddress),
            MailPurpose::SignUp => Some(Self::SignUp),
            MailPurpose::SignUpInvite => Some(Self::SignUpInvite),
            _ => None,
        }
    }

    /// Whether it creates an account.
    pub const fn is_to_sign_up(self) -> bool {
        matches!(self, Self::SignUp | Self::SignUpInvite)
    }

    /// How long such a link is good, in seconds.
    pub const fn lifetime(self) -> i64 {
        match self {
            Self::Invite | Self::SignUpInvite => 72 * 3600,
            Self::SignUp => 24 * 3600,
            Self::Recover => 30 * 60,
            Self::ChangeAddress => 3600,
        }
    }
}

/// A one-time link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    era: i64,
    /// When it was made.
    #[serde(rename = "f")]
    made_at: Timestamp,
    /// What it is for.
    #[serde(rename = "p")]
    purpose: LinkPurpose,
    /// Whose account it is about.
    #[serde(rename = "u")]
    user: UserId,
    /// The user's link version when it was made.
    #[serde(rename = "v")]
    version: i64,
    /// The address that it confirms.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    address: Option<MailAddress>,
}

impl Link {
    /// A link of the user whose link version is `version`.
    pub fn make(
        purpose: LinkPurpose,
        user: UserId,
        version: i64,
        era: i64,
        now: Timestamp,
    ) -> Self {
        Self {
            era,
            made_at: now,
            purpose,
            user,
            version,
            address: None,
        }
    }

    /// A link by which whoever reads mail at `address` creates the account of `user`, which does not exist yet: it has no version.
    pub fn to_sign_up(
        purpose: LinkPurpose,
        user: UserId,
        address: MailAddress,
        era: i64,
        now: Timestamp,
    ) -> Self {
        Self::make(purpose, user, 0, era, now).about(address)
    }

    /// The same about an address, to which it is sent.
    #[must_use]
    pub fn about(self, address: MailAddress) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }

    /// The address that it confirms, if it confirms one. One to sign up always does.
    pub fn address(&self) -> Option<&MailAddress> {
        self.address.as_ref()
    }

    /// What it is for.
    pub fn purpose(&self) -> LinkPurpose {
        self.purpose
    }

    /// Whose account it is about, or will be.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The link version that it can be used at, and no other.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// From when on it is no longer good.
    pub fn expires_at(&self) -> Timestamp {
        self.made_at.plus(self.purpose.lifetime())
    }

    /// Refuses one whose user has another link version by now. It is for users who open a link: what decides is the write that uses it.
    ///
    /// # Errors
    /// `link-used`.
    pub fn is_unused(&self, version: i64) -> Result<(), Refusal> {
        if self.version == version {
            return Ok(());
        }
        Err(Reason::LinkUsed.into())
    }
}

impl Sealed for Link {
    const KIND: Kind = Kind::Link;
    const NOT_RECOGNISED: Reason = Reason::LinkNotRecognised;
    const OVER: Reason = Reason::LinkExpired;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, _: &Lifetimes) -> Range<Timestamp> {
        until(self.expires_at())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::seal::{KeyState, Seal, SealKey};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// Attacks: PE59.
    #[rstest]
    #[case(LinkPurpose::Invite, 259_200)]
    #[case(LinkPurpose::Recover, 1_800)]
    #[case(LinkPurpose::ChangeAddress, 3_600)]
    #[case(LinkPurpose::SignUp, 86_400)]
    #[case(LinkPurpose::SignUpInvite, 259_200)]
    fn a_link_is_good_for_its_purpose_its_time_and_one_version(
        #[case] purpose: LinkPurpose,
        #[case] seconds: i64,
    ) {
        let seal = Seal::new("https://id.example").with_key(
            Kind::Link,
            SealKey::from_bytes(1, [7; 32]),
            KeyState::Active,
        );
        let made = Link::make(purpose, UserId::generate(), 4, 3, NOW);
        let text = made.seal(&seal).unwrap();
        let opened = Link::recognise(&seal, &text, 3).unwrap();
        assert!(opened == made && opened.purpose() == purpose);
        assert_eq!(
            Link::recognise(&seal, &text, 2).unwrap_err().reason(),
            Reason::LinkNotRecognised
        );
        let lifetimes = Lifetimes::default();
        let at = |seconds| opened.is_current(&lifetimes, NOW.plus(seconds));
        assert!(at(seconds - 1).is_ok());
        assert_eq!(at(seconds).unwrap_err().reason(), Reason::LinkExpired);
        assert!(opened.is_unused(4).is_ok());
        for version in [3, 5] {
            let refused = opened.is_unused(version).unwrap_err();
            assert_eq!(refused.reason(), Reason::LinkUsed);
        }
    }

    /// A link stands in mails and chats, where long ones are broken into lines.
    #[test]
    fn a_link_is_short() {
        let seal = Seal::new("https://id.example").with_key(
            Kind::Link,
            SealKey::from_bytes(1, [7; 32]),
            KeyState::Active,
        );
        let link = Link::make(
            LinkPurpose::Recover,
            UserId::generate(),
            999,
            1_800_000_000_000_000,
            NOW,
        );
        let length = link.seal(&seal).unwrap().len();
        assert!(length < 220, "{length}");
    }
}
