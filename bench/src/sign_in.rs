//! The people and their browsers: cookies, forms, and the way from an app's redirect to the one back.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio::task::JoinSet;

use crate::connection::{Answer, Connection, encode};
use crate::contestant::{APP_OPAQUE, REDIRECT_URI, SCOPE, Target};

/// How many there are; each connection has at least one of its own.
pub(crate) const PEOPLE: usize = 128;
/// The password of them all.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The code verifier of them all, and its challenge (RFC 7636, appendix B).
pub(crate) const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const STATE: &str = "state-as-long-as-one-that-an-app-would-draw";

/// The most steps from an app and back to it.
const LONGEST_WAY: usize = 10;

/// The name that a person signs in with.
pub(crate) fn username(number: usize) -> String {
    format!("person-{number}")
}

/// A person at a browser.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    username: String,
    cookies: Vec<(String, String)>,
    /// The cookies as a header.
    line: String,
}

/// Signs everybody in at `target`, and lets them allow every app.
pub(crate) async fn everybody(target: &Arc<Target>) -> Result<Vec<Person>> {
    const AT_ONCE: usize = 8;
    let mut signing_in = JoinSet::new();
    for lane in 0..AT_ONCE {
        let target = Arc::clone(target);
        signing_in.spawn(async move {
            let mut connection = target.connect().await?;
            let mut people = Vec::new();
            for number in (lane..PEOPLE).step_by(AT_ONCE) {
                let mut person = Person::new(username(number));
                for app in target.apps.iter().map(String::as_str).chain([APP_OPAQUE]) {
                    let visit = person.visit(&mut connection, &target, app).await;
                    visit.with_context(|| format!("signing {} in", person.username))?;
                }
                people.push(person);
            }
            anyhow::Ok(people)
        });
    }
    let mut people = Vec::new();
    while let Some(signed_in) = signing_in.join_next().await {
        people.append(&mut signed_in??);
    }
    Ok(people)
}

impl Person {
    /// Somebody whose browser was never here.
    pub(crate) fn new(username: String) -> Self {
        Self {
            username,
            cookies: Vec::new(),
            line: "cookie: theme=dark".to_owned(),
        }
    }

    /// Goes to `app` and through every page that comes; gives the code that the app receives.
    pub(crate) async fn visit(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        app: &str,
    ) -> Result<String> {
        let mut request = Step::Open(authorization_request(target, app));
        for _ in 0..LONGEST_WAY {
            let answer = match &request {
                Step::Open(path) => connection.get(path, &[&self.line]).await?,
                Step::Submit(path, fields) => {
                    let fields: Vec<(&str, &str)> = fields
                        .iter()
                        .map(|(name, value)| (*name, value.as_str()))
                        .collect();
                    let headers = [self.line.as_str(), "sec-fetch-site: same-origin"];
                    connection.post(path, &headers, &fields).await?
                }
            };
            self.keep_cookies(&answer);
            if answer.status == 200 {
                request = self.fill_in(answer.body)?;
                continue;
            }
            let location = answer.location()?;
            if location.starts_with(REDIRECT_URI) {
                return code(location);
            }
            request = Step::Open(path_of(location).to_owned());
        }
        bail!("the way back to the app has no end")
    }

    /// Goes to `app` as somebody who is signed in and allowed it: the answer to the one request is the code.
    pub(crate) async fn revisit(
        &self,
        connection: &mut Connection,
        authorization_request: &str,
    ) -> Result<String> {
        let answer = connection.get(authorization_request, &[&self.line]).await?;
        code(answer.location()?)
    }

    /// Fills in the form of a page.
    fn fill_in(&self, page: &str) -> Result<Step> {
        let pending = hidden(page, "pending").context("the page has no form that is known")?;
        let pending = ("pending", pending.to_owned());
        if page.contains("id=\"login-form\"") {
            let fields = [
                pending,
                ("username", self.username.clone()),
                ("password", PASSWORD.to_owned()),
            ];
            Ok(Step::Submit("/login", fields.into()))
        } else {
            let fields = [pending, ("decision", "allow".to_owned())];
            Ok(Step::Submit("/consent", fields.into()))
        }
    }

    fn keep_cookies(&mut self, answer: &Answer<'_>) {
        let mut changed = false;
        for cookie in answer.headers("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.cookies.retain(|(kept, _)| kept != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
            changed = true;
        }
        if changed {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            self.line = format!("cookie: {}", pairs.join("; "));
        }
    }
}

/// Where `app` sends a browser (RFC 6749 §4.1.1).
pub(crate) fn authorization_request(target: &Target, app: &str) -> String {
    let query = encode(&[
        ("response_type", "code"),
        ("client_id", app),
        ("redirect_uri", REDIRECT_URI),
        ("scope", SCOPE),
        ("state", STATE),
        ("code_challenge", CODE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    format!("{}?{query}", target.paths.authorize)
}

/// What a browser does next.
enum Step {
    Open(String),
    Submit(&'static str, Vec<(&'static str, String)>),
}

/// The code in the redirect back, if the app would take the redirect for its own.
fn code(location: &str) -> Result<String> {
    let (address, query) = location.split_once('?').unwrap_or((location, ""));
    let parameter = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    if address != REDIRECT_URI || parameter("state").as_deref() != Some(STATE) {
        bail!("not the app's own redirect: {location}");
    }
    parameter("code").with_context(|| format!("no code: {location}"))
}

/// The path and query of an absolute or relative location.
fn path_of(location: &str) -> &str {
    match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |start| &rest[start..]),
        None => location,
    }
}

/// The value of a hidden field.
fn hidden<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://id.example/authorize?a=b", "/authorize?a=b")]
    #[case("/authorize", "/authorize")]
    #[case("https://id.example", "/")]
    fn a_location_is_followed_on_the_same_connection(#[case] location: &str, #[case] path: &str) {
        assert_eq!(path_of(location), path);
    }

    #[test]
    fn only_a_code_with_our_state_is_taken() {
        let good = format!("{REDIRECT_URI}?code=a%2Bb&state={STATE}&iss=x");
        assert_eq!(code(&good).unwrap(), "a+b");
        assert!(code(&good.replace(STATE, "another")).is_err());
        assert!(code(&good.replace("code=", "error=")).is_err());
        assert!(code(&good.replace("https://app", "https://evil")).is_err());
    }

    #[test]
    fn a_hidden_field_is_read_from_its_page() {
        let page =
            r#"<input type="hidden" name="pending" value="sc_pending_x"><input name="username">"#;
        assert_eq!(hidden(page, "pending"), Some("sc_pending_x"));
        assert_eq!(hidden(page, "other"), None);
    }
}
