//! The `Cookie` header, read as bytes (RFC 6265 §5.4), and the names that tell our own cookies from those of others.
//!
//! A browser sends whatever every site of the same domain has set, and bytes that are no text among it. What belongs to
//! others is passed over pair by pair, so that none of it hides a cookie of ours. Which cookies there are and what they
//! mean is the server's and the client library's concern.

use std::fmt;

use crate::encoding;

/// How many letters of a hash stand in a name.
const MARK: usize = 8;

/// What a request says under one name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sent<'h> {
    /// The name did not come.
    Nothing,
    /// It came with this one value, once or more often.
    Value(&'h str),
    /// It came with a value that is not visible ASCII, as every value of ours is.
    Unreadable,
    /// It came with several values: one of them was planted, and nothing tells which.
    Several,
}

/// Name and value of every pair in a `Cookie` header. Space and tab around a name, a value or a pair are no part of it; any
/// other byte is, Unicode's spaces among them: a cookie whose name begins with one is another cookie to the browser.
pub fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|byte| *byte == b';').filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((trimmed(&pair[..equals]), trimmed(&pair[equals + 1..])))
    })
}

/// What `headers`, the `Cookie` headers of one request, say under `name`.
pub fn sent<'h>(headers: impl IntoIterator<Item = &'h [u8]>, name: &str) -> Sent<'h> {
    let values = headers.into_iter().flat_map(pairs);
    let mut values = values.filter_map(|(sent, value)| (sent == name.as_bytes()).then_some(value));
    let Some(first) = values.next() else {
        return Sent::Nothing;
    };
    if values.any(|other| other != first) {
        return Sent::Several;
    }
    text(first).map_or(Sent::Unreadable, Sent::Value)
}

/// A value as text, if it is visible ASCII: nothing else was ever a cookie of ours.
pub fn text(value: &[u8]) -> Option<&str> {
    let visible = value.iter().all(u8::is_ascii_graphic);
    visible.then(|| str::from_utf8(value).ok()).flatten()
}

/// Eight letters that tell what belongs to `owner` from what belongs to another one at the same host. Cookies know neither
/// ports nor, with `Path=/`, paths.
pub fn mark(owner: &str) -> String {
    let mut mark = encoding::sha256_base64url(owner.as_bytes());
    mark.truncate(MARK);
    mark
}

impl fmt::Debug for Sent<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Value(_) => "Value",
            Self::Unreadable => "Unreadable",
            Self::Several => "Several",
        })
    }
}

fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const OURS: &str = "__Host-sc-app";

    #[rstest]
    #[case::alone(b"__Host-sc-app=v".as_slice(), Sent::Value("v"))]
    #[case::among_others(b"a=1; __Host-sc-app=v; b=2", Sent::Value("v"))]
    #[case::without_a_space(b"a=1;__Host-sc-app=v;b=2", Sent::Value("v"))]
    #[case::space_and_tab(b"a=1;\t __Host-sc-app \t=\t v \t;b=2", Sent::Value("v"))]
    #[case::beside_a_byte_that_is_no_text(b"theme=caf\xe9; __Host-sc-app=v", Sent::Value("v"))]
    #[case::beside_a_name_that_is_no_text(b"\xff\xfe=1; __Host-sc-app=v", Sent::Value("v"))]
    #[case::beside_a_pair_without_a_name(b"whatever; =x; ; __Host-sc-app=v", Sent::Value("v"))]
    #[case::twice_the_same(b"__Host-sc-app=v; __Host-sc-app=v", Sent::Value("v"))]
    #[case::empty(b"__Host-sc-app=", Sent::Value(""))]
    #[case::with_equals_signs(b"__Host-sc-app=v=w=", Sent::Value("v=w="))]
    #[case::not_there(b"a=1", Sent::Nothing)]
    #[case::no_header(b"", Sent::Nothing)]
    #[case::another_case(b"__host-sc-app=v", Sent::Nothing)]
    #[case::a_longer_name(b"x__Host-sc-app=v; __Host-sc-app2=v", Sent::Nothing)]
    #[case::behind_an_em_quad("\u{2001}__Host-sc-app=planted".as_bytes(), Sent::Nothing)]
    #[case::behind_an_en_quad("\u{2000}__Host-sc-app=planted".as_bytes(), Sent::Nothing)]
    #[case::behind_a_no_break_space(b"\xa0__Host-sc-app=planted", Sent::Nothing)]
    #[case::behind_a_next_line("\u{85}__Host-sc-app=planted".as_bytes(), Sent::Nothing)]
    #[case::before_an_ideographic_space("__Host-sc-app\u{3000}=planted".as_bytes(), Sent::Nothing)]
    #[case::a_space_that_ours_is_real_beside("\u{2000}__Host-sc-app=p; __Host-sc-app=v".as_bytes(), Sent::Value("v"))]
    #[case::two_values(b"__Host-sc-app=v; __Host-sc-app=w", Sent::Several)]
    #[case::two_values_one_unreadable(b"__Host-sc-app=v; __Host-sc-app=\xff", Sent::Several)]
    #[case::no_text(b"__Host-sc-app=v\xff", Sent::Unreadable)]
    #[case::a_space_inside(b"__Host-sc-app=v w", Sent::Unreadable)]
    fn one_pair_is_read_whatever_stands_beside_it(
        #[case] header: &'static [u8],
        #[case] expected: Sent<'static>,
    ) {
        let read = sent([header], OURS);
        assert!(read == expected, "{read:?}");
    }

    #[test]
    fn several_headers_are_one() {
        let headers = [b"a=\xff".as_slice(), b"__Host-sc-app=v", b"b=2"];
        assert!(sent(headers, OURS) == Sent::Value("v"));
        let headers = [b"__Host-sc-app=v".as_slice(), b"__Host-sc-app=w"];
        assert!(sent(headers, OURS) == Sent::Several);
    }

    #[test]
    fn a_mark_is_a_name_and_its_owners_own() {
        let mark = mark("https://id.example");
        assert_eq!(mark.len(), 8);
        assert!(
            mark.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        assert_ne!(mark, super::mark("https://id.example/other"));
    }

    proptest! {
        /// Whatever others have set, before or after: ours is read, and nothing of theirs as ours.
        #[test]
        fn what_others_set_never_hides_ours(
            before in proptest::collection::vec(any::<u8>(), 0..60),
            after in proptest::collection::vec(any::<u8>(), 0..60),
            value in "[A-Za-z0-9_-]{43}",
        ) {
            let others = |bytes: &[u8]| sent([bytes], OURS) == Sent::Nothing;
            prop_assume!(others(&before) && others(&after));
            let ours = format!("; {OURS}={value}; ");
            let header = [before, ours.into_bytes(), after].concat();
            prop_assert!(sent([header.as_slice()], OURS) == Sent::Value(&value));
        }
    }
}
