//! What a link to sign up leads to: whoever reads mail at its address chooses a name and a password, and has an account by that. Before the
//! form is posted there is none, whoever opens the link and however often. The write behind the form says who was first.

use std::net::IpAddr;

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{
    authentication::Factor,
    claims::PersonClaims,
    error::{Reason, Refusal},
    link::Link,
    mail::MailAddress,
    parameters::Parameters,
    sign_up::{Misleading, check_chosen_name},
};
use safeconduct_store::{NewUser, SealedPassword, SignUpState, SignedUp};
use serde_json::Value;

use crate::{
    account::overview::can_be_a_name,
    addresses::{ACCOUNT, LINK},
    administration::users::check_username,
    browser::{self, Browser},
    endpoints::sign_up,
    fault::{Failure, Fault},
    form::PostedForm,
    journey::Journey,
    new_password::{self, Owner},
    pages::{NewAccountPage, NewPasswordProblem, UsernameProblem},
    respond::{self, with_cookie},
    server::Exchange,
    sign_in::{self, Proven},
};

/// What is shown again of what was typed, in characters.
const LONGEST_SHOWN: usize = 256;

/// The page of a link that may be used now.
pub(crate) async fn show(
    exchange: &Exchange<'_>,
    (text, link): (&str, &Link),
) -> Result<Response, Failure> {
    let address = judged(exchange, link).await?;
    Ok(page(
        exchange,
        text,
        address,
        &Chosen::default(),
        Problems::default(),
    ))
}

/// The address of a link that is good, as far as that can be told before it is used.
async fn judged<'l>(exchange: &Exchange<'_>, link: &'l Link) -> Result<&'l MailAddress, Failure> {
    let server = exchange.server;
    let address = server.settings().sign_up.allows(link)?;
    match server.store().sign_up_state(link.user(), address).await? {
        SignUpState::Open => Ok(address),
        over => Err(no_longer_good(over).into()),
    }
}

fn no_longer_good(state: SignUpState) -> Refusal {
    match state {
        SignUpState::AddressTaken => Reason::AddressTaken.into(),
        SignUpState::Open | SignUpState::Used => {
            Refusal::new(Reason::LinkUsed).because("an account was created by it")
        }
    }
}

/// What was typed.
#[derive(Clone, Copy, Default)]
struct Chosen<'a> {
    username: &'a str,
    name: &'a str,
}

/// What is wrong with it.
#[derive(Clone, Copy, Default)]
struct Problems {
    username: Option<UsernameProblem>,
    is_name_unfit: bool,
    password: Option<NewPasswordProblem>,
}

/// The form of that page: the account is created, and its user signed in.
pub(crate) async fn create(
    exchange: &Exchange<'_>,
    form: &PostedForm,
    parameters: &Parameters,
    (text, link): (&str, &Link),
    from: IpAddr,
) -> Result<Response, Failure> {
    let address = judged(exchange, link).await?;
    let typed = |name| Ok::<_, Refusal>(parameters.one(name)?.unwrap_or_default().trim());
    let chosen = Chosen {
        username: typed("username")?,
        name: typed("name")?,
    };
    let refused = |problems| again(exchange, text, address, &chosen, problems);
    let problems = Problems {
        username: unfit(chosen.username, address),
        is_name_unfit: !can_be_a_name(chosen.name),
        password: None,
    };
    if problems.username.is_some() || problems.is_name_unfit {
        return Ok(refused(problems));
    }
    let of_username = |problem| Problems {
        username: Some(problem),
        ..Problems::default()
    };
    let of_password = |problem| Problems {
        password: Some(problem),
        ..Problems::default()
    };
    let claims = claims(address, chosen.name)?;
    let requester = (exchange.server.throttle()).requester(chosen.username, from);
    let owner = Owner {
        user: link.user(),
        username: chosen.username,
        claims: &claims,
    };
    let accepted = match new_password::judged(exchange, &owner, parameters)? {
        Ok(accepted) => accepted,
        Err(problem) => return Ok(refused(of_password(problem))),
    };
    // Only now: whoever asks which names are free uses the link up by the first that is.
    if let Some(problem) = taken(exchange, link, chosen.username, from).await? {
        return Ok(refused(of_username(problem)));
    }
    let password = match new_password::hashed(exchange, &owner, requester, &accepted).await? {
        Ok(password) => password,
        Err(problem) => return Ok(refused(of_password(problem))),
    };
    match add(exchange, link, chosen.username, claims, password).await? {
        SignedUp::Done { epoch } => {
            tracing::info!(sub = %link.user(), purpose = link.purpose().name(), "an account was created by a link");
            let makes_passkeys = parameters.one("makes_passkeys")? == Some("yes");
            let created = Created {
                link,
                username: chosen.username,
                epoch,
                makes_passkeys,
            };
            created.lead_on(exchange, form).await
        }
        SignedUp::NameTaken => Ok(refused(of_username(UsernameProblem::Taken))),
        SignedUp::Over(state) => Err(no_longer_good(state).into()),
    }
}

/// What is wrong with a name, whoever has it, if anything.
fn unfit(username: &str, address: &MailAddress) -> Option<UsernameProblem> {
    if username.is_empty() {
        return Some(UsernameProblem::Missing);
    }
    match check_username(username).map(|()| check_chosen_name(username, address)) {
        Err(_) | Ok(Err(Misleading::Scripts)) => Some(UsernameProblem::Unfit),
        Ok(Err(Misleading::Address)) => Some(UsernameProblem::Address),
        Ok(Ok(())) => None,
    }
}

/// Whether somebody has a name already. Who asks for such names waits, by the link and by the network.
async fn taken(
    exchange: &Exchange<'_>,
    link: &Link,
    username: &str,
    from: IpAddr,
) -> Result<Option<UsernameProblem>, Failure> {
    let server = exchange.server;
    let (store, throttle) = (server.store(), server.throttle());
    let permit = throttle.permit_question(store, link.user().as_str(), from, exchange.now);
    let permit = match permit.await? {
        Ok(permit) => permit,
        Err(wait) => {
            server.telemetry().rate_limited(wait.limit.as_str());
            let minutes = wait.seconds.div_ceil(60);
            return Ok(Some(UsernameProblem::Throttled { minutes }));
        }
    };
    if store.user_by_name(username).await?.is_some() {
        permit.failed();
        return Ok(Some(UsernameProblem::Taken));
    }
    permit.not_tried();
    Ok(None)
}

/// What is known about who signs up: the address, which they have proved to read, and what they want to be called.
fn claims(address: &MailAddress, name: &str) -> Result<PersonClaims, Fault> {
    let mut claims = PersonClaims::default();
    let name = match name {
        "" => Value::Null,
        name => name.into(),
    };
    for (claim, value) in [
        ("email", address.as_str().into()),
        ("email_verified", true.into()),
        ("name", name),
    ] {
        let set = claims.set(claim, value);
        set.map_err(|error| Fault::new(format!("a claim of who signs up: {error}")))?;
    }
    Ok(claims)
}

async fn add(
    exchange: &Exchange<'_>,
    link: &Link,
    username: &str,
    claims: PersonClaims,
    password: SealedPassword,
) -> Result<SignedUp, Failure> {
    let user = NewUser {
        id: link.user().clone(),
        username: username.to_owned(),
        name: None,
        claims,
        sealed_password: Some(password),
    };
    let store = exchange.store_of_person(link.user());
    Ok(store.sign_up(link, &user, exchange.now).await?)
}

/// An account that has just been created.
struct Created<'a> {
    link: &'a Link,
    username: &'a str,
    epoch: i64,
    makes_passkeys: bool,
}

impl Created<'_> {
    /// Signs its user in by the password that they chose, and leads on: to what they were on the way to in this very browser, else to their
    /// account. Who has only the link of somebody else ends in no flow of theirs.
    async fn lead_on(
        &self,
        exchange: &Exchange<'_>,
        form: &PostedForm,
    ) -> Result<Response, Failure> {
        let server = exchange.server;
        let issuer = &server.settings().issuer;
        let browser = Browser::read(issuer, form.headers());
        let proven = Proven {
            user: self.link.user(),
            epoch: self.epoch,
            factor: Factor::Password,
            // Who created it knows of this browser.
            notice: None,
        };
        let old = browser.session(exchange).await?;
        let ways = sign_in::begin(exchange, old.as_ref(), &browser, &proven);
        let account = respond::lead_to(exchange.pages(), &server.path(ACCOUNT));
        let mut response = account;
        let store = exchange.store_of_person(self.link.user());
        for begun in ways {
            if store.sign_in(&begun.session, exchange.now).await? {
                if let Some(journey) = sign_up::under_way(exchange, &browser, self.link) {
                    let mut pending =
                        (journey.pending).proved(begun.id().clone(), Factor::Password);
                    pending.makes_passkeys = self.makes_passkeys;
                    let client = journey.client;
                    response = Journey { pending, client }.continue_at_authorize(exchange)?;
                }
                response = with_cookie(response, begun.cookie(exchange));
                break;
            }
        }
        let (throttle, now) = (server.throttle(), exchange.now);
        let known = throttle.known_browser(browser.known());
        let known = throttle.know(self.username, &known, now);
        let cookies = [
            browser::forget_link(issuer),
            browser::forget_request(issuer),
        ]
        .into_iter()
        .chain(known.map(|known| browser::know(issuer, &known)));
        Ok(cookies.fold(response, with_cookie))
    }
}

fn page(
    exchange: &Exchange<'_>,
    text: &str,
    address: &MailAddress,
    chosen: &Chosen<'_>,
    problems: Problems,
) -> Response {
    let server = exchange.server;
    let shown = |text: &str| text.chars().take(LONGEST_SHOWN).collect::<String>();
    let html = exchange.pages().new_account(&NewAccountPage {
        address: address.as_str(),
        action: &server.path(LINK),
        link: text,
        username: &shown(chosen.username),
        name: &shown(chosen.name),
        minimum: server.password_rule().minimum(),
        passkeys: server.settings().relying_party().is_some(),
        username_problem: problems.username,
        is_name_unfit: problems.is_name_unfit,
        password_problem: problems.password,
    });
    respond::page(StatusCode::OK, html)
}

/// The form again, with what was wrong.
fn again(
    exchange: &Exchange<'_>,
    text: &str,
    address: &MailAddress,
    chosen: &Chosen<'_>,
    problems: Problems,
) -> Response {
    let mut form = page(exchange, text, address, chosen, problems);
    if let Some(UsernameProblem::Throttled { minutes }) = problems.username {
        return respond::try_later(form, Reason::TooManyAttempts, minutes * 60);
    }
    if problems.password == Some(NewPasswordProblem::Busy) {
        return respond::try_later(form, Reason::Overloaded, 2);
    }
    *form.status_mut() = StatusCode::BAD_REQUEST;
    form
}
