//! What is there without being declared or registered, where the API of administrators is on: the API as a resource, and the command line
//! as a client of it.

use std::collections::BTreeMap;

use safeconduct_protocol::{
    administration,
    client::{Client, GrantType},
    registration::{Names, Registration},
    resource::{Resource, ResourceUri, Resources},
    scope::{OFFLINE_ACCESS, OPENID},
};

use crate::fault::Fault;

/// What users of other languages read in place of "command line".
const COMMAND_LINE: [(&str, &str); 6] = [
    ("ar", "سطر أوامر Safeconduct"),
    ("de", "Safeconduct-Kommandozeile"),
    ("es", "Línea de comandos de Safeconduct"),
    ("fr", "Ligne de commande de Safeconduct"),
    ("ja", "Safeconduct コマンドライン"),
    ("pt-BR", "Linha de comando do Safeconduct"),
];

/// What they read in place of "administration".
const ADMINISTRATION: [(&str, &str); 6] = [
    ("ar", "إدارة هذا الخادم"),
    ("de", "Verwaltung dieses Servers"),
    ("es", "Administración de este servidor"),
    ("fr", "Administration de ce serveur"),
    ("ja", "このサーバーの管理"),
    ("pt-BR", "Administração deste servidor"),
];

fn texts(texts: [(&str, &str); 6]) -> BTreeMap<String, String> {
    let texts = texts.into_iter();
    texts
        .map(|(tag, text)| (tag.to_owned(), text.to_owned()))
        .collect()
}

/// The API of administrators at `issuer`. Nobody introspects its tokens: it is this server.
pub(crate) fn api(issuer: &str) -> Option<Resource> {
    Some(Resource {
        uri: ResourceUri::parse(&administration::resource(issuer))?,
        name: Some("Administration of this server".to_owned()),
        names: texts(ADMINISTRATION),
        scopes: administration::scopes(),
        client: None,
        access_token_signing_alg: Resources::default_algorithm(),
    })
}

/// The command line as a client: on the machine of whoever runs it, without credentials, its tokens bound to a key there.
pub(crate) fn command_line() -> Result<Client, Fault> {
    let scopes = [OPENID, "profile", OFFLINE_ACCESS].into_iter();
    let registration = Registration {
        name: Some("Safeconduct command line".to_owned()),
        names: Names(texts(COMMAND_LINE)),
        redirect_uris: ["http://127.0.0.1/callback", "http://[::1]/callback"]
            .map(str::to_owned)
            .to_vec(),
        grant_types: Some(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]),
        scopes: scopes
            .chain(administration::SCOPES)
            .map(str::to_owned)
            .collect(),
        require_second_factor: true,
        dpop_bound_access_tokens: true,
        ..Registration::default()
    };
    let client = registration.register_command_line();
    client.map_err(|findings| Fault::new(format!("the command line: {findings:?}")))
}
