//! The authorization between its arrival and its answer: how far it has come, whose form is taken, and the code that comes of it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{CheckedRequest, Prompt, SignedInUser};
use crate::{
    authentication::{Authentication, Factor},
    authorization_code::AuthorizationCode,
    client::{Client, DeniedUsers},
    encoding,
    error::{Reason, Refusal},
    grant::Lifetimes,
    ids::{GrantId, SessionId, UserId, new_id},
    pushed_request::PushedId,
    scope::Scope,
    seal::Kind,
    sealed::{Sealed, until},
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
    /// Who proved who they are for it, if anybody did.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub proved: Option<Proved>,
    /// The pushed request it came from.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<PushedId>,
    /// Whether its browser has said that a passkey can be made there.
    #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
    pub makes_passkeys: bool,
    /// The [key](crate::mail::MailAddress::key) of the address for which an account was asked for on its way: it goes on with the account of
    /// that address alone.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub signing_up: Option<String>,
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
    /// The user was asked; the form's answer must come from the session and user it was shown to.
    #[serde(rename = "k")]
    ConsentAsked {
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
            makes_passkeys: false,
            signing_up: None,
        }
    }

    /// The same request in the same browser, as if it arrived now: nothing is proved for it, nobody was asked.
    #[must_use]
    pub fn again(self, grant: GrantId) -> Self {
        Self {
            pushed: self.pushed,
            makes_passkeys: self.makes_passkeys,
            ..Self::arrive(self.request, self.browser, grant, self.era)
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

    /// What was proved for this request, if it was in `session`.
    pub(super) fn proved_in(&self, session: &SessionId) -> Option<&Proved> {
        let proved = self.proved.as_ref();
        proved.filter(|proved| proved.session == *session)
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

    /// The same request, for which the user of `session` chose their account.
    pub(super) fn chosen_in(mut self, session: SessionId) -> Self {
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

    /// The same request, marked as shown to `person`, asking for all it asks for.
    #[must_use]
    pub fn asked(mut self, person: &SignedInUser) -> Self {
        let shown = self.request.to_consent();
        self.stage = Stage::ConsentAsked {
            session: person.session.clone(),
            user: person.user.clone(),
            shown,
        };
        self
    }

    /// Judges the answer of the consent form: it must come from the session and the user it was shown to. Gives that user.
    ///
    /// # Errors
    /// `pending-request-not-due` for a form that was never a consent form, `pending-request-signed-out`,
    /// `pending-request-from-another-session`.
    pub fn answered_by<'p>(
        &self,
        person: Option<&'p SignedInUser>,
    ) -> Result<&'p SignedInUser, Refusal> {
        let Stage::ConsentAsked {
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

    /// Whether a user who may not use `client` is told by a page, instead of the client: where the request allows pages.
    pub fn tells_user(&self, client: &Client) -> bool {
        client.denied_users == DeniedUsers::Page && !self.request.wants(Prompt::None)
    }

    /// The code for what `person` allowed, who signed in as `authentication` says ([`Next::Issue`](super::Next::Issue)).
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
            scope: self.request.scope.without(&person.withheld),
            audience: self.request.audience.clone(),
            nonce: self.request.nonce.clone(),
            authentication,
            issued_at: now,
            dpop_jkt: self.request.dpop_jkt.clone(),
            claims: self.request.claims.clone(),
        }
    }
}
