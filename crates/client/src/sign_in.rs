//! Signing in, as values: the authorization request, the answer to it, and the exchange of the code (RFC 6749 §4.1).
//!
//! Everything but [`Client::begin`] and [`Client::finish`] is pure. Routes, pages and sessions are built on top of this.

use safeconduct_protocol::parameters::Parameters;
use safeconduct_protocol::secret::Secret;
use url::Url;

use crate::attempt::{Attempt, CodeExchange};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::metadata::Metadata;
use crate::return_to::ReturnTo;
use crate::token_request::{Offer, TokenRequest};
use crate::token_response::{Tokens, is_error_code, printable};

/// The longest query of a callback that is read, in bytes.
const LONGEST_QUERY: usize = 8 * 1024;

/// How a sign-in begins.
#[derive(Clone, Debug, Default)]
pub struct BeginOptions {
    return_to: Option<String>,
    cookie_header: String,
}

impl BeginOptions {
    /// A sign-in that ends at `/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the person goes afterwards: a path of this app. Anything that might lead elsewhere counts as `/`.
    #[must_use]
    pub fn return_to(mut self, path: impl Into<String>) -> Self {
        self.return_to = Some(path.into());
        self
    }

    /// The browser's `Cookie` header, so that its oldest attempts can be cleared away.
    #[must_use]
    pub fn cookie_header(mut self, header: impl Into<String>) -> Self {
        self.cookie_header = header.into();
        self
    }
}

/// A sign-in that began.
#[derive(Clone)]
pub struct Begin {
    /// Where to send the browser.
    pub url: Url,
    /// `Set-Cookie` values to send along: the one that binds this attempt to the browser, then removals of old ones.
    pub set_cookies: Vec<String>,
}

/// A sign-in that ended well.
pub struct SignedIn {
    /// What the server gave.
    pub tokens: Tokens,
    /// The path to send the browser to.
    pub return_to: String,
    /// The `Set-Cookie` value that removes the attempt.
    pub set_cookie: String,
}

impl Client {
    /// Begins a sign-in.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] without a base URL, and whatever keeps the issuer's metadata away.
    pub async fn begin(&self, options: &BeginOptions) -> Result<Begin, Error> {
        let metadata = self.metadata().await?;
        self.authorization_request(&metadata, options)
    }

    /// Ends a sign-in: checks the callback's query against the browser's cookies and redeems the code.
    ///
    /// # Errors
    /// Any [`ErrorKind`] of a sign-in. [`Error::set_cookie`] is to be sent where there is one. A code is never redeemed a
    /// second time, not even after a lost answer: the server would take it for a theft.
    pub async fn finish(
        &self,
        callback_query: &str,
        cookie_header: &str,
    ) -> Result<SignedIn, Error> {
        let answer = AuthorizationResponse::parse(callback_query)?;
        let attempt = self.attempt(&answer, cookie_header)?;
        // Only now: an answer to nothing causes no request.
        let metadata = self.metadata().await?;
        let set_cookie = self.attempts().clear(&attempt);
        let return_to = attempt.return_to.as_str().to_owned();
        let redeemed = async {
            let exchange = self.accept(&metadata, answer, attempt)?;
            let request = self.code_request(&metadata, &exchange)?;
            self.ask(&request, self.scope()).await
        };
        let tokens = redeemed
            .await
            .map_err(|error| error.with_cookie(&set_cookie))?;
        Ok(SignedIn {
            tokens,
            return_to,
            set_cookie,
        })
    }

    /// The authorization request (RFC 6749 §4.1.1) with PKCE S256 and a `state` bound to this browser. Pure.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] without a base URL; [`ErrorKind::IssuerMetadata`] if the issuer has no authorization
    /// endpoint or does not support S256.
    pub fn authorization_request(
        &self,
        metadata: &Metadata,
        options: &BeginOptions,
    ) -> Result<Begin, Error> {
        let unusable = |why: &str| Error::new(ErrorKind::IssuerMetadata, why);
        let endpoint = metadata
            .authorization_endpoint
            .as_ref()
            .ok_or_else(|| unusable("the issuer has no authorization_endpoint"))?;
        if !metadata.supports_s256 {
            return Err(unusable("the issuer does not support PKCE with S256"));
        }
        let redirect_uri = self.redirect_uri()?;
        let now = self.now();
        let begun = self.attempts().begin(self.return_to(options), now);
        let challenge = begun.attempt.code_verifier.challenge();
        let mut url = endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", self.client_id())
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", &begun.state)
            .append_pair("code_challenge", challenge.as_str())
            .append_pair("code_challenge_method", "S256");
        if !self.scope().is_empty() {
            url.query_pairs_mut()
                .append_pair("scope", &self.scope().to_string());
        }
        if let Some(resource) = self.resource() {
            url.query_pairs_mut().append_pair("resource", resource);
        }
        let set_cookies = self
            .attempts()
            .set_cookies(&begun, &options.cookie_header, now)?;
        tracing::info!(attempt = begun.attempt.id, "a sign-in begins");
        Ok(Begin { url, set_cookies })
    }

    /// The code in a callback's query, if the answer is to an attempt of this browser and from the issuer that was asked
    /// (RFC 6749 §4.1.2, RFC 9207 §2.4). Pure but for remembering that the attempt was used.
    ///
    /// # Errors
    /// [`ErrorKind::CallbackMalformed`], [`ErrorKind::AttemptUnknown`], [`ErrorKind::IssuerMismatch`],
    /// [`ErrorKind::AttemptUsed`], and, believed only after all these: [`ErrorKind::AccessDenied`],
    /// [`ErrorKind::AuthorizationRefused`], [`ErrorKind::IssuerBusy`].
    pub fn authorization_response(
        &self,
        metadata: &Metadata,
        callback_query: &str,
        cookie_header: &str,
    ) -> Result<CodeExchange, Error> {
        let answer = AuthorizationResponse::parse(callback_query)?;
        let attempt = self.attempt(&answer, cookie_header)?;
        let set_cookie = self.attempts().clear(&attempt);
        self.accept(metadata, answer, attempt)
            .map_err(|error| error.with_cookie(&set_cookie))
    }

    /// The token request that redeems a code (RFC 6749 §4.1.3), for whoever sends it themselves; [`Tokens::parse`] reads the
    /// answer. Pure.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the client cannot authenticate.
    pub fn code_request(
        &self,
        metadata: &Metadata,
        exchange: &CodeExchange,
    ) -> Result<TokenRequest, Error> {
        let offer = Offer::AuthorizationCode {
            code: &exchange.code,
            code_verifier: &exchange.attempt.code_verifier,
            redirect_uri: self.redirect_uri()?,
        };
        TokenRequest::for_token(&metadata.token_endpoint, &self.asker(), &offer, self.now())
    }

    fn attempt(
        &self,
        answer: &AuthorizationResponse,
        cookie_header: &str,
    ) -> Result<Attempt, Error> {
        self.attempts()
            .find(&answer.state, cookie_header, self.now())
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::AttemptUnknown,
                    "no cookie of this browser belongs to the answer's state",
                )
            })
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
        let code = answer.outcome.map_err(|refused| refused.into_error())?;
        Ok(CodeExchange { code, attempt })
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

    fn return_to(&self, options: &BeginOptions) -> ReturnTo {
        options
            .return_to
            .as_deref()
            .and_then(ReturnTo::parse)
            .filter(|path| !path.is_under(self.routes_path()))
            .unwrap_or_default()
    }
}

/// A callback's query, well-formed but not yet believed.
struct AuthorizationResponse {
    state: String,
    issuer: Option<String>,
    outcome: Result<Secret, Refused>,
}

/// RFC 6749 §4.1.2.1.
struct Refused {
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
            (Some(code), None) => Ok(Secret::new(code)),
            (None, Some(error)) if is_error_code(&error) => Err(Refused {
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
        })
    }
}

impl Refused {
    fn into_error(self) -> Error {
        let kind = match self.error.as_str() {
            "access_denied" => ErrorKind::AccessDenied,
            "temporarily_unavailable" | "server_error" => ErrorKind::IssuerBusy,
            _ => ErrorKind::AuthorizationRefused,
        };
        Error::new(kind, format!("{}: {}", self.error, self.description))
            .with_oauth_error(&self.error)
    }
}
