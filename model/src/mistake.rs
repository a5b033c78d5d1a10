//! Mistakes that somebody could make in the rules or in the statements. Each is a switch in the model, so that a test can see
//! the checker find what it breaks.

/// One deliberate mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A redemption looks for the grant's row first and writes it afterwards.
    ReadThenWrite,
    /// The grant's row does not say which attempt made it.
    NoAttempt,
    /// A redemption is an `INSERT … ON CONFLICT DO NOTHING` and a second look.
    DoNothing,
    /// A retry is given however long ago the rotation was.
    WindowIgnored,
    /// A rotation does not ask whether the presented generation is the current one.
    GenerationNotCompared,
    /// A rotation looks at the grant's row first and writes it afterwards.
    RotationReadsFirst,
    /// An old refresh token is refused, and its grant lives on.
    ReuseForgiven,
    /// A refresh token whose answer was lost is an old one.
    NoRetry,
    /// A refresh asks whether user, client and session are there, and not whether they are what they were.
    EpochsNotCompared,
    /// Unlocking gives back the epoch that locking raised.
    UnlockLowersEpoch,
    /// An era is called by the number after the last one, which a copy may not know.
    ErasCounted,
    /// Neither nodes nor statements compare the era.
    EraNotCompared,
    /// A redemption does not ask by when things have been forgotten since it was decided.
    MarkNotCompared,
    /// What is presented is not compared with who presents it.
    ClientNotCompared,
    /// The answer leaves before the write.
    SentBeforeCommit,
    /// A commit that nobody confirmed counts as one.
    UnheardMeansDone,
}
