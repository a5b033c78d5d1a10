//! The server's keys: the master key, which only wraps, and the rows of `keys` it opens: sealing keys, signing keys, the key that
//! client secrets and recovery codes are hashed with, the one that pairwise subjects are made with, and the one that guesses are counted under.
//!
//! How one takes the place of another is in `rotation`, how long each step takes in `schedule`, and what is done when keys were
//! lost in `recovery`.

mod master;
mod recovery;
mod rotation;
mod schedule;

use std::collections::BTreeMap;

use safeconduct_protocol::{
    dpop::NonceKey,
    encoding,
    ids::UserId,
    jose::{Algorithm, JwkSet, KeySet, SigningKey},
    random,
    recovery_code::RecoveryCode,
    resource::Resources,
    seal::{self, KeyState, Kind, Seal, SealError, SealKey},
    secret::Secret,
    subject::Subjects,
    time::Timestamp,
    totp::TotpSecret,
};
use safeconduct_store::{
    ActingStore, Cluster, HashedSecret, KeyRow, NewKey, ResealedKey, SealedPassword, StoreError,
};

use self::master::Wrapper;
pub use self::master::{MasterKey, MasterKeys};
pub use self::recovery::{Lost, Recovered, replace_lost};
pub use self::rotation::{
    Resealed, Rewrapped, Rotated, Rotating, RotationError, nodes_lacking, reseal_credentials,
    rewrap, rotate,
};
pub(crate) use self::schedule::kept_until;
pub use self::schedule::{ANSWER_WITHIN, span};
use self::schedule::{Purpose, Retention};
use crate::{fault::Fault, password};

/// The state of the key that is used, as its row says it.
const ACTIVE: &str = "active";
/// The algorithms that every server signs with: ES256 for access tokens, RS256 because OpenID Connect names it the default and RFC 9068
/// has it for every API.
const SIGNED: [Algorithm; 2] = [Algorithm::Es256, Algorithm::Rs256];
/// The algorithm of access tokens, unless an API is registered for another.
const ACCESS_TOKENS: Algorithm = Resources::default_algorithm();

/// The kinds of credential there are, as their rows say it.
/// As many characters of a secret as nobody is shown before four of them are.
const LEFT_UNSHOWN: usize = 28;
const PASSWORD: &str = "password";
const TOTP: &str = "totp";

/// Every key of the cluster, opened.
pub struct Keys {
    seal: Seal,
    hash: SealKey,
    /// Those that hashed before it, and the one that is to.
    other_hashes: Vec<SealKey>,
    retired: Vec<RetiredKey>,
    signing: Vec<SigningKey>,
    subjects: Subjects,
    dpop_nonces: NonceKey,
    guesses: [u8; 32],
    verification: KeySet,
    published: JwkSet,
}

impl Keys {
    /// Opens the keys in `rows` that are in use at `now`.
    ///
    /// # Errors
    /// A fault if a row can't be opened with these master keys, or a key that is needed is not there.
    pub fn open(
        masters: &MasterKeys,
        issuer: &str,
        cluster: &Cluster,
        rows: &[KeyRow],
        now: Timestamp,
    ) -> Result<Self, Fault> {
        // What comes next is wrapped with it: a process that lacks it would fall behind without noticing.
        masters.wraps(cluster)?;
        let context = context(issuer, cluster);
        let wrappers = masters.unwrappers(&context, rows)?;
        let mut seal = Seal::new(&context);
        let (mut hash, mut other_hashes, mut signing) = (None, Vec::new(), Vec::new());
        let (mut subjects, mut guesses) = (None, None);
        let (mut verification, mut published) = (Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| !is_over(row, now)) {
            let wrapper = wrappers.of(row);
            match Purpose::parse(&row.purpose) {
                Some(Purpose::Seal(kind)) => {
                    seal = seal.with_key(kind, unwrap_key(wrapper, row)?, state(row)?);
                }
                Some(Purpose::Hash) if row.state == ACTIVE => {
                    hash = Some(unwrap_key(wrapper, row)?)
                }
                Some(Purpose::Hash) => other_hashes.push(unwrap_key(wrapper, row)?),
                Some(Purpose::Subjects) => subjects = Some(unwrap_key(wrapper, row)?),
                Some(Purpose::Guesses) => guesses = Some(unwrap_key(wrapper, row)?),
                Some(Purpose::Sign(algorithm)) => {
                    let key = unwrap_signing_key(wrapper, row, algorithm)?;
                    published.push(key.public_jwk());
                    verification.push(key.verification_key());
                    if row.state == ACTIVE {
                        signing.push(key);
                    }
                }
                // A later release may keep keys that this one has no use for.
                None => {}
            }
        }
        let missing = |what: &str| Fault::new(format!("the active key that {what} is missing"));
        let hash: SealKey = hash.ok_or_else(|| missing("hashes client secrets"))?;
        let subjects = subjects.ok_or_else(|| missing("gives people their sub"))?;
        let guesses = guesses.ok_or_else(|| missing("names whom passwords are guessed for"))?;
        if !signing.iter().any(|key| key.algorithm() == ACCESS_TOKENS) {
            return Err(missing("signs access tokens"));
        }
        Ok(Self {
            seal,
            subjects: Subjects::new(*subjects.expose_bytes()),
            dpop_nonces: NonceKey::new(derived(&hash, b"safeconduct DPoP nonces")),
            guesses: *guesses.expose_bytes(),
            hash,
            other_hashes,
            retired: rows.iter().filter_map(RetiredKey::of).collect(),
            signing,
            verification: KeySet::new(verification),
            published: JwkSet { keys: published },
        })
    }

    /// Seals and opens what is handed out.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Signs with `algorithm`, where there is a key for it.
    pub fn signing(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        self.signing.iter().find(|key| key.algorithm() == algorithm)
    }

    /// What there are keys to sign with.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms: Vec<_> = self.signing.iter().map(SigningKey::algorithm).collect();
        algorithms.sort();
        algorithms
    }

    /// Gives every user their `sub`. Its key is never rotated, and stays when all others are lost: so does a `sub`.
    pub fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// Makes and judges the nonces of DPoP proofs, alike on every node.
    pub fn dpop_nonces(&self) -> &NonceKey {
        &self.dpop_nonces
    }

    /// Names whom a password is guessed for, and from where, alike on every node and after every start.
    pub(crate) fn guesses(&self) -> [u8; 32] {
        self.guesses
    }

    /// Verifies what this server signed.
    pub fn verification(&self) -> &KeySet {
        &self.verification
    }

    /// The public keys, for the JWKS document (RFC 7517 §5).
    pub fn published(&self) -> &JwkSet {
        &self.published
    }

    /// The keyed hash of a client secret, as it is stored.
    pub fn hash_client_secret(&self, secret: &Secret) -> HashedSecret {
        hashed(&self.hash, secret)
    }

    /// Every hash that a client secret may be stored under by now.
    pub(crate) fn hashes_of_client_secret(&self, secret: &Secret) -> Vec<HashedSecret> {
        let keys = [&self.hash].into_iter().chain(&self.other_hashes);
        keys.map(|key| hashed(key, secret)).collect()
    }

    /// Retired keys that nothing needs any more at `now`, as far as the clock says.
    pub(crate) fn to_be_forgotten(&self, now: Timestamp) -> impl Iterator<Item = &RetiredKey> {
        self.retired.iter().filter(move |key| key.is_over(now))
    }

    /// Seals a password's hash for the row of `user`, so that a dump of the database gives nothing to guess at.
    ///
    /// # Errors
    /// A fault if there is no key for it.
    pub fn seal_password(&self, user: &UserId, hash: &str) -> Result<SealedPassword, Fault> {
        let (sealed, key) = self.seal_credential(user, PASSWORD, hash.as_bytes())?;
        Ok(SealedPassword {
            key,
            sealed,
            cost: password::cost_of(hash),
        })
    }

    /// The password's hash from the row of `user`.
    ///
    /// # Errors
    /// A fault if the row is not this user's, or was made with a key that is gone.
    pub fn open_password(&self, user: &UserId, sealed: &str) -> Result<String, Fault> {
        let data = credential_data(user, PASSWORD);
        let opened = self.seal.open_bytes(Kind::Credential, &data, sealed);
        let bytes =
            opened.map_err(|error| Fault::new(format!("the password of {user}: {error}")))?;
        String::from_utf8(bytes.to_vec())
            .map_err(|_| Fault::new(format!("the password of {user} is not text")))
    }

    /// Seals the secret of an authenticator app for the row of `user`: the text, and the number of the key.
    ///
    /// # Errors
    /// A fault if there is no key for it.
    pub fn seal_otp(&self, user: &UserId, secret: &TotpSecret) -> Result<(String, i64), Fault> {
        self.seal_credential(user, TOTP, secret.expose_bytes())
    }

    /// The secret of an authenticator app from the row of `user`.
    ///
    /// # Errors
    /// A fault if the row is not this user's, or was made with a key that is gone.
    pub fn open_otp(&self, user: &UserId, sealed: &str) -> Result<TotpSecret, Fault> {
        let data = credential_data(user, TOTP);
        let opened = self.seal.open_bytes(Kind::Credential, &data, sealed);
        let secret = opened.ok().and_then(|bytes| TotpSecret::from_bytes(&bytes));
        secret.ok_or_else(|| Fault::new(format!("the authenticator app of {user} can't be opened")))
    }

    /// The keyed hash of a recovery code of `user`, as it is stored.
    pub fn hash_recovery_code(&self, user: &UserId, code: &RecoveryCode) -> HashedSecret {
        hashed_code(&self.hash, user, code)
    }

    /// Every hash that a recovery code of `user` may be stored under by now.
    pub(crate) fn hashes_of_recovery_code(
        &self,
        user: &UserId,
        code: &RecoveryCode,
    ) -> Vec<HashedSecret> {
        let keys = [&self.hash].into_iter().chain(&self.other_hashes);
        keys.map(|key| hashed_code(key, user, code)).collect()
    }

    /// The sealed text, and the number of the key that it is sealed with.
    fn seal_credential(
        &self,
        user: &UserId,
        kind: &str,
        bytes: &[u8],
    ) -> Result<(String, i64), Fault> {
        let data = credential_data(user, kind);
        let sealed = self.seal.seal_bytes(Kind::Credential, &data, bytes);
        let sealed = sealed.map_err(|error| Fault::new(format!("sealing a {kind}: {error}")))?;
        let key = seal::key_of(Kind::Credential, &sealed).map(i64::from);
        Ok((sealed, key.expect("what was sealed names its key")))
    }
}

/// Makes the keys that a cluster lacks: all of them at its first start, those for new kinds of artifact after an upgrade, and those
/// for the `algorithms` that clients are registered for. Two starts at once make one set.
///
/// # Errors
/// The store's, or a fault if the random source or the key generation fails.
pub async fn create_missing(
    store: &ActingStore,
    masters: &MasterKeys,
    issuer: &str,
    cluster: &Cluster,
    algorithms: &[Algorithm],
    now: Timestamp,
) -> Result<(), Fault> {
    let rows = store.catalog().await?.keys;
    let is_missing = |purpose: &Purpose| {
        let name = purpose.name();
        !rows
            .iter()
            .any(|row| row.purpose == name && row.state == ACTIVE)
    };
    let context = context(issuer, cluster);
    let wrapper = masters.wraps(cluster)?.wrapper(&context);
    let mut keys = Vec::new();
    let wanted =
        |algorithm: &Algorithm| SIGNED.contains(algorithm) || algorithms.contains(algorithm);
    for purpose in Purpose::all().filter(is_missing) {
        match purpose {
            Purpose::Sign(algorithm) if !wanted(&algorithm) => {}
            _ => keys.push(new_key(&wrapper, purpose, true)?),
        }
    }
    match store.add_keys(keys, now).await {
        // Another node was faster; its keys are everybody's.
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn derived(key: &SealKey, label: &[u8]) -> [u8; 32] {
    encoding::hmac_sha256(key.expose_bytes(), label)
}

fn hashed(key: &SealKey, secret: &Secret) -> HashedSecret {
    HashedSecret {
        hash: encoding::hmac_sha256(key.expose_bytes(), secret.expose().as_bytes()),
        key: i64::from(key.id()),
        last_four: last_four(secret),
    }
}

/// How a secret ends, if that leaves enough of it: users choose shorter ones than this server does.
fn last_four(secret: &Secret) -> Option<[u8; 4]> {
    let text = secret.expose().as_bytes();
    let (rest, four) = text.split_last_chunk()?;
    let shows = rest.len() >= LEFT_UNSHOWN && four.iter().all(u8::is_ascii_graphic);
    shows.then_some(*four)
}

/// Under a key for recovery codes alone that follows from the one that hashes.
fn hashed_code(key: &SealKey, user: &UserId, code: &RecoveryCode) -> HashedSecret {
    HashedSecret {
        hash: code.hash(&derived(key, b"safeconduct recovery codes"), user),
        key: i64::from(key.id()),
        last_four: None,
    }
}

/// A retired key, and what it was for.
pub(crate) struct RetiredKey {
    pub(crate) id: i64,
    purpose: Purpose,
    at: Timestamp,
}

impl RetiredKey {
    fn of(row: &KeyRow) -> Option<Self> {
        Some(Self {
            id: row.id,
            purpose: Purpose::parse(&row.purpose)?,
            at: row.retired_at?,
        })
    }

    /// Whether only rows can still need it.
    pub(crate) fn goes_with_its_rows(&self) -> bool {
        matches!(self.purpose.window().retention, Retention::WhileUsed(_))
    }

    fn is_over(&self, now: Timestamp) -> bool {
        match self.purpose.window().retention {
            Retention::For(seconds) | Retention::WhileUsed(seconds) => now.since(self.at) > seconds,
            Retention::Never => false,
        }
    }
}

/// A new key, of chance.
fn new_key(wrapper: &Wrapper, purpose: Purpose, active: bool) -> Result<NewKey, Fault> {
    let Purpose::Sign(algorithm) = purpose else {
        let bytes = random::bytes::<32>();
        return wrapped(wrapper, purpose, active, Kind::Key, &bytes);
    };
    let made = SigningKey::generate(algorithm).and_then(|key| key.to_pkcs8());
    let pkcs8 = made.map_err(|error| Fault::new(format!("making a signing key: {error}")))?;
    wrapped(wrapper, purpose, active, Kind::SigningKey, &pkcs8)
}

fn wrapped(
    wrapper: &Wrapper,
    purpose: Purpose,
    active: bool,
    kind: Kind,
    bytes: &[u8],
) -> Result<NewKey, Fault> {
    let id = i64::from(u32::from_be_bytes(random::bytes()) >> 1);
    let purpose = purpose.name();
    let data = key_data(id, &purpose, if active { ACTIVE } else { "next" });
    let sealed = wrapper.seal.seal_bytes(kind, &data, bytes);
    Ok(NewKey {
        id,
        purpose,
        active,
        sealed: sealed.map_err(unwrapped)?,
        master: wrapper.master,
    })
}

/// The same key, sealed with `wrapper` for `state`.
fn resealed(
    unwrapper: &Seal,
    wrapper: &Wrapper,
    row: &KeyRow,
    state: &str,
) -> Result<ResealedKey, Fault> {
    let kind = if row.sealed.starts_with(Kind::SigningKey.prefix()) {
        Kind::SigningKey
    } else {
        Kind::Key
    };
    let bytes = unwrapper
        .open_bytes(kind, &row_data(row), &row.sealed)
        .map_err(|_| unopened(row))?;
    let data = key_data(row.id, &row.purpose, state);
    let sealed = wrapper.seal.seal_bytes(kind, &data, &bytes);
    Ok(ResealedKey {
        id: row.id,
        sealed: sealed.map_err(unwrapped)?,
        master: wrapper.master,
    })
}

fn unwrapped(error: SealError) -> Fault {
    Fault::new(format!("wrapping a key: {error}"))
}

/// Whether the row is a key that was retired so long ago that nothing it made is still good.
fn is_over(row: &KeyRow, now: Timestamp) -> bool {
    RetiredKey::of(row).is_some_and(|key| !key.goes_with_its_rows() && key.is_over(now))
}

fn unwrap_signing_key(
    wrapper: &Seal,
    row: &KeyRow,
    algorithm: Algorithm,
) -> Result<SigningKey, Fault> {
    let pkcs8 = wrapper
        .open_bytes(Kind::SigningKey, &row_data(row), &row.sealed)
        .map_err(|_| unopened(row))?;
    SigningKey::from_pkcs8(algorithm, &pkcs8)
        .map_err(|error| Fault::new(format!("signing key {}: {error}", row.id)))
}

/// The `kid` of each signing key among `rows` that opens, as the JWKS shows it, by the number of its row.
pub fn kids(
    masters: &MasterKeys,
    issuer: &str,
    cluster: &Cluster,
    rows: &[KeyRow],
) -> BTreeMap<i64, String> {
    let context = context(issuer, cluster);
    let kid = |row: &KeyRow| {
        let Some(Purpose::Sign(algorithm)) = Purpose::parse(&row.purpose) else {
            return None;
        };
        let unwrappers = masters.unwrappers(&context, std::slice::from_ref(row));
        let key = unwrap_signing_key(unwrappers.ok()?.of(row), row, algorithm).ok()?;
        Some((row.id, key.kid().to_owned()))
    };
    rows.iter().filter_map(kid).collect()
}

fn unwrap_key(wrapper: &Seal, row: &KeyRow) -> Result<SealKey, Fault> {
    let bytes = wrapper
        .open_bytes(Kind::Key, &row_data(row), &row.sealed)
        .map_err(|_| unopened(row))?;
    let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| unopened(row))?;
    let id = u32::try_from(row.id).map_err(|_| unopened(row))?;
    Ok(SealKey::from_bytes(id, bytes))
}

fn unopened(row: &KeyRow) -> Fault {
    Fault::new(format!(
        "key {} ({}) does not open with this master key",
        row.id, row.purpose
    ))
}

fn state(row: &KeyRow) -> Result<KeyState, Fault> {
    match row.state.as_str() {
        "next" => Ok(KeyState::Next),
        "active" => Ok(KeyState::Active),
        "retired" => Ok(KeyState::Retired),
        other => Err(Fault::new(format!(
            "key {} is in the unknown state {other}",
            row.id
        ))),
    }
}

/// What binds everything sealed to this issuer and this database.
fn context(issuer: &str, cluster: &Cluster) -> String {
    format!("{issuer}\n{}", cluster.cluster_id)
}

/// Table, row, column and state are part of what is sealed: no row can stand in for another.
fn key_data(id: i64, purpose: &str, state: &str) -> Vec<u8> {
    format!("keys\n{id}\nsealed\n{purpose}\n{state}").into_bytes()
}

fn row_data(row: &KeyRow) -> Vec<u8> {
    key_data(row.id, &row.purpose, &row.state)
}

fn credential_data(user: &UserId, kind: &str) -> Vec<u8> {
    format!("credentials\n{user}\n{kind}").into_bytes()
}
