//! Codes of an authenticator app: time-based one-time passwords (RFC 6238) of six digits over HMAC-SHA-1 (RFC 4226), one for each
//! 30 seconds, which is what every such app makes when it is told nothing else.
//!
//! A code is good in the step of its time, the one before and the one after, and once: what was used last is a step, and only a later
//! one is taken. Which of two uses came first is decided by the store's write.

use aws_lc_rs::hmac;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use zeroize::Zeroizing;

use crate::{encoding, random, secret::Secret, time::Timestamp};

/// Seconds that one code is shown for (RFC 6238 §4.1, X).
pub const STEP: i64 = 30;
/// The steps before and after the present one whose codes are taken, for clocks that differ (RFC 6238 §5.2).
pub const SKEW: i64 = 1;
/// Digits of a code (RFC 4226 §5.3).
pub const DIGITS: usize = 6;
/// Bytes of a secret: 160 bits (RFC 4226 §4, R6).
const SECRET: usize = 20;
/// Characters of a name in the QR code: longer ones would make it too fine to be read.
const LONGEST_NAME: usize = 64;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an authenticator app and this server share about one account. It has no `Debug` and is wiped when dropped.
pub struct TotpSecret(Zeroizing<[u8; SECRET]>);

impl TotpSecret {
    /// A new one.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// The one of these bytes, if they are as many as a secret has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// Its bytes, to be sealed.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// It in the letters that are typed into an app: base32 without padding (RFC 4648 §6), in groups of four.
    pub fn to_groups(&self) -> Secret {
        let letters = self.base32();
        let groups: Vec<&str> = (0..letters.len() / 4)
            .map(|group| &letters[4 * group..4 * group + 4])
            .collect();
        Secret::new(groups.join(" "))
    }

    /// What the QR code says: `otpauth://totp/ISSUER:ACCOUNT?secret=…&issuer=ISSUER`. Issuer and account are percent-encoded, a space
    /// as `%20`, and cut after 64 characters; a colon, which would part them elsewhere, is left out. Algorithm, digits and period are those that apps take when
    /// they are told none.
    pub fn to_uri(&self, issuer: &str, account: &str) -> Secret {
        let [issuer, account] = [issuer, account].map(label);
        let secret = self.base32();
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}",
            secret.as_str()
        ))
    }

    /// The step whose code this is: of those that are taken at `now` the first one behind `last_used`. `None` for a code that is wrong,
    /// too old, too new or used.
    pub fn step_of(&self, code: &TypedCode, last_used: Option<i64>, now: Timestamp) -> Option<i64> {
        let present = now.seconds().div_euclid(STEP);
        let mut found = None;
        for step in (present - SKEW..=present + SKEW).rev() {
            let is_it = encoding::constant_time_eq(&self.code(step), &code.0);
            if is_it && last_used.is_none_or(|last| step > last) {
                found = Some(step);
            }
        }
        found
    }

    /// The code that an app shows at `now`.
    pub fn code_at(&self, now: Timestamp) -> Secret {
        let digits = self.code(now.seconds().div_euclid(STEP));
        Secret::new(String::from_utf8_lossy(&digits))
    }

    /// The digits of one step, as ASCII (RFC 4226 §5.3).
    fn code(&self, step: i64) -> [u8; DIGITS] {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.as_slice());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 0x0f);
        let bytes = [
            tag[offset] & 0x7f,
            tag[offset + 1],
            tag[offset + 2],
            tag[offset + 3],
        ];
        let mut number = u32::from_be_bytes(bytes);
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        digits
    }

    fn base32(&self) -> Zeroizing<String> {
        let mut letters = Zeroizing::new(String::with_capacity(SECRET * 8 / 5));
        for five in self.0.chunks(5) {
            let bits = five
                .iter()
                .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for place in (0..8).rev() {
                let letter = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
                letters.push(char::from(BASE32[letter]));
            }
        }
        letters
    }
}

/// A name in an `otpauth:` URI.
fn label(name: &str) -> String {
    let mut label = String::new();
    for char in name.chars().filter(|char| *char != ':').take(LONGEST_NAME) {
        if char.is_ascii_alphanumeric() || "-._~@".contains(char) {
            label.push(char);
        } else {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                label.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    label
}

/// A code as it was typed: six digits of any script, with spaces anywhere. It has no `Debug`: for a minute it is a secret.
pub struct TypedCode([u8; DIGITS]);

impl TypedCode {
    /// Reads what was typed; `None` for anything else than six digits.
    pub fn parse(typed: &str) -> Option<Self> {
        let mut digits = [0; DIGITS];
        let mut count = 0;
        for char in typed.chars().filter(|char| !char.is_whitespace()) {
            *digits.get_mut(count)? = b'0' + digit(char)?;
            count += 1;
        }
        (count == DIGITS).then_some(Self(digits))
    }
}

/// The value of a decimal digit of any script. Unicode keeps the ten of each script together, from zero to nine.
pub(crate) fn digit(char: char) -> Option<u8> {
    let is_digit = |char: &char| char.general_category() == GeneralCategory::DecimalNumber;
    if !is_digit(&char) {
        return None;
    }
    let before = (1..).map_while(|back| char::from_u32(u32::from(char) - back));
    let place = before.take_while(is_digit).count();
    u8::try_from(place % 10).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn secret(bytes: &[u8]) -> TotpSecret {
        TotpSecret::from_bytes(bytes).unwrap()
    }

    /// The secret of the test values of RFC 4226 and RFC 6238.
    fn of_the_rfcs() -> TotpSecret {
        secret(b"12345678901234567890")
    }

    fn typed(code: &str) -> TypedCode {
        TypedCode::parse(code).unwrap()
    }

    /// RFC 4226, Appendix D.
    #[test]
    fn the_test_values_of_rfc_4226_are_met() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(expected) {
            assert_eq!(of_the_rfcs().code(step), code.as_bytes(), "{step}");
        }
    }

    /// RFC 6238, Appendix B: the last six of its eight digits.
    #[rstest]
    #[case(59, "287082")]
    #[case(1_111_111_109, "081804")]
    #[case(1_111_111_111, "050471")]
    #[case(1_234_567_890, "005924")]
    #[case(2_000_000_000, "279037")]
    #[case(20_000_000_000, "353130")]
    fn the_test_values_of_rfc_6238_are_met(#[case] at: i64, #[case] code: &str) {
        let now = Timestamp::from_seconds(at);
        let step = of_the_rfcs().step_of(&typed(code), None, now);
        assert_eq!(step, Some(at / 30));
        assert_eq!(of_the_rfcs().code_at(now).expose(), code);
    }

    /// Attacks: PE30, PE31.
    #[rstest]
    #[case::present(0, None, true)]
    #[case::before(-1, None, true)]
    #[case::after(1, None, true)]
    #[case::two_before(-2, None, false)]
    #[case::two_after(2, None, false)]
    #[case::used(0, Some(0), false)]
    #[case::before_a_used_one(-1, Some(0), false)]
    #[case::present_behind_a_later_one(0, Some(1), false)]
    #[case::behind_a_used_one(1, Some(0), true)]
    fn a_code_is_good_for_three_steps_and_behind_the_last_used_one(
        #[case] step: i64,
        #[case] last_used: Option<i64>,
        #[case] good: bool,
    ) {
        let (present, secret) = (60_000_000, of_the_rfcs());
        let code = String::from_utf8(secret.code(present + step).to_vec()).unwrap();
        for second in [0, 29] {
            let now = Timestamp::from_seconds(present * STEP + second);
            let last_used = last_used.map(|last| present + last);
            let found = secret.step_of(&typed(&code), last_used, now);
            assert_eq!(found, good.then_some(present + step));
        }
    }

    /// Attacks: PE34.
    #[rstest]
    #[case("456789")]
    #[case("456 789")]
    #[case(" 4 5 6 7 8 9 ")]
    #[case("456\u{a0}789")]
    #[case("٤٥٦٧٨٩")]
    #[case("۴۵۶۷۸۹")]
    #[case("４５６７８９")]
    #[case("४५६७८९")]
    #[case("\u{1d7d2}\u{1d7dd}\u{1d7e8}\u{1d7f3}\u{1d7fe}\u{1d7d7}")]
    fn digits_of_any_script_are_read(#[case] text: &str) {
        assert_eq!(typed(text).0, *b"456789");
    }

    /// Attacks: PE34.
    #[rstest]
    #[case("")]
    #[case("45678")]
    #[case("4567890")]
    #[case("+456789")]
    #[case("-456789")]
    #[case("4567８90")]
    #[case("4５678a")]
    #[case("45678²")]
    #[case("45678Ⅸ")]
    #[case("456,789")]
    fn what_is_no_six_digits_is_no_code(#[case] text: &str) {
        assert!(TypedCode::parse(text).is_none());
    }

    #[test]
    fn the_uri_is_what_apps_read() {
        let uri = of_the_rfcs().to_uri("Acme Co", "ada@acme.example");
        assert_eq!(
            uri.expose(),
            "otpauth://totp/Acme%20Co:ada@acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20Co"
        );
        let uri = of_the_rfcs().to_uri("Acme: Co", "a:ü&?#/+");
        let (label, _) = uri.expose().split_once('?').unwrap();
        assert_eq!(label, "otpauth://totp/Acme%20Co:a%C3%BC%26%3F%23%2F%2B");
        let long = of_the_rfcs().to_uri("A", &"x".repeat(1000));
        assert!(long.expose().len() < 160);
    }

    #[test]
    fn a_secret_has_160_bits_and_32_letters() {
        let secret = TotpSecret::generate();
        let again = TotpSecret::from_bytes(secret.expose_bytes()).unwrap();
        assert!(secret.to_groups() == again.to_groups());
        assert!(secret.to_groups() != TotpSecret::generate().to_groups());
        let groups = of_the_rfcs().to_groups();
        assert_eq!(groups.expose(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert!(TotpSecret::from_bytes(&[0; 19]).is_none());
        assert!(TotpSecret::from_bytes(&[0; 21]).is_none());
    }
}
