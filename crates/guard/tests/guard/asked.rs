//! Introspection by issuers that write in ways of their own: whether their answers tell an access token from another token, and what
//! the guard's settings demand of them.

use rstest::rstest;
use safeconduct_guard::{ConfigError, Guard, GuardBuilder, Profile, Reason, Secret};
use serde_json::{Value, json};

use crate::support::{API, FakeIssuer, Reply, alice, verdict};

/// What an issuer calls its opaque tokens.
const OPAQUE: &str = "opaque";

fn builder(issuer: &FakeIssuer, profile: Profile) -> GuardBuilder {
    issuer.guard_builder().profile(profile)
}

fn asking(issuer: &FakeIssuer, profile: Profile) -> GuardBuilder {
    builder(issuer, profile).introspection_only("api", Secret::new("s"))
}

/// What `guard` says of a token about which the issuer answers with `change`.
async fn answered(issuer: &FakeIssuer, guard: GuardBuilder, change: Value) -> Option<Reason> {
    issuer.activate(OPAQUE, change);
    let guard = guard.introspection_cache(std::time::Duration::ZERO);
    verdict(&guard.build().unwrap(), OPAQUE).await.err()
}

/// Attacks: LI03, LI20.
#[rstest]
#[case::keycloak(Profile::Keycloak, json!({"typ": "Bearer"}), json!({"typ": "Refresh"}))]
#[case::keycloak_that_says_nothing(Profile::Keycloak, json!({"typ": "DPoP"}), json!({}))]
#[case::a_refresh_token_of_authentik(Profile::Authentik, json!({"nonce": "n"}), json!({"at_hash": "x"}))]
#[case::a_refresh_token_of_hydra(Profile::Hydra, json!({"token_use": "access_token"}), json!({"token_use": "refresh_token"}))]
#[case::hydra_that_says_nothing(Profile::Hydra, json!({"token_use": "access_token"}), json!({}))]
#[case::an_id_token_of_zitadel(Profile::Zitadel, json!({}), json!({"azp": "web"}))]
#[case::an_id_token_of_okta(Profile::Okta, json!({}), json!({"at_hash": "x"}))]
#[case::an_id_token_of_duende(Profile::Duende, json!({}), json!({"nonce": "n"}))]
#[tokio::test]
async fn what_an_answer_is_about_is_held_to_the_profile(
    #[case] profile: Profile,
    #[case] access_token: Value,
    #[case] another: Value,
) {
    let issuer = FakeIssuer::start().await;
    let asking = || asking(&issuer, profile);
    assert_eq!(answered(&issuer, asking(), access_token).await, None);
    assert_eq!(
        answered(&issuer, asking(), another).await,
        Some(Reason::WrongType)
    );
}

/// Attacks: LI35.
#[rstest]
#[case(Profile::Entra)]
#[case(Profile::Cognito)]
#[case(Profile::Clerk)]
fn an_issuer_that_answers_no_introspection_is_not_asked(#[case] profile: Profile) {
    let issuer = match profile {
        Profile::Entra => {
            "https://login.microsoftonline.com/6d1c3f0a-7a55-4be0-9f1e-0b4d8b6f2a11/v2.0"
        }
        _ => "https://id.example.com",
    };
    let builder = || {
        let builder = Guard::new(issuer, API).unwrap().profile(profile);
        match profile {
            Profile::Entra => builder,
            _ => builder.clients_in_place_of_audience(["web"]),
        }
    };
    assert!(builder().build().is_ok());
    let refused = Some(ConfigError::NotIntrospected(profile));
    let both = builder().introspection("api", Secret::new("s"));
    assert_eq!(both.build().err(), refused);
    let alone = builder().introspection_only("api", Secret::new("s"));
    assert_eq!(alone.build().err(), refused);
}

/// Attacks: LI03, LI20.
#[tokio::test]
async fn where_the_answer_tells_nothing_the_token_is_read_first() {
    let issuer = FakeIssuer::start().await;
    for profile in [Profile::Rauthy, Profile::PingOne, Profile::Auth0] {
        let refused = asking(&issuer, profile).build().err();
        assert_eq!(refused, Some(ConfigError::KindNotIntrospected(profile)));
    }
    let guard = builder(&issuer, Profile::Rauthy)
        .introspection("api", Secret::new("s"))
        .introspection_cache(std::time::Duration::ZERO)
        .build()
        .unwrap();
    issuer.activate(OPAQUE, json!({}));
    assert_eq!(verdict(&guard, OPAQUE).await, Err(Reason::Malformed));
    assert_eq!(issuer.asked_about_tokens(), 0);

    let claims = json!({"typ": "Bearer", "azp": "app"});
    let token = issuer.sign(&issuer.key, "JWT", claims);
    issuer.activate(&token, json!({}));
    assert_eq!(verdict(&guard, &token).await, alice());
    issuer.revoke(&token);
    assert_eq!(verdict(&guard, &token).await, Err(Reason::NotActive));
    let id_token = issuer.sign(&issuer.key, "JWT", json!({"typ": "Id", "azp": "app"}));
    issuer.activate(&id_token, json!({}));
    assert_eq!(verdict(&guard, &id_token).await, Err(Reason::WrongType));
}

/// Attacks: LI20.
#[rstest]
#[case::another_value(json!({"use": "id"}))]
#[case::another_type(json!({"use": ["access"]}))]
#[case::no_value(json!({}))]
#[case::what_no_access_token_has(json!({"use": "access", "at_hash": "x"}))]
#[tokio::test]
async fn what_the_settings_demand_an_answer_has_to_say(#[case] answer: Value) {
    let issuer = FakeIssuer::start().await;
    let asking = || {
        let asking = asking(&issuer, Profile::Rfc9068);
        asking
            .require_claim(["use"], ["access"])
            .refuse_claim("at_hash")
    };
    let good = json!({"use": "access"});
    assert_eq!(answered(&issuer, asking(), good.clone()).await, None);
    assert_eq!(
        answered(&issuer, asking(), answer.clone()).await,
        Some(Reason::WrongType)
    );
    // With tokens that are read here as well, those that cannot be read are held to the same.
    let both = || {
        let both = issuer
            .guard_builder()
            .require_claim(["use"], ["access"])
            .refuse_claim("at_hash");
        both.introspection("api", Secret::new("s"))
    };
    assert_eq!(answered(&issuer, both(), good).await, None);
    assert_eq!(
        answered(&issuer, both(), answer).await,
        Some(Reason::WrongType)
    );
}

#[tokio::test]
async fn what_the_token_has_said_an_answer_about_it_may_leave_out() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer
        .guard_builder()
        .require_claim(["use"], ["access"])
        .introspection("api", Secret::new("s"))
        .introspection_cache(std::time::Duration::ZERO)
        .build()
        .unwrap();
    let token = issuer.token_with(json!({"use": "access"}));
    issuer.activate(&token, json!({}));
    assert_eq!(verdict(&guard, &token).await, alice());
    issuer.activate(&token, json!({"use": "id"}));
    assert_eq!(verdict(&guard, &token).await, Err(Reason::WrongType));
    let silent = issuer.token();
    issuer.activate(&silent, json!({"use": "access"}));
    assert_eq!(verdict(&guard, &silent).await, Err(Reason::WrongType));
}

/// Attacks: LI20.
#[tokio::test]
async fn single_settings_keep_out_what_they_can_of_an_issuer_without_a_proof() {
    // As Dex writes: access tokens and ID Tokens are made by one function, and only one from a code has its hash in it.
    let issuer = FakeIssuer::start().await;
    let guard = issuer
        .guard_builder()
        .accept_no_typ()
        .accept_typ(["JWT"])
        .client_at(["azp"])
        .refuse_claim("c_hash")
        .build()
        .unwrap();
    let written = json!({"client_id": null, "azp": "app", "jti": "1", "at_hash": "x"});
    let access_token = issuer.sign(&issuer.key, "JWT", written.clone());
    assert_eq!(verdict(&guard, &access_token).await, alice());
    let mut of_a_code = written;
    of_a_code["c_hash"] = "x".into();
    let id_token = issuer.sign(&issuer.key, "JWT", of_a_code);
    assert_eq!(verdict(&guard, &id_token).await, Err(Reason::WrongType));
    assert_eq!(
        verdict(&issuer.guard(), &access_token).await,
        Err(Reason::WrongType)
    );
}

/// Attacks: LI30.
#[tokio::test]
async fn readiness_is_said_of_each_issuer_and_one_is_enough() {
    let [one, other] = [FakeIssuer::start().await, FakeIssuer::start().await];
    let guard = || {
        let builder = one.guard_builder().trust(&other.url, Profile::Hydra);
        builder.unwrap().build().unwrap()
    };
    // The first does not answer, and keeps nobody waiting.
    one.pause();
    assert_eq!(guard().ready().await, Ok(()));
    one.resume();

    one.fail();
    let guard = guard();
    assert_eq!(guard.ready().await, Ok(()));
    let readiness = guard.readiness().await;
    let said: Vec<_> = readiness
        .iter()
        .map(|(issuer, ready)| (issuer, ready.is_ok()))
        .collect();
    assert_eq!(said, [(&one.url, false), (&other.url, true)]);

    other.answer_keys(Reply::status(503));
    let guard = one.guard_builder().trust(&other.url, Profile::Hydra);
    let guard = guard.unwrap().build().unwrap();
    let neither = guard.ready().await.unwrap_err().to_string();
    let named = [&one.url, &other.url].map(|url| neither.find(&**url).unwrap());
    assert!(named[0] < named[1], "{neither}");
}
