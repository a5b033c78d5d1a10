//! A request of SCIM that may be answered: who asks, with what, and the hands in which their verbs are.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use safeconduct_protocol::error::Reason;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::seal::Seal;
use safeconduct_protocol::time::Timestamp;
use safeconduct_protocol::{administration, jose};
use safeconduct_store::ActingStore;
use serde_json::{Map, Value};

use super::error::{MEDIA_TYPE, ScimError, ScimType, answer};
use super::etag::{self, Tags};
use super::projection::Projection;
use super::query::Parameters;
use super::schema::ResourceType;
use crate::administration::Administration;
use crate::api::address::Called;
use crate::api::caller::{Caller, Needs, authenticate};
use crate::api::problem::Problem;
use crate::catalog::Catalog;
use crate::listener::{AnswerBy, LARGEST_PROVISIONING, PROVISIONING};
use crate::notices::Notices;
use crate::password::Passwords;
use crate::server::Server;

/// A request of a client that has the scope.
pub(crate) struct Call {
    server: Server,
    catalog: Arc<Catalog>,
    pub(crate) store: ActingStore,
    /// The client that asks, whose names for things are its own.
    pub(crate) client: ClientId,
    asker: String,
    base: String,
    pub(crate) now: Timestamp,
    pub(crate) headers: HeaderMap,
    query: String,
    answer_by: Option<AnswerBy>,
}

impl Call {
    /// Where this service is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// To whom cursors belong.
    pub(crate) fn asker(&self) -> &str {
        &self.asker
    }

    pub(crate) fn seal(&self) -> &Seal {
        self.catalog.keys.seal()
    }

    pub(crate) fn era(&self) -> i64 {
        self.catalog.cluster.era
    }

    pub(crate) fn hashing(&self) -> &Passwords {
        self.server.passwords()
    }

    /// Whether nothing more should be begun, or there is no answer in time.
    pub(crate) fn is_late(&self) -> bool {
        self.answer_by.is_some_and(AnswerBy::is_past)
    }

    /// The parameters of the query.
    pub(crate) fn parameters(&self) -> Result<Parameters, ScimError> {
        Parameters::of_query(&self.query)
    }

    /// What is sent of a resource.
    pub(crate) fn projection(&self, kind: ResourceType) -> Result<Projection, ScimError> {
        let parameters = self.parameters()?;
        Projection::of(kind, &parameters.attributes, &parameters.excluded)
    }

    /// The versions that may be changed, where the client says so.
    pub(crate) fn if_match(&self) -> Option<Tags> {
        etag::named(&self.headers, &header::IF_MATCH)
    }

    /// The verbs, in the hands of who asks.
    pub(crate) fn administration(&self) -> Administration<'_> {
        let settings = self.server.settings();
        Administration {
            store: &self.store,
            masters: self.server.cache().masters(),
            keys: &self.catalog.keys,
            passwords: self.server.password_rule().clone(),
            notices: Notices::new(settings.mail.is_some(), settings.default_language),
            issuer: settings.issuer.as_str(),
            cluster: &self.catalog.cluster,
            // No verb of SCIM registers a client.
            knows_scope: Box::new(|_| Ok(())),
            declared: Vec::new(),
            now: self.now,
        }
    }
}

impl FromRequestParts<Server> for Call {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Response> {
        let needs = Needs {
            scope: administration::SCIM,
        };
        let judged = authenticate(server, parts, needs).await;
        let caller = judged.map_err(|problem| refused(&problem))?;
        let moment = server.time().moment();
        let now =
            moment.map_err(|fault| refused(&Problem::from(crate::fault::Failure::from(fault))))?;
        let catalog = server.catalog().await;
        let catalog = catalog.map_err(|failure| refused(&Problem::from(failure)))?;
        let asker = caller.name();
        let Caller { by, client, .. } = caller;
        Ok(Self {
            store: server.store().by(by),
            base: format!("{}{PROVISIONING}", Called::of(parts).origin()),
            server: server.clone(),
            catalog,
            client,
            asker,
            now,
            headers: parts.headers.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            answer_by: parts.extensions.get().copied(),
        })
    }
}

/// What the API says to who may not, as SCIM words it.
fn refused(problem: &Problem) -> Response {
    let reason = problem.reason();
    tracing::info!(refusal = reason.name(), "refused");
    let mut response = ScimError::new(problem.status(), reason.entry().public).into_response();
    response.headers_mut().extend(problem.headers());
    response
}

/// The id in the address.
pub(crate) struct Id(pub(crate) String);

impl FromRequestParts<Server> for Id {
    type Rejection = ScimError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, ScimError> {
        let read = RawPathParams::from_request_parts(parts, server).await;
        let params = read.map_err(|_| ScimError::not_found("resource"))?;
        let id = params.iter().next().map(|(_, id)| id.to_owned());
        id.map(Self).ok_or_else(|| ScimError::not_found("resource"))
    }
}

/// A body that is one JSON object, in which nothing is said twice.
pub(crate) struct Body(pub(crate) Map<String, Value>);

impl FromRequest<Server> for Body {
    type Rejection = ScimError;

    async fn from_request(request: Request, _: &Server) -> Result<Self, ScimError> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            let told = format!("A body is {MEDIA_TYPE} or application/json.");
            return Err(ScimError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, told));
        }
        let read: Result<Bytes, _> = to_bytes(body, LARGEST_PROVISIONING).await;
        let bytes = read.map_err(|_| too_large())?;
        let text = std::str::from_utf8(&bytes).ok();
        let object = text.and_then(jose::json_object);
        object.map(Self).ok_or_else(|| {
            let told = "A body is one object of JSON, in which nothing is said twice.";
            ScimError::of(ScimType::InvalidSyntax, told)
        })
    }
}

/// The body is larger than may be.
pub(crate) fn too_large() -> ScimError {
    let told = format!("A body has at most {LARGEST_PROVISIONING} bytes.");
    ScimError::new(StatusCode::PAYLOAD_TOO_LARGE, told)
}

/// `application/scim+json` or `application/json`, whatever its parameters say; and what says nothing.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    [MEDIA_TYPE, "application/json"]
        .iter()
        .any(|taken| kind.eq_ignore_ascii_case(taken))
}

/// What came of a request about one resource.
pub(crate) struct Outcome {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) body: Option<Value>,
}

impl Outcome {
    /// Done, and there is nothing to send.
    pub(crate) fn empty() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            location: None,
            etag: None,
            body: None,
        }
    }

    /// A resource, of which `projection` is sent.
    pub(crate) fn of(
        status: StatusCode,
        resource: Map<String, Value>,
        projection: &Projection,
    ) -> Self {
        let of_meta = |name: &str| {
            let value = resource.get("meta").and_then(|meta| meta.get(name));
            value.and_then(Value::as_str).map(str::to_owned)
        };
        Self {
            status,
            location: of_meta("location"),
            etag: of_meta("version"),
            body: Some(Value::Object(projection.of_resource(resource))),
        }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let mut response = match &self.body {
            Some(body) => answer(self.status, body),
            None => self.status.into_response(),
        };
        let made_at = self.location.filter(|_| self.status == StatusCode::CREATED);
        let headers = [(header::LOCATION, made_at), (header::ETAG, self.etag)];
        for (name, value) in headers {
            let value = value.and_then(|value| HeaderValue::try_from(value).ok());
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// What the server says where it can't go on.
pub(crate) fn of_failure(failure: crate::fault::Failure) -> ScimError {
    let problem = Problem::from(failure);
    let reason: Reason = problem.reason();
    ScimError::new(problem.status(), reason.entry().public)
}
