//! An axum app from outside: pages, redirects, forms, and the API behind it.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, Method, StatusCode, header};
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use rstest::rstest;
use safeconduct_client::axum::{Api, User};
use safeconduct_client::testing::{self, FakeIssuer, Fault, Page, TestApp, Visitor};
use safeconduct_client::{Client, Error, KeyRing};
use tower_service::Service;

use crate::session;
use crate::stores::DeadStore;

/// An API that notes every `Authorization` it sees, and refuses the first so many.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(Vec<String>, usize)>>);

async fn api(seen: Seen) -> String {
    let notes = async |State(seen): State<Seen>, headers: HeaderMap| {
        let bearer = headers[header::AUTHORIZATION].to_str().unwrap().to_owned();
        let mut seen = seen.0.lock().unwrap();
        seen.0.push(bearer);
        if seen.0.len() <= seen.1 {
            let challenge = [(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)];
            return Err((StatusCode::UNAUTHORIZED, challenge));
        }
        Ok(Json(["buy milk"]))
    };
    let router = Router::new()
        .route("/notes", get(notes))
        .route("/forbidden", get(async || StatusCode::FORBIDDEN))
        .route(
            "/moved",
            get(async || {
                (
                    StatusCode::FOUND,
                    [(header::LOCATION, "https://evil.example/")],
                )
            }),
        )
        .with_state(seen);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

pub(crate) fn router(client: Client) -> Router {
    let resource = client.resource().unwrap_or_default().to_owned();
    let home = async |user: Option<User>| {
        Html(match user {
            Some(user) => format!(
                "Hello, {}. {}",
                user.display_name().escaped(),
                user.logout_form()
            ),
            None => "Hello, stranger.".to_owned(),
        })
    };
    let call = |path: &'static str| {
        let url = format!("{resource}{path}");
        get(async move |api: Api| {
            let answer = api.get(&url).await?.error_for_status()?;
            Ok::<_, Error>(Json(answer.json::<Vec<String>>().await?))
        })
    };
    Router::new()
        .route("/", get(home))
        .route(
            "/private",
            get(async |user: User| user.session_id().to_owned()).post(async |_: User| "done"),
        )
        .route("/notes", call("/notes"))
        .route("/forbidden", call("/forbidden"))
        .route("/moved", call("/moved"))
        .route(
            "/elsewhere",
            get(async |api: Api| {
                Ok::<_, Error>(api.get("https://evil.example/notes").await?.text())
            }),
        )
        .merge(client.routes())
        .layer(client.layer())
}

async fn app() -> TestApp {
    testing::app(router).await
}

/// The value of the hidden field in the sign-out form.
pub(crate) fn csrf_token(page: &Page) -> String {
    let (_, rest) = page
        .text()
        .split_once(r#"name="csrf_token" value=""#)
        .unwrap();
    rest.split('"').next().unwrap().to_owned()
}

pub(crate) const ORIGIN: &str = "http://localhost:8421";

#[tokio::test]
async fn a_person_signs_in_and_comes_back_to_where_they_were() {
    let app = app().await;
    let visitor = app.visitor();
    let page = visitor.get("/private?x=1").await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(page.location(), Some("/auth/login?next=%2Fprivate%3Fx%3D1"));
    let page = visitor.get(page.location().unwrap()).await;
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(
        (page.status(), page.location()),
        (StatusCode::SEE_OTHER, Some("/private?x=1"))
    );
    assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(visitor.get("/private?x=1").await.status(), StatusCode::OK);
    assert!(
        !visitor.cookies().contains("sc-login-"),
        "the attempt is cleared away"
    );
}

/// Attacks: L27.
#[tokio::test]
async fn a_name_is_shown_escaped_and_not_cached_for_others() {
    let app = app().await;
    let page = app.signed_in("<alice>").await.get("/").await;
    assert!(
        page.text().starts_with("Hello, &lt;alice&gt;."),
        "{}",
        page.text()
    );
    assert_eq!(page.headers()[header::CACHE_CONTROL], "private, no-cache");
    assert_eq!(page.headers()[header::VARY], "Cookie");
    let page = app.visitor().get("/").await;
    assert_eq!(page.text(), "Hello, stranger.");
    assert!(!page.headers().contains_key(header::CACHE_CONTROL));
}

#[tokio::test]
async fn a_script_is_told_and_not_redirected() {
    let app = app().await;
    let visitor = app.visitor();
    for method in [Method::GET, Method::POST] {
        let page = visitor.fetch(method, "/private").await;
        assert_eq!(
            (page.status(), page.location()),
            (StatusCode::UNAUTHORIZED, Some("/auth/login"))
        );
        let body: serde_json::Value = serde_json::from_str(page.text()).unwrap();
        assert_eq!(
            (&body["error"], &body["login_url"]),
            (&"sign-in-required".into(), &"/auth/login".into())
        );
    }
    let posted = visitor.post_from(ORIGIN, "/private", &[]).await;
    assert_eq!(
        posted.status(),
        StatusCode::UNAUTHORIZED,
        "a form is not replayed as a GET"
    );
}

/// Attacks: K11.
#[rstest]
#[case("https://evil.example")]
#[case("//evil.example")]
#[case("/\\evil.example")]
#[case("/%2F/evil.example")]
#[case("/auth/login")]
#[case("/auth/logout")]
#[case("javascript:alert(1)")]
#[tokio::test]
async fn nobody_is_sent_elsewhere_after_signing_in(#[case] next: &str) {
    let app = app().await;
    let visitor = app.visitor();
    let query: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let page = visitor.get(&format!("/auth/login?next={query}")).await;
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(page.location(), Some("/"));
}

#[tokio::test]
async fn a_sign_in_that_fails_is_explained_on_a_page() {
    let app = app().await;
    let visitor = app.visitor();
    app.issuer.script([Fault::Denies("access_denied")]);
    let page = visitor.get("/auth/login").await;
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    let text = page.text();
    assert!(
        text.contains("The sign-in was not allowed, so nothing was shared."),
        "{text}"
    );
    assert!(
        text.contains(r#"href="/auth/login">Start again</a>"#) && text.contains("access-denied")
    );
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'nonce-"));
    assert!(
        !visitor.cookies().contains("sc-login-"),
        "the attempt is over"
    );
}

#[tokio::test]
async fn what_a_stranger_sends_is_never_markup() {
    let app = app().await;
    let page = app
        .visitor()
        .get("/auth/callback?state=%3Cscript%3E&error=%3Cscript%3E&iss=%3Cb%3E")
        .await;
    assert_eq!(page.status(), StatusCode::BAD_REQUEST);
    assert!(!page.text().contains("<script>") && !page.text().contains("<b>"));
}

#[tokio::test]
async fn signing_out_needs_the_form_of_this_very_session() {
    let app = app().await;
    let alice = app.signed_in("alice").await;
    let bob = app.signed_in("bob").await;
    let token = csrf_token(&alice.get("/").await);
    let bobs = csrf_token(&bob.get("/").await);
    let refused = async |origin: &str, token: &str| {
        let page = alice
            .post_from(origin, "/auth/logout", &[("csrf_token", token)])
            .await;
        page.status() == StatusCode::FORBIDDEN
    };
    assert!(refused(ORIGIN, "").await && refused(ORIGIN, &bobs).await);
    assert!(refused("http://localhost:8422", &token).await && refused("null", &token).await);
    assert_eq!(
        alice.get("/auth/logout").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(app.issuer.revocations(), 0);
    assert_eq!(alice.get("/private").await.status(), StatusCode::OK);

    let page = alice
        .post_from(ORIGIN, "/auth/logout", &[("csrf_token", &token)])
        .await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(app.issuer.revocations(), 1);
    assert_eq!(alice.cookies(), "");
    assert_eq!(bob.get("/private").await.status(), StatusCode::OK);
    let again = alice.post_from(ORIGIN, "/auth/logout", &[]).await;
    assert_eq!(
        again.status(),
        StatusCode::SEE_OTHER,
        "signing out twice is no error"
    );
}

#[rstest]
#[case::from_another_site(&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN)]
#[case::from_a_neighbour(&[("sec-fetch-site", "same-site"), ("origin", ORIGIN)], StatusCode::FORBIDDEN)]
#[case::from_another_origin(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], StatusCode::FORBIDDEN)]
#[case::from_a_page_without_referrer(&[("sec-fetch-site", "same-origin"), ("origin", "null")], StatusCode::SEE_OTHER)]
#[case::from_a_page_of_the_app(&[("sec-fetch-site", "same-origin"), ("origin", ORIGIN)], StatusCode::SEE_OTHER)]
#[tokio::test]
async fn only_a_page_of_the_app_signs_out(
    #[case] headers: &[(&str, &str)],
    #[case] expected: StatusCode,
) {
    let app = app().await;
    let alice = app.signed_in("alice").await;
    let token = csrf_token(&alice.get("/").await);
    let mut request = axum::extract::Request::post("/auth/logout");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(format!("csrf_token={token}").into());
    assert_eq!(alice.send(request.unwrap()).await.status(), expected);
}

/// An app whose API is at the returned log.
async fn app_with_api(refusals: usize) -> (TestApp, Visitor, Seen) {
    let seen = Seen::default();
    seen.0.lock().unwrap().1 = refusals;
    let url = api(seen.clone()).await;
    let app = testing::app_with(|client| client.resource(url), router).await;
    let visitor = app.signed_in("alice").await;
    (app, visitor, seen)
}

#[tokio::test]
async fn the_api_is_called_with_the_persons_token() {
    let (app, visitor, seen) = app_with_api(0).await;
    let page = visitor.fetch(Method::GET, "/notes").await;
    assert_eq!(
        (page.status(), page.text()),
        (StatusCode::OK, r#"["buy milk"]"#)
    );
    assert!(seen.0.lock().unwrap().0[0].starts_with("Bearer ey"));
    assert_eq!(app.issuer.refreshes(), 0);
}

#[tokio::test]
async fn a_token_the_api_refuses_is_renewed_once() {
    let (app, visitor, seen) = app_with_api(1).await;
    assert_eq!(visitor.get("/notes").await.status(), StatusCode::OK);
    let tokens = seen.0.lock().unwrap().0.clone();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1]);
    assert_eq!(app.issuer.refreshes(), 1);
}

#[tokio::test]
async fn an_api_that_goes_on_refusing_causes_no_storm() {
    let (app, visitor, _) = app_with_api(1000).await;
    for _ in 0..5 {
        assert_eq!(
            visitor.get("/notes").await.status(),
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(app.issuer.refreshes(), 1);
    assert_eq!(
        visitor.get("/private").await.status(),
        StatusCode::OK,
        "nobody is signed out"
    );
}

/// Attacks: K19.
#[tokio::test]
async fn a_token_goes_to_its_resource_and_nowhere_else() {
    let (_, visitor, _) = app_with_api(0).await;
    let page = visitor.fetch(Method::GET, "/elsewhere").await;
    assert_eq!(page.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        page.text().contains("api-outside-resource"),
        "{}",
        page.text()
    );
    let page = visitor.fetch(Method::GET, "/notes").await;
    assert_eq!(page.status(), StatusCode::OK);
    let without_resource = app()
        .await
        .signed_in("alice")
        .await
        .fetch(Method::GET, "/notes")
        .await;
    assert!(without_resource.text().contains("api-outside-resource"));
}

#[tokio::test]
async fn what_the_api_refuses_has_its_own_status() {
    let (_, visitor, _) = app_with_api(0).await;
    assert_eq!(
        visitor.get("/forbidden").await.status(),
        StatusCode::FORBIDDEN
    );
    let moved = visitor.get("/moved").await;
    assert_eq!(
        moved.status(),
        StatusCode::BAD_GATEWAY,
        "a redirect is not followed"
    );
    assert!(!moved.text().contains("evil"));
}

#[tokio::test]
async fn a_session_the_server_ended_leads_back_to_the_sign_in() {
    let (app, visitor, _) = app_with_api(1).await;
    app.issuer.revoke_everything();
    let page = visitor.get("/notes").await;
    assert_eq!(page.location(), Some("/auth/login?next=%2Fnotes"));
    assert_eq!(
        visitor.fetch(Method::GET, "/private").await.status(),
        StatusCode::UNAUTHORIZED
    );
}

/// A link that is prefetched, a preview, a mail scanner's HEAD.
#[tokio::test]
async fn what_a_browser_does_on_its_own_begins_nothing_and_redeems_nothing() {
    let app = testing::app(router).await;
    let visitor = app.visitor();
    let page = visitor.get("/auth/login").await;
    let url = url::Url::parse(page.location().unwrap()).unwrap();
    let back = app.issuer.authorize(&url).await;
    let callback = format!("/auth/callback?{}", back.query().unwrap());
    let cookies = visitor.cookies();
    for path in ["/auth/login", &callback, "/auth/logged-out?state=x"] {
        let page = visitor.fetch(Method::HEAD, path).await;
        assert_eq!(page.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(page.headers()[header::ALLOW], "GET", "{path}");
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
        ] {
            let request = Request::get(path).header(name, value);
            let page = visitor.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(page.status(), StatusCode::FORBIDDEN, "{path} {value}");
            assert!(!page.headers().contains_key(header::SET_COOKIE));
            assert!(!page.headers().contains_key(header::LOCATION));
        }
    }
    assert_eq!(visitor.cookies(), cookies);
    assert!(visitor.get(&callback).await.location().is_some());
    assert!(!visitor.cookies().contains("sc-login-"), "it counted now");
}

#[tokio::test]
async fn an_outage_of_the_store_signs_nobody_out() {
    let dead = |client: safeconduct_client::ClientBuilder| {
        let client = client.cookie_name("sc-app");
        client.store(DeadStore).session_keys(KeyRing::generate())
    };
    let app = testing::app_with(dead, router).await;
    let visitor = app.visitor();
    visitor.keep([format!("sc-app={}", "A".repeat(43)).as_str()]);
    let page = visitor.get("/private").await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.headers().contains_key(header::RETRY_AFTER));
    assert!(!page.headers().contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn a_missing_layer_is_a_clear_mistake() {
    let app = testing::app(|_| Router::new().route("/", get(async |_: User| "never"))).await;
    let page = app.visitor().get("/").await;
    assert_eq!(page.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.text().contains("client-misconfigured"));
}

/// Two issuers with a client each, and the app that `layered` makes of them.
async fn two_clients(layered: impl FnOnce(Router, &Client, &Client) -> Router) -> TwoClients {
    let issuers = [FakeIssuer::start().await, FakeIssuer::start().await];
    let [a, b] = [("a", &issuers[0]), ("b", &issuers[1])].map(|(name, issuer)| {
        let client = issuer
            .client()
            .cookie_name(format!("app-{name}"))
            .routes_path(format!("/auth/{name}"));
        client.build().unwrap()
    });
    let alone = [a.clone(), b.clone()];
    let at_each = async move |extensions: Extensions| {
        let mut names = Vec::new();
        for client in &alone {
            let user = client.user_in(&extensions).await?;
            names.push(user.map(|user| user.sub().unwrap().to_owned()));
        }
        Ok::<_, Error>(format!("{names:?}"))
    };
    let pages = Router::new()
        .route(
            "/",
            get(async |user: User| {
                format!("{} at {}", user.sub().unwrap(), user.client().issuer())
            }),
        )
        .route(
            "/perhaps",
            get(async |user: Option<User>| {
                format!("{:?}", user.map(|user| user.sub().unwrap().to_owned()))
            }),
        )
        .route("/each", get(at_each))
        .route(
            "/token",
            get(async |user: User| user.access_token().await.map(|_| "good")),
        );
    let router = layered(pages, &a, &b).merge(a.routes()).merge(b.routes());
    TwoClients {
        issuers,
        clients: [a, b],
        router,
    }
}

struct TwoClients {
    issuers: [FakeIssuer; 2],
    clients: [Client; 2],
    router: Router,
}

impl TwoClients {
    /// The `Cookie` header of `name`, who signed in with the client of this number.
    async fn signed_in(&self, number: usize, name: &str) -> String {
        self.issuers[number].signs_in(name);
        session(&self.clients[number], &self.issuers[number])
            .await
            .1
    }

    /// The status, and where a redirect leads or else the body.
    async fn get(&self, path: &str, cookies: &str) -> (StatusCode, String) {
        let request = axum::extract::Request::get(path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookies)
            .body(axum::body::Body::empty());
        let response = self.router.clone().call(request.unwrap()).await.unwrap();
        let status = response.status();
        let location = response.headers().get(header::LOCATION).cloned();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        let text = match location {
            Some(location) => location.to_str().unwrap().to_owned(),
            None => String::from_utf8(body.to_vec()).unwrap(),
        };
        (status, text)
    }
}

/// Attacks: K04, LI52.
#[rstest]
#[case::a_outside(|pages: Router, a: &Client, b: &Client| pages.layer(b.layer()).layer(a.layer()), "b")]
#[case::b_outside(|pages: Router, a: &Client, b: &Client| pages.layer(a.layer()).layer(b.layer()), "a")]
#[case::a_twice(|pages: Router, a: &Client, b: &Client| pages.layer(a.layer()).layer(b.layer()).layer(a.layer()), "a")]
#[tokio::test]
async fn two_clients_in_one_app_find_their_own_visitors_in_either_order(
    #[case] layered: fn(Router, &Client, &Client) -> Router,
    #[case] nearest: &str,
) {
    let app = two_clients(layered).await;
    let alice = app.signed_in(0, "alice").await;
    let bob = app.signed_in(1, "bob").await;
    let issuer = |number: usize| app.issuers[number].url();

    let ok = |text: String| (StatusCode::OK, text);
    assert_eq!(
        app.get("/", &alice).await,
        ok(format!("alice at {}", issuer(0)))
    );
    assert_eq!(
        app.get("/", &bob).await,
        ok(format!("bob at {}", issuer(1)))
    );
    let both = format!("{alice}; {bob}");
    let (name, number) = match nearest {
        "a" => ("alice", 0),
        _ => ("bob", 1),
    };
    assert_eq!(
        app.get("/", &both).await,
        ok(format!("{name} at {}", issuer(number)))
    );
    assert_eq!(app.get("/each", &alice).await.1, r#"[Some("alice"), None]"#);
    assert_eq!(app.get("/each", &bob).await.1, r#"[None, Some("bob")]"#);
    assert_eq!(
        app.get("/each", &both).await.1,
        r#"[Some("alice"), Some("bob")]"#
    );

    assert_eq!(app.get("/perhaps", "").await, ok("None".to_owned()));
    let (status, location) = app.get("/", "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(location, format!("/auth/{nearest}/login?next=%2F"));
}

#[rstest]
#[case::a_outside(|pages: Router, a: &Client, b: &Client| pages.layer(b.layer()).layer(a.layer()))]
#[case::b_outside(|pages: Router, a: &Client, b: &Client| pages.layer(a.layer()).layer(b.layer()))]
#[tokio::test]
async fn a_session_that_ended_leads_to_the_sign_in_of_its_own_client(
    #[case] layered: fn(Router, &Client, &Client) -> Router,
) {
    let app = two_clients(layered).await;
    for (number, name) in [(0, "a"), (1, "b")] {
        let issuer = &app.issuers[number];
        issuer.access_lifetime(Some(0));
        let cookie = app.signed_in(number, "alice").await;
        issuer.revoke_everything();
        let (status, location) = app.get("/token", &cookie).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{location}");
        assert_eq!(location, format!("/auth/{name}/login?next=%2Ftoken"));
    }
}

/// An app that is registered by its origin alone: the answer comes to its front page, and the page itself is served as ever.
#[tokio::test]
async fn an_answer_that_comes_to_the_origin_is_taken_before_the_front_page() {
    let to_origin = |client: safeconduct_client::ClientBuilder| client.return_to_origin(true);
    let app = testing::app_with(to_origin, router).await;
    let uri = app.client.redirect_uri().unwrap();
    assert!(!uri.trim_start_matches("http://").contains('/'), "{uri}");
    let ada = app.visitor();
    let leaving = ada.get("/auth/login?next=/?tab=2").await;
    let asked = leaving.location().unwrap();
    let sent: String = form_urlencoded::byte_serialize(uri.as_bytes()).collect();
    assert!(asked.contains(&format!("redirect_uri={sent}&")), "{asked}");
    let back = ada.follow_through_issuer(&leaving).await;
    assert_eq!(back.status(), StatusCode::SEE_OTHER, "{}", back.text());
    assert_eq!(back.location(), Some("/?tab=2"));
    for page in ["/", "/?tab=2", "/?state=x", "/?code=x"] {
        let page = ada.get(page).await;
        assert!(page.text().starts_with("Hello, "), "{}", page.text());
    }
    // Somebody else's answer is refused, and nobody is signed out by it.
    for forged in ["/?code=x&state=y", "/?error=access_denied&state=y"] {
        let page = ada.get(forged).await;
        assert!(page.status().is_client_error(), "{}", page.text());
    }
    assert!(ada.get("/").await.text().starts_with("Hello, "));
}
