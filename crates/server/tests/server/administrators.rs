//! Who may use the API of administrators: members of one group who proved two factors within the hour, and clients that were registered for
//! it; judged at every mint, and at every request anew.

use axum::body::Body;
use axum::extract::Request;
use http::{Method, header};
use safeconduct_protocol::client::Client;
use safeconduct_protocol::jose::SigningKey;
use safeconduct_protocol::scope::Scope;
use safeconduct_server::settings::AdministrationSettings;
use safeconduct_server::{administration::Refused, routes};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::second_factor::{ASKED, App, enrolled, events, start};
use crate::support::{
    Answer, Ask, Browser, Code, Credentials, ISSUER, TestServer, Tokens, proof_key,
};

/// The command line, as a client.
const CLI: &str = "safeconduct-cli";
/// By which name tests call the API.
pub(crate) const HOST: &str = "127.0.0.1:8429";

/// A server with the API, and an administrator at the command line.
pub(crate) struct Admin {
    pub(crate) server: TestServer,
    app: App,
    pub(crate) key: SigningKey,
    pub(crate) tokens: Tokens,
}

/// What the command line asks for.
fn ask(scope: &str) -> Ask {
    Ask::of(CLI)
        .with("redirect_uri", "http://127.0.0.1:4711/callback")
        .scope(scope)
}

/// Signs `ada` in with both her factors, as far as the page behind them.
async fn signed_in(browser: &mut Browser<'_>, server: &TestServer, app: &App, ask: &Ask) -> Answer {
    let page = browser.authorize(ask).await;
    let page = browser.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), ASKED);
    let done = browser.code_typed(&page, &app.code(server)).await;
    browser.follow(done).await
}

impl Admin {
    /// `ada` at the command line, with everything that it may ask for.
    pub(crate) async fn at_the_command_line() -> Self {
        Self::asking("openid offline_access admin:read admin:write scim").await
    }

    /// The same, with these scopes.
    pub(crate) async fn asking(scope: &str) -> Self {
        let (server, app) = enrolled().await;
        let server = server
            .restart_with(|settings| {
                settings.administration = Some(AdministrationSettings::default());
            })
            .await;
        server
            .administer(async |verbs| verbs.add_administrator("ada").await)
            .await;
        let (key, ask) = (proof_key(), ask(scope));
        let tokens = {
            let mut browser = server.browser();
            let page = signed_in(&mut browser, &server, &app, &ask).await;
            assert!(page.body.contains("Safeconduct command line"), "{page:?}");
            let code = browser.allow(&page).await.code(&ask);
            redeem(&server, &key, &code).await.tokens()
        };
        Self {
            server,
            app,
            key,
            tokens,
        }
    }

    /// A request with this access token, and a proof of the key.
    pub(crate) async fn send_with(
        &self,
        token: &str,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        self.proving(token, request(method, path, body)).await
    }

    /// The same with her token, and these headers beside.
    pub(crate) async fn send_beside(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let mut request = request(method, path, body);
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        self.proving(&self.tokens.access, request).await
    }

    /// `POST` of whatever this is.
    pub(crate) async fn send_raw(&self, path: &str, content_type: &str, body: String) -> Answer {
        let request = Request::post(path)
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, content_type);
        let request = request.body(Body::from(body)).unwrap();
        self.proving(&self.tokens.access, request).await
    }

    async fn proving(&self, token: &str, request: Request) -> Answer {
        send(&self.server, self.with_proof(token, request)).await
    }

    /// A request with her token, and these headers beside.
    pub(crate) fn proven(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Request {
        let mut request = request(method, path, None);
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        self.with_proof(&self.tokens.access, request)
    }

    /// The answer to that as it comes, which nobody has read.
    pub(crate) async fn unread(&self, method: &Method, path: &str) -> http::Response<Body> {
        let router = routes::admin(self.server.server());
        let Ok(response) = router.oneshot(self.proven(method, path, &[])).await;
        response
    }

    fn with_proof(&self, token: &str, mut request: Request) -> Request {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let bare = path.as_str();
        let mut claims = self.server.proof_claims(method.as_str(), "", Some(token));
        claims["htu"] = format!("http://{HOST}{bare}").into();
        let proof = self.key.sign_proof("dpop+jwt", &claims).unwrap();
        let headers = request.headers_mut();
        headers.insert(
            header::AUTHORIZATION,
            format!("DPoP {token}").parse().unwrap(),
        );
        headers.insert("dpop", proof.parse().unwrap());
        request
    }

    /// The same with hers.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send_with(&self.tokens.access, &method, path, body)
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Uses the refresh token.
    async fn refresh(&self) -> Answer {
        let proof = self.server.prove(&self.key, "POST", "/token", None);
        let credentials = Credentials::Id(CLI.to_owned());
        let request = self
            .server
            .back_channel("/token", &credentials, &self.tokens.refresh());
        let request = crate::support::with_proof(request, &proof);
        self.server.send(request).await
    }
}

async fn redeem(server: &TestServer, key: &SigningKey, code: &Code) -> Answer {
    let proof = server.prove(key, "POST", "/token", None);
    let credentials = Credentials::Id(CLI.to_owned());
    let request = server.back_channel("/token", &credentials, &code.exchange());
    server
        .send(crate::support::with_proof(request, &proof))
        .await
}

fn request(method: &Method, path: &str, body: Option<&Value>) -> Request {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, HOST);
    match body {
        Some(body) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    }
    .unwrap()
}

/// What the listener of health, metrics and the API answers.
pub(crate) async fn send(server: &TestServer, request: Request) -> Answer {
    let router = routes::admin(server.server());
    let Ok(response) = router.oneshot(request).await;
    let answer = Answer::read(response).await;
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "",
        "{answer:?}"
    );
    if answer.status.is_client_error() {
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["status"], answer.status.as_u16());
        let id = answer.header("x-correlation-id");
        assert_eq!(answer.json()["correlation_id"], id, "{answer:?}");
    }
    answer
}

async fn send_bearer(server: &TestServer, token: &str, method: &Method, path: &str) -> Answer {
    let mut request = request(method, path, None);
    let value = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, value);
    send(server, request).await
}

/// The name of a problem, or the status where there is none.
pub(crate) fn told(answer: &Answer) -> String {
    match answer.status.is_success() {
        true => answer.status.as_str().to_owned(),
        false => {
            let kind = answer.json()["type"].as_str().unwrap().to_owned();
            let name = kind.strip_prefix("https://id.example/errors/").unwrap();
            format!("{} {name}", answer.status.as_str())
        }
    }
}

/// Every operation that the document names, with an address where there is nothing.
async fn operations(server: &TestServer) -> Vec<(Method, String, String)> {
    let document = send(server, request(&Method::GET, "/admin/openapi.json", None)).await;
    let document = document.json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_ascii_uppercase().parse().unwrap();
            let scope = operation["security"][0]["token"][0].as_str().unwrap();
            let mut parts = path.split(['{', '}']);
            let mut address = String::new();
            while let Some(fixed) = parts.next() {
                address += fixed;
                address += parts.next().map_or("", |_| "none");
            }
            operations.push((method, address, scope.to_owned()));
        }
    }
    operations
}

/// Attacks: AD46, AD35, AD52.
#[tokio::test]
async fn every_address_of_the_api_judges_who_asks() {
    let admin = Admin::asking("openid offline_access admin:read").await;
    let server = &admin.server;
    let notes = {
        server.advance(90);
        let ask = Ask::of("portal");
        let mut browser = server.browser();
        let answer = signed_in(&mut browser, server, &admin.app, &ask).await;
        server.exchange(&answer.code(&ask)).await.tokens()
    };
    let operations = operations(server).await;
    assert!(operations.len() > 4, "{operations:?}");
    for (method, path, scope) in &operations {
        let at = format!("{method} {path}");
        let nothing = send(server, request(method, path, None)).await;
        assert_eq!(told(&nothing), "401 access-token-missing", "{at}");
        let challenge = format!("Bearer scope=\"{scope}\"");
        assert_eq!(nothing.challenges()[0], challenge, "{at}");
        for wrong in [&notes.access, admin.tokens.id_token(), "x"] {
            let answer = send_bearer(server, wrong, method, path).await;
            assert_eq!(told(&answer), "401 access-token-refused", "{at}");
        }
        // Stolen, without the key that it is bound to.
        let stolen = send_bearer(server, &admin.tokens.access, method, path).await;
        assert_eq!(told(&stolen), "401 access-token-refused", "{at}");
        if scope != "admin:read" {
            let answer = admin.send(method.clone(), path, None).await;
            assert_eq!(told(&answer), "403 administration-scope-missing", "{at}");
            let challenge = answer.challenges()[0];
            assert!(
                challenge.ends_with(&format!("scope=\"{scope}\"")),
                "{challenge}"
            );
        }
    }
    assert_eq!(told(&admin.get("/admin/v1/me").await), "200");

    server.advance(400);
    for (method, path, _) in &operations {
        let answer = admin.send(method.clone(), path, None).await;
        assert_eq!(told(&answer), "401 access-token-refused", "expired: {path}");
    }
}

/// Attacks: AD46.
#[tokio::test]
async fn a_proof_of_61_minutes_ago_is_asked_for_again() {
    let admin = Admin::at_the_command_line().await;
    admin.server.advance(61 * 60);
    let late = admin.refresh().await.tokens();
    for (method, path, _) in operations(&admin.server).await {
        let answer = admin.send_with(&late.access, &method, &path, None).await;
        assert_eq!(told(&answer), "401 authentication-too-old", "{path}");
        let challenge = answer.challenges()[0];
        assert!(
            challenge.contains("error=\"insufficient_user_authentication\"")
                && challenge.ends_with("acr_values=\"mfa\", max_age=\"3600\""),
            "{challenge}"
        );
    }
    // She is asked for both factors, and goes on.
    let ask = ask("openid admin:read");
    let mut browser = admin.server.browser();
    let page = signed_in(&mut browser, &admin.server, &admin.app, &ask).await;
    let code = browser.allow(&page).await.code(&ask);
    let fresh = redeem(&admin.server, &admin.key, &code).await.tokens();
    let answer = admin.send_with(&fresh.access, &Method::GET, "/admin/v1/me", None);
    assert_eq!(told(&answer.await), "200");
}

/// Attacks: AD49.
#[tokio::test]
async fn who_leaves_the_group_is_no_administrator_at_the_next_request() {
    let admin = Admin::at_the_command_line().await;
    let server = &admin.server;
    server
        .administer(async |verbs| verbs.add_administrator("bob").await)
        .await;
    let listed = admin.get("/admin/v1/administrators").await.json();
    let names: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["username"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ada", "bob"]);

    let removed = admin.send(Method::DELETE, "/admin/v1/administrators/ada", None);
    assert_eq!(told(&removed.await), "204");
    let answer = admin.get("/admin/v1/me").await;
    assert_eq!(
        told(&answer),
        "401 access-token-refused",
        "the grant has ended"
    );
    let refused = admin.refresh().await.json();
    assert_eq!(refused["error"], "invalid_grant", "{refused}");
    assert_eq!(events(server, "administrator-removed").await, 1);

    // Added again, she begins anew: what had ended has ended.
    server
        .administer(async |verbs| verbs.add_administrator("ada").await)
        .await;
    assert_eq!(
        told(&admin.get("/admin/v1/me").await),
        "401 access-token-refused"
    );
    assert_eq!(admin.refresh().await.json()["error"], "invalid_grant");
}

/// Attacks: AD45.
#[tokio::test]
async fn the_last_administrator_stays_one() {
    let admin = Admin::at_the_command_line().await;
    let answer = admin
        .send(Method::DELETE, "/admin/v1/administrators/ada", None)
        .await;
    assert_eq!(told(&answer), "409 last-administrator");
    // One who can't sign in is no help.
    admin
        .server
        .administer(async |verbs| verbs.add_administrator("bob").await)
        .await;
    admin.server.lock_user("bob").await;
    let answer = admin
        .send(Method::DELETE, "/admin/v1/administrators/ada", None)
        .await;
    assert_eq!(told(&answer), "409 last-administrator");
    assert_eq!(told(&admin.get("/admin/v1/me").await), "200");
    assert_eq!(events(&admin.server, "administrator-removed").await, 0);
}

#[tokio::test]
async fn nobody_else_is_given_the_scopes() {
    let admin = Admin::at_the_command_line().await;
    let (server, ask) = (&admin.server, ask("openid admin:read"));
    let mut browser = server.browser();
    let page = browser.authorize(&ask).await;
    let answer = browser.sign_in(&page, "bob").await;
    let refused = answer.parameter("error").unwrap();
    assert_eq!(refused, "access_denied", "{answer:?}");

    // A client that is registered for none of them is given none, whoever signs in.
    server.advance(90);
    let shop = Ask::of("shop").scope("notes.read admin:write");
    let mut browser = server.browser();
    let page = signed_in(&mut browser, server, &admin.app, &shop).await;
    let code = browser.allow(&page).await.code(&shop);
    let tokens = server.exchange(&code).await.tokens();
    assert_eq!(tokens.scope, "notes.read");

    // Without the API there is no such client, and no such API.
    let (server, app) = enrolled().await;
    let mut browser = server.browser();
    let page = browser.authorize(&ask).await;
    assert!(page.to_string().starts_with("400 page"), "{page:?}");
    drop(app);
    let answer = routes::admin(server.server())
        .oneshot(request(&Method::GET, "/admin/v1/me", None))
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
}

/// A client with scopes of the API, as the shell registers it.
async fn with_scopes(server: &TestServer, client: &str, scope: &str) {
    let more = Scope::parse(scope).unwrap();
    let add = |client: &mut Client| client.scopes = client.scopes.union(&more);
    server.change_client(client, add).await;
}

/// Attacks: AD48.
#[tokio::test]
async fn a_client_by_itself_has_what_it_is_registered_for_and_makes_nobody_an_administrator() {
    let server = start(safeconduct_server::settings::SecondFactor::Offered).await;
    let server = server
        .restart_with(|settings| {
            settings.administration = Some(AdministrationSettings::default());
        })
        .await;
    let refused = server.client_credentials("robot", "admin:write").await;
    assert_eq!(refused.json()["error"], "invalid_scope");
    with_scopes(&server, "robot", "admin:write").await;
    let tokens = server.client_credentials("robot", "admin:write").await;
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
    let answer = send_bearer(&server, &token, &Method::GET, "/admin/v1/me").await;
    assert_eq!(answer.json()["client"], "robot");
    assert!(answer.json().get("user").is_none(), "{answer:?}");

    for method in [Method::PUT, Method::DELETE] {
        let answer = send_bearer(&server, &token, &method, "/admin/v1/administrators/bob").await;
        assert_eq!(told(&answer), "403 in-person-only");
    }
    assert_eq!(events(&server, "administrator-added").await, 0);

    // Whoever had its secret would administer without end: by HTTP nobody gives it one, in person neither.
    server
        .administer(async |verbs| verbs.add_administrator("ada").await)
        .await;
    for (member, value) in [("scopes", json!([])), ("name", json!("Robot"))] {
        let refused = server.administer_in_person("ada", async |verbs| {
            let members = json!({ member: value });
            let members = members.as_object().cloned().unwrap_or_default();
            verbs.change_client("robot", members).await.map(|_| ())
        });
        let refused = refused.await;
        assert!(matches!(refused, Err(Refused::ShellOnly(_))), "{refused:?}");
    }
    let refused = server.administer_in_person("ada", async |verbs| {
        verbs.rotate_client_secret("robot", 60).await.map(|_| ())
    });
    let refused = refused.await;
    assert!(matches!(refused, Err(Refused::ShellOnly(_))), "{refused:?}");

    // What it is not registered for any more it has lost, whatever its token says.
    server.change_client("robot", |_| {}).await;
    let answer = send_bearer(&server, &token, &Method::GET, "/admin/v1/me").await;
    assert_eq!(told(&answer), "403 administration-scope-missing");

    // In person it is stopped, and started by the shell alone.
    with_scopes(&server, "robot", "admin:write").await;
    let stopped =
        server.administer_in_person("ada", async |verbs| verbs.disable_client("robot").await);
    stopped.await.unwrap();
    let refused =
        server.administer_in_person("ada", async |verbs| verbs.enable_client("robot").await);
    let refused = refused.await;
    assert!(matches!(refused, Err(Refused::ShellOnly(_))), "{refused:?}");
    server
        .administer(async |verbs| verbs.enable_client("robot").await)
        .await;
}

#[tokio::test]
async fn the_group_of_administrators_is_changed_by_its_own_verbs_alone() {
    let server = start(safeconduct_server::settings::SecondFactor::Offered).await;
    server
        .administer(async |verbs| {
            let group = safeconduct_store::Group {
                name: "Administrators".to_owned(),
                display: None,
                second_factor_required: false,
            };
            verbs.add_administrator("ada").await?;
            for refused in [
                verbs.add_group(&group).await.map(|_| ()),
                verbs
                    .change_group("administrators", None, None, Some(false))
                    .await
                    .map(|_| ()),
                verbs.remove_group("administrators", None).await,
                verbs.add_member("administrators", "bob").await.map(|_| ()),
                verbs
                    .remove_member("administrators", "ada")
                    .await
                    .map(|_| ()),
            ] {
                assert!(
                    matches!(refused, Err(Refused::GroupReserved(_))),
                    "{refused:?}"
                );
            }
            let kept = verbs.group("administrators").await?;
            assert!(kept.group.second_factor_required);
            Ok(())
        })
        .await;
}

#[tokio::test]
async fn the_api_goes_by_names_of_this_machine_or_by_its_own() {
    let admin = Admin::at_the_command_line().await;
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1:8429"] {
        let mut request = request(&Method::GET, "/admin/v1/me", None);
        request
            .headers_mut()
            .insert(header::HOST, host.parse().unwrap());
        assert_eq!(
            told(&send(&admin.server, request).await),
            "421 host-unexpected"
        );
    }
    let found = send(
        &admin.server,
        request(&Method::GET, "/.well-known/oauth-protected-resource", None),
    );
    let found = found.await.json();
    assert_eq!(found["authorization_servers"], json!([ISSUER]));
    assert_eq!(found["resource"], "https://id.example/admin");

    let url = safeconduct_protocol::metadata::Issuer::parse("https://admin.example").unwrap();
    let server = admin
        .server
        .restart_with(|settings| {
            settings.administration = Some(AdministrationSettings {
                url: Some(url),
                ..AdministrationSettings::default()
            });
        })
        .await;
    let ask = |host: &'static str, path: &'static str| {
        let request = Request::get(path).header(header::HOST, host);
        server.send(request.body(Body::empty()).unwrap())
    };
    let answer = ask("admin.example", "/admin/v1/me").await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(ask("admin.example", "/authorize").await.status, 404);
    assert_eq!(ask("id.example", "/admin/v1/me").await.status, 404);
    let answer = routes::admin(server.server())
        .oneshot(request(&Method::GET, "/admin/v1/me", None))
        .await
        .unwrap();
    assert_eq!(answer.status(), 404, "not on the other listener");
}

#[tokio::test]
async fn what_is_nowhere_or_not_so_is_a_problem_too() {
    let admin = Admin::at_the_command_line().await;
    assert_eq!(told(&admin.get("/admin/v1/nothing").await), "404 not-found");
    let answer = admin.send(Method::DELETE, "/admin/v1/me", None).await;
    assert_eq!(told(&answer), "405 method-not-allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
    let answer = admin.get("/admin/v1/me?unknown=1").await;
    assert_eq!(told(&answer), "400 value-refused");
    let answer = admin
        .send(Method::PUT, "/admin/v1/administrators/a%00b", None)
        .await;
    assert_eq!(told(&answer), "404 thing-not-found");
    let answer = admin
        .send(Method::PUT, "/admin/v1/administrators/nobody", None)
        .await;
    assert_eq!(told(&answer), "404 thing-not-found");
    assert_eq!(answer.json()["detail"], "there is no user nobody");
}
