//! What is good once: a client's assertion, a proof of its key, a request that was pushed.

use super::{Caller, SESSION_COOKIE, code_in, granted_or_refused, parameters, path_and_query};
use crate::history::{Act, Answer, App, Artifact, Moment, Node, Once, Refusal};
use crate::participants::{HOST, MACHINE, ROBOT, authorization, client_id};
use crate::wire::{Manner, get, judge, post};

impl Caller {
    /// A client presents an assertion, for a token of its own.
    pub async fn use_assertion(&mut self, node: Node, assertion: &str) -> Answer<()> {
        let began = self.world.now();
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "notes.read"),
            ("client_id", MACHINE),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
        ];
        let reply = (self.ask(node, post(HOST, "/token", &[], &form), Manner::Waiting)).await;
        let answer = judge(reply, granted_or_refused);
        self.write_down_use(node, began, Once::Assertion, assertion, &answer);
        answer
    }

    /// A client presents a proof of its key, for a token of its own.
    pub async fn use_proof(&mut self, node: Node, proof: &str) -> Answer<()> {
        let began = self.world.now();
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "notes.read"),
        ];
        let credentials = authorization(ROBOT);
        let headers = [("authorization", credentials.as_str()), ("dpop", proof)];
        let request = post(HOST, "/token", &headers, &form);
        let reply = self.ask(node, request, Manner::Waiting).await;
        let answer = judge(reply, granted_or_refused);
        self.write_down_use(node, began, Once::Proof, proof, &answer);
        answer
    }

    /// An app pushes a request; the `request_uri`. No promise is about it before it is opened.
    pub async fn push(&mut self, node: Node) -> Option<String> {
        let app = client_id(App(0));
        let credentials = authorization(&app);
        let headers = [("authorization", credentials.as_str())];
        let request = post(HOST, "/par", &headers, &parameters(&app));
        let reply = self.ask(node, request, Manner::Waiting).await.ok()?;
        Some(reply.json()["request_uri"].as_str()?.to_owned())
    }

    /// The browser with this session comes from that app with a request that was pushed.
    pub async fn use_pushed(&mut self, node: Node, session: &str, request_uri: &str) -> Answer<()> {
        let began = self.world.now();
        let app = client_id(App(0));
        let path = path_and_query(
            "/authorize",
            &[("client_id", &app), ("request_uri", request_uri)],
        );
        let cookie = format!("{SESSION_COOKIE}={session}");
        let request = get(HOST, &path, &[("cookie", &cookie)]);
        let reply = self.ask(node, request, Manner::Waiting).await;
        let answer = judge(reply, |reply| match reply.location().map(code_in) {
            Some(code) => code.map(|_| Answer::Granted(())),
            // Somebody has to sign in first: nothing is used up, and nobody does.
            None if reply.status == 200 => Some(Answer::Abandoned),
            None if reply.status == 400 => Some(Answer::Refused(Refusal::UsedBefore)),
            None => None,
        });
        self.write_down_use(node, began, Once::PushedRequest, request_uri, &answer);
        answer
    }

    fn write_down_use(
        &mut self,
        node: Node,
        began: Moment,
        what: Once,
        text: &str,
        answer: &Answer<()>,
    ) {
        let act = Act::UseOnce {
            what,
            id: Artifact::of(text),
            answer: answer.clone(),
        };
        self.write_down(node, began, act);
    }
}
