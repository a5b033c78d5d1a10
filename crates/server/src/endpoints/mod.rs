//! The endpoints, one file each: parse first, decide on values, answer last.

pub(crate) mod authorize;
pub(crate) mod consent;
pub(crate) mod errors;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod introspect;
pub(crate) mod language;
pub(crate) mod link;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod new_account;
pub(crate) mod offer;
pub(crate) mod par;
pub(crate) mod passkey;
pub(crate) mod recover;
pub(crate) mod revoke;
pub(crate) mod second_factor;
pub(crate) mod security_events;
pub(crate) mod sign_up;
pub(crate) mod token;
pub(crate) mod userinfo;
pub(crate) mod well_known;
