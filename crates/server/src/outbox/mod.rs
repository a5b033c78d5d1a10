//! Notifying others: the worker of the store's outbox. What is to be delivered is a row in the store; here it is claimed by a
//! lease and delivered in a task of its own, and what the recipient answers decides what becomes of the row. Nothing waits in
//! memory: where too much is under way the row is left to a later look.
//!
//! A recipient that is slow delays itself alone: due rows are asked for recipient by recipient and taken in turn, no recipient
//! has more than its share of what is under way (`concurrency`), and no delivery waits for a batch.
//!
//! How a message is put to its recipient is its kind's own file: `logout` for Back-Channel Logout, `mail` for what a mail server takes,
//! `event` for what is pushed to receivers.

mod body;
mod concurrency;
mod event;
mod logout;
mod mail;
mod state;

use std::time::Duration;

use safeconduct_protocol::ids::ClientId;
use safeconduct_store::{Message, OutboxKind, OutboxRow, StoreError};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout_at},
};
use tracing::Instrument as _;

pub(crate) use self::state::Outbox;
use self::{concurrency::Admission, state::Answer};
use crate::server::{Exchange, Server};

/// Seconds until the next attempt, after the first, the second, …. When the attempt after the last pause fails, the message is
/// given up.
const PAUSES: [i64; 4] = [10, 60, 300, 1800];
/// Seconds for which a new row is left to the node that wrote it: a user waits there for what becomes of it.
const HEAD_START: i64 = 2;
/// Seconds by which a lease outlasts the longest attempt.
const SLACK: i64 = 10;
/// How often a node looks for rows that are due.
const LOOK: Duration = Duration::from_secs(1);

/// The clients that know of the end of a session, by the time the user is answered.
#[derive(Default)]
pub(crate) struct Notified {
    pub(crate) notified: Vec<ClientId>,
    /// Not yet, or never: some of them may still be notified later.
    pub(crate) not_yet: Vec<ClientId>,
}

/// Notifies the clients of a session that has just ended, and waits for their answers as long as a user can be kept waiting.
/// What is not done by then goes on.
pub(crate) async fn notify(server: &Server, queued: Vec<OutboxRow>) -> Notified {
    let deadline = Instant::now() + server.settings().back_channel.wait;
    let client = |row: &OutboxRow| match &row.message {
        Message::Logout { client, .. } => Some(client.clone()),
        Message::Mail(_) | Message::Event(_) => None,
    };
    let mut not_yet: Vec<ClientId> = queued.iter().filter_map(client).collect();
    let (sender, mut answers) = mpsc::unbounded_channel();
    for row in queued {
        let deliveries = &server.outbox().deliveries;
        let Admission::Granted(delivery) = deliveries.admit(&row.message, server.now()) else {
            // It is left to the worker.
            continue;
        };
        let (server, sender) = (server.clone(), sender.clone());
        let delivering = async move {
            if deliver(&server, &row, &delivery).await == Outcome::Delivered {
                // The receiver is gone where the user has been answered.
                let _ = client(&row).map(|client| sender.send(client));
            }
        };
        tokio::spawn(delivering.in_current_span());
    }
    drop(sender);
    let mut notified = Vec::new();
    while let Ok(Some(client)) = timeout_at(deadline, answers.recv()).await {
        not_yet.retain(|other| *other != client);
        notified.push(client);
    }
    notified.sort();
    Notified { notified, not_yet }
}

/// Delivers what is due, what other nodes have written and what could not be delivered before, until the task is dropped. It waits
/// for no delivery: as soon as one ends, the recipient next in turn has its place.
pub(crate) async fn run(server: &Server) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut deliveries = JoinSet::new();
    let mut is_more_due = false;
    loop {
        tokio::select! {
            _ = look.tick() => {}
            Some(ended) = deliveries.join_next(), if !deliveries.is_empty() => {
                let mut has_moved = has_moved(ended);
                while let Some(ended) = deliveries.try_join_next() {
                    has_moved |= self::has_moved(ended);
                }
                // A row that could not be claimed now is left to the next tick.
                if !(is_more_due && has_moved) {
                    continue;
                }
            }
        }
        is_more_due = match begin_due(server, &mut deliveries).await {
            Ok(is_more_due) => is_more_due,
            Err(error) => {
                tracing::warn!(%error, "the outbox could not be looked at; the next look tries again");
                false
            }
        };
    }
}

/// Delivers what is due now, and waits until it was delivered or could not be.
pub(crate) async fn deliver_due(server: &Server) -> Result<(), StoreError> {
    let mut deliveries = JoinSet::new();
    loop {
        begin_due(server, &mut deliveries).await?;
        let mut has_moved = false;
        while let Some(ended) = deliveries.join_next().await {
            has_moved |= self::has_moved(ended);
        }
        if !has_moved {
            return Ok(());
        }
    }
}

fn has_moved(ended: Result<Outcome, tokio::task::JoinError>) -> bool {
    ended.is_ok_and(|outcome| outcome != Outcome::LeftAlone)
}

/// Begins to deliver what is due, each row in a task of its own, as many at once as there may be; recipients take turns. Whether
/// more is due that only waits for others to end.
async fn begin_due(server: &Server, deliveries: &mut JoinSet<Outcome>) -> Result<bool, StoreError> {
    // Without a clock that is believed nothing is signed; that the node is not ready says why.
    let Ok(now) = server.time().moment() else {
        return Ok(false);
    };
    let ripe = now.plus(-HEAD_START);
    let under_way = &server.outbox().deliveries;
    let mut is_more_due = false;
    let mut waiting = Vec::new();
    let kinds = OutboxKind::ALL.into_iter();
    for kind in kinds.filter(|kind| can_deliver(server, *kind)) {
        for recipient in server.store().due_recipients(kind, ripe).await? {
            if kind == OutboxKind::Event && !knows_receiver(server, &recipient) {
                continue;
            }
            let Some(free) = under_way.free(kind, &recipient, now) else {
                continue;
            };
            // One more than may begin shows whether more is due.
            let due = server
                .store()
                .due_messages(kind, &recipient, ripe, free + 1)
                .await?;
            is_more_due |= due.len() > free;
            waiting.push(due.into_iter().take(free));
            if waiting.len() > concurrency::ALL {
                is_more_due = true;
                break;
            }
        }
    }
    while !waiting.is_empty() {
        let mut next_turn = Vec::with_capacity(waiting.len());
        for mut rows in waiting {
            let Some(row) = rows.next() else { continue };
            let Admission::Granted(delivery) = under_way.admit(&row.message, now) else {
                is_more_due = true;
                continue;
            };
            let server = server.clone();
            deliveries.spawn(async move { deliver(&server, &row, &delivery).await });
            next_turn.push(rows);
        }
        waiting = next_turn;
    }
    Ok(is_more_due)
}

/// Whether this node can deliver anything of a kind. One that has no mail server leaves mails to those that have one.
fn can_deliver(server: &Server, kind: OutboxKind) -> bool {
    match kind {
        OutboxKind::Logout => true,
        OutboxKind::Mail => server.settings().mail.is_some(),
        OutboxKind::Event => !server.settings().event_receivers.is_empty(),
    }
}

fn knows_receiver(server: &Server, name: &str) -> bool {
    let mut declared = server.settings().event_receivers.iter();
    declared.any(|receiver| receiver.name == name)
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

async fn deliver(server: &Server, row: &OutboxRow, delivery: &concurrency::Delivery) -> Outcome {
    let exchange = match Exchange::begin(server, None).await {
        Ok(exchange) => exchange,
        Err(failure) => {
            // Logs the fault; no request waits for an answer.
            failure.into_refusal();
            return Outcome::LeftAlone;
        }
    };
    if !claim(&exchange, row).await {
        return Outcome::LeftAlone;
    }
    let answer = match &row.message {
        // A node claimed the last attempt, and was gone before it could say how that went.
        Message::Logout { .. } if attempts(row) > PAUSES.len() => {
            Answer::Failed("the last attempt did not end".to_owned())
        }
        Message::Logout {
            client,
            user,
            session,
        } => logout::attempt(&exchange, client, user, session).await,
        Message::Mail(mail) => mail::attempt(&exchange, row, mail).await,
        Message::Event(signal) => event::attempt(&exchange, signal).await,
    };
    delivery.ended(!matches!(answer, Answer::Silent(_)), exchange.now);
    settle(&exchange, row, answer).await
}

/// Claims the row. Until the lease is over no other node does, and after it any may: a node that dies loses nothing.
async fn claim(exchange: &Exchange<'_>, row: &OutboxRow) -> bool {
    let server = exchange.server;
    let settings = server.settings();
    let longest = match (&row.message, &settings.mail) {
        (Message::Mail(_), Some(mail)) => mail.deadline,
        (Message::Event(_), _) => event::LONGEST_ANSWER,
        _ => settings.back_channel.answer,
    };
    let longest = i64::try_from(longest.as_secs()).unwrap_or(PAUSES[0]);
    let lease_ends = exchange.now.plus(longest.saturating_add(SLACK));
    let claimed = server
        .store()
        .claim_message(row, lease_ends, exchange.now)
        .await;
    claimed.unwrap_or_else(|error| {
        let (kind, recipient) = (row.message.kind().as_str(), row.message.recipient());
        tracing::warn!(%error, kind, recipient, "a message could not be claimed; a later look tries again");
        false
    })
}

/// How many attempts there were before.
fn attempts(row: &OutboxRow) -> usize {
    usize::try_from(row.attempts).unwrap_or(usize::MAX)
}

/// Notes how an attempt ended, in the store, the log and the metrics.
async fn settle(exchange: &Exchange<'_>, row: &OutboxRow, answer: Answer) -> Outcome {
    let store = exchange.server.own_store();
    let (kind, recipient) = (row.message.kind(), row.message.recipient());
    let (what, attempt) = (kind.as_str(), row.attempts + 1);
    let pause = match &row.message {
        Message::Logout { .. } => PAUSES.get(attempts(row)).copied(),
        Message::Mail(mail) => mail::pause(mail, row, &answer, &PAUSES, exchange.now),
        Message::Event(_) => event::pause(exchange, row, &PAUSES),
    };
    if let Message::Event(signal) = &row.message
        && is_paused_by(exchange, &signal.receiver, &answer).await
    {
        exchange.server.telemetry().outbox_attempt(kind, "failed");
        return Outcome::Failed;
    }
    let (label, outcome, written) = match (answer, pause) {
        (Answer::Delivered, _) => {
            tracing::info!(kind = what, recipient, attempt, "delivered");
            let written = store.message_delivered(row).await;
            ("delivered", Outcome::Delivered, written)
        }
        (Answer::Silent(detail), Some(pause)) if kind == OutboxKind::Mail => {
            tracing::error!(attempt, detail, "no mail can be sent; all of it waits");
            let next_at = exchange.now.plus(pause);
            let written = store.retry_message(row, next_at, &detail).await;
            ("unavailable", Outcome::Failed, written)
        }
        (Answer::Failed(detail) | Answer::Silent(detail), Some(pause)) => {
            tracing::info!(
                kind = what,
                recipient,
                attempt,
                detail,
                "could not be delivered; it is tried again"
            );
            let next_at = exchange.now.plus(pause);
            let written = store.retry_message(row, next_at, &detail).await;
            ("failed", Outcome::Failed, written)
        }
        (Answer::Failed(detail) | Answer::Silent(detail), None) => {
            tracing::warn!(
                kind = what,
                recipient,
                attempt,
                detail,
                "could not be delivered, and is given up"
            );
            let written = store.give_up_message(row, &detail, exchange.now).await;
            ("given_up", Outcome::GivenUp, written)
        }
        (Answer::Refused(detail), _) => {
            tracing::warn!(
                kind = what,
                recipient,
                attempt,
                detail,
                "refused by its recipient"
            );
            let written = store.give_up_message(row, &detail, exchange.now).await;
            ("refused", Outcome::GivenUp, written)
        }
    };
    exchange.server.telemetry().outbox_attempt(kind, label);
    if let Err(error) = written {
        tracing::warn!(%error, kind = what, recipient, "how a recipient took a message could not be written down; it is delivered again");
    }
    outcome
}

/// Whether a receiver is paused by this answer; what waits for it has left the outbox then.
async fn is_paused_by(exchange: &Exchange<'_>, receiver: &str, answer: &Answer) -> bool {
    let noted = event::note(exchange, receiver, answer).await;
    noted.unwrap_or_else(|error| {
        tracing::warn!(%error, receiver, "whether a receiver takes events could not be written down");
        false
    })
}
