//! What a fake issuer gives and takes back: codes that buy once, refresh tokens that rotate, one grant behind each.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{
    Algorithm, Audience, Expectation, KeySet, Typ, VerificationKey, Verified, verify,
};
use safeconduct_protocol::pkce::{CodeChallenge, CodeVerifier};
use safeconduct_protocol::random;
use safeconduct_protocol::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::fault::{Fault, IdTokenFlaw};
use super::issuer::{FakeIssuer, Pairs, value, values};
use super::keys::Keys;

/// An OAuth error code.
type Refused = &'static str;

/// The memory of a fake issuer.
pub(super) struct Tokens {
    url: String,
    clock: Clock,
    codes: HashMap<String, Code>,
    pushed: HashMap<String, Pairs>,
    grants: Vec<Grant>,
    pub(super) access_lifetime: Option<i64>,
    pub(super) refresh_prefix: String,
    pub(super) forgives_retries: bool,
    pub(super) steps_up: bool,
    pub(super) trusted: Option<VerificationKey>,
    pub(super) refreshes: usize,
    pub(super) revocations: usize,
    pub(super) saw_reuse: bool,
    /// The form of the last request of the client's for a token.
    pub(super) last_request: Pairs,
    /// The last authorization request that was pushed.
    pub(super) last_pushed: Pairs,
    pub(super) authentications: Vec<&'static str>,
    /// The assertions that were used.
    assertions: HashSet<String>,
}

struct Code {
    redirect_uri: String,
    challenge: CodeChallenge,
    grant: Grant,
    spent_on: Option<usize>,
}

#[derive(Clone, Default)]
struct Grant {
    user: String,
    scope: String,
    /// The APIs that were named, the first of which tokens are for unless another one is asked for.
    resources: Vec<String>,
    /// The session at the issuer.
    session: Option<SignedIn>,
    nonce: String,
    /// The thumbprint of the key that everything is bound to, if it is.
    jkt: Option<String>,
    generation: u64,
    dead: bool,
}

/// A request of an authenticated client, and what is to go wrong with the answer.
pub(super) struct AuthenticatedRequest<'a> {
    pub(super) sent: &'a Pairs,
    /// The thumbprint of the key that was proven.
    pub(super) jkt: Option<String>,
    pub(super) fault: Option<Fault>,
}

/// Somebody who is signed in at the issuer.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub(super) user: String,
    pub(super) sid: String,
    pub(super) at: Timestamp,
    pub(super) acr: Option<String>,
    pub(super) methods: Vec<String>,
}

impl SignedIn {
    /// What a token says of the sign-in (RFC 9068 §2.2.1).
    fn say(&self, claims: &mut Value) {
        claims["auth_time"] = self.at.seconds().into();
        claims["amr"] = self.methods.clone().into();
        if let Some(acr) = &self.acr {
            claims["acr"] = acr.as_str().into();
        }
    }

    /// Proves as much as the request `sent` asks for.
    pub(super) fn step_up(&mut self, sent: &Pairs, now: Timestamp) {
        let asked = value(sent, "acr_values").split(' ').next();
        if let Some(acr) = asked.filter(|acr| !acr.is_empty()) {
            self.acr = Some(acr.to_owned());
        }
        let max_age = value(sent, "max_age").parse();
        if max_age.is_ok_and(|most: i64| now.since(self.at) >= most) {
            self.at = now;
        }
    }
}

impl Tokens {
    pub(super) fn new(url: &str, clock: Clock) -> Self {
        Self {
            url: url.to_owned(),
            clock,
            codes: HashMap::new(),
            pushed: HashMap::new(),
            grants: Vec::new(),
            access_lifetime: Some(300),
            refresh_prefix: "rt-".to_owned(),
            forgives_retries: true,
            steps_up: false,
            trusted: None,
            refreshes: 0,
            revocations: 0,
            saw_reuse: false,
            last_request: Pairs::new(),
            last_pushed: Pairs::new(),
            authentications: Vec::new(),
            assertions: HashSet::new(),
        }
    }

    /// Keeps a pushed authorization request, and gives its `request_uri`.
    pub(super) fn push(&mut self, asked: &AuthenticatedRequest<'_>) -> Result<String, Refused> {
        if value(asked.sent, "client_id") != FakeIssuer::CLIENT_ID
            || !value(asked.sent, "request_uri").is_empty()
        {
            return Err("invalid_request");
        }
        let bound_to = value(asked.sent, "dpop_jkt");
        if asked.jkt.as_deref().is_some_and(|jkt| jkt != bound_to) {
            return Err("invalid_dpop_proof");
        }
        let request_uri = format!("urn:ietf:params:oauth:request_uri:{}", random::token());
        self.last_pushed.clone_from(asked.sent);
        self.pushed.insert(request_uri.clone(), asked.sent.clone());
        Ok(request_uri)
    }

    /// The parameters of an authorization request: the ones that were pushed, if it says so, and then no others.
    pub(super) fn parameters(&mut self, sent: Pairs) -> Option<Pairs> {
        let request_uri = value(&sent, "request_uri");
        if request_uri.is_empty() {
            return Some(sent);
        }
        let pushed = self.pushed.remove(request_uri)?;
        (sent.len() == 2 && value(&sent, "client_id") == FakeIssuer::CLIENT_ID).then_some(pushed)
    }

    /// Approves a proper authorization request: where the answer goes, and the code in it.
    pub(super) fn authorize(&mut self, sent: &Pairs, who: &SignedIn) -> Option<(Url, String)> {
        let openid = value(sent, "scope")
            .split(' ')
            .any(|scope| scope == "openid");
        let proper = value(sent, "response_type") == "code"
            && value(sent, "client_id") == FakeIssuer::CLIENT_ID
            && value(sent, "code_challenge_method") == "S256"
            && !value(sent, "state").is_empty()
            && value(sent, "nonce").is_empty() != openid;
        let challenge = CodeChallenge::parse(value(sent, "code_challenge")).filter(|_| proper)?;
        let redirect_uri = value(sent, "redirect_uri");
        let location = Url::parse(redirect_uri).ok()?;
        let code = random::token();
        let jkt = value(sent, "dpop_jkt");
        let grant = Grant {
            user: who.user.clone(),
            scope: value(sent, "scope").to_owned(),
            resources: values(sent, "resource"),
            session: Some(who.clone()),
            nonce: value(sent, "nonce").to_owned(),
            jkt: (!jkt.is_empty()).then(|| jkt.to_owned()),
            ..Grant::default()
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
        keys: &Keys,
        asked: &AuthenticatedRequest<'_>,
    ) -> Result<Value, Refused> {
        let sent = asked.sent;
        self.last_request.clone_from(sent);
        let grant = match value(sent, "grant_type") {
            "authorization_code" => self.redeem_code(asked)?,
            "refresh_token" => self.rotate(sent, &asked.jkt)?,
            "client_credentials" => {
                let itself = app_itself(asked);
                return Ok(self.answer(keys, &itself, asked.fault));
            }
            _ => return Err("unsupported_grant_type"),
        };
        let kept = &self.grants[grant];
        let mut answer = self.answer(keys, &narrowed(kept, sent), asked.fault);
        if kept.scope.contains("offline_access") {
            let prefix = &self.refresh_prefix;
            answer["refresh_token"] = format!("{prefix}{grant}-{}", kept.generation).into();
        }
        // Only the answer to the sign-in repeats its nonce.
        self.grants[grant].nonce.clear();
        Ok(answer)
    }

    /// What the userinfo endpoint may tell with an access token: whom it is of, and its scope.
    pub(super) fn reads_user_info(
        &self,
        keys: &Keys,
        headers: &HeaderMap,
        jkt: Option<&str>,
    ) -> Option<(String, String)> {
        let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = shown.split_once(' ')?;
        let token = self.access_token(keys, token)?;
        let bound_to = token.claim("cnf").and_then(|cnf| cnf["jkt"].as_str());
        let expected = if bound_to.is_some() { "DPoP" } else { "Bearer" };
        let scope = token.claim("scope").and_then(Value::as_str)?;
        let proper = scheme == expected && bound_to == jkt && scope.contains("openid");
        proper.then(|| (token.sub().unwrap_or_default().to_owned(), scope.to_owned()))
    }

    fn access_token(&self, keys: &Keys, token: &str) -> Option<Verified> {
        // Good here whatever API it is for, as with issuers that add themselves to its audience.
        let expectation = Expectation::new(
            Typ::OneOf(&["at+jwt"]),
            &Algorithm::ALL,
            &self.url,
            Audience::OneParty,
        );
        let keys = keys.verification_keys();
        verify(token, &expectation, &keys, self.clock.now()).ok()
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

    fn redeem_code(&mut self, asked: &AuthenticatedRequest<'_>) -> Result<usize, Refused> {
        let sent = asked.sent;
        let code = self
            .codes
            .get_mut(value(sent, "code"))
            .ok_or("invalid_grant")?;
        let verifier = CodeVerifier::parse(value(sent, "code_verifier"));
        let proven = verifier.is_some_and(|verifier| code.challenge.proven_by(&verifier));
        let bound = code.grant.jkt.is_none() || code.grant.jkt == asked.jkt;
        if !proven || !bound || value(sent, "redirect_uri") != code.redirect_uri {
            return Err("invalid_grant");
        }
        if let Some(grant) = code.spent_on {
            self.saw_reuse = true;
            self.grants[grant].dead = true;
            return Err("invalid_grant");
        }
        code.spent_on = Some(self.grants.len());
        self.grants.push(Grant {
            jkt: asked.jkt.clone(),
            ..code.grant.clone()
        });
        Ok(self.grants.len() - 1)
    }

    /// The current token rotates; the one before it is a retry and gets the same successor; an older one is a theft.
    fn rotate(&mut self, sent: &Pairs, jkt: &Option<String>) -> Result<usize, Refused> {
        let presented = value(sent, "refresh_token");
        self.refreshes += 1;
        let (grant, generation) = self.grant_of(presented).ok_or("invalid_grant")?;
        let kept = &mut self.grants[grant];
        if kept.dead || generation > kept.generation || kept.jkt != *jkt {
            return Err("invalid_grant");
        }
        if let Some(resource) = values(sent, "resource").first()
            && !kept.resources.contains(resource)
        {
            return Err("invalid_target");
        }
        if generation == kept.generation {
            kept.generation += 1;
        } else if !self.forgives_retries || generation + 1 < kept.generation {
            kept.dead = true;
            self.saw_reuse = true;
            return Err("invalid_grant");
        }
        Ok(grant)
    }

    fn grant_of(&self, refresh_token: &str) -> Option<(usize, u64)> {
        let named = refresh_token.strip_prefix(&self.refresh_prefix)?;
        let (grant, generation) = named.split_once('-')?;
        let grant = grant
            .parse()
            .ok()
            .filter(|grant| *grant < self.grants.len())?;
        Some((grant, generation.parse().ok()?))
    }

    fn answer(&self, keys: &Keys, grant: &Grant, fault: Option<Fault>) -> Value {
        let now = self.clock.now();
        let life = self.access_lifetime.unwrap_or(300);
        let audience = grant.resources.first().unwrap_or(&self.url);
        let mut claims = json!({
            "iss": self.url,
            "sub": grant.user,
            "aud": audience,
            "client_id": FakeIssuer::CLIENT_ID,
            "scope": grant.scope,
            "iat": now,
            "exp": now.plus(life),
            "jti": random::token(),
        });
        if let Some(jkt) = &grant.jkt {
            claims["cnf"] = json!({ "jkt": jkt });
        }
        if let Some(session) = &grant.session {
            session.say(&mut claims);
        }
        let access_token = keys
            .for_access()
            .sign_jwt("at+jwt", &claims)
            .expect("a P-256 key signs");
        let bound = grant.jkt.is_some();
        let token_type = match fault {
            Some(Fault::TokenType(name)) => name,
            _ if bound => "DPoP",
            _ => "Bearer",
        };
        let mut answer = json!({ "token_type": token_type, "scope": grant.scope });
        if let Some(life) = self.access_lifetime {
            answer["expires_in"] = life.into();
        }
        let flaw = match fault {
            Some(Fault::IdToken(flaw)) => Some(flaw),
            _ => None,
        };
        if let Some(id_token) = self.id_token(keys, grant, &access_token, flaw) {
            answer["id_token"] = id_token.into();
        }
        answer["access_token"] = access_token.into();
        answer
    }

    /// The ID Token of a grant that was asked to identify somebody.
    fn id_token(
        &self,
        keys: &Keys,
        grant: &Grant,
        access_token: &str,
        flaw: Option<IdTokenFlaw>,
    ) -> Option<String> {
        let session = grant
            .session
            .as_ref()
            .filter(|_| grant.scope.split(' ').any(|scope| scope == "openid"))?;
        let now = self.clock.now();
        let mut claims = json!({
            "iss": self.url,
            "sub": grant.user,
            "aud": FakeIssuer::CLIENT_ID,
            "iat": now,
            "exp": now.plus(300),
            "sid": session.sid,
        });
        session.say(&mut claims);
        if !grant.nonce.is_empty() {
            claims["nonce"] = grant.nonce.as_str().into();
        }
        keys.id_token(claims, access_token, flaw)
    }

    /// Makes sure that the client asks.
    pub(super) fn authenticate(
        &mut self,
        headers: &HeaderMap,
        sent: &Pairs,
    ) -> Result<(), Refused> {
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

    /// Whether it is the client's assertion, for the first time.
    fn is_assertion(&mut self, assertion: &str) -> bool {
        let Some(key) = &self.trusted else {
            return false;
        };
        let audience = [self.url.as_str()];
        let expectation = Expectation::new(
            Typ::OneOf(&["JWT"]),
            &Algorithm::ALL,
            FakeIssuer::CLIENT_ID,
            Audience::ExactlyString(&audience),
        );
        let keys = KeySet::new(vec![key.clone()]);
        let verified = verify(assertion, &expectation, &keys, self.clock.now());
        let jti = verified
            .ok()
            .filter(|verified| verified.sub() == Some(FakeIssuer::CLIENT_ID))
            .and_then(|verified| verified.jti().map(str::to_owned));
        jti.is_some_and(|jti| self.assertions.insert(jti))
    }
}

/// `grant`, for the API and the scope that a token request names.
fn narrowed(grant: &Grant, sent: &Pairs) -> Grant {
    let mut grant = grant.clone();
    let named = values(sent, "resource");
    if !named.is_empty() {
        grant.resources = named;
    }
    if !value(sent, "scope").is_empty() {
        value(sent, "scope").clone_into(&mut grant.scope);
    }
    grant
}

/// The grant of a client that acts for itself.
fn app_itself(asked: &AuthenticatedRequest<'_>) -> Grant {
    Grant {
        user: FakeIssuer::CLIENT_ID.to_owned(),
        scope: value(asked.sent, "scope").to_owned(),
        resources: values(asked.sent, "resource"),
        jkt: asked.jkt.clone(),
        ..Grant::default()
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
