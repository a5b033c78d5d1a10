//! Stored hashes: making one, and comparing a password with one, whatever system made it.

use argon2::Block;
use password_hash::phc::{Ident, Output, PasswordHash, Salt};
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;

use super::cost::{COST, Cost};
use super::known::{Known, OUTPUT_LENGTH};

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

/// The memory of one hash of ours, in blocks.
const BLOCKS: usize = 19_456;

/// Keeps what a hash of ours needs; an imported one may have taken more.
pub(super) fn give_back(memory: &mut Vec<Block>) {
    memory.truncate(BLOCKS);
    memory.shrink_to(BLOCKS);
}

/// The hash of a password as a PHC string.
pub(super) fn hash(password: &Secret, memory: &mut Vec<Block>) -> String {
    let salt = random::bytes::<{ Salt::RECOMMENDED_LENGTH }>();
    let output = COST.run(password.expose().as_bytes(), &salt, OUTPUT_LENGTH, memory);
    PasswordHash {
        algorithm: Ident::new_unwrap("argon2id"),
        version: Some(argon2::Version::V0x13.into()),
        params: COST
            .written()
            .parse()
            .expect("three short numbers are parameters"),
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
        let longest = self.cost().longest();
        let read = &password[..password.len().min(longest)];
        match self {
            Self::With(known) if known.matches(read, memory) && password.len() <= longest => {
                Verdict::Right {
                    needs_rehash: !known.is_of_today(),
                }
            }
            Self::With(_) => Verdict::Wrong,
            Self::Nothing(cost) => {
                let salt = [0; Salt::RECOMMENDED_LENGTH];
                cost.run(read, &salt, OUTPUT_LENGTH, memory);
                Verdict::Wrong
            }
        }
    }
}
