//! What a browser is, as coarsely as its owner knows it: its kind and its system, read from `User-Agent` (RFC 9110 §10.1.5). What is kept
//! is a name of each out of a table, so that nothing that was sent is ever kept or shown.
//!
//! It tells a user their own sessions apart, and proves nothing: a browser says what it likes.

use std::fmt;

/// How much of the header is looked at, in bytes. Real ones have some two hundred.
const LONGEST: usize = 512;

/// Kinds of browsers by what is in their headers, the first that is there counts: most call themselves by the names of others as well.
const BROWSERS: [(&str, &str); 15] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Systems likewise: what runs on phones names the system of computers that it comes from, too.
const SYSTEMS: [(&str, &str); 9] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("FreeBSD", "FreeBSD"),
    ("Linux", "Linux"),
    ("X11", "Linux"),
];

/// A kind of browser and its system, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    browser: Option<&'static str>,
    system: Option<&'static str>,
}

impl Device {
    /// What sends this `User-Agent`.
    pub fn of_user_agent(header: &[u8]) -> Self {
        let header = &header[..header.len().min(LONGEST)];
        let header = String::from_utf8_lossy(header);
        let named = |table: &'static [(&'static str, &'static str)]| {
            let mut table = table.iter();
            table
                .find(|(sign, _)| header.contains(sign))
                .map(|(_, name)| *name)
        };
        Self {
            browser: named(&BROWSERS),
            system: named(&SYSTEMS),
        }
    }

    /// Reads what [`Display`](fmt::Display) writes. A name that is in no table is none.
    pub fn parse(text: &str) -> Self {
        let (browser, system) = text.split_once('/').unwrap_or_default();
        let named = |table: &'static [(&'static str, &'static str)], name: &str| {
            let mut names = table.iter().map(|(_, name)| *name);
            names.find(|known| *known == name)
        };
        Self {
            browser: named(&BROWSERS, browser),
            system: named(&SYSTEMS, system),
        }
    }

    /// The kind of browser.
    pub const fn browser(&self) -> Option<&'static str> {
        self.browser
    }

    /// Its system, or the device where that says more.
    pub const fn system(&self) -> Option<&'static str> {
        self.system
    }
}

/// As it is kept: both names, or nothing in the place of one, with a slash between them.
impl fmt::Display for Device {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (browser, system) = (self.browser, self.system);
        write!(
            out,
            "{}/{}",
            browser.unwrap_or_default(),
            system.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::firefox(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Firefox/Windows"
    )]
    #[case::firefox_on_linux(
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Firefox/Linux"
    )]
    #[case::chrome(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "Chrome/macOS"
    )]
    #[case::chrome_on_android(
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        "Chrome/Android"
    )]
    #[case::chromebook(
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "Chrome/ChromeOS"
    )]
    #[case::edge(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        "Edge/Windows"
    )]
    #[case::safari(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
        "Safari/iPhone"
    )]
    #[case::firefox_on_ipad(
        "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/145.0 Mobile/15E148 Safari/604.1",
        "Firefox/iPad"
    )]
    #[case::samsung(
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
        "Samsung Internet/Android"
    )]
    #[case::a_script("curl/8.14.1", "/")]
    #[case::a_system_alone("Thing (Windows)", "/Windows")]
    #[case::markup("<script>alert(1)</script>\u{202e}", "/")]
    #[case::nothing("", "/")]
    fn a_browser_is_known_by_its_kind_and_its_system(#[case] header: &str, #[case] kept: &str) {
        let device = Device::of_user_agent(header.as_bytes());
        assert_eq!(device.to_string(), kept);
        assert_eq!(Device::parse(kept), device);
    }

    #[test]
    fn what_is_no_text_or_has_no_end_is_looked_at_as_far_as_it_goes() {
        let long = [b"\xff".repeat(LONGEST), b"Firefox/1".to_vec()].concat();
        assert_eq!(Device::of_user_agent(&long), Device::default());
        let device = Device::of_user_agent(b"\xff\0 Firefox/1 \xfe Linux");
        assert_eq!(device.to_string(), "Firefox/Linux");
        for kept in ["", "Firefox", "firefox/linux", "<b>/x", "Firefox/Linux/x"] {
            assert_eq!(Device::parse(kept).system(), None, "{kept}");
        }
    }
}
