//! One kept-alive HTTP/1.1 connection: a request goes out in one write, and the answer is taken apart where it was read.
//!
//! It understands what the contestants send and nothing more: a body has a `Content-Length`.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest answer that is believed.
const LONGEST: usize = 1 << 20;

/// A connection to one server.
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

/// An answer, as long as the next request is not sent.
pub(crate) struct Answer<'a> {
    /// The status.
    pub(crate) status: u16,
    head: &'a str,
    /// The body.
    pub(crate) body: &'a str,
}

impl Connection {
    /// Connects to `address`, which answers to the name `host`.
    pub(crate) async fn open(address: SocketAddr, host: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host: host.to_owned(),
            outgoing: Vec::with_capacity(4096),
            incoming: Vec::with_capacity(16 * 1024),
        })
    }

    /// Asks for a page. `headers` are whole lines.
    pub(crate) async fn get(&mut self, path: &str, headers: &[&str]) -> Result<Answer<'_>> {
        self.begin("GET", path, headers);
        self.outgoing.extend_from_slice(b"\r\n");
        self.exchange().await
    }

    /// Sends a form. `headers` are whole lines.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &[&str],
        form: &[(&str, &str)],
    ) -> Result<Answer<'_>> {
        let body = encode(form);
        self.begin("POST", path, headers);
        let length = format!(
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.outgoing.extend_from_slice(length.as_bytes());
        self.outgoing.extend_from_slice(body.as_bytes());
        self.exchange().await
    }

    fn begin(&mut self, method: &str, path: &str, headers: &[&str]) {
        self.outgoing.clear();
        for part in [method, " ", path, " HTTP/1.1\r\nhost: ", &self.host, "\r\n"] {
            self.outgoing.extend_from_slice(part.as_bytes());
        }
        for header in headers {
            self.outgoing.extend_from_slice(header.as_bytes());
            self.outgoing.extend_from_slice(b"\r\n");
        }
    }

    async fn exchange(&mut self) -> Result<Answer<'_>> {
        self.stream.write_all(&self.outgoing).await?;
        self.incoming.clear();
        let shape = loop {
            let read = self.stream.read_buf(&mut self.incoming).await?;
            ensure!(read > 0, "the server closed the connection");
            ensure!(self.incoming.len() <= LONGEST, "the answer has no end");
            if let Some(shape) = Shape::of(&self.incoming)? {
                break shape;
            }
        };
        ensure!(
            self.incoming.len() == shape.end,
            "the answer is longer than it says"
        );
        Ok(Answer {
            status: shape.status,
            head: str::from_utf8(&self.incoming[..shape.body])?,
            body: str::from_utf8(&self.incoming[shape.body..])?,
        })
    }
}

impl<'a> Answer<'a> {
    /// The values of a header, in their order; `name` in lower case.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        headers(self.head, name)
    }

    /// A member of a JSON body that is a string without escapes, as tokens are.
    pub(crate) fn member(&self, name: &str) -> Option<&'a str> {
        let (_, rest) = self.body.split_once(&format!("\"{name}\":\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }

    /// Where the answer sends the browser.
    ///
    /// # Errors
    /// It sends it nowhere.
    pub(crate) fn location(&self) -> Result<&'a str> {
        let location = self.headers("location").next();
        match location.filter(|_| (300..400).contains(&self.status)) {
            Some(location) => Ok(location),
            None => bail!("not a redirect but {}", self.excerpt()),
        }
    }

    /// Refuses an answer that has another status.
    ///
    /// # Errors
    /// It has.
    pub(crate) fn expect(&self, status: u16) -> Result<()> {
        ensure!(self.status == status, "not {status} but {}", self.excerpt());
        Ok(())
    }

    /// Status and beginning of the body, for a message.
    pub(crate) fn excerpt(&self) -> String {
        let body: String = self.body.chars().take(300).collect();
        format!("{} {body}", self.status)
    }
}

/// `pairs` as `application/x-www-form-urlencoded`.
pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    let mut serializer = form_urlencoded::Serializer::new(String::with_capacity(512));
    serializer.extend_pairs(pairs);
    serializer.finish()
}

/// Where the parts of a whole answer are.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    status: u16,
    body: usize,
    end: usize,
}

impl Shape {
    /// `None` if there is more to read.
    fn of(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let body = head + 4;
        let head = str::from_utf8(&bytes[..body])?;
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .context("the answer is not HTTP/1.1")?;
        let length = match headers(head, "content-length").next() {
            Some(length) => length
                .parse()
                .context("a Content-Length that is no number")?,
            None if status == 204 || status == 304 => 0,
            None => bail!("the answer has no Content-Length"),
        };
        let end = body + length;
        Ok((bytes.len() >= end).then_some(Self { status, body, end }))
    }
}

fn headers<'a>(head: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const WHOLE: &str = "HTTP/1.1 303 See Other\r\nContent-Length: 2\r\nLocation: /a\r\n\
                         set-cookie: one=1; Path=/\r\nSet-Cookie: two=2\r\n\r\nok";

    #[test]
    fn an_answer_is_whole_with_its_last_byte_and_not_before() {
        for end in 0..WHOLE.len() {
            assert_eq!(Shape::of(&WHOLE.as_bytes()[..end]).unwrap(), None);
        }
        let shape = Shape::of(WHOLE.as_bytes()).unwrap().unwrap();
        assert_eq!((shape.status, shape.end), (303, WHOLE.len()));
        assert_eq!(&WHOLE[shape.body..], "ok");
    }

    #[rstest]
    #[case::no_length("HTTP/1.1 200 OK\r\n\r\n")]
    #[case::chunked("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")]
    #[case::length_in_words("HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok")]
    #[case::another_protocol("SSH-2.0-OpenSSH\r\n\r\n")]
    fn what_it_does_not_understand_is_an_error(#[case] text: &str) {
        assert!(Shape::of(text.as_bytes()).is_err());
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let answer = Answer {
            status: 303,
            head: WHOLE,
            body: r#"{"access_token":"abc","expires_in":300}"#,
        };
        assert_eq!(answer.location().unwrap(), "/a");
        assert!(answer.headers("set-cookie").eq(["one=1; Path=/", "two=2"]));
        assert_eq!(answer.member("access_token"), Some("abc"));
        assert_eq!(answer.member("expires_in"), None);
        assert!(answer.expect(200).is_err());
    }

    #[test]
    fn a_form_is_encoded() {
        assert_eq!(
            encode(&[("a", "x y"), ("b", "http://c/?d=e&f")]),
            "a=x+y&b=http%3A%2F%2Fc%2F%3Fd%3De%26f"
        );
    }
}
