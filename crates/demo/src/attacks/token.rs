//! Attacks with tokens: forged, for somebody else, used up or revoked.

use safeconduct_guard::Reason as Denial;
use safeconduct_protocol::dpop::ProofKey;
use safeconduct_protocol::encoding;
use safeconduct_protocol::error::Reason;
use serde_json::{Value, json};

use super::answer::{Came, Expected};
use super::trial::{Role, Run};
use crate::browser::Lost;

/// RFC 9068 §4: a token is for the API that its `aud` names.
pub(super) async fn for_another_api(run: &mut Run<'_>) -> Result<(), Lost> {
    let code = run.sign_in_to_calendar().await?;
    let tokens = run.redeem(Role::App, run.app(), &code).await?;
    run.rightful(
        "The app gets a token for a calendar",
        Expected::Success,
        &tokens,
    );
    let came = run
        .notes(Role::Attacker, tokens.secret("access_token").expose())
        .await?;
    run.attack(
        "The calendar’s token comes to the notes",
        Expected::Denied(Denial::WrongAudience),
        &came,
    );
    let tokens = tokens_for_notes(run).await?;
    let came = run
        .notes(Role::App, tokens.secret("access_token").expose())
        .await?;
    run.rightful("A token for the notes is taken", Expected::Success, &came);
    Ok(())
}

/// RFC 8725 §2.1, §3.1: the algorithm is the key's, never the token's.
pub(super) async fn forged(run: &mut Run<'_>) -> Result<(), Lost> {
    let tokens = tokens_for_notes(run).await?;
    let genuine = tokens.secret("access_token");
    let came = run.notes(Role::App, genuine.expose()).await?;
    run.rightful("The genuine token is taken", Expected::Success, &came);

    let refused = Expected::Denied(Denial::AlgorithmNotAllowed);
    let unsigned = forge(genuine.expose(), "none", &[]).ok_or_else(no_jwt)?;
    let came = run.notes(Role::Attacker, &unsigned).await?;
    run.attack("The same token, unsigned: alg none", refused, &came);
    let keys = run.published_keys().await?;
    let public = public_key(&keys, genuine.expose()).ok_or_else(no_jwt)?;
    let confused = forge(genuine.expose(), "HS256", public.as_bytes()).ok_or_else(no_jwt)?;
    let came = run.notes(Role::Attacker, &confused).await?;
    run.attack("The same token, HS256 with the public key", refused, &came);
    Ok(())
}

/// RFC 9449 §7.1: a token that is bound to a key is worth nothing without it.
pub(super) async fn stolen(run: &mut Run<'_>) -> Result<(), Lost> {
    let token = tokens_for_notes(run).await?.secret("access_token");
    let token = token.expose();
    let proof = run.proof_for_notes(run.key(), token)?;
    let came = run.notes_with(Role::App, token, &proof).await?;
    run.rightful(
        "The app uses its token, with a proof of its key",
        Expected::Success,
        &came,
    );

    let came = run.notes_without_proof(Role::Attacker, token).await?;
    run.attack(
        "The stolen token comes without a proof",
        Expected::Denied(Denial::BoundToKey),
        &came,
    );
    let own = run.proof_for_notes(&ProofKey::generate(), token)?;
    let came = run.notes_with(Role::Attacker, token, &own).await?;
    run.attack(
        "It comes with a proof of the attacker’s own key",
        Expected::Denied(Denial::WrongKey),
        &came,
    );
    let came = run.notes_with(Role::Attacker, token, &proof).await?;
    run.attack(
        "It comes with the app’s proof, which was stolen too",
        Expected::Denied(Denial::ProofReplayed),
        &came,
    );
    Ok(())
}

/// RFC 9700 §4.14.2: whoever brings an old refresh token ends the family.
pub(super) async fn reused_refresh_token(run: &mut Run<'_>) -> Result<(), Lost> {
    let first = tokens_for_notes(run).await?.secret("refresh_token");
    let second = run.refresh(Role::App, &first).await?;
    run.rightful("The app renews its tokens", Expected::Success, &second);
    let third = run
        .refresh(Role::App, &second.secret("refresh_token"))
        .await?;
    run.rightful("The app renews them again", Expected::Success, &third);

    let came = run.refresh(Role::Attacker, &first).await?;
    run.attack(
        "The first refresh token comes back",
        Expected::Refused(Reason::RefreshTokenReused),
        &came,
    );
    let came = run
        .refresh(Role::Attacker, &third.secret("refresh_token"))
        .await?;
    run.attack(
        "The newest one is dead as well",
        Expected::Refused(Reason::GrantEnded),
        &came,
    );
    let came = run
        .notes(Role::Attacker, third.secret("access_token").expose())
        .await?;
    run.attack(
        "So is the newest access token",
        Expected::Denied(Denial::NotActive),
        &came,
    );
    Ok(())
}

/// RFC 7009 §2.1, seen at once because this API asks about every token.
pub(super) async fn revoked(run: &mut Run<'_>) -> Result<(), Lost> {
    let token = tokens_for_notes(run).await?.secret("access_token");
    let came = run.notes(Role::App, token.expose()).await?;
    run.rightful("The token is taken", Expected::Success, &came);
    let came = run.revoke(&token).await?;
    run.rightful("The app revokes it", Expected::Success, &came);
    let came = run.notes(Role::Attacker, token.expose()).await?;
    run.attack(
        "The revoked token comes to the API",
        Expected::Denied(Denial::NotActive),
        &came,
    );
    Ok(())
}

async fn tokens_for_notes(run: &mut Run<'_>) -> Result<Came, Lost> {
    let code = run.sign_in().await?;
    let tokens = run.redeem(Role::App, run.app(), &code).await?;
    run.rightful("The app gets tokens", Expected::Success, &tokens);
    Ok(tokens)
}

/// The server answered with something else than a JWT.
pub(super) fn no_jwt() -> Lost {
    Lost::Address("the token is no JWT of a published key".to_owned())
}

/// The token's claims under a header of the attacker's, with an HMAC under `key`, or no signature without one.
pub(super) fn forge(token: &str, algorithm: &str, key: &[u8]) -> Option<String> {
    let (header, claims) = token.split_once('.')?;
    let claims = claims.split('.').next()?;
    let mut header: Value = serde_json::from_slice(&encoding::decode(header)?).ok()?;
    header["alg"] = json!(algorithm);
    let signed = format!(
        "{}.{claims}",
        encoding::encode(header.to_string().as_bytes())
    );
    let signature = match key {
        [] => String::new(),
        key => encoding::encode(&encoding::hmac_sha256(key, signed.as_bytes())),
    };
    Some(format!("{signed}.{signature}"))
}

/// The published key that signed `token`, as the attacker finds it.
pub(super) fn public_key(keys: &Value, token: &str) -> Option<String> {
    let header: Value =
        serde_json::from_slice(&encoding::decode(token.split('.').next()?)?).ok()?;
    let key = keys["keys"]
        .as_array()?
        .iter()
        .find(|key| key["kid"] == header["kid"])?;
    Some(key.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgery_keeps_the_claims_and_changes_the_algorithm() {
        let header = encoding::encode(br#"{"alg":"ES256","kid":"k","typ":"at+jwt"}"#);
        let token = format!("{header}.Y2xhaW1z.c2lnbmF0dXJl");
        let forged = forge(&token, "none", &[]).unwrap();
        let (forged_header, rest) = forged.split_once('.').unwrap();
        let forged_header: Value =
            serde_json::from_slice(&encoding::decode(forged_header).unwrap()).unwrap();
        assert_eq!(
            forged_header,
            json!({"alg": "none", "kid": "k", "typ": "at+jwt"})
        );
        assert_eq!(rest, "Y2xhaW1z.");
        assert!(!forge(&token, "HS256", b"key").unwrap().ends_with('.'));
        let keys = json!({"keys": [{"kid": "other"}, {"kid": "k", "kty": "EC"}]});
        assert_eq!(
            public_key(&keys, &token).unwrap(),
            r#"{"kid":"k","kty":"EC"}"#
        );
    }
}
