//! The seal: what Safeconduct hands out instead of storing it, encrypted so that only the holder of the key can open it.
//!
//! `prefix ‖ base64url(version ‖ key id ‖ nonce ‖ ciphertext ‖ tag)`, AES-256-GCM-SIV with a random nonce and a key for
//! each [`Kind`]. Version, key id, kind, context (issuer and cluster) and the caller's own associated data are
//! authenticated. The key is chosen by its id, never by trial, and base64url is strict: one artifact, one spelling.
//!
//! What a payload means, and how long it lives, belongs to whoever seals it.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{encoding, random};

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 4;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;
const TAG_LEN: usize = 16;

/// The longest sealed text there is, in bytes with its prefix.
pub const MAX_SEALED: usize = 16 * 1024;

/// What is sealed. One kind never opens as another: each has its own prefix, its own keys and its own name under the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An authorization request between sign-in, consent and the redirect.
    PendingAuthorization,
    /// An authorization request that came by POST, on its way to a GET.
    PostedRequest,
    /// An authorization code.
    AuthorizationCode,
    /// A refresh token.
    RefreshToken,
    /// An access token of a client that asks for opaque ones.
    AccessToken,
    /// A password hash, or the secret of an authenticator app, at rest.
    Credential,
    /// A sealing or hashing key at rest.
    Key,
    /// A signing key at rest.
    SigningKey,
    /// A client's sign-in under way: its `state`, `nonce` and `code_verifier`.
    LoginAttempt,
    /// The tokens a client keeps for its user.
    StoredTokens,
    /// A client's logout under way.
    LogoutState,
    /// A pushed authorization request: its `request_uri` (RFC 9126).
    PushedRequest,
    /// A logout that a client asked for: as it came by POST, or while the user is asked.
    Logout,
    /// An authenticator app that is being set up.
    Enrolment,
    /// A one-time link.
    Link,
    /// The challenge of a passkey, and what it is for.
    PasskeyCeremony,
    /// How far whoever follows events has come.
    EventCursor,
    /// Where the next page of a list begins.
    ListCursor,
    /// What an administrator's request was answered, for when it is sent again.
    KeptAnswer,
}

impl Kind {
    /// Every kind, in the order of their keys.
    pub const ALL: [Kind; 19] = [
        Kind::PendingAuthorization,
        Kind::PostedRequest,
        Kind::AuthorizationCode,
        Kind::RefreshToken,
        Kind::AccessToken,
        Kind::Credential,
        Kind::Key,
        Kind::SigningKey,
        Kind::LoginAttempt,
        Kind::StoredTokens,
        Kind::LogoutState,
        Kind::PushedRequest,
        Kind::Logout,
        Kind::Enrolment,
        Kind::Link,
        Kind::PasskeyCeremony,
        Kind::EventCursor,
        Kind::ListCursor,
        Kind::KeptAnswer,
    ];

    /// The readable start of the sealed text, for secret scanners and for users.
    pub const fn prefix(self) -> &'static str {
        match self {
            Kind::PendingAuthorization => "sc_pa_",
            Kind::PostedRequest => "sc_po_",
            Kind::AuthorizationCode => "sc_code_",
            Kind::RefreshToken => "sc_rt_",
            Kind::AccessToken => "sc_at_",
            Kind::Credential => "sc_cr_",
            Kind::Key => "sc_k_",
            Kind::SigningKey => "sc_sk_",
            Kind::LoginAttempt => "sc_la_",
            Kind::StoredTokens => "sc_st_",
            Kind::LogoutState => "sc_lo_",
            Kind::PushedRequest => "sc_par_",
            Kind::Logout => "sc_out_",
            Kind::Enrolment => "sc_en_",
            Kind::Link => "sc_ln_",
            Kind::PasskeyCeremony => "sc_pk_",
            Kind::EventCursor => "sc_ec_",
            Kind::ListCursor => "sc_cu_",
            Kind::KeptAnswer => "sc_ka_",
        }
    }

    /// The name under the tag. It is part of the format: a change makes every sealed artifact unreadable.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::PendingAuthorization => "pending-authorization",
            Kind::PostedRequest => "posted-request",
            Kind::AuthorizationCode => "authorization-code",
            Kind::RefreshToken => "refresh-token",
            Kind::AccessToken => "access-token",
            Kind::Credential => "credential",
            Kind::Key => "key",
            Kind::SigningKey => "signing-key",
            Kind::LoginAttempt => "login-attempt",
            Kind::StoredTokens => "stored-tokens",
            Kind::LogoutState => "logout-state",
            Kind::PushedRequest => "pushed-request",
            Kind::Logout => "logout",
            Kind::Enrolment => "enrolment",
            Kind::Link => "link",
            Kind::PasskeyCeremony => "passkey-ceremony",
            Kind::EventCursor => "event-cursor",
            Kind::ListCursor => "list-cursor",
            Kind::KeptAnswer => "kept-answer",
        }
    }
}

/// A 256-bit key with the id that sealed texts name. No `Debug`; wiped when dropped.
pub struct SealKey {
    id: u32,
    bytes: Zeroizing<[u8; 32]>,
}

impl SealKey {
    /// A new random key.
    pub fn generate(id: u32) -> Self {
        Self::from_bytes(id, random::bytes())
    }

    /// A key from its 32 bytes.
    pub fn from_bytes(id: u32, bytes: [u8; 32]) -> Self {
        Self {
            id,
            bytes: Zeroizing::new(bytes),
        }
    }

    /// The key for `kind` alone that follows from this one, under the same id. For whoever holds one secret and seals
    /// several kinds with it: a client's cookie secret, the master key.
    #[must_use]
    pub fn for_kind(&self, kind: Kind) -> Self {
        let label = format!("safeconduct seal key v1: {}", kind.name());
        Self::from_bytes(
            self.id,
            encoding::hmac_sha256(self.bytes.as_ref(), label.as_bytes()),
        )
    }

    /// The id that sealed texts carry.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The key itself, to be wrapped under another one.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Opens, and does not seal yet: every node must know a key before any node uses it.
    Next,
    /// Seals and opens. One for each kind.
    Active,
    /// Opens what it sealed, and seals no more.
    Retired,
}

/// Why something did not seal or did not open. For logs: whoever presented the text learns none of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SealError {
    /// It does not start as this kind does.
    #[error("not a sealed text of this kind")]
    Prefix,
    /// Not strict base64url, or too short to be sealed.
    #[error("sealed text is malformed")]
    Encoding,
    /// Sealed by a later version of the format.
    #[error("sealed in an unknown version")]
    Version,
    /// No key of this kind has the id it names.
    #[error("sealed under an unknown key")]
    UnknownKey,
    /// The tag does not fit: changed, or sealed for another kind, issuer, cluster or row.
    #[error("sealed text does not authenticate")]
    Authentication,
    /// The payload is not what the kind should hold.
    #[error("sealed payload does not fit")]
    Payload,
    /// Longer than [`MAX_SEALED`].
    #[error("sealed text is too long")]
    TooLarge,
    /// There is no active key of this kind to seal with.
    #[error("no active key for this kind")]
    NoActiveKey,
}

/// The keys of every kind, ready for use. Built once; shared behind an `Arc`.
pub struct Seal {
    context: Vec<u8>,
    rings: [KeyRing; Kind::ALL.len()],
}

#[derive(Default)]
struct KeyRing {
    keys: Vec<PreparedKey>,
    active: Option<u32>,
}

struct PreparedKey {
    id: u32,
    cipher: LessSafeKey,
    /// The associated data that every artifact of this key shares.
    associated_data: Vec<u8>,
}

impl Seal {
    /// A seal without keys. What is sealed in one `context` (issuer and cluster id, say) does not open in another.
    pub fn new(context: &str) -> Self {
        Self {
            context: context.as_bytes().to_vec(),
            rings: Default::default(),
        }
    }

    /// Adds a key for `kind`. A key of the same id is replaced, and the last active key is the one that seals.
    #[must_use]
    pub fn with_key(mut self, kind: Kind, key: SealKey, state: KeyState) -> Self {
        let prepared = PreparedKey::new(kind, &key, &self.context);
        let ring = &mut self.rings[kind as usize];
        ring.keys.retain(|other| other.id != key.id);
        ring.keys.push(prepared);
        match state {
            KeyState::Active => ring.active = Some(key.id),
            KeyState::Next | KeyState::Retired if ring.active == Some(key.id) => ring.active = None,
            KeyState::Next | KeyState::Retired => {}
        }
        self
    }

    /// Seals `payload` as compact JSON under the active key of `kind`.
    ///
    /// # Errors
    /// [`SealError::NoActiveKey`], [`SealError::Payload`] if it is no JSON, [`SealError::TooLarge`].
    pub fn seal<T: Serialize>(&self, kind: Kind, payload: &T) -> Result<String, SealError> {
        self.seal_with_nonce(kind, &[], random::bytes(), |buffer| {
            serde_json::to_writer(buffer, payload).map_err(|_| SealError::Payload)
        })
    }

    /// Opens what [`Seal::seal`] sealed as `kind`.
    ///
    /// # Errors
    /// Every [`SealError`] but [`SealError::NoActiveKey`].
    pub fn open<T: DeserializeOwned>(&self, kind: Kind, sealed: &str) -> Result<T, SealError> {
        let payload = self.open_bytes(kind, &[], sealed)?;
        serde_json::from_slice(&payload).map_err(|_| SealError::Payload)
    }

    /// Seals bytes that belong to one place, such as a column of a row: `associated_data` names that place, is not part
    /// of the text, and must be given again to open it.
    ///
    /// # Errors
    /// [`SealError::NoActiveKey`], [`SealError::TooLarge`].
    pub fn seal_bytes(
        &self,
        kind: Kind,
        associated_data: &[u8],
        payload: &[u8],
    ) -> Result<String, SealError> {
        self.seal_with_nonce(kind, associated_data, random::bytes(), |buffer| {
            buffer.extend_from_slice(payload);
            Ok(())
        })
    }

    /// Opens what [`Seal::seal_bytes`] sealed as `kind` with the same `associated_data`.
    ///
    /// # Errors
    /// Every [`SealError`] but [`SealError::Payload`] and [`SealError::NoActiveKey`].
    pub fn open_bytes(
        &self,
        kind: Kind,
        associated_data: &[u8],
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if sealed.len() > MAX_SEALED {
            return Err(SealError::TooLarge);
        }
        let text = sealed
            .strip_prefix(kind.prefix())
            .ok_or(SealError::Prefix)?;
        let mut buffer = encoding::decode(text).ok_or(SealError::Encoding)?;
        if buffer.len() < HEADER_LEN + TAG_LEN {
            return Err(SealError::Encoding);
        }
        let (key_id, nonce) = read_header(&buffer)?;
        let key = self.rings[kind as usize]
            .find(key_id)
            .ok_or(SealError::UnknownKey)?;
        let length = key
            .cipher
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                key.associated_data(associated_data),
                &mut buffer[HEADER_LEN..],
            )
            .map_err(|_| SealError::Authentication)?
            .len();
        buffer.truncate(HEADER_LEN + length);
        buffer.drain(..HEADER_LEN);
        Ok(Zeroizing::new(buffer))
    }

    fn seal_with_nonce(
        &self,
        kind: Kind,
        associated_data: &[u8],
        nonce: [u8; NONCE_LEN],
        write_payload: impl FnOnce(&mut Vec<u8>) -> Result<(), SealError>,
    ) -> Result<String, SealError> {
        let ring = &self.rings[kind as usize];
        let key = ring
            .active
            .and_then(|id| ring.find(id))
            .ok_or(SealError::NoActiveKey)?;
        let mut buffer = Vec::with_capacity(512);
        buffer.push(VERSION);
        buffer.extend_from_slice(&key.id.to_be_bytes());
        buffer.extend_from_slice(&nonce);
        write_payload(&mut buffer)?;
        if sealed_len(kind, buffer.len() + TAG_LEN) > MAX_SEALED {
            return Err(SealError::TooLarge);
        }
        let tag = key
            .cipher
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                key.associated_data(associated_data),
                &mut buffer[HEADER_LEN..],
            )
            .expect("AES-256-GCM-SIV seals any payload below its limit of gigabytes");
        buffer.extend_from_slice(tag.as_ref());
        Ok([kind.prefix(), &encoding::encode(&buffer)].concat())
    }
}

impl KeyRing {
    fn find(&self, id: u32) -> Option<&PreparedKey> {
        self.keys.iter().find(|key| key.id == id)
    }
}

impl PreparedKey {
    fn new(kind: Kind, key: &SealKey, context: &[u8]) -> Self {
        let mut associated_data = vec![VERSION];
        associated_data.extend_from_slice(&key.id.to_be_bytes());
        push_field(&mut associated_data, kind.name().as_bytes());
        push_field(&mut associated_data, context);
        let unbound = UnboundKey::new(&AES_256_GCM_SIV, key.expose_bytes())
            .expect("an AES-256 key has 32 bytes");
        Self {
            id: key.id,
            cipher: LessSafeKey::new(unbound),
            associated_data,
        }
    }

    fn associated_data(&self, of_the_caller: &[u8]) -> Aad<Vec<u8>> {
        let mut all = Vec::with_capacity(self.associated_data.len() + 4 + of_the_caller.len());
        all.extend_from_slice(&self.associated_data);
        push_field(&mut all, of_the_caller);
        Aad::from(all)
    }
}

/// Appends `field` behind its length, so that no two lists of fields read alike.
fn push_field(bytes: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).expect("associated data is far below 4 GiB");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(field);
}

/// The id of the key that a sealed text of `kind` names; `None` for what is no such text. Whether it opens is another question.
pub fn key_of(kind: Kind, sealed: &str) -> Option<u32> {
    let bytes = encoding::decode(sealed.strip_prefix(kind.prefix())?)?;
    read_header(&bytes).ok().map(|(id, _)| id)
}

fn read_header(buffer: &[u8]) -> Result<(u32, [u8; NONCE_LEN]), SealError> {
    let (version, rest) = buffer.split_first().ok_or(SealError::Encoding)?;
    if *version != VERSION {
        return Err(SealError::Version);
    }
    let (key_id, rest) = rest
        .split_first_chunk::<KEY_ID_LEN>()
        .ok_or(SealError::Encoding)?;
    let nonce = rest.first_chunk::<NONCE_LEN>().ok_or(SealError::Encoding)?;
    Ok((u32::from_be_bytes(*key_id), *nonce))
}

/// The length of the text that `bytes` sealed bytes become: four characters for three bytes, no padding.
fn sealed_len(kind: Kind, bytes: usize) -> usize {
    kind.prefix().len() + (bytes * 4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;

    const CONTEXT: &str = "https://id.example.com\u{2016}cluster-1";

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Payload {
        grant_id: String,
        generation: u32,
    }

    fn payload() -> Payload {
        Payload {
            grant_id: "0192f0c1".into(),
            generation: 7,
        }
    }

    /// A seal with one fixed key for every kind, the same bytes for all: only the associated data keeps them apart.
    fn seal_in(context: &str) -> Seal {
        Kind::ALL.iter().fold(Seal::new(context), |seal, &kind| {
            seal.with_key(kind, SealKey::from_bytes(1, [7; 32]), KeyState::Active)
        })
    }

    fn open_error(seal: &Seal, kind: Kind, text: &str) -> SealError {
        seal.open::<Payload>(kind, text)
            .expect_err("this must not open")
    }

    /// Attacks: A02.
    #[test]
    fn what_is_sealed_opens() {
        let seal = seal_in(CONTEXT);
        for kind in Kind::ALL {
            let text = seal.seal(kind, &payload()).unwrap();
            assert!(text.starts_with(kind.prefix()));
            assert_eq!(seal.open(kind, &text), Ok(payload()));
        }
    }

    /// Attacks: C10.
    #[test]
    fn nothing_is_sealed_alike_twice() {
        let seal = seal_in(CONTEXT);
        let seal_one = || seal.seal(Kind::RefreshToken, &payload()).unwrap();
        assert_ne!(seal_one(), seal_one());
    }

    #[test]
    fn no_kind_opens_as_another_even_under_its_prefix_and_the_same_key() {
        let seal = seal_in(CONTEXT);
        for kind in Kind::ALL {
            let text = seal.seal(kind, &payload()).unwrap();
            for other in Kind::ALL.into_iter().filter(|&other| other != kind) {
                assert_eq!(open_error(&seal, other, &text), SealError::Prefix);
                let renamed = text.replacen(kind.prefix(), other.prefix(), 1);
                assert_eq!(
                    open_error(&seal, other, &renamed),
                    SealError::Authentication
                );
            }
        }
    }

    /// Attacks: A06.
    #[rstest]
    #[case::another_issuer("https://id.example.org\u{2016}cluster-1")]
    #[case::another_cluster("https://id.example.com\u{2016}cluster-2")]
    #[case::no_context("")]
    fn another_context_does_not_open(#[case] context: &str) {
        let text = seal_in(CONTEXT)
            .seal(Kind::RefreshToken, &payload())
            .unwrap();
        assert_eq!(
            open_error(&seal_in(context), Kind::RefreshToken, &text),
            SealError::Authentication
        );
    }

    /// Attacks: A02.
    #[test]
    fn bytes_open_only_in_the_place_they_were_sealed_for() {
        let seal = seal_in(CONTEXT);
        let text = seal
            .seal_bytes(Kind::Credential, b"credentials/1/hash", b"argon2id")
            .unwrap();
        let open = |place: &[u8]| seal.open_bytes(Kind::Credential, place, &text);
        assert_eq!(open(b"credentials/1/hash").unwrap().as_slice(), b"argon2id");
        for place in [&b"credentials/2/hash"[..], b"", b"credentials/1/has"] {
            assert_eq!(open(place).unwrap_err(), SealError::Authentication);
        }
    }

    #[test]
    fn a_key_is_chosen_by_its_id_and_never_by_trial() {
        let old = SealKey::from_bytes(1, [7; 32]);
        let text = Seal::new(CONTEXT)
            .with_key(Kind::RefreshToken, old, KeyState::Active)
            .seal(Kind::RefreshToken, &payload())
            .unwrap();
        let same_bytes_other_id = Seal::new(CONTEXT).with_key(
            Kind::RefreshToken,
            SealKey::from_bytes(2, [7; 32]),
            KeyState::Active,
        );
        assert_eq!(
            open_error(&same_bytes_other_id, Kind::RefreshToken, &text),
            SealError::UnknownKey
        );
    }

    #[test]
    fn a_retired_key_opens_and_the_active_one_seals() {
        let kind = Kind::AuthorizationCode;
        let old = || SealKey::from_bytes(1, [1; 32]);
        let new = || SealKey::from_bytes(2, [2; 32]);
        let before = Seal::new(CONTEXT)
            .with_key(kind, old(), KeyState::Active)
            .with_key(kind, new(), KeyState::Next);
        let after = Seal::new(CONTEXT)
            .with_key(kind, new(), KeyState::Active)
            .with_key(kind, old(), KeyState::Retired);
        let sealed_before = before.seal(kind, &payload()).unwrap();
        let sealed_after = after.seal(kind, &payload()).unwrap();
        assert_eq!(after.open(kind, &sealed_before), Ok(payload()));
        assert_eq!(before.open(kind, &sealed_after), Ok(payload()));
        let without_old = Seal::new(CONTEXT).with_key(kind, new(), KeyState::Active);
        assert_eq!(
            open_error(&without_old, kind, &sealed_before),
            SealError::UnknownKey
        );
        assert_eq!(without_old.open(kind, &sealed_after), Ok(payload()));
    }

    #[test]
    fn without_an_active_key_nothing_is_sealed() {
        let kind = Kind::RefreshToken;
        let empty = Seal::new(CONTEXT);
        assert_eq!(empty.seal(kind, &payload()), Err(SealError::NoActiveKey));
        let retired = empty
            .with_key(kind, SealKey::generate(1), KeyState::Active)
            .with_key(kind, SealKey::generate(1), KeyState::Retired);
        assert_eq!(retired.seal(kind, &payload()), Err(SealError::NoActiveKey));
    }

    #[test]
    fn a_derived_key_is_for_its_kind_alone() {
        let secret = SealKey::from_bytes(3, [9; 32]);
        let derived = secret.for_kind(Kind::LoginAttempt);
        assert_eq!(derived.id(), 3);
        assert_eq!(
            derived.expose_bytes(),
            secret.for_kind(Kind::LoginAttempt).expose_bytes()
        );
        assert_ne!(
            derived.expose_bytes(),
            secret.for_kind(Kind::StoredTokens).expose_bytes()
        );
        assert_ne!(derived.expose_bytes(), secret.expose_bytes());
    }

    #[rstest]
    #[case::empty("", SealError::Prefix)]
    #[case::prefix_alone("sc_rt_", SealError::Encoding)]
    #[case::upper_case_prefix("SC_RT_AQAAAAE", SealError::Prefix)]
    #[case::shorter_than_a_tag("sc_rt_AQAAAAEAAAA", SealError::Encoding)]
    #[case::padding("sc_rt_AQAAAAE=", SealError::Encoding)]
    #[case::another_version(&format!("sc_rt_{}", encoding::encode(&[2; 64])), SealError::Version)]
    #[case::too_long(&format!("sc_rt_{}", "A".repeat(MAX_SEALED)), SealError::TooLarge)]
    fn malformed_text_is_refused(#[case] text: &str, #[case] expected: SealError) {
        assert_eq!(
            open_error(&seal_in(CONTEXT), Kind::RefreshToken, text),
            expected
        );
    }

    #[test]
    fn another_payload_does_not_fit() {
        let seal = seal_in(CONTEXT);
        let text = seal.seal(Kind::RefreshToken, &["a", "list"]).unwrap();
        assert_eq!(
            open_error(&seal, Kind::RefreshToken, &text),
            SealError::Payload
        );
    }

    #[test]
    fn the_size_limit_is_exact_on_both_sides() {
        let seal = seal_in(CONTEXT);
        let room = (MAX_SEALED - Kind::Key.prefix().len()) * 3 / 4 - HEADER_LEN - TAG_LEN;
        let text = seal.seal_bytes(Kind::Key, b"", &vec![0; room]).unwrap();
        assert!(text.len() <= MAX_SEALED && text.len() > MAX_SEALED - 3);
        assert_eq!(seal.open_bytes(Kind::Key, b"", &text).unwrap().len(), room);
        assert_eq!(
            seal.seal_bytes(Kind::Key, b"", &vec![0; room + 1]),
            Err(SealError::TooLarge)
        );
    }

    /// Artifacts outlive releases: these texts were sealed by the first one and must open for ever.
    #[rstest]
    #[case(
        Kind::PendingAuthorization,
        "sc_pa_AQAAAAEFBQUFBQUFBQUFBQVhYEdbC5V4hYBoWS4b9_vmKo5gHZAf0oiQEZzCNthCRRzVL8zFzxtrgCYN2Rjy-mD5_WGaZX8"
    )]
    #[case(
        Kind::PostedRequest,
        "sc_po_AQAAAAEFBQUFBQUFBQUFBQUjihHlwrcGs9QNGyc3jaz6qY9_rVUxTgGkYkAiVAtc7wNl4rHCGhiY0z8Gh0x4sjA7UrXsSF8"
    )]
    #[case(
        Kind::AuthorizationCode,
        "sc_code_AQAAAAEFBQUFBQUFBQUFBQWJtyYoD6wabPXRSSypAmYItnAE7jKxoLvAHTKZpVzpipuaJt0pExuPu840YqBsV3BHnmPV7_M"
    )]
    #[case(
        Kind::RefreshToken,
        "sc_rt_AQAAAAEFBQUFBQUFBQUFBQXnTxyeATi1TfMyUPd4sZJlwDBuwYGJ3kt_n5Dc8Ubc0u1F_rdIyAa78fQz6Gzw6FEjR-1z6tQ"
    )]
    #[case(
        Kind::AccessToken,
        "sc_at_AQAAAAEFBQUFBQUFBQUFBQX2HV4raSuQ6BS67sWpdpGV4aFIo-YiVpj7Mi5wGnIF5AlOZTZyw6LSHTlEHlHj9DVR35O6Beg"
    )]
    #[case(
        Kind::Credential,
        "sc_cr_AQAAAAEFBQUFBQUFBQUFBQXUGMk-VRZIZZgI0fyK3CpFzCASoPq1NeKh2aq7OiELkuFrbADf5Ifd-82HiYr8QmLZtZcnf7c"
    )]
    #[case(
        Kind::Key,
        "sc_k_AQAAAAEFBQUFBQUFBQUFBQWYW3o16IHO5fhdKZE7Cu5ZK21RzS9b48o2jIluzeDYdTLj49hEN1x45pWMFu87eINWxZfVmE4"
    )]
    #[case(
        Kind::SigningKey,
        "sc_sk_AQAAAAEFBQUFBQUFBQUFBQVJag7JD2dDE7nYdW284h_dWn9V_Px5AWy8yNo_n8MPpLbOSxPuc0RtaRmLK7jwEHye0ir1J4s"
    )]
    #[case(
        Kind::LoginAttempt,
        "sc_la_AQAAAAEFBQUFBQUFBQUFBQVH26GphNdLGorMWiPezrCry414qVNsbFecixEhXv6gB2jz2fP_eYCMjOhrfvm_Qzbw67proYU"
    )]
    #[case(
        Kind::StoredTokens,
        "sc_st_AQAAAAEFBQUFBQUFBQUFBQWfyzzs0947TtpgOKyEBOnoQWZnV-zXoS-pBKVySLVFPIogzb2x-t54ea6zERPZFq98VIXd6q4"
    )]
    #[case(
        Kind::LogoutState,
        "sc_lo_AQAAAAEFBQUFBQUFBQUFBQXvv7wshC9nifIlAzB0XHhsi6EkHpAPBCc5-XHAvX-5gWmtTn6oN1Pu0Fu-oZ_pgR5eVvI-CSA"
    )]
    #[case(
        Kind::PushedRequest,
        "sc_par_AQAAAAEFBQUFBQUFBQUFBQWg-53PzSiRZTy4AzX1ucThNje85CdjYhNF9UkUXSNKzS4e4IREhbT_q3LZ6rnUU0sWN29abcs"
    )]
    #[case(
        Kind::Logout,
        "sc_out_AQAAAAEFBQUFBQUFBQUFBQX0N9XxwJyIo0HUKHb9Mad8sKH6Ybeo6aT4oUdSyVu7p5Homovg7rogLJLmnYmDVvjyRSoGqFY"
    )]
    fn the_golden_vectors_hold(#[case] kind: Kind, #[case] golden: &str) {
        let seal = seal_in(CONTEXT);
        let text = seal
            .seal_with_nonce(kind, b"row", [5; NONCE_LEN], |buffer| {
                serde_json::to_writer(buffer, &payload()).map_err(|_| SealError::Payload)
            })
            .unwrap();
        assert_eq!(text, golden);
        let opened = seal.open_bytes(kind, b"row", golden).unwrap();
        assert_eq!(
            opened.as_slice(),
            br#"{"grant_id":"0192f0c1","generation":7}"#
        );
    }

    #[test]
    fn the_golden_derived_key_holds() {
        let derived = SealKey::from_bytes(3, [9; 32]).for_kind(Kind::LoginAttempt);
        assert_eq!(
            encoding::encode(derived.expose_bytes()),
            "XlEe5aJ3rAON9GL9RrwdnJzL8vWBvngB-nQLOIOb2ho"
        );
    }

    proptest! {
        #[test]
        fn a_changed_character_is_refused(position in any::<prop::sample::Index>(), other in "[A-Za-z0-9_=. -]") {
            let seal = seal_in(CONTEXT);
            let text = seal.seal(Kind::RefreshToken, &payload()).unwrap();
            let position = position.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(position..=position, &other);
            prop_assume!(changed != text);
            prop_assert!(seal.open::<Payload>(Kind::RefreshToken, &changed).is_err());
        }

        #[test]
        fn a_flipped_bit_is_refused(position in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let seal = seal_in(CONTEXT);
            let text = seal.seal(Kind::RefreshToken, &payload()).unwrap();
            let mut bytes = encoding::decode(&text["sc_rt_".len()..]).unwrap();
            let position = position.index(bytes.len());
            bytes[position] ^= 1 << bit;
            let changed = format!("sc_rt_{}", encoding::encode(&bytes));
            prop_assert!(seal.open::<Payload>(Kind::RefreshToken, &changed).is_err());
        }

        #[test]
        fn another_length_or_case_is_refused(cut in any::<prop::sample::Index>(), more in "[A-Za-z0-9_-]{1,9}") {
            let seal = seal_in(CONTEXT);
            let text = seal.seal(Kind::RefreshToken, &payload()).unwrap();
            let open = |text: &str| seal.open::<Payload>(Kind::RefreshToken, text);
            prop_assert!(open(&text[..cut.index(text.len())]).is_err());
            let longer = text.clone() + &more;
            prop_assert!(open(&longer).is_err());
            prop_assert!(open(&text.to_lowercase()).is_err());
            prop_assert!(open(&text.to_uppercase()).is_err());
        }
    }
}
