//! Which attributes of resources are sent: all, some, or all but some (RFC 7644 §3.9). The id and the schemas always are.

use serde_json::{Map, Value};

use super::error::{ScimError, ScimType};
use super::schema::{Attribute, Named, ResourceType};

const ALWAYS: [&str; 2] = ["id", "schemas"];

/// What is sent of resources of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Projection {
    /// Everything.
    All,
    /// These.
    Only(Vec<Place>),
    /// All but these.
    Without(Vec<Place>),
}

/// An attribute, or a part of one.
type Place = (&'static Attribute, Option<&'static Attribute>);

impl Projection {
    /// What is asked for by names. Those that the kind does not have are passed over.
    ///
    /// # Errors
    /// `invalidValue` for both at once.
    pub(crate) fn of(
        kind: ResourceType,
        attributes: &[String],
        excluded: &[String],
    ) -> Result<Self, ScimError> {
        match (attributes.is_empty(), excluded.is_empty()) {
            (true, true) => Ok(Self::All),
            (false, true) => Ok(Self::Only(places(kind, attributes))),
            (true, false) => Ok(Self::Without(places(kind, excluded))),
            (false, false) => Err(ScimError::of(
                ScimType::InvalidValue,
                "It is either attributes or excludedAttributes.",
            )),
        }
    }

    /// Whether anything of an attribute is sent.
    pub(crate) fn shows(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(places) => places.iter().any(|(attribute, _)| attribute.name == name),
            Self::Without(places) => !places
                .iter()
                .any(|(attribute, part)| attribute.name == name && part.is_none()),
        }
    }

    /// What is sent of a resource.
    pub(crate) fn of_resource(&self, mut resource: Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::All => resource,
            Self::Without(places) => {
                for (attribute, part) in places {
                    match (part, resource.get_mut(attribute.name)) {
                        _ if ALWAYS.contains(&attribute.name) => {}
                        (None, _) => {
                            resource.remove(attribute.name);
                        }
                        (Some(part), Some(value)) => each(value, |parts| {
                            parts.remove(part.name);
                        }),
                        (Some(_), None) => {}
                    }
                }
                resource
            }
            Self::Only(places) => {
                let mut kept = Map::new();
                for name in ALWAYS {
                    if let Some(value) = resource.get(name) {
                        kept.insert(name.to_owned(), value.clone());
                    }
                }
                for (name, mut value) in resource {
                    let asked: Vec<&Place> = places
                        .iter()
                        .filter(|(attribute, _)| attribute.name == name)
                        .collect();
                    if asked.is_empty() {
                        continue;
                    }
                    if asked.iter().all(|(_, part)| part.is_some()) {
                        let is_asked = |part: &String| {
                            asked
                                .iter()
                                .any(|(_, asked)| asked.is_some_and(|asked| asked.name == part))
                        };
                        each(&mut value, |parts| parts.retain(|part, _| is_asked(part)));
                    }
                    kept.insert(name, value);
                }
                kept
            }
        }
    }
}

fn places(kind: ResourceType, names: &[String]) -> Vec<Place> {
    let named = names
        .iter()
        .filter_map(|name| match kind.named(name.trim()) {
            Named::Kept { attribute, part } => Some((attribute, part)),
            _ => None,
        });
    named.collect()
}

/// The parts of a value, or of each of several.
fn each(value: &mut Value, change: impl Fn(&mut Map<String, Value>)) {
    match value {
        Value::Object(parts) => change(parts),
        Value::Array(values) => values
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(change),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(attributes: &[&str], excluded: &[&str]) -> Value {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let resource = json!({
            "schemas": ["urn"],
            "id": "u-1",
            "userName": "ada",
            "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "emails": [{"value": "a@b.c", "type": "work"}],
        });
        let Value::Object(resource) = resource else {
            unreachable!("it is an object")
        };
        let projection =
            Projection::of(ResourceType::User, &names(attributes), &names(excluded)).unwrap();
        Value::Object(projection.of_resource(resource))
    }

    #[test]
    fn what_is_asked_for_is_sent_with_the_id() {
        let some = sent(
            &["USERNAME", "name.givenName", "emails.value", "nothing"],
            &[],
        );
        assert_eq!(
            some,
            json!({"id":"u-1","schemas":["urn"],"userName":"ada","name":{"givenName":"Ada"},"emails":[{"value":"a@b.c"}]})
        );
        let unknown = sent(&["nothing"], &[]);
        assert_eq!(unknown, json!({"id":"u-1","schemas":["urn"]}));
        let without = sent(
            &[],
            &[
                "id",
                "userName",
                "name.givenName",
                "urn:ietf:params:scim:schemas:core:2.0:User:emails",
            ],
        );
        assert_eq!(
            without,
            json!({"schemas":["urn"],"id":"u-1","name":{"familyName":"Lovelace"}})
        );
    }

    #[test]
    fn it_is_some_or_all_but_some() {
        let one = ["userName".to_owned()];
        let both = Projection::of(ResourceType::User, &one, &one).unwrap_err();
        assert_eq!(both.kind(), Some(ScimType::InvalidValue));
    }

    #[test]
    fn what_nobody_asks_for_need_not_be_looked_up() {
        let of = |attributes: &[&str], excluded: &[&str]| {
            let names = |names: &[&str]| {
                names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>()
            };
            Projection::of(ResourceType::Group, &names(attributes), &names(excluded)).unwrap()
        };
        assert!(of(&[], &[]).shows("members"));
        assert!(of(&["members.value"], &[]).shows("members"));
        assert!(of(&[], &["members.type"]).shows("members"));
        assert!(!of(&["displayName"], &[]).shows("members"));
        assert!(!of(&[], &["members"]).shows("members"));
    }
}
