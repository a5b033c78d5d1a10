//! Tokens that are bound to a key: what the DPoP proof beside them is held to (RFC 9449 §7).

use http::Method;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::dpop::{NonceKey, Presented, Proof, Thumbprint};

use crate::denied::Refusal;
use crate::reason::Reason;
use crate::used_proofs::UsedProofs;

/// How an API checks proofs.
pub(crate) struct Dpop {
    /// Where clients reach the application's `/`, without that slash. Never the request's `Host`, which clients choose.
    base_url: String,
    nonces: Option<NonceKey>,
    used: UsedProofs,
}

/// A proof, and what it came with.
pub(crate) struct PresentedProof<'a> {
    pub(crate) proof: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) token: &'a str,
    /// The key that the token is bound to.
    pub(crate) key: &'a Thumbprint,
}

impl Dpop {
    pub(crate) fn new(base_url: String, nonces: Option<NonceKey>) -> Self {
        Self {
            base_url,
            nonces,
            used: UsedProofs::new(),
        }
    }

    /// Accepts a proof once, and gives the nonce that its sender is to use from now on, if that is another one.
    pub(crate) fn accept(
        &self,
        presented: &PresentedProof<'_>,
        clock: &Clock,
    ) -> Result<Option<String>, Refusal> {
        let now = clock.now();
        let request = Presented {
            method: presented.method.as_str(),
            uri: &[&self.base_url, presented.path].concat(),
            access_token: Some(presented.token),
        };
        let proof = Proof::verify(presented.proof, &request, now).map_err(|refusal| {
            Refusal::from(Reason::ProofRefused).because(
                "a fresh proof for this request and token",
                refusal.detail().unwrap_or_default(),
            )
        })?;
        if proof.thumbprint != *presented.key {
            return Err(Refusal::from(Reason::WrongKey).because(presented.key, proof.thumbprint));
        }
        let mut fresh_nonce = None;
        if let Some(nonces) = &self.nonces {
            let nonce = proof.nonce.as_deref().unwrap_or_default();
            let current = nonces.current(now);
            if !nonces.accepts(nonce, now) {
                return Err(Refusal::from(Reason::NonceRequired).with_nonce(current));
            }
            fresh_nonce = Some(current).filter(|current| current != nonce);
        }
        self.used.take(&proof, now)?;
        Ok(fresh_nonce)
    }
}
