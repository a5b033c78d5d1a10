//! How a fake issuer takes DPoP proofs: each once, with the nonce if it wants one.

use std::collections::HashSet;

use http::HeaderMap;
use safeconduct_protocol::dpop::{Presented, Proof};
use safeconduct_protocol::random;
use safeconduct_protocol::time::Timestamp;

/// The proofs that were seen, and the nonce that is wanted.
#[derive(Default)]
pub(super) struct Proofs {
    seen: HashSet<String>,
    /// What a proof must carry, if anything.
    pub(super) nonce: Option<String>,
}

/// Why a proof is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unproven {
    /// It is none.
    Refused,
    /// It lacks this nonce.
    WantsNonce(String),
}

impl Unproven {
    /// The error code.
    pub(super) fn error(&self) -> &'static str {
        match self {
            Self::Refused => "invalid_dpop_proof",
            Self::WantsNonce(_) => "use_dpop_nonce",
        }
    }
}

impl Proofs {
    /// Demands another nonce from now on.
    pub(super) fn demand_nonce(&mut self) {
        self.nonce = Some(random::token());
    }

    /// How many proofs were taken.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }

    /// The thumbprint of the key that the request proves, if it proves one.
    pub(super) fn take(
        &mut self,
        headers: &HeaderMap,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<Option<String>, Unproven> {
        let mut sent = headers.get_all("dpop").iter();
        let text = match (sent.next(), sent.next()) {
            (None, _) => return Ok(None),
            (Some(text), None) => text.to_str().map_err(|_| Unproven::Refused)?,
            (Some(_), Some(_)) => return Err(Unproven::Refused),
        };
        let proof = Proof::verify(text, presented, now).map_err(|_| Unproven::Refused)?;
        if let Some(nonce) = &self.nonce
            && proof.nonce.as_ref() != Some(nonce)
        {
            return Err(Unproven::WantsNonce(nonce.clone()));
        }
        if !self.seen.insert(proof.jti) {
            return Err(Unproven::Refused);
        }
        Ok(Some(proof.thumbprint.to_string()))
    }
}
