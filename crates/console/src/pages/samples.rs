//! A sample of every page, full and empty, as an operator would see it: what tests look at, and what axe-core judges.

use serde_json::{Value, json};

use super::{Page, Pages, done};

/// The look of all of them.
pub const STYLESHEET: &str = super::CSS;

const AT: &str = "2027-01-15T08:00:00Z";
const GRANT: &str = "0198a6c0-1111-7000-8000-000000000001";

/// Every page in every state: a name to file it under, and its markup. Its stylesheet is `console.css` beside it.
pub fn render() -> Vec<(String, String)> {
    let pages = Pages::new(".", "https://id.example.com", "https://admin.example.com");
    let shown = |(name, template, values): (&str, &'static str, Value)| {
        let page = Page::new(template, values);
        let said = (name == "user").then(|| done("locked")).flatten();
        let html = pages.render(&page, "token", Some("ada"), said);
        let html = html.expect("a sample has what its template shows");
        (
            name.to_owned(),
            html.replace("href=\"/console.css\"", "href=\"console.css\""),
        )
    };
    let all = [server(), users(), others(), clients(), rest()];
    all.into_iter().flatten().map(shown).collect()
}

type Samples = Vec<(&'static str, &'static str, Value)>;

fn event(kind: &str) -> Value {
    json!({
        "at": AT, "kind": kind, "user": "u-ada", "client": "wiki", "grant": GRANT, "detail": "s-1", "times": 3,
        "by": {"kind": "person", "name": "u-ada"}, "door": "api", "address": "192.0.2.1", "correlation_id": "cma9e3fem0qsxqgr",
    })
}

fn grant(alive: bool) -> Value {
    json!({
        "id": GRANT, "user": "u-ada", "client": "wiki", "scope": "openid profile", "audience": "https://id.example.com",
        "session": "s-1", "alive": alive, "created_at": AT, "last_used_at": AT, "idle_at": AT, "expires_at": AT,
        "revoked_at": if alive { Value::Null } else { AT.into() }, "revoked_because": "reuse",
    })
}

fn session() -> Value {
    json!({
        "id": "s-1", "username": "ada", "user": "u-ada", "factors": ["pwd", "otp"], "started_at": AT, "last_seen_at": AT,
        "idle_at": AT, "address": "192.0.2.1", "correlation_id": "cma9e3fem0qsxqgr", "told_of_its_end": ["wiki"], "grants": [GRANT],
    })
}

fn refusal(name: &str, next: &str) -> Value {
    json!({
        "name": name, "title": "It can't be done.", "detail": "this time", "correlation_id": "cma9e3fem0qsxqgr", "next": next,
        "errors": [{"pointer": "/redirect_uris/0", "detail": "it is no address"}],
    })
}

fn server() -> Samples {
    let well = json!({"version": "0.1.0", "node": "vm, process 1", "ready": true, "not_ready": null, "now": AT, "warnings": []});
    let refused = json!([{
        "at": AT, "reason": "redirect-uri-not-registered", "said": "The redirect URI is not registered.", "detail": "expected https://a",
        "correlation_id": "cma9e3fem0qsxqgr", "method": "GET", "route": "/authorize", "address": "192.0.2.1",
    }]);
    let ill = json!({
        "version": "0.1.0", "node": "vm, process 1", "ready": false, "not_ready": "the database does not answer", "now": AT,
        "warnings": ["session.absolute is longer than 90 days"],
    });
    vec![
        (
            "front",
            "front",
            json!({"status": well, "old": 0, "late": 0, "is_well": true, "refused": [], "failures": [], "may_write": true}),
        ),
        (
            "front-ill",
            "front",
            json!({
                "status": ill, "old": 2, "late": 1, "is_well": false, "refused": refused, "failures": [event("sign-in-failed")], "may_write": false,
            }),
        ),
        (
            "problem",
            "problem",
            json!({"refusal": refusal("administrator-no-longer", "sign-in")}),
        ),
        (
            "problem-scope",
            "problem",
            json!({"refusal": refusal("administration-scope-missing", "front")}),
        ),
        (
            "outside",
            "outside",
            json!({"refusal": refusal("", "terminal")}),
        ),
        (
            "kept",
            "kept",
            json!({"kept": {"action": "./users/u-ada/end", "label": "End everything", "fields": [["name", "ada"]]}}),
        ),
        ("sign-in-again", "sign_in_again", json!({"kept": "k1"})),
        ("signed-out", "signed_out", json!({})),
        (
            "found",
            "found",
            json!({
                "name": "ad", "more": true,
                "found": [{"kind": "user", "name": "ada", "address": "/users/u-ada"}, {"kind": "client", "name": "ad", "address": "/clients/ad"}],
            }),
        ),
        (
            "found-nothing",
            "found",
            json!({"name": "ad", "more": false, "found": []}),
        ),
        (
            "explained",
            "explained",
            json!({
                "id": GRANT,
                "story": {"about": "grant", "known": {"state": "alive", "groups": ""}, "events": [event("consent-given")], "advice": ["`safeconduct grant revoke` ends it"]},
            }),
        ),
    ]
}

fn users() -> Samples {
    let list = json!({"items": [], "next_cursor": null});
    let user = json!({
        "username": "ada", "id": "u-ada", "locked": true, "name": "Ada Lovelace", "email": "ada@example.com", "created_at": AT,
        "administrator": true, "groups": ["staff"], "authenticator_added_at": AT, "recovery_codes": 9,
        "passkeys": [
            {"name": "Laptop", "id": "p1", "backed_up": true, "added_at": AT, "last_used_at": AT},
            {"name": "Phone", "id": "p2", "backed_up": false, "added_at": AT, "last_used_at": null},
        ],
    });
    let bare = json!({
        "username": "bob", "id": "u-bob", "locked": false, "name": null, "email": null, "created_at": AT, "administrator": false,
        "groups": [], "authenticator_added_at": null, "recovery_codes": 0, "passkeys": [],
    });
    let consents = json!([{"client": "wiki", "allowed": {"https://id.example.com": "openid"}, "changed_at": AT}]);
    let some = |item: Value| json!({"items": [item], "next_cursor": "c"});
    vec![
        (
            "users",
            "users",
            json!({"users": [user, bare], "prefix": "", "more": "cursor=c", "first": true}),
        ),
        (
            "users-none",
            "users",
            json!({"users": [], "prefix": "x", "more": null, "first": true}),
        ),
        (
            "user",
            "user",
            json!({
                "user": user, "sessions": some(session()), "grants": some(grant(true)), "consents": {"items": consents},
                "events_of_user": some(event("session-started")), "may_write": true,
            }),
        ),
        (
            "user-bare",
            "user",
            json!({
                "user": bare, "sessions": list, "grants": list, "consents": {"items": []}, "events_of_user": list, "may_write": true,
            }),
        ),
        (
            "confirm",
            "confirm",
            json!({
                "wrong": true,
                "question": {
                    "title": "End everything of ada?", "lines": ["At once, on every node, this ends: 12 sessions and 40 grants."], "typed": "ada", "label": "End everything",
                    "action": "/users/u-ada/end", "back": "/users/u-ada", "fields": [["etag", "1"]],
                },
            }),
        ),
        (
            "link",
            "link",
            json!({
                "user": user,
                "told": {"link": "https://id.example.com/link?link=sc_link_AQEBAQEBAQEBAQEB", "purpose": "recover", "expires_at": AT},
            }),
        ),
        ("link-shown", "link", json!({"user": user, "told": null})),
    ]
}

fn others() -> Samples {
    let group = json!({
        "name": "staff", "display": "Staff", "require_second_factor": true, "declared": false, "members": 1, "created_at": AT,
    });
    let declared = json!({
        "name": "ops", "display": null, "require_second_factor": false, "declared": true, "members": 2, "created_at": AT,
    });
    let members = json!([{"username": "ada", "id": "u-ada", "added_at": AT}]);
    vec![
        (
            "sessions",
            "sessions",
            json!({"sessions": [session()], "user": "ada", "more": "cursor=c"}),
        ),
        (
            "sessions-none",
            "sessions",
            json!({"sessions": [], "user": "", "more": null}),
        ),
        (
            "session",
            "session",
            json!({"session": session(), "may_write": true}),
        ),
        (
            "grants",
            "grants",
            json!({"grants": [grant(true)], "user": "", "client": "", "more": null}),
        ),
        (
            "grant",
            "grant",
            json!({"grant": grant(true), "may_write": true}),
        ),
        (
            "grant-ended",
            "grant",
            json!({"grant": grant(false), "may_write": true}),
        ),
        (
            "groups",
            "groups",
            json!({"groups": [group, declared], "more": null, "may_write": true}),
        ),
        (
            "group",
            "group",
            json!({"group": group, "etag": "1", "members": members, "more": null, "may_write": true}),
        ),
        (
            "group-declared",
            "group",
            json!({"group": declared, "etag": "1", "members": [], "more": null, "may_write": true}),
        ),
    ]
}

fn clients() -> Samples {
    let client = json!({
        "client_id": "wiki", "client_name": "Wiki", "redirect_uris": ["https://wiki.example/cb", "https://wiki.example/cb2"],
        "grant_types": ["authorization_code", "refresh_token"], "scopes": ["openid"], "token_endpoint_auth_method": "client_secret_basic",
        "enabled": true, "declared": false, "created_at": AT,
        "secrets": [
            {"id": "k1", "created_at": AT, "expires_at": AT, "last_four": "n57H", "made_by": {"kind": "person", "name": "u-ada"}, "last_used_at": AT},
            {"id": "k2", "created_at": AT, "expires_at": null, "last_four": null, "made_by": null, "last_used_at": null},
        ],
    });
    let declared = json!({
        "client_id": "batch", "client_name": null, "redirect_uris": [], "grant_types": ["client_credentials"], "scopes": [],
        "token_endpoint_auth_method": "none", "enabled": false, "declared": true, "created_at": AT, "secrets": [],
    });
    let typed = json!({
        "kind": "service", "client_id": "", "client_name": "", "redirect_uris": "", "post_logout_redirect_uris": "", "scope": "",
    });
    let grants = json!({"items": [grant(true)], "next_cursor": "c"});
    let none = json!({"items": [], "next_cursor": null});
    let settings = |client: &Value, secret: Value, asks_with: &str| {
        json!({
            "client": client, "scope": "openid", "told": {"secret": secret, "warnings": ["It is odd."], "new": true},
            "signs_in": asks_with == "authorization_code", "by_itself": asks_with == "client_credentials", "has_secret": true,
        })
    };
    vec![
        (
            "clients",
            "clients",
            json!({"clients": [client, declared], "more": "cursor=c", "may_write": true}),
        ),
        (
            "client",
            "client",
            json!({"client": client, "grants": grants, "document": "{\n  \"a\": 1\n}", "may_write": true}),
        ),
        (
            "client-declared",
            "client",
            json!({"client": declared, "grants": none, "document": "{}", "may_write": true}),
        ),
        (
            "new-client",
            "new_client",
            json!({"typed": typed, "problem": null}),
        ),
        (
            "new-client-problem",
            "new_client",
            json!({"typed": typed, "problem": refusal("value-refused", "front")}),
        ),
        (
            "settings",
            "settings",
            settings(&client, "a-secret-of-the-wiki".into(), "authorization_code"),
        ),
        (
            "settings-service",
            "settings",
            settings(&declared, Value::Null, "client_credentials"),
        ),
        (
            "settings-api",
            "settings",
            settings(&declared, Value::Null, ""),
        ),
    ]
}

fn rest() -> Samples {
    let key = |id: i64, state: &str, age: Value| {
        json!({
            "id": id, "purpose": "RS256", "state": state, "created_at": AT, "activated_at": AT,
            "retired_at": if state == "retired" { AT.into() } else { Value::Null },
            "needed_until": if state == "retired" { AT.into() } else { Value::Null }, "kid": "k", "age": age,
        })
    };
    let keys = json!([
        key(1, "retired", 400.into()),
        key(2, "active", 1.into()),
        key(3, "next", Value::Null)
    ]);
    let receivers = json!([
        {"name": "billing", "failing_since": null, "paused_at": null},
        {"name": "fleet", "failing_since": AT, "paused_at": null},
        {"name": "mobile", "failing_since": AT, "paused_at": AT},
    ]);
    let asked = |kind: &str| {
        json!({
            "user": "", "client": "", "grant": "", "kind": kind, "door": "api", "correlation_id": "", "since": "", "until": "",
        })
    };
    let delivery = |attempts: i64, given_up: Value| {
        json!({
            "id": "d1", "kind": "mail", "recipient": "ada@example.com", "about": "recover", "user": "u-ada", "attempts": attempts,
            "last_answer": if attempts == 0 { Value::Null } else { "451 later".into() }, "created_at": AT, "next_at": AT,
            "given_up_at": given_up,
        })
    };
    vec![
        (
            "keys",
            "keys",
            json!({"keys": keys, "rotation": {"steps": [{"which": "RS256", "done": "published", "detail": "it waits 3600 seconds"}, {"which": "ES256", "done": "refused", "detail": null}]}, "may_write": true}),
        ),
        (
            "events",
            "events",
            json!({"events": [event("session-started"), event("user-locked")], "asked": asked(""), "more": "cursor=c", "all": "", "problem": null}),
        ),
        (
            "events-problem",
            "events",
            json!({"events": [], "asked": asked("x"), "more": null, "all": "", "problem": refusal("value-refused", "front")}),
        ),
        (
            "deliveries",
            "deliveries",
            json!({"deliveries": [delivery(0, Value::Null), delivery(3, Value::Null), delivery(9, AT.into())], "receivers": receivers, "more": null, "may_write": true}),
        ),
        (
            "deliveries-none",
            "deliveries",
            json!({"deliveries": [], "receivers": [], "more": null, "may_write": true}),
        ),
    ]
}
