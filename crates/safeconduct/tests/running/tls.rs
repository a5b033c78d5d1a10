//! The server speaks TLS itself.

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use rstest::rstest;
use rustix::process::Signal;
use safeconduct_testing_program::{Directory, PATIENCE, READY, free_ports, program};

use crate::identity::{HOST, Identity, write};

fn configured(port: u16) -> Directory {
    Directory::with_config(&format!(
        "issuer = \"https://{HOST}:{port}\"\n\
         [server]\nlisten = [\"127.0.0.1:{port}\"]\nadmin_listen = \"127.0.0.1:0\"\n\
         [server.tls]\ncertificate = \"id.pem\"\nkey = \"id.key\"\n\
         [secrets]\nmaster_key_file = \"master.key\"\n"
    ))
}

pub(crate) fn with_master_key(directory: &Directory) {
    directory.write("master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
}

/// The program as a service manager starts it: a test run may ignore hangups, as `nohup` makes it, and what it starts would as well.
pub(crate) fn serve(directory: &Directory) -> Command {
    let mut command = Command::new("/usr/bin/env");
    command
        .arg("--default-signal=HUP")
        .arg(program())
        .arg("serve");
    command.current_dir(directory.path()).env_clear();
    command
}

async fn is_served(identity: &Identity, port: u16) -> bool {
    let client = identity.client(SocketAddr::from(([127, 0, 0, 1], port)));
    let answer = client.get(format!(
        "https://{HOST}:{port}/.well-known/openid-configuration"
    ));
    answer
        .send()
        .await
        .is_ok_and(|answer| answer.status() == 200)
}

/// Attacks: RU02, RU23.
#[tokio::test]
async fn a_certificate_is_renewed_at_a_hangup_and_a_wrong_one_changes_nothing() {
    let [port] = free_ports();
    let directory = configured(port);
    with_master_key(&directory);
    let first = Identity::new();
    first.write(directory.path());
    let supervisor = UnixDatagram::bind(directory.path().join("notify")).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = serve(&directory);
    command.env("NOTIFY_SOCKET", directory.path().join("notify"));
    let mut server = directory.start(&mut command, READY);
    assert_eq!(told(&supervisor), "READY=1");
    assert!(is_served(&first, port).await);

    let second = Identity::new();
    second.write(directory.path());
    server.signal(Signal::HUP).unwrap();
    server.wait_for("another certificate is shown").unwrap();
    let reloading = told(&supervisor);
    let time = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .unwrap();
    assert!(time.parse::<u64>().unwrap() > 0, "{reloading}");
    assert_eq!(told(&supervisor), "READY=1\nSTATUS=reloaded");
    assert!(is_served(&second, port).await);
    assert!(!is_served(&first, port).await);

    // The key of yet another: the answer to the hangup is there all the same.
    write(&directory.path().join("id.key"), &Identity::new().key);
    server.signal(Signal::HUP).unwrap();
    server.wait_for("is not that of the certificate").unwrap();
    server.wait_for("everything stays as it was").unwrap();
    assert!(told(&supervisor).starts_with("RELOADING=1\n"));
    let refused = told(&supervisor);
    assert!(
        refused.starts_with("READY=1\nSTATUS=not reloaded, everything stays as it was: "),
        "{refused}"
    );
    assert!(is_served(&second, port).await);
    assert!(server.stop().unwrap().success());
}

pub(crate) fn told(supervisor: &UnixDatagram) -> String {
    let mut state = [0; 256];
    let length = supervisor.recv(&mut state).unwrap();
    String::from_utf8_lossy(&state[..length]).into_owned()
}

/// Attacks: RU01, RU03, RU04.
#[rstest]
#[case::anothers_key(
    |folder: &Directory| write(&folder.path().join("id.key"), &Identity::new().key),
    "safeconduct.toml:6: the key in id.key is not that of the certificate in id.pem"
)]
#[case::a_directory(
    |folder: &Directory| {
        std::fs::remove_file(folder.path().join("id.pem")).unwrap();
        std::fs::create_dir(folder.path().join("id.pem")).unwrap();
    },
    "safeconduct.toml:6: id.pem is a directory"
)]
#[case::empty(
    |folder: &Directory| write(&folder.path().join("id.pem"), ""),
    "safeconduct.toml:6: id.pem: no certificate is in it"
)]
#[case::encrypted(
    |folder: &Directory| write(&folder.path().join("id.key"), "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"),
    "safeconduct.toml:7: id.key: its private key is encrypted\nerr:     take the passphrase off"
)]
#[case::gone(
    |folder: &Directory| std::fs::remove_file(folder.path().join("id.key")).unwrap(),
    "safeconduct.toml:7: id.key can't be read: No such file"
)]
#[case::expired(
    |folder: &Directory| Identity::until(2020).write(folder.path()),
    "safeconduct.toml:6: the certificate in id.pem expired at 2020-01-01T00:00:00Z"
)]
#[case::open_to_everyone(
    |folder: &Directory| {
        use std::os::unix::fs::PermissionsExt as _;
        let key = folder.path().join("id.key");
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
    },
    "safeconduct.toml:7: the secret file id.key can be read by everyone on this machine"
)]
fn files_that_no_client_would_take_are_refused_at_start(
    #[case] spoil: fn(&Directory),
    #[case] says: &str,
) {
    let directory = configured(8420);
    with_master_key(&directory);
    Identity::new().write(directory.path());
    spoil(&directory);
    for command in ["check", "serve"] {
        let told = directory.prints(&[command]);
        assert!(
            told.starts_with("exit 3\n") && told.contains(says),
            "{command}: {told}"
        );
    }
}

#[test]
fn check_tells_of_every_file_that_is_wrong() {
    let directory = configured(8420);
    with_master_key(&directory);
    let config = directory.read("safeconduct.toml");
    let more = "[mail]\nhost = \"mail.example\"\nfrom = \"id@mail.example\"\nusername = \"id\"\npassword_file = \"mail.password\"\n\
                [[clients]]\nid = \"api\"\ngrant_types = []\nsecret_file = \"api.secret\"\n";
    directory.write("safeconduct.toml", &format!("{config}{more}"));
    let told = directory.prints(&["check"]);
    for file in ["id.pem", "id.key", "mail.password", "api.secret"] {
        assert!(
            told.contains(&format!("{file} can't be read: No such file")),
            "{file}: {told}"
        );
    }
    assert!(told.starts_with("exit 3\n"), "{told}");
}

#[test]
fn check_tells_whose_certificate_it_is_and_when_it_ends() {
    let directory = configured(8420);
    with_master_key(&directory);
    Identity::until(2100).write(directory.path());
    let told = directory.prints(&["check"]);
    let says = format!("certificate    {HOST}, until 2100-01-01T00:00:00Z");
    assert!(
        told.starts_with("exit 0\n") && told.contains(&says),
        "{told}"
    );
    assert!(!told.contains("warning"), "{told}");
    // From 2000 to 2030: less than a third is left.
    Identity::until(2030).write(directory.path());
    let told = directory.prints(&["check"]);
    assert!(
        told.contains("ends at 2030-01-01T00:00:00Z: less than a third of its life is left"),
        "{told}"
    );
    let config = directory
        .read("safeconduct.toml")
        .replace(HOST, "other.example");
    directory.write("safeconduct.toml", &config);
    let told = directory.prints(&["check"]);
    assert!(
        told.contains("is for id.example, and the issuer is at other.example"),
        "{told}"
    );
}
