//! `POST /login/passkey`: what a passkey answered makes a session, or proves more in one. Whatever is wrong with it looks the same.

use std::net::IpAddr;

use axum::{extract::State, response::Response};
use http::StatusCode;
use safeconduct_protocol::{
    authentication::Factor,
    authorization::{Next, Offer, SignedInUser},
    error::Reason,
    ids::GrantId,
    passkey::{CredentialId, RelyingParty},
    redirect_uri::host_of,
};
use safeconduct_store::SessionView;
use serde::Serialize;

use crate::{
    addresses::{ADD_OFFERED_PASSKEY, OFFER},
    browser::Browser,
    client_address::RequestAddress,
    endpoints::second_factor::EnrolmentForm,
    fault::Failure,
    form::PostedForm,
    journey::{Journey, SignIn, Step, Wish},
    new_passkey,
    pages::{AddPasskeyPage, AddPasskeyProblem, CodeProblem, NewPasskeyPage, SignInProblem},
    passkey::{self, Attempt},
    reader::Reader,
    respond::{self, with_cookie},
    second_factor,
    server::{Exchange, Server},
    way_back,
};

/// `POST /login/passkey`.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    RequestAddress(address): RequestAddress,
    form: PostedForm,
) -> Response {
    let party = server.settings().relying_party();
    let party = party.expect("there is no such route without one");
    let answer = sign_in(&server, reader, &form, address, &party).await;
    way_back::person(&server, &form, answer, reader).await
}

/// `POST /login/passkey/add`: a passkey that was made on the way to a client, because it was offered after a sign-in with a password, or because
/// more is demanded than the account had. What it can prove is asked for behind that: that it was made proves nothing (there is no signature
/// of it: WebAuthn Level 3 §6.5, no attestation).
pub(crate) async fn add(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = add_one(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

/// `POST /login/passkey/renew`: a sign-in page that stays open goes on with its request as if it had arrived now, and another challenge. Nothing
/// is written.
pub(crate) async fn renew(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    match renewed(&server, reader, &form).await {
        Ok(renewed) => respond::json(&renewed),
        Err(failure) => respond::json_refusal(failure),
    }
}

/// What the forms of a page carry from now on.
#[derive(Serialize)]
struct Renewed {
    pending: String,
    ceremony: String,
    options: String,
}

async fn renewed(server: &Server, reader: Reader, form: &PostedForm) -> Result<Renewed, Failure> {
    let Step {
        exchange, journey, ..
    } = Step::take(server, reader, form).await?;
    let journey = journey.arrive_again(&exchange).await?;
    let prompt = passkey::of_anybody(&exchange, &journey.pending)?;
    let prompt = prompt.expect("there is no such route without a relying party");
    Ok(Renewed {
        pending: exchange.sealed(&journey.pending)?,
        ceremony: prompt.ceremony,
        options: prompt.options,
    })
}

async fn add_one(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    let Step {
        exchange,
        browser,
        journey,
        parameters,
    } = Step::take(server, reader, form).await?;
    if let Some(party) = server.settings().relying_party()
        && let Some(view) = browser.person(&exchange, &journey.pending).await?
        && let Some(wish) = journey.wishes_passkey(&exchange, &view)
        && let person = &view.person
        && let Err(problem) =
            new_passkey::add(&exchange, &browser, person, &parameters, &party).await?
    {
        if !matches!(&wish, Wish::Demanded(ways) if ways.contains(Offer::Otp)) {
            let page = journey.new_passkey_page(&exchange, person, &wish, Some(problem));
            return page.await;
        }
        // The app beside it may be set up half by now.
        let sealed = parameters.one("enrolment")?.unwrap_or_default();
        let begun = second_factor::begun(&exchange, sealed, person);
        let shown = EnrolmentForm {
            enrolment: &begun.unwrap_or_else(|| second_factor::begin_enrolment(&exchange, person)),
            problem: None,
            passkey_problem: Some(problem),
        };
        return journey.enrol_page(&exchange, person, &wish, shown).await;
    }
    journey.continue_at_authorize(&exchange)
}

impl Journey {
    /// The same request as if it arrived now. One that was answered does not.
    ///
    /// # Errors
    /// `pending-request-not-due` once its code was redeemed, `pushed-request-used` once one was issued for what was pushed.
    async fn arrive_again(self, exchange: &Exchange<'_>) -> Result<Self, Failure> {
        let (server, now) = (exchange.server, exchange.now);
        if server.store().grant(self.pending.grant).await?.is_some() {
            return Err(Reason::PendingRequestNotDue.into());
        }
        if let Some(pushed) = &self.pending.pushed {
            let lifetimes = &server.settings().lifetimes;
            let used = pushed.used(&self.client.id, lifetimes.pending, now);
            if server.store().is_used(&used, now).await? {
                return Err(Reason::PushedRequestUsed.into());
            }
        }
        let grant = GrantId::generate(server.clock().milliseconds());
        Ok(Self {
            pending: self.pending.again(grant),
            client: self.client,
        })
    }

    /// Whose wish it is that the user of `view` makes a passkey now; `None` where nobody's is. The rule is asked again: a page that was
    /// shown proves nothing.
    fn wishes_passkey(&self, exchange: &Exchange<'_>, view: &SessionView) -> Option<Wish> {
        match self.next(exchange, Some(&view.person)).ok()? {
            Next::Enrol(ways) => ways
                .contains(Offer::Passkey)
                .then_some(Wish::Demanded(ways)),
            next => {
                let offers = self.offers(exchange, view, &next);
                offers.contains(Offer::Passkey).then_some(Wish::Offered)
            }
        }
    }

    /// The page that has the browser make a passkey for `person`, on the way to the client.
    pub(crate) async fn new_passkey_page(
        &self,
        exchange: &Exchange<'_>,
        person: &SignedInUser,
        wish: &Wish,
        problem: Option<AddPasskeyProblem>,
    ) -> Result<Response, Failure> {
        let server = exchange.server;
        let Some(party) = server.settings().relying_party() else {
            return self.continue_at_authorize(exchange);
        };
        let new = new_passkey::begin(exchange, &party, person).await?;
        let is_demanded = matches!(wish, Wish::Demanded(_));
        let html = exchange.pages().new_passkey(&NewPasskeyPage {
            client_name: self.client.name_in(exchange.language()),
            client_host: &host_of(self.pending.request.redirect_uri()),
            demanded_of: is_demanded.then_some(&person.username),
            not_now_action: (!is_demanded).then_some(&server.path(OFFER)),
            use_another_account_action: is_demanded.then_some(&server.path("/login/switch")),
            pending: &exchange.sealed(&self.pending)?,
            page: AddPasskeyPage {
                action: &server.path(ADD_OFFERED_PASSKEY),
                ceremony: &new.ceremony,
                options: &new.options,
                problem,
            },
        });
        let status = match problem {
            Some(_) => StatusCode::BAD_REQUEST,
            None => StatusCode::OK,
        };
        Ok(respond::page(status, html))
    }
}

async fn sign_in(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    address: IpAddr,
    party: &RelyingParty,
) -> Result<Response, Failure> {
    let Step {
        exchange,
        browser,
        journey,
        parameters,
    } = Step::take(server, reader, form).await?;
    match passkey::prove(&exchange, party, &browser, &parameters, address).await? {
        Attempt::Proved { session, cookies } => {
            let journey = Journey {
                pending: journey.pending.proved(session, Factor::Passkey),
                client: journey.client,
            };
            let response = journey.continue_at_authorize(&exchange)?;
            Ok(cookies.into_iter().fold(response, with_cookie))
        }
        Attempt::Refused { unknown, cause } => {
            let of = (&journey.client.id, journey.pending.grant);
            exchange.sign_in_failed(&cause.of(None, of));
            asked_again(&exchange, &browser, &journey, Problem::Refused(unknown)).await
        }
        Attempt::Throttled { seconds, cause } => {
            let of = (&journey.client.id, journey.pending.grant);
            exchange.sign_in_failed(&cause.of(None, of));
            let minutes = seconds.div_ceil(60);
            asked_again(&exchange, &browser, &journey, Problem::Throttled(minutes)).await
        }
    }
}

enum Problem {
    Refused(Option<CredentialId>),
    Throttled(u32),
}

/// The page that is due, with what was wrong: that which asks for a second factor, or the sign-in page.
async fn asked_again(
    exchange: &Exchange<'_>,
    browser: &Browser,
    journey: &Journey,
    problem: Problem,
) -> Result<Response, Failure> {
    let view = browser.person(exchange, &journey.pending).await?;
    let person = view.map(|view| view.person);
    let (minutes, unknown) = match problem {
        Problem::Refused(unknown) => (None, unknown),
        Problem::Throttled(minutes) => (Some(minutes), None),
    };
    let status = match minutes {
        Some(_) => respond::status(Reason::TooManyAttempts),
        None => StatusCode::BAD_REQUEST,
    };
    let mut page = match (journey.next(exchange, person.as_ref()), &person) {
        (Ok(Next::SecondFactor(level)), Some(person)) => {
            let problem = minutes.map_or(CodeProblem::Passkey, |minutes| CodeProblem::Throttled {
                minutes,
            });
            let page = journey.second_factor_page(exchange, person, level, Some(problem));
            page.await?
        }
        (next, person) => {
            let again = matches!(next, Ok(Next::Reauthenticate));
            let problem = minutes.map_or(SignInProblem::Passkey, |minutes| {
                SignInProblem::Throttled { minutes }
            });
            let sign_in = SignIn {
                again_as: person.as_ref().filter(|_| again),
                problem: Some(problem),
                unknown_passkey: unknown,
                ..SignIn::default()
            };
            journey.sign_in_page(exchange, sign_in).await?
        }
    };
    *page.status_mut() = status;
    Ok(match minutes {
        Some(minutes) => respond::try_later(page, Reason::TooManyAttempts, minutes * 60),
        None => page,
    })
}
