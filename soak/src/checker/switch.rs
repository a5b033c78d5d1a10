//! What was switched off and on again by the operator, and when it surely was, or perhaps.

use super::facts::{Cause, Ending, is_granted, may_act_until};
use crate::history::{Event, Moment, Span};

/// What the operator switches off and on: a user or an app. One operator works at a time, so turns do not meet.
#[derive(Default)]
pub(super) struct Switch(Vec<Turn>);

struct Turn {
    off: bool,
    span: Span,
    acknowledged: bool,
    may_act_until: Moment,
    event: usize,
}

impl Switch {
    pub(super) fn turn(&mut self, off: bool, index: usize, event: &Event) {
        self.0.push(Turn {
            off,
            span: event.span,
            acknowledged: is_granted(event),
            may_act_until: may_act_until(event),
            event: index,
        });
    }

    /// The turn by which it was surely off, `margin` before `span` and all through it.
    pub(super) fn surely_off(&self, span: &Span, margin: Moment) -> Option<usize> {
        let last = self.0.iter().rposition(|turn| {
            turn.off && turn.acknowledged && turn.span.ended + margin <= span.began
        })?;
        let back_on = |turn: &Turn| !turn.off && turn.span.began < span.ended;
        let (before, after) = (&self.0[..last], &self.0[last + 1..]);
        let lingering = |turn: &Turn| !turn.off && turn.may_act_until > self.0[last].span.began;
        let doubted = after.iter().any(back_on) || before.iter().any(lingering);
        (!doubted).then(|| self.0[last].event)
    }

    /// Whether it may have been off at some moment of `span`, or within `margin` before it.
    pub(super) fn perhaps_off(&self, span: &Span, margin: Moment) -> bool {
        (0..self.0.len()).any(|index| {
            let off = &self.0[index];
            let back_on = |turn: &Turn| {
                !turn.off
                    && turn.acknowledged
                    && turn.span.began >= off.may_act_until
                    && turn.span.ended + margin <= span.began
            };
            off.off && off.span.began < span.ended && !self.0[index + 1..].iter().any(back_on)
        })
    }

    /// What each turn to off means for something that was born in `born`: switching on again revives nothing.
    pub(super) fn endings(&self, born: &Span, cause: Cause) -> Vec<Ending> {
        let ends = |turn: &&Turn| turn.off && turn.may_act_until > born.began;
        let ending = |turn: &Turn| Ending {
            began: turn.span.began,
            done: (turn.acknowledged && born.ended <= turn.span.began).then_some(turn.span.ended),
            cause,
            event: turn.event,
        };
        self.0.iter().filter(ends).map(ending).collect()
    }
}
