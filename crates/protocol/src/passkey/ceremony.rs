//! The challenge that a passkey answers, between the page that shows it and the answer. Nothing is stored meanwhile: it rides sealed in the
//! form, with what it is for, and the write of what comes of it uses it up.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    encoding,
    error::{Reason, Refusal},
    grant::Lifetimes,
    ids::{SessionId, UserId},
    link::Link,
    random,
    seal::Kind,
    sealed::{Sealed, until},
    single_use::{SingleUse, UsedId},
    time::Timestamp,
};

use super::response::{AskedOf, USER_HANDLE};

/// A challenge and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceremony {
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    era: i64,
    /// When the page was shown.
    #[serde(rename = "f")]
    begun_at: Timestamp,
    /// What it is for.
    #[serde(rename = "p")]
    purpose: Purpose,
    /// 256 random bits, base64url.
    #[serde(rename = "c")]
    challenge: String,
}

/// What a challenge is for. An answer to it is good for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To sign in as any user, in one browser.
    #[serde(rename = "s")]
    SignIn {
        /// SHA-256 of the browser's cookie, base64url.
        #[serde(rename = "b")]
        browser: String,
    },
    /// To prove again, or by more, who the user of a session is.
    #[serde(rename = "p")]
    Prove {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// Its user.
        #[serde(rename = "u")]
        user: UserId,
    },
    /// To add a passkey to the account of a session's user.
    #[serde(rename = "a")]
    Add {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// Its user.
        #[serde(rename = "u")]
        user: UserId,
        /// The name by which authenticators know the account, base64url: random, and no hash of anything.
        #[serde(rename = "h")]
        handle: String,
    },
    /// To add a passkey to the account of a one-time link's user, which uses the link up.
    #[serde(rename = "l")]
    Link {
        /// The user.
        #[serde(rename = "u")]
        user: UserId,
        /// The link version that the link is of.
        #[serde(rename = "v")]
        version: i64,
        /// As above.
        #[serde(rename = "h")]
        handle: String,
    },
}

impl Purpose {
    /// To add a passkey. Without a handle that the account has already, it gets a new one.
    pub fn add(session: SessionId, user: UserId, handle: Option<&[u8]>) -> Self {
        Self::Add {
            session,
            user,
            handle: handle_or_new(handle),
        }
    }

    /// The same by a link of its user.
    pub fn add_by_link(link: &Link, handle: Option<&[u8]>) -> Self {
        Self::Link {
            user: link.user().clone(),
            version: link.version(),
            handle: handle_or_new(handle),
        }
    }

    /// The name by which authenticators know the account that a passkey is added to, base64url; empty for any other purpose.
    fn handle(&self) -> &str {
        match self {
            Self::Add { handle, .. } | Self::Link { handle, .. } => handle,
            Self::SignIn { .. } | Self::Prove { .. } => "",
        }
    }
}

fn handle_or_new(handle: Option<&[u8]>) -> String {
    match handle {
        Some(handle) => encoding::encode(handle),
        None => encoding::encode(&random::bytes::<USER_HANDLE>()),
    }
}

impl Ceremony {
    /// One that begins now, with a new challenge.
    pub fn begin(era: i64, purpose: Purpose, now: Timestamp) -> Self {
        Self {
            era,
            begun_at: now,
            purpose,
            challenge: random::token(),
        }
    }

    /// The challenge, base64url.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// Who is asked.
    pub fn asks(&self) -> AskedOf {
        match self.purpose {
            Purpose::Prove { .. } => AskedOf::OneUser,
            Purpose::SignIn { .. } | Purpose::Add { .. } | Purpose::Link { .. } => AskedOf::Anybody,
        }
    }

    /// Whom an answer may prove, where it comes from the browser with this binding and the session of this user: `None` is anybody.
    ///
    /// # Errors
    /// `pending-request-from-another-browser`, `pending-request-from-another-session`; `pending-request-not-recognised` for a challenge
    /// that proves nobody.
    pub fn proves(
        &self,
        binding: Option<&str>,
        session: Option<(&SessionId, &UserId)>,
    ) -> Result<Option<&UserId>, Refusal> {
        match &self.purpose {
            Purpose::SignIn { browser } => {
                let hash = encoding::sha256_base64url(binding.unwrap_or_default().as_bytes());
                if encoding::constant_time_eq(hash.as_bytes(), browser.as_bytes()) {
                    Ok(None)
                } else {
                    Err(Reason::PendingRequestFromAnotherBrowser.into())
                }
            }
            Purpose::Prove {
                session: of,
                user: whose,
            } if session == Some((of, whose)) => Ok(Some(whose)),
            Purpose::Prove { .. } => Err(Reason::PendingRequestFromAnotherSession.into()),
            Purpose::Add { .. } | Purpose::Link { .. } => {
                Err(Reason::PendingRequestNotRecognised.into())
            }
        }
    }

    /// The name by which authenticators know the account that a passkey is added to, base64url.
    pub fn handle(&self) -> &str {
        self.purpose.handle()
    }

    /// The handle of the account that a passkey is added to, where that is the one of this session and user.
    ///
    /// # Errors
    /// `pending-request-from-another-session`; `pending-request-not-recognised` for a challenge that adds nothing.
    pub fn adds(&self, session: &SessionId, user: &UserId) -> Result<Vec<u8>, Refusal> {
        let Purpose::Add {
            session: of,
            user: whose,
            ..
        } = &self.purpose
        else {
            return Err(Reason::PendingRequestNotRecognised.into());
        };
        if (of, whose) != (session, user) {
            return Err(Reason::PendingRequestFromAnotherSession.into());
        }
        self.decoded_handle()
    }

    /// The same, where it is the account of `link`, at the version of that.
    ///
    /// # Errors
    /// `pending-request-not-recognised`.
    pub fn adds_by(&self, link: &Link) -> Result<Vec<u8>, Refusal> {
        match &self.purpose {
            Purpose::Link { user, version, .. }
                if (user, *version) == (link.user(), link.version()) =>
            {
                self.decoded_handle()
            }
            _ => Err(Reason::PendingRequestNotRecognised.into()),
        }
    }

    fn decoded_handle(&self) -> Result<Vec<u8>, Refusal> {
        encoding::decode(self.handle()).ok_or_else(|| Reason::PendingRequestNotRecognised.into())
    }

    /// What its answer uses up, whoever gives it.
    pub fn used(&self, lifetimes: &Lifetimes) -> UsedId {
        UsedId {
            kind: SingleUse::PasskeyChallenge,
            owner: String::new(),
            id: self.challenge.clone(),
            expires_at: self.begun_at.plus(lifetimes.pending + 1),
        }
    }
}

impl Sealed for Ceremony {
    const KIND: Kind = Kind::PasskeyCeremony;
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
    use crate::link::LinkPurpose;
    use crate::seal::{KeyState, Seal, SealKey};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn seal() -> Seal {
        let key = SealKey::from_bytes(1, [7; 32]);
        Seal::new("https://id.example").with_key(Kind::PasskeyCeremony, key, KeyState::Active)
    }

    fn sign_in() -> Ceremony {
        let browser = encoding::sha256_base64url(b"mine");
        Ceremony::begin(3, Purpose::SignIn { browser }, NOW)
    }

    /// Attacks: PE04, PE22.
    #[test]
    fn a_challenge_is_of_one_purpose_one_browser_one_session_and_one_user() {
        let [session, other] = [SessionId::generate(), SessionId::generate()];
        let [ada, bob] = [UserId::generate(), UserId::generate()];
        let prove = Ceremony::begin(
            3,
            Purpose::Prove {
                session: session.clone(),
                user: ada.clone(),
            },
            NOW,
        );
        let add = Ceremony::begin(3, Purpose::add(session.clone(), ada.clone(), None), NOW);

        assert_eq!(sign_in().asks(), AskedOf::Anybody);
        assert_eq!(prove.asks(), AskedOf::OneUser);
        assert!(sign_in().proves(Some("mine"), None).unwrap().is_none());
        assert!(sign_in().proves(Some("theirs"), None).is_err());
        assert!(sign_in().proves(None, Some((&session, &ada))).is_err());
        assert!(sign_in().adds(&session, &ada).is_err());

        assert_eq!(prove.proves(None, Some((&session, &ada))), Ok(Some(&ada)));
        assert!(prove.proves(Some("mine"), None).is_err());
        assert!(prove.proves(None, Some((&other, &ada))).is_err());
        assert!(prove.proves(None, Some((&session, &bob))).is_err());
        assert!(prove.adds(&session, &ada).is_err());

        assert_eq!(add.adds(&session, &ada).unwrap().len(), USER_HANDLE);
        assert!(add.adds(&other, &ada).is_err());
        assert!(add.adds(&session, &bob).is_err());
        assert!(add.proves(Some("mine"), Some((&session, &ada))).is_err());
    }

    /// Attacks: PE04, PE22.
    #[test]
    fn a_challenge_of_a_link_is_of_one_user_and_one_version() {
        let session = SessionId::generate();
        let [ada, bob] = [UserId::generate(), UserId::generate()];
        let link =
            |user: &UserId, version| Link::make(LinkPurpose::Invite, user.clone(), version, 3, NOW);
        let of_link = Purpose::add_by_link(&link(&ada, 4), None);
        let of_link = Ceremony::begin(3, of_link, NOW);
        let add = Ceremony::begin(3, Purpose::add(session.clone(), ada.clone(), None), NOW);

        assert_eq!(of_link.adds_by(&link(&ada, 4)).unwrap().len(), USER_HANDLE);
        assert!(of_link.adds_by(&link(&ada, 5)).is_err());
        assert!(of_link.adds_by(&link(&bob, 4)).is_err());
        assert!(of_link.adds(&session, &ada).is_err());
        let proves = of_link.proves(Some("mine"), Some((&session, &ada)));
        assert!(proves.is_err());
        assert!(add.adds_by(&link(&ada, 4)).is_err());
        assert!(sign_in().adds_by(&link(&ada, 4)).is_err());
    }

    /// Attacks: PE04.
    #[test]
    fn a_challenge_is_of_its_era_and_its_time_and_not_to_be_edited() {
        let (seal, lifetimes) = (seal(), Lifetimes::default());
        let begun = sign_in();
        let sealed = begun.seal(&seal).unwrap();
        assert!(Ceremony::recognise(&seal, &sealed, 3).ok() == Some(begun.clone()));
        assert!(Ceremony::recognise(&seal, &sealed, 4).is_err());
        for place in [sealed.len() - 1, sealed.len() / 2] {
            let mut edited = sealed.clone().into_bytes();
            edited[place] ^= 1;
            let edited = String::from_utf8(edited).unwrap();
            assert!(Ceremony::recognise(&seal, &edited, 3).is_err());
        }
        let last = NOW.plus(lifetimes.pending);
        assert!(begun.is_current(&lifetimes, last).is_ok());
        assert!(begun.is_current(&lifetimes, last.plus(1)).is_err());
        assert_eq!(begun.used(&lifetimes).expires_at, last.plus(1));
    }

    #[test]
    fn no_two_challenges_and_no_two_new_handles_are_alike() {
        assert_ne!(sign_in().challenge(), sign_in().challenge());
        let (session, ada) = (SessionId::generate(), UserId::generate());
        let add = || Purpose::add(session.clone(), ada.clone(), None);
        assert_ne!(add(), add());
        let again = Purpose::add(session.clone(), ada.clone(), Some(b"handle"));
        let again = Ceremony::begin(1, again, NOW);
        assert_eq!(again.adds(&session, &ada), Ok(b"handle".to_vec()));
    }
}
