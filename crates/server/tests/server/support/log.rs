//! A log that a test can read.

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::filter::LevelFilter;

/// Everything that was logged, at every level.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// Has every place that logs ask who listens, whichever test comes to it first: a place that is met while nobody listens is
/// remembered as one that nobody wants to hear, and a log that begins at that moment would miss it.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let everything = tracing_subscriber::registry();
        let _ = tracing::subscriber::set_global_default(everything);
    });
}

impl Log {
    /// What is logged while `doing` is done, on its own thread.
    pub(crate) async fn of<T>(doing: impl Future<Output = T>) -> (T, String) {
        let log = Self::default();
        let done = doing.with_subscriber(log.subscriber()).await;
        (done, log.text())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Writes here.
    pub(crate) fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let writer = self.clone();
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
