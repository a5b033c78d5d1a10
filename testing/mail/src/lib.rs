//! A mail server that belongs to a test: it speaks SMTP (RFC 5321) on a free port of 127.0.0.1, with TLS under an authority of its own, keeps
//! what it was sent, and answers as the test tells it to: it refuses, falls silent, hangs up, floods.
//!
//! It panics where a test could not go on; what a client does wrong ends its connection.

mod certificates;
mod conversation;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use certificates::Authority;

/// The name in its certificate, unless a test wants another.
pub const HOST: &str = "localhost";
/// Who may sign in, and with what.
pub const USERNAME: &str = "safeconduct";
/// The password of [`USERNAME`].
pub const PASSWORD: &str = "the mail server's own";

/// How connections are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte.
    Implicit,
    /// After STARTTLS.
    StartTls,
    /// Never.
    None,
}

/// When in a conversation a test wants another answer than the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Somebody has connected.
    Connect,
    /// `EHLO`, in clear or not.
    Ehlo,
    /// `STARTTLS`.
    StartTls,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`.
    Data,
    /// The dot behind a mail, which is kept before the answer.
    Dot,
}

/// What it does then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It says this, line ends apart, and goes on as usual.
    Says(&'static str),
    /// It says nothing more.
    Silence,
    /// It hangs up.
    HangsUp,
    /// It says one line that is so many bytes long.
    LongLine(usize),
}

/// A mail as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// What stood behind `MAIL FROM:`.
    pub from: String,
    /// What stood behind `RCPT TO:`.
    pub to: String,
    /// Head and body, with the dots as they were meant.
    pub text: String,
    /// Who had signed in.
    pub signed_in: Option<(String, String)>,
    /// Whether it came encrypted.
    pub is_encrypted: bool,
}

impl Received {
    /// The value of a header, on one line; `None` without it.
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.text.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut lines = head.split("\r\n");
        lines.find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }

    /// The first part of its body, decoded: its text.
    pub fn said(&self) -> String {
        let boundary = self.header("Content-Type").unwrap_or_default();
        let boundary = boundary.split('"').nth(1).unwrap_or_default();
        let part = self.text.split(&format!("--{boundary}")).nth(1);
        let (head, body) = part
            .and_then(|part| part.split_once("\r\n\r\n"))
            .unwrap_or_default();
        let bytes = if head.contains("base64") {
            let letters: String = body.split_whitespace().collect();
            STANDARD.decode(letters).unwrap_or_default()
        } else if head.contains("quoted-printable") {
            unquoted(body)
        } else {
            body.as_bytes().to_vec()
        };
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }
}

/// What quoted-printable stands for (RFC 2045 §6.7).
fn unquoted(body: &str) -> Vec<u8> {
    let body = body.replace("=\r\n", "");
    let mut parts = body.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (number, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        bytes.extend(u8::from_str_radix(number, 16));
        bytes.extend(rest.as_bytes());
    }
    bytes
}

/// A mail server.
pub struct MailServer {
    state: Arc<State>,
    address: SocketAddr,
    authority: Authority,
    accepting: JoinHandle<()>,
}

struct State {
    encryption: Encryption,
    tls: TlsAcceptor,
    heard: Mutex<Heard>,
    something: Notify,
}

#[derive(Default)]
struct Heard {
    answers: BTreeMap<Moment, Answer>,
    mails: Vec<Received>,
    in_clear: Vec<String>,
    connections: usize,
}

impl MailServer {
    /// A server that takes every mail.
    pub async fn start(encryption: Encryption) -> Self {
        Self::with_certificate_for(HOST, encryption).await
    }

    /// The same, with a certificate for another name.
    pub async fn with_certificate_for(name: &str, encryption: Encryption) -> Self {
        let authority = Authority::new();
        let state = Arc::new(State {
            encryption,
            tls: TlsAcceptor::from(authority.server(name)),
            heard: Mutex::default(),
            something: Notify::new(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port of 127.0.0.1");
        let address = listener.local_addr().expect("a bound port");
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            state,
            address,
            authority,
            accepting,
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The file with the certificate that vouches for it.
    pub fn ca_file(&self) -> &Path {
        self.authority.file()
    }

    /// From now on it answers so at `moment`.
    pub fn answer(&self, moment: Moment, answer: Answer) {
        self.state.heard().answers.insert(moment, answer);
    }

    /// From now on it answers as usual.
    pub fn answer_as_usual(&self) {
        self.state.heard().answers.clear();
    }

    /// The mails it has been sent, in their order; those as well whose end it did not confirm.
    pub fn mails(&self) -> Vec<Received> {
        self.state.heard().mails.clone()
    }

    /// The lines it was sent in clear.
    pub fn in_clear(&self) -> Vec<String> {
        self.state.heard().in_clear.clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.state.heard().connections
    }

    /// Waits until there was a connection.
    pub async fn has_been_connected_to(&self) {
        loop {
            let something = self.state.something.notified();
            if self.connections() > 0 {
                return;
            }
            something.await;
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        state.heard().connections += 1;
        state.something.notify_waiters();
        let state = Arc::clone(&state);
        // What a client breaks off is its own matter.
        tokio::spawn(async move {
            let _ = conversation::hold(stream, &state).await;
        });
    }
}
