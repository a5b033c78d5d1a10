//! What is found in the document of a client, and what has to be known to judge it.

/// Where the secret of a client comes from, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretOrigin {
    /// It is given beside the document.
    Given,
    /// There is none.
    Nowhere,
    /// The server makes one where the client authenticates with it.
    Generated,
}

/// What is wrong with a registration, or odd about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}\n    {advice}")]
pub struct Finding {
    /// The member that it is about.
    pub member: &'static str,
    /// Which of its items, where it is a list.
    pub item: Option<usize>,
    /// What it is.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    pub(super) fn new(
        member: &'static str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            member,
            item: None,
            message: message.into(),
            advice: advice.into(),
        }
    }

    pub(super) fn at(self, item: usize) -> Self {
        Self {
            item: Some(item),
            ..self
        }
    }
}

/// Whether a scope exists; if not, what to do.
pub type KnowsScope<'a> = dyn Fn(&str) -> Result<(), String> + Send + Sync + 'a;
