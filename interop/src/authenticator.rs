//! The authenticator app of the one user: oathtool, as Debian ships it, knows the secret that Safeconduct's page shows.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use safeconduct_testing_browser::{Browser, Page};
use url::Url;

use crate::safeconduct::{SECRET_FILE, Safeconduct};

/// Where the client returns to that lets the user set the app up: nothing answers there.
const SET_UP: &str = "http://127.0.0.1:9/";
/// How long a code lives, in seconds.
const STEP: u32 = 30;

/// What a Safeconduct is told beside what the peer needs, so that its user can have an authenticator app.
pub fn second_factor() -> String {
    format!(
        r#"
        [login]
        second_factor = "offered"
        [[clients]]
        id = "sets-up"
        secret_file = "{SECRET_FILE}"
        redirect_uris = ["{SET_UP}"]
        scopes = ["openid"]
        require_second_factor = true
        "#
    )
}

/// An authenticator app that is set up.
#[derive(Debug)]
pub struct Authenticator {
    secret: String,
    /// How many codes it has given: each is good once, and the next one is good from a step before its time.
    given: AtomicU32,
}

impl Authenticator {
    /// Sets an app up for the user of `browser`, at a Safeconduct that was told of [`second_factor`].
    ///
    /// # Errors
    /// A page is not the one that is due, or there is no oathtool.
    pub async fn set_up(server: &Safeconduct, browser: Browser) -> Result<Self> {
        let browser = browser.stopping_at(SET_UP);
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let request = Url::parse_with_params(
            &server.url("/authorize"),
            [
                ("client_id", "sets-up"),
                ("redirect_uri", SET_UP),
                ("response_type", "code"),
                ("scope", "openid"),
                ("code_challenge", challenge),
                ("code_challenge_method", "S256"),
            ],
        )?;
        let page = browser.sign_in(request.as_str()).await?;
        let (_, secret) = (page.body.split_once("<code id=\"secret\" dir=\"ltr\">"))
            .with_context(|| format!("no secret: {page}"))?;
        let (secret, _) = secret.split_once('<').context("the end of the secret")?;
        let app = Self {
            secret: secret.to_owned(),
            given: AtomicU32::new(0),
        };
        let form = page.form("enrol-submit")?.with("code", &app.code()?);
        let page = browser.submit(form).await?;
        ensure!(
            page.body.matches("<li><code").count() == 10,
            "no recovery codes: {page}"
        );
        Ok(app)
    }

    /// Types a code on `page`, which asks for one, and goes on to where that leads.
    ///
    /// # Errors
    /// The page asks for something else, the code is refused, or there is no oathtool.
    pub async fn pass(&self, browser: &Browser, page: Page) -> Result<Page> {
        let form = page
            .form("second-factor-submit")?
            .with("code", &self.code()?);
        let page = browser.submit(form).await?;
        ensure!(
            !page.has("second-factor-submit"),
            "the code was refused: {page}"
        );
        Ok(page)
    }

    /// A code that was not given yet. The second is the one of the next step, which is good already; there is no third for a while.
    fn code(&self) -> Result<String> {
        let later = self.given.fetch_add(1, Ordering::Relaxed);
        ensure!(later < 2, "a third code is good only later");
        let mut tool = Command::new("oathtool")
            .args(["--totp", "--base32", "--now"])
            .arg(format!("{} seconds", later * STEP))
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("oathtool")?;
        let mut input = tool.stdin.take().context("its input")?;
        writeln!(input, "{}", self.secret)?;
        drop(input);
        let output = tool.wait_with_output()?;
        ensure!(output.status.success(), "oathtool does not know the secret");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}
