//! Where a request carries its access token: the one `Authorization` header of RFC 6750 §2.1 and RFC 9449 §7.1, and nowhere
//! else. Where it carries the proof of a key: the one `DPoP` header.
//!
//! What token and proof are worth is for others to say.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Uri};
use http_body_util::BodyExt;

use crate::denied::Refusal;
use crate::reason::Reason;

/// The header of proofs (RFC 9449 §4.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The parameter of the other two methods (RFC 6750 §2.2, §2.3), which leak and are refused.
pub(crate) const PARAMETER: &str = "access_token";
/// How much of a refused request's form is looked at.
const FORM_LIMIT: usize = 16 * 1024;

/// How a token is presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Its bearer may use it (RFC 6750).
    #[default]
    Bearer,
    /// With a proof of the key that it is bound to (RFC 9449).
    Dpop,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::Bearer, Self::Dpop];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// A token as it was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) token: Cow<'a, str>,
}

/// The access token in the request, or `None` if the request has no credentials of a kind that is known here. One in the query is
/// refused unless the route takes it from there, by this very name.
pub(crate) fn presented<'a>(
    headers: &'a HeaderMap,
    uri: &Uri,
    is_in_query: bool,
) -> Result<Option<Credentials<'a>>, Refusal> {
    let has_token = |query: &str| has_token(query.as_bytes());
    if !is_in_query && uri.query().is_some_and(has_token) {
        return Err(Reason::TokenInQuery.into());
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Reason::SeveralCredentials.into());
    }
    let text = value.to_str().map_err(|_| Reason::MalformedCredentials)?;
    let (name, token) = text.split_once(' ').unwrap_or((text, ""));
    let mut schemes = Scheme::ALL.into_iter();
    let Some(scheme) = schemes.find(|scheme| name.eq_ignore_ascii_case(scheme.name())) else {
        return Ok(None);
    };
    let token = token.trim_start_matches(' ');
    if is_b64token(token) {
        Ok(Some(Credentials {
            scheme,
            token: Cow::Borrowed(token),
        }))
    } else {
        Err(Refusal::from(Reason::MalformedCredentials).under(scheme))
    }
}

/// The one proof in the request.
pub(crate) fn proof(headers: &HeaderMap) -> Result<&str, Reason> {
    let mut values = headers.get_all(DPOP).iter();
    let value = values.next().ok_or(Reason::ProofMissing)?;
    if values.next().is_some() {
        return Err(Reason::SeveralProofs);
    }
    value.to_str().map_err(|_| Reason::ProofRefused)
}

/// Whether a request that had no `Authorization` header carries a token in its form. The guard never reads the body of
/// a request that it lets through; this one is refused anyway, and is told why.
pub(crate) async fn are_in_form<B: BodyExt>(headers: &HeaderMap, body: B) -> bool {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .to_ascii_lowercase()
                .starts_with("application/x-www-form-urlencoded")
        });
    if !is_form {
        return false;
    }
    let mut form = Vec::new();
    let mut body = std::pin::pin!(body);
    while form.len() < FORM_LIMIT {
        let Some(Ok(frame)) = body.frame().await else {
            break;
        };
        let Ok(mut data) = frame.into_data() else {
            break;
        };
        while bytes::Buf::has_remaining(&data) && form.len() < FORM_LIMIT {
            let chunk = bytes::Buf::chunk(&data);
            let taken = chunk.len().min(FORM_LIMIT - form.len());
            form.extend_from_slice(&chunk[..taken]);
            bytes::Buf::advance(&mut data, taken);
        }
    }
    has_token(&form)
}

fn has_token(parameters: &[u8]) -> bool {
    form_urlencoded::parse(parameters).any(|(name, _)| name == PARAMETER)
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 §2.1).
pub(crate) fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && body
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    type Read = Result<Option<(Scheme, String)>, Reason>;

    fn read(values: &[&[u8]], uri: &str) -> Read {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        match presented(&headers, &uri.parse().unwrap(), false) {
            Ok(None) => Ok(None),
            Ok(Some(credentials)) => Ok(Some((credentials.scheme, credentials.token.into_owned()))),
            Err(refusal) => Err(refusal.reason),
        }
    }

    fn bearer(token: &str) -> Read {
        Ok(Some((Scheme::Bearer, token.to_owned())))
    }

    /// Attacks: S01.
    #[rstest]
    #[case(&["Bearer", "bearer", "BEARER", "bEaReR"], Scheme::Bearer)]
    #[case(&["DPoP", "dpop", "DPOP", "dPoP"], Scheme::Dpop)]
    fn a_scheme_is_known_in_any_case(#[case] names: &[&str], #[case] scheme: Scheme) {
        for name in names {
            let read = |token: &str| read(&[format!("{name} {token}").as_bytes()], "/");
            assert_eq!(
                read("a.b-c_~+/=="),
                Ok(Some((scheme, "a.b-c_~+/==".into())))
            );
            assert_eq!(read(" abc"), Ok(Some((scheme, "abc".into()))));
        }
    }

    #[rstest]
    #[case::none(&[], Err(Reason::ProofMissing))]
    #[case::one(&[b"a.b.c".as_slice()], Ok("a.b.c"))]
    #[case::two(&[b"a.b.c".as_slice(), b"a.b.c"], Err(Reason::SeveralProofs))]
    #[case::not_ascii(&[b"ab\xc3\xa9".as_slice()], Err(Reason::ProofRefused))]
    fn a_request_carries_one_proof(
        #[case] values: &[&[u8]],
        #[case] expected: Result<&str, Reason>,
    ) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(DPOP, HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(proof(&headers), expected);
    }

    #[rstest]
    #[case::nothing(&[])]
    #[case::another_scheme(&["Basic YTpi"])]
    #[case::another_scheme_for_tokens(&["GNAP abc"])]
    #[case::a_scheme_that_begins_alike(&["BearerToken abc"])]
    #[case::a_tab_ends_no_scheme(&["Bearer\tabc"])]
    fn credentials_of_another_kind_are_none(#[case] values: &[&str]) {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        assert_eq!(read(&values, "/"), Ok(None));
    }

    #[rstest]
    #[case::no_token(b"Bearer")]
    #[case::an_empty_token(b"Bearer ")]
    #[case::two_tokens(b"Bearer abc def")]
    #[case::two_in_one_header(b"Bearer abc, Bearer def")]
    #[case::a_quoted_token(b"Bearer \"abc\"")]
    #[case::padding_alone(b"Bearer ==")]
    #[case::padding_inside(b"Bearer a=b")]
    #[case::not_ascii(b"Bearer ab\xc3\xa9")]
    #[case::no_bound_token(b"DPoP")]
    #[case::two_bound_tokens(b"DPoP abc, DPoP def")]
    fn a_malformed_header_is_refused(#[case] value: &[u8]) {
        assert_eq!(read(&[value], "/"), Err(Reason::MalformedCredentials));
    }

    /// Attacks: S01.
    #[rstest]
    #[case(&["Bearer abc", "Bearer abc"])]
    #[case(&["Bearer abc", "Basic YTpi"])]
    fn two_headers_are_refused(#[case] values: &[&str]) {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        assert_eq!(read(&values, "/"), Err(Reason::SeveralCredentials));
    }

    /// Attacks: S01.
    #[rstest]
    #[case("/notes?access_token=abc")]
    #[case("/notes?a=b&access_token")]
    #[case("/notes?%61ccess_token=abc")]
    fn a_token_in_the_url_is_refused_beside_a_header_too(#[case] uri: &str) {
        assert_eq!(read(&[], uri), Err(Reason::TokenInQuery));
        assert_eq!(read(&[b"Bearer abc"], uri), Err(Reason::TokenInQuery));
        assert_eq!(
            read(&[b"Bearer abc"], "/notes?access_tokens=1"),
            bearer("abc")
        );
    }
}
