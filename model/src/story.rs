//! A counterexample as a story: one line for each step, in words.

use stateright::{Model, Path};

use crate::life::{Action, Life};
use crate::request::{Answer, Artifact, Request, Sender, Stage};
use crate::state::State;

impl Life {
    /// What happens on `path`, step by step. A request is called by its node, its sender and what it presents; the last line is
    /// the moment in which the property does not hold.
    pub fn story(&self, path: Path<State, Action>) -> String {
        let mut lines = Vec::new();
        for (state, action) in path.into_vec() {
            let line = match action {
                Some(action) => self.step(&state, action),
                None => format!("=> {:?}, {:?}", state.rows.grant, state.witness),
            };
            lines.push(line);
        }
        lines.join("\n")
    }

    fn step(&self, state: &State, action: Action) -> String {
        let request = |place: usize| name(&state.requests[place]);
        match action {
            Action::Tick => format!("{} seconds pass", self.bounds.step),
            Action::SignIn => "the user signs in again".to_owned(),
            Action::Issue => "the user allows the client: a code".to_owned(),
            Action::Present(sender, node, artifact) => {
                format!("node {node}: {} presents {}", who(sender), what(artifact))
            }
            Action::Begin(place) => format!("{}: the statement begins", request(place)),
            Action::Commit(place) => self.outcome(state, action, &request(place)),
            Action::CommitUnheard(place) => {
                format!("{}: the statement is committed, unheard", request(place))
            }
            Action::FailUnheard(place) => {
                format!("{}: the statement fails, unheard", request(place))
            }
            Action::Settle(place) => self.outcome(state, action, &request(place)),
            Action::Arrive(place) => format!("{}: the answer arrives", request(place)),
            Action::Lose(place) => format!("{}: lost", request(place)),
            Action::GiveUp(place) => format!("{}: the client no longer waits", request(place)),
            Action::Crash(node) => format!("node {node} is killed and started again"),
            Action::Look(node) => format!("node {node} reads the era {}", state.rows.era),
            Action::Strike(blow) => format!("{blow:?}"),
            Action::BackUp => "the database is copied".to_owned(),
            Action::Restore => "the database is replaced by its copy".to_owned(),
            Action::Sweep(node) => format!("node {node} forgets the grant"),
        }
    }

    /// What the database did, told by what the request is answered where that still shows.
    fn outcome(&self, state: &State, action: Action, request: &str) -> String {
        let next = self.next_state(state, action);
        let answered = next.iter().flat_map(|next| &next.requests);
        let mut answers = answered.filter_map(|request| match request.stage {
            Stage::Answered(answer) => Some(answer),
            _ => None,
        });
        let bought = |state: &State| state.witness.bought.iter().sum::<u8>();
        let buys = next
            .as_ref()
            .is_some_and(|next| bought(next) > bought(state));
        let verb = if matches!(action, Action::Settle(_)) {
            "looked up"
        } else {
            "committed"
        };
        match answers.next() {
            Some(Answer::Tokens(generation, how)) => {
                format!("{request}: {verb}, tokens with refresh token {generation} ({how:?})")
            }
            Some(answer) => format!("{request}: {verb}, {answer:?}"),
            None if buys => format!("{request}: {verb}, tokens"),
            None => format!("{request}: {verb}"),
        }
    }
}

fn name(request: &Request) -> String {
    let Request {
        sender,
        node,
        artifact,
        ..
    } = *request;
    format!("node {node}: {} with {}", who(sender), what(artifact))
}

fn who(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "the client",
        Sender::Replay => "a replay",
        Sender::Thief => "another client",
    }
}

fn what(artifact: Artifact) -> String {
    match artifact {
        Artifact::Code(code) => format!("code {code}"),
        Artifact::Token {
            history: 0,
            generation,
        } => format!("refresh token {generation}"),
        Artifact::Token {
            history,
            generation,
        } => format!("refresh token {generation} of history {history}"),
    }
}
