//! The attacks: ways to break a sign-in, each tried on the real parties, each with the exact refusal it must get.
//!
//! The same functions stand behind the buttons of the web app and behind `--break`. They sign in by themselves, with a
//! browser of their own (`browser.rs`), so that a person's own sign-in survives them.

mod answer;
mod code;
mod defence;
mod identity;
mod token;
mod trial;

use std::sync::Arc;

use safeconduct_protocol::secret::Secret;
use serde::Serialize;
use tokio::sync::Mutex;

#[cfg(test)]
pub(crate) use self::trial::Role;
use self::trial::Run;
pub(crate) use self::trial::{Outcome, Trial};
use super::addresses::Addresses;
use super::browser::{self, Browser};
use super::people::{ATTACKED, PASSWORD};
use super::recorder::Recorder;
use super::wire::Wire;

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attack {
    ReplayedCode,
    CodeOfAnotherClient,
    WrongCodeVerifier,
    ChangedRedirectUri,
    ChangedState,
    TokenForAnotherApi,
    ForgedToken,
    StolenToken,
    ReusedRefreshToken,
    RevokedToken,
    SwappedIdToken,
    ReplayedLogoutToken,
}

impl Attack {
    /// Every attack, in the order of the flow.
    pub(crate) const ALL: [Self; 12] = [
        Self::ReplayedCode,
        Self::CodeOfAnotherClient,
        Self::WrongCodeVerifier,
        Self::ChangedRedirectUri,
        Self::ChangedState,
        Self::SwappedIdToken,
        Self::TokenForAnotherApi,
        Self::ForgedToken,
        Self::StolenToken,
        Self::ReusedRefreshToken,
        Self::RevokedToken,
        Self::ReplayedLogoutToken,
    ];

    /// Its name in addresses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ReplayedCode => "replayed-code",
            Self::CodeOfAnotherClient => "code-of-another-client",
            Self::WrongCodeVerifier => "wrong-code-verifier",
            Self::ChangedRedirectUri => "changed-redirect-uri",
            Self::ChangedState => "changed-state",
            Self::TokenForAnotherApi => "token-for-another-api",
            Self::ForgedToken => "forged-token",
            Self::StolenToken => "stolen-token",
            Self::ReusedRefreshToken => "reused-refresh-token",
            Self::RevokedToken => "revoked-token",
            Self::SwappedIdToken => "swapped-id-token",
            Self::ReplayedLogoutToken => "replayed-logout-token",
        }
    }

    /// The attack called `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attack| attack.name() == name)
    }

    /// What the button says.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::ReplayedCode => "Use a code twice",
            Self::CodeOfAnotherClient => "Use another app’s code",
            Self::WrongCodeVerifier => "Use a code without its verifier",
            Self::ChangedRedirectUri => "Change the redirect_uri",
            Self::ChangedState => "Change the state",
            Self::TokenForAnotherApi => "Use another API’s token",
            Self::ForgedToken => "Forge a token",
            Self::StolenToken => "Use a stolen token without its key",
            Self::ReusedRefreshToken => "Use a refresh token again",
            Self::RevokedToken => "Use a revoked token",
            Self::SwappedIdToken => "Swap the ID Token",
            Self::ReplayedLogoutToken => "Sign somebody out again",
        }
    }

    /// What somebody would gain by it.
    pub(crate) const fn idea(self) -> &'static str {
        match self {
            Self::ReplayedCode => {
                "The code was in the browser’s history or in a log, and somebody who reads it tries it once more."
            }
            Self::CodeOfAnotherClient => {
                "A malicious app that is registered at the same server got hold of a code meant for this one."
            }
            Self::WrongCodeVerifier => {
                "Somebody caught the code, and even knows the app’s secret. The verifier never left the app."
            }
            Self::ChangedRedirectUri => {
                "The code would go to an address of the attacker’s choice, if the server were generous about it."
            }
            Self::ChangedState => {
                "The attacker has a victim’s browser finish a sign-in that the attacker began."
            }
            Self::TokenForAnotherApi => {
                "An API that got a token in good faith passes it on to this one, and reads your notes with it."
            }
            Self::ForgedToken => {
                "The attacker writes a token: unsigned (alg: none), or signed with the server’s public key as if it were a shared secret (HS256)."
            }
            Self::StolenToken => {
                "A log or a proxy wrote down the access token, and even the proof beside it. The key never left the app."
            }
            Self::ReusedRefreshToken => {
                "A refresh token was copied from a backup. The app has renewed its tokens twice since then."
            }
            Self::RevokedToken => {
                "A token that was revoked a moment ago would be good for minutes to come."
            }
            Self::SwappedIdToken => {
                "Somebody sits between the app and the server, and hands the app an ID Token of another sign-in, or one of their own making."
            }
            Self::ReplayedLogoutToken => {
                "The message that signed Carol out once was in a log. Whoever sends it again would sign her out whenever they like."
            }
        }
    }

    async fn try_out(self, run: &mut Run<'_>) -> Result<(), browser::Lost> {
        match self {
            Self::ReplayedCode => code::replayed(run).await,
            Self::CodeOfAnotherClient => code::of_another_client(run).await,
            Self::WrongCodeVerifier => code::wrong_verifier(run).await,
            Self::ChangedRedirectUri => code::changed_redirect_uri(run).await,
            Self::ChangedState => code::changed_state(run).await,
            Self::TokenForAnotherApi => token::for_another_api(run).await,
            Self::ForgedToken => token::forged(run).await,
            Self::StolenToken => token::stolen(run).await,
            Self::ReusedRefreshToken => token::reused_refresh_token(run).await,
            Self::RevokedToken => token::revoked(run).await,
            Self::SwappedIdToken => identity::swapped_id_token(run).await,
            Self::ReplayedLogoutToken => identity::replayed_logout_token(run).await,
        }
    }
}

/// A client's id and secret.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) id: &'static str,
    pub(crate) secret: Secret,
}

/// Whoever attacks: knows where the parties live, and more than any attacker should.
#[derive(Clone)]
pub(crate) struct Attacks(Arc<Parts>);

struct Parts {
    addresses: Addresses,
    /// The app under attack.
    app: Credentials,
    /// Another app at the same server.
    other_app: Credentials,
    http: reqwest::Client,
    browser: Mutex<Browser>,
    recorder: Recorder,
    wire: Wire,
}

impl Attacks {
    /// Gets ready to attack the parties at `addresses`.
    ///
    /// # Errors
    /// [`reqwest::Error`] if there is no way to make requests.
    pub(crate) fn new(
        addresses: Addresses,
        app: Credentials,
        other_app: Credentials,
        recorder: Recorder,
        wire: Wire,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self(Arc::new(Parts {
            addresses,
            app,
            other_app,
            http: browser::client()?,
            browser: Mutex::new(Browser::new(ATTACKED, PASSWORD)?),
            recorder,
            wire,
        })))
    }

    /// Tries an attack. One at a time: they share their browser.
    pub(crate) async fn run(&self, attack: Attack) -> Outcome {
        let browser = self.0.browser.lock().await;
        let mut run = Run::begin(&self.0, browser);
        let ended = attack.try_out(&mut run).await;
        run.end(attack, ended.err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_is_found_by_its_name() {
        for attack in Attack::ALL {
            assert_eq!(Attack::named(attack.name()), Some(attack));
        }
        assert_eq!(Attack::named("none"), None);
    }
}
