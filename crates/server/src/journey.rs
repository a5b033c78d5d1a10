//! A user's way from the authorization request to the redirect back. Login and consent each return here, so that Back,
//! a second tab or a stale form ends in *continue* or in a proper refusal, never in a dead end.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{
    authentication::{Authentication, Level},
    authorization::{CheckedRequest, Next, Offers, PendingAuthorization, SignedInUser},
    client::Client,
    encoding,
    error::{Reason, Refusal},
    ids::GrantId,
    image::Image,
    language::Language,
    parameters::Parameters,
    passkey::CredentialId,
    pushed_request::PushedId,
    redirect_uri::{RedirectUri, host_of},
    scope::Scope,
    secret::Secret,
};
use safeconduct_store::SessionView;

use crate::{
    admission,
    browser::{self, Browser},
    correlation,
    fault::{Failure, Fault},
    form::{PENDING, PostedForm},
    pages::{
        CodeProblem, ConsentPage, ResourceLine, SecondFactorPage, SelectAccountPage, SignInPage,
        SignInProblem,
    },
    passkey,
    reader::Reader,
    respond::{self, Answered, ReturnPath, with_cookie},
    scope_words::lines,
    server::{Exchange, Server},
    way_back::WayBack,
};

/// How often a visit is written down, in seconds.
const VISIT_EVERY: i64 = 300;

/// A form of ours that came back: the request it carries, who brought it, and what else it says.
pub(crate) struct Step<'s> {
    pub(crate) exchange: Exchange<'s>,
    pub(crate) browser: Browser,
    pub(crate) journey: Journey,
    pub(crate) parameters: Parameters,
}

impl<'s> Step<'s> {
    /// Takes the next step of a journey from a form.
    ///
    /// # Errors
    /// `cross-site-form` unless a page of ours sent it, a form that can't be read, and those of [`Journey::resume`].
    pub(crate) async fn take(
        server: &'s Server,
        reader: Reader,
        form: &PostedForm,
    ) -> Result<Self, Failure> {
        let issuer = &server.settings().issuer;
        browser::own_form(issuer, form.headers())?;
        let parameters = form.parameters()?;
        let mut exchange = Exchange::with(server, reader).await?;
        let browser = Browser::read(issuer, form.headers());
        let sealed = parameters.required(PENDING, Reason::PendingRequestNotRecognised)?;
        let journey = Journey::resume(&exchange, sealed, &browser)?;
        exchange.wished(journey.pending.request.ui_locales());
        Ok(Self {
            exchange,
            browser,
            journey,
            parameters,
        })
    }
}

/// How the sign-in page is shown.
pub(crate) struct SignIn<'a> {
    pub(crate) status: StatusCode,
    /// What stands in the form already.
    pub(crate) username: &'a str,
    /// Whoever is signed in, where they have to prove it again.
    pub(crate) again_as: Option<&'a SignedInUser>,
    pub(crate) problem: Option<SignInProblem>,
    /// A passkey that this server does not know.
    pub(crate) unknown_passkey: Option<CredentialId>,
}

impl Default for SignIn<'_> {
    fn default() -> Self {
        Self {
            status: StatusCode::OK,
            username: "",
            again_as: None,
            problem: None,
            unknown_passkey: None,
        }
    }
}

/// Whose wish it is that an account is given a second factor.
pub(crate) enum Wish {
    /// The client, a group or the server demands it: one of these has to be added.
    Demanded(Offers),
    /// Its user was offered it, and may go on without.
    Offered,
}

/// A pending authorization that this browser may go on with, and its client.
pub(crate) struct Journey {
    pub(crate) pending: PendingAuthorization,
    pub(crate) client: Arc<Client>,
}

impl Journey {
    /// Opens what a form or our own redirect brought back. Client and redirect URI are looked at again: either may be gone by now.
    pub(crate) fn resume(
        exchange: &Exchange<'_>,
        sealed: &str,
        browser: &Browser,
    ) -> Result<Self, Refusal> {
        let pending: PendingAuthorization = exchange.open(sealed)?;
        pending.resume(browser.binding().map(|secret| secret.expose()))?;
        let request = &pending.request;
        let client = (exchange.catalog).client_at(request.client(), request.redirect_uri())?;
        correlation::is_of_client(&client.id);
        Ok(Self { pending, client })
    }

    /// From here on its pages are in `chosen`, if anything was chosen, whatever its client wished for.
    pub(crate) fn read_in(&mut self, chosen: Option<Language>) {
        if let Some(chosen) = chosen {
            self.pending.request = self.pending.request.clone().in_language(chosen);
        }
    }

    /// Begins with a request that is good, in `browser`: with the page that is due, or the answer.
    pub(crate) async fn begin(
        exchange: &Exchange<'_>,
        browser: &Browser,
        request: CheckedRequest,
        client: Arc<Client>,
        pushed: Option<PushedId>,
    ) -> Result<Response, Failure> {
        let (binding, is_new) = match browser.binding() {
            Some(binding) => (binding.clone(), false),
            None => (Secret::generate(), true),
        };
        let pending = PendingAuthorization {
            pushed,
            ..arrived(exchange, request, &binding)
        };
        let journey = Self { pending, client };
        let response = journey.next_page(exchange, browser).await?;
        // An answer that goes straight back needs no binding: nothing is left here that another browser could take over.
        let comes_back = response.extensions().get::<Answered>().is_none();
        Ok(if is_new && comes_back {
            let issuer = &exchange.server.settings().issuer;
            with_cookie(response, browser::bind(issuer, &binding))
        } else {
            response
        })
    }

    /// Continues a request that came back: unless its code was redeemed by now, with the next page.
    pub(crate) async fn continue_request(
        self,
        exchange: &Exchange<'_>,
        browser: &Browser,
    ) -> Result<Response, Failure> {
        if exchange
            .server
            .store()
            .grant(self.pending.grant)
            .await?
            .is_some()
        {
            return Ok(self.already_answered(exchange));
        }
        self.next_page(exchange, browser).await
    }

    /// Shows the page that is due, or answers the client.
    pub(crate) async fn next_page(
        self,
        exchange: &Exchange<'_>,
        browser: &Browser,
    ) -> Result<Response, Failure> {
        let view = browser.person(exchange, &self.pending).await?;
        if let Some(view) = &view {
            note_visit(exchange, view).await?;
        }
        let person = view.as_ref().map(|view| &view.person);
        let next = match self.next(exchange, person) {
            Ok(next) => next,
            Err(refusal) => return self.refuse_user(exchange, person, refusal),
        };
        if let Some(view) = &view {
            let offers = self.offers(exchange, view, &next);
            if !offers.is_empty() {
                return self.offer_page(exchange, &view.person, &offers);
            }
        }
        match (next, view.map(|view| view.person)) {
            (Next::Issue(authentication), Some(person)) => {
                self.issue(exchange, &person, authentication).await
            }
            (Next::Consent { new, already }, Some(person)) => {
                self.consent_page(exchange, &person, &new, &already)
            }
            (Next::Reauthenticate, Some(person)) => {
                let sign_in = SignIn {
                    again_as: Some(&person),
                    ..SignIn::default()
                };
                self.sign_in_page(exchange, sign_in).await
            }
            (Next::SecondFactor(level), Some(person)) => {
                self.second_factor_page(exchange, &person, level, None)
                    .await
            }
            (Next::Enrol(ways), Some(person)) => {
                let wish = Wish::Demanded(ways);
                self.begin_enrolment(exchange, &person, &wish).await
            }
            (Next::SelectAccount, Some(person)) => self.select_account_page(exchange, &person),
            (Next::SignUp, _) if exchange.server.settings().people_sign_up() => {
                self.sign_up_page(exchange)
            }
            (_, _) => {
                let sign_in = SignIn {
                    username: self.pending.request.login_hint().unwrap_or_default(),
                    ..SignIn::default()
                };
                self.sign_in_page(exchange, sign_in).await
            }
        }
    }

    /// What has to happen next for `person`.
    pub(crate) fn next(
        &self,
        exchange: &Exchange<'_>,
        person: Option<&SignedInUser>,
    ) -> Result<Next, Refusal> {
        let subjects = exchange.catalog.keys.subjects();
        self.pending.next(&self.client, person, subjects)
    }

    /// Sends the code to the client (RFC 6749 §4.1.2, RFC 9207).
    ///
    /// # Errors
    /// `pushed-request-used` if another code was issued from the same pushed request: this write decides (RFC 9126 §7.3).
    pub(crate) async fn issue(
        &self,
        exchange: &Exchange<'_>,
        person: &SignedInUser,
        authentication: Authentication,
    ) -> Result<Response, Failure> {
        if self.client.id == exchange.catalog.account.id {
            let page = self.pending.request.redirect_uri();
            return Ok(respond::lead_to(exchange.pages(), page));
        }
        if let Some(pushed) = &self.pending.pushed {
            let pending = exchange.server.settings().lifetimes.pending;
            let used = [pushed.used(&self.client.id, pending, exchange.now)];
            exchange.server.store().use_ids(&used, exchange.now).await?;
        }
        let code = self.pending.issue(person, authentication, exchange.now);
        let sealed = exchange.sealed(&code)?;
        tracing::info!(grant_id = %self.pending.grant, client_id = %self.client.id, sub = %person.user, "issued a code");
        exchange.server.telemetry().authorize("issued");
        let parameters = [("code", sealed.as_str())];
        Ok(respond::to_client(
            exchange,
            self.return_path(exchange),
            &parameters,
        ))
    }

    /// Tells the client no.
    ///
    /// # Errors
    /// `failure`, where the client is our own account pages: they would ask again, and be told the same.
    pub(crate) fn refuse(
        &self,
        exchange: &Exchange<'_>,
        failure: Failure,
    ) -> Result<Response, Failure> {
        if self.client.id == exchange.catalog.account.id {
            return Err(failure);
        }
        let path = self.return_path(exchange);
        Ok(respond::refusal_to_client(exchange, failure, path))
    }

    /// Answers `refusal`, which came of what is due for `person`: by a page where the account that is signed in may not use the client, and
    /// the client does not want to be told; else at the client.
    ///
    /// # Errors
    /// As for [`refuse`](Self::refuse).
    pub(crate) fn refuse_user(
        &self,
        exchange: &Exchange<'_>,
        person: Option<&SignedInUser>,
        refusal: Refusal,
    ) -> Result<Response, Failure> {
        let person = person.filter(|_| refusal.reason() == Reason::UserNotAdmitted);
        match person.filter(|_| self.pending.tells_user(&self.client)) {
            Some(person) => {
                admission::page(exchange, (&self.client, &self.pending), person, refusal)
            }
            None => self.refuse(exchange, refusal.into()),
        }
    }

    fn return_path(&self, exchange: &Exchange<'_>) -> ReturnPath<'_> {
        let request = &self.pending.request;
        ReturnPath {
            client_name: self.client.name_in(exchange.language()),
            redirect_uri: request.redirect_uri(),
            mode: request.response_mode(),
            state: request.state(),
        }
    }

    /// Our own redirect back to `/authorize`, after a form.
    pub(crate) fn continue_at_authorize(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<Response, Failure> {
        let url = self.authorize_url(exchange)?;
        Ok(respond::lead_to(exchange.pages(), &url))
    }

    pub(crate) fn authorize_url(&self, exchange: &Exchange<'_>) -> Result<String, Fault> {
        let sealed = exchange.sealed(&self.pending)?;
        let authorize = exchange.server.path("/authorize");
        Ok(format!("{authorize}?{PENDING}={sealed}"))
    }

    /// The forms that ask for name and password, or for a passkey.
    pub(crate) async fn sign_in_page(
        &self,
        exchange: &Exchange<'_>,
        sign_in: SignIn<'_>,
    ) -> Result<Response, Failure> {
        let server = exchange.server;
        let switch = server.path("/login/switch");
        let mut passkey = match sign_in.again_as {
            Some(person) => passkey::of(exchange, person).await?,
            None => passkey::of_anybody(exchange, &self.pending)?,
        };
        if let Some(prompt) = &mut passkey {
            prompt.unknown = sign_in.unknown_passkey.map(|id| id.to_string());
            // One that was not taken is not offered again by itself.
            prompt.conditional &= sign_in.problem != Some(SignInProblem::Passkey);
        }
        let html = exchange.pages().sign_in(&SignInPage {
            client_name: self.client.name_in(exchange.language()),
            client_host: &host_of(self.pending.request.redirect_uri()),
            action: &server.path("/login"),
            pending: &exchange.sealed(&self.pending)?,
            username: sign_in.username,
            problem: sign_in.problem,
            reauthenticate: sign_in.again_as.map(|person| person.username.as_str()),
            use_another_account_action: sign_in.again_as.map(|_| switch.as_str()),
            recover_url: server.recover_url().as_deref(),
            sign_up_action: (sign_in.again_as.is_none())
                .then(|| server.sign_up_action())
                .flatten()
                .as_deref(),
            notice: server.settings().sign_in_notice.as_ref(),
            passkey: passkey.as_ref(),
        });
        Ok(respond::page(sign_in.status, html))
    }

    /// Whether a code of an authenticator app, or a recovery code in its place, is what `person` can prove `level` by.
    pub(crate) fn asks_for_code(&self, person: &SignedInUser, level: Level) -> bool {
        person.enrolled.otp && level <= Level::MultiFactor
    }

    /// Whether a recovery code may stand in for what is not at hand.
    pub(crate) fn takes_recovery_codes(&self) -> bool {
        !self.pending.request.changes_account()
    }

    /// The forms that ask for what `person` can prove `level` by: a passkey, a code, a recovery code. The client is told where nothing is.
    pub(crate) async fn second_factor_page(
        &self,
        exchange: &Exchange<'_>,
        person: &SignedInUser,
        level: Level,
        problem: Option<CodeProblem>,
    ) -> Result<Response, Failure> {
        let server = exchange.server;
        let passkey = passkey::of(exchange, person).await?;
        let code = self.asks_for_code(person, level);
        if passkey.is_none() && !code {
            return self.refuse(exchange, Reason::AcrUnmet.into());
        }
        let html = exchange.pages().second_factor(&SecondFactorPage {
            client_name: self.client.name_in(exchange.language()),
            client_host: &host_of(self.pending.request.redirect_uri()),
            account: &person.username,
            action: &server.path("/login/second-factor"),
            use_another_account_action: &server.path("/login/switch"),
            pending: &exchange.sealed(&self.pending)?,
            code,
            recovery_codes: code && person.enrolled.recovery_codes && self.takes_recovery_codes(),
            passkey: passkey.as_ref(),
            problem,
        });
        Ok(respond::page(StatusCode::OK, html))
    }

    /// The question which account to go on with.
    fn select_account_page(
        &self,
        exchange: &Exchange<'_>,
        person: &SignedInUser,
    ) -> Result<Response, Failure> {
        let server = exchange.server;
        let offered = self.pending.clone().offered(person);
        let html = exchange.pages().select_account(&SelectAccountPage {
            client_name: self.client.name_in(exchange.language()),
            client_host: &host_of(self.pending.request.redirect_uri()),
            account: &person.username,
            continue_action: &server.path("/login/continue"),
            use_another_account_action: &server.path("/login/switch"),
            pending: &exchange.sealed(&offered)?,
        });
        Ok(respond::page(StatusCode::OK, html))
    }

    fn consent_page(
        &self,
        exchange: &Exchange<'_>,
        person: &SignedInUser,
        new: &Scope,
        already: &Scope,
    ) -> Result<Response, Failure> {
        let server = exchange.server;
        let request = &self.pending.request;
        let asked = self.pending.clone().asked(person);
        let resource_name = exchange
            .catalog
            .resource_name(request.audience(), exchange.language());
        let on_device =
            RedirectUri::register(request.redirect_uri()).is_ok_and(|uri| uri.stays_on_device());
        let about = &self.client.about;
        let html = exchange.pages().consent(&ConsentPage {
            client_name: self.client.name_in(exchange.language()),
            client_host: &host_of(request.redirect_uri()),
            logo: about.logo_uri.as_ref().map(Image::to_data_url).as_deref(),
            policy_uri: about.policy_uri.as_deref(),
            tos_uri: about.tos_uri.as_deref(),
            loopback: on_device && self.client.is_public(),
            account: &person.username,
            action: &server.path("/consent"),
            use_another_account_action: &server.path("/login/switch"),
            pending: &exchange.sealed(&asked)?,
            resource: resource_name.as_deref().map(|name| ResourceLine {
                name,
                uri: request.audience(),
            }),
            scopes: &lines(exchange, new, !already.is_empty()),
            already_allowed: &lines(exchange, already, false),
        });
        Ok(respond::page(StatusCode::OK, html))
    }

    /// What Back and a second tab meet once the code was redeemed.
    pub(crate) fn already_answered(&self, exchange: &Exchange<'_>) -> Response {
        let redirect_uri = self.pending.request.redirect_uri();
        let client = WayBack::to(self.client.clone(), redirect_uri);
        let html = exchange
            .pages()
            .already_answered(client.link(exchange.language()));
        respond::page(StatusCode::OK, html)
    }
}

/// `request`, pending since now in the browser that `binding` binds.
pub(crate) fn arrived(
    exchange: &Exchange<'_>,
    request: CheckedRequest,
    binding: &Secret,
) -> PendingAuthorization {
    let hash = encoding::sha256_base64url(binding.expose().as_bytes());
    let grant = GrantId::generate(exchange.server.clock().milliseconds());
    PendingAuthorization::arrive(request, hash, grant, exchange.era())
}

pub(crate) async fn note_visit(exchange: &Exchange<'_>, view: &SessionView) -> Result<(), Failure> {
    if exchange.now.since(view.last_seen_at) < VISIT_EVERY {
        return Ok(());
    }
    let idle_until = exchange
        .now
        .plus(exchange.server.settings().sessions.idle)
        .min(view.absolute_expires_at);
    Ok(exchange
        .server
        .store()
        .touch_session(&view.person.session, idle_until, exchange.now)
        .await?)
}
