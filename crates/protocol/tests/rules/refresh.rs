//! The refresh token at the token endpoint (RFC 6749 §6): whose it is, and what one refresh may ask for.

use rstest::rstest;
use safeconduct_protocol::{
    client::{AuthenticationMethod, Client},
    error::Reason,
    grant::{Grant, Lifetimes},
    refresh_token::{RefreshToken, Rotation, narrow},
    secret::Secret,
    time::Timestamp,
    token::RefreshExchange,
};

use crate::fixtures::{
    ISSUER, MAIL, NOTES, START, by_password, client_id, confidential, exchange, pending, person,
    public, reason, resources, scope,
};

/// A grant of `notes.read notes.write offline_access`, made at [`START`].
fn grant() -> Grant {
    let asked = [("scope", "notes.read notes.write offline_access")];
    let code = pending(&asked, &confidential()).issue(&person(""), by_password(100), START);
    let new = code.redeem(
        &confidential(),
        &exchange(),
        None,
        &Lifetimes::default(),
        START,
    );
    Grant::of(&new.unwrap())
}

fn refreshing(scope_asked: Option<&str>, resource: Option<&str>) -> RefreshExchange {
    RefreshExchange {
        refresh_token: Secret::new("sc_rt_sealed"),
        scope: scope_asked.map(scope),
        resource: resource.map(str::to_owned),
    }
}

/// Attacks: F09.
#[rstest]
#[case::its_owner(confidential(), START, None)]
#[case::in_its_last_second(confidential(), START.plus(30 * 24 * 3600 - 1), None)]
#[case::at_its_absolute_end(confidential(), START.plus(30 * 24 * 3600), Some(Reason::RefreshTokenExpired))]
#[case::another_client(
    Client { id: client_id("other"), ..confidential() },
    START,
    Some(Reason::RefreshTokenOfAnotherClient)
)]
#[case::another_client_learns_nothing_of_its_end(
    Client { id: client_id("other"), ..confidential() },
    START.plus(30 * 24 * 3600),
    Some(Reason::RefreshTokenOfAnotherClient)
)]
fn a_refresh_token_is_its_clients_until_its_absolute_end(
    #[case] client: Client,
    #[case] now: Timestamp,
    #[case] because: Option<Reason>,
) {
    let token = RefreshToken::of(&grant(), 1);
    let presented = token.present(&client, &Lifetimes::default(), now);
    assert_eq!(reason(presented), because);
}

#[rstest]
#[case::all(None, None, Ok("notes.read notes.write offline_access"))]
#[case::less(Some("notes.read"), None, Ok("notes.read"))]
#[case::the_granted_api(None, Some(NOTES), Ok("notes.read notes.write offline_access"))]
#[case::more(Some("notes.read mail.read"), None, Err(Reason::ScopeExceedsGrant))]
#[case::another_api(None, Some(MAIL), Err(Reason::ResourceExceedsGrant))]
#[case::spelled_otherwise(
    None,
    Some("https://notes.example.com/"),
    Err(Reason::ResourceExceedsGrant)
)]
fn a_refresh_may_narrow_and_never_widen(
    #[case] asked: Option<&str>,
    #[case] resource: Option<&str>,
    #[case] expected: Result<&str, Reason>,
) {
    let exchange = refreshing(asked, resource);
    let narrowed = narrow(&grant(), &confidential(), &exchange, None);
    assert_eq!(
        narrowed.map_err(|refusal| refusal.reason()),
        expected.map(scope)
    );
}

#[rstest]
#[case::some("notes.read offline_access", None, Ok("notes.read offline_access"))]
#[case::what_is_asked_for(
    "notes.read offline_access",
    Some("notes.write"),
    Err(Reason::ScopeNotRegistered)
)]
#[case::the_right_to_act_while_the_person_is_away(
    "notes.read notes.write",
    None,
    Err(Reason::GrantEnded)
)]
#[case::everything("", None, Err(Reason::GrantEnded))]
fn what_the_client_lost_since_is_in_no_new_token(
    #[case] still_registered: &str,
    #[case] asked: Option<&str>,
    #[case] expected: Result<&str, Reason>,
) {
    let client = Client {
        scopes: scope(still_registered),
        ..confidential()
    };
    let narrowed = narrow(&grant(), &client, &refreshing(asked, None), None);
    assert_eq!(
        narrowed.map_err(|refusal| refusal.reason()),
        expected.map(scope)
    );
}

#[rstest]
#[case::as_it_was("notes.read", NOTES, None)]
#[case::the_client_lost_the_api("mail.read offline_access", NOTES, Some(Reason::GrantEnded))]
#[case::the_api_is_gone("notes.read", "https://gone.example.com", Some(Reason::GrantEnded))]
#[case::the_server_itself("notes.read", ISSUER, None)]
fn tokens_are_for_an_api_that_is_still_there(
    #[case] still_registered: &str,
    #[case] audience: &str,
    #[case] expected: Option<Reason>,
) {
    let client = Client {
        scopes: scope(still_registered),
        ..confidential()
    };
    let grant = Grant {
        audience: audience.to_owned(),
        ..grant()
    };
    let served = grant.for_a_known_api(&client, &resources(), ISSUER);
    assert_eq!(reason(served), expected);
}

#[rstest]
#[case(AuthenticationMethod::ClientSecretBasic, None)]
#[case(AuthenticationMethod::ClientSecretPost, None)]
#[case(AuthenticationMethod::PrivateKeyJwt, None)]
#[case(AuthenticationMethod::None, Some(60))]
fn only_a_client_without_credentials_has_to_hurry_after_a_lost_answer(
    #[case] authentication: AuthenticationMethod,
    #[case] retry_window: Option<i64>,
) {
    let client = Client {
        authentication,
        ..public()
    };
    let token = RefreshToken::of(&grant(), 1);
    let rotation = Rotation::new(&token, &grant(), &client, &Lifetimes::default(), START);
    assert_eq!(rotation.retry_window, retry_window);
    assert_eq!(rotation.presented, 0);
}
