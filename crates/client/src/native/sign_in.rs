//! One sign-in of an app on a user's own computer: where the browser goes, and the answer that it brings back, or that the
//! person types.

use std::fmt;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::listener::{Listener, Visit};
use super::page::Outcome;
use super::{Native, browser};
use crate::error::{Error, ErrorKind};
use crate::session::Session;

/// The longest that is waited for the browser to have its page.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// A sign-in that is under way. Dropping it gives it up: nothing is listened at any more, and an answer that comes is
/// worth nothing.
pub struct NativeSignIn {
    native: Native,
    url: Url,
    redirect_uri: String,
    /// What a browser would keep of it.
    cookie_header: String,
    deadline: Instant,
    visits: mpsc::Receiver<Visit>,
    answers: mpsc::Sender<Visit>,
    /// Ends with this.
    _listening: JoinSet<()>,
}

/// Takes an answer that did not come by itself: the address that the browser ended at on another computer, or what the system
/// hands to an app with a scheme of its own. Cheap to clone.
#[derive(Clone)]
pub struct Answers {
    redirect_uri: String,
    visits: mpsc::Sender<Visit>,
}

impl NativeSignIn {
    pub(super) fn new(
        native: Native,
        url: Url,
        redirect_uri: String,
        cookie_header: String,
        listener: Option<Listener>,
    ) -> Self {
        let (answers, visits) = mpsc::channel(1);
        let mut listening = JoinSet::new();
        if let Some(listener) = listener {
            listening.spawn(listener.serve(answers.clone()));
        }
        Self {
            deadline: Instant::now() + native.patience,
            native,
            url,
            redirect_uri,
            cookie_header,
            visits,
            answers,
            _listening: listening,
        }
    }

    /// Where the browser is to go. Show it in any case: the browser that opens may be another than the user wants. It is
    /// for this user alone, and for no log.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Opens the browser, where there is one before the user's eyes. Whether that was begun.
    pub fn open_browser(&self) -> bool {
        browser::is_browser_here() && browser::open_in_browser(&self.url)
    }

    /// Takes answers that do not come by themselves.
    pub fn answers(&self) -> Answers {
        Answers {
            redirect_uri: self.redirect_uri.clone(),
            visits: self.answers.clone(),
        }
    }

    /// Waits until the user has signed in, and begins the session. Whatever else comes to the address meanwhile is told that
    /// it belongs to no sign-in, and changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::AttemptExpired`] when the user took too long, [`ErrorKind::AccessDenied`] when they or the server said
    /// no, and any other of [`Client::finish`](crate::Client::finish).
    pub async fn wait(mut self) -> Result<Session, Error> {
        let (visit, outcome) = loop {
            let visit = match timeout_at(self.deadline, self.visits.recv()).await {
                Ok(Some(visit)) => visit,
                Ok(None) | Err(_) => return Err(self.too_late()),
            };
            match self.finish(&visit.query).await {
                Err(error) if is_of_no_sign_in(&error) => {
                    tracing::info!(%error, "something else came to the loopback address");
                    // Whoever brought it may be gone.
                    let _ = visit.told.send(Outcome::Unknown);
                }
                outcome => break (visit, outcome),
            }
        };
        let told = match &outcome {
            Ok(_) => Outcome::SignedIn,
            Err(error) => Outcome::Failed(error.clone()),
        };
        // The same browser may be gone; the sign-in stands.
        let _ = visit.told.send(told);
        self.visits.close();
        let mut unread = visit.written.into_iter().collect::<Vec<_>>();
        while let Ok(late) = self.visits.try_recv() {
            let _ = late.told.send(Outcome::Late);
            unread.extend(late.written);
        }
        let read = async {
            for written in unread {
                // It ends with the connection.
                let _ = written.await;
            }
        };
        // What ends with this takes the pages along that are not yet read.
        let _ = timeout(LAST_PAGE, read).await;
        outcome
    }

    async fn finish(&self, query: &str) -> Result<Session, Error> {
        let client = self.native.client();
        let signed_in = client.finish(query, &self.cookie_header).await?;
        self.native.start_session(&signed_in).await
    }

    fn too_late(&self) -> Error {
        Error::new(
            ErrorKind::AttemptExpired,
            format!(
                "no answer came to {} within {} seconds",
                self.redirect_uri,
                self.native.patience.as_secs()
            ),
        )
    }
}

impl Answers {
    /// Takes `text`: the whole address that the browser ended at, which begins with the redirect URI. When it is the answer,
    /// [`NativeSignIn::wait`] ends.
    ///
    /// # Errors
    /// What the sign-in ended with; [`ErrorKind::CallbackMalformed`] or [`ErrorKind::AttemptUnknown`] where it was not the
    /// answer: the sign-in goes on then; [`ErrorKind::AttemptUsed`] where it was over.
    pub async fn give(&self, text: &str) -> Result<(), Error> {
        let query = text.trim().strip_prefix(&self.redirect_uri);
        let Some(query) = query.and_then(|rest| rest.strip_prefix('?')) else {
            let told = format!("the address does not begin with {}?", self.redirect_uri);
            return Err(Error::new(ErrorKind::CallbackMalformed, told));
        };
        let (told, outcome) = oneshot::channel();
        let visit = Visit {
            query: query.split('#').next().unwrap_or_default().to_owned(),
            told,
            written: None,
        };
        let outcome = match self.visits.send(visit).await {
            Ok(()) => outcome.await.unwrap_or(Outcome::Late),
            Err(_) => Outcome::Late,
        };
        match outcome {
            Outcome::SignedIn => Ok(()),
            Outcome::Failed(error) => Err(error),
            Outcome::Unknown => Err(Error::new(
                ErrorKind::AttemptUnknown,
                "the address is no answer to this sign-in",
            )),
            Outcome::Late => Err(Error::new(
                ErrorKind::AttemptUsed,
                "the sign-in was over when the address came",
            )),
        }
    }
}

/// Whether what came is none of this sign-in's, which goes on then.
fn is_of_no_sign_in(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::CallbackMalformed | ErrorKind::AttemptUnknown
    )
}

impl fmt::Debug for NativeSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeSignIn")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}
