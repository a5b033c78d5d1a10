//! The authorization server of Safeconduct as a library.
//!
//! [`Server::new`] makes one from [`Settings`], a store and the [`MasterKey`]; [`routes::public`] is its URL map;
//! [`accept::serve`] puts it on a socket. A request is followed from `routes` to `endpoints`, from there to `client_auth`,
//! `grants` or `journey`, to the rules in `safeconduct_protocol`, and to the one write in the store.

pub mod accept;
mod browser;
mod catalog;
mod client_auth;
pub mod correlation;
mod cross_origin;
mod dpop;
mod endpoints;
mod fault;
mod form;
mod grants;
mod host;
mod house;
mod journey;
pub mod keys;
mod left_out;
mod mint;
mod outbox;
pub mod pages;
pub mod password;
mod presented_token;
mod respond;
pub mod routes;
mod server;
pub mod settings;
mod speculation;
pub mod telemetry;
pub mod throttle;
mod timekeeping;
mod way_back;

pub use cross_origin::CrossOrigin;
pub use fault::Fault;
pub use house::NotReady;
pub use keys::{MasterKey, MasterKeys};
pub use server::Server;
pub use settings::Settings;
pub use timekeeping::ClockFault;
