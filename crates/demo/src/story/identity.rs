//! What the app learns about the person: from the ID Token that came with the tokens, and from UserInfo.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Check, Step, Story, check};
use crate::addresses::Addresses;
use crate::field::Field;
use crate::message::{Body, Jwt, Message, Party};

/// What the app was told about the person.
#[derive(Debug, Serialize)]
pub(crate) struct Identity<'a> {
    /// The ID Token, decoded.
    id_token: &'a Jwt,
    /// The same as it came, cut short.
    shown: &'a str,
    /// What UserInfo said.
    user_info: Option<&'a Value>,
}

/// What `messages` told the app about the person; `None` if that was forgotten.
pub(crate) fn identity<'a>(
    messages: &'a [Arc<Message>],
    addresses: &'a Addresses,
) -> Option<Identity<'a>> {
    let story = Story::new(messages, addresses);
    let exchange = story.exchange?;
    let user_info = story.user_info.map(|message| &message.answer);
    Some(Identity {
        id_token: story.id_token()?,
        shown: exchange.answer.json("id_token").as_str()?,
        user_info: user_info.and_then(|answer| match &answer.body {
            Body::Json(said) => Some(said),
            _ => None,
        }),
    })
}

impl<'a> Story<'a> {
    /// OpenID Connect Core §3.1.3.7, §5.3.
    pub(super) fn learned_who(&self) -> Option<Step<'a>> {
        let (id_token, exchange) = (self.id_token()?, self.exchange?);
        let algorithm = id_token.header["alg"].as_str().unwrap_or_default();
        let asked = self.user_info;
        let name = asked.and_then(|asked| asked.answer.json("name").as_str());
        let mut checks = self.judged_by_app(id_token, exchange);
        checks.extend(asked.map(|asked| same_person(id_token, asked)));
        Some(Step {
            number: 6,
            title: "The app learns who signed in".to_owned(),
            from: Party::App,
            to: Party::Server,
            said: format!("it is {}", name.unwrap_or("somebody")),
            proof: format!("ID Token {algorithm}, nonce matched; UserInfo agrees"),
            checks,
            messages: asked.into_iter().collect(),
        })
    }

    fn judged_by_app(&self, id_token: &Jwt, exchange: &Message) -> Vec<Check> {
        let claims = &id_token.claims;
        let accepted = self
            .callback
            .is_some_and(|callback| callback.answer.status == 303);
        let end = claims["exp"].as_i64();
        let nonce = self
            .parameter("nonce")
            .and_then(|sent: &Field| sent.digest.as_deref());
        let client = self
            .asked
            .map_or("", |asked| asked.request.shown("client_id"));
        vec![
            check(
                "The signature is the server’s, with an algorithm that the app expects",
                "OpenID Core §3.1.3.7",
                accepted && id_token.header["alg"] != "none",
            ),
            check(
                "iss is the server, aud is this app and nobody else",
                "OpenID Core §3.1.3.7",
                claims["iss"] == self.addresses.server.as_str() && id_token.audiences() == [client],
            ),
            check(
                "The nonce is the one of step 1: the token answers this sign-in and no other",
                "OpenID Core §3.1.3.7",
                nonce.is_some() && nonce == id_token.nonce.as_deref(),
            ),
            check(
                "at_hash is the hash of the access token beside it",
                "OpenID Core §3.1.3.8",
                exchange.answer.is_bound,
            ),
            check(
                "It has not expired",
                "OpenID Core §3.1.3.7",
                end.is_some_and(|end| exchange.at.seconds() < end),
            ),
            check(
                "It says who and when, and nothing else about the person: nobody asked it to",
                "OpenID Core §5.4",
                claims["name"].is_null() && claims["email"].is_null(),
            ),
        ]
    }
}

/// OpenID Connect Core §5.3.4: what is said of another person is not believed.
fn same_person(id_token: &Jwt, asked: &Message) -> Check {
    let subject = id_token.claims["sub"].as_str();
    check(
        "UserInfo speaks of the same person: its sub is the ID Token’s",
        "OpenID Core §5.3.4",
        subject.is_some() && asked.answer.json("sub").as_str() == subject,
    )
}
