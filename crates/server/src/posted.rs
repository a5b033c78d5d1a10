//! What a browser brought by POST goes on as a GET of the same address, with its parameters sealed in it: a cross-site POST comes
//! without our `SameSite=Lax` cookies. So does a request that was refused, where the page that says so is read in another language.

use axum::response::Response;
use safeconduct_protocol::{
    error::{Reason, Refusal},
    language::Language,
    parameters::Parameters,
    posted_request::PostedRequest,
};

use crate::{
    fault::{Failure, Fault},
    form::PostedForm,
    reader::Reader,
    respond::{self, LONGEST_LOCATION, sealed_length},
    server::{Exchange, Server},
};

/// The parameter that carries them.
pub(crate) const POSTED: &str = "arrival";

/// What the seal holds beside the parameters, in bytes of JSON.
const POSTED_ADDS: usize = 75;

/// Redirects the browser to `endpoint`, with everything that the form says.
///
/// # Errors
/// `request-too-large`, and a form that can't be read.
pub(crate) async fn redirect(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    endpoint: &str,
) -> Result<Response, Failure> {
    let parameters = form.parameters()?.encode();
    if sealed_length(parameters.len() + POSTED_ADDS) > LONGEST_LOCATION {
        let detail = format!("{} bytes", parameters.len());
        return Err(Refusal::new(Reason::RequestTooLarge).because(detail).into());
    }
    let exchange = Exchange::with(server, reader).await?;
    let sealed = sealed(&exchange, parameters, None)?;
    let url = format!("{}?{POSTED}={sealed}", server.path(endpoint));
    Ok(respond::lead_to(exchange.pages(), &url))
}

fn sealed(
    exchange: &Exchange<'_>,
    parameters: String,
    language: Option<Language>,
) -> Result<String, Fault> {
    exchange.sealed(&PostedRequest {
        era: exchange.era(),
        posted_at: exchange.now,
        parameters,
        language,
    })
}

/// What came sealed, and the language that it is answered in whatever else is wished.
pub(crate) struct Reopened {
    pub(crate) parameters: Parameters,
    pub(crate) language: Option<Language>,
}

/// What came by POST, where `parameters` carry such.
///
/// # Errors
/// Those of [`Exchange::open`].
pub(crate) fn reopen(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Option<Reopened>, Refusal> {
    let Some(sealed) = parameters.one(POSTED)? else {
        return Ok(None);
    };
    let posted: PostedRequest = exchange.open(sealed)?;
    Ok(Some(Reopened {
        parameters: Parameters::parse(posted.parameters.as_bytes())?,
        language: posted.language,
    }))
}

/// The text by which an authorization request that was refused is asked again, in the language that is chosen on the page which says so.
/// None where it does not fit an address, or there is nothing to seal by.
pub(crate) async fn to_ask_again(
    server: &Server,
    reader: Reader,
    parameters: &Parameters,
) -> Option<String> {
    let parameters = parameters.encode();
    if sealed_length(parameters.len() + POSTED_ADDS) > LONGEST_LOCATION {
        return None;
    }
    let exchange = Exchange::with(server, reader).await.ok()?;
    sealed(&exchange, parameters, None).ok()
}

/// Leads back to the request that was refused, in another language.
///
/// # Errors
/// Those of [`Exchange::open`].
pub(crate) async fn ask_again(
    server: &Server,
    reader: Reader,
    again: &str,
    chosen: Option<Language>,
) -> Result<Response, Failure> {
    let exchange = Exchange::with(server, reader).await?;
    let posted: PostedRequest = exchange.open(again)?;
    let sealed = sealed(&exchange, posted.parameters, chosen.or(posted.language))?;
    let url = format!("{}?{POSTED}={sealed}", server.path("/authorize"));
    Ok(respond::lead_to(exchange.pages(), &url))
}
