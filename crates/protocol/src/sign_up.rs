//! Signing up: who may create an account by themselves, with which mail address, by which link, and under which name. Clients are registered
//! elsewhere ([`registration`](crate::registration)).

use std::fmt;

use unicode_security::{GeneralSecurityProfile as _, MixedScript as _, skeleton};

use crate::{
    error::{Reason, Refusal},
    ids::UserId,
    link::{Link, LinkPurpose},
    mail::{MailAddress, NotAnAddress},
    precis,
};

/// Names that read like an office of this server or of who runs it: those of mailboxes that every domain has (RFC 2142), those that certificates
/// are asked for by, and what administrators are called. One a line, without the signs that are passed over.
const RESERVED: &str = include_str!("sign_up/reserved.txt");
/// What tells two names apart and is hardly seen.
const SEPARATORS: [char; 4] = [' ', '.', '-', '_'];

/// Who may create an account by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SignUp {
    /// Nobody.
    #[default]
    Off,
    /// Whom an operator invites.
    Invite,
    /// Everybody who reads mail at an address, and whom an operator invites.
    Open,
    /// Everybody whose address is at one of these domains, and whom an operator invites.
    Domains(Vec<MailDomain>),
}

impl SignUp {
    /// Whether users may begin by themselves.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Domains(_))
    }

    /// The domains that an address must be of; none where it may be of any.
    pub fn domains(&self) -> &[MailDomain] {
        match self {
            Self::Domains(domains) => domains,
            Self::Off | Self::Invite | Self::Open => &[],
        }
    }

    /// Whether somebody may begin with this address.
    pub fn takes(&self, address: &MailAddress) -> bool {
        match self {
            Self::Off | Self::Invite => false,
            Self::Open => true,
            Self::Domains(domains) => domains.iter().any(|domain| domain.is_of(address)),
        }
    }

    /// The address that an account may be created with by `link`: what was so when it was made may be otherwise by now.
    ///
    /// # Errors
    /// `registration-closed`; `link-not-recognised` for a link of another kind.
    pub fn allows<'l>(&self, link: &'l Link) -> Result<&'l MailAddress, Refusal> {
        let address = link.address().ok_or(Reason::LinkNotRecognised)?;
        let is_allowed = match link.purpose() {
            LinkPurpose::SignUp => self.takes(address),
            LinkPurpose::SignUpInvite => *self != Self::Off,
            LinkPurpose::Invite | LinkPurpose::Recover | LinkPurpose::ChangeAddress => {
                return Err(Reason::LinkNotRecognised.into());
            }
        };
        if is_allowed {
            return Ok(address);
        }
        Err(Refusal::new(Reason::RegistrationClosed).because(link.purpose().name()))
    }
}

/// What stands behind the `@` of an address, in lower case and in its ASCII form. Not what is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailDomain(String);

impl MailDomain {
    /// Reads a domain.
    ///
    /// # Errors
    /// [`NotAnAddress`] where no address can be of it: one with an `@`, a port or a wildcard, an address of IP.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let address = MailAddress::parse(&format!("a@{text}"))?;
        let (local, domain) = address.parts();
        if local != "a" {
            return Err(NotAnAddress);
        }
        Ok(Self(domain.to_owned()))
    }

    /// The domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_of(&self, address: &MailAddress) -> bool {
        address.parts().1 == self.0
    }
}

impl fmt::Display for MailDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why users can't give themselves a name that an operator could give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misleading {
    /// Its letters are of several scripts, of which one looks like another (UTS #39 §5.1); one of them is in no identifier (§3.1), or all of it
    /// looks like a name in ASCII (§4).
    Scripts,
    /// It reads like the address of somebody: who types that address would be taken for its bearer.
    Address,
    /// It reads like an office of who runs this server, like the server, or like the id of a user.
    Reserved,
}

/// Judges the name that the reader of `address` gives to themselves, beside what every name must be: nobody looks at it before others do. `ours`
/// are the names of this server.
///
/// # Errors
/// [`Misleading`].
pub fn check_chosen_name(
    name: &str,
    address: &MailAddress,
    ours: &[&str],
) -> Result<(), Misleading> {
    let key = precis::username_key(name);
    let is_usual = |c: char| c.is_ascii() || c.identifier_allowed();
    let looks_like_ascii = !key.is_ascii() && skeleton(&key).all(|c| c.is_ascii());
    // Nobody sees a dot above a letter that has one.
    let has_two_dots = key.contains("i\u{307}") || key.contains("j\u{307}");
    let is_of_one_script = key.as_str().is_single_script() && key.chars().all(is_usual);
    if !is_of_one_script || looks_like_ascii || has_two_dots {
        return Err(Misleading::Scripts);
    }
    if key.contains('@') && key != precis::username_key(address.as_str()) {
        return Err(Misleading::Address);
    }
    // Nobody takes the name that another user has as an id.
    if UserId::parse(&key).is_some() {
        return Err(Misleading::Reserved);
    }
    let shape = shape(name);
    let mut reserved = RESERVED.lines().chain(ours.iter().copied());
    if reserved.any(|reserved| self::shape(reserved) == shape) {
        return Err(Misleading::Reserved);
    }
    Ok(())
}

/// What a reader in a hurry sees of a name.
fn shape(name: &str) -> String {
    let key = precis::username_key(name);
    let plain: String = key.chars().filter(|c| !SEPARATORS.contains(c)).collect();
    skeleton(&plain).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{ids::UserId, time::Timestamp};

    fn address(text: &str) -> MailAddress {
        MailAddress::parse(text).unwrap()
    }

    fn at(domains: &[&str]) -> SignUp {
        let domains = domains.iter().map(|text| MailDomain::parse(text).unwrap());
        SignUp::Domains(domains.collect())
    }

    fn link(purpose: LinkPurpose) -> Link {
        let (user, now) = (UserId::generate(), Timestamp::from_seconds(1_800_000_000));
        Link::to_sign_up(purpose, user, address("ada@acme.example"), 1, now)
    }

    #[rstest]
    #[case("acme.example", "acme.example")]
    #[case("Acme.EXAMPLE", "acme.example")]
    #[case("bücher.example", "xn--bcher-kva.example")]
    fn a_domain_is_kept_as_addresses_keep_it(#[case] text: &str, #[case] kept: &str) {
        assert_eq!(MailDomain::parse(text).unwrap().as_str(), kept);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::with_at("@acme.example")]
    #[case::address("ada@acme.example")]
    #[case::port("acme.example:25")]
    #[case::wildcard("*.acme.example")]
    #[case::everything("*")]
    #[case::below(".acme.example")]
    #[case::url("https://acme.example")]
    #[case::path("acme.example/x")]
    #[case::space(" acme.example")]
    #[case::several("acme.example,beta.example")]
    #[case::one_word("localhost")]
    #[case::number("127.0.0.1")]
    #[case::final_dot("acme.example.")]
    fn what_no_address_can_be_of_is_no_domain(#[case] text: &str) {
        assert_eq!(MailDomain::parse(text), Err(NotAnAddress));
    }

    #[rstest]
    #[case::of_it("ada@acme.example", true)]
    #[case::in_capitals("ada@ACME.example", true)]
    #[case::of_another("ada@beta.example", true)]
    #[case::below("ada@mail.acme.example", false)]
    #[case::above("ada@example.com", false)]
    #[case::ends_alike("ada@evil-acme.example", false)]
    #[case::goes_on("ada@acme.example.evil.example", false)]
    fn an_address_is_of_one_of_the_domains(#[case] text: &str, #[case] is_taken: bool) {
        let acme = at(&["acme.example", "Beta.example"]);
        assert_eq!(acme.takes(&address(text)), is_taken);
        assert!(SignUp::Open.takes(&address(text)));
        assert!(!SignUp::Invite.takes(&address(text)) && !SignUp::Off.takes(&address(text)));
    }

    /// Attacks: PE69.
    #[rstest]
    #[case::off(SignUp::Off, false, false)]
    #[case::invite(SignUp::Invite, false, true)]
    #[case::open(SignUp::Open, true, true)]
    #[case::of_the_domain(at(&["acme.example"]), true, true)]
    #[case::of_another_domain(at(&["beta.example"]), false, true)]
    fn a_link_is_good_for_who_may_sign_up_when_it_is_used(
        #[case] sign_up: SignUp,
        #[case] asked: bool,
        #[case] invited: bool,
    ) {
        let closed = Reason::RegistrationClosed;
        for (purpose, is_good) in [
            (LinkPurpose::SignUp, asked),
            (LinkPurpose::SignUpInvite, invited),
        ] {
            let link = link(purpose);
            let allowed = sign_up.allows(&link).map_err(|refusal| refusal.reason());
            let expected = is_good.then_some(link.address().unwrap()).ok_or(closed);
            assert_eq!(allowed, expected, "{purpose:?}");
        }
        for purpose in [
            LinkPurpose::Invite,
            LinkPurpose::Recover,
            LinkPurpose::ChangeAddress,
        ] {
            let refused = sign_up.allows(&link(purpose)).unwrap_err();
            assert_eq!(refused.reason(), Reason::LinkNotRecognised);
        }
    }

    #[rstest]
    #[case::plain("ada", Ok(()))]
    #[case::two_words("Ada Lovelace", Ok(()))]
    #[case::with_digits("ada_1815", Ok(()))]
    #[case::accents("jürgen", Ok(()))]
    #[case::full_width("\u{ff41}da", Ok(()))]
    #[case::cyrillic("ада", Ok(()))]
    #[case::japanese("山田たろう", Ok(()))]
    #[case::arabic("آدا", Ok(()))]
    #[case::own_address("ada@acme.example", Ok(()))]
    #[case::own_address_in_capitals("ADA@acme.example", Ok(()))]
    #[case::cyrillic_in_latin("\u{430}da", Err(Misleading::Scripts))]
    #[case::greek_in_latin("ad\u{3b1}", Err(Misleading::Scripts))]
    #[case::two_scripts("ada\u{436}", Err(Misleading::Scripts))]
    #[case::in_no_identifier("ada\u{2665}", Err(Misleading::Scripts))]
    #[case::letter_of_phonetics("\u{261}race", Err(Misleading::Scripts))]
    #[case::dot_above("admi\u{307}n", Err(Misleading::Scripts))]
    #[case::turkish("yıldız ağa", Ok(()))]
    #[case::all_like_ascii("admın", Err(Misleading::Scripts))]
    #[case::cyrillic_like_ascii("\u{441}\u{43e}\u{441}\u{43e}", Err(Misleading::Scripts))]
    #[case::another_address("eve@acme.example", Err(Misleading::Address))]
    #[case::at_another_domain("ada@evil.example", Err(Misleading::Address))]
    #[case::full_width_sign("eve\u{ff20}acme.example", Err(Misleading::Address))]
    #[case::office("admin", Err(Misleading::Reserved))]
    #[case::office_in_capitals("PostMaster", Err(Misleading::Reserved))]
    #[case::office_with_a_sign("web.master", Err(Misleading::Reserved))]
    #[case::office_in_two_words("Help desk", Err(Misleading::Reserved))]
    #[case::office_in_full_width("\u{ff52}oot", Err(Misleading::Reserved))]
    #[case::office_by_its_looks("adrnin", Err(Misleading::Reserved))]
    #[case::begins_like_an_office("rooty", Ok(()))]
    #[case::host("id.acme.example", Err(Misleading::Reserved))]
    #[case::product("Acme Accounts", Err(Misleading::Reserved))]
    #[case::id("0d8a7a1e-0a52-4a3e-9c19-0d0c4b6f7d01", Err(Misleading::Reserved))]
    fn a_name_of_ones_own_is_taken_for_nobody_else(
        #[case] name: &str,
        #[case] judged: Result<(), Misleading>,
    ) {
        let ours = ["id.acme.example", "Acme Accounts"];
        assert_eq!(
            check_chosen_name(name, &address("ada@acme.example"), &ours),
            judged
        );
    }
}
