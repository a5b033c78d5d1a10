//! oauth2-proxy stands before a site and signs people in with Safeconduct: it keeps its session in a cookie, so requests at the
//! same time renew with the same refresh token. What it is made of is in `interop/oauth2-proxy`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use safeconduct_interop::{SECRET_FILE, Safeconduct, browser, build_go, start};
use safeconduct_testing_browser::{Browser, Page};
use safeconduct_testing_program::{Process, free_ports};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What is built.
const PACKAGE: &str = "github.com/oauth2-proxy/oauth2-proxy/v7";
/// How many requests a page of the site sends at the same time.
const AT_ONCE: usize = 8;
/// How often the proxy has to renew before the test believes it.
const RENEWALS: usize = 3;
/// Rounds of requests until then; the proxy renews a second after it did last.
const LONGEST: usize = 300;

/// The proxy, with a Safeconduct of its own.
struct Proxy {
    // Ends before the folder of the server goes, which has its log.
    _process: Process,
    _server: Safeconduct,
    base: String,
}

impl Proxy {
    async fn start() -> Result<Self> {
        let program = build_go("oauth2-proxy", PACKAGE).await?;
        let [port] = free_ports();
        let listen = format!("127.0.0.1:{port}");
        let base = format!("http://{listen}");
        let server = Safeconduct::start(&format!(
            r#"
            [[clients]]
            id = "oauth2-proxy"
            secret_file = "{SECRET_FILE}"
            redirect_uris = ["{base}/oauth2/callback"]
            scopes = ["openid", "profile", "email", "offline_access"]
            "#
        ))?;
        let process = start(
            "oauth2-proxy",
            Command::new(program)
                .args(["--provider=oidc", "--client-id=oauth2-proxy"])
                .arg(format!("--oidc-issuer-url={}", server.issuer()))
                .arg(format!("--client-secret-file={SECRET_FILE}"))
                .arg(format!("--redirect-url={base}/oauth2/callback"))
                .arg(format!("--http-address={listen}"))
                .args(["--scope=openid profile email offline_access"])
                .args(["--code-challenge-method=S256", "--upstream=static://200"])
                .args(["--email-domain=*", "--skip-provider-button"])
                // The browser of a test is on this machine, without TLS.
                .args([
                    "--cookie-secret=a-cookie-secret-of-32-characters",
                    "--cookie-secure=false",
                ])
                .args(["--cookie-refresh=1s"])
                .current_dir(server.folder()),
            server.folder(),
            &listen,
        )?;
        Ok(Self {
            _process: process,
            _server: server,
            base,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What the proxy says of the person, asked for several times at once.
    async fn asked_at_once(&self, browser: &Browser) -> Result<Vec<Page>> {
        let mut asked = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (browser, url) = (browser.clone(), self.url("/oauth2/userinfo"));
            asked.spawn(async move { browser.visit(&url).await });
        }
        asked.join_all().await.into_iter().collect()
    }
}

#[tokio::test]
async fn oauth2_proxy_signs_in_and_renews_at_the_same_time_with_go() -> Result<()> {
    let proxy = Proxy::start().await?;
    let browser = browser()?;
    let page = browser.sign_in(&proxy.url("/")).await?;
    assert_eq!((page.status, page.url.path()), (200, "/"), "{page}");

    let (mut renewals, mut rounds) = (0, 0);
    while renewals < RENEWALS {
        ensure!(rounds < LONGEST, "renewed {renewals} times");
        rounds += 1;
        let pages = proxy.asked_at_once(&browser).await?;
        for page in &pages {
            // A renewal that was refused would end in a page for signing in.
            assert_eq!(page.status, 200, "{page}");
            let who: Value = page.json()?;
            assert_eq!(who["email"], "ada@example.com", "{who}");
        }
        let renewed = |page: &&Page| page.headers.contains_key("set-cookie");
        renewals += usize::from(pages.iter().any(|page| renewed(&page)));
        sleep(Duration::from_millis(50)).await;
    }

    // Not on to the site: whoever is still signed in at Safeconduct is let in again without a question.
    let out = proxy.url("/oauth2/sign_out?rd=%2Fping");
    assert_eq!(browser.visit(&out).await?.url.path(), "/ping");
    let page = browser.visit(&proxy.url("/oauth2/userinfo")).await?;
    assert_eq!(page.status, 401, "{page}");
    Ok(())
}
