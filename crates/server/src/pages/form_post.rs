//! The page that carries an answer to a client by a form (OAuth 2.0 Form Post Response Mode), and the headers that
//! let it do that and nothing else.
//!
//! Its script, a static file of ours, submits the form; without it a user does. Where the
//! answer may go is decided before: the `redirect_uri` is proven.

use http::HeaderValue;
use serde::Serialize;
use url::{Host, Url};

use super::headers::headers;

/// An authorization response on its way to a client's redirect URI.
#[derive(Clone, Default, Serialize)]
pub struct FormPostPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to (`notes.example`, `localhost:8421`).
    pub client_host: &'a str,
    /// Where the form is posted: the proven `redirect_uri`, http or https.
    pub action: &'a str,
    /// The parameters of the response, each a hidden field that arrives as it is here.
    pub fields: &'a [(&'a str, &'a str)],
}

/// What a form_post page is sent with, in place of [`headers`]. `None` for an `action` that is neither http nor https:
/// no form is posted there.
///
/// The form may go to the action's origin and nowhere else. Chromium and WebKit hold redirects against that too, so an
/// app that sends the browser on from its redirect URI has to do so within that origin. `strict-origin` instead of
/// `no-referrer`, because the latter has the form arrive with `Origin: null`, which many apps turn away; the path of
/// the page is not told either way.
#[must_use]
pub fn form_post_headers(action: &str) -> Option<Vec<(&'static str, HeaderValue)>> {
    let source = source(action)?;
    let own = |&(name, value): &(&'static str, &'static str)| {
        let value = match name {
            "content-security-policy" => {
                let policy = format!("{value}; script-src 'self'; form-action {source}");
                HeaderValue::try_from(policy).ok()?
            }
            "referrer-policy" => HeaderValue::from_static("strict-origin"),
            _ => HeaderValue::from_static(value),
        };
        Some((name, value))
    };
    headers().iter().map(own).collect()
}

/// The origin of a URL as a source of a content security policy. Its grammar has no place for an IPv6 address: what is
/// left of the origin then is the scheme.
fn source(action: &str) -> Option<String> {
    let url = Url::parse(action).ok()?;
    if !matches!(url.scheme(), "https" | "http") {
        return None;
    }
    match url.host()? {
        Host::Ipv6(_) => Some(format!("{}:", url.scheme())),
        Host::Ipv4(_) => Some(url.origin().ascii_serialization()),
        // A URL may hold hosts that would end the source, or the directive, where they are written (`a;b`).
        Host::Domain(name) => name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
            .then(|| url.origin().ascii_serialization()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn header(action: &str, name: &str) -> Option<String> {
        let headers = form_post_headers(action)?;
        let mut found = headers.iter().filter(|(found, _)| *found == name);
        let value = found.next()?.1.to_str().unwrap().to_owned();
        assert!(found.next().is_none(), "{name} twice");
        Some(value)
    }

    /// Attacks: Q07.
    #[rstest]
    #[case::default_port("https://notes.example/callback?a=b", "https://notes.example")]
    #[case::port("https://notes.example:8443/callback", "https://notes.example:8443")]
    #[case::loopback("http://127.0.0.1:49152/callback", "http://127.0.0.1:49152")]
    #[case::localhost("http://localhost:8421/", "http://localhost:8421")]
    #[case::unicode("https://bücher.example/", "https://xn--bcher-kva.example")]
    #[case::ipv6_has_no_source("http://[::1]:8421/callback", "http:")]
    fn the_form_may_go_to_the_origin_of_the_redirect_uri_and_nowhere_else(
        #[case] action: &str,
        #[case] source: &str,
    ) {
        let policy = header(action, "content-security-policy").unwrap();
        assert_eq!(
            policy,
            format!(
                "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
                 frame-ancestors 'none'; script-src 'self'; form-action {source}"
            )
        );
    }

    #[rstest]
    #[case::private_scheme("com.example.app:/callback")]
    #[case::script("javascript:alert(1)")]
    #[case::data("data:text/html,x")]
    #[case::relative("/callback")]
    #[case::another_directive("https://a;b.example/callback")]
    #[case::another_policy("https://a,b.example/callback")]
    #[case::quoted("https://'self'.example/callback")]
    #[case::wildcard("https://*.example/callback")]
    fn no_form_is_posted_where_no_policy_can_hold_it(#[case] action: &str) {
        assert!(form_post_headers(action).is_none(), "{action}");
    }

    #[test]
    fn the_app_sees_which_origin_posted_to_it_and_the_rest_is_as_on_every_page() {
        let action = "https://notes.example/callback";
        let referrer = header(action, "referrer-policy").unwrap();
        assert_eq!(referrer, "strict-origin");
        for &(name, value) in headers() {
            if !["content-security-policy", "referrer-policy"].contains(&name) {
                assert_eq!(header(action, name).as_deref(), Some(value));
            }
        }
    }
}
