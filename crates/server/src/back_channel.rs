//! Telling clients that a session has ended (OpenID Connect Back-Channel Logout 1.0 §2.5): the one place from which this
//! server calls anybody. Who is still to be told stands in the store's outbox; here a client is called, once for each claim
//! of its row, and what it answers decides what becomes of the row. Nothing waits in memory: whoever finds no line free
//! leaves the row to a later look.
//!
//! The addresses are those that the operator registered. Apps live on loopback and in private networks, so these are called
//! like any other; no stranger can register an address here. Redirects are not followed, no proxy is asked, and nothing is
//! read of an answer but its status, and a little of the reason for a refusal.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use reqwest::{StatusCode, redirect::Policy};
use safeconduct_protocol::{
    client::BackChannelUri,
    ids::ClientId,
    logout::{LOGOUT_TOKEN_TYP, LogoutToken},
    time::Timestamp,
};
use safeconduct_store::{QueuedLogout, StoreError};
use serde::Deserialize;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout_at},
};
use tracing::Instrument as _;

use crate::{
    fault::Fault,
    server::{Exchange, Server},
};

/// Seconds until the next attempt, after the first, the second, …. When the attempt after the last pause fails, the client is
/// given up.
const PAUSES: [i64; 4] = [10, 60, 300, 1800];
/// Seconds for which a client that did not answer is not called again: others are not kept waiting for it.
const SILENCE: i64 = 10;
/// Seconds for which a new row is left to the node that ended the session: somebody waits there for what becomes of it.
const HEAD_START: i64 = 2;
/// How often a node looks for rows that are due, and how many it takes at once.
const LOOK: Duration = Duration::from_secs(1);
const AT_ONCE: u32 = 64;
/// How many calls this node has under way: to one client, and to all of them. One that hangs can't use up the lines of others.
const LINES_TO_ONE: usize = 8;
const LINES: usize = 64;
/// The most that is read of a refusal, in bytes, and the most of it that is logged, in characters.
const LONGEST_REFUSAL: usize = 4 * 1024;
const LONGEST_DETAIL: usize = 200;

/// Who was told that a session has ended, by the time the person is answered.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) told: Vec<ClientId>,
    /// Not yet, or never: some of them may still be told later.
    pub(crate) not_told: Vec<ClientId>,
}

/// Tells the clients of a session that has just ended, and waits for their answers as long as a person can be kept waiting.
/// What is not done by then goes on.
pub(crate) async fn tell(server: &Server, queued: Vec<QueuedLogout>) -> Told {
    let deadline = Instant::now() + server.settings().back_channel.wait;
    let mut not_told: Vec<ClientId> = queued.iter().map(|row| row.client.clone()).collect();
    let (news, mut answers) = mpsc::unbounded_channel();
    for row in queued {
        let (server, news) = (server.clone(), news.clone());
        let telling = async move {
            if deliver(&server, &row).await == Outcome::Delivered {
                // Nobody listens any more where the person has been answered.
                let _ = news.send(row.client);
            }
        };
        tokio::spawn(telling.in_current_span());
    }
    drop(news);
    let mut told = Vec::new();
    while let Ok(Some(client)) = timeout_at(deadline, answers.recv()).await {
        not_told.retain(|other| *other != client);
        told.push(client);
    }
    told.sort();
    Told { told, not_told }
}

/// Looks for clients to be told, those of sessions that ended elsewhere and those that could not be told before, until the
/// task is dropped.
pub(crate) async fn keep_telling(server: &Server) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        loop {
            match deliver_due(server).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "the outbox of logouts could not be looked at; the next look tries again");
                    break;
                }
            }
        }
    }
}

/// Tells the clients that are due, and waits for all of them. Whether there may be more that can be told at once.
pub(crate) async fn deliver_due(server: &Server) -> Result<bool, StoreError> {
    let ripe = server.now().plus(-HEAD_START);
    let due = server.store().due_logouts(ripe, AT_ONCE).await?;
    let is_full = due.len() == AT_ONCE as usize;
    let mut deliveries = JoinSet::new();
    for row in due {
        let server = server.clone();
        deliveries.spawn(async move { deliver(&server, &row).await });
    }
    let mut has_moved = false;
    while let Some(ended) = deliveries.join_next().await {
        has_moved |= ended.is_ok_and(|outcome| outcome != Outcome::LeftAlone);
    }
    Ok(is_full && has_moved)
}

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Delivered,
    /// It is due again after a pause.
    Failed,
    GivenUp,
    /// Another node has it, or it can't be looked at now.
    LeftAlone,
}

/// How an attempt ended.
enum Answer {
    Told,
    /// There was no use in it, or not this time.
    Failed(String),
    /// There is no use in another attempt.
    Refused(String),
}

async fn deliver(server: &Server, row: &QueuedLogout) -> Outcome {
    let exchange = match Exchange::begin(server).await {
        Ok(exchange) => exchange,
        Err(failure) => {
            // Logs the fault; there is nobody to answer.
            failure.into_refusal();
            return Outcome::LeftAlone;
        }
    };
    let call = match server.back_channel().line(&row.client, exchange.now) {
        Line::Free(call) => Some(call),
        Line::Silent => None,
        Line::Busy => return Outcome::LeftAlone,
    };
    if !claim(&exchange, row).await {
        return Outcome::LeftAlone;
    }
    let answer = match call {
        // A node took the last attempt on, and was gone before it could say how that went.
        _ if attempts(row) > PAUSES.len() => {
            Answer::Failed("the last attempt did not end".to_owned())
        }
        Some(call) => attempt(&exchange, row, &call).await,
        None => Answer::Failed("it did not answer a moment ago".to_owned()),
    };
    settle(&exchange, row, answer).await
}

/// Takes the row on. Until the pause is over no other node does, and after it any may: a node that dies loses nothing.
async fn claim(exchange: &Exchange<'_>, row: &QueuedLogout) -> bool {
    let pause = PAUSES.get(attempts(row)).or(PAUSES.last());
    let next_at = exchange.now.plus(pause.copied().unwrap_or_default());
    let claimed = exchange
        .server
        .store()
        .claim_logout(&row.id, row.attempts, next_at, exchange.now)
        .await;
    claimed.unwrap_or_else(|error| {
        tracing::warn!(%error, client_id = %row.client, "a logout could not be taken on; a later look tries again");
        false
    })
}

/// How many attempts there were before.
fn attempts(row: &QueuedLogout) -> usize {
    usize::try_from(row.attempts).unwrap_or(usize::MAX)
}

/// Makes a new logout token and takes it to the client.
async fn attempt(exchange: &Exchange<'_>, row: &QueuedLogout, call: &Call<'_>) -> Answer {
    let Some(known) = exchange.catalog.client(&row.client) else {
        return Answer::Refused("the client was deleted".to_owned());
    };
    let client = &known.client;
    let Some(uri) = &client.openid.backchannel_logout_uri else {
        return Answer::Refused("the client does not want to be told any more".to_owned());
    };
    let keys = &exchange.catalog.keys;
    let algorithm = client.openid.id_token_signed_response_alg;
    let Some(key) = keys.signing(algorithm) else {
        return Answer::Failed(format!("no key signs {algorithm}"));
    };
    let subject = keys.subjects().subject(client, &row.user);
    let session = keys.subjects().session(client, &row.session);
    let token = LogoutToken::new(
        exchange.issuer(),
        &client.id,
        subject,
        session,
        exchange.now,
    );
    match key.sign_jwt(LOGOUT_TOKEN_TYP, &token) {
        Ok(signed) => call.post(uri, &signed, exchange).await,
        Err(error) => Answer::Failed(format!("signing a logout token: {error}")),
    }
}

/// Notes how an attempt ended, in the store, the log and the metrics.
async fn settle(exchange: &Exchange<'_>, row: &QueuedLogout, answer: Answer) -> Outcome {
    let store = exchange.server.store();
    let (client_id, attempt) = (&row.client, row.attempts + 1);
    let is_last = attempts(row) >= PAUSES.len();
    let (label, outcome, written) = match answer {
        Answer::Told => {
            tracing::info!(%client_id, attempt, "told of a sign-out");
            let written = store.logout_delivered(&row.id).await;
            ("delivered", Outcome::Delivered, written)
        }
        Answer::Failed(detail) if !is_last => {
            tracing::info!(%client_id, attempt, detail, "could not be told of a sign-out; it is tried again");
            ("failed", Outcome::Failed, Ok(()))
        }
        Answer::Failed(detail) => {
            tracing::warn!(%client_id, attempt, detail, "could not be told of a sign-out, and is given up");
            let written = store.logout_given_up(&row.id, exchange.now).await;
            ("given_up", Outcome::GivenUp, written)
        }
        Answer::Refused(detail) => {
            tracing::warn!(%client_id, attempt, detail, "refused to be told of a sign-out");
            let written = store.logout_given_up(&row.id, exchange.now).await;
            ("refused", Outcome::GivenUp, written)
        }
    };
    exchange.server.telemetry().logout_token(label);
    if let Err(error) = written {
        tracing::warn!(%error, %client_id, "how a client took a sign-out could not be written down; it is told again");
    }
    outcome
}

/// The lines from this node to the clients it calls.
#[derive(Default)]
pub(crate) struct BackChannel {
    http: OnceLock<reqwest::Client>,
    known: Mutex<HashMap<ClientId, Reach>>,
}

/// How a client can be reached.
#[derive(Default)]
struct Reach {
    calls: usize,
    silent_until: Option<Timestamp>,
}

/// Whether a client can be called now.
enum Line<'b> {
    Free(Call<'b>),
    Busy,
    /// It did not answer a moment ago.
    Silent,
}

impl BackChannel {
    /// A line to `client`.
    fn line(&self, client: &ClientId, now: Timestamp) -> Line<'_> {
        let mut known = self.known();
        let is_silent = |reach: &Reach| reach.silent_until.is_some_and(|end| now < end);
        known.retain(|_, reach| reach.calls > 0 || is_silent(reach));
        let under_way: usize = known.values().map(|reach| reach.calls).sum();
        let reach = known.entry(client.clone()).or_default();
        if is_silent(reach) {
            return Line::Silent;
        }
        if reach.calls >= LINES_TO_ONE || under_way >= LINES {
            return Line::Busy;
        }
        reach.calls += 1;
        Line::Free(Call {
            lines: self,
            client: client.clone(),
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ClientId, Reach>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Made when it is needed for the first time: a server whose clients do not ask to be told needs no trusted certificates.
    fn http(&self, timeout: Duration) -> Result<&reqwest::Client, Fault> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let made = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .timeout(timeout)
            .user_agent(concat!("safeconduct/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Fault::new(format!("no TLS for outgoing calls: {}", cause_of(&error)))
            })?;
        Ok(self.http.get_or_init(|| made))
    }
}

/// A line in use; free again when it is dropped.
struct Call<'b> {
    lines: &'b BackChannel,
    client: ClientId,
}

impl Call<'_> {
    /// Takes a logout token to `uri` (§2.5), and reads the answer (§2.8).
    async fn post(
        &self,
        uri: &BackChannelUri,
        logout_token: &str,
        exchange: &Exchange<'_>,
    ) -> Answer {
        let longest = exchange.server.settings().back_channel.answer;
        let http = match self.lines.http(longest) {
            Ok(http) => http,
            Err(fault) => return Answer::Failed(fault.to_string()),
        };
        let form = [("logout_token", logout_token)];
        let response = match http.post(uri.as_str()).form(&form).send().await {
            Ok(response) => response,
            Err(error) => {
                self.found_silent(exchange.now);
                return Answer::Failed(cause_of(&error.without_url()));
            }
        };
        match response.status() {
            // Some frameworks answer 204 where there is no body.
            StatusCode::OK | StatusCode::NO_CONTENT => Answer::Told,
            StatusCode::BAD_REQUEST => Answer::Refused(reason_of(response).await),
            status => Answer::Failed(format!("it answered {}", status.as_u16())),
        }
    }

    fn found_silent(&self, now: Timestamp) {
        if let Some(reach) = self.lines.known().get_mut(&self.client) {
            reach.silent_until = Some(now.plus(SILENCE));
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(reach) = self.lines.known().get_mut(&self.client) {
            reach.calls -= 1;
        }
    }
}

/// What a client says about its refusal. Only the two members that are meant for this: what else is in the body may be what
/// was sent.
async fn reason_of(mut response: reqwest::Response) -> String {
    #[derive(Deserialize)]
    struct Reason {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_REFUSAL {
            break;
        }
    }
    match serde_json::from_slice(&body) {
        Ok(Reason {
            error,
            error_description,
        }) => on_one_line(&format!("{error}: {error_description}")),
        Err(_) => "it does not say why".to_owned(),
    }
}

fn on_one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LONGEST_DETAIL).map(plain).collect()
}

/// The cause at the bottom, which says "connection refused".
fn cause_of(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn client(name: &str) -> ClientId {
        ClientId::parse(name).unwrap()
    }

    #[test]
    fn a_client_that_hangs_leaves_lines_to_others() {
        let lines = BackChannel::default();
        let hanging: Vec<_> = (0..LINES_TO_ONE)
            .map(|_| lines.line(&client("slow"), NOW))
            .collect();
        assert!(hanging.iter().all(|line| matches!(line, Line::Free(_))));
        assert!(matches!(lines.line(&client("slow"), NOW), Line::Busy));
        assert!(matches!(lines.line(&client("quick"), NOW), Line::Free(_)));
        drop(hanging);
        assert!(matches!(lines.line(&client("slow"), NOW), Line::Free(_)));
    }

    #[test]
    fn there_is_an_end_to_the_lines() {
        let lines = BackChannel::default();
        let calls: Vec<_> = (0..LINES)
            .map(|number| lines.line(&client(&format!("app-{number}")), NOW))
            .collect();
        assert!(calls.iter().all(|line| matches!(line, Line::Free(_))));
        assert!(matches!(lines.line(&client("one-more"), NOW), Line::Busy));
        drop(calls);
        assert!(matches!(
            lines.line(&client("one-more"), NOW),
            Line::Free(_)
        ));
        assert!(lines.known().len() <= 1, "what is over is forgotten");
    }

    #[test]
    fn who_did_not_answer_is_left_alone_for_a_moment() {
        let lines = BackChannel::default();
        let Line::Free(call) = lines.line(&client("gone"), NOW) else {
            panic!("nobody called before");
        };
        call.found_silent(NOW);
        drop(call);
        let later = NOW.plus(SILENCE);
        assert!(matches!(lines.line(&client("gone"), NOW), Line::Silent));
        assert!(matches!(lines.line(&client("other"), NOW), Line::Free(_)));
        assert!(matches!(lines.line(&client("gone"), later), Line::Free(_)));
    }

    #[test]
    fn what_a_client_says_stays_on_its_line() {
        let said = on_one_line(&format!("a\nb\u{1b}[2J{}", "x".repeat(1000)));
        assert!(said.starts_with("a b [2Jx"));
        assert_eq!(said.chars().count(), LONGEST_DETAIL);
    }
}
