//! The ways to obtain and to use a token: what each needs, and the request that it is.

use axum::body::Body;
use axum::extract::Request;
use http::header;
use safeconduct_protocol::client::GrantType;
use safeconduct_protocol::jose::SigningKey;

use super::api::Api;
use crate::client_auth::own_token;
use crate::support::{
    Answer, Ask, Browser, Code, Credentials, Form, NOTES_API, TestServer, Tokens, with_proof,
};

/// A way to obtain or to use a token, by the kind of client and token that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A code of a client with a secret.
    Code,
    PublicCode,
    /// A code for a request that was pushed.
    PushedCode,
    /// A code that is bound to a key.
    BoundCode,
    Refresh,
    /// A refresh token whose successor was handed out and never used.
    Retry,
    PublicRefresh,
    BoundRefresh,
    ClientCredentials,
    /// Pushing a request.
    Push,
    /// Opening a request that was pushed, in a browser in which nothing is left to ask.
    Pushed,
    /// A code without a page, `prompt=none`.
    Silent,
    Introspect,
    IntrospectOpaque,
    /// A client's own token.
    IntrospectOwn,
    UserInfo,
    UserInfoOpaque,
    UserInfoBound,
    RevokeAccess,
    RevokeRefresh,
    /// A request to an API whose guard reads the token by itself, with the keys that it has.
    GuardByKeys,
    /// A request to an API whose guard asks about the token as well.
    GuardByAsking,
    GuardOpaque,
    GuardBound,
}

impl Way {
    pub(super) const ALL: [Self; 24] = [
        Self::Code,
        Self::PublicCode,
        Self::PushedCode,
        Self::BoundCode,
        Self::Refresh,
        Self::Retry,
        Self::PublicRefresh,
        Self::BoundRefresh,
        Self::ClientCredentials,
        Self::Push,
        Self::Pushed,
        Self::Silent,
        Self::Introspect,
        Self::IntrospectOpaque,
        Self::IntrospectOwn,
        Self::UserInfo,
        Self::UserInfoOpaque,
        Self::UserInfoBound,
        Self::RevokeAccess,
        Self::RevokeRefresh,
        Self::GuardByKeys,
        Self::GuardByAsking,
        Self::GuardOpaque,
        Self::GuardBound,
    ];

    /// The ways of a grant type. A new one has none until it is in the matrix.
    pub(super) fn of(grant_type: GrantType) -> &'static [Self] {
        match grant_type {
            GrantType::AuthorizationCode => &[
                Self::Code,
                Self::PublicCode,
                Self::PushedCode,
                Self::BoundCode,
            ],
            GrantType::RefreshToken => &[
                Self::Refresh,
                Self::Retry,
                Self::PublicRefresh,
                Self::BoundRefresh,
            ],
            GrantType::ClientCredentials => &[Self::ClientCredentials],
        }
    }

    /// The client that the token is or will be of.
    pub(super) fn client(self) -> &'static str {
        match self {
            Self::Code
            | Self::Refresh
            | Self::Retry
            | Self::Introspect
            | Self::RevokeAccess
            | Self::RevokeRefresh
            | Self::GuardByKeys
            | Self::GuardByAsking => "shop",
            Self::PublicCode | Self::PublicRefresh => "kiosk",
            Self::PushedCode | Self::Pushed => "strict",
            Self::BoundCode | Self::BoundRefresh | Self::UserInfoBound | Self::GuardBound => {
                "bound"
            }
            Self::ClientCredentials | Self::IntrospectOwn => "robot",
            Self::Push | Self::Silent | Self::UserInfo => "club",
            Self::IntrospectOpaque | Self::UserInfoOpaque | Self::GuardOpaque => "vault",
        }
    }

    /// Whether it is one request to an endpoint of the server.
    pub(super) fn is_a_call(self) -> bool {
        !matches!(self, Self::Pushed | Self::Silent) && !self.endpoint().is_empty()
    }

    /// The member of the metadata that names where it is tried; empty for an API.
    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::Code
            | Self::PublicCode
            | Self::PushedCode
            | Self::BoundCode
            | Self::Refresh
            | Self::Retry
            | Self::PublicRefresh
            | Self::BoundRefresh
            | Self::ClientCredentials => "token_endpoint",
            Self::Push => "pushed_authorization_request_endpoint",
            Self::Pushed | Self::Silent => "authorization_endpoint",
            Self::Introspect | Self::IntrospectOpaque | Self::IntrospectOwn => {
                "introspection_endpoint"
            }
            Self::UserInfo | Self::UserInfoOpaque | Self::UserInfoBound => "userinfo_endpoint",
            Self::RevokeAccess | Self::RevokeRefresh => "revocation_endpoint",
            Self::GuardByKeys | Self::GuardByAsking | Self::GuardOpaque | Self::GuardBound => "",
        }
    }

    /// Whether its tokens are bound to the key of the stage.
    pub(super) fn is_bound(self) -> bool {
        self.client() == "bound"
    }

    /// What is asked for in the name of its client.
    fn ask(self, stage: &Stage<'_>) -> Ask {
        let openid = match self.client() {
            "shop" | "kiosk" | "robot" => "",
            _ => "openid email ",
        };
        let offline = if stage.offline { " offline_access" } else { "" };
        let ask = Ask::of(self.client()).scope(&format!("{openid}notes.read{offline}"));
        match self.is_bound() {
            true => ask.with("dpop_jkt", stage.key.kid()),
            false => ask,
        }
    }
}

/// A server, a person who is signed in in a browser, and the key that a client holds.
pub(super) struct Stage<'s> {
    pub(super) server: &'s TestServer,
    pub(super) ada: Browser<'s>,
    pub(super) key: SigningKey,
    /// Whether clients ask for access while the person is away.
    pub(super) offline: bool,
    pub(super) api: Api,
}

/// What a way is tried with.
#[derive(Clone, Default)]
pub(super) struct Held {
    pub(super) code: Option<Code>,
    pub(super) tokens: Option<Tokens>,
    /// What the browser is sent with.
    pub(super) ask: Option<Ask>,
}

/// A request that has not been sent yet, in parts that can be replaced.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) path: &'static str,
    pub(super) credentials: Credentials,
    pub(super) form: Form,
    /// Scheme and access token, where one is shown instead of credentials.
    pub(super) shown: Option<(&'static str, String)>,
    pub(super) proof: Option<String>,
    /// The parameter that holds what is used.
    pub(super) artifact: Option<&'static str>,
}

impl Stage<'_> {
    /// What `way` needs, honestly come by.
    pub(super) async fn hold(&mut self, way: Way) -> Held {
        let ask = way.ask(self);
        let (code, tokens) = match way {
            Way::Push => return Held::default(),
            Way::ClientCredentials => return Held::default(),
            Way::IntrospectOwn => {
                let own = self.server.token(way.client(), &own_token()).await;
                (None, Some(own.tokens()))
            }
            Way::Pushed | Way::Silent => return self.hold_ask(&ask, way).await,
            Way::PushedCode => {
                let pushed = ask.pushed_as(&self.server.push(&ask).await);
                (Some(self.answer(&pushed).await.code(&ask)), None)
            }
            Way::Code | Way::PublicCode | Way::BoundCode => (Some(self.ada.code(&ask).await), None),
            _ => {
                let code = self.ada.code(&ask).await;
                let tokens = self.redeem(way, &code).await.tokens();
                (Some(code), Some(tokens))
            }
        };
        if way == Way::Retry {
            let tokens = tokens.as_ref().unwrap();
            self.refresh(way, tokens).await.tokens();
        }
        Held {
            code,
            tokens,
            ask: None,
        }
    }

    /// A request after which nothing is left to ask the person.
    async fn hold_ask(&mut self, ask: &Ask, way: Way) -> Held {
        let push = async || ask.pushed_as(&self.server.push(ask).await);
        let ask = match way {
            Way::Pushed => {
                let first = push().await;
                let second = push().await;
                self.answer(&first).await;
                second
            }
            _ => {
                self.ada.code(ask).await;
                ask.clone().with("prompt", "none")
            }
        };
        Held {
            ask: Some(ask),
            ..Held::default()
        }
    }

    /// The answer to `ask`, which is allowed where that is asked.
    async fn answer(&mut self, ask: &Ask) -> Answer {
        let answer = self.ada.authorize(ask).await;
        if answer.has_code() {
            return answer;
        }
        self.ada.allow(&answer).await
    }

    /// Uses the refresh token, so that neither it nor what it belongs to idles.
    pub(super) async fn keep_alive(&self, way: Way, held: &mut Held) {
        let Some(tokens) = held
            .tokens
            .as_mut()
            .filter(|tokens| tokens.refresh.is_some())
        else {
            return;
        };
        *tokens = self.refresh(way, tokens).await.tokens();
        if way == Way::Retry {
            self.refresh(way, tokens).await.tokens();
        }
    }

    pub(super) async fn redeem(&self, way: Way, code: &Code) -> Answer {
        match way.is_bound() {
            true => self.server.exchange_proving(&self.key, code).await,
            false => self.server.exchange(code).await,
        }
    }

    pub(super) async fn refresh(&self, way: Way, tokens: &Tokens) -> Answer {
        let (server, client) = (self.server, way.client());
        match way.is_bound() {
            true => server.refresh_proving(&self.key, client, tokens).await,
            false => server.refresh(client, tokens).await,
        }
    }

    /// Goes `way` as its client does, and says what came of it.
    pub(super) async fn go(&mut self, way: Way, held: &Held) -> String {
        if let Some(ask) = &held.ask {
            return outcome(&self.ada.authorize(ask).await);
        }
        if way.is_a_call() {
            return outcome(&self.server.send(self.call(way, held).request(self)).await);
        }
        let token = &held.tokens.as_ref().unwrap().access;
        self.api.judge(way, self.server, &self.key, token).await
    }

    /// The request that `way` is, as its client sends it.
    pub(super) fn call(&self, way: Way, held: &Held) -> Call {
        let client = self.server.credentials(way.client());
        let call = |path, credentials, form, artifact| Call {
            path,
            credentials,
            form,
            shown: None,
            proof: way
                .is_bound()
                .then(|| self.server.prove(&self.key, "POST", path, None)),
            artifact,
        };
        let token = |text: &str| Form::new().with("token", text);
        let tokens = || held.tokens.as_ref().unwrap();
        match way {
            Way::Code | Way::PublicCode | Way::PushedCode | Way::BoundCode => {
                let form = held.code.as_ref().unwrap().exchange();
                call("/token", client, form, Some("code"))
            }
            Way::Refresh | Way::Retry | Way::PublicRefresh | Way::BoundRefresh => {
                let form = tokens().refresh();
                call("/token", client, form, Some("refresh_token"))
            }
            Way::ClientCredentials => call("/token", client, own_token(), None),
            Way::Push => {
                let form = way.ask(self).form.without("client_id");
                call("/par", client, form, None)
            }
            Way::Introspect | Way::IntrospectOpaque | Way::IntrospectOwn => {
                let api = self.server.credentials(NOTES_API);
                call("/introspect", api, token(&tokens().access), Some("token"))
            }
            Way::RevokeAccess => call("/revoke", client, token(&tokens().access), Some("token")),
            Way::RevokeRefresh => {
                let form = token(tokens().refresh_token());
                call("/revoke", client, form, Some("token"))
            }
            Way::UserInfo | Way::UserInfoOpaque | Way::UserInfoBound => {
                self.look(way, &tokens().access)
            }
            _ => panic!("{way:?} is no request to an endpoint"),
        }
    }

    /// `GET /userinfo` with this token.
    fn look(&self, way: Way, access_token: &str) -> Call {
        let (path, nothing) = ("/userinfo", Credentials::Nothing);
        let prove = || {
            self.server
                .prove(&self.key, "GET", path, Some(access_token))
        };
        let scheme = if way.is_bound() { "DPoP" } else { "Bearer" };
        Call {
            path,
            credentials: nothing,
            form: Form::new(),
            shown: Some((scheme, access_token.to_owned())),
            proof: way.is_bound().then(prove),
            artifact: None,
        }
    }
}

impl Call {
    pub(super) fn request(&self, stage: &Stage<'_>) -> Request {
        let request = match &self.shown {
            Some((scheme, token)) => Request::get(self.path)
                .header(header::AUTHORIZATION, format!("{scheme} {token}"))
                .body(Body::empty())
                .unwrap(),
            None => stage
                .server
                .back_channel(self.path, &self.credentials, &self.form),
        };
        match &self.proof {
            Some(proof) => with_proof(request, proof),
            None => request,
        }
    }
}

/// What came of a way: `ok`, or how it was refused.
pub(super) fn outcome(answer: &Answer) -> String {
    if answer.has_code() {
        return "ok".to_owned();
    }
    if let Some(error) = answer.parameter("error") {
        return format!("back to the client, {error}");
    }
    if answer.is_page() || !answer.status.is_success() {
        return answer.to_string();
    }
    let is_inactive = answer.body == r#"{"active":false}"#;
    if is_inactive { "inactive" } else { "ok" }.to_owned()
}
