//! Groups: made, changed and removed; who belongs to them, and what names they may have.

use safeconduct_protocol::administration::GROUP;
use safeconduct_store::{Group, GroupRecord, Member, Membership, StoreError, UserRecord};

use super::{Administration, Page, Refused, users::is_unseen};

/// The longest name of a group, in characters.
pub(super) const LONGEST_NAME: usize = 128;
/// The longest name that users read instead, in characters.
pub(super) const LONGEST_DISPLAY: usize = 256;

impl Administration<'_> {
    /// Every group, by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn groups(&self) -> Result<Vec<GroupRecord>, Refused> {
        Ok(self.store.groups().await?)
    }

    /// A page of them; it begins behind a name.
    ///
    /// # Errors
    /// The database's.
    pub async fn groups_page(&self, page: &Page<'_>) -> Result<Vec<GroupRecord>, Refused> {
        let after = page.after.unwrap_or_default();
        Ok(self.store.groups_behind(after, page.limit).await?)
    }

    /// The group of that name.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn group(&self, name: &str) -> Result<GroupRecord, Refused> {
        let found = self.store.group(name).await?;
        found.ok_or_else(|| Refused::NoGroup(name.to_owned()))
    }

    /// Who belongs to a group, by name.
    ///
    /// # Errors
    /// There is no such group, or the database's.
    pub async fn members(&self, group: &str) -> Result<(GroupRecord, Vec<Member>), Refused> {
        let found = self.group(group).await?;
        let members = self.store.members_of(group).await?;
        Ok((found, members))
    }

    /// A page of who belongs to a group, by their ids; it begins behind one.
    ///
    /// # Errors
    /// There is no such group, or the database's.
    pub async fn members_behind(
        &self,
        group: &str,
        page: &Page<'_>,
    ) -> Result<Vec<Member>, Refused> {
        self.group(group).await?;
        let after = page.after.unwrap_or_default();
        let found = self.store.members_behind(group, after, page.limit);
        Ok(found.await?)
    }

    /// Makes a group.
    ///
    /// # Errors
    /// A name that can't be one, a group of that name, or the database's.
    pub async fn add_group(&self, group: &Group) -> Result<GroupRecord, Refused> {
        is_free(&group.name)?;
        check_group(group).map_err(Refused::Unfit)?;
        match self.store.add_group(group, self.now).await {
            Ok(()) => self.group(&group.name).await,
            Err(StoreError::Conflict(_)) => Err(Refused::GroupTaken(group.name.clone())),
            Err(other) => Err(other.into()),
        }
    }

    /// Changes what is named of a group; an empty `display` is none. With the version that was `seen`, only from that one.
    ///
    /// # Errors
    /// There is no such group, the configuration declares it, what it is to be called can't be, it was changed since, or the database's.
    pub async fn change_group(
        &self,
        name: &str,
        seen: Option<i64>,
        display: Option<&str>,
        second_factor_required: Option<bool>,
    ) -> Result<GroupRecord, Refused> {
        is_free(name)?;
        if let Some(display) = display.filter(|display| !display.is_empty()) {
            check_display(display).map_err(Refused::Unfit)?;
        }
        let to = (display, second_factor_required);
        let changed = self.store.change_group_as_seen(name, seen, to, self.now);
        self.changed_group(changed.await, name, seen).await?;
        self.group(name).await
    }

    /// A group that can be removed here.
    ///
    /// # Errors
    /// There is no such group, the configuration declares it, or the database's.
    pub async fn removable_group(&self, name: &str) -> Result<GroupRecord, Refused> {
        let record = self.group(name).await?;
        match record.declared {
            true => Err(Refused::GroupDeclared(record.group.name)),
            false => Ok(record),
        }
    }

    /// Removes a group. With the version that was `seen`, only from that one.
    ///
    /// # Errors
    /// As for [`removable_group`](Self::removable_group); it was changed since.
    pub async fn remove_group(&self, name: &str, seen: Option<i64>) -> Result<(), Refused> {
        is_free(name)?;
        let removed = self.store.remove_group_as_seen(name, seen, self.now).await;
        self.changed_group(removed, name, seen).await
    }

    /// The write says whether the group was changed; why it was not is looked up behind it.
    async fn changed_group(
        &self,
        changed: Result<(), StoreError>,
        name: &str,
        seen: Option<i64>,
    ) -> Result<(), Refused> {
        match changed {
            Err(StoreError::NotFound(_)) => {
                self.removable_group(name).await?;
                Err(match seen {
                    Some(_) => Refused::Changed(name.to_owned()),
                    None => Refused::Raced(name.to_owned()),
                })
            }
            other => Ok(other?),
        }
    }

    /// Adds a user to a group, if they are not in it. Gives the user.
    ///
    /// # Errors
    /// There is no such group or user, or the database's.
    pub async fn add_member(&self, group: &str, user: &str) -> Result<UserRecord, Refused> {
        is_free(group)?;
        let member = self.user(user).await?;
        let added = self.store.add_member(group, &member.id, self.now).await?;
        joined(added, group, user).map(|()| member)
    }

    /// Takes a user out of a group, if they are in it. Gives the user.
    ///
    /// # Errors
    /// There is no such group or user, or the database's.
    pub async fn remove_member(&self, group: &str, user: &str) -> Result<UserRecord, Refused> {
        is_free(group)?;
        let member = self.user(user).await?;
        let removed = self
            .store
            .remove_member(group, &member.id, self.now)
            .await?;
        joined(removed, group, user).map(|()| member)
    }
}

/// Refuses the group of administrators, which has verbs of its own.
fn is_free(name: &str) -> Result<(), Refused> {
    match name.trim().eq_ignore_ascii_case(GROUP) {
        true => Err(Refused::GroupReserved(GROUP.to_owned())),
        false => Ok(()),
    }
}

/// Joining twice is joining, and leaving twice is leaving.
fn joined(membership: Membership, group: &str, user: &str) -> Result<(), Refused> {
    match membership {
        Membership::Changed | Membership::Already => Ok(()),
        Membership::NoGroup => Err(Refused::NoGroup(group.to_owned())),
        Membership::NoUser => Err(Refused::NoUser(user.to_owned())),
    }
}

/// Whether a group can be called what it is to be called.
///
/// # Errors
/// The sentence that says why it can't.
pub fn check_group(group: &Group) -> Result<(), String> {
    check("a group’s name", &group.name, LONGEST_NAME)?;
    group.display.as_deref().map_or(Ok(()), check_display)
}

fn check_display(display: &str) -> Result<(), String> {
    check("what a group is called", display, LONGEST_DISPLAY)
}

/// A name of a group must be something that can be typed and seen.
pub(super) fn check(what: &str, name: &str, longest: usize) -> Result<(), String> {
    let length = name.chars().count();
    let told = if !(1..=longest).contains(&length) {
        format!("{what} has 1 to {longest} characters")
    } else if name.trim() != name {
        format!("{what} has no space at either end")
    } else if name.chars().any(is_unseen) {
        format!("{what} has no control or invisible characters")
    } else {
        return Ok(());
    };
    Err(told)
}
