//! Groups and who belongs to them.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Api, List};
use crate::confirm::{Question, counted};
use crate::failed::Failed;
use crate::form::{Asked, Fields, Posted};
use crate::pages::Page;
use crate::routes::Routes;

/// A group.
#[derive(Deserialize, Serialize)]
struct Group {
    name: String,
    #[serde(default)]
    display: Option<String>,
    require_second_factor: bool,
    declared: bool,
    members: u64,
    created_at: String,
}

#[derive(Deserialize, Serialize)]
struct Member {
    username: String,
    id: String,
    added_at: String,
}

pub(crate) fn pages() -> Routes {
    vec![
        ("/groups", get(list).post(add)),
        ("/groups/{name}", get(show).post(change)),
        ("/groups/{name}/remove", get(ask_remove).post(remove)),
        ("/groups/{name}/members", post(add_member)),
        ("/groups/{name}/members/{user}", post(remove_member)),
    ]
}

async fn list(api: Api, Asked(asked): Asked) -> Result<Page, Failed> {
    let found: List<Group> = api.list(&["groups"], &[], asked.value("cursor")).await?;
    let more = found.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    let may_write = api.may_write();
    Ok(Page::new(
        "groups",
        json!({ "groups": found.items, "more": more, "may_write": may_write }),
    ))
}

async fn show(api: Api, Path(name): Path<String>, Asked(asked): Asked) -> Result<Page, Failed> {
    let (this, of_group) = (["groups", &name], ["groups", name.as_str(), "members"]);
    let (group, members) = tokio::try_join!(
        api.tagged::<Group>(&this),
        api.list::<Member>(&of_group, &[], asked.value("cursor")),
    )?;
    let more = members.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    let may_write = api.may_write();
    Ok(Page::new(
        "group",
        json!({ "group": group.value, "etag": group.etag, "members": members.items, "more": more, "may_write": may_write }),
    ))
}

/// What a form says a group is to be, beside its name.
fn described(fields: &Fields) -> Value {
    json!({
        "display": fields.filled("display"),
        "require_second_factor": fields.value("require_second_factor") == "yes",
    })
}

async fn add(api: Api, Posted(fields): Posted) -> Result<Redirect, Failed> {
    let name = fields.value("name");
    let mut asked = described(&fields);
    asked["name"] = name.into();
    let _: Value = api.post_json(&["groups"], &asked).await?;
    Ok(api.on_to(&["groups", name], "group-added"))
}

async fn change(
    api: Api,
    Path(name): Path<String>,
    Posted(fields): Posted,
) -> Result<Redirect, Failed> {
    let etag = Some(fields.value("etag"));
    api.put(&["groups", &name], Some(&described(&fields)), etag)
        .await?;
    Ok(api.on_to(&["groups", &name], "group-changed"))
}

async fn question(api: &Api, name: &str) -> Result<Question, Failed> {
    let tagged = api.tagged::<Group>(&["groups", name]).await?;
    let group = tagged.value;
    let members = counted(group.members, "member", "members");
    let at = crate::pages::segment(&group.name);
    Ok(Question {
        title: format!("Remove the group {}?", group.name),
        lines: vec![
            format!("It has {members}, who stay users."),
            "What they used by this group alone ends at once.".to_owned(),
        ],
        label: "Remove the group".to_owned(),
        action: format!("/groups/{at}/remove"),
        back: format!("/groups/{at}"),
        typed: Some(group.name),
        // Only as it was seen: what another administrator changed since is seen first.
        fields: vec![("etag", tagged.etag)],
    })
}

async fn ask_remove(api: Api, Path(name): Path<String>) -> Result<Page, Failed> {
    Ok(question(&api, &name).await?.page())
}

async fn remove(
    api: Api,
    Path(name): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Failed> {
    if let Err(again) = question(&api, &name).await?.answered_by(&fields) {
        return Ok(again.into_response());
    }
    let etag = Some(fields.value("etag"));
    api.delete(&["groups", &name], etag).await?;
    Ok(api.on_to(&["groups"], "group-removed").into_response())
}

async fn add_member(
    api: Api,
    Path(name): Path<String>,
    Posted(fields): Posted,
) -> Result<Redirect, Failed> {
    let user = fields.value("user");
    api.put(&["groups", &name, "members", user], None, None)
        .await?;
    Ok(api.on_to(&["groups", &name], "member-added"))
}

async fn remove_member(
    api: Api,
    Path((name, user)): Path<(String, String)>,
) -> Result<Redirect, Failed> {
    api.delete(&["groups", &name, "members", &user], None)
        .await?;
    Ok(api.on_to(&["groups", &name], "member-removed"))
}
