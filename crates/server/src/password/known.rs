//! A stored hash as it is compared with a password, whatever system made it.

use argon2::Block;
use safeconduct_protocol::encoding::constant_time_eq;

use super::cost::{COST, Cost};
use super::foreign::{After, Before};

/// How many bytes a hash of ours has.
pub(super) const OUTPUT_LENGTH: usize = 32;

/// A stored hash that can be checked.
pub(super) struct Known {
    pub(super) cost: Cost,
    pub(super) salt: Vec<u8>,
    /// What comes out for the right password, after everything.
    pub(super) output: Vec<u8>,
    /// How many bytes are derived.
    pub(super) length: usize,
    pub(super) before: Before,
    pub(super) after: After,
}

impl Known {
    /// A hash that is derived from the password as it is, and compared as it is.
    pub(super) fn plain(cost: Cost, salt: Vec<u8>, output: Vec<u8>) -> Self {
        Self {
            cost,
            salt,
            length: output.len(),
            output,
            before: Before::Nothing,
            after: After::Nothing,
        }
    }

    /// Whether it is that of `password`.
    pub(super) fn matches(&self, password: &[u8], memory: &mut Vec<Block>) -> bool {
        let prepared = self.before.prepare(password);
        let password = prepared
            .as_ref()
            .map_or(password, |prepared| prepared.expose().as_bytes());
        let derived = self.cost.run(password, &self.salt, self.length, memory);
        let output = self.after.finish(derived);
        constant_time_eq(&output, &self.output)
    }

    /// Whether it is what a new hash would be.
    pub(super) fn is_of_today(&self) -> bool {
        let plain = matches!(
            (&self.before, &self.after),
            (Before::Nothing, After::Nothing)
        );
        plain && self.cost == COST && self.length == OUTPUT_LENGTH
    }
}
