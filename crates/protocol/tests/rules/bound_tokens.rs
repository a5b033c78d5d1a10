//! Tokens that are bound to a key (RFC 9449): from `dpop_jkt` in the request to the last refresh.

use rstest::rstest;
use safeconduct_protocol::{
    authorization::{Arrival, PendingAuthorization},
    authorization_code::AuthorizationCode,
    client::{AuthenticationMethod, Client, GrantType},
    dpop::Thumbprint,
    error::{ErrorCode, Reason, Refusal},
    grant::{Grant, Lifetimes},
    introspection::Introspection,
    parameters::Parameters,
    refresh_token::{RefreshToken, Rotation, narrow},
    secret::Secret,
    token::{AccessToken, AccessTokenParts, Confirmation, RefreshExchange, TokenRequest},
};
use serde_json::json;

use crate::fixtures::{
    ISSUER, START, arrival, arriving, asking, by_password, client_id, code, confidential, exchange,
    grant_id, granted, of_its_own, pending, person, public, reason, scope, thumbprint,
};

/// A request that names the key of this number, or none, and came with a proof of this key, or without.
fn bound(named: Option<u8>, proven: Option<u8>) -> Result<Option<Thumbprint>, Reason> {
    let named = named.map_or_else(String::new, |key| thumbprint(key).to_string());
    let proven = proven.map(thumbprint);
    let arrival = Arrival {
        dpop_jkt: proven.as_ref(),
        ..arrival()
    };
    let request = arriving(&asking(&[("dpop_jkt", &named)]), &confidential(), &arrival);
    let form =
        request.map(|request| PendingAuthorization::arrive(request, String::new(), grant_id(), 1));
    form.map(|form| form.issue(&person(""), by_password(100), START).dpop_jkt)
        .map_err(|refused| refused.reason())
}

#[rstest]
#[case::not_at_all(None, None, Ok(None))]
#[case::named(Some(1), None, Ok(Some(1)))]
#[case::proven_beside_a_pushed_request(None, Some(1), Ok(Some(1)))]
#[case::both_alike(Some(1), Some(1), Ok(Some(1)))]
#[case::one_named_and_another_proven(Some(1), Some(2), Err(Reason::DpopJktMalformed))]
fn a_code_is_bound_to_the_key_that_was_named_or_proven(
    #[case] named: Option<u8>,
    #[case] proven: Option<u8>,
    #[case] expected: Result<Option<u8>, Reason>,
) {
    let expected = expected.map(|key| key.map(thumbprint));
    assert_eq!(bound(named, proven), expected);
}

#[rstest]
#[case::too_short("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ")]
#[case::too_long(&format!("{}A", thumbprint(1)))]
#[case::padded(&format!("{}=", thumbprint(1)))]
#[case::trailing_bits("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF")]
#[case::another_alphabet("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA+8")]
#[case::white_space(" AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ")]
fn what_is_no_thumbprint_is_refused(#[case] dpop_jkt: &str) {
    let named = asking(&[("dpop_jkt", thumbprint(1).as_str())]);
    assert_eq!(reason(arriving(&named, &confidential(), &arrival())), None);
    let asked = asking(&[("dpop_jkt", dpop_jkt)]);
    let refused = arriving(&asked, &confidential(), &arrival());
    assert_eq!(reason(refused), Some(Reason::DpopJktMalformed));
}

fn code_for(key: Option<u8>) -> AuthorizationCode {
    AuthorizationCode {
        dpop_jkt: key.map(thumbprint),
        ..code()
    }
}

/// The key a code is bound to, the key that is proven, and the key of the grant that comes of it.
/// Attacks: C13.
#[rstest]
#[case::no_key_anywhere(None, None, Ok(None))]
#[case::proven_first_at_the_token_endpoint(None, Some(1), Ok(Some(1)))]
#[case::the_same(Some(1), Some(1), Ok(Some(1)))]
#[case::another(Some(1), Some(2), Err(Reason::CodeOfAnotherKey))]
#[case::no_proof(Some(1), None, Err(Reason::CodeOfAnotherKey))]
fn a_bound_code_is_redeemed_with_its_key_alone(
    #[case] bound: Option<u8>,
    #[case] proven: Option<u8>,
    #[case] expected: Result<Option<u8>, Reason>,
    #[values(confidential(), public())] client: Client,
) {
    let key = proven.map(thumbprint);
    let lifetimes = Lifetimes::default();
    let now = START.plus(20);
    let code = code_for(bound);
    let new = code.redeem(&client, &exchange(), key.as_ref(), &lifetimes, now);
    assert_eq!(
        new.map(|new| Grant::of(&new).dpop_jkt)
            .map_err(|refused| refused.reason()),
        expected.map(|key| key.map(thumbprint))
    );
    let owner = bound.map(thumbprint);
    let rightful = code.redeem(&client, &exchange(), owner.as_ref(), &lifetimes, now);
    assert_eq!(reason(rightful), None, "and nothing changed for its owner");
}

fn refresh(grant: &Grant, client: &Client, proven: Option<u8>) -> Option<Reason> {
    let exchange = RefreshExchange {
        refresh_token: Secret::new("sc_rt_sealed"),
        scope: None,
        resource: None,
    };
    reason(narrow(
        grant,
        client,
        &exchange,
        proven.map(thumbprint).as_ref(),
    ))
}

const ANOTHER_KEY: Option<Reason> = Some(Reason::RefreshTokenOfAnotherKey);

/// RFC 9449 §5: a client without credentials is known by its key alone; one with credentials may change it.
/// Attacks: F11, P06.
#[rstest]
#[case::public_with_its_key(public(), Some(1), Some(1), None)]
#[case::public_with_another_key(public(), Some(1), Some(2), ANOTHER_KEY)]
#[case::public_without_proof(public(), Some(1), None, ANOTHER_KEY)]
#[case::confidential_with_its_key(confidential(), Some(1), Some(1), None)]
#[case::confidential_with_a_new_key(confidential(), Some(1), Some(2), None)]
#[case::confidential_without_proof(confidential(), Some(1), None, ANOTHER_KEY)]
#[case::never_bound(public(), None, None, None)]
#[case::public_that_began_without_a_key(public(), None, Some(1), ANOTHER_KEY)]
#[case::confidential_that_began_without_a_key(confidential(), None, Some(1), None)]
fn a_bound_grant_gives_no_token_that_is_not(
    #[case] client: Client,
    #[case] bound: Option<u8>,
    #[case] proven: Option<u8>,
    #[case] because: Option<Reason>,
) {
    let grant = granted(&[], &client, bound.map(thumbprint).as_ref());
    assert_eq!(refresh(&grant, &client, proven), because);
    assert_eq!(refresh(&grant, &client, bound), None, "its owner may still");
}

#[test]
fn the_key_is_judged_before_anything_is_said_about_the_grant() {
    let grant = granted(&[], &public(), Some(&thumbprint(1)));
    let lost_everything = Client {
        scopes: scope("mail.read"),
        ..public()
    };
    assert_eq!(refresh(&grant, &lost_everything, Some(2)), ANOTHER_KEY);
    assert_eq!(
        refresh(&grant, &lost_everything, Some(1)),
        Some(Reason::GrantEnded)
    );
}

/// Sender-bound tokens may be asked for again without hurry after a lost answer.
#[rstest]
#[case::public_without_a_key(public(), None, Some(60))]
#[case::public_with_a_key(public(), Some(1), None)]
#[case::confidential(confidential(), None, None)]
#[case::confidential_with_a_key(confidential(), Some(1), None)]
fn only_who_has_neither_credentials_nor_a_key_has_to_hurry_after_a_lost_answer(
    #[case] client: Client,
    #[case] bound: Option<u8>,
    #[case] window: Option<i64>,
) {
    let grant = granted(&[], &client, bound.map(thumbprint).as_ref());
    let token = RefreshToken::of(&grant, 1);
    let rotation = Rotation::new(&token, &grant, &client, &Lifetimes::default(), START);
    assert_eq!(rotation.retry_window, window);
}

fn that_must_be_bound(client: Client) -> Client {
    Client {
        dpop_bound_access_tokens: true,
        grant_types: GrantType::ALL.to_vec(),
        ..client
    }
}

/// Whatever the grant type: a client whose tokens must be bound has no way to one that is not.
/// Attacks: P06.
#[rstest]
fn a_client_whose_tokens_must_be_bound_gets_no_other(
    #[values(
        "grant_type=authorization_code&code=a",
        "grant_type=refresh_token&refresh_token=a",
        "grant_type=client_credentials"
    )]
    body: &str,
    #[values(
        AuthenticationMethod::ClientSecretBasic,
        AuthenticationMethod::PrivateKeyJwt
    )]
    authentication: AuthenticationMethod,
) {
    let client = that_must_be_bound(Client {
        authentication,
        ..confidential()
    });
    let request = TokenRequest::parse(&Parameters::parse(body.as_bytes()).unwrap()).unwrap();
    let key = thumbprint(1);
    let refused = request.allowed_for(&client, None).unwrap_err();
    assert_eq!(refused.reason(), Reason::DpopProofMissing);
    assert_eq!(refused.error(), ErrorCode::InvalidDpopProof);
    assert_eq!(reason(request.allowed_for(&client, Some(&key))), None);
}

fn parts(key: Option<Thumbprint>) -> AccessTokenParts<'static> {
    AccessTokenParts {
        issuer: ISSUER,
        era: 1,
        key,
        lifetime: 300,
        now: START,
    }
}

#[rstest]
#[case::bound(Some(1), "DPoP")]
#[case::not_bound(None, "Bearer")]
fn an_access_token_says_which_key_it_is_bound_to(
    #[case] key: Option<u8>,
    #[case] token_type: &str,
) {
    let key = key.map(thumbprint);
    let grant = granted(&[], &confidential(), key.as_ref());
    let decided = of_its_own("notes.read");
    let tokens = [
        AccessToken::of_grant(
            &grant,
            grant.user.to_string(),
            scope("notes.read"),
            parts(key.clone()),
        ),
        AccessToken::of_client(&client_id("shop"), decided, 1, parts(key.clone())),
    ];
    for token in tokens {
        let expected = key.clone().map(|jkt| Confirmation { jkt });
        assert_eq!((&token.cnf, token.token_type()), (&expected, token_type));
        let json = serde_json::to_value(Introspection::active(token)).unwrap();
        assert_eq!(json["token_type"], token_type);
        let cnf = key.as_ref().map(|jkt| json!({"jkt": jkt}));
        assert_eq!(json.get("cnf"), cnf.as_ref());
    }
}

#[test]
fn a_code_that_no_key_was_named_for_carries_none() {
    let code = pending(&[], &confidential()).issue(&person(""), by_password(100), START);
    assert_eq!(code.dpop_jkt, None);
}

#[rstest]
#[case(Reason::CodeOfAnotherKey, ErrorCode::InvalidGrant)]
#[case(Reason::RefreshTokenOfAnotherKey, ErrorCode::InvalidGrant)]
#[case(Reason::DpopProofRefused, ErrorCode::InvalidDpopProof)]
#[case(Reason::DpopProofReplayed, ErrorCode::InvalidDpopProof)]
#[case(Reason::DpopNonceRequired, ErrorCode::UseDpopNonce)]
#[case(Reason::DpopJktMalformed, ErrorCode::InvalidRequest)]
fn each_has_the_error_code_of_the_specification(#[case] reason: Reason, #[case] code: ErrorCode) {
    assert_eq!(Refusal::new(reason).error(), code);
}
