//! How the pages look: templates, what they may write and how. What they show is decided in the file of each noun.

mod escape;
pub mod samples;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::tz::TimeZone;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use safeconduct_protocol::markup;

use crate::routes::STYLESHEET;

/// The look: that of the server's pages, and what only an operator sees.
pub(crate) const CSS: &str = concat!(
    include_str!("../../../server/assets/safeconduct.css"),
    include_str!("../../assets/console.css")
);
const MARK: &str = include_str!("../../../server/assets/mark.svg");
/// The field of a form that says by which page it was sent.
pub(crate) const TOKEN: &str = "form";
/// What stands in an address as it is.
const IN_ADDRESSES: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What a page says was done by the form that led to it, by the name of that.
const DONE: [(&str, &str); 25] = [
    ("locked", "The user is locked, and signed out everywhere."),
    ("unlocked", "The user can sign in again."),
    (
        "ended",
        "Every session and every grant of the user has ended.",
    ),
    (
        "authenticator-removed",
        "The authenticator app is removed, with its recovery codes.",
    ),
    ("passkey-removed", "The passkey is removed."),
    (
        "administrator-added",
        "The user administers this server from now on.",
    ),
    (
        "administrator-removed",
        "The user administers this server no more.",
    ),
    ("session-ended", "The session has ended."),
    ("grant-revoked", "The grant is revoked."),
    (
        "consent-withdrawn",
        "The consent is withdrawn, and what rested on it has ended.",
    ),
    (
        "client-disabled",
        "The client is disabled, and what it was granted has ended.",
    ),
    ("secret-ended", "The secret is good no more."),
    (
        "receiver-resumed",
        "The receiver is told again, from where it was left.",
    ),
    (
        "receiver-forgotten",
        "The receiver is forgotten, with what waited for it.",
    ),
    ("client-enabled", "The client works again."),
    ("client-deleted", "The client is deleted."),
    ("group-added", "The group is there."),
    ("group-changed", "The group is changed."),
    ("group-removed", "The group is removed."),
    ("member-added", "The user belongs to the group."),
    ("member-removed", "The user belongs to the group no more."),
    ("keys-rotated", "The next step of the rotation is taken."),
    ("key-deleted", "The key is deleted."),
    ("delivery-retried", "It is tried again at once."),
    ("delivery-dropped", "It is taken back, untold."),
];

/// What a page says was done, if this names one thing.
pub(crate) fn done(name: &str) -> Option<&'static str> {
    let known = DONE.iter().find(|(known, _)| *known == name);
    known.map(|(_, words)| *words)
}

const TEMPLATES: [(&str, &str); 27] = [
    ("base", include_str!("../../templates/base.html")),
    ("parts", include_str!("../../templates/parts.html")),
    ("outside", include_str!("../../templates/outside.html")),
    ("problem", include_str!("../../templates/problem.html")),
    ("kept", include_str!("../../templates/kept.html")),
    (
        "sign_in_again",
        include_str!("../../templates/sign_in_again.html"),
    ),
    (
        "signed_out",
        include_str!("../../templates/signed_out.html"),
    ),
    ("front", include_str!("../../templates/front.html")),
    ("found", include_str!("../../templates/found.html")),
    ("explained", include_str!("../../templates/explained.html")),
    ("users", include_str!("../../templates/users.html")),
    ("user", include_str!("../../templates/user.html")),
    ("confirm", include_str!("../../templates/confirm.html")),
    ("link", include_str!("../../templates/link.html")),
    ("sessions", include_str!("../../templates/sessions.html")),
    ("session", include_str!("../../templates/session.html")),
    ("grants", include_str!("../../templates/grants.html")),
    ("grant", include_str!("../../templates/grant.html")),
    ("clients", include_str!("../../templates/clients.html")),
    ("client", include_str!("../../templates/client.html")),
    (
        "new_client",
        include_str!("../../templates/new_client.html"),
    ),
    ("settings", include_str!("../../templates/settings.html")),
    ("groups", include_str!("../../templates/groups.html")),
    ("group", include_str!("../../templates/group.html")),
    ("keys", include_str!("../../templates/keys.html")),
    ("events", include_str!("../../templates/events.html")),
    (
        "deliveries",
        include_str!("../../templates/deliveries.html"),
    ),
];

/// The templates, parsed, with what is the same on every page.
pub(crate) struct Pages(Environment<'static>);

/// A page to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    name: &'static str,
    values: Value,
    status: StatusCode,
}

impl Page {
    /// The page `name` with these values.
    pub(crate) fn new(name: &'static str, values: serde_json::Value) -> Self {
        Self {
            name,
            values: Value::from(Serde(values)),
            status: StatusCode::OK,
        }
    }

    /// The same with another status.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl Pages {
    /// The pages below `base`, about the server of `issuer`.
    pub(crate) fn new(base: &str, issuer: &str, api: &str) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(write_value);
        // What minijinja would keep for a debugger includes the values of the page.
        environment.set_debug(false);
        environment.set_syntax(syntax());
        environment.add_filter("segment", segment);
        environment.add_filter("when", when);
        environment.add_filter("carried", |value: &str| {
            Value::from_safe_string(markup::carried(value))
        });
        environment.add_global("base", base);
        environment.add_global("issuer", issuer);
        environment.add_global("api", api);
        environment.add_global("stylesheet", STYLESHEET);
        environment.add_global("mark", Value::from_safe_string(MARK.to_owned()));
        environment.add_global("icon", segment(MARK));
        for (name, source) in TEMPLATES {
            environment
                .add_template(name, source)
                .expect("the templates are tested");
        }
        Self(environment)
    }

    /// The markup of a page whose forms carry `token`, for the user called `who`, after something was `done`.
    ///
    /// # Errors
    /// A template takes a value for another than it is.
    pub(crate) fn render(
        &self,
        page: &Page,
        token: &str,
        who: Option<&str>,
        done: Option<&str>,
    ) -> Result<String, minijinja::Error> {
        let field = format!("<input type=\"hidden\" name=\"{TOKEN}\" value=\"{token}\">");
        let token = Value::from_safe_string(field);
        let common = context! { token, who, done, page => page.name };
        let template = self.0.get_template(page.name)?;
        template.render(context! { ..common, ..page.values.clone() })
    }
}

fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .expect("the usual delimiters are valid")
}

/// The one way by which a value reaches the markup. Only text and numbers pass: printing a list, a flag or nothing at all is a slip in a
/// template.
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

/// A name as a part of an address.
pub(crate) fn segment(name: &str) -> String {
    utf8_percent_encode(name, IN_ADDRESSES).to_string()
}

/// A time as it is read, in UTC; what is none as it is.
fn when(time: &str) -> String {
    let parsed: Result<jiff::Timestamp, _> = time.parse();
    match parsed {
        Ok(time) => {
            let zoned = time.to_zoned(TimeZone::UTC);
            zoned.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
        }
        Err(_) => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_page_has_a_sample() {
        let samples = samples::render();
        let mut names: Vec<&str> = samples.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        assert_eq!(names.len(), samples.len());
        let pages = TEMPLATES.iter().map(|(name, _)| name.replace('_', "-"));
        for page in pages.filter(|name| !["base", "parts"].contains(&name.as_str())) {
            assert!(names.contains(&page.as_str()), "{page}");
        }
        for (name, html) in samples {
            assert_eq!(html.matches("<h1").count(), 1, "{name}");
            let mut ids: Vec<&str> = html.split(" id=\"").skip(1).collect();
            ids.iter_mut()
                .for_each(|id| *id = id.split('"').next().unwrap());
            let all = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), all, "{name}: an id is there twice");
        }
    }

    #[test]
    fn every_template_is_there_and_needs_no_script() {
        Pages::new("/base", "https://id.example", "http://127.0.0.1:8429");
        for (name, source) in TEMPLATES {
            let foreign = ["<script", " style=", " onclick", "|safe"];
            assert!(!foreign.iter().any(|word| source.contains(word)), "{name}");
        }
        assert!(!CSS.contains("url(") && !CSS.contains("@import"));
    }

    /// Attacks: AD54.
    #[test]
    fn what_others_have_written_is_text_on_every_page() {
        let pages = Pages::new("/base", "https://id.example", "http://127.0.0.1:8429");
        let nasty = "<script>alert(1)</script>\u{202e}\" onload=\"x";
        let refusal = crate::failed::Refusal::new(StatusCode::CONFLICT, nasty, nasty);
        let page = Page::new("problem", json!({ "refusal": refusal }));
        let html = pages.render(&page, "token", Some(nasty), None).unwrap();
        assert!(!html.contains("<script>") && !html.contains('\u{202e}'));
        assert!(!html.contains("\" onload"));
        assert!(html.contains(r"&lt;script&gt;alert(1)&lt;/script&gt;\u{202e}&quot; onload="));
    }

    #[test]
    fn names_are_parts_of_addresses_and_times_are_read() {
        assert_eq!(segment("a/b?c=\"é\""), "a%2Fb%3Fc%3D%22%C3%A9%22");
        assert_eq!(when("2027-01-15T08:00:00Z"), "2027-01-15 08:00:00 UTC");
        assert_eq!(when("soon"), "soon");
    }
}
