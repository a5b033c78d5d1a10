//! `safeconduct audit`: what happened, who did it, and by which door.

use std::borrow::Cow;
use std::time::Duration;

use clap::Subcommand;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::ids::{ClientId, GrantId, UserId};
use safeconduct_protocol::time::Timestamp;
use safeconduct_server::administration::events::Follower;
use safeconduct_store::{Door, Event, EventFilter, event_kinds};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, note, printable, when, write_line};
use super::page::Paging;
use super::place::{Place, only_here};
use super::remote::Remote;
use crate::config::Span;

/// How often a follower looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The events, the newest first.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "docs/reference/events.md lists the kinds. A time is RFC 3339 (2026-11-30T22:00:00Z), or so long ago (90s, 15m, 8h, 7d)."
)]
pub(crate) struct Audit {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    paging: Paging,
    /// Print what happens from now on, as it comes
    #[arg(long, short, conflicts_with_all = ["limit", "after", "until"])]
    follow: bool,
}

/// What else can be done with events.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Print all of them as JSON lines, the oldest first, without a gap; of sign-ins that failed, counts may grow after it
    #[command(
        after_help = "What is younger than three minutes is left for the next time, because an event may be written a little after its moment. The last line on standard error says how to go on: who goes on there misses none, whatever was written meanwhile."
    )]
    Export {
        #[command(flatten)]
        named: Named,
        /// Go on behind this one, which the export before named
        #[arg(long, value_name = "ID")]
        after: Option<String>,
    },
}

/// Which events.
#[derive(Debug, clap::Args)]
struct Named {
    /// Only about this user, by username or id
    #[arg(long)]
    user: Option<String>,
    /// Only sign-ins that failed under this name, which may be nobody's
    #[arg(long, conflicts_with = "user")]
    typed: Option<String>,
    /// Only about this client
    #[arg(long, value_parser = client)]
    client: Option<ClientId>,
    /// Only about this grant
    #[arg(long, value_parser = grant)]
    grant: Option<GrantId>,
    /// Only of these kinds
    #[arg(long, value_delimiter = ',', value_parser = kind)]
    kind: Vec<String>,
    /// Only by this door: cli, api, console, page, endpoint, server
    #[arg(long, value_parser = door)]
    door: Option<Door>,
    /// Only in the request of this name
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Only from then on
    #[arg(long, value_parser = moment, value_name = "TIME")]
    since: Option<Moment>,
    /// Only before then
    #[arg(long, value_parser = moment, value_name = "TIME")]
    until: Option<Moment>,
}

/// A point in time as it is typed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    At(Timestamp),
    Ago(Span),
}

impl Moment {
    fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.plus(-span.as_seconds()),
        }
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(span) = text.parse() {
        return Ok(Moment::Ago(span));
    }
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        "a time is like 2026-11-30T22:00:00Z, or like 8h for so long ago".to_owned()
    })?;
    Ok(Moment::At(Timestamp::from_seconds(at.as_second())))
}

fn client(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).ok_or_else(|| "this can't be the id of a client".to_owned())
}

fn grant(text: &str) -> Result<GrantId, String> {
    GrantId::parse(text).ok_or_else(|| "this can't be the id of a grant".to_owned())
}

fn door(text: &str) -> Result<Door, String> {
    Door::parse(text).ok_or_else(|| {
        let doors: Vec<&str> = Door::ALL.iter().map(|door| door.as_str()).collect();
        format!("the doors are {}", doors.join(", "))
    })
}

fn kind(text: &str) -> Result<String, String> {
    let is_known = event_kinds().any(|(kind, ..)| kind == text);
    if is_known {
        return Ok(text.to_owned());
    }
    let near = event_kinds()
        .map(|(kind, ..)| kind)
        .max_by(|one, other| strsim::jaro(one, text).total_cmp(&strsim::jaro(other, text)));
    Err(format!(
        "there is no such kind of event; did you mean {}?",
        near.unwrap_or_default()
    ))
}

impl Audit {
    /// Does it.
    ///
    /// # Errors
    /// No such user, or the database's.
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match place {
            Place::Here(database) => self.run_here(database, output).await,
            Place::There(server) => self.run_by_api(server, output).await,
        }
    }

    async fn run_by_api(self, server: &Remote, output: Format) -> Result<(), Failure> {
        if self.verb.is_some() {
            return Err(only_here("it gives events page by page, the newest first"));
        }
        let query = self.named.query(Clock::system().now())?;
        if self.follow {
            return follow_by_api(server, output, query).await;
        }
        let found = server.list::<ShownEvent>(&["events"], &query, &self.paging);
        let found = found.await?;
        output.list(&found.rows)?;
        if let Some(next) = found.next {
            note(format_args!("older ones: --after {next}"));
        }
        Ok(())
    }

    async fn run_here(self, database: &Database, output: Format) -> Result<(), Failure> {
        if let Some(Verb::Export { named, after }) = self.verb {
            let filter = named.filter(database).await?;
            return export(database, &filter, after).await;
        }
        let filter = self.named.filter(database).await?;
        if self.follow {
            return follow(database, output, filter).await;
        }
        let administration = database.administration();
        let found = administration.events(&filter, &self.paging.page()).await?;
        let rows: Vec<_> = found.events.into_iter().map(ShownEvent::from).collect();
        output.list(&rows)?;
        if let Some(last) = found.next {
            note(format_args!("older ones: --after {last}"));
        }
        Ok(())
    }
}

impl Named {
    /// The same as the parameters of the API.
    fn query(self, now: Timestamp) -> Result<Vec<(&'static str, Option<String>)>, Failure> {
        if self.typed.is_some() {
            return Err(only_here(
                "a name that was typed is hashed with a key of the database",
            ));
        }
        if self.kind.len() > 1 {
            return Err(only_here("it lists events of one kind at a time"));
        }
        let seen = |moment: Option<Moment>| moment.map(|moment| when(moment.seen_from(now)));
        Ok(vec![
            ("user", self.user),
            ("client", self.client.map(|client| client.to_string())),
            ("grant", self.grant.map(|grant| grant.to_string())),
            ("kind", self.kind.into_iter().next()),
            ("door", self.door.map(|door| door.as_str().to_owned())),
            ("correlation_id", self.correlation_id),
            ("since", seen(self.since)),
            ("until", seen(self.until)),
        ])
    }

    async fn filter(self, database: &Database) -> Result<EventFilter, Failure> {
        let now = database.now();
        let seen = |moment: Option<Moment>| moment.map(|moment| moment.seen_from(now));
        Ok(EventFilter {
            user: match self.user {
                Some(user) => Some(who(database, &user).await?),
                None => None,
            },
            name_hash: self
                .typed
                .map(|name| database.administration().hash_of_typed_name(&name)),
            client: self.client,
            grant: self.grant,
            kinds: self.kind,
            door: self.door,
            correlation_id: self.correlation_id,
            since: seen(self.since),
            until: seen(self.until),
        })
    }
}

/// The id of a user, who may be deleted where it is the id that is named.
async fn who(database: &Database, user: &str) -> Result<UserId, Failure> {
    match database.administration().user(user).await {
        Ok(found) => Ok(found.id),
        Err(unknown) => Ok(UserId::parse(user).ok_or(unknown)?),
    }
}

async fn export(
    database: &Database,
    filter: &EventFilter,
    after: Option<String>,
) -> Result<(), Failure> {
    let mut last = after.unwrap_or_default();
    loop {
        let page = database
            .administration()
            .settled_events(filter, &last)
            .await?;
        if let Some(event) = page.events.last() {
            last.clone_from(&event.id);
        }
        for event in page.events {
            write_json_line(&ShownEvent::from(event))?;
        }
        if page.next.is_none() {
            break;
        }
    }
    match last.as_str() {
        "" => note("none"),
        last => note(format_args!("the next ones: --after {last}")),
    }
    Ok(())
}

async fn follow(database: &Database, output: Format, filter: EventFilter) -> Result<(), Failure> {
    let mut follower = Follower::new(filter, database.now());
    loop {
        match follower.look(&database.store, database.now()).await {
            Ok(events) => {
                for event in events {
                    if !is_printed(&ShownEvent::from(event), output)? {
                        return Ok(());
                    }
                }
            }
            // A database that is away comes back, and nothing was missed.
            Err(error) => note(format_args!("{error}; it is tried again")),
        }
        sleep(PAUSE).await;
    }
}

/// The same by the API, in answers that end with what appeared: one that is lost is asked for again, from where the one before ended.
async fn follow_by_api(
    server: &Remote,
    output: Format,
    asked: Vec<(&'static str, Option<String>)>,
) -> Result<(), Failure> {
    let mut last = None;
    loop {
        let on = [("once", Some("true".to_owned())), ("cursor", last.clone())];
        let query = [&asked[..], &on].concat();
        let Some(text) = server.text(&["events", "follow"], &query).await? else {
            note("the server is not there; it is tried again");
            sleep(PAUSE).await;
            continue;
        };
        for line in text.lines() {
            if let Some(data) = line.strip_prefix("data: ") {
                let event: ShownEvent = serde_json::from_str(data)
                    .map_err(|error| Failure::failed("an event can't be read", error))?;
                if !is_printed(&event, output)? {
                    return Ok(());
                }
            } else if let Some(id) = line.strip_prefix("id: ") {
                last = Some(id.to_owned());
            }
        }
    }
}

/// Prints an event; whether anybody reads what is printed.
fn is_printed(event: &ShownEvent, output: Format) -> Result<bool, Failure> {
    match output {
        Format::Json => write_json_line(event),
        Format::Table => write_line(&printable(&event.cells().join("  "))),
    }
}

fn write_json_line(event: &ShownEvent) -> Result<bool, Failure> {
    let text = serde_json::to_string(event)
        .map_err(|error| Failure::failed("an event can't be shown", error))?;
    write_line(&text)
}

/// An event as shown.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShownEvent {
    id: String,
    at: String,
    kind: String,
    user: Option<UserId>,
    client: Option<ClientId>,
    grant: Option<GrantId>,
    detail: Option<String>,
    times: u64,
    name_hash: Option<String>,
    by: ShownBy,
    door: Cow<'static, str>,
    address: Option<String>,
    correlation_id: Option<String>,
}

/// Who did it, as shown.
#[derive(Serialize, Deserialize)]
struct ShownBy {
    kind: Cow<'static, str>,
    name: Option<String>,
}

impl From<Event> for ShownEvent {
    fn from(event: Event) -> Self {
        let by = event.by;
        Self {
            at: when(event.at),
            door: by.door().as_str().into(),
            address: by.address().map(|address| address.to_string()),
            correlation_id: by.correlation_id().map(str::to_owned),
            by: ShownBy {
                kind: by.who().kind().into(),
                name: by.who().name().map(str::to_owned),
            },
            id: event.id,
            kind: event.kind,
            user: event.user,
            client: event.client,
            grant: event.grant,
            detail: event.detail,
            times: event.times,
            name_hash: event.name_hash,
        }
    }
}

impl Row for ShownEvent {
    const COLUMNS: &'static [&'static str] = &[
        "at", "event", "about", "detail", "by", "door", "from", "request",
    ];

    fn cells(&self) -> Vec<String> {
        let times = match self.times {
            1 => String::new(),
            times => format!(" ×{times}"),
        };
        let about = [
            self.user.as_ref().map(ToString::to_string),
            self.name_hash.clone(),
            self.client.as_ref().map(ToString::to_string),
            self.grant.map(|grant| grant.to_string()),
        ];
        let by = self.by.name.as_deref().unwrap_or(&self.by.kind);
        vec![
            self.at.clone(),
            self.kind.clone(),
            about.into_iter().flatten().collect::<Vec<_>>().join(" "),
            format!("{}{times}", self.detail.as_deref().unwrap_or_default()),
            by.to_owned(),
            self.door.to_string(),
            self.address.clone().unwrap_or_default(),
            self.correlation_id.clone().unwrap_or_default(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment_or_so_long_ago() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let seen = |text: &str| moment(text).unwrap().seen_from(now).seconds();
        assert_eq!(seen("90s"), 1_799_999_910);
        assert_eq!(seen("1d"), 1_799_913_600);
        assert_eq!(seen("2027-01-15T08:00:00Z"), 1_800_000_000);
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn a_kind_that_is_mistyped_is_told_the_nearest() {
        assert_eq!(kind("user-locked").as_deref(), Ok("user-locked"));
        let told = kind("user-lockd").unwrap_err();
        assert!(told.ends_with("did you mean user-locked?"), "{told}");
    }
}
