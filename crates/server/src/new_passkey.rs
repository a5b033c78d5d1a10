//! New passkeys: what a page asks a browser for that is to make one, and what its answer comes to, whether a session or a one-time link adds it.

use safeconduct_protocol::{
    authentication::Level,
    authorization::SignedInUser,
    error::Refusal,
    ids::UserId,
    link::{Link, LinkPurpose},
    mail::MailPurpose,
    parameters::Parameters,
    passkey::{
        Ceremony, NewPasskey, PasskeyName, PasskeyProblem, Purpose, Registration, RelyingParty,
        SuggestedName, creation_options,
    },
    single_use::UsedId,
};
use safeconduct_store::{
    FirstPasskey, NewPasskeyRow, PasskeyAdder, PasskeyAddition, PasskeyRecord,
};

use crate::{browser::Browser, fault::Failure, pages::AddPasskeyProblem, server::Exchange};

/// What a page asks a browser for that is to make a passkey.
pub(crate) struct NewOne {
    /// The sealed challenge.
    pub(crate) ceremony: String,
    /// What the browser is asked for: JSON.
    pub(crate) options: String,
}

/// What a page asks for to give `person` another passkey. Nothing is stored.
pub(crate) async fn begin(
    exchange: &Exchange<'_>,
    party: &RelyingParty,
    person: &SignedInUser,
) -> Result<NewOne, Failure> {
    let purpose =
        |handle: Option<&[u8]>| Purpose::add(person.session.clone(), person.user.clone(), handle);
    begin_for(exchange, party, (&person.user, &person.username), purpose).await
}

/// What the page of `link` asks for, whose user is called `username`, where a passkey may be brought by it.
pub(crate) async fn begin_by_link(
    exchange: &Exchange<'_>,
    link: &Link,
    username: &str,
) -> Result<Option<NewOne>, Failure> {
    let settings = exchange.server.settings();
    let Some(party) = settings.relying_party() else {
        return Ok(None);
    };
    let store = exchange.server.store();
    if !store.may_bring_passkey(link.user(), &party.id).await? {
        return Ok(None);
    }
    let purpose = |handle: Option<&[u8]>| Purpose::add_by_link(link, handle);
    let new = begin_for(exchange, &party, (link.user(), username), purpose);
    new.await.map(Some)
}

/// What the page asks for on which somebody creates an account by `link`, who wants to be called `username` there. `None` where passkeys are off.
pub(crate) async fn begin_to_sign_up(
    exchange: &Exchange<'_>,
    link: &Link,
    username: &str,
) -> Result<Option<NewOne>, Failure> {
    let Some(party) = exchange.server.settings().relying_party() else {
        return Ok(None);
    };
    let purpose = |handle: Option<&[u8]>| Purpose::add_by_link(link, handle);
    let new = begin_for(exchange, &party, (link.user(), username), purpose);
    new.await.map(Some)
}

async fn begin_for(
    exchange: &Exchange<'_>,
    party: &RelyingParty,
    (user, username): (&UserId, &str),
    purpose: impl Fn(Option<&[u8]>) -> Purpose,
) -> Result<NewOne, Failure> {
    let server = exchange.server;
    let passkeys = server.store().passkeys_of(user).await?;
    let handle = server.store().passkey_handle(user).await?;
    let purpose = purpose(handle.as_deref());
    let ceremony = Ceremony::begin(exchange.era(), purpose, exchange.now);
    let known: Vec<_> = passkeys.iter().map(PasskeyRecord::descriptor).collect();
    let options = creation_options(
        party,
        &server.settings().product_name,
        ceremony.challenge(),
        ceremony.handle(),
        username,
        &known,
    );
    Ok(NewOne {
        ceremony: exchange.sealed(&ceremony)?,
        options: options.to_string(),
    })
}

/// Keeps what the browser made, if that is an answer to the challenge that the session of `person` was given. Gives its name.
///
/// # Errors
/// `parameter-repeated`, and the database's.
pub(crate) async fn add(
    exchange: &Exchange<'_>,
    browser: &Browser,
    person: &SignedInUser,
    parameters: &Parameters,
    party: &RelyingParty,
) -> Result<Result<PasskeyName, AddPasskeyProblem>, Failure> {
    let whose = |ceremony: &Ceremony| ceremony.adds(&person.session, &person.user);
    let made = match judge(exchange, parameters, party, whose)? {
        Ok(made) => made,
        Err(problem) => return Ok(Err(problem)),
    };
    let mail = exchange
        .notice(&person.user, MailPurpose::PasskeyAdded)
        .await?;
    let name = suggested(exchange, &made.passkey);
    let session = browser.seen(person);
    let new = NewPasskeyRow {
        user: &person.user,
        passkey: &made.passkey,
        name: &name,
        handle: &made.handle,
        rp_id: &party.id,
        challenge: &made.ceremony.used(&exchange.server.settings().lifetimes),
        by: match person.factors.at_level(Level::MultiFactor) {
            Some(_) => PasskeyAdder::Session(&session),
            None => PasskeyAdder::First(&session),
        },
        mail: mail.as_ref(),
    };
    let store = exchange.store_of_person(&person.user);
    let added = store.add_passkey(&new, exchange.now);
    Ok(settled(added.await?).map(|()| {
        tracing::info!(sub = %person.user, "added a passkey");
        name
    }))
}

/// Keeps what the browser made, if that is an answer to the challenge of the page of `link`, which is used up by it; the user `old`,
/// who is signed in in this browser, is not any more. `None` if another request was faster.
///
/// # Errors
/// `parameter-repeated`, and the database's.
pub(crate) async fn add_by_link(
    exchange: &Exchange<'_>,
    link: &Link,
    old: Option<&SignedInUser>,
    parameters: &Parameters,
) -> Result<Option<Result<(), AddPasskeyProblem>>, Failure> {
    let settings = exchange.server.settings();
    let Some(party) = settings.relying_party() else {
        return Ok(Some(Err(AddPasskeyProblem::NotTaken)));
    };
    let whose = |ceremony: &Ceremony| ceremony.adds_by(link);
    let made = match judge(exchange, parameters, &party, whose)? {
        Ok(made) => made,
        Err(problem) => return Ok(Some(Err(problem))),
    };
    let mail = match link.purpose() {
        LinkPurpose::Recover => {
            exchange
                .notice(link.user(), MailPurpose::PasskeyAdded)
                .await?
        }
        _ => None,
    };
    let new = NewPasskeyRow {
        user: link.user(),
        passkey: &made.passkey,
        name: &suggested(exchange, &made.passkey),
        handle: &made.handle,
        rp_id: &party.id,
        challenge: &made.ceremony.used(&settings.lifetimes),
        by: PasskeyAdder::Link {
            link,
            ends: (old.filter(|old| old.user != *link.user())).map(|old| (&old.session, &old.user)),
        },
        mail: mail.as_ref(),
    };
    let store = exchange.store_of_person(link.user());
    let added = store.add_passkey(&new, exchange.now);
    let added = added.await?;
    if added == PasskeyAddition::Added {
        tracing::info!(sub = %link.user(), purpose = link.purpose().name(), "a passkey was added by a link");
    }
    Ok((added != PasskeyAddition::LinkUsed).then(|| settled(added)))
}

/// What the browser made on that page, if it is an answer to the challenge there.
///
/// # Errors
/// `parameter-repeated`.
pub(crate) fn made_to_sign_up(
    exchange: &Exchange<'_>,
    link: &Link,
    parameters: &Parameters,
) -> Result<Result<FirstOne, AddPasskeyProblem>, Failure> {
    let settings = exchange.server.settings();
    let Some(party) = settings.relying_party() else {
        return Ok(Err(AddPasskeyProblem::NotTaken));
    };
    let of_link = |ceremony: &Ceremony| ceremony.adds_by(link);
    let made = match judge(exchange, parameters, &party, of_link)? {
        Ok(made) => made,
        Err(problem) => return Ok(Err(problem)),
    };
    Ok(Ok(FirstOne {
        name: suggested(exchange, &made.passkey),
        challenge: made.ceremony.used(&settings.lifetimes),
        rp_id: party.id,
        passkey: made.passkey,
        handle: made.handle,
    }))
}

/// The passkey of an account that is about to be created.
pub(crate) struct FirstOne {
    passkey: NewPasskey,
    name: PasskeyName,
    handle: Vec<u8>,
    rp_id: String,
    challenge: UsedId,
}

impl FirstOne {
    /// It as it is kept. The user `old`, who is signed in in this browser, is not any more.
    pub(crate) fn row<'a>(&'a self, old: Option<&'a SignedInUser>) -> FirstPasskey<'a> {
        FirstPasskey {
            passkey: &self.passkey,
            name: &self.name,
            handle: &self.handle,
            rp_id: &self.rp_id,
            challenge: &self.challenge,
            ends: old.map(|old| (&old.session, &old.user)),
        }
    }
}

fn settled(added: PasskeyAddition) -> Result<(), AddPasskeyProblem> {
    match added {
        PasskeyAddition::Added => Ok(()),
        PasskeyAddition::Over | PasskeyAddition::LinkUsed => Err(AddPasskeyProblem::Over),
        PasskeyAddition::Known => Err(AddPasskeyProblem::Known),
        PasskeyAddition::TooMany => Err(AddPasskeyProblem::TooMany),
    }
}

/// A passkey that was made, the challenge that it answers, and the name by which its authenticator knows the account.
struct Made {
    passkey: NewPasskey,
    ceremony: Ceremony,
    handle: Vec<u8>,
}

/// Judges what a form has: the answer to a challenge that `whose` takes for the account in question, and gives the handle of.
fn judge(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
    party: &RelyingParty,
    whose: impl Fn(&Ceremony) -> Result<Vec<u8>, Refusal>,
) -> Result<Result<Made, AddPasskeyProblem>, Failure> {
    let sealed = parameters.one("ceremony")?.unwrap_or_default();
    let ceremony = exchange.open::<Ceremony>(sealed);
    let ceremony = ceremony.and_then(|ceremony| whose(&ceremony).map(|handle| (ceremony, handle)));
    let Ok((ceremony, handle)) = ceremony else {
        return Ok(Err(AddPasskeyProblem::Over));
    };
    let answer = parameters.one("credential")?.unwrap_or_default();
    let made =
        Registration::parse(answer).and_then(|answer| answer.check(ceremony.challenge(), party));
    Ok(match made {
        Ok(passkey) => Ok(Made {
            passkey,
            ceremony,
            handle,
        }),
        Err(problem) => {
            tracing::info!(%problem, "a new passkey was not taken");
            Err(match problem {
                PasskeyProblem::NotVerified => AddPasskeyProblem::NotVerified,
                PasskeyProblem::NotDiscoverable => AddPasskeyProblem::NotDiscoverable,
                _ => AddPasskeyProblem::NotTaken,
            })
        }
    })
}

/// What a passkey is called before its owner calls it anything.
fn suggested(exchange: &Exchange<'_>, made: &NewPasskey) -> PasskeyName {
    let pages = exchange.pages();
    let name = match SuggestedName::of(made) {
        SuggestedName::Maker(name) => name.to_owned(),
        SuggestedName::SecurityKey => pages.security_key(),
        SuggestedName::Passkey => pages.passkey(),
    };
    PasskeyName::typed(&name).expect("the names that are suggested are names")
}
