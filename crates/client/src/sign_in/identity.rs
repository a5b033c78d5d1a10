//! Who a user is, as the issuer said: what an app reads of an ID Token and of userinfo.
//!
//! Whether they are to be believed was decided before, in `id_token.rs` and `user_info.rs`.

use safeconduct_protocol::time::Timestamp;
use safeconduct_protocol::{claims, encoding};
use serde_json::{Map, Value};

use crate::sign_in::id_token::StoredIdentity;

/// What only an ID Token says: of the token itself, and of the sign-in. Userinfo has no word in it.
const OF_THE_TOKEN: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "sid",
];
/// How much of userinfo is kept, in bytes of JSON. Of more, the standard claims alone.
const LARGEST_USER_INFO: usize = 4 * 1024;

/// A user, as their issuer knows them: the claims of the ID Token, and of userinfo where the ID Token is silent.
///
/// A user is told from all others by [`Identity::key`], and by nothing else: an e-mail address may change hands.
#[derive(Clone, PartialEq)]
pub struct Identity {
    issuer: String,
    sub: String,
    claims: Map<String, Value>,
}

impl Identity {
    /// What the session keeps, read.
    pub(crate) fn of(held: &StoredIdentity, issuer: &str) -> Self {
        let mut claims = claims_of(held.id_token.expose());
        for (name, value) in &held.user_info {
            claims.entry(name).or_insert_with(|| value.clone());
        }
        Self {
            issuer: issuer.to_owned(),
            sub: held.sub.clone(),
            claims,
        }
    }

    /// The issuer who says so.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The user's identifier at the issuer: at most 255 bytes, never given to another user there.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// Issuer and `sub`: the one key to keep a user under (OpenID Connect Core §5.7).
    pub fn key(&self) -> (&str, &str) {
        (&self.issuer, &self.sub)
    }

    /// The full name. It needs the scope `profile`, as the next one does.
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// A name of the user's choice, which may be another user's tomorrow.
    pub fn preferred_username(&self) -> Option<&str> {
        self.text("preferred_username")
    }

    /// The e-mail address. It needs the scope `email`. It is for writing to the user, not for telling who they are.
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// Whether the issuer made sure that the address is the user's. Silence is no. Some issuers write the word for the value.
    pub fn email_verified(&self) -> bool {
        match self.claim("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// When the user signed in at the issuer, where it says so.
    pub fn auth_time(&self) -> Option<Timestamp> {
        Timestamp::from_numeric_date(self.claim("auth_time")?)
    }

    /// The authentication context: what kind of sign-in it was. An app that asked for one compares it.
    pub fn acr(&self) -> Option<&str> {
        self.text("acr")
    }

    /// The authentication methods (RFC 8176), such as `pwd` and `otp`.
    pub fn amr(&self) -> Vec<&str> {
        let methods = self.claim("amr").and_then(Value::as_array);
        let methods = methods.map(Vec::as_slice).unwrap_or_default();
        methods.iter().filter_map(Value::as_str).collect()
    }

    /// The session at the issuer, where it says so.
    pub fn sid(&self) -> Option<&str> {
        self.text("sid")
    }

    /// One claim.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// All claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The best name to show: the full one, the chosen one, or the e-mail address.
    pub(crate) fn shown_name(&self) -> Option<&str> {
        ["name", "preferred_username", "nickname", "email"]
            .iter()
            .filter_map(|name| self.text(name))
            .find(|text| !text.trim().is_empty())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claim(name)?.as_str()
    }
}

/// Names no claim but `sub`: a user's claims do not belong in a log.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("issuer", &self.issuer)
            .field("sub", &self.sub)
            .finish_non_exhaustive()
    }
}

/// What of userinfo a session keeps beside `id_token`: no second copy, nothing that is not userinfo's to say, and no more than
/// fits.
pub(crate) fn worth_keeping(
    mut user_info: Map<String, Value>,
    id_token: &str,
) -> Map<String, Value> {
    let said = claims_of(id_token);
    user_info.retain(|name, _| !OF_THE_TOKEN.contains(&&**name) && !said.contains_key(name));
    let length =
        |claims: &Map<String, Value>| serde_json::to_vec(claims).map_or(0, |json| json.len());
    if length(&user_info) > LARGEST_USER_INFO {
        tracing::warn!("userinfo is larger than 4 KiB: its standard claims alone are kept");
        user_info.retain(|name, _| claims::scope_of(name).is_some());
    }
    if length(&user_info) > LARGEST_USER_INFO {
        tracing::warn!(
            "userinfo is larger than 4 KiB in its standard claims: nothing of it is kept"
        );
        user_info.clear();
    }
    user_info
}

/// The claims of an ID Token that was verified before it was kept.
fn claims_of(id_token: &str) -> Map<String, Value> {
    let payload = id_token.split('.').nth(1).and_then(encoding::decode);
    let claims = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    claims.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id_token(claims: &Value) -> String {
        format!("x.{}.x", encoding::encode(claims.to_string().as_bytes()))
    }

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    fn identity(id_token: &Value, user_info: Value) -> Identity {
        let text = self::id_token(id_token);
        let user_info = worth_keeping(map(user_info), &text);
        let held = json!({"id_token": text, "sub": "u-1", "nonce": "n", "user_info": user_info});
        let held = serde_json::from_value(held).unwrap();
        Identity::of(&held, "https://id.example.com")
    }

    #[test]
    fn userinfo_speaks_where_the_id_token_is_silent_and_never_of_the_token() {
        let said = json!({"sub": "u-1", "name": "Ada", "exp": 1});
        let more =
            json!({"sub": "u-2", "name": "Eve", "email": "a@example.com", "acr": "gold", "exp": 9});
        let identity = identity(&said, more);
        assert_eq!(identity.key(), ("https://id.example.com", "u-1"));
        assert_eq!(
            (identity.name(), identity.email(), identity.acr()),
            (Some("Ada"), Some("a@example.com"), None)
        );
        assert_eq!(identity.claim("exp"), Some(&json!(1)));
        assert_eq!(identity.claim("sub"), Some(&json!("u-1")));
    }

    /// Attacks: K17, LI41.
    #[test]
    fn only_a_plain_yes_verifies_an_address() {
        let verified =
            |value: Value| identity(&json!({}), json!({"email_verified": value})).email_verified();
        assert!(verified(json!(true)) && verified(json!("true")));
        for other in [
            json!("yes"),
            json!("True"),
            json!("1"),
            json!("false"),
            json!(false),
            json!(1),
            json!(null),
            json!(["true"]),
        ] {
            assert!(!verified(other.clone()), "{other}");
        }
    }

    #[test]
    fn the_best_name_is_shown() {
        let shown = |claims: Value| {
            let identity = identity(&json!({}), claims);
            identity.shown_name().map(str::to_owned)
        };
        assert_eq!(shown(json!({})), None);
        assert_eq!(shown(json!({"name": 7, "email": "a@b"})).unwrap(), "a@b");
        assert_eq!(
            shown(json!({"name": " ", "preferred_username": "ada"})).unwrap(),
            "ada"
        );
    }

    #[test]
    fn of_large_userinfo_the_standard_claims_are_kept() {
        let roles = vec!["a role with a long name"; 400];
        let kept = worth_keeping(
            map(json!({"name": "Ada", "roles": roles, "email": "a@b"})),
            &id_token(&json!({"name": "Ada"})),
        );
        assert_eq!(Value::Object(kept), json!({"email": "a@b"}));
        let kept = worth_keeping(map(json!({"name": "A".repeat(5000)})), "x.e30.x");
        assert!(kept.is_empty());
    }

    #[test]
    fn no_claim_is_in_any_debug_text() {
        let identity = identity(&json!({}), json!({"email": "ada@example.com"}));
        assert!(!format!("{identity:?}").contains("ada@"));
    }
}
