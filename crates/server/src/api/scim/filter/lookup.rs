//! What users and groups are found by without looking at others.

/// What a user or a group is found by without looking at others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    /// By what.
    pub(crate) by: LookupBy,
    /// What it has to be.
    pub(crate) value: String,
}

/// By what an index finds resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookupBy {
    /// The id.
    Id,
    /// What the client calls it.
    ExternalId,
    /// The name to sign in with.
    UserName,
    /// The mail address.
    Email,
    /// What a group is called.
    DisplayName,
    /// A member of a group.
    Member,
    /// A group of a user.
    Group,
}
