//! What the database knows about a request, a grant, a user or a client, as one story; and the command that mends what is wrong, where there
//! is one.

use safeconduct_protocol::ids::{ClientId, GrantId};
use safeconduct_store::{Event, EventFilter, UserRecord};

use super::{Administration, Page, Refused};

/// The most events of a story: the last ones.
const MOST: u32 = 100;

/// What happens to a user and all their grants.
const OF_USER: [&str; 4] = [
    "password-set",
    "user-locked",
    "user-deleted",
    "sessions-ended",
];
/// What happens to a user and their grants of one client.
const OF_CLIENT: [&str; 4] = [
    "consent-given",
    "consent-withdrawn",
    "access-removed",
    "grants-revoked",
];

/// How many times a password has to be wrong within a day until it is likely to be forgotten.
const FORGOTTEN: u64 = 3;

/// What is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A request, by its correlation id.
    Request,
    /// A grant.
    Grant,
    /// A user.
    User,
    /// A client.
    Client,
}

impl Subject {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Grant => "grant",
            Self::User => "user",
            Self::Client => "client",
        }
    }
}

/// What is known.
pub struct Story {
    /// Of what.
    pub subject: Subject,
    /// What is so now: a name and what it is.
    pub facts: Vec<(&'static str, String)>,
    /// What happened, oldest first: the last events.
    pub events: Vec<Event>,
    /// What can be done, each a sentence with a command.
    pub advice: Vec<String>,
    /// By what lines of the log are about it: ids.
    pub names: Vec<String>,
}

impl Story {
    fn of(subject: Subject, name: impl Into<String>) -> Self {
        Self {
            subject,
            facts: Vec::new(),
            events: Vec::new(),
            advice: Vec::new(),
            names: vec![name.into()],
        }
    }

    fn fact(&mut self, name: &'static str, value: impl ToString) {
        self.facts.push((name, value.to_string()));
    }

    /// The same with what is known of something else of this name.
    fn and(mut self, other: Self) -> Self {
        self.facts.extend(other.facts);
        self.names.extend(other.names);
        self.advice.extend(other.advice);
        self.events = in_order(self.events.into_iter().chain(other.events));
        self
    }
}

impl Administration<'_> {
    /// The story of what is called `id`: a grant, a user by name or id, a client, else a request, of which there may be nothing in the
    /// database and much in the log.
    ///
    /// # Errors
    /// The database's.
    pub async fn explain(&self, id: &str) -> Result<Story, Refused> {
        if let Some(grant) = GrantId::parse(id)
            && let Some(story) = self.story_of_grant(grant).await?
        {
            return Ok(story);
        }
        let user = match self.user(id).await {
            Ok(user) => Some(self.story_of_user(&user).await?),
            Err(Refused::NoUser(_)) => None,
            Err(other) => return Err(other),
        };
        let client = match self.client(id).await {
            Ok(record) => {
                let story = self.story_of_client(&record.client.id, record.enabled);
                Some(story.await?)
            }
            Err(Refused::NoClient(_)) => None,
            Err(other) => return Err(other),
        };
        match (user, client) {
            (Some(user), Some(client)) => Ok(user.and(client)),
            (Some(story), None) | (None, Some(story)) => Ok(story),
            (None, None) => self.story_of_request(id).await,
        }
    }

    async fn last(&self, filter: EventFilter) -> Result<Vec<Event>, Refused> {
        let mut events = self.store.events_before(&filter, None, MOST).await?;
        events.reverse();
        Ok(events)
    }

    async fn story_of_grant(&self, id: GrantId) -> Result<Option<Story>, Refused> {
        let Some(found) = self.store.listed_grant(id, self.now).await? else {
            return Ok(None);
        };
        let (record, grant) = (&found.record, &found.record.grant);
        let mut story = Story::of(Subject::Grant, id.to_string());
        story.fact("user", &grant.user);
        story.fact("client", &grant.client);
        story.fact("scope", &grant.scope);
        story.fact("session", &grant.session);
        let state = match (&record.revoked_reason, found.lives) {
            (Some(reason), _) => format!("revoked: {reason}"),
            (None, true) if grant.idle_expires_at <= self.now => {
                "its refresh token was not used for too long".to_owned()
            }
            (None, true) => "alive".to_owned(),
            (None, false) => self.why_dead(&found.record).await?.to_owned(),
        };
        story.fact("state", state);
        story.fact("refreshes whose answer was lost", record.retries);
        story.events = self.events_of_grant(&found.record).await?;
        if found.lives {
            let told = format!("`safeconduct grant revoke {id}` ends it");
            story.advice.push(told);
        }
        Ok(Some(story))
    }

    /// What happened to a grant and to what it rests on: each asked for by itself, so that nothing that happens often hides the rest.
    async fn events_of_grant(
        &self,
        record: &safeconduct_store::GrantRecord,
    ) -> Result<Vec<Event>, Refused> {
        let grant = &record.grant;
        let of_user = |kinds: &[&str]| EventFilter {
            user: Some(grant.user.clone()),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            ..EventFilter::default()
        };
        let own = EventFilter {
            grant: Some(grant.id),
            ..EventFilter::default()
        };
        let of_client = EventFilter {
            client: Some(grant.client.clone()),
            ..of_user(&OF_CLIENT)
        };
        let mut events = self.last(own).await?;
        events.extend(self.last(of_user(&OF_USER)).await?);
        events.extend(self.last(of_client).await?);
        // The session began before the grant, and ended after it.
        let began = EventFilter {
            until: Some(record.created_at.plus(1)),
            ..of_user(&["session-started"])
        };
        let ended = EventFilter {
            since: Some(record.created_at),
            ..of_user(&["session-ended"])
        };
        let mut of_session = self.last(began).await?;
        of_session.extend(self.store.events_after(&ended, "", MOST).await?);
        of_session.retain(|event| event.detail.as_deref() == Some(grant.session.as_str()));
        events.extend(of_session);
        Ok(in_order(events))
    }

    /// What a grant rested on and rests on no more.
    async fn why_dead(
        &self,
        record: &safeconduct_store::GrantRecord,
    ) -> Result<&'static str, Refused> {
        let grant = &record.grant;
        if grant.expires_at <= self.now {
            return Ok("over: its absolute end has come");
        }
        Ok(match self.store.user(&grant.user).await? {
            None => "dead: the user is deleted",
            Some(user) if user.locked => "dead: the user is locked",
            Some(_) => match self.client(grant.client.as_str()).await {
                Err(Refused::NoClient(_)) => "dead: the client is deleted",
                Err(other) => return Err(other),
                Ok(client) if !client.enabled => "dead: the client is disabled",
                Ok(_)
                    if !grant.is_offline()
                        && self
                            .store
                            .session(&grant.session, self.now)
                            .await?
                            .is_none() =>
                {
                    "dead: its session has ended"
                }
                Ok(_) => {
                    "dead: a lock, a new password, a withdrawn consent or a restore came since"
                }
            },
        })
    }

    async fn story_of_user(&self, user: &UserRecord) -> Result<Story, Refused> {
        let (id, name) = (&user.id, &user.username);
        let mut story = Story::of(Subject::User, id.as_str());
        story.fact("username", name);
        story.fact("id", id);
        story.fact("locked", user.locked);
        let groups = self.store.groups_of(id).await?;
        let second_factor = self.store.otp(id).await?.is_some();
        let passkeys = self.store.passkeys_of(id).await?.len();
        story.fact("groups", groups.join(", "));
        story.fact("authenticator app", second_factor);
        story.fact("passkeys", passkeys);
        let password = self.store.password_changed_at(id).await?;
        story.fact("password", if password.is_some() { "set" } else { "none" });
        let sessions = self.store.list_sessions(Some(id), self.now).await?;
        story.fact("sessions", sessions.len());
        story.fact(
            "grants",
            self.grants(Some(user), None, &Page::ALL).await?.len(),
        );
        let about = EventFilter {
            user: Some(id.clone()),
            ..EventFilter::default()
        };
        let typed = EventFilter {
            name_hash: Some(self.hash_of_typed_name(name)),
            ..EventFilter::default()
        };
        story.events = self.last(about).await?;
        story.events.extend(self.last(typed).await?);
        story.events.sort_by(|one, other| one.id.cmp(&other.id));
        story.advice = self.advice_for(user, &story.events, password.is_some() || passkeys > 0);
        Ok(story)
    }

    /// What mends what the last events of a user say; `has_way_in` is whether they have anything to sign in with.
    fn advice_for(&self, user: &UserRecord, events: &[Event], has_way_in: bool) -> Vec<String> {
        let whom = in_a_command(user);
        let since = self.now.plus(-24 * 3600);
        let failed = |reason: &str| -> u64 {
            let recent = events.iter().filter(|event| event.at >= since);
            let failed = recent.filter(|event| event.kind == "sign-in-failed");
            let of = failed.filter(|event| {
                event
                    .detail
                    .as_deref()
                    .is_some_and(|detail| detail.starts_with(reason))
            });
            of.map(|event| event.times).sum()
        };
        let mut advice = Vec::new();
        if user.locked {
            advice.push(format!(
                "locked: `safeconduct user unlock {whom}` lets them sign in again"
            ));
        }
        if !has_way_in {
            advice.push(format!("nothing to sign in with: `safeconduct user invite {whom}` makes a link for a password"));
        }
        if failed("wrong-password") >= FORGOTTEN {
            advice.push(format!(
                "wrong passwords: `safeconduct user recover {whom}` makes a link for another one"
            ));
        }
        if failed("wrong-code") + failed("throttled-second-factor") >= FORGOTTEN {
            advice.push(format!("wrong codes, or a phone whose clock is wrong: `safeconduct user remove-second-factor {whom}` if it is lost"));
        }
        if failed("throttled-") > 0 {
            advice.push(
                "slowed down for many wrong sign-ins: it passes by itself within minutes"
                    .to_owned(),
            );
        }
        if failed("passkey-") > 0 {
            advice.push(format!("passkeys that were not taken: `safeconduct user passkeys {whom}` shows which there are"));
        }
        let undelivered = |event: &&Event| event.kind == "mail-undelivered";
        if events.iter().any(|event| undelivered(&event)) {
            advice.push(
                "mails that did not arrive: `safeconduct mail test` tries the mail server"
                    .to_owned(),
            );
        }
        advice
    }

    async fn story_of_client(&self, id: &ClientId, enabled: bool) -> Result<Story, Refused> {
        let mut story = Story::of(Subject::Client, id.as_str());
        story.fact("client", id);
        story.fact("enabled", enabled);
        story.fact("declared in the configuration", self.declared.contains(&id));
        story.events = self
            .last(EventFilter {
                client: Some(id.clone()),
                ..EventFilter::default()
            })
            .await?;
        if !enabled {
            let told = format!("disabled: `safeconduct client enable {id}` lets it be used again");
            story.advice.push(told);
        }
        Ok(story)
    }

    async fn story_of_request(&self, id: &str) -> Result<Story, Refused> {
        let mut story = Story::of(Subject::Request, id);
        if !id.contains('\0') {
            let filter = EventFilter {
                correlation_id: Some(id.to_owned()),
                ..EventFilter::default()
            };
            story.events = self.last(filter).await?;
        }
        let failed = story
            .events
            .iter()
            .find(|event| event.kind == "sign-in-failed");
        if let Some(user) = failed.and_then(|event| event.user.as_ref()) {
            let told = format!(
                "a sign-in that failed: `safeconduct explain {user}` says more of its user"
            );
            story.advice.push(told);
        }
        Ok(story)
    }
}

/// Events in the order of their names, each once, and the last ones of many.
fn in_order(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut events: Vec<Event> = events.into_iter().collect();
    events.sort_by(|one, other| one.id.cmp(&other.id));
    events.dedup_by(|one, other| one.id == other.id);
    let too_many = events.len().saturating_sub(MOST as usize);
    events.drain(..too_many);
    events
}

/// What names a user in a command that somebody may paste into a shell: their name where that is one plain word; else their id, because
/// names are chosen by those who bear them.
fn in_a_command(user: &UserRecord) -> &str {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    if user.username.chars().all(is_plain) {
        &user.username
    } else {
        user.id.as_str()
    }
}
