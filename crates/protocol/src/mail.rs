//! Mails: what each is about, to which address it goes, and for how long it is worth sending.
//!
//! A mail is a purpose, an address, a user and a language. What it says is made of these when it is sent (the server's pages have the
//! words), and so is the link in it: nothing that could be stolen waits in the outbox.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use url::Host;

use crate::{claims::PersonClaims, ids::UserId, language::Language};

/// How many mails of one [`Topic`] go to an address in any hour.
pub const MOST_IN_AN_HOUR: i64 = 3;

/// The longest address, and its part before the `@`, in bytes (RFC 5321 §4.5.3.1).
const LONGEST_ADDRESS: usize = 254;
const LONGEST_LOCAL: usize = 64;

/// For how long most mails are tried, in seconds: a day, as everything in the outbox.
const DAY: i64 = 24 * 3600;
/// For how long a way back into an account is: as long as its link would live.
const HALF_AN_HOUR: i64 = 30 * 60;

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailPurpose {
    /// A link to set up a new account.
    Invite,
    /// A link that proves who reads this address.
    Verify,
    /// A link to choose a new password.
    Recover,
    /// A link to create an account, which somebody asked for with this address.
    SignUp,
    /// The same, by which an operator invites whoever reads this address.
    SignUpInvite,
    /// Somebody asked for an account with an address that one has already.
    AccountExists,
    /// The account has another address; to the old one.
    AddressChanged,
    /// The account has another password.
    PasswordChanged,
    /// An authenticator app was added.
    OtpAdded,
    /// The authenticator app was removed.
    OtpRemoved,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey was removed.
    PasskeyRemoved,
    /// The recovery codes were replaced by new ones.
    RecoveryCodesMade,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// Codes were guessed until no more are judged.
    SecondFactorGuessed,
    /// A sign-in with a browser that the account had not been used in lately.
    NewDevice,
}

/// Mails that are counted together, for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What a stranger can have sent, who needs nothing but the address.
    Requested,
    /// What happened to an account, each kind by itself: no stranger can use up what its owner must be told with.
    Happened(MailPurpose),
}

impl MailPurpose {
    /// Every purpose.
    pub const ALL: [Self; 16] = [
        Self::Invite,
        Self::Verify,
        Self::Recover,
        Self::SignUp,
        Self::SignUpInvite,
        Self::AccountExists,
        Self::AddressChanged,
        Self::PasswordChanged,
        Self::OtpAdded,
        Self::OtpRemoved,
        Self::PasskeyAdded,
        Self::PasskeyRemoved,
        Self::RecoveryCodesMade,
        Self::RecoveryCodeUsed,
        Self::SecondFactorGuessed,
        Self::NewDevice,
    ];

    /// Its name: in the outbox, in events and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Verify => "verify",
            Self::Recover => "recover",
            Self::SignUp => "sign-up",
            Self::SignUpInvite => "sign-up-invite",
            Self::AccountExists => "account-exists",
            Self::AddressChanged => "address-changed",
            Self::PasswordChanged => "password-changed",
            Self::OtpAdded => "otp-added",
            Self::OtpRemoved => "otp-removed",
            Self::PasskeyAdded => "passkey-added",
            Self::PasskeyRemoved => "passkey-removed",
            Self::RecoveryCodesMade => "recovery-codes-made",
            Self::RecoveryCodeUsed => "recovery-code-used",
            Self::SecondFactorGuessed => "second-factor-guessed",
            Self::NewDevice => "new-device",
        }
    }

    /// The purpose of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == name)
    }

    /// What it is counted with.
    pub const fn topic(self) -> Topic {
        match self {
            Self::Invite
            | Self::Verify
            | Self::Recover
            | Self::SignUp
            | Self::SignUpInvite
            | Self::AccountExists => Topic::Requested,
            happened => Topic::Happened(happened),
        }
    }

    /// Whether the address may be anybody's: then nothing that the requester chose is in the mail, or it would carry what they want
    /// to say to strangers.
    pub const fn is_to_anybody(self) -> bool {
        matches!(
            self,
            Self::Invite | Self::Verify | Self::SignUp | Self::SignUpInvite
        )
    }

    /// For how many seconds it is tried. A user who asked for a link has long asked again, or given up.
    pub const fn patience(self) -> i64 {
        match self {
            Self::Recover | Self::SignUp | Self::AccountExists => HALF_AN_HOUR,
            _ => DAY,
        }
    }
}

impl Topic {
    /// Its name among the budgets of an address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Happened(purpose) => purpose.as_str(),
        }
    }
}

impl fmt::Display for MailPurpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An address that a mail can be sent to: one, and nothing that could become more (RFC 5321 §4.1.2, without its quoted forms).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// Why a text is no address that mails can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address that mails can be sent to, such as ada@example.com")]
pub struct NotAnAddress;

impl MailAddress {
    /// Reads an address. Its domain is kept in lower case, and in its ASCII form; what comes before it in its normal form (RFC 6532 §3.1), so
    /// that what looks like a letter of ASCII because it is one (U+212A, the Kelvin sign) is that letter, wherever mail goes.
    ///
    /// # Errors
    /// [`NotAnAddress`].
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(NotAnAddress)?;
        let local: String = local.nfc().collect();
        let is_local = local.len() <= LONGEST_LOCAL && local.split('.').all(is_atom);
        // A host reads more than a domain: percent-encoding, an address of IPv4.
        let looks_right = !domain.contains(['%', '[', ' ']) && domain.contains('.');
        let host = Host::parse(domain).map_err(|_| NotAnAddress)?;
        let Host::Domain(domain) = host else {
            return Err(NotAnAddress);
        };
        let is_domain = domain.split('.').all(is_label);
        if !is_local || !looks_right || !is_domain || text.len() > LONGEST_ADDRESS {
            return Err(NotAnAddress);
        }
        let address = format!("{local}@{domain}");
        (address.len() <= LONGEST_ADDRESS)
            .then_some(Self(address))
            .ok_or(NotAnAddress)
    }

    /// The address that a user is known to read: their `email`, where `email_verified` says so.
    pub fn of(claims: &PersonClaims) -> Option<Self> {
        let is_verified = claims.claim("email_verified")?.as_bool()?;
        let address = Self::parse(claims.claim("email")?.as_str()?).ok()?;
        is_verified.then_some(address)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What comes before the `@`, and what behind it.
    pub fn parts(&self) -> (&str, &str) {
        self.0
            .rsplit_once('@')
            .expect("an address has a local part and a domain")
    }

    /// What makes two addresses the same: hardly anybody tells mailboxes apart by case. A letter is only the lower form of one that it is
    /// the lower form of in both directions, so that no two mailboxes are one by a letter that stands for another.
    pub fn key(&self) -> String {
        self.0.chars().map(lower).collect()
    }

    /// The key of the mailbox that mail to it ends in, as far as the address tells: behind a `+` stands a note of its owner's, which anybody
    /// can make up (RFC 5233 §1).
    pub fn mailbox(&self) -> String {
        let key = self.key();
        match key
            .split_once('@')
            .map(|(local, domain)| (local.split_once('+'), domain))
        {
            Some((Some((mailbox, _)), domain)) if !mailbox.is_empty() => {
                format!("{mailbox}@{domain}")
            }
            _ => key,
        }
    }
}

/// The lower form of a letter, if that has this letter as its upper form and no other.
fn lower(letter: char) -> char {
    let mut forms = letter.to_lowercase();
    match (forms.next(), forms.next()) {
        (Some(lower), None) if lower.to_uppercase().eq([letter]) => lower,
        _ => letter,
    }
}

/// One word of a local part: letters and digits of any script, and the signs of an atom (RFC 5322 §3.2.3). Nothing that ends a line,
/// separates addresses, encloses one, hides or turns the text around it.
fn is_atom(word: &str) -> bool {
    let fits =
        |c: char| c.is_alphanumeric() || (c.is_ascii_graphic() && !"()<>[]:;@\\,.\"".contains(c));
    !word.is_empty() && word.chars().all(fits)
}

fn is_label(label: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && !label.starts_with('-') && label.bytes().all(fits)
}

impl fmt::Display for MailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for MailAddress {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        Self::parse(&text)
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

/// A mail that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// What it is about.
    pub purpose: MailPurpose,
    /// To whom. For what happened to an account, and for a way back into it, an address that its owner is known to read.
    pub to: MailAddress,
    /// Whose account it is about; who signs up is known by this id from then on.
    pub user: UserId,
    /// What it is written in.
    pub language: Language,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ada@example.com", "ada@example.com")]
    #[case("Ada.Lovelace+x@Example.COM", "Ada.Lovelace+x@example.com")]
    #[case("o'brien@example.com", "o'brien@example.com")]
    #[case("ada@bücher.example", "ada@xn--bcher-kva.example")]
    #[case("jürgen@example.com", "jürgen@example.com")]
    #[case("ada@mail.x-y.example", "ada@mail.x-y.example")]
    fn an_address_is_kept_with_its_domain_in_ascii(#[case] text: &str, #[case] kept: &str) {
        assert_eq!(MailAddress::parse(text).unwrap().as_str(), kept);
    }

    /// Attacks: PE61.
    #[rstest]
    #[case::line_end("ada@example.com\r\nBcc: eve@example.com")]
    #[case::line_end_before("ada\r\n@example.com")]
    #[case::line_feed("ada\n@example.com")]
    #[case::two("ada@example.com,eve@example.com")]
    #[case::two_ats("ada@example.com@eve.example")]
    #[case::semicolon("ada@example.com;eve@example.com")]
    #[case::space("ada @example.com")]
    #[case::space_around(" ada@example.com")]
    #[case::named("Ada <ada@example.com>")]
    #[case::enclosed("<ada@example.com>")]
    #[case::parameter("ada@example.com> SIZE=1")]
    #[case::quoted("\"ada\"@example.com")]
    #[case::comment("ada(x)@example.com")]
    #[case::route("@eve.example:ada@example.com")]
    #[case::nul("ada\0@example.com")]
    #[case::encoded_line_end("ada@example.com%0aBcc:eve.example")]
    #[case::turned("ada\u{202e}@example.com")]
    #[case::hidden("ada\u{200b}@example.com")]
    #[case::line_separator("ada\u{2028}@example.com")]
    #[case::no_at("example.com")]
    #[case::no_local("@example.com")]
    #[case::no_domain("ada@")]
    #[case::local_host("ada@localhost")]
    #[case::literal("ada@[127.0.0.1]")]
    #[case::number("ada@127.0.0.1")]
    #[case::dots("ada..x@example.com")]
    #[case::dot_first(".ada@example.com")]
    #[case::empty_label("ada@example..com")]
    #[case::dash("ada@-x.example.com")]
    #[case::final_dot("ada@example.com.")]
    #[case::long_local(&format!("{}@example.com", "a".repeat(65)))]
    #[case::long(&format!("ada@{}com", "example.".repeat(40)))]
    fn what_is_not_one_address_is_none(#[case] text: &str) {
        assert_eq!(MailAddress::parse(text), Err(NotAnAddress));
    }

    #[test]
    fn addresses_that_differ_in_case_are_one() {
        let key = |text| MailAddress::parse(text).unwrap().key();
        assert_eq!(key("Ada@example.com"), key("ada@EXAMPLE.com"));
        assert_eq!(key("JÜRGEN@example.com"), key("jürgen@example.com"));
        assert_eq!(key("ju\u{308}rgen@example.com"), key("jürgen@example.com"));
        assert_ne!(key("ada@example.com"), key("eve@example.com"));
    }

    /// Mail for the Kelvin sign goes to the letter that it is; other letters with one lower form stay two.
    #[test]
    fn letters_that_stand_for_others_make_no_mailbox_another() {
        let parsed = |text| MailAddress::parse(text).unwrap();
        assert_eq!(parsed("\u{212a}im@example.com").as_str(), "Kim@example.com");
        for (one, other) in [
            ("\u{3f4}@example.com", "θ@example.com"),
            ("\u{1e9e}@example.com", "ß@example.com"),
            ("\u{130}@example.com", "i@example.com"),
            ("ı@example.com", "i@example.com"),
        ] {
            assert_ne!(parsed(one).key(), parsed(other).key(), "{one}");
        }
    }

    #[rstest]
    #[case("Ada+1@example.com", "ada@example.com")]
    #[case("ada+a+b@example.com", "ada@example.com")]
    #[case("ada@example.com", "ada@example.com")]
    #[case("+ada@example.com", "+ada@example.com")]
    fn what_stands_behind_a_plus_is_no_other_mailbox(#[case] text: &str, #[case] mailbox: &str) {
        assert_eq!(MailAddress::parse(text).unwrap().mailbox(), mailbox);
    }

    #[test]
    fn a_purpose_is_found_by_its_name_and_stored_under_it() {
        for purpose in MailPurpose::ALL {
            assert_eq!(MailPurpose::parse(purpose.as_str()), Some(purpose));
            let json = serde_json::to_string(&purpose).unwrap();
            assert_eq!(json, format!("\"{purpose}\""));
        }
        assert_eq!(MailPurpose::parse("Invite"), None);
    }

    #[test]
    fn what_strangers_can_ask_for_uses_up_nothing_of_what_an_owner_is_told() {
        for purpose in MailPurpose::ALL {
            let is_asked = purpose.topic() == Topic::Requested;
            let alone = MailPurpose::ALL
                .into_iter()
                .filter(|other| other.topic() == purpose.topic())
                .count()
                == 1;
            assert_ne!(is_asked, alone, "{purpose}");
            assert!(is_asked || !purpose.is_to_anybody(), "{purpose}");
        }
    }
}
