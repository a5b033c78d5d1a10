//! What an access token of an issuer looks like: its type, what proves that it is one, and where it says who, for whom and what for.
//!
//! Which issuer writes how is the [`Profile`]'s concern, and the settings' of the guard.

use std::collections::BTreeSet;

use safeconduct_protocol::jose::{Algorithm, Typ};
use safeconduct_protocol::scope::{self, Scope};
use serde_json::{Map, Value};

use crate::denied::Refusal;
use crate::profile::Profile;
use crate::reason::Reason;

/// Where a claim stands: its name, or the names of the objects around it and its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimPath(Vec<String>);

/// What an access token has, and no other token of its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The claim is one of these texts.
    Says(ClaimPath, Vec<String>),
    /// One of these claims is there.
    HasOneOf(Vec<&'static str>),
    /// The claim is not there.
    Lacks(&'static str),
}

/// How an issuer writes its access tokens.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) profile: Profile,
    /// The header's `typ`.
    pub(crate) types: Vec<&'static str>,
    pub(crate) type_may_be_absent: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) proofs: Vec<Proof>,
    /// Where the client is named; the first that is there counts.
    pub(crate) client: Vec<ClaimPath>,
    /// Where the scopes are; where several say so, they say the same.
    pub(crate) scope: Vec<ClaimPath>,
    pub(crate) scope_may_be_list: bool,
    /// Where roles are: all of them count.
    pub(crate) roles: Vec<ClaimPath>,
    /// Claims that there must be beside `sub` and `exp`.
    pub(crate) required: Vec<&'static str>,
    /// Those who may send a token without an audience.
    pub(crate) clients: Option<BTreeSet<String>>,
}

/// Where claims were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Token,
    /// An introspection response, which may leave out what a token has, and names client and scope as RFC 7662 §2.2 does.
    Introspection,
}

impl ClaimPath {
    pub(crate) fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    pub(crate) fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, inner) = self.0.split_first()?;
        inner
            .iter()
            .try_fold(claims.get(first)?, |value, name| value.get(name))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

impl std::fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Says(path, values) => write!(f, "the claim {path} with {}", values.join(" or ")),
            Self::HasOneOf(names) => write!(f, "the claim {}", names.join(" or ")),
            Self::Lacks(name) => write!(f, "no claim {name}"),
        }
    }
}

impl Proof {
    fn is_met(&self, claims: &Map<String, Value>, origin: Origin) -> bool {
        match self {
            Self::Says(path, values) => match path.find(claims) {
                Some(Value::String(text)) => values.contains(text),
                Some(_) => false,
                // An introspection response says what kind it is by `token_type`, if at all.
                None => origin == Origin::Introspection,
            },
            Self::HasOneOf(names) => names.iter().any(|name| claims.contains_key(*name)),
            Self::Lacks(name) => !claims.contains_key(*name),
        }
    }
}

impl Dialect {
    /// The `typ` that a token must have.
    pub(crate) fn typ(&self) -> Typ<'_> {
        if self.type_may_be_absent {
            Typ::OneOfOrAbsent(&self.types)
        } else {
            Typ::OneOf(&self.types)
        }
    }

    /// Refuses what is no access token of the issuer's, or not a whole one.
    pub(crate) fn check(&self, claims: &Map<String, Value>, origin: Origin) -> Result<(), Refusal> {
        if let Some(proof) = self
            .proofs
            .iter()
            .find(|proof| !proof.is_met(claims, origin))
        {
            return Err(Refusal::from(Reason::WrongType).because(proof, "another kind of token"));
        }
        let missing = |name: &&&str| !claims.contains_key(**name);
        match self.required.iter().find(missing) {
            Some(name) if origin == Origin::Token => Err(Refusal::from(Reason::MalformedClaims)
                .because(format_args!("the claim {name}"), "none")),
            _ => Ok(()),
        }
    }

    /// The client that the token was issued to.
    pub(crate) fn client(
        &self,
        claims: &Map<String, Value>,
        origin: Origin,
    ) -> Result<String, Refusal> {
        let mut named = self.client.iter().find_map(|path| path.find(claims));
        if named.is_none() && origin == Origin::Introspection {
            named = claims.get("client_id");
        }
        match named {
            Some(Value::String(client)) if !client.is_empty() => Ok(client.clone()),
            _ => {
                let names: Vec<String> = self.client.iter().map(ClaimPath::to_string).collect();
                let expected = format!("the claim {}", names.join(" or "));
                Err(Refusal::from(Reason::MalformedClaims).because(expected, "none"))
            }
        }
    }

    /// The scopes of the token.
    pub(crate) fn scope(
        &self,
        claims: &Map<String, Value>,
        origin: Origin,
    ) -> Result<Scope, Refusal> {
        let mut found: Option<Scope> = None;
        for value in self.scope.iter().filter_map(|path| path.find(claims)) {
            let said = self.read_scope(value).ok_or(Reason::MalformedClaims)?;
            match &found {
                Some(before) if *before != said => {
                    return Err(Refusal::from(Reason::MalformedClaims).because(before, said));
                }
                _ => found = Some(said),
            }
        }
        match (found, claims.get("scope")) {
            (Some(scope), _) => Ok(scope),
            (None, Some(value)) if origin == Origin::Introspection => self
                .read_scope(value)
                .ok_or_else(|| Reason::MalformedClaims.into()),
            (None, _) => Ok(Scope::default()),
        }
    }

    fn read_scope(&self, value: &Value) -> Option<Scope> {
        match value {
            Value::String(text) => Scope::parse(text),
            Value::Array(names) if self.scope_may_be_list => {
                let names = names
                    .iter()
                    .map(|name| name.as_str().filter(|name| scope::is_name(name)));
                let names = names.collect::<Option<Vec<&str>>>()?;
                names.iter().try_fold(Scope::default(), |scope, name| {
                    Scope::parse(name).map(|more| scope.union(&more))
                })
            }
            _ => None,
        }
    }

    /// The roles of the token: lists of texts, one text, or an object that has them for names.
    pub(crate) fn roles<'a>(
        &'a self,
        claims: &'a Map<String, Value>,
    ) -> impl Iterator<Item = &'a str> {
        let values = self.roles.iter().filter_map(|path| path.find(claims));
        values.flat_map(|value| -> Vec<&str> {
            match value {
                Value::String(role) => vec![role],
                Value::Array(roles) => roles.iter().filter_map(Value::as_str).collect(),
                Value::Object(roles) => roles.keys().map(String::as_str).collect(),
                _ => Vec::new(),
            }
        })
    }

    /// Whether the issuer left roles out because they are too many, and names another place for them (OpenID Connect Core §5.6.2).
    pub(crate) fn has_roles_elsewhere(&self, claims: &Map<String, Value>) -> bool {
        let elsewhere = claims.get("_claim_names").and_then(Value::as_object);
        elsewhere.is_some_and(|names| {
            self.roles
                .iter()
                .any(|path| names.contains_key(path.first()))
        })
    }

    /// Refuses a token without an audience that none of the listed clients may send.
    pub(crate) fn check_client(
        &self,
        client: &str,
        claims: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        match &self.clients {
            Some(clients) if !clients.contains(client) => {
                let listed: Vec<&str> = clients.iter().map(String::as_str).collect();
                let got = safeconduct_protocol::sent::Sent(client);
                Err(Refusal::from(Reason::WrongAudience).because(listed.join(", "), got))
            }
            None if !claims.contains_key("aud") => Err(Reason::WrongAudience.into()),
            _ => Ok(()),
        }
    }
}
