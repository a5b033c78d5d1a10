//! Claims about a user (OpenID Connect Core §5): which there are, what each may look like, which scope asks for them, and
//! the `claims` parameter. Who may see them is decided where a request is checked; where they are kept is the store's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    error::{Reason, Refusal},
    jose,
    scope::{OFFLINE_ACCESS, OPENID, Scope},
    sent::Sent,
    time::Timestamp,
};

/// Whether the scope is about who somebody is, and of no API.
pub fn is_identity(scope: &str) -> bool {
    [OPENID, OFFLINE_ACCESS].contains(&scope) || SCOPES.iter().any(|(name, _)| *name == scope)
}

/// What each scope asks for (OpenID Connect Core §5.4). `name` comes first on the account that owns it.
pub const SCOPES: [(&str, &[&str]); 5] = [
    (
        "profile",
        &[
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    ("address", &["address"]),
    (GROUPS, &[GROUPS]),
];

/// The scope, and the claim, of the groups that a user is in (RFC 9068 §2.2.3.1): a list of names.
pub const GROUPS: &str = "groups";

/// Claims that are worked out, and kept by nobody's hand.
const WORKED_OUT: [&str; 2] = ["updated_at", GROUPS];

/// The claims that can be kept of a user.
pub fn kept() -> impl Iterator<Item = &'static str> {
    let claims = SCOPES.iter().flat_map(|(_, claims)| claims.iter().copied());
    claims.filter(|claim| !WORKED_OUT.contains(claim))
}

/// The longest claim, in bytes.
const LONGEST: usize = 1024;
/// The longest `claims` parameter, in bytes.
const LONGEST_REQUEST: usize = 2048;
/// The members of an address (OpenID Connect Core §5.1.1).
const ADDRESS: [&str; 6] = [
    "formatted",
    "street_address",
    "locality",
    "region",
    "postal_code",
    "country",
];

/// The scope that asks for `claim`; `None` for a claim that is no user's.
pub fn scope_of(claim: &str) -> Option<&'static str> {
    SCOPES
        .iter()
        .find(|(_, claims)| claims.contains(&claim))
        .map(|(scope, _)| *scope)
}

/// What is known about a user: standard claims, each in the form that the specification gives it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonClaims(Map<String, Value>);

/// Why a claim can't be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// No standard claim has that name, or it is not one that is kept by hand (`sub`, `updated_at`, `groups`).
    #[error("{0} is not a claim that can be set; see OpenID Connect Core 5.1")]
    Unknown(String),
    /// The value has another form than the specification gives it.
    #[error("{name} must be {expected}")]
    Form {
        /// The claim.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl PersonClaims {
    /// Sets a claim; `null` takes it away.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing is changed then.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), ClaimError> {
        if scope_of(name).is_none() || WORKED_OUT.contains(&name) {
            return Err(ClaimError::Unknown(name.to_owned()));
        }
        if value.is_null() {
            self.0.remove(name);
            return Ok(());
        }
        let (fits, expected) = form(name, &value);
        if !fits {
            let name = name.to_owned();
            return Err(ClaimError::Form { name, expected });
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// The claim of that name.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every claim that is known, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The same with what every account has: what one signs in with is the `preferred_username` unless another is set, and
    /// `updated_at` is when the account last changed.
    #[must_use]
    pub fn of_account(mut self, username: &str, updated_at: Timestamp) -> Self {
        self.0
            .entry("preferred_username")
            .or_insert_with(|| username.into());
        self.0
            .insert("updated_at".to_owned(), updated_at.seconds().into());
        self
    }

    /// The claims of these names, as far as they are known.
    pub fn select(&self, names: &BTreeSet<&str>) -> Map<String, Value> {
        let known = self
            .0
            .iter()
            .filter(|(name, _)| names.contains(name.as_str()));
        known
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Takes the longest of `claims` away until they are at most `most` bytes of JSON; gives the names of those that went. A claim goes whole: a part of
/// a list of groups would be another role.
pub fn keep_within(claims: &mut Map<String, Value>, most: usize) -> Vec<String> {
    let mut gone = Vec::new();
    while length(claims) > most {
        let by_length = |(_, value): &(&String, &Value)| value.to_string().len();
        let Some((longest, _)) = claims.iter().max_by_key(by_length) else {
            break;
        };
        let longest = longest.clone();
        claims.remove(&longest);
        gone.push(longest);
    }
    gone
}

/// How much of a token `claims` take, in bytes.
fn length(claims: &Map<String, Value>) -> usize {
    serde_json::to_vec(claims).map_or(usize::MAX, |json| json.len())
}

/// Whether `value` has the form of the claim `name`, and what that form is.
fn form(name: &str, value: &Value) -> (bool, &'static str) {
    match name {
        "email_verified" | "phone_number_verified" => (value.is_boolean(), "true or false"),
        "address" => (
            is_address(value),
            "an object with formatted, street_address, locality, region, postal_code or country",
        ),
        "profile" | "picture" | "website" => {
            (text(value).is_some_and(is_web_url), "an http or https URL")
        }
        "email" => (
            text(value).is_some_and(is_email),
            "an address like ada@example.com",
        ),
        "birthdate" => (
            text(value).is_some_and(is_birthdate),
            "a date as YYYY-MM-DD, 0000-MM-DD or YYYY",
        ),
        _ => (
            text(value).is_some(),
            "text of 1 to 1024 bytes without control characters",
        ),
    }
}

fn text(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    let plain = (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
    plain.then_some(text)
}

fn is_web_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn is_email(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
        && !text.contains(char::is_whitespace)
}

fn is_birthdate(text: &str) -> bool {
    let digits =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let between = |part: &str, most: u8| part.parse().is_ok_and(|n: u8| (1..=most).contains(&n));
    match text.split('-').collect::<Vec<_>>()[..] {
        [year] => digits(year, 4) && year != "0000",
        [year, month, day] => {
            digits(year, 4)
                && digits(month, 2)
                && digits(day, 2)
                && between(month, 12)
                && between(day, 31)
        }
        _ => false,
    }
}

fn is_address(value: &Value) -> bool {
    value.as_object().is_some_and(|members| {
        let line = |(name, value): (&String, &Value)| {
            // An address may have several lines (§5.1.1).
            let text = value.as_str().unwrap_or_default();
            let plain = !text
                .chars()
                .any(|c| c.is_control() && c != '\n' && c != '\r');
            ADDRESS.contains(&name.as_str()) && (1..=LONGEST).contains(&text.len()) && plain
        };
        !members.is_empty() && members.iter().all(line)
    })
}

/// The user's claims that the `claims` parameter asks for one by one (OpenID Connect Core §5.5). Claims that nobody has are
/// left out: asking for them is no error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    #[serde(rename = "u", default, skip_serializing_if = "BTreeSet::is_empty")]
    userinfo: BTreeSet<String>,
    #[serde(rename = "i", default, skip_serializing_if = "BTreeSet::is_empty")]
    id_token: BTreeSet<String>,
}

/// What the `claims` parameter demands beside claims about the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimsDemand {
    /// The claims it asks for.
    pub request: ClaimsRequest,
    /// The one user it is about: the `sub` it names.
    pub subject: Option<String>,
    /// The authentication contexts of which one is essential; empty if none is.
    pub essential_acr: Vec<String>,
}

impl ClaimsDemand {
    /// Reads the `claims` parameter.
    ///
    /// # Errors
    /// `claims-malformed`, also for a `sub` that names two users, and for a `sub` or `acr` that nobody can have: what a client
    /// demands is met or refused, never passed over.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > LONGEST_REQUEST {
            return Err(malformed("longer than 2048 bytes"));
        }
        let members = jose::json_object(text).ok_or_else(|| malformed("not one JSON object"))?;
        let mut demand = Self::default();
        demand.request.userinfo = demand.read(&members, "userinfo")?;
        demand.request.id_token = demand.read(&members, "id_token")?;
        Ok(demand)
    }

    /// Takes in what is demanded in `place`, and gives the claims about the user that are asked for there.
    fn read(
        &mut self,
        members: &Map<String, Value>,
        place: &str,
    ) -> Result<BTreeSet<String>, Refusal> {
        let claims = match members.get(place) {
            None | Some(Value::Null) => return Ok(BTreeSet::new()),
            Some(Value::Object(claims)) => claims,
            Some(_) => return Err(malformed(place)),
        };
        let mut wanted = BTreeSet::new();
        for (name, ask) in claims {
            let ask = Ask::read(ask).ok_or_else(|| malformed_claim(name))?;
            match name.as_str() {
                "sub" => self.be_about(ask.texts().ok_or_else(|| malformed_claim(name))?)?,
                "acr" if ask.essential => {
                    let texts = ask.texts().ok_or_else(|| malformed_claim(name))?;
                    self.essential_acr
                        .extend(texts.into_iter().map(str::to_owned));
                }
                _ if scope_of(name).is_some() => {
                    wanted.insert(name.clone());
                }
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn be_about(&mut self, subjects: Vec<&str>) -> Result<(), Refusal> {
        for subject in subjects {
            let before = self.subject.replace(subject.to_owned());
            if before.is_some_and(|before| before != subject) {
                return Err(malformed("sub names two persons"));
            }
        }
        Ok(())
    }
}

fn malformed(detail: &str) -> Refusal {
    Refusal::new(Reason::ClaimsMalformed).because(detail)
}

fn malformed_claim(name: &str) -> Refusal {
    malformed(&format!("how {} is asked for", Sent(name)))
}

/// How one claim is asked for (OpenID Connect Core §5.5.1).
struct Ask<'a> {
    essential: bool,
    values: Vec<&'a Value>,
}

impl<'a> Ask<'a> {
    /// `None` for what is neither `null` nor such an object, and for a choice among no values.
    fn read(value: &'a Value) -> Option<Self> {
        let members = match value {
            Value::Null => {
                return Some(Self {
                    essential: false,
                    values: Vec::new(),
                });
            }
            other => other.as_object()?,
        };
        let essential = match members.get("essential") {
            None => false,
            Some(essential) => essential.as_bool()?,
        };
        let several = match members.get("values") {
            None => &[][..],
            Some(values) => values.as_array().filter(|values| !values.is_empty())?,
        };
        let values = members.get("value").into_iter().chain(several).collect();
        Some(Self { essential, values })
    }

    /// The values, if all of them are texts.
    fn texts(&self) -> Option<Vec<&'a str>> {
        self.values.iter().map(|value| value.as_str()).collect()
    }
}

impl ClaimsRequest {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// The scopes that would have asked for these claims: what a user is asked to allow.
    pub fn scope(&self) -> Scope {
        let claims = self.userinfo.iter().chain(&self.id_token);
        Scope::of(claims.filter_map(|claim| scope_of(claim)))
    }

    /// The names that UserInfo may give for `scope`: those of its scopes, and those asked for one by one whose scope the client
    /// is `registered` for.
    pub fn for_userinfo<'a>(&'a self, scope: &Scope, registered: &Scope) -> BTreeSet<&'a str> {
        let by_scope = SCOPES.iter().filter(|(name, _)| scope.contains(name));
        let of_scopes = by_scope.flat_map(|(_, claims)| claims.iter().copied());
        of_scopes
            .chain(allowed(&self.userinfo, registered))
            .collect()
    }

    /// The names that the ID Token may hold: those asked for in it, and those of `scope` where the client is registered for that.
    pub fn for_id_token<'a>(
        &'a self,
        scope: Option<&Scope>,
        registered: &Scope,
    ) -> BTreeSet<&'a str> {
        let by_scope = SCOPES
            .iter()
            .filter(|(name, _)| scope.is_some_and(|scope| scope.contains(name)));
        let of_scopes = by_scope.flat_map(|(_, claims)| claims.iter().copied());
        of_scopes
            .chain(allowed(&self.id_token, registered))
            .collect()
    }

    /// The same without what belongs to scopes beyond `registered`: asking for it gives nothing, and asks nobody.
    #[must_use]
    pub fn within(&self, registered: &Scope) -> Self {
        let kept =
            |names: &BTreeSet<String>| allowed(names, registered).map(str::to_owned).collect();
        Self {
            userinfo: kept(&self.userinfo),
            id_token: kept(&self.id_token),
        }
    }
}

fn allowed<'a>(names: &'a BTreeSet<String>, registered: &Scope) -> impl Iterator<Item = &'a str> {
    names
        .iter()
        .map(String::as_str)
        .filter(|name| scope_of(name).is_some_and(|scope| registered.contains(scope)))
}

/// Every claim that an ID Token or UserInfo may hold, for the metadata.
pub fn supported() -> Vec<String> {
    let protocol = [
        "sub",
        "iss",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "at_hash",
        "acr",
        "amr",
        "sid",
    ];
    let of_person = SCOPES.iter().flat_map(|(_, claims)| claims.iter().copied());
    protocol
        .into_iter()
        .chain(of_person)
        .map(str::to_owned)
        .collect()
}

/// The scopes of OpenID Connect itself (§5.4, §3.1.2.1).
pub fn scopes() -> impl Iterator<Item = &'static str> {
    [OPENID]
        .into_iter()
        .chain(SCOPES.iter().map(|(name, _)| *name))
}

/// The scopes that only a user can give: to be known by, and to be acted for while away. No client has them for itself.
pub fn scopes_of_people() -> Scope {
    Scope::of(scopes().chain([OFFLINE_ACCESS]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("name", json!("Ada Lovelace"), true)]
    #[case("name", json!(""), false)]
    #[case("name", json!(7), false)]
    #[case("name", json!("a\u{7}"), false)]
    #[case("email", json!("ada@example.com"), true)]
    #[case("email", json!("ada"), false)]
    #[case("email", json!("a da@example.com"), false)]
    #[case("email_verified", json!(true), true)]
    #[case("email_verified", json!("true"), false)]
    #[case("picture", json!("https://example.com/ada.png"), true)]
    #[case("picture", json!("javascript:alert(1)"), false)]
    #[case("birthdate", json!("1815-12-10"), true)]
    #[case("birthdate", json!("0000-12-10"), true)]
    #[case("birthdate", json!("1815"), true)]
    #[case("birthdate", json!("10.12.1815"), false)]
    #[case("birthdate", json!("1815-13-10"), false)]
    #[case("address", json!({"locality": "London", "formatted": "12 St James's Square\nLondon"}), true)]
    #[case("address", json!({"planet": "Earth"}), false)]
    #[case("address", json!("London"), false)]
    #[case("sub", json!("x"), false)]
    #[case("updated_at", json!(1), false)]
    #[case("role", json!("admin"), false)]
    fn a_claim_is_kept_in_its_own_form_or_not_at_all(
        #[case] name: &str,
        #[case] value: Value,
        #[case] kept: bool,
    ) {
        let mut claims = PersonClaims::default();
        assert_eq!(claims.set(name, value.clone()).is_ok(), kept);
        assert_eq!(claims.claim(name), kept.then_some(&value));
    }

    #[test]
    fn null_takes_a_claim_away() {
        let mut claims = PersonClaims::default();
        claims.set("nickname", json!("Ada")).unwrap();
        claims.set("nickname", Value::Null).unwrap();
        assert!(claims.is_empty());
    }

    #[test]
    fn where_not_all_fit_the_longest_are_left_out() {
        let mut claims = PersonClaims::default();
        claims.set("name", json!("Ada")).unwrap();
        claims.set("gender", json!("x".repeat(900))).unwrap();
        claims.set("nickname", json!("y".repeat(1000))).unwrap();
        let names = BTreeSet::from(["name", "gender", "nickname", "email"]);
        let within = |most| {
            let mut kept = claims.select(&names);
            let gone = keep_within(&mut kept, most);
            (kept, gone)
        };
        let kept = |most| within(most).0.len();
        assert_eq!([4000, 1900, 1000, 20, 2, 0].map(kept), [3, 2, 2, 1, 0, 0]);
        let (two, gone) = within(1900);
        assert!(two.contains_key("name") && two.contains_key("gender"));
        assert_eq!(gone, ["nickname"]);
    }

    /// Attacks: AP13.
    #[test]
    fn what_is_worked_out_is_kept_by_nobody() {
        let mut claims = PersonClaims::default();
        for name in ["groups", "updated_at", "sub", "roles"] {
            let set = claims.set(name, json!("admin"));
            assert_eq!(set, Err(ClaimError::Unknown(name.to_owned())));
        }
        assert!(claims.is_empty());
        assert!(kept().all(|name| scope_of(name).is_some()) && kept().count() == 18);
    }

    #[test]
    fn claims_are_asked_for_one_by_one() {
        let text = r#"{"userinfo":{"given_name":{"essential":true},"https://example.com/x":null},
            "id_token":{"email":null,"sub":{"value":"u-1"},"acr":{"essential":true,"values":["a","b"]}},"other":7}"#;
        let demand = ClaimsDemand::parse(text).unwrap();
        assert_eq!(demand.subject.as_deref(), Some("u-1"));
        assert_eq!(demand.essential_acr, ["a", "b"]);
        let request = demand.request;
        assert_eq!(request.scope().to_string(), "email profile");
        let registered = Scope::parse("profile email").unwrap();
        let in_token = |scope: Option<&str>| {
            let scope = scope.map(|scope| Scope::parse(scope).unwrap());
            request.for_id_token(scope.as_ref(), &registered)
        };
        assert_eq!(in_token(None), BTreeSet::from(["email"]));
        let of_scopes = BTreeSet::from(["address", "email", "groups"]);
        assert_eq!(in_token(Some("openid address groups")), of_scopes);
        let phone = Scope::parse("openid phone").unwrap();
        assert_eq!(
            request.for_userinfo(&phone, &registered),
            BTreeSet::from(["given_name", "phone_number", "phone_number_verified"])
        );
        assert!(
            request.within(&phone).is_empty(),
            "what the client is not registered for is not asked"
        );
    }

    #[rstest]
    #[case("")]
    #[case("[]")]
    #[case("{")]
    #[case(r#"{"userinfo":[]}"#)]
    #[case(r#"{"userinfo":{"name":true}}"#)]
    #[case(r#"{"userinfo":{"name":{"essential":"yes"}}}"#)]
    #[case(r#"{"userinfo":{"name":{"values":"x"}}}"#)]
    #[case(r#"{"userinfo":{},"userinfo":{}}"#)]
    fn a_claims_parameter_that_is_not_one_is_refused(#[case] text: &str) {
        assert_eq!(
            ClaimsDemand::parse(text).unwrap_err().reason(),
            Reason::ClaimsMalformed
        );
    }
}
