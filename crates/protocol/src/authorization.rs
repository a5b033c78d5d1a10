//! The authorization request (RFC 6749 §4.1.1) from the moment it arrives until a code is issued or refused.
//!
//! It arrives untrusted: until client and redirect URI are proven, errors go to a page of ours ([`identify`], then
//! `Client::prove_redirect_uri`). After that they go back to the client ([`CheckedRequest::check`]). What has to survive login
//! and consent is sealed into the forms as a [`PendingAuthorization`]; nothing is stored. What has to happen to it is in `next`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    administration,
    claims::{ClaimsDemand, ClaimsRequest},
    client::{Client, GrantType, ResponseMode},
    dpop::Thumbprint,
    error::{Reason, Refusal},
    id_token::IdTokenHint,
    ids::ClientId,
    jose::KeySet,
    language::Language,
    parameters::{Parameters, at_most, bounded, sent_length},
    pkce::CodeChallenge,
    resource::{Resources, one_resource},
    scope::{OPENID, Scope},
    sent::Sent,
    time::Timestamp,
};

mod acr_request;
mod next;
mod offer;
mod pending;
mod signed_in_user;

use acr_request::AcrRequest;
pub use next::{FRESH, Next};
pub use offer::{Offer, Offers};
pub use pending::{PendingAuthorization, Proved, Stage};
pub use signed_in_user::{Enrolled, SignedInUser};

/// The longest authorization request, in bytes as it is sent (form-encoded). Sealed, the longest still fits a form field.
pub const LONGEST_REQUEST: usize = 8192;
/// The longest `state`, in bytes as it is sent.
pub const LONGEST_STATE: usize = 4096;
/// The longest `nonce`, in bytes as it is sent.
pub const LONGEST_NONCE: usize = 512;
/// The longest `login_hint` that is shown on the login page, in bytes; a longer one is ignored.
const LONGEST_LOGIN_HINT: usize = 256;
/// The longest `scope`, in bytes.
pub const LONGEST_SCOPE: usize = 2048;

/// Reads who asks and where the answer should go. Nothing is proven yet: errors belong on a page, never in a redirect.
///
/// # Errors
/// `client-id-missing`, `client-unknown` (not even an identifier), `redirect-uri-missing`, `parameter-repeated`.
pub fn identify(parameters: &Parameters) -> Result<(ClientId, &str), Refusal> {
    let client_id = parameters.required("client_id", Reason::ClientIdMissing)?;
    let client_id = ClientId::parse(client_id).ok_or(Reason::ClientUnknown)?;
    let redirect_uri = parameters.required("redirect_uri", Reason::RedirectUriMissing)?;
    Ok((client_id, redirect_uri))
}

/// The `state` to send back with a refusal: the one that was sent, unless it was sent twice or is too long.
pub fn state_to_return(parameters: &Parameters) -> Option<&str> {
    parameters
        .one("state")
        .ok()
        .flatten()
        .filter(|state| sent_length(state) <= LONGEST_STATE)
}

/// What a request asks for that `client` is not registered for, and that is left out of it: for the log.
pub fn left_out(parameters: &Parameters, client: &Client) -> Scope {
    let asked = parameters
        .one("scope")
        .ok()
        .flatten()
        .and_then(Scope::parse);
    asked.unwrap_or_default().without(&client.scopes)
}

/// The query of an authorization response (RFC 6749 §4.1.2, RFC 9207): appended to the redirect URI, whose own query stays.
pub fn response_url(redirect_uri: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{separator}{query}")
}

/// A request that passed every check against its client. Made by [`CheckedRequest::check`] alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedRequest {
    #[serde(rename = "c")]
    client: ClientId,
    #[serde(rename = "r")]
    redirect_uri: String,
    #[serde(rename = "o")]
    scope: Scope,
    #[serde(rename = "a")]
    audience: String,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    code_challenge: Option<CodeChallenge>,
    #[serde(rename = "f", default, skip_serializing_if = "ResponseMode::is_query")]
    response_mode: ResponseMode,
    #[serde(rename = "m", default, skip_serializing_if = "BTreeSet::is_empty")]
    prompt: BTreeSet<Prompt>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    max_age: Option<i64>,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    login_hint: Option<String>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(rename = "d", default, skip_serializing_if = "ClaimsRequest::is_empty")]
    claims: ClaimsRequest,
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    dpop_jkt: Option<Thumbprint>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    ui_locales: Option<Language>,
    #[serde(rename = "k", default, skip_serializing_if = "AcrRequest::is_empty")]
    acr: AcrRequest,
    /// Whether it is for a change of the account itself.
    #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
    changes_account: bool,
    /// Whether it is for the API of administrators.
    #[serde(rename = "y", default, skip_serializing_if = "std::ops::Not::not")]
    administers: bool,
}

/// What a client wants to happen to the user, whatever this server knows about them (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Prompt {
    /// No page at all: an error if one is needed.
    #[serde(rename = "n")]
    None,
    /// Sign in again.
    #[serde(rename = "l")]
    Login,
    /// Be asked again.
    #[serde(rename = "c")]
    Consent,
    /// Choose the account.
    #[serde(rename = "s")]
    SelectAccount,
    /// Create an account (Initiating User Registration via OpenID Connect 1.0 §4.1).
    #[serde(rename = "r")]
    Create,
}

impl Prompt {
    const ALL: [Prompt; 5] = [
        Self::None,
        Self::Login,
        Self::Consent,
        Self::SelectAccount,
        Self::Create,
    ];

    /// The values that are served, and advertised: `create` where users may `sign_up` by themselves.
    pub fn served(sign_up: bool) -> impl Iterator<Item = Self> {
        let served = move |prompt: &Self| sign_up || *prompt != Self::Create;
        Self::ALL.into_iter().filter(served)
    }

    /// Whether it stands alone: nothing may be asked beside `none`, and what a user has to prove again can't be asked of one who is to be
    /// created.
    const fn is_alone(self) -> bool {
        matches!(self, Self::None | Self::Create)
    }

    /// The name as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
            Self::Create => "create",
        }
    }
}

/// What a request may say, each once (RFC 6749 §3.1); `resource` has a refusal of its own.
const PARAMETERS: [&str; 19] = [
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "request",
    "request_uri",
    "prompt",
    "max_age",
    "display",
    "ui_locales",
    "login_hint",
    "id_token_hint",
    "acr_values",
    "claims",
    "claims_locales",
];

/// How a request arrived, and what it is checked with beside its client.
pub struct Arrival<'a> {
    /// The APIs there are.
    pub resources: &'a Resources,
    /// This server's issuer identifier.
    pub issuer: &'a str,
    /// The keys of this server, for `id_token_hint`.
    pub keys: &'a KeySet,
    /// Whether the client pushed the request (RFC 9126).
    pub pushed: bool,
    /// The key that a DPoP proof beside the pushed request proved (RFC 9449 §10.1).
    pub dpop_jkt: Option<&'a Thumbprint>,
    /// Whether users may create accounts by themselves.
    pub sign_up: bool,
    /// When.
    pub now: Timestamp,
}

impl CheckedRequest {
    /// Checks what `client` asks for. Client and `redirect_uri` are proven, so errors may go back to the client.
    ///
    /// # Errors
    /// Anything else that is wrong with the request, each with its RFC error code.
    pub fn check(
        parameters: &Parameters,
        client: &Client,
        redirect_uri: &str,
        arrival: &Arrival<'_>,
    ) -> Result<Self, Refusal> {
        parameters.each_once(&PARAMETERS)?;
        if parameters.one("request")?.is_some() {
            return Err(Reason::RequestObjectUnsupported.into());
        }
        if parameters.one("request_uri")?.is_some() {
            return Err(Reason::RequestUriUnsupported.into());
        }
        if client.require_pushed_authorization_requests && !arrival.pushed {
            return Err(Reason::PushedRequestRequired.into());
        }
        at_most(
            LONGEST_REQUEST,
            parameters.encode().len(),
            Reason::RequestTooLarge,
        )?;
        match parameters.required("response_type", Reason::ResponseTypeMissing)? {
            "code" => {}
            other => {
                let sent = Sent(other).to_string();
                return Err(Refusal::new(Reason::ResponseTypeUnsupported).because(sent));
            }
        }
        if !client.may_use(GrantType::AuthorizationCode) {
            return Err(Reason::GrantTypeNotAllowed.into());
        }
        let scope = asked_scope(parameters, client)?;
        let resource = one_resource(parameters)?;
        let audience = arrival
            .resources
            .audience(resource, &scope, arrival.issuer)?;
        let demand = demanded(parameters, client, arrival)?;
        let acr = AcrRequest::of(&demand, parameters)?;
        let claims = if scope.contains(OPENID) {
            demand.request.within(&client.scopes)
        } else {
            ClaimsRequest::default()
        };
        Ok(Self {
            client: client.id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            state: bounded(parameters, "state", LONGEST_STATE, Reason::StateTooLong)?,
            nonce: bounded(parameters, "nonce", LONGEST_NONCE, Reason::NonceTooLong)?,
            code_challenge: challenge(parameters, client)?,
            response_mode: response_mode(parameters, client)?,
            prompt: prompts(parameters, arrival.sign_up)?,
            max_age: max_age(parameters)?,
            login_hint: login_hint(parameters)?,
            subject: demand.subject,
            claims,
            dpop_jkt: dpop_jkt(parameters, arrival)?,
            ui_locales: ui_locales(parameters),
            acr,
            scope,
            administers: audience == administration::resource(arrival.issuer),
            audience,
            changes_account: false,
        })
    }

    /// The request of a user for a page of this server's own, at the URL `page`: what they must prove before it is shown, by the rule
    /// that every sign-in goes by. For a page that changes something of the account that is at most [`FRESH`] ago, and by the strongest
    /// that the account has.
    pub fn of_account(client: &Client, page: &str, changes: bool) -> Self {
        Self {
            client: client.id.clone(),
            redirect_uri: page.to_owned(),
            scope: client.scopes.clone(),
            audience: String::new(),
            state: None,
            nonce: None,
            code_challenge: None,
            response_mode: ResponseMode::Query,
            prompt: BTreeSet::new(),
            max_age: changes.then_some(FRESH),
            login_hint: None,
            subject: None,
            claims: ClaimsRequest::default(),
            dpop_jkt: None,
            ui_locales: None,
            acr: AcrRequest::default(),
            changes_account: changes,
            administers: false,
        }
    }

    /// Whether it is for a change of the account itself: no recovery code counts for it.
    pub fn changes_account(&self) -> bool {
        self.changes_account
    }

    /// Who asks.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Where the answer goes: the string that was sent and proven.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// What is asked for, as far as the client is registered for it.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// For which API, or the issuer.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The client's `state`, to be returned unchanged.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// How the answer travels.
    pub fn response_mode(&self) -> ResponseMode {
        self.response_mode
    }

    /// What the client thinks the user signs in with.
    pub fn login_hint(&self) -> Option<&str> {
        self.login_hint.as_deref()
    }

    /// The language that its pages are wanted in: the client's wish, or what the user chose since.
    pub fn ui_locales(&self) -> Option<Language> {
        self.ui_locales
    }

    /// The same request in the language that the user at the browser chose, whatever the client wished.
    #[must_use]
    pub fn in_language(self, chosen: Language) -> Self {
        Self {
            ui_locales: Some(chosen),
            ..self
        }
    }

    /// The claims that are asked for one by one.
    pub fn claims(&self) -> &ClaimsRequest {
        &self.claims
    }

    /// What a user is asked to allow: the scope, and the scopes of claims that are asked for one by one.
    pub fn to_consent(&self) -> Scope {
        self.scope.union(&self.claims.scope())
    }

    fn wants(&self, prompt: Prompt) -> bool {
        self.prompt.contains(&prompt)
    }
}

/// How the answer to this request would travel, as far as that can be read: for a refusal of the request itself.
pub fn response_mode_to_use(parameters: &Parameters, client: &Client) -> ResponseMode {
    response_mode(parameters, client).unwrap_or(client.default_response_mode())
}

fn response_mode(parameters: &Parameters, client: &Client) -> Result<ResponseMode, Refusal> {
    let Some(sent) = parameters.one("response_mode")? else {
        return Ok(client.default_response_mode());
    };
    ResponseMode::parse(sent)
        .filter(|mode| client.response_modes.contains(mode))
        .ok_or_else(|| {
            Refusal::new(Reason::ResponseModeUnsupported).because(Sent(sent).to_string())
        })
}

fn prompts(parameters: &Parameters, sign_up: bool) -> Result<BTreeSet<Prompt>, Refusal> {
    let malformed =
        |text: &str| Refusal::new(Reason::PromptMalformed).because(Sent(text).to_string());
    let text = parameters.one("prompt")?.unwrap_or_default();
    let known = |name: &str| Prompt::served(sign_up).find(|prompt| prompt.as_str() == name);
    let prompts = text
        .split_ascii_whitespace()
        .map(|name| known(name).ok_or_else(|| malformed(text)))
        .collect::<Result<BTreeSet<_>, _>>()?;
    if prompts.len() > 1 && prompts.iter().any(|prompt| prompt.is_alone()) {
        return Err(malformed(text));
    }
    Ok(prompts)
}

fn max_age(parameters: &Parameters) -> Result<Option<i64>, Refusal> {
    let Some(text) = parameters.one("max_age")? else {
        return Ok(None);
    };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::new(Reason::MaxAgeMalformed).because(Sent(text).to_string()));
    }
    // A longer one than can be counted is as good as none.
    Ok(Some(text.parse().unwrap_or(i64::MAX)))
}

/// What a user may be shown in the login form. It is a convenience: what can't be one is as good as none.
fn login_hint(parameters: &Parameters) -> Result<Option<String>, Refusal> {
    let hint = parameters.one("login_hint")?;
    let shown =
        hint.filter(|hint| hint.len() <= LONGEST_LOGIN_HINT && !hint.chars().any(char::is_control));
    Ok(shown.map(str::to_owned))
}

/// The language that the pages of a request are wanted in, as far as that can be read (OpenID Connect Core §3.1.2.1). It is a wish: one
/// that we have none of the languages of is as good as none.
pub fn ui_locales(parameters: &Parameters) -> Option<Language> {
    let wish = parameters.one("ui_locales").ok().flatten();
    wish.and_then(Language::of_ui_locales)
}

/// What the request demands of the user: whom `id_token_hint` and `claims` name, and an authentication context.
fn demanded(
    parameters: &Parameters,
    client: &Client,
    arrival: &Arrival<'_>,
) -> Result<ClaimsDemand, Refusal> {
    let mut demand = match parameters.one("claims")? {
        Some(text) => ClaimsDemand::parse(text)?,
        None => ClaimsDemand::default(),
    };
    if let Some(hint) = parameters.one("id_token_hint")? {
        let (issuer, keys) = (arrival.issuer, arrival.keys);
        let hint = IdTokenHint::verify(hint, Some(client), issuer, keys, arrival.now)?;
        if demand.subject.is_some_and(|named| named != hint.subject) {
            return Err(Reason::SubjectsContradict.into());
        }
        demand.subject = Some(hint.subject);
    }
    Ok(demand)
}

/// The key that the code will be bound to: named, or proven beside the pushed request, or both alike (RFC 9449 §10).
fn dpop_jkt(parameters: &Parameters, arrival: &Arrival<'_>) -> Result<Option<Thumbprint>, Refusal> {
    let proven = arrival.dpop_jkt;
    match parameters.one("dpop_jkt")? {
        None => Ok(proven.cloned()),
        Some(sent) => match Thumbprint::parse(sent) {
            Some(named) if proven.is_none_or(|proven| *proven == named) => Ok(Some(named)),
            _ => Err(Reason::DpopJktMalformed.into()),
        },
    }
}

/// What is asked for and registered for the client. The rest is left out (RFC 6749 §3.3). Only `openid` is not left out silently,
/// because a client that waits for an ID Token would fail without a word of why.
fn asked_scope(parameters: &Parameters, client: &Client) -> Result<Scope, Refusal> {
    let text = parameters.required("scope", Reason::ScopeMissing)?;
    at_most(LONGEST_SCOPE, text.len(), Reason::RequestTooLarge)?;
    let asked = Scope::parse(text).ok_or(Reason::ScopeMalformed)?;
    if asked.is_empty() {
        return Err(Reason::ScopeMissing.into());
    }
    if asked.contains(OPENID) && !client.scopes.contains(OPENID) {
        return Err(Reason::OpenIdNotRegistered.into());
    }
    let scope = asked.intersection(&client.scopes);
    if scope.is_empty() {
        return Err(Refusal::new(Reason::ScopeNotRegistered).because(asked.briefly()));
    }
    Ok(scope)
}

fn challenge(parameters: &Parameters, client: &Client) -> Result<Option<CodeChallenge>, Refusal> {
    let method = parameters.one("code_challenge_method")?;
    match (parameters.one("code_challenge")?, method) {
        (Some(challenge), Some("S256")) => Ok(Some(
            CodeChallenge::parse(challenge).ok_or(Reason::CodeChallengeMalformed)?,
        )),
        (Some(_), other) => {
            let sent = other.map_or_else(
                || "none, which means plain (RFC 7636 §4.3)".to_owned(),
                |method| Sent(method).to_string(),
            );
            Err(Refusal::new(Reason::CodeChallengeMethodUnsupported).because(sent))
        }
        (None, None) if !client.needs_pkce() => Ok(None),
        (None, _) => Err(Reason::CodeChallengeMissing.into()),
    }
}
