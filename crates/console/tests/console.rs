//! The console in front of an issuer and an API of the test: which browser it answers, which forms count, how its user signs in and is sent back,
//! and that nothing that others have written acts on its pages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod setting;

use http::StatusCode;
use rstest::rstest;
use safeconduct_testing_browser::Browser;
use serde_json::{Value, json};

use setting::{NASTY, PROBLEM, STEP_UP, Setting, send};

#[tokio::test]
async fn it_answers_the_browser_that_opened_it_and_no_other() {
    let setting = Setting::start().await;
    let front = setting.open().await;
    assert!(front.body.contains("The server is well"), "{front}");
    assert!(
        front.body.contains("Signed in as <bdi>ada</bdi>"),
        "{front}"
    );
    let base = setting.base();
    let eve = Browser::new("", "").unwrap();
    for (path, status) in [
        (setting.opened.as_str(), 403),
        (&*format!("{base}/"), 403),
        (&format!("{base}/users"), 403),
        (&format!("{base}x/users"), 404),
        (&setting.origin, 404),
        (&format!("{}/callback?code=x&state=y", setting.origin), 400),
    ] {
        let page = eve.visit(path).await.unwrap();
        assert_eq!(page.status, status, "{path}: {page}");
        assert!(page.headers.get("set-cookie").is_none(), "{page}");
        let (_, secret_path) = base.split_at(setting.origin.len());
        assert!(!page.body.contains(secret_path), "{page}");
    }
    // The terminal shows another address; hers opens it no more, and neither does the first.
    let another = setting.opener.address();
    assert_eq!(eve.visit(&setting.opened).await.unwrap().status, 403);
    assert_ne!(another, setting.opened);
    let again = setting.browser.visit(&setting.opened).await.unwrap();
    assert_eq!((again.status, again.url.path()), (200, front.url.path()));
}

#[tokio::test]
async fn every_answer_is_kept_by_nobody_and_framed_nowhere() {
    let setting = Setting::start().await;
    let front = setting.open().await;
    let style = setting
        .browser
        .visit(&format!("{}/console.css", setting.origin))
        .await;
    let lost = setting.get("/nowhere").await;
    assert_eq!(lost.status, 404);
    let style = style.unwrap();
    assert_eq!(style.headers["content-type"], "text/css");
    for page in [front, lost, style] {
        let header = |name: &str| page.headers[name].to_str().unwrap();
        assert!(
            header("content-security-policy").starts_with("default-src 'none'; style-src 'self'")
        );
        assert!(!header("content-security-policy").contains("unsafe"));
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert!(!page.body.contains("<script"));
    }
}

#[rstest]
#[case::another_name("GET", "/users", &[("host", "localhost:1")], 421)]
#[case::a_name_that_was_bound_anew("GET", "/users", &[("host", "evil.example")], 421)]
#[case::in_advance("GET", "/users", &[("sec-purpose", "prefetch")], 400)]
#[case::head("HEAD", "/users", &[], 405)]
#[case::put("PUT", "/users", &[], 405)]
#[case::options("OPTIONS", "/users/u1/lock", &[], 405)]
#[case::a_form_by_address("GET", "/users/u1/unlock", &[], 404)]
#[case::no_text("GET", "/users/%ff", &[], 400)]
#[case::twice("GET", "/users?prefix=a&prefix=b", &[], 400)]
#[case::nul("GET", "/users?prefix=%00", &[], 400)]
#[case::no_cookie("GET", "/users", &[("cookie", "sc-console=x")], 403)]
#[tokio::test]
async fn what_is_no_request_of_ours_is_refused_in_a_page(
    #[case] method: &str,
    #[case] path: &str,
    #[case] headers: &[(&str, &str)],
    #[case] status: u16,
) {
    let setting = Setting::start().await;
    setting.open().await;
    let before = setting.api.requests().len();
    let answer = send(&setting, method, path, headers, "").await;
    assert_eq!(answer.0, status, "{answer:?}");
    assert_eq!(setting.api.requests().len(), before);
    assert!(
        method == "HEAD" || answer.1.contains("</html>"),
        "{answer:?}"
    );
}

/// Attacks: AD53.
#[rstest]
#[case::of_a_page_here(&[], "", 303)]
#[case::cross_site(&[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], "", 403)]
#[case::of_another_port(&[("origin", "http://127.0.0.1:1"), ("sec-fetch-site", "same-site")], "", 403)]
#[case::that_hides_where(&[("origin", "null")], "", 403)]
#[case::without_a_token(&[], "form=", 409)]
#[case::with_another_token(&[], "form=a", 409)]
#[case::of_another_type(&[("content-type", "text/plain")], "", 415)]
#[case::with_a_field_twice(&[], "&do=x", 400)]
#[tokio::test]
async fn a_form_counts_from_a_page_of_the_console_alone(
    #[case] headers: &[(&str, &str)],
    #[case] body: &str,
    #[case] status: u16,
) {
    let setting = Setting::start().await;
    setting.open().await;
    let token = setting.get("/users/u1/lock").await.form("confirm").unwrap();
    let token = token.value("form").unwrap().to_owned();
    let body = match body {
        "" => format!("form={token}&do=x"),
        more if more.starts_with('&') => format!("form={token}&do=x{more}"),
        whole => whole.to_owned(),
    };
    let (got, page) = send(&setting, "POST", "/users/u1/lock", headers, &body).await;
    assert_eq!(got, status, "{page}");
    let done = setting.api.changes();
    assert_eq!(
        done,
        if status == 303 {
            vec!["POST /admin/v1/users/u1/lock"]
        } else {
            vec![]
        }
    );
}

/// Attacks: AD53.
#[tokio::test]
async fn an_old_form_that_is_sent_twice_has_one_effect() {
    let setting = Setting::start().await;
    setting.open().await;
    let page = setting.get("/new-client").await;
    let form = page.form("register").unwrap().with("client_name", "Wiki");
    let first = setting.browser.submit(form.clone()).await.unwrap();
    assert_eq!(first.status, 200, "{first}");
    let second = setting.browser.submit(form).await.unwrap();
    assert_eq!(second.status, 409, "{second}");
    assert!(second.body.contains("was sent already"), "{second}");
    assert_eq!(setting.api.changes(), ["POST /admin/v1/clients"]);
    let long = format!("form=x&a={}", "a".repeat(70_000));
    assert_eq!(
        send(&setting, "POST", "/new-client", &[], &long).await.0,
        413
    );
}

#[tokio::test]
async fn a_sign_in_that_is_due_leads_back_to_the_page() {
    let setting = Setting::start().await;
    setting.open().await;
    setting.api.once("GET /admin/v1/users", STEP_UP);
    setting.issuer.steps_up();
    let page = setting.get("/users?prefix=b").await;
    assert_eq!(
        (page.status, page.url.query()),
        (200, Some("prefix=b")),
        "{page}"
    );
    assert!(page.body.contains("<bdi>bob</bdi>"), "{page}");
    // One round, and no more: a server that asks again has not got what it wants.
    setting.api.always("GET /admin/v1/users", STEP_UP);
    let page = setting.get("/users").await;
    assert_eq!(page.status, 403, "{page}");
    assert!(page.has("sign-in-again"), "{page}");
}

#[tokio::test]
async fn a_form_is_kept_while_its_user_signs_in_again() {
    let setting = Setting::start().await;
    setting.open().await;
    let page = setting.get("/users/u1/end").await;
    setting.api.once("POST /admin/v1/users/u1/end", STEP_UP);
    setting.issuer.steps_up();
    let form = page.form("confirm").unwrap().with("name", "ada");
    let page = setting.browser.submit(form).await.unwrap();
    assert_eq!(page.status, 403, "{page}");
    assert!(page.body.contains("Nothing was done yet"), "{page}");
    let page = setting.follow(&page, "sign-in-again").await;
    assert!(page.body.contains("You are signed in again"), "{page}");
    assert!(page.body.contains(">End everything</button>"), "{page}");
    let kept = page.form("kept-submit").unwrap();
    assert_eq!(kept.value("name"), Some("ada"));
    let done = setting.browser.submit(kept).await.unwrap();
    assert!(
        done.body.contains("Every session and every grant"),
        "{done}"
    );
    assert_eq!(setting.api.changes().len(), 2, "one refused, one done");
    let again = setting.browser.visit(page.url.as_str()).await.unwrap();
    assert_eq!(again.status, 404, "{again}");
}

#[tokio::test]
async fn two_consoles_of_one_computer_are_signed_in_to_at_once() {
    let (one, other) = (Setting::start().await, Setting::start().await);
    let browser = &one.browser;
    let leave = async |setting: &Setting| {
        let left = browser.clone().stopping_at(setting.issuer.url());
        let page = left.visit(&setting.opened).await.unwrap();
        setting.issuer.authorize(&page.url).await
    };
    let back = [leave(&one).await, leave(&other).await];
    for back in back {
        let front = browser.visit(back.as_str()).await.unwrap();
        assert!(front.body.contains("The server is well"), "{front}");
    }
}

#[tokio::test]
async fn an_answer_counts_in_the_browser_that_left_for_it() {
    let setting = Setting::start().await;
    let left = setting.browser.clone().stopping_at(setting.issuer.url());
    let page = left.visit(&setting.opened).await.unwrap();
    assert_eq!(page.status, 0, "{page}");
    let back = setting.issuer.authorize(&page.url).await;
    let eve = Browser::new("", "").unwrap();
    assert_eq!(eve.visit(back.as_str()).await.unwrap().status, 400);
    let mut wrong = back.clone();
    wrong.set_query(Some("code=x&state=y"));
    assert_eq!(
        setting.browser.visit(wrong.as_str()).await.unwrap().status,
        400
    );
    let front = setting.browser.visit(back.as_str()).await.unwrap();
    assert!(front.body.contains("The server is well"), "{front}");
    assert_eq!(
        setting.browser.visit(back.as_str()).await.unwrap().status,
        400
    );
}

/// Attacks: AD49.
#[tokio::test]
async fn who_is_taken_out_of_the_administrators_is_told_so_at_the_next_request() {
    let setting = Setting::start().await;
    setting.open().await;
    let gone = problem(403, "administrator-no-longer");
    setting.api.always("GET /admin/v1/users", gone);
    let page = setting.get("/users").await;
    assert_eq!(page.status, 403, "{page}");
    assert!(
        page.body.contains("taken out of the administrators"),
        "{page}"
    );
    assert!(page.body.contains("administrator-no-longer"), "{page}");
    assert!(page.has("sign-in-again"));
}

fn problem(status: u16, name: &str) -> (StatusCode, Value) {
    let mut problem: Value = serde_json::from_str(PROBLEM).unwrap();
    problem["type"] = format!("https://id.example/errors/{name}").into();
    (StatusCode::from_u16(status).unwrap(), problem)
}

#[tokio::test]
async fn what_the_api_refuses_is_said_and_what_it_breaks_is_no_fault_of_the_page() {
    let setting = Setting::start().await;
    setting.open().await;
    for (answer, status) in [
        (problem(404, "thing-not-found"), 404),
        (problem(409, "last-administrator"), 409),
        (problem(503, "unavailable"), 502),
        ((StatusCode::OK, json!({"items": 5})), 502),
        ((StatusCode::OK, json!("<html>")), 502),
        ((StatusCode::FOUND, json!({})), 502),
    ] {
        setting.api.once("GET /admin/v1/keys", answer);
        let page = setting.get("/keys").await;
        assert_eq!(page.status, status, "{page}");
        assert!(page.body.contains("id=\"problem\""), "{page}");
    }
    setting
        .api
        .once("GET /admin/v1/events", problem(400, "value-refused"));
    let page = setting.get("/events?kind=x").await;
    assert_eq!(page.status, 400, "{page}");
    assert!(
        page.body.contains("value=\"x\""),
        "the form is as it was: {page}"
    );
    setting.api.stop().await;
    let page = setting.get("/keys").await;
    assert_eq!(page.status, 502, "{page}");
}

#[tokio::test]
async fn a_new_secret_is_shown_once_and_stands_in_no_address() {
    let setting = Setting::start().await;
    setting.open().await;
    let page = setting.get("/new-client").await;
    let form = page.form("register").unwrap();
    let form = form.with("client_name", "Wiki").with(
        "redirect_uris",
        "https://a.example/cb\r\nhttps://b.example/cb",
    );
    let shown = setting.browser.submit(form).await.unwrap();
    assert_eq!(shown.status, 200);
    let sent = setting.api.last_body("POST /admin/v1/clients");
    assert_eq!(
        sent["redirect_uris"],
        json!(["https://a.example/cb", "https://b.example/cb"])
    );
    assert_eq!(sent["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(shown.body.matches(setting::SECRET).count(), 2, "{shown}");
    assert!(!shown.url.as_str().contains(setting::SECRET));
    for words in [
        "/.well-known/openid-configuration",
        "OIDC_ISSUER=",
        "OIDC_CLIENT_ID=wiki",
    ] {
        assert!(shown.body.contains(words), "{words}");
    }
    let again = setting.browser.visit(shown.url.as_str()).await.unwrap();
    assert!(!again.body.contains(setting::SECRET), "{again}");

    let client = setting.get("/clients/wiki").await;
    let form = client.form("rotate").unwrap();
    let wrong = setting
        .browser
        .submit(form.clone().with("hours", "-1"))
        .await
        .unwrap();
    assert_eq!(wrong.status, 400);
    let client = setting.get("/clients/wiki").await;
    let form = client.form("rotate").unwrap().with("hours", "24");
    let shown = setting.browser.submit(form).await.unwrap();
    assert!(shown.body.contains(setting::SECRET), "{shown}");
    let sent = setting.api.last_body("POST /admin/v1/clients/wiki/secrets");
    assert_eq!(sent, json!({"overlap": 86400}));
}

#[tokio::test]
async fn what_ends_much_is_counted_first_and_wants_the_name_typed() {
    let setting = Setting::start().await;
    setting.open().await;
    for (path, name, change) in [
        ("/users/u1/end", "ada", "POST /admin/v1/users/u1/end"),
        (
            "/clients/wiki/delete",
            "wiki",
            "DELETE /admin/v1/clients/wiki",
        ),
        (
            "/groups/staff/remove",
            "staff",
            "DELETE /admin/v1/groups/staff",
        ),
        (
            "/users/u1/administrator",
            "ada",
            "DELETE /admin/v1/administrators/u1",
        ),
    ] {
        let before = setting.api.changes().len();
        let page = setting.get(path).await;
        let form = page.form("confirm").unwrap();
        let wrong = setting
            .browser
            .submit(form.with("name", "another"))
            .await
            .unwrap();
        assert_eq!(wrong.status, 422, "{wrong}");
        assert_eq!(setting.api.changes().len(), before, "{path}");
        let done = wrong.form("confirm").unwrap().with("name", name);
        let done = setting.browser.submit(done).await.unwrap();
        assert!(done.body.contains("id=\"done\""), "{done}");
        assert_eq!(setting.api.changes().last().unwrap(), change);
    }
    let page = setting.get("/users/u1/end").await;
    assert!(page.body.contains("12 sessions and 40 grants"), "{page}");
    // Only what was seen goes.
    for change in [
        "DELETE /admin/v1/clients/wiki",
        "DELETE /admin/v1/groups/staff",
    ] {
        assert_eq!(setting.api.last_header(change, "if-match"), "\"7\"");
    }
    let page = setting.get("/groups/staff").await;
    let form = page.form("change-group").unwrap();
    setting.browser.submit(form).await.unwrap();
    let seen = setting
        .api
        .last_header("PUT /admin/v1/groups/staff", "if-match");
    assert_eq!(seen, "\"7\"");
}

/// Attacks: AD54.
#[tokio::test]
async fn what_others_have_written_acts_on_no_page() {
    let setting = Setting::start().await;
    setting.open().await;
    setting.api.nasty();
    for path in [
        "/",
        "/users",
        "/users/u1",
        "/users/u1/end",
        "/users/u1/lock",
        "/users/u1/administrator",
        "/sessions",
        "/sessions/s1",
        "/grants",
        "/grants/g1",
        "/clients",
        "/clients/wiki",
        "/clients/wiki/settings",
        "/clients/wiki/delete",
        "/groups",
        "/groups/staff",
        "/groups/staff/remove",
        "/keys",
        "/events",
        "/deliveries",
        "/explain/r1",
        "/search?q=x",
        "/users?prefix=%3Cscript%3E%22%E2%80%AE",
    ] {
        let page = setting.get(path).await;
        assert_eq!(page.status, 200, "{page}");
        assert!(
            !page.body.contains("<script") && !page.body.contains("<img"),
            "{page}"
        );
        assert!(!page.body.contains('\u{202e}'), "{page}");
        assert!(!page.body.contains("\" onerror"), "{page}");
    }
    let events = setting.get("/events.jsonl").await;
    assert_eq!(events.headers["content-type"], "application/jsonl");
    let line: Value = serde_json::from_str(events.body.lines().next().unwrap()).unwrap();
    assert_eq!(line["detail"], NASTY);
}

#[tokio::test]
async fn one_box_finds_what_is_called_so() {
    let setting = Setting::start().await;
    setting.open().await;
    let find = async |q: &str| setting.get(&format!("/search?q={q}")).await;
    let several = find("b").await;
    assert!(
        several.body.contains("/clients/b\"") && several.body.contains("/users/u2"),
        "{several}"
    );
    for name in [
        "GET /admin/v1/clients/{}",
        "GET /admin/v1/grants/{}",
        "GET /admin/v1/sessions/{}",
    ] {
        setting
            .api
            .always(&name.replace("{}", "bob"), problem(404, "thing-not-found"));
    }
    let none = json!({"items": []});
    setting
        .api
        .always("GET /admin/v1/events", (StatusCode::OK, none.clone()));
    let one = find("bob").await;
    assert!(one.url.path().ends_with("/users/u2"), "{one}");
    setting
        .api
        .always("GET /admin/v1/users", (StatusCode::OK, none));
    let nothing = find("bob").await;
    assert!(
        nothing.body.contains("Nothing is called <bdi>bob</bdi>"),
        "{nothing}"
    );
    assert_eq!(find("..").await.status, 200);
}

#[tokio::test]
async fn pages_of_a_list_follow_each_other_and_an_export_has_all_of_them() {
    let setting = Setting::start().await;
    setting.open().await;
    let page = json!({"items": [setting::user("u2", "bob")], "next_cursor": "c 1"});
    setting
        .api
        .once("GET /admin/v1/users", (StatusCode::OK, page));
    let first = setting.get("/users?prefix=b").await;
    let second = setting.follow(&first, "more").await;
    assert_eq!(second.url.query(), Some("prefix=b&cursor=c+1"));
    assert!(!second.has("more"), "{second}");
    let asked = setting.api.last_query("GET /admin/v1/users");
    assert_eq!(asked, "prefix=b&limit=50&cursor=c+1");

    let part = |next: Option<&str>| {
        (
            StatusCode::OK,
            json!({"items": [{"id": "e1"}, {"id": "e2"}], "next_cursor": next}),
        )
    };
    let events = "GET /admin/v1/events";
    for answer in [part(Some("1")), part(Some("2")), part(None)] {
        setting.api.once(events, answer);
    }
    let all = setting
        .get("/events.jsonl?user=ada&since=2027-01-15T08:00")
        .await;
    assert_eq!(all.body.lines().count(), 6);
    let asked = setting.api.last_query(events);
    assert_eq!(
        asked,
        "user=ada&since=2027-01-15T08%3A00%3A00Z&limit=200&cursor=2"
    );
    // Half of it is not taken for the whole.
    for answer in [part(Some("1")), problem(503, "unavailable")] {
        setting.api.once(events, answer);
    }
    let url = format!("{}/events.jsonl", setting.base());
    assert!(setting.browser.visit(&url).await.is_err());
}

#[tokio::test]
async fn signing_out_revokes_what_the_console_was_given() {
    let setting = Setting::start().await;
    let front = setting.open().await;
    let form = front.form("sign-out").unwrap();
    let out = setting.browser.submit(form).await.unwrap();
    assert!(out.body.contains("You are signed out"), "{out}");
    assert_eq!(setting.issuer.revocations(), 1);
    let in_again = setting.follow(&out, "sign-in-again").await;
    assert!(
        in_again.body.contains("Signed in as <bdi>ada</bdi>"),
        "{in_again}"
    );
    let signed_in = setting.signed_in.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(signed_in, 2);
}

#[tokio::test]
async fn it_is_for_this_computer_alone() {
    let setting = Setting::start().await;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = setting.bind(address).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("other computers")));
    }
    assert!(setting.bind("[::1]:0").await.is_ok());
}
