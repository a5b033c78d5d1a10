//! Where lists read from: users or groups, by what an index has of them.

use safeconduct_protocol::ids::UserId;
use safeconduct_store::{
    GroupLookup, ProvisionedGroup, ProvisionedUser, StoreError, UserLookup, UserOrder,
};
use serde_json::{Map, Value};

use super::call::Call;
use super::cursor::Last;
use super::error::{ScimError, ScimType};
use super::filter::{Lookup, LookupBy};
use super::query::Order;
use super::schema::ResourceType;
use super::{group, user};

/// The most resources that lookups may find.
const MOST_FOUND: u32 = 1_000;
/// The most members that one answer shows.
pub(crate) const MOST_MEMBERS_SHOWN: usize = 100_000;
/// How many members are read at a time.
const MEMBERS: u32 = 10_000;

/// Resources of a kind, for one request.
pub(crate) struct Source<'c> {
    pub(crate) call: &'c Call,
    pub(crate) kind: ResourceType,
}

/// A resource as the store has it.
pub(crate) enum Item {
    /// A user.
    User(ProvisionedUser),
    /// A group.
    Group(ProvisionedGroup),
}

/// An order in which an index has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    /// By id.
    Id,
    /// By the name to sign in with.
    Name { descending: bool },
}

impl Walk {
    /// That of every list that asks for none.
    pub(crate) const BY_ID: Self = Self::Id;

    /// The one that is asked for, if an index has it.
    pub(crate) fn of(kind: ResourceType, order: Order) -> Option<Self> {
        match (order.by, kind) {
            (None, _) => Some(Self::Id),
            (Some((attribute, _)), ResourceType::User) if attribute.name == "userName" => {
                Some(Self::Name {
                    descending: order.descending,
                })
            }
            _ => None,
        }
    }
}

impl Order {
    /// That of every list that asks for none.
    pub(crate) const BY_ID: Self = Self {
        by: None,
        descending: false,
    };
}

impl Item {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::User(user) => user.record.id.as_str(),
            Self::Group(group) => &group.id,
        }
    }

    /// As it is sent.
    pub(crate) fn resource(&self, members: Option<&[UserId]>, base: &str) -> Map<String, Value> {
        match self {
            Self::User(user) => user::resource(user, base),
            Self::Group(group) => group::resource(group, members, base),
        }
    }

    /// Its place in an order.
    pub(crate) fn last(&self, walk: Walk, order: Order) -> Last {
        let key = match (walk, self) {
            (Walk::Name { .. }, Self::User(user)) => user.record.username_key.clone(),
            _ => match order.by {
                None => String::new(),
                Some(_) => order.key(&self.resource(None, "")),
            },
        };
        Last {
            key,
            id: self.id().to_owned(),
        }
    }
}

impl Source<'_> {
    /// How many there are.
    pub(crate) async fn count(&self) -> Result<u64, ScimError> {
        let store = &self.call.store;
        Ok(match self.kind {
            ResourceType::User => store.count_users().await?,
            ResourceType::Group => store.count_groups().await?,
        })
    }

    /// At most `limit` of them behind `after`, without the first `offset`.
    pub(crate) async fn page(
        &self,
        walk: Walk,
        after: Option<&Last>,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<Item>, ScimError> {
        let (store, client) = (&self.call.store, &self.call.client);
        let id = after.map_or("", |last| last.id.as_str());
        let name = after.map(|last| last.key.as_str());
        if self.kind == ResourceType::Group {
            let page = store.provisioned_groups_page(client, id, limit, offset);
            return Ok(page.await?.into_iter().map(Item::Group).collect());
        }
        let order = match walk {
            Walk::Id => UserOrder::Id(id),
            Walk::Name { descending: false } => UserOrder::Name(name.unwrap_or_default()),
            Walk::Name { descending: true } => UserOrder::NameDown(name),
        };
        let page = store.provisioned_users_page(client, order, limit, offset);
        Ok(page.await?.into_iter().map(Item::User).collect())
    }

    /// What lookups find, each once.
    pub(crate) async fn looked_up(&self, lookups: &[Lookup]) -> Result<Vec<Item>, ScimError> {
        let mut found: Vec<Item> = Vec::new();
        for lookup in lookups {
            let items = match self.kind {
                ResourceType::User => self.users(lookup).await?,
                ResourceType::Group => self.groups(lookup).await?,
            };
            if items.len() > MOST_FOUND as usize {
                let told = format!("More than {MOST_FOUND} are found by {}.", lookup.value);
                return Err(ScimError::of(ScimType::TooMany, told));
            }
            for item in items {
                if !found.iter().any(|there| there.id() == item.id()) {
                    found.push(item);
                }
            }
        }
        Ok(found)
    }

    async fn users(&self, lookup: &Lookup) -> Result<Vec<Item>, StoreError> {
        let value = lookup.value.as_str();
        let by = match lookup.by {
            LookupBy::Id => UserLookup::Id(value),
            LookupBy::UserName => UserLookup::Name(value),
            LookupBy::ExternalId => UserLookup::ExternalId(value),
            LookupBy::Email => UserLookup::Email(value),
            LookupBy::Group => UserLookup::Group(value),
            LookupBy::DisplayName | LookupBy::Member => return Ok(Vec::new()),
        };
        let found = self
            .call
            .store
            .provisioned_users(&self.call.client, by, MOST_FOUND + 1);
        Ok(found.await?.into_iter().map(Item::User).collect())
    }

    async fn groups(&self, lookup: &Lookup) -> Result<Vec<Item>, StoreError> {
        let value = lookup.value.as_str();
        let by = match lookup.by {
            LookupBy::Id => GroupLookup::Id(value),
            LookupBy::ExternalId => GroupLookup::ExternalId(value),
            LookupBy::DisplayName => GroupLookup::Display(value),
            LookupBy::Member => GroupLookup::Member(value),
            LookupBy::UserName | LookupBy::Email | LookupBy::Group => return Ok(Vec::new()),
        };
        let found = self
            .call
            .store
            .provisioned_groups(&self.call.client, by, MOST_FOUND + 1);
        Ok(found.await?.into_iter().map(Item::Group).collect())
    }

    /// The ids of the groups that a user is in.
    pub(crate) async fn groups_of(&self, user: &str) -> Result<Vec<String>, ScimError> {
        let by = GroupLookup::Member(user);
        let found = self
            .call
            .store
            .provisioned_groups(&self.call.client, by, MOST_FOUND + 1);
        let found = found.await?;
        if found.len() > MOST_FOUND as usize {
            let told = format!("{user} is in more than {MOST_FOUND} groups.");
            return Err(ScimError::of(ScimType::TooMany, told));
        }
        Ok(found.into_iter().map(|group| group.id).collect())
    }
}

impl Call {
    /// Who is in a group, all of them, as long as there is `room`.
    ///
    /// # Errors
    /// `tooMany`: a client that took a part for all would empty the rest.
    pub(crate) async fn members(
        &self,
        group: &ProvisionedGroup,
        room: &mut usize,
    ) -> Result<Vec<UserId>, ScimError> {
        let mut members: Vec<UserId> = Vec::new();
        loop {
            let read = self
                .store
                .member_ids(&group.name, members.last(), MEMBERS)
                .await?;
            let is_last = read.len() < MEMBERS as usize;
            if read.len() > *room {
                let told = format!(
                    "More than {MOST_MEMBERS_SHOWN} members would be shown. Ask with excludedAttributes=members; whether a user is in the \
                     group says the filter id eq \"…\" and members eq \"…\"."
                );
                return Err(ScimError::of(ScimType::TooMany, told));
            }
            *room -= read.len();
            members.extend(read);
            if is_last {
                return Ok(members);
            }
        }
    }
}
