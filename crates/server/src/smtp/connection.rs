//! Connects to the mail server and encrypts what is said: from the first byte, or after STARTTLS. What is said in clear before that is
//! ours, and little: lettre, which holds the conversation, only ever sees a connection that is encrypted (or, on this machine, one that the
//! operator wants in clear).
//!
//! What the server sends in clear behind its word for STARTTLS was sent by an attacker on the path, and ends the connection: taken along into
//! TLS it would count as the server's own (CVE-2011-0411 and its kind).

use std::{
    fmt, io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::{
    client::{AsyncSmtpConnection, AsyncTokioStream},
    extension::ClientId,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    fault::{Fault, cause_of},
    settings::{MailSettings, MailTls},
};

/// The longest line of an answer, and the most of one answer in clear, in bytes.
const LONGEST_LINE: usize = 4096;
const LONGEST_ANSWER: usize = 16 * 1024;

/// What a connection that has been greeted in clear is greeted with again.
const GREETING: &[u8] = b"220 encrypted\r\n";

/// Whose certificates are taken: those that an authority of `ca_file` has signed, or one that this machine trusts.
///
/// # Errors
/// The file can't be read, or this machine trusts nobody.
pub(super) fn tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Fault> {
    let fault = |error: rustls::Error| Fault::new(format!("no TLS for the mail server: {error}"));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(fault)?;
    let builder = match ca_file {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => builder.with_platform_verifier().map_err(fault)?,
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn authorities(file: &Path) -> Result<RootCertStore, Fault> {
    let unreadable = |reason: String| {
        let file = file.display();
        Fault::new(format!(
            "the certificates of the mail server's authority in {file} can't be read: {reason}"
        ))
    };
    let certificates = CertificateDer::pem_file_iter(file);
    let mut roots = RootCertStore::empty();
    for certificate in certificates.map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("no certificate is in it".to_owned()));
    }
    Ok(roots)
}

/// A connection to the mail server that has been greeted, and is encrypted as it should be.
///
/// # Errors
/// Why there is none, in words.
pub(super) async fn open(
    settings: &MailSettings,
    tls: &Arc<ClientConfig>,
    hello: &ClientId,
) -> Result<AsyncSmtpConnection, String> {
    let connected = TcpStream::connect((settings.host.as_str(), settings.port)).await;
    let stream = connected.map_err(|error| format!("connecting: {error}"))?;
    let wire = match settings.tls {
        MailTls::Plain => Wire::new(Stream::Plain(stream), b""),
        MailTls::Implicit => Wire::new(encrypted(stream, settings, tls).await?, b""),
        MailTls::StartTls => {
            let stream = ask_for_tls(stream, hello).await?;
            Wire::new(encrypted(stream, settings, tls).await?, GREETING)
        }
    };
    let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(wire), hello).await;
    greeted.map_err(|error| format!("greeting: {error}"))
}

async fn encrypted(
    stream: TcpStream,
    settings: &MailSettings,
    tls: &Arc<ClientConfig>,
) -> Result<Stream, String> {
    let name = ServerName::try_from(settings.host.clone());
    let name = name.map_err(|_| format!("{} is no name of a host", settings.host))?;
    let connector = TlsConnector::from(Arc::clone(tls));
    let encrypted = connector.connect(name, stream).await;
    let encrypted = encrypted.map_err(|error| format!("TLS: {}", cause_of(&error)))?;
    Ok(Stream::Tls(Box::new(encrypted)))
}

/// Asks for TLS in clear (RFC 3207), and gives the connection back at the moment where it begins.
async fn ask_for_tls(mut stream: TcpStream, hello: &ClientId) -> Result<TcpStream, String> {
    let mut clear = Clear::default();
    clear.expect(&mut stream, "220", "greeting").await?;
    let hello = format!("EHLO {hello}");
    let extensions = clear.say(&mut stream, &hello, "250").await?;
    let mut offered = extensions.lines().filter_map(|line| line.get(4..));
    let offered = offered.any(|line| line.trim().eq_ignore_ascii_case("STARTTLS"));
    if !offered {
        return Err("it offers no STARTTLS, and nothing is sent in clear".to_owned());
    }
    clear.say(&mut stream, "STARTTLS", "220").await?;
    if clear.received.is_empty() {
        Ok(stream)
    } else {
        Err("bytes in clear stood behind its answer to STARTTLS".to_owned())
    }
}

/// What was received in clear and is not read yet.
#[derive(Default)]
struct Clear {
    received: Vec<u8>,
}

impl Clear {
    async fn say(
        &mut self,
        stream: &mut TcpStream,
        command: &str,
        code: &str,
    ) -> Result<String, String> {
        let line = format!("{command}\r\n");
        let written = stream.write_all(line.as_bytes()).await;
        written.map_err(|error| error.to_string())?;
        let verb = command.split(' ').next().unwrap_or(command);
        self.expect(stream, code, verb).await
    }

    /// The next answer, if it begins with `code`.
    async fn expect(
        &mut self,
        stream: &mut TcpStream,
        code: &str,
        to: &str,
    ) -> Result<String, String> {
        let answer = self.answer(stream).await?;
        let shown: String = answer.chars().take(LONGEST_LINE / 32).collect();
        if answer.starts_with(code) {
            Ok(answer)
        } else {
            Err(format!(
                "{to}: it answered {}",
                shown.trim_end().escape_debug()
            ))
        }
    }

    /// The next answer: lines to the first that has no dash behind its code (RFC 5321 §4.2.1).
    async fn answer(&mut self, stream: &mut TcpStream) -> Result<String, String> {
        let mut answer = String::new();
        loop {
            while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).into_owned();
                answer.push_str(&line);
                if line.as_bytes().get(3) != Some(&b'-') {
                    return Ok(answer);
                }
            }
            if answer.len() + self.received.len() > LONGEST_ANSWER {
                return Err("an answer without end".to_owned());
            }
            let read = stream.read_buf(&mut self.received).await;
            match read.map_err(|error| error.to_string())? {
                0 => return Err("it hung up".to_owned()),
                _ => continue,
            }
        }
    }
}

/// The connection as lettre reads it: first a greeting, where the server's own is over, then what comes. A line without end is an error
/// instead of memory.
struct Wire {
    stream: Stream,
    greeting: &'static [u8],
    /// How long the line is that is being read.
    line: usize,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    fn new(stream: Stream, greeting: &'static [u8]) -> Self {
        Self {
            stream,
            greeting,
            line: 0,
        }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut dyn Both> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream),
            Stream::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.greeting.is_empty() {
            let (now, later) = self
                .greeting
                .split_at(self.greeting.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(self.as_mut().stream().poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        self.line = match read.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => read.len() - end - 1,
            None => self.line + read.len(),
        };
        if self.line > LONGEST_LINE {
            return Poll::Ready(Err(io::Error::other("a line without end")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Wire")
    }
}
