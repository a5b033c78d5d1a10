//! Resources (RFC 8707): the APIs that access tokens are for, and which of them a request means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    difference::{self, Port},
    error::{Reason, Refusal},
    ids::{ClientId, Malformed},
    jose::Algorithm,
    language::Language,
    parameters::Parameters,
    scope::{OPENID, Scope},
};

/// The URI of an API, the `aud` of its tokens: absolute, no fragment (RFC 8707 §2). Compared character by character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceUri(String);

impl ResourceUri {
    /// Reads a resource URI; `None` unless it is an absolute http(s) or urn URI without fragment, at most 512 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() <= 512
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.contains('#');
        let url = Url::parse(text).ok().filter(|_| plain)?;
        matches!(url.scheme(), "https" | "http" | "urn").then(|| Self(text.to_owned()))
    }

    /// The URI as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An API that this server issues tokens for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What `resource` names and `aud` carries.
    pub uri: ResourceUri,
    /// What users read on the consent page; the host of the URI if absent.
    pub name: Option<String>,
    /// The same for users of other languages, by language tag.
    pub names: BTreeMap<String, String>,
    /// The scopes that this API gives a meaning to.
    pub scopes: Scope,
    /// The client that may introspect tokens for this audience, and no other.
    pub client: Option<ClientId>,
    /// What access tokens for it are signed with.
    pub access_token_signing_alg: Algorithm,
}

impl Resource {
    /// The name that users read who read `language`, if it has one.
    pub fn name_in(&self, language: Language) -> Option<&str> {
        language.text_of(&self.names).or(self.name.as_deref())
    }
}

/// What a scope means to users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeDescription {
    /// The scope's name.
    pub name: String,
    /// The sentence on the consent page, by language tag, like `en` → "Read your notes".
    pub text: BTreeMap<String, String>,
    /// The groups whose members may have it, one of which is enough; empty: everybody may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

impl ScopeDescription {
    /// What it says in `language`.
    pub fn text_in(&self, language: Language) -> Option<&str> {
        language.text_of(&self.text)
    }

    /// What it says to users for whose language it has no text: that in the `default` language, in English, or in any.
    pub fn text_beside(&self, default: Language) -> Option<&str> {
        default.text_beside(&self.text)
    }
}

/// Every resource of this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(Vec<Resource>);

impl Resources {
    /// What access tokens are signed with where nothing else is said: they are long, and carried by every request.
    pub const fn default_algorithm() -> Algorithm {
        Algorithm::Es256
    }

    /// What an access token for `audiences` is signed with. It is the API that verifies it, so the API's registration says, for the
    /// tokens of every client; beside an API, this server verifies whatever it signs (RFC 9068 §2.1).
    pub fn signing_algorithm(&self, audiences: &Audiences) -> Algorithm {
        let mut apis = audiences.as_slice().iter().filter_map(|uri| self.find(uri));
        apis.next().map_or(Self::default_algorithm(), |api| {
            api.access_token_signing_alg
        })
    }

    /// All resources.
    pub fn new(resources: Vec<Resource>) -> Self {
        Self(resources)
    }

    /// The resources in the order they were declared.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.0.iter()
    }

    /// The resource with exactly this URI.
    pub fn find(&self, uri: &str) -> Option<&Resource> {
        self.0.iter().find(|resource| resource.uri.as_str() == uri)
    }

    /// The audience of the tokens for `scope`: the resource that was asked for; without `resource` the one resource that owns every
    /// scope an API owns; the `issuer` where no API owns any.
    ///
    /// # Errors
    /// `resource-unknown`, `resource-not-allowed` (it does not own a scope that an API owns, or none), `resource-ambiguous`.
    pub fn audience(
        &self,
        asked: Option<&str>,
        scope: &Scope,
        issuer: &str,
    ) -> Result<String, Refusal> {
        let owned_by_any = self.0.iter().fold(Scope::default(), |all, resource| {
            all.union(&resource.scopes)
        });
        let of_apis = scope.intersection(&owned_by_any);
        if let Some(uri) = asked.filter(|uri| *uri != issuer) {
            let resource = self.find(uri).ok_or_else(|| {
                Refusal::new(Reason::ResourceUnknown).because(self.difference(uri, issuer))
            })?;
            let foreign = of_apis.without(&resource.scopes);
            return if foreign.is_empty() && !of_apis.is_empty() {
                Ok(uri.to_owned())
            } else {
                Err(Refusal::new(Reason::ResourceNotAllowed)
                    .because(format!("{uri} does not own: {}", scope.briefly())))
            };
        }
        if of_apis.is_empty() {
            return Ok(issuer.to_owned());
        }
        if asked.is_some() {
            return Err(Refusal::new(Reason::ResourceNotAllowed)
                .because(format!("{issuer} does not own: {}", of_apis.briefly())));
        }
        let mut owners = self
            .0
            .iter()
            .filter(|resource| of_apis.is_within(&resource.scopes));
        match (owners.next(), owners.next()) {
            (Some(resource), None) => Ok(resource.uri.0.clone()),
            _ => Err(Refusal::new(Reason::ResourceAmbiguous)
                .because(format!("{} do not name one API", of_apis.briefly()))),
        }
    }

    /// How `sent` differs from the API it resembles most, for the operator's eyes.
    fn difference(&self, sent: &str, issuer: &str) -> String {
        let known = self.0.iter().map(|resource| resource.uri.as_str());
        difference::to_the_closest(known.chain([issuer]), sent, Port::Exact)
    }
}

/// The one `resource` of a request. A token is for one API, so a second is refused (RFC 8707 §2 allows a server to).
///
/// # Errors
/// `resource-repeated`.
pub fn one_resource(parameters: &Parameters) -> Result<Option<&str>, Refusal> {
    parameters
        .one("resource")
        .map_err(|_| Reason::ResourceRepeated.into())
}

/// Whom a token is for: one, or an API and this server (RFC 7519 §4.1.3). Written as a text where there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audiences {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audiences {
    /// The audiences of a token for `audience`: with `openid` in its scope, also of `issuer`, whose UserInfo it is good at.
    pub fn of(audience: &str, scope: &Scope, issuer: &str) -> Self {
        if scope.contains(OPENID) && audience != issuer {
            Self::Many(vec![audience.to_owned(), issuer.to_owned()])
        } else {
            Self::One(audience.to_owned())
        }
    }

    /// Whether `audience` is among them.
    pub fn contains(&self, audience: &str) -> bool {
        self.as_slice().iter().any(|member| member == audience)
    }

    /// All of them.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Many(audiences) => audiences,
        }
    }
}

impl From<ResourceUri> for String {
    fn from(uri: ResourceUri) -> String {
        uri.0
    }
}

impl TryFrom<String> for ResourceUri {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("resource URI"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn api(uri: &str, scopes: &str) -> Resource {
        Resource {
            uri: ResourceUri::parse(uri).unwrap(),
            name: None,
            names: BTreeMap::new(),
            scopes: Scope::parse(scopes).unwrap(),
            client: None,
            access_token_signing_alg: Resources::default_algorithm(),
        }
    }

    #[rstest]
    #[case::web("https://notes.example/api?v=1", true)]
    #[case::on_this_machine("http://localhost:8422", true)]
    #[case::urn("urn:example:notes", true)]
    #[case::longest(&format!("https://notes.example/{}", "a".repeat(490)), true)]
    #[case::longer(&format!("https://notes.example/{}", "a".repeat(491)), false)]
    #[case::fragment("https://notes.example/#a", false)]
    #[case::empty_fragment("https://notes.example/#", false)]
    #[case::space("https://notes.example/a b", false)]
    #[case::not_ascii("https://notes.example/ä", false)]
    #[case::relative("notes", false)]
    #[case::another_scheme("ftp://notes.example", false)]
    fn the_uri_of_an_api_is_short_absolute_and_plain(#[case] text: &str, #[case] good: bool) {
        assert_eq!(ResourceUri::parse(text).is_some(), good);
    }

    /// Attacks: Q17.
    #[rstest]
    #[case(None, "notes.read", Ok("https://notes.example"))]
    #[case(
        None,
        "notes.read notes.write offline_access",
        Ok("https://notes.example")
    )]
    #[case(None, "offline_access", Ok("https://id.example"))]
    #[case(None, "shared", Err(Reason::ResourceAmbiguous))]
    #[case(None, "notes.read mail.read", Err(Reason::ResourceAmbiguous))]
    #[case(Some("https://mail.example"), "shared", Ok("https://mail.example"))]
    #[case(
        Some("https://mail.example"),
        "notes.read",
        Err(Reason::ResourceNotAllowed)
    )]
    #[case(
        Some("https://mail.example"),
        "mail.read notes.read",
        Err(Reason::ResourceNotAllowed)
    )]
    #[case(
        Some("https://mail.example"),
        "offline_access",
        Err(Reason::ResourceNotAllowed)
    )]
    #[case(
        Some("https://mail.example/"),
        "mail.read",
        Err(Reason::ResourceUnknown)
    )]
    #[case(Some("https://id.example"), "offline_access", Ok("https://id.example"))]
    #[case(
        Some("https://id.example"),
        "notes.read",
        Err(Reason::ResourceNotAllowed)
    )]
    #[case(Some("/relative"), "notes.read", Err(Reason::ResourceUnknown))]
    fn one_token_is_for_one_audience(
        #[case] asked: Option<&str>,
        #[case] scope: &str,
        #[case] audience: Result<&str, Reason>,
    ) {
        let resources = Resources::new(vec![
            api("https://notes.example", "notes.read notes.write shared"),
            api("https://mail.example", "mail.read shared"),
        ]);
        let scope = Scope::parse(scope).unwrap();
        let decided = resources.audience(asked, &scope, "https://id.example");
        assert_eq!(decided.as_deref().map_err(Refusal::reason), audience);
    }

    #[rstest]
    #[case("http://localhost:8422/", "trailing slash")]
    #[case("http://localhost:8423", "port 8423 instead of 8422")]
    #[case("http://127.0.0.1:8422", "127.0.0.1 instead of localhost")]
    #[case("https://localhost:8422", "https instead of http")]
    fn what_is_no_api_is_told_from_the_one_that_was_meant(#[case] sent: &str, #[case] says: &str) {
        let resources = Resources::new(vec![api("http://localhost:8422", "notes.read")]);
        let scope = Scope::parse("notes.read").unwrap();
        let refused = resources.audience(Some(sent), &scope, "https://id.example");
        let detail = format!("{says} (registered: http://localhost:8422)");
        let expected = Refusal::new(Reason::ResourceUnknown).because(detail);
        assert_eq!(refused, Err(expected));
    }
}
