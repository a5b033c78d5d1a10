//! What a new password must be (NIST SP 800-63B-4 §3.1.1.2): long enough, not too long, typeable, and none of those that are
//! tried first. It may be of any characters, and is good until its owner changes it.
//!
//! Only what is new is judged, and whoever sets it: nothing here is asked at a sign-in. What makes two spellings one password is
//! [`precis`]'s, hashing is the server's.

use url::Url;
use zeroize::Zeroizing;

use crate::claims::PersonClaims;
use crate::error::Reason;
use crate::precis;
use crate::secret::Secret;

/// The least that a rule demands, in characters: enough beside another factor.
pub const LEAST_MINIMUM: usize = 8;
/// The largest minimum that can be demanded, in characters. Every password of so many must be allowed (NIST SP 800-63B-4 §3.1.1.2).
pub const MOST_MINIMUM: usize = 64;
/// The longest new password, in bytes.
pub const LONGEST: usize = 1024;

/// Passwords that are tried first: of the 30,000 of zxcvbn those with eight characters or more, in lower case, sorted, one a line.
/// Its licence is in `password/common.LICENSE`.
const COMMON: &str = include_str!("password/common.txt");

/// What is known about a user that a password may not be.
const CLAIMS: [&str; 7] = [
    "email",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "preferred_username",
    "phone_number",
];

/// What new passwords must be at one server.
#[derive(Clone, Debug)]
pub struct PasswordRule {
    minimum: usize,
    /// What the server is called, folded.
    service: Vec<String>,
}

/// A new password that was judged and may be set: made by [`PasswordRule::accept`] alone.
#[derive(Clone)]
pub struct AcceptedPassword(Secret);

/// Why a text can't be a new password. The sentence says what is wrong with it, and repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    /// It has fewer characters (code points of its normal form) than the rule demands.
    #[error("the password is shorter than {minimum} characters")]
    TooShort {
        /// How many are demanded.
        minimum: usize,
    },
    /// It has more than [`LONGEST`] bytes, as typed or in its normal form.
    #[error("the password is longer than {LONGEST} bytes")]
    TooLong,
    /// A control character or U+FFFD: nothing that can be typed (RFC 8265 §4).
    #[error("the password has U+{:04X} in it, which can't be signed in with", u32::from(*.0))]
    Character(char),
    /// It is one of the passwords that are tried first.
    #[error(
        "the password is one of those that are tried first; a few words in a row are better, and need no special characters"
    )]
    Common,
    /// It is a name of the user, or a part of one.
    #[error("the password is a name or address of the person, or a part of one")]
    OfPerson,
    /// It is what this server is called, or a part of that.
    #[error("the password is the name or the host of this server, or a part of it")]
    OfService,
}

impl PasswordRule {
    /// The rule of the server `issuer`, which users know as `service`. A new password has at least `minimum` characters, and never
    /// less than [`LEAST_MINIMUM`].
    pub fn new(minimum: usize, issuer: &str, service: &str) -> Self {
        let host = Url::parse(issuer).ok();
        let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
        Self {
            minimum: minimum.max(LEAST_MINIMUM),
            service: [host, service]
                .map(|name| precis::folded(name).to_string())
                .into(),
        }
    }

    /// How many characters a new password has at least.
    pub fn minimum(&self) -> usize {
        self.minimum
    }

    /// Judges a new password of the user who signs in as `username` and of whom `claims` are known.
    ///
    /// # Errors
    /// The first thing that is wrong with it, in the order of [`UnfitPassword`].
    pub fn accept(
        &self,
        password: Secret,
        username: &str,
        claims: &PersonClaims,
    ) -> Result<AcceptedPassword, UnfitPassword> {
        let normal = precis::password(password.expose());
        if normal.chars().count() < self.minimum {
            return Err(UnfitPassword::TooShort {
                minimum: self.minimum,
            });
        }
        if password.expose().len().max(normal.len()) > LONGEST {
            return Err(UnfitPassword::TooLong);
        }
        let unfit = |char: &char| char.is_control() || *char == '\u{fffd}';
        if let Some(char) = password.expose().chars().find(unfit) {
            return Err(UnfitPassword::Character(char));
        }
        let folded = precis::folded(&normal);
        if is_common(&folded) {
            return Err(UnfitPassword::Common);
        }
        let letters = letters(&folded);
        let claimed = CLAIMS
            .iter()
            .filter_map(|name| claims.claim(name)?.as_str());
        let mut names = [username].into_iter().chain(claimed);
        if names.any(|name| is_part_of(&letters, &precis::folded(name))) {
            return Err(UnfitPassword::OfPerson);
        }
        if self.service.iter().any(|name| is_part_of(&letters, name)) {
            return Err(UnfitPassword::OfService);
        }
        Ok(AcceptedPassword(password))
    }
}

impl AcceptedPassword {
    /// The password, as it was typed.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl UnfitPassword {
    /// Its place in the registry of refusals.
    pub const fn reason(self) -> Reason {
        match self {
            Self::TooShort { .. } => Reason::PasswordTooShort,
            Self::TooLong => Reason::PasswordTooLong,
            Self::Character(_) => Reason::PasswordNotTypeable,
            Self::Common => Reason::PasswordCommon,
            Self::OfPerson | Self::OfService => Reason::PasswordGuessable,
        }
    }
}

/// Whether a folded password is on the list: the whole of it, by halving the text between the lines.
fn is_common(folded: &str) -> bool {
    let mut rest = COMMON;
    while let Some(found) = line_at(rest, rest.len() / 2) {
        match folded.cmp(found.line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => rest = &rest[..found.begins],
            std::cmp::Ordering::Greater => rest = &rest[found.ends..],
        }
    }
    false
}

struct Line<'a> {
    line: &'a str,
    begins: usize,
    /// Behind its line break.
    ends: usize,
}

/// The line that the byte at `at` is in; `None` if there is no text.
fn line_at(text: &str, at: usize) -> Option<Line<'_>> {
    let bytes = text.as_bytes();
    let before = bytes.get(..at)?;
    let begins = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |last| last + 1);
    let length = bytes[begins..].iter().position(|byte| *byte == b'\n')?;
    Some(Line {
        line: &text[begins..begins + length],
        begins,
        ends: begins + length + 1,
    })
}

/// The letters and digits of a folded password, without what stands between them.
fn letters(folded: &str) -> Zeroizing<String> {
    let mut letters = Zeroizing::new(String::with_capacity(folded.len()));
    letters.extend(folded.chars().filter(|char| char.is_alphanumeric()));
    letters
}

/// Whether `letters` are a name, or words of it that stand beside each other: of `ada.lovelace@example.com` also
/// `Ada Lovelace` and `example.com`.
fn is_part_of(letters: &str, name: &str) -> bool {
    let words: Vec<&str> = name
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    (0..words.len()).any(|first| {
        let mut rest = letters;
        for word in &words[first..] {
            match rest.strip_prefix(word) {
                Some("") => return true,
                Some(after) => rest = after,
                None => return false,
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://login.acme.example/tenants/one";

    fn ada() -> PersonClaims {
        let mut claims = PersonClaims::default();
        for (name, value) in [
            ("email", json!("ada.lovelace@analytical.example")),
            ("name", json!("Augusta Ada King")),
            ("phone_number", json!("+44 20 7946 0018")),
            ("email_verified", json!(true)),
        ] {
            claims.set(name, value).unwrap();
        }
        claims
    }

    fn judged_with(minimum: usize, password: &str) -> Result<(), UnfitPassword> {
        let rule = PasswordRule::new(minimum, ISSUER, "Acme Accounts");
        let accepted = rule.accept(Secret::new(password), "Countess.Ada", &ada())?;
        assert_eq!(accepted.secret().expose(), password, "nothing is changed");
        Ok(())
    }

    fn judged(password: &str) -> Result<(), UnfitPassword> {
        judged_with(LEAST_MINIMUM, password)
    }

    #[rstest]
    #[case::words("a horse in a battery")]
    #[case::of_one_kind("qmzvtkwy")]
    #[case::spaces_around(" horses ")]
    #[case::of_signs("!!%%??&&")]
    #[case::of_any_script("\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}\u{306e}\u{8a66}\u{9a13}")]
    #[case::a_common_one_and_more("password1 of mine")]
    #[case::a_name_and_more("countess.ada's")]
    fn a_password_may_be_of_any_characters(#[case] password: &str) {
        assert_eq!(judged(password), Ok(()));
    }

    /// Attacks: L26, PE53.
    #[rstest]
    fn its_length_is_counted_in_characters_of_the_normal_form(
        #[values("x", "\u{fc}", "u\u{308}", "\u{1f984}", " ")] character: &str,
    ) {
        let of = |length: usize| {
            let tail = "qv";
            character.repeat(length - tail.len()) + tail
        };
        assert_eq!(judged(&of(7)), Err(UnfitPassword::TooShort { minimum: 8 }));
        assert_eq!(judged(&of(8)), Ok(()));
        let short = Err(UnfitPassword::TooShort { minimum: 15 });
        assert_eq!(judged_with(15, &of(14)), short);
        assert_eq!(judged_with(15, &of(15)), Ok(()));
        assert_eq!(
            judged_with(1, &of(7)),
            Err(UnfitPassword::TooShort { minimum: 8 })
        );
    }

    /// Attacks: L26, PE53.
    #[rstest]
    #[case::as_typed("x", 1)]
    #[case::in_many_bytes("\u{1f984}", 4)]
    #[case::decomposed("u\u{308}", 3)]
    #[case::that_grows("\u{958}", 6)]
    fn its_bytes_are_counted_as_typed_and_in_the_normal_form(
        #[case] character: &str,
        #[case] bytes: usize,
    ) {
        let longest = character.repeat(LONGEST / bytes) + &"x".repeat(LONGEST % bytes);
        assert_eq!(judged(&longest), Ok(()));
        assert_eq!(judged(&(longest + "x")), Err(UnfitPassword::TooLong));
    }

    /// Attacks: PE53.
    #[rstest]
    #[case("correct\0horse", '\0')]
    #[case("correct\u{7}horse", '\u{7}')]
    #[case("correct\u{85}horse", '\u{85}')]
    #[case("correct\u{fffd}horse", '\u{fffd}')]
    fn what_cannot_be_typed_is_refused(#[case] password: &str, #[case] char: char) {
        assert_eq!(judged(password), Err(UnfitPassword::Character(char)));
    }

    /// Attacks: PE54.
    #[rstest]
    fn a_common_password_is_refused_in_any_case(
        #[values(
            "password1",
            "Password1",
            "PASSWORD1",
            "trustno1",
            "\u{ff50}\u{ff41}\u{ff53}\u{ff53}word1",
            "1qaz2wsx3edc4rfv",
            "!qaz2wsx",
            "11111111"
        )]
        password: &str,
    ) {
        assert_eq!(judged(password), Err(UnfitPassword::Common));
    }

    /// Attacks: PE54.
    #[rstest]
    fn a_name_of_the_person_is_refused_in_any_case_and_spelling(
        #[values(
            "countess.ada",
            "Countess Ada",
            "COUNTESSADA",
            "countess",
            "ada.lovelace@analytical.example",
            "ada-lovelace",
            "lovelace",
            "lovelaceanalytical",
            "Analytical.Example",
            "augusta ada",
            "ada.king",
            "+442079460018"
        )]
        password: &str,
    ) {
        assert_eq!(judged(password), Err(UnfitPassword::OfPerson));
    }

    /// Attacks: PE54.
    #[rstest]
    fn a_name_of_the_server_is_refused_in_any_case_and_spelling(
        #[values("login.acme.example", "ACME.example", "Acme Accounts", "accounts")] password: &str,
    ) {
        assert_eq!(judged(password), Err(UnfitPassword::OfService));
    }

    #[test]
    fn the_common_passwords_are_folded_sorted_and_all_found() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!(lines.len() > 11_000);
        assert!(lines.is_sorted_by(|one, next| one < next));
        for line in lines {
            assert_eq!(precis::folded(line).as_str(), line);
            assert!(line.chars().count() >= LEAST_MINIMUM);
            assert!(is_common(line), "{line}");
            for other in [
                format!("{line}\n"),
                format!("{line}x~"),
                line[1..].to_owned() + "~",
            ] {
                assert!(!is_common(&other), "{other}");
            }
        }
        for other in ["", "\n", "!", "\u{10ffff}"] {
            assert!(!is_common(other));
        }
    }

    #[test]
    fn no_sentence_repeats_the_password() {
        for (password, reason) in [
            ("hush", "password-too-short"),
            ("password1", "password-common"),
            ("countess", "password-guessable"),
            ("acme accounts", "password-guessable"),
            ("hush hush\0", "password-not-typeable"),
            (&"hush".repeat(400), "password-too-long"),
        ] {
            let unfit = judged(password).unwrap_err();
            assert_eq!(unfit.reason().name(), reason);
            assert!(!unfit.to_string().contains(password));
            assert!(unfit.to_string().starts_with("the password "));
        }
    }
}
