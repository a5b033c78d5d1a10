//! One kept-alive HTTP/1.1 connection to one node: a request, and its answer, silence, or our leaving before either.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::history::Answer;

/// How long somebody waits for an answer, or for a connection. More than a node may take, less than it takes to be bored.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A request, ready to be sent.
pub type Outgoing = Request<Full<Bytes>>;

/// How long we stay for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As long as anybody would.
    Waiting,
    /// Until then, and then the connection is dropped with whatever is on it.
    Leaving(Duration),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The server's side: refused, reset, or silent for too long.
    They,
    /// Our own.
    We,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    headers: HeaderMap,
    /// The body, as text.
    pub body: String,
}

/// A connection.
#[derive(Debug)]
pub struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
}

impl Line {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there, or nobody answers within [`PATIENCE`].
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let connecting = timeout(PATIENCE, TcpStream::connect(address));
        let stream = connecting.await.map_err(io::Error::other)??;
        stream.set_nodelay(true)?;
        // Those who leave leave at once, and no port stays taken for a minute.
        stream.set_zero_linger()?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let connection = tokio::spawn(async {
            // Whoever waits for an answer learns of its end.
            let _ = connection.await;
        });
        Ok(Self { sender, connection })
    }

    /// Whether another request can be sent on it.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the whole answer. After an error the connection is of no more use.
    ///
    /// # Errors
    /// There is no answer, by whose doing.
    pub async fn ask(&mut self, request: Outgoing, manner: Manner) -> Result<Reply, Gone> {
        let (patience, gone) = match manner {
            Manner::Waiting => (PATIENCE, Gone::They),
            Manner::Leaving(after) => (after, Gone::We),
        };
        let answer = timeout(patience, self.exchange(request)).await;
        answer.map_err(|_| gone)?.map_err(|_| Gone::They)
    }

    async fn exchange(&mut self, request: Outgoing) -> hyper::Result<Reply> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A request for a page. `headers` are names and values.
pub fn get(host: &str, path: &str, headers: &[(&str, &str)]) -> Outgoing {
    request(Method::GET, host, path, headers, Bytes::new())
}

/// A request that sends a form.
pub fn post(host: &str, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Outgoing {
    let mut encoder = form_urlencoded::Serializer::new(String::with_capacity(512));
    encoder.extend_pairs(form);
    let mut all = headers.to_vec();
    all.push((CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"));
    request(Method::POST, host, path, &all, encoder.finish().into())
}

fn request(
    method: Method,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Outgoing {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in [(HOST.as_str(), host)].iter().chain(headers) {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(body))
        .expect("paths and headers of ours are well formed")
}

impl Reply {
    /// Where it sends the browser.
    pub fn location(&self) -> Option<&str> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        (300..400).contains(&self.status).then_some(location)
    }

    /// The value that it gives a cookie; empty if it takes the cookie away.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(SET_COOKIE).iter();
        let mut pairs =
            lines.filter_map(|line| line.to_str().ok()?.split(';').next()?.split_once('='));
        pairs
            .rfind(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// The value of a hidden field of its form.
    pub fn hidden(&self, name: &str) -> Option<&str> {
        let (_, rest) = (self.body).split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }

    /// Its body, if it is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What an answer comes to: silence and 503 are the same everywhere, `read` knows the yes and the no. What it does not know is
/// wrong.
pub fn judge<T>(
    reply: Result<Reply, Gone>,
    read: impl FnOnce(&Reply) -> Option<Answer<T>>,
) -> Answer<T> {
    let reply = match reply {
        Ok(reply) => reply,
        Err(Gone::They) => return Answer::Lost,
        Err(Gone::We) => return Answer::Abandoned,
    };
    if reply.status == 503 && reply.headers.contains_key(RETRY_AFTER) {
        return Answer::Unavailable;
    }
    read(&reply).unwrap_or_else(|| {
        let body: String = reply.body.chars().take(300).collect();
        let location = reply.location().unwrap_or_default();
        Answer::Wrong(format!("{} {location} {body}", reply.status))
    })
}
