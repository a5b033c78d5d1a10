//! Who may be given the scopes of the administrators' API, at every mint: the one question, whatever the grant type. A client that is
//! registered for them has them by the operator's word; a user has them as long as they administer this server, and by two factors.

use safeconduct_protocol::{
    administration,
    authentication::Level,
    error::{Reason, Refusal},
    grant::Grant,
};

use crate::{fault::Failure, server::Exchange};

/// Refuses tokens of a grant for the API to who is no administrator by now, or signed in with less than two factors.
///
/// # Errors
/// `grant-ended`; the database's.
pub(crate) async fn permit(exchange: &Exchange<'_>, grant: &Grant) -> Result<(), Failure> {
    if grant.audience != administration::resource(exchange.issuer()) {
        return Ok(());
    }
    if grant.authentication.factors.level() < Some(Level::MultiFactor) {
        return Err(ended("signed in with one factor"));
    }
    let store = exchange.server.store();
    match store.is_administrator(&grant.user).await? {
        true => Ok(()),
        false => Err(ended("no administrator any more")),
    }
}

fn ended(detail: &str) -> Failure {
    Refusal::new(Reason::GrantEnded).because(detail).into()
}
