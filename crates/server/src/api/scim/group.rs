//! A group as a resource of SCIM, and what a client wants of one. Who is in it stays apart: as a list of who joins and leaves, or, where all
//! are named, of who is to be in it.

use safeconduct_protocol::ids::UserId;
use safeconduct_store::ProvisionedGroup;
use serde_json::{Map, Value, json};

use super::error::{ScimError, ScimType};
use super::filter::Filter;
use super::patch::{self, Change, Verb};
use super::resource::{address_of, external_id, meta};
use super::schema::{GROUP, MEMBERS, ResourceType};
use super::value::assigned;
use crate::administration::provisioning::{WantedGroup, WantedMembers};

/// A group as it is sent; `members` are those who are shown.
pub(crate) fn resource(
    group: &ProvisionedGroup,
    members: Option<&[UserId]>,
    base: &str,
) -> Map<String, Value> {
    let mut resource = Map::new();
    resource.insert("schemas".to_owned(), json!([GROUP]));
    resource.insert("id".to_owned(), group.id.as_str().into());
    if let Some(external_id) = &group.external_id {
        resource.insert("externalId".to_owned(), external_id.as_str().into());
    }
    resource.insert("displayName".to_owned(), group.called().into());
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        let members = members.iter().map(|member| {
            json!({
                "value": member,
                "$ref": address_of(base, ResourceType::User, member.as_str()),
                "type": ResourceType::User.name(),
            })
        });
        resource.insert(MEMBERS.to_owned(), Value::Array(members.collect()));
    }
    let times = (group.created_at, group.changed_at);
    let meta = meta(base, ResourceType::Group, &group.id, times, group.version);
    resource.insert("meta".to_owned(), meta);
    resource
}

/// A whole group, as it was [read](super::value::resource).
///
/// # Errors
/// `invalidValue`.
pub(crate) fn wanted(mut resource: Map<String, Value>) -> Result<WantedGroup, ScimError> {
    let called = match resource.remove("displayName") {
        Some(Value::String(called)) => called,
        _ => return Err(invalid("displayName is required.")),
    };
    let external_id = external_id(resource.remove("externalId"))?;
    let members = match resource.remove(MEMBERS) {
        Some(Value::Array(members)) => users(&members)?,
        _ => Vec::new(),
    };
    Ok(WantedGroup {
        called,
        external_id,
        members: WantedMembers::all(members),
    })
}

/// What the changes of a PATCH want of a group that is called `called` and is `external_id` to the client.
///
/// # Errors
/// As those of a user; and `invalidValue` for a member that is no user.
pub(crate) fn patched(
    changes: Vec<Change>,
    called: &str,
    external_id: Option<&str>,
) -> Result<WantedGroup, ScimError> {
    let mut group = Map::from_iter([("displayName".to_owned(), called.into())]);
    if let Some(external_id) = external_id {
        group.insert("externalId".to_owned(), external_id.into());
    }
    let mut members = WantedMembers::unchanged();
    for change in changes {
        match change.attribute.name == MEMBERS {
            true => apply(&mut members, change)?,
            false => patch::apply(&mut group, change)?,
        }
    }
    let mut wanted = wanted(group)?;
    wanted.members = members;
    Ok(wanted)
}

fn apply(members: &mut WantedMembers, change: Change) -> Result<(), ScimError> {
    if change.part.is_some() {
        let told = "Who is in a group is named as a whole: a member joins or leaves.";
        return Err(patch::mutability(told));
    }
    let value = match change.filter {
        Some(filter) if change.verb == Verb::Remove => named(&filter)?,
        Some(_) => {
            let told = "The members that fit a filter can be removed, and nothing else.";
            return Err(patch::mutability(told));
        }
        None if change.verb == Verb::Remove && change.value.is_null() => {
            *members = WantedMembers::all(Vec::new());
            return Ok(());
        }
        None => assigned(change.attribute, change.value)?.unwrap_or_default(),
    };
    let named = match value {
        Value::Array(named) => named,
        _ => Vec::new(),
    };
    match change.verb {
        Verb::Replace => *members = WantedMembers::all(users(&named)?),
        Verb::Add => {
            let users = users(&named)?;
            members
                .changes
                .extend(users.into_iter().map(|user| (user, true)));
        }
        // Who is no user is in no group.
        Verb::Remove => {
            let users = named.iter().filter_map(user);
            members.changes.extend(users.map(|user| (user, false)));
        }
    }
    Ok(())
}

/// `members[value eq "…"]`, the one filter over members that needs none of them read; several are joined by `or`.
fn named(filter: &Filter) -> Result<Value, ScimError> {
    let lookups = filter.lookups_of_values("value").ok_or_else(|| {
        let told = "Members are removed by members[value eq \"…\"].";
        ScimError::of(ScimType::InvalidFilter, told)
    })?;
    let values = lookups.into_iter().map(|value| json!({"value": value}));
    Ok(values.collect())
}

fn users(members: &[Value]) -> Result<Vec<UserId>, ScimError> {
    let users = members.iter().map(|member| {
        user(member).ok_or_else(|| invalid("The value of a member is the id of a user."))
    });
    users.collect()
}

fn user(member: &Value) -> Option<UserId> {
    let is_user = member.get("type").and_then(Value::as_str);
    let is_user = is_user.is_none_or(|kind| kind.eq_ignore_ascii_case("User"));
    UserId::parse(member.get("value")?.as_str()?).filter(|_| is_user)
}

fn invalid(detail: impl Into<String>) -> ScimError {
    ScimError::of(ScimType::InvalidValue, detail)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn id(letter: char) -> UserId {
        UserId::parse(&format!("u-{}", letter.to_string().repeat(21) + "A")).unwrap()
    }

    fn patch(operations: Value) -> Result<WantedGroup, ScimError> {
        let Value::Object(body) = json!({"Operations": operations}) else {
            unreachable!("it is an object")
        };
        let changes = patch::changes(ResourceType::Group, "g", body)?;
        patched(changes, "Staff", Some("E"))
    }

    /// Attacks: AD14, AD15, AD16, AD18.
    #[test]
    fn members_join_and_leave_in_the_shapes_that_clients_send() {
        let [a, b] = ['A', 'B'].map(id);
        let only = |joins, users: &[&UserId]| WantedMembers {
            is_all: false,
            changes: users.iter().map(|user| ((*user).clone(), joins)).collect(),
        };
        for (operations, members) in [
            // Entra.
            (
                json!([{"op": "Add", "path": "members", "value": [{"value": a}, {"value": b}]}]),
                only(true, &[&a, &b]),
            ),
            (
                json!([{"op": "Remove", "path": "members", "value": [{"value": a}]}]),
                only(false, &[&a]),
            ),
            (
                json!([{"op": "Remove", "path": "members", "value": []}]),
                only(false, &[]),
            ),
            // Entra with its flag, Okta.
            (
                json!([{"op": "remove", "path": format!("members[value eq \"{a}\"]")}, {"op": "remove", "path": format!("members[value eq \"{b}\"]")}]),
                only(false, &[&a, &b]),
            ),
            // authentik.
            (
                json!([{"op": "add", "value": {"members": [{"value": a, "$ref": null}]}}]),
                only(true, &[&a]),
            ),
            (
                json!([{"op": "add", "path": "members", "value": a}]),
                only(true, &[&a]),
            ),
            (
                json!([{"op": "add", "path": "members", "value": [{"value": a}]}, {"op": "remove", "path": "members", "value": [{"value": a}]}]),
                only(false, &[&a]),
            ),
            (
                json!([{"op": "remove", "path": "members"}]),
                WantedMembers::all(vec![]),
            ),
            (
                json!([{"op": "replace", "path": "members", "value": []}]),
                WantedMembers::all(vec![]),
            ),
            (
                json!([{"op": "replace", "path": "members", "value": [{"value": b, "type": "User"}]}]),
                WantedMembers::all(vec![b.clone()]),
            ),
            (
                json!([{"op": "remove", "path": "members", "value": [{"value": "nobody"}]}]),
                only(false, &[]),
            ),
        ] {
            assert_eq!(
                patch(operations.clone()).unwrap().members,
                members,
                "{operations}"
            );
        }
        let mut after_all = WantedMembers::all(vec![]);
        after_all.changes.insert(a.clone(), true);
        let told = json!([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": [{"value": a}]}]);
        assert_eq!(patch(told).unwrap().members, after_all);
    }

    #[test]
    fn a_group_is_renamed_and_keeps_what_is_not_named() {
        let renamed =
            patch(json!([{"op": "replace", "value": {"id": "g", "displayName": "All"}}])).unwrap();
        assert_eq!(renamed.called, "All");
        assert_eq!(renamed.external_id.as_deref(), Some("E"));
        assert_eq!(renamed.members, WantedMembers::unchanged());
        let named = patch(json!([{"op": "remove", "path": "externalId"}])).unwrap();
        assert_eq!(named.external_id, None);
    }

    /// Attacks: AD37.
    #[rstest]
    #[case(json!([{"op": "add", "path": "members", "value": [{"value": "shop"}]}]), ScimType::InvalidValue)]
    #[case(json!([{"op": "add", "path": "members", "value": [{"value": "u-AAAAAAAAAAAAAAAAAAAAAA", "type": "Group"}]}]), ScimType::InvalidValue)]
    #[case(json!([{"op": "add", "path": "members", "value": [{}, {"display": "Ada"}, 7]}]), ScimType::InvalidValue)]
    #[case(json!([{"op": "replace", "path": "members[value eq \"u-1\"].value", "value": "u-2"}]), ScimType::Mutability)]
    #[case(json!([{"op": "add", "path": "members[value eq \"u-1\"]", "value": {"value": "u-2"}}]), ScimType::Mutability)]
    #[case(json!([{"op": "remove", "path": "members[type eq \"User\"]"}]), ScimType::InvalidFilter)]
    #[case(json!([{"op": "remove", "path": "displayName"}]), ScimType::Mutability)]
    #[case(json!([{"op": "replace", "path": "displayName", "value": ""}]), ScimType::InvalidValue)]
    fn who_can_be_no_member_is_refused(#[case] operations: Value, #[case] kind: ScimType) {
        assert_eq!(patch(operations).unwrap_err().kind(), Some(kind));
    }
}
