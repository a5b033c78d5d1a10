//! The server's keys: the one master key, which only wraps, and the rows of `keys` it opens: sealing keys, signing keys
//! and the key that client secrets are hashed with.

use safeconduct_protocol::{
    dpop::NonceKey,
    encoding,
    ids::UserId,
    jose::{Algorithm, JwkSet, KeySet, SigningKey},
    random,
    resource::Resources,
    seal::{KeyState, Kind, Seal, SealKey},
    secret::Secret,
    subject::Subjects,
    time::Timestamp,
};
use safeconduct_store::{Cluster, KeyRow, NewKey, ResealedKey, SealedPassword, Store, StoreError};

use crate::{fault::Fault, password};

/// The kinds of artifact that have a sealing key in the database.
const SEALED: [Kind; 8] = [
    Kind::PendingAuthorization,
    Kind::AuthorizationRequest,
    Kind::AuthorizationCode,
    Kind::RefreshToken,
    Kind::AccessToken,
    Kind::Credential,
    Kind::PushedRequest,
    Kind::Logout,
];
/// The algorithms that every server signs with: ES256 for access tokens, RS256 because OpenID Connect names it the default and RFC 9068
/// has it for every API.
const SIGNED: [Algorithm; 2] = [Algorithm::Es256, Algorithm::Rs256];
/// The algorithm of access tokens, unless an API is registered for another.
const ACCESS_TOKENS: Algorithm = Resources::default_algorithm();
/// How long a retired signing key stays published, in seconds: longer than any access token lives.
const RETIRED_GRACE: i64 = 24 * 3600;

/// The 32 bytes that wrap every other key. Kept outside the database.
#[derive(Clone)]
pub struct MasterKey(std::sync::Arc<SealKey>);

impl MasterKey {
    /// A master key from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(std::sync::Arc::new(SealKey::from_bytes(0, bytes)))
    }

    /// A new master key.
    pub fn generate() -> Self {
        Self::from_bytes(random::bytes())
    }

    /// What the database keeps to recognise this key by; it tells nothing about it.
    pub fn check_value(&self) -> String {
        encoding::encode(&encoding::hmac_sha256(
            self.0.expose_bytes(),
            b"safeconduct master key check",
        ))
    }

    /// Opens and wraps rows of `keys` in this cluster.
    fn wrapper(&self, context: &str) -> Seal {
        [Kind::Key, Kind::SigningKey]
            .into_iter()
            .fold(Seal::new(context), |seal, kind| {
                seal.with_key(kind, self.0.for_kind(kind), KeyState::Active)
            })
    }
}

/// Every key of the cluster, opened.
pub struct Keys {
    seal: Seal,
    hash: SealKey,
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
    /// A fault if a row can't be opened with this master key, or a key that is needed is not there.
    pub fn open(
        master: &MasterKey,
        issuer: &str,
        cluster: &Cluster,
        rows: &[KeyRow],
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let context = context(issuer, cluster);
        let wrapper = master.wrapper(&context);
        let mut seal = Seal::new(&context);
        let (mut hash, mut signing) = (None, Vec::new());
        let (mut verification, mut published) = (Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| !is_over(row, now)) {
            match Purpose::parse(&row.purpose) {
                Some(Purpose::Seal(kind)) => {
                    seal = seal.with_key(kind, unwrap_key(&wrapper, row)?, state(row)?);
                }
                Some(Purpose::Hash) => hash = Some(unwrap_key(&wrapper, row)?),
                Some(Purpose::Sign(algorithm)) => {
                    let key = unwrap_signing_key(&wrapper, row, algorithm)?;
                    published.push(key.public_jwk());
                    verification.push(key.verification_key());
                    if row.state == "active" {
                        signing.push(key);
                    }
                }
                // A later release may keep keys that this one has no use for.
                None => {}
            }
        }
        let missing = |what: &str| Fault::new(format!("the active key that {what} is missing"));
        let hash: SealKey = hash.ok_or_else(|| missing("hashes client secrets"))?;
        if !signing.iter().any(|key| key.algorithm() == ACCESS_TOKENS) {
            return Err(missing("signs access tokens"));
        }
        let derived = |label: &[u8]| encoding::hmac_sha256(hash.expose_bytes(), label);
        Ok(Self {
            seal,
            subjects: Subjects::new(derived(b"safeconduct pairwise subjects")),
            dpop_nonces: NonceKey::new(derived(b"safeconduct DPoP nonces")),
            guesses: derived(b"safeconduct guesses"),
            hash,
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

    /// Gives every person their `sub`. The key follows from the one that is never rotated, so a `sub` stays what it is.
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
    pub fn hash_client_secret(&self, secret: &Secret) -> [u8; 32] {
        encoding::hmac_sha256(self.hash.expose_bytes(), secret.expose().as_bytes())
    }

    /// Seals a password's hash for the row of `user`, so that a dump of the database gives nothing to guess at.
    ///
    /// # Errors
    /// A fault if there is no key for it.
    pub fn seal_password(&self, user: &UserId, hash: &str) -> Result<SealedPassword, Fault> {
        let sealed =
            self.seal
                .seal_bytes(Kind::Credential, &credential_data(user), hash.as_bytes());
        Ok(SealedPassword {
            sealed: sealed.map_err(|error| Fault::new(format!("sealing a password: {error}")))?,
            cost: password::cost_of(hash),
        })
    }

    /// The password's hash from the row of `user`.
    ///
    /// # Errors
    /// A fault if the row is not this user's, or was made with a key that is gone.
    pub fn open_password(&self, user: &UserId, sealed: &str) -> Result<String, Fault> {
        let opened = self
            .seal
            .open_bytes(Kind::Credential, &credential_data(user), sealed);
        let bytes =
            opened.map_err(|error| Fault::new(format!("the password of {user}: {error}")))?;
        String::from_utf8(bytes.to_vec())
            .map_err(|_| Fault::new(format!("the password of {user} is not text")))
    }
}

/// What a key is for, as its row says it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Seal(Kind),
    Hash,
    Sign(Algorithm),
}

impl Purpose {
    fn parse(text: &str) -> Option<Self> {
        let seals = SEALED.into_iter().map(Self::Seal);
        let signs = Algorithm::ALL.into_iter().map(Self::Sign);
        seals
            .chain(signs)
            .chain([Self::Hash])
            .find(|purpose| purpose.name() == text)
    }

    fn name(self) -> String {
        match self {
            Self::Seal(kind) => format!("seal:{}", kind.name()),
            Self::Hash => "hash".to_owned(),
            Self::Sign(algorithm) => format!("sign:{}", algorithm.name()),
        }
    }
}

/// Makes the keys that a cluster lacks: all of them at its first start, those for new kinds of artifact after an upgrade, and those
/// for the `algorithms` that clients are registered for. Two starts at once make one set.
///
/// # Errors
/// The store's, or a fault if the random source or the key generation fails.
pub async fn create_missing(
    store: &Store,
    master: &MasterKey,
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
            .any(|row| row.purpose == name && row.state == "active")
    };
    let wrapper = master.wrapper(&context(issuer, cluster));
    let mut keys = Vec::new();
    let secret = SEALED.into_iter().map(Purpose::Seal).chain([Purpose::Hash]);
    for purpose in secret.filter(is_missing) {
        let bytes = random::bytes::<32>();
        keys.push(new_key(&wrapper, purpose, true, Kind::Key, &bytes)?);
    }
    let wanted =
        |algorithm: &Algorithm| SIGNED.contains(algorithm) || algorithms.contains(algorithm);
    for algorithm in Algorithm::ALL.into_iter().filter(wanted) {
        if is_missing(&Purpose::Sign(algorithm)) {
            keys.push(new_signing_key(&wrapper, algorithm, true)?);
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    match store.add_keys(keys, now).await {
        // Another node was faster; its keys are everybody's.
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn new_signing_key(wrapper: &Seal, algorithm: Algorithm, active: bool) -> Result<NewKey, Fault> {
    let made = SigningKey::generate(algorithm).and_then(|key| key.to_pkcs8());
    let pkcs8 = made.map_err(|error| Fault::new(format!("making a signing key: {error}")))?;
    new_key(
        wrapper,
        Purpose::Sign(algorithm),
        active,
        Kind::SigningKey,
        &pkcs8,
    )
}

fn new_key(
    wrapper: &Seal,
    purpose: Purpose,
    active: bool,
    kind: Kind,
    bytes: &[u8],
) -> Result<NewKey, Fault> {
    let id = i64::from(u32::from_be_bytes(random::bytes()) >> 1);
    let purpose = purpose.name();
    let data = key_data(id, &purpose, if active { "active" } else { "next" });
    let sealed = wrapper
        .seal_bytes(kind, &data, bytes)
        .map_err(|error| Fault::new(format!("wrapping a key: {error}")))?;
    Ok(NewKey {
        id,
        purpose,
        active,
        sealed,
    })
}

/// Whether the row is a signing key that was retired so long ago that nothing it signed is still good.
fn is_over(row: &KeyRow, now: Timestamp) -> bool {
    let retired = row
        .retired_at
        .is_some_and(|at| now.since(at) > RETIRED_GRACE);
    retired && matches!(Purpose::parse(&row.purpose), Some(Purpose::Sign(_)))
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

fn credential_data(user: &UserId) -> Vec<u8> {
    format!("credentials\n{user}\npassword").into_bytes()
}

/// Replaces the active signing key of `algorithm` by the one published before it, and publishes the next one: guards that
/// refresh their keys meanwhile never meet a signature they can't check.
///
/// # Errors
/// The store's, or a fault if a row does not open with this master key.
pub async fn rotate_signing_key(
    store: &Store,
    master: &MasterKey,
    issuer: &str,
    cluster: &Cluster,
    algorithm: Algorithm,
    now: Timestamp,
) -> Result<(), Fault> {
    let wrapper = master.wrapper(&context(issuer, cluster));
    let purpose = Purpose::Sign(algorithm).name();
    let rows = store.catalog().await?.keys;
    let resealed = |row: &KeyRow, state: &str| -> Result<ResealedKey, Fault> {
        let pkcs8 = wrapper
            .open_bytes(Kind::SigningKey, &row_data(row), &row.sealed)
            .map_err(|_| unopened(row))?;
        let sealed = wrapper.seal_bytes(
            Kind::SigningKey,
            &key_data(row.id, &row.purpose, state),
            &pkcs8,
        );
        Ok(ResealedKey {
            id: row.id,
            sealed: sealed.map_err(|error| Fault::new(format!("wrapping a key: {error}")))?,
        })
    };
    let in_state = |state: &str| {
        rows.iter()
            .find(|row| row.purpose == purpose && row.state == state)
    };
    // Without a published successor the first call only publishes one.
    if let Some(next) = in_state("next") {
        let active = in_state("active")
            .map(|active| resealed(active, "retired"))
            .transpose()?;
        store
            .promote_key(&resealed(next, "active")?, active.as_ref(), now)
            .await?;
    }
    Ok(store
        .add_keys(vec![new_signing_key(&wrapper, algorithm, false)?], now)
        .await?)
}
