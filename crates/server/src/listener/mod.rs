//! The accept loop: sockets in, whole requests to the router, answers out, and no socket that hangs for ever.
//!
//! It owns connections: how many there are, how long each may take, how they end. HTTP/1.1 itself is hyper's; the patience
//! with a socket is `listener/socket.rs`, reading a request whole `listener/request.rs`, counting connections
//! `listener/connections.rs`, believing addresses `client_address.rs`, TLS `listener/tls.rs`. Whether a listener speaks TLS is said when it is
//! made, and no protocol is guessed: guessing means waiting for bytes outside of every deadline.

mod certificate;
mod connections;
mod limits;
mod request;
mod socket;
mod tls;

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::Guard;
use axum::Router;
use http::{HeaderValue, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::server::TlsStream;
use tower_http::catch_panic::CatchPanicLayer;

pub use self::certificate::{Certificate, CertificateError};
use self::connections::{ConnectionLimits, ConnectionPermit};
use self::limits::MOST_LARGE_BODIES;
pub(crate) use self::limits::{LARGEST_PROVISIONING, PROVISIONING};
pub use self::limits::{Limits, LiveLimits};
pub use self::request::AnswerBy;
use self::request::RequestHandler;
use self::socket::{Deadline, Patience, Phase, Socket};
use self::tls::Handshakes;
pub use self::tls::Tls;
use crate::client_address::UnnamedProxy;
use crate::cross_origin::CrossOrigin;
use crate::fault::panicked;
use crate::telemetry::Telemetry;

/// When the process is out of file descriptors, accepting fails at once and for ever: wait before the next try.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// hyper refuses a smaller buffer.
const SMALLEST_BUFFER: usize = 8192;

/// How long clients that are agreeing on TLS may take when the server stops.
const LAST_HANDSHAKES: Duration = Duration::from_secs(1);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they had not finished within [`Limits::drain_timeout`].
    pub cut: usize,
}

/// Where clients connect, and how they are spoken to there.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tls: Option<Tls>,
}

impl Listener {
    /// In TLS, by whatever this shows.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// Its address.
    ///
    /// # Errors
    /// The system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// In clear.
impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket, tls: None }
    }
}

/// Serves `router` on every listener until `shutdown` is ready; then stops accepting, closes idle connections, and gives
/// requests in flight [`Limits::drain_timeout`] to finish.
///
/// Every request arrives whole and carries [`Peer`](crate::client_address::Peer), [`ClientAddress`](crate::client_address::ClientAddress) and
/// [`Correlation`](crate::correlation::Correlation) in its extensions. What is refused before the router sees it can be read
/// by scripts where `cross_origin` says so. Dropping the future cuts every connection.
pub async fn serve(
    listeners: Vec<Listener>,
    router: Router,
    limits: LiveLimits,
    telemetry: Telemetry,
    cross_origin: CrossOrigin,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let connections = ConnectionLimits::new(limits.clone(), telemetry.clone());
    let handshakes = Handshakes::default();
    let handler = Arc::new(RequestHandler {
        router: router.layer(CatchPanicLayer::custom(panicked)),
        limits: limits.clone(),
        telemetry,
        unnamed_proxy: UnnamedProxy::default(),
        cross_origin,
        large_bodies: Semaphore::new(MOST_LARGE_BODIES),
    });
    let stage = watch::Sender::new(Stage::Open);
    for listener in listeners {
        let accept_loop = AcceptLoop {
            handler: Arc::clone(&handler),
            connections: connections.clone(),
            handshakes: handshakes.clone(),
            stage: stage.subscribe(),
        };
        tokio::spawn(accept_loop.run(listener));
    }

    shutdown.await;
    stage.send_replace(Stage::Draining);
    // Whatever holds a receiver is an accept loop or a connection: when the last is gone, nothing is open any more.
    if timeout(limits.now().drain_timeout, stage.closed())
        .await
        .is_ok()
    {
        return Drained { cut: 0 };
    }
    let cut = connections.open();
    stage.send_replace(Stage::Closed);
    tracing::warn!(cut, "connections were cut at the end of the drain time");
    Drained { cut }
}

/// What is done with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Draining,
    Closed,
}

/// The accept loop of one listener.
struct AcceptLoop {
    handler: Arc<RequestHandler>,
    connections: ConnectionLimits,
    handshakes: Handshakes,
    stage: watch::Receiver<Stage>,
}

impl AcceptLoop {
    async fn run(mut self, listener: Listener) {
        loop {
            let accepted = tokio::select! {
                _ = self.stage.changed() => return,
                accepted = listener.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(permit) = self.admit(peer) {
                        // Answers are written in one piece; waiting to fill a segment only delays them.
                        let _ = stream.set_nodelay(true);
                        self.begin(stream, peer, permit, listener.tls.as_ref());
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

    fn admit(&self, peer: SocketAddr) -> Option<ConnectionPermit> {
        match self.connections.take(peer.ip()) {
            Ok(permit) => Some(permit),
            Err(limit) => {
                self.refused(peer, limit);
                None
            }
        }
    }

    fn refused(&self, peer: SocketAddr, limit: &'static str) {
        self.handler.telemetry.rate_limited(limit);
        tracing::debug!(%peer, limit, "a connection was closed at once");
    }

    /// Lets a connection go its way, in TLS where the listener has it.
    fn begin(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: ConnectionPermit,
        tls: Option<&Tls>,
    ) {
        let connection = Connection {
            peer,
            began: Instant::now(),
            handler: Arc::clone(&self.handler),
            _permit: permit,
            stage: self.stage.clone(),
        };
        let Some(tls) = tls.cloned() else {
            tokio::spawn(connection.converse(stream));
            return;
        };
        let most = (self.handler.limits.now().max_connections / 2).max(1);
        let Some(handshake) = self.handshakes.begin(most) else {
            return self.refused(peer, "handshakes");
        };
        tokio::spawn(async move {
            let agreed = connection.agree(&tls, stream).await;
            drop(handshake);
            if let Some(stream) = agreed {
                connection.converse(stream).await;
            }
        });
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

/// One connection that was accepted.
struct Connection {
    peer: SocketAddr,
    began: Instant,
    handler: Arc<RequestHandler>,
    _permit: ConnectionPermit,
    stage: watch::Receiver<Stage>,
}

impl Connection {
    /// Agrees with the client on TLS, within the time that it has for its first head. `None` where it did not, or the server stops: no
    /// request was made yet.
    async fn agree(&self, tls: &Tls, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let end = self.began + self.handler.limits.now().header_timeout;
        let agreed = tokio::select! {
            agreed = timeout_at(end, tls.acceptor.accept(stream)) => agreed,
            () = self.is_over() => return None,
        };
        let because = match agreed {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        self.handler.telemetry.tls_handshake_failed();
        tracing::debug!(peer = %self.peer, because, "a client did not agree on TLS");
        None
    }

    /// When no client is waited for any more that has not made a request.
    async fn is_over(&self) {
        let mut stage = self.stage.clone();
        // The sender lives as long as the server; were it gone, this would be over as well.
        let _ = stage.wait_for(|stage| *stage != Stage::Open).await;
        tokio::select! {
            () = sleep(LAST_HANDSHAKES) => {}
            _ = stage.wait_for(|stage| *stage == Stage::Closed) => {}
        }
    }

    /// Speaks HTTP/1.1 on one stream until either side has had enough.
    async fn converse<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (peer, handler) = (self.peer, self.handler);
        let phase = Phase::default();
        let limits = Guard::into_inner(handler.limits.now());
        let patience = Patience {
            head: limits.header_timeout,
            idle: limits.idle_timeout,
            write: limits.write_timeout,
        };
        let mut deadline = Deadline::new(phase.clone(), patience, self.began);
        let socket = TokioIo::new(Socket::new(stream, phase.clone(), patience));
        let http = protocol(&limits);
        let mut stage = self.stage;
        let answers_in = stage.clone();
        let answer = |request| {
            phase.request_began();
            let (handler, phase, stage) = (Arc::clone(&handler), phase.clone(), answers_in.clone());
            Box::pin(async move {
                let mut answer = handler.answer(request, peer, phase).await;
                if *stage.borrow() != Stage::Open {
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, Infallible>(answer)
            })
        };
        let mut connection = http.serve_connection(socket, service_fn(answer));
        let (mut is_told, mut is_looking) = (false, false);
        let ended = loop {
            tokio::select! {
                // In this order: what has arrived is read before the server stops waiting for it, and the deadline is that of the phase
                // which the connection has just reached.
                biased;
                ended = poll_fn(|context| connection.poll_without_shutdown(context)) => break ended,
                () = ready(()), if is_looking => {
                    is_looking = false;
                    // hyper takes a connection for idle until a head is whole, and would close it: the answer to that one says that it is the last.
                    if !phase.has_begun_another_head() {
                        std::pin::Pin::new(&mut connection).graceful_shutdown();
                    }
                }
                told = stage.changed() => {
                    if told.is_err() || *stage.borrow() == Stage::Closed {
                        return;
                    }
                    (is_told, is_looking) = (true, true);
                    // The runtime learns what has arrived.
                    yield_now().await;
                }
                () = poll_fn(|context| deadline.poll_passed(context)) => return,
            }
        };
        // A client that has sent another request meanwhile reads that this was the end, and no reset (RFC 9112 §9.6).
        let unread =
            is_told || phase.left_unread() || ended.as_ref().is_err_and(hyper::Error::is_parse);
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
        connection.into_parts().io.into_inner().close(unread).await;
    }
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
