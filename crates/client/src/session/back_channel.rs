//! Sign-outs that the issuer tells of, from server to server (OpenID Connect Back-Channel Logout): the logout token, judged, and
//! the sessions it ends.

use safeconduct_issuer::GivenBy;
use safeconduct_protocol::encoding;
use safeconduct_protocol::id_token::ID_TOKEN_TYP;
use safeconduct_protocol::jose::{
    Algorithm, Audience, Expectation, KeySet, Typ, Verified, unverified_issuer, verify,
};
use safeconduct_protocol::logout::{BACK_CHANNEL_EVENT, LOGOUT_TOKEN_TYP};
use safeconduct_protocol::parameters::Parameters;
use safeconduct_protocol::time::Timestamp;
use serde_json::Value;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::grammar;
use crate::issuer::refused::Refused;
use crate::session::sessions::Ended;
use crate::sign_in::id_token::session;

/// How long ago a logout token may have been issued, in seconds. As long its `jti` is remembered, in the session store: so a
/// token counts once in all processes that share the store.
const OLDEST: i64 = 300;

/// What an ID Token says, and a logout token never: `nonce` is forbidden in one (§2.4), and there is nothing to hash.
const OF_AN_ID_TOKEN: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// What a logout token says.
struct LogoutToken {
    jti: String,
    issued_at: Timestamp,
    sub: Option<String>,
    sid: Option<String>,
}

impl Client {
    /// Takes the body of a request to this app's `backchannel_logout_uri`, a form with a `logout_token`, and ends every session it
    /// is about: those that came from the issuer's session `sid`, or all of the user `sub`. Says how many they were.
    ///
    /// Answer 200 to a success, 400 to a [`ErrorKind::LogoutToken`], 503 to anything else, always with
    /// `Cache-Control: no-store` (Back-Channel Logout §2.8). With axum, [`Client::routes`] does.
    ///
    /// # Errors
    /// [`ErrorKind::LogoutToken`] if the token is not to be believed or was carried out before; whatever kept the issuer's keys or
    /// the session store away. No session ends then.
    pub async fn back_channel_logout(&self, form: &[u8]) -> Result<u64, Error> {
        let refused = |why: &str| Error::new(ErrorKind::LogoutToken, why);
        let sent = Parameters::parse(form).map_err(|_| refused("the form cannot be decoded"))?;
        let token = sent
            .one("logout_token")
            .map_err(|_| refused("the form holds two logout_tokens"))?
            .ok_or_else(|| refused("the form holds no logout_token"))?;
        // Nothing is asked about a token that does not even say that it is the issuer's.
        if unverified_issuer(token).as_deref() != Some(self.issuer()) {
            return Err(refused("it is no token of this issuer"));
        }
        let metadata = self.metadata().await?;
        let algorithm = self.id_token_algorithm(&metadata)?;
        let judgement = |keys: &KeySet| self.judge_logout(token, algorithm, keys);
        let said = self
            .judge(algorithm, token, GivenBy::Anyone, judgement)
            .await?;
        let ended = Ended {
            id: self.name_of(&said.jti),
            until: said.issued_at.plus(OLDEST + 1),
            sid: said.sid.as_deref(),
            sub: said.sub.as_deref(),
        };
        let sessions = self.sessions().end_all(&ended).await?;
        let sessions = sessions.ok_or_else(|| refused("jti was carried out before"))?;
        tracing::info!(sessions, "the server ended sessions");
        Ok(sessions)
    }

    /// Back-Channel Logout §2.6. The type `logout+jwt` is only recommended (§2.4), and demanding it would leave sessions alive at
    /// issuers that set none or `JWT` (§4.1); there `events` tells a logout token from any other of the issuer's, and what only an
    /// ID Token says refuses it. An access token that names its type (`at+jwt`) is none in any case.
    fn judge_logout(
        &self,
        token: &str,
        algorithm: Algorithm,
        keys: &KeySet,
    ) -> Result<LogoutToken, Refused> {
        let typ = match self.config().logout_token_typ_required {
            true => Typ::OneOf(&[LOGOUT_TOKEN_TYP]),
            false => Typ::OneOfOrAbsent(&[LOGOUT_TOKEN_TYP, ID_TOKEN_TYP]),
        };
        let config = self.config();
        let trusted = config.trusted_audiences.iter().map(String::as_str);
        let trusted: Vec<&str> = trusted.collect();
        let expectation = Expectation::new(
            typ,
            std::slice::from_ref(&algorithm),
            self.issuer(),
            Audience::OnlyWith(self.client_id(), &trusted),
        )
        .leeway(config.leeway.ahead)
        .expiry_leeway(config.leeway.past_expiry)
        .max_age(OLDEST);
        let claims = verify(token, &expectation, keys, self.now())?;
        if !is_back_channel_logout(&claims) {
            return Err(Refused::Claim(
                "events is not the one event of a back-channel logout",
            ));
        }
        if OF_AN_ID_TOKEN
            .iter()
            .any(|name| claims.claim(name).is_some())
        {
            return Err(Refused::Claim(
                "nonce, at_hash or c_hash is there: this may be an ID Token",
            ));
        }
        let sub = match claims.sub() {
            Some(sub) if !grammar::is_subject(sub) => {
                return Err(Refused::Claim("sub is empty or too long"));
            }
            sub => sub.map(str::to_owned),
        };
        let sid = session(&claims)?.map(str::to_owned);
        if sub.is_none() && sid.is_none() {
            return Err(Refused::Claim("neither sub nor sid is there"));
        }
        let jti = claims.jti().filter(|jti| !jti.is_empty());
        Ok(LogoutToken {
            jti: jti.ok_or(Refused::Claim("jti is missing"))?.to_owned(),
            issued_at: claims.iat().ok_or(Refused::Claim("iat is missing"))?,
            sub,
            sid,
        })
    }

    /// What a store, which other clients may share, remembers a `jti` of this client's by.
    fn name_of(&self, jti: &str) -> [u8; 32] {
        let name = format!("{}\n{}\n{jti}", self.issuer(), self.client_id());
        encoding::sha256(name.as_bytes())
    }
}

/// Whether `events` has the one member it must have, with an object in it (§2.4).
fn is_back_channel_logout(claims: &Verified) -> bool {
    let events = claims.claim("events").and_then(Value::as_object);
    events.is_some_and(|events| {
        events.len() == 1 && events.get(BACK_CHANNEL_EVENT).is_some_and(Value::is_object)
    })
}
