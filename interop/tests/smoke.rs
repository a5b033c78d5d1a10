//! The stage itself.

use anyhow::Result;
use safeconduct_interop::{Browser, Safeconduct};

#[tokio::test]
async fn the_stage_stands() -> Result<()> {
    let server = Safeconduct::start(
        r#"
        [scopes.read]
        text.en = "Read"
        [[clients]]
        scopes = ["read"]
        id = "app"
        secret_file = "secret"
        redirect_uris = ["http://localhost:9/callback"]
        "#,
    )
    .await?;
    let browser = Browser::new()?.stopping_at("http://localhost:9/");
    let page = browser
        .sign_in(&server.url(
            "/authorize?response_type=code&scope=read&client_id=app&redirect_uri=http://localhost:9/callback&state=0123456789abcdef0123456789&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        ))
        .await?;
    assert!(page.parameter("code").is_some(), "{page}");
    Ok(())
}
