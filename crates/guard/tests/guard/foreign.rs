//! Issuers that write their access tokens in ways of their own: each profile takes what its issuer documents, and nothing else of it.

use bytes::Bytes;
use http::Response;
use rstest::rstest;
use safeconduct_guard::{
    ConfigError, Denied, Guard, GuardBuilder, Profile, Reason, Secret, TestIssuer, TestToken,
};
use safeconduct_protocol::encoding;
use serde_json::{Value, json};

use crate::support::{FakeIssuer, Reply, verdict};

const API: &str = "http://localhost:8422";
const TENANT: &str = "6d1c3f0a-7a55-4be0-9f1e-0b4d8b6f2a11";
const OTHER_TENANT: &str = "0a5b9c1e-2d5e-4a6f-8c3d-1f2e3d4c5b6a";

/// A guard of the API that tokens call `api`, for `profile` with `settings`, which says what it knows in the body.
fn guard_with(
    issuer: &str,
    profile: Profile,
    settings: impl FnOnce(GuardBuilder) -> GuardBuilder,
) -> (Guard, TestIssuer) {
    let builder = Guard::new(issuer, API).unwrap();
    let builder = builder
        .profile(profile)
        .audiences(["api"])
        .development(true);
    settings(builder).build_for_tests().unwrap()
}

fn guard(profile: Profile) -> (Guard, TestIssuer) {
    let clients = |builder: GuardBuilder| match profile {
        Profile::Cognito => builder.clients_in_place_of_audience(["web"]),
        Profile::Clerk => builder.clients_in_place_of_audience(["https://app.example.com"]),
        _ => builder,
    };
    guard_with("https://id.example.com/realms/r", profile, clients)
}

/// A token as the issuer of `profile` documents it.
fn documented(profile: Profile, issuer: &TestIssuer) -> TestToken {
    let bare = issuer
        .token()
        .without("client_id")
        .without("jti")
        .audience("api");
    let azp = |token: TestToken| token.claim("azp", "web");
    match profile {
        Profile::Keycloak => azp(bare.typ("JWT"))
            .claim("typ", "Bearer")
            .claim("aud", json!(["api", "account"]))
            .claim("realm_access", json!({"roles": ["staff"]}))
            .claim(
                "resource_access",
                json!({"api": {"roles": ["editor"]}, "account": {"roles": ["manage-account"]}}),
            )
            .scope("email profile"),
        Profile::Entra => azp(bare.typ("JWT"))
            .claim("ver", "2.0")
            .claim("scp", "notes.read")
            .claim("tid", TENANT)
            .claim("roles", json!(["editor"])),
        Profile::Okta => bare
            .without_typ()
            .claim("ver", 1)
            .claim("cid", "web")
            .claim("uid", "00u1")
            .claim("scp", json!(["notes.read", "openid"])),
        Profile::Auth0 => azp(bare.typ("JWT"))
            .claim("aud", json!(["api", "https://id.example.com/userinfo"]))
            .claim("permissions", json!(["editor"]))
            .scope("openid notes.read"),
        Profile::Cognito => bare
            .without_typ()
            .without("aud")
            .client("web")
            .claim("token_use", "access")
            .claim("cognito:groups", json!(["editor"]))
            .scope("notes/read"),
        Profile::Duende => bare
            .client("web")
            .claim("scope", json!(["notes.read", "openid"])),
        Profile::PingOne => bare
            .without_typ()
            .client("web")
            .claim("env", "e-1")
            .claim("aud", json!(["api"]))
            .scope("notes.read"),
        Profile::Clerk => bare
            .typ("JWT")
            .without("aud")
            .claim("azp", "https://app.example.com")
            .claim("sid", "sess_1"),
        Profile::Rfc9068 => issuer.token().audience("api"),
        _ => of_servers(profile, bare),
    }
}

/// The same of those that people run themselves, beside Keycloak.
fn of_servers(profile: Profile, bare: TestToken) -> TestToken {
    let azp = |token: TestToken| token.claim("azp", "web");
    match profile {
        Profile::Zitadel => bare
            .typ("JWT")
            .client("web")
            .claim("jti", "1")
            .claim("aud", json!(["web", "api"]))
            .claim(
                "urn:zitadel:iam:org:project:api:roles",
                json!({"editor": {"org": "example.com"}}),
            )
            .claim(
                "urn:zitadel:iam:org:project:other:roles",
                json!({"owner": {"org": "example.com"}}),
            ),
        Profile::Authentik => azp(bare.typ("JWT"))
            .claim("uid", "u-1")
            .claim("nonce", "n")
            .claim("groups", json!(["editor"])),
        Profile::Rauthy => azp(bare.typ("JWT"))
            .claim("typ", "Bearer")
            .claim("roles", json!(["editor"]))
            .scope("openid"),
        Profile::Hydra => bare
            .typ("JWT")
            .client("web")
            .claim("jti", "1")
            .claim("ext", json!({}))
            .claim("scp", json!(["notes.read"])),
        _ => bare,
    }
}

/// An ID Token as the same issuer makes it.
fn id_token(profile: Profile, issuer: &TestIssuer) -> TestToken {
    let token = documented(profile, issuer);
    match profile {
        Profile::Rfc9068 | Profile::Duende => token.typ("JWT"),
        Profile::Keycloak | Profile::Rauthy => token.claim("typ", "ID"),
        Profile::Cognito => token.claim("token_use", "id"),
        Profile::Zitadel => token.claim("azp", "web"),
        Profile::Authentik => token.without("uid"),
        Profile::Entra => token.without("azp").without("scp").without("roles"),
        Profile::Clerk => token.without("sid"),
        Profile::PingOne => token.without("env"),
        _ => token.claim("at_hash", "x"),
    }
}

async fn refused(guard: &Guard, token: &str) -> Denied {
    guard.validate(token).await.unwrap_err()
}

/// Why `guard` refuses `token`, and what it advises.
async fn advice(guard: &Guard, token: &str) -> (Reason, String) {
    let denied = refused(guard, token).await;
    assert_eq!(denied.status(), 401);
    let reason = denied.reason();
    let response: Response<Bytes> = denied.into_response();
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    (reason, body["hint"].as_str().unwrap_or_default().to_owned())
}

async fn reason(guard: &Guard, token: TestToken) -> Reason {
    refused(guard, &token.sign()).await.reason()
}

/// Attacks: LI02, LI06, LI12, LI15, LI17.
#[rstest]
#[tokio::test]
async fn a_token_as_its_issuer_documents_it_passes_by_its_profile(
    #[values(
        Profile::Rfc9068,
        Profile::Keycloak,
        Profile::Okta,
        Profile::Auth0,
        Profile::Cognito,
        Profile::Zitadel,
        Profile::Authentik,
        Profile::Rauthy,
        Profile::Hydra,
        Profile::Duende,
        Profile::PingOne,
        Profile::Clerk
    )]
    profile: Profile,
) {
    let (guard, issuer) = guard(profile);
    let token = guard
        .validate(&documented(profile, &issuer).sign())
        .await
        .unwrap();
    assert_eq!(token.subject(), "alice");
    let client = match profile {
        Profile::Rfc9068 => "app",
        Profile::Clerk => "https://app.example.com",
        _ => "web",
    };
    assert_eq!(token.client_id(), client);
}

/// Attacks: LI03, LI17, LI20.
#[rstest]
#[tokio::test]
async fn an_id_token_of_the_same_issuer_passes_by_no_profile(
    #[values(
        Profile::Rfc9068,
        Profile::Keycloak,
        Profile::Okta,
        Profile::Auth0,
        Profile::Cognito,
        Profile::Zitadel,
        Profile::Authentik,
        Profile::Rauthy,
        Profile::Hydra,
        Profile::Duende,
        Profile::PingOne,
        Profile::Clerk
    )]
    profile: Profile,
) {
    let (guard, issuer) = guard(profile);
    assert_eq!(
        reason(&guard, id_token(profile, &issuer)).await,
        Reason::WrongType
    );
}

/// Attacks: LI04, LI19.
#[rstest]
#[tokio::test]
async fn a_token_for_nobody_or_for_another_api_passes_by_no_profile(
    #[values(
        Profile::Keycloak,
        Profile::Okta,
        Profile::Auth0,
        Profile::Cognito,
        Profile::Zitadel,
        Profile::Authentik,
        Profile::Rauthy,
        Profile::Hydra,
        Profile::Duende,
        Profile::PingOne,
        Profile::Clerk
    )]
    profile: Profile,
    #[values(json!([]), json!("other"), json!(["other", "api2"]))] aud: Value,
) {
    let (guard, issuer) = guard(profile);
    let token = documented(profile, &issuer);
    assert_eq!(
        reason(&guard, token.clone().claim("aud", aud)).await,
        Reason::WrongAudience
    );
    let without = guard.validate(&token.without("aud").sign()).await;
    match profile {
        Profile::Cognito | Profile::Clerk => assert!(without.is_ok()),
        _ => assert_eq!(without.unwrap_err().reason(), Reason::WrongAudience),
    }
}

/// Attacks: LI01.
#[rstest]
#[case(Profile::Keycloak, "Profile::Keycloak")]
#[case(Profile::Okta, "Profile::Okta")]
#[case(Profile::Auth0, "Profile::Auth0")]
#[case(Profile::Cognito, "Profile::Cognito")]
#[case(Profile::Authentik, "Profile::Authentik")]
#[case(Profile::Clerk, "Profile::Clerk")]
#[tokio::test]
async fn the_strict_default_refuses_it_and_names_the_profile_that_would_not(
    #[case] profile: Profile,
    #[case] named: &str,
) {
    let (guard, issuer) = guard(Profile::Rfc9068);
    let (reason, hint) = advice(&guard, &documented(profile, &issuer).sign()).await;
    assert_eq!(reason, Reason::WrongType);
    assert!(hint.contains(named), "{hint}");
    let strange = documented(profile, &issuer)
        .issuer("https://evil.example")
        .sign();
    let (_, hint) = advice(&guard, &strange).await;
    assert_eq!(hint, "", "of a stranger's token nothing is said");
}

/// Attacks: LI02.
#[tokio::test]
async fn roles_are_those_of_the_realm_and_of_this_api_alone() {
    let (guard, issuer) = guard(Profile::Keycloak);
    let token = guard
        .validate(&documented(Profile::Keycloak, &issuer).sign())
        .await
        .unwrap();
    assert_eq!(token.roles().collect::<Vec<_>>(), ["staff", "editor"]);
    assert!(token.require_role("editor").is_ok());
    assert_eq!(
        token.require_role("manage-account").unwrap_err().reason(),
        Reason::InsufficientRole
    );
    let (guard, issuer) = self::guard(Profile::Zitadel);
    let token = guard
        .validate(&documented(Profile::Zitadel, &issuer).sign())
        .await
        .unwrap();
    assert_eq!(token.roles().collect::<Vec<_>>(), ["editor"]);
}

/// Attacks: LI02.
#[tokio::test]
async fn members_of_an_object_are_roles_where_that_is_said_and_none_that_is_denied() {
    let roles = async |guard: &Guard, token: TestToken| {
        let token = guard.validate(&token.sign()).await.unwrap();
        token.roles().map(str::to_owned).collect::<Vec<_>>()
    };
    let members =
        json!({"editor": {"org": "example.com"}, "owner": false, "admin": null, "reader": true});
    let (guard, issuer) = self::guard(Profile::Zitadel);
    let token = documented(Profile::Zitadel, &issuer);
    let token = token.claim("urn:zitadel:iam:org:project:api:roles", members.clone());
    assert_eq!(roles(&guard, token).await, ["editor", "reader"]);
    let token = documented(Profile::Zitadel, &issuer);
    let token = token.claim("urn:zitadel:iam:org:project:api:roles", json!(["owner"]));
    assert_eq!(roles(&guard, token).await, [""; 0]);

    let at_all = [
        Profile::Rfc9068,
        Profile::Keycloak,
        Profile::Okta,
        Profile::Auth0,
        Profile::Cognito,
        Profile::Authentik,
    ];
    for profile in at_all {
        let (guard, issuer) = self::guard(profile);
        let mut token = documented(profile, &issuer);
        for name in ["roles", "groups", "permissions", "cognito:groups"] {
            token = token.claim(name, members.clone());
        }
        let realm = json!({"roles": members});
        let token = token
            .claim("realm_access", realm)
            .without("resource_access");
        assert_eq!(roles(&guard, token).await, [""; 0], "{profile:?}");
    }
    let (guard, issuer) = guard_with("https://id.example.com", Profile::Rfc9068, |builder| {
        builder
            .role_names_at(["app", "granted"])
            .roles_at(["roles"])
    });
    let token = documented(Profile::Rfc9068, &issuer)
        .claim("app", json!({"granted": members}))
        .claim("roles", "writer");
    assert_eq!(roles(&guard, token).await, ["editor", "reader", "writer"]);
}

/// Attacks: LI03, LI05.
#[tokio::test]
async fn what_keycloak_makes_beside_access_tokens_is_none() {
    let (guard, issuer) = guard(Profile::Keycloak);
    let token = || documented(Profile::Keycloak, &issuer);
    for typ in ["ID", "Refresh", "Offline", "Logout", "bearer", ""] {
        assert_eq!(
            reason(&guard, token().claim("typ", typ)).await,
            Reason::WrongType
        );
    }
    assert_eq!(
        reason(&guard, token().claim("typ", json!(["Bearer"]))).await,
        Reason::WrongType
    );
    assert_eq!(
        reason(&guard, token().without("typ")).await,
        Reason::WrongType
    );
    let (reason, hint) = advice(&guard, &token().without("sub").sign()).await;
    assert_eq!(reason, Reason::MalformedClaims);
    assert!(hint.contains("scope `basic`"), "{hint}");
    assert_eq!(
        self::reason(&guard, token().without_typ()).await,
        Reason::WrongType
    );
    assert!(guard.validate(&token().typ("at+jwt").sign()).await.is_ok());
}

/// Attacks: LI06, LI07.
#[tokio::test]
async fn entra_writes_two_versions_for_one_api_and_a_tenant_speaks_for_itself() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let (guard, issuer) = guard_with(&issuer, Profile::Entra, |builder| builder);
    let second = documented(Profile::Entra, &issuer);
    let of_first_issuer = format!("https://sts.windows.net/{TENANT}/");
    let first = second
        .clone()
        .without("azp")
        .claim("appid", "web")
        .claim("ver", "1.0")
        .issuer(&of_first_issuer);
    for token in [&second, &first] {
        let token = guard.validate(&token.clone().sign()).await.unwrap();
        assert_eq!(
            (token.client_id(), token.has_scope("notes.read")),
            ("web", true)
        );
        assert!(token.has_role("editor"));
    }
    for token in [second, first] {
        assert_eq!(
            reason(&guard, token.clone().claim("tid", OTHER_TENANT)).await,
            Reason::WrongIssuer
        );
        assert_eq!(
            reason(&guard, token.without("tid")).await,
            Reason::WrongIssuer
        );
    }
}

/// Attacks: LI08.
#[tokio::test]
async fn tenants_are_those_that_are_listed() {
    let template = "https://login.microsoftonline.com/{tid}/v2.0";
    let tenants = Guard::of_tenants(template, [TENANT, OTHER_TENANT], API).unwrap();
    let tenants = tenants.profile(Profile::Entra).audiences(["api"]);
    let (guard, issuer) = tenants.build_for_tests().unwrap();
    let token = |tid: &str| {
        let token = documented(Profile::Entra, &issuer).claim("tid", tid);
        token.issuer(&template.replace("{tid}", tid))
    };
    for tid in [TENANT, OTHER_TENANT] {
        let token = guard.validate(&token(tid).sign()).await.unwrap();
        assert_eq!(token.issuer(), template.replace("{tid}", tid));
    }
    assert_eq!(
        reason(&guard, token(TENANT).claim("tid", OTHER_TENANT)).await,
        Reason::WrongIssuer
    );
    let longer = format!("{TENANT}/{OTHER_TENANT}");
    for tid in [
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "..",
        "common",
        "",
        "{tid}",
        &longer,
    ] {
        assert_eq!(
            reason(&guard, token(tid)).await,
            Reason::WrongIssuer,
            "{tid}"
        );
    }
}

/// Attacks: LI09, LI10.
#[tokio::test]
async fn an_app_of_entra_has_roles_and_no_scope_and_too_many_groups_are_not_fetched() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let (guard, issuer) = guard_with(&issuer, Profile::Entra, |builder| {
        builder.roles_at(["roles"]).roles_at(["groups"])
    });
    let app = documented(Profile::Entra, &issuer).without("scp");
    let token = guard.validate(&app.clone().sign()).await.unwrap();
    assert!(token.require_role("editor").is_ok());
    let denied = token.require_scope("notes.read").unwrap_err();
    assert_eq!(
        (denied.status().as_u16(), denied.reason()),
        (403, Reason::InsufficientScope)
    );
    assert_eq!(
        reason(&guard, app.without("roles")).await,
        Reason::WrongType
    );

    let names = json!({"groups": "src1"});
    let sources =
        json!({"src1": {"endpoint": "https://graph.microsoft.com/v1.0/users/1/getMemberObjects"}});
    let many = documented(Profile::Entra, &issuer)
        .claim("_claim_names", names)
        .claim("_claim_sources", sources);
    let token = guard.validate(&many.sign()).await.unwrap();
    assert!(token.require_role("editor").is_ok());
    let denied = token.require_role("d3adb33f").unwrap_err();
    assert_eq!(
        (denied.status().as_u16(), denied.reason().name()),
        (403, "groups-not-in-token")
    );
}

/// `token` under a header with `member` in it, which its signature does not cover.
fn with_header(token: &str, member: &str, value: &str) -> String {
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&encoding::decode(header).unwrap()).unwrap();
    header[member] = value.into();
    format!("{}.{rest}", encoding::encode(header.to_string().as_bytes()))
}

/// Attacks: LI11, LI13, LI14, LI16.
#[tokio::test]
async fn a_token_that_can_never_pass_says_what_it_is() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let (guard, issuer) = guard_with(&issuer, Profile::Entra, |builder| builder);
    let for_graph = with_header(&documented(Profile::Entra, &issuer).sign(), "nonce", "n");
    let (reason, hint) = advice(&guard, &for_graph).await;
    assert_eq!(reason, Reason::WrongSignature);
    assert!(hint.contains("for Microsoft Graph"), "{hint}");

    let (guard, issuer) = self::guard(Profile::Okta);
    let internal = documented(Profile::Okta, &issuer)
        .typ("application/okta-internal-at+jwt")
        .sign();
    let (reason, hint) = advice(&guard, &internal).await;
    assert_eq!(reason, Reason::WrongType);
    assert!(hint.contains("Okta's own APIs"), "{hint}");

    let slash = documented(Profile::Okta, &issuer)
        .issuer("https://id.example.com/realms/r/")
        .sign();
    let (reason, hint) = advice(&guard, &slash).await;
    assert_eq!(
        (reason, hint.as_str()),
        (Reason::WrongIssuer, "the issuers differ by the last slash")
    );

    let (guard, _) = self::guard(Profile::Auth0);
    let (reason, hint) = advice(&guard, "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn").await;
    assert_eq!(reason, Reason::Malformed);
    assert!(hint.contains("`audience`"), "{hint}");
    let (_, hint) = advice(&guard, "ory_at_opaque").await;
    assert!(hint.contains("introspection"), "{hint}");
}

/// Attacks: LI17.
#[tokio::test]
async fn without_an_audience_the_clients_are_listed() {
    let builder = |profile| {
        Guard::new("https://id.example.com", API)
            .unwrap()
            .profile(profile)
    };
    let error = |builder: GuardBuilder| builder.build().unwrap_err();
    for profile in [Profile::Cognito, Profile::Clerk] {
        let missing = ConfigError::ClientsMissing(profile);
        assert_eq!(error(builder(profile)), missing);
        let none = builder(profile).clients_in_place_of_audience(Vec::<String>::new());
        assert_eq!(error(none), missing);
    }
    let not_needed = builder(Profile::Keycloak).clients_in_place_of_audience(["web"]);
    assert_eq!(
        error(not_needed),
        ConfigError::ClientsNotNeeded(Profile::Keycloak)
    );

    let (guard, issuer) = guard(Profile::Cognito);
    let token = documented(Profile::Cognito, &issuer);
    assert_eq!(
        reason(&guard, token.clone().client("other")).await,
        Reason::WrongAudience
    );
    assert_eq!(
        reason(&guard, token.without("client_id")).await,
        Reason::MalformedClaims
    );
    let (guard, issuer) = self::guard(Profile::Clerk);
    let token = documented(Profile::Clerk, &issuer);
    assert_eq!(
        reason(&guard, token.claim("azp", "https://evil.example")).await,
        Reason::WrongAudience
    );
}

/// Attacks: LI18.
#[tokio::test]
async fn scopes_that_stand_twice_are_the_same() {
    let (guard, issuer) = guard(Profile::Hydra);
    let token = documented(Profile::Hydra, &issuer);
    let scopes = |scope: Value| token.clone().claim("scope", scope);
    assert!(
        guard
            .validate(&scopes(json!("notes.read")).sign())
            .await
            .is_ok()
    );
    for scope in [
        json!("notes.write"),
        json!("notes.read notes.write"),
        json!(["notes.write"]),
        json!(7),
        json!(null),
    ] {
        assert_eq!(reason(&guard, scopes(scope)).await, Reason::MalformedClaims);
    }
    let only_text = token.clone().without("scp").scope("notes.read notes.write");
    assert!(
        guard
            .validate(&only_text.sign())
            .await
            .unwrap()
            .has_scope("notes.write")
    );
    for scp in [
        json!(["notes.read notes.write"]),
        json!([1]),
        json!({"notes.read": true}),
    ] {
        assert_eq!(
            reason(&guard, token.clone().claim("scp", scp)).await,
            Reason::MalformedClaims
        );
    }
}

/// Attacks: LI04.
#[tokio::test]
async fn how_an_api_comes_into_the_audience_is_said() {
    for (profile, words) in [
        (Profile::Keycloak, "audience mapper"),
        (Profile::Zitadel, "urn:zitadel:iam:org:project:id:ID:aud"),
    ] {
        let (guard, issuer) = guard(profile);
        let token = documented(profile, &issuer).claim("aud", json!(["account"]));
        let (reason, hint) = advice(&guard, &token.sign()).await;
        assert_eq!(reason, Reason::WrongAudience);
        assert!(hint.contains(words), "{hint}");
    }
}

/// Attacks: LI25.
#[tokio::test]
async fn a_token_past_its_end_passes_where_that_is_asked_for_and_not_for_long() {
    let with_leeway = |seconds| {
        guard_with("https://id.example.com", Profile::Rfc9068, move |builder| {
            builder.expiry_leeway(std::time::Duration::from_secs(seconds))
        })
    };
    let (guard, issuer) = with_leeway(0);
    let late =
        |issuer: &TestIssuer, seconds: i64| issuer.token().audience("api").expires_in(-seconds);
    assert_eq!(reason(&guard, late(&issuer, 30)).await, Reason::Expired);
    let (guard, issuer) = with_leeway(60);
    assert!(guard.validate(&late(&issuer, 30).sign()).await.is_ok());
    assert!(guard.validate(&late(&issuer, 59).sign()).await.is_ok());
    assert_eq!(reason(&guard, late(&issuer, 60)).await, Reason::Expired);
    let longer = std::time::Duration::from_millis(300_001);
    let builder = Guard::new("https://id.example.com", API)
        .unwrap()
        .expiry_leeway(longer);
    assert_eq!(
        builder.build().unwrap_err(),
        ConfigError::ExpiryLeeway(longer)
    );
}

/// Attacks: LI35, LI26.
#[tokio::test]
async fn keycloak_is_asked_as_a_client_that_the_token_is_for() {
    let issuer = FakeIssuer::start().await;
    let builder = || {
        let builder = Guard::new(&issuer.url, API)
            .unwrap()
            .profile(Profile::Keycloak)
            .audiences(["api"]);
        builder.clock(issuer.clock.clone()).development(true)
    };
    let guard = builder()
        .introspection_only("other", Secret::new("s"))
        .build()
        .unwrap();
    let (reason, hint) = advice(&guard, "a.b.c").await;
    assert_eq!(reason, Reason::NotActive);
    assert!(hint.contains("audience mapper"), "{hint}");

    let now = issuer.clock.now().seconds();
    let said = |change: Value| {
        let mut said = json!({
            "active": true, "iss": issuer.url, "aud": ["api", "account"], "sub": "alice", "azp": "web", "client_id": "web",
            "typ": "Bearer", "token_type": "Bearer", "exp": now + 300, "realm_access": {"roles": ["staff"]},
        });
        said.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        issuer.answer_introspection(Reply::json(&said));
        builder()
            .introspection_only("api", Secret::new("s"))
            .build()
            .unwrap()
    };
    let token = said(json!({})).validate("a.b.c").await.unwrap();
    assert_eq!((token.client_id(), token.has_role("staff")), ("web", true));
    assert_eq!(
        verdict(&said(json!({"typ": "Refresh"})), "a.b.c").await,
        Err(Reason::WrongType)
    );
    assert_eq!(
        verdict(&said(json!({"aud": "account"})), "a.b.c").await,
        Err(Reason::WrongAudience)
    );
    assert_eq!(
        verdict(&said(json!({"nbf": now + 61})), "a.b.c").await,
        Err(Reason::NotYetValid)
    );
}

/// Attacks: LI13.
#[tokio::test]
async fn what_only_okta_can_read_is_asked_about() {
    let issuer = FakeIssuer::start().await;
    let guard = Guard::new(&issuer.url, API)
        .unwrap()
        .profile(Profile::Okta)
        .audiences(["api"]);
    let guard = guard
        .clock(issuer.clock.clone())
        .introspection_only("api", Secret::new("s"))
        .build()
        .unwrap();
    let token = issuer.sign(&issuer.key, "application/okta-internal-at+jwt", json!({}));
    issuer.activate(
        &token,
        json!({"aud": "api", "scope": "notes.read", "client_id": "web"}),
    );
    let accepted = guard.validate(&token).await.unwrap();
    assert!(accepted.has_scope("notes.read"));
}

#[tokio::test]
async fn single_settings_read_the_tokens_of_an_issuer_that_has_no_profile() {
    let (guard, issuer) = guard_with("https://id.example.com", Profile::Rfc9068, |builder| {
        builder
            .audiences(["api", "urn:other"])
            .accept_typ(["JWT"])
            .accept_no_typ()
            .require_claim(["use"], ["access", "service"])
            .refuse_claim("nonce")
            .client_at(["app", "id.of"])
            .scope_at(["perm", "scopes"])
            .accept_scope_list()
            .roles_at(["perm", "roles"])
    });
    let token = issuer
        .token()
        .without("client_id")
        .audience("urn:other")
        .typ("JWT")
        .claim("use", "service");
    let token = token
        .claim("app", json!({"id.of": "web"}))
        .claim("perm", json!({"scopes": ["a", "b"], "roles": "editor"}));
    let accepted = guard.validate(&token.clone().sign()).await.unwrap();
    assert_eq!(accepted.client_id(), "web");
    assert_eq!(accepted.scopes().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(accepted.roles().collect::<Vec<_>>(), ["editor"]);
    assert!(
        guard
            .validate(&token.clone().without_typ().sign())
            .await
            .is_ok()
    );
    for wrong in [
        token.clone().claim("use", "id"),
        token.clone().without("use"),
        token.clone().claim("nonce", "n"),
        token.clone().typ("at+jwt"),
    ] {
        assert_eq!(reason(&guard, wrong).await, Reason::WrongType);
    }
    let for_another = token.clone().audience("urn:another");
    assert_eq!(reason(&guard, for_another).await, Reason::WrongAudience);
    assert_eq!(
        reason(&guard, token.without("jti")).await,
        Reason::MalformedClaims
    );
}

#[rstest]
#[case::no_audience(|builder: GuardBuilder| builder.audiences(Vec::<String>::new()), ConfigError::Audiences)]
#[case::an_empty_audience(|builder: GuardBuilder| builder.audiences(["api", ""]), ConfigError::Audiences)]
#[case::another_type_without_a_proof(|builder: GuardBuilder| builder.accept_typ(["at+jwt", "JWT"]), ConfigError::NoProof)]
#[case::no_type_without_a_proof(|builder: GuardBuilder| builder.accept_no_typ(), ConfigError::NoProof)]
#[case::a_client_nowhere(|builder: GuardBuilder| builder.client_at(Vec::<String>::new()), ConfigError::ClaimPath("client_at"))]
#[case::scopes_nowhere(|builder: GuardBuilder| builder.scope_at(Vec::<String>::new()), ConfigError::ClaimPath("scope_at"))]
#[case::role_names_nowhere(|builder: GuardBuilder| builder.role_names_at(Vec::<String>::new()), ConfigError::ClaimPath("role_names_at"))]
#[case::roles_nowhere(|builder: GuardBuilder| builder.roles_at(Vec::<String>::new()), ConfigError::ClaimPath("roles_at"))]
#[case::entra_without_a_tenant(|builder: GuardBuilder| builder.profile(Profile::Entra), ConfigError::Tenant("common".into()))]
#[case::twice(|builder: GuardBuilder| builder.trust("https://id.example.com/common", Profile::Okta).unwrap(), ConfigError::IssuerTwice("https://id.example.com/common".into()))]
#[case::two_asked(|builder: GuardBuilder| builder.trust("https://other.example", Profile::Okta).unwrap().introspection("api", Secret::new("s")), ConfigError::SeveralIntrospected)]
fn settings_that_do_not_fit_make_no_guard(
    #[case] settings: fn(GuardBuilder) -> GuardBuilder,
    #[case] expected: ConfigError,
) {
    let builder = Guard::new("https://id.example.com/common", API).unwrap();
    assert_eq!(settings(builder).build().unwrap_err(), expected);
}

#[rstest]
#[case("https://login.microsoftonline.com/common/v2.0", &[TENANT])]
#[case("https://login.microsoftonline.com/{tid}/v2.0", &[])]
#[case("https://login.microsoftonline.com/{tid}/v2.0", &[TENANT, ".."])]
#[case("https://login.microsoftonline.com/{tid}/v2.0", &[""])]
#[case("https://login.microsoftonline.com/{tid}/v2.0", &["a/b"])]
fn a_template_without_a_tenant_makes_no_guard(#[case] template: &str, #[case] tenants: &[&str]) {
    let refused = Guard::of_tenants(template, tenants, API).err().unwrap();
    assert!(matches!(refused, ConfigError::Tenant(_)), "{refused}");
}

#[test]
fn a_template_may_name_the_tenant_in_the_host_too() {
    let template = "https://{tid}.ciamlogin.com/{tid}/v2.0";
    let builder = Guard::of_tenants(template, [TENANT, OTHER_TENANT], API).unwrap();
    let guard = builder.profile(Profile::Entra).build().unwrap();
    let expected = [TENANT, OTHER_TENANT].map(|tid| template.replace("{tid}", tid));
    assert!(guard.issuers().eq(expected.iter().map(String::as_str)));
}
