//! The one error of this library: what went wrong, what a user may read about it, what a developer can do.
//!
//! How an error looks on a page or in JSON is `axum/page.rs`'s concern.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use safeconduct_issuer::{Answer, Failure, FetchError, FetchErrorKind};
use safeconduct_protocol::{encoding, random};

use crate::sign_in::step_up::StepUp;

/// Something that kept a user from being signed in, or a token from being had.
///
/// Cheap to clone: one failure may be the answer to many waiting requests. `Display` and `Debug` are for logs and never
/// hold a secret; [`Error::public_message`] is for the user.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    reference: Arc<str>,
    detail: Arc<str>,
    oauth_error: Option<Arc<str>>,
    set_cookie: Option<Arc<str>>,
    step_up: Option<Arc<StepUp>>,
    /// In how many seconds the issuer is asked again at the earliest.
    retry_after: Option<i64>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What sort of failure it was. Each kind has one status, one sentence for users and one hint for developers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The app set this library up wrongly. [`Error`]'s `Display` says what to change.
    Configuration,
    /// The issuer did not answer in time, or the connection failed or broke off.
    IssuerUnreachable,
    /// The issuer answered that it cannot serve now (429 or 5xx).
    IssuerBusy,
    /// The issuer's metadata is missing, unreadable, names another issuer or an endpoint that is not https (RFC 8414 §3.3).
    IssuerMetadata,
    /// The callback's query is not an authorization response (RFC 6749 §4.1.2).
    CallbackMalformed,
    /// The answer's `state` belongs to no sign-in that is under way in this browser: it began in another one or was completed, the
    /// `state` is another, or the app was restarted with other session keys. The log says which.
    AttemptUnknown,
    /// The answer came more than ten minutes after the sign-in began.
    AttemptExpired,
    /// The answer to this sign-in was already used.
    AttemptUsed,
    /// The answer names another issuer than the one asked, or none where one is promised (RFC 9207 §2.4).
    IssuerMismatch,
    /// The user, or the server for them, said no (`access_denied`).
    AccessDenied,
    /// The server refused the authorization request for another reason; [`Error::oauth_error`] names it.
    AuthorizationRefused,
    /// The server cannot answer without asking the user, which `prompt=none` forbade (OpenID Connect Core §3.1.2.6).
    InteractionRequired,
    /// The server did not take the pushed authorization request, or gave no `request_uri` for it (RFC 9126 §2.2, §2.3).
    PushedRequest,
    /// The token endpoint refused; [`Error::oauth_error`] names the reason (RFC 6749 §5.2).
    TokenRefused,
    /// The token endpoint's answer breaks RFC 6749 §5.1.
    TokenResponse,
    /// The ID Token is missing, or is not what OpenID Connect Core §3.1.3.7 demands. No user was signed in with it.
    IdToken,
    /// The userinfo endpoint gave no answer about the user who signed in (OpenID Connect Core §5.3.2).
    UserInfo,
    /// The API wants a sign-in that is stronger or more recent (RFC 9470); [`Error::step_up`] says which.
    StepUpRequired,
    /// A sign-in that was to be stronger or more recent was not, or the API still wants one that is. Another round would not help.
    StepUpUnmet,
    /// Another user signed in than the one who was to step up. The session is as it was.
    AnotherUser,
    /// No user is signed in.
    SignInRequired,
    /// The session ran out, or what it rested on ended: at the server, or because refreshed tokens were of another sign-in.
    SessionEnded,
    /// A form was posted from somewhere else than this app, or from a page of an earlier session.
    CrossSite,
    /// The address belongs to no sign-out of the last ten minutes.
    LogoutUnknown,
    /// The logout token is not what OpenID Connect Back-Channel Logout §2.6 demands. No user was signed out.
    LogoutToken,
    /// The session store could not be read or written.
    SessionStore,
    /// What a session is to keep is more than it can hold.
    SessionTooLarge,
    /// The app asked to send a user's token to a URL outside the configured `resource`.
    ForeignApi,
    /// The API could not be reached, or broke off.
    ApiUnreachable,
    /// The API did not accept the access token, not even a new one (401).
    ApiUnauthorized,
    /// The access token does not allow this at the API (403).
    ApiForbidden,
    /// The API answered another failure, or something that could not be read.
    ApiFailed,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            reference: encoding::encode(&random::bytes::<6>()).into(),
            detail: detail.into().into(),
            oauth_error: None,
            set_cookie: None,
            step_up: None,
            retry_after: None,
            source: None,
        }
    }

    pub(crate) fn configuration(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, detail)
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn with_oauth_error(mut self, error: &str) -> Self {
        self.oauth_error = Some(error.into());
        self
    }

    pub(crate) fn with_step_up(mut self, asked: StepUp) -> Self {
        self.step_up = Some(Arc::new(asked));
        self
    }

    pub(crate) fn with_cookie(mut self, set_cookie: &str) -> Self {
        self.set_cookie = Some(set_cookie.into());
        self
    }

    /// Says for how long the issuer of `answer` wants to be left alone.
    pub(crate) fn after(mut self, answer: &Answer) -> Self {
        self.retry_after = answer.retry_after();
        self
    }

    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error code the server gave, such as `invalid_scope` (RFC 6749 §4.1.2.1, §5.2). Believed only from the right
    /// issuer and with a valid `state`.
    pub fn oauth_error(&self) -> Option<&str> {
        self.oauth_error.as_deref()
    }

    /// A short random name for this occurrence: shown to the user, written to the log.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// A `Set-Cookie` value to send along with this error, where it ends a sign-in attempt.
    pub fn set_cookie(&self) -> Option<&str> {
        self.set_cookie.as_deref()
    }

    /// What the API asks of a sign-in, where it asks ([`ErrorKind::StepUpRequired`]): for
    /// [`BeginOptions::step_up`](crate::BeginOptions::step_up).
    pub fn step_up(&self) -> Option<&StepUp> {
        self.step_up.as_deref()
    }

    /// A sentence that may be shown to anyone.
    pub fn public_message(&self) -> &'static str {
        self.kind.public_message()
    }

    /// What a developer or operator can do about it.
    pub fn hint(&self) -> &'static str {
        self.kind.hint()
    }

    /// Where this kind is documented.
    pub fn docs_url(&self) -> String {
        self.kind.docs_url()
    }
}

impl ErrorKind {
    /// The stable name of this kind, for logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "client-misconfigured",
            Self::IssuerUnreachable => "issuer-unreachable",
            Self::IssuerBusy => "issuer-busy",
            Self::IssuerMetadata => "issuer-metadata-invalid",
            Self::CallbackMalformed => "callback-malformed",
            Self::AttemptUnknown => "sign-in-unknown",
            Self::AttemptExpired => "sign-in-expired",
            Self::AttemptUsed => "sign-in-already-used",
            Self::IssuerMismatch => "issuer-mismatch",
            Self::AccessDenied => "access-denied",
            Self::AuthorizationRefused => "authorization-refused",
            Self::InteractionRequired => "interaction-required",
            Self::PushedRequest => "pushed-request-refused",
            Self::TokenRefused => "token-refused",
            Self::TokenResponse => "token-response-invalid",
            Self::IdToken => "id-token-invalid",
            Self::UserInfo => "userinfo-invalid",
            Self::StepUpRequired => "step-up-required",
            Self::StepUpUnmet => "step-up-unmet",
            Self::AnotherUser => "another-user",
            Self::SignInRequired => "sign-in-required",
            Self::SessionEnded => "session-ended",
            Self::CrossSite => "cross-site-form",
            Self::LogoutUnknown => "sign-out-unknown",
            Self::LogoutToken => "logout-token-invalid",
            Self::SessionStore => "session-store-failed",
            Self::SessionTooLarge => "session-too-large",
            Self::ForeignApi => "api-outside-resource",
            Self::ApiUnreachable => "api-unreachable",
            Self::ApiUnauthorized => "api-unauthorized",
            Self::ApiForbidden => "api-forbidden",
            Self::ApiFailed => "api-failed",
        }
    }

    /// The HTTP status this kind is answered with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Configuration | Self::ForeignApi | Self::SessionTooLarge => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::CallbackMalformed
            | Self::AttemptUnknown
            | Self::AttemptExpired
            | Self::AttemptUsed
            | Self::IssuerMismatch
            | Self::LogoutUnknown
            | Self::LogoutToken => StatusCode::BAD_REQUEST,
            Self::InteractionRequired
            | Self::SignInRequired
            | Self::SessionEnded
            | Self::StepUpRequired
            | Self::ApiUnauthorized => StatusCode::UNAUTHORIZED,
            Self::AccessDenied
            | Self::CrossSite
            | Self::StepUpUnmet
            | Self::AnotherUser
            | Self::ApiForbidden => StatusCode::FORBIDDEN,
            Self::IssuerUnreachable | Self::IssuerBusy | Self::SessionStore => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::IssuerMetadata
            | Self::AuthorizationRefused
            | Self::PushedRequest
            | Self::TokenRefused
            | Self::TokenResponse
            | Self::IdToken
            | Self::UserInfo
            | Self::ApiUnreachable
            | Self::ApiFailed => StatusCode::BAD_GATEWAY,
        }
    }

    fn public_message(self) -> &'static str {
        match self {
            Self::Configuration => "This app is not set up correctly.",
            Self::IssuerUnreachable => "The sign-in service cannot be reached.",
            Self::IssuerBusy => "That cannot be done at the moment. Try again shortly.",
            Self::IssuerMetadata => "The sign-in service is not set up correctly.",
            Self::CallbackMalformed => "This address is not the answer to a sign-in.",
            Self::AttemptUnknown => {
                "This answer belongs to no sign-in that is under way in this browser."
            }
            Self::AttemptExpired => "The sign-in took more than 10 minutes.",
            Self::AttemptUsed => "This sign-in was already completed.",
            Self::IssuerMismatch => {
                "The answer does not name the sign-in service that this app uses."
            }
            Self::AccessDenied => "The sign-in was not allowed, so nothing was shared.",
            Self::AuthorizationRefused | Self::PushedRequest => {
                "The sign-in service refused this app's request."
            }
            Self::InteractionRequired => "The sign-in service has to ask you something first.",
            Self::TokenRefused | Self::TokenResponse | Self::IdToken | Self::UserInfo => {
                "The sign-in could not be completed."
            }
            Self::StepUpRequired => "For this you have to sign in again.",
            Self::StepUpUnmet => "Your sign-in is not as strong or as recent as this needs.",
            Self::AnotherUser => {
                "Another account signed in than the one that is signed in here. Nothing has changed."
            }
            Self::SignInRequired => "You are not signed in.",
            Self::SessionEnded => "Your session has ended.",
            Self::CrossSite => "This form was not made for your session in this app.",
            Self::LogoutUnknown => "This is not the end of a sign-out of the last 10 minutes.",
            Self::LogoutToken => "The message was not believed, or came before.",
            Self::SessionStore => "The app cannot look up your session at the moment.",
            Self::SessionTooLarge => "The app cannot keep that much with your session.",
            Self::ForeignApi => "This app may not ask that service for your data.",
            Self::ApiUnreachable => "The service that holds your data cannot be reached.",
            Self::ApiUnauthorized => {
                "The service that holds your data did not accept your sign-in."
            }
            Self::ApiForbidden => "The service that holds your data does not allow that.",
            Self::ApiFailed => "The service that holds your data gave no usable answer.",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Configuration => "The log says what to change.",
            Self::IssuerUnreachable => {
                "Check that the issuer's URL is right and reachable from this machine."
            }
            Self::IssuerBusy => "Wait; the library tries again by itself, with growing pauses.",
            Self::IssuerMetadata => {
                "Compare the configured issuer with the `issuer` in its metadata, character by character."
            }
            Self::CallbackMalformed => "Nothing but the issuer should lead here.",
            Self::AttemptUnknown => {
                "Start again, and stay on one host name: localhost and 127.0.0.1 do not share cookies."
            }
            Self::AttemptExpired => "Start again.",
            Self::AttemptUsed => {
                "A reload or a double click sends an answer twice; only the first counts."
            }
            Self::IssuerMismatch => "Someone may be mixing up two issuers on purpose. Start again.",
            Self::AccessDenied => "Start again to choose differently.",
            Self::AuthorizationRefused => {
                "The log names the error; check scopes, resource and redirect_uri at the issuer."
            }
            Self::TokenRefused => {
                "The log names the error; invalid_client means the secret or the authentication method differs."
            }
            Self::InteractionRequired => "Begin a sign-in without `Prompt::None`.",
            Self::PushedRequest => {
                "The log names the error; check what this client may ask for, and that it authenticates as registered."
            }
            Self::TokenResponse => "The token endpoint must answer as RFC 6749 §5.1 says.",
            Self::IdToken => {
                "The log names the claim; compare issuer, client_id and the algorithm this client is registered with."
            }
            Self::UserInfo => {
                "The log says what came; the endpoint must answer JSON about the person of the ID Token."
            }
            Self::StepUpRequired => {
                "A page that is visited leads to that sign-in by itself; elsewhere begin one with `BeginOptions::step_up`."
            }
            Self::StepUpUnmet => {
                "Compare what the log says was asked with the `acr` and `auth_time` that the issuer gives, and with what the account has to sign in with."
            }
            Self::AnotherUser => "Sign out first to use another account.",
            Self::SignInRequired | Self::SessionEnded => "Sign in again.",
            Self::CrossSite => {
                "Post the form that `User::logout_form` makes, from a page of this app and of this session."
            }
            Self::LogoutUnknown => {
                "Nothing but the issuer should lead here, within ten minutes; sign out again to be sure."
            }
            Self::LogoutToken => {
                "The log names the claim; the issuer must send a logout token to this client and to no other."
            }
            Self::SessionStore => "Check the store's file or database; nobody was signed out.",
            Self::SessionTooLarge => {
                "Keep less with the session, or have the issuer put less into its tokens: 16 KiB is what it holds, sealed."
            }
            Self::ForeignApi => {
                "Call URLs under the `resource` the client was built with, or build another client."
            }
            Self::ApiUnreachable => "Check that the API runs and that its URL is right.",
            Self::ApiUnauthorized => {
                "Compare the API's audience and issuer with this client's resource and issuer."
            }
            Self::ApiForbidden => {
                "If the log names a scope, ask for it and sign in again; otherwise the API decides."
            }
            Self::ApiFailed => "The log holds the API's status.",
        }
    }

    fn docs_url(self) -> String {
        format!(
            "https://docs.rs/safeconduct-client/latest/safeconduct_client/enum.ErrorKind.html#variant.{self:?}"
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("detail", &self.detail)
            .field("oauth_error", &self.oauth_error)
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        let kind = match error.kind() {
            FetchErrorKind::NoTls => ErrorKind::Configuration,
            FetchErrorKind::Unreachable => ErrorKind::IssuerUnreachable,
            FetchErrorKind::Busy | FetchErrorKind::TooOften => ErrorKind::IssuerBusy,
            FetchErrorKind::Unusable | FetchErrorKind::NoKeys => ErrorKind::IssuerMetadata,
        };
        Self {
            retry_after: error.retry_after(),
            ..Self::new(kind, error.to_string())
        }
    }
}

impl Failure for Error {
    fn abandoned() -> Self {
        FetchError::abandoned().into()
    }

    fn retry_after(&self) -> Option<i64> {
        self.retry_after
    }

    fn with_retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}
