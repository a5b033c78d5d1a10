//! What a user may add to their account on the way to a client: because more is demanded than it has, or as an offer after signing in with a
//! password alone, each once, until they say *Not now*.

use std::collections::BTreeSet;

use super::{PendingAuthorization, SignedInUser};
use crate::authentication::{Factor, Level};

/// Something that a user may add to their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offer {
    /// An authenticator app, beside the password.
    Otp,
    /// A passkey, in place of it.
    Passkey,
}

impl Offer {
    /// Every offer.
    pub const ALL: [Self; 2] = [Self::Otp, Self::Passkey];

    /// What an account that has it can prove.
    pub const fn level(self) -> Level {
        match self {
            Self::Otp => Level::MultiFactor,
            Self::Passkey => Level::PhishingResistant,
        }
    }

    /// Its name, by which it is kept and posted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::Passkey => "passkey",
        }
    }

    /// The offer of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|offer| offer.as_str() == name)
    }
}

/// Offers, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers(BTreeSet<Offer>);

impl Offers {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `offer` is among them.
    pub fn contains(&self, offer: Offer) -> bool {
        self.0.contains(&offer)
    }

    /// These and `others`.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self(self.0.union(&others.0).copied().collect())
    }

    /// Those that prove `level`.
    #[must_use]
    pub fn proving(&self, level: Level) -> Self {
        self.iter().filter(|offer| offer.level() >= level).collect()
    }

    /// Each, in order.
    pub fn iter(&self) -> impl Iterator<Item = Offer> {
        self.0.iter().copied()
    }

    /// Reads what [`Display`](std::fmt::Display) writes. A name that there is no offer of any more is passed over.
    pub fn parse(text: &str) -> Self {
        text.split_ascii_whitespace()
            .filter_map(Offer::parse)
            .collect()
    }
}

impl FromIterator<Offer> for Offers {
    fn from_iter<I: IntoIterator<Item = Offer>>(offers: I) -> Self {
        Self(offers.into_iter().collect())
    }
}

/// `otp passkey`: names.
impl std::fmt::Display for Offers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.iter().map(Offer::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl PendingAuthorization {
    /// Which of the offers that are `available` here are made to `user` now: those that they have not `declined`, once they have
    /// proved who they are for this very request by a password, and by no passkey. Who is signed in already is not held up.
    pub fn offers(&self, user: &SignedInUser, declined: &Offers, available: &Offers) -> Offers {
        let by_password = self.proved_in(&user.session).is_some_and(|proved| {
            proved.factors.contains(&Factor::Password) && !proved.factors.contains(&Factor::Passkey)
        });
        if !by_password {
            return Offers::default();
        }
        let has = |offer| match offer {
            Offer::Otp => user.enrolled.reach() > Level::Password,
            Offer::Passkey => user.enrolled.passkey,
        };
        let open = available.iter();
        open.filter(|offer| !declined.contains(*offer) && !has(*offer))
            .collect()
    }
}
