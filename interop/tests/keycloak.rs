//! Keycloak is the server: our client signs people in there, our guard lets its tokens into an API, by reading them and by asking.
//!
//! It is a download of 160 MB and takes its time to start, so that it is no part of `./scripts/test`: `./scripts/soak keycloak`.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use reqwest::redirect::Policy;
use safeconduct_client::axum::{Api, User};
use safeconduct_client::{
    BeginOptions, Client, ClientBuilder, Error, LoginOptions, PushedRequests, Resource, Secret,
};
use safeconduct_guard::{Guard, Profile, Token};
use safeconduct_interop::{SECRET, build_maven};
use safeconduct_testing_program::{Process, free_ports};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use url::Url;

const VERSION: &str = "26.4.7";
const USER: &str = "ada";
const PASSWORD: &str = "a password for tests";
const CREDENTIALS: [(&str, &str); 3] = [
    ("username", USER),
    ("password", PASSWORD),
    ("credentialId", ""),
];
/// What the API is called in `aud`: a client there.
const API: &str = "notes-api";
const NOBODY: &str = "Nobody is signed in.";
/// How long access tokens live, in seconds.
const LIFE: u64 = 4;

/// The server, and a realm of its own.
struct Keycloak {
    url: String,
    http: reqwest::Client,
    _process: Process,
    _folder: TempDir,
}

/// An app and the APIs that it calls, one whose guard reads tokens and one whose guard asks.
struct App {
    base: String,
    browser: Browser,
    api: String,
}

/// A browser as far as is needed here: it keeps cookies, and sends them back wherever it goes.
struct Browser {
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Keycloak {
    async fn start() -> Result<Self> {
        let unpacked = build_maven("keycloak").await?;
        let [port] = free_ports();
        let folder = tempfile::tempdir()?;
        let program = unpacked.join(format!("keycloak-{VERSION}/bin/kc.sh"));
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(program);
        command
            .args(["start-dev", "--db=dev-mem", "--http-host=127.0.0.1"])
            .arg(format!("--http-port={port}"))
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "admin")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD);
        let process = Process::start(&mut command, &folder.path().join("keycloak.log"))?;
        let mut process = process.shown();
        // It builds itself first: where the machine has much else to do, that takes longer than anything else that is waited for.
        if process.answers(&address).is_err() {
            process.answers(&address)?;
        }
        let keycloak = Self {
            url: format!("http://{address}"),
            http: reqwest::Client::new(),
            _process: process,
            _folder: folder,
        };
        Ok(keycloak)
    }

    fn issuer(&self) -> String {
        format!("{}/realms/acme", self.url)
    }

    /// Asks the administrators' API.
    async fn administer(
        &self,
        method: http::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<reqwest::Response> {
        let token: Value = self
            .http
            .post(format!(
                "{}/realms/master/protocol/openid-connect/token",
                self.url
            ))
            .form(&[
                ("grant_type", "password"),
                ("client_id", "admin-cli"),
                ("username", "admin"),
                ("password", PASSWORD),
            ])
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let token = token["access_token"].as_str().context("no token")?;
        let mut request = self
            .http
            .request(method, format!("{}/admin{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        Ok(request
            .bearer_auth(token)
            .send()
            .await?
            .error_for_status()?)
    }

    /// Makes the realm, for apps at these addresses.
    async fn found_realm(&self, apps: &[(&str, &str)]) -> Result<()> {
        let clients = apps.iter().map(|(id, base)| client(id, base));
        let api = json!({
            "clientId": API, "secret": SECRET, "publicClient": false, "standardFlowEnabled": false, "serviceAccountsEnabled": true,
        });
        let realm = json!({
            "realm": "acme", "enabled": true, "sslRequired": "none", "accessTokenLifespan": LIFE,
            "clients": clients.chain([api]).collect::<Vec<_>>(),
            "roles": {"realm": [{"name": "staff"}], "client": {API: [{"name": "editor"}]}},
            "users": [{
                "username": USER, "enabled": true, "email": "ada@example.com", "emailVerified": true, "firstName": "Ada", "lastName": "Lovelace",
                "credentials": [{"type": "password", "value": PASSWORD}], "realmRoles": ["staff"], "clientRoles": {API: ["editor"]},
            }],
        });
        let made = self.administer(http::Method::POST, "/realms", Some(&realm));
        made.await.map(drop)
    }

    /// Ends every session of the user there.
    async fn sign_out_everywhere(&self) -> Result<()> {
        let users: Value = self
            .administer(
                http::Method::GET,
                &format!("/realms/acme/users?username={USER}"),
                None,
            )
            .await?
            .json()
            .await?;
        let id = users[0]["id"].as_str().context("no such user")?;
        let path = format!("/realms/acme/users/{id}/logout");
        self.administer(http::Method::POST, &path, None)
            .await
            .map(drop)
    }

    fn client(&self, id: &str, base: &str) -> ClientBuilder {
        Client::new(self.issuer(), id)
            .secret(Secret::new(SECRET))
            .base_url(base)
            .scopes(["openid", "profile", "email"])
    }
}

/// A client as an administrator registers it for an app of ours: its addresses, and a mapper that puts the API into `aud`.
fn client(id: &str, base: &str) -> Value {
    json!({
        "clientId": id, "secret": SECRET, "publicClient": false, "standardFlowEnabled": true,
        "redirectUris": [format!("{base}/auth/callback")],
        "attributes": {
            "post.logout.redirect.uris": format!("{base}/auth/logged-out"),
            "backchannel.logout.url": format!("{base}/auth/backchannel"),
            "backchannel.logout.session.required": "true",
            "dpop.bound.access.tokens": (id == "notes-bound").to_string(),
            "require.pushed.authorization.requests": (id == "notes-bound").to_string(),
        },
        "protocolMappers": [{
            "name": "the API", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
            "config": {"included.client.audience": API, "access.token.claim": "true", "id.token.claim": "false", "introspection.token.claim": "true"},
        }],
    })
}

impl App {
    /// Serves the app at `port` and its API at another.
    async fn start(keycloak: &Keycloak, id: &str, ports: [u16; 2]) -> Result<Self> {
        let [base, api] = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let login = keycloak
            .client(id, &base)
            .login(LoginOptions::new().parameter("kc_locale", "en"))
            .resource(Resource::at(&api));
        let login = match id {
            "notes-bound" => login.dpop(true).pushed_requests(PushedRequests::Always),
            _ => login,
        };
        let guard = || {
            let guard = Guard::new(keycloak.issuer(), &api)?;
            Ok::<_, safeconduct_guard::ConfigError>(
                guard.profile(Profile::Keycloak).audiences([API]),
            )
        };
        let reading = guard()?.build()?;
        let asking = guard()?
            .introspection_only(API, Secret::new(SECRET))
            .introspection_cache(Duration::ZERO)
            .build()?;
        serve(ports[1], notes_api(&reading, &asking)).await?;
        serve(ports[0], web_app(&login.build()?, &api)).await?;
        Ok(Self {
            base,
            browser: Browser::new()?,
            api,
        })
    }

    /// Signs in, from the app's page and back to it.
    async fn sign_in(&self) -> Result<String> {
        let page = self
            .browser
            .get(&format!("{}/auth/login", self.base))
            .await?;
        self.browser.post(&action(&page)?, &CREDENTIALS).await
    }

    async fn home(&self) -> Result<String> {
        self.browser.get(&self.base).await
    }

    /// What the API tells the app of the token that let it in, from the place that reads or the one that asks.
    async fn token(&self, place: &str) -> Result<Value> {
        let said = self.browser.get(&format!("{}/{place}", self.base)).await?;
        serde_json::from_str(&said).with_context(|| said)
    }

    /// What the API answers to `token`, brought by anybody.
    async fn presented(&self, place: &str, token: &str) -> Result<StatusCode> {
        let request = self.browser.http.get(format!("{}/{place}", self.api));
        Ok(request.bearer_auth(token).send().await?.status())
    }
}

impl Browser {
    fn new() -> Result<Self> {
        let http = reqwest::Client::builder().redirect(Policy::none());
        Ok(Self {
            http: http.build()?,
            cookies: Mutex::default(),
        })
    }

    async fn get(&self, url: &str) -> Result<String> {
        self.walk(self.http.get(url), Url::parse(url)?).await
    }

    async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Result<String> {
        self.walk(self.http.post(url).form(fields), Url::parse(url)?)
            .await
    }

    /// Sends `request` with all cookies, and keeps those that come.
    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        let kept = || self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let sent: Vec<String> = kept()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request
            .header(header::COOKIE, sent.join("; "))
            .header(header::ACCEPT, "text/html");
        let answer = request.send().await?;
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or_default();
            match value.is_empty() {
                true => kept().remove(name),
                false => kept().insert(name.to_owned(), value.to_owned()),
            };
        }
        Ok(answer)
    }

    /// Sends `request` and follows wherever the answers lead.
    async fn walk(&self, request: reqwest::RequestBuilder, mut url: Url) -> Result<String> {
        let mut request = request;
        for _ in 0..10 {
            let answer = self.send(request).await?;
            let Some(location) = answer.headers().get(header::LOCATION) else {
                return Ok(answer.text().await?);
            };
            url = url.join(location.to_str()?)?;
            request = self.http.get(url.clone());
        }
        anyhow::bail!("redirects without end, the last one to {url}")
    }
}

/// Where the form of Keycloak's sign-in page goes.
fn action(page: &str) -> Result<String> {
    let (_, form) = page
        .split_once("id=\"kc-form-login\"")
        .with_context(|| format!("no sign-in page of Keycloak: {page}"))?;
    let (_, rest) = form.split_once("action=\"").context("no action")?;
    let action = rest.split('"').next().unwrap_or_default();
    Ok(action.replace("&amp;", "&"))
}

/// The app: who is signed in, and what its API says.
fn web_app(login: &Client, api: &str) -> Router {
    let call = |place: &'static str| {
        get(
            async move |State(url): State<String>, _user: User, api: Api| {
                let answer = api.get(&format!("{url}/{place}")).await?;
                Ok::<_, Error>(Json(answer.error_for_status()?.json::<Value>().await?))
            },
        )
    };
    Router::new()
        .route("/", get(home))
        .route("/read", call("read"))
        .route("/asked", call("asked"))
        .with_state(api.to_owned())
        .merge(login.routes())
        .layer(login.layer())
}

async fn home(user: Option<User>) -> Html<String> {
    Html(match user {
        Some(user) => format!(
            "{} of {}. {}",
            user.display_name().escaped(),
            user.email().unwrap_or_default(),
            user.logout_form()
        ),
        None => NOBODY.to_owned(),
    })
}

/// The API, behind a guard that reads tokens and one that asks about them.
fn notes_api(reading: &Guard, asking: &Guard) -> Router {
    async fn said(token: Token) -> Json<Value> {
        Json(json!({
            "client": token.client_id(), "jti": token.jti(), "roles": token.roles().collect::<Vec<_>>(), "bound": token.bound_to().is_some(),
        }))
    }
    Router::new()
        .route("/read", get(said).layer(reading.layer()))
        .route("/asked", get(said).layer(asking.layer()))
}

async fn serve(port: u16, router: Router) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

#[tokio::test]
async fn our_client_and_our_guard_work_with_keycloak() -> Result<()> {
    let keycloak = Keycloak::start().await?;
    let [web, web_api, bound, bound_api] = free_ports();
    let base = |port: u16| format!("http://127.0.0.1:{port}");
    keycloak
        .found_realm(&[("notes-web", &base(web)), ("notes-bound", &base(bound))])
        .await?;
    let clients = [
        ("notes-web", [web, web_api]),
        ("notes-bound", [bound, bound_api]),
    ];
    for (id, ports) in clients {
        let app = App::start(&keycloak, id, ports).await?;
        ensure!(app.home().await? == NOBODY);
        let page = app.sign_in().await?;
        ensure!(
            page.starts_with("Ada Lovelace of ada@example.com."),
            "{page}"
        );
        tokens_are_read_asked_about_and_renewed(&app, id).await?;
        who_signs_out_there_is_signed_out_here(&keycloak, &app).await?;
        who_signs_out_here_is_signed_out_there(&app).await?;
        if id == "notes-web" {
            what_is_no_access_token_is_refused(&keycloak, &app).await?;
        }
    }
    Ok(())
}

async fn tokens_are_read_asked_about_and_renewed(app: &App, id: &str) -> Result<()> {
    let first = app.token("read").await?;
    let asked = app.token("asked").await?;
    for token in [&first, &asked] {
        let is_bound = token["bound"] == (id == "notes-bound");
        ensure!(token["client"] == id && is_bound, "{token}");
        let roles = token["roles"].as_array().context("no roles")?;
        let has = |role: &str| roles.iter().any(|known| known == role);
        ensure!(
            has("staff") && has("editor") && !has("manage-account"),
            "{token}"
        );
    }
    // They live for seconds, and no call fails while one takes the place of another.
    let mut renewed = first.clone();
    while renewed["jti"] == first["jti"] {
        sleep(Duration::from_millis(200)).await;
        renewed = app.token("read").await?;
    }
    Ok(())
}

async fn who_signs_out_there_is_signed_out_here(keycloak: &Keycloak, app: &App) -> Result<()> {
    keycloak.sign_out_everywhere().await?;
    let told = async {
        while app.home().await? != NOBODY {
            sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    timeout(Duration::from_secs(30), told).await?
}

async fn who_signs_out_here_is_signed_out_there(app: &App) -> Result<()> {
    app.sign_in().await?;
    let page = app.home().await?;
    let (_, rest) = page
        .split_once("name=\"csrf_token\" value=\"")
        .context("no form")?;
    let csrf_token = rest.split('"').next().unwrap_or_default();
    let logout = format!("{}/auth/logout", app.base);
    let form = [("csrf_token", csrf_token)];
    let page = app.browser.post(&logout, &form).await?;
    ensure!(page == NOBODY, "{page}");
    let page = app.browser.get(&format!("{}/auth/login", app.base)).await?;
    action(&page).map(drop)
}

/// Its ID Tokens and refresh tokens at the API.
async fn what_is_no_access_token_is_refused(keycloak: &Keycloak, app: &App) -> Result<()> {
    let client = keycloak.client("notes-web", &app.base).build()?;
    let begun = client.begin(&BeginOptions::new()).await?;
    // A browser of its own, which stops before the app takes the answer.
    let browser = Browser::new()?;
    let page = browser.get(begun.url.as_str()).await?;
    let sign_in = browser.http.post(action(&page)?).form(&CREDENTIALS);
    let answer = browser.send(sign_in).await?;
    let location = answer
        .headers()
        .get(header::LOCATION)
        .context("no way back")?;
    let back = Url::parse(location.to_str()?)?;
    let cookies = begun.set_cookies.iter().map(String::as_str);
    let cookies: Vec<&str> = cookies
        .filter_map(|cookie| cookie.split(';').next())
        .collect();
    let query = back.query().unwrap_or_default();
    let tokens = client.finish(query, cookies.join("; ")).await?.tokens;
    let id_token = tokens.id_token.context("no ID Token")?;
    let refresh_token = tokens.refresh_token.context("no refresh token")?;
    for place in ["read", "asked"] {
        let good = app.presented(place, tokens.access_token.expose()).await?;
        ensure!(good == StatusCode::OK, "{place}: {good}");
        for token in [&id_token, &refresh_token] {
            let refused = app.presented(place, token.expose()).await?;
            ensure!(refused == StatusCode::UNAUTHORIZED, "{place}: {refused}");
        }
    }
    Ok(())
}
