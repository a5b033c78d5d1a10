//! The app `notes-web` of the guide and the browser of Ada, who uses it: one request at a time, each with who answered it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use url::Url;

const REDIRECT_URI: &str = "https://notes.example.com/auth/callback";
/// The pair of RFC 7636, appendix B.
const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The app and the browser, which share an address.
pub(crate) struct App {
    http: Client,
    issuer: Url,
    secret: String,
    cookies: BTreeMap<String, String>,
}

/// Where a server is found that is known by another name and port.
pub(crate) struct Door<'d> {
    /// The issuer.
    pub(crate) issuer: &'d str,
    /// Who really listens.
    pub(crate) address: SocketAddr,
    /// The certificate that it shows, in PEM.
    pub(crate) certificate: Option<&'d str>,
    /// The address that the app and the browser come from.
    pub(crate) from: IpAddr,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl App {
    pub(crate) fn new(door: &Door<'_>, secret: &str) -> Result<Self> {
        let issuer = Url::parse(door.issuer)?;
        let host = issuer.host_str().context("an issuer has a host")?;
        let mut http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .local_address(door.from)
            .resolve(host, door.address)
            .timeout(Duration::from_secs(40));
        if let Some(pem) = door.certificate {
            let trusted = reqwest::Certificate::from_pem(pem.as_bytes())?;
            http = http.tls_certs_only([trusted]);
        }
        Ok(Self {
            http: http.build()?,
            issuer,
            secret: secret.to_owned(),
            cookies: BTreeMap::new(),
        })
    }

    /// Asks for a code: a page, or the redirect to the app if Ada is signed in and has allowed it.
    pub(crate) async fn authorize(&mut self) -> Result<Answer> {
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
        self.browse(self.http.get(url)).await
    }

    /// Sends the form of the page `shown` with these further fields.
    pub(crate) async fn submit(
        &mut self,
        path: &str,
        shown: &Answer,
        fields: &[(&str, &str)],
    ) -> Result<Answer> {
        let pending = shown.hidden("pending")?;
        let form = [&[("pending", pending)], fields].concat();
        let request = self.http.post(self.issuer.join(path)?);
        let request = request.header("sec-fetch-site", "same-origin").form(&form);
        self.browse(request).await
    }

    /// Follows a redirect to the server itself.
    pub(crate) async fn follow(&mut self, answer: &Answer) -> Result<Answer> {
        let target = self.issuer.join(answer.location()?)?;
        self.browse(self.http.get(target)).await
    }

    /// Signs in, allows, and gives the code.
    pub(crate) async fn sign_in(&mut self, username: &str, password: &str) -> Result<String> {
        let asked = self.authorize().await?;
        let fields = [("username", username), ("password", password)];
        let signed_in = self.submit("/login", &asked, &fields).await?;
        let consent = self.follow(&signed_in).await?;
        let allowed = self
            .submit("/consent", &consent, &[("decision", "allow")])
            .await?;
        allowed.code()
    }

    pub(crate) async fn redeem(&self, code: &str) -> Result<Answer> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", CODE_VERIFIER),
        ];
        self.token(&form).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<Answer> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.token(&form).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> Result<Answer> {
        let request = self.http.post(self.issuer.join("/token")?);
        let request = request.basic_auth("notes-web", Some(&self.secret));
        Answer::to(request.form(form)).await
    }

    async fn browse(&mut self, request: RequestBuilder) -> Result<Answer> {
        let cookies = self.cookies.iter();
        let cookies: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = Answer::to(request.header(COOKIE, cookies.join("; "))).await?;
        let set = answer.headers.get_all(SET_COOKIE).iter();
        let pairs =
            set.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()?.split_once('='));
        self.cookies
            .extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(answer)
    }
}

impl Answer {
    async fn to(request: RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await?,
        })
    }

    /// The name by which the node that answered has the request in its log.
    pub(crate) fn correlation(&self) -> Result<&str> {
        self.header("x-correlation-id")
    }

    pub(crate) fn header(&self, name: &str) -> Result<&str> {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.with_context(|| format!("no {name} in {self:?}"))
    }

    /// The code of a redirect to the app.
    pub(crate) fn code(&self) -> Result<String> {
        let callback = Url::parse(self.location()?)?;
        ensure!(callback.as_str().starts_with(REDIRECT_URI), "{self:?}");
        let code = callback.query_pairs().find(|(name, _)| name == "code");
        let code = code.with_context(|| format!("no code in {callback}"))?.1;
        Ok(code.into_owned())
    }

    /// The refresh token that was issued.
    pub(crate) fn refresh_token(&self) -> Result<String> {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let token = body["refresh_token"].as_str();
        let token = token.filter(|_| self.status == 200);
        Ok(token
            .with_context(|| format!("no tokens: {self:?}"))?
            .to_owned())
    }

    /// Whether it is the refusal of a code or token that is not good any more.
    pub(crate) fn is_refusal(&self) -> bool {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        self.status == 400 && body["error"] == "invalid_grant"
    }

    fn location(&self) -> Result<&str> {
        ensure!(self.status == 303, "no redirect: {self:?}");
        self.header(LOCATION.as_str())
    }

    fn hidden(&self, name: &str) -> Result<&str> {
        let field = format!("name=\"{name}\" value=\"");
        let value = self
            .body
            .split_once(&field)
            .and_then(|(_, rest)| rest.split_once('"'));
        Ok(value.with_context(|| format!("no form: {self:?}"))?.0)
    }
}
