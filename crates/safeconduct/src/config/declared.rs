//! The scopes, resources, clients and groups that the configuration declares: whether they are well formed and know each other.
//! What is asked of a single client stands in `clients.rs`.

use std::collections::{BTreeMap, BTreeSet};

use safeconduct_protocol::administration;
use safeconduct_protocol::claims;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::language::{self, Language};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::resource::{Resource, ResourceUri, ScopeDescription};
use safeconduct_protocol::scope::{self, OFFLINE_ACCESS, Scope};
use safeconduct_protocol::secret::Secret;
use safeconduct_server::administration::groups::check_group;
use safeconduct_store::Group;

use super::at::At;
use super::clients::{self, DeclaredClient};
use super::file::{self, Config, SecondFactor};
use super::findings::Findings;
use super::problem::Problems;
use super::schema;
use super::secret_file;

/// What lets people set up a second factor.
const SETTING_UP: &str = "set login.second_factor to \"offered\", or login.passkeys to true";

/// Scopes that need no declaration: OpenID Connect and the flow itself give them a meaning.
fn built_in() -> Vec<&'static str> {
    claims::scopes().chain([OFFLINE_ACCESS]).collect()
}

/// The scopes of the API of administrators, where there `is_on` one.
fn of_administration<'n>(is_on: bool) -> impl Iterator<Item = &'n str> {
    let scopes = is_on.then_some(administration::SCOPES);
    scopes.into_iter().flatten()
}

/// What the configuration declares, well formed.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) scopes: Vec<ScopeDescription>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) clients: Vec<DeclaredClient>,
    pub(crate) groups: Vec<Group>,
    /// Whether there is the API of administrators, whose scopes need no declaration.
    administration: bool,
}

impl Declared {
    /// Whether a client can be allowed the scope `name`.
    ///
    /// # Errors
    /// What to do, where nothing knows this scope.
    pub(crate) fn knows_scope(&self, name: &str) -> Result<(), String> {
        let of_resources = self
            .resources
            .iter()
            .flat_map(|resource| resource.scopes.names());
        let described = self.scopes.iter().map(|scope| scope.name.as_str());
        let known = described.chain(of_resources).chain(built_in());
        let known: BTreeSet<&str> = known
            .chain(of_administration(self.administration))
            .collect();
        if known.contains(name) {
            Ok(())
        } else {
            Err(advice_on_scope(name, &known))
        }
    }

    /// The same for the store that is to agree with it: `secrets` are the hashes of the clients' secrets in their order, and
    /// `prune` is the word for disabling what is declared no more.
    pub(crate) fn for_store(
        &self,
        secrets: impl IntoIterator<Item = Option<safeconduct_store::HashedSecret>>,
        prune: bool,
    ) -> safeconduct_store::Declared {
        let clients = self.clients.iter().map(|declared| declared.client.clone());
        let adopted = self.clients.iter().filter(|declared| declared.adopt);
        safeconduct_store::Declared {
            clients: clients.zip(secrets).collect(),
            scopes: self.scopes.clone(),
            resources: self.resources.clone(),
            groups: self.groups.clone(),
            adopted: adopted.map(|declared| declared.client.id.clone()).collect(),
            prune,
        }
    }

    /// Reads the secrets of all declared clients.
    ///
    /// # Errors
    /// A file that can't be read, is open to everyone, or holds what is no secret.
    pub(crate) fn secrets(&self) -> Result<Secrets, Problems> {
        let mut problems = Problems::default();
        let mut secrets = Secrets::default();
        for client in &self.clients {
            let secret = client.secret().unwrap_or_else(|(message, advice)| {
                problems.add(client.origin.clone(), message, advice);
                None
            });
            if let Some(position) = secret.as_ref().and_then(secret_file::changes_unencoded) {
                let id = &client.client.id;
                secrets.warnings.add(
                    client.origin.clone(),
                    format!("the secret of the client `{id}` holds + or % (first at position {position}): sent without being form-encoded, it is a wrong secret"),
                    "`openssl rand -hex 32` makes one that is the same either way",
                );
            }
            secrets.of_clients.push(secret);
        }
        problems.or(secrets)
    }
}

/// The secrets of the declared clients.
#[derive(Default)]
pub(crate) struct Secrets {
    /// In the order of the clients; `None` for a client that has none.
    pub(crate) of_clients: Vec<Option<Secret>>,
    /// What is odd about them.
    pub(crate) warnings: Problems,
}

/// Judges what `config` declares; the findings say what is wrong.
pub(super) fn check(config: &Config, findings: &mut Findings<'_>) -> Declared {
    let scopes = check_scopes(config, findings);
    let clients = check_clients(config, findings);
    let resources = check_resources(config, &clients, findings);
    let groups = check_groups(config, findings);
    Declared {
        scopes,
        resources,
        clients,
        groups,
        administration: config.administration.api,
    }
}

fn check_groups(config: &Config, findings: &mut Findings<'_>) -> Vec<Group> {
    let mut groups = Vec::new();
    for (name, declared) in &config.groups {
        let at = At::key("groups").then(name);
        let group = Group {
            name: name.clone(),
            display: declared.display.clone(),
            second_factor_required: declared.require_second_factor,
        };
        if name == administration::GROUP {
            findings.refuse(
                &at,
                format!("the group `{name}` is no matter of the file"),
                "whoever administers this server by its API belongs to it: `safeconduct admin add`",
            );
        }
        if let Err(told) = check_group(&group) {
            findings.refuse(&at, told, "");
        }
        if declared.require_second_factor && !can_set_up_second_factor(config) {
            findings.warn(
                &at.then("require_second_factor"),
                format!("members of `{name}` who have no second factor can set none up, and are kept out"),
                SETTING_UP,
            );
        }
        groups.push(group);
    }
    groups
}

fn check_clients(config: &Config, findings: &mut Findings<'_>) -> Vec<DeclaredClient> {
    let known = known_scopes(config);
    let knows_scope = |name: &str| {
        if known.contains(name) {
            Ok(())
        } else {
            Err(advice_on_scope(name, &known))
        }
    };
    let mut seen = BTreeMap::new();
    let mut clients = Vec::new();
    for (index, client) in config.clients.iter().enumerate() {
        let at = At::key("clients").item(index);
        if let Some(first) = seen.insert(&client.id, index) {
            let origin = findings
                .layers
                .origin(&At::key("clients").item(first).then("id"));
            findings.refuse(
                &at.then("id"),
                format!("the client `{}` is declared twice", client.id),
                format!("the first one is at {origin}"),
            );
        }
        warn_of_demand(config, client, &at, findings);
        clients.extend(clients::register(client, &at, &knows_scope, findings));
    }
    clients
}

/// What a client demands that its users can't set up keeps them out.
fn warn_of_demand(config: &Config, client: &file::Client, at: &At, findings: &mut Findings<'_>) {
    if client.registration.require_second_factor && !can_set_up_second_factor(config) {
        let id = &client.id;
        findings.warn(
            &at.then("require_second_factor"),
            format!("users of `{id}` who have no second factor can set none up, and are kept out"),
            SETTING_UP,
        );
    }
}

/// Whether people can give themselves a second factor on the way to where it is demanded.
fn can_set_up_second_factor(config: &Config) -> bool {
    let has_domain = |issuer: Issuer| issuer.domain().is_some();
    let has_passkeys = config.login.passkeys && Issuer::parse(&config.issuer).is_ok_and(has_domain);
    has_passkeys || config.login.second_factor != SecondFactor::Off
}

fn check_scopes(config: &Config, findings: &mut Findings<'_>) -> Vec<ScopeDescription> {
    for (name, description) in &config.scopes {
        let at = At::key("scopes").then(name);
        check_texts(
            "the text of a scope",
            &description.text,
            &at.then("text"),
            findings,
        );
        if !scope::is_name(name) {
            findings.refuse(&at, format!("`{name}` can't be the name of a scope"), "1 to 128 printable ASCII characters without space, quote and backslash (RFC 6749 §3.3)");
        } else if [Language::English, config.ui.default_language]
            .iter()
            .filter_map(|language| language.text_of(&description.text))
            .all(|text| text.trim().is_empty())
        {
            findings.warn(
                &at,
                format!("the scope `{name}` has no English text"),
                "add text.en: people are asked to allow it, and see its bare name",
            );
        }
    }
    let description = |(name, scope): (&String, &file::Scope)| ScopeDescription {
        name: name.clone(),
        text: scope.text.clone(),
        groups: scope.groups.clone(),
    };
    config.scopes.iter().map(description).collect()
}

/// Refuses texts under what is no language tag: nobody would read them.
pub(super) fn check_texts(
    what: &str,
    texts: &BTreeMap<String, String>,
    at: &At,
    findings: &mut Findings<'_>,
) {
    for tag in texts.keys().filter(|tag| !language::is_tag(tag)) {
        findings.refuse(
            at,
            format!("{what} can't be in `{tag}`"),
            "write a language tag, such as en, de or pt-BR",
        );
    }
}

fn check_resources(
    config: &Config,
    clients: &[DeclaredClient],
    findings: &mut Findings<'_>,
) -> Vec<Resource> {
    let mut resources = Vec::new();
    let mut uris = BTreeSet::new();
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (index, resource) in config.resources.iter().enumerate() {
        let at = At::key("resources").item(index);
        let uri = resource.uri.as_str();
        let parsed = check_uri(uri, &config.issuer, &at.then("uri"), findings);
        check_texts(
            "the name of a resource",
            &resource.names.0,
            &at.then("name"),
            findings,
        );
        if !uris.insert(uri) {
            findings.refuse(
                &at.then("uri"),
                format!("the resource `{uri}` is declared twice"),
                "keep one of them, with the scopes of both",
            );
        }
        for (position, name) in resource.scopes.iter().enumerate() {
            let at = at.then("scopes").item(position);
            if !scope::is_name(name) {
                findings.refuse(&at, format!("`{name}` can't be a scope of a resource"), "");
            } else if built_in().contains(&name.as_str()) {
                findings.refuse(
                    &at,
                    format!("`{name}` can't be a scope of a resource: it belongs to this server"),
                    "leave it out, or choose another name",
                );
            } else if !config.scopes.contains_key(name) {
                findings.warn(&at, format!("the scope `{name}` is not described"), format!("add [scopes.\"{name}\"] with text.en: people are asked to allow it, and see its bare name"));
            }
            if let Some(other) = owners.insert(name, uri).filter(|other| *other != uri) {
                findings.warn(
                    &at,
                    format!("the scope `{name}` belongs to {other} and {uri}"),
                    "a request for it must name its `resource`, or is refused with invalid_target",
                );
            }
        }
        check_introspecting_client(resource, config, clients, &at, findings);
        let names = resource.scopes.iter().map(String::as_str);
        let scopes = check_scope_list(names, &at.then("scopes"), findings);
        if let (Some(uri), Some(scopes)) = (parsed, scopes) {
            let client = resource.client.as_deref().and_then(ClientId::parse);
            resources.push(Resource {
                uri,
                name: resource.name.clone(),
                names: resource.names.0.clone(),
                scopes,
                client,
                access_token_signing_alg: resource.access_token_signing_alg,
            });
        }
    }
    resources
}

fn check_uri(uri: &str, issuer: &str, at: &At, findings: &mut Findings<'_>) -> Option<ResourceUri> {
    let parsed = ResourceUri::parse(uri);
    if parsed.is_none() {
        findings.refuse(
            at,
            format!("`{uri}` can't be the URI of a resource"),
            "write an absolute https, http or urn URI without fragment (RFC 8707 §2)",
        );
    } else if uri == issuer {
        findings.refuse(
            at,
            format!("the resource `{uri}` has the URI of the issuer, whose tokens are for this server alone"),
            "give the API a URI of its own",
        );
    }
    parsed
}

/// The scopes of a client or a resource as a set; a finding where they make none.
fn check_scope_list<'n>(
    names: impl Iterator<Item = &'n str>,
    at: &At,
    findings: &mut Findings<'_>,
) -> Option<Scope> {
    let scopes = Scope::parse(&names.collect::<Vec<_>>().join(" "));
    if scopes.is_none() {
        findings.refuse(
            at,
            format!("`{at}` can't be read as scopes"),
            "at most 100 names, each of at most 128 characters (RFC 6749 §3.3)",
        );
    }
    scopes
}

fn check_introspecting_client(
    resource: &file::Resource,
    config: &Config,
    clients: &[DeclaredClient],
    at: &At,
    findings: &mut Findings<'_>,
) {
    let Some(id) = resource.client.as_deref() else {
        let message = format!("nobody may introspect tokens for {}", resource.uri);
        return findings.warn(at, message, "if its API introspects, name its `client`; if it validates by JWT alone, this is right");
    };
    let at = at.then("client");
    if ClientId::parse(id).is_none() {
        return findings.refuse(&at, format!("`{id}` can't be a client id"), "");
    }
    let find = |declared: &&DeclaredClient| declared.client.id.as_str() == id;
    let declared = || config.clients.iter().map(|client| client.id.as_str());
    match clients.iter().find(find) {
        Some(declared) if declared.client.is_public() => findings.refuse(
            &at,
            format!("the client `{id}` can't authenticate, so it can't introspect"),
            "give it a secret_file or keys",
        ),
        Some(_) => {}
        // Something else is wrong with it, which was told.
        None if declared().any(|other| other == id) => {}
        None => {
            let advice = schema::meant(id, declared()).map_or_else(
                || "declare it, or make it with `safeconduct client create`".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            let message = format!("the client `{id}` is not declared here");
            findings.warn(&at, message, advice);
        }
    }
}

fn known_scopes(config: &Config) -> BTreeSet<&str> {
    let of_resources = config
        .resources
        .iter()
        .flat_map(|resource| resource.scopes.iter().map(String::as_str));
    config
        .scopes
        .keys()
        .map(String::as_str)
        .chain(of_resources)
        .chain(built_in())
        .chain(of_administration(config.administration.api))
        .collect()
}

fn advice_on_scope(name: &str, known: &BTreeSet<&str>) -> String {
    schema::meant(name, known.iter().copied()).map_or_else(
        || format!("add [scopes.\"{name}\"] with text.en, and the resource that it belongs to"),
        |meant| format!("did you mean `{meant}`?"),
    )
}
