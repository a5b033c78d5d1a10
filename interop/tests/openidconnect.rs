//! The crate `openidconnect` signs people in with Safeconduct.

use anyhow::{Context as _, Result};
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndSessionUrl, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, Scope, TokenResponse as _,
};
use safeconduct_interop::{SECRET, SECRET_FILE, Safeconduct, browser};
use safeconduct_testing_browser::Browser;

/// Where the test is the app: the browser stops there.
const APP: &str = "http://localhost:9";

/// The client as the crate spells out that it knows the endpoints.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The app, and a Safeconduct that knows it.
struct App {
    _server: Safeconduct,
    client: Client,
    end_session: EndSessionUrl,
    browser: Browser,
}

/// What the app holds of somebody who signed in.
struct SignedIn {
    tokens: CoreTokenResponse,
    nonce: Nonce,
}

impl App {
    async fn start() -> Result<Self> {
        let server = Safeconduct::start(&format!(
            r#"
            [[clients]]
            id = "notes"
            secret_file = "{SECRET_FILE}"
            redirect_uris = ["{APP}/callback"]
            post_logout_redirect_uris = ["{APP}/goodbye"]
            scopes = ["openid", "profile"]
            "#
        ))?;
        let issuer = IssuerUrl::new(server.issuer().to_owned())?;
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &send).await?;
        let end_session = metadata.additional_metadata().end_session_endpoint.clone();
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new("notes".to_owned()),
            Some(ClientSecret::new(SECRET.to_owned())),
        )
        .set_redirect_uri(RedirectUrl::new(format!("{APP}/callback"))?);
        Ok(Self {
            _server: server,
            client,
            end_session: end_session.context("an end_session_endpoint")?,
            browser: browser()?.stopping_at(APP),
        })
    }

    async fn sign_in(&self) -> Result<SignedIn> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let page = self.browser.sign_in(url.as_str()).await?;
        assert_eq!(page.parameter("state"), Some(state.into_secret()), "{page}");
        let code = page.parameter("code").context("a code")?;
        let tokens = self
            .client
            .exchange_code(AuthorizationCode::new(code))?
            .set_pkce_verifier(verifier)
            .request_async(&send)
            .await?;
        Ok(SignedIn { tokens, nonce })
    }

    /// The person's name, as `/userinfo` gives it for this token.
    async fn name(&self, token: &AccessToken) -> Result<String> {
        let request = self.client.user_info(token.clone(), None)?;
        let claims: CoreUserInfoClaims = request.request_async(&send).await?;
        let name = claims.name().and_then(|name| name.get(None));
        Ok(name.context("a name")?.to_string())
    }
}

/// The crate brings no HTTP of its own here: what it asks is sent as it is, and no redirect is followed.
async fn send(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let answer = http.execute(request.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = HttpResponse::new(answer.bytes().await?.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

#[tokio::test]
async fn openidconnect_signs_people_in_and_learns_who_they_are() -> Result<()> {
    let app = App::start().await?;
    let SignedIn { tokens, nonce } = app.sign_in().await?;

    let id_token = tokens.id_token().context("an ID token")?;
    let verifier = app.client.id_token_verifier();
    let claims = id_token.claims(&verifier, &nonce)?;
    let hash = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg()?,
        id_token.signing_key(&verifier)?,
    )?;
    assert_eq!(claims.access_token_hash(), Some(&hash));
    assert_eq!(app.name(tokens.access_token()).await?, "Ada Lovelace");
    Ok(())
}

#[tokio::test]
async fn openidconnect_renews_its_tokens() -> Result<()> {
    let app = App::start().await?;
    let SignedIn { tokens, nonce } = app.sign_in().await?;
    let verifier = app.client.id_token_verifier();
    let first = tokens.id_token().context("an ID token")?;
    let first = first.claims(&verifier, &nonce)?;

    let refresh_token = tokens.refresh_token().context("a refresh token")?;
    let renewed = app
        .client
        .exchange_refresh_token(refresh_token)?
        .request_async(&send)
        .await?;
    assert_ne!(
        renewed.access_token().secret(),
        tokens.access_token().secret()
    );
    assert_eq!(app.name(renewed.access_token()).await?, "Ada Lovelace");
    let again = renewed.id_token().context("an ID token again")?;
    let again = again.claims(&verifier, |_: Option<&Nonce>| Ok(()))?;
    assert_eq!(again.subject(), first.subject());
    assert_eq!(again.auth_time(), first.auth_time());
    Ok(())
}

#[tokio::test]
async fn openidconnect_signs_people_out() -> Result<()> {
    let app = App::start().await?;
    let SignedIn { tokens, .. } = app.sign_in().await?;

    let goodbye = LogoutRequest::from(app.end_session.clone())
        .set_id_token_hint(tokens.id_token().context("an ID token")?)
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(format!("{APP}/goodbye"))?)
        .set_state(CsrfToken::new("farewell".to_owned()))
        .http_get_url();
    let page = app.browser.visit(goodbye.as_str()).await?;
    assert_eq!(page.url.as_str(), format!("{APP}/goodbye?state=farewell"));

    // The session is over, and with it what it had allowed.
    let (silent, ..) = app
        .client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_prompt(CoreAuthPrompt::None)
        .set_pkce_challenge(PkceCodeChallenge::new_random_sha256().0)
        .url();
    let page = app.browser.visit(silent.as_str()).await?;
    assert_eq!(page.parameter("error").as_deref(), Some("login_required"));
    assert!(app.name(tokens.access_token()).await.is_err());
    Ok(())
}
