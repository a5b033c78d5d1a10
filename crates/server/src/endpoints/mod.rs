//! The endpoints, one file each: parse at the door, decide on values, answer at the door.

pub(crate) mod authorize;
pub(crate) mod consent;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod introspect;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod par;
pub(crate) mod revoke;
pub(crate) mod token;
pub(crate) mod userinfo;
pub(crate) mod well_known;
