//! What the browser says of a ceremony (WebAuthn Level 3 §5.8.1, §7.1 steps 5 to 11, §7.2 steps 9 to 14).

use serde::Deserialize;

use super::problem::PasskeyProblem;
use crate::encoding;

/// Whose passkeys these are: what a browser must have seen, and what an authenticator must have signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The host that passkeys belong to.
    pub id: String,
    /// The one origin that may ask for them, as browsers write it.
    pub origin: String,
}

impl RelyingParty {
    /// Whether the passkeys of a server at `host` can belong to `id`: its own host, or a domain above it (WebAuthn Level 3 §4, RP ID). Browsers
    /// refuse besides what is nobody's own, such as `co.uk`, by a list that is theirs.
    pub fn may_be_id(id: &str, host: &str) -> bool {
        let above = host.strip_suffix(id);
        id == host || (id.contains('.') && above.is_some_and(|below| below.ends_with('.')))
    }

    /// What authenticators sign in place of the host.
    pub(super) fn hash(&self) -> [u8; 32] {
        encoding::sha256(self.id.as_bytes())
    }
}

/// Members that are not here may come, and say nothing to us (§5.8.1).
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: Option<bool>,
    #[serde(rename = "topOrigin", default)]
    top_origin: Option<serde_json::Value>,
}

/// Checks the client data `json` of a ceremony of the type `kind`.
pub(super) fn check(
    json: &[u8],
    kind: &str,
    challenge: &str,
    party: &RelyingParty,
) -> Result<(), PasskeyProblem> {
    // "UTF-8 decode" leaves a byte order mark out (Encoding Standard §6).
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let data: ClientData = serde_json::from_slice(json).map_err(|_| PasskeyProblem::ClientData)?;
    if data.kind != kind {
        return Err(PasskeyProblem::Type);
    }
    if !encoding::constant_time_eq(data.challenge.as_bytes(), challenge.as_bytes()) {
        return Err(PasskeyProblem::Challenge);
    }
    if data.origin != party.origin {
        return Err(PasskeyProblem::Origin);
    }
    if data.cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(PasskeyProblem::CrossOrigin);
    }
    Ok(())
}
