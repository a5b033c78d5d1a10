//! What a browser brought by POST goes on as a GET of the same address, with its parameters sealed in it: a cross-site POST comes
//! without our `SameSite=Lax` cookies.

use axum::response::Response;
use safeconduct_protocol::{
    error::{Reason, Refusal},
    parameters::Parameters,
    seal::Kind,
};

use crate::{
    fault::{Failure, Fault},
    form::PostedForm,
    respond::{self, LONGEST_LOCATION, sealed_length},
    server::{Exchange, Server},
};

/// The parameter that carries them.
pub(crate) const POSTED: &str = "arrival";

/// Redirects the browser to `endpoint`, with everything that the form says.
///
/// # Errors
/// `request-too-large`, and a form that can't be read.
pub(crate) async fn redirect(
    server: &Server,
    form: &PostedForm,
    endpoint: &str,
    kind: Kind,
) -> Result<Response, Failure> {
    let encoded = form.parameters()?.encode();
    if sealed_length(encoded.len()) > LONGEST_LOCATION {
        let detail = format!("{} bytes", encoded.len());
        return Err(Refusal::new(Reason::RequestTooLarge).because(detail).into());
    }
    let exchange = Exchange::begin(server).await?;
    let sealed = exchange.seal().seal(kind, &encoded);
    let sealed = sealed.map_err(|error| Fault::new(error.to_string()))?;
    let url = format!("{}?{POSTED}={sealed}", server.path(endpoint));
    Ok(respond::lead_to(server, &url))
}

/// The parameters that came by POST, where `parameters` carry such.
///
/// # Errors
/// `unreadable`, where they do not open.
pub(crate) fn reopen(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
    kind: Kind,
    unreadable: Reason,
) -> Result<Option<Parameters>, Refusal> {
    let Some(sealed) = parameters.one(POSTED)? else {
        return Ok(None);
    };
    let opened = exchange.seal().open::<String>(kind, sealed);
    let encoded = opened.map_err(|error| Refusal::new(unreadable).because(error.to_string()))?;
    Parameters::parse(encoded.as_bytes()).map(Some)
}
