//! A person with a browser, and the apps they use: what they do all day, good and bad. A visitor expects nothing and judges
//! nothing; they go on with whatever they were told.

mod odd;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use safeconduct_protocol::random;
use tokio::time::sleep;

use crate::caller::{Caller, Hands, TokenTexts, World};
use crate::history::{Answer, App, Event, Node, Refusal, User};
use crate::participants::APPS;
use crate::wire::Manner;

/// How many grants a visitor keeps, far below the 50 of which the server ends the oldest.
const HELD: usize = 6;
/// How often a grant is refreshed before it is given back.
const LONGEST_LIFE: usize = 24;
/// How many grants that have ended are remembered, to be presented again and again.
const REMEMBERED: usize = 12;
/// How long to wait after a silence, so that nobody knocks on a closed door all the time.
const PAUSE: Duration = Duration::from_millis(20);
/// How long to wait where there is nothing to do: a locked user.
const LOCKED_OUT: Duration = Duration::from_millis(25);

/// A person with a browser and their apps.
pub struct Visitor {
    user: User,
    caller: Caller,
    /// The second tab, and the second instance of an app.
    twin: Caller,
    session: Option<String>,
    held: Vec<Held>,
    ended: VecDeque<Held>,
    /// Codes whose redemption was not answered, or that were not presented yet.
    unsettled: Vec<(String, App)>,
}

/// What an app has of one grant.
#[derive(Clone)]
struct Held {
    app: App,
    code: String,
    access: String,
    /// Every refresh token, the newest last.
    refresh: Vec<String>,
}

impl Held {
    fn new(app: App, code: String, tokens: TokenTexts) -> Self {
        Self {
            app,
            code,
            access: tokens.access,
            refresh: vec![tokens.refresh],
        }
    }

    fn newest(&self) -> &str {
        self.refresh.last().expect("a grant begins with one")
    }

    fn renew(&mut self, tokens: TokenTexts) {
        self.access = tokens.access;
        self.refresh.push(tokens.refresh);
    }
}

impl Visitor {
    /// Somebody who was never here.
    pub fn new(user: User, world: &Arc<World>) -> Self {
        Self {
            user,
            caller: Caller::new(Arc::clone(world)),
            twin: Caller::new(Arc::clone(world)),
            session: None,
            held: Vec::new(),
            ended: VecDeque::new(),
            unsettled: Vec::new(),
        }
    }

    /// Does one thing after another for as long as `going` says.
    pub async fn live(&mut self, going: impl Fn() -> bool) {
        while going() {
            self.step().await;
        }
    }

    /// Asks once more, at every node, after everything: what is held must work, and what has ended must not.
    pub async fn look_back(&mut self, patience: Duration) {
        let until = self.caller.world().now() + patience;
        while !self.unsettled.is_empty() && self.caller.world().now() < until {
            self.settle().await;
        }
        for mut held in std::mem::take(&mut self.held) {
            let kept = held.access.clone();
            self.introspect(&kept).await;
            let mut renewed = self.renew(&mut held, Manner::Waiting).await;
            while !renewed.is_definite() && self.caller.world().now() < until {
                sleep(PAUSE).await;
                renewed = self.renew(&mut held, Manner::Waiting).await;
            }
            for node in (0..self.caller.world().nodes()).map(Node) {
                self.caller.introspect(node, &held.access, None).await;
            }
            self.present_ended(&held).await;
        }
        for held in std::mem::take(&mut self.ended) {
            self.caller
                .introspect(any_node(&self.caller), &held.access, None)
                .await;
            self.present_ended(&held).await;
        }
    }

    /// What happened to them.
    pub fn into_events(self) -> Vec<Event> {
        let mut events = self.caller.into_events();
        events.extend(self.twin.into_events());
        events
    }

    /// One thing, by chance. Most of what happens to a server is cheap; everything that could go wrong happens often enough.
    async fn step(&mut self) {
        if self.session.is_none() && !self.sign_in().await {
            self.knock().await;
            return sleep(LOCKED_OUT).await;
        }
        if !self.unsettled.is_empty() {
            // Whoever waits for a server that is in trouble asks it for other things too.
            match below(2) {
                0 => return self.settle().await,
                _ if self.held.is_empty() => return self.knock().await,
                _ => {}
            }
        }
        if self.held.is_empty() {
            return self.visit(Manner::Waiting).await;
        }
        match below(64) {
            0..50 => self.do_something_ordinary().await,
            50..61 => self.do_something_odd().await,
            _ => self.knock().await,
        }
    }

    async fn do_something_ordinary(&mut self) {
        match below(50) {
            0..24 => self.ask_about_a_token().await,
            24..32 => self.ask_who_it_is().await,
            32..42 => self.refresh(Manner::Waiting).await,
            42..48 => self.visit(Manner::Waiting).await,
            48 => self.revoke().await,
            _ => self.revoke_one_token().await,
        }
    }

    async fn sign_in(&mut self) -> bool {
        let node = any_node(&self.caller);
        let answer = self.caller.sign_in(node, self.user).await;
        self.rest_after(&answer).await;
        self.session = answer.granted();
        self.session.is_some()
    }

    async fn sign_out(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let node = any_node(&self.caller);
        self.caller.sign_out(node, &session).await;
        // Whatever the answer was: the cookie is tried once more, and everything that hung on the session.
        let (node, app) = (any_node(&self.caller), any_app());
        if self
            .caller
            .authorize(node, &session, app)
            .await
            .granted()
            .is_some()
        {
            self.session = Some(session);
        }
        for held in std::mem::take(&mut self.held) {
            self.introspect(&held.access).await;
            self.bury(held);
        }
    }

    /// A new grant: from the app to the server, back with a code, and tokens for it.
    async fn visit(&mut self, manner: Manner) {
        if self.held.len() >= HELD {
            return self.revoke().await;
        }
        let Some((code, app)) = self.fetch_code().await else {
            return;
        };
        let answer = self.redeem(&code, app, manner).await;
        self.take(code, app, answer).await;
    }

    /// A code, if the person is still signed in.
    async fn fetch_code(&mut self) -> Option<(String, App)> {
        let session = self.session.clone()?;
        let (node, app) = (any_node(&self.caller), any_app());
        let answer = self.caller.authorize(node, &session, app).await;
        self.rest_after(&answer).await;
        match answer {
            Answer::Refused(Refusal::SignedOut) => {
                self.session = None;
                None
            }
            answer => answer.granted().map(|code| (code, app)),
        }
    }

    async fn take(&mut self, code: String, app: App, answer: Answer<TokenTexts>) {
        self.rest_after(&answer).await;
        match answer {
            Answer::Granted(tokens) => self.held.push(Held::new(app, code, tokens)),
            Answer::Refused(_) => {}
            _ => self.unsettled.push((code, app)),
        }
    }

    /// Presents a code whose redemption was not answered: it buys now, or had bought then. One that was put by has to buy.
    async fn settle(&mut self) {
        if let Some((code, app)) = self.unsettled.pop() {
            let answer = self.redeem(&code, app, Manner::Waiting).await;
            self.take(code, app, answer).await;
        }
    }

    async fn refresh(&mut self, manner: Manner) {
        let mut held = self.pick();
        if held.refresh.len() > LONGEST_LIFE {
            return self.give_back(held).await;
        }
        let answer = self.renew(&mut held, manner).await;
        self.rest_after(&answer).await;
        self.keep_unless_refused(held, &answer);
    }

    async fn renew(&mut self, held: &mut Held, manner: Manner) -> Answer<()> {
        let answer = self.exchange(held.newest(), held.app, manner).await;
        let outcome = answer.map(|_| ());
        if let Some(tokens) = answer.granted() {
            held.renew(tokens);
        }
        outcome
    }

    async fn revoke(&mut self) {
        let held = self.pick();
        self.give_back(held).await;
    }

    async fn give_back(&mut self, held: Held) {
        let node = any_node(&self.caller);
        let answer = (self.caller)
            .revoke_grant(node, held.newest(), held.app)
            .await;
        self.rest_after(&answer).await;
        self.introspect(&held.access).await;
        self.bury(held);
    }

    async fn revoke_one_token(&mut self) {
        let held = self.pick();
        let node = any_node(&self.caller);
        self.caller
            .revoke_access(node, &held.access, held.app)
            .await;
        self.introspect(&held.access).await;
        self.held.push(held);
        self.refresh(Manner::Waiting).await;
    }

    async fn ask_about_a_token(&mut self) {
        let held = self.pick();
        let answer = self.introspect(&held.access).await;
        self.keep_unless_refused(held, &answer);
    }

    async fn ask_who_it_is(&mut self) {
        let held = self.pick();
        let node = any_node(&self.caller);
        let answer = self.caller.userinfo(node, &held.access).await.map(|_| ());
        self.rest_after(&answer).await;
        self.keep_unless_refused(held, &answer);
    }

    /// Tries something that has ended.
    async fn knock(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        let held = self.ended[below(self.ended.len())].clone();
        match below(8) {
            0..5 => {
                self.introspect(&held.access).await;
            }
            _ => self.present_ended(&held).await,
        }
    }

    async fn present_ended(&mut self, held: &Held) {
        (self.exchange(held.newest(), held.app, Manner::Waiting)).await;
        self.redeem(&held.code, held.app, Manner::Waiting).await;
    }

    /// Presents a code as it has to be, at any node.
    async fn redeem(&mut self, code: &str, app: App, manner: Manner) -> Answer<TokenTexts> {
        let node = any_node(&self.caller);
        let hands = Hands::Rightful;
        self.caller.redeem(node, code, app, hands, manner).await
    }

    /// Presents a refresh token as it has to be, at any node.
    async fn exchange(&mut self, token: &str, app: App, manner: Manner) -> Answer<TokenTexts> {
        let node = any_node(&self.caller);
        let hands = Hands::Rightful;
        self.caller.refresh(node, token, app, hands, manner).await
    }

    async fn introspect(&mut self, token: &str) -> Answer<()> {
        let node = any_node(&self.caller);
        let answer = self.caller.introspect(node, token, None).await.map(|_| ());
        self.rest_after(&answer).await;
        answer
    }

    /// Takes one of the grants out of those that are held, of which there is one at least while a step is taken.
    fn pick(&mut self) -> Held {
        let index = below(self.held.len());
        self.held.swap_remove(index)
    }

    fn keep_unless_refused(&mut self, held: Held, answer: &Answer<()>) {
        match answer {
            Answer::Refused(_) => self.bury(held),
            _ => self.held.push(held),
        }
    }

    fn bury(&mut self, held: Held) {
        self.ended.push_back(held);
        if self.ended.len() > REMEMBERED {
            self.ended.pop_front();
        }
    }

    async fn rest_after<T>(&self, answer: &Answer<T>) {
        if matches!(answer, Answer::Unavailable | Answer::Lost) {
            sleep(PAUSE).await;
        }
    }
}

fn any_node(caller: &Caller) -> Node {
    Node(below(caller.world().nodes()))
}

fn any_app() -> App {
    App(below(APPS))
}

/// A whole number from 0, and smaller than `limit`.
///
/// # Panics
/// If `limit` is 0.
pub fn below(limit: usize) -> usize {
    let number = usize::from_le_bytes(random::bytes());
    number % limit
}
