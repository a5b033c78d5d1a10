//! What the messages of one sign-in mean: the numbered steps of the flow, and what each of them proves.
//!
//! A check is ticked from what was really said, never from what should have been: values are compared by their digests,
//! and a party's judgement is read from its answer. How steps look is for the terminal and the panel to say.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::addresses::Addresses;
use super::message::{Field, Message, Party};

/// How many failed attempts to sign in are shown.
const MOST_ATTEMPTS: usize = 3;
/// How many renewals are shown.
const MOST_RENEWALS: usize = 3;

/// One step of a flow.
#[derive(Debug, Serialize)]
pub(crate) struct Step<'a> {
    /// Its number in the flow as every newcomer learns it.
    pub(crate) number: usize,
    /// What happened, for the panel.
    pub(crate) title: String,
    pub(crate) from: Party,
    pub(crate) to: Party,
    /// What happened, in a few words, for the terminal.
    pub(crate) said: String,
    /// What makes it safe, in a few words, for the terminal.
    pub(crate) proof: String,
    pub(crate) checks: Vec<Check>,
    pub(crate) messages: Vec<&'a Message>,
}

/// Something a step proves, or fails to.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) claim: String,
    /// Where that is required.
    pub(crate) spec: &'static str,
    pub(crate) passed: bool,
}

impl Step<'_> {
    /// Whether everything it should prove was proven.
    pub(crate) fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }
}

/// The steps that `messages`, in the order of their answers, amount to.
pub(crate) fn tell<'a>(messages: &'a [Arc<Message>], addresses: &'a Addresses) -> Vec<Step<'a>> {
    let story = Story::new(messages, addresses);
    [
        story.sent_to_server(),
        story.signed_in(),
        story.allowed(),
        story.handed_code(),
        story.bought_tokens(),
        story.called_api(),
        story.renewed(),
        story.signed_out(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The messages by their parts in the play.
struct Story<'a> {
    addresses: &'a Addresses,
    begun: Option<&'a Message>,
    asked: Option<&'a Message>,
    sign_ins: Vec<&'a Message>,
    decision: Option<&'a Message>,
    /// The answer that leads back to the app, with a code or with an error.
    leading_back: Option<&'a Message>,
    callback: Option<&'a Message>,
    exchange: Option<&'a Message>,
    refreshes: Vec<&'a Message>,
    calls: Vec<&'a Message>,
    introspections: Vec<&'a Message>,
    logout: Option<&'a Message>,
    revocations: Vec<&'a Message>,
    messages: &'a [Arc<Message>],
}

impl<'a> Story<'a> {
    fn new(messages: &'a [Arc<Message>], addresses: &'a Addresses) -> Self {
        let to = |party: Party, line: &str| {
            let found: Vec<&Message> = messages
                .iter()
                .map(AsRef::as_ref)
                .filter(|message| message.to == party && message.line() == line)
                .collect();
            found
        };
        let token = |grant_type: &str| {
            let mut found = to(Party::Server, "POST /token");
            found.retain(|message| message.request.shown("grant_type") == grant_type);
            found
        };
        let asked = to(Party::Server, "GET /authorize");
        let back = |message: &&&Message| {
            let redirect = message.answer.redirect.as_ref();
            redirect.is_some_and(|redirect| redirect.to == addresses.redirect_uri())
        };
        let decisions = to(Party::Server, "POST /consent");
        Self {
            addresses,
            begun: to(Party::App, "GET /auth/login").first().copied(),
            leading_back: asked
                .iter()
                .chain(&decisions)
                .filter(back)
                .max_by_key(|m| m.ended)
                .copied(),
            asked: asked
                .into_iter()
                .find(|message| message.request.field("client_id").is_some()),
            sign_ins: to(Party::Server, "POST /login"),
            decision: decisions.last().copied(),
            callback: to(Party::App, "GET /auth/callback").last().copied(),
            exchange: token("authorization_code").first().copied(),
            refreshes: token("refresh_token"),
            calls: messages
                .iter()
                .map(AsRef::as_ref)
                .filter(|m| m.to == Party::Api)
                .collect(),
            introspections: to(Party::Server, "POST /introspect"),
            logout: to(Party::App, "POST /auth/logout").last().copied(),
            revocations: to(Party::Server, "POST /revoke"),
            messages,
        }
    }

    /// RFC 6749 §4.1.1.
    fn sent_to_server(&self) -> Option<Step<'a>> {
        let asked = self.asked?;
        let request = &asked.request;
        let challenge = request.shown("code_challenge").len() == 43;
        let kept = self.begun.is_some_and(|begun| {
            let mut cookies = begun.answer.header("set-cookie");
            cookies.any(|cookie| cookie.starts_with("sc-login") && is_guarded(cookie))
        });
        let resource = request.shown("resource");
        let refused = asked.answer.status >= 400;
        let proof = match refused {
            true => format!("refused: {} {}", asked.answer.status, asked.answer.title()),
            false => format!(
                "PKCE {}, state, resource={}",
                request.shown("code_challenge_method"),
                self.addresses.short(resource)
            ),
        };
        Some(Step {
            number: 1,
            title: "The app sends the browser to the server".to_owned(),
            from: Party::App,
            to: Party::Browser,
            said: "go to /authorize".to_owned(),
            proof,
            checks: vec![
                check(
                    "PKCE: the server learns the SHA-256 of a secret that the app keeps for step 5",
                    "RFC 7636 §4.3",
                    challenge && request.shown("code_challenge_method") == "S256",
                ),
                check(
                    "The state cannot be guessed, and is bound to this browser by a sealed cookie",
                    "RFC 6749 §10.12",
                    request.field("state").is_some() && kept,
                ),
                check(
                    "The resource names the one API that the token will be good for",
                    "RFC 8707 §2",
                    resource == self.addresses.api,
                ),
                check(
                    "The redirect_uri is the registered one, character by character",
                    "RFC 9700 §2.1",
                    request.shown("redirect_uri") == self.addresses.redirect_uri() && !refused,
                ),
            ],
            messages: self.begun.into_iter().chain([asked]).collect(),
        })
    }

    fn signed_in(&self) -> Option<Step<'a>> {
        let Some(last) = self.sign_ins.last() else {
            return self.already_signed_in();
        };
        let person = last.request.shown("username");
        let form = "The form came from the server's own page, which an attacker's page cannot send";
        let mut checks = vec![
            check(
                "The password went to the server, and to nobody else",
                "RFC 6749 §1.2",
                self.password_stayed(),
            ),
            check(form, "RFC 6749 §10.12", is_own_form(last)),
        ];
        let succeeded = last.answer.redirect.is_some();
        let (title, said, proof) = if succeeded {
            let cookie = last.answer.header("set-cookie").any(is_guarded);
            checks.push(check(
                "The session lives in a new cookie that no script can read",
                "RFC 6265 §4.1.2.6",
                cookie,
            ));
            (
                format!("{person} signs in at the server"),
                format!("{person} signed in"),
                format!("password, {} ms", last.milliseconds),
            )
        } else {
            (
                format!("{person} tries to sign in at the server"),
                format!("{person} could not sign in"),
                format!("{} {}", last.answer.status, last.answer.title()),
            )
        };
        let skipped = self.sign_ins.len().saturating_sub(MOST_ATTEMPTS);
        Some(Step {
            number: 2,
            title,
            from: Party::Browser,
            to: Party::Server,
            said,
            proof,
            checks,
            messages: self.sign_ins[skipped..].to_vec(),
        })
    }

    /// The server knew the browser: it asked for consent, or for nothing at all.
    fn already_signed_in(&self) -> Option<Step<'a>> {
        let asked = self.asked?;
        let went_on = self.leading_back.is_some() || self.decision.is_some();
        went_on.then(|| Step {
            number: 2,
            title: "Somebody is signed in at the server already".to_owned(),
            from: Party::Browser,
            to: Party::Server,
            said: "already signed in".to_owned(),
            proof: "the server's own session".to_owned(),
            checks: vec![check(
                "The browser showed the server's session cookie",
                "RFC 6265 §5.4",
                asked
                    .request
                    .headers
                    .iter()
                    .any(|field| field.name == "cookie"),
            )],
            messages: Vec::new(),
        })
    }

    fn allowed(&self) -> Option<Step<'a>> {
        let back = self.leading_back?;
        let redirect = back.answer.redirect.as_ref()?;
        let allowed = redirect.field("code").is_some();
        let scope = self.asked.map_or("", |asked| asked.request.shown("scope"));
        let own = |message| {
            check(
                "The answer came from the server's own page",
                "RFC 6749 §10.12",
                is_own_form(message),
            )
        };
        let (title, said, proof) = match (self.decision, allowed) {
            (Some(_), true) => ("The person allows Demo Notes", "allowed Demo Notes", scope),
            (Some(_), false) => (
                "The person does not allow Demo Notes",
                "did not allow Demo Notes",
                "nothing",
            ),
            (None, true) => (
                "The person has allowed Demo Notes before",
                "allowed before",
                scope,
            ),
            (None, false) => ("The server refuses the request", "refused", ""),
        };
        let mut checks: Vec<Check> = self.decision.map(own).into_iter().collect();
        checks.push(check(
            "The browser goes back to the redirect_uri of step 1, and nowhere else",
            "RFC 9700 §4.1.3",
            redirect.to
                == self
                    .asked
                    .map_or("", |asked| asked.request.shown("redirect_uri")),
        ));
        if let Some(granted) = self
            .exchange
            .and_then(|exchange| exchange.answer.json("scope").as_str())
        {
            checks.push(check(
                "Nothing was granted that was not asked for",
                "RFC 6749 §3.3",
                granted
                    .split(' ')
                    .all(|name| scope.split(' ').any(|asked| asked == name)),
            ));
        }
        Some(Step {
            number: 3,
            title: title.to_owned(),
            from: Party::Browser,
            to: Party::Server,
            said: said.to_owned(),
            proof: proof.to_owned(),
            checks,
            messages: self.decision.into_iter().collect(),
        })
    }

    /// RFC 6749 §4.1.2.
    fn handed_code(&self) -> Option<Step<'a>> {
        let (callback, redirect) = (self.callback?, self.leading_back?.answer.redirect.as_ref()?);
        let accepted = callback.answer.status == 303;
        let code = callback.request.shown("code");
        let issuer = callback.request.shown("iss");
        let state = same(
            callback.request.field("state"),
            self.asked.and_then(|asked| asked.request.field("state")),
        );
        let mut checks = vec![
            check(
                "The state is the one this browser set out with",
                "RFC 6749 §10.12",
                state,
            ),
            check(
                "iss names the server that the app asked",
                "RFC 9207 §2.4",
                issuer == self.addresses.server,
            ),
            check(
                "No token passed through the browser",
                "RFC 9700 §2.1.2",
                !redirect
                    .query
                    .iter()
                    .any(|field| field.name.contains("token")),
            ),
        ];
        let (title, said, proof) = if code.is_empty() {
            let error = callback.request.shown("error");
            checks.push(check(
                "The app explains, and signs nobody in",
                "RFC 6749 §4.1.2.1",
                !accepted,
            ));
            (
                "The server tells the app no, through the browser",
                error.to_owned(),
                "iss checked, state matched".to_owned(),
            )
        } else {
            checks.push(check(
                "The app took the code, which is good for 60 seconds, once",
                "RFC 6749 §4.1.2",
                accepted,
            ));
            let proof = if accepted {
                "iss checked, state matched"
            } else {
                "refused by the app"
            };
            (
                "The server hands the app a code, through the browser",
                format!("code {code}"),
                proof.to_owned(),
            )
        };
        Some(Step {
            number: 4,
            title: title.to_owned(),
            from: Party::Server,
            to: Party::App,
            said,
            proof,
            checks,
            messages: vec![callback],
        })
    }

    /// RFC 6749 §4.1.3.
    fn bought_tokens(&self) -> Option<Step<'a>> {
        let exchange = self.exchange?;
        let (request, answer) = (&exchange.request, &exchange.answer);
        let given = self
            .callback
            .and_then(|callback| callback.request.field("code"));
        let asked = |name: &str| self.asked.and_then(|asked| asked.request.field(name));
        let authenticated = request
            .headers
            .iter()
            .any(|field| field.name == "authorization");
        let verifier = request
            .field("code_verifier")
            .and_then(|field| field.digest.as_deref());
        let challenge = asked("code_challenge").map(|field| field.shown.as_str());
        let lives = answer.json("expires_in").as_u64().unwrap_or_default();
        let refreshable = if answer.json("refresh_token").is_string() {
            ", refresh token (rotating)"
        } else {
            ""
        };
        let proof = match answer.json("error").as_str() {
            Some(error) => format!("refused: {error}"),
            None => format!("access token {lives} s{refreshable}"),
        };
        Some(Step {
            number: 5,
            title: "The app buys tokens with the code, straight from the server".to_owned(),
            from: Party::App,
            to: Party::Server,
            said: "code + code_verifier".to_owned(),
            proof,
            checks: vec![
                check(
                    "The app proved who it is",
                    "RFC 6749 §3.2.1",
                    authenticated && answer.status == 200,
                ),
                check(
                    "It is the code of step 4",
                    "RFC 6749 §4.1.3",
                    same(request.field("code"), given),
                ),
                check(
                    "The SHA-256 of the code_verifier is the code_challenge of step 1",
                    "RFC 7636 §4.6",
                    verifier.is_some() && verifier == challenge,
                ),
                check(
                    "The redirect_uri is the one of step 1",
                    "RFC 6749 §4.1.3",
                    same(request.field("redirect_uri"), asked("redirect_uri")),
                ),
                check(
                    "The token is an access token for this API alone",
                    "RFC 9068 §2",
                    answer.token.as_ref().is_some_and(|token| {
                        token.header["typ"] == "at+jwt"
                            && token.claims["aud"] == self.addresses.api.as_str()
                    }),
                ),
                check(
                    "No cache keeps the answer",
                    "RFC 6749 §5.1",
                    answer.header("cache-control").any(|c| c == "no-store"),
                ),
            ],
            messages: vec![exchange],
        })
    }

    /// RFC 6750 §2.1.
    fn called_api(&self) -> Option<Step<'a>> {
        let last = *self.calls.last()?;
        let latest = self.latest_calls();
        let tokens = || latest.iter().filter_map(|call| call.request.token.as_ref());
        let all =
            |name: &str, expected: &Value| tokens().all(|token| token.claims[name] == *expected);
        let good = latest.iter().all(|call| call.answer.status < 400);
        let asked_about: Vec<&Message> = latest
            .iter()
            .filter_map(|call| self.introspection_within(call))
            .collect();
        let active = |message: &&Message| message.answer.json("active") == &Value::Bool(true);
        let proof = if good {
            "aud, iss, exp, scope ok; active"
        } else {
            "refused"
        };
        let mut messages = latest.clone();
        messages.extend(&asked_about);
        messages.sort_by_key(|message| message.began);
        Some(Step {
            number: 6,
            title: "The app calls the API".to_owned(),
            from: Party::App,
            to: Party::Api,
            said: format!("{} {}", last.line(), last.answer.status),
            proof: proof.to_owned(),
            checks: vec![
                check(
                    "The signature is the server's, checked with its published key",
                    "RFC 9068 §4",
                    good && tokens().count() > 0,
                ),
                check(
                    "aud is this API",
                    "RFC 9068 §4",
                    all("aud", &Value::from(self.addresses.api.as_str())),
                ),
                check(
                    "iss is the server",
                    "RFC 9068 §4",
                    all("iss", &Value::from(self.addresses.server.as_str())),
                ),
                check(
                    "It has not expired",
                    "RFC 7519 §4.1.4",
                    latest.iter().all(|call| {
                        call.request.token.as_ref().is_some_and(|token| {
                            token.claims["exp"]
                                .as_i64()
                                .is_some_and(|end| call.at.seconds() < end)
                        })
                    }),
                ),
                check(
                    "It carries the scope that each route needs",
                    "RFC 6750 §3.1",
                    latest.iter().all(|call| call.answer.status != 403),
                ),
                check(
                    "The server, asked by the API, says that it was not revoked",
                    "RFC 7662 §2.2",
                    asked_about.len() == latest.len() && asked_about.iter().all(active),
                ),
            ],
            messages,
        })
    }

    /// RFC 6749 §6.
    fn renewed(&self) -> Option<Step<'a>> {
        let last = self.refreshes.last()?;
        let granted = last.answer.status == 200;
        let replaced = last.answer.json("refresh_token");
        let skipped = self.refreshes.len().saturating_sub(MOST_RENEWALS);
        Some(Step {
            number: 7,
            title: "The app renews its tokens".to_owned(),
            from: Party::App,
            to: Party::Server,
            said: "refresh token".to_owned(),
            proof: match last.answer.json("error").as_str() {
                Some(error) => format!("refused: {error}"),
                None => "new access token, next refresh token".to_owned(),
            },
            checks: vec![
                check("The app proved who it is again", "RFC 6749 §6", granted),
                check(
                    "The refresh token was replaced by its successor",
                    "RFC 9700 §4.14.2",
                    replaced
                        .as_str()
                        .is_some_and(|new| new != last.request.shown("refresh_token")),
                ),
            ],
            messages: self.refreshes[skipped..].to_vec(),
        })
    }

    fn signed_out(&self) -> Option<Step<'a>> {
        let logout = self.logout?;
        let revoked = self.revocations.last();
        Some(Step {
            number: 8,
            title: "The person signs out of the app".to_owned(),
            from: Party::Browser,
            to: Party::App,
            said: "signed out".to_owned(),
            proof: "the refresh token is revoked".to_owned(),
            checks: vec![
                check(
                    "The app's session ended",
                    "RFC 6265 §5.3",
                    logout.answer.status == 303,
                ),
                check(
                    "What the tokens rested on was revoked at the server",
                    "RFC 7009 §2.1",
                    revoked.is_some_and(|message| message.answer.status == 200),
                ),
            ],
            messages: [logout].into_iter().chain(revoked.copied()).collect(),
        })
    }

    /// The last call of each kind.
    fn latest_calls(&self) -> Vec<&'a Message> {
        let newer = |call: &Message| {
            let later = self
                .calls
                .iter()
                .filter(move |other| other.ended > call.ended);
            later
                .map(|other| other.line())
                .any(|line| line == call.line())
        };
        self.calls
            .iter()
            .copied()
            .filter(|call| !newer(call))
            .collect()
    }

    /// What the API asked the server while it answered `call`.
    fn introspection_within(&self, call: &Message) -> Option<&'a Message> {
        let within = |message: &&&Message| call.began < message.began && message.ended < call.ended;
        let same_call = |message: &&&Message| {
            same(message.request.field("token"), call.request.field("token")) || within(message)
        };
        self.introspections
            .iter()
            .rev()
            .filter(within)
            .find(same_call)
            .copied()
    }

    fn password_stayed(&self) -> bool {
        let asks = |message: &Message| message.request.field("password").is_some();
        let mut messages = self.messages.iter();
        !messages.any(|message| message.to != Party::Server && asks(message))
    }
}

fn check(claim: &str, spec: &'static str, passed: bool) -> Check {
    Check {
        claim: claim.to_owned(),
        spec,
        passed,
    }
}

/// Whether two parties spoke of one and the same value.
fn same(one: Option<&Field>, other: Option<&Field>) -> bool {
    let digest = |field: Option<&Field>| field.and_then(|field| field.digest.clone());
    digest(one).is_some() && digest(one) == digest(other)
}

/// Whether a `Set-Cookie` gives a value, kept from scripts and from other sites' forms.
fn is_guarded(cookie: &str) -> bool {
    let lower = cookie.to_ascii_lowercase();
    lower.contains("httponly") && lower.contains("samesite=") && !lower.contains("max-age=0")
}

/// Whether the browser says that the form was on a page of the same origin.
fn is_own_form(message: &Message) -> bool {
    let mut headers = message.request.headers.iter();
    headers.any(|field| field.name == "sec-fetch-site" && field.shown == "same-origin")
}
