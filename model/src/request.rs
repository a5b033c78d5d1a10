//! A token request on its way through a node: decided, begun, written, answered.

use safeconduct_protocol::error::Reason;
use safeconduct_protocol::time::Timestamp;

use crate::rows::{Seen, Write};

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    /// The client, and it waits for the answer.
    Client,
    /// Somebody who has the client's credentials and everything it ever sent or was sent, or a proxy that sends it once more, or
    /// the client when it no longer waits.
    Replay,
    /// Another client.
    Thief,
}

/// What is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Artifact {
    /// The code of this number.
    Code(u8),
    /// A refresh token.
    Token {
        /// In which history it was handed out.
        history: u8,
        /// Its generation.
        generation: i64,
    },
}

/// A request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// Who sent it.
    pub sender: Sender,
    /// The node that has it, 0 or 1.
    pub node: u8,
    /// What it presents.
    pub artifact: Artifact,
    /// How far it is.
    pub stage: Stage,
    /// Its random name. Different in every request; what has ended is 0.
    pub attempt: u8,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Decided and minted; the statement has not begun.
    Decided(Write),
    /// The statement has begun, and is given up after that time.
    Begun(Write, Seen, Timestamp),
    /// The statement was sent, and whether it was committed is not known to the node.
    Unheard(Write),
    /// The answer is on its way.
    Answered(Answer),
}

/// What a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Tokens: an access token, and the refresh token of this generation.
    Tokens(i64, How),
    /// No, by the name of the refusal.
    Refused(&'static str),
    /// 503.
    Unavailable,
}

/// What the tokens were given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// A code.
    Redeemed,
    /// The current refresh token.
    Rotated,
    /// The one before it.
    Retried,
    /// A second look found that the commit nobody confirmed was one.
    Settled,
}

impl From<Reason> for Answer {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.name())
    }
}
