//! Telephone numbers as users type them, in the one form that apps are told (ITU-T E.164; OpenID Connect Core §5.1, `phone_number`).

use crate::totp::digit;

/// How many digits a number has, its country code included (E.164 §6.1).
const FEWEST: usize = 7;
const MOST: usize = 15;

/// The number in the form `+442079460000`: the country code, and what is dialled behind it. Digits may be of any script, and what separates
/// them falls away, as does a zero in brackets, which is dialled within a country alone. `None` where it does not begin with a country code: which
/// one is meant cannot be guessed.
pub fn e164(typed: &str) -> Option<String> {
    let typed = typed.trim().replace("(0)", "");
    let rest = typed
        .strip_prefix(['+', '\u{ff0b}'])
        .or_else(|| typed.strip_prefix("00"))?;
    let mut number = String::from("+");
    for char in rest.chars() {
        if char.is_whitespace() || "-‐‑–./()".contains(char) {
            continue;
        }
        number.push(char::from(b'0' + digit(char)?));
    }
    let digits = &number[1..];
    ((FEWEST..=MOST).contains(&digits.len()) && !digits.starts_with('0')).then_some(number)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_written("+44 20 7946 0000", Some("+442079460000"))]
    #[case::already("+442079460000", Some("+442079460000"))]
    #[case::dialled("0044 20 7946 0000", Some("+442079460000"))]
    #[case::separated(" +1 (425) 555-1212 ", Some("+14255551212"))]
    #[case::trunk_zero("+44 (0)20 7946 0000", Some("+442079460000"))]
    #[case::arabic("+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", Some("+966501234567"))]
    #[case::full_width("\u{ff0b}\u{ff18}\u{ff11} 3 1234 5678", Some("+81312345678"))]
    #[case::shortest("+683 4000", Some("+6834000"))]
    #[case::without_country("020 7946 0000", None)]
    #[case::no_country_begins_with_zero("+0 20 7946 0000", None)]
    #[case::short("+44 20 7", None)]
    #[case::long("+44 2079 4600 0000 00", None)]
    #[case::extension("+1 425 555 1212 ext. 7", None)]
    #[case::letters("+1 800 FLOWERS", None)]
    #[case::two("+442079460000,+442079460001", None)]
    #[case::plus_within("+44+2079460000", None)]
    #[case::turned("+44\u{202e}2079460000", None)]
    #[case::line("+442079460000\r\nBcc: eve", None)]
    #[case::nothing("", None)]
    fn a_number_is_kept_in_one_form(#[case] typed: &str, #[case] kept: Option<&str>) {
        assert_eq!(e164(typed).as_deref(), kept);
    }
}
