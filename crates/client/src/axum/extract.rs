//! What handlers name: `User` and `Api` mean "signed in, or sent to sign in", `Option<User>` means "perhaps".

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use ::axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::Extensions;
use http::request::Parts;
use serde_json::{Map, Value};

use super::CSRF_FIELD;
use super::page::escape;
use super::visit::Visits;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::session::Session;
use crate::sign_in::identity::Identity;
use crate::tokens::api::Api;

/// What a nameless user is called.
const NAMELESS: &str = "you";

/// A user who is signed in. As a handler's argument: a page visited by no such user leads to signing in and back; anything else
/// is answered 401.
#[derive(Clone, Debug)]
pub struct User(Session);

/// A name to show. It has no `Display`, so that it cannot reach a page unescaped by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisplayName<'a>(&'a str);

impl User {
    /// The public identifier of this session: new at every sign-in, useless as a cookie.
    pub fn session_id(&self) -> &str {
        self.0.id()
    }

    /// The user's identifier at the issuer, if the scope `openid` was asked for. Other issuers may have given the same to
    /// others: keep users under [`User::key`].
    pub fn sub(&self) -> Option<&str> {
        self.identity().map(Identity::sub)
    }

    /// Issuer and `sub`: the one key to keep a user under (OpenID Connect Core §5.7), never the e-mail address.
    pub fn key(&self) -> Option<(&str, &str)> {
        self.identity().map(Identity::key)
    }

    /// The e-mail address, if the scope `email` was granted. Whether it was verified, [`Identity::email_verified`] says.
    pub fn email(&self) -> Option<&str> {
        self.identity()?.email()
    }

    /// Everything the issuer said about the user; nothing without the scope `openid`.
    pub fn claims(&self) -> &Map<String, Value> {
        static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        self.identity().map_or(&NOTHING, Identity::claims)
    }

    /// The name the app gave this session with [`Session::set_name`], or else the one that the issuer said: the full name, the
    /// one the user chose, the e-mail address. `you` if there is none.
    pub fn display_name(&self) -> DisplayName<'_> {
        DisplayName(self.name().unwrap_or(NAMELESS))
    }

    /// A form with one button that signs this user out, as HTML. A field `next` in a form of your own says to which path of the
    /// app they get then.
    pub fn logout_form(&self) -> String {
        format!(
            r#"<form method="post" action="{}/logout"><input type="hidden" name="{CSRF_FIELD}" value="{}"><button type="submit">Sign out</button></form>"#,
            self.client().routes_path(),
            self.csrf_token(),
        )
    }

    /// The session itself.
    pub fn into_session(self) -> Session {
        self.0
    }
}

impl Deref for User {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl DerefMut for User {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.0
    }
}

impl<'a> DisplayName<'a> {
    /// The name as it is, for anything but HTML.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The name, safe inside an element or a quoted attribute.
    pub fn escaped(self) -> String {
        escape(self.0)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
        Ok(visitor(parts).await?.map(User))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        required(parts).await.map(User)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Api {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(required(parts).await?.api())
    }
}

async fn required(parts: &Parts) -> Result<Session, Error> {
    let session = visitor(parts).await?;
    session.ok_or_else(|| Error::new(ErrorKind::SignInRequired, "nobody is signed in"))
}

async fn visitor(parts: &Parts) -> Result<Option<Session>, Error> {
    let visits = Visits::of(&parts.extensions).cloned();
    visits.ok_or_else(unlayered)?.session().await
}

impl Client {
    /// Who is signed in with this client, and with no other: what a handler asks that is for the users of one issuer alone, where
    /// layers of several clients stand around it.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]; [`ErrorKind::Configuration`] without a layer of this client.
    pub async fn user_in(&self, extensions: &Extensions) -> Result<Option<User>, Error> {
        let visit = Visits::of(extensions).and_then(|visits| visits.with(self).cloned());
        let session = visit.ok_or_else(unlayered)?.session().await?;
        Ok(session.map(User))
    }
}

fn unlayered() -> Error {
    Error::configuration(
        "a handler asks who is visiting, but the router lacks `.layer(client.layer())`",
    )
}
