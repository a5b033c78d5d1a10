//! What the log tells: every step, and no secret. Alone in its process: a subscriber belongs to all threads.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic where its setting breaks"
)]

use std::io::Write;
use std::sync::{Arc, Mutex};

use safeconduct_client::testing::{FakeIssuer, Fault};
use safeconduct_client::{BeginOptions, Clock, Timestamp};
use tracing_subscriber::fmt::MakeWriter;

/// A log kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

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

#[tokio::test]
async fn no_secret_is_in_the_log_at_its_most_talkative() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let clock = Clock::test(Timestamp::from_seconds(1_800_000_000));
    let issuer = FakeIssuer::start_at(clock.clone()).await;
    let client = issuer.client().build().unwrap();

    let begun = client.begin(&BeginOptions::new()).await.unwrap();
    let pair = |set_cookie: &str| set_cookie.split(';').next().unwrap().to_owned();
    let attempt_cookie = pair(&begun.set_cookies[0]);
    let back = issuer.authorize(&begun.url).await;
    let signed_in = client
        .finish(back.query().unwrap(), &attempt_cookie)
        .await
        .unwrap();
    let first = signed_in.tokens.access_token.clone();
    let started = client.start_session(&signed_in, "").await.unwrap();
    clock.advance(300);
    issuer.script([
        Fault::LosesAnswer,
        Fault::Answers(r#"{"access_token":["hush-hush"]}"#),
    ]);
    assert!(started.session.access_token().await.is_err());
    clock.advance(1);
    let second = started.session.access_token().await.unwrap();
    started.session.end().await.unwrap();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for told in [
        "a sign-in begins",
        "signed in",
        "asking again",
        "tokens were renewed",
        "signed out",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
    let parameter = |name: &str| {
        back.query_pairs()
            .find(|(key, _)| key == name)
            .unwrap()
            .1
            .into_owned()
    };
    let value = |pair: &str| pair.split_once('=').unwrap().1.to_owned();
    let secrets = [
        first.expose().to_owned(),
        second.expose().to_owned(),
        parameter("code"),
        parameter("state"),
        value(&attempt_cookie),
        value(&pair(&started.set_cookie)),
        "rt-0-0".to_owned(),
        "rt-0-1".to_owned(),
        "a+secret+for+tests".to_owned(),
        "a secret for tests".to_owned(),
        "hush-hush".to_owned(),
    ];
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in\n{text}");
    }
}
