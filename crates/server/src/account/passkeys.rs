//! `/account/passkeys`: the passkeys of the user, a new one, another name, and the end of one.

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{
    encoding,
    mail::MailPurpose,
    parameters::Parameters,
    passkey::{CredentialId, PasskeyName, RelyingParty},
};
use safeconduct_store::{PasskeyRecord, PasskeyRemoval};
use serde_json::json;

use super::visit::{Answer, Demand, FormRequest, PageRequest, Visit};
use crate::{
    addresses::{ACCOUNT_PASSKEYS, ADD_PASSKEY, REMOVE_PASSKEY, RENAME_PASSKEY},
    fault::Failure,
    new_passkey,
    pages::{
        AccountPage, AddPasskeyPage, AddPasskeyProblem, PasskeyLine, PasskeysPage,
        RemovePasskeyProblem, Section,
    },
    server::Exchange,
};

/// `GET /account/passkeys`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

/// `GET /account/passkeys/add`: the form that has the browser make one.
pub(crate) async fn ask(request: PageRequest) -> Response {
    request.answer(show_form(&request).await)
}

/// `POST /account/passkeys/add`: what the browser made.
pub(crate) async fn add(request: FormRequest) -> Response {
    request.answer(add_one(&request).await)
}

/// `POST /account/passkeys/rename`.
pub(crate) async fn rename(request: FormRequest) -> Response {
    request.answer(rename_one(&request).await)
}

/// `POST /account/passkeys/remove`.
pub(crate) async fn remove(request: FormRequest) -> Response {
    request.answer(remove_one(&request).await)
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_PASSKEYS, Demand::SignedIn).await?;
    list(&visit, request.query(), None).await
}

/// The list, and with it to the browser what of its own is still good.
async fn list(
    visit: &Visit<'_>,
    query: Option<&str>,
    problem: Option<RemovePasskeyProblem>,
) -> Answer {
    let (exchange, user) = (&visit.exchange, &visit.view.person.user);
    let server = exchange.server;
    let passkeys = server.store().passkeys_of(user).await?;
    let handle = server.store().passkey_handle(user).await?;
    let party = server.settings().relying_party();
    let accepted = party.as_ref().zip(handle).map(|(party, handle)| {
        let here = passkeys.iter().filter(|passkey| passkey.rp_id == party.id);
        let ids: Vec<_> = here.map(|passkey| passkey.id.to_string()).collect();
        let user = encoding::encode(&handle);
        json!({ "rpId": party.id, "userId": user, "allAcceptedCredentialIds": ids }).to_string()
    });
    let lines: Vec<_> = passkeys
        .iter()
        .map(|passkey| line(exchange, passkey))
        .collect();
    let page = AccountPage::Passkeys(PasskeysPage {
        add: &server.path(ADD_PASSKEY),
        rename_action: &server.path(RENAME_PASSKEY),
        remove_action: &server.path(REMOVE_PASSKEY),
        passkeys: &lines,
        accepted: accepted.as_deref(),
        problem,
    });
    let mut response = visit.page((Section::Security, ACCOUNT_PASSKEYS), query, &page);
    if problem.is_some() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

fn line(exchange: &Exchange<'_>, passkey: &PasskeyRecord) -> PasskeyLine {
    let pages = exchange.pages();
    let last_used = passkey.last_used_at;
    PasskeyLine {
        id: passkey.id.to_string(),
        name: passkey.name.clone(),
        backup_eligible: passkey.kept.backup_eligible,
        created: pages.date(passkey.created_at),
        last_used: last_used.map(|at| pages.moment(at, exchange.now)),
    }
}

async fn show_form(request: &PageRequest) -> Answer {
    let visit = request.visit(ADD_PASSKEY, Demand::Fresh).await?;
    match visit.exchange.server.settings().relying_party() {
        Some(party) => form(&visit, &party, None).await,
        None => Ok(visit.lead_to(ACCOUNT_PASSKEYS)),
    }
}

/// The form that has the browser make a passkey.
async fn form(
    visit: &Visit<'_>,
    party: &RelyingParty,
    problem: Option<AddPasskeyProblem>,
) -> Answer {
    let (exchange, person) = (&visit.exchange, &visit.view.person);
    let new = new_passkey::begin(exchange, party, person).await?;
    let page = AccountPage::AddPasskey(AddPasskeyPage {
        action: &exchange.server.path(ADD_PASSKEY),
        ceremony: &new.ceremony,
        options: &new.options,
        problem,
    });
    let mut response = visit.page((Section::Security, ADD_PASSKEY), None, &page);
    if problem.is_some() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

async fn add_one(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ADD_PASSKEY).await?;
    let Some(party) = visit.exchange.server.settings().relying_party() else {
        return Ok(visit.lead_to(ACCOUNT_PASSKEYS));
    };
    let (exchange, person) = (&visit.exchange, &visit.view.person);
    match new_passkey::add(exchange, &visit.browser, person, &parameters, &party).await? {
        Ok(_) => Ok(visit.lead_to(ACCOUNT_PASSKEYS)),
        Err(problem) => form(&visit, &party, Some(problem)).await,
    }
}

async fn rename_one(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_PASSKEYS).await?;
    let name = parameters.one("name")?.and_then(PasskeyName::typed);
    if let (Some(id), Some(name)) = (named(&parameters)?, name) {
        let (user, now) = (&visit.view.person.user, visit.exchange.now);
        let (store, session) = (visit.store(), visit.seen());
        // Where it was removed meanwhile, or the session is over, the page says what is so now.
        store
            .rename_passkey(user, &id, &name, &session, now)
            .await?;
    }
    Ok(visit.lead_to(ACCOUNT_PASSKEYS))
}

async fn remove_one(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_PASSKEYS).await?;
    let (user, now) = (&visit.view.person.user, visit.exchange.now);
    if let Some(id) = named(&parameters)? {
        let mail = visit
            .exchange
            .notice(user, MailPurpose::PasskeyRemoved)
            .await?;
        let seen = visit.seen();
        let by = visit.remover(&seen);
        let store = visit.store();
        let removed = store.remove_passkey(user, &id, by, mail.as_ref(), now);
        let problem = match removed.await? {
            PasskeyRemoval::Removed => {
                tracing::info!(sub = %user, "removed a passkey");
                None
            }
            PasskeyRemoval::LastWayIn => Some(RemovePasskeyProblem::LastWayIn),
            PasskeyRemoval::Demanded => Some(RemovePasskeyProblem::Demanded),
            PasskeyRemoval::Absent | PasskeyRemoval::SessionChanged => None,
        };
        if problem.is_some() {
            return list(&visit, None, problem).await;
        }
    }
    Ok(visit.lead_to(ACCOUNT_PASSKEYS))
}

/// The passkey that a form is about.
fn named(parameters: &Parameters) -> Result<Option<CredentialId>, Failure> {
    Ok(parameters.one("passkey")?.and_then(CredentialId::parse))
}
