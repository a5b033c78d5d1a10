//! What is found while a configuration is judged: each problem and each warning at the place where its value was written.

use super::at::At;
use super::layers::Layers;
use super::problem::Problems;

/// The findings so far, and the layers that tell where each value came from.
pub(super) struct Findings<'a> {
    pub(super) layers: &'a Layers<'a>,
    pub(super) problems: Problems,
    pub(super) warnings: Problems,
}

impl Findings<'_> {
    /// What is wrong with the value at `at`.
    pub(super) fn refuse(
        &mut self,
        at: &At,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.problems.add(self.layers.origin(at), message, advice);
    }

    /// What is odd about the value at `at`.
    pub(super) fn warn(&mut self, at: &At, message: impl Into<String>, advice: impl Into<String>) {
        self.warnings.add(self.layers.origin(at), message, advice);
    }
}
