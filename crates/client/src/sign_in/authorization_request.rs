//! The beginning of a sign-in: what the issuer is asked for (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1), and the cookie
//! that binds the answer to this browser.
//!
//! Everything but [`Client::begin`] is pure. Pushing the request is `pushed_request.rs`'s concern, the answer `authorization_response.rs`'s.

use std::borrow::Cow;

use safeconduct_protocol::scope::Scope;
use url::Url;

use crate::client::Client;
use crate::config::OPENID;
use crate::error::{Error, ErrorKind};
use crate::issuer::metadata::Metadata;
use crate::session::Session;
use crate::sign_in::attempt::{StartedAttempt, Wanted};
use crate::sign_in::id_token::StoredIdentity;
use crate::sign_in::identity::Identity;
use crate::sign_in::login_options::LoginOptions;
use crate::sign_in::return_to::ReturnTo;
use crate::sign_in::step_up::{StepUp, SteppingUp};
use crate::tokens::proof_key::StoredKey;
use crate::tokens::resource::scope;

/// The longest ID Token that goes along as a hint, in bytes: it may be a part of an address.
const LONGEST_HINT: usize = 4 * 1024;

/// How a sign-in begins.
#[derive(Clone, Debug, Default)]
pub struct BeginOptions {
    return_to: Option<String>,
    cookie_header: Vec<u8>,
    login: LoginOptions,
    scopes: Option<Vec<String>>,
    step_up: Option<StepUpOfUser>,
    /// Where the answer goes, if that is not the client's own redirect URI.
    redirect_uri: Option<String>,
}

/// What is asked of a sign-in, and of whom.
#[derive(Clone, Debug)]
struct StepUpOfUser {
    asked: StepUp,
    session: Option<Session>,
}

impl BeginOptions {
    /// A sign-in that ends at `/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the user goes afterwards: a path of this app. Anything that might lead elsewhere counts as `/`.
    #[must_use]
    pub fn return_to(mut self, path: impl Into<String>) -> Self {
        self.return_to = Some(path.into());
        self
    }

    /// The browser's `Cookie` header, so that its oldest attempts can be cleared away.
    #[must_use]
    pub fn cookie_header(mut self, header: impl Into<Vec<u8>>) -> Self {
        self.cookie_header = header.into();
        self
    }

    /// Wishes for this sign-in; where they are silent, the ones of [`ClientBuilder::login`](crate::ClientBuilder::login) hold.
    #[must_use]
    pub fn login(mut self, wishes: LoginOptions) -> Self {
        self.login = wishes;
        self
    }

    /// What this sign-in asks for, in place of the client's scopes. `openid` goes along where the client has it.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// What this sign-in asks for where that is not what all of `client` do.
    fn own_scope(&self, client: &Client) -> Result<Option<Scope>, Error> {
        let Some(names) = &self.scopes else {
            return Ok(None);
        };
        let own = scope(names)?;
        let openid = Scope::parse(OPENID).unwrap_or_default();
        match (client.is_openid(), own.contains(OPENID)) {
            (true, _) => Ok(Some(own.union(&openid))),
            (false, false) => Ok(Some(own)),
            (false, true) => Err(Error::configuration(
                "`openid` is for all sign-ins of a client or for none: name it in `.scopes(…)` of the client",
            )),
        }
    }

    /// A sign-in of the user whose session this is that is as strong and as recent as `asked` says (RFC 9470 §4). The server is asked for
    /// it by `acr_values`, `max_age` and `id_token_hint`, and what it answers is held to it: another user ends it with
    /// [`ErrorKind::AnotherUser`], less than was asked with [`ErrorKind::StepUpUnmet`]; then the session is as it was. Otherwise it is
    /// replaced by one under a new cookie, which keeps the name and the values that the app gave it.
    #[must_use]
    pub fn step_up(mut self, session: &Session, asked: &StepUp) -> Self {
        self.step_up = Some(StepUpOfUser {
            asked: asked.clone(),
            session: Some(session.clone()),
        });
        self
    }

    /// The same where no user is signed in, so that any user may do.
    #[cfg(feature = "axum")]
    pub(crate) fn for_any_user(mut self, asked: &StepUp) -> Self {
        self.step_up = Some(StepUpOfUser {
            asked: asked.clone(),
            session: None,
        });
        self
    }

    /// The same with the answer going to `redirect_uri`, which the app listens at for this sign-in alone.
    #[cfg(feature = "native")]
    pub(crate) fn redirect_uri(mut self, redirect_uri: &str) -> Self {
        self.redirect_uri = Some(redirect_uri.to_owned());
        self
    }

    /// The wishes for this sign-in.
    fn wishes(&self, general: &LoginOptions) -> LoginOptions {
        let wishes = self.login.over(general);
        match &self.step_up {
            Some(StepUpOfUser { asked, session }) => {
                let identity = session.as_ref().and_then(Session::identity);
                wishes.stepping_up(asked, identity.and_then(Identity::acr))
            }
            None => wishes,
        }
    }

    /// The user who steps up.
    fn user(&self) -> Option<&StoredIdentity> {
        self.step_up.as_ref()?.session.as_ref()?.stored_identity()
    }

    /// What the sign-in is held to if it steps up.
    fn stepping_up(&self) -> Option<SteppingUp> {
        let asked = &self.step_up.as_ref()?.asked;
        let user = self.user().map(|user| user.sub.as_str());
        Some(SteppingUp::new(asked, user))
    }
}

/// A sign-in that began. With axum it is a response: the redirect, with its cookies.
#[derive(Clone)]
pub struct Begin {
    /// Where to send the browser.
    pub url: Url,
    /// `Set-Cookie` values to send along: the one that binds this attempt to the browser, then removals of old ones.
    pub set_cookies: Vec<String>,
}

/// An authorization request before it is put into an address or pushed.
struct Prepared {
    parameters: Vec<(Cow<'static, str>, String)>,
    proof_key: Option<StoredKey>,
    set_cookies: Vec<String>,
}

impl Client {
    /// Begins a sign-in. The request is pushed to the issuer first, where it takes that (RFC 9126).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] without a base URL, [`ErrorKind::PushedRequest`], and whatever keeps the issuer's metadata
    /// away.
    pub async fn begin(&self, options: &BeginOptions) -> Result<Begin, Error> {
        let metadata = self.metadata().await?;
        let endpoint = authorization_endpoint(&metadata)?;
        let prepared = self.prepare(&metadata, options)?;
        let key = prepared.proof_key.as_ref();
        let pushed = self.push(&metadata, &prepared.parameters, key).await?;
        let url = match pushed {
            Some(request_uri) => self.address(endpoint, &[("request_uri".into(), request_uri)]),
            None => self.address(endpoint, &prepared.parameters),
        };
        Ok(Begin {
            url,
            set_cookies: prepared.set_cookies,
        })
    }

    /// The authorization request (RFC 6749 §4.1.1) with PKCE S256 and a `state` bound to this browser, in the plain way: pushing
    /// one is [`Client::begin`]'s. Pure.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] without a base URL, or where requests must be pushed; [`ErrorKind::IssuerMetadata`] if the
    /// issuer has no authorization endpoint or does not support S256.
    pub fn authorization_request(
        &self,
        metadata: &Metadata,
        options: &BeginOptions,
    ) -> Result<Begin, Error> {
        if self.must_push(metadata) {
            return Err(Error::configuration(
                "authorization requests must be pushed to this issuer; use `Client::begin`",
            ));
        }
        let endpoint = authorization_endpoint(metadata)?;
        let prepared = self.prepare(metadata, options)?;
        Ok(Begin {
            url: self.address(endpoint, &prepared.parameters),
            set_cookies: prepared.set_cookies,
        })
    }

    /// Begins an attempt, and says what to ask for it.
    fn prepare(&self, metadata: &Metadata, options: &BeginOptions) -> Result<Prepared, Error> {
        let unusable = |why: &str| Error::new(ErrorKind::IssuerMetadata, why);
        if !metadata.supports_s256 {
            return Err(unusable("the issuer does not support PKCE with S256"));
        }
        let proof_key = match self.config().dpop {
            true if !metadata.takes_es256_proofs => {
                return Err(unusable("the issuer takes no DPoP proofs with ES256"));
            }
            true => Some(StoredKey::generate()?),
            false => None,
        };
        options.login.check()?;
        let own_scope = options.own_scope(self)?;
        let wishes = options.wishes(&self.config().login);
        let step_up = options.stepping_up();
        if step_up.is_some() && !self.is_openid() {
            return Err(Error::configuration(
                "a step-up needs the scope openid: without it nothing says who signed in, and how",
            ));
        }
        let wanted = Wanted {
            max_age: wishes.oldest_sign_in().filter(|_| self.is_openid()),
            step_up,
            proof_key: proof_key.clone(),
            redirect_uri: options.redirect_uri.clone(),
            scope: own_scope,
        };
        let now = self.now();
        let begun = self.attempts().begin(self.return_to(options), wanted, now);
        let parameters = self.parameters(&begun, options, &wishes)?;
        let set_cookies = self
            .attempts()
            .set_cookies(&begun, &options.cookie_header, now)?;
        tracing::info!(attempt = begun.attempt.id, "a sign-in begins");
        Ok(Prepared {
            parameters,
            proof_key,
            set_cookies,
        })
    }

    /// What the issuer is asked for by the attempt `begun`.
    fn parameters(
        &self,
        begun: &StartedAttempt,
        options: &BeginOptions,
        wishes: &LoginOptions,
    ) -> Result<Vec<(Cow<'static, str>, String)>, Error> {
        let attempt = &begun.attempt;
        let redirect_uri = match &attempt.redirect_uri {
            Some(redirect_uri) => redirect_uri,
            None => self.redirect_uri()?,
        };
        let challenge = attempt.code_verifier.challenge();
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("redirect_uri", redirect_uri.to_owned()),
            ("state", begun.state.clone()),
            ("code_challenge", challenge.as_str().to_owned()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        let scope = attempt.scope.as_ref().unwrap_or(self.scope());
        if !scope.is_empty() {
            parameters.push(("scope", scope.to_string()));
        }
        // All of them: what was not named here may be refused when its token is asked for (RFC 8707 §2.2).
        let indicators = self.targets().indicators().map(str::to_owned);
        parameters.extend(indicators.map(|resource| ("resource", resource)));
        if self.is_openid() {
            parameters.push(("nonce", attempt.nonce()));
            parameters.extend(wishes.parameters());
            let hint = options.user().map(|user| user.id_token.expose());
            let hint = hint.filter(|token| token.len() <= LONGEST_HINT);
            parameters.extend(hint.map(|token| ("id_token_hint", token.to_owned())));
        }
        if self.config().form_post {
            parameters.push(("response_mode", "form_post".to_owned()));
        }
        if let Some(key) = &attempt.proof_key {
            parameters.push(("dpop_jkt", key.thumbprint()?.to_string()));
        }
        let more = wishes.more().iter().cloned();
        let more = more.map(|(name, value)| (Cow::Owned(name), value));
        let usual = parameters.into_iter();
        let usual = usual.map(|(name, value)| (Cow::Borrowed(name), value));
        Ok(usual.chain(more).collect())
    }

    fn address(&self, endpoint: &Url, parameters: &[(Cow<'static, str>, String)]) -> Url {
        let mut url = endpoint.clone();
        url.query_pairs_mut()
            .append_pair("client_id", self.client_id())
            .extend_pairs(parameters);
        url
    }

    fn return_to(&self, options: &BeginOptions) -> ReturnTo {
        options
            .return_to
            .as_deref()
            .and_then(ReturnTo::parse)
            .filter(|path| !path.is_under(self.routes_path()))
            .unwrap_or_default()
    }
}

fn authorization_endpoint(metadata: &Metadata) -> Result<&Url, Error> {
    metadata.authorization_endpoint.as_ref().ok_or_else(|| {
        Error::new(
            ErrorKind::IssuerMetadata,
            "the issuer has no authorization_endpoint",
        )
    })
}
