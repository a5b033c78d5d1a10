//! DPoP (RFC 9449): proofs that whoever sends a request holds a key, the thumbprint that binds tokens to it, and nonces
//! that need no memory.
//!
//! What a proof must be, and how one is made. That each is used once is decided by whoever can remember ([`Proof::jti`]
//! until [`Proof::ends_at`]); which requests need a proof, and which a nonce, by the endpoint.
//!
//! ```
//! use safeconduct_protocol::dpop::{Presented, Proof, ProofKey};
//! use safeconduct_protocol::time::Timestamp;
//!
//! let (now, uri) = (Timestamp::from_seconds(1_800_000_000), "https://api.example.com/notes");
//! let key = ProofKey::generate();
//! let text = key.prove("GET", uri, Some("the-access-token"), None, now)?;
//!
//! let presented = Presented { method: "GET", uri, access_token: Some("the-access-token") };
//! let proof = Proof::verify(&text, &presented, now)?;
//! assert_eq!(proof.thumbprint, key.thumbprint());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    encoding,
    error::{Reason, Refusal},
    ids::Malformed,
    jose::{self, Algorithm, KeyError, LEEWAY, SignError, SigningKey, Typ, Verified},
    random,
    time::Timestamp,
};

/// The `typ` of a proof (RFC 9449 §4.2).
pub const PROOF_TYP: &str = "dpop+jwt";

/// The algorithms a proof may be signed with. Not RS256: these keys are made for DPoP, so nothing old depends on it, and
/// FAPI 2.0 forbids it (Security Profile §5.4.1).
pub const PROOF_ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Ps256, Algorithm::EdDsa];

/// How long ago a proof may have been made, in seconds. Its clock may be [`LEEWAY`] ahead.
pub const PROOF_LIFE: i64 = 60;

/// How long a nonce is the current one, in seconds; it is accepted as long again.
pub const NONCE_LIFE: i64 = 300;

const MAX_JTI: usize = 256;

/// The SHA-256 thumbprint of a public key (RFC 7638): 43 characters of base64url. As `jkt` it binds a token to the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint(String);

impl Thumbprint {
    /// Reads a thumbprint; `None` unless it is 32 bytes in strict base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digest = text.len() == 43 && encoding::decode(text).is_some();
        is_digest.then(|| Self(text.to_owned()))
    }

    /// The thumbprint as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.0
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("thumbprint"))
    }
}

/// The request that a proof came with.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its absolute URI, as clients know it: never put together from what the request says of its host.
    pub uri: &'a str,
    /// The access token it carries, if it does: then the proof must be for that token (`ath`).
    pub access_token: Option<&'a str>,
}

/// A proof that fits its request. Only [`Proof::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// The key that was proven.
    pub thumbprint: Thumbprint,
    /// The proof's own name: 1 to 256 bytes, of the sender's choice. Unique for the key at most.
    pub jti: String,
    /// When it says it was made.
    pub issued_at: Timestamp,
    /// The nonce it carries, not judged yet ([`NonceKey::accepts`]).
    pub nonce: Option<String>,
}

impl Proof {
    /// Checks `text`, the value of the one `DPoP` header, against the request it came with (RFC 9449 §4.3). Whether it is
    /// used for the first time, and whether its nonce is good, is not decided here.
    ///
    /// # Errors
    /// `dpop-proof-refused`, with the rule that failed as private detail.
    pub fn verify(text: &str, presented: &Presented<'_>, now: Timestamp) -> Result<Self, Refusal> {
        let typ = Typ::OneOf(&[PROOF_TYP]);
        let (claims, thumbprint) =
            jose::verify_proof(text, typ, &PROOF_ALGORITHMS, PROOF_LIFE, now)
                .map_err(|error| refused(error.name()))?;
        presented.fits(&claims)?;
        let jti = claims
            .jti()
            .filter(|jti| (1..=MAX_JTI).contains(&jti.len()))
            .ok_or_else(|| refused("jti is missing or too long"))?;
        Ok(Self {
            thumbprint: Thumbprint(thumbprint),
            jti: jti.to_owned(),
            issued_at: claims.iat().ok_or_else(|| refused("iat is missing"))?,
            nonce: text_claim(&claims, "nonce")?.map(str::to_owned),
        })
    }

    /// The first moment at which the proof is refused by its age alone. Until then, by the clock that is furthest behind, `jti`
    /// must be remembered.
    pub fn ends_at(&self) -> Timestamp {
        self.issued_at.plus(PROOF_LIFE + 1)
    }
}

impl Presented<'_> {
    fn fits(&self, claims: &Verified) -> Result<(), Refusal> {
        if text_claim(claims, "htm")? != Some(self.method) {
            return Err(refused(&format!("htm is not {}", self.method)));
        }
        let htu = text_claim(claims, "htu")?.and_then(place);
        if htu.is_none() || htu != place(self.uri) {
            return Err(refused(&format!("htu is not {}", without_query(self.uri))));
        }
        if let Some(token) = self.access_token {
            let ath = text_claim(claims, "ath")?.ok_or_else(|| refused("ath is missing"))?;
            if ath != encoding::sha256_base64url(token.as_bytes()) {
                return Err(refused("ath is of another access token"));
            }
        }
        Ok(())
    }
}

/// A client's own key for proofs: P-256, for ES256. It has no `Debug`.
pub struct ProofKey(SigningKey);

impl ProofKey {
    /// A new key.
    ///
    /// # Panics
    /// If the operating system cannot give randomness.
    pub fn generate() -> Self {
        let key = SigningKey::generate(Algorithm::Es256);
        Self(key.expect("a P-256 key can be made wherever there is randomness"))
    }

    /// A key from unencrypted PKCS#8.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if it is no P-256 key.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8(Algorithm::Es256, pkcs8).map(Self)
    }

    /// The private key as unencrypted PKCS#8, wiped when dropped. Whoever calls this seals it.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the provider fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.0.to_pkcs8()
    }

    /// What tokens are bound to: the `jkt` of a token, the `dpop_jkt` of an authorization request.
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint(self.0.kid().to_owned())
    }

    /// A new proof for one request with `method` to `uri`, whose query and fragment are left out; with the access token if
    /// the request carries one, and the nonce that the server gave last (RFC 9449 §4.2).
    ///
    /// # Errors
    /// [`SignError`]: too large (a nonce or URI of more than a few kilobytes), or the provider failed.
    pub fn prove(
        &self,
        method: &str,
        uri: &str,
        access_token: Option<&str>,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<String, SignError> {
        #[derive(Serialize)]
        struct Claims<'a> {
            jti: String,
            htm: &'a str,
            htu: &'a str,
            iat: Timestamp,
            #[serde(skip_serializing_if = "Option::is_none")]
            ath: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            nonce: Option<&'a str>,
        }
        let claims = Claims {
            jti: random::token(),
            htm: method,
            htu: without_query(uri),
            iat: now,
            ath: access_token.map(|token| encoding::sha256_base64url(token.as_bytes())),
            nonce,
        };
        self.0.sign_proof(PROOF_TYP, &claims)
    }
}

/// What nonces are made with: a nonce is a keyed hash of the time, so that no node has to remember any, and nobody can know
/// the next one. All nodes share one key. It has no `Debug`.
pub struct NonceKey(Zeroizing<[u8; 32]>);

impl NonceKey {
    /// The key of these 256 random bits.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key, for a party of one process.
    pub fn generate() -> Self {
        Self::new(random::bytes())
    }

    /// The nonce to give out now: 22 characters of base64url.
    pub fn current(&self, now: Timestamp) -> String {
        let window = now.seconds().div_euclid(NONCE_LIFE);
        let message = [b"dpop-nonce".as_slice(), &window.to_be_bytes()].concat();
        let mac = encoding::hmac_sha256(self.0.as_slice(), &message);
        encoding::encode(&mac[..16])
    }

    /// Whether `nonce` is the current one or the one before it; or the next, given out by a node whose clock is ahead.
    pub fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        [0, -NONCE_LIFE, LEEWAY].into_iter().any(|offset| {
            let good = self.current(now.plus(offset));
            encoding::constant_time_eq(nonce.as_bytes(), good.as_bytes())
        })
    }
}

fn refused(detail: &str) -> Refusal {
    Refusal::new(Reason::DpopProofRefused).because(detail)
}

fn text_claim<'a>(claims: &'a Verified, name: &str) -> Result<Option<&'a str>, Refusal> {
    match claims.claim(name) {
        None => Ok(None),
        Some(claim) => match claim.as_str() {
            Some(text) => Ok(Some(text)),
            None => Err(refused(&format!("{name} is no text"))),
        },
    }
}

fn without_query(uri: &str) -> &str {
    uri.find(['?', '#']).map_or(uri, |end| &uri[..end])
}

/// A URI as RFC 9449 §4.3 compares it: without query and fragment, scheme, host and port in one spelling. The path stays as
/// it was written, since two spellings of a path may be two resources to whoever answers there.
fn place(uri: &str) -> Option<(String, &str)> {
    let uri = without_query(uri);
    let (scheme, rest) = uri.split_once("://")?;
    let path_at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    // What a parser of URLs would drop or take for a delimiter.
    let plain = uri
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !plain || authority.is_empty() || authority.contains('@') {
        return None;
    }
    let origin = Url::parse(&format!("{scheme}://{authority}")).ok()?;
    let is_web = matches!(origin.scheme(), "https" | "http");
    is_web.then(|| {
        let path = if path.is_empty() { "/" } else { path };
        (origin.origin().ascii_serialization(), path)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const URI: &str = "https://api.example.com/notes";
    const TOKEN: &str = "the-access-token";

    const PRESENTED: Presented<'_> = Presented {
        method: "POST",
        uri: URI,
        access_token: Some(TOKEN),
    };

    fn claims() -> Value {
        json!({
            "jti": "1", "htm": "POST", "htu": URI, "iat": NOW,
            "ath": encoding::sha256_base64url(TOKEN.as_bytes()),
        })
    }

    fn claims_with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn claims_without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn key() -> SigningKey {
        SigningKey::generate(Algorithm::Es256).unwrap()
    }

    fn judged(claims: &Value) -> Result<Proof, Refusal> {
        let proof = key().sign_proof(PROOF_TYP, claims).unwrap();
        Proof::verify(&proof, &PRESENTED, NOW)
    }

    /// The private detail of the refusal, where the honest proof is accepted before and after.
    fn refusal_of(text: &str) -> String {
        assert!(judged(&claims()).is_ok());
        let refusal = Proof::verify(text, &PRESENTED, NOW).expect_err("not a proof of anything");
        assert_eq!(refusal.reason(), Reason::DpopProofRefused);
        assert!(judged(&claims()).is_ok());
        refusal.detail().unwrap().to_owned()
    }

    fn refusal(claims: &Value) -> String {
        refusal_of(&key().sign_proof(PROOF_TYP, claims).unwrap())
    }

    #[test]
    fn an_honest_proof_says_whose_key_it_is() {
        let key = ProofKey::generate();
        let text = key
            .prove("POST", URI, Some(TOKEN), Some("n-1"), NOW)
            .unwrap();
        let proof = Proof::verify(&text, &PRESENTED, NOW).unwrap();
        assert_eq!(proof.thumbprint, key.thumbprint());
        assert_eq!(
            (proof.issued_at, proof.nonce.as_deref()),
            (NOW, Some("n-1"))
        );
        assert_eq!(proof.jti.len(), 43);
        let again = key.prove("POST", URI, Some(TOKEN), None, NOW).unwrap();
        let again = Proof::verify(&again, &PRESENTED, NOW).unwrap();
        assert_ne!(again.jti, proof.jti);
        assert_eq!(again.nonce, None);
    }

    #[test]
    fn a_proof_is_made_for_a_uri_without_query_and_fragment() {
        let text = ProofKey::generate()
            .prove("GET", "https://api.example.com/a?b=c#d", None, None, NOW)
            .unwrap();
        let payload = encoding::decode(text.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(claims["htu"], "https://api.example.com/a");
        assert_eq!(claims.get("ath"), None);
        assert_eq!(claims.get("nonce"), None);
    }

    #[test]
    fn a_header_carries_the_public_key_and_no_name() {
        let key = ProofKey::generate();
        let text = key.prove("GET", URI, None, None, NOW).unwrap();
        let header = encoding::decode(text.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(
            (&header["typ"], &header["alg"]),
            (&json!(PROOF_TYP), &json!("ES256"))
        );
        assert_eq!(header.get("kid"), None);
        let jwk: jose::Jwk = serde_json::from_value(header["jwk"].clone()).unwrap();
        assert_eq!(jwk.thumbprint(), key.thumbprint().as_str());
    }

    #[test]
    fn a_key_survives_pkcs8() {
        let key = ProofKey::generate();
        let again = ProofKey::from_pkcs8(&key.to_pkcs8().unwrap()).ok().unwrap();
        assert_eq!(again.thumbprint(), key.thumbprint());
        assert!(ProofKey::from_pkcs8(b"").is_err());
    }

    /// The example of RFC 9449 §4.1, whose `jkt` stands in §6.1.
    #[test]
    fn the_published_proof_is_accepted() {
        const PUBLISHED: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let presented = Presented {
            method: "POST",
            uri: "https://server.example.com/token",
            access_token: None,
        };
        let now = Timestamp::from_seconds(1_562_262_616);
        let proof = Proof::verify(PUBLISHED, &presented, now).unwrap();
        assert_eq!(proof.jti, "-BwC3ESc6acc2lTc");
        assert_eq!(
            proof.thumbprint.as_str(),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        );
    }

    #[rstest]
    #[case::no_jwt("proof", "token-malformed")]
    #[case::nothing("", "token-malformed")]
    #[case::two_in_one("a.b.c, a.b.c", "token-malformed")]
    fn what_is_no_token_is_no_proof(#[case] text: &str, #[case] detail: &str) {
        assert_eq!(refusal_of(text), detail);
    }

    #[rstest]
    #[case::access_token("at+jwt")]
    #[case::any_token("JWT")]
    #[case::empty("")]
    fn another_type_is_no_proof(#[case] typ: &str) {
        assert_eq!(
            refusal_of(&key().sign_proof(typ, &claims()).unwrap()),
            "wrong-type"
        );
    }

    /// Attacks: P01.
    #[test]
    fn rs256_is_for_old_keys_and_these_are_new() {
        let prove = |algorithm| {
            let key = SigningKey::generate(algorithm).unwrap();
            key.sign_proof(PROOF_TYP, &claims()).unwrap()
        };
        assert_eq!(
            refusal_of(&prove(Algorithm::Rs256)),
            "algorithm-not-allowed"
        );
        for algorithm in PROOF_ALGORITHMS {
            assert!(Proof::verify(&prove(algorithm), &PRESENTED, NOW).is_ok());
        }
    }

    fn signed_with(header: &Value) -> String {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let honest = key.sign_proof(PROOF_TYP, &claims()).unwrap();
        let (_, rest) = honest.split_once('.').unwrap();
        format!("{}.{rest}", encoding::encode(header.to_string().as_bytes()))
    }

    #[rstest]
    #[case::none("none")]
    #[case::hmac("HS256")]
    fn an_algorithm_without_a_key_pair_is_refused(#[case] alg: &str) {
        let header = json!({"typ": PROOF_TYP, "alg": alg, "jwk": key().public_jwk()});
        assert_eq!(refusal_of(&signed_with(&header)), "algorithm-not-allowed");
    }

    /// Attacks: P01.
    #[test]
    fn a_proof_carries_one_usable_public_key() {
        let public = json!(key().public_jwk());
        let mut private = public.clone();
        private["d"] = json!("AAAA");
        let other_kind = json!(SigningKey::generate(Algorithm::EdDsa).unwrap().public_jwk());
        for jwk in [
            json!(null),
            json!("key"),
            json!([public]),
            json!({}),
            json!({"kty": "oct", "k": "AAAA"}),
            private,
            other_kind,
        ] {
            let header = json!({"typ": PROOF_TYP, "alg": "ES256", "jwk": jwk});
            assert_eq!(refusal_of(&signed_with(&header)), "embedded-key");
        }
        let header = json!({"typ": PROOF_TYP, "alg": "ES256"});
        assert_eq!(refusal_of(&signed_with(&header)), "embedded-key");
        let header = json!({"typ": PROOF_TYP, "alg": "ES256", "jwk": public});
        assert_eq!(refusal_of(&signed_with(&header)), "wrong-signature");
    }

    /// Attacks: P02.
    #[rstest]
    #[case::another_method(claims_with("htm", json!("GET")), "htm is not POST")]
    #[case::another_case(claims_with("htm", json!("post")), "htm is not POST")]
    #[case::no_method(claims_without("htm"), "htm is not POST")]
    #[case::method_no_text(claims_with("htm", json!(["POST"])), "htm is no text")]
    #[case::no_uri(claims_without("htu"), "htu is not https://api.example.com/notes")]
    #[case::uri_no_text(claims_with("htu", json!(1)), "htu is no text")]
    #[case::no_name(claims_without("jti"), "jti is missing or too long")]
    #[case::empty_name(claims_with("jti", json!("")), "jti is missing or too long")]
    #[case::long_name(claims_with("jti", json!("j".repeat(257))), "jti is missing or too long")]
    #[case::name_no_text(claims_with("jti", json!(1)), "claims-malformed")]
    #[case::no_token_hash(claims_without("ath"), "ath is missing")]
    #[case::another_token(claims_with("ath", json!(encoding::sha256_base64url(b"x"))), "ath is of another access token")]
    #[case::the_token_itself(claims_with("ath", json!(TOKEN)), "ath is of another access token")]
    #[case::nonce_no_text(claims_with("nonce", json!(1)), "nonce is no text")]
    #[case::no_time(claims_without("iat"), "claims-malformed")]
    #[case::time_as_text(claims_with("iat", json!("1800000000")), "claims-malformed")]
    #[case::an_hour_old(claims_with("iat", json!(NOW.plus(-3600))), "too-old")]
    #[case::an_hour_ahead(claims_with("iat", json!(NOW.plus(3600))), "issued-in-future")]
    #[case::too_old(claims_with("iat", json!(NOW.plus(-PROOF_LIFE - 1))), "too-old")]
    #[case::too_early(claims_with("iat", json!(NOW.plus(LEEWAY + 1))), "issued-in-future")]
    #[case::expired(claims_with("exp", json!(NOW)), "expired")]
    #[case::not_yet_valid(claims_with("nbf", json!(NOW.plus(3600))), "not-yet-valid")]
    fn a_proof_for_another_request_is_refused(#[case] claims: Value, #[case] detail: &str) {
        assert_eq!(refusal(&claims), detail);
    }

    /// Attacks: P02.
    #[rstest]
    #[case::ten_seconds_old(claims_with("iat", json!(NOW.plus(-10))))]
    #[case::ten_seconds_ahead(claims_with("iat", json!(NOW.plus(10))))]
    #[case::as_old_as_may_be(claims_with("iat", json!(NOW.plus(-PROOF_LIFE))))]
    #[case::as_early_as_may_be(claims_with("iat", json!(NOW.plus(LEEWAY))))]
    #[case::with_an_end(claims_with("exp", json!(NOW.plus(1))))]
    #[case::with_a_far_end(claims_with("exp", json!(NOW.plus(86_400))))]
    #[case::with_a_beginning(claims_with("nbf", json!(NOW)))]
    #[case::with_more(claims_with("aud", json!(["anybody"])))]
    #[case::longest_name(claims_with("jti", json!("j".repeat(256))))]
    fn a_proof_within_its_bounds_is_accepted(#[case] claims: Value) {
        assert!(judged(&claims).is_ok());
    }

    /// Attacks: P02.
    #[rstest]
    #[case::itself(URI, true)]
    #[case::query("https://api.example.com/notes?a=b", true)]
    #[case::fragment("https://api.example.com/notes#a", true)]
    #[case::both("https://api.example.com/notes?a=b#c", true)]
    #[case::host_in_capitals("https://API.Example.COM/notes", true)]
    #[case::scheme_in_capitals("HTTPS://api.example.com/notes", true)]
    #[case::default_port("https://api.example.com:443/notes", true)]
    #[case::another_port("https://api.example.com:8443/notes", false)]
    #[case::another_path("https://api.example.com/notes2", false)]
    #[case::longer_path("https://api.example.com/notes/", false)]
    #[case::no_path("https://api.example.com", false)]
    #[case::path_in_capitals("https://api.example.com/Notes", false)]
    #[case::dots("https://api.example.com/a/../notes", false)]
    #[case::escape("https://api.example.com/%6eotes", false)]
    #[case::another_host("https://api.example.org/notes", false)]
    #[case::longer_host("https://api.example.com.evil.example/notes", false)]
    #[case::another_scheme("http://api.example.com/notes", false)]
    #[case::user("https://api.example.com@evil.example/notes", false)]
    #[case::user_before("https://eve@api.example.com/notes", false)]
    #[case::backslash("https:\\\\api.example.com\\notes", false)]
    #[case::white_space(" https://api.example.com/notes", false)]
    #[case::tab("https://api.exam\tple.com/notes", false)]
    #[case::one_slash("https:/api.example.com/notes", false)]
    #[case::three_slashes("https:///api.example.com/notes", false)]
    #[case::relative("/notes", false)]
    #[case::empty("", false)]
    #[case::no_host("https://", false)]
    fn htu_is_compared_without_query_and_in_one_spelling(#[case] htu: &str, #[case] fits: bool) {
        assert_eq!(judged(&claims_with("htu", json!(htu))).is_ok(), fits);
    }

    #[test]
    fn the_root_has_two_spellings_and_a_request_may_have_a_query() {
        let presented = |uri| Presented {
            method: "GET",
            uri,
            access_token: None,
        };
        let key = ProofKey::generate();
        let root = key
            .prove("GET", "https://api.example.com", None, None, NOW)
            .unwrap();
        for uri in ["https://api.example.com/", "https://api.example.com?a=b"] {
            assert!(Proof::verify(&root, &presented(uri), NOW).is_ok());
        }
        assert!(Proof::verify(&root, &presented("not a URI"), NOW).is_err());
    }

    #[test]
    fn a_proof_is_remembered_for_as_long_as_it_could_be_accepted() {
        for offset in [-PROOF_LIFE, 0, LEEWAY] {
            let text = key()
                .sign_proof(PROOF_TYP, &claims_with("iat", json!(NOW.plus(offset))))
                .unwrap();
            let proof = Proof::verify(&text, &PRESENTED, NOW).unwrap();
            let ends_at = proof.ends_at();
            assert!(Proof::verify(&text, &PRESENTED, ends_at.plus(-1)).is_ok());
            assert!(Proof::verify(&text, &PRESENTED, ends_at).is_err());
        }
    }

    /// Attacks: P03.
    #[test]
    fn a_nonce_is_good_for_two_windows_and_cannot_be_guessed() {
        let (key, stranger) = (NonceKey::generate(), NonceKey::generate());
        let nonce = key.current(NOW);
        assert_eq!(nonce.len(), 22);
        assert_eq!(NOW.seconds() % NONCE_LIFE, 0);
        for later in [0, NONCE_LIFE - 1, NONCE_LIFE, 2 * NONCE_LIFE - 1] {
            assert!(key.accepts(&nonce, NOW.plus(later)), "{later}");
        }
        assert!(!key.accepts(&nonce, NOW.plus(2 * NONCE_LIFE)));
        assert!(key.accepts(&nonce, NOW.plus(-LEEWAY)));
        assert!(!key.accepts(&nonce, NOW.plus(-LEEWAY - 1)));
        assert_ne!(key.current(NOW.plus(NONCE_LIFE)), nonce);
        assert!(!stranger.accepts(&nonce, NOW));
        assert!(!key.accepts("", NOW));
        assert!(NonceKey::new([7; 32]).accepts(&NonceKey::new([7; 32]).current(NOW), NOW));
    }

    #[rstest]
    #[case::published("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", true)]
    #[case::short("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4", false)]
    #[case::long("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4IA", false)]
    #[case::padded("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4=", false)]
    #[case::second_spelling("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J", false)]
    #[case::other_alphabet("0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I", false)]
    #[case::empty("", false)]
    fn a_thumbprint_is_32_bytes_in_one_spelling(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(Thumbprint::parse(text).is_some(), is_one);
        let read = serde_json::from_value::<Thumbprint>(json!(text));
        assert_eq!(read.is_ok(), is_one);
        if let Ok(thumbprint) = read {
            assert_eq!(json!(thumbprint), json!(text));
            assert_eq!(thumbprint.to_string(), text);
        }
    }
}
