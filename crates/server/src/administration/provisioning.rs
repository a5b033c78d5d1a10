//! Users and groups as clients of SCIM provision them: the rules for what such a client may make of them. It never touches who administers
//! this server: not the group, and of its members nothing that would let somebody else in to their account.

use std::collections::{BTreeMap, BTreeSet};

use safeconduct_protocol::{
    administration::GROUP as ADMINISTRATORS,
    claims::PersonClaims,
    ids::{ClientId, UserId, new_id},
    mail::MailPurpose,
    precis,
    secret::Secret,
};
use safeconduct_store::{
    Group, GroupChange, GroupLookup, GroupReplacement, MemberChange, NewUser, ProvisionedGroup,
    ProvisionedUser, SealedPassword, StoreError, UserChange, UserReplacement,
};

use super::{
    Administration,
    groups::{LONGEST_DISPLAY, LONGEST_NAME, check},
    users::check_username,
};
use crate::{
    fault::Fault,
    password::{Passwords, Requester, Unhashed},
};

/// The most users who join or leave a group in one request.
pub const MOST_MEMBERS: usize = 5_000;
/// The most members of a group that are compared with a whole list of them.
const MOST_COMPARED: usize = 100_000;
/// How many of those are read at a time.
const PAGE: u32 = 10_000;

/// What a client wants a user to be.
#[derive(Clone)]
pub struct WantedUser {
    /// The name to sign in with.
    pub username: String,
    /// What the client calls them.
    pub external_id: Option<String>,
    /// Whether they may sign in, where it says so.
    pub active: Option<bool>,
    /// Another password.
    pub password: Option<Secret>,
    /// Everything that is known about them.
    pub claims: PersonClaims,
    /// What claims have no place for.
    pub labels: Option<String>,
}

/// Who is to be in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedMembers {
    /// Whether those who are not named leave.
    pub is_all: bool,
    /// Who joins (true) or leaves.
    pub changes: BTreeMap<UserId, bool>,
}

impl WantedMembers {
    /// Nobody joins or leaves.
    pub fn unchanged() -> Self {
        Self {
            is_all: false,
            changes: BTreeMap::new(),
        }
    }

    /// These, and nobody else.
    pub fn all(members: Vec<UserId>) -> Self {
        Self {
            is_all: true,
            changes: members.into_iter().map(|member| (member, true)).collect(),
        }
    }

    fn is_unchanged(&self) -> bool {
        !self.is_all && self.changes.is_empty()
    }
}

/// What a client wants of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedGroup {
    /// What users are to read.
    pub called: String,
    /// What the client is to call it.
    pub external_id: Option<String>,
    /// Who is to be in it.
    pub members: WantedMembers,
}

/// Why nothing was provisioned.
#[derive(Debug, thiserror::Error)]
pub enum Unprovisioned {
    /// There is no such user or group, or no longer.
    #[error("there is no such thing")]
    Gone,
    /// A value has another form than it must have; the sentence says which.
    #[error("{0}")]
    Unfit(String),
    /// Another one has the name.
    #[error("{0} is taken")]
    Taken(String),
    /// It is about who administers this server.
    #[error("{0}")]
    Administrators(&'static str),
    /// The configuration declares the group, and is the place to change it.
    #[error(
        "the configuration declares this group: it says what it is called, and that it is there"
    )]
    Declared,
    /// Whoever is in the group has to have a second factor, which would end with it.
    #[error(
        "this group demands a second factor of who is in it: it is removed by an administrator in person, or by a command on the server"
    )]
    Demanding,
    /// No administrator would remain.
    #[error("this is the last administrator who can sign in")]
    LastAdministrator,
    /// It was changed since it was read.
    #[error("it was changed since it was read")]
    Changed,
    /// There is no such user to join a group.
    #[error("there is no user {0}")]
    NoMember(UserId),
    /// More than may be changed at a time.
    #[error("at most {0} members join or leave in one request")]
    TooMany(usize),
    /// Too many passwords are being hashed.
    #[error("too many passwords are being hashed")]
    Busy,
    /// What went wrong on our side.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for Unprovisioned {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

const RESERVED: &str = "The group of administrators is changed by an administrator in person, or by a command on the server.";
const OF_ADMINISTRATOR: &str = "This user administers this server: name, password, address, the way back in and the end of the account are their own, or are changed by a command on the server.";

impl Administration<'_> {
    /// Adds a user. Gives them.
    ///
    /// # Errors
    /// [`Unprovisioned`].
    pub async fn provision_user(
        &self,
        client: &ClientId,
        wanted: WantedUser,
        hashing: &Passwords,
    ) -> Result<ProvisionedUser, Unprovisioned> {
        check_username(&wanted.username).map_err(Unprovisioned::Unfit)?;
        let id = UserId::generate();
        let sealed_password = self.sealed_password(&id, &wanted, hashing).await?;
        let user = NewUser {
            id: id.clone(),
            username: wanted.username.clone(),
            name: None,
            claims: wanted.claims.clone(),
            sealed_password,
        };
        let new = replacement(&wanted, 0, true);
        let added = self
            .store
            .add_provisioned_user(client, user, &new, self.now);
        match added.await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Err(Unprovisioned::Taken(wanted.username)),
            Err(other) => return Err(other.into()),
        }
        self.provisioned_user(client, &id).await
    }

    /// The user of this id, as a client sees them.
    ///
    /// # Errors
    /// [`Unprovisioned::Gone`], or the database's.
    pub async fn provisioned_user(
        &self,
        client: &ClientId,
        id: &UserId,
    ) -> Result<ProvisionedUser, Unprovisioned> {
        let found = self.store.provisioned_user(client, id).await?;
        found.ok_or(Unprovisioned::Gone)
    }

    /// Makes of a user, as they were read, what is wanted. A user who may sign in no more has no session and no grant any more; what
    /// changes nothing is no change. Gives them.
    ///
    /// # Errors
    /// [`Unprovisioned`].
    pub async fn replace_provisioned_user(
        &self,
        client: &ClientId,
        from: &ProvisionedUser,
        wanted: WantedUser,
        hashing: &Passwords,
    ) -> Result<ProvisionedUser, Unprovisioned> {
        let record = &from.record;
        let is_renamed = precis::username(&wanted.username) != record.username;
        if is_renamed {
            check_username(&wanted.username).map_err(Unprovisioned::Unfit)?;
        }
        let mut to = replacement(&wanted, from.version, !record.locked);
        let is_unchanged = !is_renamed
            && to.active != record.locked
            && wanted.password.is_none()
            && to.claims == record.claims
            && to.labels == from.labels
            && to.external_id == from.external_id;
        if is_unchanged {
            return Ok(from.clone());
        }
        to.password = self.sealed_password(&record.id, &wanted, hashing).await?;
        let [old, new] = [&record.claims, &to.claims].map(|claims| claims.claim("email"));
        let told = [
            (old != new, MailPurpose::AddressChanged),
            (to.password.is_some(), MailPurpose::PasswordChanged),
        ];
        // At the address that was theirs before.
        let mails = told
            .into_iter()
            .filter(|(is_so, _)| *is_so)
            .filter_map(|(_, purpose)| self.notices.to(&record.id, &record.claims, purpose));
        to.mails = mails.collect();
        match self.store.replace_user(client, from, &to, self.now).await? {
            UserChange::Done => self.provisioned_user(client, &record.id).await,
            other => Err(self
                .not_changed(&record.id, other, &wanted.username)
                .await?),
        }
    }

    /// Deletes a user for good.
    ///
    /// # Errors
    /// [`Unprovisioned`].
    pub async fn delete_provisioned_user(
        &self,
        id: &UserId,
        seen: Option<i64>,
    ) -> Result<(), Unprovisioned> {
        match self
            .store
            .delete_provisioned_user(id, seen, self.now)
            .await?
        {
            UserChange::Done => Ok(()),
            other => Err(self.not_changed(id, other, "").await?),
        }
    }

    async fn not_changed(
        &self,
        id: &UserId,
        change: UserChange,
        username: &str,
    ) -> Result<Unprovisioned, StoreError> {
        Ok(match change {
            UserChange::NameTaken => Unprovisioned::Taken(username.to_owned()),
            UserChange::LastAdministrator => Unprovisioned::LastAdministrator,
            UserChange::Administrator => {
                self.store
                    .record_guarded(Some(id), "user", self.now)
                    .await?;
                Unprovisioned::Administrators(OF_ADMINISTRATOR)
            }
            UserChange::NoUser => Unprovisioned::Gone,
            UserChange::Changed | UserChange::Done => Unprovisioned::Changed,
        })
    }

    async fn sealed_password(
        &self,
        id: &UserId,
        wanted: &WantedUser,
        hashing: &Passwords,
    ) -> Result<Option<SealedPassword>, Unprovisioned> {
        let Some(password) = wanted.password.clone() else {
            return Ok(None);
        };
        let accepted = self
            .passwords
            .accept(password, &wanted.username, &wanted.claims)
            .map_err(|unfit| Unprovisioned::Unfit(unfit.to_string()))?;
        let hashed = hashing.hash_for(Requester::OURSELVES, accepted.secret().clone());
        let hash = hashed.await.map_err(|unhashed| match unhashed {
            Unhashed::Busy(_) => Unprovisioned::Busy,
            Unhashed::TooLong => Unprovisioned::Unfit(unhashed.to_string()),
        })?;
        Ok(Some(self.keys.seal_password(id, &hash)?))
    }

    /// Makes a group. Gives it.
    ///
    /// # Errors
    /// [`Unprovisioned`].
    pub async fn provision_group(
        &self,
        client: &ClientId,
        wanted: &WantedGroup,
    ) -> Result<ProvisionedGroup, Unprovisioned> {
        self.is_no_group_of_administrators(&wanted.called).await?;
        named("displayName", &wanted.called, LONGEST_NAME)?;
        let members: Vec<UserId> = wanted.members.changes.keys().cloned().collect();
        if members.len() > MOST_MEMBERS {
            return Err(Unprovisioned::TooMany(MOST_MEMBERS));
        }
        let id = new_id();
        let group = Group {
            name: wanted.called.clone(),
            display: None,
            second_factor_required: false,
        };
        let external_id = wanted.external_id.as_deref();
        let made = self
            .store
            .add_provisioned_group(client, (&id, &group), external_id, &members, self.now)
            .await?;
        self.changed(made, &wanted.called)?;
        self.provisioned_group(client, &id).await
    }

    /// The group of this id, as a client sees it.
    ///
    /// # Errors
    /// [`Unprovisioned::Gone`], or the database's.
    pub async fn provisioned_group(
        &self,
        client: &ClientId,
        id: &str,
    ) -> Result<ProvisionedGroup, Unprovisioned> {
        let found = self
            .store
            .provisioned_groups(client, GroupLookup::Id(id), 1);
        found.await?.pop().ok_or(Unprovisioned::Gone)
    }

    /// Makes of a group what is wanted: all of it, or nothing; `seen` is the version that it has to be of. What changes nothing is no change.
    ///
    /// # Errors
    /// [`Unprovisioned`].
    pub async fn replace_provisioned_group(
        &self,
        client: &ClientId,
        group: &ProvisionedGroup,
        wanted: &WantedGroup,
        seen: Option<i64>,
    ) -> Result<(), Unprovisioned> {
        let is_called_so = wanted.called == group.called();
        let is_unchanged = is_called_so
            && wanted.external_id == group.external_id
            && wanted.members.is_unchanged();
        if group.name == ADMINISTRATORS && !is_unchanged {
            return Err(self.guarded().await?);
        }
        if !is_called_so {
            self.is_no_group_of_administrators(&wanted.called).await?;
            named("displayName", &wanted.called, LONGEST_DISPLAY)?;
        }
        let to = GroupReplacement {
            seen,
            called: Some(wanted.called.clone()),
            external_id: Some(wanted.external_id.clone()),
            members: self.member_changes(&group.name, &wanted.members).await?,
        };
        let changed = self.store.replace_group(client, group, &to, self.now);
        self.changed(changed.await?, &wanted.called)
    }

    /// Removes a group; `seen` is the version that it has to be of.
    ///
    /// # Errors
    /// [`Unprovisioned`].
    pub async fn remove_provisioned_group(
        &self,
        group: &ProvisionedGroup,
        seen: Option<i64>,
    ) -> Result<(), Unprovisioned> {
        if group.name == ADMINISTRATORS {
            return Err(self.guarded().await?);
        }
        let removed = self.store.remove_provisioned_group(group, seen, self.now);
        self.changed(removed.await?, group.called())
    }

    /// Refuses who would be made an administrator.
    ///
    /// # Errors
    /// [`Unprovisioned::Administrators`], or the database's.
    pub async fn is_no_group_of_administrators(&self, name: &str) -> Result<(), Unprovisioned> {
        match name.trim().eq_ignore_ascii_case(ADMINISTRATORS) {
            true => Err(self.guarded().await?),
            false => Ok(()),
        }
    }

    async fn guarded(&self) -> Result<Unprovisioned, StoreError> {
        self.store.record_guarded(None, "group", self.now).await?;
        Ok(Unprovisioned::Administrators(RESERVED))
    }

    fn changed(&self, change: GroupChange, called: &str) -> Result<(), Unprovisioned> {
        match change {
            GroupChange::Done => Ok(()),
            GroupChange::NoGroup => Err(Unprovisioned::Gone),
            GroupChange::Changed => Err(Unprovisioned::Changed),
            GroupChange::Taken => Err(Unprovisioned::Taken(called.to_owned())),
            GroupChange::Declared => Err(Unprovisioned::Declared),
            GroupChange::Demanding => Err(Unprovisioned::Demanding),
            GroupChange::NoUser(user) => Err(Unprovisioned::NoMember(user)),
        }
    }

    /// Who joins and who leaves, each by itself.
    async fn member_changes(
        &self,
        group: &str,
        wanted: &WantedMembers,
    ) -> Result<Vec<MemberChange>, Unprovisioned> {
        let named = wanted.changes.iter().map(|(user, joins)| MemberChange {
            user: user.clone(),
            joins: *joins,
        });
        let changes: Vec<MemberChange> = match wanted.is_all {
            false => named.collect(),
            true => {
                let there = self.all_members(group).await?;
                let leave = there
                    .iter()
                    .filter(|user| wanted.changes.get(*user) != Some(&true))
                    .map(|user| MemberChange {
                        user: user.clone(),
                        joins: false,
                    });
                let join = named.filter(|change| change.joins && !there.contains(&change.user));
                leave.chain(join).collect()
            }
        };
        match changes.len() > MOST_MEMBERS {
            true => Err(Unprovisioned::TooMany(MOST_MEMBERS)),
            false => Ok(changes),
        }
    }

    async fn all_members(&self, group: &str) -> Result<BTreeSet<UserId>, Unprovisioned> {
        let mut there = BTreeSet::new();
        loop {
            let last = there.last().cloned();
            let read = self.store.member_ids(group, last.as_ref(), PAGE).await?;
            let is_last = read.len() < PAGE as usize;
            there.extend(read);
            if is_last {
                return Ok(there);
            }
            if there.len() > MOST_COMPARED {
                return Err(Unprovisioned::TooMany(MOST_MEMBERS));
            }
        }
    }
}

fn named(what: &str, name: &str, longest: usize) -> Result<(), Unprovisioned> {
    check(what, name, longest).map_err(Unprovisioned::Unfit)
}

fn replacement(wanted: &WantedUser, seen: i64, is_active: bool) -> UserReplacement {
    UserReplacement {
        seen,
        username: wanted.username.clone(),
        claims: wanted.claims.clone(),
        labels: wanted.labels.clone(),
        active: wanted.active.unwrap_or(is_active),
        password: None,
        external_id: wanted.external_id.clone(),
        mails: Vec::new(),
    }
}
