//! A registration has to make sense as a whole, and keeps its meaning when a later release reads it.

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::{
    client::{
        AuthenticationMethod, BackChannelUri, Client, ClientInformation, ConsentPolicy,
        DeniedUsers, GrantType, OpenIdRegistration, RefreshShared, ResponseMode, SubjectType,
    },
    jose::{Algorithm, JwkSet, SigningKey},
    language::Language,
    redirect_uri::RedirectUri,
    registration::{Registration, SecretOrigin, client_id, oddities},
};
use serde_json::json;

use crate::fixtures::{confidential, public, registered, returning_to, scope};

fn keys() -> Option<JwkSet> {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    Some(JwkSet {
        keys: vec![key.public_jwk()],
    })
}

fn with_keys() -> Client {
    Client {
        authentication: AuthenticationMethod::PrivateKeyJwt,
        jwks: keys(),
        ..confidential()
    }
}

/// A client that acts for itself alone.
fn machine() -> Client {
    Client {
        grant_types: vec![GrantType::ClientCredentials],
        redirect_uris: Vec::new(),
        ..confidential()
    }
}

fn pairwise(redirect_uris: &[&str], sector: Option<&str>) -> Client {
    let registered = redirect_uris.iter();
    Client {
        redirect_uris: registered
            .map(|uri| RedirectUri::register(uri).unwrap())
            .collect(),
        about: ClientInformation::default(),
        openid: OpenIdRegistration {
            subject_type: SubjectType::Pairwise,
            sector_identifier: sector.map(str::to_owned),
            ..OpenIdRegistration::default()
        },
        ..confidential()
    }
}

fn posted_to(redirect_uri: &str) -> Client {
    Client {
        response_modes: vec![ResponseMode::FormPost],
        ..returning_to(redirect_uri, confidential())
    }
}

const TWO_HOSTS: [&str; 2] = ["https://a.example/cb", "https://b.example/cb"];

#[rstest]
#[case::web_app(confidential())]
#[case::web_app_with_keys(with_keys())]
#[case::web_app_that_is_never_asked_for(Client { consent: ConsentPolicy::Never, ..confidential() })]
#[case::web_app_without_pkce(Client { require_pkce: false, ..confidential() })]
#[case::single_page_app(public())]
#[case::first_party_single_page_app(Client { consent: ConsentPolicy::Never, ..public() })]
#[case::app_on_a_device(returning_to("http://127.0.0.1/cb", public()))]
#[case::machine(machine())]
#[case::api_that_only_introspects(Client { grant_types: Vec::new(), ..machine() })]
#[case::app_that_is_posted_to(posted_to("https://rp.example/cb"))]
#[case::app_on_a_device_that_is_posted_to(posted_to("http://127.0.0.1/cb"))]
#[case::pairwise_at_one_host(pairwise(&["https://a.example/cb", "https://a.example:8443/cb"], None))]
#[case::pairwise_at_two_hosts_of_one_sector(pairwise(&TWO_HOSTS, Some("sector.example")))]
#[case::pairwise_without_a_host(pairwise(&["com.example.app:/cb"], None))]
#[case::the_longest_name(Client { name: "é".repeat(100), ..confidential() })]
fn what_makes_sense_is_accepted(#[case] client: Client) {
    assert_eq!(registered(&client), Ok(client));
}

/// Attacks: R16.
#[rstest]
#[case::no_name(Client { name: String::new(), ..confidential() }, "client_name")]
#[case::a_name_too_long(Client { name: "x".repeat(101), ..confidential() }, "client_name")]
#[case::a_name_of_two_lines(Client { name: "Shop\nPay".to_owned(), ..confidential() }, "client_name")]
#[case::public_and_nothing_to_do(
    Client { grant_types: Vec::new(), redirect_uris: Vec::new(), ..public() },
    "grant_types"
)]
#[case::nowhere_to_return(Client { redirect_uris: Vec::new(), ..confidential() }, "redirect_uris")]
#[case::redirect_uris_that_nothing_uses(
    Client { redirect_uris: confidential().redirect_uris, ..machine() },
    "redirect_uris"
)]
#[case::nothing_to_refresh(
    Client { grant_types: vec![GrantType::ClientCredentials, GrantType::RefreshToken], ..machine() },
    "grant_types"
)]
#[case::a_public_machine(
    Client { authentication: AuthenticationMethod::None, ..machine() },
    "grant_types"
)]
#[case::public_without_pkce(Client { require_pkce: false, ..public() }, "require_pkce")]
#[case::on_a_loopback_address_and_never_asked_for(
    Client { consent: ConsentPolicy::Never, ..returning_to("http://127.0.0.1/cb", public()) },
    "consent"
)]
#[case::on_a_private_scheme_and_never_asked_for(
    Client { consent: ConsentPolicy::Never, ..returning_to("com.example.app:/cb", public()) },
    "consent"
)]
#[case::no_keys_to_sign_with(Client { jwks: None, ..with_keys() }, "token_endpoint_auth_method")]
#[case::an_empty_key_set(Client { jwks: Some(JwkSet { keys: Vec::new() }), ..with_keys() }, "jwks")]
#[case::no_way_to_answer(Client { response_modes: Vec::new(), ..confidential() }, "response_modes")]
#[case::an_app_that_no_browser_posts_to(posted_to("com.example.app:/cb"), "response_modes")]
#[case::pairwise_at_two_hosts(pairwise(&TWO_HOSTS, None), "sector_identifier")]
#[case::a_sector_that_is_a_url(pairwise(&TWO_HOSTS, Some("https://sector.example")), "sector_identifier")]
#[case::a_sector_with_a_port(pairwise(&TWO_HOSTS, Some("sector.example:443")), "sector_identifier")]
#[case::a_sector_in_another_case(pairwise(&TWO_HOSTS, Some("Sector.example")), "sector_identifier")]
#[case::an_empty_sector(pairwise(&TWO_HOSTS, Some("")), "sector_identifier")]
#[case::a_policy_that_is_a_program(about(Some("javascript:alert(1)"), None), "policy_uri")]
#[case::a_policy_in_the_clear(about(Some("http://app.example/privacy"), None), "policy_uri")]
#[case::terms_with_a_user(about(None, Some("https://user@app.example/terms")), "tos_uri")]
#[case::keys_that_nobody_asks_for(Client { jwks: keys(), ..confidential() }, "jwks")]
fn what_makes_no_sense_is_refused(#[case] client: Client, #[case] member: &'static str) {
    assert_eq!(registered(&client), Err(vec![member]));
}

/// A client that says this about itself.
fn about(policy: Option<&str>, terms: Option<&str>) -> Client {
    let about = ClientInformation {
        policy_uri: policy.map(str::to_owned),
        tos_uri: terms.map(str::to_owned),
        ..ClientInformation::default()
    };
    Client {
        about,
        ..confidential()
    }
}

#[test]
fn a_client_says_more_about_itself() {
    let pages = ["https://app.example/privacy", "https://app.example/terms"];
    let client = about(Some(pages[0]), Some(pages[1]));
    assert_eq!(registered(&client), Ok(client));
}

/// A logo at another host would tell it who looks at the consent page.
#[test]
fn a_logo_is_given_and_not_fetched() {
    let refused = |logo: &str| {
        let changes = json!({ "logo_uri": logo });
        let document = Registration::from(&confidential());
        let document = document
            .changed(changes.as_object().unwrap().clone())
            .unwrap();
        let id = confidential().id;
        let registered = document.register(&id, SecretOrigin::Given, &|_| Ok(()));
        registered.map(|client| client.about.logo_uri.unwrap().content_type())
    };
    let drawing = "data:image/svg+xml;base64,PHN2Zy8+";
    assert_eq!(refused(drawing), Ok("image/svg+xml"));
    let findings = refused("https://app.example/logo.svg").unwrap_err();
    assert_eq!(findings[0].member, "logo_uri");
}

#[test]
fn a_registration_is_kept_under_the_names_of_the_specification() {
    let client = everything();
    let json = serde_json::to_string_pretty(&client).unwrap();
    assert_snapshot!(json, @r#"
    {
      "id": "shop",
      "name": "Shop",
      "names": {},
      "authentication": "client_secret_basic",
      "jwks": null,
      "assertion_audience": "issuer",
      "redirect_uris": [
        "https://rp.example/cb"
      ],
      "grant_types": [
        "authorization_code",
        "refresh_token"
      ],
      "scopes": "mail.read notes.read notes.write offline_access",
      "groups": [
        "staff"
      ],
      "denied_users": "client",
      "require_pkce": true,
      "access_token_format": "jwt",
      "consent": "remember",
      "refresh_shared": "revoke",
      "response_modes": [
        "form_post",
        "query"
      ],
      "require_pushed_authorization_requests": true,
      "require_second_factor": true,
      "dpop_bound_access_tokens": true,
      "logo_uri": null,
      "policy_uri": null,
      "tos_uri": null,
      "contacts": [
        "help@rp.example"
      ],
      "id_token_signed_response_alg": "EdDSA",
      "subject_type": "pairwise",
      "sector_identifier": "sector.example",
      "post_logout_redirect_uris": [
        "https://rp.example/signed-out"
      ],
      "backchannel_logout_uri": "https://rp.example/logged-out",
      "scope_claims_in_id_token": true,
      "groups_in_access_token": true,
      "groups_claim": [
        "grafana-*"
      ],
      "groups_claim_without_prefix": true
    }
    "#);
    assert_eq!(serde_json::from_str::<Client>(&json).unwrap(), client);
}

#[test]
fn a_document_of_rfc_7591_registers_a_client() {
    let document = json!({
        "client_name": "Shop",
        "redirect_uris": ["https://rp.example/cb"],
        "scope": "notes.read offline_access mail.read notes.write",
        "token_endpoint_auth_method": "client_secret_basic",
        "software_id": "what this server does not know is left out (§2)",
    });
    let members = document.as_object().unwrap().clone();
    let read: Registration = serde_json::from_value(document).unwrap();
    let shop = confidential();
    let registered = read.register(&shop.id, SecretOrigin::Generated, &|_| Ok(()));
    assert_eq!(registered, Ok(shop));
    let changed = Registration::default().changed(members.clone()).unwrap();
    assert_eq!(changed, read, "as a change of nothing");
    assert_eq!(read.changed(members).unwrap(), changed, "and of itself");
    let shown = serde_json::to_value(Registration::from(&everything())).unwrap();
    assert_eq!(
        shown["scopes"],
        json!(["mail.read", "notes.read", "notes.write", "offline_access"])
    );
    let again: Registration = serde_json::from_value(shown).unwrap();
    assert_eq!(again, Registration::from(&everything()));
}

/// RFC 7591 §2.2.
#[test]
fn a_name_in_another_language_is_a_member_of_its_own() {
    let document = json!({
        "client_name": "Notes",
        "client_name#de": "Notizen",
        "name#pt": "Notas",
        "logo_uri#de": "what this server does not know is left out",
        "redirect_uris": ["https://rp.example/cb"],
    });
    let read: Registration = serde_json::from_value(document).unwrap();
    let id = client_id("shop").unwrap();
    let register =
        |document: &Registration| document.register(&id, SecretOrigin::Generated, &|_| Ok(()));
    let client = register(&read).unwrap();
    for (language, name) in [
        (Language::German, "Notizen"),
        (Language::BrazilianPortuguese, "Notas"),
        (Language::English, "Notes"),
        (Language::Arabic, "Notes"),
    ] {
        assert_eq!(client.name_in(language), name);
    }
    let shown = serde_json::to_value(Registration::from(&client)).unwrap();
    assert_eq!(shown["client_name#pt"], "Notas");
    let again: Registration = serde_json::from_value(shown).unwrap();
    assert_eq!(again, Registration::from(&client));

    let changes = json!({ "name#de": null, "client_name#ja": "ノート" });
    let changed = read.changed(changes.as_object().unwrap().clone()).unwrap();
    let tags: Vec<&String> = changed.names.0.keys().collect();
    assert_eq!(tags, ["ja", "pt"]);
    for (tag, name) in [("", "Notizen"), ("../x", "Notizen"), ("de", " ")] {
        let wrong = json!({ format!("client_name#{tag}"): name });
        let wrong = read.changed(wrong.as_object().unwrap().clone()).unwrap();
        let findings = register(&wrong).unwrap_err();
        assert_eq!(findings[0].member, "client_name", "{tag}");
    }
}

#[rstest]
#[case(json!({}), SecretOrigin::Given, AuthenticationMethod::ClientSecretBasic, &[])]
#[case(json!({ "jwks": keys() }), SecretOrigin::Generated, AuthenticationMethod::PrivateKeyJwt, &[])]
#[case(
    json!({ "redirect_uris": ["https://rp.example/cb"] }),
    SecretOrigin::Nowhere,
    AuthenticationMethod::None,
    &[GrantType::AuthorizationCode, GrantType::RefreshToken]
)]
fn what_a_document_leaves_out_follows_from_the_rest(
    #[case] document: serde_json::Value,
    #[case] secret: SecretOrigin,
    #[case] method: AuthenticationMethod,
    #[case] grant_types: &[GrantType],
) {
    let document: Registration = serde_json::from_value(document).unwrap();
    let id = client_id("shop").unwrap();
    let client = document.register(&id, secret, &|_| Ok(())).unwrap();
    assert_eq!(
        (client.authentication, &*client.grant_types),
        (method, grant_types)
    );
    assert_eq!(client.name, "shop");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_what_to_do() {
    let document = json!({
        "redirect_uris": ["https://rp.example/cb", "http://rp.example/cb"],
        "grant_types": ["refresh_token"],
        "scopes": ["openid", "opendi"],
        "backchannel_logout_uri": "gopher://rp.example",
        "response_modes": [],
    });
    let document: Registration = serde_json::from_value(document).unwrap();
    let id = client_id("shop").unwrap();
    let knows = |name: &str| match name {
        "openid" => Ok(()),
        _ => Err("did you mean `openid`?".to_owned()),
    };
    let findings = document
        .register(&id, SecretOrigin::Nowhere, &knows)
        .unwrap_err();
    let said: Vec<String> = findings
        .iter()
        .map(|finding| format!("{} {:?}: {finding}", finding.member, finding.item))
        .collect();
    assert_snapshot!(said.join("\n"), @"
    redirect_uris Some(1): the redirect URI `http://rp.example/cb` can't be registered
        http is for loopback addresses only; use https
    scopes Some(1): the client `shop` may ask for the unknown scope `opendi`
        did you mean `openid`?
    backchannel_logout_uri None: the back-channel logout URI `gopher://rp.example` can't be called
        write an https URL, or http on a loopback address, without fragment and user name
    redirect_uris None: the client `shop` has redirect URIs that nothing uses
        add authorization_code to its grant_types, or leave them out
    grant_types None: the client `shop` may refresh but not get anything to refresh
        add authorization_code, or leave out refresh_token
    response_modes None: the client `shop` has no response mode
        response_modes needs at least one of query and form_post
    ");
}

#[test]
fn a_change_names_what_changes_and_null_takes_it_away() {
    let document = Registration::from(&Client {
        jwks: keys(),
        ..everything()
    });
    let changes = json!({
        "client_name": "Shop & Pay",
        "backchannel_logout_uri": null,
        "token_endpoint_auth_method": "client_secret_post",
    });
    let changed = document
        .changed(changes.as_object().unwrap().clone())
        .unwrap();
    let expected = Registration {
        name: Some("Shop & Pay".to_owned()),
        backchannel_logout_uri: None,
        token_endpoint_auth_method: Some(AuthenticationMethod::ClientSecretPost),
        jwks: None,
        ..document.clone()
    };
    assert_eq!(changed, expected, "keys go with the method that used them");
    let by_what_it_has = json!({ "token_endpoint_auth_method": null });
    let changed = document
        .changed(by_what_it_has.as_object().unwrap().clone())
        .unwrap();
    assert!(
        changed.jwks.is_some() && changed.token_endpoint_auth_method.is_none(),
        "and stay where the method follows from them"
    );
}

#[test]
fn what_no_claim_of_groups_uses_is_odd() {
    let odd = |scopes: &str, openid: OpenIdRegistration| -> Vec<&str> {
        let client = Client {
            scopes: scope(scopes),
            openid,
            ..confidential()
        };
        oddities(&client).iter().map(|odd| odd.member).collect()
    };
    let openid = |groups_claim: &[&str]| OpenIdRegistration {
        groups_in_access_token: true,
        groups_claim: groups_claim.iter().map(|&name| name.to_owned()).collect(),
        groups_claim_without_prefix: true,
        ..OpenIdRegistration::default()
    };
    let all = [
        "groups_claim",
        "groups_in_access_token",
        "groups_claim_without_prefix",
    ];
    assert_eq!(odd("openid", openid(&["staff"])), all);
    assert!(odd("openid groups", openid(&["staff", "grafana-*"])).is_empty());
}

#[test]
fn what_is_weaker_than_it_could_be_is_odd() {
    let odd = |client: Client| -> Vec<&str> {
        oddities(&client)
            .iter()
            .map(|finding| finding.member)
            .collect()
    };
    assert_eq!(odd(confidential()), Vec::<&str>::new());
    let weak = Client {
        require_pkce: false,
        id: client_id("shop:eu").unwrap(),
        ..confidential()
    };
    assert_eq!(odd(weak), ["client_id", "require_pkce"]);
    assert_eq!(
        odd(Client {
            consent: ConsentPolicy::Never,
            ..public()
        }),
        ["consent"]
    );
}

/// A client with everything that OpenID Connect, pushed requests and DPoP add.
fn everything() -> Client {
    Client {
        response_modes: vec![ResponseMode::FormPost, ResponseMode::Query],
        require_pushed_authorization_requests: true,
        require_second_factor: true,
        dpop_bound_access_tokens: true,
        refresh_shared: RefreshShared::Revoke,
        groups: ["staff".to_owned()].into(),
        denied_users: DeniedUsers::Client,
        about: ClientInformation {
            contacts: vec!["help@rp.example".to_owned()],
            ..ClientInformation::default()
        },
        openid: OpenIdRegistration {
            id_token_signed_response_alg: Algorithm::EdDsa,
            subject_type: SubjectType::Pairwise,
            sector_identifier: Some("sector.example".to_owned()),
            post_logout_redirect_uris: vec![
                RedirectUri::register("https://rp.example/signed-out").unwrap(),
            ],
            backchannel_logout_uri: BackChannelUri::parse("https://rp.example/logged-out"),
            scope_claims_in_id_token: true,
            groups_in_access_token: true,
            groups_claim: vec!["grafana-*".to_owned()],
            groups_claim_without_prefix: true,
        },
        ..confidential()
    }
}

#[test]
fn what_a_registration_leaves_out_is_the_safe_choice() {
    let id = client_id("shop").unwrap();
    let said_nothing = Registration::default();
    let client = said_nothing.register(&id, SecretOrigin::Generated, &|_| Ok(()));
    let client = client.unwrap();
    assert!(client.require_pkce);
    assert_eq!(client.consent, ConsentPolicy::Remember);
    assert_eq!(client.assertion_audience, Default::default());
    assert!(client.scopes.is_empty() && client.redirect_uris.is_empty());
    assert_eq!(client.response_modes, [ResponseMode::Query]);
    assert_eq!(client.openid, OpenIdRegistration::default());
    assert_eq!(client.refresh_shared, RefreshShared::Report);
}

/// The defaults are those of a registration, and a row is whole: where a member is missing, nothing is made up.
#[test]
fn a_client_is_read_whole_or_not_at_all() {
    let whole = serde_json::to_value(everything()).unwrap();
    assert!(serde_json::from_value::<Client>(whole.clone()).is_ok());
    for member in ["require_pkce", "scopes", "response_modes", "subject_type"] {
        let mut row = whole.clone();
        row.as_object_mut().unwrap().remove(member).unwrap();
        assert!(serde_json::from_value::<Client>(row).is_err(), "{member}");
    }
}

/// Attacks: G02.
#[rstest]
#[case::web_server("https://rp.example/logged-out", true)]
#[case::with_a_port_and_a_query("https://rp.example:8443/logged-out?tenant=7", true)]
#[case::on_this_computer("http://127.0.0.1:8421/logged-out", true)]
#[case::on_this_computer_by_name("http://localhost:8421/logged-out", true)]
#[case::plain_http("http://rp.example/logged-out", false)]
#[case::plain_http_to_a_name_like_ours("http://localhost.evil.example/", false)]
#[case::metadata_of_a_cloud("http://169.254.169.254/latest", false)]
#[case::a_file("file:///etc/passwd", false)]
#[case::another_protocol("gopher://127.0.0.1:25/", false)]
#[case::a_script("javascript:alert(1)", false)]
#[case::an_app("com.example.app:/logged-out", false)]
#[case::a_user_name("https://ada@rp.example/", false)]
#[case::a_password("https://:hush@rp.example/", false)]
#[case::a_fragment("https://rp.example/#x", false)]
#[case::two_lines("https://rp.example/\r\nX: y", false)]
#[case::white_space("https://rp.example/a b", false)]
#[case::beyond_ascii("https://rp.example/\u{e9}", false)]
#[case::relative("/logged-out", false)]
#[case::too_long(&format!("https://rp.example/{}", "x".repeat(2048)), false)]
fn a_client_is_told_of_a_logout_at_a_web_address(#[case] uri: &str, #[case] accepted: bool) {
    assert_eq!(BackChannelUri::parse(uri).is_some(), accepted);
    let read = serde_json::from_value::<BackChannelUri>(uri.into());
    assert_eq!(read.is_ok(), accepted, "also where it is read back");
}

/// Attacks: AP06.
#[rstest]
#[case::all(&[], false, &["grafana-", "grafana-admin", "staff"])]
#[case::by_name(&["staff", "gone"], false, &["staff"])]
#[case::by_beginning(&["grafana-*"], false, &["grafana-", "grafana-admin"])]
#[case::without_it(&["grafana-*", "staff"], true, &["grafana-", "admin", "staff"])]
#[case::in_another_case(&["Staff"], false, &[])]
#[case::a_star_is_all(&["*"], true, &["grafana-", "grafana-admin", "staff"])]
fn a_client_is_told_of_the_groups_it_is_registered_for(
    #[case] patterns: &[&str],
    #[case] groups_claim_without_prefix: bool,
    #[case] told: &[&str],
) {
    let groups = ["grafana-", "grafana-admin", "staff"].map(str::to_owned);
    let client = OpenIdRegistration {
        groups_claim: patterns.iter().map(|&name| name.to_owned()).collect(),
        groups_claim_without_prefix,
        ..OpenIdRegistration::default()
    };
    assert_eq!(client.groups_told(&groups), told);
}

/// Who may use a client, and whom to ask about it.
#[rstest]
#[case::control(json!({"groups": ["a\u{7}"]}), "groups")]
#[case::nothing(json!({"groups": [""]}), "groups")]
#[case::spaces(json!({"groups": [" staff"]}), "groups")]
#[case::script(json!({"contacts": ["javascript:alert(1)"]}), "contacts")]
#[case::in_clear(json!({"contacts": ["http://help.example.com"]}), "contacts")]
#[case::no_address(json!({"contacts": ["help"]}), "contacts")]
fn groups_and_contacts_have_to_be_some(#[case] wrong: serde_json::Value, #[case] member: &str) {
    let id = client_id("shop").unwrap();
    let register = |members: serde_json::Value| {
        let document: Registration = serde_json::from_value(members).unwrap();
        document.register(&id, SecretOrigin::Generated, &|_| Ok(()))
    };
    let findings = register(wrong).unwrap_err();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].member, member);
    let right = json!({"groups": ["staff", "Night watch"], "contacts": ["help@example.com", "https://help.example.com"]});
    let client = register(right).unwrap();
    assert_eq!((client.groups.len(), client.about.contacts.len()), (2, 2));
}
