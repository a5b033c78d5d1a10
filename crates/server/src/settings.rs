//! What an operator decides about a server, ready to use. Reading it from a file belongs to the program.

use std::{path::PathBuf, time::Duration};

use safeconduct_protocol::{
    authentication::Acr,
    authorization::{Offer, Offers},
    grant::Lifetimes,
    ids::ClientId,
    language::Language,
    mail::MailAddress,
    metadata::Issuer,
    passkey::RelyingParty,
    password::LEAST_MINIMUM,
    secret::Secret,
    sign_up::SignUp,
};

use crate::{
    event_receivers::EventReceiver,
    pages::{Look, Notice},
    password::PasswordSettings,
    throttle::ThrottleSettings,
};

/// The settings of one server.
#[derive(Clone)]
pub struct Settings {
    /// Its name and base URL.
    pub issuer: Issuer,
    /// Other names, as `host` or `host:port`, under which apps may call what they call by themselves. No page is ever shown
    /// and no cookie read under them.
    pub internal_hosts: Vec<String>,
    /// The name users know it by, on every page.
    pub product_name: String,
    /// How the pages look.
    pub look: Look,
    /// The language of pages for users who prefer none that there is.
    pub default_language: Language,
    /// How long codes, tokens and pending authorizations live.
    pub lifetimes: Lifetimes,
    /// How long browser sessions live.
    pub sessions: SessionLifetimes,
    /// How often passwords may be guessed.
    pub throttle: ThrottleSettings,
    /// How many passwords are hashed at once.
    pub passwords: PasswordSettings,
    /// By what mails are sent; none are without it.
    pub mail: Option<MailSettings>,
    /// How many characters a new password has at least.
    pub password_min_length: usize,
    /// How long apps that are told of a sign-out are waited for.
    pub back_channel: BackChannelSettings,
    /// Whether DPoP proofs must carry a nonce of this server (RFC 9449 §8).
    pub dpop_nonce_required: bool,
    /// Whether users may, or have to, prove a second factor.
    pub second_factor: SecondFactor,
    /// Whether users may sign in with passkeys, where browsers make any for the issuer's host.
    pub passkeys: bool,
    /// The host that passkeys belong to, where it is not the issuer's: a domain above that
    /// ([`RelyingParty::may_be_id`]), or one that names its origin at `/.well-known/webauthn`.
    pub passkey_rp_id: Option<String>,
    /// The other origins at which browsers may ask for the passkeys of this host (WebAuthn Level 3 §5.11), as browsers write them.
    pub passkey_related_origins: Vec<String>,
    /// Whether users may delete their accounts.
    pub account_deletion: bool,
    /// Who may create an account by themselves. Where no mail is set up, nobody can but whom an operator invites.
    pub sign_up: SignUp,
    /// What the sign-in page says beside its form, if anything.
    pub sign_in_notice: Option<Notice>,
    /// The API of administrators; there is none without it.
    pub administration: Option<AdministrationSettings>,
    /// Whom events are pushed to.
    pub event_receivers: Vec<EventReceiver>,
}

/// The API of administrators.
#[derive(Clone, Debug, Default)]
pub struct AdministrationSettings {
    /// The `https` origin under which the public listeners serve it; without it, the listener of health and metrics does.
    pub url: Option<Issuer>,
    /// The clients that the configuration declares, and is the place to change.
    pub declared: Vec<ClientId>,
    /// How long streams of events wait.
    pub follow: FollowSettings,
    /// What is odd about the configuration, a sentence each, for administrators to read.
    pub warnings: Vec<String>,
}

/// How long streams of events wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowSettings {
    /// Until something is said where nothing happens, so that nothing between gives the connection up.
    pub comment: Duration,
    /// For the first events, where the answer ends with them: less than clients wait for any answer.
    pub once: Duration,
}

impl Default for FollowSettings {
    fn default() -> Self {
        Self {
            comment: Duration::from_secs(15),
            once: Duration::from_secs(5),
        }
    }
}

/// What users may, or have to, prove beside a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondFactor {
    /// No account can be given an authenticator app. One that has one is asked for a code.
    #[default]
    Off,
    /// An account may have one, and has to where a client demands it.
    Offered,
    /// Every account has to.
    Required,
}

impl SecondFactor {
    /// What is offered after a sign-in to users who do not have it.
    pub(crate) fn offers(self) -> Offers {
        let offered = (self == Self::Offered).then_some(Offer::Otp);
        offered.into_iter().collect()
    }
}

/// How long browser sessions live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLifetimes {
    /// Without a visit.
    pub idle: i64,
    /// Whatever happens.
    pub absolute: i64,
}

impl Default for SessionLifetimes {
    fn default() -> Self {
        Self {
            idle: 8 * 3600,
            absolute: 14 * 24 * 3600,
        }
    }
}

/// How long clients are waited for that are told of the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackChannelSettings {
    /// For one answer.
    pub answer: Duration,
    /// By the user who signs out. Clients that answer later are told all the same.
    pub wait: Duration,
}

impl Default for BackChannelSettings {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(5),
            wait: Duration::from_secs(2),
        }
    }
}

/// By what mails are sent.
#[derive(Clone)]
pub struct MailSettings {
    /// The host of the mail server, which its certificate must name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection to it is encrypted.
    pub tls: MailTls,
    /// Who the server is to it, if it wants to know.
    pub credentials: Option<MailCredentials>,
    /// Whom mails are from.
    pub from: MailAddress,
    /// What the server calls itself there; without it, the host of the issuer.
    pub hello_name: Option<String>,
    /// The file with the certificates that may vouch for it; without it, those that this machine trusts.
    pub ca_file: Option<PathBuf>,
    /// How long one mail may take, from the connection to the last answer.
    pub deadline: Duration,
    /// Whether users are told of a sign-in with a browser that is not known.
    pub new_device: bool,
}

/// How the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// From its first byte (RFC 8314 §3.3).
    Implicit,
    /// After a word in clear (RFC 3207), or nothing is sent.
    StartTls,
    /// Not at all: to a server on this machine, for development.
    Plain,
}

/// What the server signs in to a mail server with.
#[derive(Clone)]
pub struct MailCredentials {
    /// Its name there.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

impl Settings {
    /// The host that passkeys belong to. `None` where they are off, or the issuer's host is an IP address, for which browsers make none
    /// (WebAuthn Level 3 §5.1.3 step 7).
    pub fn passkey_host(&self) -> Option<&str> {
        let own = self.issuer.domain()?;
        let host = self.passkey_rp_id.as_deref().unwrap_or(own);
        self.passkeys.then_some(host)
    }

    /// Whose passkeys users sign in with, if they do.
    pub fn relying_party(&self) -> Option<RelyingParty> {
        self.passkey_host().map(|host| RelyingParty {
            id: host.to_owned(),
            origin: self.issuer.origin(),
        })
    }

    /// What accounts can be given here to prove more by than a password.
    pub(crate) fn addable(&self) -> Offers {
        let otp = (self.second_factor != SecondFactor::Off).then_some(Offer::Otp);
        let passkey = self.passkey_host().map(|_| Offer::Passkey);
        otp.into_iter().chain(passkey).collect()
    }

    /// The authentication contexts that accounts can meet.
    pub(crate) fn contexts(&self) -> &'static [Acr] {
        match (self.passkey_host(), self.second_factor) {
            (Some(_), _) => &Acr::ALL,
            (None, SecondFactor::Off) => &[Acr::Password],
            (None, _) => &[Acr::Password, Acr::MultiFactor, Acr::RefedsMfa],
        }
    }

    /// Whether users may create accounts by themselves: they prove their address by a mail.
    pub(crate) fn people_sign_up(&self) -> bool {
        self.sign_up.is_open() && self.mail.is_some()
    }

    /// The defaults for a server at `issuer`.
    pub fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            internal_hosts: Vec::new(),
            product_name: "Safeconduct".to_owned(),
            look: Look::default(),
            default_language: Language::default(),
            lifetimes: Lifetimes::default(),
            sessions: SessionLifetimes::default(),
            throttle: ThrottleSettings::default(),
            passwords: PasswordSettings::default(),
            mail: None,
            password_min_length: LEAST_MINIMUM,
            back_channel: BackChannelSettings::default(),
            dpop_nonce_required: false,
            second_factor: SecondFactor::default(),
            passkeys: true,
            passkey_rp_id: None,
            passkey_related_origins: Vec::new(),
            account_deletion: false,
            sign_up: SignUp::default(),
            sign_in_notice: None,
            administration: None,
            event_receivers: Vec::new(),
        }
    }
}
