//! The rules of Safeconduct: values in, decision out.
//!
//! Nothing here does I/O, knows HTTP or SQL, or waits. Every rule takes the time as an argument.

pub mod clock;
pub mod encoding;
pub mod random;
pub mod secret;
pub mod time;
