//! A browser without a window, for the attacks: it keeps cookies, follows redirects, and fills in the server's real forms.
//!
//! It says of itself what a real one says (`Sec-Fetch-Site`, `Origin`), and shares its cookies among all ports of localhost,
//! as real ones do.

use std::collections::BTreeMap;

use http::{HeaderMap, Method, StatusCode, header};
use reqwest::redirect::Policy;
use url::Url;

use super::recorder::FlowId;
use super::threads::RUN;

/// How many redirects and forms lie between the app and the server's last answer, at most.
const LONGEST_WAY: usize = 12;

/// Why the browser did not get where it was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// No answer came.
    #[error("no answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// A page came that it has no use for.
    #[error("{line} was answered with {status}{about}")]
    Unexpected {
        line: String,
        status: StatusCode,
        about: String,
    },
    /// The address makes no sense.
    #[error("{0:?} is no address")]
    Address(String),
    /// Redirects without end.
    #[error("the redirects have no end")]
    Endless,
}

/// A browser and the person in front of it.
pub(crate) struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
    username: String,
    password: String,
}

/// An answer.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    url: Url,
}

impl Browser {
    /// A browser in front of which somebody sits who knows this password, and allows what is asked.
    ///
    /// # Errors
    /// [`reqwest::Error`] if there is no way to make requests.
    pub(crate) fn new(username: &str, password: &str) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: client()?,
            cookies: BTreeMap::new(),
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }

    /// Goes to `url` and onwards, through the sign-in and the consent, until the way leads to an address that begins with
    /// `end`. That address is not visited.
    ///
    /// # Errors
    /// [`Lost`], also where the server shows anything but its sign-in or its consent.
    pub(crate) async fn go(&mut self, run: FlowId, url: &str, end: &str) -> Result<Url, Lost> {
        let mut page = self.get(run, url).await?;
        for _ in 0..LONGEST_WAY {
            page = match page.location()? {
                Some(next) if next.as_str().starts_with(end) => return Ok(next),
                Some(next) => self.get(run, next.as_str()).await?,
                None => self.fill_in(run, &page).await?,
            };
        }
        Err(Lost::Endless)
    }

    /// Follows a link or a redirect to `url`.
    ///
    /// # Errors
    /// [`Lost`].
    pub(crate) async fn get(&mut self, run: FlowId, url: &str) -> Result<Page, Lost> {
        let url = Url::parse(url).map_err(|_| Lost::Address(url.to_owned()))?;
        self.send(run, Method::GET, url, None).await
    }

    /// Presses the button `id` on the page at `url`, which sends a form.
    ///
    /// # Errors
    /// [`Lost`], also where there is no such button.
    pub(crate) async fn press(&mut self, run: FlowId, url: &str, id: &str) -> Result<Page, Lost> {
        let page = self.get(run, url).await?;
        self.submit(run, &page, id, &[]).await
    }

    async fn fill_in(&mut self, run: FlowId, page: &Page) -> Result<Page, Lost> {
        let (button, answers) = if page.text.contains("id=\"login-submit\"") {
            let answers = [
                ("username", self.username.clone()),
                ("password", self.password.clone()),
            ];
            ("login-submit", answers.to_vec())
        } else if page.text.contains("id=\"consent-allow\"") {
            ("consent-allow", vec![("decision", "allow".to_owned())])
        } else {
            return Err(page.unexpected("the way"));
        };
        self.submit(run, page, button, &answers).await
    }

    /// Sends the form around the button `id` with these answers in it.
    async fn submit(
        &mut self,
        run: FlowId,
        page: &Page,
        id: &str,
        answers: &[(&str, String)],
    ) -> Result<Page, Lost> {
        let (action, mut fields) =
            form_around(&page.text, id).ok_or_else(|| page.unexpected("a form"))?;
        let filled = |name: &str| answers.iter().any(|(answer, _)| *answer == name);
        fields.retain(|(name, _)| !filled(name));
        fields.extend(
            answers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let action = page
            .url
            .join(&action)
            .map_err(|_| Lost::Address(action.clone()))?;
        self.send(run, Method::POST, action, Some((&page.url, fields)))
            .await
    }

    async fn send(
        &mut self,
        run: FlowId,
        method: Method,
        url: Url,
        form: Option<(&Url, Vec<(String, String)>)>,
    ) -> Result<Page, Lost> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self
            .http
            .request(method, url.clone())
            .header(RUN, format!("browser {}", run.0))
            .header(header::ACCEPT, "text/html")
            .header("sec-fetch-mode", "navigate")
            .header(header::COOKIE, cookies.join("; "));
        request = match form {
            Some((from, fields)) => request
                .header(
                    "sec-fetch-site",
                    if from.origin() == url.origin() {
                        "same-origin"
                    } else {
                        "same-site"
                    },
                )
                .header(header::ORIGIN, from.origin().ascii_serialization())
                .form(&fields),
            None => request.header("sec-fetch-site", "same-site"),
        };
        let response = request.send().await?;
        self.keep(response.headers());
        Ok(Page {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await?,
            url,
        })
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let Ok(cookie) = cookie.to_str() else {
                continue;
            };
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if value.is_empty() || cookie.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Page {
    /// Where it leads, if it is a redirect.
    fn location(&self) -> Result<Option<Url>, Lost> {
        let Some(location) = self
            .headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
        else {
            return Ok(None);
        };
        let url = self
            .url
            .join(location)
            .map_err(|_| Lost::Address(location.to_owned()))?;
        Ok(Some(url))
    }

    /// The name of the refusal on it.
    pub(crate) fn error_code(&self) -> Option<&str> {
        let (_, rest) = self.text.split_once("id=\"error-code\"")?;
        let (_, rest) = rest.split_once('>')?;
        Some(rest.split_once('<')?.0.trim())
    }

    fn unexpected(&self, line: &str) -> Lost {
        Lost::Unexpected {
            line: format!("{line} to {}", self.url.path()),
            status: self.status,
            about: self
                .error_code()
                .map_or_else(String::new, |code| format!(" ({code})")),
        }
    }
}

/// What the attacks make their requests with: no redirect is followed, and no proxy carries away what stays on this machine.
///
/// # Errors
/// [`reqwest::Error`].
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(std::time::Duration::from_secs(20))
        .user_agent("safeconduct-demo")
        .build()
}

/// The action and the hidden fields of the form that holds the element with this id.
fn form_around(page: &str, id: &str) -> Option<(String, Vec<(String, String)>)> {
    let at = page.find(&format!("id=\"{id}\""))?;
    let form = &page[page[..at].rfind("<form")?..at];
    let action = attribute(form.split('>').next()?, "action")?;
    let hidden = form.split("<input").skip(1).filter_map(|input| {
        let input = input.split('>').next()?;
        (attribute(input, "type")? == "hidden").then_some(())?;
        Some((attribute(input, "name")?, attribute(input, "value")?))
    });
    Some((action, hidden.collect()))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(unescape(rest.split_once('"')?.0))
}

fn unescape(text: &str) -> String {
    let spellings = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ];
    let unescaped = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    spellings.iter().fold(text.to_owned(), unescaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_around_a_button_is_found_among_others() {
        let page = r#"<form action="/other"><input type="hidden" name="pending" value="x"><button>no</button></form>
            <form class="decision" method="post" action="/consent?a=1&amp;b=2"><input type="hidden" name="pending" value="sc&#x2f;1">
            <input type="text" name="free" value="y"><button id="consent-allow">Allow</button></form>"#;
        let (action, fields) = form_around(page, "consent-allow").unwrap();
        assert_eq!(action, "/consent?a=1&b=2");
        assert_eq!(fields, [("pending".to_owned(), "sc/1".to_owned())]);
        assert!(form_around(page, "missing").is_none());
    }
}
