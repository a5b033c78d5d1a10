//! As much HTTP as it takes to ask a server how it is: one request on one connection.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs};

use crate::PATIENCE;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What comes behind the headers.
    pub body: String,
}

/// Asks for a page.
///
/// # Errors
/// Nobody answers, or not in HTTP.
pub fn get(server: impl ToSocketAddrs, path: &str) -> io::Result<Answer> {
    send(server, &format!("GET {path} HTTP/1.1\r\n"), "")
}

/// Sends a request: its first line and further headers, each with its end, and its body.
///
/// # Errors
/// As [`get`].
pub fn send(server: impl ToSocketAddrs, head: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (port, length) = (stream.peer_addr()?.port(), body.len());
    write!(
        stream,
        "{head}Host: localhost:{port}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    read(&answer).ok_or_else(|| io::Error::other(format!("not an answer: {answer:?}")))
}

fn read(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        body: body.to_owned(),
    })
}
