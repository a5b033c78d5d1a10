//! `safeconduct check`: everything that `serve` would refuse, before a port is bound. The database is looked at if that is
//! asked for or it is a file that is there, and never changed.

use std::collections::BTreeSet;
use std::iter;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use safeconduct_protocol::clock::Clock;
use safeconduct_server::smtp::MailServer;
use safeconduct_store::Store;
use serde::Serialize;

use super::context::{Context, block_on, master_key_origin, master_keys_if_made};
use super::database::undeclared;
use super::failure::Failure;
use super::files;
use super::output::{counted, note, when};
use super::shell_user;
use crate::config::{Checked, Problems};

/// How far a node's clock may be off the database's before an operator should look, in seconds; at 5 it is not ready.
const CLOSE: i64 = 2;

/// What is looked at.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Look at the database, too: whether it can be reached, what it is, and whose. A file that is there is always looked at
    #[arg(long)]
    connect: bool,
}

#[derive(Serialize)]
struct Found {
    configuration: Option<PathBuf>,
    issuer: String,
    listen: Vec<SocketAddr>,
    admin_listen: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    database: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    master_key: String,
    groups: Vec<String>,
    scopes: Vec<String>,
    resources: Vec<String>,
    clients: Vec<String>,
}

impl Check {
    /// Checks the configuration, the master key, the secrets it names and, if asked, the database.
    ///
    /// # Errors
    /// Exit 3 with everything that is wrong with the configuration; exit 1 where the database can't be used.
    pub(crate) fn run(&self, context: &Context) -> Result<(), Failure> {
        let checked = context.load(Vec::new())?;
        let secrets = checked.declared.secrets();
        let of_secrets = secrets.iter().flat_map(|secrets| &secrets.warnings.0);
        let mut warnings = 0;
        for warning in checked.warnings.0.iter().chain(of_secrets) {
            note(format_args!("warning: {warning}"));
            warnings += 1;
        }
        wrong_files(&checked, secrets.err()).or(())?;
        let master_key = master_key_origin(&checked)?;
        if let Some(mail) = checked.mail_settings()? {
            MailServer::new(&mail, checked.issuer.host())?;
        }
        let (certificate, of_certificate) = certificate(&checked)?;
        warnings += of_certificate.0.len();
        for warning in of_certificate.0 {
            note(format_args!("warning: {warning}"));
        }
        let of_files = files::open_to_others(&checked);
        warnings += of_files.len();
        for (message, advice) in of_files {
            note(format_args!("warning: {message}\n    {advice}"));
        }
        let mut schema = None;
        if self.connect || checked.database.file().is_some_and(Path::exists) {
            let looked = block_on(look(&checked))?;
            warnings += looked.warnings.len();
            for warning in looked.warnings {
                note(format_args!("warning: {warning}"));
            }
            schema = Some(looked.schema).filter(|_| self.connect);
        }
        let config = &checked.config;
        context.output.record(&Found {
            configuration: checked.file.clone(),
            issuer: config.issuer.clone(),
            listen: config.server.listen.clone(),
            admin_listen: config.server.admin_listen,
            certificate,
            database: checked.database.to_string(),
            schema,
            master_key,
            groups: config.groups.keys().cloned().collect(),
            scopes: config.scopes.keys().cloned().collect(),
            resources: config
                .resources
                .iter()
                .map(|resource| resource.uri.clone())
                .collect(),
            clients: config
                .clients
                .iter()
                .map(|client| client.id.clone())
                .collect(),
        })?;
        let what = if self.connect {
            "the configuration and the database are right"
        } else {
            "the configuration is right"
        };
        note(match warnings {
            0 => what.to_owned(),
            count => format!("{what}, with {}", counted(count, "warning")),
        });
        Ok(())
    }
}

/// What was seen of the database.
struct Looked {
    schema: String,
    warnings: Vec<String>,
}

/// Everything that is wrong with the files that the configuration names, those of the clients' secrets among them.
fn wrong_files(checked: &Checked, secrets: Option<Problems>) -> Problems {
    let found = [
        secrets,
        checked.database_url().err(),
        checked.mail_settings().err(),
        certificate(checked).err(),
        checked.receiver_settings().err(),
    ];
    let found = found.into_iter().flatten();
    Problems(found.flat_map(|problems| problems.0).collect())
}

/// The certificate that would be shown, in words, and what is odd about it.
fn certificate(checked: &Checked) -> Result<(Option<String>, Problems), Problems> {
    let Some(files) = &checked.tls else {
        return Ok((None, Problems::default()));
    };
    let now = Clock::system().now();
    let contents = files.read()?;
    let certificate = contents.judge(now)?;
    let names = certificate.names().join(", ");
    let shown = format!("{names}, until {}", when(certificate.ends()));
    Ok((
        Some(shown),
        contents.warnings(&certificate, &checked.issuer, now),
    ))
}

/// Looks at the database without changing it: one that is new, or that a release before this one uses, stays as it is.
async fn look(checked: &Checked) -> Result<Looked, Failure> {
    let url = checked.database_url()?;
    let steps = Store::migrations(url.expose()).await?;
    let taken = steps.iter().filter(|step| step.applied).count();
    if taken < steps.len() {
        Store::may_be_migrated(url.expose()).await?;
        let schema = match taken {
            0 => "none (made on first start, or by `safeconduct migrate`)".to_owned(),
            taken => format!(
                "version {taken} of {} (brought up to date on start, or by `safeconduct migrate`)",
                steps.len()
            ),
        };
        return Ok(Looked {
            schema,
            warnings: Vec::new(),
        });
    }
    let store = Store::open(url.expose()).await?;
    let warnings = compare(&store, checked).await;
    store.close().await;
    Ok(Looked {
        schema: format!("version {taken}"),
        warnings: warnings?,
    })
}

/// What is odd about the database and this configuration together; what `serve` would refuse is an error.
async fn compare(store: &Store, checked: &Checked) -> Result<Vec<String>, Failure> {
    is_ours(store, checked).await?;
    let offset = clock_offset(store).await?;
    let offset = offset.filter(|seconds| seconds.abs() > CLOSE);
    let clock = offset.map(|seconds| {
        format!("this machine's clock is {seconds} s off the database's\n    let both keep the time (timedatectl): at more than 5 s a node is not ready")
    });
    // Whether a start disables what is gone is not for the file to say: it is refused without `--prune`, and told here.
    let declared = checked.declared.for_store(iter::repeat(None), true);
    let would = store.compare_with_declared(&declared).await?;
    declared.judge(&would)?;
    let gone = (!would.disabled.is_empty()).then(|| undeclared(&would.disabled));
    let unknown = unknown_groups(store, checked).await?;
    let paused = paused_receivers(store).await?;
    let all = clock.into_iter().chain(gone).chain(unknown).chain(paused);
    Ok(all.collect())
}

/// The receivers of events that took nothing for so long that they are told nothing any more.
async fn paused_receivers(store: &Store) -> Result<Vec<String>, Failure> {
    let receivers = store.receivers().await?.into_iter();
    let paused = receivers.filter_map(|receiver| Some((receiver.paused_at?, receiver.name)));
    let told = paused.map(|(since, name)| {
        format!("the receiver of events `{name}` has taken none for a day and is told nothing since {}\n    when it is back: safeconduct receiver resume {name}", when(since))
    });
    Ok(told.collect())
}

/// The rules that let nobody in, because there is no group of that name.
async fn unknown_groups(store: &Store, checked: &Checked) -> Result<Vec<String>, Failure> {
    let known = store.groups().await?;
    let declared = checked.config.groups.keys().map(String::as_str);
    let known: BTreeSet<&str> = known
        .iter()
        .map(|record| record.group.name.as_str())
        .chain(declared)
        .collect();
    let registered = store.clients().await?;
    let of_clients = registered
        .iter()
        .filter(|record| !record.declared)
        .map(|record| &record.client)
        .chain(checked.declared.clients.iter().map(|client| &client.client))
        .flat_map(|client| {
            let groups = client.groups.iter().map(String::as_str);
            groups.map(move |group| (format!("the client `{}`", client.id), group))
        });
    let of_scopes = checked.config.scopes.iter().flat_map(|(name, scope)| {
        let groups = scope.groups.iter().map(String::as_str);
        groups.map(move |group| (format!("the scope `{name}`"), group))
    });
    let unknown = of_clients
        .chain(of_scopes)
        .filter(|(_, group)| !known.contains(group));
    let told = unknown.map(|(what, group)| {
        format!("{what} is for the group `{group}`, which there is not: it lets nobody in\n    safeconduct group add '{group}', or take it out of `groups`")
    });
    Ok(told.collect())
}

/// Whether the database is that of this issuer and this master key, or has never been used.
async fn is_ours(store: &Store, checked: &Checked) -> Result<(), Failure> {
    let founded = store.cluster().await?.is_some();
    if let (true, Some(masters)) = (founded, master_keys_if_made(checked)?) {
        // Of a database that is founded nothing is changed by this.
        store
            .by(shell_user::by())
            .join_cluster(
                checked.issuer.as_str(),
                &masters.check_values(),
                Clock::system().now(),
            )
            .await?;
    }
    Ok(())
}

/// By how many seconds this machine's clock is ahead of the database's, where that has one of its own.
async fn clock_offset(store: &Store) -> Result<Option<i64>, Failure> {
    let theirs = store.database_time().await?;
    let ours = Clock::system().now();
    Ok(theirs.map(|theirs| ours.seconds() - theirs.seconds()))
}
