//! Whatever a signed token says: it passes as an access token or is refused, by every profile, and nothing falls over.

use proptest::prelude::*;
use safeconduct_guard::{Guard, Profile};
use serde_json::Value;

const PROFILES: [Profile; 13] = [
    Profile::Rfc9068,
    Profile::Keycloak,
    Profile::Entra,
    Profile::Okta,
    Profile::Auth0,
    Profile::Cognito,
    Profile::Zitadel,
    Profile::Authentik,
    Profile::Rauthy,
    Profile::Hydra,
    Profile::Duende,
    Profile::PingOne,
    Profile::Clerk,
];

/// Every claim that a profile reads.
const CLAIMS: [&str; 24] = [
    "aud",
    "sub",
    "client_id",
    "azp",
    "appid",
    "cid",
    "scope",
    "scp",
    "roles",
    "groups",
    "permissions",
    "realm_access",
    "resource_access",
    "typ",
    "token_use",
    "ver",
    "tid",
    "uid",
    "sid",
    "env",
    "_claim_names",
    "cnf",
    "nbf",
    "urn:zitadel:iam:org:project:api:roles",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["api", "Bearer", "access", "web", "roles", ""])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(api|roles|[a-z]{1,4})", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_token_passes_or_is_refused_whatever_it_says(
        profile in prop::sample::select(PROFILES.to_vec()),
        typ in prop::sample::select(vec![Some("JWT"), Some("at+jwt"), None]),
        claims in prop::collection::btree_map(prop::sample::select(CLAIMS.to_vec()), value(), 0..8),
    ) {
        let issuer = "https://id.example.com/6d1c3f0a-7a55-4be0-9f1e-0b4d8b6f2a11";
        let builder = Guard::new(issuer, "http://localhost:8422").unwrap().profile(profile).audiences(["api"]);
        let builder = match profile {
            Profile::Cognito | Profile::Clerk => builder.clients_in_place_of_audience(["web"]),
            _ => builder,
        };
        let (guard, issuer) = builder.build_for_tests().unwrap();
        let mut token = issuer.token().audience("api");
        token = match typ {
            Some(typ) => token.typ(typ),
            None => token.without_typ(),
        };
        for (name, value) in claims {
            token = token.claim(name, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(guard.validate(&token.sign())) {
            Ok(token) => {
                prop_assert!(!token.subject().is_empty() && !token.client_id().is_empty());
                prop_assert!(token.roles().count() < 100);
                prop_assert_eq!(token.require_role("\u{0}").is_err(), true);
            }
            Err(denied) => prop_assert!(denied.status().is_client_error(), "{}", denied.reason().name()),
        }
    }

    #[test]
    fn a_request_is_read_or_refused_wherever_it_says_its_token_is(
        protocols in prop::collection::vec("(base64url\\.bearer\\.authorization\\.notes\\.)?[ -~]{0,20}", 0..4),
        query in "[a-z=&%+0-9]{0,20}(&ticket=[ -~&&[^#]]{0,10})?",
    ) {
        use http::{Method, Request};
        use tower::{Layer, ServiceExt, service_fn};
        let (guard, _) = Guard::for_tests("http://localhost:8422");
        let layer = guard.layer().or_websocket_protocol("notes").or_query_parameter("ticket");
        let service = layer.layer(service_fn(async |_: Request<http_body_util::Empty<bytes::Bytes>>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::default()))
        }));
        let Ok(uri) = http::Uri::try_from(format!("/?{query}")) else {
            return Ok(());
        };
        let mut request = Request::new(http_body_util::Empty::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri;
        for protocol in protocols {
            if let Ok(value) = protocol.parse() {
                request.headers_mut().append("sec-websocket-protocol", value);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let response = runtime.block_on(service.oneshot(request)).unwrap();
        prop_assert!(response.status().is_client_error());
    }
}
