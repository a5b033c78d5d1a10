//! Filters (RFC 7644 §3.4.2.2): read without recursion into a list of steps, within bounds that are judged before anything is built, so that
//! no depth of parentheses costs a stack, neither when it is read nor when it is dropped.

mod compare;
mod lookup;
mod reader;
mod steps;
#[cfg(test)]
mod tests;

pub(crate) use self::lookup::{Lookup, LookupBy};
pub(crate) use self::reader::{ValuePath, parse, value_path};
pub(crate) use self::steps::Filter;
