//! Versions of resources, as entity tags (RFC 7644 §3.14). SCIM shows weak ones in `If-Match`, which RFC 9110 would never match there: they are
//! taken as they are shown.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};

use super::error::ScimError;

/// The tag of a version.
pub(crate) fn of(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// Which versions a header names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// Whichever there is.
    Any,
    /// These.
    Versions(Vec<String>),
}

impl Tags {
    /// Whether `version` is among them.
    pub(crate) fn admit(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version.to_string()),
        }
    }
}

/// Refuses a version that is not among those that a request names, if it names any.
pub(crate) fn admitted(tags: Option<&Tags>, version: i64) -> Result<(), ScimError> {
    match tags.is_none_or(|tags| tags.admit(version)) {
        true => Ok(()),
        false => Err(stale()),
    }
}

/// The answer to who has this version already (RFC 9110 §15.4.5); `None` for who does not say so.
pub(crate) fn not_modified(headers: &HeaderMap, version: i64) -> Option<Response> {
    let known = named(headers, &header::IF_NONE_MATCH)?;
    let tag = [(header::ETAG, of(version))];
    (known.admit(version)).then(|| (StatusCode::NOT_MODIFIED, tag).into_response())
}

/// It was changed since the client read it.
pub(crate) fn stale() -> ScimError {
    ScimError::new(
        StatusCode::PRECONDITION_FAILED,
        "It was changed since: read it again, and say its new version in If-Match.",
    )
}

/// What a header of such tags names; `None` without it.
pub(crate) fn named(headers: &HeaderMap, name: &HeaderName) -> Option<Tags> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let mut versions = Vec::new();
    for tag in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let tag = tag.trim();
        if tag == "*" {
            return Some(Tags::Any);
        }
        let tag = tag
            .strip_prefix("W/")
            .or_else(|| tag.strip_prefix("w/"))
            .unwrap_or(tag);
        versions.push(tag.trim_matches('"').to_owned());
    }
    Some(Tags::Versions(versions))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attacks: AD28.
    #[test]
    fn a_version_is_named_weakly_strongly_or_by_a_star() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, value.parse().unwrap());
            }
            named(&headers, &header::IF_MATCH).is_none_or(|tags| tags.admit(7))
        };
        for good in [
            &[][..],
            &["*"],
            &["W/\"7\""],
            &["\"7\""],
            &["W/\"6\", W/\"7\""],
            &["\"6\"", "\"7\""],
        ] {
            assert!(with(good), "{good:?}");
        }
        for stale in [&["W/\"6\""][..], &["\"77\""], &[""]] {
            assert!(!with(stale), "{stale:?}");
        }
    }
}
