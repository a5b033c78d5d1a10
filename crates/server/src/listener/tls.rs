//! Owns TLS on a listener: what is agreed with a client, the certificate that is shown, and the exchange for another while connections
//! go on. HTTP/1.1 is all that is spoken in it ([why](../../../../docs/decisions/0042-tls-without-http2.md)).
//!
//! A client that has not finished is bounded by the deadline for heads, which begins with the connection, and by the number of such clients:
//! it may keep others from beginning, and takes no connection from those who are served.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use super::certificate::Certificate;
use crate::fault::Fault;

/// The one protocol that is spoken (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// TLS with the certificate of the moment. Clones show the same.
#[derive(Clone)]
pub struct Tls {
    pub(super) acceptor: TlsAcceptor,
    shown: Arc<Shown>,
}

/// What is shown to whoever connects, whatever name they call.
struct Shown(ArcSwap<CertifiedKey>);

impl Tls {
    /// TLS that shows `certificate`.
    ///
    /// # Errors
    /// A fault if the library has none of the versions.
    pub fn new(certificate: &Certificate) -> Result<Self, Fault> {
        let shown = Arc::new(Shown(ArcSwap::new(Arc::clone(&certificate.certified))));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::new(format!("no TLS: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            shown,
        })
    }

    /// Shows `certificate` to clients that connect from now on. Connections that are open go on with what they were shown.
    pub fn show(&self, certificate: &Certificate) {
        self.shown.0.store(Arc::clone(&certificate.certified));
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tls")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// How many clients are agreeing on TLS. Clones count together.
#[derive(Clone, Default)]
pub(super) struct Handshakes(Arc<AtomicUsize>);

/// One of them; it counts until it is dropped.
pub(super) struct Handshake(Handshakes);

impl Handshakes {
    /// One more, unless there are as many as there may be.
    pub(super) fn begin(&self, most: usize) -> Option<Handshake> {
        let begin = |count: usize| (count < most).then_some(count + 1);
        let begun = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin);
        begun.ok().map(|_| Handshake(self.clone()))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shown")
    }
}
