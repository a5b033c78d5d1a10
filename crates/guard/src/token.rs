//! A validated access token, as the application sees it: who, through which client, allowed what, until when.
//!
//! The token's text is not kept: nothing here can be presented again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use safeconduct_protocol::dpop::Thumbprint;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::sent::Sent;
use safeconduct_protocol::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::denied::{CorrelationId, Denied, Refusal};
use crate::guard::Guard;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::step_up::{SignIn, StepUp};

/// An access token that the guard found valid. Cheap to clone.
#[derive(Clone)]
pub struct Token {
    claims: Arc<Claims>,
    /// The guard that validated it.
    guard: Guard,
    /// The name of the request that it came with, where that has one.
    request: Option<CorrelationId>,
}

impl Token {
    pub(crate) fn new(claims: Arc<Claims>, guard: Guard) -> Self {
        Self {
            claims,
            guard,
            request: None,
        }
    }

    pub(crate) fn of_request(self, id: Option<&CorrelationId>) -> Self {
        Self {
            request: id.cloned(),
            ..self
        }
    }

    /// Whether the guard of `resource` validated it, and not another one on the way.
    pub(crate) fn is_for(&self, resource: &Arc<Resource>) -> bool {
        Arc::ptr_eq(self.guard.resource(), resource)
    }

    /// Whose data the token gives access to (`sub`). For a client that acts for itself, the client.
    pub fn subject(&self) -> &str {
        &self.claims.subject
    }

    /// The issuer of the token. A subject means nothing without it.
    pub fn issuer(&self) -> &str {
        self.claims
            .text("iss")
            .unwrap_or_else(|| self.guard.issuer())
    }

    /// The client that the token was issued to (`client_id`, or where its issuer names it).
    pub fn client_id(&self) -> &str {
        &self.claims.client_id
    }

    /// The scopes in alphabetical order.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.claims.scope.names()
    }

    /// Whether the token carries the scope `name`.
    pub fn has_scope(&self, name: &str) -> bool {
        self.claims.scope.contains(name)
    }

    /// Refuses a token that lacks one of the space-delimited `scopes`.
    ///
    /// # Errors
    /// [`Denied`], which answers 403 `insufficient_scope` and names them. A name that is no scope (RFC 6749 §3.3) is
    /// carried by no token.
    pub fn require_scope(&self, scopes: &str) -> Result<(), Denied> {
        let carried = match Scope::parse(scopes) {
            Some(needed) => self.carries(&needed),
            None => {
                tracing::error!(scopes, "a handler requires a scope that no token can carry");
                Err(Reason::InsufficientScope.into())
            }
        };
        carried.map_err(|refusal| {
            self.guard
                .deny_request(refusal.under(self.claims.scheme()), self.request.as_ref())
        })
    }

    /// The roles that the token's issuer gave its subject for this API, from where the guard's profile or
    /// [`GuardBuilder::roles_at`](crate::GuardBuilder::roles_at) says they stand; `roles` (RFC 9068 §2.2.3.1) by default.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.claims.dialect.roles(&self.claims.members)
    }

    /// Whether the token carries the role `name`.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles().any(|role| role == name)
    }

    /// Refuses a token without the role `name`.
    ///
    /// # Errors
    /// [`Denied`], which answers 403 `insufficient_scope`. Where the issuer left the roles out of the token because they are too many,
    /// the reason says that.
    pub fn require_role(&self, name: &str) -> Result<(), Denied> {
        self.plays(name)
            .map_err(|refusal| self.guard.deny_request(refusal, self.request.as_ref()))
    }

    pub(crate) fn plays(&self, role: &str) -> Result<(), Refusal> {
        if self.has_role(role) {
            return Ok(());
        }
        let is_elsewhere = self
            .claims
            .dialect
            .has_roles_elsewhere(&self.claims.members);
        let (reason, got) = match is_elsewhere {
            true => (Reason::GroupsNotInToken, "_claim_names".to_owned()),
            false => (
                Reason::InsufficientRole,
                self.roles().collect::<Vec<_>>().join(" "),
            ),
        };
        let refusal = Refusal::from(reason).because(format_args!("the role {role}"), Sent(&got));
        Err(refusal.under(self.claims.scheme()))
    }

    /// A refusal of the application's own, for a request whose token is good and whose wish is not: 403 with `access_denied` and
    /// `description`. See [`Denied::forbidden`].
    pub fn forbid(&self, description: impl Into<String>) -> Denied {
        let refusal = Refusal::forbidden(description.into()).under(self.claims.scheme());
        self.guard.deny_request(refusal, self.request.as_ref())
    }

    /// Refuses a token of a sign-in with none of the authentication contexts `names` (`acr`): see [`StepUp::acr`].
    ///
    /// # Errors
    /// As [`Token::require_step_up`].
    pub fn require_acr<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<(), Denied> {
        self.require_step_up(&StepUp::acr(names))
    }

    /// Refuses a token of a sign-in that is `time` ago or longer (`auth_time`): see [`StepUp::within`].
    ///
    /// # Errors
    /// As [`Token::require_step_up`].
    pub fn require_auth_within(&self, time: Duration) -> Result<(), Denied> {
        self.require_step_up(&StepUp::within(time))
    }

    /// Refuses a token of a sign-in that is not what `demanded` says; one that does not say how and when its user signed in, too.
    ///
    /// # Errors
    /// [`Denied`], which answers 401 `insufficient_user_authentication` and names what is demanded (RFC 9470 §3).
    pub fn require_step_up(&self, demanded: &StepUp) -> Result<(), Denied> {
        self.meets(demanded)
            .map_err(|refusal| self.guard.deny_request(refusal, self.request.as_ref()))
    }

    pub(crate) fn meets(&self, demanded: &StepUp) -> Result<(), Refusal> {
        let sign_in = SignIn {
            acr: self.acr(),
            auth_time: self.auth_time(),
            now: self.guard.now(),
            leeway: self.guard.leeway(),
        };
        if demanded.is_met_by(&sign_in) {
            Ok(())
        } else {
            Err(Refusal::step_up(demanded, &sign_in).under(self.claims.scheme()))
        }
    }

    pub(crate) fn carries(&self, needed: &Scope) -> Result<(), Refusal> {
        let carried = &self.claims.scope;
        if needed.is_within(carried) {
            Ok(())
        } else {
            Err(Refusal::scope(needed, carried).under(self.claims.scheme()))
        }
    }

    /// The token's own id (`jti`). Every JWT of RFC 9068 has one.
    pub fn jti(&self) -> Option<&str> {
        self.claims.text("jti")
    }

    /// What the user allowed the client: the same for every token that came from one authorization (`grant_id`).
    pub fn grant_id(&self) -> Option<&str> {
        self.claims.text("grant_id")
    }

    /// The SHA-256 thumbprint of the key that it is bound to (`cnf.jkt`, RFC 9449 §6), which this request proved to hold;
    /// `None` for a bearer token.
    pub fn bound_to(&self) -> Option<&str> {
        self.claims.bound_to.as_ref().map(Thumbprint::as_str)
    }

    /// The authentication context of the sign-in behind it (`acr`, RFC 9470 §6). A client that acts for itself has none.
    pub fn acr(&self) -> Option<&str> {
        self.claims.text("acr")
    }

    /// The methods that the user proved who they are by (`amr`, RFC 8176), such as `pwd` and `otp`.
    pub fn amr(&self) -> impl Iterator<Item = &str> {
        let methods = self.claim("amr").and_then(Value::as_array);
        methods.into_iter().flatten().filter_map(Value::as_str)
    }

    /// When the user proved all that `acr` stands for (`auth_time`, RFC 9470 §6). A refresh does not move it.
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.claims.time("auth_time")
    }

    /// When it expires. Every JWT does.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.claims.expires_at
    }

    /// When it was issued. Every JWT says so.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.claims.issued_at()
    }

    /// The claim `name`, as JSON.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.members.get(name)
    }

    /// All claims as a type of your own.
    ///
    /// # Errors
    /// [`serde_json::Error`] if they do not fit it.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.claims.members)
    }

    /// All claims, as JSON.
    pub fn raw_claims(&self) -> &Map<String, Value> {
        &self.claims.members
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("subject", &self.subject())
            .field("client_id", &self.client_id())
            .field("scope", &self.claims.scope.to_string())
            .field("jti", &self.jti())
            .field("grant_id", &self.grant_id())
            .finish_non_exhaustive()
    }
}
