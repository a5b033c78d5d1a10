//! A backup is made while a server serves, and is served itself only as what it is: a database that has forgotten something.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use safeconduct_testing_program::{Directory, free_ports, get, program};

/// A directory for a server on this port, with one user.
fn with_user(port: u16) -> Directory {
    let directory = Directory::with_config(&format!(
        "issuer = \"http://localhost:{port}\"\nserver.listen = [\"127.0.0.1:{port}\"]\nserver.admin_listen = \"127.0.0.1:0\"\n"
    ));
    let added = directory.run_with_input(
        &["user", "add", "ada", "--stdin"],
        "correct horse battery\n",
    );
    assert!(added.status.success(), "{}", directory.printed(&added));
    directory
}

/// The program run by a shell that has done something first.
fn after(directory: &Directory, first: &str, arguments: &str) -> String {
    let script = format!("{first}; exec '{}' {arguments}", program().display());
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &script])
        .current_dir(directory.path())
        .env_clear();
    directory.printed(&shell.output().unwrap())
}

fn mode(directory: &Directory, name: &str) -> u32 {
    let file = fs::metadata(directory.path().join(name)).unwrap();
    file.permissions().mode() & 0o777
}

/// Attacks: RU45, RU46, RU47.
#[test]
fn a_backup_is_made_beside_a_server_and_served_only_after_an_era_has_begun() {
    let [port] = free_ports();
    let directory = with_user(port);
    let mut server = directory.serve(&["serve"]);
    let told = after(&directory, "umask 0", "backup copy.db");
    assert!(
        told.starts_with("exit 0\nout: database  safeconduct.db\nout: backup    copy.db\n"),
        "{told}"
    );
    assert_eq!(mode(&directory, "copy.db"), 0o600);
    assert_eq!(
        get(("127.0.0.1", port), "/.well-known/openid-configuration")
            .unwrap()
            .status,
        200
    );
    // What happened since is not in it.
    directory.run_with_input(
        &["user", "add", "bob", "--stdin"],
        "correct horse battery\n",
    );
    assert!(server.stop().unwrap().success());

    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(directory.path().join(format!("safeconduct.db{suffix}")));
    }
    fs::rename(
        directory.path().join("copy.db"),
        directory.path().join("safeconduct.db"),
    )
    .unwrap();
    for command in [&["serve"][..], &["check"], &["user", "list"], &["migrate"]] {
        let told = directory.prints(command);
        let says = "DIR/safeconduct.db is a backup, and was not served since it was made: `safeconduct restored`";
        assert!(
            told.contains(says) && told.starts_with("exit 1"),
            "{command:?}: {told}"
        );
    }
    let mut elsewhere = directory.command(&["restored", "--yes"]);
    let elsewhere = elsewhere
        .env("SAFECONDUCT_ISSUER", "http://localhost:9")
        .output()
        .unwrap();
    let told = directory.printed(&elsewhere);
    assert!(
        told.contains("this database belongs to the issuer"),
        "{told}"
    );
    assert!(directory.prints(&["serve"]).contains("is a backup"));

    let era = directory.json(&["restored", "--yes"])["era"]
        .as_i64()
        .unwrap();
    assert!(era > 1);
    let mut server = directory.serve(&["serve"]);
    let users = directory.json(&["user", "list"]);
    assert_eq!(users.as_array().unwrap().len(), 1, "{users}");
    assert!(server.stop().unwrap().success());
}

/// Attacks: RU44.
#[test]
fn of_a_backup_that_does_not_fit_nothing_is_left() {
    let directory = with_user(8420);
    let before = names(&directory);
    let told = after(&directory, "trap '' XFSZ; ulimit -f 128", "backup copy.db");
    assert!(
        told.starts_with("exit 1\nerr: DIR/copy.db can't be written: "),
        "{told}"
    );
    // What SQLite keeps beside a database that is read is no part of the copy.
    let names = names(&directory);
    let left: Vec<_> = names
        .iter()
        .filter(|name| !name.starts_with("safeconduct.db-"))
        .collect();
    assert_eq!(left, before.iter().collect::<Vec<_>>());
}

fn names(directory: &Directory) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Attacks: RU42, RU43.
#[test]
fn a_backup_takes_no_file_s_place() {
    let directory = with_user(8420);
    let told = directory.prints(&["backup", "safeconduct.db"]);
    assert!(
        told.starts_with("exit 5\nerr: DIR/safeconduct.db is the database itself"),
        "{told}"
    );
    let told = directory.prints(&["backup", "safeconduct.toml"]);
    assert!(
        told.starts_with("exit 5\nerr: DIR/safeconduct.toml is there already"),
        "{told}"
    );
    let config = "issuer = \"https://id.example.com\"\ndatabase.url = \"postgres://sc@db/sc\"\n";
    let on_postgres = Directory::with_config(config);
    let told = on_postgres.prints(&["backup", "copy.dump"]);
    let says = "exit 2\nerr: the database is PostgreSQL, whose own tools make backups\nerr:     pg_dump --format=custom --file=copy.dump 'postgres://sc@db/sc'";
    assert!(told.starts_with(says), "{told}");
}

#[test]
fn databases_and_backups_that_others_can_read_are_told_of() {
    let directory = with_user(8420);
    directory.prints(&["backup", "copy.db"]);
    assert!(!directory.prints(&["check"]).contains("can be read by"));
    let open = |name: &str, mode: u32| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(directory.path().join(name), permissions).unwrap();
    };
    open("copy.db", 0o644);
    open("safeconduct.db", 0o640);
    let told = directory.prints(&["check"]);
    for says in [
        "warning: DIR/copy.db can be read by everyone on this machine",
        "run chmod 600 DIR/copy.db",
        "warning: DIR/safeconduct.db can be read by its group",
    ] {
        assert!(told.contains(says), "{says}: {told}");
    }
}
