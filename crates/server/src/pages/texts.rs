//! The words of the pages, one Fluent file for each language, as the function `t` of the templates.
//!
//! A text may hold markup of its own; what it is given is escaped, so a translation can move a name without
//! ever letting markup in.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind};
use safeconduct_protocol::language::Language;
use unic_langid::LanguageIdentifier;

use super::{error::PagesError, escape, numerals};

/// Every text there is, read once in a process.
static TEXTS: LazyLock<[Result<Arc<Texts>, String>; Language::ALL.len()]> =
    LazyLock::new(|| Language::ALL.map(|language| Texts::read(language).map(Arc::new)));

/// The file of a language.
pub(super) const fn source(language: Language) -> &'static str {
    match language {
        Language::German => include_str!("../../locales/de.ftl"),
        Language::French => include_str!("../../locales/fr.ftl"),
        Language::Spanish => include_str!("../../locales/es.ftl"),
        Language::BrazilianPortuguese => include_str!("../../locales/pt-BR.ftl"),
        Language::Japanese => include_str!("../../locales/ja.ftl"),
        Language::Arabic => include_str!("../../locales/ar.ftl"),
        Language::English => include_str!("../../locales/en.ftl"),
    }
}

/// The texts of one language.
pub(super) struct Texts {
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    pub(super) fn of(language: Language) -> Result<Arc<Texts>, PagesError> {
        let texts = TEXTS[language as usize].as_ref();
        texts
            .cloned()
            .map_err(|error| PagesError::Texts(error.clone()))
    }

    fn read(language: Language) -> Result<Texts, String> {
        let resource = FluentResource::try_new(source(language).to_owned())
            .map_err(|(_, errors)| broken(language, &errors))?;
        let tag: LanguageIdentifier = language.tag().parse().expect("a language tag of BCP 47");
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Names sit in `<bdi>`, which isolates them without characters that would be copied along.
        bundle.set_use_isolating(false);
        numerals::write_as_in(language, &mut bundle);
        bundle
            .add_resource(resource)
            .map_err(|errors| broken(language, &errors))?;
        Ok(Texts { bundle })
    }

    /// The text `id` as markup, with the named values in their places.
    pub(super) fn say(&self, id: &str, named: &Kwargs) -> Result<Value, Error> {
        let said = self.format(id, Some(&arguments(named)?)).map_err(slip)?;
        Ok(Value::from_safe_string(said))
    }

    /// The text `id` as it stands: one without markup and without places for values.
    pub(super) fn plain(&self, id: &str) -> Result<String, PagesError> {
        self.format(id, None).map_err(PagesError::Texts)
    }

    /// What a refusal of this name says to users, and what they can do; `None` where it has no text of its own.
    pub(super) fn refusal(&self, name: &str, issuer: &str) -> Option<(String, String)> {
        let mut arguments = FluentArgs::new();
        arguments.set("issuer", issuer.to_owned());
        let message = self.bundle.get_message(&format!("reason-{name}"))?;
        let advice = message.get_attribute("advice");
        let mut slips = Vec::new();
        let mut said = |pattern| {
            let said = self
                .bundle
                .format_pattern(pattern, Some(&arguments), &mut slips);
            said.into_owned()
        };
        let (sentence, advice) = (
            said(message.value()?),
            advice.map(|advice| said(advice.value())),
        );
        slips
            .is_empty()
            .then(|| (sentence, advice.unwrap_or_default()))
    }

    /// The text `id` with these values in its places, as they are.
    pub(super) fn format(
        &self,
        id: &str,
        arguments: Option<&FluentArgs<'_>>,
    ) -> Result<String, String> {
        let pattern = self
            .bundle
            .get_message(id)
            .and_then(|message| message.value())
            .ok_or_else(|| format!("no text `{id}`"))?;
        let mut errors = Vec::new();
        let said = self.bundle.format_pattern(pattern, arguments, &mut errors);
        if errors.is_empty() {
            Ok(said.into_owned())
        } else {
            Err(format!("text `{id}`: {errors:?}"))
        }
    }
}

fn arguments(named: &Kwargs) -> Result<FluentArgs<'static>, Error> {
    let mut arguments = FluentArgs::new();
    for name in named.args() {
        let value: Value = named.get(name)?;
        let argument = match (value.as_str(), value.as_i64()) {
            (Some(markup), _) if value.is_safe() => FluentValue::from(markup.to_owned()),
            (Some(text), _) => FluentValue::from(escape::escaped(text)),
            (None, Some(number)) => FluentValue::from(number),
            (None, None) => return Err(slip(format!("`{name}` is neither text nor a number"))),
        };
        arguments.set(name.to_owned(), argument);
    }
    Ok(arguments)
}

fn broken(language: Language, errors: &[impl Debug]) -> String {
    format!("{language}: {errors:?}")
}

fn slip(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use fluent_syntax::ast::{
        Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey,
    };
    use rstest::rstest;
    use safeconduct_protocol::error::REGISTRY;

    use super::super::Templates;
    use super::*;

    /// What can be told of a text without reading it.
    #[derive(Default)]
    struct Facts {
        /// The values that it has places for.
        places: BTreeSet<String>,
        /// The cases of each choice in it.
        choices: Vec<BTreeSet<String>>,
        /// Every piece of it, one after the other.
        written: String,
    }

    /// The texts of a language by their names, attributes among them.
    fn facts(language: Language) -> BTreeMap<String, Facts> {
        let resource = FluentResource::try_new(source(language).to_owned()).unwrap();
        let mut texts = BTreeMap::new();
        for entry in resource.entries() {
            let message = match entry {
                Entry::Message(message) => message,
                Entry::Comment(_) | Entry::GroupComment(_) => continue,
                other => panic!("{language}: {other:?}"),
            };
            let own = message
                .value
                .as_ref()
                .map(|value| (message.id.name.to_owned(), value));
            let attributes = message.attributes.iter().map(|attribute| {
                let name = format!("{}.{}", message.id.name, attribute.id.name);
                (name, &attribute.value)
            });
            for (name, pattern) in own.into_iter().chain(attributes) {
                let mut facts = Facts::default();
                collect(pattern, &mut facts);
                assert!(
                    texts.insert(name.clone(), facts).is_none(),
                    "{language}: {name}"
                );
            }
        }
        texts
    }

    fn collect(pattern: &Pattern<&str>, facts: &mut Facts) {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => facts.written.push_str(value),
                PatternElement::Placeable { expression } => match expression {
                    Expression::Inline(inline) => inlined(inline, facts),
                    Expression::Select { selector, variants } => {
                        inlined(selector, facts);
                        let keys = variants.iter().map(|variant| match &variant.key {
                            VariantKey::Identifier { name } => (*name).to_owned(),
                            VariantKey::NumberLiteral { value } => (*value).to_owned(),
                        });
                        facts.choices.push(keys.collect());
                        for variant in variants {
                            assert!(!variant.value.elements.is_empty());
                            collect(&variant.value, facts);
                        }
                    }
                },
            }
        }
    }

    fn inlined(expression: &InlineExpression<&str>, facts: &mut Facts) {
        match expression {
            InlineExpression::VariableReference { id } => {
                facts.places.insert(id.name.to_owned());
            }
            InlineExpression::MessageReference { id, .. } => facts.written.push_str(id.name),
            other => panic!("{other:?}"),
        }
    }

    /// The plural categories of a language (CLDR).
    fn categories(language: Language) -> BTreeSet<String> {
        let names: &[&str] = match language {
            Language::English | Language::German => &["one", "other"],
            Language::French | Language::Spanish | Language::BrazilianPortuguese => {
                &["one", "many", "other"]
            }
            Language::Japanese => &["other"],
            Language::Arabic => &["zero", "one", "two", "few", "many", "other"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// Attacks: PE77.
    #[test]
    fn every_language_says_everything_with_the_same_places() {
        let english = facts(Language::English);
        let (reasons, _): (Vec<String>, Vec<_>) = facts(Language::German)
            .into_iter()
            .filter(|(name, _)| name.starts_with("reason-"))
            .unzip();
        for language in Language::ALL {
            let texts = facts(language);
            let mut expected: BTreeSet<&String> = english.keys().collect();
            if language != Language::English {
                expected.extend(&reasons);
            }
            assert_eq!(
                texts.keys().collect::<BTreeSet<_>>(),
                expected,
                "{language}"
            );
            for (name, text) in &texts {
                let places = match english.get(name) {
                    Some(english) => english.places.clone(),
                    None if name == "reason-host-unexpected.advice" => {
                        BTreeSet::from(["issuer".to_owned()])
                    }
                    None => BTreeSet::new(),
                };
                assert_eq!(text.places, places, "{language}: {name}");
                assert!(text.written.chars().any(char::is_alphabetic) || name == "title");
                for choice in &text.choices {
                    assert_eq!(*choice, categories(language), "{language}: {name}");
                }
            }
        }
    }

    /// Attacks: PE77.
    #[test]
    fn no_text_holds_a_character_that_turns_or_hides() {
        for language in Language::ALL {
            let misleads = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            assert!(!source(language).contains(misleads), "{language}");
        }
    }

    #[test]
    fn markup_in_a_text_is_of_few_kinds_and_closed() {
        for language in Language::ALL {
            for (name, text) in facts(language) {
                let mut open = Vec::new();
                for part in text.written.split('<').skip(1) {
                    let (tag, _) = part.split_once('>').unwrap();
                    match tag.strip_prefix('/') {
                        Some(closed) => assert_eq!(open.pop(), Some(closed), "{language}: {name}"),
                        None => open.push(tag.split(' ').next().unwrap()),
                    }
                    let known = ["bdi", "strong", "code", "span class=\"host\""];
                    assert!(
                        tag.starts_with('/') || known.contains(&tag),
                        "{language}: {name}: {tag}"
                    );
                }
                assert!(open.is_empty(), "{language}: {name}");
            }
        }
    }

    #[test]
    fn french_sets_its_marks_apart() {
        for (name, text) in facts(Language::French) {
            for (at, mark) in text.written.char_indices() {
                let before = text.written[..at].chars().next_back();
                if matches!(mark, '?' | '!' | ';' | '»') {
                    assert_eq!(before, Some('\u{202f}'), "{name}: {}", text.written);
                }
            }
        }
    }

    #[test]
    fn a_refusal_with_words_of_its_own_is_one_of_the_registry() {
        for name in facts(Language::German).keys() {
            let Some(reason) = name.strip_prefix("reason-") else {
                continue;
            };
            let reason = reason.strip_suffix(".advice").unwrap_or(reason);
            assert!(REGISTRY.iter().any(|entry| entry.name == reason), "{name}");
        }
    }

    #[rstest]
    #[case(Language::English, 1, "Wait 1 minute,")]
    #[case(Language::German, 1000, "Warten Sie 1.000 Minuten")]
    #[case(Language::French, 1, "Attendez 1 minute,")]
    #[case(Language::BrazilianPortuguese, 2, "Aguarde 2 minutos")]
    #[case(Language::Japanese, 1, "1 分")]
    #[case(Language::Arabic, 1, "دقيقة واحدة")]
    #[case(Language::Arabic, 2, "دقيقتين")]
    #[case(Language::Arabic, 3, "٣ دقائق")]
    #[case(Language::Arabic, 11, "١١ دقيقة")]
    #[case(Language::Arabic, 100, "١٠٠ دقيقة")]
    fn a_number_is_said_as_the_language_says_it(
        #[case] language: Language,
        #[case] minutes: i64,
        #[case] said: &str,
    ) {
        let named = Kwargs::from_iter([("minutes", Value::from(minutes))]);
        let text = Texts::of(language)
            .unwrap()
            .say("problem-throttled", &named);
        let text = text.unwrap();
        assert!(text.as_str().unwrap().contains(said), "{text}");
    }

    /// Every text is named by a literal where it is used, so that it can be found by searching for it.
    #[test]
    fn the_templates_use_every_text_there_is_and_no_other() {
        let mut used = BTreeSet::new();
        for name in Templates::iter() {
            let file = Templates::get(&name).unwrap();
            let source = String::from_utf8(file.data.into_owned()).unwrap();
            for (at, _) in source.match_indices("t(") {
                if source[..at].ends_with([' ', '=', '(']) {
                    let id = source[at..]
                        .strip_prefix("t(\"")
                        .and_then(|rest| rest.split('"').next());
                    used.insert(
                        id.unwrap_or_else(|| panic!("{name}: {:.20}", &source[at..]))
                            .to_owned(),
                    );
                }
            }
        }
        let scopes = super::super::consent::BUILT_IN_SCOPES.iter();
        used.extend(scopes.map(|(_, text, _)| (*text).to_owned()));
        used.extend(super::super::mail::texts().map(str::to_owned));
        used.extend(super::super::passkey::NAMES.map(str::to_owned));
        let claims = super::super::claims::NAMES.iter();
        used.extend(claims.map(|(_, text)| (*text).to_owned()));
        let present: BTreeSet<String> = source(Language::English)
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
            .map(|line| line.split(' ').next().unwrap_or(line).to_owned())
            .collect();
        assert_eq!(used, present);
    }

    /// Whoever reads a page is one user, and spoken to in one way.
    #[test]
    fn spanish_pages_say_usted() {
        let familiar = [
            "tu",
            "tus",
            "tú",
            "te",
            "ti",
            "tuya",
            "tuyo",
            "inicias",
            "puedes",
            "tienes",
            "eres",
            "inténtalo",
        ];
        for line in source(Language::Spanish).lines() {
            let said = line.split_once(" = ").map_or(line, |(_, said)| said);
            let words = said.to_lowercase();
            let words = format!(" {} ", words.replace(|c: char| !c.is_alphanumeric(), " "));
            for word in familiar {
                assert!(!words.contains(&format!(" {word} ")), "{word}: {line}");
            }
        }
    }

    #[test]
    fn a_value_in_a_text_is_escaped() {
        let texts = Texts::of(Language::English).unwrap();
        let named = Kwargs::from_iter([("client", Value::from("<i>\u{202e}x</i>"))]);
        let said = texts.say("consent-title", &named).unwrap();
        assert_eq!(said.as_str().unwrap(), "Allow &lt;i&gt;x&lt;/i&gt;?");
    }

    #[test]
    fn a_text_that_misses_a_value_is_an_error_and_not_a_hole() {
        let texts = Texts::of(Language::English).unwrap();
        assert!(
            texts
                .say(
                    "consent-title",
                    &Kwargs::from_iter::<[(&str, Value); 0]>([])
                )
                .is_err()
        );
        assert!(
            texts
                .say("no-such-text", &Kwargs::from_iter::<[(&str, Value); 0]>([]))
                .is_err()
        );
    }
}
