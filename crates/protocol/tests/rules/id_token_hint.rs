//! `id_token_hint` (OpenID Connect Core §3.1.2.1): an ID Token that comes back names a person and logs nobody in. Every attack
//! on a token is tried on it, with real keys.

use std::sync::LazyLock;

use rstest::rstest;
use safeconduct_protocol::{
    authentication::Factor,
    authorization::{Next, PendingAuthorization, SignedInUser},
    client::{Client, ClientInformation, OpenIdRegistration, SubjectType},
    encoding,
    error::Reason,
    id_token::{ID_TOKEN_TYP, IdTokenHint},
    jose::{Algorithm, SigningKey},
    logout::LOGOUT_TOKEN_TYP,
    token::ACCESS_TOKEN_TYP,
};
use serde_json::{Value, json};

use crate::fixtures::{
    ISSUER, SERVER_KEY, SERVER_KEYS, START, SUBJECTS, asking, check, client_id, granted, id_token,
    issue, pending, person, reason, relying_party, returning_to, session, user,
};

static OTHER_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());

/// The ID Token of person 1 for the relying party, with these claims changed; `null` leaves one out.
fn claims(changed: Value) -> Value {
    let grant = granted(&[("scope", "openid")], &relying_party(), None);
    let mut claims = serde_json::to_value(id_token(&grant, user(1).as_str())).unwrap();
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changed.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    claims
}

fn hint(changed: Value) -> String {
    SERVER_KEY.sign_jwt(ID_TOKEN_TYP, &claims(changed)).unwrap()
}

fn unsigned(header: Value) -> String {
    let part = |value: &Value| encoding::encode(value.to_string().as_bytes());
    format!("{}.{}.AAAA", part(&header), part(&claims(json!({}))))
}

/// The honest token under another header.
fn under(header: Value) -> String {
    let token = hint(json!({}));
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", encoding::encode(header.to_string().as_bytes()))
}

fn refusal(hint: &str) -> Option<Reason> {
    let asked = [("scope", "openid"), ("id_token_hint", hint)];
    let checked = reason(check(&asking(&asked), &relying_party()));
    let at_logout = IdTokenHint::verify(hint, None, ISSUER, &SERVER_KEYS, START);
    assert!(
        checked.is_some() || at_logout.is_ok(),
        "what is good for the client is good where the client is not known yet"
    );
    checked
}

const REFUSED: Option<Reason> = Some(Reason::IdTokenHintRefused);

#[rstest]
#[case::fresh(json!({}))]
#[case::expired(json!({"exp": START.plus(-1).seconds(), "iat": START.plus(-301).seconds()}))]
#[case::expired_years_ago(json!({"exp": 1_000_000_300, "iat": 1_000_000_000}))]
#[case::issued_in_a_session_long_gone(json!({"sid": session(9)}))]
#[case::without_a_session(json!({"sid": null}))]
#[case::for_us_alone_in_a_list(json!({"aud": ["shop"]}))]
fn an_id_token_of_ours_is_taken_expired_or_not(#[case] changed: Value) {
    assert_eq!(refusal(&hint(json!({}))), None);
    assert_eq!(refusal(&hint(changed)), None);
}

/// Attacks: Q10.
#[rstest]
#[case::for_another_client(json!({"aud": "other"}))]
#[case::for_another_beside_us(json!({"aud": ["shop", "other"]}))]
#[case::for_nobody(json!({"aud": []}))]
#[case::no_audience(json!({"aud": null}))]
#[case::an_audience_that_only_begins_alike(json!({"aud": "shopping"}))]
#[case::another_issuer(json!({"iss": "https://id.example.org"}))]
#[case::an_issuer_with_a_slash(json!({"iss": "https://id.example.com/"}))]
#[case::an_issuer_in_another_case(json!({"iss": "https://ID.example.com"}))]
#[case::no_issuer(json!({"iss": null}))]
#[case::about_nobody(json!({"sub": null}))]
#[case::about_a_number(json!({"sub": 7}))]
#[case::no_end(json!({"exp": null}))]
#[case::an_end_in_words(json!({"exp": "tomorrow"}))]
#[case::from_the_future(json!({"iat": START.plus(61).seconds()}))]
#[case::not_valid_yet(json!({"nbf": START.plus(61).seconds()}))]
fn a_hint_with_a_claim_that_is_not_right_is_refused(#[case] changed: Value) {
    assert_eq!(refusal(&hint(json!({}))), None);
    assert_eq!(refusal(&hint(changed)), REFUSED);
    assert_eq!(refusal(&hint(json!({}))), None);
}

#[rstest]
#[case::alg_none(unsigned(json!({"alg": "none", "typ": "JWT"})))]
#[case::alg_none_in_another_case(unsigned(json!({"alg": "nOnE", "typ": "JWT"})))]
#[case::alg_none_and_no_signature(unsigned(json!({"alg": "none"})).trim_end_matches("AAAA").to_owned())]
#[case::alg_empty(unsigned(json!({"alg": "", "typ": "JWT"})))]
#[case::no_alg(unsigned(json!({"typ": "JWT"})))]
#[case::a_shared_secret(unsigned(json!({"alg": "HS256", "typ": "JWT", "kid": SERVER_KEY.kid()})))]
#[case::our_public_key_as_a_secret(keyed_with_our_public_key())]
#[case::another_algorithm(under(json!({"alg": "RS256", "typ": "JWT", "kid": SERVER_KEY.kid()})))]
#[case::another_header(under(json!({"alg": "ES256", "typ": "JWT", "kid": SERVER_KEY.kid(), "x": 1})))]
#[case::signed_by_somebody_else(OTHER_KEY.sign_jwt(ID_TOKEN_TYP, &claims(json!({}))).unwrap())]
#[case::a_key_of_its_own(OTHER_KEY.sign_proof(ID_TOKEN_TYP, &claims(json!({}))).unwrap())]
#[case::our_key_as_its_own(SERVER_KEY.sign_proof("dpop+jwt", &claims(json!({}))).unwrap())]
#[case::an_access_token(SERVER_KEY.sign_jwt(ACCESS_TOKEN_TYP, &claims(json!({}))).unwrap())]
#[case::a_logout_token(SERVER_KEY.sign_jwt(LOGOUT_TOKEN_TYP, &claims(json!({}))).unwrap())]
#[case::critical_extensions(under(json!({"alg": "ES256", "typ": "JWT", "crit": ["exp"], "exp": 1})))]
#[case::five_parts(format!("{}.AAAA.AAAA", hint(json!({}))))]
#[case::json(json!({"payload": "e30", "signatures": []}).to_string())]
#[case::opaque("sc_at_AQAAAAE".to_owned())]
#[case::a_dot(".".to_owned())]
#[case::far_too_long(format!("{}{}", hint(json!({})), "A".repeat(7000)))]
#[case::padded(format!("{}=", hint(json!({}))))]
#[case::white_space(format!("{} ", hint(json!({}))))]
fn what_is_no_id_token_of_ours_is_refused(#[case] forged: String) {
    assert_eq!(refusal(&hint(json!({}))), None);
    assert_eq!(refusal(&forged), REFUSED);
    let unknown = IdTokenHint::verify(&forged, None, ISSUER, &SERVER_KEYS, START);
    assert_eq!(reason(unknown), REFUSED, "where the client is not known");
    assert_eq!(refusal(&hint(json!({}))), None);
}

fn keyed_with_our_public_key() -> String {
    let public = serde_json::to_vec(&SERVER_KEY.public_jwk()).unwrap();
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": SERVER_KEY.kid()});
    let token = unsigned(header);
    let (input, _) = token.rsplit_once('.').unwrap();
    let mac = encoding::hmac_sha256(&public, input.as_bytes());
    format!("{input}.{}", encoding::encode(&mac))
}

#[test]
fn a_forged_hint_is_refused_where_nobody_asked_for_an_id_token_too() {
    let signed = hint(json!({}));
    let asked = [("scope", "notes.read"), ("id_token_hint", &*signed)];
    assert_eq!(reason(check(&asking(&asked), &relying_party())), None);
    let forged = unsigned(json!({"alg": "none", "typ": "JWT"}));
    let asked = [("scope", "notes.read"), ("id_token_hint", &*forged)];
    let refused = check(&asking(&asked), &relying_party());
    assert_eq!(reason(refused), REFUSED);
}

#[test]
fn a_hint_tells_the_client_and_the_session_where_neither_is_known() {
    let read = IdTokenHint::verify(&hint(json!({})), None, ISSUER, &SERVER_KEYS, START).unwrap();
    assert_eq!(
        read,
        IdTokenHint {
            subject: user(1).to_string(),
            client: client_id("shop"),
            session: Some(session(1)),
        }
    );
}

#[rstest]
#[case::several_audiences(json!({"aud": ["shop", "other"]}))]
#[case::no_audience(json!({"aud": []}))]
#[case::a_user_as_audience(json!({"aud": user(1)}))]
#[case::no_identifier_as_audience(json!({"aud": "a b"}))]
fn a_hint_that_names_no_one_client_is_refused_at_logout(#[case] changed: Value) {
    let good = IdTokenHint::verify(&hint(json!({})), None, ISSUER, &SERVER_KEYS, START);
    assert_eq!(reason(good), None);
    let refused = IdTokenHint::verify(&hint(changed), None, ISSUER, &SERVER_KEYS, START);
    assert_eq!(reason(refused), REFUSED);
}

fn as_user(number: u8) -> SignedInUser {
    SignedInUser {
        user: user(number),
        ..person("openid")
    }
}

/// A request about person 1, as the relying party knows them.
fn about_person_1(client: &Client, prompt: &str) -> PendingAuthorization {
    let subject = SUBJECTS.subject(client, &user(1));
    let hint = hint(json!({"sub": subject}));
    let asked = [
        ("scope", "openid"),
        ("id_token_hint", &*hint),
        ("prompt", prompt),
    ];
    pending(&asked, client)
}

fn pairwise() -> Client {
    Client {
        about: ClientInformation::default(),
        openid: OpenIdRegistration {
            subject_type: SubjectType::Pairwise,
            ..OpenIdRegistration::default()
        },
        ..relying_party()
    }
}

/// Attacks: Q10.
#[rstest]
#[case::nobody(None, Ok(Next::SignIn), Err(Reason::LoginRequired))]
#[case::the_person(Some(as_user(1)), Ok(issue(100)), Ok(issue(100)))]
#[case::another(Some(as_user(2)), Ok(Next::SignIn), Err(Reason::LoginRequired))]
fn a_hint_names_a_person_and_logs_nobody_in(
    #[case] person: Option<SignedInUser>,
    #[case] expected: Result<Next, Reason>,
    #[case] silently: Result<Next, Reason>,
    #[values(relying_party(), pairwise())] client: Client,
) {
    for (prompt, expected) in [("", expected), ("none", silently)] {
        let next = about_person_1(&client, prompt).next(&client, person.as_ref(), &SUBJECTS);
        assert_eq!(next.map_err(|refused| refused.reason()), expected);
    }
}

#[rstest]
fn who_signs_in_as_somebody_else_than_the_hint_is_sent_back(
    #[values("", "login", "consent", "select_account")] prompt: &str,
) {
    let client = relying_party();
    let form = about_person_1(&client, prompt).proved(session(1), Factor::Password);
    let next = form.next(&client, Some(&as_user(2)), &SUBJECTS);
    assert_eq!(reason(next), Some(Reason::LoginRequired));
}

#[test]
fn a_pairwise_hint_of_another_sector_is_about_somebody_else() {
    let elsewhere = returning_to("https://other.example/cb", pairwise());
    let foreign = hint(json!({"sub": SUBJECTS.subject(&elsewhere, &user(1))}));
    let asked = [("scope", "openid"), ("id_token_hint", &*foreign)];
    let form = pending(&asked, &pairwise());
    let next = form.next(&pairwise(), Some(&as_user(1)), &SUBJECTS);
    assert_eq!(next, Ok(Next::SignIn));
}
