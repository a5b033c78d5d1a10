//! A counterexample as a story: one line for each step, in words.

use stateright::Path;

use crate::life::{Action, Life};
use crate::request::{Answer, Artifact, Request, Sender};
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
            Action::Commit(place) => {
                let request = &state.requests[place];
                let answer = self.commit(&mut state.clone(), request);
                Self::outcome(request, "committed", answer)
            }
            Action::CommitUnheard(place) => {
                format!("{}: the statement is committed, unheard", request(place))
            }
            Action::FailUnheard(place) => {
                format!("{}: the statement fails, unheard", request(place))
            }
            Action::Settle(place) => {
                let request = &state.requests[place];
                Self::outcome(request, "looked up", self.settle(state, request))
            }
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

    fn outcome(request: &Request, verb: &str, answer: Answer) -> String {
        let request = name(request);
        match answer {
            Answer::Tokens(generation, how) => {
                format!("{request}: {verb}, {how:?}: refresh token {generation}")
            }
            Answer::Refused(reason) => format!("{request}: {verb}, refused: {reason}"),
            Answer::Unavailable => format!("{request}: {verb}, unavailable"),
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
