//! A page as the browser got it, and as much HTML as forms and links need.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use url::Url;

/// Where the browser is, and what it sees there.
#[derive(Clone, Debug)]
pub struct Page {
    /// The address, after every redirect.
    pub url: Url,
    /// The status; 0 for an address that the browser stopped at.
    pub status: u16,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The text.
    pub body: String,
}

/// A form, with what stands in its fields.
#[derive(Clone, Debug)]
pub struct Form {
    /// How it is sent.
    pub method: Method,
    /// Where it is sent.
    pub action: Url,
    /// The page it is on.
    pub page: Url,
    /// Names and values, in the order of the page.
    pub fields: Vec<(String, String)>,
}

impl Page {
    pub(crate) fn unseen(url: Url) -> Self {
        Self {
            url,
            status: 0,
            headers: HeaderMap::new(),
            body: String::new(),
        }
    }

    /// Reads an answer to its end.
    ///
    /// # Errors
    /// It breaks off.
    pub async fn read(url: Url, answer: Response) -> Result<Self> {
        Ok(Self {
            url,
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await?,
        })
    }

    /// Where it sends the browser, if it is a redirect.
    pub fn redirect(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        let mut url = self.url.join(location).ok()?;
        // An empty fragment, which keeps a browser from carrying over that of the page before; it is no part of what is asked for.
        if url.fragment() == Some("") {
            url.set_fragment(None);
        }
        (300..400).contains(&self.status).then_some(url)
    }

    /// A parameter of the address.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        pairs.find_map(|(found, value)| (found == name).then(|| value.into_owned()))
    }

    /// The text, as JSON.
    ///
    /// # Errors
    /// It is none, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.body).with_context(|| self.to_string())
    }

    /// Whether there is an element with this id.
    pub fn has(&self, id: &str) -> bool {
        tags(&self.body).any(|tag| tag.attribute("id") == id)
    }

    /// The form with this id, or the one around the element with this id. If that is a button, its value is sent along, as
    /// when it is pressed. An empty id stands for the first form.
    ///
    /// # Errors
    /// There is none.
    pub fn form(&self, id: &str) -> Result<Form> {
        let mut form: Option<(Form, bool)> = None;
        for tag in tags(&self.body) {
            let named = tag.attribute("id") == id;
            match tag.name.as_str() {
                "form" => form = Some((self.form_at(&tag)?, named || id.is_empty())),
                "/form" if form.as_ref().is_some_and(|(_, wanted)| *wanted) => break,
                _ => {}
            }
            let Some((form, wanted)) = form.as_mut() else {
                continue;
            };
            *wanted |= named;
            if let Some(field) = tag.field(named) {
                form.fields.push(field);
            }
        }
        let found = form.filter(|(_, wanted)| *wanted).map(|(form, _)| form);
        found.with_context(|| format!("no form {id:?} on: {self}"))
    }

    /// Where the link with this id leads, or the link whose target is this.
    ///
    /// # Errors
    /// There is none.
    pub fn link(&self, link: &str) -> Result<Url> {
        let found = tags(&self.body)
            .filter(|tag| tag.name == "a")
            .find(|tag| tag.attribute("id") == link || tag.attribute("href") == link);
        let tag = found.with_context(|| format!("no link {link:?} on: {self}"))?;
        Ok(self.url.join(tag.attribute("href"))?)
    }

    fn form_at(&self, tag: &Tag) -> Result<Form> {
        let post = tag.attribute("method").eq_ignore_ascii_case("post");
        Ok(Form {
            method: if post { Method::POST } else { Method::GET },
            action: self.url.join(tag.attribute("action"))?,
            page: self.url.clone(),
            fields: Vec::new(),
        })
    }
}

/// The whole of it, for a test that has to say what it did not expect.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}\n{}", self.status, self.url, self.body)
    }
}

impl Form {
    /// What a link on `page` sends.
    pub fn get(action: Url, page: Url) -> Self {
        Self {
            method: Method::GET,
            action,
            page,
            fields: Vec::new(),
        }
    }

    /// A form without fields of its own, as a script on `page` would send it.
    pub fn post(action: Url, page: Url) -> Self {
        Self {
            method: Method::POST,
            ..Self::get(action, page)
        }
    }

    /// The same with `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What stands in the field `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(field, value)| (field == name).then_some(value.as_str()))
    }
}

/// A tag; its name is in small letters, and begins with a slash if it ends an element.
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The name and value that it adds to its form; `pressed` if it is the button that is pressed.
    fn field(&self, pressed: bool) -> Option<(String, String)> {
        let kind = self.attribute("type");
        let counts = match self.name.as_str() {
            "input" if ["checkbox", "radio"].contains(&kind) => {
                self.attributes.contains_key("checked")
            }
            "input" if ["submit", "image", "button", "reset"].contains(&kind) => pressed,
            "input" => true,
            "button" => pressed,
            _ => false,
        };
        let name = self.attribute("name");
        (counts && !name.is_empty()).then(|| (name.to_owned(), self.attribute("value").to_owned()))
    }
}

/// The tags of a page, in order. Comments, scripts and styles hold none that matter here.
fn tags(html: &str) -> impl Iterator<Item = Tag> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            rest = after;
            if after.starts_with(|c: char| c == '/' || c.is_ascii_alphabetic()) {
                let (tag, after) = read_tag(after);
                rest = after;
                return Some(tag);
            }
        }
    })
}

/// Reads the tag that `text` begins with, behind its `<`; gives it and what comes after.
fn read_tag(text: &str) -> (Tag, &str) {
    let until = |text: &str, ends: &[char]| {
        text.find(|c: char| c.is_whitespace() || ends.contains(&c))
            .unwrap_or(text.len())
    };
    let (name, mut rest) = text.split_at(until(text, &['>']));
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        let (attribute, after) = rest.split_at(until(rest, &['=', '>']));
        let (value, after) = match after.trim_start().strip_prefix('=').map(str::trim_start) {
            None if attribute.is_empty() => break,
            None => ("", after),
            Some(value) => match value.chars().next().filter(|c| ['"', '\''].contains(c)) {
                Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
                None => value.split_at(until(value, &['>'])),
            },
        };
        attributes.insert(attribute.to_ascii_lowercase(), unescape(value));
        rest = after;
    }
    let name = name.to_ascii_lowercase();
    (Tag { name, attributes }, rest)
}

/// The text that character references stand for.
fn unescape(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let read = part
            .split_once(';')
            .and_then(|(name, rest)| Some((character(name)?, rest)));
        match read {
            Some((character, rest)) => {
                plain.push(character);
                plain.push_str(rest);
            }
            None => {
                plain.push('&');
                plain.push_str(part);
            }
        }
    }
    plain
}

fn character(reference: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok();
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = reference.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => number(hexadecimal, 16),
                None => number(digits, 10),
            };
            code.and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> Page {
        Page {
            body: body.to_owned(),
            ..Page::unseen(Url::parse("http://localhost:1/a?b=c").unwrap())
        }
    }

    #[test]
    fn a_form_is_found_by_its_button_and_sends_what_stands_in_it() {
        let page = page(
            "<form id=other action=/x><input name=q></form>\n\
             <form method='POST' action=\"/login?a=1&amp;b=2\"><input type=hidden name=\"pending\" value=\"a&#x27;&quot;<b\">\
             <input name=old type=checkbox value=1><input name=new type=checkbox value=2 checked>\
             <button name=decision value=deny>No</button><button id=yes name=decision value=allow disabled>Yes</button></form>\
             <form><input name=later></form>",
        );
        let form = page.form("yes").unwrap();
        assert_eq!(form.method, Method::POST);
        assert_eq!(form.action.as_str(), "http://localhost:1/login?a=1&b=2");
        let pairs = [("pending", "a'\"<b"), ("new", "2"), ("decision", "allow")];
        assert_eq!(
            form.fields,
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(page.form("other").unwrap().fields.len(), 1);
        assert_eq!(page.form("").unwrap().action.path(), "/x");
        assert!(page.form("no").is_err());
    }

    #[test]
    fn a_link_is_found_by_id_or_target() {
        let page = page("<p><a id=out href=\"/bye?x=1&amp;y=2\">out</a> <a href=in>in</a></p>");
        let out = page.link("out").unwrap();
        assert_eq!(out.as_str(), "http://localhost:1/bye?x=1&y=2");
        assert_eq!(page.link("in").unwrap().as_str(), "http://localhost:1/in");
        assert!(page.link("gone").is_err());
        assert_eq!(page.parameter("b").as_deref(), Some("c"));
    }
}
