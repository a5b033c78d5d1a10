//! The authorization between its arrival and its answer: what has to happen next for the person at the browser, whose form is
//! taken, and the code that comes of it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{CheckedRequest, Prompt};
use crate::{
    authorization_code::AuthorizationCode,
    client::{Client, ConsentPolicy},
    encoding,
    error::{Reason, Refusal},
    grant::{Epochs, Lifetimes},
    ids::{GrantId, SessionId, UserId, new_id},
    pushed_request::PushedId,
    scope::Scope,
    seal::Kind,
    sealed::{Sealed, until},
    subject::Subjects,
    time::Timestamp,
};

/// An authorization between its arrival and its answer. It travels sealed in a form field, bound to one browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAuthorization {
    /// The grant it may become. The id names it from here on, in logs, events, code and tokens.
    #[serde(rename = "g")]
    pub grant: GrantId,
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    pub era: i64,
    /// SHA-256 of the browser's cookie, base64url.
    #[serde(rename = "b")]
    pub browser: String,
    /// What is asked.
    #[serde(rename = "q")]
    pub request: CheckedRequest,
    /// How far it has come.
    #[serde(rename = "s")]
    pub stage: Stage,
    /// The pushed request it came from.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<PushedId>,
}

/// How far a pending authorization has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It arrived.
    #[serde(rename = "a")]
    Arrived,
    /// The account that is signed in was offered to choose; the choice counts in its session alone.
    #[serde(rename = "o")]
    Offered {
        /// That session.
        #[serde(rename = "s")]
        session: SessionId,
    },
    /// The person signed in for it, or chose the account; the session they had then.
    #[serde(rename = "i")]
    SignedIn {
        /// That session.
        #[serde(rename = "s")]
        session: SessionId,
    },
    /// The person was asked; the form's answer must come from the session and user it was shown to.
    #[serde(rename = "k")]
    Asked {
        /// The session it was shown to.
        #[serde(rename = "s")]
        session: SessionId,
        /// The user it was shown to.
        #[serde(rename = "u")]
        user: UserId,
        /// The scopes that were shown.
        #[serde(rename = "o")]
        shown: Scope,
    },
}

/// The person at the browser, as the session and the user's row tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInUser {
    /// The session.
    pub session: SessionId,
    /// The user.
    pub user: UserId,
    /// The name they sign in with.
    pub username: String,
    /// When they last proved who they are.
    pub auth_time: Timestamp,
    /// What is in force for them with the client in question.
    pub epochs: Epochs,
    /// What they have allowed that client before, for the audience in question.
    pub consented: Scope,
}

/// What has to happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Show the login page.
    SignIn,
    /// Show the login page of the account that is signed in, to prove who sits there.
    Reauthenticate,
    /// Let the person choose between the account that is signed in and another.
    SelectAccount,
    /// Show the consent page: ask for `new`; `already` was allowed before.
    Consent {
        /// What is asked for.
        new: Scope,
        /// What was allowed before.
        already: Scope,
    },
    /// Nothing is left to ask: issue the code.
    Issue,
}

impl Sealed for PendingAuthorization {
    const KIND: Kind = Kind::PendingAuthorization;
    const NOT_RECOGNISED: Reason = Reason::PendingRequestNotRecognised;
    const OVER: Reason = Reason::PendingRequestExpired;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, lifetimes: &Lifetimes) -> Range<Timestamp> {
        until(self.grant.born().plus(lifetimes.pending + 1))
    }
}

impl PendingAuthorization {
    /// A request that just arrived in a browser whose cookie hashes to `browser`.
    pub fn arrive(request: CheckedRequest, browser: String, grant: GrantId, era: i64) -> Self {
        Self {
            grant,
            era,
            browser,
            request,
            stage: Stage::Arrived,
            pushed: None,
        }
    }

    /// Refuses a form that another browser brings (RFC 9700 §4.7: a link to a half-finished sign-in is dead elsewhere).
    ///
    /// # Errors
    /// `pending-request-without-cookie`, `pending-request-from-another-browser`.
    pub fn resume(&self, cookie: Option<&str>) -> Result<(), Refusal> {
        let cookie = cookie.ok_or(Reason::PendingRequestWithoutCookie)?;
        let hash = encoding::sha256_base64url(cookie.as_bytes());
        if encoding::constant_time_eq(hash.as_bytes(), self.browser.as_bytes()) {
            Ok(())
        } else {
            Err(Reason::PendingRequestFromAnotherBrowser.into())
        }
    }

    /// Decides what has to happen next for the person at the browser.
    ///
    /// `max_age` counts until the request arrived: who was recent enough then does not have to hurry (OpenID Connect Core §3.1.2.1).
    ///
    /// # Errors
    /// `login-required`, `consent-required` where the request forbids the page that is due; `login-required` where it is about
    /// another person than the one who signed in for it.
    pub fn next(
        &self,
        client: &Client,
        person: Option<&SignedInUser>,
        subjects: &Subjects,
    ) -> Result<Next, Refusal> {
        let silent = self.request.wants(Prompt::None);
        let Some(person) = person else {
            return if silent {
                Err(Refusal::new(Reason::LoginRequired)
                    .because("no user is signed in in this browser"))
            } else {
                Ok(Next::SignIn)
            };
        };
        let subject = subjects.subject(client, &person.user);
        let is_named = (self.request.subject.as_ref()).is_none_or(|named| *named == subject);
        let met = matches!(&self.stage, Stage::SignedIn { session } if *session == person.session);
        let age = self.grant.born().since(person.auth_time);
        // Both are whole seconds, so an age that reads as just enough may be most of a second more.
        let too_long_ago = (self.request.max_age).is_some_and(|most| most == 0 || age >= most);
        if !is_named && (met || silent) {
            return Err(Refusal::new(Reason::LoginRequired).because("another person is signed in"));
        }
        if !met && too_long_ago && silent {
            return Err(Refusal::new(Reason::LoginRequired).because("signed in too long ago"));
        }
        if met {
            return self.consent_or_issue(client, person, silent);
        }
        if !is_named {
            Ok(Next::SignIn)
        } else if self.request.wants(Prompt::Login) || too_long_ago {
            Ok(Next::Reauthenticate)
        } else if self.request.wants(Prompt::SelectAccount) {
            Ok(Next::SelectAccount)
        } else {
            self.consent_or_issue(client, person, silent)
        }
    }

    fn consent_or_issue(
        &self,
        client: &Client,
        person: &SignedInUser,
        silent: bool,
    ) -> Result<Next, Refusal> {
        let asked = self.request.to_consent();
        let already = if client.remembers_consent(self.request.redirect_uri()) {
            asked.intersection(&person.consented)
        } else {
            Scope::default()
        };
        let new = asked.without(&already);
        let again = self.request.wants(Prompt::Consent);
        match client.consent {
            ConsentPolicy::Never if !again => Ok(Next::Issue),
            ConsentPolicy::Remember if new.is_empty() && !again => Ok(Next::Issue),
            _ if silent => {
                let detail = format!("{} not allowed yet", new.briefly());
                Err(Refusal::new(Reason::ConsentRequired).because(detail))
            }
            // Asked again although nothing is new: everything is shown as a question.
            _ if new.is_empty() => Ok(Next::Consent {
                new: asked,
                already: Scope::default(),
            }),
            _ => Ok(Next::Consent { new, already }),
        }
    }

    /// The same request, marked as signed in for by `session`.
    #[must_use]
    pub fn signed_in(mut self, session: SessionId) -> Self {
        self.stage = Stage::SignedIn { session };
        self
    }

    /// The same request, marked as shown to `person`, offering their account.
    #[must_use]
    pub fn offered(mut self, person: &SignedInUser) -> Self {
        self.stage = Stage::Offered {
            session: person.session.clone(),
        };
        self
    }

    /// The same request, marked as signed in for, because `person` chose the account that is signed in. That counts only where
    /// the choice was due, because it is no way around a password, and where it is the account that was offered: another one may
    /// have signed in since, in another tab.
    ///
    /// # Errors
    /// Those of [`next`](Self::next); `pending-request-from-another-session` where another account was offered, `pending-request-not-due`
    /// where none was, or something else is due.
    pub fn chosen(
        self,
        client: &Client,
        person: &SignedInUser,
        subjects: &Subjects,
    ) -> Result<Self, Refusal> {
        let session = person.session.clone();
        let next = self.next(client, Some(person), subjects)?;
        match (&self.stage, next) {
            (Stage::Offered { session: offered }, _) if *offered != session => {
                Err(Reason::PendingRequestFromAnotherSession.into())
            }
            (Stage::Offered { .. }, Next::SelectAccount) => Ok(self.signed_in(session)),
            _ => Err(Reason::PendingRequestNotDue.into()),
        }
    }

    /// The same request, marked as shown to `person`, asking for all it asks for.
    #[must_use]
    pub fn asked(mut self, person: &SignedInUser) -> Self {
        let shown = self.request.to_consent();
        self.stage = Stage::Asked {
            session: person.session.clone(),
            user: person.user.clone(),
            shown,
        };
        self
    }

    /// Judges the answer of the consent form: it must come from the session and the user it was shown to. Gives that person.
    ///
    /// # Errors
    /// `pending-request-not-due` for a form that was never a consent form, `pending-request-signed-out`,
    /// `pending-request-from-another-session`.
    pub fn answered_by<'p>(
        &self,
        person: Option<&'p SignedInUser>,
    ) -> Result<&'p SignedInUser, Refusal> {
        let Stage::Asked {
            session,
            user,
            shown,
        } = &self.stage
        else {
            return Err(Reason::PendingRequestNotDue.into());
        };
        let person = person.ok_or(Reason::PendingRequestSignedOut)?;
        if *session == person.session && *user == person.user && *shown == self.request.to_consent()
        {
            Ok(person)
        } else {
            Err(Reason::PendingRequestFromAnotherSession.into())
        }
    }

    /// The code for what `person` allowed.
    pub fn issue(&self, person: &SignedInUser, now: Timestamp) -> AuthorizationCode {
        AuthorizationCode {
            grant: self.grant,
            code_id: new_id(),
            era: self.era,
            client: self.request.client.clone(),
            user: person.user.clone(),
            session: person.session.clone(),
            epochs: person.epochs,
            redirect_uri: encoding::sha256_base64url(self.request.redirect_uri.as_bytes()),
            code_challenge: self.request.code_challenge.clone(),
            scope: self.request.scope.clone(),
            audience: self.request.audience.clone(),
            nonce: self.request.nonce.clone(),
            auth_time: person.auth_time,
            issued_at: now,
            dpop_jkt: self.request.dpop_jkt.clone(),
            claims: self.request.claims.clone(),
        }
    }
}
