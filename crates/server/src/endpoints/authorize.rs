//! `/authorize` (RFC 6749 §3.1). A request arrives untrusted: until client and redirect URI are proven, errors go to a page
//! of ours; after that they go back to the client.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::HeaderMap;
use safeconduct_protocol::{
    authorization::{
        self, Arrival, CheckedRequest, identify, response_mode_to_use, response_url,
        state_to_return,
    },
    error::{Reason, Refusal},
    ids::ClientId,
    language::Language,
    parameters::Parameters,
    pushed_request::{PushedId, PushedRequest, pushed},
};

use crate::{
    browser::Browser,
    correlation,
    fault::Failure,
    form::{PENDING, PostedForm},
    journey::Journey,
    left_out,
    posted::{self, POSTED},
    reader::Reader,
    respond::{self, LONGEST_LOCATION, ReturnPath, WayOn, sealed_length},
    server::{Exchange, Server},
    way_back::{self, WayBack},
};

/// What a page that refuses never repeats: what is sealed, and what is somebody's secret and has no business in a URL.
const NEVER_SHOWN: [&str; 6] = [
    PENDING,
    POSTED,
    "client_secret",
    "client_assertion",
    "code_verifier",
    "id_token_hint",
];
/// The longest redirect back to a client, in bytes: what every proxy passes on.
const LONGEST_ANSWER: usize = 6 * 1024;
/// The most that a pending authorization and a code hold beside the request they carry, in bytes of JSON.
const PENDING_ADDS: usize = 250;
const CODE_ADDS: usize = 400;

/// `GET /authorize`: a new request, or one that comes back from our own forms.
pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let mut asked = RequestAsRead::default();
    let query = query.unwrap_or_default();
    match answer(&server, reader, &query, &headers, &mut asked).await {
        Ok(response) => response,
        Err(failure) => refuse(&server, reader, &asked, counted(&server, failure)).await,
    }
}

/// What was asked for, as far as it could be read.
#[derive(Default)]
struct RequestAsRead {
    parameters: Parameters,
    /// What the user chose to read the answer in.
    chosen: Option<Language>,
}

/// The page that says what is wrong, with what was received, and the way back where there is one.
async fn refuse(
    server: &Server,
    reader: Reader,
    asked: &RequestAsRead,
    failure: Failure,
) -> Response {
    let parameters = &asked.parameters;
    let received: Vec<(&str, &str)> = parameters
        .iter()
        .filter(|(name, _)| !NEVER_SHOWN.contains(name))
        .collect();
    let way_back = way_back::from_refusal(server, &failure, parameters).await;
    let wished = || authorization::ui_locales(parameters);
    let sealed = way_back.as_ref().and_then(WayBack::ui_locales);
    let reader = reader.wished(asked.chosen.or(sealed).or_else(wished));
    let again = posted::to_ask_again(server, reader, parameters).await;
    let way_on = WayOn {
        received: &received,
        client: way_back.as_ref().map(|back| back.link(reader.language)),
        again: again.as_deref(),
    };
    respond::page_refusal(server, failure, reader, &way_on)
}

/// The same failure, counted as the end of an authorization request on a page of ours.
fn counted(server: &Server, failure: Failure) -> Failure {
    let refusal = failure.into_refusal();
    server.telemetry().authorize(refusal.error().as_str());
    refusal.into()
}

/// `POST /authorize`: the same, brought by a form.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = posted::redirect(&server, reader, &form, "/authorize").await;
    let answer = answer.map_err(|failure| counted(&server, failure));
    respond::person(&server, answer, reader)
}

async fn answer(
    server: &Server,
    reader: Reader,
    query: &str,
    headers: &HeaderMap,
    asked: &mut RequestAsRead,
) -> Result<Response, Failure> {
    asked.parameters = Parameters::parse(query.as_bytes())?;
    let mut exchange = Exchange::with(server, reader).await?;
    let browser = Browser::read(&server.settings().issuer, headers);
    if let Some(posted) = posted::reopen(&exchange, &asked.parameters)? {
        asked.parameters = posted.parameters;
        asked.chosen = posted.language;
    }
    let RequestAsRead { parameters, chosen } = &*asked;
    if let Some(sealed) = parameters.one(PENDING)? {
        let mut journey = Journey::resume(&exchange, sealed, &browser)?;
        journey.read_in(*chosen);
        exchange.wished(journey.pending.request.ui_locales());
        return journey.continue_request(&exchange, &browser).await;
    }
    open_pushed(&mut exchange, parameters, *chosen, &browser).await
}

/// A request that comes for the first time: pushed before, or in the parameters themselves.
async fn open_pushed(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
    chosen: Option<Language>,
    browser: &Browser,
) -> Result<Response, Failure> {
    match pushed(parameters)? {
        Some((client_id, sealed)) => {
            let pushed = take_pushed(exchange, &client_id, sealed).await?;
            let parameters = Parameters::parse(pushed.parameters.as_bytes())?;
            start(exchange, &parameters, Some(&pushed), chosen, browser).await
        }
        None => start(exchange, parameters, None, chosen, browser).await,
    }
}

/// Opens a `request_uri` of ours (RFC 9126 §4). It may come again until a code was issued from it: a reload is no attack.
async fn take_pushed(
    exchange: &Exchange<'_>,
    client_id: &ClientId,
    sealed: &str,
) -> Result<PushedRequest, Failure> {
    let lifetimes = &exchange.server.settings().lifetimes;
    let pushed: PushedRequest = exchange.recognise(sealed)?;
    pushed.arrive(client_id, lifetimes, exchange.now)?;
    let used = PushedId::from(&pushed).used(client_id, lifetimes.pending, exchange.now);
    if exchange.server.store().is_used(&used, exchange.now).await? {
        return Err(Reason::PushedRequestUsed.into());
    }
    Ok(pushed)
}

async fn start(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
    pushed: Option<&PushedRequest>,
    chosen: Option<Language>,
    browser: &Browser,
) -> Result<Response, Failure> {
    let (client_id, redirect_uri) = identify(parameters)?;
    let client = exchange.catalog.enabled_client(&client_id)?;
    correlation::is_of_client(&client.id);
    client.prove_redirect_uri(redirect_uri)?;

    exchange.wished(chosen.or_else(|| authorization::ui_locales(parameters)));
    let exchange = &*exchange;
    let arrival = Arrival {
        resources: &exchange.catalog.resources,
        issuer: exchange.issuer(),
        keys: exchange.catalog.keys.verification(),
        pushed: pushed.is_some(),
        dpop_jkt: pushed.and_then(|pushed| pushed.dpop_jkt.as_ref()),
        sign_up: exchange.server.settings().people_sign_up(),
        now: exchange.now,
    };
    let checked = CheckedRequest::check(parameters, &client, redirect_uri, &arrival)
        .and_then(|request| fits_every_redirect(&request, exchange.issuer()).map(|()| request));
    let request = match checked {
        Ok(request) => request,
        Err(refusal) => {
            let too_large = refusal.reason() == Reason::RequestTooLarge;
            let path = ReturnPath {
                client_name: client.name_in(exchange.language()),
                redirect_uri,
                mode: response_mode_to_use(parameters, &client),
                state: state_to_return(parameters).filter(|_| !too_large),
            };
            return Ok(respond::refusal_to_client(exchange, refusal.into(), path));
        }
    };
    left_out::note(
        exchange,
        &client,
        &authorization::left_out(parameters, &client),
    );

    let pushed = pushed.map(PushedId::from);
    let request = match chosen {
        Some(chosen) => request.in_language(chosen),
        None => request,
    };
    Journey::begin(exchange, browser, request, client, pushed).await
}

/// Refuses at once what would not fit a URL later on: our own redirect after the sign-in, or the answer to the client.
///
/// # Errors
/// `request-too-large`.
pub(crate) fn fits_every_redirect(request: &CheckedRequest, issuer: &str) -> Result<(), Refusal> {
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

#[cfg(test)]
mod tests {
    use safeconduct_protocol::{
        authorization::{LONGEST_NONCE, LONGEST_REQUEST, LONGEST_SCOPE, LONGEST_STATE},
        ids::LONGEST_CLIENT_ID,
        redirect_uri::LONGEST_REDIRECT_URI,
    };

    use super::LONGEST_ANSWER;
    use crate::listener::Limits;

    #[test]
    fn the_sizes_reference_tells_what_is_taken() {
        let page = include_str!("../../../../docs/reference/sizes.md");
        let (_, taken) = page.split_once("## What is taken").unwrap();
        let (taken, _) = taken.split_once("\n## ").unwrap();
        let rows: Vec<&str> = taken
            .lines()
            .filter(|line| line.starts_with("| "))
            .skip(1)
            .collect();
        let limits = Limits::default();
        let facts = [
            ("`state`, form-encoded", LONGEST_STATE),
            ("`nonce`, form-encoded", LONGEST_NONCE),
            ("`scope`", LONGEST_SCOPE),
            ("`client_id`", LONGEST_CLIENT_ID),
            ("a redirect URI", LONGEST_REDIRECT_URI),
            ("an authorization request, form-encoded", LONGEST_REQUEST),
            (
                "an answer to a client: its redirect URI with code, `state` and `iss`",
                LONGEST_ANSWER,
            ),
            ("a form", limits.max_body_bytes),
            (
                "the head of a request, all headers together",
                limits.max_header_bytes,
            ),
        ];
        let facts = facts.map(|(what, most)| match most {
            1000.. => format!("| {what} | {},{:03} |", most / 1000, most % 1000),
            _ => format!("| {what} | {most} |"),
        });
        assert_eq!(rows, facts);
    }
}
