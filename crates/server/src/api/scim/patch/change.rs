//! One change of a resource.

use serde_json::Value;

use crate::api::scim::error::{ScimError, ScimType};
use crate::api::scim::filter::Filter;
use crate::api::scim::schema::Attribute;

/// What is done to what a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// More of it.
    Add,
    /// This instead.
    Replace,
    /// Less of it.
    Remove,
}

/// One change of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) verb: Verb,
    pub(crate) attribute: &'static Attribute,
    /// Which of its values.
    pub(crate) filter: Option<Filter>,
    /// Which part of it, or of those.
    pub(crate) part: Option<&'static Attribute>,
    pub(crate) value: Value,
}

impl Verb {
    /// The verb of this name, in any case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let is = |word: &str| name.eq_ignore_ascii_case(word);
        match name {
            _ if is("add") => Some(Self::Add),
            _ if is("replace") => Some(Self::Replace),
            _ if is("remove") => Some(Self::Remove),
            _ => None,
        }
    }
}

pub(crate) fn no_target(detail: impl Into<String>) -> ScimError {
    ScimError::of(ScimType::NoTarget, detail)
}

pub(crate) fn mutability(detail: impl Into<String>) -> ScimError {
    ScimError::of(ScimType::Mutability, detail)
}
