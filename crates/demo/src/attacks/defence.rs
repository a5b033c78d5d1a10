//! What stops each attack, and with which setting it can be had, weakened or not at all.
//!
//! A name in backquotes is a key of the configuration file, or, with `::`, a method of one of the libraries' builders.

use super::Attack;

impl Attack {
    /// What stops it.
    pub(crate) const fn defence(self) -> &'static str {
        match self {
            Self::ReplayedCode => {
                "One write redeems a code. When it comes again, everything it bought ends (RFC 6749 §4.1.2)."
            }
            Self::CodeOfAnotherClient => {
                "A code is for the client it was issued to, and that client proves who it is (RFC 6749 §4.1.3)."
            }
            Self::WrongCodeVerifier => {
                "PKCE S256: the server compares the verifier with the challenge that the sign-in began with (RFC 7636 §4.6)."
            }
            Self::ChangedRedirectUri => {
                "Exact redirect URIs: compared character by character, at the request and at the exchange (RFC 9700 §2.1)."
            }
            Self::ChangedState => {
                "The client library seals the state into a cookie of the browser that asked, and takes no other (RFC 6749 §10.12)."
            }
            Self::SwappedIdToken => {
                "The client library checks signature, algorithm, iss, aud, nonce and at_hash of every ID Token (OpenID Core §3.1.3.7)."
            }
            Self::TokenForAnotherApi => {
                "An access token is for one API, and the guard library takes no other (RFC 8707, RFC 9068 §4)."
            }
            Self::ForgedToken => {
                "The algorithm is the key’s, never the token’s: the guard library knows no unsigned token and no shared secret (RFC 8725 §3.1)."
            }
            Self::StolenToken => {
                "Proof of possession (DPoP): the token names a key, and each request brings a new proof of it (RFC 9449 §7.1)."
            }
            Self::ReusedRefreshToken => {
                "Refresh token rotation: each is used once, and an older one ends the whole family (RFC 9700 §4.14.2)."
            }
            Self::RevokedToken => {
                "Introspection: the API asks the server about the token at every request (RFC 7662 §2)."
            }
            Self::ReplayedLogoutToken => {
                "A logout token has a type, an event and a number of its own, and counts once (Back-Channel Logout §2.6)."
            }
        }
    }

    /// Its setting, or that there is none to turn it off.
    pub(crate) const fn setting(self) -> &'static str {
        match self {
            Self::ReplayedCode => {
                "Always on. `tokens.code_ttl` only says how long a code waits for its first use."
            }
            Self::CodeOfAnotherClient => "Always on: there is no setting.",
            Self::WrongCodeVerifier => {
                "Always on. Only a client that authenticates may go without, with `clients.require_pkce` = false."
            }
            Self::ChangedRedirectUri => {
                "Always on: `clients.redirect_uris` holds whole addresses, and there are no patterns."
            }
            Self::ChangedState => "Always on: there is no setting.",
            Self::SwappedIdToken => {
                "Always on. `ClientBuilder::id_token_algorithm` names the one algorithm that counts; no check can be skipped."
            }
            Self::TokenForAnotherApi => {
                "Always on. `resources.uri` names the API at the server, and the same name makes its guard."
            }
            Self::ForgedToken => "Always on: there is no setting.",
            Self::StolenToken => {
                "Off unless asked for: `clients.dpop_bound_access_tokens` at the server, `ClientBuilder::dpop` in the app; with `GuardBuilder::require_dpop` an API takes no other tokens."
            }
            Self::ReusedRefreshToken => {
                "Always on. `tokens.refresh_retry_window` lets a public client repeat a refresh whose answer it lost; `clients.refresh_shared` says what becomes of a thief in step with the app."
            }
            Self::RevokedToken => {
                "Off unless asked for: `GuardBuilder::introspection`, with `GuardBuilder::introspection_cache` zero as here. Without it a revoked token is good until `tokens.access_ttl` is over."
            }
            Self::ReplayedLogoutToken => {
                "Always on. `ClientBuilder::require_logout_token_typ` also refuses those of servers that give them no type of their own."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURATION: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/configuration.md"
    ));
    const CLIENT: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../client/src/builder.rs"
    ));
    const GUARD: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../guard/src/builder.rs"
    ));

    /// Whether an operator or a programmer finds this setting where it is explained.
    fn exists(setting: &str) -> bool {
        match setting.split_once("::") {
            Some(("ClientBuilder", method)) => CLIENT.contains(&format!("pub fn {method}(")),
            Some(("GuardBuilder", method)) => GUARD.contains(&format!("pub fn {method}(")),
            Some(_) => false,
            None => CONFIGURATION.contains(&format!("\n### `{setting}`\n")),
        }
    }

    #[test]
    fn every_attack_names_its_defence_and_settings_that_exist() {
        for attack in Attack::ALL {
            assert!(attack.defence().ends_with(")."), "{attack:?}");
            let setting = attack.setting();
            let sure = ["Always on", "Off unless asked for: "];
            assert!(sure.iter().any(|words| setting.starts_with(words)));
            let named: Vec<&str> = setting.split('`').skip(1).step_by(2).collect();
            for name in &named {
                assert!(exists(name), "{attack:?} names {name}");
            }
            assert_eq!(
                named.is_empty(),
                setting.contains("there is no setting"),
                "{attack:?}"
            );
        }
        assert!(!exists("clients.no_such_key") && !exists("GuardBuilder::no_such_method"));
    }
}
