//! The operator's day in a browser as operators have it: who says where a form comes from, keeps cookies to their paths, and holds pages to their
//! policy. Every page on the way is looked at, wide and 320 pixels narrow, and kept as a picture where `SAFECONDUCT_SCREENSHOTS` names a directory.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::totp::TotpSecret;
use safeconduct_testing_browser::in_browser;
use safeconduct_testing_program::Process;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use super::{PASSWORD, Setting, base32};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Wide, and the width of WCAG 2.2's reflow (1.4.10), which is also 400 % zoom.
const WIDTHS: [u32; 2] = [1280, 320];

/// A browser in front of a console.
struct Stage {
    driver: WebDriver,
    pictures: Option<PathBuf>,
}

impl Stage {
    async fn find(&self, css: &str) -> WebDriverResult<WebElement> {
        let query = self.driver.query(By::Css(css));
        query
            .wait(PATIENCE, Duration::from_millis(50))
            .first()
            .await
    }

    /// Presses what this selector finds, and waits until its page is gone.
    async fn press(&self, css: &str) -> WebDriverResult<()> {
        let button = self.find(css).await?;
        button.click().await?;
        let gone = button.wait_until();
        gone.wait(PATIENCE, Duration::from_millis(20)).stale().await
    }

    async fn fill(&self, css: &str, text: &str) -> WebDriverResult<()> {
        let field = self.find(css).await?;
        field.clear().await?;
        field.send_keys(text).await
    }

    async fn text(&self, css: &str) -> WebDriverResult<String> {
        self.find(css).await?.text().await
    }

    async fn holds(&self, css: &str, words: &str) -> WebDriverResult<()> {
        let text = self.text(css).await?;
        assert!(text.contains(words), "{words}: {text}");
        Ok(())
    }

    /// Looks at the page: nothing sticks out of it.
    async fn look(&self, name: &str) -> WebDriverResult<()> {
        let tools = self.driver.cdp();
        for width in WIDTHS {
            for light in ["light", "dark"] {
                let media = json!({"features": [{"name": "prefers-color-scheme", "value": light}]});
                let screen =
                    json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
                for (command, with) in [
                    ("Emulation.setEmulatedMedia", media),
                    ("Emulation.setDeviceMetricsOverride", screen),
                ] {
                    let _: Value = tools.send_raw(command, with).await?;
                }
                let sizes = tools.send_raw("Page.getLayoutMetrics", json!({})).await?;
                let size = &sizes["cssContentSize"];
                assert_eq!(size["width"], width, "{name} sticks out at {width} pixels");
                if let Some(directory) = &self.pictures {
                    let whole = json!({
                        "captureBeyondViewport": true,
                        "clip": {"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1},
                    });
                    let picture = tools.send_raw("Page.captureScreenshot", whole).await?;
                    let bytes = base64::Engine::decode(
                        &base64::engine::general_purpose::STANDARD,
                        picture["data"].as_str().unwrap_or_default(),
                    );
                    let file = directory.join(format!("{name}-{width}-{light}.png"));
                    fs::write(file, bytes.expect("a picture")).expect("a directory for pictures");
                }
            }
        }
        let _: Value = tools
            .send_raw("Emulation.clearDeviceMetricsOverride", json!({}))
            .await?;
        Ok(())
    }

    /// Signs Ada in at the server, and sets her authenticator app up.
    async fn sign_in(&self) -> WebDriverResult<()> {
        self.fill("#username", "ada").await?;
        self.fill("#password", PASSWORD).await?;
        self.press("#login-submit").await?;
        let secret = self.text("#secret").await?;
        let secret = TotpSecret::from_bytes(&base32(&secret)).expect("a secret");
        let code = secret.code_at(Clock::system().now());
        self.fill("#code", code.expose()).await?;
        self.press("#enrol-submit").await?;
        self.press("#recovery-codes-saved").await?;
        self.press("#consent-allow").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_does_their_day_in_the_console_in_a_browser() {
    let setting = Setting::new().expect("a server");
    let pictures = std::env::var_os("SAFECONDUCT_SCREENSHOTS").map(PathBuf::from);
    if let Some(directory) = &pictures {
        fs::create_dir_all(directory).expect("a directory for pictures");
    }
    let arguments = ["console", "--no-browser", "--api", &setting.api];
    let log = setting.laptop.path().join("console.log");
    let mut running =
        Process::start(&mut setting.command(&arguments), &log).expect("the console starts");
    let address = running.has_printed("/open/").await.expect("an address");
    let address = address.trim().to_owned();
    let server = &setting.server;
    in_browser(|driver| async move {
        let stage = Stage { driver, pictures };
        stage.driver.goto(&address).await?;
        stage.sign_in().await?;
        stage.holds("h1", "The server is well").await?;
        stage.holds(".who", "Signed in as ada").await?;
        stage.look("front").await?;
        // Used up: the same address opens nothing new, and its own browser is let in by what it has.
        stage.driver.goto(&address).await?;
        stage.holds("h1", "The server is well").await?;
        find_and_end(&stage).await?;
        register(&stage).await?;
        look_around(&stage).await?;
        stage.press("#sign-out").await?;
        stage.holds("h1", "You are signed out").await
    })
    .await;
    let bob = server.json(&["user", "show", "bob"]);
    assert_eq!(bob["locked"], true, "{bob}");
    let wiki = server.json(&["client", "show", "wiki"]);
    assert_eq!(wiki["client_name"], "Wiki", "{wiki}");
}

/// A user is found by the one box, locked, and everything of theirs ended.
async fn find_and_end(stage: &Stage) -> WebDriverResult<()> {
    stage.fill("#q", "bo").await?;
    stage.press("#search").await?;
    stage.holds("h1", "bob").await?;
    stage.look("user").await?;
    stage.press("#lock").await?;
    stage.press("#confirm").await?;
    stage.holds("#done", "locked").await?;
    stage.press("#end").await?;
    stage.fill("#name", "Bob?").await?;
    stage.press("#confirm").await?;
    stage.holds(".field-problem", "another name").await?;
    stage.look("confirm").await?;
    stage.fill("#name", "bob").await?;
    stage.press("#confirm").await?;
    stage.holds("#done", "has ended").await
}

/// A client is registered, which ends in the settings of the app.
async fn register(stage: &Stage) -> WebDriverResult<()> {
    stage.press(".places a[href$='/clients']").await?;
    stage.look("clients").await?;
    stage.press("#new-client").await?;
    stage.fill("#client_name", "Wiki").await?;
    stage.fill("#client_id", "wiki").await?;
    stage.fill("#redirect_uris", "ftp://wiki.example").await?;
    stage.press("#register").await?;
    stage.holds(".problem", "redirect_uris").await?;
    stage.look("new-client").await?;
    stage
        .fill("#redirect_uris", "https://wiki.example/callback")
        .await?;
    stage.press("#register").await?;
    shown_once(stage).await
}

/// A secret is shown once; another one takes its place.
async fn shown_once(stage: &Stage) -> WebDriverResult<()> {
    let secret = stage.text("#client-secret").await?;
    stage.look("settings").await?;
    stage.driver.refresh().await?;
    let page = stage.driver.source().await?;
    assert!(secret.len() > 40 && !page.contains(&secret), "{page}");
    stage.press("#to-client").await?;
    stage.press("#rotate").await?;
    stage.find("#client-secret").await?;
    stage.press("#to-client").await?;
    stage.look("client").await
}

/// The other pages.
async fn look_around(stage: &Stage) -> WebDriverResult<()> {
    for place in [
        "users",
        "groups",
        "sessions",
        "grants",
        "keys",
        "deliveries",
        "events",
    ] {
        stage.press(&format!(".places a[href$='/{place}']")).await?;
        stage.look(place).await?;
    }
    stage.fill("#kind", "user-locked").await?;
    stage.press("#filter").await?;
    stage.holds(".events", "user-locked").await?;
    stage.press(".events a[href*='/explain/']").await?;
    stage.holds("h1", "What is known of this request").await?;
    stage.look("explained").await
}
