//! Who is at an account page, by what the rule says of a request for it.
//!
//! The pages ask for a proof by the rule that every sign-in goes by, as if they were a client: to be shown they want what the account
//! demands, and to change anything they want it fresh and by what the account has, for which no recovery code stands in. A form here acts
//! on the session alone, so it carries a token that only this browser's session cookie can make.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::{
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    response::Response,
};
use http::{HeaderMap, request::Parts};
use safeconduct_protocol::{
    authorization::{CheckedRequest, Next},
    encoding,
    parameters::Parameters,
    secret::Secret,
};
use safeconduct_store::{ActingStore, Remover, SessionSeen, SessionView};

use crate::{
    addresses::AGAIN,
    browser::{self, Browser},
    client_address::RequestAddress,
    fault::Failure,
    form::PostedForm,
    journey::{Journey, arrived, note_visit},
    reader::Reader,
    respond,
    server::{Exchange, Server},
};

/// A user at an account page, who has proved what it demands.
pub(super) struct Visit<'s> {
    pub(super) exchange: Exchange<'s>,
    pub(super) browser: Browser,
    pub(super) view: Box<SessionView>,
}

/// Why a request ends before its page does: something is due first, or it can't be served.
pub(crate) enum Interruption {
    /// This answers it instead.
    Due(Box<Response>),
    /// It is refused, or something failed.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Interruption {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

/// The answer of an account page.
pub(crate) type Answer = Result<Response, Interruption>;

/// An answer as other pages know it: what is due is as good as any.
pub(crate) fn settled(answer: Answer) -> Result<Response, Failure> {
    answer.or_else(|interruption| match interruption {
        Interruption::Due(response) => Ok(*response),
        Interruption::Failed(failure) => Err(failure),
    })
}

/// A request for an account page.
pub(crate) struct PageRequest {
    server: Server,
    reader: Reader,
    query: Option<String>,
    headers: HeaderMap,
}

impl PageRequest {
    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// What it says behind the path.
    pub(super) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Who is there, if they have proved what `page` demands.
    ///
    /// # Errors
    /// What is due before; the database's.
    pub(super) async fn visit(
        &self,
        page: &str,
        demand: Demand,
    ) -> Result<Visit<'_>, Interruption> {
        Visit::of(&self.server, self.reader, &self.headers, page, demand).await
    }

    pub(super) fn answer(&self, answer: Answer) -> Response {
        respond::person(&self.server, settled(answer), self.reader)
    }
}

impl FromRequestParts<Server> for PageRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Infallible> {
        Ok(Self {
            server: server.clone(),
            reader: Reader::from_request_parts(parts, server).await?,
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers.clone(),
        })
    }
}

/// A form of an account page, as it came in.
pub(crate) struct FormRequest {
    server: Server,
    reader: Reader,
    address: IpAddr,
    form: PostedForm,
}

impl FormRequest {
    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Where it comes from.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Who posts it, and what it says: it changes something, and leads to `page` afterwards.
    ///
    /// # Errors
    /// `cross-site-form` unless a page of ours sent it, a form that can't be read; what is due before; the database's.
    pub(super) async fn visit(&self, page: &str) -> Result<(Visit<'_>, Parameters), Interruption> {
        let headers = self.form.headers();
        browser::own_form(&self.server.settings().issuer, headers)?;
        let parameters = self.form.parameters()?;
        let (asked, demand) = (format!("{page}{AGAIN}"), Demand::Fresh);
        let visit = Visit::of(&self.server, self.reader, headers, &asked, demand).await?;
        visit.posts_own(&parameters, page)?;
        Ok((visit, parameters))
    }

    pub(super) fn answer(&self, answer: Answer) -> Response {
        respond::person(&self.server, settled(answer), self.reader)
    }
}

impl FromRequest<Server> for FormRequest {
    type Rejection = BytesRejection;

    async fn from_request(request: Request, server: &Server) -> Result<Self, BytesRejection> {
        let (mut parts, body) = request.into_parts();
        let Ok(reader) = Reader::from_request_parts(&mut parts, server).await;
        let Ok(RequestAddress(address)) =
            RequestAddress::from_request_parts(&mut parts, server).await;
        let request = Request::from_parts(parts, body);
        Ok(Self {
            server: server.clone(),
            reader,
            address,
            form: PostedForm::from_request(request, server).await?,
        })
    }
}

/// What a page demands of its user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// To be signed in.
    SignedIn,
    /// To have proved who they are just now: the page is a form that changes something.
    Fresh,
}

impl<'s> Visit<'s> {
    /// Judges who asks for `page`.
    ///
    /// # Errors
    /// What is due before; the database's.
    pub(super) async fn of(
        server: &'s Server,
        reader: Reader,
        headers: &HeaderMap,
        page: &str,
        demand: Demand,
    ) -> Result<Self, Interruption> {
        let exchange = Exchange::with(server, reader).await?;
        let browser = Browser::read(&server.settings().issuer, headers);
        let client = exchange.catalog.account.clone();
        let url = exchange.server.settings().issuer.endpoint(page);
        let request = CheckedRequest::of_account(&client, &url, demand == Demand::Fresh);
        let binding = browser.binding().cloned().unwrap_or_else(Secret::generate);
        let pending = arrived(&exchange, request.clone(), &binding);
        let view = browser.person(&exchange, &pending).await?;
        let user = view.as_ref().map(|view| &view.person);
        let next = pending.next(&client, user, exchange.catalog.keys.subjects());
        if let (Ok(Next::Issue(_)), Some(view)) = (next, view) {
            note_visit(&exchange, &view).await?;
            return Ok(Self {
                view: Box::new(view),
                exchange,
                browser,
            });
        }
        let due = Journey::begin(&exchange, &browser, request, client, None).await?;
        Err(Interruption::Due(Box::new(due)))
    }

    /// Goes on with a form of this sign-in. One of an earlier sign-in asks for nothing: `page` is shown as it is now.
    ///
    /// # Errors
    /// The way to `page`.
    pub(super) fn posts_own(
        &self,
        parameters: &Parameters,
        page: &str,
    ) -> Result<(), Interruption> {
        let presented = parameters.one("csrf")?.unwrap_or_default();
        let is_ours = |expected: String| {
            encoding::constant_time_eq(presented.as_bytes(), expected.as_bytes())
        };
        match self.browser.account_token().is_some_and(is_ours) {
            true => Ok(()),
            false => Err(Interruption::Due(Box::new(self.lead_to(page)))),
        }
    }

    /// The session that a change is made in, which the write asks for again.
    pub(super) fn seen(&self) -> SessionSeen {
        self.browser.seen(&self.view.person)
    }

    /// The store in the hands of its user.
    pub(super) fn store(&self) -> ActingStore {
        self.exchange.store_of_person(&self.view.person.user)
    }

    /// The user themselves, who takes something away that they sign in with, in the session `seen`.
    pub(super) fn remover<'v>(&'v self, seen: &'v SessionSeen) -> Remover<'v> {
        Remover::Owner {
            session: seen,
            relying_party: self.exchange.server.settings().passkey_host(),
            second_factor_required: self.view.person.second_factor_required,
        }
    }

    /// Sends the browser to another of the account pages.
    pub(super) fn lead_to(&self, page: &str) -> Response {
        respond::lead_to(self.exchange.pages(), &self.exchange.server.path(page))
    }
}
