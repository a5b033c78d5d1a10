//! The memory of Safeconduct: one [`Store`] whose methods are events of the protocol (`redeem_code`,
//! `rotate_refresh_token`, `end_session`, …), each one unit that commits whole or not at all.
//!
//! What a request means is decided in `safeconduct_protocol` before it comes here; what may happen only once is decided
//! here, by the write itself. The store keeps no clock and no copies, knows no HTTP, and never sees a secret in clear: what
//! it is given is hashed or sealed. One file for each noun; the statements stand beside the methods that run them.
//! `driver` is the seam to the database below.

mod access_tokens;
mod administrators;
mod by;
mod catalog;
mod claims;
mod client_secrets;
mod clients;
mod cluster;
mod consents;
#[cfg(test)]
mod contract;
mod copy;
#[cfg(test)]
mod databases;
mod declared;
mod driver;
mod ended_grants;
mod error;
mod event_log;
mod event_numbers;
mod event_receivers;
mod events;
mod external_ids;
mod failed_sign_ins;
mod grants;
mod groups;
mod guesses;
mod idempotency_keys;
mod keys;
mod links;
mod listed;
mod liveness;
mod logouts;
mod mail;
mod master_key_id;
mod master_keys;
mod messages;
mod outbox;
mod own_sessions;
mod passkeys;
mod password_changes;
mod provisioned_groups;
mod provisioned_users;
mod rotation;
mod schema;
mod second_factors;
mod sessions;
mod sign_up;
mod single_use;
mod store;
mod sweep;
mod time_marks;
mod users;

pub use access_tokens::PersonView;
pub use by::{By, Door, Who};
pub use catalog::Catalog;
pub use client_secrets::{HashedSecret, SECRET_USE_NOTED, SecretHash};
pub use clients::ClientRecord;
pub use cluster::{Cluster, MasterKeysInUse, NextMasterKey};
pub use consents::ConsentRecord;
pub use copy::{CopyError, TableRows};
pub use declared::{Declared, Reconciled};
pub use driver::{BackupError, OpenError};
pub use error::{RedeemError, StoreError};
pub use event_log::{EventFilter, SETTLED};
pub use event_numbers::{NUMBERED_WITHIN, NumberedEvent};
pub use event_receivers::{PATIENCE_WITH_ONE, QueuedSignal, ReceiverRecord};
pub use events::{Event, event_kinds};
pub use failed_sign_ins::FailedSignIns;
pub use grants::{GrantFilter, GrantRecord, Redeeming};
pub use groups::{Group, GroupRecord, Member, Membership};
pub use guesses::NodeGuesses;
pub use idempotency_keys::IdempotencyKey;
pub use keys::{KeyRow, NewKey, Replacement, ResealedKey};
pub use links::LinkedUser;
pub use listed::ListedGrant;
pub use master_key_id::MasterKeyId;
pub use master_keys::{MasterKeyAnswer, MasterKeyRecord};
pub use messages::{ListedMessage, MessageState};
pub use outbox::{Message, OutboxBacklog, OutboxKind, OutboxRow};
pub use passkeys::{
    FirstPasskey, NewPasskeyRow, PasskeyAdder, PasskeyAddition, PasskeyAnswer, PasskeyOwner,
    PasskeyRecord, PasskeyRemoval, PasskeyUse,
};
pub use password_changes::PasswordChange;
pub use provisioned_groups::{
    GroupChange, GroupLookup, GroupReplacement, MemberChange, ProvisionedGroup,
};
pub use provisioned_users::{
    GroupOfUser, ProvisionedUser, UserChange, UserLookup, UserOrder, UserReplacement,
};
pub use schema::SchemaStep;
pub use second_factors::{
    AuthenticatorRecord, Guess, NewOtp, OtpAdder, OtpAddition, OtpRemoval, Remover, SecondFactorUse,
};
pub use sessions::{NewSession, SessionRecord, SessionRenewal, SessionSeen, SessionView, SignIn};
pub use sign_up::{SignUpState, SignedUp};
pub use store::{ActingStore, Store};
pub use sweep::Sweepable;
pub use time_marks::TimeMark;
pub use users::{
    Credential, Imported, NewUser, SealedCredential, SealedPassword, UserImport, UserRecord,
};
