//! The authorization between its arrival and its answer: what has to happen next for the person at the browser, whose form is
//! taken, and the code that comes of it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{CheckedRequest, Prompt};
use crate::{
    authentication::{Authentication, Factor, Factors, Level},
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

/// How long ago, in seconds, users may have signed in when they change anything of their account: what they sign in with, where they
/// are signed in, which apps have access.
pub const FRESH: i64 = 300;

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
    /// Who proved who they are for it, if anybody did.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub proved: Option<Proved>,
    /// The pushed request it came from.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<PushedId>,
}

/// That the user of a session proved who they are for one request, or chose their account for it. It counts in that session alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proved {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// The factors that were proved for it, whatever the clocks say.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factor>,
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
    /// By which factors they proved who they are in this session, and when.
    pub factors: Factors,
    /// What they can prove beside a password.
    pub enrolled: Enrolled,
    /// Whether the server demands a second factor of everybody.
    pub second_factor_required: bool,
    /// What is in force for them with the client in question.
    pub epochs: Epochs,
    /// What they have allowed that client before, for the audience in question.
    pub consented: Scope,
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

/// What has to happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Show the login page.
    SignIn,
    /// Show the login page of the account that is signed in, to prove who sits there.
    Reauthenticate,
    /// Ask for more than was proved, to at least this level, by what the account has.
    SecondFactor(Level),
    /// Let them set up a second factor: one is demanded, and they have none.
    Enrol,
    /// Let the person choose between the account that is signed in and another.
    SelectAccount,
    /// Show the consent page: ask for `new`; `already` was allowed before.
    Consent {
        /// What is asked for.
        new: Scope,
        /// What was allowed before.
        already: Scope,
    },
    /// Nothing is left to ask: issue the code, which says so much about how they signed in.
    Issue(Authentication),
}

/// Whether the user has still to be asked for what they did not allow before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Consent {
    Needed,
    Given,
}

fn login_required(detail: &str) -> Refusal {
    Refusal::new(Reason::LoginRequired).because(detail)
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
            proved: None,
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

    /// Decides what has to happen next for the user at the browser: the one rule that orders the pages. From what the request asks,
    /// what client and server demand, what the account has, and what this session has proved.
    ///
    /// `max_age` counts until the request arrived: who was recent enough then does not have to hurry (OpenID Connect Core §3.1.2.1).
    ///
    /// # Errors
    /// `login-required`, `consent-required` where the request forbids the page that is due; `login-required` where it is about
    /// another person than the one who signed in for it; `acr-unmet` where it demands a context that the account has no way to.
    pub fn next(
        &self,
        client: &Client,
        user: Option<&SignedInUser>,
        subjects: &Subjects,
    ) -> Result<Next, Refusal> {
        self.due(client, user, subjects, Consent::Needed)
    }

    /// What has to happen next once the user allowed all that was asked: to issue the code, unless something else is due by now.
    ///
    /// # Errors
    /// Those of [`next`](Self::next).
    pub fn allowed(
        &self,
        client: &Client,
        user: &SignedInUser,
        subjects: &Subjects,
    ) -> Result<Next, Refusal> {
        self.due(client, Some(user), subjects, Consent::Given)
    }

    fn due(
        &self,
        client: &Client,
        user: Option<&SignedInUser>,
        subjects: &Subjects,
        consent: Consent,
    ) -> Result<Next, Refusal> {
        let silent = self.request.wants(Prompt::None);
        let Some(user) = user else {
            return if silent {
                Err(login_required("no user is signed in in this browser"))
            } else {
                Ok(Next::SignIn)
            };
        };
        let subject = subjects.subject(client, &user.user);
        let is_named = (self.request.subject.as_ref()).is_none_or(|named| *named == subject);
        let met = self.proved_in(&user.session).is_some();
        let too_long_ago = !met && !self.is_recent(user.factors.signed_in_at());
        if !is_named && (met || silent) {
            return Err(login_required("another person is signed in"));
        }
        if too_long_ago && silent {
            return Err(login_required("signed in too long ago"));
        }
        if !is_named {
            Ok(Next::SignIn)
        } else if too_long_ago || (!met && self.request.wants(Prompt::Login)) {
            Ok(Next::Reauthenticate)
        } else if !met && self.request.wants(Prompt::SelectAccount) {
            Ok(Next::SelectAccount)
        } else {
            self.after_sign_in(client, user, silent, consent)
        }
    }

    /// What is due once it is settled who sits there.
    fn after_sign_in(
        &self,
        client: &Client,
        user: &SignedInUser,
        silent: bool,
        consent: Consent,
    ) -> Result<Next, Refusal> {
        let counted = self.counted(user);
        let acr = &self.request.acr;
        let reach = user.enrolled.reach();
        let required =
            client.require_second_factor || user.second_factor_required || user.enrolled.otp;
        let mut demanded = if required {
            Level::MultiFactor
        } else {
            Level::Password
        };
        let best = acr
            .names
            .iter()
            .find(|acr| acr.level() <= reach.max(demanded));
        match best {
            Some(best) if acr.essential || !silent => demanded = demanded.max(best.level()),
            None if acr.essential => {
                let detail = "the account has no factor of that kind";
                return Err(Refusal::new(Reason::AcrUnmet).because(detail));
            }
            _ => {}
        }
        match Authentication::of(counted, &acr.names) {
            Some(authentication) if counted.level() >= Some(demanded) => {
                self.consent_or_issue(client, user, silent, consent, authentication)
            }
            _ if silent => Err(login_required("more factors are demanded than were proved")),
            None => Ok(Next::Reauthenticate),
            // Who was signed in long ago may be somebody else by now, and a factor that they set up would be theirs.
            Some(_) if reach < demanded && !self.is_fresh(user) => Ok(Next::Reauthenticate),
            Some(_) if reach < demanded => Ok(Next::Enrol),
            Some(_) => Ok(Next::SecondFactor(demanded)),
        }
    }

    fn consent_or_issue(
        &self,
        client: &Client,
        user: &SignedInUser,
        silent: bool,
        consent: Consent,
        authentication: Authentication,
    ) -> Result<Next, Refusal> {
        let asked = self.request.to_consent();
        let already = if client.remembers_consent(self.request.redirect_uri()) {
            asked.intersection(&user.consented)
        } else {
            Scope::default()
        };
        let new = asked.without(&already);
        let again = self.request.wants(Prompt::Consent);
        match client.consent {
            _ if consent == Consent::Given => Ok(Next::Issue(authentication)),
            ConsentPolicy::Never if !again => Ok(Next::Issue(authentication)),
            ConsentPolicy::Remember if new.is_empty() && !again => Ok(Next::Issue(authentication)),
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

    /// What was proved for this request, if it was in `session`.
    fn proved_in(&self, session: &SessionId) -> Option<&Proved> {
        let proved = self.proved.as_ref();
        proved.filter(|proved| proved.session == *session)
    }

    /// Whether a proof of `at` is recent enough for `max_age`. Both are whole seconds, so an age that reads as just enough may be most
    /// of a second more.
    fn is_recent(&self, at: Option<Timestamp>) -> bool {
        let Some(at) = at else { return false };
        let age = self.grant.born().since(at);
        (self.request.max_age).is_none_or(|most| most > 0 && age < most)
    }

    /// Whether `user` signed in for this request, or so shortly before that they may change what they sign in with.
    fn is_fresh(&self, user: &SignedInUser) -> bool {
        let signed_in_at = user.factors.signed_in_at();
        let recently = signed_in_at.is_some_and(|at| self.grant.born().since(at) < FRESH);
        let proved = self.proved_in(&user.session);
        recently || proved.is_some_and(|proved| !proved.factors.is_empty())
    }

    /// The factors of `user` that count for this request: those that were proved for it, and those that it does not want proved again.
    fn counted(&self, user: &SignedInUser) -> Factors {
        let proved = self.proved_in(&user.session);
        let again = self.request.wants(Prompt::Login);
        let counts = |factor, at| {
            proved.is_some_and(|proved| proved.factors.contains(&factor))
                || (!again && self.is_recent(Some(at)))
        };
        let kept = user
            .factors
            .iter()
            .filter(|(factor, at)| counts(*factor, *at));
        kept.fold(Factors::default(), |kept, (factor, at)| {
            kept.and(factor, at)
        })
    }

    /// The same request, for which the user of `session` proved who they are by `factor`. What was proved for it in another session
    /// counts no more.
    #[must_use]
    pub fn proved(mut self, session: SessionId, factor: Factor) -> Self {
        let mut factors = match self.proved.take() {
            Some(before) if before.session == session => before.factors,
            _ => Vec::new(),
        };
        factors.retain(|other| *other != factor);
        factors.push(factor);
        self.proved = Some(Proved { session, factors });
        self.stage = Stage::Arrived;
        self
    }

    fn chosen_in(mut self, session: SessionId) -> Self {
        self.proved = Some(Proved {
            session,
            factors: Vec::new(),
        });
        self.stage = Stage::Arrived;
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
            (Stage::Offered { .. }, Next::SelectAccount) => Ok(self.chosen_in(session)),
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

    /// The code for what `person` allowed, who signed in as `authentication` says ([`Next::Issue`]).
    pub fn issue(
        &self,
        person: &SignedInUser,
        authentication: Authentication,
        now: Timestamp,
    ) -> AuthorizationCode {
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
            authentication,
            issued_at: now,
            dpop_jkt: self.request.dpop_jkt.clone(),
            claims: self.request.claims.clone(),
        }
    }
}
