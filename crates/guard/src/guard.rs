//! The guard: takes a request's token and says whether it may pass. The order of every validation stands here.

mod readiness;

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, Uri};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{MAX_TOKEN, unverified_issuer};
use safeconduct_protocol::time::Timestamp;

use crate::builder::{GuardBuilder, Mode};
use crate::claims::Claims;
use crate::config_error::ConfigError;
use crate::credentials::{self, Credentials, Scheme};
use crate::denied::{CorrelationId, Denied, Refusal};
use crate::dialect::Origin;
use crate::dpop::{Dpop, PresentedProof};
use crate::hint;
use crate::introspection::{self, Introspection, Question};
use crate::jwt::{self, Jwt};
use crate::layer::Accepted;
use crate::places::{self, TokenPlace};
use crate::reason::Reason;
use crate::resource::{Resource, ResourceMetadata};
use crate::revocations::{self, EVER, Followed, RevocationState, Revocations, Verdict};
use crate::token::Token;
use crate::trusted::TrustedIssuers;

pub use readiness::NotReady;

/// Protects one API with the access tokens of one issuer or several. Cheap to clone; the clones share keys and answers.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    parts: Parts,
    resource: Arc<Resource>,
}

/// What a guard is made of, beside the API.
pub(crate) struct Parts {
    pub(crate) issuers: TrustedIssuers,
    /// What `aud` may hold. One or more.
    pub(crate) audiences: Vec<String>,
    pub(crate) validation: Validation,
    /// The revocations that are followed, if any are.
    pub(crate) revocations: Option<Revocations>,
    pub(crate) dpop: Dpop,
    /// In seconds.
    pub(crate) leeway: i64,
    /// In seconds.
    pub(crate) expiry_leeway: i64,
    pub(crate) clock: Clock,
}

/// What of a request matters here.
#[derive(Clone, Copy)]
pub(crate) struct Received<'a> {
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    /// As the client sent it: its path is proven.
    pub(crate) uri: &'a Uri,
    /// Where a token may stand beside the `Authorization` header.
    pub(crate) places: &'a [TokenPlace],
}

/// A request that may pass.
pub(crate) struct Admitted {
    pub(crate) token: Token,
    /// What its sender's next proof is to carry, if that changed (RFC 9449 §8.2).
    pub(crate) fresh_nonce: Option<String>,
}

/// Who decides whether a token is good.
pub(crate) enum Validation {
    Jwt,
    Introspection(Introspection),
    Both(Introspection),
}

impl Guard {
    /// Sets up the guard of the API `audience`, which accepts the tokens of `issuer` for exactly that audience. Both are
    /// compared byte for byte. Nothing is asked of the issuer before the first token comes.
    ///
    /// # Errors
    /// [`ConfigError`] if one of them is not an `https` URL, or `http` on this machine, without query and fragment.
    #[expect(
        clippy::new_ret_no_self,
        reason = "a guard has settings, and none of them stands before issuer and audience"
    )]
    pub fn new(
        issuer: impl AsRef<str>,
        audience: impl AsRef<str>,
    ) -> Result<GuardBuilder, ConfigError> {
        GuardBuilder::new(issuer.as_ref(), audience.as_ref())
    }

    /// Sets up the guard of the API `audience`, which accepts the tokens of one issuer for several tenants. `template` is the issuer with
    /// `{tid}` where the tenant stands, such as `https://login.microsoftonline.com/{tid}/v2.0`; the claim `tid` has to say the same tenant.
    /// A token of a tenant that is not listed is of another issuer.
    ///
    /// # Errors
    /// [`ConfigError`]: as [`Guard::new`]; a template that names no tenant, no tenants, or one that could not stand in a URL.
    pub fn of_tenants<S: AsRef<str>>(
        template: &str,
        tenants: impl IntoIterator<Item = S>,
        audience: impl AsRef<str>,
    ) -> Result<GuardBuilder, ConfigError> {
        GuardBuilder::of_tenants(template, tenants, audience.as_ref())
    }

    pub(crate) fn assemble(parts: Parts, resource: Resource) -> Self {
        Self(Arc::new(Inner {
            parts,
            resource: Arc::new(resource),
        }))
    }

    /// The token of a request with `method` and these `headers` to `uri`, validated, with the proof of its key if it is bound
    /// to one. A proof is accepted once: this is called once for each request. `uri` is the one that the client sent, no
    /// prefix taken off; of its host nothing is believed.
    ///
    /// # Errors
    /// [`Denied`], also for a request without credentials.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Token, Denied> {
        let received = Received {
            method,
            headers,
            uri,
            places: &[],
        };
        match self.admit(received).await {
            Ok(Some(admitted)) => Ok(admitted.token),
            Ok(None) => Err(self.deny(Reason::NoCredentials)),
            Err(refusal) => Err(self.deny(refusal)),
        }
    }

    /// As [`Guard::authenticate`], but `None` for a request without credentials. Bad ones are still refused.
    pub(crate) async fn admit(&self, received: Received<'_>) -> Result<Option<Admitted>, Refusal> {
        let Some(credentials) = places::presented(received.headers, received.uri, received.places)?
        else {
            return Ok(None);
        };
        let (claims, fresh_nonce) = match credentials.scheme {
            Scheme::Bearer => (self.bearer(&credentials.token).await?, None),
            Scheme::Dpop => self
                .bound(received, credentials)
                .await
                .map_err(|refusal| refusal.under(Scheme::Dpop))?,
        };
        Ok(Some(Admitted {
            token: self.accepted(claims),
            fresh_nonce,
        }))
    }

    /// Validates the text of a bearer token. One that is bound to a key is refused: it is nothing without its proof, which
    /// [`Guard::authenticate`] looks for.
    ///
    /// # Errors
    /// [`Denied`]: 401 for a token that is not good, 503 if that cannot be known at the moment.
    pub async fn validate(&self, token: &str) -> Result<Token, Denied> {
        match self.bearer(token).await {
            Ok(claims) => Ok(self.accepted(claims)),
            Err(refusal) => Err(self.deny(refusal)),
        }
    }

    /// The claims of a token that its bearer may use without more (RFC 9449 §7.2).
    async fn bearer(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        let claims = self.0.claims(token).await?;
        if claims.bound_to.is_some() {
            return Err(Reason::BoundToKey.into());
        }
        if self.0.resource.dpop_required {
            return Err(Reason::NotBound.into());
        }
        Ok(claims)
    }

    /// The claims of a token whose key was proven (RFC 9449 §7.1), and the nonce for the next proof.
    async fn bound(
        &self,
        received: Received<'_>,
        credentials: Credentials<'_>,
    ) -> Result<(Arc<Claims>, Option<String>), Refusal> {
        let proof = credentials::proof(received.headers)?;
        let claims = self.0.claims(&credentials.token).await?;
        let presented = PresentedProof {
            proof,
            method: received.method,
            path: received.uri.path(),
            token: &credentials.token,
            key: claims.bound_to.as_ref().ok_or(Reason::NotBound)?,
        };
        let fresh_nonce = self.0.parts.dpop.accept(&presented, &self.0.parts.clock)?;
        Ok((claims, fresh_nonce))
    }

    fn accepted(&self, claims: Arc<Claims>) -> Token {
        metrics::counter!("guard_validations_total", "outcome" => "valid").increment(1);
        Token::new(claims, self.clone())
    }

    /// How far it is known which tokens were revoked.
    pub fn revocation_state(&self) -> RevocationState {
        let revocations = self.0.parts.revocations.as_ref();
        revocations.map_or(RevocationState::Off, Revocations::state)
    }

    /// How tokens are validated.
    pub fn mode(&self) -> Mode {
        match self.0.parts.validation {
            Validation::Jwt => Mode::Jwt,
            Validation::Introspection(_) => Mode::Introspection,
            Validation::Both(_) => Mode::Both,
        }
    }

    /// The token of a request that this guard accepted, wherever other guards stand around the handler: what a handler asks that is
    /// for the users of one issuer alone.
    pub fn token_in(&self, extensions: &Extensions) -> Option<Token> {
        Accepted::of(extensions).by(self).cloned()
    }

    /// The issuer whose tokens are accepted; of several the first.
    pub fn issuer(&self) -> &str {
        self.0.parts.issuers.first().issuer.issuer().as_str()
    }

    /// Every issuer whose tokens are accepted.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        let issuers = self.0.parts.issuers.iter();
        issuers.map(|trusted| trusted.issuer.issuer().as_str())
    }

    /// The API, which tokens must be for unless [`GuardBuilder::audiences`] says how else they call it.
    pub fn audience(&self) -> &str {
        self.0.resource.audience.as_str()
    }

    /// What the API says of itself (RFC 9728), to be served as JSON at [`Guard::metadata_path`].
    pub fn metadata(&self) -> ResourceMetadata {
        let issuers = self.issuers().map(str::to_owned).collect();
        self.0.resource.metadata(issuers)
    }

    /// Where the metadata belongs: `/.well-known/oauth-protected-resource`, and the audience's path behind it.
    pub fn metadata_path(&self) -> String {
        self.0.resource.metadata_path()
    }

    pub(crate) fn resource(&self) -> &Arc<Resource> {
        &self.0.resource
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    /// In seconds.
    pub(crate) fn leeway(&self) -> i64 {
        self.0.parts.leeway
    }

    pub(crate) fn deny(&self, refusal: impl Into<Refusal>) -> Denied {
        self.deny_request(refusal, None)
    }

    /// The same for a request that has a name.
    pub(crate) fn deny_request(
        &self,
        refusal: impl Into<Refusal>,
        id: Option<&CorrelationId>,
    ) -> Denied {
        Denied::new(refusal.into(), Some(&self.0.resource), id)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("issuer", &self.issuer())
            .field("audience", &self.audience())
            .field("mode", &self.mode())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Begins to follow what is revoked, with the first token.
    fn follow_revocations(self: &Arc<Self>) {
        let revocations = self.parts.revocations.as_ref();
        if revocations.is_some_and(Revocations::is_to_be_started) {
            revocations::follow(self, |inner| inner.parts.followed());
        }
    }

    async fn claims(self: &Arc<Self>, token: &str) -> Result<Arc<Claims>, Refusal> {
        self.follow_revocations();
        self.parts.judge(token).await.map_err(|mut refusal| {
            refusal.of_another = self.parts.may_be_of_another(token, refusal.reason);
            let hint = self.parts.hints().hint(token, refusal.reason);
            refusal.hint(hint)
        })
    }
}

impl Parts {
    /// What follows revocations, if any are followed.
    fn followed(&self) -> Option<Followed<'_>> {
        Some(Followed {
            revocations: self.revocations.as_ref()?,
            trusted: self.issuers.first(),
            audience: &self.audiences[0],
            leeway: self.leeway,
            expiry_leeway: self.expiry_leeway,
            clock: &self.clock,
        })
    }

    /// Whether a token that was refused for `reason` may be another guard's. One that says it is our issuer's is ours, unless it is
    /// for another audience; of one that says nothing, no more is known than that it is unknown.
    fn may_be_of_another(&self, token: &str, reason: Reason) -> bool {
        match unverified_issuer(token) {
            Some(issuer) if self.issuers.contains(&issuer) => reason == Reason::WrongAudience,
            Some(_) => true,
            None => matches!(
                reason,
                Reason::Malformed
                    | Reason::TooLong
                    | Reason::NotActive
                    | Reason::WrongIssuer
                    | Reason::WrongAudience
                    | Reason::IssuerUnavailable
            ),
        }
    }

    async fn judge(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        if token.len() > MAX_TOKEN {
            return Err(Reason::TooLong.into());
        }
        let claims = self.validate(token, EVER).await?;
        let Some(revocations) = &self.revocations else {
            return Ok(claims);
        };
        match (revocations.judge(&claims), &self.validation) {
            (Verdict::Ended, _) => {
                Err(Refusal::from(Reason::NotActive).because("no revoked token", "a revoked one"))
            }
            (Verdict::Ask { after }, Validation::Jwt) => {
                let asking = &revocations.introspection;
                let answer = self.introspect(asking, token, Origin::Confirmation, after);
                answer.await.map(|_| claims)
            }
            (Verdict::Unknown, Validation::Jwt) => {
                Err(Refusal::unavailable(introspection::RETRY_AFTER))
            }
            // Who asks about every token has asked about this one, but maybe too early.
            (Verdict::Ask { after }, _) if after > EVER => self.validate(token, after).await,
            (Verdict::Passes | Verdict::Ask { .. } | Verdict::Unknown, _) => Ok(claims),
        }
    }

    /// What a token is worth, by what it says and what the issuer says of it when it is asked after that moment.
    async fn validate(&self, token: &str, asked_after: i64) -> Result<Arc<Claims>, Refusal> {
        match &self.validation {
            Validation::Jwt => self.verify(token).await.map(Arc::new),
            Validation::Introspection(introspection) => {
                self.introspect(introspection, token, Origin::Introspection, asked_after)
                    .await
            }
            Validation::Both(introspection) if jwt::is_jwt(token) => {
                let claims = self.verify(token).await?;
                let answer = self
                    .introspect(introspection, token, Origin::Confirmation, asked_after)
                    .await?;
                // An issuer that names a key names the one in the token.
                if answer.bound_to.is_some() && answer.bound_to != claims.bound_to {
                    return Err(Reason::UnknownBinding.into());
                }
                Ok(Arc::new(claims))
            }
            // Of a token that cannot be read here, the answer would have to say that it is an access token.
            Validation::Both(_) if !self.issuers.first().dialect.is_proven_by_introspection() => {
                Err(Reason::Malformed.into())
            }
            Validation::Both(introspection) => {
                self.introspect(introspection, token, Origin::Introspection, asked_after)
                    .await
            }
        }
    }

    async fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        let (trusted, issuer) = self.issuers.of_token(token)?;
        let jwt = Jwt {
            trusted,
            issuer,
            audiences: &self.audiences,
            leeway: self.leeway,
            expiry_leeway: self.expiry_leeway,
            clock: &self.clock,
        };
        jwt.validate(token).await
    }

    async fn introspect(
        &self,
        introspection: &Introspection,
        token: &str,
        origin: Origin,
        asked_after: i64,
    ) -> Result<Arc<Claims>, Refusal> {
        let question = Question {
            audiences: &self.audiences,
            trusted: self.issuers.first(),
            origin,
            asked_after,
            clock: &self.clock,
        };
        introspection.introspect(token, question).await
    }

    fn hints(&self) -> hint::Context<'_> {
        hint::Context {
            issuers: &self.issuers,
            audiences: &self.audiences,
            introspects: !matches!(self.validation, Validation::Jwt),
        }
    }
}
