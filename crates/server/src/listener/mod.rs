//! The accept loop: sockets in, whole requests to the router, answers out, and no socket that hangs for ever.
//!
//! It owns connections: how many there are, how long each may take, how they end. HTTP/1.1 itself is hyper's; the patience
//! with a socket is `listener/socket.rs`, reading a request whole `listener/request.rs`, counting connections
//! `listener/connections.rs`, believing addresses `client_address.rs`. Plain HTTP alone is spoken here and no protocol is guessed:
//! guessing means waiting for bytes outside of every deadline. A TLS listener would hand `converse` its decrypted stream.

mod connections;
mod limits;
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
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower_http::catch_panic::CatchPanicLayer;

use self::connections::{ConnectionLimits, ConnectionPermit};
pub use self::limits::Limits;
use self::limits::MOST_LARGE_BODIES;
pub(crate) use self::limits::{LARGEST_PROVISIONING, PROVISIONING};
pub use self::request::AnswerBy;
use self::request::RequestHandler;
use self::socket::{Deadline, Patience, Phase, Socket};
use crate::client_address::UnnamedProxy;
use crate::cross_origin::CrossOrigin;
use crate::fault::panicked;
use crate::telemetry::Telemetry;

/// When the process is out of file descriptors, accepting fails at once and for ever: wait before the next try.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// hyper refuses a smaller buffer.
const SMALLEST_BUFFER: usize = 8192;

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they had not finished within [`Limits::drain_timeout`].
    pub cut: usize,
}

/// Serves `router` on every listener until `shutdown` is ready; then stops accepting, closes idle connections, and gives
/// requests in flight [`Limits::drain_timeout`] to finish.
///
/// Every request arrives whole and carries [`Peer`](crate::client_address::Peer), [`ClientAddress`](crate::client_address::ClientAddress) and
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
    let connections = ConnectionLimits::new(&limits, telemetry.clone());
    let handler = Arc::new(RequestHandler {
        router: router.layer(CatchPanicLayer::custom(panicked)),
        limits,
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
            stage: stage.subscribe(),
        };
        tokio::spawn(accept_loop.run(listener));
    }

    shutdown.await;
    stage.send_replace(Stage::Draining);
    // Whatever holds a receiver is an accept loop or a connection: when the last is gone, nothing is open any more.
    if timeout(drain_timeout, stage.closed()).await.is_ok() {
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
    stage: watch::Receiver<Stage>,
}

impl AcceptLoop {
    async fn run(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                _ = self.stage.changed() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(permit) = self.admit(peer) {
                        // Answers are written in one piece; waiting to fill a segment only delays them.
                        let _ = stream.set_nodelay(true);
                        let handler = Arc::clone(&self.handler);
                        tokio::spawn(converse(stream, peer, handler, permit, self.stage.clone()));
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
                self.handler.telemetry.rate_limited(limit);
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
    handler: Arc<RequestHandler>,
    _permit: ConnectionPermit,
    mut stage: watch::Receiver<Stage>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let phase = Phase::default();
    let patience = Patience {
        head: handler.limits.header_timeout,
        idle: handler.limits.idle_timeout,
        write: handler.limits.write_timeout,
    };
    let mut deadline = Deadline::new(phase.clone(), patience);
    let socket = TokioIo::new(Socket::new(stream, phase.clone(), patience));
    let http = protocol(&handler.limits);
    let answer = |request| {
        phase.request_began();
        let (handler, phase) = (Arc::clone(&handler), phase.clone());
        Box::pin(async move { Ok::<_, Infallible>(handler.answer(request, peer, phase).await) })
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
    let unread = phase.left_unread() || ended.as_ref().is_err_and(hyper::Error::is_parse);
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
