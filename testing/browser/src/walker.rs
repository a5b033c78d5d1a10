//! A browser without a screen and without JavaScript: it keeps cookies, follows redirects, fills in forms, and says where a
//! request comes from as browsers do.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{ClientBuilder, Method, redirect};
use url::Url;

use crate::page::{Form, Page};

/// The most redirects or pages in a row.
const LONGEST_WAY: usize = 20;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A user's browser. Cookies belong to a host and not to a port, so everything on `localhost` shares them, as in any browser;
/// a clone is another tab of the same one.
#[derive(Clone, Debug)]
pub struct Browser {
    http: reqwest::Client,
    closed: Vec<String>,
    username: String,
    password: String,
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
    /// A new browser, whose user signs in at Safeconduct with this name and password.
    ///
    /// # Errors
    /// There is no TLS to be had.
    pub fn new(username: &str, password: &str) -> Result<Self> {
        Self::with(reqwest::Client::builder(), username, password)
    }

    /// The same, whose connections are made as `http` says: from which address, to which, with whom to trust.
    ///
    /// # Errors
    /// As [`Browser::new`].
    pub fn with(http: ClientBuilder, username: &str, password: &str) -> Result<Self> {
        let http = http
            .cookie_store(true)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            http,
            closed: Vec::new(),
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }

    /// The same, but it does not go to addresses that begin with `prefix`: a page there has its URL and nothing else. So a
    /// test is the app whose redirect URI it is.
    #[must_use]
    pub fn stopping_at(mut self, prefix: impl Into<String>) -> Self {
        self.closed.push(prefix.into());
        self
    }

    /// Goes to an address as if it had been typed, and follows nothing.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn open(&self, url: &str) -> Result<Page> {
        let url = Url::parse(url).with_context(|| url.to_owned())?;
        self.ask(&Form::get(url.clone(), url), Relation::None).await
    }

    /// Sends a form, and follows nothing.
    ///
    /// # Errors
    /// Its address does not answer.
    pub async fn send(&self, form: Form) -> Result<Page> {
        let relation = Relation::between(&form.page, &form.action);
        self.ask(&form, relation).await
    }

    /// Goes to an address as if it had been typed, and on to where it leads.
    ///
    /// # Errors
    /// An address does not answer, or redirects have no end.
    pub async fn visit(&self, url: &str) -> Result<Page> {
        let url = Url::parse(url).with_context(|| url.to_owned())?;
        self.go(Form::get(url.clone(), url), Relation::None).await
    }

    /// Follows the link with this id, or with this target, on `page`.
    ///
    /// # Errors
    /// There is no such link, or as [`Browser::visit`].
    pub async fn follow(&self, page: &Page, link: &str) -> Result<Page> {
        let form = Form::get(page.link(link)?, page.url.clone());
        self.submit(form).await
    }

    /// Sends a form, and goes on to where that leads.
    ///
    /// # Errors
    /// As [`Browser::visit`].
    pub async fn submit(&self, form: Form) -> Result<Page> {
        let relation = Relation::between(&form.page, &form.action);
        self.go(form, relation).await
    }

    /// The form with the user's name and password, if it asks for them.
    pub fn filled_in(&self, form: Form) -> Form {
        if form.value("password").is_none() {
            return form;
        }
        form.with("username", &self.username)
            .with("password", &self.password)
    }

    /// Visits an address and goes through whatever Safeconduct asks on the way: signs the user in, allows what is asked, and puts off what
    /// is offered.
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
                let form = self.filled_in(page.form("login-submit")?);
                self.submit(form).await?
            } else if page.has("consent-allow") {
                self.submit(page.form("consent-allow")?).await?
            } else if page.has("offer-not-now") {
                self.submit(page.form("offer-not-now")?).await?
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

    async fn go(&self, mut form: Form, mut relation: Relation) -> Result<Page> {
        for _ in 0..LONGEST_WAY {
            let page = self.ask(&form, relation).await?;
            let Some(next) = page.redirect() else {
                return Ok(page);
            };
            // RFC 9110 §15.4: 307 and 308 repeat the request, what else there is becomes a GET, as in every browser.
            let repeated = form.method == Method::POST && [307, 308].contains(&page.status);
            form = match repeated {
                true => Form {
                    action: next,
                    ..form
                },
                false => Form::get(next, form.page),
            };
            if relation != Relation::None {
                relation = relation.max(Relation::between(&form.page, &form.action));
            }
        }
        bail!("redirects without end: {}", form.action)
    }

    async fn ask(&self, form: &Form, relation: Relation) -> Result<Page> {
        let mut url = form.action.clone();
        if form.method == Method::GET && !form.fields.is_empty() {
            url.query_pairs_mut().clear().extend_pairs(&form.fields);
        }
        if (self.closed.iter()).any(|closed| url.as_str().starts_with(closed)) {
            return Ok(Page::unseen(url));
        }
        let mut request = self
            .http
            .request(form.method.clone(), url.clone())
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", relation.name())
            .header("sec-fetch-user", "?1")
            .header("upgrade-insecure-requests", "1");
        if form.method == Method::POST {
            let origin = form.page.origin().ascii_serialization();
            request = request.header("origin", origin).form(&form.fields);
        }
        Page::read(url, request.send().await?).await
    }
}

impl Relation {
    fn between(from: &Url, to: &Url) -> Self {
        if from.origin() == to.origin() {
            Self::SameOrigin
        } else if from.scheme() == to.scheme() && from.host() == to.host() {
            // Ports make an origin, not a site.
            Self::SameSite
        } else {
            Self::CrossSite
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
