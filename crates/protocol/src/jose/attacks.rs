//! Every way we know of to have a token accepted that should not be, tried on every kind of token that is accepted anywhere.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::encoding;
use crate::time::Timestamp;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example.com";
const US: &str = "https://api.example.com";
const CLIENT: &str = "shop";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());
static RSA_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());

/// The kinds of token, each as whoever receives it expects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    AccessToken,
    IdToken,
    IdTokenHint,
    LogoutToken,
    ClientAssertion,
    Proof,
}

const KINDS: [Kind; 6] = [
    Kind::AccessToken,
    Kind::IdToken,
    Kind::IdTokenHint,
    Kind::LogoutToken,
    Kind::ClientAssertion,
    Kind::Proof,
];

const AGE: i64 = 120;

impl Kind {
    fn typ(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken | Self::IdTokenHint => "JWT",
            Self::LogoutToken => "logout+jwt",
            Self::ClientAssertion => "client-authentication+jwt",
            Self::Proof => "dpop+jwt",
        }
    }

    fn claims(self) -> Value {
        let (iss, aud) = match self {
            Self::AccessToken => (ISSUER, US),
            Self::IdToken | Self::IdTokenHint | Self::LogoutToken => (ISSUER, CLIENT),
            Self::ClientAssertion => (CLIENT, ISSUER),
            Self::Proof => {
                return json!({"htm": "GET", "htu": US, "sub": "ada", "iat": NOW, "jti": "1"});
            }
        };
        json!({"iss": iss, "aud": aud, "sub": "ada", "iat": NOW, "exp": NOW + 300, "jti": "1"})
    }

    fn claims_with(self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    fn header(self) -> Value {
        self.header_of(&KEY)
    }

    fn header_of(self, key: &SigningKey) -> Value {
        let mut header = json!({"alg": key.algorithm(), "typ": self.typ()});
        match self {
            Self::Proof => header["jwk"] = json!(key.public_jwk()),
            _ => header["kid"] = json!(key.kid()),
        }
        header
    }

    fn header_with(self, name: &str, value: Value) -> Value {
        let mut header = self.header();
        header[name] = value;
        header
    }

    fn token(self) -> String {
        signed(&self.header(), &self.claims())
    }

    fn token_of(self, key: &SigningKey) -> String {
        let (header, claims) = (self.header_of(key), self.claims());
        signed_by(key, &header.to_string(), &claims.to_string())
    }

    fn expectation(self) -> Option<Expectation<'static>> {
        let (typ, issuer, audience) = match self {
            Self::AccessToken => (Typ::OneOf(&["at+jwt"]), ISSUER, Audience::Member(US)),
            Self::IdToken => (Typ::OneOfOrAbsent(&["JWT"]), ISSUER, Audience::Only(CLIENT)),
            Self::IdTokenHint => (Typ::OneOfOrAbsent(&["JWT"]), ISSUER, Audience::OneParty),
            Self::LogoutToken => (Typ::OneOf(&["logout+jwt"]), ISSUER, Audience::Only(CLIENT)),
            Self::ClientAssertion => (
                Typ::OneOfOrAbsent(&["JWT", "client-authentication+jwt"]),
                CLIENT,
                Audience::ExactlyString(&[ISSUER]),
            ),
            Self::Proof => return None,
        };
        let expect = Expectation::new(typ, &Algorithm::ALL, issuer, audience);
        Some(match self {
            Self::IdTokenHint => expect.even_if_expired(),
            Self::LogoutToken => expect.max_age(AGE),
            Self::ClientAssertion => expect.max_lifetime(300),
            _ => expect,
        })
    }

    fn check(self, token: &str) -> Result<Verified, JoseError> {
        let now = Timestamp::from_seconds(NOW);
        match self.expectation() {
            Some(expect) => verify(token, &expect, &keys(), now),
            None => {
                let typ = Typ::OneOf(&["dpop+jwt"]);
                verify_proof(token, typ, &Algorithm::ALL, AGE, now).map(|(verified, _)| verified)
            }
        }
    }

    /// Why `token` is refused where the honest one is accepted, before and after.
    fn refusal(self, token: &str) -> JoseError {
        assert!(self.check(&self.token()).is_ok(), "{self:?}");
        let refused = self.check(token);
        assert!(self.check(&self.token()).is_ok(), "{self:?}");
        match refused {
            Ok(_) => panic!("{self:?} must not be accepted: {token}"),
            Err(error) => error,
        }
    }

    /// Whether the header names a key of the issuer's.
    fn names_its_key(self) -> bool {
        self != Self::Proof
    }
}

fn expectation() -> Expectation<'static> {
    Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &Algorithm::ALL,
        ISSUER,
        Audience::Member(US),
    )
}

fn claims() -> Value {
    Kind::AccessToken.claims()
}

fn claims_with(name: &str, value: Value) -> Value {
    Kind::AccessToken.claims_with(name, value)
}

fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn header() -> Value {
    Kind::AccessToken.header()
}

fn signing_input(header: &str, payload: &str) -> String {
    let (header, payload) = (
        encoding::encode(header.as_bytes()),
        encoding::encode(payload.as_bytes()),
    );
    format!("{header}.{payload}")
}

/// A token of any header and payload with a true signature of `key`.
fn signed_by(key: &SigningKey, header: &str, payload: &str) -> String {
    let input = signing_input(header, payload);
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", encoding::encode(&signature))
}

fn signed(header: &Value, payload: &Value) -> String {
    signed_by(&KEY, &header.to_string(), &payload.to_string())
}

fn token() -> String {
    Kind::AccessToken.token()
}

fn keys() -> KeySet {
    KeySet::new(vec![KEY.verification_key(), RSA_KEY.verification_key()])
}

fn check(token: &str, expect: &Expectation<'_>) -> Result<Verified, JoseError> {
    verify(token, expect, &keys(), Timestamp::from_seconds(NOW))
}

/// Why `token` is refused where an honest access token is accepted.
fn refusal(token: &str) -> JoseError {
    Kind::AccessToken.refusal(token)
}

#[test]
fn an_honest_token_is_accepted_and_read() {
    #[derive(Deserialize)]
    struct AccessToken {
        sub: String,
        exp: Timestamp,
    }
    let verified = check(&token(), &expectation()).unwrap();
    assert_eq!(verified.algorithm(), Algorithm::Es256);
    assert_eq!(verified.kid(), Some(KEY.kid()));
    assert_eq!(verified.iss(), ISSUER);
    assert_eq!(verified.aud(), [US]);
    assert_eq!((verified.sub(), verified.jti()), (Some("ada"), Some("1")));
    assert_eq!(verified.iat(), Some(Timestamp::from_seconds(NOW)));
    assert_eq!(verified.nbf(), None);
    let typed: AccessToken = verified.deserialize().unwrap();
    assert_eq!((typed.sub.as_str(), typed.exp), ("ada", verified.exp()));
    assert!(verified.deserialize::<Vec<String>>().is_err());
}

/// Attacks: J01.
#[rstest]
#[case::none("none")]
#[case::none_capitalised("None")]
#[case::none_mixed("nOnE")]
#[case::empty("")]
#[case::hmac("HS256")]
#[case::lower_case("es256")]
#[case::another_curve("ES384")]
fn an_algorithm_outside_the_list_is_refused(#[case] alg: &str) {
    for kind in KINDS {
        let header = kind.header_with("alg", json!(alg));
        let token = signed(&header, &kind.claims());
        assert_eq!(kind.refusal(&token), JoseError::Algorithm);
        let unsigned = signing_input(&header.to_string(), &kind.claims().to_string());
        assert_eq!(kind.refusal(&format!("{unsigned}.")), JoseError::Algorithm);
    }
}

#[rstest]
#[case::no_text("alg", json!(["ES256"]))]
#[case::null("alg", json!(null))]
#[case::typ_no_text("typ", json!(1))]
#[case::kid_no_text("kid", json!({"a": 1}))]
fn a_header_with_members_of_other_types_is_refused(#[case] name: &str, #[case] value: Value) {
    for kind in KINDS {
        let token = signed(&kind.header_with(name, value.clone()), &kind.claims());
        assert_eq!(kind.refusal(&token), JoseError::Header);
        let mut header = kind.header();
        header.as_object_mut().unwrap().remove("alg");
        assert_eq!(
            kind.refusal(&signed(&header, &kind.claims())),
            JoseError::Header
        );
    }
}

/// What a DER `SubjectPublicKeyInfo` puts before an uncompressed point of P-256 (RFC 5480 §2).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Attacks: J02.
#[test]
fn a_public_key_is_no_hmac_secret() {
    let jwk = serde_json::to_string(&KEY.public_jwk()).unwrap();
    let members: Value = serde_json::from_str(&jwk).unwrap();
    let coordinate = |name: &str| encoding::decode(members[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode([&P256_SPKI, point.as_slice()].concat())
    );
    for secret in [
        jwk.as_bytes(),
        &point,
        pem.as_bytes(),
        format!("\n {pem}").as_bytes(),
    ] {
        for (alg, expected) in [
            ("HS256", JoseError::Algorithm),
            ("ES256", JoseError::Signature),
        ] {
            for kind in KINDS {
                let header = kind.header_with("alg", json!(alg)).to_string();
                let input = signing_input(&header, &kind.claims().to_string());
                let mac = encoding::hmac_sha256(secret, input.as_bytes());
                let forged = format!("{input}.{}", encoding::encode(&mac));
                assert_eq!(kind.refusal(&forged), expected);
            }
        }
    }
}

/// Attacks: J02.
#[test]
fn a_key_takes_the_algorithm_it_is_pinned_to_and_no_other() {
    for kind in KINDS {
        let mut header = kind.header_of(&RSA_KEY);
        header["alg"] = json!("PS256");
        let token = signed_by(&RSA_KEY, &header.to_string(), &kind.claims().to_string());
        let expected = if kind.names_its_key() {
            JoseError::UnknownKey
        } else {
            JoseError::EmbeddedKey
        };
        assert_eq!(kind.refusal(&token), expected);
    }
    let honest = RSA_KEY.sign_jwt("at+jwt", &claims()).unwrap();
    assert!(check(&honest, &expectation()).is_ok());
    let only_es256 = Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &[Algorithm::Es256],
        ISSUER,
        Audience::Member(US),
    );
    assert_eq!(check(&honest, &only_es256), Err(JoseError::Algorithm));
}

/// Attacks: J04.
#[test]
fn a_key_in_the_header_is_used_for_nothing_but_a_proof() {
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
    for kind in KINDS.into_iter().filter(|kind| kind.names_its_key()) {
        let mut header = json!({
            "alg": "ES256",
            "typ": kind.typ(),
            "kid": KEY.kid(),
            "jwk": attacker.public_jwk(),
            "jku": "https://evil.example/jwks",
            "x5u": "https://evil.example/x5u",
            "x5c": ["AAAA"],
        });
        let claims = kind.claims().to_string();
        let forged = signed_by(&attacker, &header.to_string(), &claims);
        assert_eq!(kind.refusal(&forged), JoseError::Signature);
        let honest = signed(&header, &kind.claims());
        assert!(kind.check(&honest).is_ok());
        header["kid"] = json!(attacker.kid());
        let forged = signed_by(&attacker, &header.to_string(), &claims);
        assert_eq!(kind.refusal(&forged), JoseError::UnknownKey);
    }
}

#[test]
fn a_proof_is_verified_with_the_key_it_carries_and_no_other() {
    let (kind, stranger) = (Kind::Proof, SigningKey::generate(Algorithm::Es256).unwrap());
    let proof = |key: &SigningKey| {
        let token = key.sign_proof("dpop+jwt", &kind.claims()).unwrap();
        let typ = Typ::OneOf(&["dpop+jwt"]);
        verify_proof(
            &token,
            typ,
            &Algorithm::ALL,
            AGE,
            Timestamp::from_seconds(NOW),
        )
    };
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let (verified, thumbprint) = proof(&key).unwrap();
        assert_eq!(thumbprint, key.kid());
        assert_eq!((verified.iss(), verified.jti()), ("", Some("1")));
        assert_eq!(verified.exp(), Timestamp::from_seconds(NOW + AGE + 1));
    }
    let mut header = kind.header();
    header["kid"] = json!(stranger.kid());
    header["jku"] = json!("https://evil.example/jwks");
    assert!(kind.check(&signed(&header, &kind.claims())).is_ok());
    let forged = signed_by(&stranger, &header.to_string(), &kind.claims().to_string());
    assert_eq!(kind.refusal(&forged), JoseError::Signature);
}

#[test]
fn a_key_in_a_proof_is_one_public_key_for_its_algorithm() {
    let public = json!(KEY.public_jwk());
    let mut cases = vec![
        json!(null),
        json!(public.to_string()),
        json!([public]),
        json!({}),
        json!({"keys": [public]}),
        json!({"kty": "oct", "k": "AAAA"}),
        json!(RSA_KEY.public_jwk()),
    ];
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let mut jwk = public.clone();
        jwk[private] = json!("AAAA");
        cases.push(jwk);
    }
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("RS256")),
        ("crv", json!("P-384")),
        ("y", public["x"].clone()),
        ("x", json!("AAAA")),
    ] {
        let mut jwk = public.clone();
        jwk[name] = value;
        cases.push(jwk);
    }
    for jwk in cases {
        let header = Kind::Proof.header_with("jwk", jwk);
        let token = signed(&header, &Kind::Proof.claims());
        assert_eq!(Kind::Proof.refusal(&token), JoseError::EmbeddedKey);
    }
    let named = json!({"alg": "ES256", "typ": "dpop+jwt", "kid": KEY.kid()});
    let token = signed(&named, &Kind::Proof.claims());
    assert_eq!(Kind::Proof.refusal(&token), JoseError::EmbeddedKey);
}

#[test]
fn a_proof_needs_no_end_and_keeps_one_it_has() {
    let check = |name: &str, value: i64| {
        let token = signed(
            &Kind::Proof.header(),
            &Kind::Proof.claims_with(name, json!(value)),
        );
        Kind::Proof.check(&token).err()
    };
    assert_eq!(check("iat", NOW - AGE), None);
    assert_eq!(check("iat", NOW - AGE - 1), Some(JoseError::TooOld));
    assert_eq!(check("iat", NOW + LEEWAY), None);
    assert_eq!(
        check("iat", NOW + LEEWAY + 1),
        Some(JoseError::IssuedInFuture)
    );
    assert_eq!(check("exp", NOW + 1), None);
    assert_eq!(check("exp", NOW), Some(JoseError::Expired));
    assert_eq!(check("nbf", NOW + LEEWAY), None);
    assert_eq!(check("nbf", NOW + LEEWAY + 1), Some(JoseError::NotYetValid));
    let mut claims = Kind::Proof.claims();
    claims.as_object_mut().unwrap().remove("iat");
    let token = signed(&Kind::Proof.header(), &claims);
    assert_eq!(Kind::Proof.refusal(&token), JoseError::Claims);
}

/// Though one key signs them all, and its every name is in every header. What need not have a type is told apart by issuer and
/// audience. An ID Token is what a hint is.
/// Attacks: J06.
#[test]
fn no_kind_passes_for_another() {
    let is_id_token = |kind| matches!(kind, Kind::IdToken | Kind::IdTokenHint);
    for made in KINDS {
        let may_be_untyped = is_id_token(made) || made == Kind::ClientAssertion;
        for typ in [Some(made.typ()), None] {
            let mut header = json!({"alg": "ES256", "kid": KEY.kid(), "jwk": KEY.public_jwk()});
            match typ {
                Some(typ) => header["typ"] = json!(typ),
                None if may_be_untyped => {}
                None => continue,
            }
            let token = signed(&header, &made.claims());
            for taken in KINDS {
                assert_eq!(
                    taken.check(&token).is_ok(),
                    made == taken || is_id_token(made) && is_id_token(taken),
                    "{made:?} as {taken:?}, typ {typ:?}"
                );
            }
        }
    }
}

/// Attacks: J15.
#[rstest]
#[case::crit(json!(["exp"]), "crit")]
#[case::crit_empty(json!([]), "crit")]
#[case::unencoded_payload(json!(false), "b64")]
#[case::compression(json!("DEF"), "zip")]
#[case::encryption(json!("A128GCM"), "enc")]
fn an_extension_is_refused(#[case] value: Value, #[case] name: &str) {
    for kind in KINDS {
        let token = signed(&kind.header_with(name, value.clone()), &kind.claims());
        assert_eq!(kind.refusal(&token), JoseError::Extension);
    }
}

#[test]
fn a_member_named_twice_is_refused() {
    for kind in KINDS {
        let (header, claims) = (kind.header().to_string(), kind.claims().to_string());
        for inserted in [
            r#"{"alg":"none","#,
            r#"{"alg":"ES256","#,
            r#"{"typ":"JWT","#,
            r#"{"x":{"a":1,"a":2},"#,
        ] {
            let header = header.replacen('{', inserted, 1);
            assert_eq!(
                kind.refusal(&signed_by(&KEY, &header, &claims)),
                JoseError::Header
            );
        }
        for inserted in [r#"{"sub":"eve","#, r#"{"act":{"sub":"a","sub":"b"},"#] {
            let claims = claims.replacen('{', inserted, 1);
            assert_eq!(
                kind.refusal(&signed_by(&KEY, &header, &claims)),
                JoseError::Claims
            );
        }
    }
}

/// Attacks: J06.
#[rstest]
#[case::id_token(json!("JWT"))]
#[case::logout_token(json!("logout+jwt"))]
#[case::request_object(json!("oauth-authz-req+jwt"))]
#[case::dpop_proof(json!("dpop+jwt"))]
#[case::client_assertion(json!("client-authentication+jwt"))]
#[case::introspection(json!("token-introspection+jwt"))]
#[case::empty(json!(""))]
fn another_type_is_no_access_token(#[case] typ: Value) {
    assert_eq!(
        refusal(&signed(
            &Kind::AccessToken.header_with("typ", typ),
            &claims()
        )),
        JoseError::Typ
    );
}

#[test]
fn a_missing_type_passes_only_where_it_is_named() {
    let untyped = signed(&json!({"alg": "ES256", "kid": KEY.kid()}), &claims());
    assert_eq!(refusal(&untyped), JoseError::Typ);
    let id_token = Expectation::new(
        Typ::OneOfOrAbsent(&["JWT"]),
        &[Algorithm::Es256],
        ISSUER,
        Audience::Only(US),
    );
    assert!(check(&untyped, &id_token).is_ok());
    assert!(
        check(
            &signed(
                &Kind::AccessToken.header_with("typ", json!("JWT")),
                &claims()
            ),
            &id_token
        )
        .is_ok()
    );
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", ""] {
        let token = signed(&Kind::AccessToken.header_with("typ", json!(typ)), &claims());
        assert_eq!(check(&token, &id_token), Err(JoseError::Typ));
    }
}

/// Attacks: J14, J15.
#[test]
fn only_three_parts_are_a_token() {
    for kind in KINDS {
        let token = kind.token();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = input.split_once('.').unwrap();
        let flattened = json!({"payload": payload, "protected": header, "signature": signature});
        let general = json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
        for malformed in [
            String::new(),
            ".".into(),
            input.to_owned(),
            format!("{token}."),
            format!(".{token}"),
            format!("{token}.AAAA"),
            format!("{header}.{payload}..{signature}"),
            format!("{header}..{payload}.AAAA.{signature}"),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{token}="),
            format!("Bearer {token}"),
            flattened.to_string(),
            general.to_string(),
            json!({"a.b": "c.d"}).to_string(),
            "é.é.é".into(),
        ] {
            assert_eq!(
                kind.refusal(&malformed),
                JoseError::Malformed,
                "{malformed}"
            );
        }
        assert_eq!(kind.refusal(".."), JoseError::Header);
        assert_eq!(kind.refusal(&format!("{input}.")), JoseError::Signature);
    }
}

#[rstest]
#[case::text("\"text\"")]
#[case::list("[]")]
#[case::null("null")]
#[case::empty("")]
#[case::nested_token("eyJhbGciOiJub25lIn0.e30.")]
#[case::object_and_more("{}{}")]
fn a_payload_that_is_no_object_is_refused(#[case] payload: &str) {
    for kind in KINDS {
        let token = signed_by(&KEY, &kind.header().to_string(), payload);
        assert_eq!(kind.refusal(&token), JoseError::Claims);
    }
}

/// Attacks: J13.
#[test]
fn size_is_judged_first_and_its_limit_is_exact() {
    let filled = |length: usize| signed(&header(), &claims_with("fill", json!("a".repeat(length))));
    let base = filled(0).len();
    let room = (MAX_TOKEN - base) * 3 / 4;
    assert!(filled(room).len() > MAX_TOKEN - 4 && filled(room).len() <= MAX_TOKEN);
    assert!(check(&filled(room), &expectation()).is_ok());
    assert_eq!(refusal(&filled(room + 4)), JoseError::TooLarge);
    for kind in KINDS {
        assert_eq!(kind.refusal(&".".repeat(1_000_000)), JoseError::TooLarge);
        assert_eq!(kind.refusal(&".".repeat(MAX_TOKEN)), JoseError::Malformed);
        assert_eq!(kind.refusal(&"a".repeat(10_000_000)), JoseError::TooLarge);
        let kid = kind.header_with("kid", json!("k".repeat(1 << 20)));
        let token = signed(&kid, &kind.claims());
        assert_eq!(kind.refusal(&token), JoseError::TooLarge);
    }
    assert_eq!(
        unverified_header(&".".repeat(1_000_000)),
        Err(JoseError::TooLarge)
    );
}

/// Attacks: J08.
#[rstest]
#[case::another_issuer(claims_with("iss", json!("https://id.example.org")), JoseError::Issuer)]
#[case::trailing_slash(claims_with("iss", json!("https://id.example.com/")), JoseError::Issuer)]
#[case::another_case(claims_with("iss", json!("https://ID.example.com")), JoseError::Issuer)]
#[case::no_issuer(claims_without("iss"), JoseError::Issuer)]
#[case::issuer_in_a_list(claims_with("iss", json!([ISSUER])), JoseError::Claims)]
#[case::subject_no_text(claims_with("sub", json!(7)), JoseError::Claims)]
#[case::id_no_text(claims_with("jti", json!(null)), JoseError::Claims)]
#[case::no_audience(claims_without("aud"), JoseError::Audience)]
#[case::empty_audience(claims_with("aud", json!("")), JoseError::Audience)]
#[case::empty_list(claims_with("aud", json!([])), JoseError::Audience)]
#[case::substring(claims_with("aud", json!("https://api.example")), JoseError::Audience)]
#[case::longer(claims_with("aud", json!("https://api.example.com.evil.example")), JoseError::Audience)]
#[case::strangers(claims_with("aud", json!(["https://a.example", "https://b.example"])), JoseError::Audience)]
#[case::audience_number(claims_with("aud", json!(1)), JoseError::Claims)]
#[case::audience_object(claims_with("aud", json!({US: true})), JoseError::Claims)]
#[case::audience_null(claims_with("aud", json!(null)), JoseError::Claims)]
#[case::audience_beside_a_number(claims_with("aud", json!([US, 1])), JoseError::Claims)]
#[case::audience_in_a_list_below(claims_with("aud", json!([[US]])), JoseError::Claims)]
fn a_token_of_another_or_for_another_is_refused(
    #[case] claims: Value,
    #[case] expected: JoseError,
) {
    assert_eq!(refusal(&signed(&header(), &claims)), expected);
}

#[test]
fn every_kind_but_a_proof_is_from_somebody_and_for_somebody() {
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Proof) {
        let refusal = |name: &str, value: Value| {
            kind.refusal(&signed(&kind.header(), &kind.claims_with(name, value)))
        };
        let (iss, aud) = (kind.claims()["iss"].clone(), kind.claims()["aud"].clone());
        let longer = |text: &Value| json!(format!("{}/", text.as_str().unwrap()));
        for (name, value, expected) in [
            ("iss", json!("https://evil.example"), JoseError::Issuer),
            ("iss", longer(&iss), JoseError::Issuer),
            ("iss", json!(""), JoseError::Issuer),
            ("iss", json!([iss]), JoseError::Claims),
            ("aud", json!([]), JoseError::Audience),
            ("aud", json!([aud, 1]), JoseError::Claims),
            ("aud", json!({"uri": aud}), JoseError::Claims),
            ("aud", json!(null), JoseError::Claims),
        ] {
            assert_eq!(refusal(name, value), expected, "{kind:?}");
        }
        if kind != Kind::IdTokenHint {
            assert_eq!(refusal("aud", longer(&aud)), JoseError::Audience);
        }
        if kind != Kind::AccessToken {
            let stranger = json!([aud, "https://stranger.example"]);
            assert_eq!(refusal("aud", stranger), JoseError::Audience);
        }
        for missing in ["iss", "aud"] {
            let mut claims = kind.claims();
            claims.as_object_mut().unwrap().remove(missing);
            let refused = kind.refusal(&signed(&kind.header(), &claims));
            assert!(matches!(refused, JoseError::Issuer | JoseError::Audience));
        }
    }
}

#[test]
fn every_kind_has_an_end_and_a_beginning() {
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Proof) {
        let refused = |name: &str, value: Value| {
            let token = signed(&kind.header(), &kind.claims_with(name, value));
            kind.check(&token).err()
        };
        let at_its_end = (kind != Kind::IdTokenHint).then_some(JoseError::Expired);
        assert_eq!(refused("exp", json!(NOW)), at_its_end, "{kind:?}");
        for (name, value, expected) in [
            ("exp", json!(null), JoseError::Claims),
            ("exp", json!("1900000000"), JoseError::Claims),
            ("exp", json!(1e300), JoseError::Claims),
            ("exp", json!(-1), JoseError::Claims),
            ("nbf", json!(NOW + LEEWAY + 1), JoseError::NotYetValid),
            ("iat", json!(NOW + LEEWAY + 1), JoseError::IssuedInFuture),
            ("iat", json!("1800000000"), JoseError::Claims),
        ] {
            assert_eq!(refused(name, value), Some(expected), "{kind:?}");
        }
        let mut claims = kind.claims();
        claims.as_object_mut().unwrap().remove("exp");
        assert_eq!(
            kind.refusal(&signed(&kind.header(), &claims)),
            JoseError::Claims
        );
    }
}

/// Attacks: J07.
#[rstest]
#[case::one_as_text(json!(US), [true, true, true, true, true])]
#[case::one_in_a_list(json!([US]), [true, true, false, true, true])]
#[case::beside_a_stranger(json!([US, "https://stranger.example"]), [true, false, false, true, false])]
#[case::another_of_ours(json!("https://api2.example.com"), [false, false, false, true, true])]
#[case::stranger(json!("https://stranger.example"), [false, false, false, false, true])]
#[case::nobody(json!([]), [false; 5])]
fn each_audience_rule_takes_what_it_says(#[case] aud: Value, #[case] expected: [bool; 5]) {
    let ours = [US, "https://api2.example.com"];
    let rules = [
        Audience::Member(US),
        Audience::Only(US),
        Audience::ExactlyString(&[US]),
        Audience::AnyOf(&ours),
        Audience::OneParty,
    ];
    let token = signed(&header(), &claims_with("aud", aud));
    let met = rules.map(|rule| {
        let expect = Expectation::new(Typ::OneOf(&["at+jwt"]), &Algorithm::ALL, ISSUER, rule);
        match check(&token, &expect) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error, JoseError::Audience);
                false
            }
        }
    });
    assert_eq!(met, expected);
}

/// Attacks: J10.
#[rstest]
#[case::expires_now("exp", json!(NOW), Some(JoseError::Expired))]
#[case::expired_within_any_leeway("exp", json!(NOW - 1), Some(JoseError::Expired))]
#[case::expires_in_a_second("exp", json!(NOW + 1), None)]
#[case::expires_in_the_year_9999("exp", json!(253_402_300_799_i64), None)]
#[case::expires_in_the_year_10000("exp", json!(253_402_300_800_i64), Some(JoseError::Claims))]
#[case::expires_before_1970("exp", json!(-1), Some(JoseError::Claims))]
#[case::expires_beyond_i64("exp", json!(u64::MAX), Some(JoseError::Claims))]
#[case::expires_as_text("exp", json!((NOW + 300).to_string()), Some(JoseError::Claims))]
#[case::expires_as_fraction("exp", json!(1_800_000_300.5), None)]
#[case::expires_as_float("exp", json!(1_800_000_300.0), None)]
#[case::expires_in_this_second("exp", json!(1_800_000_000.9), Some(JoseError::Expired))]
#[case::expires_as_a_fraction_before_1970("exp", json!(-0.5), Some(JoseError::Claims))]
#[case::expires_as_a_fraction_in_the_year_10000("exp", json!(253_402_300_800.5), Some(JoseError::Claims))]
#[case::expires_beyond_f64("exp", json!(1e300), Some(JoseError::Claims))]
#[case::expires_never("exp", json!(null), Some(JoseError::Claims))]
#[case::valid_now("nbf", json!(NOW), None)]
#[case::valid_within_leeway("nbf", json!(NOW + LEEWAY), None)]
#[case::valid_beyond_leeway("nbf", json!(NOW + LEEWAY + 1), Some(JoseError::NotYetValid))]
#[case::valid_as_text("nbf", json!("0"), Some(JoseError::Claims))]
#[case::valid_before_1970("nbf", json!(-1), Some(JoseError::Claims))]
#[case::issued_within_leeway("iat", json!(NOW + LEEWAY), None)]
#[case::issued_beyond_leeway("iat", json!(NOW + LEEWAY + 1), Some(JoseError::IssuedInFuture))]
#[case::issued_as_fraction("iat", json!(0.5), None)]
#[case::issued_a_fraction_within_leeway("iat", json!(1_800_000_030.9), None)]
#[case::issued_a_fraction_beyond_leeway("iat", json!(1_800_000_031.1), Some(JoseError::IssuedInFuture))]
#[case::valid_as_a_fraction_beyond_leeway("nbf", json!(1_800_000_031.5), Some(JoseError::NotYetValid))]
#[case::issued_in_1970("iat", json!(0), None)]
fn time_has_exact_edges(
    #[case] name: &str,
    #[case] value: Value,
    #[case] expected: Option<JoseError>,
) {
    let token = signed(&header(), &claims_with(name, value));
    assert_eq!(check(&token, &expectation()).err(), expected);
}

#[test]
fn a_token_without_an_end_is_refused() {
    assert_eq!(
        refusal(&signed(&header(), &claims_without("exp"))),
        JoseError::Claims
    );
}

#[test]
fn a_float_is_the_second_it_falls_in_however_it_is_written() {
    for exp in [
        "18.000003e8",
        "1800000300.0",
        "1.8000003e9",
        "1800000300.999",
    ] {
        let payload = claims().to_string().replace(&format!("{}", NOW + 300), exp);
        let token = signed_by(&KEY, &header().to_string(), &payload);
        let verified = check(&token, &expectation()).unwrap();
        assert_eq!(verified.exp().seconds(), NOW + 300, "{exp}");
    }
}

/// Attacks: J10.
#[test]
fn leeway_has_a_limit_and_lengthens_no_life() {
    let generous = expectation().leeway(3600);
    let check_with = |name: &str, value: i64| {
        let token = signed(&header(), &claims_with(name, json!(value)));
        check(&token, &generous).err()
    };
    assert_eq!(check_with("iat", NOW + 60), None);
    assert_eq!(check_with("iat", NOW + 61), Some(JoseError::IssuedInFuture));
    assert_eq!(check_with("exp", NOW), Some(JoseError::Expired));
    let strict = expectation().leeway(-5);
    let token = signed(&header(), &claims_with("nbf", json!(NOW + 1)));
    assert_eq!(check(&token, &strict), Err(JoseError::NotYetValid));
}

#[test]
fn age_and_lifetime_have_exact_edges() {
    let limited = expectation().leeway(0).max_age(60).max_lifetime(300);
    let check_with = |claims: Value| check(&signed(&header(), &claims), &limited).err();
    assert_eq!(check_with(claims()), None);
    assert_eq!(check_with(claims_with("iat", json!(NOW - 60))), None);
    assert_eq!(
        check_with(claims_with("iat", json!(NOW - 61))),
        Some(JoseError::TooOld)
    );
    assert_eq!(check_with(claims_without("iat")), Some(JoseError::Claims));
    assert_eq!(
        check_with(claims_with("exp", json!(NOW + 301))),
        Some(JoseError::LifetimeTooLong)
    );
}

#[test]
fn an_expired_token_is_read_only_where_it_grants_nothing() {
    let expired = signed(&header(), &claims_with("exp", json!(NOW - 1_000_000)));
    assert_eq!(refusal(&expired), JoseError::Expired);
    let hint = expectation().even_if_expired();
    assert_eq!(check(&expired, &hint).unwrap().sub(), Some("ada"));
    let forged = format!("{}AAAA", &expired[..expired.len() - 4]);
    assert_eq!(check(&forged, &hint), Err(JoseError::Signature));
}

/// Attacks: J12.
#[test]
fn an_es256_signature_that_is_none_is_refused() {
    KINDS.into_iter().for_each(no_es256_signature_is_forged);
}

fn no_es256_signature_is_forged(kind: Kind) {
    let token = kind.token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = encoding::decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let order = encoding::decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE").unwrap();
    let zero = vec![0; 32];
    let one = [vec![0; 31], vec![1]].concat();
    let der = [&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat();
    for forged in [
        [r, &zero].concat(),
        [&zero, s].concat(),
        [zero.clone(), zero.clone()].concat(),
        [r, &order].concat(),
        [&order, s].concat(),
        [order.clone(), order.clone()].concat(),
        [one.clone(), one].concat(),
        vec![0xff; 64],
        der,
        [s, r].concat(),
        signature[..63].to_vec(),
        [signature.as_slice(), &[0]].concat(),
        [&[0], r, &[0], s].concat(),
        Vec::new(),
    ] {
        let forged = format!("{input}.{}", encoding::encode(&forged));
        assert_eq!(kind.refusal(&forged), JoseError::Signature);
    }
}

/// Attacks: J12.
#[test]
fn an_rsa_signature_that_is_none_is_refused() {
    for kind in KINDS {
        let token = kind.token_of(&RSA_KEY);
        assert!(kind.check(&token).is_ok());
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = encoding::decode(signature).unwrap();
        for forged in [
            vec![0; 256],
            vec![1],
            vec![0xff; 256],
            Vec::new(),
            signature[1..].to_vec(),
            [&[0], signature.as_slice()].concat(),
        ] {
            let forged = format!("{input}.{}", encoding::encode(&forged));
            assert_eq!(kind.refusal(&forged), JoseError::Signature);
        }
    }
}

/// `s` and `s` plus the order of the group solve the same equation; only the smaller one is a signature (RFC 8032 §5.1.7).
/// Attacks: J12.
#[test]
fn an_ed25519_signature_has_one_form() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let keys = KeySet::new(vec![key.verification_key()]);
    let check = |token: &str| verify(token, &expectation(), &keys, Timestamp::from_seconds(NOW));
    let token = key.sign_jwt("at+jwt", &claims()).unwrap();
    assert!(check(&token).is_ok());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut signature = encoding::decode(signature).unwrap();
    let mut carry = 0;
    for (byte, addend) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    let forged = format!("{input}.{}", encoding::encode(&signature));
    assert_eq!(check(&forged), Err(JoseError::Signature));
}

/// Bleichenbacher's forgery: under an exponent of 3, the cube of this signature begins with a correct padding and digest
/// and goes on as it likes. Whoever does not read the padding to its end accepts it, without any private key.
/// Attacks: J12.
#[test]
fn a_cube_root_is_no_rsa_signature() {
    const FORGED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImUzIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoiaHR0cHM6Ly9hcGkuZXhhbXBsZS5jb20iLCJzdWIiOiJldmUiLCJleHAiOjE4MDAwMDAzMDB9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMsv9SnrceQVYPXZ1IPUWQHWRdtN4JvLvY649x6qKTz-hBya_kHbPvbmoZmPxlI1Nj8G-qDj1EAg_DmTym1W0WzCDI__yGTm85RE44DxAc4y2L6QCGQ";
    let key = json!({"kty": "RSA", "kid": "e3", "n": RSA_2048, "e": "Aw"});
    let keys: JwkSet = serde_json::from_value(json!({"keys": [key]})).unwrap();
    let keys = KeySet::from(&keys);
    assert!(keys.find(Some("e3"), Algorithm::Rs256).is_ok());
    assert_eq!(
        verify(FORGED, &expectation(), &keys, Timestamp::from_seconds(NOW)),
        Err(JoseError::Signature)
    );
}

/// A modulus of 2048 bits (RFC 7515 §A.2.1).
const RSA_2048: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

#[test]
fn a_signature_of_another_key_is_refused() {
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    for kind in KINDS {
        let (header, claims) = (kind.header().to_string(), kind.claims().to_string());
        let under_our_name = signed_by(&stranger, &header, &claims);
        assert_eq!(kind.refusal(&under_our_name), JoseError::Signature);
        if kind.names_its_key() {
            let under_its_own = kind.token_of(&stranger);
            assert_eq!(kind.refusal(&under_its_own), JoseError::UnknownKey);
        }
    }
    let nobody = KeySet::default();
    assert_eq!(
        verify(
            &token(),
            &expectation(),
            &nobody,
            Timestamp::from_seconds(NOW)
        ),
        Err(JoseError::UnknownKey)
    );
}

/// Attacks: J17.
#[test]
fn parts_of_two_honest_tokens_make_none() {
    for kind in KINDS {
        let one = kind.token();
        let other = signed(&kind.header(), &kind.claims_with("sub", json!("eve")));
        let (input, _) = other.rsplit_once('.').unwrap();
        let (_, signature) = one.rsplit_once('.').unwrap();
        assert_eq!(
            kind.refusal(&format!("{input}.{signature}")),
            JoseError::Signature
        );
    }
}

#[test]
fn every_refusal_has_a_name_of_its_own() {
    let all = [
        JoseError::TooLarge,
        JoseError::Malformed,
        JoseError::Header,
        JoseError::Extension,
        JoseError::Algorithm,
        JoseError::Typ,
        JoseError::UnknownKey,
        JoseError::AmbiguousKey,
        JoseError::EmbeddedKey,
        JoseError::Signature,
        JoseError::Claims,
        JoseError::Issuer,
        JoseError::Audience,
        JoseError::Expired,
        JoseError::NotYetValid,
        JoseError::IssuedInFuture,
        JoseError::TooOld,
        JoseError::LifetimeTooLong,
    ];
    let names: std::collections::BTreeSet<_> = all.iter().map(|error| error.name()).collect();
    assert_eq!(names.len(), all.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_character_is_refused(position in any::<prop::sample::Index>(), other in "[A-Za-z0-9_=. -]", key in 0..2_usize, kind in 0..KINDS.len()) {
        let key: &SigningKey = [&KEY, &RSA_KEY][key];
        let kind = KINDS[kind];
        let honest = kind.token_of(key);
        prop_assert!(kind.check(&honest).is_ok());
        let position = position.index(honest.len());
        let mut changed = honest.clone();
        changed.replace_range(position..=position, &other);
        prop_assume!(changed != honest);
        prop_assert!(kind.check(&changed).is_err());
    }

    #[test]
    fn anything_is_refused_without_a_panic(text in "\\PC{0,200}", parts in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}") {
        for kind in KINDS {
            prop_assert!(kind.check(&text).is_err());
            prop_assert!(kind.check(&parts).is_err());
        }
        prop_assert_eq!(unverified_issuer(&text), None);
    }

    #[test]
    fn signed_nonsense_is_refused_without_a_panic(payload in "\\PC{0,100}", header in "\\PC{0,60}", jwk in "\\PC{0,60}") {
        for kind in KINDS {
            prop_assert!(kind.check(&signed_by(&KEY, &kind.header().to_string(), &payload)).is_err());
            prop_assert!(kind.check(&signed_by(&KEY, &header, &payload)).is_err());
        }
        let header = Kind::Proof.header_with("jwk", serde_json::from_str(&jwk).unwrap_or(json!(jwk)));
        prop_assert!(Kind::Proof.check(&signed(&header, &Kind::Proof.claims())).is_err());
    }
}
