//! What the messages of one sign-in mean: the numbered steps of the flow, and what each of them proves.
//!
//! A check is ticked from what was really said, never from what should have been: values are compared by their digests,
//! and a party's judgement is read from its answer. How steps look is for the terminal and the panel to say.

mod back_channel;
mod farewell;
mod front_channel;
mod identity;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use safeconduct_protocol::dpop::PROOF_TYP;
use serde::Serialize;

pub(crate) use identity::{Identity, identity};

use super::addresses::Addresses;
use super::field::Field;
use super::message::{Jwt, Message, Party};

/// How many failed attempts to sign in are shown.
const MOST_ATTEMPTS: usize = 3;
/// The number of the step in which the app renews its tokens.
pub(crate) const RENEWAL: usize = 8;
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
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) claim: String,
    /// Where that is required.
    pub(crate) spec: &'static str,
    pub(crate) passed: bool,
}

impl Step<'_> {
    /// Whether it is about the end of the session.
    pub(crate) fn is_farewell(&self) -> bool {
        self.number >= farewell::FIRST
    }

    /// Whether everything it should prove was proven.
    pub(crate) fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }
}

/// The steps that `messages`, in the order of their answers, amount to.
pub(crate) fn steps<'a>(messages: &'a [Arc<Message>], addresses: &'a Addresses) -> Vec<Step<'a>> {
    let story = Story::new(messages, addresses);
    [
        story.sent_to_server(),
        story.signed_in(),
        story.allowed(),
        story.handed_code(),
        story.bought_tokens(),
        story.learned_who(),
        story.called_api(),
        story.renewed(),
        story.signed_out(),
        story.told_app(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The messages by their parts in the play.
struct Story<'a> {
    addresses: &'a Addresses,
    begun: Option<&'a Message>,
    /// The request as the app pushed it to the server.
    pushed: Option<&'a Message>,
    /// The request as the browser brought it.
    asked: Option<&'a Message>,
    /// Where the sign-in returned to.
    asked_again: Option<&'a Message>,
    sign_ins: Vec<&'a Message>,
    passkeys: Vec<&'a Message>,
    decision: Option<&'a Message>,
    /// The answer that leads back to the app, with a code or with an error.
    leading_back: Option<&'a Message>,
    callback: Option<&'a Message>,
    exchange: Option<&'a Message>,
    user_info: Option<&'a Message>,
    refreshes: Vec<&'a Message>,
    calls: Vec<&'a Message>,
    introspections: Vec<&'a Message>,
    /// The wish to sign out, where it was said first: to the app or to the server.
    logout: Option<&'a Message>,
    /// What the server was told after the app.
    logouts_at_server: Vec<&'a Message>,
    revocations: Vec<&'a Message>,
    told_app: Option<&'a Message>,
    came_back: Option<&'a Message>,
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
        let is_first = |message: &&Message| message.request.field("client_id").is_some();
        let decisions = to(Party::Server, "POST /consent");
        let at_server = to(Party::Server, "POST /logout/confirm");
        let at_app = to(Party::App, "POST /auth/logout");
        let logout = at_app.last().or(at_server.last()).copied();
        Self {
            addresses,
            pushed: to(Party::Server, "POST /par").first().copied(),
            begun: to(Party::App, "GET /auth/login").first().copied(),
            leading_back: asked
                .iter()
                .chain(&decisions)
                .filter(back)
                .max_by_key(|m| m.ended)
                .copied(),
            asked: asked.iter().copied().find(is_first),
            asked_again: asked.iter().copied().rfind(|again| !is_first(again)),
            sign_ins: to(Party::Server, "POST /login"),
            passkeys: to(Party::Server, "POST /login/passkey"),
            decision: decisions.last().copied(),
            callback: accepted_or_last(&to(Party::App, "GET /auth/callback")),
            exchange: token("authorization_code").first().copied(),
            user_info: to(Party::Server, "GET /userinfo").first().copied(),
            refreshes: token("refresh_token"),
            calls: messages
                .iter()
                .map(AsRef::as_ref)
                .filter(|m| m.to == Party::Api)
                .collect(),
            introspections: to(Party::Server, "POST /introspect"),
            logout,
            logouts_at_server: to(Party::Server, "GET /logout"),
            revocations: to(Party::Server, "POST /revoke"),
            told_app: to(Party::App, "POST /auth/backchannel").last().copied(),
            came_back: to(Party::App, "GET /auth/logged-out").last().copied(),
            messages,
        }
    }

    /// A parameter of the authorization request: as it was pushed, or else as the browser brought it.
    fn parameter(&self, name: &str) -> Option<&'a Field> {
        self.pushed.or(self.asked)?.request.field(name)
    }

    /// The same as shown; empty if there is none.
    fn asked_for(&self, name: &str) -> &'a str {
        self.parameter(name)
            .map_or("", |field| field.shown.as_str())
    }

    /// The ID Token that came for the code.
    fn id_token(&self) -> Option<&'a Jwt> {
        self.exchange?.answer.id_token.as_ref()
    }
}

/// The callback that signed the person in, whatever was asked for again afterwards: a browser may open its history.
fn accepted_or_last<'a>(callbacks: &[&'a Message]) -> Option<&'a Message> {
    let accepted = callbacks
        .iter()
        .find(|callback| callback.answer.status == 303);
    accepted.or(callbacks.last()).copied()
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

/// Whether a proof came with `message` that was made for its method and for its address at `base` (RFC 9449 §4.3).
fn is_proven(message: &Message, base: &str) -> bool {
    let (method, path) = (&message.request.method, &message.request.path);
    message.request.proof.as_ref().is_some_and(|proof| {
        let claims = &proof.jwt.claims;
        proof.jwt.header["typ"] == PROOF_TYP
            && claims["htm"] == method.as_str()
            && claims["htu"] == format!("{base}{path}")
    })
}

/// Whether `token` is bound to the key whose proof came with `message` (RFC 9449 §6.1).
fn is_bound_to_its_key(token: Option<&Jwt>, message: &Message) -> bool {
    let bound = token.and_then(|token| token.claims["cnf"]["jkt"].as_str());
    let proof = message.request.proof.as_ref();
    let proven = proof.and_then(|proof| proof.thumbprint.as_deref());
    bound.is_some() && bound == proven
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
