//! `POST /login/second-factor` and `POST /login/enrol`: a second factor is proved, or set up, where the request is due for it and
//! nowhere else.

use axum::{extract::State, response::Response};
use http::{HeaderValue, StatusCode, header};
use safeconduct_protocol::{authentication::Factor, authorization::Next, error::Reason};
use safeconduct_store::SessionView;

use crate::{
    fault::Failure,
    form::PostedForm,
    journey::{Journey, Step},
    pages::CodeProblem,
    reader::Reader,
    respond::{self, with_cookie},
    second_factor::{self, Enrolling, Proof},
    server::Server,
    way_back,
};

/// `POST /login/second-factor`.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = prove(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

/// `POST /login/enrol`.
pub(crate) async fn enrol(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = set_up(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

async fn prove(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    let step = Step::take(server, reader, form).await?;
    let view = match due(&step).await? {
        Due::SecondFactor(view) => view,
        Due::Enrol(_) | Due::Other => return step.journey.continue_at_authorize(&step.exchange),
        Due::Refused(response) => return Ok(response),
    };
    let Step {
        exchange,
        browser,
        journey,
        parameters,
    } = step;
    match second_factor::prove(&exchange, &browser, &view, &parameters).await? {
        Proof::Proved(factor, cookie) => {
            let response = proved(journey, &view, factor).continue_at_authorize(&exchange)?;
            Ok(with_cookie(response, cookie))
        }
        Proof::SessionChanged => journey.continue_at_authorize(&exchange),
        Proof::Failed(problem) => {
            let status = status(problem);
            let page = journey.second_factor_page(&exchange, &view.person, Some(problem))?;
            Ok(asked_again(page, status, problem))
        }
    }
}

async fn set_up(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    let step = Step::take(server, reader, form).await?;
    let view = match due(&step).await? {
        Due::Enrol(view) => view,
        Due::SecondFactor(_) | Due::Other => {
            return step.journey.continue_at_authorize(&step.exchange);
        }
        Due::Refused(response) => return Ok(response),
    };
    let Step {
        exchange,
        browser,
        journey,
        parameters,
    } = step;
    match second_factor::enrol(&exchange, &browser, &view, &parameters).await? {
        Enrolling::Done(codes, cookie) => {
            let response = proved(journey, &view, Factor::Otp).codes_page(&exchange, &codes)?;
            Ok(with_cookie(response, cookie))
        }
        Enrolling::Asked(enrolment, problem) => {
            let page = journey.enrol_page(&exchange, &view.person, &enrolment, problem)?;
            Ok(match problem {
                Some(problem) => asked_again(page, status(problem), problem),
                None => page,
            })
        }
        Enrolling::Changed => journey.continue_at_authorize(&exchange),
    }
}

/// What a step is due for, as far as second factors go.
enum Due {
    SecondFactor(Box<SessionView>),
    Enrol(Box<SessionView>),
    /// Something else: an old form, or another tab was faster.
    Other,
    /// Nothing can be: the client is told.
    Refused(Response),
}

/// The rule is asked again at each form: a page that was shown proves nothing.
async fn due(step: &Step<'_>) -> Result<Due, Failure> {
    let (exchange, journey) = (&step.exchange, &step.journey);
    let Some(view) = step.browser.person(exchange, &journey.pending).await? else {
        return Ok(Due::Other);
    };
    Ok(match journey.next(exchange, Some(&view.person)) {
        Ok(Next::SecondFactor(level)) if journey.asks_for_code(&view.person, level) => {
            Due::SecondFactor(Box::new(view))
        }
        Ok(Next::Enrol) if Journey::may_enrol(exchange) => Due::Enrol(Box::new(view)),
        Ok(_) => Due::Other,
        Err(refusal) => Due::Refused(journey.refuse(exchange, refusal.into())),
    })
}

fn proved(journey: Journey, view: &SessionView, factor: Factor) -> Journey {
    let session = view.person.session.clone();
    Journey {
        pending: journey.pending.proved(session, factor),
        client: journey.client,
    }
}

fn status(problem: CodeProblem) -> StatusCode {
    match problem {
        CodeProblem::Throttled { .. } => respond::status(Reason::TooManyAttempts),
        _ => StatusCode::BAD_REQUEST,
    }
}

fn asked_again(mut page: Response, status: StatusCode, problem: CodeProblem) -> Response {
    *page.status_mut() = status;
    if let CodeProblem::Throttled { minutes } = problem {
        let refusal = Reason::TooManyAttempts.name();
        tracing::info!(refusal, "refused");
        let seconds = HeaderValue::from(minutes * 60);
        page.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    page
}
