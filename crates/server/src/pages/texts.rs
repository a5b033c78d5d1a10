//! The words of the pages, from one Fluent file, as the function `t` of the templates.
//!
//! A text may hold markup of its own; what it is given is escaped, so a translation can move a name without
//! ever letting markup in.

use std::fmt::Debug;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind};
use unic_langid::LanguageIdentifier;

use super::{error::PagesError, escape};

/// The one locale there is.
const ENGLISH: &str = include_str!("../../locales/en.ftl");

/// The texts of one language.
pub(super) struct Texts {
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    pub(super) fn english() -> Result<Texts, PagesError> {
        let resource =
            FluentResource::try_new(ENGLISH.to_owned()).map_err(|(_, errors)| broken(&errors))?;
        let english: LanguageIdentifier = "en".parse().expect("a language tag of BCP 47");
        let mut bundle = FluentBundle::new_concurrent(vec![english]);
        // Names sit in `<bdi>`, which isolates them without characters that would be copied along.
        bundle.set_use_isolating(false);
        bundle
            .add_resource(resource)
            .map_err(|errors| broken(&errors))?;
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

    fn format(&self, id: &str, arguments: Option<&FluentArgs<'_>>) -> Result<String, String> {
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

fn broken(errors: &[impl Debug]) -> PagesError {
    PagesError::Texts(format!("{errors:?}"))
}

fn slip(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Templates;
    use super::*;

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
        let present: BTreeSet<String> = ENGLISH
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
            .map(|line| line.split(' ').next().unwrap_or(line).to_owned())
            .collect();
        assert_eq!(used, present);
    }

    #[test]
    fn a_value_in_a_text_is_escaped() {
        let texts = Texts::english().unwrap();
        let named = Kwargs::from_iter([("client", Value::from("<i>\u{202e}x</i>"))]);
        let said = texts.say("consent-title", &named).unwrap();
        assert_eq!(said.as_str().unwrap(), "Allow &lt;i&gt;x&lt;/i&gt;?");
    }

    #[test]
    fn a_text_that_misses_a_value_is_an_error_and_not_a_hole() {
        let texts = Texts::english().unwrap();
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
