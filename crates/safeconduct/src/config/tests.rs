//! What a configuration is told: each mistake by its place, with what to do; and which source wins.

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::language::Language;

use super::*;

/// This file; the proxy in front is named by a variable, unless the file is about proxies.
fn sources(text: &str) -> Sources {
    let proxy = (
        "SAFECONDUCT_SERVER__TRUSTED_PROXIES".to_owned(),
        "10.0.0.7".to_owned(),
    );
    let is_about_proxies = text.contains("trusted_proxies");
    Sources {
        file: Some(("safeconduct.toml".into(), text.to_owned())),
        environment: Some(proxy)
            .filter(|_| !is_about_proxies)
            .into_iter()
            .collect(),
        ..Sources::default()
    }
}

/// The problems of a configuration in this file, or its warnings if it has none.
fn said_of(text: &str) -> String {
    match check_sources(&sources(text)) {
        Ok(checked) => checked.warnings.to_string(),
        Err(problems) => problems.to_string(),
    }
}

/// What is said of a configuration whose first line is the issuer.
fn said_below_issuer(text: &str) -> String {
    said_of(&format!("issuer = \"https://id.example.com\"\n{text}"))
}

#[test]
fn an_issuer_with_a_path_trusts_its_whole_origin() {
    let said = said_of("issuer = \"https://id.example.com/tenant\"");
    let expected = "safeconduct.toml:1: the issuer has a path, and trusts everything at https://id.example.com\n    give it a host of its own";
    assert!(said.contains(expected), "{said}");
    let said = said_of("issuer = \"https://id.example.com\"");
    assert!(!said.contains("has a path"), "{said}");
}

#[rstest]
#[case(
    "server.tls.certificate = \"id.pem\"",
    "`server.tls.certificate` is set, and `server.tls.key` is not"
)]
#[case(
    "server.tls.key = \"id.key\"",
    "`server.tls.key` is set, and `server.tls.certificate` is not"
)]
fn a_certificate_and_its_key_are_named_together(#[case] line: &str, #[case] says: &str) {
    let said = said_below_issuer(line);
    assert!(said.contains(says), "{said}");
}

#[test]
fn a_server_that_speaks_tls_has_an_https_issuer_and_misses_no_proxy() {
    let tls =
        "server.tls = { certificate = \"id.pem\", key = \"id.key\" }\nserver.trusted_proxies = []";
    assert_eq!(said_below_issuer(tls), "");
    let said = said_of(&format!("issuer = \"http://localhost:8420\"\n{tls}"));
    assert!(
        said.contains("the issuer is http, and with `server.tls`"),
        "{said}"
    );
}

#[test]
fn browsers_are_told_of_twenty_related_origins_at_most() {
    let of = |count: usize| {
        let origins: Vec<_> = (0..count)
            .map(|number| format!("\"https://a{number}.example\""))
            .collect();
        let list = origins.join(", ");
        said_below_issuer(&format!("login.passkey_related_origins = [{list}]"))
    };
    assert_eq!(of(20), "");
    let said = of(21);
    let expected = "safeconduct.toml:2: `login.passkey_related_origins` has more than 20 origins";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn what_a_group_can_not_be_is_refused() {
    for (group, says) in [
        (
            "[groups.administrators]",
            "safeconduct.toml:2: the group `administrators` is no matter of the file",
        ),
        (
            "[groups.\" staff\"]",
            "safeconduct.toml:2: a group’s name has no space at either end",
        ),
        (
            "[groups.staff]\ndisplay = \"\"",
            "safeconduct.toml:2: what a group is called has 1 to 256 characters",
        ),
        (
            "[groups.staff]\nmembers = [\"ada\"]",
            "safeconduct.toml:3: unknown key `groups.staff.members`",
        ),
        (
            "login.passkeys = false\n[groups.staff]\nrequire_second_factor = true",
            "safeconduct.toml:4: members of `staff` who have no second factor can set none up, and are kept out",
        ),
        ("[groups.staff]\nrequire_second_factor = true", ""),
    ] {
        let said = said_below_issuer(group);
        assert!(said.contains(says), "{group}: {said}");
        assert!(!says.is_empty() || said.is_empty(), "{group}: {said}");
    }
}

#[test]
fn a_client_whose_demand_cannot_be_met_is_warned_of() {
    let client = "[[clients]]\nid = \"bank\"\nredirect_uris = [\"https://bank.example/cb\"]\nrequire_second_factor = true\n";
    let said = said_below_issuer(client);
    assert!(!said.contains("second factor"), "passkeys: {said}");
    let off = format!("login.passkeys = false\n{client}");
    let said = said_below_issuer(&off);
    let expected = "safeconduct.toml:6: users of `bank` who have no second factor can set none up, and are kept out";
    assert!(said.contains(expected), "{said}");
    let said = said_below_issuer(&format!("login.second_factor = \"offered\"\n{off}"));
    assert!(!said.contains("second factor"), "{said}");
}

#[test]
fn an_issuer_is_enough() {
    let checked = check_sources(&sources("issuer = \"https://id.example.com\"")).unwrap();
    assert_eq!(
        checked.config.server.listen,
        ["127.0.0.1:8420".parse().unwrap()]
    );
    assert_eq!(checked.warnings.to_string(), "");
}

/// What is said of whose word is taken for the address of a client.
fn said_of_proxies(text: &str) -> String {
    let said = said_of(text);
    let about = said
        .lines()
        .filter(|line| line.contains("X-Forwarded-For") || line.contains("trusted_proxies"));
    about.collect::<Vec<_>>().join("\n")
}

#[rstest]
#[case("0.0.0.0/0", "safeconduct.toml:2: `0.0.0.0/0` is everybody: ")]
#[case("::/0", "safeconduct.toml:2: `::/0` is everybody: ")]
#[case(
    "128.0.0.0/1",
    "safeconduct.toml:2: `128.0.0.0/1` holds very many addresses, "
)]
#[case(
    "2000::/3",
    "safeconduct.toml:2: `2000::/3` holds very many addresses, "
)]
#[case("10.0.0.0/8", "")]
#[case("fc00::/7", "")]
#[case("2001:db8::/32", "")]
#[case("127.0.0.1", "")]
fn a_network_of_strangers_is_no_proxy(#[case] network: &str, #[case] says: &str) {
    let told = said_of_proxies(&format!(
        "issuer = \"https://id.example.com\"\nserver.trusted_proxies = [\"{network}\"]"
    ));
    assert!(
        told.starts_with(says) && told.is_empty() == says.is_empty(),
        "{told}"
    );
}

/// Attacks: A09.
#[test]
fn everybody_is_refused_and_not_only_warned_of() {
    for network in ["0.0.0.0/0", "::/0"] {
        let text = format!(
            "issuer = \"https://id.example.com\"\nserver.trusted_proxies = [\"{network}\"]"
        );
        assert!(check_sources(&sources(&text)).is_err(), "{network}");
    }
}

#[test]
fn a_proxy_that_nobody_named_is_warned_of() {
    let on = |listen: &str, more: &str| {
        said_of_proxies(&format!(
            "issuer = \"https://id.example.com\"\nserver.trusted_proxies = []\nserver.listen = [\"{listen}\"]\n{more}"
        ))
    };
    assert_snapshot!(on("127.0.0.1:8420", ""), @r#"
    safeconduct.toml:2: `server.trusted_proxies` is empty: all people count as one address, that of the proxy that speaks https, and one stranger's wrong passwords shut everybody out
        write trusted_proxies = ["127.0.0.1", "::1"] into [server] if the proxy is on this machine
    "#);
    assert!(on("0.0.0.0:8420", "").contains("[\"10.0.0.7\"]"));
    assert_eq!(on("127.0.0.1:8420", "login.throttle = false"), "");
    let development = "issuer = \"http://localhost:8420\"\nserver.trusted_proxies = []";
    assert_eq!(said_of_proxies(development), "");
}

#[test]
fn a_budget_is_its_default_where_it_is_not_written() {
    let checked = |text: &str| {
        let text = format!("issuer = \"https://id.example.com\"\n{text}");
        check_sources(&sources(&text)).unwrap().config.login
    };
    let login = checked("login.per_pair.burst = 7\nlogin.per_address.refill = \"3s\"");
    assert_eq!(
        (login.per_pair.burst, login.per_pair.refill),
        (7, Span::seconds(60))
    );
    assert_eq!(
        (login.per_account.burst, login.per_account.refill),
        (50, Span::seconds(60))
    );
    assert_eq!(
        (login.per_address.burst, login.per_address.refill),
        (100, Span::seconds(3))
    );
}

#[test]
fn everything_of_a_wrong_kind_is_told_at_once() {
    let said = said_of(
        r#"
issur = "https://id.example.com"
dpop = 7
[tokens]
access_ttl = "soon"
code_ttl = 60
refresh_tll = "30d"
[login]
throttle = "yes"
per_pair = { burst = "many", refil = "1s" }
[log]
format = "xml"
[scopes."notes.read"]
text.en = true
[[clients]]
id = 7
scopes = ["openid", 3, "profile"]
grant_types = ["password"]
[[clients]]
name = false
require_pkce = "no"
"#,
    );
    assert_snapshot!(said, @r#"
    safeconduct.toml:2: unknown key `issur`
        did you mean `issuer`?
    safeconduct.toml:3: `dpop` must be a table
        write [dpop], and its keys below that
    safeconduct.toml:5: `tokens.access_ttl` must be a length of time
        write a number and a unit, such as "60s", "5m", "8h" or "30d"
    safeconduct.toml:6: `tokens.code_ttl` must be a length of time
        write a number and a unit, such as "60s", "5m", "8h" or "30d"
    safeconduct.toml:7: unknown key `tokens.refresh_tll`
        did you mean `refresh_ttl`?
    safeconduct.toml:9: `login.throttle` must be true or false
    safeconduct.toml:10: `login.per_pair.burst` must be a whole number
    safeconduct.toml:10: unknown key `login.per_pair.refil`
        did you mean `refill`?
    safeconduct.toml:12: `log.format` must be `pretty` or `json`
    safeconduct.toml:14: `scopes."notes.read".text.en` must be text
        write it in quotes
    safeconduct.toml:16: `clients[0].id` must be text
        write it in quotes
    safeconduct.toml:17: `clients[0].scopes[1]` must be text
        write it in quotes
    safeconduct.toml:18: `clients[0].grant_types[0]` must be `authorization_code`, `refresh_token` or `client_credentials`
    safeconduct.toml:19: `clients[1].id` is missing
        The `client_id`.
    safeconduct.toml:20: `clients[1].name` must be text
        write it in quotes
    safeconduct.toml:21: `clients[1].require_pkce` must be true or false
    "#);
}

/// Attacks: A09.
#[rstest]
#[case("https://id.example.com", "")]
#[case("http://localhost:8420", "")]
#[case("http://127.0.0.1:8420", "")]
#[case("http://[::1]:8420", "")]
#[case(
    "http://id.example.com",
    "the issuer must be https; http is for localhost only"
)]
#[case(
    "http://localhost.example.com",
    "the issuer must be https; http is for localhost only"
)]
#[case(
    "https://id.example.com/",
    "write the issuer as a browser would, without a trailing slash: clients compare it character by character"
)]
#[case(
    "https://id.example.com?x=1",
    "the issuer must not have a query, a fragment or a user name"
)]
#[case(
    "https://id.example.com/#",
    "the issuer must not have a query, a fragment or a user name"
)]
#[case(
    "https://ID.example.com",
    "write the issuer as a browser would, without a trailing slash: clients compare it character by character"
)]
#[case(
    "https://id.example.com:443",
    "write the issuer as a browser would, without a trailing slash: clients compare it character by character"
)]
#[case(
    "https://id.example.com/a/../b",
    "write the issuer as a browser would, without a trailing slash: clients compare it character by character"
)]
#[case(
    "https://admin@id.example.com",
    "the issuer must not have a query, a fragment or a user name"
)]
#[case(
    "ftp://id.example.com",
    "the issuer must be an absolute URL like https://id.example.com"
)]
#[case(
    "id.example.com",
    "the issuer must be an absolute URL like https://id.example.com"
)]
#[case("", "the issuer must be an absolute URL like https://id.example.com")]
fn an_issuer_is_https_or_on_this_machine(#[case] issuer: &str, #[case] says: &str) {
    let said = said_of(&format!("issuer = \"{issuer}\""));
    let message = said
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("safeconduct.toml:1: ");
    assert_eq!(message, says);
}

#[test]
fn every_unknown_key_is_named_with_its_line_and_what_was_meant() {
    assert_snapshot!(said_of("isuer = \"https://id.example.com\"\n\n[token]\ncode_ttl = \"60s\"\n[server]\nlisten = [\"127.0.0.1:1\"]\nadminlisten = \"x\"\n[server.limits]\ncolour = 3\n"), @r#"
    safeconduct.toml:1: unknown key `isuer`
        did you mean `issuer`?
    safeconduct.toml:3: unknown key `token`
        did you mean `tokens`?
    safeconduct.toml:7: unknown key `server.adminlisten`
        did you mean `admin_listen`?
    safeconduct.toml:9: unknown key `server.limits.colour`
        known here: body_timeout, drain_timeout, header_timeout, idle_timeout, max_body_bytes, max_connections, max_connections_per_address, request_timeout, write_timeout
    "#);
}

#[test]
fn unknown_keys_are_found_in_lists_too() {
    assert_snapshot!(said_below_issuer("[[clients]]\nid = \"web\"\nredirect_uri = [\"https://a.example/cb\"]\n[[clients]]\nname = \"No id\"\n[scopes.\"notes.read\"]\ntexts.en = \"Read\"\n"), @r#"
    safeconduct.toml:4: unknown key `clients[0].redirect_uri`
        did you mean `redirect_uris`?
    safeconduct.toml:5: `clients[1].id` is missing
        The `client_id`.
    safeconduct.toml:8: unknown key `scopes."notes.read".texts`
        did you mean `text`?
    "#);
}

#[rstest]
#[case("issuer = ", "safeconduct.toml:1: ")]
#[case("issuer = \"a\"\nissuer = \"b\"", "safeconduct.toml:2: duplicate key")]
#[case(
    "issuer = 7",
    "safeconduct.toml:1: `issuer` must be text\n    write it in quotes"
)]
fn text_that_is_no_configuration_is_placed(#[case] text: &str, #[case] says: &str) {
    let said = said_of(text);
    assert!(said.starts_with(says), "{said}");
}

#[rstest]
#[case(
    "[tokens]\ncode_ttl = \"1 minute\"",
    "safeconduct.toml:3: `tokens.code_ttl` must be a length of time\n    write a number and a unit, such as \"60s\", \"5m\", \"8h\" or \"30d\""
)]
#[case(
    "[tokens]\ncode_ttl = 60",
    "safeconduct.toml:3: `tokens.code_ttl` must be a length of time"
)]
#[case(
    "[server]\nlisten = \"127.0.0.1:1\"",
    "safeconduct.toml:3: `server.listen` must be a list\n    write it in brackets"
)]
#[case(
    "[server]\nlisten = [\"localhost\"]",
    "safeconduct.toml:3: `server.listen[0]` must be an IP address and a port\n    such as"
)]
#[case(
    "[log]\nformat = \"xml\"",
    "safeconduct.toml:3: `log.format` must be `pretty` or `json`"
)]
#[case(
    "[log]\nlevel = \"a=b=c\"",
    "safeconduct.toml:3: `b=c` is no level of the log\n    write error, warn, info, debug or trace"
)]
#[case(
    "[tokens]\ncode_ttl = \"11m\"",
    "safeconduct.toml:3: `tokens.code_ttl` is 11m\n    choose a time from 10s to 10m"
)]
#[case(
    "[tokens]\nrefresh_ttl = \"1d\"",
    "safeconduct.toml:2: `tokens.refresh_idle` is longer than `tokens.refresh_ttl`\n    1d at most"
)]
#[case(
    "[tokens]\naccess_ttl = \"2h\"",
    "safeconduct.toml:3: access tokens live for 2h"
)]
#[case(
    "[sessions]\nidle = \"15d\"",
    "safeconduct.toml:3: `sessions.idle` is longer than `sessions.absolute`"
)]
#[case(
    "[server]\nlisten = []",
    "safeconduct.toml:3: `server.listen` names no address"
)]
#[case(
    "[server]\nadmin_listen = \"127.0.0.1:8420\"",
    "safeconduct.toml:3: `server.admin_listen` is also in `server.listen`"
)]
#[case(
    "[server]\nadmin_listen = \"0.0.0.0:8429\"",
    "safeconduct.toml:3: health and metrics are reachable from other machines"
)]
#[case(
    "[server]\ntrusted_proxies = [\"10.0.0.0/8\",\n\"10.0.0.0/33\"]",
    "safeconduct.toml:4: \"33\" is not a prefix length"
)]
#[case(
    "[server]\ninternal_hosts = [\"safeconduct:8420\", \"idp\",\n\"http://idp\"]",
    "safeconduct.toml:4: `http://idp` is not a host with or without a port\n    write it as it stands"
)]
#[case(
    "[server]\ninternal_hosts = [\"\"]",
    "safeconduct.toml:3: `` is not a host with or without a port"
)]
#[case(
    "[server.limits]\nmax_connections = 0",
    "safeconduct.toml:3: `server.limits.max_connections` is 0\n    the server needs at least 16"
)]
#[case(
    "[server.limits]\nheader_timeout = \"0s\"",
    "safeconduct.toml:3: `server.limits.header_timeout` is 0s"
)]
#[case(
    "[login]\nthrottle = false",
    "safeconduct.toml:3: passwords can be guessed at any speed"
)]
#[case(
    "[login]\npasskey_rp_id = \"acme.example\"",
    "safeconduct.toml:3: browsers use passkeys of acme.example at id.example.com only where https://acme.example/.well-known/webauthn names https://id.example.com"
)]
#[case(
    "[login]\npasskey_rp_id = \"Acme.example\"",
    "safeconduct.toml:3: `login.passkey_rp_id` is `Acme.example`, and browsers make no passkeys for that at id.example.com\n    name the issuer's own host, or a domain above it that is yours"
)]
#[case(
    "[login]\npasskey_related_origins = [\"https://acme.example\", \"https://ACME.example\"]",
    "safeconduct.toml:3: `https://ACME.example` is no origin as browsers write it"
)]
#[case(
    "[login]\npasskey_related_origins = [\"https://acme.example/\"]",
    "safeconduct.toml:3: `https://acme.example/` is no origin as browsers write it"
)]
#[case(
    "[login]\npasskey_related_origins = [\"https://acme.example:443\"]",
    "safeconduct.toml:3: `https://acme.example:443` is no origin as browsers write it"
)]
#[case(
    "[login]\npasskey_related_origins = [\"http://acme.example\"]",
    "safeconduct.toml:3: `http://acme.example` is no origin as browsers write it"
)]
#[case(
    "[login]\npasskeys = false\npasskey_related_origins = [\"https://acme.example\"]",
    "safeconduct.toml:4: `login.passkey_related_origins` is read by nobody"
)]
#[case(
    "[login]\npasskey_rp_id = \"com\"",
    "safeconduct.toml:3: `login.passkey_rp_id` is `com`, and browsers make no passkeys"
)]
#[case(
    "[login]\npasskey_rp_id = \"example.com\"",
    "safeconduct.toml:3: every server below example.com can ask for the passkeys of this one"
)]
#[case(
    "[login.per_account]\nburst = 50\nrefill = \"1h\"",
    "safeconduct.toml:2: `login.per_account` takes more than a day to be whole again\n    make burst times refill 24h at most: what a node has counted is kept for a day"
)]
#[case(
    "[login.per_pair]\nburst = 0\nrefill = \"1s\"",
    "safeconduct.toml:3: `login.per_pair.burst` is 0"
)]
#[case(
    "[mail]\nfrom = \"no-reply@a.example\"",
    "safeconduct.toml:3: `mail.from` is set, and no mail server is named\n    name it with `mail.host`, or take this out"
)]
#[case(
    "[mail]\nhost = \"smtp.a.example\"",
    "safeconduct.toml:3: a mail server is named, and no sender\n    write the address that mails come from as `mail.from`"
)]
#[case(
    "[mail]\nhost = \"smtp.a.example:465\"\nfrom = \"no-reply@a.example\"",
    "safeconduct.toml:3: `mail.host` is no name of a host"
)]
#[case(
    "[mail]\nhost = \"smtp.a.example\"\nfrom = \"A <no-reply@a.example>\"",
    "safeconduct.toml:4: `mail.from` is not an address that mails can be sent to"
)]
#[case(
    "[mail]\nhost = \"smtp.a.example\"\nfrom = \"no-reply@a.example\"\ntls = \"none\"",
    "safeconduct.toml:5: mails, and the links in them, would go over the network in clear"
)]
#[case(
    "[mail]\nhost = \"smtp.a.example\"\nfrom = \"no-reply@a.example\"\nusername = \"a\"",
    "safeconduct.toml:5: `mail.username` is set, and no password"
)]
#[case(
    "[mail]\nhost = \"smtp.a.example\"\nfrom = \"no-reply@a.example\"\npassword_file = \"p\"",
    "safeconduct.toml:5: `mail.password_file` is set, and no name to sign in with"
)]
#[case(
    "[mail]\nhost = \"smtp.a.example\"\nfrom = \"no-reply@a.example\"\nhello_name = \"a b\"",
    "safeconduct.toml:5: `mail.hello_name` is no name of a host"
)]
#[case(
    "[mail]\nhost = \"smtp.a.example\"\nfrom = \"no-reply@a.example\"\ntimeout = \"1s\"",
    "safeconduct.toml:5: `mail.timeout` is 1s"
)]
#[case(
    "[database]\nurl = \"postgres://ada:hush@db/x\"",
    "safeconduct.toml:3: `database.url` holds a password\n    put it into a file that only safeconduct may read, and name that with `database.password_file`"
)]
#[case(
    "[database]\nurl = \"postgres://ada:hush@db\"",
    "safeconduct.toml:3: `database.url` lacks a user, a host or a database\n    write postgres://USER@HOST/NAME"
)]
#[case(
    "[database]\nurl = \"sqlite:sc.db\"\npassword_file = \"x\"",
    "safeconduct.toml:4: `database.password_file` is not read"
)]
#[case(
    "[database]\nurl = \"sqlite:\"",
    "safeconduct.toml:3: `database.url` names no database"
)]
fn a_value_that_can_not_be_is_named_with_what_can(#[case] text: &str, #[case] says: &str) {
    let said = said_below_issuer(text);
    assert!(said.starts_with(says), "{said}");
    assert!(!said.contains("hush"), "{said}");
}

/// A client with these further lines.
fn said_of_client(text: &str) -> String {
    said_below_issuer(&format!(
        "[scopes]\n\"notes.read\".text.en = \"Read\"\n[[clients]]\nid = \"web\"\nredirect_uris = [\"https://a.example/cb\"]\n{text}"
    ))
}

/// Attacks: A09.
#[rstest]
#[case("", "")]
#[case(
    "scopes = [\"notes.reed\"]",
    "safeconduct.toml:7: the client `web` may ask for the unknown scope `notes.reed`\n    did you mean `notes.read`?"
)]
#[case(
    "scopes = [\"openid\", \"profile\", \"email\", \"phone\", \"address\", \"offline_access\"]",
    ""
)]
#[case(
    "scopes = [\"opendi\"]",
    "safeconduct.toml:7: the client `web` may ask for the unknown scope `opendi`\n    did you mean `openid`?"
)]
#[case(
    "response_modes = []",
    "safeconduct.toml:7: the client `web` has no response mode\n    response_modes needs at least one of query and form_post"
)]
#[case(
    "response_modes = [\"fragment\"]",
    "safeconduct.toml:7: `clients[0].response_modes[0]` must be `query` or `form_post`"
)]
#[case(
    "id_token_signed_response_alg = \"none\"",
    "safeconduct.toml:7: `clients[0].id_token_signed_response_alg` must be `ES256`, `RS256`, `PS256` or `EdDSA`"
)]
#[case(
    "scopes = [\"openid\"]\npost_logout_redirect_uris = [\"https://a.example/\",\n\"http://a.example/\"]",
    "safeconduct.toml:9: the redirect URI `http://a.example/` can't be registered\n    http is for loopback addresses only; use https"
)]
#[case(
    "scopes = [\"openid\"]\npost_logout_redirect_uris = [\"https://a.example\", \"http://localhost:8000\"]\n[[clients]]\nid = \"app\"\nredirect_uris = [\"https://a.example\", \"https://a.example/\", \"http://127.0.0.1\"]",
    ""
)]
#[case(
    "[[clients]]\nid = \"app\"\nredirect_uris = [\"https://a.example?x=1\"]",
    "safeconduct.toml:9: the redirect URI `https://a.example?x=1` can't be registered\n    write it as a browser would"
)]
#[case(
    "scopes = [\"openid\"]\nbackchannel_logout_uri = \"http://a.example/\"",
    "safeconduct.toml:8: the back-channel logout URI `http://a.example/` can't be called\n    write an https URL"
)]
#[case(
    "backchannel_logout_uri = \"https://a.example/\"",
    "safeconduct.toml:7: the client `web` gets no ID Token, so nothing uses its backchannel_logout_uri\n    add authorization_code to its grant_types and openid to its scopes"
)]
#[case(
    "post_logout_redirect_uris = [\"https://a.example/\"]",
    "safeconduct.toml:7: the client `web` gets no ID Token, so nothing uses its post_logout_redirect_uris"
)]
#[case(
    "sector_identifier = \"a.example\"",
    "safeconduct.toml:7: the sector of the client `web` is not used\n    add subject_type = \"pairwise\""
)]
#[case(
    "subject_type = \"pairwise\"\nsector_identifier = \"https://a.example\"",
    "safeconduct.toml:8: the client `web` has no host name that stands for its sector\n    subject_type = pairwise needs sector_identifier, a host name"
)]
#[case(
    "[[clients]]\nid = \"app\"\nredirect_uris = [\"https://a.example/\", \"https://b.example/\"]\nsubject_type = \"pairwise\"",
    "safeconduct.toml:7: the client `app` has no host name that stands for its sector"
)]
#[case(
    "[[clients]]\nid = \"app\"\nredirect_uris = [\"com.example.app:/cb\"]\nresponse_modes = [\"query\", \"form_post\"]",
    "safeconduct.toml:10: the client `app` is posted to at a redirect URI that no browser posts to\n    form_post needs redirect URIs that begin with https: or http:"
)]
#[case(
    "[[clients]]\nid = \"app\"\nsecret_file = \"s\"\ngrant_types = []\nrequire_pushed_authorization_requests = true",
    "safeconduct.toml:11: the client `app` makes no authorization request that it could push"
)]
#[case(
    "grant_types = [\"implicit\"]",
    "safeconduct.toml:7: `clients[0].grant_types[0]` must be `authorization_code`"
)]
#[case(
    "grant_types = [\"refresh_token\"]",
    "safeconduct.toml:7: the client `web` may refresh but not get anything to refresh"
)]
#[case(
    "grant_types = [\"client_credentials\"]",
    "safeconduct.toml:7: the client `web` can't authenticate, so it can't use client_credentials"
)]
#[case(
    "require_pkce = false",
    "safeconduct.toml:7: the public client `web` must use PKCE"
)]
#[case(
    "require_pkce = false\nsecret_file = \"s\"",
    "safeconduct.toml:7: the client `web` may go without PKCE"
)]
#[case(
    "token_endpoint_auth_method = \"client_secret_post\"",
    "safeconduct.toml:7: the client `web` has no secret"
)]
#[case(
    "token_endpoint_auth_method = \"private_key_jwt\"",
    "safeconduct.toml:7: the client `web` has no keys"
)]
#[case(
    "token_endpoint_auth_method = \"none\"\nsecret_file = \"s\"",
    "safeconduct.toml:7: the client `web` has a secret or keys that nobody asks for"
)]
#[case(
    "consent = \"never\"",
    "safeconduct.toml:7: nobody is asked before the public client `web` gets tokens"
)]
#[case(
    "grant_types = []",
    "safeconduct.toml:6: the client `web` has redirect URIs that nothing uses"
)]
#[case(
    "[[clients]]\nid = \"app\"\ngrant_types = []",
    "safeconduct.toml:9: the client `app` has no grant type, and can't authenticate\n    name at least one grant type"
)]
#[case(
    "jwks.keys = []",
    "safeconduct.toml:7: the client `web` has no key that can verify a signature"
)]
#[case(
    "jwks = 7",
    "safeconduct.toml:7: the keys of the client `web` are no JWK set"
)]
#[case(
    "jwks_file = \"/nowhere\"",
    "safeconduct.toml:7: the keys of the client `web` can't be read: /nowhere: No such file"
)]
#[case(
    "[[clients]]\nid = \"web\"\nredirect_uris = [\"https://a.example/cb\"]",
    "safeconduct.toml:8: the client `web` is declared twice\n    the first one is at safeconduct.toml:5"
)]
#[case(
    "[[clients]]\nid = \"a b\"\ngrant_types = []",
    "safeconduct.toml:8: `a b` can't be a client id"
)]
#[case(
    "[[clients]]\nid = \"app\"\ngrant_types = [\"authorization_code\"]",
    "safeconduct.toml:7: the client `app` has no redirect URI"
)]
#[case(
    "[[clients]]\nid = \"app\"",
    "safeconduct.toml:7: the client `app` has no grant type, and can't authenticate"
)]
#[case(
    "[[clients]]\nid = \"app\"\nredirect_uris = [\"https://a.example/cb\",\n\"http://a.example/cb\"]",
    "safeconduct.toml:10: the redirect URI `http://a.example/cb` can't be registered\n    http is for loopback addresses only; use https"
)]
fn a_client_that_can_not_work_is_named(#[case] text: &str, #[case] says: &str) {
    let said = said_of_client(text);
    assert!(
        said.contains(says) && said.is_empty() == says.is_empty(),
        "{said}"
    );
}

#[rstest]
fn a_scope_of_openid_connect_needs_no_declaration_and_takes_another_text(
    #[values("openid", "profile", "email", "phone", "address")] name: &str,
) {
    let client = format!(
        "issuer = \"https://id.example\"\n[[clients]]\nid = \"web\"\nredirect_uris = [\"https://a.example/cb\"]\nscopes = [\"{name}\"]\n"
    );
    let declared = check_sources(&sources(&client)).unwrap().declared;
    assert_eq!(declared.clients[0].client.scopes.to_string(), name);
    assert!(declared.scopes.is_empty() && declared.knows_scope(name).is_ok());

    let client = format!("{client}[scopes.{name}]\ntext.en = \"Know you\"");
    let checked = check_sources(&sources(&client)).unwrap();
    assert_eq!(checked.warnings.to_string(), "");
    assert_eq!(checked.declared.scopes[0].text["en"], "Know you");
}

#[test]
fn everything_that_a_client_registers_is_registered() {
    let text = r#"
        issuer = "https://id.example"
        [[clients]]
        id = "web"
        redirect_uris = ["https://a.example/cb", "https://b.example/cb"]
        scopes = ["openid"]
        response_modes = ["form_post", "query"]
        require_pushed_authorization_requests = true
        dpop_bound_access_tokens = true
        id_token_signed_response_alg = "ES256"
        subject_type = "pairwise"
        sector_identifier = "a.example"
        post_logout_redirect_uris = ["https://a.example/", "https://b.example/"]
        backchannel_logout_uri = "https://a.example/backchannel"
    "#;
    let checked = check_sources(&sources(text)).unwrap();
    assert_eq!(checked.warnings.to_string(), "");
    let registered = serde_json::to_value(&checked.declared.clients[0].client).unwrap();
    let written: toml::Table = text.parse().unwrap();
    for (key, value) in written["clients"][0].as_table().unwrap() {
        let said = match key.as_str() {
            "scopes" => serde_json::json!("openid"),
            _ => serde_json::to_value(value).unwrap(),
        };
        assert_eq!(registered[key], said, "{key}");
    }
}

#[rstest]
#[case(
    "[[clients]]\nid = \"web\"\nredirect_uris = [\"https://a.example/cb\"]",
    "the client `web` has scopes that can't be read"
)]
#[case(
    "[[resources]]\nuri = \"https://a.example\"\nclient = \"api\"",
    "`resources[0].scopes` can't be read as scopes"
)]
fn what_has_more_than_a_hundred_scopes_does_not_vanish(#[case] declared: &str, #[case] says: &str) {
    let with = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        let described: String = names
            .iter()
            .map(|name| format!("[scopes.{name}]\ntext.en = \"S\"\n"))
            .collect();
        said_below_issuer(&format!("{described}{declared}\nscopes = {names:?}"))
    };
    let advice = "at most 100 names, each of at most 128 characters (RFC 6749 §3.3)";
    let refusal = format!("{says}\n    {advice}");
    assert!(!with(100).contains(&refusal));
    assert_eq!(with(101), format!("safeconduct.toml:207: {refusal}"));
}

#[rstest]
#[case(
    "uri = \"/notes\"",
    "safeconduct.toml:5: `/notes` can't be the URI of a resource"
)]
#[case(
    "uri = \"https://a.example\"",
    "safeconduct.toml:4: nobody may introspect tokens for https://a.example"
)]
#[case(
    "uri = \"https://a.example\"\nclient = \"app\"",
    "safeconduct.toml:6: the client `app` is not declared here"
)]
#[case(
    "uri = \"https://a.example\"\nclient = \"apj\"\n[[clients]]\nid = \"api\"\nsecret_file = \"s\"\ngrant_types = []",
    "safeconduct.toml:6: the client `apj` is not declared here\n    did you mean `api`?"
)]
#[case(
    "uri = \"https://a.example\"\nclient = \"api\"\n[[clients]]\nid = \"api\"\nredirect_uris = [\"https://a.example/cb\"]",
    "safeconduct.toml:6: the client `api` can't authenticate, so it can't introspect"
)]
#[case(
    "uri = \"https://a.example\"\nscopes = [\"openid\"]",
    "safeconduct.toml:6: `openid` can't be a scope of a resource: it belongs to this server\n    leave it out, or choose another name"
)]
#[case(
    "uri = \"https://a.example\"\nscopes = [\"b\"]",
    "safeconduct.toml:4: nobody may introspect tokens for https://a.example\n    if its API introspects, name its `client`; if it validates by JWT alone, this is right\nsafeconduct.toml:6: the scope `b` is not described"
)]
#[case(
    "uri = \"https://id.example.com\"",
    "safeconduct.toml:5: the resource `https://id.example.com` has the URI of the issuer, whose tokens are for this server alone\n    give the API a URI of its own"
)]
#[case(
    "uri = \"https://a.example\"\n[[resources]]\nuri = \"https://a.example\"",
    "safeconduct.toml:7: the resource `https://a.example` is declared twice"
)]
#[case(
    "uri = \"https://a.example\"\nscopes = [\"a\"]\nclient = \"x\"\n[[resources]]\nuri = \"https://b.example\"\nclient = \"x\"\nscopes = [\"a\"]",
    "safeconduct.toml:7: the client `x` is not declared here\n    declare it, or make it with `safeconduct client create`\nsafeconduct.toml:10: the client `x`"
)]
fn a_resource_that_can_not_work_is_named(#[case] text: &str, #[case] says: &str) {
    let said = said_below_issuer(&format!(
        "[scopes.a]\ntext.en = \"A\"\n[[resources]]\n{text}"
    ));
    assert!(said.starts_with(says), "{said}");
}

#[test]
fn a_name_is_written_once_more_for_each_language() {
    let text = r#"
[ui]
default_language = "de"
[scopes.a]
text.de = "A tun"
[[clients]]
id = "web"
name = "Notes"
"name#de" = "Notizen"
redirect_uris = ["https://a.example/cb"]
scopes = ["a"]
[[resources]]
uri = "https://a.example"
name = "Notes API"
"name#pt-BR" = "API de notas"
scopes = ["a"]
"#;
    let text = format!("issuer = \"https://id.example.com\"\n{text}");
    let checked = check_sources(&sources(&text)).unwrap();
    let said = checked.warnings.to_string();
    assert!(!said.contains("no English text"), "{said}");
    let client = &checked.declared.clients[0].client;
    assert_eq!(
        (&*client.name, client.name_in(Language::German)),
        ("Notes", "Notizen")
    );
    let resource = &checked.declared.resources[0];
    let portuguese = resource.name_in(Language::BrazilianPortuguese);
    assert_eq!(portuguese, Some("API de notas"));
}

#[rstest]
#[case(
    "[scopes.a]\ntext.german = \"A\"",
    "the text of a scope can't be in `german`"
)]
#[case(
    "[[resources]]\nuri = \"https://a.example\"\n\"name#\" = \"A\"",
    "the name of a resource can't be in ``"
)]
#[case(
    "[[clients]]\nid = \"web\"\n\"name#x/y\" = \"A\"",
    "the client `web` has no name in a language as client_name#x/y"
)]
#[case(
    "[[clients]]\nid = \"web\"\n\"scopes#de\" = \"A\"",
    "unknown key `clients[0].scopes#de`"
)]
#[case("[[clients]]\nid = \"web\"\n\"name#de\" = 1", "must be text")]
fn a_text_in_no_language_is_refused(#[case] text: &str, #[case] says: &str) {
    let said = said_below_issuer(text);
    assert!(said.contains(says), "{said}");
}

#[test]
fn two_owners_of_a_scope_are_allowed_and_warned_of() {
    let two = "[scopes.a]\ntext.en = \"A\"\n[[resources]]\nuri = \"https://a.example\"\nscopes = [\"a\"]\n[[resources]]\nuri = \"https://b.example\"\nscopes = [\"a\"]";
    assert!(said_below_issuer(two).contains(
        "safeconduct.toml:9: the scope `a` belongs to https://a.example and https://b.example"
    ));
}

#[test]
fn a_flag_comes_before_the_environment_and_that_before_the_file() {
    let mut sources = sources(
        "issuer = \"https://file.example\"\n[server]\nadmin_listen = \"127.0.0.1:1001\"\n[server.limits]\nmax_connections = 100\n[ui]\nname = \"File\"",
    );
    sources.environment = [
        ("SAFECONDUCT_ISSUER", "https://environment.example"),
        ("SAFECONDUCT_SERVER__LISTEN", "127.0.0.1:2001, [::1]:2002"),
        ("SAFECONDUCT_SERVER__LIMITS__MAX_CONNECTIONS", "200"),
        ("SAFECONDUCT_LOGIN__THROTTLE", "false"),
        ("SAFECONDUCT_CLIENT_ID", "not ours"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    sources.flags = vec![Flag {
        name: "--issuer",
        key: "issuer",
        value: "https://flag.example".to_owned(),
    }];
    let config = check_sources(&sources).unwrap().config;
    assert_eq!(config.issuer, "https://flag.example");
    assert_eq!(
        config
            .server
            .listen
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["127.0.0.1:2001", "[::1]:2002"]
    );
    assert_eq!(config.server.admin_listen.to_string(), "127.0.0.1:1001");
    assert_eq!(config.server.limits.max_connections, 200);
    assert_eq!(config.ui.name, "File");
    assert!(!config.login.throttle);
}

#[rstest]
#[case(
    "SAFECONDUCT_TOKENS__CODE_TTL",
    "1h",
    "SAFECONDUCT_TOKENS__CODE_TTL: `tokens.code_ttl` is 1h\n    choose a time from 10s to 10m"
)]
#[case(
    "SAFECONDUCT_TOKENS__CODE_TTL",
    "soon",
    "SAFECONDUCT_TOKENS__CODE_TTL: `tokens.code_ttl` must be a length of time"
)]
#[case(
    "SAFECONDUCT_SERVER__LIMITS__MAX_CONNECTIONS",
    "many",
    "SAFECONDUCT_SERVER__LIMITS__MAX_CONNECTIONS: `server.limits.max_connections` must be a whole number"
)]
#[case(
    "SAFECONDUCT_SERVER__LISTN",
    "x",
    "SAFECONDUCT_SERVER__LISTN: this variable sets nothing\n    did you mean SAFECONDUCT_SERVER__LISTEN?"
)]
#[case(
    "SAFECONDUCT_ISSUER",
    "http://id.example",
    "SAFECONDUCT_ISSUER: the issuer must be https"
)]
fn a_mistake_in_the_environment_names_the_variable(
    #[case] name: &str,
    #[case] value: &str,
    #[case] says: &str,
) {
    let environment = vec![(name.to_owned(), value.to_owned())];
    let said = check_sources(&Sources {
        environment,
        ..sources("issuer = \"https://id.example\"")
    })
    .map(|_| ())
    .unwrap_err()
    .to_string();
    assert!(said.starts_with(says), "{said}");
}

#[test]
fn the_environment_alone_is_a_configuration() {
    let environment = vec![(
        "SAFECONDUCT_ISSUER".to_owned(),
        "https://id.example".to_owned(),
    )];
    let checked = check_sources(&Sources {
        environment,
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(checked.config.issuer, "https://id.example");
    let nothing = check_sources(&Sources::default()).map(|_| ()).unwrap_err();
    assert_snapshot!(nothing, @r#"
    configuration: no file safeconduct.toml or /etc/safeconduct/safeconduct.toml, and no issuer in the environment
        run `safeconduct init`, or name a file with --config
    "#);
}

#[test]
fn a_path_starts_where_it_is_written() {
    let mut sources = Sources {
        file: Some((
            "/etc/sc/safeconduct.toml".into(),
            "issuer = \"https://id.example\"\n[secrets]\nmaster_key_file = \"master.key\""
                .to_owned(),
        )),
        ..Sources::default()
    };
    let checked = check_sources(&sources).unwrap();
    assert_eq!(
        checked.master_key_file.as_deref(),
        Some(Path::new("/etc/sc/master.key"))
    );
    assert_eq!(
        checked.database.file(),
        Some(Path::new("/etc/sc/safeconduct.db"))
    );
    sources.environment = vec![
        (
            "SAFECONDUCT_DATABASE__URL".to_owned(),
            "sqlite:here.db".to_owned(),
        ),
        (
            "SAFECONDUCT_SECRETS__MASTER_KEY_FILE".to_owned(),
            "/run/key".to_owned(),
        ),
    ];
    let checked = check_sources(&sources).unwrap();
    assert_eq!(
        checked.master_key_file.as_deref(),
        Some(Path::new("/run/key"))
    );
    assert_eq!(checked.database.file(), Some(Path::new("here.db")));
}

#[rstest]
#[case("0123456789abcdef0123456789abcdef", "")]
#[case("~!*()_-.0123456789abcdef01234567", "")]
#[case("0123456789abcdef+123456789abcdef", "(first at position 17)")]
#[case("0123456789abcdef%123456789abcdef", "(first at position 17)")]
fn a_secret_that_is_another_without_form_encoding_is_warned_of(
    #[case] secret: &str,
    #[case] says: &str,
) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.secret");
    std::fs::write(&file, secret).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!(
        "issuer = \"https://id.example\"\n[[clients]]\nid = \"web\"\ngrant_types = []\nsecret_file = \"{}\"",
        file.display()
    );
    let declared = check_sources(&sources(&config)).unwrap().declared;
    let warnings = declared.secrets().unwrap().warnings.to_string();
    assert!(
        warnings.contains(says) && warnings.is_empty() == says.is_empty(),
        "{warnings}"
    );
    assert!(!warnings.contains("0123456789"), "{warnings}");
}

#[test]
fn an_id_that_ends_elsewhere_without_form_encoding_is_warned_of() {
    let said =
        said_of_client("[[clients]]\nid = \"shop:eu\"\ngrant_types = []\nsecret_file = \"s\"");
    assert!(
        said.contains("the id of the client `shop:eu` ends at its colon"),
        "{said}"
    );
    let public =
        said_of_client("[[clients]]\nid = \"shop:eu\"\nredirect_uris = [\"https://a.example/cb\"]");
    assert_eq!(public, "");
}

/// What is said of a database whose URL is given from outside of the file.
fn said_of_database(url: &str, flag: bool, text: &str) -> String {
    let mut sources = sources(&format!("issuer = \"https://id.example\"\n{text}"));
    if flag {
        sources.flags = vec![Flag {
            name: "--database",
            key: "database.url",
            value: url.to_owned(),
        }];
    } else {
        sources.environment = vec![("SAFECONDUCT_DATABASE__URL".to_owned(), url.to_owned())];
    }
    check_sources(&sources).map_or_else(
        |problems| problems.to_string(),
        |checked| checked.database.to_string(),
    )
}

#[test]
fn a_database_password_comes_from_a_file_or_the_environment_and_is_never_shown() {
    let url = "postgres://ada:hush@db/sc";
    let file = "[database]\npassword_file = \"db.password\"";
    assert_snapshot!(said_of_database(url, false, ""), @"postgres://ada@db/sc");
    assert_snapshot!(said_of_database(url, false, file), @"
    SAFECONDUCT_DATABASE__URL: the password stands here and in `database.password_file`
        take it out of one of them
    ");
    assert_snapshot!(said_of_database(url, true, ""), @"
    --database: `database.url` holds a password
        put it into a file that only safeconduct may read, and name that with `database.password_file`
    ");
    assert_snapshot!(said_of_database("postgres://ada@db/sc", true, file), @"postgres://ada@db/sc");
}

/// Attacks: A09.
#[rstest]
#[case("0123456789abcdef0123456789abcdef\n", 0o600, "")]
#[case(
    "0123456789abcdef0123456789abcde\n",
    0o600,
    "is shorter than 32 characters"
)]
#[case(
    "0123456789abcdef0123456789abcdef",
    0o644,
    "can be read by everyone on this machine"
)]
fn a_declared_secret_is_long_and_private(
    #[case] text: &str,
    #[case] mode: u32,
    #[case] says: &str,
) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("web.secret");
    std::fs::write(&secret, text).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
    let config = format!(
        "issuer = \"https://id.example\"\n[[clients]]\nid = \"web\"\ngrant_types = []\nsecret_file = \"{}\"",
        secret.display()
    );
    let said = check_sources(&sources(&config))
        .unwrap()
        .declared
        .secrets()
        .map(|_| ())
        .map_err(|problems| problems.to_string());
    match said {
        Ok(()) => assert_eq!(says, ""),
        Err(said) => assert!(
            !says.is_empty() && said.starts_with("safeconduct.toml:5: ") && said.contains(says),
            "{said}"
        ),
    }
}
