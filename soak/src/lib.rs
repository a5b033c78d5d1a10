//! Servers under load that are killed, stopped, cut off and filled up, and the proof that no promise was broken meanwhile.
//!
//! [`run`] goes from beginning to end: [`visitor`]s and an [`operator`] keep the nodes of a [`site`] busy over the
//! [`wire`], and write every request and its outcome into a [`history`]; the [`checker`] holds it to what was promised. The
//! checker is a pure function and has tests of its own, and so has the whole: a server that is wrong on purpose is caught.
//!
//! `./scripts/soak` runs it for long; `./scripts/test` runs each fault once.

pub mod caller;
pub mod checker;
pub mod history;
pub mod lateness;
pub mod operator;
pub mod participants;
pub mod proxy;
pub mod report;
pub mod run;
pub mod scenarios;
pub mod site;
pub mod visitor;
pub mod wire;
