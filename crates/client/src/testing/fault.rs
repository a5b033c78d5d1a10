//! What an issuer can do wrong, and the answers that do it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::axum::body::{Body, Bytes};
use ::axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use hyper::body::Frame;

/// One misdeed of a [`FakeIssuer`](super::FakeIssuer), done once, at the next request to the endpoint it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Metadata: 404 at the first place where it is looked for.
    MetadataMissing,
    /// Metadata: a redirect.
    MetadataRedirects,
    /// Metadata: 503.
    MetadataBusy,
    /// Metadata: text that never ends.
    MetadataEndless,
    /// Authorization: the answer names another issuer.
    WrongIssuer,
    /// Authorization: the answer names no issuer.
    NoIssuer,
    /// Authorization: the answer carries another `state`.
    WrongState,
    /// Authorization: refused with this error.
    Denies(&'static str),
    /// Token: refused with this error, and nothing happens.
    Refuses(&'static str),
    /// Token: no answer, ever.
    Hangs,
    /// Token: everything happens, and then the connection breaks off in the middle of the answer.
    LosesAnswer,
    /// Token: 503, and nothing happens.
    Busy,
    /// Token: a redirect to another host.
    Redirects,
    /// Token: text that never ends.
    Endless,
    /// Token: 200 with this body.
    Answers(&'static str),
    /// Token: the proper answer with this `token_type`, whatever was proven.
    TokenType(&'static str),
    /// Token: the proper answer with an ID Token that has this flaw.
    IdToken(IdTokenFlaw),
    /// Userinfo: about somebody else.
    UserInfoOfAnother,
    /// Userinfo: about nobody.
    UserInfoWithoutSubject,
    /// Userinfo: not JSON.
    UserInfoAsText,
    /// Userinfo: 401, as for a token that is for an API alone.
    UserInfoRefused,
    /// Userinfo: 503.
    UserInfoBusy,
    /// Pushed request: refused with this error.
    PushRefused(&'static str),
    /// Pushed request: 503.
    PushBusy,
    /// Revocation: 503, and nothing happens.
    RevocationBusy,
    /// Keys: 503.
    KeysBusy,
    /// Keys: text that is no key set.
    KeysAsText,
}

/// What can be wrong with an ID Token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdTokenFlaw {
    /// It is not there.
    Missing,
    /// `alg` is `none`.
    Unsigned,
    /// `alg` is HS256, with the client's secret for a key.
    SharedSecret,
    /// The signature is broken.
    Signature,
    /// Signed with a key that the issuer never published.
    ForeignKey,
    /// The header names no key.
    NoKeyName,
    /// `typ` is of an access token.
    Type,
    /// `iss` is another issuer.
    Issuer,
    /// `sub` is missing.
    NoSubject,
    /// `sub` is another user.
    OtherSubject,
    /// `aud` is another client.
    Audience,
    /// `aud` is this client and another one.
    SecondAudience,
    /// `azp` is another client.
    OtherParty,
    /// `iat` is missing.
    NoIssuedAt,
    /// `iat` is an hour ago.
    Old,
    /// `exp` is past.
    Expired,
    /// `nonce` is another one.
    Nonce,
    /// `nonce` is missing.
    NoNonce,
    /// `at_hash` is of another access token.
    AccessTokenHash,
    /// `auth_time` is a day ago.
    OldSignIn,
    /// `auth_time` is missing.
    NoSignInTime,
}

/// The endpoint that a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Metadata,
    Authorization,
    Token,
    UserInfo,
    Pushing,
    Revocation,
    Keys,
}

impl Fault {
    pub(super) fn endpoint(self) -> Endpoint {
        match self {
            Self::MetadataMissing
            | Self::MetadataRedirects
            | Self::MetadataBusy
            | Self::MetadataEndless => Endpoint::Metadata,
            Self::WrongIssuer | Self::NoIssuer | Self::WrongState | Self::Denies(_) => {
                Endpoint::Authorization
            }
            Self::Refuses(_)
            | Self::Hangs
            | Self::LosesAnswer
            | Self::Busy
            | Self::Redirects
            | Self::Endless
            | Self::Answers(_)
            | Self::TokenType(_)
            | Self::IdToken(_) => Endpoint::Token,
            Self::UserInfoOfAnother
            | Self::UserInfoWithoutSubject
            | Self::UserInfoAsText
            | Self::UserInfoRefused
            | Self::UserInfoBusy => Endpoint::UserInfo,
            Self::PushRefused(_) | Self::PushBusy => Endpoint::Pushing,
            Self::RevocationBusy => Endpoint::Revocation,
            Self::KeysBusy | Self::KeysAsText => Endpoint::Keys,
        }
    }

    /// The answer that replaces the proper one; `None` for faults that change the proper one.
    pub(super) async fn answer(self) -> Option<Response> {
        let json = [(header::CONTENT_TYPE, "application/json")];
        let elsewhere = [(header::LOCATION, "https://evil.example/")];
        Some(match self {
            Self::MetadataMissing => StatusCode::NOT_FOUND.into_response(),
            Self::MetadataRedirects | Self::Redirects => {
                (StatusCode::TEMPORARY_REDIRECT, elsewhere).into_response()
            }
            Self::MetadataBusy
            | Self::Busy
            | Self::UserInfoBusy
            | Self::PushBusy
            | Self::RevocationBusy
            | Self::KeysBusy => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Self::MetadataEndless | Self::Endless => (json, Body::new(Endless)).into_response(),
            Self::UserInfoRefused => {
                let challenge = [(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)];
                (StatusCode::UNAUTHORIZED, challenge).into_response()
            }
            Self::UserInfoAsText | Self::KeysAsText => "this is text".into_response(),
            Self::Refuses(error) | Self::PushRefused(error) => {
                let body = serde_json::json!({ "error": error }).to_string();
                (StatusCode::BAD_REQUEST, json, body).into_response()
            }
            Self::Answers(body) => (json, body).into_response(),
            Self::Hangs => std::future::pending().await,
            Self::WrongIssuer
            | Self::NoIssuer
            | Self::WrongState
            | Self::Denies(_)
            | Self::LosesAnswer
            | Self::TokenType(_)
            | Self::IdToken(_)
            | Self::UserInfoOfAnother
            | Self::UserInfoWithoutSubject => return None,
        })
    }
}

/// `response` with a body that begins and breaks off.
pub(super) fn broken_off(response: Response) -> Response {
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, Body::new(BrokenOff { begun: false }))
}

struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(
            &[b' '; 16 * 1024],
        )))))
    }
}

struct BrokenOff {
    begun: bool,
}

impl hyper::body::Body for BrokenOff {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let begun = std::mem::replace(&mut self.begun, true);
        Poll::Ready(Some(match begun {
            false => Ok(Frame::data(Bytes::from_static(b"{\"access_"))),
            true => Err(std::io::Error::other("scripted")),
        }))
    }
}
