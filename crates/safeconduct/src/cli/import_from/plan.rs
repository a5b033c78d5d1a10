//! What is to be imported, and what of the export is not: judged whole before anything is written.

use std::collections::BTreeMap;

use safeconduct_protocol::administration::GROUP;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::password::PasswordRule;
use safeconduct_protocol::precis;
use safeconduct_protocol::registration;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::administration::Refused;
use safeconduct_server::administration::groups::check_group;
use safeconduct_server::administration::imports::ImportedClient;
use safeconduct_server::administration::users::{NewPassword, Person};
use safeconduct_server::password::ImportedHash;
use safeconduct_store::Group;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::failure::Failure;
use super::super::output::{Row, counted};

/// A user as another system has them.
#[derive(Default)]
pub(super) struct ForeignUser {
    /// Whether apps know them by a `sub`.
    pub(super) is_known_to_apps: bool,
    /// Which that is, where it can be told.
    pub(super) sub: Option<String>,
    pub(super) username: String,
    /// Their password in clear.
    pub(super) password: Option<Secret>,
    /// A hash of it, as that system writes it.
    pub(super) hash: Option<Secret>,
    /// The claims of OpenID Connect that are known of them.
    pub(super) claims: Vec<(&'static str, Value)>,
    pub(super) groups: Vec<String>,
    pub(super) locked: bool,
}

/// A client as another system has it.
#[derive(Default)]
pub(super) struct ForeignClient {
    pub(super) id: String,
    pub(super) members: Map<String, Value>,
    pub(super) secret: Option<Secret>,
}

/// Something of the export that does not come along, or not as it was.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    kind: &'static str,
    name: String,
    what: String,
}

impl Row for LeftOut {
    const COLUMNS: &'static [&'static str] = &["kind", "name", "what does not come along"];

    fn cells(&self) -> Vec<String> {
        vec![self.kind.to_owned(), self.name.clone(), self.what.clone()]
    }
}

/// What is to be imported.
pub(super) struct Plan<'a> {
    pub(super) users: Vec<Person>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) clients: Vec<ImportedClient>,
    rule: &'a PasswordRule,
    left: Vec<LeftOut>,
    /// What many users have in common: kind, name and words, and of how many it is true.
    common: BTreeMap<(&'static str, String, &'static str), usize>,
    /// Under which names each address stands.
    addresses: BTreeMap<String, Vec<String>>,
}

impl<'a> Plan<'a> {
    /// Nothing yet; new passwords are held to `rule`.
    pub(super) fn new(rule: &'a PasswordRule) -> Self {
        Self {
            users: Vec::new(),
            groups: BTreeMap::new(),
            clients: Vec::new(),
            rule,
            left: Vec::new(),
            common: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    /// Says that something does not come along.
    pub(super) fn leave(&mut self, kind: &'static str, name: &str, what: impl Into<String>) {
        self.left.push(LeftOut {
            kind,
            name: name.to_owned(),
            what: what.into(),
        });
    }

    /// Says so of one user more, in one line for all.
    pub(super) fn leave_of_user(&mut self, kind: &'static str, name: &str, what: &'static str) {
        *self
            .common
            .entry((kind, name.to_owned(), what))
            .or_default() += 1;
    }

    /// A group by its name, which is to exist; `None` where none can be called so, which is said.
    pub(super) fn group(&mut self, name: &str) -> Option<String> {
        let group = Group {
            name: name.to_owned(),
            display: None,
            second_factor_required: false,
        };
        if self.groups.contains_key(name) {
            return Some(group.name);
        }
        if name.trim().eq_ignore_ascii_case(GROUP) {
            let what = "nobody administers this server by an import: safeconduct admin add";
            self.leave_of_user("group", name, what);
            return None;
        }
        if let Err(what) = check_group(&group) {
            self.leave("group", name, what);
            return None;
        }
        self.groups.insert(name.to_owned(), group);
        Some(name.to_owned())
    }

    /// A user. One without a usable password comes along without; one who can't be a user is left out.
    pub(super) fn user(&mut self, user: ForeignUser) {
        let mut claims = PersonClaims::default();
        for (name, value) in user.claims {
            if claims.set(name, value).is_err() {
                let what = "not in the form of this claim (OpenID Connect Core 5.1)";
                self.leave_of_user("claim", name, what);
            }
        }
        let password = self.password(&user.username, user.password, user.hash, &claims);
        let groups = user.groups.iter();
        let groups = groups.filter_map(|name| self.group(name)).collect();
        if let Some(address) = claims.claim("email").and_then(Value::as_str) {
            let names = self.addresses.entry(address.to_lowercase()).or_default();
            names.push(user.username.clone());
        }
        match Person::new(user.username.clone(), password, claims) {
            Ok(person) => {
                let id = user.sub.as_deref().and_then(UserId::imported);
                if id.is_none() && user.is_known_to_apps {
                    let what = "are known to apps under another sub: theirs is no UUID, or not in the export";
                    self.leave_of_user("user", "sub", what);
                }
                self.users.push(person.coming(id, user.locked, groups));
            }
            Err(what) => self.leave("user", &user.username, what),
        }
    }

    fn password(
        &mut self,
        username: &str,
        clear: Option<Secret>,
        hash: Option<Secret>,
        claims: &PersonClaims,
    ) -> Option<NewPassword> {
        let password = match (hash, clear) {
            (Some(hash), _) => ImportedHash::read(hash.expose())
                .map(NewPassword::Hash)
                .map_err(|error| error.to_string()),
            (None, Some(clear)) => self
                .rule
                .accept(clear, username, claims)
                .map(NewPassword::Clear)
                .map_err(|unfit| unfit.to_string()),
            (None, None) => return None,
        };
        password
            .map_err(|what| {
                let what = format!("comes without a password: {what}");
                self.leave("user", username, what);
            })
            .ok()
    }

    /// A client. A secret that no client may have here, or none where one is needed, is replaced by a new one, which is said.
    pub(super) fn client(&mut self, client: ForeignClient, without_secret: &'static str) {
        let ForeignClient {
            id,
            members,
            secret,
        } = client;
        let method = members.get("token_endpoint_auth_method");
        let needs = method
            .and_then(Value::as_str)
            .is_some_and(|method| matches!(method, "client_secret_basic" | "client_secret_post"));
        let secret = match (needs, secret) {
            (false, _) => None,
            (true, None) => {
                self.leave("client", &id, without_secret);
                None
            }
            (true, Some(secret)) => match registration::check_secret(&secret) {
                Ok(()) => Some(secret),
                Err(what) => {
                    let what = format!("gets a new secret: its own {what}");
                    self.leave("client", &id, what);
                    None
                }
            },
        };
        self.clients.push(ImportedClient {
            id,
            members,
            secret,
        });
    }

    /// Refuses two users of one name or one address: which of them is meant can't be known.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for user in &self.users {
            let key = precis::username_key(user.username());
            names.entry(key).or_default().push(user.username());
        }
        let of_name = names.into_iter().filter(|(_, users)| users.len() > 1);
        let of_name =
            of_name.map(|(name, users)| format!("{} users are called {name}", users.len()));
        let of_address = self.addresses.iter().filter(|(_, users)| users.len() > 1);
        let of_address = of_address
            .map(|(address, users)| format!("{address} is of {}", users.join(" and of ")));
        let twice: Vec<String> = of_name.chain(of_address).collect();
        match twice.is_empty() {
            true => Ok(()),
            false => Err(Failure::Conflict(format!(
                "{}\n    nothing was imported: take one of them out of the export",
                twice.join("\n")
            ))),
        }
    }

    /// Leaves out the clients that `judge` refuses.
    pub(super) fn judge_clients(&mut self, judge: impl Fn(&ImportedClient) -> Result<(), Refused>) {
        for client in std::mem::take(&mut self.clients) {
            match judge(&client) {
                Ok(()) => self.clients.push(client),
                Err(refused) => {
                    let told = refused.to_string();
                    let what = format!("is not registered: {}", told.replace('\n', "; "));
                    self.leave("client", &client.id, what);
                }
            }
        }
    }

    /// All that does not come along.
    pub(super) fn left_out(self) -> Vec<LeftOut> {
        let common = self.common.into_iter();
        let common = common.map(|((kind, name, what), users)| LeftOut {
            kind,
            name,
            what: format!("{what} ({})", counted(users, "user")),
        });
        self.left.into_iter().chain(common).collect()
    }
}
