//! Owns the patience with one socket: how long it may take over a request's head, stay idle, or leave an answer unread.
//!
//! The deadlines live here, below HTTP, because they must hold before the first byte is understood. How long a body or a
//! handler may take is known one floor up.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// How long, and for how many bytes, we go on reading from a client that was refused before it had sent everything. Closing
/// with bytes unread resets the connection, and the reset can overtake the refusal.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// How long a socket may do nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From the connection, or from the first byte of a later request, to the end of its head.
    pub(super) head: Duration,
    /// From an answer to the first byte of the next request.
    pub(super) idle: Duration,
    /// From the first byte of an answer that the client did not take to the last.
    pub(super) write: Duration,
}

/// Where a connection stands, shared between the socket and what answers on it.
#[derive(Clone, Default)]
pub(super) struct Phase(Arc<Shared>);

#[derive(Default)]
struct Shared {
    phase: AtomicU8,
    /// How many phases there were before this one.
    passed: AtomicU64,
    unread: AtomicBool,
}

/// A head is expected, or has begun.
const HEAD: u8 = 0;
/// A request is being answered: its own deadlines hold.
const SERVING: u8 = 1;
/// The answer is written; another request may come.
const IDLE: u8 = 2;

impl Phase {
    /// The head of a request is complete.
    pub(super) fn request_began(&self) {
        self.pass(SERVING);
    }

    /// The request was refused with some of it unread.
    pub(super) fn leave_unread(&self) {
        self.0.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn left_unread(&self) -> bool {
        self.0.unread.load(Ordering::Relaxed)
    }

    /// Whether the head of a request that is not the first has begun, and is not complete.
    pub(super) fn has_begun_another_head(&self) -> bool {
        self.now() == HEAD && self.0.passed.load(Ordering::Relaxed) > 0
    }

    fn pass(&self, phase: u8) {
        self.0.phase.store(phase, Ordering::Relaxed);
        self.0.passed.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u8 {
        self.0.phase.load(Ordering::Relaxed)
    }
}

/// The end of our patience with a client that is expected to send something.
///
/// It is polled beside the connection, not in `poll_read`: HTTP does not read again while it knows that nothing has come.
pub(super) struct Deadline {
    phase: Phase,
    patience: Patience,
    /// The phase that `sleep` was set in.
    set_in: u64,
    sleep: Pin<Box<Sleep>>,
}

impl Deadline {
    /// The first head is due from the beginning of the connection on.
    pub(super) fn new(phase: Phase, patience: Patience, began: Instant) -> Self {
        Self {
            phase,
            patience,
            set_in: 0,
            sleep: Box::pin(sleep_until(began + patience.head)),
        }
    }

    /// Ready when the client has said nothing for too long.
    pub(super) fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let patience = match self.phase.now() {
            SERVING => return Poll::Pending,
            IDLE => self.patience.idle,
            _ => self.patience.head,
        };
        let passed = self.phase.0.passed.load(Ordering::Relaxed);
        if self.set_in != passed {
            self.set_in = passed;
            self.sleep.as_mut().reset(Instant::now() + patience);
        }
        self.sleep.as_mut().poll(context)
    }
}

/// The body of an answer. When it is dropped the answer is written or given up, and the socket is idle.
pub(super) struct Answer {
    body: Body,
    phase: Phase,
}

impl Answer {
    pub(super) fn new(body: Body, phase: Phase) -> Self {
        Self { body, phase }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.phase.pass(IDLE);
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notes when a client begins to send, and fails with `TimedOut` when it does not read.
pub(super) struct Socket<S> {
    stream: S,
    phase: Phase,
    patience: Duration,
    write_deadline: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(stream: S, phase: Phase, patience: Patience) -> Self {
        Self {
            stream,
            phase,
            patience: patience.write,
            write_deadline: None,
        }
    }

    /// Ends the conversation, so that what was written last arrives.
    pub(super) async fn close(mut self, unread: bool) {
        if self.stream.shutdown().await.is_ok() && unread {
            // Neither running out of time nor an error matters any more.
            let _ = timeout(LINGER, self.read_away()).await;
        }
    }

    async fn read_away(&mut self) -> io::Result<()> {
        let mut scrap = [0; 8192];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match self.stream.read(&mut scrap).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok(())
    }

    fn wait_for_room<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let patience = self.patience;
        let deadline = self
            .write_deadline
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        // The first byte after an answer begins a head; further bytes of a head do not prolong its deadline.
        if buffer.filled().len() > before && self.phase.now() == IDLE {
            self.phase.pass(HEAD);
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.wait_for_room(context),
            ready => ready,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(context, slices) {
            Poll::Pending => self.wait_for_room(context),
            ready => ready,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.wait_for_room(context),
            // HTTP flushes once it has handed over everything: nothing of ours waits for the client.
            ready => {
                self.write_deadline = None;
                ready
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Pending => self.wait_for_room(context),
            ready => ready,
        }
    }
}
