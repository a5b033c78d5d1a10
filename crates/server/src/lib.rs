//! The authorization server of Safeconduct as a library.
//!
//! [`Server::new`] makes one from [`Settings`], a store and the [`MasterKey`]; [`routes::public`] is its URL map;
//! [`listener::serve`] puts it on a socket. A request is followed from `routes` to `endpoints`, from there to `client_auth`,
//! `grants` or `journey`, to the rules in `safeconduct_protocol`, and to the one write in the store.

mod access;
mod account;
mod addresses;
pub mod administration;
mod administrators;
mod admission;
pub mod api;
mod browser;
mod built_in;
mod catalog;
pub mod client_address;
mod client_auth;
mod cookies;
pub mod correlation;
mod cross_origin;
mod dpop;
mod endpoints;
mod failed_attempts;
mod failed_sign_ins;
mod fault;
mod form;
mod grants;
mod host;
mod journey;
pub mod keys;
mod left_out;
pub mod listener;
mod maintenance;
mod mint;
mod new_passkey;
mod new_password;
mod notices;
mod origin;
mod outbox;
pub mod pages;
mod passkey;
pub mod password;
mod posted;
mod presented_token;
mod reader;
mod readiness;
mod respond;
pub mod routes;
mod scope_words;
mod second_factor;
mod security_events;
mod server;
pub mod settings;
mod sign_in;
pub mod smtp;
mod speculation;
pub mod telemetry;
pub mod throttle;
mod timekeeping;
mod way_back;

pub use cross_origin::CrossOrigin;
pub use fault::{ClockFault, Fault};
pub use keys::{MasterKey, MasterKeys};
pub use notices::Notices;
pub use readiness::NotReady;
pub use server::Server;
pub use settings::Settings;
