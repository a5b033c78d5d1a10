//! What an authenticator says and signs (WebAuthn Level 3 §6.1): 37 bytes, and where a flag says so, a new key and extensions.

use coset::cbor::{self, value::Value};

use super::problem::PasskeyProblem;

/// The longest credential id, in bytes (§7.1 step 25).
pub(super) const LONGEST_ID: usize = 1023;

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENDED: u8 = 0x80;

/// Authenticator data as they were sent.
pub(super) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8; 32],
    flags: u8,
    pub(super) sign_count: u32,
    /// The key that was made, where one was.
    pub(super) attested: Option<AttestedCredentialData<'a>>,
}

/// A key that was just made.
pub(super) struct AttestedCredentialData<'a> {
    pub(super) aaguid: [u8; 16],
    pub(super) id: &'a [u8],
    /// The key, as COSE writes it.
    pub(super) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads them to the last byte.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, PasskeyProblem> {
        Self::take(bytes).ok_or(PasskeyProblem::AuthenticatorData)
    }

    fn take(bytes: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>()?;
        let (flags, rest) = rest.split_first()?;
        let (count, mut rest) = rest.split_first_chunk::<4>()?;
        let attested = if flags & ATTESTED == 0 {
            None
        } else {
            Some(AttestedCredentialData::take(&mut rest)?)
        };
        if flags & EXTENDED != 0 {
            value(&mut rest)?.as_map()?;
        }
        rest.is_empty().then_some(Self {
            rp_id_hash,
            flags: *flags,
            sign_count: u32::from_be_bytes(*count),
            attested,
        })
    }

    /// Checks for whom they were made, that the user was present and verified, and that the flags of backup fit together.
    pub(super) fn check(&self, rp_id_hash: &[u8; 32]) -> Result<(), PasskeyProblem> {
        if self.rp_id_hash != rp_id_hash {
            return Err(PasskeyProblem::RelyingParty);
        }
        if self.flags & PRESENT == 0 {
            return Err(PasskeyProblem::NotPresent);
        }
        if self.flags & VERIFIED == 0 {
            return Err(PasskeyProblem::NotVerified);
        }
        if self.is_backed_up() && !self.is_backup_eligible() {
            return Err(PasskeyProblem::BackupFlags);
        }
        Ok(())
    }

    /// Whether the key may be copied to other devices of its owner.
    pub(super) fn is_backup_eligible(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// Whether it is.
    pub(super) fn is_backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

impl<'a> AttestedCredentialData<'a> {
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let (aaguid, behind) = rest.split_first_chunk::<16>()?;
        let (length, behind) = behind.split_first_chunk::<2>()?;
        let (id, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
        let mut end = behind;
        value(&mut end)?;
        let public_key = &behind[..behind.len() - end.len()];
        *rest = end;
        Some(Self {
            aaguid: *aaguid,
            id,
            public_key,
        })
    }
}

/// The one value at the beginning of `bytes`, which end behind it. CBOR that is nested more deeply than 256 is none.
pub(super) fn value(bytes: &mut &[u8]) -> Option<Value> {
    cbor::de::from_reader(bytes).ok()
}
