//! The languages that users are spoken to in, and which of them somebody means who names others.
//!
//! What is sent is a preference and never a reason to refuse: what is no language tag, and what is none of ours, is passed over. The
//! work is bounded, whatever is sent.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How many preferences of one request are looked at.
const MOST: usize = 32;
/// The longest language range that is looked at, in bytes: longer than any language's with script, region and variant.
const LONGEST_RANGE: usize = 64;

/// A language of the pages.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
    /// French.
    #[serde(rename = "fr")]
    French,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
    /// Portuguese as it is written in Brazil.
    #[serde(rename = "pt-BR")]
    BrazilianPortuguese,
    /// Japanese.
    #[serde(rename = "ja")]
    Japanese,
    /// Arabic.
    #[serde(rename = "ar")]
    Arabic,
}

impl Language {
    /// Every one of them, as advertised in `ui_locales_supported`.
    pub const ALL: [Language; 7] = [
        Self::English,
        Self::German,
        Self::French,
        Self::Spanish,
        Self::BrazilianPortuguese,
        Self::Japanese,
        Self::Arabic,
    ];

    /// Its tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::BrazilianPortuguese => "pt-BR",
            Self::Japanese => "ja",
            Self::Arabic => "ar",
        }
    }

    /// The language of exactly this tag, in any case.
    pub fn parse(tag: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|language| language.tag().eq_ignore_ascii_case(tag))
    }

    /// What a language range means here (RFC 4647 §3.4): it is shortened from its end until a tag of ours is left. A range of which
    /// nothing else is left than a language that we have in one region alone means that one: `pt-PT` is `pt-BR`.
    pub fn lookup(range: &str) -> Option<Self> {
        if !is_range(range) {
            return None;
        }
        let mut rest = range;
        loop {
            if let Some(language) = Self::parse(rest) {
                return Some(language);
            }
            let Some((shorter, _)) = rest.rsplit_once('-') else {
                break;
            };
            // A subtag of one letter begins something: without what it begins it goes as well.
            rest = match shorter.rsplit_once('-') {
                Some((before, single)) if single.len() == 1 => before,
                _ => shorter,
            };
        }
        let mut all = Self::ALL.into_iter();
        all.find(|language| language.primary().eq_ignore_ascii_case(rest))
    }

    /// The first of the languages in `ui_locales` that we have (OpenID Connect Core §3.1.2.1: tags by preference, with spaces
    /// between them).
    pub fn of_ui_locales(text: &str) -> Option<Self> {
        let tags = text.split_ascii_whitespace().take(MOST);
        tags.filter_map(Self::lookup).next()
    }

    /// The language that `Accept-Language` prefers among ours (RFC 9110 §12.5.4); of several with the same weight the first.
    /// `values` are the lines of that header.
    pub fn of_accept_language<'h>(values: impl IntoIterator<Item = &'h str>) -> Option<Self> {
        let ranges = values.into_iter().flat_map(|value| value.split(','));
        let mut best: Option<(u16, Self)> = None;
        for range in ranges.take(MOST) {
            let Some((weight, language)) = weighted(range) else {
                continue;
            };
            if weight > best.map_or(0, |(weight, _)| weight) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// The text of `texts`, which are by language tag, that a user reads who reads this language: the one of its own tag, or of its
    /// language in general or in another region.
    pub fn text_of(self, texts: &BTreeMap<String, String>) -> Option<&str> {
        let exact = texts.get(self.tag());
        let near = || {
            let mut near = texts.iter();
            near.find(|(tag, _)| Self::lookup(tag) == Some(self))
                .map(|(_, text)| text)
        };
        exact.or_else(near).map(String::as_str)
    }

    /// The text of `texts` for users for whose language there is none, where this is the default: in this language, in English, or in any.
    pub fn text_beside(self, texts: &BTreeMap<String, String>) -> Option<&str> {
        let any = || texts.values().next().map(String::as_str);
        self.text_of(texts)
            .or_else(|| Self::English.text_of(texts))
            .or_else(any)
    }

    /// The language without its region.
    fn primary(self) -> &'static str {
        let tag = self.tag();
        tag.split_once('-').map_or(tag, |(primary, _)| primary)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.tag())
    }
}

/// One element of `Accept-Language`: its weight in thousandths and what it means here.
fn weighted(element: &str) -> Option<(u16, Language)> {
    let (range, parameters) = element.split_once(';').unwrap_or((element, ""));
    let weight = match parameters.trim() {
        "" => 1000,
        weight => thousandths(weight)?,
    };
    Some((weight, Language::lookup(range.trim())?))
}

/// A weight as it is sent, `q=0.8` (RFC 9110 §12.4.2), in thousandths.
fn thousandths(parameter: &str) -> Option<u16> {
    let value = parameter.strip_prefix(['q', 'Q'])?.strip_prefix('=')?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// Whether a text is a language tag as texts are told apart by, such as `de` or `pt-BR`.
pub fn is_tag(text: &str) -> bool {
    let primary = text.split('-').next().unwrap_or_default();
    is_range(text)
        && (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether a text is a basic language range (RFC 4647 §2.1) that may name a language. `*` names none.
fn is_range(text: &str) -> bool {
    let plain = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.len() <= LONGEST_RANGE && text.split('-').all(plain)
}
