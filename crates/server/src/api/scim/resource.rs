//! What users and groups have in common as resources: where they are, their meta, what clients call them.

use safeconduct_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::error::{ScimError, ScimType};
use super::etag;
use super::schema::ResourceType;

/// The longest name that a client may have for a resource, in bytes.
const LONGEST_EXTERNAL_ID: usize = 512;

/// Where a resource is.
pub(crate) fn address_of(base: &str, kind: ResourceType, id: &str) -> String {
    format!("{base}{}/{id}", kind.endpoint())
}

/// What the server says about a resource.
pub(crate) fn meta(
    base: &str,
    kind: ResourceType,
    id: &str,
    (created, changed): (Timestamp, Timestamp),
    version: i64,
) -> Value {
    json!({
        "resourceType": kind.name(),
        "created": date(created),
        "lastModified": date(changed),
        "location": address_of(base, kind, id),
        "version": etag::of(version),
    })
}

/// A moment as RFC 3339 writes it.
pub(crate) fn date(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.seconds())
        .unwrap_or_default()
        .to_string()
}

/// What a client calls a resource.
///
/// # Errors
/// `invalidValue`.
pub(crate) fn external_id(value: Option<Value>) -> Result<Option<String>, ScimError> {
    let Some(Value::String(external_id)) = value else {
        return Ok(None);
    };
    let fits =
        external_id.len() <= LONGEST_EXTERNAL_ID && !external_id.chars().any(char::is_control);
    fits.then_some(Some(external_id)).ok_or_else(|| {
        ScimError::of(
            ScimType::InvalidValue,
            format!(
                "externalId has at most {LONGEST_EXTERNAL_ID} bytes and no control characters."
            ),
        )
    })
}
