//! What keys are for, and how long each step of a rotation takes: the one place that says so, for the code and for
//! `docs/guides/keys.md`.

use safeconduct_protocol::{jose::Algorithm, seal::Kind, time::Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long a running node may take to answer the announcement of a master key, in seconds: four polls.
pub const ANSWER_WITHIN: i64 = 2;

/// The kinds of artifact that have a sealing key in the database.
pub(super) const SEALED: [Kind; 14] = [
    Kind::PendingAuthorization,
    Kind::PostedRequest,
    Kind::AuthorizationCode,
    Kind::RefreshToken,
    Kind::AccessToken,
    Kind::Credential,
    Kind::PushedRequest,
    Kind::Logout,
    Kind::Enrolment,
    Kind::Link,
    Kind::PasskeyCeremony,
    Kind::EventCursor,
    Kind::ListCursor,
    Kind::KeptAnswer,
];

/// What a key is for, as its row says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Seal(Kind),
    Hash,
    Sign(Algorithm),
    Subjects,
    Guesses,
}

/// How long the steps of one key's rotation take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Seconds that the next key waits, known to everybody, before it is used; `None`: it is never rotated.
    pub(super) waits: Option<i64>,
    /// How long a retired key is kept.
    pub(super) retention: Retention,
}

/// How long a retired key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retention {
    /// This many seconds: longer than anything it made is good for.
    For(i64),
    /// As long as a row was made with it, and these seconds at least, in which every node comes to know its successor.
    WhileUsed(i64),
    /// There is never one.
    Never,
}

impl Purpose {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let seals = SEALED.into_iter().map(Self::Seal);
        let signs = Algorithm::ALL.into_iter().map(Self::Sign);
        seals
            .chain(signs)
            .chain([Self::Hash, Self::Subjects, Self::Guesses])
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::all().find(|purpose| purpose.name() == text)
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::Seal(kind) => format!("seal:{}", kind.name()),
            Self::Hash => "hash".to_owned(),
            Self::Sign(algorithm) => format!("sign:{}", algorithm.name()),
            Self::Subjects => "subjects".to_owned(),
            Self::Guesses => "guesses".to_owned(),
        }
    }

    pub(super) fn window(self) -> Window {
        let minute = |retention| Window {
            waits: Some(MINUTE),
            retention,
        };
        match self {
            // Readers of the JWKS keep it for up to a day; after that, the last token it signed lives for a day at most.
            Self::Sign(_) => Window {
                waits: Some(DAY),
                retention: Retention::For(2 * DAY),
            },
            // Nodes look twice a second.
            Self::Seal(Kind::Credential) | Self::Hash => minute(Retention::WhileUsed(HOUR)),
            // `tokens.refresh_ttl` is 400 days at most, `tokens.access_ttl` one; what else is sealed lives for minutes.
            Self::Seal(Kind::RefreshToken) => minute(Retention::For(401 * DAY)),
            // An invitation lives for three days.
            Self::Seal(Kind::Link) => minute(Retention::For(4 * DAY)),
            Self::Seal(Kind::AccessToken | Kind::KeptAnswer) => minute(Retention::For(2 * DAY)),
            Self::Seal(_) => minute(Retention::For(2 * HOUR)),
            Self::Subjects | Self::Guesses => Window {
                waits: None,
                retention: Retention::Never,
            },
        }
    }
}

/// Until when a key of this `purpose` is kept that was retired at this time, and whether it is kept beyond that as long as a row was made with
/// it; `None` for what is never rotated.
pub(crate) fn kept_until(purpose: &str, retired_at: Timestamp) -> Option<(Timestamp, bool)> {
    match Purpose::parse(purpose)?.window().retention {
        Retention::For(seconds) => Some((retired_at.plus(seconds), false)),
        Retention::WhileUsed(seconds) => Some((retired_at.plus(seconds), true)),
        Retention::Never => None,
    }
}

/// A span in the largest unit that it is a number of.
pub fn span(seconds: i64) -> String {
    let (count, unit) = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")]
        .into_iter()
        .find(|(length, _)| seconds >= *length && seconds % length == 0)
        .map_or((seconds, "second"), |(length, unit)| {
            (seconds / length, unit)
        });
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/guides/keys.md`: every key, how long the next one waits and the retired one is kept.
    fn table() -> String {
        let rows = Purpose::all().map(|purpose| {
            let Window { waits, retention } = purpose.window();
            let waits = waits.map_or_else(|| "is never rotated".to_owned(), span);
            let kept = match retention {
                Retention::For(seconds) => span(seconds),
                Retention::WhileUsed(seconds) => {
                    format!("while a row was made with it, {} at least", span(seconds))
                }
                Retention::Never => "–".to_owned(),
            };
            format!("| `{}` | {waits} | {kept} |\n", purpose.name())
        });
        "| key | the next one waits | a retired one is kept |\n|---|---|---|\n".to_owned()
            + &rows.collect::<String>()
    }

    #[test]
    fn the_guide_says_of_every_key_what_the_schedule_does() {
        let guide = include_str!("../../../../docs/guides/keys.md");
        let table = table();
        assert!(
            guide.contains(&table),
            "docs/guides/keys.md lacks:\n{table}"
        );
    }
}
