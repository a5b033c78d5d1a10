//! `POST /login/second-factor` and `POST /login/enrol`: a second factor is proved, or set up, where the request is due for it and
//! nowhere else.

use axum::{extract::State, response::Response};
use http::StatusCode;
use safeconduct_protocol::{
    authentication::{Factor, Level},
    authorization::{Next, Offer, SignedInUser},
    enrolment::Enrolment,
    error::Reason,
    recovery_code::RecoveryCode,
    redirect_uri::host_of,
};
use safeconduct_store::SessionView;

use crate::{
    addresses::{ADD_OFFERED_PASSKEY, OFFER},
    failed_sign_ins::Cause,
    fault::Failure,
    form::PostedForm,
    journey::{Journey, Step, Wish},
    new_passkey,
    pages::{AddPasskeyPage, AddPasskeyProblem, CodeProblem, EnrolPage},
    reader::Reader,
    respond::{self, with_cookie},
    second_factor::{self, AppSetup, Enrolling, Proof},
    server::{Exchange, Server},
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
    let (view, level) = match due(&step).await? {
        Due::SecondFactor(view, level) => (view, level),
        Due::Enrol(..) | Due::Other => return step.journey.continue_at_authorize(&step.exchange),
        Due::Refused(response) => return Ok(response),
    };
    let Step {
        exchange,
        browser,
        journey,
        parameters,
    } = step;
    if !journey.takes_recovery_codes() && parameters.one("recovery_code")?.is_some() {
        // Its page offers none, and this one stays good.
        let problem = CodeProblem::NoCode;
        let page = journey.second_factor_page(&exchange, &view.person, level, Some(problem));
        let page = page.await?;
        return Ok(asked_again(page, status(problem), problem));
    }
    match second_factor::prove(&exchange, &browser, &view, &parameters).await? {
        Proof::Proved(factor, cookie) => {
            let response = proved(journey, &view, factor).continue_at_authorize(&exchange)?;
            Ok(with_cookie(response, cookie))
        }
        Proof::SessionChanged => journey.continue_at_authorize(&exchange),
        Proof::Failed(problem) => {
            if let Some(reason) = reason(problem) {
                let cause = Cause::new(reason, Some(&view.person.user));
                let of = (&journey.client.id, journey.pending.grant);
                exchange.sign_in_failed(&cause.of(None, of));
            }
            let status = status(problem);
            let page = journey.second_factor_page(&exchange, &view.person, level, Some(problem));
            let page = page.await?;
            Ok(asked_again(page, status, problem))
        }
    }
}

async fn set_up(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    let step = Step::take(server, reader, form).await?;
    let (view, wish) = match due(&step).await? {
        Due::Enrol(view, wish) => (view, wish),
        Due::SecondFactor(..) | Due::Other => {
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
        Enrolling::NotYet(enrolment, problem) => {
            let shown = EnrolmentForm {
                enrolment: &enrolment,
                problem,
                passkey_problem: None,
            };
            let page = journey.enrol_page(&exchange, &view.person, &wish, shown);
            let page = page.await?;
            Ok(match problem {
                Some(problem) => asked_again(page, status(problem), problem),
                None => page,
            })
        }
        Enrolling::Changed => journey.continue_at_authorize(&exchange),
    }
}

/// Why a sign-in failed with a second factor, in events; `None` where nothing was tried.
fn reason(problem: CodeProblem) -> Option<&'static str> {
    Some(match problem {
        CodeProblem::WrongCode => "wrong-code",
        CodeProblem::WrongRecoveryCode => "wrong-recovery-code",
        CodeProblem::Throttled { .. } => "throttled-second-factor",
        CodeProblem::NoCode
        | CodeProblem::NoRecoveryCode
        | CodeProblem::Over
        | CodeProblem::Passkey => return None,
    })
}

/// What a step is due for, as far as second factors go.
enum Due {
    SecondFactor(Box<SessionView>, Level),
    Enrol(Box<SessionView>, Wish),
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
            Due::SecondFactor(Box::new(view), level)
        }
        Ok(Next::Enrol(ways)) if ways.contains(Offer::Otp) => {
            Due::Enrol(Box::new(view), Wish::Demanded(ways))
        }
        Ok(next) if journey.offers(exchange, &view, &next).contains(Offer::Otp) => {
            Due::Enrol(Box::new(view), Wish::Offered)
        }
        Ok(_) => Due::Other,
        Err(refusal) => Due::Refused(journey.refuse(exchange, refusal.into())?),
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
    if let CodeProblem::Throttled { minutes } = problem {
        return respond::try_later(page, Reason::TooManyAttempts, minutes * 60);
    }
    *page.status_mut() = status;
    page
}

/// What stands on the page on which an authenticator app is set up.
pub(crate) struct EnrolmentForm<'a> {
    pub(crate) enrolment: &'a Enrolment,
    pub(crate) problem: Option<CodeProblem>,
    /// What was wrong with the passkey that was made there instead.
    pub(crate) passkey_problem: Option<AddPasskeyProblem>,
}

impl Journey {
    /// The page on which an account is given a second factor, begun anew: an authenticator app, a passkey, or either.
    pub(crate) async fn begin_enrolment(
        &self,
        exchange: &Exchange<'_>,
        person: &SignedInUser,
        wish: &Wish,
    ) -> Result<Response, Failure> {
        if let Wish::Demanded(ways) = wish
            && !ways.contains(Offer::Otp)
        {
            return self.new_passkey_page(exchange, person, wish, None).await;
        }
        let shown = EnrolmentForm {
            enrolment: &second_factor::begin_enrolment(exchange, person),
            problem: None,
            passkey_problem: None,
        };
        self.enrol_page(exchange, person, wish, shown).await
    }

    /// The page on which an authenticator app is set up, or a passkey is made where that will do.
    pub(crate) async fn enrol_page(
        &self,
        exchange: &Exchange<'_>,
        person: &SignedInUser,
        wish: &Wish,
        shown: EnrolmentForm<'_>,
    ) -> Result<Response, Failure> {
        let server = exchange.server;
        let setup = AppSetup::of(exchange, person, shown.enrolment)?;
        let passkey = match (wish, server.settings().relying_party()) {
            (Wish::Demanded(ways), Some(party)) if ways.contains(Offer::Passkey) => {
                Some(new_passkey::begin(exchange, &party, person).await?)
            }
            _ => None,
        };
        let add_passkey = server.path(ADD_OFFERED_PASSKEY);
        let is_offered = matches!(wish, Wish::Offered);
        let html = exchange.pages().enrol(&EnrolPage {
            client_name: Some(self.client.name_in(exchange.language())),
            client_host: &host_of(self.pending.request.redirect_uri()),
            action: &server.path("/login/enrol"),
            use_another_account_action: Some(&server.path("/login/switch")),
            pending: Some(&exchange.sealed(&self.pending)?),
            not_now_action: is_offered.then_some(&server.path(OFFER)),
            passkey: passkey.as_ref().map(|new| AddPasskeyPage {
                action: &add_passkey,
                ceremony: &new.ceremony,
                options: &new.options,
                problem: shown.passkey_problem,
            }),
            ..setup.page(person, shown.problem)
        });
        let status = match shown.passkey_problem {
            Some(_) => StatusCode::BAD_REQUEST,
            None => StatusCode::OK,
        };
        Ok(respond::page(status, html))
    }

    /// The recovery codes of an authenticator app that was just set up, with the way on.
    pub(crate) fn codes_page(
        &self,
        exchange: &Exchange<'_>,
        codes: &[RecoveryCode],
    ) -> Result<Response, Failure> {
        let on = self.authorize_url(exchange)?;
        Ok(second_factor::codes_page(exchange, codes, &on))
    }
}
