//! How connections are made: certificates of one's own, plain http in a private network, answers that a browser posts.

use std::sync::Arc;

use http::{StatusCode, header};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use safeconduct_client::reqwest::{Certificate, Identity, redirect};
use safeconduct_client::testing::FakeIssuer;
use safeconduct_client::{BeginOptions, Client, ErrorKind};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::{cookie_header, kind, parameter};

/// An authority that nobody else knows.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: parameters.self_signed(&key).unwrap(),
            issuer: Issuer::new(parameters, key),
        }
    }

    /// A certificate for `name`, and its key.
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.certificate.pem().as_bytes()).unwrap()
    }
}

/// An issuer of whom there is metadata alone, over TLS, for clients with a certificate of `authority`.
async fn issuer(authority: &Authority) -> String {
    let (certificate, key) = authority.issue("localhost");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let body = json!({"issuer": url, "token_endpoint": format!("{url}/token")}).to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

#[tokio::test]
async fn an_issuer_of_ones_own_authority_is_reached_with_a_certificate() {
    let authority = Authority::new();
    let url = issuer(&authority).await;
    let (certificate, key) = authority.issue("notes-web");
    let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
    let ours = Identity::from_pem(pem.as_bytes()).unwrap();
    let known = authority.certificate();
    let client = || Client::new(&url, "notes-web");

    let stranger = client().build().unwrap();
    assert_eq!(
        kind(stranger.metadata().await),
        Some(ErrorKind::IssuerUnreachable)
    );
    let nameless = {
        let known = known.clone();
        client().http_settings(move |http| http.add_root_certificate(known.clone()))
    };
    let nameless = nameless.build().unwrap();
    assert_eq!(
        kind(nameless.metadata().await),
        Some(ErrorKind::IssuerUnreachable)
    );
    let settled = client().http_settings(move |http| {
        let http = http.add_root_certificate(known.clone());
        http.identity(ours.clone())
    });
    let settled = settled.build().unwrap();
    assert_eq!(kind(settled.metadata().await), None);
}

#[tokio::test]
async fn no_setting_makes_a_client_follow_redirects() {
    let issuer = FakeIssuer::start().await;
    issuer.script([safeconduct_client::testing::Fault::MetadataRedirects]);
    let following = issuer
        .client()
        .http_settings(|http| http.redirect(redirect::Policy::limited(10)))
        .build()
        .unwrap();
    let refused = kind(following.metadata().await);
    assert_eq!(refused, Some(ErrorKind::IssuerMetadata));
}

/// Attacks: LI58.
#[tokio::test]
async fn a_name_of_this_machine_is_reached_over_plain_http_and_a_public_address_is_not() {
    let client = |issuer: &str| {
        let client = Client::new(issuer, "notes-web").allow_http_in_private_network(true);
        client
            .http_timeout(std::time::Duration::from_secs(5))
            .build()
    };
    // Nobody needs to answer: the address is refused before a byte is sent.
    let refused = client("http://one.one.one.one.invalid").unwrap();
    let refused = refused.metadata().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::IssuerUnreachable);
    assert_eq!(
        kind(client("http://1.1.1.1")),
        Some(ErrorKind::Configuration)
    );
}

/// Attacks: LI40.
#[tokio::test]
async fn an_answer_that_the_browser_posts_signs_in_and_keeps_what_apple_says_of_the_user() {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().form_post(true).build().unwrap();
    let begun = client.begin(&BeginOptions::new().return_to("/notes")).await;
    let begun = begun.unwrap();
    assert_eq!(parameter(&begun.url, "response_mode").unwrap(), "form_post");
    assert!(begun.set_cookies[0].ends_with("; Secure; HttpOnly; SameSite=None"));
    let back = issuer.authorize(&begun.url).await;
    let user = r#"{"name":{"firstName":"Ada"},"email":"ada@example.com"}"#;
    let form = form_urlencoded::Serializer::new(back.query().unwrap().to_owned())
        .append_pair("user", user)
        .finish();
    let cookies = cookie_header(&begun.set_cookies);
    let callback = serve(&client).await;
    let post = async |callback: &str, cookies: &str| {
        let http = reqwest::Client::builder();
        let http = http.redirect(redirect::Policy::none()).build().unwrap();
        let request = http.post(callback).header(header::COOKIE, cookies);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(form.clone()).send().await.unwrap()
    };
    // Another browser has no such attempt.
    assert_eq!(post(&callback, "").await.status(), StatusCode::BAD_REQUEST);
    let answer = post(&callback, &cookies).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[header::LOCATION], "/notes");
    let set: Vec<String> = answer
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|cookie| cookie.to_str().unwrap().to_owned())
        .collect();
    let kept = set
        .iter()
        .find(|cookie| cookie.contains("sc-app-"))
        .unwrap();
    assert!(
        kept.ends_with("SameSite=Lax"),
        "a session's is for this site alone"
    );
    let session = client
        .session(cookie_header([kept]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.identity().unwrap().sub(), "alice");
    assert_eq!(session.posted_user().unwrap()["name"]["firstName"], "Ada");
    assert_eq!(session.identity().unwrap().claim("user"), None);
    // Once.
    assert_eq!(
        post(&callback, &cookies).await.status(),
        StatusCode::BAD_REQUEST
    );

    let usual = issuer.client().build().unwrap();
    let callback = serve(&usual).await;
    let refused = post(&callback, &cookies).await.status();
    assert_eq!(refused, StatusCode::METHOD_NOT_ALLOWED);
}

/// The address of `client`'s callback.
async fn serve(client: &Client) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/auth/callback", listener.local_addr().unwrap());
    let routes = client.routes();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}
