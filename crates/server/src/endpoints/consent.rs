//! `POST /consent`: the user's answer. It counts only from the session and the user the question was shown to.

use axum::{extract::State, response::Response};
use safeconduct_protocol::{
    authentication::Authentication,
    authorization::{Next, SignedInUser},
    error::Reason,
};

use crate::{
    fault::Failure,
    form::PostedForm,
    journey::{Journey, Step},
    reader::Reader,
    server::{Exchange, Server},
    way_back,
};

pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = answer(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

async fn answer(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    let Step {
        exchange,
        browser,
        journey,
        parameters,
    } = Step::take(server, reader, form).await?;
    let person = browser
        .person(&exchange, &journey.pending)
        .await?
        .map(|view| view.person);
    let person = journey.pending.answered_by(person.as_ref())?;
    if server.store().grant(journey.pending.grant).await?.is_some() {
        return Ok(journey.already_answered(&exchange));
    }
    match parameters.one("decision")? {
        Some("allow") => {
            let subjects = exchange.catalog.keys.subjects();
            match journey.pending.allowed(&journey.client, person, subjects) {
                Ok(Next::Issue(authentication)) => {
                    allow(&exchange, journey, person, authentication).await
                }
                // Something else is due by now, and comes before any answer.
                Ok(_) => journey.continue_at_authorize(&exchange),
                Err(refusal) => journey.refuse_user(&exchange, Some(person), refusal),
            }
        }
        Some("deny") => {
            server.telemetry().consent("deny");
            journey.refuse(&exchange, Reason::ConsentDenied.into())
        }
        _ => Err(Reason::DecisionMissing.into()),
    }
}

async fn allow(
    exchange: &Exchange<'_>,
    journey: Journey,
    person: &SignedInUser,
    authentication: Authentication,
) -> Result<Response, Failure> {
    let request = &journey.pending.request;
    if journey.client.remembers_consent(request.redirect_uri()) {
        let asked = request.to_consent().without(&person.withheld);
        let allowed = person.consented.union(&asked);
        let (store, epoch) = (
            exchange.store_of_person(&person.user),
            person.epochs.consent,
        );
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
            return journey.continue_at_authorize(exchange);
        }
    }
    exchange.server.telemetry().consent("allow");
    journey.issue(exchange, person, authentication).await
}
