//! A browser without a screen and without JavaScript: it keeps cookies, follows redirects, fills in forms, and says where a
//! request comes from as browsers do.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, redirect};
use url::{Origin, Url};

use crate::page::{Form, Page};
use crate::safeconduct::{PASSWORD, USERNAME};

/// The most redirects or pages in a row.
const LONGEST_WAY: usize = 20;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A person's browser. Cookies belong to a host and not to a port, so everything on `localhost` shares them, as in any browser;
/// a clone is another tab of the same one.
#[derive(Clone, Debug)]
pub struct Browser {
    http: reqwest::Client,
    closed: Vec<String>,
}

/// How the page that a request comes from stands to where it goes (Fetch Metadata §2.3); the later, the more foreign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    None,
    SameOrigin,
    SameSite,
    CrossSite,
}

impl Browser {
    /// A browser that was nowhere yet.
    ///
    /// # Errors
    /// There is no TLS to be had.
    pub fn new() -> Result<Self> {
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            http,
            closed: Vec::new(),
        })
    }

    /// The same, but it does not go to addresses that begin with `prefix`: a page there has its URL and nothing else. So a
    /// test is the app whose redirect URI it is.
    #[must_use]
    pub fn stopping_at(mut self, prefix: impl Into<String>) -> Self {
        self.closed.push(prefix.into());
        self
    }

    /// Goes to an address as if it had been typed, and on to where it leads.
    ///
    /// # Errors
    /// An address does not answer, or redirects have no end.
    pub async fn visit(&self, url: &str) -> Result<Page> {
        let url = Url::parse(url).with_context(|| url.to_owned())?;
        self.go(Method::GET, url, None, &[]).await
    }

    /// Follows the link with this id, or with this target, on `page`.
    ///
    /// # Errors
    /// There is no such link, or as [`Browser::visit`].
    pub async fn follow(&self, page: &Page, link: &str) -> Result<Page> {
        let url = page.link(link)?;
        self.go(Method::GET, url, Some(&page.url), &[]).await
    }

    /// Sends a form, and goes on to where that leads.
    ///
    /// # Errors
    /// As [`Browser::visit`].
    pub async fn submit(&self, form: Form) -> Result<Page> {
        let Form {
            method,
            mut action,
            page,
            fields,
        } = form;
        if method == Method::GET {
            action.query_pairs_mut().clear().extend_pairs(&fields);
            return self.go(method, action, Some(&page), &[]).await;
        }
        self.go(method, action, Some(&page), &fields).await
    }

    /// Visits an address and goes through whatever Safeconduct asks on the way: signs the user in, and allows what is asked.
    /// Gives the page behind that.
    ///
    /// # Errors
    /// The password is refused, pages have no end, or as [`Browser::visit`].
    pub async fn sign_in(&self, url: &str) -> Result<Page> {
        let page = self.visit(url).await?;
        self.pass(page).await
    }

    /// Goes through Safeconduct's own pages from `page` on, as [`Browser::sign_in`].
    ///
    /// # Errors
    /// As [`Browser::sign_in`].
    pub async fn pass(&self, mut page: Page) -> Result<Page> {
        let mut signed_in = false;
        for _ in 0..LONGEST_WAY {
            page = if page.has("login-submit") {
                ensure!(!signed_in, "the password was refused: {page}");
                signed_in = true;
                let form = page.form("login-submit")?;
                let form = form.with("username", USERNAME).with("password", PASSWORD);
                self.submit(form).await?
            } else if page.has("consent-allow") {
                self.submit(page.form("consent-allow")?).await?
            } else {
                return Ok(page);
            };
        }
        bail!("one page after the other: {page}")
    }

    /// Goes on from `page`, where it is Safeconduct's question whether to sign out, with yes. Gives the page behind that.
    ///
    /// # Errors
    /// As [`Browser::visit`].
    pub async fn sign_out(&self, page: Page) -> Result<Page> {
        if page.has("logout-yes") {
            return self.submit(page.form("logout-yes")?).await;
        }
        Ok(page)
    }

    async fn go(
        &self,
        mut method: Method,
        mut url: Url,
        from: Option<&Url>,
        fields: &[(String, String)],
    ) -> Result<Page> {
        let mut site = Relation::None;
        for _ in 0..LONGEST_WAY {
            if self
                .closed
                .iter()
                .any(|closed| url.as_str().starts_with(closed))
            {
                return Ok(Page::unseen(url));
            }
            site = site.max(Relation::between(from, &url));
            let mut request = self
                .http
                .request(method.clone(), url.clone())
                .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
                .header("sec-fetch-dest", "document")
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-site", site.name())
                .header("sec-fetch-user", "?1")
                .header("upgrade-insecure-requests", "1");
            if method == Method::POST {
                let origin = from.map_or(Origin::new_opaque(), Url::origin);
                request = request
                    .header("origin", origin.ascii_serialization())
                    .form(fields);
            }
            let answer = request.send().await?;
            let status = answer.status();
            let Some(next) = location(&url, answer.headers()).filter(|_| status.is_redirection())
            else {
                return Page::read(url, answer).await;
            };
            url = next;
            // RFC 9110 §15.4: 307 and 308 repeat the request, what else there is becomes a GET, as in every browser.
            if ![307, 308].contains(&status.as_u16()) {
                method = Method::GET;
            }
        }
        bail!("redirects without end: {url}")
    }
}

impl Relation {
    fn between(from: Option<&Url>, to: &Url) -> Self {
        match from {
            None => Self::None,
            Some(from) if from.origin() == to.origin() => Self::SameOrigin,
            // Ports make an origin, not a site.
            Some(from) if from.scheme() == to.scheme() && from.host() == to.host() => {
                Self::SameSite
            }
            Some(_) => Self::CrossSite,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SameOrigin => "same-origin",
            Self::SameSite => "same-site",
            Self::CrossSite => "cross-site",
        }
    }
}

fn location(base: &Url, headers: &HeaderMap) -> Option<Url> {
    let text = headers.get(LOCATION)?.to_str().ok()?;
    let mut url = base.join(text).ok()?;
    // An empty fragment, which keeps a browser from carrying over that of the page before; it is no part of what is asked for.
    if url.fragment() == Some("") {
        url.set_fragment(None);
    }
    Some(url)
}
