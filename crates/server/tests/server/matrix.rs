//! Every way in which something can end, against everything that rests on it. No cell may be forgotten: each is tried.

use crate::support::{Ask, Browser, Code, Form, TestServer, Tokens, password_of};

/// What ends. Each ends it for ada and the client, and for nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    UserLocked,
    UserDeleted,
    PasswordChanged,
    SessionEnded,
    SignedOut,
    ConsentWithdrawn,
    ClientDisabled,
    ClientDeleted,
    ScopeTakenBack,
}

impl Ending {
    const ALL: [Self; 9] = [
        Self::UserLocked,
        Self::UserDeleted,
        Self::PasswordChanged,
        Self::SessionEnded,
        Self::SignedOut,
        Self::ConsentWithdrawn,
        Self::ClientDisabled,
        Self::ClientDeleted,
        Self::ScopeTakenBack,
    ];

    async fn happen(self, server: &TestServer, ada: &mut Browser<'_>, client: &str) {
        match self {
            Self::UserLocked => server.lock_user("ada").await,
            Self::UserDeleted => server.delete_user("ada").await,
            Self::PasswordChanged => server.set_password("ada", "a new password").await,
            Self::SessionEnded => server.end_sessions("ada").await,
            Self::SignedOut => assert_eq!(ada.sign_out().await.status, 303),
            Self::ConsentWithdrawn => server.withdraw_consent("ada", client).await,
            Self::ClientDisabled => server.disable_client(client).await,
            Self::ClientDeleted => server.delete_client(client).await,
            Self::ScopeTakenBack => {
                server
                    .change_client(client, |client| client.scopes = Default::default())
                    .await
            }
        }
    }

    /// What an operator can take back, taken back. What has ended stays ended.
    async fn be_undone(self, server: &TestServer, client: &str) {
        match self {
            Self::UserLocked => server.unlock_user("ada").await,
            Self::PasswordChanged => server.set_password("ada", &password_of("ada")).await,
            Self::ClientDisabled => server.enable_client(client).await,
            _ => {}
        }
    }

    /// Whether it only takes effect while it lasts.
    fn can_be_given_back(self) -> bool {
        self == Self::ScopeTakenBack
    }

    fn is_of_the_client(self) -> bool {
        matches!(
            self,
            Self::ClientDisabled | Self::ClientDeleted | Self::ScopeTakenBack
        )
    }
}

/// What rests on a user, a session, a consent and a client, with two of a kind where one use uses it up.
struct Holdings {
    codes: [Code; 2],
    tokens: Tokens,
    /// Its successor was handed out and never used: presented again, it is a retry.
    retry: Tokens,
    own: Option<Tokens>,
    /// Requests that were pushed and that nobody has opened yet.
    pushed: [Ask; 2],
}

/// What is asked for in the name of `client`: a sign-in with OpenID Connect, where it can have one.
fn ask(client: &str) -> Ask {
    match client {
        "club" | "circle" => Ask::of(client).scope("openid email notes.read"),
        _ => Ask::of(client),
    }
}

async fn hold(server: &TestServer, ada: &mut Browser<'_>, client: &str) -> Holdings {
    let ask = ask(client);
    let tokens = server.exchange(&ada.code(&ask).await).await.tokens();
    let retry = server.exchange(&ada.code(&ask).await).await.tokens();
    server.refresh(client, &retry).await.tokens();
    let own = match client {
        "robot" => Some(
            server
                .client_credentials(client, "notes.read")
                .await
                .tokens(),
        ),
        _ => None,
    };
    let pushed = [server.push(&ask).await, server.push(&ask).await];
    Holdings {
        codes: [ada.code(&ask).await, ada.code(&ask).await],
        tokens,
        retry,
        own,
        pushed: pushed.map(|answer| ask.pushed_as(&answer)),
    }
}

/// That everything works, without using up what is tried later.
async fn all_is_good(
    server: &TestServer,
    ada: &mut Browser<'_>,
    client: &str,
    holdings: &Holdings,
) {
    let spare = server.exchange(&holdings.codes[0]).await.tokens();
    assert!(server.is_active(&spare.access).await);
    assert_eq!(server.refresh(client, &spare).await.status, 200);
    assert!(server.is_active(&holdings.tokens.access).await);
    assert_eq!(server.refresh(client, &holdings.retry).await.status, 200);
    if let Some(own) = &holdings.own {
        assert!(server.is_active(&own.access).await);
    }
    for tokens in [&holdings.tokens, &spare] {
        let told = server.userinfo(&tokens.access).await.status == 200;
        assert_eq!(told, tokens.id.is_some(), "{client}");
    }
    assert!(ada.authorize(&holdings.pushed[0]).await.has_code());
}

/// That nothing works any more.
async fn all_is_over(server: &TestServer, client: &str, holdings: &Holdings, when: &str) {
    let refused = |answer: &crate::support::Answer| {
        let said = answer.to_string();
        said.starts_with("400 invalid_grant") || said.starts_with("401 invalid_client")
    };
    let code = server.exchange(&holdings.codes[1]).await;
    assert!(refused(&code), "code, {when}: {code:?}");
    let refresh = server.refresh(client, &holdings.tokens).await;
    assert!(refused(&refresh), "refresh, {when}: {refresh:?}");
    let retry = server.refresh(client, &holdings.retry).await;
    assert!(refused(&retry), "retry, {when}: {retry:?}");
    for tokens in [&holdings.tokens, &holdings.retry] {
        assert!(
            !server.is_active(&tokens.access).await,
            "introspection, {when}"
        );
        let told = server.userinfo(&tokens.access).await;
        assert!(told.status == 401 || told.status == 403, "{when}: {told:?}");
    }
}

/// That what was asked before is not answered without asking anybody.
async fn nothing_is_answered(ada: &mut Browser<'_>, holdings: &Holdings, when: &str) {
    let answer = ada.authorize(&holdings.pushed[1]).await;
    assert!(!answer.has_code(), "{when}: {answer:?}");
}

async fn own_tokens_are_over(server: &TestServer, holdings: &Holdings, ending: Ending, when: &str) {
    let Some(own) = &holdings.own else { return };
    assert_eq!(
        server.is_active(&own.access).await,
        !ending.is_of_the_client(),
        "its own token, {when}"
    );
}

async fn whoever_is_not_concerned_goes_on(server: &TestServer, bystander: &Tokens) {
    assert!(server.is_active(&bystander.access).await);
}

/// Attacks: R23, L17, C01, C12, T23, F10, I04.
#[tokio::test]
async fn whatever_ends_takes_along_everything_that_rests_on_it() {
    for client in ["shop", "kiosk", "robot", "vault", "club", "circle"] {
        for ending in Ending::ALL {
            let when = format!("{client}, {ending:?}");
            let server = TestServer::start().await;
            let bystander = server.tokens("bob", &Ask::of("bank")).await;
            let mut ada = server.sign_in("ada").await;
            let holdings = hold(&server, &mut ada, client).await;
            all_is_good(&server, &mut ada, client, &holdings).await;

            ending.happen(&server, &mut ada, client).await;
            all_is_over(&server, client, &holdings, &when).await;
            nothing_is_answered(&mut ada, &holdings, &when).await;
            own_tokens_are_over(&server, &holdings, ending, &when).await;
            whoever_is_not_concerned_goes_on(&server, &bystander).await;

            if !ending.can_be_given_back() {
                ending.be_undone(&server, client).await;
                all_is_over(&server, client, &holdings, &format!("{when}, undone")).await;
                own_tokens_are_over(&server, &holdings, ending, &when).await;
            }
        }
    }
}

/// Attacks: C12, T23, F07.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_races_an_ending_is_dead_after_it() {
    for ending in Ending::ALL {
        let server = TestServer::start().await;
        let mut ada = server.sign_in("ada").await;
        let Holdings {
            codes,
            tokens,
            retry,
            ..
        } = hold(&server, &mut ada, "shop").await;
        let forms = [
            codes[0].exchange(),
            codes[1].exchange(),
            tokens.refresh(),
            tokens.refresh(),
            retry.refresh(),
        ];
        let credentials = server.credentials("shop");
        let requests = forms.map(|form| server.back_channel("/token", &credentials, &form));
        let (answers, ()) = tokio::join!(
            server.send_all(requests),
            ending.happen(&server, &mut ada, "shop")
        );
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            let minted = answer.tokens();
            assert!(!server.is_active(&minted.access).await, "{ending:?}");
            assert_ne!(
                server.refresh("shop", &minted).await.status,
                200,
                "{ending:?}"
            );
        }
        assert!(!server.is_active(&tokens.access).await, "{ending:?}");
    }
}

/// Attacks: I04, A05.
#[tokio::test]
async fn a_database_that_was_restored_honours_nothing_from_before() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let holdings = hold(&server, &mut ada, "robot").await;
    all_is_good(&server, &mut ada, "robot", &holdings).await;
    let page = ada.authorize(&Ask::of("bank")).await;

    server.begin_era().await;
    all_is_over(&server, "robot", &holdings, "restored").await;
    nothing_is_answered(&mut ada, &holdings, "restored").await;
    let own = holdings.own.as_ref().unwrap();
    assert!(!server.is_active(&own.access).await);
    let answer = ada.allow(&page).await;
    assert_eq!(answer.to_string(), "400 page (pending-request-expired)");
    assert!(
        !ada.authorize(&Ask::of("portal")).await.has_code(),
        "who signed out since the backup stays signed out"
    );
    let tokens = server.tokens("ada", &Ask::of("bank")).await;
    assert!(
        server.is_active(&tokens.access).await,
        "and what comes after is as good as ever"
    );
}

#[tokio::test]
async fn a_client_that_has_ended_gets_nothing_more_of_its_own() {
    for (ending, refused) in [
        (Ending::ClientDisabled, "401 invalid_client"),
        (Ending::ClientDeleted, "401 invalid_client"),
        (
            Ending::ScopeTakenBack,
            "400 invalid_scope (scope-not-registered)",
        ),
    ] {
        let server = TestServer::start().await;
        let mut ada = server.sign_in("ada").await;
        assert_eq!(
            server
                .client_credentials("robot", "notes.read")
                .await
                .status,
            200
        );
        ending.happen(&server, &mut ada, "robot").await;
        let answer = server.client_credentials("robot", "notes.read").await;
        assert!(answer.to_string().starts_with(refused), "{answer:?}");
        // Nor may it ask about tokens, or revoke them.
        if refused.starts_with("401") {
            for path in ["/introspect", "/revoke"] {
                let request = server.back_channel(
                    path,
                    &server.credentials("robot"),
                    &Form::new().with("token", "x"),
                );
                assert!(server.send(request).await.to_string().starts_with(refused));
            }
        }
    }
}

#[tokio::test]
async fn an_api_that_is_disabled_is_told_nothing() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    assert!(server.is_active(&tokens.access).await);
    server.disable_client("notes-api").await;
    let answer = server.introspect("notes-api", &tokens.access).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    server.enable_client("notes-api").await;
    assert!(server.is_active(&tokens.access).await);
}
