//! Where a user goes after signing in: a path of this app and never another site (an open redirect).

use percent_encoding::percent_decode;

/// The longest path kept in a sign-in cookie, in bytes. Five such cookies stay below common header limits.
const LONGEST: usize = 512;
/// How often a path may be percent-encoded over itself before it is taken for an attempt to hide something.
const DEEPEST_ENCODING: usize = 3;

/// A path on this app's own origin, with query and fragment, at most 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReturnTo(String);

impl ReturnTo {
    /// Reads a path that came from outside; `None` if any reader of URLs might take it for another site.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte));
        if text.len() > LONGEST || !plain {
            return None;
        }
        let path = text.split(['?', '#']).next().unwrap_or_default();
        is_local(path).then(|| Self(text.to_owned()))
    }

    /// The path, ready for a `Location`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path lies under `prefix`, such as the sign-in routes themselves.
    pub(crate) fn is_under(&self, prefix: &str) -> bool {
        self.0
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    }
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// Whether `path` stays on this origin however often it is decoded on its way.
fn is_local(path: &str) -> bool {
    let mut path = path.as_bytes().to_vec();
    for _ in 0..=DEEPEST_ENCODING {
        if !is_plainly_local(&path) {
            return false;
        }
        let decoded: Vec<u8> = percent_decode(&path).collect();
        if decoded == path {
            return true;
        }
        path = decoded;
    }
    false
}

fn is_plainly_local(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else {
        return false;
    };
    let harmless = |byte: &u8| !byte.is_ascii_control() && *byte != b'\\';
    let mut segments = rest.split(|byte| *byte == b'/').peekable();
    let mut climbs_or_doubles = false;
    while let Some(segment) = segments.next() {
        let doubled = segment.is_empty() && segments.peek().is_some();
        climbs_or_doubles |= doubled || segment == b"." || segment == b"..";
    }
    path.iter().all(harmless) && !climbs_or_doubles
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/")]
    #[case("/notes")]
    #[case("/notes/")]
    #[case("/notes?tag=a&next=//evil.example")]
    #[case("/search?q=a%0Ab%5C")]
    #[case("/caf%C3%A9#top")]
    #[case("/.well-known/x")]
    fn a_path_of_the_app_is_kept(#[case] path: &str) {
        assert_eq!(
            ReturnTo::parse(path).map(|path| path.as_str().to_owned()),
            Some(path.to_owned())
        );
    }

    /// Attacks: K11.
    #[rstest]
    #[case("")]
    #[case("notes")]
    #[case("https://evil.example")]
    #[case("https:/evil.example")]
    #[case("javascript:alert(1)")]
    #[case("//evil.example")]
    #[case("///evil.example")]
    #[case("/\\evil.example")]
    #[case("\\\\evil.example")]
    #[case("/notes\\..")]
    #[case("/%2Fevil.example")]
    #[case("/%2f%2fevil.example")]
    #[case("/%252Fevil.example")]
    #[case("/%25252525252Fevil.example")]
    #[case("/%5Cevil.example")]
    #[case("/%255cevil.example")]
    #[case("/.//evil.example")]
    #[case("/..//evil.example")]
    #[case("/a/%2e%2e//evil.example")]
    #[case("/a//b")]
    #[case("/\t/evil.example")]
    #[case("/%09/evil.example")]
    #[case("/%0d%0aSet-Cookie:x=y")]
    #[case("/\r\nSet-Cookie:x=y")]
    #[case("/\0")]
    #[case("/%00")]
    #[case("/ /evil.example")]
    #[case(" /notes")]
    #[case("/é")]
    #[case("/\u{2215}evil.example")]
    #[case("/<script>")]
    #[case("/\"onload=")]
    #[case("?x")]
    #[case("#x")]
    #[case("@evil.example")]
    fn anything_that_could_leave_the_app_is_refused(#[case] path: &str) {
        assert_eq!(ReturnTo::parse(path), None);
    }

    #[test]
    fn a_long_path_is_refused() {
        assert!(ReturnTo::parse(&format!("/{}", "a".repeat(511))).is_some());
        assert!(ReturnTo::parse(&format!("/{}", "a".repeat(512))).is_none());
    }

    #[test]
    fn the_sign_in_routes_are_recognised_at_a_border() {
        let under = |path: &str| ReturnTo::parse(path).unwrap().is_under("/auth");
        assert!(under("/auth") && under("/auth/login?next=/") && under("/auth?x"));
        assert!(!under("/authors") && !under("/"));
    }
}
