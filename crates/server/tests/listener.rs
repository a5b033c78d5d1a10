//! What the accept loop promises, tried with real sockets: none hangs for ever, whatever it says or leaves unsaid.
//!
//! The limits are a few hundred milliseconds here. A socket that is still open after `PATIENCE` counts as hanging.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "listener/drain.rs"]
mod drain;
#[path = "listener/tls.rs"]
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::routing::{get, post};
use rstest::rstest;
use safeconduct_protocol::error::Reason;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::CrossOrigin;
use safeconduct_server::client_address::{ClientAddress, Peer};
use safeconduct_server::correlation::{Correlation, correlate};
use safeconduct_server::listener::{Drained, Limits, Listener, Tls, serve};
use safeconduct_server::telemetry::Telemetry;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{interval, timeout};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(60);
/// Many times `SHORT`, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// Limits that are never met; each test shortens the one it is about.
fn no_limits() -> Limits {
    Limits {
        header_timeout: LONG,
        body_timeout: LONG,
        idle_timeout: LONG,
        request_timeout: LONG,
        write_timeout: LONG,
        drain_timeout: LONG,
        ..Limits::default()
    }
}

struct TestListener {
    address: SocketAddr,
    telemetry: Telemetry,
    /// Notified when the handler of `/slow` is entered.
    entered: Arc<Notify>,
    /// Lets one handler of `/slow` finish.
    release: Arc<Notify>,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<Drained>,
}

impl TestListener {
    async fn open(limits: Limits) -> Self {
        Self::in_tls(limits, None).await
    }

    async fn in_tls(limits: Limits, tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let telemetry = Telemetry::new();
        let entered = Arc::new(Notify::new());
        let release = Arc::new(Notify::new());
        let (shutdown, stop) = oneshot::channel();
        let router = correlate(router(entered.clone(), release.clone()), telemetry.clone());
        let served = tokio::spawn(serve(
            vec![Listener::from(listener).with_tls(tls)],
            router,
            limits.into(),
            telemetry.clone(),
            CrossOrigin::of(&Issuer::parse("https://id.example").unwrap()),
            async {
                let _ = stop.await;
            },
        ));
        Self {
            address,
            telemetry,
            entered,
            release,
            shutdown,
            served,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Everything the server says to `bytes`, until it closes the connection.
    async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.send(bytes.as_ref()).await;
        until_closed(&mut stream).await
    }

    /// A connection on which `bytes` were sent.
    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// That other connections are still served.
    async fn assert_serves(&self) {
        let answer = self
            .say("GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn router(entered: Arc<Notify>, release: Arc<Notify>) -> Router {
    async fn never() {
        std::future::pending().await
    }
    async fn panics() {
        panic!("on purpose")
    }
    async fn whose(
        Extension(peer): Extension<Peer>,
        Extension(client): Extension<ClientAddress>,
        Extension(correlation): Extension<Correlation>,
    ) -> String {
        format!(
            "{} {} {} {}",
            peer.0.ip(),
            client.address,
            client.hostile,
            correlation
        )
    }
    Router::new()
        .route("/hello", get(async || "hello"))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/smuggled", get(async || "smuggled"))
        .route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]))
        .route("/never", get(never))
        .route("/panics", get(panics))
        .route("/whose", get(whose))
        .route(
            "/slow",
            get(async move || {
                entered.notify_one();
                release.notified().await;
                "done"
            }),
        )
}

/// Everything that arrives until the server closes.
///
/// # Panics
/// If the connection stays open.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
    // A reset closes as well.
    let _ = read.expect("the connection stays open");
    String::from_utf8_lossy(&heard).into_owned()
}

/// One answer with a `content-length`, on a connection that stays open.
async fn one_answer<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut heard = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&heard).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        let read = timeout(PATIENCE, stream.read_buf(&mut heard)).await;
        assert_ne!(
            read.expect("an answer").unwrap(),
            0,
            "closed after {text:?}"
        );
    }
}

/// Sends `bytes` over and over until the server has had enough, and returns everything it said.
async fn trickle(mut stream: TcpStream, bytes: &[u8], pause: Duration) -> String {
    let (mut reader, mut writer) = stream.split();
    let mut heard = Vec::new();
    let mut ticks = interval(pause);
    let closed = async {
        loop {
            tokio::select! {
                read = reader.read_buf(&mut heard) => if matches!(read, Ok(0) | Err(_)) { return },
                _ = ticks.tick() => { let _ = writer.write_all(bytes).await; }
            }
        }
    };
    timeout(PATIENCE, closed)
        .await
        .expect("the connection stays open");
    String::from_utf8_lossy(&heard).into_owned()
}

#[rstest]
#[case::silent("")]
#[case::an_empty_line("\r\n")]
#[case::half_a_request_line("GET /hel")]
#[case::half_a_head("GET /hello HTTP/1.1\r\nhost: x\r\nacc")]
#[case::a_head_without_its_end("GET /hello HTTP/1.1\r\nhost: x\r\n")]
#[case::half_an_http_2_preface("PRI * HTTP/2.0\r\n\r\nSM")]
#[case::the_start_of_tls("\x16\x03\x01")]
#[tokio::test]
async fn a_socket_that_does_not_finish_its_head_is_closed(#[case] spoken: &str) {
    let listener = TestListener::open(Limits {
        header_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let begun = Instant::now();
    let heard = listener.say(spoken).await;
    assert!(!heard.contains(" 200 "), "{heard}");
    assert!(begun.elapsed() < PATIENCE);
    listener.assert_serves().await;
}

/// Attacks: T13.
#[tokio::test]
async fn a_head_that_trickles_in_is_closed() {
    let listener = TestListener::open(Limits {
        header_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let stream = listener.send(b"GET /hello HTTP/1.1\r\nx-name: ").await;
    trickle(stream, b"x", SHORT / 10).await;
}

/// Attacks: T13.
#[rstest]
#[case::silent_after_the_head(
    "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n",
    ""
)]
#[case::by_length(
    "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n",
    "x"
)]
#[case::by_chunks(
    "POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
    "1\r\nx\r\n"
)]
#[case::within_a_chunk(
    "POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n",
    "x"
)]
#[tokio::test]
async fn a_body_that_trickles_in_is_answered_408_and_closed(
    #[case] head: &str,
    #[case] drop: &str,
) {
    let listener = TestListener::open(Limits {
        body_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let stream = listener.send(head.as_bytes()).await;
    let heard = trickle(stream, drop.as_bytes(), SHORT / 10).await;
    assert!(heard.starts_with("HTTP/1.1 408"), "{heard}");
    assert_names(&heard, Reason::BodyTooSlow);
    assert!(
        listener
            .telemetry
            .render()
            .contains(r#"route="unmatched",status="408""#)
    );
}

/// Attacks: T13.
#[tokio::test]
async fn an_idle_connection_is_kept_for_its_time_and_then_closed() {
    let listener = TestListener::open(Limits {
        header_timeout: SHORT,
        idle_timeout: SHORT * 4,
        ..no_limits()
    })
    .await;
    let mut stream = listener
        .send(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    one_answer(&mut stream).await;
    let idle_since = Instant::now();
    assert_eq!(until_closed(&mut stream).await, "");
    let idle = idle_since.elapsed();
    assert!(
        idle > SHORT * 3,
        "the head's time-out is not the idle one: {idle:?}"
    );
}

#[tokio::test]
async fn a_second_head_that_does_not_end_is_closed() {
    let listener = TestListener::open(Limits {
        header_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let mut stream = listener
        .send(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    one_answer(&mut stream).await;
    stream.write_all(b"GET /hel").await.unwrap();
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_closed() {
    let listener = TestListener::open(Limits {
        write_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let stream = listener
        .send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    // The gauge says when the server let go; reading would be progress.
    let gone = async {
        let mut looks = interval(SHORT / 10);
        while !listener
            .telemetry
            .render()
            .contains("safeconduct_connections 0")
        {
            looks.tick().await;
        }
    };
    stream.readable().await.unwrap();
    timeout(PATIENCE, gone)
        .await
        .expect("the connection stays open");
}

#[tokio::test]
async fn a_handler_that_does_not_answer_is_503_and_the_connection_lives() {
    let listener = TestListener::open(Limits {
        request_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let mut stream = listener
        .send(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    let heard = one_answer(&mut stream).await;
    assert!(heard.starts_with("HTTP/1.1 503"), "{heard}");
    assert!(heard.contains("retry-after: 2"), "{heard}");
    assert_names(&heard, Reason::AnswerTooSlow);
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(one_answer(&mut stream).await.ends_with("hello"));
}

/// Attacks: Z05.
#[tokio::test]
async fn a_panic_is_a_500_for_that_request_only() {
    let listener = TestListener::open(no_limits()).await;
    let mut stream = listener
        .send(b"GET /panics HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    let heard = one_answer(&mut stream).await;
    assert!(heard.starts_with("HTTP/1.1 500"), "{heard}");
    assert!(!heard.contains("on purpose"), "{heard}");
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(one_answer(&mut stream).await.ends_with("hello"));
}

/// Attacks: T12.
#[rstest]
#[case::as_large_as_allowed(64 * 1024, "200")]
#[case::one_byte_more(64 * 1024 + 1, "413")]
#[tokio::test]
async fn a_body_is_read_up_to_its_cap(#[case] length: usize, #[case] status: &str) {
    let listener = TestListener::open(no_limits()).await;
    let head = format!(
        "POST /length HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    let heard = listener
        .say([head.as_bytes(), &vec![b'x'; length]].concat())
        .await;
    assert!(heard.starts_with(&format!("HTTP/1.1 {status}")), "{heard}");
    if status == "200" {
        assert!(heard.ends_with(&length.to_string()), "{heard}");
    }
}

#[tokio::test]
async fn a_refusal_before_the_router_is_readable_where_scripts_may_call() {
    let listener = TestListener::open(no_limits()).await;
    for (path, readable) in [("/token", true), ("/introspect", false), ("/login", false)] {
        let heard = listener
            .say(format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 70000\r\n\r\n"
            ))
            .await;
        assert!(heard.starts_with("HTTP/1.1 413"), "{heard}");
        let allowed = heard.contains("access-control-allow-origin: *");
        assert_eq!(allowed, readable, "{heard}");
    }
}

/// Attacks: T12.
#[tokio::test]
async fn ten_mebibytes_are_refused_and_the_refusal_arrives() {
    let listener = TestListener::open(no_limits()).await;
    let length = 10 * 1024 * 1024;
    let head = format!("POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let begun = Instant::now();
    let heard = listener
        .say([head.as_bytes(), &vec![b'x'; length]].concat())
        .await;
    assert!(heard.starts_with("HTTP/1.1 413"), "{heard}");
    assert!(heard.contains("connection: close"), "{heard}");
    assert!(begun.elapsed() < PATIENCE);
    listener.assert_serves().await;
}

/// Attacks: T12.
#[tokio::test]
async fn chunks_without_an_end_are_refused_at_the_cap() {
    let listener = TestListener::open(no_limits()).await;
    let stream = listener
        .send(b"POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let chunk = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
    let heard = trickle(stream, &chunk, Duration::from_millis(1)).await;
    assert!(heard.starts_with("HTTP/1.1 413"), "{heard}");
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let listener = TestListener::open(no_limits()).await;
    let heard = listener
        .say("POST /length HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 70000\r\n\r\n")
        .await;
    assert!(heard.starts_with("HTTP/1.1 413"), "{heard}");
    listener.assert_serves().await;
}

#[rstest]
#[case::one_long_line(format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(20_000)))]
#[case::one_long_header(format!("GET /hello HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", "x".repeat(20_000)))]
#[case::many_headers(format!("GET /hello HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(1000)))]
#[case::no_end(format!("GET /hello HTTP/1.1\r\nhost: x\r\ncookie: {}", "x".repeat(1_000_000)))]
#[tokio::test]
async fn a_head_that_is_too_large_is_431(#[case] request: String) {
    let listener = TestListener::open(no_limits()).await;
    let heard = listener.say(request).await;
    assert!(heard.starts_with("HTTP/1.1 431"), "{heard}");
    listener.assert_serves().await;
}

#[tokio::test]
async fn a_head_as_large_as_allowed_is_served() {
    let listener = TestListener::open(no_limits()).await;
    let cookie = "x".repeat(16 * 1024 - 100);
    let heard = listener
        .say(format!(
            "GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n"
        ))
        .await;
    assert!(heard.starts_with("HTTP/1.1 200"), "{heard}");
}

/// Attacks: Q30.
#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let listener = TestListener::open(no_limits()).await;
    let heard = listener
        .say(
            "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc\
             GET /hello HTTP/1.1\r\nhost: x\r\n\r\n\
             POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n\
             GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .await;
    let bodies: Vec<&str> = heard
        .split("HTTP/1.1 200 OK")
        .skip(1)
        .map(|answer| answer.split_once("\r\n\r\n").unwrap().1)
        .collect();
    assert_eq!(bodies, ["3", "hello", "2", "hello"]);
}

/// Asserts that an answer is this refusal of the registry, under an id that finds it in the log.
fn assert_names(heard: &str, reason: Reason) {
    let entry = reason.entry();
    let (error, sentence) = (entry.error.as_str(), entry.public);
    let body = format!(r#"{{"error":"{error}","error_description":"{sentence}"}}"#);
    assert!(heard.ends_with(&body), "{heard}");
    assert!(heard.contains("x-correlation-id: "), "{heard}");
}

#[rstest]
#[case::too_large("content-length: 70000\r\n\r\n", Reason::RequestTooLarge)]
#[case::compressed(
    "transfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    Reason::TransferCodingUnsupported
)]
#[case::no_chunks("transfer-encoding: chunked\r\n\r\nzz\r\n", Reason::BodyMalformed)]
#[tokio::test]
async fn what_never_reaches_the_router_is_refused_by_its_name(
    #[case] rest: &str,
    #[case] reason: Reason,
) {
    let listener = TestListener::open(no_limits()).await;
    let request = format!("POST /length HTTP/1.1\r\nhost: x\r\n{rest}");
    assert_names(&listener.say(request).await, reason);
    listener.assert_serves().await;
}

/// Whoever sends one is not known before it is there.
#[tokio::test]
async fn of_large_bodies_few_are_held_at_once() {
    let listener = TestListener::open(Limits {
        provisions: true,
        ..no_limits()
    })
    .await;
    let begun = format!(
        "POST /scim/v2/Bulk HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{}",
        "x".repeat(70_000)
    );
    let mut held = JoinSet::new();
    for _ in 0..33 {
        let mut stream = listener.send(begun.as_bytes()).await;
        held.spawn(async move { one_answer(&mut stream).await });
    }
    let refused = held.join_next().await.unwrap().unwrap();
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert_names(&refused, Reason::Overloaded);
    // The others have their places, which come free with them.
    assert!(held.try_join_next().is_none());
    held.shutdown().await;
    listener.assert_serves().await;
}

/// What is documented of framing (RFC 9112 §6.1, §6.3). Each answer is the whole answer: body and what becomes of the connection.
/// Attacks: T14.
#[rstest]
#[case::two_different_lengths("content-length: 3\r\ncontent-length: 4\r\n\r\nabc", "400", "")]
#[case::the_same_length_twice("content-length: 3\r\ncontent-length: 3\r\n\r\nabc", "200", "3")]
#[case::a_list_of_one_length("content-length: 3, 3\r\n\r\nabc", "400", "")]
#[case::length_and_chunks(
    "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "200",
    "3"
)]
#[case::chunks_and_length(
    "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "200",
    "3"
)]
#[case::compressed_chunks(
    "transfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "501",
    ""
)]
#[case::compressed_in_two_headers(
    "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "501",
    ""
)]
#[case::chunks_in_chunks(
    "transfer-encoding: chunked, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "501",
    ""
)]
#[case::chunks_not_last(
    "transfer-encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "400",
    ""
)]
#[tokio::test]
async fn a_body_is_framed_in_one_way_or_refused(
    #[case] rest: &str,
    #[case] status: &str,
    #[case] length: &str,
) {
    let listener = TestListener::open(Limits {
        idle_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let request = format!("POST /length HTTP/1.1\r\nhost: x\r\n{rest}");
    let heard = listener.say(&request).await;
    assert!(heard.starts_with(&format!("HTTP/1.1 {status}")), "{heard}");
    let body = heard.split_once("\r\n\r\n").unwrap().1;
    assert!(status != "200" || body == length, "{heard}");

    // Framed in two ways: judged by the chunks, and the last request on its connection. Where one way is left, another may follow.
    let heard = listener.say(format!("{request}{SMUGGLED}")).await;
    let one_way = rest.contains("content-length: 3\r\ncontent-length: 3");
    assert_eq!(heard.contains("smuggled"), one_way, "{heard}");
}

/// A request without chunks may follow one with them: closing is for those framed in two ways.
#[tokio::test]
async fn chunks_alone_leave_the_connection_open() {
    let listener = TestListener::open(Limits {
        idle_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let heard = listener
        .say(format!(
            "POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ))
        .await;
    assert!(heard.contains("smuggled"), "{heard}");
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

/// Attacks: T14.
#[rstest]
#[case::length_then_chunks("content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")]
#[case::chunks_then_length("transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n")]
#[case::two_lengths("content-length: 0\r\ncontent-length: 44\r\n\r\n")]
#[case::a_signed_length("content-length: +0\r\n\r\n")]
#[case::a_list_of_lengths("content-length: 0, 44\r\n\r\n")]
#[case::an_unknown_encoding("transfer-encoding: xchunked\r\n\r\n")]
#[case::chunks_not_last("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
#[case::a_space_before_the_colon("content-length : 0\r\n\r\n")]
#[case::a_folded_header("x: y\r\n content-length: 0\r\n\r\n")]
#[case::a_nul_in_a_header("x: a\0b\r\n\r\n")]
#[case::a_chunk_size_that_overflows("transfer-encoding: chunked\r\n\r\n10000000000000000\r\n\r\n")]
#[case::a_chunk_size_with_a_sign("transfer-encoding: chunked\r\n\r\n+0\r\n\r\n")]
#[case::a_chunk_ended_by_line_feeds("transfer-encoding: chunked\r\n\r\n0\n\n")]
#[tokio::test]
async fn a_request_framed_in_two_ways_smuggles_nothing(#[case] rest: &str) {
    let listener = TestListener::open(Limits {
        header_timeout: SHORT,
        body_timeout: SHORT,
        idle_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let heard = listener
        .say(format!(
            "POST /length HTTP/1.1\r\nhost: x\r\n{rest}{SMUGGLED}"
        ))
        .await;
    assert!(!heard.contains("smuggled"), "{heard}");
    let answers = heard.lines().filter(|line| line.starts_with("HTTP/1.1 "));
    assert_eq!(answers.count(), 1, "{heard}");
    listener.assert_serves().await;
}

/// Attacks: T13, E07.
#[tokio::test]
async fn a_connection_too_many_is_closed_at_once_and_counted() {
    let listener = TestListener::open(Limits {
        max_connections: 2,
        ..no_limits()
    })
    .await;
    let mut kept = [listener.connect().await, listener.connect().await];
    for stream in &mut kept {
        stream
            .write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        one_answer(stream).await;
    }
    let mut refused = listener.connect().await;
    assert_eq!(until_closed(&mut refused).await, "");
    let metrics = listener.telemetry.render();
    assert!(metrics.contains("safeconduct_connections 2"), "{metrics}");
    assert!(
        metrics.contains(r#"safeconduct_rate_limited_total{limit="connections"} 1"#),
        "{metrics}"
    );
}

/// Attacks: T13.
#[tokio::test]
async fn one_address_has_its_share_of_connections() {
    let listener = TestListener::open(Limits {
        max_connections_per_address: 1,
        ..no_limits()
    })
    .await;
    let mut kept = listener.connect().await;
    kept.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    one_answer(&mut kept).await;
    assert_eq!(until_closed(&mut listener.connect().await).await, "");
    drop(kept);
    let served = async {
        let mut tries = interval(SHORT / 10);
        loop {
            tries.tick().await;
            let mut stream = listener.connect().await;
            let _ = stream
                .write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .await;
            if until_closed(&mut stream).await.ends_with("hello") {
                return;
            }
        }
    };
    timeout(PATIENCE, served)
        .await
        .expect("the place is free again");
}

#[rstest]
#[case::believed("10.1.1.1, 198.51.100.7", "127.0.0.1 198.51.100.7 false")]
#[case::garbage("garbage", "127.0.0.1 127.0.0.1 true")]
#[tokio::test]
async fn every_request_knows_whom_it_came_from_and_its_name(
    #[case] forwarded: &str,
    #[case] expected: &str,
) {
    let listener = TestListener::open(Limits {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..no_limits()
    })
    .await;
    let heard = listener
        .say(format!(
            "GET /whose HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {forwarded}\r\n\r\n"
        ))
        .await;
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let (whose, name) = body.rsplit_once(' ').unwrap();
    assert_eq!(whose, expected);
    assert!(
        head.contains(&format!("x-correlation-id: {name}")),
        "{heard}"
    );
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight_and_refuses_what_is_new() {
    let listener = TestListener::open(no_limits()).await;
    let mut idle = listener.connect().await;
    idle.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    one_answer(&mut idle).await;
    let mut busy = listener.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    listener.entered.notified().await;

    listener.shutdown.send(()).unwrap();
    assert_eq!(until_closed(&mut idle).await, "");
    assert!(TcpStream::connect(listener.address).await.is_err());
    assert!(!listener.served.is_finished());

    listener.release.notify_one();
    let heard = until_closed(&mut busy).await;
    assert!(heard.starts_with("HTTP/1.1 200"), "{heard}");
    assert!(heard.ends_with("done"), "{heard}");
    let drained = timeout(PATIENCE, listener.served).await.expect("it ends");
    assert_eq!(drained.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn shutdown_cuts_what_does_not_finish_in_time() {
    let listener = TestListener::open(Limits {
        drain_timeout: SHORT,
        ..no_limits()
    })
    .await;
    let mut stuck = listener
        .send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    listener.entered.notified().await;
    listener.shutdown.send(()).unwrap();
    let drained = timeout(PATIENCE, listener.served).await.expect("it ends");
    assert_eq!(drained.unwrap(), Drained { cut: 1 });
    assert_eq!(until_closed(&mut stuck).await, "");
}
