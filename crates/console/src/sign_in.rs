//! How the user of the console signs in: in the browser that it answers, which comes back to the page that it was to see, or to the form that it
//! had sent. A sign-in begins when the API asks for one (RFC 9470), or nothing is kept of the one before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, StatusCode, Uri};
use safeconduct_client::native::Answers;
use safeconduct_client::{BeginOptions, ErrorKind, LoginOptions, StepUp};
use safeconduct_protocol::cookie::{self, Sent};
use safeconduct_protocol::random;
use serde::Serialize;
use serde_json::json;

use crate::Inside;
use crate::failed::{Failed, Next, Refusal};
use crate::form::{Asked, Fields};
use crate::pages::Page;

/// Where the answer to a sign-in comes: what the command line is registered with.
pub(crate) const CALLBACK: &str = "/callback";
/// How long a user may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
/// How long ago the two factors may have been proved that a sign-in begins with: what is begun is to last for a while.
const RECENT: Duration = Duration::from_secs(15 * 60);
/// How the cookie is called that binds an answer to the browser that left for it. What stands behind tells the consoles of one computer apart, for
/// cookies know no ports.
const COOKIE_NAME: &str = "sc-console-sign-in-";
/// How many sign-ins, and how many forms, may wait: of more, the oldest are given up.
const MOST: usize = 16;

/// The sign-ins that are under way, and the forms that wait for one.
pub(crate) struct SignIns {
    redirect_uri: String,
    cookie: String,
    begun: Mutex<VecDeque<Begun>>,
    kept: Mutex<VecDeque<Kept>>,
}

struct Begun {
    name: String,
    answers: Answers,
    return_to: String,
}

/// A form that was sent, and not done: its user has to sign in first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Kept {
    name: String,
    /// Where it is sent.
    action: String,
    /// What it is called by the button that sent it.
    label: String,
    fields: Vec<(String, String)>,
}

/// Who is signed in, by `sub` and name.
#[derive(Default)]
pub(crate) struct SignedInUser(Mutex<Option<(String, String)>>);

impl SignIns {
    /// None yet; answers come to `redirect_uri`.
    pub(crate) fn new(redirect_uri: String) -> Self {
        let mark = cookie::mark(&random::letters_and_digits());
        Self {
            cookie: format!("{COOKIE_NAME}{mark}"),
            redirect_uri,
            begun: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// Keeps a form until its user has signed in; gives its name.
    pub(crate) fn keep(&self, action: &str, fields: &Fields) -> String {
        let name = random::letters_and_digits();
        let kept = Kept {
            name: name.clone(),
            action: action.to_owned(),
            label: fields.value("do").to_owned(),
            fields: fields.pairs().to_vec(),
        };
        push(&self.kept, kept);
        name
    }

    fn take_kept(&self, name: &str) -> Option<Kept> {
        let mut kept = lock(&self.kept);
        let at = kept.iter().position(|kept| kept.name == name)?;
        kept.remove(at)
    }

    /// What the browser that has this cookie left for.
    fn begun_by(&self, headers: &HeaderMap) -> Option<(String, Answers, String)> {
        let values = headers.get_all(COOKIE).iter();
        let values = values.map(|value| value.as_bytes());
        let Sent::Value(name) = cookie::sent(values, &self.cookie) else {
            return None;
        };
        let begun = lock(&self.begun);
        let found = begun.iter().find(|begun| begun.name == name)?;
        Some((
            found.name.clone(),
            found.answers.clone(),
            found.return_to.clone(),
        ))
    }

    fn set_cookie(&self, name: &str, lives: Duration) -> String {
        format!(
            "{}={name}; Path={CALLBACK}; Max-Age={}; HttpOnly; SameSite=Lax",
            self.cookie,
            lives.as_secs()
        )
    }

    fn forget(&self, name: &str) {
        lock(&self.begun).retain(|begun| begun.name != name);
    }
}

impl SignedInUser {
    /// Whether it is this one.
    pub(crate) fn is(&self, sub: &str) -> bool {
        let known = lock(&self.0);
        known.as_ref().is_some_and(|(known, _)| known == sub)
    }

    /// It is this one from now on.
    pub(crate) fn set(&self, sub: &str, username: &str) {
        *lock(&self.0) = Some((sub.to_owned(), username.to_owned()));
    }

    /// Nobody is, as far as is known.
    pub(crate) fn forget(&self) {
        *lock(&self.0) = None;
    }

    /// The name, if a user is known to be signed in.
    pub(crate) fn username(&self) -> Option<String> {
        lock(&self.0).as_ref().map(|(_, username)| username.clone())
    }
}

/// Sends the browser to sign in, for what the API `asked`, and back to `return_to`.
///
/// # Errors
/// The server can't be reached, or not be trusted.
pub(crate) async fn begin(
    inside: &Arc<Inside>,
    asked: Option<&StepUp>,
    return_to: &str,
) -> Result<Response, Failed> {
    let options = match (asked, inside.app.session().await?) {
        (Some(asked), Some(session)) => BeginOptions::new().step_up(&session, asked),
        _ => {
            let login = LoginOptions::new().acr_values("mfa").max_age(RECENT);
            BeginOptions::new().login(login)
        }
    };
    let sign_in = inside.app.begin(&options).await?;
    let name = random::letters_and_digits();
    let begun = Begun {
        name: name.clone(),
        answers: sign_in.answers(),
        return_to: return_to.to_owned(),
    };
    push(&inside.sign_ins.begun, begun);
    let url = sign_in.url().to_string();
    tokio::spawn(async move {
        // How it ended is told to whoever brings the answer.
        let _ = sign_in.wait().await;
    });
    let cookie = inside.sign_ins.set_cookie(&name, PATIENCE);
    Ok(([(SET_COOKIE, cookie)], Redirect::to(&url)).into_response())
}

/// A sign-in that a page here leads to: as the same user or another, and with a form that waits for it.
pub(crate) async fn sign_in(
    State(inside): State<Arc<Inside>>,
    Asked(asked): Asked,
) -> Result<Response, Failed> {
    let base = inside.binding.base();
    let is_name = |kept: &&str| kept.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let return_to = match asked.filled("kept").filter(is_name) {
        Some(kept) => format!("{base}/kept/{kept}"),
        None => format!("{base}/"),
    };
    begin(&inside, None, &return_to).await
}

/// Takes the answer to a sign-in. It counts only in the browser that left for it; any other learns nothing here.
pub(crate) async fn callback(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failed> {
    let none = || {
        let title = "This answer belongs to no sign-in that is under way.";
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, title, "");
        Failed::from(refusal.leading(Next::Terminal))
    };
    let (name, answers, return_to) = inside.sign_ins.begun_by(&headers).ok_or_else(none)?;
    let query = uri.query().unwrap_or_default();
    let address = format!("{}?{query}", inside.sign_ins.redirect_uri);
    let given = answers.give(&address).await;
    if let Err(error) = &given
        && [ErrorKind::CallbackMalformed, ErrorKind::AttemptUnknown].contains(&error.kind())
    {
        return Err(none());
    }
    inside.sign_ins.forget(&name);
    inside.signed_in_user.forget();
    match given {
        Err(error) if error.kind() == ErrorKind::AccessDenied => return Err(denied(query)),
        given => given?,
    }
    (inside.signed_in)();
    let over = inside.sign_ins.set_cookie("", Duration::ZERO);
    Ok(([(SET_COOKIE, over)], Redirect::to(&return_to)).into_response())
}

/// The server did not let its user in: what it says of that is about them, for the answer was one to this sign-in.
fn denied(query: &str) -> Failed {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let said = pairs.find(|(name, _)| name == "error_description");
    let said = said.map(|(_, said)| said).unwrap_or_default();
    let title = "The server does not let you administer it.";
    let refusal = Refusal::new(StatusCode::FORBIDDEN, title, &said);
    refusal.leading(Next::SignIn).into()
}

/// Shows a form that has waited for a sign-in, to be sent now or not.
pub(crate) async fn kept(
    State(inside): State<Arc<Inside>>,
    Path(name): Path<String>,
) -> Result<Page, Failed> {
    let kept = inside.sign_ins.take_kept(&name);
    let kept = kept.ok_or_else(Failed::not_found)?;
    Ok(Page::new("kept", json!({ "kept": kept })))
}

/// Ends the session, at the server and here.
pub(crate) async fn sign_out(State(inside): State<Arc<Inside>>) -> Result<Page, Failed> {
    inside.app.sign_out().await?;
    inside.signed_in_user.forget();
    Ok(Page::new("signed_out", json!({})))
}

/// Opens the console to the browser that comes with its secret.
pub(crate) async fn open(
    State(inside): State<Arc<Inside>>,
    Path(secret): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let binding = &inside.binding;
    let front = Redirect::to(&format!("{}/", binding.base()));
    if binding.is_known(&headers) {
        return Ok(front.into_response());
    }
    if binding.is_opened_by(&secret) {
        return Ok(([(SET_COOKIE, binding.set_cookie())], front).into_response());
    }
    let title = "This address has opened the console already, or another one has taken its place.";
    let refusal = Refusal::new(StatusCode::FORBIDDEN, title, "");
    Err(refusal.leading(Next::Terminal).into())
}

fn push<T>(queue: &Mutex<VecDeque<T>>, item: T) {
    let mut queue = lock(queue);
    if queue.len() >= MOST {
        queue.pop_front();
    }
    queue.push_back(item);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
