//! What each `sslmode` asks of the server's certificate. The certificates are made by OpenSSL, which PostgreSQL brings along.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::driver::OpenError;

/// A server that speaks TLS as `localhost`, and the authority that vouches for it.
struct Encrypted {
    server: Server,
    database: Database,
    directory: TempDir,
}

impl Encrypted {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        certify(directory.path());
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        let server = Server::start(&[("fsync", "off")]);
        let certificate = server.write_file("server.pem", &read("server.pem"));
        let key = server.write_file("server.key", &read("server.key"));
        for (name, value) in [("ssl_cert_file", &certificate), ("ssl_key_file", &key)] {
            server.sql("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
        }
        server.sql("postgres", "ALTER SYSTEM SET ssl = on");
        server.stop();
        server.restart();
        server.sql("postgres", "CREATE ROLE tls_role LOGIN SUPERUSER");
        let database = server.create_database();
        Self {
            server,
            database,
            directory,
        }
    }

    /// The URL as a role that is let in over TLS alone.
    fn url(&self, host: &str, parameters: &str) -> String {
        let (port, name) = (self.server.port(), self.database.name());
        let url = format!("postgres://tls_role@{host}:{port}/{name}?{parameters}");
        url.replace(
            "CA",
            &self.directory.path().join("ca.pem").display().to_string(),
        )
    }

    async fn opens(&self, host: &str, parameters: &str) {
        let postgres = shelf(&self.url(host, parameters)).await;
        let encrypted = "SELECT CAST(ssl AS TEXT) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(asked(&postgres, encrypted).await, "true", "{parameters}");
        postgres.close().await;
    }

    async fn refuses(&self, host: &str, parameters: &str) -> OpenError {
        let opened = Postgres::open(&self.url(host, parameters), SHELF).await;
        opened
            .err()
            .unwrap_or_else(|| panic!("{host} {parameters}"))
    }
}

fn certify(directory: &Path) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        let arguments = arguments.split_whitespace();
        let output = command
            .args(arguments)
            .current_dir(directory)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=Authority"
    ));
    openssl(&format!(
        "req -x509 {key} -keyout other.key -out other.pem -subj /CN=Other"
    ));
    openssl(&format!(
        "req {key} -keyout server.key -out server.csr -subj /CN=localhost"
    ));
    fs::write(directory.join("names"), "subjectAltName = DNS:localhost").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
}

#[tokio::test]
async fn a_server_proves_as_much_as_was_asked_of_it_on_postgresql() {
    let encrypted = Encrypted::start();
    encrypted
        .opens("localhost", "sslmode=verify-full&sslrootcert=CA")
        .await;
    encrypted
        .opens("127.0.0.1", "sslmode=verify-ca&sslrootcert=CA")
        .await;
    encrypted
        .opens("127.0.0.1", "sslmode=require&sslrootcert=CA")
        .await;
    encrypted.opens("127.0.0.1", "sslmode=require").await;
    encrypted.opens("localhost", "").await;

    let name = encrypted
        .refuses("127.0.0.1", "sslmode=verify-full&sslrootcert=CA")
        .await;
    assert!(matches!(name, OpenError::Tls { .. }), "{name}");
    // Nobody that this machine trusts has vouched for it.
    let unknown = encrypted.refuses("localhost", "sslmode=verify-full").await;
    assert!(matches!(unknown, OpenError::Tls { .. }), "{unknown}");
    let other = encrypted.directory.path().join("other.pem");
    for mode in ["verify-full", "verify-ca", "require"] {
        let parameters = format!("sslmode={mode}&sslrootcert={}", other.display());
        let other = encrypted.refuses("localhost", &parameters).await;
        assert!(matches!(other, OpenError::Tls { .. }), "{other}");
    }
    let missing = encrypted
        .refuses("localhost", "sslmode=verify-ca&sslrootcert=/no/such.pem")
        .await;
    assert!(missing.to_string().contains("/no/such.pem"), "{missing}");
    let plain = encrypted.refuses("localhost", "sslmode=disable").await;
    assert!(matches!(plain, OpenError::Denied { .. }), "{plain}");
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_it_was_asked_for_on_postgresql() {
    let database = Server::shared().create_database();
    let refusal = Postgres::open(&format!("{}?sslmode=require", database.url()), SHELF).await;
    let refusal = refusal.err().expect("it must be refused");
    assert!(matches!(refusal, OpenError::Tls { .. }), "{refusal}");
    shelf(&format!("{}?sslmode=prefer", database.url())).await;
}
