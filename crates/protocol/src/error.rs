//! The registry of refusals: every way this server says no, with its stable name, the RFC's error code, the section it
//! rests on and a public sentence that says what to do. How a refusal becomes a status, a page or a redirect is the server's.

use std::fmt;

use crate::sent;

/// The longest private detail, in bytes.
const LONGEST_DETAIL: usize = 512;

/// An error code of the specifications, as it is sent in `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// RFC 6749 §4.1.2.1: the user or the server said no.
    AccessDenied,
    /// RFC 6749 §5.2: client authentication failed.
    InvalidClient,
    /// RFC 6749 §5.2: the code or refresh token is not (or no longer) good.
    InvalidGrant,
    /// RFC 6749 §4.1.2.1, §5.2: a parameter is missing, repeated or malformed.
    InvalidRequest,
    /// RFC 6749 §5.2: a scope is unknown or more than is allowed.
    InvalidScope,
    /// RFC 8707 §2: the resource is unknown, malformed or not allowed.
    InvalidTarget,
    /// OpenID Connect Core §3.1.2.6: `request` is not supported.
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6: `request_uri` is not supported.
    RequestUriNotSupported,
    /// RFC 6749 §4.1.2.1: a fault of ours.
    ServerError,
    /// RFC 6749 §4.1.2.1: try again later.
    TemporarilyUnavailable,
    /// RFC 6749 §5.2: the client may not use this grant type.
    UnauthorizedClient,
    /// RFC 6749 §5.2: no such grant type here.
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1: no such response type here.
    UnsupportedResponseType,
    /// OpenID Connect Core §3.1.2.6: nobody is signed in, and the request forbids to ask.
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6: the user was not asked, and the request forbids it.
    ConsentRequired,
    /// OpenID Connect Core Unmet Authentication Requirements §2: no essential `acr` can be met.
    UnmetAuthenticationRequirements,
    /// OpenID Connect Core §3.1.2.6: `request_uri` is not (or no longer) good.
    InvalidRequestUri,
    /// RFC 6750 §3.1: the access token is not good here.
    InvalidToken,
    /// RFC 6750 §3.1: the access token lacks a scope.
    InsufficientScope,
    /// RFC 9470 §3: who the token is about proved too little of who they are, or too long ago.
    InsufficientUserAuthentication,
    /// RFC 9449 §5: the DPoP proof is missing or not valid.
    InvalidDpopProof,
    /// RFC 9449 §8: the proof needs a nonce of ours.
    UseDpopNonce,
}

impl ErrorCode {
    /// The code as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }
}

/// One entry of the registry.
#[derive(Debug)]
pub struct Entry {
    /// Which refusal this is.
    pub reason: Reason,
    /// The stable name, kebab-case: in logs, in `#error-code` on pages, in the errors reference.
    pub name: &'static str,
    /// The RFC's error code.
    pub error: ErrorCode,
    /// Where the rule stands.
    pub spec: &'static str,
    /// What a stranger may read: what is wrong and what to do. ASCII without `"` and `\` (RFC 6749 §5.2), and no word of what we know.
    pub public: &'static str,
}

/// Why a request is refused. Each has an [`Entry`] and a paragraph in the errors reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the registry below says what each one means")]
pub enum Reason {
    RequestMalformed,
    RequestTooLarge,
    ParameterRepeated,
    MethodNotAllowed,
    FormReopened,
    ContentTypeUnsupported,
    TransferCodingUnsupported,
    BodyMalformed,
    BodyTooSlow,
    NotFound,
    HostMalformed,
    HostUnexpected,
    SpeculativeRequest,
    ClientIdMissing,
    ClientUnknown,
    ClientDisabled,
    RedirectUriMissing,
    RedirectUriNotRegistered,
    ResponseTypeMissing,
    ResponseTypeUnsupported,
    ResponseModeUnsupported,
    RequestObjectUnsupported,
    RequestUriUnsupported,
    PushedRequestRequired,
    PushedRequestNotRecognised,
    PushedRequestExpired,
    PushedRequestUsed,
    RequestUriInPushedRequest,
    StateTooLong,
    NonceTooLong,
    PromptMalformed,
    MaxAgeMalformed,
    ClaimsMalformed,
    IdTokenHintRefused,
    LoginRequired,
    SubjectsContradict,
    ConsentRequired,
    AcrUnmet,
    CodeChallengeMissing,
    CodeChallengeMalformed,
    CodeChallengeMethodUnsupported,
    ScopeMissing,
    ScopeMalformed,
    ScopeNotRegistered,
    ScopeNeedsAPerson,
    ScopeNoneOfItsOwn,
    OpenIdNotRegistered,
    ScopeExceedsGrant,
    ResourceUnknown,
    ResourceNotAllowed,
    ResourceRepeated,
    ResourceAmbiguous,
    ResourceExceedsGrant,
    PendingRequestNotRecognised,
    PendingRequestExpired,
    PendingRequestWithoutCookie,
    PendingRequestFromAnotherBrowser,
    PendingRequestFromAnotherSession,
    PendingRequestSignedOut,
    PendingRequestNotDue,
    CrossSiteForm,
    FormOriginUnknown,
    SignOutFormStale,
    ConsentDenied,
    DecisionMissing,
    CredentialsInQuery,
    ClientAuthenticationMissing,
    ClientAuthenticationRepeated,
    ClientIdDiffers,
    ClientAuthenticationMalformed,
    ClientAssertionTypeUnsupported,
    ClientAuthenticationMethod,
    ClientAuthenticationFailed,
    ClientAssertionRefused,
    ClientAssertionReplayed,
    GrantTypeMissing,
    GrantTypeUnsupported,
    GrantTypeNotAllowed,
    CodeMissing,
    CodeNotRecognised,
    CodeExpired,
    CodeNotYetValid,
    CodeOfAnotherClient,
    CodeOfAnotherKey,
    CodeRedeemed,
    CodeSuperseded,
    RedirectUriChanged,
    CodeVerifierMissing,
    CodeVerifierMalformed,
    CodeVerifierWrong,
    CodeVerifierUnexpected,
    GrantEnded,
    RefreshTokenMissing,
    RefreshTokenNotRecognised,
    RefreshTokenExpired,
    RefreshTokenOfAnotherClient,
    RefreshTokenOfAnotherKey,
    RefreshTokenReused,
    RefreshTokenRetriedLate,
    RefreshTokenShared,
    RefreshTokenFromLostHistory,
    PublicClient,
    IntrospectionWithoutCredentials,
    DpopJktMalformed,
    DpopProofMissing,
    DpopProofRefused,
    DpopProofReplayed,
    DpopNonceRequired,
    TokenMissing,
    EventCursorNotRecognised,
    EventPollMalformed,
    EventPollNotAllowed,
    TokenOfAnotherClient,
    AccessTokenMissing,
    AccessTokenRepeated,
    AccessTokenRefused,
    ScopeInsufficient,
    PostLogoutRedirectUriNotRegistered,
    LogoutClientNotProven,
    SessionCookieUnusable,
    PasswordTooShort,
    PasswordTooLong,
    PasswordNotTypeable,
    PasswordCommon,
    PasswordGuessable,
    LinkNotRecognised,
    LinkExpired,
    LinkUsed,
    LinkOfAnotherUser,
    AddressTaken,
    RegistrationClosed,
    AdministratorsOnly,
    UserNotAdmitted,
    ScopeWithheld,
    AdministratorNoLonger,
    AdministrationScopeMissing,
    AuthenticationTooOld,
    InPersonOnly,
    ShellOnly,
    LastAdministrator,
    ThingNotFound,
    ValueRefused,
    MediaTypeUnsupported,
    Conflict,
    KeyNeeded,
    PreconditionMissing,
    PreconditionFailed,
    CursorRefused,
    IdempotencyKeyReused,
    RequestNotAnswered,
    TooManyAttempts,
    Overloaded,
    AnswerTooSlow,
    StoreUnavailable,
    StoreRewound,
    MasterKeyMissing,
    ClockNotBelieved,
    Fault,
}

use ErrorCode::{
    AccessDenied, ConsentRequired, InsufficientScope, InsufficientUserAuthentication,
    InvalidClient, InvalidDpopProof, InvalidGrant, InvalidRequest, InvalidRequestUri, InvalidScope,
    InvalidTarget, InvalidToken, LoginRequired, RequestNotSupported, RequestUriNotSupported,
    ServerError, TemporarilyUnavailable, UnauthorizedClient, UnmetAuthenticationRequirements,
    UnsupportedGrantType, UnsupportedResponseType, UseDpopNonce,
};

const fn entry(
    reason: Reason,
    name: &'static str,
    error: ErrorCode,
    spec: &'static str,
    public: &'static str,
) -> Entry {
    Entry {
        reason,
        name,
        error,
        spec,
        public,
    }
}

/// Every refusal, in the order of [`Reason`].
#[rustfmt::skip]
pub static REGISTRY: [Entry; Reason::Fault as usize + 1] = [
    entry(Reason::RequestMalformed, "request-malformed", InvalidRequest, "RFC 6749 Appendix B", "The request could not be read. Send parameters as application/x-www-form-urlencoded UTF-8 without control characters."),
    entry(Reason::RequestTooLarge, "request-too-large", InvalidRequest, "RFC 6749 §4.1.2.1", "The request is larger than this server accepts. Send fewer or shorter parameters."),
    entry(Reason::ParameterRepeated, "parameter-repeated", InvalidRequest, "RFC 6749 §3.1", "A parameter was sent more than once. Send each parameter once."),
    entry(Reason::MethodNotAllowed, "method-not-allowed", InvalidRequest, "RFC 9110 §15.5.6", "This address does not answer that method. See the Allow header."),
    entry(Reason::FormReopened, "form-reopened", InvalidRequest, "RFC 9110 §15.5.6", "This page was part of a sign-in or sign-out and can't be opened again by its address. Go back to the app and start again."),
    entry(Reason::ContentTypeUnsupported, "content-type-unsupported", InvalidRequest, "RFC 6749 §4.1.3", "Send the body as application/x-www-form-urlencoded."),
    entry(Reason::TransferCodingUnsupported, "transfer-coding-unsupported", InvalidRequest, "RFC 9112 §6.1", "The body is in a transfer coding that this server does not read. Send it by its length, or chunked alone."),
    entry(Reason::BodyMalformed, "body-malformed", InvalidRequest, "RFC 9112 §7.1", "The body ended before it was whole, or is not framed as HTTP/1.1 says. Send it again."),
    entry(Reason::BodyTooSlow, "body-too-slow", InvalidRequest, "RFC 9110 §15.5.9", "The body did not arrive in time. Send it again."),
    entry(Reason::NotFound, "not-found", InvalidRequest, "RFC 9110 §15.5.5", "There is nothing at this address."),
    entry(Reason::HostMalformed, "host-malformed", InvalidRequest, "RFC 9112 §3.2", "A request names its host once, in one Host header. Send one."),
    entry(Reason::HostUnexpected, "host-unexpected", InvalidRequest, "RFC 9110 §15.5.20", "This server does not go by the name that was asked for. A proxy in front of it must pass the Host header on; whoever calls it uses its issuer URL."),
    entry(Reason::SpeculativeRequest, "speculative-request", InvalidRequest, "Fetch §3.2.6", "A browser asked for this address before anybody opened it. Open it, and it is answered."),
    entry(Reason::ClientIdMissing, "client-id-missing", InvalidRequest, "RFC 6749 §4.1.1", "The app did not say who it is (client_id). Go back to the app and try again."),
    entry(Reason::ClientUnknown, "client-unknown", InvalidRequest, "RFC 6749 §4.1.2.1", "The app is not registered here. Go back to the app and try again; if it keeps happening, tell the app's owner."),
    entry(Reason::ClientDisabled, "client-disabled", InvalidRequest, "RFC 6749 §4.1.2.1", "The app is not registered here. Go back to the app and try again; if it keeps happening, tell the app's owner."),
    entry(Reason::RedirectUriMissing, "redirect-uri-missing", InvalidRequest, "OAuth 2.1 §4.1.1", "The app did not say where to return to (redirect_uri). Go back to the app and try again."),
    entry(Reason::RedirectUriNotRegistered, "redirect-uri-not-registered", InvalidRequest, "RFC 6749 §3.1.2.4", "The app asked to return to an address that is not registered for it. Go back to the app and try again; if it keeps happening, tell the app's owner."),
    entry(Reason::ResponseTypeMissing, "response-type-missing", InvalidRequest, "RFC 6749 §3.1.1", "response_type is missing. Send response_type=code."),
    entry(Reason::ResponseTypeUnsupported, "response-type-unsupported", UnsupportedResponseType, "RFC 9700 §2.1.2", "Only response_type=code is supported."),
    entry(Reason::ResponseModeUnsupported, "response-mode-unsupported", InvalidRequest, "OAuth 2.0 Multiple Response Types §2.1", "This client may not ask for that response_mode. Send one that it is registered for, or none."),
    entry(Reason::RequestObjectUnsupported, "request-object-unsupported", RequestNotSupported, "RFC 9101 §7", "Request objects (request) are not supported. Send the parameters themselves."),
    entry(Reason::RequestUriUnsupported, "request-uri-unsupported", RequestUriNotSupported, "RFC 9101 §7", "Only a request_uri that was pushed here is supported. Push the parameters, or send them themselves."),
    entry(Reason::PushedRequestRequired, "pushed-request-required", InvalidRequest, "RFC 9126 §5", "This client must push its authorization request first. Post the parameters to the pushed authorization request endpoint."),
    entry(Reason::PushedRequestNotRecognised, "pushed-request-not-recognised", InvalidRequestUri, "RFC 9126 §4", "The app's request is none that this server knows from that app. Go back to the app and start again."),
    entry(Reason::PushedRequestExpired, "pushed-request-expired", InvalidRequestUri, "RFC 9126 §2.2", "The app's request is too old. Go back to the app and start again."),
    entry(Reason::PushedRequestUsed, "pushed-request-used", InvalidRequestUri, "RFC 9126 §7.3", "The app's request was answered before. Go back to the app and start again."),
    entry(Reason::RequestUriInPushedRequest, "request-uri-in-pushed-request", InvalidRequest, "RFC 9126 §2.1", "A pushed request must not hold request_uri. Post the parameters themselves."),
    entry(Reason::StateTooLong, "state-too-long", InvalidRequest, "RFC 6749 §4.1.1", "state takes more than 4096 bytes in a URL. Keep the long part in the app and send its name."),
    entry(Reason::NonceTooLong, "nonce-too-long", InvalidRequest, "OpenID Connect Core §3.1.2.1", "nonce takes more than 512 bytes in a URL."),
    entry(Reason::PromptMalformed, "prompt-malformed", InvalidRequest, "OpenID Connect Core §3.1.2.1", "prompt is not a list of none, login, consent, select_account and, where people may sign up, create; or none or create stands beside another."),
    entry(Reason::MaxAgeMalformed, "max-age-malformed", InvalidRequest, "OpenID Connect Core §3.1.2.1", "max_age is not a number of seconds, in digits alone."),
    entry(Reason::ClaimsMalformed, "claims-malformed", InvalidRequest, "OpenID Connect Core §5.5", "claims is not JSON as OpenID Connect Core 5.5 has it, is longer than 2048 bytes, or demands what nobody can have."),
    entry(Reason::IdTokenHintRefused, "id-token-hint-refused", InvalidRequest, "OpenID Connect Core §3.1.2.1", "id_token_hint is not an ID Token that this server knows to have issued to this client."),
    entry(Reason::LoginRequired, "login-required", LoginRequired, "OpenID Connect Core §3.1.2.6", "The person has to sign in for this, and the request did not allow it or asked for another person."),
    entry(Reason::SubjectsContradict, "subjects-contradict", LoginRequired, "OpenID Connect Core §3.1.2.6", "id_token_hint and claims name two persons. Name one."),
    entry(Reason::ConsentRequired, "consent-required", ConsentRequired, "OpenID Connect Core §3.1.2.6", "The person has to be asked for this, and the request did not allow it."),
    entry(Reason::AcrUnmet, "acr-unmet", UnmetAuthenticationRequirements, "OpenID Connect Core Unmet Authentication Requirements §2", "None of the authentication contexts that are essential for this request can be met here."),
    entry(Reason::CodeChallengeMissing, "code-challenge-missing", InvalidRequest, "OAuth 2.1 §4.1.1", "code_challenge is missing. Use PKCE: send it, and code_challenge_method=S256."),
    entry(Reason::CodeChallengeMalformed, "code-challenge-malformed", InvalidRequest, "RFC 7636 §4.2", "code_challenge is not the base64url SHA-256 of a verifier (43 characters, no padding)."),
    entry(Reason::CodeChallengeMethodUnsupported, "code-challenge-method-unsupported", InvalidRequest, "RFC 7636 §4.4.1", "Only code_challenge_method=S256 is supported, and it must be sent."),
    entry(Reason::ScopeMissing, "scope-missing", InvalidScope, "RFC 6749 §3.3", "scope is missing. Name what the app needs."),
    entry(Reason::ScopeMalformed, "scope-malformed", InvalidScope, "RFC 6749 §3.3", "scope is not a space-delimited list of at most 100 scope names."),
    entry(Reason::ScopeNotRegistered, "scope-not-registered", InvalidScope, "RFC 6749 §3.3", "None of the requested scopes is registered for this client. Ask for scopes that it is registered for: openid to sign somebody in."),
    entry(Reason::ScopeNeedsAPerson, "scope-needs-a-person", InvalidScope, "OpenID Connect Core §11", "Only a person can give the requested scopes that this client is registered for. A client does not get them for itself."),
    entry(Reason::ScopeNoneOfItsOwn, "scope-none-of-its-own", InvalidScope, "RFC 6749 §3.3", "No scope is registered for this client that it can have for itself. Register one for it."),
    entry(Reason::OpenIdNotRegistered, "openid-not-registered", InvalidScope, "OpenID Connect Core §3.1.2.1", "openid is not registered for this client, so it would get no ID Token. Register openid for it, or do not ask for it."),
    entry(Reason::ScopeExceedsGrant, "scope-exceeds-grant", InvalidScope, "RFC 6749 §6", "A requested scope was not granted. Ask for the granted scopes or fewer."),
    entry(Reason::ResourceUnknown, "resource-unknown", InvalidTarget, "RFC 8707 §2", "resource is not an API this server issues tokens for. Send the API's URI exactly as registered: a trailing slash counts."),
    entry(Reason::ResourceNotAllowed, "resource-not-allowed", InvalidTarget, "RFC 8707 §2", "The requested scopes do not belong to this resource. Ask for one API at a time."),
    entry(Reason::ResourceRepeated, "resource-repeated", InvalidTarget, "RFC 8707 §2", "resource was sent more than once. A token is for one API: send one."),
    entry(Reason::ResourceAmbiguous, "resource-ambiguous", InvalidTarget, "RFC 8707 §2", "The requested scopes do not belong to exactly one API. Send resource, and ask for one API at a time."),
    entry(Reason::ResourceExceedsGrant, "resource-exceeds-grant", InvalidTarget, "RFC 8707 §2.2", "resource is not the API that was granted."),
    entry(Reason::PendingRequestNotRecognised, "pending-request-not-recognised", InvalidRequest, "RFC 9700 §4.7", "This page is none that this server knows, or too old to be read. Go back to the app and start again."),
    entry(Reason::PendingRequestExpired, "pending-request-expired", InvalidRequest, "RFC 9700 §4.7", "This sign-in was started too long ago. Go back to the app and start again."),
    entry(Reason::PendingRequestWithoutCookie, "pending-request-without-cookie", InvalidRequest, "RFC 9700 §4.7", "This browser did not send the cookie that the sign-in began with: it was started elsewhere, the browser was closed, or it keeps no cookies. Go back to the app and start again."),
    entry(Reason::PendingRequestFromAnotherBrowser, "pending-request-from-another-browser", InvalidRequest, "RFC 9700 §4.7", "This sign-in was started in another browser, or before this browser's cookies were deleted. Go back to the app and start again."),
    entry(Reason::PendingRequestFromAnotherSession, "pending-request-from-another-session", InvalidRequest, "RFC 9700 §4.7", "There was another sign-in in this browser since this page was shown. Go back to the app and start again."),
    entry(Reason::PendingRequestSignedOut, "pending-request-signed-out", InvalidRequest, "RFC 9700 §4.7", "You are not signed in here any more. Go back to the app and start again."),
    entry(Reason::PendingRequestNotDue, "pending-request-not-due", InvalidRequest, "RFC 9700 §4.7", "The sign-in is at another step than this page. Go back to the app and start again."),
    entry(Reason::CrossSiteForm, "cross-site-form", InvalidRequest, "RFC 6749 §10.12", "The form was sent from another site. Go back to the app and start again."),
    entry(Reason::FormOriginUnknown, "form-origin-unknown", InvalidRequest, "RFC 6749 §10.12", "The browser did not say from where the form was sent. Go back to the app and start again, in another browser if this one keeps that to itself."),
    entry(Reason::SignOutFormStale, "sign-out-form-stale", InvalidRequest, "RFC 6749 §10.12", "This page was made for another sign-in than the one that is here now. Open the sign-out page again."),
    entry(Reason::ConsentDenied, "consent-denied", AccessDenied, "RFC 6749 §4.1.2.1", "The person did not allow the app."),
    entry(Reason::DecisionMissing, "decision-missing", InvalidRequest, "RFC 6749 §4.1.1", "The form said neither allow nor deny. Go back to the app and start again."),
    entry(Reason::CredentialsInQuery, "credentials-in-query", InvalidRequest, "RFC 6749 §2.3.1", "Parameters were sent in the URL. Send them in the body."),
    entry(Reason::ClientAuthenticationMissing, "client-authentication-missing", InvalidClient, "RFC 6749 §3.2.1", "The client did not authenticate. Send its credentials the way it is registered."),
    entry(Reason::ClientAuthenticationRepeated, "client-authentication-repeated", InvalidRequest, "RFC 6749 §2.3", "The client authenticated more than once. Use one way, once."),
    entry(Reason::ClientIdDiffers, "client-id-differs", InvalidRequest, "RFC 6749 §2.3", "client_id is not the client that the Authorization header names. Send the same in both, or leave it out."),
    entry(Reason::ClientAuthenticationMalformed, "client-authentication-malformed", InvalidClient, "RFC 6749 §2.3.1", "The client's credentials could not be read. Form-encode id and secret, join them with a colon, then base64."),
    entry(Reason::ClientAssertionTypeUnsupported, "client-assertion-type-unsupported", InvalidClient, "RFC 7521 §4.2", "An assertion needs its type. Send client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer."),
    entry(Reason::ClientAuthenticationMethod, "client-authentication-method", InvalidClient, "RFC 6749 §2.3", "Client authentication failed. Check the id, the credentials and the registered method."),
    entry(Reason::ClientAuthenticationFailed, "client-authentication-failed", InvalidClient, "RFC 6749 §5.2", "Client authentication failed. Check the id, the credentials and the registered method."),
    entry(Reason::ClientAssertionRefused, "client-assertion-refused", InvalidClient, "RFC 7523 §3", "Client authentication failed. Check the assertion: iss and sub are the client, signed with a registered key, aud is the issuer, a jti, at most 5 minutes of life."),
    entry(Reason::ClientAssertionReplayed, "client-assertion-replayed", InvalidClient, "RFC 7523 §3", "This client assertion was used before. Make a new one for every request."),
    entry(Reason::GrantTypeMissing, "grant-type-missing", InvalidRequest, "RFC 6749 §4.1.3", "grant_type is missing."),
    entry(Reason::GrantTypeUnsupported, "grant-type-unsupported", UnsupportedGrantType, "RFC 6749 §5.2", "Supported grant types are authorization_code, refresh_token and client_credentials."),
    entry(Reason::GrantTypeNotAllowed, "grant-type-not-allowed", UnauthorizedClient, "RFC 6749 §5.2", "This client is not registered for this grant type."),
    entry(Reason::CodeMissing, "code-missing", InvalidRequest, "RFC 6749 §4.1.3", "code is missing."),
    entry(Reason::CodeNotRecognised, "code-not-recognised", InvalidGrant, "RFC 6749 §5.2", "The code is none that this server knows. Start the sign-in again."),
    entry(Reason::CodeExpired, "code-expired", InvalidGrant, "RFC 6749 §4.1.2", "The code has expired. Start the sign-in again."),
    entry(Reason::CodeNotYetValid, "code-not-yet-valid", InvalidGrant, "RFC 6749 §4.1.2", "The code was issued at a time that this server has not reached. Start the sign-in again."),
    entry(Reason::CodeOfAnotherClient, "code-of-another-client", InvalidGrant, "RFC 6749 §4.1.3", "The code was not issued to this client."),
    entry(Reason::CodeOfAnotherKey, "code-of-another-key", InvalidGrant, "RFC 9449 §10", "The code is bound to a key that the DPoP proof does not prove. Prove the key that the sign-in was started with."),
    entry(Reason::CodeRedeemed, "code-redeemed", InvalidGrant, "RFC 6749 §4.1.2", "The code was used before. What it had bought is revoked; start the sign-in again."),
    entry(Reason::CodeSuperseded, "code-superseded", InvalidGrant, "RFC 6749 §4.1.2", "Another code of the same sign-in was used. Start the sign-in again."),
    entry(Reason::RedirectUriChanged, "redirect-uri-changed", InvalidGrant, "RFC 6749 §4.1.3", "redirect_uri is missing or not the one the sign-in was started with. Send the same string."),
    entry(Reason::CodeVerifierMissing, "code-verifier-missing", InvalidGrant, "RFC 7636 §4.6", "code_verifier is missing. Send the verifier of the challenge."),
    entry(Reason::CodeVerifierMalformed, "code-verifier-malformed", InvalidGrant, "RFC 7636 §4.1", "code_verifier is not 43 to 128 unreserved characters."),
    entry(Reason::CodeVerifierWrong, "code-verifier-wrong", InvalidGrant, "RFC 7636 §4.6", "code_verifier does not match the challenge."),
    entry(Reason::CodeVerifierUnexpected, "code-verifier-unexpected", InvalidGrant, "RFC 9700 §4.8.2", "code_verifier was sent, but the sign-in was started without code_challenge."),
    entry(Reason::GrantEnded, "grant-ended", InvalidGrant, "RFC 6749 §5.2", "What was granted has ended. Start the sign-in again."),
    entry(Reason::RefreshTokenMissing, "refresh-token-missing", InvalidRequest, "RFC 6749 §6", "refresh_token is missing."),
    entry(Reason::RefreshTokenNotRecognised, "refresh-token-not-recognised", InvalidGrant, "RFC 6749 §5.2", "The refresh token is none that this server knows. Start the sign-in again."),
    entry(Reason::RefreshTokenExpired, "refresh-token-expired", InvalidGrant, "RFC 6749 §5.2", "The refresh token has expired. Start the sign-in again."),
    entry(Reason::RefreshTokenOfAnotherClient, "refresh-token-of-another-client", InvalidGrant, "RFC 6749 §6", "The refresh token was not issued to this client."),
    entry(Reason::RefreshTokenOfAnotherKey, "refresh-token-of-another-key", InvalidGrant, "RFC 9449 §5", "The DPoP proof must be of the key that this refresh token was issued for. A token that was issued without a key takes none."),
    entry(Reason::RefreshTokenReused, "refresh-token-reused", InvalidGrant, "RFC 9700 §4.14.2", "The refresh token was replaced and used before. The grant is revoked; start the sign-in again."),
    entry(Reason::RefreshTokenRetriedLate, "refresh-token-retried-late", InvalidGrant, "RFC 9700 §4.14.2", "The refresh token was replaced too long ago to be given its successor again. The grant is revoked; start the sign-in again."),
    entry(Reason::RefreshTokenShared, "refresh-token-shared", InvalidGrant, "RFC 9700 §4.14.2", "The refresh token seems to be used by two holders. The grant is revoked; start the sign-in again."),
    entry(Reason::RefreshTokenFromLostHistory, "refresh-token-from-lost-history", InvalidGrant, "RFC 6749 §5.2", "The refresh token is not known here. Start the sign-in again."),
    entry(Reason::PublicClient, "public-client", UnauthorizedClient, "RFC 6749 §4.4", "A client without credentials can't use this. Register it with a secret or a key."),
    entry(Reason::IntrospectionWithoutCredentials, "introspection-without-credentials", InvalidClient, "RFC 7662 §2.1", "Only a client with credentials may ask about tokens. Register it with a secret or a key."),
    entry(Reason::DpopJktMalformed, "dpop-jkt-malformed", InvalidRequest, "RFC 9449 §10", "dpop_jkt is not the base64url SHA-256 thumbprint of a key, or not that of the DPoP proof beside it."),
    entry(Reason::DpopProofMissing, "dpop-proof-missing", InvalidDpopProof, "RFC 9449 §5", "A DPoP proof is required here. Send one proof in the DPoP header."),
    entry(Reason::DpopProofRefused, "dpop-proof-refused", InvalidDpopProof, "RFC 9449 §4.3", "The DPoP proof is not valid for this request. Make it fresh, for this method and URL, signed with the key in its header."),
    entry(Reason::DpopProofReplayed, "dpop-proof-replayed", InvalidDpopProof, "RFC 9449 §11.1", "This DPoP proof was used before. Make a new one for every request."),
    entry(Reason::DpopNonceRequired, "dpop-nonce-required", UseDpopNonce, "RFC 9449 §8", "The DPoP proof must carry a nonce of this server. Take it from the DPoP-Nonce header and try again."),
    entry(Reason::TokenMissing, "token-missing", InvalidRequest, "RFC 7662 §2.1", "token is missing."),
    entry(Reason::EventCursorNotRecognised, "event-cursor-not-recognised", InvalidRequest, "RFC 8936 §2.4", "The cursor is none of this server's, or older than an hour. Ask without one to begin anew."),
    entry(Reason::EventPollMalformed, "event-poll-malformed", InvalidRequest, "RFC 8936 §2.4", "The body has to be a JSON object with the members of a poll request."),
    entry(Reason::EventPollNotAllowed, "event-poll-not-allowed", UnauthorizedClient, "RFC 8936 §2.4", "This client may not ask about the tokens of that API. Name it as the client of the resource."),
    entry(Reason::TokenOfAnotherClient, "token-of-another-client", UnauthorizedClient, "RFC 7009 §2.1", "The token was not issued to this client. Only its own tokens can be revoked."),
    entry(Reason::AccessTokenMissing, "access-token-missing", InvalidRequest, "RFC 6750 §3.1", "There is no access token. Send it in the Authorization header."),
    entry(Reason::AccessTokenRepeated, "access-token-repeated", InvalidRequest, "RFC 6750 §2", "There is more than one access token, or an Authorization header beside one in the form. Send it once."),
    entry(Reason::AccessTokenRefused, "access-token-refused", InvalidToken, "RFC 6750 §3.1", "The access token is not good here, or no longer."),
    entry(Reason::ScopeInsufficient, "scope-insufficient", InsufficientScope, "RFC 6750 §3.1", "The access token does not carry the scope openid, or its client may not have that any more."),
    entry(Reason::PostLogoutRedirectUriNotRegistered, "post-logout-redirect-uri-not-registered", InvalidRequest, "OpenID Connect RP-Initiated Logout §3", "The app asked to return to an address that is not registered for it after signing out."),
    entry(Reason::LogoutClientNotProven, "logout-client-not-proven", InvalidRequest, "OpenID Connect RP-Initiated Logout §3", "The app asked to return to it after signing out, and did not prove which app it is."),
    entry(Reason::SessionCookieUnusable, "session-cookie-unusable", InvalidRequest, "RFC 6265 §5.4", "This browser sent a sign-in cookie that can't be used, so nobody was signed out. To be sure, delete the cookies of this site in the browser's settings."),
    entry(Reason::PasswordTooShort, "password-too-short", InvalidRequest, "NIST SP 800-63B-4 §3.1.1.2", "The new password has fewer characters than this server demands. Choose a longer one; a few words in a row are easy to remember."),
    entry(Reason::PasswordTooLong, "password-too-long", InvalidRequest, "NIST SP 800-63B-4 §3.1.1.2", "The new password is longer than 1024 bytes. Choose a shorter one; nothing is ever cut off."),
    entry(Reason::PasswordNotTypeable, "password-not-typeable", InvalidRequest, "RFC 8265 §4.2", "The new password has a character in it that can't be typed at a sign-in. Choose one without it."),
    entry(Reason::PasswordCommon, "password-common", InvalidRequest, "NIST SP 800-63B-4 §3.1.1.2", "The new password is one of those that are tried first. Choose another; a few words in a row are better, and need no special characters."),
    entry(Reason::PasswordGuessable, "password-guessable", InvalidRequest, "NIST SP 800-63B-4 §3.1.1.2", "The new password is a name or an address of the person or of this server. Choose one that says nothing about either."),
    entry(Reason::LinkNotRecognised, "link-not-recognised", InvalidRequest, "NIST SP 800-63B-4 §4.2", "This server has made no such link, or it came in parts. Open it again where you got it, or ask there for a new one."),
    entry(Reason::LinkExpired, "link-expired", InvalidRequest, "NIST SP 800-63B-4 §4.2", "This link is too old. Ask for a new one where you got it."),
    entry(Reason::LinkUsed, "link-used", InvalidRequest, "NIST SP 800-63B-4 §4.2", "This link is no longer good: it was used, or the account has changed since. Sign in as usual; if you can't, ask for a new link where you got it."),
    entry(Reason::LinkOfAnotherUser, "link-of-another-user", InvalidRequest, "NIST SP 800-63B-4 §4.1.2", "This link is for another account than the one that is signed in here. Sign out, and open it again."),
    entry(Reason::AddressTaken, "address-taken", InvalidRequest, "NIST SP 800-63B-4 §4.2", "This address belongs to an account by now. Sign in with that; if you have forgotten its password, choose a new one from the sign-in page."),
    entry(Reason::RegistrationClosed, "registration-closed", InvalidRequest, "Initiating User Registration via OpenID Connect 1.0 §4", "Nobody can create an account here by themselves. Ask whoever runs this service for one."),
    entry(Reason::AdministratorsOnly, "administrators-only", AccessDenied, "RFC 6749 §4.1.2.1", "Only an administrator of this server can let an app administer it."),
    entry(Reason::UserNotAdmitted, "user-not-admitted", AccessDenied, "RFC 6749 §4.1.2.1", "This account may not use this app. Sign in with another one, or ask whoever runs the app to let it in."),
    entry(Reason::ScopeWithheld, "scope-withheld", AccessDenied, "RFC 6749 §4.1.2.1", "This account may not give the app what it asks for. Sign in with another one, or ask whoever runs the app for the right to it."),
    entry(Reason::AdministratorNoLonger, "administrator-no-longer", InsufficientScope, "RFC 6750 §3.1", "Whose access token this is does not administer this server."),
    entry(Reason::AdministrationScopeMissing, "administration-scope-missing", InsufficientScope, "RFC 6750 §3.1", "The access token does not carry the scope that this takes, or its client may not have that any more."),
    entry(Reason::AuthenticationTooOld, "authentication-too-old", InsufficientUserAuthentication, "RFC 9470 §3", "This takes two factors, proved within the last hour. Have the administrator sign in again."),
    entry(Reason::InPersonOnly, "in-person-only", AccessDenied, "RFC 9110 §15.5.4", "Only an administrator in person, or a command on the server, can do this: no client by itself."),
    entry(Reason::ShellOnly, "shell-only", AccessDenied, "RFC 9110 §15.5.4", "Only a command on the server, or its configuration, can do this."),
    entry(Reason::LastAdministrator, "last-administrator", InvalidRequest, "RFC 9110 §15.5.10", "Nobody else could administer this server then. Make another person an administrator first."),
    entry(Reason::ThingNotFound, "thing-not-found", InvalidRequest, "RFC 9110 §15.5.5", "There is no such thing here. The detail says which."),
    entry(Reason::ValueRefused, "value-refused", InvalidRequest, "RFC 9110 §15.5.1", "A value can't be used. The errors say which, and why."),
    entry(Reason::MediaTypeUnsupported, "media-type-unsupported", InvalidRequest, "RFC 9110 §15.5.16", "Send the body as JSON, with its Content-Type."),
    entry(Reason::Conflict, "conflict", InvalidRequest, "RFC 9110 §15.5.10", "As things stand, this can't be done. The detail says what is in the way."),
    entry(Reason::KeyNeeded, "key-needed", InvalidRequest, "RFC 9110 §15.5.10", "The key is needed until the time in the detail. It can't be deleted before."),
    entry(Reason::PreconditionMissing, "precondition-missing", InvalidRequest, "RFC 6585 §3", "Say what you have seen: send If-Match with the ETag that you read."),
    entry(Reason::PreconditionFailed, "precondition-failed", InvalidRequest, "RFC 9110 §15.5.13", "It was changed since you read it. Read it again; ETag is what it has now."),
    entry(Reason::CursorRefused, "cursor-refused", InvalidRequest, "RFC 9110 §15.5.1", "The cursor is none of this list, or too old. Begin at the first page."),
    entry(Reason::IdempotencyKeyReused, "idempotency-key-reused", InvalidRequest, "RFC 9110 §15.5.21", "This Idempotency-Key stands for another request. Send another key."),
    entry(Reason::RequestNotAnswered, "request-not-answered", InvalidRequest, "RFC 9110 §15.5.10", "The request with this Idempotency-Key is being done, or its answer is not known. Look whether it was done before you send another key."),
    entry(Reason::TooManyAttempts, "too-many-attempts", TemporarilyUnavailable, "RFC 6585 §4", "Too many attempts. Wait, then try again; see Retry-After."),
    entry(Reason::Overloaded, "overloaded", TemporarilyUnavailable, "RFC 9110 §15.6.4", "The server has more to do than it can. Try again in a moment; see Retry-After."),
    entry(Reason::AnswerTooSlow, "answer-too-slow", TemporarilyUnavailable, "RFC 9110 §15.6.4", "The server did not answer in time. Try again in a moment."),
    entry(Reason::StoreUnavailable, "store-unavailable", TemporarilyUnavailable, "RFC 9110 §15.6.4", "The server's database does not answer, or keeps nothing. Try again in a moment."),
    entry(Reason::StoreRewound, "store-rewound", TemporarilyUnavailable, "RFC 9110 §15.6.4", "The server's database shows an earlier time than it did before, so nothing can be judged by it. Try again later."),
    entry(Reason::MasterKeyMissing, "master-key-missing", TemporarilyUnavailable, "RFC 9110 §15.6.4", "This server lacks a key that its database needs. Try again in a moment."),
    entry(Reason::ClockNotBelieved, "clock-not-believed", TemporarilyUnavailable, "RFC 9110 §15.6.4", "The server's clock is wrong, so it can't judge anything. Try again in a moment."),
    entry(Reason::Fault, "fault", ServerError, "RFC 9110 §15.6.1", "Sorry, there is a problem on our side. Try again later."),
];

impl Reason {
    /// This refusal's entry in the registry.
    pub fn entry(self) -> &'static Entry {
        &REGISTRY[self as usize]
    }

    /// The stable name, kebab-case.
    pub fn name(self) -> &'static str {
        self.entry().name
    }
}

/// A request refused: why, and what only the operator may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    detail: Option<String>,
}

impl Refusal {
    /// A refusal that its reason explains.
    pub const fn new(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
        }
    }

    /// The same with a private detail: which part is wrong, and how it differs from what was expected. What a request sent goes
    /// in as [`Sent`](crate::sent::Sent) alone. Whatever it is, the detail is one short line.
    #[must_use]
    pub fn because(mut self, detail: impl AsRef<str>) -> Self {
        self.detail = Some(sent::plain(detail.as_ref(), LONGEST_DETAIL));
        self
    }

    /// Why.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The RFC's error code.
    pub fn error(&self) -> ErrorCode {
        self.reason.entry().error
    }

    /// What a stranger may read.
    pub fn public(&self) -> &'static str {
        self.reason.entry().public
    }

    /// What only the operator may read.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.reason.name()),
            None => f.write_str(self.reason.name()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_its_own_entry_and_name() {
        for (index, entry) in REGISTRY.iter().enumerate() {
            assert_eq!(
                entry.reason as usize, index,
                "{} stands at the wrong place",
                entry.name
            );
        }
        let names: HashSet<&str> = REGISTRY.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), REGISTRY.len());
        assert!(names.iter().all(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        }));
    }

    #[test]
    fn public_sentences_fit_error_description() {
        for entry in &REGISTRY {
            let sendable = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(
                entry.public.bytes().all(sendable),
                "{} (RFC 6749 §5.2 charset)",
                entry.name
            );
            assert!(entry.public.ends_with('.'), "{}", entry.name);
        }
    }
}
