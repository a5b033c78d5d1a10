//! What a hash costs: the algorithms of the hashes that can be checked, their parameters, how much work they are, and doing it.
//!
//! New hashes are of [`COST`]. The others are those of other systems, until their owner signs in.

use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::pbkdf2;

/// What a new hash costs: Argon2id with 19 MiB, two passes, one lane; about 15 ms of a core.
pub(super) const COST: Cost = Cost::Argon2 {
    algorithm: Algorithm::Argon2id,
    version: Version::V0x13,
    memory: 19_456,
    passes: 2,
    lanes: 1,
};

/// The most memory that one check may take, in KiB.
const MOST_MEMORY: u64 = 256 * 1024;
/// The most lanes of one check. They are worked through one after the other.
const MOST_LANES: u32 = 16;
/// The most work of one check: sixteen passes over the most memory, some two seconds of a core. Beyond, one sign-in would stop all
/// others.
const MOST_WORK: u64 = 16 * MOST_MEMORY;

/// The longest password that is looked at, in bytes; a new one is shorter still ([`safeconduct_protocol::password::LONGEST`]).
pub const LONGEST: usize = 4096;

/// The longest password that SHA-crypt is asked about, in bytes: it hashes the password in each of its rounds.
const LONGEST_FOR_SHA_CRYPT: usize = 256;

/// A digest that a password is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

/// An algorithm with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cost {
    /// RFC 9106 §3.1: KiB of memory, passes over it, lanes.
    Argon2 {
        algorithm: Algorithm,
        version: Version,
        memory: u32,
        passes: u32,
        lanes: u32,
    },
    /// The binary logarithm of its rounds.
    Bcrypt { log_rounds: u32 },
    /// RFC 7914 §2: the binary logarithm of N, r and p.
    Scrypt { log_n: u32, block: u32, lanes: u32 },
    /// RFC 8018 §5.2: the iteration count, and the bytes that are derived.
    Pbkdf2 {
        digest: Digest,
        rounds: u32,
        length: u32,
    },
    /// `$5$` and `$6$` of crypt(5).
    ShaCrypt { digest: Digest, rounds: u32 },
}

/// Why parameters are not a [`Cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotACost {
    /// The algorithm does not have them.
    OutOfRange,
    /// They are more than a sign-in may cost.
    TooDear,
}

impl Cost {
    /// The same, if the algorithm has such parameters and a sign-in may cost so much.
    pub(super) fn checked(self) -> Result<Self, NotACost> {
        let in_range = match self {
            Self::Argon2 {
                memory,
                passes,
                lanes,
                ..
            } => Params::new(memory, passes, lanes, None).is_ok(),
            Self::Bcrypt { log_rounds } => (4..=31).contains(&log_rounds),
            Self::Scrypt {
                log_n,
                block,
                lanes,
            } => (1..=63).contains(&log_n) && block > 0 && lanes > 0,
            Self::Pbkdf2 { rounds, length, .. } => rounds > 0 && (1..=128).contains(&length),
            Self::ShaCrypt { digest, rounds } => {
                digest != Digest::Sha1 && (1_000..=999_999_999).contains(&rounds)
            }
        };
        if !in_range {
            return Err(NotACost::OutOfRange);
        }
        let lanes = match self {
            Self::Argon2 { lanes, .. } | Self::Scrypt { lanes, .. } => lanes,
            _ => 1,
        };
        if self.memory() > MOST_MEMORY || lanes > MOST_LANES || self.work() > MOST_WORK {
            return Err(NotACost::TooDear);
        }
        Ok(self)
    }

    /// The cost that a database keeps beside a sealed hash, as [`written`](Self::written) wrote it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let cost = match text.split_once(',') {
            Some(("bcrypt", rest)) => {
                let [log_rounds] = numbers(rest, ["c"])?;
                Self::Bcrypt { log_rounds }
            }
            Some(("scrypt", rest)) => {
                let [log_n, block, lanes] = numbers(rest, ["ln", "r", "p"])?;
                Self::Scrypt {
                    log_n,
                    block,
                    lanes,
                }
            }
            Some((name, rest)) if name.starts_with("pbkdf2-") => {
                let [rounds, length] = numbers(rest, ["i", "l"])?;
                Self::Pbkdf2 {
                    digest: Digest::named(&name["pbkdf2-".len()..])?,
                    rounds,
                    length,
                }
            }
            Some((name, rest)) if name.ends_with("-crypt") => {
                let [rounds] = numbers(rest, ["rounds"])?;
                Self::ShaCrypt {
                    digest: Digest::named(&name[..name.len() - "-crypt".len()])?,
                    rounds,
                }
            }
            Some((name, rest)) if name.starts_with("argon2") => {
                let [version, memory, passes, lanes] = numbers(rest, ["v", "m", "t", "p"])?;
                Self::Argon2 {
                    algorithm: Algorithm::new(name).ok()?,
                    version: Version::try_from(version).ok()?,
                    memory,
                    passes,
                    lanes,
                }
            }
            _ => {
                let [memory, passes, lanes] = numbers(text, ["m", "t", "p"])?;
                Self::Argon2 {
                    algorithm: Algorithm::Argon2id,
                    version: Version::V0x13,
                    memory,
                    passes,
                    lanes,
                }
            }
        };
        cost.checked().ok()
    }

    /// In one text: `m=19456,t=2,p=1` for Argon2id of today, `bcrypt,c=12` and the like for others.
    pub(super) fn written(self) -> String {
        match self {
            Self::Argon2 {
                algorithm: Algorithm::Argon2id,
                version: Version::V0x13,
                memory,
                passes,
                lanes,
            } => format!("m={memory},t={passes},p={lanes}"),
            Self::Argon2 {
                algorithm,
                version,
                memory,
                passes,
                lanes,
            } => {
                let version = u32::from(version);
                format!("{algorithm},v={version},m={memory},t={passes},p={lanes}")
            }
            Self::Bcrypt { log_rounds } => format!("bcrypt,c={log_rounds}"),
            Self::Scrypt {
                log_n,
                block,
                lanes,
            } => format!("scrypt,ln={log_n},r={block},p={lanes}"),
            Self::Pbkdf2 {
                digest,
                rounds,
                length,
            } => format!("pbkdf2-{},i={rounds},l={length}", digest.name()),
            Self::ShaCrypt { digest, rounds } => format!("{}-crypt,rounds={rounds}", digest.name()),
        }
    }

    /// How much work a hash is, by which the queue shares the threads: KiB of memory times passes over it for Argon2, and for the
    /// others what Argon2 does in the time that they take.
    pub(super) fn work(self) -> u64 {
        let work = match self {
            Self::Argon2 { memory, passes, .. } => u64::from(memory) * u64::from(passes),
            Self::Bcrypt { log_rounds } => 160u64 << log_rounds,
            Self::Scrypt { lanes, .. } => self.memory().saturating_mul(3 * u64::from(lanes)),
            Self::Pbkdf2 {
                digest,
                rounds,
                length,
            } => {
                let (rounds, outputs) = (u64::from(rounds), length.div_ceil(digest.length()));
                let each = if digest == Digest::Sha512 { 2 } else { 1 };
                (rounds * each * u64::from(outputs)).div_ceil(2)
            }
            Self::ShaCrypt { digest, rounds } => {
                u64::from(rounds) * if digest == Digest::Sha512 { 2 } else { 1 }
            }
        };
        work.max(1)
    }

    /// The memory that it takes, in KiB; next to nothing counts as nothing.
    fn memory(self) -> u64 {
        match self {
            Self::Argon2 { memory, .. } => u64::from(memory),
            Self::Scrypt {
                log_n,
                block,
                lanes,
            } => {
                let n = 1u64.checked_shl(log_n).unwrap_or(u64::MAX);
                let blocks = n.saturating_add(u64::from(lanes));
                blocks.saturating_mul(u64::from(block)) / 8
            }
            _ => 0,
        }
    }

    /// The longest password that is looked at whole, in bytes.
    pub(super) fn longest(self) -> usize {
        match self {
            Self::ShaCrypt { .. } => LONGEST_FOR_SHA_CRYPT,
            _ => LONGEST,
        }
    }

    /// The hash of a password: `length` bytes of it, or as many as the algorithm has.
    pub(super) fn run(
        self,
        password: &[u8],
        salt: &[u8],
        length: usize,
        memory: &mut Vec<Block>,
    ) -> Vec<u8> {
        let mut output = vec![0; length];
        match self {
            Self::Argon2 {
                algorithm, version, ..
            } => {
                let params = self.argon2(length);
                let needed = params.block_count();
                if memory.len() < needed {
                    memory.resize(needed, Block::default());
                }
                Argon2::new(algorithm, version, params)
                    .hash_password_into_with_memory(
                        password,
                        salt,
                        &mut output,
                        &mut memory[..needed],
                    )
                    .expect("password, salt and output are within Argon2's lengths");
            }
            Self::Bcrypt { log_rounds } => {
                output = bcrypt(log_rounds, salt, password);
            }
            Self::Scrypt {
                log_n,
                block,
                lanes,
            } => {
                let params = scrypt::Params::new(log_n as u8, block, lanes)
                    .expect("the cost was checked when it was read");
                scrypt::scrypt(password, salt, &params, &mut output)
                    .expect("an output is neither empty nor too long");
            }
            Self::Pbkdf2 {
                digest,
                rounds,
                length,
            } => {
                output.resize(length as usize, 0);
                let rounds =
                    NonZeroU32::new(rounds).expect("the cost was checked when it was read");
                let algorithm = match digest {
                    Digest::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
                    Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                    Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
                };
                pbkdf2::derive(algorithm, rounds, salt, password, &mut output);
            }
            Self::ShaCrypt { digest, rounds } => {
                let rounds =
                    sha_crypt::Params::new(rounds).expect("the cost was checked when it was read");
                output = match digest {
                    Digest::Sha512 => sha_crypt::sha512_crypt(password, salt, rounds).to_vec(),
                    _ => sha_crypt::sha256_crypt(password, salt, rounds).to_vec(),
                };
            }
        }
        output
    }

    /// A fiftieth of the work of a new hash.
    #[cfg(test)]
    pub(super) const SMALL: Self = Self::Argon2 {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        memory: 768,
        passes: 1,
        lanes: 1,
    };

    /// How much of the threads' own memory it takes, in blocks of 1 KiB.
    #[cfg(test)]
    pub(super) fn blocks(self) -> usize {
        match self {
            Self::Argon2 { .. } => self.argon2(32).block_count(),
            _ => 0,
        }
    }

    fn argon2(self, length: usize) -> Params {
        let Self::Argon2 {
            memory,
            passes,
            lanes,
            ..
        } = self
        else {
            unreachable!("only Argon2 has its parameters")
        };
        Params::new(memory, passes, lanes, Some(length))
            .expect("the cost was checked when it was read")
    }
}

impl Digest {
    /// The digest of that name, `sha256` or the like.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|digest| digest.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Its length in bytes.
    pub(super) const fn length(self) -> u32 {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The digest of some parts.
    pub(super) fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &aws_lc_rs::digest::SHA256,
            Self::Sha512 => &aws_lc_rs::digest::SHA512,
        };
        let mut context = aws_lc_rs::digest::Context::new(algorithm);
        for part in parts {
            context.update(part);
        }
        context.finish().as_ref().to_vec()
    }
}

/// The numbers of `m=65536,t=2,p=1`: these keys, in this order, each once, in plain decimal.
pub(super) fn numbers<const N: usize>(text: &str, keys: [&str; N]) -> Option<[u32; N]> {
    let mut values = [0; N];
    let mut parts = text.split(',');
    for (key, value) in keys.iter().zip(&mut values) {
        let number = parts.next()?.strip_prefix(key)?.strip_prefix('=')?;
        *value = decimal(number)?;
    }
    parts.next().is_none().then_some(values)
}

/// A number in plain decimal: no sign, no leading zero.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

/// bcrypt reads 72 bytes of a password and the NUL behind it, and gives 23.
fn bcrypt(log_rounds: u32, salt: &[u8], password: &[u8]) -> Vec<u8> {
    let mut read = zeroize::Zeroizing::new([0; 72]);
    let length = password.len().min(read.len());
    read[..length].copy_from_slice(&password[..length]);
    let with_end = (length + 1).min(read.len());
    let salt = salt.first_chunk().copied().unwrap_or_default();
    bcrypt::bcrypt(log_rounds, salt, &read[..with_end])[..23].to_vec()
}
