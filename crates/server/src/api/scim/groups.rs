//! `/Groups` (RFC 7644 §3): made, read, replaced, changed in part, and removed. Who is in one changes member by member.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use safeconduct_store::ProvisionedGroup;
use serde_json::{Map, Value};

use super::call::{Body, Call, Id, Outcome};
use super::error::{ScimError, answer};
use super::etag::{self, Tags};
use super::group;
use super::list;
use super::patch;
use super::projection::Projection;
use super::query::Parameters;
use super::schema::ResourceType;
use super::source::MOST_MEMBERS_SHOWN;
use super::value;
use crate::administration::provisioning::WantedGroup;

const KIND: ResourceType = ResourceType::Group;

/// `GET /Groups`.
pub(crate) async fn list(call: Call) -> Result<Response, ScimError> {
    let list = list::list(&call, KIND, &call.parameters()?).await?;
    Ok(answer(StatusCode::OK, &list))
}

/// `POST /Groups/.search`.
pub(crate) async fn search(call: Call, Body(body): Body) -> Result<Response, ScimError> {
    let list = list::list(&call, KIND, &Parameters::of_search(body)?).await?;
    Ok(answer(StatusCode::OK, &list))
}

/// `POST /Groups`.
pub(crate) async fn post(call: Call, Body(body): Body) -> Result<Outcome, ScimError> {
    create(&call, body).await
}

/// `GET /Groups/{id}`.
pub(crate) async fn get(call: Call, Id(id): Id) -> Result<Response, ScimError> {
    let group = read(&call, &id).await?;
    if let Some(answer) = etag::not_modified(&call.headers, group.version) {
        return Ok(answer);
    }
    let projection = call.projection(KIND)?;
    let mut room = MOST_MEMBERS_SHOWN;
    let members = match projection.shows("members") {
        true => Some(call.members(&group, &mut room).await?),
        false => None,
    };
    let resource = group::resource(&group, members.as_deref(), call.base());
    Ok(Outcome::of(StatusCode::OK, resource, &projection).into_response())
}

/// `PUT /Groups/{id}`.
pub(crate) async fn put(call: Call, Id(id): Id, Body(body): Body) -> Result<Outcome, ScimError> {
    let tags = call.if_match();
    replace(&call, &id, body, tags.as_ref()).await
}

/// `PATCH /Groups/{id}`.
pub(crate) async fn patch(call: Call, Id(id): Id, Body(body): Body) -> Result<Outcome, ScimError> {
    let tags = call.if_match();
    change(&call, &id, body, tags.as_ref()).await
}

/// `DELETE /Groups/{id}`.
pub(crate) async fn delete(call: Call, Id(id): Id) -> Result<Outcome, ScimError> {
    let tags = call.if_match();
    remove(&call, &id, tags.as_ref()).await
}

/// Makes a group.
pub(crate) async fn create(call: &Call, body: Map<String, Value>) -> Result<Outcome, ScimError> {
    let wanted = group::wanted(value::resource(KIND, body)?)?;
    let made = call
        .administration()
        .provision_group(&call.client, &wanted)
        .await?;
    sent(call, StatusCode::CREATED, &made, &call.projection(KIND)?).await
}

/// Makes of a group what the body says.
pub(crate) async fn replace(
    call: &Call,
    id: &str,
    body: Map<String, Value>,
    tags: Option<&Tags>,
) -> Result<Outcome, ScimError> {
    let wanted = group::wanted(value::resource(KIND, body)?)?;
    let group = seen(call, id, tags).await?;
    write(call, &group, &wanted, tags).await?;
    let group = read(call, id).await?;
    sent(call, StatusCode::OK, &group, &call.projection(KIND)?).await
}

/// Makes of a group what the operations say. Nothing is sent of it, as Entra expects, unless attributes are asked for.
pub(crate) async fn change(
    call: &Call,
    id: &str,
    body: Map<String, Value>,
    tags: Option<&Tags>,
) -> Result<Outcome, ScimError> {
    let changes = patch::changes(KIND, id, body)?;
    let group = seen(call, id, tags).await?;
    let wanted = group::patched(changes, group.called(), group.external_id.as_deref())?;
    write(call, &group, &wanted, tags).await?;
    let group = read(call, id).await?;
    match call.projection(KIND)? {
        projection @ Projection::Only(_) => sent(call, StatusCode::OK, &group, &projection).await,
        _ => Ok(Outcome {
            etag: Some(etag::of(group.version)),
            ..Outcome::empty()
        }),
    }
}

/// Removes a group.
pub(crate) async fn remove(
    call: &Call,
    id: &str,
    tags: Option<&Tags>,
) -> Result<Outcome, ScimError> {
    let group = seen(call, id, tags).await?;
    let version = tags.map(|_| group.version);
    call.administration()
        .remove_provisioned_group(&group, version)
        .await?;
    Ok(Outcome::empty())
}

async fn write(
    call: &Call,
    group: &ProvisionedGroup,
    wanted: &WantedGroup,
    tags: Option<&Tags>,
) -> Result<(), ScimError> {
    let version = tags.map(|_| group.version);
    let administration = call.administration();
    let written = administration.replace_provisioned_group(&call.client, group, wanted, version);
    Ok(written.await?)
}

async fn read(call: &Call, id: &str) -> Result<ProvisionedGroup, ScimError> {
    let found = call
        .administration()
        .provisioned_group(&call.client, id)
        .await;
    found.map_err(|refused| match ScimError::from(refused) {
        gone if gone.status() == StatusCode::NOT_FOUND => ScimError::not_found("group"),
        other => other,
    })
}

async fn seen(call: &Call, id: &str, tags: Option<&Tags>) -> Result<ProvisionedGroup, ScimError> {
    let group = read(call, id).await?;
    etag::admitted(tags, group.version)?;
    Ok(group)
}

/// A group that was written: with its members, where they can be shown.
async fn sent(
    call: &Call,
    status: StatusCode,
    group: &ProvisionedGroup,
    projection: &Projection,
) -> Result<Outcome, ScimError> {
    let mut room = MOST_MEMBERS_SHOWN;
    let members = match projection.shows("members") {
        true => call.members(group, &mut room).await.ok(),
        false => None,
    };
    let resource = group::resource(group, members.as_deref(), call.base());
    Ok(Outcome::of(status, resource, projection))
}
