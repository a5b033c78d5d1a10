//! What a link to sign up leads to: whoever reads mail at its address chooses a name, and a password or a passkey, and has an account by that.
//! Before the form is posted there is none, whoever opens the link and however often. The write behind the form says who was first.
//!
//! Who chooses a passkey is asked for the name first, so that no authenticator keeps one for a name that is somebody else's; and signs in with it
//! afterwards, because making it proves nothing.

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
    journey::{Journey, SignIn},
    new_passkey,
    new_password::{self, Owner},
    pages::{
        AddPasskeyPage, AddPasskeyProblem, NewAccountPage, NewAccountPasskeyPage,
        NewPasswordProblem, UsernameProblem,
    },
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

/// The form of that page: the account is created.
pub(crate) async fn create(
    exchange: &Exchange<'_>,
    form: &PostedForm,
    parameters: &Parameters,
    link: (&str, &Link),
    from: IpAddr,
) -> Result<Response, Failure> {
    let address = judged(exchange, link.1).await?;
    let typed = |name| Ok::<_, Refusal>(parameters.one(name)?.unwrap_or_default().trim());
    let signing_up = SigningUp {
        exchange,
        form,
        link,
        address,
        chosen: Chosen {
            username: typed("username")?,
            name: typed("name")?,
        },
        from,
    };
    let chosen = &signing_up.chosen;
    let problems = Problems {
        username: unfit(exchange, chosen.username, address),
        is_name_unfit: !can_be_a_name(chosen.name),
        password: None,
    };
    if problems.username.is_some() || problems.is_name_unfit {
        return Ok(signing_up.again(problems));
    }
    match Way::read(parameters)? {
        Way::Password => signing_up.with_password(parameters).await,
        Way::Passkey => signing_up.with_passkey(parameters).await,
        Way::PasswordAfterAll => Ok(signing_up.page(Problems::default())),
    }
}

/// What the question whether a name is free costs who asks it.
#[derive(Clone, Copy)]
enum Question {
    /// The link, where it is: an account is created then.
    UsesLink,
    /// Nothing, so that it is counted whatever the answer is.
    UsesNothing,
}

/// By what whoever signs up wants to sign in.
enum Way {
    Password,
    /// With one that is not typed yet.
    PasswordAfterAll,
    Passkey,
}

impl Way {
    fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        if parameters.one("credential")?.is_some() {
            return Ok(Self::Passkey);
        }
        Ok(match parameters.one("way")? {
            Some("passkey") => Self::Passkey,
            Some("password") => Self::PasswordAfterAll,
            _ => Self::Password,
        })
    }
}

/// Somebody who signs up, by a link that is good.
struct SigningUp<'a> {
    exchange: &'a Exchange<'a>,
    form: &'a PostedForm,
    link: (&'a str, &'a Link),
    address: &'a MailAddress,
    chosen: Chosen<'a>,
    from: IpAddr,
}

impl SigningUp<'_> {
    /// Creates the account with the password in `parameters`, and signs its user in.
    async fn with_password(&self, parameters: &Parameters) -> Result<Response, Failure> {
        let (exchange, link, username) = (self.exchange, self.link.1, self.chosen.username);
        let claims = claims(self.address, self.chosen.name)?;
        let requester = (exchange.server.throttle()).requester(username, self.from);
        let owner = Owner {
            user: link.user(),
            username,
            claims: &claims,
        };
        let accepted = match new_password::judged(exchange, &owner, parameters)? {
            Ok(accepted) => accepted,
            Err(problem) => return Ok(self.of_password(problem)),
        };
        // Only now: whoever asks which names are free uses the link up by the first that is.
        if let Some(problem) = self.taken(Question::UsesLink).await? {
            return Ok(self.of_username(problem));
        }
        let password = match new_password::hashed(exchange, &owner, requester, &accepted).await? {
            Ok(password) => password,
            Err(problem) => return Ok(self.of_password(problem)),
        };
        let user = new_user(link, username, claims, Some(password));
        let store = exchange.store_of_person(link.user());
        match store.sign_up(link, &user, None, exchange.now).await? {
            SignedUp::Done { epoch } => {
                tracing::info!(sub = %link.user(), purpose = link.purpose().name(), "an account was created by a link");
                let makes_passkeys = parameters.one("makes_passkeys")? == Some("yes");
                let created = Created {
                    link,
                    username,
                    epoch,
                    makes_passkeys,
                };
                created.lead_on(exchange, self.form).await
            }
            SignedUp::NameTaken | SignedUp::PasskeyRefused => {
                Ok(self.of_username(UsernameProblem::Taken))
            }
            SignedUp::Over(state) => Err(no_longer_good(state).into()),
        }
    }

    /// Creates the account with the passkey in `parameters`, or shows the page that makes one.
    async fn with_passkey(&self, parameters: &Parameters) -> Result<Response, Failure> {
        let (exchange, link, username) = (self.exchange, self.link.1, self.chosen.username);
        if parameters.one("credential")?.is_none() {
            return match self.taken(Question::UsesNothing).await? {
                Some(problem) => Ok(self.of_username(problem)),
                None => self.passkey_page(None).await,
            };
        }
        let made = match new_passkey::made_to_sign_up(exchange, link, parameters)? {
            Ok(made) => made,
            Err(problem) => return self.passkey_page(Some(problem)).await,
        };
        if let Some(problem) = self.taken(Question::UsesLink).await? {
            return Ok(self.of_username(problem));
        }
        let user = new_user(
            link,
            username,
            claims(self.address, self.chosen.name)?,
            None,
        );
        let issuer = &exchange.server.settings().issuer;
        let browser = Browser::read(issuer, self.form.headers());
        let old = browser.session(exchange).await?;
        let passkey = made.row(old.as_ref().map(|old| &old.person));
        let store = exchange.store_of_person(link.user());
        match store
            .sign_up(link, &user, Some(&passkey), exchange.now)
            .await?
        {
            SignedUp::Done { .. } => {
                tracing::info!(sub = %link.user(), purpose = link.purpose().name(), "an account was created by a link, with a passkey");
                let response = match sign_up::under_way(exchange, &browser, link) {
                    // Not the page that is due: who asked to create an account has one now.
                    Some(journey) => journey.sign_in_page(exchange, SignIn::default()).await?,
                    None => lead_to_account(exchange),
                };
                let response = with_cookie(response, browser::sign_out(issuer));
                Ok(known_from_now_on(exchange, &browser, username, response))
            }
            SignedUp::NameTaken => Ok(self.of_username(UsernameProblem::Taken)),
            SignedUp::PasskeyRefused => self.passkey_page(Some(AddPasskeyProblem::Over)).await,
            SignedUp::Over(state) => Err(no_longer_good(state).into()),
        }
    }

    /// What is wrong with the name where somebody has it already. Who asks for names waits, by the link and by the network.
    async fn taken(&self, question: Question) -> Result<Option<UsernameProblem>, Failure> {
        let (server, now) = (self.exchange.server, self.exchange.now);
        let (store, throttle, user) = (server.store(), server.throttle(), self.link.1.user());
        let permit = throttle.permit_question(store, user.as_str(), self.from, now);
        let permit = match permit.await? {
            Ok(permit) => permit,
            Err(wait) => {
                server.telemetry().rate_limited(wait.limit.as_str());
                let minutes = wait.seconds.div_ceil(60);
                return Ok(Some(UsernameProblem::Throttled { minutes }));
            }
        };
        let owner = store.user_by_name(self.chosen.username).await?;
        match (owner.is_some(), question) {
            (false, Question::UsesLink) => permit.not_tried(),
            (true, _) | (false, Question::UsesNothing) => permit.failed(),
        }
        Ok(owner.map(|_| UsernameProblem::Taken))
    }

    /// The page that makes a passkey; where there are none, the form again.
    async fn passkey_page(&self, problem: Option<AddPasskeyProblem>) -> Result<Response, Failure> {
        let (exchange, (text, link), chosen) = (self.exchange, self.link, &self.chosen);
        let server = exchange.server;
        let new = new_passkey::begin_to_sign_up(exchange, link, chosen.username).await?;
        let Some(new) = new else {
            return Ok(self.page(Problems::default()));
        };
        let action = server.path(LINK);
        let html = exchange
            .pages()
            .new_account_passkey(&NewAccountPasskeyPage {
                address: self.address.as_str(),
                link: text,
                username: chosen.username,
                name: chosen.name,
                passkey: AddPasskeyPage {
                    action: &action,
                    ceremony: &new.ceremony,
                    options: &new.options,
                    problem,
                },
            });
        let status = problem.map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
        Ok(respond::page(status, html))
    }

    fn page(&self, problems: Problems) -> Response {
        page(
            self.exchange,
            self.link.0,
            self.address,
            &self.chosen,
            problems,
        )
    }

    /// The form again, with what was wrong.
    fn again(&self, problems: Problems) -> Response {
        let mut form = self.page(problems);
        if let Some(UsernameProblem::Throttled { minutes }) = problems.username {
            return respond::try_later(form, Reason::TooManyAttempts, minutes * 60);
        }
        if problems.password == Some(NewPasswordProblem::Busy) {
            return respond::try_later(form, Reason::Overloaded, 2);
        }
        *form.status_mut() = StatusCode::BAD_REQUEST;
        form
    }

    fn of_username(&self, problem: UsernameProblem) -> Response {
        self.again(Problems {
            username: Some(problem),
            ..Problems::default()
        })
    }

    fn of_password(&self, problem: NewPasswordProblem) -> Response {
        self.again(Problems {
            password: Some(problem),
            ..Problems::default()
        })
    }
}

/// What is wrong with a name, whoever has it, if anything.
fn unfit(
    exchange: &Exchange<'_>,
    username: &str,
    address: &MailAddress,
) -> Option<UsernameProblem> {
    if username.is_empty() {
        return Some(UsernameProblem::Missing);
    }
    let settings = exchange.server.settings();
    let ours = [settings.issuer.host(), &settings.product_name];
    match check_username(username).map(|()| check_chosen_name(username, address, &ours)) {
        Err(_) | Ok(Err(Misleading::Scripts)) => Some(UsernameProblem::Unfit),
        Ok(Err(Misleading::Address)) => Some(UsernameProblem::Address),
        Ok(Err(Misleading::Reserved)) => Some(UsernameProblem::Taken),
        Ok(Ok(())) => None,
    }
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

fn new_user(
    link: &Link,
    username: &str,
    claims: PersonClaims,
    sealed_password: Option<SealedPassword>,
) -> NewUser {
    NewUser {
        id: link.user().clone(),
        username: username.to_owned(),
        name: None,
        claims,
        sealed_password,
    }
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
        let mut response = lead_to_account(exchange);
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
        Ok(known_from_now_on(
            exchange,
            &browser,
            self.username,
            response,
        ))
    }
}

fn lead_to_account(exchange: &Exchange<'_>) -> Response {
    respond::lead_to(exchange.pages(), &exchange.server.path(ACCOUNT))
}

/// The browser forgets the link and what was under way, and is known to the account.
fn known_from_now_on(
    exchange: &Exchange<'_>,
    browser: &Browser,
    username: &str,
    response: Response,
) -> Response {
    let server = exchange.server;
    let (throttle, issuer) = (server.throttle(), &server.settings().issuer);
    let known = throttle.known_browser(browser.known());
    let known = throttle.know(username, &known, exchange.now);
    let cookies = [
        browser::forget_link(issuer),
        browser::forget_request(issuer),
    ]
    .into_iter()
    .chain(known.map(|known| browser::know(issuer, &known)));
    cookies.fold(response, with_cookie)
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
