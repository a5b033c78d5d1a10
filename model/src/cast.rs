//! Who takes part, as the protocol's own values: what the model's small numbers stand for when a rule is asked.

use std::collections::BTreeMap;

use safeconduct_protocol::authentication::{Acr, Authentication, Factor, Factors};
use safeconduct_protocol::authorization_code::AuthorizationCode;
use safeconduct_protocol::claims::ClaimsRequest;
use safeconduct_protocol::client::{
    AuthenticationMethod, Client, ClientInformation, GrantType, OpenIdRegistration, ResponseMode,
};
use safeconduct_protocol::encoding;
use safeconduct_protocol::error::{Reason, Refusal};
use safeconduct_protocol::grant::{Grant, Lifetimes, NewGrant};
use safeconduct_protocol::ids::{ClientId, GrantId, SessionId, UserId};
use safeconduct_protocol::pkce::{CodeChallenge, CodeVerifier};
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::refresh_token::{RefreshToken, Rotation, narrow};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use safeconduct_protocol::token::{CodeExchange, RefreshExchange};

use crate::bounds::Credentials;
use crate::rows::{GrantRow, InForce, Rotating};

const REDIRECT_URI: &str = "https://shop.example.com/callback";
const API: &str = "https://api.example.com";

/// A code that was issued, as a part of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuedCode {
    /// When.
    pub at: Timestamp,
    /// The era it seals.
    pub era: i64,
    /// The epochs it seals.
    pub epochs: InForce,
    /// How many eras had begun by then: tells apart what numbers may not.
    pub history: u8,
    /// Whether everything that was allowed by then has been ended since.
    pub ended: bool,
}

/// One client, one user, one session and the one grant.
pub struct Cast {
    client: Client,
    thief: Client,
    user: UserId,
    session: SessionId,
    grant: GrantId,
    scope: Scope,
    redirect_uri: String,
    code_challenge: CodeChallenge,
    code_exchange: CodeExchange,
    refresh_exchange: RefreshExchange,
    lifetimes: Lifetimes,
    born: Timestamp,
}

impl Cast {
    /// A cast whose client is called `client_id` and whose grant was named at `born`. With `offline`, what the user allows
    /// outlives the session.
    pub fn new(
        client_id: &str,
        credentials: Credentials,
        offline: bool,
        lifetimes: Lifetimes,
        born: Timestamp,
    ) -> Self {
        let scope = if offline {
            "notes.read offline_access"
        } else {
            "notes.read"
        };
        let verifier = CodeVerifier::generate();
        let none = || Secret::new("");
        Self {
            client: client(client_id, credentials),
            thief: client("thief", Credentials::Confidential),
            user: UserId::generate(),
            session: SessionId::generate(),
            grant: GrantId::generate(born.seconds() * 1000),
            scope: Scope::parse(scope).expect("a scope as the RFC spells it"),
            redirect_uri: encoding::sha256_base64url(REDIRECT_URI.as_bytes()),
            code_challenge: verifier.challenge(),
            code_exchange: CodeExchange {
                code: none(),
                redirect_uri: Some(REDIRECT_URI.to_owned()),
                code_verifier: Some(verifier),
                resource: None,
            },
            refresh_exchange: RefreshExchange {
                refresh_token: none(),
                scope: None,
                resource: None,
            },
            lifetimes,
            born,
        }
    }

    /// The client that everything is issued to.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Another client, with credentials of its own.
    pub fn thief(&self) -> &Client {
        &self.thief
    }

    /// The user who allows it.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Where they are signed in.
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// How long things live.
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The grant's id.
    pub fn grant_id(&self) -> GrantId {
        self.grant
    }

    /// What the redemption of `issued`, the request's code of this number, makes. PKCE and redirect URI are right: whoever replays
    /// a request replays all of it.
    ///
    /// # Errors
    /// Those of [`AuthorizationCode::redeem`].
    pub fn redeem(
        &self,
        issued: &IssuedCode,
        code: u8,
        by: &Client,
        now: Timestamp,
    ) -> Result<NewGrant, Refusal> {
        self.code(issued, code)
            .redeem(by, &self.code_exchange, None, &self.lifetimes, now)
    }

    /// What the use of `token` binds to its statement, where `row` is what the store has.
    ///
    /// # Errors
    /// Those of [`RefreshToken::present`] and [`narrow`]; `grant-ended` without a row.
    pub fn rotate(
        &self,
        token: &RefreshToken,
        row: Option<&GrantRow>,
        by: &Client,
        now: Timestamp,
    ) -> Result<Rotating, Refusal> {
        token.present(by, &self.lifetimes, now)?;
        let grant = self.grant(row.ok_or(Reason::GrantEnded)?);
        narrow(&grant, by, &self.refresh_exchange, None)?;
        let rotation = Rotation::new(token, &grant, by, &self.lifetimes, now);
        Ok(Rotating {
            presented: rotation.presented,
            era: token.era,
            retry_window: rotation.retry_window,
            now: rotation.now,
            idle_until: now.plus(self.lifetimes.refresh_idle),
        })
    }

    /// The refresh token of this generation, as it was sealed in `era`.
    pub fn token(&self, generation: i64, era: i64, expires_at: Timestamp) -> RefreshToken {
        RefreshToken {
            grant: self.grant,
            generation,
            era,
            client: self.client.id.clone(),
            expires_at,
        }
    }

    fn code(&self, issued: &IssuedCode, code: u8) -> AuthorizationCode {
        AuthorizationCode {
            grant: self.grant,
            code_id: code.to_string(),
            era: issued.era,
            client: self.client.id.clone(),
            user: self.user.clone(),
            session: self.session.clone(),
            epochs: issued.epochs.into(),
            redirect_uri: self.redirect_uri.clone(),
            code_challenge: Some(self.code_challenge.clone()),
            scope: self.scope.clone(),
            audience: API.to_owned(),
            nonce: None,
            authentication: signed_in(self.born),
            issued_at: issued.at,
            dpop_jkt: None,
            claims: ClaimsRequest::default(),
        }
    }

    fn grant(&self, row: &GrantRow) -> Grant {
        Grant {
            id: self.grant,
            client: self.client.id.clone(),
            user: self.user.clone(),
            scope: self.scope.clone(),
            audience: API.to_owned(),
            authentication: signed_in(self.born),
            generation: row.generation,
            expires_at: row.expires_at,
            idle_expires_at: row.idle_expires_at,
            session: self.session.clone(),
            dpop_jkt: None,
            claims: ClaimsRequest::default(),
        }
    }
}

/// A sign-in by password at `at`.
fn signed_in(at: Timestamp) -> Authentication {
    Authentication {
        factors: Factors::of(Factor::Password, at),
        acr: Acr::Password,
    }
}

fn client(id: &str, credentials: Credentials) -> Client {
    let authentication = match credentials {
        Credentials::Confidential => AuthenticationMethod::ClientSecretBasic,
        Credentials::Public => AuthenticationMethod::None,
    };
    let redirect_uri =
        RedirectUri::register(REDIRECT_URI).expect("an https URL without a fragment");
    Client {
        id: ClientId::parse(id).expect("the model's clients are well named"),
        name: "Shop".to_owned(),
        names: BTreeMap::new(),
        authentication,
        jwks: None,
        assertion_audience: Default::default(),
        redirect_uris: vec![redirect_uri],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        scopes: Scope::parse("notes.read offline_access").expect("a scope as the RFC spells it"),
        groups: Default::default(),
        denied_users: Default::default(),
        require_pkce: true,
        access_token_format: Default::default(),
        consent: Default::default(),
        refresh_shared: Default::default(),
        response_modes: vec![ResponseMode::Query],
        require_pushed_authorization_requests: false,
        require_second_factor: false,
        dpop_bound_access_tokens: false,
        about: ClientInformation::default(),
        openid: OpenIdRegistration::default(),
    }
}
