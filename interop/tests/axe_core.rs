//! axe-core judges every page in every state, in a real browser, as narrow as a page has to bear (WCAG 2.2, 1.4.10): in English, and in Arabic
//! from right to left.

use std::fs;
use std::path::Path;

use anyhow::Result;
use safeconduct_console::samples as console;
use safeconduct_interop::install_npm;
use safeconduct_protocol::language::Language;
use safeconduct_server::pages::{Look, PageSet, samples};
use safeconduct_testing_browser::in_browser;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// Where the library is, as a browser loads it.
const LIBRARY: &str = "node_modules/axe-core/axe.min.js";
/// The width of WCAG's reflow, which is also 400 % zoom.
const NARROW: u32 = 320;

/// Judges the page by every rule but those that no page can be held to without a person.
const JUDGE: &str = r"
    const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] }).then(
        found => done(found.violations.map(one => `${one.id}: ${one.nodes.map(node => node.html).join(' ')}`)),
        error => done([String(error)]),
    );
";

/// Shows what the script of a page shows, once it knows that there are passkeys.
const SHOW: &str =
    "document.querySelectorAll('form.passkey').forEach(form => form.hidden = false);";

/// Which elements stick out.
const OUTSIDE: &str = r"
    const wide = document.documentElement.clientWidth;
    return [...document.querySelectorAll('body *')]
        .filter(one => one.checkVisibility() && !one.closest('.skip'))
        .filter(one => { const at = one.getBoundingClientRect(); return at.left < -1 || at.right > wide + 1; })
        .map(one => one.outerHTML.slice(0, 80));
";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_in_every_state_is_flawless_to_axe_with_chromium() -> Result<()> {
    let library = fs::read_to_string(install_npm("axe-core").await?.join(LIBRARY))?;
    let directory = tempfile::tempdir()?;
    let pages = write(directory.path())?;
    assert!(pages.len() > 120, "{} pages", pages.len());
    in_browser(|driver| async move {
        for (language, light) in [("en", "light"), ("en", "dark"), ("ar", "light")] {
            see_by(&driver, light).await?;
            for page in pages
                .iter()
                .filter(|page| page.ends_with(&format!(".{language}.html")))
            {
                driver.goto(&format!("file://{page}")).await?;
                driver.execute(SHOW, Vec::new()).await?;
                driver.execute(&library, Vec::new()).await?;
                let flaws: Vec<String> =
                    driver.execute_async(JUDGE, Vec::new()).await?.convert()?;
                let outside: Vec<String> = driver.execute(OUTSIDE, Vec::new()).await?.convert()?;
                assert_eq!(
                    (flaws, outside),
                    (Vec::new(), Vec::new()),
                    "{page}, {light}"
                );
            }
        }
        Ok(())
    })
    .await;
    Ok(())
}

/// Every page of the server and of the console in both directions, with its stylesheet. The script of the page that submits itself stays behind.
fn write(directory: &Path) -> Result<Vec<String>> {
    let set = PageSet::new("Safeconduct", ".", &Look::default())?;
    let stylesheet = set.stylesheet();
    fs::create_dir_all(directory.join("assets"))?;
    let path = stylesheet.path.trim_start_matches('/');
    fs::write(directory.join(path), &stylesheet.bytes)?;
    let mut written = Vec::new();
    for language in [Language::English, Language::Arabic] {
        for (name, html) in samples::render(set.of(language)) {
            // It would lead away before it is judged.
            let html = html.replace("http-equiv=\"refresh\"", "name=\"refresh\"");
            let file = directory.join(format!("{name}.{language}.html"));
            fs::write(&file, html)?;
            written.push(file.display().to_string());
        }
    }
    fs::write(directory.join("console.css"), console::STYLESHEET)?;
    for (name, html) in console::render() {
        let mut ways = vec![("en", "ltr")];
        // Its words are English alone; what its layout has in it is on these.
        if ["user", "client", "events", "new-client"].contains(&name.as_str()) {
            ways.push(("ar", "rtl"));
        }
        for (language, direction) in ways {
            let html = html.replace("dir=\"ltr\"", &format!("dir=\"{direction}\""));
            let file = directory.join(format!("console-{name}.{language}.html"));
            fs::write(&file, html)?;
            written.push(file.display().to_string());
        }
    }
    Ok(written)
}

/// The narrowest screen, in the light or in the dark.
async fn see_by(driver: &WebDriver, light: &str) -> WebDriverResult<()> {
    let tools = driver.cdp();
    let media = json!({"features": [{"name": "prefers-color-scheme", "value": light}]});
    let screen = json!({"width": NARROW, "height": 800, "deviceScaleFactor": 1, "mobile": false});
    for (command, with) in [
        ("Emulation.setEmulatedMedia", media),
        ("Emulation.setDeviceMetricsOverride", screen),
    ] {
        let _: Value = tools.send_raw(command, with).await?;
    }
    Ok(())
}
