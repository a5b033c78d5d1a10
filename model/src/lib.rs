//! The life of one grant as a model that a checker walks through exhaustively: issued, redeemed, replayed, rotated, retried,
//! revoked, locked, forgotten, restored, with two nodes that crash, a client that loses answers, and an attacker that holds
//! everything that was ever handed out. `README.md` says what is modelled and how to read a counterexample.
//!
//! What a request means is decided by the functions of `safeconduct_protocol` themselves. What the statements of
//! `safeconduct_store` do is stated again in [`Rows`], small enough to be part of a state; a test runs both side by side.

mod bounds;
mod cast;
mod decisions;
mod life;
mod mistake;
mod property;
mod request;
mod rows;
mod state;
mod story;

pub use bounds::{Bounds, Credentials, Restore, Sweep};
pub use cast::{Cast, IssuedCode};
pub use life::{Action, Life};
pub use mistake::Mistake;
pub use property::{
    A_CLIENT_GETS_ON, CODE_ONCE, ENDED_STAYS_ENDED, ERA_FORGETS, KEPT, NOBODY_ELSE, ONE_SUCCESSOR,
    ONLY_IN_TIME, REPLAY_ENDS, REUSE_ENDS,
};
pub use request::{Answer, Artifact, How, Request, Sender, Stage};
pub use rows::{Blow, GrantRow, InForce, Rotating, Rows, Seen, Write};
pub use state::{HandedOut, Held, State, Witness};
