//! The session that a sign-in begins or goes on with, by whatever factor. Which statement writes it is the factor's.

use http::HeaderValue;
use safeconduct_protocol::{
    authentication::{Factor, Factors},
    encoding,
    ids::{SessionId, UserId},
    mail::{Mail, MailPurpose},
    secret::Secret,
};
use safeconduct_store::{NewSession, SessionRenewal, SessionView, SignIn};

use crate::{
    browser::{self, Browser},
    fault::Failure,
    server::Exchange,
};

/// Who has just proved who they are, and by what.
pub(crate) struct Proven<'a> {
    pub(crate) user: &'a UserId,
    /// The user's epoch when they proved it.
    pub(crate) epoch: i64,
    pub(crate) factor: Factor,
    /// The mail that tells them of it, where it begins a session.
    pub(crate) notice: Option<Mail>,
}

/// A session about to be written, and the cookie's secret that it is known by.
pub(crate) struct PreparedSession {
    pub(crate) session: SignIn,
    secret: Secret,
}

impl PreparedSession {
    /// Its public name (`sid`).
    pub(crate) fn id(&self) -> &SessionId {
        match &self.session {
            SignIn::Start(session) => &session.id,
            SignIn::Renew(renewal) => &renewal.id,
        }
    }

    /// The cookie by which the browser is signed in once it is written.
    pub(crate) fn cookie(&self, exchange: &Exchange<'_>) -> HeaderValue {
        let settings = exchange.server.settings();
        browser::sign_in(&settings.issuer, &self.secret, settings.sessions.absolute)
    }
}

/// What a sign-in makes of the session `old` of its `browser`: the same user again keeps it, idle or not, and gets a new secret; another
/// one gets a new session, and the old one ends. Gives the ways to try, the first that the store takes is the one.
pub(crate) fn begin(
    exchange: &Exchange<'_>,
    old: Option<&SessionView>,
    browser: &Browser,
    proven: &Proven<'_>,
) -> Vec<PreparedSession> {
    let now = exchange.now;
    let lifetimes = exchange.server.settings().sessions;
    let same = old.filter(|view| view.person.user == *proven.user);
    // What was proved before the session idled says nothing of who sits there now.
    let before = same
        .filter(|view| view.idle_expires_at > now)
        .map_or_else(Factors::default, |view| view.person.factors);
    let factors = before.and(proven.factor, now);
    let begun = |session: &dyn Fn([u8; 32]) -> SignIn| {
        let secret = Secret::generate();
        let session = session(encoding::sha256(secret.expose().as_bytes()));
        PreparedSession { session, secret }
    };
    let kept = same.zip(browser.session_hash()).map(|(view, old_hash)| {
        begun(&|new_hash| {
            SignIn::Renew(SessionRenewal {
                id: view.person.session.clone(),
                old_hash,
                new_hash,
                factors,
                idle_expires_at: now.plus(lifetimes.idle).min(view.absolute_expires_at),
                user_epoch: proven.epoch,
            })
        })
    });
    let other = old.filter(|view| view.person.user != *proven.user);
    let new = begun(&|hash| {
        SignIn::Start(NewSession {
            id: SessionId::generate(),
            hash,
            user: proven.user.clone(),
            factors,
            user_epoch: proven.epoch,
            idle_expires_at: now.plus(lifetimes.idle),
            absolute_expires_at: now.plus(lifetimes.absolute),
            replaces: other.map(|view| (view.person.session.clone(), view.person.user.clone())),
            mail: proven.notice.clone(),
            device: browser.device(),
        })
    });
    kept.into_iter().chain([new]).collect()
}

/// What tells the owner of an account of a browser that it has not signed in with of late, if this one `is_new` to it.
pub(crate) async fn notice_of_device(
    exchange: &Exchange<'_>,
    user: &UserId,
    is_new: bool,
) -> Result<Option<Mail>, Failure> {
    let mail = exchange.server.settings().mail.as_ref();
    if !is_new || mail.is_none_or(|mail| !mail.new_device) {
        return Ok(None);
    }
    Ok(exchange.notice(user, MailPurpose::NewDevice).await?)
}
