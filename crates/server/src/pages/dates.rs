//! Days as each language writes them (CLDR, the long form), and times of day (the short one), in UTC, since nobody's zone is known; and how
//! long ago something was, where that says more.

use safeconduct_protocol::{language::Language, time::Timestamp};
use serde::Serialize;

use super::numerals;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// When something was, as users say it: nobody's clock has to be known to count hours.
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

/// The minute of `at` in `language`, with its zone.
pub(super) fn date_and_time(language: Language, at: Timestamp) -> String {
    let (day, time) = (date(language, at), in_utc(at).time());
    let digits = |number: i8| numerals::digits(language, number.into());
    let two_digits = |number: i8| format!("{}{}", digits(number / 10), digits(number % 10));
    let (hour, minute) = (time.hour(), two_digits(time.minute()));
    let long_hour = two_digits(hour);
    match language {
        Language::English => format!("{day} at {long_hour}:{minute} UTC"),
        Language::German => format!("{day} um {long_hour}:{minute} UTC"),
        Language::French => format!("{day} à {long_hour}:{minute} UTC"),
        Language::Spanish => format!("{day}, {}:{minute} UTC", digits(hour)),
        Language::BrazilianPortuguese => format!("{day} às {long_hour}:{minute} UTC"),
        Language::Japanese => format!("{day} {}:{minute} UTC", digits(hour)),
        Language::Arabic => {
            let half = if hour < 12 { "ص" } else { "م" };
            let hour = digits((hour + 11) % 12 + 1);
            format!("{day} في {hour}:{minute} {half} UTC")
        }
    }
}

fn in_utc(at: Timestamp) -> jiff::Zoned {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC)
}

/// The day of `at` in `language`.
pub(super) fn date(language: Language, at: Timestamp) -> String {
    let day = in_utc(at).date();
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

    #[rstest]
    #[case(
        Language::English,
        "1 March 2027 at 00:00 UTC",
        "1 March 2027 at 13:05 UTC"
    )]
    #[case(
        Language::German,
        "1. März 2027 um 00:00 UTC",
        "1. März 2027 um 13:05 UTC"
    )]
    #[case(
        Language::French,
        "1er mars 2027 à 00:00 UTC",
        "1er mars 2027 à 13:05 UTC"
    )]
    #[case(
        Language::Spanish,
        "1 de marzo de 2027, 0:00 UTC",
        "1 de marzo de 2027, 13:05 UTC"
    )]
    #[case(
        Language::BrazilianPortuguese,
        "1 de março de 2027 às 00:00 UTC",
        "1 de março de 2027 às 13:05 UTC"
    )]
    #[case(Language::Japanese, "2027年3月1日 0:00 UTC", "2027年3月1日 13:05 UTC")]
    #[case(
        Language::Arabic,
        "١ مارس ٢٠٢٧ في ١٢:٠٠ ص UTC",
        "١ مارس ٢٠٢٧ في ١:٠٥ م UTC"
    )]
    fn a_minute_is_written_as_the_language_writes_it_and_names_its_zone(
        #[case] language: Language,
        #[case] midnight: &str,
        #[case] afternoon: &str,
    ) {
        assert_eq!(date_and_time(language, MARCH), midnight);
        let later = MARCH.plus(13 * HOUR + 5 * 60 + 59);
        assert_eq!(date_and_time(language, later), afternoon);
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
