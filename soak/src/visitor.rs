//! A person with a browser, and the apps they use: what they do all day, good and bad. A visitor expects nothing and judges
//! nothing; they go on with whatever they were told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use safeconduct_protocol::random;
use tokio::time::sleep;

use crate::caller::{Caller, Hands, TokenTexts, World};
use crate::cast::APPS;
use crate::history::{Answer, App, Event, Node, User};
use crate::wire::Manner;

/// How many grants a visitor keeps, far below the 50 of which the server ends the oldest.
const HELD: usize = 6;
/// How often a grant is refreshed before it is given back.
const LONGEST_LIFE: usize = 24;
/// How many grants that have ended are remembered, to be presented again and again.
const REMEMBERED: usize = 12;
/// How long to wait after a silence, so that nobody knocks on a closed door all the time.
const PAUSE: Duration = Duration::from_millis(5);
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
    /// Codes whose redemption was not answered.
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
        // Whoever waits for a server that is in trouble asks it for other things too.
        if !self.unsettled.is_empty() && (self.held.is_empty() || below(2) == 0) {
            return self.settle().await;
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

    async fn do_something_odd(&mut self) {
        match below(44) {
            0..8 => self.refresh(leaving()).await,
            8..12 => self.visit(leaving()).await,
            12..17 => self.redeem_twice().await,
            17..23 => self.refresh_in_two_tabs().await,
            23..27 => self.reuse_an_old_token().await,
            27..31 => self.replay_the_code().await,
            31..36 => self.let_others_try().await,
            36..40 => self.forge().await,
            40..43 => self.use_twice().await,
            _ if below(3) == 0 => self.sign_out().await,
            _ => self.revoke().await,
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
        let node = any_node(&self.caller);
        let answer = (self.caller)
            .redeem(node, &code, app, Hands::Rightful, manner)
            .await;
        self.take(code, app, answer).await;
    }

    /// A code, if the person is still signed in.
    async fn fetch_code(&mut self) -> Option<(String, App)> {
        let session = self.session.clone()?;
        let (node, app) = (any_node(&self.caller), any_app());
        let answer = self.caller.authorize(node, &session, app).await;
        self.rest_after(&answer).await;
        match answer {
            Answer::Refused(crate::history::Refusal::SignedOut) => {
                self.session = None;
                None
            }
            answer => answer.granted().map(|code| (code, app)),
        }
    }

    async fn take(&mut self, code: String, app: App, answer: Answer<TokenTexts>) {
        self.rest_after(&answer).await;
        match answer {
            Answer::Granted(tokens) => self.held.push(Held {
                app,
                code,
                access: tokens.access,
                refresh: vec![tokens.refresh],
            }),
            Answer::Refused(_) => {}
            _ => self.unsettled.push((code, app)),
        }
    }

    /// Presents a code again whose redemption was not answered: it buys now, or had bought then.
    async fn settle(&mut self) {
        if let Some((code, app)) = self.unsettled.pop() {
            let node = any_node(&self.caller);
            let answer = (self.caller)
                .redeem(node, &code, app, Hands::Rightful, Manner::Waiting)
                .await;
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
        let node = any_node(&self.caller);
        let answer = (self.caller)
            .refresh(node, held.newest(), held.app, Hands::Rightful, manner)
            .await;
        let outcome = answer.map(|_| ());
        if let Some(tokens) = answer.granted() {
            held.renew(tokens);
        }
        outcome
    }

    /// One code, presented at two places at once.
    async fn redeem_twice(&mut self) {
        let Some((code, app)) = self.fetch_code().await else {
            return;
        };
        let (here, there) = (any_node(&self.caller), any_node(&self.twin));
        let (one, two) = tokio::join!(
            (self.caller).redeem(here, &code, app, Hands::Rightful, Manner::Waiting),
            (self.twin).redeem(there, &code, app, Hands::Rightful, Manner::Waiting),
        );
        for tokens in [one, two].into_iter().filter_map(Answer::granted) {
            self.introspect(&tokens.access).await;
            self.bury(Held {
                app,
                code: code.clone(),
                access: tokens.access,
                refresh: vec![tokens.refresh],
            });
        }
    }

    /// One refresh token, used in two tabs at once. Each goes on with what it was given, and one is ahead.
    async fn refresh_in_two_tabs(&mut self) {
        let held = self.pick();
        let (here, there) = (any_node(&self.caller), any_node(&self.twin));
        let (token, app) = (held.newest().to_owned(), held.app);
        let (one, two) = tokio::join!(
            (self.caller).refresh(here, &token, app, Hands::Rightful, Manner::Waiting),
            (self.twin).refresh(there, &token, app, Hands::Rightful, Manner::Waiting),
        );
        let (mut ahead, mut behind) = (held.clone(), held);
        let both = [(&mut ahead, one), (&mut behind, two)];
        for (tab, answer) in both {
            if let Some(tokens) = answer.granted() {
                tab.renew(tokens);
            }
        }
        for _ in 0..2 {
            let answer = self.renew(&mut ahead, Manner::Waiting).await;
            self.rest_after(&answer).await;
        }
        self.renew(&mut behind, Manner::Waiting).await;
        self.renew(&mut ahead, Manner::Waiting).await;
        self.introspect(&ahead.access).await;
        self.bury(behind);
        self.bury(ahead);
    }

    /// Somebody has an old refresh token: it, and then everything else of the grant.
    async fn reuse_an_old_token(&mut self) {
        let held = self.pick();
        let old = below(held.refresh.len());
        let node = any_node(&self.caller);
        (self.caller)
            .refresh(
                node,
                &held.refresh[old],
                held.app,
                Hands::Rightful,
                Manner::Waiting,
            )
            .await;
        self.introspect(&held.access).await;
        // If that was the newest token or the one before it, all is well, and it goes on.
        if held.refresh.len() - old <= 2 {
            self.held.push(held);
        } else {
            self.bury(held);
        }
    }

    async fn replay_the_code(&mut self) {
        let held = self.pick();
        let node = any_node(&self.caller);
        (self.caller)
            .redeem(node, &held.code, held.app, Hands::Rightful, Manner::Waiting)
            .await;
        self.introspect(&held.access).await;
        self.bury(held);
    }

    /// Others present what is not theirs; then the rightful owner, for whom nothing has changed.
    async fn let_others_try(&mut self) {
        let Some((code, app)) = self.fetch_code().await else {
            return;
        };
        for hands in [Hands::AnotherApp, Hands::AnotherVerifier, Hands::Rightful] {
            let node = any_node(&self.caller);
            let answer = (self.caller)
                .redeem(node, &code, app, hands, Manner::Waiting)
                .await;
            if hands == Hands::Rightful {
                self.take(code.clone(), app, answer).await;
            }
        }
        let held = self.pick();
        let (node, other) = (any_node(&self.caller), App((held.app.0 + 1) % APPS));
        (self.caller)
            .refresh(
                node,
                held.newest(),
                held.app,
                Hands::AnotherApp,
                Manner::Waiting,
            )
            .await;
        self.caller
            .introspect(node, &held.access, Some(other))
            .await;
        self.held.push(held);
    }

    /// Tokens that nobody issued: good ones with one character changed.
    async fn forge(&mut self) {
        let held = self.pick();
        let (node, app) = (any_node(&self.caller), held.app);
        let token = altered(held.newest());
        (self.caller)
            .refresh(node, &token, app, Hands::Rightful, Manner::Waiting)
            .await;
        let code = altered(&held.code);
        (self.caller)
            .redeem(node, &code, app, Hands::Rightful, Manner::Waiting)
            .await;
        let access = altered(&held.access);
        self.caller.introspect(node, &access, None).await;
        self.held.push(held);
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

    /// Something that is good once, at two places at once, and once more.
    async fn use_twice(&mut self) {
        let (here, there) = (any_node(&self.caller), any_node(&self.twin));
        let again = any_node(&self.caller);
        let (one, two) = (&mut self.caller, &mut self.twin);
        match below(3) {
            0 => {
                if let Ok(text) = one.world().machines.assertion() {
                    tokio::join!(
                        one.use_assertion(here, &text),
                        two.use_assertion(there, &text)
                    );
                    one.use_assertion(again, &text).await;
                }
            }
            1 => {
                if let Ok(text) = one.world().machines.proof() {
                    tokio::join!(one.use_proof(here, &text), two.use_proof(there, &text));
                    one.use_proof(again, &text).await;
                }
            }
            _ => {
                if let (Some(session), Some(uri)) = (&self.session, one.push(again).await) {
                    tokio::join!(
                        one.use_pushed(here, session, &uri),
                        two.use_pushed(there, session, &uri)
                    );
                    one.use_pushed(again, session, &uri).await;
                }
            }
        }
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
        let node = any_node(&self.caller);
        (self.caller)
            .refresh(
                node,
                held.newest(),
                held.app,
                Hands::Rightful,
                Manner::Waiting,
            )
            .await;
        (self.caller)
            .redeem(node, &held.code, held.app, Hands::Rightful, Manner::Waiting)
            .await;
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

/// Leaving within three milliseconds: before the request was read, while it is answered, or after.
fn leaving() -> Manner {
    let microseconds = u64::try_from(below(3_000)).expect("a number below 3,000 fits");
    Manner::Leaving(Duration::from_micros(microseconds))
}

/// The same text with one character changed, not the last: that one may hold bits that count for nothing.
fn altered(text: &str) -> String {
    let position = text.len() / 2;
    let other = if text.as_bytes()[position] == b'A' {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &text[..position], &text[position + 1..])
}

/// A whole number from 0, and smaller than `limit`.
///
/// # Panics
/// If `limit` is 0.
pub fn below(limit: usize) -> usize {
    let number = usize::from_le_bytes(random::bytes());
    number % limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_token_is_another_one() {
        for text in ["sc_rt_AAAAAAAA", "eyJhbGciOiJFUzI1NiJ9.e30.xyz", "AB"] {
            assert_ne!(altered(text), text);
            assert_eq!(altered(text).len(), text.len());
        }
    }
}
