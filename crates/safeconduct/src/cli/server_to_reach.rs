//! Which running server is meant: the one whose API is named, or that of a context.

use std::time::Duration;

use safeconduct_protocol::administration;
use safeconduct_protocol::loopback::is_loopback;
use serde::Deserialize;
use url::Url;

use super::context::Context;
use super::contexts::{self, Contexts, Known};
use super::failure::Failure;

/// The longest document that is read about an API, in bytes.
const LONGEST_DOCUMENT: usize = 64 * 1024;
/// How long an API may take to say whose tokens it takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which server, as it is named before a sign-in.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerToReach {
    /// Where the API is: http://127.0.0.1:8429, or the https address that administration.url says [default: the context's]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// Whose tokens it takes [default: the API says, and in a context that is there the one it was made with]
    #[arg(long, value_name = "URL", requires = "api")]
    issuer: Option<String>,
}

impl ServerToReach {
    /// Which server, and under which name.
    ///
    /// # Errors
    /// None is named, there is no such context, or there is no API.
    pub(crate) async fn find(
        &self,
        context: &Context,
        contexts: &Contexts,
    ) -> Result<(String, Known), Failure> {
        let Some(api) = &self.api else {
            let name = context.context.clone().or_else(|| contexts.current());
            let name = name.ok_or_else(|| {
                Failure::Usage("which server? --api names where its API is".to_owned())
            })?;
            let known = contexts.known(&name)?;
            return Ok((name, known));
        };
        let url = Url::parse(api).ok().filter(|url| url.has_host());
        let url = url.ok_or_else(|| Failure::Usage(format!("`{api}` is no URL")))?;
        let api = url.origin().ascii_serialization();
        let name = context.context.clone().unwrap_or_else(|| named_after(&url));
        if let Some(issuer) = self.issuer.clone() {
            return Ok((name, Known { api, issuer }));
        }
        let issuer = issuer_of(&api).await?;
        let said = Known { api, issuer };
        match contexts.known(&name) {
            Ok(before) => stays(&name, &before, &said)?,
            Err(Failure::NotFound(_)) => {}
            Err(other) => return Err(other),
        }
        Ok((name, said))
    }
}

/// A context without a name of its own has that of the host.
fn named_after(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_matches(['[', ']']).replace(':', "-");
    let host = host.trim_matches('-');
    let name = match url.port() {
        Some(port) => format!("{host}-{port}"),
        None => host.to_owned(),
    };
    contexts::name(&name).unwrap_or_else(|_| "default".to_owned())
}

/// Refuses what an API says of itself, where it is another issuer than the context was made with: something else may listen at the
/// address, as at the near end of a tunnel that is down.
fn stays(name: &str, before: &Known, said: &Known) -> Result<(), Failure> {
    if before.issuer == said.issuer {
        return Ok(());
    }
    let told = format!(
        "the context {name} is of {}, and {} takes the tokens of {:?} now",
        before.issuer, said.api, said.issuer
    );
    Err(Failure::Conflict(told).with_advice(
        "name it with --issuer if that is right; --context NAME makes another context",
    ))
}

/// Whose tokens the API at `api` takes (RFC 9728).
async fn issuer_of(api: &str) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct ProtectedResource {
        resource: String,
        authorization_servers: Vec<String>,
    }

    let url = format!("{api}/.well-known/oauth-protected-resource");
    let none = |why: &dyn std::fmt::Display| {
        Failure::Failed(format!("there is no API to administer by at {api}: {why}"))
            .with_advice("administration.api = true turns it on; without administration.url it is at server.admin_listen, on that machine alone")
    };
    let mut pool = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE);
    if Url::parse(api).is_ok_and(|url| is_loopback(&url)) {
        // Whatever a proxy says of this machine is another's word.
        pool = pool.no_proxy();
    }
    let pool = pool.build().map_err(|error| none(&error))?;
    let mut answer = pool.get(url).send().await.map_err(|error| none(&error))?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(none(&format_args!("it answered {}", answer.status())));
    }
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| none(&error))? {
        text.extend_from_slice(&chunk);
        if text.len() > LONGEST_DOCUMENT {
            return Err(none(&"what it says of itself is too long"));
        }
    }
    let said: ProtectedResource =
        serde_json::from_slice(&text).map_err(|_| none(&"what it says of itself is unreadable"))?;
    let issuer = said.authorization_servers.into_iter().next();
    issuer
        .filter(|issuer| said.resource == administration::resource(issuer))
        .ok_or_else(|| none(&"it takes tokens for something else"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_stays_with_its_issuer() {
        let known = |issuer: &str| Known {
            api: "http://127.0.0.1:8429".to_owned(),
            issuer: issuer.to_owned(),
        };
        let before = known("https://id.example.com");
        assert!(stays("prod", &before, &before).is_ok());
        let refused = stays("prod", &before, &known("https://evil.example"));
        assert!(matches!(refused, Err(Failure::Conflict(_))));
    }

    #[test]
    fn a_context_is_named_after_the_host() {
        let name = |url: &str| named_after(&Url::parse(url).unwrap());
        assert_eq!(name("http://127.0.0.1:8429"), "127.0.0.1-8429");
        assert_eq!(name("https://admin.example.com/"), "admin.example.com");
        assert_eq!(name("http://[::1]:8429"), "1-8429");
        assert_eq!(name("http://[::]"), "default");
    }
}
