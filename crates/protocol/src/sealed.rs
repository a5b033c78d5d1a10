//! What the server seals, hands out and takes back: what each of it has beside what it says. Keys and ciphers are `seal`'s.

use std::ops::Range;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{Reason, Refusal},
    grant::Lifetimes,
    seal::{Kind, Seal, SealError},
    time::Timestamp,
};

/// Something that is handed out sealed.
pub trait Sealed: Payload {
    /// Its kind: its keys, its prefix and its name under the tag.
    const KIND: Kind;
    /// Why a text is refused that does not open as one, or was sealed in another era.
    const NOT_RECOGNISED: Reason;
    /// Why one is refused whose time has not come.
    const NOT_YET: Reason = Self::OVER;
    /// Why one is refused whose time is over.
    const OVER: Reason;

    /// The history of the database that it belongs to.
    fn era(&self) -> i64;

    /// When it is good.
    fn time(&self, lifetimes: &Lifetimes) -> Range<Timestamp>;

    /// The text that is handed out.
    ///
    /// # Errors
    /// [`SealError::NoActiveKey`], [`SealError::TooLarge`].
    fn seal(&self, seal: &Seal) -> Result<String, SealError> {
        seal.seal_bytes(Self::KIND, &[], &self.write()?)
    }

    /// Opens a text that was handed out, whatever its era and its age.
    ///
    /// # Errors
    /// Every [`SealError`] but [`SealError::NoActiveKey`].
    fn unseal(seal: &Seal, text: &str) -> Result<Self, SealError> {
        let payload = seal.open_bytes(Self::KIND, &[], text)?;
        Self::read(&payload).ok_or(SealError::Payload)
    }

    /// Opens a text that was handed out in this era, whatever its age: whose it is may have to be judged first.
    ///
    /// # Errors
    /// [`NOT_RECOGNISED`](Self::NOT_RECOGNISED).
    fn recognise(seal: &Seal, text: &str, era: i64) -> Result<Self, Refusal> {
        let opened = Self::unseal(seal, text);
        let opened = opened
            .map_err(|error| Refusal::new(Self::NOT_RECOGNISED).because(error.to_string()))?;
        opened.is_of_era(era).map(|()| opened)
    }

    /// Refuses one of another era.
    ///
    /// # Errors
    /// [`NOT_RECOGNISED`](Self::NOT_RECOGNISED).
    fn is_of_era(&self, era: i64) -> Result<(), Refusal> {
        if self.era() == era {
            return Ok(());
        }
        Err(Refusal::new(Self::NOT_RECOGNISED).because("from another era of the database"))
    }

    /// Refuses one whose time is over, or has not come.
    ///
    /// # Errors
    /// [`NOT_YET`](Self::NOT_YET), [`OVER`](Self::OVER).
    fn is_current(&self, lifetimes: &Lifetimes, now: Timestamp) -> Result<(), Refusal> {
        let time = self.time(lifetimes);
        if time.contains(&now) {
            return Ok(());
        }
        Err(if now < time.start {
            let detail = format!("its time begins in {} s", time.start.since(now));
            Refusal::new(Self::NOT_YET).because(detail)
        } else {
            Refusal::new(Self::OVER)
                .because(format!("its time ended {} s ago", now.since(time.end)))
        })
    }
}

/// How a value is written under a seal: as JSON, unless its type has a form of its own.
pub trait Payload: Sized {
    /// The bytes that are sealed.
    ///
    /// # Errors
    /// [`SealError::Payload`] for what has no such form.
    fn write(&self) -> Result<Vec<u8>, SealError>;

    /// The value that `bytes` are.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl<T: Serialize + DeserializeOwned> Payload for T {
    fn write(&self) -> Result<Vec<u8>, SealError> {
        serde_json::to_vec(self).map_err(|_| SealError::Payload)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// All time until `end`.
pub(crate) fn until(end: Timestamp) -> Range<Timestamp> {
    Timestamp::from_seconds(i64::MIN)..end
}
