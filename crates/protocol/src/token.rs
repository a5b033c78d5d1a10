//! The token endpoint's request and answer (RFC 6749 §4–§6) and what an access token says (RFC 9068).

use std::{borrow::Cow, ops::Range};

use serde::{Deserialize, Serialize};

use crate::{
    authentication::Acr,
    claims,
    client::{Client, GrantType},
    dpop::Thumbprint,
    error::{Reason, Refusal},
    grant::{Grant, Lifetimes},
    ids::{ClientId, GrantId, new_id},
    parameters::Parameters,
    pkce::CodeVerifier,
    resource::{Audiences, Resources, one_resource},
    scope::{OFFLINE_ACCESS, OPENID, Scope},
    seal::Kind,
    sealed::{Sealed, until},
    secret::Secret,
    time::Timestamp,
};

/// A request at the token endpoint, by its grant type.
pub enum TokenRequest {
    /// RFC 6749 §4.1.3.
    AuthorizationCode(CodeExchange),
    /// RFC 6749 §6.
    RefreshToken(RefreshExchange),
    /// RFC 6749 §4.4.2.
    ClientCredentials(ClientCredentialsRequest),
}

/// A code offered for tokens (RFC 6749 §4.1.3).
pub struct CodeExchange {
    /// The sealed code.
    pub code: Secret,
    /// The redirect URI of the authorization request, the same string.
    pub redirect_uri: Option<String>,
    /// The PKCE verifier (RFC 7636 §4.5).
    pub code_verifier: Option<CodeVerifier>,
    /// May only name what was granted (RFC 8707 §2.2).
    pub resource: Option<String>,
}

/// A refresh token offered for tokens (RFC 6749 §6).
pub struct RefreshExchange {
    /// The sealed refresh token.
    pub refresh_token: Secret,
    /// Narrows the access token.
    pub scope: Option<Scope>,
    /// May only name what was granted.
    pub resource: Option<String>,
}

/// A client's request for a token of its own (RFC 6749 §4.4.2).
pub struct ClientCredentialsRequest {
    /// What it asks for.
    pub scope: Option<Scope>,
    /// For which API (RFC 8707).
    pub resource: Option<String>,
}

impl TokenRequest {
    /// Reads the parameters of a token request.
    ///
    /// # Errors
    /// `grant-type-missing`, `grant-type-unsupported`, a missing, repeated or malformed parameter.
    pub fn parse(parameters: &Parameters) -> Result<Self, Refusal> {
        let name = parameters.required("grant_type", Reason::GrantTypeMissing)?;
        let grant_type = GrantType::parse(name).ok_or(Reason::GrantTypeUnsupported)?;
        let scope = match parameters.one("scope")? {
            Some(text) => Some(Scope::parse(text).ok_or(Reason::ScopeMalformed)?),
            None => None,
        };
        // Nothing but spaces is empty, and empty is absent (RFC 6749 §3.1).
        let scope = scope.filter(|scope| !scope.is_empty());
        let resource = one_resource(parameters)?.map(str::to_owned);
        Ok(match grant_type {
            GrantType::AuthorizationCode => Self::AuthorizationCode(CodeExchange {
                code: Secret::new(parameters.required("code", Reason::CodeMissing)?),
                redirect_uri: parameters.one("redirect_uri")?.map(str::to_owned),
                code_verifier: verifier(parameters)?,
                resource,
            }),
            GrantType::RefreshToken => Self::RefreshToken(RefreshExchange {
                refresh_token: Secret::new(
                    parameters.required("refresh_token", Reason::RefreshTokenMissing)?,
                ),
                scope,
                resource,
            }),
            GrantType::ClientCredentials => {
                Self::ClientCredentials(ClientCredentialsRequest { scope, resource })
            }
        })
    }

    /// The grant type.
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode(_) => GrantType::AuthorizationCode,
            Self::RefreshToken(_) => GrantType::RefreshToken,
            Self::ClientCredentials(_) => GrantType::ClientCredentials,
        }
    }

    /// Refuses a grant type that `client` is not registered for, and a request without a proof of a key where its tokens must
    /// be bound to one (RFC 9449 §5.2).
    ///
    /// # Errors
    /// `grant-type-not-allowed`; `public-client` for client credentials without credentials; `dpop-proof-missing`.
    pub fn allowed_for(&self, client: &Client, key: Option<&Thumbprint>) -> Result<(), Refusal> {
        if client.dpop_bound_access_tokens && key.is_none() {
            return Err(Reason::DpopProofMissing.into());
        }
        let grant_type = self.grant_type();
        if !client.may_use(grant_type) {
            return Err(Refusal::new(Reason::GrantTypeNotAllowed).because(grant_type.as_str()));
        }
        if grant_type == GrantType::ClientCredentials && client.is_public() {
            return Err(Reason::PublicClient.into());
        }
        Ok(())
    }
}

/// What a client gets for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientGrant {
    /// What its token lets it do.
    pub scope: Scope,
    /// For which API, or the issuer.
    pub audience: String,
    /// What it asked for beside that, and does not get.
    pub left_out: Scope,
}

impl ClientCredentialsRequest {
    /// What the client gets: of what it asks for, or without `scope` of everything, that which it is registered for (RFC 6749
    /// §3.3), as far as the API it names gives it a meaning. Never what only a user can give.
    ///
    /// # Errors
    /// Where nothing is left, `scope-none-of-its-own`, `scope-needs-a-person` or `scope-not-registered`; and the errors of
    /// [`Resources::audience`].
    pub fn decide(
        &self,
        client: &Client,
        resources: &Resources,
        issuer: &str,
    ) -> Result<ClientGrant, Refusal> {
        let its_own = client.scopes.without(&claims::scopes_of_people());
        let asked = self.scope.as_ref().filter(|asked| !asked.is_empty());
        let (scope, left_out) = match asked {
            Some(asked) => (asked.intersection(&its_own), asked.without(&its_own)),
            None => (self.all_of(&its_own, resources), Scope::default()),
        };
        if scope.is_empty() {
            let reason = match asked {
                None => return Err(Reason::ScopeNoneOfItsOwn.into()),
                Some(asked) if asked.intersection(&client.scopes).is_empty() => {
                    Reason::ScopeNotRegistered
                }
                Some(_) => Reason::ScopeNeedsAPerson,
            };
            return Err(Refusal::new(reason).because(left_out.briefly()));
        }
        let audience = resources.audience(self.resource.as_deref(), &scope, issuer)?;
        Ok(ClientGrant {
            scope,
            audience,
            left_out,
        })
    }

    fn all_of(&self, its_own: &Scope, resources: &Resources) -> Scope {
        let named = self.resource.as_deref().and_then(|uri| resources.find(uri));
        let of_the_named = named.map(|resource| its_own.intersection(&resource.scopes));
        of_the_named
            .filter(|scope| !scope.is_empty())
            .unwrap_or_else(|| its_own.clone())
    }
}

fn verifier(parameters: &Parameters) -> Result<Option<CodeVerifier>, Refusal> {
    match parameters.one("code_verifier")? {
        Some(text) => Ok(Some(
            CodeVerifier::parse(text).ok_or(Reason::CodeVerifierMalformed)?,
        )),
        None => Ok(None),
    }
}

/// The `typ` of a signed access token (RFC 9068 §2.1).
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// What an access token says (RFC 9068 §2.2); the same whether it is signed or sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// This server's issuer identifier.
    pub iss: String,
    /// The user, or the client itself for client credentials.
    pub sub: String,
    /// The API; beside it this server itself, for UserInfo, where the scope holds `openid`.
    pub aud: Audiences,
    /// When it ends.
    pub exp: Timestamp,
    /// When it was minted.
    pub iat: Timestamp,
    /// Its own name: 128 random bits.
    pub jti: String,
    /// To whom it was issued.
    pub client_id: ClientId,
    /// What it lets its bearer do.
    pub scope: Scope,
    /// When the user proved all that `acr` takes (RFC 9068 §2.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// The authentication context (RFC 9068 §2.2.1, RFC 9470 §6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// The authentication methods (RFC 9068 §2.2.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<Cow<'static, str>>,
    /// The groups of the user, where its client is registered to be told them here (RFC 9068 §2.2.3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// The grant it lives and dies with; absent for client credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<GrantId>,
    /// For client credentials: the client's epoch, so that disabling the client ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_epoch: Option<i64>,
    /// The history of the database it belongs to.
    pub era: i64,
    /// The key that whoever presents it must prove (RFC 9449 §6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// The authentication methods of `grant`, as its access tokens name them.
fn methods(grant: &Grant) -> Vec<Cow<'static, str>> {
    let methods = grant.authentication.factors.methods();
    methods.into_iter().map(Cow::Borrowed).collect()
}

/// The key a token is bound to (RFC 7800 §3.1, RFC 9449 §6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Its thumbprint.
    pub jkt: Thumbprint,
}

/// What an access token is made of beside what was granted.
#[derive(Clone, Debug)]
pub struct AccessTokenParts<'a> {
    /// This server's issuer identifier.
    pub issuer: &'a str,
    /// The history of the database.
    pub era: i64,
    /// The key it is bound to.
    pub key: Option<Thumbprint>,
    /// Seconds it is good for.
    pub lifetime: i64,
    /// When it is minted.
    pub now: Timestamp,
}

impl AccessToken {
    /// A token of `grant` that carries `scope`, about the user whom its client knows as `subject`.
    pub fn of_grant(
        grant: &Grant,
        subject: String,
        scope: Scope,
        parts: AccessTokenParts<'_>,
    ) -> Self {
        let aud = Audiences::of(&grant.audience, &scope, parts.issuer);
        Self {
            auth_time: Some(grant.authentication.auth_time()),
            acr: Some(grant.authentication.acr),
            amr: methods(grant),
            grant_id: Some(grant.id),
            ..Self::new(grant.client.clone(), subject, aud, scope, parts)
        }
    }

    /// A token of the client's own (RFC 6749 §4.4): the scope and audience that were decided, under the client's epoch.
    pub fn of_client(
        client: &ClientId,
        granted: ClientGrant,
        epoch: i64,
        parts: AccessTokenParts<'_>,
    ) -> Self {
        let ClientGrant {
            scope, audience, ..
        } = granted;
        let subject = client.as_str().to_owned();
        Self {
            client_epoch: Some(epoch),
            ..Self::new(
                client.clone(),
                subject,
                Audiences::One(audience),
                scope,
                parts,
            )
        }
    }

    fn new(
        client_id: ClientId,
        sub: String,
        aud: Audiences,
        scope: Scope,
        parts: AccessTokenParts<'_>,
    ) -> Self {
        Self {
            iss: parts.issuer.to_owned(),
            sub,
            aud,
            exp: parts.now.plus(parts.lifetime),
            iat: parts.now,
            jti: new_id(),
            client_id,
            scope,
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            groups: None,
            grant_id: None,
            client_epoch: None,
            era: parts.era,
            cnf: parts.key.map(|jkt| Confirmation { jkt }),
        }
    }

    /// The first claim that says something else than `grant`, the row that the token names: a signature alone vouches for
    /// nobody once a signing key was lost. `subject` is the user as `client` knows them. The scope may be narrower than the
    /// grant's, and a client with credentials may have changed its key since (RFC 9449 §5).
    pub fn differs_from(
        &self,
        grant: &Grant,
        client: &Client,
        subject: &str,
        issuer: &str,
    ) -> Option<&'static str> {
        let key = self.cnf.as_ref().map(|confirmation| &confirmation.jkt);
        let may_change_key = !client.is_public() || grant.dpop_jkt.is_none();
        let judged = [
            ("client_id", self.client_id == grant.client),
            ("sub", self.sub == subject),
            ("scope", self.scope.is_within(&grant.scope)),
            (
                "aud",
                self.aud == Audiences::of(&grant.audience, &self.scope, issuer),
            ),
            (
                "auth_time",
                self.auth_time == Some(grant.authentication.auth_time()),
            ),
            ("acr", self.acr == Some(grant.authentication.acr)),
            ("amr", self.amr == methods(grant)),
            ("cnf", may_change_key || key == grant.dpop_jkt.as_ref()),
        ];
        judged.iter().find(|(_, same)| !same).map(|(name, _)| *name)
    }

    /// The first claim that no token of `client`'s own says (RFC 6749 §4.4). There is no row to compare it with: the client's
    /// registration is what it rests on.
    pub fn differs_from_own_of(&self, client: &Client) -> Option<&'static str> {
        let judged = [
            ("client_id", self.client_id == client.id),
            ("sub", self.sub == client.id.as_str()),
            (
                "scope",
                !self.scope.contains(OPENID) && !self.scope.contains(OFFLINE_ACCESS),
            ),
            ("aud", matches!(self.aud, Audiences::One(_))),
            ("auth_time", self.auth_time.is_none()),
            ("acr", self.acr.is_none()),
            ("amr", self.amr.is_empty()),
            (
                "client_epoch",
                self.client_epoch.is_some() && client.may_use(GrantType::ClientCredentials),
            ),
        ];
        judged.iter().find(|(_, same)| !same).map(|(name, _)| *name)
    }

    /// How it is presented (RFC 6750 §1.1, RFC 9449 §5).
    pub fn token_type(&self) -> &'static str {
        if self.cnf.is_some() { "DPoP" } else { "Bearer" }
    }
}

impl Sealed for AccessToken {
    const KIND: Kind = Kind::AccessToken;
    const NOT_RECOGNISED: Reason = Reason::AccessTokenRefused;
    const OVER: Reason = Reason::AccessTokenRefused;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, _: &Lifetimes) -> Range<Timestamp> {
        until(self.exp)
    }
}

/// The answer of the token endpoint (RFC 6749 §5.1).
#[derive(Serialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// `Bearer` (RFC 6750), or `DPoP` for a token that is bound to a key (RFC 9449 §5).
    pub token_type: &'static str,
    /// Seconds the access token is good for.
    pub expires_in: i64,
    /// The next refresh token, where the client may refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Who signed in, where the scope holds `openid` (OpenID Connect Core §3.1.3.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// What was granted.
    pub scope: Scope,
}
