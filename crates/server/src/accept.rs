//! The accept loop: sockets in, whole requests to the router, answers out, and no socket that hangs for ever.
//!
//! It owns connections: how many there are, how long each may take, how they end. HTTP/1.1 itself is hyper's; the patience
//! with a socket is `accept/socket.rs`, reading a request whole `accept/request.rs`, counting connections
//! `accept/places.rs`, believing addresses `accept/address.rs`. Plain HTTP alone is spoken here and no protocol is guessed:
//! guessing means waiting for bytes outside of every deadline. A TLS listener would hand `converse` its decrypted stream.

mod address;
mod places;
mod request;
mod socket;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower_http::catch_panic::CatchPanicLayer;

use self::address::UnnamedProxy;
pub use self::address::{ClientAddress, Network, NetworkError, Peer, client_address};
pub(crate) use self::address::{neighbourhood, network};
use self::places::{Place, Places};
use self::request::Desk;
use self::socket::{Deadline, Patience, Socket, Turn};
use crate::correlation::panicked;
use crate::cross_origin::CrossOrigin;
use crate::telemetry::Telemetry;

/// When the process is out of file descriptors, accepting fails at once and for ever: wait before the next try.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// hyper refuses a smaller buffer.
const SMALLEST_BUFFER: usize = 8192;

/// How much a client may send, and how long it may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the connection, or from the first byte of a later request, to the end of the request's head.
    pub header_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// From an answer to the first byte of the next request on the same connection.
    pub idle_timeout: Duration,
    /// From a whole request to its answer; 503 after that.
    pub request_timeout: Duration,
    /// How long an answer may wait for a client that does not read.
    pub write_timeout: Duration,
    /// How long requests in flight have to finish at shutdown.
    pub drain_timeout: Duration,
    /// The largest head of a request, request line included; 431 beyond.
    pub max_header_bytes: usize,
    /// The largest body of a request; 413 beyond.
    pub max_body_bytes: usize,
    /// The most open connections. Fewer where the process may not open so many files.
    pub max_connections: usize,
    /// The most open connections from one IPv4 address or one IPv6 /64.
    pub max_connections_per_address: usize,
    /// The proxies whose `X-Forwarded-For` is believed, and which may open as many connections as there are.
    pub trusted_proxies: Vec<Network>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(20),
            max_header_bytes: 16 * 1024,
            max_body_bytes: 64 * 1024,
            max_connections: 4096,
            max_connections_per_address: 256,
            trusted_proxies: Vec::new(),
        }
    }
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they had not finished within [`Limits::drain_timeout`].
    pub cut: usize,
}

/// Serves `router` on every listener until `shutdown` is ready; then stops accepting, closes idle connections, and gives
/// requests in flight [`Limits::drain_timeout`] to finish.
///
/// Every request arrives whole and carries [`Peer`], [`ClientAddress`] and
/// [`Correlation`](crate::correlation::Correlation) in its extensions. What is refused before the router sees it can be read
/// by scripts where `cross_origin` says so. Dropping the future cuts every connection.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    limits: Limits,
    telemetry: Telemetry,
    cross_origin: CrossOrigin,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let drain_timeout = limits.drain_timeout;
    let places = Places::new(&limits, telemetry.clone());
    let desk = Arc::new(Desk {
        router: router.layer(CatchPanicLayer::custom(panicked)),
        limits,
        telemetry,
        unnamed_proxy: UnnamedProxy::default(),
        cross_origin,
    });
    let stage = watch::Sender::new(Stage::Open);
    for listener in listeners {
        let door = Door {
            desk: Arc::clone(&desk),
            places: places.clone(),
            stage: stage.subscribe(),
        };
        tokio::spawn(door.keep(listener));
    }

    shutdown.await;
    stage.send_replace(Stage::Draining);
    // Everyone who listens to the stage is a door or a connection: with the last of them the house is empty.
    if timeout(drain_timeout, stage.closed()).await.is_ok() {
        return Drained { cut: 0 };
    }
    let cut = places.open();
    stage.send_replace(Stage::Closed);
    tracing::warn!(cut, "connections were cut at the end of the drain time");
    Drained { cut }
}

/// What the house does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Draining,
    Closed,
}

/// One listener's accept loop.
struct Door {
    desk: Arc<Desk>,
    places: Places,
    stage: watch::Receiver<Stage>,
}

impl Door {
    async fn keep(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                _ = self.stage.changed() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(place) = self.admit(peer) {
                        // Answers are written in one piece; waiting to fill a segment only delays them.
                        let _ = stream.set_nodelay(true);
                        let desk = Arc::clone(&self.desk);
                        tokio::spawn(converse(stream, peer, desk, place, self.stage.clone()));
                    }
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "accepting a connection failed");
                    sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    fn admit(&self, peer: SocketAddr) -> Option<Place> {
        match self.places.take(peer.ip()) {
            Ok(place) => Some(place),
            Err(limit) => {
                self.desk.telemetry.rate_limited(limit);
                tracing::debug!(%peer, limit, "a connection was closed at once");
                None
            }
        }
    }
}

/// Whether the client gave up before it was accepted, which says nothing about the listener.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Speaks HTTP/1.1 on one stream until either side has had enough.
async fn converse<S>(
    stream: S,
    peer: SocketAddr,
    desk: Arc<Desk>,
    _place: Place,
    mut stage: watch::Receiver<Stage>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let turn = Turn::default();
    let patience = Patience {
        head: desk.limits.header_timeout,
        idle: desk.limits.idle_timeout,
        write: desk.limits.write_timeout,
    };
    let mut deadline = Deadline::new(turn.clone(), patience);
    let socket = TokioIo::new(Socket::new(stream, turn.clone(), patience));
    let http = protocol(&desk.limits);
    let answer = |request| {
        turn.request_began();
        let (desk, turn) = (Arc::clone(&desk), turn.clone());
        Box::pin(async move { Ok::<_, Infallible>(desk.answer(request, peer, turn).await) })
    };
    let mut connection = http.serve_connection(socket, service_fn(answer));
    let ended = loop {
        let told = tokio::select! {
            // In this order: the deadline is that of the phase which the connection has just reached.
            biased;
            told = stage.changed() => told,
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => break ended,
            () = poll_fn(|context| deadline.poll_passed(context)) => return,
        };
        if told.is_err() || *stage.borrow() == Stage::Closed {
            return;
        }
        Pin::new(&mut connection).graceful_shutdown();
    };
    let unread = turn.left_unread() || ended.as_ref().is_err_and(hyper::Error::is_parse);
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
    connection.into_parts().io.into_inner().close(unread).await;
}

/// HTTP/1.1 as this server speaks it. hyper's own deadline for heads is off: [`Deadline`] keeps it, and tells an idle
/// connection from an unfinished head.
fn protocol(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.header_read_timeout(None)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes.max(SMALLEST_BUFFER));
    http
}
