//! Signing out: who may ask for it and where a person returns to (RP-Initiated Logout §2, §3), and the token that tells clients
//! (Back-Channel Logout §2.4).

use std::sync::LazyLock;

use rstest::rstest;
use safeconduct_protocol::{
    authorization::{LONGEST_STATE, response_url},
    client::{Client, ClientInformation, OpenIdRegistration},
    encoding,
    error::{Reason, Refusal},
    id_token::IdTokenHint,
    jose::{Algorithm, Audience, Expectation, JoseError, SigningKey, Typ, verify},
    logout::{BACK_CHANNEL_EVENT, LOGOUT_TOKEN_TYP, Logout, LogoutRequest, LogoutToken},
    redirect_uri::RedirectUri,
};
use serde_json::{Value, json};

use crate::fixtures::{
    ISSUER, SERVER_KEY, SERVER_KEYS, START, client_id, granted, id_token, reason, relying_party,
    sent, session, user,
};

static OTHER_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());

const RETURN: &str = "https://rp.example/signed-out";
const LOOPBACK: &str = "http://127.0.0.1/signed-out";

fn leaving() -> Client {
    let uris = [RETURN, LOOPBACK].map(|uri| RedirectUri::register(uri).unwrap());
    Client {
        about: ClientInformation::default(),
        openid: OpenIdRegistration {
            post_logout_redirect_uris: uris.to_vec(),
            ..OpenIdRegistration::default()
        },
        ..relying_party()
    }
}

/// Whose hint a request carries.
#[derive(Clone, Copy, Debug)]
enum Hint {
    Absent,
    Good,
    Expired,
    Unsigned,
    SignedElsewhere,
    OfAnotherClient,
}

fn hint(hint: Hint) -> String {
    let grant = granted(&[("scope", "openid")], &leaving(), None);
    let token = id_token(&grant, user(1).as_str());
    let mut claims = serde_json::to_value(&token).unwrap();
    let sign = |key: &SigningKey, claims: &Value| key.sign_jwt("JWT", claims).unwrap();
    match hint {
        Hint::Absent => String::new(),
        Hint::Good => sign(&SERVER_KEY, &claims),
        Hint::Expired => {
            claims["exp"] = json!(START.plus(-1));
            claims["iat"] = json!(START.plus(-301));
            sign(&SERVER_KEY, &claims)
        }
        Hint::Unsigned => {
            let token = sign(&SERVER_KEY, &claims);
            let payload = token.split('.').nth(1).unwrap();
            let header = encoding::encode(br#"{"alg":"none","typ":"JWT"}"#);
            format!("{header}.{payload}.")
        }
        Hint::SignedElsewhere => sign(&OTHER_KEY, &claims),
        Hint::OfAnotherClient => {
            claims["aud"] = json!("other");
            sign(&SERVER_KEY, &claims)
        }
    }
}

/// Judges a request as it arrives: its hint is verified for whichever client it names. `other` may return nowhere.
fn judge(kind: Hint, more: &[(&str, &str)]) -> Result<Logout, Refusal> {
    let hint = hint(kind);
    let parameters: Vec<(&str, &str)> = [("id_token_hint", &*hint)]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let request = LogoutRequest::parse(&sent(&parameters))?;
    let Some(hint) = &request.id_token_hint else {
        return Logout::of(&request, None);
    };
    let hint = IdTokenHint::verify(hint, None, ISSUER, &SERVER_KEYS, START)?;
    let client = Client {
        id: hint.client.clone(),
        ..if hint.client == client_id("shop") {
            leaving()
        } else {
            relying_party()
        }
    };
    Logout::of(&request, Some((&hint, &client)))
}

/// Where the person is sent, if they are.
fn location(logout: &Logout) -> Option<String> {
    logout.return_to.as_ref().map(|to| {
        let state = to.state.as_deref().map(|state| ("state", state));
        match state {
            Some(state) => response_url(&to.uri, &[state]),
            None => to.uri.clone(),
        }
    })
}

const STATE: &str = "128-characters-of-state-would-do-too";

const UNREGISTERED: Reason = Reason::PostLogoutRedirectUriNotRegistered;
const REFUSED: Reason = Reason::IdTokenHintRefused;

#[rstest]
#[case::everything_right(Hint::Good, &[("post_logout_redirect_uri", RETURN), ("state", STATE)],
    Ok(Some("https://rp.example/signed-out?state=128-characters-of-state-would-do-too")))]
#[case::an_expired_hint(Hint::Expired, &[("post_logout_redirect_uri", RETURN)], Ok(Some(RETURN)))]
#[case::no_state(Hint::Good, &[("post_logout_redirect_uri", RETURN)], Ok(Some(RETURN)))]
#[case::the_hints_own_client(Hint::Good, &[("post_logout_redirect_uri", RETURN), ("client_id", "shop")],
    Ok(Some(RETURN)))]
#[case::a_loopback_port(Hint::Good, &[("post_logout_redirect_uri", "http://127.0.0.1:49152/signed-out")],
    Ok(Some("http://127.0.0.1:49152/signed-out")))]
#[case::bad_uri(Hint::Good, &[("post_logout_redirect_uri", "https://rp.example/elsewhere"), ("state", STATE)],
    Err(UNREGISTERED))]
#[case::query_added(Hint::Good, &[("post_logout_redirect_uri", "https://rp.example/signed-out?foo=bar")],
    Err(UNREGISTERED))]
#[case::slash_added(Hint::Good, &[("post_logout_redirect_uri", "https://rp.example/signed-out/")],
    Err(UNREGISTERED))]
#[case::another_host(Hint::Good, &[("post_logout_redirect_uri", "https://rp.example.evil.example/signed-out")],
    Err(UNREGISTERED))]
#[case::where_codes_go(Hint::Good, &[("post_logout_redirect_uri", "https://rp.example/cb")], Err(UNREGISTERED))]
#[case::modified_hint(Hint::Unsigned, &[("post_logout_redirect_uri", RETURN), ("state", STATE)], Err(REFUSED))]
#[case::bad_hint(Hint::SignedElsewhere, &[("post_logout_redirect_uri", RETURN), ("state", STATE)], Err(REFUSED))]
#[case::no_hint(Hint::Absent, &[("post_logout_redirect_uri", RETURN), ("state", STATE)], Err(Reason::LogoutClientNotProven))]
#[case::no_hint_but_a_name_anybody_can_write(
    Hint::Absent, &[("post_logout_redirect_uri", RETURN), ("client_id", "shop")], Err(Reason::LogoutClientNotProven))]
#[case::hint_of_another_client(Hint::OfAnotherClient, &[("post_logout_redirect_uri", RETURN)], Err(UNREGISTERED))]
#[case::hint_of_another_client_than_it_says(Hint::OfAnotherClient, &[("client_id", "shop")], Err(REFUSED))]
#[case::no_parameters(Hint::Absent, &[], Ok(None))]
#[case::only_state(Hint::Absent, &[("state", STATE)], Ok(None))]
#[case::no_uri(Hint::Good, &[("state", STATE)], Ok(None))]
#[case::nothing_but_a_forged_hint(Hint::Unsigned, &[], Err(REFUSED))]
fn a_person_returns_only_where_a_proven_client_is_registered_for(
    #[case] hint: Hint,
    #[case] more: &[(&str, &str)],
    #[case] expected: Result<Option<&str>, Reason>,
) {
    let judged = judge(hint, more).map_err(|refused| refused.reason());
    assert_eq!(
        judged.as_ref().map(location).map_err(|reason| *reason),
        expected.map(|location| location.map(str::to_owned))
    );
}

#[rstest]
#[case::by_its_hint(Hint::Good, &[], Some("shop"))]
#[case::nobody_by_a_name_alone(Hint::Absent, &[("client_id", "shop")], None)]
#[case::nobody(Hint::Absent, &[], None)]
fn who_asked_is_said_only_if_it_is_proven(
    #[case] hint: Hint,
    #[case] more: &[(&str, &str)],
    #[case] client: Option<&str>,
) {
    let logout = judge(hint, more).unwrap();
    assert_eq!(logout.client, client.map(client_id));
}

#[rstest]
#[case::a_client_that_can_be_none(&[("client_id", "a b")], Reason::ClientUnknown)]
#[case::a_state_too_long(&[("state", &*"s".repeat(LONGEST_STATE + 1))], Reason::StateTooLong)]
#[case::a_state_too_long_as_it_is_sent(&[("state", &*"\"".repeat(LONGEST_STATE / 3 + 1))], Reason::StateTooLong)]
#[case::a_state_of_two_lines(&[("state", "a\r\nSet-Cookie: x")], Reason::RequestMalformed)]
#[case::two_hints(&[("id_token_hint", "a"), ("id_token_hint", "a")], Reason::ParameterRepeated)]
#[case::two_uris(&[("post_logout_redirect_uri", "a"), ("post_logout_redirect_uri", "b")], Reason::ParameterRepeated)]
#[case::two_states(&[("state", "a"), ("state", "a")], Reason::ParameterRepeated)]
#[case::two_clients(&[("client_id", "a"), ("client_id", "b")], Reason::ParameterRepeated)]
fn a_logout_request_that_can_not_be_read_is_refused(
    #[case] parameters: &[(&str, &str)],
    #[case] because: Reason,
) {
    assert_eq!(reason(LogoutRequest::parse(&sent(&[]))), None);
    let refused = LogoutRequest::parse(&sent(parameters));
    assert_eq!(reason(refused), Some(because));
}

#[test]
fn the_longest_state_comes_back() {
    let state = "s".repeat(LONGEST_STATE);
    let logout = judge(
        Hint::Good,
        &[("post_logout_redirect_uri", RETURN), ("state", &state)],
    );
    let returned = logout.unwrap().return_to.unwrap().state;
    assert_eq!(returned.as_deref(), Some(&*state));
}

fn logout_token() -> LogoutToken {
    let subject = user(1).to_string();
    LogoutToken::new(ISSUER, &client_id("shop"), subject, session(1), START)
}

/// Attacks: O05.
#[test]
fn a_logout_token_says_what_ended_and_no_more() {
    let mut claims = serde_json::to_value(logout_token()).unwrap();
    let jti = claims["jti"].take();
    assert_eq!(jti.as_str().map(str::len), Some(22));
    claims.as_object_mut().unwrap().remove("jti");
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER,
            "sub": user(1),
            "aud": "shop",
            "iat": START,
            "exp": START.plus(120),
            "sid": session(1),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }),
        "and above all no nonce, which would make it pass for an ID Token"
    );
}

#[test]
fn no_two_logout_tokens_have_one_name() {
    let jti = || serde_json::to_value(logout_token()).unwrap()["jti"].clone();
    assert_ne!(jti(), jti());
}

/// Attacks: J06.
#[test]
fn a_logout_token_passes_for_nothing_else() {
    let token = SERVER_KEY
        .sign_jwt(LOGOUT_TOKEN_TYP, &logout_token())
        .unwrap();
    let as_typ = |typ| {
        let expect = Expectation::new(typ, &Algorithm::ALL, ISSUER, Audience::Only("shop"));
        verify(&token, &expect, &SERVER_KEYS, START)
    };
    let verified = as_typ(Typ::OneOf(&["logout+jwt"])).unwrap();
    let events = verified.claim("events").unwrap();
    assert_eq!(events, &json!({ BACK_CHANNEL_EVENT: {} }));
    assert_eq!(verified.claim("nonce"), None);
    for typ in [
        Typ::OneOfOrAbsent(&["JWT"]),
        Typ::OneOf(&["at+jwt"]),
        Typ::OneOf(&["dpop+jwt"]),
    ] {
        assert_eq!(as_typ(typ), Err(JoseError::Typ));
    }
}
