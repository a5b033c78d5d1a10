//! What may be used once: ids whose use is one row in the unit of what the request changes. The insert decides who was first.

use crate::{
    error::{Reason, Refusal},
    time::Timestamp,
};

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SingleUse {
    /// A client assertion's `jti` (RFC 7523 §3).
    ClientAssertion,
    /// A DPoP proof's `jti` (RFC 9449 §11.1).
    DpopProof,
    /// A pushed authorization request from which a code was issued (RFC 9126 §7.3).
    PushedRequest,
    /// The challenge of a passkey (WebAuthn Level 3 §13.4.3).
    PasskeyChallenge,
}

impl SingleUse {
    /// The name it is stored under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client-assertion",
            Self::DpopProof => "dpop-proof",
            Self::PushedRequest => "pushed-request",
            Self::PasskeyChallenge => "passkey-challenge",
        }
    }

    /// The refusal of a second use.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::ClientAssertion => Reason::ClientAssertionReplayed.into(),
            Self::DpopProof => Reason::DpopProofReplayed.into(),
            Self::PushedRequest => Reason::PushedRequestUsed.into(),
            Self::PasskeyChallenge => Reason::PendingRequestNotDue.into(),
        }
    }
}

/// One id that this request uses up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedId {
    /// What it names.
    pub kind: SingleUse,
    /// Whose it is: the client's id, or the thumbprint of the proof's key; nobody's for a challenge. Another owner may use the same id.
    pub owner: String,
    /// The id.
    pub id: String,
    /// The first moment at which what carries it is refused without being remembered.
    pub expires_at: Timestamp,
}
