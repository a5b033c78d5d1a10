//! How a URI that was sent differs from the one it should have been, part by part, for the operator's eyes: "trailing slash",
//! "http instead of https", "port 8080 instead of 8421", …. What was sent is repeated in brief alone: what stands in a URI by
//! mistake may be a code.

use url::Url;

use crate::{loopback::is_loopback, sent::beside};

/// With more parts than this that differ, two URIs have nothing to do with each other.
const MOST_PARTS: usize = 3;
/// What is said of two texts that a reader of URLs takes for one.
const SPELLED: &str =
    "spelled differently (encoding, case of scheme or host, default port, dots in the path)";

/// What is known about the expected URIs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// The port of a loopback address is free (RFC 8252 §7.3), and that of `localhost` is not.
    FreeOnLoopback,
    /// It is a part like any other.
    Exact,
}

/// How `sent` differs from that of `expected` which it resembles most.
pub(crate) fn to_the_closest<'a>(
    expected: impl Iterator<Item = &'a str>,
    sent: &str,
    port: Port,
) -> String {
    let Ok(sent_url) = Url::parse(sent) else {
        return "it is not an absolute URI".to_owned();
    };
    let sent = Read::new(sent, &sent_url);
    let closest = expected
        .filter_map(|text| {
            let url = Url::parse(text).ok()?;
            Some((parts(Read::new(text, &url), sent, port), text))
        })
        .min_by_key(|(parts, _)| parts.len());
    match closest {
        None => "none is registered".to_owned(),
        Some((parts, text)) if parts.len() <= MOST_PARTS => {
            format!("{} (registered: {text})", parts.join(", "))
        }
        Some(_) => "it resembles none that is registered".to_owned(),
    }
}

/// A URI as it is written and as it is read.
#[derive(Clone, Copy)]
struct Read<'a> {
    text: &'a str,
    url: &'a Url,
}

impl<'a> Read<'a> {
    fn new(text: &'a str, url: &'a Url) -> Self {
        Self { text, url }
    }

    fn host(self) -> &'a str {
        self.url.host_str().unwrap_or("")
    }

    fn port(self) -> String {
        let port = self.url.port_or_known_default();
        port.map(|port| port.to_string()).unwrap_or_default()
    }

    /// Empty where nothing is written, though a reader of URLs sees `/`.
    fn path(self) -> &'a str {
        let after_host = self.text.split_once("//").map_or("", |(_, rest)| rest);
        let written = after_host.find(['/', '?', '#']).map(|at| &after_host[at..]);
        match self.url.path() {
            "/" if !written.is_some_and(|rest| rest.starts_with('/')) => "",
            path => path,
        }
    }

    fn is_plain_loopback(self) -> bool {
        self.url.scheme() == "http" && is_loopback(self.url)
    }
}

fn parts(expected: Read<'_>, sent: Read<'_>, port: Port) -> Vec<String> {
    let part = |name: &str, expected: &str, sent: &str| {
        (expected != sent).then(|| format!("{name}{}", instead(expected, sent)))
    };
    let (theirs, ours) = (sent.url, expected.url);
    let mut parts = Vec::new();
    parts.extend(part("", ours.scheme(), theirs.scheme()));
    parts.extend(part("", expected.host(), sent.host()));
    if ours.scheme() == theirs.scheme() {
        parts.extend(port_part(expected, sent, port));
    }
    let (path, sent_path) = (expected.path(), sent.path());
    if path.trim_end_matches('/') == sent_path.trim_end_matches('/') {
        if path != sent_path {
            let more = sent_path.len() > path.len();
            parts.push(
                if more {
                    "trailing slash"
                } else {
                    "no trailing slash"
                }
                .to_owned(),
            );
        }
    } else if path.eq_ignore_ascii_case(sent_path) {
        parts.push("upper and lower case of the path".to_owned());
    } else {
        parts.extend(part("path ", path, sent_path));
    }
    // Not repeated: what stands before the host is a name and a password.
    if (ours.username(), ours.password()) != (theirs.username(), theirs.password()) {
        parts.push("a user name or password before the host".to_owned());
    }
    for (name, ours, theirs) in [
        ("query", ours.query(), theirs.query()),
        ("fragment", ours.fragment(), theirs.fragment()),
    ] {
        match (ours, theirs) {
            (None, Some("")) => parts.push(format!("an empty {name}")),
            (Some(""), None) => parts.push(format!("no empty {name}")),
            _ => parts.extend(part(
                &format!("{name} "),
                ours.unwrap_or(""),
                theirs.unwrap_or(""),
            )),
        }
    }
    if parts.is_empty() && expected.text != sent.text {
        parts.push(SPELLED.to_owned());
    }
    parts
}

fn port_part(expected: Read<'_>, sent: Read<'_>, port: Port) -> Option<String> {
    let on_loopback = expected.is_plain_loopback() && sent.is_plain_loopback();
    match (expected.port(), sent.port()) {
        (ours, theirs) if ours == theirs => None,
        (ours, theirs) if port == Port::Exact || !on_loopback => {
            Some(format!("port {}", instead(&ours, &theirs)))
        }
        _ if expected.host() == "localhost" => {
            let query = expected.url.query().map(|query| format!("?{query}"));
            let rest = format!("{}{}", expected.path(), query.unwrap_or_default());
            Some(format!(
                "the port of localhost is not free: register http://127.0.0.1{rest}, whose port is free, and have the app send that; or register this port of localhost"
            ))
        }
        _ => None,
    }
}

fn instead(expected: &str, sent: &str) -> String {
    let sent = beside(expected, sent);
    let expected = if expected.is_empty() {
        "none"
    } else {
        expected
    };
    format!("{sent} instead of {expected}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn redirect(registered: &str, sent: &str) -> String {
        to_the_closest([registered].into_iter(), sent, Port::FreeOnLoopback)
    }

    #[rstest]
    #[case("https://rp.example/cb/", "trailing slash")]
    #[case("http://rp.example/cb", "http instead of https")]
    #[case("https://rp.example:8443/cb", "port 8443 instead of 443")]
    #[case("https://rp.example/CB", "upper and lower case of the path")]
    #[case("https://rp.example/cb?x=1", "query x=1 instead of none")]
    #[case("https://rp.example/cd", "path /cd instead of /cb")]
    #[case("https://rp.example", "path none instead of /cb")]
    #[case("https://rp.example/c", "path /c instead of /cb")]
    #[case("https://rq.example/cb", "rq.example instead of rp.example")]
    #[case(
        "https://rp.example:443/cb",
        "spelled differently (encoding, case of scheme or host, default port, dots in the path)"
    )]
    #[case("https://RP.example/cb", SPELLED)]
    #[case("HTTPS://rp.example/cb", SPELLED)]
    #[case("https://rp.example/a/../cb", SPELLED)]
    #[case(
        "https://hush@rp.example/cb",
        "a user name or password before the host"
    )]
    #[case("https://rp.example/cb?", "an empty query")]
    #[case("https://rp.example/cb#", "an empty fragment")]
    fn a_difference_is_named_by_its_part(#[case] sent: &str, #[case] says: &str) {
        let registered = "https://rp.example/cb";
        assert_eq!(
            redirect(registered, sent),
            format!("{says} (registered: {registered})")
        );
    }

    #[rstest]
    #[case::slash("https://rp.example", "https://rp.example/", "trailing slash")]
    #[case::no_slash("https://rp.example/", "https://rp.example", "no trailing slash")]
    #[case::on_a_free_port("http://127.0.0.1", "http://127.0.0.1:8000/", "trailing slash")]
    #[case::query(
        "https://rp.example",
        "https://rp.example?x=1",
        "query x=1 instead of none"
    )]
    fn a_uri_without_a_path_is_told_from_one_with_a_slash(
        #[case] registered: &str,
        #[case] sent: &str,
        #[case] says: &str,
    ) {
        assert_eq!(
            redirect(registered, sent),
            format!("{says} (registered: {registered})")
        );
    }

    #[rstest]
    #[case(
        "http://localhost/cb",
        "http://localhost:3118/cb",
        "http://127.0.0.1/cb,"
    )]
    #[case(
        "http://localhost:80/cb?a=b",
        "http://localhost:3118/cb?a=b",
        "http://127.0.0.1/cb?a=b,"
    )]
    #[case("http://localhost", "http://localhost:8000", "http://127.0.0.1,")]
    #[case(
        "http://localhost:1/cb",
        "http://127.0.0.1:3118/cb",
        "http://127.0.0.1/cb,"
    )]
    fn whose_port_is_free_is_said_where_a_port_differs(
        #[case] registered: &str,
        #[case] sent: &str,
        #[case] register: &str,
    ) {
        let says = redirect(registered, sent);
        let advice = format!("register {register} whose port is free");
        assert!(says.contains(&advice), "{says}");
        assert!(!says.contains("instead of 80"), "{says}");
    }

    #[test]
    fn a_free_port_is_no_difference() {
        assert_eq!(
            redirect("http://127.0.0.1/cb", "http://localhost:3118/cb"),
            "localhost instead of 127.0.0.1 (registered: http://127.0.0.1/cb)"
        );
        let api = "http://localhost:8422";
        assert_eq!(
            to_the_closest([api].into_iter(), "http://localhost:8423", Port::Exact),
            "port 8423 instead of 8422 (registered: http://localhost:8422)"
        );
    }

    #[rstest]
    #[case("nonsense", "it is not an absolute URI")]
    #[case("ftp://evil.example:1/a?b#c", "it resembles none that is registered")]
    fn what_resembles_nothing_is_not_explained(#[case] sent: &str, #[case] says: &str) {
        assert_eq!(redirect("https://rp.example/cb", sent), says);
        assert_eq!(
            to_the_closest(std::iter::empty(), "https://rp.example", Port::Exact),
            "none is registered"
        );
    }

    #[rstest]
    #[case("https://rp.example/cb?code=")]
    #[case("https://rp.example/cb#")]
    #[case("https://rp.example/")]
    #[case("https://")]
    #[case("")]
    fn what_was_sent_is_repeated_in_brief(#[case] before: &str) {
        let secret = "c0d3".repeat(10_000);
        let says = redirect("https://rp.example/cb", &format!("{before}{secret}"));
        assert!(!says.contains(&"c0d3".repeat(4)), "{says}");
        assert!(says.len() < 200, "{says}");
    }
}
