//! aiosmtpd takes mails from Safeconduct, after STARTTLS and a sign-in, and Python's own reader finds in them what was written: the server
//! is `interop/aiosmtpd`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use safeconduct_interop::{Safeconduct, USERNAME, folder_of};
use safeconduct_testing_mail::{Authority, PASSWORD};
use safeconduct_testing_program::{Process, free_ports};
use tempfile::TempDir;
use tokio::time::{interval, timeout};

/// How long a mail may take that is queued by a command and sent by the server.
const LONGEST: Duration = Duration::from_secs(20);

/// Prints what Python's reader makes of a mail: its headers, and each part with its type.
const READER: &str = r#"
import email, email.policy, sys
mail = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
assert not mail.defects, mail.defects
for name in ("From", "To", "Subject", "Auto-Submitted", "X-MailFrom", "X-RcptTo"):
    print(f"{name}: {mail[name]}")
for part in mail.iter_parts():
    assert not part.defects, part.defects
    print(part.get_content_type())
    print(part.get_content())
"#;

struct MailServer {
    _process: Process,
    folder: TempDir,
    port: u16,
}

impl MailServer {
    fn start(authority: &Authority) -> Result<Self> {
        let [port] = free_ports();
        let folder = tempfile::tempdir()?;
        let (certificate, key) = authority.issue("localhost", folder.path());
        let mut server = Command::new("python3");
        server
            .arg(folder_of("aiosmtpd").join("server.py"))
            .arg(port.to_string())
            .args([certificate, key, folder.path().join("mails")])
            .env("MAIL_PASSWORD", PASSWORD);
        let mut process = Process::start(&mut server, &folder.path().join("log"))?.shown();
        process.wait_for("ready")?;
        Ok(Self {
            _process: process,
            folder,
            port,
        })
    }

    fn mails(&self) -> Result<Vec<PathBuf>> {
        let new = self.folder.path().join("mails/new");
        let entries = fs::read_dir(new)?.map(|entry| Ok(entry?.path()));
        entries.collect()
    }

    /// Waits for so many mails.
    async fn has(&self, count: usize) -> Result<Vec<PathBuf>> {
        let waiting = async {
            let mut look = interval(Duration::from_millis(50));
            loop {
                look.tick().await;
                let mails = self.mails()?;
                if mails.len() >= count {
                    return Ok(mails);
                }
            }
        };
        timeout(LONGEST, waiting).await.context("no mail came")?
    }
}

/// What Python reads in a mail.
fn read(mail: &Path) -> Result<String> {
    let mut read = Command::new("python3");
    let output = read.args(["-c", READER]).arg(mail).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn mails_arrive_at_a_server_that_wants_starttls_and_a_sign_in_with_aiosmtpd() -> Result<()> {
    let authority = Authority::new();
    let mail = MailServer::start(&authority)?;
    let password = mail.folder.path().join("password");
    private(&password, PASSWORD)?;
    let server = Safeconduct::start(&format!(
        r#"
        [mail]
        host = "localhost"
        port = {}
        tls = "starttls"
        username = "safeconduct"
        password_file = "{}"
        ca_file = "{}"
        from = "no-reply@id.example"
        [ui]
        name = "Müller & Söhne"
        default_language = "de"
        "#,
        mail.port,
        password.display(),
        authority.file().display(),
    ))?;
    server.command(&["mail", "test", "ada@example.com"])?;
    let test = mail.has(1).await?.remove(0);
    let read_test = read(&test)?;
    for line in [
        "From: Müller & Söhne <no-reply@id.example>\n",
        "To: ada@example.com\n",
        "Subject: Ein Test von Müller & Söhne\n",
        "Auto-Submitted: auto-generated\n",
        "X-MailFrom: no-reply@id.example\n",
        "X-RcptTo: ada@example.com\n",
        "text/plain\nDiese Nachricht zeigt, dass Müller & Söhne Ihnen E-Mails senden kann.\n",
        "text/html\n<!doctype html>\n",
    ] {
        ensure!(read_test.contains(line), "{line}{read_test}");
    }
    fs::remove_file(test)?;
    // What an operator does is told by the server that runs beside it.
    let new = mail.folder.path().join("new");
    private(&new, "another correct horse battery")?;
    let new = new.to_str().context("a path of text")?;
    server.command(&["user", "set-password", USERNAME, "--password-file", new])?;
    let told = read(&mail.has(1).await?[0])?;
    ensure!(
        told.contains("Subject: Ihr Passwort bei Müller & Söhne wurde geändert\n"),
        "{told}"
    );
    ensure!(told.contains(&server.url("/account")), "{told}");
    Ok(())
}

fn private(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}
