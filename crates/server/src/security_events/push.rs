//! Telling receivers (RFC 8935): what has appeared is looked through for each of them, and what it is to be told goes to the outbox, from where
//! any node that knows the receiver takes it there (`outbox/event.rs`). Every node looks; the store says which of them queues.

use std::time::Duration;

use safeconduct_protocol::{encoding, time::Timestamp};
use safeconduct_store::{QueuedSignal, ReceiverRecord, StoreError};
use tokio::time::{MissedTickBehavior, interval};

use super::signal::kinds_of;
use crate::{event_receivers::EventReceiver, server::Server};

/// How often a node looks for what has appeared.
const LOOK: Duration = Duration::from_secs(1);
/// How many events are looked at in one unit.
const PAGE: u32 = 100;
/// How much waits for a receiver before nothing more is queued for it. What comes later is not lost: it is looked through when there is room.
const MOST_WAITING: u32 = 1_000;

/// Queues what appears, until the task is dropped; nothing where no receiver is declared.
pub(crate) async fn run(server: &Server) {
    if server.settings().event_receivers.is_empty() {
        return;
    }
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if let Err(error) = queue_for_receivers(server).await {
            tracing::warn!(%error, "what receivers are to be told could not be queued; the next look tries again");
        }
    }
}

/// Queues what has appeared since the last look, for each receiver that is not paused.
pub(crate) async fn queue_for_receivers(server: &Server) -> Result<(), StoreError> {
    let receivers = &server.settings().event_receivers;
    // Without a clock that is believed nothing is written by it.
    let (false, Ok(now)) = (receivers.is_empty(), server.time().moment()) else {
        return Ok(());
    };
    let store = server.store();
    // Also where all are paused: what has a number is not forgotten.
    let last = store.number_events(now).await?;
    let known = store.receivers().await?;
    for receiver in receivers {
        let Some(record) = known.iter().find(|record| record.name == receiver.name) else {
            store.begin_receiver(&receiver.name).await?;
            tracing::info!(
                receiver = receiver.name,
                "a receiver of events is told from now on"
            );
            continue;
        };
        if record.paused_at.is_none() && record.last < last {
            queue(server, receiver, record.clone(), now).await?;
        }
    }
    Ok(())
}

async fn queue(
    server: &Server,
    receiver: &EventReceiver,
    mut record: ReceiverRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let store = server.store();
    loop {
        let waiting = store.waiting_signals(&receiver.name, MOST_WAITING).await?;
        if waiting >= MOST_WAITING as usize {
            return Ok(());
        }
        let events = store.events_behind(record.last, PAGE).await?;
        let Some(last) = events.last().map(|event| event.number) else {
            return Ok(());
        };
        let signals = events.iter().flat_map(|numbered| {
            kinds_of(receiver, &numbered.event).map(|kind| QueuedSignal {
                receiver: receiver.name.clone(),
                event: numbered.event.id.clone(),
                number: numbered.number,
                signal: kind.as_str().to_owned(),
            })
        });
        let signals: Vec<_> = signals.collect();
        let is_ours = store.queue_signals(&record, last, &signals, now).await?;
        if !is_ours || events.len() < PAGE as usize {
            return Ok(());
        }
        record.last = last;
    }
}

/// The `jti` of what is told: the same however often and from whichever node it is told, another one for each receiver, and nothing that says
/// how much happens here.
pub(crate) fn name_of(signal: &QueuedSignal) -> String {
    let QueuedSignal {
        receiver,
        event,
        number,
        signal,
    } = signal;
    encoding::sha256_base64url(format!("{receiver}\n{event}\n{number}\n{signal}").as_bytes())
}
