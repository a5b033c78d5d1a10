//! What an app may ask of a sign-in beside scopes (OpenID Connect Core §3.1.2.1, §5.5), for all of them or for one.

use serde_json::Value;

use crate::error::Error;
use crate::parameters::{self, Request};
use crate::sign_in::step_up::StepUp;

/// Whether the server shows pages, and which (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prompt {
    /// None at all: a user who is not signed in there, or has not allowed this app, comes back with
    /// [`ErrorKind::InteractionRequired`](crate::ErrorKind).
    None,
    /// The user signs in again, though they are signed in.
    Login,
    /// The user is asked again what this app may do.
    Consent,
    /// The user chooses among their accounts.
    SelectAccount,
}

/// Wishes for a sign-in. What is not set is left to the server. They need the scope `openid`: without it they are not sent, save
/// [`LoginOptions::parameter`].
///
/// ```
/// use std::time::Duration;
/// use safeconduct_client::{BeginOptions, LoginOptions, Prompt};
///
/// // Before something dear: a user who signed in within five minutes, and this one.
/// let again = LoginOptions::new().max_age(Duration::from_secs(300)).login_hint("ada@example.com");
/// let options = BeginOptions::new().return_to("/transfer").login(again.prompt(Prompt::Login));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoginOptions {
    prompt: Vec<Prompt>,
    max_age: Option<i64>,
    login_hint: Option<String>,
    ui_locales: Option<String>,
    acr_values: Option<String>,
    claims: Option<Value>,
    /// Beside those of the specifications.
    more: Vec<(String, String)>,
}

impl Prompt {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

impl LoginOptions {
    /// No wishes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which pages the server shows. Called again, it adds one; [`Prompt::None`] goes with no other.
    #[must_use]
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.prompt.push(prompt);
        self
    }

    /// How long ago, in whole seconds, the user may have signed in at the server. The ID Token must prove it: an
    /// `auth_time` that is missing or too long ago ends the sign-in.
    #[must_use]
    pub fn max_age(mut self, age: std::time::Duration) -> Self {
        self.max_age = Some(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        self
    }

    /// Whom the server should expect: a user name or e-mail address.
    #[must_use]
    pub fn login_hint(mut self, hint: impl Into<String>) -> Self {
        self.login_hint = Some(hint.into());
        self
    }

    /// The languages of the server's pages, best first, with spaces between (BCP 47).
    #[must_use]
    pub fn ui_locales(mut self, locales: impl Into<String>) -> Self {
        self.ui_locales = Some(locales.into());
        self
    }

    /// The authentication contexts wished for, best first, with spaces between. The server may give another one: see
    /// [`Identity::acr`](crate::Identity::acr).
    #[must_use]
    pub fn acr_values(mut self, values: impl Into<String>) -> Self {
        self.acr_values = Some(values.into());
        self
    }

    /// Single claims, as the JSON object of OpenID Connect Core §5.5.
    #[must_use]
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = Some(claims);
        self
    }

    /// Adds a parameter that the issuer wants beside those of the specifications: `kc_idp_hint`, `access_type`, `audience`, `connection`.
    /// What this library says itself, such as `state` or `redirect_uri`, is refused: for all sign-ins by
    /// [`ClientBuilder::build`](crate::ClientBuilder::build), for one when it begins.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.more.push((name.into(), value.into()));
        self
    }

    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind) for a parameter that may not be added.
    pub(crate) fn check(&self) -> Result<(), Error> {
        parameters::check(Request::Authorization, &self.more)
    }

    /// These wishes, and where they are silent the ones in `general`.
    pub(crate) fn over(&self, general: &Self) -> Self {
        let prompt = if self.prompt.is_empty() {
            &general.prompt
        } else {
            &self.prompt
        };
        let either = |own: &Option<String>, other: &Option<String>| own.clone().or(other.clone());
        Self {
            prompt: prompt.clone(),
            max_age: self.max_age.or(general.max_age),
            login_hint: either(&self.login_hint, &general.login_hint),
            ui_locales: either(&self.ui_locales, &general.ui_locales),
            acr_values: either(&self.acr_values, &general.acr_values),
            claims: self.claims.clone().or(general.claims.clone()),
            more: self.more_over(&general.more),
        }
    }

    fn more_over(&self, general: &[(String, String)]) -> Vec<(String, String)> {
        let is_ours = |name: &String| self.more.iter().any(|(own, _)| own == name);
        let others = general.iter().filter(|(name, _)| !is_ours(name));
        others.chain(&self.more).cloned().collect()
    }

    /// These wishes with what a step-up asks before them: `prompt=none` would forbid the pages it needs, and a sign-in that is only
    /// to be more recent is not to be weaker than the one with the context `acr` was.
    pub(crate) fn stepping_up(mut self, asked: &StepUp, acr: Option<&str>) -> Self {
        self.prompt.retain(|prompt| *prompt != Prompt::None);
        let mut names = asked.acr_values().peekable();
        self.acr_values = match names.peek() {
            Some(_) => Some(names.collect::<Vec<_>>().join(" ")),
            None => acr.map(str::to_owned).or(self.acr_values),
        };
        self.max_age = asked.oldest_sign_in().or(self.max_age);
        self
    }

    /// How long ago, in seconds, the user may have signed in.
    pub(crate) fn oldest_sign_in(&self) -> Option<i64> {
        self.max_age
    }

    /// What was added to the parameters of the specifications.
    pub(crate) fn more(&self) -> &[(String, String)] {
        &self.more
    }

    /// The parameters of the authorization request.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let prompt = self.prompt.iter().map(|prompt| prompt.name());
        let prompt = prompt.collect::<Vec<_>>().join(" ");
        [
            ("prompt", Some(prompt).filter(|prompt| !prompt.is_empty())),
            ("max_age", self.max_age.map(|seconds| seconds.to_string())),
            ("login_hint", self.login_hint.clone()),
            ("ui_locales", self.ui_locales.clone()),
            ("acr_values", self.acr_values.clone()),
            ("claims", self.claims.as_ref().map(Value::to_string)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn sent(options: &LoginOptions) -> Vec<(&'static str, String)> {
        options.parameters().collect()
    }

    #[test]
    fn what_is_not_wished_is_not_sent() {
        assert!(sent(&LoginOptions::new()).is_empty());
    }

    #[test]
    fn every_wish_has_its_parameter() {
        let options = LoginOptions::new()
            .prompt(Prompt::Login)
            .prompt(Prompt::Consent)
            .max_age(Duration::from_millis(5999))
            .login_hint("ada")
            .ui_locales("de en")
            .acr_values("gold")
            .claims(json!({"userinfo": {"name": null}}));
        let sent = sent(&options);
        let expected = [
            ("prompt", "login consent"),
            ("max_age", "5"),
            ("login_hint", "ada"),
            ("ui_locales", "de en"),
            ("acr_values", "gold"),
            ("claims", r#"{"userinfo":{"name":null}}"#),
        ];
        let sent: Vec<_> = sent.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(sent, expected);
    }

    #[test]
    fn an_added_parameter_of_one_sign_in_goes_before_the_general_one_of_its_name() {
        let general = LoginOptions::new()
            .parameter("kc_idp_hint", "google")
            .parameter("audience", "api");
        let once = LoginOptions::new().parameter("kc_idp_hint", "github");
        let both = once.over(&general);
        let more: Vec<_> = both
            .more()
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(more, [("audience", "api"), ("kc_idp_hint", "github")]);
    }

    #[test]
    fn a_wish_for_one_sign_in_goes_before_the_general_one() {
        let general = LoginOptions::new()
            .prompt(Prompt::Consent)
            .ui_locales("de")
            .login_hint("ada");
        let once = LoginOptions::new()
            .prompt(Prompt::Login)
            .max_age(Duration::ZERO);
        let both = once.over(&general);
        assert_eq!(both.oldest_sign_in(), Some(0));
        assert_eq!(
            sent(&both),
            [
                ("prompt", "login".to_owned()),
                ("max_age", "0".to_owned()),
                ("login_hint", "ada".to_owned()),
                ("ui_locales", "de".to_owned()),
            ]
        );
    }
}
