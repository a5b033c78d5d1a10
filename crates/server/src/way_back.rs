//! The way on from a refusal: a request that we sealed proves its client and redirect URI also when it is too old, was answered
//! or belongs to another browser, so the page that says so leads back to that client.

use std::sync::Arc;

use axum::response::Response;
use safeconduct_protocol::{
    authorization::{self, PendingAuthorization},
    client::Client,
    error::Reason,
    ids::ClientId,
    language::Language,
    parameters::Parameters,
    pushed_request::{PushedRequest, pushed},
    redirect_uri::host_of,
    sealed::Sealed,
};

use crate::{
    catalog::Catalog,
    fault::Failure,
    form::{PENDING, PostedForm},
    pages::ClientLink,
    posted,
    reader::Reader,
    respond::{self, WayOn},
    server::Server,
};

/// A client that may be named and linked on a page: what it asked for was proven when it was sealed, and is proven again.
pub(crate) struct WayBack {
    client: Arc<Client>,
    host: String,
    front_page: Option<String>,
    ui_locales: Option<Language>,
}

impl WayBack {
    /// `redirect_uri` is proven to be the client's.
    pub(crate) fn to(client: Arc<Client>, redirect_uri: &str) -> Self {
        let origin = url::Url::parse(redirect_uri)
            .ok()
            .map(|url| url.origin())
            .filter(url::Origin::is_tuple);
        Self {
            client,
            host: host_of(redirect_uri),
            front_page: origin.map(|origin| format!("{}/", origin.ascii_serialization())),
            ui_locales: None,
        }
    }

    /// The language that the request wishes for.
    pub(crate) fn ui_locales(&self) -> Option<Language> {
        self.ui_locales
    }

    /// As a page in `language` shows it.
    pub(crate) fn link(&self, language: Language) -> ClientLink<'_> {
        ClientLink {
            client_name: self.client.name_in(language),
            client_host: &self.host,
            client_url: self.front_page.as_deref(),
        }
    }
}

/// The answer to a form of ours. Where it is refused, the page leads back to the client that the form was for.
pub(crate) async fn person(
    server: &Server,
    form: &PostedForm,
    answer: Result<Response, Failure>,
    reader: Reader,
) -> Response {
    match answer {
        Ok(response) => response,
        Err(failure) => {
            let parameters = form.parameters().unwrap_or_default();
            let way_back = from_refusal(server, &failure, &parameters).await;
            let reader = reader.wished(way_back.as_ref().and_then(WayBack::ui_locales));
            let again = match &way_back {
                Some(_) => posted::to_ask_again(server, reader, &sealed_alone(&parameters)).await,
                None => None,
            };
            let way_on = WayOn {
                client: way_back.as_ref().map(|back| back.link(reader.language)),
                again: again.as_deref(),
                ..WayOn::default()
            };
            respond::page_refusal(server, failure, reader, &way_on)
        }
    }
}

/// Of what a form says, the sealed request: passwords are none of what is asked again.
fn sealed_alone(parameters: &Parameters) -> Parameters {
    let pending = parameters.one(PENDING).ok().flatten();
    Parameters::default().with(PENDING, pending.unwrap_or_default())
}

/// Where the user can go on, if `failure` says that a sealed request in `parameters` is over.
pub(crate) async fn from_refusal(
    server: &Server,
    failure: &Failure,
    parameters: &Parameters,
) -> Option<WayBack> {
    let Failure::Refused(refusal) = failure else {
        return None;
    };
    let is_over = matches!(
        refusal.reason(),
        Reason::PendingRequestNotRecognised
            | Reason::PendingRequestExpired
            | Reason::PendingRequestWithoutCookie
            | Reason::PendingRequestFromAnotherBrowser
            | Reason::PendingRequestFromAnotherSession
            | Reason::PendingRequestSignedOut
            | Reason::PendingRequestNotDue
            | Reason::PushedRequestExpired
            | Reason::PushedRequestUsed
            | Reason::DecisionMissing
    );
    if !is_over {
        return None;
    }
    let catalog = server.catalog().await.ok()?;
    let (id, redirect_uri, ui_locales) = sealed_request(&catalog, parameters)?;
    let client = catalog.client_at(&id, &redirect_uri).ok()?;
    Some(WayBack {
        ui_locales,
        ..WayBack::to(client, &redirect_uri)
    })
}

/// The client, the redirect URI and the language of the pending or pushed request in `parameters`, whatever became of it.
fn sealed_request(
    catalog: &Catalog,
    parameters: &Parameters,
) -> Option<(ClientId, String, Option<Language>)> {
    let seal = catalog.keys.seal();
    if let Some(sealed) = parameters.one(PENDING).ok()? {
        let pending = PendingAuthorization::unseal(seal, sealed).ok()?;
        let request = pending.request;
        let redirect_uri = request.redirect_uri().to_owned();
        return Some((request.client().clone(), redirect_uri, request.ui_locales()));
    }
    let (_, sealed) = pushed(parameters).ok()??;
    let pushed = PushedRequest::unseal(seal, sealed).ok()?;
    let parameters = Parameters::parse(pushed.parameters.as_bytes()).ok()?;
    let redirect_uri = parameters.one("redirect_uri").ok()??.to_owned();
    let ui_locales = authorization::ui_locales(&parameters);
    Some((pushed.client, redirect_uri, ui_locales))
}
