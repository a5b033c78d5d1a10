//! What clients and APIs send without a browser: token, introspection and revocation requests.

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use safeconduct_protocol::client::AuthenticationMethod;
use safeconduct_protocol::client_authentication::JWT_BEARER;
use safeconduct_protocol::refresh_token::RefreshToken;
use safeconduct_protocol::seal::Kind;
use serde::de::DeserializeOwned;

use super::cast::{NOTES_API, assertion, registration, secret_of};
use super::{Answer, Ask, TestServer, database};

/// Parameters in the order they are sent.
#[derive(Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The same with `name` set to `value`, where it stood.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        match self.0.iter_mut().find(|(sent, _)| sent == name) {
            Some((_, old)) => value.clone_into(old),
            None => self = self.and(name, value),
        }
        self
    }

    /// The same with `name` sent once more.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without `name`.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(sent, _)| sent != name);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(sent, _)| sent == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }
}

/// A code as its client keeps it: with what it must show beside it.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) client: String,
    pub(crate) text: String,
    redirect_uri: String,
    pub(crate) verifier: String,
}

impl Code {
    pub(crate) fn of(ask: &Ask, text: String) -> Self {
        Self {
            client: ask.client.clone(),
            text,
            redirect_uri: ask.redirect_uri().to_owned(),
            verifier: ask.verifier.clone(),
        }
    }

    /// The token request that redeems it (RFC 6749 §4.1.3).
    pub(crate) fn exchange(&self) -> Form {
        Form::new()
            .with("grant_type", "authorization_code")
            .with("code", &self.text)
            .with("redirect_uri", &self.redirect_uri)
            .with("code_verifier", &self.verifier)
    }
}

/// What a code bought.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) scope: String,
}

impl Tokens {
    /// The refresh token.
    pub(crate) fn refresh_token(&self) -> &str {
        self.refresh.as_deref().expect("this client may refresh")
    }

    /// The ID Token.
    pub(crate) fn id_token(&self) -> &str {
        self.id.as_deref().expect("openid was asked for")
    }

    /// The token request that uses the refresh token (RFC 6749 §6).
    pub(crate) fn refresh(&self) -> Form {
        Form::new()
            .with("grant_type", "refresh_token")
            .with("refresh_token", self.refresh_token())
    }
}

/// How a request says which client it is from.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// Id and secret, form-encoded in the header (RFC 6749 §2.3.1).
    Basic(String, String),
    /// Id and secret in the body.
    Post(String, String),
    /// A signed assertion (RFC 7523).
    Assertion(String),
    /// The id alone.
    Id(String),
    /// Nothing at all.
    Nothing,
}

impl TestServer {
    /// The credentials that `client` is registered with, good for one request.
    pub(crate) fn credentials(&self, client: &str) -> Credentials {
        let id = client.to_owned();
        match registration(client).authentication {
            AuthenticationMethod::ClientSecretBasic => Credentials::Basic(id, secret_of(client)),
            AuthenticationMethod::ClientSecretPost => Credentials::Post(id, secret_of(client)),
            AuthenticationMethod::PrivateKeyJwt => {
                Credentials::Assertion(assertion(client, self.issuer(), self.now()))
            }
            AuthenticationMethod::None => Credentials::Id(id),
        }
    }

    /// A request to a back-channel endpoint.
    pub(crate) fn back_channel(
        &self,
        path: &str,
        credentials: &Credentials,
        form: &Form,
    ) -> Request {
        let path = format!("{}{path}", self.server().settings().issuer.path());
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut form = form.clone();
        match credentials {
            Credentials::Basic(id, secret) => {
                request = request.header(header::AUTHORIZATION, basic(id, secret))
            }
            Credentials::Post(id, secret) => {
                form = form.and("client_id", id).and("client_secret", secret)
            }
            Credentials::Assertion(text) => {
                form = form
                    .and("client_assertion_type", JWT_BEARER)
                    .and("client_assertion", text);
            }
            Credentials::Id(id) => form = form.and("client_id", id),
            Credentials::Nothing => {}
        }
        request.body(Body::from(form.encode())).unwrap()
    }

    /// `POST /token` by `client`.
    pub(crate) async fn token(&self, client: &str, form: &Form) -> Answer {
        self.token_with(&self.credentials(client), form).await
    }

    /// `POST /token` with these credentials.
    pub(crate) async fn token_with(&self, credentials: &Credentials, form: &Form) -> Answer {
        let answer = self
            .send(self.back_channel("/token", credentials, form))
            .await;
        assert_eq!(
            answer.header("cache-control"),
            "no-store",
            "RFC 6749 §5.1: {answer:?}"
        );
        answer
    }

    /// Redeems a code, as its client does.
    pub(crate) async fn exchange(&self, code: &Code) -> Answer {
        self.token(&code.client, &code.exchange()).await
    }

    /// Uses a refresh token, as `client` does.
    pub(crate) async fn refresh(&self, client: &str, tokens: &Tokens) -> Answer {
        self.token(client, &tokens.refresh()).await
    }

    /// Which of its grant's refresh tokens this one is, from 0. Only the server can tell: it opens the seal.
    pub(crate) async fn generation(&self, tokens: &Tokens) -> i64 {
        let opened: RefreshToken = self
            .opened(Kind::RefreshToken, tokens.refresh_token())
            .await;
        opened.generation
    }

    /// What is in something sealed, as the server finds it.
    pub(crate) async fn opened<T: DeserializeOwned>(&self, kind: Kind, sealed: &str) -> T {
        let keys = database::keys(self.server().store(), self.issuer()).await;
        keys.seal().open(kind, sealed).unwrap()
    }

    /// A token of the client's own.
    pub(crate) async fn client_credentials(&self, client: &str, scope: &str) -> Answer {
        let form = Form::new()
            .with("grant_type", "client_credentials")
            .with("scope", scope);
        self.token(client, &form).await
    }

    /// `POST /introspect` by `client`.
    pub(crate) async fn introspect(&self, client: &str, token: &str) -> Answer {
        let form = Form::new().with("token", token);
        self.send(self.back_channel("/introspect", &self.credentials(client), &form))
            .await
    }

    /// `POST /revoke` by `client`.
    pub(crate) async fn revoke(&self, client: &str, token: &str) -> Answer {
        let form = Form::new().with("token", token);
        self.send(self.back_channel("/revoke", &self.credentials(client), &form))
            .await
    }

    /// `GET /userinfo` with this access token as a bearer token.
    pub(crate) async fn userinfo(&self, access_token: &str) -> Answer {
        self.send(self.userinfo_request("Bearer", access_token))
            .await
    }

    /// `GET /userinfo` with this access token under this scheme.
    pub(crate) fn userinfo_request(&self, scheme: &str, access_token: &str) -> Request {
        let path = format!("{}/userinfo", self.server().settings().issuer.path());
        let token = format!("{scheme} {access_token}");
        let request = Request::get(path).header(header::AUTHORIZATION, token);
        request.body(Body::empty()).unwrap()
    }

    /// Pushes what `ask` asks, as its client does (RFC 9126 §2.1).
    pub(crate) async fn push(&self, ask: &Ask) -> Answer {
        self.send(self.push_request(ask)).await
    }

    /// `POST /par` with what `ask` asks. The client says who it is where it authenticates, and nowhere else.
    pub(crate) fn push_request(&self, ask: &Ask) -> Request {
        let form = ask.form.clone().without("client_id");
        self.back_channel("/par", &self.credentials(&ask.client), &form)
    }

    /// Whether the notes API would serve the bearer of this access token.
    pub(crate) async fn is_active(&self, access_token: &str) -> bool {
        let answer = self.introspect(NOTES_API, access_token).await;
        answer.json()["active"].as_bool().unwrap()
    }
}

fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", encode(id), encode(secret)))
    )
}
