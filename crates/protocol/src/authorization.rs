//! The authorization request (RFC 6749 §4.1.1) from the moment it arrives until a code is issued or refused.
//!
//! It arrives untrusted: until client and redirect URI are proven, errors go to a page of ours ([`identify`], then
//! `Client::prove_redirect_uri`). After that they go back to the client ([`CheckedRequest::check`]). What has to survive login
//! and consent is sealed into the forms as a [`PendingAuthorization`]; nothing is stored.

use serde::{Deserialize, Serialize};

use crate::{
    authorization_code::AuthorizationCode,
    client::{Client, ConsentPolicy, GrantType},
    encoding,
    error::{Reason, Refusal},
    grant::{Epochs, Lifetimes},
    ids::{ClientId, GrantId, SessionId, UserId},
    parameters::Parameters,
    pkce::CodeChallenge,
    resource::Resources,
    scope::Scope,
    time::Timestamp,
    token::{new_id, one_resource},
};

/// The longest authorization request, in bytes as it is sent (form-encoded). Sealed, the longest still fits a form field.
pub const LONGEST_REQUEST: usize = 8192;
/// The longest `state`, in bytes as it is sent.
pub const LONGEST_STATE: usize = 4096;
/// The longest `nonce`, in bytes as it is sent.
pub const LONGEST_NONCE: usize = 512;
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
        resources: &Resources,
        issuer: &str,
    ) -> Result<Self, Refusal> {
        parameters.each_once(&[
            "state",
            "scope",
            "nonce",
            "response_type",
            "response_mode",
            "code_challenge",
            "code_challenge_method",
        ])?;
        if parameters.one("request")?.is_some() {
            return Err(Reason::RequestObjectUnsupported.into());
        }
        if parameters.one("request_uri")?.is_some() {
            return Err(Reason::RequestUriUnsupported.into());
        }
        at_most(
            LONGEST_REQUEST,
            parameters.encode().len(),
            Reason::RequestTooLarge,
        )?;
        match parameters.required("response_type", Reason::ResponseTypeMissing)? {
            "code" => {}
            other => return Err(Refusal::new(Reason::ResponseTypeUnsupported).because(clip(other))),
        }
        if let Some(mode) = parameters
            .one("response_mode")?
            .filter(|mode| *mode != "query")
        {
            return Err(Refusal::new(Reason::ResponseModeUnsupported).because(clip(mode)));
        }
        if !client.may_use(GrantType::AuthorizationCode) {
            return Err(Reason::GrantTypeNotAllowed.into());
        }
        let scope = asked_scope(parameters, client)?;
        let audience = resources.audience(one_resource(parameters)?, &scope, issuer)?;
        Ok(Self {
            client: client.id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            state: bounded(parameters, "state", LONGEST_STATE, Reason::StateTooLong)?,
            nonce: bounded(parameters, "nonce", LONGEST_NONCE, Reason::NonceTooLong)?,
            code_challenge: challenge(parameters, client)?,
            scope,
            audience,
        })
    }

    /// Who asks.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Where the answer goes: the string that was sent and proven.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// What is asked for.
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
}

fn asked_scope(parameters: &Parameters, client: &Client) -> Result<Scope, Refusal> {
    let text = parameters.required("scope", Reason::ScopeMissing)?;
    at_most(LONGEST_SCOPE, text.len(), Reason::RequestTooLarge)?;
    let scope = Scope::parse(text).ok_or(Reason::ScopeMalformed)?;
    if scope.is_empty() {
        return Err(Reason::ScopeMissing.into());
    }
    let unregistered = scope.without(&client.scopes);
    if unregistered.is_empty() {
        Ok(scope)
    } else {
        Err(Refusal::new(Reason::ScopeNotRegistered).because(unregistered.to_string()))
    }
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
                clip,
            );
            Err(Refusal::new(Reason::CodeChallengeMethodUnsupported).because(sent))
        }
        (None, None) if !client.needs_pkce() => Ok(None),
        (None, _) => Err(Reason::CodeChallengeMissing.into()),
    }
}

/// A text that comes back to the client as it was sent: short enough, and without control characters (RFC 6749 Appendix A.5).
fn bounded(
    parameters: &Parameters,
    name: &str,
    longest: usize,
    too_long: Reason,
) -> Result<Option<String>, Refusal> {
    let Some(value) = parameters.one(name)? else {
        return Ok(None);
    };
    at_most(longest, sent_length(value), too_long)?;
    if value.chars().any(char::is_control) {
        let detail = format!("a control character in {name}");
        return Err(Refusal::new(Reason::RequestMalformed).because(detail));
    }
    Ok(Some(value.to_owned()))
}

fn at_most(longest: usize, length: usize, too_long: Reason) -> Result<(), Refusal> {
    if length > longest {
        return Err(Refusal::new(too_long).because(format!("{length} bytes")));
    }
    Ok(())
}

/// The length of `value` form-encoded: what it takes in a URL, and more than it takes when it is sealed.
fn sent_length(value: &str) -> usize {
    form_urlencoded::byte_serialize(value.as_bytes())
        .map(str::len)
        .sum()
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

/// An authorization between its arrival and its answer. It travels sealed in a form field, bound to one browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAuthorization {
    /// The grant it may become. The id names it from here on, in logs, events, code and tokens.
    #[serde(rename = "g")]
    pub grant: GrantId,
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    pub era: i64,
    /// SHA-256 of the browser's cookie, base64url.
    #[serde(rename = "b")]
    pub browser: String,
    /// What is asked.
    #[serde(rename = "q")]
    pub request: CheckedRequest,
    /// How far it has come.
    #[serde(rename = "s")]
    pub stage: Stage,
}

/// How far a pending authorization has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It arrived.
    #[serde(rename = "a")]
    Arrived,
    /// The person signed in for it; the session they had then.
    #[serde(rename = "i")]
    SignedIn {
        /// That session.
        #[serde(rename = "s")]
        session: SessionId,
    },
    /// The person was asked; the form's answer must come from the session and user it was shown to.
    #[serde(rename = "k")]
    Asked {
        /// The session it was shown to.
        #[serde(rename = "s")]
        session: SessionId,
        /// The user it was shown to.
        #[serde(rename = "u")]
        user: UserId,
        /// The scopes that were shown.
        #[serde(rename = "o")]
        shown: Scope,
    },
}

/// The person at the browser, as the session and the user's row tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInUser {
    /// The session.
    pub session: SessionId,
    /// The user.
    pub user: UserId,
    /// The name they sign in with.
    pub username: String,
    /// When they last proved who they are.
    pub auth_time: Timestamp,
    /// What is in force for them with the client in question.
    pub epochs: Epochs,
    /// What they have allowed that client before, for the audience in question.
    pub consented: Scope,
}

/// What has to happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Show the login page.
    SignIn,
    /// Show the consent page: ask for `new`; `already` was allowed before.
    Consent {
        /// What is asked for.
        new: Scope,
        /// What was allowed before.
        already: Scope,
    },
    /// Nothing is left to ask: issue the code.
    Issue,
}

impl PendingAuthorization {
    /// A request that just arrived in a browser whose cookie hashes to `browser`.
    pub fn arrive(request: CheckedRequest, browser: String, grant: GrantId, era: i64) -> Self {
        Self {
            grant,
            era,
            browser,
            request,
            stage: Stage::Arrived,
        }
    }

    /// Refuses a form that is too old or that another browser brings (RFC 9700 §4.7: a link to a half-finished sign-in is dead elsewhere).
    ///
    /// # Errors
    /// `pending-request-expired`, `pending-request-from-another-browser`.
    pub fn resume(
        &self,
        cookie: Option<&str>,
        lifetimes: &Lifetimes,
        era: i64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let age = now.since(self.grant.born());
        if age > lifetimes.pending || self.era != era {
            return Err(Refusal::new(Reason::PendingRequestExpired)
                .because(format!("started {age} s ago in era {}", self.era)));
        }
        let presented = cookie.map(|cookie| encoding::sha256_base64url(cookie.as_bytes()));
        let same = presented.is_some_and(|hash| {
            encoding::constant_time_eq(hash.as_bytes(), self.browser.as_bytes())
        });
        if same {
            Ok(())
        } else {
            Err(Reason::PendingRequestFromAnotherBrowser.into())
        }
    }

    /// Decides what has to happen next for the person at the browser.
    pub fn next(&self, client: &Client, person: Option<&SignedInUser>) -> Next {
        let Some(person) = person else {
            return Next::SignIn;
        };
        let asked = self.request.scope();
        let already = if client.remembers_consent(self.request.redirect_uri()) {
            asked.intersection(&person.consented)
        } else {
            Scope::default()
        };
        let new = asked.without(&already);
        match client.consent {
            ConsentPolicy::Never => Next::Issue,
            ConsentPolicy::Remember if new.is_empty() => Next::Issue,
            ConsentPolicy::Remember | ConsentPolicy::Always => Next::Consent { new, already },
        }
    }

    /// The same request, marked as signed in for by `session`.
    #[must_use]
    pub fn signed_in(mut self, session: SessionId) -> Self {
        self.stage = Stage::SignedIn { session };
        self
    }

    /// The same request, marked as shown to `person`, asking for all it asks for.
    #[must_use]
    pub fn asked(mut self, person: &SignedInUser) -> Self {
        let shown = self.request.scope().clone();
        self.stage = Stage::Asked {
            session: person.session.clone(),
            user: person.user.clone(),
            shown,
        };
        self
    }

    /// Judges the answer of the consent form: it must come from the session and the user it was shown to.
    ///
    /// # Errors
    /// `pending-request-from-another-session` otherwise, also for a form that was never a consent form.
    pub fn answered_by(&self, person: Option<&SignedInUser>) -> Result<(), Refusal> {
        match (&self.stage, person) {
            (
                Stage::Asked {
                    session,
                    user,
                    shown,
                },
                Some(person),
            ) if *session == person.session
                && *user == person.user
                && shown == self.request.scope() =>
            {
                Ok(())
            }
            _ => Err(Reason::PendingRequestFromAnotherSession.into()),
        }
    }

    /// The code for what `person` allowed.
    pub fn issue(&self, person: &SignedInUser, now: Timestamp) -> AuthorizationCode {
        AuthorizationCode {
            grant: self.grant,
            code_id: new_id(),
            era: self.era,
            client: self.request.client.clone(),
            user: person.user.clone(),
            session: person.session.clone(),
            epochs: person.epochs,
            redirect_uri: encoding::sha256_base64url(self.request.redirect_uri.as_bytes()),
            code_challenge: self.request.code_challenge.clone(),
            scope: self.request.scope.clone(),
            audience: self.request.audience.clone(),
            nonce: self.request.nonce.clone(),
            auth_time: person.auth_time,
            issued_at: now,
        }
    }
}

/// The query of an authorization response (RFC 6749 §4.1.2, RFC 9207): appended to the redirect URI, whose own query stays.
pub fn response_url(redirect_uri: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{separator}{query}")
}
