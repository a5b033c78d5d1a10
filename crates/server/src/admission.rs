//! Who may use what: a client by its groups, which the database asks at every use of a grant (the view `parties`), and a scope by its own, which
//! is asked here wherever a scope is given or used. Both by the groups that a user is in at that moment, which nothing copies.

use axum::response::Response;
use http::StatusCode;
use safeconduct_protocol::{
    authorization::{PendingAuthorization, SignedInUser},
    client::Client,
    error::{Reason, Refusal},
    ids::UserId,
    redirect_uri::host_of,
    scope::Scope,
};

use crate::{
    fault::Failure,
    pages::{Contact, NotAdmittedPage},
    refusals, respond,
    server::Exchange,
};

/// What of `scope` the user may not have now. Nothing is looked up where no scope of it has a rule.
pub(crate) async fn withheld(
    exchange: &Exchange<'_>,
    user: &UserId,
    scope: &Scope,
) -> Result<Scope, Failure> {
    let ruled = exchange.catalog.ruled_scopes(scope);
    if ruled.is_empty() {
        return Ok(Scope::default());
    }
    let groups = exchange.server.store().groups_of(user).await?;
    let is_theirs = |group: &String| groups.contains(group);
    let withheld: Vec<&str> = ruled
        .into_iter()
        .filter(|(_, admitting)| !admitting.iter().any(is_theirs))
        .map(|(name, _)| name)
        .collect();
    Ok(Scope::parse(&withheld.join(" ")).unwrap_or_default())
}

/// What of `scope` the user may have now.
pub(crate) async fn permitted(
    exchange: &Exchange<'_>,
    user: &UserId,
    scope: Scope,
) -> Result<Scope, Failure> {
    let withheld = withheld(exchange, user, &scope).await?;
    if withheld.is_empty() {
        return Ok(scope);
    }
    Ok(scope.without(&withheld))
}

/// What of the scope of a grant goes into tokens now.
///
/// # Errors
/// `grant-ended` where nothing is left of it; the database's.
pub(crate) async fn left_to(
    exchange: &Exchange<'_>,
    user: &UserId,
    scope: Scope,
) -> Result<Scope, Failure> {
    let left = permitted(exchange, user, scope).await?;
    if left.is_empty() {
        return Err(Refusal::new(Reason::GrantEnded)
            .because("the user may have no scope of it any more")
            .into());
    }
    Ok(left)
}

/// The page for `person`, who is signed in and may not use `client`.
pub(crate) fn page(
    exchange: &Exchange<'_>,
    (client, pending): (&Client, &PendingAuthorization),
    person: &SignedInUser,
    refusal: Refusal,
) -> Result<Response, Failure> {
    let refusal = respond::logged(refusal.into());
    tracing::info!(client_id = %client.id, sub = %person.user, "the user is in none of the client's groups");
    let telemetry = exchange.server.telemetry();
    telemetry.authorize(refusal.error().as_str());
    let contacts = client.about.contacts.iter();
    let contacts: Vec<Contact> = contacts.map(|contact| Contact::of(contact)).collect();
    let html = exchange.pages().not_admitted(&NotAdmittedPage {
        client_name: client.name_in(exchange.language()),
        client_host: &host_of(pending.request.redirect_uri()),
        account: &person.username,
        contacts: &contacts,
        use_another_account_action: &exchange.server.path("/login/switch"),
        pending: &exchange.sealed(pending)?,
        name: refusal.reason().name(),
        correlation_id: exchange.correlation_id(),
    });
    let page = respond::page(StatusCode::FORBIDDEN, html);
    Ok(refusals::marked(page, &refusal))
}
