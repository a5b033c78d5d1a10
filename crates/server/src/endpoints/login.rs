//! `POST /login`: a name and a password make a session. Wrong, unknown and locked look the same and take the same time.

use std::net::IpAddr;

use axum::{extract::State, response::Response};
use http::StatusCode;
use safeconduct_protocol::{
    authentication::Factor, authorization::Next, error::Reason, ids::UserId,
    parameters::Parameters, secret::Secret,
};
use safeconduct_store::Credential;

use crate::{
    browser::{self, Browser},
    client_address::RequestAddress,
    failed_sign_ins::Cause,
    fault::Failure,
    form::PostedForm,
    journey::{Journey, SignIn, Step},
    pages::SignInProblem,
    password::{Requester, Verdict},
    reader::Reader,
    respond::{self, with_cookie},
    server::{Exchange, Server},
    sign_in::{self, Proven},
    throttle::KnownBrowser,
    way_back,
};

/// The longest user name that is looked up, in bytes.
const LONGEST_USERNAME: usize = 256;

/// `POST /login`.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    RequestAddress(address): RequestAddress,
    form: PostedForm,
) -> Response {
    let answer = sign_in(&server, reader, &form, address).await;
    way_back::person(&server, &form, answer, reader).await
}

/// `POST /login/switch`: the login form for somebody else than who is signed in.
pub(crate) async fn switch(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = ask_for_another(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

/// `POST /login/continue`: the account that is signed in was chosen.
pub(crate) async fn continue_as(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = continue_with_account(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

async fn ask_for_another(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
) -> Result<Response, Failure> {
    let Step {
        exchange, journey, ..
    } = Step::take(server, reader, form).await?;
    journey.sign_in_page(&exchange, SignIn::default()).await
}

async fn continue_with_account(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
) -> Result<Response, Failure> {
    let Step {
        exchange,
        browser,
        journey,
        ..
    } = Step::take(server, reader, form).await?;
    let view = browser.person(&exchange, &journey.pending).await?;
    let person = view.map(|view| view.person);
    let (client, subjects) = (journey.client, exchange.catalog.keys.subjects());
    let pending = match &person {
        Some(person) => journey.pending.chosen(&client, person, subjects)?,
        None => journey.pending,
    };
    Journey { pending, client }.continue_at_authorize(&exchange)
}

async fn sign_in(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    address: IpAddr,
) -> Result<Response, Failure> {
    let Step {
        exchange,
        browser,
        mut journey,
        parameters,
    } = Step::take(server, reader, form).await?;
    journey.pending.makes_passkeys = parameters.one("makes_passkeys")? == Some("yes");
    let username = parameters.one("username")?.unwrap_or("").trim();
    let guesser = Guesser {
        requester: server.throttle().requester(username, address),
        browser: server.throttle().known_browser(browser.known()),
        address,
    };
    match authenticate(&exchange, username, &parameters, &guesser).await? {
        Attempt::Proven(credential, known) => {
            let throttle = server.throttle();
            let is_new = throttle.is_new(username, &guesser.browser, exchange.now);
            let response = begin_session(&exchange, journey, &browser, &credential, is_new).await?;
            let issuer = &server.settings().issuer;
            Ok(match known {
                Some(known) => with_cookie(response, browser::know(issuer, &known)),
                None => response,
            })
        }
        Attempt::Failed(problem, cause) => {
            if let Some(cause) = cause {
                let of = (&journey.client.id, journey.pending.grant);
                exchange.sign_in_failed(&cause.of(Some(username), of));
            }
            show_problem(&exchange, &journey, &browser, username, problem).await
        }
    }
}

/// Who guesses, as far as that is known.
struct Guesser {
    requester: Requester,
    browser: KnownBrowser,
    address: IpAddr,
}

enum Attempt {
    /// The account, and by what the throttle knows the browser from now on.
    Proven(Credential, Option<Secret>),
    /// What the page says; and why it was, where something was tried.
    Failed(SignInProblem, Option<Cause>),
}

impl Attempt {
    fn incomplete(problem: SignInProblem) -> Self {
        Self::Failed(problem, None)
    }

    fn failed(problem: SignInProblem, reason: &'static str, user: Option<&UserId>) -> Self {
        Self::Failed(problem, Some(Cause::new(reason, user)))
    }
}

async fn authenticate(
    exchange: &Exchange<'_>,
    username: &str,
    parameters: &Parameters,
    guesser: &Guesser,
) -> Result<Attempt, Failure> {
    let password = match (username, parameters.one("password")?) {
        ("", None) => return Ok(Attempt::incomplete(SignInProblem::MissingBoth)),
        ("", Some(_)) => return Ok(Attempt::incomplete(SignInProblem::MissingUsername)),
        (_, None) => return Ok(Attempt::incomplete(SignInProblem::MissingPassword)),
        (_, Some(password)) => Secret::new(password),
    };
    let server = exchange.server;
    let Guesser {
        requester,
        browser,
        address,
    } = guesser;
    let permit =
        server
            .throttle()
            .permit(server.store(), username, *address, browser, exchange.now);
    let permit = match permit.await? {
        Ok(permit) => permit,
        Err(wait) => {
            server.telemetry().rate_limited(wait.limit.as_str());
            server.telemetry().login_attempt("password", "throttled");
            let minutes = wait.seconds.div_ceil(60);
            let problem = SignInProblem::Throttled { minutes };
            return Ok(Attempt::failed(problem, wait.limit.reason(), None));
        }
    };
    let (found, stored) = match look_up(exchange, username).await {
        Ok(found) => found,
        Err(failure) => {
            permit.not_tried();
            return Err(failure);
        }
    };
    let verified = server
        .passwords()
        .verify(*requester, password.clone(), stored.as_deref());
    let Ok(verdict) = verified.await else {
        permit.not_tried();
        server.telemetry().rate_limited("password_queue");
        server.telemetry().login_attempt("password", "busy");
        let user = found.as_ref().map(|found| &found.user);
        return Ok(Attempt::failed(SignInProblem::Busy, "busy", user));
    };
    match (verdict, found) {
        (Verdict::Right { needs_rehash }, Some(credential)) if !credential.locked => {
            let known = permit.succeeded(browser);
            server.telemetry().login_attempt("password", "success");
            if needs_rehash {
                rehash(exchange, *requester, &credential, password).await;
            }
            Ok(Attempt::Proven(credential, known))
        }
        (verdict, found) => {
            permit.failed();
            server.telemetry().login_attempt("password", "failure");
            let reason = match (&verdict, &found) {
                (_, None) => "unknown-name",
                (Verdict::Right { .. }, Some(_)) => "locked",
                (_, Some(credential)) if credential.sealed_password.is_none() => "no-password",
                (_, Some(_)) => "wrong-password",
            };
            let (problem, user) = (
                SignInProblem::WrongCredentials,
                found.map(|found| found.user),
            );
            Ok(Attempt::failed(problem, reason, user.as_ref()))
        }
    }
}

/// The account of that name and the hash of its password, where there are such.
async fn look_up(
    exchange: &Exchange<'_>,
    username: &str,
) -> Result<(Option<Credential>, Option<String>), Failure> {
    if username.len() > LONGEST_USERNAME {
        return Ok((None, None));
    }
    let found = exchange.server.store().credential(username).await?;
    let sealed = found.as_ref().and_then(|credential| {
        let sealed = credential.sealed_password.as_deref()?;
        Some((&credential.user, sealed))
    });
    let stored = match sealed {
        Some((user, sealed)) => Some(exchange.catalog.keys.open_password(user, sealed)?),
        None => None,
    };
    Ok((found, stored))
}

/// Replaces a hash that is cheaper than today's. Failing to is no reason to turn the user away; the next sign-in tries again.
async fn rehash(
    exchange: &Exchange<'_>,
    requester: Requester,
    credential: &Credential,
    password: Secret,
) {
    let (Some(old), Ok(hash)) = (
        &credential.sealed_password,
        exchange
            .server
            .passwords()
            .hash_for(requester, password)
            .await,
    ) else {
        return;
    };
    let Ok(sealed) = exchange.catalog.keys.seal_password(&credential.user, &hash) else {
        return;
    };
    if let Err(error) = exchange
        .server
        .store()
        .refresh_password_hash(&credential.user, old, &sealed)
        .await
    {
        tracing::warn!(%error, "a password hash could not be renewed");
    }
}

async fn begin_session(
    exchange: &Exchange<'_>,
    journey: Journey,
    browser: &Browser,
    credential: &Credential,
    is_new: bool,
) -> Result<Response, Failure> {
    let store = exchange.store_of_person(&credential.user);
    let proven = Proven {
        user: &credential.user,
        epoch: credential.epoch,
        factor: Factor::Password,
        notice: sign_in::notice_of_device(exchange, &credential.user, is_new).await?,
    };
    let old = browser.session(exchange).await?;
    let ways = sign_in::begin(exchange, old.as_ref(), browser, &proven);
    for begun in ways {
        if store.sign_in(&begun.session, exchange.now).await? {
            tracing::info!(grant_id = %journey.pending.grant, sub = %credential.user, "signed in");
            let journey = Journey {
                pending: (journey.pending).proved(begun.id().clone(), Factor::Password),
                client: journey.client,
            };
            let response = journey.continue_at_authorize(exchange)?;
            return Ok(with_cookie(response, begun.cookie(exchange)));
        }
    }
    // Locked, or the password changed, between the check and this write.
    let cause = Cause::new("changed-meanwhile", Some(&credential.user));
    exchange.sign_in_failed(&cause.of(None, (&journey.client.id, journey.pending.grant)));
    let (name, problem) = (&credential.username, SignInProblem::WrongCredentials);
    show_problem(exchange, &journey, browser, name, problem).await
}

/// The login page again, with what was wrong.
async fn show_problem(
    exchange: &Exchange<'_>,
    journey: &Journey,
    browser: &Browser,
    username: &str,
    problem: SignInProblem,
) -> Result<Response, Failure> {
    let wait = match problem {
        SignInProblem::Throttled { minutes } => Some((Reason::TooManyAttempts, minutes * 60)),
        SignInProblem::Busy => Some((Reason::Overloaded, 2)),
        _ => None,
    };
    let view = browser.person(exchange, &journey.pending).await?;
    let person = view.map(|view| view.person);
    let again = matches!(
        journey.next(exchange, person.as_ref()),
        Ok(Next::Reauthenticate)
    );
    let shown: String = username.chars().take(LONGEST_USERNAME).collect();
    let sign_in = SignIn {
        status: StatusCode::BAD_REQUEST,
        username: &shown,
        again_as: (person.as_ref()).filter(|person| again && person.username == username),
        problem: Some(problem),
        unknown_passkey: None,
    };
    let form = journey.sign_in_page(exchange, sign_in).await?;
    Ok(match wait {
        Some((reason, seconds)) => respond::try_later(form, reason, seconds),
        None => form,
    })
}
