//! What is logged. Alone in its process: a log is seen by one thread only if no other thread met the same events before.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::{Arc, Mutex};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Uri};
use safeconduct_guard::{Guard, ProofKey, TestIssuer};
use safeconduct_protocol::encoding;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tokens that are refused, each for another reason; the last ones say `secret` where something else belongs.
fn refused_tokens(issuer: &TestIssuer, secret: &str) -> Vec<String> {
    let token = || issuer.token();
    let in_path = format!("https://api.example.com/{secret}");
    let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{secret}"}}"#);
    let good = token().sign();
    let (_, rest) = good.split_once('.').unwrap();
    vec![
        token().audience("https://other.example").sign(),
        token().issuer("https://evil.example\n forged line").sign(),
        token().typ("JWT").sign(),
        token().expires_in(-5).claim("exp", 1_000_000_000).sign(),
        token().signed_by_a_stranger().sign(),
        token().audience(secret).sign(),
        token().audience(&in_path).sign(),
        token().issuer(secret).sign(),
        token().typ(secret).sign(),
        format!("{}.{rest}", encoding::encode(header.as_bytes())),
    ]
}

/// Attacks: A03.
#[tokio::test]
async fn the_log_tells_expected_against_got_and_never_the_token() {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let (guard, issuer) = Guard::for_tests("https://api.example.com");
    let good = issuer.token().sign();
    // What stands in a token may be a secret in the wrong place.
    let secret = "c0d3".repeat(20);
    let bad = refused_tokens(&issuer, &secret);
    let _default = tracing::subscriber::set_default(subscriber);
    let mut ids = Vec::new();
    assert!(guard.validate(&good).await.is_ok());
    for token in &bad {
        ids.push(
            guard
                .validate(token)
                .await
                .unwrap_err()
                .correlation_id()
                .to_owned(),
        );
    }
    let key = ProofKey::generate();
    let bound = issuer.token().bound_to(&key).sign();
    let proof = issuer.proof(&key, "GET", "https://evil.example/", &bound);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("DPoP {bound}").parse().unwrap());
    headers.insert("dpop", proof.parse().unwrap());
    let uri = Uri::from_static("/");
    let denied = guard.authenticate(&Method::GET, &headers, &uri).await;
    ids.push(denied.unwrap_err().correlation_id().to_owned());

    let log = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    let shown = bad.iter().chain([&good, &bound, &proof]);
    for part in shown.flat_map(|token| token.split('.')) {
        assert!(!log.contains(part), "{log}");
    }
    assert!(log.contains(r#"got="c0d3c0d3c0d3… (80 bytes)""#), "{log}");
    assert!(!log.contains(&secret[..16]), "{log}");
    assert_eq!(log.lines().count(), ids.len(), "{log}");
    assert!(
        ids.iter()
            .zip(log.lines())
            .all(|(id, line)| line.contains(id.as_str())),
        "{log}"
    );
    let lines: Vec<_> = log
        .lines()
        .zip(&ids)
        .map(|(line, id)| line.replace(id.as_str(), "ID"))
        .collect();
    insta::assert_snapshot!(lines[..3].join("\n"), @r#"
    INFO safeconduct_guard::denied: request denied reason="wrong-audience" correlation_id="ID" expected="https://api.example.com" got="https://other.exampl… (13 bytes)"
    INFO safeconduct_guard::denied: request denied reason="wrong-issuer" correlation_id="ID" expected="https://issuer.test" got="https://evil.example… (25 bytes)"
    INFO safeconduct_guard::denied: request denied reason="wrong-type" correlation_id="ID" expected="at+jwt" got="JWT" hint="the token has the form of Profile::Zitadel, Profile::Auth0, Profile::Hydra"
    "#);
    insta::assert_snapshot!(lines.last().unwrap().trim_start(), @r#"INFO safeconduct_guard::denied: request denied reason="proof-refused" correlation_id="ID" expected="a fresh proof for this request and token" got="htu is not https://api.example.com/""#);
}
