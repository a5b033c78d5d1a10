//! `POST /consent`: the person's answer. It counts only from the session and the user the question was shown to.

use axum::{Extension, body::Bytes, extract::State, response::Response};
use http::{HeaderMap, Uri};
use safeconduct_protocol::{authorization::SignedInUser, error::Reason};

use crate::{
    browser::{self, Browser},
    correlation::Correlation,
    fault::Failure,
    form,
    journey::{Journey, PENDING},
    respond,
    server::{Exchange, Server},
};

pub(crate) async fn post(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match answer(&server, &uri, &headers, &body).await {
        Ok(response) => response,
        Err(failure) => respond::page_refusal(&server, failure, correlation, &[]),
    }
}

async fn answer(
    server: &Server,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response, Failure> {
    browser::own_form(&server.settings().issuer, headers)?;
    let parameters = form::read(uri, headers, body)?;
    let exchange = Exchange::begin(server).await?;
    let browser = Browser::read(&server.settings().issuer, headers);
    let journey = Journey::resume(
        &exchange,
        parameters.required(PENDING, Reason::PendingRequestNotRecognised)?,
        &browser,
    )?;
    let person = browser
        .person(&exchange, &journey.pending)
        .await?
        .map(|view| view.person);
    journey.pending.answered_by(person.as_ref())?;
    let person = person.ok_or(Reason::PendingRequestFromAnotherSession)?;
    if server.store().grant(journey.pending.grant).await?.is_some() {
        return Ok(journey.already_answered(&exchange));
    }
    match parameters.one("decision")? {
        Some("allow") => allow(&exchange, journey, &person).await,
        Some("deny") => {
            server.telemetry().consent("deny");
            Ok(journey.refuse(&exchange, Reason::ConsentDenied.into()))
        }
        _ => Err(Reason::DecisionMissing.into()),
    }
}

async fn allow(
    exchange: &Exchange<'_>,
    journey: Journey,
    person: &SignedInUser,
) -> Result<Response, Failure> {
    let request = &journey.pending.request;
    if journey.client.remembers_consent(request.redirect_uri()) {
        let allowed = person.consented.union(request.scope());
        let (store, epoch) = (exchange.server.store(), person.epochs.consent);
        let recorded = store
            .record_consent(
                &person.user,
                request.client(),
                request.audience(),
                &allowed,
                epoch,
                exchange.now,
            )
            .await?;
        if !recorded {
            // Withdrawn at the same moment: ask again.
            let pending = journey.pending.signed_in(person.session.clone());
            let client = journey.client;
            return Journey { pending, client }.continue_at_authorize(exchange);
        }
    }
    exchange.server.telemetry().consent("allow");
    journey.issue(exchange, person)
}
