//! What the browser never saw: the exchange of the code, the calls of the API, the renewal of the tokens.

use serde_json::Value;

use super::{
    Check, MOST_RENEWALS, RENEWAL, Step, Story, check, is_bound_to_its_key, is_proven, same,
};
use crate::message::{Jwt, Message, Party};

impl<'a> Story<'a> {
    /// RFC 6749 §4.1.3.
    pub(super) fn bought_tokens(&self) -> Option<Step<'a>> {
        let exchange = self.exchange?;
        let answer = &exchange.answer;
        let lives = answer.json("expires_in").as_u64().unwrap_or_default();
        let refreshable = if answer.json("refresh_token").is_string() {
            ", refresh token (rotating)"
        } else {
            ""
        };
        let proof = match answer.json("error").as_str() {
            Some(error) => format!("refused: {error}"),
            None => format!("ID Token, access token {lives} s, bound to a key{refreshable}"),
        };
        Some(Step {
            number: 5,
            title: "The app buys tokens with the code, straight from the server".to_owned(),
            from: Party::App,
            to: Party::Server,
            said: "code + code_verifier + proof".to_owned(),
            proof,
            checks: [
                self.judged_by_server(exchange),
                self.bound_by_server(exchange),
            ]
            .concat(),
            messages: vec![exchange],
        })
    }

    fn judged_by_server(&self, exchange: &Message) -> Vec<Check> {
        let (request, answer) = (&exchange.request, &exchange.answer);
        let given = self
            .callback
            .and_then(|callback| callback.request.field("code"));
        let authenticated = request
            .headers
            .iter()
            .any(|field| field.name == "authorization");
        let verifier = request
            .field("code_verifier")
            .and_then(|field| field.digest.as_deref());
        let challenge = self
            .parameter("code_challenge")
            .map(|field| field.shown.as_str());
        vec![
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
                same(
                    request.field("redirect_uri"),
                    self.parameter("redirect_uri"),
                ),
            ),
            check(
                "The token is an access token for this API, and for questions to the server about the person",
                "RFC 9068 §2",
                answer.token.as_ref().is_some_and(|token| {
                    let audiences = token.audiences();
                    token.header["typ"] == "at+jwt"
                        && audiences.contains(&self.addresses.api.as_str())
                        && audiences.iter().all(|audience| self.is_ours(audience))
                }),
            ),
            check(
                "No cache keeps the answer",
                "RFC 6749 §5.1",
                answer.header("cache-control").any(|c| c == "no-store"),
            ),
        ]
    }

    /// RFC 9449 §5.
    fn bound_by_server(&self, exchange: &Message) -> Vec<Check> {
        let proof = exchange.request.proof.as_ref();
        let proven = proof.and_then(|proof| proof.thumbprint.as_deref());
        let named = self.asked_for("dpop_jkt");
        vec![
            check(
                "The app proved that it holds a key, for this method and this address",
                "RFC 9449 §4.3",
                is_proven(exchange, &self.addresses.server),
            ),
            check(
                "It is the key that step 1 named (dpop_jkt): the code is worth nothing without it",
                "RFC 9449 §10",
                proven == Some(named),
            ),
            check(
                "The access token is bound to that key: its cnf.jkt is the key's thumbprint",
                "RFC 9449 §6.1",
                is_bound_to_its_key(exchange.answer.token.as_ref(), exchange),
            ),
        ]
    }

    /// RFC 6750 §2.1, RFC 9449 §7.1.
    pub(super) fn called_api(&self) -> Option<Step<'a>> {
        let last = *self.calls.last()?;
        let calls = self.latest_calls();
        let introspections: Vec<&Message> = calls
            .iter()
            .filter_map(|call| self.introspection_within(call))
            .collect();
        let mut messages = [&calls[..], &introspections[..]].concat();
        messages.sort_by_key(|message| message.began);
        let refused = calls.iter().any(|call| call.answer.status >= 400);
        Some(Step {
            number: 7,
            title: "The app calls the API".to_owned(),
            from: Party::App,
            to: Party::Api,
            said: format!("{} {}", last.line(), last.answer.status),
            proof: match refused {
                true => "refused".to_owned(),
                false => "aud, iss, exp, scope, key ok; active".to_owned(),
            },
            checks: self.judged_by_api(&calls, &introspections),
            messages,
        })
    }

    fn judged_by_api(&self, calls: &[&Message], introspections: &[&Message]) -> Vec<Check> {
        let each = |good: &dyn Fn(&Message, &Jwt) -> bool| {
            let mut tokens = calls.iter().map(|call| (call, &call.request.token));
            tokens.all(|(call, token)| token.as_ref().is_some_and(|token| good(call, token)))
        };
        let active = |message: &&Message| message.answer.json("active") == &Value::Bool(true);
        vec![
            check(
                "The signature is the server's, checked with its published key",
                "RFC 9068 §4",
                each(&|call, _| call.answer.status < 400),
            ),
            check(
                "aud is this API",
                "RFC 9068 §4",
                each(&|_, token| token.audiences().contains(&self.addresses.api.as_str())),
            ),
            check(
                "iss is the server",
                "RFC 9068 §4",
                each(&|_, token| token.claims["iss"] == self.addresses.server.as_str()),
            ),
            check(
                "It has not expired",
                "RFC 7519 §4.1.4",
                each(&|call, token| {
                    let end = token.claims["exp"].as_i64();
                    end.is_some_and(|end| call.at.seconds() < end)
                }),
            ),
            check(
                "It carries the scope that each route needs",
                "RFC 6750 §3.1",
                calls.iter().all(|call| call.answer.status != 403),
            ),
            check(
                "The app proved again that it holds the key of the token, for this method, this address and this token",
                "RFC 9449 §7.1",
                each(&|call, token| {
                    let proof = call.request.proof.as_ref();
                    is_proven(call, &self.addresses.api)
                        && proof.is_some_and(|proof| proof.is_of_token)
                        && is_bound_to_its_key(Some(token), call)
                }),
            ),
            check(
                "The server, asked by the API, says that it was not revoked",
                "RFC 7662 §2.2",
                introspections.len() == calls.len() && introspections.iter().all(active),
            ),
        ]
    }

    /// RFC 6749 §6.
    pub(super) fn renewed(&self) -> Option<Step<'a>> {
        let last = self.refreshes.last()?;
        let granted = last.answer.status == 200;
        let replaced = last.answer.json("refresh_token");
        let skipped = self.refreshes.len().saturating_sub(MOST_RENEWALS);
        Some(Step {
            number: RENEWAL,
            title: "The app renews its tokens".to_owned(),
            from: Party::App,
            to: Party::Server,
            said: "refresh token + proof".to_owned(),
            proof: match last.answer.json("error").as_str() {
                Some(error) => format!("refused: {error}"),
                None => "new access token, bound to the same key; next refresh token".to_owned(),
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
                check(
                    "The app proved that it still holds the key, for this method and this address",
                    "RFC 9449 §4.3",
                    is_proven(last, &self.addresses.server),
                ),
                check(
                    "The new access token is bound to that key again: its cnf.jkt is the key's thumbprint",
                    "RFC 9449 §6.1",
                    is_bound_to_its_key(last.answer.token.as_ref(), last),
                ),
            ],
            messages: self.refreshes[skipped..].to_vec(),
        })
    }

    /// Whether `audience` is the API or the server.
    fn is_ours(&self, audience: &str) -> bool {
        audience == self.addresses.api || audience == self.addresses.server
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
        let within = |message: &&Message| call.began < message.began && message.ended < call.ended;
        self.introspections.iter().copied().rev().find(within)
    }
}
