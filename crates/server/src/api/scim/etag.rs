//! Versions of resources, as entity tags (RFC 7644 §3.14). SCIM shows weak ones in `If-Match`, which RFC 9110 would never match there: they are
//! taken as they are shown.

use http::{HeaderMap, HeaderName};

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

/// It was changed since the client read it.
pub(crate) fn stale() -> ScimError {
    ScimError::new(
        http::StatusCode::PRECONDITION_FAILED,
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
    use http::header;

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
