//! The server from outside: what it promises browsers, clients and APIs, and what it refuses them. One file for each noun,
//! one program, so that it links once.
//!
//! An attack stands between two honest requests: a server that refuses everybody would fail here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod account_activity;
mod account_password;
mod account_phone;
mod account_security;
mod address;
mod administrators;
mod admission;
mod anonymous;
mod answer_sizes;
mod api;
mod assertion;
mod authorize;
mod back_channel;
mod client_auth;
mod clock;
mod code;
mod consent;
mod cross_origin;
mod crowding;
mod discovery;
mod dpop;
mod event_receivers;
mod events;
mod failed_sign_ins;
mod follow;
mod form_post;
mod groups;
mod groups_claim;
mod guessing;
mod id_token;
mod imported;
mod introspection;
mod keys;
mod language;
mod links;
mod login;
mod logout;
mod mail;
mod matrix;
mod metadata;
mod nodes;
mod offer;
mod on_its_own;
mod operators;
mod outage;
mod parameters;
mod passkey_by_link;
mod passkey_demanded;
mod passkeys;
mod postgresql;
mod prompt;
mod pushed;
mod real_apps;
mod recover;
mod redirect_uri;
mod refresh;
mod retention;
mod revocation;
mod scim;
mod scopes;
mod second_factor;
mod security_events;
mod session;
mod sign_up;
mod sign_up_by_passkey;
mod smoke;
mod support;
mod unready;
mod userinfo;
mod way_back;
