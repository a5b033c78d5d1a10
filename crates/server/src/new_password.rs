//! A password that a user chooses: judged by the rule that commands judge by, and hashed in the queue in which sign-ins are.

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{
    claims::PersonClaims,
    error::{Reason, Refusal},
    ids::UserId,
    parameters::Parameters,
    password::AcceptedPassword,
    secret::Secret,
};
use safeconduct_store::SealedPassword;

use crate::{
    fault::{Failure, Fault},
    pages::{NewPasswordProblem, Page},
    password::{Requester, Unhashed},
    respond,
    server::Exchange,
};

/// Whose password it is to be.
pub(crate) struct Owner<'a> {
    pub(crate) user: &'a UserId,
    pub(crate) username: &'a str,
    pub(crate) claims: &'a PersonClaims,
}

/// Takes the fields `password` and `again` of a form as the new password of `owner`: hashed and sealed, or what is wrong with it.
///
/// # Errors
/// A field that came twice, or a fault.
pub(crate) async fn chosen(
    exchange: &Exchange<'_>,
    owner: &Owner<'_>,
    requester: Requester,
    parameters: &Parameters,
) -> Result<Result<SealedPassword, NewPasswordProblem>, Failure> {
    match judged(exchange, owner, parameters)? {
        Ok(accepted) => hashed(exchange, owner, requester, &accepted).await,
        Err(problem) => Ok(Err(problem)),
    }
}

/// The same fields, judged and not hashed.
///
/// # Errors
/// A field that came twice.
pub(crate) fn judged(
    exchange: &Exchange<'_>,
    owner: &Owner<'_>,
    parameters: &Parameters,
) -> Result<Result<AcceptedPassword, NewPasswordProblem>, Refusal> {
    let again = parameters.one("again")?.unwrap_or_default();
    let Some(typed) = parameters.one("password")? else {
        return Ok(Err(NewPasswordProblem::Missing));
    };
    if typed != again {
        return Ok(Err(NewPasswordProblem::Differs));
    }
    let rule = exchange.server.password_rule();
    let accepted = rule.accept(Secret::new(typed), owner.username, owner.claims);
    Ok(accepted.map_err(Into::into))
}

/// Hashes and seals what was judged.
///
/// # Errors
/// A fault.
pub(crate) async fn hashed(
    exchange: &Exchange<'_>,
    owner: &Owner<'_>,
    requester: Requester,
    accepted: &AcceptedPassword,
) -> Result<Result<SealedPassword, NewPasswordProblem>, Failure> {
    let server = exchange.server;
    let password = accepted.secret().clone();
    match server.passwords().hash_for(requester, password).await {
        Ok(hash) => {
            let sealed = exchange.catalog.keys.seal_password(owner.user, &hash)?;
            Ok(Ok(sealed))
        }
        Err(Unhashed::Busy(_)) => {
            server.telemetry().rate_limited("password_queue");
            Ok(Err(NewPasswordProblem::Busy))
        }
        Err(Unhashed::TooLong) => Err(Fault::new("an accepted password was too long").into()),
    }
}

/// The form again, with what was wrong.
pub(crate) fn again(html: Page, problem: NewPasswordProblem) -> Response {
    if problem != NewPasswordProblem::Busy {
        return respond::page(StatusCode::BAD_REQUEST, html);
    }
    respond::try_later(respond::page(StatusCode::OK, html), Reason::Overloaded, 2)
}
