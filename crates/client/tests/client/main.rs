//! The client against an issuer that misbehaves on request.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic where its setting breaks"
)]

mod app;
mod connections;
mod discovery;
mod dpop;
mod foreign;
mod identity;
mod itself;
mod logout;
mod native;
mod pushed_request;
mod recorded;
mod refresh;
mod resources;
mod sessions;
mod sign_in;
mod step_up;
mod stores;

use safeconduct_client::testing::FakeIssuer;
use safeconduct_client::{
    BeginOptions, Client, Clock, Error, ErrorKind, Session, SignedIn, Timestamp,
};
use url::Url;

/// When every test begins.
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The `Cookie` header of a browser that was just given these `Set-Cookie` values.
fn cookie_header<'a>(set_cookies: impl IntoIterator<Item = &'a String>) -> String {
    let pairs = set_cookies
        .into_iter()
        .map(|cookie| cookie.split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

/// A sign-in up to the callback: its query, and the browser's cookies.
async fn come_back(client: &Client, issuer: &FakeIssuer) -> (String, String) {
    let begun = client.begin(&BeginOptions::new()).await.unwrap();
    let back = issuer.authorize(&begun.url).await;
    (
        back.query().unwrap().to_owned(),
        cookie_header(&begun.set_cookies),
    )
}

/// A sign-in from beginning to end.
async fn sign_in(client: &Client, issuer: &FakeIssuer) -> Result<SignedIn, Error> {
    let (query, cookies) = come_back(client, issuer).await;
    client.finish(&query, &cookies).await
}

/// A session that just began, and its cookie.
async fn session(client: &Client, issuer: &FakeIssuer) -> (Session, String) {
    let signed_in = sign_in(client, issuer).await.unwrap();
    let started = client.start_session(&signed_in, "").await.unwrap();
    (started.session, cookie_header([&started.set_cookie]))
}

/// An issuer and a clock that moves when told.
async fn issuer_and_clock() -> (FakeIssuer, Clock) {
    let clock = Clock::test(START);
    (FakeIssuer::start_at(clock.clone()).await, clock)
}

/// `url`'s query parameter.
fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The kind of failure.
fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}
