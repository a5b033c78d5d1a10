//! What must hold at every moment, and what must be reached at least once so that the first means something.
//!
//! Most of it asks of every moment: if somebody came now, with anything that was ever handed out, to any node, what would they
//! get? So a counterexample ends where the harm becomes possible.

use std::ops::Range;

use stateright::Property;

use crate::bounds::{Bounds, Credentials, Restore, Sweep};
use crate::life::Life;
use crate::mistake::Mistake;
use crate::request::{Answer, Artifact, How, Stage};
use crate::state::State;

/// I1: however often the codes of one request are presented, tokens are given for one of them, once.
pub const CODE_ONCE: &str = "I1: a code buys tokens once";
/// I1: when a redeemed code has come back, nothing it bought is good any more (RFC 6749 §4.1.2).
pub const REPLAY_ENDS: &str = "I1: a replayed code ends what it bought";
/// I2: no generation is rotated twice, so a family of tokens never forks.
pub const ONE_SUCCESSOR: &str = "I2: a refresh token has one successor";
/// I2: a token is good while it is current, and after that only for its successor, and for a public client only for a while.
pub const ONLY_IN_TIME: &str =
    "I2: a replaced refresh token is only good for its successor, in time";
/// I2: when a token has come back that was not good any more, nothing of its family is (RFC 9700 §4.14.2).
pub const REUSE_ENDS: &str = "I2: a reused refresh token ends its family";
/// I3: what was locked, disabled, withdrawn, revoked or signed out of brings nothing ever again.
pub const ENDED_STAYS_ENDED: &str = "I3: what was ended stays ended";
/// I4: the database knows of every token that the client was given.
pub const KEPT: &str = "I4: what was answered is kept";
/// I5: nobody gets anything for what was issued to somebody else.
pub const NOBODY_ELSE: &str = "I5: tokens are for the client they were issued to";
/// I1 to I3 across a restore: nothing that was handed out before an era is good in it.
pub const ERA_FORGETS: &str = "E24: an era accepts nothing from before it";
/// A client whose answer was lost gets the same tokens by asking again, and one whose code was not redeemed may redeem it.
pub const A_CLIENT_GETS_ON: &str = "a client that lost an answer gets on";

/// What is checked within `bounds`.
pub(crate) fn of(bounds: &Bounds) -> Vec<Property<Life>> {
    let mut properties = vec![
        always(CODE_ONCE, |_, state| {
            let [first, second] = state.witness.bought;
            first + second <= 1
        }),
        always(REPLAY_ENDS, |life, state| {
            !state.witness.replayed || !is_any_token_good(life, state)
        }),
        always(ONE_SUCCESSOR, |_, state| {
            state.witness.rotated.iter().all(|times| *times <= 1)
        }),
        always(ONLY_IN_TIME, |_, state| !state.witness.too_old_accepted),
        always(REUSE_ENDS, |life, state| {
            !state.witness.reused || !is_any_token_good(life, state)
        }),
        always(ENDED_STAYS_ENDED, ended_stays_ended),
        always(KEPT, is_kept),
        always(NOBODY_ELSE, |_, state| !state.witness.stolen),
        always(ERA_FORGETS, |life, state| {
            let old = |artifact: &Artifact| history(state, *artifact) < state.witness.history;
            let artifacts = handed_out(state);
            !is_good(life, state, artifacts.into_iter().filter(old))
                && !is_access_good(life, state, 0..usize::from(state.witness.history))
        }),
    ];
    if bounds.is_friendly() {
        properties.push(always(A_CLIENT_GETS_ON, a_client_gets_on));
    }
    properties.extend(examples(bounds));
    properties
}

/// Whether something holds in a state.
type Condition = fn(&Life, &State) -> bool;

fn always(name: &'static str, condition: Condition) -> Property<Life> {
    Property::always(name, condition)
}

/// Everything that was handed out: the codes, and refresh tokens of every generation.
pub(crate) fn handed_out(state: &State) -> Vec<Artifact> {
    let codes = (0_u8..2).filter(|code| state.codes[usize::from(*code)].is_some());
    codes.map(Artifact::Code).chain(tokens(state)).collect()
}

/// What must be reached, so that nothing is proven of a world in which nothing happens.
fn examples(bounds: &Bounds) -> Vec<Property<Life>> {
    let mut examples: Vec<(&'static str, Condition)> = vec![("a code buys tokens", |_, state| {
        state.witness.bought[0] == 1
    })];
    if bounds.generations > 0 {
        examples.push(("the last generation is current", |life, state| {
            let row = state.rows.grant;
            row.is_some_and(|row| row.generation == life.bounds.generations)
        }));
        examples.push(("a lost answer is given again", |_, state| {
            state
                .answered(|stage| matches!(stage, Stage::Answered(Answer::Tokens(_, How::Retried))))
        }));
    }
    if bounds.attacker {
        examples.push(("a code is replayed", |_, state| state.witness.replayed));
        examples.push(("a replay is refused to the client", |_, state| {
            is_refused(state, "code-redeemed")
        }));
    }
    if bounds.codes > 1 {
        examples.push(("a second code is superseded", |_, state| {
            is_refused(state, "code-superseded")
        }));
    }
    let reuse_in_reach = bounds.generations > 1 || bounds.credentials == Credentials::Public;
    if bounds.attacker && reuse_in_reach {
        examples.push(("a refresh token is reused", |_, state| state.witness.reused));
    }
    if bounds.blows > 0 {
        examples.push(("what was ended is refused", |_, state| {
            is_refused(state, "grant-ended")
        }));
    }
    if bounds.unheard {
        examples.push(("an unheard commit was one", |_, state| {
            state
                .answered(|stage| matches!(stage, Stage::Answered(Answer::Tokens(_, How::Settled))))
        }));
        examples.push(("an unheard commit was none", |_, state| {
            state.answered(|stage| matches!(stage, Stage::Answered(Answer::Unavailable)))
        }));
    }
    if bounds.sweep != Sweep::Never {
        examples.push(("a grant is forgotten", |_, state| {
            state.rows.grant.is_none() && state.handed_out.iter().any(Option::is_some)
        }));
    }
    if bounds.restore == Restore::Silently {
        examples.push(("a token comes from a lost history", |_, state| {
            is_refused(state, "refresh-token-from-lost-history")
        }));
    }
    let examples = examples.into_iter();
    examples
        .map(|(name, condition)| Property::sometimes(name, condition))
        .collect()
}

fn is_refused(state: &State, name: &str) -> bool {
    state.answered(|stage| matches!(stage, Stage::Answered(Answer::Refused(by)) if *by == name))
}

fn ended_stays_ended(life: &Life, state: &State) -> bool {
    let ended = |artifact: &Artifact| match artifact {
        Artifact::Code(code) => state.codes[usize::from(*code)].is_some_and(|code| code.ended),
        Artifact::Token { .. } => state.witness.tokens_ended,
    };
    let artifacts = handed_out(state);
    let access = state.witness.tokens_ended;
    let revived = is_good(life, state, artifacts.into_iter().filter(ended))
        || (access && is_access_good(life, state, 0..state.handed_out.len()));
    !revived
}

/// A restore loses what was answered: that is what it is. Nothing else does.
fn is_kept(_: &Life, state: &State) -> bool {
    let Some(held) = state.held.filter(|_| state.witness.restored == 0) else {
        return true;
    };
    let handed_out = state.handed_out[usize::from(held.history)];
    let over = handed_out.is_some_and(|handed_out| state.now >= handed_out.expires_at);
    let row = state.rows.grant;
    over || row.is_some_and(|row| row.generation >= held.generation)
}

fn a_client_gets_on(life: &Life, state: &State) -> bool {
    if !state.requests.is_empty() {
        return true;
    }
    let (now, lifetimes) = (state.now, &life.bounds.lifetimes);
    let Some(row) = state.rows.grant else {
        let mut codes = (0_u8..2).filter(|code| {
            let issued = state.codes[usize::from(*code)];
            issued.is_some_and(|issued| now.since(issued.at) < lifetimes.code)
        });
        return codes.all(|code| is_good(life, state, [Artifact::Code(code)]));
    };
    let Some(held) = state.held else {
        // A lost answer to a redemption is a new sign-in: the code is spent. So is asking again when the window is over.
        return !row.revoked || (life.cast().client().is_public() && state.witness.reused);
    };
    let late = life.cast().client().is_public()
        && held.generation < row.generation
        && now.since(row.rotated_at) > lifetimes.refresh_retry_window;
    let over = late || now >= row.idle_expires_at;
    let token = Artifact::Token {
        history: held.history,
        generation: held.generation,
    };
    over || is_good(life, state, [token])
}

fn tokens(state: &State) -> Vec<Artifact> {
    let mut tokens = Vec::new();
    for (history, handed_out) in (0_u8..).zip(&state.handed_out) {
        let top = handed_out.map_or(-1, |handed_out| handed_out.generation);
        tokens.extend((0..=top).map(|generation| Artifact::Token {
            history,
            generation,
        }));
    }
    tokens
}

/// In which history an artifact was handed out.
fn history(state: &State, artifact: Artifact) -> u8 {
    match artifact {
        Artifact::Code(code) => state.codes[usize::from(code)].map_or(0, |issued| issued.history),
        Artifact::Token { history, .. } => history,
    }
}

fn is_any_token_good(life: &Life, state: &State) -> bool {
    is_good(life, state, tokens(state)) || is_access_good(life, state, 0..state.handed_out.len())
}

/// Whether any of these would bring tokens now, at any node.
fn is_good(life: &Life, state: &State, artifacts: impl IntoIterator<Item = Artifact>) -> bool {
    let mut artifacts = artifacts.into_iter();
    artifacts.any(|artifact| {
        life.different_nodes(state)
            .any(|node| life.would_bring_tokens(state, node, artifact))
    })
}

/// Whether an access token of any of these histories is good now, at any node.
fn is_access_good(life: &Life, state: &State, histories: Range<usize>) -> bool {
    let mut handed_out = state.handed_out[histories].iter().flatten();
    handed_out.any(|token| {
        life.different_nodes(state).any(|node| {
            let now = life.now(state, node);
            let known = state.nodes[usize::from(node)];
            let ours = token.era == known || life.mistake == Some(Mistake::EraNotCompared);
            let good = state.rows.introspect(token.era, now, life.mistake);
            ours && now < token.access_until && good
        })
    })
}
