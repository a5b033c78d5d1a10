//! What a browser brings: its cookies, what kind of browser it says it is, and where its form came from.
//!
//! The *browser* cookie binds a pending authorization to the browser it began in. The *session* cookie is who is signed in.
//! Both are 256 random bits; the store knows the hash of the second, and nothing of the first. By the *known* cookie the throttle
//! knows a browser again in which somebody has signed in; it is nobody's proof of who they are. The *language* cookie is what was chosen
//! at the foot of a page. The *link* cookie holds the one-time link that was opened, on its way to a page without it in its address. The
//! *request* cookie holds the pending authorization for which somebody went to create an account, sealed, until they come back from their mail.

use http::{HeaderMap, HeaderValue, header};
use safeconduct_protocol::{
    authorization::{PendingAuthorization, SignedInUser},
    cookie::Sent,
    device::Device,
    encoding,
    error::{Reason, Refusal},
    metadata::Issuer,
    secret::Secret,
};
use safeconduct_store::{SessionSeen, SessionView};

use crate::{
    admission,
    cookies::{self, name, sent},
    correlation,
    fault::Failure,
    server::Exchange,
    settings::SecondFactor,
    throttle::KNOWN_FOR,
};

/// The cookies of one request.
pub(crate) struct Browser {
    binding: SentSecret,
    session: SentSecret,
    known: Option<Secret>,
    link: Option<Secret>,
    device: Device,
    request: Option<Secret>,
}

/// What came under the name of one of our cookies.
enum SentSecret {
    Nothing,
    Secret(Secret),
    /// The name came, and with it nothing that could be a secret of ours.
    Broken,
    /// The name came with two values: one of them was planted.
    Several,
}

impl SentSecret {
    fn read(headers: &HeaderMap, name: &str) -> Self {
        match sent(headers, name) {
            Sent::Nothing => Self::Nothing,
            Sent::Value(value) if is_secret(value) => Self::Secret(Secret::new(value)),
            Sent::Value(_) | Sent::Unreadable => Self::Broken,
            Sent::Several => Self::Several,
        }
    }

    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(secret) => Some(secret),
            Self::Nothing | Self::Broken | Self::Several => None,
        }
    }
}

/// Whether a value is of the form that we give out: 256 bits.
fn is_secret(value: &str) -> bool {
    encoding::decode(value).is_some_and(|bytes| bytes.len() == 32)
}

impl Browser {
    /// Reads the cookies. A name that came twice with different values gives nothing to go by: one of them was planted.
    pub(crate) fn read(issuer: &Issuer, headers: &HeaderMap) -> Self {
        Self {
            binding: SentSecret::read(headers, &name(issuer, "browser")),
            session: SentSecret::read(headers, &name(issuer, "session")),
            known: match sent(headers, &name(issuer, "known")) {
                Sent::Value(value) => Some(Secret::new(value)),
                _ => None,
            },
            link: match sent(headers, &name(issuer, "link")) {
                Sent::Value(value) => Some(Secret::new(value)),
                _ => None,
            },
            device: Device::of_user_agent(
                (headers.get(header::USER_AGENT)).map_or(&[], HeaderValue::as_bytes),
            ),
            request: match sent(headers, &name(issuer, "request")) {
                Sent::Value(value) => Some(Secret::new(value)),
                _ => None,
            },
        }
    }

    /// What it says it is.
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// Whether a session cookie came that can't be used: then nobody knows whether somebody is signed in here, and nothing
    /// may be said of it.
    pub(crate) fn session_is_unclear(&self) -> bool {
        matches!(self.session, SentSecret::Broken | SentSecret::Several)
    }

    /// Whether the session cookie that came is of no use to anybody. One that came with another is not: without it the
    /// planted one would be believed.
    pub(crate) fn session_is_broken(&self) -> bool {
        matches!(self.session, SentSecret::Broken)
    }

    /// What binds this browser, if it was here before.
    pub(crate) fn binding(&self) -> Option<&Secret> {
        self.binding.secret()
    }

    /// What the throttle may know this browser by.
    pub(crate) fn known(&self) -> Option<&Secret> {
        self.known.as_ref()
    }

    /// The one-time link that was opened here.
    pub(crate) fn link(&self) -> Option<&Secret> {
        self.link.as_ref()
    }

    /// The pending authorization, sealed, for which somebody went to create an account here.
    pub(crate) fn request(&self) -> Option<&Secret> {
        self.request.as_ref()
    }

    /// The hash that the store knows its session by.
    pub(crate) fn session_hash(&self) -> Option<[u8; 32]> {
        self.session
            .secret()
            .map(|secret| encoding::sha256(secret.expose().as_bytes()))
    }

    /// The token that a sign-out form of this browser carries: it can't be made without the session cookie.
    pub(crate) fn sign_out_token(&self) -> Option<String> {
        self.form_token("sign-out")
    }

    /// The same for the forms of the account page.
    pub(crate) fn account_token(&self) -> Option<String> {
        self.form_token("account")
    }

    fn form_token(&self, of: &str) -> Option<String> {
        self.session.secret().map(|secret| {
            encoding::sha256_base64url(format!("{of}\n{}", secret.expose()).as_bytes())
        })
    }

    /// Who is signed in here, as far as `pending` is concerned.
    pub(crate) async fn person(
        &self,
        exchange: &Exchange<'_>,
        pending: &PendingAuthorization,
    ) -> Result<Option<SessionView>, Failure> {
        let Some(hash) = self.session_hash() else {
            return Ok(None);
        };
        let (client, audience) = (pending.request.client(), pending.request.audience());
        let server = exchange.server;
        let settings = server.settings();
        let party = settings.passkey_host();
        let view = server
            .store()
            .signed_in(hash, Some(client), audience, party, exchange.now)
            .await?;
        let Some(mut view) = view else {
            return Ok(None);
        };
        correlation::is_of_user(&view.person.user);
        let required = settings.second_factor == SecondFactor::Required;
        view.person.second_factor_required |= required;
        view.person.addable = settings.addable();
        if exchange.catalog.has_ruled_scopes {
            let asked = pending.request.to_consent();
            let withheld = admission::withheld(exchange, &view.person.user, &asked);
            view.person.withheld = withheld.await?;
        }
        Ok(Some(view))
    }

    /// The session in which `person`, who is signed in here, may change something of their account.
    pub(crate) fn seen(&self, person: &SignedInUser) -> SessionSeen {
        let hash = self.session_hash();
        SessionSeen {
            id: person.session.clone(),
            hash: hash.expect("who is signed in here has the cookie of a session"),
            user_epoch: person.epochs.user,
        }
    }

    /// The session of this browser, though it may have idled: what a sign-in continues or replaces, and what signing out ends.
    pub(crate) async fn session(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<Option<SessionView>, Failure> {
        let Some(hash) = self.session_hash() else {
            return Ok(None);
        };
        Ok(exchange
            .server
            .store()
            .session_at(hash, exchange.now)
            .await?)
    }
}

/// A `Set-Cookie` value that binds the browser until it is closed.
pub(crate) fn bind(issuer: &Issuer, secret: &Secret) -> HeaderValue {
    cookies::set(issuer, "browser", secret.expose(), "")
}

/// A `Set-Cookie` value that signs the browser in for at most `seconds`.
pub(crate) fn sign_in(issuer: &Issuer, secret: &Secret, seconds: i64) -> HeaderValue {
    cookies::set(
        issuer,
        "session",
        secret.expose(),
        &format!("; Max-Age={seconds}"),
    )
}

/// A `Set-Cookie` value by which the throttle knows the browser again.
pub(crate) fn know(issuer: &Issuer, proof: &Secret) -> HeaderValue {
    let attributes = format!("; Max-Age={KNOWN_FOR}");
    cookies::set(issuer, "known", proof.expose(), &attributes)
}

/// A `Set-Cookie` value that keeps a one-time link, which is base64url, out of the address of the page that it leads to, until the browser
/// is closed.
pub(crate) fn open_link(issuer: &Issuer, link: &Secret) -> HeaderValue {
    cookies::set(issuer, "link", link.expose(), "")
}

/// A `Set-Cookie` value that takes that away.
pub(crate) fn forget_link(issuer: &Issuer) -> HeaderValue {
    cookies::set(issuer, "link", "", "; Max-Age=0")
}

/// A `Set-Cookie` value that keeps a pending authorization, sealed, for as many `seconds`.
pub(crate) fn keep_request(issuer: &Issuer, sealed: &Secret, seconds: i64) -> HeaderValue {
    let attributes = format!("; Max-Age={seconds}");
    cookies::set(issuer, "request", sealed.expose(), &attributes)
}

/// A `Set-Cookie` value that takes that away.
pub(crate) fn forget_request(issuer: &Issuer) -> HeaderValue {
    cookies::set(issuer, "request", "", "; Max-Age=0")
}

/// A `Set-Cookie` value that takes the session cookie away.
pub(crate) fn sign_out(issuer: &Issuer) -> HeaderValue {
    cookies::set(issuer, "session", "", "; Max-Age=0")
}

/// Refuses a form that did not come from a page of ours: the protection against CSRF of every form. What acts on the session alone,
/// signing out, asks for [`Browser::sign_out_token`] as well; a pending authorization is sealed to its browser.
///
/// # Errors
/// `cross-site-form`. Browsers that send no `Sec-Fetch-Site` must send our `Origin`; `form-origin-unknown` where one sends neither,
/// or hides it.
pub(crate) fn own_form(issuer: &Issuer, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).map(HeaderValue::to_str);
    match (text("sec-fetch-site"), text("origin")) {
        (Some(Ok("same-origin")), _) => Ok(()),
        (Some(_), _) => Err(Reason::CrossSiteForm.into()),
        (None, Some(Ok(origin))) if origin == issuer.origin() => Ok(()),
        (None, None | Some(Ok("null"))) => Err(Reason::FormOriginUnknown.into()),
        (None, Some(_)) => Err(Reason::CrossSiteForm.into()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn issuer() -> Issuer {
        Issuer::parse("https://id.example").unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    /// Attacks: L09.
    #[test]
    fn cookies_are_pinned_to_the_host() {
        let secret = Secret::new("s");
        assert_eq!(
            bind(&issuer(), &secret),
            "__Host-sc-browser-IKabd8GB=s; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            sign_in(&issuer(), &secret, 60),
            "__Host-sc-session-IKabd8GB=s; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60"
        );
        let local = Issuer::parse("http://localhost:8420").unwrap();
        assert_eq!(
            sign_out(&local),
            "sc-session-DUs_ghPz=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }

    /// Attacks: L09.
    #[test]
    fn issuers_of_one_host_have_cookies_of_their_own() {
        let issuers = [
            "https://id.example",
            "https://id.example/staff",
            "https://id.example/guests",
            "http://localhost:8420",
            "http://localhost:8421",
        ];
        let issuers = issuers.map(|issuer| Issuer::parse(issuer).unwrap());
        let secret = Secret::generate();
        for issuer in &issuers {
            let set = [sign_in(issuer, &secret, 60), bind(issuer, &secret)];
            let pairs = set.map(|set| set.to_str().unwrap().split_once(';').unwrap().0.to_owned());
            for other in &issuers {
                let read = Browser::read(other, &headers(&[("cookie", &pairs.join("; "))]));
                assert_eq!(read.session_hash().is_some(), other == issuer, "{other:?}");
                assert_eq!(read.binding().is_some(), other == issuer, "{other:?}");
                assert!(!read.session_is_unclear());
            }
        }
    }

    #[test]
    fn a_planted_second_cookie_voids_both() {
        let name = name(&issuer(), "session");
        let (mine, planted) = (Secret::generate(), Secret::generate());
        let both = format!("{name}={}; {name}={}", mine.expose(), planted.expose());
        let read = Browser::read(&issuer(), &headers(&[("cookie", &both)]));
        assert!(read.session_hash().is_none() && read.sign_out_token().is_none());
        assert!(read.session_is_unclear() && !read.session_is_broken());
        let one = format!("x=y; {name}={}", mine.expose());
        let read = Browser::read(&issuer(), &headers(&[("cookie", &one)]));
        assert!(read.session_hash().is_some() && !read.session_is_unclear());
    }

    #[rstest]
    #[case::no_text(b"\xff".as_slice())]
    #[case::no_secret(b"gone")]
    #[case::quoted(b"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"")]
    #[case::empty(b"")]
    fn a_cookie_of_ours_that_holds_no_secret_is_broken_and_not_absent(#[case] value: &[u8]) {
        let line = [name(&issuer(), "session").as_bytes(), b"=", value].concat();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_bytes(&line).unwrap());
        let read = Browser::read(&issuer(), &headers);
        assert!(read.session_is_unclear() && read.session_is_broken());
        assert!(read.session_hash().is_none());
        let nobody = Browser::read(&issuer(), &HeaderMap::new());
        assert!(!nobody.session_is_unclear());
    }

    /// Attacks: L01, L02.
    #[rstest]
    #[case(&[("sec-fetch-site", "same-origin"), ("origin", "null")], true)]
    #[case(&[("sec-fetch-site", "same-site"), ("origin", "https://id.example")], false)]
    #[case(&[("sec-fetch-site", "cross-site")], false)]
    #[case(&[("sec-fetch-site", "none")], false)]
    #[case(&[("origin", "https://id.example")], true)]
    #[case(&[("origin", "https://id.example.evil.com")], false)]
    #[case(&[("origin", "null")], false)]
    #[case(&[], false)]
    fn only_our_own_pages_may_post(#[case] sent: &[(&'static str, &str)], #[case] own: bool) {
        assert_eq!(own_form(&issuer(), &headers(sent)).is_ok(), own);
    }
}
