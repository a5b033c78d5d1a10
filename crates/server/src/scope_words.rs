//! What scopes let an app do, in words: those of their operator in the language of the user, or ours.

use safeconduct_protocol::{administration::SCOPES, scope::Scope};

use crate::{
    pages::{ScopeKind, ScopeLine},
    server::Exchange,
};

/// What each scope lets an app do, in words.
pub(crate) fn words(exchange: &Exchange<'_>, scope: &Scope) -> Vec<String> {
    let lines = lines(exchange, scope, false);
    let word = |line: &ScopeLine<'_>| line.text.unwrap_or(line.name).to_owned();
    lines.iter().map(word).collect()
}

/// The scopes, each with its words.
pub(crate) fn lines<'t>(
    exchange: &'t Exchange<'_>,
    scope: &'t Scope,
    is_new: bool,
) -> Vec<ScopeLine<'t>> {
    let (server, language) = (exchange.server, exchange.language());
    let line = |name: &'t str| {
        let is_free = server.settings().administration.is_none() && SCOPES.contains(&name);
        let built_in = (!is_free)
            .then(|| exchange.pages().built_in_scope(name))
            .flatten();
        let written = exchange.catalog.scope(name);
        let own = written.and_then(|scope| scope.text_in(language));
        let text = own
            .or(built_in.as_ref().and_then(|line| line.text))
            .or_else(|| written?.text_beside(server.settings().default_language));
        ScopeLine {
            name,
            text,
            is_new,
            kind: built_in.map_or_else(|| ScopeKind::of(name, text.is_some()), |line| line.kind),
        }
    };
    scope.names().map(line).collect()
}
