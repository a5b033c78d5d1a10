use rstest::rstest;
use serde_json::{Map, Value, json};

use super::read::PATCH;
use super::*;
use crate::api::scim::error::{ScimError, ScimType};
use crate::api::scim::schema::ResourceType;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => panic!("it is an object"),
    }
}

fn ada() -> Map<String, Value> {
    object(json!({
        "id": "u-1",
        "userName": "ada",
        "active": true,
        "name": {"givenName": "Ada", "familyName": "King"},
        "emails": [{"value": "ada@work.example", "type": "work", "primary": true}],
    }))
}

/// The resource after the operations, without what they leave alone.
fn patched(operations: Value) -> Result<Value, ScimError> {
    let body = object(json!({"schemas": [PATCH], "Operations": operations}));
    let mut resource = ada();
    for change in changes(ResourceType::User, "u-1", body)? {
        apply(&mut resource, change)?;
    }
    let before = ada();
    let changed = resource
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value));
    let mut changed: Map<String, Value> = changed
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for name in before.keys().filter(|name| !resource.contains_key(*name)) {
        changed.insert(name.clone(), Value::Null);
    }
    Ok(Value::Object(changed))
}

/// Attacks: AD11, AD12, AD19, AD25, AD26.
#[rstest]
#[case::entra_disables(json!([{"op": "Replace", "path": "active", "value": "False"}]), json!({"active": false}))]
#[case::okta_disables(json!([{"op": "replace", "value": {"active": false}}]), json!({"active": false}))]
#[case::in_any_case(json!([{"OP": "ADD", "Path": "NAME.GIVENNAME", "Value": "Augusta"}]), json!({"name": {"givenName": "Augusta", "familyName": "King"}}))]
#[case::dotted_in_a_value(json!([{"op": "add", "value": {"name.givenName": "Augusta", "urn:ietf:params:scim:schemas:core:2.0:User:locale": "en-GB"}}]), json!({"name": {"givenName": "Augusta", "familyName": "King"}, "locale": "en-GB"}))]
#[case::of_another_schema(json!([{"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "value": "7"}]), json!({}))]
#[case::as_a_schema(json!([{"op": "add", "value": {"urn:ietf:params:scim:schemas:core:2.0:User": {"nickName": "A"}}}]), json!({"nickName": "A"}))]
#[case::parts_of_a_complex(json!([{"op": "replace", "path": "name", "value": {"familyName": "Lovelace"}}]), json!({"name": {"givenName": "Ada", "familyName": "Lovelace"}}))]
#[case::the_same_again(json!([{"op": "add", "path": "userName", "value": "ada"}, {"op": "add", "path": "emails", "value": [{"value": "ada@work.example", "type": "work", "primary": true}]}]), json!({}))]
#[case::a_part_goes(json!([{"op": "remove", "path": "name.givenName"}]), json!({"name": {"familyName": "King"}}))]
#[case::all_parts_go(json!([{"op": "remove", "path": "name.givenName"}, {"op": "remove", "path": "name.familyName"}]), json!({"name": null}))]
#[case::null_is_nothing(json!([{"op": "replace", "path": "name", "value": null}]), json!({"name": null}))]
#[case::an_address_of_that_type(json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@b.example"}]), json!({"emails": [{"value": "a@b.example", "type": "work", "primary": true}]}))]
#[case::made_by_an_add(json!([{"op": "Add", "path": "emails[type eq \"home\"].value", "value": "a@h.example"}]), json!({"emails": [{"value": "ada@work.example", "type": "work", "primary": true}, {"type": "home", "value": "a@h.example"}]}))]
#[case::primary_moves(json!([{"op": "add", "path": "emails", "value": {"value": "b@h.example", "primary": true}}]), json!({"emails": [{"value": "ada@work.example", "type": "work", "primary": false}, {"value": "b@h.example", "primary": true}]}))]
#[case::all_replaced(json!([{"op": "replace", "path": "emails", "value": [{"value": "c@c.example"}]}]), json!({"emails": [{"value": "c@c.example"}]}))]
#[case::replaced_by_none(json!([{"op": "replace", "path": "emails", "value": []}]), json!({"emails": null}))]
#[case::those_that_fit_go(json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]), json!({"emails": null}))]
#[case::none_fits_and_none_goes(json!([{"op": "remove", "path": "emails[type eq \"home\"]"}]), json!({}))]
#[case::these_go(json!([{"op": "remove", "path": "emails", "value": [{"value": "ada@work.example"}]}]), json!({"emails": null}))]
#[case::no_others_go(json!([{"op": "remove", "path": "emails", "value": [{"value": "x@work.example"}]}]), json!({}))]
#[case::none_of_none_goes(json!([{"op": "remove", "path": "emails", "value": []}]), json!({}))]
#[case::its_own_id_is_named(json!([{"op": "replace", "value": {"id": "u-1", "displayName": "Ada"}}]), json!({"displayName": "Ada"}))]
#[case::not_kept(json!([{"op": "replace", "path": "title", "value": "Countess"}, {"op": "add", "path": "roles[primary eq \"True\"].value", "value": "x"}, {"op": "replace", "path": "name.formatted", "value": "Ada"}, {"op": "add", "value": {"admin": true}}]), json!({}))]
fn a_patch_changes_what_it_names(#[case] operations: Value, #[case] changed: Value) {
    assert_eq!(patched(operations).unwrap(), changed);
}

/// Attacks: AD13, AD25, AD27.
#[rstest]
#[case(json!([{"op": "replace", "path": "active", "value": "maybe"}]), ScimType::InvalidValue)]
#[case(json!([{"op": "replace", "path": "emails[type eq \"home\"].value", "value": "x@y.z"}]), ScimType::NoTarget)]
#[case(json!([{"op": "remove"}]), ScimType::NoTarget)]
#[case(json!([{"op": "replace", "value": {"id": "u-2"}}]), ScimType::Mutability)]
#[case(json!([{"op": "replace", "path": "id", "value": "u-2"}]), ScimType::Mutability)]
#[case(json!([{"op": "replace", "value": {"meta": {"version": "1"}}}]), ScimType::Mutability)]
#[case(json!([{"op": "add", "path": "groups", "value": [{"value": "administrators"}]}]), ScimType::Mutability)]
#[case(json!([{"op": "remove", "path": "userName"}]), ScimType::Mutability)]
#[case(json!([{"op": "remove", "path": "active"}]), ScimType::Mutability)]
#[case(json!([{"op": "remove", "path": "password"}]), ScimType::Mutability)]
#[case(json!([{"op": "replace", "path": "admin", "value": true}]), ScimType::InvalidPath)]
#[case(json!([{"op": "replace", "path": "name.x", "value": "x"}]), ScimType::InvalidPath)]
#[case(json!([{"op": "replace", "path": "emails[type eq \"work\"", "value": "x"}]), ScimType::InvalidPath)]
#[case(json!([{"op": "replace", "path": "emails[type eq \"work\"]value", "value": "x"}]), ScimType::InvalidPath)]
#[case(json!([{"op": "replace", "path": "userName[value eq \"x\"]", "value": "x"}]), ScimType::InvalidPath)]
#[case(json!([{"op": "replace", "path": 7, "value": "x"}]), ScimType::InvalidPath)]
#[case(json!([{"op": "replace", "path": "emails[x eq \"work\"].value", "value": "x"}]), ScimType::InvalidFilter)]
#[case(json!([{"op": "move", "path": "userName", "value": "x"}]), ScimType::InvalidSyntax)]
#[case(json!([{"op": "replace", "value": "x"}]), ScimType::InvalidSyntax)]
#[case(json!(["replace"]), ScimType::InvalidSyntax)]
#[case(json!({"op": "replace"}), ScimType::InvalidSyntax)]
fn a_patch_that_is_none_is_refused(#[case] operations: Value, #[case] kind: ScimType) {
    assert_eq!(patched(operations).unwrap_err().kind(), Some(kind));
}

#[test]
fn a_patch_says_what_it_is_and_is_of_bounded_length() {
    let asked = |body| changes(ResourceType::User, "u-1", object(body));
    assert!(asked(json!({"operations": []})).is_ok());
    for bad in [
        json!({"schemas": ["urn:x"], "Operations": []}),
        json!({"schemas": [PATCH]}),
    ] {
        assert_eq!(
            asked(bad).unwrap_err().kind(),
            Some(ScimType::InvalidSyntax)
        );
    }
    let operation = json!({"op": "remove", "path": "nickName"});
    let many = |number| json!({"Operations": vec![operation.clone(); number]});
    assert!(asked(many(1_000)).is_ok());
    let refused = asked(many(1_001)).unwrap_err();
    assert_eq!(refused.status(), http::StatusCode::PAYLOAD_TOO_LARGE);
}

/// Whatever comes again and again, there are few to compare it with.
#[test]
fn no_attribute_has_more_values_than_it_may() {
    let values = |from: usize, to: usize| -> Vec<Value> {
        let values = (from..to).map(|number| json!({"value": format!("a{number}@b.example")}));
        values.collect()
    };
    let add = |values: Vec<Value>| json!({"op": "add", "path": "emails", "value": values});
    let by_filter = |number: usize| {
        let path = format!("emails[type eq \"{number}\"].value");
        json!({"op": "add", "path": path, "value": "a@b.example"})
    };
    // One is there.
    assert!(patched(json!([add(values(0, 25)), add(values(0, 49))])).is_ok());
    let by_filters: Vec<Value> = (0..50).map(by_filter).collect();
    for operations in [
        json!([add(values(0, 51))]),
        json!([add(values(0, 25)), add(values(25, 50))]),
        json!([{"op": "replace", "path": "emails", "value": values(0, 51)}]),
        json!([{"op": "remove", "path": "emails", "value": values(0, 51)}]),
        json!(by_filters),
        json!([{"op": "replace", "path": "userName", "value": "a".repeat(4097)}]),
    ] {
        let refused = patched(operations).unwrap_err();
        assert_eq!(refused.kind(), Some(ScimType::InvalidValue));
    }
}
