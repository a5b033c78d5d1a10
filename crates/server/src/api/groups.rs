//! `/admin/v1/groups`: what users belong to, and who does. The group of administrators is shown here, and changed at
//! `/admin/v1/administrators` alone.

use http::Method;
use safeconduct_store::{Group as GroupToBe, GroupRecord, Member};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Call, Done, Nothing, Operation, etag},
    paging::Paging,
    problem::Problem,
    shown::{List, Time},
};

/// A group.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Group {
    /// Its name, which apps and rules go by and which stays.
    name: String,
    /// What users read instead.
    display: Option<String>,
    /// Whether its members have to prove a second factor, whatever they sign in to.
    require_second_factor: bool,
    /// Whether the configuration declares it: then it changes there, and its members here.
    declared: bool,
    /// How many users belong to it; 1000 are as many or more.
    members: u64,
    /// When it was made.
    created_at: Time,
}

impl From<GroupRecord> for Group {
    fn from(record: GroupRecord) -> Self {
        Self {
            name: record.group.name,
            display: record.group.display,
            require_second_factor: record.group.second_factor_required,
            declared: record.declared,
            members: record.members,
            created_at: record.created_at.into(),
        }
    }
}

/// Somebody who belongs to a group.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct GroupMember {
    /// The name that they sign in with.
    username: String,
    /// The id of their account.
    id: String,
    /// Since when.
    added_at: Time,
}

impl From<Member> for GroupMember {
    fn from(member: Member) -> Self {
        Self {
            username: member.username,
            id: member.user.to_string(),
            added_at: member.added_at.into(),
        }
    }
}

/// A group that is to be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGroup {
    /// Its name.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// What users read instead.
    #[schemars(length(min = 1, max = 256))]
    display: Option<String>,
    /// Whether its members have to prove a second factor.
    #[serde(default)]
    require_second_factor: bool,
}

/// What a group is to be from now on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedGroup {
    /// What users read instead of its name; without it, they read that.
    #[schemars(length(min = 1, max = 256))]
    display: Option<String>,
    /// Whether its members have to prove a second factor.
    require_second_factor: bool,
}

/// Which page of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PageAsked {
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where the page begins.
    cursor: Option<String>,
}

pub(super) fn operations() -> Vec<Operation> {
    [of_groups(), of_members()].into_iter().flatten().collect()
}

fn of_groups() -> Vec<Operation> {
    const ALL: &str = "/admin/v1/groups";
    const ONE: &str = "/admin/v1/groups/{group}";
    vec![
        Operation::new(Method::GET, ALL, ("listGroups", "Groups, by name"), list),
        Operation::new(Method::POST, ALL, ("createGroup", "Make a group"), create).creating(),
        Operation::new(Method::GET, ONE, ("getGroup", "A group"), show),
        Operation::new(
            Method::PUT,
            ONE,
            (
                "changeGroup",
                "Change what a group is called and demands; its name stays",
            ),
            change,
        )
        .conditional(),
        Operation::new(
            Method::DELETE,
            ONE,
            (
                "deleteGroup",
                "Remove a group: its members stay users, and what they used by it alone ends",
            ),
            delete,
        )
        .conditional(),
    ]
}

fn of_members() -> Vec<Operation> {
    const ALL: &str = "/admin/v1/groups/{group}/members";
    const ONE: &str = "/admin/v1/groups/{group}/members/{user}";
    vec![
        Operation::new(
            Method::GET,
            ALL,
            ("listMembers", "Who belongs to a group, by their ids"),
            members,
        ),
        Operation::new(
            Method::PUT,
            ONE,
            ("addMember", "Add a user to a group, if they are not in it"),
            add,
        ),
        Operation::new(
            Method::DELETE,
            ONE,
            (
                "removeMember",
                "Take a user out of a group: what they used by it alone ends",
            ),
            remove,
        ),
    ]
}

fn address(name: &str) -> String {
    // As a segment of a path: a space is no plus there.
    let plain: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/admin/v1/groups/{}", plain.replace('+', "%20"))
}

async fn list(call: Call, asked: PageAsked, _: Nothing) -> Result<Done<List<Group>>, Problem> {
    let paging = Paging::of(&call, asked.limit, asked.cursor.as_deref())?;
    let found = call.administration().groups_page(&paging.page()).await?;
    let list = paging.list(found, |record| record.group.name.clone(), Group::from)?;
    Ok(Done::new(list))
}

async fn create(call: Call, _: Nothing, new: NewGroup) -> Result<Done<Group>, Problem> {
    let group = GroupToBe {
        name: new.name,
        display: new.display,
        second_factor_required: new.require_second_factor,
    };
    let made = call.administration().add_group(&group).await?;
    let (location, version) = (address(&made.group.name), made.version);
    Ok(Done::new(made.into()).in_state(etag(version)).at(location))
}

async fn show(call: Call, _: Nothing, _: Nothing) -> Result<Done<Group>, Problem> {
    let found = call.administration().group(call.path("group")).await?;
    let version = found.version;
    Ok(Done::new(found.into()).in_state(etag(version)))
}

async fn change(call: Call, _: Nothing, to: ChangedGroup) -> Result<Done<Group>, Problem> {
    // An empty one takes it away.
    let display = to.display.unwrap_or_default();
    let (administration, name) = (call.administration(), call.path("group"));
    let seen = Some(call.seen(administration.group(name).await?.version)?);
    let demand = Some(to.require_second_factor);
    let changed = administration.change_group(name, seen, Some(&display), demand);
    let changed = changed.await?;
    let version = changed.version;
    Ok(Done::new(changed.into()).in_state(etag(version)))
}

async fn delete(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let (administration, name) = (call.administration(), call.path("group"));
    let seen = Some(call.seen(administration.group(name).await?.version)?);
    administration.remove_group(name, seen).await?;
    Ok(Done::new(Nothing {}))
}

async fn members(
    call: Call,
    asked: PageAsked,
    _: Nothing,
) -> Result<Done<List<GroupMember>>, Problem> {
    let paging = Paging::of(&call, asked.limit, asked.cursor.as_deref())?;
    let found = call
        .administration()
        .members_behind(call.path("group"), &paging.page())
        .await?;
    let list = paging.list(found, |member| member.user.to_string(), GroupMember::from)?;
    Ok(Done::new(list))
}

async fn add(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let (group, user) = (call.path("group"), call.path("user"));
    call.administration().add_member(group, user).await?;
    Ok(Done::new(Nothing {}))
}

async fn remove(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let (group, user) = (call.path("group"), call.path("user"));
    call.administration().remove_member(group, user).await?;
    Ok(Done::new(Nothing {}))
}
