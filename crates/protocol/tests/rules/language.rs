//! Which language of ours somebody means.

use std::collections::BTreeMap;

use rstest::rstest;
use safeconduct_protocol::language::Language::{
    self, Arabic, BrazilianPortuguese, English, French, German, Japanese,
};

#[rstest]
#[case::itself("de", Some(German))]
#[case::in_any_case("PT-br", Some(BrazilianPortuguese))]
#[case::a_region("ar-EG", Some(Arabic))]
#[case::script_and_region("de-Latn-CH-1996", Some(German))]
#[case::a_private_part("fr-x-quebec", Some(French))]
#[case::an_extension("ja-u-ca-japanese", Some(Japanese))]
#[case::one_region_for_another("pt-PT", Some(BrazilianPortuguese))]
#[case::no_region("pt", Some(BrazilianPortuguese))]
#[case::none_of_ours("se", None)]
#[case::begins_like_ours("den", None)]
#[case::any("*", None)]
#[case::a_path("../../etc", None)]
#[case::empty("", None)]
#[case::empty_subtag("de-", None)]
#[case::underscore("de_DE", None)]
#[case::not_ascii("dé", None)]
#[case::too_long(
    "de-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa",
    None
)]
fn a_range_means_the_language_that_is_left_of_it(
    #[case] range: &str,
    #[case] means: Option<Language>,
) {
    assert_eq!(Language::lookup(range), means);
}

#[rstest]
#[case::the_first_that_we_have("xx ar-EG en", Some(Arabic))]
#[case::one("de", Some(German))]
#[case::no_tag("../../etc", None)]
#[case::beside_no_tag("../../etc fr", Some(French))]
#[case::none("", None)]
fn ui_locales_is_a_list_by_preference(#[case] sent: &str, #[case] means: Option<Language>) {
    assert_eq!(Language::of_ui_locales(sent), means);
}

#[rstest]
#[case::by_weight(&["de;q=0.5, fr;q=0.8, en;q=0.1"], Some(French))]
#[case::without_a_weight(&["de;q=0.9,ja"], Some(Japanese))]
#[case::alike(&["fr;q=0.8,de;q=0.8"], Some(French))]
#[case::none_of_ours_first(&["se, zh-Hant;q=0.9, pt-PT;q=0.5"], Some(BrazilianPortuguese))]
#[case::not_wanted(&["de;q=0, en;q=0.1"], Some(English))]
#[case::nothing_wanted(&["de;q=0.000"], None)]
#[case::several_lines(&["de;q=0.1", "ar"], Some(Arabic))]
#[case::space(&["  de ; q=0.1 ,\tar"], Some(Arabic))]
#[case::no_weight(&["de;q=2, fr;q=0.1234, ja;q=-1, en;level=1, ar;q=0.001"], Some(Arabic))]
#[case::any(&["*"], None)]
#[case::nonsense(&[";;q=,,=\u{e9}"], None)]
#[case::none(&[], None)]
fn a_browser_prefers_by_weight(#[case] sent: &[&str], #[case] means: Option<Language>) {
    assert_eq!(Language::of_accept_language(sent.iter().copied()), means);
}

#[test]
fn only_the_first_preferences_are_looked_at() {
    let last = |count: usize, between: &str| {
        let mut all = vec!["xx"; count];
        all.push("de");
        all.join(between)
    };
    assert_eq!(Language::of_ui_locales(&last(31, " ")), Some(German));
    assert_eq!(Language::of_ui_locales(&last(32, " ")), None);
    let accepted = |count| Language::of_accept_language([last(count, ",").as_str()]);
    assert_eq!((accepted(31), accepted(32)), (Some(German), None));
}

#[test]
fn every_language_goes_by_its_tag_everywhere() {
    for language in Language::ALL {
        let tag = language.tag();
        assert_eq!(Language::parse(tag), Some(language));
        assert_eq!(Language::lookup(tag), Some(language));
        assert_eq!(serde_json::to_value(language).unwrap(), tag);
        assert_eq!(language.to_string(), tag);
    }
    assert_eq!(Language::parse("de-DE"), None);
}

#[rstest]
#[case(German, Some("Deutsch"))]
#[case(BrazilianPortuguese, Some("do Brasil"))]
#[case(French, Some("du Canada"))]
#[case(Arabic, None)]
fn a_text_is_found_by_its_language(#[case] language: Language, #[case] found: Option<&str>) {
    let texts = [
        ("de-CH", "Schweizerdeutsch"),
        ("de", "Deutsch"),
        ("pt-BR", "do Brasil"),
        ("pt", "do mundo"),
        ("fr-CA", "du Canada"),
    ];
    let texts = texts.map(|(tag, text)| (tag.to_owned(), text.to_owned()));
    assert_eq!(language.text_of(&BTreeMap::from(texts)), found);
}
