//! `POST /Bulk` (RFC 7644 §3.7): many changes in one request, each by itself, and references to what is made in it.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::call::{Body, Call, Outcome};
use super::error::{ScimError, ScimType, answer};
use super::etag::{self, Tags};
use super::schema::ResourceType;
use super::{groups, resource, users};

/// The most operations of one request.
pub(crate) const MOST_OPERATIONS: usize = 1_000;

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// What stands before the name of what is made in the same request.
const REFERENCE: &str = "bulkId:";

/// One of the operations.
#[derive(Clone)]
struct Operation {
    method: Method,
    kind: ResourceType,
    /// The id, or a reference to what is made in the same request.
    id: Option<String>,
    bulk_id: Option<String>,
    /// The versions that may be changed, where it says so.
    tags: Option<Tags>,
    data: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

/// `POST /Bulk`.
pub(crate) async fn post(call: Call, Body(body): Body) -> Result<Response, ScimError> {
    let (operations, fail_on_errors) = read(body)?;
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    let mut results: Vec<Option<Value>> = vec![None; operations.len()];
    let mut errors = 0;
    let mut awaited = awaited(&operations);
    let mut waiting: Vec<usize> = (0..operations.len()).collect();
    // What is referred to may stand behind: whatever waits for it is done when it is there.
    'all: while !waiting.is_empty() {
        let mut still = Vec::new();
        let mut is_stuck = true;
        for place in std::mem::take(&mut waiting) {
            let (method, operation) = &operations[place];
            let names = &mut awaited[place];
            while names.last().is_some_and(|name| made.contains_key(*name)) {
                names.pop();
            }
            let is_late = call.is_late();
            if !names.is_empty() && !is_late {
                still.push(place);
                continue;
            }
            is_stuck = false;
            let done = match is_late {
                true => Err(too_late()),
                false => perform(&call, operation, &mut made).await,
            };
            errors += usize::from(done.is_err());
            results[place] = Some(told(&call, method, operation, done));
            if fail_on_errors.is_some_and(|most| errors >= most) {
                break 'all;
            }
        }
        if is_stuck {
            for place in still {
                let (method, operation) = &operations[place];
                errors += 1;
                results[place] = Some(told(&call, method, operation, Err(unresolved())));
                if fail_on_errors.is_some_and(|most| errors >= most) {
                    break 'all;
                }
            }
            break;
        }
        waiting = still;
    }
    let results: Vec<Value> = results.into_iter().flatten().collect();
    let answered = json!({"schemas": [RESPONSE], "Operations": results});
    Ok(answer(StatusCode::OK, &answered))
}

type Read = Vec<(String, Result<Operation, ScimError>)>;

fn read(body: Map<String, Value>) -> Result<(Read, Option<usize>), ScimError> {
    let (mut operations, mut fail_on_errors) = (None, None);
    for (name, value) in body {
        match name.to_ascii_lowercase().as_str() {
            "operations" => operations = Some(value),
            "failonerrors" if !value.is_null() => {
                let most = value.as_u64().filter(|most| *most > 0);
                let most = most.and_then(|most| usize::try_from(most).ok());
                let told = "failOnErrors is a number from 1.";
                fail_on_errors = Some(most.ok_or_else(|| syntax(told))?);
            }
            "schemas" => {
                let is_ours = |schema: &Value| {
                    schema
                        .as_str()
                        .is_some_and(|schema| schema.eq_ignore_ascii_case(REQUEST))
                };
                if !value
                    .as_array()
                    .is_some_and(|schemas| schemas.iter().any(is_ours))
                {
                    return Err(syntax(format!(
                        "The schemas of a bulk request hold {REQUEST}."
                    )));
                }
            }
            _ => {}
        }
    }
    let Some(Value::Array(operations)) = operations else {
        return Err(syntax("A bulk request has an array of Operations."));
    };
    if operations.len() > MOST_OPERATIONS {
        let told = format!("A bulk request has at most {MOST_OPERATIONS} operations.");
        return Err(ScimError::new(StatusCode::PAYLOAD_TOO_LARGE, told));
    }
    let operations = operations.into_iter().map(|operation| {
        let method = operation.get("method").and_then(Value::as_str);
        let method = method.unwrap_or_default().to_ascii_uppercase();
        (method, Operation::read(operation))
    });
    Ok((operations.collect(), fail_on_errors))
}

impl Operation {
    fn read(operation: Value) -> Result<Self, ScimError> {
        let Value::Object(mut operation) = operation else {
            return Err(syntax("An operation is an object."));
        };
        let mut text = |name: &str| match operation.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (method, path) = (text("method"), text("path"));
        let bulk_id = text("bulkId");
        let tags = tags(operation.remove("version").unwrap_or_default())?;
        let method = match method.unwrap_or_default().to_ascii_uppercase().as_str() {
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            _ => return Err(syntax("The method is POST, PUT, PATCH or DELETE.")),
        };
        let path = path.ok_or_else(|| syntax("An operation has a path."))?;
        let mut segments = path.trim_matches('/').split('/');
        let kind = match segments.next().unwrap_or_default() {
            "Users" => ResourceType::User,
            "Groups" => ResourceType::Group,
            _ => return Err(ScimError::not_found("path")),
        };
        let id = segments.next().map(str::to_owned);
        if segments.next().is_some() || id.is_some() == (method == Method::Post) {
            let told = "The path is /Users or /Groups for a POST, and has the id of one for everything else.";
            return Err(syntax(told));
        }
        if method == Method::Post && bulk_id.is_none() {
            return Err(syntax("A POST has a bulkId."));
        }
        let data = match operation.remove("data") {
            Some(Value::Object(data)) => data,
            _ if method == Method::Delete => Map::new(),
            _ => return Err(syntax("data is an object.")),
        };
        Ok(Self {
            method,
            kind,
            id,
            bulk_id,
            tags,
            data,
        })
    }

    /// The names that it refers to.
    fn names(&self) -> Vec<&str> {
        let in_path = self.id.as_deref().and_then(|id| id.strip_prefix(REFERENCE));
        let mut names: Vec<&str> = in_path.into_iter().collect();
        // Nothing that is kept of a user refers to another resource.
        if self.kind == ResourceType::Group {
            for value in self.data.values() {
                references(value, &mut names);
            }
        }
        names
    }
}

/// Of each operation, the names that it refers to and that operations make.
fn awaited(operations: &Read) -> Vec<Vec<&str>> {
    let made: BTreeSet<&str> = operations
        .iter()
        .filter_map(|(_, operation)| operation.as_ref().ok())
        .filter(|operation| operation.method == Method::Post)
        .filter_map(|operation| operation.bulk_id.as_deref())
        .collect();
    let awaited = operations.iter().map(|(_, operation)| {
        let mut names = operation.as_ref().map(Operation::names).unwrap_or_default();
        names.retain(|name| made.contains(name));
        names
    });
    awaited.collect()
}

/// The versions that may be changed. What can't be read as any is refused: an operation that says one is never done of another.
fn tags(version: Value) -> Result<Option<Tags>, ScimError> {
    let value = match version {
        Value::Null => return Ok(None),
        Value::String(version) => http::HeaderValue::try_from(version).ok(),
        _ => None,
    };
    let value = value.ok_or_else(|| syntax("A version is text, as it was sent."))?;
    let headers = http::HeaderMap::from_iter([(header::IF_MATCH, value)]);
    Ok(etag::named(&headers, &header::IF_MATCH))
}

async fn perform(
    call: &Call,
    operation: &Result<Operation, ScimError>,
    made: &mut BTreeMap<String, String>,
) -> Result<Outcome, ScimError> {
    let operation = operation.as_ref().map_err(Clone::clone)?;
    let tags = operation.tags.as_ref();
    let mut data = operation.data.clone();
    if operation.kind == ResourceType::Group {
        for value in data.values_mut() {
            resolve(value, made)?;
        }
    }
    let id = match &operation.id {
        None => String::new(),
        Some(id) => match id.strip_prefix(REFERENCE) {
            None => id.clone(),
            Some(name) => made.get(name).cloned().ok_or_else(unresolved)?,
        },
    };
    let done = match (operation.method, operation.kind) {
        (Method::Post, ResourceType::User) => users::create(call, data).await,
        (Method::Post, ResourceType::Group) => groups::create(call, data).await,
        (Method::Put, ResourceType::User) => users::replace(call, &id, data, tags).await,
        (Method::Put, ResourceType::Group) => groups::replace(call, &id, data, tags).await,
        (Method::Patch, ResourceType::User) => users::change(call, &id, data, tags).await,
        (Method::Patch, ResourceType::Group) => groups::change(call, &id, data, tags).await,
        (Method::Delete, ResourceType::User) => users::remove(call, &id, tags).await,
        (Method::Delete, ResourceType::Group) => groups::remove(call, &id, tags).await,
    };
    let mut done = done?;
    if operation.method == Method::Post {
        let location = done.location.as_deref().unwrap_or_default();
        let id = location.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(bulk_id) = &operation.bulk_id {
            made.insert(bulk_id.clone(), id);
        }
    } else if operation.method != Method::Delete {
        done.location = Some(resource::address_of(call.base(), operation.kind, &id));
    }
    Ok(done)
}

/// What came of one operation.
fn told(
    call: &Call,
    method: &str,
    operation: &Result<Operation, ScimError>,
    done: Result<Outcome, ScimError>,
) -> Value {
    let mut told = json!({"method": method});
    let operation = operation.as_ref().ok();
    if let Some(bulk_id) = operation.and_then(|operation| operation.bulk_id.as_deref()) {
        told["bulkId"] = bulk_id.into();
    }
    let id = operation.and_then(|operation| Some((operation.kind, operation.id.as_deref()?)));
    if let Some((kind, id)) = id.filter(|(_, id)| !id.starts_with(REFERENCE)) {
        told["location"] = resource::address_of(call.base(), kind, id).into();
    }
    match done {
        Ok(outcome) => {
            told["status"] = outcome.status.as_str().into();
            if let Some(location) = outcome.location {
                told["location"] = location.into();
            }
            if let Some(version) = outcome.etag {
                told["version"] = version.into();
            }
        }
        Err(error) => {
            told["status"] = error.status().as_str().into();
            told["response"] = error.body();
        }
    }
    told
}

/// The names that a value refers to.
fn references<'v>(value: &'v Value, names: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => names.extend(text.strip_prefix(REFERENCE)),
        Value::Array(values) => values.iter().for_each(|value| references(value, names)),
        Value::Object(members) => members.values().for_each(|value| references(value, names)),
        _ => {}
    }
}

/// Puts ids in the place of names.
fn resolve(value: &mut Value, made: &BTreeMap<String, String>) -> Result<(), ScimError> {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix(REFERENCE) {
                *text = made.get(name).cloned().ok_or_else(unresolved)?;
            }
            Ok(())
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| resolve(value, made)),
        Value::Object(members) => members
            .values_mut()
            .try_for_each(|value| resolve(value, made)),
        _ => Ok(()),
    }
}

fn too_late() -> ScimError {
    ScimError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "There was no time left for it in this request: send it again.",
    )
}

fn unresolved() -> ScimError {
    ScimError::of(
        ScimType::InvalidValue,
        "It refers to a bulkId under which nothing is made in this request.",
    )
}

fn syntax(detail: impl Into<String>) -> ScimError {
    ScimError::of(ScimType::InvalidSyntax, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_waits_for_what_others_make() {
        let body = json!({"Operations": [
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "A", "members": [{"value": "bulkId:a"}, {"value": "bulkId:x"}]}},
            {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "bulkId:g"}},
            {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {}},
            {"method": "GET", "path": "/Users"},
        ]});
        let Value::Object(body) = body else {
            unreachable!("it is an object")
        };
        let (operations, _) = read(body).unwrap();
        assert_eq!(awaited(&operations), [vec!["a"], vec![], vec!["g"], vec![]]);
    }
}
