//! The API that the tokens are for, with its guards, and the socket at which they find their issuer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use http::{HeaderMap, Method, Uri, header};
use safeconduct_guard::Guard;
use safeconduct_protocol::dpop::PROOF_TYP;
use safeconduct_protocol::jose::SigningKey;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::routes;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::way::Way;
use crate::support::{NOTES, NOTES_API, SOMEWHERE, TestServer, from, secret_of};

/// A guard for each way to look at a token.
pub(super) struct Api {
    by_keys: Guard,
    by_asking: Guard,
}

impl Api {
    pub(super) fn of(server: &TestServer) -> Self {
        let guard = || {
            Guard::new(server.issuer(), NOTES)
                .unwrap()
                .clock(server.clock())
        };
        let secret = Secret::new(secret_of(NOTES_API));
        let asking = guard().introspection(NOTES_API, secret);
        Self {
            by_keys: guard().build().unwrap(),
            by_asking: asking.introspection_cache(Duration::ZERO).build().unwrap(),
        }
    }

    /// What the guard says to a request with this token, and a proof of `key` where the token is bound to it.
    pub(super) async fn judge(
        &self,
        way: Way,
        server: &TestServer,
        key: &SigningKey,
        token: &str,
    ) -> String {
        let guard = match way {
            Way::GuardByKeys => &self.by_keys,
            _ => &self.by_asking,
        };
        let scheme = if way.is_bound() { "DPoP" } else { "Bearer" };
        let mut headers = HeaderMap::new();
        let shown = format!("{scheme} {token}");
        headers.insert(header::AUTHORIZATION, shown.parse().unwrap());
        if way.is_bound() {
            let mut claims = server.proof_claims("GET", "", Some(token));
            claims["htu"] = "https://notes.example/notes".into();
            let proof = key.sign_proof(PROOF_TYP, &claims).unwrap();
            headers.insert("dpop", proof.parse().unwrap());
        }
        let uri = Uri::from_static("/notes");
        match guard.authenticate(&Method::GET, &headers, &uri).await {
            Ok(_) => "ok".to_owned(),
            Err(denied) => format!("denied, {:?}", denied.reason()),
        }
    }
}

/// A socket behind which one server after another answers, so that all of them have one name.
pub(super) struct Socket {
    pub(super) issuer: String,
    answering: Arc<Mutex<Router>>,
}

impl Socket {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let answering = Arc::new(Mutex::new(Router::new()));
        let now = Arc::clone(&answering);
        let pass_on = Router::new().fallback(async move |mut request: Request| {
            request.extensions_mut().insert(from(SOMEWHERE));
            let router = now.lock().unwrap().clone();
            router.oneshot(request).await
        });
        tokio::spawn(axum::serve(listener, pass_on).into_future());
        Self { issuer, answering }
    }

    /// A server that answers here from now on.
    pub(super) async fn serve(&self) -> TestServer {
        let server = TestServer::start_at(&self.issuer).await;
        *self.answering.lock().unwrap() = routes::public(server.server());
        server
    }
}
