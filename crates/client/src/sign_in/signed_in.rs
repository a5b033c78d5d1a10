//! A sign-in that ended well, as a value.

use serde_json::Value;

use crate::sign_in::id_token::StoredIdentity;
use crate::sign_in::identity::Identity;
use crate::sign_in::step_up::StepUp;
use crate::tokens::proof_key::StoredKey;
use crate::tokens::response::Tokens;

/// A sign-in that ended well. [`Client::start_session`](crate::Client::start_session) makes a session of it.
pub struct SignedIn {
    /// What the server gave. Its ID Token, where one was asked for, was judged.
    pub tokens: Tokens,
    /// The path to send the browser to.
    pub return_to: String,
    /// The `Set-Cookie` value that removes the attempt.
    pub set_cookie: String,
    pub(crate) identity: Option<StoredIdentity>,
    pub(crate) proof_key: Option<StoredKey>,
    pub(crate) issuer: String,
    /// What it was asked for, if it stepped up.
    pub(crate) step_up: Option<StepUp>,
    pub(crate) posted_user: Option<Value>,
}

impl SignedIn {
    /// Who signed in, if the scope `openid` was asked for.
    pub fn identity(&self) -> Option<Identity> {
        let held = self.identity.as_ref()?;
        Some(Identity::of(held, &self.issuer))
    }

    /// What the browser posted of the user beside the code (`user`), with [`ClientBuilder::form_post`](crate::ClientBuilder::form_post):
    /// Apple says a new user's name there, and nowhere else, once. Nobody has signed it.
    pub fn posted_user(&self) -> Option<&Value> {
        self.posted_user.as_ref()
    }
}
