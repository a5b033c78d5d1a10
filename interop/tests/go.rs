//! coreos/go-oidc and golang.org/x/oauth2 sign people in with Safeconduct: the app is `interop/go`.

use std::process::Command;

use anyhow::Result;
use safeconduct_interop::{SECRET_FILE, Safeconduct, browser, build_go, start};
use safeconduct_testing_browser::{Browser, Form, Page};
use safeconduct_testing_program::{Process, free_ports};
use serde_json::{Value, json};

/// The app, signed in with a Safeconduct of its own.
struct App {
    // Ends before the folder of the server goes, which has its log.
    _process: Process,
    server: Safeconduct,
    base: String,
}

impl App {
    async fn start() -> Result<Self> {
        let program = build_go("go", ".").await?;
        let [port] = free_ports();
        let listen = format!("127.0.0.1:{port}");
        let base = format!("http://{listen}");
        let server = Safeconduct::start(&format!(
            r#"
            [[clients]]
            id = "go"
            secret_file = "{SECRET_FILE}"
            redirect_uris = ["{base}/callback"]
            scopes = ["openid", "profile", "email"]
            post_logout_redirect_uris = ["{base}/logged-out"]
            backchannel_logout_uri = "{base}/backchannel"
            "#
        ))?;
        let process = start(
            "go",
            Command::new(program)
                .args(["-issuer", server.issuer(), "-listen", &listen])
                .args(["-client-id", "go", "-client-secret-file", SECRET_FILE])
                .current_dir(server.folder()),
            server.folder(),
            &listen,
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

    /// Presses a button of the app's: a form with `fields` and this target.
    async fn press(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let form = Form::post(self.url(path).parse()?, self.url("/me").parse()?);
        let filled = fields
            .iter()
            .fold(form, |form, (name, value)| form.with(name, value));
        browser.submit(filled).await
    }
}

#[tokio::test]
async fn a_go_app_signs_in_calls_refreshes_and_logs_out_with_go() -> Result<()> {
    let app = App::start().await?;
    let browser = browser()?;

    let page = browser.sign_in(&app.url("/login")).await?;
    assert_eq!((page.status, page.url.path()), (200, "/me"), "{page}");
    let me: Value = page.json()?;
    assert_eq!(me["id_token"]["iss"], app.server.issuer(), "{me}");
    assert_eq!(me["id_token"]["aud"], "go", "{me}");
    assert_eq!(me["userinfo"]["sub"], me["id_token"]["sub"], "{me}");
    assert_eq!(me["userinfo"]["name"], "Ada Lovelace", "{me}");
    assert_eq!(me["userinfo"]["email"], "ada@example.com", "{me}");

    let page = app.press(&browser, "/refresh", &[]).await?;
    let refreshed: Value = page.json()?;
    assert_eq!(refreshed["another_access_token"], true, "{refreshed}");
    assert_eq!(refreshed["another_refresh_token"], true, "{refreshed}");
    for claim in ["iss", "aud", "sub", "sid", "auth_time"] {
        let (new, old) = (&refreshed["id_token"][claim], &me["id_token"][claim]);
        assert!(!old.is_null() && new == old, "{claim}: {refreshed} {me}");
    }
    let again: Value = browser.visit(&app.url("/me")).await?.json()?;
    assert_eq!(again["userinfo"], me["userinfo"], "{again}");

    let page = app
        .press(&browser, "/logout", &[("state", "a state & more")])
        .await?;
    let page = browser.sign_out(page).await?;
    assert_eq!(page.url.path(), "/logged-out", "{page}");
    let ended: Value = page.json()?;
    assert_eq!(ended, json!({ "logged_out": "a state & more" }));
    let page = browser.visit(&app.url("/login?prompt=none")).await?;
    assert_eq!(
        (page.status, page.body.trim()),
        (403, "login_required"),
        "{page}"
    );
    Ok(())
}

#[tokio::test]
async fn a_go_app_hears_that_a_session_ended_at_safeconduct_with_go() -> Result<()> {
    let app = App::start().await?;
    let [browser, other] = [browser()?, browser()?];
    for somebody in [&browser, &other] {
        let page = somebody.sign_in(&app.url("/login")).await?;
        assert_eq!(page.status, 200, "{page}");
    }

    let page = browser.visit(&app.server.url("/logout")).await?;
    let page = browser.sign_out(page).await?;
    assert_eq!(page.status, 200, "{page}");
    let page = browser.visit(&app.url("/me")).await?;
    assert_eq!(
        (page.status, page.body.trim()),
        (401, "nobody is signed in"),
        "{page}"
    );
    let page = other.visit(&app.url("/me")).await?;
    assert_eq!(page.status, 200, "the other browser stays: {page}");
    Ok(())
}
