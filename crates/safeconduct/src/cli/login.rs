//! `safeconduct login`, `logout` and `whoami`: the command line as an app of the server it administers, signed in by the browser of
//! whoever types.

use std::time::Duration;

use safeconduct_client::{BeginOptions, LoginOptions};
use safeconduct_protocol::administration;
use safeconduct_protocol::loopback::is_loopback;
use serde::{Deserialize, Serialize};
use url::Url;

use super::context::{Context, block_on};
use super::contexts::{self, Asked, Contexts, Known};
use super::failure::Failure;
use super::output::{note, when};
use super::remote::Remote;
use super::sign_in::sign_in;

/// How long ago the two factors may have been proved that a sign-in begins with: what is begun is to last for a while.
const RECENT: Duration = Duration::from_secs(15 * 60);
/// The longest document that is read about an API, in bytes.
const LONGEST_DOCUMENT: usize = 64 * 1024;
/// How long an API may take to say whose tokens it takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sign in to a server, to administer it by its API.
#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// Where the API is: http://127.0.0.1:8429, or the https address that administration.url says [default: the context's]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// Whose tokens it takes [default: the API says, and in a context that is there the one it was made with]
    #[arg(long, value_name = "URL", requires = "api")]
    issuer: Option<String>,
    /// Only to look: nothing can be changed with what this gives
    #[arg(long)]
    read_only: bool,
    /// Open no browser, and only say where to go
    #[arg(long)]
    no_browser: bool,
}

/// End what `login` began.
#[derive(Debug, clap::Args)]
pub(crate) struct Logout {}

/// Say as whom, where and until when.
#[derive(Debug, clap::Args)]
pub(crate) struct Whoami {}

impl Login {
    /// Does it.
    ///
    /// # Errors
    /// There is no API, or nobody signed in.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        block_on(async {
            let contexts = Contexts::of_this_user()?;
            let (name, known) = self.server(context, &contexts).await?;
            let asked = match self.read_only {
                true => Asked::Looking,
                false => Asked::Everything,
            };
            let app = contexts.app(&name, &known, asked)?;
            let options = BeginOptions::new();
            let login = LoginOptions::new().acr_values("mfa").max_age(RECENT);
            sign_in(&app, &options.login(login), self.no_browser).await?;
            contexts.keep(&name, &known)?;
            let remote = Remote::of(&contexts, name.clone(), known).await?;
            let (issuer, username) = (app.client().issuer(), username(&remote).await?);
            note(format_args!(
                "signed in to {issuer} as {username}; the context is {name}"
            ));
            Ok(())
        })
    }

    /// Which server, and under which name.
    async fn server(
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

impl Logout {
    /// Does it.
    ///
    /// # Errors
    /// There is no such context, or the tokens can't be taken away.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        block_on(async {
            let contexts = Contexts::of_this_user()?;
            let (name, known) = named(context, &contexts)?;
            let app = contexts.app(&name, &known, Asked::Everything)?;
            match app.sign_out().await? {
                true => note(format_args!("signed out of {}", known.issuer)),
                false => note(format_args!("nobody was signed in to {}", known.issuer)),
            }
            Ok(())
        })
    }
}

impl Whoami {
    /// Does it.
    ///
    /// # Errors
    /// Nobody is signed in, or the API says no.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        block_on(async {
            let contexts = Contexts::of_this_user()?;
            let (name, known) = named(context, &contexts)?;
            let remote = Remote::of(&contexts, name.clone(), known.clone()).await?;
            let asker: Asker = remote.get(&["me"], &[]).await?;
            let session = remote.session();
            let signed_in_at = session.identity().and_then(|who| who.auth_time());
            let shown = Shown {
                context: name,
                issuer: known.issuer,
                api: known.api,
                username: username(&remote).await?,
                user: asker.user,
                scope: asker.scope,
                good_until: signed_in_at.map(|at| when(at.plus(administration::FRESH))),
            };
            context.output.record(&shown)
        })
    }
}

/// What the API says of who asks.
#[derive(Deserialize)]
struct Asker {
    user: Option<String>,
    scope: String,
}

/// Who is signed in where, as shown.
#[derive(Serialize)]
struct Shown {
    context: String,
    issuer: String,
    api: String,
    username: String,
    user: Option<String>,
    scope: String,
    /// Until when what was proved is recent enough.
    good_until: Option<String>,
}

/// The context that is named, else the last one.
fn named(context: &Context, contexts: &Contexts) -> Result<(String, Known), Failure> {
    let name = context.context.clone().or_else(|| contexts.current());
    let name = name.ok_or_else(|| {
        Failure::NotFound("nobody is signed in to any server".to_owned())
            .with_advice("`safeconduct login --api URL` signs in to one")
    })?;
    let known = contexts.known(&name)?;
    Ok((name, known))
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

/// The name of whoever is signed in.
async fn username(remote: &Remote) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Named {
        username: String,
    }
    let session = remote.session();
    let sub = session.identity().map(|who| who.sub()).unwrap_or_default();
    let user: Named = remote.get(&["users", sub], &[]).await?;
    Ok(user.username)
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
