//! openid-client signs people in with Safeconduct as strictly as both can: `private_key_jwt`, pushed requests, answers by form,
//! tokens bound to a key. The app is `interop/openid-client`.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use safeconduct_interop::{Authenticator, Safeconduct, browser, install_npm, second_factor, start};
use safeconduct_testing_browser::{Browser, Form, Page};
use safeconduct_testing_program::{Process, free_ports};
use serde_json::{Value, json};

/// The app, with a Safeconduct of its own.
struct App {
    // Ends before the folder of the server goes, which has its log.
    _process: Process,
    server: Safeconduct,
    base: String,
}

impl App {
    async fn start() -> Result<Self> {
        let program = install_npm("openid-client").await?.join("app.js");
        let key = Command::new("node").arg(&program).arg("key").output()?;
        let pair: Value = serde_json::from_slice(&key.stdout).context("a key pair")?;
        let published = &pair["published"];
        let coordinate = |name: &str| published[name].as_str().context("a coordinate");
        let [port] = free_ports();
        let base = format!("http://127.0.0.1:{port}");
        let server = Safeconduct::start(&format!(
            r#"
            [[clients]]
            id = "openid-client"
            redirect_uris = ["{base}/callback"]
            scopes = ["openid", "profile", "email"]
            response_modes = ["form_post"]
            post_logout_redirect_uris = ["{base}/signed-out"]
            require_pushed_authorization_requests = true
            dpop_bound_access_tokens = true
            jwks.keys = [{{ kty = "EC", crv = "P-256", alg = "ES256", use = "sig", kid = "of the app", x = "{}", y = "{}" }}]
            {}
            "#,
            coordinate("x")?,
            coordinate("y")?,
            second_factor(),
        ))?;
        let key_file = server.folder().join("key.json");
        fs::write(&key_file, &key.stdout)?;
        let process = start(
            "openid-client",
            Command::new("node")
                .arg(program)
                .args([server.issuer(), &port.to_string()])
                .arg(key_file),
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

    /// Visits the app's page that begins a sign-in, and goes on to where the answer leads that travels by form.
    async fn sign_in(&self, browser: &Browser, page: &str) -> Result<Page> {
        let page = browser.sign_in(&self.url(page)).await?;
        assert!(page.parameter("code").is_none(), "{page}");
        browser.submit(page.form("form-post-continue")?).await
    }

    /// Presses a button of the app's.
    async fn press(&self, browser: &Browser, path: &str) -> Result<Page> {
        let form = Form::post(self.url(path).parse()?, self.url("/me").parse()?);
        browser.submit(form).await
    }
}

#[tokio::test]
async fn openid_client_signs_in_calls_refreshes_and_logs_out_with_node() -> Result<()> {
    let app = App::start().await?;
    let browser = browser()?;

    let page = app.sign_in(&browser, "/login").await?;
    assert_eq!((page.status, page.url.path()), (200, "/me"), "{page}");
    let me: Value = page.json()?;
    assert_eq!(me["token_type"], "dpop", "{me}");
    assert_eq!(me["id_token"]["iss"], app.server.issuer(), "{me}");
    assert_eq!(me["userinfo"]["sub"], me["id_token"]["sub"], "{me}");
    assert_eq!(me["userinfo"]["name"], "Ada Lovelace", "{me}");

    let refreshed: Value = app.press(&browser, "/refresh").await?.json()?;
    let expected =
        json!({ "token_type": "dpop", "another_access_token": true, "same_person": true });
    assert_eq!(refreshed, expected);
    let again: Value = browser.visit(&app.url("/me")).await?.json()?;
    assert_eq!(again["userinfo"], me["userinfo"], "{again}");

    let page = app.press(&browser, "/logout").await?;
    let page = browser.sign_out(page).await?;
    assert_eq!(
        page.url.as_str(),
        app.url("/signed-out?state=over"),
        "{page}"
    );
    let page = app.sign_in(&browser, "/login?prompt=none").await?;
    assert_eq!(
        (page.status, &*page.body),
        (502, "login_required"),
        "{page}"
    );
    Ok(())
}

/// What the app says of how its user signed in, as its library read it.
fn how(me: &Value) -> Value {
    json!([me["id_token"]["acr"], me["id_token"]["amr"]])
}

/// Attacks: PE46.
#[tokio::test]
async fn openid_client_asks_for_a_second_factor_and_is_told_the_truth_with_node() -> Result<()> {
    let app = App::start().await?;
    let [browser, other] = [browser()?, browser()?];
    let me: Value = app.sign_in(&browser, "/login").await?.json()?;
    assert_eq!(how(&me), json!(["urn:safeconduct:acr:password", ["pwd"]]));

    let page = browser.visit(&app.url("/login?max_age=0")).await?;
    assert!(page.has("login-form"), "signed in before: {page}");
    // The library holds the time that it is told against what it asked for.
    let again: Value = app.sign_in(&browser, "/login?max_age=0").await?.json()?;
    assert_eq!(how(&again), how(&me));

    let authenticator = Authenticator::set_up(&app.server, other).await?;
    let url = app.url("/login?acr_values=phr+mfa&max_age=1000");
    let page = browser.sign_in(&url).await?;
    let page = authenticator.pass(&browser, page).await?;
    let page = browser.submit(page.form("form-post-continue")?).await?;
    let stronger: Value = page.json()?;
    assert_eq!(how(&stronger), json!(["mfa", ["pwd", "otp", "mfa"]]));
    assert!(stronger["id_token"]["auth_time"].is_u64(), "{stronger}");

    let refreshed = app.press(&browser, "/refresh").await?;
    assert_eq!(refreshed.status, 200, "{refreshed}");
    let again: Value = app.sign_in(&browser, "/login?prompt=none").await?.json()?;
    assert_eq!(how(&again), how(&stronger));
    Ok(())
}
