//! What every template is rendered in: what it may write and how, and the choice of a language at its foot.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior};
use safeconduct_protocol::{language::Language, markup};

use super::escape;

/// The environment of every language, without words.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(write_value);
    // What minijinja would keep for a debugger includes the values of the page.
    environment.set_debug(false);
    environment.set_syntax(syntax());
    environment.add_filter("shown", escape::shown);
    environment.add_filter("carried", |value: &str| {
        Value::from_safe_string(markup::carried(value))
    });
    environment.add_filter("initial", escape::initial);
    environment.add_test("web_url", |url: &str| {
        url.starts_with("https://") || url.starts_with("http://")
    });
    environment.add_test("app_url", is_app_url);
    environment
}

/// Whether a URL leads to an app: a site, or the private-use scheme of a native app, which has a dot in it
/// (RFC 8252 §7.1) as no scheme that runs anything has.
fn is_app_url(url: &str) -> bool {
    let named = |scheme: &str| {
        let mut bytes = scheme.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    url.split_once(':').is_some_and(|(scheme, _)| {
        matches!(scheme, "https" | "http") || (scheme.contains('.') && named(scheme))
    })
}

fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .expect("the usual delimiters are valid")
}

/// The one way by which a value reaches the markup. Only text and numbers pass: printing a list, a
/// flag or nothing at all is a slip in a template.
fn write_value(
    out: &mut Output<'_>,
    _: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    match value.as_str() {
        Some(markup) if value.is_safe() => out.write_str(markup)?,
        Some(text) => escape::write_escaped(out, text)?,
        None if value.is_number() => write!(out, "{value}")?,
        None => {
            return Err(minijinja::Error::new(
                ErrorKind::InvalidOperation,
                format!("a page prints text and numbers, not a {}", value.kind()),
            ));
        }
    }
    Ok(())
}

/// The choice of a language: each under its own name, the one of the page chosen.
pub(super) fn language_options(of_page: Language) -> Value {
    let options = Language::ALL.map(|language| {
        let (tag, name) = (language.tag(), own_name(language));
        let selected = if language == of_page { " selected" } else { "" };
        format!("<option value=\"{tag}\" lang=\"{tag}\"{selected}>{name}</option>")
    });
    Value::from_safe_string(options.concat())
}

/// What a language is called by those who speak it.
const fn own_name(language: Language) -> &'static str {
    match language {
        Language::German => "Deutsch",
        Language::French => "Français",
        Language::Spanish => "Español",
        Language::BrazilianPortuguese => "Português (Brasil)",
        Language::Japanese => "日本語",
        Language::Arabic => "العربية",
        Language::English => "English",
    }
}
