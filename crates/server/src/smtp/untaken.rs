//! Why a mail was not taken, in the words that decide what becomes of it.

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untaken {
    /// The server can't be used: no connection, no TLS that can be trusted, no sign-in, or it does not let us send. It is the same for
    /// every mail.
    #[error("the mail server can't be used: {0}")]
    Unavailable(String),
    /// Not this time.
    #[error("not taken this time: {0}")]
    Later(String),
    /// Never.
    #[error("refused for good: {0}")]
    Refused(String),
}
