//! Pushing a Security Event Token to its receiver (RFC 8935), and what becomes of a receiver that takes none.
//!
//! A token that a receiver refuses is given up, and the next one is sent. A receiver that is not there, or does not let us in, is tried for a
//! day; then it is paused, and an administrator resumes it.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use safeconduct_protocol::security_event::{Envelope, SECURITY_EVENT_TYP, SecurityEventToken};
use safeconduct_store::{OutboxRow, PATIENCE_WITH_ONE, QueuedSignal, StoreError};
use serde::Deserialize;

use super::{
    body::{beginning_of, on_one_line},
    state::Answer,
};
use crate::{
    event_receivers::{EventReceiver, SignalKind},
    fault::cause_of,
    security_events::{Names, name_of, signal_of},
    server::Exchange,
};

/// How long a receiver may take to answer.
pub(super) const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// What is wrong with us and not with the token (RFC 8935 §2.4): another token would be refused as well.
const OF_TRANSMITTER: [&str; 2] = ["authentication_failed", "access_denied"];

/// Makes the token and takes it to the receiver.
pub(super) async fn attempt(exchange: &Exchange<'_>, queued: &QueuedSignal) -> Answer {
    let receivers = &exchange.server.settings().event_receivers;
    let receiver = receivers.iter().find(|known| known.name == queued.receiver);
    let (Some(receiver), Some(kind)) = (receiver, SignalKind::parse(&queued.signal)) else {
        return Answer::Failed("this node does not know whom to tell, or of what".to_owned());
    };
    match signed(exchange, queued, receiver, kind).await {
        Ok(token) => post(exchange, receiver, token).await,
        Err(answer) => answer,
    }
}

async fn signed(
    exchange: &Exchange<'_>,
    queued: &QueuedSignal,
    receiver: &EventReceiver,
    kind: SignalKind,
) -> Result<String, Answer> {
    let event = match exchange.server.store().event(&queued.event).await {
        Ok(event) => event,
        Err(error) => return Err(Answer::Failed(error.to_string())),
    };
    let event = event.ok_or_else(|| Answer::Refused("the event was swept".to_owned()))?;
    let signal = signal_of(kind, &event);
    let signal = signal.ok_or_else(|| Answer::Refused("there is nothing to tell".to_owned()))?;
    let keys = &exchange.catalog.keys;
    let client = match &receiver.client {
        None => None,
        Some(id) => Some(exchange.catalog.client(id).ok_or_else(|| {
            Answer::Failed(format!("the client {id}, whose names it knows, is gone"))
        })?),
    };
    let names = Names {
        issuer: exchange.issuer(),
        subjects: keys.subjects(),
        client: client.as_ref().map(|known| &*known.client),
    };
    let id = name_of(queued);
    let envelope = Envelope {
        issuer: exchange.issuer(),
        audience: &receiver.audience,
        id: &id,
        transaction: event.by.correlation_id(),
        now: exchange.now,
    };
    let subject = names.subject_of(kind, &event);
    let token = SecurityEventToken::of_signal(envelope, subject, &signal);
    let algorithm = receiver.signing_alg;
    let key = keys.signing(algorithm);
    let key = key.ok_or_else(|| Answer::Failed(format!("no key signs {algorithm}")))?;
    let signed = key.sign_jwt(SECURITY_EVENT_TYP, &token);
    signed.map_err(|error| Answer::Failed(format!("signing an event: {error}")))
}

/// Takes a token to its receiver (RFC 8935 §2.1), and reads the answer (§2.2, §2.3).
async fn post(exchange: &Exchange<'_>, receiver: &EventReceiver, token: String) -> Answer {
    let outgoing = &exchange.server.outbox().outgoing;
    let request = match outgoing.post(&receiver.endpoint, receiver.reach) {
        Ok(request) => request,
        Err(fault) => return Answer::Failed(fault.to_string()),
    };
    let mut request = request
        .timeout(LONGEST_ANSWER)
        .header(CONTENT_TYPE, "application/secevent+jwt")
        .header(ACCEPT, "application/json")
        .body(token);
    if let Some(authorization) = &receiver.authorization {
        let Ok(mut value) = HeaderValue::from_str(authorization.expose()) else {
            return Answer::Failed("its authorization is no header".to_owned());
        };
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Answer::Silent(cause_of(&error.without_url())),
    };
    match response.status() {
        StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => Answer::Delivered,
        StatusCode::BAD_REQUEST => refusal(&beginning_of(response).await),
        status => Answer::Failed(format!("it answered {}", status.as_u16())),
    }
}

/// What a receiver says about its refusal (§2.3). A body that is none of its is of what stands before it.
fn refusal(body: &[u8]) -> Answer {
    #[derive(Deserialize)]
    struct Reason {
        err: String,
        #[serde(default)]
        description: String,
    }
    let Ok(Reason { err, description }) = serde_json::from_slice(body) else {
        return Answer::Failed("it answered 400, and does not say why".to_owned());
    };
    let said = on_one_line(&format!("{err}: {description}"));
    match OF_TRANSMITTER.contains(&err.as_str()) {
        true => Answer::Failed(said),
        false => Answer::Refused(said),
    }
}

/// Seconds after which a token is tried again that was tried so often; `None` where it is given up: it has waited for a day, while others were
/// taken.
pub(super) fn pause(exchange: &Exchange<'_>, row: &OutboxRow, pauses: &[i64]) -> Option<i64> {
    let tried = usize::try_from(row.attempts).unwrap_or(usize::MAX);
    let is_old = exchange.now.since(row.created_at) >= PATIENCE_WITH_ONE;
    (!is_old).then(|| pauses[tried.min(pauses.len() - 1)])
}

/// Notes whether the receiver took something; whether it is paused by this.
pub(super) async fn note(
    exchange: &Exchange<'_>,
    receiver: &str,
    answer: &Answer,
) -> Result<bool, StoreError> {
    let (store, now) = (exchange.server.own_store(), exchange.now);
    if matches!(answer, Answer::Delivered | Answer::Refused(_)) {
        store.receiver_takes(receiver).await?;
        return Ok(false);
    }
    let failing_since = store.receiver_fails(receiver, now).await?;
    let is_long = failing_since.is_some_and(|since| now.since(since) >= PATIENCE_WITH_ONE);
    if !is_long || !store.pause_receiver(receiver, now).await? {
        return Ok(false);
    }
    tracing::error!(
        receiver,
        "a receiver of events has taken nothing for a day, and is paused: safeconduct receiver resume"
    );
    Ok(true)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Attacks: AD65.
    #[rstest]
    #[case(r#"{"err":"invalid_request","description":"no\nevent"}"#, Answer::Refused("invalid_request: no event".to_owned()))]
    #[case(r#"{"err":"invalid_audience"}"#, Answer::Refused("invalid_audience: ".to_owned()))]
    #[case(r#"{"err":"authentication_failed","description":"who?"}"#, Answer::Failed("authentication_failed: who?".to_owned()))]
    #[case(r#"{"err":"access_denied"}"#, Answer::Failed("access_denied: ".to_owned()))]
    #[case("<h1>Bad Request</h1>", Answer::Failed("it answered 400, and does not say why".to_owned()))]
    fn a_refusal_is_of_the_token_or_of_us(#[case] body: &str, #[case] expected: Answer) {
        assert_eq!(refusal(body.as_bytes()), expected);
    }
}
