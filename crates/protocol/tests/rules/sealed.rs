//! What is sealed instead of stored outlives releases: its JSON keeps its names, old JSON is still read, and no byte of it may change.

use proptest::prelude::*;
use rstest::rstest;
use safeconduct_protocol::{
    authentication::Factor,
    authorization::{LONGEST_NONCE, LONGEST_REQUEST, LONGEST_STATE, PendingAuthorization},
    authorization_code::AuthorizationCode,
    claims::ClaimsRequest,
    client::{Client, ResponseMode},
    dpop::Thumbprint,
    encoding,
    enrolment::Enrolment,
    error::Reason,
    grant::{Epochs, Grant, Lifetimes},
    ids::ClientId,
    link::{Link, LinkPurpose},
    logout::{Logout, ReturnTo, SealedLogout},
    mail::MailAddress,
    passkey::{Ceremony, Purpose},
    pkce::CodeChallenge,
    posted_request::PostedRequest,
    pushed_request::{PushedId, PushedRequest},
    refresh_token::RefreshToken,
    seal::{KeyState, Kind, Seal, SealError, SealKey},
    sealed::Sealed,
    time::Timestamp,
    token::{AccessToken, AccessTokenParts},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::fixtures::{
    ISSUER, REDIRECT_URI, START, asking, by_password, check, client_id, confidential, exchange,
    grant_id, granted, of_its_own, pending, person, reason, relying_party, scope, sent, session,
    thumbprint, user,
};

fn seal() -> Seal {
    Kind::ALL.iter().fold(Seal::new(ISSUER), |seal, &kind| {
        seal.with_key(kind, SealKey::from_bytes(1, [7; 32]), KeyState::Active)
    })
}

fn full_request() -> PendingAuthorization {
    let asked = [
        ("scope", "notes.read offline_access"),
        ("nonce", "n-0S6_WzA2Mj"),
    ];
    pending(&asked, &confidential())
}

/// A request that leaves out whatever may be left out.
fn least_request() -> PendingAuthorization {
    let client = Client {
        require_pkce: false,
        ..confidential()
    };
    let left_out = [
        ("state", ""),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    pending(&left_out, &client)
}

/// A request with everything that OpenID Connect, pushed requests and DPoP add.
fn openid_request() -> PendingAuthorization {
    let hint = user(1);
    let claims = format!(
        r#"{{"userinfo":{{"given_name":null}},"id_token":{{"email":null,"sub":{{"value":"{hint}"}}}}}}"#
    );
    let client = Client {
        response_modes: vec![ResponseMode::Query, ResponseMode::FormPost],
        ..relying_party()
    };
    let key = thumbprint(1);
    let asked = [
        ("scope", "openid notes.read"),
        ("nonce", "n-0S6_WzA2Mj"),
        ("response_mode", "form_post"),
        ("prompt", "consent login select_account"),
        ("max_age", "600"),
        ("login_hint", "ada"),
        ("claims", &*claims),
        ("dpop_jkt", key.as_str()),
    ];
    PendingAuthorization {
        pushed: Some(PushedId::from(&pushed_request())),
        ..pending(&asked, &client)
    }
}

fn pushed_request() -> PushedRequest {
    let (shop, key) = (client_id("shop"), Some(thumbprint(1)));
    let least = sent(&[
        ("client_id", "shop"),
        ("response_type", "code"),
        ("state", "a b"),
    ]);
    PushedRequest {
        id: "BQUFBQUFBQUFBQUFBQUFBQ".to_owned(),
        ..PushedRequest::push(&least, &shop, key, 1, START)
    }
}

fn posted_request() -> PostedRequest {
    PostedRequest {
        language: None,
        era: 1,
        posted_at: START,
        parameters: "client_id=shop&state=a+b".to_owned(),
    }
}

fn logout() -> SealedLogout {
    let logout = Logout {
        client: Some(client_id("shop")),
        return_to: Some(ReturnTo {
            uri: "https://rp.example/signed-out".to_owned(),
            state: Some("af0ifjsldkj".to_owned()),
        }),
        ui_locales: None,
    };
    SealedLogout {
        era: 1,
        asked_at: START,
        logout,
    }
}

fn code_of(pending: &PendingAuthorization) -> AuthorizationCode {
    AuthorizationCode {
        code_id: "AgICAgICAgICAgICAgICAg".to_owned(),
        ..pending.issue(&person(""), by_password(100), START.plus(10))
    }
}

fn refresh_token() -> RefreshToken {
    RefreshToken {
        grant: grant_id(),
        generation: 7,
        era: 1,
        client: client_id("shop"),
        expires_at: START.plus(2_592_000),
    }
}

fn parts(key: Option<Thumbprint>, now: Timestamp) -> AccessTokenParts<'static> {
    AccessTokenParts {
        issuer: ISSUER,
        era: 1,
        key,
        lifetime: 300,
        now,
    }
}

fn access_token() -> AccessToken {
    let new = code_of(&full_request()).redeem(
        &confidential(),
        &exchange(),
        None,
        &Lifetimes::default(),
        START.plus(20),
    );
    let grant = Grant::of(&new.unwrap());
    AccessToken {
        jti: "AwMDAwMDAwMDAwMDAwMDAw".to_owned(),
        ..AccessToken::of_grant(
            &grant,
            grant.user.to_string(),
            scope("notes.read"),
            parts(None, START.plus(20)),
        )
    }
}

fn client_token() -> AccessToken {
    let decided = of_its_own("notes.read");
    AccessToken {
        jti: "BAQEBAQEBAQEBAQEBAQEBA".to_owned(),
        ..AccessToken::of_client(&client_id("shop"), decided, 2, parts(None, START))
    }
}

/// An access token that is bound to a key, for an API and for UserInfo.
fn bound_token() -> AccessToken {
    let key = thumbprint(1);
    let grant = granted(
        &[("scope", "openid notes.read")],
        &relying_party(),
        Some(&key),
    );
    let parts = parts(Some(key), START.plus(20));
    AccessToken {
        jti: "BgYGBgYGBgYGBgYGBgYGBg".to_owned(),
        ..AccessToken::of_grant(
            &grant,
            grant.user.to_string(),
            scope("openid notes.read"),
            parts,
        )
    }
}

/// A release wrote these; every later one writes the same and reads them to the same value.
#[rstest]
#[case::arrived(full_request(), r#"{"g":"01a3185c-5000-7000-8000-000000000001","e":1,"b":"E2WWUd1z5xun-2k_0CqBiq3vMF4EA9G8gvXE0SwTlcA","q":{"c":"shop","r":"https://rp.example/cb","o":"notes.read offline_access","a":"https://notes.example.com","t":"af0ifjsldkj","n":"n-0S6_WzA2Mj","p":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},"s":"a"}"#)]
#[case::signed_in(least_request().proved(session(1), Factor::Password), r#"{"g":"01a3185c-5000-7000-8000-000000000001","e":1,"b":"E2WWUd1z5xun-2k_0CqBiq3vMF4EA9G8gvXE0SwTlcA","q":{"c":"shop","r":"https://rp.example/cb","o":"notes.read","a":"https://notes.example.com"},"s":"a","f":{"s":"AQEBAQEBAQEBAQEBAQEBAQ","f":["p"]}}"#)]
#[case::asked(least_request().asked(&person("")), r#"{"g":"01a3185c-5000-7000-8000-000000000001","e":1,"b":"E2WWUd1z5xun-2k_0CqBiq3vMF4EA9G8gvXE0SwTlcA","q":{"c":"shop","r":"https://rp.example/cb","o":"notes.read","a":"https://notes.example.com"},"s":{"k":{"s":"AQEBAQEBAQEBAQEBAQEBAQ","u":"u-AQEBAQEBAQEBAQEBAQEBAQ","o":"notes.read"}}}"#)]
#[case::offered(least_request().offered(&person("")), r#"{"g":"01a3185c-5000-7000-8000-000000000001","e":1,"b":"E2WWUd1z5xun-2k_0CqBiq3vMF4EA9G8gvXE0SwTlcA","q":{"c":"shop","r":"https://rp.example/cb","o":"notes.read","a":"https://notes.example.com"},"s":{"o":{"s":"AQEBAQEBAQEBAQEBAQEBAQ"}}}"#)]
#[case::refresh_token(
    refresh_token(),
    r#"{"g":"01a3185c-5000-7000-8000-000000000001","n":7,"e":1,"c":"shop","x":1802592000}"#
)]
#[case::access_token(access_token(), r#"{"iss":"https://id.example.com","sub":"u-AQEBAQEBAQEBAQEBAQEBAQ","aud":"https://notes.example.com","exp":1800000320,"iat":1800000020,"jti":"AwMDAwMDAwMDAwMDAwMDAw","client_id":"shop","scope":"notes.read","auth_time":1799999900,"acr":"urn:safeconduct:acr:password","amr":["pwd"],"grant_id":"01a3185c-5000-7000-8000-000000000001","era":1}"#)]
#[case::client_token(client_token(), r#"{"iss":"https://id.example.com","sub":"shop","aud":"https://notes.example.com","exp":1800000300,"iat":1800000000,"jti":"BAQEBAQEBAQEBAQEBAQEBA","client_id":"shop","scope":"notes.read","client_epoch":2,"era":1}"#)]
#[case::openid(openid_request(), r#"{"g":"01a3185c-5000-7000-8000-000000000001","e":1,"b":"E2WWUd1z5xun-2k_0CqBiq3vMF4EA9G8gvXE0SwTlcA","q":{"c":"shop","r":"https://rp.example/cb","o":"notes.read openid","a":"https://notes.example.com","t":"af0ifjsldkj","n":"n-0S6_WzA2Mj","p":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM","f":"form_post","m":["l","c","s"],"x":600,"l":"ada","u":"u-AQEBAQEBAQEBAQEBAQEBAQ","d":{"u":["given_name"],"i":["email"]},"j":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"},"s":"a","p":{"i":"BQUFBQUFBQUFBQUFBQUFBQ","x":1800000060}}"#)]
#[case::pushed_request(pushed_request(), r#"{"i":"BQUFBQUFBQUFBQUFBQUFBQ","e":1,"c":"shop","q":"response_type=code&state=a+b&client_id=shop","j":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","x":1800000060}"#)]
#[case::posted_request(
    posted_request(),
    r#"{"e":1,"f":1800000000,"q":"client_id=shop&state=a+b"}"#
)]
#[case::logout(
    logout(),
    r#"{"e":1,"f":1800000000,"l":{"c":"shop","r":{"u":"https://rp.example/signed-out","t":"af0ifjsldkj"}}}"#
)]
#[case::link(
    invitation(),
    r#"{"e":1,"f":1800000000,"p":"invite","u":"u-AQEBAQEBAQEBAQEBAQEBAQ","v":7}"#
)]
#[case::link_about_an_address(
    confirmation(),
    r#"{"e":1,"f":1800000000,"p":"change_address","u":"u-AQEBAQEBAQEBAQEBAQEBAQ","v":7,"a":"ada@example.com"}"#
)]
#[case::bound_token(bound_token(), r#"{"iss":"https://id.example.com","sub":"u-AQEBAQEBAQEBAQEBAQEBAQ","aud":["https://notes.example.com","https://id.example.com"],"exp":1800000320,"iat":1800000020,"jti":"BgYGBgYGBgYGBgYGBgYGBg","client_id":"shop","scope":"notes.read openid","auth_time":1799999900,"acr":"urn:safeconduct:acr:password","amr":["pwd"],"grant_id":"01a3185c-5000-7000-8000-000000000001","era":1,"cnf":{"jkt":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#)]
fn the_golden_payloads_hold<T>(#[case] payload: T, #[case] golden: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_eq!(serde_json::to_string(&payload).unwrap(), golden);
    assert_eq!(serde_json::from_str::<T>(golden).unwrap(), payload);
}

/// What a later release adds is ignored by this one, so that two versions can serve one database.
/// Attacks: A08.
#[rstest]
#[case::pending(full_request())]
#[case::pending_least(least_request())]
#[case::pending_asked(full_request().asked(&person("")))]
#[case::refresh_token(refresh_token())]
#[case::access_token(access_token())]
#[case::client_token(client_token())]
#[case::openid(openid_request())]
#[case::pushed_request(pushed_request())]
#[case::logout(logout())]
#[case::link(invitation())]
fn what_a_later_release_adds_is_ignored<T>(#[case] payload: T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let mut json = serde_json::to_value(&payload).unwrap();
    add_to_every_object(&mut json);
    assert_eq!(serde_json::from_value::<T>(json).unwrap(), payload);
}

fn add_to_every_object(json: &mut serde_json::Value) {
    let Some(members) = json.as_object_mut() else {
        return;
    };
    let is_choice = members.len() == 1;
    members.values_mut().for_each(add_to_every_object);
    // An enum is an object with one member, its choice: nothing is added beside that.
    if !is_choice {
        members.insert("later".to_owned(), serde_json::json!({"release": [1]}));
    }
}

fn invitation() -> Link {
    Link::make(LinkPurpose::Invite, user(1), 7, 1, START)
}

fn confirmation() -> Link {
    let link = Link::make(LinkPurpose::ChangeAddress, user(1), 7, 1, START);
    link.about(MailAddress::parse("ada@example.com").unwrap())
}

/// Every artifact that leaves the server, with its kind.
fn artifacts() -> Vec<(Kind, String)> {
    fn sealed<T: Sealed>(artifact: &T) -> (Kind, String) {
        (T::KIND, artifact.seal(&seal()).unwrap())
    }
    vec![
        sealed(&full_request()),
        sealed(&full_request().proved(session(1), Factor::Password)),
        sealed(&full_request().asked(&person(""))),
        sealed(&posted_request()),
        sealed(&code_of(&full_request())),
        sealed(&refresh_token()),
        sealed(&access_token()),
        sealed(&pushed_request()),
        sealed(&logout()),
        sealed(&Enrolment::begin(1, session(1), user(1), START)),
        sealed(&invitation()),
        sealed(&ceremony()),
        sealed(&confirmation()),
    ]
}

fn ceremony() -> Ceremony {
    Ceremony::begin(1, Purpose::add(session(1), user(1), None), START)
}

/// Whether it opens as what it was sealed as.
fn opens(kind: Kind, text: &str) -> bool {
    let seal = seal();
    match kind {
        Kind::PendingAuthorization => PendingAuthorization::unseal(&seal, text).is_ok(),
        Kind::PostedRequest => PostedRequest::unseal(&seal, text).is_ok(),
        Kind::AuthorizationCode => AuthorizationCode::unseal(&seal, text).is_ok(),
        Kind::RefreshToken => RefreshToken::unseal(&seal, text).is_ok(),
        Kind::AccessToken => AccessToken::unseal(&seal, text).is_ok(),
        Kind::PushedRequest => PushedRequest::unseal(&seal, text).is_ok(),
        Kind::Logout => SealedLogout::unseal(&seal, text).is_ok(),
        Kind::Enrolment => Enrolment::unseal(&seal, text).is_ok(),
        Kind::Link => Link::unseal(&seal, text).is_ok(),
        Kind::PasskeyCeremony => Ceremony::unseal(&seal, text).is_ok(),
        _ => unreachable!("no such artifact leaves the server"),
    }
}

#[test]
fn every_artifact_opens_as_it_was_sealed() {
    for (kind, text) in artifacts() {
        assert!(opens(kind, &text), "{kind:?}");
    }
}

/// What is good in era 1 is of no other, and good until its end alone.
#[rstest]
#[case::pending(
    full_request(),
    Reason::PendingRequestNotRecognised,
    Reason::PendingRequestExpired
)]
#[case::posted(
    posted_request(),
    Reason::PendingRequestNotRecognised,
    Reason::PendingRequestNotRecognised
)]
#[case::code(code_of(&full_request()), Reason::CodeNotRecognised, Reason::CodeExpired)]
#[case::refresh_token(
    refresh_token(),
    Reason::RefreshTokenNotRecognised,
    Reason::RefreshTokenExpired
)]
#[case::access_token(access_token(), Reason::AccessTokenRefused, Reason::AccessTokenRefused)]
#[case::pushed(
    pushed_request(),
    Reason::PushedRequestNotRecognised,
    Reason::PushedRequestExpired
)]
#[case::logout(logout(), Reason::RequestMalformed, Reason::RequestMalformed)]
#[case::link(invitation(), Reason::LinkNotRecognised, Reason::LinkExpired)]
fn everything_that_is_handed_out_is_of_one_era_and_ends<T: Sealed>(
    #[case] artifact: T,
    #[case] of_another_era: Reason,
    #[case] over: Reason,
) {
    let seal = seal();
    let text = artifact.seal(&seal).unwrap();
    let recognise = |era| T::recognise(&seal, &text, era).map(drop);
    assert_eq!(reason(recognise(1)), None);
    assert_eq!(reason(recognise(2)), Some(of_another_era));
    let unknown = T::recognise(&seal, "x", 1).map(drop);
    assert_eq!(reason(unknown), Some(of_another_era));
    let lifetimes = Lifetimes::default();
    let end = artifact.time(&lifetimes).end;
    assert!(end > START && end < START.plus(31 * 24 * 3600));
    assert_eq!(reason(artifact.is_current(&lifetimes, end.plus(-1))), None);
    assert_eq!(reason(artifact.is_current(&lifetimes, end)), Some(over));
}

/// Every byte of each, one bit of it: the whole artifact is covered, not a sample.
/// Attacks: Q29, C04.
#[test]
fn any_flipped_byte_in_any_artifact_is_refused() {
    for (kind, text) in artifacts() {
        let bytes = encoding::decode(&text[kind.prefix().len()..]).unwrap();
        for position in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[position] ^= 1 << (position % 8);
            let changed = format!("{}{}", kind.prefix(), encoding::encode(&flipped));
            assert!(!opens(kind, &changed), "{kind:?}, byte {position}");
        }
    }
}

/// Attacks: C09.
#[test]
fn any_changed_character_in_any_artifact_is_refused() {
    for (kind, text) in artifacts() {
        for (position, character) in text.char_indices() {
            let other = if character == 'A' { 'B' } else { 'A' };
            let mut changed = text.clone();
            changed.replace_range(position..=position, other.encode_utf8(&mut [0; 4]));
            assert!(!opens(kind, &changed), "{kind:?}, character {position}");
        }
        assert!(!opens(kind, &text[..text.len() - 1]), "{kind:?}, truncated");
        assert!(!opens(kind, &format!("{text}A")), "{kind:?}, extended");
        assert!(!opens(kind, &text.to_uppercase()), "{kind:?}, another case");
    }
}

proptest! {
    #[test]
    fn any_other_bits_in_any_artifact_are_refused(
        which in any::<prop::sample::Index>(),
        position in any::<prop::sample::Index>(),
        mask in 1..=u8::MAX,
    ) {
        let artifacts = artifacts();
        let (kind, text) = which.get(&artifacts);
        let mut bytes = encoding::decode(&text[kind.prefix().len()..]).unwrap();
        let position = position.index(bytes.len());
        bytes[position] ^= mask;
        let changed = format!("{}{}", kind.prefix(), encoding::encode(&bytes));
        prop_assert!(!opens(*kind, &changed));
    }
}

/// The code of a sign-in as apps ask for it, by an app and for an API with names of ordinary length: the whole of OpenID Connect, a
/// challenge, a nonce of 256 bits, and a key.
fn ordinary_code() -> AuthorizationCode {
    AuthorizationCode {
        client: ClientId::parse("c-AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
        scope: scope("openid profile email offline_access notes.read notes.write"),
        audience: "https://notes-api.example.com/v1".to_owned(),
        nonce: Some(encoding::encode(&[0xfe; 32])),
        code_challenge: CodeChallenge::parse(&encoding::encode(&[0xfd; 32])),
        dpop_jkt: Thumbprint::parse(&encoding::encode(&[0xfc; 32])),
        // Eras are moments and chance, once a database was restored.
        era: 1_800_000_000_000_000,
        epochs: Epochs {
            user: 130,
            client: 130,
            consent: 130,
        },
        ..code_of(&full_request())
    }
}

#[test]
fn a_code_is_short() {
    let code = AuthorizationCode {
        claims: ClaimsRequest::default(),
        ..ordinary_code()
    };
    let sealed = code.seal(&seal()).unwrap();
    assert_eq!(AuthorizationCode::unseal(&seal(), &sealed), Ok(code));
    assert!(sealed.len() < 512, "{} characters", sealed.len());
}

/// A release wrote these; every later one writes the same and reads them to the same value.
#[rstest]
#[case::of_a_full_request(
    full_request(),
    "AQGjGFxQAHAAgAAAAAAAAAEhAgICAgICAgICAgICAgICAgIHshopIQEBAQEBAQEBAQEBAQEBAQEhAQEBAQEBAQEBAQEBAQEBAQYEAkGKkEqlTCHguXeLletGAGLf11zk9hoie0Ea0rY7wclcfwFBE9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMybm90ZXMucmVhZCBvZmZsaW5lX2FjY2VzczJodHRwczovL25vdGVzLmV4YW1wbGUuY29tAROf7RLr9bMDYyMAAbjGzrQNlMjOtA0AAA"
)]
#[case::of_the_least_request(
    least_request(),
    "AQGjGFxQAHAAgAAAAAAAAAEhAgICAgICAgICAgICAgICAgIHshopIQEBAQEBAQEBAQEBAQEBAQEhAQEBAQEBAQEBAQEBAQEBAQYEAkGKkEqlTCHguXeLletGAGLf11zk9hoie0Ea0rY7wclcfwAUbm90ZXMucmVhZDJodHRwczovL25vdGVzLmV4YW1wbGUuY29tAAABuMbOtA2UyM60DQAA"
)]
#[case::of_an_openid_request(
    openid_request(),
    "AQGjGFxQAHAAgAAAAAAAAAEhAgICAgICAgICAgICAgICAgIHshopIQEBAQEBAQEBAQEBAQEBAQEhAQEBAQEBAQEBAQEBAQEBAQYEAkGKkEqlTCHguXeLletGAGLf11zk9hoie0Ea0rY7wclcfwFBE9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMibm90ZXMucmVhZCBvcGVuaWQyaHR0cHM6Ly9ub3Rlcy5leGFtcGxlLmNvbQETn-0S6_WzA2MjAAG4xs60DZTIzrQNAUEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQFEeyJ1IjpbImdpdmVuX25hbWUiXSwiaSI6WyJlbWFpbCJdfQ"
)]
fn the_golden_codes_hold(#[case] request: PendingAuthorization, #[case] golden: &str) {
    let code = code_of(&request);
    let sealed = code.seal(&seal()).unwrap();
    let payload = seal().open_bytes(Kind::AuthorizationCode, &[], &sealed);
    assert_eq!(encoding::encode(&payload.unwrap()), golden);
    let golden = encoding::decode(golden).unwrap();
    let sealed = seal().seal_bytes(Kind::AuthorizationCode, &[], &golden);
    assert_eq!(
        AuthorizationCode::unseal(&seal(), &sealed.unwrap()),
        Ok(code)
    );
}

#[test]
fn a_code_has_one_form_and_nothing_behind_it() {
    let seal = seal();
    let sealed = ordinary_code().seal(&seal).unwrap();
    let payload = seal.open_bytes(Kind::AuthorizationCode, &[], &sealed);
    let payload = payload.unwrap().to_vec();
    let open = |bytes: &[u8]| {
        let text = seal.seal_bytes(Kind::AuthorizationCode, &[], bytes);
        AuthorizationCode::unseal(&seal, &text.unwrap())
    };
    assert_eq!(open(&payload), Ok(ordinary_code()));
    for end in 0..payload.len() {
        assert_eq!(open(&payload[..end]), Err(SealError::Payload), "{end}");
    }
    let longer = [&payload[..], &[0]].concat();
    let another_form = [&[2], &payload[1..]].concat();
    for other in [&longer[..], &another_form, b"", b"{", b"{}", b"[]"] {
        assert_eq!(open(other), Err(SealError::Payload));
    }
}

proptest! {
    /// Whatever the texts are: base64url by chance, not Unicode's shortest, empty.
    #[test]
    fn a_code_opens_as_it_was_sealed(
        audience in "\\PC{0,40}",
        nonce in proptest::option::of("[A-Za-z0-9_=-]{0,60}"),
        code_id in "[A-Za-z0-9_-]{0,30}",
        era in any::<i64>(),
        epochs in any::<(i64, i64, i64)>(),
        at in any::<i64>(),
    ) {
        let (user, client, consent) = epochs;
        let code = AuthorizationCode {
            audience,
            nonce,
            code_id,
            era,
            epochs: Epochs { user, client, consent },
            issued_at: Timestamp::from_seconds(at),
            ..ordinary_code()
        };
        let sealed = code.seal(&seal()).unwrap();
        prop_assert_eq!(AuthorizationCode::unseal(&seal(), &sealed), Ok(code));
    }
}

/// Whatever passes the checks can be sealed at every stage: a request that is too long is refused, and never a fault of ours.
#[rstest]
#[case::what_json_escapes("\"", 3)]
#[case::plain("s", 1)]
#[case::beyond_ascii("é", 6)]
fn the_longest_request_fits_its_seal(#[case] character: &str, #[case] sent_as: usize) {
    let names: Vec<String> = (0..16)
        .map(|n| format!("{}{n:02}", "x".repeat(125)))
        .collect();
    let scopes = names.join(" ");
    let client = Client {
        scopes: scope(&scopes),
        ..confidential()
    };
    let longest = |length: usize| character.repeat(length / sent_as);
    let (state, nonce) = (longest(LONGEST_STATE), longest(LONGEST_NONCE));
    let changed = [("scope", &*scopes), ("state", &*state), ("nonce", &*nonce)];
    assert!(asking(&changed).encode().len() <= LONGEST_REQUEST);
    let request = check(&asking(&changed), &client).unwrap();
    assert_eq!(request.redirect_uri(), REDIRECT_URI);
    let asked = pending(&changed, &client).asked(&person(""));
    assert!(asked.seal(&seal()).is_ok());
    let code = code_of(&asked).seal(&seal()).unwrap();
    assert_eq!(
        AuthorizationCode::unseal(&seal(), &code),
        Ok(code_of(&asked))
    );
    let pushed = PushedRequest::push(&asking(&changed), &client.id, None, 1, START);
    assert!(pushed.seal(&seal()).is_ok());
    let logout = Logout {
        client: Some(client.id),
        return_to: Some(ReturnTo {
            uri: REDIRECT_URI.to_owned(),
            state: Some(state),
        }),
        ui_locales: None,
    };
    let logout = SealedLogout {
        era: 1,
        asked_at: START,
        logout,
    };
    assert!(logout.seal(&seal()).is_ok());
}
