//! The memory of Safeconduct.

mod driver;
mod schema;

pub use driver::OpenError;
