//! Attacks on what the app believes about people: that somebody signed in, and that somebody signed out.

use safeconduct_protocol::secret::Secret;
use serde_json::{Value, json};

use super::answer::{Came, Expected};
use super::token::{forge, no_jwt, public_key};
use super::trial::{Role, Run};
use crate::browser::Lost;
use crate::message::Jwt;

/// What the app's page says of an ID Token that it does not believe.
const NOT_BELIEVED: Expected = Expected::Page(502, "id-token-invalid");

/// OpenID Connect Core §3.1.3.7: an ID Token counts if the server signed it, for this app, for this very sign-in.
pub(super) async fn swapped_id_token(run: &mut Run<'_>) -> Result<(), Lost> {
    let own = sign_in_with_openid(run).await?;
    let callback = run.go_to_callback().await?;
    run.wire().change_answer_to(&callback.code, move |_| own);
    let came = run.visit(&callback.url).await?;
    run.attack(
        "The ID Token of another sign-in, genuine in every letter",
        NOT_BELIEVED,
        &came,
    );

    let callback = run.go_to_callback().await?;
    run.wire().change_answer_to(&callback.code, |answer| {
        with_forged_id_token(answer, "none", &[])
    });
    let came = run.visit(&callback.url).await?;
    run.attack(
        "The right ID Token, unsigned: alg none",
        NOT_BELIEVED,
        &came,
    );

    let keys = run.published_keys().await?;
    let callback = run.go_to_callback().await?;
    run.wire().change_answer_to(&callback.code, move |answer| {
        let genuine = answer["id_token"].as_str().unwrap_or_default();
        let key = public_key(&keys, genuine).unwrap_or_default();
        with_forged_id_token(answer, "HS256", key.as_bytes())
    });
    let came = run.visit(&callback.url).await?;
    run.attack(
        "The right ID Token, HS256 with the public key",
        NOT_BELIEVED,
        &came,
    );

    sign_in_to_app(run).await
}

/// OpenID Connect Back-Channel Logout §2.6: a logout token counts once, and nothing else is one.
pub(super) async fn replayed_logout_token(run: &mut Run<'_>) -> Result<(), Lost> {
    sign_in_to_app(run).await?;
    let tokens = sign_in_with_openid(run).await?;
    let id_token = tokens["id_token"].as_str().unwrap_or_default().to_owned();
    let session = Jwt::read(&id_token).ok_or_else(no_jwt)?.claims["sid"].clone();
    run.wire()
        .listen_for_end_of(session.as_str().unwrap_or_default());
    let came = run.sign_out_at_server().await?;
    run.rightful("Carol signs out at the server", Expected::Success, &came);
    let came = run.visit_notes().await?;
    run.rightful("The app has signed her out too", Expected::GoesOn, &came);
    let logout_token = run
        .wire()
        .logout_token()
        .ok_or_else(|| Lost::Address("the app was not told".to_owned()))?;

    sign_in_to_app(run).await?;
    let forged = forge(logout_token.expose(), "none", &[]).ok_or_else(no_jwt)?;
    for (deed, token) in [
        ("The same logout token comes again", logout_token),
        ("The same, unsigned: alg none", Secret::new(forged)),
        (
            "Her ID Token poses as a logout token",
            Secret::new(id_token),
        ),
    ] {
        let came = run.tell_app(&token).await?;
        run.attack(deed, Expected::LogoutRefused, &came);
    }
    let came = run.visit_notes().await?;
    run.rightful("Carol is still signed in", Expected::Success, &came);
    Ok(())
}

/// A sign-in of the attacker's own making, with the app's credentials: the server's answer to its code.
async fn sign_in_with_openid(run: &mut Run<'_>) -> Result<Value, Lost> {
    let code = run.sign_in_with_openid().await?;
    let tokens = run.redeem(Role::App, run.app(), &code).await?;
    run.rightful(
        "Another sign-in of Carol’s gets an ID Token",
        Expected::Success,
        &tokens,
    );
    Ok(tokens.json)
}

/// Signs in to the app as a person does.
async fn sign_in_to_app(run: &mut Run<'_>) -> Result<(), Lost> {
    let callback = run.go_to_callback().await?;
    let came: Came = run.visit(&callback.url).await?;
    run.rightful("Carol signs in to the app", Expected::GoesOn, &came);
    Ok(())
}

fn with_forged_id_token(mut answer: Value, algorithm: &str, key: &[u8]) -> Value {
    let genuine = answer["id_token"].as_str().unwrap_or_default();
    answer["id_token"] = json!(forge(genuine, algorithm, key));
    answer
}
