//! Step-up (RFC 9470): an API asks for more than the sign-in was, and the app goes one round for it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::routing::{delete, get};
use rstest::rstest;
use safeconduct_client::axum::{Api, User};
use safeconduct_client::testing::{self, Fault, IdTokenFlaw, Page, TestApp, Visitor};
use safeconduct_client::{
    Begin, BeginOptions, Client, ClientBuilder, Error, ErrorKind, LoginOptions, Prompt, StepUp,
};
use serde_json::{Value, json};

use crate::{issuer_and_clock, kind, parameter, session};

/// An API that judges access tokens by a rule of the test, and answers 401 with the challenge that it gives.
#[derive(Clone)]
struct Judge(Arc<Mutex<Challenge>>);

type Challenge = Box<dyn Fn(&Value) -> Option<&'static str> + Send>;

const BOTH: &str = r#"Bearer error="insufficient_user_authentication", acr_values="phr mfa", max_age="300", DPoP algs="ES256""#;
const STRONG: &str = r#"Bearer error="insufficient_user_authentication", acr_values="phr mfa""#;
const RECENT: &str = r#"Bearer error="insufficient_user_authentication", max_age="300""#;

/// What an access token says.
fn claims(headers: &HeaderMap) -> Value {
    let shown = headers[header::AUTHORIZATION].to_str().unwrap();
    let payload = shown.split('.').nth(1).unwrap();
    serde_json::from_slice(&safeconduct_protocol::encoding::decode(payload).unwrap()).unwrap()
}

async fn judged(State(judge): State<Judge>, headers: HeaderMap) -> (StatusCode, HeaderMap) {
    let claims = claims(&headers);
    match judge.0.lock().unwrap()(&claims) {
        Some(challenge) => {
            let challenge = [(header::WWW_AUTHENTICATE, challenge.parse().unwrap())];
            (StatusCode::UNAUTHORIZED, HeaderMap::from_iter(challenge))
        }
        None => (StatusCode::OK, HeaderMap::new()),
    }
}

/// Demands `phr` or `mfa`.
fn wants_strong(claims: &Value) -> Option<&'static str> {
    let strong = ["phr", "mfa"].contains(&claims["acr"].as_str().unwrap_or_default());
    (!strong).then_some(BOTH)
}

async fn api(judge: Judge) -> String {
    let router = Router::new()
        .route("/notes", get(judged).delete(judged))
        .with_state(judge);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn router(client: Client) -> Router {
    let url = format!("{}/notes", client.resource().unwrap());
    let again = url.clone();
    let call = async move |api: Api| {
        api.get(&url).await?.error_for_status()?;
        Ok::<_, Error>("done")
    };
    let itself = client.clone();
    // A handler that begins the step-up itself, from a form.
    let own = async move |user: User, api: Api| -> Result<Begin, Error> {
        let asked = api.request(Method::DELETE, &again).await?.step_up();
        let asked = asked.expect("the API asks");
        let options = BeginOptions::new().return_to("/notes");
        itself.begin(&options.step_up(&user, &asked)).await
    };
    let who = async |user: User| {
        let cart: Option<String> = user.recall("cart");
        let acr = user.identity().and_then(|identity| identity.acr());
        let acr = acr.unwrap_or_default().to_owned();
        format!(
            "{} {acr} {}",
            user.sub().unwrap_or_default(),
            cart.unwrap_or_default()
        )
    };
    let fill = async |mut user: User| {
        user.remember("cart", &"apples").await?;
        Ok::<_, Error>("filled")
    };
    Router::new()
        .route("/notes", get(call.clone()).post(call))
        .route("/own", delete(own))
        .route("/who", get(who))
        .route("/fill", get(fill))
        .merge(client.routes())
        .layer(client.layer())
}

async fn app_with(
    challenge: impl Fn(&Value) -> Option<&'static str> + Send + 'static,
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> TestApp {
    let url = api(Judge(Arc::new(Mutex::new(Box::new(challenge))))).await;
    testing::app_with(|client| configure(client.resource(&url)), router).await
}

async fn app(challenge: impl Fn(&Value) -> Option<&'static str> + Send + 'static) -> TestApp {
    app_with(challenge, |client| client).await
}

/// The page that `visitor` gets to from `/notes` by way of the sign-in, which ends well, and `/notes` again.
async fn round(visitor: &Visitor) -> Page {
    let page = visitor.get("/notes").await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER, "{}", page.text());
    let page = visitor.get(page.location().unwrap()).await;
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(
        (page.status(), page.location()),
        (StatusCode::SEE_OTHER, Some("/notes")),
        "{}",
        page.text()
    );
    visitor.get("/notes").await
}

/// Attacks: PE44, PE48.
#[tokio::test]
async fn a_page_that_needs_more_leads_to_a_sign_in_and_back() {
    let app = app(wants_strong).await;
    let visitor = app.signed_in("alice").await;
    visitor.get("/fill").await;
    app.issuer.steps_up();
    let before = visitor.cookies();
    let tokens = app.issuer.token_requests();
    let page = visitor.get("/notes").await;
    assert_eq!(
        page.location(),
        Some("/auth/login?next=%2Fnotes&acr_values=phr+mfa&max_age=300")
    );
    assert_eq!(
        app.issuer.token_requests(),
        tokens,
        "a refresh is no step-up"
    );
    let page = visitor.get(page.location().unwrap()).await;
    let url = page.location().unwrap().parse().unwrap();
    assert_eq!(parameter(&url, "acr_values").as_deref(), Some("phr mfa"));
    assert_eq!(parameter(&url, "max_age").as_deref(), Some("300"));
    assert!(parameter(&url, "id_token_hint").is_some_and(|hint| hint.matches('.').count() == 2));
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(page.location(), Some("/notes"));
    assert_eq!(visitor.get("/notes").await.text(), "done");
    assert_eq!(visitor.get("/who").await.text(), "alice phr apples");
    let old = app.client.session(before).await.unwrap();
    assert!(old.is_none(), "the session before the step-up has ended");
}

#[tokio::test]
async fn what_is_no_visit_gets_the_challenge_and_no_redirect() {
    let app = app(wants_strong).await;
    let visitor = app.signed_in("alice").await;
    let expected = r#"Bearer error="insufficient_user_authentication", error_description="For this you have to sign in again.", acr_values="phr mfa", max_age="300""#;
    for method in [Method::GET, Method::POST] {
        let page = visitor.fetch(method, "/notes").await;
        assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(page.headers()[header::WWW_AUTHENTICATE], expected);
        let body: Value = serde_json::from_str(page.text()).unwrap();
        assert_eq!(body["error"], "step-up-required");
        assert_eq!(
            body["login_url"],
            "/auth/login?acr_values=phr+mfa&max_age=300"
        );
    }
    let page = visitor
        .post_from("http://localhost:8421", "/notes", &[])
        .await;
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(page.headers()[header::WWW_AUTHENTICATE], expected);
    let way_on = r#"href="/auth/login?acr_values=phr+mfa&amp;max_age=300">Sign in again<"#;
    assert!(page.text().contains(way_on), "{}", page.text());
}

#[tokio::test]
async fn a_handler_begins_a_step_up_of_its_own() {
    let app = app(wants_strong).await;
    let visitor = app.signed_in("alice").await;
    app.issuer.steps_up();
    let page = visitor.fetch(Method::DELETE, "/own").await;
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(page.location(), Some("/notes"));
    assert_eq!(visitor.get("/notes").await.text(), "done");
}

/// Attacks: PE50.
#[rstest]
#[case::none_of_those_asked(Some("urn:example:password"))]
#[case::a_part_of_one(Some("ph"))]
#[case::both(Some("phr mfa"))]
#[case::no_context(None)]
#[tokio::test]
async fn a_server_that_gives_too_little_ends_the_round(#[case] acr: Option<&str>) {
    let app = app(|_| Some(STRONG)).await;
    let visitor = app.signed_in("alice").await;
    app.issuer.authenticated_by(acr, &["pwd"]);
    let page = visitor.get("/notes").await;
    let page = visitor.get(page.location().unwrap()).await;
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    assert!(page.text().contains("step-up-unmet"), "{}", page.text());
    assert!(page.text().contains(r#"href="/">Back to the start<"#));
    assert_eq!(
        visitor.get("/who").await.text(),
        "alice urn:example:password ",
        "the session is as it was"
    );
}

/// Attacks: PE50.
#[rstest]
#[case::strong(STRONG)]
#[case::recent(RECENT)]
#[case::both(BOTH)]
#[case::at_once(r#"Bearer error="insufficient_user_authentication", max_age="0""#)]
#[tokio::test]
async fn an_api_that_is_never_content_is_asked_once_more_and_no_more(
    #[case] challenge: &'static str,
) {
    let app = app(move |_| Some(challenge)).await;
    let visitor = app.signed_in("alice").await;
    app.issuer.steps_up();
    let page = round(&visitor).await;
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    assert!(page.text().contains("step-up-unmet"), "{}", page.text());
    let page = visitor.fetch(Method::GET, "/notes").await;
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    let body: Value = serde_json::from_str(page.text()).unwrap();
    assert_eq!(
        (&body["error"], &body["login_url"]),
        (&json!("step-up-unmet"), &Value::Null)
    );
}

/// Attacks: PE48.
#[tokio::test]
async fn what_was_recent_once_steps_up_again() {
    let (issuer, clock) = issuer_and_clock().await;
    let judged_by = clock.clone();
    let url = api(Judge(Arc::new(Mutex::new(Box::new(
        move |claims: &Value| {
            let at = claims["auth_time"].as_i64()?;
            (judged_by.now().seconds() - at >= 300).then_some(RECENT)
        },
    )))))
    .await;
    issuer.steps_up();
    issuer.access_lifetime(Some(3600));
    let client = issuer.client().resource(&url).build().unwrap();
    let (mut session, _) = session(&client, &issuer).await;
    let asked = async |session: &safeconduct_client::Session| {
        let answer = session.api().get(&format!("{url}/notes")).await.unwrap();
        answer.error_for_status().err()
    };
    for _ in 0..2 {
        assert!(asked(&session).await.is_none());
        clock.advance(299);
        assert!(asked(&session).await.is_none());
        clock.advance(1);
        let error = asked(&session).await.unwrap();
        assert_eq!(error.kind(), ErrorKind::StepUpRequired);
        let step_up = error.step_up().unwrap();
        assert_eq!(step_up.max_age(), Some(Duration::from_secs(300)));
        assert_eq!(step_up.acr_values().count(), 0);
        let options = BeginOptions::new().step_up(&session, step_up);
        let begun = client.begin(&options).await.unwrap();
        assert_eq!(
            parameter(&begun.url, "acr_values").as_deref(),
            Some("urn:example:password"),
            "more recent is not to be weaker"
        );
        let cookies = crate::cookie_header(&begun.set_cookies);
        let back = issuer.authorize(&begun.url).await;
        let signed_in = client
            .finish(back.query().unwrap(), &cookies)
            .await
            .unwrap();
        session = client.start_session(&signed_in, "").await.unwrap().session;
    }
}

/// Attacks: PE49.
#[tokio::test]
async fn another_user_steps_up_for_nobody() {
    let app = app(wants_strong).await;
    let visitor = app.signed_in("alice").await;
    app.issuer.steps_up();
    let page = visitor.get("/notes").await;
    let page = visitor.get(page.location().unwrap()).await;
    app.issuer.signs_in("bob");
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    assert!(page.text().contains("another-user"), "{}", page.text());
    assert_eq!(
        visitor.get("/who").await.text(),
        "alice urn:example:password "
    );
}

/// Attacks: PE45, PE49.
#[rstest]
#[case::another_user("login_required", ErrorKind::AnotherUser)]
#[case::cannot_be_met("unmet_authentication_requirements", ErrorKind::StepUpUnmet)]
#[tokio::test]
async fn what_the_server_says_of_a_step_up_has_its_own_words(
    #[case] error: &'static str,
    #[case] expected: ErrorKind,
) {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    let options = BeginOptions::new().step_up(&session, &StepUp::acr(["phr"]));
    let begun = client.begin(&options).await.unwrap();
    issuer.script([Fault::Denies(error)]);
    let back = issuer.authorize(&begun.url).await;
    let cookies = crate::cookie_header(&begun.set_cookies);
    let refused = client.finish(back.query().unwrap(), &cookies).await;
    assert_eq!(kind(refused), Some(expected));
    assert!(session.access_token().await.is_ok(), "the session goes on");
}

/// Attacks: PE50.
#[rstest]
#[case::too_long_ago(IdTokenFlaw::OldSignIn, ErrorKind::StepUpUnmet)]
#[case::it_does_not_say(IdTokenFlaw::NoSignInTime, ErrorKind::IdToken)]
#[tokio::test]
async fn a_sign_in_that_is_not_recent_is_no_step_up(
    #[case] flaw: IdTokenFlaw,
    #[case] expected: ErrorKind,
) {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, _) = session(&client, &issuer).await;
    let asked = StepUp::within(Duration::from_secs(300));
    let options = BeginOptions::new().step_up(&session, &asked);
    let begun = client.begin(&options).await.unwrap();
    issuer.script([Fault::IdToken(flaw)]);
    let back = issuer.authorize(&begun.url).await;
    let cookies = crate::cookie_header(&begun.set_cookies);
    let refused = client.finish(back.query().unwrap(), &cookies).await;
    assert_eq!(kind(refused), Some(expected));
}

#[tokio::test]
async fn what_is_asked_goes_before_the_general_wishes() {
    let general = LoginOptions::new()
        .prompt(Prompt::None)
        .acr_values("silver")
        .max_age(Duration::from_secs(9000))
        .ui_locales("de");
    let (issuer, _) = issuer_and_clock().await;
    let plain = issuer.client().build().unwrap();
    let (session, _) = session(&plain, &issuer).await;
    let client = issuer.client().login(general).build().unwrap();
    let asked = StepUp::acr(["gold"]).and_within(Duration::from_secs(60));
    let begun = client
        .begin(&BeginOptions::new().step_up(&session, &asked))
        .await
        .unwrap();
    let sent = |name: &str| parameter(&begun.url, name);
    assert_eq!(sent("acr_values").as_deref(), Some("gold"));
    assert_eq!(sent("max_age").as_deref(), Some("60"));
    assert_eq!(sent("ui_locales").as_deref(), Some("de"));
    assert_eq!(sent("prompt"), None, "a step-up needs its pages");
}

#[tokio::test]
async fn the_login_address_asks_any_visitor_for_as_much() {
    let app = app(wants_strong).await;
    let visitor = app.visitor();
    let page = visitor.get("/auth/login?next=/who&acr_values=mfa").await;
    let page = visitor.follow_through_issuer(&page).await;
    assert!(page.text().contains("step-up-unmet"), "{}", page.text());
    app.issuer.steps_up();
    let page = visitor.get("/auth/login?next=/who&acr_values=mfa").await;
    let page = visitor.follow_through_issuer(&page).await;
    assert_eq!(page.location(), Some("/who"));
    // What cannot be asked is not asked.
    let page = visitor.get("/auth/login?acr_values=a%22b&max_age=-1").await;
    let url = page.location().unwrap().parse().unwrap();
    assert_eq!(
        (parameter(&url, "acr_values"), parameter(&url, "max_age")),
        (None, None)
    );
}

#[tokio::test]
async fn without_a_user_there_is_nothing_to_step_up() {
    let app = app_with(wants_strong, |client| client.scopes(["notes.read"])).await;
    let visitor = app.signed_in("alice").await;
    let page = visitor.get("/notes").await;
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
    assert!(page.text().contains("api-unauthorized"), "{}", page.text());
    let own = app.client.client_credentials().unwrap().api();
    let url = format!("{}/notes", app.client.resource().unwrap());
    let refused = own.get(&url).await.unwrap().error_for_status();
    assert_eq!(kind(refused), Some(ErrorKind::ApiUnauthorized));
    let session = app
        .client
        .session(visitor.cookies())
        .await
        .unwrap()
        .unwrap();
    let options = BeginOptions::new().step_up(&session, &StepUp::acr(["mfa"]));
    assert_eq!(
        kind(app.client.begin(&options).await),
        Some(ErrorKind::Configuration)
    );
}
