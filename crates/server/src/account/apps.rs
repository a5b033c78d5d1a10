//! `/account/apps`: the apps that have access to the account, and the end of that.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::response::Response;
use safeconduct_protocol::{
    claims::{ClaimsRequest, GROUPS},
    client::Client,
    ids::ClientId,
    scope::{OPENID, Scope},
};
use serde_json::Value;

use super::visit::{Answer, Demand, FormRequest, PageRequest, Visit};
use crate::{
    addresses::{ACCOUNT_APPS, REMOVE_ACCESS},
    fault::Failure,
    pages::{AccountPage, AppLine, AppsPage, Section},
    scope_words::words,
};

/// The most grants that are looked through for the list of apps.
const MOST_GRANTS: u32 = 500;

/// `GET /account/apps`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

/// `POST /account/apps/remove`: an app loses all that this user let it do.
pub(crate) async fn remove(request: FormRequest) -> Response {
    request.answer(remove_access(&request).await)
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_APPS, Demand::SignedIn).await?;
    let server = visit.exchange.server;
    let apps = apps(&visit).await?;
    let lifetimes = &server.settings().lifetimes;
    let minutes = lifetimes.access_token.div_euclid(60).max(1);
    let page = AccountPage::Apps(AppsPage {
        remove_access_action: &server.path(REMOVE_ACCESS),
        minutes,
        apps: &apps,
    });
    Ok(visit.page((Section::Apps, ACCOUNT_APPS), request.query(), &page))
}

/// The apps that can do something for the user now, or that need not ask again: by name.
async fn apps(visit: &Visit<'_>) -> Result<Vec<AppLine>, Failure> {
    let exchange = &visit.exchange;
    let (store, user) = (exchange.server.store(), &visit.view.person.user);
    let consents = store.list_consents(user).await?;
    let grants = store
        .live_grants_of(user, MOST_GRANTS, exchange.now)
        .await?;
    let consented = consents.iter().map(|consent| &consent.client);
    let granted = grants.iter().map(|record| &record.grant.client);
    let mut clients: Vec<&ClientId> = consented.chain(granted).collect();
    clients.sort();
    clients.dedup();
    let known = store
        .user(user)
        .await?
        .map(|known| (known.claims).of_account(&known.username, known.updated_at));
    let known = known.unwrap_or_default();
    let groups = store.groups_of(user).await?;
    let lines = clients.into_iter().filter_map(|id| {
        let client = &exchange.catalog.client(id)?.client;
        let of_this = || grants.iter().filter(|record| record.grant.client == *id);
        let consent = consents.iter().find(|consent| consent.client == *id);
        let allowed = consent
            .into_iter()
            .flat_map(|consent| consent.scopes.values());
        let scopes = allowed.chain(of_this().map(|record| &record.grant.scope));
        let scope = scopes.fold(Scope::default(), |all, scope| all.union(scope));
        let seen = seen_by(client, &scope, of_this().map(|record| &record.grant.claims));
        let since = of_this().map(|record| record.created_at);
        let since = since.chain(consent.map(|consent| consent.changed_at)).min();
        let last_used = of_this().map(|record| record.last_used_at).max();
        Some(AppLine {
            id: id.as_str().to_owned(),
            name: client.name_in(exchange.language()).to_owned(),
            scopes: words(exchange, &scope),
            sees: exchange.pages().claims(|claim| {
                if claim == GROUPS && seen.contains(claim) {
                    let told = client.openid.groups_told(&groups).join(", ");
                    return (!told.is_empty()).then_some(told);
                }
                let known = known.claim(claim).filter(|_| seen.contains(claim));
                known.map(in_one_line)
            }),
            since: since.map(|at| exchange.pages().date(at)),
            last_used: last_used.map(|at| exchange.pages().moment(at, exchange.now)),
        })
    });
    let mut lines: Vec<AppLine> = lines.collect();
    lines.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(lines)
}

/// The claims that an app can have with `scope`, or asked for one by one: at UserInfo, or in an ID Token.
fn seen_by<'g>(
    client: &Client,
    scope: &Scope,
    asked: impl Iterator<Item = &'g ClaimsRequest>,
) -> BTreeSet<&'g str> {
    static NONE: LazyLock<ClaimsRequest> = LazyLock::new(ClaimsRequest::default);
    let scope = scope.intersection(&client.scopes);
    if !scope.contains(OPENID) {
        return BTreeSet::new();
    }
    let by_scope = NONE.for_userinfo(&scope, &client.scopes);
    let one_by_one = asked.flat_map(|asked| {
        let in_id_token = asked.for_id_token(None, &client.scopes);
        let at_userinfo = asked.for_userinfo(&Scope::default(), &client.scopes);
        in_id_token.into_iter().chain(at_userinfo)
    });
    by_scope.into_iter().chain(one_by_one).collect()
}

/// What a claim says. An address is in parts, of which one may be the whole.
fn in_one_line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            let whole = parts.get("formatted").and_then(Value::as_str);
            let parts = parts.values().filter_map(Value::as_str);
            let parts = || parts.collect::<Vec<_>>().join(", ");
            whole.map_or_else(parts, |whole| whole.lines().collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

async fn remove_access(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_APPS).await?;
    let (user, now) = (&visit.view.person.user, visit.exchange.now);
    let named = parameters.one("client")?.unwrap_or_default();
    // Only what is in the user's own list can be named.
    let is_listed = apps(&visit).await?.iter().any(|app| app.id == named);
    if let Some(client) = ClientId::parse(named).filter(|_| is_listed) {
        let (store, session) = (visit.store(), visit.seen());
        let removed = store.remove_access(user, &client, Some(&session), now);
        // Where the session is over, the page asks who this is.
        if removed.await? {
            tracing::info!(sub = %user, client_id = %client, "access was removed by the user");
        }
    }
    Ok(visit.lead_to(ACCOUNT_APPS))
}
