//! node-oidc-provider is the server: our client signs people in there, and our guard lets its tokens into an API. The server is
//! `interop/oidc-provider`; requests are pushed to it, tokens are bound to keys, and it asks for nonces.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use safeconduct_client::axum::{Api, User};
use safeconduct_client::{Client, Error, PushedRequests, Secret};
use safeconduct_guard::{Guard, Scoped, scope};
use safeconduct_interop::{SECRET, browser, install_npm, start};
use safeconduct_testing_browser::{Browser, Page};
use safeconduct_testing_program::{Process, free_ports};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

scope!(NotesRead = "notes.read");

/// What the server calls the user.
const SUBJECT: &str = "ada-of-another-server";

/// The server, an app and an API.
struct Parties {
    issuer: String,
    app: String,
    server: Process,
    _folder: TempDir,
}

impl Parties {
    /// Starts all three; the app signs in for the API, or for knowing who the person is.
    async fn start(for_the_api: bool) -> Result<Self> {
        let program = install_npm("oidc-provider").await?.join("provider.js");
        let [port, app_port, api_port] = free_ports();
        let [issuer, app, api] =
            [port, app_port, api_port].map(|port| format!("http://localhost:{port}"));
        let folder = tempfile::tempdir()?;
        let server = start(
            "oidc-provider",
            Command::new("node")
                .arg(program)
                .env("PORT", port.to_string())
                .env("APP", &app)
                .env("API", &api)
                .env("SECRET", SECRET),
            folder.path(),
            &format!("localhost:{port}"),
        )?;
        let login = Client::new(&issuer, "notes-web")
            .secret(Secret::new(SECRET))
            .base_url(&app)
            .pushed_requests(PushedRequests::Always)
            .dpop(true);
        let login = if for_the_api {
            login.scopes(["openid", "notes.read"]).resource(&api)
        } else {
            login.scopes(["openid", "profile"])
        };
        serve(app_port, web_app(&login.build()?, &api)).await?;
        serve(api_port, notes_api(&Guard::new(&issuer, &api)?.build()?)).await?;
        Ok(Self {
            issuer,
            app,
            server,
            _folder: folder,
        })
    }

    /// Signs in, from the app's page and back to it.
    async fn sign_in(&self, browser: &Browser) -> Result<Page> {
        browser.sign_in(&format!("{}/auth/login", self.app)).await
    }

    /// What the app shows on its page.
    async fn home(&self, browser: &Browser) -> Result<Page> {
        browser.visit(&self.app).await
    }

    /// What the API tells the app of the token that let it in.
    async fn token(&self, browser: &Browser) -> Result<Value> {
        let page = browser.visit(&format!("{}/notes", self.app)).await?;
        page.json()
    }
}

/// The app: who is signed in, and what its API says.
fn web_app(login: &Client, api: &str) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/notes", get(notes))
        .with_state(api.to_owned())
        .merge(login.routes())
        .layer(login.layer())
}

async fn home(user: Option<User>) -> Html<String> {
    Html(match user {
        Some(user) => format!(
            "{} is {}. {}",
            user.sub().unwrap_or_default(),
            user.display_name().escaped(),
            user.logout_form()
        ),
        None => "Nobody is signed in.".to_owned(),
    })
}

async fn notes(State(url): State<String>, _user: User, api: Api) -> Result<Json<Value>, Error> {
    let answer = api.get(&format!("{url}/notes")).await?;
    Ok(Json(answer.error_for_status()?.json().await?))
}

/// The API, behind our guard.
fn notes_api(guard: &Guard) -> Router {
    async fn list(token: Scoped<NotesRead>) -> Json<Value> {
        Json(json!({ "of": token.subject(), "client": token.client_id(), "jti": token.jti() }))
    }
    Router::new()
        .route("/notes", get(list))
        .layer(guard.layer())
}

async fn serve(port: u16, router: Router) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

#[tokio::test]
async fn our_client_signs_people_in_at_oidc_provider_with_node() -> Result<()> {
    let parties = Parties::start(false).await?;
    let browser = browser()?;
    let page = parties.home(&browser).await?;
    assert_eq!(page.body, "Nobody is signed in.");

    let page = parties.sign_in(&browser).await?;
    assert_eq!(page.url.as_str(), format!("{}/", parties.app));
    let greeting = format!("{SUBJECT} is Ada Lovelace.");
    assert!(page.body.starts_with(&greeting), "{page}");
    Ok(())
}

#[tokio::test]
async fn our_guard_lets_the_tokens_of_oidc_provider_in_and_our_client_renews_them_with_node()
-> Result<()> {
    let parties = Parties::start(true).await?;
    let browser = browser()?;
    parties.sign_in(&browser).await?;

    // They live for two seconds, and no call fails while one takes the place of another.
    let first = parties.token(&browser).await?;
    let renewed = async {
        loop {
            let token = parties.token(&browser).await?;
            assert_eq!(token["of"], SUBJECT);
            assert_eq!(token["client"], "notes-web");
            if token["jti"] != first["jti"] {
                return anyhow::Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), renewed).await?
}

#[tokio::test]
async fn signing_out_of_our_app_signs_out_of_oidc_provider_with_node() -> Result<()> {
    let parties = Parties::start(false).await?;
    let browser = browser()?;
    let page = parties.sign_in(&browser).await?;

    let page = browser.submit(page.form("")?).await?;
    assert!(page.url.as_str().starts_with(&parties.issuer), "{page}");
    let page = browser.sign_out(page).await?;
    assert!(page.url.as_str().starts_with(&parties.app), "{page}");
    let page = parties.home(&browser).await?;
    assert_eq!(page.body, "Nobody is signed in.");
    let page = browser
        .visit(&format!("{}/auth/login", parties.app))
        .await?;
    assert!(page.has("login-submit"), "{page}");
    Ok(())
}

#[tokio::test]
async fn signing_out_of_oidc_provider_signs_out_of_our_app_with_node() -> Result<()> {
    let mut parties = Parties::start(false).await?;
    let browser = browser()?;
    parties.sign_in(&browser).await?;

    let page = browser
        .visit(&format!("{}/session/end", parties.issuer))
        .await?;
    let page = browser.sign_out(page).await?;
    assert_eq!(page.status, 200, "{page}");
    let told = parties.server.has_printed("told").await?;
    assert!(told.contains("notes-web"), "{told}");
    let page = parties.home(&browser).await?;
    assert_eq!(page.body, "Nobody is signed in.");
    Ok(())
}
