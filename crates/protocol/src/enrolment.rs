//! Setting up an authenticator app, between the page that shows its secret and the code that confirms it. Nothing is stored meanwhile:
//! the secret rides sealed in the form, for one session of one user.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    encoding,
    error::{Reason, Refusal},
    grant::Lifetimes,
    ids::{SessionId, UserId},
    seal::Kind,
    sealed::{Sealed, until},
    time::Timestamp,
    totp::{TotpSecret, TypedCode},
};

/// An authenticator app that is being set up. It has no `Debug`: it holds the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    era: i64,
    /// When the page was shown first.
    #[serde(rename = "f")]
    begun_at: Timestamp,
    /// The session it was shown to.
    #[serde(rename = "s")]
    session: SessionId,
    /// Whose app it is to be.
    #[serde(rename = "u")]
    user: UserId,
    /// The secret, base64url.
    #[serde(rename = "k")]
    secret: String,
}

impl Enrolment {
    /// One that begins now, with a new secret.
    pub fn begin(era: i64, session: SessionId, user: UserId, now: Timestamp) -> Self {
        Self {
            era,
            begun_at: now,
            session,
            user,
            secret: encoding::encode(TotpSecret::generate().expose_bytes()),
        }
    }

    /// Refuses one that was begun in another session, or for another user.
    ///
    /// # Errors
    /// `pending-request-from-another-session`.
    pub fn is_of(&self, session: &SessionId, user: &UserId) -> Result<(), Refusal> {
        if self.session == *session && self.user == *user {
            return Ok(());
        }
        Err(Reason::PendingRequestFromAnotherSession.into())
    }

    /// The secret.
    ///
    /// # Errors
    /// `pending-request-not-recognised` for what is none.
    pub fn secret(&self) -> Result<TotpSecret, Refusal> {
        let bytes = encoding::decode(&self.secret);
        let secret = bytes.and_then(|bytes| TotpSecret::from_bytes(&bytes));
        secret.ok_or_else(|| Reason::PendingRequestNotRecognised.into())
    }

    /// The step whose code confirms it, which counts as used from then on; `None` if this is not a code of the app.
    ///
    /// # Errors
    /// Those of [`secret`](Self::secret).
    pub fn confirmed(&self, code: &TypedCode, now: Timestamp) -> Result<Option<i64>, Refusal> {
        Ok(self.secret()?.step_of(code, None, now))
    }
}

impl Sealed for Enrolment {
    const KIND: Kind = Kind::Enrolment;
    const NOT_RECOGNISED: Reason = Reason::PendingRequestNotRecognised;
    const OVER: Reason = Reason::PendingRequestExpired;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, lifetimes: &Lifetimes) -> Range<Timestamp> {
        until(self.begun_at.plus(lifetimes.pending + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{KeyState, Seal, SealKey};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// Attacks: PE22, PE35.
    #[test]
    fn an_enrolment_is_of_one_session_one_user_one_era_and_its_time() {
        let [session, other] = [SessionId::generate(), SessionId::generate()];
        let [ada, bob] = [UserId::generate(), UserId::generate()];
        let key = SealKey::from_bytes(1, [7; 32]);
        let seal = Seal::new("https://id.example").with_key(Kind::Enrolment, key, KeyState::Active);
        let begun = Enrolment::begin(3, session.clone(), ada.clone(), NOW);
        let sealed = begun.seal(&seal).unwrap();
        let opened = Enrolment::recognise(&seal, &sealed, 3).ok().unwrap();
        assert!(opened == begun && opened.secret().is_ok());
        assert!(opened.is_of(&session, &ada).is_ok());
        assert!(opened.is_of(&other, &ada).is_err());
        assert!(opened.is_of(&session, &bob).is_err());
        assert!(Enrolment::recognise(&seal, &sealed, 4).is_err());
        for place in [sealed.len() - 1, sealed.len() / 2] {
            let mut edited = sealed.clone().into_bytes();
            edited[place] ^= 1;
            let edited = String::from_utf8(edited).unwrap();
            assert!(Enrolment::recognise(&seal, &edited, 3).is_err());
        }
        let lifetimes = Lifetimes::default();
        assert!(
            opened
                .is_current(&lifetimes, NOW.plus(lifetimes.pending))
                .is_ok()
        );
        assert!(
            opened
                .is_current(&lifetimes, NOW.plus(lifetimes.pending + 1))
                .is_err()
        );
    }

    #[test]
    fn a_secret_that_is_none_is_refused() {
        let mut enrolment = Enrolment::begin(1, SessionId::generate(), UserId::generate(), NOW);
        enrolment.secret.pop();
        assert!(enrolment.secret().is_err());
        let code = TypedCode::parse("123456").unwrap();
        assert!(enrolment.confirmed(&code, NOW).is_err());
    }
}
