//! What this service is and has (RFC 7644 §4): its configuration, its kinds of resources and their schemas, written from the table that
//! everything else is read by.

use serde_json::{Map, Value, json};

use super::bulk::MOST_OPERATIONS;
use super::cursor::LIFE;
use super::error::ScimError;
use super::list::MOST_SCANNED;
use super::meta_schemas::{OF_CONFIG, OF_RESOURCE_TYPE, OF_SCHEMA};
use super::query::{LARGEST_PAGE, PAGE};
use super::schema::{Attribute, GROUP, Kind, Mutability, ResourceType, USER};
use crate::listener::LARGEST_PROVISIONING;

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// What is supported, and how much of it.
pub(crate) fn configuration(base: &str) -> Value {
    json!({
        "schemas": [CONFIG],
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": MOST_OPERATIONS,
            "maxPayloadSize": LARGEST_PROVISIONING,
        },
        "filter": {"supported": true, "maxResults": MOST_SCANNED},
        "changePassword": {"supported": true},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": PAGE,
            "maxPageSize": LARGEST_PAGE,
            "cursorTimeout": LIFE,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth 2.0",
            "description": "An access token of this server with the scope scim, as Bearer or bound to a key (DPoP).",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// Every kind of resource.
pub(crate) fn resource_types(base: &str) -> Vec<Value> {
    [ResourceType::User, ResourceType::Group]
        .map(|kind| resource_type(kind, base))
        .to_vec()
}

/// The kind of resource of this id.
///
/// # Errors
/// 404.
pub(crate) fn resource_type_of(id: &str, base: &str) -> Result<Value, ScimError> {
    let found = resource_types(base)
        .into_iter()
        .find(|kind| kind["id"] == id);
    found.ok_or_else(|| ScimError::not_found("resource type"))
}

fn resource_type(kind: ResourceType, base: &str) -> Value {
    json!({
        "schemas": [RESOURCE_TYPE],
        "id": kind.name(),
        "name": kind.name(),
        "description": match kind {
            ResourceType::User => "A person with an account.",
            ResourceType::Group => "What people belong to.",
        },
        "endpoint": kind.endpoint(),
        "schema": kind.schema(),
        "schemaExtensions": [],
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base}/ResourceTypes/{}", kind.name()),
        },
    })
}

/// Every schema.
pub(crate) fn schemas(base: &str) -> Vec<Value> {
    let of = |id, name, description, attributes| schema(base, (id, name, description), attributes);
    vec![
        of(
            USER,
            "User",
            "A person with an account.",
            ResourceType::User.attributes(),
        ),
        of(
            GROUP,
            "Group",
            "What people belong to.",
            ResourceType::Group.attributes(),
        ),
        of(
            CONFIG,
            "ServiceProviderConfig",
            "What this service supports.",
            &OF_CONFIG,
        ),
        of(
            RESOURCE_TYPE,
            "ResourceType",
            "A kind of resource.",
            &OF_RESOURCE_TYPE,
        ),
        of(
            SCHEMA,
            "Schema",
            "What there is of a kind of resource.",
            &OF_SCHEMA,
        ),
    ]
}

/// The schema of this id.
///
/// # Errors
/// 404.
pub(crate) fn schema_of(id: &str, base: &str) -> Result<Value, ScimError> {
    let is_it = |schema: &Value| {
        schema["id"]
            .as_str()
            .is_some_and(|each| each.eq_ignore_ascii_case(id))
    };
    let found = schemas(base).into_iter().find(is_it);
    found.ok_or_else(|| ScimError::not_found("schema"))
}

fn schema(
    base: &str,
    (id, name, description): (&str, &str, &str),
    attributes: &[Attribute],
) -> Value {
    json!({
        "schemas": [SCHEMA],
        "id": id,
        "name": name,
        "description": description,
        "attributes": attributes.iter().map(described).collect::<Vec<_>>(),
        "meta": {
            "resourceType": "Schema",
            "location": format!("{base}/Schemas/{id}"),
        },
    })
}

fn described(attribute: &Attribute) -> Value {
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    set("name", attribute.name.into());
    set("type", kind_of(attribute).into());
    set("multiValued", attribute.multi_valued.into());
    set("description", attribute.description.into());
    set("required", attribute.required.into());
    set("mutability", mutability_of(attribute).into());
    set("returned", returned(attribute).into());
    if matches!(attribute.kind, Kind::Text | Kind::Reference) {
        set("caseExact", attribute.case_exact.into());
    }
    let uniqueness = if attribute.unique { "server" } else { "none" };
    set("uniqueness", uniqueness.into());
    if !attribute.canonical.is_empty() {
        set("canonicalValues", attribute.canonical.into());
    }
    if !attribute.references.is_empty() {
        set("referenceTypes", attribute.references.into());
    }
    if !attribute.parts.is_empty() {
        let parts: Vec<Value> = attribute.parts.iter().map(described).collect();
        set("subAttributes", parts.into());
    }
    Value::Object(members)
}

fn kind_of(attribute: &Attribute) -> &'static str {
    match attribute.kind {
        Kind::Text => "string",
        Kind::Boolean => "boolean",
        Kind::Reference => "reference",
        Kind::Time => "dateTime",
        Kind::Integer => "integer",
        Kind::Complex => "complex",
    }
}

fn mutability_of(attribute: &Attribute) -> &'static str {
    match attribute.mutability {
        Mutability::ReadOnly => "readOnly",
        Mutability::ReadWrite => "readWrite",
        Mutability::Immutable => "immutable",
        Mutability::WriteOnly => "writeOnly",
    }
}

fn returned(attribute: &Attribute) -> &'static str {
    match attribute.mutability {
        Mutability::WriteOnly => "never",
        _ => "default",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(values) => values.iter().any(has_null),
            Value::Object(members) => members.values().any(has_null),
            _ => false,
        }
    }

    #[test]
    fn what_is_published_is_what_is_kept() {
        let schemas = schemas("https://admin.example.com/scim/v2");
        assert_eq!(schemas.len(), 5);
        assert!(!schemas.iter().any(has_null));
        let user = schema_of(&USER.to_uppercase(), "").unwrap();
        let names = user["attributes"].as_array().unwrap().iter();
        let names: Vec<&str> = names
            .map(|attribute| attribute["name"].as_str().unwrap())
            .collect();
        assert!(
            !names.contains(&"title") && !names.contains(&"roles"),
            "{names:?}"
        );
        assert_eq!(schema_of("urn:x", "").unwrap_err().status(), 404);
        assert_eq!(resource_type_of("Robot", "").unwrap_err().status(), 404);
        // authentik takes so many operations for one PATCH.
        let most = configuration("")["bulk"]["maxOperations"].as_u64();
        assert!(most >= Some(100), "{most:?}");
    }

    #[test]
    fn a_password_is_written_and_never_read() {
        let user = schema_of(USER, "").unwrap();
        let attributes = user["attributes"].as_array().unwrap();
        let password = attributes
            .iter()
            .find(|attribute| attribute["name"] == "password");
        let password = password.unwrap();
        assert_eq!(
            (&password["mutability"], &password["returned"]),
            (&"writeOnly".into(), &"never".into())
        );
    }
}
