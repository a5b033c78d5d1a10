//! The API of administrators: whether a configuration serves it where nobody listens who should not.

use safeconduct_protocol::administration;
use safeconduct_protocol::metadata::Issuer;

use super::at::At;
use super::file::{Administration, Config};
use super::findings::Findings;

/// Judges `[administration]`. Gives the name under which the API is public, if it is.
pub(super) fn check(
    config: &Config,
    issuer: Option<&Issuer>,
    findings: &mut Findings<'_>,
) -> Option<Issuer> {
    let Administration { api, url } = &config.administration;
    let table = At::key("administration");
    refuse_taken_scopes(config, findings);
    let public = url
        .as_deref()
        .and_then(|url| public(url, config, issuer, findings));
    if !api {
        if url.is_some() {
            findings.warn(
                &table.then("url"),
                "`administration.url` names where the API is, and there is none",
                "set administration.api = true, or leave it out",
            );
        }
        return None;
    }
    if url.is_none() && !config.server.admin_listen.ip().is_loopback() {
        findings.refuse(
            &table.then("api"),
            "the API of administrators would be served in the clear to other machines, at `server.admin_listen`",
            "let that listen on 127.0.0.1; or serve the API under a name of its own with `administration.url`",
        );
    }
    refuse_taken_resource(config, findings);
    public
}

fn public(
    url: &str,
    config: &Config,
    issuer: Option<&Issuer>,
    findings: &mut Findings<'_>,
) -> Option<Issuer> {
    let at = At::key("administration").then("url");
    let Some(parsed) = Issuer::parse(url).ok().filter(|url| url.path().is_empty()) else {
        findings.refuse(
            &at,
            format!("`{url}` is not the URL of a host"),
            "write https:// and the host, with a port where it has one, and nothing behind it",
        );
        return None;
    };
    let is_ours = issuer.is_some_and(|issuer| issuer.authority() == parsed.authority());
    let internal = config.server.internal_hosts.iter();
    let mut internal = internal.filter(|name| name.eq_ignore_ascii_case(parsed.authority()));
    if is_ours || internal.next().is_some() {
        findings.refuse(
            &at,
            format!(
                "`{}` is a name of this server for apps and people",
                parsed.authority()
            ),
            "give the API a name of its own, so that no page of that name can reach it",
        );
        return None;
    }
    Some(parsed)
}

/// What is built in has the name of nothing that is declared.
fn refuse_taken_resource(config: &Config, findings: &mut Findings<'_>) {
    let api = administration::resource(&config.issuer);
    let resources = config.resources.iter().enumerate();
    for (index, _) in resources.filter(|(_, resource)| resource.uri == api) {
        findings.refuse(
            &At::key("resources").item(index).then("uri"),
            format!("`{api}` is the API of administrators of this server"),
            "choose another URI, or set administration.api = false",
        );
    }
}

/// The names of its scopes are taken even where there is no API: no client that was registered for something else becomes an
/// administrator on the day it is turned on.
fn refuse_taken_scopes(config: &Config, findings: &mut Findings<'_>) {
    let mut refuse_if_taken = |at: &At, name: &str| {
        if administration::SCOPES.contains(&name) {
            findings.refuse(
                at,
                format!("`{name}` is a scope of the API of administrators"),
                "choose another name",
            );
        }
    };
    for name in config.scopes.keys() {
        refuse_if_taken(&At::key("scopes").then(name), name);
    }
    for (index, resource) in config.resources.iter().enumerate() {
        let at = At::key("resources").item(index).then("scopes");
        for (position, name) in resource.scopes.iter().enumerate() {
            refuse_if_taken(&at.item(position), name);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::said_against;

    /// What is said against a configuration with this in it.
    fn said(text: &str) -> String {
        let text = format!("issuer = \"http://localhost:8420\"\n{text}");
        said_against(&text)
    }

    #[rstest]
    #[case("[administration]\napi = true\n", "")]
    #[case(
        "[administration]\napi = true\nurl = \"https://admin.example\"\n[server]\nadmin_listen = \"10.0.0.1:8429\"\n",
        "health and metrics are reachable"
    )]
    #[case(
        "[administration]\napi = true\n[server]\nadmin_listen = \"10.0.0.1:8429\"\n",
        "would be served in the clear to other machines"
    )]
    #[case(
        "[administration]\napi = true\nurl = \"http://localhost:8420\"\n",
        "is a name of this server"
    )]
    #[case(
        "[administration]\napi = true\nurl = \"https://admin.example/x\"\n",
        "is not the URL of a host"
    )]
    #[case(
        "[administration]\napi = true\nurl = \"http://admin.example\"\n",
        "is not the URL of a host"
    )]
    #[case(
        "[administration]\nurl = \"https://admin.example\"\n",
        "and there is none"
    )]
    #[case(
        "[administration]\napi = true\n[[resources]]\nuri = \"http://localhost:8420/admin\"\nscopes = [\"x\"]\n",
        "is the API of administrators"
    )]
    #[case(
        "[administration]\napi = true\n[[resources]]\nuri = \"https://a.example\"\nscopes = [\"scim\"]\n",
        "is a scope of the API of administrators"
    )]
    #[case(
        "[[resources]]\nuri = \"https://a.example\"\nscopes = [\"admin:write\"]\n",
        "is a scope of the API of administrators"
    )]
    #[case(
        "[scopes.\"admin:read\"]\ntext.en = \"x\"\n",
        "is a scope of the API of administrators"
    )]
    #[case(
        "[administration]\napi = true\n[[clients]]\nid = \"provisioner\"\njwks.keys = []\ngrant_types = [\"client_credentials\"]\nscopes = [\"scimm\"]\n",
        "did you mean `scim`?"
    )]
    fn the_api_is_served_where_nobody_else_listens(#[case] text: &str, #[case] says: &str) {
        let said = said(text);
        assert!(said.contains(says), "{said}");
        assert_eq!(says.is_empty(), said.is_empty(), "{said}");
    }
}
