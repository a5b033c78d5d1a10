//! The keys of a fake issuer, and what it signs with them: ID Tokens with every flaw there is, and logout tokens.

use std::sync::LazyLock;

use safeconduct_protocol::encoding;
use safeconduct_protocol::id_token::{ID_TOKEN_TYP, at_hash};
use safeconduct_protocol::jose::{Algorithm, KeySet, SigningKey};
use safeconduct_protocol::secret::Secret;
use serde_json::{Value, json};

use super::fault::IdTokenFlaw as Flaw;
use super::issuer::FakeIssuer;

/// One RSA key for all issuers of a test binary: making one takes as long as many tests.
static RSA_KEY: LazyLock<Secret> = LazyLock::new(|| {
    let key = SigningKey::generate(Algorithm::Rs256).expect("an RSA key can be made");
    let pkcs8 = key.to_pkcs8().expect("a key can be written down");
    Secret::new(encoding::encode(&pkcs8))
});

/// The keys of one issuer.
pub(super) struct Keys {
    rsa: SigningKey,
    /// The last one signs.
    p256: Vec<SigningKey>,
    /// Of other algorithms than RS256 and ES256.
    others: Vec<SigningKey>,
    /// What ID Tokens and logout tokens are signed with.
    pub(super) algorithm: Algorithm,
    /// What ID Tokens say beside or instead of the usual.
    pub(super) claims: Value,
}

impl Keys {
    pub(super) fn new() -> Self {
        let pkcs8 = encoding::decode(RSA_KEY.expose()).expect("it was encoded");
        Self {
            rsa: SigningKey::from_pkcs8(Algorithm::Rs256, &pkcs8).expect("it is an RSA key"),
            p256: vec![new_p256()],
            others: Vec::new(),
            algorithm: Algorithm::Rs256,
            claims: json!({}),
        }
    }

    /// Signs ID Tokens with `algorithm` from now on.
    pub(super) fn sign_with(&mut self, algorithm: Algorithm) {
        self.algorithm = algorithm;
        let is_known = self.all().any(|key| key.algorithm() == algorithm);
        if !is_known {
            self.others.push(new_key(algorithm));
        }
    }

    pub(super) fn rotate(&mut self) {
        self.p256.push(new_p256());
    }

    /// What is published.
    pub(super) fn published(&self) -> Value {
        let keys = self.all().map(SigningKey::public_jwk);
        json!({ "keys": keys.collect::<Vec<_>>() })
    }

    pub(super) fn verification_keys(&self) -> KeySet {
        KeySet::new(self.all().map(SigningKey::verification_key).collect())
    }

    /// The key for access tokens.
    pub(super) fn for_access(&self) -> &SigningKey {
        self.p256.last().expect("there is always one")
    }

    fn for_identity(&self) -> &SigningKey {
        match self.algorithm {
            Algorithm::Es256 => self.for_access(),
            algorithm => {
                let mut others = self.others.iter();
                others
                    .find(|key| key.algorithm() == algorithm)
                    .unwrap_or(&self.rsa)
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        let usual = std::iter::once(&self.rsa).chain(&self.p256);
        usual.chain(&self.others)
    }

    /// The ID Token with these claims, beside `access_token`; with `flaw`, if there is to be one.
    pub(super) fn id_token(
        &self,
        mut claims: Value,
        access_token: &str,
        flaw: Option<Flaw>,
    ) -> Option<String> {
        let key = self.for_identity();
        claims["at_hash"] = at_hash(key.algorithm(), access_token).into();
        let typ = match flaw {
            Some(Flaw::Missing) => return None,
            Some(Flaw::Type) => "at+jwt",
            _ => ID_TOKEN_TYP,
        };
        if let (Some(claims), Some(more)) = (claims.as_object_mut(), self.claims.as_object()) {
            claims.extend(more.clone());
            claims.retain(|_, value| !value.is_null());
        }
        if let Some(flaw) = flaw {
            spoil(&mut claims, flaw);
        }
        Some(match flaw {
            Some(Flaw::Unsigned) => unsigned(typ, &claims),
            Some(Flaw::SharedSecret) => signed_with_the_secret(typ, &claims),
            Some(Flaw::Signature) => broken(&signed(key, typ, &claims)),
            Some(Flaw::ForeignKey) => signed(&new_p256(), typ, &claims),
            Some(Flaw::NoKeyName) => key.sign_proof(typ, &claims).expect("the key signs"),
            _ => signed(key, typ, &claims),
        })
    }

    /// A token with these claims, signed as ID Tokens are.
    pub(super) fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        let key = self.for_identity();
        match typ {
            Some(typ) => signed(key, typ, claims),
            None => key.sign_untyped_jwt(claims).expect("the key signs"),
        }
    }
}

fn new_p256() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).expect("a P-256 key can be made")
}

/// A key for an algorithm that is none of the usual two. Of RSA there is one key, for whatever hash.
fn new_key(algorithm: Algorithm) -> SigningKey {
    let is_rsa = algorithm.name().starts_with(['R', 'P']);
    if !is_rsa {
        return SigningKey::generate(algorithm).expect("a key can be made");
    }
    let pkcs8 = encoding::decode(RSA_KEY.expose()).expect("it was encoded");
    SigningKey::from_pkcs8(algorithm, &pkcs8).expect("it is an RSA key")
}

fn spoil(claims: &mut Value, flaw: Flaw) {
    let seconds = |claims: &Value, name: &str| claims[name].as_i64().unwrap_or_default();
    let mut remove = |name: &str| {
        if let Some(members) = claims.as_object_mut() {
            members.remove(name);
        }
    };
    match flaw {
        Flaw::NoSubject => remove("sub"),
        Flaw::NoIssuedAt => remove("iat"),
        Flaw::NoNonce => remove("nonce"),
        Flaw::NoSignInTime => remove("auth_time"),
        Flaw::Issuer => claims["iss"] = "https://evil.example".into(),
        Flaw::OtherSubject => claims["sub"] = "mallory".into(),
        Flaw::Audience => claims["aud"] = "another-app".into(),
        Flaw::SecondAudience => claims["aud"] = json!([FakeIssuer::CLIENT_ID, "another-app"]),
        Flaw::OtherParty => claims["azp"] = "another-app".into(),
        Flaw::Old => claims["iat"] = (seconds(claims, "iat") - 3600).into(),
        Flaw::Expired => claims["exp"] = seconds(claims, "iat").into(),
        Flaw::Nonce => claims["nonce"] = "of another sign-in".into(),
        Flaw::AccessTokenHash => claims["at_hash"] = at_hash(Algorithm::Rs256, "another").into(),
        Flaw::OldSignIn => claims["auth_time"] = (seconds(claims, "iat") - 86_400).into(),
        _ => {}
    }
}

fn signed(key: &SigningKey, typ: &str, claims: &Value) -> String {
    key.sign_jwt(typ, claims).expect("the key signs")
}

/// A token with `alg: none`.
pub(super) fn unsigned(typ: &str, claims: &Value) -> String {
    format!("{}.", input(&json!({ "alg": "none", "typ": typ }), claims))
}

fn signed_with_the_secret(typ: &str, claims: &Value) -> String {
    let input = input(&json!({ "alg": "HS256", "typ": typ }), claims);
    let secret = FakeIssuer::CLIENT_SECRET.as_bytes();
    let mac = encoding::hmac_sha256(secret, input.as_bytes());
    format!("{input}.{}", encoding::encode(&mac))
}

/// `token` with one bit of its signature turned.
pub(super) fn broken(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap_or_default();
    let mut bytes = encoding::decode(signature).unwrap_or_default();
    if let Some(byte) = bytes.last_mut() {
        *byte ^= 1;
    }
    format!("{input}.{}", encoding::encode(&bytes))
}

fn input(header: &Value, claims: &Value) -> String {
    let encode = |json: &Value| encoding::encode(json.to_string().as_bytes());
    format!("{}.{}", encode(header), encode(claims))
}
