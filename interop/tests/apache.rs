//! Apache httpd with mod_auth_openidc lets in whom Safeconduct signs in, and asks it about tokens: the site, its gate and the API
//! behind that are `interop/apache`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use safeconduct_interop::{
    Authenticator, SECRET, SECRET_FILE, Safeconduct, browser, folder_of, second_factor, start,
};
use safeconduct_testing_program::{Process, free_ports};
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

/// Apache, as the gate and as the API behind it, with a Safeconduct of its own.
struct Site {
    // Ends before the folder of the server goes, which has its log.
    _process: Process,
    server: Safeconduct,
    base: String,
    /// The API without the gate.
    api: String,
    _folder: TempDir,
}

impl Site {
    async fn start() -> Result<Self> {
        let [port, api_port] = free_ports();
        let base = format!("http://127.0.0.1:{port}");
        let api = format!("http://127.0.0.1:{api_port}");
        let server = Safeconduct::start(&format!(
            r#"
            [scopes."notes.read"]
            text.en = "Read your notes"
            [[resources]]
            uri = "{api}"
            scopes = ["notes.read"]
            client = "api"
            [[clients]]
            id = "api"
            secret_file = "{SECRET_FILE}"
            grant_types = []
            [[clients]]
            id = "apache"
            secret_file = "{SECRET_FILE}"
            redirect_uris = ["{base}/gate"]
            scopes = ["openid", "profile", "email", "notes.read"]
            post_logout_redirect_uris = ["{base}/signed-out.html"]
            backchannel_logout_uri = "{base}/gate?logout=backchannel"
            {}
            "#,
            second_factor()
        ))?;
        let folder = tempfile::tempdir()?;
        open(folder.path())?;
        for part in ["site", "api"] {
            publish(&folder_of("apache").join(part), &folder.path().join(part))?;
        }
        let process = start(
            "apache",
            // One process, which does not leave the terminal.
            Command::new("/usr/sbin/apache2")
                .arg("-X")
                .arg("-f")
                .arg(folder_of("apache").join("apache.conf"))
                .env("RUN", folder.path())
                .env("SITE", folder.path().join("site"))
                .env("PORT", port.to_string())
                .env("API", folder.path().join("api"))
                .env("API_PORT", api_port.to_string())
                .env("ISSUER", server.issuer())
                .env("CLIENT_SECRET", SECRET),
            server.folder(),
            &format!("127.0.0.1:{port}"),
        )?;
        Ok(Self {
            server,
            base,
            api,
            _process: process,
            _folder: folder,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// An address of the gate's own, by which it is asked for something.
    fn gate(&self, parameters: &[(&str, &str)]) -> Result<String> {
        let url = Url::parse_with_params(&self.url("/gate"), parameters)?;
        Ok(url.into())
    }
}

#[tokio::test]
async fn a_gate_of_apache_signs_in_refreshes_and_logs_out_with_apache() -> Result<()> {
    let site = Site::start().await?;
    let browser = browser()?;
    let page = browser.visit(&site.url("/")).await?;
    assert!(page.body.contains("Open to everybody"), "{page}");

    let page = browser.sign_in(&site.url("/staff/")).await?;
    let welcome = "Welcome ada, known as Ada Lovelace, ada@example.com.";
    assert_eq!((page.status, page.url.path()), (200, "/staff/"), "{page}");
    assert!(page.body.contains(welcome), "{page}");
    let page = browser.visit(&site.url("/directors/")).await?;
    assert_eq!(page.status, 401, "{page}");

    let told = site.gate(&[("info", "json")])?;
    let first: Value = browser.visit(&told).await?.json()?;
    assert_eq!(first["id_token"]["iss"], site.server.issuer(), "{first}");
    assert_eq!(first["id_token"]["aud"], "apache", "{first}");
    assert_eq!(
        first["userinfo"]["sub"], first["id_token"]["sub"],
        "{first}"
    );

    let access_token = first["access_token"].as_str().context("access_token")?;
    let staff = site.url("/staff/");
    let refresh = site.gate(&[("refresh", &staff), ("access_token", access_token)])?;
    let page = browser.visit(&refresh).await?;
    assert_eq!((page.url.as_str(), page.status), (&*staff, 200), "{page}");
    let second: Value = browser.visit(&told).await?.json()?;
    for token in ["access_token", "refresh_token"] {
        assert!(second[token].is_string(), "{second}");
        assert_ne!(second[token], first[token], "{token}");
    }

    let signed_out = site.url("/signed-out.html");
    let page = browser
        .visit(&site.gate(&[("logout", &signed_out)])?)
        .await?;
    let page = browser.sign_out(page).await?;
    assert_eq!(page.url.as_str(), signed_out, "{page}");
    let page = browser.visit(&staff).await?;
    assert!(page.has("login-form"), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_gate_of_apache_hears_that_a_session_ended_at_safeconduct_with_apache() -> Result<()> {
    let site = Site::start().await?;
    let [browser, other] = [browser()?, browser()?];
    for somebody in [&browser, &other] {
        let page = somebody.sign_in(&site.url("/staff/")).await?;
        assert_eq!(page.status, 200, "{page}");
    }

    let page = browser.visit(&site.server.url("/logout")).await?;
    let page = browser.sign_out(page).await?;
    assert_eq!(page.status, 200, "{page}");
    let page = browser.visit(&site.url("/staff/")).await?;
    assert!(page.has("login-form"), "{page}");
    let page = other.visit(&site.url("/staff/")).await?;
    assert_eq!(page.url.path(), "/staff/", "the other stays: {page}");
    Ok(())
}

#[tokio::test]
async fn an_api_of_apache_asks_about_every_token_with_apache() -> Result<()> {
    let site = Site::start().await?;
    let browser = browser()?;
    let page = browser.visit(&format!("{}/notes/", site.api)).await?;
    assert_eq!(page.status, 401, "{page}");

    let notes = site.url("/notes/");
    let page = browser.sign_in(&notes).await?;
    assert_eq!((page.url.as_str(), page.status), (&*notes, 200), "{page}");
    assert!(page.body.contains(", shown to apache."), "{page}");

    site.server.command(&["user", "lock", "ada"])?;
    let page = browser.visit(&notes).await?;
    assert_eq!((page.url.as_str(), page.status), (&*notes, 401), "{page}");
    Ok(())
}

/// Copies a site to where Apache may read it: started by root, it gives the root's rights up.
fn publish(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    open(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            publish(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), &copy)?;
            open(&copy)?;
        }
    }
    Ok(())
}

/// Lets everybody read a file, or enter a folder.
fn open(path: &Path) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(0o755))?)
}

/// Attacks: PE46.
#[tokio::test]
async fn a_gate_of_apache_asks_for_a_second_factor_where_a_place_demands_it_with_apache()
-> Result<()> {
    let site = Site::start().await?;
    let [browser, other] = [browser()?, browser()?];
    let page = browser.sign_in(&site.url("/staff/")).await?;
    assert_eq!(page.status, 200, "{page}");

    let authenticator = Authenticator::set_up(&site.server, other).await?;
    let page = browser.visit(&site.url("/vault/")).await?;
    let (_, begin) = (page
        .body
        .split_once("http-equiv=\"refresh\" content=\"0; url="))
    .with_context(|| format!("no way to sign in anew: {page}"))?;
    let (begin, _) = begin.split_once('"').context("the end of the address")?;
    let page = browser.sign_in(begin).await?;
    let page = authenticator.pass(&browser, page).await?;
    assert_eq!((page.status, page.url.path()), (200, "/vault/"), "{page}");
    assert!(page.body.contains("ada, by mfa (pwd,otp,mfa)"), "{page}");
    Ok(())
}
