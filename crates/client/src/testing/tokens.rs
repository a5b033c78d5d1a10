//! What a fake issuer gives and takes back: codes that buy once, refresh tokens that rotate, one grant behind each.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{
    Algorithm, Audience, Expectation, KeySet, SigningKey, Typ, VerificationKey, verify,
};
use safeconduct_protocol::pkce::{CodeChallenge, CodeVerifier};
use safeconduct_protocol::random;
use serde_json::{Value, json};
use url::Url;

use super::issuer::{FakeIssuer, Pairs, value};

/// An OAuth error code.
type Refused = &'static str;

/// The memory of a fake issuer.
pub(super) struct Tokens {
    url: String,
    clock: Clock,
    codes: HashMap<String, Code>,
    grants: Vec<Grant>,
    pub(super) access_lifetime: Option<i64>,
    pub(super) trusted: Option<VerificationKey>,
    pub(super) refreshes: usize,
    pub(super) revocations: usize,
    pub(super) saw_reuse: bool,
    pub(super) authentications: Vec<&'static str>,
}

struct Code {
    redirect_uri: String,
    challenge: CodeChallenge,
    grant: Grant,
    spent_on: Option<usize>,
}

#[derive(Clone)]
struct Grant {
    user: String,
    scope: String,
    resource: String,
    generation: u64,
    dead: bool,
}

impl Tokens {
    pub(super) fn new(url: &str, clock: Clock) -> Self {
        Self {
            url: url.to_owned(),
            clock,
            codes: HashMap::new(),
            grants: Vec::new(),
            access_lifetime: Some(300),
            trusted: None,
            refreshes: 0,
            revocations: 0,
            saw_reuse: false,
            authentications: Vec::new(),
        }
    }

    /// Approves a proper authorization request: where the answer goes, and the code in it.
    pub(super) fn authorize(&mut self, sent: &Pairs, user: &str) -> Option<(Url, String)> {
        let proper = value(sent, "response_type") == "code"
            && value(sent, "client_id") == FakeIssuer::CLIENT_ID
            && value(sent, "code_challenge_method") == "S256"
            && !value(sent, "state").is_empty();
        let challenge = CodeChallenge::parse(value(sent, "code_challenge")).filter(|_| proper)?;
        let redirect_uri = value(sent, "redirect_uri");
        let location = Url::parse(redirect_uri).ok()?;
        let code = random::token();
        let grant = Grant {
            user: user.to_owned(),
            scope: value(sent, "scope").to_owned(),
            resource: value(sent, "resource").to_owned(),
            generation: 0,
            dead: false,
        };
        let kept = Code {
            redirect_uri: redirect_uri.to_owned(),
            challenge,
            grant,
            spent_on: None,
        };
        self.codes.insert(code.clone(), kept);
        Some((location, code))
    }

    /// The answer to a token request.
    pub(super) fn redeem(
        &mut self,
        key: &SigningKey,
        headers: &HeaderMap,
        sent: &Pairs,
    ) -> Result<Value, Refused> {
        self.authenticate(headers, sent)?;
        let grant = match value(sent, "grant_type") {
            "authorization_code" => self.redeem_code(sent)?,
            "refresh_token" => self.rotate(value(sent, "refresh_token"))?,
            "client_credentials" => return Ok(self.answer(key, &app_itself(sent), None)),
            _ => return Err("unsupported_grant_type"),
        };
        let kept = &self.grants[grant];
        let refresh_token = format!("rt-{grant}-{}", kept.generation);
        Ok(self.answer(key, kept, Some(refresh_token)))
    }

    pub(super) fn revoke(&mut self, headers: &HeaderMap, sent: &Pairs) -> Result<(), Refused> {
        self.authenticate(headers, sent)?;
        if let Some(grant) = self.grant_of(value(sent, "token")).map(|(grant, _)| grant) {
            self.grants[grant].dead = true;
            self.revocations += 1;
        }
        Ok(())
    }

    pub(super) fn revoke_everything(&mut self) {
        self.grants.iter_mut().for_each(|grant| grant.dead = true);
    }

    fn redeem_code(&mut self, sent: &Pairs) -> Result<usize, Refused> {
        let code = self
            .codes
            .get_mut(value(sent, "code"))
            .ok_or("invalid_grant")?;
        let verifier = CodeVerifier::parse(value(sent, "code_verifier"));
        let proven = verifier.is_some_and(|verifier| code.challenge.proven_by(&verifier));
        if !proven || value(sent, "redirect_uri") != code.redirect_uri {
            return Err("invalid_grant");
        }
        if let Some(grant) = code.spent_on {
            self.saw_reuse = true;
            self.grants[grant].dead = true;
            return Err("invalid_grant");
        }
        code.spent_on = Some(self.grants.len());
        self.grants.push(code.grant.clone());
        Ok(self.grants.len() - 1)
    }

    /// The current token rotates; the one before it is a retry and gets the same successor; an older one is a theft.
    fn rotate(&mut self, presented: &str) -> Result<usize, Refused> {
        self.refreshes += 1;
        let (grant, generation) = self.grant_of(presented).ok_or("invalid_grant")?;
        let kept = &mut self.grants[grant];
        if kept.dead || generation > kept.generation {
            return Err("invalid_grant");
        }
        if generation == kept.generation {
            kept.generation += 1;
        } else if generation + 1 < kept.generation {
            kept.dead = true;
            self.saw_reuse = true;
            return Err("invalid_grant");
        }
        Ok(grant)
    }

    fn grant_of(&self, refresh_token: &str) -> Option<(usize, u64)> {
        let (grant, generation) = refresh_token.strip_prefix("rt-")?.split_once('-')?;
        let grant = grant
            .parse()
            .ok()
            .filter(|grant| *grant < self.grants.len())?;
        Some((grant, generation.parse().ok()?))
    }

    fn answer(&self, key: &SigningKey, grant: &Grant, refresh_token: Option<String>) -> Value {
        let now = self.clock.now();
        let life = self.access_lifetime.unwrap_or(300);
        let audience = if grant.resource.is_empty() {
            &self.url
        } else {
            &grant.resource
        };
        let claims = json!({
            "iss": self.url,
            "sub": grant.user,
            "aud": audience,
            "client_id": FakeIssuer::CLIENT_ID,
            "scope": grant.scope,
            "iat": now,
            "exp": now.plus(life),
            "jti": random::token(),
        });
        let access_token = key.sign_jwt("at+jwt", &claims).expect("a P-256 key signs");
        let mut answer = json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "scope": grant.scope,
        });
        if let Some(life) = self.access_lifetime {
            answer["expires_in"] = life.into();
        }
        if let Some(refresh_token) =
            refresh_token.filter(|_| grant.scope.contains("offline_access"))
        {
            answer["refresh_token"] = refresh_token.into();
        }
        answer
    }

    fn authenticate(&mut self, headers: &HeaderMap, sent: &Pairs) -> Result<(), Refused> {
        let header = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let assertion = value(sent, "client_assertion");
        let secret = value(sent, "client_secret");
        let (method, proven) = match header {
            Some(header) => ("client_secret_basic", is_basic(header)),
            None if !assertion.is_empty() => ("private_key_jwt", self.is_assertion(assertion)),
            None if !secret.is_empty() => {
                ("client_secret_post", secret == FakeIssuer::CLIENT_SECRET)
            }
            None => ("none", value(sent, "client_id") == FakeIssuer::CLIENT_ID),
        };
        self.authentications.push(method);
        if proven {
            Ok(())
        } else {
            Err("invalid_client")
        }
    }

    fn is_assertion(&self, assertion: &str) -> bool {
        let Some(key) = &self.trusted else {
            return false;
        };
        let expectation = Expectation::new(
            Typ::OneOf(&["JWT"]),
            &Algorithm::ALL,
            FakeIssuer::CLIENT_ID,
            Audience::ExactlyString(&self.url),
        );
        let keys = KeySet::new(vec![key.clone()]);
        verify(assertion, &expectation, &keys, self.clock.now()).is_ok_and(|verified| {
            verified.sub() == Some(FakeIssuer::CLIENT_ID) && verified.jti().is_some()
        })
    }
}

/// The grant of a client that acts for itself.
fn app_itself(sent: &Pairs) -> Grant {
    Grant {
        user: FakeIssuer::CLIENT_ID.to_owned(),
        scope: value(sent, "scope").to_owned(),
        resource: value(sent, "resource").to_owned(),
        generation: 0,
        dead: false,
    }
}

/// RFC 6749 §2.3.1: both halves form-encoded, then joined.
fn is_basic(header: &str) -> bool {
    let decode = |text: &str| {
        let pair = format!("x={text}");
        let decoded = form_urlencoded::parse(pair.as_bytes()).next();
        decoded
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let pair = header
        .strip_prefix("Basic ")
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let (id, secret) = pair.split_once(':').unwrap_or_default();
    decode(id) == FakeIssuer::CLIENT_ID && decode(secret) == FakeIssuer::CLIENT_SECRET
}
