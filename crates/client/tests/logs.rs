//! What the log tells: every step, and no secret. Alone in its process: a subscriber belongs to all threads.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic where its setting breaks"
)]

use std::io::Write;
use std::sync::{Arc, Mutex};

use safeconduct_client::testing::{FakeIssuer, Fault, LogoutFlaw, LogoutToken};
use safeconduct_client::{BeginOptions, Client, Clock, Timestamp};
use tracing_subscriber::fmt::MakeWriter;
use url::Url;

/// A log kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Keeps everything that is said in this process from now on.
    fn begin() -> Self {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

fn parameter(answer: &Url, name: &str) -> String {
    let mut pairs = answer.query_pairs();
    pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
}

/// Signs in as an app on a person's own computer does, by a wrong answer and the right one; what must not be told of it.
async fn signs_in_beside_a_browser(client: &Client, issuer: &FakeIssuer) -> [String; 3] {
    let sign_in = client.native().begin(&BeginOptions::new()).await.unwrap();
    let url = sign_in.url().to_string();
    let back = issuer.authorize(sign_in.url()).await;
    let answers = sign_in.answers();
    let waiting = tokio::spawn(sign_in.wait());
    let none = back.as_str().replace("state=", "state=x");
    assert!(answers.give(&none).await.is_err());
    answers.give(back.as_str()).await.unwrap();
    waiting.await.unwrap().unwrap();
    [url, parameter(&back, "code"), parameter(&back, "state")]
}

/// Attacks: K14, A03.
#[tokio::test]
async fn no_secret_is_in_the_log_at_its_most_talkative() {
    let log = Log::begin();
    let clock = Clock::test(Timestamp::from_seconds(1_800_000_000));
    let issuer = FakeIssuer::start_at(clock.clone()).await;
    issuer.takes_pushed_requests(true);
    issuer.demands_nonce();
    let client = issuer.client().dpop(true).build().unwrap();

    let begun = client.begin(&BeginOptions::new()).await.unwrap();
    let pair = |set_cookie: &str| set_cookie.split(';').next().unwrap().to_owned();
    let attempt_cookie = pair(&begun.set_cookies[0]);
    let answer = issuer.authorize(&begun.url).await;
    let signed_in = client
        .finish(answer.query().unwrap(), &attempt_cookie)
        .await
        .unwrap();
    let first = signed_in.tokens.access_token.clone();
    let id_token = signed_in.tokens.id_token.clone().unwrap();
    let started = client.start_session(&signed_in, "").await.unwrap();
    clock.advance(300);
    issuer.script([
        Fault::LosesAnswer,
        Fault::Answers(r#"{"access_token":["hush-hush"]}"#),
    ]);
    assert!(started.session.access_token().await.is_err());
    clock.advance(1);
    let second = started.session.access_token().await.unwrap();
    let logout = issuer.logout_token(&LogoutToken::of_session("another").with(LogoutFlaw::Nonce));
    let form = format!("logout_token={logout}");
    assert!(client.back_channel_logout(form.as_bytes()).await.is_err());
    let signed_out = started.session.sign_out("/").await.unwrap();
    let back = issuer.end_session(&signed_out.url.unwrap()).await;
    client.logged_out(back.query().unwrap()).unwrap();

    let of_native = signs_in_beside_a_browser(&client, &issuer).await;

    let text = log.text();
    for told in [
        "a sign-in begins",
        "signed in",
        "asking again",
        "tokens were renewed",
        "signed out",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
    let value = |pair: &str| pair.split_once('=').unwrap().1.to_owned();
    let secrets = [
        first.expose().to_owned(),
        second.expose().to_owned(),
        id_token.expose().to_owned(),
        logout,
        "alice@example.com".to_owned(),
        back.query().unwrap().to_owned(),
        parameter(&answer, "code"),
        parameter(&answer, "state"),
        value(&attempt_cookie),
        value(&pair(&started.set_cookie)),
        "rt-0-0".to_owned(),
        "rt-0-1".to_owned(),
        "a+secret+for+tests".to_owned(),
        "a secret for tests".to_owned(),
        "hush-hush".to_owned(),
    ];
    for secret in secrets.into_iter().chain(of_native) {
        assert!(!text.contains(&secret), "{secret} is in\n{text}");
    }
}
