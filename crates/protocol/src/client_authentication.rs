//! How a client says who it is (RFC 6749 §2.3, RFC 7523): reading what was presented, and judging an assertion.
//! Comparing secrets with what is kept, and the proof that it happened, are the server's.

use crate::{
    client::{AssertionAudience, AuthenticationMethod, Client},
    error::{Reason, Refusal},
    ids::ClientId,
    jose::{self, Algorithm, Audience, Expectation, KeySet, Typ},
    metadata::Issuer,
    parameters::Parameters,
    secret::Secret,
    single_use::{SingleUse, UsedId},
    time::Timestamp,
};

/// The `client_assertion_type` of RFC 7523 §2.2.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest an assertion may still be valid when it arrives, in seconds; its `jti` is remembered that long.
pub const LONGEST_ASSERTION: i64 = 300;

/// What a client presented.
pub struct PresentedClient {
    /// Who it says it is.
    pub id: ClientId,
    /// What it shows for it.
    pub credentials: Credentials,
}

/// What a client shows to prove who it is.
pub enum Credentials {
    /// A secret in the `Authorization` header.
    Basic(PresentedSecret),
    /// A secret in the body.
    Post(PresentedSecret),
    /// A signed assertion.
    Assertion(Secret),
    /// Nothing but its id.
    None,
}

/// A secret as RFC 6749 reads it. Beside it stands what the client meant if it left out the form-encoding: never accepted, and
/// known only so that the log can say what is wrong.
pub struct PresentedSecret {
    decoded: Secret,
    unencoded: Option<Secret>,
}

impl PresentedSecret {
    /// The secret, form-decoded (RFC 6749 §2.3.1).
    pub fn decoded(&self) -> &Secret {
        &self.decoded
    }

    /// What it would be if it was not form-encoded; `None` where that is the same.
    pub fn unencoded(&self) -> Option<&Secret> {
        self.unencoded.as_ref()
    }

    /// A secret that was sent as `raw` in the header.
    fn from_header(raw: &str) -> Result<Self, Refusal> {
        let decoded = Secret::new(form_decode(raw).map_err(|refusal| {
            refusal.because("the secret, form-decoded, is no text; was it form-encoded?")
        })?);
        let unencoded = Some(raw).filter(|raw| *raw != decoded.expose());
        Ok(Self {
            unencoded: unencoded.map(Secret::new),
            decoded,
        })
    }

    /// A secret out of the decoded body, where a space may have been a `+` that was not encoded.
    fn from_body(decoded: &str) -> Self {
        let unencoded = decoded.contains(' ').then(|| decoded.replace(' ', "+"));
        Self {
            unencoded: unencoded.map(Secret::new),
            decoded: Secret::new(decoded),
        }
    }
}

impl Credentials {
    /// The method that these credentials belong to.
    pub fn method(&self) -> AuthenticationMethod {
        match self {
            Self::Basic(_) => AuthenticationMethod::ClientSecretBasic,
            Self::Post(_) => AuthenticationMethod::ClientSecretPost,
            Self::Assertion(_) => AuthenticationMethod::PrivateKeyJwt,
            Self::None => AuthenticationMethod::None,
        }
    }
}

impl PresentedClient {
    /// Reads the one way in which a client authenticated, from the `Authorization` header and the body.
    ///
    /// # Errors
    /// `client-authentication-missing`, `-repeated` (more than one way), `-malformed`, `-failed` (no client has such an id);
    /// `client-id-differs`, `client-assertion-type-unsupported`, `client-assertion-refused`.
    pub fn read(authorization: Option<&[u8]>, parameters: &Parameters) -> Result<Self, Refusal> {
        let client_id = parameters.one("client_id")?;
        let secret = parameters.one("client_secret")?;
        let assertion = parameters.one("client_assertion")?;
        let ways = [
            authorization.is_some(),
            secret.is_some(),
            assertion.is_some(),
        ];
        if ways.into_iter().filter(|&way| way).count() > 1 {
            return Err(
                Refusal::new(Reason::ClientAuthenticationRepeated).because("in several ways")
            );
        }
        if let Some(header) = authorization {
            let (id, secret) = read_basic(header)?;
            if client_id.is_some_and(|sent| sent != id) {
                return Err(Reason::ClientIdDiffers.into());
            }
            return Ok(Self {
                id: known(&id)?,
                credentials: Credentials::Basic(secret),
            });
        }
        if let Some(assertion) = assertion {
            return Self::read_assertion(assertion, client_id, parameters);
        }
        let id = client_id.ok_or(Reason::ClientAuthenticationMissing)?;
        let credentials = secret.map_or(Credentials::None, |secret| {
            Credentials::Post(PresentedSecret::from_body(secret))
        });
        Ok(Self {
            id: known(id)?,
            credentials,
        })
    }

    fn read_assertion(
        assertion: &str,
        client_id: Option<&str>,
        parameters: &Parameters,
    ) -> Result<Self, Refusal> {
        if parameters.one("client_assertion_type")? != Some(JWT_BEARER) {
            return Err(Reason::ClientAssertionTypeUnsupported.into());
        }
        let issuer = jose::unverified_issuer(assertion).ok_or_else(|| {
            Refusal::new(Reason::ClientAssertionRefused).because("no readable iss")
        })?;
        if client_id.is_some_and(|sent| sent != issuer) {
            return Err(
                Refusal::new(Reason::ClientAssertionRefused).because("client_id differs from iss")
            );
        }
        Ok(Self {
            id: known(&issuer)?,
            credentials: Credentials::Assertion(Secret::new(assertion)),
        })
    }
}

/// Judges an assertion (RFC 7523 §3): signed with a key of the client, `iss` = `sub` = the client, `aud` = the issuer as one
/// string (FAPI 2.0 §5.3.2.1; the token endpoint too where the registration says so), at most five minutes of life, a `jti`, which the request uses up.
///
/// # Errors
/// `client-assertion-refused`, with the rule that failed as private detail.
pub fn judge_assertion(
    assertion: &Secret,
    client: &Client,
    keys: &KeySet,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<UsedId, Refusal> {
    let refused = |detail: &str| Refusal::new(Reason::ClientAssertionRefused).because(detail);
    let token_endpoint = issuer.endpoint("/token");
    let audiences: &[&str] = match client.assertion_audience {
        AssertionAudience::Issuer => &[issuer.as_str()],
        AssertionAudience::TokenEndpoint => &[issuer.as_str(), &token_endpoint],
    };
    let expectation = Expectation::new(
        Typ::OneOfOrAbsent(&["JWT", "client-authentication+jwt"]),
        &Algorithm::ALL,
        client.id.as_str(),
        Audience::ExactlyString(audiences),
    )
    .max_lifetime(LONGEST_ASSERTION);
    let verified = jose::verify(assertion.expose(), &expectation, keys, now)
        .map_err(|error| refused(error.name()))?;
    if verified.sub() != Some(client.id.as_str()) {
        return Err(refused("sub is not the client"));
    }
    let jti = verified
        .jti()
        .filter(|jti| (1..=256).contains(&jti.len()))
        .ok_or_else(|| refused("jti is missing or too long"))?;
    Ok(UsedId {
        kind: SingleUse::ClientAssertion,
        owner: client.id.to_string(),
        id: jti.to_owned(),
        expires_at: verified.exp(),
    })
}

/// Reads `Basic` credentials: id and secret form-encoded, then joined, then base64 (RFC 6749 §2.3.1).
fn read_basic(header: &[u8]) -> Result<(String, PresentedSecret), Refusal> {
    use base64::Engine as _;

    let malformed = || Refusal::new(Reason::ClientAuthenticationMalformed);
    let text = std::str::from_utf8(header).map_err(|_| malformed())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("Basic") || encoded.len() > 4096 {
        return Err(malformed().because("not the Basic scheme, or too long"));
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim_start_matches(' '))
        .map_err(|_| malformed())?;
    let joined = Secret::new(String::from_utf8(decoded).map_err(|_| malformed())?);
    let (id, secret) = joined.expose().split_once(':').ok_or_else(malformed)?;
    Ok((form_decode(id)?, PresentedSecret::from_header(secret)?))
}

fn form_decode(text: &str) -> Result<String, Refusal> {
    // `&` and `=` would split the text; in a form-encoded value they are escaped, in a raw one they stand for themselves.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let decoded = form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default();
    if decoded.contains(['\0', '\u{fffd}']) {
        return Err(Reason::ClientAuthenticationMalformed.into());
    }
    Ok(decoded)
}

fn known(id: &str) -> Result<ClientId, Refusal> {
    ClientId::parse(id)
        .ok_or_else(|| Refusal::new(Reason::ClientAuthenticationFailed).because("not a client id"))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use rstest::rstest;

    use super::*;

    fn basic(credentials: &str) -> Vec<u8> {
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(credentials)
        )
        .into_bytes()
    }

    fn read(authorization: Option<&[u8]>, body: &str) -> Result<PresentedClient, Reason> {
        let parameters = Parameters::parse(body.as_bytes()).unwrap();
        PresentedClient::read(authorization, &parameters).map_err(|refusal| refusal.reason())
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let presented = read(Some(&basic("shop%3Aeu:p%2Bq+r%25=")), "")
            .ok()
            .unwrap();
        assert_eq!(presented.id.as_str(), "shop:eu");
        let Credentials::Basic(secret) = presented.credentials else {
            panic!("another method")
        };
        assert_eq!(secret.decoded().expose(), "p+q r%=");
    }

    #[rstest]
    #[case::plus("a+b", "a b", Some("a+b"))]
    #[case::percent("a%2Fb", "a/b", Some("a%2Fb"))]
    #[case::percent_alone("50%", "50%", None)]
    #[case::others("a&b=c/d~e:f", "a&b=c/d~e:f", None)]
    fn what_an_unencoded_secret_was_is_known_beside_it(
        #[case] sent: &str,
        #[case] decoded: &str,
        #[case] unencoded: Option<&str>,
    ) {
        let presented = read(Some(&basic(&format!("shop:{sent}"))), "")
            .ok()
            .unwrap();
        let Credentials::Basic(secret) = presented.credentials else {
            panic!("another method")
        };
        assert_eq!(secret.decoded().expose(), decoded);
        assert_eq!(secret.unencoded().map(Secret::expose), unencoded);
    }

    #[test]
    fn a_space_in_the_body_may_have_been_a_plus() {
        let secret = |body: &str| match read(None, body).ok().unwrap().credentials {
            Credentials::Post(secret) => secret,
            _ => panic!("another method"),
        };
        let unencoded = secret("client_id=shop&client_secret=a+b");
        assert_eq!(unencoded.decoded().expose(), "a b");
        assert_eq!(unencoded.unencoded().map(Secret::expose), Some("a+b"));
        let encoded = secret("client_id=shop&client_secret=a%2Bb");
        assert_eq!(encoded.decoded().expose(), "a+b");
        assert!(encoded.unencoded().is_none());
    }

    #[rstest]
    #[case(None, "", Reason::ClientAuthenticationMissing)]
    #[case(
        Some(basic("shop:x")),
        "client_secret=x",
        Reason::ClientAuthenticationRepeated
    )]
    #[case(Some(basic("shop:x")), "client_id=other", Reason::ClientIdDiffers)]
    #[case(
        None,
        "client_id=shop&client_secret=x&client_assertion=y",
        Reason::ClientAuthenticationRepeated
    )]
    #[case(Some(b"Bearer x".to_vec()), "", Reason::ClientAuthenticationMalformed)]
    #[case(Some(b"Basic ???".to_vec()), "", Reason::ClientAuthenticationMalformed)]
    #[case(Some(basic("shop")), "", Reason::ClientAuthenticationMalformed)]
    #[case(Some(b"Basic \xff".to_vec()), "", Reason::ClientAuthenticationMalformed)]
    #[case(Some(basic("shop:%00")), "", Reason::ClientAuthenticationMalformed)]
    #[case(Some(basic("sh op:x")), "", Reason::ClientAuthenticationFailed)]
    #[case(
        None,
        "client_id=shop&client_assertion=a.b.c",
        Reason::ClientAssertionTypeUnsupported
    )]
    fn what_is_not_one_clear_way_is_refused(
        #[case] header: Option<Vec<u8>>,
        #[case] body: &str,
        #[case] because: Reason,
    ) {
        assert_eq!(read(header.as_deref(), body).err(), Some(because));
    }
}
