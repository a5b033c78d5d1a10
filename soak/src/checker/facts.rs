//! What a history says about each session, code and token, about each user and app. Families are judged elsewhere; what has
//! none, sign-ins and things that are good once, is judged here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::family::{Family, Presented};
use super::switch::Switch;
use super::{COPIES_FOLLOW, Found, Invariant, LINGERS};
use crate::history::{Act, Answer, App, Artifact, Event, History, Moment, Span, Tokens, User};

/// Something that ends what was handed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    /// From when it may have taken effect.
    pub(super) began: Moment,
    /// From when it surely has; `None` if nobody confirmed it.
    pub(super) done: Option<Moment>,
    pub(super) cause: Cause,
    /// Which event it was.
    pub(super) event: usize,
}

/// What ended something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Locked,
    Disabled,
    SignedOut,
    Revoked,
    CodeReplayed,
    TokenReused,
}

/// A session.
pub(super) struct Session {
    pub(super) user: User,
    pub(super) born: Span,
    endings: Vec<Ending>,
}

/// Everything that the history says, by what it is about.
pub(super) struct Facts<'h> {
    pub(super) events: &'h [Event],
    sessions: HashMap<Artifact, Session>,
    families: Vec<Family>,
    codes: HashMap<Artifact, usize>,
    refresh_tokens: HashMap<Artifact, (usize, u32)>,
    access_tokens: HashMap<Artifact, usize>,
    locks: HashMap<User, Switch>,
    apps: HashMap<App, Switch>,
    used_once: HashMap<Artifact, Vec<usize>>,
}

impl<'h> Facts<'h> {
    /// Reads the history once, in the order in which requests began: whatever is presented was handed out before.
    pub(super) fn collect(history: &'h History, found: &mut Found<'_>) -> Self {
        let mut facts = Self {
            events: &history.events,
            sessions: HashMap::new(),
            families: Vec::new(),
            codes: HashMap::new(),
            refresh_tokens: HashMap::new(),
            access_tokens: HashMap::new(),
            locks: HashMap::new(),
            apps: HashMap::new(),
            used_once: HashMap::new(),
        };
        for (index, event) in history.events.iter().enumerate() {
            if let Answer::Wrong(what) = event.act.answer() {
                let claim = format!("an answer that is neither yes, no nor 503: {what}");
                found.broken(Invariant::I7, claim, &[index]);
            }
            facts.take(index, event, found);
        }
        facts
    }

    pub(super) fn families(&self) -> &[Family] {
        &self.families
    }

    pub(super) fn session(&self, session: Artifact) -> Option<&Session> {
        self.sessions.get(&session)
    }

    /// Everything that ended a session, or may have.
    pub(super) fn endings_of_session(&self, session: &Session) -> Vec<Ending> {
        let mut endings = session.endings.clone();
        if let Some(switch) = self.locks.get(&session.user) {
            endings.extend(switch.endings(&session.born, Cause::Locked));
        }
        endings
    }

    /// Everything by which the operator ended what an app was given a code for in `born`, or may have.
    pub(super) fn endings_of_app(&self, app: App, born: &Span) -> Vec<Ending> {
        let switch = self.apps.get(&app);
        switch.map_or_else(Vec::new, |switch| switch.endings(born, Cause::Disabled))
    }

    /// The event that had surely disabled the app, all through `span`.
    pub(super) fn surely_disabled(&self, app: App, span: &Span) -> Option<usize> {
        self.apps.get(&app)?.surely_off(span, COPIES_FOLLOW)
    }

    pub(super) fn perhaps_disabled(&self, app: App, span: &Span) -> bool {
        let switch = self.apps.get(&app);
        switch.is_some_and(|switch| switch.perhaps_off(span, COPIES_FOLLOW))
    }

    /// Judges sign-ins, redirects and what is good once.
    pub(super) fn judge_people(&self, found: &mut Found<'_>) {
        for (index, event) in self.events.iter().enumerate() {
            match &event.act {
                Act::SignIn { user, answer } => {
                    let granted = matches!(answer, Answer::Granted(_));
                    self.judge_sign_in(index, *user, granted, found);
                }
                Act::Authorize {
                    session,
                    app,
                    answer,
                } => self.judge_redirect(index, *session, *app, answer, found),
                _ => {}
            }
        }
        for uses in self.used_once.values() {
            self.judge_once(uses, found);
        }
    }

    fn judge_sign_in(&self, index: usize, user: User, granted: bool, found: &mut Found<'_>) {
        let span = &self.events[index].span;
        let switch = self.locks.get(&user);
        let at_once = Moment::ZERO;
        if granted {
            let locked = switch.and_then(|switch| switch.surely_off(span, at_once));
            if let Some(lock) = locked {
                found.broken(Invariant::I3, "a locked user signed in", &[lock, index]);
            }
        } else if is_refused(&self.events[index]) {
            let excused = switch.is_some_and(|switch| switch.perhaps_off(span, at_once));
            if !excused {
                found.broken(Invariant::I4, "the right password was refused", &[index]);
            }
        }
    }

    fn judge_redirect(
        &self,
        index: usize,
        session: Artifact,
        app: App,
        answer: &Answer<Artifact>,
        found: &mut Found<'_>,
    ) {
        let span = &self.events[index].span;
        let Some(known) = self.sessions.get(&session) else {
            if matches!(answer, Answer::Granted(_)) {
                found.broken(Invariant::I5, "a session that nobody has", &[index]);
            }
            return;
        };
        let endings = self.endings_of_session(known);
        match answer {
            Answer::Granted(_) => {
                let ended = surely_ended(&endings, span.began);
                if let Some(ending) = ended {
                    let claim = "a code for somebody whose session had ended";
                    found.broken(Invariant::I3, claim, &[ending.event, index]);
                }
                if let Some(disable) = self.surely_disabled(app, span) {
                    let claim = "a code for a disabled app";
                    found.broken(Invariant::I3, claim, &[disable, index]);
                }
            }
            Answer::Refused(_) => {
                let excused =
                    perhaps_ended(&endings, span.ended) || self.perhaps_disabled(app, span);
                if !excused {
                    found.broken(Invariant::I4, "a session was lost", &[index]);
                }
            }
            _ => {}
        }
    }

    fn judge_once(&self, uses: &[usize], found: &mut Found<'_>) {
        let granted: Vec<usize> = (uses.iter().copied())
            .filter(|index| is_granted(&self.events[*index]))
            .collect();
        if granted.len() > 1 {
            found.broken(Invariant::I6, "good once, and used twice", &granted);
        }
        for &index in uses {
            let span = &self.events[index].span;
            let another =
                |other: &usize| *other != index && self.events[*other].span.began < span.ended;
            let excused = uses.iter().any(another);
            if is_refused(&self.events[index]) && !excused {
                let claim = "refused at its first use";
                found.broken(Invariant::I4, claim, &[index]);
            }
        }
    }

    fn take(&mut self, index: usize, event: &Event, found: &mut Found<'_>) {
        let span = event.span;
        match &event.act {
            Act::SignIn { user, answer } => {
                if let Answer::Granted(session) = answer {
                    let facts = Session {
                        user: *user,
                        born: span,
                        endings: Vec::new(),
                    };
                    is_new(&mut self.sessions, *session, facts, index, found);
                }
            }
            Act::Authorize {
                session,
                app,
                answer,
            } => {
                if let Answer::Granted(code) = answer {
                    let family = Family::new(*app, *session, span);
                    is_new(&mut self.codes, *code, self.families.len(), index, found);
                    self.families.push(family);
                }
            }
            Act::SignOut { session, .. } => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.endings.push(Ending {
                        began: span.began,
                        done: is_granted(event).then_some(span.ended),
                        cause: Cause::SignedOut,
                        event: index,
                    });
                }
            }
            Act::UseOnce { id, .. } => self.used_once.entry(*id).or_default().push(index),
            Act::Lock { user, .. } => self.lock(*user).turn(true, index, event),
            Act::Unlock { user, .. } => self.lock(*user).turn(false, index, event),
            Act::Disable { app, .. } => self.app(*app).turn(true, index, event),
            Act::Enable { app, .. } => self.app(*app).turn(false, index, event),
            _ => self.take_use(index, event, found),
        }
    }

    /// Takes an event at which something of a family was presented.
    fn take_use(&mut self, index: usize, event: &Event, found: &mut Found<'_>) {
        match &event.act {
            Act::Redeem {
                code,
                rightful,
                answer,
            } => {
                let family = self.codes.get(code).copied();
                let rightful = *rightful;
                self.present(family, index, Presented::Code { rightful }, found);
                if let (Some(family), Answer::Granted(tokens)) = (family, answer) {
                    self.hand_out(family, 0, *tokens, index, found);
                }
            }
            Act::Refresh {
                token,
                rightful,
                answer,
            } => {
                let known = self.refresh_tokens.get(token).copied();
                let (family, generation) =
                    (known.map(|known| known.0), known.map_or(0, |known| known.1));
                let rightful = *rightful;
                let presented = Presented::RefreshToken {
                    generation,
                    rightful,
                };
                self.present(family, index, presented, found);
                if let (Some(family), Answer::Granted(tokens)) = (family, answer) {
                    self.hand_out(family, generation + 1, *tokens, index, found);
                }
            }
            Act::Introspect {
                token, rightful, ..
            } => self.present_access(*token, *rightful, index, found),
            Act::UserInfo { token, .. } => self.present_access(*token, true, index, found),
            Act::RevokeAccess { token, .. } => {
                let family = self.access_tokens.get(token).copied();
                self.present_quietly(family, index, Presented::RevokedAccessToken(*token));
            }
            Act::RevokeGrant { token, .. } => {
                let family = self.refresh_tokens.get(token).map(|known| known.0);
                self.present_quietly(family, index, Presented::Revocation);
            }
            _ => {}
        }
    }

    fn lock(&mut self, user: User) -> &mut Switch {
        self.locks.entry(user).or_default()
    }

    fn app(&mut self, app: App) -> &mut Switch {
        self.apps.entry(app).or_default()
    }

    fn present_access(
        &mut self,
        token: Artifact,
        rightful: bool,
        index: usize,
        found: &mut Found<'_>,
    ) {
        let family = self.access_tokens.get(&token).copied();
        let presented = Presented::AccessToken { token, rightful };
        self.present(family, index, presented, found);
    }

    /// Notes that something of a family was presented. What belongs to none must not be accepted.
    fn present(
        &mut self,
        family: Option<usize>,
        index: usize,
        presented: Presented,
        found: &mut Found<'_>,
    ) {
        if family.is_none() && is_granted(&self.events[index]) {
            found.broken(Invariant::I5, "what nobody issued was accepted", &[index]);
        }
        self.present_quietly(family, index, presented);
    }

    /// The same for what may be answered with a yes whatever it is (RFC 7009 §2.2).
    fn present_quietly(&mut self, family: Option<usize>, index: usize, presented: Presented) {
        if let Some(family) = family {
            self.families[family].uses.push((index, presented));
        }
    }

    fn hand_out(
        &mut self,
        family: usize,
        generation: u32,
        tokens: Tokens,
        index: usize,
        found: &mut Found<'_>,
    ) {
        let refresh_token = (family, generation);
        is_new(
            &mut self.refresh_tokens,
            tokens.refresh,
            refresh_token,
            index,
            found,
        );
        is_new(&mut self.access_tokens, tokens.access, family, index, found);
    }
}

/// Enters what was handed out, which must be nobody else's.
fn is_new<T>(
    known: &mut HashMap<Artifact, T>,
    artifact: Artifact,
    facts: T,
    index: usize,
    found: &mut Found<'_>,
) {
    match known.entry(artifact) {
        Entry::Vacant(vacant) => {
            vacant.insert(facts);
        }
        Entry::Occupied(_) => {
            let claim = "the same text was handed out twice";
            found.broken(Invariant::I5, claim, &[index]);
        }
    }
}

/// The first of the endings that had surely taken effect at `moment`.
pub(super) fn surely_ended(endings: &[Ending], moment: Moment) -> Option<&Ending> {
    let done = |ending: &&Ending| ending.done.is_some_and(|done| done <= moment);
    endings.iter().find(done)
}

/// Whether one of the endings may have taken effect by `moment`.
pub(super) fn perhaps_ended(endings: &[Ending], moment: Moment) -> bool {
    endings.iter().any(|ending| ending.began < moment)
}

/// Until when a request may take effect.
pub(super) fn may_act_until(event: &Event) -> Moment {
    if event.act.answer().is_definite() {
        event.span.ended
    } else {
        event.span.ended + LINGERS
    }
}

pub(super) fn is_granted(event: &Event) -> bool {
    matches!(event.act.answer(), Answer::Granted(()))
}

pub(super) fn is_refused(event: &Event) -> bool {
    matches!(event.act.answer(), Answer::Refused(_))
}
