//! Second factors at work: setting up an authenticator app, and proving it or a recovery code. What a page says before and after is
//! its endpoint's; what is here is the same wherever it is asked.

use axum::response::Response;
use http::{HeaderValue, StatusCode};
use safeconduct_protocol::{
    authentication::{Factor, Level},
    authorization::SignedInUser,
    encoding,
    enrolment::Enrolment,
    error::Refusal,
    mail::{Mail, MailPurpose},
    parameters::Parameters,
    recovery_code::RecoveryCode,
    secret::Secret,
    totp::TypedCode,
};
use safeconduct_store::{
    Guess, NewOtp, OtpAdder, OtpAddition, SecondFactorUse, SessionRenewal, SessionView,
};

use crate::{
    browser::{self, Browser},
    fault::Failure,
    pages::{CodeProblem, EnrolPage, QrDrawing, RecoveryCodesPage},
    respond,
    server::Exchange,
};

/// The page that shows recovery codes, and leads on.
pub(crate) fn codes_page(exchange: &Exchange<'_>, codes: &[RecoveryCode], on: &str) -> Response {
    let codes: Vec<_> = codes.iter().map(RecoveryCode::to_groups).collect();
    let codes: Vec<_> = codes.iter().map(Secret::expose).collect();
    let html = exchange.pages().recovery_codes(&RecoveryCodesPage {
        codes: &codes,
        continue_url: on,
    });
    respond::page(StatusCode::OK, html)
}

/// What an attempt to prove a second factor came to.
pub(crate) enum Proof {
    /// It is proved, and the session has a new cookie.
    Proved(Factor, HeaderValue),
    /// It is not.
    Failed(CodeProblem),
    /// The session is not what it was: what is due has to be found out again.
    SessionChanged,
}

/// What an attempt to set up an authenticator app came to.
pub(crate) enum Enrolling {
    /// The app is set up, these are its recovery codes, and the session has a new cookie.
    Done(Vec<RecoveryCode>, HeaderValue),
    /// It is not yet: this is what is being set up, and what was wrong.
    NotYet(Enrolment, Option<CodeProblem>),
    /// There is one already, or the session is not what it was: what is due has to be found out again.
    Changed,
}

/// Judges the second factor in `parameters` for the user of `view`, if it may be judged.
///
/// # Errors
/// `parameter-repeated`, and the database's.
pub(crate) async fn prove(
    exchange: &Exchange<'_>,
    browser: &Browser,
    view: &SessionView,
    parameters: &Parameters,
) -> Result<Proof, Failure> {
    let typed = match Typed::read(parameters)? {
        Ok(typed) => typed,
        Err(problem) => return Ok(Proof::Failed(problem)),
    };
    let telemetry = exchange.server.telemetry();
    let user = &view.person.user;
    let store = exchange.store_of_person(user);
    let recipient = exchange.recipient(user).await?;
    let mail = recipient.mail(MailPurpose::SecondFactorGuessed);
    let charged = store.charge_second_factor(user, mail.as_ref(), exchange.now);
    if let Guess::Wait(seconds) = charged.await? {
        telemetry.rate_limited("second_factor");
        telemetry.login_attempt(typed.method(), "throttled");
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        return Ok(Proof::Failed(CodeProblem::Throttled {
            minutes: seconds.div_ceil(60),
        }));
    }
    let factor = typed.factor();
    let Some(renewal) = Renewal::of(exchange, browser, view, factor) else {
        return Ok(Proof::SessionChanged);
    };
    let used = match &typed {
        Typed::Code(code) => use_code(exchange, view, code, &renewal).await?,
        Typed::RecoveryCode(code) => {
            let mail = recipient.mail(MailPurpose::RecoveryCodeUsed);
            use_recovery_code(exchange, view, code, &renewal, mail.as_ref()).await?
        }
    };
    Ok(match used {
        SecondFactorUse::Proved => {
            telemetry.login_attempt(typed.method(), "success");
            tracing::info!(sub = %user, method = typed.method(), "proved a second factor");
            Proof::Proved(factor, renewal.cookie(exchange, view))
        }
        SecondFactorUse::Refused => {
            telemetry.login_attempt(typed.method(), "failure");
            Proof::Failed(typed.wrong())
        }
        SecondFactorUse::SessionChanged => Proof::SessionChanged,
    })
}

/// What was typed as a second factor.
enum Typed {
    Code(TypedCode),
    RecoveryCode(RecoveryCode),
}

impl Typed {
    fn read(parameters: &Parameters) -> Result<Result<Self, CodeProblem>, Refusal> {
        let code = parameters.one("code")?;
        let recovery_code = parameters.one("recovery_code")?;
        Ok(match (code, recovery_code) {
            (None, Some(typed)) => RecoveryCode::parse(typed)
                .map(Self::RecoveryCode)
                .ok_or(CodeProblem::NoRecoveryCode),
            (Some(typed), None) => TypedCode::parse(typed)
                .map(Self::Code)
                .ok_or(CodeProblem::NoCode),
            (None, None) | (Some(_), Some(_)) => Err(CodeProblem::NoCode),
        })
    }

    fn factor(&self) -> Factor {
        match self {
            Self::Code(_) => Factor::Otp,
            Self::RecoveryCode(_) => Factor::RecoveryCode,
        }
    }

    /// Its name in metrics.
    fn method(&self) -> &'static str {
        self.factor().as_str()
    }

    fn wrong(&self) -> CodeProblem {
        match self {
            Self::Code(_) => CodeProblem::WrongCode,
            Self::RecoveryCode(_) => CodeProblem::WrongRecoveryCode,
        }
    }
}

async fn use_code(
    exchange: &Exchange<'_>,
    view: &SessionView,
    code: &TypedCode,
    renewal: &Renewal,
) -> Result<SecondFactorUse, Failure> {
    let (store, user, now) = (exchange.server.store(), &view.person.user, exchange.now);
    let Some(otp) = store.otp(user).await? else {
        return Ok(SecondFactorUse::Refused);
    };
    // A row that does not open proves nobody; the owner's recovery codes are as good as before.
    let secret = match exchange.catalog.keys.open_otp(user, &otp.sealed) {
        Ok(secret) => secret,
        Err(error) => {
            tracing::error!(%error, "a second factor can't be judged");
            return Ok(SecondFactorUse::Refused);
        }
    };
    let Some(step) = secret.step_of(code, Some(otp.last_step), now) else {
        return Ok(SecondFactorUse::Refused);
    };
    let used = store.use_otp(user, &otp, step, &renewal.session, now);
    Ok(used.await?)
}

async fn use_recovery_code(
    exchange: &Exchange<'_>,
    view: &SessionView,
    code: &RecoveryCode,
    renewal: &Renewal,
    mail: Option<&Mail>,
) -> Result<SecondFactorUse, Failure> {
    let user = &view.person.user;
    let store = exchange.store_of_person(user);
    for hashed in exchange.catalog.keys.hashes_of_recovery_code(user, code) {
        let (renewal, now) = (&renewal.session, exchange.now);
        let used = store.use_recovery_code(user, hashed.hash, renewal, mail, now);
        match used.await? {
            SecondFactorUse::Refused => {}
            other => return Ok(other),
        }
    }
    Ok(SecondFactorUse::Refused)
}

/// Begins to set up an authenticator app for `person`. Nothing is stored.
pub(crate) fn begin_enrolment(exchange: &Exchange<'_>, person: &SignedInUser) -> Enrolment {
    let (session, user) = (person.session.clone(), person.user.clone());
    Enrolment::begin(exchange.era(), session, user, exchange.now)
}

/// What an authenticator app is given to set itself up: the page that shows it is made of this, wherever that is.
pub(crate) struct AppSetup {
    sealed: String,
    qr: Option<QrDrawing>,
    secret: Secret,
}

impl AppSetup {
    /// What it is given of `enrolment`.
    ///
    /// # Errors
    /// A fault.
    pub(crate) fn of(
        exchange: &Exchange<'_>,
        person: &SignedInUser,
        enrolment: &Enrolment,
    ) -> Result<Self, Failure> {
        let secret = enrolment.secret()?;
        let uri = secret.to_uri(&exchange.server.settings().product_name, &person.username);
        Ok(Self {
            sealed: exchange.sealed(enrolment)?,
            qr: QrDrawing::of(uri.expose()),
            secret: secret.to_groups(),
        })
    }

    /// The page that shows it to `person`, without anything beside it.
    pub(crate) fn page<'a>(
        &'a self,
        person: &'a SignedInUser,
        problem: Option<CodeProblem>,
    ) -> EnrolPage<'a> {
        EnrolPage {
            account: &person.username,
            enrolment: &self.sealed,
            qr: self.qr.as_ref(),
            secret: self.secret.expose(),
            problem,
            ..EnrolPage::default()
        }
    }
}

/// The enrolment in `sealed`, where the session of `person` began it, and not too long ago.
pub(crate) fn begun(
    exchange: &Exchange<'_>,
    sealed: &str,
    person: &SignedInUser,
) -> Option<Enrolment> {
    let begun: Enrolment = exchange.open(sealed).ok()?;
    begun.is_of(&person.session, &person.user).ok()?;
    begun.secret().is_ok().then_some(begun)
}

/// Goes on with the enrolment in `parameters`, which the session and the user of `view` must have begun; with a new one where it was
/// not, or too long ago. The code that confirms it is what stores it.
///
/// # Errors
/// `parameter-repeated`, and the database's.
pub(crate) async fn enrol(
    exchange: &Exchange<'_>,
    browser: &Browser,
    view: &SessionView,
    parameters: &Parameters,
) -> Result<Enrolling, Failure> {
    let sealed = parameters.one("enrolment")?.unwrap_or_default();
    let Some(begun) = begun(exchange, sealed, &view.person) else {
        let anew = begin_enrolment(exchange, &view.person);
        return Ok(Enrolling::NotYet(anew, Some(CodeProblem::Over)));
    };
    let secret = begun.secret()?;
    let Some(code) = TypedCode::parse(parameters.one("code")?.unwrap_or_default()) else {
        return Ok(Enrolling::NotYet(begun, Some(CodeProblem::NoCode)));
    };
    let Some(step) = begun.confirmed(&code, exchange.now)? else {
        return Ok(Enrolling::NotYet(begun, Some(CodeProblem::WrongCode)));
    };
    let Some(renewal) = Renewal::of(exchange, browser, view, Factor::Otp) else {
        return Ok(Enrolling::Changed);
    };
    let (store, user, keys) = (
        exchange.store_of_person(&view.person.user),
        &view.person.user,
        &exchange.catalog.keys,
    );
    let codes = RecoveryCode::generate_set();
    let (sealed, key) = keys.seal_otp(user, &secret)?;
    let hashed = codes.iter().map(|code| keys.hash_recovery_code(user, code));
    let new = NewOtp {
        sealed,
        key,
        step,
        recovery_codes: hashed.collect(),
        mail: exchange.notice(user, MailPurpose::OtpAdded).await?,
    };
    let adder = match view.person.factors.at_level(Level::MultiFactor) {
        Some(_) => OtpAdder::Proved,
        None => OtpAdder::First {
            relying_party: exchange.server.settings().passkey_host(),
        },
    };
    let added = store.add_otp(user, &new, adder, &renewal.session, exchange.now);
    Ok(match added.await? {
        OtpAddition::Added => {
            tracing::info!(sub = %user, "added an authenticator app");
            Enrolling::Done(codes, renewal.cookie(exchange, view))
        }
        OtpAddition::Already | OtpAddition::SessionChanged => Enrolling::Changed,
    })
}

/// The new cookie of a session in which a factor is proved, or how its user signs in is changed: what was known of the old one is worth nothing afterwards.
pub(crate) struct Renewal {
    pub(crate) session: SessionRenewal,
    secret: Secret,
}

impl Renewal {
    /// One in which `factor` is proved; `None` without a session cookie.
    fn of(
        exchange: &Exchange<'_>,
        browser: &Browser,
        view: &SessionView,
        factor: Factor,
    ) -> Option<Self> {
        let mut renewal = Self::kept(exchange, browser, view)?;
        renewal.session.factors = view.person.factors.and(factor, exchange.now);
        Some(renewal)
    }

    /// One in which nothing more is proved than was before.
    pub(crate) fn kept(
        exchange: &Exchange<'_>,
        browser: &Browser,
        view: &SessionView,
    ) -> Option<Self> {
        let (person, now) = (&view.person, exchange.now);
        let secret = Secret::generate();
        let idle_until = now.plus(exchange.server.settings().sessions.idle);
        Some(Self {
            session: SessionRenewal {
                id: person.session.clone(),
                old_hash: browser.session_hash()?,
                new_hash: encoding::sha256(secret.expose().as_bytes()),
                factors: person.factors,
                idle_expires_at: idle_until.min(view.absolute_expires_at),
                user_epoch: person.epochs.user,
            },
            secret,
        })
    }

    pub(crate) fn cookie(&self, exchange: &Exchange<'_>, view: &SessionView) -> HeaderValue {
        let issuer = &exchange.server.settings().issuer;
        let lasts = view.absolute_expires_at.since(exchange.now);
        browser::sign_in(issuer, &self.secret, lasts)
    }
}
