//! The `sub` by which a client knows a person (OpenID Connect Core §8) and the `sid` by which it knows their session: stable,
//! never a client's, and in two sectors never the same.

use proptest::prelude::*;
use rstest::rstest;
use safeconduct_protocol::{
    client::{Client, ClientInformation, OpenIdRegistration, SubjectType},
    ids::{ClientId, SessionId, UserId},
    redirect_uri::RedirectUri,
    subject::Subjects,
};

use crate::fixtures::{SUBJECTS, client_id, confidential, registered, session, user};

fn pairwise(id: &str, redirect_uris: &[&str], sector: Option<&str>) -> Client {
    let registered = redirect_uris
        .iter()
        .map(|uri| RedirectUri::register(uri).unwrap());
    Client {
        id: client_id(id),
        redirect_uris: registered.collect(),
        about: ClientInformation::default(),
        openid: OpenIdRegistration {
            subject_type: SubjectType::Pairwise,
            sector_identifier: sector.map(str::to_owned),
            ..OpenIdRegistration::default()
        },
        ..confidential()
    }
}

fn at(host: &str) -> Client {
    pairwise("shop", &[&format!("https://{host}/cb")], None)
}

#[test]
fn a_public_subject_is_the_users_own_identifier() {
    assert_eq!(
        SUBJECTS.subject(&confidential(), &user(1)),
        user(1).as_str()
    );
}

/// What a client once knew a person by, it knows them by for ever.
#[test]
fn the_golden_subject_holds() {
    assert_eq!(
        SUBJECTS.subject(&at("rp.example"), &user(1)),
        "u-x1Hqi0i8zLGmB_qs3YGzqWan49_v1xRwyd0ujuYegqE"
    );
}

/// A sign-out names a session that a client was told of long before.
#[test]
fn the_golden_session_holds() {
    let sid = SUBJECTS.session(&at("rp.example"), &session(1));
    assert_eq!(sid.as_str(), "WL2fHcU7ZxZz2UJ_CatMSw");
    assert_eq!(
        SUBJECTS.session(&confidential(), &session(1)),
        session(1),
        "public"
    );
}

#[rstest]
#[case::one_host(at("rp.example"), pairwise("other", &["https://rp.example/other"], None))]
#[case::one_host_on_two_ports(at("rp.example"), at("rp.example:8443"))]
#[case::one_registered_sector(
    pairwise("a", &["https://a.example/cb", "https://b.example/cb"], Some("sector.example")),
    pairwise("b", &["https://c.example/cb"], Some("sector.example"))
)]
#[case::a_host_and_the_same_registered(
    at("rp.example"),
    pairwise("b", &["https://c.example/cb"], Some("rp.example"))
)]
fn clients_of_one_sector_know_a_person_by_one_subject(#[case] one: Client, #[case] other: Client) {
    for client in [&one, &other] {
        assert_eq!(registered(client).as_ref(), Ok(client));
    }
    assert_eq!(
        SUBJECTS.subject(&one, &user(1)),
        SUBJECTS.subject(&other, &user(1))
    );
    assert_eq!(
        SUBJECTS.session(&one, &session(1)),
        SUBJECTS.session(&other, &session(1))
    );
}

/// Attacks: I15.
#[rstest]
#[case::two_hosts(at("rp.example"), at("rp2.example"))]
#[case::a_host_below_another(at("rp.example"), at("shop.rp.example"))]
#[case::a_host_and_another_registered(
    at("rp.example"),
    pairwise("shop", &["https://rp.example/cb"], Some("sector.example"))
)]
#[case::two_apps_without_a_host(
    pairwise("a", &["com.example.app:/cb"], None),
    pairwise("b", &["com.example.app:/cb"], None)
)]
#[case::an_app_without_a_host_and_a_host_of_its_name(
    pairwise("rp.example", &["com.example.app:/cb"], None),
    at("rp.example")
)]
#[case::one_pairwise_and_one_public(at("rp.example"), confidential())]
fn clients_of_two_sectors_never_know_a_person_by_one_subject(
    #[case] one: Client,
    #[case] other: Client,
) {
    assert_ne!(
        SUBJECTS.subject(&one, &user(1)),
        SUBJECTS.subject(&other, &user(1))
    );
    assert_ne!(
        SUBJECTS.session(&one, &session(1)),
        SUBJECTS.session(&other, &session(1)),
        "one session is one person"
    );
}

/// Attacks: I15.
#[test]
fn two_persons_two_sessions_and_two_keys_never_give_one_name() {
    let client = at("rp.example");
    let of_one = SUBJECTS.subject(&client, &user(1));
    assert_ne!(of_one, SUBJECTS.subject(&client, &user(2)));
    assert_ne!(of_one, Subjects::new([8; 32]).subject(&client, &user(1)));
    let of_one = SUBJECTS.session(&client, &session(1));
    assert_ne!(of_one, SUBJECTS.session(&client, &session(2)));
    assert_ne!(of_one, Subjects::new([8; 32]).session(&client, &session(1)));
    // Nor does a person's name tell their session's, were the two ever alike.
    let alike = SUBJECTS.session(&client, &SessionId::parse(&user(1).as_str()[2..]).unwrap());
    assert!(!SUBJECTS.subject(&client, &user(1)).contains(alike.as_str()));
}

proptest! {
    /// RFC 9700 §4.15: a client can't be registered under a name that reads as a person.
    /// Attacks: T17.
    #[test]
    fn no_subject_is_a_client_or_another_user(number in any::<u8>(), host in "[a-z]{1,12}\\.example") {
        let (pairwise, public) = (at(&host), confidential());
        let subjects = [&pairwise, &public].map(|client| SUBJECTS.subject(client, &user(number)));
        for subject in &subjects {
            prop_assert_eq!(ClientId::parse(subject), None);
            prop_assert!(subject.len() <= 255 && subject.is_ascii(), "Core §2");
        }
        prop_assert_eq!(UserId::parse(&subjects[0]), None, "a pairwise one names no account");
    }
}
