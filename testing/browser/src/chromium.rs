//! A Chromium that belongs to a test: a driver of its own, no window, and gone when the test is over.
//!
//! The programs are those that `CHROMIUM` and `CHROMEDRIVER` name, or that are on the path (Debian: `chromium`,
//! `chromium-driver`). A test that uses this crate says so at the end of its name, so that it can be left out where they are
//! missing.

use std::env;
use std::future::Future;
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use thirtyfour::ChromeCapabilities;
use thirtyfour::prelude::*;

/// Plays `scenes` in a new browser, and closes it however they end.
///
/// # Panics
/// There is no browser to be had, or the scenes fail.
pub async fn in_browser<F>(scenes: impl FnOnce(WebDriver) -> F)
where
    F: Future<Output = WebDriverResult<()>> + Send + 'static,
{
    let process = Driver::start();
    let capabilities = capabilities().expect("the arguments are well-formed");
    let driver = WebDriver::new(&process.url, capabilities)
        .await
        .expect("the browser starts");
    let played = tokio::spawn(scenes(driver.clone())).await;
    let _ = driver.quit().await;
    drop(process);
    match played {
        Ok(outcome) => outcome.expect("every scene is played to its end"),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The process that drives the browser, running until it is dropped.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    fn start() -> Self {
        let program = env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let mut child = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} (Debian package chromium-driver): {error}"));
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut port = None;
        while port.is_none() {
            let mut line = String::new();
            assert!(
                output.read_line(&mut line).is_ok_and(|read| read > 0),
                "{program} says its port"
            );
            let last = line
                .trim_end()
                .trim_end_matches('.')
                .rsplit(' ')
                .next()
                .unwrap_or_default();
            port = last
                .parse::<u16>()
                .ok()
                .filter(|_| line.contains("started successfully"));
        }
        std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
        let url = format!("http://localhost:{}", port.expect("the loop ends with one"));
        Self { child, url }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn capabilities() -> WebDriverResult<ChromeCapabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    if let Some(browser) = browser() {
        capabilities.set_binary(&browser.to_string_lossy())?;
    }
    for argument in [
        "--headless=new",
        // Chromium refuses to run as root with its sandbox, and containers run everything as root.
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        // A page that glides is not where it is clicked.
        "--force-prefers-reduced-motion",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-sync",
        "--no-first-run",
        "--window-size=1280,900",
    ] {
        capabilities.add_arg(argument)?;
    }
    Ok(capabilities)
}

fn browser() -> Option<PathBuf> {
    let named = env::var_os("CHROMIUM")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    named.or_else(|| {
        let mut places = env::split_paths(&path).map(|directory| directory.join("chromium"));
        places.find(|place| place.is_file())
    })
}
