//! Changes of a resource by PATCH (RFC 7644 §3.5.2): read, with what is forgiven to the clients that there are, and applied to the form that is
//! sent. Who is in a group is no part of that form: those changes come out apart, and each is a write of its own.

mod apply;
mod change;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use self::apply::apply;
pub(crate) use self::change::{Change, Verb, mutability};
pub(crate) use self::read::changes;
