//! The APIs that a client calls: how each is asked for, and which URLs its tokens go to.
//!
//! Fetching a token for one is `refresh.rs`'s and `client_credentials.rs`'s concern, sending it `api.rs`'s.

use std::sync::Arc;

use safeconduct_issuer::{PlainHttp, is_protected};
use safeconduct_protocol::resource::ResourceUri;
use safeconduct_protocol::scope::{self, Scope};
use url::Url;

use crate::error::Error;

/// An API that this client calls: what its tokens are asked for by, and where they are sent.
///
/// ```
/// use safeconduct_client::Resource;
///
/// // Named as RFC 8707 has it, and reached under the same URL.
/// let notes = Resource::new("https://api.example.com/notes");
/// // Named by a URN, and reached elsewhere.
/// let files = Resource::new("urn:example:files").reached_at("https://files.example.com/v2");
/// // Not named at all, because the issuer knows no `resource`: its scopes say which API they are of.
/// let graph = Resource::at("https://graph.microsoft.com/v1.0").scopes(["https://graph.microsoft.com/User.Read"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    indicator: Option<String>,
    urls: Vec<String>,
    scopes: Vec<String>,
}

impl Resource {
    /// An API that is asked for as `uri` (`resource`, RFC 8707), and reached under it, unless [`Resource::reached_at`] says where.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            indicator: Some(uri.into()),
            ..Self::default()
        }
    }

    /// An API that is reached under `url` and asked for by its scopes alone.
    pub fn at(url: impl Into<String>) -> Self {
        Self::default().reached_at(url)
    }

    /// Where its tokens go, in place of its name: under `url`, and nowhere else. Called again, there too.
    #[must_use]
    pub fn reached_at(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// What a token for it is asked to allow. The first API of a client is asked for at the sign-in, with the client's own scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.scopes = names.into_iter().map(Into::into).collect();
        self
    }
}

impl From<&str> for Resource {
    fn from(uri: &str) -> Self {
        Self::new(uri)
    }
}

impl From<String> for Resource {
    fn from(uri: String) -> Self {
        Self::new(uri)
    }
}

impl From<&String> for Resource {
    fn from(uri: &String) -> Self {
        Self::new(uri)
    }
}

/// An API, checked.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What a session keeps its token under.
    pub(crate) name: Arc<str>,
    pub(crate) indicator: Option<String>,
    urls: Vec<Url>,
    pub(crate) scope: Scope,
}

/// The APIs of a client. The first one is what sign-ins ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets(Vec<Target>);

/// Which API of a client; `None` is the first, whose token comes with the sign-in, whether one is configured or not.
pub(crate) type TargetName = Option<Arc<str>>;

impl Targets {
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind), naming what is wrong.
    pub(crate) fn check(resources: &[Resource], plain: PlainHttp) -> Result<Self, Error> {
        let targets = resources.iter().map(|resource| target(resource, plain));
        let targets = targets.collect::<Result<Vec<_>, _>>()?;
        for (number, target) in targets.iter().enumerate() {
            let before = &targets[..number];
            let is_known = |url: &Url| before.iter().any(|other| other.urls.contains(url));
            if let Some(url) = target.urls.iter().find(|url| is_known(url)) {
                return Err(Error::configuration(format!(
                    "two resources are reached at `{url}`: which token belongs there?"
                )));
            }
            if before.iter().any(|other| other.name == target.name) {
                return Err(Error::configuration(format!(
                    "the resource `{}` is there twice",
                    target.name
                )));
            }
            if number > 0 && target.indicator.is_none() && target.scope.is_empty() {
                return Err(Error::configuration(format!(
                    "nothing tells a token for `{}` from one for the first resource: give it a name, `Resource::new(…)`, or `.scopes([…])`",
                    target.name
                )));
            }
        }
        Ok(Self(targets))
    }

    /// What sign-ins ask for.
    pub(crate) fn first(&self) -> Option<&Target> {
        self.0.first()
    }

    /// What each API is called by RFC 8707, where it is.
    pub(crate) fn indicators(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter_map(|target| target.indicator.as_deref())
    }

    /// The API of this name.
    pub(crate) fn named(&self, name: &TargetName) -> Option<&Target> {
        match name {
            None => self.first(),
            Some(name) => self.0.iter().find(|target| target.name == *name),
        }
    }

    /// Whose tokens go to `url`: of several, that of the longest path.
    pub(crate) fn of(&self, url: &Url) -> Option<TargetName> {
        let numbered = self.0.iter().enumerate();
        let reaching = numbered.filter_map(|(number, target)| {
            let lengths = target.urls.iter().filter(|base| is_under(base, url));
            let longest = lengths.map(|base| base.path().len()).max()?;
            Some((longest, number))
        });
        let (_, number) = reaching.max_by_key(|(length, number)| (*length, usize::MAX - number))?;
        Some((number > 0).then(|| Arc::clone(&self.0[number].name)))
    }

    /// Where tokens go, for a message.
    pub(crate) fn urls(&self) -> String {
        let urls = self.0.iter().flat_map(|target| &target.urls);
        urls.map(|url| format!("`{url}`"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn target(resource: &Resource, plain: PlainHttp) -> Result<Target, Error> {
    let named = resource.indicator.as_deref();
    let named = named.map(|text| indicator(text, plain)).transpose()?;
    let mut urls = resource
        .urls
        .iter()
        .map(|text| base(text, plain))
        .collect::<Result<Vec<_>, _>>()?;
    // A name that is no address of the web reaches nothing by itself.
    if urls.is_empty() {
        urls.extend(named.filter(|url| is_protected(url, plain)));
    }
    let name = resource.indicator.as_ref().or(resource.urls.first());
    Ok(Target {
        name: name.map_or("", String::as_str).into(),
        indicator: resource.indicator.clone(),
        urls,
        scope: scope(&resource.scopes)?,
    })
}

/// The scope with these names.
pub(crate) fn scope(names: &[String]) -> Result<Scope, Error> {
    if let Some(bad) = names.iter().find(|name| !scope::is_name(name)) {
        return Err(Error::configuration(match bad.contains(' ') {
            true => format!("scopes `{bad}`: name them one by one"),
            false => format!("`{bad}` is no name of a scope (RFC 6749 §3.3)"),
        }));
    }
    Scope::parse(&names.join(" ")).ok_or_else(|| Error::configuration("more than 100 scopes"))
}

fn indicator(text: &str, plain: PlainHttp) -> Result<Url, Error> {
    let refuse = |why: &str| Err(Error::configuration(format!("resource `{text}` {why}")));
    let Ok(url) = Url::parse(text) else {
        return refuse("is not an absolute URI such as https://api.example.com");
    };
    if !is_protected(&url, plain) && url.scheme() != "urn" {
        return refuse("must be https or urn; http is for localhost, 127.0.0.1 and [::1] alone");
    }
    if text.contains('#') {
        return refuse("must not carry a fragment");
    }
    if ResourceUri::parse(text).is_none() {
        return refuse("is longer than 512 bytes, or holds a space or something outside ASCII");
    }
    Ok(url)
}

fn base(text: &str, plain: PlainHttp) -> Result<Url, Error> {
    let url = Url::parse(text).ok().filter(|url| {
        let is_plain = url.query().is_none() && url.fragment().is_none();
        is_protected(url, plain)
            && is_plain
            && url.username().is_empty()
            && url.password().is_none()
    });
    url.ok_or_else(|| {
        Error::configuration(format!(
            "`{text}` is no place to send a token to: an https URL without query and fragment is (http for localhost, 127.0.0.1 and [::1] alone)"
        ))
    })
}

/// Whether `url` lies at or below `base`: same scheme, host and port, and a path that continues it at a `/`. A WebSocket begins as
/// a request of http.
fn is_under(base: &Url, url: &Url) -> bool {
    let prefix = base.path().trim_end_matches('/');
    let below = url
        .path()
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    base.origin() == url.origin()
        && below
        && url.username().is_empty()
        && url.password().is_none()
        && !hides_a_separator(url.path())
}

/// An encoded slash, backslash or dot that a server behind `url` might decode and then climb out of the base path.
fn hides_a_separator(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["%2f", "%5c", "%2e", "%25"]
        .iter()
        .any(|hidden| path.contains(hidden))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Attacks: K19.
    #[rstest]
    #[case("https://api.example.com/v1/notes", true)]
    #[case("https://api.example.com/v1", true)]
    #[case("https://api.example.com/v1?x=1", true)]
    #[case("https://api.example.com:443/v1/", true)]
    #[case("https://api.example.com/v10", false)]
    #[case("https://api.example.com/v1/../admin", false)]
    #[case("https://api.example.com/v1/%2e%2e/admin", false)]
    #[case("https://api.example.com/v1/..%2fadmin", false)]
    #[case("https://api.example.com/v1/%252e%252e/admin", false)]
    #[case("http://api.example.com/v1", false)]
    #[case("https://api.example.com:444/v1", false)]
    #[case("https://api.example.com.evil.example/v1", false)]
    #[case("https://evil@api.example.com/v1", false)]
    #[case("https://api.example.com@evil.example/v1", false)]
    fn a_token_stays_under_its_resource(#[case] url: &str, #[case] under: bool) {
        let base = Url::parse("https://api.example.com/v1").unwrap();
        assert_eq!(is_under(&base, &Url::parse(url).unwrap()), under);
    }

    /// Attacks: LI49, LI64.
    #[test]
    fn a_token_goes_to_the_api_that_it_is_for() {
        let targets = [
            Resource::new("https://api.example.com"),
            Resource::new("urn:example:files").reached_at("https://files.example.com/v2"),
            Resource::at("https://api.example.com/admin").scopes(["admin"]),
        ];
        let targets = Targets::check(&targets, PlainHttp::OnThisMachine);
        let targets = targets.unwrap();
        let of = |url: &str| {
            let target = targets.of(&Url::parse(url).unwrap())?;
            Some(target.map_or("first".to_owned(), |name| name.to_string()))
        };
        assert_eq!(of("https://api.example.com/notes").unwrap(), "first");
        assert_eq!(
            of("https://api.example.com/administrators").unwrap(),
            "first"
        );
        let admin = "https://api.example.com/admin";
        assert_eq!(of("https://api.example.com/admin/1").unwrap(), admin);
        let files = of("https://files.example.com/v2/a").unwrap();
        assert_eq!(files, "urn:example:files");
        for elsewhere in [
            "https://files.example.com/v1",
            "https://files.example.com",
            "https://evil.example/notes",
        ] {
            assert_eq!(of(elsewhere), None, "{elsewhere}");
        }
        let named: Vec<_> = targets.indicators().collect();
        assert_eq!(named, ["https://api.example.com", "urn:example:files"]);
    }
}
