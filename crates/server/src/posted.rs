//! What a browser brought by POST goes on as a GET of the same address, with its parameters sealed in it: a cross-site POST comes
//! without our `SameSite=Lax` cookies.

use axum::response::Response;
use safeconduct_protocol::{
    error::{Reason, Refusal},
    parameters::Parameters,
    posted_request::PostedRequest,
};

use crate::{
    fault::Failure,
    form::PostedForm,
    reader::Reader,
    respond::{self, LONGEST_LOCATION, sealed_length},
    server::{Exchange, Server},
};

/// The parameter that carries them.
pub(crate) const POSTED: &str = "arrival";

/// What the seal holds beside the parameters, in bytes of JSON.
const POSTED_ADDS: usize = 60;

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
    let posted = PostedRequest {
        era: exchange.era(),
        posted_at: exchange.now,
        parameters,
    };
    let sealed = exchange.sealed(&posted)?;
    let url = format!("{}?{POSTED}={sealed}", server.path(endpoint));
    Ok(respond::lead_to(exchange.pages(), &url))
}

/// What came by POST, where `parameters` carry such.
///
/// # Errors
/// Those of [`Exchange::open`].
pub(crate) fn reopen(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Option<Parameters>, Refusal> {
    let Some(sealed) = parameters.one(POSTED)? else {
        return Ok(None);
    };
    let posted: PostedRequest = exchange.open(sealed)?;
    Parameters::parse(posted.parameters.as_bytes()).map(Some)
}
