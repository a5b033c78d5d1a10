//! The app `notes-web` of the guide and the browser of Ada, who uses it: one request at a time, each with who answered it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, ClientBuilder};
use safeconduct_testing_browser::{Browser, Page};
use serde_json::Value;
use url::Url;

const REDIRECT_URI: &str = "https://notes.example.com/auth/callback";
/// The pair of RFC 7636, appendix B.
const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The app and the browser, which share an address.
pub(crate) struct App {
    browser: Browser,
    http: Client,
    issuer: Url,
    secret: String,
}

/// How a server is reached that is known by another name and port.
pub(crate) struct Endpoint<'e> {
    /// The issuer.
    pub(crate) issuer: &'e str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The certificate that it shows, in PEM.
    pub(crate) certificate: Option<&'e str>,
    /// The address that the app and the browser come from.
    pub(crate) from: IpAddr,
}

impl Endpoint<'_> {
    fn http(&self) -> Result<ClientBuilder> {
        let issuer = Url::parse(self.issuer)?;
        let host = issuer.host_str().context("an issuer has a host")?;
        let mut http = Client::builder()
            .no_proxy()
            .local_address(self.from)
            .resolve(host, self.address)
            .timeout(Duration::from_secs(40));
        if let Some(pem) = self.certificate {
            let trusted = reqwest::Certificate::from_pem(pem.as_bytes())?;
            http = http.tls_certs_only([trusted]);
        }
        Ok(http)
    }
}

impl App {
    pub(crate) fn new(server: &Endpoint<'_>, password: &str, secret: &str) -> Result<Self> {
        Ok(Self {
            browser: Browser::with(server.http()?, "ada", password)?.stopping_at(REDIRECT_URI),
            http: server.http()?.build()?,
            issuer: Url::parse(server.issuer)?,
            secret: secret.to_owned(),
        })
    }

    /// Asks for a code: a page, or the redirect to the app if Ada is signed in and has allowed it.
    pub(crate) async fn authorize(&self) -> Result<Page> {
        self.browser
            .open(self.authorization_request()?.as_str())
            .await
    }

    /// Sends the form of the button on this page, with Ada's name and password in it if it asks for them.
    pub(crate) async fn submit(&self, page: &Page, button: &str) -> Result<Page> {
        let form = page.form(button)?;
        self.browser.send(self.browser.filled_in(form)).await
    }

    /// Follows a redirect.
    pub(crate) async fn follow(&self, page: &Page) -> Result<Page> {
        let next = page
            .redirect()
            .with_context(|| format!("no redirect: {page}"))?;
        self.browser.open(next.as_str()).await
    }

    /// Signs in, allows, and gives the code.
    pub(crate) async fn sign_in(&self) -> Result<String> {
        let request = self.authorization_request()?;
        let page = self.browser.sign_in(request.as_str()).await?;
        page.parameter("code")
            .with_context(|| format!("no code: {page}"))
    }

    pub(crate) async fn redeem(&self, code: &str) -> Result<Page> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", CODE_VERIFIER),
        ];
        self.token(&form).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<Page> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.token(&form).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> Result<Page> {
        let url = self.issuer.join("/token")?;
        let request = self.http.post(url.clone());
        let request = request.basic_auth("notes-web", Some(&self.secret));
        Page::read(url, request.form(form).send().await?).await
    }

    fn authorization_request(&self) -> Result<Url> {
        let mut url = self.issuer.join("/authorize")?;
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", "notes-web"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid notes.read offline_access"),
            ("state", "a state of the app"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url)
    }
}

/// What the app reads from an answer.
pub(crate) trait Answer {
    /// The code of a redirect to the app.
    fn code(&self) -> Result<String>;
    /// The refresh token that was issued.
    fn refresh_token(&self) -> Result<String>;
    /// Whether it is the refusal of a code or token that is not good any more.
    fn is_refusal(&self) -> bool;
    /// The id of the request in the log of the node that answered.
    fn correlation(&self) -> Result<&str>;
    fn header(&self, name: &str) -> Result<&str>;
}

impl Answer for Page {
    fn code(&self) -> Result<String> {
        let callback = self.redirect().with_context(|| self.to_string())?;
        ensure!(callback.as_str().starts_with(REDIRECT_URI), "{self}");
        let code = callback.query_pairs().find(|(name, _)| name == "code");
        let code = code.with_context(|| format!("no code in {callback}"))?.1;
        Ok(code.into_owned())
    }

    fn refresh_token(&self) -> Result<String> {
        let body: Value = self.json()?;
        let token = body["refresh_token"].as_str();
        let token = token.filter(|_| self.status == 200);
        Ok(token
            .with_context(|| format!("no tokens: {self}"))?
            .to_owned())
    }

    fn is_refusal(&self) -> bool {
        let body: Value = self.json().unwrap_or_default();
        self.status == 400 && body["error"] == "invalid_grant"
    }

    fn correlation(&self) -> Result<&str> {
        self.header("x-correlation-id")
    }

    fn header(&self, name: &str) -> Result<&str> {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.with_context(|| format!("no {name} in {self}"))
    }
}
