//! The OpenAPI 3.1 document, made of the operations that the router is made of and of the types that they read and write.

use http::Method;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    idempotency,
    operation::Operation,
    problem::{PROBLEM_JSON, ProblemDetails},
};

/// What the document says of the API as a whole.
const ABOUT: &str = "What administrators see and change of a Safeconduct server. Every request carries an access token of that server for the resource \
`<issuer>/admin`, as a bearer or bound to a key (DPoP, RFC 9449): of an administrator who proved two factors within the last hour, or of a client that is registered \
for the scope. Problems are told by RFC 9457; each `type` is an address that explains it.";

/// The document.
pub(super) fn document(operations: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<ProblemDetails>();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let described = described(operation, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_ascii_lowercase()] = described;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Safeconduct administration",
            "version": "1",
            "description": ABOUT,
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": {
                "Problem": {
                    "description": "It is not done. `type` explains why.",
                    "content": { PROBLEM_JSON: { "schema": problem } },
                },
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token of this server for `<issuer>/admin`; each operation says which scope it must carry.",
                },
            },
        },
    })
}

fn described(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "security": [{ "token": [operation.scope] }],
        "responses": responses(operation, generator),
    });
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = operation.body {
        described["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": body(generator) } },
        });
    }
    described
}

fn responses(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut done = json!({ "description": "It is done." });
    if let Some(answer) = operation.answer {
        let media_type = operation.media_type.unwrap_or("application/json");
        done["content"] = json!({ media_type: { "schema": answer(generator) } });
    }
    let mut responses = Map::new();
    responses.insert(operation.status.as_str().to_owned(), done);
    let takes_body = operation.body.is_some();
    let changes = operation.method != Method::GET;
    let asked = &operation.parameters()["properties"];
    let names_another = ["user", "client"]
        .iter()
        .any(|name| asked.get(name).is_some());
    let told = [
        (400, true),
        (401, true),
        (403, true),
        (
            404,
            operation.path.contains('{') || changes || names_another,
        ),
        (409, changes),
        (412, operation.conditional),
        (413, takes_body),
        (415, takes_body),
        (422, operation.method == Method::POST),
        (428, operation.conditional),
        (503, true),
    ];
    for (status, _) in told.into_iter().filter(|(_, told)| *told) {
        let problem = json!({ "$ref": "#/components/responses/Problem" });
        responses.insert(status.to_string(), problem);
    }
    Value::Object(responses)
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let in_path = operation.path.split('{').skip(1);
    let in_path = in_path.filter_map(|rest| rest.split('}').next());
    let mut parameters: Vec<Value> = in_path
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } })
        })
        .collect();
    let query = operation.parameters();
    let required = query["required"].as_array().cloned().unwrap_or_default();
    let members = query["properties"].as_object().cloned().unwrap_or_default();
    for (name, mut schema) in members {
        let about = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("description"));
        let mut parameter = json!({
            "name": name, "in": "query", "required": required.contains(&name.as_str().into()), "schema": present(schema),
        });
        if let Some(about) = about {
            parameter["description"] = about;
        }
        parameters.push(parameter);
    }
    if operation.conditional {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": true, "schema": { "type": "string" },
            "description": "The `ETag` that was read: what has changed since stays as it is.",
        }));
    }
    if operation.method == Method::POST {
        parameters.push(json!({
            "name": idempotency::HEADER, "in": "header",
            "schema": { "type": "string", "minLength": 1, "maxLength": idempotency::LONGEST, "pattern": "^[!-~]+$" },
            "description": "A name for this request, made by the caller: sent again with it within a day, it is done once, and answered as the first time.",
        }));
    }
    parameters
}

/// A parameter that is there is never null.
fn present(mut schema: Value) -> Value {
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            schema["type"] = kind.clone();
        }
    }
    if let Some(Value::Array(kinds)) = schema.get_mut("anyOf") {
        kinds.retain(|kind| kind["type"] != "null");
    }
    if let Some(object) = schema.as_object_mut() {
        object.remove("default");
    }
    schema
}
