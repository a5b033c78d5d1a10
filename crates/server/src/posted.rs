//! What a browser brought by POST goes on as a GET of the same address, with its parameters sealed in it: a cross-site POST comes
//! without our `SameSite=Lax` cookies.

use axum::response::Response;
use safeconduct_protocol::{
    error::{Reason, Refusal},
    parameters::Parameters,
    sealed::Sealed,
    time::Timestamp,
};

use crate::{
    fault::Failure,
    form::PostedForm,
    respond::{self, LONGEST_LOCATION, sealed_length},
    server::{Exchange, Server},
};

/// The parameter that carries them.
pub(crate) const POSTED: &str = "arrival";

/// What the seal holds beside the parameters, in bytes of JSON.
const POSTED_ADDS: usize = 60;

/// Redirects the browser to `endpoint`, with everything that the form says: `posted` makes what is sealed of the era, the moment and
/// the parameters.
///
/// # Errors
/// `request-too-large`, and a form that can't be read.
pub(crate) async fn redirect<T: Sealed>(
    server: &Server,
    form: &PostedForm,
    endpoint: &str,
    posted: fn(i64, Timestamp, String) -> T,
) -> Result<Response, Failure> {
    let encoded = form.parameters()?.encode();
    if sealed_length(encoded.len() + POSTED_ADDS) > LONGEST_LOCATION {
        let detail = format!("{} bytes", encoded.len());
        return Err(Refusal::new(Reason::RequestTooLarge).because(detail).into());
    }
    let exchange = Exchange::begin(server).await?;
    let sealed = exchange.sealed(&posted(exchange.era(), exchange.now, encoded))?;
    let url = format!("{}?{POSTED}={sealed}", server.path(endpoint));
    Ok(respond::lead_to(server, &url))
}

/// What came by POST, where `parameters` carry such.
///
/// # Errors
/// Those of [`Exchange::open`].
pub(crate) fn reopen<T: Sealed>(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Option<T>, Refusal> {
    let sealed = parameters.one(POSTED)?;
    sealed.map(|sealed| exchange.open(sealed)).transpose()
}
