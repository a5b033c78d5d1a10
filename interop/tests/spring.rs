//! Spring Security signs people in with Safeconduct and lets its access tokens into an API: both are `interop/spring`.

use std::process::Command;

use anyhow::{Context as _, Result};
use safeconduct_interop::{
    Authenticator, SECRET, SECRET_FILE, Safeconduct, browser, build_maven, second_factor, start,
};
use safeconduct_testing_program::{Process, free_ports};
use serde_json::{Value, json};

/// The app and its API, with a Safeconduct of their own.
struct App {
    // Ends before the folder of the server goes, which has its log.
    _process: Process,
    server: Safeconduct,
    base: String,
}

impl App {
    async fn start() -> Result<Self> {
        let built = build_maven("spring").await?;
        let [port] = free_ports();
        let base = format!("http://127.0.0.1:{port}");
        let server = Safeconduct::start(&[configuration(&base), second_factor()].concat())?;
        let libraries = std::fs::read_to_string(built.join("classpath"))?;
        let classes = built.join("classes");
        let process = start(
            "spring",
            Command::new("java")
                .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
                .arg("-classpath")
                .arg(format!("{}:{}", classes.display(), libraries.trim()))
                .arg("interop.App")
                .env("PORT", port.to_string())
                .env("ISSUER", server.issuer())
                .env("CLIENT_SECRET", SECRET)
                .env("API", format!("{base}/api")),
            server.folder(),
            &format!("127.0.0.1:{port}"),
        )?;
        Ok(Self {
            server,
            base,
            _process: process,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// An access token of the client that has no user.
    async fn access_token(&self, scope: &str) -> Result<String> {
        let answer = reqwest::Client::new()
            .post(self.server.url("/token"))
            .basic_auth("machine", Some(SECRET))
            .form(&[("grant_type", "client_credentials"), ("scope", scope)])
            .send()
            .await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let token = answer["access_token"].as_str();
        token.map(str::to_owned).context("access_token")
    }

    /// How the API answers a request that brings this token: with which status and which challenge.
    async fn call(&self, token: Option<&str>) -> Result<(u16, String)> {
        let mut request = reqwest::Client::new().get(self.url("/api/notes"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        let challenge = answer.headers().get("www-authenticate");
        let challenge = challenge.map_or("", |value| value.to_str().unwrap_or_default());
        Ok((answer.status().as_u16(), challenge.to_owned()))
    }
}

/// Access tokens live for half a minute: Spring renews one that has less than a minute left before each call.
fn configuration(base: &str) -> String {
    format!(
        r#"
        [tokens]
        access_ttl = "30s"
        [scopes."notes.read"]
        text.en = "Read your notes"
        [scopes."mail.read"]
        text.en = "Read your mail"
        [[resources]]
        uri = "{base}/api"
        scopes = ["notes.read"]
        [[resources]]
        uri = "https://mail.example.com"
        scopes = ["mail.read"]
        [[clients]]
        id = "spring"
        secret_file = "{SECRET_FILE}"
        redirect_uris = ["{base}/login/oauth2/code/safeconduct"]
        scopes = ["openid", "profile", "email", "notes.read"]
        post_logout_redirect_uris = ["{base}/signed-out"]
        backchannel_logout_uri = "{base}/logout/connect/back-channel/safeconduct"
        [[clients]]
        id = "machine"
        secret_file = "{SECRET_FILE}"
        grant_types = ["client_credentials"]
        scopes = ["notes.read", "mail.read"]
        "#
    )
}

#[tokio::test]
async fn a_spring_app_signs_in_calls_refreshes_and_logs_out_with_spring() -> Result<()> {
    let app = App::start().await?;
    let browser = browser()?;

    let page = browser.sign_in(&app.url("/me")).await?;
    assert_eq!((page.status, page.url.path()), (200, "/me"), "{page}");
    let me: Value = page.json()?;
    assert_eq!(me["id_token"]["iss"], app.server.issuer(), "{me}");
    assert_eq!(me["id_token"]["aud"], json!(["spring"]), "{me}");
    assert_eq!(me["userinfo"]["sub"], me["id_token"]["sub"], "{me}");
    assert_eq!(me["userinfo"]["name"], "Ada Lovelace", "{me}");
    assert_eq!(me["userinfo"]["email"], "ada@example.com", "{me}");

    let first: Value = browser.visit(&app.url("/notes")).await?.json()?;
    assert_eq!(first["sub"], me["id_token"]["sub"], "{first}");
    let audience = first["aud"].as_array().context("aud")?;
    assert!(audience.contains(&json!(app.url("/api"))), "{first}");
    let second: Value = browser.visit(&app.url("/notes")).await?.json()?;
    assert_eq!(second["sub"], first["sub"], "{second}");
    assert_ne!(second["jti"], first["jti"], "no other access token");

    let page = browser.visit(&app.url("/sign-out")).await?;
    let page = browser.submit(page.form("sign-out")?).await?;
    let page = browser.sign_out(page).await?;
    assert_eq!(page.url.as_str(), app.url("/signed-out"), "{page}");
    let page = browser.visit(&app.url("/me")).await?;
    assert!(page.has("login-form"), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_spring_app_hears_that_a_session_ended_at_safeconduct_with_spring() -> Result<()> {
    let app = App::start().await?;
    let [browser, other] = [browser()?, browser()?];
    for somebody in [&browser, &other] {
        let page = somebody.sign_in(&app.url("/me")).await?;
        assert_eq!(page.status, 200, "{page}");
    }

    let page = browser.visit(&app.server.url("/logout")).await?;
    let page = browser.sign_out(page).await?;
    assert_eq!(page.status, 200, "{page}");
    let page = browser.visit(&app.url("/me")).await?;
    assert!(page.has("login-form"), "{page}");
    let page = other.visit(&app.url("/me")).await?;
    assert_eq!(page.url.path(), "/me", "the other stays: {page}");
    Ok(())
}

#[tokio::test]
async fn an_api_of_spring_takes_only_the_access_tokens_meant_for_it_with_spring() -> Result<()> {
    let app = App::start().await?;
    let notes = app.access_token("notes.read").await?;
    let mail = app.access_token("mail.read").await?;

    assert_eq!(app.call(Some(&notes)).await?, (200, String::new()));
    let (status, challenge) = app.call(Some(&mail)).await?;
    assert_eq!(status, 401, "{challenge}");
    assert!(challenge.contains("aud"), "{challenge}");
    assert_eq!(app.call(None).await?.0, 401);
    Ok(())
}

/// Attacks: PE46.
#[tokio::test]
async fn a_spring_app_asks_for_a_second_factor_and_is_told_the_truth_with_spring() -> Result<()> {
    let app = App::start().await?;
    let [browser, other] = [browser()?, browser()?];
    let how = |me: &Value| json!([me["id_token"]["acr"], me["id_token"]["amr"]]);
    let me: Value = browser.sign_in(&app.url("/me")).await?.json()?;
    assert_eq!(how(&me), json!(["urn:safeconduct:acr:password", ["pwd"]]));

    let again = app.url("/oauth2/authorization/safeconduct?max_age=0");
    let page = browser.visit(&again).await?;
    assert!(page.has("login-form"), "signed in before: {page}");
    browser.sign_in(&again).await?;

    let authenticator = Authenticator::set_up(&app.server, other).await?;
    let begin = app.url("/oauth2/authorization/safeconduct?acr_values=mfa");
    let page = browser.sign_in(&begin).await?;
    authenticator.pass(&browser, page).await?;
    let me: Value = browser.visit(&app.url("/me")).await?.json()?;
    assert_eq!(how(&me), json!(["mfa", ["pwd", "otp", "mfa"]]));
    Ok(())
}
