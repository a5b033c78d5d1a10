//! `/logout` (OpenID Connect RP-Initiated Logout 1.0): a user ends their session here, by themselves or because a client
//! sent them. A client that proves it means the session of this browser is obeyed at once; for everybody else the user is
//! asked, by a form with a token that only this browser's session cookie can make. Telling clients is the `outbox`'s.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use safeconduct_protocol::{
    authorization::{SignedInUser, response_url, ui_locales},
    client::Client,
    encoding,
    error::{Reason, Refusal},
    id_token::IdTokenHint,
    ids::ClientId,
    logout::{Logout, LogoutRequest, SealedLogout},
    parameters::Parameters,
    redirect_uri::host_of,
    subject::Subjects,
};
use safeconduct_store::SessionView;

use crate::{
    browser::{self, Browser},
    fault::Failure,
    form::PostedForm,
    outbox::{self, Notified},
    pages::{ReturnTo, SignOutPage, SignedIn, SignedOutPage},
    posted,
    reader::Reader,
    respond::{self, with_cookie},
    server::{Exchange, Server},
};

/// The form field that carries what a client asked for, sealed.
const LOGOUT: &str = "logout";

/// `GET /logout`: a client's request to sign a user out, or the user's own wish.
pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let answer = answer(&server, reader, query.as_bytes(), &headers).await;
    let response = respond::person(&server, answer, reader);
    without_broken_cookie(&server, &headers, response)
}

/// `POST /logout`: the same, brought by a form.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = posted::redirect(&server, reader, &form, "/logout").await;
    respond::person(&server, answer, reader)
}

/// `POST /logout/confirm`: the user's yes, from a form of ours.
pub(crate) async fn confirm(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = confirmed(&server, reader, &form).await;
    let response = respond::person(&server, answer, reader);
    without_broken_cookie(&server, form.headers(), response)
}

/// `GET /signed-out`: the news, where it is true.
pub(crate) async fn signed_out(
    State(server): State<Server>,
    reader: Reader,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = Parameters::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let reader = reader.wished(ui_locales(&query));
    let answer = signed_out_page(&server, reader, &headers).await;
    let response = respond::person(&server, answer, reader);
    without_broken_cookie(&server, &headers, response)
}

async fn signed_out_page(
    server: &Server,
    reader: Reader,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let browser = readable(server, headers)?;
    let pages = server.pages().of(reader.language);
    // Somebody may be signed in again, or have typed the address: the front page says who.
    if browser.session_hash().is_some() {
        let exchange = Exchange::with(server, reader).await?;
        if browser.session(&exchange).await?.is_some() {
            return Ok(respond::lead_to(pages, &server.path("/")));
        }
    }
    let html = pages.signed_out(&SignedOutPage::default());
    Ok(respond::page(StatusCode::OK, html))
}

/// The cookies of a browser that wants to sign out.
///
/// # Errors
/// `session-cookie-unusable`: it may be signed in, and nobody may be told that it is not.
fn readable(server: &Server, headers: &HeaderMap) -> Result<Browser, Refusal> {
    let browser = Browser::read(&server.settings().issuer, headers);
    if browser.session_is_unclear() {
        return Err(Reason::SessionCookieUnusable.into());
    }
    Ok(browser)
}

/// The answer, and the end of a session cookie that is of no use to anybody, so that it is met once.
fn without_broken_cookie(server: &Server, headers: &HeaderMap, response: Response) -> Response {
    let issuer = &server.settings().issuer;
    if Browser::read(issuer, headers).session_is_broken() {
        return with_cookie(response, browser::sign_out(issuer));
    }
    response
}

/// The address that forms of ours say yes to.
pub(crate) fn confirmation(server: &Server) -> String {
    server.path("/logout/confirm")
}

/// What a request asks for, and the ID Token that proves it where one does.
#[derive(Default)]
struct ProvenRequest {
    logout: Logout,
    proof: Option<(IdTokenHint, Arc<Client>)>,
}

impl ProvenRequest {
    /// Reads and judges a request.
    ///
    /// # Errors
    /// A request that says more than it proves: nobody is sent anywhere for it.
    fn read(exchange: &Exchange<'_>, parameters: &Parameters) -> Result<Self, Refusal> {
        let posted = posted::reopen(exchange, parameters)?;
        let request = LogoutRequest::parse(
            posted
                .as_ref()
                .map_or(parameters, |posted| &posted.parameters),
        )?;
        let proof = match &request.id_token_hint {
            Some(hint) => Some(prove(exchange, &request, hint)?),
            None => None,
        };
        let proven = proof.as_ref().map(|(hint, client)| (hint, &**client));
        let logout = Logout::of(&request, proven)?;
        Ok(Self { logout, proof })
    }

    /// Whether it is proven to mean the session of `person`: by its name, or by theirs where the ID Token names no session.
    fn means(&self, person: &SignedInUser, subjects: &Subjects) -> bool {
        let means = |(hint, client): &(IdTokenHint, Arc<Client>)| match &hint.session {
            Some(session) => *session == subjects.session(client, &person.session),
            None => hint.subject == subjects.subject(client, &person.user),
        };
        self.proof.as_ref().is_some_and(means)
    }
}

fn prove(
    exchange: &Exchange<'_>,
    request: &LogoutRequest,
    hint: &str,
) -> Result<(IdTokenHint, Arc<Client>), Refusal> {
    let named = request.client_id.as_ref();
    let named = named
        .map(|id| exchange.catalog.enabled_client(id))
        .transpose()?;
    let keys = exchange.catalog.keys.verification();
    let hint = IdTokenHint::verify(
        hint,
        named.as_deref(),
        exchange.issuer(),
        keys,
        exchange.now,
    )?;
    let client = match named {
        Some(client) => client,
        None => exchange.catalog.enabled_client(&hint.client)?,
    };
    Ok((hint, client))
}

async fn answer(
    server: &Server,
    reader: Reader,
    query: &[u8],
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let parameters = Parameters::parse(query)?;
    let browser = readable(server, headers)?;
    let mut exchange = Exchange::with(server, reader).await?;
    exchange.wished(ui_locales(&parameters));
    let (request, unverified) = match ProvenRequest::read(&exchange, &parameters) {
        Ok(request) => (request, false),
        Err(refusal) => {
            note(&refusal);
            (ProvenRequest::default(), true)
        }
    };
    exchange.wished(request.logout.ui_locales);
    let here = browser.session(&exchange).await?;
    let (Some(view), Some(token)) = (here, browser.sign_out_token()) else {
        return Ok(finish(
            &exchange,
            &browser,
            &request.logout,
            &Notified::default(),
        ));
    };
    if request.means(&view.person, exchange.catalog.keys.subjects()) {
        return end(&exchange, &browser, &view, &request.logout).await;
    }
    let action = confirmation(server);
    let signed_in = SignedIn {
        account: &view.person.username,
        sign_out_action: &action,
        csrf: &token,
    };
    let told = server.store().clients_to_tell(&view.person.session).await?;
    ask(&exchange, signed_in, &told, (&request.logout, unverified))
}

/// Asks the user: a link or an image on another site must not sign anybody out.
fn ask(
    exchange: &Exchange<'_>,
    signed_in: SignedIn<'_>,
    told: &[ClientId],
    (logout, unverified): (&Logout, bool),
) -> Result<Response, Failure> {
    let client = logout.client.as_ref().map(|id| name_of(exchange, id));
    let host = logout.return_to.as_ref().map(|to| host_of(&to.uri));
    let sealed = match *logout == Logout::default() {
        true => None,
        false => {
            let asked = SealedLogout {
                era: exchange.era(),
                asked_at: exchange.now,
                logout: logout.clone(),
            };
            Some(exchange.sealed(&asked)?)
        }
    };
    let page = SignOutPage {
        signed_in,
        requested_by: client,
        told: &names_of(exchange, told),
        returns_to: host.as_deref(),
        logout: sealed.as_deref(),
        unverified,
    };
    let html = exchange.pages().sign_out_confirm(&page);
    Ok(respond::page(StatusCode::OK, html))
}

async fn confirmed(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
) -> Result<Response, Failure> {
    let issuer = &server.settings().issuer;
    browser::own_form(issuer, form.headers())?;
    let parameters = form.parameters()?;
    let browser = readable(server, form.headers())?;
    let mut exchange = Exchange::with(server, reader).await?;
    let logout = match parameters.one(LOGOUT)? {
        Some(sealed) => open(&exchange, sealed),
        None => Logout::default(),
    };
    exchange.wished(logout.ui_locales);
    if let Some(expected) = browser.sign_out_token() {
        let presented = parameters.required("csrf", Reason::SignOutFormStale)?;
        if !encoding::constant_time_eq(presented.as_bytes(), expected.as_bytes()) {
            return Err(Reason::SignOutFormStale.into());
        }
    }
    match browser.session(&exchange).await? {
        Some(view) => end(&exchange, &browser, &view, &logout).await,
        None => Ok(finish(&exchange, &browser, &logout, &Notified::default())),
    }
}

/// What the page carried. If it does not open, the user is signed out all the same, and returned nowhere.
fn open(exchange: &Exchange<'_>, sealed: &str) -> Logout {
    let opened = exchange.open::<SealedLogout>(sealed);
    opened.map(|asked| asked.logout).unwrap_or_else(|refusal| {
        note(&refusal);
        Logout::default()
    })
}

async fn end(
    exchange: &Exchange<'_>,
    browser: &Browser,
    view: &SessionView,
    logout: &Logout,
) -> Result<Response, Failure> {
    let server = exchange.server;
    let person = &view.person;
    let queued = exchange
        .store_of_person(&person.user)
        .end_session(&person.session, &person.user, exchange.now)
        .await?;
    tracing::info!(sub = %person.user, "signed out");
    let notified = outbox::notify(server, queued).await;
    Ok(finish(exchange, browser, logout, &notified))
}

/// The last answer: back to the client that asked, unless there is something that the user should read before.
fn finish(
    exchange: &Exchange<'_>,
    browser: &Browser,
    logout: &Logout,
    notified: &Notified,
) -> Response {
    let server = exchange.server;
    let return_to = return_to(exchange, logout);
    let response = match &return_to {
        Some((client, url)) if notified.not_yet.is_empty() => respond::lead_to_client(
            exchange.pages(),
            client.name_in(exchange.language()),
            url,
            url,
        ),
        None if notified.notified.is_empty() && notified.not_yet.is_empty() => {
            respond::lead_to(exchange.pages(), &signed_out_path(exchange, logout))
        }
        _ => {
            let return_to = return_to.as_ref().map(|(client, url)| ReturnTo {
                client_name: client.name_in(exchange.language()),
                url,
            });
            let page = SignedOutPage {
                told: &names_of(exchange, &notified.notified),
                not_told: &names_of(exchange, &notified.not_yet),
                return_to,
            };
            respond::page(StatusCode::OK, exchange.pages().signed_out(&page))
        }
    };
    // Only where the cookie came along: an image on another site comes without it, and must not take it away.
    if browser.session_hash().is_none() {
        return response;
    }
    with_cookie(response, browser::sign_out(&server.settings().issuer))
}

/// The address of the news, in the language that was wished for.
fn signed_out_path(exchange: &Exchange<'_>, logout: &Logout) -> String {
    let path = exchange.server.path("/signed-out");
    match logout.ui_locales {
        Some(language) => format!("{path}?ui_locales={language}"),
        None => path,
    }
}

/// The client that is returned to and the URL there, if it is still registered: the question may have been open for long.
fn return_to(exchange: &Exchange<'_>, logout: &Logout) -> Option<(Arc<Client>, String)> {
    let (id, to) = logout.client.as_ref().zip(logout.return_to.as_ref())?;
    let known = exchange.catalog.enabled_client(id).ok();
    let client = known.filter(|client| client.may_return_to(&to.uri))?;
    let url = match &to.state {
        Some(state) => response_url(&to.uri, &[("state", state)]),
        None => to.uri.clone(),
    };
    Some((client, url))
}

fn names_of<'e>(exchange: &'e Exchange<'_>, clients: &'e [ClientId]) -> Vec<&'e str> {
    clients.iter().map(|id| name_of(exchange, id)).collect()
}

/// The name users know a client by.
fn name_of<'e>(exchange: &'e Exchange<'_>, id: &'e ClientId) -> &'e str {
    let known = exchange.catalog.client(id);
    known.map_or(id.as_str(), |known| {
        known.client.name_in(exchange.language())
    })
}

fn note(refusal: &Refusal) {
    tracing::info!(
        refusal = refusal.reason().name(),
        detail = refusal.detail(),
        "a request to sign out is not believed"
    );
}
