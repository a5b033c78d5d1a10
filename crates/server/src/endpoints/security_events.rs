//! `POST /security-events` (RFC 8936): the guard of an API asks which tokens are dead before their time, and is answered when there are some,
//! or after a while.
//!
//! Nothing is kept for who asks. How far they have come is a sealed cursor, which takes the place of `ack`: whoever sends it back has
//! what was told before it, and whoever lost an answer asks again with the one before. So each process of an API has a stream of its
//! own, and misses nothing, whichever node it asks.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use axum::{extract::State, response::Response};
use safeconduct_protocol::{
    client::Client,
    error::{Reason, Refusal},
    event_cursor::{CURSOR_LIFE, EventCursor},
    ids::{GrantId, UserId},
    parameters::Parameters,
    resource::Resource,
    sealed::Sealed as _,
    security_event::{Envelope, SECURITY_EVENT_TYP, SecurityEventToken},
    sent::Sent,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    client_auth,
    fault::{Failure, Fault},
    form::PostedForm,
    respond,
    security_events::{
        Log,
        access::{Hearing, SLACK, ended_by, user_of},
    },
    server::{Exchange, Server},
};

/// How long an answer waits for something to tell, at most. It ends well before the listener's patience does.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How many tokens one answer has, at most.
const MOST_TOLD: usize = 100;
/// How many bytes of tokens one answer has before nothing is added any more: a guard reads up to a mebibyte.
const ENOUGH_BYTES: usize = 256 * 1024;
/// How many events are looked at for one answer.
const PAGE: u32 = 200;

/// What is asked (RFC 8936 §2.2). What is not known is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PollRequest {
    max_events: Option<usize>,
    #[serde(default)]
    return_immediately: bool,
    /// What the guard could not take, by the name of the token.
    #[serde(default)]
    set_errs: BTreeMap<String, SetError>,
    /// How far the guard has come. Ours.
    cursor: Option<String>,
    /// The API whose tokens it looks at. Ours.
    resource: Option<String>,
    /// For how long it wants to wait. Ours.
    wait_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct SetError {
    err: String,
    #[serde(default)]
    description: String,
}

/// The answer (RFC 8936 §2.3).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PollAnswer {
    sets: BTreeMap<String, String>,
    more_available: bool,
    /// What to ask with the next time.
    cursor: String,
    /// How long a token lives, in seconds: of one that is older than that, and was refused once, nothing has to be known any more.
    token_lifetime: i64,
}

pub(crate) async fn poll(State(server): State<Server>, form: PostedForm) -> Response {
    match answer(&server, &form).await {
        Ok(answer) => respond::json(&answer),
        Err(failure) => respond::json_refusal(failure),
    }
}

async fn answer(server: &Server, form: &PostedForm) -> Result<PollAnswer, Failure> {
    let exchange = Exchange::begin(server, Some(form.origin())).await?;
    let caller = client_auth::authenticate(&exchange, form.headers(), &Parameters::default())
        .await?
        .confidential()?;
    let request: PollRequest = form.json(Reason::EventPollMalformed)?;
    let resource = resource(&exchange, caller.client(), request.resource.as_deref())?;
    for (id, error) in &request.set_errs {
        let (id, err, description) = (Sent(id), Sent(&error.err), Sent(&error.description));
        tracing::warn!(client_id = %caller.client().id, %id, %err, %description, "a guard could not take what it was told");
    }
    let longest = server.settings().lifetimes.access_token;
    let log = Log {
        store: server.store(),
        clock: server.clock(),
        within: CURSOR_LIFE.max(longest + SLACK),
    };
    let last = server.feed().look(&log).await?;
    let mut place = match &request.cursor {
        Some(cursor) => begun(&exchange, cursor, last)?,
        // What is older can't be presented any more.
        None => {
            let since = exchange.now.plus(-(longest + SLACK));
            Place::behind(log.store.number_before(since).await?.min(last))
        }
    };
    let wait = request
        .wait_seconds
        .map_or(LONGEST_WAIT, Duration::from_secs);
    let until = Instant::now() + wait.min(LONGEST_WAIT);
    let most = request.max_events.unwrap_or(MOST_TOLD).min(MOST_TOLD);
    let waiting = match request.return_immediately {
        true => None,
        false => server.feed().admit(&caller.client().id),
    };
    loop {
        let told = told(&exchange, resource, place, longest, most).await?;
        let is_over = waiting.is_none() || Instant::now() >= until || server.feed().is_over();
        if !told.sets.is_empty() || told.more_available || is_over {
            return told.answered(&exchange, longest).await;
        }
        place = told.place;
        if let Some(waiting) = &waiting {
            waiting.appears(&log, place.number, until).await?;
        }
    }
}

/// The API whose guard asks: the one that is named, or the only one whose client it is.
fn resource<'e>(
    exchange: &'e Exchange<'_>,
    caller: &Client,
    named: Option<&str>,
) -> Result<&'e Resource, Refusal> {
    let resources = exchange.catalog.resources.iter();
    let mut own = resources.filter(|resource| resource.client.as_ref() == Some(&caller.id));
    let found = match named {
        Some(uri) => own.find(|resource| resource.uri.as_str() == uri),
        None => match (own.next(), own.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        },
    };
    found.ok_or_else(|| {
        let named = named.map_or(
            "no API, and is that of none or several",
            |_| "an API of another client",
        );
        Refusal::new(Reason::EventPollNotAllowed).because(named)
    })
}

/// How far somebody has come in the order of events.
#[derive(Clone, Copy)]
struct Place {
    /// The last event of which everything was told.
    number: i64,
    /// Of the one behind it, the last grant that was told.
    grant: Option<GrantId>,
}

impl Place {
    fn behind(number: i64) -> Self {
        Self {
            number,
            grant: None,
        }
    }
}

/// The place that a cursor says. One that is ahead of the last event is of a database that has lost events since, and what comes now gets
/// the numbers that it had seen.
fn begun(exchange: &Exchange<'_>, cursor: &str, last: i64) -> Result<Place, Refusal> {
    let cursor: EventCursor = exchange.open(cursor)?;
    if cursor.number > last {
        return Err(
            Refusal::new(Reason::EventCursorNotRecognised).because("an event that is not there")
        );
    }
    Ok(Place {
        number: cursor.number,
        grant: cursor.grant,
    })
}

/// What is told of the events behind a place.
struct Told {
    sets: BTreeMap<String, String>,
    more_available: bool,
    place: Place,
    bytes: usize,
    /// Whose grants were looked at, all of them.
    users: HashSet<UserId>,
}

impl Told {
    fn is_full(&self, most: usize) -> bool {
        self.sets.len() >= most || self.bytes >= ENOUGH_BYTES
    }

    async fn answered(self, exchange: &Exchange<'_>, longest: i64) -> Result<PollAnswer, Failure> {
        let cursor = EventCursor {
            era: exchange.catalog.cluster.era,
            number: self.place.number,
            grant: self.place.grant,
            told_at: exchange.server.time().moment()?,
        };
        let sealed = cursor.seal(exchange.catalog.keys.seal());
        Ok(PollAnswer {
            sets: self.sets,
            more_available: self.more_available,
            cursor: sealed.map_err(|error| Fault::new(error.to_string()))?,
            token_lifetime: longest + SLACK,
        })
    }
}

async fn told(
    exchange: &Exchange<'_>,
    resource: &Resource,
    behind: Place,
    longest: i64,
    most: usize,
) -> Result<Told, Failure> {
    let server = exchange.server;
    let events = server.store().events_behind(behind.number, PAGE).await?;
    let mut told = Told {
        sets: BTreeMap::new(),
        more_available: events.len() == PAGE as usize,
        place: behind,
        bytes: 0,
        users: HashSet::new(),
    };
    let key = exchange
        .catalog
        .keys
        .signing(resource.access_token_signing_alg);
    let key = key.ok_or_else(|| Fault::new("no key signs what guards are told".to_owned()))?;
    let hearing = Hearing {
        audience: resource.uri.as_str(),
        longest,
        // Whoever has waited is told as of now.
        now: server.time().moment()?,
    };
    for event in events {
        let (number, event) = (event.number, event.event);
        let user = user_of(&event);
        let mut grant = told.place.grant.take();
        // All of these events had happened when the grants of the first one were looked at.
        let is_told = user.is_some_and(|user| match grant {
            None => !told.users.insert(user.clone()),
            Some(_) => false,
        });
        while !is_told && let Some(part) = ended_by(server, hearing, &event, grant).await? {
            if told.is_full(most) {
                told.more_available = true;
                told.place.grant = grant;
                return Ok(told);
            }
            let from = grant.map_or_else(|| "0".to_owned(), |grant| grant.to_string());
            let id = format!("{}.{from}", event.id);
            let envelope = Envelope {
                issuer: exchange.issuer(),
                audience: hearing.audience,
                id: &id,
                transaction: event.by.correlation_id(),
                now: hearing.now,
            };
            let token = SecurityEventToken::of_access(envelope, &part.ended);
            let signed = key.sign_jwt(SECURITY_EVENT_TYP, &token);
            let signed =
                signed.map_err(|error| Fault::new(format!("signing an event: {error}")))?;
            told.bytes += signed.len();
            told.sets.insert(id, signed);
            grant = part.last;
            if grant.is_none() {
                break;
            }
        }
        told.place = Place::behind(number);
    }
    Ok(told)
}
