//! Who appears in the tests: clients of every kind, two APIs, and a few people.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::client::SubjectType;
use safeconduct_protocol::client::{
    AccessTokenFormat, AssertionAudience, AuthenticationMethod, Client, ClientInformation,
    ConsentPolicy, GrantType, OpenIdRegistration, RefreshShared, ResponseMode,
};
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::jose::{Algorithm, JwkSet, SigningKey};
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::resource::{Resource, ResourceUri, Resources, ScopeDescription};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::time::Timestamp;
use serde_json::json;

/// The `state` that clients send.
pub(crate) const STATE: &str = "xyz & \"äöü\"";
/// The shop's redirect URI.
pub(crate) const CALLBACK: &str = "https://shop.example/callback";
/// The API that owns `notes.read` and `notes.write`, as `aud` and as the client that introspects.
pub(crate) const NOTES: &str = "https://notes.example/api";
pub(crate) const NOTES_API: &str = "notes-api";
/// The API that owns `mail.read`.
pub(crate) const MAIL: &str = "https://mail.example/api";
pub(crate) const MAIL_API: &str = "mail-api";

/// Where the club's people return to after signing out.
pub(crate) const SIGNED_OUT: &str = "https://club.example/signed-out";
/// What clients of OpenID Connect are registered for.
const OPENID_SCOPES: &str =
    "openid profile email phone address offline_access notes.read notes.write";

/// Every client.
const CLIENTS: [&str; 17] = [
    "shop", "mailer", "kiosk", "phone", "robot", "heirloom", "portal", "bank", "vault", "club",
    "circle", "twin", "sister", "strict", "bound", NOTES_API, MAIL_API,
];
/// Everybody.
pub(super) const USERS: [&str; 3] = ["ada", "bob", "eve"];

pub(super) fn clients() -> impl Iterator<Item = Client> {
    CLIENTS.into_iter().map(registration)
}

/// How `client` is registered.
pub(crate) fn registration(client: &str) -> Client {
    use AuthenticationMethod::{ClientSecretPost, None as Public, PrivateKeyJwt};
    use GrantType::{AuthorizationCode, ClientCredentials, RefreshToken};

    let usual = usual(client);
    match client {
        // Confidential, with everything a confidential web app uses.
        "shop" => usual,
        // Confidential, sends its secret in the body, may use both APIs.
        "mailer" => Client {
            authentication: ClientSecretPost,
            scopes: scope("notes.read mail.read"),
            ..usual
        },
        // Public, in the browser.
        "kiosk" => Client {
            authentication: Public,
            ..usual
        },
        // Public, on a person's device.
        "phone" => Client {
            authentication: Public,
            redirect_uris: on_the_device(),
            ..usual
        },
        // Signs assertions, and acts for itself as well.
        "robot" => Client {
            authentication: PrivateKeyJwt,
            jwks: Some(JwkSet {
                keys: vec![assertion_key().public_jwk()],
            }),
            grant_types: vec![AuthorizationCode, RefreshToken, ClientCredentials],
            ..usual
        },
        // Cannot do PKCE, and says so by name.
        "heirloom" => Client {
            require_pkce: false,
            ..usual
        },
        // First party: nobody is asked.
        "portal" => Client {
            consent: ConsentPolicy::Never,
            ..usual
        },
        // Asks every time.
        "bank" => Client {
            consent: ConsentPolicy::Always,
            ..usual
        },
        // Its access tokens are sealed.
        "vault" => Client {
            access_token_format: AccessTokenFormat::Opaque,
            ..usual
        },
        "club" | "circle" | "twin" | "sister" | "strict" | "bound" => of_openid_connect(usual),
        // APIs: they introspect, and nothing else.
        NOTES_API | MAIL_API => Client {
            redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            scopes: Scope::default(),
            ..usual
        },
        other => panic!("{other} is not in the cast"),
    }
}

/// A client that signs people in with OpenID Connect.
fn of_openid_connect(usual: Client) -> Client {
    use AuthenticationMethod::None as Public;

    let usual = Client {
        scopes: scope(OPENID_SCOPES),
        ..usual
    };
    match usual.id.as_str() {
        // Confidential, signs people in with OpenID Connect and asks for all there is to ask.
        "club" => Client {
            response_modes: vec![ResponseMode::Query, ResponseMode::FormPost],
            openid: OpenIdRegistration {
                post_logout_redirect_uris: vec![uri(SIGNED_OUT)],
                ..OpenIdRegistration::default()
            },
            ..usual
        },
        // The same for a public client, with another signature.
        "circle" => Client {
            authentication: Public,
            openid: OpenIdRegistration {
                id_token_signed_response_alg: Algorithm::Es256,
                ..OpenIdRegistration::default()
            },
            ..usual
        },
        // Know everybody by another name, each in a sector of its own.
        "twin" | "sister" => Client {
            openid: OpenIdRegistration {
                subject_type: SubjectType::Pairwise,
                ..OpenIdRegistration::default()
            },
            ..usual
        },
        // Pushes its requests.
        "strict" => Client {
            require_pushed_authorization_requests: true,
            ..usual
        },
        // Public, and its tokens are bound to its key.
        "bound" => Client {
            authentication: Public,
            dpop_bound_access_tokens: true,
            ..usual
        },
        other => panic!("{other} is not in the cast"),
    }
}

fn usual(client: &str) -> Client {
    Client {
        id: ClientId::parse(client).unwrap(),
        name: format!("The {client}"),
        names: BTreeMap::new(),
        authentication: AuthenticationMethod::ClientSecretBasic,
        jwks: None,
        assertion_audience: AssertionAudience::Issuer,
        redirect_uris: vec![uri(&format!("https://{client}.example/callback"))],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        scopes: scope("notes.read notes.write profile offline_access"),
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

fn on_the_device() -> Vec<RedirectUri> {
    [
        "com.example.phone:/callback",
        "http://127.0.0.1/callback",
        "http://[::1]/callback",
    ]
    .map(uri)
    .to_vec()
}

/// The redirect URI that `client` sends; that of a client nobody knows looks like any other.
pub(super) fn redirect_uri_of(client: &str) -> &'static str {
    static SENT: OnceLock<Vec<(&str, String)>> = OnceLock::new();
    let sent = SENT.get_or_init(|| {
        let first = |name| {
            registration(name)
                .redirect_uris
                .first()
                .map(|uri| uri.as_str().to_owned())
        };
        CLIENTS
            .into_iter()
            .filter_map(|name| Some((name, first(name)?)))
            .collect()
    });
    sent.iter()
        .find(|(name, _)| *name == client)
        .map_or(CALLBACK, |(_, uri)| uri)
}

/// The secret of `client`, with every character that has to be escaped somewhere.
pub(crate) fn secret_of(client: &str) -> String {
    format!("{client}'s secret: 100% + & = / ?")
}

/// What is known about `user`.
pub(crate) fn claims_of(user: &str) -> PersonClaims {
    let known = match user {
        // Everything that OpenID Connect has a name for.
        "ada" => json!({
            "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "middle_name": "Augusta",
            "nickname": "Countess", "profile": "https://ada.example/", "picture": "https://ada.example/ada.png",
            "website": "https://lovelace.example/", "gender": "female", "birthdate": "1815-12-10",
            "zoneinfo": "Europe/London", "locale": "en-GB",
            "email": "ada@lovelace.example", "email_verified": true,
            "phone_number": "+44 20 7946 0000", "phone_number_verified": false,
            "address": { "street_address": "12 St James's Square", "locality": "London", "country": "UK" },
        }),
        _ => json!({}),
    };
    let mut claims = PersonClaims::default();
    for (name, value) in known.as_object().unwrap() {
        claims.set(name, value.clone()).unwrap();
    }
    claims
}

/// What `user` signs in with.
pub(crate) fn password_of(user: &str) -> String {
    format!("{user} ♥ correct horse battery staple")
}

/// The key that the robot signs with.
pub(crate) fn assertion_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Algorithm::Es256).unwrap())
}

/// A fresh assertion of `client` for the server called `issuer` (RFC 7523 §3).
pub(crate) fn assertion(client: &str, issuer: &str, now: Timestamp) -> String {
    let claims = json!({
        "iss": client, "sub": client, "aud": issuer, "jti": new_id(),
        "iat": now.seconds(), "exp": now.plus(60).seconds(),
    });
    assertion_key().sign_jwt("JWT", &claims).unwrap()
}

pub(super) fn scopes() -> Vec<ScopeDescription> {
    let described = [
        ("notes.read", "Read your notes"),
        ("notes.write", "Change your notes"),
        ("mail.read", "Read your mail"),
        ("profile", "See your name"),
    ];
    let description = |(name, text): (&str, &str)| ScopeDescription {
        name: name.to_owned(),
        text: [("en".to_owned(), text.to_owned())].into(),
        groups: Vec::new(),
    };
    let mut scopes = described.map(description);
    let german = ("de".to_owned(), "Ihre Notizen lesen".to_owned());
    scopes[0].text.extend([german]);
    scopes.to_vec()
}

pub(super) fn resources() -> Vec<Resource> {
    let resource = |(uri, name, scopes, client): (&str, &str, &str, &str)| Resource {
        uri: ResourceUri::parse(uri).unwrap(),
        name: Some(name.to_owned()),
        names: [("de".to_owned(), format!("{name} auf Deutsch"))].into(),
        scopes: scope(scopes),
        client: ClientId::parse(client),
        access_token_signing_alg: Resources::default_algorithm(),
    };
    [
        (NOTES, "Notes", "notes.read notes.write", NOTES_API),
        (MAIL, "Mail", "mail.read", MAIL_API),
    ]
    .map(resource)
    .to_vec()
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

fn uri(text: &str) -> RedirectUri {
    RedirectUri::register(text).unwrap()
}
