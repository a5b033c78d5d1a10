//! How far the checker walks: who takes part, how much may be in flight, how much time passes. Everything within the bounds is
//! visited; the number of requests is not bounded, only how many are in flight at once.

use safeconduct_protocol::grant::Lifetimes;

/// How the client authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// With a secret: a retry has no time limit.
    Confidential,
    /// Not at all: a retry has a window.
    Public,
}

/// What happens to the database as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// Nothing.
    Never,
    /// It is replaced by an older copy, at most so many times, and an era is begun before anybody asks it anything.
    WithEra(u8),
    /// It is replaced by an older copy, and nobody says so.
    Silently,
}

/// When rows that have passed their end are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Not at all.
    Never,
    /// At any time, and there may have been no sweep before for as long as you like.
    AtAnyTime,
    /// At any time, and in every step of time there is a sweep, whether it finds anything or not.
    AllTheTime,
}

/// The bounds of one walk.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How the client authenticates.
    pub credentials: Credentials,
    /// Whether what is allowed outlives the browser session.
    pub offline: bool,
    /// How many codes the one authorization request may bring, at most 2.
    pub codes: usize,
    /// The highest generation of refresh tokens, at most 3.
    pub generations: i64,
    /// How many requests may be in flight at once.
    pub in_flight: usize,
    /// How often the clock may move.
    pub steps: i64,
    /// By how many seconds.
    pub step: i64,
    /// How far the clock of the second node is ahead, in seconds.
    pub skew: i64,
    /// Whether somebody replays what was handed out.
    pub attacker: bool,
    /// Whether the client may stop waiting for an answer while its request goes on.
    pub impatient: bool,
    /// Whether nodes may not hear whether their commit was one.
    pub unheard: bool,
    /// How many administrative writes may end something. What lets it be allowed again is not counted.
    pub blows: u8,
    /// What happens to the database as a whole.
    pub restore: Restore,
    /// When rows that have passed their end are forgotten.
    pub sweep: Sweep,
    /// How many seconds may pass between the decision and the statement; what takes longer is given up.
    pub longest_request: i64,
    /// How many seconds a statement may take; what takes longer is given up.
    pub longest_statement: i64,
    /// How long things live.
    pub lifetimes: Lifetimes,
}

/// Lifetimes of one or two steps of a minute.
const SHORT: Lifetimes = Lifetimes {
    pending: 15 * 60,
    code: 90,
    access_token: 90,
    refresh: 180,
    refresh_idle: 120,
    refresh_retry_window: 30,
};

/// One code, one attacker, two requests in flight; nothing ends and nothing fails but nodes and answers.
const BASE: Bounds = Bounds {
    credentials: Credentials::Confidential,
    offline: true,
    codes: 1,
    generations: 2,
    in_flight: 2,
    steps: 1,
    step: 60,
    skew: 0,
    attacker: true,
    impatient: false,
    unheard: false,
    blows: 0,
    restore: Restore::Never,
    sweep: Sweep::Never,
    longest_request: i64::MAX,
    longest_statement: i64::MAX,
    lifetimes: SHORT,
};

impl Bounds {
    /// Two codes of one request, three requests at once.
    pub const REDEMPTION: Self = Self {
        codes: 2,
        generations: 0,
        in_flight: 3,
        ..BASE
    };

    /// A confidential client's tokens over three generations and three steps of time.
    pub const ROTATION: Self = Self {
        generations: 3,
        steps: 3,
        ..BASE
    };

    /// The same for a public client, whose retries have a window.
    pub const ROTATION_OF_A_PUBLIC_CLIENT: Self = Self {
        credentials: Credentials::Public,
        ..Self::ROTATION
    };

    /// Commits that nobody confirms, and a client that stops waiting.
    pub const UNHEARD: Self = Self {
        unheard: true,
        impatient: true,
        ..BASE
    };

    /// A client that loses answers, alone in the world: nodes crash and commits go unheard, nobody attacks and nothing ends.
    pub const LOST_ANSWERS: Self = Self {
        generations: 3,
        in_flight: 1,
        steps: 3,
        attacker: false,
        unheard: true,
        ..BASE
    };

    /// The same for a public client.
    pub const LOST_ANSWERS_OF_A_PUBLIC_CLIENT: Self = Self {
        credentials: Credentials::Public,
        ..Self::LOST_ANSWERS
    };

    /// Two administrative writes of any kind, at any moment, to a grant that ends with its session.
    pub const ENDS: Self = Self {
        offline: false,
        steps: 0,
        blows: 2,
        ..BASE
    };

    /// The same while two codes are redeemed for a client that goes on without the session.
    pub const ENDS_OF_CODES: Self = Self {
        offline: true,
        codes: 2,
        generations: 0,
        ..Self::ENDS
    };

    /// The database is replaced by an older copy, and an era begins; nodes learn of it late.
    pub const RESTORED: Self = Self {
        generations: 1,
        steps: 0,
        blows: 1,
        restore: Restore::WithEra(1),
        ..BASE
    };

    /// The same, and nobody begins an era.
    pub const RESTORED_SILENTLY: Self = Self {
        restore: Restore::Silently,
        ..Self::RESTORED
    };

    /// The same copy is used twice, with an era begun each time.
    pub const RESTORED_TWICE: Self = Self {
        blows: 0,
        restore: Restore::WithEra(2),
        ..Self::RESTORED
    };

    /// Two nodes whose clocks are a minute apart.
    pub const SKEWED: Self = Self {
        skew: 60,
        steps: 2,
        ..BASE
    };

    /// Rows are forgotten at their end, which short lifetimes bring near. No request takes longer than the ten minutes that a
    /// tombstone stays behind the last moment of its code.
    pub const FORGOTTEN: Self = Self {
        codes: 2,
        generations: 1,
        steps: 3,
        step: 600,
        sweep: Sweep::AtAnyTime,
        longest_request: 599,
        longest_statement: 599,
        lifetimes: Lifetimes {
            pending: 0,
            code: 100,
            access_token: 100,
            refresh: 300,
            refresh_idle: 300,
            refresh_retry_window: 30,
        },
        ..BASE
    };

    /// A node may sleep between the decision and the statement for as long as it likes, while others sweep.
    pub const FORGOTTEN_BY_A_SLEEPER: Self = Self {
        sweep: Sweep::AllTheTime,
        longest_request: i64::MAX,
        longest_statement: 600,
        ..Self::FORGOTTEN
    };

    /// The same where nobody else sweeps: all sleep, and all wake at once.
    pub const FORGOTTEN_BY_ALL: Self = Self {
        sweep: Sweep::AtAnyTime,
        ..Self::FORGOTTEN_BY_A_SLEEPER
    };

    /// The same with one more request in flight and a second code: for hours, not for every day.
    #[must_use]
    pub const fn larger(self) -> Self {
        Self {
            in_flight: self.in_flight + 1,
            codes: 2,
            ..self
        }
    }

    /// Whether nothing but crashes and lost answers stands in the client's way.
    pub fn is_friendly(&self) -> bool {
        let quiet = !self.attacker && !self.impatient && self.blows == 0 && self.skew == 0;
        quiet && self.sweep == Sweep::Never && self.restore == Restore::Never
    }
}
