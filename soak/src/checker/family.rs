//! A family: one code and every token that came of it. When it ended, by whom, and whether every answer fits.

use super::facts::{
    Cause, Ending, Facts, is_granted, is_refused, may_act_until, perhaps_ended, surely_ended,
};
use super::{Found, Invariant};
use crate::history::{Act, Answer, App, Artifact, Event, Identity, Refusal, Span};

/// What the history says about one code and what came of it.
pub(super) struct Family {
    app: App,
    session: Artifact,
    /// When the code was issued.
    born: Span,
    /// Every event at which something of it was presented, in their order.
    pub(super) uses: Vec<(usize, Presented)>,
}

/// What of a family was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    Code { rightful: bool },
    RefreshToken { generation: u32, rightful: bool },
    AccessToken { token: Artifact, rightful: bool },
    RevokedAccessToken(Artifact),
    Revocation,
}

impl Family {
    pub(super) fn new(app: App, session: Artifact, born: Span) -> Self {
        Self {
            app,
            session,
            born,
            uses: Vec::new(),
        }
    }

    /// The events at which the code was presented as it has to be.
    fn redemptions(&self) -> Vec<usize> {
        let rightful = |(index, presented): &(usize, Presented)| match presented {
            Presented::Code { rightful: true } => Some(*index),
            _ => None,
        };
        self.uses.iter().filter_map(rightful).collect()
    }

    /// The events at which a refresh token was presented as it has to be, with its generation.
    fn refreshes(&self) -> Vec<(usize, u32)> {
        let rightful = |(index, presented): &(usize, Presented)| match presented {
            Presented::RefreshToken {
                generation,
                rightful: true,
            } => Some((*index, *generation)),
            _ => None,
        };
        self.uses.iter().filter_map(rightful).collect()
    }
}

/// Holds every answer about a family to what had happened to it.
pub(super) fn judge(family: &Family, facts: &Facts<'_>, found: &mut Found<'_>) {
    let redemptions = family.redemptions();
    let bought: Vec<usize> = (redemptions.iter().copied())
        .filter(|index| is_granted(&facts.events[*index]))
        .collect();
    if bought.len() > 1 {
        found.broken(Invariant::I1, "a code bought tokens twice", &bought);
    }
    let refreshes = family.refreshes();
    judge_order(&refreshes, facts, found);

    let endings = endings(family, &redemptions, &refreshes, facts);
    for &(index, presented) in &family.uses {
        let judged = Judged {
            family,
            facts,
            endings: &endings,
            redemptions: &redemptions,
            index,
            event: &facts.events[index],
        };
        match presented {
            Presented::Code { rightful } | Presented::RefreshToken { rightful, .. } => {
                judged.exchange(rightful, found);
            }
            Presented::AccessToken { token, rightful } => {
                judged.access_token(token, rightful, found);
            }
            Presented::RevokedAccessToken(_) | Presented::Revocation => {
                judged.revocation(found);
            }
        }
    }
}

/// A refresh token must not work once its successor has been used: every use is of the newest generation that was ever used,
/// or of the one after it.
fn judge_order(refreshes: &[(usize, u32)], facts: &Facts<'_>, found: &mut Found<'_>) {
    let granted = refreshes
        .iter()
        .filter(|(index, _)| is_granted(&facts.events[*index]));
    let mut by_end: Vec<_> = granted.clone().copied().collect();
    by_end.sort_by_key(|(index, _)| facts.events[*index].span.ended);
    let mut ended = by_end.into_iter().peekable();
    let mut newest: Option<(usize, u32)> = None;
    for &(index, generation) in granted {
        let began = facts.events[index].span.began;
        while let Some(before) =
            ended.next_if(|(other, _)| facts.events[*other].span.ended <= began)
        {
            if newest.is_none_or(|(_, newest)| newest < before.1) {
                newest = Some(before);
            }
        }
        if let Some((other, _)) = newest.filter(|(_, newest)| *newest > generation) {
            let claim = format!("generation {generation} works after its successor was used");
            found.broken(Invariant::I2, claim, &[other, index]);
        }
    }
}

/// Everything that ended a family, or may have.
fn endings(
    family: &Family,
    redemptions: &[usize],
    refreshes: &[(usize, u32)],
    facts: &Facts<'_>,
) -> Vec<Ending> {
    let session = facts.session(family.session);
    let mut endings = session.map_or_else(Vec::new, |session| facts.endings_of_session(session));
    endings.extend(facts.endings_of_app(family.app, &family.born));
    for &(index, presented) in &family.uses {
        if presented == Presented::Revocation {
            let event = &facts.events[index];
            endings.push(ending(Cause::Revoked, index, event, is_granted(event)));
        }
    }
    endings.extend(replays(redemptions, facts));
    endings.extend(reuses(refreshes, facts));
    endings
}

/// A code that is presented again ends what it bought (RFC 6749 §4.1.2). Which of two was first is for the answers to say.
fn replays(redemptions: &[usize], facts: &Facts<'_>) -> Vec<Ending> {
    let bought = |index: &usize| is_granted(&facts.events[*index]);
    let is_bought = redemptions.iter().any(bought);
    let replay = |&index: &usize| {
        let event = &facts.events[index];
        let done = is_bought && is_invalid_grant(event);
        ending(Cause::CodeReplayed, index, event, done)
    };
    match redemptions {
        [] | [_] => Vec::new(),
        // The first may be the replay of the second, if both were under way at once; before the second began, nothing was.
        [first, second, ..] => {
            let second_began = facts.events[*second].span.began;
            let mut all: Vec<Ending> = redemptions.iter().map(replay).collect();
            for ending in all.iter_mut().filter(|ending| ending.event == *first) {
                ending.began = second_began;
            }
            all
        }
    }
}

/// A refresh token that comes back after its successor was used ends the family (RFC 9700 §4.14.2).
fn reuses(refreshes: &[(usize, u32)], facts: &Facts<'_>) -> Vec<Ending> {
    let mut endings = Vec::new();
    for &(index, generation) in refreshes {
        let event = &facts.events[index];
        let until = may_act_until(event);
        let newer = refreshes
            .iter()
            .filter(|(_, newer)| *newer > generation)
            .map(|(other, _)| &facts.events[*other]);
        let perhaps = newer.clone().filter(|newer| newer.span.began < until);
        let Some(began) = perhaps.map(|newer| newer.span.began).min() else {
            continue;
        };
        let used_before = |newer: &Event| is_granted(newer) && newer.span.ended <= event.span.began;
        let done = is_invalid_grant(event) && newer.clone().any(used_before);
        endings.push(Ending {
            began: began.max(event.span.began),
            ..ending(Cause::TokenReused, index, event, done)
        });
    }
    endings
}

fn ending(cause: Cause, index: usize, event: &Event, done: bool) -> Ending {
    Ending {
        began: event.span.began,
        done: done.then_some(event.span.ended),
        cause,
        event: index,
    }
}

fn is_invalid_grant(event: &Event) -> bool {
    event.act.answer() == Answer::Refused(Refusal::InvalidGrant)
}

/// One event that is held to what had happened to its family.
struct Judged<'j, 'h> {
    family: &'j Family,
    facts: &'j Facts<'h>,
    endings: &'j [Ending],
    redemptions: &'j [usize],
    index: usize,
    event: &'j Event,
}

impl Judged<'_, '_> {
    /// A code or a refresh token, for tokens.
    fn exchange(&self, rightful: bool, found: &mut Found<'_>) {
        let span = &self.event.span;
        if is_granted(self.event) {
            self.granted(rightful, found);
            let disabled = self.facts.surely_disabled(self.family.app, span);
            if let Some(disable) = disabled {
                let claim = "tokens for a disabled app";
                found.broken(Invariant::I3, claim, &[disable, self.index]);
            }
        } else if rightful && is_refused(self.event) {
            let is_code = matches!(self.event.act, Act::Redeem { .. });
            let presented_before = |other: &usize| {
                *other != self.index && self.facts.events[*other].span.began < span.ended
            };
            let excused = perhaps_ended(self.endings, span.ended)
                || self.facts.perhaps_disabled(self.family.app, span)
                || (is_code && self.redemptions.iter().any(presented_before));
            if !excused {
                found.broken(Invariant::I4, "refused without a reason", &[self.index]);
            }
        }
    }

    /// An access token, at an API or for who signed in.
    fn access_token(&self, token: Artifact, rightful: bool, found: &mut Found<'_>) {
        let span = &self.event.span;
        let revocations = self.revocations_of(token);
        if is_granted(self.event) {
            self.granted(rightful, found);
            self.judge_identity(found);
            if let Some(ending) = surely_ended(&revocations, span.began) {
                let claim = "a revoked access token works";
                found.broken(Invariant::I3, claim, &[ending.event, self.index]);
            }
        } else if rightful && is_refused(self.event) {
            // Who signed in is told to enabled apps only, as far as the node's copy knows.
            let by_app = matches!(self.event.act, Act::UserInfo { .. });
            let excused = perhaps_ended(self.endings, span.ended)
                || perhaps_ended(&revocations, span.ended)
                || (by_app && self.facts.perhaps_disabled(self.family.app, span));
            if !excused {
                let claim = "a good access token is dead without a reason";
                found.broken(Invariant::I4, claim, &[self.index]);
            }
        }
    }

    /// Giving something back is refused to no app that is enabled.
    fn revocation(&self, found: &mut Found<'_>) {
        let span = &self.event.span;
        let disabled = self.facts.perhaps_disabled(self.family.app, span);
        if is_refused(self.event) && !disabled {
            found.broken(Invariant::I4, "a revocation was refused", &[self.index]);
        }
    }

    fn granted(&self, rightful: bool, found: &mut Found<'_>) {
        if !rightful {
            found.broken(Invariant::I5, "accepted in the wrong hands", &[self.index]);
        }
        if let Some(ending) = surely_ended(self.endings, self.event.span.began) {
            let (invariant, claim) = match ending.cause {
                Cause::Locked => (Invariant::I3, "it works after its user was locked"),
                Cause::Disabled => (Invariant::I3, "it works after its app was disabled"),
                Cause::SignedOut => (Invariant::I3, "it works after its session was ended"),
                Cause::Revoked => (Invariant::I3, "it works after it was revoked"),
                Cause::CodeReplayed => (Invariant::I1, "it works after its code was replayed"),
                Cause::TokenReused => (Invariant::I2, "it works after a reuse was detected"),
            };
            found.broken(invariant, claim, &[ending.event, self.index]);
        }
    }

    fn judge_identity(&self, found: &mut Found<'_>) {
        let identity: Option<Identity> = match &self.event.act {
            Act::Introspect { answer, .. } | Act::UserInfo { answer, .. } => {
                answer.clone().granted()
            }
            _ => None,
        };
        let session = self.facts.session(self.family.session);
        let user = session.map(|session| session.user);
        let says_other_app =
            |identity: &Identity| (identity.app).is_some_and(|app| app != self.family.app);
        if identity.is_some_and(|identity| identity.user != user || says_other_app(&identity)) {
            found.broken(Invariant::I5, "said to be somebody else's", &[self.index]);
        }
    }

    fn revocations_of(&self, token: Artifact) -> Vec<Ending> {
        let revocation = |(index, presented): &(usize, Presented)| {
            let event = &self.facts.events[*index];
            (*presented == Presented::RevokedAccessToken(token))
                .then(|| ending(Cause::Revoked, *index, event, is_granted(event)))
        };
        self.family.uses.iter().filter_map(revocation).collect()
    }
}
