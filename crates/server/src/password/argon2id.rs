//! Argon2id: what a hash costs, making one, and comparing with one.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use safeconduct_protocol::encoding::constant_time_eq;
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;

/// The longest password, in bytes.
pub const LONGEST: usize = 4096;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password, or no such user, or nothing that can be checked.
    Wrong,
    /// The password.
    Right {
        /// The stored hash is not what a new one would be: hash the password again and store that.
        needs_rehash: bool,
    },
}

/// What a new hash costs: 19 MiB, two passes, one lane; about 15 ms of a core.
pub(super) const COST: Cost = Cost {
    memory: 19_456,
    passes: 2,
    lanes: 1,
};

/// The dearest imported hash that is checked at all: 256 MiB, 16 passes, 16 lanes. Beyond, one sign-in would stop all others.
const DEAREST: Cost = Cost {
    memory: 256 * 1024,
    passes: 16,
    lanes: 16,
};

const ARGON2ID: Ident = Ident::new_unwrap("argon2id");
const ARGON2_VERSION: u32 = 0x13;
const OUTPUT_LENGTH: usize = 32;

/// Keeps what a hash of ours needs; an imported one may have taken more.
pub(super) fn give_back(memory: &mut Vec<Block>) {
    memory.truncate(COST.blocks());
    memory.shrink_to(COST.blocks());
}

pub(super) fn hash(password: &Secret, memory: &mut Vec<Block>) -> String {
    let salt = random::bytes::<{ Salt::RECOMMENDED_LENGTH }>();
    let output = COST.run(password.expose().as_bytes(), &salt, OUTPUT_LENGTH, memory);
    PasswordHash {
        algorithm: ARGON2ID,
        version: Some(ARGON2_VERSION),
        params: COST.write(),
        salt: Some(Salt::new(&salt).expect("16 bytes are a salt")),
        hash: Some(Output::new(&output).expect("32 bytes are an output")),
    }
    .to_string()
}

/// What a password is compared with. Whatever it is, comparing costs one hash.
pub(super) enum Comparison {
    /// A stored hash.
    With(Known),
    /// Nothing: the work of a hash, for an answer that is clear already.
    Nothing(Cost),
}

impl Comparison {
    pub(super) fn cost(&self) -> Cost {
        match self {
            Self::With(known) => known.cost,
            Self::Nothing(cost) => *cost,
        }
    }

    pub(super) fn run(&self, password: &Secret, memory: &mut Vec<Block>) -> Verdict {
        let password = password.expose().as_bytes();
        let (salt, length) = match self {
            Self::With(known) => (&*known.salt, known.output.len()),
            Self::Nothing(_) => (&[0; Salt::RECOMMENDED_LENGTH][..], OUTPUT_LENGTH),
        };
        let read = &password[..password.len().min(LONGEST)];
        let output = self.cost().run(read, salt, length, memory);
        match self {
            Self::With(known)
                if password.len() <= LONGEST
                    && constant_time_eq(&output, known.output.as_bytes()) =>
            {
                Verdict::Right {
                    needs_rehash: known.cost != COST || length != OUTPUT_LENGTH,
                }
            }
            _ => Verdict::Wrong,
        }
    }
}

/// A stored hash that can be checked.
pub(super) struct Known {
    pub(super) cost: Cost,
    salt: Salt,
    output: Output,
}

impl Known {
    pub(super) fn parse(stored: &str) -> Option<Self> {
        let stored = PasswordHash::new(stored).ok()?;
        if stored.algorithm != ARGON2ID || stored.version != Some(ARGON2_VERSION) {
            return None;
        }
        let cost = Cost::read(&stored.params)?;
        let (salt, output) = (stored.salt?, stored.hash?);
        (salt.len() >= argon2::MIN_SALT_LEN && output.len() >= 16).then_some(Self {
            cost,
            salt,
            output,
        })
    }
}

/// Argon2's parameters (RFC 9106 §3.1): KiB of memory, passes over it, lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// A fiftieth of the work of a new hash.
    #[cfg(test)]
    pub(super) const SMALL: Self = Self {
        memory: 768,
        passes: 1,
        lanes: 1,
    };

    /// `None` for parameters that Argon2 does not have, that are out of its range, or that are beyond [`DEAREST`].
    fn read(written: &ParamsString) -> Option<Self> {
        let cost = Self {
            memory: written.get_decimal("m")?,
            passes: written.get_decimal("t")?,
            lanes: written.get_decimal("p")?,
        };
        let known = written.iter().count() == 3;
        let affordable = cost.memory <= DEAREST.memory
            && cost.passes <= DEAREST.passes
            && cost.lanes <= DEAREST.lanes;
        (known && affordable && cost.params(OUTPUT_LENGTH).is_ok()).then_some(cost)
    }

    /// The cost that a database keeps beside a sealed hash, as [`written`](Self::written) wrote it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::read(&text.parse().ok()?)
    }

    /// As in a PHC string: `m=19456,t=2,p=1`.
    pub(super) fn written(self) -> String {
        self.write().to_string()
    }

    /// How much work a hash is: what its time goes by.
    pub(super) fn work(self) -> u64 {
        u64::from(self.memory) * u64::from(self.passes)
    }

    fn write(self) -> ParamsString {
        format!("m={},t={},p={}", self.memory, self.passes, self.lanes)
            .parse()
            .expect("three short numbers are parameters")
    }

    fn run(self, password: &[u8], salt: &[u8], length: usize, memory: &mut Vec<Block>) -> Vec<u8> {
        let params = self
            .params(length)
            .expect("the cost was checked when it was read");
        let needed = params.block_count();
        if memory.len() < needed {
            memory.resize(needed, Block::default());
        }
        let mut output = vec![0; length];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, salt, &mut output, &mut memory[..needed])
            .expect("password, salt and output are within Argon2's lengths");
        output
    }

    fn params(self, length: usize) -> argon2::Result<Params> {
        Params::new(self.memory, self.passes, self.lanes, Some(length))
    }

    pub(super) fn blocks(self) -> usize {
        self.memory as usize
    }
}
