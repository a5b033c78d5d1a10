//! A person's browser: it keeps cookies, follows our own redirects, and posts the forms it is shown.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use http::{Method, header, request};
use safeconduct_protocol::encoding;
use safeconduct_protocol::random;
use url::Url;

use super::cast::{STATE, password_of, redirect_uri_of};
use super::{Answer, Code, Form, SOMEWHERE, TestServer, Tokens, from};

/// An authorization request that a client makes (RFC 6749 §4.1.1), and the verifier it keeps (RFC 7636).
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) client: String,
    pub(crate) verifier: String,
    pub(crate) form: Form,
}

impl Ask {
    /// A flawless request of `client` to read notes.
    pub(crate) fn of(client: &str) -> Self {
        let verifier = random::token();
        let form = Form::new()
            .with("response_type", "code")
            .with("client_id", client)
            .with("redirect_uri", redirect_uri_of(client))
            .with("scope", "notes.read")
            .with("state", STATE)
            .with(
                "code_challenge",
                &encoding::sha256_base64url(verifier.as_bytes()),
            )
            .with("code_challenge_method", "S256");
        Self {
            client: client.to_owned(),
            verifier,
            form,
        }
    }

    /// The same with another scope.
    pub(crate) fn scope(self, scope: &str) -> Self {
        self.with("scope", scope)
    }

    /// The same with `name` set to `value`.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        Self {
            form: self.form.with(name, value),
            ..self
        }
    }

    /// The same with `name` sent once more.
    pub(crate) fn and(self, name: &str, value: &str) -> Self {
        Self {
            form: self.form.and(name, value),
            ..self
        }
    }

    /// The same without `name`.
    pub(crate) fn without(self, name: &str) -> Self {
        Self {
            form: self.form.without(name),
            ..self
        }
    }

    /// What the browser is sent with once the request was pushed (RFC 9126 §4).
    pub(crate) fn pushed_as(&self, answer: &Answer) -> Self {
        assert_eq!(answer.status, 201, "{answer:?}");
        let request_uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
        Self {
            form: Form::new()
                .with("client_id", &self.client)
                .with("request_uri", &request_uri),
            ..self.clone()
        }
    }

    /// The redirect URI that is sent.
    pub(crate) fn redirect_uri(&self) -> &str {
        self.form.get("redirect_uri").unwrap_or_default()
    }
}

/// A browser.
#[derive(Clone)]
pub(crate) struct Browser<'s> {
    server: &'s TestServer,
    pub(crate) cookies: BTreeMap<String, String>,
    /// What a neighbour host has set for the whole domain: it comes first in every `Cookie` header.
    pub(crate) planted: Vec<u8>,
    address: IpAddr,
    user_agent: Option<&'static str>,
}

impl<'s> Browser<'s> {
    pub(crate) fn new(server: &'s TestServer) -> Self {
        Self {
            server,
            cookies: BTreeMap::new(),
            planted: Vec::new(),
            address: SOMEWHERE,
            user_agent: None,
        }
    }

    /// The same browser on another network.
    pub(crate) fn at(self, address: impl Into<IpAddr>) -> Self {
        Self {
            address: address.into(),
            ..self
        }
    }

    /// The same browser with this `User-Agent`.
    pub(crate) fn calling_itself(self, user_agent: &'static str) -> Self {
        Self {
            user_agent: Some(user_agent),
            ..self
        }
    }

    /// Opens the address that a client sends it to, and follows our own redirects.
    pub(crate) async fn authorize(&mut self, ask: &Ask) -> Answer {
        let url = self.path("/authorize") + "?" + &ask.form.encode();
        self.open(&url).await
    }

    /// Opens an address of ours and follows our own redirects.
    pub(crate) async fn open(&mut self, url: &str) -> Answer {
        let answer = self.get(url).await;
        self.follow(answer).await
    }

    /// Opens an address of ours and follows nothing.
    pub(crate) async fn get(&mut self, url: &str) -> Answer {
        let request = self.request(Method::GET, url);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Types `user`'s name and password into the login page and goes on.
    pub(crate) async fn sign_in(&mut self, page: &Answer, user: &str) -> Answer {
        let answer = self.guess(page, user, &password_of(user)).await;
        self.follow(answer).await
    }

    /// Types a name and a password into the login page; the answer to the form itself.
    pub(crate) async fn guess(&mut self, page: &Answer, username: &str, password: &str) -> Answer {
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("username", username)
            .with("password", password);
        self.post("/login", &form).await
    }

    /// Presses *Allow* on the consent page.
    pub(crate) async fn allow(&mut self, page: &Answer) -> Answer {
        self.decide(page, "allow").await
    }

    /// Presses *Don't allow* on the consent page.
    pub(crate) async fn deny(&mut self, page: &Answer) -> Answer {
        self.decide(page, "deny").await
    }

    async fn decide(&mut self, page: &Answer, decision: &str) -> Answer {
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("decision", decision);
        let answer = self.post("/consent", &form).await;
        self.follow(answer).await
    }

    /// The code for what `ask` asks, in a browser that is signed in: *Allow* is pressed where it is asked for.
    pub(crate) async fn code(&mut self, ask: &Ask) -> Code {
        let answer = self.authorize(ask).await;
        if answer.has_code() {
            return answer.code(ask);
        }
        self.allow(&answer).await.code(ask)
    }

    /// The tokens for what `ask` asks, in a browser that is signed in.
    pub(crate) async fn tokens(&mut self, ask: &Ask) -> Tokens {
        let code = self.code(ask).await;
        self.server.exchange(&code).await.tokens()
    }

    /// Signs out by the form of the front page.
    pub(crate) async fn sign_out(&mut self) -> Answer {
        let page = self.get(&self.path("/logout")).await;
        self.post(
            "/logout/confirm",
            &Form::new().with("csrf", &page.hidden("csrf")),
        )
        .await
    }

    /// Posts a form of ours, as a browser does from our own page.
    pub(crate) async fn post(&mut self, path: &str, form: &Form) -> Answer {
        // Our pages send no referrer, and so browsers send this origin.
        self.post_from(
            path,
            form,
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        )
        .await
    }

    /// A form of ours, not sent yet.
    pub(crate) fn own_form(&self, path: &str, form: &Form) -> Request {
        let request = self.request(Method::POST, &self.path(path));
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        request.body(Body::from(form.encode())).unwrap()
    }

    /// Posts a form that says about its origin what `headers` say.
    pub(crate) async fn post_from(
        &mut self,
        path: &str,
        form: &Form,
        headers: &[(&str, &str)],
    ) -> Answer {
        let request = self.request(Method::POST, &self.path(path));
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        self.send(request.body(Body::from(form.encode())).unwrap())
            .await
    }

    /// Goes where we send it, as long as it is to ourselves.
    pub(crate) async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..5 {
            let location = answer.location().to_owned();
            if !location.starts_with('/') && !self.is_ours(&location) {
                return answer;
            }
            answer = self.get(&location).await;
        }
        panic!("redirected in a circle: {answer:?}");
    }

    /// The cookie that says who is signed in, by its full name and value; empty if there is none.
    pub(crate) fn session(&self) -> (String, String) {
        let session = self
            .cookies
            .iter()
            .find(|(name, _)| name.contains("sc-session-"));
        session
            .map(|(name, value)| (name.clone(), value.clone()))
            .unwrap_or_default()
    }

    /// The path of an endpoint, below the issuer.
    pub(crate) fn path(&self, endpoint: &str) -> String {
        format!(
            "{}{endpoint}",
            self.server.server().settings().issuer.path()
        )
    }

    fn is_ours(&self, location: &str) -> bool {
        let origin = Url::parse(location).map(|url| url.origin().ascii_serialization());
        origin.is_ok_and(|origin| origin == self.server.server().settings().issuer.origin())
    }

    fn request(&self, method: Method, url: &str) -> request::Builder {
        let own = self.cookies.iter();
        let own = own.map(|(name, value)| format!("{name}={value}").into_bytes());
        let planted = Some(&self.planted).filter(|planted| !planted.is_empty());
        let cookies: Vec<Vec<u8>> = planted.cloned().into_iter().chain(own).collect();
        let request = Request::builder()
            .method(method)
            .uri(url)
            .extension(from(self.address));
        let request = match self.user_agent {
            Some(user_agent) => request.header(header::USER_AGENT, user_agent),
            None => request,
        };
        if cookies.is_empty() {
            request
        } else {
            request.header(header::COOKIE, cookies.join(b"; ".as_slice()))
        }
    }

    async fn send(&mut self, request: Request) -> Answer {
        let answer = self.server.send(request).await;
        for cookie in answer.cookies() {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}
