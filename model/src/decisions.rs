//! What the rules decide about a request, before the database is asked anything that counts. The rules are pure, so each
//! question is asked once and its answer kept: a walk through millions of moments asks a few thousand.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use safeconduct_protocol::error::Reason;
use safeconduct_protocol::time::Timestamp;

use crate::cast::{Cast, IssuedCode};
use crate::mistake::Mistake;
use crate::request::Sender;
use crate::rows::{GrantRow, Write};
use crate::state::HandedOut;

/// All that a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Who asks.
    pub(crate) sender: Sender,
    /// What the clock of the node says.
    pub(crate) now: Timestamp,
    /// The era as the node knows it.
    pub(crate) era: i64,
    /// What is presented.
    pub(crate) presented: Presented,
}

/// What is presented, opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Presented {
    /// A code and its number.
    Code(IssuedCode, u8),
    /// A refresh token: its generation, the rest of what it seals, and what the node reads of its grant.
    Token(i64, HandedOut, Option<GrantRow>),
}

/// The rules with the answers they gave.
pub(crate) struct Decisions {
    cast: Cast,
    mistake: Option<Mistake>,
    given: RwLock<HashMap<Question, Result<Write, Reason>>>,
}

impl Decisions {
    /// Nothing decided yet.
    pub(crate) fn new(cast: Cast, mistake: Option<Mistake>) -> Self {
        Self {
            cast,
            mistake,
            given: RwLock::default(),
        }
    }

    /// Who takes part.
    pub(crate) fn cast(&self) -> &Cast {
        &self.cast
    }

    /// The statement that follows, or the refusal.
    pub(crate) fn on(&self, question: &Question) -> Result<Write, Reason> {
        let given = self.given.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(decision) = given.get(question) {
            return *decision;
        }
        drop(given);
        let decision = self.decide(question);
        let mut given = self.given.write().unwrap_or_else(PoisonError::into_inner);
        given.insert(*question, decision);
        decision
    }

    /// `open` of the grant types in `safeconduct_server`, and the rules.
    fn decide(&self, question: &Question) -> Result<Write, Reason> {
        let Question {
            sender,
            now,
            era,
            presented,
        } = *question;
        let client = match sender {
            Sender::Client | Sender::Replay => self.cast.client(),
            Sender::Thief if self.mistake == Some(Mistake::ClientNotCompared) => self.cast.client(),
            Sender::Thief => self.cast.thief(),
        };
        let ours = |sealed| sealed == era || self.mistake == Some(Mistake::EraNotCompared);
        match presented {
            Presented::Code(issued, _) if !ours(issued.era) => Err(Reason::CodeNotRecognised),
            Presented::Code(issued, code) => {
                let new = self.cast.redeem(&issued, code, client, now);
                let row = new.map(|new| GrantRow::proposed(&new, code, 0));
                row.map(Write::Redeem).map_err(|refusal| refusal.reason())
            }
            Presented::Token(_, sealed, _) if !ours(sealed.era) => {
                Err(Reason::RefreshTokenNotRecognised)
            }
            Presented::Token(generation, sealed, row) => {
                let token = self.cast.token(generation, sealed.era, sealed.expires_at);
                let rotating = self.cast.rotate(&token, row.as_ref(), client, now);
                rotating
                    .map(Write::Rotate)
                    .map_err(|refusal| refusal.reason())
            }
        }
    }
}
