//! The program from outside: what it prints where, how it exits, and a newcomer's first walk from `init` to a server that
//! answers and drains.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use rstest::rstest;
use rustix::process::Signal;
use safeconduct_testing_program::{
    Answer, Directory, PATIENCE, Process, READY, free_ports, get, program, send,
};
use serde_json::{Value, json};

/// The secret of the declared client.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A directory where everything is on this machine, and the database is made already.
fn on_this_machine() -> Directory {
    Directory::with_config(
        "issuer = \"http://localhost:8420\"\n[scopes.\"notes.read\"]\ntext.en = \"Read your notes\"\n",
    )
}

#[test]
fn without_a_configuration_it_says_how_to_get_one() {
    assert_snapshot!(Directory::empty().prints(&["check"]), @"
    exit 3
    err: configuration: no file safeconduct.toml or /etc/safeconduct/safeconduct.toml, and no issuer in the environment
    err:     run `safeconduct init`, or name a file with --config
    ");
}

#[test]
fn a_configuration_file_that_is_named_must_be_there() {
    assert_snapshot!(Directory::empty().prints(&["check", "--config", "other.toml"]), @"
    exit 3
    err: other.toml: the file can't be read: No such file or directory (os error 2)
    err:     run `safeconduct init` to write one, or name another with --config
    ");
}

#[test]
fn mistakes_are_told_by_line_before_a_port_is_bound() {
    let directory = Directory::with_config(
        "isuer = \"https://id.example.com\"\n[server]\nlisten = [\"127.0.0.1:8420\"]\n[tokens]\nacess_ttl = \"5m\"\n",
    );
    assert_snapshot!(directory.prints(&["serve"]), @"
    exit 3
    err: safeconduct.toml:1: unknown key `isuer`
    err:     did you mean `issuer`?
    err: safeconduct.toml:5: unknown key `tokens.acess_ttl`
    err:     did you mean `access_ttl`?
    ");
    assert!(!directory.path().join("safeconduct.db").exists());
}

#[test]
fn check_says_what_it_found() {
    let directory = on_this_machine();
    assert_snapshot!(directory.prints(&["check"]), @"
    exit 0
    out: configuration  safeconduct.toml
    out: issuer         http://localhost:8420
    out: listen         127.0.0.1:8420
    out: admin listen   127.0.0.1:8429
    out: database       safeconduct.db
    out: master key     master.key (made on first start)
    out: groups         –
    out: scopes         notes.read
    out: resources      –
    out: clients        –
    err: the configuration is right
    ");
    assert!(
        !directory.path().join("safeconduct.db").exists()
            && !directory.path().join("master.key").exists()
    );
}

#[test]
fn mails_are_shown_in_a_language_and_written_as_text_and_html() {
    let directory = on_this_machine();
    let shown = directory.prints(&[
        "mail",
        "preview",
        "--purpose",
        "recover",
        "--language",
        "de",
    ]);
    for line in [
        "exit 0\nout: recover: Zurück in Ihr Konto bei Safeconduct\n",
        "out: http://localhost:8420/link?link=sc_ln_only-a-sample-that-opens-nothing\n",
        "out: Der Link gilt 30 Minuten lang und einmal.\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let written = directory.run(&["mail", "preview", "--out", "mails"]);
    assert_eq!(written.status.code(), Some(0));
    let html = directory.path().join("mails/password-changed.en.html");
    let html = fs::read_to_string(html).unwrap();
    assert!(html.contains("http://localhost:8420/account"), "{html}");
    assert_eq!(
        fs::read_dir(directory.path().join("mails"))
            .unwrap()
            .count(),
        32
    );
    let unknown = directory.run(&["mail", "preview", "--purpose", "spam"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_link_goes_by_mail_to_the_address_that_is_known_and_is_not_shown() {
    let invite = [
        "user",
        "invite",
        "grace",
        "--email",
        "grace@a.example",
        "--mail",
    ];
    let without = on_this_machine();
    assert_eq!(without.run(&invite).status.code(), Some(3));
    let directory = Directory::with_config(
        "issuer = \"http://localhost:8420\"\n[mail]\nhost = \"127.0.0.1\"\ntls = \"none\"\nfrom = \"no-reply@a.example\"\n",
    );
    assert_snapshot!(directory.prints(&invite), @"
    exit 0
    err:  INFO made a master key path=master.key
    err:  INFO made a new database path=safeconduct.db
    err: grace is sent a link to grace@a.example, by the next node that serves
    ");
    // Nobody has proved yet that this address is read by her.
    assert_snapshot!(directory.prints(&["user", "recover", "grace", "--mail"]), @"
    exit 2
    err: grace has no address that is known to be theirs
    ");
}

#[test]
fn an_address_is_invited_to_sign_up_where_anybody_may() {
    let invite = ["user", "invite", "--sign-up", "grace@a.example"];
    assert_snapshot!(on_this_machine().prints(&invite), @"
    exit 3
    err:  INFO made a master key path=master.key
    err:  INFO made a new database path=safeconduct.db
    err: nobody may sign up
    err:     set account.registration to \"invite\" in the configuration, or invite a user by name
    ");
    let directory = Directory::with_config(
        "issuer = \"http://localhost:8420\"\naccount.registration = \"invite\"\n",
    );
    let invited = directory.run(&invite);
    let said = directory.printed(&invited);
    assert_eq!(invited.status.code(), Some(0), "{said}");
    let link = String::from_utf8(invited.stdout).unwrap();
    assert!(link.starts_with("http://localhost:8420/link?link=sc_ln_"));
    let says = "whoever opens this address creates an account for grace@a.example, once, until ";
    assert!(said.contains(says), "{said}");
    let shown = directory.json(&invite);
    assert_eq!(
        (&shown["email"], &shown["purpose"]),
        (&"grace@a.example".into(), &"sign-up-invite".into())
    );
    assert_eq!(directory.run(&["user", "list"]).stdout, b"");
    let id = shown["id"].as_str().unwrap();
    let ended = directory.prints(&["user", "end-links", id]);
    assert_eq!(
        ended,
        format!("exit 0\nerr: the invitation of {id} is taken back\n")
    );
    let again = directory.run(&["user", "end-links", id]);
    assert_eq!(again.status.code(), Some(4));
    assert_eq!(directory.run(&["user", "list"]).stdout, b"");
    assert_snapshot!(directory.prints(&["user", "invite", "--sign-up", "grace"]), @"
    exit 2
    err: grace is not an address that mails can be sent to, such as ada@example.com
    ");
    let with_a_name = [&invite[..], &["--name", "Grace"]].concat();
    assert_snapshot!(directory.prints(&with_a_name), @"
    exit 2
    err: who signs up says by themselves what is known about them: leave the claims out
    ");
    let added = [
        "user",
        "invite",
        "ada",
        "--email",
        "Grace@A.example",
        "--email-verified",
    ];
    assert_eq!(directory.run(&added).status.code(), Some(0));
    assert_snapshot!(directory.prints(&invite), @"
    exit 5
    err: grace@a.example is the address of the account ada
    err:     `safeconduct user recover` makes a link to another password for its owner
    ");
    let mailed = [&invite[..], &["--mail"]].concat();
    assert_eq!(directory.run(&mailed).status.code(), Some(3));
}

#[test]
fn a_test_mail_wants_a_mail_server_and_an_address() {
    let directory = on_this_machine();
    assert_snapshot!(directory.prints(&["mail", "test", "ada@example.com"]), @"
    exit 3
    err: no mail server is set up
    err:     name it in the configuration: [mail] host
    ");
    let two = directory.run(&["mail", "test", "ada@example.com,eve@example.com"]);
    assert_eq!(two.status.code(), Some(2));
    // Nobody listens at the discard port.
    let directory = Directory::with_config(
        "issuer = \"http://localhost:8420\"\n[mail]\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none\"\nfrom = \"no-reply@a.example\"\n",
    );
    assert_snapshot!(directory.prints(&["mail", "test", "ada@example.com"]), @"
    exit 1
    err: the mail server can't be used: connecting: Connection refused (os error 111)
    ");
}

/// As Kubernetes and Docker mount secrets: readable by everyone who sees the mount, and read-only, so that no `chmod` helps.
#[test]
fn a_secret_on_a_read_only_mount_may_be_readable_by_its_mode_with_unshare() {
    let directory = Directory::with_config(
        "issuer = \"http://localhost:8420\"\n[secrets]\nmaster_key_file = \"mount/master.key\"\n[[clients]]\nid = \"api\"\ngrant_types = []\nsecret_file = \"mount/api.secret\"\n",
    );
    fs::create_dir(directory.path().join("mount")).unwrap();
    let script = |read_only: &str| {
        format!(
            "mount -t tmpfs -o mode=755 tmpfs mount
            echo AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 > mount/master.key
            echo 0123456789abcdef0123456789abcdef > mount/api.secret
            chmod 444 mount/*
            {read_only}
            exec {} check",
            program().display()
        )
    };
    let check = |read_only: &str| {
        let output = std::process::Command::new("unshare")
            .args([
                "--map-root-user",
                "--mount",
                "sh",
                "-ec",
                &script(read_only),
            ])
            .current_dir(directory.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .output()
            .unwrap();
        directory.printed(&output)
    };
    let told = check("mount -o remount,ro mount");
    assert!(
        told.ends_with("err: the configuration is right\n"),
        "{told}"
    );
    assert_snapshot!(check("true"), @"
    exit 3
    err: safeconduct.toml:7: the secret file mount/api.secret can be read by everyone on this machine
    err:     run chmod 600 mount/api.secret; if others had access, change the secret
    ");
}

#[test]
fn check_reads_the_secrets_of_declared_clients() {
    let directory = Directory::with_config(
        "issuer = \"http://localhost:8420\"\n[[clients]]\nid = \"api\"\ngrant_types = []\nsecret_file = \"api.secret\"\n",
    );
    assert_snapshot!(directory.prints(&["check"]), @"
    exit 3
    err: safeconduct.toml:5: the secret file api.secret can't be read: No such file or directory (os error 2)
    err:     see that the path is right and that the user who runs safeconduct may read it
    ");
    directory.write("api.secret", "short");
    assert_snapshot!(directory.prints(&["check"]), @"
    exit 3
    err: safeconduct.toml:5: the secret in api.secret is shorter than 32 characters
    err:     `openssl rand -hex 32` makes one that can't be guessed
    ");
}

/// Attacks: G09.
#[test]
fn beyond_this_machine_a_master_key_must_be_given() {
    let config = "issuer = \"https://id.example.com\"\nserver.trusted_proxies = [\"10.0.0.7\"]";
    assert_snapshot!(Directory::with_config(config).prints(&["check"]), @"
    exit 3
    err: there is no master key
    err:     set secrets.master_key_file, or SAFECONDUCT_MASTER_KEY; `safeconduct init` makes one, and so does `openssl rand -base64 32`
    ");
}

/// Attacks: G09.
#[test]
fn init_writes_two_private_files_and_says_what_comes_next() {
    let directory = Directory::empty();
    assert_snapshot!(directory.prints(&["init"]), @"
    exit 0
    out: configuration    safeconduct.toml
    out: master key file  master.key
    err: 
    err: Next:
    err:   safeconduct check          # after every change of the file
    err:   safeconduct user add NAME  # somebody who can sign in
    err:   safeconduct serve          # at http://localhost:8420
    ");
    assert_eq!(mode(&directory.path().join("master.key")), 0o600);
    assert_eq!(mode(&directory.path().join("safeconduct.toml")), 0o600);
    assert_snapshot!(directory.prints(&["check"]), @"
    exit 0
    out: configuration  safeconduct.toml
    out: issuer         http://localhost:8420
    out: listen         127.0.0.1:8420
    out: admin listen   127.0.0.1:8429
    out: database       safeconduct.db
    out: master key     master.key
    out: groups         –
    out: scopes         –
    out: resources      –
    out: clients        –
    err: the configuration is right
    ");
}

/// Attacks: G09.
#[test]
fn what_is_dangerous_is_said_by_check_and_at_every_start() {
    let directory = Directory::with_config("issuer = \"https://id.example.com\"");
    let key = [(
        "SAFECONDUCT_MASTER_KEY",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    )];
    let checked = directory.printed(&directory.command(&["check"]).envs(key).output().unwrap());
    let danger = "`server.trusted_proxies` is empty";
    assert!(
        checked.contains(&format!("err: warning: safeconduct.toml:1: {danger}")),
        "{checked}"
    );
    assert!(
        checked.ends_with("err: the configuration is right, with 1 warning\n"),
        "{checked}"
    );
    // It ends for want of a master key, which is after it has said what is dangerous.
    let started = directory.prints(&["serve"]);
    assert!(
        started.starts_with("exit 3\n") && started.contains(danger),
        "{started}"
    );
}

#[test]
fn a_variable_with_one_underscore_is_refused_and_those_of_kubernetes_are_not() {
    let directory = on_this_machine();
    let check = |name: &str, value: &str| {
        directory.printed(
            &directory
                .command(&["check"])
                .env(name, value)
                .output()
                .unwrap(),
        )
    };
    assert_snapshot!(check("SAFECONDUCT_SERVER_LISTEN", "127.0.0.1:8420"), @"
    exit 3
    err: SAFECONDUCT_SERVER_LISTEN: this variable sets nothing
    err:     did you mean SAFECONDUCT_SERVER__LISTEN?
    ");
    for (name, value) in [
        ("SAFECONDUCT_PORT", "tcp://10.0.0.11:8420"),
        ("SAFECONDUCT_SERVICE_HOST", "10.0.0.11"),
        ("SAFECONDUCT_SERVER_PORT_8420_TCP_ADDR", "10.0.0.11"),
    ] {
        let told = check(name, value);
        assert!(
            told.ends_with("err: the configuration is right\n"),
            "{told}"
        );
    }
}

#[test]
fn init_behind_a_proxy_writes_what_check_asks_for() {
    let directory = Directory::empty();
    directory.prints(&["init", "--issuer", "https://id.example.com"]);
    let told = directory.prints(&["check"]);
    assert!(
        told.ends_with("err: the configuration is right\n"),
        "{told}"
    );
}

/// Each prints more than a pipe holds, or writes after its reader has gone: it ends as if all had been read.
#[test]
fn a_command_whose_reader_has_gone_ends_quietly() {
    let directory = on_this_machine();
    let commands: [&[&str]; 8] = [
        &["completions", "bash"],
        &["completions", "zsh"],
        &["--help"],
        &["--version"],
        &["check"],
        &["client", "create", "api"],
        &["user", "list"],
        &["key", "list", "-o", "json"],
    ];
    for command in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = directory.command(command).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {said}");
        assert!(
            !said.contains("panicked") && !said.contains("pipe"),
            "{command:?}: {said}"
        );
    }
}

#[test]
fn init_overwrites_nothing() {
    let directory = on_this_machine();
    let before = fs::read(directory.path().join("safeconduct.toml")).unwrap();
    assert_snapshot!(directory.prints(&["init"]), @"
    exit 5
    err: safeconduct.toml exists already and is not overwritten
    err:     use it, or choose another folder with --directory
    ");
    assert_eq!(
        fs::read(directory.path().join("safeconduct.toml")).unwrap(),
        before
    );
    assert!(!directory.path().join("master.key").exists());
}

/// Attacks: A09.
#[test]
fn init_takes_no_issuer_that_serve_would_refuse() {
    assert_snapshot!(Directory::empty().prints(&["init", "--issuer", "http://id.example.com"]), @"
    exit 2
    err: --issuer http://id.example.com: the issuer must be https; http is for localhost only
    ");
}

#[test]
fn a_user_who_has_no_passkey_has_none_to_remove() {
    let directory = on_this_machine();
    let added = directory.run_with_input(&["user", "add", "ada", "--stdin"], "correct horse\n");
    assert_eq!(added.status.code(), Some(0));
    assert_eq!(
        directory.json(&["user", "passkeys", "ada"]),
        serde_json::json!([])
    );
    assert_snapshot!(directory.prints(&["user", "remove-passkey", "ada", "Phone", "--yes"]), @"
    exit 4
    err: ada has 0 passkeys called Phone
    err:     `safeconduct user passkeys` names them all; an id names one of several
    ");
}

#[test]
fn users_are_added_listed_locked_and_deleted() {
    let directory = on_this_machine();
    let added = directory.run_with_input(
        &["user", "add", "ada", "--name", "Ada Lovelace", "--stdin"],
        "correct horse\n",
    );
    assert_eq!(
        added.status.code(),
        Some(0),
        "{}",
        directory.printed(&added)
    );
    assert!(!directory.printed(&added).contains("correct horse"));

    let again = directory.run_with_input(&["user", "add", "Ada", "--stdin"], "correct horse\n");
    assert_snapshot!(directory.printed(&again), @"
    exit 5
    err: there is a user Ada already
    err:     --if-not-exists makes that a success
    ");
    let kept = directory.run_with_input(
        &["user", "add", "ada", "--stdin", "--if-not-exists"],
        "another horse\n",
    );
    assert_eq!(kept.status.code(), Some(0));

    let user = directory.json(&["user", "show", "ada"]);
    assert_eq!(
        (&user["username"], &user["name"], &user["locked"]),
        (&"ada".into(), &"Ada Lovelace".into(), &false.into())
    );
    assert_eq!(
        directory.json(&["user", "show", user["id"].as_str().unwrap()]),
        user
    );

    let factor = directory.json(&["user", "second-factor", "ada"]);
    assert_eq!(
        (&factor["kind"], &factor["recovery_codes"]),
        (&serde_json::Value::Null, &0.into())
    );
    assert_snapshot!(directory.prints(&["user", "remove-second-factor", "ada", "--yes"]), @"
    exit 4
    err: ada has no second factor
    ");

    assert_snapshot!(directory.prints(&["user", "lock", "ada"]), @"
    exit 0
    err: ada is locked, and signed out everywhere
    ");
    assert_eq!(directory.json(&["user", "list"])[0]["locked"], true);
    assert_snapshot!(directory.prints(&["user", "unlock", "ada"]), @"
    exit 0
    err: ada can sign in again
    ");
    assert_snapshot!(directory.prints(&["user", "delete", "ada"]), @"
    exit 2
    err: Delete the user ada for good?
    err:     there is no terminal to ask on: repeat it with --yes
    ");
    assert_snapshot!(directory.prints(&["user", "delete", "ada", "--yes"]), @"
    exit 0
    err: ada is deleted
    ");
    assert_snapshot!(directory.prints(&["user", "show", "ada"]), @"
    exit 4
    err: there is no user ada
    err:     `safeconduct user list` names them all
    ");
    assert_eq!(directory.json(&["user", "list"]), Value::Array(Vec::new()));
}

#[test]
fn groups_are_made_changed_joined_left_and_removed() {
    let directory = on_this_machine();
    directory.run_with_input(&["user", "add", "ada", "--stdin"], "correct horse\n");
    let made = directory.json(&["group", "add", "staff", "--display", "The staff"]);
    assert_eq!(
        (&made["display"], &made["require_second_factor"]),
        (&"The staff".into(), &false.into())
    );
    assert_snapshot!(directory.prints(&["group", "add", "staff"]), @"
    exit 5
    err: there is a group staff already
    err:     --if-not-exists makes that a success
    ");
    let kept = directory.run(&["group", "add", "staff", "--if-not-exists"]);
    assert_eq!(kept.status.code(), Some(0));
    let edited = directory.json(&["group", "edit", "staff", "--require-second-factor", "true"]);
    assert_eq!(
        (&edited["display"], &edited["require_second_factor"]),
        (&"The staff".into(), &true.into())
    );
    assert_eq!(
        directory.run(&["group", "edit", "staff"]).status.code(),
        Some(2)
    );
    assert_eq!(
        directory.run(&["group", "add", " staff"]).status.code(),
        Some(2)
    );

    assert_snapshot!(directory.prints(&["group", "add-member", "staff", "Ada"]), @"
    exit 0
    err: ada belongs to staff
    ");
    let shown = directory.json(&["group", "show", "staff"]);
    assert_eq!(shown["members"][0]["username"], "ada");
    assert_eq!(directory.json(&["group", "list"])[0]["members"], 1);
    for nobody in [["nobody", "ada"], ["staff", "nobody"]] {
        let [group, user] = nobody;
        let refused = directory.run(&["group", "add-member", group, user]);
        assert_eq!(refused.status.code(), Some(4), "{nobody:?}");
    }
    assert_snapshot!(directory.prints(&["group", "remove-member", "staff", "ada"]), @"
    exit 0
    err: ada does not belong to staff
    ");
    assert_snapshot!(directory.prints(&["group", "remove", "staff"]), @"
    exit 2
    err: Remove the group staff, to which 0 belong?
    err:     there is no terminal to ask on: repeat it with --yes
    ");
    assert_snapshot!(directory.prints(&["group", "remove", "staff", "--yes"]), @"
    exit 0
    err: staff is removed
    ");
    assert_snapshot!(directory.prints(&["group", "show", "staff"]), @"
    exit 4
    err: there is no group staff
    err:     `safeconduct group list` names them all
    ");
}

#[test]
fn a_person_is_invited_and_recovers_by_a_link_that_stands_alone_on_standard_output() {
    let directory = on_this_machine();
    let invited = directory.run(&["user", "invite", "ada", "--name", "Ada Lovelace"]);
    let said = directory.printed(&invited);
    assert_eq!(invited.status.code(), Some(0), "{said}");
    let link = String::from_utf8(invited.stdout).unwrap();
    let link = link.strip_suffix('\n').unwrap();
    let text = link.strip_prefix("http://localhost:8420/link?link=sc_ln_");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(text.is_some_and(|text| text.bytes().all(plain)), "{link}");
    assert!(
        said.contains("ada is added, and can't sign in yet"),
        "{said}"
    );

    let again = directory.json(&["user", "invite", "ada"]);
    assert_eq!(
        (&again["username"], &again["purpose"]),
        (&"ada".into(), &"invite".into())
    );
    assert_ne!(again["link"], link);
    assert_eq!(
        directory.json(&["user", "show", "ada"])["name"],
        "Ada Lovelace"
    );
    assert_snapshot!(directory.prints(&["user", "invite", "ada", "--name", "Augusta"]), @"
    exit 5
    err: there is a user ada already
    err:     the claims are those of a new user; `safeconduct user set` changes them
    ");

    let set = directory.run_with_input(
        &["user", "set-password", "ada", "--stdin"],
        "correct horse\n",
    );
    assert_eq!(set.status.code(), Some(0));
    assert_snapshot!(directory.prints(&["user", "invite", "ada"]), @"
    exit 5
    err: ada has a password already
    err:     `safeconduct user recover` makes a link for another password
    ");
    let recovery = directory.json(&["user", "recover", "ada"]);
    assert_eq!(recovery["purpose"], "recover");
    assert_snapshot!(directory.prints(&["user", "recover", "eve"]), @"
    exit 4
    err: there is no user eve
    err:     `safeconduct user list` names them all
    ");
    directory.prints(&["user", "lock", "ada"]);
    assert_snapshot!(directory.prints(&["user", "recover", "ada"]), @"
    exit 5
    err: ada is locked
    err:     `safeconduct user unlock` lets them sign in again
    ");
}

#[test]
fn what_is_known_about_a_user_is_set_shown_and_taken_away() {
    let directory = on_this_machine();
    let added = directory.run_with_input(
        &[
            "user",
            "add",
            "ada",
            "--stdin",
            "--name=Ada Lovelace",
            "--email=ada@example.com",
            "--email-verified",
            "--birthdate=1815-12-10",
            "--address=locality=London",
            "--address=country=United Kingdom",
        ],
        "correct horse\n",
    );
    assert_eq!(
        added.status.code(),
        Some(0),
        "{}",
        directory.printed(&added)
    );
    let shown = directory.json(&["user", "show", "ada"]);
    let listed = directory.json(&["user", "list"]);
    assert_eq!(listed[0], shown);
    let known = |user: &Value| {
        let mut user = user.as_object().unwrap().clone();
        for other in ["id", "username", "locked", "created_at", "updated_at"] {
            user.remove(other).unwrap();
        }
        Value::from(user)
    };
    assert_eq!(
        known(&shown),
        json!({
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "email_verified": true,
            "birthdate": "1815-12-10",
            "address": { "locality": "London", "country": "United Kingdom" },
        })
    );

    let set = [
        "user",
        "set",
        "ada",
        "--email=ada@example.org",
        "--birthdate=",
        "--nickname=Countess",
        "--address=",
    ];
    let shown = directory.json(&set);
    assert_eq!(
        known(&shown),
        json!({ "name": "Ada Lovelace", "email": "ada@example.org", "nickname": "Countess" }),
        "a new address is not verified because the old one was"
    );
    assert_snapshot!(directory.prints(&["user", "set", "ada"]), @"
    exit 2
    err: no claim is named, so there is nothing to change
    err:     `safeconduct user set --help` lists them all
    ");
    assert_snapshot!(directory.prints(&["user", "set", "ada", "--picture", "javascript:alert(1)"]), @"
    exit 2
    err: picture must be an http or https URL
    ");
    assert_eq!(directory.json(&["user", "show", "ada"]), shown);
}

#[test]
fn a_claim_of_another_form_adds_nobody() {
    let directory = on_this_machine();
    let output = directory.run_with_input(
        &["user", "add", "ada", "--stdin", "--email", "ada"],
        "correct horse",
    );
    assert!(
        directory
            .printed(&output)
            .ends_with("err: email must be an address like ada@example.com\n")
    );
    assert_eq!(directory.json(&["user", "list"]), Value::Array(Vec::new()));
}

#[rstest]
#[case("", "the password is empty")]
#[case("seven77", "the password is shorter than 8 characters")]
#[case(&"x".repeat(1_025), "the password is longer than 1024 bytes")]
#[case("correct\u{7}horse", "the password has U+0007 in it")]
#[case("PassWord1", "the password is one of those that are tried first")]
#[case("Countess Ada", "the password is a name or address of the person")]
#[case("LOVELACE", "the password is a name or address of the person")]
#[case("safeconduct", "the password is the name or the host of this server")]
fn a_password_that_can_not_be_used_is_set_for_nobody(#[case] password: &str, #[case] says: &str) {
    let directory = on_this_machine();
    let name = ["--email", "ada@lovelace.example", "--stdin"];
    let add = [&["user", "add", "countess.ada"], name.as_slice()].concat();
    let refused = directory.run_with_input(&add, password);
    assert_eq!(refused.status.code(), Some(2));
    assert!(directory.printed(&refused).contains(says));
    assert_eq!(directory.json(&["user", "list"]), Value::Array(Vec::new()));

    let added = directory.run_with_input(&add, "correct horse");
    assert_eq!(added.status.code(), Some(0));
    let before = directory.json(&["user", "show", "countess.ada"]);
    let set = ["user", "set-password", "countess.ada", "--stdin"];
    let refused = directory.run_with_input(&set, password);
    assert_eq!(refused.status.code(), Some(2));
    assert!(directory.printed(&refused).contains(says));
    assert_eq!(directory.json(&["user", "show", "countess.ada"]), before);
}

#[test]
fn where_the_password_is_the_only_factor_fifteen_characters_can_be_demanded() {
    let directory = Directory::with_config(
        "issuer = \"http://localhost:8420\"\nlogin.password_min_length = 15\n",
    );
    let set =
        |password: &str| directory.run_with_input(&["user", "add", "ada", "--stdin"], password);
    let refused = set("fourteen chars");
    assert_eq!(refused.status.code(), Some(2));
    let says = "the password is shorter than 15 characters";
    assert!(directory.printed(&refused).contains(says));
    assert_eq!(set("fifteen charact").status.code(), Some(0));
}

#[test]
fn a_password_is_never_an_argument_and_never_guessed() {
    let directory = on_this_machine();
    assert_snapshot!(directory.prints(&["user", "add", "ada"]), @"
    exit 2
    err:  INFO made a master key path=master.key
    err:  INFO made a new database path=safeconduct.db
    err: there is no terminal to ask for the password on: use --stdin or --password-file
    ");
    assert_eq!(
        directory
            .run(&["user", "add", "ada", "--password", "correct horse"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_file_of_users_is_imported_whole_or_not_at_all() {
    let directory = on_this_machine();
    let file = directory.path().join("users.jsonl");
    fs::write(&file, "{\"username\":\"ada\",\"password\":\"correct horse\"}\n{\"username\":\"bob\",\"emial\":\"bob@example.com\"}\n").unwrap();
    assert_snapshot!(directory.prints(&["user", "import", "users.jsonl"]), @"
    exit 1
    err:  INFO made a master key path=master.key
    err:  INFO made a new database path=safeconduct.db
    err: users.jsonl:2: `emial` is neither username, password or password_hash nor a claim that can be set; did you mean `email`?
    err:     nothing was imported
    ");
    assert_eq!(directory.json(&["user", "list"]), Value::Array(Vec::new()));

    fs::write(&file, "{\"username\":\"ada\",\"password\":\"correct horse\"}\n{\"username\":\"bob\",\"name\":\"Bob\",\"email\":\"bob@example.com\",\"email_verified\":true,\"address\":{\"locality\":\"Paris\"}}\n").unwrap();
    assert_snapshot!(directory.prints(&["user", "import", "users.jsonl"]), @"
    exit 0
    out: added     2
    out: existing  –
    err: added 2 users
    ");
    assert_snapshot!(directory.prints(&["user", "import", "users.jsonl"]), @"
    exit 5
    out: added     0
    out: existing  ada
    out:           bob
    err: added 0 users
    err: 2 users existed already and stayed as they were
    err:     --if-not-exists makes that a success
    ");
    assert_eq!(
        directory
            .run(&["user", "import", "users.jsonl", "--if-not-exists"])
            .status
            .code(),
        Some(0)
    );
    let users = directory.json(&["user", "list"]);
    assert_eq!(users.as_array().unwrap().len(), 2);
    assert_eq!(
        (
            &users[1]["email"],
            &users[1]["email_verified"],
            &users[1]["address"]
        ),
        (
            &json!("bob@example.com"),
            &json!(true),
            &json!({"locality": "Paris"})
        )
    );
}

#[test]
fn a_client_gets_a_secret_that_is_shown_once() {
    let directory = on_this_machine();
    let create = [
        "client",
        "create",
        "web",
        "--redirect-uri",
        "https://web.example/cb",
        "--scope",
        "notes.read",
    ];
    let made = directory.json(&create);
    let secret = made["client_secret"].as_str().unwrap();
    assert_eq!(
        (made["client_id"].as_str(), secret.len()),
        (Some("web"), 43)
    );

    let shown = directory.json(&["client", "show", "web"]);
    assert!(!shown.to_string().contains(secret));
    assert_eq!(
        shown["grant_types"],
        serde_json::json!(["authorization_code", "refresh_token"])
    );
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);

    assert_snapshot!(directory.prints(&create), @"
    exit 5
    err: the client id web is, or was once, in use
    err:     --if-not-exists makes that a success where the client exists
    ");
    let again = directory.json(&[&create[..], &["--if-not-exists"]].concat());
    assert_eq!(again, serde_json::json!({ "client_id": "web" }));
    let keys = directory.json(&["key", "list"]);
    let otherwise = ["--if-not-exists", "--id-token-signed-response-alg", "EdDSA"];
    directory.json(&[&create[..], &otherwise].concat());
    assert_eq!(directory.json(&["key", "list"]), keys, "nothing was made");

    let rotated = directory.json(&["client", "rotate-secret", "web", "--overlap", "1d"]);
    assert_ne!(rotated["client_secret"], made["client_secret"]);
    let secrets = &directory.json(&["client", "show", "web"])["secrets"];
    let ending = secrets
        .as_array()
        .unwrap()
        .iter()
        .filter(|secret| secret["expires_at"].is_string());
    assert_eq!(
        (ending.count(), secrets.as_array().unwrap().len()),
        (1, 2),
        "{secrets}"
    );
}

#[test]
fn a_secret_goes_to_a_private_file_if_asked() {
    let directory = on_this_machine();
    let made = directory.json(&["client", "create", "api", "--secret-out", "api.secret"]);
    assert_eq!(made, serde_json::json!({ "client_id": "api" }));
    let file = directory.path().join("api.secret");
    assert_eq!(
        (
            fs::read_to_string(&file).unwrap().trim_end().len(),
            mode(&file)
        ),
        (43, 0o600)
    );
    assert_snapshot!(directory.prints(&["client", "rotate-secret", "api", "--secret-out", "api.secret"]), @"
    exit 5
    err: api.secret exists already and is not overwritten
    ");
}

#[rstest]
#[case(&["--redirect-uri", "http://web.example/cb"], "the redirect URI `http://web.example/cb` can't be registered\nerr:     http is for loopback addresses only; use https")]
#[case(&["--scope", "notes.reed"], "the client `web` may ask for the unknown scope `notes.reed`\nerr:     did you mean `notes.read`?")]
#[case(&["--response-mode", "fragment"], "invalid value 'fragment' for '--response-mode <MODE>'")]
#[case(&["--redirect-uri", "com.example.app:/cb", "--response-mode", "form_post"], "form_post needs redirect URIs that begin with https: or http:")]
#[case(&["--post-logout-redirect-uri", "http://web.example/"], "the redirect URI `http://web.example/` can't be registered\nerr:     http is for loopback addresses only; use https")]
#[case(&["--backchannel-logout-uri", "http://web.example/"], "the back-channel logout URI `http://web.example/` can't be called\nerr:     write an https URL")]
#[case(&["--id-token-signed-response-alg", "none"], "invalid value 'none' for '--id-token-signed-response-alg <ALGORITHM>'")]
#[case(&["--redirect-uri", "https://a.example/", "--redirect-uri", "https://b.example/", "--subject-type", "pairwise"], "subject_type = pairwise needs sector_identifier")]
#[case(&["--grant-type", "authorization_code"], "the client `web` has no redirect URI\nerr:     add redirect_uris")]
#[case(&["--token-endpoint-auth-method", "none", "--grant-type", "client_credentials"], "the client `web` can't authenticate, so it can't use client_credentials")]
#[case(&["--token-endpoint-auth-method", "private_key_jwt"], "the client `web` has no keys\nerr:     give it a jwks")]
#[case(&["--grant-type", "implicit"], "invalid value 'implicit' for '--grant-type <TYPE>'")]
fn a_registration_that_makes_no_sense_is_refused(#[case] arguments: &[&str], #[case] says: &str) {
    let directory = on_this_machine();
    let told = directory.prints(&[&["client", "create", "web"], arguments].concat());
    assert!(told.starts_with("exit 2") && told.contains(says), "{told}");
}

/// A client that uses all of OpenID Connect, as `client show` has it.
fn with_openid_client(directory: &Directory) -> Value {
    directory.json(&[
        "client",
        "create",
        "web",
        "--redirect-uri=https://web.example/cb",
        "--scope=openid",
        "--scope=email",
        "--post-logout-redirect-uri=https://web.example/",
        "--backchannel-logout-uri=https://web.example/backchannel",
        "--subject-type=pairwise",
        "--id-token-signed-response-alg=EdDSA",
        "--response-mode=query",
        "--response-mode=form_post",
        "--dpop-bound-access-tokens",
    ]);
    directory.json(&["client", "show", "web"])
}

#[test]
fn a_client_is_registered_for_openid_connect() {
    let directory = on_this_machine();
    let shown = with_openid_client(&directory);
    for (key, value) in [
        ("scopes", json!(["email", "openid"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("post_logout_redirect_uris", json!(["https://web.example/"])),
        (
            "backchannel_logout_uri",
            json!("https://web.example/backchannel"),
        ),
        ("subject_type", json!("pairwise")),
        ("id_token_signed_response_alg", json!("EdDSA")),
        ("response_modes", json!(["query", "form_post"])),
        ("dpop_bound_access_tokens", json!(true)),
        ("require_pushed_authorization_requests", json!(false)),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    let keys = directory.json(&["key", "list"]);
    let signs = |key: &Value| key["purpose"] == "sign:EdDSA" && key["state"] == "active";
    assert!(keys.as_array().unwrap().iter().any(signs), "{keys}");
}

#[test]
fn a_client_changes_in_what_is_named_and_in_nothing_else() {
    let directory = on_this_machine();
    let mut expected = with_openid_client(&directory);
    let edited = directory.run(&[
        "client",
        "edit",
        "web",
        "--name=Web",
        "--backchannel-logout-uri=",
        "--subject-type=public",
        "--dpop-bound-access-tokens=false",
        "--require-pushed-authorization-requests",
    ]);
    assert_eq!(edited.status.code(), Some(0));
    assert!(
        directory
            .printed(&edited)
            .contains("err: web knows its people by another sub from now on")
    );
    for (key, value) in [
        ("client_name", json!("Web")),
        ("subject_type", json!("public")),
        ("dpop_bound_access_tokens", json!(false)),
        ("require_pushed_authorization_requests", json!(true)),
    ] {
        expected[key] = value;
    }
    let members = expected.as_object_mut().unwrap();
    members.remove("backchannel_logout_uri");
    assert_eq!(directory.json(&["client", "show", "web"]), expected);

    assert_snapshot!(directory.prints(&["client", "edit", "web", "--redirect-uri", ""]), @"
    exit 2
    err: the client `web` has no redirect URI
    err:     add redirect_uris, or grant_types without authorization_code
    ");
    assert_snapshot!(directory.prints(&["client", "edit", "wed", "--name", "x"]), @"
    exit 4
    err: there is no client wed
    err:     `safeconduct client list` names them all; declared ones are there after the first `serve`
    ");
    assert_eq!(directory.json(&["client", "show", "web"]), expected);
}

#[test]
fn a_client_whose_scope_is_gone_may_change_in_everything_else() {
    let directory = on_this_machine();
    let redirect_uri = "--redirect-uri=https://web.example/cb";
    directory.json(&[
        "client",
        "create",
        "web",
        redirect_uri,
        "--scope=notes.read",
    ]);
    directory.write("safeconduct.toml", "issuer = \"http://localhost:8420\"\n");
    let refused = directory.prints(&[
        "client",
        "create",
        "app",
        redirect_uri,
        "--scope=notes.read",
    ]);
    assert!(refused.contains("unknown scope `notes.read`"), "{refused}");
    assert_eq!(
        directory.json(&["client", "edit", "web", "--name=Web"])["client_name"],
        "Web"
    );

    let weaker = directory.prints(&["client", "edit", "web", "--without-pkce"]);
    let warning = "err: warning: the client `web` may go without PKCE\nerr:     an injected code";
    assert!(
        weaker.starts_with("exit 0") && weaker.contains(warning),
        "{weaker}"
    );
    let shown = directory.json(&["client", "edit", "web", "--without-pkce=false"]);
    assert_eq!(
        (&shown["require_pkce"], &shown["scopes"]),
        (&json!(true), &json!(["notes.read"]))
    );
}

#[test]
fn a_client_that_begins_to_need_a_secret_is_told_how_to_get_one() {
    let directory = on_this_machine();
    let create = [
        "client",
        "create",
        "web",
        "--redirect-uri=https://web.example/cb",
        "--token-endpoint-auth-method=none",
    ];
    assert_eq!(directory.json(&create), json!({ "client_id": "web" }));
    let told = directory.prints(&[
        "client",
        "edit",
        "web",
        "--token-endpoint-auth-method=client_secret_basic",
    ]);
    assert!(
        told.contains(
            "err: web has no secret yet: `safeconduct client rotate-secret web` makes one"
        ),
        "{told}"
    );
    assert!(directory.json(&["client", "rotate-secret", "web"])["client_secret"].is_string());
}

#[test]
fn a_client_is_stopped_and_started_and_its_id_is_never_used_again() {
    let directory = on_this_machine();
    directory.json(&["client", "create", "api"]);
    assert_snapshot!(directory.prints(&["client", "disable", "api"]), @"
    exit 0
    err: api is disabled, and all of its grants have ended
    ");
    assert_snapshot!(directory.prints(&["client", "list"]), @"
    exit 0
    out: ID   NAME  STATE     FROM     AUTHENTICATION       GRANT TYPES  SCOPES
    out: api  api   disabled  command  client_secret_basic
    ");
    assert_snapshot!(directory.prints(&["client", "enable", "api"]), @"
    exit 0
    err: api works again
    ");
    assert_snapshot!(directory.prints(&["client", "delete", "api", "--yes"]), @"
    exit 0
    err: api is deleted, and all of its grants have ended
    ");
    assert_snapshot!(directory.prints(&["client", "create", "api"]), @"
    exit 5
    err: the client id api is, or was once, in use
    err:     --if-not-exists makes that a success where the client exists
    ");
    assert_snapshot!(directory.prints(&["client", "enable", "api"]), @"
    exit 4
    err: there is no client api
    err:     `safeconduct client list` names them all; declared ones are there after the first `serve`
    ");
}

/// How long ago something was is the machine's business.
fn without_seconds(told: &str) -> String {
    let (before, rest) = told.split_once("was made ").unwrap();
    let (_, after) = rest.split_once(" ago").unwrap();
    format!("{before}was made … ago{after}")
}

#[test]
fn the_next_key_is_published_before_it_signs() {
    let directory = on_this_machine();
    let states = |keys: &Value| {
        keys.as_array()
            .unwrap()
            .iter()
            .map(|key| {
                format!(
                    "{} {}",
                    key["purpose"].as_str().unwrap(),
                    key["state"].as_str().unwrap()
                )
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    let first = directory.json(&["key", "rotate", "ES256"]);
    assert_snapshot!(states(&first), @"
    sign:ES256 active
    sign:ES256 next
    sign:RS256 active
    ");
    assert_snapshot!(without_seconds(&directory.prints(&["key", "rotate", "ES256"])), @"
    exit 5
    err: the next key of sign:ES256 was made … ago, and waits for 1 day
    err:     rotate again when that is over; --now uses it although not everybody may know it
    ");
    let second = directory.json(&["key", "rotate", "ES256", "--now"]);
    assert_snapshot!(states(&second), @"
    sign:ES256 active
    sign:ES256 next
    sign:ES256 retired
    sign:RS256 active
    ");
    assert_snapshot!(directory.prints(&["key", "rotate", "EdDSA"]), @"
    exit 4
    err: there is no key for EdDSA
    err:     `safeconduct key list` shows what there is
    ");
    assert_eq!(
        directory.run(&["key", "rotate", "HS256"]).status.code(),
        Some(2)
    );
    assert!(directory.json(&["key", "list"]).as_array().unwrap().len() > 5);
}

/// The id of the one master key that wraps everything.
fn master_key_of(directory: &Directory) -> String {
    let keys = directory.json(&["key", "list"]);
    let mut ids: Vec<&str> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["master_key"].as_str().unwrap())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{keys}");
    ids[0].to_owned()
}

#[test]
fn another_master_key_joins_the_file_and_takes_over() {
    let directory = on_this_machine();
    directory.json(&["client", "create", "api"]);
    let file = directory.path().join("master.key");
    let before = fs::read_to_string(&file).unwrap();
    let old = master_key_of(&directory);
    let told = directory.prints(&["key", "rotate-master"]);
    let new = master_key_of(&directory);
    let told = told.replace(&old, "OLD").replace(&new, "NEW");
    assert_snapshot!(told, @"
    exit 0
    out: master key    NEW
    out: before        OLD
    out: keys wrapped  19
    err: made a master key: the last line of master.key
    err: the master key NEW is announced; asking every running node whether it is there
    err: OLD wraps nothing any more: take it out (line 1 of master.key) at every node
    err:     a backup that was made until now opens with OLD alone: keep it with those backups, and nowhere else
    ");
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(&before) && after.lines().count() == 2);
    let second = after.lines().nth(1).unwrap();

    // The old one alone opens nothing any more, the new one alone does.
    fs::write(&file, &before).unwrap();
    let refused = directory.prints(&["client", "list"]).replace(&new, "NEW");
    assert_snapshot!(refused, @"
    exit 3
    err: keys of this database are wrapped with the master key NEW, which is not here: add it to the file of the master key, a line for each key
    ");
    fs::write(&file, second).unwrap();
    assert_eq!(
        directory
            .json(&["client", "list"])
            .as_array()
            .unwrap()
            .len(),
        1
    );

    // What was never used and what was retired are no choice.
    let strangers =
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    fs::write(&file, format!("{second}\n{before}{strangers}")).unwrap();
    let refused = directory.run(&["key", "rotate-master"]);
    assert_eq!(
        refused.status.code(),
        Some(5),
        "{}",
        directory.printed(&refused)
    );
    assert_eq!(
        directory
            .run(&["key", "rotate-master", "--abandon"])
            .status
            .code(),
        Some(4)
    );
    assert_eq!(master_key_of(&directory), new);
}

#[test]
fn after_a_loss_every_secret_is_listed() {
    let directory = on_this_machine();
    directory.json(&["client", "create", "api"]);
    directory.json(&["key", "rotate", "ES256"]);
    let keys = directory.json(&["key", "list"]);
    let old = master_key_of(&directory);
    assert_eq!(
        directory.run(&["key", "compromised"]).status.code(),
        Some(2),
        "it asks"
    );
    assert_eq!(directory.json(&["key", "list"]), keys);
    let listed = directory.json(&["key", "compromised", "--yes"]);
    let listed: Vec<(&str, &str)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["secret"].as_str().unwrap(),
                row["done"].as_str().unwrap(),
            )
        })
        .collect();
    for key in keys.as_array().unwrap() {
        let (id, purpose) = (&key["id"], key["purpose"].as_str().unwrap());
        let (_, done) = listed
            .iter()
            .find(|(secret, _)| secret.starts_with(&format!("{purpose} {id} ")))
            .unwrap();
        let expected = match purpose {
            "subjects" => "kept",
            "seal:credential" | "hash" => "retired",
            signing if signing.starts_with("sign:") => "withdrawn",
            _ => "replaced",
        };
        assert!(done.starts_with(expected), "{purpose}: {done}");
    }
    for other in [
        format!("master key {old}"),
        "secret of api".to_owned(),
        "passwords of people".to_owned(),
        "second factors of people".to_owned(),
        "sessions, codes, refresh and access tokens".to_owned(),
    ] {
        assert!(
            listed.iter().any(|(secret, _)| *secret == other),
            "{other}: {listed:?}"
        );
    }
    assert_ne!(master_key_of(&directory), old);
    let now = directory.json(&["key", "list"]);
    let now: Vec<&Value> = now
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["id"])
        .collect();
    for key in keys.as_array().unwrap() {
        let stays =
            ["subjects", "hash", "seal:credential"].contains(&key["purpose"].as_str().unwrap());
        assert_eq!(now.contains(&&key["id"]), stays, "{key}");
    }
}

#[test]
fn after_a_loss_a_signing_key_is_withdrawn_by_its_name_in_the_jwks() {
    let directory = on_this_machine();
    directory.json(&["key", "rotate", "ES256"]);
    let keys = directory.json(&["key", "list"]);
    let signing = |purpose: &str, state: &str| {
        let keys = keys.as_array().unwrap().iter();
        let mut keys = keys.filter(|key| key["purpose"] == purpose && key["state"] == state);
        keys.next().unwrap().clone()
    };
    let (lost, kept) = (
        signing("sign:ES256", "active"),
        signing("sign:RS256", "active"),
    );
    let kid = lost["kid"].as_str().unwrap();
    // One in 64 begins like a flag.
    let missing = directory.run(&["key", "compromised", "--yes", "--signing-key", "-x"]);
    assert_eq!(missing.status.code(), Some(4), "{missing:?}");
    let listed = directory.json(&["key", "compromised", "--yes", "--signing-key", kid]);
    let done = |key: &Value| {
        let secret = format!("{} {} ", key["purpose"].as_str().unwrap(), key["id"]);
        let mut rows = listed.as_array().unwrap().iter();
        let row = rows.find(|row| row["secret"].as_str().unwrap().starts_with(&secret));
        row.unwrap()["done"].as_str().unwrap().to_owned()
    };
    assert_eq!(done(&lost), "withdrawn");
    assert_eq!(
        done(&signing("sign:ES256", "next")),
        "withdrawn with the key that it waited behind"
    );
    assert_eq!(done(&kept), "kept: not named");
    let cells = listed.as_array().unwrap().iter();
    assert!(
        cells
            .flat_map(|row| row.as_object().unwrap().values())
            .all(|cell| !cell.to_string().contains("\\n"))
    );

    // The master key of before is retired, and listed as that the next time.
    let again = directory.json(&["key", "compromised", "--yes"]);
    let secrets: Vec<&str> = again
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["secret"].as_str().unwrap())
        .collect();
    assert!(
        secrets
            .iter()
            .any(|secret| secret.starts_with("master key") && secret.ends_with("(retired)")),
        "{secrets:?}"
    );
    let purposes = secrets.iter().filter(|secret| secret.starts_with("seal:"));
    let purposes: Vec<_> = purposes.map(|secret| secret.split(' ').next()).collect();
    assert!(purposes.is_sorted(), "{purposes:?}");
}

/// Adds a master key of this byte's to the file, and has it announced for the database if `announced`.
fn add_master_key(directory: &Directory, last: u8, announced: bool, wrapping: bool) -> String {
    let mut bytes = [7; 32];
    bytes[31] = last;
    let file = directory.path().join("master.key");
    let line = bytes.map(|byte| format!("{byte:02x}")).concat();
    let keys = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{keys}{line}\n")).unwrap();
    let id = safeconduct_server::MasterKey::from_bytes(bytes).id();
    let url = format!(
        "sqlite:{}",
        directory.path().join("safeconduct.db").display()
    );
    let announce = async {
        let store = safeconduct_store::Store::open(&url).await.unwrap();
        let store = store.by(safeconduct_store::By::server());
        let active = store.cluster().await.unwrap().unwrap().master.active;
        let now = safeconduct_protocol::clock::Clock::system().now();
        store.announce_master_key(active, id, now).await.unwrap();
        if wrapping {
            store.begin_wrapping(id, now).await.unwrap();
        }
    };
    if announced {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(announce);
    }
    id.to_string()
}

#[test]
fn after_a_loss_no_master_key_that_was_there_takes_over() {
    let directory = on_this_machine();
    directory.json(&["client", "create", "api"]);
    let keys = directory.json(&["key", "list"]);
    let loss = ["key", "compromised", "--yes"];

    // Whoever has the file has a key that waits in it, and one that was announced, too.
    let announced = add_master_key(&directory, 1, true, false);
    let unused = add_master_key(&directory, 2, false, false);
    let refused = directory.run(&[&loss[..], &["--use-key", "00000000"]].concat());
    assert_eq!(
        refused.status.code(),
        Some(4),
        "{}",
        directory.printed(&refused)
    );
    assert_eq!(directory.json(&["key", "list"]), keys);
    let told = directory.prints(&loss);
    let taken_back = format!("the master key {announced} is taken back");
    assert!(told.contains(&taken_back), "{told}");
    let fresh = master_key_of(&directory);
    let goes_on = format!("`safeconduct key compromised --use-key {fresh}`");
    assert!(told.contains(&goes_on), "{told}");
    assert!(fresh != announced && fresh != unused);
    let file = directory.path().join("master.key");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 3);

    // One that wraps keys already is taken only if the operator says that it came after the loss.
    let half = add_master_key(&directory, 3, true, true);
    let keys = directory.json(&["key", "list"]);
    let refused = directory.prints(&loss);
    assert_snapshot!(refused.replace(&half, "HALF"), @"
    exit 5
    err: the master key HALF wraps keys already, and may have been there when the keys were lost
    err:     if this command made it since, and was cut off: `safeconduct key compromised --use-key HALF`
    err:     if not, finish `safeconduct key rotate-master` first, and then run `safeconduct key compromised`
    ");
    let another = directory.prints(&[&loss[..], &["--use-key", &unused]].concat());
    assert_eq!(another, refused);
    assert_eq!(directory.json(&["key", "list"]), keys);
    directory.json(&[&loss[..], &["--use-key", &half]].concat());
    assert_eq!(master_key_of(&directory), half);
    let refused = directory.run(&[&loss[..], &["--use-key", &fresh]].concat());
    assert_eq!(
        refused.status.code(),
        Some(5),
        "a master key never comes back"
    );
}

#[test]
fn after_a_loss_a_signing_key_that_is_not_there_is_refused_before_anything_is_changed() {
    let directory = on_this_machine();
    let keys = directory.json(&["key", "list"]);
    assert_snapshot!(directory.prints(&["key", "compromised", "--yes", "--signing-key", "abc"]), @"
    exit 4
    err: there is no signing key abc
    err:     `safeconduct key list` shows what there is; nothing was changed
    ");
    assert_eq!(directory.json(&["key", "list"]), keys);
    let file = directory.path().join("master.key");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
}

/// Attacks: E21.
#[test]
fn another_issuer_or_another_master_key_does_not_open_a_database() {
    let directory = on_this_machine();
    directory.json(&["client", "create", "api"]);
    let output = directory
        .command(&["client", "list"])
        .env("SAFECONDUCT_ISSUER", "http://localhost:9000")
        .output()
        .unwrap();
    assert_snapshot!(directory.printed(&output), @"
    exit 3
    err: this database belongs to the issuer http://localhost:8420: set that issuer, or use another database
    ");
    let output = directory
        .command(&["client", "list"])
        .env(
            "SAFECONDUCT_MASTER_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        )
        .output()
        .unwrap();
    assert_snapshot!(directory.printed(&output), @"
    exit 3
    err: this database was made with another master key: start with that key, or use another database
    ");
    fs::remove_file(directory.path().join("master.key")).unwrap();
    assert_snapshot!(directory.prints(&["client", "list"]), @"
    exit 3
    err: the master key master.key is gone, and the database beside it can't be read without it
    err:     put the file back, or move the database away to begin anew
    ");
}

#[test]
fn a_port_that_is_taken_is_said_in_one_sentence() {
    let directory = on_this_machine();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = directory.prints(&[
        "serve",
        "--listen",
        &address,
        "--admin-listen",
        "127.0.0.1:0",
    ]);
    let last: Vec<&str> = told
        .lines()
        .filter(|line| !line.contains("\"level\""))
        .collect();
    assert_snapshot!(last.join("\n").replace(&address, "ADDRESS"), @"
    exit 1
    err: ADDRESS can't be listened on: Address already in use (os error 98)
    err:     another program listens there: stop it, or choose another address with --listen
    ");
    assert!(!directory.path().join("safeconduct.db").exists());
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let directory = on_this_machine();
    fs::write(
        directory.path().join("safeconduct.db"),
        "notes\n".repeat(1000),
    )
    .unwrap();
    directory.write("master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    assert_snapshot!(directory.prints(&["user", "list"]), @"
    exit 1
    err: DIR/safeconduct.db is not a SQLite database: name another file, or move this one away
    ");
    assert_eq!(
        fs::read_to_string(directory.path().join("safeconduct.db")).unwrap(),
        "notes\n".repeat(1000)
    );
}

#[test]
fn every_command_has_help_and_shells_can_complete_it() {
    let directory = Directory::empty();
    for command in [
        &["--help"][..],
        &["serve", "--help"],
        &["client", "create", "--help"],
        &["client", "edit", "--help"],
        &["user", "set", "--help"],
        &["user", "import", "--help"],
        &["key", "rotate", "--help"],
    ] {
        assert_eq!(directory.run(command).status.code(), Some(0), "{command:?}");
    }
    for flag in ["--email ", "--given-name ", "--phone-number-verified"] {
        let help = directory.prints(&["user", "add", "--help"]);
        assert!(help.contains(flag), "{flag} in {help}");
    }
    let completions = directory.run(&["completions", "bash"]);
    assert!(
        String::from_utf8(completions.stdout)
            .unwrap()
            .contains("rotate-secret")
    );
    assert_eq!(directory.run(&["serv"]).status.code(), Some(2));
}

#[test]
fn a_newcomer_walks_from_init_to_a_server_that_answers_and_drains() {
    let directory = Directory::empty();
    let [port, admin_port] = free_ports();
    let issuer = format!("http://localhost:{port}");
    assert_eq!(
        directory.run(&["init", "--issuer", &issuer]).status.code(),
        Some(0)
    );
    assert_eq!(directory.run(&["check"]).status.code(), Some(0));
    assert_eq!(
        directory
            .run_with_input(&["user", "add", "ada", "--stdin"], "correct horse")
            .status
            .code(),
        Some(0)
    );
    directory.json(&[
        "client",
        "create",
        "web",
        "--redirect-uri",
        "https://web.example/cb",
    ]);

    let mut server = directory.serve(&[
        "serve",
        "--admin-listen",
        &format!("127.0.0.1:{admin_port}"),
    ]);
    let metadata: Value =
        serde_json::from_str(&fetch(port, "/.well-known/oauth-authorization-server")).unwrap();
    assert_eq!(metadata["issuer"], issuer);
    assert!(fetch(admin_port, "/health/ready").starts_with("ready"));
    assert!(fetch(admin_port, "/metrics").contains("safeconduct_build_info"));

    // The database serves a command beside the running server.
    directory.json(&["client", "create", "late"]);
    assert!(server.stop().unwrap().success());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

/// A folder whose configuration declares the client `api`, for servers on these ports.
fn with_declared_client(port: u16) -> Directory {
    let directory = Directory::with_config(&format!(
        "issuer = \"http://localhost:{port}\"\n[server]\nlisten = [\"127.0.0.1:{port}\"]\n[[clients]]\nid = \"api\"\ngrant_types = []\nsecret_file = \"api.secret\"\n"
    ));
    directory.write("api.secret", "0123456789abcdef0123456789abcdef\n");
    directory
}

#[test]
fn a_declared_client_changes_in_the_file_alone() {
    let [port] = free_ports();
    let directory = with_declared_client(port);
    let mut server = directory.serve(&["serve", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!(introspects(port, "api", SECRET), 200);
    assert_snapshot!(directory.prints(&["client", "rotate-secret", "api"]), @"
    exit 5
    err: api is declared in the configuration
    err:     write the new secret to its secret_file and reload (SIGHUP): the old one is dead a second later
    ");
    assert_snapshot!(directory.prints(&["client", "edit", "api", "--name", "API"]), @"
    exit 5
    err: api is declared in the configuration
    err:     change it there and reload (SIGHUP)
    ");
    assert_snapshot!(directory.prints(&["client", "delete", "api", "--yes"]), @"
    exit 5
    err: api is declared in the configuration
    err:     take it out of the file first; `safeconduct client disable api` stops it at once
    ");
    assert_eq!(
        directory.run(&["client", "disable", "api"]).status.code(),
        Some(0)
    );
    assert!(server.stop().unwrap().success());

    // Starting again enables nobody; taking the client out of the file lets it be deleted.
    let _server = directory.serve(&["serve", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!(introspects(port, "api", SECRET), 401);
    fs::write(
        directory.path().join("safeconduct.toml"),
        format!("issuer = \"http://localhost:{port}\"\n"),
    )
    .unwrap();
    assert_eq!(
        directory
            .run(&["client", "delete", "api", "--yes"])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn a_declared_group_changes_in_the_file_alone_but_for_its_members() {
    let [port] = free_ports();
    let config = format!(
        "issuer = \"http://localhost:{port}\"\n[server]\nlisten = [\"127.0.0.1:{port}\"]\n"
    );
    let directory = Directory::with_config(&format!(
        "{config}[groups.staff]\nrequire_second_factor = true\n"
    ));
    let mut server = directory.serve(&["serve", "--admin-listen", "127.0.0.1:0"]);
    assert_snapshot!(directory.prints(&["group", "edit", "staff", "--require-second-factor", "false"]), @"
    exit 5
    err: staff is declared in the configuration
    err:     change it there and reload (SIGHUP)
    ");
    assert_snapshot!(directory.prints(&["group", "remove", "staff", "--yes"]), @"
    exit 5
    err: staff is declared in the configuration
    err:     take it out of the file and reload (SIGHUP) first
    ");
    directory.run_with_input(&["user", "add", "ada", "--stdin"], "correct horse\n");
    assert_snapshot!(directory.prints(&["group", "add-member", "staff", "ada"]), @"
    exit 0
    err: ada belongs to staff
    ");
    assert_eq!(
        directory.json(&["group", "show", "staff"])["declared"],
        true
    );
    assert!(server.stop().unwrap().success());

    fs::write(directory.path().join("safeconduct.toml"), config).unwrap();
    let _server = directory.serve(&["serve", "--admin-listen", "127.0.0.1:0"]);
    let shown = directory.json(&["group", "show", "staff"]);
    assert_eq!(
        (
            &shown["declared"],
            &shown["require_second_factor"],
            &shown["members"][0]["username"]
        ),
        (&false.into(), &true.into(), &"ada".into())
    );
    assert_eq!(
        directory
            .run(&["group", "remove", "staff", "--yes"])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn a_client_made_by_command_is_taken_over_by_a_word_in_the_file_and_let_go_by_another() {
    let [port] = free_ports();
    let directory = with_declared_client(port);
    let declaring = fs::read_to_string(directory.path().join("safeconduct.toml")).unwrap();
    let write = |text: &str| fs::write(directory.path().join("safeconduct.toml"), text).unwrap();
    let (empty, _) = declaring.split_once("[[clients]]").unwrap();
    write(empty);
    let made = directory.json(&["client", "create", "api"]);
    let first = made["client_secret"].as_str().unwrap();
    let serve = ["serve", "--admin-listen", "127.0.0.1:0"];

    write(&declaring);
    let refusal = "the client api was made by command, and the configuration declares it too";
    assert_snapshot!(directory.prints(&["check"]), @"
    exit 3
    err: the client api was made by command, and the configuration declares it too
    err:     write adopt = true into its table if the file is to take it over, its secret included; else take it out of the file
    ");
    let started = directory.prints(&serve);
    assert!(
        started.starts_with("exit 3\n") && started.contains(refusal),
        "{started}"
    );
    let shown = directory.json(&["client", "show", "api"]);
    assert_eq!(shown["declared"], false, "nothing was changed");

    write(&format!("{declaring}adopt = true\n"));
    assert!(
        directory
            .prints(&["check"])
            .ends_with("err: the configuration is right\n")
    );
    let mut server = directory.serve(&serve);
    assert_eq!(introspects(port, "api", first), 401);
    assert_eq!(introspects(port, "api", SECRET), 200);
    assert!(server.stop().unwrap().success());

    write(empty);
    let told = directory.prints(&["check"]);
    let (_, told) = told.split_once("err: ").unwrap();
    assert_snapshot!(told, @"
    warning: the configuration declares the client api no more, and that would disable it and end all that it was granted
    err:     put it back; or let it go: `safeconduct client disable api`, or `safeconduct serve --prune`
    err: the configuration is right, with 1 warning
    ");
    let started = directory.prints(&serve);
    assert!(
        started.starts_with("exit 3\n") && started.contains("declares the client api no more"),
        "{started}"
    );
    assert_eq!(
        directory.json(&["client", "show", "api"])["enabled"],
        true,
        "nothing was changed"
    );
    let mut server = directory.serve(&[&serve[..], &["--prune"]].concat());
    assert_eq!(introspects(port, "api", SECRET), 401);
    assert!(server.stop().unwrap().success());
    let server = directory.serve(&serve);
    drop(server);
}

#[test]
fn a_running_server_sees_what_a_command_changed_within_a_second() {
    let [port] = free_ports();
    let directory = with_declared_client(port);
    let _server = directory.serve(&["serve", "--admin-listen", "127.0.0.1:0"]);
    let made = directory.json(&["client", "create", "late"]);
    let secret = made["client_secret"].as_str().unwrap();
    within_a_second(|| introspects(port, "late", secret) == 200);
    let rotated = directory.json(&["client", "rotate-secret", "late"]);
    within_a_second(|| introspects(port, "late", secret) == 401);
    assert_eq!(
        introspects(port, "late", rotated["client_secret"].as_str().unwrap()),
        200
    );
}

#[test]
fn a_second_signal_cuts_off_what_the_first_one_waits_for() {
    let [port] = free_ports();
    let directory = with_declared_client(port);
    let mut server = directory.serve(&["serve", "--admin-listen", "127.0.0.1:0"]);
    let _unfinished = half_a_request(port);
    server.signal(Signal::TERM).unwrap();
    server.wait_for("a second signal cuts them off").unwrap();
    assert!(server.stop().unwrap().success());
}

#[test]
fn a_schema_is_planned_and_then_taken() {
    let directory = on_this_machine();
    assert_snapshot!(directory.prints(&["migrate", "--plan"]), @"
    exit 8
    out: VERSION  NAME        STATE
    out: 1        foundation  left
    err: 1 step left: `safeconduct migrate` takes them, and so does the first node that starts
    ");
    assert!(!directory.path().join("safeconduct.db").exists());
    assert_snapshot!(directory.prints(&["migrate"]), @"
    exit 0
    out: VERSION  NAME        STATE
    out: 1        foundation  taken now
    err: 1 step taken
    ");
    assert_snapshot!(directory.prints(&["migrate", "--plan"]), @"
    exit 0
    out: VERSION  NAME        STATE
    out: 1        foundation  taken
    err: the schema is up to date
    ");
}

#[test]
fn check_looks_at_the_database_if_asked_and_changes_nothing() {
    let directory = on_this_machine();
    assert_snapshot!(directory.prints(&["check", "--connect"]), @"
    exit 0
    out: configuration  safeconduct.toml
    out: issuer         http://localhost:8420
    out: listen         127.0.0.1:8420
    out: admin listen   127.0.0.1:8429
    out: database       safeconduct.db
    out: schema         none (made on first start, or by `safeconduct migrate`)
    out: master key     master.key (made on first start)
    out: groups         –
    out: scopes         notes.read
    out: resources      –
    out: clients        –
    err: the configuration and the database are right
    ");
    assert!(!directory.path().join("safeconduct.db").exists());
    directory.json(&["user", "list"]);
    assert_snapshot!(directory.prints(&["check", "--connect"]), @"
    exit 0
    out: configuration  safeconduct.toml
    out: issuer         http://localhost:8420
    out: listen         127.0.0.1:8420
    out: admin listen   127.0.0.1:8429
    out: database       safeconduct.db
    out: schema         version 1
    out: master key     master.key
    out: groups         –
    out: scopes         notes.read
    out: resources      –
    out: clients        –
    err: the configuration and the database are right
    ");
    let mut check = directory.command(&["check", "--connect"]);
    let other = check.env("SAFECONDUCT_ISSUER", "http://localhost:8421");
    assert_snapshot!(directory.printed(&other.output().unwrap()), @r#"
    exit 3
    err: warning: safeconduct.toml:1: the issuer is at port 8421, and nobody listens there
    err:     add "127.0.0.1:8421", or change the port of the issuer
    err: this database belongs to the issuer http://localhost:8420: set that issuer, or use another database
    "#);
    fs::write(directory.path().join("safeconduct.db"), "Dear diary").unwrap();
    assert_snapshot!(directory.prints(&["check", "--connect"]), @"
    exit 1
    err: DIR/safeconduct.db is not a SQLite database: name another file, or move this one away
    ");
}

#[test]
fn where_nothing_was_restored_no_era_begins_and_nothing_is_made() {
    let directory = on_this_machine();
    let refused = "exit 4\nerr: no server was ever started on safeconduct.db: put the backup in place first, \
                   or name the database that was restored\n";
    assert_eq!(directory.prints(&["restored", "--yes"]), refused);
    assert!(!directory.path().join("safeconduct.db").exists());
    assert!(!directory.path().join("master.key").exists());
    directory.prints(&["migrate"]);
    assert_eq!(directory.prints(&["restored", "--yes"]), refused);
}

#[test]
fn a_restored_database_begins_an_era_when_it_is_confirmed() {
    let directory = on_this_machine();
    directory.json(&["user", "list"]);
    assert_snapshot!(directory.prints(&["restored"]), @"
    exit 2
    err: Everything that was handed out from safeconduct.db until now will be refused: sessions, codes, access and refresh
    err: tokens. Everybody signs in again. Users, passwords, clients, consents and keys stay. Go on?
    err:     there is no terminal to ask on: repeat it with --yes
    ");
    let told = directory.prints(&["restored", "--yes"]);
    let era = told
        .lines()
        .find_map(|line| line.strip_prefix("out: era       "));
    let era = era.unwrap();
    assert_snapshot!(told.replace(era, "ERA"), @"
    exit 0
    out: database  safeconduct.db
    out: era       ERA
    err: everything handed out before is refused; running nodes know within a second
    err:     an API that validates JWTs by itself accepts an access token until it expires
    err:     locks, passwords, secrets and keys that were changed since the backup have to be changed again
    ");
    let begun: i64 = era.parse().unwrap();
    let next = directory.json(&["restored", "--yes"])["era"].as_i64();
    assert!(1 < begun && begun < next.unwrap());
}

#[test]
fn systemd_is_told_when_a_server_is_ready_and_when_it_stops() {
    let [port] = free_ports();
    let directory = with_declared_client(port);
    let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut serve = directory.command(&["serve", "--admin-listen", "127.0.0.1:0"]);
    let mut server = directory.start(
        serve.env("NOTIFY_SOCKET", directory.path().join("notify")),
        READY,
    );
    let told = || {
        let mut message = [0; 64];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    assert_eq!(told(), "READY=1");
    server.signal(Signal::TERM).unwrap();
    assert_eq!(told(), "STOPPING=1");
    assert!(server.ends().unwrap().success());
}

/// Lets a server write into files up to this size, or as far as it likes.
fn limit_files(server: &Process, size: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", &server.id().to_string()])
        .arg(format!("--fsize={size}:unlimited"))
        .status();
    assert!(limited.unwrap().success());
}

/// A disk without room is nothing that a process without root can make; a limit on the size of its files is much the same to it.
/// Attacks: E07.
#[test]
fn a_server_that_cannot_write_is_alive_and_not_ready_until_it_can() {
    let [port, admin] = free_ports();
    let directory = Directory::with_config(&format!(
        "issuer = \"http://localhost:{port}\"\n[server]\nlisten = [\"127.0.0.1:{port}\"]\nadmin_listen = \"127.0.0.1:{admin}\"\n\
         [[clients]]\nid = \"api\"\ngrant_types = [\"client_credentials\"]\nscopes = [\"notes.read\"]\nsecret_file = \"api.secret\"\n\
         [scopes.\"notes.read\"]\ntext.en = \"Read notes\"\n"
    ));
    directory.write("api.secret", "0123456789abcdef0123456789abcdef\n");
    let program = program().display();
    let mut command = Command::new("/bin/sh");
    // Else the limit ends it.
    command.args(["-c", &format!("trap '' XFSZ; exec '{program}' serve")]);
    let server = directory.start(command.current_dir(directory.path()).env_clear(), READY);
    let token = |answer: &str| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let token = answer["access_token"].as_str().expect("a token");
        format!("token={token}")
    };
    let ask = "grant_type=client_credentials&scope=notes.read";
    let issued = post(port, "/token", ("api", SECRET), ask);
    assert_eq!(issued.status, 200, "{issued:?}");
    let revocation = token(&issued.body);
    let health = |path: &str| {
        let path = format!("/health/{path}");
        get(("127.0.0.1", admin), &path).unwrap().status
    };
    assert_eq!((health("live"), health("ready")), (200, 200));

    limit_files(&server, "0");
    assert_eq!(
        post(port, "/revoke", ("api", SECRET), &revocation).status,
        503
    );
    assert_eq!((health("live"), health("ready")), (200, 503));
    let metrics = fetch(admin, "/metrics");
    let reason = r#"safeconduct_not_ready{reason="writes"} 1"#;
    assert!(metrics.contains(reason), "{metrics}");
    assert_eq!(
        post(port, "/token", ("api", SECRET), ask).status,
        200,
        "that writes nothing"
    );

    limit_files(&server, "unlimited");
    let begun = Instant::now();
    while health("ready") != 200 {
        assert!(begun.elapsed() < Duration::from_secs(30), "not ready again");
    }
    assert_eq!(
        post(port, "/revoke", ("api", SECRET), &revocation).status,
        200
    );
}

/// On a full disk the log is often the first that can't be written.
#[test]
fn a_log_that_cannot_be_written_costs_no_answer() {
    let [port] = free_ports();
    let directory = with_declared_client(port);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = directory.command(&["serve", "--admin-listen", "127.0.0.1:0"]);
    let mut server = command.stderr(full).spawn().unwrap();
    let mut statuses = Vec::new();
    let begun = Instant::now();
    while statuses.len() < 3 && begun.elapsed() < PATIENCE {
        match get(("127.0.0.1", port), "/authorize") {
            Ok(answer) => statuses.push(answer.status),
            // Before it listens there is no connection; one that ends without an answer is the failure.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => statuses.push(0),
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(statuses, [400; 3]);
}

/// A request under way: the server has read its head, and half of its body is sent.
fn half_a_request(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "POST /token HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
    )
    .unwrap();
    let mut go_on = *b"HTTP/1.1 100 Continue\r\n\r\n";
    stream.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 "));
    stream.write_all(b"grant").unwrap();
    stream
}

/// As `nohup` starts it.
#[test]
fn a_server_that_was_to_ignore_hangups_does() {
    let [port] = free_ports();
    let directory = with_declared_client(port);
    let program = program().display();
    let serve = format!("trap '' HUP; exec '{program}' serve --admin-listen 127.0.0.1:0");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &serve]).current_dir(directory.path());
    let mut server = directory.start(command.env_clear(), READY);
    server.signal(Signal::HUP).unwrap();
    let metadata = fetch(port, "/.well-known/oauth-authorization-server");
    assert!(metadata.contains("issuer"));
    assert!(server.stop().unwrap().success());
}

/// The body of a page.
fn fetch(port: u16, path: &str) -> String {
    let answer = get(("127.0.0.1", port), path).unwrap();
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

/// The answer to a form that a client sends, whose id and secret are given.
fn post(port: u16, path: &str, (id, secret): (&str, &str), form: &str) -> Answer {
    let credentials = base64(&format!("{id}:{secret}"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nAuthorization: Basic {credentials}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    send(("127.0.0.1", port), &head, form).unwrap()
}

/// The status of the answer when `client` asks about a token that does not exist.
fn introspects(port: u16, client: &str, secret: &str) -> u16 {
    post(port, "/introspect", (client, secret), "token=nonsense").status
}

/// Asks again and again until `holds`; a second and the time of a slow machine's request later it has to.
fn within_a_second(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "it does not hold after {:?}",
            begun.elapsed()
        );
    }
}

/// Base64 with padding, as HTTP's Basic authentication writes it.
fn base64(text: &str) -> String {
    let url_safe = safeconduct_protocol::encoding::encode(text.as_bytes())
        .replace('-', "+")
        .replace('_', "/");
    let padding = "=".repeat((4 - url_safe.len() % 4) % 4);
    url_safe + &padding
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).unwrap().mode() & 0o777
}

/// Attacks: AP29.
#[test]
fn a_rule_that_names_no_group_is_told() {
    let directory = Directory::with_config(
        "issuer = \"http://localhost:8420\"\n[groups.staff]\n[scopes.a]\ntext.en = \"A\"\ngroups = [\"staff\", \"editors\"]\n",
    );
    let create = ["client", "create", "--name", "Wiki", "wiki"];
    let wiki = ["--redirect-uri", "https://wiki.example/callback"];
    let groups = ["--group", "guests", "--contact", "it@wiki.example"];
    directory.json(&[&create[..], &wiki, &groups].concat());
    let wiki = directory.json(&["client", "show", "wiki"]);
    assert_eq!(wiki["groups"], serde_json::json!(["guests"]));
    let told = || {
        let checked = directory.run(&["check"]);
        let errors = String::from_utf8(checked.stderr).unwrap();
        let of_groups = errors
            .lines()
            .filter(|line| line.contains("which there is not"));
        of_groups.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        told(),
        [
            "warning: the client `wiki` is for the group `guests`, which there is not: it lets nobody in",
            "warning: the scope `a` is for the group `editors`, which there is not: it lets nobody in",
        ]
    );
    directory.run(&["group", "add", "guests"]);
    directory.run(&["group", "add", "editors"]);
    assert_eq!(told(), Vec::<String>::new());
}
