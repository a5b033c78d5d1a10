//! The steps of a grant's life: what can happen at each moment, and what becomes of it.

use std::ops::Range;

use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::error::Reason;
use safeconduct_protocol::refresh_token::RefreshDecision;
use safeconduct_protocol::time::Timestamp;
use stateright::{Model, Property};

use crate::bounds::{Bounds, Restore, Sweep};
use crate::cast::{Cast, IssuedCode};
use crate::decisions::{Decisions, Presented, Question};
use crate::mistake::Mistake;
use crate::property;
use crate::request::{Answer, Artifact, How, Request, Sender, Stage};
use crate::rows::{Blow, GrantRow, Rotating, Rows, Write};
use crate::state::{HandedOut, Held, State, Witness};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The model: a cast, how far to walk, and at most one mistake.
pub struct Life {
    decisions: Decisions,
    /// How far to walk.
    pub bounds: Bounds,
    /// What is done wrong.
    pub mistake: Option<Mistake>,
}

/// One step. Requests are named by their place among those in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Time passes.
    Tick,
    /// The user signs in again, in a new session.
    SignIn,
    /// The user allows the client, and a code is issued.
    Issue,
    /// Somebody presents something to a node, which opens it, decides and mints.
    Present(Sender, u8, Artifact),
    /// The statement begins.
    Begin(usize),
    /// The statement is committed, and the node knows.
    Commit(usize),
    /// The statement is committed, and the node does not know.
    CommitUnheard(usize),
    /// The statement is not committed, and the node does not know.
    FailUnheard(usize),
    /// The node looks what became of it.
    Settle(usize),
    /// The answer arrives.
    Arrive(usize),
    /// The answer is lost, or the request is given up before its statement began.
    Lose(usize),
    /// The client no longer waits; the request goes on.
    GiveUp(usize),
    /// A node is killed with everything it has in flight, and started again.
    Crash(u8),
    /// A node reads the era.
    Look(u8),
    /// An administrator, the client or the person ends something or allows it again.
    Strike(Blow),
    /// A copy of the database is made.
    BackUp,
    /// The database is replaced by its copy.
    Restore,
    /// A node forgets what has passed its end.
    Sweep(u8),
}

impl Life {
    /// The life of a grant within `bounds`.
    pub fn new(bounds: Bounds) -> Self {
        Self::with_mistake(bounds, None)
    }

    /// The same where something is done wrong.
    pub fn with_mistake(bounds: Bounds, mistake: Option<Mistake>) -> Self {
        let (credentials, offline) = (bounds.credentials, bounds.offline);
        let cast = Cast::new("shop", credentials, offline, bounds.lifetimes, START);
        Self {
            decisions: Decisions::new(cast, mistake),
            bounds,
            mistake,
        }
    }

    /// The nodes, or one of them while there is no difference between them but for what they have in flight.
    pub(crate) fn different_nodes(&self, state: &State) -> Range<u8> {
        let alike = self.bounds.skew == 0 && state.nodes[0] == state.nodes[1];
        0..if alike { 1 } else { 2 }
    }

    /// Who takes part.
    pub fn cast(&self) -> &Cast {
        self.decisions.cast()
    }

    /// What the clock of a node says.
    pub fn now(&self, state: &State, node: u8) -> Timestamp {
        state.now.plus(i64::from(node) * self.bounds.skew)
    }

    /// Whether a request begun now at `node` with `artifact` would bring tokens.
    pub fn would_bring_tokens(&self, state: &State, node: u8, artifact: Artifact) -> bool {
        let Ok(write) = self.decide(state, Sender::Client, node, artifact) else {
            return false;
        };
        let mut rows = state.rows;
        let seen = rows.see(&write, self.mistake);
        let attempt = state.new_attempt();
        match write {
            Write::Redeem(proposed) => {
                let proposed = GrantRow {
                    attempt,
                    ..proposed
                };
                rows.redeem(&proposed, seen, self.mistake).won().is_ok()
            }
            Write::Rotate(rotating) => {
                let decision = rows.rotate(&rotating, attempt, seen, self.mistake);
                decision.permits().is_ok()
            }
        }
    }

    /// What a node decides about what is presented to it.
    fn decide(
        &self,
        state: &State,
        sender: Sender,
        node: u8,
        artifact: Artifact,
    ) -> Result<Write, Reason> {
        let presented = match artifact {
            Artifact::Code(code) => {
                let issued = state.codes[usize::from(code)];
                Presented::Code(issued.ok_or(Reason::CodeNotRecognised)?, code)
            }
            Artifact::Token {
                history,
                generation,
            } => {
                let sealed = state.handed_out[usize::from(history)];
                let sealed = sealed.ok_or(Reason::RefreshTokenNotRecognised)?;
                Presented::Token(generation, sealed, state.rows.grant)
            }
        };
        self.decisions.on(&Question {
            sender,
            now: self.now(state, node),
            era: state.nodes[usize::from(node)],
            presented,
        })
    }

    fn present(&self, state: &mut State, sender: Sender, node: u8, artifact: Artifact) {
        if let (Sender::Client, Artifact::Code(code)) = (sender, artifact) {
            state.sent[usize::from(code)] = true;
        }
        let write = match self.decide(state, sender, node, artifact) {
            Ok(_) if sender == Sender::Thief => return state.witness.stolen = true,
            Ok(write) => write,
            Err(_) if sender != Sender::Client => return,
            Err(reason) => return arrive(state, artifact, reason.into()),
        };
        let mut request = Request {
            sender,
            node,
            artifact,
            stage: Stage::Decided(write),
            attempt: state.new_attempt(),
        };
        if self.mistake == Some(Mistake::SentBeforeCommit) && sender == Sender::Client {
            let answer = match write {
                Write::Redeem(_) => Answer::Tokens(0, How::Redeemed),
                Write::Rotate(rotating) => Answer::Tokens(rotating.presented + 1, How::Rotated),
            };
            self.hand_out(state, &request, write, answer);
            arrive(state, artifact, answer);
            request.sender = Sender::Replay;
        }
        state.requests.push(request);
    }

    /// The statement is committed: what it does to the rows, and what it tells its node.
    pub(crate) fn commit(&self, state: &mut State, request: &Request) -> Answer {
        let Stage::Begun(write, seen, _) = request.stage else {
            unreachable!("only a statement that has begun is committed");
        };
        let attempt = request.attempt;
        match write {
            Write::Redeem(proposed) => {
                let proposed = GrantRow {
                    attempt,
                    ..proposed
                };
                let before = state.rows.grant;
                state.witness.replayed |=
                    before.is_some_and(|row| row.code == proposed.code && row.attempt != attempt);
                let redemption = state.rows.redeem(&proposed, seen, self.mistake);
                redeemed(redemption, How::Redeemed)
            }
            Write::Rotate(rotating) => {
                let before = state.rows.grant.filter(|_| seen.grant && seen.standing);
                let decision = state.rows.rotate(&rotating, attempt, seen, self.mistake);
                if let Some(before) = before {
                    let accepted = decision.permits().is_ok();
                    self.witness_use(&mut state.witness, &before, &rotating, accepted);
                }
                let presented = rotating.presented;
                match (decision, decision.permits()) {
                    (_, Err(refusal)) => refusal.reason().into(),
                    (RefreshDecision::Retry, _) => Answer::Tokens(presented + 1, How::Retried),
                    _ => Answer::Tokens(presented + 1, How::Rotated),
                }
            }
        }
    }

    /// Judges one use of a refresh token by what RFC 9700 §4.14.2 is there for, and not by the rule.
    fn witness_use(
        &self,
        witness: &mut Witness,
        before: &GrantRow,
        rotating: &Rotating,
        accepted: bool,
    ) {
        let behind = before.generation - rotating.presented;
        let age = rotating.now.since(before.rotated_at);
        let public = self.cast().client().is_public();
        let in_time = !public || age <= self.bounds.lifetimes.refresh_retry_window;
        let good = behind == 0 || (behind == 1 && in_time);
        let idle = behind == 1 && rotating.now >= before.idle_expires_at;
        if accepted && behind == 0 {
            let rotated = usize::try_from(rotating.presented).unwrap_or_default();
            if let Some(times) = witness.rotated.get_mut(rotated) {
                *times = 2.min(*times + 1);
            }
        }
        witness.too_old_accepted |= accepted && !good;
        let alive = !before.revoked && before.era == rotating.era;
        witness.reused |= alive && !good && behind > 0 && !idle;
    }

    /// The second look at an unconfirmed commit: `settle_redemption` and `settle_rotation` of the store.
    pub(crate) fn settle(&self, state: &State, request: &Request) -> Answer {
        let Stage::Unheard(write) = request.stage else {
            unreachable!("only what went unheard is looked up");
        };
        if self.mistake == Some(Mistake::UnheardMeansDone) {
            return match write {
                Write::Redeem(_) => Answer::Tokens(0, How::Settled),
                Write::Rotate(rotating) => Answer::Tokens(rotating.presented + 1, How::Settled),
            };
        }
        match write {
            Write::Redeem(proposed) => {
                let proposed = GrantRow {
                    attempt: request.attempt,
                    ..proposed
                };
                let revoked = state.rows.grant.is_some_and(|row| row.revoked);
                match state.rows.whose(&proposed, self.mistake) {
                    Redemption::Ended => Answer::Unavailable,
                    Redemption::Replayed if !revoked => Answer::Unavailable,
                    redemption => redeemed(redemption, How::Settled),
                }
            }
            Write::Rotate(rotating) if state.rows.was_rotated_by(request.attempt, &rotating) => {
                Answer::Tokens(rotating.presented + 1, How::Settled)
            }
            Write::Rotate(_) => Answer::Unavailable,
        }
    }

    /// The answer leaves the node. What a replay brings is handed out at once; the client's answer has a way to go.
    fn answer(&self, state: &mut State, mut request: Request, write: Write, answer: Answer) {
        self.hand_out(state, &request, write, answer);
        if request.sender == Sender::Client {
            request.stage = Stage::Answered(answer);
            state.requests.push(request);
        }
    }

    fn hand_out(&self, state: &mut State, request: &Request, write: Write, answer: Answer) {
        let Answer::Tokens(generation, _) = answer else {
            return;
        };
        let (history, era, expires_at) = match (request.artifact, write) {
            (Artifact::Code(code), Write::Redeem(row)) => {
                let code = usize::from(code);
                let bought = &mut state.witness.bought[code];
                *bought = 2.min(*bought + 1);
                let issued = state.codes[code].expect("what is redeemed was issued");
                state.witness.tokens_ended |= issued.ended;
                (issued.history, row.era, row.expires_at)
            }
            (Artifact::Token { history, .. }, Write::Rotate(rotating)) => {
                let old = state.handed_out[usize::from(history)];
                let old = old.expect("what is presented was handed out");
                (history, rotating.era, old.expires_at)
            }
            _ => unreachable!("a code is redeemed and a token is rotated"),
        };
        let access_until = write.now().plus(self.bounds.lifetimes.access_token);
        let handed_out = &mut state.handed_out[usize::from(history)];
        let old = handed_out.unwrap_or(HandedOut {
            era,
            generation,
            expires_at,
            access_until,
        });
        *handed_out = Some(HandedOut {
            era,
            generation: old.generation.max(generation),
            expires_at: old.expires_at.max(expires_at),
            access_until: old.access_until.max(access_until),
        });
    }

    fn strike(&self, state: &mut State, blow: Blow) {
        let ends = match blow {
            Blow::Unlock | Blow::Enable => false,
            Blow::EndSession => !self.bounds.offline,
            Blow::Lock | Blow::SetPassword | Blow::Disable | Blow::Withdraw | Blow::Revoke => true,
        };
        if !matches!(blow, Blow::Unlock | Blow::Enable) {
            state.witness.blows += 1;
        }
        state.rows.strike(blow, self.mistake);
        if ends {
            for code in state.codes.iter_mut().flatten() {
                code.ended = true;
            }
            let handed_out = state.handed_out.iter().any(Option::is_some);
            state.witness.tokens_ended |= handed_out;
        }
    }

    fn restore(&self, state: &mut State) {
        let Some(backup) = state.backup else { return };
        state.rows = backup;
        state.witness.restored += 1;
        // No statement outlives the database it was sent to.
        for request in &mut state.requests {
            if let Stage::Begun(write, ..) = request.stage {
                request.stage = Stage::Unheard(write);
            }
        }
        if let Restore::WithEra(_) = self.bounds.restore {
            state.witness.history += 1;
            let era = match self.mistake {
                Some(Mistake::ErasCounted) => state.rows.era + 1,
                _ => 1 + i64::from(state.witness.history),
            };
            state.rows.begin_era(era);
            state.handed_out.push(None);
        }
    }

    fn issue(&self, state: &mut State) {
        let next = usize::from(state.codes[0].is_some());
        state.codes[next] = Some(IssuedCode {
            at: state.now,
            era: state.rows.era,
            epochs: state.rows.epochs,
            history: state.witness.history,
            ended: false,
        });
    }

    fn presentations(&self, state: &State, actions: &mut Vec<Action>) {
        let idle = state.requests.is_empty();
        let nodes = if idle {
            self.different_nodes(state)
        } else {
            0..2
        };
        for node in nodes {
            if !state.is_waiting() {
                for code in 0_u8..2 {
                    let place = usize::from(code);
                    if state.codes[place].is_some() && !state.sent[place] {
                        actions.push(Action::Present(Sender::Client, node, Artifact::Code(code)));
                    }
                }
                if let Some(Held {
                    history,
                    generation,
                }) = state
                    .held
                    .filter(|held| held.generation < self.bounds.generations)
                {
                    let token = Artifact::Token {
                        history,
                        generation,
                    };
                    actions.push(Action::Present(Sender::Client, node, token));
                }
            }
            if self.bounds.attacker {
                for artifact in self.artifacts(state) {
                    actions.push(Action::Present(Sender::Replay, node, artifact));
                    actions.push(Action::Present(Sender::Thief, node, artifact));
                }
            }
        }
    }

    /// Everything that was handed out and may be presented within the bounds.
    fn artifacts(&self, state: &State) -> Vec<Artifact> {
        let mut artifacts = property::handed_out(state);
        artifacts.retain(|artifact| match artifact {
            Artifact::Code(_) => true,
            Artifact::Token { generation, .. } => *generation < self.bounds.generations,
        });
        artifacts
    }

    fn steps_of_requests(&self, state: &State, actions: &mut Vec<Action>) {
        for (place, request) in state.requests.iter().enumerate() {
            let is_late = match &request.stage {
                Stage::Decided(write) => {
                    let since = self.now(state, request.node).since(write.now());
                    since > self.bounds.longest_request
                }
                Stage::Begun(_, _, until) => state.now > *until,
                Stage::Unheard(_) | Stage::Answered(_) => false,
            };
            let steps: &[fn(usize) -> Action] = match &request.stage {
                _ if is_late => &[Action::Lose],
                Stage::Decided(_) => &[Action::Begin],
                Stage::Begun(..) if self.bounds.unheard => {
                    &[Action::Commit, Action::CommitUnheard, Action::FailUnheard]
                }
                Stage::Begun(..) => &[Action::Commit],
                Stage::Unheard(_) => &[Action::Settle],
                Stage::Answered(_) => &[Action::Arrive, Action::Lose],
            };
            actions.extend(steps.iter().map(|step| step(place)));
            let on_its_way = !matches!(request.stage, Stage::Answered(_));
            if self.bounds.impatient && request.sender == Sender::Client && on_its_way {
                actions.push(Action::GiveUp(place));
            }
        }
    }

    fn steps_of_the_database(&self, state: &State, actions: &mut Vec<Action>) {
        let rows = &state.rows;
        for blow in Blow::ALL {
            let again = matches!(blow, Blow::Unlock | Blow::Enable);
            let changes = Rows::strike(&mut rows.clone(), blow, self.mistake);
            if changes && (again || state.witness.blows < self.bounds.blows) {
                actions.push(Action::Strike(blow));
            }
        }
        let most = match self.bounds.restore {
            Restore::Never => 0,
            Restore::WithEra(times) => times,
            Restore::Silently => 1,
        };
        if most > 0 && state.backup.is_none() {
            actions.push(Action::BackUp);
        }
        if state.witness.restored < most && state.backup.is_some() {
            actions.push(Action::Restore);
        }
        for node in 0..2 {
            let mut rows = state.rows;
            if self.bounds.sweep != Sweep::Never && rows.sweep(self.now(state, node)) {
                actions.push(Action::Sweep(node));
            }
        }
    }
}

impl Model for Life {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let rows = Rows::new(1);
        vec![State {
            now: START,
            rows,
            backup: None,
            nodes: [rows.era; 2],
            requests: Vec::new(),
            codes: [None; 2],
            sent: [false; 2],
            held: None,
            handed_out: vec![None],
            witness: Witness::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now.since(START) < self.bounds.steps * self.bounds.step {
            actions.push(Action::Tick);
        }
        let issued = state.codes.iter().flatten().count();
        // A second code is one of the same request, which belongs to its session and its era.
        let same = state.codes[0].is_none_or(|code| code.era == state.rows.era);
        let signed_in = state.rows.session && state.rows.may_sign_in();
        if issued < self.bounds.codes && same && signed_in {
            actions.push(Action::Issue);
        }
        if issued == 0 && !state.rows.session && state.rows.may_sign_in() {
            actions.push(Action::SignIn);
        }
        if state.requests.len() < self.bounds.in_flight {
            self.presentations(state, actions);
        }
        self.steps_of_requests(state, actions);
        for node in 0_u8..2 {
            if state.requests.iter().any(|request| request.node == node) {
                actions.push(Action::Crash(node));
            }
            if state.nodes[usize::from(node)] != state.rows.era {
                actions.push(Action::Look(node));
            }
        }
        self.steps_of_the_database(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tick => {
                state.now = state.now.plus(self.bounds.step);
                if self.bounds.sweep == Sweep::AllTheTime {
                    state.rows.mark_time(state.now);
                }
            }
            Action::SignIn => state.rows.session = true,
            Action::Issue => self.issue(&mut state),
            Action::Present(sender, node, artifact) => {
                self.present(&mut state, sender, node, artifact);
            }
            Action::Begin(place) => {
                let request = &mut state.requests[place];
                if let Stage::Decided(write) = request.stage {
                    let seen = last.rows.see(&write, self.mistake);
                    let until = last.now.plus(self.bounds.longest_statement);
                    request.stage = Stage::Begun(write, seen, until);
                }
            }
            Action::Commit(place) => {
                let request = state.requests.remove(place);
                let answer = self.commit(&mut state, &request);
                if let Stage::Begun(write, ..) = request.stage {
                    self.answer(&mut state, request, write, answer);
                }
            }
            Action::CommitUnheard(place) | Action::FailUnheard(place) => {
                let request = state.requests[place];
                if action == Action::CommitUnheard(place) {
                    self.commit(&mut state, &request);
                }
                if let Stage::Begun(write, ..) = request.stage {
                    state.requests[place].stage = Stage::Unheard(write);
                }
            }
            Action::Settle(place) => {
                let request = state.requests.remove(place);
                if let Stage::Unheard(write) = request.stage {
                    let answer = self.settle(&state, &request);
                    self.answer(&mut state, request, write, answer);
                }
            }
            Action::Arrive(place) => {
                let request = state.requests.remove(place);
                if let Stage::Answered(answer) = request.stage {
                    arrive(&mut state, request.artifact, answer);
                }
            }
            Action::Lose(place) => drop(state.requests.remove(place)),
            Action::GiveUp(place) => state.requests[place].sender = Sender::Replay,
            Action::Crash(node) => {
                state.requests.retain(|request| request.node != node);
                state.nodes[usize::from(node)] = state.rows.era;
            }
            Action::Look(node) => state.nodes[usize::from(node)] = state.rows.era,
            Action::Strike(blow) => self.strike(&mut state, blow),
            Action::BackUp => state.backup = Some(state.rows),
            Action::Restore => self.restore(&mut state),
            Action::Sweep(node) => {
                let now = self.now(last, node);
                state.rows.mark_time(now);
                state.rows.sweep(now);
            }
        }
        state.normalize();
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::of(&self.bounds)
    }
}

fn redeemed(redemption: Redemption, how: How) -> Answer {
    match redemption.won() {
        Ok(()) => Answer::Tokens(0, how),
        Err(refusal) => refusal.reason().into(),
    }
}

/// The client reads its answer. It keeps the newest token, and gives up one that was refused.
fn arrive(state: &mut State, artifact: Artifact, answer: Answer) {
    match (answer, artifact) {
        (Answer::Tokens(generation, _), Artifact::Code(code)) => {
            let issued = state.codes[usize::from(code)].expect("what is redeemed was issued");
            state.held = Some(Held {
                history: issued.history,
                generation,
            });
        }
        (Answer::Tokens(generation, _), Artifact::Token { history, .. }) => {
            state.held = Some(Held {
                history,
                generation,
            });
        }
        (Answer::Refused(_), Artifact::Token { .. }) => state.held = None,
        (Answer::Refused(_), Artifact::Code(_)) | (Answer::Unavailable, _) => {}
    }
}
