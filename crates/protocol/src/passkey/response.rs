//! What a browser answers (`RegistrationResponseJSON`, `AuthenticationResponseJSON`; WebAuthn Level 3 §5.1), and the judgement of it.

use serde::Deserialize;

use super::{
    authenticator_data::{AuthenticatorData, LONGEST_ID, value},
    client_data::{self, RelyingParty},
    problem::PasskeyProblem,
    public_key::PasskeyKey,
};
use crate::encoding;

/// The most passkeys that an account may have.
pub const MOST_PASSKEYS: i64 = 20;

/// Bytes of the random name by which authenticators know an account (§14.6.1).
pub const USER_HANDLE: usize = 64;

/// The transports there are names for (§5.8.4). Others are left out.
const TRANSPORTS: [&str; 6] = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];

/// The name of a passkey among all there are: 1 to 1023 bytes, chosen by its authenticator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// The id of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (1..=LONGEST_ID)
            .contains(&bytes.len())
            .then(|| Self(bytes.to_vec()))
    }

    /// Reads base64url.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&encoding::decode(text)?)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// In base64url, as browsers have it in JSON.
impl std::fmt::Display for CredentialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&encoding::encode(&self.0))
    }
}

#[derive(Deserialize)]
struct Credential<R> {
    id: String,
    #[serde(rename = "rawId")]
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    response: R,
    #[serde(rename = "clientExtensionResults", default)]
    extensions: Extensions,
}

impl<R> Credential<R> {
    fn id(&self) -> Result<CredentialId, PasskeyProblem> {
        if self.kind != "public-key" {
            return Err(PasskeyProblem::Malformed);
        }
        if self.id != self.raw_id {
            return Err(PasskeyProblem::IdsDiffer);
        }
        let bytes = decode(&self.id)?;
        CredentialId::from_bytes(&bytes).ok_or(PasskeyProblem::IdLength)
    }
}

#[derive(Default, Deserialize)]
struct Extensions {
    #[serde(rename = "credProps", default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
struct Properties {
    #[serde(rename = "rk", default)]
    discoverable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedAssertion {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    #[serde(default)]
    user_handle: Option<String>,
}

/// What a browser answers after it had a passkey made.
pub struct Registration {
    id: CredentialId,
    client_data: Vec<u8>,
    attestation_object: Vec<u8>,
    transports: Vec<&'static str>,
}

/// A passkey that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPasskey {
    /// Its name among all there are.
    pub id: CredentialId,
    /// Its public key.
    pub key: PasskeyKey,
    /// How often it has signed, as far as it counts.
    pub sign_count: u32,
    /// Whether it may be copied to other devices of its owner.
    pub backup_eligible: bool,
    /// Whether it is.
    pub backed_up: bool,
    /// How it is reached, each once, in order.
    pub transports: Vec<&'static str>,
    /// What made it, as far as that says so. Unproven: good for a name and for nothing else.
    pub aaguid: [u8; 16],
}

impl Registration {
    /// Reads what was posted.
    ///
    /// # Errors
    /// [`PasskeyProblem`].
    pub fn parse(json: &str) -> Result<Self, PasskeyProblem> {
        let credential: Credential<Attestation> = read(json)?;
        let id = credential.id()?;
        if credential.extensions.properties.discoverable == Some(false) {
            return Err(PasskeyProblem::NotDiscoverable);
        }
        let sent = &credential.response.transports;
        let transports = TRANSPORTS.into_iter();
        let transports = transports.filter(|known| sent.iter().any(|sent| sent == known));
        Ok(Self {
            id,
            client_data: decode(&credential.response.client_data)?,
            attestation_object: decode(&credential.response.attestation_object)?,
            transports: transports.collect(),
        })
    }

    /// Judges it as the answer to `challenge` (§7.1). Whether anybody has the passkey already is for the store to say.
    ///
    /// An attestation is neither asked for nor believed: what made the key is good for its name.
    ///
    /// # Errors
    /// [`PasskeyProblem`].
    pub fn check(
        &self,
        challenge: &str,
        party: &RelyingParty,
    ) -> Result<NewPasskey, PasskeyProblem> {
        client_data::check(&self.client_data, "webauthn.create", challenge, party)?;
        let bytes = self.authenticator_data()?;
        let data = AuthenticatorData::read(&bytes)?;
        data.check(&party.hash())?;
        let attested = (data.attested.as_ref()).ok_or(PasskeyProblem::AuthenticatorData)?;
        let id = CredentialId::from_bytes(attested.id).ok_or(PasskeyProblem::IdLength)?;
        if id != self.id {
            return Err(PasskeyProblem::IdsDiffer);
        }
        Ok(NewPasskey {
            key: PasskeyKey::read(attested.public_key)?,
            id,
            sign_count: data.sign_count,
            backup_eligible: data.is_backup_eligible(),
            backed_up: data.is_backed_up(),
            transports: self.transports.clone(),
            aaguid: attested.aaguid,
        })
    }

    /// The authenticator data in the attestation object (§6.5.4). Under the format `none` there is no statement (§8.7).
    fn authenticator_data(&self) -> Result<Vec<u8>, PasskeyProblem> {
        let read = || {
            let mut rest = self.attestation_object.as_slice();
            let mut members = value(&mut rest)?.into_map().ok()?;
            if !rest.is_empty() {
                return None;
            }
            let mut take = |name: &str| {
                let is_it = |member: &(_, _)| matches!(member, (coset::cbor::value::Value::Text(key), _) if key == name);
                let place = members.iter().position(is_it)?;
                Some(members.swap_remove(place).1)
            };
            let format = take("fmt")?.into_text().ok()?;
            let statement = take("attStmt")?.into_map().ok()?;
            let data = take("authData")?.into_bytes().ok()?;
            (format != "none" || statement.is_empty()).then_some(data)
        };
        read().ok_or(PasskeyProblem::Attestation)
    }
}

/// A passkey as it is kept, as far as a sign-in is judged by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRecord {
    /// Its public key.
    pub key: PasskeyKey,
    /// The highest count that it was seen with.
    pub sign_count: u32,
    /// Whether it may be copied to other devices of its owner.
    pub backup_eligible: bool,
    /// The name by which authenticators know its account.
    pub user_handle: Vec<u8>,
}

/// What a browser answers after a passkey has signed.
pub struct Assertion {
    /// Which passkey that is, as far as this says so.
    pub id: CredentialId,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

/// Who was asked for a passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedOf {
    /// Any user.
    Anybody,
    /// One user, by the names of their passkeys.
    OneUser,
}

/// What is known of a passkey from an answer that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// What its count says.
    pub sign_count: SignCount,
    /// Whether it may be copied to other devices of its owner.
    pub backup_eligible: bool,
    /// Whether that is new.
    pub newly_eligible: bool,
    /// Whether it is copied.
    pub backed_up: bool,
}

/// What the sign count of an answer says beside the one that is kept (§7.2 step 22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignCount {
    /// It does not count.
    Unused,
    /// It has risen to this.
    Risen(u32),
    /// It has not, which says nothing certain of a key that can be copied: it is let in, and noted.
    Behind,
}

impl Assertion {
    /// Reads what was posted.
    ///
    /// # Errors
    /// [`PasskeyProblem`].
    pub fn parse(json: &str) -> Result<Self, PasskeyProblem> {
        let credential: Credential<SignedAssertion> = read(json)?;
        let id = credential.id()?;
        let response = credential.response;
        let user_handle = response.user_handle.filter(|handle| !handle.is_empty());
        Ok(Self {
            id,
            client_data: decode(&response.client_data)?,
            authenticator_data: decode(&response.authenticator_data)?,
            signature: decode(&response.signature)?,
            user_handle: user_handle.map(|handle| decode(&handle)).transpose()?,
        })
    }

    /// Judges it as the answer to `challenge` by the passkey `kept` (§7.2). Where anybody was asked, a user handle has to come: who answers
    /// is found by it. Where one user was, a key may leave it out, as those do that know no accounts (step 6); another one is refused.
    ///
    /// # Errors
    /// [`PasskeyProblem`]; [`PasskeyProblem::SignCount`] after everything else.
    pub fn check(
        &self,
        kept: &CredentialRecord,
        challenge: &str,
        asked: AskedOf,
        party: &RelyingParty,
    ) -> Result<Asserted, PasskeyProblem> {
        let is_owner = match &self.user_handle {
            Some(handle) => *handle == kept.user_handle,
            None => asked == AskedOf::OneUser,
        };
        if !is_owner {
            return Err(PasskeyProblem::UserHandle);
        }
        client_data::check(&self.client_data, "webauthn.get", challenge, party)?;
        let data = AuthenticatorData::read(&self.authenticator_data)?;
        data.check(&party.hash())?;
        if kept.backup_eligible && !data.is_backup_eligible() {
            return Err(PasskeyProblem::BackupLost);
        }
        let signed = [
            self.authenticator_data.as_slice(),
            &encoding::sha256(&self.client_data),
        ]
        .concat();
        if !kept.key.verifies(&signed, &self.signature) {
            return Err(PasskeyProblem::Signature);
        }
        Ok(Asserted {
            sign_count: count(kept, data.sign_count)?,
            backup_eligible: data.is_backup_eligible(),
            newly_eligible: data.is_backup_eligible() && !kept.backup_eligible,
            backed_up: data.is_backed_up(),
        })
    }
}

/// Whether the key could have been copied by its own means is what was known of it before: who copied it otherwise may say anything.
fn count(kept: &CredentialRecord, count: u32) -> Result<SignCount, PasskeyProblem> {
    match (kept.sign_count, count) {
        (0, 0) => Ok(SignCount::Unused),
        (kept, count) if count > kept => Ok(SignCount::Risen(count)),
        _ if kept.backup_eligible => Ok(SignCount::Behind),
        _ => Err(PasskeyProblem::SignCount),
    }
}

fn read<'j, T: Deserialize<'j>>(json: &'j str) -> Result<T, PasskeyProblem> {
    serde_json::from_str(json).map_err(|_| PasskeyProblem::Malformed)
}

fn decode(text: &str) -> Result<Vec<u8>, PasskeyProblem> {
    encoding::decode(text).ok_or(PasskeyProblem::Malformed)
}
