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

/// What an introspection response tells of the kind of token that it is about.
#[derive(Clone, Debug)]
pub(crate) enum Introspected {
    /// That it is an access token, where all of this holds.
    Proven(Vec<Proof>),
    /// Nothing: the issuer answers in the same way for others. Only a token that was read before may be asked about.
    Unsaid,
    /// The issuer answers no introspection.
    Never,
}

/// Where an issuer writes roles.
#[derive(Clone, Debug)]
pub(crate) struct Roles {
    pub(crate) at: ClaimPath,
    /// Whether they are the names of an object's members, and not a list of texts or one.
    pub(crate) are_members: bool,
}

/// How an issuer writes its access tokens.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) profile: Profile,
    /// The header's `typ`.
    pub(crate) types: Vec<&'static str>,
    pub(crate) type_may_be_absent: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    /// What makes a JWT an access token of the issuer.
    pub(crate) proofs: Vec<Proof>,
    pub(crate) introspected: Introspected,
    /// What the guard's own settings demand beside either.
    pub(crate) demanded: Vec<Proof>,
    /// Where the client is named; the first that is there counts.
    pub(crate) client: Vec<ClaimPath>,
    /// Where the scopes are; where several say so, they say the same.
    pub(crate) scope: Vec<ClaimPath>,
    pub(crate) scope_may_be_list: bool,
    /// Where roles are: all of them count.
    pub(crate) roles: Vec<Roles>,
    /// Claims that there must be beside `sub` and `exp`.
    pub(crate) required: Vec<&'static str>,
    /// Those who may send a token without an audience.
    pub(crate) clients: Option<BTreeSet<String>>,
}

/// Where claims were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Token,
    /// An introspection response, which names client and scope as RFC 7662 §2.2 does.
    Introspection,
    /// An introspection response about a token that was read here as well: what it leaves out, the token has said.
    Confirmation,
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
        let may_be_silent = origin == Origin::Confirmation;
        match self {
            Self::Says(path, values) => match path.find(claims) {
                Some(Value::String(text)) => values.contains(text),
                Some(_) => false,
                None => may_be_silent,
            },
            Self::HasOneOf(names) => {
                may_be_silent || names.iter().any(|name| claims.contains_key(*name))
            }
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

    /// Whether an introspection response by itself says that a token is an access token.
    pub(crate) fn is_proven_by_introspection(&self) -> bool {
        matches!(self.introspected, Introspected::Proven(_)) || !self.demanded.is_empty()
    }

    /// Refuses what is no access token of the issuer's, or not a whole one.
    pub(crate) fn check(&self, claims: &Map<String, Value>, origin: Origin) -> Result<(), Refusal> {
        let own = match (origin, &self.introspected) {
            (Origin::Token, _) => &*self.proofs,
            (_, Introspected::Proven(proofs)) => proofs,
            (_, Introspected::Unsaid | Introspected::Never) => &[],
        };
        let mut proofs = own.iter().chain(&self.demanded);
        if let Some(proof) = proofs.find(|proof| !proof.is_met(claims, origin)) {
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
        if named.is_none() && origin != Origin::Token {
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
            (None, Some(value)) if origin != Origin::Token => self
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

    /// The roles of the token. A member that an object denies, with `false` or `null`, is none.
    pub(crate) fn roles<'a>(
        &'a self,
        claims: &'a Map<String, Value>,
    ) -> impl Iterator<Item = &'a str> {
        let is_given = |given: &Value| !matches!(given, Value::Null | Value::Bool(false));
        self.roles.iter().flat_map(move |roles| -> Vec<&str> {
            match (roles.at.find(claims), roles.are_members) {
                (Some(Value::String(role)), false) => vec![role],
                (Some(Value::Array(roles)), false) => {
                    roles.iter().filter_map(Value::as_str).collect()
                }
                (Some(Value::Object(members)), true) => {
                    let given = members.iter().filter(|(_, given)| is_given(given));
                    given.map(|(role, _)| role.as_str()).collect()
                }
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
                .any(|roles| names.contains_key(roles.at.first()))
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
