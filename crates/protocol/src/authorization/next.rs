//! The one rule that orders the pages: what is due next for the user at the browser, and when a code may be issued.

use super::{Offer, Offers, PendingAuthorization, Prompt, SignedInUser, Stage};
use crate::{
    administration,
    authentication::{Authentication, Factor, Factors, Level},
    claims,
    client::{Client, ConsentPolicy},
    error::{Reason, Refusal},
    scope::Scope,
    subject::Subjects,
    time::Timestamp,
};

/// How long ago, in seconds, users may have signed in when they change anything of their account: what they sign in with, where they
/// are signed in, which apps have access.
pub const FRESH: i64 = 300;

/// What has to happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Show the login page.
    SignIn,
    /// Show the page on which an account is asked for.
    SignUp,
    /// Show the login page of the account that is signed in, to prove who sits there.
    Reauthenticate,
    /// Ask for more than was proved, to at least this level, by what the account has.
    SecondFactor(Level),
    /// Let them add one of these to their account: a second factor is demanded, and they have none. Adding it proves nothing yet; what it
    /// proves is due then.
    Enrol(Offers),
    /// Let the user choose between the account that is signed in and another.
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

/// Whether `scope` without what is `withheld` is what was asked for in part at least: a scope of the API that it is for, or one of identity
/// where nothing else was asked for.
fn is_of_use(scope: &Scope, withheld: &Scope) -> bool {
    let of_api = |scope: &Scope| scope.names().any(|name| !claims::is_identity(name));
    let left = scope.without(withheld);
    !left.is_empty() && (of_api(&left) || !of_api(scope))
}

fn login_required(detail: &str) -> Refusal {
    Refusal::new(Reason::LoginRequired).because(detail)
}

impl PendingAuthorization {
    /// Decides what has to happen next for the user at the browser: the one rule that orders the pages. From what the request asks,
    /// what client and server demand, what the account has, and what this session has proved.
    ///
    /// `max_age` counts until the request arrived: who was recent enough then does not have to hurry (OpenID Connect Core §3.1.2.1).
    ///
    /// # Errors
    /// `login-required`, `consent-required` where the request forbids the page that is due; `login-required` where it is about
    /// another user than the one who signed in for it; `acr-unmet` where more is demanded than the account has a way to;
    /// `administrators-only` where it is for the API of administrators, and they are none; `user-not-admitted` where they may not use the client; `scope-withheld` where they may have nothing of what
    /// it asks for.
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
        let met = user.is_some_and(|user| self.proved_in(&user.session).is_some());
        if !met && self.request.wants(Prompt::Create) {
            return Ok(Next::SignUp);
        }
        let Some(user) = user else {
            return if silent {
                Err(login_required("no user is signed in in this browser"))
            } else {
                Ok(Next::SignIn)
            };
        };
        let subject = subjects.subject(client, &user.user);
        let is_named = (self.request.subject.as_ref()).is_none_or(|named| *named == subject);
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
        if self.request.administers && !user.administrator {
            return Err(Reason::AdministratorsOnly.into());
        }
        if !user.admitted {
            return Err(Reason::UserNotAdmitted.into());
        }
        let counted = self.counted(user);
        let acr = &self.request.acr;
        let reach = user.enrolled.reach();
        let required = client.require_second_factor
            || user.second_factor_required
            || user.enrolled.otp
            || self.request.administers;
        let mut demanded = if required {
            Level::MultiFactor
        } else {
            Level::Password
        };
        if self.request.changes_account {
            demanded = demanded.max(reach);
        }
        let best = acr
            .names
            .iter()
            .find(|acr| acr.level() <= reach.max(demanded));
        match best.map(|best| best.level()) {
            Some(best) if acr.essential || !silent => demanded = demanded.max(best),
            None if acr.essential => demanded = demanded.max(self.essential_to_add(user)?),
            _ => {}
        }
        match Authentication::of(counted, &acr.names) {
            Some(authentication) if counted.level() >= Some(demanded) => {
                self.consent_or_issue(client, user, silent, consent, authentication)
            }
            _ if silent => Err(login_required("more factors are demanded than were proved")),
            None => Ok(Next::Reauthenticate),
            Some(_) if reach < demanded => self.enrolment(user, demanded),
            Some(_) => Ok(Next::SecondFactor(demanded)),
        }
    }

    /// What an essential context takes that the account of `user` can be given a way to. A wish gives nobody a factor, and an account that
    /// has one is given another on its own pages alone, behind that one.
    fn essential_to_add(&self, user: &SignedInUser) -> Result<Level, Refusal> {
        let names = self.request.acr.names.iter();
        let levels = names.map(|acr| acr.level());
        let to_add = levels.filter(|level| !user.addable.proving(*level).is_empty());
        let has_none = user.enrolled.reach() == Level::Password;
        to_add.min().filter(|_| has_none).ok_or_else(|| {
            Refusal::new(Reason::AcrUnmet).because("the account has no factor of that kind")
        })
    }

    /// The account has less than is demanded: what it can be given for that.
    fn enrolment(&self, user: &SignedInUser, demanded: Level) -> Result<Next, Refusal> {
        let ways = user.addable.proving(demanded);
        if ways.is_empty() {
            let detail = "a second factor is demanded, and no account can be given one";
            return Err(Refusal::new(Reason::AcrUnmet).because(detail));
        }
        // Who was signed in long ago may be somebody else by now, and a factor that they set up would be theirs.
        if self.is_fresh(user) {
            Ok(Next::Enrol(ways))
        } else {
            Ok(Next::Reauthenticate)
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
        let mut asked = self.request.to_consent();
        if !user.withheld.is_empty() {
            if !is_of_use(&self.request.scope, &user.withheld) {
                let detail = format!("the user may not have {}", user.withheld.briefly());
                return Err(Refusal::new(Reason::ScopeWithheld).because(detail));
            }
            asked = asked.without(&user.withheld);
        }
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

    /// Whether a proof of `at` is recent enough for `max_age`. Both are whole seconds, so an age that reads as just enough may be most
    /// of a second more.
    fn is_recent(&self, at: Option<Timestamp>) -> bool {
        let Some(at) = at else { return false };
        let age = self.grant.born().since(at);
        let for_administration = self.request.administers.then_some(administration::FRESH);
        let mut limits = self.request.max_age.into_iter().chain(for_administration);
        limits.all(|most| most > 0 && age < most)
    }

    /// Whether `user` signed in for this request, or so shortly before that they may change what they sign in with.
    fn is_fresh(&self, user: &SignedInUser) -> bool {
        let signed_in_at = user.factors.signed_in_at();
        let recently = signed_in_at.is_some_and(|at| self.grant.born().since(at) < FRESH);
        let proved = self.proved_in(&user.session);
        recently || proved.is_some_and(|proved| !proved.factors.is_empty())
    }

    /// The factors of `user` that count for this request: those that were proved for it, and those that it does not want proved again.
    /// A recovery code signs in, and changes nothing of the account: whoever finds a list of them must not be able to keep it.
    fn counted(&self, user: &SignedInUser) -> Factors {
        let proved = self.proved_in(&user.session);
        let again = self.request.wants(Prompt::Login);
        let counts = |factor, at| {
            if self.request.changes_account && factor == Factor::RecoveryCode {
                return false;
            }
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
}

impl PendingAuthorization {
    /// Which of the offers that are `available` here are made to `user` now: those that they have not `declined`, once they have
    /// proved who they are for this very request by a password, and by no passkey. Who is signed in already is not held up.
    pub fn offers(&self, user: &SignedInUser, declined: &Offers, available: &Offers) -> Offers {
        let by_password = self.proved_in(&user.session).is_some_and(|proved| {
            proved.factors.contains(&Factor::Password) && !proved.factors.contains(&Factor::Passkey)
        });
        if !by_password {
            return Offers::default();
        }
        let has = |offer| match offer {
            Offer::Otp => user.enrolled.reach() > Level::Password,
            Offer::Passkey => user.enrolled.passkey,
        };
        let open = available.iter();
        open.filter(|offer| !declined.contains(*offer) && !has(*offer))
            .collect()
    }
}
