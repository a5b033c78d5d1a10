//! One run of an attack: the sign-ins and requests it is made of, and what was expected against what came.

use http::header;
use reqwest::RequestBuilder;
use safeconduct_protocol::dpop::ProofKey;
use safeconduct_protocol::pkce::CodeVerifier;
use safeconduct_protocol::random;
use safeconduct_protocol::scope::OPENID;
use safeconduct_protocol::secret::Secret;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::MutexGuard;
use url::Url;

use super::answer::{Came, Expected};
use super::{Attack, Credentials, Parts};
use crate::addresses::Addresses;
use crate::browser::{Browser, Lost};
use crate::message::DPOP;
use crate::people::{CALENDAR, NOTES_READ};
use crate::recorder::FlowId;
use crate::threads::RUN;
use crate::wire::Wire;

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// The app, doing what it should: it must succeed, or the refusal beside it proves nothing.
    App,
    /// The attacker.
    Attacker,
}

/// One request of a run: what was expected of it, and what came.
#[derive(Debug, Serialize)]
pub(crate) struct Trial {
    pub(crate) role: Role,
    /// What was done.
    pub(crate) deed: &'static str,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// What the refusal said.
    pub(crate) reason: String,
    pub(crate) passed: bool,
}

/// How an attack ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) attack: Attack,
    /// Its messages, for the recorder.
    pub(crate) run: FlowId,
    pub(crate) trials: Vec<Trial>,
    /// Why it could not be tried to the end.
    pub(crate) lost: Option<String>,
}

/// An authorization code and what the app needs to redeem it.
pub(super) struct Code {
    pub(super) code: Secret,
    pub(super) verifier: CodeVerifier,
    pub(super) redirect_uri: String,
}

/// Where the app is to take an answer from the server.
pub(super) struct Callback {
    pub(super) url: Url,
    pub(super) code: Secret,
}

/// A run under way.
pub(super) struct Run<'a> {
    parts: &'a Parts,
    pub(super) browser: MutexGuard<'a, Browser>,
    pub(super) id: FlowId,
    /// The key that the app's tokens are bound to. The attacker has it too, but for the attack that is about it.
    key: ProofKey,
    trials: Vec<Trial>,
}

impl Outcome {
    /// Whether the attack was refused, with the right error, while everything rightful went well.
    pub(crate) fn is_refused(&self) -> bool {
        let attacked = self.trials.iter().any(|trial| trial.role == Role::Attacker);
        attacked && self.lost.is_none() && self.trials.iter().all(|trial| trial.passed)
    }

    /// The refusal that matters: that of the attacker's first request, or what went wrong.
    pub(crate) fn verdict(&self) -> String {
        if let Some(lost) = &self.lost {
            return lost.clone();
        }
        let wrong = self.trials.iter().find(|trial| !trial.passed);
        if let Some(trial) = wrong {
            return format!(
                "{}: expected {}, got {}",
                trial.deed, trial.expected, trial.got
            );
        }
        let first = self
            .trials
            .iter()
            .find(|trial| trial.role == Role::Attacker);
        first.map_or_else(String::new, |trial| trial.got.clone())
    }
}

impl<'a> Run<'a> {
    pub(super) fn begin(parts: &'a Parts, browser: MutexGuard<'a, Browser>) -> Self {
        Self {
            id: parts.recorder.begin_attack(),
            parts,
            browser,
            key: ProofKey::generate(),
            trials: Vec::new(),
        }
    }

    pub(super) fn end(self, attack: Attack, lost: Option<Lost>) -> Outcome {
        Outcome {
            attack,
            run: self.id,
            trials: self.trials,
            lost: lost.map(|lost| lost.to_string()),
        }
    }

    pub(super) fn addresses(&self) -> &'a Addresses {
        &self.parts.addresses
    }

    /// The app under attack.
    pub(super) fn app(&self) -> &'a Credentials {
        &self.parts.app
    }

    /// Another app at the same server.
    pub(super) fn other_app(&self) -> &'a Credentials {
        &self.parts.other_app
    }

    /// Signs in to the app as far as the code, for the notes.
    pub(super) async fn sign_in(&mut self) -> Result<Code, Lost> {
        let api = &self.parts.addresses.api;
        self.sign_in_for(NOTES_READ, api).await
    }

    /// The same for the other API, which nobody runs.
    pub(super) async fn sign_in_to_calendar(&mut self) -> Result<Code, Lost> {
        let api = self.parts.addresses.other_api();
        self.sign_in_for(CALENDAR, &api).await
    }

    /// The same for the notes, with a word about who signed in.
    pub(super) async fn sign_in_with_openid(&mut self) -> Result<Code, Lost> {
        let api = &self.parts.addresses.api;
        self.sign_in_for(&format!("{OPENID} {NOTES_READ}"), api)
            .await
    }

    async fn sign_in_for(&mut self, scope: &str, resource: &str) -> Result<Code, Lost> {
        let redirect_uri = self.parts.addresses.redirect_uri();
        let verifier = CodeVerifier::generate();
        let (state, nonce) = (random::token(), random::token());
        let url = self.authorization_url(
            &redirect_uri,
            &verifier,
            &[
                ("scope", scope),
                ("resource", resource),
                ("state", &state),
                ("nonce", &nonce),
            ],
        )?;
        let callback = self.callback_from(url.as_str()).await?;
        Ok(Code {
            code: callback.code,
            verifier,
            redirect_uri,
        })
    }

    /// Has the app begin a sign-in, and goes as far as its callback, which is not visited.
    pub(super) async fn go_to_callback(&mut self) -> Result<Callback, Lost> {
        let login = format!("{}/auth/login?next=/notes", self.parts.addresses.app);
        self.callback_from(&login).await
    }

    async fn callback_from(&mut self, url: &str) -> Result<Callback, Lost> {
        let redirect_uri = self.parts.addresses.redirect_uri();
        let url = self.browser.go(self.id, url, &redirect_uri).await?;
        let code = url.query_pairs().find(|(name, _)| name == "code");
        let code = code.map(|(_, code)| Secret::new(code));
        Ok(Callback {
            code: code.ok_or(Lost::Address(redirect_uri))?,
            url,
        })
    }

    /// Visits a page of the app.
    pub(super) async fn visit(&mut self, url: &Url) -> Result<Came, Lost> {
        let page = self.browser.get(self.id, url.as_str()).await?;
        Ok(Came::page(&page))
    }

    /// Visits the app's own page of notes.
    pub(super) async fn visit_notes(&mut self) -> Result<Came, Lost> {
        let notes = format!("{}/notes", self.parts.addresses.app);
        let page = self.browser.get(self.id, &notes).await?;
        Ok(Came::page(&page))
    }

    /// Ends the session at the server by its own button.
    pub(super) async fn sign_out_at_server(&mut self) -> Result<Came, Lost> {
        let home = format!("{}/", self.parts.addresses.server);
        let page = self.browser.press(self.id, &home, "logout-submit").await?;
        Ok(Came::page(&page))
    }

    /// Posts what should be a logout token to the app (Back-Channel Logout §2.5).
    pub(super) async fn tell_app(&self, logout_token: &Secret) -> Result<Came, Lost> {
        let url = format!("{}/auth/backchannel", self.parts.addresses.app);
        let form = [("logout_token", logout_token.expose())];
        self.send(Role::Attacker, self.parts.http.post(url).form(&form))
            .await
    }

    /// The wire between server and app.
    pub(super) fn wire(&self) -> &'a Wire {
        &self.parts.wire
    }

    /// An authorization request of the app's.
    pub(super) fn authorization_url(
        &self,
        redirect_uri: &str,
        verifier: &CodeVerifier,
        more: &[(&str, &str)],
    ) -> Result<Url, Lost> {
        let endpoint = format!("{}/authorize", self.parts.addresses.server);
        let challenge = verifier.challenge();
        let request = [
            ("response_type", "code"),
            ("client_id", self.parts.app.id),
            ("redirect_uri", redirect_uri),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        Url::parse_with_params(&endpoint, request.iter().chain(more))
            .map_err(|_| Lost::Address(endpoint))
    }

    /// Asks the token endpoint, with a proof of the app's key.
    pub(super) async fn token(
        &self,
        role: Role,
        client: &Credentials,
        form: &[(&str, &str)],
    ) -> Result<Came, Lost> {
        let url = format!("{}/token", self.parts.addresses.server);
        let proof = self.prove(&self.key, "POST", &url, None)?;
        let request = self.parts.http.post(url).header(DPOP, proof).form(form);
        self.send_as(role, client, request).await
    }

    /// Asks the revocation endpoint (RFC 7009), as the app.
    pub(super) async fn revoke(&self, token: &Secret) -> Result<Came, Lost> {
        let url = format!("{}/revoke", self.parts.addresses.server);
        let form = [("token", token.expose())];
        let request = self.parts.http.post(url).form(&form);
        self.send_as(Role::App, self.app(), request).await
    }

    /// Offers a code as it should be offered, but for what the attack changes.
    pub(super) async fn redeem(
        &self,
        role: Role,
        client: &Credentials,
        code: &Code,
    ) -> Result<Came, Lost> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.code.expose()),
            ("redirect_uri", code.redirect_uri.as_str()),
            ("code_verifier", code.verifier.expose()),
        ];
        self.token(role, client, &form).await
    }

    /// Offers a refresh token, as the app.
    pub(super) async fn refresh(&self, role: Role, token: &Secret) -> Result<Came, Lost> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.expose()),
        ];
        self.token(role, self.app(), &form).await
    }

    /// Asks the API for the notes, with a new proof of the app's key.
    pub(super) async fn notes(&self, role: Role, access_token: &str) -> Result<Came, Lost> {
        let proof = self.proof_for_notes(&self.key, access_token)?;
        self.notes_with(role, access_token, &proof).await
    }

    /// The same with this proof.
    pub(super) async fn notes_with(
        &self,
        role: Role,
        access_token: &str,
        proof: &str,
    ) -> Result<Came, Lost> {
        let request = self.parts.http.get(self.notes_url());
        let request = request.header(header::AUTHORIZATION, format!("DPoP {access_token}"));
        self.send(role, request.header(DPOP, proof)).await
    }

    /// The same without any.
    pub(super) async fn notes_without_proof(
        &self,
        role: Role,
        access_token: &str,
    ) -> Result<Came, Lost> {
        let request = self.parts.http.get(self.notes_url());
        self.send(role, request.bearer_auth(access_token)).await
    }

    /// A proof of `key` for the notes (RFC 9449 §4.2).
    pub(super) fn proof_for_notes(
        &self,
        key: &ProofKey,
        access_token: &str,
    ) -> Result<String, Lost> {
        self.prove(key, "GET", &self.notes_url(), Some(access_token))
    }

    /// The key that the app's tokens are bound to.
    pub(super) fn key(&self) -> &ProofKey {
        &self.key
    }

    fn prove(
        &self,
        key: &ProofKey,
        method: &str,
        url: &str,
        access_token: Option<&str>,
    ) -> Result<String, Lost> {
        let now = self.parts.recorder.now();
        key.prove(method, url, access_token, None, now)
            .map_err(|_| Lost::Address(url.to_owned()))
    }

    fn notes_url(&self) -> String {
        format!("{}/notes", self.parts.addresses.api)
    }

    /// The keys that the server publishes.
    pub(super) async fn published_keys(&self) -> Result<Value, Lost> {
        let url = format!("{}/.well-known/jwks.json", self.parts.addresses.server);
        Ok(self
            .send(Role::Attacker, self.parts.http.get(url))
            .await?
            .json)
    }

    /// Sends a request with the id and the secret of `client`.
    async fn send_as(
        &self,
        role: Role,
        client: &Credentials,
        request: RequestBuilder,
    ) -> Result<Came, Lost> {
        self.send(
            role,
            request.basic_auth(client.id, Some(client.secret.expose())),
        )
        .await
    }

    async fn send(&self, role: Role, request: RequestBuilder) -> Result<Came, Lost> {
        let who = match role {
            Role::App => "app",
            Role::Attacker => "attacker",
        };
        let response = request
            .header(RUN, format!("{who} {}", self.id.0))
            .send()
            .await?;
        let status = response.status().as_u16();
        let redirects = response.headers().contains_key(header::LOCATION);
        let json: Value = serde_json::from_str(&response.text().await?).unwrap_or_default();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Ok(Came {
            status,
            redirects,
            error: text("error"),
            reason: text("error_description").unwrap_or_default(),
            json,
        })
    }

    /// Whether the app has asked for tokens in this run.
    pub(super) fn app_asked_for_tokens(&self) -> bool {
        let messages = self.parts.recorder.messages(self.id);
        messages
            .iter()
            .any(|message| message.line() == "POST /token")
    }

    /// The app does `deed`, which must succeed.
    pub(super) fn rightful(&mut self, deed: &'static str, expected: Expected, came: &Came) {
        self.judge(Role::App, deed, expected, came);
    }

    /// The attacker does `deed`, which must be refused like this.
    pub(super) fn attack(&mut self, deed: &'static str, expected: Expected, came: &Came) {
        self.judge(Role::Attacker, deed, expected, came);
    }

    fn judge(&mut self, role: Role, deed: &'static str, expected: Expected, came: &Came) {
        self.trials.push(Trial {
            role,
            deed,
            expected: expected.to_string(),
            got: came.to_string(),
            reason: came.reason.clone(),
            passed: expected.is_met_by(came),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(trials: Vec<Trial>, lost: Option<&str>) -> Outcome {
        Outcome {
            attack: Attack::ForgedToken,
            run: FlowId(1),
            trials,
            lost: lost.map(str::to_owned),
        }
    }

    fn trial(role: Role, passed: bool) -> Trial {
        Trial {
            role,
            deed: "deed",
            expected: String::new(),
            got: "400 invalid_grant".to_owned(),
            reason: String::new(),
            passed,
        }
    }

    #[test]
    fn an_attack_is_refused_only_if_it_was_tried_and_everything_rightful_worked() {
        let refused = |trials| outcome(trials, None).is_refused();
        assert!(refused(vec![
            trial(Role::App, true),
            trial(Role::Attacker, true)
        ]));
        assert!(!refused(vec![
            trial(Role::App, false),
            trial(Role::Attacker, true)
        ]));
        assert!(!refused(vec![
            trial(Role::App, true),
            trial(Role::Attacker, false)
        ]));
        assert!(!refused(vec![trial(Role::App, true)]));
        assert!(!outcome(vec![trial(Role::Attacker, true)], Some("lost")).is_refused());
    }
}
