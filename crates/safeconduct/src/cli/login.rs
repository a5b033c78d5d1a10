//! `safeconduct login`, `logout` and `whoami`: the command line as an app of the server it administers, signed in by the browser of
//! whoever types.

use std::time::Duration;

use safeconduct_client::{BeginOptions, LoginOptions};
use safeconduct_protocol::administration;
use serde::{Deserialize, Serialize};

use super::context::{Context, block_on};
use super::contexts::{Asked, Contexts, Known};
use super::failure::Failure;
use super::output::{note, when};
use super::remote::Remote;
use super::server_to_reach::ServerToReach;
use super::sign_in::sign_in;

/// How long ago the two factors may have been proved that a sign-in begins with: what is begun is to last for a while.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// Sign in to a server, to administer it by its API.
#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    #[command(flatten)]
    server: ServerToReach,
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
            let (name, known) = self.server.find(context, &contexts).await?;
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
