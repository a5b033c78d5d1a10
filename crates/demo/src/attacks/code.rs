//! Attacks on the way to the tokens: the authorization request, its answer, and the code.

use safeconduct_guard::Reason as Denial;
use safeconduct_protocol::error::Reason;
use safeconduct_protocol::pkce::CodeVerifier;
use url::Url;

use super::answer::{Came, Expected};
use super::trial::{Code, Role, Run};
use crate::browser::Lost;

/// RFC 6749 §4.1.2: a code that comes twice ends what it bought.
pub(super) async fn replayed(run: &mut Run<'_>) -> Result<(), Lost> {
    let code = run.sign_in().await?;
    let tokens = run.redeem(Role::App, run.app(), &code).await?;
    run.rightful("The app redeems its code", Expected::Success, &tokens);
    let (access_token, refresh_token) = (
        tokens.secret("access_token"),
        tokens.secret("refresh_token"),
    );
    let came = run.notes(Role::App, access_token.expose()).await?;
    run.rightful("The app reads the notes", Expected::Success, &came);

    let came = run.redeem(Role::Attacker, run.app(), &code).await?;
    run.attack(
        "The same code comes again",
        Expected::Refused(Reason::CodeRedeemed),
        &came,
    );
    let came = run.notes(Role::Attacker, access_token.expose()).await?;
    run.attack(
        "The access token it bought is dead",
        Expected::Denied(Denial::NotActive),
        &came,
    );
    let came = run.refresh(Role::Attacker, &refresh_token).await?;
    run.attack(
        "The refresh token it bought is dead",
        Expected::Refused(Reason::GrantEnded),
        &came,
    );
    Ok(())
}

/// RFC 6749 §4.1.3: a code is for the client it was issued to.
pub(super) async fn of_another_client(run: &mut Run<'_>) -> Result<(), Lost> {
    let code = run.sign_in().await?;
    let came = run.redeem(Role::Attacker, run.other_app(), &code).await?;
    run.attack(
        "Another app offers the code",
        Expected::Refused(Reason::CodeOfAnotherClient),
        &came,
    );
    redeemed_after_all(run, &code).await
}

/// RFC 7636 §4.6.
pub(super) async fn wrong_verifier(run: &mut Run<'_>) -> Result<(), Lost> {
    let code = run.sign_in().await?;
    let stolen = Code {
        code: code.code.clone(),
        verifier: CodeVerifier::generate(),
        redirect_uri: code.redirect_uri.clone(),
    };
    let came = run.redeem(Role::Attacker, run.app(), &stolen).await?;
    run.attack(
        "The code comes with another verifier",
        Expected::Refused(Reason::CodeVerifierWrong),
        &came,
    );
    redeemed_after_all(run, &code).await
}

/// RFC 9700 §4.1.3: compared character by character, at both ends of the flow.
pub(super) async fn changed_redirect_uri(run: &mut Run<'_>) -> Result<(), Lost> {
    let elsewhere = format!("{}/evil", run.addresses().redirect_uri());
    let url = run.authorization_url(&elsewhere, &CodeVerifier::generate(), &[("state", "x")])?;
    let page = run.browser.get(run.id, url.as_str()).await?;
    let unregistered = Expected::Page(400, Reason::RedirectUriNotRegistered.name());
    run.attack(
        "The request names another redirect_uri",
        unregistered,
        &Came::page(&page),
    );

    let code = run.sign_in().await?;
    let changed = Code {
        code: code.code.clone(),
        verifier: CodeVerifier::parse(code.verifier.expose()).ok_or(Lost::Endless)?,
        redirect_uri: elsewhere,
    };
    let came = run.redeem(Role::Attacker, run.app(), &changed).await?;
    run.attack(
        "The exchange names another redirect_uri",
        Expected::Refused(Reason::RedirectUriChanged),
        &came,
    );
    redeemed_after_all(run, &code).await
}

/// RFC 6749 §10.12: an answer is taken only by the browser that asked.
pub(super) async fn changed_state(run: &mut Run<'_>) -> Result<(), Lost> {
    let callback = run.go_to_callback().await?;
    let came = run.visit(&with_another_state(&callback.url)).await?;
    run.attack(
        "The answer comes with another state",
        Expected::Page(400, "sign-in-unknown"),
        &came,
    );
    if run.app_asked_for_tokens() {
        return Err(Lost::Address(
            "the app redeemed a code that came with another state".to_owned(),
        ));
    }
    let came = run.visit(&callback.url).await?;
    run.rightful("The true answer is still good", Expected::GoesOn, &came);
    Ok(())
}

/// A refused thief costs the rightful owner nothing.
async fn redeemed_after_all(run: &mut Run<'_>, code: &Code) -> Result<(), Lost> {
    let came = run.redeem(Role::App, run.app(), code).await?;
    run.rightful(
        "The code is still good for the app",
        Expected::Success,
        &came,
    );
    Ok(())
}

/// The same URL, but for the last letter of its `state`.
fn with_another_state(callback: &Url) -> Url {
    let changed: Vec<(String, String)> = callback
        .query_pairs()
        .map(|(name, value)| match name.as_ref() {
            "state" => (name.into_owned(), with_another_end(&value)),
            _ => (name.into_owned(), value.into_owned()),
        })
        .collect();
    let mut url = callback.clone();
    url.query_pairs_mut().clear().extend_pairs(changed);
    url
}

fn with_another_end(value: &str) -> String {
    let mut value = value.to_owned();
    let end = if value.pop() == Some('A') { 'B' } else { 'A' };
    value.push(end);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_state_is_changed() {
        let callback = Url::parse("http://localhost/auth/callback?code=c&state=abA&iss=i").unwrap();
        let changed = with_another_state(&callback);
        assert_eq!(changed.query(), Some("code=c&state=abB&iss=i"));
    }
}
