//! The user at the browser, as a request finds them: what their session proved, what their account has, what they allowed.

use super::Offers;
use crate::{
    authentication::{Factors, Level},
    grant::Epochs,
    ids::{SessionId, UserId},
    scope::Scope,
};

/// The user at the browser, as the session and the user's row tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInUser {
    /// The session.
    pub session: SessionId,
    /// The user.
    pub user: UserId,
    /// The name they sign in with.
    pub username: String,
    /// By which factors they proved who they are in this session, and when.
    pub factors: Factors,
    /// What they can prove beside a password.
    pub enrolled: Enrolled,
    /// Whether a second factor is demanded of them, whatever they sign in to: by a group of theirs, or of everybody.
    pub second_factor_required: bool,
    /// Whether they administer this server.
    pub administrator: bool,
    /// What can be added to their account here, where more is demanded than it has.
    pub addable: Offers,
    /// What is in force for them with the client in question.
    pub epochs: Epochs,
    /// Whether they may use the client in question.
    pub admitted: bool,
    /// What of the request they may not have: scopes for members of groups that they are not in.
    pub withheld: Scope,
    /// What they have allowed that client before, for the audience in question.
    pub consented: Scope,
}

impl SignedInUser {
    /// Whether an authenticator app is all that they meet the demand for a second factor by. The write that takes one away asks the same
    /// of what there is then.
    pub const fn needs_otp(&self) -> bool {
        self.second_factor_required && !self.enrolled.passkey
    }
}

/// What an account can prove beside a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// Codes of an authenticator app.
    pub otp: bool,
    /// Recovery codes, of which one is left.
    pub recovery_codes: bool,
    /// A passkey.
    pub passkey: bool,
}

impl Enrolled {
    /// The highest level that its owner can prove. Recovery codes stand in for an authenticator app; alone they are none.
    pub const fn reach(self) -> Level {
        if self.passkey {
            Level::PhishingResistant
        } else if self.otp {
            Level::MultiFactor
        } else {
            Level::Password
        }
    }
}
