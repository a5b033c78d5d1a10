//! The history of a run: every request with what came of it, and every fault. Writing it down is here; judging it is the
//! checker's.
//!
//! All moments are of one clock that never goes back, that of the process that drives the run. What was handed out is known by
//! a fingerprint, so that a history can be kept and shown.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use safeconduct_protocol::encoding::sha256;
use serde::Serialize;

/// A moment: how long after the beginning of the run.
pub type Moment = Duration;

/// The fingerprint of something that was handed out: a session, a code, a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Artifact(u64);

impl Artifact {
    /// The first eight bytes of the text's SHA-256.
    pub fn of(text: &str) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = sha256(text.as_bytes());
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

impl fmt::Display for Artifact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0 >> 32)
    }
}

/// One of the people, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct User(pub usize);

/// One of the apps, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct App(pub usize);

/// One of the nodes, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Node(pub usize);

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Just before the first byte was sent.
    pub began: Moment,
    /// Just after the last byte had come, or nobody waited any more.
    pub ended: Moment,
}

impl Span {
    /// Whether the two have a moment in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.began <= other.ended && other.began <= self.ended
    }
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Answer<T> {
    /// What was asked for.
    Granted(T),
    /// A proper no.
    Refused(Refusal),
    /// 503, with the time to come back.
    Unavailable,
    /// No answer: refused connection, reset, or silence for longer than anybody waits.
    Lost,
    /// We left before an answer came.
    Abandoned,
    /// Anything else, which is always wrong.
    Wrong(String),
}

impl<T> Answer<T> {
    /// The same answer with something else in place of what was granted.
    pub fn map<U>(&self, change: impl FnOnce(&T) -> U) -> Answer<U> {
        match self {
            Self::Granted(gift) => Answer::Granted(change(gift)),
            Self::Refused(refusal) => Answer::Refused(*refusal),
            Self::Unavailable => Answer::Unavailable,
            Self::Lost => Answer::Lost,
            Self::Abandoned => Answer::Abandoned,
            Self::Wrong(what) => Answer::Wrong(what.clone()),
        }
    }

    /// What was granted.
    pub fn granted(self) -> Option<T> {
        match self {
            Self::Granted(gift) => Some(gift),
            _ => None,
        }
    }

    /// Whether this is a yes or a no, and not a silence.
    pub fn is_definite(&self) -> bool {
        matches!(self, Self::Granted(_) | Self::Refused(_))
    }
}

/// A proper no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Refusal {
    /// `invalid_grant`.
    InvalidGrant,
    /// `invalid_client`, or a page that says the same.
    InvalidClient,
    /// `invalid_token`.
    InvalidToken,
    /// `"active": false`.
    Inactive,
    /// The sign-in page.
    SignedOut,
    /// A password that is not taken.
    WrongCredentials,
    /// A proof or a request that is good once.
    UsedBefore,
}

/// What is good once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Once {
    /// A client's assertion (RFC 7523).
    Assertion,
    /// A proof of possession (RFC 9449).
    Proof,
    /// A request that was pushed (RFC 9126), once a code was issued from it.
    PushedRequest,
}

/// The tokens of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// The access token.
    pub access: Artifact,
    /// The refresh token.
    pub refresh: Artifact,
}

/// Whom an answer says a token is about; `None` for names that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Who signed in.
    pub user: Option<User>,
    /// To which app it was issued, where the answer says so.
    pub app: Option<App>,
}

/// What somebody asked for, and what came.
///
/// `rightful` says whether it was presented as it has to be: by the app it was issued to, with the right verifier, or by the API
/// that may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the specifications' own words")]
pub enum Act {
    /// Name and password, for a session.
    SignIn {
        user: User,
        answer: Answer<Artifact>,
    },
    /// A redirect from an app, for a code.
    Authorize {
        session: Artifact,
        app: App,
        answer: Answer<Artifact>,
    },
    /// A code, for tokens.
    Redeem {
        code: Artifact,
        rightful: bool,
        answer: Answer<Tokens>,
    },
    /// A refresh token, for the next ones.
    Refresh {
        token: Artifact,
        rightful: bool,
        answer: Answer<Tokens>,
    },
    /// An API asks about an access token.
    Introspect {
        token: Artifact,
        rightful: bool,
        answer: Answer<Identity>,
    },
    /// An app asks who signed in.
    UserInfo {
        token: Artifact,
        answer: Answer<Identity>,
    },
    /// An access token is given back.
    RevokeAccess { token: Artifact, answer: Answer<()> },
    /// A refresh token is given back, and with it the grant.
    RevokeGrant { token: Artifact, answer: Answer<()> },
    /// A person signs out.
    SignOut {
        session: Artifact,
        answer: Answer<()>,
    },
    /// Something that is good once.
    UseOnce {
        what: Once,
        id: Artifact,
        answer: Answer<()>,
    },
    /// The operator locks a user.
    Lock { user: User, answer: Answer<()> },
    /// And unlocks them.
    Unlock { user: User, answer: Answer<()> },
    /// The operator disables an app.
    Disable { app: App, answer: Answer<()> },
    /// And enables it.
    Enable { app: App, answer: Answer<()> },
}

impl Act {
    /// What was presented; nothing for a password and for the operator's commands.
    pub fn artifact(&self) -> Option<Artifact> {
        match self {
            Self::Authorize { session, .. } | Self::SignOut { session, .. } => Some(*session),
            Self::Redeem { code, .. } => Some(*code),
            Self::Refresh { token, .. }
            | Self::Introspect { token, .. }
            | Self::UserInfo { token, .. }
            | Self::RevokeAccess { token, .. }
            | Self::RevokeGrant { token, .. } => Some(*token),
            Self::UseOnce { id, .. } => Some(*id),
            Self::SignIn { .. }
            | Self::Lock { .. }
            | Self::Unlock { .. }
            | Self::Disable { .. }
            | Self::Enable { .. } => None,
        }
    }

    /// What came of it, whatever was granted.
    pub fn answer(&self) -> Answer<()> {
        match self {
            Self::SignIn { answer, .. } | Self::Authorize { answer, .. } => answer.map(|_| ()),
            Self::Redeem { answer, .. } | Self::Refresh { answer, .. } => answer.map(|_| ()),
            Self::Introspect { answer, .. } | Self::UserInfo { answer, .. } => answer.map(|_| ()),
            Self::RevokeAccess { answer, .. }
            | Self::RevokeGrant { answer, .. }
            | Self::SignOut { answer, .. }
            | Self::UseOnce { answer, .. }
            | Self::Lock { answer, .. }
            | Self::Unlock { answer, .. }
            | Self::Disable { answer, .. }
            | Self::Enable { answer, .. } => answer.clone(),
        }
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Which node was asked; `None` for the operator's commands, which go to the database.
    pub node: Option<Node>,
    /// From when to when.
    pub span: Span,
    /// What it was.
    pub act: Act,
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node.map_or(-1, |node| node.0 as isize);
        let (began, ended) = (self.span.began, self.span.ended);
        let act = &self.act;
        write!(
            formatter,
            "{began:>12.6?} to {ended:>12.6?} at {node:>2}: {act:?}"
        )
    }
}

/// Something that was done to the servers, on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What was done.
    pub name: String,
    /// To which nodes.
    pub nodes: Vec<Node>,
    /// From just before it was done until just before it was undone. Recovery counts from the end of it.
    pub span: Span,
    /// From when it was in effect.
    pub effect: Moment,
    /// What follows for the answers meanwhile.
    pub means: Meanwhile,
}

/// What a fault means for what its nodes answer meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Meanwhile {
    /// They may be silent.
    Silence,
    /// No yes can be true: they can't reach their memory, or know that they don't know the time.
    NothingKnown,
}

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Every request, by the moment it began.
    pub events: Vec<Event>,
    /// Every fault.
    pub faults: Vec<Fault>,
    /// When the machine stood still, and whoever measured with it.
    pub stalls: Vec<Span>,
}

impl History {
    /// A history of these events, in any order.
    pub fn new(mut events: Vec<Event>, faults: Vec<Fault>, stalls: Vec<Span>) -> Self {
        events.sort_by_key(|event| event.span.began);
        Self {
            events,
            faults,
            stalls,
        }
    }

    /// Writes it as JSON, a line for each fault, standstill and event.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        for fault in &self.faults {
            serde_json::to_writer(&mut to, fault)?;
            to.write_all(b"\n")?;
        }
        for stall in &self.stalls {
            serde_json::to_writer(&mut to, stall)?;
            to.write_all(b"\n")?;
        }
        for event in &self.events {
            serde_json::to_writer(&mut to, event)?;
            to.write_all(b"\n")?;
        }
        to.flush()
    }
}
