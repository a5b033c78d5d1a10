//! Your app in this process, with visitors that have cookie jars.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ::axum::Router;
use ::axum::body::Body;
use ::axum::extract::Request;
use ::axum::response::Response;
use http::{HeaderMap, Method, StatusCode, header};
use tower_service::Service;
use url::Url;

use super::issuer::FakeIssuer;
use crate::builder::ClientBuilder;
use crate::client::Client;
use crate::sign_in::authorization_request::BeginOptions;

/// The largest page read in a test: 16 MiB.
const LARGEST_PAGE: usize = 16 * 1024 * 1024;

/// Starts a [`FakeIssuer`] and builds your app with a client of it.
pub async fn app(router: impl FnOnce(Client) -> Router) -> TestApp {
    app_with(|client| client, router).await
}

/// As [`app`], with your own changes to the client.
///
/// # Panics
/// If the client cannot be built.
pub async fn app_with(
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
    router: impl FnOnce(Client) -> Router,
) -> TestApp {
    let issuer = FakeIssuer::start().await;
    let client = configure(issuer.client())
        .build()
        .expect("the client can be built");
    let router = router(client.clone());
    TestApp {
        issuer,
        client,
        router,
    }
}

/// An app under test.
pub struct TestApp {
    /// The issuer, to be scripted and asked.
    pub issuer: FakeIssuer,
    /// The app's client.
    pub client: Client,
    router: Router,
}

/// A browser that visits the app. Redirects are not followed, so that a test sees each answer.
pub struct Visitor {
    router: Router,
    issuer: FakeIssuer,
    jar: Mutex<BTreeMap<String, String>>,
}

/// An answer of the app.
pub struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl TestApp {
    /// Somebody who is not signed in.
    pub fn visitor(&self) -> Visitor {
        Visitor {
            router: self.router.clone(),
            issuer: self.issuer.clone(),
            jar: Mutex::default(),
        }
    }

    /// Somebody who is signed in at issuer and app as `name`: that is their `sub`, their name, and what
    /// [`FakeIssuer::claims`] says of them is theirs.
    ///
    /// # Panics
    /// If the issuer was scripted to prevent it.
    pub async fn signed_in(&self, name: &str) -> Visitor {
        self.issuer.signs_in(name);
        let visitor = self.visitor();
        let begun = self
            .client
            .begin(&BeginOptions::new())
            .await
            .expect("a sign-in begins");
        visitor.keep(begun.set_cookies.iter().map(String::as_str));
        let back = self.issuer.authorize(&begun.url).await;
        let query = back.query().unwrap_or_default();
        let signed_in = self
            .client
            .finish(query, &visitor.cookies())
            .await
            .expect("a sign-in ends");
        let mut started = self
            .client
            .start_session(&signed_in, &visitor.cookies())
            .await
            .expect("a session begins");
        if started.session.identity().is_none() {
            let named = started.session.set_name(name).await;
            named.expect("a name is kept");
        }
        visitor.keep([signed_in.set_cookie.as_str(), started.set_cookie.as_str()]);
        visitor
    }
}

impl Visitor {
    /// Follows a link to `path`, as a user does.
    pub async fn get(&self, path: &str) -> Page {
        let request = Request::get(path)
            .header(header::ACCEPT, "text/html")
            .header("sec-fetch-mode", "navigate");
        self.send(request.body(Body::empty()).expect("a path makes a request"))
            .await
    }

    /// Fetches `path` as a script does.
    pub async fn fetch(&self, method: Method, path: &str) -> Page {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "application/json");
        self.send(request.body(Body::empty()).expect("a path makes a request"))
            .await
    }

    /// Sends a form to `path` from a page of `origin`.
    pub async fn post_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(path)
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, origin);
        self.send(
            request
                .body(Body::from(form))
                .expect("a path makes a request"),
        )
        .await
    }

    /// Sends any request with this visitor's cookies, and keeps the ones that come back.
    pub async fn send(&self, mut request: Request) -> Page {
        if let Ok(cookies) = self.cookies().parse() {
            request.headers_mut().insert(header::COOKIE, cookies);
        }
        let Ok(response) = self.router.clone().call(request).await;
        let page = Page::read(response).await;
        let set = page.headers.get_all(header::SET_COOKIE).iter();
        self.keep(set.filter_map(|value| value.to_str().ok()));
        page
    }

    /// Goes from the app's redirect to the issuer, signs in there, and comes back to the app's callback.
    ///
    /// # Panics
    /// If `page` is no redirect to the issuer.
    pub async fn follow_through_issuer(&self, page: &Page) -> Page {
        let url = page.location().and_then(|url| Url::parse(url).ok());
        let back = self
            .issuer
            .authorize(&url.expect("a redirect to the issuer"))
            .await;
        self.get(&path_and_query(&back)).await
    }

    /// The `Cookie` header this visitor would send.
    pub fn cookies(&self) -> String {
        let jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<String> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// Keeps and removes cookies as `Set-Cookie` values say.
    pub fn keep<'a>(&self, set_cookies: impl IntoIterator<Item = &'a str>) {
        let mut jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        for set_cookie in set_cookies {
            let pair = set_cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if set_cookie.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Page {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = ::axum::body::to_bytes(body, LARGEST_PAGE)
            .await
            .expect("a page can be read");
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION)?.to_str().ok()
    }
}

fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
