//! `/authorize` (RFC 6749 §3.1). A request arrives untrusted: until client and redirect URI are proven, errors go to a page
//! of ours; after that they go back to the client.

use axum::{
    Extension,
    extract::{RawQuery, State},
    response::Response,
};
use http::HeaderMap;
use safeconduct_protocol::{
    authorization::{
        CheckedRequest, PendingAuthorization, identify, response_url, state_to_return,
    },
    error::{Reason, Refusal},
    ids::GrantId,
    parameters::Parameters,
    seal::Kind,
    secret::Secret,
};

use crate::{
    browser::{self, Browser},
    correlation::Correlation,
    fault::{Failure, Fault},
    form::PostedForm,
    journey::{Journey, LONGEST_LOCATION, PENDING, known_client, with_cookie},
    respond,
    server::{Exchange, Server},
};

/// The parameter that carries a request which came by POST, sealed.
const ARRIVAL: &str = "arrival";
/// The longest redirect back to a client, in bytes: what every proxy passes on.
const LONGEST_ANSWER: usize = 6 * 1024;
/// The most that a pending authorization and a code hold beside the request they carry, in bytes of JSON.
const PENDING_ADDS: usize = 250;
const CODE_ADDS: usize = 400;

/// `GET /authorize`: a new request, or one that comes back from our own forms.
pub(crate) async fn get(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let parameters = match Parameters::parse(query.unwrap_or_default().as_bytes()) {
        Ok(parameters) => parameters,
        Err(refusal) => return respond::page_refusal(&server, refusal.into(), correlation, &[]),
    };
    match go_on(&server, &parameters, &headers).await {
        Ok(response) => response,
        Err(failure) => {
            server.telemetry().authorize("refused");
            let received: Vec<(&str, &str)> = parameters
                .iter()
                .filter(|(name, _)| ![PENDING, ARRIVAL].contains(name))
                .collect();
            respond::page_refusal(&server, failure, correlation, &received)
        }
    }
}

/// `POST /authorize`: sent on to ourselves, because a cross-site POST comes without our Lax cookies.
pub(crate) async fn post(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    form: PostedForm,
) -> Response {
    respond::person(&server, send_on(&server, &form).await, correlation)
}

async fn send_on(server: &Server, form: &PostedForm) -> Result<Response, Failure> {
    let parameters = form.parameters()?;
    let exchange = Exchange::begin(server).await?;
    let encoded = parameters.encode();
    if sealed_length(encoded.len()) > LONGEST_LOCATION {
        return Err(Refusal::new(Reason::RequestTooLarge)
            .because(format!("{} bytes", encoded.len()))
            .into());
    }
    let sealed = exchange
        .seal()
        .seal(Kind::AuthorizationRequest, &encoded)
        .map_err(|error| Fault::new(error.to_string()))?;
    Ok(respond::see_other(&format!(
        "{}?{ARRIVAL}={sealed}",
        server.path("/authorize")
    )))
}

async fn go_on(
    server: &Server,
    parameters: &Parameters,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let exchange = Exchange::begin(server).await?;
    let browser = Browser::read(&server.settings().issuer, headers);
    if let Some(sealed) = parameters.one(PENDING)? {
        return Journey::resume(&exchange, sealed, &browser)?
            .go_on(&exchange, &browser)
            .await;
    }
    if let Some(sealed) = parameters.one(ARRIVAL)? {
        let opened = exchange
            .seal()
            .open::<String>(Kind::AuthorizationRequest, sealed);
        let encoded = opened.map_err(|error| {
            Refusal::new(Reason::PendingRequestNotRecognised).because(error.to_string())
        })?;
        return arrive(&exchange, &Parameters::parse(encoded.as_bytes())?, &browser).await;
    }
    arrive(&exchange, parameters, &browser).await
}

async fn arrive(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
    browser: &Browser,
) -> Result<Response, Failure> {
    let (client_id, redirect_uri) = identify(parameters)?;
    let client = known_client(exchange, &client_id)?;
    client.prove_redirect_uri(redirect_uri)?;

    let server = exchange.server;
    let resources = &exchange.catalog.resources;
    let state = state_to_return(parameters);
    let checked = CheckedRequest::check(
        parameters,
        &client,
        redirect_uri,
        resources,
        exchange.issuer(),
    )
    .and_then(|request| fits_every_redirect(&request, exchange.issuer()).map(|()| request));
    let request = match checked {
        Ok(request) => request,
        Err(refusal) => {
            server.telemetry().authorize("refused");
            let state = state.filter(|_| refusal.reason() != Reason::RequestTooLarge);
            return Ok(respond::redirect_refusal(
                server,
                refusal.into(),
                redirect_uri,
                state,
            ));
        }
    };

    let (binding, is_new) = match browser.binding() {
        Some(binding) => (binding.clone(), false),
        None => (Secret::generate(), true),
    };
    let hash = safeconduct_protocol::encoding::sha256_base64url(binding.expose().as_bytes());
    let grant = GrantId::generate(server.clock().milliseconds());
    let pending = PendingAuthorization::arrive(request, hash, grant, exchange.era());
    let journey = Journey { pending, client };
    let response = match journey.next_page(exchange, browser).await {
        Err(Failure::Refused(refusal)) => {
            return Ok(respond::redirect_refusal(
                server,
                refusal.into(),
                redirect_uri,
                None,
            ));
        }
        other => other?,
    };
    let issuer = &server.settings().issuer;
    Ok(if is_new {
        with_cookie(response, browser::bind(issuer, &binding))
    } else {
        response
    })
}

/// Refuses at the door what would not fit a URL later on: our own redirect after the sign-in, or the answer to the client.
fn fits_every_redirect(request: &CheckedRequest, issuer: &str) -> Result<(), Refusal> {
    let carried = serde_json::to_vec(request).map_or(LONGEST_LOCATION, |json| json.len());
    let state = request.state().unwrap_or_default();
    let on_top = carried.saturating_sub(state.len() + request.redirect_uri().len());
    let answer = response_url(
        request.redirect_uri(),
        &[("code", ""), ("state", state), ("iss", issuer)],
    );
    let lengths = [
        (sealed_length(carried + PENDING_ADDS), LONGEST_LOCATION),
        (
            answer.len() + sealed_length(on_top + CODE_ADDS),
            LONGEST_ANSWER,
        ),
    ];
    match lengths.iter().find(|(length, longest)| length > longest) {
        None => Ok(()),
        Some((length, longest)) => Err(Refusal::new(Reason::RequestTooLarge)
            .because(format!("a redirect would take {length} bytes of {longest}"))),
    }
}

/// How long `bytes` of JSON are at most when they are sealed: nonce, tag and names, in base64.
fn sealed_length(bytes: usize) -> usize {
    (bytes + 64) * 4 / 3
}
