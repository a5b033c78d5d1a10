//! The headers of every page.

/// What every page is sent with, refusals and faults included.
///
/// `form-action` is left out on purpose: Chromium and WebKit hold the whole redirect chain that follows a
/// form against it, and would stop the flow on its way back to the client. `no-referrer` has browsers post
/// our own forms with `Origin: null`: it is `Sec-Fetch-Site` that tells where a post comes from.
#[must_use]
pub const fn headers() -> &'static [(&'static str, &'static str)] {
    &[
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
        ),
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
