//! Days as each language writes them (CLDR, the long form), in UTC; and how long ago something was, where that says more.

use safeconduct_protocol::{language::Language, time::Timestamp};
use serde::Serialize;

use super::numerals;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// When something was, as people say it: nobody's clock has to be known to count hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Moment {
    /// Within the last hour.
    #[default]
    Now,
    /// So many whole hours ago, and less than a day.
    Hours {
        /// How many.
        hours: i64,
    },
    /// On a day.
    Day {
        /// That day, in the language of the page.
        date: String,
    },
}

impl Moment {
    /// When `at` was, to who reads `language` at `now`.
    pub(super) fn of(language: Language, at: Timestamp, now: Timestamp) -> Self {
        match now.since(at) {
            ..HOUR => Self::Now,
            seconds @ HOUR..DAY => Self::Hours {
                hours: seconds.div_euclid(HOUR),
            },
            _ => Self::Day {
                date: date(language, at),
            },
        }
    }
}

/// The day of `at` in `language`.
pub(super) fn date(language: Language, at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or_default();
    let day = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let digits = |number: i64| numerals::digits(language, number);
    let (year, number) = (digits(day.year().into()), digits(day.day().into()));
    let month = usize::try_from(day.month() - 1).unwrap_or_default();
    match language {
        Language::English => format!("{number} {} {year}", ENGLISH[month]),
        Language::German => format!("{number}. {} {year}", GERMAN[month]),
        Language::French if day.day() == 1 => format!("1er {} {year}", FRENCH[month]),
        Language::French => format!("{number} {} {year}", FRENCH[month]),
        Language::Spanish => format!("{number} de {} de {year}", SPANISH[month]),
        Language::BrazilianPortuguese => format!("{number} de {} de {year}", PORTUGUESE[month]),
        Language::Japanese => format!("{year}年{}月{number}日", month + 1),
        Language::Arabic => format!("{number} {} {year}", ARABIC[month]),
    }
}

#[rustfmt::skip]
const ENGLISH: [&str; 12] = [
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
];

#[rustfmt::skip]
const GERMAN: [&str; 12] = [
    "Januar", "Februar", "März", "April", "Mai", "Juni",
    "Juli", "August", "September", "Oktober", "November", "Dezember",
];

#[rustfmt::skip]
const FRENCH: [&str; 12] = [
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
];

#[rustfmt::skip]
const SPANISH: [&str; 12] = [
    "enero", "febrero", "marzo", "abril", "mayo", "junio",
    "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
];

#[rustfmt::skip]
const PORTUGUESE: [&str; 12] = [
    "janeiro", "fevereiro", "março", "abril", "maio", "junho",
    "julho", "agosto", "setembro", "outubro", "novembro", "dezembro",
];

#[rustfmt::skip]
const ARABIC: [&str; 12] = [
    "يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو",
    "يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر",
];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// 1 March 2027, 0:00 UTC.
    const MARCH: Timestamp = Timestamp::from_seconds(1_803_859_200);

    #[rstest]
    #[case(Language::English, "1 March 2027", "28 February 2027")]
    #[case(Language::German, "1. März 2027", "28. Februar 2027")]
    #[case(Language::French, "1er mars 2027", "28 février 2027")]
    #[case(Language::Spanish, "1 de marzo de 2027", "28 de febrero de 2027")]
    #[case(
        Language::BrazilianPortuguese,
        "1 de março de 2027",
        "28 de fevereiro de 2027"
    )]
    #[case(Language::Japanese, "2027年3月1日", "2027年2月28日")]
    #[case(Language::Arabic, "١ مارس ٢٠٢٧", "٢٨ فبراير ٢٠٢٧")]
    fn a_day_is_written_as_the_language_writes_it(
        #[case] language: Language,
        #[case] first: &str,
        #[case] day_before: &str,
    ) {
        assert_eq!(date(language, MARCH), first);
        assert_eq!(date(language, MARCH.plus(-1)), day_before);
    }

    #[test]
    fn every_month_has_a_name_of_its_own() {
        for names in [ENGLISH, GERMAN, FRENCH, SPANISH, PORTUGUESE, ARABIC] {
            let mut sorted = names;
            sorted.sort_unstable();
            assert!(
                sorted.windows(2).all(|pair| pair[0] != pair[1]),
                "{names:?}"
            );
        }
    }

    #[rstest]
    #[case(-5, Moment::Now)]
    #[case(3599, Moment::Now)]
    #[case(3600, Moment::Hours { hours: 1 })]
    #[case(86_399, Moment::Hours { hours: 23 })]
    #[case(86_400, Moment::Day { date: "1 March 2027".to_owned() })]
    fn a_day_is_named_once_it_is_a_day_ago(#[case] ago: i64, #[case] said: Moment) {
        let now = MARCH.plus(ago);
        assert_eq!(Moment::of(Language::English, MARCH, now), said);
    }
}
