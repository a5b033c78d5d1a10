//! `safeconduct check`: everything that `serve` would refuse, before a port is bound and without touching the database.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use super::context::{Context, master_key_origin};
use super::failure::Failure;
use super::output::{counted, note};

#[derive(Serialize)]
struct Found {
    configuration: Option<PathBuf>,
    issuer: String,
    listen: Vec<SocketAddr>,
    admin_listen: SocketAddr,
    database: String,
    master_key: String,
    scopes: Vec<String>,
    resources: Vec<String>,
    clients: Vec<String>,
}

/// Checks the configuration, the master key and the secrets of declared clients.
///
/// # Errors
/// Exit 3 with everything that is wrong.
pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let checked = context.load(Vec::new())?;
    checked
        .warnings
        .0
        .iter()
        .for_each(|warning| note(format_args!("warning: {warning}")));
    checked.declared.secrets()?;
    let master_key = master_key_origin(&checked)?;
    checked.database_url()?;
    let config = &checked.config;
    context.output.record(&Found {
        configuration: checked.file.clone(),
        issuer: config.issuer.clone(),
        listen: config.server.listen.clone(),
        admin_listen: config.server.admin_listen,
        database: checked.database.to_string(),
        master_key,
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
    note(match checked.warnings.0.len() {
        0 => "the configuration is right".to_owned(),
        count => format!(
            "the configuration is right, with {}",
            counted(count, "warning")
        ),
    });
    Ok(())
}
