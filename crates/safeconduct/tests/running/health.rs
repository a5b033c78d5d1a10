//! A server is asked how it is by its own program, and shows its memory to no other process.

use std::fs;

use safeconduct_testing_program::{Directory, free_ports};

#[test]
fn the_program_asks_a_server_how_it_is() {
    let [port, admin] = free_ports();
    let directory = Directory::with_config(&format!(
        "issuer = \"http://localhost:{port}\"\nserver.listen = [\"127.0.0.1:{port}\"]\nserver.admin_listen = \"127.0.0.1:{admin}\"\n"
    ));
    let told = directory.prints(&["health"]);
    let says = format!("exit 1\nerr: no answer from http://127.0.0.1:{admin}/health/ready: ");
    assert!(told.starts_with(&says), "{told}");
    let mut server = directory.serve(&["serve"]);
    assert_eq!(directory.prints(&["health"]), "exit 0\nout: ready\n");
    assert_eq!(
        directory.prints(&["health", "--live"]),
        "exit 0\nout: alive\n"
    );
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
    // The database is gone: alive, and not ready, with the reason.
    fs::rename(
        directory.path().join("safeconduct.db"),
        directory.path().join("elsewhere.db"),
    )
    .unwrap();
    let told = directory.prints(&["health"]);
    assert!(told.starts_with("exit 1\nerr: "), "{told}");
    assert_eq!(
        directory.prints(&["health", "--live"]),
        "exit 0\nout: alive\n"
    );
    fs::rename(
        directory.path().join("elsewhere.db"),
        directory.path().join("safeconduct.db"),
    )
    .unwrap();
    assert!(server.stop().unwrap().success());
}
