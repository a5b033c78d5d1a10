//! One issuer, two APIs, one person, a few clients and a request that is right in every part: each test breaks one of them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use safeconduct_protocol::{
    authentication::{Authentication, Factor, Factors},
    authorization::{
        Arrival, CheckedRequest, Enrolled, Next, Offers, PendingAuthorization, SignedInUser,
    },
    authorization_code::AuthorizationCode,
    client::{
        AccessTokenFormat, AssertionAudience, AuthenticationMethod, Client, ClientInformation,
        ConsentPolicy, GrantType, OpenIdRegistration, RefreshShared, ResponseMode,
    },
    dpop::Thumbprint,
    encoding,
    error::{Reason, Refusal},
    grant::{Epochs, Grant, Lifetimes},
    id_token::{IdToken, IdTokenParts},
    ids::{ClientId, GrantId, SessionId, UserId},
    jose::{Algorithm, KeySet, SigningKey},
    parameters::Parameters,
    pkce::CodeVerifier,
    redirect_uri::RedirectUri,
    registration::{Registration, SecretOrigin},
    resource::{Resource, ResourceUri, Resources},
    scope::Scope,
    secret::Secret,
    subject::Subjects,
    time::Timestamp,
    token::{ClientGrant, CodeExchange},
};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const NOTES: &str = "https://notes.example.com";
pub(crate) const MAIL: &str = "https://mail.example.com";
pub(crate) const REDIRECT_URI: &str = "https://rp.example/cb";
/// The pair of RFC 7636 Appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// A grant that was born at [`START`].
pub(crate) const GRANT: &str = "01a3185c-5000-7000-8000-000000000001";
/// The cookie of the browser in which everything happens.
pub(crate) const COOKIE: &str = "the-cookie-of-this-browser";

/// What this server signs ID Tokens with.
pub(crate) static SERVER_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());
/// What everybody knows of it.
pub(crate) static SERVER_KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::new(vec![SERVER_KEY.verification_key()]));
/// What pairwise subjects are made with.
pub(crate) static SUBJECTS: LazyLock<Subjects> = LazyLock::new(|| Subjects::new([7; 32]));
static RESOURCES: LazyLock<Resources> = LazyLock::new(resources);

pub(crate) fn scope(names: &str) -> Scope {
    Scope::parse(names).unwrap()
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

pub(crate) fn grant_id() -> GrantId {
    GrantId::parse(GRANT).unwrap()
}

/// The session, or user, of this number.
pub(crate) fn session(number: u8) -> SessionId {
    SessionId::parse(&encoding::encode(&[number; 16])).unwrap()
}

pub(crate) fn user(number: u8) -> UserId {
    UserId::parse(&format!("u-{}", encoding::encode(&[number; 16]))).unwrap()
}

/// The thumbprint of the key of this number.
pub(crate) fn thumbprint(number: u8) -> Thumbprint {
    Thumbprint::parse(&encoding::encode(&[number; 32])).unwrap()
}

/// A confidential client that may ask for everything of both APIs.
pub(crate) fn confidential() -> Client {
    Client {
        id: client_id("shop"),
        name: "Shop".to_owned(),
        names: BTreeMap::new(),
        authentication: AuthenticationMethod::ClientSecretBasic,
        jwks: None,
        assertion_audience: AssertionAudience::Issuer,
        redirect_uris: vec![RedirectUri::register(REDIRECT_URI).unwrap()],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        scopes: scope("mail.read notes.read notes.write offline_access"),
        groups: Default::default(),
        denied_users: Default::default(),
        require_pkce: true,
        access_token_format: AccessTokenFormat::Jwt,
        consent: ConsentPolicy::Remember,
        refresh_shared: RefreshShared::Report,
        response_modes: vec![ResponseMode::Query],
        require_pushed_authorization_requests: false,
        require_second_factor: false,
        dpop_bound_access_tokens: false,
        about: ClientInformation::default(),
        openid: OpenIdRegistration::default(),
    }
}

/// A client that people sign in to: everything that OpenID Connect adds, and one API.
pub(crate) fn relying_party() -> Client {
    Client {
        scopes: scope("openid profile email notes.read offline_access"),
        ..confidential()
    }
}

/// The same without credentials.
pub(crate) fn public() -> Client {
    Client {
        authentication: AuthenticationMethod::None,
        ..confidential()
    }
}

/// `client`, returning to `redirect_uri`.
pub(crate) fn returning_to(redirect_uri: &str, client: Client) -> Client {
    Client {
        redirect_uris: vec![RedirectUri::register(redirect_uri).unwrap()],
        ..client
    }
}

/// An API at `uri` that owns `scopes` and introspects as `client`.
pub(crate) fn api(uri: &str, scopes: &str, client: Option<&str>) -> Resource {
    Resource {
        uri: ResourceUri::parse(uri).unwrap(),
        name: None,
        names: BTreeMap::new(),
        scopes: scope(scopes),
        client: client.map(client_id),
        access_token_signing_alg: Resources::default_algorithm(),
    }
}

/// Notes, which names a client that introspects, and mail, which names none.
pub(crate) fn resources() -> Resources {
    Resources::new(vec![
        api(NOTES, "notes.read notes.write", Some("notes-api")),
        api(MAIL, "mail.read", None),
    ])
}

/// The parameters of a request that is right, with these changed. An empty value leaves the parameter out.
pub(crate) fn asking(changed: &[(&str, &str)]) -> Parameters {
    let right = [
        ("client_id", "shop"),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "notes.read"),
        ("state", "af0ifjsldkj"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let unchanged = right
        .iter()
        .filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    sent(unchanged.chain(changed))
}

/// These parameters, as they arrive.
pub(crate) fn sent<'a>(pairs: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> Parameters {
    let encoded = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    Parameters::parse(encoded.as_bytes()).unwrap()
}

/// What a client got for itself, of the API for notes.
pub(crate) fn of_its_own(names: &str) -> ClientGrant {
    ClientGrant {
        scope: scope(names),
        audience: NOTES.to_owned(),
        left_out: Scope::default(),
    }
}

/// A request that the browser brings at [`START`].
pub(crate) fn arrival() -> Arrival<'static> {
    Arrival {
        resources: &RESOURCES,
        issuer: ISSUER,
        keys: &SERVER_KEYS,
        pushed: false,
        dpop_jkt: None,
        sign_up: false,
        now: START,
    }
}

/// `parameters`, checked against `client`.
pub(crate) fn check(parameters: &Parameters, client: &Client) -> Result<CheckedRequest, Refusal> {
    arriving(parameters, client, &arrival())
}

/// `parameters`, checked against `client` as they arrived.
pub(crate) fn arriving(
    parameters: &Parameters,
    client: &Client,
    arrival: &Arrival<'_>,
) -> Result<CheckedRequest, Refusal> {
    let (_, redirect_uri) = safeconduct_protocol::authorization::identify(parameters)?;
    client.prove_redirect_uri(redirect_uri)?;
    CheckedRequest::check(parameters, client, redirect_uri, arrival)
}

/// A request that is right but for these changes, pending in this browser since [`START`].
pub(crate) fn pending(changed: &[(&str, &str)], client: &Client) -> PendingAuthorization {
    let request = check(&asking(changed), client).unwrap();
    let browser = encoding::sha256_base64url(COOKIE.as_bytes());
    PendingAuthorization::arrive(request, browser, grant_id(), 1)
}

/// The person at the browser, who has allowed `consented` before.
pub(crate) fn person(consented: &str) -> SignedInUser {
    SignedInUser {
        session: session(1),
        user: user(1),
        username: "ada".to_owned(),
        factors: by_password(100).factors,
        enrolled: Enrolled::default(),
        second_factor_required: false,
        administrator: false,
        admitted: true,
        withheld: Scope::default(),
        addable: Offers::default(),
        epochs: Epochs {
            user: 3,
            client: 2,
            consent: 1,
        },
        consented: scope(consented),
    }
}

/// A sign-in by password, `age` seconds before [`START`].
pub(crate) fn by_password(age: i64) -> Authentication {
    let factors = Factors::of(Factor::Password, START.plus(-age));
    Authentication::of(factors, &[]).unwrap()
}

/// That nothing is left to ask of somebody who signed in so long ago by password.
pub(crate) fn issue(age: i64) -> Next {
    Next::Issue(by_password(age))
}

/// The code of a request that is right, issued ten seconds after it arrived.
pub(crate) fn code() -> AuthorizationCode {
    pending(&[], &confidential()).issue(&person(""), by_password(100), START.plus(10))
}

/// The grant of a request that is right but for these changes, redeemed at [`START`] by whoever proves `key`.
pub(crate) fn granted(
    changed: &[(&str, &str)],
    client: &Client,
    key: Option<&Thumbprint>,
) -> Grant {
    let code = pending(changed, client).issue(&person(""), by_password(100), START);
    let new = code.redeem(client, &exchange(), key, &Lifetimes::default(), START);
    Grant::of(&new.unwrap())
}

/// The ID Token of `grant`, valid for five minutes from [`START`].
pub(crate) fn id_token(grant: &Grant, subject: &str) -> IdToken {
    let parts = IdTokenParts {
        issuer: ISSUER,
        subject: subject.to_owned(),
        session: grant.session.clone(),
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        access_token: "the-access-token",
        algorithm: Algorithm::Es256,
        claims: serde_json::Map::new(),
        lifetime: 300,
    };
    IdToken::of_grant(grant, parts, START)
}

/// The token request for [`code`].
pub(crate) fn exchange() -> CodeExchange {
    CodeExchange {
        code: Secret::new("sc_code_sealed"),
        redirect_uri: Some(REDIRECT_URI.to_owned()),
        code_verifier: CodeVerifier::parse(VERIFIER),
        resource: None,
    }
}

/// Why it was refused.
pub(crate) fn reason<T>(result: Result<T, Refusal>) -> Option<Reason> {
    result.err().map(|refusal| refusal.reason())
}

/// The client that the document of `client` registers, or the members that are wrong in it.
pub(crate) fn registered(client: &Client) -> Result<Client, Vec<&'static str>> {
    Registration::from(client)
        .register(&client.id, SecretOrigin::Generated, &|_| Ok(()))
        .map_err(|findings| findings.iter().map(|finding| finding.member).collect())
}
