//! What this processor and this disk can do at best, measured in the run itself: each number is the primitive alone, on
//! one core, through the same library that Safeconduct uses.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use rusqlite::Connection;
use rustix::time::{ClockId, clock_gettime};
use safeconduct_protocol::random;

/// How long each operation is repeated.
const PATIENCE: Duration = Duration::from_millis(300);
/// The rows of a group commit.
const GROUP: usize = 64;

/// One operation at its best.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// What was done.
    pub(crate) operation: &'static str,
    /// How often it was done in a second, by one thread that does nothing else.
    pub(crate) rate: f64,
    /// What it took of a processor, in microseconds.
    pub(crate) cost: f64,
}

/// Measures all of them; the rows are written to a database in `directory`.
pub(crate) fn measure(directory: &Path) -> Result<Vec<Limit>> {
    let mut limits = signatures()?.to_vec();
    limits.extend(sealing()?);
    let token = random::token();
    limits.push(repeat("SHA-256 of 43 bytes", 1, || {
        std::hint::black_box(digest(&SHA256, token.as_bytes()));
        Ok(())
    })?);
    limits.push(repeat("32 random bytes", 1, || {
        std::hint::black_box(random::bytes::<32>());
        Ok(())
    })?);
    limits.push(password()?);
    limits.extend(rows(directory)?);
    Ok(limits)
}

fn signatures() -> Result<[Limit; 2]> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let message = [b'a'; 500];
    let sign = repeat("ES256: sign 500 bytes", 1, || {
        std::hint::black_box(key.sign(&random, &message)?);
        Ok(())
    })?;
    let signature = key.sign(&random, &message)?;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref());
    let verify = repeat("ES256: verify", 1, || {
        Ok(public.verify(&message, signature.as_ref())?)
    })?;
    Ok([sign, verify])
}

fn sealing() -> Result<[Limit; 2]> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &random::bytes::<32>())?);
    let nonce = || Nonce::assume_unique_for_key(random::bytes());
    let mut buffer = Vec::with_capacity(512);
    let seal = repeat("AES-256-GCM-SIV: seal 300 bytes", 1, || {
        buffer.clear();
        buffer.resize(300, b'a');
        Ok(key.seal_in_place_append_tag(nonce(), Aad::empty(), &mut buffer)?)
    })?;
    let fixed = random::bytes();
    buffer.truncate(300);
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(fixed),
        Aad::empty(),
        &mut buffer,
    )?;
    let sealed = buffer;
    let mut opened = Vec::with_capacity(512);
    let open = repeat("AES-256-GCM-SIV: open 300 bytes", 1, || {
        opened.clear();
        opened.extend_from_slice(&sealed);
        key.open_in_place(
            Nonce::assume_unique_for_key(fixed),
            Aad::empty(),
            &mut opened,
        )?;
        Ok(())
    })?;
    Ok([seal, open])
}

fn password() -> Result<Limit> {
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(anyhow::Error::msg)?;
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt = random::bytes::<16>();
    repeat("Argon2id: m = 19,456 KiB, t = 2, p = 1", 1, || {
        let mut output = [0; 32];
        argon2
            .hash_password_into_with_memory(b"a password", &salt, &mut output, &mut memory)
            .map_err(anyhow::Error::msg)
    })
}

/// Rows with a text key and as many bytes as a grant, each transaction flushed to the disk.
fn rows(directory: &Path) -> Result<[Limit; 2]> {
    let database = Connection::open(directory.join("limits.db"))?;
    let mode: String = database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    anyhow::ensure!(
        mode == "wal",
        "no write-ahead log in {}",
        directory.display()
    );
    database.execute_batch(
        "PRAGMA synchronous = FULL; CREATE TABLE rows (id TEXT PRIMARY KEY, content BLOB)",
    )?;
    let mut insert = database.prepare("INSERT INTO rows VALUES (?1, ?2)")?;
    let mut write = |rows: usize| {
        database.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..rows {
            insert.execute((random::token(), [7_u8; 300]))?;
        }
        Ok(database.execute_batch("COMMIT")?)
    };
    Ok([
        repeat("SQLite: a durable row, committed alone", 1, || write(1))?,
        repeat("SQLite: a durable row, of 64 in a commit", GROUP, || {
            write(GROUP)
        })?,
    ])
}

/// Repeats `work`, which does the operation `times` over, for a moment.
fn repeat(
    operation: &'static str,
    times: usize,
    mut work: impl FnMut() -> Result<()>,
) -> Result<Limit> {
    work().with_context(|| operation.to_owned())?;
    let (begun, before) = (Instant::now(), processor_time());
    let mut done = 0;
    while begun.elapsed() < PATIENCE {
        for _ in 0..8 {
            work()?;
            done += times;
        }
    }
    let used = processor_time() - before;
    Ok(Limit {
        operation,
        rate: done as f64 / begun.elapsed().as_secs_f64(),
        cost: used.as_secs_f64() * 1e6 / done as f64,
    })
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("processor time is not negative");
    let nanoseconds = u64::try_from(time.tv_nsec).expect("nor is its fraction");
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}
