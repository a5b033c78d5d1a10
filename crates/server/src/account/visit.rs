//! Who is at an account page, by what the rule says of a request for it.
//!
//! The pages ask for a proof by the rule that every sign-in goes by, as if they were a client: to be shown they want what the account
//! demands, and to change anything they want it fresh and by what the account has, for which no recovery code stands in. A form here acts
//! on the session alone, so it carries a token that only this browser's session cookie can make.

use axum::response::Response;
use http::HeaderMap;
use safeconduct_protocol::{
    authorization::{CheckedRequest, Next},
    encoding,
    parameters::Parameters,
    secret::Secret,
};
use safeconduct_store::{SessionSeen, SessionView};

use crate::{
    addresses::AGAIN,
    browser::{self, Browser},
    fault::Failure,
    form::PostedForm,
    journey::{Journey, arrived},
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

/// What a request for an account page comes to.
pub(super) enum Visitor<T> {
    /// The user has proved what is demanded.
    Known(T),
    /// Something is due before, or the form is not one of this sign-in.
    Unproven(Response),
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
    /// Somebody asks for `page`.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn of(
        server: &'s Server,
        reader: Reader,
        headers: &HeaderMap,
        page: &str,
        demand: Demand,
    ) -> Result<Visitor<Self>, Failure> {
        let exchange = Exchange::with(server, reader.language).await?;
        let browser = Browser::read(&server.settings().issuer, headers);
        Self::at(exchange, browser, page, demand).await
    }

    /// Somebody posts a form that changes something, and is led to `page` afterwards.
    ///
    /// # Errors
    /// `cross-site-form` unless a page of ours sent it, a form that can't be read, and the database's.
    pub(super) async fn changing(
        server: &'s Server,
        reader: Reader,
        form: &PostedForm,
        page: &str,
    ) -> Result<Visitor<(Self, Parameters)>, Failure> {
        let issuer = &server.settings().issuer;
        browser::own_form(issuer, form.headers())?;
        let parameters = form.parameters()?;
        let exchange = Exchange::with(server, reader.language).await?;
        let browser = Browser::read(issuer, form.headers());
        let asked = format!("{page}{AGAIN}");
        let visit = match Self::at(exchange, browser, &asked, Demand::Fresh).await? {
            Visitor::Known(visit) => visit,
            Visitor::Unproven(response) => return Ok(Visitor::Unproven(response)),
        };
        let presented = parameters.one("csrf")?.unwrap_or_default();
        let is_ours = |expected: String| {
            encoding::constant_time_eq(presented.as_bytes(), expected.as_bytes())
        };
        // A form of an earlier sign-in asks for nothing: the page is shown as it is now.
        if !visit.browser.account_token().is_some_and(is_ours) {
            return Ok(Visitor::Unproven(visit.lead_to(page)));
        }
        Ok(Visitor::Known((visit, parameters)))
    }

    /// Judges who sits at `browser`.
    async fn at(
        exchange: Exchange<'s>,
        browser: Browser,
        page: &str,
        demand: Demand,
    ) -> Result<Visitor<Self>, Failure> {
        let client = exchange.catalog.account.clone();
        let url = exchange.server.settings().issuer.endpoint(page);
        let request = CheckedRequest::of_account(&client, &url, demand == Demand::Fresh);
        let binding = browser.binding().cloned().unwrap_or_else(Secret::generate);
        let pending = arrived(&exchange, request.clone(), &binding);
        let view = browser.person(&exchange, &pending).await?;
        let user = view.as_ref().map(|view| &view.person);
        let next = pending.next(&client, user, exchange.catalog.keys.subjects());
        if let (Ok(Next::Issue(_)), Some(view)) = (next, view) {
            return Ok(Visitor::Known(Self {
                view: Box::new(view),
                exchange,
                browser,
            }));
        }
        let response = Journey::begin(&exchange, &browser, request, client, None).await?;
        Ok(Visitor::Unproven(response))
    }

    /// The session that a change is made in, which the write asks for again.
    pub(super) fn seen(&self) -> SessionSeen {
        self.browser.seen(&self.view.person)
    }

    /// Sends the browser to another of the account pages.
    pub(super) fn lead_to(&self, page: &str) -> Response {
        respond::lead_to(self.exchange.pages(), &self.exchange.server.path(page))
    }
}
