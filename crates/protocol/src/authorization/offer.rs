//! What a user may add to their account on the way to a client: because more is demanded than it has, or as an offer after signing in with a
//! password alone, each once, until they say *Not now*.

use std::collections::BTreeSet;

use crate::authentication::Level;

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
