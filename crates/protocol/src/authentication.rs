//! How a user proved who they are: by which factors and when, and what that is called in tokens (`acr`, `amr`, `auth_time`; OpenID
//! Connect Core §2, RFC 8176).
//!
//! A session keeps the moment of each factor ([`Factors`]); a grant keeps those that count for the request it answers, and the name of
//! what they amount to ([`Authentication`]). Nothing else decides what a token says.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Something by which a user proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Factor {
    /// Their password.
    #[serde(rename = "p")]
    Password,
    /// A code of their authenticator app (RFC 6238).
    #[serde(rename = "o")]
    Otp,
    /// One of their recovery codes, in place of a second factor that is not at hand.
    #[serde(rename = "r")]
    RecoveryCode,
    /// A passkey that said it verified its user (WebAuthn Level 3 §6.1, flag UV): two factors in one.
    #[serde(rename = "k")]
    Passkey,
}

impl Factor {
    /// Every factor, in the order in which they are kept.
    pub const ALL: [Self; 4] = [Self::Password, Self::Otp, Self::RecoveryCode, Self::Passkey];

    /// How it is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Otp => "otp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
        }
    }

    /// What it is called among authentication methods (RFC 8176 §2). No value there fits a recovery code; what a passkey unlocked
    /// itself by is its secret.
    const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            Self::Otp => &["otp"],
            Self::RecoveryCode => &[],
            Self::Passkey => &["pop", "user"],
        }
    }
}

/// How much the factors of a sign-in amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A password.
    Password,
    /// Two factors: a password and a code, or a passkey.
    MultiFactor,
    /// A passkey: what proves it at one site is good for nothing at another.
    PhishingResistant,
}

/// An authentication context: a [`Level`] by a name that clients may ask for (OpenID Connect Core §2, `acr`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acr {
    /// A password.
    #[serde(rename = "urn:safeconduct:acr:password")]
    Password,
    /// Two factors.
    #[serde(rename = "mfa")]
    MultiFactor,
    /// Two factors, by the name that research and education use (REFEDS MFA profile).
    #[serde(rename = "https://refeds.org/profile/mfa")]
    RefedsMfa,
    /// Phishing-resistant (OpenID Connect Extended Authentication Profile). `phrh`, protected by hardware, is never claimed: no
    /// attestation is asked for that could prove it.
    #[serde(rename = "phr")]
    PhishingResistant,
}

impl Acr {
    /// Every authentication context, as advertised.
    pub const ALL: [Self; 4] = [
        Self::Password,
        Self::MultiFactor,
        Self::RefedsMfa,
        Self::PhishingResistant,
    ];

    /// The name as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "urn:safeconduct:acr:password",
            Self::MultiFactor => "mfa",
            Self::RefedsMfa => "https://refeds.org/profile/mfa",
            Self::PhishingResistant => "phr",
        }
    }

    /// The context of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == name)
    }

    /// What it takes.
    pub const fn level(self) -> Level {
        match self {
            Self::Password => Level::Password,
            Self::MultiFactor | Self::RefedsMfa => Level::MultiFactor,
            Self::PhishingResistant => Level::PhishingResistant,
        }
    }

    /// Our own name of `level`.
    pub const fn of(level: Level) -> Self {
        match level {
            Level::Password => Self::Password,
            Level::MultiFactor => Self::MultiFactor,
            Level::PhishingResistant => Self::PhishingResistant,
        }
    }
}

/// By which factors a user proved who they are, and when they last did by each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Factors([Option<Timestamp>; Factor::ALL.len()]);

impl Factors {
    /// One factor, proved at `at`.
    pub fn of(factor: Factor, at: Timestamp) -> Self {
        Self::default().and(factor, at)
    }

    /// These, and `factor` proved at `at`.
    #[must_use]
    pub fn and(mut self, factor: Factor, at: Timestamp) -> Self {
        self.0[factor as usize] = Some(at);
        self
    }

    /// When `factor` was last proved.
    pub fn when(&self, factor: Factor) -> Option<Timestamp> {
        self.0[factor as usize]
    }

    /// Those that were proved at `earliest` or later.
    #[must_use]
    pub fn since(self, earliest: Timestamp) -> Self {
        Self(self.0.map(|at| at.filter(|at| *at >= earliest)))
    }

    /// Each that was proved, and when.
    pub fn iter(&self) -> impl Iterator<Item = (Factor, Timestamp)> {
        let proved = Factor::ALL.into_iter().zip(self.0);
        proved.filter_map(|(factor, at)| Some((factor, at?)))
    }

    /// When the user last proved who they are by a factor that one can sign in with: a code beside a password says nothing alone.
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.when(Factor::Password).max(self.when(Factor::Passkey))
    }

    /// The moment since which the user has been proved to `level`; `None` if they are not. Two factors are as old as the older one.
    pub fn at_level(&self, level: Level) -> Option<Timestamp> {
        let passkey = self.when(Factor::Passkey);
        let second = self.when(Factor::Otp).max(self.when(Factor::RecoveryCode));
        let both =
            (self.when(Factor::Password).zip(second)).map(|(first, second)| first.min(second));
        match level {
            Level::Password => self.signed_in_at(),
            Level::MultiFactor => both.max(passkey),
            Level::PhishingResistant => passkey,
        }
    }

    /// The highest level that they amount to; `None` where nobody signed in.
    pub fn level(&self) -> Option<Level> {
        let levels = [
            Level::PhishingResistant,
            Level::MultiFactor,
            Level::Password,
        ];
        levels
            .into_iter()
            .find(|level| self.at_level(*level).is_some())
    }

    /// The methods in use (RFC 8176 §2): those of each factor, and `mfa` where they are two or more.
    pub fn methods(&self) -> Vec<&'static str> {
        let mut methods: Vec<_> = self
            .iter()
            .flat_map(|(factor, _)| factor.methods().iter().copied())
            .collect();
        if self.at_level(Level::MultiFactor).is_some() {
            methods.push("mfa");
        }
        methods
    }

    /// Reads what [`Display`](std::fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut factors = Self::default();
        for one in text.split_ascii_whitespace() {
            let (name, at) = one.split_once('@')?;
            let factor = Factor::ALL
                .into_iter()
                .find(|factor| factor.as_str() == name)?;
            factors = factors.and(factor, Timestamp::from_seconds(at.parse().ok()?));
        }
        Some(factors)
    }
}

/// `password@1800000000 otp@1800000005`: names and Unix seconds.
impl std::fmt::Display for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, (factor, at)) in self.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{}@{}", factor.as_str(), at.seconds())?;
        }
        Ok(())
    }
}

impl From<Factors> for String {
    fn from(factors: Factors) -> Self {
        factors.to_string()
    }
}

impl TryFrom<String> for Factors {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no factors and their times")
    }
}

/// How the user of a grant proved who they are: what all of its tokens say, through every refresh (OpenID Connect Core §12.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// The factors that count for the request it answers.
    pub factors: Factors,
    /// The name of what they amount to: one that the client asked for, or our own.
    pub acr: Acr,
}

impl Authentication {
    /// What `factors` amount to for a client that prefers the contexts `preferred`, the most preferred one first (OpenID Connect
    /// Core §3.1.2.1, `acr_values`). `None` where nobody signed in.
    pub fn of(factors: Factors, preferred: &[Acr]) -> Option<Self> {
        let level = factors.level()?;
        let met = preferred.iter().copied().find(|acr| acr.level() <= level);
        Some(Self {
            factors,
            acr: met.unwrap_or(Acr::of(level)),
        })
    }

    /// When the user proved all that `acr` takes.
    pub fn auth_time(&self) -> Timestamp {
        let since = self.factors.at_level(self.acr.level());
        since.unwrap_or(Timestamp::from_seconds(0))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn factors(text: &str) -> Factors {
        let factors = Factors::parse(text).unwrap();
        assert_eq!(factors.to_string(), text);
        factors
    }

    #[rstest]
    #[case::nothing("", None, "")]
    #[case::password("password@5", Some(Level::Password), "pwd")]
    #[case::with_a_code("password@5 otp@9", Some(Level::MultiFactor), "pwd otp mfa")]
    #[case::with_a_recovery_code("password@5 recovery_code@9", Some(Level::MultiFactor), "pwd mfa")]
    #[case::passkey("passkey@5", Some(Level::PhishingResistant), "pop user mfa")]
    #[case::password_and_passkey(
        "password@5 passkey@9",
        Some(Level::PhishingResistant),
        "pwd pop user mfa"
    )]
    #[case::a_code_alone("otp@9", None, "otp")]
    #[case::a_recovery_code_alone("recovery_code@9", None, "")]
    fn factors_amount_to_a_level(
        #[case] text: &str,
        #[case] level: Option<Level>,
        #[case] methods: &str,
    ) {
        assert_eq!(factors(text).level(), level);
        assert_eq!(factors(text).methods().join(" "), methods);
    }

    #[rstest]
    #[case::password("password@5", Level::Password, Some(5))]
    #[case::not_that_high("password@5", Level::MultiFactor, None)]
    #[case::as_old_as_the_older("password@5 otp@9", Level::MultiFactor, Some(5))]
    #[case::whichever_it_is("password@9 otp@5", Level::MultiFactor, Some(5))]
    #[case::the_later_second_factor(
        "password@9 otp@5 recovery_code@8",
        Level::MultiFactor,
        Some(8)
    )]
    #[case::the_way_that_is_newer("password@9 otp@8 passkey@5", Level::MultiFactor, Some(8))]
    #[case::a_passkey_signs_in("password@5 passkey@9", Level::Password, Some(9))]
    #[case::a_passkey_is_two("password@5 passkey@9", Level::MultiFactor, Some(9))]
    #[case::only_a_passkey("password@9 otp@9 passkey@5", Level::PhishingResistant, Some(5))]
    fn a_level_is_as_old_as_its_oldest_factor(
        #[case] text: &str,
        #[case] level: Level,
        #[case] since: Option<i64>,
    ) {
        let since = since.map(Timestamp::from_seconds);
        assert_eq!(factors(text).at_level(level), since);
    }

    #[rstest]
    #[case::our_own_name("password@5 otp@9", &[], Acr::MultiFactor, 5)]
    #[case::the_preferred_name("password@5 otp@9", &[Acr::RefedsMfa, Acr::MultiFactor], Acr::RefedsMfa, 5)]
    #[case::the_first_that_is_met("password@5 otp@9", &[Acr::PhishingResistant, Acr::MultiFactor], Acr::MultiFactor, 5)]
    #[case::less_than_was_proved("password@8 passkey@5", &[Acr::Password], Acr::Password, 8)]
    #[case::none_is_met("password@5", &[Acr::PhishingResistant], Acr::Password, 5)]
    fn a_context_is_named_as_the_client_prefers(
        #[case] text: &str,
        #[case] preferred: &[Acr],
        #[case] acr: Acr,
        #[case] auth_time: i64,
    ) {
        let authentication = Authentication::of(factors(text), preferred).unwrap();
        assert_eq!(
            (authentication.acr, authentication.auth_time().seconds()),
            (acr, auth_time)
        );
    }

    #[test]
    fn what_nobody_signed_in_with_is_no_authentication() {
        assert_eq!(Authentication::of(factors("otp@9"), &[]), None);
        assert!(Authentication::of(factors("password@9"), &[]).is_some());
    }

    #[test]
    fn factors_are_dropped_by_age() {
        let since = |earliest| factors("password@5 otp@9").since(Timestamp::from_seconds(earliest));
        assert_eq!(since(5).to_string(), "password@5 otp@9");
        assert_eq!(since(6).to_string(), "otp@9");
        assert_eq!(since(10), Factors::default());
    }

    #[rstest]
    #[case("pwd@5")]
    #[case("password")]
    #[case("password@")]
    #[case("password@x")]
    #[case("password=5")]
    fn what_is_not_in_that_form_is_not_read(#[case] text: &str) {
        assert_eq!(Factors::parse(text), None);
    }

    #[test]
    fn contexts_are_known_by_their_names() {
        for acr in Acr::ALL {
            assert_eq!(Acr::parse(acr.as_str()), Some(acr));
            let json = serde_json::to_value(acr).unwrap();
            assert_eq!(json, acr.as_str());
        }
        assert_eq!(Acr::parse("phrh"), None);
    }
}
