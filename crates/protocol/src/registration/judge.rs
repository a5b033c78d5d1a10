//! What a document says of a client, member by member: taken, or refused in words.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    document::Registration,
    finding::{Finding, KnowsScope, SecretOrigin},
};
use crate::{
    client::{
        AuthenticationMethod, BackChannelUri, Client, ConsentPolicy, GrantType, ResponseMode,
        SubjectType, is_web_address,
    },
    ids::ClientId,
    image::Image,
    jose::JwkSet,
    language,
    mail::MailAddress,
    redirect_uri::RedirectUri,
    scope::Scope,
};

/// What a name by language looks like.
const NAMES_BY_LANGUAGE: &str =
    "write a language tag behind the #, such as client_name#de, and a name as its value";

/// The longest name of a group, in characters.
const LONGEST_GROUP: usize = 128;

/// What the address of a page or endpoint of a client looks like.
const WEB_ADDRESS: &str =
    "write an https URL, or http on a loopback address, without fragment and user name";

/// One document under judgement.
pub(super) struct Judge<'r> {
    pub(super) registration: &'r Registration,
    pub(super) id: &'r ClientId,
    pub(super) findings: Vec<Finding>,
}

impl Judge<'_> {
    /// Refuses `member`, of which `what` is said behind the client's name.
    fn refuse(&mut self, member: &'static str, what: &str, advice: &str) {
        let message = format!("the client `{}` {what}", self.id);
        self.findings.push(Finding::new(member, message, advice));
    }

    /// The names by language.
    pub(super) fn names(&mut self) -> BTreeMap<String, String> {
        let names = &self.registration.names.0;
        for (tag, name) in names {
            if !language::is_tag(tag) || name.trim().is_empty() {
                let what = format!("has no name in a language as client_name#{tag}");
                self.refuse("client_name", &what, NAMES_BY_LANGUAGE);
            }
        }
        names.clone()
    }

    pub(super) fn logo(&mut self) -> Option<Image> {
        match Image::parse(self.registration.logo_uri.as_deref()?) {
            Ok(logo) => return Some(logo),
            Err(what) => self.refuse(
                "logo_uri",
                &format!("has a logo that {what}"),
                "give the image itself: an SVG, PNG, JPEG or WebP of at most 64 KiB, in base64 behind data:image/…;base64,",
            ),
        }
        None
    }

    /// A page of the client's that people are led to.
    pub(super) fn page(&mut self, member: &'static str, uri: Option<&str>) -> Option<String> {
        let uri = uri?;
        if !is_web_address(uri) {
            let what = format!("has a {member} that leads nowhere: `{uri}`");
            self.refuse(member, &what, WEB_ADDRESS);
        }
        Some(uri.to_owned())
    }

    pub(super) fn uris(&mut self, member: &'static str, uris: &[String]) -> Vec<RedirectUri> {
        let mut registered = Vec::new();
        for (item, uri) in uris.iter().enumerate() {
            match RedirectUri::register(uri) {
                Ok(uri) => registered.push(uri),
                Err(error) => {
                    let message = format!("the redirect URI `{uri}` can't be registered");
                    let finding = Finding::new(member, message, error.to_string());
                    self.findings.push(finding.at(item));
                }
            }
        }
        registered
    }

    pub(super) fn back_channel(&mut self) -> Option<BackChannelUri> {
        let uri = self.registration.backchannel_logout_uri.as_deref()?;
        let parsed = BackChannelUri::parse(uri);
        if parsed.is_none() {
            self.findings.push(Finding::new(
                "backchannel_logout_uri",
                format!("the back-channel logout URI `{uri}` can't be called"),
                WEB_ADDRESS,
            ));
        }
        parsed
    }

    /// Whom its users can ask: addresses that a page can lead to.
    pub(super) fn contacts(&mut self) -> Vec<String> {
        let contacts = &self.registration.contacts;
        for contact in contacts {
            if MailAddress::parse(contact).is_err() && !is_web_address(contact) {
                let what = format!("has a contact that leads nowhere: `{contact}`");
                let advice = "write an address of mail, or an https URL";
                self.refuse("contacts", &what, advice);
            }
        }
        contacts.clone()
    }

    /// The groups whose members may use it. Whether there are such groups is not for a registration to say.
    pub(super) fn groups(&mut self) -> BTreeSet<String> {
        let names = &self.registration.groups;
        let is_name = |name: &&String| {
            (1..=LONGEST_GROUP).contains(&name.chars().count())
                && name.trim() == name.as_str()
                && !name.chars().any(char::is_control)
        };
        for name in names.iter().filter(|name| !is_name(name)) {
            let what = format!("names a group that can't be one: `{name}`");
            let advice = "write the names of groups, as `safeconduct group list` shows them";
            self.refuse("groups", &what, advice);
        }
        names.iter().cloned().collect()
    }

    pub(super) fn scopes(&mut self, knows_scope: &KnowsScope<'_>) -> Scope {
        let names = &self.registration.scopes;
        for (item, name) in names.iter().enumerate() {
            if let Err(advice) = knows_scope(name) {
                let message = format!(
                    "the client `{}` may ask for the unknown scope `{name}`",
                    self.id
                );
                let finding = Finding::new("scopes", message, advice);
                self.findings.push(finding.at(item));
            }
        }
        let scopes = Scope::parse(&names.join(" "));
        if scopes.is_none() {
            self.refuse(
                "scopes",
                "has scopes that can't be read",
                "at most 100 names, each of at most 128 characters (RFC 6749 §3.3)",
            );
        }
        scopes.unwrap_or_default()
    }

    pub(super) fn keys(&mut self) -> Option<JwkSet> {
        let written = self.registration.jwks.clone()?;
        match serde_json::from_value::<JwkSet>(written) {
            Ok(keys) if !keys.keys.is_empty() => return Some(keys),
            Ok(_) => self.refuse(
                "jwks",
                "has no key that can verify a signature",
                "write public keys for ES256, RS256, PS256 or EdDSA",
            ),
            Err(error) => self.findings.push(Finding::new(
                "jwks",
                format!(
                    "the keys of the client `{}` are no JWK set: {error}",
                    self.id
                ),
                "write { keys = [ … ] } with public keys alone (RFC 7517 §5)",
            )),
        }
        None
    }

    pub(super) fn grants(&mut self, client: &Client) {
        let code = client.may_use(GrantType::AuthorizationCode);
        let has_redirect_uris = !self.registration.redirect_uris.is_empty();
        if code && !has_redirect_uris {
            self.refuse(
                "redirect_uris",
                "has no redirect URI",
                "add redirect_uris, or grant_types without authorization_code",
            );
        }
        if !code && has_redirect_uris {
            self.refuse(
                "redirect_uris",
                "has redirect URIs that nothing uses",
                "add authorization_code to its grant_types, or leave them out",
            );
        }
        if client.may_use(GrantType::RefreshToken) && !code {
            self.refuse(
                "grant_types",
                "may refresh but not get anything to refresh",
                "add authorization_code, or leave out refresh_token",
            );
        }
        if client.is_public() && client.may_use(GrantType::ClientCredentials) {
            self.refuse(
                "grant_types",
                "can't authenticate, so it can't use client_credentials",
                "give it a secret or keys",
            );
        }
        if client.is_public() && client.grant_types.is_empty() {
            self.refuse(
                "grant_types",
                "has no grant type, and can't authenticate",
                "name at least one grant type; only a client with a secret or keys can do without, to introspect",
            );
        }
    }

    pub(super) fn authentication(&mut self, client: &Client, secret: SecretOrigin) {
        let has_secret = secret == SecretOrigin::Given;
        let has_keys = self.registration.jwks.is_some();
        let method = "token_endpoint_auth_method";
        match client.authentication {
            AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost
                if secret == SecretOrigin::Nowhere =>
            {
                self.refuse(
                    method,
                    "has no secret",
                    "name its secret_file; `openssl rand -hex 32` makes a secret",
                );
            }
            AuthenticationMethod::PrivateKeyJwt if !has_keys => {
                self.refuse(method, "has no keys", "give it a jwks with its public keys");
            }
            AuthenticationMethod::None if has_secret || has_keys => self.refuse(
                method,
                "has a secret or keys that nobody asks for",
                "leave out token_endpoint_auth_method, or the secret",
            ),
            AuthenticationMethod::PrivateKeyJwt if !has_secret => {}
            _ if has_keys => self.refuse("jwks", "has a secret and keys", "keep one of them"),
            _ => {}
        }
        if client.is_public() && !client.require_pkce {
            self.refuse_public_without_pkce();
        }
    }

    fn refuse_public_without_pkce(&mut self) {
        let message = format!("the public client `{}` must use PKCE", self.id);
        self.findings.push(Finding::new(
            "require_pkce",
            message,
            "only a client that authenticates can go without (RFC 9700 §2.1.1)",
        ));
    }

    /// What people see of the client.
    pub(super) fn people(&mut self, client: &Client) {
        let length = client.name.chars().count();
        if !(1..=100).contains(&length) || client.name.chars().any(char::is_control) {
            self.refuse(
                "client_name",
                "has a name that can't be shown",
                "the name must be 1 to 100 characters without control characters",
            );
        }
        if client.is_public() && client.consent == ConsentPolicy::Never && client.lives_on_device()
        {
            self.refuse(
                "consent",
                "can't authenticate and returns to an app on the person's computer, where any app can borrow its name",
                "leave out consent = never, or give it a secret or keys",
            );
        }
    }

    /// How answers reach the client, and by which `sub` it knows people.
    pub(super) fn answers(&mut self, client: &Client) {
        let web = |uri: &RedirectUri| {
            uri.as_str().starts_with("https:") || uri.as_str().starts_with("http:")
        };
        if client.response_modes.is_empty() {
            self.refuse(
                "response_modes",
                "has no response mode",
                "response_modes needs at least one of query and form_post",
            );
        }
        if client.response_modes.contains(&ResponseMode::FormPost)
            && !client.redirect_uris.iter().all(web)
        {
            self.refuse(
                "response_modes",
                "is posted to at a redirect URI that no browser posts to",
                "form_post needs redirect URIs that begin with https: or http:",
            );
        }
        let sector = client.openid.sector_identifier.as_deref();
        let is_host =
            |text: &str| url::Host::parse(text).is_ok_and(|host| host.to_string() == text);
        let is_missing = client.openid.subject_type == SubjectType::Pairwise
            && sector.is_none()
            && client.hosts().len() > 1;
        if is_missing || sector.is_some_and(|sector| !is_host(sector)) {
            self.refuse(
                "sector_identifier",
                "has no host name that stands for its sector",
                "subject_type = pairwise needs sector_identifier, a host name, where the redirect URIs have more than one host",
            );
        }
    }
}
