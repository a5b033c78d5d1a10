//! An operation of the API: its address and method, what it takes and gives, and what it needs of who asks. The router and the OpenAPI
//! document are both made of these, so that none is served that is not described, and each is judged by the scope that it says.

use std::sync::Arc;

use axum::{
    RequestPartsExt as _,
    body::to_bytes,
    extract::{RawPathParams, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use safeconduct_protocol::{administration, error::Reason, ids::ClientId, time::Timestamp};
use safeconduct_store::ActingStore;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    caller::{Caller, Needs, authenticate},
    idempotency::IdempotencyKey,
    input,
    problem::Problem,
};
use crate::{
    administration::Administration,
    catalog::Catalog,
    correlation::Correlation,
    notices::Notices,
    server::{Exchange, Server},
};

/// The largest body, in bytes.
pub(super) const LARGEST_BODY: usize = 64 * 1024;

/// A request that may be done: who asks, and what its address says.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) server: Server,
    pub(super) caller: Caller,
    pub(super) catalog: Arc<Catalog>,
    pub(super) now: Timestamp,
    pub(super) headers: HeaderMap,
    pub(super) uri: Uri,
    path: Vec<(String, String)>,
    store: ActingStore,
    /// The clients that the configuration declares.
    declared: Arc<Vec<ClientId>>,
}

/// What an operation that takes or gives nothing takes or gives.
#[derive(Clone, Copy, Debug, Default, Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What came of a request.
pub(super) struct Done<A> {
    pub(super) answer: A,
    pub(super) etag: Option<String>,
    pub(super) location: Option<String>,
}

impl<A> Done<A> {
    pub(super) fn new(answer: A) -> Self {
        Self {
            answer,
            etag: None,
            location: None,
        }
    }

    /// The same with the state that the thing is in.
    #[must_use]
    pub(super) fn in_state(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }

    /// The same with where the thing is.
    #[must_use]
    pub(super) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }
}

impl<A> From<A> for Done<A> {
    fn from(answer: A) -> Self {
        Self::new(answer)
    }
}

impl Call {
    /// What stands in the address under this name.
    pub(super) fn path(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The version that the caller has seen (RFC 9110 §13.1.1), if that is the `current` one. Whether it still is, the write says.
    ///
    /// # Errors
    /// 428 without `If-Match`; 412 with another version in it.
    pub(super) fn seen(&self, current: i64) -> Result<i64, Problem> {
        let mut sent = self.headers.get_all(header::IF_MATCH).iter();
        let Some(value) = sent.next() else {
            return Err(Reason::PreconditionMissing.into());
        };
        let text = value.to_str().unwrap_or_default();
        let names = |tag: &str| tag.trim() == "*" || tag.trim() == etag(current);
        match sent.next().is_none() && text.split(',').any(names) {
            true => Ok(current),
            false => Err(Problem::new(Reason::PreconditionFailed).with_etag(etag(current))),
        }
    }

    /// The verbs, in the hands of who asks.
    pub(super) fn administration(&self) -> Administration<'_> {
        let settings = self.server.settings();
        let catalog = &self.catalog;
        Administration {
            store: &self.store,
            masters: self.server.cache().masters(),
            keys: &catalog.keys,
            passwords: self.server.password_rule().clone(),
            notices: Notices::new(settings.mail.is_some(), settings.default_language),
            issuer: settings.issuer.as_str(),
            cluster: &catalog.cluster,
            knows_scope: Box::new(|name| match catalog.knows_scope(name) {
                true => Ok(()),
                false => Err("no scope or resource of the configuration has it".to_owned()),
            }),
            declared: self.declared.iter().collect(),
            now: self.now,
        }
    }
}

/// The tag of a version.
pub(super) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

type Handler = Arc<dyn Fn(Call, Value, Option<Value>) -> Answering + Send + Sync>;
type Answering = std::pin::Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;
type Described = fn(&mut SchemaGenerator) -> Schema;

/// An operation, with its types erased.
#[derive(Clone)]
pub(super) struct Operation {
    pub(super) method: Method,
    /// Below the host, with `{names}`.
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) scope: &'static str,
    pub(super) status: StatusCode,
    /// Of which types the parameters are.
    parameters: Arc<Value>,
    pub(super) body: Option<Described>,
    pub(super) answer: Option<Described>,
    /// Whether it only goes ahead from a state that the caller has seen (`If-Match`).
    pub(super) conditional: bool,
    /// What the answer is called that is no JSON.
    pub(super) media_type: Option<&'static str>,
    handler: Handler,
}

impl Operation {
    /// `method` on `path`, which needs `admin:write` unless it is a GET.
    pub(super) fn new<Q, B, A, F, W>(
        method: Method,
        path: &'static str,
        (id, summary): (&'static str, &'static str),
        handler: F,
    ) -> Self
    where
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        A: Serialize + JsonSchema + Send + 'static,
        F: Fn(Call, Q, B) -> W + Send + Sync + Copy + 'static,
        W: Future<Output = Result<Done<A>, Problem>> + Send + 'static,
    {
        let answers = !is_nothing::<A>();
        let status = match answers {
            true => StatusCode::OK,
            false => StatusCode::NO_CONTENT,
        };
        let mut operation = Self {
            scope: match method {
                Method::GET => administration::READ,
                _ => administration::WRITE,
            },
            method,
            path,
            id,
            summary,
            status,
            parameters: Arc::new(described::<Q>()),
            body: (!is_nothing::<B>()).then_some(SchemaGenerator::subschema_for::<B> as Described),
            answer: answers.then_some(SchemaGenerator::subschema_for::<A> as Described),
            conditional: false,
            media_type: None,
            handler: Arc::new(|_, _, _| Box::pin(async { Err(Reason::NotFound.into()) })),
        };
        operation.handler = Arc::new(move |call, query, body| {
            Box::pin(async move {
                let query: Q = input::typed(query, "")?;
                let body: B = input::typed(
                    body.unwrap_or_else(|| Value::Object(serde_json::Map::default())),
                    "/",
                )?;
                let done = handler(call, query, body).await?;
                Ok(respond(done, answers))
            })
        });
        operation
    }

    /// `GET` of what has no end: a handler makes the whole answer, in which each thing is an `A`.
    pub(super) fn streaming<Q, A, F, W>(
        path: &'static str,
        (id, summary): (&'static str, &'static str),
        media_type: &'static str,
        handler: F,
    ) -> Self
    where
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        A: JsonSchema,
        F: Fn(Call, Q) -> W + Send + Sync + Copy + 'static,
        W: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        Self {
            scope: administration::READ,
            method: Method::GET,
            path,
            id,
            summary,
            status: StatusCode::OK,
            parameters: Arc::new(described::<Q>()),
            body: None,
            answer: Some(SchemaGenerator::subschema_for::<A> as Described),
            conditional: false,
            media_type: Some(media_type),
            handler: Arc::new(move |call, query, _| {
                Box::pin(async move {
                    let query: Q = input::typed(query, "")?;
                    handler(call, query).await
                })
            }),
        }
    }

    /// The schema of its parameters.
    pub(super) fn parameters(&self) -> &Value {
        &self.parameters
    }

    /// The same, where it only goes ahead from a state that the caller has seen.
    #[must_use]
    pub(super) fn conditional(mut self) -> Self {
        self.conditional = true;
        self
    }

    /// The same, where it makes something, and says where that is.
    #[must_use]
    pub(super) fn creating(mut self) -> Self {
        self.status = StatusCode::CREATED;
        self
    }

    /// Answers a request.
    pub(super) async fn answer(&self, server: Server, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let correlation = Correlation::of(&parts.extensions);
        let uri = parts.uri.clone();
        let answered = match self.call(&server, &mut parts).await {
            Ok(call) => self.run(call, &parts, body).await,
            Err(problem) => Err(problem),
        };
        answered.unwrap_or_else(|problem| problem.answer_at(&server, &uri, &correlation))
    }

    async fn call(&self, server: &Server, parts: &mut Parts) -> Result<Call, Problem> {
        let needs = Needs { scope: self.scope };
        let caller = authenticate(server, parts, needs).await?;
        let path = match parts.extract::<RawPathParams>().await {
            Ok(params) => params
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<Vec<_>>(),
            Err(_) => return Err(Reason::ThingNotFound.into()),
        };
        if path.iter().any(|(_, value)| value.contains('\0')) {
            return Err(Reason::ThingNotFound.into());
        }
        let exchange = Exchange::begin(server, None).await?;
        let (catalog, now) = (exchange.catalog, exchange.now);
        Ok(Call {
            declared: server.declared(),
            server: server.clone(),
            store: server.store().by(caller.by.clone()),
            caller,
            catalog,
            now,
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
            path,
        })
    }

    async fn run(
        &self,
        call: Call,
        parts: &Parts,
        body: axum::body::Body,
    ) -> Result<Response, Problem> {
        let query = input::query(parts.uri.query().unwrap_or_default(), &self.parameters)?;
        let bytes = to_bytes(body, LARGEST_BODY).await;
        let bytes = bytes.map_err(|_| Problem::new(Reason::RequestTooLarge))?;
        let body = match self.body {
            Some(_) => Some(input::json(&parts.headers, &bytes)?),
            None => None,
        };
        let asked = (&self.method, &call.uri, &call.headers);
        let key = IdempotencyKey::of(&call.caller.name(), asked, &bytes)?;
        let (handler, status) = (self.handler.clone(), self.status);
        let (keeper, now) = ((call.server.clone(), call.catalog.clone()), call.now);
        let doing = async move {
            let mut response = handler(call, query, body).await?;
            *response.status_mut() = status;
            Ok(response)
        };
        match key {
            None => doing.await,
            Some(key) => key.once(keeper, now, doing).await,
        }
    }
}

/// The schema of a type, whole.
fn described<T: JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

fn is_nothing<T: JsonSchema>() -> bool {
    T::schema_id() == Nothing::schema_id()
}

fn respond<A: Serialize>(done: Done<A>, answers: bool) -> Response {
    let mut response = match answers {
        true => {
            let text = serde_json::to_string(&done.answer).unwrap_or_default();
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        false => StatusCode::NO_CONTENT.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [(header::ETAG, done.etag), (header::LOCATION, done.location)] {
        let value = value.and_then(|value| HeaderValue::try_from(value).ok());
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    response
}
