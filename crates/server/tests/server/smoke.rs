//! The whole flow over a real socket, on a developer's machine.

use std::net::SocketAddr;

use http::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, redirect::Policy};
use safeconduct_server::listener::{Limits, serve};
use safeconduct_server::{CrossOrigin, routes};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use crate::support::{Ask, Code, Form, TestServer, password_of, secret_of};

/// A server on a free port of this machine, and a client that follows no redirect.
struct Machine {
    server: TestServer,
    client: Client,
    _shutdown: oneshot::Sender<()>,
}

impl Machine {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let server = TestServer::start_at(&format!("http://localhost:{}", address.port())).await;
        let (shutdown, told) = oneshot::channel::<()>();
        let router = routes::public(server.server());
        let telemetry = server.server().telemetry().clone();
        tokio::spawn(serve(
            vec![listener.into()],
            router,
            Limits::default().into(),
            telemetry,
            CrossOrigin::of(&server.server().settings().issuer),
            async {
                let _ = told.await;
            },
        ));
        let client = Client::builder()
            .redirect(Policy::none())
            .resolve("localhost", address)
            .no_proxy()
            .build()
            .unwrap();
        Self {
            server,
            client,
            _shutdown: shutdown,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.issuer())
    }

    async fn post(&self, path: &str, cookie: &str, form: &Form) -> Response {
        self.client
            .post(self.url(path))
            .header(COOKIE, cookie)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.encode())
            .send()
            .await
            .unwrap()
    }
}

fn header<'r>(response: &'r Response, name: &http::HeaderName) -> &'r str {
    response.headers()[name].to_str().unwrap()
}

fn cookie(response: &Response) -> String {
    header(response, &SET_COOKIE)
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

fn pending(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"pending\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_signs_in_and_a_client_is_served_over_a_socket() {
    let machine = Machine::start().await;
    let ask = Ask::of("shop");

    let url = machine.url(&format!("/authorize?{}", ask.form.encode()));
    let page = machine.client.get(url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let browser = cookie(&page);
    let form = Form::new()
        .with("pending", &pending(&page.text().await.unwrap()))
        .with("username", "ada")
        .with("password", &password_of("ada"));
    let signed_in = machine.post("/login", &browser, &form).await;
    assert_eq!(signed_in.status(), 303);

    let cookies = format!("{browser}; {}", cookie(&signed_in));
    let url = machine.url(header(&signed_in, &LOCATION));
    let page = machine
        .client
        .get(url)
        .header(COOKIE, &cookies)
        .send()
        .await
        .unwrap();
    let form = Form::new()
        .with("pending", &pending(&page.text().await.unwrap()))
        .with("decision", "allow");
    let allowed = machine.post("/consent", &cookies, &form).await;
    let location = Url::parse(header(&allowed, &LOCATION)).unwrap();
    let (_, code) = location
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap();

    let code = Code::of(&ask, code.into_owned());
    let form = code.exchange().with("client_id", "shop").encode();
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let answer = machine
        .client
        .post(machine.url("/token"))
        .basic_auth("shop", Some(encoded(&secret_of("shop"))))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert!(
        machine
            .server
            .is_active(answer["access_token"].as_str().unwrap())
            .await
    );
}

#[tokio::test]
async fn a_developer_is_told_what_differs_and_a_stranger_is_not() {
    let ask = Ask::of("shop").with("redirect_uri", "https://shop.example/callback/");
    let local = TestServer::start_at("http://localhost:8420").await;
    let page = local.browser().authorize(&ask).await;
    assert!(page.body.contains("trailing slash"), "{page:?}");

    let production = TestServer::start().await;
    let page = production.browser().authorize(&ask).await;
    assert!(!page.body.contains("trailing slash"), "{page:?}");
    assert!(
        page.body.contains("https://shop.example/callback/"),
        "what was sent is shown: {page:?}"
    );
}

#[tokio::test]
async fn a_developer_who_types_the_loopback_address_is_sent_to_the_issuers_name() {
    let server = TestServer::start_at("http://localhost:8420").await;
    let request = axum::extract::Request::get("/logout?x=1").header("host", "127.0.0.1:8420");
    let answer = server
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(answer.location(), "http://localhost:8420/logout?x=1");

    let production = TestServer::start().await;
    let request = axum::extract::Request::get("/logout").header("host", "127.0.0.1");
    let answer = production
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(answer.to_string(), "421 page (host-unexpected)");
}
