//! What people, apps and the API say to a node, one method for each request. Each call is one line of the history; what was
//! handed out is given back as text, for those who use it.

mod once;
mod world;

use std::sync::Arc;

use serde_json::Value;

use crate::history::{
    Act, Answer, App, Artifact, Event, Identity, Moment, Node, Refusal, Tokens, User,
};
use crate::participants::{
    API, APPS, CODE_CHALLENGE, CODE_VERIFIER, HOST, PASSWORD, REDIRECT_URI, SCOPE, app_of,
    authorization, client_id, username,
};
use crate::wire::{Gone, Line, Manner, Outgoing, Reply, get, judge, post};

pub use world::World;

/// Named after the issuer, [`ISSUER`](crate::participants::ISSUER).
const SESSION_COOKIE: &str = "__Host-sc-session-iIex0aUE";
const BROWSER_COOKIE: &str = "__Host-sc-browser-iIex0aUE";
const STATE: &str = "state-as-long-as-one-that-an-app-would-draw";

/// The tokens of one answer, as they are.
#[derive(Clone, Debug)]
pub struct TokenTexts {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// By whom and how a code is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hands {
    /// As it has to be.
    Rightful,
    /// By another app.
    AnotherApp,
    /// Without the right verifier.
    AnotherVerifier,
}

/// Somebody with a connection to each node, who writes down what happens.
pub struct Caller {
    world: Arc<World>,
    lines: Vec<Option<Line>>,
    events: Vec<Event>,
}

impl Caller {
    /// Somebody new.
    pub fn new(world: Arc<World>) -> Self {
        Self {
            lines: (0..world.nodes()).map(|_| None).collect(),
            world,
            events: Vec::new(),
        }
    }

    /// What happened to them.
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// The world they are in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// A new browser signs in; the cookie of the session.
    pub async fn sign_in(&mut self, node: Node, user: User) -> Answer<String> {
        let world = Arc::clone(&self.world);
        let _one_of_few = world.passwords.acquire().await;
        let began = world.now();
        let path = authorization_request(App(0));
        let page = self.ask(node, get(HOST, &path, &[]), Manner::Waiting).await;
        let answer = match page {
            Ok(page) if page.hidden("pending").is_some() => {
                let sent = self.send_password(node, user, &page).await;
                judge(sent, |reply| {
                    let session = reply.cookie(SESSION_COOKIE).map(str::to_owned);
                    match (reply.status, session) {
                        (303, Some(session)) => Some(Answer::Granted(session)),
                        (400, None) => Some(Answer::Refused(Refusal::WrongCredentials)),
                        _ => None,
                    }
                })
            }
            other => judge(other, |_| None),
        };
        let act = Act::SignIn {
            user,
            answer: answer.map(|session| Artifact::of(session)),
        };
        self.write_down(node, began, act);
        answer
    }

    async fn send_password(&mut self, node: Node, user: User, page: &Reply) -> Result<Reply, Gone> {
        let binding = page.cookie(BROWSER_COOKIE).unwrap_or_default();
        let cookie = format!("{BROWSER_COOKIE}={binding}");
        let username = username(user);
        let form = [
            ("pending", page.hidden("pending").unwrap_or_default()),
            ("username", &username),
            ("password", PASSWORD),
        ];
        let headers = [
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let request = post(HOST, "/login", &headers, &form);
        self.ask(node, request, Manner::Waiting).await
    }

    /// The browser with this session comes from an app; the code that the app is given.
    pub async fn authorize(&mut self, node: Node, session: &str, app: App) -> Answer<String> {
        let began = self.world.now();
        let cookie = format!("{SESSION_COOKIE}={session}");
        let request = get(HOST, &authorization_request(app), &[("cookie", &cookie)]);
        let reply = self.ask(node, request, Manner::Waiting).await;
        let answer = judge(reply, |reply| match reply.location() {
            Some(location) => code_in(location).map(Answer::Granted),
            None if reply.status == 200 && reply.hidden("pending").is_some() => {
                Some(Answer::Refused(Refusal::SignedOut))
            }
            None if reply.status == 400 => Some(Answer::Refused(Refusal::InvalidClient)),
            None => None,
        });
        let act = Act::Authorize {
            session: Artifact::of(session),
            app,
            answer: answer.map(|code| Artifact::of(code)),
        };
        self.write_down(node, began, act);
        answer
    }

    /// An app presents a code.
    pub async fn redeem(
        &mut self,
        node: Node,
        code: &str,
        app: App,
        hands: Hands,
        manner: Manner,
    ) -> Answer<TokenTexts> {
        let began = self.world.now();
        let presenter = match hands {
            Hands::AnotherApp => App((app.0 + 1) % APPS),
            Hands::Rightful | Hands::AnotherVerifier => app,
        };
        let verifier = match hands {
            Hands::AnotherVerifier => "a-verifier-of-forty-three-characters-or-more",
            Hands::Rightful | Hands::AnotherApp => CODE_VERIFIER,
        };
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", verifier),
        ];
        let answer = self.token_request(node, presenter, &form, manner).await;
        let act = Act::Redeem {
            code: Artifact::of(code),
            rightful: hands == Hands::Rightful,
            answer: answer.map(fingerprints),
        };
        self.write_down(node, began, act);
        answer
    }

    /// An app presents a refresh token.
    pub async fn refresh(
        &mut self,
        node: Node,
        token: &str,
        app: App,
        hands: Hands,
        manner: Manner,
    ) -> Answer<TokenTexts> {
        let began = self.world.now();
        let presenter = match hands {
            Hands::Rightful => app,
            Hands::AnotherApp | Hands::AnotherVerifier => App((app.0 + 1) % APPS),
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let answer = self.token_request(node, presenter, &form, manner).await;
        let act = Act::Refresh {
            token: Artifact::of(token),
            rightful: hands == Hands::Rightful,
            answer: answer.map(fingerprints),
        };
        self.write_down(node, began, act);
        answer
    }

    async fn token_request(
        &mut self,
        node: Node,
        app: App,
        form: &[(&str, &str)],
        manner: Manner,
    ) -> Answer<TokenTexts> {
        let credentials = authorization(&client_id(app));
        let request = post(HOST, "/token", &[("authorization", &credentials)], form);
        let reply = self.ask(node, request, manner).await;
        judge(reply, |reply| {
            let body = reply.json();
            let text = |name: &str| body[name].as_str().map(str::to_owned);
            match (reply.status, text("access_token"), text("refresh_token")) {
                (200, Some(access), Some(refresh)) => {
                    Some(Answer::Granted(TokenTexts { access, refresh }))
                }
                _ => refusal(reply),
            }
        })
    }

    /// The API asks about an access token; `by` is another client where somebody else asks.
    pub async fn introspect(
        &mut self,
        node: Node,
        token: &str,
        by: Option<App>,
    ) -> Answer<Identity> {
        let began = self.world.now();
        let credentials = authorization(&by.map_or(API.to_owned(), client_id));
        let headers = [("authorization", credentials.as_str())];
        let request = post(HOST, "/introspect", &headers, &[("token", token)]);
        let reply = self.ask(node, request, Manner::Waiting).await;
        let answer = judge(reply, |reply| {
            let body = reply.json();
            match (reply.status, body["active"].as_bool()) {
                (200, Some(true)) => Some(Answer::Granted(Identity {
                    user: self.user_of(&body),
                    app: body["client_id"].as_str().and_then(app_of),
                })),
                (200, Some(false)) => Some(Answer::Refused(Refusal::Inactive)),
                _ => refusal(reply),
            }
        });
        let act = Act::Introspect {
            token: Artifact::of(token),
            rightful: by.is_none(),
            answer: answer.clone(),
        };
        self.write_down(node, began, act);
        answer
    }

    /// An app asks who signed in.
    pub async fn userinfo(&mut self, node: Node, token: &str) -> Answer<Identity> {
        let began = self.world.now();
        let bearer = format!("Bearer {token}");
        let request = get(HOST, "/userinfo", &[("authorization", &bearer)]);
        let reply = self.ask(node, request, Manner::Waiting).await;
        let answer = judge(reply, |reply| match reply.status {
            200 => Some(Answer::Granted(Identity {
                user: self.user_of(&reply.json()),
                app: None,
            })),
            401 => Some(Answer::Refused(Refusal::InvalidToken)),
            _ => None,
        });
        let act = Act::UserInfo {
            token: Artifact::of(token),
            answer: answer.clone(),
        };
        self.write_down(node, began, act);
        answer
    }

    /// An app gives an access token back.
    pub async fn revoke_access(&mut self, node: Node, token: &str, app: App) -> Answer<()> {
        let act = |token, answer| Act::RevokeAccess { token, answer };
        self.revoke(node, token, app, act).await
    }

    /// An app gives a refresh token back.
    pub async fn revoke_grant(&mut self, node: Node, token: &str, app: App) -> Answer<()> {
        let act = |token, answer| Act::RevokeGrant { token, answer };
        self.revoke(node, token, app, act).await
    }

    async fn revoke(
        &mut self,
        node: Node,
        token: &str,
        app: App,
        act: fn(Artifact, Answer<()>) -> Act,
    ) -> Answer<()> {
        let began = self.world.now();
        let credentials = authorization(&client_id(app));
        let headers = [("authorization", credentials.as_str())];
        let request = post(HOST, "/revoke", &headers, &[("token", token)]);
        let reply = self.ask(node, request, Manner::Waiting).await;
        let answer = judge(reply, granted_or_refused);
        self.write_down(node, began, act(Artifact::of(token), answer.clone()));
        answer
    }

    /// The browser with this session goes to the page for it, and signs out.
    pub async fn sign_out(&mut self, node: Node, session: &str) -> Answer<()> {
        let began = self.world.now();
        let reply = self.confirm_sign_out(node, session).await;
        let answer = judge(reply, |reply| {
            let taken_away = reply.cookie(SESSION_COOKIE) == Some("");
            (taken_away && reply.status < 400).then_some(Answer::Granted(()))
        });
        let act = Act::SignOut {
            session: Artifact::of(session),
            answer: answer.clone(),
        };
        self.write_down(node, began, act);
        answer
    }

    async fn confirm_sign_out(&mut self, node: Node, session: &str) -> Result<Reply, Gone> {
        let cookie = format!("{SESSION_COOKIE}={session}");
        let request = get(HOST, "/logout", &[("cookie", &cookie)]);
        let page = self.ask(node, request, Manner::Waiting).await?;
        let Some(csrf) = page.hidden("csrf") else {
            // Nobody is signed in with it any more, or there is trouble; the answer says which.
            return Ok(page);
        };
        let headers = [
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let request = post(HOST, "/logout/confirm", &headers, &[("csrf", csrf)]);
        self.ask(node, request, Manner::Waiting).await
    }

    async fn ask(&mut self, node: Node, request: Outgoing, manner: Manner) -> Result<Reply, Gone> {
        let line = match self.lines[node.0].take().filter(Line::is_open) {
            Some(line) => Ok(line),
            None => Line::open(self.world.addresses[node.0]).await,
        };
        let mut line = line.map_err(|_| Gone::They)?;
        let reply = line.ask(request, manner).await;
        if reply.is_ok() {
            self.lines[node.0] = Some(line);
        }
        reply
    }

    fn write_down(&mut self, node: Node, began: Moment, act: Act) {
        let event = self.world.event(Some(node), began, act);
        self.events.push(event);
    }

    fn user_of(&self, body: &Value) -> Option<User> {
        self.world.subjects.get(body["sub"].as_str()?).copied()
    }
}

fn fingerprints(tokens: &TokenTexts) -> Tokens {
    Tokens {
        access: Artifact::of(&tokens.access),
        refresh: Artifact::of(&tokens.refresh),
    }
}

/// The no of an endpoint that answers in JSON (RFC 6749 §5.2).
fn refusal<T>(reply: &Reply) -> Option<Answer<T>> {
    let body = reply.json();
    match (reply.status, body["error"].as_str()?) {
        (400, "invalid_grant") => Some(Answer::Refused(Refusal::InvalidGrant)),
        (401, "invalid_client") => Some(Answer::Refused(Refusal::InvalidClient)),
        (400, "invalid_dpop_proof") => Some(Answer::Refused(Refusal::UsedBefore)),
        _ => None,
    }
}

/// A yes without content that matters, or the no of an endpoint that answers in JSON.
fn granted_or_refused(reply: &Reply) -> Option<Answer<()>> {
    match reply.status {
        200 => Some(Answer::Granted(())),
        _ => refusal(reply),
    }
}

/// Where an app sends a browser (RFC 6749 §4.1.1).
fn authorization_request(app: App) -> String {
    path_and_query("/authorize", &parameters(&client_id(app)))
}

fn parameters(client_id: &str) -> [(&str, &str); 7] {
    [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT_URI),
        ("scope", SCOPE),
        ("state", STATE),
        ("code_challenge", CODE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

fn path_and_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let before = format!("{path}?");
    let start = before.len();
    let mut query = form_urlencoded::Serializer::for_suffix(before, start);
    query.extend_pairs(parameters);
    query.finish()
}

/// The code in a redirect back that the app would take for its own.
fn code_in(location: &str) -> Option<String> {
    let (address, query) = location.split_once('?')?;
    let parameter = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let ours = address == REDIRECT_URI && parameter("state").as_deref() == Some(STATE);
    parameter("code").filter(|_| ours)
}
