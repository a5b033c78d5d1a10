//! Holds one conversation: lines in, answers out, and TLS where it is asked for.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;

use super::{Answer, Encryption, Moment, PASSWORD, Received, State, USERNAME};

/// How a part of a conversation ended.
enum End {
    /// The client wants TLS, and was told to go on.
    Tls,
    Over,
}

pub(crate) async fn hold(stream: TcpStream, state: &State) -> io::Result<()> {
    if state.encryption == Encryption::Implicit {
        let stream = state.tls.accept(stream).await?;
        Talk::new(stream, state, true).greet_and_serve().await?;
        return Ok(());
    }
    let mut talk = Talk::new(stream, state, false);
    if let End::Tls = talk.greet_and_serve().await? {
        // What the client sent too early is lost, as it should be.
        let stream = state.tls.accept(talk.stream.into_inner()).await?;
        Talk::new(stream, state, true).serve().await?;
    }
    Ok(())
}

struct Talk<'s, S> {
    stream: BufReader<S>,
    state: &'s State,
    is_encrypted: bool,
    signed_in: Option<(String, String)>,
    from: String,
    to: String,
}

impl<'s, S: AsyncRead + AsyncWrite + Unpin> Talk<'s, S> {
    fn new(stream: S, state: &'s State, is_encrypted: bool) -> Self {
        Self {
            stream: BufReader::new(stream),
            state,
            is_encrypted,
            signed_in: None,
            from: String::new(),
            to: String::new(),
        }
    }

    async fn greet_and_serve(&mut self) -> io::Result<End> {
        if !self.answers(Moment::Connect, "220 mail.test ESMTP").await? {
            return Ok(End::Over);
        }
        self.serve().await
    }

    async fn serve(&mut self) -> io::Result<End> {
        loop {
            let Some(line) = self.line().await? else {
                return Ok(End::Over);
            };
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let goes_on = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.answers(Moment::Ehlo, &self.extensions()).await?,
                "STARTTLS" if self.says_no(Moment::StartTls).await? => true,
                "STARTTLS" => {
                    if self.answers(Moment::StartTls, "220 go ahead").await? {
                        return Ok(End::Tls);
                    }
                    false
                }
                "AUTH" => self.sign_in(rest).await?,
                "MAIL" => {
                    self.from = rest.strip_prefix("FROM:").unwrap_or(rest).to_owned();
                    self.answers(Moment::Sender, "250 2.1.0 sender ok").await?
                }
                "RCPT" => {
                    self.to = rest.strip_prefix("TO:").unwrap_or(rest).to_owned();
                    self.answers(Moment::Recipient, "250 2.1.5 recipient ok")
                        .await?
                }
                "DATA" => self.take().await?,
                "QUIT" => {
                    self.say("221 bye").await?;
                    false
                }
                _ => {
                    self.say("500 what?").await?;
                    true
                }
            };
            if !goes_on {
                return Ok(End::Over);
            }
        }
    }

    fn extensions(&self) -> String {
        let mut lines = vec!["mail.test", "8BITMIME", "SMTPUTF8"];
        if self.state.encryption == Encryption::StartTls && !self.is_encrypted {
            lines.push("STARTTLS");
        } else {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.len() - 1;
        let line = |(at, line): (usize, &&str)| {
            let mark = if at == last { ' ' } else { '-' };
            format!("250{mark}{line}")
        };
        lines
            .iter()
            .enumerate()
            .map(line)
            .collect::<Vec<_>>()
            .join("\r\n")
    }

    /// AUTH PLAIN with an initial response (RFC 4954, RFC 4616).
    async fn sign_in(&mut self, rest: &str) -> io::Result<bool> {
        let response = rest.strip_prefix("PLAIN ").unwrap_or_default();
        let bytes = STANDARD.decode(response).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut parts = text.split('\0').skip(1);
        let username = parts.next().unwrap_or_default().to_owned();
        let password = parts.next().unwrap_or_default().to_owned();
        if (username.as_str(), password.as_str()) != (USERNAME, PASSWORD) {
            self.say("535 5.7.8 no").await?;
            return Ok(true);
        }
        self.signed_in = Some((username, password));
        self.answers(Moment::Auth, "235 2.7.0 welcome").await
    }

    /// DATA: takes a mail to its dot.
    async fn take(&mut self) -> io::Result<bool> {
        if self.says_no(Moment::Data).await? {
            return Ok(true);
        }
        if !self.answers(Moment::Data, "354 go on").await? {
            return Ok(false);
        }
        let mut text = String::new();
        loop {
            let Some(line) = self.line().await? else {
                return Ok(false);
            };
            if line == "." {
                break;
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
            text.push_str("\r\n");
        }
        let received = Received {
            from: self.from.clone(),
            to: self.to.clone(),
            text,
            signed_in: self.signed_in.clone(),
            is_encrypted: self.is_encrypted,
        };
        self.state.heard().mails.push(received);
        self.answers(Moment::Dot, "250 2.0.0 taken").await
    }

    /// Whether a test wants a refusal at this moment, which is said then.
    async fn says_no(&mut self, moment: Moment) -> io::Result<bool> {
        let answer = self.state.heard().answers.get(&moment).cloned();
        match answer {
            Some(Answer::Says(text)) if text.starts_with(['4', '5']) => {
                self.say(text).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Answers at this moment as the test has it, or else as usual; whether the conversation goes on.
    async fn answers(&mut self, moment: Moment, usual: &str) -> io::Result<bool> {
        let answer = self.state.heard().answers.get(&moment).cloned();
        match answer {
            None => self.say(usual).await?,
            Some(Answer::Says(text)) => self.say(text).await?,
            Some(Answer::LongLine(bytes)) => {
                self.say(&format!("250 {}", "x".repeat(bytes))).await?;
            }
            Some(Answer::HangsUp) => return Ok(false),
            Some(Answer::Silence) => {
                // Until the client gives up.
                let mut rest = Vec::new();
                tokio::io::AsyncReadExt::read_to_end(&mut self.stream, &mut rest).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        // At once: what stands behind a line is there when the line is read.
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        stream.flush().await
    }

    /// The next line, without its end; `None` at the end of the connection.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let Some(line) = read_line(&mut self.stream).await? else {
            return Ok(None);
        };
        if !self.is_encrypted {
            self.state.heard().in_clear.push(line.clone());
        }
        Ok(Some(line))
    }
}

async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&line);
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}
