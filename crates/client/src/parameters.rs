//! Parameters that an issuer wants beside those of the specifications: which may be added, and which are this library's own.

use crate::error::Error;

/// What this library says itself in an authorization request, and nobody instead of it.
const OURS_AT_AUTHORIZATION: [&str; 18] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "resource",
    "dpop_jkt",
    "id_token_hint",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "registration",
];
/// What has a setting of its own, which knows what to make of the answer.
const OF_LOGIN_OPTIONS: [&str; 6] = [
    "prompt",
    "max_age",
    "login_hint",
    "ui_locales",
    "acr_values",
    "claims",
];
/// What this library says itself in a request for a token.
const OURS_AT_TOKEN: [&str; 13] = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "resource",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "username",
    "password",
];
/// The longest value, in bytes: it may be a part of an address.
const LONGEST_VALUE: usize = 2 * 1024;

/// Which request a parameter is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Authorization,
    Token,
}

/// Refuses parameters that may not be added to `request`.
///
/// # Errors
/// [`ErrorKind::Configuration`](crate::ErrorKind), naming the first.
pub(crate) fn check(request: Request, added: &[(String, String)]) -> Result<(), Error> {
    for (name, value) in added {
        let refuse = |why: &str| {
            Err(Error::configuration(format!(
                "the parameter `{name}` {why}"
            )))
        };
        if !is_name(name) {
            return refuse("has a name that no parameter has (RFC 6749 §8.2)");
        }
        let ours = match request {
            Request::Authorization => &OURS_AT_AUTHORIZATION[..],
            Request::Token => &OURS_AT_TOKEN[..],
        };
        if ours.contains(&&**name) {
            return refuse("is this library's own: what it says there protects the sign-in");
        }
        if request == Request::Authorization && OF_LOGIN_OPTIONS.contains(&&**name) {
            return refuse("has a setting of its own in `LoginOptions`");
        }
        if value.len() > LONGEST_VALUE {
            return refuse("is longer than 2 KiB");
        }
    }
    Ok(())
}

/// `param-name` (RFC 6749 §A): letters, digits, `-`, `.` and `_`.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn checked(request: Request, name: &str) -> Result<(), String> {
        let added = [(name.to_owned(), "x".to_owned())];
        check(request, &added).map_err(|error| error.to_string())
    }

    /// Attacks: LI48.
    #[rstest]
    #[case("audience")]
    #[case("access_type")]
    #[case("kc_idp_hint")]
    #[case("x-custom.1")]
    fn what_an_issuer_wants_beside_the_specifications_may_be_added(#[case] name: &str) {
        assert_eq!(checked(Request::Authorization, name), Ok(()));
        assert_eq!(checked(Request::Token, name), Ok(()));
    }

    /// Attacks: LI48.
    #[test]
    fn what_this_library_says_nobody_says_instead() {
        for name in OURS_AT_AUTHORIZATION {
            let refused = checked(Request::Authorization, name).unwrap_err();
            assert!(refused.contains(name), "{refused}");
        }
        for name in OF_LOGIN_OPTIONS {
            let refused = checked(Request::Authorization, name).unwrap_err();
            assert!(refused.contains("LoginOptions"), "{refused}");
        }
        for name in OURS_AT_TOKEN {
            assert!(checked(Request::Token, name).is_err(), "{name}");
        }
        for name in ["", "a b", "a&b", "ä", "a="] {
            assert!(checked(Request::Authorization, name).is_err(), "{name}");
        }
        let long = [("audience".to_owned(), "x".repeat(LONGEST_VALUE + 1))];
        assert!(check(Request::Token, &long).is_err());
    }
}
