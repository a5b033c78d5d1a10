//! Signing out at the issuer as well as here (OpenID Connect RP-Initiated Logout), and the way back.
//!
//! What the issuer tells of a sign-out elsewhere is `back_channel.rs`'s concern.

use safeconduct_protocol::parameters::Parameters;
use safeconduct_protocol::random;
use safeconduct_protocol::seal::Kind;
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::session::Session;
use crate::sign_in::id_token::StoredIdentity;
use crate::sign_in::return_to::ReturnTo;

/// How long a user may take to sign out at the issuer, in seconds.
const LOGOUT_LIFETIME: i64 = 600;
/// The longest ID Token that is sent as a hint, in bytes: it travels in an address. Without it the issuer asks the user.
const LONGEST_HINT: usize = 4 * 1024;
/// The longest query that is read when the user is back, in bytes.
const LONGEST_QUERY: usize = 4 * 1024;

/// What is to be done after a session ended here.
#[derive(Clone, Debug)]
pub struct SignedOut {
    /// The `Set-Cookie` value that takes the session's cookie from the browser.
    pub set_cookie: String,
    /// Where to send the browser so that the session at the issuer ends too. `None` if there is nothing to end there, the issuer
    /// has no such address or could not be asked, or the client was built with `.logout_at_server(false)`.
    pub url: Option<Url>,
}

/// The content of `state`. It binds the way back to this app and to no browser: all it leads to is a path of the app.
#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(rename = "r")]
    return_to: String,
    #[serde(rename = "e")]
    expires: Timestamp,
    /// Tells two sign-outs apart.
    #[serde(rename = "i")]
    id: String,
}

impl Session {
    /// As [`Session::end`], and says where the browser goes to end the session at the issuer too. The issuer sends it on to
    /// [`Client::post_logout_redirect_uri`], and from there the user gets to `return_to`, a path of this app.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: the session may still be alive. What goes wrong at the issuer is logged, and no error: the
    /// session here is over.
    pub async fn sign_out(self, return_to: &str) -> Result<SignedOut, Error> {
        let client = self.client().clone();
        let identity = self.stored_identity().cloned();
        let set_cookie = self.end().await?;
        let url = match identity {
            Some(identity) if client.config().logout_at_server => {
                let url = client.end_session_url(&identity, return_to).await;
                url.unwrap_or_else(|error| {
                    tracing::warn!(%error, "signed out here, and not at the server");
                    None
                })
            }
            Some(_) | None => None,
        };
        Ok(SignedOut { set_cookie, url })
    }
}

impl Client {
    /// The path that a user gets to who comes back from signing out at the issuer with `query`.
    ///
    /// # Errors
    /// [`ErrorKind::LogoutUnknown`] if no sign-out of this app within ten minutes leads there. Nobody was signed out or in by
    /// asking.
    pub fn logged_out(&self, query: &str) -> Result<String, Error> {
        let unknown = |why: &str| Error::new(ErrorKind::LogoutUnknown, why);
        let sent = Parameters::parse(query.as_bytes())
            .ok()
            .filter(|_| query.len() <= LONGEST_QUERY);
        let state = sent
            .as_ref()
            .and_then(|sent| sent.one("state").ok().flatten())
            .ok_or_else(|| unknown("there is no one state"))?;
        let sealed: Sealed = self
            .seal()
            .open(Kind::LogoutState, state)
            .map_err(|_| unknown("the state is none of this app's"))?;
        if self.now() >= sealed.expires {
            return Err(unknown("the state is more than ten minutes old"));
        }
        Ok(self
            .path_after_logout(&sealed.return_to)
            .as_str()
            .to_owned())
    }

    /// The logout request (RP-Initiated Logout §2), where the issuer takes one.
    async fn end_session_url(
        &self,
        identity: &StoredIdentity,
        return_to: &str,
    ) -> Result<Option<Url>, Error> {
        let Some(mut url) = self.metadata().await?.end_session_endpoint.clone() else {
            return Ok(None);
        };
        let sealed = Sealed {
            return_to: self.path_after_logout(return_to).as_str().to_owned(),
            expires: self.now().plus(LOGOUT_LIFETIME),
            id: random::token(),
        };
        let state = self
            .seal()
            .seal(Kind::LogoutState, &sealed)
            .map_err(|error| Error::configuration("no key seals a state").with_source(error))?;
        let redirect_uri = self.post_logout_redirect_uri()?;
        let hint = identity.id_token.expose();
        let mut query = url.query_pairs_mut();
        if hint.len() <= LONGEST_HINT {
            query.append_pair("id_token_hint", hint);
        }
        query
            .append_pair("client_id", self.client_id())
            .append_pair("post_logout_redirect_uri", redirect_uri)
            .append_pair("state", &state);
        drop(query);
        Ok(Some(url))
    }

    /// `path`, if a user may be sent there after signing out; `/` if not.
    pub(crate) fn path_after_logout(&self, path: &str) -> ReturnTo {
        ReturnTo::parse(path)
            .filter(|path| !path.is_under(self.routes_path()))
            .unwrap_or_default()
    }
}
