//! What administrators do, a verb each and a file for each noun: judge what is asked, write it, and return what happened. The
//! command line asks by these, and holds no rule of its own.

pub mod administrators;
pub mod clients;
pub mod consents;
pub mod deliveries;
pub mod events;
pub mod explain;
pub mod grants;
pub mod groups;
pub mod imports;
pub mod keys;
pub mod links;
pub mod master_keys;
pub mod provisioning;
pub mod receivers;
pub mod sessions;
pub mod users;

use safeconduct_protocol::{
    ids::{ClientId, UserId},
    mail::MailAddress,
    password::{PasswordRule, UnfitPassword},
    registration::{Finding, KnowsScope},
    time::Timestamp,
};
use safeconduct_store::{ActingStore, Cluster, StoreError};

use crate::{
    fault::Fault,
    keys::{Keys, MasterKeys},
    notices::Notices,
};

/// What the verbs work on, at one moment.
pub struct Administration<'a> {
    /// The database.
    pub store: &'a ActingStore,
    /// What unwraps its keys.
    pub masters: &'a MasterKeys,
    /// Its keys.
    pub keys: &'a Keys,
    /// What new passwords must be.
    pub passwords: PasswordRule,
    /// By what users are told of what is done to their accounts.
    pub notices: Notices,
    /// Whose it is.
    pub issuer: &'a str,
    /// The same, as the database says it.
    pub cluster: &'a Cluster,
    /// Whether a scope exists that a client may be registered for; if not, what to do.
    pub knows_scope: Box<KnowsScope<'a>>,
    /// The clients that the configuration declares.
    pub declared: Vec<&'a ClientId>,
    /// The time.
    pub now: Timestamp,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The name behind which it begins: that of the last one on the page before.
    pub after: Option<&'a str>,
    /// The most that it holds.
    pub limit: u32,
}

impl Page<'_> {
    /// All that there is, of what is few.
    pub const ALL: Self = Self {
        after: None,
        limit: u32::MAX,
    };
}

/// Why a verb did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such client.
    #[error("there is no client {0}")]
    NoClient(String),
    /// There is no such user.
    #[error("there is no user {0}")]
    NoUser(String),
    /// There is no such group.
    #[error("there is no group {0}")]
    NoGroup(String),
    /// There is no such session, or it has ended.
    #[error("there is no session {0}")]
    NoSession(String),
    /// There is no such grant.
    #[error("there is no grant {0}")]
    NoGrant(String),
    /// The user lets the client have nothing without being asked.
    #[error("{user} lets {client} have nothing without being asked")]
    NoConsent {
        /// Which user.
        user: String,
        /// Which client.
        client: ClientId,
    },
    /// Nothing of that name waits to be told, or was given up.
    #[error("nothing called {0} waits to be told, or was given up within the week")]
    NoDelivery(String),
    /// No receiver of that name was ever declared, or it is not paused.
    #[error("there is no receiver {0} that this could be done to")]
    NoReceiver(String),
    /// The user has no second factor.
    #[error("{0} has no second factor")]
    NoSecondFactor(String),
    /// The user may not sign in.
    #[error("{0} is locked")]
    Locked(String),
    /// The user has a password, so that there is no first one to set.
    #[error("{0} has a password already")]
    HasPassword(String),
    /// The user has no such passkey, or several of that name.
    #[error("{user} has {count} passkeys called {name}")]
    NoPasskey {
        /// Which user.
        user: String,
        /// What was said.
        name: String,
        /// How many are called so.
        count: usize,
    },
    /// A client has the id, or had it once.
    #[error("the client id {0} is, or was once, in use")]
    ClientTaken(ClientId),
    /// A user has the name.
    #[error("there is a user {0} already")]
    UserTaken(String),
    /// An account has the mail address.
    #[error("{address} is the address of the account {username}")]
    AddressTaken {
        /// The address.
        address: MailAddress,
        /// Whose it is.
        username: String,
    },
    /// A group has the name.
    #[error("there is a group {0} already")]
    GroupTaken(String),
    /// There is no such key.
    #[error("there is no key {0}")]
    NoKey(i64),
    /// Something that the key made may still come.
    #[error("the key {id} is needed {until}")]
    KeyNeeded {
        /// Which.
        id: i64,
        /// Until when, in words.
        until: String,
    },
    /// It is not as the administrator has seen it.
    #[error("{0} was changed since it was read")]
    Changed(String),
    /// The group is this server's own.
    #[error(
        "the group {0} is that of the administrators of this server: `safeconduct admin` changes who they are"
    )]
    GroupReserved(String),
    /// The user does not administer this server.
    #[error("{0} is no administrator")]
    NoAdministrator(String),
    /// Nobody else could administer this server.
    #[error("{0} is the only administrator who can sign in")]
    LastAdministrator(String),
    /// Only a user may do it, or a command on the server.
    #[error("{0} can't be changed by a client by itself")]
    InPersonOnly(String),
    /// Only a command on the server may do it, or its configuration.
    #[error("{0} can't be changed or given by HTTP")]
    ShellOnly(String),
    /// The configuration declares the client, and is the place to change it.
    #[error("{0} is declared in the configuration")]
    Declared(ClientId),
    /// The configuration declares the group, and is the place to change it.
    #[error("{0} is declared in the configuration")]
    GroupDeclared(String),
    /// The client does not authenticate with a secret.
    #[error("{client} authenticates with {method}, not with a secret")]
    NoSecret {
        /// Which client.
        client: ClientId,
        /// How it authenticates.
        method: &'static str,
    },
    /// A client has as many secrets as it may.
    #[error("{0} has two secrets that are good: the older one has to end first")]
    TwoSecrets(ClientId),
    /// The client has no such secret, or it has ended.
    #[error("{client} has no secret {secret} that is good")]
    NoSuchSecret {
        /// Which client.
        client: ClientId,
        /// What was said.
        secret: String,
    },
    /// The client could not authenticate any more.
    #[error("it is the only secret of {0}: give it a new one first, or disable the client")]
    LastSecret(ClientId),
    /// Another administrator changed the user or the client at the same time.
    #[error("{0} was changed by somebody else in this moment")]
    Raced(String),
    /// The registration is wrong.
    #[error("{}", sentences(.0))]
    Registration(Vec<Finding>),
    /// A value has another form than it must have; the sentence says which.
    #[error("{0}")]
    Unfit(String),
    /// The password can't be set; the sentence says why.
    #[error(transparent)]
    Password(#[from] UnfitPassword),
    /// Passwords can't be read, and stay as they are.
    #[error("can't be read, and stay as they are: the passwords of {}", names(.0))]
    Unreadable(Vec<UserId>),
    /// What went wrong on our side.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

fn sentences(findings: &[Finding]) -> String {
    let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
    findings.join("\n")
}

fn names(users: &[UserId]) -> String {
    let users: Vec<&str> = users.iter().map(UserId::as_str).collect();
    users.join(", ")
}
