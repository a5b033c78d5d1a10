//! The loopback address that the answer to one sign-in comes to (RFC 8252 §7.3, §8.3): on 127.0.0.1 alone, for as long as the
//! sign-in is under way.
//!
//! What an answer is worth is `sign_in.rs`'s concern: here it is a query, and a page for the browser that brought it.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use safeconduct_protocol::random;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::page::Outcome;

/// The most connections at a time: a browser opens a few before it uses one.
const MOST_CONNECTIONS: usize = 16;
/// How long a connection may take to say what it wants.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest head of a request: an answer and what browsers say about themselves.
const LONGEST_HEAD: usize = 32 * 1024;

/// A query that came to the redirect URI, and who waits for what came of it.
pub(super) struct Visit {
    pub(super) query: String,
    pub(super) told: oneshot::Sender<Outcome>,
    /// Ends when the browser has its page; nothing for an answer that no browser brought here.
    pub(super) written: Option<oneshot::Receiver<()>>,
}

/// A port of 127.0.0.1, not yet listened at.
pub(super) struct Listener {
    socket: TcpListener,
    place: Place,
}

/// Where answers are taken.
#[derive(Clone)]
struct Place {
    address: SocketAddr,
    path: Arc<str>,
}

impl Listener {
    /// Takes a free port.
    pub(super) async fn bind(path: &str) -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let place = Place {
            address: socket.local_addr()?,
            path: path.into(),
        };
        Ok(Self { socket, place })
    }

    /// Where the issuer sends the browser.
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://{}{}", self.place.address, self.place.path)
    }

    /// Serves until it is dropped: every visit goes to `visits`.
    pub(super) async fn serve(self, visits: mpsc::Sender<Visit>) {
        let free = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let permit = free.clone().acquire_owned().await;
            let permit = permit.expect("nothing closes the semaphore");
            let stream = match self.socket.accept().await {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => {
                    // An answer can be typed all the same.
                    tracing::warn!(%error, "the loopback address takes no more answers");
                    return;
                }
            };
            while connections.try_join_next().is_some() {}
            let (place, visits) = (self.place.clone(), visits.clone());
            connections.spawn(serve_one(stream, place, visits, permit));
        }
    }
}

/// Answers one request, and closes: what it brought is not asked for twice.
async fn serve_one(
    stream: TcpStream,
    place: Place,
    visits: mpsc::Sender<Visit>,
    _permit: OwnedSemaphorePermit,
) {
    let (done, written) = oneshot::channel::<()>();
    let written = Mutex::new(Some(written));
    let service = service_fn(|request| {
        let written = written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (place, visits) = (place.clone(), visits.clone());
        async move { Ok::<_, Infallible>(place.answer(&request, &visits, written).await) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection to the loopback address broke off");
    }
    drop(done);
}

impl Place {
    async fn answer(
        &self,
        request: &Request<Incoming>,
        visits: &mpsc::Sender<Visit>,
        written: Option<oneshot::Receiver<()>>,
    ) -> Response<Full<Bytes>> {
        // Another name for this address is another site's (DNS rebinding).
        let host = request.headers().get(header::HOST);
        let is_here =
            host.is_some_and(|host| host.as_bytes() == self.address.to_string().as_bytes());
        if !is_here || request.uri().path() != &*self.path {
            return plain(StatusCode::NOT_FOUND);
        }
        if request.method() != Method::GET {
            return plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        let (told, outcome) = oneshot::channel();
        let visit = Visit {
            query: request.uri().query().unwrap_or_default().to_owned(),
            told,
            written,
        };
        let outcome = match visits.send(visit).await {
            Ok(()) => outcome.await.unwrap_or(Outcome::Late),
            Err(_) => Outcome::Late,
        };
        page(&outcome)
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn page(outcome: &Outcome) -> Response<Full<Bytes>> {
    let nonce = random::token();
    let mut response = Response::new(Full::from(outcome.page(&nonce)));
    *response.status_mut() = outcome.status();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_str(&policy).expect("a base64url nonce fits a header"),
    );
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
