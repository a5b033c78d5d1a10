//! What a server answers, and what every answer must be whatever was asked.

use std::fmt;

use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use safeconduct_protocol::error::REGISTRY;
use serde_json::Value;
use url::Url;

use super::{Ask, Code, Tokens};

/// An answer, read to its end.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    leads_to: String,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut answer = Self {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
            leads_to: String::new(),
        };
        answer.leads_to = answer.leads_to();
        answer.keeps_every_promise();
        answer
    }

    /// What holds for every answer of this server: no fault, no redirect that repeats a body, no raw control byte in a
    /// `Location`, no page in a frame or a cache, no JSON that a browser would take for something else.
    fn keeps_every_promise(&self) {
        assert!(
            !self.status.is_server_error() || [501, 503].contains(&self.status.as_u16()),
            "{self:?}"
        );
        assert!(!self.header("x-correlation-id").is_empty(), "{self:?}");
        if self.status.is_redirection() && self.status != StatusCode::NOT_MODIFIED {
            assert_eq!(self.status, StatusCode::SEE_OTHER, "{self:?}");
            assert!(
                self.location().bytes().all(|byte| byte.is_ascii_graphic()),
                "{self:?}"
            );
            assert!(self.location().len() <= 8 * 1024, "{self:?}");
        } else if self.status != StatusCode::CREATED {
            assert_eq!(self.header("location"), "", "{self:?}");
        }
        assert!(self.head_bytes() < 4 * 1024, "{self:?}");
        if self.is_page() {
            self.keeps_every_promise_of_a_page();
        }
        if self.header("content-type").starts_with("application/json") {
            assert_eq!(self.header("x-content-type-options"), "nosniff", "{self:?}");
        }
    }

    fn keeps_every_promise_of_a_page(&self) {
        let policy = self.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{self:?}");
        assert!(policy.contains("frame-ancestors 'none'"), "{self:?}");
        assert!(!policy.contains("unsafe"), "{self:?}");
        assert_eq!(self.header("x-frame-options"), "DENY", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        // Three kinds of page have a script: the one that submits itself to a client, which may see where it comes from, those that
        // ask for a passkey or whether there could be one, and those that can show a password.
        let (referrer, scripts) = match self.is_form_post() {
            true => ("strict-origin", 1),
            false => {
                let has = |attributes: &[&str]| {
                    let mut attributes = attributes.iter();
                    usize::from(attributes.any(|named| self.body.contains(named)))
                };
                let asks = has(&[
                    " data-passkey=",
                    " data-accepted=",
                    "name=\"makes_passkeys\"",
                ]);
                ("no-referrer", asks + has(&[" data-shows="]))
            }
        };
        let may_run = policy.contains("script-src 'self'");
        assert_eq!(may_run, scripts > 0, "{self:?}");
        assert_eq!(self.header("referrer-policy"), referrer, "{self:?}");
        let found = self.body.matches("<script").count();
        assert_eq!(found, scripts, "{self:?}");
        assert_eq!(
            self.body.matches("<script src=\"/").count(),
            scripts,
            "{self:?}"
        );
    }

    /// A header's only or first value; empty if it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Where the browser is sent, by a redirect or by a page that leads there; empty if nowhere.
    pub(crate) fn location(&self) -> &str {
        &self.leads_to
    }

    fn leads_to(&self) -> String {
        match self
            .body
            .split_once("<meta http-equiv=\"refresh\" content=\"0;url=")
        {
            Some((_, rest)) if self.is_page() => {
                let (url, _) = rest.split_once('"').unwrap();
                unescaped(url)
            }
            _ => self.header("location").to_owned(),
        }
    }

    /// How long its head is on the wire, with the status line and what is added below the router: `date`, `content-length`,
    /// `connection`. By default nginx reads 4 KiB of it and answers 502 beyond (`proxy_buffer_size`).
    pub(crate) fn head_bytes(&self) -> usize {
        const BELOW_THE_ROUTER: usize = 150;
        let lines = self.headers.iter();
        let lines = lines.map(|(name, value)| name.as_str().len() + value.len() + 4);
        BELOW_THE_ROUTER + lines.sum::<usize>()
    }

    /// The cookies that are set, attributes and all.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        let values = self.headers.get_all(header::SET_COOKIE).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    pub(crate) fn is_page(&self) -> bool {
        self.header("content-type").starts_with("text/html")
    }

    /// Whether it is the page that carries an answer to a client by a form (Form Post Response Mode §2).
    pub(crate) fn is_form_post(&self) -> bool {
        self.is_page() && self.body.contains("<form id=\"form-post\"")
    }

    /// What a browser would post from that page, in order.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        assert!(self.is_form_post(), "{self:?}");
        let inputs = self.body.split("<input type=\"hidden\" name=\"").skip(1);
        inputs
            .map(|input| {
                let (name, rest) = input.split_once("\" value=\"").unwrap();
                let (value, _) = rest.split_once('"').unwrap();
                (unescaped(name), unescaped(value))
            })
            .collect()
    }

    /// The challenges, one for each scheme (RFC 9110 §11.6.1).
    pub(crate) fn challenges(&self) -> Vec<&str> {
        let values = self.headers.get_all(header::WWW_AUTHENTICATE).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// A parameter of the redirect.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let location = Url::parse(self.location()).ok()?;
        let mut pairs = location.query_pairs();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Whether a code is sent to the client.
    pub(crate) fn has_code(&self) -> bool {
        self.parameter("code").is_some()
    }

    /// The code that is sent to the client which asked `ask`.
    pub(crate) fn code(&self, ask: &Ask) -> Code {
        let code = self
            .parameter("code")
            .unwrap_or_else(|| panic!("no code: {self:?}"));
        Code::of(ask, code)
    }

    /// The tokens in an answer of the token endpoint.
    pub(crate) fn tokens(&self) -> Tokens {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        let body = self.json();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Tokens {
            access: text("access_token").unwrap(),
            refresh: text("refresh_token"),
            id: text("id_token"),
            scope: text("scope").unwrap(),
        }
    }

    /// The value of a hidden field of the page, as the browser would send it.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self
            .body
            .split_once(&start)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// The page's title: which page it is.
    pub(crate) fn title(&self) -> &str {
        let title = self
            .body
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"));
        title.map_or("", |(title, _)| title.trim())
    }

    /// The refusal's stable name on a page.
    fn name_on_page(&self) -> Option<&str> {
        let (_, rest) = self.body.split_once("<code id=\"error-code\">")?;
        Some(rest.split_once('<')?.0)
    }
}

/// Text as a browser reads it out of an attribute.
fn unescaped(markup: &str) -> String {
    let mut text = String::new();
    let mut rest = markup;
    while let Some((before, reference)) = rest.split_once('&') {
        let (name, after) = reference.split_once(';').unwrap();
        let character = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            number => char::from_u32(number.trim_start_matches('#').parse().unwrap()).unwrap(),
        };
        text.push_str(before);
        text.push(character);
        rest = after;
    }
    text + rest
}

/// The refusals that have this public sentence. A few share one on purpose: they must not be told apart.
fn names(public: &str) -> String {
    let same = REGISTRY.iter().filter(|entry| entry.public == public);
    same.map(|entry| entry.name)
        .collect::<Vec<_>>()
        .join(" or ")
}

/// The answer in one line, without what differs each time: `400 invalid_grant (code-redeemed)`.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        if let Ok(location) = Url::parse(self.location()) {
            return redirect(&location, f);
        }
        if !self.location().is_empty() {
            let path = self.location().split('?').next().unwrap_or_default();
            return write!(f, " {path}");
        }
        if let Some(name) = self.name_on_page() {
            return write!(f, " page ({name})");
        }
        if self.is_page() {
            return write!(f, " page “{}”", self.title());
        }
        if let Ok(Value::Object(mut members)) = serde_json::from_str(&self.body) {
            if let (Some(error), Some(Value::String(description))) = (
                members.get("error").and_then(Value::as_str),
                members.get("error_description"),
            ) {
                return write!(f, " {error} ({})", names(description));
            }
            for secret in [
                "access_token",
                "refresh_token",
                "id_token",
                "request_uri",
                "jti",
                "jkt",
                "grant_id",
                "sub",
            ] {
                if let Some(value) = members.get_mut(secret) {
                    *value = Value::from("…");
                }
            }
            // By name: the order of members depends on what else serde_json was built for.
            members.sort_keys();
            return write!(f, " {}", Value::Object(members));
        }
        if self.body.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.body)
        }
    }
}

fn redirect(location: &Url, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut bare = location.clone();
    bare.set_query(None);
    // Every address of an app ends in a fragment of ours, an empty one.
    if bare.fragment() == Some("") {
        bare.set_fragment(None);
    }
    write!(f, " {bare}")?;
    for (name, value) in location.query_pairs() {
        match &*name {
            "code" | "pending" | "arrival" => write!(f, " {name}=…")?,
            "error_description" => write!(f, " ({})", names(&value))?,
            _ => write!(f, " {name}={value}")?,
        }
    }
    Ok(())
}

/// The whole answer, for a test that has failed.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{:#?}\n{}", self.status, self.headers, self.body)
    }
}
