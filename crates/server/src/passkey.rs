//! Passkeys at work: what a page asks a browser for, and what its answer comes to. What a page says before and after is its endpoint's; what
//! is here is the same wherever a passkey is asked for. How one is made is in `new_passkey`.

use std::net::IpAddr;

use http::HeaderValue;
use safeconduct_protocol::{
    authentication::Factor,
    authorization::{PendingAuthorization, SignedInUser},
    error::Refusal,
    ids::SessionId,
    parameters::Parameters,
    passkey::{
        Assertion, Ceremony, CredentialDescriptor, CredentialId, PasskeyProblem, Purpose,
        RelyingParty, request_options,
    },
};
use safeconduct_store::{PasskeyAnswer, PasskeyOwner, PasskeyRecord, PasskeyUse, SessionView};

use crate::{
    addresses::RENEW_CHALLENGE,
    browser::{self, Browser},
    failed_sign_ins::Cause,
    fault::Failure,
    pages::{PasskeyPrompt, Renewal},
    server::Exchange,
    sign_in::{self, Proven},
};

/// What an attempt to sign in with a passkey came to.
pub(crate) enum Attempt {
    /// It proved its owner, and this session is theirs, by these cookies.
    Proved {
        session: SessionId,
        cookies: Vec<HeaderValue>,
    },
    /// It is not taken.
    Refused {
        /// The passkey that this server does not know, so that the browser may forget it.
        unknown: Option<CredentialId>,
        cause: Cause,
    },
    /// It was not judged: too many were refused from that address.
    Throttled {
        /// Seconds until the next.
        seconds: u32,
        cause: Cause,
    },
}

/// What the sign-in page asks a browser for: a passkey of anybody's. `None` where passkeys are off.
pub(crate) fn of_anybody(
    exchange: &Exchange<'_>,
    pending: &PendingAuthorization,
) -> Result<Option<PasskeyPrompt>, Failure> {
    let purpose = Purpose::SignIn {
        browser: pending.browser.clone(),
    };
    prompt(exchange, purpose, &[])
}

/// What a page asks for that wants proof of `person`: one of their passkeys. `None` where they have none that is good at this host.
pub(crate) async fn of(
    exchange: &Exchange<'_>,
    person: &SignedInUser,
) -> Result<Option<PasskeyPrompt>, Failure> {
    let party = exchange.server.settings().relying_party();
    let Some(party) = party.filter(|_| person.enrolled.passkey) else {
        return Ok(None);
    };
    let passkeys = exchange.server.store().passkeys_of(&person.user).await?;
    let here = passkeys.iter().filter(|passkey| passkey.rp_id == party.id);
    let known: Vec<_> = here.map(PasskeyRecord::descriptor).collect();
    // The last one went meanwhile: a list of none would ask for anybody's.
    if known.is_empty() {
        return Ok(None);
    }
    let purpose = Purpose::Prove {
        session: person.session.clone(),
        user: person.user.clone(),
    };
    prompt(exchange, purpose, &known)
}

fn prompt(
    exchange: &Exchange<'_>,
    purpose: Purpose,
    known: &[CredentialDescriptor],
) -> Result<Option<PasskeyPrompt>, Failure> {
    let Some(party) = exchange.server.settings().relying_party() else {
        return Ok(None);
    };
    let ceremony = Ceremony::begin(exchange.era(), purpose, exchange.now);
    let options = request_options(&party, ceremony.challenge(), known);
    Ok(Some(PasskeyPrompt {
        action: exchange.server.path("/login/passkey"),
        ceremony: exchange.sealed(&ceremony)?,
        options: options.to_string(),
        conditional: known.is_empty(),
        unknown: None,
        renewal: known.is_empty().then(|| Renewal {
            action: exchange.server.path(RENEW_CHALLENGE),
            seconds: renewed_after(exchange.server.settings().lifetimes.pending),
        }),
    }))
}

/// After how many seconds a page asks for another challenge, whose request lives as long as `pending`: well before that ends, as browsers call
/// pages that nobody sees late.
fn renewed_after(pending: i64) -> i64 {
    pending - (pending / 2).min(180)
}

/// Judges the answer in `parameters`, which `browser` brings from `address`.
///
/// # Errors
/// `parameter-repeated`, and the database's.
pub(crate) async fn prove(
    exchange: &Exchange<'_>,
    party: &RelyingParty,
    browser: &Browser,
    parameters: &Parameters,
    address: IpAddr,
) -> Result<Attempt, Failure> {
    let server = exchange.server;
    let sealed = parameters.one("ceremony")?.unwrap_or_default();
    let answer = Assertion::parse(parameters.one("credential")?.unwrap_or_default());
    let old = browser.session(exchange).await?;
    let found = match &answer {
        Ok(answer) => server.store().passkey(&answer.id).await?,
        Err(_) => None,
    };
    let owner = found.as_ref().map(|(_, owner)| owner.username.as_str());
    let (owner, now) = (owner.unwrap_or_default(), exchange.now);
    let (store, throttle) = (server.store(), server.throttle());
    let known = throttle.known_browser(browser.known());
    let permit = throttle.permit_passkey(store, owner, address, &known, now);
    let permit = match permit.await? {
        Ok(permit) => permit,
        Err(wait) => {
            server.telemetry().rate_limited(wait.limit.as_str());
            server.telemetry().login_attempt("passkey", "throttled");
            let owner = found.as_ref().map(|(_, owner)| &owner.user);
            return Ok(Attempt::Throttled {
                seconds: wait.seconds,
                cause: Cause::new(wait.limit.reason(), owner),
            });
        }
    };
    let asked = Judging {
        exchange,
        party,
        browser,
        sealed,
        old: old.as_ref(),
        is_new: throttle.is_new(owner, &known, now),
    };
    let account = found.as_ref().map(|(_, owner)| owner.user.clone());
    let judged = match asked.judge(answer, found).await {
        Ok(judged) => judged,
        Err(failure) => {
            permit.not_tried();
            return Err(failure);
        }
    };
    match judged {
        Ok((session, owner, cookie)) => {
            tracing::info!(sub = %owner.user, "signed in with a passkey");
            server.telemetry().login_attempt("passkey", "success");
            let issuer = &server.settings().issuer;
            let known = permit.succeeded(&known);
            let known = known.map(|known| browser::know(issuer, &known));
            let cookies = [cookie].into_iter().chain(known).collect();
            Ok(Attempt::Proved { session, cookies })
        }
        Err(refused) => {
            permit.failed();
            tracing::info!(problem = %refused, "a passkey was not taken");
            server.telemetry().login_attempt("passkey", "failure");
            let cause = Cause::new(refused.reason(), account.as_ref());
            let unknown = match refused {
                Refused::Unknown(id) => Some(id),
                _ => None,
            };
            Ok(Attempt::Refused { unknown, cause })
        }
    }
}

/// Why a passkey is not taken: for the log, and for nobody else.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Answer(#[from] PasskeyProblem),
    #[error("no such passkey")]
    Unknown(CredentialId),
    #[error("the passkey of another account")]
    Another,
    #[error("its owner is locked")]
    Locked,
    #[error("the challenge: {}", .0.reason().name())]
    Challenge(Refusal),
    #[error("the challenge was answered before")]
    Replayed,
    #[error("the passkey or its owner changed meanwhile")]
    Changed,
}

impl Refused {
    /// Its name in events.
    fn reason(&self) -> &'static str {
        match self {
            Self::Answer(problem) => match problem {
                PasskeyProblem::Challenge => "passkey-challenge",
                PasskeyProblem::Origin | PasskeyProblem::CrossOrigin => "passkey-origin",
                PasskeyProblem::RelyingParty => "passkey-relying-party",
                PasskeyProblem::NotPresent | PasskeyProblem::NotVerified => "passkey-not-verified",
                PasskeyProblem::SignCount => "passkey-count-behind",
                PasskeyProblem::Signature => "passkey-signature",
                _ => "passkey-answer",
            },
            Self::Unknown(_) => "passkey-unknown",
            Self::Another => "passkey-of-another",
            Self::Locked => "locked",
            Self::Challenge(_) => "passkey-challenge",
            Self::Replayed => "passkey-replayed",
            Self::Changed => "changed-meanwhile",
        }
    }
}

/// One answer under way.
struct Judging<'a> {
    exchange: &'a Exchange<'a>,
    party: &'a RelyingParty,
    browser: &'a Browser,
    sealed: &'a str,
    old: Option<&'a SessionView>,
    /// Whether the account has not signed in with this browser of late.
    is_new: bool,
}

impl Judging<'_> {
    async fn judge(
        &self,
        answer: Result<Assertion, PasskeyProblem>,
        found: Option<(PasskeyRecord, PasskeyOwner)>,
    ) -> Result<Result<(SessionId, PasskeyOwner, HeaderValue), Refused>, Failure> {
        let exchange = self.exchange;
        let (answer, passkey, owner) = match (answer, found) {
            (Ok(answer), Some((passkey, owner))) => (answer, passkey, owner),
            (Ok(answer), None) => return Ok(Err(Refused::Unknown(answer.id))),
            (Err(problem), _) => return Ok(Err(problem.into())),
        };
        let ceremony = match self.ceremony(&owner) {
            Ok(ceremony) => ceremony,
            Err(refused) => return Ok(Err(refused)),
        };
        let challenge = ceremony.used(&exchange.server.settings().lifetimes);
        let judged = answer.check(
            &passkey.kept,
            ceremony.challenge(),
            ceremony.asks(),
            self.party,
        );
        let asserted = match judged {
            Ok(asserted) => asserted,
            Err(problem) => {
                if problem == PasskeyProblem::SignCount {
                    let store = exchange.store_of_nobody();
                    let noted = store.note_copied_passkey(&owner.user, &challenge, exchange.now);
                    noted.await?;
                }
                return Ok(Err(problem.into()));
            }
        };
        if owner.locked {
            return Ok(Err(Refused::Locked));
        }
        let proven = Proven {
            user: &owner.user,
            epoch: owner.epoch,
            factor: Factor::Passkey,
            notice: sign_in::notice_of_device(exchange, &owner.user, self.is_new).await?,
        };
        let ways = sign_in::begin(exchange, self.old, self.browser, &proven);
        let answer = PasskeyAnswer {
            id: &passkey.id,
            owner: &owner.user,
            asserted: &asserted,
            challenge: &challenge,
        };
        let store = exchange.store_of_person(&owner.user);
        for begun in ways {
            let used = store.use_passkey(&answer, &begun.session, exchange.now);
            match used.await? {
                PasskeyUse::Proved => {
                    let cookie = begun.cookie(exchange);
                    return Ok(Ok((begun.id().clone(), owner, cookie)));
                }
                PasskeyUse::Replayed => return Ok(Err(Refused::Replayed)),
                PasskeyUse::Changed => return Ok(Err(Refused::Changed)),
                PasskeyUse::SessionChanged => {}
            }
        }
        Ok(Err(Refused::Changed))
    }

    /// The challenge that was handed out to this browser, for somebody who may be `owner`.
    fn ceremony(&self, owner: &PasskeyOwner) -> Result<Ceremony, Refused> {
        let opened = self.exchange.open::<Ceremony>(self.sealed);
        let ceremony = opened.map_err(Refused::Challenge)?;
        let session = (self.old).map(|view| (&view.person.session, &view.person.user));
        let binding = self.browser.binding().map(|binding| binding.expose());
        let whose = ceremony.proves(binding, session);
        let whose = whose.map_err(Refused::Challenge)?;
        if whose.is_some_and(|whose| *whose != owner.user) {
            return Err(Refused::Another);
        }
        Ok(ceremony)
    }
}
