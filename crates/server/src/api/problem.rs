//! How the API says no: problem details (RFC 9457) with the names of the registry of refusals, whatever it is that refuses. Callers here have
//! proved who they are or are told to, so they read the detail that strangers never do, where it is about what they asked for.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use safeconduct_protocol::{
    administration,
    dpop::PROOF_ALGORITHMS,
    error::{ErrorCode, Reason, Refusal},
    registration::Finding,
    sent,
};
use safeconduct_store::StoreError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    administration::Refused, correlation::Correlation, fault::Failure, refusals::with_mark,
    respond, server::Server,
};

/// The longest detail that is told, in bytes.
const LONGEST_DETAIL: usize = 512;
/// The media type of problem details.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request is not done.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    refusal: Refusal,
    detail: Option<String>,
    errors: Vec<ValueProblem>,
    etag: Option<String>,
    scope: Option<&'static str>,
}

/// What is wrong with one member of the body or one parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ValueProblem {
    /// Where it is: a JSON pointer into the body (RFC 6901), or the name of a parameter.
    pub(crate) pointer: String,
    /// What is wrong with it.
    pub(crate) detail: String,
}

/// Problem details (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemDetails {
    /// The address of what this server says about problems of this kind.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What is wrong, and what to do.
    pub(crate) title: String,
    /// The status of the answer.
    #[schemars(range(min = 400, max = 599))]
    pub(crate) status: u16,
    /// What it is this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The path of the request.
    pub(crate) instance: String,
    /// What the log and the events know the request by.
    pub(crate) correlation_id: String,
    /// What is wrong with which value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<ValueProblem>,
}

impl Problem {
    /// One that its reason explains.
    pub(crate) fn new(reason: Reason) -> Self {
        Self {
            refusal: reason.into(),
            detail: None,
            errors: Vec::new(),
            etag: None,
            scope: None,
        }
    }

    /// The same with what it is this time, which the caller is told.
    #[must_use]
    pub(crate) fn saying(mut self, detail: impl AsRef<str>) -> Self {
        self.detail = Some(sent::plain(detail.as_ref(), LONGEST_DETAIL));
        self
    }

    /// A value that can't be used.
    pub(crate) fn of_value(pointer: impl Into<String>, detail: impl AsRef<str>) -> Self {
        let error = ValueProblem {
            pointer: pointer.into(),
            detail: sent::plain(detail.as_ref(), LONGEST_DETAIL),
        };
        Self {
            errors: vec![error],
            ..Self::new(Reason::ValueRefused)
        }
    }

    /// The same where a scope is needed, which the challenge names.
    #[must_use]
    pub(crate) fn needing(mut self, scope: &'static str) -> Self {
        self.scope = Some(scope);
        self
    }

    /// The same with the state that the thing is in now.
    #[must_use]
    pub(crate) fn with_etag(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Why.
    pub(crate) fn reason(&self) -> Reason {
        self.refusal.reason()
    }

    /// What the caller is told beside what the reason says.
    pub(crate) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        let reason = self.reason();
        match reason {
            Reason::AccessTokenMissing => StatusCode::UNAUTHORIZED,
            Reason::ThingNotFound => StatusCode::NOT_FOUND,
            Reason::InPersonOnly | Reason::ShellOnly | Reason::AdministratorsOnly => {
                StatusCode::FORBIDDEN
            }
            Reason::LastAdministrator
            | Reason::Conflict
            | Reason::KeyNeeded
            | Reason::RequestNotAnswered => StatusCode::CONFLICT,
            Reason::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Reason::MediaTypeUnsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::PreconditionMissing => StatusCode::PRECONDITION_REQUIRED,
            Reason::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            _ => match reason.entry().error {
                ErrorCode::InvalidToken
                | ErrorCode::InvalidDpopProof
                | ErrorCode::UseDpopNonce
                | ErrorCode::InsufficientUserAuthentication => StatusCode::UNAUTHORIZED,
                ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
                _ => respond::status(reason),
            },
        }
    }

    /// What the answer says beside its body: challenges, the current state, when to come again.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let status = self.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let challenges = self.challenges().into_iter();
            for value in challenges.filter_map(|text| HeaderValue::try_from(text).ok()) {
                headers.append(header::WWW_AUTHENTICATE, value);
            }
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        let etag = self.etag.as_deref();
        if let Some(etag) = etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            headers.insert(header::ETAG, etag);
        }
        headers
    }

    /// One for each scheme (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3). A request without a token is told only how to send one.
    fn challenges(&self) -> Vec<String> {
        let algorithms: Vec<&str> = PROOF_ALGORITHMS.iter().map(|alg| alg.name()).collect();
        let dpop = format!("DPoP algs=\"{}\"", algorithms.join(" "));
        let scope = self.scope.map(|scope| format!("scope=\"{scope}\""));
        let (error, public) = (self.refusal.error(), self.refusal.public());
        let error_of = |error: ErrorCode| {
            let code = error.as_str();
            format!("error=\"{code}\", error_description=\"{public}\"")
        };
        let with = |scheme: &str, parts: Vec<String>| match parts.is_empty() {
            true => scheme.to_owned(),
            false if scheme == "Bearer" => format!("{scheme} {}", parts.join(", ")),
            false => format!("{scheme}, {}", parts.join(", ")),
        };
        let both = |parts: Vec<String>| vec![with("Bearer", parts.clone()), with(&dpop, parts)];
        match error {
            _ if self.reason() == Reason::AccessTokenMissing => both(scope.into_iter().collect()),
            ErrorCode::InvalidToken => both(vec![error_of(error)]),
            ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce => {
                vec!["Bearer".to_owned(), with(&dpop, vec![error_of(error)])]
            }
            ErrorCode::InsufficientScope => {
                both([error_of(error)].into_iter().chain(scope).collect())
            }
            ErrorCode::InsufficientUserAuthentication => both(vec![
                error_of(error),
                "acr_values=\"mfa\"".to_owned(),
                format!("max_age=\"{}\"", administration::FRESH),
            ]),
            _ => Vec::new(),
        }
    }

    /// The answer to a request.
    pub(crate) fn answer(&self, server: &Server, request: &Request) -> Response {
        let correlation = Correlation::of(request.extensions());
        self.answer_at(server, request.uri(), &correlation)
    }

    /// The answer to a request to `uri`.
    pub(crate) fn answer_at(
        &self,
        server: &Server,
        uri: &Uri,
        correlation: &Correlation,
    ) -> Response {
        tracing::info!(
            refusal = self.reason().name(),
            detail = self.refusal.detail().or(self.detail()),
            "refused"
        );
        let issuer = server.settings().issuer.as_str();
        let details = ProblemDetails {
            kind: format!("{issuer}/errors/{}", self.reason().name()),
            title: self.refusal.public().to_owned(),
            status: self.status().as_u16(),
            detail: self.detail.clone(),
            instance: uri.path().to_owned(),
            correlation_id: correlation.to_string(),
            errors: self.errors.clone(),
        };
        let body = serde_json::to_string(&details).unwrap_or_default();
        let content_type = [(header::CONTENT_TYPE, PROBLEM_JSON)];
        let response = (self.status(), self.headers(), content_type, body).into_response();
        let detail = self.refusal.detail().or(self.detail());
        with_mark(response, self.reason(), detail)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let mut problem = Self::new(refusal.reason());
        problem.refusal = refusal;
        problem
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        failure.into_refusal().into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Failure::from(error).into()
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let said = refused.to_string();
        let reason = match refused {
            Refused::Fault(fault) => return Failure::from(fault).into(),
            Refused::Unreadable(_) => {
                tracing::error!(detail = said, "a fault of ours");
                return Self::new(Reason::Fault);
            }
            Refused::Registration(findings) => return Self::from(findings.as_slice()),
            Refused::NoClient(_)
            | Refused::NoUser(_)
            | Refused::NoGroup(_)
            | Refused::NoSession(_)
            | Refused::NoGrant(_)
            | Refused::NoConsent { .. }
            | Refused::NoDelivery(_)
            | Refused::NoSuchSecret { .. }
            | Refused::NoReceiver(_)
            | Refused::NoSecondFactor(_)
            | Refused::NoPasskey { .. }
            | Refused::NoKey(_)
            | Refused::NoAdministrator(_) => Reason::ThingNotFound,
            Refused::Locked(_)
            | Refused::HasPassword(_)
            | Refused::ClientTaken(_)
            | Refused::UserTaken(_)
            | Refused::AddressTaken { .. }
            | Refused::GroupTaken(_)
            | Refused::GroupReserved(_)
            | Refused::GroupDeclared(_)
            | Refused::Declared(_)
            | Refused::NoSecret { .. }
            | Refused::TwoSecrets(_)
            | Refused::LastSecret(_)
            | Refused::Raced(_) => Reason::Conflict,
            Refused::Unfit(_) | Refused::Password(_) => Reason::ValueRefused,
            Refused::KeyNeeded { .. } => Reason::KeyNeeded,
            Refused::Changed(_) => Reason::PreconditionFailed,
            Refused::InPersonOnly(_) => Reason::InPersonOnly,
            Refused::ShellOnly(_) => Reason::ShellOnly,
            Refused::LastAdministrator(_) => Reason::LastAdministrator,
        };
        Self::new(reason).saying(said)
    }
}

/// What is wrong with a registration, member by member.
impl From<&[Finding]> for Problem {
    fn from(findings: &[Finding]) -> Self {
        let errors = findings.iter().map(|finding| ValueProblem {
            pointer: match finding.item {
                Some(item) => format!("/{}/{item}", finding.member),
                None => format!("/{}", finding.member),
            },
            detail: sent::plain(&finding.to_string(), LONGEST_DETAIL),
        });
        Self {
            errors: errors.collect(),
            ..Self::new(Reason::ValueRefused)
        }
    }
}
