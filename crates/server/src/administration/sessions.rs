//! Sessions: who is signed in, and the end of that.

use safeconduct_protocol::ids::{ClientId, SessionId};
use safeconduct_store::{Event, EventFilter, GrantRecord, SessionRecord, UserRecord};

use super::{Administration, Page, Refused};

/// The most events that are looked through for the one that began a session, and the most grants that are counted.
const LOOKED_THROUGH: u32 = 500;

/// A session with what rests on it.
pub struct SessionDetails {
    /// The session.
    pub session: SessionRecord,
    /// How it began: by whom, from where and in which request. `None` where that was forgotten.
    pub begun: Option<Event>,
    /// The apps that are told of its end.
    pub told: Vec<ClientId>,
    /// The grants that end with it, the newest first.
    pub grants: Vec<GrantRecord>,
}

/// What ending sessions ends.
pub struct Ending {
    /// How many sessions.
    pub sessions: u64,
    /// How many grants go with them; `None` where nobody counted.
    pub grants: Option<u64>,
}

impl Administration<'_> {
    /// Sessions that have not ended, of one user or of all, in the order of their names.
    ///
    /// # Errors
    /// There is no such user, or the database's.
    pub async fn sessions(
        &self,
        user: Option<&UserRecord>,
        page: &Page<'_>,
    ) -> Result<Vec<SessionRecord>, Refused> {
        let after = page.after.map(session_id).transpose()?;
        let user = user.map(|user| &user.id);
        let (limit, now) = (page.limit, self.now);
        Ok(self
            .store
            .sessions_after(user, after.as_ref(), limit, now)
            .await?)
    }

    /// A session, how it began, and what rests on it.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn session(&self, id: &str) -> Result<SessionDetails, Refused> {
        let session = self.find_session(id).await?;
        let filter = EventFilter {
            user: Some(session.user.clone()),
            kinds: vec!["session-started".to_owned()],
            since: Some(session.started_at),
            until: Some(session.started_at.plus(1)),
            ..EventFilter::default()
        };
        let events = self.store.events_after(&filter, "", LOOKED_THROUGH).await?;
        let is_its = |event: &Event| event.detail.as_deref() == Some(session.id.as_str());
        Ok(SessionDetails {
            begun: events.into_iter().find(is_its),
            told: self.store.clients_to_tell(&session.id).await?,
            grants: self.grants_of_session(&session).await?,
            session,
        })
    }

    /// Ends a session, and every grant that was not meant to outlive it. Gives the session.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn end_session(&self, id: &str) -> Result<SessionRecord, Refused> {
        let session = self.find_session(id).await?;
        let (store, now) = (self.store, self.now);
        store.end_session(&session.id, &session.user, now).await?;
        Ok(session)
    }

    /// What ending the sessions of a user, or all there are, would end.
    ///
    /// # Errors
    /// The database's.
    pub async fn would_end(&self, user: Option<&UserRecord>) -> Result<Ending, Refused> {
        let Some(user) = user else {
            return Ok(Ending {
                sessions: self.store.count_sessions(self.now).await?,
                grants: None,
            });
        };
        let sessions = self.store.list_sessions(Some(&user.id), self.now).await?;
        let grants = self
            .store
            .live_grants_before((Some(&user.id), None), None, u32::MAX, self.now)
            .await?;
        let ending = grants.iter().filter(|grant| !grant.grant.is_offline());
        Ok(Ending {
            sessions: sessions.len() as u64,
            grants: Some(ending.count() as u64),
        })
    }

    /// Ends every session of a user.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_sessions_of(&self, user: &UserRecord) -> Result<(), Refused> {
        Ok(self.store.end_sessions_of(&user.id, self.now).await?)
    }

    /// Ends every session there is.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_all_sessions(&self) -> Result<(), Refused> {
        Ok(self.store.end_all_sessions(self.now).await?)
    }

    async fn find_session(&self, id: &str) -> Result<SessionRecord, Refused> {
        let found = match SessionId::parse(id) {
            Some(id) => self.store.session(&id, self.now).await?,
            None => None,
        };
        found.ok_or_else(|| Refused::NoSession(id.to_owned()))
    }

    async fn grants_of_session(
        &self,
        session: &SessionRecord,
    ) -> Result<Vec<GrantRecord>, Refused> {
        let owner = (Some(&session.user), None);
        let mut grants = self
            .store
            .live_grants_before(owner, None, LOOKED_THROUGH, self.now)
            .await?;
        grants.retain(|grant| grant.grant.session == session.id && !grant.grant.is_offline());
        Ok(grants)
    }
}

fn session_id(text: &str) -> Result<SessionId, Refused> {
    SessionId::parse(text).ok_or_else(|| Refused::NoSession(text.to_owned()))
}
