//! oidc-client-ts signs people in with Safeconduct from a page without a server, in a real browser that keeps to CORS: the app
//! is `interop/oidc-client-ts`. It is at 127.0.0.1 and the server at `localhost`: two sites to a browser.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use safeconduct_interop::{PASSWORD, Safeconduct, USERNAME, install_npm};
use safeconduct_testing_browser::in_browser;
use serde_json::{Value, json};
use thirtyfour::prelude::*;
use tokio::net::TcpListener;

/// The library, as a browser loads it.
const LIBRARY: &str = "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js";
/// How long a page may take; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// The app, with a Safeconduct of its own.
struct App {
    _server: Safeconduct,
    base: String,
}

impl App {
    /// With its tokens bound to a key of the browser's, and a nonce in every proof, if `dpop`.
    async fn start(dpop: bool) -> Result<Self> {
        let folder = install_npm("oidc-client-ts").await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let server = Safeconduct::start(&format!(
            r#"
            [dpop]
            require_nonce = {dpop}
            [[clients]]
            id = "page"
            redirect_uris = ["{base}/callback"]
            post_logout_redirect_uris = ["{base}/signed-out"]
            scopes = ["openid", "profile", "offline_access"]
            token_endpoint_auth_method = "none"
            dpop_bound_access_tokens = {dpop}
            "#
        ))?;
        let settings = json!({
            "authority": server.issuer(),
            "client_id": "page",
            "scope": "openid profile offline_access",
            "dpop": dpop,
        });
        let router = site(&folder, &settings)?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        let _server = server;
        Ok(Self { _server, base })
    }
}

/// The app's files: one page at every address, two scripts, and what the test says.
fn site(folder: &Path, settings: &Value) -> Result<Router> {
    let page = fs::read_to_string(folder.join("index.html"))?;
    let script = fs::read_to_string(folder.join("app.js"))?;
    let library = fs::read_to_string(folder.join(LIBRARY))?;
    let settings = format!("const SETTINGS = {settings};");
    let javascript = |text: String| get(([(CONTENT_TYPE, "text/javascript")], text));
    Ok(Router::new()
        .route("/oidc-client-ts.min.js", javascript(library))
        .route("/settings.js", javascript(settings))
        .route("/app.js", javascript(script))
        .fallback(get(Html(page))))
}

/// Waits for what came of `step`.
async fn outcome(driver: &WebDriver, step: &str) -> WebDriverResult<Value> {
    let shown = By::Css(format!("#result[data-step='{step}']"));
    let result = driver.query(shown);
    let result = result.wait(PATIENCE, Duration::from_millis(50));
    let text = result.first().await?.text().await?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn press(driver: &WebDriver, id: &str) -> WebDriverResult<()> {
    let button = driver
        .query(By::Id(id))
        .wait(PATIENCE, Duration::from_millis(50));
    button.first().await?.click().await
}

/// From the app's page through the server's and back. Gives what the app then knows.
async fn sign_in(driver: &WebDriver, base: &str) -> WebDriverResult<Value> {
    driver.goto(base).await?;
    outcome(driver, "start").await?;
    press(driver, "sign-in").await?;
    let name = driver
        .query(By::Id("username"))
        .wait(PATIENCE, Duration::from_millis(50));
    name.first().await?.send_keys(USERNAME).await?;
    driver
        .find(By::Id("password"))
        .await?
        .send_keys(PASSWORD)
        .await?;
    press(driver, "login-submit").await?;
    press(driver, "consent-allow").await?;
    outcome(driver, "callback").await
}

#[tokio::test]
async fn oidc_client_ts_signs_in_renews_revokes_and_signs_out_with_chromium() -> Result<()> {
    let app = App::start(false).await?;
    let base = app.base.clone();
    in_browser(|driver| async move {
        let user = sign_in(&driver, &base).await?;
        // From UserInfo: what the scope `profile` gives is not in the ID Token.
        assert_eq!(user["profile"]["name"], "Ada Lovelace", "{user}");
        assert_eq!(user["scope"], "offline_access openid profile", "{user}");
        assert_eq!(user["token_type"], "Bearer", "{user}");

        press(&driver, "renew").await?;
        let renewed = outcome(&driver, "renew").await?;
        assert_eq!(
            renewed["profile"]["sub"], user["profile"]["sub"],
            "{renewed}"
        );
        assert_ne!(renewed["access_token"], user["access_token"], "{renewed}");

        press(&driver, "revoke").await?;
        let refused = outcome(&driver, "revoke").await?;
        assert_eq!(refused["error"], "invalid_grant", "{refused}");
        let why = refused["error_description"].as_str().unwrap_or_default();
        assert!(!why.is_empty(), "{refused}");

        press(&driver, "sign-out").await?;
        let out = outcome(&driver, "signed-out").await?;
        assert_eq!(out, json!({ "state": null }));
        driver.goto(&base).await?;
        assert_eq!(outcome(&driver, "start").await?["signed_in"], false);
        Ok(())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn oidc_client_ts_binds_its_tokens_to_a_key_with_chromium() -> Result<()> {
    let app = App::start(true).await?;
    let base = app.base.clone();
    in_browser(|driver| async move {
        // The first proof has no nonce: the page has to read `DPoP-Nonce` in a refusal, and tries again.
        let user = sign_in(&driver, &base).await?;
        assert_eq!(user["token_type"], "DPoP", "{user}");
        press(&driver, "renew").await?;
        let renewed = outcome(&driver, "renew").await?;
        assert_eq!(renewed["token_type"], "DPoP", "{renewed}");
        assert_ne!(renewed["access_token"], user["access_token"], "{renewed}");
        Ok(())
    })
    .await;
    Ok(())
}
