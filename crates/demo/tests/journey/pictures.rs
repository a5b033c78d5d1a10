//! What the pages look like: wide and 320 pixels narrow, in the light and in the dark. With `SAFECONDUCT_SCREENSHOTS` set to a
//! directory, each is kept there as a PNG.

use std::path::PathBuf;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thirtyfour::cdp::Cdp;
use thirtyfour::prelude::*;

/// The variable that names the directory.
const DIRECTORY: &str = "SAFECONDUCT_SCREENSHOTS";

const WIDE: u32 = 1280;
/// The width of WCAG 2.2's reflow (1.4.10), which is also 400 % zoom.
const NARROW: u32 = 320;

/// What has to be scrolled sideways within the page to be read.
const SIDEWAYS: &str = r"
    return [...document.querySelectorAll('body *')]
        .filter(one => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
        .filter(one => ['auto', 'scroll'].includes(getComputedStyle(one).overflowX))
        .map(one => one.className || one.tagName);
";

/// Whether somebody wants to keep the pictures.
pub(crate) fn are_kept() -> bool {
    env::var_os(DIRECTORY).is_some()
}

/// Where pictures go, if anywhere.
pub(crate) struct Pictures {
    directory: Option<PathBuf>,
}

impl Pictures {
    pub(crate) fn new() -> Self {
        let directory = env::var_os(DIRECTORY).map(PathBuf::from);
        if let Some(directory) = &directory {
            fs::create_dir_all(directory).unwrap();
        }
        Self { directory }
    }

    /// Looks at the page, and keeps what it sees if it is to.
    pub(crate) async fn take(&self, driver: &WebDriver, name: &str) -> WebDriverResult<()> {
        let tools = driver.cdp();
        for (width, light) in [
            (WIDE, "light"),
            (WIDE, "dark"),
            (NARROW, "light"),
            (NARROW, "dark"),
        ] {
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": light}]});
            tools.send_raw("Emulation.setEmulatedMedia", media).await?;
            let screen =
                json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
            tools
                .send_raw("Emulation.setDeviceMetricsOverride", screen)
                .await?;
            let sizes = tools.send_raw("Page.getLayoutMetrics", json!({})).await?;
            let taken = sizes["cssContentSize"]["width"].as_u64();
            assert_eq!(
                taken,
                Some(u64::from(width)),
                "{name} sticks out at {width} pixels"
            );
            let hidden = driver.execute(SIDEWAYS, Vec::new()).await?;
            let none: Vec<String> = Vec::new();
            assert_eq!(
                hidden.convert::<Vec<String>>()?,
                none,
                "{name} must be scrolled sideways at {width} pixels"
            );
            if let Some(directory) = &self.directory {
                let file = directory.join(format!("{name}-{width}-{light}.png"));
                fs::write(file, capture(&tools, &sizes).await?).unwrap();
            }
        }
        tools
            .send_raw("Emulation.clearDeviceMetricsOverride", json!({}))
            .await?;
        let media = json!({"features": []});
        tools
            .send_raw("Emulation.setEmulatedMedia", media)
            .await
            .map(drop)
    }
}

/// The whole page as a PNG.
async fn capture(tools: &Cdp, sizes: &Value) -> WebDriverResult<Vec<u8>> {
    let whole = json!({
        "captureBeyondViewport": true,
        "clip": {"x": 0, "y": 0, "width": sizes["cssContentSize"]["width"], "height": sizes["cssContentSize"]["height"], "scale": 1},
    });
    let picture = tools.send_raw("Page.captureScreenshot", whole).await?;
    Ok(STANDARD
        .decode(picture["data"].as_str().unwrap_or_default())
        .unwrap())
}
