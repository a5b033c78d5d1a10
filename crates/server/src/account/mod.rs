//! What users see and change of their own account, a file for each page. Every page and every form begins with [`visit`], which asks the
//! rule that every sign-in goes by, as if the account pages were a client.

pub(crate) mod activity;
pub(crate) mod address;
pub(crate) mod apps;
pub(crate) mod authenticator;
pub(crate) mod codes;
pub(crate) mod deletion;
mod frame;
pub(crate) mod overview;
pub(crate) mod passkeys;
pub(crate) mod password;
pub(crate) mod phone;
pub(crate) mod security;
pub(crate) mod sessions;
mod visit;

pub(crate) use visit::settled;
