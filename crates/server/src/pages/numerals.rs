//! Numbers as each language writes them: its digits, and what it puts between thousands (CLDR).

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentResource, FluentValue};
use safeconduct_protocol::language::Language;

/// The numerals of a language.
struct Numerals {
    zero: char,
    between_thousands: char,
    /// From how many digits on.
    grouped_from: usize,
}

const fn latin(between_thousands: char, grouped_from: usize) -> Numerals {
    Numerals {
        zero: '0',
        between_thousands,
        grouped_from,
    }
}

const COMMA: Numerals = latin(',', 4);
const POINT: Numerals = latin('.', 4);
const POINT_IF_LONG: Numerals = latin('.', 5);
const NARROW_SPACE: Numerals = latin('\u{202f}', 4);
const ARABIC: Numerals = Numerals {
    zero: '٠',
    between_thousands: '٬',
    grouped_from: 4,
};

/// Has the texts of `bundle` write numbers as `language` does.
pub(super) fn write_as_in(language: Language, bundle: &mut FluentBundle<FluentResource>) {
    bundle.set_formatter(Some(match language {
        Language::German | Language::BrazilianPortuguese => |value, _| written(value, &POINT),
        Language::French => |value, _| written(value, &NARROW_SPACE),
        Language::Spanish => |value, _| written(value, &POINT_IF_LONG),
        Language::Arabic => |value, _| written(value, &ARABIC),
        Language::English | Language::Japanese => |value, _| written(value, &COMMA),
    }));
}

/// The digits of a whole number as `language` writes them, with nothing between them: those of a date.
pub(super) fn digits(language: Language, number: i64) -> String {
    let numerals = match language {
        Language::Arabic => &ARABIC,
        _ => &COMMA,
    };
    let zero = u32::from(numerals.zero);
    let digits = number.to_string();
    let digit = |digit: char| {
        let value = digit.to_digit(10)?;
        char::from_u32(zero + value)
    };
    digits.chars().filter_map(digit).collect()
}

/// A whole number in `numerals`. Others do not occur, and stay as they are.
fn written(value: &FluentValue<'_>, numerals: &Numerals) -> Option<String> {
    let FluentValue::Number(number) = value else {
        return None;
    };
    let digits = number.as_string();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let zero = u32::from(numerals.zero);
    let mut out = String::new();
    for (at, digit) in digits.bytes().enumerate() {
        let left = digits.len() - at;
        if at > 0 && left.is_multiple_of(3) && digits.len() >= numerals.grouped_from {
            out.push(numerals.between_thousands);
        }
        out.extend(char::from_u32(zero + u32::from(digit - b'0')));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&COMMA, 1234567, "1,234,567")]
    #[case(&POINT, 1000, "1.000")]
    #[case(&POINT_IF_LONG, 1000, "1000")]
    #[case(&POINT_IF_LONG, 10000, "10.000")]
    #[case(&NARROW_SPACE, 60000, "60\u{202f}000")]
    #[case(&ARABIC, 1530, "١٬٥٣٠")]
    #[case(&ARABIC, 0, "٠")]
    fn a_number_is_written_as_the_language_writes_it(
        #[case] numerals: &Numerals,
        #[case] number: i64,
        #[case] expected: &str,
    ) {
        let number = FluentValue::from(number);
        assert_eq!(written(&number, numerals).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_no_whole_number_stays_as_it_is() {
        for value in [
            FluentValue::from(-1),
            FluentValue::from(1.5),
            FluentValue::from("12"),
        ] {
            assert_eq!(written(&value, &ARABIC), None);
        }
    }
}
