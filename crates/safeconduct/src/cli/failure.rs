//! How a command ends when it does not succeed: one sentence for people, one exit code for scripts.

use std::process::ExitCode;

use safeconduct_server::administration::Refused;

use crate::config::Problems;
use crate::master_key::MasterKeyError;

/// Why a command failed. The text says what is wrong and what to do.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit 1: it was tried and did not work.
    Failed(String),
    /// Exit 2: it can't be asked like this.
    Usage(String),
    /// Exit 3: the configuration or the master key is wrong.
    Configuration(String),
    /// Exit 4: what was named does not exist.
    NotFound(String),
    /// Exit 5: it exists already, or something stands in the way.
    Conflict(String),
    /// Exit 8: nothing is wrong, and something is left to do.
    Left(String),
}

impl Failure {
    /// A failure of the machine under us, in the words of the error.
    pub(crate) fn failed(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }

    /// The same, with what to do on a line of its own.
    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        let (Self::Failed(text)
        | Self::Usage(text)
        | Self::Configuration(text)
        | Self::NotFound(text)
        | Self::Conflict(text)
        | Self::Left(text)) = &mut self;
        *text = format!("{text}\n    {advice}");
        self
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Configuration(_) => 3,
            Self::NotFound(_) => 4,
            Self::Conflict(_) => 5,
            Self::Left(_) => 8,
        })
    }

    /// The sentence for the operator.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Failed(text)
            | Self::Usage(text)
            | Self::Configuration(text)
            | Self::NotFound(text)
            | Self::Conflict(text)
            | Self::Left(text) => text,
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems.to_string())
    }
}

impl From<MasterKeyError> for Failure {
    fn from(error: MasterKeyError) -> Self {
        Self::Configuration(error.to_string())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let said = refused.to_string();
        match refused {
            Refused::NoClient(_) => Self::NotFound(said).with_advice(
                "`safeconduct client list` names them all; declared ones are there after the first `serve`",
            ),
            Refused::NoUser(_) => {
                Self::NotFound(said).with_advice("`safeconduct user list` names them all")
            }
            Refused::NoGroup(_) => {
                Self::NotFound(said).with_advice("`safeconduct group list` names them all")
            }
            Refused::NoSession(_) => {
                Self::NotFound(said).with_advice("`safeconduct session list` names those that there are")
            }
            Refused::NoGrant(_) => Self::NotFound(said)
                .with_advice("`safeconduct grant list` names those that are alive"),
            Refused::NoConsent { .. } => Self::NotFound(said)
                .with_advice("`safeconduct consent list` names what a user allows"),
            Refused::NoReceiver(_) => Self::NotFound(said).with_advice(
                "`safeconduct receiver list` names them, and says which are paused",
            ),
            Refused::NoDelivery(_) => Self::NotFound(said).with_advice(
                "`safeconduct delivery list` names what waits, and with --given-up what was given up",
            ),
            Refused::NoSuchSecret { .. } => Self::NotFound(said)
                .with_advice("`safeconduct client show` names those that there are"),
            Refused::NoSecondFactor(_) => Self::NotFound(said),
            Refused::NoPasskey { .. } => Self::NotFound(said)
                .with_advice("`safeconduct user passkeys` names them all; an id names one of several"),
            Refused::ClientTaken(_) => Self::Conflict(said)
                .with_advice("--if-not-exists makes that a success where the client exists"),
            Refused::UserTaken(_) | Refused::GroupTaken(_) => {
                Self::Conflict(said).with_advice("--if-not-exists makes that a success")
            }
            Refused::AddressTaken { .. } => Self::Conflict(said).with_advice(
                "`safeconduct user recover` makes a link to another password for its owner",
            ),
            Refused::HasPassword(_) => Self::Conflict(said).with_advice(
                "`safeconduct user recover` makes a link for another password",
            ),
            Refused::Locked(_) => Self::Conflict(said)
                .with_advice("`safeconduct user unlock` lets them sign in again"),
            Refused::Raced(_) => Self::Conflict(said).with_advice("try again"),
            Refused::NoKey(_) => Self::NotFound(said),
            Refused::KeyNeeded { .. } | Refused::Changed(_) => Self::Conflict(said),
            Refused::NoAdministrator(_) => {
                Self::NotFound(said).with_advice("`safeconduct admin list` names them all")
            }
            Refused::LastAdministrator(_) => Self::Conflict(said)
                .with_advice("`safeconduct admin add` makes another"),
            Refused::Declared(_)
            | Refused::GroupDeclared(_)
            | Refused::NoSecret { .. }
            | Refused::TwoSecrets(_)
            | Refused::LastSecret(_)
            | Refused::GroupReserved(_)
            | Refused::InPersonOnly(_)
            | Refused::ShellOnly(_) => Self::Conflict(said),
            Refused::Registration(_) | Refused::Unfit(_) | Refused::Password(_) => {
                Self::Usage(said)
            }
            Refused::Unreadable(_) => Self::Failed(said),
            Refused::Fault(fault) => fault.into(),
        }
    }
}
