//! The end of a sign-in: the answer to the authorization request, the exchange of the code (RFC 6749 §4.1.2, §4.1.3), and who
//! signed in (OpenID Connect Core §3.1.3).
//!
//! Everything but [`Client::finish`] is pure. Routes, pages and sessions are built on top of this; how a sign-in begins is
//! `authorization_request.rs`'s concern, what an ID Token must say `id_token.rs`'s.

use http::Method;
use safeconduct_issuer::GivenBy;
use safeconduct_protocol::jose::{Algorithm, KeySet};
use safeconduct_protocol::parameters::Parameters;
use safeconduct_protocol::secret::Secret;
use serde_json::Value;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::grammar;
use crate::issuer::metadata::Metadata;
use crate::issuer::refused::Refused;
use crate::sign_in::attempt::{Attempt, CodeExchange};
use crate::sign_in::id_token::{ExpectedSignIn, StoredIdentity};
use crate::sign_in::identity::worth_keeping;
use crate::sign_in::signed_in::SignedIn;
use crate::sign_in::step_up::SteppingUp;
use crate::tokens::request::{Offer, TokenRequest};
use crate::tokens::response::{Tokens, printable};

/// The longest query of a callback that is read, in bytes.
const LONGEST_QUERY: usize = 8 * 1024;
/// The longest that is kept of what is posted of a user beside the code, in bytes.
const LONGEST_USER: usize = 2 * 1024;

impl Client {
    /// Ends a sign-in: checks the callback's query, or the form that was posted there, against the browser's cookies, redeems the code, and makes sure of who
    /// signed in.
    ///
    /// # Errors
    /// Any [`ErrorKind`] of a sign-in. [`Error::set_cookie`] is to be sent where there is one. A code is never redeemed a
    /// second time, not even after a lost answer: the server would take it for a theft.
    pub async fn finish(
        &self,
        callback_query: &str,
        cookie_header: impl AsRef<[u8]>,
    ) -> Result<SignedIn, Error> {
        let answer = AuthorizationResponse::parse(callback_query)?;
        let attempt = self
            .attempts()
            .find(&answer.state, cookie_header.as_ref(), self.now())?;
        // Only now: an answer to nothing causes no request.
        let metadata = self.metadata().await?;
        let set_cookie = self.attempts().clear(&attempt);
        let redeemed = async {
            let exchange = self.accept(&metadata, answer, attempt)?;
            self.redeem(&metadata, exchange).await
        };
        redeemed
            .await
            .map_err(|error| error.with_cookie(&set_cookie))
    }

    /// Buys tokens with a code, and judges what came with them. Tokens that cannot be taken are given back.
    async fn redeem(&self, metadata: &Metadata, exchange: CodeExchange) -> Result<SignedIn, Error> {
        if self.is_openid() {
            // A code is not spent on an answer that could not be judged.
            self.id_token_algorithm(metadata)?;
            self.keys().ready().await?;
        }
        let key = exchange.attempt.proof_key.as_ref();
        let build = || self.unproven_code_request(metadata, &exchange);
        let asked = exchange.attempt.scope.as_ref().unwrap_or(self.scope());
        let tokens = self.ask(key, build, asked).await?;
        let refresh_token = tokens.refresh_token.clone();
        let taken = self.take(metadata, exchange, tokens).await;
        if taken.is_err() {
            refresh_token.map(|token| self.revoke(token));
        }
        taken
    }

    async fn take(
        &self,
        metadata: &Metadata,
        exchange: CodeExchange,
        tokens: Tokens,
    ) -> Result<SignedIn, Error> {
        let attempt = &exchange.attempt;
        let mut identity = match self.id_token(&tokens)? {
            None => None,
            Some(token) => {
                let algorithm = self.id_token_algorithm(metadata)?;
                let judgement =
                    |keys: &KeySet| self.judge_at_sign_in(algorithm, attempt, &tokens, keys);
                let token = token.expose();
                Some(
                    self.judge(algorithm, token, GivenBy::Issuer, judgement)
                        .await?,
                )
            }
        };
        if let Some(identity) = &mut identity {
            let key = attempt.proof_key.as_ref();
            let said = self
                .user_info(metadata, &tokens, key, &identity.sub)
                .await?;
            identity.user_info = worth_keeping(said, identity.id_token.expose());
        }
        Ok(self.complete(exchange, tokens, identity))
    }

    /// What the answer to [`Client::code_request`] comes to, for an app that sends that itself: the ID Token is judged with
    /// `keys`, the issuer's. Userinfo is not asked. Pure.
    ///
    /// # Errors
    /// [`ErrorKind::TokenResponse`] if the tokens are not bound to a key as they should be; [`ErrorKind::IdToken`].
    pub fn signed_in(
        &self,
        metadata: &Metadata,
        exchange: CodeExchange,
        tokens: Tokens,
        keys: &KeySet,
    ) -> Result<SignedIn, Error> {
        let tokens = tokens.bound_as_asked(exchange.attempt.proof_key.is_some())?;
        let identity = match self.id_token(&tokens)? {
            None => None,
            Some(token) => {
                let algorithm = self.id_token_algorithm(metadata)?;
                let judged = self.judge_at_sign_in(algorithm, &exchange.attempt, &tokens, keys);
                let error = |refused: Refused| {
                    refused.of(ErrorKind::IdToken, algorithm, self.issuer(), token.expose())
                };
                Some(judged.map_err(error)?)
            }
        };
        Ok(self.complete(exchange, tokens, identity))
    }

    /// The ID Token, where one was asked for: then there must be one (OpenID Connect Core §3.1.3.3).
    fn id_token<'t>(&self, tokens: &'t Tokens) -> Result<Option<&'t Secret>, Error> {
        match &tokens.id_token {
            _ if !self.is_openid() => Ok(None),
            Some(token) => Ok(Some(token)),
            None => Err(Error::new(
                ErrorKind::IdToken,
                "the server gave no id_token, though the scope openid was asked for",
            )),
        }
    }

    fn judge_at_sign_in(
        &self,
        algorithm: Algorithm,
        attempt: &Attempt,
        tokens: &Tokens,
        keys: &KeySet,
    ) -> Result<StoredIdentity, Refused> {
        let token = tokens.id_token.as_ref();
        let token = token.ok_or(Refused::Claim("there is no id_token"))?;
        let asked = ExpectedSignIn {
            nonce: &attempt.nonce(),
            signed_in_since: attempt.signed_in_since(),
            step_up: attempt.step_up.as_ref(),
        };
        self.id_token_rules(algorithm, &tokens.access_token)
            .at_sign_in(token, &asked, keys, self.now())
    }

    fn complete(
        &self,
        exchange: CodeExchange,
        tokens: Tokens,
        identity: Option<StoredIdentity>,
    ) -> SignedIn {
        SignedIn {
            step_up: exchange.attempt.asked_step_up(),
            posted_user: exchange.posted_user,
            tokens,
            return_to: exchange.attempt.return_to.as_str().to_owned(),
            set_cookie: self.attempts().clear(&exchange.attempt),
            identity,
            proof_key: exchange.attempt.proof_key,
            issuer: self.issuer().to_owned(),
        }
    }

    /// The code in a callback's query, if the answer is to an attempt of this browser and from the issuer that was asked
    /// (RFC 6749 §4.1.2, RFC 9207 §2.4). Pure but for remembering that the attempt was used.
    ///
    /// # Errors
    /// [`ErrorKind::CallbackMalformed`], [`ErrorKind::AttemptUnknown`], [`ErrorKind::AttemptExpired`],
    /// [`ErrorKind::IssuerMismatch`], [`ErrorKind::AttemptUsed`], and, believed only after all these: [`ErrorKind::AccessDenied`],
    /// [`ErrorKind::InteractionRequired`], [`ErrorKind::AuthorizationRefused`], [`ErrorKind::IssuerBusy`],
    /// [`ErrorKind::StepUpUnmet`], [`ErrorKind::AnotherUser`].
    pub fn authorization_response(
        &self,
        metadata: &Metadata,
        callback_query: &str,
        cookie_header: impl AsRef<[u8]>,
    ) -> Result<CodeExchange, Error> {
        let answer = AuthorizationResponse::parse(callback_query)?;
        let attempt = self
            .attempts()
            .find(&answer.state, cookie_header.as_ref(), self.now())?;
        let set_cookie = self.attempts().clear(&attempt);
        self.accept(metadata, answer, attempt)
            .map_err(|error| error.with_cookie(&set_cookie))
    }

    /// The token request that redeems a code (RFC 6749 §4.1.3), for an app that sends it itself; [`Tokens::parse`] reads the
    /// answer, [`Client::signed_in`] judges it. With DPoP it carries a proof; a nonce that the server then asks for is
    /// [`Client::finish`]'s to add. Pure.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the client cannot authenticate.
    pub fn code_request(
        &self,
        metadata: &Metadata,
        exchange: &CodeExchange,
    ) -> Result<TokenRequest, Error> {
        let request = self.unproven_code_request(metadata, exchange)?;
        match &exchange.attempt.proof_key {
            None => Ok(request),
            Some(key) => {
                let proof = self.prove(key, &Method::POST, request.url(), None)?;
                Ok(request.with_proof(proof))
            }
        }
    }

    fn unproven_code_request(
        &self,
        metadata: &Metadata,
        exchange: &CodeExchange,
    ) -> Result<TokenRequest, Error> {
        let attempt = &exchange.attempt;
        let offer = Offer::AuthorizationCode {
            code: &exchange.code,
            code_verifier: &attempt.code_verifier,
            redirect_uri: match &attempt.redirect_uri {
                Some(redirect_uri) => redirect_uri,
                None => self.redirect_uri()?,
            },
        };
        TokenRequest::for_token(
            &metadata.token_endpoint,
            &self.requester(),
            &offer,
            self.now(),
        )
    }

    fn accept(
        &self,
        metadata: &Metadata,
        answer: AuthorizationResponse,
        attempt: Attempt,
    ) -> Result<CodeExchange, Error> {
        self.check_issuer(metadata, answer.issuer.as_deref())?;
        self.attempts().spend(&attempt, self.now())?;
        tracing::info!(
            attempt = attempt.id,
            refused = answer.outcome.is_err(),
            "the issuer answered a sign-in"
        );
        let code = answer.outcome.map_err(|refused| {
            let step_up = attempt.step_up.as_ref();
            refused.into_error(step_up.is_some_and(SteppingUp::is_of_one_user))
        })?;
        let posted_user = answer.user.filter(|_| self.config().form_post);
        Ok(CodeExchange {
            code,
            attempt,
            posted_user,
        })
    }

    /// RFC 9207 §2.4: compared as strings, and missed where it is promised.
    fn check_issuer(&self, metadata: &Metadata, named: Option<&str>) -> Result<(), Error> {
        let mismatch = |why: String| Err(Error::new(ErrorKind::IssuerMismatch, why));
        match named {
            _ if metadata.issuer != self.issuer() => mismatch(format!(
                "the metadata is of `{}`",
                printable(&metadata.issuer)
            )),
            Some(issuer) if issuer != self.issuer() => {
                mismatch(format!("the answer names `{}`", printable(issuer)))
            }
            None if metadata.names_issuer_in_response => {
                mismatch("the answer names no issuer, though the metadata promises it".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A callback's query, well-formed but not yet believed.
struct AuthorizationResponse {
    state: String,
    issuer: Option<String>,
    outcome: Result<Secret, Refusal>,
    /// What was posted of the user beside the code.
    user: Option<Value>,
}

/// RFC 6749 §4.1.2.1.
struct Refusal {
    error: String,
    description: String,
}

impl AuthorizationResponse {
    fn parse(query: &str) -> Result<Self, Error> {
        let malformed = |why: &str| Error::new(ErrorKind::CallbackMalformed, why);
        if query.len() > LONGEST_QUERY {
            return Err(malformed("the query is longer than 8 KiB"));
        }
        let sent = Parameters::parse(query.as_bytes())
            .map_err(|_| malformed("the query cannot be decoded"))?;
        let one = |name: &str| {
            let value = sent
                .one(name)
                .map_err(|_| malformed("a parameter is repeated"))?;
            Ok::<_, Error>(value.map(str::to_owned))
        };
        if one("response")?.is_some() {
            return Err(malformed("a signed response was not asked for"));
        }
        let state = one("state")?.ok_or_else(|| malformed("there is no state"))?;
        let outcome = match (one("code")?, one("error")?) {
            (Some(code), None) if grammar::is_token(&code) => Ok(Secret::new(code)),
            (Some(_), None) => {
                return Err(malformed(
                    "the code is empty or holds characters no code has",
                ));
            }
            (None, Some(error)) if grammar::is_error_code(&error) => Err(Refusal {
                error,
                description: printable(&one("error_description")?.unwrap_or_default()),
            }),
            (None, Some(_)) => return Err(malformed("the error is not an error code")),
            (Some(_), Some(_)) => return Err(malformed("both a code and an error")),
            (None, None) => return Err(malformed("neither a code nor an error")),
        };
        Ok(Self {
            state,
            issuer: one("iss")?,
            outcome,
            user: one("user")?.and_then(|user| read_user(&user)),
        })
    }
}

/// What Apple says of a user beside the tokens, once: JSON that nobody has signed.
fn read_user(text: &str) -> Option<Value> {
    let user: Value = serde_json::from_str(text).ok()?;
    (text.len() <= LONGEST_USER && user.is_object()).then_some(user)
}

impl Refusal {
    /// As an error of a sign-in, which may have had to be `of_one_user`: then the server, which may show pages, says of another one that
    /// they are not the one.
    fn into_error(self, of_one_user: bool) -> Error {
        let kind = match self.error.as_str() {
            "login_required" if of_one_user => ErrorKind::AnotherUser,
            "unmet_authentication_requirements" => ErrorKind::StepUpUnmet,
            "access_denied" => ErrorKind::AccessDenied,
            "temporarily_unavailable" | "server_error" => ErrorKind::IssuerBusy,
            "login_required"
            | "consent_required"
            | "interaction_required"
            | "account_selection_required" => ErrorKind::InteractionRequired,
            _ => ErrorKind::AuthorizationRefused,
        };
        Error::new(kind, format!("{}: {}", self.error, self.description))
            .with_oauth_error(&self.error)
    }
}
