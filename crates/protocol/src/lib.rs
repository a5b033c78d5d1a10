//! The rules of Safeconduct: values in, decision out.
//!
//! Nothing here does I/O, knows HTTP or SQL, or waits. Every rule takes the time as an argument. One file for each noun of
//! the specifications:
//!
//! - a request arrives: [`parameters`], [`error`], [`client`], [`registration`], [`redirect_uri`], [`pkce`], [`scope`], [`resource`], [`authorization`]
//! - so does one of OpenID Connect or behind the browser's back: [`claims`], [`subject`], [`id_token`], [`logout`], [`pushed_request`], [`dpop`]
//! - a grant comes of it: [`authorization_code`], [`grant`], [`refresh_token`], [`token`], [`dpop`]
//! - others ask about it: [`introspection`], [`metadata`], [`client_authentication`]
//! - users sign in with a passkey: [`passkey`]
//! - users type their names, passwords and codes: [`precis`], [`password`], [`totp`], [`enrolment`], [`recovery_code`]; they read pages in their
//!   own language: [`language`]; they are told of what happens to their accounts: [`mail`]; they open links that were made for them: [`link`]; they sign up: [`sign_up`]; they can be called: [`phone_number`]
//! - what all of it stands on: [`ids`], [`secret`], [`sent`], [`seal`], [`sealed`], [`jose`], [`encoding`], [`random`], [`time`], [`clock`], [`loopback`]; and what a
//!   browser brings: [`cookie`], [`speculation`]

pub mod administration;
pub mod authentication;
pub mod authorization;
pub mod authorization_code;
pub mod claims;
pub mod client;
pub mod client_authentication;
pub mod clock;
pub mod cookie;
pub mod device;
mod difference;
pub mod dpop;
pub mod encoding;
pub mod enrolment;
pub mod error;
pub mod event_cursor;
pub mod grant;
pub mod id_token;
pub mod ids;
pub mod image;
pub mod introspection;
pub mod jose;
pub mod language;
pub mod link;
pub mod logout;
pub mod loopback;
pub mod mail;
pub mod markup;
pub mod metadata;
pub mod parameters;
pub mod passkey;
pub mod password;
pub mod phone_number;
pub mod pkce;
pub mod posted_request;
pub mod precis;
pub mod pushed_request;
pub mod random;
pub mod recovery_code;
pub mod redirect_uri;
pub mod refresh_token;
pub mod registration;
pub mod resource;
pub mod scope;
pub mod seal;
pub mod sealed;
pub mod secret;
pub mod security_event;
pub mod sent;
pub mod shared_signals;
pub mod sign_up;
pub mod single_use;
pub mod speculation;
pub mod subject;
pub mod time;
pub mod token;
pub mod totp;
