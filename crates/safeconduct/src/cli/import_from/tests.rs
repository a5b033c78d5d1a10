//! What exports hold that can't be used, and that no secret of one is repeated.

use std::path::PathBuf;

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::password::{LEAST_MINIMUM, PasswordRule};
use safeconduct_server::administration::users::Person;
use serde_json::json;

use super::plan::Plan;
use super::{dex, json, keycloak, yaml};

fn rule() -> PasswordRule {
    PasswordRule::new(LEAST_MINIMUM, "https://login.acme.example", "Acme")
}

/// A file of this name with this text, and the folder that keeps it.
fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// Attacks: AP73.
#[rstest]
#[case::of_one_address(
    json!([{"username": "ada", "email": "ada@a.example"}, {"username": "eve", "email": "ADA@a.example"}]),
    "ada@a.example is of ada and of eve"
)]
#[case::of_one_name(json!([{"username": "ada"}, {"username": "\u{ff21}da"}]), "2 users are called ada")]
fn two_users_of_one_name_or_address_stop_an_import(
    #[case] users: serde_json::Value,
    #[case] told: &str,
) {
    let rule = rule();
    let mut plan = Plan::new(&rule);
    let realm = json!({"realm": "acme", "users": users});
    keycloak::read(serde_json::from_value(realm).unwrap(), &mut plan);
    let failure = plan.check().unwrap_err();
    assert!(failure.message().starts_with(told), "{}", failure.message());
    let realm = json!({"users": [{"username": "ada", "email": "a@a.example"}, {"username": "eve", "email": "e@a.example"}, {"username": "bob"}]});
    let mut plan = Plan::new(&rule);
    keycloak::read(serde_json::from_value(realm).unwrap(), &mut plan);
    assert!(plan.check().is_ok());
}

#[test]
fn a_wrong_export_is_named_by_its_place_and_no_value_of_it() {
    let (_folder, path) = file(
        "realm.json",
        "{\"users\":[{\"username\":\"ada\",\n\"credentials\":[{\"type\":\"password\",\"secretData\":48151623}]}]}",
    );
    let Err(failure) = json::<keycloak::Realm>(&path) else {
        panic!("it was read")
    };
    let told = failure
        .message()
        .replace(&path.display().to_string(), "FILE");
    assert_snapshot!(told, @"
    FILE:2:55: `users[0].credentials[0].secretData` is not what an export has there
        nothing was imported
    ");
    let (_folder, path) = file(
        "config.yaml",
        "staticPasswords:\n  - email: a@b.example\n    hash: [hush]\n",
    );
    let Err(failure) = yaml::<dex::File>(&path) else {
        panic!("it was read")
    };
    assert!(!failure.message().contains("hush"), "{}", failure.message());
    assert!(failure.message().contains("nothing was imported"));
}

/// A few lines of YAML can stand for more than fits in memory.
#[test]
fn a_bomb_of_yaml_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    text.push_str("connectors: *a11\n");
    let (_folder, path) = file("config.yaml", &text);
    assert!(yaml::<dex::File>(&path).is_err());
}

#[test]
fn nobody_becomes_an_administrator_by_an_import() {
    let rule = rule();
    let mut plan = Plan::new(&rule);
    let realm = json!({"users": [{"username": "eve", "groups": ["/administrators", "/Administrators", "/staff"]}]});
    keycloak::read(serde_json::from_value(realm).unwrap(), &mut plan);
    assert_eq!(
        plan.users.iter().map(Person::username).collect::<Vec<_>>(),
        ["eve"]
    );
    assert_eq!(plan.groups.keys().collect::<Vec<_>>(), ["staff"]);
}

/// What stands in the environment is read where it is set, and missed where it is not.
///
/// Attacks: AP76.
#[test]
fn values_of_the_environment_are_read() {
    let rule = rule();
    let text = "staticClients:\n  - idEnv: ID\n    secretEnv: SECRET\n    redirectURIs: [https://a.example/callback]\n";
    let (_folder, path) = file("config.yaml", text);
    for (is_set, clients) in [(true, 1), (false, 0)] {
        let mut plan = Plan::new(&rule);
        dex::read(yaml(&path).unwrap(), &mut plan, |name| {
            is_set.then(|| format!("{name}-0123456789abcdef0123456789abcdef"))
        });
        assert_eq!(plan.clients.len(), clients);
        assert!(plan.clients.iter().all(|client| client.secret.is_some()));
        assert_eq!(plan.left_out().len(), 1);
    }
}
