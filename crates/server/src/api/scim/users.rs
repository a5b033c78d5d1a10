//! `/Users` (RFC 7644 §3): made, read, replaced, changed in part, and deleted.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_store::ProvisionedUser;
use serde_json::{Map, Value};

use super::call::{Body, Call, Id, Outcome};
use super::error::{ScimError, answer};
use super::etag::{self, Tags};
use super::list;
use super::patch;
use super::query::Parameters;
use super::schema::ResourceType;
use super::user;
use super::value;
use crate::administration::provisioning::{Unprovisioned, WantedUser};

const KIND: ResourceType = ResourceType::User;

/// How often a change is made anew of what is there by then, where the client does not say of which version.
const ATTEMPTS: usize = 16;

/// `GET /Users`.
pub(crate) async fn list(call: Call) -> Result<Response, ScimError> {
    let list = list::list(&call, KIND, &call.parameters()?).await?;
    Ok(answer(StatusCode::OK, &list))
}

/// `POST /Users/.search`.
pub(crate) async fn search(call: Call, Body(body): Body) -> Result<Response, ScimError> {
    let list = list::list(&call, KIND, &Parameters::of_search(body)?).await?;
    Ok(answer(StatusCode::OK, &list))
}

/// `POST /Users`.
pub(crate) async fn post(call: Call, Body(body): Body) -> Result<Outcome, ScimError> {
    create(&call, body).await
}

/// `GET /Users/{id}`.
pub(crate) async fn get(call: Call, Id(id): Id) -> Result<Response, ScimError> {
    let user = read(&call, &id).await?;
    if let Some(answer) = etag::not_modified(&call.headers, user.version) {
        return Ok(answer);
    }
    Ok(sent(&call, StatusCode::OK, &user)?.into_response())
}

/// `PUT /Users/{id}`.
pub(crate) async fn put(call: Call, Id(id): Id, Body(body): Body) -> Result<Outcome, ScimError> {
    let tags = call.if_match();
    replace(&call, &id, body, tags.as_ref()).await
}

/// `PATCH /Users/{id}`.
pub(crate) async fn patch(call: Call, Id(id): Id, Body(body): Body) -> Result<Outcome, ScimError> {
    let tags = call.if_match();
    change(&call, &id, body, tags.as_ref()).await
}

/// `DELETE /Users/{id}`.
pub(crate) async fn delete(call: Call, Id(id): Id) -> Result<Outcome, ScimError> {
    let tags = call.if_match();
    remove(&call, &id, tags.as_ref()).await
}

/// Makes a user. What only the server writes is passed over; whoever names the group of administrators is told.
pub(crate) async fn create(call: &Call, body: Map<String, Value>) -> Result<Outcome, ScimError> {
    let administration = call.administration();
    for name in groups_named(&body) {
        administration.is_no_group_of_administrators(name).await?;
    }
    let wanted = user::wanted(value::resource(KIND, body)?, &PersonClaims::default())?;
    let made = administration.provision_user(&call.client, wanted, call.hashing());
    sent(call, StatusCode::CREATED, &made.await?)
}

/// Makes of a user what the body says.
pub(crate) async fn replace(
    call: &Call,
    id: &str,
    body: Map<String, Value>,
    tags: Option<&Tags>,
) -> Result<Outcome, ScimError> {
    let resource = value::resource(KIND, body)?;
    let wanted = |from: &ProvisionedUser| user::wanted(resource.clone(), &from.record.claims);
    changed(call, id, tags, wanted).await
}

/// Makes of a user what the operations say.
pub(crate) async fn change(
    call: &Call,
    id: &str,
    body: Map<String, Value>,
    tags: Option<&Tags>,
) -> Result<Outcome, ScimError> {
    let changes = patch::changes(KIND, id, body)?;
    let wanted = |from: &ProvisionedUser| {
        let mut resource = user::resource(from, call.base());
        for change in changes.clone() {
            patch::apply(&mut resource, change)?;
        }
        user::wanted(resource, &from.record.claims)
    };
    changed(call, id, tags, wanted).await
}

/// Deletes a user.
pub(crate) async fn remove(
    call: &Call,
    id: &str,
    tags: Option<&Tags>,
) -> Result<Outcome, ScimError> {
    let user = read(call, id).await?;
    etag::admitted(tags, user.version)?;
    let seen = tags.map(|_| user.version);
    let administration = call.administration();
    administration
        .delete_provisioned_user(&user.record.id, seen)
        .await?;
    Ok(Outcome::empty())
}

/// Replaces a user by what is wanted of the one that is there; the write says whether it still is.
async fn changed(
    call: &Call,
    id: &str,
    tags: Option<&Tags>,
    wanted: impl Fn(&ProvisionedUser) -> Result<WantedUser, ScimError>,
) -> Result<Outcome, ScimError> {
    let administration = call.administration();
    for _ in 0..ATTEMPTS {
        let from = read(call, id).await?;
        etag::admitted(tags, from.version)?;
        let wanted = wanted(&from)?;
        let changed =
            administration.replace_provisioned_user(&call.client, &from, wanted, call.hashing());
        match changed.await {
            Ok(user) => return sent(call, StatusCode::OK, &user),
            Err(Unprovisioned::Changed) if tags.is_none() => {}
            Err(other) => return Err(other.into()),
        }
    }
    let told = "Others change this user all the time: try again.";
    Err(ScimError::new(StatusCode::CONFLICT, told))
}

async fn read(call: &Call, id: &str) -> Result<ProvisionedUser, ScimError> {
    let gone = || ScimError::not_found("user");
    let id = UserId::parse(id).ok_or_else(gone)?;
    let found = call.store.provisioned_user(&call.client, &id).await?;
    found.ok_or_else(gone)
}

fn sent(call: &Call, status: StatusCode, user: &ProvisionedUser) -> Result<Outcome, ScimError> {
    let projection = call.projection(KIND)?;
    Ok(Outcome::of(
        status,
        user::resource(user, call.base()),
        &projection,
    ))
}

/// The groups that a body puts its user in, which only the server does.
fn groups_named(body: &Map<String, Value>) -> Vec<&str> {
    let groups = body
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("groups"))
        .filter_map(|(_, groups)| groups.as_array())
        .flatten();
    let names = groups.flat_map(|group| match group {
        Value::String(name) => vec![name.as_str()],
        group => ["value", "display"]
            .iter()
            .filter_map(|part| group.get(part)?.as_str())
            .collect(),
    });
    names.collect()
}
