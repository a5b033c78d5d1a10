//! The same promises in TLS: a client that does not finish costs little, and another certificate costs no connection.

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use safeconduct_server::listener::Certificate;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

/// A certificate that vouches for itself.
struct Identity {
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    key: String,
}

impl Identity {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(["id.example".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            key: key.serialize_pem(),
        }
    }

    fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.pem.as_bytes(), self.key.as_bytes()).unwrap()
    }

    /// A client that trusts it, speaks these versions, and offers these protocols.
    fn client(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        alpn: &[&str],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

async fn connect(
    listener: &TestListener,
    client: &TlsConnector,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("id.example").unwrap();
    client.connect(name, listener.connect().await).await
}

/// A listener in TLS, and a client that trusts it.
async fn open(limits: Limits) -> (TestListener, TlsConnector) {
    let identity = Identity::new();
    let tls = Tls::new(&identity.certificate()).unwrap();
    let listener = TestListener::in_tls(limits, Some(tls)).await;
    (listener, identity.client(rustls::ALL_VERSIONS, &[]))
}

async fn asks(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(HELLO).await.unwrap();
    one_answer(stream).await;
}

fn failed(listener: &TestListener) -> bool {
    let metrics = listener.telemetry.render();
    metrics.contains("safeconduct_tls_handshakes_failed_total 1\n")
}

/// Attacks: RU09.
#[rstest]
#[case::tls_1_2(&rustls::version::TLS12)]
#[case::tls_1_3(&rustls::version::TLS13)]
#[tokio::test]
async fn http_1_1_is_agreed_on_whatever_else_is_offered(
    #[case] version: &'static rustls::SupportedProtocolVersion,
) {
    let identity = Identity::new();
    let tls = Tls::new(&identity.certificate()).unwrap();
    let listener = TestListener::in_tls(no_limits(), Some(tls)).await;
    for (offers, agreed) in [
        (&["h2", "http/1.1"][..], Some(&b"http/1.1"[..])),
        (&[], None),
    ] {
        let client = identity.client(&[version], offers);
        let mut stream = connect(&listener, &client).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        asks(&mut stream).await;
    }
    for other in ["h2", "http/1.0"] {
        let client = identity.client(&[version], &[other]);
        let refused = connect(&listener, &client).await.err().unwrap().to_string();
        assert!(
            refused.contains("NoApplicationProtocol"),
            "{other}: {refused}"
        );
    }
}

/// Attacks: RU08.
#[tokio::test]
async fn a_client_that_calls_another_name_or_none_is_shown_the_same_certificate() {
    let identity = Identity::new();
    let tls = Tls::new(&identity.certificate()).unwrap();
    let listener = TestListener::in_tls(no_limits(), Some(tls)).await;
    let client = identity.client(rustls::ALL_VERSIONS, &[]);
    for name in ["other.example", "192.0.2.1"] {
        let name = ServerName::try_from(name).unwrap();
        let refused = client.connect(name, listener.connect().await).await;
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains("not valid for name"), "{refused}");
    }
}

/// Attacks: RU10.
#[rstest]
#[case::silence(b"")]
#[case::half_a_hello(b"\x16\x03\x01\x02\x00\x01\x00")]
#[tokio::test]
async fn a_client_that_does_not_finish_is_closed_in_the_time_for_a_head(#[case] says: &[u8]) {
    let limits = Limits {
        header_timeout: SHORT,
        ..no_limits()
    };
    let (listener, _) = open(limits).await;
    let mut stream = listener.send(says).await;
    assert_eq!(until_closed(&mut stream).await, "");
    assert!(failed(&listener));
}

/// Attacks: RU10.
#[tokio::test]
async fn a_hello_that_trickles_gains_no_time() {
    let limits = Limits {
        header_timeout: SHORT * 2,
        ..no_limits()
    };
    let (listener, _) = open(limits).await;
    let mut stream = listener.connect().await;
    let began = Instant::now();
    let mut pace = interval(SHORT / 4);
    let trickled = async {
        for byte in b"\x16\x03\x01\x02\x00".iter().chain(&[0; 512]) {
            pace.tick().await;
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    };
    timeout(PATIENCE, trickled).await.unwrap();
    assert!(began.elapsed() >= SHORT * 2);
    assert!(failed(&listener));
}

/// Attacks: RU10.
#[tokio::test]
async fn the_time_for_a_head_begins_before_tls() {
    let limits = Limits {
        header_timeout: SHORT * 4,
        ..no_limits()
    };
    let (listener, client) = open(limits).await;
    let began = Instant::now();
    let mut stream = connect(&listener, &client).await.unwrap();
    let mut said = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .unwrap()
        .ok();
    assert!(said.is_empty());
    // Two deadlines after one another would be twice the time.
    assert!(began.elapsed() < SHORT * 8);
}

#[tokio::test]
async fn what_is_no_tls_is_closed_and_counted() {
    let (listener, client) = open(no_limits()).await;
    let mut stream = listener.send(HELLO).await;
    let mut said = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .unwrap()
        .ok();
    // An alert, and no word of HTTP.
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    assert!(failed(&listener));
    asks(&mut connect(&listener, &client).await.unwrap()).await;
}

/// Attacks: RU10.
#[tokio::test]
async fn clients_that_do_not_finish_take_no_connection_from_those_who_are_served() {
    let limits = Limits {
        max_connections: 8,
        ..no_limits()
    };
    let (listener, client) = open(limits).await;
    let mut served = connect(&listener, &client).await.unwrap();
    asks(&mut served).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(listener.connect().await);
    }
    // The fifth is one too many, and the server has met those before it.
    let mut refused = listener.connect().await;
    assert_eq!(until_closed(&mut refused).await, "");
    let metrics = listener.telemetry.render();
    assert!(
        metrics.contains("safeconduct_rate_limited_total{limit=\"handshakes\"} 1"),
        "{metrics}"
    );
    asks(&mut served).await;
    // One gives up, and the next client gets its place.
    silent.pop();
    timeout(PATIENCE, async {
        while connect(&listener, &client).await.is_err() {}
    })
    .await
    .unwrap();
}

/// Attacks: RU10.
#[tokio::test]
async fn a_client_that_does_not_finish_keeps_no_server_from_stopping() {
    let (listener, client) = open(no_limits()).await;
    let _silent = listener.connect().await;
    asks(&mut connect(&listener, &client).await.unwrap()).await;
    listener.shutdown.send(()).unwrap();
    let drained = timeout(PATIENCE, listener.served).await.unwrap();
    assert_eq!(drained.unwrap(), Drained { cut: 0 });
}

/// Attacks: RU07.
#[tokio::test]
async fn another_certificate_is_for_new_connections_and_costs_no_old_one() {
    let identity = Identity::new();
    let tls = Tls::new(&identity.certificate()).unwrap();
    let listener = TestListener::in_tls(no_limits(), Some(tls.clone())).await;
    let client = identity.client(rustls::ALL_VERSIONS, &[]);
    let mut old = connect(&listener, &client).await.unwrap();
    asks(&mut old).await;
    let renewed = Identity::new();
    tls.show(&renewed.certificate());
    asks(&mut old).await;
    // A client that was here before may resume, and is shown none.
    let refused = connect(&listener, &identity.client(rustls::ALL_VERSIONS, &[])).await;
    assert!(refused.is_err(), "the old certificate is shown");
    let client = renewed.client(rustls::ALL_VERSIONS, &[]);
    asks(&mut connect(&listener, &client).await.unwrap()).await;
    asks(&mut old).await;
}

/// Attacks: RU20.
#[tokio::test]
async fn half_a_head_is_finished_and_the_end_is_said_in_tls() {
    let (listener, client) = open(no_limits()).await;
    let mut stream = connect(&listener, &client).await.unwrap();
    asks(&mut stream).await;
    stream
        .write_all(b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-le")
        .await
        .unwrap();
    asks(&mut connect(&listener, &client).await.unwrap()).await;
    listener.shutdown.send(()).unwrap();
    stream.write_all(b"ngth: 4\r\n\r\nfour").await.unwrap();
    let mut said = String::new();
    // Without a close_notify, this would be an error: what was cut off could not be told from what is whole.
    timeout(PATIENCE, stream.read_to_string(&mut said))
        .await
        .unwrap()
        .unwrap();
    assert!(
        said.starts_with("HTTP/1.1 200") && said.contains("connection: close"),
        "{said}"
    );
    drop(stream);
    assert_eq!(listener.served.await.unwrap(), Drained { cut: 0 });
}
