//! The headers of every page.

use http::HeaderValue;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// What every page is sent with, refusals and faults included.
///
/// `form-action` is left out on purpose: Chromium and WebKit hold the whole redirect chain that follows a
/// form against it, and would stop the flow on its way back to the client. `no-referrer` has browsers post
/// our own forms with `Origin: null`: it is `Sec-Fetch-Site` that tells where a post comes from.
#[must_use]
pub const fn headers() -> &'static [(&'static str, &'static str)] {
    &[
        ("content-security-policy", POLICY),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ]
}

/// The policy of a page that has a script: the same, and scripts of ours, which may ask this server for something where the page `connects`.
#[must_use]
pub fn scripted_policy(connects: bool) -> HeaderValue {
    let connections = if connects { "; connect-src 'self'" } else { "" };
    let policy = format!("{POLICY}; script-src 'self'{connections}");
    HeaderValue::try_from(policy).expect("a policy is visible ASCII")
}
