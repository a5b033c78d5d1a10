//! The `[[clients]]` tables: a registration as the protocol has it, and the files that belong to one. What a client may be is
//! decided by `safeconduct_protocol::registration`.

use std::path::PathBuf;

use safeconduct_protocol::client;
use safeconduct_protocol::registration::{self, Finding, Registration, SecretOrigin};
use safeconduct_protocol::secret::Secret;

use super::at::At;
use super::file::Client;
use super::findings::Findings;
use super::look;
use super::problem::Origin;
use super::secret_file;

/// A declared client and the files that belong to it.
#[derive(Debug)]
pub(crate) struct DeclaredClient {
    pub(crate) client: client::Client,
    /// Whether it may take the place of one that was made by command.
    pub(crate) adopt: bool,
    secret_file: Option<PathBuf>,
    /// Where the secret is named, or the client is declared.
    pub(super) origin: Origin,
}

impl DeclaredClient {
    /// Reads its secret; `None` if it has none.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub(super) fn secret(&self) -> Result<Option<Secret>, (String, String)> {
        let file = self.secret_file.as_deref();
        file.map(secret_file::read_of_client).transpose()
    }
}

/// Registers one client; `None` where something in it is wrong, which the findings then say.
pub(super) fn register(
    declared: &Client,
    at: &At,
    knows_scope: &registration::KnowsScope<'_>,
    findings: &mut Findings<'_>,
) -> Option<DeclaredClient> {
    let at_of = |finding: &Finding| {
        let key = match finding.member {
            "client_id" => "id",
            "client_name" => "name",
            "jwks" if declared.jwks_file.is_some() => "jwks_file",
            "logo_uri" if declared.logo_file.is_some() => "logo_file",
            member => member,
        };
        let at = at.then(key);
        finding
            .item
            .map_or_else(|| at.clone(), |item| at.item(item))
    };
    let registration = Registration {
        jwks: keys_of(declared, at, findings)?,
        logo_uri: logo_of(declared, at, findings)?,
        ..declared.registration.clone()
    };
    let secret = match &declared.secret_file {
        Some(_) => SecretOrigin::Given,
        None => SecretOrigin::Nowhere,
    };
    let registered = match registration::client_id(&declared.id) {
        Ok(id) => registration.register(&id, secret, knows_scope),
        Err(finding) => Err(vec![finding]),
    };
    let client = match registered {
        Ok(client) => client,
        Err(wrong) => {
            for finding in wrong {
                findings.refuse(&at_of(&finding), finding.message, finding.advice);
            }
            return None;
        }
    };
    for finding in registration::oddities(&client) {
        findings.warn(&at_of(&finding), finding.message, finding.advice);
    }
    let at = at.then("secret_file");
    let secret_file = declared.secret_file.as_deref();
    Some(DeclaredClient {
        client,
        adopt: declared.adopt,
        secret_file: secret_file.map(|path| findings.layers.resolve(&at, path)),
        origin: findings.layers.origin(&at),
    })
}

/// The logo in the file that is named for it, else the one that is written in place; `None` where the file holds none, which the
/// findings then say.
fn logo_of(declared: &Client, at: &At, findings: &mut Findings<'_>) -> Option<Option<String>> {
    let Some(path) = &declared.logo_file else {
        return Some(declared.registration.logo_uri.clone());
    };
    let at = at.then("logo_file");
    if declared.registration.logo_uri.is_some() {
        let message = format!(
            "the logo of the client `{}` stands in two places",
            declared.id
        );
        findings.refuse(&at, message, "keep logo_uri or logo_file");
    }
    let logo = look::image(path, &at, findings)?;
    Some(Some(logo.to_data_url()))
}

/// The public keys in the file that is named for them, else those that are written in place; `None` where the file can't be read,
/// which the findings then say.
fn keys_of(
    declared: &Client,
    at: &At,
    findings: &mut Findings<'_>,
) -> Option<Option<serde_json::Value>> {
    let written = declared.registration.jwks.clone();
    let Some(path) = &declared.jwks_file else {
        return Some(written);
    };
    let at = at.then("jwks_file");
    let id = &declared.id;
    if written.is_some() {
        let message = format!("the keys of the client `{id}` stand in two places");
        findings.refuse(&at, message, "keep jwks or jwks_file");
    }
    let path = findings.layers.resolve(&at, path);
    let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let keys = read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    keys.map_err(|error| {
        let path = path.display();
        let message = format!("the keys of the client `{id}` can't be read: {path}: {error}");
        findings.refuse(&at, message, "");
    })
    .ok()
    .map(Some)
}
