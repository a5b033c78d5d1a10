//! How the session ends: who was told first, and how the others came to know.

use serde_json::Value;

use super::{Check, Step, Story, check};
use crate::message::{Jwt, Message, Party};

/// The number of the first step about the end.
pub(super) const FIRST: usize = 9;
/// The one event that a logout token holds (Back-Channel Logout §2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

impl<'a> Story<'a> {
    pub(super) fn signed_out(&self) -> Option<Step<'a>> {
        let logout = self.logout?;
        let is_at_app = logout.to == Party::App;
        // Of what was asked at the server, what the app sent the person to; the page may have been looked at before and after.
        let mut at_server = self.logouts_at_server.iter().copied();
        let server = at_server.find(|asked| asked.began > logout.began);
        let (title, said, proof, checks) = match is_at_app {
            true => (
                "The person signs out of the app",
                "signed out",
                "session ended, refresh token revoked",
                self.ended_by_app(logout, server),
            ),
            false => (
                "The person signs out at the server",
                "signed out",
                "session ended",
                vec![check(
                    "The wish came from the server's own page",
                    "RFC 6749 §10.12",
                    super::is_own_form(logout),
                )],
            ),
        };
        let revoked = self.revocations.last().copied().filter(|_| is_at_app);
        let messages = [revoked, Some(logout), server, self.came_back];
        Some(Step {
            number: FIRST,
            title: title.to_owned(),
            from: Party::Browser,
            to: logout.to,
            said: said.to_owned(),
            proof: proof.to_owned(),
            checks,
            messages: messages.into_iter().flatten().collect(),
        })
    }

    fn ended_by_app(&self, logout: &Message, server: Option<&Message>) -> Vec<Check> {
        let revoked = self.revocations.last();
        let sent_on = logout
            .answer
            .redirect
            .as_ref()
            .is_some_and(|redirect| redirect.to == format!("{}/logout", self.addresses.server));
        let mut checks = vec![
            check(
                "The app's session ended",
                "RFC 6265 §5.3",
                logout.answer.status == 303,
            ),
            check(
                "What the tokens rested on was revoked at the server",
                "RFC 7009 §2.1",
                revoked.is_some_and(|message| message.answer.status == 200),
            ),
            check(
                "The browser is sent on to the server, whose session would open the app again",
                "OpenID RP-Initiated Logout §2",
                sent_on,
            ),
        ];
        if let Some(server) = server {
            let back = server.answer.redirect.as_ref();
            checks.push(check(
                "The server knew by the ID Token who sends whom, and returns to the registered address alone",
                "OpenID RP-Initiated Logout §3",
                back.is_some_and(|back| back.to == self.addresses.post_logout_redirect_uri()),
            ));
        }
        checks
    }

    /// OpenID Connect Back-Channel Logout 1.0.
    pub(super) fn told_app(&self) -> Option<Step<'a>> {
        let told = self.told_app?;
        let token = told.request.logout_token.as_ref()?;
        let accepted = told.answer.status == 200;
        Some(Step {
            number: FIRST + 1,
            title: "The server tells the app, behind the browser’s back".to_owned(),
            from: Party::Server,
            to: Party::App,
            said: "the session has ended".to_owned(),
            proof: match accepted {
                true => "logout token: typ, aud, sid, event ok; signed out".to_owned(),
                false => format!("refused: {}", told.answer.status),
            },
            checks: self.judged_logout_token(token, accepted),
            messages: vec![told],
        })
    }

    /// Back-Channel Logout §2.6.
    fn judged_logout_token(&self, token: &Jwt, accepted: bool) -> Vec<Check> {
        let claims = &token.claims;
        let events = claims["events"].as_object();
        let is_logout =
            events.is_some_and(|events| events.len() == 1 && events.contains_key(EVENT));
        let session = self
            .id_token()
            .map_or(&Value::Null, |id_token| &id_token.claims["sid"]);
        let app = self.id_token().map(Jwt::audiences);
        vec![
            check(
                "It is a logout token, signed by the server, and cannot pass for anything else: typ, one event, no nonce",
                "OpenID Back-Channel Logout §2.4",
                token.header["typ"] == "logout+jwt" && is_logout && token.nonce.is_none(),
            ),
            check(
                "iss is the server, aud is this app and nobody else",
                "OpenID Back-Channel Logout §2.6",
                claims["iss"] == self.addresses.server.as_str() && app == Some(token.audiences()),
            ),
            check(
                "sid names the session of step 5, and no other sign-in of the person",
                "OpenID Back-Channel Logout §2.4",
                session.is_string() && *session == claims["sid"],
            ),
            check(
                "It has a number of its own, so that it counts once",
                "OpenID Back-Channel Logout §2.6",
                claims["jti"].is_string(),
            ),
            check(
                "The app believed it, and let go of the person",
                "OpenID Back-Channel Logout §2.8",
                accepted,
            ),
        ]
    }
}
