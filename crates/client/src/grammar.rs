//! What the texts that an issuer gives may be made of: a function for each artifact, with its production, and one table of them
//! all in the tests.
//!
//! These are the whole grammar and no more: what an issuer makes of it is its own affair (RFC 6749 §1.4: a token is opaque to the
//! client).

use http::{HeaderMap, header};

/// The longest error code that is kept, in bytes.
const LONGEST_ERROR: usize = 256;
/// The longest DPoP nonce that is sent back, in bytes: one of 8 KiB would be a header that no server takes.
const LONGEST_NONCE: usize = 512;
/// The longest `request_uri` that is put into an address, in bytes.
const LONGEST_REQUEST_URI: usize = 6 * 1024;
/// The longest `sub`, in bytes (OpenID Connect Core §2).
const LONGEST_SUBJECT: usize = 255;
/// The longest `sid`, in bytes. No specification has a limit; the session that keeps it has one.
const LONGEST_SESSION: usize = 1024;
/// The longest list of authentication contexts that is asked for, in bytes: attempts keep it, and share one header.
const LONGEST_ACR_VALUES: usize = 120;

/// `1*VSCHAR`: an access token (RFC 6749 §A.12), a refresh token (§A.17), a code (§A.11). VSCHAR begins with the space.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && is_vschar(text)
}

/// `*VSCHAR`: a client_id (RFC 6749 §A.1), a client_secret (§A.2).
pub(crate) fn is_vschar(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// `1*NQSCHAR`: an error code (RFC 6749 §A.7), as long as a log can bear.
pub(crate) fn is_error_code(text: &str) -> bool {
    (1..=LONGEST_ERROR).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// `1*NQCHAR`: a nonce for DPoP proofs (RFC 9449 §8.1).
pub(crate) fn is_nonce(text: &str) -> bool {
    (1..=LONGEST_NONCE).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// A `request_uri` (RFC 9126 §2.2): a URI, so visible characters without a space (RFC 3986 §2).
pub(crate) fn is_request_uri(text: &str) -> bool {
    (1..=LONGEST_REQUEST_URI).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A `sub` (OpenID Connect Core §2). More than ASCII is taken, as issuers give names.
pub(crate) fn is_subject(text: &str) -> bool {
    is_name(text, LONGEST_SUBJECT)
}

/// A `sid` (OpenID Connect Back-Channel Logout §2.1).
pub(crate) fn is_session(text: &str) -> bool {
    is_name(text, LONGEST_SESSION)
}

/// `acr_values` (RFC 9470 §3, OpenID Connect Core §3.1.2.1): names with spaces between, which fit a quoted string.
pub(crate) fn is_acr_values(text: &str) -> bool {
    is_error_code(text) && text.len() <= LONGEST_ACR_VALUES && !text.trim_ascii().is_empty()
}

/// `max_age` (RFC 9470 §3): a number of seconds, in digits alone.
pub(crate) fn is_seconds(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a challenge in `headers` names `error` (RFC 6750 §3, RFC 9449 §7.1): a parameter, whose name is of any case and whose
/// value is quoted or not (RFC 9110 §11.2).
pub(crate) fn is_challenged_for(headers: &HeaderMap, error: &str) -> bool {
    challenge_for(headers, error).is_some()
}

/// The parameters of the header in `headers` that has a challenge which names `error`, in order.
pub(crate) fn challenge_for<'h>(
    headers: &'h HeaderMap,
    error: &str,
) -> Option<Vec<(&'h str, String)>> {
    let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
    challenges
        .filter_map(|value| value.to_str().ok())
        .map(|value| parameters(value).collect::<Vec<_>>())
        .find(|parameters| {
            let mut parameters = parameters.iter();
            parameters.any(|(name, value)| name.eq_ignore_ascii_case("error") && value == error)
        })
}

/// The parameters of all challenges in one header, whichever scheme they belong to.
fn parameters(challenges: &str) -> impl Iterator<Item = (&str, String)> {
    let mut quoted = false;
    let mut escaped = false;
    let parts = challenges.split(move |letter| {
        let ends = letter == ',' && !quoted;
        quoted ^= letter == '"' && !escaped;
        escaped = quoted && letter == '\\' && !escaped;
        ends
    });
    parts.filter_map(|part| {
        let (before, value) = part.split_once('=')?;
        // The first parameter of a challenge has the scheme before it.
        let name = before.split_ascii_whitespace().next_back()?;
        let value = value.trim_ascii();
        let text = match value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
        {
            Some(text) => unescaped(text),
            None => value.to_owned(),
        };
        Some((name, text))
    })
}

fn unescaped(text: &str) -> String {
    let mut letters = text.chars();
    let next = || match letters.next()? {
        '\\' => letters.next(),
        letter => Some(letter),
    };
    std::iter::from_fn(next).collect()
}

fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Every character that a grammar could be about, each alone between two letters, and nothing at all.
    fn allowed(grammar: fn(&str) -> bool) -> String {
        let singly =
            (0..=0x7f_u8)
                .map(char::from)
                .chain(['\u{80}', 'é', '\u{2000}', '語', '\u{1f511}']);
        let mut ranges: Vec<(char, char)> = Vec::new();
        for character in singly.filter(|c| grammar(&format!("a{c}z"))) {
            match ranges.last_mut() {
                Some((_, last)) if u32::from(*last) + 1 == u32::from(character) => {
                    *last = character;
                }
                _ => ranges.push((character, character)),
            }
        }
        let name = |c: char| format!("{:02X}", u32::from(c));
        let mut texts: Vec<String> = ranges
            .iter()
            .map(|(first, last)| match first == last {
                true => name(*first),
                false => format!("{}-{}", name(*first), name(*last)),
            })
            .collect();
        if grammar("") {
            texts.insert(0, "empty".to_owned());
        }
        texts.join(" ")
    }

    #[rstest]
    #[case::access_token_a_12(is_token, "20-7E")]
    #[case::refresh_token_a_17(is_token, "20-7E")]
    #[case::code_a_11(is_token, "20-7E")]
    #[case::client_id_a_1(is_vschar, "empty 20-7E")]
    #[case::client_secret_a_2(is_vschar, "empty 20-7E")]
    #[case::error_a_7(is_error_code, "20-21 23-5B 5D-7E")]
    #[case::scope_token_a_4(safeconduct_protocol::scope::is_name, "21 23-5B 5D-7E")]
    #[case::acr_values_rfc_9470(is_acr_values, "20-21 23-5B 5D-7E")]
    #[case::max_age_rfc_9470(is_seconds, "")]
    #[case::dpop_nonce_rfc_9449(is_nonce, "21 23-5B 5D-7E")]
    #[case::request_uri_rfc_9126(is_request_uri, "21-7E")]
    #[case::sub_core_2(is_subject, "20-7E E9 2000 8A9E 1F511")]
    #[case::sid_back_channel(is_session, "20-7E E9 2000 8A9E 1F511")]
    fn every_artifact_is_made_of_what_its_specification_says(
        #[case] grammar: fn(&str) -> bool,
        #[case] characters: &str,
    ) {
        assert_eq!(allowed(grammar), characters);
    }

    #[rstest]
    #[case::quoted(r#"Bearer error="invalid_token""#, true)]
    #[case::not_quoted("Bearer error=invalid_token", true)]
    #[case::spaces_and_case(r#"bearer realm="a", Error = "invalid_token" , scope="b""#, true)]
    #[case::with_escapes(r#"Bearer error="invalid\_token""#, true)]
    #[case::the_second_challenge(
        r#"Basic realm="x, y=z", DPoP algs="ES256", error="invalid_token""#,
        true
    )]
    #[case::after_a_quote_in_a_text(r#"Bearer realm="a \" b", error="invalid_token""#, true)]
    #[case::another(r#"Bearer error="invalid_request""#, false)]
    #[case::a_longer_one(r#"Bearer error="invalid_token_format""#, false)]
    #[case::in_a_description(
        r#"Bearer error="insufficient_scope", error_description="not error=invalid_token""#,
        false
    )]
    #[case::in_a_realm(r#"Bearer realm="a, error=\"invalid_token\" b""#, false)]
    #[case::another_parameter(r#"Bearer my_error="invalid_token""#, false)]
    #[case::no_parameters("Bearer", false)]
    #[case::nothing("", false)]
    #[case::an_open_quote(r#"Bearer error="invalid_token"#, false)]
    fn a_challenge_names_its_error_in_any_spelling(#[case] challenge: &str, #[case] named: bool) {
        let mut headers = HeaderMap::new();
        headers.append(
            header::WWW_AUTHENTICATE,
            r#"Basic realm="x""#.parse().unwrap(),
        );
        headers.append(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
        assert_eq!(is_challenged_for(&headers, "invalid_token"), named);
    }

    #[rstest]
    #[case::error(is_error_code, 256)]
    #[case::nonce(is_nonce, 512)]
    #[case::acr_values(is_acr_values, 120)]
    #[case::request_uri(is_request_uri, 6144)]
    #[case::sub(is_subject, 255)]
    #[case::sid(is_session, 1024)]
    fn what_is_kept_or_sent_on_is_bounded(
        #[case] grammar: fn(&str) -> bool,
        #[case] longest: usize,
    ) {
        assert!(grammar(&"a".repeat(longest)));
        assert!(!grammar(&"a".repeat(longest + 1)));
    }
}
