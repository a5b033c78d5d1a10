//! A client's own server, on loopback, where it is told that a session has ended (Back-Channel Logout §2.5). It notes what
//! arrives, and answers as the test wants.

use std::net::SocketAddr;

use safeconduct_protocol::client::BackChannelUri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a listener answers.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// With this status and this body.
    With(u16, &'static str),
    /// With a redirect to somewhere else.
    Redirect(String),
    /// Not at all, until it is told to answer otherwise.
    Silence,
    /// It closes the connection.
    HangUp,
}

/// A request that arrived.
#[derive(Clone)]
pub(crate) struct Heard {
    /// The first line and the headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Heard {
    /// The logout token, which is all that the form holds.
    pub(crate) fn logout_token(&self) -> String {
        let pairs: Vec<_> = form_urlencoded::parse(self.body.as_bytes()).collect();
        assert_eq!(pairs.len(), 1, "{}", self.body);
        assert_eq!(pairs[0].0, "logout_token");
        pairs[0].1.to_string()
    }
}

/// A client's server.
pub(crate) struct Listener {
    address: SocketAddr,
    heard: watch::Receiver<Vec<Heard>>,
    reply: watch::Sender<Reply>,
    serving: JoinHandle<()>,
}

impl Listener {
    /// One that takes every logout token.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (note, heard) = watch::channel(Vec::new());
        let (reply, replies) = watch::channel(Reply::With(200, ""));
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, note.clone(), replies.clone()));
            }
        });
        Self {
            address,
            heard,
            reply,
            serving,
        }
    }

    /// The address that a client registers.
    pub(crate) fn uri(&self) -> BackChannelUri {
        BackChannelUri::parse(&format!("http://{}/back-channel", self.address)).unwrap()
    }

    /// What it answers from now on, also to those who wait.
    pub(crate) fn answers(&self, reply: Reply) {
        self.reply.send_replace(reply);
    }

    /// What has arrived so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.borrow().clone()
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn has_heard(&mut self, count: usize) -> Vec<Heard> {
        let heard = self.heard.wait_for(|heard| heard.len() >= count).await;
        heard.unwrap().clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    note: watch::Sender<Vec<Heard>>,
    mut replies: watch::Receiver<Reply>,
) {
    let heard = read(&mut stream).await;
    note.send_modify(|all| all.push(heard));
    let reply = replies.wait_for(|reply| *reply != Reply::Silence).await;
    let text = match &*reply.unwrap() {
        Reply::With(status, body) => answer_text(*status, "", body),
        Reply::Redirect(to) => answer_text(307, &format!("location: {to}\r\n"), ""),
        Reply::Silence | Reply::HangUp => return,
    };
    // Whoever asked may be gone by now.
    let _ = stream.write_all(text.as_bytes()).await;
}

fn answer_text(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

async fn read(stream: &mut TcpStream) -> Heard {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split_once("content-length: ").unwrap().1;
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() >= length {
                let body = body.to_owned();
                return Heard { head, body };
            }
        }
        assert_ne!(
            stream.read_buf(&mut bytes).await.unwrap(),
            0,
            "it stopped half-way"
        );
    }
}
