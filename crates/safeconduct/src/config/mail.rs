//! The mail server that a configuration names: whether it can be spoken to as it says, and never in clear but on this machine.

use std::net::IpAddr;
use std::path::PathBuf;

use safeconduct_protocol::mail::MailAddress;
use safeconduct_server::settings::{MailCredentials, MailSettings, MailTls as Encryption};

use super::at::At;
use super::file::{self, Config, MailTls};
use super::findings::Findings;
use super::problem::{Origin, Problems};
use super::secret_file;

/// The mail server of a configuration. Its password is read when it is needed.
pub(crate) struct Mail {
    settings: MailSettings,
    /// The name to sign in with there, the file of the password, and where that was written.
    credentials: Option<(String, PathBuf, Origin)>,
}

impl Mail {
    /// What the server needs to know of it, the password among it.
    ///
    /// # Errors
    /// The file of the password can't be read, or everyone on this machine can read it.
    pub(crate) fn settings(&self) -> Result<MailSettings, Problems> {
        let mut settings = self.settings.clone();
        if let Some((username, path, origin)) = &self.credentials {
            let password = secret_file::read(path)
                .map_err(|(message, advice)| Problems::one(origin.clone(), message, advice))?;
            settings.credentials = Some(MailCredentials {
                username: username.clone(),
                password,
            });
        }
        Ok(settings)
    }
}

/// Judges `[mail]`; `None` where no mail is set up, or not as it can be.
pub(super) fn check(config: &Config, findings: &mut Findings<'_>) -> Option<Mail> {
    let (mail, at) = (&config.mail, At::key("mail"));
    let Some(host) = &mail.host else {
        let others = [
            ("from", mail.from.is_some()),
            ("username", mail.username.is_some()),
            ("password_file", mail.password_file.is_some()),
            ("port", mail.port.is_some()),
        ];
        if let Some((key, _)) = others.into_iter().find(|(_, is_set)| *is_set) {
            findings.refuse(
                &at.then(key),
                format!("`mail.{key}` is set, and no mail server is named"),
                "name it with `mail.host`, or take this out",
            );
        }
        return None;
    };
    let is_host = check_host(host, mail, findings);
    let credentials = check_credentials(mail, findings);
    let hello = check_hello_name(mail, findings);
    let from = check_from(mail, findings)?;
    if !is_host || !hello {
        return None;
    }
    let (tls, usual_port) = match mail.tls {
        MailTls::Implicit => (Encryption::Implicit, 465),
        MailTls::Starttls => (Encryption::StartTls, 587),
        MailTls::None => (Encryption::Plain, 25),
    };
    let ca_file = mail.ca_file.as_deref();
    Some(Mail {
        settings: MailSettings {
            host: host.clone(),
            port: mail.port.unwrap_or(usual_port),
            tls,
            credentials: None,
            from,
            hello_name: mail.hello_name.clone(),
            ca_file: ca_file.map(|path| findings.layers.resolve(&at.then("ca_file"), path)),
            deadline: mail.timeout.as_duration(),
            new_device: mail.new_device,
        },
        credentials,
    })
}

fn check_host(host: &str, mail: &file::Mail, findings: &mut Findings<'_>) -> bool {
    let at = At::key("mail").then("host");
    let address: Option<IpAddr> = host.parse().ok();
    if address.is_none() && !is_name(host) {
        findings.refuse(
            &at,
            "`mail.host` is no name of a host",
            "write the name alone, such as \"smtp.example.com\"; the port is `mail.port`",
        );
        return false;
    }
    let is_here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    if mail.tls == MailTls::None && !is_here {
        findings.refuse(
            &At::key("mail").then("tls"),
            "mails, and the links in them, would go over the network in clear",
            "write tls = \"implicit\" or \"starttls\"; \"none\" is for a server on this machine",
        );
        return false;
    }
    true
}

/// Who the server is to the mail server: both, or neither.
fn check_credentials(
    mail: &file::Mail,
    findings: &mut Findings<'_>,
) -> Option<(String, PathBuf, Origin)> {
    let at = At::key("mail");
    let file = at.then("password_file");
    match (&mail.username, &mail.password_file) {
        (None, None) => None,
        (Some(username), Some(path)) => Some((
            username.clone(),
            findings.layers.resolve(&file, path),
            findings.layers.origin(&file),
        )),
        (Some(_), None) => {
            findings.refuse(
                &at.then("username"),
                "`mail.username` is set, and no password",
                "name the file that holds it with `mail.password_file`",
            );
            None
        }
        (None, Some(_)) => {
            findings.refuse(
                &file,
                "`mail.password_file` is set, and no name to sign in with",
                "write it as `mail.username`",
            );
            None
        }
    }
}

fn check_hello_name(mail: &file::Mail, findings: &mut Findings<'_>) -> bool {
    let is_name = mail.hello_name.as_deref().is_none_or(is_name);
    if !is_name {
        findings.refuse(
            &At::key("mail").then("hello_name"),
            "`mail.hello_name` is no name of a host",
            "write one that leads to this machine, such as \"id.example.com\"",
        );
    }
    is_name
}

fn check_from(mail: &file::Mail, findings: &mut Findings<'_>) -> Option<MailAddress> {
    let (host, from) = (At::key("mail").then("host"), At::key("mail").then("from"));
    let Some(text) = &mail.from else {
        findings.refuse(
            &host,
            "a mail server is named, and no sender",
            "write the address that mails come from as `mail.from`",
        );
        return None;
    };
    let address = MailAddress::parse(text);
    if let Err(error) = &address {
        findings.refuse(
            &from,
            format!("`mail.from` is {error}"),
            "write the address alone: the name beside it is `ui.name`",
        );
    }
    address.ok()
}

/// Whether a text is the name of a host, and nothing that could follow one.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['.', '-'])
}
