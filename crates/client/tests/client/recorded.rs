//! Issuers as they are: metadata, keys and tokens in the shape that each documents, made here and signed with a test key. Each is met by a
//! client that is set up as the README says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{RawForm, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt};
use http::StatusCode;
use rstest::rstest;
use safeconduct_client::{
    Algorithm, BeginOptions, Client, ClientAuthentication, ClientBuilder, Clock, LoginOptions,
    Prompt, Resource, Secret, Session, SignedIn, SigningKey,
};
use safeconduct_protocol::id_token::at_hash;
use serde_json::{Value, json};

use crate::{START, cookie_header, parameter};

const CLIENT: &str = "notes-web";
const API: &str = "https://api.example.com";
const DAY: Duration = Duration::from_secs(86_400);

/// An issuer that answers as its recording says, at a port of this machine: each of its hosts is the beginning of a path.
struct Recorded {
    recording: Value,
    issuer: String,
    clock: Clock,
    key: SigningKey,
    /// What the authorization request said, for the ID Token.
    nonce: Mutex<String>,
    /// The forms of token requests.
    asked: Mutex<Vec<Vec<(String, String)>>>,
}

impl Recorded {
    async fn start(recording: &str) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}/", listener.local_addr().unwrap());
        let recording: Value = serde_json::from_str(&recording.replace("https://", &here)).unwrap();
        let issuer = Arc::new(Self {
            issuer: recording["issuer"].as_str().unwrap().to_owned(),
            recording,
            clock: Clock::test(START),
            key: SigningKey::generate(Algorithm::Rs256).unwrap(),
            nonce: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    fn client(&self) -> ClientBuilder {
        Client::new(&self.issuer, CLIENT)
            .base_url("https://notes.example.com")
            .scopes(["openid", "profile", "email", "offline_access"])
            .secret(Secret::new("s"))
            .session_lifetimes(DAY * 7, DAY * 14)
            .clock(self.clock.clone())
    }

    /// The number of the last access token.
    fn access_token(&self) -> String {
        format!("access-{}", self.asked.lock().unwrap().len())
    }

    /// What `recorded` says now.
    fn now(&self, recorded: &Value) -> Value {
        match recorded {
            Value::Array(values) => values.iter().map(|value| self.now(value)).collect(),
            Value::Object(members) => {
                let members = members.iter();
                let members = members.map(|(name, value)| (name.clone(), self.now(value)));
                Value::Object(members.collect())
            }
            Value::String(text) => match text.as_str() {
                "@client" => CLIENT.into(),
                "@issuer" => self.issuer.as_str().into(),
                "@nonce" => self.nonce.lock().unwrap().as_str().into(),
                "@signed_in" => START.seconds().into(),
                "@access" => self.access_token().into(),
                "@at_hash" => at_hash(Algorithm::Rs256, &self.access_token()).into(),
                "@id_token" => self.id_token().into(),
                time if time.starts_with("@now") => {
                    let ahead: i64 = time["@now".len()..].parse().unwrap_or(0);
                    self.clock.now().plus(ahead).seconds().into()
                }
                _ => recorded.clone(),
            },
            _ => recorded.clone(),
        }
    }

    fn id_token(&self) -> String {
        let claims = self.now(&self.recording["id_token"]);
        match self.recording["has_no_typ"] == true {
            true => self.key.sign_untyped_jwt(&claims),
            false => self.key.sign_jwt("JWT", &claims),
        }
        .unwrap()
    }

    fn keys(&self) -> Value {
        let mut key = serde_json::to_value(self.key.public_jwk()).unwrap();
        let members = key.as_object_mut().unwrap();
        let recorded = &self.recording["key"];
        for name in recorded["without"].as_array().unwrap() {
            members.remove(name.as_str().unwrap());
        }
        members.extend(recorded["with"].as_object().unwrap().clone());
        json!({ "keys": [key] })
    }

    fn token(&self, form: &[u8]) -> Value {
        let form: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().collect();
        let refreshes = form.contains(&("grant_type".into(), "refresh_token".into()));
        self.asked.lock().unwrap().push(form);
        self.now(&self.recording[if refreshes { "refreshed" } else { "tokens" }])
    }

    /// The values of `name` in all token requests.
    fn asked(&self, name: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let pairs = asked.iter().flatten().filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.clone()).collect()
    }

    /// A sign-in from the redirect to the tokens, and the address that the browser was sent to.
    async fn sign_in(&self, client: &Client) -> (SignedIn, url::Url) {
        let begun = client.begin(&BeginOptions::new()).await.unwrap();
        let expected = &self.recording["metadata"]["authorization_endpoint"];
        let endpoint = begun.url.as_str().split('?').next().unwrap();
        assert_eq!(endpoint, expected);
        *self.nonce.lock().unwrap() = parameter(&begun.url, "nonce").unwrap();
        let state = parameter(&begun.url, "state").unwrap();
        let answer = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", "a-code")
            .append_pair("state", &state)
            .append_pair(
                "user",
                r#"{"name":{"firstName":"Ada","lastName":"Lovelace"}}"#,
            )
            .finish();
        let cookies = cookie_header(&begun.set_cookies);
        (client.finish(&answer, &cookies).await.unwrap(), begun.url)
    }
}

async fn answer(State(issuer): State<Arc<Recorded>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let metadata = &issuer.recording["metadata"];
    let is = |member: &str| {
        let url = metadata[member]
            .as_str()
            .and_then(|url| url::Url::parse(url).ok());
        url.is_some_and(|url| url.path() == path)
    };
    let issuer_path = url::Url::parse(&issuer.issuer).unwrap().path().to_owned();
    let well_known = format!(
        "{}/.well-known/openid-configuration",
        issuer_path.trim_end_matches('/')
    );
    if path == well_known {
        return Json(metadata).into_response();
    }
    if is("jwks_uri") {
        return Json(issuer.keys()).into_response();
    }
    if is("token_endpoint") {
        let Ok(RawForm(form)) = request.extract::<RawForm, _>().await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        return Json(issuer.token(&form)).into_response();
    }
    match issuer.recording.get("userinfo") {
        Some(said) if is("userinfo_endpoint") => Json(said).into_response(),
        // Userinfo of an issuer that has none for this token.
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// As the README says for this issuer.
fn set_up(name: &str, client: ClientBuilder) -> ClientBuilder {
    let login = LoginOptions::new();
    match name {
        "entra" => {
            let api = Resource::at(API).scopes(["api://notes/read"]);
            client.resource(api)
        }
        "google" => {
            let offline = login
                .prompt(Prompt::Consent)
                .parameter("access_type", "offline");
            client.scopes(["openid", "email", "profile"]).login(offline)
        }
        "auth0" => client.login(login.parameter("audience", API)),
        "apple" => client
            .scopes(["openid", "name", "email"])
            .authentication(ClientAuthentication::Post)
            .form_post(true),
        "zitadel" => client.trusted_audiences(["163840776835432345@notes", "163840776835430001"]),
        _ => client,
    }
}

/// Attacks: LI36, LI40, LI42, LI46, LI48, LI50.
#[rstest]
#[case::entra("entra", include_str!("recorded/entra.json"))]
#[case::google("google", include_str!("recorded/google.json"))]
#[case::auth0("auth0", include_str!("recorded/auth0.json"))]
#[case::okta("okta", include_str!("recorded/okta.json"))]
#[case::apple("apple", include_str!("recorded/apple.json"))]
#[case::gitlab("gitlab", include_str!("recorded/gitlab.json"))]
#[case::cognito("cognito", include_str!("recorded/cognito.json"))]
#[case::zitadel("zitadel", include_str!("recorded/zitadel.json"))]
#[tokio::test]
async fn a_person_signs_in_at_the_issuer_and_stays_signed_in(
    #[case] name: &str,
    #[case] recording: &str,
) {
    let issuer = Recorded::start(recording).await;
    let client = set_up(name, issuer.client()).build().unwrap();
    let (signed_in, url) = issuer.sign_in(&client).await;
    assert_eq!(parameter(&url, "code_challenge_method").unwrap(), "S256");
    assert_eq!(parameter(&url, "resource"), None);
    let asked = |name: &str| parameter(&url, name).unwrap_or_default();
    match name {
        "entra" => assert!(asked("scope").contains("api://notes/read")),
        "google" => assert_eq!(
            (asked("access_type"), asked("prompt")),
            ("offline".into(), "consent".into())
        ),
        "auth0" => assert_eq!(asked("audience"), API),
        "apple" => assert_eq!(asked("response_mode"), "form_post"),
        _ => {}
    }
    assert_eq!(signed_in.posted_user().is_some(), name == "apple");
    let identity = signed_in.identity().unwrap();
    let expected = &issuer.recording;
    assert_eq!(
        identity.key(),
        (issuer.issuer.as_str(), expected["sub"].as_str().unwrap())
    );
    assert_eq!(identity.email(), expected["email"].as_str());
    let is_verified = !["entra", "auth0", "okta"].contains(&name);
    assert_eq!(identity.email_verified(), is_verified);

    // Twice past the end of a token: whatever the issuer calls the life of one, and whether it rotates.
    let session = client.start_session(&signed_in, "").await.unwrap().session;
    for _ in 0..2 {
        issuer.clock.advance(100_000);
        assert_eq!(token(&session).await, issuer.access_token());
    }
    let first = expected["tokens"]["refresh_token"].as_str().unwrap();
    let second = expected["refreshed"]["refresh_token"].as_str();
    assert_eq!(
        issuer.asked("refresh_token"),
        [first, second.unwrap_or(first)]
    );
}

async fn token(session: &Session) -> String {
    session.access_token().await.unwrap().expose().to_owned()
}

/// Attacks: LI36.
#[tokio::test]
async fn without_a_word_about_its_projects_nobody_signs_in_at_zitadel() {
    let issuer = Recorded::start(include_str!("recorded/zitadel.json")).await;
    let client = issuer.client().build().unwrap();
    let begun = client.begin(&BeginOptions::new()).await.unwrap();
    *issuer.nonce.lock().unwrap() = parameter(&begun.url, "nonce").unwrap();
    let state = parameter(&begun.url, "state").unwrap();
    let cookies = cookie_header(&begun.set_cookies);
    let answer = format!("code=a-code&state={state}");
    let refused = client.finish(&answer, &cookies).await.err().unwrap();
    let refused = refused.to_string();
    assert!(refused.contains("163840776835432345@notes"), "{refused}");
}
