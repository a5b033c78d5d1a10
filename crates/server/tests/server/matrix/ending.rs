//! What ends. Each ends it for ada, her grants or the clients of the ways, and for nobody else.

use safeconduct_protocol::client::Client;
use safeconduct_protocol::jose::{Algorithm, JwkSet, SigningKey};
use safeconduct_protocol::scope::Scope;
use safeconduct_server::keys::Lost;

use super::way::{Held, Stage, Way};
use crate::keys::recover;
use crate::support::{NOTES, NOTES_API, TestServer, password_of, registration};

/// The clients of all ways.
pub(super) const CLIENTS: [&str; 7] =
    ["shop", "kiosk", "strict", "bound", "robot", "club", "vault"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    UserLocked,
    UserDeleted,
    PasswordChanged,
    /// By the operator.
    SessionEnded,
    /// By the person.
    SignedOut,
    /// By the person, who allowed access while they are away.
    SignedOutOffline,
    ConsentWithdrawn,
    ClientDisabled,
    ClientDeleted,
    /// The secrets and keys that clients authenticate with are others.
    CredentialsReplaced,
    ScopesTakenBack,
    GrantTypesTakenBack,
    RedirectUriTakenBack,
    /// The API is no longer declared.
    ApiRemoved,
    /// The client that introspects for the API is disabled.
    ApiDisabled,
    /// By a refresh token of the grant (RFC 7009).
    GrantRevoked,
    AccessTokenRevoked,
    CodeReplayed,
    RefreshTokenReused,
    /// A minute, which is the life of a code and of a pushed request.
    CodeExpired,
    /// Five minutes.
    AccessTokenExpired,
    /// A week, in which nobody used it.
    Idled,
    /// A month, after which what was allowed is over however often it was used.
    Over,
    /// A database that was restored.
    Restored,
    KeysWithdrawn,
}

impl Ending {
    pub(super) const ALL: [Self; 25] = [
        Self::UserLocked,
        Self::UserDeleted,
        Self::PasswordChanged,
        Self::SessionEnded,
        Self::SignedOut,
        Self::SignedOutOffline,
        Self::ConsentWithdrawn,
        Self::ClientDisabled,
        Self::ClientDeleted,
        Self::CredentialsReplaced,
        Self::ScopesTakenBack,
        Self::GrantTypesTakenBack,
        Self::RedirectUriTakenBack,
        Self::ApiRemoved,
        Self::ApiDisabled,
        Self::GrantRevoked,
        Self::AccessTokenRevoked,
        Self::CodeReplayed,
        Self::RefreshTokenReused,
        Self::CodeExpired,
        Self::AccessTokenExpired,
        Self::Idled,
        Self::Over,
        Self::Restored,
        Self::KeysWithdrawn,
    ];

    /// Those that a request can race: they end something at one moment, and for good.
    pub(super) const AT_ONCE: [Self; 9] = [
        Self::UserLocked,
        Self::UserDeleted,
        Self::PasswordChanged,
        Self::SessionEnded,
        Self::SignedOut,
        Self::ConsentWithdrawn,
        Self::ClientDisabled,
        Self::ClientDeleted,
        Self::ScopesTakenBack,
    ];

    /// Lets it happen to everything at once; for an ending of one grant, `None`.
    pub(super) async fn happen(self, stage: &mut Stage<'_>) -> Option<()> {
        let server = stage.server;
        match self {
            Self::UserLocked => server.lock_user("ada").await,
            Self::UserDeleted => server.delete_user("ada").await,
            Self::PasswordChanged => server.set_password("ada", "a new password").await,
            Self::SessionEnded => server.end_sessions("ada").await,
            Self::SignedOut | Self::SignedOutOffline => {
                assert_eq!(stage.ada.sign_out().await.status, 303)
            }
            Self::ConsentWithdrawn => {
                for client in CLIENTS {
                    server.withdraw_consent("ada", client).await;
                }
            }
            Self::CodeExpired => server.advance(60),
            Self::AccessTokenExpired => server.advance(300),
            Self::Idled => server.advance(7 * 24 * 3_600),
            Self::Over => server.advance(6 * 24 * 3_600),
            Self::Restored => server.begin_era().await,
            Self::KeysWithdrawn => {
                recover(server, &Lost::EverySigningKey).await;
                server.server().refresh().await.unwrap();
            }
            Self::GrantRevoked
            | Self::AccessTokenRevoked
            | Self::CodeReplayed
            | Self::RefreshTokenReused => return None,
            _ => self.happen_to_registrations(server).await,
        }
        Some(())
    }

    async fn happen_to_registrations(self, server: &TestServer) {
        match self {
            Self::ClientDisabled => {
                for client in CLIENTS {
                    server.disable_client(client).await;
                }
            }
            Self::ClientDeleted => {
                for client in CLIENTS {
                    server.delete_client(client).await;
                }
            }
            Self::CredentialsReplaced => replace_credentials(server).await,
            Self::ScopesTakenBack => {
                change(server, |client| client.scopes = Scope::default()).await
            }
            Self::GrantTypesTakenBack => change(server, |client| client.grant_types.clear()).await,
            Self::RedirectUriTakenBack => {
                change(server, |client| {
                    let other = "https://elsewhere.example/".to_owned();
                    client.redirect_uris = vec![other.try_into().unwrap()];
                })
                .await;
            }
            Self::ApiRemoved => server.remove_api(NOTES).await,
            Self::ApiDisabled => server.disable_client(NOTES_API).await,
            other => panic!("{other:?} is of no registration"),
        }
    }

    /// Lets it happen to what is held; `None` where that can't be.
    pub(super) async fn happen_to(self, stage: &Stage<'_>, way: Way, held: &Held) -> Option<()> {
        let (server, client) = (stage.server, way.client());
        let tokens = held.tokens.as_ref();
        match self {
            Self::GrantRevoked => {
                let refresh_token = tokens?.refresh.as_deref()?;
                let answer = server.revoke(client, refresh_token).await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
            Self::AccessTokenRevoked => {
                let answer = server.revoke(client, &tokens?.access).await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
            Self::CodeReplayed => {
                let expected = if tokens.is_some() { 400 } else { 200 };
                let answer = stage.redeem(way, held.code.as_ref()?).await;
                assert_eq!(answer.status, expected, "{answer:?}");
            }
            Self::RefreshTokenReused => {
                let first = tokens.filter(|tokens| tokens.refresh.is_some())?;
                let second = stage.refresh(way, first).await.tokens();
                stage.refresh(way, &second).await.tokens();
                let answer = stage.refresh(way, first).await;
                assert!(answer.to_string().ends_with("(refresh-token-reused)"));
            }
            _ => {}
        }
        Some(())
    }

    /// Takes back what an operator can take back; `None` where nothing can be.
    pub(super) async fn be_undone(self, server: &TestServer) -> Option<()> {
        match self {
            Self::UserLocked => server.unlock_user("ada").await,
            Self::PasswordChanged => server.set_password("ada", &password_of("ada")).await,
            Self::ClientDisabled => {
                for client in CLIENTS {
                    server.enable_client(client).await;
                }
            }
            Self::ScopesTakenBack | Self::GrantTypesTakenBack | Self::RedirectUriTakenBack => {
                change(server, |_| {}).await;
            }
            Self::ApiRemoved => server.restore_apis().await,
            Self::ApiDisabled => {
                server.enable_client(NOTES_API).await;
                // The guard asks again once in a while.
                server.advance(10);
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether what ends was allowed for while the person is away.
    pub(super) fn is_of_offline_access(self) -> bool {
        matches!(self, Self::SignedOutOffline | Self::Over)
    }

    /// Whether it ends what it is not about.
    pub(super) fn concerns_others(self) -> bool {
        matches!(
            self,
            Self::ApiRemoved
                | Self::ApiDisabled
                | Self::AccessTokenExpired
                | Self::Idled
                | Self::Over
                | Self::Restored
                | Self::KeysWithdrawn
        )
    }
}

/// Registers the clients of the ways, each with this change.
pub(super) async fn change(server: &TestServer, change: impl Fn(&mut Client)) {
    for name in CLIENTS {
        server
            .change_client(name, |client| {
                if name == "vault" {
                    client.scopes = Scope::parse("openid email notes.read offline_access").unwrap();
                }
                change(client);
            })
            .await;
    }
}

async fn replace_credentials(server: &TestServer) {
    for client in CLIENTS.into_iter().filter(|client| *client != "robot") {
        if !registration(client).is_public() {
            server
                .rotate_secret(client, "a secret nobody was told of", 0)
                .await;
        }
    }
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    server
        .change_client("robot", |robot| {
            robot.jwks = Some(JwkSet {
                keys: vec![key.public_jwk()],
            });
        })
        .await;
}
