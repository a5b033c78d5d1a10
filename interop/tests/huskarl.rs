//! The crate `huskarl` signs people in with Safeconduct: requests pushed, tokens bound to a key.

use anyhow::{Context as _, Result};
use huskarl::core::client_auth::ClientSecret;
use huskarl::core::dpop::{DPoP, ResourceServerDPoP as _};
use huskarl::core::secrets::{ProvidedSecret, SecretString};
use huskarl::core::server_metadata::AuthorizationServerMetadata;
use huskarl::grant::authorization_code::{
    AuthorizationCodeGrant, CompleteInput, CompleteOutput, Prompt, StartInput,
};
use huskarl::grant::client_credentials::{
    ClientCredentialsGrant, ClientCredentialsGrantParameters,
};
use huskarl::grant::core::TokenResponse;
use huskarl::grant::refresh::RefreshGrantParameters;
use huskarl::prelude::*;
use huskarl::token::AccessToken;
use huskarl::userinfo::UserInfoClient;
use huskarl_crypto_native::asymmetric::signer::{GenerateAlgorithm, PrivateKey};
use huskarl_reqwest::ReqwestClient;
use huskarl_resource_server::core::jwk::JwksSource;
use huskarl_resource_server::validator::rfc9068::Rfc9068Validator;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use safeconduct_interop::{SECRET, SECRET_FILE, Safeconduct, browser};
use safeconduct_testing_browser::Browser;

/// Where the test is the app: the browser stops there.
const APP: &str = "http://localhost:9";
/// The API that huskarl guards.
const API: &str = "http://localhost:10/notes";

/// An app that has to push its requests and to bind its tokens, and a Safeconduct that knows it.
struct App {
    _server: Safeconduct,
    http: ReqwestClient,
    metadata: AuthorizationServerMetadata,
    grant: AuthorizationCodeGrant,
    browser: Browser,
}

impl App {
    async fn start() -> Result<Self> {
        let (server, http, metadata) = start().await?;
        let grant = AuthorizationCodeGrant::builder_from_metadata(&metadata)?
            .client_id("notes")
            .http_client(http.clone())
            .client_auth(secret())
            .redirect_uri(format!("{APP}/callback"))
            .dpop(key()?)
            .build()
            .await?;
        Ok(Self {
            _server: server,
            http,
            metadata,
            grant,
            browser: browser()?.stopping_at(APP),
        })
    }

    /// Signs the user in; what is asked for stays between the app and the server.
    async fn sign_in(&self, scope: &[&str]) -> Result<CompleteOutput> {
        let scope = scope.iter().map(|name| (*name).to_owned()).collect();
        let started = self.grant.start(StartInput::scope(scope)).await?;
        let asked = started.authorization_url.query().unwrap_or_default();
        assert!(asked.contains("request_uri="), "{asked}");
        assert!(!asked.contains("scope="), "{asked}");
        let url = started.authorization_url.to_string();
        let page = self.browser.sign_in(&url).await?;
        let answer: CompleteInput = page.url.as_str().parse()?;
        Ok(self.grant.complete(&started.pending_state, answer).await?)
    }

    /// The person's name, as `/userinfo` gives it for this token.
    async fn name(&self, token: &AccessToken, subject: &str) -> Result<String> {
        let people = UserInfoClient::builder_from_grant(&self.grant, &self.metadata)?;
        let people = people.build().await?;
        let person = people.get(&self.http, token, subject).await?;
        person.profile.name.context("a name")
    }

    async fn refresh(&self, tokens: &TokenResponse) -> Result<TokenResponse> {
        let refresh_token = tokens.refresh_token().context("a refresh token")?;
        let asked = RefreshGrantParameters::refresh_token(refresh_token.clone());
        Ok(self.grant.to_refresh_grant().exchange(asked).await?)
    }
}

async fn start() -> Result<(Safeconduct, ReqwestClient, AuthorizationServerMetadata)> {
    let server = Safeconduct::start(&format!(
        r#"
        [scopes."notes.read"]
        text.en = "Read your notes"

        [[resources]]
        uri = "{API}"
        scopes = ["notes.read"]

        [[clients]]
        id = "notes"
        secret_file = "{SECRET_FILE}"
        token_endpoint_auth_method = "client_secret_post"
        redirect_uris = ["{APP}/callback"]
        post_logout_redirect_uris = ["{APP}/goodbye"]
        grant_types = ["authorization_code", "refresh_token", "client_credentials"]
        scopes = ["openid", "profile", "offline_access", "notes.read"]
        require_pushed_authorization_requests = true
        dpop_bound_access_tokens = true
        "#
    ))?;
    let http = ReqwestClient::builder().build().await?;
    let metadata = AuthorizationServerMetadata::fetch()
        .http_client(&http)
        .issuer(server.issuer())
        .call()
        .await?;
    Ok((server, http, metadata))
}

fn secret() -> ClientSecret {
    ClientSecret::new(ProvidedSecret::new(SecretString::new(SECRET)))
}

fn key() -> Result<DPoP> {
    let key = PrivateKey::generate(GenerateAlgorithm::Es256, None)?;
    Ok(DPoP::builder().signer(key).build())
}

fn subject(signed_in: &CompleteOutput) -> Result<String> {
    let id_token = signed_in.id_token.as_ref().context("an ID token")?;
    id_token.sub.clone().context("a subject")
}

#[tokio::test]
async fn huskarl_signs_people_in_with_tokens_bound_to_its_key() -> Result<()> {
    let app = App::start().await?;
    let signed_in = app.sign_in(&["openid", "profile"]).await?;
    let subject = subject(&signed_in)?;
    let token = signed_in.token_response.access_token();
    assert!(matches!(token, AccessToken::DPoP(_)));
    assert_eq!(app.name(token, &subject).await?, "Ada Lovelace");

    // The token alone is worth nothing.
    let userinfo = app
        .metadata
        .userinfo_endpoint
        .as_ref()
        .context("userinfo")?;
    let answer = reqwest::Client::new()
        .get(userinfo.to_string())
        .bearer_auth(token.token().expose_secret())
        .send()
        .await?;
    assert_eq!(answer.status(), 401);

    let renewed = app.refresh(&signed_in.token_response).await?;
    assert_ne!(
        renewed.access_token().token().expose_secret(),
        token.token().expose_secret()
    );
    assert_eq!(
        app.name(renewed.access_token(), &subject).await?,
        "Ada Lovelace"
    );
    Ok(())
}

#[tokio::test]
async fn huskarl_signs_people_out_and_keeps_what_is_for_offline_use() -> Result<()> {
    let app = App::start().await?;
    let signed_in = app
        .sign_in(&["openid", "profile", "offline_access"])
        .await?;
    let subject = subject(&signed_in)?;

    let end_session = app.metadata.end_session_endpoint.as_ref();
    let end_session = end_session.context("an end_session_endpoint")?;
    let hint = signed_in.token_response.id_token().context("an ID token")?;
    let goodbye = format!(
        "{end_session}?id_token_hint={}&post_logout_redirect_uri={APP}/goodbye",
        hint.token()
    );
    let page = app.browser.visit(&goodbye).await?;
    assert_eq!(page.url.as_str(), format!("{APP}/goodbye"));

    let silent = StartInput::builder()
        .scope(vec!["openid".to_owned()])
        .prompt(Prompt::None)
        .build();
    let started = app.grant.start(silent).await?;
    let page = app
        .browser
        .visit(&started.authorization_url.to_string())
        .await?;
    let answer = page.url.as_str().parse()?;
    let refused = app.grant.complete(&started.pending_state, answer).await;
    let refused = refused.expect_err("nobody is signed in");
    let verdict = refused.verdict().context("the server said why")?;
    assert_eq!(verdict.code().as_str(), "login_required");

    let renewed = app.refresh(&signed_in.token_response).await?;
    assert_eq!(
        app.name(renewed.access_token(), &subject).await?,
        "Ada Lovelace"
    );
    Ok(())
}

#[tokio::test]
async fn huskarl_guards_an_api_with_tokens_bound_to_a_key() -> Result<()> {
    let (_server, http, metadata) = start().await?;
    let grant = ClientCredentialsGrant::builder_from_metadata(&metadata)
        .client_id("notes")
        .http_client(http.clone())
        .client_auth(secret())
        .dpop(key()?)
        .build();
    let asked = ClientCredentialsGrantParameters::builder()
        .scope(vec!["notes.read".to_owned()])
        .build();
    let answer = grant.exchange(asked).await?;
    let AccessToken::DPoP(token) = answer.access_token() else {
        anyhow::bail!("not bound to a key");
    };
    let guard: Rfc9068Validator = Rfc9068Validator::builder_from_metadata(&metadata)
        .audience(API)
        .require_dpop(true)
        .jws_verifier_factory(JwksSource::builder().http_client(http).build())
        .build()
        .await?;

    let (method, uri) = (Method::GET, API.parse()?);
    let proof = grant
        .dpop()
        .to_resource_server_dpop()
        .proof_at(
            &method,
            &uri,
            token.token(),
            token.jkt(),
            grant.clock().now(),
        )
        .await?;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, token.expose_header_value()?);
    let proof = proof.context("a proof")?.expose_secret().parse()?;
    headers.insert("dpop", proof);
    let passed = guard
        .validate_request(&headers, &method, &uri, None)
        .await
        .outcome?
        .context("a token")?;
    assert_eq!(passed.sub.as_deref(), Some("notes"));
    assert_eq!(passed.claims.scope.as_deref(), Some("notes.read"));

    headers.remove("dpop");
    let stolen = guard.validate_request(&headers, &method, &uri, None).await;
    assert!(stolen.outcome.is_err());
    Ok(())
}
