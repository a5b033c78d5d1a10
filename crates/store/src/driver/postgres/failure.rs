//! What an error of PostgreSQL means: to the unit it ended, and to the connection it came over.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::WrongType;

use super::value::Misfit;
use crate::driver::{DriverError, OpenError};

/// Why a unit or a read failed, and what is left.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: DriverError,
    /// The same may be tried again at once: nothing was changed, for no fault of the statements.
    pub(super) again: bool,
    /// The connection is of no use any more.
    pub(super) severed: bool,
    /// Nothing came back in time, which says more of the way to the server than of this connection.
    pub(super) silent: bool,
    /// Our user lacks a right.
    pub(super) forbidden: bool,
}

impl Failure {
    /// One that came before the message which decides, so that nothing was changed.
    pub(super) fn undecided(error: &Error) -> Self {
        match error.as_db_error() {
            Some(said) => said_by_server(said),
            None => said_by_client(error),
        }
    }

    /// One that came in answer to the message which decides. The server undoes what it refuses; where it ends instead, or nothing
    /// comes back, nobody knows.
    pub(super) fn deciding(error: &Error) -> Self {
        let refused = error.as_db_error().is_some_and(|said| {
            let code = said.code().code();
            !is_fatal(said) && code != STATEMENT_COMPLETION_UNKNOWN
        });
        let failure = Self::undecided(error);
        let ours = matches!(failure.error, DriverError::Bug(_) | DriverError::Corrupt(_));
        if refused || ours {
            failure
        } else {
            Self::severed(DriverError::Unknown(failure.error.to_string()))
        }
    }

    /// Nothing was changed, and the wait is nobody's to repeat.
    pub(super) fn unanswered() -> Self {
        let reason = "PostgreSQL does not answer".to_owned();
        Self {
            silent: true,
            ..Self::severed(DriverError::Unavailable(reason))
        }
    }

    /// The message which decides was sent, and no answer came.
    pub(super) fn unconfirmed() -> Self {
        let reason = "PostgreSQL did not confirm the commit".to_owned();
        Self {
            silent: true,
            ..Self::severed(DriverError::Unknown(reason))
        }
    }

    fn severed(error: DriverError) -> Self {
        Self {
            error,
            again: false,
            severed: true,
            silent: false,
            forbidden: false,
        }
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self {
            error,
            again: false,
            severed: false,
            silent: false,
            forbidden: false,
        }
    }
}

const READ_ONLY_TRANSACTION: &str = "25006";
const STATEMENT_COMPLETION_UNKNOWN: &str = "40003";
const INSUFFICIENT_PRIVILEGE: &str = "42501";
const UNDEFINED_TABLE: &str = "42P01";

fn said_by_server(said: &DbError) -> Failure {
    let code = said.code().code();
    let reason = format!("{} ({code})", said.message());
    let stale = is_stale(said);
    let error = match (code, code.get(..2).unwrap_or_default()) {
        _ if stale => DriverError::Unavailable(reason),
        ("XX001" | "XX002", _) => DriverError::Corrupt(reason),
        // A protocol violation: of a pooler that gives us up it is fatal, otherwise it is ours.
        ("08P01", _) if !is_fatal(said) => DriverError::Bug(reason),
        (READ_ONLY_TRANSACTION | "55P03" | "3D000", _) => DriverError::Unavailable(reason),
        _ if is_forbidden(code) => DriverError::Unavailable(reason),
        // Connections, authorisation, rollbacks for others, resources, an operator, the disk.
        (_, "08" | "28" | "40" | "53" | "57" | "58" | "25") => DriverError::Unavailable(reason),
        (_, "23") => DriverError::Constraint(reason),
        _ => DriverError::Bug(reason),
    };
    // A primary that was made a standby keeps its connections; 25 is a connection whose transaction is not what we think.
    let severed = is_fatal(said) || stale || code.starts_with("25") || code.starts_with("08");
    let again = severed || matches!(code, "40001" | "40P01");
    Failure {
        error,
        again,
        severed,
        silent: false,
        forbidden: is_forbidden(code),
    }
}

/// A table that may not be used, or can't be seen: its schema may not be used, or somebody is just restoring it.
fn is_forbidden(code: &str) -> bool {
    matches!(code, INSUFFICIENT_PRIVILEGE | UNDEFINED_TABLE)
}

/// A statement that was prepared for a schema or a session which is not there any more.
fn is_stale(said: &DbError) -> bool {
    match said.code().code() {
        "26000" => true,
        "0A000" => said.message().contains("cached plan"),
        _ => false,
    }
}

/// After which the server closes the connection.
fn is_fatal(said: &DbError) -> bool {
    matches!(
        said.parsed_severity(),
        Some(Severity::Fatal | Severity::Panic)
    ) || matches!(said.severity(), "FATAL" | "PANIC")
}

fn said_by_client(error: &Error) -> Failure {
    let reason = in_words(error);
    let cause = error.source();
    if cause.is_some_and(|cause| cause.is::<Misfit>()) {
        DriverError::Bug(reason).into()
    } else if cause.is_some_and(|cause| cause.is::<WrongType>()) {
        DriverError::Corrupt(reason).into()
    } else {
        Failure {
            again: true,
            ..Failure::severed(DriverError::Unavailable(reason))
        }
    }
}

/// An error with what caused it: the library's own words alone say little.
pub(super) fn in_words(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What an error before the first unit means to whoever starts the program.
pub(super) fn refusal(server: &str, error: &Error) -> OpenError {
    let (server, reason) = (server.to_owned(), in_words(error));
    if let Some(said) = error.as_db_error() {
        return match said.code().code() {
            "3D000" => OpenError::NoDatabase { server, reason },
            "28000" | "28P01" => OpenError::Denied { server, reason },
            INSUFFICIENT_PRIVILEGE | "3F000" => OpenError::Rights { server, reason },
            READ_ONLY_TRANSACTION => OpenError::ReadOnly { server },
            "42P07" | "42710" => OpenError::Taken { server, reason },
            "55P03" | "40P01" => OpenError::Busy { server, reason },
            "53300" => OpenError::Full { server, reason },
            // Starting up, shutting down.
            "57P01" | "57P02" | "57P03" => OpenError::Unreachable { server, reason },
            // What PgBouncer says of the options of `Address`.
            "08P01" if reason.contains("startup parameter") => OpenError::Pooler { server },
            _ => OpenError::Server { server, reason },
        };
    }
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    // The library says so of a host that takes no writes.
    if cause.is_some_and(|cause| {
        cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none()
    }) {
        return OpenError::ReadOnly { server };
    }
    match error.to_string().as_str() {
        "error performing TLS handshake" => OpenError::Tls { server, reason },
        "authentication error" | "invalid configuration" => OpenError::Denied { server, reason },
        _ => OpenError::Unreachable { server, reason },
    }
}
