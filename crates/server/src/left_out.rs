//! Scopes that were asked for and are not given: said in the log, by name and with the reason. The client reads in `scope` of the
//! token answer what it was given (RFC 6749 §5.1); the user is asked for that alone.

use std::fmt::Write as _;

use safeconduct_protocol::{client::Client, scope::Scope, sent::Sent};

use crate::{catalog::Catalog, server::Exchange};

/// How many scopes are named.
const MOST_NAMED: usize = 8;

/// Says that `client` asked for `left_out`, where it did.
pub(crate) fn note(exchange: &Exchange<'_>, client: &Client, left_out: &Scope) {
    if left_out.is_empty() {
        return;
    }
    tracing::info!(
        client_id = %client.id,
        detail = detail(&exchange.catalog, client, left_out),
        "left out scopes that the client may not have"
    );
}

fn detail(catalog: &Catalog, client: &Client, left_out: &Scope) -> String {
    let mut detail = String::new();
    for name in left_out.names().take(MOST_NAMED) {
        let separator = if detail.is_empty() { "" } else { ", " };
        // Writing to a String does not fail.
        let _ = if client.scopes.contains(name) {
            write!(detail, "{separator}{name} (only a person can give it)")
        } else if catalog.knows_scope(name) {
            write!(detail, "{separator}{name} (not registered for this client)")
        } else {
            write!(detail, "{separator}{} (no scope of ours)", Sent(name))
        };
    }
    match left_out.names().count().saturating_sub(MOST_NAMED) {
        0 => detail,
        more => format!("{detail} and {more} more"),
    }
}
