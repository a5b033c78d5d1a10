//! The way from the root of a configuration to a value, as it is written: `server.limits.max_connections`, `clients[1].scopes[0]`.

use std::fmt;

/// The way from the root to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct At(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl At {
    /// From the root on.
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(crate) fn key(name: &str) -> Self {
        Self::default().then(name)
    }

    /// The value of `name` in the table that stands here.
    pub(crate) fn then(&self, name: &str) -> Self {
        Self(
            self.0
                .iter()
                .cloned()
                .chain([Step::Key(name.to_owned())])
                .collect(),
        )
    }

    /// The item at `index` of the list that stands here.
    pub(crate) fn item(&self, index: usize) -> Self {
        Self(self.0.iter().cloned().chain([Step::Index(index)]).collect())
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) if name.contains('.') => {
                    write!(f, "{}\"{name}\"", if position == 0 { "" } else { "." })?
                }
                Step::Key(name) => write!(f, "{}{name}", if position == 0 { "" } else { "." })?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
