//! The authorization server of Safeconduct as a library.

pub mod accept;
pub mod correlation;
pub mod pages;
pub mod password;
pub mod telemetry;
pub mod throttle;
